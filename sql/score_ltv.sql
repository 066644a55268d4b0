-- If this fails, what is predicted of a member, how likely it is still there,
-- how much it will buy and be worth, is not what the models of lifetime value
-- say, or bad input is taken for good.
SET search_path = public, community;

-- Golden values, published or checked against the textbook formula
CREATE TEMP TABLE golden (what text, value float8, expected float8, tolerance float8);
CREATE FUNCTION pg_temp.bg() RETURNS ltv_parameters LANGUAGE sql AS
$$ SELECT ltv_parameters('bg_nbd', '{0.243, 4.414, 0.793, 2.426}') $$;
CREATE FUNCTION pg_temp.mbg() RETURNS ltv_parameters LANGUAGE sql AS
$$ SELECT ltv_parameters('mbg_nbd', '{0.525, 6.183, 0.891, 1.614}') $$;
CREATE FUNCTION pg_temp.pareto() RETURNS ltv_parameters LANGUAGE sql AS
$$ SELECT ltv_parameters('pareto_nbd', '{0.55, 10.56, 0.61, 11.64}') $$;
INSERT INTO golden VALUES
	('bg E[Y(39)|2,30.43,38.86]', expected_purchases(pg_temp.bg(), 2, 30.43, 38.86, 39), 1.2260281747, 1e-9),
	('bg E[Y(2)|10,35,39]', expected_purchases(pg_temp.bg(), 10, 35, 39, 2), 0.3915692071, 1e-9),
	('bg P(alive|23,39,39)', p_alive(pg_temp.bg(), 23, 39, 39), 0.9685554542, 1e-9),
	('bg P(alive|1000,10,100)', p_alive(pg_temp.bg(), 1000, 10, 100), 0, 0),
	('bg P(X(2)=10)', purchase_probability(pg_temp.bg(), 10, 2), 1.07869e-07, 1e-12),
	('bg P(X(39)=0)', purchase_probability(pg_temp.bg(), 0, 39), 0.5737864, 1e-7),
	('pareto E[X(1)]', expected_purchases(pg_temp.pareto(), 1), 0.05077821, 1e-8),
	('pareto E[X(9)]', expected_purchases(pg_temp.pareto(), 9), 0.38909211, 1e-8),
	('pareto E[Y(10)|132,200,200]', expected_purchases(
		ltv_parameters('pareto_nbd', '{0.55, 10.58, 0.61, 11.67}'), 132, 200, 200, 10), 6.2060517890, 1e-9),
	('pareto DERT', discounted_purchases(ltv_parameters('pareto_nbd',
		'{0.5629966, 12.559037, 0.4081095, 10.5148048}'), 7, 35, 77.86, 0.0027), 1.864183328, 1e-8),
	('gamma-gamma', expected_spend(ltv_parameters('gamma_gamma', '{6, 4, 16}'), 3, 35), 34.5714285714, 1e-9);
INSERT INTO golden
SELECT 'bg E[X(' || t || ')]', expected_purchases(pg_temp.bg(), t), e, 1e-6
FROM (VALUES (0.1429, 0.007828), (1, 0.053268), (3, 0.150865), (31.8571, 1.041996), (32, 1.045243), (78, 1.860519)) AS v (t, e);
INSERT INTO golden
SELECT 'bg P(alive|' || x || ',30,39)', p_alive(pg_temp.bg(), x, 30, 39), e, 1e-7
FROM unnest(ARRAY[0.7056268, 0.6870911, 0.6638662, 0.6365456, 0.6056145, 0.5715517]) WITH ORDINALITY AS v (e, n), LATERAL (SELECT n + 4 AS x) AS x;
INSERT INTO golden
SELECT 'bg P(X(30)=' || n + 10 || ')', purchase_probability(pg_temp.bg(), n + 10, 30), e, 1e-10
FROM unnest(ARRAY[0.0019995214, 0.0015170236, 0.0011633150, 0.0009003148, 0.0007023638, 0.0005517902, 0.0004361913, 0.0003467171, 0.0002769613, 0.0002222260]) WITH ORDINALITY AS v (e, n);
SELECT count(*), count(*) FILTER (WHERE abs(value - expected) <= tolerance) AS good FROM golden;
SELECT * FROM golden WHERE abs(value - expected) <= tolerance IS NOT TRUE;

-- One rate so much larger than the other that their ratio is nothing: the number
-- of terms must not be infinite, nor the answer another than for a large ratio
SELECT bool_and(abs(p_alive(ltv_parameters('pareto_nbd', ARRAY[1, 2, 0.396, large]), 2, 35, 39) - 1) < 1e-9
	AND abs(p_alive(ltv_parameters('pareto_nbd', ARRAY[1, large, 0.396, 2]), 2, 35, 39) - 0.9601641) < 1e-6) AS like_1e15
FROM unnest('{1e15, 1e16, 1e17, 1e20, 1e300}'::float8[]) AS large;

