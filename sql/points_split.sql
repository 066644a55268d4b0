-- If this failed, shares of an envelope would not add up to what was paid,
-- somebody would get nothing, the first to claim would get more than the last,
-- or a split could not be repeated from its seed when it is disputed.

-- The oracle: SplitMix64 and the three ways to cut, slow and in plain steps.
CREATE FUNCTION pg_temp.u64(x numeric) RETURNS bit(64) LANGUAGE sql IMMUTABLE AS
$$ SELECT (CASE WHEN x >= 9223372036854775808 THEN x - 18446744073709551616 ELSE x END)::bigint::bit(64) $$;
CREATE FUNCTION pg_temp.num(x bit(64)) RETURNS numeric LANGUAGE sql IMMUTABLE AS
$$ SELECT CASE WHEN x::bigint < 0 THEN x::bigint + 18446744073709551616 ELSE x::bigint END $$;
CREATE FUNCTION pg_temp.mix(x numeric) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE z bit(64) := pg_temp.u64(x);
BEGIN
	z := pg_temp.u64(mod(pg_temp.num(z # (z >> 30)) * 13787848793156543929, 18446744073709551616));
	z := pg_temp.u64(mod(pg_temp.num(z # (z >> 27)) * 10723151780598845931, 18446744073709551616));
	RETURN pg_temp.num(z # (z >> 31));
END $$;
-- the n-th number after a seed
CREATE FUNCTION pg_temp.drawn(seed bigint, n int) RETURNS numeric LANGUAGE sql IMMUTABLE AS
$$ SELECT pg_temp.mix(mod(pg_temp.num(seed::bit(64)) + n * 11400714819323198485, 18446744073709551616)) $$;
-- the generator is the published one: its first numbers for seed 1234567
SELECT pg_temp.drawn(1234567, n) FROM generate_series(1, 5) AS n;

CREATE FUNCTION pg_temp.cut(points bigint, shares int, split text, seed bigint) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE
	n int := 0;
	x numeric;
	bound numeric;
	wanted int := shares - 1;
	places bigint := points - 1;
	inverse boolean;
	cuts bigint[] := '{}';
	result bigint[] := '{}';
	rest bigint := points;
BEGIN
	IF split = 'even' THEN
		RETURN array(SELECT points / shares + (i <= points % shares)::int FROM generate_series(1, shares) i);
	ELSIF split = 'double_mean' THEN
		FOR i IN REVERSE shares .. 2 LOOP
			bound := 2 * (rest / i) - 1;
			LOOP
				n := n + 1;
				x := pg_temp.drawn(seed, n);
				EXIT WHEN x >= mod(18446744073709551616, bound);
			END LOOP;
			result := result || (1 + mod(x, bound))::bigint;
			rest := rest - result[cardinality(result)];
		END LOOP;
		RETURN result || rest;
	END IF;
	inverse := wanted > places / 2;
	IF inverse THEN wanted := places - wanted; END IF;
	WHILE cardinality(cuts) < wanted LOOP
		n := n + 1;
		x := pg_temp.drawn(seed, n);
		CONTINUE WHEN x < mod(18446744073709551616, places::numeric);
		x := 1 + mod(x, places::numeric);
		CONTINUE WHEN x = ANY (cuts);
		cuts := cuts || x::bigint;
	END LOOP;
	IF inverse THEN
		cuts := array(SELECT p FROM generate_series(1, places) p WHERE p <> ALL (cuts));
	END IF;
	RETURN array(SELECT c - lag(c, 1, 0::bigint) OVER (ORDER BY c)
		FROM unnest(cuts || points) AS c ORDER BY c);
END $$;

-- golden: they must never change
SELECT community.split_points(1000, 10, 'random', 1);
SELECT community.split_points(1000, 10, 'random', -1);
SELECT community.split_points(12, 10, 'random', 42);
SELECT community.split_points(1000, 10, 'double_mean', 1);
SELECT community.split_points(1000, 7, 'even', 1);
SELECT community.split_points(9223372036854775807, 3, 'random', 7);
SELECT community.split_points(9223372036854775807, 3, 'double_mean', 7);
SELECT community.split_points(9223372036854775807, 3, 'even', 7);
SELECT community.split_points(1, 1, s, 0), community.split_points(5, 5, s, 0)
FROM unnest('{random,even,double_mean}'::text[]) AS s;

-- the same as the oracle, sums exact, nobody without a point
SELECT split, count(*) AS cases,
	count(*) FILTER (WHERE got IS DISTINCT FROM pg_temp.cut(points, shares, split, seed)) AS differ,
	count(*) FILTER (WHERE cardinality(got) <> shares) AS miscounted,
	count(*) FILTER (WHERE (SELECT sum(s) FROM unnest(got) s) <> points) AS inexact,
	count(*) FILTER (WHERE (SELECT min(s) FROM unnest(got) s) < 1) AS without
FROM (SELECT s.split, p.points, k.shares, x AS seed,
		community.split_points(p.points, k.shares, s.split, x) AS got
	FROM unnest('{random,even,double_mean}'::text[]) AS s (split),
		unnest('{1,2,3,10,17,100,1000,123456789}'::bigint[]) AS p (points),
		unnest('{1,2,3,7,10,16,17}'::int[]) AS k (shares),
		unnest('{0,1,-9223372036854775808,987654321}'::bigint[]) AS x
	WHERE k.shares <= p.points) AS t
GROUP BY split ORDER BY split;
SELECT split, (SELECT sum(s) FROM unnest(got) s) AS sum, (SELECT min(s) FROM unnest(got) s) AS min, cardinality(got)
FROM (SELECT split, community.split_points(points, 100000, split, 5) AS got
	FROM unnest('{random,even,double_mean}'::text[]) AS split, unnest('{100000,150000,100000000}'::bigint[]) AS points) AS t;

-- even: no two differ by more than one, the larger first
SELECT count(*) AS wrong FROM (SELECT community.split_points(p, k, 'even', 0) AS got
	FROM generate_series(1, 40) AS p, generate_series(1, 40) AS k WHERE k <= p) AS t
WHERE got[1] - got[cardinality(got)] > 1 OR got <> array(SELECT s FROM unnest(got) s ORDER BY s DESC);

-- random: all ten ways to cut 6 into 3 are as likely.  Chi-square over 10000
-- seeds, 9 degrees of freedom: above 27.88 once in a thousand.
WITH seen AS (SELECT community.split_points(6, 3, 'random', seed) AS way, count(*) AS n
	FROM generate_series(1, 10000) AS seed GROUP BY 1)
SELECT count(*) AS ways, sum(n) AS splits, round(sum((n - 1000.0) ^ 2 / 1000), 3) AS chi_square,
	sum((n - 1000.0) ^ 2 / 1000) < 27.88 AS as_likely
FROM seen;
-- and where it is drawn what is not cut: the five ways to cut 5 into 4 less one
WITH seen AS (SELECT community.split_points(5, 4, 'random', seed) AS way, count(*) AS n
	FROM generate_series(1, 4000) AS seed GROUP BY 1)
SELECT count(*) AS ways, sum(n) AS splits, round(sum((n - 1000.0) ^ 2 / 1000), 3) AS chi_square,
	sum((n - 1000.0) ^ 2 / 1000) < 16.27 AS as_likely
FROM seen;
-- nobody is better off by being first: the exact mean is 100 for each place;
-- a share has variance (k - 1) R (R - k) / (k^2 (k + 1)) = 8100, so the mean
-- of 4000 lies within 100 +- 4.7 in 999 of 1000 cases
SELECT place, round(avg(s), 2) AS mean, abs(avg(s) - 100) < 4.7 AS fair
FROM generate_series(1, 4000) AS seed,
	unnest(community.split_points(1000, 10, 'random', seed)) WITH ORDINALITY AS u (s, place)
GROUP BY place ORDER BY place;
-- the double mean never gives more than twice the mean of what is left, less one
SELECT count(*) AS too_large
FROM generate_series(1, 500) AS seed, community.split_points(1000, 10, 'double_mean', seed) AS got,
	generate_series(1, 9) AS i
WHERE got[i] > 2 * ((1000 - coalesce((SELECT sum(g) FROM unnest(got[:i - 1]) g), 0)::bigint) / (11 - i)) - 1;

-- refused
SELECT community.split_points(10, 0, 'random', 1);
SELECT community.split_points(10, 11, 'random', 1);
SELECT community.split_points(-10, 1, 'even', 1);
SELECT community.split_points(1000000, 100001, 'even', 1);
SELECT community.split_points(10, 2, 'fair', 1);
