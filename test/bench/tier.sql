-- Ladders, and members with a past.

-- Members with so many events each in the last year, and a ladder: none,
-- rolling, falling or year; published, or a draft.
CREATE FUNCTION tier_start(members bigint, events bigint, side text, publish boolean DEFAULT true)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_rules(false, '');
	PERFORM start_over(members);
	SET LOCAL session_replication_role = replica;
	TRUNCATE community.ladder_version, community.ladder, community.tier, community.tier_requirement,
		community.measure, community.tenure, community.standing, community.standing_touch CASCADE;
	SET LOCAL session_replication_role = origin;
	INSERT INTO community.event (program_id, member_id, type, source, key, amount, occurred_at, engagement)
	SELECT community.current_program(), 1 + (hashint8(g) & 2147483647)::bigint % members, 'purchase', 'past',
		g::text, 100, CASE side
			-- they begin to leave the rolling period at once, and are gone in a minute
			WHEN 'falling' THEN clock_timestamp() - interval '365 days'
				+ interval '60 seconds' * (g / (members * events)::float8)
			ELSE now() - interval '364 days' * (1 - g / (members * events)::float8) END, 1
	FROM generate_series(1, members * events) AS g;
	IF side = 'none' THEN
		RETURN;
	END IF;
	PERFORM community.define_measure('spend', 'sum', '{purchase}');
	INSERT INTO community.ladder (program_id, name, demotion)
	VALUES (community.current_program(), 'club', 'drop');
	INSERT INTO community.tier (program_id, ladder_id, rank, name)
	SELECT l.program_id, l.ladder_id, r, r::text FROM community.ladder AS l, generate_series(1, 3) AS r;
	INSERT INTO community.tier_requirement (program_id, ladder_id, rank, measure_id, period, attain, keep)
	SELECT t.program_id, t.ladder_id, t.rank, m.measure_id,
		CASE tier_start.side WHEN 'year' THEN 'calendar year' ELSE 'rolling 365 days' END::community.period,
		t.rank * events * 50, t.rank * events * 40
	FROM community.tier AS t JOIN community.measure AS m ON m.program_id = t.program_id;
	IF publish THEN
		PERFORM community.publish_ladder('club', '-infinity');
	END IF;
END
$$;

-- A share of members has something due.
CREATE FUNCTION tier_make_due(share float8) RETURNS bigint LANGUAGE sql AS $$
	WITH made AS (UPDATE community.standing SET due = now() - interval '1 minute'
		WHERE member_id % round(1 / share)::bigint = 0 RETURNING 1)
	SELECT count(*) FROM made
$$;
CREATE FUNCTION tier_due() RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM community.standing WHERE due <= now()
$$;
CREATE FUNCTION tier_loop(members bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	one bigint;
BEGIN
	FOR one IN SELECT member_id FROM community.standing WHERE due <= now() LIMIT members LOOP
		PERFORM community.evaluate(one);
	END LOOP;
END
$$;
