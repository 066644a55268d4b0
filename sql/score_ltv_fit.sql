-- If this fails, models are fitted wrongly, or what cannot be fitted is reported
-- as if it were, or a query does more than read.
SET search_path = public, community;
SET client_min_messages = warning;
SELECT create_program('score_ltv_fit') AS id \gset
SET community.program = 'score_ltv_fit';

CREATE TEMP TABLE sim (x bigint, t_x float8, t float8);
-- The likelihood of MBG/NBD in SQL, by the textbook
CREATE FUNCTION pg_temp.rising(z float8, n bigint) RETURNS float8 LANGUAGE sql IMMUTABLE AS
$$ SELECT coalesce(sum(ln(z + i)), 0) FROM generate_series(0, n - 1) AS i $$;
CREATE FUNCTION pg_temp.likelihood(p float8[]) RETURNS float8 LANGUAGE sql AS $$
	WITH g AS MATERIALIZED (SELECT x, pg_temp.rising(p[1], x) + pg_temp.rising(p[4], x + 1) - pg_temp.rising(p[3] + p[4], x + 1) AS c
		FROM (SELECT DISTINCT x FROM sim) AS s)
	SELECT sum(c + p[1] * ln(p[2]) - (p[1] + x) * ln(p[2] + t)
		+ ln(1 + p[3] / (p[4] + x) * ((p[2] + t) / (p[2] + t_x)) ^ (p[1] + x))) FROM sim JOIN g USING (x) $$;

-- Members whose rates and chances are drawn as the model says: r = 2, alpha = 10,
-- a = 1, b = 4 (sums of exponential numbers make gamma and beta ones)
SELECT setseed(0.25);
DO $$
DECLARE
	rate float8; leave float8; at float8; seen float8; n bigint; span float8;
BEGIN
	FOR i IN 1 .. 4000 LOOP
		rate := -(ln(1 - random()) + ln(1 - random())) / 10;
		-- the smallest of 4 uniform numbers is beta with 1 and 4
		leave := least(random(), random(), random(), random());
		span := 20 + i % 40;
		at := 0; seen := 0; n := 0;
		WHILE random() >= leave LOOP
			at := at - ln(1 - random()) / rate;
			EXIT WHEN at > span;
			seen := at; n := n + 1;
		END LOOP;
		INSERT INTO sim VALUES (n, seen, span);
	END LOOP;
END $$;
CREATE TEMP TABLE fit AS SELECT (fit_mbg_nbd('TABLE sim')).*;
SELECT evaluations > iterations AND iterations > 5 AS searched FROM fit;
CREATE TEMP TABLE found AS SELECT ARRAY[(parameters).r, (parameters).alpha, (parameters).a, (parameters).b] AS p FROM fit;
SELECT f.status, f.customers, abs(f.log_likelihood / pg_temp.likelihood(p) - 1) < 1e-12 AS likelihood_is_right,
	f.ratio = p[3] / (p[3] + p[4]) AS ratio_is_right, f.note IS NULL AS no_note FROM fit AS f, found;
-- nothing beside the maximum is more likely
SELECT bool_and(pg_temp.likelihood(up) < here AND pg_temp.likelihood(down) < here) AS maximum
FROM found, generate_series(1, 4) AS i, LATERAL (SELECT pg_temp.likelihood(p) AS here,
	(SELECT array_agg(p[j] * CASE WHEN j = i THEN exp(0.01) ELSE 1 END ORDER BY j) FROM generate_series(1, 4) AS j) AS up,
	(SELECT array_agg(p[j] * CASE WHEN j = i THEN exp(-0.01) ELSE 1 END ORDER BY j) FROM generate_series(1, 4) AS j) AS down) AS s;
-- the truth is within what chance allows: twice the difference is chi-square with 4
SELECT 2 * (log_likelihood - pg_temp.likelihood('{2, 10, 1, 4}')) BETWEEN 0 AND 23.5 AS truth_is_likely FROM fit;

-- Neither the order of the rows nor copies of all change a bit
SELECT f.parameters = g.parameters AS permuted, f.parameters = d.parameters AS doubled, d.customers, d.distinct_rows = f.distinct_rows AS compressed
FROM fit AS f, fit_mbg_nbd('SELECT * FROM sim ORDER BY t_x, x DESC') AS g, fit_mbg_nbd('TABLE sim UNION ALL TABLE sim') AS d;
-- another unit of time scales alpha and beta alone
SELECT m, abs(b.alpha / a.alpha / 7 - 1) < 1e-6 AS alpha, abs(b.r / a.r - 1) < 1e-6 AS r,
	coalesce(abs(b.a / a.a - 1) < 1e-6, abs(b.beta / a.beta / 7 - 1) < 1e-6) AS rest
FROM (VALUES ('mbg', (fit_mbg_nbd('TABLE sim')).parameters, (fit_mbg_nbd('SELECT x, t_x * 7, t * 7 FROM sim')).parameters),
	('bg', (fit_bg_nbd('TABLE sim')).parameters, (fit_bg_nbd('SELECT x, t_x * 7, t * 7 FROM sim')).parameters)) AS v (m, one, seven),
	LATERAL (SELECT (one).*) AS a, LATERAL (SELECT (seven).*) AS b;
-- members without purchases, and of spend those without repeats, tell nothing
SELECT f.parameters = g.parameters AS same, g.customers FROM fit AS f, fit_mbg_nbd('TABLE sim UNION ALL SELECT NULL, NULL, NULL') AS g;
SELECT status, customers FROM fit_gamma_gamma('SELECT x, CASE WHEN x > 0 THEN 10 + t_x END FROM sim WHERE x < 2');

