-- If this failed, some history of events, corrections, rulings and versions
-- would give a member other tiers than the laws do, or other ones when the
-- same history is recorded in another order.
-- COMMUNITY_MEMBERS=1000 make test TESTS=tier_random
-- is the long run.  Each call commits, as in one transaction a thousand members
-- leave so many dead versions of their standings that it takes hours.
\set members 24
\getenv members COMMUNITY_MEMBERS
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SELECT community.create_program('tier random', time_zone => 'America/New_York') > 0 AS created;
SELECT community.create_program('tier random again', time_zone => 'America/New_York') > 0 AS created;
\getenv abs_srcdir PG_ABS_SRCDIR
\set oracle :abs_srcdir '/test/oracle/tier.sql'
\set ECHO none
\i :oracle
\set ECHO all
SELECT program_id AS first FROM community.program WHERE name = 'tier random'
\gset
SELECT program_id AS again FROM community.program WHERE name = 'tier random again'
\gset
CREATE FUNCTION local(at text) RETURNS timestamptz LANGUAGE sql AS $$ SELECT at::timestamp AT TIME ZONE 'America/New_York' $$;
CREATE FUNCTION pick(of text[]) RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT $1[1 + floor(random() * cardinality($1))::int] $$;

-- what happens: half of it at midnight or noon, where periods end and events fall out together
SELECT setseed(0.7);
CREATE TABLE who AS SELECT g AS member, CASE WHEN random() < 0.1 THEN local('2024-02-29 00:00') WHEN random() < 0.3 THEN local('2023-01-31 00:00') + floor(random() * 500) * interval '1 day'
	ELSE local('2023-01-01 00:00') + random() * interval '500 days' END AS joined, random() * random() * 60 + 4 AS activity
FROM generate_series(1, :members) g;
CREATE TABLE history AS
SELECT row_number() OVER () AS n, w.member, pick('{order,order,order,post,post,thank,visit,flag}') AS type, 0::bigint AS amount,
	CASE WHEN random() < 0.5 THEN local((date '2023-06-01' + floor(random() * 730)::int + pick('{00:00,12:00}')::time)::text)
		ELSE date_trunc('second', local('2023-06-01') + random() * interval '730 days') END AS at,
	NULL::bigint AS target, '{}'::jsonb AS payload, NULL::bigint AS back, false AS reversed
FROM who w, generate_series(1, w.activity::int);
-- most members are busy at times
UPDATE history SET at = date_trunc('second', local('2023-09-01') + (member % 17) * interval '30 days' + random() * interval '70 days') WHERE random() < 0.5;
UPDATE history SET amount = CASE WHEN random() < 0.06 THEN -floor(random() * 3000) ELSE floor(random() * random() * 20000) END WHERE type = 'order';
UPDATE history SET target = 1 + floor(random() * :members) WHERE type = 'thank';
UPDATE history SET target = NULL WHERE target = member;
UPDATE history SET payload = '{"channel": "web", "n": 1}' WHERE random() < 0.4;
UPDATE history SET reversed = true, back = CASE WHEN random() < 0.5 AND abs(amount) > 1 THEN amount / 2 END WHERE random() < 0.15;
CREATE TABLE rulings AS SELECT member, l.ladder, k.kind, CASE k.kind WHEN 'lock' THEN NULL WHEN 'invitation' THEN 'patron' ELSE pick(l.tiers) END AS tier,
	tstzrange(local((date '2023-08-01' + floor(random() * 300)::int)::text), local((date '2024-06-01' + floor(random() * 400)::int)::text)) AS during
FROM who, (VALUES ('spend', ARRAY['silver', 'gold', 'platinum']), ('talk', ARRAY['two', 'three', 'four']), ('loyal', ARRAY['friend', 'patron']), ('season', ARRAY['spring', 'summer'])) AS l (ladder, tiers),
	(VALUES ('lock'), ('veto'), ('invitation')) AS k (kind) WHERE random() < 0.07 AND (k.kind <> 'invitation' OR l.ladder = 'loyal');

