-- If this failed, figures would be wrong where input is out of the way: states of
-- aggregates that somebody made up, sums and times without bounds, models that are
-- asked about times before them, lifts of points and of referrals.
SET search_path = public, community;
SET client_min_messages = warning;
SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres';
\set SHOW_CONTEXT never
SELECT create_program('score corners') AS p \gset
SET community.program = 'score corners';

--
-- States that were made up
--
CREATE AGGREGATE made_up_gini(float8) (SFUNC = community.gini_accum, STYPE = bytea, FINALFUNC = community.gini_final, INITCOND = '\x0102');
SELECT made_up_gini(1);
CREATE AGGREGATE made_up_history(timestamptz, bigint) (SFUNC = community.purchase_history_accum, STYPE = bytea,
	FINALFUNC = community.purchase_history_final, INITCOND = '\x01020304050607');
SELECT made_up_history(now(), 1);
CREATE AGGREGATE made_up_top(float8) (SFUNC = community.gini_accum, STYPE = bytea, FINALFUNC = community.top_share_final);
SELECT made_up_top(v) FROM unnest('{1,2}'::float8[]) AS v;
CREATE AGGREGATE made_up_lorenz(float8) (SFUNC = community.gini_accum, STYPE = bytea, FINALFUNC = community.lorenz_final);
SELECT made_up_lorenz(v) FROM unnest('{1,2}'::float8[]) AS v;
CREATE AGGREGATE made_up_shares(float8, integer) (SFUNC = community.lorenz_accum, STYPE = bytea, FINALFUNC = community.participation_final);
SELECT made_up_shares(v, 7) FROM unnest('{1,2}'::float8[]) AS v;
CREATE AGGREGATE made_up_glicko(float8, float8, float8, float8, float8, float8) (SFUNC = community.glicko2_accum, STYPE = float8[],
	FINALFUNC = community.glicko2_final, INITCOND = '{1500,200,0.06,0.5,0}');
SELECT made_up_glicko(1500, 200, 0.06, 1400, 30, 1);
DROP AGGREGATE made_up_gini(float8), made_up_history(timestamptz, bigint), made_up_top(float8), made_up_lorenz(float8), made_up_shares(float8, integer),
	made_up_glicko(float8, float8, float8, float8, float8, float8);

--
-- Decayed values
--
SELECT decayed_typmod_out(0) AS none, decayed_typmod_out(86400);
SELECT decayed_sum(1.7e308, '2024-01-01', '1 day') FROM generate_series(1, 3);
SELECT decayed_sum(decayed(1.7e308, '2024-01-01', '1 day')) FROM generate_series(1, 3);
SELECT score_at(decayed_sum(1.7e308, '2024-01-01', '30 days'), '2023-12-20') FROM generate_series(1, 1);
-- half-lives that are as long, however written
SELECT score_at(decayed_sum(1, '2024-01-01', h), '2024-01-01') FROM unnest('{1 day, 24:00, 2 days -24:00, -1 days +48:00}'::interval[]) AS h;
-- times at the beginning of what there is, and after it has ended
SELECT at, h, falls_below_at(decayed(v, at, h), limits) FROM (VALUES (0.4, '4713-01-01 00:00+00 BC'::timestamptz, '1 day'::interval, 1::float8), (1, '4714-11-24 00:00:00+00 BC', '1 day', 1.5),
	(1.00001, '4714-11-24 00:00:00+00 BC', '1 day', 1), (1e300, '2024-01-01', '12000 days', 1e-300)) AS x (v, at, h, limits);

