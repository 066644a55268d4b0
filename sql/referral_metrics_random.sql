-- If this failed, some figure about referrals would differ from what its
-- definition says, on some forest: with late bindings, moves, lapsed bindings,
-- members dated before their sponsors, ties, or days cut in another zone.
--
-- The truth is kept apart: who was under whom from when on, and what is left of
-- each order.  Every figure is worked out from it anew, one by one.
SET TimeZone = 'UTC';
BEGIN;
SELECT setseed(0.4711);
CREATE TEMP TABLE m (program bigint, member bigint, joined timestamptz, n int);
CREATE TEMP TABLE h (program bigint, member bigint, at timestamptz, sponsor bigint);
CREATE TEMP TABLE o (program bigint, member bigint, at timestamptz, amount bigint, lapsed boolean);
CREATE TEMP TABLE p (program bigint, zone text);

-- a program with some members, what became of them, and what they bought
CREATE FUNCTION pg_temp.make(number int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	zone text := (ARRAY['UTC', 'Europe/Berlin', 'America/New_York', 'Pacific/Apia'])[1 + number % 4];
	p bigint := community.create_program('referral_metrics random ' || number, time_zone => zone);
	size int := CASE WHEN number < 4 THEN number ELSE 10 + floor(random() * 40) END;
	start timestamptz := '2024-03-01 00:00';
	t timestamptz; s bigint; b timestamptz; x record; lapse timestamptz; left_over bigint;
BEGIN
	PERFORM set_config('community.program', 'referral_metrics random ' || number, true);
	INSERT INTO p VALUES (p, zone);
	FOR i IN 1 .. size LOOP
		-- in hours, so that there are ties; mostly in order
		t := start + floor(i * 12 + random() * 150) * interval '1 hour';
		INSERT INTO m SELECT p, community.enroll((number + 1) * 1000003 * i % 900000 + 1, joined_at => t), t, i;
	END LOOP;
	SET LOCAL session_replication_role = replica;
	FOR x IN SELECT * FROM m WHERE m.program = p ORDER BY n LOOP
		CONTINUE WHEN random() < 0.2 OR x.n = 1;
		SELECT y.member INTO s FROM m AS y WHERE y.program = p AND y.n < x.n ORDER BY random() LIMIT 1;
		b := x.joined + CASE WHEN random() < 0.2 THEN floor(random() * 200) ELSE 0 END * interval '1 hour';
		lapse := CASE WHEN random() < 0.2 THEN b + floor(1 + random() * 300) * interval '1 hour' END;
		INSERT INTO h VALUES (p, x.member, b, s);
		INSERT INTO community.referral (program_id, member_id, sponsor_id, enroller_id, joined_at, depth, lapses_at)
		VALUES (p, x.member, s, s, b, x.n, lapse);
		FOR j IN 1 .. floor(random() * 1.6 + random() * 1.6)::int LOOP
			b := b + floor(1 + random() * 150) * interval '1 hour';
			INSERT INTO community.referral_move (program_id, member_id, from_id, to_id, moved_at, reason)
			SELECT p, x.member, s, y.member, b, 'random' FROM (SELECT max(z.member) FILTER (WHERE z.r = 1) AS member FROM (
				SELECT y.member, row_number() OVER (ORDER BY random()) AS r FROM m AS y
				WHERE y.program = p AND y.n < x.n AND random() < 0.6) AS z) AS y
			RETURNING to_id INTO s;
			UPDATE community.referral SET sponsor_id = s WHERE program_id = p AND member_id = x.member;
			INSERT INTO h VALUES (p, x.member, b, s);
		END LOOP;
		FOR j IN 1 .. floor(random() * 4)::int LOOP
			t := start + floor(random() * 24 * 45) * interval '1 hour';
			left_over := 1 + floor(random() * 1000);
			SET LOCAL session_replication_role = origin;
			PERFORM community.record(x.member, 'order', x.member || ' ' || j, left_over, t);
			IF random() < 0.3 THEN
				PERFORM community.reverse(x.member || ' ' || j, 'random', left_over / (1 + j % 2));
				left_over := left_over - left_over / (1 + j % 2);
			END IF;
			SET LOCAL session_replication_role = replica;
			IF left_over > 0 THEN
				INSERT INTO o VALUES (p, x.member, t, left_over, coalesce(t >= lapse, false));
			END IF;
		END LOOP;
	END LOOP;
	SET LOCAL session_replication_role = origin;
END $$;
SELECT count(pg_temp.make(i)) AS programs FROM generate_series(0, 27) AS i;
CREATE INDEX ON h (program, member, at);
CREATE INDEX ON m (program, member);
ANALYZE h, m, o;

-- who was above at a time, and how many were above that
CREATE FUNCTION pg_temp.above(program bigint, member bigint, t timestamptz) RETURNS bigint LANGUAGE sql AS $$
	SELECT x.sponsor FROM h AS x WHERE x.program = $1 AND x.member = $2 AND x.at <= t ORDER BY x.at DESC LIMIT 1 $$;
CREATE FUNCTION pg_temp.depth(program bigint, member bigint, t timestamptz) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	d int := 0;
BEGIN
	LOOP
		member := pg_temp.above(program, member, t);
		EXIT WHEN member IS NULL;
		d := d + 1;
	END LOOP;
	RETURN d;
END $$;
CREATE TEMP TABLE asked AS
SELECT p.program, p.zone, q, timestamptz '2024-03-01' + floor(random() * 24 * 40) * interval '1 hour' AS t,
	CASE WHEN q % 3 = 0 THEN NULL ELSE tstzrange(timestamptz '2024-03-01' + floor(random() * 300) * interval '1 hour',
		timestamptz '2024-03-20' + floor(random() * 900) * interval '1 hour') END AS w,
	(1 + floor(random() * 20)) * interval '1 day' AS within
FROM p, generate_series(1, 6) AS q;
-- the forest of each question: members there were, with their sponsors
CREATE TEMP TABLE f AS
SELECT a.program, a.q, a.t, a.zone, coalesce(a.w, '(,)') AS w, m.member, m.joined, pg_temp.above(a.program, m.member, a.t) AS sponsor,
	(SELECT min(x.at) FROM h AS x WHERE x.program = m.program AND x.member = m.member AND x.at <= a.t) AS bound
FROM asked AS a JOIN m ON m.program = a.program;
DELETE FROM f WHERE f.joined > f.t AND f.bound IS NULL
	AND NOT EXISTS (SELECT FROM m WHERE m.program = f.program AND pg_temp.above(f.program, m.member, f.t) = f.member);
ALTER TABLE f ADD local_day date, ADD bound_day date, ADD depth int, ADD sponsor_joined timestamptz;
UPDATE f SET local_day = (joined AT TIME ZONE zone)::date, bound_day = (bound AT TIME ZONE zone)::date,
	depth = pg_temp.depth(program, member, t),
	sponsor_joined = (SELECT s.joined FROM m AS s WHERE s.program = f.program AND s.member = f.sponsor);
CREATE INDEX ON f (program, q, sponsor);
CREATE INDEX ON f (program, q, member);
CREATE INDEX ON f (program, q, local_day);
ANALYZE f;
SELECT count(*) > 3000 AS enough, count(*) FILTER (WHERE joined > t) > 10 AS not_yet, count(*) FILTER (WHERE bound < sponsor_joined) > 50 AS before_sponsor,
	max(depth) > 5 AS deep, count(*) FILTER (WHERE bound IS NOT NULL AND sponsor IS NULL) > 20 AS made_roots FROM f;

-- all differences, by what differs
CREATE FUNCTION pg_temp.differences(expected text, actual text) RETURNS TABLE (compared bigint, different bigint) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('WITH right_ones AS MATERIALIZED (%s), found_ones AS MATERIALIZED (%s)'
		' SELECT (SELECT count(*) FROM right_ones), (SELECT count(*) FROM (TABLE right_ones EXCEPT ALL TABLE found_ones) AS x)'
		' + (SELECT count(*) FROM (TABLE found_ones EXCEPT ALL TABLE right_ones) AS x)', expected, actual);
END $$;
SELECT 'forest' AS what, compared > 3000 AS enough, different FROM pg_temp.differences(
	'SELECT program, q, member, sponsor, joined, bound FROM f',
	'SELECT a.program, a.q, x.member_id, x.sponsor_id, x.joined_at, x.bound_at FROM asked AS a, community.referral_as_of(a.t, a.program) AS x')
UNION ALL SELECT 'generations', compared > 300, different FROM pg_temp.differences(
	'SELECT program, q, depth, count(*), ((SELECT count(*) FROM f AS g WHERE g.program = f.program AND g.q = f.q AND g.joined <@ g.w
		AND g.depth = f.depth + 1 HAVING count(*) > 0)::float8 / count(*)) FROM f WHERE joined <@ w GROUP BY program, q, depth',
	'SELECT a.program, a.q, x.* FROM asked AS a, community.generations(a.w, a.t, a.program) AS x')
