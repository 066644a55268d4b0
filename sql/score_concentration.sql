-- If this fails, the figures on how unequally a community's work is shared are
-- wrong, or depend on the order of the rows or on the number of workers.
SET search_path = public, community;
SET client_min_messages = warning;

--
-- Golden values
--
SELECT values, round(gini(v)::numeric, 10) AS gini
FROM (VALUES ('{1,1,1,1}'::float8[]), ('{0,0,0,1}'), ('{1,2,3,4}'), ('{1,2,3,4,5}'), ('{10}'),
	('{1000,202,90,33,332,343,42,433}')) AS x (values), unnest(values) AS v
GROUP BY values ORDER BY values;

-- one of eight has 1000 of 2475, two have 1433, and between ranks it is linear
SELECT q, round((top_share(v, q) * 2475)::numeric, 6) AS of_2475
FROM unnest('{1000,202,90,33,332,343,42,433}'::float8[]) AS v,
	unnest('{0,0.0625,0.125,0.25,0.3,0.5,1}'::float8[]) AS q
GROUP BY q ORDER BY q;
SELECT lorenz(v, 1) AS one, lorenz(v, 2) AS two, lorenz(v, 4) AS four, lorenz(v, 8) AS eight
FROM unnest('{4,1,3,2}'::float8[]) AS v;

-- who has nothing belongs to the population, who is not known does not
SELECT gini(v) AS with_zeros, gini(nullif(v, 0)) AS without, top_share(v, 0.5) AS half_of_four,
	top_share(nullif(v, 0), 0.5) AS half_of_two
FROM unnest('{0,0,5,5}'::float8[]) AS v;

-- nothing to share
SELECT gini(v), top_share(v, 0.1), lorenz(v, 4) FROM unnest('{0,0,-0}'::float8[]) AS v;
SELECT gini(v), top_share(v, 0.1), lorenz(v, 4) FROM unnest('{}'::float8[]) AS v;
SELECT gini(v), top_share(v, NULL), lorenz(v, NULL) FROM unnest('{NULL,NULL}'::float8[]) AS v;
-- sums beyond a double, and values below its normal range
SELECT gini(v), top_share(v, 0.5), lorenz(v, 2) FROM unnest('{1e308,1e308,1e308,1e308}'::float8[]) AS v;
SELECT gini(v), top_share(v, 0.5), lorenz(v, 2) FROM unnest('{5e-324,5e-324,5e-324,15e-324}'::float8[]) AS v;

-- FILTER, DISTINCT, ORDER BY, window
SELECT gini(v) FILTER (WHERE v < 5) AS four, gini(DISTINCT v % 3) AS two_of_three, gini(v ORDER BY v DESC) AS five
FROM unnest('{1,2,3,4,5}'::numeric[]) AS n, LATERAL (SELECT n::int AS v) AS x;
SELECT v, round(gini(v) OVER (ORDER BY v)::numeric, 10) AS growing,
	round(gini(v) OVER (ORDER BY v ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING)::numeric, 10) AS sliding,
	lorenz(v, 2) OVER (ORDER BY v DESC) AS lorenz
FROM unnest('{1,2,3,4,5}'::float8[]) AS v ORDER BY v;

-- refusals
SELECT gini(v) FROM unnest('{1,-2}'::float8[]) AS v;
SELECT gini(v) FROM unnest('{1,NaN}'::float8[]) AS v;
SELECT top_share(v, 0.5) FROM unnest('{1,Infinity}'::float8[]) AS v;
SELECT lorenz(v, 2) FROM unnest('{-1e-9}'::float8[]) AS v;
SELECT top_share(v, 1.5) FROM unnest('{1}'::float8[]) AS v;
SELECT top_share(v, -0.1) FROM unnest('{1}'::float8[]) AS v;
SELECT top_share(v, 'NaN') FROM unnest('{1}'::float8[]) AS v;
SELECT top_share(v, NULL) FROM unnest('{1}'::float8[]) AS v;
SELECT lorenz(v, 0) FROM unnest('{1}'::float8[]) AS v;
SELECT lorenz(v, 100001) FROM unnest('{1}'::float8[]) AS v;
SELECT lorenz(v, NULL) FROM unnest('{1}'::float8[]) AS v;
SELECT top_share(v, v / 10) FROM unnest('{1,2}'::float8[]) AS v;
SELECT lorenz(v, v::int) FROM unnest('{1,2}'::float8[]) AS v;
-- support functions take no state from outside
SELECT gini_final('\x00');
SELECT gini_accum(NULL, 1);
SELECT concentration_combine('\x00', '\x00');

