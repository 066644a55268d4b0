-- What is missing for a tier, and when one will be lost.  Were this broken,
-- members would be told a wrong date, or be told of none and lose the tier.
CREATE SCHEMA tier_progress_test;
SET search_path = tier_progress_test, public;
SET client_min_messages = warning;
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
SET timezone = 'Europe/Berlin';
SELECT community.create_program('tier_progress', 'Europe/Berlin') > 0 AS made;
SET community.program = 'tier_progress';
SELECT community.current_program() AS program \gset

INSERT INTO community.measure (program_id, name, kind, types)
SELECT :program, m.name, m.kind, m.types FROM (VALUES
	('spend', 'sum', '{order}'::text[]), ('orders', 'count', '{order}'),
	('days', 'distinct_days', NULL), ('friends', 'distinct_counterparts', '{thank}'),
	('glow', 'engagement', NULL), ('tenure', 'membership_days', NULL)) AS m (name, kind, types);
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
	INSERT INTO community.ladder_version (program_id, version_id, ladder_id, valid, definition)
	SELECT p, community.next_id(), id, publish.valid,
		'{"promotion": "at_once", "demotion": "never", "landing": "qualified", "grace": "0", "dwell": "0"}'
			|| settings || jsonb_build_object('name', publish.name, 'tiers', (
			SELECT jsonb_agg('{"entry": "qualify"}' || t.tier || jsonb_build_object('rank', t.n) ORDER BY t.n)
			FROM jsonb_array_elements(tiers) WITH ORDINALITY AS t (tier, n)));
END $$;
CREATE FUNCTION tier(name text, VARIADIC needs jsonb[]) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_build_object('name', name, 'requirements', to_jsonb(needs)) $$;
CREATE FUNCTION progress(ladder text, member bigint, at timestamptz) RETURNS TABLE (tier text, goal text, n integer,
	measure text, period text, have numeric, need numeric, missing numeric, loses_at timestamptz, falls_at timestamptz)
LANGUAGE sql AS $$ SELECT p.tier, p.goal, p.requirement, p.measure, p.period, p.have, p.need, p.missing, p.loses_at, p.falls_at
	FROM community.progress(member, ladder, at) AS p $$;
-- Is the tier held until loses_at, and not from then on?  The member is worked
-- out at both times by itself.
CREATE FUNCTION is_exact(member bigint, ladder text, at timestamptz) RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN p.loses_at IS NULL THEN 'never, still ' || (community.tier(member, ladder, at + interval '199 years') = p.tier)
		ELSE format('%s until then, %s after', community.tier(member, ladder, p.loses_at - interval '1 microsecond'),
			coalesce(community.tier(member, ladder, p.loses_at), 'none')) END
	FROM community.progress(member, ladder, at) AS p WHERE p.goal = 'keep' LIMIT 1 $$;

SELECT count(community.enroll(i, joined_at => '2024-01-10 12:00')) FROM generate_series(1, 9) AS i;

-- A rolling window: 40 of 100 fall out after 30 days, to the microsecond, and
-- no hour is lost as the clocks go back on 27 October.
SELECT publish('rolls', '{"demotion": "drop"}', jsonb_build_array(
	tier('one', need('spend', 'rolling 30 days', 50, 20)),
	tier('two', need('spend', 'rolling 30 days', 100, 75), need('orders', 'lifetime', 2, 2)),
	tier('three', need('spend', 'rolling 30 days', 500, 400))));
SELECT count(community.record(1, 'order', x.key, x.amount, x.at)) FROM (VALUES
	('a', 40, '2024-10-01 18:00:00.000001'::timestamptz), ('b', 45, '2024-10-10 09:30'),
	('c', 25, '2024-10-20 00:00')) AS x (key, amount, at);
