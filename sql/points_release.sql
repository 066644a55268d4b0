-- If this failed, releasing or taking back points that wait would touch those
-- that others wait for, or points whose expiry has moved could not be released.
SELECT community.create_program('release test') > 0 AS created;
SET community.program = 'release test';
SELECT count(community.enroll(g)) FROM generate_series(1, 4) g;
INSERT INTO community.currency (program_id, code, until_released) VALUES (community.current_program(), 'later', true);
-- two that wait in one lot
SELECT count(community.accrue(4, 10, 'c' || g, 'later')) FROM generate_series(1, 2) g;
SELECT delta FROM community.release('c1');
SELECT community.reverse('c1', 'no', source => 'ledger') IS NOT NULL AS reversed;
SELECT delta FROM community.release('c2');
SELECT available, pending FROM community.account WHERE program_id = community.current_program() AND member_id = 4;
-- where activity moves expiry, it moves that of what waits
INSERT INTO community.currency (program_id, code, until_released, inactive_after, expiry_rounding)
VALUES (community.current_program(), 'alive', true, '1 month', 'calendar day');
SELECT count(community.accrue(4, 10, 'alive ' || g, 'alive', occurred_at => now() - g * interval '2 days')) FROM generate_series(2, 1, -1) g;
SELECT community.total(delta) AS moved, (SELECT sum(points) FROM community.lots(delta) WHERE points > 0) AS released FROM community.release('alive 2');
SELECT available, pending FROM community.account WHERE program_id = community.current_program() AND currency = 'alive';
