-- If this fails, the purchase history of a member, which all fits rest on, is
-- counted wrongly: days, repeats, means, the holdout, or by the order of rows.
SET search_path = public, community;
SET TimeZone = 'UTC';

-- the example of the package lifetimes
CREATE TEMP TABLE purchase (member bigint, at timestamptz, amount bigint);
INSERT INTO purchase VALUES (1, '2015-01-01', 1), (1, '2015-02-06', 2), (2, '2015-01-01', 2), (3, '2015-01-01', 3),
	(3, '2015-01-02', 1), (3, '2015-01-05', 5), (4, '2015-01-16', 6), (4, '2015-02-02', 3), (4, '2015-02-05', 3),
	(5, '2015-01-16', 3), (5, '2015-01-17', 1), (5, '2015-01-18', 8), (6, '2015-02-02', 5);
SELECT member, (h).x, (h).t_x, (h).t, (h).mean FROM (
	SELECT member, purchase_history(at, amount, NULL, '2015-02-07', 'UTC') AS h FROM purchase GROUP BY member) AS s ORDER BY member;
-- calibration and holdout; who comes later has no history yet
SELECT member, h FROM (
	SELECT member, purchase_history(at, amount, '2015-01-17', '2015-02-07', 'UTC') AS h FROM purchase GROUP BY member) AS s ORDER BY member;

-- a day is one of the time zone: these two purchases are of one day in New York
SELECT z, (h).x, (h).first_on FROM (SELECT z, purchase_history(at, 5, NULL, '2024-03-09', z) AS h
	FROM unnest(ARRAY['UTC', 'America/New_York']) AS z, unnest(ARRAY['2024-03-01 20:00', '2024-03-02 03:00']::timestamptz[]) AS at
	GROUP BY z) AS s ORDER BY z;
-- refunds net within the day; a day on which more is given back is none, a
-- null amount is 0, a null time no purchase, the end's day counts whole
SELECT purchase_history(at, amount, NULL, '2024-01-09', 'UTC') FROM (VALUES ('2024-01-01'::timestamptz, 10), ('2024-01-03 08:00', 30),
	('2024-01-03 09:00', -10), ('2024-01-05', -30), ('2024-01-07', NULL), (NULL, 1000), ('2024-01-09 23:59', 7), ('2024-01-10', 7)) AS v (at, amount);
SELECT purchase_history(at, 9223372036854775807, NULL, '2024-01-09', 'UTC') FROM generate_series('2024-01-01'::timestamptz, '2024-01-04', '1 hour') AS at;
SELECT purchase_history(NULL::timestamptz, 1) IS NULL AS nothing;
-- the short forms look back from now
SELECT (purchase_history(now() - make_interval(days => d), 1)).t AS t, (purchase_history(now() - make_interval(days => d), 1, now() - interval '7 days')).holdout_x AS later
FROM unnest(ARRAY[3, 5, 10]) AS d;

-- Bad input
SELECT purchase_history('infinity'::timestamptz, 1, NULL, '2024-01-09', 'UTC');
SELECT purchase_history('2024-01-01'::timestamptz, 1, NULL, 'infinity', 'UTC');
SELECT purchase_history('2024-01-01'::timestamptz, 1, NULL, NULL, 'UTC');
SELECT purchase_history('2024-01-01'::timestamptz, 1, '2024-02-01', '2024-01-01', 'UTC');
SELECT purchase_history('2024-01-01'::timestamptz, 1, NULL, '2024-01-09', 'Nowhere/Land');
SELECT purchase_history('2024-01-01'::timestamptz, 1, NULL, z::timestamptz, 'UTC') FROM unnest(ARRAY['2024-02-01', '2024-02-02']) AS z;
SELECT purchase_history_combine('\x00', '\x00');

-- Against the same in SQL, forwards, backwards and in parallel
CREATE TABLE score_ltv_purchase AS
SELECT 1 + (n * 7919 % 211) % 97 AS member, '2023-01-01 05:00+00'::timestamptz + make_interval(hours => n * 104729 % 13001) AS at,
	n * 31337 % 5000 - 300 AS amount FROM generate_series(1, 20000) AS n;
CREATE FUNCTION score_ltv_differences(source text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE result bigint;
BEGIN
	EXECUTE format($q$
		WITH day AS (SELECT member, (at AT TIME ZONE 'Asia/Tokyo')::date AS day, sum(amount) AS amount FROM score_ltv_purchase
			GROUP BY 1, 2 HAVING sum(amount) >= 0 AND (at AT TIME ZONE 'Asia/Tokyo')::date <= '2024-05-01'),
		numbered AS (SELECT *, row_number() OVER (PARTITION BY member ORDER BY day) AS n FROM day),
		slow AS (SELECT member, count(*) FILTER (WHERE day <= '2023-12-31') - 1 AS x,
			max(day) FILTER (WHERE day <= '2023-12-31') - min(day) AS t_x, '2023-12-31' - min(day) AS t,
			avg(amount) FILTER (WHERE day <= '2023-12-31' AND n > 1) AS mean,
			count(*) FILTER (WHERE day > '2023-12-31') AS holdout_x,
			avg(amount) FILTER (WHERE day > '2023-12-31') AS holdout_mean FROM numbered GROUP BY member),
		ours AS (SELECT member, purchase_history(at, amount, '2023-12-31 09:00+09', '2024-05-01 20:00+09', 'Asia/Tokyo') AS h
			FROM %s AS s GROUP BY member)
		SELECT count(*) FROM slow FULL JOIN ours USING (member)
		WHERE ((h).x, (h).t_x, (h).t, (h).holdout_x) IS DISTINCT FROM (x, t_x::float8, t::float8, holdout_x)
			OR abs((h).mean - mean) > 1e-9 OR abs((h).holdout_mean - holdout_mean) > 1e-9$q$, source) INTO result;
	RETURN result;
END $$;
SELECT score_ltv_differences('score_ltv_purchase') AS forwards,
	score_ltv_differences('(SELECT * FROM score_ltv_purchase ORDER BY at DESC, amount)') AS backwards;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET enable_sort = off;
SELECT score_ltv_differences('score_ltv_purchase') AS parallel;
EXPLAIN (COSTS OFF) SELECT member, purchase_history(at, amount, NULL, '2024-05-01', 'UTC') FROM score_ltv_purchase GROUP BY member;
DROP TABLE score_ltv_purchase;
DROP FUNCTION score_ltv_differences;
