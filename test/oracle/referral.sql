-- The oracle of referrals: who stands where in the forest, worked out from
-- the rows of referral and referral_move by the laws of doc/referral.md,
-- slowly and in plain steps.  It knows nothing of how the extension does it.
--
--   o_edges(program, at)     who had which sponsor at that time
--   o_load(program, at)      the same into o_edge, and everybody's path into
--                            o_place, from the root to the member itself
--   o_is_below(member, of)   in the forest that was loaded
--   o_differ(program, at, pairs)   where the functions that read say otherwise
--
-- A test includes it once there is a program, and ends with
-- DROP SCHEMA referral_oracle CASCADE.

CREATE SCHEMA referral_oracle;
SET search_path = referral_oracle, public;

-- ---------------------------------------------------------------- the forest

-- The sponsor at a time is where the first later move came from, and without
-- one what it is now.  'infinity' is the present.
CREATE FUNCTION o_edges(program bigint, at timestamptz)
RETURNS TABLE (member_id bigint, sponsor_id bigint, joined_at timestamptz) LANGUAGE sql AS $$
	SELECT r.member_id, CASE WHEN later.move_id IS NULL THEN r.sponsor_id ELSE later.from_id END, r.joined_at
	FROM community.referral AS r
	LEFT JOIN LATERAL (SELECT m.move_id, m.from_id FROM community.referral_move AS m
		WHERE m.program_id = r.program_id AND m.member_id = r.member_id AND m.moved_at > at
		ORDER BY m.moved_at LIMIT 1) AS later ON true
	WHERE r.program_id = program AND r.joined_at <= at
$$;

-- Of the forest that is loaded.  Members without an edge are roots; whoever
-- no root leads to stands in a cycle, or below one, and has no place.
CREATE TABLE o_edge (member_id bigint PRIMARY KEY, sponsor_id bigint, joined_at timestamptz);
CREATE INDEX ON o_edge (sponsor_id);
CREATE TABLE o_place (member_id bigint PRIMARY KEY, path bigint[], joined_at timestamptz);

CREATE FUNCTION o_load(program bigint, at timestamptz) RETURNS bigint LANGUAGE sql AS $$
	TRUNCATE o_edge, o_place;
	INSERT INTO o_edge SELECT * FROM o_edges(program, at);
	INSERT INTO o_place
	WITH RECURSIVE place (member_id, path, joined_at) AS (
		SELECT m.member_id, ARRAY[m.member_id], e.joined_at
		FROM community.member AS m LEFT JOIN o_edge AS e USING (member_id)
		WHERE m.program_id = program AND e.sponsor_id IS NULL
		UNION ALL
		SELECT e.member_id, p.path || e.member_id, e.joined_at
		FROM place AS p JOIN o_edge AS e ON e.sponsor_id = p.member_id
		WHERE e.member_id <> ALL (p.path))
	SELECT * FROM place;
	SELECT count(*) FROM o_place
$$;

-- -------------------------------------------------------------------- reading

CREATE FUNCTION o_is_below(member bigint, of bigint) RETURNS boolean LANGUAGE sql AS $$
	SELECT of <> member AND of = ANY (path) FROM o_place WHERE member_id = member
$$;

CREATE FUNCTION o_generation(member bigint) RETURNS integer LANGUAGE sql AS $$
	SELECT cardinality(path) - 1 FROM o_place WHERE member_id = member
$$;

CREATE VIEW o_upline AS
SELECT p.member_id AS of, (cardinality(p.path) - a.n)::integer AS level, a.member_id,
	e.joined_at
FROM o_place AS p, unnest(p.path) WITH ORDINALITY AS a (member_id, n), o_edge AS e
WHERE a.n < cardinality(p.path) AND e.member_id = p.path[a.n + 1];

-- Paths of one length are in the order of a walk by levels.
CREATE VIEW o_downline AS
SELECT a.member_id AS of, (cardinality(p.path) - a.n)::integer AS level, p.member_id,
	p.path[cardinality(p.path) - 1] AS sponsor_id, p.joined_at,
	row_number() OVER (PARTITION BY a.member_id ORDER BY cardinality(p.path), p.path) AS place
