-- If this failed, whole forests would be reported wrongly: downlines, depths, structural virality;
-- or a ring of sponsors would keep a session busy for ever, or a large forest take all memory.
SET DateStyle = 'ISO, MDY';
SET TimeZone = 'UTC';
SELECT community.create_program('referral_pass golden') > 0 AS created;
SET community.program = 'referral_pass golden';

-- The golden forest of reference/referral.md, section 4: A is 1, L is 12; joined on day ...
SELECT count(community.enroll(m, s, joined_at => timestamptz '2024-03-01' + make_interval(days => d)))
FROM (VALUES (1, 1, NULL, 0), (2, 2, NULL, 0), (3, 3, NULL, 1), (4, 4, 1, 1), (5, 5, 1, 2), (6, 6, 1, 4),
		(7, 7, 4, 3), (8, 8, 4, 5), (9, 9, 7, 6), (10, 10, 2, 2), (11, 11, 10, 9), (12, 12, NULL, 10))
	AS g (i, m, s, d);
SELECT * FROM community.downline_sizes() ORDER BY member_id;
SELECT root_id, members, wiener, round(virality::numeric, 6) AS virality,
	round(average_depth::numeric, 6) AS average_depth, maximum_depth,
	round(largest_broadcast::numeric, 6) AS largest_broadcast
FROM community.structural_virality() ORDER BY root_id;
-- as of day 3: F, H, I and K had not joined yet
SELECT * FROM community.downline_sizes('2024-03-04') ORDER BY member_id;
SELECT root_id, members, wiener, virality FROM community.structural_virality('2024-03-04') ORDER BY root_id;
SELECT count(*) FROM community.downline_sizes('2024-01-01');
SELECT count(*) FROM community.downline_sizes('-infinity');
SELECT count(*) FROM community.downline_sizes('infinity');

-- A move, and the forest before and after it.
SELECT community.reparent(7, 2, 'changed teams', moved_at => '2024-03-20') > 0 AS moved;
SELECT community.reparent(4, NULL, 'on its own', moved_at => '2024-03-21') > 0 AS moved;
SELECT member_id, sponsor_id, root_id, depth, downline FROM community.downline_sizes() ORDER BY member_id;
SELECT member_id, sponsor_id, root_id, depth, downline FROM community.downline_sizes('2024-03-20 12:00') ORDER BY member_id;
SELECT root_id, members, wiener FROM community.structural_virality('2024-03-19') ORDER BY root_id;

-- Rows that come past the guards.
CREATE FUNCTION pg_temp.load(members bigint[], sponsors bigint[]) RETURNS void
LANGUAGE plpgsql SET session_replication_role = replica AS $$
BEGIN
	INSERT INTO community.referral (program_id, member_id, sponsor_id, enroller_id, joined_at, depth)
	SELECT community.current_program(), m, s, coalesce(s, m), '2024-01-01', 0
	FROM unnest(members, sponsors) AS u (m, s);
END
$$;
CREATE FUNCTION pg_temp.fresh(name text) RETURNS bigint LANGUAGE sql AS $$
	SELECT community.create_program('referral_pass ' || name);
	SELECT set_config('community.program', 'referral_pass ' || name, false);
	SELECT community.current_program()
$$;

