-- If this fails, a refresh does not come in batches, cannot be resumed, shows
-- what it has not finished, edits what it has, is run late with another result
-- than in time, or chokes on populations and amounts that are out of the way.
SET search_path = public, community;
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, YMD';

-- populations out of the way: none, one, all equal
SELECT create_program('edges') > 0 AS created;
SET community.program = 'edges';
-- of this program alone
CREATE TEMP VIEW score AS SELECT * FROM community.score WHERE program_id = current_program();
CREATE TEMP VIEW score_model AS SELECT * FROM community.score_model WHERE program_id = current_program();
CREATE TEMP VIEW score_refresh AS SELECT * FROM community.score_refresh WHERE program_id = current_program();
CREATE TEMP VIEW super_user_tenure AS SELECT * FROM community.super_user_tenure WHERE program_id = current_program();
CREATE TEMP VIEW job AS SELECT * FROM community.job WHERE program_id = current_program();
SELECT define_score_model('edge', '[{"kind": "contribution", "types": ["x"], "cap": 4, "weight": 8},
	{"code": "place", "kind": "contribution", "method": "amount", "transform": "percentile", "weight": 2}]', top_share => 0.5, dwell => '0') > 0 AS defined;
CALL refresh_scores('edge', '2024-01-02');
SELECT members, totals, line, status FROM score_refresh;
SELECT count(*) FROM score;
SELECT enroll(1, joined_at => '2024-01-01'), enroll(2, joined_at => '2024-02-01');
SELECT count(record(1, 'x', 'k', 5, '2024-01-01')) AS recorded;
CALL refresh_scores('edge', '2024-01-03');
SELECT member, score, rank, percentile, super_user, parts FROM score;
SELECT count(record(2, 'x', 'k2', 5, '2024-02-01')) AS recorded;
CALL refresh_scores('edge', '2024-02-03');
SELECT member, score, rank, percentile, super_user, parts FROM score ORDER BY member;
-- negative amounts count as nothing, in their place below 0
SELECT count(record(2, 'x', 'k3', -500, '2024-02-04')) AS recorded;
CALL refresh_scores('edge', '2024-02-05');
SELECT component, raw, normalised FROM explain_score(2, 'edge');
SELECT component, raw, normalised FROM explain_score(1, 'edge');
-- amounts that are none
CREATE TABLE answer (value numeric);
INSERT INTO answer VALUES (NULL);
CREATE FUNCTION answered(program bigint, member bigint, during tstzrange) RETURNS numeric LANGUAGE sql STABLE AS
	$$ SELECT value FROM public.answer WHERE answered.member = 2 $$;
SELECT define_measure('answer', 'function', function => 'answered') > 0 AS defined;
SELECT define_score_model('answers', '[{"kind": "measure", "measure": "answer", "transform": "log", "cap": 4}]') > 0 AS defined;
CALL refresh_scores('answers', '2024-02-05');
SELECT member, score, super_user, lost_at FROM score WHERE model = 'answers' ORDER BY member;
UPDATE answer SET value = 'NaN';
CALL refresh_scores('answers', '2024-02-06');
UPDATE answer SET value = '-Infinity';
CALL refresh_scores('answers', '2024-02-06');
UPDATE answer SET value = 1e300;
CALL refresh_scores('answers', '2024-02-06');
SELECT member, score FROM score WHERE model = 'answers' ORDER BY member;
-- times and names that are none
CALL refresh_scores('answers', 'infinity');
CALL refresh_scores('answers', '2124-01-01');
CALL refresh_scores('answers', NULL);
CALL refresh_scores('nothing');
CALL refresh_scores('answers', '2024-02-07', 999999999);
SELECT define_score_model('unfitted', '[{"kind": "lifetime_value", "cap": 4}]') > 0 AS defined;
CALL refresh_scores('unfitted', '2024-02-07');

