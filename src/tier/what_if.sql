
-- ------------------------------------------------------- trying things out

CREATE FUNCTION community.what_if(
	ladder pg_catalog.text,
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	effective_from pg_catalog.timestamptz DEFAULT '-infinity',
	currency pg_catalog.text DEFAULT 'points',
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (
	from_tier pg_catalog.text,
	from_rank pg_catalog.int4,
	to_tier pg_catalog.text,
	to_rank pg_catalog.int4,
	members pg_catalog.int8,
	parked pg_catalog.int8,
	points pg_catalog.int8,
	benefits_now pg_catalog.int8,
	benefits_then pg_catalog.int8)
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 20
AS 'MODULE_PATHNAME', 'community_what_if';
COMMENT ON FUNCTION community.what_if IS
'how many active members go from which tier to which if the draft of a ladder was in force, what points they earned in a year, and what benefits of the ladder cost by what is published and by the draft; writes nothing';
REVOKE ALL ON FUNCTION community.what_if FROM PUBLIC;

CREATE FUNCTION community.what_if_tiers(
	ladder pg_catalog.text,
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	effective_from pg_catalog.timestamptz DEFAULT '-infinity',
	currency pg_catalog.text DEFAULT 'points',
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (
	tier pg_catalog.text,
	members_now pg_catalog.int8,
	members_then pg_catalog.int8,
	percent_now pg_catalog.numeric,
	percent_then pg_catalog.numeric,
	parked_then pg_catalog.int8,
	points_now pg_catalog.int8,
	points_then pg_catalog.int8,
	benefits_now pg_catalog.int8,
	benefits_then pg_catalog.int8)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $what_if_tiers$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH move AS (
		SELECT m.* FROM community.what_if(what_if_tiers.ladder, what_if_tiers.as_of,
			what_if_tiers.effective_from, what_if_tiers.currency, what_if_tiers.program) AS m
	), side AS (
		SELECT m.from_tier AS tier, m.from_rank AS rank, true AS now, m.members,
			0::bigint AS parked,
			m.points, m.benefits_now AS benefits
		FROM move AS m
		UNION ALL
		SELECT m.to_tier, m.to_rank, false, m.members, m.parked, m.points,
			m.benefits_then
		FROM move AS m
	), tier AS (
		-- a tier has one row, placed where the draft has it
		SELECT s.tier, coalesce(max(s.rank) FILTER (WHERE NOT s.now), max(s.rank), 0) AS rank,
			coalesce(sum(s.members) FILTER (WHERE s.now), 0) AS members_now,
			coalesce(sum(s.members) FILTER (WHERE NOT s.now), 0) AS members_then,
			sum(s.parked) AS parked,
			coalesce(sum(s.points) FILTER (WHERE s.now), 0) AS points_now,
			coalesce(sum(s.points) FILTER (WHERE NOT s.now), 0) AS points_then,
			coalesce(sum(s.benefits) FILTER (WHERE s.now), 0) AS benefits_now,
			coalesce(sum(s.benefits) FILTER (WHERE NOT s.now), 0) AS benefits_then,
			bool_or(s.points IS NOT NULL) AS counts_points
		FROM side AS s GROUP BY s.tier
	)
	SELECT t.tier, t.members_now::bigint, t.members_then::bigint,
		round(100 * t.members_now / sum(t.members_now) OVER (), 2),
		round(100 * t.members_then / sum(t.members_then) OVER (), 2), t.parked::bigint,
		CASE WHEN t.counts_points THEN t.points_now::bigint END,
		CASE WHEN t.counts_points THEN t.points_then::bigint END,
		CASE WHEN t.counts_points THEN t.benefits_now::bigint END,
		CASE WHEN t.counts_points THEN t.benefits_then::bigint END
	FROM tier AS t
	ORDER BY t.rank DESC, t.tier;
END
$what_if_tiers$;
COMMENT ON FUNCTION community.what_if_tiers IS
'how many active members each tier of a ladder has and would have under its draft, highest first, null for no tier; writes nothing';
REVOKE ALL ON FUNCTION community.what_if_tiers FROM PUBLIC;

CREATE FUNCTION community.measure_values(
	measure pg_catalog.text,
	period community.period DEFAULT 'lifetime',
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (
	member_id pg_catalog.int8,
	value pg_catalog.numeric)
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 100000
AS 'MODULE_PATHNAME', 'community_measure_values';
COMMENT ON FUNCTION community.measure_values IS
'the value of a measure over a period at a time, of each active member';
REVOKE ALL ON FUNCTION community.measure_values FROM PUBLIC;

CREATE FUNCTION community.calibrate(
	measure pg_catalog.text,
	shares pg_catalog._numeric,
	period community.period DEFAULT 'lifetime',
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	at_most pg_catalog.bool DEFAULT false,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (
	share pg_catalog.numeric,
	threshold pg_catalog.numeric,
	members pg_catalog.int8,
	reached pg_catalog.int8,
	tied pg_catalog.int8)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 5
SET search_path = pg_catalog, pg_temp
AS $calibrate$
#variable_conflict use_column
DECLARE
	wished numeric;
	total numeric := 0;
BEGIN
	IF calibrate.shares IS NULL THEN
		RAISE EXCEPTION 'argument shares of calibrate() must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF calibrate.at_most IS NULL THEN
		RAISE EXCEPTION 'argument at_most of calibrate() must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF cardinality(calibrate.shares) = 0 OR array_ndims(calibrate.shares) <> 1 THEN
		RAISE EXCEPTION 'shares of calibrate() must be a list of one share or more'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	FOREACH wished IN ARRAY calibrate.shares LOOP
		IF wished IS NULL OR NOT wished > 0 OR NOT wished <= 1 THEN
			RAISE EXCEPTION 'share % of calibrate() is not above 0 and at most 1', coalesce(wished::text, 'null')
				USING ERRCODE = 'invalid_parameter_value',
					HINT = 'A share of 0.05 is that of five members in a hundred.';
		END IF;
		total := total + wished;
	END LOOP;
	IF total > 1 THEN
		RAISE EXCEPTION 'shares of calibrate() add up to %, which is more than 1', total
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Each is the share of members in one tier, the top tier first.';
	END IF;
	RETURN QUERY
	WITH value AS MATERIALIZED (
		-- where little is good, the lowest values are the highest
		SELECT CASE WHEN calibrate.at_most THEN - v.value ELSE v.value END AS value
		FROM community.measure_values(calibrate.measure, calibrate.period,
			calibrate.as_of, calibrate.program) AS v
	), wish AS (
		SELECT s.share, s.place, sum(s.share) OVER (ORDER BY s.place) AS reached
		FROM unnest(calibrate.shares) WITH ORDINALITY AS s (share, place)
	), found AS (
		SELECT w.share, w.place, f.threshold
		-- a little less, so that 0.07 of 100 is not the 8th for want of digits
		FROM (SELECT array_agg(greatest(w.reached::float8 - 1e-12, 0) ORDER BY w.place) AS reached
				FROM wish AS w) AS a,
			LATERAL (SELECT percentile_disc(a.reached)
					WITHIN GROUP (ORDER BY v.value DESC) AS thresholds
				FROM value AS v) AS p,
			LATERAL unnest(p.thresholds) WITH ORDINALITY AS f (threshold, place)
		JOIN wish AS w ON w.place = f.place
	), counted AS (
		SELECT f.share, f.place, f.threshold,
			count(*) FILTER (WHERE v.value >= f.threshold) AS reached,
			count(*) FILTER (WHERE v.value = f.threshold) AS tied
		FROM found AS f, value AS v
		GROUP BY f.share, f.place, f.threshold
	)
	SELECT c.share, CASE WHEN calibrate.at_most THEN - c.threshold ELSE c.threshold END,
		c.reached - coalesce(lag(c.reached) OVER (ORDER BY c.place), 0),
		c.reached, c.tied
	FROM counted AS c ORDER BY c.place;
END
$calibrate$;
COMMENT ON FUNCTION community.calibrate IS
'thresholds of a measure that give tiers the wished shares of active members, the top tier first, and what ties make of it';
REVOKE ALL ON FUNCTION community.calibrate FROM PUBLIC;
