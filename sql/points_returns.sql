-- If this failed, an order that is taken back would take more or less than it
-- gave, points that come back would have another expiry, or a debt would be
-- forgiven, forgotten or paid twice.
SELECT community.create_program('returns test') > 0 AS created;
SET community.program = 'returns test';
SELECT count(community.enroll(g)) FROM generate_series(1, 40) AS g;
INSERT INTO community.currency (program_id, code, return_policy, overdraft)
SELECT community.current_program(), v.* FROM (VALUES ('owe', 'deficit', 0), ('within', 'within_balance', 0),
	('only', 'only_pending', 0), ('over', 'deficit', 50)) AS v;
INSERT INTO community.currency (program_id, code, until_released, return_policy)
SELECT community.current_program(), v.* FROM (VALUES ('wait', true, 'deficit'), ('wait within', true, 'within_balance')) AS v;
INSERT INTO community.currency (program_id, code, inactive_after, expiry_rounding)
SELECT community.current_program(), 'idle', '1 year', 'calendar day';
INSERT INTO community.currency (program_id, code, pending_for) SELECT community.current_program(), 'later', '3 days';
CREATE FUNCTION back(key text, part bigint DEFAULT NULL, request text DEFAULT NULL) RETURNS TABLE (replay bool, amount bigint)
LANGUAGE sql AS $$ SELECT replay, amount FROM community.reverse(key, 'test', part, 'ledger', request_key => request) $$;
CREATE VIEW lots AS SELECT member_id AS member, currency, points, available_at, expires_at, state
FROM community.lot WHERE program_id = community.current_program();
CREATE VIEW lines AS SELECT key, line, kind, member_id AS member, points, cut, delta FROM community.entry
WHERE program_id = community.current_program() ORDER BY key, line;
-- lots that soon expire are not there when the clock has passed them
CREATE PROCEDURE time_passes(d interval) LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL session_replication_role = replica;
	UPDATE community.entry SET effective_at = effective_at - d, recorded_at = recorded_at - d,
		delta = coalesce((SELECT community.sum(community.purse(l.points, l.available_at - d, l.expires_at - d, l.priority))
			FROM community.lots(delta) AS l), '{}') WHERE program_id = community.current_program();
	UPDATE community.account_fold SET changed_at = changed_at - d,
		purse = coalesce((SELECT community.sum(community.purse(l.points, l.available_at - d, l.expires_at - d, l.priority))
			FROM community.lots(purse) AS l), '{}') WHERE program_id = community.current_program();
	UPDATE community.hold SET held_at = held_at - d, expires_at = expires_at - d,
		taken = coalesce((SELECT community.sum(community.purse(l.points, l.available_at - d, l.expires_at - d, l.priority))
			FROM community.lots(taken) AS l), '{}') WHERE program_id = community.current_program();
	SET LOCAL session_replication_role = origin;
END $$;

-- spent already: owed, forgiven, or not taken at all
SELECT c.code, (community.accrue(1, 100, 'order ' || c.code, c.code)).points, (community.redeem(1, 70, 'spent ' || c.code, c.code)).points
FROM (VALUES ('owe'), ('within'), ('only')) AS c (code);
SELECT * FROM back('order owe');
SELECT * FROM back('order within');
SELECT * FROM back('order only');
SELECT currency, available, pending, deficit FROM community.account WHERE program_id = community.current_program() AND member_id = 1;
SELECT * FROM lines WHERE member = 1 AND kind = 'reverse';
SELECT * FROM back('order owe');
SELECT * FROM back('order within');
-- what is pending is taken even where only that is
SELECT points FROM community.accrue(2, 40, 'pending', 'only', available_at => '2300-01-01 00:00+00');
SELECT points FROM community.accrue(2, 40, 'other', 'only');
SELECT * FROM back('pending', 10, 'p1');
SELECT * FROM back('pending');
SELECT * FROM lots WHERE member = 2;

-- parts sum exactly, and are known again by their keys
SELECT points FROM community.accrue(3, 100, 'parts', 'owe', expires_at => '2300-01-01 00:00+00');
SELECT * FROM back('parts', 33, 'q1');
SELECT * FROM back('parts', 33, 'q2');
SELECT * FROM back('parts', 33, 'q1');
SELECT * FROM back('parts', 34, 'q1');
SELECT * FROM back('parts', 35, 'q3');
SELECT community.accrue(3, 1, 'else', 'owe') IS NOT NULL AS done;
SELECT * FROM back('else', 1, 'q1');
SELECT * FROM back('parts', request => 'q1');
SELECT * FROM back('parts', request => 'q4');
SELECT * FROM back('parts', request => 'q4');
SELECT * FROM back('parts', request => 'q5');
SELECT * FROM back('parts');
SELECT sum(points), community.sum(delta) FROM lines WHERE key = 'parts';
-- in many parts, of several lots, back into them, the last taken first
SELECT points FROM community.accrue(4, 10, 'l1', 'owe', expires_at => '2300-01-01 00:00+00');
SELECT points FROM community.accrue(4, 10, 'l2', 'owe', expires_at => '2300-02-01 00:00+00');
SELECT points FROM community.accrue(4, 10, 'l3', 'owe');
SELECT points, delta FROM community.redeem(4, 25, 'buy', 'owe');
SELECT * FROM back('buy', 7, 'b1');
SELECT points, expires_at FROM lots WHERE member = 4;
SELECT * FROM back('buy', 9, 'b2');
SELECT points, expires_at FROM lots WHERE member = 4;
SELECT * FROM back('buy');
SELECT points, expires_at FROM lots WHERE member = 4;
SELECT sum(points), community.sum(delta) FROM lines WHERE key = 'buy';

