-- If this fails, how much a community depends on a few (Herfindahl index,
-- absence factor, the shares of 90-9-1) is wrong, or depends on the order of
-- the rows, on their unit or on the number of workers.
SET search_path = public, community;
SET client_min_messages = warning;

--
-- Golden values
--
SELECT values, round(herfindahl(v)::numeric, 10) AS hhi, round(normalised_herfindahl(v)::numeric, 10) AS normalised,
	round(effective_number(v)::numeric, 10) AS effective, absence_factor(v) AS caf
FROM (VALUES (1, '{1,1,1,1}'::float8[]), (2, '{0,0,0,1}'), (3, '{1,2,3,4}'), (4, '{1,2,3,4,5}'), (5, '{10}'),
	(6, '{30,30,20,20}'), (7, '{1000,202,90,33,332,343,42,433}')) AS x (n, values), unnest(values) AS v
GROUP BY n, values ORDER BY n;
-- the example of CHAOSS by share: 1000, 1433 and 1776 of 2475 have .404, .579 and .718
SELECT share, absence_factor(v, share) AS caf
FROM unnest('{1000,202,90,33,332,343,42,433}'::float8[]) AS v, unnest('{0,0.4,0.41,0.57,0.58,0.71,0.72,1}'::float8[]) AS share
GROUP BY share ORDER BY share;
-- 90-9-1 as van Mierlo found it in health communities: 1.3, 24.0 and 74.7 percent
SELECT round(s.lurkers::numeric, 10) AS lurkers, round(s.contributors::numeric, 10) AS contributors,
	round(s.super_users::numeric, 10) AS super_users
FROM (SELECT (participation_shares(v)).* FROM (SELECT 0.013 / 900 FROM generate_series(1, 900)
	UNION ALL SELECT 0.24 / 90 FROM generate_series(1, 90) UNION ALL SELECT 0.747 / 10 FROM generate_series(1, 10)) AS x (v)) AS s;
-- ranks between values are shared out: of four, the lowest 90 percent are three and 0.6 of the fourth
SELECT round((participation_shares(v)).super_users::numeric, 10) AS of_four, participation_shares(v, 0.5, 0.75) AS two_one_one,
	participation_shares(v, 0, 1) AS all_between, participation_shares(v, 0, 0) AS all_super, participation_shares(v, 1, 1) AS all_lurk
FROM unnest('{10,10,10,10}'::float8[]) AS v;

-- who has nothing belongs to the population of shares by rank and of the
-- normalised index, and changes nothing else; who is not known does not belong
SELECT herfindahl(v) = herfindahl(nullif(v, 0)) AS hhi, effective_number(v) = effective_number(nullif(v, 0)) AS effective,
	absence_factor(v) = absence_factor(nullif(v, 0)) AS caf, normalised_herfindahl(v) AS of_four,
	normalised_herfindahl(nullif(v, 0)) AS of_two, participation_shares(v, 0.5, 0.75) AS with_zeros,
	participation_shares(nullif(v, 0), 0.5, 0.75) AS without
FROM unnest('{0,0,5,5}'::float8[]) AS v;

-- nothing to share
SELECT herfindahl(v), normalised_herfindahl(v), effective_number(v), absence_factor(v), participation_shares(v)
FROM unnest('{0,0,-0}'::float8[]) AS v;
SELECT herfindahl(v), normalised_herfindahl(v), effective_number(v), absence_factor(v), participation_shares(v)
FROM unnest('{}'::float8[]) AS v;
SELECT herfindahl(v), absence_factor(v, NULL), participation_shares(v, NULL, NULL) FROM unnest('{NULL,NULL}'::float8[]) AS v;
-- sums beyond a double, values below its normal range, and the two together
SELECT herfindahl(v), effective_number(v), absence_factor(v), participation_shares(v, 0.5, 0.75)
FROM unnest('{1e308,1e308,1e308,1e308}'::float8[]) AS v;
SELECT herfindahl(v), effective_number(v), absence_factor(v), participation_shares(v, 0.5, 0.75)
FROM unnest('{5e-324,5e-324,5e-324,5e-324}'::float8[]) AS v;
SELECT herfindahl(v), absence_factor(v, 0.999) AS most, absence_factor(v, 1) AS all FROM unnest('{5e-324,1e308,0}'::float8[]) AS v;

