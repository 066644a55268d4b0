-- test/lint/catalog.sql: what the catalogue of an installed extension must
-- look like.  Prints "rule<tab>object" for each finding, "rule<tab>" for each
-- rule without one.  Run it in a database with the extension and a program.

BEGIN;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL client_min_messages = warning;

-- Exceptions, each with its reason.  The object is matched as a pattern.
CREATE TEMP TABLE exception (rule text, object text, reason text);
INSERT INTO exception VALUES
	('tenant-column', 'community.installation',
	 'one row that says which tables are installed'),
	('tenant-key', 'community.installation(%)',
	 'one row that says which tables are installed'),
	('tenant-key', 'community.program(%name%)',
	 'the name of a program is unique across programs'),
	('public-writer', 'community.next_id()',
	 'a column default; it only draws a number');

CREATE TEMP VIEW member AS
SELECT d.classid, d.objid
FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
	AND e.extname = 'community';

-- every function of ours, and how it is shown
CREATE TEMP VIEW fn AS
SELECT p.*, p.oid::regprocedure::text AS object, l.lanname,
	p.oid IN (SELECT objid FROM member WHERE classid = 'pg_proc'::regclass)
		AS is_member,
	has_function_privilege('public', p.oid, 'EXECUTE') AS is_public,
	p.prorettype IN ('trigger'::regtype, 'event_trigger'::regtype)
		AS is_trigger,
	EXISTS (SELECT FROM pg_type t
			WHERE p.oid IN (t.typinput, t.typoutput, t.typreceive, t.typsend,
							t.typmodin, t.typmodout, t.typanalyze))
		AS is_type_io
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace = 'community'::regnamespace
	OR p.oid IN (SELECT objid FROM member WHERE classid = 'pg_proc'::regclass);

-- every table and view of ours; partitions follow their parents
CREATE TEMP VIEW rel AS
SELECT c.*, c.oid::regclass::text AS object
FROM pg_class c
WHERE c.relnamespace = 'community'::regnamespace
	AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND NOT c.relispartition;

CREATE TEMP VIEW col AS
SELECT a.attrelid, a.attnum, a.atttypmod, a.attidentity, a.attacl,
	r.object || '.' || a.attname AS object,
	coalesce(nullif(t.typelem, 0), t.oid) AS basetype
FROM rel r JOIN pg_attribute a ON a.attrelid = r.oid
	JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attnum > 0 AND NOT a.attisdropped AND r.relkind IN ('r', 'p', 'm', 'f');

CREATE TEMP VIEW finding (rule, object) AS

-- what people see in \df+ and \d+
SELECT 'function-comment', object FROM fn
WHERE obj_description(oid, 'pg_proc') IS NULL
UNION ALL
SELECT 'type-comment', t.oid::regtype::text
FROM pg_type t JOIN member m ON m.objid = t.oid
	AND m.classid = 'pg_type'::regclass
WHERE t.typtype IN ('b', 'c', 'd', 'e', 'r') AND t.typsubscript = 0
	AND obj_description(t.oid, 'pg_type') IS NULL
	AND NOT (t.typtype = 'c' AND obj_description(t.typrelid, 'pg_class') IS NOT NULL)
UNION ALL
SELECT 'operator-comment', o.oid::regoperator::text
FROM pg_operator o JOIN member m ON m.objid = o.oid
	AND m.classid = 'pg_operator'::regclass
WHERE obj_description(o.oid, 'pg_operator') IS NULL
UNION ALL
SELECT 'relation-comment', object FROM rel
WHERE obj_description(oid, 'pg_class') IS NULL AND relkind <> 'S'
UNION ALL
SELECT 'column-comment', object FROM col
WHERE col_description(attrelid, attnum) IS NULL

-- who may do what
UNION ALL
SELECT 'search-path', object FROM fn
WHERE (prosecdef OR (lanname NOT IN ('c', 'internal') AND prosqlbody IS NULL))
	AND NOT coalesce(proconfig @> '{"search_path=pg_catalog, pg_temp"}', false)
UNION ALL
SELECT 'public-writer', object FROM fn
WHERE provolatile = 'v' AND is_public AND NOT is_trigger AND NOT is_type_io
UNION ALL
SELECT 'public-definer', object FROM fn WHERE prosecdef AND is_public
UNION ALL
SELECT 'leakproof', object FROM fn WHERE proleakproof
UNION ALL
SELECT 'default-labels', object FROM fn
WHERE provolatile = 'v' AND proparallel = 'u' AND NOT proisstrict
	AND proacl IS NULL AND prokind = 'f' AND NOT is_trigger
