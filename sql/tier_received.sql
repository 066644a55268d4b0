-- If this failed, a measure of what is done to a member would miss some of it,
-- count it for the wrong one, or let two who thank each other wait.
SELECT community.create_program('tier received', 'Europe/Berlin') > 0 AS created;
SET community.program = 'tier received';
SET timezone = 'UTC';
SET datestyle = 'ISO';

-- what is defined
SELECT community.define_measure('likes', 'count', '{like}', side => 'target') > 0 AS defined;
SELECT community.define_measure('likers', 'distinct_counterparts', '{like}', side => 'target') > 0 AS defined;
SELECT community.define_measure('tips', 'sum', '{tip}', '{"kind": "thanks"}', side => 'target') > 0 AS defined;
SELECT community.define_measure('best', 'maximum', '{tip}', side => 'target') > 0 AS defined;
SELECT community.define_measure('days', 'distinct_days', side => 'target') > 0 AS defined;
SELECT community.define_measure('liked', 'count', '{like}', side => 'actor') = community.define_measure('liked', 'count', '{like}') AS same;
SELECT community.define_measure('likes', 'count', '{like}');
SELECT community.define_measure('x', 'engagement', side => 'target');
SELECT community.define_measure('x', 'count', side => 'both');
SELECT community.define_measure('x', 'count', side => NULL);

-- trust level 3 asks for 20 likes received from 5 distinct members in 100 days; here 6 from 3 in 10
INSERT INTO community.ladder (program_id, name, demotion, grace) VALUES (community.current_program(), 'trust', 'drop', '2 days');
INSERT INTO community.tier (program_id, ladder_id, rank, name) SELECT program_id, ladder_id, 1, 'regular' FROM community.ladder
WHERE program_id = community.current_program();
INSERT INTO community.tier_requirement (program_id, ladder_id, rank, position, measure_id, period, attain, keep)
SELECT l.program_id, l.ladder_id, 1, v.n, m.measure_id, 'rolling 10 days', v.attain, v.keep
FROM community.ladder AS l, (VALUES ('likes', 1, 6, 5), ('likers', 2, 3, 3), ('liked', 3, 1, 0)) AS v (name, n, attain, keep)
JOIN community.measure AS m USING (name) WHERE l.program_id = community.current_program() AND m.program_id = l.program_id;
SELECT count(community.enroll(i, joined_at => '2024-03-01')) FROM generate_series(1, 9) AS i;
SELECT * FROM community.publish_ladder('trust', '-infinity');
CREATE FUNCTION pg_temp.held() RETURNS TABLE (member bigint, tier text, since timestamptz, until timestamptz, reason text) LANGUAGE sql AS $$
	SELECT t.member_id, t.tier, lower(t.during), upper(t.during), t.source || ', ' || t.reason FROM community.tenure AS t
	WHERE t.program_id = community.current_program() AND t.superseded_at IS NULL ORDER BY t.member_id, t.during
$$;
-- members 2 to 4 like what member 1 wrote, who likes somebody, too
SELECT count(*) FROM (VALUES (2, 'a', '2024-04-01'::timestamptz, 1), (3, 'b', '2024-04-02', 1), (2, 'c', '2024-04-03', 1), (2, 'd', '2024-04-04', 1),
	(1, 'e', '2024-04-05', 2), (4, 'f', '2024-04-06', 1), (3, 'g', '2024-04-07', 1)) AS e (who, key, at, whom),
	LATERAL community.record(e.who, 'like', e.key, 0, e.at, e.whom);
-- the member is not locked and so not worked out, but what is asked is answered
SELECT member_id, count(*) FROM community.standing_touch WHERE program_id = community.current_program() GROUP BY 1 ORDER BY 1;
SELECT * FROM pg_temp.held();
SELECT tier FROM community.tier(1, 'trust', '2024-04-08');
CALL community.review_tiers('2024-04-08');
SELECT * FROM pg_temp.held();
SELECT * FROM community.standing_touch WHERE program_id = community.current_program();
SELECT requirement, measure, had, key_of.key, e.occurred_at FROM community.explain_tier(1, 'trust', '2024-04-08') AS e
LEFT JOIN community.event AS key_of USING (event_id) ORDER BY 1, 5;
SELECT requirement, measure, have, need, missing, loses_at, falls_at FROM community.progress(1, 'trust', '2024-04-08') ORDER BY goal, 1;
SELECT m.name, community.measure_value(1, m.name, '(2024-03-29,2024-04-08]') AS value, community.measure_value(2, m.name, '(,)') AS other
FROM community.measure AS m WHERE m.program_id = community.current_program() ORDER BY 1;
SELECT * FROM community.measure_values('likers', 'rolling 10 days', '2024-04-08');
SELECT members, threshold FROM community.calibrate('likes', '{0.1,0.3}', 'rolling 10 days', '2024-04-08');
-- time takes it away, review or not
CALL community.review_tiers('2024-04-20');
SELECT * FROM pg_temp.held();

-- taken back, the past is another one
SELECT event_id > 0 AS reversed FROM community.reverse('c', 'spam');
SELECT member_id, count(*) FROM community.standing_touch WHERE program_id = community.current_program() GROUP BY 1 ORDER BY 1;
CALL community.review_tiers('2024-04-20');
SELECT * FROM pg_temp.held();
SELECT event_id > 0 AS late FROM community.record(4, 'like', 'h', 0, '2024-04-05', 1);
CALL community.review_tiers('2024-04-20');
SELECT * FROM pg_temp.held();