-- Stars and chains: 2(n-1)/n and (n+1)/3.
CREATE FUNCTION pg_temp.shapes() RETURNS TABLE (shape text, n bigint, agrees boolean) LANGUAGE plpgsql AS $$
BEGIN
	FOR n IN SELECT v FROM unnest('{2,3,7,100,30000}'::bigint[]) AS v LOOP
		PERFORM pg_temp.fresh('star ' || n);
		PERFORM pg_temp.load(array_agg(g), array_agg(1)) FROM generate_series(2, n) AS g;
		shape := 'star';
		SELECT members = n AND wiener = (n - 1)::numeric ^ 2 AND abs(virality - 2.0 * (n - 1) / n) < 1e-12
			AND average_depth = (n - 1) / n::float8 AND maximum_depth = 1 AND largest_broadcast = 1
		INTO STRICT agrees FROM community.structural_virality();
		RETURN NEXT;
		PERFORM pg_temp.fresh('chain ' || n);
		PERFORM pg_temp.load(array_agg(g), array_agg(g - 1)) FROM generate_series(2, n) AS g;
		shape := 'chain';
		SELECT members = n AND wiener = div((n + 1) * n * (n - 1), 6) AND abs(virality - (n + 1) / 3.0) < 1e-9
			AND average_depth = (n - 1) / 2.0 AND maximum_depth = n - 1
			AND abs(largest_broadcast - 1.0 / (n - 1)) < 1e-15
		INTO STRICT agrees FROM community.structural_virality();
		agrees := agrees AND NOT EXISTS (SELECT FROM community.downline_sizes()
			WHERE depth <> member_id - 1 OR downline <> n - member_id OR levels <> n - member_id
				OR invitees <> (member_id < n)::int OR root_id <> 1 OR NOT reached);
		RETURN NEXT;
	END LOOP;
END
$$;
SELECT * FROM pg_temp.shapes();

-- Random forests over all the ids there are, against SQL.
CREATE FUNCTION pg_temp.oracle() RETURNS TABLE (member bigint, root bigint, depth bigint, invitees bigint,
	downline bigint, levels bigint) LANGUAGE sql AS $$
	WITH RECURSIVE member (id, sponsor) AS (
		SELECT m, max(s) FROM (SELECT member_id, sponsor_id FROM community.referral
				WHERE program_id = community.current_program()
			UNION ALL SELECT sponsor_id, NULL FROM community.referral
				WHERE program_id = community.current_program() AND sponsor_id IS NOT NULL) AS r (m, s)
		GROUP BY m
	), path (member, above, steps) AS (
		SELECT id, id, 0 FROM member
		UNION ALL
		SELECT p.member, m.sponsor, p.steps + 1 FROM path AS p JOIN member AS m ON m.id = p.above
		WHERE m.sponsor IS NOT NULL
	)
	SELECT m.id, (SELECT p.above FROM path AS p WHERE p.member = m.id ORDER BY steps DESC LIMIT 1),
		(SELECT max(steps) FROM path AS p WHERE p.member = m.id),
		(SELECT count(*) FROM path AS p WHERE p.above = m.id AND steps = 1),
		(SELECT count(*) FROM path AS p WHERE p.above = m.id AND steps > 0),
		(SELECT max(steps) FROM path AS p WHERE p.above = m.id)
	FROM member AS m
$$;
CREATE FUNCTION pg_temp.distances() RETURNS TABLE (root bigint, wiener numeric) LANGUAGE sql AS $$
	WITH RECURSIVE member (id, sponsor) AS (
		SELECT m, max(s) FROM (SELECT member_id, sponsor_id FROM community.referral
				WHERE program_id = community.current_program()
			UNION ALL SELECT sponsor_id, NULL FROM community.referral
				WHERE program_id = community.current_program() AND sponsor_id IS NOT NULL) AS r (m, s)
		GROUP BY m
	), path (member, above, steps) AS (
		SELECT id, id, 0 FROM member
		UNION ALL
		SELECT p.member, m.sponsor, p.steps + 1 FROM path AS p JOIN member AS m ON m.id = p.above
		WHERE m.sponsor IS NOT NULL
	), distance AS (
		SELECT a.member AS one, b.member AS other, min(a.steps + b.steps) AS steps
		FROM path AS a JOIN path AS b ON b.above = a.above WHERE a.member < b.member GROUP BY 1, 2
	)
	SELECT r.id, coalesce((SELECT sum(d.steps) FROM distance AS d
		JOIN path AS p ON p.member = d.one AND p.above = r.id), 0)
	FROM member AS r WHERE r.sponsor IS NULL
