/* community: membership, loyalty, referral and super-user engine */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION community" to load this file. \quit

-- A schema that belongs to, is open to, or holds code of another role could
-- put a function or an operator in our way.  Refuse it before anything else.
DO $prelude$
DECLARE
	thing record;
BEGIN
	SELECT n.nspowner::pg_catalog.regrole AS owner INTO thing
	FROM pg_catalog.pg_namespace AS n
	WHERE n.nspname OPERATOR(pg_catalog.=) 'community'::pg_catalog.name
		AND n.nspowner OPERATOR(pg_catalog.<>)
			(SELECT r.oid FROM pg_catalog.pg_roles AS r
			 WHERE r.rolname OPERATOR(pg_catalog.=) CURRENT_USER);
	IF FOUND THEN
		RAISE EXCEPTION 'schema "community" exists and belongs to role %', thing.owner
			USING ERRCODE = 'duplicate_schema',
				HINT = 'Drop or rename it, or install as its owner.';
	END IF;

	SELECT CASE WHEN a.grantee OPERATOR(pg_catalog.=) '0'::pg_catalog.oid THEN 'PUBLIC'::pg_catalog.text
		ELSE a.grantee::pg_catalog.regrole::pg_catalog.text END AS grantee INTO thing
	FROM pg_catalog.pg_namespace AS n,
		LATERAL pg_catalog.aclexplode(n.nspacl) AS a
	WHERE n.nspname OPERATOR(pg_catalog.=) 'community'::pg_catalog.name
		AND a.privilege_type OPERATOR(pg_catalog.=) 'CREATE'::pg_catalog.text
		AND a.grantee OPERATOR(pg_catalog.<>) n.nspowner;
	IF FOUND THEN
		RAISE EXCEPTION 'schema "community" exists and role % may create objects in it', thing.grantee
			USING ERRCODE = 'duplicate_schema',
				HINT = 'REVOKE CREATE ON SCHEMA community from every role but its owner.';
	END IF;

	SELECT o.kind, o.name, o.owner::pg_catalog.regrole AS owner INTO thing
	FROM (SELECT 'function'::pg_catalog.text AS kind, p.proname AS name,
				p.proowner AS owner, p.pronamespace AS schema
		FROM pg_catalog.pg_proc AS p
		UNION ALL
		SELECT 'operator'::pg_catalog.text, p.oprname, p.oprowner, p.oprnamespace
		FROM pg_catalog.pg_operator AS p) AS o
	JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) o.schema
	WHERE n.nspname OPERATOR(pg_catalog.=) 'community'::pg_catalog.name
		AND o.owner OPERATOR(pg_catalog.<>) n.nspowner
	LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'schema "community" exists and holds % "%" of role %', thing.kind, thing.name, thing.owner
			USING ERRCODE = 'duplicate_schema',
				HINT = 'Drop what other roles have put there.';
	END IF;
END
$prelude$;
