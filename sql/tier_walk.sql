-- If this failed, tenures would depend on the order in which events were
-- recorded, or on when reviews ran: standings that were added to, gone on from
-- and walked anew must come to what the walk from the beginning comes to.
\set QUIET 1
SET client_min_messages = warning;
SELECT community.create_program('tier walk', 'Europe/Berlin') AS p \gset
SET community.program = 'tier walk';
INSERT INTO community.measure (program_id, name, kind, types, currency_id) VALUES
	(:p, 'spend', 'sum', '{order}', NULL), (:p, 'orders', 'count', '{order}', NULL),
	(:p, 'days', 'distinct_days', NULL, NULL), (:p, 'friends', 'distinct_counterparts', '{thank}', NULL),
	(:p, 'best', 'maximum', '{order}', NULL), (:p, 'tenure', 'membership_days', NULL, NULL),
	(:p, 'glow', 'engagement', NULL, NULL),
	(:p, 'points', 'points', NULL, (SELECT currency_id FROM community.currency WHERE program_id = :p));
INSERT INTO community.accrual_rule (program_id, name, type, currency_id, position, effect, points)
SELECT :p, 'posts', 'post', currency_id, 1, 'fixed', 7 FROM community.currency WHERE program_id = :p;

-- drafts: name, rank, needs, then measure, period, attain and keep of each requirement
CREATE FUNCTION pg_temp.tier(ladder text, rank integer, needs integer, VARIADIC wants text[]) RETURNS void
LANGUAGE sql AS $$
	INSERT INTO community.tier (program_id, ladder_id, rank, name, needs)
	SELECT program_id, ladder_id, rank, ladder || rank, needs FROM community.ladder AS l
	WHERE l.program_id = community.current_program() AND l.name = ladder;
	INSERT INTO community.tier_requirement (program_id, ladder_id, rank, position, measure_id, period, attain, keep)
	SELECT l.program_id, l.ladder_id, tier.rank, w.n, m.measure_id, split_part(w.want, '|', 2)::community.period,
		split_part(w.want, '|', 3)::numeric, split_part(w.want, '|', 4)::numeric
	FROM unnest(wants) WITH ORDINALITY AS w (want, n), community.ladder AS l, community.measure AS m
	WHERE l.program_id = community.current_program() AND l.name = ladder
		AND m.program_id = l.program_id AND m.name = split_part(w.want, '|', 1);
$$;
INSERT INTO community.ladder (program_id, name, promotion, promotion_period, demotion, term, term_rounding, grace, dwell, landing) VALUES
	(:p, 'a', 'at_once', NULL, 'term_end', '2 months', 'calendar month', '10 days', '0', 'qualified'),
	(:p, 'b', 'at_once', NULL, 'drop', NULL, NULL, '5 days', '20 days', 'qualified'),
	(:p, 'c', 'period_end', 'calendar month', 'term_end', NULL, 'anniversary year', '0', '0', 'one_down'),
	(:p, 'd', 'at_once', NULL, 'drop', NULL, NULL, '0', '0', 'one_down'),
	(:p, 'e', 'at_once', NULL, 'never', NULL, NULL, '0', '0', 'qualified');
SELECT FROM pg_temp.tier('a', 1, NULL, 'spend|rolling 60 days|100|80');
SELECT FROM pg_temp.tier('a', 2, 2, 'spend|rolling 60 days|200|150', 'friends|calendar quarter|3|2', 'days|rolling 30 days|4|3');
SELECT FROM pg_temp.tier('a', 3, NULL, 'spend|calendar year|800|700', 'best|rolling 90 days|50|40');
SELECT FROM pg_temp.tier('b', 1, NULL, 'days|rolling 30 days|3|2', 'tenure|lifetime|30|30');
SELECT FROM pg_temp.tier('b', 2, NULL, 'orders|rolling 2 months|6|4');
SELECT FROM pg_temp.tier('b', 3, NULL, 'glow|lifetime|10|7.5');
SELECT FROM pg_temp.tier('c', 1, NULL, 'spend|anniversary year|300|250');
SELECT FROM pg_temp.tier('c', 2, NULL, 'orders|calendar quarter|8|5', 'friends|rolling 90 days|2|1');
SELECT FROM pg_temp.tier('d', 1, NULL, 'spend|calendar month|60|60');
SELECT FROM pg_temp.tier('d', 2, NULL, 'best|calendar month|45|45', 'days|calendar month|3|3');
SELECT FROM pg_temp.tier('e', 1, NULL, 'friends|lifetime|2|2', 'days|lifetime|5|5');
SELECT FROM pg_temp.tier('e', 2, NULL, 'points|rolling 100 days|40|40');
SELECT count(*) AS published FROM community.ladder, LATERAL (SELECT count(*) FROM community.publish_ladder(name,
	CASE name WHEN 'c' THEN timestamptz '2024-02-01' ELSE '-infinity' END)) AS p (n) WHERE program_id = :p;
