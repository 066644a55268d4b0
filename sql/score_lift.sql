-- If this fails, the figure by which a program is judged is wrong: members are
-- compared with others than those who had as much, over other days, the
-- interval misses the truth more often than it says, or members are left out
-- without a word.
SELECT community.create_program('score lift', 'Europe/Berlin') > 0 AS created;
SET community.program = 'score lift';
SET timezone = 'UTC';
SET search_path = public, community;
SELECT setseed(0.4);

--
-- Against the formulas by hand: several days of treatment, refunds, merged,
-- late and closed members, those treated later as controls
--
SELECT count(enroll(i, joined_at => CASE WHEN i % 11 = 0 THEN timestamptz '2023-11-20 12:00+00' WHEN i % 17 = 0
	THEN '2024-02-15 12:00+00' ELSE '2023-01-01 00:00+00' END)) FROM generate_series(1, 300) AS i;
SELECT define_measure('orders', 'count', ARRAY['order']) > 0 AS orders, define_measure('spend', 'sum', ARRAY['order']) > 0 AS spend,
	define_measure('days', 'distinct_days', ARRAY['order', 'visit']) > 0 AS days,
	define_measure('largest', 'maximum', ARRAY['order']) > 0 AS largest,
	define_measure('gifts', 'sum', ARRAY['order'], '{"gift": true}') > 0 AS gifts;
INSERT INTO activity_type (program_id, type, revenue) VALUES (current_program(), 'visit', false);
SELECT count(record(i, CASE WHEN e % 5 = 0 THEN 'visit' ELSE 'order' END, i || '/' || e, (100 + 900 * random() ^ 2 + i)::bigint,
	timestamptz '2023-08-15 00:00+00' + random() * interval '330 days',
	payload => CASE WHEN e % 3 = 0 THEN '{"gift": true}' ELSE '{}' END::jsonb))
FROM generate_series(1, 300) AS i, generate_series(1, 4 + i % 7) AS e;
SELECT count(reverse(i || '/2', 'return', CASE WHEN i % 2 = 0 THEN 50 END, request_key => 'back ' || i)) FROM generate_series(3, 300, 9) AS i;
SELECT close_member(50, 'left') AS closed, merge_members(60, 61, 'merge 60') AS merged;
UPDATE member SET closed_at = '2024-01-20 12:00+00' WHERE program_id = current_program() AND member_id = 50;
CREATE TEMP TABLE chosen AS
SELECT i AS id, timestamptz '2024-02-01 15:00+00' + (i % 5) * interval '10 days' AS at FROM generate_series(1, 300) AS i
WHERE (i * 7) % 10 < 4 AND i NOT IN (60, 61);
INSERT INTO chosen VALUES (60, '2024-02-05 23:30+00'), (61, '2024-03-05 12:00+00');	-- one person, and by its clock the 6th
INSERT INTO chosen SELECT id, at + interval '50 days' FROM chosen WHERE id % 4 = 0;	-- the first time counts

CREATE TEMP VIEW person AS
SELECT member_id AS id, (joined_at AT TIME ZONE 'Europe/Berlin')::date AS joined, (closed_at AT TIME ZONE 'Europe/Berlin')::date AS closed
FROM member WHERE program_id = current_program() AND member_id <> 60;
CREATE TEMP VIEW happened AS
SELECT CASE member_id WHEN 60 THEN 61 ELSE member_id END AS id, (occurred_at AT TIME ZONE 'Europe/Berlin')::date AS day, type, amount, payload
FROM counted_event WHERE program_id = current_program();
CREATE TEMP TABLE had (id bigint, day date, value float8);
CREATE FUNCTION pg_temp.by_hand(b int, a int, k int, today date, back boolean DEFAULT false,
	OUT matched bigint, OUT unmatched bigint, OUT controls bigint, OUT effect float8, OUT std_error float8, OUT freedom float8,
	OUT before_treated float8, OUT before_controls float8, OUT imbalance float8) LANGUAGE sql AS $$