--
-- Graphs and lifetime value
--
SELECT * FROM pagerank('VALUES (1::bigint, 2::bigint), (2, 3), (3, 1), (1, 3), (3, 4)', max_iterations => 1);
SELECT expected_spend(ltv_parameters('gamma_gamma', '{6, 4, 15}'), -1, 10);
SELECT discounted_purchases(ltv_parameters('pareto_nbd', '{0.5, 10, 0.6, 11}'), 2, 20, 30, 0);
SELECT discounted_purchases(ltv_parameters('pareto_nbd', '{0.5, 10, 0.6, 11}'), 2, 20, 30, 'Infinity');
SELECT purchase_probability(ltv_parameters('pareto_nbd', '{0.5, 10, 0.6, 11}'), 2, 30);
SELECT purchase_probability(ltv_parameters('bg_nbd', '{0.2, 4, 0.8, 2.5}'), -1, 30);
SELECT purchase_probability(ltv_parameters('bg_nbd', '{0.2, 4, 0.8, 2.5}'), 2000000000000, 30);
SELECT p_alive(jsonb_populate_record(NULL::ltv_parameters, '{"r": 1}'), 2, 20, 30);
SELECT purchase_history('2024-01-01'::timestamptz, 1, NULL, '2024-01-09', repeat('x', 300));
SELECT p_alive(ltv_parameters('pareto_nbd', '{0.5, 10, 0.6, 11}'), 2, 30, 30) AS now, p_alive(ltv_parameters('pareto_nbd', '{0.5, 1e300, 0.6, 11}'), 0, 0, 1e-300) AS just;
SELECT * FROM ltv_validate('SELECT 1', ltv_parameters('bg_nbd', '{0.2, 4, 0.8, 2.5}'), '2024-01-01', '2024-02-01', 'UTC', 0);

--
-- Models
--
SELECT count(enroll(m, sponsor => CASE WHEN m > 20 THEN m - 20 END, joined_at => '2023-01-01')) FROM generate_series(1, 60) AS m;
SELECT define_measure('orders', 'count', '{order}') > 0 AS orders, define_measure('points', 'points', currency => 'points') > 0 AS points,
	define_measure('referrals', 'qualified_referrals') > 0 AS referrals;
CREATE FUNCTION corner_answered(program bigint, member bigint, during tstzrange) RETURNS numeric LANGUAGE sql STABLE AS
	$$ SELECT CASE WHEN member % 2 = 0 THEN member END $$;
SELECT define_measure('answer', 'function', function => 'corner_answered') > 0 AS defined;
SELECT define_score_model('m', '[{"kind": "measure", "measure": "orders", "cap": 4, "period": "anniversary year", "minimum_givers": 2}]');
SELECT define_measure('fame', 'engagement') > 0 AS defined;
SELECT define_score_model('m', '[{"kind": "measure", "measure": "fame", "cap": 4, "period": "rolling 30 days"}]');
SELECT define_score_model('m', '[{"kind": "measure", "measure": "answer", "cap": 60}]', top_share => 0.1, dwell => '0', valid_from => '2024-01-01') > 0 AS defined;
CALL refresh_scores('m', '2023-12-31');
CALL refresh_scores('none', '2024-01-02');
CALL refresh_scores('m', '2024-01-02');
SELECT member, score FROM community.score WHERE program_id = :p AND super_user ORDER BY member;
CALL refresh_scores('m', '2024-01-01');
-- the last of them goes, and with it its status; nobody rules about who has gone
SELECT merge_members(60, 1, 'merge') AS merged;
CALL refresh_scores('m', '2024-01-03');
SELECT member_id, upper(during) FROM super_user_tenure WHERE program_id = :p AND superseded_at IS NULL ORDER BY 1;
SELECT close_member(3, 'left') AS closed;
SELECT lock_super_user(3, 'm', reason => 'loyal', key => 'lock 3');
SELECT end_super_user_ruling('no such');
CREATE TABLE score_model (program_id bigint, model_id bigint);
CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON public.score_model FOR EACH ROW EXECUTE FUNCTION community.guard_scores();
INSERT INTO public.score_model VALUES (1, 1);
DROP TABLE public.score_model;

--
-- What a programme brought in points and in referrals, beside events that say the same
--
SELECT define_measure('told points', 'sum', '{told points}') > 0 AS told, define_measure('told referrals', 'count', '{told referral}') > 0 AS told;
INSERT INTO signup_reward (program_id, name, side, currency_id, points, types)
SELECT :p, 'brought', 'sponsor', currency_id, 0, '{first}' FROM currency WHERE program_id = :p;
CREATE TEMP TABLE gift AS SELECT m, 'p' || m || '/' || d AS key, 10 + m * 7 % 11 + CASE WHEN m % 3 = 0 AND d > 6 THEN 5 ELSE 0 END AS points,
	'2024-01-30'::timestamptz + d * interval '5 days' AS at FROM generate_series(4, 59) AS m, generate_series(1, 12) AS d WHERE m * d % 5 <> 1;
