-- If this failed, a row that is inserted alone could be recorded otherwise than
-- the same row in a set, or with rights, settings or meanings of another time.
SELECT community.create_program('single row test', 'Europe/Berlin') > 0 AS created;
SET community.program = 'single row test';
INSERT INTO community.activity_type (program_id, type, weight, weight_per_unit)
VALUES (community.current_program(), 'sale', 1, 0.01);
CREATE FUNCTION events(source text) RETURNS TABLE (key text, member text, amount bigint, kind text)
LANGUAGE sql AS $$
	SELECT e.key, coalesce(m.external_id, m.member_id::text), e.amount, e.kind
	FROM community.event e JOIN community.member m USING (program_id, member_id)
	WHERE program_id = community.current_program() AND e.source = events.source ORDER BY e.event_id
$$;
-- The same in a program twice: one attachment reads the row as it is, the other
-- through a function of ours, which needs the row query.  Both must agree with
-- what the columns say.
CREATE FUNCTION same(anyelement) RETURNS anyelement IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';
CREATE TABLE sale (gone int, id uuid PRIMARY KEY, customer text, agent int, price numeric(12,2), pieces smallint,
	rebate numeric, sold timestamp, state varchar(10), tags text[]);
ALTER TABLE sale DROP gone;
SELECT community.attach('sale', 'sale', 'lower(customer)', 'price * pieces - coalesce(rebate, 0)', 'sold',
	condition => $$state IN ('paid', 'sent') AND NOT (price IS NULL) AND (pieces > 0 OR rebate IS NOT NULL)$$,
	source => 'plain') > 0 AS plain;
SELECT community.attach('sale', 'queried', 'lower(same(customer))', 'same(price) * pieces - coalesce(rebate, 0)', 'sold',
	condition => $$state IN ('paid', 'sent') AND NOT (price IS NULL) AND (pieces > 0 OR rebate IS NOT NULL)$$,
	source => 'queried') > 0 AS queried;
INSERT INTO community.activity_type (program_id, type, weight, weight_per_unit)
VALUES (community.current_program(), 'queried', 1, 0.01);
SET TimeZone = 'America/New_York';
SET DateStyle = 'German';
SELECT setseed(0.25);
DO $$
BEGIN
	FOR i IN 1 .. 300 LOOP
		INSERT INTO sale VALUES (md5(i::text)::uuid, (ARRAY['Ann', 'bob', 'EVE', NULL])[1 + floor(random() * 4)],
			i, CASE WHEN random() < 0.9 THEN round((random() * 100)::numeric, 2) END, floor(random() * 4),
			CASE WHEN random() < 0.5 THEN floor(random() * 5) END,
			CASE WHEN random() < 0.95 THEN timestamp '2024-03-30 00:00' + random() * interval '2 days' END,
			(ARRAY['paid', 'sent', 'open', NULL])[1 + floor(random() * 4)], ARRAY['x', i::text]);
	END LOOP;
END $$;
WITH oracle AS (
	SELECT id::text AS key, lower(customer) AS member, (100 * (price * pieces - coalesce(rebate, 0)))::bigint AS amount,
		sold AT TIME ZONE 'Europe/Berlin' AS occurred_at
	FROM sale
	WHERE customer IS NOT NULL AND sold IS NOT NULL AND (state = 'paid' OR state = 'sent')
		AND price IS NOT NULL AND (pieces > 0 OR rebate IS NOT NULL)
),
logged AS (
	SELECT e.source, e.key, m.external_id AS member, e.amount, e.occurred_at, e.engagement
	FROM community.event e JOIN community.member m USING (program_id, member_id)
	WHERE program_id = community.current_program()
)
SELECT s.source, count(*) > 50 AS many,
	count(*) FILTER (WHERE (o.member, o.amount, o.occurred_at) IS DISTINCT FROM (l.member, l.amount, l.occurred_at)
		OR l.engagement IS DISTINCT FROM 1 + 0.01::float8 * o.amount) AS wrong