WITH first AS (SELECT CASE id WHEN 60 THEN 61 ELSE id END AS id, min((at AT TIME ZONE 'Europe/Berlin')::date) AS day FROM chosen GROUP BY 1),
person AS MATERIALIZED (SELECT p.*, f.day AS treated FROM person AS p LEFT JOIN first AS f USING (id)),
had AS MATERIALIZED (SELECT * FROM had),
pair AS (SELECT p.id, c.day, p.treated IS NOT DISTINCT FROM c.day AS treat, p.joined FROM person AS p, (SELECT DISTINCT day FROM first WHERE day + a < today) AS c
	WHERE (p.treated = c.day OR p.treated IS NULL OR p.treated > c.day + a) AND p.joined <= c.day - b AND (p.closed > c.day) IS NOT FALSE),
sums AS (SELECT p.id, p.day, p.treat, p.joined, coalesce(sum(value) FILTER (WHERE h.day BETWEEN p.day - 2 * b AND p.day - b - 1), 0) * a / b AS earlier,
	coalesce(sum(value) FILTER (WHERE h.day BETWEEN p.day - b AND p.day - 1), 0) * a / b AS before,
	coalesce(sum(value) FILTER (WHERE h.day BETWEEN p.day + 1 AND p.day + a), 0) AS after
	FROM pair AS p LEFT JOIN had AS h USING (id) GROUP BY 1, 2, 3, 4),
cut AS (SELECT array_agg(before ORDER BY before) AS v, count(*) AS n FROM sums WHERE treat),
kept AS (SELECT id, day, treat, before, CASE WHEN back THEN before - earlier ELSE after - before END AS d,
		(SELECT count(*) FROM generate_series(1, k - 1) AS j WHERE v[ceil(j * n / k::numeric)::int] < before) AS s
	FROM sums, cut WHERE before BETWEEN v[1] AND v[n] AND (NOT back OR joined <= day - 2 * b)),
cell AS (SELECT day, s, count(*) FILTER (WHERE treat) AS nt, count(*) FILTER (WHERE NOT treat) AS nc, avg(d) FILTER (WHERE NOT treat) AS mean,
	var_samp(d) FILTER (WHERE NOT treat) AS var, avg(before) FILTER (WHERE NOT treat) AS before FROM kept GROUP BY day, s),
used AS (SELECT * FROM cell WHERE nt > 0 AND nc >= 2
	AND s IN (SELECT s FROM cell WHERE nt > 0 AND nc >= 2 GROUP BY s HAVING sum(nt) >= 2)),
tau AS (SELECT k.id, k.s, k.d - u.mean AS tau, k.before, u.before AS others FROM kept AS k JOIN used AS u USING (day, s) WHERE k.treat),
per AS (SELECT s, count(*) AS n, avg(tau) AS mean, var_samp(tau) AS var FROM tau GROUP BY s),
influence AS (SELECT t.id, (t.tau - p.mean) * sqrt(p.n / (p.n - 1.0)) AS x FROM tau AS t JOIN per AS p USING (s)
	UNION ALL SELECT k.id, -(k.d - u.mean) * sqrt(u.nc / (u.nc - 1.0)) * u.nt / u.nc FROM kept AS k JOIN used AS u USING (day, s) WHERE NOT k.treat),
parts AS (SELECT n * var AS v, n - 1 AS f FROM per UNION ALL SELECT nt * nt * var / nc, nc - 1 FROM used)
SELECT (SELECT count(*) FROM tau), (SELECT count(*) FROM kept WHERE treat) - (SELECT count(*) FROM tau),
	(SELECT count(DISTINCT k.id) FROM kept AS k JOIN used USING (day, s) WHERE NOT k.treat), (SELECT avg(tau) FROM tau),
	(SELECT sqrt(sum(y * y)) / (SELECT count(*) FROM tau) FROM (SELECT sum(x) AS y FROM influence GROUP BY id) AS i),
	(SELECT sum(v) ^ 2 / sum(v * v / f) FROM parts), (SELECT avg(before) FROM tau), (SELECT avg(others) FROM tau),
	(SELECT (avg(before) - avg(others)) / stddev_samp(before) FROM tau) $$;