UNION ALL SELECT 'cohort', compared > 100, different FROM pg_temp.differences(
	'SELECT a.program, a.q, c.n, c.excluded, c.inviters, c.invitees, c.invitees::float8 / nullif(c.n, 0) FROM asked AS a, LATERAL (
		SELECT count(*) FILTER (WHERE y.until <= a.t) AS n, count(*) FILTER (WHERE y.until > a.t) AS excluded,
			count(*) FILTER (WHERE y.until <= a.t AND y.gained > 0) AS inviters,
			coalesce(sum(y.gained) FILTER (WHERE y.until <= a.t), 0)::bigint AS invitees
		FROM (SELECT (f.joined AT TIME ZONE f.zone + a.within) AT TIME ZONE f.zone AS until, (SELECT count(*) FROM f AS g
			WHERE g.program = f.program AND g.q = f.q AND g.sponsor = f.member AND g.bound >= f.joined
				AND g.bound < (f.joined AT TIME ZONE f.zone + a.within) AT TIME ZONE f.zone) AS gained
			FROM f WHERE f.program = a.program AND f.q = a.q AND f.joined <@ f.w AND f.joined <= f.t) AS y) AS c',
	'SELECT a.program, a.q, x.* FROM asked AS a, community.cohort_k(a.w, a.within, a.t, a.program) AS x')
