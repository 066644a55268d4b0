-- If this failed, tiers would be wrong where something rare happens: benefits that
-- fall due between reviews, gifts that were released, spent or taken back before a
-- tier ends, tiers without requirements, sums that do not fit, tables of the owner's.
SET client_min_messages = warning;
SET DateStyle = 'ISO, YMD'; SET TimeZone = 'UTC';
\set SHOW_CONTEXT never
SELECT community.create_program('tier corners') AS p \gset
SET community.program = 'tier corners';
SELECT count(community.enroll(m, joined_at => '2024-01-15')) FROM generate_series(1, 12) AS m;
INSERT INTO community.currency (program_id, code, until_released, return_policy) VALUES (:p, 'rides', false, 'deficit'), (:p, 'later', true, 'within_balance');
SELECT community.define_measure('orders', 'count', '{order}') AS orders, community.define_measure('spend', 'sum', '{order}') AS spend,
	community.define_measure('steps', 'count', '{step}') AS steps \gset
INSERT INTO community.ladder (program_id, name) VALUES (:p, 'club') RETURNING ladder_id AS club \gset
INSERT INTO community.tier (program_id, ladder_id, rank, name) VALUES (:p, :club, 1, 'silver'), (:p, :club, 2, 'gold');
INSERT INTO community.tier_requirement (program_id, ladder_id, rank, measure_id, attain) VALUES (:p, :club, 1, :orders, 1), (:p, :club, 2, :spend, 5000);
SELECT community.tier_is_attained(1, 'club', 'gold');
SELECT * FROM community.publish_ladder('club', '2024-02-01');
SELECT community.tier_is_attained(1, 'club', 'gold', '2024-01-31');
SELECT community.tier_is_attained(1, 'club', 'platinum', '2024-03-01');
SELECT community.tier_is_attained(1, 'club', 'gold', '2024-03-01');

--
-- Benefits
--
SELECT community.define_benefit('rides', 'allowance', 'rides', points => 4, period => 'calendar month') > 0 AS rides,
	community.define_benefit('welcome', 'points', 'later', points => 100) > 0 AS welcome,
	community.define_benefit('lounge', 'flag', payload => '{"guests": 1}') > 0 AS lounge;
SELECT count(community.list_benefit('club', 'silver', b, valid => '[2024-02-01,)')) FROM unnest(ARRAY['rides', 'welcome']) AS b;
-- what brings nothing yet may be edited; what a tier brings later, too
UPDATE community.benefit SET payload = '{"guests": 2}' WHERE program_id = :p AND code = 'lounge';
SELECT community.list_benefit('club', 'silver', 'lounge', valid => '[2999-01-01,)') AS listing \gset
UPDATE community.tier_benefit SET payload = '{"guests": 3}' WHERE listing_id = :listing;
\set VERBOSITY terse
UPDATE community.tier_benefit SET valid = NULL WHERE listing_id = :listing;
DELETE FROM community.tier_benefit WHERE listing_id = :listing;
INSERT INTO community.tier_benefit (program_id, ladder_id, tier, benefit_id) VALUES (:p, :club, 'silver', 1);
\set VERBOSITY default
-- a month that begins while no tier is due for review
CREATE VIEW corner_book AS SELECT e.member_id AS member, c.code, e.kind, e.points, e.cut FROM community.entry AS e JOIN community.currency AS c USING (program_id, currency_id)
WHERE e.program_id = community.current_program() ORDER BY e.member_id, c.code, e.entry_id;
SELECT count(community.record(m, 'order', 'o' || m, occurred_at => '2024-06-10')) FROM generate_series(1, 3) AS m;
CALL community.settle_benefits('2024-06-12');
CALL community.review_tiers('2024-07-02');
SELECT * FROM corner_book;
SELECT done FROM community.job_run WHERE program_id = :p AND name = 'review_tiers' ORDER BY job_id DESC LIMIT 1;
CALL community.review_tiers('2024-07-02');
SELECT count(*) FROM corner_book;
-- the gift is released, of another the order goes before; an allowance is spent; one is taken back by hand
SELECT key AS gift FROM community.entry AS e JOIN community.currency AS c USING (program_id, currency_id) WHERE e.program_id = :p AND c.code = 'later' AND member_id = 1 \gset
SELECT (community.release(:'gift')).delta;
SELECT (community.redeem(1, 30, 'spent', 'later')).points;
SELECT key AS gift2 FROM community.entry AS e JOIN community.currency AS c USING (program_id, currency_id) WHERE e.program_id = :p AND c.code = 'later' AND member_id = 2 \gset
SELECT (community.reverse(:'gift2', 'by hand', source => 'ledger')).amount;
SELECT (community.redeem(2, 4, 'all of it', 'rides')).points;
SELECT count(community.reverse('o' || m, 'returned')) FROM generate_series(1, 3) AS m;
CALL community.settle_benefits('2024-07-03');
SELECT * FROM corner_book;
SELECT member_id, currency, available, pending, deficit FROM community.account WHERE program_id = :p ORDER BY 1, 2;
SELECT * FROM community.check_installation('full', :p);

