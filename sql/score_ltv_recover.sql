-- Members who are drawn as a model says.  If this fails, a fit does not find what the
-- data were made by, beyond what chance allows: twice the difference of the
-- log-likelihoods of what is found and of the truth is chi-square with as many degrees
-- of freedom as parameters, and above these bounds once in 10,000 times.  MBG/NBD is in
-- score_ltv_fit.
SET search_path = public, community;
SET client_min_messages = warning;
SELECT create_program('score_ltv_recover') AS id \gset
SET community.program = 'score_ltv_recover';

CREATE FUNCTION pg_temp.rising(z float8, n bigint) RETURNS float8 LANGUAGE sql IMMUTABLE AS
$$ SELECT coalesce(sum(ln(z + i)), 0) FROM generate_series(0, n - 1) AS i $$;
-- a gamma number of whole shape is a sum of exponential ones
CREATE FUNCTION pg_temp.gamma(shape int, rate float8) RETURNS float8 LANGUAGE sql VOLATILE AS
$$ SELECT -sum(ln(1 - random())) / rate FROM generate_series(1, shape) $$;
CREATE TEMP TABLE sim (model text, x bigint, t_x float8, t float8);

-- BG/NBD with r = 2, alpha = 10, a = 1, b = 4: who buys may leave right afterwards.
-- Pareto/NBD with r = 2, alpha = 10, s = 1, beta = 10: who lives, buys.
SELECT setseed(0.75);
DO $$
DECLARE
	rate float8; leave float8; dies float8; at float8; seen float8; n bigint; span float8; kind text;
BEGIN
	FOREACH kind IN ARRAY '{bg,pareto}'::text[] LOOP
		FOR i IN 1 .. 4000 LOOP
			rate := pg_temp.gamma(2, 10);
			leave := CASE kind WHEN 'bg' THEN least(random(), random(), random(), random()) ELSE 0 END;
			dies := CASE kind WHEN 'bg' THEN 'Infinity' ELSE pg_temp.gamma(1, pg_temp.gamma(1, 10)) END;
			span := 20 + i % 40;
			at := 0; seen := 0; n := 0;
			LOOP
				at := at - ln(1 - random()) / rate;
				EXIT WHEN at > least(span, dies);
				seen := at; n := n + 1;
				EXIT WHEN random() < leave;
			END LOOP;
			INSERT INTO sim VALUES (kind, n, seen, span);
		END LOOP;
	END LOOP;
END $$;
SELECT f.status, f.customers, 2 * (f.log_likelihood - (SELECT sum(pg_temp.rising(2, x) + 2 * ln(10)
		+ pg_temp.rising(4, x) - pg_temp.rising(5, x) - (2 + x) * ln(10 + t)
		+ CASE WHEN x > 0 THEN ln(1 + 1.0 / (4 + x - 1) * ((10 + t) / (10 + t_x)) ^ (2 + x)) ELSE 0 END)
	FROM sim WHERE model = 'bg')) BETWEEN 0 AND 23.5 AS truth_is_likely
FROM fit_bg_nbd($$SELECT x, t_x, t FROM sim WHERE model = 'bg'$$) AS f;
SELECT f.status, f.customers, 2 * (f.log_likelihood - (SELECT sum(pg_temp.rising(2, x) + 3 * ln(10)
		+ ln((10 + t) ^ -(3.0 + x) + 1.0 / (3 + x) * ((10 + t_x) ^ -(3.0 + x) - (10 + t) ^ -(3.0 + x))))
	FROM sim WHERE model = 'pareto')) BETWEEN 0 AND 23.5 AS truth_is_likely
FROM fit_pareto_nbd($$SELECT x, t_x, t FROM sim WHERE model = 'pareto'$$) AS f;
-- each model is told from the other by its own data
SELECT (fit_bg_nbd($$SELECT x, t_x, t FROM sim WHERE model = 'pareto'$$)).log_likelihood
	< (fit_pareto_nbd($$SELECT x, t_x, t FROM sim WHERE model = 'pareto'$$)).log_likelihood AS pareto_is_told;

-- Gamma-Gamma with p = 3, q = 4, gamma = 15: x amounts of one customer, whose mean is seen
CREATE TEMP TABLE spend AS
SELECT x, (SELECT avg(pg_temp.gamma(3, nu + 0 * k)) FROM generate_series(1, x) AS k) AS mean
FROM (SELECT 1 + i % 5 AS x, pg_temp.gamma(4, 15) AS nu FROM generate_series(1, 4000) AS i OFFSET 0) AS s;
SELECT f.status, f.customers, 2 * (f.log_likelihood - (SELECT sum(pg_temp.rising(3 * x, 4) - ln(6.0)
		+ 4 * ln(15) + (3 * x - 1) * ln(mean) + 3 * x * ln(x) - (3 * x + 4) * ln(15 + x * mean))
	FROM spend)) BETWEEN 0 AND 21.1 AS truth_is_likely
FROM fit_gamma_gamma('TABLE spend') AS f;
