-- A person is erased.  Were this broken, what was written about somebody who has a
-- right to be forgotten would stay, or points and chains of others would go with it.
SET client_min_messages = warning;
SET TimeZone = 'UTC';
-- rows that are made up here would be faults for the checks of other tests
\set ON_ERROR_ROLLBACK on
BEGIN;
SELECT community.create_program('erase test') AS program \gset
SET community.program = 'erase test';
SELECT community.enroll(external_id => 'secret@mail', joined_at => '2024-01-01', attributes => '{"name": "secret"}') AS ann \gset
SELECT community.enroll(2, joined_at => '2024-01-01'), community.enroll(3, sponsor => :ann, joined_at => '2024-01-02');
SELECT community.enroll(external_id => 'secret old', joined_at => '2024-01-01') AS old \gset
INSERT INTO community.activity_type (program_id, type, weight) VALUES (:program, 'order', 1);

-- words in every place that takes some
SELECT count(community.record(:ann, 'order', 'o' || n, 100 * n, '2024-03-01', payload => '{"to": "secret street"}')) FROM generate_series(1, 3) AS n;
SELECT count(community.record(:old, 'order', 'old', 50, '2024-03-01', payload => '{"to": "secret lane"}'));
SELECT count(community.record(2, 'order', 'other', 70, '2024-03-01', :ann, '{"to": "kept"}'));
SELECT count(community.reverse('o1', 'secret return'));
SELECT points FROM community.accrue(:ann, 100, 'a1', reason => 'secret favour');
SELECT points FROM community.redeem(:ann, 5, 'r1', reason => 'secret gift');
SELECT community.merge_members(:old, :ann, 'm1');
SELECT community.issue_envelope(:ann, 20, 2, 'e1', expires_at => '2100-01-01', seed => 1, reason => 'secret party') > 0 AS issued;
SELECT community.reparent(:ann, 2, 'secret quarrel') IS NOT NULL AS moved;
SELECT community.sanction_subtree(3, 'comment', 'kept') IS NOT NULL AS kept, community.sanction_subtree(:ann, 'comment', 'secret spat') IS NOT NULL AS noted;
SELECT count(community.revoke_code(community.issue_code(:ann, code => 'ANN'), 'secret leak'));
INSERT INTO community.inbox (program_id, external_id, type, key) VALUES (:program, 'secret@mail', 'order', 'i1');
INSERT INTO community.inbox_fault (program_id, inbox_id, member_id, payload, received_at, sqlstate, reason)
VALUES (:program, 1, :ann, '{"to": "secret"}', now(), '22023', 'x'), (:program, 2, 2, '{"to": "kept"}', now(), '22023', 'x');
INSERT INTO community.referral_click VALUES (:program, 'secret cookie', '2024-01-01', 't'), (:program, 'kept cookie', '2024-01-01', 't');
INSERT INTO community.referral_conversion VALUES (:program, :ann, 'secret cookie', 't', 2, '2024-01-01', '2024-01-02', 'last');
INSERT INTO community.referral_identity VALUES (:program, 'email', 'secret', :ann, now()), (:program, 'email', 'kept', 2, now());
INSERT INTO community.referral_flag (program_id, rule_id, member_id, subject, evidence, status, flagged_at)
VALUES (:program, 1, :ann, 's', '{"mail": "secret"}', 'released', now());
INSERT INTO community.group_member (program_id, group_id, member_id, slot, key, joined_at, left_at, leave_key, leave_reason)
VALUES (:program, 1, :ann, 1, 'g1', now(), now(), 'g2', 'secret grudge');
INSERT INTO community.bargain (program_id, key, member_id, price, floor_price, participants, least_percent, most_percent, seed, closes_at, remaining, payload)
VALUES (:program, 'b1', :ann, 100, 50, 5, 10, 90, 1, now() + interval '1 day', 50, '{"to": "secret"}');
INSERT INTO community.tier_ruling (program_id, member_id, ladder_id, kind, during, reason, key)
VALUES (:program, :ann, 1, 'lock', '[2024-01-01,)', 'secret friend', 'k1');
INSERT INTO community.tenure (program_id, member_id, ladder_id, tier, rank, source, during, reason, key)
VALUES (:program, :ann, 1, 'gold', 1, 'granted', '[2024-01-01,)', 'secret cousin', 'k2'),
	(:program, :ann, 1, 'gold', 1, 'qualified', '[2024-01-01,)', 'promoted', NULL);
INSERT INTO community.super_user_ruling (program_id, model_id, member_id, kind, during, reason, key)
VALUES (:program, 1, :ann, 'lock', '[2024-01-01,)', 'secret crush', 'k3');

