-- If this fails, members become super-users, stay or cease to be ones at other
-- scores or times than the laws say, or nobody can tell when that was.
SET search_path = public, community;
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, YMD';

-- golden: requirements 50, 10, 30, 20, 7, 5 are kept at 0.9 of them; the low
-- water is the last whole amount that is lost or the edge itself
SELECT n, floor(0.9 * n) AS low_water, max(x) FILTER (WHERE NOT super_user_status(true, x, n)) AS lost_at,
	min(x) FILTER (WHERE super_user_status(true, x, n)) AS kept_at, min(x) FILTER (WHERE super_user_status(false, x, n)) AS in_at
FROM unnest(ARRAY[50, 10, 30, 20, 7, 5]) AS n, generate_series(1, 60) AS x GROUP BY n ORDER BY n DESC;
SELECT super_user_status(true, 44.999999, 50) AS below, super_user_status(true, 45, 50) AS kept, super_user_status(false, 49.999999, 50) AS out,
	super_user_status(false, 50, 50) AS "in", super_user_status(true, 1, 50, dwells => true) AS dwells,
	super_user_status(true, 1, 50, locked => true) AS locked, super_user_status(false, 99, 50, locked => true) AS locked_out,
	super_user_status(true, 99, 50, dwells => true, locked => true, vetoed => true) AS vetoed,
	super_user_status(false, 0, 0) AS no_line, super_user_status(NULL, 1, 1) IS NULL AS strict;
SELECT super_user_status(true, 'NaN', 50);
SELECT super_user_status(true, 1, 10000001);
SELECT super_user_status(true, 1, 50, 1.5);
SELECT super_user_status(true, 1, 50, -0.5);
SELECT normalise_score(5, 'linear', 10), normalise_score(5, 'capped', 4), normalise_score(-5, 'linear', 10), normalise_score(9, 'log', 99),
	normalise_score(1e300, 'log', 1e-300) AS full, normalise_score(0.000001, 'linear', 3) AS least, normalise_score(NULL, 'log', 1) IS NULL AS strict;
SELECT normalise_score(5, 'percentile', 10);
SELECT normalise_score(5, 'log', 0);
SELECT normalise_score('NaN', 'log', 1);

SELECT create_program('statuses', half_life => '10 days') > 0 AS created;
SET community.program = 'statuses';
-- of this program alone
CREATE TEMP VIEW score AS SELECT * FROM community.score WHERE program_id = current_program();
CREATE TEMP VIEW score_model AS SELECT * FROM community.score_model WHERE program_id = current_program();
CREATE TEMP VIEW score_refresh AS SELECT * FROM community.score_refresh WHERE program_id = current_program();
CREATE TEMP VIEW super_user_tenure AS SELECT * FROM community.super_user_tenure WHERE program_id = current_program();
CREATE TEMP VIEW job AS SELECT * FROM community.job WHERE program_id = current_program();
SELECT count(enroll(m, joined_at => '2024-01-01')) FROM generate_series(1, 8) AS m;
-- scores as they are wanted, by a measure of one's own
CREATE TABLE level (member bigint, since timestamptz, value numeric);
CREATE FUNCTION level_at(program bigint, member bigint, during tstzrange) RETURNS numeric LANGUAGE sql STABLE AS
$$ SELECT l.value FROM public.level AS l WHERE l.member = level_at.member AND l.since <= upper(during) ORDER BY l.since DESC LIMIT 1 $$;
SELECT define_measure('level', 'function', function => 'level_at') > 0 AS defined;
SELECT define_score_model('level', '[{"kind": "measure", "measure": "level", "cap": 1000, "weight": 1000}]', line => 50, dwell => '14 days', every => 'calendar day') > 0 AS defined;
INSERT INTO score_segment (program_id, model_id, rank, name, by, lower_bound)
SELECT program_id, model_id, v.* FROM score_model,
	(VALUES (1, 'potential', 'score', 0), (2, 'ordinary', 'score', 10), (3, 'key', 'score', 40), (4, 'core', 'percentile', 100)) AS v
WHERE code = 'level' AND program_id = current_program();
CREATE FUNCTION pg_temp.refresh_days(since date, until date) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR d IN 0..until - since LOOP
		CALL community.refresh_scores('level', (since + d)::timestamptz);
	END LOOP;