CREATE TEMP TABLE answer (what text, b int, a int, k int, ours record, hand record);
CREATE FUNCTION pg_temp.compare(name text, b int, a int, k int) RETURNS TABLE (matched bigint, counts boolean, estimate boolean,
	error boolean, means boolean, placebo boolean) LANGUAGE plpgsql AS $$
DECLARE o record; h record; p record;
BEGIN
	TRUNCATE had;
	INSERT INTO had SELECT id, day, CASE WHEN name = 'orders' THEN count(*) WHEN name = 'days' THEN 1 ELSE sum(amount) END FROM happened
	WHERE type = 'order' AND (name IS DISTINCT FROM 'gifts' OR payload @> '{"gift": true}') OR name = 'days' GROUP BY 1, 2;
	SELECT * INTO o FROM program_lift('SELECT id, at FROM chosen', name, b * interval '1 day', a * interval '1 day', k, as_of => '2024-06-20 08:00+00');
	SELECT * INTO h FROM pg_temp.by_hand(b, a, k, '2024-06-20');
	SELECT * INTO p FROM pg_temp.by_hand(b, a, k, '2024-06-20', true);
	RETURN QUERY SELECT o.matched, o.matched = h.matched AND o.unmatched = h.unmatched AND o.control_members = h.controls,
		abs(o.effect - h.effect) < 1e-9 * (1 + abs(h.effect)), abs(o.std_error - h.std_error) < 1e-9 * h.std_error,
		abs(o.before_treated - h.before_treated) < 1e-8 AND abs(o.before_controls - h.before_controls) < 1e-8
			AND abs(o.imbalance - h.imbalance) < 1e-9
			AND abs(o.after_treated - o.before_treated - o.after_controls + o.before_controls - o.effect) < 1e-8
			AND abs(o.total_effect - o.effect * o.matched) < 1e-6 AND abs(o.expected + o.effect - o.after_treated) < 1e-8
			AND abs(o.lift - o.effect / o.expected) < 1e-12 AND abs(o.lower + o.upper - 2 * o.effect) < 1e-8,
		abs(o.placebo - p.effect) < 1e-8 AND abs(o.placebo_upper - o.placebo_lower) BETWEEN 2 * 1.959 * p.std_error AND 2 * 2.2 * p.std_error;
END $$;
SELECT name, b, a, k, c.* FROM (VALUES (NULL, 90, 90, 10), (NULL, 60, 30, 1), ('spend', 30, 60, 4), ('orders', 90, 90, 5), ('days', 90, 90, 5),
	('gifts', 45, 45, 3), ('spend', 90, 30, 100)) AS v (name, b, a, k), LATERAL pg_temp.compare(name, b, a, k) AS c;

-- nobody is left out without a word
SELECT treated_members = (SELECT count(DISTINCT CASE id WHEN 60 THEN 61 ELSE id END) FROM chosen) AS all_told,
	treated_members = too_new + closed + unfinished + unmatched + matched AS add_up, too_new > 0 AS too_new, closed, unfinished, warnings
