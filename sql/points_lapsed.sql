-- If this failed, points that were spent would be taken back from others that
-- have lapsed, so that a member who returns an order keeps what it earned.
SELECT community.create_program('lapsed test') > 0 AS created;
SET community.program = 'lapsed test';
SELECT count(community.enroll(10)) AS enrolled;
CREATE PROCEDURE wait_until(at timestamptz) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_sleep(extract(epoch FROM at - clock_timestamp()) + 0.01);
END $$;
-- a credit that expired and was spent owes when it is reversed, though other points lapsed
SELECT clock_timestamp() + interval '1500 milliseconds' AS soon \gset
SELECT points FROM community.accrue(10, 100, 'a10', expires_at => :'soon');
SELECT points FROM community.redeem(10, 100, 'r10');
SELECT points FROM community.accrue(10, 100, 'b10', expires_at => :'soon'::timestamptz + interval '1 millisecond');
CALL wait_until(:'soon'::timestamptz + interval '1 millisecond');
SELECT amount FROM community.reverse('a10', 'returned', source => 'ledger');
SELECT available, deficit FROM community.balance(10);
-- one that expired unspent is taken back from where it lapsed, and is not there to reinstate
SELECT amount FROM community.reverse('b10', 'returned', source => 'ledger');
SELECT available, deficit FROM community.balance(10);
SELECT community.reinstate(10, 'i11', points => 1, expires_at => '2096-01-01');

DROP PROCEDURE wait_until;