-- the same rules in both programs
INSERT INTO community.activity_type (program_id, type, weight, weight_per_unit) SELECT p, 'order', 1, 0.0003 FROM unnest(ARRAY[:first, :again]::bigint[]) p;
INSERT INTO community.accrual_rule (program_id, name, type, currency_id, stage, position, effect, points, per)
SELECT program_id, v.* FROM community.currency AS c, LATERAL (VALUES ('of orders', 'order', c.currency_id, 1, 1, 'per_unit', 7, 1000), ('of posts', 'post', c.currency_id, 1, 2, 'fixed', 3, NULL)) AS v
WHERE program_id IN (:first, :again);
INSERT INTO community.measure (program_id, name, kind, types, payload_filter, currency_id, side)
SELECT c.program_id, v.*, CASE WHEN v.name LIKE 'got %' THEN 'target' ELSE 'actor' END FROM community.currency AS c, LATERAL (VALUES ('spend', 'sum', ARRAY['order'], NULL::jsonb, NULL::bigint), ('web spend', 'sum', '{order}', '{"channel": "web"}', NULL),
	('posts', 'count', '{post,thank}', NULL, NULL), ('biggest', 'maximum', '{order}', NULL, NULL), ('days', 'distinct_days', NULL, NULL, NULL), ('thanked', 'distinct_counterparts', '{thank}', NULL, NULL),
	('points', 'points', NULL, NULL, c.currency_id), ('heat', 'engagement', NULL, NULL, NULL), ('age', 'membership_days', NULL, NULL, NULL), ('flags', 'count', '{flag}', NULL, NULL),
	('got thanks', 'count', '{thank}', NULL, NULL), ('got from', 'distinct_counterparts', NULL, NULL, NULL)) AS v (name)
WHERE c.program_id IN (:first, :again);
INSERT INTO community.ladder (program_id, name, promotion, promotion_period, demotion, term, term_rounding, grace, dwell, landing)
SELECT p, v.* FROM unnest(ARRAY[:first, :again]::bigint[]) p, (VALUES
	('spend', 'at_once', NULL::community.period, 'term_end', interval '3 months', 'calendar quarter'::community.period, interval '10 days', interval '0', 'qualified'),
	('talk', 'at_once', NULL, 'drop', NULL, NULL, '7 days', '5 days', 'one_down'),
	('loyal', 'period_end', 'calendar month', 'never', NULL, NULL, '0', '0', 'qualified'),
	('season', 'period_end', 'anniversary month', 'term_end', NULL, 'anniversary 3 months', '0', '0', 'one_down')) v;
INSERT INTO community.tier (program_id, ladder_id, rank, name, entry, needs)
SELECT l.program_id, l.ladder_id, v.rank, v.name, v.entry, v.needs FROM community.ladder AS l JOIN (VALUES
	('spend', 1, 'silver', 'qualify', NULL), ('spend', 2, 'gold', 'qualify', 2), ('spend', 3, 'platinum', 'qualify', 1), ('talk', 1, 'one', 'qualify', NULL), ('talk', 2, 'two', 'qualify', NULL),
	('talk', 3, 'three', 'qualify', 2), ('talk', 4, 'four', 'qualify', 1), ('loyal', 1, 'guest', 'qualify', NULL), ('loyal', 2, 'friend', 'qualify', NULL), ('loyal', 3, 'honorary', 'none', NULL), ('loyal', 4, 'patron', 'invitation', NULL),
	('season', 1, 'spring', 'qualify', NULL), ('season', 2, 'summer', 'qualify', 1)) AS v (ladder, rank, name, entry, needs) ON v.ladder = l.name WHERE l.program_id IN (:first, :again);
INSERT INTO community.tier_requirement (program_id, ladder_id, rank, position, measure_id, period, attain, keep, at_most)
SELECT l.program_id, l.ladder_id, v.rank, v.position, m.measure_id, v.period::community.period, v.attain, v.keep, v.at_most FROM community.ladder AS l JOIN (VALUES
	('spend', 1, 1, 'spend', 'rolling 90 days', 8000, 5000, false), ('spend', 1, 2, 'flags', 'calendar quarter', 1, 2, true), ('spend', 2, 1, 'spend', 'calendar quarter', 20000, 12000, false), ('spend', 2, 2, 'points', 'calendar quarter', 120, 60, false), ('spend', 2, 3, 'biggest', 'anniversary year', 12000, NULL, false),
	('spend', 3, 1, 'points', 'rolling 365 days', 300, 200, false), ('spend', 3, 2, 'web spend', 'calendar year from 04-01', 30000, 20000, false),
	('talk', 2, 1, 'posts', 'rolling 30 days', 2, 1, false), ('talk', 2, 2, 'flags', 'rolling 1 month', 0, 1, true), ('talk', 3, 1, 'days', 'rolling 60 days', 6, 4, false), ('talk', 3, 2, 'thanked', 'calendar month', 2, 1, false), ('talk', 3, 3, 'heat', 'lifetime', 9.3, 5.7, false), ('talk', 3, 4, 'got from', 'rolling 60 days', 2, 1, false),
	('talk', 4, 1, 'heat', 'lifetime', 14.9, 11.3, false), ('talk', 4, 2, 'posts', 'rolling 30 days', 6, NULL, false),
	('loyal', 2, 1, 'age', 'lifetime', 100, NULL, false), ('loyal', 2, 2, 'days', 'lifetime', 5, NULL, false), ('loyal', 2, 3, 'biggest', 'rolling 365 days', 17000, NULL, true), ('loyal', 4, 1, 'spend', 'lifetime', 30000, NULL, false),
	('season', 1, 1, 'days', 'anniversary 3 months', 3, 2, false), ('season', 1, 2, 'age', 'lifetime', 400, 500, true), ('season', 2, 1, 'posts', 'anniversary 3 months', 4, 2, false), ('season', 2, 2, 'spend', 'rolling 90 days', 25000, 15000, false), ('season', 2, 3, 'got thanks', 'anniversary 3 months', 3, 2, false))
	AS v (ladder, rank, position, measure, period, attain, keep, at_most) ON v.ladder = l.name
