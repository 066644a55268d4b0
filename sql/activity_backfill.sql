-- If this failed, rows that were there before could be recorded twice or not
-- at all, or an interrupted backfill would begin again.
SELECT community.create_program('backfill test', amount_scale => 0) > 0 AS created;
SET community.program = 'backfill test';
CREATE TABLE old (k1 text COLLATE "C", k2 date, who uuid, cents int, PRIMARY KEY (k1, k2));
INSERT INTO old SELECT 'x' || g % 7, '2024-01-01'::date + g, md5((g % 10)::text)::uuid, g FROM generate_series(1, 1000) g;
CALL community.backfill('old', 'order');
SELECT community.attach('old', 'order', 'who', 'cents', 'k2') > 0 AS attached;
CALL community.backfill('old', 'order', 0);
CALL community.backfill('old', 'order', NULL);
CALL community.backfill('old', 'refund');
CALL community.backfill(0, 'order');
-- rows that the triggers see first are not counted twice
UPDATE old SET cents = cents + 1000 WHERE k1 = 'x1';
DELETE FROM old WHERE k1 = 'x2';
INSERT INTO old VALUES ('x9', '2024-01-01', md5('new')::uuid, 5);
SELECT sum(amount), count(*) FROM community.event WHERE program_id = community.current_program();
CALL community.backfill('old', 'order', 100);
SELECT sum(amount), count(*), (SELECT sum(cents) FROM old) AS rows FROM community.event WHERE program_id = community.current_program();
CALL community.backfill('old', 'order');
SELECT sum(amount), count(*) FROM community.event WHERE program_id = community.current_program();
SELECT name, object, status, done, total, percent FROM community.job WHERE program_id = community.current_program() ORDER BY job_id;
-- an interrupted one, as a crash leaves it: it resumes where it stood
UPDATE community.job_run SET status = 'running', done = 400, position = ARRAY['x3', '2024-06-01'], process_id = 0, finished_at = NULL
WHERE program_id = community.current_program()
	AND job_id = (SELECT max(job_id) FROM community.job_run WHERE program_id = community.current_program());
SELECT status FROM community.job WHERE program_id = community.current_program() ORDER BY job_id DESC LIMIT 1;
CALL community.backfill('old', 'order', 200);
SELECT status FROM community.job WHERE program_id = community.current_program() ORDER BY job_id DESC LIMIT 1;
-- inside a transaction it is all or nothing
SELECT community.detach('old', 'order');
INSERT INTO old VALUES ('y1', '2024-01-01', md5('new')::uuid, 1);
SELECT community.attach('old', 'order', 'who', 'cents', 'k2') > 0 AS attached;
BEGIN;
CALL community.backfill('old', 'order', 500);
ROLLBACK;
SELECT sum(amount) FROM community.event WHERE program_id = community.current_program() AND key LIKE '(y1%';
DO $$ BEGIN CALL community.backfill('old', 'order', 500); END $$;
SELECT sum(amount) FROM community.event WHERE program_id = community.current_program() AND key LIKE '(y1%';
-- engagement as if every row had been recorded by itself
SELECT community.create_program('backfill test 2', amount_scale => 0) > 0 AS created;
SET community.program = 'backfill test 2';
SELECT count(community.enroll(external_id => w)) FROM (SELECT DISTINCT who::text AS w FROM old) s;
SELECT count(community.record(community.member_id(who::text), 'order', ROW(k1, k2::text)::text, cents, k2::timestamp AT TIME ZONE 'UTC'))
FROM (SELECT * FROM old WHERE k2 < '2024-03-01' ORDER BY k1, k2) s;
SELECT community.create_program('backfill test 3', amount_scale => 0) > 0 AS created;
SET community.program = 'backfill test 3';
CREATE TABLE old3 AS SELECT * FROM old WHERE k2 < '2024-03-01';
ALTER TABLE old3 ADD PRIMARY KEY (k1, k2);
SELECT community.attach('old3', 'order', 'who', 'cents', 'k2') > 0 AS attached;
CALL community.backfill('old3', 'order');
SELECT count(*) AS members, count(*) FILTER (WHERE abs(community.score_at(a.score, '2024-03-01') / community.score_at(b.score, '2024-03-01') - 1) > 1e-12) AS wrong
FROM community.engagement a
JOIN community.member m USING (program_id, member_id)
JOIN community.member n ON n.external_id = m.external_id
	AND n.program_id = (SELECT program_id FROM community.program WHERE name = 'backfill test 2')
JOIN community.engagement b ON b.program_id = n.program_id AND b.member_id = n.member_id
WHERE a.program_id = community.current_program();
-- expressions run as who fills, so that is who owns the table, not who may read it
CREATE ROLE regress_filler;
SELECT community.grant_application('regress_filler');
GRANT SELECT, UPDATE ON old3 TO regress_filler;
SET ROLE regress_filler;
CALL community.backfill('old3', 'order');
RESET ROLE;
DROP OWNED BY regress_filler;
DROP ROLE regress_filler;
DROP TABLE old, old3;