-- by an attached table: inserts, a new target, a delete
CREATE TABLE public.received_like (id bigint PRIMARY KEY, who bigint, whom bigint, at timestamptz);
SELECT community.attach('public.received_like', type => 'like', member => 'who', target => 'whom', occurred_at => 'at') > 0 AS attached;
INSERT INTO public.received_like SELECT i, 2 + i % 3, 5, '2024-05-01'::timestamptz + i * interval '1 hour' FROM generate_series(1, 6) AS i;
INSERT INTO public.received_like VALUES (7, 5, 2, '2024-05-01');
SELECT DISTINCT member_id FROM community.standing_touch WHERE program_id = community.current_program() ORDER BY 1;
CALL community.review_tiers('2024-05-02');
SELECT * FROM pg_temp.held() WHERE member = 5;
UPDATE public.received_like SET whom = 6 WHERE id IN (5, 6);
SELECT DISTINCT member_id FROM community.standing_touch WHERE program_id = community.current_program() ORDER BY 1;
CALL community.review_tiers('2024-05-02');
SELECT * FROM pg_temp.held() WHERE member = 5;
UPDATE public.received_like SET whom = 5 WHERE id IN (5, 6);
CALL community.review_tiers('2024-05-02');
SELECT * FROM pg_temp.held() WHERE member = 5;
DELETE FROM public.received_like WHERE id < 3;
CALL community.review_tiers('2024-05-02');
SELECT * FROM pg_temp.held() WHERE member = 5;

-- by the inbox
INSERT INTO community.inbox (member_id, type, key, occurred_at, target_id)
SELECT CASE WHEN i = 7 THEN 7 ELSE 2 + i % 3 END, 'like', 'inbox ' || i, '2024-06-01'::timestamptz + i * interval '1 hour', CASE WHEN i = 7 THEN 2 ELSE 7 END
FROM generate_series(1, 7) AS i;
CALL community.process_inbox();
SELECT DISTINCT member_id FROM community.standing_touch WHERE program_id = community.current_program() ORDER BY 1;
CALL community.review_tiers('2024-06-02');
SELECT * FROM pg_temp.held() WHERE member = 7;

-- what was done to who was merged into another, before and after, was done to that one; who did it counts as it was
SELECT community.merge_members(7, 8, 'twins') AS merged;
SELECT event_id > 0 AS liked FROM community.record(8, 'like', 'm1', 0, '2024-06-01 12:00+00', 2);
CALL community.review_tiers('2024-06-02');
SELECT * FROM pg_temp.held() WHERE member IN (7, 8);
SELECT member_id, value FROM community.measure_values('likes', 'lifetime', '2024-06-02') WHERE value > 0 ORDER BY 1;
SELECT community.measure_value(8, m.name, '(,)') FROM community.measure AS m WHERE m.program_id = community.current_program() AND m.name LIKE 'like%' ORDER BY m.name;
SELECT event_id > 0 AS late FROM community.record(9, 'like', 'm2', 0, '2024-05-31', 7);
SELECT DISTINCT member_id FROM community.standing_touch WHERE program_id = community.current_program() ORDER BY 1;
CALL community.review_tiers('2024-06-02');
SELECT community.measure_value(8, 'likers', '(,)');

-- sums, maxima and days; a filter
SELECT count(*) FROM (VALUES (2, 'a', 30, '2024-07-01 21:30+00'::timestamptz, '{"kind": "thanks"}'::jsonb), (3, 'b', 50, '2024-07-01 22:30+00', '{}'),
	(2, 'c', 7, '2024-07-02 10:00+00', '{"kind": "thanks"}')) AS e (who, key, amount, at, payload), LATERAL community.record(e.who, 'tip', 'tip ' || e.key, e.amount, e.at, 9, e.payload);
SELECT (community.reverse('tip b', 'part', 15)).amount;
SELECT m.name, community.measure_value(9, m.name, '(,)') FROM community.measure AS m WHERE m.program_id = community.current_program() ORDER BY 1;
SELECT m.name, v.value FROM community.measure AS m, LATERAL community.measure_values(m.name) AS v
WHERE m.program_id = community.current_program() AND v.member_id = 9 AND m.name <> 'liked' ORDER BY 1;
-- no type that a ladder counts: nobody is touched
SELECT member_id FROM community.standing_touch WHERE program_id = community.current_program();

-- before a change is published, who would move
UPDATE community.tier_requirement SET attain = 3, keep = 2 WHERE program_id = community.current_program() AND position = 1;
SELECT from_tier, to_tier, members FROM community.what_if('trust', '2024-06-02') ORDER BY 1, 2;

-- an award is for what somebody did
INSERT INTO community.award (program_id, award_id, name, valid) VALUES (community.current_program(), 1, 'loved', '(,)');
INSERT INTO community.award_requirement (program_id, award_id, position, measure_id, period, attain)
SELECT program_id, 1, 1, measure_id, 'lifetime', 1 FROM community.measure WHERE program_id = community.current_program() AND name = 'likes';
-- what is published keeps its side
UPDATE community.measure SET side = 'actor' WHERE program_id = community.current_program() AND name = 'likes';
SELECT community.rebuild('standings');
SELECT * FROM community.check_installation('full', community.current_program());
DROP TABLE public.received_like;
