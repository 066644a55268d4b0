-- If this failed, has_benefit() would give another answer before a review has run
-- than after it, or one that the laws of tiers do not: the oracle says who holds
-- which tier, and that says who has what.
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SELECT community.create_program('tier benefit held', time_zone => 'America/New_York') AS p \gset
SET community.program = 'tier benefit held';
\getenv abs_srcdir PG_ABS_SRCDIR
\set oracle :abs_srcdir '/test/oracle/tier.sql'
\set ECHO none
\i :oracle
\set ECHO all
SELECT setseed(0.6);
SELECT count(community.enroll(m, joined_at => '2025-01-01'::timestamptz + random() * interval '40 days')) FROM generate_series(1, 12) AS m;
SELECT community.define_measure('spend', 'sum', '{order}') > 0 AS defined;
SELECT community.define_measure('days', 'distinct_days') > 0 AS defined;
SELECT community.define_measure('glow', 'engagement') > 0 AS defined;
INSERT INTO community.ladder (program_id, name, promotion, promotion_period, demotion, term, term_rounding, grace, dwell) VALUES
	(:p, 'terms', 'at_once', NULL, 'term_end', '1 month', 'calendar month', '7 days', '0'), (:p, 'drops', 'at_once', NULL, 'drop', NULL, NULL, '0', '3 days'),
	(:p, 'late', 'at_once', NULL, 'never', NULL, NULL, '0', '0');
INSERT INTO community.tier (program_id, ladder_id, rank, name)
SELECT :p, l.ladder_id, v.rank, v.name FROM community.ladder AS l JOIN (VALUES
	('terms', 1, 'silver'), ('terms', 2, 'gold'), ('drops', 1, 'warm'), ('drops', 2, 'hot'), ('late', 1, 'old hand')) AS v (ladder, rank, name) ON v.ladder = l.name WHERE l.program_id = :p;
INSERT INTO community.tier_requirement (program_id, ladder_id, rank, position, measure_id, period, attain, keep)
SELECT :p, l.ladder_id, v.rank, v.position, m.measure_id, v.period::community.period, v.attain, v.keep FROM community.ladder AS l JOIN (VALUES
	('terms', 1, 1, 'spend', 'rolling 60 days', 60, 50), ('terms', 2, 1, 'spend', 'calendar quarter', 150, 90), ('drops', 1, 1, 'days', 'rolling 20 days', 2, 1),
	('drops', 2, 1, 'glow', 'lifetime', 3.5, 2.5), ('late', 1, 1, 'days', 'lifetime', 6, NULL)) AS v (ladder, rank, position, measure, period, attain, keep) ON v.ladder = l.name
JOIN community.measure AS m ON m.program_id = :p AND m.name = v.measure WHERE l.program_id = :p;

-- two tiers bring the lounge, one of them for some time
SELECT count(community.define_benefit(b, 'flag')) FROM unnest('{lounge,lamp,badge,nobody}'::text[]) AS b;
SELECT count(community.list_benefit(l, t, b, valid => v::tstzrange)) FROM (VALUES ('terms', 'gold', 'lounge', '(,)'), ('drops', 'hot', 'lounge', '[2025-04-01,2025-06-15)'),
	('drops', 'warm', 'lamp', '(,)'), ('drops', 'hot', 'lamp', '(,)'), ('terms', 'silver', 'badge', '[2025-02-10,)'), ('late', 'old hand', 'badge', '(,)')) AS v (l, t, b, v);
SELECT count(o_publish(:p, name)) FROM community.ladder WHERE program_id = :p AND name <> 'late';

CREATE TABLE happens AS SELECT n, 1 + floor(random() * 12)::bigint AS member, CASE WHEN random() < 0.6 THEN 'order' ELSE 'post' END AS type, floor(random() * 70)::bigint AS amount,
	'2025-01-10'::timestamptz + random() * interval '200 days' AS at FROM generate_series(1, 260) AS n;