FROM program_lift('SELECT id, at FROM chosen', as_of => '2024-06-20 08:00+00');
SELECT unfinished, matched, effect, lower, placebo, warnings FROM program_lift('SELECT id, at FROM chosen', as_of => '2024-04-01');
SELECT unfinished > 0 AS some, matched > 0 AS others FROM program_lift('SELECT id, at FROM chosen', as_of => '2024-05-20');
SELECT treated_members, matched, effect, warnings FROM program_lift('SELECT 1, now() WHERE false');
-- controls of the caller's choice; those named twice count once
SELECT control_members BETWEEN 2 AND 40 AS few_controls, (warnings @> '{few}') = (control_members < 30) AS told
FROM program_lift('SELECT id, at FROM chosen', strata => 2, controls => 'SELECT i % 40 + 1 FROM generate_series(1, 80) AS i', as_of => '2024-06-20');
-- the order of rows does not matter
SELECT a.effect = b.effect AND a.std_error = b.std_error AS same
FROM program_lift('SELECT id, at FROM chosen ORDER BY id', as_of => '2024-06-20') AS a,
	program_lift('SELECT id, at FROM chosen ORDER BY at DESC, id DESC', as_of => '2024-06-20') AS b;
-- a wider confidence, a wider interval
SELECT a.upper > b.upper AND a.lower < b.lower AND a.effect = b.effect AS wider
FROM program_lift('SELECT id, at FROM chosen', confidence => 0.99, as_of => '2024-06-20') AS a,
	program_lift('SELECT id, at FROM chosen', confidence => 0.8, as_of => '2024-06-20') AS b;
-- it runs as the caller, on what the caller sees, and changes nothing
SELECT (program_lift('DELETE FROM chosen RETURNING id, at')).effect;
SELECT (program_lift('SELECT id FROM chosen')).effect;
SELECT (program_lift('SELECT id, at FROM chosen; SELECT 1')).effect;
SELECT (program_lift('SELECT id, NULL::timestamptz FROM chosen')).effect;
SELECT (program_lift('SELECT 1, ''infinity''::timestamptz')).effect;
SELECT (program_lift('SELECT 4711, now()')).effect;
SELECT (program_lift('SELECT 1, now()', controls => 'SELECT 4711')).effect;
SELECT (program_lift('SELECT 1, now()', 'largest')).effect;
SELECT (program_lift('SELECT 1, now()', 'smallest')).effect;
SELECT (program_lift('SELECT 1, now()', before => '1 month')).effect;
SELECT (program_lift('SELECT 1, now()', after => '12 hours')).effect;
SELECT (program_lift('SELECT 1, now()', after => '0 days')).effect;
SELECT (program_lift('SELECT 1, now()', after => '3661 days')).effect;
SELECT (program_lift('SELECT 1, now()', strata => 0)).effect;
SELECT (program_lift('SELECT 1, now()', strata => 101)).effect;
SELECT (program_lift('SELECT 1, now()', confidence => 1)).effect;
SELECT (program_lift('SELECT 1, now()', as_of => 'infinity')).effect;
SELECT (program_lift(NULL)).effect;
SELECT (program_lift('SELECT 1, now()', program => 281474976710655)).effect;

--
-- What is known comes out: an effect of 0 and of 40, under a season that
-- raises everybody's orders by half and a treatment of those who had more
-- before.  Of 60 intervals of 95 percent, about 57 hold the truth; those of
-- 80 percent hold it less often.  A plain comparison of means does not.
--
SELECT count(enroll(i, joined_at => '2019-01-01')) FROM generate_series(1001, 1300) AS i;
CREATE TEMP TABLE world AS
SELECT w, i, 30 + 40 * random() ^ 2 AS mean, random() AS lot, CASE WHEN w % 2 = 0 THEN 0 ELSE 40 END AS truth
FROM generate_series(1, 60) AS w, generate_series(1001, 1300) AS i;
CREATE TEMP TABLE window_sum AS
SELECT w, i, mean, truth, lot, (mean * (0.5 + random()))::bigint AS earlier, (mean * (0.5 + random()))::bigint AS before,
	(mean * 1.5 * (0.5 + random()))::bigint AS after FROM world;