FROM (VALUES ('plain'), ('queried')) AS s (source)
CROSS JOIN oracle AS o FULL JOIN logged AS l ON l.source = s.source AND l.key = o.key
GROUP BY s.source ORDER BY s.source;
RESET TimeZone;
RESET DateStyle;
-- which of the two ways it goes: an error tells by its context
CREATE TABLE way (id int PRIMARY KEY, who int, total int, n int);
SELECT community.attach('way', 'plain', 'who', 'total / n') > 0 AS attached;
INSERT INTO way VALUES (1, 7, 10, 2);
INSERT INTO way VALUES (2, 7, 10, 0);
BEGIN;
SAVEPOINT s;
INSERT INTO way VALUES (2, 7, 10, 0);
ROLLBACK TO s;
INSERT INTO way VALUES (2, 7, 21, 7);
COMMIT;
INSERT INTO way VALUES (3, 7, 10, 2), (4, 7, 10, 0);
SELECT * FROM events('public.way/plain');
-- the table changes: another column in another place, another type
ALTER TABLE way ADD extra text DEFAULT 'x', ADD deal bigint;
INSERT INTO way VALUES (5, 7, 10, 5, 'y', 3);
ALTER TABLE way ALTER total TYPE bigint;
INSERT INTO way VALUES (6, 7, 30000000000, 5);
ALTER TABLE way ALTER n TYPE smallint, DROP extra;
INSERT INTO way VALUES (7, 7, 30, 5);
INSERT INTO way VALUES (8, 7, 30, 0);
-- a set in between notices first
ALTER TABLE way ALTER n TYPE bigint;
INSERT INTO way VALUES (8, 7, 30, 3), (9, 7, 30, 2);
INSERT INTO way VALUES (10, 7, 5 * 65537, 65537);
BEGIN;
ALTER TABLE way ALTER total TYPE int USING 1;
INSERT INTO way VALUES (11, 7, 40, 4);
ROLLBACK;
INSERT INTO way VALUES (11, 7, 40000000000, 4);
SELECT * FROM events('public.way/plain');
-- known and unknown members, known keys, rows that do not count
DELETE FROM way WHERE id = 11;
INSERT INTO way VALUES (11, 7, 44, 4);
INSERT INTO way VALUES (12, 8, 12, 4);
INSERT INTO way VALUES (13, NULL, 12, 4);
SELECT * FROM events('public.way/plain') OFFSET 9;
SELECT key, revision, kind, amount FROM community.event WHERE source = 'public.way/plain' AND key = '11' ORDER BY revision;
SELECT community.close_member(8, 'gone');
INSERT INTO way VALUES (14, 8, 12, 4);
-- the same where an event brings nothing and so writes no score
INSERT INTO community.activity_type (program_id, type, weight) VALUES (community.current_program(), 'plain', 0);
INSERT INTO way VALUES (14, 8, 12, 4);
INSERT INTO way VALUES (14, 7, 12, 4);
SELECT key, amount, engagement FROM community.event WHERE source = 'public.way/plain' AND key = '14';
-- a table that is attached twice: each reads the row for itself
SELECT community.attach('way', 'second', 'who', source => 'second') > 0 AS attached;
INSERT INTO way VALUES (15, 7, 36, 4);
SELECT source, amount FROM community.event WHERE source IN ('public.way/plain', 'second') AND key = '15' ORDER BY source;
SELECT community.detach('way', 'second');
-- a partition has its columns in another order
CREATE TABLE part (id int PRIMARY KEY, who int, total int, n int) PARTITION BY RANGE (id);
CREATE TABLE part_2 (total int, n int, dropped text, who int, id int NOT NULL);
ALTER TABLE part_2 DROP dropped;
ALTER TABLE part ATTACH PARTITION part_2 FOR VALUES FROM (0) TO (100);
SELECT community.attach('part', 'part', 'who', 'total / n') > 0 AS attached;
INSERT INTO part VALUES (1, 7, 10, 2);
INSERT INTO part_2 VALUES (12, 2, 7, 2);
INSERT INTO part_2 VALUES (12, 0, 7, 3);
SELECT * FROM events('public.part/part');
-- text that depends on settings: such keys are read by query, with them pinned
CREATE TABLE odd_key (f double precision UNIQUE NOT NULL, b bytea UNIQUE NOT NULL, i interval UNIQUE NOT NULL,
	d date UNIQUE NOT NULL, who int);
