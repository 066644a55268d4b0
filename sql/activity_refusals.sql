-- If this failed, what a table or the inbox cannot bring would be refused with
-- something half done, or for a reason that says nothing to whoever reads it.
SELECT community.create_program('activity refusals') AS p \gset
SET community.program = 'activity refusals';
\set SHOW_CONTEXT never
SELECT community.enroll(1, joined_at => NULL);
SELECT community.enroll(1, program => NULL);
SELECT count(community.enroll(m, joined_at => '2025-01-01', external_id => 'ext ' || m)) FROM generate_series(1, 5) AS m;
SELECT community.evaluate(9);
-- what is amiss is not the member
BEGIN;
SELECT replay FROM community.record(1, 'order', 'a', 10);
DELETE FROM community.engagement WHERE program_id = :p AND member_id = 1;
SAVEPOINT s;
SELECT community.record(1, 'order', 'b', 10);
ROLLBACK TO s;
SELECT community.reverse('a', 'returned');
ROLLBACK TO s;
SELECT community.evaluate(1);
ROLLBACK TO s;
SELECT community.rebuild('engagement') > 0 AS rebuilt;
SELECT (community.reverse('a', 'returned')).amount;
ROLLBACK;
SELECT * FROM community.close_member(5, 'left');
SELECT * FROM community.evaluate(5);

--
-- Attached tables
--
CREATE TABLE refused (id int, code text NOT NULL, who text, amount numeric, said text);
CREATE UNIQUE INDEX refused_lower ON refused (lower(code));
SELECT community.attach('refused', 'said', 'who', key => 'code');
SELECT community.attach('refused', 'said', 'who', key => 'code,,id');
SELECT community.attach('refused', 'said', 'who', key => 'code, "id');
ALTER TABLE refused ADD PRIMARY KEY (id);
-- literals, rows, things that are not plain; what there is not of every row
SELECT community.attach('refused', 'literal', '''ext 1''') > 0 AS literal,
	community.attach('refused', 'row', 'who', condition => 'ROW(id, said) IS NOT NULL') > 0 AS "row",
	community.attach('refused', 'least', 'who', 'least(amount, 7)') > 0 AS least;
SELECT community.attach('refused', 'whole', 'who', condition => 'refused IS NOT NULL');
SELECT community.attach('refused', 'system', 'who', condition => 'ctid IS NOT NULL');
INSERT INTO refused VALUES (1, 'a', 'ext 2', 10, 'hello');
INSERT INTO refused VALUES (2, 'b', 'ext 2', 5, NULL);
SELECT type, member_id, key, amount FROM community.event WHERE program_id = :p ORDER BY type, key;
-- more decimals than the program has; longer names than there are; no name
INSERT INTO refused VALUES (3, 'c', 'ext 2', 1.005);
INSERT INTO refused VALUES (3, 'c', repeat('x', 1000), 1);
INSERT INTO refused SELECT g, 'd' || g, repeat('x', 1000), 1 FROM generate_series(3, 4) AS g;
INSERT INTO refused SELECT g, 'd' || g, '', 1 FROM generate_series(3, 4) AS g;
SELECT count(*) FROM refused;
SELECT count(*) FROM community.member WHERE program_id = :p;
-- where event triggers are off, the trigger of the table misses its column
SET session_replication_role = replica;
ALTER TABLE refused RENAME id TO number;
RESET session_replication_role;
\c -
SET community.program = 'activity refusals';
\set SHOW_CONTEXT never
\set VERBOSITY terse
INSERT INTO refused VALUES (3, 'c', 'ext 2', 1);
\set VERBOSITY default
ALTER TABLE refused RENAME number TO id;
-- a trigger that is not there any more is no reason to stay attached
DO $$
BEGIN
	EXECUTE (SELECT format('DROP TRIGGER %I ON refused', tgname) FROM pg_trigger
		WHERE tgrelid = 'refused'::regclass AND tgtype & 8 <> 0 ORDER BY tgname LIMIT 1);
END $$;
SELECT community.detach('refused', t) FROM unnest(ARRAY['least', 'literal', 'row']) AS t;
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'refused'::regclass;
-- a trigger of ours for an attachment that never was
CREATE TRIGGER stranger AFTER INSERT ON refused REFERENCING NEW TABLE AS community_new
	FOR EACH STATEMENT EXECUTE FUNCTION community.attached('1', '2');
