-- If this failed, what an application's tables say and what is recorded of
-- them could differ, or attaching would accept what it cannot serve.
SELECT community.create_program('attach test', 'Europe/Berlin') > 0 AS created;
SET community.program = 'attach test';
CREATE SCHEMA "Odd Shop";
CREATE FUNCTION net(source text) RETURNS TABLE (key text, member text, amount numeric, events bigint)
LANGUAGE sql AS $$
	SELECT e.key, max(coalesce(m.external_id, m.member_id::text)) FILTER (WHERE e.kind = 'record'), sum(e.amount), count(*)
	FROM community.event e JOIN community.member m USING (program_id, member_id)
	WHERE program_id = community.current_program() AND e.source = net.source
	GROUP BY e.key ORDER BY e.key
$$;
-- names that need quotes, a key of two columns, money, dates without zone
CREATE TABLE "Odd Shop"."My ""Orders""" (
	"Shop No" int, "No" bigint, "Who?" uuid, "Total €" numeric(12,2), "At" timestamp,
	"select" boolean DEFAULT true, PRIMARY KEY ("Shop No", "No"));
SELECT community.attach('"Odd Shop"."My ""Orders"""', 'order', 'Who?', 'Total €', 'At',
	condition => '"select" AND "Total €" > 0') > 0 AS attached;
SELECT relation, source, member, key_columns, amount, occurred_at, condition, time_zone FROM community.attachment
WHERE program_id = community.current_program();
INSERT INTO "Odd Shop"."My ""Orders""" VALUES
	(1, 1, '00000000-0000-0000-0000-00000000000a', 29.33, '2024-07-01 12:00'),
	(1, 2, '00000000-0000-0000-0000-00000000000b', 0.01, '2024-01-01 12:00'),
	(2, 1, '00000000-0000-0000-0000-00000000000a', 1234567.89, '2024-03-31 02:30'),
	(2, 2, NULL, 5, '2024-01-01'), (2, 3, '00000000-0000-0000-0000-00000000000a', NULL, '2024-01-01'),
	(2, 4, '00000000-0000-0000-0000-00000000000a', 5, NULL);
