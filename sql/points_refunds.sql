-- If this failed, a refund would take back more or less than the order gave,
-- or what it gave somebody else, or an order that changes would keep points
-- that it did not earn.
SELECT community.create_program('refund test', time_zone => 'Europe/Berlin') > 0 AS created;
SET community.program = 'refund test';
SELECT count(community.enroll(g)) FROM generate_series(1, 40) g;
INSERT INTO community.currency (program_id, code, return_policy, pending_for)
SELECT community.current_program(), v.* FROM (VALUES ('mild', 'within_balance', NULL::interval), ('only pending', 'only_pending', '14 days')) v;
CREATE FUNCTION rule(name text, type text, currency text, place int, points numeric, per bigint, recipient text DEFAULT 'member', minimum bigint DEFAULT NULL)
RETURNS void LANGUAGE sql AS $$
	INSERT INTO community.accrual_rule (program_id, name, type, currency_id, position, effect, points, per, recipient, minimum_amount)
	SELECT community.current_program(), $1, $2, currency_id, $4, CASE WHEN $6 IS NULL THEN 'fixed' ELSE 'per_unit' END, $5, $6, $7, $8
	FROM community.currency WHERE program_id = community.current_program() AND code = $3 $$;
SELECT rule('one each', 'order', 'points', 1, 1, 3), rule('welcome', 'order', 'points', 2, 5, NULL), rule('big order', 'order', 'points', 3, 50, NULL, minimum => 1000),
	rule('for the seller', 'order', 'points', 4, 1, 10, 'target'), rule('mild', 'order', 'mild', 1, 1, 7);
CREATE VIEW book AS SELECT v.key, e.member_id AS member, c.code, v.revision, e.kind, e.points, e.cut
FROM community.event v JOIN community.entry e USING (program_id, event_id) JOIN community.currency c ON c.program_id = e.program_id AND c.currency_id = e.currency_id
WHERE v.program_id = community.current_program();
CREATE VIEW has AS SELECT member_id AS member, currency, available, pending, deficit FROM community.account
WHERE program_id = community.current_program() ORDER BY 1, 2;

