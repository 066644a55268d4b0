-- Why a tier is held, and which ones were held when.  Were this broken, a
-- member would be told reasons that did not decide, or a history that is not
-- the one that was believed.
CREATE SCHEMA tier_explain_test;
SET search_path = tier_explain_test, public;
SET client_min_messages = warning;
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
SET timezone = 'Europe/Berlin';
SELECT community.create_program('tier_explain', 'Europe/Berlin') > 0 AS made;
SET community.program = 'tier_explain';
SELECT community.current_program() AS program \gset

INSERT INTO community.measure (program_id, name, kind, types, payload_filter)
SELECT :program, m.name, m.kind, m.types, m.filter FROM (VALUES
	('spend', 'sum', '{order}'::text[], '{"paid": true}'::jsonb), ('days', 'distinct_days', NULL, NULL),
	('glow', 'engagement', NULL, NULL), ('tenure', 'membership_days', NULL, NULL)) AS m (name, kind, types, filter);
INSERT INTO community.measure (program_id, name, kind, currency_id)
SELECT :program, 'earned', 'points', currency_id FROM community.currency WHERE program_id = :program;
-- need(measure, period, attain, keep): a requirement
CREATE FUNCTION need(text, text, numeric, numeric) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_build_object('position', 1, 'measure_id', m.measure_id, 'period', $2, 'attain', $3, 'keep', $4)
	FROM community.measure AS m WHERE m.name = $1 AND m.program_id = community.current_program() $$;
-- publish(name, settings, tiers, valid): a version, as publish_ladder() writes it
CREATE FUNCTION publish(name text, settings jsonb, tiers jsonb, valid tstzrange DEFAULT '(,)')
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	p bigint := community.current_program();
	id bigint;
BEGIN
	SELECT ladder_id INTO id FROM community.ladder AS l WHERE l.program_id = p AND l.name = publish.name;
	IF id IS NULL THEN
		INSERT INTO community.ladder (program_id, name) VALUES (p, publish.name) RETURNING ladder_id INTO id;
	END IF;
	INSERT INTO community.ladder_version (program_id, version_id, ladder_id, valid, definition, published_at)
	SELECT p, community.next_id(), id, publish.valid,
		'{"promotion": "at_once", "demotion": "never", "landing": "qualified", "grace": "0", "dwell": "0"}'
			|| settings || jsonb_build_object('name', publish.name, 'tiers', (
			SELECT jsonb_agg('{"entry": "qualify"}' || t.tier || jsonb_build_object('rank', t.n) ORDER BY t.n)
			FROM jsonb_array_elements(tiers) WITH ORDINALITY AS t (tier, n))),
		CASE WHEN lower_inf(publish.valid) THEN '2024-01-01' ELSE lower(publish.valid) END;
END $$;
CREATE FUNCTION tier(name text, VARIADIC needs jsonb[]) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_build_object('name', name, 'requirements', to_jsonb(needs)) $$;
-- the tenure alone, and what was judged, with the events by their keys
CREATE FUNCTION tenure(member bigint, ladder text, at timestamptz) RETURNS TABLE (tier text, rank integer, source text,
	since timestamptz, until timestamptz, ends_at timestamptz, reason text, key text, published date) LANGUAGE sql AS $$
	SELECT DISTINCT tier, rank, source, lower(during), upper(during), ends_at, reason, key, published_at::date
	FROM community.explain_tier(member, ladder, at) $$;
CREATE FUNCTION judged(member bigint, ladder text, at timestamptz) RETURNS TABLE (n integer, measure text, period text,
	need numeric, had numeric, met boolean, event text, occurred_at timestamptz, amount numeric) LANGUAGE sql AS $$
	SELECT x.requirement, x.measure, x.period, x.need, round(x.had, 9), x.met, e.key, x.occurred_at, round(x.amount, 9)
	FROM community.explain_tier(member, ladder, at) AS x
	LEFT JOIN community.event AS e ON e.program_id = community.current_program() AND e.event_id = x.event_id
	ORDER BY x.requirement, x.occurred_at, x.event_id $$;