-- what comes back has the expiry it had, also when that has passed
SELECT points FROM community.accrue(5, 50, 'soon', 'owe', expires_at => now() + interval '5 days');
SELECT points FROM community.redeem(5, 30, 'bought', 'owe');
CALL time_passes('6 days');
SELECT available, deficit FROM community.balance(5, 'owe');
SELECT * FROM back('bought');
SELECT available, deficit FROM community.balance(5, 'owe');
SELECT points, state FROM lots WHERE member = 5;
-- expired points that are taken back are no debt
SELECT * FROM back('soon');
SELECT available, deficit FROM community.balance(5, 'owe');
SELECT count(*) AS lots FROM lots WHERE member = 5;

-- points whose pending time is over are found where they are
SELECT points FROM community.accrue(6, 100, 'was pending', 'later', occurred_at => now() - interval '10 days');
SELECT * FROM back('was pending');
SELECT deficit, purse FROM community.account_fold WHERE member_id = 6 AND program_id = community.current_program();
SELECT delta FROM community.accrue(6, 70, 'next', 'later', available_at => '-infinity', expires_at => '2300-01-01 00:00+00');
SELECT points, expires_at, state FROM lots WHERE member = 6;
-- so are released ones; not those that expire sooner
SELECT points FROM community.accrue(7, 100, 'waiting', 'wait', expires_at => '2300-01-01 00:00+00');
SELECT delta FROM community.release('waiting');
SELECT points FROM community.accrue(7, 100, 'sooner', 'wait', available_at => '-infinity', expires_at => '2299-01-01 00:00+00');
SELECT * FROM back('waiting', 60, 'w1');
SELECT points, expires_at FROM lots WHERE member = 7;
-- in part before the release, the rest after
SELECT points FROM community.accrue(8, 100, 'half', 'wait');
SELECT * FROM back('half', 40, 'v1');
SELECT delta FROM community.release('half');
SELECT * FROM back('half', 61, 'v2');
SELECT * FROM back('half');
SELECT count(*) AS lots FROM lots WHERE member = 8;
-- a credit that paid a debt from itself: no lot is taken twice
SELECT points FROM community.accrue(9, 30, 'd1', 'wait within', available_at => '-infinity', expires_at => '2299-01-01 00:00+00');
UPDATE community.currency SET return_policy = 'deficit' WHERE code = 'wait within' AND program_id = community.current_program();
SELECT points FROM community.redeem(9, 30, 'd2', 'wait within');
SELECT * FROM back('d1');
UPDATE community.currency SET return_policy = 'within_balance' WHERE code = 'wait within' AND program_id = community.current_program();
SELECT delta FROM community.accrue(9, 100, 'd3', 'wait within');
SELECT points FROM community.release('d3');
SELECT available, deficit FROM community.balance(9, 'wait within');
SELECT * FROM back('d3');
SELECT available, deficit FROM community.balance(9, 'wait within');

-- held points that expire can be captured, however the account is folded
SELECT points FROM community.accrue(10, 50, 'e1', 'owe', expires_at => now() + interval '5 days');
SELECT points FROM community.hold(10, 50, 'e2', 'owe', expires_at => 'infinity');
CALL time_passes('6 days');
SELECT count(community.accrue(10, 1, 'e3 ' || g, 'owe', expires_at => '2300-01-01 00:00+00')) FROM generate_series(1, 40) AS g;
SELECT points FROM community.redeem(10, 1, 'e4', 'owe');
SELECT cardinality(folded_to) > 0 AS folded FROM community.account_fold WHERE member_id = 10 AND program_id = community.current_program();
SELECT points FROM community.capture('e2', 20);
SELECT available, held, deficit FROM community.balance(10, 'owe');
SELECT deficit FROM community.account_fold WHERE member_id = 10 AND program_id = community.current_program();
SELECT points, state FROM lots WHERE member = 10;
SELECT * FROM back('e2');
SELECT points, state FROM lots WHERE member = 10;

