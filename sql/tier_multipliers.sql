-- If this failed, tiers would not multiply what rules give, single events and
-- sets of them would earn otherwise, or a refund would take other points than
-- an order gave.
CREATE SCHEMA boost;
SET search_path = boost, public;
SELECT community.create_program('boost test', time_zone => 'Europe/Berlin') > 0 AS created;
SET community.program = 'boost test';
SET timezone = 'Europe/Berlin';
SELECT count(community.enroll(g, joined_at => '2024-01-15 08:00')) FROM generate_series(1, 40) g;
INSERT INTO community.currency (program_id, code, rounding) VALUES (community.current_program(), 'near', 'nearest');
INSERT INTO community.accrual_rule (program_id, name, type, currency_id, position, effect, points, per, factor, recipient)
SELECT c.program_id, v.name, v.type, c.currency_id, v.position, v.effect, v.points, v.per, v.factor, v.recipient
FROM (VALUES ('base', 'order', 'points', 1, 'per_unit', 1, 300, NULL, 'member'), ('extra', 'order', 'points', 2, 'fixed', 5, NULL, NULL, 'member'),
	('sale', 'sale', 'points', 3, 'fixed', 10, NULL, NULL, 'member'), ('more', 'sale', 'points', 4, 'fixed', 5, NULL, NULL, 'member'),
	('cut down', 'sale', 'points', 5, 'multiply', NULL, NULL, 0.4, 'member'),
	('stamps', 'order', 'near', 1, 'per_unit', 1, 300, NULL, 'member'), ('thanks', 'thank', 'points', 6, 'fixed', 3, NULL, NULL, 'target'))
	AS v (name, type, currency, position, effect, points, per, factor, recipient)
JOIN community.currency c ON c.code = v.currency AND c.program_id = community.current_program();
INSERT INTO community.ladder (program_id, name) VALUES (community.current_program(), 'club');
INSERT INTO community.tier (program_id, ladder_id, rank, name)
SELECT program_id, ladder_id, n, (ARRAY['silver', 'gold'])[n] FROM community.ladder, generate_series(1, 2) n
WHERE program_id = community.current_program();
CREATE FUNCTION hold(member bigint, tier text, during tstzrange, source text DEFAULT 'qualified', ends timestamptz DEFAULT NULL)
RETURNS void LANGUAGE sql AS $$
	INSERT INTO community.tenure (program_id, member_id, ladder_id, tier, rank, source, during, ends_at, reason)
	SELECT l.program_id, $1, l.ladder_id, $2, t.rank, $4, $3, $5, 'promoted' FROM community.ladder l
	JOIN community.tier t USING (program_id, ladder_id) WHERE l.program_id = community.current_program() AND t.name = $2 $$;
-- what an event earns, by simulate() and by record(), which must agree
CREATE FUNCTION earns(member bigint, type text, amount bigint DEFAULT 0, at timestamptz DEFAULT '2024-06-15 12:00', target bigint DEFAULT NULL)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	promised text;
	factors text;
	kept text;
	receipt community.receipt;
BEGIN
	SELECT string_agg(format('%s %s %s', s.currency, s.rule, s.points), ', ' ORDER BY s.n), string_agg(s.factor::text, ', ' ORDER BY s.n)
	INTO promised, factors
	FROM community.simulate($1, $2, $3, $4, $5)
		WITH ORDINALITY AS s (member, currency, rule, rule_id, points, cut, cut_by, available_at, expires_at, priority, factor, n);
	receipt := community.record($1, $2, 'e' || community.next_id(), $3, $4, $5);
	SELECT string_agg(format('%s %s %s', c.code, r.name, u.points), ', ' ORDER BY e.member_id, e.line, u.n) INTO kept
	FROM community.entry e JOIN community.currency c USING (program_id, currency_id),
		unnest(e.rule_ids, e.rule_points) WITH ORDINALITY AS u (rule_id, points, n)
	JOIN community.accrual_rule r ON r.rule_id = u.rule_id
	WHERE e.program_id = community.current_program() AND e.event_id = receipt.event_id AND r.program_id = e.program_id;
	RETURN CASE WHEN kept IS NOT DISTINCT FROM promised THEN format('%s by %s', kept, factors)
		ELSE format('promised %s, kept %s', promised, kept) END;
