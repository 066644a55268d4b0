-- If this failed, members would lose points that they were promised to keep,
-- or get points back that never expired, or get them back twice.
SELECT community.create_program('extend test') > 0 AS created;
SET community.program = 'extend test';
SELECT count(community.enroll(g)) FROM generate_series(1, 12) g;
CREATE PROCEDURE wait_until(at timestamptz) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_sleep(extract(epoch FROM at - clock_timestamp()) + 0.01);
END $$;
CREATE FUNCTION lots_of(member bigint) RETURNS TABLE (points bigint, expires text, waits boolean, priority integer)
LANGUAGE sql AS $$
	SELECT l.points, to_char(l.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD'),
		l.available_at > now(), l.priority
	FROM community.lot AS l WHERE l.member_id = lots_of.member AND l.state <> 'expired'
		AND l.program_id = community.current_program() ORDER BY l.expires_at, l.priority, l.available_at
$$;
INSERT INTO community.currency (program_id, code, until_released, return_policy)
	VALUES (community.current_program(), 'stars', true, 'only_pending');
INSERT INTO community.currency (program_id, code, inactive_after)
	VALUES (community.current_program(), 'idle', '1 year');

-- extend: what expires before the date, pending or not, keeps its priority
SELECT sum(points) FROM (
	SELECT (community.accrue(1, 10, 'a', expires_at => '2090-01-01')).points
	UNION ALL SELECT (community.accrue(1, 20, 'b', expires_at => '2091-01-01', priority => 5)).points
	UNION ALL SELECT (community.accrue(1, 40, 'c', expires_at => '2092-01-01', available_at => '2080-01-01')).points
	UNION ALL SELECT (community.accrue(1, 80, 'd', expires_at => '2095-01-01')).points
	UNION ALL SELECT (community.accrue(1, 160, 'e')).points) s;
SELECT kind, points, replay, delta IS NOT NULL AS told
FROM community.extend(1, '2094-01-01', 'x1', expiring_before => '2092-01-01', reason => 'sorry');
SELECT * FROM lots_of(1);
SELECT points, replay FROM community.extend(1, '2094-01-01', 'x1', expiring_before => '2092-01-01');
SELECT points FROM community.extend(1, '2094-01-01', 'x2');
SELECT * FROM lots_of(1);
-- nothing to do is no fault, and still claims the key
SELECT points, delta, replay FROM community.extend(1, '2094-01-01', 'x3');
SELECT points, delta, replay FROM community.extend(1, '2094-01-01', 'x3');
-- for ever
SELECT points FROM community.extend(1, 'infinity', 'x4');
SELECT sum(points), count(DISTINCT expires_at) FROM community.lot WHERE member_id = 1
	AND program_id = community.current_program();
-- held lots stay, and can be captured; the rest moves
SELECT points FROM community.accrue(2, 100, 'a2', expires_at => '2090-01-01');
SELECT kind FROM community.hold(2, 30, 'h2', expires_at => '2089-01-01');
SELECT points FROM community.extend(2, '2099-01-01', 'x5');
SELECT * FROM lots_of(2);
SELECT points FROM community.capture('h2', 20);
SELECT * FROM lots_of(2);
-- points that wait for release() can still be released or taken back
SELECT points FROM community.accrue(3, 50, 's3', 'stars', expires_at => '2090-01-01');
SELECT points FROM community.extend(3, '2093-01-01', 'x6', 'stars');
SELECT points FROM community.release('s3');
SELECT * FROM lots_of(3);
SELECT points FROM community.accrue(4, 50, 's4', 'stars', expires_at => '2090-01-01');
SELECT points FROM community.extend(4, '2093-01-01', 'x7', 'stars');
SELECT amount FROM community.reverse('s4', 'returned', source => 'ledger');
SELECT * FROM lots_of(4);
-- the same where every activity moves the expiry
SELECT points FROM community.accrue(5, 50, 's5', 'idle', available_at => 'infinity', expires_at => now() + '2 months');
SELECT points FROM community.accrue(5, 1, 't5', 'idle');
SELECT points FROM community.release('s5');
SELECT available, pending FROM community.balance(5, 'idle');

-- reinstate: exactly what was left of each lot when it expired
SELECT clock_timestamp() + interval '2 seconds' AS soon \gset
SELECT :'soon'::timestamptz + interval '1 millisecond' AS later \gset
SELECT sum(points) FROM (
	SELECT (community.accrue(6, 100, 'a6', expires_at => :'soon')).points
	UNION ALL SELECT (community.accrue(6, 200, 'b6', expires_at => :'later', priority => 3)).points
	UNION ALL SELECT (community.accrue(6, 400, 'c6', expires_at => '2090-01-01')).points) s;
SELECT points FROM community.redeem(6, 30, 'r6');
SELECT points FROM community.accrue(7, 100, 'a7', expires_at => :'soon');
SELECT points FROM community.redeem(7, 100, 'r7');
SELECT points FROM community.accrue(7, 60, 'b7', expires_at => :'later');
SELECT points FROM community.accrue(8, 100, 'a8', expires_at => :'soon');
SELECT kind FROM community.hold(8, 40, 'h8', expires_at => '2089-01-01');
SELECT points FROM community.accrue(9, 100, 'a9', expires_at => :'soon');
CALL wait_until(:'later');
SELECT available FROM community.balance(6);
-- a fold between forgets which lot was which, but the entries do not
SELECT count(*) FROM (SELECT community.accrue(6, 1, 'f6 ' || g) FROM generate_series(1, 40) g OFFSET 0) s;
SELECT points FROM community.redeem(6, 1, 'r6 too');
SELECT points, replay, community.total(delta, effective_at) AS back
FROM community.reinstate(6, 'i1', expires_at => '2096-01-01', expired_since => :'later', points => 150);
SELECT points, replay, community.total(delta, effective_at) AS back
FROM community.reinstate(6, 'i1', expires_at => '2096-01-01', expired_since => :'later', points => 150);
SELECT * FROM lots_of(6);
\set VERBOSITY sqlstate
SELECT community.reinstate(6, 'i2', expires_at => '2096-01-01', expired_since => :'later', points => 51);
\set VERBOSITY default
SELECT community.reinstate(6, 'i2', expires_at => '2096-01-01', points => 121);
SELECT community.total(delta, effective_at) AS back FROM community.reinstate(6, 'i2', expires_at => '2096-01-01');
SELECT community.total(delta, effective_at) AS back FROM community.reinstate(6, 'i3', expires_at => '2096-01-01');
SELECT * FROM lots_of(6);
-- what was spent does not come back, whatever else of the member expired
SELECT community.total(delta, effective_at) AS back
FROM community.reinstate(7, 'i7', expires_at => '2096-01-01');
-- what a hold sets aside is not expired yet
SELECT community.total(delta, effective_at) AS back
FROM community.reinstate(8, 'i8', expires_at => '2096-01-01');
SELECT points FROM community.capture('h8', 10);
SELECT community.total(delta, effective_at) AS back
FROM community.reinstate(8, 'i9', expires_at => '2096-01-01');
SELECT available, held, deficit FROM community.balance(8);
-- a debt is paid first; without an expiry the currency says how long
SELECT points FROM community.accrue(9, 5, 'b9');
SELECT points FROM community.redeem(9, 5, 'r9');
SELECT amount FROM community.reverse('b9', 'returned', source => 'ledger');
SELECT available, deficit FROM community.balance(9);
SELECT community.total(delta, effective_at) AS back FROM community.reinstate(9, 'i10');
SELECT available, deficit, next_expiry FROM community.balance(9);
-- what cannot be
SELECT community.extend(1, '2020-01-01', 'y1');
SELECT community.extend(1, NULL, 'y1');
SELECT community.extend(1, '2094-01-01', '');
SELECT community.extend(99, '2094-01-01', 'y1');
SELECT community.extend(1, '2094-01-01', 'y1', 'gems');
SELECT community.extend(1, '2094-06-01', 'x1');
SELECT community.extend(1, '2094-01-01', 'r6');
SELECT community.reinstate(6, 'y2', expires_at => '2020-01-01');
SELECT community.reinstate(6, 'y2', points => 0);
SELECT community.reinstate(6, NULL);
SELECT community.reinstate(6, 'i1');
SELECT community.close_member(12, 'gone');
SELECT community.extend(12, '2094-01-01', 'y3');
SELECT community.reinstate(12, 'y3');
SELECT count(*) AS left_behind FROM community.entry WHERE key LIKE 'y%';
-- reversing either is refused: they have moved no points
SELECT community.reverse('x1', 'oops', source => 'ledger');
-- the books agree, lot by lot
SELECT count(*) FILTER (WHERE a.purse OPERATOR(community.<>) e.purse) AS wrong, count(*) > 0 AS looked
FROM community.account_purse AS a JOIN (SELECT program_id, member_id, currency_id,
	community.settle(community.sum(delta), now()) AS purse FROM community.entry GROUP BY 1, 2, 3) AS e
	USING (program_id, member_id, currency_id)
WHERE a.program_id = community.current_program();
DROP PROCEDURE wait_until;
DROP FUNCTION lots_of;
