-- Members and their events for a composite score of six components, and the
-- same score by hand.

CREATE FUNCTION make_scores(members bigint, events integer)
RETURNS bigint LANGUAGE plpgsql SET session_replication_role = replica AS $$
DECLARE
	at timestamptz := date_trunc('day', now()) - interval '400 days';
BEGIN
	PERFORM public.start_over(members);
	TRUNCATE community.score_refresh, community.member_score, community.super_user_tenure;
	PERFORM setseed(0.5);
	INSERT INTO community.event (program_id, member_id, type, key, amount, occurred_at, engagement,
		target_id)
	SELECT community.current_program(), 1 + floor(random() ^ 1.5 * members)::bigint,
		t.type, n::text, CASE t.type WHEN 'order' THEN floor(20000 * random())::bigint ELSE 0 END,
		at + random() * interval '399 days', 1,
		CASE WHEN t.type IN ('thanks', 'up', 'down') THEN 1 + floor(random() ^ 1.5 * members)::bigint END
	FROM generate_series(1, members * events) AS n
	CROSS JOIN LATERAL (SELECT (ARRAY['order', 'order', 'post', 'thanks', 'up', 'up', 'down'])
		[1 + floor(7 * random() + n * 0)] AS type) AS t;
	PERFORM community.rebuild('engagement');
	PERFORM community.define_score_model('bench', '[
		{"code": "engaged", "kind": "engagement", "cap": 6, "weight": 25},
		{"code": "spent", "kind": "contribution", "types": ["order"], "method": "amount",
			"period": "rolling 365 days", "transform": "log", "cap": 100000, "weight": 25},
		{"code": "posts", "kind": "contribution", "types": ["post"], "transform": "percentile",
			"weight": 15},
		{"code": "recent", "kind": "contribution", "period": "rolling 90 days", "cap": 4, "weight": 10},
		{"code": "thanked", "kind": "contribution", "types": ["thanks"], "side": "received", "cap": 3,
			"weight": 15},
		{"code": "esteem", "kind": "esteem", "types": ["up"], "against": ["down"], "cap": 0.5,
			"weight": 10}]', top_share => 0.01);
	CREATE TABLE IF NOT EXISTS score_by_hand (program_id bigint NOT NULL, refresh_id bigint NOT NULL,
		member_id bigint NOT NULL, score bigint NOT NULL, rank bigint NOT NULL, falls_at timestamptz,
		units integer[] NOT NULL, raw float8[] NOT NULL, PRIMARY KEY (program_id, refresh_id, member_id));
	TRUNCATE score_by_hand;
	RETURN members;
END $$;

-- One statement that reads the events once and does all of it but for statuses
CREATE FUNCTION score_by_hand(refresh bigint, tenant bigint, at timestamptz)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	result bigint;
BEGIN
	WITH fix AS (
		SELECT x.corrects, sum(x.amount)::bigint AS amount,
			(array_agg(x.kind ORDER BY x.revision DESC))[1] IN ('reverse', 'retract') AS taken
		FROM community.event AS x
		WHERE x.program_id = tenant AND x.corrects IS NOT NULL AND x.occurred_at <= at GROUP BY x.corrects
	), net AS MATERIALIZED (
		SELECT coalesce(b.bearer_id, e.member_id) AS member_id, coalesce(o.bearer_id, e.target_id) AS target_id,
			e.type, e.occurred_at, e.amount + coalesce(f.amount, 0) AS amount
		FROM community.event AS e
		LEFT JOIN fix AS f ON f.corrects = e.event_id
		LEFT JOIN community.member_merge AS b ON b.program_id = tenant AND b.member_id = e.member_id
		LEFT JOIN community.member_merge AS o ON o.program_id = tenant AND o.member_id = e.target_id
		WHERE e.program_id = tenant AND e.corrects IS NULL AND e.occurred_at <= at
			AND (f.taken AND e.amount + f.amount = 0) IS NOT TRUE
	), given AS (
		SELECT n.member_id,
			sum(n.amount) FILTER (WHERE n.type = 'order' AND n.occurred_at > at - interval '365 days')::float8 AS spent,
			count(*) FILTER (WHERE n.type = 'post')::float8 AS posts,
			count(*) FILTER (WHERE n.occurred_at > at - interval '90 days')::float8 AS recent
		FROM net AS n GROUP BY n.member_id
	), received AS (
		SELECT n.target_id AS member_id, count(*) FILTER (WHERE n.type = 'thanks')::float8 AS thanked,
			community.wilson_lower_bound(count(*) FILTER (WHERE n.type = 'up'),
				count(*) FILTER (WHERE n.type IN ('up', 'down'))) AS esteem
		FROM net AS n WHERE n.target_id IS NOT NULL AND n.target_id <> n.member_id GROUP BY n.target_id
	), raw AS (
		SELECT m.member_id, coalesce(community.score_at(g.score, at), 0) AS engaged,
			coalesce(v.spent, 0) AS spent, coalesce(v.posts, 0) AS posts, coalesce(v.recent, 0) AS recent,
			coalesce(r.thanked, 0) AS thanked, coalesce(r.esteem, 0) AS esteem
		FROM community.member AS m
		JOIN community.engagement AS g ON g.program_id = tenant AND g.member_id = m.member_id
		LEFT JOIN given AS v ON v.member_id = m.member_id
		LEFT JOIN received AS r ON r.member_id = m.member_id
		WHERE m.program_id = tenant AND m.status = 'active' AND m.joined_at <= at
	), unit AS (
		SELECT x.*, round(least(greatest(x.engaged, 0) / 6, 1) * 1000000)::integer AS u1,
			round(least(ln(1 + greatest(x.spent, 0)) / ln(100001::float8), 1) * 1000000)::integer AS u2,
			round(percent_rank() OVER (ORDER BY x.posts) * 1000000)::integer AS u3,
			round(least(x.recent / 4, 1) * 1000000)::integer AS u4,
			round(least(x.thanked / 3, 1) * 1000000)::integer AS u5,
			round(least(x.esteem / 0.5, 1) * 1000000)::integer AS u6
		FROM raw AS x
	), scored AS (
		SELECT x.*, 25::bigint * x.u1 + 25 * x.u2 + 15 * x.u3 + 10 * x.u4 + 15 * x.u5 + 10 * x.u6 AS score
		FROM unit AS x
	)
	INSERT INTO score_by_hand
	SELECT tenant, refresh, s.member_id, s.score, rank() OVER (ORDER BY s.score DESC), NULL,
		ARRAY[s.u1, s.u2, s.u3, s.u4, s.u5, s.u6],
		ARRAY[s.engaged, s.spent, s.posts, s.recent, s.thanked, s.esteem]
	FROM scored AS s ORDER BY s.member_id;
	GET DIAGNOSTICS result = ROW_COUNT;
	RETURN result;
END $$;
