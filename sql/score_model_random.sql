-- If this fails, scores are not what plain SQL over the events says they are,
-- depend on the order of rows or components, change when they are computed
-- twice or late, or do not add up.
SET search_path = public, community;
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, YMD';

SELECT create_program('random scores', half_life => '30 days') > 0 AS created;
SET community.program = 'random scores';
-- of this program alone
CREATE TEMP VIEW score AS SELECT * FROM community.score WHERE program_id = current_program();
CREATE TEMP VIEW score_model AS SELECT * FROM community.score_model WHERE program_id = current_program();
CREATE TEMP VIEW score_refresh AS SELECT * FROM community.score_refresh WHERE program_id = current_program();
CREATE TEMP VIEW super_user_tenure AS SELECT * FROM community.super_user_tenure WHERE program_id = current_program();
CREATE TEMP VIEW job AS SELECT * FROM community.job WHERE program_id = current_program();
SELECT setseed(0.6);
-- each member may be brought by one before it
SELECT count(enroll(m, sponsor => CASE WHEN random() < 0.6 AND m > 1 THEN 1 + floor(random() * (m - 1))::bigint END,
	joined_at => '2024-01-01'::timestamptz + m * interval '1 hour'))
FROM generate_series(1, 80) AS m;
CREATE TEMP TABLE drawn AS
SELECT n, 1 + floor(80 * random() ^ 2)::bigint AS member,
	(ARRAY['order', 'order', 'thanks', 'up', 'up', 'down', 'post'])[1 + floor(7 * random())] AS type,
	floor(10000 * random())::bigint AS amount, 1 + floor(80 * random() ^ 2)::bigint AS target,
	'2024-01-05'::timestamptz + random() * interval '150 days' AS at
FROM generate_series(1, 3000) AS n;
SELECT count(record(member, type, 'e' || n, amount, at, CASE WHEN type IN ('thanks', 'up', 'down') THEN target END))
FROM (SELECT * FROM drawn ORDER BY n) AS d;
-- some are taken back, in full or in part, at once or later
SELECT count(reverse('e' || n, 'taken back', occurred_at => at + (n % 90) * interval '1 day'))
FROM (SELECT * FROM drawn WHERE n % 17 = 0 ORDER BY n) AS d;
SELECT count(reverse('e' || n, 'in part', amount / 3, occurred_at => at + (n % 60) * interval '1 day'))
FROM (SELECT * FROM drawn WHERE n % 19 = 0 AND n % 17 > 0 AND type = 'order' AND amount > 2 ORDER BY n) AS d;
SELECT merge_members(7, 3, 'm7') IS NOT NULL, merge_members(30, 31, 'm30') IS NOT NULL, close_member(12, 'left') IS NOT NULL;
SELECT define_measure('spent', 'sum', ARRAY['order']) > 0 AS defined;
INSERT INTO activity_type (program_id, type, revenue)
SELECT current_program(), t, false FROM unnest(ARRAY['thanks', 'up', 'down', 'post']) AS t;
SELECT keep_ltv_fit((ltv_parameters('mbg_nbd', ARRAY[0.5, 10, 0.8, 2.5]), -1, 1, 1, 1, 1, 'converged', 0.3, NULL)::ltv_result, NULL, '2024-01-01') > 0 AS kept,
	keep_ltv_fit((ltv_parameters('gamma_gamma', ARRAY[6.0, 4.0, 1500]), -1, 1, 1, 1, 1, 'converged', 0.3, NULL)::ltv_result, NULL, '2024-01-01') > 0 AS kept;

CREATE FUNCTION pg_temp.components() RETURNS SETOF jsonb LANGUAGE sql AS $$
	SELECT * FROM jsonb_array_elements('[
	{"code": "spent", "kind": "measure", "measure": "spent", "period": "rolling 60 days", "transform": "log", "cap": 300000, "weight": 30},
	{"code": "engaged", "kind": "engagement", "cap": 25, "weight": 20.5},
	{"code": "thanked", "kind": "contribution", "types": ["thanks"], "side": "received", "period": "calendar quarter", "cap": 6, "weight": 12.25, "minimum_givers": 3},
	{"code": "brought", "kind": "referrals", "cap": 3, "weight": 7},
	{"code": "esteem", "kind": "esteem", "types": ["up"], "against": ["down"], "cap": 0.7, "weight": 10},
	{"code": "rank", "kind": "pagerank", "transform": "percentile", "weight": 15},
	{"code": "rfm", "kind": "rfm", "cap": 15, "weight": 5},
	{"code": "value", "kind": "lifetime_value", "transform": "log", "cap": 500000, "weight": 9},
	{"code": "sales", "kind": "referral_value", "transform": "percentile", "weight": 8.000001},
	{"code": "rating", "kind": "esteem", "types": ["up", "down"], "method": "mean", "cap": 9000, "weight": 3},
	{"code": "debit", "kind": "contribution", "types": ["down"], "method": "amount", "cap": 40000, "weight": -4}]'::jsonb) $$;
