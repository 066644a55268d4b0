-- If this fails, members change between those treated and those left out, the
-- lot is not fair, or what the treated bring more is not what the groups had.
SELECT community.create_program('score holdout', 'America/New_York') > 0 AS created;
SET community.program = 'score holdout';
SET timezone = 'UTC';
SET search_path = public, community;
SELECT setseed(0.6);

--
-- The lot: 52 bits of SHA-256, the same on every machine
--
SELECT holdout_point('spring', 1) AS one, holdout_point('spring', 2) AS two, holdout_point('Frühling', -9223372036854775808) AS least,
	holdout_point(NULL, 1) AS nothing;
SELECT count(*), count(*) FILTER (WHERE holdout_point(s, i)
	= ('x' || left(encode(sha256(convert_to(s || ':' || i, 'UTF8')), 'hex'), 13))::bit(52)::bigint / 2.0 ^ 52) AS same
FROM generate_series(-500, 500) AS i, unnest(ARRAY['spring', 'a:1', repeat('long ', 60)]) AS s;
-- fair: even over tenths, and one salt tells nothing of another
SELECT sum((n - 2000) ^ 2 / 2000) < 27.9 AS even, min(n) > 1800 AS none_empty
FROM (SELECT count(*) AS n FROM generate_series(1, 20000) AS i GROUP BY floor(holdout_point('even', i) * 10)) AS t;
SELECT abs(corr(holdout_point('one', i), holdout_point('two', i))) < 0.02 AS independent,
	abs(corr(holdout_point('one', i), holdout_point('one', i + 1))) < 0.02 AS no_neighbours FROM generate_series(1, 20000) AS i;

--
-- Holdouts
--
SELECT define_holdout('spring', 0.1) AS made, define_holdout('spring', 0.1) AS again, define_holdout('summer', 0.25, 'a salt') AS other;
SELECT code, share, salt FROM holdout WHERE program_id = current_program() ORDER BY code;
SELECT bool_and(in_holdout(i, 'spring') = (holdout_point('spring', i) < 0.1)) AS by_lot,
	bool_and((holdout_group(i, 'summer') = 'holdout') = (holdout_point('a salt', i) < 0.25)) AS by_salt,
	array_agg(DISTINCT holdout_group(i, 'summer') ORDER BY holdout_group(i, 'summer')) AS groups,
	count(*) FILTER (WHERE in_holdout(i, 'spring')) BETWEEN 60 AND 140 AS tenth FROM generate_series(1, 1000) AS i;
-- a merged member goes on as the other
SELECT count(enroll(i, joined_at => '2024-01-01')) FROM generate_series(1, 40) AS i;
SELECT merge_members(f, i, 'merge') AS merged, in_holdout(f, 'summer') = in_holdout(i, 'summer') AS same_now,
	(holdout_point('a salt', f) < 0.25) = (holdout_point('a salt', i) < 0.25) AS same_before
FROM (SELECT min(i) FILTER (WHERE holdout_point('a salt', i) < 0.25) AS f, min(i) FILTER (WHERE holdout_point('a salt', i) >= 0.25) AS i
	FROM generate_series(1, 40) AS i) AS x;
-- refusals
SELECT define_holdout('spring', 0.2);
SELECT define_holdout('spring', 0.1, 'x');
SELECT define_holdout('autumn', 0);
SELECT define_holdout('autumn', 1);
SELECT define_holdout('autumn', 'NaN');
SELECT define_holdout('', 0.1);
SELECT define_holdout(NULL, 0.1);
SELECT define_holdout('autumn', 0.1, '');
SELECT define_holdout('autumn', 0.1, repeat('x', 513));
SELECT define_holdout('autumn', 0.1, program => 281474976710655);
SELECT in_holdout(1, 'autumn');
SELECT holdout_group(1, NULL);
\set VERBOSITY terse
INSERT INTO holdout (program_id, code, share, salt) VALUES (current_program(), 'bad', 1.5, 'x');
\set VERBOSITY default

--
-- Lift: Welch's interval, with textbook quantiles.  Members are chosen by
-- their lot, ten or three to a group, with 1, 2, 3 ... and 101, 102, 103 ...
--
CREATE FUNCTION pg_temp.of_group(held boolean, n int) RETURNS SETOF bigint LANGUAGE sql AS
$$ SELECT i FROM generate_series(100001, 110000) AS i WHERE (holdout_point('half', i) < 0.5) = held ORDER BY i LIMIT n $$;
SELECT create_program('score holdout ten') > 0 AND create_program('score holdout three') > 0 AS created;
CREATE FUNCTION pg_temp.fill(n int) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(record(m, 'order', 'order ' || m, r + CASE WHEN held THEN 0 ELSE 100 END, '2024-06-10 12:00+00'))
	FROM (SELECT held, m, row_number() OVER (PARTITION BY held ORDER BY m) AS r FROM unnest('{t,f}'::boolean[]) AS held, pg_temp.of_group(held, n) AS m) AS x
	WHERE enroll(m, joined_at => '2024-01-01') = m $$;