SELECT count(community.enroll(i, joined_at => '2024-01-10 12:00')) FROM generate_series(1, 5) AS i;
SELECT publish('spending', '{"demotion": "term_end", "term": "1 month", "grace": "10 days"}',
	jsonb_build_array(tier('one', need('spend', 'rolling 30 days', 50, 20)),
		tier('two', need('spend', 'rolling 30 days', 100, 70), need('days', 'calendar month', 2, 1))), '(,2025-01-01)');
SELECT count(community.record(1, x.type, x.key, x.amount, x.at, payload => jsonb_build_object('paid', x.paid))) FROM (VALUES
	('order', 'old', 30, '2024-02-20 09:00'::timestamptz, true), ('order', 'a', 60, '2024-03-02 09:00', true),
	('order', 'unpaid', 500, '2024-03-03 09:00', false), ('visit', 'v', 0, '2024-03-04 09:00', true),
	('order', 'b', 45, '2024-03-22 09:00', true), ('order', 'c', 20, '2024-04-20 09:00', true)) AS x (type, key, amount, at, paid);
SELECT lower(during) AS since, tier, source, ends_at, reason FROM community.tenures(1, 'spending', '2024-12-01');

-- promoted: what attained it, with what happened at that time; by the second
-- time the oldest order has fallen out
SELECT * FROM tenure(1, 'spending', '2024-03-15');
SELECT * FROM judged(1, 'spending', '2024-03-15');
SELECT * FROM judged(1, 'spending', '2024-03-25');
-- grace: just before the term ended there was not what would have kept it
SELECT * FROM tenure(1, 'spending', '2024-04-25');
SELECT * FROM judged(1, 'spending', '2024-04-25');
-- demoted: what keeps the tier where the member landed
SELECT * FROM tenure(1, 'spending', '2024-05-10');
SELECT * FROM judged(1, 'spending', '2024-05-10');
-- none
SELECT * FROM community.explain_tier(1, 'spending', '2024-01-20');
SELECT * FROM community.explain_tier(1, 'spending', '2024-08-01');
-- a correction changes what is told
SELECT replay FROM community.reverse('b', 'returned', 5);
SELECT * FROM judged(1, 'spending', '2024-03-25');
SELECT replay FROM community.reverse('a', 'returned');
SELECT * FROM community.explain_tier(1, 'spending', '2024-03-25');

-- renewed: just before the end of the term, when an event at that instant does
-- not count yet, and one is about to fall out
SELECT count(community.record(2, 'order', x.key, x.amount, x.at, payload => '{"paid": true}')) FROM (VALUES
	('d', 55, '2024-06-01 10:00'::timestamptz), ('e', 25, '2024-06-05 10:00'), ('f', 1, '2024-07-01 10:00'), ('g', 70, '2024-07-31 10:00')) AS x (key, amount, at);
SELECT * FROM tenure(2, 'spending', '2024-07-15');
SELECT * FROM judged(2, 'spending', '2024-07-15');
SELECT * FROM judged(2, 'spending', '2024-08-02');

-- engagement, points and days of membership
SELECT publish('mixed', '{"demotion": "drop"}', jsonb_build_array(tier('all three', need('glow', 'lifetime', 2, 1),
	need('earned', 'calendar year', 90, 50), need('tenure', 'lifetime', 60, 60)) || '{"needs": 2}'));
INSERT INTO community.accrual_rule (program_id, name, type, currency_id, position, effect, points)
SELECT :program, 'each', 'post', currency_id, 1, 'fixed', 25 FROM community.currency WHERE program_id = :program;
SELECT count(community.record(3, 'post', 'p' || i, 0, '2024-02-01 12:00'::timestamptz + i * interval '45 days')) FROM generate_series(0, 4) AS i;
SELECT community.record(4, 'post', 'q', 0, '2024-02-01 12:00') IS NOT NULL AS recorded;
SELECT lower(during) AS since, tier, reason FROM community.tenures(3, 'mixed', '2024-12-01');
SELECT * FROM tenure(3, 'mixed', '2024-08-01');
SELECT * FROM judged(3, 'mixed', '2024-08-01');

