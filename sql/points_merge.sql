-- If this failed, merging two members would lose points, debts or engagement
-- of one of them, pay them out twice, or leave a way to keep points that an
-- order which was returned had earned.
SELECT community.create_program('merge test') > 0 AS created;
SET community.program = 'merge test';
SELECT count(community.enroll(g)) FROM generate_series(1, 30) g;
INSERT INTO community.currency (program_id, code, until_released)
	VALUES (community.current_program(), 'stars', true);
CREATE VIEW lots_now AS SELECT member_id, currency, points, to_char(expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS expires, state
FROM community.lot WHERE program_id = community.current_program() AND state <> 'expired' ORDER BY 1, 2, 4, 3;
CREATE VIEW scores AS SELECT member_id, closed, round(community.score_at(score, '2024-06-01')::numeric, 6) AS score
FROM community.engagement WHERE program_id = community.current_program() ORDER BY 1;
CREATE VIEW fault AS
SELECT a.member_id, a.currency_id FROM (SELECT program_id, member_id, currency_id,
		community.settle(community.sum(delta), now()) AS purse
	FROM community.entry GROUP BY 1, 2, 3) AS e
LEFT JOIN community.account_purse AS a USING (program_id, member_id, currency_id)
WHERE program_id = community.current_program() AND (a.purse IS NULL OR a.purse OPERATOR(community.<>) e.purse);

SELECT count(*) FROM (
	SELECT community.record(m, 'order', 'o' || m || ' ' || g, 100 * m, '2024-01-01'::timestamptz + g * interval '1 day')
	FROM generate_series(1, 9) AS m, generate_series(1, 3) AS g OFFSET 0) s;
SELECT sum(points) FROM (
	SELECT (community.accrue(1, 100, 'a1', expires_at => '2090-01-01')).points
	UNION ALL SELECT (community.accrue(1, 50, 'a2', expires_at => '2091-01-01')).points
	UNION ALL SELECT (community.accrue(1, 25, 'a3', occurred_at => '2020-01-01', expires_at => '2020-06-01')).points
	UNION ALL SELECT (community.accrue(1, 10, 'a4', 'stars', expires_at => '2092-01-01')).points
	UNION ALL SELECT (community.accrue(2, 7, 'b1', expires_at => '2090-01-01')).points) s;
SELECT points FROM community.redeem(1, 30, 'r1');
SELECT * FROM scores WHERE member_id < 4;
SELECT community.merge_members(1, 2, 'm1');
SELECT community.merge_members(1, 2, 'm1');
SELECT * FROM lots_now;
SELECT member_id, kind, points, line FROM community.entry WHERE key = 'm1' AND program_id = community.current_program() ORDER BY line;
SELECT kind, points, balance FROM community.statement(1);
SELECT kind, points, balance FROM community.statement(2);
SELECT available, pending, held, deficit FROM community.balance(1);
SELECT status, close_reason FROM community.member WHERE member_id = 1 AND program_id = community.current_program();
-- the board is right, now and as of then
SELECT * FROM scores WHERE member_id < 4;
SELECT community.rebuild('engagement') AS scores_that_were_wrong;
SELECT member, round(engagement::numeric, 6) AS engagement, frequency, revenue FROM community.super_users('2024-06-01') WHERE member < 4 ORDER BY 1;
SELECT member, round(engagement::numeric, 6) AS engagement, frequency, revenue FROM community.super_users('2024-01-03') WHERE member < 4 ORDER BY 1;
-- nothing new for who was merged
SELECT community.record(1, 'order', 'late', 100);
SELECT community.accrue(1, 1, 'late');
SELECT community.redeem(1, 1, 'late');
SELECT community.transfer(3, 1, 1, 'late');
-- what was done to it can still be undone, at the expense and in favour of the other
SELECT amount FROM community.reverse('a2', 'returned', source => 'ledger');
SELECT amount FROM community.reverse('r1', 'returned', source => 'ledger');
SELECT points FROM community.release('a4');
SELECT * FROM lots_now;
SELECT amount FROM community.reverse('o1 2', 'returned');
SELECT * FROM scores WHERE member_id < 4;
SELECT community.rebuild('engagement') AS scores_that_were_wrong;
-- expired points have come along, too
SELECT community.total(delta, effective_at) AS back FROM community.reinstate(2, 'i1', expires_at => '2095-01-01');
-- on to a third: who was merged before comes along
SELECT community.merge_members(2, 3, 'm2');
SELECT member_id, into_id, bearer_id FROM community.member_merge WHERE program_id = community.current_program() ORDER BY 1;
SELECT * FROM lots_now;
SELECT amount FROM community.reverse('o1 1', 'returned');
SELECT amount FROM community.reverse('a1', 'returned', source => 'ledger');
SELECT * FROM scores WHERE member_id < 4;
SELECT community.rebuild('engagement') AS scores_that_were_wrong;
SELECT available, deficit FROM community.balance(3);
SELECT count(*) AS faults FROM fault;

-- debts: those of either are paid with points of either
SELECT points FROM community.accrue(4, 40, 'd1', expires_at => '2090-01-01');
SELECT points FROM community.redeem(4, 40, 'd2');
SELECT amount FROM community.reverse('d1', 'returned', source => 'ledger');
SELECT points FROM community.accrue(5, 100, 'd3', expires_at => '2090-01-01');
SELECT community.merge_members(4, 5, 'm3');
SELECT available, deficit FROM community.balance(5);
SELECT deficit FROM community.account_fold WHERE member_id IN (4, 5) AND program_id = community.current_program() ORDER BY member_id;
SELECT points FROM community.accrue(6, 40, 'e1', expires_at => '2090-01-01');
SELECT points FROM community.redeem(6, 40, 'e2');
SELECT amount FROM community.reverse('e1', 'returned', source => 'ledger');
SELECT points FROM community.accrue(7, 30, 'e3', expires_at => '2090-01-01');
SELECT community.merge_members(7, 6, 'm4');
SELECT available, deficit FROM community.balance(6);
SELECT points, delta FROM community.accrue(6, 15, 'e4', expires_at => '2099-01-01 00:00:00+00');
SELECT available, deficit FROM community.balance(6);
-- holds do not move
SELECT points FROM community.accrue(8, 100, 'h1');
SELECT kind FROM community.hold(8, 60, 'h2', expires_at => '2099-01-01');
SELECT community.merge_members(8, 9, 'm5');
SELECT points FROM community.capture('h2');
SELECT community.merge_members(8, 9, 'm5');
SELECT available FROM community.balance(9);
SELECT amount FROM community.reverse('h2', 'returned', source => 'ledger');
SELECT available FROM community.balance(9);
-- a gift between the two, taken back after they are one
SELECT points FROM community.accrue(10, 20, 'g1');
SELECT points FROM community.transfer(10, 11, 20, 'g2');
SELECT community.merge_members(10, 11, 'm6');
SELECT amount FROM community.reverse('g2', 'returned', source => 'ledger');
SELECT available, deficit FROM community.balance(11);
-- members without any points
SELECT community.merge_members(13, 12, 'm7');
-- an attached row of a merged member that changes counts for the other
CREATE TABLE merge_order (id integer PRIMARY KEY, member_id bigint, total bigint);
SELECT community.attach('merge_order', 'order', 'member_id', 'total') > 0 AS attached;
INSERT INTO merge_order VALUES (1, 14, 100), (2, 14, 200), (3, 15, 300);
SELECT community.merge_members(14, 15, 'm8');
UPDATE merge_order SET total = total + 50 WHERE id = 1;
DELETE FROM merge_order WHERE id IN (2, 3);
INSERT INTO merge_order VALUES (4, 14, 5);
SELECT member_id, round(community.score_at(score, now() + interval '1 day')::numeric, 1) > 0.9 AS has FROM community.engagement
	WHERE member_id IN (14, 15) AND program_id = community.current_program() ORDER BY 1;
SELECT community.rebuild('engagement') AS scores_that_were_wrong;
SELECT community.detach('merge_order', 'order');
DROP TABLE merge_order;
-- what cannot be
SELECT community.merge_members(20, 20, 'n1');
SELECT community.merge_members(20, 99, 'n1');
SELECT community.merge_members(99, 20, 'n1');
SELECT community.merge_members(1, 20, 'n1');
SELECT community.merge_members(20, 1, 'n1');
SELECT community.merge_members(20, 21, 'm1');
SELECT community.merge_members(2, 1, 'm1');
SELECT community.merge_members(20, 21, 'a1');
SELECT community.merge_members(20, 21, '');
SELECT community.merge_members(20, NULL, 'n1');
SELECT community.merge_members(20, 21, 'n1', program => 987654321);
SELECT community.reverse('m1', 'oops', source => 'ledger');
-- a refused merge, or one that is rolled back, leaves nothing behind
BEGIN;
SAVEPOINT a;
SELECT community.merge_members(20, 21, 'n1');
ROLLBACK TO a;
SELECT count(*) FROM community.member_merge WHERE key = 'n1';
COMMIT;
SELECT count(*) AS left_behind FROM community.entry WHERE key IN ('n1', 'late') AND program_id = community.current_program();
SELECT count(*) AS faults FROM fault;
SELECT community.rebuild('accounts') AS accounts_that_were_wrong;
-- transfers and merges sum to zero
SELECT sum(points) FROM community.entry WHERE kind IN ('merge_in', 'merge_out') AND program_id = community.current_program();
DROP VIEW lots_now, scores, fault;
