-- If this failed, a member would be taken from a sponsor whose binding holds,
-- or could not be taken from one whose has lapsed; the history of who stood
-- where would be lost; or a cycle would close by a code.
\set VERBOSITY default
SELECT community.create_program('referral_bindings', 'Europe/Berlin') > 0 AS created;
SET community.program = 'referral_bindings';
SET timezone = 'Europe/Berlin';
SET datestyle = 'ISO';
CREATE FUNCTION pg_temp.refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	EXECUTE statement;
	RETURN 'not refused';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN regexp_replace(concat_ws(E'\n  ', sqlstate || ' ' || sqlerrm, nullif(detail, '')), ' of program (\d+|"[^"]*")', '', 'g');
END $$;
CREATE VIEW pg_temp.stands AS SELECT member_id, sponsor_id, enroller_id, joined_at, lapses_at
FROM community.referral WHERE program_id = community.current_program();
CREATE VIEW pg_temp.moved AS SELECT member_id, from_id, to_id, moved_at, reason
FROM community.referral_move WHERE program_id = community.current_program() ORDER BY member_id, moved_at;
SELECT count(community.enroll(m, joined_at => '2024-01-01')) FROM generate_series(1, 5) AS m;
SELECT count(community.issue_code(m, NULL, code => v || m)) FROM generate_series(1, 5) AS m, unnest('{a,b}'::text[]) AS v;

-- 1. permanent
SELECT community.enroll(11, code => 'a1', joined_at => '2024-02-01');
SELECT pg_temp.refused('SELECT community.redeem_code(11, ''a2'', ''2024-06-01'')');
SELECT pg_temp.refused('SELECT community.redeem_code(11, ''b1'', ''2024-06-01'')');

-- 2. for a window: until the same hour 60 days later, over the change of
-- clocks; what was bound before stays permanent
INSERT INTO community.referral_setting (program_id, binding, binding_window)
VALUES (community.current_program(), 'window', '60 days');
SELECT community.enroll(12, code => 'a1', joined_at => '2024-02-15 12:00'), community.enroll(13, sponsor => 1, joined_at => '2024-02-15 12:00');
SELECT * FROM pg_temp.stands ORDER BY 1;
SELECT pg_temp.refused(format('SELECT community.redeem_code(%s, ''a2'', ''2024-04-15 11:59:59'')', m)) FROM generate_series(11, 13) AS m;
SELECT community.redeem_code(12, 'a2', '2024-04-15 12:00'), community.redeem_code(13, 'a2', '2024-05-01'),
	community.redeem_code(12, 'a2') AS retry, community.redeem_code(12, 'a1') AS long_ago;
SELECT pg_temp.refused('SELECT community.redeem_code(11, ''a2'', ''2024-12-01'')');
SELECT * FROM pg_temp.stands ORDER BY 1;
SELECT * FROM pg_temp.moved;
-- by the same sponsor it begins anew, without a move
SELECT community.redeem_code(13, 'b2', '2024-07-01');
SELECT * FROM pg_temp.stands WHERE member_id = 13;
-- by a link too
SELECT community.share(3) AS link \gset
SELECT community.record_click(:'link', 'v', '2024-09-01'), community.attribute(13, 'v', '2024-09-02');
SELECT * FROM pg_temp.stands WHERE member_id = 13;
SELECT * FROM pg_temp.moved WHERE member_id = 13;

-- 3. rebindable at any time, and never into a cycle
UPDATE community.referral_setting SET binding = 'rebindable', binding_window = NULL WHERE program_id = community.current_program();
SELECT community.redeem_code(11, 'a4', '2024-10-01'), community.redeem_code(11, 'a5', '2024-10-02');
SELECT community.enroll(14, sponsor => 11, joined_at => '2024-10-03'), community.issue_code(14, NULL, code => 'fourteen');
SELECT pg_temp.refused('SELECT community.redeem_code(11, ''fourteen'', ''2024-10-04'')');
SELECT pg_temp.refused('SELECT community.redeem_code(5, ''fourteen'', ''2024-10-04'')');
SELECT community.redeem_code(14, 'a1', '2024-10-05'), community.redeem_code(11, 'fourteen', '2024-10-06');
SELECT * FROM pg_temp.stands ORDER BY 1;
SELECT * FROM pg_temp.moved WHERE member_id IN (11, 14);
-- no earlier than what is known
SELECT pg_temp.refused('SELECT community.redeem_code(11, ''b3'', ''2024-10-05'')');

-- 4. a quota counts who is taken from others as well; new members only are not taken
UPDATE community.referral_setting SET invitations = 1, invitation_period = 'lifetime' WHERE program_id = community.current_program();
SELECT community.redeem_code(12, 'b3', '2024-11-01');
SELECT pg_temp.refused('SELECT community.redeem_code(13, ''b3'', ''2024-11-01'')');
UPDATE community.referral_setting SET late_bindings = false WHERE program_id = community.current_program();
SELECT pg_temp.refused('SELECT community.redeem_code(13, ''b4'', ''2024-11-01'')');

-- 5. made a root by hand: free to be brought again
UPDATE community.referral_setting SET late_bindings = true, binding = 'permanent' WHERE program_id = community.current_program();
SELECT community.reparent(12, NULL, 'by hand', '2024-11-02') > 0 AS moved, community.redeem_code(12, 'b5', '2024-11-03');
SELECT * FROM pg_temp.stands WHERE member_id = 12;
SELECT * FROM pg_temp.moved WHERE member_id = 12;
SELECT count(*) AS uses, count(DISTINCT code) AS codes FROM community.referral_code_use WHERE program_id = community.current_program();