--
-- Tiers that are given, and tiers that ask for nothing
--
SELECT community.grant_tier(4, 'club', 'gold', '[2024-03-01,)', reason => 'a friend', key => 'g4') > 0 AS granted;
SELECT * FROM community.projected_tier(4, 'club', '2024-04-01');
SELECT * FROM community.projected_tier(5, 'club', '2024-04-01');
INSERT INTO community.ladder (program_id, name) VALUES (:p, 'open') RETURNING ladder_id AS open \gset
INSERT INTO community.tier (program_id, ladder_id, rank, name) VALUES (:p, :open, 1, 'everybody');
SELECT * FROM community.publish_ladder('open', '2024-02-01');
SELECT tier, source, reason, requirement, need FROM community.explain_tier(5, 'open', '2024-03-01');
-- a granted tier that the draft does not have any more
UPDATE community.tier SET name = 'diamond' WHERE ladder_id = :club AND rank = 2;
SELECT from_tier, to_tier, members FROM community.what_if('club', '2024-04-01');
UPDATE community.tier SET name = 'gold' WHERE ladder_id = :club AND rank = 2;
SELECT from_tier, to_tier, members FROM community.what_if('club', '2024-04-01', currency => 'none');

--
-- Sums that do not fit stay at the limit
--
SELECT count(community.record(6, 'order', 'big' || g, 9223372036854775807, '2024-05-01')) FROM generate_series(1, 2) AS g;
SELECT community.tier(6, 'club', '2024-06-01');
SELECT goal, measure, have, need, missing FROM community.progress(6, 'club', '2024-06-01');
SELECT (community.reverse('big1', 'no')).amount;
SELECT community.tier(6, 'club', '2024-06-01');
SELECT * FROM community.check_installation('full', :p);

--
-- Many events, tenures and moves
--
INSERT INTO community.ladder (program_id, name, demotion) VALUES (:p, 'up and down', 'drop') RETURNING ladder_id AS updown \gset
INSERT INTO community.tier (program_id, ladder_id, rank, name) SELECT :p, :updown, n, 'step ' || n FROM generate_series(1, 20) AS n;
INSERT INTO community.tier_requirement (program_id, ladder_id, rank, measure_id, period, attain) SELECT :p, :updown, n, :steps, 'rolling 10 days', n FROM generate_series(1, 20) AS n;
SELECT count(*) FROM community.publish_ladder('up and down', '2024-02-01');
-- twenty times one order, each gone before the next; then a hundred in a day, and one when they are gone
SELECT count(community.record(7, 'step', 'u' || g, 1, '2024-02-01'::timestamptz + g * interval '12 days')) FROM generate_series(1, 20) AS g;
SELECT count(*), count(DISTINCT tier) FROM community.tenures(7, 'up and down', '2025-01-01');
SELECT count(community.record(8, 'step', 'v' || g, 1, '2024-02-01'::timestamptz + g * interval '10 minutes')) FROM generate_series(1, 100) AS g;
SELECT x ->> 'from' AS "from", x ->> 'to' AS "to", x ->> 'at' AS at FROM community.record(8, 'step', 'v last', 1, '2024-03-15') AS r, jsonb_array_elements(r.tiers) AS x;
SELECT tier, count(*) FROM community.tenures(8, 'up and down', '2024-03-16') GROUP BY 1 ORDER BY count(*), 1 LIMIT 3;
SELECT community.rebuild('standings') AS wrong;
-- everybody on a step of its own moves to the next but one
SELECT count(community.enroll(100 + m, joined_at => '2024-01-15')) FROM generate_series(1, 20) AS m;
SELECT count(community.record(100 + m, 'step', 's' || m || '/' || g, 1, '2024-06-01')) FROM generate_series(1, 20) AS m, generate_series(1, m) AS g;
UPDATE community.tier_requirement SET attain = rank + 2 WHERE ladder_id = :updown;
SELECT count(*) AS moves, sum(members) AS members, count(*) FILTER (WHERE from_rank = coalesce(to_rank, 0) + 2) AS two_down
FROM community.what_if('up and down', '2024-06-02');
SELECT * FROM community.check_installation('full', :p);

--
-- Guards on tables that are not theirs
--
CREATE TABLE ladder (program_id bigint, ladder_id bigint, name text);
CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON ladder FOR EACH ROW EXECUTE FUNCTION community.guard_ladders();
INSERT INTO ladder VALUES (1, 1, 'x');
CREATE TABLE parted_ladder (program_id bigint, ladder_id bigint, name text) PARTITION BY LIST (program_id);
CREATE TABLE parted_1 PARTITION OF parted_ladder DEFAULT;
CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON parted_1 FOR EACH ROW EXECUTE FUNCTION community.guard_ladders();
INSERT INTO parted_ladder VALUES (1, 1, 'x');
CREATE TRIGGER stray BEFORE UPDATE ON community.measure FOR EACH ROW EXECUTE FUNCTION community.guard_ladders();
CREATE TRIGGER stray BEFORE UPDATE ON community.member FOR EACH ROW EXECUTE FUNCTION community.guard_ladders();
UPDATE community.member SET attributes = '{}' WHERE program_id = :p AND member_id = 1;
DROP TRIGGER stray ON community.member;
DROP TRIGGER stray ON community.measure;
DROP TABLE ladder, parted_ladder;
DROP VIEW corner_book;
