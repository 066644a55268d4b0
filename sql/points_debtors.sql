-- If this failed, a set of events that begins with a member who owes points would
-- bring the server down, or leave the debt standing.
SET client_min_messages = warning;
SELECT community.create_program('debtors') > 0 AS created;
SET community.program = 'debtors';
SELECT count(community.enroll(i)) FROM generate_series(1, 3) AS i;
INSERT INTO community.accrual_rule (program_id, name, currency_id, position, effect, points)
SELECT program_id, 'each', currency_id, 1, 'fixed', 5 FROM community.currency
WHERE program_id = community.current_program();
SELECT (community.accrue(1, 10, 'a')).points, (community.redeem(1, 10, 'b')).points;
SELECT (community.reverse('a', 'returned', source => 'ledger')).amount;
-- the debtor comes first, and more than once
INSERT INTO community.inbox (program_id, member_id, type, key)
SELECT community.current_program(), 1 + i % 3, 'visit', 'v' || i FROM generate_series(1, 9) AS i;
CALL community.process_inbox();
SELECT member_id, available, deficit FROM community.account
WHERE program_id = community.current_program() ORDER BY 1;
SELECT * FROM community.check_installation('full', community.current_program());
