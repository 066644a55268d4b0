-- If this failed, whoever tries a ladder out would be told another price of its
-- benefits than they would have had.
SET client_min_messages = warning;
SET DateStyle = 'ISO, YMD';
SET TimeZone = 'UTC';
SELECT community.create_program('what if cost') AS p \gset
SET community.program = 'what if cost';
INSERT INTO community.accrual_rule (program_id, name, type, currency_id, position, effect, points, per)
SELECT :p, 'a point a unit', 'order', currency_id, 1, 'per_unit', 1, 1 FROM community.currency WHERE program_id = :p;
SELECT community.define_measure('spend', 'sum', '{order}') AS spend \gset
INSERT INTO community.ladder (program_id, name, demotion, term_rounding) VALUES (:p, 'club', 'term_end', 'calendar quarter') RETURNING ladder_id AS l \gset
INSERT INTO community.tier (program_id, ladder_id, rank, name) VALUES (:p, :l, 1, 'silver'), (:p, :l, 2, 'gold');
INSERT INTO community.tier_requirement (program_id, ladder_id, rank, measure_id, period, attain) VALUES
	(:p, :l, 1, :spend, 'calendar quarter', 100), (:p, :l, 2, :spend, 'calendar quarter', 400);
-- silver: 50 as it begins; gold: 5 a month, half as much again of what rules give
SELECT count(community.define_benefit(b.code, b.kind, 'points', b.factor, b.rules, b.points, b.period::community.period)) FROM (VALUES
	('welcome', 'points', NULL::numeric, NULL::text[], 50, NULL), ('monthly', 'allowance', NULL, NULL, 5, 'calendar month'), ('half more', 'multiplier', 1.5, NULL, NULL, NULL),
	('for some', 'multiplier', 7, '{a point a unit}', NULL, NULL)) AS b (code, kind, factor, rules, points, period);
SELECT community.define_benefit('lounge', 'flag') > 0 AS defined;

-- by hand: 1 is silver from February on, which is renewed in April and lost in July; silver
-- again on 5 July and gold from 10 August on
SELECT count(community.enroll(m, joined_at => '2024-01-10')) FROM generate_series(1, 2) AS m;
SELECT count(community.record(1, 'order', k, a, t)) FROM (VALUES ('a1', 120, '2025-02-01'::timestamptz), ('a2', 30, '2025-03-01'), ('a3', 100, '2025-07-05'), ('a4', 300, '2025-08-10'),
	('a5', 61, '2025-08-11'), ('a6', 1000, '2025-10-02')) AS v (k, a, t);
SELECT (community.accrue(1, 9999, 'gift', occurred_at => '2025-09-01')).points;
SELECT count(*) AS moves FROM community.publish_ladder('club', '-infinity');
SELECT tier, during, reason FROM community.tenures(1, 'club', '2026-01-01');
SELECT count(community.list_benefit('club', t, b, valid => '[2025-12-01,)')) FROM (VALUES ('silver', 'welcome'), ('gold', 'monthly'), ('gold', 'half more'), ('gold', 'for some'), ('gold', 'lounge')) AS v (t, b);
-- today: 50 for each of the three times that silver begins, 5 for each of August to December,
-- and half of 61 and of 1000: 150 + 25 + 31 + 500. What no event earned is not multiplied, nor is
-- the order by which gold is reached; the factor for some rules is not counted
SELECT to_tier, members, points, benefits_now, benefits_then FROM community.what_if('club', '2025-12-31');
-- a draft by which gold takes 100: gold from February to June and from 5 July on, silver never;
-- 11 months, and half of 30, 300, 61 and 1000: 55 + 15 + 150 + 31 + 500
UPDATE community.tier_requirement SET attain = CASE rank WHEN 1 THEN 50 ELSE 100 END WHERE program_id = :p;
SELECT to_tier, members, points, benefits_now, benefits_then FROM community.what_if('club', '2025-12-31');
SELECT tier, members_now, members_then, points_now, points_then, benefits_now, benefits_then FROM community.what_if_tiers('club', '2025-12-31');
-- before anything was listed, and of a currency of which nothing is
SELECT to_tier, benefits_now, benefits_then FROM community.what_if('club', '2025-11-30');
INSERT INTO community.currency (program_id, code) VALUES (:p, 'miles');
SELECT to_tier, points, benefits_now, benefits_then FROM community.what_if('club', '2025-12-31', currency => 'miles');

