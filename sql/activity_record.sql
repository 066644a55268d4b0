-- If this failed, a retried request could count twice, a re-used key could
-- hide a request, or an impossible event could get into the books.
SELECT community.create_program('record test') > 0 AS created;
SET community.program = 'record test';
SELECT count(community.enroll(g)) FROM generate_series(1, 5) g;
CREATE VIEW book AS
SELECT member_id, type, source, key, revision, kind, amount, target_id, payload, engagement
FROM community.event WHERE program_id = community.current_program();
-- the first receipt again
SELECT replay, member, amount FROM community.record(1, 'order', 'k1', 100);
SELECT replay, member, amount FROM community.record(1, 'order', 'k1', 100);
SELECT count(DISTINCT (event_id, occurred_at, recorded_at)) AS receipts
FROM (SELECT (community.record(1, 'order', 'k1', 100)).* FROM generate_series(1, 3)) r;
-- the same key with other input names both
\set VERBOSITY sqlstate
SELECT community.record(1, 'order', 'k1', 101);
\set VERBOSITY default
SELECT community.record(2, 'order', 'k1', 100);
SELECT community.record(1, 'return', 'k1', 100);
SELECT community.record(1, 'order', 'k1', 100, target => 2);
SELECT community.record(1, 'order', 'k1', 100, payload => '{"a": 1}');
SELECT community.record(1, 'order', 'k1', 100, occurred_at => '2020-01-01 00:00+00');
-- another source is another key
SELECT replay FROM community.record(1, 'order', 'k1', 100, source => 'shop');
-- a time that was given is part of the input, one that was not is not
SELECT replay FROM community.record(1, 'order', 'k2', 5, '2020-01-01 00:00+00');
SELECT replay FROM community.record(1, 'order', 'k2', 5, '2020-01-01 00:00+00');
SELECT community.record(1, 'order', 'k2', 5);
-- backdated: apart from when it was recorded
SELECT occurred_at AT TIME ZONE 'UTC' AS occurred_at, recorded_at > now() - interval '1 minute' AS recorded_now
FROM community.record(1, 'order', 'k3', 5, '1997-01-01 00:00+00');
-- targets and payload
SELECT replay FROM community.record(1, 'thanks', 't1', target => 2, payload => '{"for": "an answer"}');
SELECT replay FROM community.record(1, 'thanks', 't1', target => 2, payload => '{"for":"an answer"}');
SELECT community.record(1, 'thanks', 't2', target => 99);
-- what cannot be
SELECT community.record(NULL, 'order', 'x');
SELECT community.record(1, NULL, 'x');
SELECT community.record(1, 'order', NULL);
SELECT community.record(1, 'order', '');
SELECT community.record(1, '', 'x');
SELECT community.record(1, 'order', 'x', source => '');
SELECT community.record(1, 'order', repeat('k', 513));
SELECT community.record(1, repeat('t', 513), 'x');
SELECT community.record(1, 'order', 'x', NULL);
SELECT community.record(1, 'order', 'x', -9223372036854775808);
SELECT community.record(1, 'order', 'x', 9223372036854775808);
SELECT community.record(1, 'order', 'x', occurred_at => 'infinity');
SELECT community.record(1, 'order', 'x', occurred_at => '-infinity');
SELECT community.record(1, 'order', 'x', occurred_at => '1899-12-31 23:59:59+00');
DO $$
BEGIN
	PERFORM community.record(1, 'order', 'x', occurred_at => now() + interval '2 days');
