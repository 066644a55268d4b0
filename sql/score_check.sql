-- If this failed, damage to scores or statuses would pass for healthy, or healthy
-- ones would be accused: check_installation() must find each kind of fault that
-- is planted here, name the member, and nothing else.
SET client_min_messages = warning;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SELECT community.create_program('score check') > 0 AS created;
SET community.program = 'score check';
SELECT count(community.enroll(i, joined_at => '2024-01-01')) FROM generate_series(1, 3) AS i;
SELECT community.define_score_model('m', '[{"kind": "contribution", "cap": 10, "weight": 10}]', line => 3, dwell => '0', every => 'calendar day') > 0 AS defined;
SELECT count(community.record(1, 'x', 'k' || n, 0, '2024-01-02')) FROM generate_series(1, 5) AS n;
CALL community.refresh_scores('m', '2024-02-01');
CALL community.refresh_scores('m', '2024-02-02');
CREATE FUNCTION pg_temp.found(level text DEFAULT 'full', member bigint DEFAULT NULL) RETURNS TABLE (rule text, member_id bigint, detail text) LANGUAGE sql AS $$
	SELECT c.rule, c.member_id, c.detail FROM community.check_installation(level, community.current_program(), member) AS c ORDER BY 1, 2 $$;
-- do something that nobody may, look, and undo it
CREATE PROCEDURE pg_temp.plant(statement text) LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL session_replication_role = replica;
	EXECUTE replace(statement, 'PROGRAM', community.current_program()::text);
	SET LOCAL session_replication_role = origin;
END $$;
SELECT * FROM pg_temp.found();
-- a score that is missing, of the newest refresh and of another
BEGIN;
CALL pg_temp.plant($$DELETE FROM community.member_score AS s USING community.score_refresh AS r
	WHERE s.program_id = PROGRAM AND s.member_id = 2 AND r.program_id = PROGRAM AND r.refresh_id = s.refresh_id AND r.as_of = '2024-02-02'$$);
SELECT * FROM pg_temp.found('quick');
ROLLBACK;
BEGIN;
CALL pg_temp.plant($$DELETE FROM community.member_score AS s USING community.score_refresh AS r
	WHERE s.program_id = PROGRAM AND r.program_id = PROGRAM AND r.refresh_id = s.refresh_id AND r.as_of = '2024-02-01'$$);
-- all of an older one may be deleted
SELECT * FROM pg_temp.found();
ROLLBACK;
-- a score, or a part of it, that is another
BEGIN;
CALL pg_temp.plant($$UPDATE community.member_score SET score = score + 1 WHERE program_id = PROGRAM AND member_id = 1$$);
SELECT * FROM pg_temp.found('quick', 1);
SELECT * FROM pg_temp.found('quick', 2);
ROLLBACK;
BEGIN;
CALL pg_temp.plant($$UPDATE community.member_score SET raw = raw || 1 WHERE program_id = PROGRAM AND member_id = 2$$);
SELECT * FROM pg_temp.found();
ROLLBACK;
-- a version that had ended before
BEGIN;
CALL pg_temp.plant($$UPDATE community.score_model_version SET valid = '(,2024-02-02)' WHERE program_id = PROGRAM$$);
SELECT * FROM pg_temp.found('quick');
ROLLBACK;
-- a super-user that is vetoed, and one without a score
BEGIN;
CALL pg_temp.plant($$INSERT INTO community.super_user_ruling (program_id, ruling_id, model_id, member_id, kind, during, reason, key)
	SELECT program_id, 1, model_id, 1, 'veto', '[2024-02-02,)', 'x', 'v' FROM community.score_model WHERE program_id = PROGRAM$$);
SELECT * FROM pg_temp.found('quick');
ROLLBACK;
BEGIN;
CALL pg_temp.plant($$INSERT INTO community.super_user_tenure (program_id, model_id, member_id, during, reason)
	SELECT program_id, model_id, 4, '[2024-02-02,)', 'reached' FROM community.score_model WHERE program_id = PROGRAM$$);
SELECT * FROM pg_temp.found('quick');
ROLLBACK;
SELECT * FROM pg_temp.found();