SELECT define_score_model('all', (SELECT jsonb_agg(c) FROM pg_temp.components() AS c), line => 50) > 0 AS defined;
-- a copy with its components in another order
SELECT define_score_model('reversed', (SELECT jsonb_agg(c ORDER BY c ->> 'weight' DESC, c ->> 'code') FROM pg_temp.components() AS c), line => 50) > 0 AS defined;
CALL refresh_scores('all', '2024-05-01');

-- the same by plain SQL
CREATE TEMP TABLE counted AS
SELECT e.event_id, e.type, e.occurred_at, coalesce(b.bearer_id, e.member_id) AS member_id,
	coalesce(d.bearer_id, e.target_id) AS target_id, e.amount + coalesce(c.amount, 0) AS amount
FROM event AS e
LEFT JOIN member_merge AS b ON b.program_id = e.program_id AND b.member_id = e.member_id
LEFT JOIN member_merge AS d ON d.program_id = e.program_id AND d.member_id = e.target_id
LEFT JOIN LATERAL (SELECT sum(x.amount)::bigint AS amount, bool_or(x.kind = 'reverse') AS taken
	FROM event AS x WHERE x.program_id = e.program_id AND x.corrects = e.event_id AND x.occurred_at <= '2024-05-01') AS c ON true
WHERE e.program_id = current_program() AND e.corrects IS NULL AND e.occurred_at <= '2024-05-01'
	AND NOT (coalesce(c.taken, false) AND e.amount + c.amount = 0);
CREATE TEMP TABLE oracle AS
SELECT m.member_id, v.code, coalesce(v.raw, 0) AS raw
FROM member AS m
CROSS JOIN LATERAL (VALUES
	('spent', measure_value(m.member_id, 'spent', '(2024-03-02,2024-05-01]'::tstzrange)::float8),
	('engaged', (SELECT sum(e.engagement * 2 ^ (-extract(epoch FROM '2024-05-01' - coalesce(o.occurred_at, e.occurred_at))::float8 / 86400 / 30))
		FROM event AS e LEFT JOIN event AS o ON o.program_id = e.program_id AND o.event_id = e.corrects
		WHERE e.program_id = m.program_id AND e.occurred_at <= '2024-05-01' AND (e.member_id = m.member_id OR e.member_id IN
			(SELECT b.member_id FROM member_merge AS b WHERE b.program_id = m.program_id AND b.bearer_id = m.member_id)))),
	('thanked', (SELECT count(*) FROM counted AS c WHERE c.target_id = m.member_id AND c.member_id <> c.target_id
		AND c.type = 'thanks' AND c.occurred_at >= '2024-04-01')),
	('brought', (SELECT count(*) FROM referral AS r WHERE r.program_id = m.program_id
		AND r.member_id NOT IN (SELECT b.member_id FROM member_merge AS b WHERE b.program_id = m.program_id)
		AND r.member_id <> m.member_id AND coalesce((SELECT b.bearer_id FROM member_merge AS b WHERE b.program_id = m.program_id
			AND b.member_id = r.sponsor_id), r.sponsor_id) = m.member_id)),
	('esteem', (SELECT CASE WHEN u + d > 0 THEN ((u / (u + d) + 1.959963984540054 ^ 2 / (2 * (u + d))
			- 1.959963984540054 * sqrt(u / (u + d) * (1 - u / (u + d)) / (u + d) + 1.959963984540054 ^ 2 / (4 * (u + d) ^ 2)))
			/ (1 + 1.959963984540054 ^ 2 / (u + d))) END
		FROM (SELECT count(*) FILTER (WHERE c.type = 'up')::float8 AS u, count(*) FILTER (WHERE c.type = 'down')::float8 AS d
			FROM counted AS c WHERE c.target_id = m.member_id AND c.member_id <> c.target_id) AS s)),
	('rfm', (SELECT s.rfm / 100 + s.rfm / 10 % 10 + s.rfm % 10 FROM super_users('2024-05-01') AS s WHERE s.member = m.member_id)),
	('value', (SELECT lifetime_value(ltv_parameters('mbg_nbd', ARRAY[0.5, 10, 0.8, 2.5]), ltv_parameters('gamma_gamma', ARRAY[6.0, 4.0, 1500]),
			s.x, s.t_x, s.t, s.mean)
		FROM (SELECT count(*) - 1 AS x, max(d.day) - min(d.day) AS t_x, ('2024-05-01'::date - min(d.day))::float8 AS t,
				avg(d.amount) FILTER (WHERE d.day > d.first)::float8 AS mean
			FROM (SELECT c.occurred_at::date AS day, sum(c.amount) AS amount, min(c.occurred_at::date) OVER () AS first
				FROM (SELECT occurred_at::date AS occurred_at, amount FROM counted AS c WHERE c.member_id = m.member_id AND c.type = 'order' AND c.amount > 0) AS c
				GROUP BY c.occurred_at) AS d) AS s WHERE s.x >= 0)),
	('sales', (SELECT sum(c.amount) FROM counted AS c JOIN referral AS r ON r.program_id = m.program_id AND r.member_id = c.member_id
		WHERE c.type = 'order' AND c.amount > 0 AND c.occurred_at >= r.joined_at AND r.member_id <> m.member_id
			AND coalesce((SELECT b.bearer_id FROM member_merge AS b WHERE b.program_id = m.program_id AND b.member_id = r.sponsor_id),
				r.sponsor_id) = m.member_id)),
	('rating', (SELECT avg(c.amount) FROM counted AS c WHERE c.target_id = m.member_id AND c.member_id <> c.target_id AND c.type IN ('up', 'down'))),
	('debit', (SELECT sum(c.amount) FROM counted AS c WHERE c.member_id = m.member_id AND c.type = 'down'))) AS v (code, raw)