INSERT INTO "Odd Shop"."My ""Orders""" VALUES (3, 1, '00000000-0000-0000-0000-00000000000c', 7, '2024-01-01', false);
SELECT * FROM net('"Odd Shop"."My ""Orders"""/order');
SELECT key, occurred_at AT TIME ZONE 'UTC' AS utc FROM community.event
WHERE program_id = community.current_program() ORDER BY key;
SELECT external_id, joined_at AT TIME ZONE 'UTC' AS joined FROM community.member
WHERE program_id = community.current_program() ORDER BY 1;
-- rows that start and stop to count, change hands, change their key
UPDATE "Odd Shop"."My ""Orders""" SET "select" = true WHERE "Shop No" = 3;
UPDATE "Odd Shop"."My ""Orders""" SET "Total €" = 30, "Who?" = '00000000-0000-0000-0000-00000000000b' WHERE "Shop No" = 1 AND "No" = 1;
UPDATE "Odd Shop"."My ""Orders""" SET "Total €" = "Total €" + 1 WHERE "Shop No" = 1;
UPDATE "Odd Shop"."My ""Orders""" SET "No" = 10 WHERE "Shop No" = 2 AND "No" = 1;
UPDATE "Odd Shop"."My ""Orders""" SET "select" = false WHERE "Shop No" = 3;
UPDATE "Odd Shop"."My ""Orders""" SET "select" = true WHERE "Shop No" = 3;
UPDATE "Odd Shop"."My ""Orders""" SET "At" = "At" + interval '1 hour' WHERE "Shop No" = 3;
SELECT * FROM net('"Odd Shop"."My ""Orders"""/order');
SELECT key, revision, kind, amount, corrects IS NOT NULL AS corrects FROM community.event
WHERE program_id = community.current_program() AND key = '(3,1)' ORDER BY revision;
-- an update that does not matter records nothing; a statement without rows neither
SELECT count(*) AS before FROM community.event WHERE program_id = community.current_program() \gset
UPDATE "Odd Shop"."My ""Orders""" SET "Total €" = "Total €";
UPDATE "Odd Shop"."My ""Orders""" SET "Total €" = 1 WHERE false;
DELETE FROM "Odd Shop"."My ""Orders""" WHERE false;
SELECT count(*) - :before AS recorded FROM community.event WHERE program_id = community.current_program();
-- one transaction that is rolled back
BEGIN;
DELETE FROM "Odd Shop"."My ""Orders""";
SELECT sum(amount) FROM net('"Odd Shop"."My ""Orders"""/order');
ROLLBACK;
SELECT sum(amount) FROM net('"Odd Shop"."My ""Orders"""/order');
-- money that is not exact, members that cannot be, times that cannot be
INSERT INTO "Odd Shop"."My ""Orders""" VALUES (4, 1, '00000000-0000-0000-0000-00000000000a', 'NaN', '2024-07-01');
INSERT INTO "Odd Shop"."My ""Orders""" VALUES (4, 1, '00000000-0000-0000-0000-00000000000a', 1, '0024-07-01');
INSERT INTO "Odd Shop"."My ""Orders""" SELECT 4, g, '00000000-0000-0000-0000-00000000000a', 1, 'infinity' FROM generate_series(1, 3) g;
-- a refund by reverse() is not undone by the row, and never exceeds it
SELECT amount FROM community.reverse('(1,2)', 'half', 50, '"Odd Shop"."My ""Orders"""/order');
CALL community.backfill('"Odd Shop"."My ""Orders"""', 'order');
UPDATE "Odd Shop"."My ""Orders""" SET "Total €" = "Total €" + 1 WHERE "Shop No" = 1 AND "No" = 2;
SELECT amount FROM net('"Odd Shop"."My ""Orders"""/order') WHERE key = '(1,2)';
UPDATE "Odd Shop"."My ""Orders""" SET "Total €" = 0.10 WHERE "Shop No" = 1 AND "No" = 2;
SELECT amount FROM net('"Odd Shop"."My ""Orders"""/order') WHERE key = '(1,2)';
DELETE FROM "Odd Shop"."My ""Orders""" WHERE "Shop No" = 1 AND "No" = 2;
SELECT amount FROM net('"Odd Shop"."My ""Orders"""/order') WHERE key = '(1,2)';
-- truncate
TRUNCATE "Odd Shop"."My ""Orders""";
SELECT sum(amount) AS left FROM net('"Odd Shop"."My ""Orders"""/order');
-- detach and attach again: the same source, nothing twice
INSERT INTO "Odd Shop"."My ""Orders""" VALUES (9, 9, '00000000-0000-0000-0000-00000000000a', 9, '2024-07-01');
SELECT community.detach('"Odd Shop"."My ""Orders"""', 'order'), community.detach('"Odd Shop"."My ""Orders"""', 'order');
UPDATE "Odd Shop"."My ""Orders""" SET "Total €" = 10 WHERE "No" = 9;
SELECT amount FROM net('"Odd Shop"."My ""Orders"""/order') WHERE key = '(9,9)';
SELECT community.attach('"Odd Shop"."My ""Orders"""', 'order', 'Who?', 'Total €', 'At') > 0 AS attached;
CALL community.backfill('"Odd Shop"."My ""Orders"""', 'order');
CALL community.backfill('"Odd Shop"."My ""Orders"""', 'order');
SELECT * FROM net('"Odd Shop"."My ""Orders"""/order') WHERE key = '(9,9)';
-- the same definition again changes nothing, another is refused
SELECT count(DISTINCT a) = 1 AS same FROM (SELECT community.attach('"Odd Shop"."My ""Orders"""', 'order', 'Who?', 'Total €', 'At') AS a
	FROM generate_series(1, 2)) s;
