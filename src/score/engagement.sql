
-- ------------------------------------------------- engagement of members

CREATE FUNCTION community.super_users(
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (
	member pg_catalog.int8,
	external_id pg_catalog.text,
	rank pg_catalog.int8,
	percentile pg_catalog.numeric,
	engagement pg_catalog.float8,
	rfm pg_catalog.int4,
	last_at pg_catalog.timestamptz,
	frequency pg_catalog.int8,
	revenue pg_catalog.numeric,
	revenue_share pg_catalog.numeric)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 10000
SET search_path = pg_catalog, pg_temp
-- right after a load there are no statistics, and every set here may be large
SET enable_nestloop = off
AS $super_users$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH transaction AS (
		-- an event with its corrections, as it stood at that time
		SELECT min(coalesce(b.bearer_id, e.member_id)) AS member_id,
			min(e.occurred_at) FILTER (WHERE e.kind = 'record') AS occurred_at,
			sum(e.amount) AS amount
		FROM community.event AS e
		LEFT JOIN community.activity_type AS t
			ON t.program_id = e.program_id AND t.type = e.type
		LEFT JOIN community.member_merge AS b
			ON b.program_id = e.program_id AND b.member_id = e.member_id
		WHERE e.program_id = super_users.program
			AND e.occurred_at <= super_users.as_of
			AND t.revenue IS NOT FALSE
		GROUP BY coalesce(e.corrects, e.event_id)
		HAVING sum(e.amount) > 0
	), buyer AS (
		SELECT x.member_id, max(x.occurred_at) AS last_at,
			count(*) AS frequency, sum(x.amount) AS revenue
		FROM transaction AS x
		GROUP BY x.member_id
	), cut AS (
		SELECT percentile_disc(ARRAY[0.2, 0.4, 0.6, 0.8])
				WITHIN GROUP (ORDER BY b.last_at) AS last_at,
			percentile_disc(ARRAY[0.2, 0.4, 0.6, 0.8])
				WITHIN GROUP (ORDER BY b.frequency) AS frequency,
			percentile_disc(ARRAY[0.2, 0.4, 0.6, 0.8])
				WITHIN GROUP (ORDER BY b.revenue) AS revenue,
			sum(b.revenue) AS total
		FROM buyer AS b
	), later AS (
		-- what the scores hold of events that had not occurred by then
		SELECT coalesce(b.bearer_id, e.member_id) AS member_id,
			community.decayed_sum(e.engagement,
				coalesce(o.occurred_at, e.occurred_at), p.half_life) AS score
		FROM community.event AS e
		JOIN community.program AS p ON p.program_id = e.program_id
		LEFT JOIN community.event AS o
			ON o.program_id = e.program_id AND o.event_id = e.corrects
		LEFT JOIN community.member_merge AS b
			ON b.program_id = e.program_id AND b.member_id = e.member_id
		WHERE e.program_id = super_users.program
			AND e.occurred_at > super_users.as_of
		GROUP BY 1
	), board AS (
		SELECT g.member_id, CASE WHEN l.member_id IS NULL THEN g.score
			ELSE g.score OPERATOR(community.-) l.score END AS score
		FROM community.engagement AS g
		LEFT JOIN later AS l ON l.member_id = g.member_id
		WHERE g.program_id = super_users.program
	)
	SELECT m.member_id, m.external_id,
		rank() OVER (ORDER BY g.score DESC),
		round((100 * cume_dist() OVER (ORDER BY g.score))::numeric, 1),
		community.score_at(g.score, super_users.as_of),
		CASE WHEN b.member_id IS NOT NULL THEN
			(111
			+ 100 * (SELECT count(*) FROM unnest(c.last_at) AS u WHERE u < b.last_at)
			+ 10 * (SELECT count(*) FROM unnest(c.frequency) AS u WHERE u < b.frequency)
			+ (SELECT count(*) FROM unnest(c.revenue) AS u WHERE u < b.revenue))::integer
		END,
		b.last_at, coalesce(b.frequency, 0), coalesce(b.revenue, 0),
		coalesce(b.revenue / nullif(c.total, 0), 0)
	FROM community.member AS m
	JOIN board AS g ON g.member_id = m.member_id
	LEFT JOIN buyer AS b ON b.member_id = m.member_id
	CROSS JOIN cut AS c
	WHERE m.program_id = super_users.program AND m.status = 'active';
END
$super_users$;
COMMENT ON FUNCTION community.super_users IS
'every active member with rank, engagement, RFM cell and share of revenue at that time';
REVOKE ALL ON FUNCTION community.super_users FROM PUBLIC;