EXCEPTION WHEN datetime_field_overflow THEN RAISE NOTICE 'refused: %', SQLSTATE;
END $$;
SELECT community.record(99, 'order', 'x');
SELECT community.record(1, 'order', 'x', program => 987654321);
SELECT count(*) AS left_behind FROM book WHERE key IN ('x', 't2') OR length(key) > 512;
-- the largest amounts and keys that can be
SELECT amount FROM community.record(1, 'order', repeat('k', 512), 9223372036854775807);
SELECT amount FROM community.record(1, 'order', 'least', -9223372036854775807);
-- savepoints: what is rolled back has not been
BEGIN;
SAVEPOINT a;
SELECT replay FROM community.record(2, 'order', 's1', 1);
ROLLBACK TO a;
SELECT replay FROM community.record(2, 'order', 's1', 2);
COMMIT;
SELECT key, amount FROM book WHERE key = 's1';
-- many in one statement, some of them twice
SELECT count(*), count(*) FILTER (WHERE replay) AS replays
FROM (SELECT (r).replay FROM (SELECT community.record(3, 'post', 'p' || g % 10) AS r FROM generate_series(1, 20) g OFFSET 0) s) t;
-- weights of types, kept by each event
INSERT INTO community.activity_type (program_id, type, weight, weight_per_unit)
VALUES (community.current_program(), 'gift', 2, 0.5);
SELECT replay FROM community.record(4, 'gift', 'g1', 10);
UPDATE community.activity_type SET weight = 100 WHERE type = 'gift' AND program_id = community.current_program();
SELECT replay FROM community.record(4, 'gift', 'g2', 10);
SELECT key, engagement FROM book WHERE type = 'gift' ORDER BY key;
-- weight 0: recorded, without engagement
INSERT INTO community.activity_type (program_id, type, weight) VALUES (community.current_program(), 'view', 0);
SELECT replay FROM community.record(5, 'view', 'v1');
SELECT community.record(99, 'view', 'v2');
SELECT community.score_at(score, now()) FROM community.engagement
WHERE member_id = 5 AND program_id = community.current_program();
-- append-only, for the owner too
UPDATE community.event SET amount = 0;
DELETE FROM community.event;
TRUNCATE community.event;
SELECT community.guard_append_only();
-- the two ways to insert, direct and by SQL, do the same
SELECT * FROM book WHERE key = 'k1' AND source = 'api';
CREATE FUNCTION look_on() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER z_look_on BEFORE INSERT ON community.event FOR EACH ROW EXECUTE FUNCTION look_on();
CREATE TRIGGER z_look_on BEFORE UPDATE ON community.engagement FOR EACH ROW EXECUTE FUNCTION look_on();
SELECT replay FROM community.record(1, 'order', 'k1', 100);
SELECT replay, amount FROM community.record(2, 'order', 'by sql', 100);
SELECT replay, amount FROM community.record(2, 'order', 'by sql', 100);
SELECT community.record(2, 'order', 'by sql', 101);
SELECT community.record(99, 'order', 'by sql 2', 100);
SELECT community.record(2, 'order', 'by sql 2', 100, target => 99);
SELECT community.close_member(5, 'gone');
SELECT community.record(5, 'order', 'by sql 2', 100);
SELECT replay FROM community.record(2, 'thanks', 'by sql 3', target => 3);
DROP FUNCTION look_on() CASCADE;
SELECT replay, amount FROM community.record(2, 'order', 'direct', 100);
SELECT a.kind = b.kind AND a.type = b.type AND a.engagement = b.engagement AND a.payload = b.payload
	AND a.actor = b.actor AND a.revision = b.revision AND a.occurred_at_given = b.occurred_at_given AS same
FROM community.event a, community.event b WHERE a.key = 'by sql' AND b.key = 'direct';
-- engagement is the sum over the events
SELECT count(*) AS wrong
FROM community.engagement g
JOIN community.program p USING (program_id)
CROSS JOIN LATERAL (SELECT community.decayed_sum(e.engagement, e.occurred_at, p.half_life) AS score
	FROM community.event e WHERE e.program_id = g.program_id AND e.member_id = g.member_id) s
WHERE program_id = community.current_program() AND s.score IS NOT NULL
	AND abs(community.score_at(g.score, now()) - community.score_at(s.score, now()))
		> 1e-12 * abs(community.score_at(s.score, now()));
DROP VIEW book;
