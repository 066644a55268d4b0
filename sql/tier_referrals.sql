-- If this failed, referrals that qualify would not count on ladders, count for
-- somebody else or at another time, or go on counting once they are taken back.
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SELECT community.create_program('tier referrals') > 0 AS created;
\getenv abs_srcdir PG_ABS_SRCDIR
\set oracle :abs_srcdir '/test/oracle/tier.sql'
\set ECHO none
\i :oracle
\set ECHO all

-- Partners: three referrals that qualify within 90 days make one, whatever they
-- are worth; five in a calendar year and an order of its own make a leader.
SET community.program = 'tier referrals';
SELECT community.current_program() AS program \gset
INSERT INTO community.signup_reward (program_id, name, side, currency_id, points, types, minimum_amount, pending_for)
SELECT program_id, v.name, v.side, currency_id, v.points, v.types, v.minimum, '100 years'
FROM community.currency, (VALUES ('partner', 'sponsor', 0, '{first}'::text[], 500), ('welcome', 'referee', 50, '{first}', NULL),
	-- for the same referral, which counts once
	('partner plus', 'sponsor', 0, '{first}', 600)) AS v (name, side, points, types, minimum)
WHERE program_id = :program AND code = 'points';
SELECT community.define_measure('brought', 'qualified_referrals') = community.define_measure('brought', 'qualified_referrals') AS same, community.define_measure('orders', 'count', '{first}') > 0 AS defined;
SELECT community.define_measure('x', 'qualified_referrals', '{first}');
SELECT community.define_measure('x', 'qualified_referrals', currency => 'points');
INSERT INTO community.ladder (program_id, name, demotion) VALUES (:program, 'partners', 'drop');
INSERT INTO community.tier (program_id, ladder_id, rank, name) SELECT program_id, ladder_id, t.rank, t.name
FROM community.ladder, (VALUES (1, 'partner'), (2, 'leader')) AS t (rank, name) WHERE program_id = :program;
INSERT INTO community.tier_requirement (program_id, ladder_id, rank, position, measure_id, period, attain)
SELECT l.program_id, l.ladder_id, v.rank, v.place, m.measure_id, v.period::community.period, v.attain
FROM community.ladder AS l, (VALUES (1, 1, 'brought', 'rolling 90 days', 3), (2, 1, 'brought', 'calendar year', 5), (2, 2, 'orders', 'lifetime', 1)) AS v (rank, place, measure, period, attain)
JOIN community.measure AS m ON m.name = v.measure WHERE m.program_id = l.program_id AND l.program_id = :program;
SELECT * FROM community.check_ladder('partners');
SELECT count(*) >= 0 AS published FROM community.publish_ladder('partners', '-infinity');
CREATE FUNCTION holds(member bigint) RETURNS TABLE (since timestamptz, before timestamptz, tier text) LANGUAGE sql AS $$
	SELECT count(*) FROM community.evaluate(member, '2026-03-01', community.current_program());
	SELECT lower(t.during), upper(t.during), t.tier FROM community.tenure AS t
	WHERE t.program_id = community.current_program() AND t.member_id = member AND t.superseded_at IS NULL ORDER BY 1 $$;
SELECT count(community.enroll(g, sponsor => CASE WHEN g > 10 THEN 1 + (g > 20)::int END, joined_at => '2025-01-02')) FROM generate_series(1, 29) AS g WHERE g NOT BETWEEN 4 AND 10;
-- an order too small does not qualify; one of somebody who has qualified counts no second time
SELECT count(community.record(member, 'first', 'p' || n, amount, at::timestamptz)) FROM (VALUES (1, 1, 10, '2025-01-03 12:00'),
	(2, 11, 500, '2025-02-01 12:00'), (3, 12, 499, '2025-03-01 12:00'), (4, 12, 900, '2025-03-15 12:00'), (5, 11, 900, '2025-03-16 12:00'),
	(6, 13, 500, '2025-04-20 12:00'), (7, 14, 500, '2025-05-01 12:00'), (8, 15, 500, '2025-06-01 12:00')) AS v (n, member, amount, at);
