
-- ----------------------------------------------------------------- rules

CREATE FUNCTION community.simulate(
	member pg_catalog.int8,
	type pg_catalog.text,
	amount pg_catalog.int8 DEFAULT 0,
	occurred_at pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	target pg_catalog.int8 DEFAULT NULL,
	payload pg_catalog.jsonb DEFAULT '{}',
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (
	member pg_catalog.int8,
	currency pg_catalog.text,
	rule pg_catalog.text,
	rule_id pg_catalog.int8,
	points pg_catalog.int8,
	cut pg_catalog.int8,
	cut_by pg_catalog.text,
	available_at pg_catalog.timestamptz,
	expires_at pg_catalog.timestamptz,
	priority pg_catalog.int4,
	factor pg_catalog.numeric)
LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 3
AS 'MODULE_PATHNAME', 'community_simulate';
COMMENT ON FUNCTION community.simulate IS
'what an event would earn now, rule by rule and after caps; writes nothing and takes no lock';
REVOKE ALL ON FUNCTION community.simulate FROM PUBLIC;

CREATE FUNCTION community.change_rule(
	name pg_catalog.text,
	changes pg_catalog.jsonb,
	from_time pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.int8
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_change_rule';
COMMENT ON FUNCTION community.change_rule IS
'ends the version of an accrual rule that is valid at from_time, adds the next with changes by column, and gives its id';
REVOKE ALL ON FUNCTION community.change_rule FROM PUBLIC;

CREATE FUNCTION community.close_rule(
	name pg_catalog.text,
	from_time pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.int8
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_close_rule';
COMMENT ON FUNCTION community.close_rule IS
'ends the version of an accrual rule that is valid at from_time, and gives its id';
REVOKE ALL ON FUNCTION community.close_rule FROM PUBLIC;

CREATE FUNCTION community.guard_rules()
RETURNS pg_catalog.trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_guard_rules';
COMMENT ON FUNCTION community.guard_rules IS
'trigger: lets accrual rules and caps that have been in force only end, and sees that rules have one order';
REVOKE ALL ON FUNCTION community.guard_rules FROM PUBLIC;

CREATE FUNCTION community.cap_faults(
	program pg_catalog.int8 DEFAULT community.current_program(),
	member pg_catalog.int8 DEFAULT NULL)
RETURNS TABLE (
	member_id pg_catalog.int8,
	cap_id pg_catalog.int8,
	cap pg_catalog.text,
	used_at pg_catalog.timestamptz,
	fault pg_catalog.text)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 10
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = on
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $cap_faults$
#variable_conflict use_column
BEGIN
	-- a program that statistics do not know yet looks like one row; what is a
	-- join of two rows then would be quadratic
	IF cap_faults.member IS NULL THEN
		PERFORM set_config('enable_nestloop', 'off', true);
	END IF;
	RETURN QUERY
	WITH ruling AS (
		SELECT c.*, p.time_zone, c.period::text LIKE 'rolling%' AS rolling
		FROM community.cap AS c
		JOIN community.program AS p ON p.program_id = c.program_id
		WHERE c.program_id = cap_faults.program
	), given AS (
		-- what each entry gave under each cap, at the time of the event it is about
		SELECT c.cap_id, e.member_id, o.event_id, e.line >= 1000 AS to_target,
			CASE WHEN c.rolling THEN o.occurred_at
				ELSE coalesce(lower(community.period_at(c.period, o.occurred_at,
					m.joined_at, c.time_zone)), '-infinity') END AS used_at,
			-- who ran when the cap was added may not have seen it yet
			e.recorded_at >= c.created_at + interval '1 hour' AS surely,
			s.points
		FROM community.entry AS e
		JOIN community.event AS v ON v.program_id = e.program_id AND v.event_id = e.event_id
		JOIN community.event AS o ON o.program_id = v.program_id
			AND o.event_id = coalesce(v.corrects, v.event_id)
		JOIN community.member AS m ON m.program_id = e.program_id AND m.member_id = e.member_id
		JOIN ruling AS c ON c.currency_id = e.currency_id AND c.valid @> o.occurred_at,
			LATERAL (SELECT sum(g.points)::bigint AS points
				FROM unnest(e.rule_ids, e.rule_points) AS g (rule_id, points)
				JOIN community.accrual_rule AS r
					ON r.program_id = e.program_id AND r.rule_id = g.rule_id
				WHERE c.rules IS NULL OR r.name = ANY (c.rules)) AS s
		WHERE e.program_id = cap_faults.program AND e.event_id <> 0 AND e.kind = 'accrue'
			AND (cap_faults.member IS NULL OR e.member_id = cap_faults.member)
			AND s.points > 0
	), expected AS (
		SELECT g.cap_id, g.member_id, g.used_at, sum(g.points)::bigint AS most_points,
			coalesce(sum(g.points) FILTER (WHERE g.surely), 0)::bigint AS least_points,
			count(DISTINCT (g.event_id, g.to_target)) AS most_events,
			count(DISTINCT g.event_id) FILTER (WHERE g.surely) AS least_events
		FROM given AS g
		GROUP BY g.cap_id, g.member_id, g.used_at
	), used AS (
		SELECT u.* FROM community.cap_usage AS u
		JOIN ruling AS c ON c.cap_id = u.cap_id
		WHERE u.program_id = cap_faults.program
			AND (cap_faults.member IS NULL OR u.member_id = cap_faults.member)
			AND NOT (c.rolling AND u.used_at = '-infinity')
	), compared AS (
		SELECT coalesce(u.cap_id, e.cap_id) AS cap_id,
			coalesce(u.member_id, e.member_id) AS member_id,
			coalesce(u.used_at, e.used_at) AS used_at,
			coalesce(u.points, 0) AS points, coalesce(u.events, 0) AS events,
			coalesce(e.least_points, 0) AS least_points,
			coalesce(e.most_points, 0) AS most_points,
			coalesce(e.least_events, 0) AS least_events,
			coalesce(e.most_events, 0) AS most_events
		FROM used AS u
		FULL JOIN expected AS e ON e.cap_id = u.cap_id
			AND e.member_id = u.member_id AND e.used_at = u.used_at
	), summed AS (
		-- a rolling period is the sum of the events in it
		SELECT c.cap_id, u.member_id, u.used_at,
			CASE WHEN c.counts = 'points' THEN s.points ELSE s.events END AS number
		FROM used AS u
		JOIN ruling AS c ON c.cap_id = u.cap_id,
			LATERAL (SELECT coalesce(sum(w.points), u.points) AS points,
					coalesce(sum(w.events), u.events) AS events
				FROM community.cap_usage AS w
				WHERE c.rolling AND w.program_id = u.program_id AND w.cap_id = u.cap_id
					AND w.member_id = u.member_id AND w.used_at <= u.used_at
					AND w.used_at > lower(community.period_at(c.period, u.used_at,
						NULL, c.time_zone))) AS s
	)
	SELECT f.member_id, c.cap_id, c.name, f.used_at, f.fault
	FROM (
		SELECT x.cap_id, x.member_id, x.used_at,
			format('counted %s points, but entries gave %s', x.points, CASE
				WHEN x.points > x.most_points THEN x.most_points ELSE x.least_points END)
		FROM compared AS x WHERE x.points NOT BETWEEN x.least_points AND x.most_points
		UNION ALL
		SELECT x.cap_id, x.member_id, x.used_at,
			format('counted %s events, but entries are of %s', x.events, CASE
				WHEN x.events > x.most_events THEN x.most_events ELSE x.least_events END)
		FROM compared AS x WHERE x.events NOT BETWEEN x.least_events AND x.most_events
		UNION ALL
		SELECT s.cap_id, s.member_id, s.used_at,
			format('counted %s %s in %s, the maximum is %s', s.number, l.counts, l.period, l.maximum)
		FROM summed AS s JOIN ruling AS l ON l.cap_id = s.cap_id WHERE s.number > l.maximum
	) AS f (cap_id, member_id, used_at, fault)
	JOIN ruling AS c ON c.cap_id = f.cap_id
	ORDER BY f.member_id, c.cap_id, f.used_at, f.fault;
END
$cap_faults$;
COMMENT ON FUNCTION community.cap_faults IS
'where what caps have counted disagrees with the entries, or exceeds a maximum; empty is healthy';
REVOKE ALL ON FUNCTION community.cap_faults FROM PUBLIC;