END $$;
CREATE TEMP VIEW tenures AS SELECT member_id AS member, during, reason, superseded_at IS NULL AS believed FROM super_user_tenure;

-- up at 50, not down at 45, down at 44 once two weeks are over
INSERT INTO level VALUES (1, '2024-02-01', 49), (1, '2024-02-03', 50), (1, '2024-02-05', 44), (1, '2024-03-01', 50), (1, '2024-03-20', 45), (1, '2024-03-25', 44.99);
-- 2 falls on the very day on which dwelling ends, 3 is always far above, 4 never there
INSERT INTO level VALUES (2, '2024-02-01', 60), (2, '2024-02-15', 44), (3, '2024-02-01', 400), (4, '2024-02-01', 49.5), (5, '2024-02-10', 1000), (6, '2024-02-01', -3);
SELECT pg_temp.refresh_days('2024-02-01', '2024-03-31');
SELECT * FROM tenures WHERE believed ORDER BY member, during;
SELECT member, score, rank, percentile, segment, super_user, since, lost_at, lost_exact FROM score WHERE program_id = current_program() ORDER BY rank, member;
SELECT d, is_super_user(1, 'level', d::timestamptz) FROM unnest(ARRAY['2024-02-02', '2024-02-03', '2024-02-16', '2024-02-17', '2024-03-01', '2024-03-24', '2024-03-25', '2024-03-31']) AS d;
SELECT is_super_user(1, 'level', '2024-02-10', known_at => '2024-02-10') AS not_known_then;
SELECT is_super_user(99, 'level');
-- what a second run over the same time finds is what is there
SELECT count(*) AS tenures, count(superseded_at) AS superseded FROM super_user_tenure;
CALL refresh_scores('level', '2024-03-31');
SELECT count(*) AS tenures, count(superseded_at) AS superseded FROM super_user_tenure;

-- amounts that come late for the newest day put it right: 4 is in, 5 is out, 3 stays
INSERT INTO level VALUES (4, '2024-03-30', 55), (5, '2024-03-30', 3);
CALL refresh_scores('level', '2024-03-31');
SELECT * FROM tenures WHERE member IN (3, 4, 5) ORDER BY member, during, believed;
DELETE FROM level WHERE since = '2024-03-30';
CALL refresh_scores('level', '2024-03-31');
SELECT * FROM tenures WHERE member IN (3, 4, 5) ORDER BY member, during, believed;

-- a lock keeps the status as it is, either way
SELECT lock_super_user(3, 'level', '[2024-04-01,2024-04-20)', 'long merits', 'lock 3') > 0 AS ruled, lock_super_user(4, 'level', '[2024-04-01,2024-04-20)', 'under review', 'lock 4') > 0 AS ruled,
	veto_super_user(5, 'level', '[2024-04-05,2024-04-10)', 'spam', 'veto 5') > 0 AS ruled;
INSERT INTO level VALUES (3, '2024-04-02', 1), (4, '2024-04-02', 90);
SELECT pg_temp.refresh_days('2024-04-01', '2024-04-25');
SELECT * FROM tenures WHERE member IN (3, 4, 5) AND believed ORDER BY member, during;
-- a veto that is in force ends it at once, and lifting it brings nothing back before the next refresh
SELECT veto_super_user(4, 'level', '[2024-04-22,)', 'sold the account', 'veto 4') > 0 AS ruled;
SELECT * FROM tenures WHERE member = 4 AND believed;
SELECT is_super_user(4, 'level', '2024-04-21') AS was, is_super_user(4, 'level', '2024-04-22') AS "is";
SELECT kind, during, reason, actor = session_user AS actor FROM super_user_ruling WHERE key = 'veto 4';
SELECT veto_super_user(4, 'level', '[2024-04-22,)', 'again', 'veto 4') = (SELECT ruling_id FROM super_user_ruling WHERE key = 'veto 4') AS replay;
SELECT lock_super_user(4, 'level', '[2024-04-22,)', 'again', 'veto 4');
SELECT veto_super_user(4, 'level', 'empty', 'x', 'x');
SELECT veto_super_user(99, 'level', NULL, 'x', 'x');
SELECT veto_super_user(4, 'nothing', NULL, 'x', 'x');
SELECT veto_super_user(4, 'level', NULL, '', 'x');
SELECT end_super_user_ruling('veto 4', '2024-04-26') AS ended, end_super_user_ruling('veto 4', '2024-04-26') AS again;
SELECT end_super_user_ruling('no such');
SELECT pg_temp.refresh_days('2024-04-26', '2024-04-27');
SELECT * FROM tenures WHERE member = 4 AND believed ORDER BY during;