SELECT * FROM holds(1);
SELECT community.measure_value(1, 'brought', '(,)') AS always, community.measure_value(1, 'brought', '[2025-03-15 12:00,2025-05-01 12:00)') AS spring, community.measure_value(2, 'brought', '(,)') AS other;
SELECT measure, period, need, had, met, occurred_at FROM community.explain_tier(1, 'partners', as_of => '2025-05-20') ORDER BY requirement, occurred_at;
SELECT goal, measure, have, need, loses_at, falls_at FROM community.progress(1, 'partners', as_of => '2025-05-20') ORDER BY 1, 2;
-- of nothing there is no entry; the other side is paid
SELECT member_id, points FROM community.entry WHERE program_id = :program ORDER BY member_id;
-- what is taken back was never there
SELECT (community.reverse('p7', 'returned')).amount;
SELECT * FROM holds(1);
SELECT o_work_out(:program, '2026-03-01') > 0 AS worked_out;
SELECT * FROM o_differ(:program, '2026-03-01');
-- a referral that qualified earlier comes later
SELECT (community.record(16, 'first', 'late', 500, '2025-04-01')).tiers, (SELECT array_agg(h) FROM holds(1) h) AS holds;
-- any history
SELECT setseed(0.3);
SELECT count(community.enroll(100 + g, sponsor => CASE WHEN g > 4 THEN 100 + 1 + floor(random() * least(g - 1, 30))::int END, joined_at => '2025-01-02')) FROM generate_series(1, 200) AS g;
CREATE TABLE deed AS SELECT n, 105 + floor(random() * 196)::int AS member, 400 + floor(random() * 300)::int AS amount, '2025-01-05'::timestamptz + random() * interval '400 days' AS at FROM generate_series(1, 400) AS n;
SELECT count(community.record(member, 'first', 'r' || n, amount, at)) AS recorded FROM (SELECT * FROM deed ORDER BY n LIMIT 250) AS d;
SELECT count(*) >= 0 AS on_the_way FROM generate_series(101, 130) AS m, community.evaluate(m, '2025-06-01', :program) AS e;
SELECT count(*) FROM (SELECT community.reverse('r' || n, 'returned') FROM deed WHERE n <= 250 AND n % 3 = 0) AS r;
SELECT count(community.record(member, 'first', 'r' || n, amount, at)) AS recorded FROM (SELECT * FROM deed ORDER BY n OFFSET 250) AS d;
SELECT count(*) FILTER (WHERE withdrawn_at IS NULL) > 40 AS many, count(*) FILTER (WHERE withdrawn_at IS NOT NULL) > 5 AS back FROM community.signup_reward_given WHERE program_id = :program AND side = 'sponsor';
SELECT o_work_out(:program, '2026-03-01') > 0 AS worked_out;
SELECT * FROM o_differ(:program, '2026-03-01');
SELECT count(DISTINCT tier) AS tiers, count(*) > 20 AS many FROM o_tenure WHERE program_id = :program;
-- who is merged into another brings that one its referrals, also later on
SELECT count(community.record(g, 'first', 'q' || g, 500, '2025-05-02')) FROM generate_series(21, 22) AS g;
SELECT community.merge_members(2, 1, 'm 2 1') IS NOT NULL AS merged;
SELECT * FROM holds(1);
SELECT community.measure_value(1, 'brought', '(,)'), member_id, value FROM community.measure_values('brought', as_of => '2026-01-01') AS v ORDER BY 2 LIMIT 2;
SELECT (community.record(23, 'first', 'q23', 500, '2025-09-01')).member, (community.record(1, 'first', 'q1', 5, '2025-10-01')).tiers;
SELECT o_work_out(:program, '2026-03-01') > 0 AS worked_out;
SELECT h.*, (h.since, h.tier) IN (SELECT lower(during), tier FROM o_tenure WHERE program_id = :program AND member_id = 1) AS as_worked_out FROM holds(1) AS h;
SELECT rule, member_id, object, detail FROM community.check_installation('full', :program);
DROP FUNCTION holds;
DROP TABLE deed;
DROP SCHEMA tier_oracle CASCADE;
