
-- ------------------------------------------------------------ advance_ids
-- Sequences do not come with replicated rows.  Ids are those with the default
-- next_id(), which every table gets, and a few that are drawn by the library.
-- Marks up to which something is folded are ids as well: a credit that drew
-- one below them would never be counted.

CREATE FUNCTION community.advance_ids()
RETURNS pg_catalog.int8
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $advance_ids$
DECLARE
	local_node bigint := 0;
	thing record;
	used bigint;
	highest bigint := 0;
	drawn bigint;
BEGIN
	IF to_regclass('community.id_sequence') IS NULL THEN
		RAISE EXCEPTION 'the tables of community are not installed in this database'
			USING ERRCODE = 'CM009',
				HINT = 'Call community.create_program(name), or community.install_tables(owner) for another owner.';
	END IF;
	IF to_regclass('pg_catalog.pg_dist_local_group') IS NOT NULL THEN
		EXECUTE 'SELECT groupid::bigint FROM pg_catalog.pg_dist_local_group' INTO local_node;
	END IF;
	FOR thing IN
		SELECT c.oid::regclass AS relation, quote_ident(a.attname) AS id
		FROM pg_class AS c
		JOIN pg_attribute AS a ON a.attrelid = c.oid AND NOT a.attisdropped
		JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
		WHERE c.relnamespace = 'community'::regnamespace AND c.relkind IN ('r', 'p')
			AND EXISTS (SELECT FROM pg_depend AS p
				WHERE p.classid = 'pg_attrdef'::regclass AND p.objid = d.oid
					AND p.refclassid = 'pg_proc'::regclass
					AND p.refobjid = 'community.next_id()'::regprocedure)
		UNION ALL
		SELECT ('community.' || l.relation)::regclass, l.id
		FROM (VALUES ('entry', 'entry_id'), ('envelope', 'envelope_id'),
				('benefit_allowance', 'allowance_id'), ('ladder_version', 'version_id'),
				('inbox_fault', 'inbox_id'),
				('maintenance', '(SELECT max(m) FROM unnest(done_to) AS m WHERE m >> 48 = $2)'),
				('account_fold', '(SELECT max(m) FROM unnest(folded_to) AS m WHERE m >> 48 = $2)'),
				('member', 'CASE WHEN external_id IS NOT NULL THEN member_id - 1000000000000000 END')
			) AS l (relation, id)
	LOOP
		-- program by program, as an index has the programs first
		EXECUTE format('SELECT max(t.id) FROM community.program AS p, LATERAL ('
			'SELECT max(%s) AS id FROM %s AS t WHERE t.program_id = p.program_id'
			' AND %1$s >= $1 AND %1$s < $1 + (1::bigint << 48)) AS t', thing.id, thing.relation)
			INTO used USING local_node << 48, local_node;
		highest := greatest(highest, used - (local_node << 48));
	END LOOP;
	SELECT s.last_value - CASE WHEN s.is_called THEN 0 ELSE 1 END INTO drawn
	FROM community.id_sequence AS s;
	IF highest > drawn THEN
		PERFORM setval('community.id_sequence', highest);
		drawn := highest;
	END IF;
	RETURN (local_node << 48) + drawn;
END
$advance_ids$;
COMMENT ON FUNCTION community.advance_ids IS
'puts the sequence behind next_id() above every id in use, where it is behind, and gives the last id drawn; for a subscriber that takes over';
REVOKE ALL ON FUNCTION community.advance_ids FROM PUBLIC;