ALTER TABLE window_sum ADD treated boolean;
UPDATE window_sum SET treated = lot < CASE WHEN before > 50 THEN 0.4 ELSE 0.1 END;
INSERT INTO event (program_id, member_id, amount, occurred_at, engagement, type, key)
SELECT current_program(), i, amount, at, 0, 'world ' || w, w || '/' || i || '/' || n FROM window_sum,
	LATERAL (VALUES (1, earlier, timestamptz '2019-10-10'), (2, before, '2020-01-10'),
		(3, after + CASE WHEN treated THEN truth ELSE 0 END, '2020-04-10')) AS v (n, amount, at);
ANALYZE event;
SELECT count(define_measure('world ' || w, 'sum', ARRAY['world ' || w])) FROM generate_series(1, 60) AS w;
CREATE TEMP TABLE verdict AS
SELECT w, t.truth, l.* FROM (SELECT DISTINCT w, truth FROM world) AS t,
	LATERAL program_lift(format('SELECT i, timestamptz ''2020-03-01'' FROM window_sum WHERE treated AND w = %s', w), 'world ' || w,
		strata => 8, as_of => '2020-08-01', controls => 'SELECT i FROM generate_series(1001, 1300) AS i') AS l;
SELECT truth, count(*), count(*) FILTER (WHERE truth BETWEEN lower AND upper) BETWEEN 26 AND 30 AS covered,
	count(*) FILTER (WHERE abs(effect - truth) < 1.282 * std_error) BETWEEN 18 AND 29 AS not_too_wide,
	abs(avg(effect) - truth) < 3 * stddev_samp(effect) / sqrt(count(*)) + 0.3 AS unbiased,
	count(*) FILTER (WHERE lower > 0) BETWEEN CASE truth WHEN 0 THEN 0 ELSE 30 END AND CASE truth WHEN 0 THEN 4 ELSE 30 END AS found,
	bool_and(unmatched < 5) AS nearly_all, bool_and(control_members > 100) AS many_controls
FROM verdict GROUP BY truth ORDER BY truth;
SELECT avg(naive) > 5 AS naive_misleads FROM (SELECT w, avg(after) FILTER (WHERE treated) - avg(after) FILTER (WHERE NOT treated) AS naive
	FROM window_sum WHERE truth = 0 GROUP BY w) AS x;
-- selected by what they had in that window alone, they were no different before
SELECT count(*) FILTER (WHERE warnings @> '{placebo}') < 10 AS seldom_warned FROM verdict;

-- treated members who were better for long are found out by the placebo
INSERT INTO event (program_id, member_id, amount, occurred_at, engagement, type, key)
SELECT current_program(), i, ((CASE WHEN i % 4 = 0 THEN 80 ELSE 40 END) * (0.2 + 1.6 * random()))::bigint, at, 0, 'bias', 'bias/' || i || '/' || at
FROM generate_series(1001, 1300) AS i, unnest('{2019-10-10,2020-01-10,2020-04-10}'::timestamptz[]) AS at;
SELECT define_measure('bias', 'sum', ARRAY['bias']) > 0 AS defined;
SELECT warnings @> '{placebo}' AS warned, placebo < 0 AS other_way, effect > 0 AS would_mislead
FROM program_lift('SELECT i, timestamptz ''2020-03-01'' FROM generate_series(1004, 1300, 4) AS i', 'bias', as_of => '2020-08-01',
	controls => 'SELECT i FROM generate_series(1001, 1300) AS i');

-- rights: an analyst may, others may not
CREATE ROLE regress_lift_nobody;
SET ROLE regress_lift_nobody;
SELECT (community.program_lift('SELECT 1, now()')).effect;
RESET ROLE;
SELECT grant_analyst('regress_lift_nobody');
GRANT SELECT ON chosen TO regress_lift_nobody;
SET ROLE regress_lift_nobody;
SELECT matched > 0 AS allowed FROM community.program_lift('SELECT id, at FROM chosen', as_of => '2024-06-20');
SELECT (community.program_lift('SELECT w, now() FROM verdict')).effect;
RESET ROLE;
DROP OWNED BY regress_lift_nobody;
DROP ROLE regress_lift_nobody;
