-- If this failed, a measure that is a function of one's own would not be judged
-- at each midnight by what it says of the period before, or tiers would depend
-- on when a review or a late event came.
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SELECT community.create_program('tier functions', time_zone => 'Europe/Berlin') AS p \gset
SET community.program = 'tier functions';
\getenv abs_srcdir PG_ABS_SRCDIR
\set oracle :abs_srcdir '/test/oracle/tier.sql'
\set ECHO none
\i :oracle
\set ECHO all

-- stars are a table that the extension knows nothing of; it is filled first, as
-- nobody tells the extension when what a function says has changed
SELECT setseed(0.3);
CREATE TABLE public.star (member bigint, at timestamptz, stars numeric);
INSERT INTO public.star
SELECT 1 + floor(random() * 10), CASE WHEN random() < 0.5 THEN ('2025-01-05'::date + floor(random() * 200)::int)::timestamp AT TIME ZONE 'Europe/Berlin' - (random() < 0.5)::int * interval '1 microsecond'
	ELSE '2025-01-05'::timestamptz + random() * interval '200 days' END, round((random() * random() * 9)::numeric, 2)
FROM generate_series(1, 500);
CREATE FUNCTION public.stars(program bigint, member bigint, during tstzrange) RETURNS numeric STABLE LANGUAGE sql AS $$
	SELECT sum(s.stars) FROM public.star AS s WHERE s.member = stars.member AND s.at <@ during $$;
SELECT community.define_measure('stars', 'function', function => 'public.stars') > 0 AS defined;
SELECT community.define_measure('orders', 'count', '{order}') > 0 AS defined;
SELECT count(community.enroll(m, joined_at => CASE m WHEN 1 THEN '2025-01-31 00:00 Europe/Berlin' WHEN 2 THEN '2025-03-30 00:30 Europe/Berlin'
	ELSE '2025-01-01'::timestamptz + random() * interval '40 days' END)) FROM generate_series(1, 10) AS m;

INSERT INTO community.ladder (program_id, name, promotion, promotion_period, demotion, term, term_rounding, grace, dwell) VALUES
	(:p, 'drops', 'at_once', NULL, 'drop', NULL, NULL, '3 days', '0'), (:p, 'terms', 'at_once', NULL, 'term_end', '20 days', 'calendar month', '0', '0'),
	(:p, 'months', 'period_end', 'anniversary month', 'drop', NULL, NULL, '0', '10 days');
INSERT INTO community.tier (program_id, ladder_id, rank, name, needs)
SELECT :p, l.ladder_id, v.rank, v.name, v.needs FROM community.ladder AS l JOIN (VALUES
	('drops', 1, 'one', NULL), ('drops', 2, 'two', NULL), ('terms', 1, 'red', NULL), ('terms', 2, 'blue', 1), ('months', 1, 'low', NULL), ('months', 2, 'high', NULL))
	AS v (ladder, rank, name, needs) ON v.ladder = l.name WHERE l.program_id = :p;
INSERT INTO community.tier_requirement (program_id, ladder_id, rank, position, measure_id, period, attain, keep)
SELECT :p, l.ladder_id, v.rank, v.position, m.measure_id, v.period::community.period, v.attain, v.keep FROM community.ladder AS l JOIN (VALUES
	('drops', 1, 1, 'stars', 'rolling 30 days', 9.5, 4.25), ('drops', 2, 1, 'stars', 'calendar month', 14, 7.5), ('drops', 2, 2, 'orders', 'rolling 30 days', 2, 1),
	('terms', 1, 1, 'stars', 'calendar month', 8, 5.05), ('terms', 2, 1, 'stars', 'lifetime', 60, NULL), ('terms', 2, 2, 'orders', 'calendar month', 3, 2),
	('months', 1, 1, 'stars', 'anniversary month', 6, 2), ('months', 2, 1, 'stars', 'rolling 1 month', 16, 9)) AS v (ladder, rank, position, measure, period, attain, keep) ON v.ladder = l.name
JOIN community.measure AS m ON m.program_id = :p AND m.name = v.measure WHERE l.program_id = :p;
SELECT count(o_publish(:p, name)) FROM community.ladder WHERE program_id = :p;

-- orders in any order, reviews in between, for all and for some
CREATE TABLE happens AS SELECT n, 1 + floor(random() * 10)::bigint AS member, '2025-01-05'::timestamptz + random() * interval '200 days' AS at FROM generate_series(1, 90) AS n;
SELECT count(community.record(member, 'order', 'o' || n, 1, at)) FROM happens WHERE n % 3 = 0;
CALL community.review_tiers('2025-03-10 12:00+00');
SELECT count(community.record(member, 'order', 'o' || n, 1, at)) FROM happens WHERE n % 3 = 1;
SELECT count(e) > 0 AS moved FROM generate_series(1, 10, 3) AS m, community.evaluate(m, '2025-05-01 00:00 Europe/Berlin') AS e;
SELECT count(community.record(member, 'order', 'o' || n, 1, at)) FROM happens WHERE n % 3 = 2;
SELECT count(community.reverse('o' || n, 'returned')) FROM happens WHERE n % 10 = 0;
CALL community.review_tiers('2025-05-31 22:00+00');

-- the law says what the oracle does; it has seen every way to move
SELECT o_work_out(:p, '2025-08-01 00:00+00') > 50 AS tenures;
SELECT l.name AS ladder, string_agg(DISTINCT t.reason, ' ' ORDER BY t.reason) AS reasons, count(DISTINCT t.tier) AS tiers
FROM o_tenure AS t JOIN community.ladder AS l USING (program_id, ladder_id) WHERE program_id = :p GROUP BY 1 ORDER BY 1;
SELECT * FROM o_differ(:p, '2025-08-01 00:00+00') LIMIT 10;
-- and what one value is
SELECT count(*) AS values, count(*) FILTER (WHERE v.value <> community.measure_value(m, 'stars', during)) AS differ
FROM generate_series(1, 10) AS m, generate_series('2025-02-01'::timestamptz, '2025-07-01', '17 days 5 hours') AS t,
	LATERAL (SELECT community.period_at('rolling 30 days', t) AS during) AS w,
	LATERAL (SELECT coalesce(sum(s.stars), 0) AS value FROM public.star AS s WHERE s.member = m AND s.at <@ during) AS v;
DROP TABLE public.star CASCADE;
DROP FUNCTION public.stars CASCADE;
DROP SCHEMA tier_oracle CASCADE;
