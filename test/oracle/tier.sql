-- The oracle of tiers: who held which tier by qualification, worked out from
-- events, entries, rulings and versions, slowly and in plain steps, by
-- "How a tier is decided" of doc/tier.md.  It knows nothing of how the
-- extension does it, but that it uses community.period_at() and its like.
--
--   o_load(program)                  reads what happened
--   o_tenures(program, ladder, member, until)   the tenures, to that time
--   o_work_out(program, until)       everybody's, into o_tenure; or of one ladder
--   o_publish(program, ladder, at)   the draft as a version, for the tests
--   o_rule(...)                      a ruling, for the tests
--   o_differ(program, until)         where the extension says otherwise
--
-- A test includes it once there is a program,
-- and ends with DROP SCHEMA tier_oracle CASCADE.

CREATE SCHEMA tier_oracle;
SET search_path = tier_oracle, public;

-- ------------------------------------------------------------- what is given

CREATE VIEW o_version AS
SELECT program_id, ladder_id, version_id, valid, definition ->> 'promotion' AS promotion,
	(definition ->> 'promotion_period')::community.period AS promotion_period,
	definition ->> 'demotion' AS demotion, (definition ->> 'term')::interval AS term,
	(definition ->> 'term_rounding')::community.period AS term_rounding,
	coalesce((definition ->> 'grace')::interval, '0') AS grace,
	coalesce((definition ->> 'dwell')::interval, '0') AS dwell,
	coalesce(definition ->> 'landing', 'qualified') AS landing,
	coalesce((definition ->> 'grandfather')::boolean, false) AS grandfather
FROM community.ladder_version;

CREATE VIEW o_rung_of AS
SELECT v.program_id, v.version_id, (t ->> 'rank')::integer AS rank, t ->> 'name' AS name,
	t ->> 'entry' AS entry, (t ->> 'needs')::integer AS needs
FROM community.ladder_version AS v, jsonb_array_elements(v.definition -> 'tiers') AS t;

CREATE VIEW o_need_of AS
SELECT v.program_id, v.version_id, (t ->> 'rank')::integer AS rank, (r ->> 'measure_id')::bigint AS measure_id,
	r ->> 'period' AS period, (r ->> 'attain')::numeric AS attain, (r ->> 'keep')::numeric AS keep,
	coalesce((r ->> 'at_most')::boolean, false) AS at_most
FROM community.ladder_version AS v, jsonb_array_elements(v.definition -> 'tiers') AS t,
	jsonb_array_elements(t -> 'requirements') AS r;

-- The same, read once.
CREATE TABLE o_rung AS SELECT * FROM o_rung_of WHERE false;
CREATE TABLE o_need AS SELECT * FROM o_need_of WHERE false;

-- Events as they count, for who did them and for who they were done to, and
-- points accrued, less what was taken back.
CREATE TABLE o_fact (program_id bigint, member_id bigint, at timestamptz, type text, amount bigint,
	engagement float8, target_id bigint, payload jsonb, currency_id bigint, side text);
CREATE INDEX ON o_fact (program_id, member_id, at);
CREATE FUNCTION o_load(program bigint) RETURNS void LANGUAGE sql AS $$
	DELETE FROM o_rung WHERE program_id = program;
	INSERT INTO o_rung SELECT * FROM o_rung_of WHERE program_id = program;
	DELETE FROM o_need WHERE program_id = program;
	INSERT INTO o_need SELECT * FROM o_need_of WHERE program_id = program;
	DELETE FROM o_fact WHERE program_id = program;
	INSERT INTO o_fact
	SELECT program_id, member_id, occurred_at, type, amount, engagement, target_id, payload, NULL::bigint, 'actor'
	FROM community.counted_event WHERE program_id = program
	UNION ALL
	SELECT program_id, target_id, occurred_at, type, amount, engagement, member_id, payload, NULL::bigint, 'target'
	FROM community.counted_event WHERE program_id = program AND target_id IS NOT NULL
	UNION ALL
	SELECT e.program_id, e.member_id, e.effective_at, NULL,
		e.points + coalesce((SELECT sum(b.points) FROM community.entry AS b
			WHERE b.program_id = e.program_id AND b.member_id = e.member_id AND b.currency_id = e.currency_id
				AND b.kind = 'reverse' AND b.reverses = e.entry_id), 0),
		0, NULL, '{}', e.currency_id, 'actor'
	FROM community.entry AS e WHERE e.program_id = program AND e.kind = 'accrue'
	UNION ALL
	-- referrals that qualified, as a currency of their own
	SELECT g.program_id, coalesce(b.bearer_id, g.payee_id), min(g.qualified_at), NULL, 1, 0, NULL, '{}', -1, 'actor'
	FROM community.signup_reward_given AS g LEFT JOIN community.member_merge AS b
		ON b.program_id = g.program_id AND b.member_id = g.payee_id
	WHERE g.program_id = program AND g.side = 'sponsor' AND g.withdrawn_at IS NULL
	GROUP BY g.program_id, g.payee_id, b.bearer_id, g.referee_id