SELECT community.attach('"Odd Shop"."My ""Orders"""', 'order', 'Who?');
-- two types on one table, integer members, targets, minor units
CREATE TABLE answers (id int PRIMARY KEY, author int, asker text, votes int, written timestamptz NOT NULL DEFAULT '2024-05-05 12:00+00', ok bool NOT NULL DEFAULT false);
SELECT community.attach('answers', 'answer', 'author', 'votes * 10', 'written', target => '''u'' || asker', condition => 'author <> 13') > 0 AS attached;
SELECT community.attach('answers', 'accepted', 'author', occurred_at => 'written', condition => 'ok', source => 'accepted answers') > 0 AS attached;
INSERT INTO answers SELECT g, g % 3 + 1, 'x' || g % 2, g FROM generate_series(1, 6) g;
UPDATE answers SET ok = id % 2 = 0;
SELECT e.key, e.member_id, e.amount, t.external_id AS target FROM community.event e
JOIN community.member t ON t.program_id = e.program_id AND t.member_id = e.target_id
WHERE e.source = 'public.answers/answer' ORDER BY e.key;
SELECT * FROM net('accepted answers');
UPDATE answers SET asker = 'x9' WHERE id = 1;
SELECT kind, amount FROM community.event WHERE source = 'public.answers/answer' AND key = '1' ORDER BY revision;
-- COPY, ON CONFLICT, MERGE, DELETE ... USING, modifying CTE
\copy answers (id, author, asker, votes) from stdin
101	1	y	1
102	2	y	2
\.
INSERT INTO answers (id, author, asker, votes) VALUES (102, 2, 'y', 20), (103, 3, 'y', 3)
	ON CONFLICT (id) DO UPDATE SET votes = excluded.votes;
MERGE INTO answers a USING (VALUES (101, 11), (103, 0), (104, 4)) AS v (id, votes) ON a.id = v.id
	WHEN MATCHED AND v.votes = 0 THEN DELETE
	WHEN MATCHED THEN UPDATE SET votes = v.votes
	WHEN NOT MATCHED THEN INSERT (id, author, asker, votes) VALUES (v.id, 1, 'y', v.votes);
WITH moved AS (DELETE FROM answers WHERE id = 104 RETURNING *)
INSERT INTO answers SELECT 105, author, asker, votes FROM moved;
SELECT key, amount FROM net('public.answers/answer') WHERE length(key) = 3;
SELECT count(*) AS wrong FROM (
	(SELECT id::text, (votes * 10)::numeric FROM answers WHERE author <> 13
	 EXCEPT SELECT key, amount FROM net('public.answers/answer') WHERE amount <> 0)
	UNION ALL
	(SELECT key, amount FROM net('public.answers/answer') WHERE amount <> 0
	 EXCEPT SELECT id::text, (votes * 10)::numeric FROM answers WHERE author <> 13)) s;
-- closed members and, where they are not enrolled, unknown ones are refused
SELECT community.close_member(2, 'left') AS closed;
INSERT INTO answers (id, author, asker, votes) VALUES (201, 2, 'y', 1);
INSERT INTO answers (id, author, asker, votes) SELECT g, 2, 'y', 1 FROM generate_series(201, 203) g;
UPDATE answers SET votes = 0 WHERE author = 2;
SELECT sum(amount) FROM net('public.answers/answer') WHERE member = '2';
CREATE TABLE strict (id int PRIMARY KEY, who int, whom int);
SELECT community.attach('strict', 'poke', 'who', target => 'whom', enroll => false) > 0 AS attached;
INSERT INTO strict VALUES (1, 1, 3);
INSERT INTO strict VALUES (2, 77, 3);
INSERT INTO strict VALUES (2, 1, 77);
SELECT community.detach('strict', 'poke') AS detached;
-- what cannot be attached
CREATE VIEW a_view AS SELECT * FROM answers;
CREATE TEMP TABLE a_temp (id int PRIMARY KEY, who int);
CREATE TABLE parent (id int PRIMARY KEY, who int);
CREATE TABLE child () INHERITS (parent);
CREATE TABLE no_key (id int, who int);
CREATE TABLE soft_key (id int UNIQUE DEFERRABLE, a int UNIQUE, b int NOT NULL, who int);
CREATE UNIQUE INDEX ON soft_key (b) WHERE b > 0;
SELECT community.attach('a_view', 'x', 'author');
SELECT community.attach('a_temp', 'x', 'who');
SELECT community.attach('pg_class', 'x', 'oid');
SELECT community.attach('community.event', 'x', 'member_id');
SELECT community.attach('parent', 'x', 'who');
SELECT community.attach('no_key', 'x', 'who');
SELECT community.attach('no_key', 'x', 'who', key => 'id');
SELECT community.attach('soft_key', 'x', 'who', key => 'id');
SELECT community.attach('soft_key', 'x', 'who', key => 'a');
SELECT community.attach('soft_key', 'x', 'who', key => 'b');
SELECT community.attach('strict', 'x', 'who', key => 'nothing');
SELECT community.attach('strict', '', 'who');
SELECT community.attach('strict', 'x', NULL);
SELECT community.attach('strict', 'x', 'nobody');
SELECT community.attach('strict', 'x', 'who::float8');
SELECT community.attach('strict', 'x', 'who', amount => '1.5::float8');
SELECT community.attach('strict', 'x', 'who', occurred_at => 'who');
SELECT community.attach('strict', 'x', 'who', condition => 'who');
SELECT community.attach('strict', 'x', 'who', condition => 'who > (SELECT 1)');
SELECT community.attach('strict', 'x', 'who', amount => 'count(*)');
SELECT community.attach('strict', 'x', 'who', amount => 'random()::int');
SELECT community.attach('strict', 'x', 'who', amount => 'generate_series(1, 2)');
SELECT community.attach('strict', 'x', 'who', amount => 'ctid::text::int');
SELECT community.attach('strict', 'x', 'who', amount => '1); DROP TABLE strict; --');
SELECT community.attach('strict', 'x', 'who', amount => '1 FROM strict');
SELECT community.attach('strict', 'x', 'who', amount => '1, 2');
SELECT community.attach('strict', 'x', 'who', amount => '');
SELECT community.attach('strict', 'x', 'who', source => 'api');
SELECT community.attach('strict', 'x', 'who', source => 'accepted answers');
SELECT community.attach(0, 'x', 'who');
SELECT community.attach('strict', 'x', 'who', program => 987654321);
SELECT community.attached();
SELECT community.on_table_changed();
CREATE TABLE elsewhere (id int);
CREATE TRIGGER x AFTER INSERT ON elsewhere FOR EACH ROW EXECUTE FUNCTION community.attached('1', '2');
INSERT INTO elsewhere VALUES (1);
DROP TRIGGER x ON elsewhere;
CREATE TRIGGER x AFTER INSERT ON elsewhere REFERENCING NEW TABLE AS community_new FOR EACH STATEMENT EXECUTE FUNCTION community.attached('1');
INSERT INTO elsewhere VALUES (1);
DROP TRIGGER x ON elsewhere;
CREATE TRIGGER x AFTER INSERT ON elsewhere REFERENCING NEW TABLE AS community_new FOR EACH STATEMENT EXECUTE FUNCTION community.attached('0', '0');
INSERT INTO elsewhere VALUES (1);
DROP TRIGGER x ON elsewhere;
DO $$
DECLARE a community.attachment;
BEGIN
	SELECT * INTO a FROM community.attachment WHERE source = 'accepted answers';
	EXECUTE format('CREATE TRIGGER x AFTER INSERT ON elsewhere REFERENCING NEW TABLE AS community_new
		FOR EACH STATEMENT EXECUTE FUNCTION community.attached(%L, %L)', a.program_id, a.attachment_id);
END $$;
INSERT INTO elsewhere VALUES (1);
-- changes of the table that the attachment cannot live with, and others
DROP VIEW a_view;
ALTER TABLE answers DROP COLUMN votes;
ALTER TABLE answers RENAME COLUMN author TO writer;
ALTER TABLE answers ALTER COLUMN votes TYPE numeric;
ALTER TABLE answers ALTER COLUMN author TYPE text;
ALTER TABLE answers RENAME COLUMN id TO no;
ALTER TABLE answers ADD COLUMN extra int;
ALTER TABLE answers ALTER COLUMN votes TYPE bigint;
ALTER TABLE answers RENAME TO replies;
ALTER TABLE replies SET SCHEMA "Odd Shop";
INSERT INTO "Odd Shop".replies (id, author, asker, votes) VALUES (301, 1, 'y', 1);
SELECT * FROM net('public.answers/answer') WHERE key = '301';
ALTER TABLE "Odd Shop".replies DROP COLUMN extra;
DROP TABLE "Odd Shop".replies;
SELECT type, detach_reason FROM community.attachment WHERE source IN ('public.answers/answer', 'accepted answers') ORDER BY type;
DROP TABLE strict, parent, child, no_key, soft_key, elsewhere;
DROP SCHEMA "Odd Shop" CASCADE;
SELECT count(*) AS in_force FROM community.attachment WHERE program_id = community.current_program() AND detached_at IS NULL;
DROP FUNCTION net;
