-- If this failed, books that do not agree would pass for healthy, or healthy
-- ones would be accused: check_installation() must find each kind of fault that
-- is planted here, name the member, and nothing else.
SELECT community.create_program('check test') > 0 AS created;
SET community.program = 'check test';
SET timezone = 'UTC';
SET datestyle = 'ISO';
SELECT count(community.enroll(i)) FROM generate_series(1, 9) AS i;
INSERT INTO community.currency (program_id, code, overdraft, return_policy)
	VALUES (community.current_program(), 'miles', 50, 'within_balance');
INSERT INTO community.currency (program_id, code, until_released)
	VALUES (community.current_program(), 'stars', true);
INSERT INTO community.currency (program_id, code, inactive_after)
	VALUES (community.current_program(), 'sparks', '1 year');

-- one of everything
SELECT (community.accrue(1, 100, 'a1')).points, (community.redeem(1, 30, 'r1')).points;
SELECT (community.accrue(2, 50, 'a2', expires_at => '2999-01-01')).points,
	(community.hold(2, 10, 'h1')).points, (community.capture('h1', 5)).points,
	(community.hold(2, 11, 'h2')).points, (community.hold(2, 12, 'h3')).points,
	(community.release('h3')).points,
	(community.hold(2, 13, 'h4', expires_at => clock_timestamp() + interval '0.5 s')).points,
	(community.hold(2, 3, 'h5')).points, (community.capture('h5')).points;
SELECT community.enroll(10) + community.enroll(11) AS enrolled, (community.accrue(10, 12, 'a12')).points, (community.accrue(10, 30, 'a13',
	available_at => clock_timestamp() + interval '0.5 s', expires_at => '2999-01-01')).points,
	(community.redeem(10, 12, 'r12')).points, (community.reverse('a12', 'x', source => 'ledger')).amount;
SELECT pg_sleep(0.6);
-- who gives pays a debt with other points on the way
SELECT (community.transfer(10, 11, 7, 't12')).points;
SELECT delta FROM community.entry WHERE program_id = community.current_program() AND key = 't12' ORDER BY line;
SELECT (community.accrue(3, 40, 'a3', expires_at => '2999-01-01')).points,
	(community.transfer(3, 4, 20, 't1')).points,
	(community.reverse('t1', 'part', 5, source => 'ledger', request_key => 'q1')).amount;
SELECT (community.accrue(5, 60, 'a5')).points, (community.redeem(5, 45, 'r5')).points,
	(community.reverse('a5', 'returned', source => 'ledger')).amount;
-- a debt is paid by what another gives
SELECT (community.transfer(3, 5, 10, 't2')).points;
SELECT (community.accrue(6, 5, 'a6')).points;
SELECT (community.redeem(6, 1, 'r6')).points;
SELECT community.close_member(6, 'left');
SELECT count(community.accrue(7, 1, 'a7 ' || i)) FROM generate_series(1, 40) AS i;
SELECT (community.redeem(7, 3, 'r7')).points, (community.accrue(7, 2, 'a7 more')).points;
SELECT (community.redeem(8, 20, 'r8', 'miles')).points, (community.accrue(8, 100, 'a8', 'miles')).points,
	(community.reverse('a8', 'x', source => 'ledger')).amount;
SELECT (community.accrue(9, 30, 'a9', 'stars')).points, (community.release('a9')).points,
	(community.reverse('a9', 'x', 10, source => 'ledger', request_key => 'q9')).amount;
SELECT (community.accrue(1, 30, 'a10', 'sparks')).points, (community.transfer(1, 2, 10, 't10', 'sparks')).points,
	(community.hold(2, 4, 'h10', 'sparks')).points, (community.accrue(2, 1, 'a11', 'sparks')).points;

-- all of it is healthy, here and in all that other tests have left
SELECT * FROM community.check_installation();
SELECT * FROM community.check_installation('full');
SELECT m.member_id, c.* FROM community.member AS m,
	LATERAL community.check_installation('full', m.program_id, m.member_id) AS c
WHERE m.program_id = community.current_program();

