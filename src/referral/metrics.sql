
-- ------------------------------------------------- what referrals bring

CREATE FUNCTION community.metric_time_zone(
	caller pg_catalog.text,
	as_of pg_catalog.timestamptz,
	program pg_catalog.int8)
RETURNS pg_catalog.text
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $metric_time_zone$
#variable_conflict use_column
DECLARE
	zone text;
BEGIN
	IF metric_time_zone.as_of IS NULL OR metric_time_zone.program IS NULL THEN
		RAISE EXCEPTION 'argument % of %() must not be null',
				CASE WHEN metric_time_zone.as_of IS NULL THEN 'as_of' ELSE 'program' END,
				metric_time_zone.caller
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	SELECT p.time_zone INTO zone FROM community.program AS p
	WHERE p.program_id = metric_time_zone.program;
	IF zone IS NULL THEN
		RAISE EXCEPTION 'program % does not exist', metric_time_zone.program
			USING ERRCODE = 'CM004';
	END IF;
	RETURN zone;
END
$metric_time_zone$;
COMMENT ON FUNCTION community.metric_time_zone IS
'time zone in which a program cuts its days; refuses arguments that no metric can take, in the name of the caller';
REVOKE ALL ON FUNCTION community.metric_time_zone FROM PUBLIC;

CREATE FUNCTION community.referral_as_of(
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (
	member_id pg_catalog.int8,
	sponsor_id pg_catalog.int8,
	enroller_id pg_catalog.int8,
	joined_at pg_catalog.timestamptz,
	bound_at pg_catalog.timestamptz)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 100000
SET search_path = pg_catalog, pg_temp
-- right after a load there are no statistics, and every set here may be large
SET enable_nestloop = off
AS $referral_as_of$
#variable_conflict use_column
DECLARE
	at CONSTANT timestamptz := referral_as_of.as_of;
	tenant CONSTANT bigint := referral_as_of.program;
BEGIN
	PERFORM community.metric_time_zone('referral_as_of', at, tenant);
	RETURN QUERY
	WITH moved AS (
		-- the first move after that time tells who was above until then
		SELECT DISTINCT ON (v.member_id) v.member_id, v.from_id
		FROM community.referral_move AS v
		WHERE v.program_id = tenant AND v.moved_at > at
		ORDER BY v.member_id, v.moved_at, v.move_id
	), bound AS NOT MATERIALIZED (
		SELECT r.member_id, r.enroller_id, r.joined_at,
			CASE WHEN v.member_id IS NULL THEN r.sponsor_id ELSE v.from_id END AS sponsor_id
		FROM community.referral AS r
		LEFT JOIN moved AS v ON v.member_id = r.member_id
		WHERE r.program_id = tenant AND r.joined_at <= at
	)
	SELECT m.member_id, b.sponsor_id, b.enroller_id, m.joined_at, b.joined_at
	FROM community.member AS m
	LEFT JOIN bound AS b ON b.member_id = m.member_id
	WHERE m.program_id = tenant
		-- who has a sponsor or is one stands in the forest, whenever it says it joined
		AND (m.joined_at <= at OR b.member_id IS NOT NULL
			OR m.member_id IN (SELECT s.sponsor_id FROM bound AS s
				WHERE s.sponsor_id IS NOT NULL));
END
$referral_as_of$;
COMMENT ON FUNCTION community.referral_as_of IS
'the forest as it was at a time: every member there was by then, with its sponsor, null for roots';
REVOKE ALL ON FUNCTION community.referral_as_of FROM PUBLIC;

CREATE FUNCTION community.generations(
	during pg_catalog.tstzrange DEFAULT NULL,
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (
	generation pg_catalog.int4,
	members pg_catalog.int8,
	ratio pg_catalog.float8)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 20
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
AS $generations$
#variable_conflict use_column
DECLARE
	at CONSTANT timestamptz := generations.as_of;
	tenant CONSTANT bigint := generations.program;
	period CONSTANT tstzrange := coalesce(generations.during, '(,)');
BEGIN
	PERFORM community.metric_time_zone('generations', at, tenant);
	RETURN QUERY
	WITH counted AS (
		-- members who neither were brought nor brought anybody are in no tree
		SELECT CASE WHEN s.member_id IS NULL THEN 0 WHEN s.reached THEN s.depth END
				AS generation, count(*) AS members
		FROM community.referral_as_of(at, tenant) AS f
		LEFT JOIN community.downline_sizes(CASE WHEN isfinite(at) THEN at END, tenant) AS s
			ON s.member_id = f.member_id
		WHERE f.joined_at <@ period
		GROUP BY 1
	)
	SELECT c.generation, c.members,
		n.members::float8 / c.members
	FROM counted AS c
	LEFT JOIN counted AS n ON n.generation = c.generation + 1
	ORDER BY c.generation;
END
$generations$;
COMMENT ON FUNCTION community.generations IS
'how many members stand in each generation, and how many there are in the next one for each; those in or below a ring are of generation null';
REVOKE ALL ON FUNCTION community.generations FROM PUBLIC;

CREATE FUNCTION community.cohort_k(
	during pg_catalog.tstzrange DEFAULT NULL,
	within pg_catalog.interval DEFAULT '30 days',
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (
	members pg_catalog.int8,
	excluded pg_catalog.int8,
	inviters pg_catalog.int8,
	invitees pg_catalog.int8,
	k pg_catalog.float8)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
AS $cohort_k$
#variable_conflict use_column
DECLARE
	at CONSTANT timestamptz := cohort_k.as_of;
	tenant CONSTANT bigint := cohort_k.program;
	period CONSTANT tstzrange := coalesce(cohort_k.during, '(,)');
	zone CONSTANT text := community.metric_time_zone('cohort_k', at, tenant);
BEGIN
	IF cohort_k.within IS NULL THEN
		RAISE EXCEPTION 'argument within of cohort_k() must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF cohort_k.within <= interval '0' OR cohort_k.within > interval '1000 years' THEN
		RAISE EXCEPTION 'argument within of cohort_k() is out of range: %', cohort_k.within
			USING ERRCODE = 'invalid_parameter_value',
				DETAIL = 'It is more than nothing and at most 1000 years.';
	END IF;
	RETURN QUERY
	WITH forest AS MATERIALIZED (
		SELECT * FROM community.referral_as_of(at, tenant)
	), cohort AS MATERIALIZED (
		SELECT f.member_id, f.joined_at,
			community.period_add(f.joined_at, cohort_k.within, zone) AS until
		FROM forest AS f
		WHERE f.joined_at <@ period AND f.joined_at <= at
	), gained AS (
		SELECT c.member_id, count(*) AS invitees
		FROM cohort AS c
		JOIN forest AS f ON f.sponsor_id = c.member_id
			AND f.bound_at >= c.joined_at AND f.bound_at < c.until
		WHERE c.until <= at
		GROUP BY c.member_id
	), total AS (
		SELECT count(*) AS inviters, coalesce(sum(g.invitees), 0)::bigint AS invitees
		FROM gained AS g
	)
	SELECT x.members, x.excluded, t.inviters, t.invitees,
		t.invitees::float8 / nullif(x.members, 0)
	FROM (SELECT count(*) FILTER (WHERE c.until <= at) AS members,
			count(*) FILTER (WHERE c.until > at) AS excluded
		FROM cohort AS c) AS x
	CROSS JOIN total AS t;
END
$cohort_k$;
COMMENT ON FUNCTION community.cohort_k IS
'how many members each of those who joined in a window has brought within that time; who has not been a member for so long is excluded and counted apart';
REVOKE ALL ON FUNCTION community.cohort_k FROM PUBLIC;

CREATE FUNCTION community.cycle_time(
	during pg_catalog.tstzrange DEFAULT NULL,
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	percentiles pg_catalog.float8[] DEFAULT '{0.25,0.5,0.75,0.9}',
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (
	invitees pg_catalog.int8,
	excluded pg_catalog.int8,
	mean_days pg_catalog.float8,
	median_days pg_catalog.float8,
	percentile_days pg_catalog.float8[])
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
AS $cycle_time$
#variable_conflict use_column
DECLARE
	at CONSTANT timestamptz := cycle_time.as_of;
	tenant CONSTANT bigint := cycle_time.program;
	period CONSTANT tstzrange := coalesce(cycle_time.during, '(,)');
BEGIN
	PERFORM community.metric_time_zone('cycle_time', at, tenant);
	IF cycle_time.percentiles IS NULL THEN
		RAISE EXCEPTION 'argument percentiles of cycle_time() must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	RETURN QUERY
	WITH forest AS MATERIALIZED (
		SELECT * FROM community.referral_as_of(at, tenant)
	), cycle AS MATERIALIZED (
		SELECT (extract(epoch FROM f.bound_at - s.joined_at) / 86400)::float8 AS days
		FROM forest AS f
		JOIN forest AS s ON s.member_id = f.sponsor_id
		WHERE f.bound_at <@ period
	), late AS (
		SELECT count(*) AS n FROM cycle AS c WHERE c.days < 0
	)
	SELECT count(c.days), l.n, avg(c.days),
		percentile_cont(0.5) WITHIN GROUP (ORDER BY c.days),
		percentile_cont(cycle_time.percentiles) WITHIN GROUP (ORDER BY c.days)
	FROM late AS l
	LEFT JOIN cycle AS c ON c.days >= 0
	GROUP BY l.n;
END
$cycle_time$;
COMMENT ON FUNCTION community.cycle_time IS
'how long it takes from joining to bringing somebody, in days; members who were there before their sponsors are excluded and counted apart';
REVOKE ALL ON FUNCTION community.cycle_time FROM PUBLIC;

CREATE FUNCTION community.reproduction_number(
	during pg_catalog.tstzrange DEFAULT NULL,
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (
	day pg_catalog.date,
	joined pg_catalog.int8,
	referred pg_catalog.int8,
	invitees pg_catalog.int8,
	case_r pg_catalog.float8,
	instantaneous_r pg_catalog.float8)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1000
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
AS $reproduction_number$
#variable_conflict use_column
DECLARE
	at CONSTANT timestamptz := reproduction_number.as_of;
	tenant CONSTANT bigint := reproduction_number.program;
	period CONSTANT tstzrange := coalesce(reproduction_number.during, '(,)');
	zone CONSTANT text := community.metric_time_zone('reproduction_number', at, tenant);
BEGIN
	RETURN QUERY
	WITH forest AS MATERIALIZED (
		SELECT f.member_id, f.sponsor_id, (f.joined_at AT TIME ZONE zone)::date AS joined_on,
			(f.bound_at AT TIME ZONE zone)::date AS bound_on
		FROM community.referral_as_of(at, tenant) AS f
	), joins AS MATERIALIZED (
		SELECT f.joined_on AS day, count(*) AS n
		FROM forest AS f GROUP BY 1
	), pair AS MATERIALIZED (
		SELECT f.bound_on AS day, f.bound_on - s.joined_on AS lag, count(*) AS n
		FROM forest AS f
		JOIN forest AS s ON s.member_id = f.sponsor_id
		WHERE f.bound_on >= s.joined_on
		GROUP BY 1, 2
	), lags AS MATERIALIZED (
		-- how often each cycle time was observed
		SELECT p.lag, sum(p.n) AS n, sum(sum(p.n)) OVER () AS pairs
		FROM pair AS p GROUP BY 1
	), expected AS (
		SELECT j.day + l.lag AS day, sum(j.n * l.n) / min(l.pairs) AS n
		FROM joins AS j CROSS JOIN lags AS l GROUP BY 1
	), calendar AS (
		SELECT c.day::date AS day
		FROM (SELECT min(j.day) AS since, max(j.day) AS until FROM joins AS j) AS x,
			generate_series(x.since::timestamp, x.until::timestamp, '1 day') AS c (day)
		WHERE tstzrange(c.day AT TIME ZONE zone,
			(c.day + interval '1 day') AT TIME ZONE zone) && period
	)
	SELECT c.day, coalesce(j.n, 0), coalesce(r.n, 0)::bigint, coalesce(e.n, 0)::bigint,
		(coalesce(e.n, 0) / j.n)::float8,
		(coalesce(r.n, 0) / nullif(x.n, 0))::float8
	FROM calendar AS c
	LEFT JOIN joins AS j ON j.day = c.day
	LEFT JOIN (SELECT p.day, sum(p.n) AS n FROM pair AS p GROUP BY 1) AS r ON r.day = c.day
	LEFT JOIN (SELECT p.day - p.lag AS day, sum(p.n) AS n FROM pair AS p GROUP BY 1) AS e
		ON e.day = c.day
	LEFT JOIN expected AS x ON x.day = c.day
	ORDER BY c.day;
END
$reproduction_number$;
COMMENT ON FUNCTION community.reproduction_number IS
'for each day, how many those who joined on it have brought on average, and how many were brought on it for one who could be expected to bring';
REVOKE ALL ON FUNCTION community.reproduction_number FROM PUBLIC;

CREATE FUNCTION community.referred_orders(
	during pg_catalog.tstzrange DEFAULT NULL,
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (
	orders pg_catalog.int8,
	referred_orders pg_catalog.int8,
	revenue pg_catalog.numeric,
	referred_revenue pg_catalog.numeric)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
AS $referred_orders$
#variable_conflict use_column
DECLARE
	at CONSTANT timestamptz := referred_orders.as_of;
	tenant CONSTANT bigint := referred_orders.program;
	period CONSTANT tstzrange := coalesce(referred_orders.during, '(,)');
BEGIN
	PERFORM community.metric_time_zone('referred_orders', at, tenant);
	RETURN QUERY
	WITH span AS (
		-- who was above members that have moved, and when
		SELECT v.member_id, v.from_id, v.moved_at AS until,
			coalesce(lag(v.moved_at) OVER (PARTITION BY v.member_id
				ORDER BY v.moved_at, v.move_id), '-infinity') AS since
		FROM community.referral_move AS v
		WHERE v.program_id = tenant
	), sale AS (
		SELECT e.amount, e.occurred_at >= r.joined_at
			AND (r.lapses_at IS NULL OR e.occurred_at < r.lapses_at)
			AND CASE WHEN s.member_id IS NULL THEN r.sponsor_id ELSE s.from_id END IS NOT NULL
				AS referred
		FROM community.counted_event AS e
		LEFT JOIN community.activity_type AS t ON t.program_id = tenant AND t.type = e.type
		LEFT JOIN community.referral AS r ON r.program_id = tenant AND r.member_id = e.member_id
		LEFT JOIN span AS s ON s.member_id = e.member_id
			AND s.since <= e.occurred_at AND e.occurred_at < s.until
		WHERE e.program_id = tenant AND e.occurred_at <@ period AND e.occurred_at <= at
			AND e.amount > 0 AND t.revenue IS NOT FALSE
	)
	SELECT count(*), count(*) FILTER (WHERE x.referred), coalesce(sum(x.amount), 0),
		coalesce(sum(x.amount) FILTER (WHERE x.referred), 0)
	FROM sale AS x;
END
$referred_orders$;
COMMENT ON FUNCTION community.referred_orders IS
'orders and revenue, and how much of them came from members who had a sponsor when they bought';
REVOKE ALL ON FUNCTION community.referred_orders FROM PUBLIC;

CREATE FUNCTION community.referral_metrics(
	during pg_catalog.tstzrange DEFAULT NULL,
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	invitations pg_catalog.int8 DEFAULT NULL,
	top_fraction pg_catalog.float8 DEFAULT 0.01,
	beyond_depth pg_catalog.int4 DEFAULT 3,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (
	metric pg_catalog.text,
	scope pg_catalog.text,
	value pg_catalog.float8,
	part pg_catalog.numeric,
	whole pg_catalog.numeric)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 30
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
AS $referral_metrics$
#variable_conflict use_column
DECLARE
	at CONSTANT timestamptz := referral_metrics.as_of;
	tenant CONSTANT bigint := referral_metrics.program;
	period CONSTANT tstzrange := coalesce(referral_metrics.during, '(,)');
	invited numeric := referral_metrics.invitations;
BEGIN
	PERFORM community.metric_time_zone('referral_metrics', at, tenant);
	IF invited < 0 OR referral_metrics.beyond_depth < 0 THEN
		RAISE EXCEPTION 'argument % of referral_metrics() must not be negative',
				CASE WHEN invited < 0 THEN 'invitations' ELSE 'beyond_depth' END
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF referral_metrics.beyond_depth IS NULL OR referral_metrics.top_fraction IS NULL THEN
		RAISE EXCEPTION 'argument % of referral_metrics() must not be null',
				CASE WHEN referral_metrics.beyond_depth IS NULL THEN 'beyond_depth'
					ELSE 'top_fraction' END
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF referral_metrics.top_fraction NOT BETWEEN 0 AND 1 THEN
		RAISE EXCEPTION 'argument top_fraction of referral_metrics() is out of range: %',
				referral_metrics.top_fraction
			USING ERRCODE = 'invalid_parameter_value', DETAIL = 'It is from 0 to 1.';
	END IF;
	IF invited IS NULL THEN
		-- none at all says that invitations are not kept here
		SELECT nullif((SELECT count(*) FROM community.referral_code AS c
				WHERE c.program_id = tenant AND c.issued_at <@ period AND c.issued_at <= at)
			+ (SELECT count(*) FROM community.referral_share AS h
				WHERE h.program_id = tenant AND h.shared_at <@ period AND h.shared_at <= at), 0)
			INTO invited;
	END IF;
	RETURN QUERY
	WITH forest AS MATERIALIZED (
		SELECT * FROM community.referral_as_of(at, tenant)
	), signup AS (
		SELECT count(*) FILTER (WHERE f.joined_at <@ period)::numeric AS n,
			count(f.sponsor_id) FILTER (WHERE f.joined_at <@ period)::numeric AS referred,
			count(*) FILTER (WHERE f.joined_at <@ period OR f.joined_at < upper(period)
				OR upper_inf(period))::numeric AS there
		FROM forest AS f WHERE f.joined_at <= at
	), brought AS (
		SELECT f.sponsor_id, count(*) AS n
		FROM forest AS f WHERE f.sponsor_id IS NOT NULL GROUP BY 1
	), inviter AS (
		SELECT count(*)::numeric AS inviters, coalesce(max(b.n), 0)::numeric AS most,
			community.top_share(b.n::float8, referral_metrics.top_fraction) AS top
		FROM brought AS b
	), member AS (
		SELECT count(*)::numeric AS n, count(f.sponsor_id)::numeric AS referred,
			var_pop(coalesce(b.n, 0))::float8 AS var_pop,
			var_samp(coalesce(b.n, 0))::float8 AS var_samp,
			community.gini(coalesce(b.n, 0)::float8) AS gini
		FROM forest AS f LEFT JOIN brought AS b ON b.sponsor_id = f.member_id
	), depth AS (
		SELECT coalesce(sum(g.members), 0) AS n, max(g.generation)::numeric AS deepest,
			max(g.members)::numeric AS broadest, sum(g.generation * g.members) AS depths,
			coalesce(sum(g.members) FILTER (WHERE g.generation > referral_metrics.beyond_depth),
				0) AS beyond
		FROM community.generations('(,)', at, tenant) AS g
		WHERE g.generation IS NOT NULL
	)
	SELECT x.metric, x.scope,
		CASE WHEN x.value IS NOT NULL THEN x.value
			ELSE (x.part / nullif(x.whole, 0))::float8 END, x.part, x.whole
	FROM signup AS s, inviter AS i, member AS m, depth AS d,
		community.referred_orders(period, at, tenant) AS o,
		LATERAL (VALUES
			(1, 'signups', 'window', s.n::float8, NULL::numeric, NULL::numeric),
			(2, 'referral_share_of_signups', 'window', NULL, s.referred, s.n),
			(3, 'orders', 'window', o.orders::float8, NULL, NULL),
			(4, 'referral_share_of_orders', 'window', NULL, o.referred_orders, o.orders),
			(5, 'revenue', 'window', o.revenue::float8, NULL, NULL),
			(6, 'referral_share_of_revenue', 'window', NULL, o.referred_revenue, o.revenue),
			(7, 'invitations', 'window', invited::float8, NULL, NULL),
			(8, 'invitations_per_member', 'window', NULL, invited, s.there),
			(9, 'conversion', 'window', NULL, s.referred, invited),
			-- the product of the two, from which invitations drop out
			(10, 'k_accounting', 'window', NULL, CASE WHEN invited > 0 THEN s.referred END,
				CASE WHEN invited > 0 THEN s.there END),
			(11, 'members', 'forest', m.n::float8, NULL, NULL),
			(12, 'roots', 'forest', (m.n - m.referred)::float8, NULL, NULL),
			(13, 'participation', 'forest', NULL, i.inviters, m.n),
			(14, 'k_realised', 'forest', NULL, m.referred, m.n),
			(15, 'amplification', 'forest', NULL, m.n, m.n - m.referred),
			(16, 'invitees_per_inviter', 'forest', NULL, m.referred, i.inviters),
			(17, 'offspring_variance_population', 'forest', m.var_pop, NULL, NULL),
			(18, 'offspring_variance_sample', 'forest', m.var_samp, NULL, NULL),
			(19, 'top_inviter_share', 'forest', i.top, NULL, NULL),
			(20, 'gini_of_invitees', 'forest', m.gini, NULL, NULL),
			(21, 'largest_broadcast', 'forest', NULL, i.most, nullif(m.n - 1, -1)),
			(22, 'mean_depth', 'forest', NULL, d.depths, d.n),
			(23, 'depth', 'forest', d.deepest::float8, NULL, NULL),
			(24, 'breadth', 'forest', d.broadest::float8, NULL, NULL),
			(25, 'share_beyond_depth', 'forest', NULL, d.beyond, d.n))
			AS x (n, metric, scope, value, part, whole)
	ORDER BY x.n;
END
$referral_metrics$;
COMMENT ON FUNCTION community.referral_metrics IS
'what referrals bring, one row for each figure: those of a window, and those of the whole forest at as_of';
REVOKE ALL ON FUNCTION community.referral_metrics FROM PUBLIC;

CREATE FUNCTION community.projected_members(
	members pg_catalog.float8,
	k pg_catalog.float8,
	cycle_days pg_catalog.float8,
	days pg_catalog.float8)
RETURNS pg_catalog.float8
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'community_projected_members';
COMMENT ON FUNCTION community.projected_members IS
'how many members a crowd has become after so many days, when each brings k others a cycle';

CREATE FUNCTION community.days_to_members(
	target pg_catalog.float8,
	members pg_catalog.float8,
	k pg_catalog.float8,
	cycle_days pg_catalog.float8)
RETURNS pg_catalog.float8
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'community_days_to_members';
COMMENT ON FUNCTION community.days_to_members IS
'after how many days a crowd has become so many, when each brings k others a cycle; null when it never will';