-- deficits are settled first by what comes, pending too; what is left keeps its expiry
SELECT points FROM community.accrue(11, 60, 'f1', 'owe');
SELECT points FROM community.redeem(11, 60, 'f2', 'owe');
SELECT * FROM back('f1');
SELECT delta FROM community.accrue(11, 25, 'f3', 'owe', expires_at => '2300-01-01 00:00+00');
SELECT delta FROM community.accrue(11, 25, 'f4', 'owe', available_at => '2299-01-01 00:00+00', expires_at => '2300-01-01 00:00+00');
SELECT available, pending, deficit FROM community.balance(11, 'owe');
SELECT delta FROM community.accrue(11, 25, 'f5', 'owe', expires_at => '2300-02-01 00:00+00');
SELECT available, pending, deficit FROM community.balance(11, 'owe');
-- gifts and what comes back pay as well
SELECT points FROM community.accrue(12, 60, 'g1', 'owe');
SELECT points FROM community.redeem(12, 60, 'g2', 'owe');
SELECT * FROM back('g1');
SELECT points FROM community.accrue(13, 20, 'g3', 'owe', expires_at => '2300-01-01 00:00+00');
SELECT points FROM community.transfer(13, 12, 15, 'g4', 'owe');
SELECT available, deficit FROM community.balance(12, 'owe');
SELECT * FROM back('g2');
SELECT available, deficit FROM community.balance(12, 'owe');
SELECT * FROM lines WHERE key IN ('g2', 'g4');

-- overdraft: paid by what comes; a call that is taken back cancels its own
SELECT points FROM community.accrue(14, 30, 'o1', 'over', expires_at => '2300-01-01 00:00+00');
SELECT delta FROM community.redeem(14, 80, 'o2', 'over');
SELECT community.redeem(14, 1, 'o3', 'over');
SELECT available, deficit FROM community.balance(14, 'over');
SELECT * FROM back('o2', 20, 'o4');
SELECT available, deficit FROM community.balance(14, 'over');
SELECT * FROM back('o2');
SELECT points, expires_at FROM lots WHERE member = 14;
SELECT points FROM community.redeem(15, 50, 'o5', 'over');
SELECT delta FROM community.accrue(15, 60, 'o6', 'over', expires_at => '2300-01-01 00:00+00');
SELECT * FROM back('o5');
SELECT points, expires_at FROM lots WHERE member = 15;

-- a gift taken back: into the giver's lots, as far as the receiver can
SELECT points FROM community.accrue(16, 100, 't1', 'within', expires_at => '2300-01-01 00:00+00');
SELECT points FROM community.transfer(16, 17, 80, 't2', 'within');
SELECT points FROM community.redeem(17, 50, 't3', 'within');
SELECT * FROM back('t2', 20, 't4');
SELECT * FROM back('t2');
SELECT * FROM back('t2');
SELECT * FROM lines WHERE key = 't2';
SELECT member, points, expires_at FROM lots WHERE member IN (16, 17);
-- a capture, and points given or taken by hand
SELECT points FROM community.accrue(18, 100, 'c1', 'owe', expires_at => '2300-01-01 00:00+00');
SELECT points FROM community.hold(18, 60, 'c2', 'owe', expires_at => 'infinity');
SELECT points FROM community.capture('c2', 50);
SELECT * FROM back('c2', 20, 'c3');
SELECT points FROM community.capture('c2', 50);
SELECT * FROM back('c2');
SELECT points FROM community.adjust(18, -30, 'c4', 'x', 'owe');
SELECT * FROM back('c4');
SELECT points FROM community.adjust(18, 10, 'c5', 'x', 'owe', expires_at => '2300-02-01 00:00+00');
SELECT * FROM back('c5', 4, 'c6');
SELECT points, expires_at FROM lots WHERE member = 18;

-- inactivity: any activity keeps all alive, none lets all expire
SELECT points FROM community.accrue(19, 10, 'i1', 'idle');
CALL time_passes('200 days');
SELECT points FROM community.accrue(19, 20, 'i2', 'idle');
SELECT points, expires_at = community.period_end('calendar day', now() + interval '1 year') AS a_year_from_now FROM lots WHERE member = 19;
CALL time_passes('300 days');
SELECT available FROM community.balance(19, 'idle');
SELECT points FROM community.redeem(19, 5, 'i3', 'idle');
SELECT points, expires_at = community.period_end('calendar day', now() + interval '1 year') AS a_year_from_now FROM lots WHERE member = 19;
CALL time_passes('367 days');
SELECT available FROM community.balance(19, 'idle');
SELECT community.redeem(19, 1, 'i4', 'idle');
-- what had expired stays so; what comes back is good for a year
SELECT points FROM community.accrue(19, 1, 'i5', 'idle');
SELECT * FROM back('i3');
SELECT points, state FROM lots WHERE member = 19;
-- what was given and has expired is not owed
SELECT * FROM back('i2');
SELECT available, deficit FROM community.balance(19, 'idle');
SELECT points, state FROM lots WHERE member = 19;

SELECT count(*) AS differ FROM community.account_purse AS a
JOIN (SELECT program_id, member_id, currency_id, community.sum(delta) AS purse
	FROM community.entry GROUP BY 1, 2, 3) AS e USING (program_id, member_id, currency_id)
WHERE a.program_id = community.current_program()
	AND community.settle(a.purse, now()) OPERATOR(community.<>) community.settle(e.purse, now());
DROP VIEW lots, lines;
DROP FUNCTION back;
DROP PROCEDURE time_passes;