SELECT * FROM progress('rolls', 1, '2024-10-21');
SELECT is_exact(1, 'rolls', '2024-10-21');
-- what happened since does not count: on the 15th nothing was known of c
SELECT * FROM progress('rolls', 1, '2024-10-15');
SELECT * FROM progress('rolls', 1, '2024-10-01 18:00');
-- the lowest tier goes when the last but one is out
SELECT tier, goal, have, missing, loses_at, falls_at FROM progress('rolls', 1, '2024-11-01');
SELECT is_exact(1, 'rolls', '2024-11-01');
-- nobody yet
SELECT tier, goal, have, need, missing, loses_at FROM progress('rolls', 2, '2024-11-01');

-- A decayed score: 4 halves every 90 days; it keeps while it is 1.
SELECT publish('glows', '{"demotion": "drop", "grace": "10 days"}', jsonb_build_array(tier('warm', need('glow', 'lifetime', 2, 1))));
SELECT p.half_life FROM community.program AS p WHERE p.program_id = :program;
SELECT count(community.record(2, 'post', 'p' || i, 0, '2024-03-01 12:00:00')) FROM generate_series(1, 4) AS i;
SELECT tier, goal, have, need, missing, loses_at, falls_at FROM progress('glows', 2, '2024-03-01 12:00:00');
SELECT is_exact(2, 'glows', '2024-03-01 12:00:00');
SELECT tier, round(have, 9) AS have, loses_at, falls_at FROM progress('glows', 2, '2024-05-30 12:00:00');
-- in grace: only the end of the grace is left
SELECT tier, round(have, 9) AS have, round(missing, 9) AS missing, loses_at, falls_at FROM progress('glows', 2, '2024-08-30 12:00:00');
SELECT * FROM community.projected_tier(2, 'glows', '2024-08-30 12:00:00');
SELECT * FROM community.projected_tier(2, 'glows', '2024-08-20');

-- k of n: two of three are needed, so the second to fall decides
SELECT publish('several', '{"demotion": "drop"}', jsonb_build_array(tier('member', need('spend', 'calendar year', 10, 10),
	need('friends', 'rolling 90 days', 2, 1), need('days', 'rolling 10 days', 3, 2)) || '{"needs": 2}'));
SELECT count(community.record(3, x.type, x.key, x.amount, x.at, x.target)) FROM (VALUES
	('order', 'd', 10, '2024-05-01 10:00'::timestamptz, NULL::bigint), ('thank', 'e', 0, '2024-05-02 10:00', 4),
	('thank', 'f', 0, '2024-05-03 23:30', 5), ('order', 'g', 5, '2024-05-05 08:00', NULL)) AS x (type, key, amount, at, target);
SELECT * FROM progress('several', 3, '2024-05-06');
SELECT is_exact(3, 'several', '2024-05-06');

-- Terms: renewed as long as it is kept at their end, then grace, then lost.
SELECT publish('terms', '{"demotion": "term_end", "term": "6 months", "term_rounding": "calendar month", "grace": "15 days", "landing": "one_down"}',
	jsonb_build_array(tier('bronze', need('orders', 'lifetime', 1, 1)), tier('silver', need('spend', 'rolling 1 year', 100, 60)),
		tier('gold', need('spend', 'calendar year', 1000, 1000)) || '{"entry": "invitation"}'));
SELECT count(community.record(4, 'order', x.key, x.amount, x.at)) FROM (VALUES
	('h', 50, '2024-01-20 10:00'::timestamptz), ('i', 70, '2024-02-29 10:00')) AS x (key, amount, at);
SELECT tier, goal, measure, have, need, missing, loses_at, falls_at FROM progress('terms', 4, '2024-03-05');
SELECT is_exact(4, 'terms', '2024-03-05');
SELECT community.tier(4, 'terms', t) AS tier, p.* FROM (VALUES ('2024-03-05'::timestamptz), ('2024-10-01'), ('2025-04-01'), ('2025-09-05')) AS x (t),
	community.projected_tier(4, 'terms', t) AS p;