UNION ALL SELECT 'cycle time', compared > 100, different FROM pg_temp.differences(
	'SELECT a.program, a.q, count(y.days), (SELECT count(*) FROM f WHERE f.program = a.program AND f.q = a.q AND f.bound <@ f.w
			AND f.bound < f.sponsor_joined), round(avg(y.days), 9),
		round((max(y.days) FILTER (WHERE y.r = (y.n + 1) / 2) + max(y.days) FILTER (WHERE y.r = (y.n + 2) / 2)) / 2, 9),
		round(min(y.days), 9), round(max(y.days), 9)
	FROM asked AS a LEFT JOIN (SELECT f.program, f.q, extract(epoch FROM f.bound - f.sponsor_joined) / 86400 AS days, count(*) OVER w AS n,
			row_number() OVER (PARTITION BY f.program, f.q ORDER BY f.bound - f.sponsor_joined) AS r
		FROM f WHERE f.bound <@ f.w AND f.bound >= f.sponsor_joined WINDOW w AS (PARTITION BY f.program, f.q)) AS y
		ON y.program = a.program AND y.q = a.q GROUP BY a.program, a.q',
	'SELECT a.program, a.q, x.invitees, x.excluded, round(x.mean_days::numeric, 9), round(x.median_days::numeric, 9),
		round(x.percentile_days[1]::numeric, 9), round(x.percentile_days[2]::numeric, 9)
	FROM asked AS a, community.cycle_time(a.w, a.t, ''{0,1}'', a.program) AS x')
