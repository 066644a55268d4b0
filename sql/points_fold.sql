-- If this failed, folding would lose or double credits, or a balance would
-- depend on whether and when maintenance ran.
SELECT community.create_program('fold other') > 0 AS created;
SELECT community.create_program('fold test') > 0 AS created;
SET community.program = 'fold test';
SELECT count(community.enroll(g)) FROM generate_series(1, 60) g;
INSERT INTO community.currency (program_id, code, return_policy)
	VALUES (community.current_program(), 'miles', 'deficit');
SELECT count(*) FROM (SELECT community.accrue(community.enroll(1, program => p.program_id), 1, 'o' || g, program => p.program_id)
	FROM generate_series(1, 20) AS g, community.program AS p WHERE p.name = 'fold other' OFFSET 0) s;
-- every balance, lot and statement, and what the entries say they must be
CREATE VIEW told AS
SELECT m.member_id, c.code, b.*, s.statement
FROM community.member AS m JOIN community.currency AS c USING (program_id),
	LATERAL community.balance(m.member_id, c.code, program => m.program_id) AS b,
	LATERAL (SELECT array_agg(t::text) AS statement FROM community.statement(m.member_id, c.code, program => m.program_id) AS t) AS s
WHERE m.program_id = community.current_program();
CREATE VIEW fault AS
SELECT a.member_id, a.currency_id FROM (SELECT program_id, member_id, currency_id,
		community.settle(community.sum(delta), now()) AS purse
	FROM community.entry GROUP BY 1, 2, 3) AS e
LEFT JOIN community.account_purse AS a USING (program_id, member_id, currency_id)
WHERE program_id = community.current_program() AND (a.purse IS NULL OR a.purse OPERATOR(community.<>) e.purse);
CREATE VIEW tails AS
SELECT count(*) FILTER (WHERE tail >= 16) AS long, count(*) FILTER (WHERE tail BETWEEN 1 AND 15) AS short, sum(tail) AS credits
FROM community.account_purse WHERE program_id = community.current_program();

-- members 1 to 20 with 30 credits, 21 to 40 with 10; some accounts are unknown, some have been debited
SELECT count(*) FROM (SELECT community.accrue(m, g, 'f' || m || ' ' || g, CASE g % 2 WHEN 0 THEN 'points' ELSE 'miles' END,
	expires_at => CASE m % 3 WHEN 0 THEN '2090-01-01'::timestamptz + g * interval '1 month' END)
	FROM generate_series(1, 40) AS m, generate_series(1, 60) AS g WHERE m <= 20 OR g <= 20 OFFSET 0) s;
SELECT count(*) FROM (SELECT community.redeem(m, 3, 'r' || m) FROM generate_series(5, 25) AS m OFFSET 0) s;
SELECT count(*) FROM (SELECT community.hold(m, 2, 'h' || m, expires_at => clock_timestamp() + CASE m % 2 WHEN 0 THEN interval '50 milliseconds' ELSE interval '50 years' END)
	FROM generate_series(3, 12) AS m OFFSET 0) s;
SELECT count(*) FROM (SELECT community.accrue(m, 5, 'p' || m, available_at => '2080-01-01') FROM generate_series(1, 30) AS m OFFSET 0) s;
SELECT pg_sleep(0.1);
CREATE TABLE told_before AS SELECT * FROM told;
SELECT * FROM tails;
SELECT count(*) AS rows FROM community.account_fold WHERE program_id = community.current_program();
SELECT sum(open_holds) AS open FROM community.account_fold WHERE program_id = community.current_program();
CALL community.fold_accounts(31);
-- an account as long as that exactly is folded, shorter ones not; rows are made where they were missing
SELECT * FROM tails;
CALL community.fold_accounts(16);
SELECT * FROM tails;
-- each minimum has a mark of its own
CALL community.fold_accounts(5, 50);
SELECT * FROM tails;
SELECT count(*) AS faults FROM fault;
CALL community.run_maintenance();
SELECT sum(open_holds) AS open FROM community.account_fold WHERE program_id = community.current_program();
CALL community.run_maintenance();
CALL community.run_maintenance('2000-01-01');
SELECT count(*) AS differ FROM ((TABLE told_before EXCEPT TABLE told) UNION ALL (TABLE told EXCEPT TABLE told_before)) d;
SELECT count(*) AS faults FROM fault;
SELECT name, object, status, count(*) FROM community.job WHERE program_id = community.current_program() GROUP BY 1, 2, 3 ORDER BY 1;
-- a hold that has timed out and been noted is as any other that has timed out
\set VERBOSITY sqlstate
SELECT community.capture('h4');
\set VERBOSITY default
SELECT kind FROM community.release('h4');
SELECT kind, replay FROM community.release('h4');
SELECT community.capture('h4');
SELECT points FROM community.capture('h3');
SELECT kind FROM community.release('h6');
SELECT sum(open_holds) AS open, min(open_holds) AS least FROM community.account_fold WHERE program_id = community.current_program();
-- what comes later is found from the mark on; short tails add up
SELECT count(*) FROM (SELECT community.accrue(50, 1, 'l' || g) FROM generate_series(1, 10) AS g OFFSET 0) s;
CALL community.fold_accounts();
SELECT tail FROM community.account_purse WHERE member_id = 50 AND program_id = community.current_program();
SELECT count(*) FROM (SELECT community.accrue(50, 1, 'm' || g) FROM generate_series(1, 6) AS g OFFSET 0) s;
CALL community.fold_accounts();
SELECT tail, community.total(purse) FROM community.account_purse WHERE member_id = 50 AND program_id = community.current_program();
-- another program is left alone
SELECT tail FROM community.account_purse JOIN community.program USING (program_id) WHERE name = 'fold other';

