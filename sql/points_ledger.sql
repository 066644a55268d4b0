-- If this failed, a retried call could count twice, a key could stand for two
-- requests, or points could be moved that are not there, for whom they should
-- not, or by whom they should not.
SELECT community.create_program('ledger test', 'Europe/Berlin') > 0 AS created;
SELECT community.create_program('ledger test 2') > 0 AS created;
SET community.program = 'ledger test';
SELECT count(community.enroll(g)) FROM generate_series(1, 9) AS g;
SELECT count(community.enroll(g, program => p.program_id)) FROM generate_series(1, 3) AS g,
	community.program AS p WHERE p.name = 'ledger test 2';
SELECT community.close_member(9, 'left');
INSERT INTO community.currency (program_id, code, overdraft) SELECT community.current_program(), 'credit', 50;
INSERT INTO community.currency (program_id, code, until_released) SELECT community.current_program(), 'waiting', true;
CREATE VIEW book AS SELECT e.member_id AS member, c.code, e.kind, e.key, e.line, e.points, e.delta, e.posted, e.reason
FROM community.entry AS e JOIN community.currency AS c USING (program_id, currency_id)
WHERE e.program_id = community.current_program();
CREATE VIEW purses AS SELECT member_id AS member, currency, available, pending, held, deficit
FROM community.account WHERE program_id = community.current_program() ORDER BY 1, 2;

-- what each call tells, and that a retry tells the same
CREATE FUNCTION twice(call text) RETURNS TABLE (replay bool, member bigint, currency text, kind text,
	points bigint, delta community.purse, same bool) LANGUAGE plpgsql AS $$
DECLARE
	first community.posting;
	again community.posting;
BEGIN
	EXECUTE 'SELECT * FROM community.' || call INTO first;
	EXECUTE 'SELECT * FROM community.' || call INTO again;
	RETURN QUERY SELECT again.replay, first.member, first.currency, first.kind, first.points, first.delta,
		NOT first.replay AND (first.entry_id, first.points, first.delta::text, first.effective_at, first.recorded_at)
		= (again.entry_id, again.points, again.delta::text, again.effective_at, again.recorded_at);
END $$;
SELECT * FROM twice($$ accrue(1, 100, 'a1') $$);
SELECT * FROM twice($$ accrue(1, 30, 'a2', available_at => '2300-01-01 00:00+00', expires_at => '2301-01-01 00:00+00', priority => -3, reason => 'gift') $$);
SELECT * FROM twice($$ accrue(1, 5, 'a3', occurred_at => '2020-02-29 12:00+00') $$);
SELECT * FROM twice($$ redeem(1, 10, 'r1', reason => 'a mug') $$);
SELECT * FROM twice($$ adjust(1, 7, 'j1', 'sorry', expires_at => '2300-01-01 00:00+00') $$);
SELECT * FROM twice($$ adjust(1, -2, 'j2', 'counted wrong') $$);
SELECT * FROM twice($$ hold(1, 40, 'h1', expires_at => '2300-01-01 00:00+00') $$);
SELECT * FROM twice($$ hold(1, 20, 'h2', expires_at => 'infinity') $$);
SELECT * FROM purses;
SELECT * FROM twice($$ capture('h1', 15) $$);
SELECT * FROM twice($$ release('h2') $$);
SELECT * FROM twice($$ transfer(1, 2, 25, 't1') $$);
SELECT * FROM twice($$ accrue(3, 60, 'w1', 'waiting') $$);
SELECT * FROM twice($$ release('w1') $$);
SELECT * FROM purses;
SELECT * FROM book ORDER BY key, line;
SELECT replay, amount FROM community.reverse('r1', 'came back', source => 'ledger');
SELECT replay, amount FROM community.reverse('r1', 'came back', source => 'ledger');
SELECT * FROM purses WHERE member = 1;

