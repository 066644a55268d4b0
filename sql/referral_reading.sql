-- If this failed, a member would be told the wrong upline or downline, now or
-- at a time before, or a damaged forest would keep a session busy for ever.
-- The forest is G of the golden table: A to L are 1 to 12, each joining on a
-- day of January 2024.
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SELECT community.create_program('referral reading') > 0 AS created;
SET community.program = 'referral reading';
CREATE FUNCTION pg_temp.day(n integer) RETURNS timestamptz LANGUAGE sql AS $$ SELECT '2024-01-01 00:00+00'::timestamptz + n * interval '1 day' $$;
CREATE FUNCTION pg_temp.letter(id bigint) RETURNS text LANGUAGE sql AS $$ SELECT chr(64 + id::integer) $$;
CREATE FUNCTION pg_temp.error_of(sql text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE sql;
	RETURN 'none';
EXCEPTION WHEN OTHERS THEN
	RETURN sqlstate || ' ' || sqlerrm;
END $$;
SELECT string_agg(pg_temp.letter(community.enroll(m, sponsor => s, joined_at => pg_temp.day(d))), '' ORDER BY o)
FROM (VALUES (1, 1, NULL, 0), (2, 2, NULL, 0), (3, 3, NULL, 1), (4, 4, 1, 1), (5, 5, 1, 2), (6, 6, 1, 4), (7, 7, 4, 3), (8, 8, 4, 5),
	(9, 9, 7, 6), (10, 10, 2, 2), (11, 11, 10, 9), (12, 12, NULL, 10)) AS g (o, m, s, d);

-- up
SELECT level, pg_temp.letter(member_id) AS member, joined_at::date, lapses_at FROM community.upline(9);
SELECT level, pg_temp.letter(member_id) AS member FROM community.upline(9, 2);
SELECT count(*) FROM community.upline(9, 0);
SELECT count(*) FROM community.upline(1);
SELECT (community.upline(9, 1)).member_id;
-- down, level by level
SELECT level, pg_temp.letter(member_id) AS member, pg_temp.letter(sponsor_id) AS sponsor, joined_at::date FROM community.downline(1);
SELECT string_agg(pg_temp.letter(member_id), '') FROM community.downline(1, 1);
SELECT string_agg(pg_temp.letter(member_id), '') FROM community.downline(1, levels => 2);
SELECT count(*) FROM community.downline(12);
-- the golden rows: downline and generations
SELECT string_agg(pg_temp.letter(m) || n, ' ' ORDER BY m) FROM (SELECT m, (SELECT count(*) FROM community.downline(m)) AS n FROM generate_series(1, 12) AS m) AS x WHERE n > 0;
SELECT generation, count(*) FROM (SELECT community.generation(m) FROM generate_series(1, 12) AS m) AS x GROUP BY 1 ORDER BY 1;
-- two members
SELECT string_agg(pg_temp.letter(a) || '>' || pg_temp.letter(m), ' ' ORDER BY a, m) FROM generate_series(1, 12) AS a, generate_series(1, 12) AS m WHERE community.is_upline(a, m);
SELECT a, b, pg_temp.letter(community.common_sponsor(ascii(a) - 64, ascii(b) - 64)) AS common
FROM (VALUES ('I', 'H'), ('H', 'I'), ('I', 'F'), ('E', 'F'), ('I', 'G'), ('G', 'I'), ('A', 'I'), ('I', 'A'), ('I', 'I'), ('A', 'A'), ('A', 'B'), ('I', 'K'), ('L', 'A')) AS x (a, b);

-- as it was: nobody had a sponsor before joining
SELECT d AS day, (SELECT string_agg(pg_temp.letter(member_id), '') FROM community.downline(1, NULL, pg_temp.day(d))) AS below_a,
	(SELECT string_agg(pg_temp.letter(member_id), '') FROM community.upline(9, NULL, pg_temp.day(d))) AS above_i, community.generation(9, pg_temp.day(d)) AS generation,
	community.is_upline(1, 9, pg_temp.day(d)) AS is_below, pg_temp.letter(community.common_sponsor(7, 5, pg_temp.day(d))) AS common
FROM generate_series(0, 7) AS d;
-- a subtree moves, and then becomes a tree of its own
SELECT clock_timestamp() AS before FROM pg_sleep(0.001)
\gset
SELECT community.reparent(4, 10, 'moved house') IS NOT NULL AS moved;
SELECT clock_timestamp() AS between FROM pg_sleep(0.001)
\gset
SELECT community.reparent(4, NULL, 'moved out') IS NOT NULL AS moved;
SELECT name, (SELECT string_agg(level || pg_temp.letter(member_id), ' ') FROM community.upline(9, as_of => at)) AS above_i,
	(SELECT string_agg(level || pg_temp.letter(member_id), ' ') FROM community.downline(1, as_of => at)) AS below_a,
	(SELECT string_agg(level || pg_temp.letter(member_id), ' ') FROM community.downline(2, as_of => at)) AS below_b,
	community.generation(9, at) AS generation, pg_temp.letter(community.common_sponsor(9, 11, at)) AS common, community.is_upline(1, 9, at) AS is_below
FROM (VALUES (1, 'before', :'before'::timestamptz), (2, 'between', :'between'), (3, 'infinity', 'infinity'), (4, 'now', NULL)) AS t (n, name, at) ORDER BY n;
-- a binding that lapses, and a member that has left, keep their places
UPDATE community.referral SET lapses_at = pg_temp.day(30) WHERE program_id = community.current_program() AND member_id = 7;
SELECT community.close_member(4, 'left');
SELECT level, pg_temp.letter(member_id) AS member, joined_at::date, lapses_at::date FROM community.upline(9);

-- ids may be any
SELECT community.enroll(i, sponsor => s) FROM (VALUES (1, 9223372036854775807, NULL), (2, -9223372036854775808, 9223372036854775807), (3, 0, -9223372036854775808), (4, -1, 0), (5, 4611686018427387904, 0)) AS x (n, i, s) ORDER BY n;
SELECT * FROM (SELECT level, member_id FROM community.upline(-1)) AS u;
SELECT level, member_id, sponsor_id FROM community.downline(9223372036854775807);
SELECT community.common_sponsor(-1, 4611686018427387904), community.generation(-1);

-- what is refused
SELECT pg_temp.error_of(f || '(' || a || ')') FROM (VALUES ('SELECT * FROM community.upline', '404'), ('SELECT * FROM community.downline', '404'), ('SELECT community.generation', '404'),
	('SELECT community.is_upline', '404, 1'), ('SELECT community.is_upline', '1, 404'), ('SELECT community.common_sponsor', '404, 9'), ('SELECT community.common_sponsor', '9, 404'),
	('SELECT * FROM community.upline', '9, -1'), ('SELECT * FROM community.downline', '9, -1'), ('SELECT * FROM community.upline', 'NULL'), ('SELECT * FROM community.downline', 'NULL'),
	('SELECT community.generation', 'NULL'), ('SELECT community.is_upline', '1, NULL'), ('SELECT community.is_upline', 'NULL, 1'), ('SELECT community.common_sponsor', '1, NULL'),
	('SELECT * FROM community.upline', '9, program => 404'), ('SELECT community.generation', '9, program => NULL')) AS x (f, a);
-- an owner who has changed the table gets the same by SQL
CREATE TEMP TABLE said AS SELECT 'up' AS what, m, u.level, u.member_id, u.joined_at FROM generate_series(1, 12) AS m, community.upline(m) AS u
	UNION ALL SELECT 'down', m, d.level, d.member_id, d.joined_at FROM generate_series(1, 12) AS m, community.downline(m) AS d
	UNION ALL SELECT 'generation', m, community.generation(m), NULL, NULL FROM generate_series(1, 12) AS m
	UNION ALL SELECT 'common', m, NULL, community.common_sponsor(m, 9), NULL FROM generate_series(1, 12) AS m;
BEGIN;
ALTER TABLE community.referral ADD COLUMN note text;
WITH now AS (SELECT 'up' AS what, m, u.level, u.member_id, u.joined_at FROM generate_series(1, 12) AS m, community.upline(m) AS u
	UNION ALL SELECT 'down', m, d.level, d.member_id, d.joined_at FROM generate_series(1, 12) AS m, community.downline(m) AS d
	UNION ALL SELECT 'generation', m, community.generation(m), NULL, NULL FROM generate_series(1, 12) AS m
	UNION ALL SELECT 'common', m, NULL, community.common_sponsor(m, 9), NULL FROM generate_series(1, 12) AS m)
SELECT count(*) AS rows, (SELECT count(*) FROM (TABLE said EXCEPT TABLE now) AS x) AS missing, (SELECT count(*) FROM (TABLE now EXCEPT TABLE said) AS x) AS new FROM now;
ROLLBACK;
-- a cycle that came past the guard: B under K, which is below it
BEGIN;
SET LOCAL session_replication_role = replica;
UPDATE community.referral SET sponsor_id = 11 WHERE program_id = community.current_program() AND member_id = 10;
RESET session_replication_role;
SELECT pg_temp.error_of(f || '(' || a || ')') FROM (VALUES ('SELECT * FROM community.upline', '11'), ('SELECT * FROM community.downline', '11'), ('SELECT * FROM community.downline', '10, 1'), ('SELECT * FROM community.downline', '10, 2'),
	('SELECT community.generation', '10'), ('SELECT community.is_upline', '12, 11'), ('SELECT community.is_upline', '10, 11'), ('SELECT community.common_sponsor', '1, 10'), ('SELECT community.referral_graph', '10'), ('SELECT * FROM community.upline', '11, 1')) AS x (f, a);
ROLLBACK;
-- rights: as the grants say
CREATE ROLE referral_reading_reader;
GRANT USAGE ON SCHEMA community TO referral_reading_reader;
SET ROLE referral_reading_reader;
SELECT pg_temp.error_of('SELECT * FROM community.upline(9)');
RESET ROLE;
SELECT community.grant_application('referral_reading_reader');
SET ROLE referral_reading_reader;
SELECT count(*) FROM community.upline(9);
SELECT count(*) FROM community.downline(7, as_of => now());
SELECT pg_temp.error_of('SELECT FROM community.referral');
RESET ROLE;
DROP OWNED BY referral_reading_reader;
DROP ROLE referral_reading_reader;