JOIN community.measure AS m ON m.program_id = l.program_id AND m.name = v.measure WHERE l.program_id IN (:first, :again);

-- what is published when
CREATE FUNCTION publish(p bigint, edition int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF edition = 1 THEN
		PERFORM o_publish(p, v.ladder, v.at) FROM (VALUES ('spend', NULL::timestamptz), ('talk', NULL), ('loyal', local('2023-09-01')), ('season', NULL)) AS v (ladder, at);
	ELSIF edition = 2 THEN
		UPDATE community.ladder SET grandfather = true WHERE program_id = p AND name IN ('spend', 'season');
		UPDATE community.ladder SET grace = '0', dwell = '0', landing = 'qualified' WHERE program_id = p AND name = 'talk';
		UPDATE community.tier_requirement AS r SET attain = attain * 1.5, keep = keep * 1.4 FROM community.ladder AS l WHERE r.program_id = p AND l.program_id = p AND l.ladder_id = r.ladder_id AND l.name IN ('spend', 'season') AND r.attain > 100;
		PERFORM o_publish(p, v.ladder, v.at) FROM (VALUES ('spend', local('2024-02-15 12:00')), ('talk', local('2024-03-10 02:30')), ('season', local('2024-04-01'))) AS v (ladder, at);
	ELSE
		UPDATE community.ladder SET grandfather = false WHERE program_id = p;
		UPDATE community.ladder SET grace = '3 days' WHERE program_id = p AND name = 'talk';
		UPDATE community.tier_requirement AS r SET attain = attain * 0.7, keep = keep * 0.6 FROM community.ladder AS l WHERE r.program_id = p AND l.program_id = p AND l.ladder_id = r.ladder_id AND r.attain > 100;
		DELETE FROM community.tier AS t USING community.ladder AS l WHERE t.program_id = p AND l.program_id = p AND l.ladder_id = t.ladder_id AND l.name = 'loyal' AND t.name = 'friend';
		FOR place IN 3 .. 4 LOOP
			UPDATE community.tier AS t SET rank = place - 1 FROM community.ladder AS l WHERE t.program_id = p AND l.program_id = p AND l.ladder_id = t.ladder_id AND l.name = 'loyal' AND t.rank = place;
		END LOOP;
		PERFORM o_publish(p, v.ladder, v.at) FROM (VALUES ('spend', local('2024-11-01')), ('talk', local('2024-09-10 18:00')), ('loyal', local('2024-10-17')), ('season', local('2024-12-01'))) AS v (ladder, at);
	END IF;
END $$;
CREATE FUNCTION happen(p bigint, h history) RETURNS bigint LANGUAGE sql AS $$
	SELECT event_id FROM community.record(h.member, h.type, 'h' || h.n, h.amount, h.at, h.target, h.payload, program => p)
$$;
CREATE FUNCTION undo(p bigint, h history) RETURNS bigint LANGUAGE sql AS $$
	SELECT event_id FROM community.reverse('h' || h.n, 'returned', h.back, program => p)
$$;

-- first, everything is published and ruled, then events come in any order, half of what is taken back at once
SELECT count(community.enroll(member, joined_at => joined, program => p)) = 2 * :members AS enrolled FROM who, unnest(ARRAY[:first, :again]::bigint[]) p;
SELECT publish(:first, 1), publish(:first, 2), publish(:first, 3);
SELECT count(o_rule(:first, ladder, member, kind, tier, during)) > 0 AS rulings FROM rulings;
CREATE PROCEDURE happen_in_any_order(p bigint) LANGUAGE plpgsql AS $$
DECLARE
	h history;
BEGIN
	FOR h IN SELECT * FROM history ORDER BY md5('first ' || n) LOOP
		PERFORM happen(p, h);
		COMMIT;
	END LOOP;
	FOR h IN SELECT * FROM history WHERE reversed ORDER BY md5('first ' || n) LOOP
		PERFORM undo(p, h);
		COMMIT;
	END LOOP;
END $$;
CALL happen_in_any_order(:first);
SELECT count(*) FILTER (WHERE kind = 'record') > 100 AS events, count(*) FILTER (WHERE kind = 'reverse') > 10 AS undone FROM community.event WHERE program_id = :first;

-- again, in the order of time, with reviews in between and versions and rulings as they come; a tenth is known late
CREATE PROCEDURE chapter(p bigint, since text, before text) LANGUAGE plpgsql AS $$
DECLARE
	h history;
BEGIN
	FOR h IN SELECT * FROM history WHERE CASE WHEN n % 10 > 0 THEN at >= local(since) AND at < local(before) ELSE before = 'infinity' END ORDER BY history.at, n LOOP
		PERFORM happen(p, h);
		COMMIT;
		IF h.reversed THEN
			PERFORM undo(p, h);
			COMMIT;
		END IF;
	END LOOP;
END $$;
SELECT publish(:again, 1);
CALL chapter(:again, '-infinity', '2024-01-15');
CALL community.review_tiers('2024-01-15 05:00+00', :again);
CALL chapter(:again, '2024-01-15', '2024-07-01');
SELECT publish(:again, 2);
CALL community.review_tiers('2024-07-01 04:00+00', :again);
SELECT count(o_rule(:again, ladder, member, kind, tier, during)) > 0 AS rulings FROM rulings WHERE member % 2 = 0;
SELECT publish(:again, 3);
CALL chapter(:again, '2024-07-01', '2025-01-01');
CALL community.review_tiers('2024-12-01 05:00+00', :again);
CALL community.review_tiers('2025-01-01 05:00+00', :again);
SELECT count(o_rule(:again, ladder, member, kind, tier, during)) > 0 AS rulings FROM rulings WHERE member % 2 = 1;
CALL chapter(:again, '2025-01-01', 'infinity');
SELECT count(*) = (SELECT count(*) FROM community.event WHERE program_id = :first) AS all_events FROM community.event WHERE program_id = :again;
SELECT count(*) AS not_the_same FROM (SELECT key, amount, occurred_at, engagement FROM community.counted_event WHERE program_id = :first
	EXCEPT SELECT key, amount, occurred_at, engagement FROM community.counted_event WHERE program_id = :again) x;

-- by the oracle, and by the extension; the oracle's tenures stand for both programs
SELECT o_work_out(:first, '2025-07-01 00:00+00') > 50 AS tenures;
-- the numbers drawn come in another order where plans differ
SELECT l.name AS ladder, source, count(DISTINCT reason) > 0 AS reasons, count(DISTINCT tier) > 1 AS tiers, count(DISTINCT version_id) > 1 AS versions
FROM o_tenure JOIN community.ladder AS l USING (program_id, ladder_id) WHERE program_id = :first GROUP BY 1, 2 ORDER BY 1, 2;
SELECT * FROM o_differ(:first, '2025-07-01 00:00+00') LIMIT 10;
CALL community.review_tiers('2025-07-01 00:00+00', :again);
WITH version AS (SELECT program_id, version_id, ladder_id, row_number() OVER (PARTITION BY program_id, ladder_id ORDER BY valid) AS n FROM community.ladder_version)
INSERT INTO o_tenure SELECT :again, b.ladder_id, t.member_id, t.tier, t.rank, t.source, t.during, t.ends_at, w.version_id, t.reason
FROM o_tenure AS t JOIN community.ladder AS a USING (program_id, ladder_id) JOIN community.ladder AS b ON b.program_id = :again AND b.name = a.name
JOIN version AS v ON v.program_id = t.program_id AND v.version_id = t.version_id JOIN version AS w ON w.program_id = :again AND w.ladder_id = b.ladder_id AND w.n = v.n
WHERE t.program_id = :first;
SELECT * FROM o_differ(:again, '2025-07-01 00:00+00') LIMIT 10;
DROP SCHEMA tier_oracle CASCADE;