END $$;
-- without benefits nothing is asked, and nothing changes
SELECT hold(1, 'gold', '[2024-06-01,2024-07-01)');
SELECT earns(1, 'order', 1000), earns(1, 'sale');
SELECT community.define_benefit('double', 'multiplier', 'points', factor => 2) > 0 AS made,
	community.define_benefit('base third', 'multiplier', 'points', factor => 1.333333, rules => '{base,more}') > 0 AS made,
	community.define_benefit('stamps', 'multiplier', 'near', factor => 1.5) > 0 AS made;
SELECT community.list_benefit('club', 'gold', 'double', valid => '(,)') > 0 AS listed,
	community.list_benefit('club', 'silver', 'double', factor => 1.25, valid => '(,)') > 0 AS listed,
	community.list_benefit('club', 'silver', 'base third', valid => '(,)') > 0 AS listed,
	community.list_benefit('club', 'gold', 'stamps', valid => '(,)') > 0 AS listed;
SELECT hold(2, 'silver', '[2024-06-01,)'), hold(3, 'silver', '[2024-06-01,)'), hold(3, 'gold', '[2024-06-10,2024-06-20)', 'granted');
CALL community.settle_benefits('2024-06-15');
-- by tier; fractions are multiplied before they are rounded; of several factors the highest
SELECT m, earns(m, 'order', 1000) FROM generate_series(1, 4) m;
-- a factor of a rule below 1 has taken from the rules before it; what is left is multiplied
SELECT m, earns(m, 'sale') FROM generate_series(1, 4) m;
-- by the time of the event, and by what was held just before it
SELECT at, earns(1, 'order', 300, at::timestamptz) FROM unnest(ARRAY['2024-05-31', '2024-06-01', '2024-06-01 00:00:00.000001', '2024-07-01', '2024-07-02']) at;
-- the one who gets the points multiplies them
SELECT earns(4, 'thank', target => 1), earns(1, 'thank', target => 4);
-- caps come after that
INSERT INTO community.cap (program_id, name, currency_id, maximum, period)
SELECT program_id, 'a day', currency_id, 20, 'calendar day' FROM community.currency WHERE program_id = community.current_program() AND code = 'points';
SELECT earns(1, 'order', 3000, '2024-06-18 10:00');
SELECT points, cut, rule_points FROM community.entry WHERE program_id = community.current_program() AND cut > 0;
-- a refund takes what was given, whatever tier that is now; an adjustment brings what the tier of that time gives
SELECT (community.record(1, 'order', 'refunded', 1200, '2024-06-16 12:00')).points;
UPDATE community.tenure SET superseded_at = clock_timestamp() WHERE program_id = community.current_program() AND member_id = 1;
CALL community.settle_benefits('2024-06-16');
SELECT (community.reverse('refunded', 'half', 600, request_key => 'half')).points;
SELECT (community.reverse('refunded', 'rest', request_key => 'rest')).points;
SELECT sum(points) AS left FROM community.entry e WHERE e.program_id = community.current_program()
	AND e.event_id IN (SELECT event_id FROM community.event v WHERE v.program_id = e.program_id AND v.key = 'refunded');
CREATE TABLE bills (id int PRIMARY KEY, member bigint, amount numeric, at timestamptz);
SELECT community.attach('bills', type => 'order', member => 'member', amount => 'amount', occurred_at => 'at') > 0 AS attached;
INSERT INTO bills VALUES (1, 3, 6, '2024-06-17 12:00');
UPDATE bills SET amount = 9;
SELECT c.code, e.points, e.rule_points FROM community.entry e JOIN community.currency c USING (program_id, currency_id)
JOIN community.event v USING (program_id, event_id)
WHERE v.program_id = community.current_program() AND v.source = 'boost.bills/order' ORDER BY e.entry_id;
-- out of range says so
SELECT community.define_benefit('huge', 'multiplier', 'points', factor => 1000000, rules => '{extra}') > 0 AS made;
INSERT INTO community.accrual_rule (program_id, name, type, currency_id, position, effect, points)
SELECT program_id, 'giant', 'giant', currency_id, 9, 'fixed', 10000000000 FROM community.currency WHERE program_id = community.current_program() AND code = 'points';
SELECT community.define_benefit('giant', 'multiplier', 'points', factor => 1000000, rules => '{giant}') > 0 AS made;
SELECT community.list_benefit('club', 'silver', 'giant', valid => '(,)') > 0 AS listed;
CALL community.settle_benefits('2024-06-16');
SELECT community.record(2, 'giant', 'giant', 0, '2024-06-16 12:00');