-- rounding decides nothing: of n equal values, those with k n-ths are k
SELECT count(*), count(*) FILTER (WHERE f = k) AS good
FROM (SELECT n, k, absence_factor(x, k / n::float8) AS f FROM generate_series(1, 40) AS n, generate_series(1, n) AS k,
	generate_series(1, n) AS i, unnest('{0.1}'::float8[]) AS x GROUP BY n, k) AS t;

-- FILTER, window, and as many in one query as one likes
SELECT v, round(herfindahl(v) OVER w::numeric, 10) AS hhi, absence_factor(v) OVER w AS caf, absence_factor(v, 0.9) OVER w AS most
FROM unnest('{1,2,3,4,5}'::float8[]) AS v WINDOW w AS (ORDER BY v) ORDER BY v;
SELECT herfindahl(v) FILTER (WHERE v < 3) AS two, absence_factor(v) FILTER (WHERE v > 5) AS none FROM unnest('{2,2,5}'::float8[]) AS v;

-- refusals
SELECT herfindahl(v) FROM unnest('{1,-2}'::float8[]) AS v;
SELECT effective_number(v) FROM unnest('{1,NaN}'::float8[]) AS v;
SELECT absence_factor(v) FROM unnest('{1,Infinity}'::float8[]) AS v;
SELECT participation_shares(v) FROM unnest('{-1e-9}'::float8[]) AS v;
SELECT absence_factor(v, 1.5) FROM unnest('{1}'::float8[]) AS v;
SELECT absence_factor(v, 'NaN') FROM unnest('{1}'::float8[]) AS v;
SELECT absence_factor(v, NULL) FROM unnest('{1}'::float8[]) AS v;
SELECT absence_factor(v, v / 10) FROM unnest('{1,2}'::float8[]) AS v;
SELECT participation_shares(v, 0.9, 0.8) FROM unnest('{1}'::float8[]) AS v;
SELECT participation_shares(v, -0.1, 0.8) FROM unnest('{1}'::float8[]) AS v;
SELECT participation_shares(v, 0.9, NULL) FROM unnest('{1}'::float8[]) AS v;
SELECT participation_shares(v, 0.9, 1 - v / 100) FROM unnest('{1,2}'::float8[]) AS v;
SELECT herfindahl_final('\x00');
SELECT shares_accum(NULL, 1);

--
-- Against the definition, on many sizes and shapes
--
SELECT setseed(0.25);
CREATE TABLE shares_sample AS
SELECT g, i, CASE g % 4
	WHEN 0 THEN random() * 100			-- even
	WHEN 1 THEN round((random() * 5)::numeric)	-- ties and zeros
	WHEN 2 THEN 1 / (random() + 1e-6)		-- a long tail
	ELSE 10 ^ (random() * 30 - 15) END::float8 AS v	-- all sizes
FROM generate_series(2, 40) AS g, LATERAL generate_series(1, (g * g * g / 10) + 1) AS i;
ANALYZE shares_sample;
CREATE TEMP TABLE ours AS
SELECT g, herfindahl(v) AS hhi, normalised_herfindahl(v) AS normalised, effective_number(v) AS effective,
	absence_factor(v) AS half, absence_factor(v, 0.8) AS most, participation_shares(v) AS p FROM shares_sample GROUP BY g;
CREATE TEMP TABLE oracle AS
WITH ranked AS (
	SELECT g, v, row_number() OVER w AS rank, count(*) OVER (PARTITION BY g) AS n, sum(v) OVER (PARTITION BY g) AS total,
		sum(v) OVER (PARTITION BY g ORDER BY v DESC, i DESC) AS top
	FROM shares_sample WINDOW w AS (PARTITION BY g ORDER BY v, i))
