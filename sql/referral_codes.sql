-- If this failed, an invitation code would bring more members than it may, or
-- none; be guessable or mistyped; bind to somebody else than its owner; or a
-- retry would count twice, bind twice or be refused.
\set VERBOSITY default
SELECT community.create_program('referral_codes') > 0 AS created;
SET community.program = 'referral_codes';
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE FUNCTION pg_temp.refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
	hint text;
BEGIN
	EXECUTE statement;
	RETURN 'not refused';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN regexp_replace(concat_ws(E'\n  ', sqlstate || ' ' || sqlerrm, nullif(detail, ''), nullif(hint, '')),
		' of program (\d+|"[^"]*")', '', 'g');
END $$;
CREATE VIEW pg_temp.code AS SELECT * FROM community.referral_code
WHERE program_id = community.current_program();
CREATE VIEW pg_temp.code_use AS SELECT * FROM community.referral_code_use
WHERE program_id = community.current_program();
-- under whom each member stands, and what the row of the code says
CREATE FUNCTION pg_temp.stands(m bigint) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce((SELECT format('%s under %s, first %s, since %s%s', r.member_id, r.sponsor_id,
			r.enroller_id, r.joined_at::date, ', lapses ' || r.lapses_at::date)
		FROM community.referral AS r
		WHERE r.program_id = community.current_program() AND r.member_id = m), m || ' is a root')
$$;
SELECT count(community.enroll(m, joined_at => '2024-01-01')) FROM generate_series(1, 5) AS m;

-- 1. codes that are drawn: of one length and alphabet, all different, evenly
-- spread (each of 32 characters 3,000 times of 96,000, give or take 8 sigma)
CREATE TEMP TABLE drawn AS
SELECT community.issue_code(1) AS code FROM generate_series(1, 8000);
SELECT count(DISTINCT code) AS codes, min(length(code)), max(length(code)),
	bool_and(code ~ '^[2-9A-HJ-NP-Z]+$') AS plain FROM drawn;
SELECT count(*) AS letters, bool_and(n BETWEEN 2569 AND 3431) AS even
FROM (SELECT count(*) AS n FROM drawn, string_to_table(code, NULL) AS c GROUP BY c) AS x;

