-- If this failed, what a tier brings would not follow from what a member does:
-- multipliers, points and flags come with the tier, go with it, and are given once.
SET DateStyle = 'ISO, YMD';
SET TimeZone = 'UTC';
SELECT community.create_program('tier story') AS p \gset
SET community.program = 'tier story';
SELECT count(community.enroll(m, joined_at => '2025-01-01')) FROM generate_series(1, 4) AS m;
INSERT INTO community.accrual_rule (program_id, name, type, currency_id, position, effect, points, per)
SELECT :p, 'a point a unit', 'order', currency_id, 1, 'per_unit', 1, 1 FROM community.currency WHERE program_id = :p;
SELECT community.define_measure('spend', 'sum', '{order}') AS spend \gset
INSERT INTO community.ladder (program_id, name, demotion, term_rounding) VALUES (:p, 'status', 'term_end', 'calendar year') RETURNING ladder_id AS l \gset
INSERT INTO community.tier (program_id, ladder_id, rank, name, fee_type, fee, fee_term) VALUES
	(:p, :l, 1, 'gold', NULL, NULL, NULL), (:p, :l, 2, 'black', 'black card', 1000, '1 month');
INSERT INTO community.tier_requirement (program_id, ladder_id, rank, measure_id, period, attain) VALUES
	(:p, :l, 1, :spend, 'calendar year', 100), (:p, :l, 2, :spend, 'calendar year', 10000);
SELECT community.define_benefit('double', 'multiplier', 'points', 2) > 0 AS defined;
SELECT community.define_benefit('triple', 'multiplier', 'points', 3) > 0 AS defined;
SELECT community.define_benefit('welcome', 'points', points => 50, currency => 'points') > 0 AS defined;
SELECT community.define_benefit('lounge', 'flag') > 0 AS defined;
SELECT count(community.list_benefit('status', t, b, valid => '(,)')) FROM (VALUES ('gold', 'double'), ('gold', 'welcome'), ('gold', 'lounge'), ('black', 'triple')) AS v (t, b);
SELECT * FROM community.publish_ladder('status', '-infinity');
CREATE FUNCTION pg_temp.books(m bigint) RETURNS TABLE (kind text, points bigint) LANGUAGE sql AS $$
	SELECT kind, points FROM community.entry WHERE program_id = community.current_program() AND member_id = m ORDER BY entry_id
$$;

-- 1: reaches gold in March, is paid double from the next order on, welcomed once
SELECT community.record(1, 'order', 'a1', 60, '2025-02-01') IS NOT NULL AS recorded;
SELECT community.has_benefit(1, 'lounge', '2025-02-02') AS lounge;
SELECT community.record(1, 'order', 'a2', 60, '2025-03-01') IS NOT NULL AS recorded;
SELECT community.has_benefit(1, 'lounge', '2025-03-02') AS lounge, community.tier(1, 'status', '2025-03-02');
SELECT community.record(1, 'order', 'a3', 10, '2025-03-03') IS NOT NULL AS recorded;
SELECT * FROM pg_temp.books(1);
-- what comes late was bought before, and does not count double
SELECT community.record(1, 'order', 'a0', 5, '2025-02-28') IS NOT NULL AS recorded;
-- a month of black beside it
SELECT community.record(1, 'black card', 'fee', 1000, '2025-04-01') IS NOT NULL AS paid;
SELECT community.record(1, 'order', 'a4', 10, '2025-04-15') IS NOT NULL AS recorded, community.tier(1, 'status', '2025-04-15'), community.tier(1, 'status', '2025-05-15') AS later;
SELECT community.record(1, 'order', 'a5', 10, '2025-05-15') IS NOT NULL AS recorded;
SELECT * FROM pg_temp.books(1);

-- 2: the same through the inbox and the books are the same
INSERT INTO community.inbox (member_id, type, key, amount, occurred_at) VALUES (2, 'order', 'b1', 60, '2025-02-01'), (2, 'order', 'b2', 60, '2025-03-01');
CALL community.process_inbox();
INSERT INTO community.inbox (member_id, type, key, amount, occurred_at) VALUES (2, 'order', 'b3', 10, '2025-03-03'), (2, 'order', 'b0', 5, '2025-02-28'), (2, 'black card', 'fee 2', 1000, '2025-04-01');
CALL community.process_inbox();
INSERT INTO community.inbox (member_id, type, key, amount, occurred_at) VALUES (2, 'order', 'b4', 10, '2025-04-15'), (2, 'order', 'b5', 10, '2025-05-15');
CALL community.process_inbox();
SELECT * FROM pg_temp.books(2);