-- at random, beside what the tenures say that publishing the draft makes
SELECT setseed(0.2);
SELECT count(community.enroll(m, joined_at => '2024-01-01'::timestamptz + random() * interval '500 days')) FROM generate_series(11, 60) AS m;
SELECT count(community.record(11 + floor(random() * 50)::bigint, 'order', 'r' || g, floor(random() * 90)::bigint, '2024-06-01'::timestamptz + random() * interval '640 days')) FROM generate_series(1, 900) AS g;
SELECT count(community.reverse('r' || g, 'returned', request_key => 'back ' || g)) FROM generate_series(1, 900, 13) AS g;
UPDATE community.tier_requirement SET attain = CASE rank WHEN 1 THEN 100 ELSE 180 END, keep = CASE rank WHEN 1 THEN 60 ELSE 120 END WHERE program_id = :p;
CREATE TABLE tenures_of (draft boolean, member bigint, tier text, during tstzrange, reason text, anew boolean);
CREATE FUNCTION take_tenures(draft boolean, at timestamptz) RETURNS void LANGUAGE sql AS $$
	INSERT INTO tenures_of SELECT take_tenures.draft, m.member_id, t.tier, t.during, t.reason, t.reason = 'renewed'
		OR (lag(t.tier) OVER w, upper(lag(t.during) OVER w)) IS DISTINCT FROM (t.tier, lower(t.during))
	FROM community.member AS m, LATERAL community.tenures(m.member_id, 'club', at) AS t
	WHERE m.program_id = community.current_program() WINDOW w AS (PARTITION BY m.member_id ORDER BY t.during)
$$;
-- what a month, a beginning and half as much cost, one after the other
CREATE FUNCTION cost(of_draft boolean, whose bigint, at timestamptz) RETURNS numeric LANGUAGE sql AS $$
	WITH mine AS (SELECT * FROM tenures_of WHERE draft = of_draft AND member = whose)
	SELECT 50 * (SELECT count(*) FROM mine WHERE tier = 'silver' AND anew AND lower(during) > at - interval '1 year' AND lower(during) <= at)
	+ 5 * (SELECT count(*) FROM (SELECT min(greatest(month, lower(during))) AS given FROM mine, generate_series('2024-01-01'::timestamptz, at, '1 month') AS month
			WHERE tier = 'gold' AND during && tstzrange(month, month + interval '1 month') AND greatest(month, lower(during)) <= at GROUP BY month) AS a WHERE given > at - interval '1 year')
	+ (SELECT coalesce(sum(round(0.5 * net / CASE WHEN e.effective_at > '2025-12-01' AND EXISTS (SELECT FROM tenures_of AS t WHERE NOT t.draft AND t.member = whose AND t.tier = 'gold'
				AND t.during @> e.effective_at - interval '1 microsecond') THEN 1.5 ELSE 1 END)), 0)
		FROM community.entry AS e, LATERAL (SELECT e.points + coalesce(sum(r.points - r.cut), 0) AS net FROM community.entry AS r
			WHERE r.program_id = e.program_id AND r.member_id = whose AND r.currency_id = e.currency_id AND r.reverses = e.entry_id AND r.kind = 'reverse') AS n
		WHERE e.program_id = community.current_program() AND e.member_id = whose AND e.kind = 'accrue' AND e.event_id <> 0 AND e.effective_at > at - interval '1 year' AND e.effective_at <= at
			AND EXISTS (SELECT FROM mine WHERE tier = 'gold' AND during @> e.effective_at - interval '1 microsecond'))
$$;
\set at '2026-02-20 12:00'
CREATE TABLE said AS SELECT coalesce(from_tier, '') AS from_tier, coalesce(to_tier, '') AS to_tier, members, benefits_now, benefits_then FROM community.what_if('club', :'at', '2025-05-05');
SELECT take_tenures(false, :'at');
BEGIN;
SELECT count(*) > 0 AS moves FROM community.publish_ladder('club', '2025-05-05');
SELECT take_tenures(true, :'at');
SELECT sum(cost(false, member_id, :'at')) > 2000 AS now, sum(cost(true, member_id, :'at')) > 2000 AS then FROM community.member WHERE program_id = :p;
SELECT s.*, m.* FROM said AS s FULL JOIN (
	SELECT coalesce(f.tier, '') AS from_tier, coalesce(t.tier, '') AS to_tier, count(*) AS members, sum(cost(false, m.member_id, :'at')) AS benefits_now, sum(cost(true, m.member_id, :'at')) AS benefits_then
	FROM community.member AS m LEFT JOIN tenures_of AS f ON NOT f.draft AND f.member = m.member_id AND f.during @> timestamptz :'at' LEFT JOIN tenures_of AS t ON t.draft AND t.member = m.member_id AND t.during @> timestamptz :'at'
	WHERE m.program_id = :p GROUP BY 1, 2) AS m USING (from_tier, to_tier)
WHERE (s.members, s.benefits_now, s.benefits_then) IS DISTINCT FROM (m.members, m.benefits_now::bigint, m.benefits_then::bigint);
SELECT count(*) > 4 AS moves, count(DISTINCT benefits_then) > 4 AS lively FROM said;
ROLLBACK;
DROP TABLE said, tenures_of;
DROP FUNCTION take_tenures, cost;
