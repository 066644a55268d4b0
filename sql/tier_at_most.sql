-- If this failed, a tier that asks for at most so much of something would be
-- given to who has more of it, or not be given back once that is over.
SET client_min_messages = warning;
SET DateStyle = 'ISO, YMD';
SET TimeZone = 'UTC';
SELECT community.create_program('tier at most') AS p \gset
SET community.program = 'tier at most';
SELECT count(community.enroll(m, joined_at => '2025-01-01')) FROM generate_series(1, 9) AS m;
SELECT community.define_measure('posts', 'count', '{post}') AS posts \gset
SELECT community.define_measure('flags', 'count', '{flag}') AS flags \gset
SELECT community.define_measure('heat', 'engagement') AS heat \gset
SELECT community.define_measure('age', 'membership_days') AS age \gset

-- what a draft may say
INSERT INTO community.ladder (program_id, name, demotion) VALUES (:p, 'trust', 'drop') RETURNING ladder_id AS l \gset
INSERT INTO community.tier (program_id, ladder_id, rank, name) VALUES (:p, :l, 1, 'member'), (:p, :l, 2, 'trusted');
INSERT INTO community.tier_requirement (program_id, ladder_id, rank, position, measure_id, period, attain, keep, at_most) VALUES (:p, :l, 2, 1, :flags, 'rolling 100 days', 0, 2, true);
SELECT * FROM community.check_ladder('trust');
INSERT INTO community.tier_requirement (program_id, ladder_id, rank, position, measure_id, attain, at_most) VALUES (:p, :l, 2, 2, :heat, 3, true);
INSERT INTO community.tier_requirement (program_id, ladder_id, rank, position, measure_id, attain, at_most) VALUES (:p, :l, 2, 3, :age, 30.5, true);
\set VERBOSITY terse
INSERT INTO community.tier_requirement (program_id, ladder_id, rank, position, measure_id, period, attain, at_most) VALUES (:p, :l, 1, 1, :flags, 'rolling 100 days', -1, true);
INSERT INTO community.tier_requirement (program_id, ladder_id, rank, position, measure_id, period, attain, keep, at_most) VALUES (:p, :l, 1, 1, :flags, 'rolling 100 days', 3, 2, true);
INSERT INTO community.tier_requirement (program_id, ladder_id, rank, position, measure_id, period, attain, keep) VALUES (:p, :l, 1, 1, :flags, 'rolling 100 days', 0, 0);
SELECT * FROM community.publish_ladder('trust');
\set VERBOSITY default
DELETE FROM community.tier_requirement WHERE program_id = :p AND position > 1;
INSERT INTO community.tier_requirement (program_id, ladder_id, rank, position, measure_id, period, attain, keep) VALUES (:p, :l, 2, 2, :posts, 'rolling 100 days', 2, 1);
-- harder below than above
INSERT INTO community.tier_requirement (program_id, ladder_id, rank, position, measure_id, period, attain, at_most) VALUES (:p, :l, 1, 1, :flags, 'rolling 100 days', 0, true);
UPDATE community.tier_requirement SET attain = 1 WHERE program_id = :p AND rank = 2 AND position = 1;
SELECT severity, fault FROM community.check_ladder('trust');
UPDATE community.tier_requirement SET attain = 9 WHERE program_id = :p AND rank = 1;
UPDATE community.tier_requirement SET attain = 0 WHERE program_id = :p AND rank = 2 AND position = 1;
SELECT * FROM community.check_ladder('trust');
SELECT jsonb_path_query_array(community.ladder_definition('trust'), '$.tiers[*].requirements[*].at_most');
SELECT * FROM community.publish_ladder('trust', '-infinity');

-- 1: trusted by two posts and no flag; keeps it with two flags and loses it by the third, until
-- one of them is 100 days old; but then to be trusted takes that there is none
SELECT count(community.record(1, t, k, 0, a)) FROM (VALUES ('post', 'p1', '2025-02-01'::timestamptz), ('post', 'p2', '2025-02-02'), ('flag', 'f1', '2025-02-10'), ('flag', 'f2', '2025-02-11'),
	('flag', 'f3', '2025-02-20'), ('post', 'p3', '2025-04-30'), ('post', 'p4', '2025-05-01')) AS v (t, k, a);