-- Plant a fault, say what is found, take it out again.  Ids and times are
-- hidden.  What is found of a member alone must be what is found among all.
CREATE FUNCTION pg_temp.plant(fault text, level text DEFAULT 'quick') RETURNS SETOF text
LANGUAGE plpgsql AS $$
DECLARE
	found text[];
	alone text[];
BEGIN
	BEGIN
		SET LOCAL session_replication_role = replica;
		EXECUTE fault;
		WITH c AS MATERIALIZED (SELECT * FROM community.check_installation(plant.level))
		SELECT array_agg(format('%s: member %s, %s, %s: %s', c.rule, coalesce(c.member_id::text, 'none'),
				coalesce(regexp_replace(c.currency, '^\d+$', 'N'), 'no currency'),
				regexp_replace(c.object, '^entry \d+', 'entry N'),
				regexp_replace(regexp_replace(c.detail, '\d+-\d+-\d+ \d+:\d+:[0-9.]+\+00|20\d\d-\d+-01T00:00:00Z', 'T', 'g'),
					CASE WHEN c.rule IN ('mark', 'sequence', 'event', 'key')
						OR c.detail LIKE 'its entry %' THEN ' \d+' ELSE '$' END,
					CASE WHEN c.rule IN ('mark', 'sequence', 'event', 'key')
						OR c.detail LIKE 'its entry %' THEN ' N' ELSE '' END, 'g'))
				ORDER BY c.rule, c.member_id, c.currency, c.object, c.detail),
			array_agg(DISTINCT format('%s of member %s is not told of the member alone', c.rule, c.member_id))
				FILTER (WHERE c.member_id IS NOT NULL AND NOT EXISTS (
					SELECT FROM community.check_installation(plant.level, NULL, c.member_id) AS a
					WHERE (a.rule, a.object, a.detail) = (c.rule, c.object, c.detail)))
			INTO found, alone FROM c;
		RAISE EXCEPTION 'undo' USING ERRCODE = 'P0999';
	EXCEPTION WHEN SQLSTATE 'P0999' THEN NULL;
	END;
	RETURN QUERY SELECT unnest(coalesce(found, '{nothing}') || alone);
END $$;
SELECT pg_temp.plant('SELECT 1', 'full');
CREATE VIEW pg_temp.fold AS SELECT * FROM community.account_fold
	WHERE program_id = community.current_program();
CREATE VIEW pg_temp.entry AS SELECT * FROM community.entry
	WHERE program_id = community.current_program();
CREATE VIEW pg_temp.hold AS SELECT * FROM community.hold
	WHERE program_id = community.current_program();

-- 1. an account that is not the sum of its entries: of all, or lot by lot
SELECT pg_temp.plant($$UPDATE pg_temp.fold SET purse = purse OPERATOR(community.+) '{1}'
	WHERE member_id = 1 AND currency_id = (SELECT currency_id FROM community.currency
		WHERE program_id = community.current_program() AND code = 'points')$$);
SELECT pg_temp.plant($$UPDATE pg_temp.fold SET purse = purse OPERATOR(community.+)
	'{-1, 1[,2999-01-01T00:00:00Z)}' WHERE member_id = 7$$);
SELECT pg_temp.plant($$DELETE FROM pg_temp.entry WHERE key = 'r7'$$);
SELECT pg_temp.plant($$DELETE FROM pg_temp.entry WHERE key = 'a7 3'$$);
SELECT pg_temp.plant($$UPDATE pg_temp.entry SET posted = true WHERE key = 'a1'$$);
SELECT pg_temp.plant($$UPDATE pg_temp.entry SET posted = true WHERE key = 'a7 more'$$);
SELECT pg_temp.plant($$DELETE FROM pg_temp.fold WHERE member_id = 8$$);
-- a mark that was set back, and one set forward: credits counted twice, or not at all
SELECT pg_temp.plant($$UPDATE pg_temp.fold SET folded_to = '{}' WHERE member_id = 7$$);
SELECT pg_temp.plant($$UPDATE pg_temp.fold SET folded_to = ARRAY[(SELECT entry_id FROM pg_temp.entry
	WHERE key = 'a7 more')] WHERE member_id = 7$$);

-- 2. an entry whose points are not its lots
SELECT pg_temp.plant($$UPDATE pg_temp.entry SET points = points - 1 WHERE key = 'r1'$$);

