-- If this fails, members with equal behaviour may get different scores, members
-- without any behaviour get one, or a query does more than read.
SET search_path = public, community;
SET client_min_messages = warning;
SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres';
\set SHOW_CONTEXT never

--
-- The summary
--
CREATE TEMP TABLE purchase (member bigint, at timestamptz, amount bigint);
-- the test data of the Python package lifetimes; end of observation 2015-02-07
INSERT INTO purchase VALUES (1, '2015-01-01', 1), (1, '2015-02-06', 2), (2, '2015-01-01', 2),
	(3, '2015-01-01', 3), (3, '2015-01-02', 1), (3, '2015-01-05', 5), (4, '2015-01-16', 6),
	(4, '2015-02-02', 3), (4, '2015-02-05', 3), (5, '2015-01-16', 3), (5, '2015-01-17', 1),
	(5, '2015-01-18', 8), (6, '2015-02-02', 5);
SELECT s.member, s.frequency - 1 AS x, extract(day FROM s.last_at - s.first_at) AS t_x,
	extract(day FROM '2015-02-07' - s.first_at) AS t, round(coalesce((s.monetary - f.amount)
		/ nullif(s.frequency - 1, 0), 0), 1) AS m
FROM (SELECT member, (rfm(at, amount)).* FROM purchase GROUP BY member) AS s
	JOIN purchase AS f ON f.member = s.member AND f.at = s.first_at ORDER BY s.member;

-- nothing, no time, no amount, refunds, amounts beyond 64 bits
SELECT rfm(at, amount) IS NULL AS nothing FROM purchase WHERE false;
SELECT rfm(NULL, amount) IS NULL AS no_time FROM purchase;
SELECT (rfm(t, a)).* FROM (VALUES ('2015-01-05'::timestamptz, NULL::bigint), (NULL, 7), ('2015-01-03', -5),
	('2015-01-04', 2)) AS x (t, a);
SELECT (rfm('2015-01-01', a)).monetary FROM unnest('{9223372036854775807,9223372036854775807,9223372036854775807}'::bigint[]) AS a;
SELECT (rfm('2015-01-01', a)).monetary FROM unnest('{-9223372036854775808,-9223372036854775808,-9223372036854775808}'::bigint[]) AS a;
SELECT (rfm('2015-01-01', a)).monetary FROM unnest('{-9223372036854775808,-1,9223372036854775807}'::bigint[]) AS a;
SELECT (rfm(at, amount) FILTER (WHERE member = 3)).*, (rfm(DISTINCT at, 1)).frequency AS days FROM purchase;
SELECT rfm(t, 1) FROM unnest('{2015-01-01,-infinity}'::timestamptz[]) AS t;
SELECT rfm_final('{1,2}');
SELECT rfm_final('{1,2,3,NULL,5}');
SELECT member, at::date, (rfm(at, amount) OVER w).frequency AS so_far, (rfm(at, amount) OVER w).monetary AS total
FROM purchase WHERE member IN (3, 4) WINDOW w AS (PARTITION BY member ORDER BY at) ORDER BY 1, 2;
-- a state is not changed outside of an aggregate
SELECT rfm_accum(s, '2000-01-01', 1) IS NOT NULL, rfm_combine(s, s), s FROM (SELECT '{1,2,3,0,5}'::bigint[] AS s) AS x;

-- workers
CREATE TABLE rfm_sample AS
SELECT i % 300 AS member, '2015-01-01'::timestamptz + (i * 7919 % 100003) * interval '1 minute' AS at,
	(i::bigint * 104729 % 1000003 - 300000) * 9000000000000 AS amount
FROM generate_series(1, 30000) AS i;
ANALYZE rfm_sample;
CREATE TEMP TABLE alone AS SELECT member, (rfm(at, amount)).* FROM rfm_sample GROUP BY member;
SELECT count(*) AS differ FROM alone FULL JOIN (SELECT member, min(at), max(at), count(*), sum(amount::numeric)
	FROM rfm_sample GROUP BY member) AS o (member, first_at, last_at, frequency, monetary)
	USING (member, first_at, last_at, frequency, monetary)