-- who is closed or merged is none from the next refresh on
SELECT close_member(5, 'left') IS NOT NULL AS closed, merge_members(4, 2, 'm4') IS NOT NULL AS merged;
CALL refresh_scores('level', '2024-04-28');
SELECT * FROM tenures WHERE member IN (4, 5) AND believed AND upper(during) >= '2024-04-28' ORDER BY member;
SELECT member FROM score WHERE program_id = current_program() ORDER BY member;

-- the top third; equal ones are all in; nobody is where all have nothing
SELECT define_score_model('top', '[{"kind": "contribution", "types": ["x"], "cap": 10, "weight": 10}]', top_share => 0.34, dwell => '0') > 0 AS defined;
CALL refresh_scores('top', '2024-02-01');
SELECT count(*) FILTER (WHERE super_user) AS super_users, count(*) AS members FROM score WHERE model = 'top';
SELECT count(record(m, 'x', m || '/' || n, 0, '2024-02-02')) FROM (VALUES (1, 3), (2, 5), (3, 3), (6, 1)) AS v (m, times), generate_series(1, times) AS n;
CALL refresh_scores('top', '2024-02-03');
SELECT member, score, super_user FROM score WHERE model = 'top' ORDER BY rank, member;
SELECT line FROM score_refresh AS r JOIN score_model USING (model_id) WHERE code = 'top' ORDER BY as_of;

-- decay alone: the time is exact to the second, whenever one looks
SELECT define_score_model('fading', '[{"kind": "engagement", "cap": 100, "weight": 90}, {"kind": "contribution", "types": ["badge"], "cap": 10, "weight": 10}]', line => 40, dwell => '1 day') > 0 AS defined;
INSERT INTO activity_type (program_id, type, weight) VALUES (current_program(), 'deed', 60), (current_program(), 'badge', 0), (current_program(), 'x', 0);
SELECT count(record(m, 'deed', 'deed ' || m, 0, '2024-06-01'::timestamptz + m * interval '1 hour')) FROM generate_series(1, 3) AS m;
SELECT count(record(1, 'badge', 'badge ' || n, 0, '2024-06-01')) FROM generate_series(1, 3) AS n;
CALL refresh_scores('fading', '2024-06-01 04:00');
SELECT member, score, super_user, lost_at, lost_exact FROM score WHERE model = 'fading' ORDER BY member;
SELECT lost_at AS lost FROM score WHERE model = 'fading' AND member = 2 \gset
CREATE TEMP TABLE lost AS SELECT member, lost_at FROM score WHERE model = 'fading' AND super_user;
CALL refresh_scores('fading', '2024-06-02 04:00');
SELECT count(*) AS members, count(*) FILTER (WHERE abs(extract(epoch FROM l.lost_at - s.lost_at)) > 1) AS differ FROM score AS s JOIN lost AS l USING (member) WHERE model = 'fading';
SELECT :'lost'::timestamptz - interval '1 second' AS just_before, :'lost'::timestamptz + interval '1 second' AS just_after \gset
CALL refresh_scores('fading', :'just_before');
SELECT super_user, lost_at, lost_exact FROM score WHERE model = 'fading' AND member = 2;
CALL refresh_scores('fading', :'just_after');
SELECT super_user, score < 36 AS below FROM score WHERE model = 'fading' AND member = 2;
-- the badges alone are not enough; where they are it is never
SELECT define_score_model('badges', '[{"kind": "engagement", "cap": 100, "weight": 90}, {"kind": "contribution", "types": ["badge"], "cap": 3, "weight": 10}]', line => 5, dwell => '1 day') > 0 AS defined;
CALL refresh_scores('badges', '2024-07-01');
SELECT member, super_user, lost_at, lost_exact FROM score WHERE model = 'badges' AND member < 3 ORDER BY member;
SELECT lock_super_user(2, 'badges', '[2024-07-01,)', 'for ever', 'lock 2') > 0 AS ruled;
SELECT member, super_user, lost_at, lost_exact FROM score WHERE model = 'badges' AND member = 2;