-- What has no maximum is on the boundary, and the ratio is told
SELECT 'all alike' AS data, status, round(ratio::numeric, 6) AS ratio, note LIKE '%r/alpha = 0.125%' AS note
FROM fit_mbg_nbd('SELECT 1 + i % 4, 20, 20 FROM generate_series(1, 2000) AS i')
UNION ALL
SELECT 'rates alike', status, round(ratio::numeric, 2), note LIKE '%r/alpha%'
FROM fit_bg_nbd('SELECT 1 + i % 4, 10 + i % 5, 20 FROM generate_series(1, 2000) AS i')
UNION ALL
SELECT 'spend alike', status, round(ratio::numeric, 2), note LIKE '%mean spend%'
FROM fit_gamma_gamma('SELECT 1 + i % 3, 10 FROM generate_series(1, 2000) AS i');
SELECT status, customers, distinct_rows, parameters, note FROM fit_mbg_nbd('SELECT 0, 0, i FROM generate_series(1, 20) AS i')
UNION ALL
SELECT status, customers, distinct_rows, parameters, note FROM fit_pareto_nbd('SELECT 1, 1, 2 FROM generate_series(1, 20)')
UNION ALL
SELECT status, customers, distinct_rows, parameters, note FROM fit_gamma_gamma('SELECT 1, 1 WHERE false');

-- Bad rows and queries
SELECT fit_mbg_nbd('VALUES (1, 0, 10)');
SELECT fit_mbg_nbd('VALUES (1, 11, 10)');
SELECT fit_mbg_nbd('VALUES (0, 1, 10)');
SELECT fit_mbg_nbd('VALUES (-1, 1, 10)');
SELECT fit_mbg_nbd('VALUES (1.5, 1, 10)');
SELECT fit_mbg_nbd('VALUES (1, ''NaN''::float8, 10)');
SELECT fit_mbg_nbd('VALUES (1, 1, ''Infinity''::float8)');
SELECT fit_mbg_nbd('VALUES (1, NULL::float8, 10)');
SELECT fit_gamma_gamma('VALUES (1, -5)');
SELECT fit_mbg_nbd(NULL);
SELECT fit_mbg_nbd('SELECT 1, 2');
SELECT fit_mbg_nbd('SELECT 1, 2, now()');
SELECT fit_mbg_nbd('SELECT 1, 2, 3; SELECT 1, 2, 3');
SELECT fit_mbg_nbd('DELETE FROM sim RETURNING *');
SELECT fit_mbg_nbd('WITH d AS (DELETE FROM sim RETURNING *) TABLE d');
SELECT fit_mbg_nbd('SELECT * FROM sim FOR UPDATE');
-- it reads with the rights of the caller
CREATE ROLE regress_ltv_reader;
GRANT USAGE ON SCHEMA community TO regress_ltv_reader;
SET ROLE regress_ltv_reader;
SELECT fit_mbg_nbd('SELECT customers, customers, customers FROM community.ltv_fit');
RESET ROLE;
REVOKE USAGE ON SCHEMA community FROM regress_ltv_reader;
DROP ROLE regress_ltv_reader;
-- and can be cancelled
SET statement_timeout = '30ms';
SELECT fit_pareto_nbd('SELECT 1 + i % 50, i * 1e-6, 2 + i * 1e-7 FROM generate_series(1, 300000) AS i');
RESET statement_timeout;

-- Fits are kept, and the newest found
SELECT newest_ltv_fit() IS NULL AS none;
SELECT keep_ltv_fit(ROW(f.*)::ltv_result, '[2024-01-01,2024-02-01)', '2024-02-02') IS NOT NULL AS kept FROM fit AS f;
SELECT keep_ltv_fit(ROW(ltv_parameters('mbg_nbd', '{1, 2, 3, 4}'), -1, 1, 1, 1, 1, 'converged', 0.4, NULL)::ltv_result, NULL, '2024-03-02') IS NOT NULL AS kept;
SELECT newest_ltv_fit() = ltv_parameters('mbg_nbd', '{1, 2, 3, 4}') AS newest, newest_ltv_fit(as_of => '2024-02-10') = parameters AS before,
	newest_ltv_fit('bg_nbd') IS NULL AS other FROM fit;
SELECT model, status, customers, data_during = '[2024-01-01,2024-02-01)' AS data, version = (SELECT extversion FROM pg_extension WHERE extname = 'community') AS version
FROM ltv_fit WHERE program_id = current_program() ORDER BY fitted_at;
SELECT keep_ltv_fit(fit_mbg_nbd('SELECT 1, 1, 2'));
\set VERBOSITY terse
SELECT keep_ltv_fit(ROW(ltv_parameters('mbg_nbd', '{1, 2, 3, 4}'), -1, 1, 1, 1, 1, 'fine', 0.4, NULL)::ltv_result);
\set VERBOSITY default
SELECT newest_ltv_fit('nbd');
SET TimeZone = 'UTC';
SELECT count(*) FROM ltv_validate('SELECT 1, now()', ltv_parameters('mbg_nbd', '{1, 2, 3, 4}'), '2024-02-01', '2024-01-01');
SELECT count(*) FROM ltv_validate('SELECT 1', ltv_parameters('mbg_nbd', '{1, 2, 3, 4}'), '2024-01-01', '2024-02-01');