SELECT count(community.attach('odd_key', 'odd ' || k, 'who', key => k)) FROM unnest(ARRAY['f', 'b', 'i', 'd']) AS k;
SET extra_float_digits = -3;
SET bytea_output = escape;
SET IntervalStyle = iso_8601;
SET DateStyle = 'German';
INSERT INTO odd_key VALUES (0.1 + 0.2::float8, '\x00ff', '1 day 2 hours', '2024-02-03', 7);
RESET extra_float_digits;
RESET bytea_output;
RESET IntervalStyle;
RESET DateStyle;
SELECT type, key FROM community.event WHERE type LIKE 'odd %' ORDER BY type;
-- a search path of somebody else's, from the first row on
CREATE TABLE path (id int PRIMARY KEY, who int, state text);
SELECT community.attach('path', 'path', 'who', condition => $$state = 'paid'$$) > 0 AS attached;
CREATE SCHEMA evil;
CREATE OPERATOR evil.= (FUNCTION = pg_catalog.textne, LEFTARG = text, RIGHTARG = text);
SET search_path = evil, pg_catalog, public;
INSERT INTO path VALUES (1, 7, 'paid');
INSERT INTO path VALUES (2, 7, 'open');
RESET search_path;
SELECT * FROM events('public.path/path');
-- functions of the application, replaced under way, also one within another
CREATE FUNCTION inner_one(text) RETURNS boolean IMMUTABLE LANGUAGE sql AS $$SELECT $1 = 'paid'$$;
CREATE FUNCTION outer_one(text) RETURNS boolean IMMUTABLE LANGUAGE sql AS $$SELECT public.inner_one($1)$$;
CREATE FUNCTION path_of(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN RETURN $1 * CASE WHEN current_setting('search_path') = 'pg_catalog, pg_temp' THEN 1 ELSE -1 END; END $$;
CREATE FUNCTION user_of(int) RETURNS int STABLE LANGUAGE plpgsql AS $$
BEGIN RETURN $1 + CASE WHEN current_user = 'single_row_clerk' THEN 100 ELSE 0 END; END $$;
CREATE FUNCTION user_of_definer(int) RETURNS int STABLE SECURITY DEFINER LANGUAGE plpgsql AS $$
BEGIN RETURN $1 + CASE WHEN current_user = 'single_row_clerk' THEN 100 ELSE 0 END; END $$;
CREATE TABLE replaced (id int PRIMARY KEY, who int, total int, state text);
SELECT community.attach('replaced', 'replaced', 'path_of(who)', 'total', condition => 'outer_one(state)') > 0 AS attached;
SELECT community.attach('replaced', 'user', 'path_of(who)', 'user_of(total)') > 0 AS attached;
SELECT community.attach('replaced', 'definer', 'path_of(who)', 'user_of_definer(total)') > 0 AS attached;
INSERT INTO replaced VALUES (1, 7, 1, 'paid');
INSERT INTO replaced VALUES (2, 7, 1, 'open');
CREATE OR REPLACE FUNCTION inner_one(text) RETURNS boolean IMMUTABLE LANGUAGE sql AS $$SELECT $1 = 'open'$$;
INSERT INTO replaced VALUES (3, 7, 1, 'open');
INSERT INTO replaced VALUES (4, 7, 1, 'paid');
SELECT * FROM events('public.replaced/replaced');
CREATE ROLE single_row_clerk;
CREATE ROLE single_row_guest;
CREATE ROLE single_row_trusted;
GRANT single_row_trusted TO single_row_guest;
GRANT INSERT ON replaced TO single_row_clerk;
SET ROLE single_row_clerk;
INSERT INTO replaced VALUES (5, 7, 1, 'shut');
RESET ROLE;
INSERT INTO replaced VALUES (6, 7, 1, 'shut');
SELECT * FROM events('public.replaced/user') OFFSET 4;
SELECT * FROM events('public.replaced/definer') OFFSET 4;
-- rights to the server's own functions, taken away and given in mid-session
CREATE TABLE rights (id int PRIMARY KEY, who int, total numeric);
SELECT community.attach('rights', 'rights', 'who', 'round(total, 1)') > 0 AS attached;
GRANT INSERT ON rights TO single_row_clerk, single_row_guest;
INSERT INTO rights VALUES (1, 7, 1.11);
SET ROLE single_row_clerk;
INSERT INTO rights VALUES (2, 7, 1.11);
RESET ROLE;
REVOKE EXECUTE ON FUNCTION pg_catalog.round(numeric, int) FROM PUBLIC;
SET ROLE single_row_clerk;
INSERT INTO rights VALUES (4, 7, 1.11);
RESET ROLE;
GRANT EXECUTE ON FUNCTION pg_catalog.round(numeric, int) TO single_row_trusted;
SET ROLE single_row_guest;
INSERT INTO rights VALUES (5, 7, 1.11);
SET ROLE single_row_clerk;
INSERT INTO rights VALUES (6, 7, 1.11);
SET ROLE single_row_guest;
INSERT INTO rights VALUES (7, 7, 1.11);
RESET ROLE;
-- by membership
BEGIN;
SET LOCAL ROLE single_row_guest;
INSERT INTO rights VALUES (8, 7, 1.11);
RESET ROLE;
REVOKE single_row_trusted FROM single_row_guest;
SET LOCAL ROLE single_row_guest;
INSERT INTO rights VALUES (9, 7, 1.11);
ROLLBACK;
GRANT EXECUTE ON FUNCTION pg_catalog.round(numeric, int) TO PUBLIC;
REVOKE EXECUTE ON FUNCTION pg_catalog.round(numeric, int) FROM single_row_trusted;
SELECT * FROM events('public.rights/rights');
DROP TABLE replaced, rights;
DROP ROLE single_row_clerk, single_row_guest, single_row_trusted;
-- a row too long for memory
SET work_mem = '64kB';
CREATE TABLE long_row (id int PRIMARY KEY, who int, note text, total int);
SELECT community.attach('long_row', 'long', 'who', 'total / length(note)') > 0 AS attached;
INSERT INTO long_row VALUES (1, 7, repeat('x', 300000), 600000);
INSERT INTO long_row VALUES (2, 7, '', 600000);
INSERT INTO long_row VALUES (3, 7, repeat('x', 300000), 900000);
RESET work_mem;
SELECT * FROM events('public.long_row/long');
SELECT count(*) AS wrong FROM community.engagement AS g
JOIN (SELECT program_id, member_id, community.decayed_sum(engagement, occurred_at, '90 days' ORDER BY event_id) AS score
	FROM (SELECT e.program_id, e.member_id, e.engagement, e.event_id, coalesce(o.occurred_at, e.occurred_at) AS occurred_at
		FROM community.event AS e LEFT JOIN community.event AS o ON o.program_id = e.program_id AND o.event_id = e.corrects) AS e
	GROUP BY 1, 2) AS s USING (program_id, member_id)
WHERE g.program_id = community.current_program() AND g.score::text <> s.score::text;
DROP TABLE sale;