-- what was computed with is not edited; what was not may be
CREATE FUNCTION pg_temp.told(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || regexp_replace(SQLERRM, 'row \d+', 'row N');
END $$;
SELECT pg_temp.told(s) FROM unnest(ARRAY[
	$$UPDATE score_component SET weight = 9 WHERE code = 'place'$$,
	$$DELETE FROM score_component WHERE code = 'place'$$,
	$$UPDATE score_model_version SET keep = 0.5 WHERE version_id = (SELECT version_id FROM score_component WHERE code = 'place')$$,
	$$UPDATE score_model_version SET valid = '(,2024-02-04)' WHERE version_id = (SELECT version_id FROM score_component WHERE code = 'place')$$,
	$$DELETE FROM score_model_version WHERE version_id = (SELECT version_id FROM score_component WHERE code = 'place')$$,
	$$UPDATE score_refresh SET line = 7 WHERE as_of = '2024-02-05' AND line > 0$$,
	$$DELETE FROM score_refresh WHERE as_of = '2024-02-05'$$,
	$$UPDATE super_user_tenure SET reason = 'fallen'$$,
	$$DELETE FROM super_user_tenure$$,
	$$TRUNCATE community.score_refresh$$,
	$$UPDATE measure SET kind = 'engagement', function = NULL WHERE name = 'answer' AND program_id = current_program()$$]) AS s;
UPDATE score_component SET cap = 5 WHERE kind = 'lifetime_value' AND program_id = current_program();
-- versions follow each other; changed from a time that was computed on is refused
SELECT define_score_model('edge', '[{"kind": "contribution", "types": ["x"], "cap": 4, "weight": 6},
	{"code": "new", "kind": "referrals", "cap": 1, "weight": 1}]', top_share => 0.5, valid_from => '2024-02-05');
SELECT define_score_model('edge', '[{"kind": "contribution", "types": ["x"], "cap": 4, "weight": 6},
	{"code": "new", "kind": "referrals", "cap": 1, "weight": 1}]', top_share => 0.5, valid_from => '2024-03-01') > 0 AS defined;
SELECT define_score_model('edge', '[{"kind": "contribution", "types": ["x"], "cap": 2, "weight": 6},
	{"code": "new", "kind": "referrals", "cap": 1, "weight": 1}]', top_share => 0.5, valid_from => '2024-02-20') > 0 AS defined;
SELECT version, valid, top_share FROM score_model_version JOIN score_model USING (program_id, model_id) WHERE code = 'edge' ORDER BY version;
CALL refresh_scores('edge', '2024-02-10');
CALL refresh_scores('edge', '2024-02-25');
SELECT member, version, score, parts FROM score WHERE model = 'edge' ORDER BY member;
SELECT * FROM compare_scores('edge', '2024-02-10') ORDER BY member, component;
SELECT component, contribution, change FROM explain_score(1, 'edge');
SELECT component, contribution, version FROM explain_score(1, 'edge', '2024-02-12');
SELECT pg_temp.told($$SELECT * FROM compare_scores('nothing', '2024-02-10')$$) ~ 'score model "nothing" of program \d+ does not exist' AS told;

-- many members, in batches that commit
SELECT create_program('many', half_life => '20 days') > 0 AS created;
SET community.program = 'many';
SELECT count(enroll(m, joined_at => '2024-01-01')) FROM generate_series(1, 12000) AS m;
INSERT INTO inbox (member_id, type, key, amount, occurred_at, target_id)
SELECT 1 + (n * 7919) % 12000, CASE n % 3 WHEN 0 THEN 'order' WHEN 1 THEN 'thanks' ELSE 'post' END, 'e' || n, (n * 31) % 9973,
	'2024-01-10'::timestamptz + (n * 101) % 4000 * interval '10 minutes', CASE WHEN n % 3 = 1 THEN 1 + (n * 131) % 12000 END
FROM generate_series(1, 40000) AS n;
CALL process_inbox();
VACUUM ANALYZE event, engagement, member;
SELECT define_score_model('six', '[
	{"code": "engaged", "kind": "engagement", "cap": 4, "weight": 30},
	{"code": "spent", "kind": "contribution", "types": ["order"], "method": "amount", "transform": "log", "cap": 40000, "weight": 25},
	{"code": "posts", "kind": "contribution", "types": ["post"], "transform": "percentile", "weight": 15},
	{"code": "thanked", "kind": "contribution", "types": ["thanks"], "side": "received", "cap": 3, "weight": 12, "minimum_givers": 2},
	{"code": "rfm", "kind": "rfm", "cap": 15, "weight": 10},
	{"code": "reach", "kind": "pagerank", "transform": "log", "cap": 5, "weight": 8}]', top_share => 0.05, every => 'calendar day') > 0 AS defined;
-- the second batch fails: nothing is shown, and the first one is there
ALTER TABLE member_score ADD CONSTRAINT obstacle CHECK (member_id <> 11000) NOT VALID;
\set VERBOSITY sqlstate
CALL refresh_scores('six', '2024-02-10');
\set VERBOSITY default
SELECT name, object, status, done, total FROM job WHERE name = 'refresh_scores' AND status <> 'done';
SELECT r.status, count(*) AS rows FROM score_refresh AS r JOIN member_score AS s USING (program_id, refresh_id) WHERE r.program_id = current_program() GROUP BY r.status;
SELECT count(*) FROM score WHERE model = 'six';
SELECT refresh_id AS interrupted FROM score_refresh WHERE program_id = current_program() \gset
CREATE TEMP TABLE first_batch AS SELECT member_id, xmin::text AS transaction FROM member_score WHERE refresh_id = :interrupted;
-- it goes on where it was
ALTER TABLE member_score DROP CONSTRAINT obstacle;
SET client_min_messages = notice;
CALL refresh_scores('six', '2024-02-10');
SET client_min_messages = warning;
SELECT name, object, status, done, total, percent FROM job WHERE name = 'refresh_scores' AND object = 'six';
SELECT refresh_id = :interrupted AS resumed, status, members FROM score_refresh WHERE program_id = current_program();
SELECT count(*) AS kept FROM first_batch JOIN member_score AS s USING (member_id) WHERE s.refresh_id = :interrupted AND s.xmin::text = transaction;
SELECT count(*) AS members, count(*) FILTER (WHERE super_user) BETWEEN 600 AND 620 AS a_twentieth, min(rank), max(score) < 100 AS below_the_top FROM score WHERE model = 'six';
-- explanations sum to the score
VACUUM ANALYZE member_score, community.score_refresh, community.super_user_tenure;
SELECT count(*) AS members, count(*) FILTER (WHERE s.score <> x.sum) AS differ, count(DISTINCT s.score) > 2000 AS spread
FROM score AS s, LATERAL (SELECT sum(contribution) FROM explain_score(s.member, 'six')) AS x WHERE s.model = 'six' AND s.member <= 3000;
-- interrupted again, and something has happened since: it begins anew
ALTER TABLE member_score ADD CONSTRAINT obstacle CHECK (member_id <> 11000) NOT VALID;
\set VERBOSITY sqlstate
CALL refresh_scores('six', '2024-02-11');
\set VERBOSITY default
ALTER TABLE member_score DROP CONSTRAINT obstacle;
SELECT count(record(2, 'order', 'since', 100000, '2024-02-10 12:00')) AS recorded;
SELECT refresh_id AS interrupted FROM score_refresh WHERE program_id = current_program() AND status = 'running' \gset
CALL refresh_scores('six', '2024-02-11');
SELECT refresh_id = :interrupted AS resumed, status, members, as_of FROM score_refresh WHERE program_id = current_program() ORDER BY as_of;
SELECT count(*) FROM member_score WHERE refresh_id = :interrupted;
SELECT raw FROM explain_score(2, 'six') WHERE component = 'spent';

-- maintenance computes the days it has missed, one after the other, as it would have in time
SELECT define_score_model('twin', (SELECT jsonb_agg(jsonb_strip_nulls(to_jsonb(c) - '{program_id,version_id,position,measure_id}'::text[]
		- CASE WHEN c.kind IN ('engagement', 'rfm') THEN 'period' ELSE '' END)) FROM score_component AS c
	JOIN score_model_version AS v USING (program_id, version_id) JOIN score_model AS m USING (program_id, model_id) WHERE m.code = 'six' AND c.program_id = current_program()),
	top_share => 0.05, every => 'calendar day') > 0 AS defined;
CALL refresh_scores('twin', '2024-02-10');
CALL refresh_scores('twin', '2024-02-11');
CALL refresh_scores('twin', '2024-02-12');
CALL refresh_scores('twin', '2024-02-13');
CALL run_maintenance('2024-02-13 17:00');
CALL run_maintenance('2024-02-13 23:59');
SELECT m.code, r.as_of, r.status FROM score_refresh AS r JOIN score_model AS m USING (program_id, model_id)
WHERE r.program_id = current_program() AND r.superseded_at IS NULL AND r.as_of > '2024-02-10' ORDER BY m.code, r.as_of;
SELECT count(*) AS members, count(*) FILTER (WHERE (a.score, a.rank, a.super_user, a.since, a.parts) IS DISTINCT FROM (b.score, b.rank, b.super_user, b.since, b.parts)) AS differ
FROM (SELECT * FROM score WHERE model = 'six') AS a FULL JOIN (SELECT * FROM score WHERE model = 'twin') AS b USING (member);

-- a model that is not in force yet is not due, nor before its first period has begun
SELECT define_score_model('future', '[{"kind": "engagement", "cap": 1}]', every => 'calendar day', valid_from => '2124-01-01') > 0 AS defined,
	define_score_model('noon', '[{"kind": "engagement", "cap": 1}]', every => 'calendar day', valid_from => '2024-02-13 12:00') > 0 AS defined;
CALL run_maintenance('2024-02-13 23:59');
CALL run_maintenance('2024-02-14 01:00');
SELECT m.code, r.as_of FROM score_refresh AS r JOIN score_model AS m USING (program_id, model_id) WHERE m.code IN ('future', 'noon');

-- faults are found
SELECT rule, object, detail FROM check_installation('full', current_program());
BEGIN;
UPDATE member_score SET score = score + 1 WHERE member_id = 5 AND refresh_id = (SELECT max(refresh_id) FROM score_refresh);
DELETE FROM member_score WHERE member_id = 6 AND refresh_id = (SELECT max(refresh_id) FROM score_refresh);
-- (all rows of an old refresh may go)
DELETE FROM member_score WHERE refresh_id = (SELECT min(refresh_id) FROM score_refresh);
SELECT rule, member_id, detail ~ 'parts sum to|11999 members have a score' AS detail FROM check_installation('full', current_program()) ORDER BY rule;
ROLLBACK;
DROP FUNCTION answered;
DROP TABLE answer;
