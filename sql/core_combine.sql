-- If this failed, an aggregate would give another result where the server adds
-- up parts of a table apart than where one process reads all of it.  Partitions
-- are parts without chance: workers may leave all rows to the first of them.
SET search_path = public, community;
SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres';
CREATE TABLE parts (part int, grp int, n int, at timestamptz, amount bigint, v float8) PARTITION BY LIST (part);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2);
CREATE TABLE parts_3 PARTITION OF parts FOR VALUES IN (3);
-- of group 4 there is nothing in the second partition, of 5 in the third alone
INSERT INTO parts SELECT 1 + n % 3, n / 3 % 6, n, '2024-01-01'::timestamptz + make_interval(hours => n * 7919 % 9001),
	(n::bigint * 104729 % 1000003 - 300000) * 9000000000, n * 31337 % 5000
FROM generate_series(1, 600) AS n WHERE n / 3 % 6 < 4 OR n / 3 % 6 = 4 AND n % 3 <> 1 OR n / 3 % 6 = 5 AND n % 3 = 2;
ANALYZE parts;
-- each aggregate that can be combined, in each of its forms
CREATE TEMP TABLE form (call text, aggregate regprocedure);
INSERT INTO form VALUES
	('sum(purse(n, available_at => at))', 'sum(purse)'),
	('decayed_sum(v, at, ''30 days'')', 'decayed_sum(float8, timestamptz, interval)'),
	('decayed_sum(decayed(v, at, ''30 days''))', 'decayed_sum(decayed)'),
	('rfm(at, amount)', 'rfm(timestamptz, bigint)'),
	('gini(v)', 'gini(float8)'),
	('top_share(v, 0.1)', 'top_share(float8, float8)'),
	('lorenz(v, 7)', 'lorenz(float8, integer)'),
	('herfindahl(v)', 'herfindahl(float8)'),
	('normalised_herfindahl(v)', 'normalised_herfindahl(float8)'),
	('effective_number(v)', 'effective_number(float8)'),
	('absence_factor(v)', 'absence_factor(float8)'),
	('absence_factor(v, 0.8)', 'absence_factor(float8, float8)'),
	('participation_shares(v)', 'participation_shares(float8)'),
	('participation_shares(v, 0.5, 0.9)', 'participation_shares(float8, float8, float8)'),
	('purchase_history(at, amount)', 'purchase_history(timestamptz, bigint)'),
	('purchase_history(at, amount, ''2024-06-01'')', 'purchase_history(timestamptz, bigint, timestamptz)'),
	('purchase_history(at, amount, ''2024-06-01'', ''2025-01-01'', ''Asia/Tokyo'')',
		'purchase_history(timestamptz, bigint, timestamptz, timestamptz, text)'),
	('glicko2_period(1500 + grp, 200, 0.06, 1000 + v / 5, 30 + n % 300, n % 5 / 4.0)',
		'glicko2_period(float8, float8, float8, float8, float8, float8)'),
	('glicko2_period(1500 + grp, 200, 0.06, 1000 + v / 5, 30 + n % 300, n % 5 / 4.0, 0.7)',
		'glicko2_period(float8, float8, float8, float8, float8, float8, float8)');
SELECT aggfnoid AS left_out FROM pg_aggregate JOIN pg_proc AS p ON p.oid = aggfnoid
WHERE pronamespace = 'community'::regnamespace AND aggcombinefn <> 0 AND p.oid NOT IN (SELECT aggregate FROM form);
-- equal but for the last digits of what is added up in another order
CREATE FUNCTION pg_temp.is_near(a text, b text) RETURNS boolean LANGUAGE sql AS $$
	SELECT a = b OR regexp_replace(a, '[0-9.]+(e[-+]?[0-9]+)?', '#', 'g') = regexp_replace(b, '[0-9.]+(e[-+]?[0-9]+)?', '#', 'g')
		AND (SELECT bool_and(abs(x[1]::float8 - y[1]::float8) <= 1e-12 * abs(x[1]::float8))
			FROM ROWS FROM (regexp_matches(a, '[0-9.]+(?:e[-+]?[0-9]+)?', 'g'), regexp_matches(b, '[0-9.]+(?:e[-+]?[0-9]+)?', 'g')) AS f (x, y))
$$;
-- the results of a form, and whether they were made of parts
CREATE FUNCTION pg_temp.results(call text, OUT partial bigint, OUT results text[]) LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	partial := 0;
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) SELECT grp, ' || call || ' FROM parts GROUP BY grp' LOOP
		partial := partial + (line ~ 'Partial (Hash|Group)?Aggregate')::int;
	END LOOP;
	EXECUTE format('SELECT array_agg(r::text ORDER BY grp) FROM (SELECT grp, %s AS r FROM parts GROUP BY grp) AS s', call) INTO results;
END $$;
BEGIN;
SET LOCAL enable_partitionwise_aggregate = off;
CREATE TEMP TABLE whole AS SELECT f.call, r.* FROM form AS f, pg_temp.results(call) AS r;
SET enable_partitionwise_aggregate = on;
CREATE TEMP TABLE combined AS SELECT f.call, r.* FROM form AS f, pg_temp.results(call) AS r;
COMMIT;
SELECT call, w.partial AS parts_alone, c.partial AS parts, cardinality(w.results) AS groups,
	(SELECT count(*) FROM unnest(w.results, c.results) AS u (a, b)
		WHERE a = b OR call ~ '^(decayed|glicko2)' AND pg_temp.is_near(a, b)) AS same,
	(SELECT count(DISTINCT a) > 1 FROM unnest(c.results) AS a) AS vary
FROM whole AS w JOIN combined AS c USING (call) ORDER BY call COLLATE "C";
-- what must not vary within a group must not between its parts
SELECT glicko2_period(1500 + part, 200, 0.06, 1400, 30, 1) FROM parts WHERE grp = 0 GROUP BY grp;
SELECT glicko2_period(1500, 200, 0.06, 1400, 30, 1, part / 10.0) FROM parts WHERE grp = 0 GROUP BY grp;
SELECT top_share(v, part / 10.0) FROM parts WHERE grp = 0 GROUP BY grp;
SELECT decayed_sum(v, at, make_interval(days => part)) FROM parts WHERE grp = 0 GROUP BY grp;
SELECT purchase_history(at, amount, NULL, '2025-01-01'::timestamptz + make_interval(days => part), 'UTC') FROM parts WHERE grp = 0 GROUP BY grp;
DROP TABLE parts;