UNION ALL SELECT 'reproduction', compared > 1000, different FROM pg_temp.differences(
	'SELECT a.program, a.q, d.day::date, j.joined, j.referred, j.invitees, round(j.invitees::numeric / nullif(j.joined, 0), 6),
		round(j.referred / nullif(j.expected, 0), 6)
	FROM asked AS a,
		LATERAL (SELECT min(f.local_day) AS since, max(f.local_day) AS until FROM f WHERE f.program = a.program AND f.q = a.q) AS r,
		generate_series(r.since::timestamp, r.until::timestamp, ''1 day'') AS d (day),
		LATERAL (SELECT (SELECT count(*) FROM f WHERE f.program = a.program AND f.q = a.q AND f.local_day = d.day) AS joined,
			(SELECT count(*) FROM f WHERE f.program = a.program AND f.q = a.q AND f.bound_day = d.day
				AND f.bound_day >= (f.sponsor_joined AT TIME ZONE f.zone)::date) AS referred,
			(SELECT count(*) FROM f WHERE f.program = a.program AND f.q = a.q AND (f.sponsor_joined AT TIME ZONE f.zone)::date = d.day
				AND f.bound_day >= d.day) AS invitees,
			(SELECT count(*)::numeric FROM f AS i, f AS y WHERE i.program = a.program AND i.q = a.q AND y.program = a.program AND y.q = a.q
				AND y.bound_day >= (y.sponsor_joined AT TIME ZONE y.zone)::date
				AND i.local_day = d.day::date - (y.bound_day - (y.sponsor_joined AT TIME ZONE y.zone)::date))
			/ nullif((SELECT count(*) FROM f AS z WHERE z.program = a.program AND z.q = a.q
				AND z.bound_day >= (z.sponsor_joined AT TIME ZONE z.zone)::date), 0) AS expected) AS j
	WHERE a.w IS NULL OR (d.day AT TIME ZONE a.zone < upper(a.w) AND (d.day + interval ''1 day'') AT TIME ZONE a.zone > lower(a.w))',
	'SELECT a.program, a.q, x.day, x.joined, x.referred, x.invitees, round(x.case_r::numeric, 6), round(x.instantaneous_r::numeric, 6)
	FROM asked AS a, community.reproduction_number(a.w, a.t, a.program) AS x')
UNION ALL SELECT 'orders', compared > 100, different FROM pg_temp.differences(
	'SELECT a.program, a.q, count(o), count(o) FILTER (WHERE NOT o.lapsed AND pg_temp.above(o.program, o.member, o.at) IS NOT NULL),
		coalesce(sum(o.amount), 0), coalesce(sum(o.amount) FILTER (WHERE NOT o.lapsed AND pg_temp.above(o.program, o.member, o.at) IS NOT NULL), 0)
	FROM asked AS a LEFT JOIN o ON o.program = a.program AND o.at <= a.t AND (a.w IS NULL OR o.at <@ a.w) GROUP BY a.program, a.q',
	'SELECT a.program, a.q, x.* FROM asked AS a, community.referred_orders(a.w, a.t, a.program) AS x')
UNION ALL SELECT 'metrics', compared > 1000, different FROM pg_temp.differences(
	'WITH g AS MATERIALIZED (SELECT f.*, (SELECT count(*) FROM f AS y WHERE y.program = f.program AND y.q = f.q AND y.sponsor = f.member) AS degree FROM f)
	SELECT a.program, a.q, v.metric, round(v.value, 6) FROM asked AS a, LATERAL (
		SELECT count(*)::numeric AS n, count(sponsor)::numeric AS referred, count(*) FILTER (WHERE degree > 0)::numeric AS inviters,
			count(*) FILTER (WHERE joined <@ w AND joined <= t)::numeric AS signups,
			count(sponsor) FILTER (WHERE joined <@ w AND joined <= t)::numeric AS referred_signups,
			count(*) FILTER (WHERE joined <= t AND (upper(w) IS NULL OR joined < upper(w)))::numeric AS there,
			sum(degree * degree)::numeric AS squares, max(degree)::numeric AS most, avg(depth)::numeric AS mean_depth, max(depth)::numeric AS depth,
			count(*) FILTER (WHERE depth > 2)::numeric AS beyond,
			(SELECT sum(abs(x.degree - y.degree))::numeric FROM g AS x, g AS y WHERE x.program = a.program AND x.q = a.q
				AND y.program = a.program AND y.q = a.q) AS differences,
			(SELECT max(z.n)::numeric FROM (SELECT count(*) AS n FROM g AS x WHERE x.program = a.program AND x.q = a.q GROUP BY x.depth) AS z) AS breadth
		FROM g WHERE g.program = a.program AND g.q = a.q) AS s, LATERAL (VALUES
		(''signups'', s.signups), (''referral_share_of_signups'', s.referred_signups / nullif(s.signups, 0)),
		(''invitations'', 100), (''invitations_per_member'', 100 / nullif(s.there, 0)), (''conversion'', s.referred_signups / 100),
		(''k_accounting'', s.referred_signups / nullif(s.there, 0)), (''members'', s.n), (''roots'', s.n - s.referred),
		(''participation'', s.inviters / nullif(s.n, 0)), (''k_realised'', s.referred / nullif(s.n, 0)),
		(''amplification'', 1 / nullif(1 - s.referred / nullif(s.n, 0), 0)), (''invitees_per_inviter'', s.referred / nullif(s.inviters, 0)),
		(''offspring_variance_population'', s.squares / nullif(s.n, 0) - (s.referred / nullif(s.n, 0)) ^ 2),
		(''offspring_variance_sample'', (s.squares - s.referred ^ 2 / nullif(s.n, 0)) / nullif(s.n - 1, 0)),
		(''gini_of_invitees'', s.differences / nullif(2 * s.n * s.referred, 0)),
		(''largest_broadcast'', s.most / nullif(s.n - 1, 0)), (''mean_depth'', s.mean_depth), (''depth'', s.depth), (''breadth'', s.breadth),
		(''share_beyond_depth'', s.beyond / nullif(s.n, 0))) AS v (metric, value)',
	'SELECT a.program, a.q, x.metric, round(x.value::numeric, 6) FROM asked AS a, community.referral_metrics(a.w, a.t, 100, 0.5, 2, a.program) AS x
	WHERE x.metric NOT IN (''orders'', ''revenue'', ''referral_share_of_orders'', ''referral_share_of_revenue'', ''top_inviter_share'')');
ROLLBACK;