-- 3. a key twice
SELECT pg_temp.plant($$ALTER TABLE community.entry DROP CONSTRAINT entry_key_key;
	INSERT INTO community.entry (program_id, entry_id, member_id, currency_id, points, effective_at,
			recorded_at, request, posted, kind, key, delta)
		SELECT program_id, community.next_id(), member_id, currency_id, points, effective_at,
			recorded_at, request, posted, kind, key, delta FROM pg_temp.entry WHERE key = 'a1'$$);
SELECT pg_temp.plant($$ALTER TABLE community.entry DROP CONSTRAINT entry_key_key$$);

-- 4. holds
SELECT pg_temp.plant($$UPDATE pg_temp.hold SET captured = 6 WHERE key = 'h1'$$);
SELECT pg_temp.plant($$UPDATE pg_temp.hold SET captured = 11, points = 10 WHERE key = 'h1'$$);
SELECT pg_temp.plant($$DELETE FROM pg_temp.entry WHERE key = 'h1' AND kind = 'capture'$$);
SELECT pg_temp.plant($$DELETE FROM pg_temp.entry WHERE key = 'h3' AND kind = 'release'$$);
SELECT pg_temp.plant($$DELETE FROM pg_temp.entry WHERE key = 'h2'$$);
SELECT pg_temp.plant($$DELETE FROM pg_temp.hold WHERE key = 'h2'$$);
SELECT pg_temp.plant($$DELETE FROM pg_temp.hold WHERE key = 'h5'$$);
SELECT pg_temp.plant($$UPDATE pg_temp.hold SET resolved_at = now(), captured = 0 WHERE key = 'h2'$$);
SELECT pg_temp.plant($$UPDATE pg_temp.hold SET resolved_at = now() WHERE key = 'h4'$$);
SELECT pg_temp.plant($$UPDATE pg_temp.hold SET resolved_at = NULL, captured = NULL,
	expires_at = 'infinity' WHERE key = 'h5'$$);
SELECT pg_temp.plant($$UPDATE pg_temp.hold SET points = 12 WHERE key = 'h2'$$);
SELECT pg_temp.plant($$UPDATE pg_temp.hold SET points = 500,
	taken = '{500[,2999-01-01T00:00:00Z)}' WHERE key = 'h2'$$);
SELECT pg_temp.plant($$UPDATE pg_temp.hold SET member_id = 1 WHERE key = 'h4'$$);
SELECT pg_temp.plant($$UPDATE pg_temp.fold SET open_holds = open_holds - 1
	WHERE member_id = 2 AND open_holds = 2$$);

-- 5. transfers that do not sum to zero, whole or lot by lot
SELECT pg_temp.plant($$UPDATE pg_temp.entry SET points = points + 1,
	delta = delta OPERATOR(community.+) '{1}' WHERE key = 't1' AND kind = 'transfer_in'$$);
SELECT pg_temp.plant($$UPDATE pg_temp.entry SET delta = '{20[,2999-01-02T00:00:00Z)}'
	WHERE key = 't1' AND kind = 'transfer_in'$$);
SELECT pg_temp.plant($$UPDATE pg_temp.entry SET delta = '{20}'
	WHERE key = 't1' AND kind = 'transfer_in'$$);
SELECT pg_temp.plant($$UPDATE pg_temp.entry SET delta = '{7}'
	WHERE key = 't12' AND kind = 'transfer_in'$$);
SELECT pg_temp.plant($$DELETE FROM pg_temp.entry WHERE key = 't1' AND kind = 'transfer_in'$$);
SELECT pg_temp.plant($$UPDATE pg_temp.entry SET points = points - 1,
	delta = delta OPERATOR(community.-) '{1}' WHERE key = 't10' AND kind = 'transfer_in'$$);
SELECT pg_temp.plant($$DELETE FROM pg_temp.entry WHERE key = 't1' AND kind = 'reverse' AND member_id = 4$$);

