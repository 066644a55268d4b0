-- If this failed, an application that asks again for a hold, having lost the
-- answer, would be told that it reuses a key: the end that it did not give has
-- moved on with the clock.
SELECT community.create_program('hold retry') > 0 AS created;
SET community.program = 'hold retry';
SELECT community.enroll(1), (community.accrue(1, 100, 'start')).points;
SELECT replay, kind FROM community.hold(1, 40, 'cart 1');
SELECT replay, kind FROM community.hold(1, 40, 'cart 1');
SELECT replay, kind FROM community.hold(1, 40, 'cart 1', expires_at => now() + '1 hour');
SELECT available, held FROM community.balance(1);
SELECT expires_at < now() + '16 minutes' AS the_first_end FROM community.hold WHERE key = 'cart 1';
-- more is another request
SELECT replay FROM community.hold(1, 41, 'cart 1');
SELECT replay FROM community.hold(1, 40, 'cart 1', reason => 'reasons are not compared');