WHERE alone IS NULL OR o IS NULL;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2; SET parallel_leader_participation = off;
SELECT count(*) AS differ FROM (SELECT member, (rfm(at, amount)).* FROM rfm_sample GROUP BY member
	EXCEPT SELECT * FROM alone) AS x;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather; RESET parallel_leader_participation;

--
-- Scores
--
CREATE TEMP TABLE customer (member bigint, last_at timestamptz, frequency numeric, monetary numeric);
INSERT INTO customer VALUES (1, '2024-12-31', 10, 500), (2, '2024-12-01', 8, 100), (3, '2024-10-01', 5, 100),
	(4, '2024-06-01', 2, 20), (5, '2023-01-01', 1, 10),
	(6, NULL, 0, NULL),		-- enrolled, never active
	(7, '2024-12-30', 0, 0),	-- no transaction
	(8, '2025-06-01', 3, 30),	-- in the future
	(9, '2024-12-31', NULL, 1);
SELECT * FROM rfm_scores('SELECT * FROM customer', '2025-01-01') ORDER BY member;
-- fixed cuts do not depend on the others; a member on a cut has reached it, and
-- a transaction that is exactly as old as a cut is past it
SELECT member, recency_score, frequency_score, monetary_score, cell
FROM rfm_scores('SELECT * FROM customer', '2025-01-01', cells => 3, recency_cuts => '{1 month,1 year}',
	frequency_cuts => '{5,10}', monetary_cuts => '{20,100.5}')
WHERE cell IS NOT NULL ORDER BY member;
SELECT member, recency_score, frequency_score, monetary_score
FROM rfm_scores('SELECT * FROM customer WHERE member = 5', '2025-01-01', cells => 2, frequency_cuts => '{2}');
-- too few to compare with: only fixed cuts give a score
SELECT member, recency_score, frequency_score, monetary_score, cell
FROM rfm_scores('SELECT * FROM customer', '2025-01-01', frequency_cuts => '{2,3,6,9}', min_population => 6)
WHERE member < 3 ORDER BY member;
SELECT count(cell) AS enough FROM rfm_scores('SELECT * FROM customer', '2025-01-01', min_population => 5);
-- all equal: all in the lowest class; no rows: no rows
SELECT DISTINCT cell FROM rfm_scores('SELECT i, timestamp ''2024-01-01'', 3, 4.5 FROM generate_series(1, 50) AS i', '2025-01-01');
SELECT count(*) AS none FROM rfm_scores('SELECT * FROM customer WHERE false', '2025-01-01');
SELECT count(*) AS one, max(cell) AS cell FROM rfm_scores('SELECT 1, now(), 1, 1');
-- no monetary value, and the others have theirs
SELECT * FROM rfm_scores('VALUES (1, date ''2024-01-01'', 1, NULL), (2, date ''2024-01-02'', 2, 5)', '2025-01-01', 2) ORDER BY 1;
-- any form of a reading statement, any names, any types that can be cast
SELECT member, cell FROM rfm_scores(E'  /* a; */ WITH c AS (SELECT * FROM customer)
	SELECT member::text AS a, last_at::date AS a, frequency::float8, monetary::int FROM c WHERE member < 3 ; -- ; end',
	'2025-01-01', 2) ORDER BY 1;
SELECT count(cell) FROM rfm_scores('TABLE customer ORDER BY 2 LIMIT 4', '2025-01-01');
SELECT count(cell) FROM rfm_scores('(SELECT * FROM customer) UNION ALL SELECT * FROM customer', '2025-01-01');

-- ties: whoever has the same gets the same, in whatever order the rows come
CREATE TEMP TABLE tied AS
SELECT i AS member, '2024-01-01'::timestamptz + (i * 31 % 13) * interval '1 day' AS last_at,
	1 + (i * 17 % 10) * (i * 17 % 10) / 30 AS frequency, (i * 7 % 4)::numeric AS monetary