-- a grant above: its key and reason, no requirements
INSERT INTO community.tenure (program_id, member_id, ladder_id, tier, rank, source, during, ends_at, reason, key)
SELECT program_id, 2, ladder_id, 'two', 2, 'granted', '[2024-06-20,2024-07-20)', '2024-07-20', 'a good deed', 'grant 1'
FROM community.ladder WHERE program_id = :program AND name = 'spending';
SELECT * FROM tenure(2, 'spending', '2024-07-15');
SELECT requirement, measure, need, had, met, event_id, version_id FROM community.explain_tier(2, 'spending', '2024-07-15');
SELECT * FROM tenure(2, 'spending', '2024-07-25');

-- grandfathered: the old version decided, although the tenure is one of the new
SELECT publish('spending', '{"demotion": "term_end", "term": "2 months", "grandfather": true}',
	jsonb_build_array(tier('one', need('spend', 'lifetime', 1000, 900))), '[2025-01-01,)');
SELECT count(community.record(5, 'order', x.key, x.amount, x.at, payload => '{"paid": true}')) FROM (VALUES
	('h', 60, '2024-12-20 10:00'::timestamptz), ('i', 30, '2025-01-10 10:00')) AS x (key, amount, at);
SELECT * FROM tenure(5, 'spending', '2025-01-19');
SELECT lower(during) AS since, t.tier, t.reason, v.published_at::date FROM community.tenures(5, 'spending', '2025-03-01') AS t
JOIN community.ladder_version AS v ON v.program_id = :program AND v.version_id = t.version_id ORDER BY 1;
SELECT * FROM tenure(5, 'spending', '2025-01-25');
SELECT * FROM judged(5, 'spending', '2025-01-25');

-- History: as it is, whether it was reviewed or not; nothing is recorded yet of
-- what time has done since.
CREATE FUNCTION history(member bigint, ladder text, known_at timestamptz) RETURNS TABLE (ladder_name text, tier text, rank integer,
	source text, since timestamptz, until timestamptz, reason text, recorded boolean, superseded boolean) LANGUAGE sql AS $$
	SELECT ladder_name, tier, rank, source, lower(during), upper(during), reason, recorded_at IS NOT NULL, superseded_at IS NOT NULL
	FROM community.tier_history(member, ladder, known_at) $$;
SELECT * FROM history(2, NULL, NULL);
SELECT pg_sleep(0.002), clock_timestamp() AS before_review \gset
SELECT pg_sleep(0.002) \gset
CALL community.review_tiers();
SELECT * FROM history(2, NULL, NULL);
SELECT * FROM history(2, 'spending', NULL) EXCEPT SELECT * FROM history(2, 'spending', clock_timestamp());
SELECT * FROM history(2, 'spending', :'before_review');
-- a late event: what was believed stays what was believed
SELECT pg_sleep(0.002), clock_timestamp() AS before_late \gset
SELECT pg_sleep(0.002) \gset
SELECT community.record(2, 'order', 'late', 200, '2024-06-10 10:00', payload => '{"paid": true}') IS NOT NULL AS recorded;
SELECT * FROM history(2, 'spending', NULL);
SELECT * FROM history(2, 'spending', :'before_late');
SELECT community.tier(2, 'spending', t) AS now, community.tier(2, 'spending', t, :'before_late') AS before_late,
	community.tier(2, 'spending', t, :'before_review') AS before_review, community.tier(2, 'spending', t, '2024-01-01') AS long_ago
FROM unnest('{2024-06-08, 2024-06-12, 2024-07-15, 2024-08-25}'::timestamptz[]) AS t;

-- refusals
\set VERBOSITY terse
SELECT * FROM community.explain_tier(1, 'stairs');
SELECT * FROM community.explain_tier(99, 'spending');
SELECT * FROM community.explain_tier(1, 'spending', NULL);
SELECT * FROM community.tier_history(1, 'stairs');
SELECT * FROM community.tier_history(99);
SELECT * FROM community.tier_history(NULL);
SELECT community.tier(99, 'spending', known_at => now());
