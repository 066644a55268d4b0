-- If this failed, points that became available or expired while they were
-- held would count as a debt after the account was folded, and the member's
-- next points would vanish into it.
SELECT community.create_program('settled test') > 0 AS created;
SET community.program = 'settled test';
SELECT count(community.enroll(g)) FROM generate_series(1, 2) g;
CREATE PROCEDURE wait_until(at timestamptz) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_sleep(extract(epoch FROM at - clock_timestamp()) + 0.01);
END $$;
CREATE FUNCTION debts(member bigint) RETURNS TABLE (folded bigint, owed bigint, negative_lots bigint, deficit bigint)
LANGUAGE sql AS $$
	SELECT (SELECT sum(deficit) FROM community.account_fold WHERE member_id = debts.member
			AND program_id = community.current_program()),
		(SELECT count(*) FROM community.lot AS l WHERE l.member_id = debts.member
			AND l.program_id = community.current_program() AND l.state = 'owed'),
		(SELECT count(*) FROM community.lot AS l WHERE l.member_id = debts.member
			AND l.program_id = community.current_program() AND l.points < 0),
		(community.balance(debts.member)).deficit
$$;
SELECT clock_timestamp() + interval '1500 milliseconds' AS soon \gset
-- member 1: held when its lot was available already, folded before capture
SELECT points FROM community.accrue(1, 100, 'a1', available_at => :'soon');
CALL wait_until(:'soon');
SELECT kind FROM community.hold(1, 50, 'h1', expires_at => '2100-01-01');
SELECT sum(points) FROM (SELECT (community.accrue(1, 1, 's1 ' || g)).* FROM generate_series(1, 40) g OFFSET 0) s;
SELECT points FROM community.redeem(1, 1, 'r1');
SELECT cardinality(folded_to) AS marks FROM community.account_fold WHERE member_id = 1 AND program_id = community.current_program();
SELECT points FROM community.capture('h1');
SELECT * FROM debts(1);
SELECT points, delta OPERATOR(community.=) community.purse(7) AS nothing_but_a_credit FROM community.accrue(1, 7, 'b1');
SELECT available, deficit FROM community.balance(1);
-- member 2: its lot expires while it is held
SELECT clock_timestamp() + interval '1500 milliseconds' AS soon \gset
SELECT points FROM community.accrue(2, 100, 'a2', expires_at => :'soon');
SELECT kind FROM community.hold(2, 60, 'h2', expires_at => '2100-01-01');
CALL wait_until(:'soon');
-- what is held is still there, the rest is gone
SELECT available, held, deficit FROM community.balance(2);
SELECT available, held, deficit FROM community.account WHERE member_id = 2 AND program_id = community.current_program();
SELECT sum(points) FROM (SELECT (community.accrue(2, 1, 's2 ' || g)).* FROM generate_series(1, 40) g OFFSET 0) s;
SELECT points FROM community.redeem(2, 1, 'r2');
SELECT points FROM community.capture('h2');
SELECT * FROM debts(2);
SELECT points, delta OPERATOR(community.=) community.purse(7) AS nothing_but_a_credit FROM community.accrue(2, 7, 'b2');
SELECT available, held, deficit FROM community.balance(2);
-- the fold is the sum of the entries, lot by lot
SELECT f.member_id, community.settle(f.purse, now()) OPERATOR(community.=) community.settle(community.sum(e.delta), now()) AS agrees
FROM community.account_purse AS f JOIN community.entry AS e USING (program_id, member_id, currency_id)
WHERE f.program_id = community.current_program() GROUP BY f.member_id, f.purse ORDER BY 1;
DROP PROCEDURE wait_until;
DROP FUNCTION debts;
