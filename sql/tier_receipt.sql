-- If this failed, an application would not learn from the receipt of record() or
-- reverse() that a member has reached or lost a tier, or a retry would tell another story.
SET DateStyle = 'ISO, YMD';
SET TimeZone = 'UTC';
SELECT community.create_program('tier receipt') AS p \gset
SET community.program = 'tier receipt';
SELECT count(community.enroll(m, joined_at => '2025-01-01')) FROM generate_series(1, 8) AS m;
SELECT community.define_measure('spend', 'sum', '{order}') AS spend \gset
SELECT community.define_measure('days', 'distinct_days', '{order,visit}') AS days \gset

-- without any ladder
SELECT tiers FROM community.record(1, 'visit', 'early', 0, '2025-01-01');

INSERT INTO community.ladder (program_id, name, demotion, term) VALUES (:p, 'status', 'term_end', '1 year') RETURNING ladder_id AS status \gset
INSERT INTO community.ladder (program_id, name) VALUES (:p, 'regulars') RETURNING ladder_id AS regulars \gset
INSERT INTO community.tier (program_id, ladder_id, rank, name, fee_type, fee, fee_term) VALUES
	(:p, :status, 1, 'silver', NULL, NULL, NULL), (:p, :status, 2, 'gold', NULL, NULL, NULL), (:p, :status, 3, 'black', 'black card', 1000, '100 years'),
	(:p, :regulars, 1, 'regular', NULL, NULL, NULL);
INSERT INTO community.tier_requirement (program_id, ladder_id, rank, measure_id, period, attain) VALUES
	(:p, :status, 1, :spend, 'rolling 300 days', 100), (:p, :status, 2, :spend, 'rolling 300 days', 200), (:p, :status, 3, :spend, 'rolling 300 days', 10000),
	(:p, :regulars, 1, :days, 'lifetime', 2);
SELECT count(*) AS moves FROM community.publish_ladder('status', '-infinity');
SELECT count(*) AS moves FROM community.publish_ladder('regulars', '-infinity');

-- 1: nothing at first; then a tier on each ladder by one event, then a higher one
SELECT tiers FROM community.record(1, 'order', 'a1', 50, '2025-02-01');
SELECT replay, jsonb_pretty(tiers) AS tiers FROM community.record(1, 'order', 'a2', 50, '2025-02-02 03:04:05.678901');
SELECT tiers FROM community.record(1, 'order', 'a3', 100, '2025-03-01');
SELECT tiers FROM community.record(1, 'order', 'a4', 1, '2025-03-02');
-- a retry tells what the first call told, in whatever session, whatever has happened since
SET TimeZone = 'Asia/Tokyo';
SELECT replay, jsonb_pretty(tiers) AS tiers FROM community.record(1, 'order', 'a2', 50, '2025-02-02 03:04:05.678901+00');
SET TimeZone = 'UTC';
SELECT replay, tiers FROM community.record(1, 'order', 'a4', 1, '2025-03-02');
-- a call that is rolled back has told nothing
BEGIN;
SAVEPOINT s;
SELECT tiers FROM community.record(2, 'order', 'b1', 100, '2025-02-01');
ROLLBACK TO s;
SELECT replay, tiers FROM community.record(2, 'order', 'b1', 100, '2025-02-01');
COMMIT;

-- 2: an event books what time has done before it: the term is over and was not kept
SELECT tiers FROM community.record(2, 'order', 'b2', 1, '2026-03-01');
SELECT replay, tiers FROM community.record(2, 'order', 'b1', 100, '2025-02-01');
-- and one that comes late lets a member have kept it
SELECT tiers FROM community.record(2, 'order', 'b3', 100, '2025-12-01');

-- 3: reversals: in part, with a key of their own; whole, twice; of what was reached by other events
SELECT tiers FROM community.record(3, 'order', 'c1', 150, '2025-02-01');
SELECT tiers FROM community.record(3, 'order', 'c2', 100, '2025-02-02');
SELECT tiers FROM community.reverse('c2', 'damaged', 60, request_key => 'part');
SELECT replay, tiers FROM community.reverse('c2', 'damaged', 60, request_key => 'part');
SELECT tiers FROM community.reverse('c1', 'returned');
SELECT replay, tiers FROM community.reverse('c1', 'returned');
SELECT replay, tiers FROM community.record(3, 'order', 'c2', 100, '2025-02-02');
SELECT replay, tiers FROM community.reverse('c2', 'damaged', 60, request_key => 'part');

-- 4: the tier that is told is that over all sources
SELECT community.grant_tier(4, 'status', 'silver', '[2025-01-01,)', reason => 'a friend', key => 'grant') > 0 AS granted;
SELECT tiers FROM community.record(4, 'order', 'd1', 100, '2025-02-01');
SELECT tiers FROM community.record(4, 'order', 'd2', 100, '2025-02-02');
SELECT tiers FROM community.record(4, 'black card', 'd3', 1000, '2025-03-01');
SELECT tiers FROM community.record(4, 'order', 'd4', 20000, '2025-03-02');
SELECT tiers FROM community.reverse('d4', 'returned');
SELECT tiers FROM community.reverse('d3', 'not paid');

-- 5: what was done to one who was merged is told of who bears it
SELECT tiers FROM community.record(5, 'order', 'e1', 150, '2025-02-01');
SELECT community.merge_members(5, 6, 'merge') AS merged;
SELECT community.tier(6, 'status', '2025-02-02');
SELECT count(*) FROM community.evaluate(6);
SELECT member, tiers FROM community.reverse('e1', 'returned');

-- 6: sets give no receipts, and keep none
INSERT INTO community.inbox (member_id, type, key, amount, occurred_at) VALUES (7, 'order', 'f1', 100, '2025-02-01'), (8, 'order', 'g1', 250, '2025-02-01');
CALL community.process_inbox();
SELECT community.tier(7, 'status', '2025-02-02'), community.tier(8, 'status', '2025-02-02') AS other;
SELECT replay, tiers FROM community.record(7, 'order', 'f1', 100, '2025-02-01');

-- what was told stays told
SELECT e.key, e.kind, c.ladder, c.from_tier, c.to_tier, c.reason, c.at FROM community.tier_change AS c JOIN community.event AS e USING (program_id, event_id)
WHERE program_id = :p ORDER BY e.event_id, c.ladder;
DELETE FROM community.tier_change;
UPDATE community.tier_change SET to_tier = 'gold';
-- and what was told last is what is held
SELECT DISTINCT ON (e.member_id, c.ladder) e.member_id, c.ladder, c.to_tier, t.tier FROM community.tier_change AS c JOIN community.event AS e USING (program_id, event_id)
LEFT JOIN LATERAL (SELECT x.tier FROM community.tenure AS x JOIN community.ladder AS l USING (program_id, ladder_id)
	WHERE x.program_id = :p AND x.member_id = e.member_id AND l.name = c.ladder AND x.superseded_at IS NULL AND x.during @> now() ORDER BY x.rank DESC LIMIT 1) AS t ON true
WHERE c.program_id = :p AND e.member_id <> 5 ORDER BY e.member_id, c.ladder, e.event_id DESC;
