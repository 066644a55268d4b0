-- If this fails, a model of a composite score is not taken as it was meant, a
-- score is not the sum of its parts, or an explanation tells something else.
SET search_path = public, community;
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, YMD';

SELECT create_program('score model') > 0 AS created;
SET community.program = 'score model';
-- of this program alone
CREATE TEMP VIEW score AS SELECT * FROM community.score WHERE program_id = current_program();
CREATE TEMP VIEW score_model AS SELECT * FROM community.score_model WHERE program_id = current_program();
CREATE TEMP VIEW score_refresh AS SELECT * FROM community.score_refresh WHERE program_id = current_program();
CREATE TEMP VIEW super_user_tenure AS SELECT * FROM community.super_user_tenure WHERE program_id = current_program();
CREATE TEMP VIEW job AS SELECT * FROM community.job WHERE program_id = current_program();
-- six members: 1 to 4 buy, 1 and 5 are thanked, 6 does nothing
SELECT count(enroll(m, joined_at => '2024-01-01')) FROM generate_series(1, 6) AS m;
SELECT count(record(m, 'order', 'o' || m || '/' || n, m * 1000, '2024-02-01'::timestamptz + n * interval '1 day'))
FROM generate_series(1, 4) AS m, generate_series(1, m) AS n;
SELECT count(record(m, 'thanks', 't' || m || '/' || g || '/' || n, 0, '2024-02-10'::timestamptz + n * interval '1 hour', target => g))
FROM (VALUES (2, 1, 3), (3, 1, 2), (2, 5, 4), (4, 4, 5)) AS v (m, g, times), generate_series(1, times) AS n;
SELECT define_measure('spent', 'sum', ARRAY['order']) > 0 AS defined;

-- what is no model: the message names component, value and limit
\set VERBOSITY terse
SELECT define_score_model('bad', '{}');
SELECT define_score_model('bad', '[]');
SELECT define_score_model('bad', '[1]');
SELECT define_score_model('bad', '[{}]');
SELECT define_score_model('bad', '[{"kind": "magic", "cap": 1}]');
SELECT define_score_model('bad', '[{"kind": "engagement", "cap": 1, "colour": 3}]');
SELECT define_score_model('bad', '[{"kind": "engagement"}]');
SELECT define_score_model('bad', '[{"kind": "engagement", "cap": 0}]');
SELECT define_score_model('bad', '[{"kind": "engagement", "cap": "ten"}]');
SELECT define_score_model('bad', '[{"kind": "engagement", "cap": 1, "transform": "square"}]');
SELECT define_score_model('bad', '[{"kind": "engagement", "cap": 1, "transform": "percentile"}]');
SELECT define_score_model('bad', '[{"kind": "engagement", "cap": 1, "weight": 0}]');
SELECT define_score_model('bad', '[{"kind": "engagement", "cap": 1, "weight": 100001}]');
SELECT define_score_model('bad', '[{"kind": "engagement", "cap": 1, "weight": 0.0000001}]');
SELECT define_score_model('bad', '[{"kind": "engagement", "cap": 1, "minimum_givers": -1}]');
SELECT define_score_model('bad', '[{"kind": "engagement", "cap": 1, "period": "calendar year"}]');
SELECT define_score_model('bad', '[{"kind": "measure", "cap": 1}]');
SELECT define_score_model('bad', '[{"kind": "measure", "measure": "nothing", "cap": 1}]');
SELECT define_score_model('bad', '[{"kind": "contribution", "cap": 1, "period": "sometimes"}]');
SELECT define_score_model('bad', '[{"kind": "contribution", "cap": 1, "period": "anniversary year"}]');
SELECT define_score_model('bad', '[{"kind": "contribution", "cap": 1, "types": []}]');
SELECT define_score_model('bad', '[{"kind": "contribution", "cap": 1, "types": [1]}]');
SELECT define_score_model('bad', '[{"kind": "contribution", "cap": 1, "side": "both"}]');
SELECT define_score_model('bad', '[{"kind": "esteem", "cap": 1}]');
SELECT define_score_model('bad', '[{"kind": "esteem", "cap": 1, "types": ["up"], "method": "mean", "against": ["down"]}]');
SELECT define_score_model('bad', '[{"kind": "lifetime_value", "cap": 1, "horizon": 0}]');
SELECT define_score_model('bad', '[{"kind": "rfm", "cap": 15}, {"kind": "rfm", "cap": 15}]');
SELECT define_score_model('bad', '[{"kind": "rfm", "cap": 15}]', line => 0);
SELECT define_score_model('bad', '[{"kind": "rfm", "cap": 15}]', top_share => 1.5);
SELECT define_score_model('bad', '[{"kind": "rfm", "cap": 15}]', line => 1, top_share => 0.1);
SELECT define_score_model('bad', '[{"kind": "rfm", "cap": 15}]', line => 1, keep => 1.1);
SELECT define_score_model('bad', '[{"kind": "rfm", "cap": 15}]', line => 1, dwell => '-1 day');
SELECT define_score_model('bad', '[{"kind": "rfm", "cap": 15}]', every => 'rolling 1 day');
SELECT define_score_model('bad', '[{"kind": "rfm", "cap": 15}]', valid_from => 'infinity');
SELECT define_score_model(NULL, '[{"kind": "rfm", "cap": 15}]');
\set VERBOSITY default
SELECT count(*) AS models FROM score_model;

-- a model of three components; the same again is the same version
SELECT define_score_model('shop', $$[
	{"code": "spent", "kind": "measure", "measure": "spent", "transform": "log", "cap": 16000, "weight": 50},
	{"code": "thanked", "kind": "contribution", "types": ["thanks"], "side": "received", "cap": 4, "weight": 30},
	{"code": "busy", "kind": "contribution", "transform": "percentile", "weight": 20}]$$,
	line => 45) AS version \gset
SELECT define_score_model('shop', $$[
	{"kind": "measure", "code": "spent", "measure": "spent", "transform": "log", "cap": 16000.0, "weight": 50.00},
	{"code": "thanked", "kind": "contribution", "types": ["thanks", "thanks"], "side": "received", "cap": 4, "weight": 30},
	{"code": "busy", "kind": "contribution", "method": "count", "transform": "percentile", "weight": 20}]$$,
	line => 45) = :version AS same;
SELECT code, name, main FROM score_model;
CALL refresh_scores('shop', '2024-03-01');
SELECT member, score, rank, percentile, super_user, since, lost_at, lost_exact, parts FROM score ORDER BY rank, member;
SELECT component, raw, normalised, weight, contribution, change, missing_to_full, missing_to_line,
	raises_most, moves_alone, shapley
FROM explain_score(1, 'shop');
SELECT * FROM explain_score(6, 'shop', '2024-02-01');
SELECT * FROM explain_score(7, 'shop');
SELECT * FROM explain_score(6, 'nothing');
SELECT rule, object, detail FROM check_installation('full', current_program());