-- where a word is written
CREATE FUNCTION pg_temp.places(word text) RETURNS TABLE (place text, rows bigint) LANGUAGE plpgsql AS $$
DECLARE
	t regclass;
BEGIN
	FOR t IN SELECT c.oid FROM pg_class AS c WHERE c.relnamespace = 'community'::regnamespace AND c.relkind = 'r' LOOP
		RETURN QUERY EXECUTE format('SELECT %L, count(*) FROM %s AS t WHERE t::text LIKE ''%%'' || $1 || ''%%'''
			' OR t::text LIKE ''%%'' || encode($1::bytea, ''hex'') || ''%%'' HAVING count(*) > 0', t, t) USING word;
	END LOOP;
END $$;
SELECT * FROM pg_temp.places('secret') ORDER BY place COLLATE "C";
CREATE TEMPORARY TABLE figures AS
SELECT b.*, (SELECT sum(points) FROM community.entry WHERE program_id = :program) AS all_points,
	(SELECT count(*) FROM community.event WHERE program_id = :program) AS events,
	(SELECT array_agg(u.member_id ORDER BY u.level) FROM community.upline(3, 10) AS u) AS upline
FROM community.balance(:ann) AS b;

-- nobody but erase_member() takes words out of the log
\set VERBOSITY terse
UPDATE community.event SET payload = '{}' WHERE program_id = :program;
SELECT community.erase_member(99);
SELECT community.erase_member(:ann);
\set VERBOSITY default
SELECT * FROM pg_temp.places('secret');
SELECT * FROM pg_temp.places('kept') ORDER BY place COLLATE "C";
SELECT status, close_reason, external_id, attributes FROM community.member WHERE program_id = :program AND member_id IN (:ann, :old);
SELECT source, reason FROM community.tenure WHERE program_id = :program ORDER BY 1;
-- figures and chains are what they were
SELECT f.available = b.available AND f.deficit = b.deficit AND f.all_points = (SELECT sum(points) FROM community.entry WHERE program_id = :program)
	AND f.events = (SELECT count(*) FROM community.event WHERE program_id = :program) AS figures,
	f.upline = (SELECT array_agg(u.member_id ORDER BY u.level) FROM community.upline(3, 10) AS u) AS chain
FROM figures AS f, community.balance(:ann) AS b;
SELECT count(*) AS clicks_of_conversions FROM community.referral_click AS k JOIN community.referral_conversion AS c USING (program_id, visitor, token) WHERE k.program_id = :program;

-- once more there is nothing; the log is closed as before; a refund still comes
SELECT community.erase_member(:ann), community.erase_member(:old);
\set VERBOSITY terse
UPDATE community.event SET payload = '{}' WHERE program_id = :program;
UPDATE community.entry SET reason = NULL, points = 0 WHERE program_id = :program;
\set VERBOSITY sqlstate
DELETE FROM community.tier_ruling WHERE program_id = :program;
SELECT community.record(:ann, 'order', 'late', 1);
\set VERBOSITY default
SELECT amount FROM community.reverse('o2', 'sent back');
-- the address is free for somebody new
SELECT community.enroll(external_id => 'secret@mail') <> :ann AS somebody_new;

-- a trigger of one's own does not come past the guard meanwhile
CREATE FUNCTION pg_temp.thief() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.amount := 1000000; RETURN NEW; END $$;
CREATE TRIGGER a_thief BEFORE UPDATE ON community.event FOR EACH ROW EXECUTE FUNCTION pg_temp.thief();
\set VERBOSITY sqlstate
SELECT community.erase_member(2) AS stolen;
\set VERBOSITY default
DROP TRIGGER a_thief ON community.event;
SELECT status FROM community.member WHERE program_id = :program AND member_id = 2;

-- columns that could hold words about a member: whoever adds one decides whether
-- erase_member() has to know it
SELECT c.relname, string_agg(a.attname, ' ' ORDER BY a.attnum) AS columns
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relnamespace = 'community'::regnamespace AND c.relkind = 'r'
	AND a.atttypid IN ('text'::regtype, 'jsonb'::regtype, 'bytea'::regtype, 'text[]'::regtype)
	AND EXISTS (SELECT FROM pg_attribute AS m WHERE m.attrelid = c.oid AND m.attname IN ('member_id', 'visitor'))
	AND a.attname NOT IN ('key', 'hold_key', 'leave_key', 'actor', 'lift_actor', 'kind', 'type', 'source', 'status', 'tier')
GROUP BY c.relname ORDER BY c.relname;
ROLLBACK;
