-- Plans that are made while there are no tenures.  Were this broken, the first
-- review of many members would read all tenures there are for each of them.
SET client_min_messages = warning;
SELECT community.create_program('plans') AS program \gset
SET community.program = 'plans';
SELECT community.define_measure('spend', 'sum', '{purchase}') > 0 AS defined;
INSERT INTO community.ladder (program_id, name) VALUES (:program, 'club');
INSERT INTO community.tier (program_id, ladder_id, rank, name)
SELECT program_id, ladder_id, 1, 'member' FROM community.ladder WHERE program_id = :program;
INSERT INTO community.tier_requirement (program_id, ladder_id, rank, measure_id, period, attain)
SELECT l.program_id, l.ladder_id, 1, m.measure_id, 'rolling 365 days', 1
FROM community.ladder AS l JOIN community.measure AS m USING (program_id) WHERE l.program_id = :program;
SELECT count(*) > 0 AS published FROM community.publish_ladder('club', '-infinity');

SELECT count(community.enroll(m, joined_at => '2024-01-01')) FROM generate_series(1, 300) AS m;

BEGIN;
-- as in a community that has just been set up: no rows, and nothing is known of any
SET LOCAL session_replication_role = replica;
TRUNCATE community.tenure, community.standing, community.standing_touch;
SET LOCAL session_replication_role = origin;
DELETE FROM pg_statistic WHERE starelid IN ('community.tenure'::regclass, 'community.standing'::regclass);
-- all plans are made with the first member
SELECT count(community.record(1, 'purchase', 'p1', 5));
SELECT count(*) FROM community.evaluate(1);
SELECT count(community.record(m, 'purchase', 'p' || m, 5)), count((SELECT count(*) FROM community.evaluate(m)))
FROM generate_series(2, 300) AS m;
SELECT count(*) FROM community.tenure;
-- a member's tenures are found by the member; the other index only sees to it that
-- none overlap, and meets each new one itself
SELECT pg_stat_get_xact_tuples_fetched('community.tenure_excl'::regclass) <= 300 AS not_by_exclusion,
	pg_stat_get_xact_tuples_fetched('community.tenure_member_idx'::regclass) BETWEEN 1 AND 300 * 5 AS by_member;
ROLLBACK;