WHERE m.program_id = current_program() AND m.status = 'active' AND m.joined_at <= '2024-05-01';
INSERT INTO oracle
SELECT m.member_id, 'rank', coalesce(p.score * p.n, 0)
FROM member AS m LEFT JOIN (SELECT p.*, count(*) OVER () AS n
	FROM pagerank('SELECT member_id, target_id FROM pg_temp.counted WHERE target_id <> member_id') AS p) AS p ON p.node_id = m.member_id
WHERE m.program_id = current_program() AND m.status = 'active' AND m.joined_at <= '2024-05-01';

CREATE TEMP TABLE part AS
SELECT m.code AS model, s.member_id, c.code, c.position, s.raw[c.position] AS raw, s.units[c.position] AS units, s.score, s.rank,
	c.transform, c.cap, c.weight, c.minimum_givers, r.refresh_id
FROM score_refresh AS r JOIN score_model AS m USING (program_id, model_id)
JOIN member_score AS s USING (program_id, refresh_id) JOIN score_component AS c USING (program_id, version_id)
WHERE r.program_id = current_program() AND r.status = 'done';
-- amounts: none is missing, none differs beyond the rounding of floats
SELECT code, count(*) AS members, count(*) FILTER (WHERE p.raw <> 0) AS with_some,
	count(*) FILTER (WHERE p.raw IS NULL OR o.raw IS NULL OR abs(p.raw - o.raw) > 1e-9 * greatest(1, abs(o.raw))) AS differ
FROM part AS p FULL JOIN oracle AS o USING (member_id, code) GROUP BY code ORDER BY code;
-- normalised, weighted, summed and ranked in plain SQL
CREATE TEMP TABLE expected AS
SELECT member_id, sum(contribution) AS score FROM (
	SELECT p.member_id, p.code, round(p.weight * CASE
		WHEN p.minimum_givers > 0 AND (SELECT count(DISTINCT c.member_id) FROM counted AS c WHERE c.target_id = p.member_id
			AND c.member_id <> c.target_id AND c.type = 'thanks' AND c.occurred_at >= '2024-04-01') < p.minimum_givers THEN 0
		WHEN p.transform = 'linear' THEN least(greatest(p.raw / p.cap, 0), 1)::numeric(20, 6)
		WHEN p.transform = 'log' THEN least(ln(1 + greatest(p.raw, 0)) / ln(1 + p.cap), 1)::numeric(20, 6)
		ELSE (percent_rank() OVER (PARTITION BY p.code ORDER BY p.raw))::numeric(20, 6) END, 6) AS contribution
	FROM part AS p) AS x GROUP BY member_id;
SELECT count(*) AS members, count(*) FILTER (WHERE s.score IS DISTINCT FROM e.score) AS differ,
	count(*) FILTER (WHERE s.rank IS DISTINCT FROM e.rank) AS rank_differs, count(DISTINCT s.score) > 60 AS spread
FROM (SELECT *, rank() OVER (ORDER BY score DESC) AS rank FROM expected) AS e
FULL JOIN (SELECT * FROM score WHERE model = 'all') AS s ON s.member = e.member_id;
SELECT count(*) AS lacking FROM part WHERE code = 'thanked' AND units = 0 AND raw > 0;

