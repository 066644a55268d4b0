-- If this fails, a decayed sum depends on how the rows came: in which order, on
-- how many workers, in which window; or it counts rows that it should not.
SET search_path = public, community;
SET client_min_messages = warning;
SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres';

SELECT setseed(0.5);
CREATE TABLE decayed_event AS
SELECT i, i % 40 AS member, round((random() * 100 - 20)::numeric, 2)::float8 AS value,
	'2024-01-01+00'::timestamptz + random() * interval '700 days' AS at
FROM generate_series(1, 20000) AS i;
ANALYZE decayed_event;
CREATE TEMP TABLE event AS TABLE decayed_event;

-- how far two scores are from each other, as a share of what was added up
CREATE FUNCTION pg_temp.close(a decayed, b decayed, size decayed) RETURNS boolean LANGUAGE sql AS $$
	SELECT abs(score_at(a - b, '2026-01-01+00')) <= 1e-12 * score_at(size, '2026-01-01+00')
$$;

-- the definition, written out
SELECT count(*) AS members, count(*) FILTER (WHERE abs(score_at(s, '2026-01-01+00') - slow) <= 1e-12 * size) AS equal
FROM (SELECT member, decayed_sum(value, at, '30 days') AS s,
		sum(value * 2 ^ -(extract(epoch FROM '2026-01-01+00' - at)::float8 / 2592000)) AS slow,
		sum(abs(value) * 2 ^ -(extract(epoch FROM '2026-01-01+00' - at)::float8 / 2592000)) AS size
	FROM event GROUP BY member) AS x;

-- any order, any grouping, any way to add
CREATE TEMP TABLE straight AS
SELECT member, decayed_sum(value, at, '30 days' ORDER BY i) AS s, decayed_sum(abs(value), at, '30 days') AS size
FROM event GROUP BY member;
SELECT count(*) FILTER (WHERE pg_temp.close(s, by_time, size)) AS by_time,
	count(*) FILTER (WHERE pg_temp.close(s, backwards, size)) AS backwards,
	count(*) FILTER (WHERE pg_temp.close(s, by_value, size)) AS by_value,
	count(*) FILTER (WHERE pg_temp.close(s, terms, size)) AS terms,
	count(*) FILTER (WHERE pg_temp.close(s, merged, size)) AS merged
FROM straight JOIN (SELECT member, decayed_sum(value, at, '30 days' ORDER BY at) AS by_time,
		decayed_sum(value, at, '30 days' ORDER BY i DESC) AS backwards,
		decayed_sum(value, at, '30 days' ORDER BY abs(value)) AS by_value,
		decayed_sum(decayed(value, at, '30 days')) AS terms
	FROM event GROUP BY member) AS x USING (member)
	JOIN (SELECT member, decayed_sum(part) AS merged
		FROM (SELECT member, decayed_sum(value, at, '30 days') AS part
			FROM event GROUP BY member, i / 40 % 7) AS p
		GROUP BY member) AS y USING (member);

-- everything taken back, in another order, leaves next to nothing
SELECT count(*) FILTER (WHERE pg_temp.close(s + taken_back, s * 0, size)) AS nothing_left
FROM straight JOIN (SELECT member, decayed_sum(-value, at, '30 days' ORDER BY at DESC) AS taken_back
	FROM event GROUP BY member) AS x USING (member);
-- one event taken back at once leaves nothing at all
SELECT decayed_sum(v, '2024-05-05 12:34:56.789+00', '30 days') AS zero FROM (VALUES (0.1), (-0.1)) AS x (v);

--
-- Which rows count
--
SELECT decayed_sum(value, at, '30 days') IS NULL AS no_rows FROM event WHERE false;
SELECT decayed_sum(NULL, at, '30 days') IS NULL AS no_values, decayed_sum(value, NULL, '30 days') IS NULL AS no_times,
	decayed_sum(NULL::decayed) IS NULL AS no_scores, decayed_sum(NULL, at, NULL) IS NULL AS nothing
FROM event;
SELECT decayed_sum(v, t, '1 day') AS one
FROM (VALUES (4.0, '2000-01-03+00'::timestamptz), (NULL, '2000-01-05+00'), (1, NULL)) AS x (v, t);
SELECT decayed_sum(v, t, '1 day') FILTER (WHERE v < 5) AS filtered, decayed_sum(DISTINCT v, t, '1 day') AS distinct_rows
FROM (VALUES (4.0, '2000-01-03+00'::timestamptz), (4, '2000-01-03+00'), (8, '2000-01-03+00')) AS x (v, t);
SELECT decayed_sum(v, '2000-01-01+00', '1 day') AS zero FROM (VALUES (0), ('-0'::float8)) AS x (v);

