
-- --------------------------------------------------------- install_tables
-- The body is the tables.sql of every room, in room order.  Each statement
-- creates what is missing and leaves alone what is there, so a second call
-- repairs, and migration steps of later versions come first.

CREATE FUNCTION community.install_tables(owner pg_catalog.regrole DEFAULT NULL)
RETURNS pg_catalog.text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $install_tables$
DECLARE
	present integer;
	needed CONSTANT integer := 1;
	keeper regrole;
	thing record;
	filled boolean;
BEGIN
	IF install_tables.owner IS NOT NULL
		AND NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = install_tables.owner) THEN
		RAISE EXCEPTION 'role with OID % does not exist', install_tables.owner::oid
			USING ERRCODE = 'undefined_object';
	END IF;
	PERFORM pg_advisory_xact_lock(hashtextextended('community.install_tables', 0));

	IF to_regclass('community.installation') IS NOT NULL THEN
		EXECUTE 'SELECT tables_version FROM community.installation' INTO present;
		SELECT c.relowner INTO keeper FROM pg_class AS c
		WHERE c.oid = 'community.installation'::regclass;
		IF install_tables.owner IS NOT NULL AND install_tables.owner <> keeper THEN
			RAISE EXCEPTION 'the tables of community belong to role %, not to %', keeper, install_tables.owner
				USING ERRCODE = 'object_not_in_prerequisite_state',
					HINT = 'Use ALTER TABLE ... OWNER TO to give them away.';
		END IF;
		IF present > needed THEN
			RAISE EXCEPTION 'tables of community have version %, this version of the extension knows %', present, needed
				USING ERRCODE = 'CM010',
					HINT = 'Install the package of community that these tables were made with, or a newer one.';
		END IF;
	ELSE
		keeper := coalesce(install_tables.owner, current_user::regrole);
	END IF;