-- the view of super-users shows the main model
SELECT member, model, score, score_rank, segment, super_user, since FROM super_user WHERE program_id = current_program() AND model IS NOT NULL ORDER BY score_rank, member;

-- a random walk, day by day, against the rule applied in plain SQL
SELECT define_score_model('walk', '[{"kind": "measure", "measure": "level", "cap": 100, "weight": 100}]', line => 60, keep => 0.8, dwell => '3 days') > 0 AS defined;
SELECT count(enroll(m, joined_at => '2024-01-01')) FROM generate_series(101, 160) AS m;
SELECT setseed(0.7);
INSERT INTO level SELECT m, '2024-08-01'::date + d, round((60 + 35 * sin(m + d / 3.0) * random())::numeric, 6)
FROM generate_series(101, 160) AS m, generate_series(0, 60) AS d;
SELECT count(lock_super_user(m, 'walk', tstzrange('2024-08-10'::date + m % 7, '2024-08-20'::date + m % 11), 'x', 'wl' || m)) FROM generate_series(105, 160, 5) AS m;
SELECT count(veto_super_user(m, 'walk', tstzrange('2024-08-15'::date + m % 5, '2024-08-25'::date + m % 3), 'x', 'wv' || m)) FROM generate_series(107, 160, 7) AS m;
DO $$ BEGIN
	FOR d IN 0..60 LOOP
		CALL community.refresh_scores('walk', ('2024-08-01'::date + d)::timestamptz);
		-- now and then twice
		IF d % 9 = 0 THEN CALL community.refresh_scores('walk', ('2024-08-01'::date + d)::timestamptz); END IF;
	END LOOP;
END $$;
CREATE TEMP TABLE walked AS
WITH RECURSIVE walk AS (
	SELECT m AS member, -1 AS day, false AS is_one, NULL::integer AS since FROM generate_series(101, 160) AS m
	UNION ALL
	SELECT w.member, w.day + 1, n.is_one, CASE WHEN NOT w.is_one AND n.is_one THEN w.day + 1 WHEN n.is_one THEN w.since END
	FROM walk AS w
	JOIN level AS l ON l.member = w.member AND l.since = '2024-08-01'::date + w.day + 1
	CROSS JOIN LATERAL (SELECT CASE WHEN w.member % 7 = 2 AND w.member >= 107 AND '2024-08-01'::date + w.day + 1 >= '2024-08-15'::date + w.member::integer % 5
				AND '2024-08-01'::date + w.day + 1 < '2024-08-25'::date + w.member::integer % 3 THEN false
			WHEN w.member % 5 = 0 AND w.member >= 105 AND '2024-08-01'::date + w.day + 1 >= '2024-08-10'::date + w.member::integer % 7
				AND '2024-08-01'::date + w.day + 1 < '2024-08-20'::date + w.member::integer % 11 THEN w.is_one
			WHEN w.is_one THEN w.day + 1 < w.since + 3 OR l.value >= 48
			ELSE l.value >= 60 END AS is_one) AS n
	WHERE w.day < 60
)
SELECT member, day, is_one FROM walk WHERE day >= 0;
SELECT count(*) AS days, count(*) FILTER (WHERE is_one) > 500 AS many, count(*) FILTER (WHERE is_one <> EXISTS (SELECT FROM super_user_tenure AS t
	JOIN score_model AS m USING (program_id, model_id) WHERE m.code = 'walk' AND t.superseded_at IS NULL AND t.member_id = w.member
		AND t.during @> ('2024-08-01'::date + w.day)::timestamptz)) AS differ FROM walked AS w;
SELECT rule, object, detail FROM check_installation('full', current_program());
DROP FUNCTION level_at;
DROP TABLE level;
