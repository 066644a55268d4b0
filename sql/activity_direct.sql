-- If this failed, events that are recorded without the executor would miss what
-- an owner has added to our tables, or go by weights that no longer hold.
SELECT community.create_program('direct test') > 0 AS created;
SET community.program = 'direct test';
SELECT count(community.enroll(g)) FROM generate_series(1, 3) AS g;
CREATE FUNCTION brought(key text) RETURNS float8 LANGUAGE sql AS $$
	SELECT engagement FROM community.event WHERE program_id = community.current_program() AND event.key = brought.key
$$;
-- an index more
CREATE INDEX direct_amount ON community.event (program_id, amount);
CREATE UNIQUE INDEX direct_member ON community.engagement (member_id, program_id) INCLUDE (score);
SELECT replay FROM community.record(1, 'a', 'one', 11);
SELECT replay FROM community.record(1, 'a', 'two', 22);
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT key, amount FROM community.event WHERE program_id = community.current_program() AND amount > 0 ORDER BY amount;
SELECT member_id, community.score_at(score, now()) > 1 AS more FROM community.engagement
WHERE program_id = community.current_program() AND member_id = 1;
DROP INDEX community.direct_member;
-- one that refuses an event; the events of other tests would be in its way
BEGIN;
SET LOCAL session_replication_role = replica;
TRUNCATE community.event;
SET LOCAL session_replication_role = origin;
CREATE UNIQUE INDEX direct_twice ON community.event (program_id, member_id, amount);
SELECT replay FROM community.record(1, 'a', 'three', 22);
\set VERBOSITY terse
SAVEPOINT s;
SELECT replay FROM community.record(1, 'a', 'four', 22);
ROLLBACK TO s;
\set VERBOSITY default
SELECT replay FROM community.record(3, 'a', 'four', 22);
ROLLBACK;
-- functions in an index of the owner's run with the search path pinned
CREATE FUNCTION pinned(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
	IF current_setting('search_path') <> 'pg_catalog, pg_temp' THEN
		RAISE 'search path is %', current_setting('search_path');
	END IF;
	RETURN upper($1);
END $$;
SET search_path = pg_catalog, pg_temp;
CREATE INDEX direct_pinned ON community.event (public.pinned(key));
CREATE INDEX direct_large ON community.event (key) WHERE amount > 100 AND public.pinned(type) = 'A';
RESET search_path;
SELECT replay FROM community.record(1, 'a', 'five', 555);
CREATE TABLE direct_row (id int PRIMARY KEY, who int);
SELECT community.attach('direct_row', 'a', 'who') > 0 AS attached;
INSERT INTO direct_row VALUES (6, 1);
SELECT key FROM community.event WHERE public.pinned(key) IN ('FIVE', '6') AND program_id = community.current_program() ORDER BY key;
SELECT key FROM community.event WHERE amount > 100 AND public.pinned(type) = 'A' AND key > '';
DROP INDEX community.direct_pinned, community.direct_large;
-- indexes of other kinds
CREATE INDEX direct_payload ON community.event USING gin (payload);
CREATE INDEX direct_range ON community.event USING brin (event_id);
SELECT replay FROM community.record(1, 'a', 'seven', payload => '{"n": 7}');
RESET enable_bitmapscan;
SELECT key FROM community.event WHERE payload @> '{"n": 7}';
DROP INDEX community.direct_payload, community.direct_range, community.direct_amount;
RESET enable_seqscan;
-- weights that change, that come and go, that our own transaction takes back
SELECT replay FROM community.record(1, 'w', 'w1', 10);
SELECT brought('w1');
INSERT INTO community.activity_type (program_id, type, weight, weight_per_unit)
VALUES (community.current_program(), 'w', 3, 0.5);
SELECT replay FROM community.record(1, 'w', 'w2', 10);
SELECT brought('w2');
BEGIN;
UPDATE community.activity_type SET weight = 7 WHERE program_id = community.current_program();
SELECT replay FROM community.record(1, 'w', 'w3', 10);
SELECT brought('w3');
SAVEPOINT s;
DELETE FROM community.activity_type WHERE program_id = community.current_program();
SELECT replay FROM community.record(1, 'w', 'w4', 10);
SELECT brought('w4');
ROLLBACK TO s;
SELECT replay FROM community.record(1, 'w', 'w5', 10);
SELECT brought('w5');
ROLLBACK;
SELECT replay FROM community.record(1, 'w', 'w6', 10);
SELECT brought('w6');
-- another program has weights of its own for the type
SELECT community.create_program('direct other') AS other \gset
SELECT community.enroll(1, program => :other) = 1 AS enrolled;
SELECT replay FROM community.record(1, 'w', 'w6', 10, program => :other);
SELECT engagement FROM community.event WHERE program_id = :other;
SELECT replay FROM community.record(1, 'w', 'w7', 10);
SELECT brought('w7');
-- above READ COMMITTED nothing is kept that others would have to forget
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT replay FROM community.record(1, 'w', 'w8', 10);
SELECT brought('w8');
COMMIT;
-- where nothing would tell of changes, weights are read each time
ALTER TABLE community.activity_type DISABLE TRIGGER note_change;
UPDATE community.activity_type SET weight = 9 WHERE program_id = community.current_program();
SELECT replay FROM community.record(1, 'w', 'w9', 10);
UPDATE community.activity_type SET weight = 8 WHERE program_id = community.current_program();
SELECT replay FROM community.record(1, 'w', 'w10', 10);
SELECT brought('w9'), brought('w10');
ALTER TABLE community.activity_type ENABLE ALWAYS TRIGGER note_change;
-- a table of weights with a column more is left to SQL
BEGIN;
ALTER TABLE community.activity_type ADD note text;
SELECT replay FROM community.record(1, 'w', 'w11', 10);
SELECT brought('w11');
ROLLBACK;
SELECT replay FROM community.record(1, 'w', 'w12', 10);
SELECT brought('w12');
-- more types than are kept
SELECT count(*) FROM generate_series(1, 2100) AS g, community.record(1, 'type ' || g % 1050, 'many ' || g) AS r;
SELECT replay FROM community.record(1, 'w', 'w13', 10);
SELECT brought('w13'), sum(engagement) FROM community.event WHERE program_id = community.current_program() AND key LIKE 'many %';
-- the tables change hands
CREATE ROLE direct_owner;
BEGIN;
SELECT community.enroll(76) = 76 AS enrolled;
GRANT USAGE ON SCHEMA community TO direct_owner;
ALTER TABLE community.installation OWNER TO direct_owner;
SELECT community.enroll(77);
ROLLBACK;
SELECT community.enroll(77);
DROP ROLE direct_owner;