-- the order that made 1 gold is returned: gold never was, the welcome goes; what was
-- paid double for other orders stays as it was paid
SELECT community.reverse('a2', 'returned') IS NOT NULL AS reversed;
SELECT community.tier(1, 'status', '2025-03-02'), community.has_benefit(1, 'lounge', '2025-03-02') AS lounge;
SELECT tier, source, during, superseded_at IS NULL AS believed FROM community.tenure WHERE program_id = :p AND member_id = 1 ORDER BY source, recorded_at, tenure_id;
SELECT * FROM pg_temp.books(1);

-- 3: holds gold for two years, as the first one keeps it, is welcomed once a term,
-- and will have lost it after that, whether it was reviewed or not
SELECT community.record(3, 'order', 'c1', 100, '2025-06-01') IS NOT NULL AS recorded;
SELECT community.has_benefit(3, 'lounge', '2025-12-31') AS then, community.has_benefit(3, 'lounge', '2027-01-02') AS later, community.tier(3, 'status', '2026-01-02'), community.tier(3, 'status', '2027-01-02') AS lost;
CALL community.review_tiers();
CALL community.review_tiers();
SELECT community.has_benefit(3, 'lounge', '2025-12-31') AS then, community.has_benefit(3, 'lounge', '2027-01-02') AS later, community.tier(3, 'status', '2026-01-02'), community.tier(3, 'status', '2027-01-02') AS lost;
SELECT * FROM pg_temp.books(3);

-- 4: points on a ladder, credited without the member's lock
SELECT community.define_measure('earned', 'points', currency => 'points') AS earned \gset
INSERT INTO community.ladder (program_id, name) VALUES (:p, 'fame') RETURNING ladder_id AS f \gset
INSERT INTO community.tier (program_id, ladder_id, rank, name) VALUES (:p, :f, 1, 'star');
INSERT INTO community.tier_requirement (program_id, ladder_id, rank, measure_id, attain) VALUES (:p, :f, 1, :earned, 500);
SELECT * FROM community.publish_ladder('fame', '-infinity');
CALL community.review_tiers();
SELECT (community.accrue(4, 500, 'gift')).points;
SELECT community.tier(4, 'fame');
SELECT count(*) AS booked FROM community.tenure WHERE program_id = :p AND member_id = 4;
CALL community.run_maintenance();
SELECT count(*) AS booked FROM community.tenure WHERE program_id = :p AND member_id = 4;
SELECT (community.redeem(4, 400, 'spent')).points;
SELECT community.tier(4, 'fame') AS spending_is_no_loss;
SELECT (community.reverse('gift', 'mistake', 200, source => 'ledger', request_key => 'gift back')).amount;
SELECT community.tier(4, 'fame') AS giving_back_is;
SELECT * FROM community.evaluate(4);
-- 5 and 6 turn out to be one: together they have reached gold
SELECT count(community.enroll(m, joined_at => '2025-01-01')) FROM generate_series(5, 6) AS m;
SELECT community.record(5, 'order', 'd5', 60, '2026-02-01') IS NOT NULL AS recorded, community.record(6, 'order', 'd6', 60, '2026-03-01') IS NOT NULL AS recorded;
SELECT community.tier(5, 'status', '2026-03-02'), community.merge_members(6, 5, 'one person') AS merged;
SELECT community.tier(5, 'status', '2026-03-02');
SELECT * FROM community.evaluate(5);
SELECT tier, during, reason FROM community.tenures(5, 'status');
SELECT community.reverse('d6', 'returned') IS NOT NULL AS reversed;
SELECT community.tier(5, 'status', '2026-03-02'), community.measure_value(5, 'spend', '[2026-01-01,2027-01-01)');
SELECT * FROM community.check_installation('full', :p);
