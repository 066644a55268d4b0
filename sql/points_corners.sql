-- If this failed, points would be lost or made up where two rare things meet:
-- limits of several kinds on one event, a member who is the target of its own
-- event, points that wait and have moved, sets in which a debtor comes late.
SET client_min_messages = warning;
SELECT community.create_program('corners') AS p \gset
SET community.program = 'corners';
SELECT count(community.enroll(i, joined_at => '2024-01-01')) FROM generate_series(1, 9) AS i;
SELECT currency_id AS points FROM community.currency WHERE program_id = :p \gset
CREATE FUNCTION corner_rule(name text, type text, currency bigint, points numeric, recipient text DEFAULT 'member', budget bigint DEFAULT NULL)
RETURNS void LANGUAGE sql AS $$
	INSERT INTO community.accrual_rule (program_id, name, type, currency_id, position, effect, points, per, recipient, budget_id)
	VALUES (community.current_program(), name, type, currency,
		(SELECT count(*) + 1 FROM community.accrual_rule WHERE program_id = community.current_program()), CASE type WHEN 'sold' THEN 'per_unit' ELSE 'fixed' END, points,
		CASE type WHEN 'sold' THEN 1 END, recipient, budget)
$$;

--
-- A rolling cap that counted what another limit takes away again
--
SELECT corner_rule('visit', 'visit', :points, 30);
INSERT INTO community.cap (program_id, name, currency_id, rules, maximum, period)
VALUES (:p, 'rolling', :points, '{visit}', 50, 'rolling 7 days'), (:p, 'all of it', :points, NULL, 45, 'lifetime');
SELECT rule, points, cut FROM community.simulate(1, 'visit', occurred_at => '2025-01-01');
SELECT (community.record(1, 'visit', 'v1', occurred_at => '2025-01-01')).points;
SELECT rule, points, cut FROM community.simulate(1, 'visit', occurred_at => '2025-01-02');
SELECT (community.record(1, 'visit', 'v2', occurred_at => '2025-01-02')).points;
SELECT (community.record(1, 'visit', 'v3', occurred_at => '2025-01-03')).points;
SELECT c.name, u.used_at::date, u.points, u.events FROM community.cap_usage AS u JOIN community.cap AS c USING (program_id, cap_id)
WHERE program_id = :p ORDER BY c.name, u.used_at;
SELECT * FROM community.cap_faults();
SELECT * FROM community.simulate(99, 'visit');
INSERT INTO community.cap (program_id, name, currency_id, rules, maximum, period) VALUES (:p, 'year', :points, '{visit}', 50, 'anniversary year');
SELECT * FROM community.simulate(99, 'visit');

--
-- A budget that several rules share, and one that is over
--
INSERT INTO community.budget (program_id, name, currency_id, points) VALUES (:p, 'shared', :points, 50) RETURNING budget_id AS budget \gset
SELECT corner_rule('first', 'shared', :points, 30, budget => :budget), corner_rule('second', 'shared', :points, 30, budget => :budget);
SELECT rule, points, cut FROM community.simulate(2, 'shared');
SELECT (community.record(2, 'shared', 's1')).points;
SELECT rule, points, cut FROM community.simulate(2, 'shared');
UPDATE community.budget SET valid = '(,2020-01-01)' WHERE budget_id = :budget;
SELECT rule, points, cut FROM community.simulate(2, 'shared', occurred_at => '2025-01-01');

--
-- Rules for several currencies, to a member that is its own target
--
INSERT INTO community.currency (program_id, currency_id, code) VALUES (:p, -7, 'minus') RETURNING currency_id AS minus \gset
SELECT corner_rule('sold', 'sold', :points, 2), corner_rule('bought', 'sold', :points, 1, 'target'), corner_rule('minus', 'sold', :minus, 1, 'target');
CREATE TABLE corner_sale (id int PRIMARY KEY, seller int, buyer int, total int);
SELECT community.attach('corner_sale', 'sold', 'seller', 'total', target => 'buyer') > 0 AS attached;
INSERT INTO corner_sale VALUES (1, 3, 4, 10), (2, 5, 5, 10);
CREATE VIEW corner_book AS SELECT member_id, currency_id <> -7 AS points, sum(points) AS sum FROM community.entry
WHERE program_id = community.current_program() AND member_id BETWEEN 3 AND 5 GROUP BY 1, 2 ORDER BY 1, 2;
SELECT * FROM corner_book;
UPDATE corner_sale SET total = 4;
SELECT * FROM corner_book;
UPDATE corner_sale SET total = 7;
SELECT * FROM corner_book;
DELETE FROM corner_sale;
SELECT * FROM corner_book;
SELECT * FROM community.check_installation('full', :p);

--
-- Lots: a rule with an expiry of its own; points that wait and have moved
--
INSERT INTO community.accrual_rule (program_id, name, type, currency_id, position, effect, points, expires_after)
VALUES (:p, 'a year', 'a year', :points, 1000, 'fixed', 5, '1 year');
SELECT (community.record(6, 'a year', 'y1', occurred_at => '2025-01-10')).points;
SELECT l.points, l.expires_at FROM community.entry AS e, community.lots(e.delta) AS l WHERE e.program_id = :p AND e.member_id = 6;
-- where activity moves the expiry of all points, those that wait are still
-- those that their order gave, whatever came since, and are what goes back
CREATE PROCEDURE time_passes(d interval) LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL session_replication_role = replica;
	UPDATE community.entry SET effective_at = effective_at - d, recorded_at = recorded_at - d,
		delta = coalesce((SELECT community.sum(community.purse(l.points, l.available_at - d, l.expires_at - d, l.priority))
			FROM community.lots(delta) AS l), '{}') WHERE program_id = community.current_program();
	UPDATE community.account_fold SET changed_at = changed_at - d,
		purse = coalesce((SELECT community.sum(community.purse(l.points, l.available_at - d, l.expires_at - d, l.priority))
			FROM community.lots(purse) AS l), '{}') WHERE program_id = community.current_program();
	SET LOCAL session_replication_role = origin;