-- 6. reversals: above what was given, of nothing, of another member's entry
SELECT pg_temp.plant($$UPDATE pg_temp.entry SET cut = 1000 WHERE key = 'a9' AND kind = 'reverse'$$);
SELECT pg_temp.plant($$UPDATE pg_temp.entry SET cut = -1 WHERE key = 'a5' AND kind = 'reverse'$$);
SELECT pg_temp.plant($$UPDATE pg_temp.entry SET reverses = NULL WHERE key = 'a5' AND kind = 'reverse'$$);
SELECT pg_temp.plant($$UPDATE pg_temp.entry SET reverses = (SELECT entry_id FROM pg_temp.entry
	WHERE key = 'a1') WHERE key = 'a5' AND kind = 'reverse'$$);
SELECT pg_temp.plant($$UPDATE pg_temp.fold SET purse = purse OPERATOR(community.-) '{7}' WHERE member_id = 9;
	UPDATE pg_temp.entry SET points = 7, delta = '{7}', cut = 17 WHERE key = 'a9' AND kind = 'reverse'$$);

-- what is owed is what the lots below zero come to
SELECT community.owed('{}'), community.owed('{5, 7[infinity,)}'), community.owed('{-5, 7[infinity,)}'),
	community.owed('{-5, -7[infinity,)}'), community.owed(NULL);
SELECT community.owed('{-9223372036854775807, -1[infinity,)}');

-- 7. below zero: a lot, a debt that the currency does not allow, one that is not told
CREATE FUNCTION pg_temp.book(member bigint, code text, delta community.purse) RETURNS void
LANGUAGE sql AS $$
	INSERT INTO community.entry (program_id, entry_id, member_id, currency_id, points, effective_at,
			recorded_at, request, posted, kind, key, delta)
		SELECT c.program_id, community.next_id(), member, c.currency_id, community.total(delta), now(),
			now(), 0, true, 'redeem', 'planted', delta FROM community.currency AS c
		WHERE c.program_id = community.current_program() AND c.code = book.code;
	UPDATE community.account_fold AS f SET purse = f.purse OPERATOR(community.+) delta
	FROM community.currency AS c WHERE f.program_id = community.current_program()
		AND f.member_id = member AND c.program_id = f.program_id
		AND c.currency_id = f.currency_id AND c.code = book.code
$$;
SELECT pg_temp.plant($$SELECT pg_temp.book(3, 'points', '{-16[,2999-01-01T00:00:00Z)}');
	UPDATE pg_temp.fold SET deficit = 1 WHERE member_id = 3$$);
SELECT pg_temp.plant($$SELECT pg_temp.book(8, 'miles', '{-51}');
	UPDATE pg_temp.fold SET deficit = 51 WHERE member_id = 8$$);
SELECT pg_temp.plant($$SELECT pg_temp.book(8, 'miles', '{-30}')$$);
SELECT pg_temp.plant($$UPDATE pg_temp.fold SET deficit = 0 WHERE member_id = 5$$);
SELECT pg_temp.plant($$UPDATE pg_temp.fold SET deficit = 99 WHERE member_id = 5$$);

-- 8. of nobody, in nothing
SELECT pg_temp.plant($$DELETE FROM community.member
	WHERE program_id = community.current_program() AND member_id = 1$$);
SELECT pg_temp.plant($$DELETE FROM community.currency
	WHERE program_id = community.current_program() AND code = 'stars'$$);
SELECT pg_temp.plant($$INSERT INTO community.entry (program_id, entry_id, member_id, currency_id, points,
		effective_at, recorded_at, request, posted, kind, key, delta)
	SELECT 281474976710655, entry_id, member_id, currency_id, points, effective_at,
		recorded_at, request, posted, kind, key, delta FROM pg_temp.entry WHERE key = 'a1'$$);

-- 9. ids that will be drawn again
SELECT pg_temp.plant($$UPDATE pg_temp.fold SET folded_to = '{281474976710654}' WHERE member_id = 8$$);
SELECT pg_temp.plant($q$DO $$ BEGIN EXECUTE format('ALTER SEQUENCE community.id_sequence RESTART %s',
	(SELECT max(entry_id) FROM pg_temp.entry)); END $$$q$);
SELECT pg_temp.plant($q$DO $$ BEGIN EXECUTE format('ALTER SEQUENCE community.id_sequence RESTART %s',
	(SELECT max(entry_id) + 1 FROM pg_temp.entry)); END $$$q$);