SELECT g, n, sum((v / total) ^ 2) AS hhi, 1 + count(*) FILTER (WHERE top < 0.5 * total) AS half,
	1 + count(*) FILTER (WHERE top < 0.8 * total) AS most,
	sum(v * least(1, greatest(0, 0.9 * n - rank + 1))) / total AS lurkers,
	sum(v * least(1, greatest(0, rank - 0.99 * n))) / total AS super_users
FROM ranked GROUP BY g, n, total;
SELECT count(*) AS groups, count(*) FILTER (WHERE abs(o.hhi - u.hhi) < 1e-12) AS hhi,
	count(*) FILTER (WHERE abs((o.hhi - 1.0 / n) / (1 - 1.0 / n) - normalised) < 1e-12) AS normalised,
	count(*) FILTER (WHERE abs(effective * o.hhi - 1) < 1e-12) AS effective,
	count(*) FILTER (WHERE o.half = u.half AND o.most = u.most) AS caf,
	count(*) FILTER (WHERE abs((p).lurkers - lurkers) < 1e-12 AND abs((p).super_users - super_users) < 1e-12
		AND abs((p).lurkers + (p).contributors + (p).super_users - 1) < 1e-12) AS shares,
	count(*) FILTER (WHERE effective BETWEEN 1 AND n AND u.half BETWEEN 1 AND u.most AND u.most <= n AND u.hhi BETWEEN 1.0 / n - 1e-15 AND 1) AS bounded
FROM oracle AS o JOIN ours AS u USING (g);
-- one figure is another seen from elsewhere
SELECT bool_and(abs((p).super_users - t) < 1e-12) AS top_share, bool_and(abs((p).lurkers - l[10]) < 1e-12) AS lorenz
FROM ours JOIN (SELECT g, top_share(v, 0.01) AS t, lorenz(v, 10) AS l FROM shares_sample GROUP BY g) AS x USING (g);
-- permutation: not one bit; scale: powers of two not one bit, others rounding
SELECT bool_and(a = b AND p = q) AS permuted, bool_and(a = c AND p = s) AS doubled, bool_and(abs(a - d) < 1e-14) AS scaled
FROM (SELECT herfindahl(v ORDER BY v) AS a, herfindahl(v ORDER BY i DESC) AS b, herfindahl(v * 1024) AS c, herfindahl(v * 0.01) AS d,
	participation_shares(v ORDER BY v DESC) AS p, participation_shares(v ORDER BY i) AS q, participation_shares(v / 8) AS s
	FROM shares_sample GROUP BY g) AS x;
-- two communities of one shape: concentration halves, the absence factor doubles
SELECT bool_and(abs(2 * herfindahl - hhi) < 1e-14) AS halved, bool_and(absence_factor IN (2 * half, 2 * half - 1)) AS doubled
FROM ours JOIN (SELECT g, herfindahl(v), absence_factor(v) FROM shares_sample, generate_series(1, 2) GROUP BY g) AS x USING (g);

--
-- Workers
--
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2; SET parallel_leader_participation = off;
CREATE FUNCTION pg_temp.is_parallel(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line ~ 'Partial (Hash|Group)?Aggregate' THEN RETURN true; END IF;
	END LOOP;
	RETURN false;
END $$;
SELECT pg_temp.is_parallel('SELECT g, herfindahl(v), absence_factor(v, 0.8), participation_shares(v) FROM shares_sample GROUP BY g') AS parallel;
SELECT count(*) AS groups, count(*) FILTER (WHERE hhi = h AND most = m AND p = q) AS same
FROM ours JOIN (SELECT g, herfindahl(v) AS h, absence_factor(v, 0.8) AS m, participation_shares(v) AS q
	FROM shares_sample GROUP BY g) AS x USING (g);
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather; RESET parallel_leader_participation;
DROP TABLE shares_sample;
