
-- --------------------------------------------------- check_installation
-- The body is the check.sql of every room, in room order.  Each statement
-- returns one row for each fault it finds.  Being STABLE, all of them see the
-- snapshot of the query that calls the function.  Plans are made for the very
-- arguments, so that a single member is found through indexes, and with the
-- memory that keeps sorting a million entries off the disk.

CREATE FUNCTION community.check_installation(
	level pg_catalog.text DEFAULT 'quick',
	program pg_catalog.int8 DEFAULT NULL,
	member pg_catalog.int8 DEFAULT NULL)
RETURNS TABLE (
	rule pg_catalog.text,
	program_id pg_catalog.int8,
	member_id pg_catalog.int8,
	currency pg_catalog.text,
	object pg_catalog.text,
	detail pg_catalog.text)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
SET row_security = off
SET plan_cache_mode = force_custom_plan
SET work_mem = '64MB'
AS $check_installation$
#variable_conflict use_column
DECLARE
	only_program CONSTANT bigint := check_installation.program;
	only_member CONSTANT bigint := check_installation.member;
	thorough CONSTANT boolean := check_installation.level = 'full';
	needed CONSTANT integer := 1;
	present integer;
	local_node bigint := 0;
	last_drawn bigint;
	found boolean;
	keys text[];
BEGIN
	IF check_installation.level IS NULL OR check_installation.level NOT IN ('quick', 'full') THEN
		RAISE EXCEPTION 'level of check_installation() must be quick or full, not %',
				coalesce(quote_literal(check_installation.level), 'null')
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF to_regclass('community.installation') IS NULL THEN
		RAISE EXCEPTION 'the tables of community are not installed in this database'
			USING ERRCODE = 'CM009',
				HINT = 'Call community.create_program(name), or community.install_tables(owner) for another owner.';
	END IF;
	SELECT i.tables_version INTO present FROM community.installation AS i;
	IF present IS DISTINCT FROM needed THEN
		RAISE EXCEPTION 'tables of community have version %, this version of the extension checks %',
				coalesce(present::text, 'none'), needed
			USING ERRCODE = 'CM010',
				HINT = 'Run ALTER EXTENSION community UPDATE, then SELECT community.install_tables().';
	END IF;
	-- what is not there has no faults, which is not the answer wanted
	IF only_program IS NOT NULL AND NOT EXISTS (SELECT FROM community.program AS p
			WHERE p.program_id = only_program) THEN
		RAISE EXCEPTION 'program % does not exist', only_program
			USING ERRCODE = 'CM004';
	END IF;
	IF only_member IS NOT NULL THEN
		SELECT EXISTS (SELECT FROM community.member AS m
				WHERE m.member_id = only_member
					AND (only_program IS NULL OR m.program_id = only_program))
			OR EXISTS (SELECT FROM community.entry AS e
				WHERE e.member_id = only_member
					AND (only_program IS NULL OR e.program_id = only_program))
			INTO found;
		IF NOT found THEN
			RAISE EXCEPTION 'member % does not exist', only_member
				USING ERRCODE = 'CM002';
		END IF;
	END IF;

	-- ---------------------------------------------------------------- core

	-- tables that only grow: their guards are there and awake
	RETURN QUERY
	SELECT 'guard', NULL::bigint, NULL::bigint, NULL::text, 'table community.' || r.relation,
		format('the guard against %s is %s', g.against,
			CASE WHEN t.oid IS NULL THEN 'missing' ELSE 'disabled' END)
	FROM (VALUES ('event'), ('reversal_key'), ('entry')) AS r (relation),
		(VALUES (16, 'UPDATE'), (8, 'DELETE'), (32, 'TRUNCATE')) AS g (bit, against)
	LEFT JOIN LATERAL (
		SELECT t.oid, t.tgenabled FROM pg_trigger AS t
		WHERE t.tgrelid = to_regclass('community.' || r.relation)
			AND t.tgfoid = 'community.guard_append_only()'::regprocedure
			AND t.tgtype & g.bit <> 0
		ORDER BY t.tgenabled IN ('O', 'A') DESC LIMIT 1) AS t ON true
	WHERE t.oid IS NULL OR t.tgenabled NOT IN ('O', 'A');

	-- keys that must not be used twice: an index sees to that
	RETURN QUERY
	SELECT 'unique-key', NULL::bigint, NULL::bigint, NULL::text, 'table community.' || r.relation,
		format('no valid unique index on (%s)', array_to_string(r.columns, ', '))
	FROM (VALUES ('member', ARRAY['program_id', 'member_id']),
			('event', ARRAY['program_id', 'key', 'source', 'revision']),
			('reversal_key', ARRAY['program_id', 'source', 'request_key']),
			('engagement', ARRAY['program_id', 'member_id']),
			('entry', ARRAY['program_id', 'event_id', 'key', 'line']),
			('account_fold', ARRAY['program_id', 'member_id', 'currency_id']),
			('hold', ARRAY['program_id', 'key']),
			('referral', ARRAY['program_id', 'member_id'])) AS r (relation, columns)
	WHERE NOT EXISTS (
		SELECT FROM pg_index AS i
		WHERE i.indrelid = to_regclass('community.' || r.relation)
			AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indimmediate
			AND r.columns = (SELECT array_agg(a.attname::text ORDER BY k.n)
				FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, n)
				JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
				WHERE k.n <= i.indnkeyatts));

	-- ids are not drawn twice: the sequence is ahead of all that are in use
	IF to_regclass('pg_catalog.pg_dist_local_group') IS NOT NULL THEN
		EXECUTE 'SELECT groupid::bigint FROM pg_catalog.pg_dist_local_group' INTO local_node;
	END IF;
	SELECT (local_node << 48) + s.last_value - CASE WHEN s.is_called THEN 0 ELSE 1 END
		INTO last_drawn FROM community.id_sequence AS s;
