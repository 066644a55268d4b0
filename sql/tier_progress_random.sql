-- When a tier will be lost, for random members at random times: it must be what
-- tenures() comes to if nothing more is recorded, and must stay the same once
-- more is.  Were this broken, a date would be wrong in some case nobody wrote
-- down, or depend on what happened later.
CREATE SCHEMA tier_random_test;
SET search_path = tier_random_test, public;
SET client_min_messages = warning;
SET datestyle = 'ISO, YMD';
SET timezone = 'UTC';
SELECT community.create_program('tier_progress_random', 'Europe/Berlin') > 0 AS made;
SET community.program = 'tier_progress_random';
SELECT community.current_program() AS program \gset
SELECT setseed(0.42) \gset

INSERT INTO community.measure (program_id, name, kind, types)
SELECT :program, m.name, m.kind, m.types FROM (VALUES
	('spend', 'sum', '{order}'::text[]), ('orders', 'count', '{order}'), ('days', 'distinct_days', NULL),
	('friends', 'distinct_counterparts', '{thank}'), ('best', 'maximum', '{order}'), ('tenure', 'membership_days', NULL),
	('glow', 'engagement', NULL)) AS m (name, kind, types);
INSERT INTO community.ladder (program_id, name) SELECT :program, name FROM unnest('{terms,drops,years}'::text[]) AS name;
-- settings, and per tier "needs: measure,period,attain,keep; ..."
CREATE FUNCTION publish(ladder text, valid tstzrange, settings jsonb, VARIADIC tiers text[]) RETURNS void LANGUAGE sql AS $$
	INSERT INTO community.ladder_version (program_id, version_id, ladder_id, valid, definition)
	SELECT l.program_id, community.next_id(), l.ladder_id, valid, settings || jsonb_build_object('name', ladder, 'tiers', (
		SELECT jsonb_agg(jsonb_build_object('rank', t.n, 'name', split_part(t.tier, ':', 1), 'entry', 'qualify',
			'needs', nullif(split_part(t.tier, ':', 2), '')::integer, 'requirements', (
			SELECT jsonb_agg(jsonb_build_object('position', r.n, 'measure_id', m.measure_id, 'period', split_part(r.need, ',', 2),
				'attain', split_part(r.need, ',', 3)::numeric, 'keep', split_part(r.need, ',', 4)::numeric) ORDER BY r.n)
			FROM unnest(string_to_array(split_part(t.tier, ':', 3), ';')) WITH ORDINALITY AS r (need, n)
			JOIN community.measure AS m ON m.program_id = l.program_id AND m.name = split_part(r.need, ',', 1))) ORDER BY t.n)
		FROM unnest(tiers) WITH ORDINALITY AS t (tier, n)))
	FROM community.ladder AS l WHERE l.program_id = community.current_program() AND l.name = ladder $$;
SELECT publish('terms', '(,2025-06-01)', '{"promotion": "at_once", "demotion": "term_end", "term": "2 months", "term_rounding": "calendar month", "grace": "10 days", "landing": "qualified"}',
	'a::spend,rolling 60 days,100,80', 'b:2:spend,rolling 60 days,200,150;friends,calendar quarter,2,1;days,rolling 30 days,4,3',
	'c::spend,calendar year,800,700;best,rolling 90 days,50,40');
SELECT publish('terms', '[2025-06-01,)', '{"promotion": "at_once", "demotion": "term_end", "term": "3 months", "grandfather": true, "landing": "one_down"}',
	'new::orders,lifetime,1,1', 'a::spend,rolling 60 days,120,100', 'c::spend,calendar year,700,500');
SELECT publish('drops', '(,)', '{"promotion": "at_once", "demotion": "drop", "dwell": "20 days", "grace": "5 days", "landing": "qualified"}',
	'd::days,rolling 30 days,3,2;tenure,lifetime,30,30', 'e::orders,rolling 2 months,6,4', 'f::glow,lifetime,5,3.5');
SELECT publish('years', '(,)', '{"promotion": "period_end", "promotion_period": "calendar month", "demotion": "term_end", "term_rounding": "anniversary year", "landing": "one_down"}',
	'g::spend,anniversary year,300,250', 'h:1:orders,calendar quarter,8,5;friends,rolling 90 days,3,2');