ALTER TABLE refused ADD note text;
INSERT INTO refused VALUES (3, 'c', 'ext 2', 1);
DROP TRIGGER stranger ON refused;
CREATE TRIGGER stranger BEFORE INSERT ON refused FOR EACH STATEMENT EXECUTE FUNCTION community.guard_append_only();
INSERT INTO refused VALUES (3, 'c', 'ext 2', 1);
DROP TABLE refused;
-- a partition that left while event triggers were off is refused, also where
-- its trigger is remembered
CREATE TABLE parted (id int PRIMARY KEY, who text) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
SELECT community.attach('parted', 'parted', 'who') > 0 AS attached;
INSERT INTO parted_1 VALUES (1, 'ext 1');
SET session_replication_role = replica;
ALTER TABLE parted DETACH PARTITION parted_1;
RESET session_replication_role;
CREATE FUNCTION refused_attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN others THEN
	RETURN SQLSTATE || ' ' || regexp_replace(SQLERRM, '\d+', 'N');
END $$;
SELECT refused_attempt('INSERT INTO parted_1 VALUES (2)'), refused_attempt('DELETE FROM parted_1');
\c -
SET community.program = 'activity refusals';
SELECT refused_attempt('INSERT INTO parted_1 VALUES (2)'), refused_attempt('DELETE FROM parted_1');
SELECT key FROM community.event WHERE program_id = :p AND type = 'parted';
DROP TABLE parted, parted_1;
DROP FUNCTION refused_attempt(text);

--
-- The inbox
--
-- both names of a member, and what has no payload, also when it comes again
INSERT INTO community.inbox (member_id, external_id, type, key, payload) VALUES (3, 'ext 3', 'in', 'both', NULL);
CALL community.process_inbox();
INSERT INTO community.inbox (member_id, external_id, type, key, payload) VALUES (3, 'ext 3', 'in', 'both', NULL), (4, 'ext 4', 'in', 'more', NULL);
CALL community.process_inbox();
INSERT INTO community.inbox (member_id, external_id, type, key, payload) VALUES (3, 'ext 3', 'in', 'both', '{"a": 1}');
CALL community.process_inbox();
SELECT member_id, key, payload FROM community.event WHERE program_id = :p AND type = 'in' ORDER BY key;
SELECT sqlstate, reason FROM community.inbox_fault WHERE program_id = :p;
-- what is no fault of the row stops the inbox, and loses nothing
CREATE FUNCTION refuse_in() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'disk of % is full', NEW.key USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER refuse_in BEFORE INSERT ON community.event FOR EACH ROW WHEN (NEW.key IN ('one', 'two')) EXECUTE FUNCTION refuse_in();
INSERT INTO community.inbox (member_id, type, key) VALUES (3, 'in', 'one'), (4, 'in', 'three');
CALL community.process_inbox();
INSERT INTO community.inbox (member_id, type, key, payload) VALUES (3, 'in', 'both', '{"b": 1}'), (5, 'in', 'two', '{}');
CALL community.process_inbox();
SELECT key FROM community.inbox WHERE program_id = :p ORDER BY 1;
DROP TRIGGER refuse_in ON community.event;
DROP FUNCTION refuse_in();
CALL community.process_inbox();
SELECT count(*) FROM community.inbox WHERE program_id = :p;
SELECT key, sqlstate, reason FROM community.inbox_fault WHERE program_id = :p ORDER BY key, inbox_id;

--
-- Jobs that fail go on where they stood, and let go of their lock
--
CALL community.settle_benefits('infinity');
CALL community.settle_benefits(now(), batch_size => 0);
CALL community.settle_benefits(now(), batch_size => 100001);
CALL community.settle_benefits(NULL);
INSERT INTO community.measure (program_id, name, kind, types) VALUES (:p, 'in', 'count', '{in}') RETURNING measure_id AS measure \gset
INSERT INTO community.award (program_id, name) VALUES (:p, 'first') RETURNING award_id AS award \gset
INSERT INTO community.award_requirement (program_id, award_id, measure_id, attain) VALUES (:p, :award, :measure, 1);
CREATE FUNCTION refuse_award() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not member %', NEW.member_id; END $$;
CREATE TRIGGER refuse_award BEFORE INSERT ON community.award_given FOR EACH ROW WHEN (NEW.member_id = 4) EXECUTE FUNCTION refuse_award();
CALL community.backfill_awards('first', 1);
SELECT status, done, total, position FROM community.job_run WHERE program_id = :p AND name = 'backfill_awards';
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();
DROP TRIGGER refuse_award ON community.award_given;
DROP FUNCTION refuse_award();
CALL community.backfill_awards('first', 1);
SELECT status, done, total, position FROM community.job_run WHERE program_id = :p AND name = 'backfill_awards';
SELECT member_id, count(*) FROM community.award_given WHERE program_id = :p GROUP BY 1 ORDER BY 1;
