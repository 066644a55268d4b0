-- Plans that are made while nothing is known of any table.  Were this broken, the
-- award of one event would be worked out from all events of its time, and from
-- the members and awards of everybody.
SET client_min_messages = warning;
SELECT community.create_program('award plans') AS program \gset
SET community.program = 'award plans';
SELECT community.define_measure('buys', 'count', '{purchase}') > 0 AS defined;
INSERT INTO community.award (program_id, name) VALUES (:program, 'first');
INSERT INTO community.award_requirement (program_id, award_id, measure_id, attain)
SELECT a.program_id, a.award_id, m.measure_id, 1
FROM community.award AS a JOIN community.measure AS m USING (program_id) WHERE a.program_id = :program;
SELECT count(community.enroll(m, joined_at => '2024-01-01')) FROM generate_series(1, 300) AS m;

BEGIN;
-- as in a community that has just been set up: no events, no awards, no statistics
SET LOCAL session_replication_role = replica;
TRUNCATE community.event, community.award_given;
SET LOCAL session_replication_role = origin;
DELETE FROM pg_statistic WHERE starelid IN ('community.event'::regclass, 'community.award_given'::regclass,
	'community.member'::regclass);
SELECT count(community.record(m, 'purchase', 'p' || m, 5, occurred_at => '2025-01-01'))
FROM generate_series(1, 300) AS m;
SELECT count(*) FROM community.award_given;
-- some rows for each event, whatever others have done
SELECT relation, pg_stat_get_xact_tuples_fetched(relation::regclass)
	+ pg_stat_get_xact_tuples_returned(relation::regclass) <= 300 * 20 AS by_member
FROM unnest('{community.event_member_idx,community.member_pkey,community.award_given_member_key}'::text[]) AS relation;
SELECT relation, pg_stat_get_xact_tuples_returned(relation::regclass) <= 300 * 20 AS not_read_whole
FROM unnest('{community.event,community.member,community.award_given}'::text[]) AS relation;
ROLLBACK;