SELECT tier, during, reason FROM community.tenures(1, 'trust', '2025-12-31');
-- 4: that the falling out of a flag will let the member be trusted is known before any review,
-- though the posts were only added to the standing
SELECT count(community.record(4, t, k, 0, a)) FROM (VALUES ('flag', 'i1', '2025-02-01'::timestamptz), ('post', 's1', '2025-05-01'), ('post', 's2', '2025-05-02')) AS v (t, k, a);
SELECT community.tier(4, 'trust', '2025-05-11') AS before, community.tier(4, 'trust', '2025-05-13') AS after;
SELECT count(*) AS due FROM community.standing WHERE program_id = :p AND member_id = 4 AND due <= '2025-05-13';
-- by time alone, as the reviews come to it
CALL community.review_tiers('2025-12-31');
SELECT tier, during, reason FROM community.tenure WHERE program_id = :p AND member_id = 1 AND superseded_at IS NULL ORDER BY during;
-- a flag that was no flag
SELECT tiers FROM community.reverse('f3', 'a mistake');
SELECT tier, during, reason FROM community.tenures(1, 'trust', '2025-12-31');

-- 2: what is told of it
SELECT count(community.record(2, t, k, 0, a)) FROM (VALUES ('post', 'q1', '2025-02-01'::timestamptz), ('flag', 'g1', '2025-02-10'), ('flag', 'g2', '2025-02-11'), ('flag', 'g3', '2025-02-11'), ('post', 'q2', '2025-02-12')) AS v (t, k, a);
SELECT tier, goal, measure, have, need, missing, at_most, loses_at, falls_at FROM community.progress(2, 'trust', '2025-02-13');
SELECT tier FROM community.tenures(2, 'trust', '2025-02-13');
-- flags fall out before posts would: trusted by time alone, for how long
SELECT count(community.record(2, 'post', k, 0, '2025-03-01')) FROM unnest('{q3,q4}'::text[]) AS k;
SELECT tier, during, reason FROM community.tenures(2, 'trust', '2025-12-31');
SELECT community.tier(2, 'trust', '2025-05-21') AS before, community.tier(2, 'trust', '2025-05-22') AS after;
SELECT tier, goal, measure, have, need, missing, at_most, loses_at, falls_at FROM community.progress(2, 'trust', '2025-05-23');
SELECT requirement, measure, need, had, met, at_most, count(event_id) AS events FROM community.explain_tier(2, 'trust', '2025-05-23') GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1;

-- 3: an event that comes late finds no flag at its time, although there is one by now
SELECT count(community.record(3, t, k, 0, a)) FROM (VALUES ('post', 'r1', '2025-02-01'::timestamptz), ('flag', 'h1', '2025-03-01'), ('post', 'r2', '2025-02-10')) AS v (t, k, a);
SELECT tier, during, reason FROM community.tenures(3, 'trust', '2025-03-15');
SELECT tier, during, reason FROM community.tenure WHERE program_id = :p AND member_id = 3 AND superseded_at IS NULL ORDER BY during;
-- shares of who has least: of nine, four have flags
SELECT * FROM community.calibrate('flags', '{0.5,0.5}', 'rolling 100 days', '2025-03-05', at_most => true);
SELECT count(*) FILTER (WHERE value <= 0), count(*) FILTER (WHERE value <= 3) FROM community.measure_values('flags', 'rolling 100 days', '2025-03-05');
\set VERBOSITY terse
SELECT * FROM community.calibrate('flags', '{0.5}', at_most => NULL);
\set VERBOSITY default
-- a draft that lets one flag pass
UPDATE community.tier_requirement SET attain = 1 WHERE program_id = :p AND rank = 2 AND at_most;
SELECT from_tier, to_tier, members, parked FROM community.what_if('trust', '2025-05-05');
SELECT count(*) FROM community.publish_ladder('trust', '2025-01-01');
SELECT m.member_id, community.tier(m.member_id, 'trust', '2025-05-05') FROM community.member AS m WHERE m.program_id = :p ORDER BY 1;

-- newcomers: for 30 days, whatever they do
INSERT INTO community.ladder (program_id, name, demotion) VALUES (:p, 'new', 'drop') RETURNING ladder_id AS n \gset
INSERT INTO community.tier (program_id, ladder_id, rank, name) VALUES (:p, :n, 1, 'newcomer');
INSERT INTO community.tier_requirement (program_id, ladder_id, rank, measure_id, attain, at_most) VALUES (:p, :n, 1, :age, 29, true);
SELECT count(*) > 0 AS moves FROM community.publish_ladder('new', '-infinity');
SELECT tier, during, reason FROM community.tenures(9, 'new', '2025-12-31');
SELECT loses_at FROM community.progress(9, 'new', '2025-01-05');
