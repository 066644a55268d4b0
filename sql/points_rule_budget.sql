-- If this failed, a campaign would give away more than its budget, or a cap would
-- count points that a budget did not grant.
SET client_min_messages = warning;
SELECT community.create_program('rule budget') > 0 AS created;
SET community.program = 'rule budget';
SELECT count(community.enroll(i)) FROM generate_series(1, 3) AS i;
INSERT INTO community.currency (program_id, code) VALUES (community.current_program(), 'stars');
CREATE TEMP VIEW coin AS SELECT * FROM community.currency WHERE program_id = community.current_program();
INSERT INTO community.budget (program_id, name, currency_id, points)
SELECT program_id, 'spring', currency_id, 100 FROM coin WHERE code = 'points';
CREATE TEMP VIEW spring AS SELECT * FROM community.budget WHERE program_id = community.current_program();
-- of that currency, and one there is
\set VERBOSITY sqlstate
INSERT INTO community.accrual_rule (program_id, name, currency_id, position, effect, points, budget_id)
SELECT c.program_id, 'x', c.currency_id, 1, 'fixed', 1, b.budget_id FROM coin AS c, spring AS b WHERE code = 'stars';
INSERT INTO community.accrual_rule (program_id, name, currency_id, position, effect, points, budget_id)
SELECT program_id, 'x', currency_id, 1, 'fixed', 1, 1 FROM coin WHERE code = 'points';
\set VERBOSITY default
-- the plain rule gives what it gives, the campaign what there is
INSERT INTO community.accrual_rule (program_id, name, type, currency_id, position, effect, points, budget_id)
SELECT c.program_id, r.name, 'buy', c.currency_id, r.position, 'fixed', r.points, r.budget
FROM coin AS c, spring AS b, LATERAL (VALUES ('always', 1, 10, NULL::bigint), ('campaign', 2, 30, b.budget_id)) AS r (name, position, points, budget)
WHERE code = 'points';
INSERT INTO community.cap (program_id, name, currency_id, rules, maximum, period)
SELECT program_id, 'each', currency_id, '{campaign}', 50, 'lifetime' FROM coin WHERE code = 'points';
SELECT rule, points, cut, cut_by FROM community.simulate(1, 'buy');
SELECT (community.record(1, 'buy', 'b1')).points;
SELECT (community.record(1, 'buy', 'b2')).points; -- 20 are left under the cap
SELECT (community.record(2, 'buy', 'b3')).points;
SELECT remaining FROM community.budget_status WHERE program_id = community.current_program();
SELECT rule, points, cut, cut_by FROM community.simulate(3, 'buy');
SELECT (community.record(3, 'buy', 'b4')).points; -- the last 20
SELECT (community.record(3, 'buy', 'b5')).points; -- nothing left
SELECT points, cut, cut_by = ARRAY[(SELECT budget_id FROM spring)] AS by_budget FROM community.entry
WHERE program_id = community.current_program() AND member_id = 3 ORDER BY entry_id;
-- the cap has counted what was granted
SELECT member_id, points, events FROM community.cap_usage WHERE program_id = community.current_program() ORDER BY 1;
SELECT * FROM community.cap_faults();
SELECT * FROM community.check_installation('full', community.current_program());
-- a refund refills nothing; a retry takes nothing
SELECT (community.reverse('b1', 'returned')).points;
SELECT (community.record(3, 'buy', 'b5')).replay;
SELECT spent, remaining FROM community.budget_status WHERE program_id = community.current_program();
-- sets take from it as single events do
UPDATE community.budget SET valid = '(,2020-01-01)' WHERE program_id = community.current_program() AND name = 'spring';
SELECT (community.record(2, 'buy', 'b6')).points;
UPDATE community.budget SET valid = '(,)' WHERE program_id = community.current_program() AND name = 'spring';
SELECT community.change_budget(budget_id, 130) FROM spring;
INSERT INTO community.inbox (program_id, member_id, type, key)
SELECT community.current_program(), 1 + i % 3, 'buy', 'i' || i FROM generate_series(1, 6) AS i;
CALL community.process_inbox();
SELECT spent, remaining FROM community.budget_status WHERE program_id = community.current_program();
SELECT * FROM community.check_installation('full', community.current_program());