-- every explanation sums to the score, and what is said to be missing is enough and not too much
CREATE TEMP TABLE told AS SELECT s.member, s.score, s.parts, x.* FROM score AS s, explain_score(s.member, 'all') AS x WHERE s.model = 'all';
SELECT count(*) AS members, count(*) FILTER (WHERE score <> sum) AS differ, count(*) FILTER (WHERE score <> parts) AS parts_differ,
	bool_and(most = 1) AS one_raises_most, max(abs(shapley)) < 1000 AS bounded
FROM (SELECT member, score, sum(contribution) AS sum, count(*) FILTER (WHERE raises_most) AS most, sum(shapley) AS shapley,
	(SELECT sum(value::numeric) FROM jsonb_each(parts)) AS parts FROM told GROUP BY member, score, parts) AS s;
SELECT count(*) AS lines, bool_and(abs(round(sum, 4)) < 0.001) AS shapley_sums_to_nothing
FROM (SELECT component, sum(shapley) AS sum FROM told GROUP BY component) AS s;
SELECT count(*) > 50 AS some,
	count(*) FILTER (WHERE score - contribution + round(t.weight * normalise_score(t.raw + t.missing_to_line, c.transform, c.cap), 6) < 50) AS not_enough,
	count(*) FILTER (WHERE missing_to_line > 1e-6 AND score - contribution
		+ round(t.weight * normalise_score(t.raw + t.missing_to_line * (1 - 1e-9), c.transform, c.cap), 6) >= 50) AS too_much
FROM told AS t JOIN score_component AS c ON c.program_id = current_program() AND c.code = t.component
	AND c.version_id = (SELECT max(r.version_id) FROM score_refresh AS r WHERE r.refresh_id IN (SELECT refresh_id FROM part))
WHERE t.missing_to_line IS NOT NULL AND t.score < 50 AND NOT lacks_givers;
SELECT count(*) AS differ FROM told AS t WHERE raises_most AND EXISTS (SELECT FROM told AS o WHERE o.member = t.member
	AND greatest(o.weight, 0) - o.contribution > greatest(t.weight, 0) - t.contribution);

-- components in another order, rows in another order: the same scores
CALL refresh_scores('reversed', '2024-05-01');
SELECT count(*) AS differ FROM (SELECT * FROM score WHERE model = 'all') AS a
FULL JOIN (SELECT * FROM score WHERE model = 'reversed') AS b USING (member)
WHERE a.score IS DISTINCT FROM b.score OR a.rank <> b.rank OR a.super_user <> b.super_user OR a.parts <> b.parts;

-- a second refresh changes nothing, a late one is like a timely one
CREATE TEMP TABLE before AS SELECT s.*, s.xmin::text AS transaction FROM member_score AS s WHERE program_id = current_program();
SELECT count(*) AS refreshes FROM score_refresh;
CALL refresh_scores('all', '2024-05-01');
SELECT count(*) AS refreshes FROM score_refresh;
SELECT count(*) AS differ FROM before AS a FULL JOIN (SELECT s.*, s.xmin::text AS transaction FROM member_score AS s
	WHERE program_id = current_program()) AS b ON a = b WHERE a IS NULL OR b IS NULL;
SELECT count(record(m, 'order', 'after' || m, 700, '2024-05-20')) FROM generate_series(40, 60) AS m;
SELECT count(record(40 + n % 20, 'thanks', 'more' || n, 0, '2024-06-01'::timestamptz + n * interval '1 minute', target => 70)) FROM generate_series(1, 40) AS n;
CALL refresh_scores('all', '2024-05-01');
SELECT count(*) AS refreshes FROM score_refresh;
-- an event that comes late is counted: the refresh takes the place of the other
SELECT count(record(33, 'order', 'late', 90000, '2024-04-30')) AS late;
CALL refresh_scores('all', '2024-05-01');
SELECT count(*) AS refreshes, count(superseded_at) AS superseded FROM score_refresh;
SELECT b.member_id, b.score < a.score * 1000000 AS higher FROM before AS b JOIN score AS a ON a.member = b.member_id AND a.model = 'all'
WHERE b.member_id = 33 AND b.refresh_id = (SELECT min(refresh_id) FROM score_refresh);
-- time goes on, and not back
CALL refresh_scores('all', '2024-06-05');
CALL refresh_scores('all', '2024-05-15');
SELECT count(*) > 0 AS compared, count(*) FILTER (WHERE c.change <> after_contribution - before_contribution) AS differ,
	count(*) FILTER (WHERE x.change IS DISTINCT FROM c.change) AS explained_otherwise
FROM compare_scores('all', '2024-05-01', '2024-06-05') AS c
LEFT JOIN LATERAL (SELECT e.change FROM explain_score(c.member, 'all') AS e WHERE e.component = c.component) AS x ON true;
SELECT rule, object, detail FROM check_installation('full', current_program());