UNION ALL
SELECT 'public-relation', r.object
FROM rel r, aclexplode(r.relacl) a WHERE a.grantee = 0
UNION ALL
SELECT 'public-relation', c.object
FROM col c, aclexplode(c.attacl) a WHERE a.grantee = 0
UNION ALL
SELECT 'view-invoker', object FROM rel
WHERE relkind = 'v' AND current_setting('server_version_num')::int >= 150000
	AND NOT coalesce(reloptions && '{security_invoker=true,security_invoker=on,security_invoker=1}', false)

-- a program is a tenant: its id leads every row and every key
UNION ALL
SELECT 'tenant-column', r.object FROM rel r
WHERE r.relkind IN ('r', 'p')
	AND NOT EXISTS (SELECT FROM pg_attribute a
					WHERE a.attrelid = r.oid AND a.attnum = 1
						AND a.attname = 'program_id' AND a.attnotnull
						AND a.atttypid = 'bigint'::regtype)
UNION ALL
SELECT 'tenant-key', r.object || '(' ||
	coalesce((SELECT string_agg(coalesce(a.attname, 'expression'), ', ' ORDER BY k.n)
			  FROM unnest(i.indkey) WITH ORDINALITY k (attnum, n)
				LEFT JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum = k.attnum), '')
	|| ')'
FROM rel r JOIN pg_index i ON i.indrelid = r.oid
WHERE (i.indisunique OR i.indisexclusion)
	AND NOT EXISTS (SELECT FROM pg_attribute a
					WHERE a.attrelid = r.oid AND a.attnum = i.indkey[0]
						AND a.attname = 'program_id')
	-- an exclusion constraint knows bigints as ranges, the finest first
	AND pg_get_indexdef(i.indexrelid)
		NOT LIKE '%int8range(program_id, program_id, %'
UNION ALL
SELECT 'tenant-key', r.object || '(' || f.conname || ')'
FROM rel r JOIN pg_constraint f ON f.conrelid = r.oid AND f.contype = 'f'
WHERE NOT (EXISTS (SELECT FROM pg_attribute a
				   WHERE a.attrelid = r.oid AND a.attnum = f.conkey[1]
					AND a.attname = 'program_id')
		   AND EXISTS (SELECT FROM pg_attribute a
					   WHERE a.attrelid = f.confrelid AND a.attnum = f.confkey[1]
						AND a.attname = 'program_id'))

-- dump, restore, upgrade
UNION ALL
SELECT 'identity', object FROM col WHERE attidentity <> ''
UNION ALL
SELECT 'identity', s.oid::regclass::text
FROM pg_class s JOIN pg_depend d ON d.objid = s.oid
	AND d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
	AND d.deptype IN ('a', 'i')
WHERE s.relkind = 'S' AND s.relnamespace = 'community'::regnamespace
UNION ALL
SELECT 'column-type', object FROM col
WHERE basetype IN ('regproc'::regtype, 'regprocedure'::regtype,
				   'regoper'::regtype, 'regoperator'::regtype,
				   'regconfig'::regtype, 'regdictionary'::regtype,
				   'regnamespace'::regtype, 'regcollation'::regtype,
				   'real'::regtype, 'money'::regtype, 'bpchar'::regtype,
				   'timestamp'::regtype)
	OR (basetype = 'varchar'::regtype AND atttypmod >= 0)
UNION ALL
SELECT 'insert-trigger', r.object || '.' || t.tgname
FROM rel r JOIN pg_trigger t ON t.tgrelid = r.oid
	JOIN pg_proc p ON p.oid = t.tgfoid
WHERE NOT t.tgisinternal AND t.tgtype & 4 = 4
	AND p.proname NOT LIKE 'guard\_%' AND p.proname <> 'note_change'
	AND p.proname NOT LIKE '%\_guard'
UNION ALL
SELECT 'member-relation', c.oid::regclass::text
FROM pg_class c JOIN member m ON m.objid = c.oid
	AND m.classid = 'pg_class'::regclass
WHERE c.relkind IN ('r', 'p', 'S', 'f', 'm');

SELECT r.rule, f.object
FROM unnest(ARRAY['function-comment', 'type-comment', 'operator-comment',
				  'relation-comment', 'column-comment', 'search-path',
				  'public-writer', 'public-definer', 'leakproof',
				  'default-labels', 'public-relation', 'view-invoker',
				  'tenant-column', 'tenant-key', 'identity', 'column-type',
				  'insert-trigger', 'member-relation']) AS r (rule)
	LEFT JOIN (SELECT f.* FROM finding f
			   WHERE NOT EXISTS (SELECT FROM exception e
								 WHERE e.rule = f.rule
									AND f.object LIKE e.object)) f
		USING (rule)
ORDER BY 1, 2;

ROLLBACK;