SELECT lower(during) AS since, tier, source, ends_at, reason FROM community.tenures(4, 'terms', '2026-01-01');
-- what is kept for life is never lost
SELECT tier, goal, loses_at FROM progress('terms', 4, '2024-02-10') WHERE goal = 'keep';
SELECT is_exact(4, 'terms', '2024-02-10');
-- a lock holds what is due, and what follows then
INSERT INTO community.tier_ruling (program_id, member_id, ladder_id, kind, during, reason, key)
SELECT program_id, 4, ladder_id, 'lock', '[2025-08-10,2025-10-10 12:00)', 'a dispute', 'lock 4' FROM community.ladder WHERE name = 'terms' AND program_id = :program;
INSERT INTO community.standing_touch (program_id, member_id) VALUES (:program, 4);
SELECT p.* FROM community.projected_tier(4, 'terms', '2025-08-05') AS p;
SELECT p.* FROM community.projected_tier(4, 'terms', '2025-09-05') AS p;
SELECT loses_at FROM progress('terms', 4, '2025-03-05') WHERE goal = 'keep';
SELECT is_exact(4, 'terms', '2025-03-05');
-- an invitation opens the third one
INSERT INTO community.tier_ruling (program_id, member_id, ladder_id, kind, tier, during, reason, key)
SELECT program_id, 4, ladder_id, 'invitation', 'gold', '[2024-03-01,2024-04-01)', 'asked', 'invite 4' FROM community.ladder WHERE name = 'terms' AND program_id = :program;
SELECT tier, goal, have, need, missing FROM progress('terms', 4, '2024-03-05');
SELECT tier, goal, have, need, missing FROM progress('terms', 4, '2024-04-05');

-- Days of membership, and a version that lies ahead, take and give by time alone.
SELECT publish('patient', '{"demotion": "drop"}', jsonb_build_array(tier('old', need('tenure', 'lifetime', 100, 100)),
	tier('older', need('tenure', 'lifetime', 200, 200))), '(,2024-12-01)');
SELECT publish('patient', '{"demotion": "drop"}', jsonb_build_array(tier('old', need('tenure', 'lifetime', 100, 100)),
	tier('middle', need('tenure', 'lifetime', 150, 150)), tier('older', need('tenure', 'lifetime', 400, 400))), '[2024-12-01,)');
SELECT * FROM progress('patient', 5, '2024-07-27 11:59:59');
SELECT * FROM progress('patient', 5, '2024-07-28 12:00:00');
SELECT is_exact(5, 'patient', '2024-07-28 12:00');
-- the hour that the clocks skip on 31 March is no part of a day
SELECT have FROM progress('patient', 5, '2024-03-31 11:59:59.999999') WHERE tier = 'old';
SELECT have FROM progress('patient', 5, '2024-03-31 12:00') WHERE tier = 'old';

-- A tier without requirements is always kept.
SELECT publish('open', '{}', jsonb_build_array('{"name": "all", "requirements": []}'::jsonb, tier('some', need('orders', 'lifetime', 3, 3))));
SELECT * FROM progress('open', 6, '2024-05-01');
SELECT * FROM community.projected_tier(6, 'open', '2024-05-01');

-- The same from standings and from the beginning.
SELECT community.evaluate(i, '2024-10-21 00:00') FROM generate_series(1, 6) AS i;
SELECT * FROM progress('rolls', 1, '2024-10-21');
SELECT tier, loses_at, falls_at FROM progress('rolls', 1, '2024-10-22') WHERE goal = 'keep';
SELECT tier, loses_at, falls_at FROM progress('several', 3, '2024-05-06') WHERE goal = 'keep';

-- refusals
\set VERBOSITY terse
SELECT * FROM community.progress(1, 'stairs');
SELECT * FROM community.progress(99, 'rolls');
SELECT * FROM community.progress(NULL, 'rolls');
SELECT * FROM community.progress(1, 'rolls', 'infinity');
SELECT * FROM community.projected_tier(1, 'rolls', '2500-01-01');
SELECT community.tier(1, 'rolls', 'infinity');
SELECT * FROM community.tenures(1, 'rolls', '-infinity');