-- sets and single events keep the same books: members 11 to 20 one by one, 21 to 30 as a set
SELECT hold(g, CASE WHEN g % 10 % 3 = 0 THEN 'gold' ELSE 'silver' END, tstzrange('2024-06-05'::timestamptz + interval '1 day' * (g % 10), '2024-06-25'))
FROM generate_series(11, 30) g WHERE g % 10 % 4 < 3;
CALL community.settle_benefits('2024-06-05');
CREATE TABLE doings AS SELECT n, 11 + n % 10 AS member, '2024-06-01'::timestamptz + interval '5 hours 17 minutes' * (n * 37 % 120) AS at,
	(ARRAY['order', 'sale', 'thank'])[1 + n % 3] AS type, 100 + n * 271 % 3000 AS amount, 11 + n * 7 % 10 AS target FROM generate_series(1, 300) n;
SELECT count(community.record(member, type, 'single ' || n, amount, at, CASE WHEN type = 'thank' THEN target END)) FROM doings;
INSERT INTO community.inbox (member_id, type, key, amount, occurred_at, target_id)
SELECT member + 10, type, 'set ' || n, amount, at, CASE WHEN type = 'thank' THEN target + 10 END FROM doings ORDER BY n;
CALL community.process_inbox();
CREATE VIEW books AS SELECT e.member_id, c.code, v.occurred_at, v.type, e.line, e.points, e.cut, e.rule_points, e.delta::text, v.amount, e.event_id
FROM community.entry e JOIN community.currency c USING (program_id, currency_id) JOIN community.event v USING (program_id, event_id)
WHERE e.program_id = community.current_program();
SELECT count(*) > 200 AS many, count(*) FILTER (WHERE cut > 0) > 10 AS with_cuts FROM books WHERE member_id BETWEEN 11 AND 20;
SELECT count(*) AS differences FROM
	((SELECT member_id + 10, code, occurred_at, type, line, points, cut, rule_points, delta, amount FROM books WHERE member_id BETWEEN 11 AND 20
	EXCEPT ALL SELECT member_id, code, occurred_at, type, line, points, cut, rule_points, delta, amount FROM books WHERE member_id BETWEEN 21 AND 30)
	UNION ALL
	(SELECT member_id, code, occurred_at, type, line, points, cut, rule_points, delta, amount FROM books WHERE member_id BETWEEN 21 AND 30
	EXCEPT ALL SELECT member_id + 10, code, occurred_at, type, line, points, cut, rule_points, delta, amount FROM books WHERE member_id BETWEEN 11 AND 20)) d;
-- against a slow way to say the same, without caps: the factor of each rule, in numeric
CREATE FUNCTION expected(member bigint, currency text, amount bigint, at timestamptz) RETURNS bigint LANGUAGE sql AS $$
	SELECT CASE currency WHEN 'points' THEN floor(sum(x.given * x.factor)) ELSE round(sum(x.given * x.factor)) END::bigint FROM (
		SELECT r.given, coalesce((SELECT max(coalesce(l.factor, b.factor)) FROM community.tenure t
			JOIN community.tier_benefit l ON l.program_id = t.program_id AND l.ladder_id = t.ladder_id AND l.tier = t.tier
			JOIN community.benefit b ON b.program_id = l.program_id AND b.benefit_id = l.benefit_id
			JOIN community.currency c ON c.program_id = b.program_id AND c.currency_id = b.currency_id
			WHERE t.program_id = community.current_program() AND t.member_id = $1 AND t.superseded_at IS NULL
				AND t.during @> $4 - interval '1 us' AND b.kind = 'multiplier' AND c.code = $2
				AND (b.rules IS NULL OR r.name = ANY (b.rules))), 1) AS factor
		FROM (VALUES ('base', 'points', $3 / 300.0), ('extra', 'points', 5), ('stamps', 'near', $3 / 300.0)) AS r (name, currency, given)
		WHERE r.currency = $2) AS x $$;
SELECT count(*) AS orders, count(*) FILTER (WHERE b.points + b.cut <> expected(b.member_id, b.code, b.amount, b.occurred_at)) AS wrong,
	count(*) FILTER (WHERE b.points + b.cut > expected(0, b.code, b.amount, b.occurred_at)) > 50 AS multiplied
FROM books b WHERE b.member_id BETWEEN 11 AND 30 AND b.type = 'order';
SELECT * FROM community.check_installation('full', community.current_program()) WHERE rule <> 'tenure';
DROP TABLE bills;