FROM generate_series(1, 997) AS i;
SELECT count(*) AS members, count(DISTINCT (last_at, recency_score)) AS recency_pairs, count(DISTINCT last_at) AS times,
	count(DISTINCT (frequency, frequency_score)) AS frequency_pairs, count(DISTINCT frequency) AS frequencies
FROM rfm_scores('SELECT * FROM tied', '2025-01-01');
SELECT count(*) AS moved FROM rfm_scores('SELECT * FROM tied ORDER BY member', '2025-01-01') AS a
JOIN rfm_scores('SELECT * FROM tied ORDER BY member DESC', '2025-01-01') AS b USING (member)
WHERE (a.recency_score, a.frequency_score, a.monetary_score) <> (b.recency_score, b.frequency_score, b.monetary_score);
-- which is what ntile does not give
SELECT count(*) > 100 AS ntile_moves
FROM (SELECT member, ntile(5) OVER (ORDER BY frequency) AS n FROM (SELECT * FROM tied ORDER BY member) AS t) AS a
JOIN (SELECT member, ntile(5) OVER (ORDER BY frequency) AS n FROM (SELECT * FROM tied ORDER BY member DESC) AS t) AS b
	USING (member) WHERE a.n <> b.n;

-- against the definition: one more than the number of cuts below the value,
-- where cut j of k is the value at rank ceil(j n / k), in whole numbers
CREATE FUNCTION pg_temp.wrong_scores(k int, n int) RETURNS bigint LANGUAGE sql AS $$
	WITH population AS (SELECT * FROM tied WHERE member <= n),
	ranked AS (SELECT row_number() OVER (ORDER BY last_at) AS r, last_at,
		row_number() OVER (ORDER BY frequency) AS f, frequency,
		row_number() OVER (ORDER BY monetary) AS m, monetary FROM population),
	cut AS MATERIALIZED (SELECT j, (SELECT last_at FROM ranked WHERE r = (j * n + k - 1) / k) AS r,
		(SELECT frequency FROM ranked WHERE f = (j * n + k - 1) / k) AS f,
		(SELECT monetary FROM ranked WHERE m = (j * n + k - 1) / k) AS m
		FROM generate_series(1, k - 1) AS j),
	oracle AS MATERIALIZED (SELECT member, 1 + (SELECT count(*) FROM cut WHERE r < last_at) AS r,
		1 + (SELECT count(*) FROM cut WHERE f < frequency) AS f,
		1 + (SELECT count(*) FROM cut WHERE m < monetary) AS m FROM population)
	SELECT count(*) FROM oracle JOIN rfm_scores(format('SELECT * FROM tied WHERE member <= %s', n), '2025-01-01', k)
		AS s USING (member)
	WHERE (s.recency_score, s.frequency_score, s.monetary_score, s.cell) IS DISTINCT FROM (r, f, m, 100 * r + 10 * f + m)
$$;
SELECT k, sum(pg_temp.wrong_scores(k, n)) AS wrong
FROM generate_series(2, 9) AS k, unnest('{1,2,7,9,35,49,63,90,343}'::int[]) AS n GROUP BY k ORDER BY k;