-- 2. codes that are chosen; a retry gives the same, anything else is refused
SELECT community.issue_code(1, NULL, code => 'Lisa-10', campaign => 'spring');
SELECT community.issue_code(1, NULL, code => 'LISA-10', campaign => 'spring');
SELECT community.issue_code(2, 2, '2024-07-01', 'two');
SELECT community.issue_code(2, 2, '2024-07-01', 'two');
SELECT pg_temp.refused(format('SELECT community.issue_code(%s)', a)) FROM unnest(ARRAY[
	'2, NULL, code => ''lisa-10'', campaign => ''spring''', '1, 5, code => ''lisa-10'', campaign => ''spring''',
	'1, NULL, code => ''lisa-10''', '1, NULL, ''2030-01-01'', ''lisa-10'', ''spring''',
	'2, 2, ''2024-07-02'', ''two''', '2, 3, ''2024-07-01'', ''two''',
	'1, code => ''a b''', '1, code => ''''', E'1, code => E''a\\nb''', '1, code => repeat(''x'', 65)',
	'1, 0', '1, -1', 'NULL', '99', '1, campaign => ''''', '1, program => -1']) AS a;

-- 3. one use: one member
SELECT community.issue_code(3, code => 'once');
SELECT community.enroll(11, code => 'once', joined_at => '2024-02-01');
SELECT pg_temp.stands(11);
SELECT community.enroll(11, code => 'ONCE', joined_at => '2024-02-01');
SELECT community.redeem_code(11, 'once', '2024-03-01');
SELECT pg_temp.refused('SELECT community.enroll(12, code => ''once'')');
SELECT count(*) AS left_behind FROM community.member
WHERE program_id = community.current_program() AND member_id = 12;
SELECT member_id, code, sponsor_id, redeemed_at FROM pg_temp.code_use WHERE code = 'ONCE';

-- 4. two uses until July
SELECT community.enroll(12, code => 'two', joined_at => '2024-06-30 23:59:59');
SELECT pg_temp.refused('SELECT community.enroll(13, code => ''two'', joined_at => ''2024-07-01'')');
SELECT community.enroll(13, code => 'two', joined_at => '2024-02-01');
SELECT pg_temp.refused('SELECT community.enroll(14, code => ''two'', joined_at => ''2024-02-01'')');
SELECT uses, used FROM pg_temp.code WHERE code = 'TWO';

-- 5. any number of uses: the row of the code stays as it is
SELECT xmin AS before, ctid FROM community.referral_code
WHERE program_id = community.current_program() AND code = 'LISA-10' \gset
SELECT count(community.enroll(m, code => 'lisa-10', joined_at => '2024-04-01')) FROM generate_series(101, 150) AS m;
SELECT used, xmin = :'before' AND ctid = :'ctid' AS untouched,
	(SELECT count(*) FROM pg_temp.code_use AS u WHERE u.code = c.code) AS uses
FROM community.referral_code AS c WHERE program_id = community.current_program() AND code = 'LISA-10';
SELECT count(*), min(sponsor_id), max(sponsor_id) FROM community.referral
WHERE program_id = community.current_program() AND member_id BETWEEN 101 AND 150;

-- 6. refused: unknown, revoked, of a campaign that is not on
SELECT pg_temp.refused('SELECT community.enroll(14, code => ''nobody'')');
SELECT community.revoke_code('lisa-10', 'leaked'), community.revoke_code('lisa-10', 'leaked');
SELECT pg_temp.refused('SELECT community.enroll(14, code => ''lisa-10'')');
SELECT community.enroll(101, code => 'lisa-10') AS again;
SELECT pg_temp.refused('SELECT community.revoke_code(''nobody'', ''x'')');
SELECT pg_temp.refused('SELECT community.revoke_code(''two'', '''')');
INSERT INTO community.referral_campaign (program_id, campaign, valid)
VALUES (community.current_program(), 'summer', '[2024-06-01,2024-09-01)');
SELECT community.issue_code(3, NULL, code => 'sun', campaign => 'summer');
SELECT pg_temp.refused('SELECT community.enroll(14, code => ''sun'', joined_at => ''2024-05-31'')');
SELECT community.enroll(14, code => 'sun', joined_at => '2024-06-01');
SELECT pg_temp.refused('SELECT community.enroll(15, code => ''sun'', joined_at => ''2024-09-01'')');

-- 7. sponsor and code must agree
SELECT community.issue_code(4, NULL, code => 'four');
SELECT pg_temp.refused('SELECT community.enroll(15, sponsor => 3, code => ''four'')');
SELECT community.enroll(15, sponsor => 4, code => 'four', joined_at => '2024-02-01');
SELECT pg_temp.refused('SELECT community.enroll(15, sponsor => 3, code => ''four'')');
SELECT community.enroll(15, sponsor => 4, code => 'four', joined_at => '2024-02-01');
SELECT pg_temp.stands(15);

-- 8. members that were there before; never by their own code, nor in a ring
SELECT community.redeem_code(5, 'four', '2024-05-01'), community.redeem_code(5, 'four');
SELECT pg_temp.stands(5);
SELECT community.issue_code(5, NULL, code => 'five');
SELECT pg_temp.refused('SELECT community.redeem_code(4, ''four'')');
SELECT pg_temp.refused('SELECT community.redeem_code(4, ''five'')');
SELECT pg_temp.refused('SELECT community.redeem_code(99, ''five'')');
SELECT pg_temp.refused('SELECT community.redeem_code(15, ''five'')');
SELECT pg_temp.refused('SELECT community.redeem_code(4, ''five'', ''infinity'')');
SELECT pg_temp.refused('SELECT community.redeem_code(4, NULL)');

-- 9. owners that are closed or merged
SELECT community.enroll(m, joined_at => '2024-01-01') FROM generate_series(21, 24) AS m;
SELECT community.issue_code(21, NULL, code => 'closed'), community.issue_code(22, NULL, code => 'merged');
SELECT community.close_member(21, 'left'), community.merge_members(22, 23, 'merge 22');
SELECT pg_temp.refused('SELECT community.enroll(31, code => ''closed'')');
SELECT community.enroll(31, code => 'merged', joined_at => '2024-02-01');
SELECT pg_temp.stands(31);
SELECT pg_temp.refused('SELECT community.issue_code(21)');
SELECT pg_temp.refused('SELECT community.redeem_code(23, ''merged'')');
SELECT pg_temp.refused('SELECT community.redeem_code(21, ''four'')');

-- 10. uses are never taken back, whatever is counted agrees
SELECT pg_temp.refused('DELETE FROM community.referral_code_use');
SELECT rule, member_id, object, detail FROM community.check_installation('full', community.current_program());
BEGIN;
UPDATE community.referral_code SET used = 1 WHERE program_id = community.current_program() AND code = 'TWO';
SELECT rule, member_id, object, detail FROM community.check_installation('full', community.current_program());
ROLLBACK;