-- a debt in the fold is what it was; a credit settles it as before
SELECT points FROM community.accrue(51, 100, 'd1', 'miles', expires_at => '2090-01-01');
SELECT points FROM community.redeem(51, 100, 'd2', 'miles');
SELECT amount FROM community.reverse('d1', 'returned', source => 'ledger');
SELECT deficit FROM community.balance(51, 'miles');
CALL community.fold_accounts(1);
SELECT deficit FROM community.account_fold WHERE member_id = 51 AND program_id = community.current_program();
SELECT points FROM community.accrue(51, 130, 'd3', 'miles', expires_at => '2090-01-01');
SELECT available, deficit FROM community.balance(51, 'miles');

-- at random, with folds in between, against the entries
SELECT setseed(0.25);
DO $$
DECLARE
	n integer;
	m bigint;
BEGIN
	FOR n IN 1 .. 600 LOOP
		m := 52 + floor(random() * 3);
		BEGIN
			CASE floor(random() * 8)
				WHEN 0 THEN PERFORM community.redeem(m, 1 + floor(random() * 20)::bigint, 'z' || n);
				WHEN 1 THEN PERFORM community.reverse('z' || floor(n * random()), 'random', source => 'ledger');
				WHEN 2 THEN PERFORM community.transfer(m, 52 + (m - 51) % 3, 5, 'z' || n);
				ELSE PERFORM community.accrue(m, 1 + floor(random() * 9)::bigint, 'z' || n,
					expires_at => now() + (random() - 0.2) * interval '2 years', occurred_at => now() - interval '6 months');
			END CASE;
		EXCEPTION WHEN SQLSTATE 'CM012' OR SQLSTATE 'CM005' OR SQLSTATE 'CM006' OR SQLSTATE '22023' THEN NULL;
		END;
		IF n % 37 = 0 THEN
			CALL community.fold_accounts(1 + n % 5, 10);
			IF EXISTS (SELECT FROM fault) THEN
				RAISE EXCEPTION 'fault after % calls', n;
			END IF;
		END IF;
	END LOOP;
END $$;
SELECT count(*) > 300 AS happened, count(DISTINCT kind) AS kinds FROM community.entry
	WHERE program_id = community.current_program() AND member_id BETWEEN 52 AND 54;
SELECT count(*) AS faults FROM fault;

-- accounts derived anew: nothing is wrong, then everything that was made wrong is
SELECT community.rebuild('accounts');
DROP TABLE told_before;
CREATE TABLE told_before AS SELECT * FROM told;
UPDATE community.account_fold SET purse = purse OPERATOR(community.+) community.purse(1)
	WHERE program_id = community.current_program() AND member_id = 7;
UPDATE community.account_fold SET open_holds = open_holds + 1
	WHERE program_id = community.current_program() AND member_id = 50;
UPDATE community.account_fold SET closed = true, deficit = 5
	WHERE program_id = community.current_program() AND member_id = 40;
DELETE FROM community.account_fold WHERE program_id = community.current_program() AND member_id = 51;
SELECT count(*) > 0 AS noticed FROM fault;
SELECT community.rebuild('accounts') >= 4 AS put_right;
SELECT community.rebuild('accounts');
SELECT count(*) AS faults FROM fault;
SELECT count(*) AS differ FROM ((TABLE told_before EXCEPT TABLE told) UNION ALL (TABLE told EXCEPT TABLE told_before)) d;
SELECT community.rebuild('engagement');
SELECT community.rebuild('castles');
-- a mark never goes back, and each node has its own
SELECT community.mark_folded('{}', 7), community.mark_folded('{7}', 5), community.mark_folded('{5}', 7),
	community.mark_folded('{7}', (1::bigint << 48) + 3), community.mark_folded(ARRAY[(1::bigint << 48) + 3], 7);
SELECT community.mark_folded('{{1},{2}}', 3);
SELECT community.mark_folded('{NULL}', 3);
-- what cannot be
CALL community.fold_accounts(0);
CALL community.fold_accounts(1, 0);
CALL community.fold_accounts(1, 1000001);
CALL community.fold_accounts(NULL);
CALL community.run_maintenance(NULL);
CALL community.fold_accounts(program => 987654321);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 1;
CALL community.fold_accounts();
ROLLBACK;
-- in a block it is one transaction, and undone with it
BEGIN;
SELECT count(*) FROM (SELECT community.accrue(55, 1, 'v' || g) FROM generate_series(1, 20) AS g OFFSET 0) s;
CALL community.run_maintenance();
SELECT tail FROM community.account_purse WHERE member_id = 55 AND program_id = community.current_program();
ROLLBACK;
SELECT count(*) FROM community.account_purse WHERE member_id = 55 AND program_id = community.current_program();
-- whatever level transactions have by default
SELECT count(*) FROM (SELECT community.accrue(55, 1, 'w' || g) FROM generate_series(1, 20) AS g OFFSET 0) s;
SET default_transaction_isolation = 'serializable';
CALL community.fold_accounts();
RESET default_transaction_isolation;
SELECT tail FROM community.account_purse WHERE member_id = 55 AND program_id = community.current_program();
SHOW transaction_isolation;
DROP TABLE told_before;
DROP VIEW told, fault, tails;
-- holds noted as timed out are no fault
SELECT count(*) > 0 AS noted FROM community.hold
WHERE program_id = community.current_program() AND resolved_at = expires_at AND captured IS NULL;
SELECT * FROM community.check_installation('full', community.current_program());