CREATE TABLE asked (phase int, member bigint, benefit text, at timestamptz, due boolean, answer boolean, truth boolean);
-- ask(phase, from, to): each member for each benefit at three random times; and the truth
CREATE FUNCTION ask(p bigint, nth int, since timestamptz, until timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO asked SELECT nth, q.member, q.benefit, q.at,
		EXISTS (SELECT FROM community.standing AS s WHERE s.program_id = p AND s.member_id = q.member AND s.due <= q.at)
			OR EXISTS (SELECT FROM community.standing_touch AS s WHERE s.program_id = p AND s.member_id = q.member),
		community.has_benefit(q.member, q.benefit, q.at, p), NULL
	FROM (SELECT m AS member, b AS benefit, since + random() * (until - since) AS at FROM generate_series(1, 12) AS m, unnest('{lounge,lamp,badge,nobody}'::text[]) AS b, generate_series(1, 3)) AS q;
	PERFORM o_work_out(p, until);
	INSERT INTO o_tenure (program_id, ladder_id, member_id, tier, rank, source, during)
	SELECT t.program_id, t.ladder_id, t.member_id, t.tier, t.rank, t.source, t.during FROM community.tenure AS t
	WHERE t.program_id = p AND t.superseded_at IS NULL AND t.source NOT IN ('qualified', 'grace');
	UPDATE asked AS a SET truth = EXISTS (SELECT FROM o_tenure AS t JOIN community.tier_benefit AS l ON l.program_id = p AND l.ladder_id = t.ladder_id AND l.tier = t.tier AND l.valid @> a.at
			JOIN community.benefit AS b ON b.program_id = p AND b.benefit_id = l.benefit_id
		WHERE t.program_id = p AND t.member_id = a.member AND t.during @> a.at AND b.code = a.benefit) WHERE a.phase = nth;
	RETURN count(*) FROM asked WHERE phase = nth AND answer <> truth;
END $$;

-- before anything; with half of it, which came in any order; in the past and far ahead
SELECT ask(:p, 1, '2025-01-01', '2025-12-31') AS wrong;
SELECT count(community.record(member, type, 'k' || n, amount, at)) FROM happens WHERE n % 2 = 0;
SELECT ask(:p, 2, '2025-01-01', '2025-12-31') AS wrong;
-- once some were reviewed, and further events came late
CALL community.review_tiers('2025-05-01');
SELECT count(community.record(member, type, 'k' || n, amount, at)) FROM happens WHERE n % 4 = 1;
SELECT ask(:p, 3, '2025-01-01', '2025-12-31') AS wrong;
-- rulings, grants, and a ladder that nobody has been evaluated on
SELECT count(o_rule(:p, v.ladder, v.member, v.kind, v.tier, v.during::tstzrange)) FROM (VALUES ('terms', 1, 'lock', NULL, '[2025-03-01,2025-08-01)'), ('drops', 2, 'veto', 'hot', '[2025-04-01,)'),
	('terms', 3, 'veto', 'silver', '[2025-02-01,2025-07-01)')) AS v (ladder, member, kind, tier, during);
SELECT community.grant_tier(4, 'terms', 'gold', '[2025-02-01,2025-10-01)', reason => 'a friend', key => 'grant') > 0 AS granted;
SELECT count(*) > 0 AS moves FROM community.publish_ladder('late', '-infinity');
SELECT ask(:p, 4, '2025-01-01', '2025-12-31') AS wrong;
SELECT count(community.record(member, type, 'k' || n, amount, at)) FROM happens WHERE n % 4 = 3;
SELECT count(community.reverse('k' || n, 'returned')) FROM happens WHERE n % 9 = 0;
SELECT ask(:p, 5, '2025-01-01', '2025-12-31') AS wrong;
-- a version that comes into force later
UPDATE community.tier_requirement AS r SET attain = attain * 1.3, keep = keep * 1.2 FROM community.ladder AS l WHERE l.program_id = :p AND r.program_id = :p AND r.ladder_id = l.ladder_id AND l.name = 'terms';
SELECT o_publish(:p, 'terms', '2025-06-10') > 0 AS published;
SELECT ask(:p, 6, '2025-01-01', '2025-12-31') AS wrong;
CALL community.review_tiers('2025-12-31');
SELECT ask(:p, 7, '2025-01-01', '2025-12-31') AS wrong;
-- both ways to an answer were gone, and both answers given
SELECT due, answer, count(*) > 40 AS often FROM asked GROUP BY 1, 2 ORDER BY 1, 2;
SELECT * FROM asked WHERE answer <> truth ORDER BY phase, member, benefit, at LIMIT 10;
DROP SCHEMA tier_oracle CASCADE;