-- the same key for something else
\set VERBOSITY default
SELECT community.accrue(1, 101, 'a1');
SELECT community.accrue(2, 100, 'a1');
SELECT community.accrue(1, 100, 'a1', 'credit');
SELECT community.accrue(1, 100, 'a1', expires_at => '2300-01-01 00:00+00');
SELECT community.accrue(1, 100, 'a1', priority => 0);
SELECT community.redeem(1, 100, 'a1');
SELECT community.adjust(1, 100, 'a1', 'x');
SELECT community.hold(1, 100, 'a1');
SELECT community.transfer(1, 2, 26, 't1');
SELECT community.transfer(1, 3, 25, 't1');
SELECT community.hold(1, 21, 'h2', expires_at => 'infinity');
SELECT community.capture('h1', 16);
SELECT community.capture('h1');
SELECT community.capture('h2');
SELECT community.release('h1');
\set VERBOSITY sqlstate
SELECT community.accrue(1, 101, 'a1');
SELECT community.capture('h2');
\set VERBOSITY terse
-- another program, the same keys and members
SET community.program = 'ledger test 2';
SELECT replay, points FROM community.accrue(1, 11, 'a1');
SELECT replay, points FROM community.hold(1, 1, 'h1');
SELECT replay, points FROM community.capture('h1');
SELECT * FROM purses;
SELECT community.redeem(1, 11, 'r1');
SELECT community.redeem(1, 1, 'r1', 'credit');
SET community.program = 'ledger test';
SELECT * FROM purses WHERE member = 1;

-- refusals
SELECT community.redeem(1, 1000, 'x');
SELECT community.hold(1, 1000, 'x');
SELECT community.transfer(1, 2, 1000, 'x');
SELECT community.adjust(1, -1000, 'x', 'too much');
SELECT community.redeem(4, 1, 'x');
SELECT community.redeem(4, 51, 'x', 'credit');
SELECT points FROM community.redeem(4, 50, 'overdraft', 'credit');
SELECT community.redeem(4, 1, 'x', 'credit');
SELECT community.hold(4, 1, 'x', 'credit');
SELECT * FROM purses WHERE member = 4;
SELECT community.accrue(99, 1, 'x');
SELECT community.redeem(99, 1, 'x');
SELECT community.hold(99, 1, 'x');
SELECT community.transfer(1, 99, 1, 'x');
SELECT community.transfer(99, 1, 1, 'x');
SELECT community.transfer(1, 1, 1, 'x');
SELECT community.accrue(9, 1, 'x');
SELECT community.redeem(9, 1, 'x');
SELECT community.adjust(9, 1, 'x', 'x');
SELECT community.transfer(1, 9, 1, 'x');
SELECT community.transfer(9, 1, 1, 'x');
SELECT community.accrue(1, 1, 'x', 'gold');
SELECT community.redeem(1, 1, 'x', '');
SELECT community.balance(1, 'gold');
SELECT community.accrue(1, 1, 'x', program => 987654321);
SELECT community.redeem(1, 1, 'x', program => 987654321);
SELECT community.capture('x', program => 987654321);
SELECT community.balance(1, program => 987654321);
SELECT community.capture('nothing');
SELECT community.release('nothing');
SELECT community.release('a1');
SELECT community.release('r1');
SELECT community.capture('a1');
SELECT community.reverse('nothing', 'x', source => 'ledger');
SELECT community.reverse('h2', 'x', source => 'ledger');
SELECT community.reverse('a1', 'x', 5, 'ledger');
SELECT community.reverse('a1', 'x', 101, 'ledger', request_key => 'p');
SELECT community.reverse('a1', 'x', 0, 'ledger', request_key => 'p');
SELECT community.reverse('a1', 'x', -5, 'ledger', request_key => 'p');
SELECT community.record(1, 'order', 'x', source => 'ledger');
SELECT community.accrue(1, 0, 'x');
SELECT community.accrue(1, -1, 'x');
SELECT community.redeem(1, 0, 'x');
SELECT community.redeem(1, -9223372036854775808, 'x');
SELECT community.hold(1, 0, 'x');
SELECT community.transfer(1, 2, -5, 'x');
SELECT community.adjust(1, 0, 'x', 'x');
SELECT community.adjust(1, -9223372036854775808, 'x', 'x');
SELECT community.adjust(1, -1, 'x', 'x', priority => 1);
SELECT points FROM community.hold(1, 5, 'h3', expires_at => 'infinity');
SELECT community.capture('h3', 0);
SELECT community.capture('h3', 6);
SELECT points FROM community.release('h3');
SELECT community.accrue(1, 1, '');
SELECT community.accrue(1, 1, repeat('k', 513));
SELECT community.accrue(1, 1, 'x', reason => '');
SELECT community.accrue(1, 1, 'x', expires_at => '2000-01-01 00:00+00', occurred_at => '2010-01-01 00:00+00');
SELECT community.accrue(1, 1, 'x', available_at => '2300-01-01 00:00+00', expires_at => '2300-01-01 00:00+00');
SELECT community.accrue(1, 1, 'x', occurred_at => 'infinity');
SELECT community.accrue(1, 1, 'x', occurred_at => '-infinity');
SELECT community.hold(1, 1, 'x', expires_at => '2000-01-01 00:00+00');
SELECT community.hold(1, 1, 'x', expires_at => '-infinity');
SELECT community.accrue(NULL, 1, 'x');
SELECT community.accrue(1, NULL, 'x');
SELECT community.accrue(1, 1, NULL);
SELECT community.accrue(1, 1, 'x', NULL);
SELECT community.redeem(1, 1, NULL);
SELECT community.hold(1, 1, 'x', expires_at => NULL);
SELECT community.capture(NULL);
SELECT community.release(NULL);
SELECT community.transfer(1, NULL, 1, 'x');
SELECT community.adjust(1, 1, 'x', NULL);
SELECT community.reverse(NULL, 'x', source => 'ledger');
SELECT community.balance(NULL) IS NULL AS none;
-- as many as can be, and one more
SELECT community.accrue(5, 9223372036854775807, 'x');
SELECT community.accrue(5, 9223372036854775808, 'x');
SELECT community.accrue(5, 1000000000000001, 'x');
SELECT points FROM community.accrue(5, 1000000000000000, 'most');
SELECT points FROM community.accrue(5, 1, 'more');
SELECT points FROM community.redeem(5, 1000000000000001, 'all');
UPDATE community.currency SET overdraft = 9223372036854775807 WHERE code = 'credit' AND program_id = community.current_program();
SELECT points FROM community.redeem(6, 9223372036854775807, 'deep', 'credit');
SELECT community.redeem(6, 1, 'deeper', 'credit');
SELECT points FROM community.accrue(6, 7, 'up', 'credit');
SELECT points FROM community.redeem(6, 7, 'deeper', 'credit');
SELECT * FROM purses WHERE member IN (5, 6);
-- of all that nothing is left
SELECT count(*) AS left_behind FROM book WHERE key = 'x' OR length(key) > 512;
SELECT count(*) AS held FROM community.hold WHERE key = 'x';