$$;

-- ------------------------------------------------------------------- values

-- Whole days since joining: how many times a day has passed on the clock.
CREATE FUNCTION o_days(joined timestamptz, at timestamptz, zone text) RETURNS bigint LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
	RETURN (
		SELECT coalesce(max(n), 0) FROM generate_series(0, greatest(extract(epoch FROM at - joined)::bigint / 86400 + 2, 0)) AS n
		WHERE community.period_add(joined, make_interval(days => n::integer), zone) <= at);
END
$$;

-- The midnight of a zone at or before a time.
CREATE FUNCTION o_midnight(at timestamptz, zone text) RETURNS timestamptz LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
	RETURN (
		SELECT lower(community.period_at('calendar day', at, time_zone => zone)));
END
$$;

-- What a function of somebody's own says of the period up to a midnight, the one
-- that holds the microsecond before; it is not asked before the first one since
-- the member joined.
CREATE FUNCTION o_call(function text, program bigint, member bigint, period community.period,
	midnight timestamptz, joined timestamptz, zone text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
	during tstzrange := community.period_at(period, midnight - interval '1 microsecond', joined, zone)
		* tstzrange(NULL, midnight);
	value numeric;
BEGIN
	IF midnight > joined THEN
		EXECUTE format('SELECT %s($1, $2, $3)', function) INTO value USING program, member, during;
	END IF;
	RETURN coalesce(value, 0);
END $$;

-- The value of every gauge of a version at every one of the times.  What held
-- just before a time is what holds a microsecond earlier.
CREATE FUNCTION o_values(program bigint, member bigint, version bigint, times timestamptz[], of_kind text DEFAULT NULL)
RETURNS TABLE (at timestamptz, measure_id bigint, period text, value numeric) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
		SELECT t, s.measure_id, g.period, CASE s.kind
			WHEN 'membership_days' THEN o_days(m.joined_at, t, p.time_zone)
			WHEN 'function' THEN o_call(s.function, program, member, g.period::community.period, o_midnight(t, p.time_zone), m.joined_at, p.time_zone)
			ELSE (SELECT CASE s.kind
					WHEN 'sum' THEN coalesce(sum(f.amount), 0)
					WHEN 'points' THEN coalesce(sum(f.amount), 0)
					WHEN 'count' THEN count(*)
					WHEN 'qualified_referrals' THEN count(*)
					WHEN 'maximum' THEN coalesce(max(f.amount), 0)
					WHEN 'distinct_days' THEN count(DISTINCT (f.at AT TIME ZONE p.time_zone)::date)
					WHEN 'distinct_counterparts' THEN count(DISTINCT f.target_id)
					WHEN 'engagement' THEN coalesce(sum(f.engagement * power(2::float8,
						-extract(epoch FROM t - f.at)::float8 / extract(epoch FROM p.half_life)::float8)), 0)::numeric
				END
				FROM o_fact AS f
				WHERE f.program_id = program AND f.member_id = member AND f.side = s.side AND f.at <= t AND f.at <@ w.during
					AND f.currency_id IS NOT DISTINCT FROM CASE s.kind WHEN 'qualified_referrals' THEN -1 ELSE s.currency_id END
					AND (s.types IS NULL OR f.type = ANY (s.types))
					AND (s.payload_filter IS NULL OR f.payload @> s.payload_filter)) END
		FROM (SELECT DISTINCT n.measure_id, n.period FROM o_need AS n WHERE n.program_id = program AND n.version_id = version) AS g
		JOIN community.measure AS s ON s.program_id = program AND s.measure_id = g.measure_id AND s.kind = coalesce(of_kind, s.kind)
		JOIN community.program AS p ON p.program_id = program
		JOIN community.member AS m ON m.program_id = program AND m.member_id = member
		CROSS JOIN unnest(times) AS t
		CROSS JOIN LATERAL (SELECT community.period_at(g.period::community.period, t, m.joined_at, p.time_zone) AS during) AS w;
END
$$;

-- Which tiers of a version are attained and which are kept at a time.
CREATE TABLE o_met (program_id bigint, member_id bigint, version_id bigint, at timestamptz,
	attained integer[], kept integer[], PRIMARY KEY (program_id, member_id, version_id, at));
CREATE FUNCTION o_look(program bigint, member bigint, version bigint, times timestamptz[]) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
		INSERT INTO o_met
		WITH value AS MATERIALIZED (SELECT * FROM o_values(program, member, version, times)),
			judged AS (
				SELECT t, r.rank, count(*) FILTER (WHERE CASE WHEN n.at_most THEN v.value <= n.attain ELSE v.value >= n.attain END) >= coalesce(r.needs, count(n.rank)) AS attained,
					count(*) FILTER (WHERE CASE WHEN n.at_most THEN v.value <= n.keep ELSE v.value >= n.keep END) >= coalesce(r.needs, count(n.rank)) AS kept
				FROM unnest(times) AS t CROSS JOIN o_rung AS r
				LEFT JOIN o_need AS n ON n.program_id = r.program_id AND n.version_id = r.version_id AND n.rank = r.rank
				LEFT JOIN value AS v ON v.at = t AND v.measure_id = n.measure_id AND v.period = n.period
				WHERE r.program_id = program AND r.version_id = version GROUP BY t, r.rank, r.needs)
		SELECT program, member, version, t, coalesce(array_agg(rank) FILTER (WHERE attained), '{}'),
			coalesce(array_agg(rank) FILTER (WHERE kept), '{}')
		FROM judged GROUP BY t
		ON CONFLICT DO NOTHING;
END
$$;
CREATE FUNCTION o_met(program bigint, member bigint, version bigint, t timestamptz) RETURNS o_met
LANGUAGE plpgsql AS $$
DECLARE
	met o_met;
BEGIN
	FOR again IN 1 .. 2 LOOP
		SELECT * INTO met FROM o_met AS o WHERE o.program_id = program AND o.member_id = member
			AND o.version_id = version AND o.at = t;
		EXIT WHEN FOUND;
		PERFORM o_look(program, member, version, ARRAY[t]);
	END LOOP;
	RETURN met;
END $$;

-- -------------------------------------------------------------------- times

-- Times at which something may happen to a member whatever tier is held.
-- There may be more than needed: judging once more changes nothing.
CREATE FUNCTION o_times(program bigint, ladder bigint, member bigint, until timestamptz) RETURNS timestamptz[]
LANGUAGE sql AS $$
	WITH RECURSIVE whose AS (SELECT m.joined_at, p.time_zone AS zone FROM community.member AS m JOIN community.program AS p USING (program_id)
			WHERE m.program_id = program AND m.member_id = member),
		version AS (SELECT * FROM o_version WHERE program_id = program AND ladder_id = ladder),
		gauge AS (SELECT DISTINCT s.kind, n.period, n.attain, n.keep FROM o_need AS n JOIN version AS v USING (program_id, version_id)
			JOIN community.measure AS s USING (program_id, measure_id)),
		fact AS (SELECT DISTINCT at FROM o_fact WHERE program_id = program AND member_id = member),
		-- an event falls out a length later, or nearby where clocks and months are uneven
		-- by their text, as a month equals 30 days among intervals
		length AS (SELECT x::interval AS length FROM (SELECT DISTINCT substr(period, 9) AS x FROM gauge WHERE period LIKE 'rolling%') AS d),
		fall AS (SELECT community.period_add(f.at, l.length, w.zone) AS at, l.length FROM fact AS f, length AS l, whose AS w),
		near AS (
			SELECT at FROM fall
			UNION SELECT at + h * interval '1 hour' FROM fall, whose, (VALUES (-1), (1)) AS o (h)
				WHERE (at + interval '3 hours') AT TIME ZONE zone - (at - interval '3 hours') AT TIME ZONE zone <> '6 hours'
			UNION SELECT community.period_add(at, make_interval(days => d), zone) FROM fall, whose, generate_series(1, 3) AS d
				WHERE extract(year FROM length) + extract(month FROM length) > 0
			UNION SELECT community.period_add(o_midnight(at, zone), make_interval(days => d), zone) FROM fall, whose, generate_series(0, 4) AS d
				WHERE extract(year FROM length) + extract(month FROM length) > 0),
		cut AS (SELECT period::community.period AS period FROM gauge WHERE period ~ '^(calendar|anniversary)' UNION SELECT promotion_period FROM version WHERE promotion = 'period_end'
			UNION SELECT 'calendar day'::community.period FROM gauge WHERE kind = 'function'),
		beginning AS (
			SELECT c.period, community.period_end(c.period, w.joined_at, w.joined_at, w.zone) AS at FROM cut AS c, whose AS w
			UNION ALL SELECT b.period, community.period_end(b.period, b.at, w.joined_at, w.zone) FROM beginning AS b, whose AS w WHERE b.at <= until)
	SELECT array_agg(DISTINCT at ORDER BY at) FROM (
		SELECT joined_at AS at FROM whose
		UNION ALL SELECT at FROM fact UNION ALL SELECT at FROM near UNION ALL SELECT at FROM beginning
		UNION ALL SELECT community.period_add(joined_at, make_interval(days => d::integer), zone) FROM whose, gauge, unnest(ARRAY[ceil(attain), ceil(keep), floor(attain) + 1, floor(keep) + 1]) AS d
			WHERE kind = 'membership_days'
		UNION ALL SELECT lower(valid) FROM version
		UNION ALL SELECT unnest(ARRAY[lower(during), upper(during)]) FROM community.tier_ruling
			WHERE program_id = program AND ladder_id = ladder AND member_id = member AND superseded_at IS NULL) AS t, whose
	WHERE at >= joined_at AND at <= until
$$;

-- The first time in (t, before) at which engagement, which falls between
-- events, is below what keeps or attains something; found by halving.
CREATE FUNCTION o_crossing(program bigint, member bigint, version bigint, t timestamptz, before timestamptz)
RETURNS timestamptz LANGUAGE plpgsql AS $$
DECLARE
	crossing timestamptz;
	n record;
	high timestamptz;
	low timestamptz;
	middle timestamptz;
BEGIN
	FOR n IN SELECT DISTINCT o.measure_id, u.threshold
		FROM (SELECT v.measure_id, max(v.value) FILTER (WHERE v.at = t) AS first, max(v.value) FILTER (WHERE v.at > t) AS last
			FROM o_values(program, member, version, ARRAY[t, before - interval '1 microsecond'], 'engagement') AS v GROUP BY 1) AS a
		JOIN o_need AS o ON o.program_id = program AND o.version_id = version AND o.measure_id = a.measure_id,
		unnest(ARRAY[o.attain, o.keep]) AS u (threshold)
		WHERE a.first >= u.threshold AND a.last < u.threshold
	LOOP
		low := t;
		high := before - interval '1 microsecond';
		WHILE high - low > interval '1 microsecond' LOOP
			-- intervals halve to the microsecond
			middle := low + (high - low) / 2;
			EXIT WHEN middle <= low OR middle >= high;
			IF (SELECT v.value FROM o_values(program, member, version, ARRAY[middle], 'engagement') AS v WHERE v.measure_id = n.measure_id) >= n.threshold THEN
				low := middle;
			ELSE
				high := middle;
			END IF;
		END LOOP;
		crossing := least(crossing, high);
	END LOOP;
	-- engagement is judged at whole seconds
	RETURN date_trunc('second', crossing + interval '999999 microseconds');
END $$;

-- --------------------------------------------------------------------- walk

CREATE TABLE o_tenure (program_id bigint, ladder_id bigint, member_id bigint, tier text, rank integer,
	source text, during tstzrange, ends_at timestamptz, version_id bigint, reason text);
CREATE INDEX ON o_tenure (program_id, ladder_id, member_id);

-- End of a term of a version that begins at t.  Where it was judged by the
-- past, a term that ends with a period of the rounding goes no further; a
-- term that is a period is always the one that holds t.
CREATE FUNCTION o_term_end(v o_version, t timestamptz, past boolean, joined timestamptz, zone text) RETURNS timestamptz
LANGUAGE plpgsql AS $$
BEGIN
	IF v.demotion <> 'term_end' THEN
		RETURN NULL;
	ELSIF v.term IS NULL THEN
		RETURN community.period_end(v.term_rounding, t, joined, zone);
	ELSIF v.term_rounding IS NULL THEN
		RETURN community.period_add(t, v.term, zone);
	END IF;
	RETURN community.period_end(v.term_rounding, community.period_add(t, v.term, zone)
		- CASE WHEN past THEN interval '1 microsecond' ELSE '0' END, joined, zone);
END $$;

-- Tiers of a version that are open to qualification.
CREATE FUNCTION o_open(v o_version, member bigint, t timestamptz) RETURNS integer[] LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
	RETURN (
		WITH ruling AS (SELECT x.kind, r.rank FROM community.tier_ruling AS x JOIN o_rung AS r ON r.program_id = x.program_id
				AND r.version_id = v.version_id AND r.name = x.tier
			WHERE x.program_id = v.program_id AND x.ladder_id = v.ladder_id AND x.member_id = member
				AND x.superseded_at IS NULL AND x.during @> t)
		SELECT coalesce(array_agg(r.rank), '{}') FROM o_rung AS r
		WHERE r.program_id = v.program_id AND r.version_id = v.version_id
			AND (r.entry = 'qualify' OR (r.entry = 'invitation'
				AND EXISTS (SELECT FROM ruling WHERE kind = 'invitation' AND rank = r.rank)))
			AND NOT EXISTS (SELECT FROM ruling WHERE kind = 'veto' AND rank <= r.rank));
END
$$;

CREATE FUNCTION o_greatest(a integer[], b integer[], below integer) RETURNS integer LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
	RETURN (
		SELECT coalesce(max(x), 0) FROM unnest(a) AS x WHERE x = ANY (b) AND x < below);
END
$$;

-- The rank in another version of who holds a tier.
CREATE FUNCTION o_same(v o_version, tier text, held integer) RETURNS integer LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
	RETURN (
		SELECT coalesce(max(rank) FILTER (WHERE name = tier), max(rank) FILTER (WHERE rank <= held), 0)
		FROM o_rung WHERE program_id = v.program_id AND version_id = v.version_id);
END
$$;

CREATE FUNCTION o_carried(h o_version, v o_version, held integer) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
	IF h.version_id = v.version_id THEN
		RETURN held;
	END IF;
	RETURN o_same(v, (SELECT r.name FROM o_rung AS r WHERE r.program_id = h.program_id AND r.version_id = h.version_id AND r.rank = held), held);
END $$;

CREATE FUNCTION o_tenures(program bigint, ladder bigint, member bigint, until timestamptz) RETURNS SETOF o_tenure
LANGUAGE plpgsql AS $$
DECLARE
	times timestamptz[] := o_times(program, ladder, member, until);
	next_time integer := 1;
	joined timestamptz;
	zone text;
	decays boolean;
	t timestamptz;
	v o_version;				-- in force
	h o_version;				-- under which the tier is held, or v
	new o_version;
	none o_tenure;
	now o_tenure;				-- the tenure, its rank 0 for none
	done o_tenure[] := '{}';
	met o_met;
	opened integer[];
	rank integer;
	boundary timestamptz;
	f o_version;
	before o_tenure;
BEGIN
	SELECT m.joined_at, p.time_zone INTO joined, zone FROM community.member AS m JOIN community.program AS p USING (program_id)
	WHERE m.program_id = program AND m.member_id = member;
	none := ROW (program, ladder, member, NULL, 0, NULL, NULL, NULL, NULL, NULL);
	now := none;
	decays := EXISTS (SELECT FROM o_version AS x JOIN o_need USING (program_id, version_id) JOIN community.measure USING (program_id, measure_id)
		WHERE x.program_id = program AND x.ladder_id = ladder AND kind = 'engagement');
	PERFORM o_look(program, member, x.version_id, (SELECT array_agg(u) FROM unnest(times) AS u WHERE u <@ x.valid OR u > lower(x.valid) AND held_on))
	FROM (SELECT y.*, coalesce(lead(grandfather) OVER (ORDER BY valid), false) AS held_on FROM o_version AS y
		WHERE y.program_id = program AND y.ladder_id = ladder) AS x;

	LOOP
		-- the next time: given, or an end, or when a tier may drop, or a crossing
		WHILE times[next_time] <= t LOOP
			next_time := next_time + 1;
		END LOOP;
		boundary := times[next_time];
		IF now.rank > 0 AND now.ends_at > t THEN
			boundary := least(boundary, now.ends_at);
		END IF;
		IF now.rank > 0 AND h.demotion = 'drop' AND community.period_add(lower(now.during), h.dwell, zone) > t THEN
			boundary := least(boundary, community.period_add(lower(now.during), h.dwell, zone));
		END IF;
		IF decays AND now.rank > 0 THEN
			boundary := least(boundary, o_crossing(program, member, h.version_id, t, coalesce(boundary, until + interval '1 microsecond')));
		END IF;
		EXIT WHEN boundary IS NULL OR boundary > until;
		t := boundary;
		CONTINUE WHEN EXISTS (SELECT FROM community.tier_ruling AS r WHERE r.program_id = program AND r.ladder_id = ladder
			AND r.member_id = member AND r.kind = 'lock' AND r.superseded_at IS NULL AND r.during @> t);

		-- what follows a tenure is of the version that is in force now
		SELECT x.* INTO f FROM o_version AS x WHERE x.program_id = program AND x.ladder_id = ladder AND x.valid @> t;

		-- 1. ends, judged by what was just before
		IF now.rank > 0 AND now.ends_at <= t THEN
			met := o_met(program, member, h.version_id, t - interval '1 microsecond');
			IF now.source = 'qualified' AND now.rank = ANY (met.kept) THEN
				rank := o_carried(h, f, now.rank);
				done := done || o_until(now, t);
				now := o_begin(none, f, rank, t, o_term_end(f, t, true, joined, zone), 'renewed');
				h := f;
			ELSIF now.source = 'qualified' AND h.grace > '0' THEN
				done := done || o_until(now, t);
				now := o_grace(now, h, f, t, zone);
				h := f;
			ELSE
				-- who loses a tier is under the version in force
				rank := o_carried(h, f, now.rank);
				h := f;
				met := o_met(program, member, f.version_id, t - interval '1 microsecond');
				opened := o_open(f, member, t);
				rank := o_greatest(opened, CASE WHEN f.landing = 'one_down' THEN opened ELSE met.kept END, rank);
				done := done || o_until(now, t);
				now := o_begin(none, f, rank, t, o_term_end(f, t, true, joined, zone), 'demoted');
			END IF;
		END IF;

		-- 2. promotion at period ends, judged by what was just before
		IF v.promotion IS NOT NULL AND now.rank = 0 THEN
			h := v;
		END IF;
		IF h.promotion = 'period_end' AND t > joined
			AND community.period_end(h.promotion_period, t - interval '1 microsecond', joined, zone) = t
		THEN
			met := o_met(program, member, h.version_id, t - interval '1 microsecond');
			rank := CASE WHEN now.rank < ANY (met.attained) THEN o_greatest(met.attained, o_open(h, member, t), 1000) END;
			IF rank > now.rank THEN
				done := done || o_until(now, t);
				rank := o_carried(h, f, rank);
				h := f;
				now := o_begin(none, f, rank, t, o_term_end(f, t, true, joined, zone), 'promoted');
			END IF;
		END IF;

		-- 3. versions that have come into force
		FOR new IN SELECT x.* FROM o_version AS x WHERE x.program_id = program AND x.ladder_id = ladder
			AND (lower_inf(x.valid) OR lower(x.valid) <= t) AND (v.version_id IS NULL OR x.valid >> v.valid)
			ORDER BY x.valid
		LOOP
			v := new;
			CONTINUE WHEN now.rank > 0 AND (new.grandfather OR h.version_id = f.version_id);
			h := new;
			CONTINUE WHEN now.rank = 0;
			rank := o_same(new, now.tier, now.rank);
			boundary := CASE WHEN now.source = 'grace' THEN now.ends_at
				WHEN new.demotion = 'term_end' THEN coalesce(now.ends_at, o_term_end(new, t, false, joined, zone)) END;
			CONTINUE WHEN rank = now.rank AND boundary IS NOT DISTINCT FROM now.ends_at
				AND now.tier = (SELECT r.name FROM o_rung AS r WHERE r.program_id = program AND r.version_id = new.version_id AND r.rank = now.rank);
			done := done || o_until(now, t);
			now := o_begin(now, new, rank, t, boundary, 'carried');
		END LOOP;
		CONTINUE WHEN v.version_id IS NULL;

		-- 4. what happens now changes the values
		-- and once more as long as that changes anything
		LOOP
			before := now;
			-- 5. veto
			IF now.rank > 0 AND EXISTS (SELECT FROM community.tier_ruling AS x JOIN o_rung AS r ON r.program_id = x.program_id
					AND r.version_id = h.version_id AND r.name = x.tier
				WHERE x.program_id = program AND x.ladder_id = ladder AND x.member_id = member AND x.kind = 'veto'
					AND x.superseded_at IS NULL AND x.during @> t AND r.rank <= now.rank)
			THEN
				rank := o_carried(h, v, now.rank);
				h := v;
				opened := o_open(v, member, t);
				met := o_met(program, member, v.version_id, t);
				rank := o_greatest(opened, CASE WHEN v.landing = 'one_down' THEN opened ELSE met.kept END, rank);
				done := done || o_until(now, t);
				now := o_begin(none, v, rank, t, o_term_end(v, t, false, joined, zone), 'vetoed');
			END IF;

			-- 6. promotion at once
			IF now.rank = 0 THEN
				h := v;
			END IF;
			IF h.promotion = 'at_once' THEN
				met := o_met(program, member, h.version_id, t);
				rank := CASE WHEN now.rank < ANY (met.attained) THEN o_greatest(met.attained, o_open(h, member, t), 1000) END;
				IF rank > now.rank THEN
					done := done || o_until(now, t);
					rank := o_carried(h, v, rank);
					h := v;
					now := o_begin(none, v, rank, t, o_term_end(v, t, false, joined, zone), 'promoted');
				END IF;
			END IF;

			-- 7. recovery
			IF now.source = 'grace' THEN
				met := o_met(program, member, h.version_id, t);
				IF now.rank = ANY (met.kept) THEN
					done := done || o_until(now, t);
					rank := o_carried(h, v, now.rank);
					h := v;
					now := o_begin(none, v, rank, t, o_term_end(v, t, false, joined, zone), 'recovered');
				END IF;
			END IF;

			-- 8. drop, until there is nothing more to drop
			WHILE now.rank > 0 AND now.source = 'qualified' AND h.demotion = 'drop'
				AND community.period_add(lower(now.during), h.dwell, zone) <= t
			LOOP
				met := o_met(program, member, h.version_id, t);
				EXIT WHEN now.rank = ANY (met.kept);
				done := done || o_until(now, t);
				IF h.grace > '0' THEN
					now := o_grace(now, h, v, t, zone);
					h := v;
				ELSE
					rank := o_carried(h, v, now.rank);
					h := v;
					met := o_met(program, member, v.version_id, t);
					opened := o_open(v, member, t);
					rank := o_greatest(opened, CASE WHEN v.landing = 'one_down' THEN opened ELSE met.kept END, rank);
					now := o_begin(none, v, rank, t, o_term_end(v, t, false, joined, zone), 'demoted');
				END IF;
			END LOOP;
			EXIT WHEN now IS NOT DISTINCT FROM before;
		END LOOP;
	END LOOP;

	RETURN QUERY SELECT * FROM unnest(done || CASE WHEN now.rank > 0 THEN now END) AS d WHERE d.tier IS NOT NULL;
END $$;

-- A tenure that begins, and one that ends; what has no length never was.
CREATE FUNCTION o_begin(was o_tenure, v o_version, rank integer, t timestamptz, ends timestamptz, reason text) RETURNS o_tenure
LANGUAGE plpgsql AS $$
BEGIN
	was.tier := (SELECT r.name FROM o_rung AS r WHERE r.program_id = v.program_id AND r.version_id = v.version_id AND r.rank = o_begin.rank);
	was.rank := rank;
	was.source := CASE WHEN rank > 0 THEN coalesce(was.source, 'qualified') END;
	was.during := tstzrange(t, NULL);
	was.ends_at := CASE WHEN rank > 0 THEN ends END;
	was.version_id := v.version_id;
	was.reason := reason;
	RETURN was;
END $$;
-- Grace as the version says under which the tier was held.
CREATE FUNCTION o_grace(was o_tenure, h o_version, v o_version, t timestamptz, zone text) RETURNS o_tenure
LANGUAGE plpgsql AS $$
BEGIN
	was.source := 'grace';
	RETURN o_begin(was, v, o_carried(h, v, was.rank), t, community.period_add(t, h.grace, zone), 'grace');
END $$;
CREATE FUNCTION o_until(was o_tenure, t timestamptz) RETURNS o_tenure[] LANGUAGE plpgsql AS $$
BEGIN
	IF was.rank = 0 OR lower(was.during) = t THEN
		RETURN '{}';
	END IF;
	was.during := tstzrange(lower(was.during), t);
	RETURN ARRAY[was];
END $$;

CREATE FUNCTION o_work_out(program bigint, until timestamptz, ladder text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
BEGIN
	PERFORM o_load(program);
	ANALYZE o_fact, o_rung, o_need;
	DELETE FROM o_met AS o WHERE o.program_id = program;
	DELETE FROM o_tenure AS t WHERE t.program_id = program;
	INSERT INTO o_tenure SELECT t.* FROM community.member AS m
	CROSS JOIN (SELECT DISTINCT d.ladder_id FROM community.ladder_version JOIN community.ladder AS d USING (program_id, ladder_id)
		WHERE program_id = program AND d.name = coalesce(ladder, d.name)) AS l
	CROSS JOIN LATERAL o_tenures(program, l.ladder_id, m.member_id, until) AS t
	WHERE m.program_id = program;
	RETURN (SELECT count(*) FROM o_tenure WHERE program_id = program);
END $$;

-- Where the extension says otherwise: tenures numbered in order of time.
-- Times may differ by a millisecond, as engagement is a float.
CREATE FUNCTION o_differ(program bigint, until timestamptz) RETURNS TABLE (ladder text, member bigint, n bigint,
	oracle text, extension text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
	PERFORM count(e) FROM community.member AS m, community.evaluate(m.member_id, until, program) AS e WHERE m.program_id = program;
	RETURN QUERY
	WITH said AS (
		SELECT ladder_id, member_id, tier, t.rank, source, lower(during) AS since,
			CASE WHEN upper(during) <= until THEN upper(during) END AS before, ends_at, version_id, reason,
			row_number() OVER (PARTITION BY ladder_id, member_id ORDER BY during) AS n
		FROM community.tenure AS t WHERE program_id = program AND superseded_at IS NULL
			AND source IN ('qualified', 'grace') AND lower(during) <= until),
		worked AS (
		SELECT ladder_id, member_id, tier, t.rank, source, lower(during) AS since, upper(during) AS before, ends_at,
			version_id, reason, row_number() OVER (PARTITION BY ladder_id, member_id ORDER BY during) AS n
		FROM o_tenure AS t WHERE program_id = program)
	SELECT l.name, member_id, n, w::text, s::text
	FROM worked AS w FULL JOIN said AS s USING (ladder_id, member_id, n)
	JOIN community.ladder AS l ON l.program_id = program AND l.ladder_id = coalesce(w.ladder_id, s.ladder_id)
	WHERE (w.tier, w.rank, w.source, w.version_id, w.reason) IS DISTINCT FROM (s.tier, s.rank, s.source, s.version_id, s.reason)
		OR EXISTS (SELECT FROM (VALUES (w.since, s.since), (w.before, s.before), (w.ends_at, s.ends_at)) AS x (a, b)
			WHERE (a IS NULL) <> (b IS NULL) OR abs(extract(epoch FROM a - b)) > 0.001)
	ORDER BY 1, 2, 3;
END $$;

-- --------------------------------------------------------------- for tests

-- A draft as publish_ladder() freezes it, from a time on or for ever.
CREATE FUNCTION o_publish(program bigint, ladder text, at timestamptz DEFAULT NULL) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	l community.ladder;
	definition jsonb;
BEGIN
	SELECT * INTO STRICT l FROM community.ladder AS d WHERE d.program_id = program AND d.name = ladder;
	SELECT to_jsonb(l) - '{program_id,ladder_id,created_at}'::text[] || jsonb_build_object('tiers', jsonb_agg(
		to_jsonb(t) - '{program_id,ladder_id}'::text[] || jsonb_build_object('requirements', coalesce(
			(SELECT jsonb_agg(jsonb_build_object('position', r.position, 'measure_id', r.measure_id, 'measure', s.name,
					'period', r.period::text, 'attain', r.attain, 'keep', coalesce(r.keep, r.attain), 'at_most', r.at_most) ORDER BY r.position)
				FROM community.tier_requirement AS r JOIN community.measure AS s USING (program_id, measure_id)
				WHERE r.program_id = program AND r.ladder_id = l.ladder_id AND r.rank = t.rank), '[]')) ORDER BY t.rank))
	INTO definition FROM community.tier AS t WHERE t.program_id = program AND t.ladder_id = l.ladder_id;
	UPDATE community.ladder_version SET valid = tstzrange(lower(valid), at)
	WHERE program_id = program AND ladder_id = l.ladder_id AND upper_inf(valid);
	INSERT INTO community.ladder_version (program_id, version_id, ladder_id, valid, definition)
	VALUES (program, community.next_id(), l.ladder_id, tstzrange(at, NULL), definition);
	INSERT INTO community.standing_touch (program_id, member_id)
	SELECT program_id, member_id FROM community.member WHERE program_id = program;
	RETURN l.ladder_id;
END $$;

-- A ruling, for tests of what it does.
CREATE FUNCTION o_rule(program bigint, ladder text, member bigint, kind text, tier text, during tstzrange) RETURNS bigint
LANGUAGE sql AS $$
	INSERT INTO community.standing_touch (program_id, member_id) VALUES (program, member);
	INSERT INTO community.tier_ruling (program_id, member_id, ladder_id, kind, tier, during, reason, key)
	SELECT program, member, ladder_id, kind, tier, during, 'a test', format('%s %s %s %s %s', ladder, member, kind, tier, during)
	FROM community.ladder AS l WHERE l.program_id = program AND l.name = ladder
	RETURNING ruling_id
$$;