-- 10. times, copies, rows that lock, guards
SELECT pg_temp.plant($$UPDATE pg_temp.entry SET effective_at = recorded_at + interval '1 s' WHERE key = 'r5'$$);
SELECT pg_temp.plant($$UPDATE pg_temp.fold SET closed = false WHERE member_id = 6$$);
SELECT pg_temp.plant($$UPDATE pg_temp.fold SET closed = true WHERE member_id = 7$$);
SELECT pg_temp.plant($$UPDATE community.engagement SET closed = true
	WHERE program_id = community.current_program() AND member_id = 7$$);
SELECT pg_temp.plant($$DELETE FROM community.engagement
	WHERE program_id = community.current_program() AND member_id = 7$$);
SELECT pg_temp.plant('ALTER TABLE community.entry DISABLE TRIGGER append_only');
SELECT pg_temp.plant('DROP TRIGGER no_truncate ON community.entry');

-- 11. what the level full adds
SELECT pg_temp.plant($$UPDATE pg_temp.entry SET event_id = 281474976710655 WHERE key = 'a7 more'$$);
SELECT pg_temp.plant($$UPDATE pg_temp.entry SET event_id = 281474976710655 WHERE key = 'a7 more'$$, 'full');
SELECT pg_temp.plant($$SELECT community.accrue(1, 1, 'tail ' || i) FROM generate_series(1, 999) AS i$$, 'full');
SELECT pg_temp.plant($$SELECT community.accrue(1, 1, 'tail ' || i) FROM generate_series(1, 1000) AS i$$, 'full');
SELECT pg_temp.plant($$SELECT community.accrue(1, 1, 'tail ' || i) FROM generate_series(1, 1000) AS i$$);

-- 12. caps and what they have counted
INSERT INTO community.accrual_rule (program_id, name, type, currency_id, position, effect, points)
SELECT program_id, 'visit', 'visit', currency_id, 1, 'fixed', 5 FROM community.currency
WHERE program_id = community.current_program() AND code = 'points';
INSERT INTO community.cap (program_id, name, currency_id, maximum, period, created_at)
SELECT program_id, 'visits', currency_id, 12, 'lifetime', '2000-01-01' FROM community.currency
WHERE program_id = community.current_program() AND code = 'points';
SELECT (community.record(7, 'visit', 'v' || i)).points FROM generate_series(1, 3) AS i;
SELECT pg_temp.plant($$UPDATE community.cap_usage SET points = points - 1
	WHERE program_id = community.current_program() AND member_id = 7$$);
SELECT pg_temp.plant($$DELETE FROM community.cap_usage
	WHERE program_id = community.current_program() AND member_id = 7$$);

-- another program's fault is not this one's
SELECT community.create_program('check test 2') > 0 AS created;
BEGIN;
UPDATE pg_temp.fold SET deficit = 1 WHERE member_id = 7;
SELECT rule, member_id FROM community.check_installation(program => community.current_program());
SELECT count(*) FROM community.program AS p, community.check_installation(program => p.program_id) AS c
WHERE p.name = 'check test 2';
SELECT count(*) FROM community.check_installation(program => community.current_program(), member => 1);
ROLLBACK;

-- what cannot be checked is refused, not healthy
\set VERBOSITY sqlstate
SELECT * FROM community.check_installation('quickly');
SELECT * FROM community.check_installation(NULL);
SELECT * FROM community.check_installation(program => 281474976710655);
SELECT * FROM community.check_installation(member => 281474976710655);
\set VERBOSITY default

-- an auditor may check; one from whom rows are hidden is told so
CREATE ROLE regress_auditor;
CREATE ROLE regress_analyst;
SELECT community.grant_auditor('regress_auditor');
SELECT community.grant_analyst('regress_analyst');
SET ROLE regress_analyst;
SELECT * FROM community.check_installation();
SET ROLE regress_auditor;
SELECT * FROM community.check_installation('full');
RESET ROLE;
BEGIN;
ALTER TABLE community.entry ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON community.entry USING (member_id = 1);
SET LOCAL ROLE regress_auditor;
\set VERBOSITY terse
SELECT * FROM community.check_installation();
\set VERBOSITY default
ROLLBACK;
DROP OWNED BY regress_auditor, regress_analyst;
DROP ROLE regress_auditor, regress_analyst;
