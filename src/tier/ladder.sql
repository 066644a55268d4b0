
-- --------------------------------------------------------------- ladders

CREATE FUNCTION community.ladder_definition(
	ladder pg_catalog.text,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.jsonb
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
SET IntervalStyle = 'postgres'
AS $ladder_definition$
#variable_conflict use_column
DECLARE
	definition jsonb;
	program_name text;
BEGIN
	IF ladder_definition.ladder IS NULL OR ladder_definition.program IS NULL THEN
		RAISE EXCEPTION 'argument % of ladder_definition() must not be null',
				CASE WHEN ladder_definition.ladder IS NULL THEN 'ladder' ELSE 'program' END
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	-- one statement, so that all of it is of one moment
	SELECT jsonb_build_object('name', l.name, 'promotion', l.promotion,
			'promotion_period', l.promotion_period::text, 'demotion', l.demotion,
			'term', l.term::text, 'term_rounding', l.term_rounding::text,
			'grace', l.grace::text, 'dwell', l.dwell::text, 'landing', l.landing,
			'grandfather', l.grandfather,
			'tiers', coalesce((SELECT jsonb_agg(jsonb_build_object('rank', t.rank, 'name', t.name,
					'entry', t.entry, 'needs', t.needs, 'seats', t.seats, 'fee_type', t.fee_type,
					'fee', t.fee, 'fee_term', t.fee_term::text,
					'requirements', coalesce((SELECT jsonb_agg(jsonb_build_object(
							'position', r.position, 'measure_id', r.measure_id, 'measure', m.name,
							'period', r.period::text, 'attain', trim_scale(r.attain),
							'keep', trim_scale(coalesce(r.keep, r.attain)),
							'at_most', r.at_most) ORDER BY r.position)
						FROM community.tier_requirement AS r
						JOIN community.measure AS m
							ON m.program_id = r.program_id AND m.measure_id = r.measure_id
						WHERE r.program_id = t.program_id AND r.ladder_id = t.ladder_id
							AND r.rank = t.rank), '[]')) ORDER BY t.rank)
				FROM community.tier AS t
				WHERE t.program_id = l.program_id AND t.ladder_id = l.ladder_id), '[]'))
		INTO definition
	FROM community.ladder AS l
	WHERE l.program_id = ladder_definition.program AND l.name = ladder_definition.ladder;
	IF definition IS NULL THEN
		SELECT p.name INTO program_name FROM community.program AS p
		WHERE p.program_id = ladder_definition.program;
		IF program_name IS NULL THEN
			RAISE EXCEPTION 'program % does not exist', ladder_definition.program
				USING ERRCODE = 'CM004';
		END IF;
		RAISE EXCEPTION 'ladder "%" of program "%" does not exist', ladder_definition.ladder, program_name
			USING ERRCODE = 'undefined_object',
				HINT = 'Ladders are the rows of community.ladder.';
	END IF;
	RETURN definition;
END
$ladder_definition$;
COMMENT ON FUNCTION community.ladder_definition IS
'the draft of a ladder with its tiers and their requirements, as publish_ladder() would freeze it';
REVOKE ALL ON FUNCTION community.ladder_definition FROM PUBLIC;

-- Looks at a definition and not at the tables, so that what is published is
-- what was looked at.  Constraints of the tables see to the rest.
CREATE FUNCTION community.definition_faults(
	definition pg_catalog.jsonb,
	program pg_catalog.int8)
RETURNS TABLE (
	severity pg_catalog.text,
	tier pg_catalog.text,
	requirement pg_catalog.int4,
	fault pg_catalog.text,
	hint pg_catalog.text)
LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED ROWS 5
SET search_path = pg_catalog, pg_temp
SET IntervalStyle = 'postgres'
AS $definition_faults$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH ladder AS (
		SELECT l.*, definition ->> 'name' AS name
		FROM jsonb_to_record(definition) AS l (promotion text, demotion text, term interval,
			grace interval, dwell interval, tiers jsonb)
	), tier AS (
		SELECT t.*, jsonb_array_length(t.requirements) AS requires,
			format('tier "%s" of ladder "%s"', t.name, l.name) AS object
		FROM ladder AS l, jsonb_to_recordset(l.tiers) AS t (rank integer, name text, entry text,
			needs integer, fee_type text, fee_term interval, requirements jsonb)
	), requirement AS (
		SELECT t.rank, t.name AS tier, r.*, m.kind, coalesce(r.at_most, false) AS caps,
			format('requirement %s of %s', r.position, t.object) AS object
		FROM tier AS t, jsonb_to_recordset(t.requirements) AS r (position integer,
			measure_id bigint, measure text, period text, attain numeric, keep numeric,
			at_most boolean)
		LEFT JOIN community.measure AS m
			ON m.program_id = definition_faults.program AND m.measure_id = r.measure_id
	), length AS (
		SELECT NULL::integer AS rank, NULL::text AS tier, x.what, x.length,
			format('ladder "%s"', l.name) AS object
		FROM ladder AS l, LATERAL (VALUES ('term', l.term), ('grace', l.grace),
			('dwell', l.dwell)) AS x (what, length)
		UNION ALL
		SELECT t.rank, t.name, 'fee_term', t.fee_term, t.object FROM tier AS t
	), found (place, rank, position, severity, tier, fault, hint) AS (
		SELECT 1, 0, 0, 'error', NULL, format('ladder "%s" has no tiers', l.name),
			'Tiers are the rows of community.tier.'
		FROM ladder AS l WHERE jsonb_array_length(l.tiers) = 0
		UNION ALL
		SELECT 2, t.rank, 0, 'error', t.name,
			format('%s has rank %s, its place from below is %s', t.object, t.rank, t.place),
			'Number the tiers of a ladder from 1, without gaps.'
		FROM (SELECT t.*, row_number() OVER (ORDER BY t.rank) AS place FROM tier AS t) AS t
		WHERE t.rank <> t.place
		UNION ALL
		-- months, days and hours of one sign: else a longer term could end earlier
		SELECT 3, coalesce(x.rank, 0), 0, 'error', x.tier,
			format('%s of %s is %s', x.what, x.object, x.length),
			'Give a finite interval, without negative parts.'
		FROM length AS x
		WHERE NOT isfinite(x.length) OR extract(year FROM x.length) < 0
			OR extract(month FROM x.length) < 0 OR extract(day FROM x.length) < 0
			OR extract(hour FROM x.length) < 0 OR extract(minute FROM x.length) < 0
			OR extract(second FROM x.length) < 0
		UNION ALL
		SELECT 4, t.rank, 0, 'error', t.name,
			format('%s needs %s of its requirements, it has %s', t.object, t.needs, t.requires),
			'Add requirements, or lower needs; null stands for all.'
		FROM tier AS t WHERE t.needs > t.requires
		UNION ALL
		SELECT 5, t.rank, 0, 'error', t.name,
			format('%s has rank %s and no requirements, so every member would reach it', t.object, t.rank),
			'Only the lowest tier may be free. Add requirements, or make its entry invitation or none.'
		FROM tier AS t WHERE t.requires = 0 AND t.entry = 'qualify' AND t.rank > 1
		UNION ALL
		SELECT 6, t.rank, 0, 'error', t.name,
			format('fee_type of %s is %s', t.object, CASE t.fee_type WHEN '' THEN 'empty'
				ELSE format('%s bytes long, the limit is 512', octet_length(t.fee_type)) END),
			'It is the type of the events that pay for the tier.'
		FROM tier AS t WHERE octet_length(t.fee_type) NOT BETWEEN 1 AND 512
		UNION ALL
		SELECT 7, r.rank, r.position, 'error', r.tier,
			format('%s is of measure %s, which does not exist', r.object, r.measure_id),
			'Measures are made by community.define_measure().'
		FROM requirement AS r WHERE r.kind IS NULL
		UNION ALL
		SELECT 8, r.rank, r.position, 'error', r.tier,
			format('%s has period %s, measure "%s" takes lifetime alone', r.object, r.period, r.measure),
			format('A measure of kind %s has no other period.', r.kind)
		FROM requirement AS r
		WHERE r.kind IN ('engagement', 'membership_days') AND r.period <> 'lifetime'
		UNION ALL
		SELECT 9, r.rank, r.position, 'error', r.tier,
			format('%s %ss at %s, measure "%s" counts whole numbers', r.object, v.what, v.value, r.measure),
			format('A measure of kind %s takes thresholds without a fraction.', r.kind)
		FROM requirement AS r, LATERAL (VALUES ('attain', r.attain), ('keep', r.keep)) AS v (what, value)
		WHERE r.kind NOT IN ('engagement', 'function') AND trunc(v.value) IS DISTINCT FROM v.value
			AND (v.what = 'attain' OR r.keep <> r.attain)
		UNION ALL
		SELECT 10, r.rank, r.position, 'warning', r.tier,
			format('%s attains at %s, but tier "%s" below it at %s, of the same measure and period',
				r.object, r.attain, b.tier, b.attain),
			'A higher tier is mostly harder to reach.'
		FROM requirement AS r, LATERAL (SELECT b.tier, b.attain FROM requirement AS b
			WHERE b.measure_id = r.measure_id AND b.period = r.period AND b.rank < r.rank
				AND b.caps = r.caps
				AND CASE WHEN r.caps THEN b.attain < r.attain ELSE b.attain > r.attain END
			ORDER BY abs(b.attain - r.attain) DESC, b.rank LIMIT 1) AS b
		UNION ALL
		SELECT 11, t.rank, 0, 'warning', t.name,
			format('%s has requirements, but its entry is none: nobody reaches it by them', t.object),
			'Make its entry qualify or invitation, or take the requirements away.'
		FROM tier AS t WHERE t.entry = 'none' AND t.requires > 0
		UNION ALL
		SELECT 12, 0, 0, 'warning', NULL,
			format('%s of ladder "%s" is %s, but its demotion is %s', x.what, l.name, x.length, l.demotion),
			CASE x.what WHEN 'grace' THEN 'Nobody is demoted, so nobody is given grace.'
				ELSE 'Only a ladder whose demotion is drop has a dwell.' END
		FROM ladder AS l, LATERAL (VALUES ('grace', l.grace, 'never'),
				('dwell', l.dwell, 'never'), ('dwell', l.dwell, 'term_end')) AS x (what, length, demotion)
		WHERE x.demotion = l.demotion AND x.length > '0'
		UNION ALL
		SELECT 13, r.rank, r.position, 'error', r.tier,
			format('%s asks for at most %s of measure "%s", which fades', r.object, r.attain, r.measure),
			'Engagement takes what is needed at least.'
		FROM requirement AS r WHERE r.caps AND r.kind = 'engagement'
		UNION ALL
		SELECT 14, t.rank, 0, 'warning', t.name,
			format('%s is reached by who has done nothing: enough of its requirements ask for at most so much',
				t.object),
			'Ask for something at least, too, or for more of its requirements.'
		FROM tier AS t WHERE t.entry = 'qualify' AND t.rank > 1 AND t.requires > 0
			AND (SELECT count(*) FROM requirement AS r WHERE r.rank = t.rank AND r.caps)
				>= coalesce(t.needs, t.requires)
	)
	SELECT f.severity, f.tier, nullif(f.position, 0), f.fault, f.hint
	FROM found AS f ORDER BY f.severity, f.rank, f.position, f.place, f.fault;
END
$definition_faults$;
COMMENT ON FUNCTION community.definition_faults IS
'what is wrong with the definition of a ladder; check_ladder() asks it about a draft';
REVOKE ALL ON FUNCTION community.definition_faults FROM PUBLIC;

CREATE FUNCTION community.check_ladder(
	ladder pg_catalog.text,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (
	severity pg_catalog.text,
	tier pg_catalog.text,
	requirement pg_catalog.int4,
	fault pg_catalog.text,
	hint pg_catalog.text)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 5
SET search_path = pg_catalog, pg_temp
AS $check_ladder$
#variable_conflict use_column
BEGIN
	RETURN QUERY SELECT f.* FROM community.definition_faults(
		community.ladder_definition(check_ladder.ladder, check_ladder.program),
		check_ladder.program) AS f;
END
$check_ladder$;
COMMENT ON FUNCTION community.check_ladder IS
'what is wrong with the draft of a ladder: errors that publish_ladder() refuses, and warnings; no row when all is well';
REVOKE ALL ON FUNCTION community.check_ladder FROM PUBLIC;

CREATE FUNCTION community.publish_ladder(
	ladder pg_catalog.text,
	effective_from pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (
	from_tier pg_catalog.text,
	to_tier pg_catalog.text,
	members pg_catalog.int8)
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 20
AS 'MODULE_PATHNAME', 'community_publish_ladder';
COMMENT ON FUNCTION community.publish_ladder IS
'puts the draft of a ladder in force from a time on, -infinity for always, and says how many members will move from which tier to which';
REVOKE ALL ON FUNCTION community.publish_ladder FROM PUBLIC;

CREATE FUNCTION community.guard_ladders()
RETURNS pg_catalog.trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_guard_ladders';
COMMENT ON FUNCTION community.guard_ladders IS
'trigger: keeps published versions, what they measure, tenures and rulings as they were; they only end';
REVOKE ALL ON FUNCTION community.guard_ladders FROM PUBLIC;

-- -------------------------------------------------------------- measures

CREATE FUNCTION community.define_measure(
	name pg_catalog.text,
	kind pg_catalog.text,
	types pg_catalog.text[] DEFAULT NULL,
	payload_filter pg_catalog.jsonb DEFAULT NULL,
	currency pg_catalog.text DEFAULT NULL,
	function pg_catalog.text DEFAULT NULL,
	side pg_catalog.text DEFAULT 'actor',
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.int8
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_define_measure';
COMMENT ON FUNCTION community.define_measure IS
'makes a measure, what ladders and awards count, and gives its id; idempotent, an error where one of that name is another';
REVOKE ALL ON FUNCTION community.define_measure FROM PUBLIC;

CREATE FUNCTION community.measure_value(
	member pg_catalog.int8,
	measure pg_catalog.text,
	during pg_catalog.tstzrange,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.numeric
LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000
AS 'MODULE_PATHNAME', 'community_measure_value';
COMMENT ON FUNCTION community.measure_value IS
'what a measure comes to for a member over a range of time, straight from the events and entries';
REVOKE ALL ON FUNCTION community.measure_value FROM PUBLIC;