--
-- Against the definition, on many sizes and shapes
--
SELECT setseed(0.75);
CREATE TABLE share_sample AS
SELECT g, i, CASE g % 4
	WHEN 0 THEN random() * 100			-- even
	WHEN 1 THEN round((random() * 5)::numeric)	-- ties and zeros
	WHEN 2 THEN 1 / (random() + 1e-6)		-- a long tail
	ELSE 10 ^ (random() * 30 - 15) END::float8 AS v	-- all sizes
FROM generate_series(1, 40) AS g, LATERAL generate_series(1, (g * g * g / 10) + 1) AS i;
ANALYZE share_sample;
CREATE TEMP VIEW oracle AS
SELECT g, sum((2 * rank - n - 1) * v) / (n * sum(v)) AS gini,
	-- the share of the top 10 %: whole ranks, and a part of the next
	sum(v * greatest(0, least(1, 0.1 * n - (n - rank)))) / sum(v) AS top_share,
	array_agg(cumulated) AS cumulated
FROM (SELECT g, v, row_number() OVER w AS rank, count(*) OVER (PARTITION BY g) AS n, sum(v) OVER w AS cumulated
	FROM share_sample WINDOW w AS (PARTITION BY g ORDER BY v, i)) AS x
GROUP BY g, n;
SELECT count(*) AS groups,
	count(*) FILTER (WHERE abs(s.gini - o.gini) < 1e-10) AS gini,
	count(*) FILTER (WHERE abs(s.top_share - o.top_share) < 1e-10) AS top_share
FROM oracle AS o JOIN (SELECT g, gini(v), top_share(v, 0.1) FROM share_sample GROUP BY g) AS s USING (g);
-- the curve at its own ranks is the cumulated sum; it is convex and ends at one
SELECT count(*) AS points, count(*) FILTER (WHERE abs(l.y - o.cumulated / o.total) < 1e-10) AS equal
FROM (SELECT g, rank, cumulated, max(cumulated) OVER (PARTITION BY g) AS total
	FROM (SELECT g, row_number() OVER w AS rank, sum(v) OVER w AS cumulated
		FROM share_sample WINDOW w AS (PARTITION BY g ORDER BY v, i)) AS x) AS o
JOIN (SELECT g, n - 1 AS rank, y FROM (SELECT g, lorenz(v, count::int) AS curve
		FROM share_sample JOIN (SELECT g, count(*) FROM share_sample GROUP BY g) AS c USING (g)
		GROUP BY g) AS c, unnest(curve) WITH ORDINALITY AS u (y, n)) AS l USING (g, rank);
SELECT count(*) AS pieces, bool_and(y - before <= next - y + 1e-15) AS convex, max(n) AS last
FROM (SELECT g, n, y, lag(y) OVER w AS before, lead(y) OVER w AS next
	FROM (SELECT g, lorenz(v, 10) AS curve FROM share_sample GROUP BY g) AS c,
		unnest(curve) WITH ORDINALITY AS u (y, n) WINDOW w AS (PARTITION BY g ORDER BY n)) AS x
WHERE before IS NOT NULL AND next IS NOT NULL;
-- top share and Lorenz curve are two views of one thing
SELECT bool_and(abs(t + curve[8] - 1) < 1e-12) AS complement
FROM (SELECT top_share(v, 0.3) AS t, lorenz(v, 10) AS curve FROM share_sample GROUP BY g) AS x;

-- the order of the rows does not show in a single bit
SELECT bool_and(a = b AND a = c) AS same
FROM (SELECT gini(v ORDER BY v) AS a, gini(v ORDER BY i) AS b, gini(v ORDER BY v DESC) AS c
	FROM share_sample GROUP BY g) AS x;

--
-- Workers
--
CREATE TEMP TABLE alone AS
SELECT g, gini(v) AS a, top_share(v, 0.1) AS b, lorenz(v, 7) AS c FROM share_sample GROUP BY g;
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
SELECT pg_temp.is_parallel('SELECT g, gini(v), top_share(v, 0.1), lorenz(v, 7) FROM share_sample GROUP BY g') AS parallel;
SELECT count(*) AS groups, count(*) FILTER (WHERE a = p AND b = q AND c = r) AS same
FROM alone JOIN (SELECT g, gini(v) AS p, top_share(v, 0.1) AS q, lorenz(v, 7) AS r
	FROM share_sample GROUP BY g) AS x USING (g);
DO $$
BEGIN
	PERFORM top_share(v, CASE WHEN g < 35 THEN 0.1 ELSE 0.2 END) FROM share_sample;
	RAISE EXCEPTION 'two fractions were taken';
EXCEPTION WHEN invalid_parameter_value THEN
	NULL;
END $$;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather; RESET parallel_leader_participation;
DROP VIEW oracle;
DROP TABLE share_sample;
