
--
-- score: composite scores
--

CREATE FUNCTION community.normalise_score(
	raw pg_catalog.float8,
	transform pg_catalog.text,
	cap pg_catalog.float8)
RETURNS pg_catalog.numeric
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'community_normalise_score';
COMMENT ON FUNCTION community.normalise_score IS
'an amount normalised to 0 to 1, in millionths: linear (or capped) amount / cap, or log';

CREATE FUNCTION community.super_user_status(
	was pg_catalog.bool,
	score pg_catalog.numeric,
	line pg_catalog.numeric,
	keep pg_catalog.numeric DEFAULT 0.9,
	dwells pg_catalog.bool DEFAULT false,
	locked pg_catalog.bool DEFAULT false,
	vetoed pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.bool
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'community_super_user_status';
COMMENT ON FUNCTION community.super_user_status IS
'whether a member with that score is a super-user: in at the line, out below a share of it';

CREATE FUNCTION community.define_score_model(
	code pg_catalog.text,
	components pg_catalog.jsonb,
	name pg_catalog.text DEFAULT NULL,
	line pg_catalog.numeric DEFAULT NULL,
	top_share pg_catalog.numeric DEFAULT NULL,
	keep pg_catalog.numeric DEFAULT 0.9,
	dwell pg_catalog.interval DEFAULT '14 days',
	every community.period DEFAULT NULL,
	valid_from pg_catalog.timestamptz DEFAULT NULL,
	main pg_catalog.bool DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.int8
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_define_score_model';
COMMENT ON FUNCTION community.define_score_model IS
'makes a model of a composite score, or its next version; gives the id of the version, of the one in force if that is just like it';
REVOKE ALL ON FUNCTION community.define_score_model FROM PUBLIC;

CREATE PROCEDURE community.refresh_scores(
	model pg_catalog.text,
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
LANGUAGE C
AS 'MODULE_PATHNAME', 'community_refresh_scores';
COMMENT ON PROCEDURE community.refresh_scores IS
'computes the scores of all members by a model and decides who is a super-user, in batches that commit';
REVOKE ALL ON PROCEDURE community.refresh_scores FROM PUBLIC;

CREATE FUNCTION community.explain_score(
	member pg_catalog.int8,
	model pg_catalog.text,
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (
	component pg_catalog.text,
	kind pg_catalog.text,
	raw pg_catalog.float8,
	normalised pg_catalog.numeric,
	weight pg_catalog.numeric,
	contribution pg_catalog.numeric,
	change pg_catalog.numeric,
	missing_to_full pg_catalog.float8,
	missing_to_line pg_catalog.float8,
	raises_most pg_catalog.bool,
	moves_alone pg_catalog.bool,
	lacks_givers pg_catalog.bool,
	shapley pg_catalog.numeric,
	scored_as_of pg_catalog.timestamptz,
	version pg_catalog.int4)
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 6
AS 'MODULE_PATHNAME', 'community_explain_score';
COMMENT ON FUNCTION community.explain_score IS
'the parts of a member''s score, which sum to it exactly, what has changed since the refresh before, and what would raise it';
REVOKE ALL ON FUNCTION community.explain_score FROM PUBLIC;

CREATE FUNCTION community.compare_scores(
	model pg_catalog.text,
	before pg_catalog.timestamptz,
	after pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (
	member pg_catalog.int8,
	component pg_catalog.text,
	before_contribution pg_catalog.numeric,
	after_contribution pg_catalog.numeric,
	change pg_catalog.numeric,
	before_version pg_catalog.int4,
	after_version pg_catalog.int4)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 10000
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
AS $compare_scores$
#variable_conflict use_column
DECLARE
	tenant CONSTANT bigint := compare_scores.program;
	wanted bigint;
	earlier community.score_refresh;
	later community.score_refresh;
BEGIN
	SELECT m.model_id INTO wanted FROM community.score_model AS m
	WHERE m.program_id = tenant AND m.code = compare_scores.model;
	IF wanted IS NULL THEN
		RAISE EXCEPTION 'score model "%" of program % does not exist', compare_scores.model, tenant
			USING ERRCODE = 'undefined_object';
	END IF;
	SELECT r.* INTO earlier FROM community.score_refresh AS r
	WHERE r.program_id = tenant AND r.model_id = wanted AND r.status = 'done'
		AND r.superseded_at IS NULL AND r.as_of <= compare_scores.before
	ORDER BY r.as_of DESC LIMIT 1;
	SELECT r.* INTO later FROM community.score_refresh AS r
	WHERE r.program_id = tenant AND r.model_id = wanted AND r.status = 'done'
		AND r.superseded_at IS NULL AND r.as_of <= compare_scores.after
	ORDER BY r.as_of DESC LIMIT 1;
	RETURN QUERY
	WITH part AS (
		SELECT s.refresh_id, s.member_id, c.code,
			round(c.weight * s.units[c.position] * 0.000001, 6) AS contribution
		FROM (VALUES (earlier.refresh_id, earlier.version_id),
				(later.refresh_id, later.version_id)) AS r (refresh_id, version_id)
		JOIN community.member_score AS s
			ON s.program_id = tenant AND s.refresh_id = r.refresh_id
		JOIN community.score_component AS c
			ON c.program_id = tenant AND c.version_id = r.version_id
		WHERE r.refresh_id IS NOT NULL
	)
	SELECT coalesce(a.member_id, b.member_id), coalesce(a.code, b.code), b.contribution,
		a.contribution, coalesce(a.contribution, 0) - coalesce(b.contribution, 0),
		CASE WHEN b.code IS NOT NULL THEN (SELECT v.version
			FROM community.score_model_version AS v
			WHERE v.program_id = tenant AND v.version_id = earlier.version_id) END,
		CASE WHEN a.code IS NOT NULL THEN (SELECT v.version
			FROM community.score_model_version AS v
			WHERE v.program_id = tenant AND v.version_id = later.version_id) END
	FROM (SELECT DISTINCT x.* FROM part AS x WHERE x.refresh_id = earlier.refresh_id) AS b
	FULL JOIN (SELECT DISTINCT x.* FROM part AS x WHERE x.refresh_id = later.refresh_id) AS a
		ON a.member_id = b.member_id AND a.code = b.code;
END
$compare_scores$;
COMMENT ON FUNCTION community.compare_scores IS
'how the parts of all scores have changed between the newest refreshes up to two times, across versions';
REVOKE ALL ON FUNCTION community.compare_scores FROM PUBLIC;

-- Super-users

CREATE FUNCTION community.is_super_user(
	member pg_catalog.int8,
	model pg_catalog.text,
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	known_at pg_catalog.timestamptz DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.bool
LANGUAGE C STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_is_super_user';
COMMENT ON FUNCTION community.is_super_user IS
'whether a member is a super-user by a model at a time; with known_at what was believed at that time';
REVOKE ALL ON FUNCTION community.is_super_user FROM PUBLIC;

CREATE FUNCTION community.lock_super_user(
	member pg_catalog.int8,
	model pg_catalog.text,
	during pg_catalog.tstzrange DEFAULT NULL,
	reason pg_catalog.text DEFAULT NULL,
	key pg_catalog.text DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.int8
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_lock_super_user';
COMMENT ON FUNCTION community.lock_super_user IS
'keeps the super-user status of a member as it is, during a range, from now on by default; gives the id of the ruling';
REVOKE ALL ON FUNCTION community.lock_super_user FROM PUBLIC;

CREATE FUNCTION community.veto_super_user(
	member pg_catalog.int8,
	model pg_catalog.text,
	during pg_catalog.tstzrange DEFAULT NULL,
	reason pg_catalog.text DEFAULT NULL,
	key pg_catalog.text DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.int8
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_veto_super_user';
COMMENT ON FUNCTION community.veto_super_user IS
'ends the super-user status of a member and keeps it out, during a range, from now on by default; gives the id of the ruling';
REVOKE ALL ON FUNCTION community.veto_super_user FROM PUBLIC;

CREATE FUNCTION community.end_super_user_ruling(
	key pg_catalog.text,
	at pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_end_super_user_ruling';
COMMENT ON FUNCTION community.end_super_user_ruling IS
'ends a lock or veto of a super-user at a time; false when it had ended by then';
REVOKE ALL ON FUNCTION community.end_super_user_ruling FROM PUBLIC;

CREATE FUNCTION community.guard_scores() RETURNS pg_catalog.trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_guard_scores';
COMMENT ON FUNCTION community.guard_scores IS
'keeps versions, refreshes and statuses that scores were made of from being edited';
REVOKE ALL ON FUNCTION community.guard_scores FROM PUBLIC;