END $$;
INSERT INTO community.currency (program_id, code, pending_for, until_released, inactive_after, return_policy)
SELECT :p, w || ' ' || v, CASE w WHEN 'days' THEN '30 days'::interval END, w = 'long', '60 days', v
FROM unnest(ARRAY['days', 'long']) AS w, unnest(ARRAY['deficit', 'within_balance', 'only_pending']) AS v;
CREATE VIEW corner_currency AS SELECT currency_id, code FROM community.currency
WHERE program_id = community.current_program() AND inactive_after IS NOT NULL ORDER BY code COLLATE "C";
CREATE VIEW corner_state AS SELECT currency, available, pending, deficit FROM community.account
WHERE program_id = community.current_program() AND member_id = 7 ORDER BY currency COLLATE "C";
SELECT count(*) FROM corner_currency, corner_rule('earn ' || code, 'earn', currency_id, 4);
SELECT count(community.accrue(7, 10, code || ' first', code)) FROM corner_currency;
SELECT (community.record(7, 'earn', 'earned')).points;
CALL time_passes('3 days');
SELECT count(community.accrue(7, 5, code || ' second', code)) FROM corner_currency;
CALL time_passes('3 days');
SELECT count(community.accrue(7, 1, code || ' free', code, available_at => now())) FROM corner_currency;
SELECT * FROM corner_state;
SELECT code, (community.reverse(code || ' second', 'part', 2, 'ledger', request_key => code)).amount AS part,
	(community.reverse(code || ' second', 'rest', source => 'ledger')).amount AS rest FROM corner_currency;
SELECT * FROM corner_state;
SELECT (community.reverse('earned', 'returned')).points;
SELECT * FROM corner_state;
-- what is not waiting any more is taken as the policy says
SELECT code, (community.release(code || ' first')).points FROM corner_currency WHERE code LIKE 'long%';
CALL time_passes('29 days');
SELECT * FROM corner_state;
SELECT code, (community.redeem(7, 8, code || ' spent', code)).points FROM corner_currency;
SELECT code, (community.reverse(code || ' first', 'no', source => 'ledger')).amount FROM corner_currency;
SELECT * FROM corner_state;
SELECT * FROM community.check_installation('full', :p);

--
-- More than a bigint
--
SELECT corner_rule('large', 'large', :points, 1000000000000);
INSERT INTO community.accrual_rule (program_id, name, type, currency_id, stage, position, effect, factor)
VALUES (:p, 'times ' || 1, 'large', :points, 2, 1, 'multiply', 1000000), (:p, 'times 2', 'large', :points, 3, 1, 'multiply', 1000000);
SELECT * FROM community.simulate(8, 'large');
SELECT (community.record(8, 'large', 'l1')).points;
SELECT count(*) FROM community.event WHERE program_id = :p AND type = 'large';
SELECT corner_rule('per', 'sold', :points, 1000000000000);
SELECT * FROM community.simulate(8, 'sold', 9223372036854775807);
SELECT community.sum(u) FROM unnest(ARRAY[community.purse(9223372036854775807), community.purse(1)]) AS u;
SELECT community.sum(u) FROM unnest(ARRAY[community.purse(9223372036854775807), community.purse(1, '2025-01-01'), community.purse(9223372036854775807)]) AS u;
SELECT community.sum(community.purse(9223372036854775807, '2000-01-01'::timestamptz + (g % 40) * interval '1 day')) FROM generate_series(1, 100) AS g;

--
-- A set in which a debtor comes after others
--
SELECT corner_rule('each', 'each', :points, 5);
SELECT (community.accrue(8, 10, 'a')).points, (community.redeem(8, 10, 'b')).points;
SELECT (community.reverse('a', 'returned', source => 'ledger')).amount;
INSERT INTO community.inbox (program_id, member_id, type, key) SELECT :p, 7 + i % 3, 'each', 'e' || i FROM generate_series(1, 9) AS i;
CALL community.process_inbox();
SELECT member_id, available, deficit FROM community.account WHERE program_id = :p AND currency = 'points' AND member_id > 6 ORDER BY 1;
SELECT * FROM community.check_installation('full', :p);
-- who owes is locked in all currencies that an event may bring, however many
INSERT INTO community.currency (program_id, code) SELECT :p, 'kind ' || g FROM generate_series(1, 20) AS g;
SELECT count(*) FROM community.currency AS c, corner_rule('many ' || code, 'many', currency_id, 2) WHERE program_id = :p AND code LIKE 'kind %';
SELECT corner_rule('many points', 'many', :points, 3);
SELECT (community.accrue(9, 10, 'c')).points, (community.redeem(9, 25, 'd')).points;
SELECT (community.reverse('c', 'returned', source => 'ledger')).amount;
SELECT count(*), sum(value::int) FROM community.record(9, 'many', 'm1') AS r, jsonb_each_text(r.points);
SELECT count(*), sum(available) AS available, sum(deficit) AS owed FROM community.account WHERE program_id = :p AND member_id = 9;
SELECT * FROM community.check_installation('full', :p);
DROP VIEW corner_book, corner_currency, corner_state;
DROP PROCEDURE time_passes;
DROP TABLE corner_sale;
DROP FUNCTION corner_rule(text, text, bigint, numeric, text, bigint);