SELECT count(accrue(m, points, key, occurred_at => at)) AS given, count(record(m, 'told points', key, points, at)) AS told FROM gift;
SELECT count(reverse(key, 'back', source => 'ledger')) AS given, count(reverse(key, 'back')) AS told FROM gift WHERE key LIKE '%7/9';
SELECT count(record(m, 'first', 'f' || m, 1, '2024-02-10'::timestamptz + m * interval '1 day')) AS first,
	count(record(m - 20, 'told referral', 'f of ' || m, 1, '2024-02-10'::timestamptz + m * interval '1 day')) AS told FROM generate_series(24, 59) AS m WHERE m % 4 <> 0;
SELECT count(*) FROM qualified_referral WHERE program_id = :p;
\set treated '$$SELECT m, ''2024-03-01''::timestamptz FROM generate_series(6, 57, 3) AS m$$'
SELECT treated_members, matched, effect <> 0 AS some, l = program_lift(:treated, 'told points', '20 days', '20 days', 2, as_of => '2024-05-01') AS same
FROM program_lift(:treated, 'points', '20 days', '20 days', 2, as_of => '2024-05-01') AS l;
SELECT treated_members, matched, effect <> 0 AS some, l = program_lift(:treated, 'told referrals', '20 days', '20 days', 2, as_of => '2024-05-01') AS same
FROM program_lift(:treated, 'referrals', '20 days', '20 days', 2, as_of => '2024-05-01') AS l;
-- all are treated, and nobody is left to compare them with
SELECT treated_members, matched, unmatched, effect FROM program_lift($$SELECT m, '2024-03-01'::timestamptz FROM generate_series(4, 59) AS m$$, 'points', '20 days', '20 days', 2, as_of => '2024-05-01');
-- groups that differed before it began
SELECT define_holdout('half', 0.5, 'salt') AS made;
SELECT count(record(m, 'order', 'h' || m || '/' || d, CASE WHEN in_holdout(m, 'half') THEN 10 + m % 3 ELSE 20 + m % 3 END, '2024-05-10'::timestamptz + d * interval '2 days'))
FROM generate_series(4, 59) AS m, generate_series(1, 3) AS d;
SELECT effect, placebo > 20 AS differed, warnings FROM holdout_lift('half', '[2024-06-01,2024-07-01)');

--
-- A model that fails while others are refreshed, and lets go of its lock
--
CREATE FUNCTION corner_failing(program bigint, member bigint, during tstzrange) RETURNS numeric LANGUAGE plpgsql STABLE AS
	$$ BEGIN RAISE 'no answer about member %', member USING ERRCODE = 'P0002'; END $$;
SELECT define_measure('failing', 'function', function => 'corner_failing') > 0 AS defined;
SELECT define_score_model('f', '[{"kind": "measure", "measure": "failing", "cap": 60}]', top_share => 0.1, every => 'calendar day', valid_from => now() - interval '3 days') > 0 AS defined;
CREATE FUNCTION pg_temp.attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN others THEN
	RETURN SQLSTATE || ' ' || regexp_replace(SQLERRM, '\d+', 'N');
END $$;
\set VERBOSITY sqlstate
CALL run_maintenance();
\set VERBOSITY default
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();
SELECT pg_temp.attempt($$CALL community.run_maintenance()$$);
CREATE OR REPLACE FUNCTION corner_failing(program bigint, member bigint, during tstzrange) RETURNS numeric LANGUAGE sql STABLE AS $$ SELECT 0.0 $$;
CALL run_maintenance();
SELECT count(*) > 0 AS refreshed, bool_and(status = 'done') AS done FROM score_refresh JOIN community.score_model AS m USING (program_id, model_id) WHERE program_id = :p AND m.code = 'f';
-- nobody has anything, so nothing is missing to a line that is not there
SELECT contribution, missing_to_full, missing_to_line FROM explain_score(4, 'f');
SELECT * FROM check_installation('full', :p);