SET community.program = 'score holdout ten';
SELECT define_holdout('half', 0.5) AS made, pg_temp.fill(10) AS members;
SELECT treated_members, holdout_members, treated_mean, holdout_mean, effect, round(std_error::numeric, 10) AS std_error,
	round(((upper - lower) / 2 / std_error)::numeric, 8) AS t_18, round(lift::numeric, 8) AS lift, total_effect, placebo, warnings
FROM holdout_lift('half', '[2024-06-01,2024-07-01)');
SET community.program = 'score holdout three';
SELECT define_holdout('half', 0.5) AS made, pg_temp.fill(3) AS members;
SELECT confidence, round(((upper - lower) / 2 / std_error)::numeric, 8) AS t_4
FROM unnest('{0.9,0.95,0.999}'::float8[]) AS c (confidence), LATERAL holdout_lift('half', '[2024-06-01,2024-07-01)', confidence => c.confidence);

--
-- Against plain SQL, with refunds, joiners, leavers and a measure
--
SET community.program = 'score holdout';
SELECT count(enroll(i, joined_at => CASE WHEN i % 13 = 0 THEN timestamptz '2024-05-20' WHEN i % 17 = 0 THEN '2024-06-05' ELSE '2024-01-01' END))
FROM generate_series(101, 400) AS i;
SELECT count(record(i, CASE WHEN e % 4 = 0 THEN 'visit' ELSE 'order' END, i || '/' || e, (1000 * random())::bigint,
	timestamptz '2024-05-02' + random() * interval '60 days'))
FROM generate_series(101, 400) AS i, generate_series(1, 5) AS e;
SELECT count(reverse(i || '/1', 'return', 10, request_key => 'back ' || i)) FROM generate_series(101, 400, 7) AS i
WHERE (SELECT amount >= 10 FROM event WHERE program_id = current_program() AND key = i || '/1' AND source = 'api' AND revision = 0);
SELECT count(close_member(i, 'left')) FROM generate_series(150, 160) AS i;
UPDATE member SET closed_at = CASE WHEN member_id < 155 THEN '2024-05-30' ELSE '2024-06-10' END::timestamptz
WHERE program_id = current_program() AND member_id BETWEEN 150 AND 160;
SELECT define_measure('visits', 'count', ARRAY['visit']) > 0 AS defined;
CREATE TEMP VIEW by_hand AS
WITH had AS (SELECT k.visits, m.member_id, holdout_point('a salt', m.member_id) < 0.25 AS held, m.joined_at <= '2024-05-02' AS long,
		coalesce(sum(CASE WHEN k.visits THEN 1 ELSE e.amount END) FILTER (WHERE e.occurred_at >= '2024-06-01' AND e.occurred_at < '2024-07-01'), 0) AS during,
		coalesce(sum(CASE WHEN k.visits THEN 1 ELSE e.amount END) FILTER (WHERE e.occurred_at >= '2024-05-02' AND e.occurred_at < '2024-06-01'), 0) AS before
	FROM unnest('{t,f}'::boolean[]) AS k (visits) CROSS JOIN member AS m
	LEFT JOIN counted_event AS e ON e.program_id = m.program_id AND (e.type = 'visit' OR NOT k.visits)
		AND coalesce((SELECT bearer_id FROM member_merge AS b WHERE b.program_id = e.program_id AND b.member_id = e.member_id), e.member_id) = m.member_id
	WHERE m.program_id = current_program() AND m.joined_at <= '2024-06-01' AND (m.closed_at > '2024-06-01') IS NOT FALSE
		AND m.member_id NOT IN (SELECT member_id FROM member_merge WHERE program_id = m.program_id) GROUP BY 1, 2, 3, 4)