$$;
CREATE FUNCTION pg_temp.random_forest(seed integer, n integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	ids bigint[];
	sponsors bigint[] := '{}';
	chance float8 := (seed % 4) / 4.0;
BEGIN
	PERFORM pg_temp.fresh('random ' || seed);
	-- near each other, far apart, at both ends of bigint, and all the same in the lower bits
	SELECT array_agg(DISTINCT CASE seed % 3
		WHEN 0 THEN i
		WHEN 1 THEN hashint8extended(i, seed)
		ELSE CASE WHEN i % 2 = 0 THEN 9223372036854775807 - i::bigint * 4294967296
			ELSE -9223372036854775808 + i::bigint * 4294967296 END END)
	INTO ids FROM generate_series(1, n) AS i;
	FOR i IN 1..array_length(ids, 1) LOOP
		sponsors[i] := CASE WHEN i > 1 AND random() > 0.05 THEN ids[CASE WHEN random() < chance THEN i - 1
			ELSE 1 + floor(random() * (i - 1))::int END] END;
	END LOOP;
	PERFORM pg_temp.load(array_agg(m), array_agg(s)) FROM unnest(ids, sponsors) AS u (m, s)
	WHERE s IS NOT NULL OR random() < 0.5;
END
$$;
SELECT setseed(0.31);
CREATE FUNCTION pg_temp.differences() RETURNS TABLE (seed integer, members bigint, wrong bigint, wrong_trees bigint)
LANGUAGE plpgsql AS $$
BEGIN
	FOR seed IN 1..30 LOOP
		PERFORM pg_temp.random_forest(seed, 5 + seed * 2);
		SELECT count(*), count(*) FILTER (WHERE (o.member, o.root, o.depth, o.invitees, o.downline, o.levels, true)
			IS DISTINCT FROM (s.member_id, s.root_id, s.depth, s.invitees, s.downline, s.levels, s.reached))
		INTO members, wrong
		FROM pg_temp.oracle() AS o FULL JOIN community.downline_sizes() AS s ON s.member_id = o.member;
		SELECT count(*) FILTER (WHERE d.wiener IS DISTINCT FROM t.wiener) INTO wrong_trees
		FROM pg_temp.distances() AS d FULL JOIN community.structural_virality() AS t ON t.root_id = d.root;
		RETURN NEXT;
	END LOOP;
END
$$;
SELECT count(*) AS forests, sum(members) AS members, sum(wrong) AS wrong, sum(wrong_trees) AS wrong_trees
FROM pg_temp.differences();

-- Rings: a member that sponsors itself, three in a ring, and a chain below them.
SELECT pg_temp.fresh('rings') > 0 AS created;
SELECT pg_temp.load('{1, 2, 3, 4, 5, 7}', '{1, 3, 4, 2, 4, 6}');
SELECT * FROM community.downline_sizes() ORDER BY member_id;
SELECT * FROM community.structural_virality() ORDER BY root_id;
SELECT count(community.enroll(m)) FROM generate_series(1, 7) AS m;
SELECT m, community.downline_count(m) FROM generate_series(1, 7) AS m;

-- An empty forest, and one of a single row without sponsor.
SELECT pg_temp.fresh('nobody') > 0 AS created;
SELECT * FROM community.downline_sizes();
SELECT * FROM community.structural_virality();
SELECT pg_temp.load('{7}', '{NULL}');
SELECT * FROM community.downline_sizes();
SELECT * FROM community.structural_virality();

-- Not more memory than allowed, and no more than that is needed.
SET community.program = 'referral_pass chain 30000';
SET maintenance_work_mem = '1MB';
SELECT count(*) FROM community.downline_sizes();
SELECT * FROM community.structural_virality();
SET maintenance_work_mem = '2MB';
SELECT count(*) FROM community.downline_sizes();
RESET maintenance_work_mem;

SELECT * FROM community.downline_sizes(program => -1);
SELECT * FROM community.structural_virality(program => -1);
SELECT * FROM community.downline_sizes(program => NULL);
