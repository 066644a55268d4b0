-- If this failed, a sanction would reach members that do not stand below the
-- one it is about, or miss some; would not do what it says; or could not be
-- taken back, or only in part.
\set VERBOSITY default
SELECT community.create_program('referral_sanctions') > 0 AS created;
SET community.program = 'referral_sanctions';
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE FUNCTION pg_temp.refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	EXECUTE statement;
	RETURN 'not refused';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN regexp_replace(concat_ws(E'\n  ', sqlstate || ' ' || sqlerrm, nullif(detail, '')), 'sanction \d+', 'sanction N');
END $$;
-- 1 to 15 as a heap, beside 21 with 22 below, and a chain of 3,000
SELECT count(community.enroll(m, sponsor => nullif(m / 2, 0), joined_at => '2024-01-01')) FROM generate_series(1, 15) AS m;
SELECT community.enroll(21, joined_at => '2024-01-01'), community.enroll(22, sponsor => 21, joined_at => '2024-01-01');
INSERT INTO community.referral_setting (program_id, maximum_depth) VALUES (community.current_program(), 10000);
SELECT count(community.enroll(m, sponsor => nullif(m - 1, 10000), joined_at => '2024-01-01')) FROM generate_series(10001, 13000) AS m;
CREATE FUNCTION pg_temp.about(s bigint) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(member_id::text, ' ' ORDER BY member_id) FROM community.referral_sanctioned
	WHERE program_id = community.current_program() AND sanction_id = s
$$;

-- 1. no more invitations below 5; codes and links that are out do not help
SELECT community.issue_code(10, NULL, code => 'ten'), community.issue_code(4, NULL, code => 'four'),
	community.share(10, key => 'ten') AS ten, community.share(4, key => 'four') AS four \gset
SELECT community.record_click(:'four', 'v', '2024-02-01'), community.record_click(:'ten', 'v', '2024-02-02');
SELECT community.sanction_subtree(5, 'disable_invites', 'bought accounts') AS s5 \gset
SELECT pg_temp.about(:s5);
SELECT s, pg_temp.refused(s) FROM unnest(ARRAY['SELECT community.enroll(31, sponsor => 5)', 'SELECT community.enroll(31, code => ''ten'')',
	'SELECT community.issue_code(11)', 'SELECT community.share(11)']) AS s;
SELECT community.enroll(31, code => 'four') AS not_below, community.enroll(32, visitor => 'v', joined_at => '2024-02-03') AS other_link;
SELECT member_id, sponsor_id FROM community.referral WHERE program_id = community.current_program() AND member_id IN (31, 32) ORDER BY 1;
SELECT community.lift_sanction(:s5, 'was a mistake'), community.lift_sanction(:s5, 'again');
SELECT community.enroll(33, code => 'ten') AS by_code, community.enroll(34, sponsor => 5) AS by_sponsor;

-- 2. hold: two at once, lifted one by one
SELECT community.sanction_subtree(2, 'hold', 'under review') AS s2, community.sanction_subtree(4, 'hold', 'under review, too') AS s4 \gset
SELECT m, community.referral_is_held(m) FROM generate_series(1, 8) AS m;
SELECT community.lift_sanction(:s2, 'done');
SELECT m, community.referral_is_held(m) FROM generate_series(1, 8) AS m;
SELECT member_id, action, top_id, reason FROM community.sanctioned_member WHERE program_id = community.current_program() ORDER BY 1;

-- 3. a comment does nothing but stand there
SELECT community.sanction_subtree(21, 'comment', 'friends of the house') AS s21 \gset
SELECT pg_temp.about(:s21), community.referral_is_held(22), community.issue_code(22) IS NOT NULL AS may_invite;

-- 4. close: all below, for good; who is closed already stays as it is
SELECT community.close_member(14, 'left before');
SELECT community.sanction_subtree(7, 'close', 'bots') AS s7 \gset
SELECT pg_temp.about(:s7);
SELECT member_id, status, close_reason FROM community.member
WHERE program_id = community.current_program() AND (member_id BETWEEN 6 AND 7 OR member_id BETWEEN 12 AND 15) ORDER BY 1;
-- that it was wrong stands there, and opens nobody
SET client_min_messages = warning;
SELECT community.lift_sanction(:s7, 'no bots'), community.lift_sanction(:s7, 'again');
RESET client_min_messages;
SELECT (SELECT count(*) FROM community.sanctioned_member WHERE program_id = community.current_program() AND sanction_id = :s7) AS in_force,
	lift_reason, (SELECT status FROM community.member WHERE program_id = community.current_program() AND member_id = 7) AS it_is
FROM community.referral_sanction WHERE program_id = community.current_program() AND sanction_id = :s7;

-- 5. depth is no matter, nor is a ring that a careless restore has brought
SELECT community.sanction_subtree(10001, 'comment', 'deep') AS deep \gset
SELECT count(*) FROM community.referral_sanctioned WHERE program_id = community.current_program() AND sanction_id = :deep;
BEGIN;
SET LOCAL session_replication_role = replica;
UPDATE community.referral SET sponsor_id = 11, enroller_id = 11 WHERE program_id = community.current_program() AND member_id = 5;
SELECT community.sanction_subtree(5, 'comment', 'a ring') AS ring \gset
SELECT pg_temp.about(:ring);
ROLLBACK;

-- 6. who moves afterwards stays as it is; who is wrong is told
SELECT s, pg_temp.refused(s) FROM unnest(ARRAY['SELECT community.sanction_subtree(99, ''hold'', ''x'')', 'SELECT community.sanction_subtree(1, ''ban'', ''x'')',
	'SELECT community.sanction_subtree(1, ''hold'', '''')', 'SELECT community.sanction_subtree(1, ''hold'', NULL)', 'SELECT community.lift_sanction(-1, ''x'')',
	'SELECT community.lift_sanction(1, '''')', 'DELETE FROM community.referral_sanctioned']) AS s;