UPDATE community.ladder SET grace = '0', landing = 'one_down', term = '3 months', grandfather = true
WHERE program_id = :p AND name = 'a';
UPDATE community.tier SET name = 'a2 and more' WHERE program_id = :p AND name = 'a2';
UPDATE community.tier_requirement SET attain = ceil(attain * 1.25), keep = ceil(keep * 1.25) WHERE program_id = :p
	AND ladder_id = (SELECT ladder_id FROM community.ladder WHERE program_id = :p AND name = 'a') AND attain >= 50;
SELECT count(*) AS again FROM community.publish_ladder('a', '2025-09-01');

-- a history, told mostly in order, some of it late or reversed
SELECT setseed(0.25);
SELECT count(community.enroll(i, joined_at => '2024-01-15'::timestamptz + i * interval '1 day 3 hours')) AS members
FROM generate_series(1, 20) AS i;
CREATE TEMP TABLE told AS
SELECT n, 1 + (random() * 19)::int AS who, (ARRAY['order', 'order', 'order', 'thank', 'post'])[1 + (random() * 4)::int] AS type,
	(random() * 60)::int - 3 AS amount, '2024-01-20'::timestamptz + random() * interval '700 days' AS at,
	1 + (random() * 19)::int AS target, n - (random() * 30)::int AS undo
FROM generate_series(1, 500) AS n;
DO $$
DECLARE
	t record;
BEGIN
	FOR t IN SELECT * FROM told ORDER BY at + CASE n % 10 WHEN 0 THEN interval '40 days' WHEN 1 THEN '2 hours' ELSE '0' END
	LOOP
		IF t.n % 7 = 0 THEN
			INSERT INTO community.inbox (member_id, type, key, amount, occurred_at, target_id)
			VALUES (t.who, t.type, 'k' || t.n, t.amount, t.at, CASE t.type WHEN 'thank' THEN t.target END);
		ELSE
			PERFORM community.record(t.who, t.type, 'k' || t.n, t.amount, t.at, CASE t.type WHEN 'thank' THEN t.target END);
		END IF;
		IF t.n % 20 = 0 AND t.undo > 0 THEN
			BEGIN
				PERFORM community.reverse('k' || t.undo, 'returned', CASE t.n % 40 WHEN 0 THEN 1 END);
			EXCEPTION WHEN OTHERS THEN
				NULL;		-- not told yet, or less is left
			END;
		END IF;
		IF t.n % 5 = 0 THEN
			PERFORM community.evaluate(t.who, t.at + interval '3 days');
		END IF;
		IF t.n % 90 = 0 THEN
			PERFORM community.lock_tier(t.who, 'b', tstzrange(t.at, t.at + interval '60 days'), 'asked', 'l' || t.n);
			PERFORM community.veto_tier(t.target, 'a', 'a3', tstzrange(t.at, t.at + interval '90 days'), 'abuse', 'v' || t.n);
		END IF;
	END LOOP;
END $$;
CALL community.process_inbox(50);
CALL community.review_tiers();
SELECT name, source, count(*) > 3 AS some, count(DISTINCT reason) AS reasons FROM community.tenure JOIN community.ladder USING (program_id, ladder_id)
WHERE program_id = :p AND superseded_at IS NULL GROUP BY 1, 2 ORDER BY 1, 2;
CREATE TEMP TABLE booked AS
SELECT t.member_id, l.name, t.tier, t.rank, t.source, t.during, t.ends_at, t.version_id, t.reason
FROM community.tenure AS t JOIN community.ladder AS l USING (program_id, ladder_id)
WHERE t.program_id = :p AND t.superseded_at IS NULL;
CREATE TEMP TABLE walked AS
SELECT m.member_id, l.name, w.*
FROM community.member AS m, community.ladder AS l, LATERAL community.tenures(m.member_id, l.name) AS w
WHERE m.program_id = :p AND l.program_id = :p;
(TABLE booked EXCEPT TABLE walked) UNION ALL (TABLE walked EXCEPT TABLE booked) ORDER BY 1, 2, 6;
SELECT count(*) AS not_due FROM community.standing WHERE program_id = :p AND due <= now();
-- as of any time, a walk until then is the beginning of the walk until now
SELECT count(*) AS differ FROM community.member AS m, (VALUES ('2024-08-01'::timestamptz), ('2025-09-01'), ('2025-10-10 10:10')) AS v (at),
	unnest('{a,b,c,d,e}'::text[]) AS l
WHERE m.program_id = :p AND community.tier(m.member_id, l, v.at) IS DISTINCT FROM
	(SELECT b.tier FROM booked AS b WHERE b.member_id = m.member_id AND b.name = l AND b.during @> v.at);
SELECT * FROM community.check_installation('full', :p);