-- refusals of arguments
SELECT rfm_scores(NULL);
SELECT rfm_scores('TABLE customer', NULL);
SELECT rfm_scores('TABLE customer', 'infinity');
SELECT rfm_scores('TABLE customer', '2025-01-01', NULL);
SELECT rfm_scores('TABLE customer', '2025-01-01', 1);
SELECT rfm_scores('TABLE customer', '2025-01-01', 10);
SELECT rfm_scores('TABLE customer', '2025-01-01', min_population => NULL);
SELECT rfm_scores('TABLE customer', '2025-01-01', 3, frequency_cuts => '{1}');
SELECT rfm_scores('TABLE customer', '2025-01-01', 3, frequency_cuts => '{1,1}');
SELECT rfm_scores('TABLE customer', '2025-01-01', 3, frequency_cuts => '{1,NULL}');
SELECT rfm_scores('TABLE customer', '2025-01-01', 3, frequency_cuts => '{1,NaN}');
SELECT rfm_scores('TABLE customer', '2025-01-01', 3, frequency_cuts => '{{1,2}}');
SELECT rfm_scores('TABLE customer', '2025-01-01', 3, monetary_cuts => '{2,1}');
SELECT rfm_scores('TABLE customer', '2025-01-01', 3, recency_cuts => '{1 month,30 days}');
SELECT rfm_scores('TABLE customer', '2025-01-01', 3, recency_cuts => '{0 days,30 days}');
SELECT rfm_scores('TABLE customer', '2025-01-01', 3, recency_cuts => '{-1 day,30 days}');
-- refusals of queries
SELECT rfm_scores('');
SELECT rfm_scores('TABLE customer; TABLE customer');
SELECT rfm_scores('DELETE FROM customer');
SELECT rfm_scores('DROP TABLE customer');
SELECT rfm_scores('EXPLAIN SELECT 1');
SELECT rfm_scores('SELECT * INTO x FROM customer');
SELECT rfm_scores('SELECT * FROM customer FOR UPDATE');
SELECT rfm_scores('WITH d AS (DELETE FROM customer RETURNING *) SELECT * FROM d');
SELECT rfm_scores('SELECT member FROM customer');
SELECT rfm_scores('SELECT *, 1 FROM customer');
SELECT rfm_scores('SELECT 1, 2, 3, 4');
SELECT rfm_scores('SELECT $1, $2, $3, $4');
SELECT rfm_scores('SELECT 1) AS q; DROP TABLE customer; --');
SELECT rfm_scores('SELECT * FROM no_such_table');
-- refusals of rows
SELECT rfm_scores('SELECT NULL::int, now(), 1, 1');
SELECT rfm_scores('SELECT 4711, now(), -1, 1');
SELECT rfm_scores('SELECT 4711, now(), ''NaN''::float8, 1');
SELECT rfm_scores('SELECT 4711, now(), 1, ''NaN''::float8');
SELECT rfm_scores('SELECT 4711, ''-infinity''::date, 1, 1');
SELECT count(*) AS still_there FROM customer;

-- the rights and the search path of the caller, and nobody else's operators
CREATE SCHEMA rfm_other;
CREATE TABLE rfm_other.customer AS SELECT 42 AS member, now() AS last_at, 1 AS frequency, 1 AS monetary;
CREATE FUNCTION rfm_other.wrong(timestamptz, timestamptz) RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE FUNCTION rfm_other.wrong(numeric, numeric) RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE OPERATOR rfm_other.<= (FUNCTION = rfm_other.wrong, LEFTARG = timestamptz, RIGHTARG = timestamptz);
CREATE OPERATOR rfm_other.> (FUNCTION = rfm_other.wrong, LEFTARG = numeric, RIGHTARG = numeric);
SET search_path = rfm_other, pg_catalog, pg_temp;
SELECT member, cell FROM community.rfm_scores('SELECT * FROM rfm_other.customer');
DROP TABLE pg_temp.customer;
SELECT member, cell FROM community.rfm_scores('SELECT * FROM customer');
CREATE ROLE regress_rfm_reader;
GRANT USAGE ON SCHEMA community, rfm_other TO regress_rfm_reader;
SET ROLE regress_rfm_reader;
SELECT * FROM community.rfm_scores('SELECT * FROM customer');
RESET ROLE;
RESET search_path;
DROP SCHEMA rfm_other CASCADE;
REVOKE USAGE ON SCHEMA community FROM regress_rfm_reader;
DROP ROLE regress_rfm_reader;
DROP TABLE rfm_sample;