SELECT count(community.enroll(i, joined_at => '2024-10-01'::timestamptz + i * interval '4 days 3 hours')) FROM generate_series(1, 25) AS i;
CREATE TABLE happens AS
SELECT n, 1 + (random() * 24)::int AS who, CASE WHEN random() < 0.7 THEN 'order' WHEN random() < 0.7 THEN 'thank' ELSE 'post' END AS type,
	(random() * 60)::int - 5 AS amount, '2025-01-01'::timestamptz + random() * interval '400 days' AS at, 1 + (random() * 24)::int AS target
FROM generate_series(1, 700) AS n;
CREATE TABLE answers (at timestamptz, member bigint, ladder text, tier text, loses_at timestamptz, lost_at timestamptz);

-- the first time from which neither the tier is held nor one above it; names of
-- tiers rank alike in all versions
CREATE FUNCTION rank_of(tier text) RETURNS integer IMMUTABLE LANGUAGE sql AS $$ SELECT strpos('new a b c d e f g h', tier) $$;
CREATE FUNCTION lost_at(member bigint, ladder text, tier text, at timestamptz) RETURNS timestamptz LANGUAGE sql AS $$
	WITH t AS MATERIALIZED (SELECT during FROM community.tenures(member, ladder, at + interval '190 years') AS t WHERE rank_of(t.tier) >= rank_of(lost_at.tier))
	SELECT min(upper(a.during)) FROM t AS a WHERE upper(a.during) > at
	AND NOT EXISTS (SELECT FROM t AS b WHERE b.during @> upper(a.during)) $$;
DO $$
DECLARE
	h record;
	a timestamptz;
	b timestamptz := '2024-12-31';
BEGIN
	FOREACH a IN ARRAY '{2025-02-15 07:00:00.5, 2025-03-31, 2025-05-20 12:34:56, 2025-07-01, 2025-11-11 11:11:11.111111, 2026-02-10}'::timestamptz[] LOOP
		FOR h IN SELECT * FROM happens WHERE at > b AND at <= a ORDER BY at + CASE WHEN n % 7 = 0 THEN interval '20 days' ELSE '0' END LOOP
			PERFORM community.record(h.who, h.type, 'k' || h.n, h.amount, h.at, CASE WHEN h.type = 'thank' AND h.target <> h.who THEN h.target END);
		END LOOP;
		INSERT INTO answers SELECT DISTINCT a, m.member_id, l.name, p.tier, p.loses_at, lost_at(m.member_id, l.name, p.tier, a)
		FROM community.member AS m, community.ladder AS l, community.progress(m.member_id, l.name, a) AS p
		WHERE m.program_id = community.current_program() AND l.program_id = m.program_id AND p.goal = 'keep';
		b := a;
	END LOOP;
END $$;
SELECT count(*) > 150 AS enough, count(loses_at) > 100 AS lost, count(*) FILTER (WHERE loses_at IS NULL) > 0 AS kept FROM answers;
SELECT * FROM answers WHERE loses_at IS DISTINCT FROM lost_at;
-- the same by all that is known at the end, also from standings worked out later
CALL community.review_tiers('2026-03-01');
SELECT a.at, a.member, a.ladder, a.tier, a.loses_at, p.tier AS now_tier, p.loses_at AS now_loses_at
FROM answers AS a LEFT JOIN LATERAL (SELECT DISTINCT tier, loses_at FROM community.progress(a.member, a.ladder, a.at) AS p WHERE p.goal = 'keep') AS p ON true
WHERE (a.tier, a.loses_at) IS DISTINCT FROM (p.tier, p.loses_at);
-- and each tier is explained by requirements that are met: two of the three of
-- b, also where that is carried into a version without it
SELECT DISTINCT a.at, a.member, a.ladder, x.tier, x.reason, count(*) FILTER (WHERE met), count(*)
FROM answers AS a, LATERAL (SELECT DISTINCT tier, reason, requirement, met FROM community.explain_tier(a.member, a.ladder, a.at)) AS x
WHERE x.reason IN ('promoted', 'renewed', 'recovered')
GROUP BY a.at, a.member, a.ladder, x.tier, x.reason
HAVING count(*) FILTER (WHERE met) < CASE WHEN count(*) = 3 THEN 2 WHEN x.tier = 'h' THEN 1 ELSE count(*) END;
SELECT community.rebuild('standings') AS wrong;
