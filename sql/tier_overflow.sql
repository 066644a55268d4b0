-- If this failed, a sum beyond the largest amount would wrap around, and the
-- member who has done most would lose its tier with the next event.
SET datestyle = 'ISO, YMD';
SELECT community.create_program('tier_overflow') > 0 AS created;
SET community.program = 'tier_overflow';
SELECT community.define_measure('spend', 'sum', types => '{order}') > 0 AS defined;
INSERT INTO community.ladder (program_id, name) VALUES (community.current_program(), 'club');
INSERT INTO community.tier (program_id, ladder_id, rank, name)
SELECT l.program_id, l.ladder_id, 1, 'silver' FROM community.ladder AS l WHERE l.program_id = community.current_program();
INSERT INTO community.tier_requirement (program_id, ladder_id, rank, position, measure_id, period, attain, keep)
SELECT program_id, l.ladder_id, 1, 1, m.measure_id, 'rolling 30 days', 10, 10
FROM community.ladder AS l JOIN community.measure AS m USING (program_id) WHERE program_id = community.current_program();
SELECT count(*) FROM community.publish_ladder('club', '-infinity');
SELECT community.enroll(1, joined_at => '2024-01-01') AS member;

-- one by one, as record() adds them without reading what came before
SELECT replay FROM community.record(1, 'order', 'a', 9000000000000000000, '2024-02-01');
SELECT replay FROM community.record(1, 'order', 'b', 9000000000000000000, '2024-02-02');
SELECT replay FROM community.record(1, 'order', 'c', 9000000000000000000, '2024-02-03');
SELECT amounts, rank FROM community.standing WHERE program_id = community.current_program();
SELECT replay FROM community.record(1, 'order', 'd', -9000000000000000000, '2024-02-04');
SELECT amounts, rank FROM community.standing WHERE program_id = community.current_program();
SELECT community.rebuild('standings') AS members_that_were_wrong;
SELECT community.tier(1, 'club', '2024-02-05');