-- one half-life has many spellings
SELECT decayed_sum(1, '2000-01-01+00', h) AS four
FROM unnest('{1 day,24 hours,86400 seconds,2 days -24:00}'::interval[]) AS h;

-- refusals
SELECT decayed_sum(value, at, NULL) FROM event;
SELECT decayed_sum(1, '2000-01-01+00', h) FROM unnest('{7 days,30 days}'::interval[]) AS h;
SELECT decayed_sum(1, '2000-01-01+00', h) FROM unnest('{7 days,1 month}'::interval[]) AS h;
SELECT decayed_sum(1, '2000-01-01+00', h) FROM unnest('{7 days,0 days}'::interval[]) AS h;
SELECT decayed_sum(d) FROM unnest('{0/7 days,0/30 days}'::decayed[]) AS d;
SELECT decayed_sum(v, '2000-01-01+00', '7 days') FROM unnest('{1,NaN}'::float8[]) AS v;
SELECT decayed_sum(1, t, '7 days') FROM unnest('{2000-01-01,infinity}'::timestamptz[]) AS t;
SELECT decayed_sum(1, t, '1 s') FROM unnest('{2000-01-01,2222-02-02}'::timestamptz[]) AS t;

-- outside of an aggregate the state is not touched
CREATE TEMP TABLE kept AS SELECT '1@2000-01-01+00/1 day'::decayed AS d;
SELECT decayed_sum_accum(d, 1, '2000-01-01+00', '1 day'), decayed_sum_combine(d, d), d FROM kept;
SELECT d FROM kept;

--
-- Windows: growing, sliding, and the rows that were already returned
--
CREATE TEMP TABLE small AS SELECT i, value, at FROM event WHERE i <= 60;
SELECT count(*) AS rows,
	count(*) FILTER (WHERE growing = (SELECT decayed_sum(value, at, '30 days' ORDER BY i)
		FROM small WHERE small.i <= w.i)) AS growing,
	count(*) FILTER (WHERE sliding = (SELECT decayed_sum(value, at, '30 days' ORDER BY i)
		FROM small WHERE small.i BETWEEN w.i - 2 AND w.i + 1)) AS sliding,
	count(*) FILTER (WHERE excluded IS NOT DISTINCT FROM (SELECT decayed_sum(value, at, '30 days' ORDER BY i)
		FROM small WHERE small.i BETWEEN w.i - 1 AND w.i + 1 AND small.i <> w.i)) AS excluded
FROM (SELECT i, decayed_sum(value, at, '30 days') OVER (ORDER BY i) AS growing,
		decayed_sum(value, at, '30 days') OVER (ORDER BY i ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING) AS sliding,
		decayed_sum(value, at, '30 days') OVER (ORDER BY i ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING
			EXCLUDE CURRENT ROW) AS excluded
	FROM small) AS w;

--
-- Workers
--
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2; SET parallel_leader_participation = off;
CREATE FUNCTION pg_temp.is_parallel(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	line text;
	partial boolean := false;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		partial := partial OR line ~ 'Partial (Hash|Group)?Aggregate' OR line ~ 'Partial Aggregate';
	END LOOP;
	RETURN partial;
END $$;
SELECT pg_temp.is_parallel('SELECT decayed_sum(value, at, ''30 days'') FROM decayed_event') AS one_group,
	pg_temp.is_parallel('SELECT member, decayed_sum(value, at, ''30 days'') FROM decayed_event GROUP BY member') AS groups;
SELECT count(*) FILTER (WHERE pg_temp.close(s, p, size)) AS equal, count(*) AS members
FROM straight JOIN (SELECT member, decayed_sum(value, at, '30 days') AS p,
		decayed_sum(decayed(value, at, '30 days')) AS q
	FROM decayed_event GROUP BY member) AS x USING (member)
WHERE pg_temp.close(s, q, size);
SELECT decayed_sum(value, at, CASE WHEN i % 1000 = 0 THEN interval '7 days' ELSE '30 days' END)
FROM decayed_event WHERE false;
DO $$
BEGIN
	PERFORM decayed_sum(value, at, CASE WHEN i <= 10000 THEN interval '7 days' ELSE '30 days' END)
	FROM decayed_event;
	RAISE EXCEPTION 'mixed half-lives were taken';
EXCEPTION WHEN SQLSTATE 'CM008' THEN
	NULL;
END $$;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather; RESET parallel_leader_participation;

-- groups that spill to disk
SET work_mem = '64kB'; SET enable_sort = off;
SELECT count(*) AS groups, count(*) FILTER (WHERE s = decayed(value, at, '30 days')) AS right
FROM (SELECT i, decayed_sum(value, at, '30 days') AS s FROM event GROUP BY i) AS x JOIN event USING (i);
RESET work_mem; RESET enable_sort;
DROP TABLE decayed_event;