-- The textbook: expected purchases by a hypergeometric series over (a - 1), and
-- Pareto/NBD by an integral over when the member left, as sums in SQL
CREATE FUNCTION pg_temp.hyper(a float8, b float8, c float8, z float8) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE term float8 := 1; total float8 := 1;
BEGIN
	FOR n IN 0 .. 600 LOOP
		term := term * (a + n) * (b + n) / ((c + n) * (n + 1)) * z;
		total := total + term;
		EXIT WHEN abs(term) < 1e-17 * abs(total);
	END LOOP;
	RETURN total;
END $$;
CREATE FUNCTION pg_temp.textbook(m text, r float8, alpha float8, a float8, b float8,
	x float8, tx float8, t float8, h float8) RETURNS float8 LANGUAGE sql AS $$
	SELECT CASE m WHEN 'bg_nbd' THEN (a + b + x - 1) / (a - 1) * (1 - ((alpha + t) / (alpha + t + h)) ^ (r + x)
			* pg_temp.hyper(r + x, b + x, a + b + x - 1, h / (alpha + t + h)))
			/ (1 + CASE WHEN x > 0 THEN a / (b + x - 1) * ((alpha + t) / (alpha + tx)) ^ (r + x) ELSE 0 END)
		ELSE (a + b + x) / (a - 1) * (1 - ((alpha + t) / (alpha + t + h)) ^ (r + x)
			* pg_temp.hyper(r + x, b + x + 1, a + b + x, h / (alpha + t + h)))
			/ (1 + a / (b + x) * ((alpha + t) / (alpha + tx)) ^ (r + x)) END $$;
CREATE TEMP TABLE history AS
SELECT x, CASE WHEN x = 0 THEN 0 ELSE t * f END AS t_x, t::float8
FROM unnest(ARRAY[0, 1, 2, 7, 40]) AS x, unnest(ARRAY[5, 40]) AS t, unnest(ARRAY[0.3, 0.9, 1]) AS f;
SELECT m, count(*), max(abs(expected_purchases(ltv_parameters(m, p), x, t_x, t, h)
	/ pg_temp.textbook(m, p[1], p[2], p[3], p[4], x, t_x, t, h) - 1)) < 1e-9 AS same
FROM history, unnest(ARRAY[0.5, 20]) AS h, unnest(ARRAY['bg_nbd', 'mbg_nbd']) AS m,
	(VALUES ('{0.243, 4.414, 0.793, 2.426}'::float8[]), ('{2, 3, 1.5, 4}'), ('{0.8, 9, 0.2, 0.7}')) AS v (p)
GROUP BY m ORDER BY m;
SELECT count(*), max(abs(p_alive(ltv_parameters('pareto_nbd', p), x, t_x, t) - 1 / (1 + i))) < 1e-8 AS same
FROM history, (VALUES ('{0.55, 10.56, 0.61, 11.64}'::float8[]), ('{2, 30, 1.5, 4}'), ('{2, 8, 1.5, 8}')) AS v (p),
	LATERAL (SELECT p[3] * (p[2] + t) ^ (p[1] + x) * (p[4] + t) ^ p[3] * sum(w
		* (p[2] + y) ^ (-p[1] - x) * (p[4] + y) ^ (-p[3] - 1)) * (t - t_x) / 6000 AS i
		FROM generate_series(0, 2000) AS n,
		LATERAL (SELECT t_x + (t - t_x) * n / 2000 AS y,
			CASE WHEN n IN (0, 2000) THEN 1 WHEN n % 2 = 1 THEN 4 ELSE 2 END AS w) AS s) AS s;

-- The removable singularities: at 1 and beside it is nearly the same
SELECT m, max(abs(expected_purchases(ltv_parameters(m, ARRAY[0.6, 8, 1, 2.5]), x, t_x, t, 20)
	/ expected_purchases(ltv_parameters(m, ARRAY[0.6, 8, 1 + d, 2.5]), x, t_x, t, 20) - 1)) < 1e-8 AS continuous
FROM history, unnest(ARRAY['bg_nbd', 'mbg_nbd', 'pareto_nbd']) AS m, unnest(ARRAY[1e-9, -1e-9]) AS d
GROUP BY m ORDER BY m;

-- Probabilities are probabilities, more time without a purchase makes it less
-- likely that the member is there, and a longer time brings more purchases
SELECT m, bool_and(alive BETWEEN 0 AND 1) AS probability, bool_and(alive >= later) AS falls,
	bool_and(alive <= recent) AS rises, bool_and(near <= far AND near >= 0) AS grows