-- in parts, each of them proportional, that sum exactly
SELECT points FROM community.record(1, 'order', 'o1', 1000, '2024-06-01', target => 2);
SELECT points FROM community.reverse('o1', 'a third', 333);
SELECT points FROM community.reverse('o1', 'a third', 333);
SELECT points FROM community.reverse('o1', 'a third', 333);
SELECT points FROM community.reverse('o1', 'the last cent', 1);
SELECT * FROM book WHERE key = 'o1' ORDER BY revision, member, code;
SELECT * FROM has WHERE member IN (1, 2);
-- whatever has become of the rules: 200 orders, each refunded in 7 random parts, half of them after a change
SELECT setseed(0.3);
SELECT count(community.record(3 + n % 7, 'order', 'r' || n, 100 + (random() * 3000)::int, '2024-06-01', target => 20 + n % 5)) FROM generate_series(1, 200) n;
ANALYZE community.event, community.entry;
CREATE FUNCTION refund(n int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	rest bigint := (SELECT sum(amount) FROM community.event WHERE program_id = community.current_program() AND key = 'r' || n);
	part bigint;
BEGIN
	FOR i IN 1..7 LOOP
		part := CASE WHEN i = 7 THEN rest ELSE greatest(1, floor(random() * rest / 2)) END;
		EXIT WHEN rest = 0;
		PERFORM community.reverse('r' || n, 'part', part);
		rest := rest - part;
	END LOOP;
END $$;
SELECT count(refund(n)) FROM generate_series(1, 100) n;
BEGIN;
SELECT community.change_rule('one each', '{"points": 7}') > 0, community.close_rule('welcome') > 0, community.close_rule('for the seller') > 0;
COMMIT;
SELECT count(refund(n)) FROM generate_series(101, 200) n;
SELECT count(*) AS entries, sum(points) AS left, count(*) FILTER (WHERE points > 0) AS credits FROM book WHERE key LIKE 'r%';
SELECT count(*) AS wrong FROM (SELECT key, member, code, sum(points) FROM book WHERE key LIKE 'r%' GROUP BY 1, 2, 3 HAVING sum(points) <> 0) w;
-- each part is what is left, times the part of the amount, rounded down
CREATE TEMP TABLE written AS SELECT * FROM book;
CREATE INDEX ON written (key, member, code);
ANALYZE written;
SELECT count(*) AS wrong FROM written b JOIN community.event v ON v.program_id = community.current_program() AND v.key = b.key AND v.revision = b.revision
WHERE b.key LIKE 'r%' AND b.kind = 'reverse' AND -b.points <> floor(
	(SELECT sum(o.points) FROM written o WHERE (o.key, o.member, o.code) = (b.key, b.member, b.code) AND o.revision < b.revision)
	* -v.amount / (SELECT sum(o.amount) FROM community.event o WHERE o.program_id = v.program_id AND o.key = v.key AND o.revision < v.revision));
SELECT * FROM has WHERE available <> 0 OR pending <> 0 OR deficit <> 0;

-- spent points: owed, forgiven, or only what is pending still
SELECT rule('pending', 'order', 'only pending', 1, 1, 1);
SELECT points FROM community.record(30, 'order', 'spent', 700);
SELECT count(community.redeem(30, g, 'spend ' || c, c)) FROM (VALUES ('points', 1000), ('mild', 60)) v (c, g);
SELECT points FROM community.reverse('spent', 'no');
SELECT key, code, kind, points, cut FROM book WHERE key = 'spent' ORDER BY revision, code;
SELECT * FROM has WHERE member = 30;
-- a debt is paid by what comes next; taking that back brings the debt back
SELECT points FROM community.record(30, 'order', 'pays', 300);
SELECT * FROM has WHERE member = 30;
SELECT points FROM community.reverse('pays', 'no');
SELECT * FROM has WHERE member = 30;
SELECT points FROM community.record(31, 'order', 'old', 600, now() - interval '20 days');
SELECT points FROM community.reverse('old', 'not pending any more');
SELECT * FROM has WHERE member = 31;
-- a credit that also moved older points to a debt can still be taken back
SELECT count(community.accrue(32, 10, 'soon', available_at => now() + interval '50 milliseconds', expires_at => 'infinity', priority => 4)) AS pending;
SELECT points FROM community.record(32, 'order', 'debt', 6);
SELECT community.redeem(32, 14, 'all') IS NOT NULL AS spent;
SELECT points FROM community.reverse('debt', 'no');
SELECT pg_sleep(0.06);
SELECT points FROM community.record(32, 'order', 'mixed', 30);
SELECT points FROM community.reverse('mixed', 'no', 10);
SELECT points FROM community.reverse('mixed', 'no');
SELECT * FROM has WHERE member = 32;

-- attached: the row changes, and the points with it
CREATE TABLE sale (id int PRIMARY KEY, who int, cents int, seller int, at timestamptz DEFAULT '2024-06-01', ok bool DEFAULT true);
SELECT community.attach('sale', 'sale', 'who', 'cents', 'at', target => 'seller', condition => 'ok') > 0 AS attached;
SELECT rule('sale', 'sale', 'points', 5, 1, 1), rule('sold', 'sale', 'points', 6, 1, 10, 'target'), rule('large', 'sale', 'points', 7, 100, NULL, minimum => 500);
INSERT INTO community.cap (program_id, name, currency_id, rules, maximum, period)
SELECT community.current_program(), 'sales', currency_id, '{sale}', 1000, 'calendar month' FROM community.currency WHERE program_id = community.current_program() AND code = 'points';
INSERT INTO community.cap (program_id, name, currency_id, rules, counts, maximum, period)
SELECT community.current_program(), 'two large', currency_id, '{large}', 'events', 2, 'calendar month' FROM community.currency WHERE program_id = community.current_program() AND code = 'points';
ANALYZE community.event, community.entry;
CREATE VIEW sold AS SELECT b.key, b.member, sum(b.points) AS points, sum(b.cut) AS cut, count(*) AS entries, count(DISTINCT b.revision) AS revisions
FROM book b WHERE b.key ~ '^[0-9]+$' GROUP BY 1, 2 ORDER BY 1, 2;
CREATE VIEW usage AS SELECT c.name, u.member_id AS member, u.used_at AT TIME ZONE 'Europe/Berlin' AS used_at, u.points, u.events FROM community.cap_usage u JOIN community.cap c USING (program_id, cap_id)
WHERE u.program_id = community.current_program() ORDER BY 1, 2, 3;
INSERT INTO sale VALUES (1, 33, 300, 34), (2, 33, 600, 34);
SELECT * FROM sold;
-- up across the minimum, down again below it, up to where a cap cuts
UPDATE sale SET cents = 500 WHERE id = 1;
SELECT * FROM sold WHERE key = '1';
UPDATE sale SET cents = 499 WHERE id = 1;
SELECT * FROM sold WHERE key = '1';
SELECT * FROM usage;
UPDATE sale SET cents = 5000 WHERE id = 1;
SELECT * FROM sold WHERE key = '1';
SELECT * FROM usage;
-- an event that is adjusted is the same event: the second large one, not a third
UPDATE sale SET cents = cents + 1;
INSERT INTO sale VALUES (3, 33, 600, 34);
SELECT * FROM sold;
SELECT * FROM usage;
-- other seller, other buyer, gone, back: retracted and recorded again; what caps have counted stays counted
UPDATE sale SET seller = 35 WHERE id = 2;
SELECT * FROM sold WHERE key = '2';
UPDATE sale SET who = 36 WHERE id = 2;
SELECT * FROM sold WHERE key = '2';
UPDATE sale SET ok = false WHERE id = 2;
SELECT * FROM sold WHERE key = '2';
UPDATE sale SET ok = true, at = '2024-07-01' WHERE id = 2;
SELECT * FROM sold WHERE key = '2';
DELETE FROM sale;
SELECT * FROM sold;
SELECT * FROM usage;
SELECT * FROM has WHERE member > 32;
-- an adjustment asks the rules as they were at the time of the event
INSERT INTO sale VALUES (4, 37, 100, NULL);
SELECT community.change_rule('sale', '{"points": 10}') > 0 AS changed;
UPDATE sale SET cents = 200 WHERE id = 4;
SELECT * FROM sold WHERE key = '4';
UPDATE sale SET cents = 50 WHERE id = 4;
SELECT * FROM sold WHERE key = '4';
-- the two parts of a correction: by hand on top of the row's own
SELECT points FROM community.reverse('4', 'half', 25, source => 'public.sale/sale');
SELECT * FROM sold WHERE key = '4';
SELECT * FROM community.cap_faults();
SELECT community.detach('sale', 'sale') AS detached;
DROP TABLE sale;
DROP VIEW sold, usage, has, book;
DROP FUNCTION rule, refund;