SELECT visits, count(*) FILTER (WHERE NOT held) AS treated_members, count(*) FILTER (WHERE held) AS holdout_members,
	(avg(during) FILTER (WHERE NOT held) - avg(during) FILTER (WHERE held))::float8 AS effect,
	sqrt(var_samp(during) FILTER (WHERE NOT held) / count(*) FILTER (WHERE NOT held) + var_samp(during) FILTER (WHERE held) / count(*) FILTER (WHERE held))::float8 AS std_error,
	(avg(before) FILTER (WHERE NOT held AND long) - avg(before) FILTER (WHERE held AND long))::float8 AS placebo
FROM had GROUP BY visits;
SELECT h.visits, l.treated_members = h.treated_members AND l.holdout_members = h.holdout_members AS counts, abs(l.effect - h.effect) < 1e-9 AS effect,
	abs(l.std_error - h.std_error) < 1e-9 AS error, abs(l.placebo - h.placebo) < 1e-9 AS placebo, l.warnings
FROM by_hand AS h, LATERAL holdout_lift('summer', '[2024-06-01,2024-07-01)', CASE WHEN h.visits THEN 'visits' END) AS l ORDER BY 1;
-- too few, and groups that are not by lot
SELECT holdout_lift('summer', '[2020-01-01,2020-02-01)') AS nobody;
SET community.program = 'score holdout three';
SELECT count(enroll(m, joined_at => '2024-01-01')) FROM pg_temp.of_group(true, 40) AS m;
SELECT warnings FROM holdout_lift('half', '[2024-06-01,2024-07-01)');
SET community.program = 'score holdout';
SELECT holdout_lift('summer', '(,2024-07-01)');
SELECT holdout_lift('summer', 'empty');
SELECT holdout_lift('summer', '(2024-06-01,2024-07-01)');
SELECT holdout_lift('summer', '[2004-06-01,2024-07-01)');
SELECT holdout_lift('autumn', '[2024-06-01,2024-07-01)');
SELECT holdout_lift('summer', '[2024-06-01,2024-07-01)', 'nothing');
SELECT holdout_lift('summer', '[2024-06-01,2024-07-01)', confidence => 0);
SELECT holdout_lift('summer', NULL);

--
-- Of 60 intervals about 57 hold the truth, with effects of 0 and of 30
--
SELECT create_program('score holdout worlds') > 0 AS created;
SET community.program = 'score holdout worlds';
SELECT count(enroll(i, joined_at => '2024-01-01')) FROM generate_series(1, 300) AS i;
SELECT count(*) FILTER (WHERE define_holdout('world ' || w, 0.3)) AS holdouts, count(define_measure('world ' || w, 'sum', ARRAY['world ' || w])) AS measures
FROM generate_series(1, 60) AS w;
INSERT INTO event (program_id, member_id, amount, occurred_at, engagement, type, key)
SELECT current_program(), i, (200 * random() ^ 2)::int + CASE WHEN w % 2 = 0 OR holdout_point('world ' || w, i) < 0.3 THEN 0 ELSE 30 END,
	'2024-06-10', 0, 'world ' || w, w || '/' || i
FROM generate_series(1, 60) AS w, generate_series(1, 300) AS i;
SELECT truth, count(*), count(*) FILTER (WHERE truth BETWEEN lower AND upper) BETWEEN 26 AND 30 AS covered,
	count(*) FILTER (WHERE abs(effect - truth) < 1.282 * std_error) BETWEEN 18 AND 29 AS not_too_wide
FROM generate_series(1, 60) AS w, LATERAL (SELECT CASE WHEN w % 2 = 0 THEN 0 ELSE 30 END AS truth) AS t,
	LATERAL holdout_lift('world ' || w, '[2024-06-01,2024-07-01)', 'world ' || w) AS l GROUP BY truth ORDER BY truth;

-- rights: an application asks for groups, an analyst for what came of it
CREATE ROLE regress_holdout_app;
CREATE ROLE regress_holdout_ana;
SELECT grant_application('regress_holdout_app'), grant_analyst('regress_holdout_ana');
SET ROLE regress_holdout_app;
SELECT community.in_holdout(1, 'world 1') IS NOT NULL AS asked;
SELECT community.define_holdout('mine', 0.5);
SELECT community.holdout_lift('world 1', '[2024-06-01,2024-07-01)');
SET ROLE regress_holdout_ana;
SELECT community.define_holdout('mine', 0.5);
SELECT (SELECT treated_members FROM community.holdout_lift('world 1', '[2024-06-01,2024-07-01)')) > 0 AS measured,
	(SELECT count(*) FROM community.holdout) > 0 AS seen;
RESET ROLE;
DROP OWNED BY regress_holdout_app, regress_holdout_ana;
DROP ROLE regress_holdout_app;
DROP ROLE regress_holdout_ana;