-- a retry is no fault, whatever has happened since
SELECT points FROM community.accrue(7, 10, 'before');
SELECT points FROM community.redeem(7, 10, 'spent');
SELECT points FROM community.transfer(8, 7, 1, 'gift');
SELECT points FROM community.accrue(8, 3, 'for 8');
SELECT points FROM community.hold(8, 3, 'held', expires_at => 'infinity');
SELECT community.close_member(7, 'left'), community.close_member(8, 'left');
SELECT replay FROM community.accrue(7, 10, 'before');
SELECT replay FROM community.redeem(7, 10, 'spent');
SELECT community.redeem(7, 1, 'late');
SELECT community.accrue(7, 1, 'late');
-- what was begun can be ended
SELECT replay, points FROM community.capture('held', 2);
SELECT replay, amount FROM community.reverse('spent', 'came back', source => 'ledger');
SELECT * FROM purses WHERE member IN (7, 8);

-- savepoints: what is rolled back has not been
BEGIN;
SELECT points FROM community.accrue(2, 1, 's1');
SAVEPOINT a;
SELECT points FROM community.redeem(2, 20, 's2');
ROLLBACK TO a;
SELECT points FROM community.redeem(2, 21, 's2');
SAVEPOINT b;
SELECT community.redeem(2, 21, 's3');
ROLLBACK TO b;
SELECT available FROM community.balance(2);
COMMIT;
BEGIN;
SELECT points FROM community.redeem(2, 5, 's4');
ROLLBACK;
SELECT points FROM community.redeem(2, 5, 's4');
-- many in one statement, in order, with what is left
SELECT count(*) FILTER (WHERE (r).replay) AS replays, sum((r).points) AS points
FROM (SELECT community.accrue(3, 1, 'm' || g % 50) AS r FROM generate_series(1, 100) AS g OFFSET 0) AS s;
SELECT available FROM community.balance(3);
CREATE FUNCTION spent(n int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN (community.redeem(3, 20, 'b' || n)).points;
EXCEPTION WHEN SQLSTATE 'CM012' THEN RETURN SQLSTATE;
END $$;
SELECT spent(g) FROM generate_series(1, 4) AS g;

-- other schemas in the path do not matter
CREATE SCHEMA points_evil;
CREATE TABLE points_evil.entry (LIKE community.entry);
CREATE TABLE points_evil.account_fold (LIKE community.account_fold);
CREATE FUNCTION points_evil.sum_evil(bigint, bigint) RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint';
CREATE OPERATOR points_evil.+ (LEFTARG = community.purse, RIGHTARG = community.purse, FUNCTION = community.purse_minus);
CREATE OPERATOR points_evil.> (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = int8lt);
SET search_path = points_evil, community, public, pg_catalog;
SELECT points FROM community.accrue(2, 6, 'path');
SELECT points FROM community.redeem(2, 3, 'path 2');
SELECT points FROM community.hold(2, 3, 'path 3', expires_at => 'infinity');
SELECT available, held FROM community.balance(2);
RESET search_path;
SELECT available, held FROM purses WHERE member = 2 AND currency = 'points';
DROP SCHEMA points_evil CASCADE;

-- who may
CREATE ROLE regress_points_app;
CREATE ROLE regress_points_analyst;
CREATE ROLE regress_points_nobody;
SELECT community.grant_application('regress_points_app');
SELECT community.grant_analyst('regress_points_analyst');
SET ROLE regress_points_app;
SELECT points FROM community.accrue(2, 10, 'by app');
SELECT points FROM community.redeem(2, 1, 'by app 2');
SELECT points FROM community.transfer(2, 3, 1, 'by app 3');
SELECT points FROM community.adjust(2, 1, 'by app 4', 'x');
SELECT points FROM community.hold(2, 1, 'by app 5');
SELECT points FROM community.release('by app 5');
SELECT amount FROM community.reverse('by app 2', 'x', source => 'ledger');
SELECT deficit FROM community.balance(2);
SELECT count(*) FROM community.entry;
SELECT count(*) FROM community.account_fold;
SELECT count(*) FROM community.hold;
SELECT count(*) FROM community.account;
INSERT INTO community.currency (program_id, code) VALUES (1, 'mine');
RESET ROLE;
SET ROLE regress_points_analyst;
SELECT count(*) > 0 AS reads FROM community.entry;
SELECT count(*) > 0 AS reads FROM community.account;
SELECT count(*) > 0 AS reads FROM community.lot;
SELECT count(*) > 0 AS reads FROM community.liability;
SELECT deficit FROM community.balance(2);
SELECT community.accrue(2, 10, 'by analyst');
SELECT community.redeem(2, 10, 'by analyst');
SELECT community.release('h1');
DELETE FROM community.entry;
RESET ROLE;
SET ROLE regress_points_nobody;
SELECT community.accrue(2, 10, 'by nobody');
SELECT community.balance(2);
RESET ROLE;
DROP OWNED BY regress_points_app, regress_points_analyst, regress_points_nobody;
DROP ROLE regress_points_app, regress_points_analyst, regress_points_nobody;
-- entries are append-only, for the owner too
UPDATE community.entry SET points = 0;
DELETE FROM community.entry;
TRUNCATE community.entry;
-- a table with a trigger of somebody's is written by SQL, with the same result
CREATE FUNCTION look_on() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER z_look_on BEFORE INSERT ON community.entry FOR EACH ROW EXECUTE FUNCTION look_on();
CREATE TRIGGER z_look_on BEFORE UPDATE ON community.account_fold FOR EACH ROW EXECUTE FUNCTION look_on();
SELECT * FROM twice($$ accrue(2, 10, 'by sql', expires_at => '2300-01-01 00:00+00') $$);
SELECT * FROM twice($$ redeem(2, 1, 'by sql 2') $$);
SELECT community.accrue(2, 11, 'by sql');
DROP FUNCTION look_on() CASCADE;
-- the books
SELECT count(*) AS differ FROM community.account_purse AS a
JOIN (SELECT program_id, member_id, currency_id, community.sum(delta) AS purse
	FROM community.entry GROUP BY 1, 2, 3) AS e USING (program_id, member_id, currency_id)
JOIN community.program AS p USING (program_id)
WHERE p.name LIKE 'ledger test%'
	AND community.settle(a.purse, now()) OPERATOR(community.<>) community.settle(e.purse, now());
SELECT count(*) AS wrong FROM book WHERE points <> community.total(delta);
DROP VIEW book, purses;
DROP FUNCTION twice, spent;