FROM o_place AS p, unnest(p.path) WITH ORDINALITY AS a (member_id, n)
WHERE a.n < cardinality(p.path);

CREATE FUNCTION o_common(a bigint, b bigint) RETURNS bigint LANGUAGE sql AS $$
	SELECT x.member_id
	FROM o_place AS p, o_place AS q, unnest(p.path) WITH ORDINALITY AS x (member_id, n)
	WHERE p.member_id = a AND q.member_id = b AND x.member_id = ANY (q.path)
	ORDER BY x.n DESC LIMIT 1
$$;

-- --------------------------------------------------------------- differences

-- Where upline(), downline(), generation(), is_upline() and common_sponsor()
-- say otherwise, of the forest that is loaded; so many pairs of members are
-- compared by the last two.
CREATE FUNCTION o_differ(program bigint, at timestamptz, pairs integer DEFAULT 1000)
RETURNS TABLE (what text, member bigint, other bigint, detail text) LANGUAGE sql AS $$
	(WITH said AS MATERIALIZED (
		SELECT p.member_id AS of, u.level, u.member_id, u.joined_at
		FROM o_place AS p, community.upline(p.member_id, NULL, at, program) AS u)
	SELECT 'upline', x.of, x.member_id, x::text
	FROM ((TABLE said EXCEPT TABLE o_upline) UNION ALL (TABLE o_upline EXCEPT TABLE said)) AS x)
	UNION ALL
	(WITH said AS MATERIALIZED (
		SELECT p.member_id AS of, d.level, d.member_id, d.sponsor_id, d.joined_at, d.place
		FROM o_place AS p, ROWS FROM (community.downline(p.member_id, NULL, at, program))
			WITH ORDINALITY AS d (level, member_id, sponsor_id, joined_at, place))
	SELECT 'downline', x.of, x.member_id, x::text
	FROM ((TABLE said EXCEPT TABLE o_downline) UNION ALL (TABLE o_downline EXCEPT TABLE said)) AS x)
	UNION ALL
	SELECT 'three levels up', p.member_id, NULL, g.said::text
	FROM o_place AS p, LATERAL (SELECT ARRAY(SELECT u.member_id
			FROM community.upline(p.member_id, 3, at, program) AS u ORDER BY u.level) AS said) AS g
	WHERE g.said <> ARRAY(SELECT u.member_id FROM o_upline AS u WHERE u.of = p.member_id AND u.level <= 3 ORDER BY u.level)
	UNION ALL
	SELECT 'two levels down', p.member_id, NULL, g.said::text
	FROM o_place AS p, LATERAL (SELECT count(*) AS said
			FROM community.downline(p.member_id, 2, at, program)) AS g
	WHERE g.said <> (SELECT count(*) FROM o_downline AS d WHERE d.of = p.member_id AND d.level <= 2)
	UNION ALL
	SELECT 'generation', p.member_id, NULL, community.generation(p.member_id, at, program)::text
	FROM o_place AS p
	WHERE community.generation(p.member_id, at, program) <> cardinality(p.path) - 1
	UNION ALL
	SELECT 'is_upline', x.a, x.b, NULL
	FROM (SELECT a.member_id AS a, b.member_id AS b, b.path FROM o_place AS a, o_place AS b
		ORDER BY hashint8extended(a.member_id # (b.member_id << 7), 1) LIMIT pairs) AS x
	WHERE community.is_upline(x.a, x.b, at, program) <> (x.a <> x.b AND x.a = ANY (x.path))
	UNION ALL
	SELECT 'common_sponsor', x.a, x.b, NULL
	FROM (SELECT a.member_id AS a, b.member_id AS b FROM o_place AS a, o_place AS b
		ORDER BY hashint8extended(a.member_id # (b.member_id << 7), 2) LIMIT pairs) AS x
	WHERE community.common_sponsor(x.a, x.b, at, program) IS DISTINCT FROM o_common(x.a, x.b)
$$;