FROM unnest(ARRAY['bg_nbd', 'mbg_nbd', 'pareto_nbd']) AS m,
	(VALUES ('{0.5, 8, 0.8, 2.5}'::float8[]), ('{5, 0.001, 1e-5, 1e5}'), ('{1e6, 1e6, 1e6, 1e-3}'), ('{1e-6, 1e4, 3, 1e6}')) AS v (p),
	unnest(ARRAY[0, 1, 2, 30, 2000]) AS x, unnest(ARRAY[0.001, 1, 50, 5000]) AS t, unnest(ARRAY[0.001, 0.5, 0.999]) AS f,
	LATERAL (SELECT ltv_parameters(m, p) AS l, CASE WHEN x = 0 THEN 0 ELSE t * f END AS t_x) AS s,
	LATERAL (SELECT p_alive(l, x, t_x, t) AS alive, p_alive(l, x, t_x, t * 1.5) AS later,
		p_alive(l, x, CASE WHEN x = 0 THEN 0 ELSE t END, t) AS recent,
		CASE WHEN p[2] > 1 THEN expected_purchases(l, x, t_x, t, 3) ELSE 0 END AS near,
		CASE WHEN p[2] > 1 THEN expected_purchases(l, x, t_x, t, 4) ELSE 0 END AS far) AS e
GROUP BY m ORDER BY m;
SELECT m, abs(sum(purchase_probability(l, n, 20)) - 1) < 1e-9 AS sums_to_one,
	abs(sum(n * purchase_probability(l, n, 20)) / max(expected_purchases(l, 20)) - 1) < 1e-6 AS mean_is_expected
FROM (VALUES ('bg_nbd', pg_temp.bg()), ('mbg_nbd', pg_temp.mbg())) AS v (m, l), generate_series(0, 3000) AS n
GROUP BY m ORDER BY m;

-- Nobody expects anything at once; a new member is one with an empty history
SELECT expected_purchases(pg_temp.mbg(), 2, 3, 4, 0) AS none, p_alive(pg_temp.bg(), 0, 0, 50) AS bg_certain,
	p_alive(pg_temp.mbg(), 0, 0, 50) < 0.5 AS mbg_doubts, p_alive(pg_temp.pareto(), 3, 7, 7) AS just_seen;
-- Lifetime value is the sum over periods, as in the definition
SELECT abs(lifetime_value(pg_temp.bg(), g, 2, 30.43, 38.86, 22.35, 12, 4.345, 0.01)
	/ (SELECT sum(expected_spend(g, 2, 22.35) * (expected_purchases(pg_temp.bg(), 2, 30.43, 38.86, i * 4.345)
		- CASE WHEN i = 1 THEN 0 ELSE expected_purchases(pg_temp.bg(), 2, 30.43, 38.86, (i - 1) * 4.345) END)
		/ 1.01 ^ i) FROM generate_series(1, 12) AS i) - 1) < 1e-12 AS same
FROM (SELECT ltv_parameters('gamma_gamma', '{6.25, 3.74, 15.44}') AS g) AS s;
-- without repeats the mean is not needed; without a finite mean there is none
SELECT round(expected_spend(ltv_parameters('gamma_gamma', '{6.25, 3.74, 15.44}'), 0, NULL)::numeric, 4) AS population,
	expected_spend(ltv_parameters('gamma_gamma', '{6, 1, 15}'), 0, NULL) AS infinite,
	p_alive(pg_temp.bg(), NULL, 1, 2) AS unknown;

-- Bad input
SELECT p_alive(pg_temp.bg(), 1, 0, 10);
SELECT p_alive(pg_temp.bg(), 1, 11, 10);
SELECT p_alive(pg_temp.bg(), 0, 1, 10);
SELECT p_alive(pg_temp.bg(), -1, 1, 10);
SELECT p_alive(pg_temp.bg(), 1, 'NaN', 10);
SELECT p_alive(pg_temp.bg(), 1, 1, 'Infinity');
SELECT expected_purchases(pg_temp.bg(), 1, 1, 2, -1);
SELECT expected_purchases(pg_temp.bg(), 1, 1, 2, 1e12);
SELECT p_alive(ltv_parameters('gamma_gamma', '{6, 4, 16}'), 1, 1, 2);
SELECT expected_spend(pg_temp.bg(), 1, 1);
SELECT expected_spend(ltv_parameters('gamma_gamma', '{6, 4, 16}'), 1, NULL);
SELECT expected_spend(ltv_parameters('gamma_gamma', '{6, 4, 16}'), 1, -5);
SELECT ltv_parameters('bg', '{1, 2, 3, 4}');
SELECT ltv_parameters('bg_nbd', '{1, 2, 3}');
SELECT ltv_parameters('bg_nbd', '{1, 2, 3, 0}');
SELECT ltv_parameters('bg_nbd', '{1, 2, 3, NaN}');
SELECT p_alive(ROW('bg_nbd', 1, 2, NULL, 4, NULL, NULL, NULL, NULL, NULL)::ltv_parameters, 1, 1, 2);
SELECT discounted_purchases(pg_temp.bg(), 1, 1, 2, 0.1);
SELECT lifetime_value(pg_temp.bg(), ltv_parameters('gamma_gamma', '{6, 0.5, 15}'), 0, 0, 2, NULL);
SELECT lifetime_value(pg_temp.bg(), ltv_parameters('gamma_gamma', '{6, 4, 15}'), 0, 0, 2, NULL, 0);
