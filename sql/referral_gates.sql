-- If this failed, members would be brought by inviters that may not invite
-- yet, or more than their quota; be let in without an inviter where one is
-- required; or honest invitations would be refused, or count twice.
\set VERBOSITY default
SELECT community.create_program('referral_gates', 'Europe/Berlin') > 0 AS created;
SET community.program = 'referral_gates';
SET timezone = 'Europe/Berlin';
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
CREATE FUNCTION pg_temp.setting(VARIADIC set text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM community.referral_setting WHERE program_id = community.current_program();
	EXECUTE format('INSERT INTO community.referral_setting (program_id, %s) VALUES (community.current_program(), %s)',
		(SELECT string_agg(split_part(s, ' = ', 1), ', ') FROM unnest(set) AS s),
		(SELECT string_agg(split_part(s, ' = ', 2), ', ') FROM unnest(set) AS s));
END $$;
CREATE VIEW pg_temp.slot AS SELECT inviter_id, period_start, slot, member_id, invited_at
FROM community.referral_invitation WHERE program_id = community.current_program();
SELECT count(community.enroll(m, joined_at => '2024-01-01')) FROM generate_series(1, 9) AS m;

-- 1. by invitation only
SELECT pg_temp.setting('sponsor_required = true');
SELECT pg_temp.refused('SELECT community.enroll(11)');
SELECT pg_temp.refused('SELECT community.enroll(external_id => ''eleven'')');
SELECT community.enroll(1) AS known, community.enroll(11, sponsor => 1) AS brought,
	community.enroll(11) AS retry, community.enroll(external_id => 'twelve', sponsor => 1) > 0 AS drawn,
	community.enroll(external_id => 'twelve') > 0 AS retry;
SELECT pg_temp.refused('SELECT community.enroll(13, visitor => ''nobody'')');
SELECT community.enroll(11, visitor => 'nobody') AS retry;

-- 2. new members only
SELECT pg_temp.setting('late_bindings = false');
SELECT pg_temp.refused('SELECT community.enroll(9, sponsor => 1)');
SELECT community.issue_code(1, NULL, code => 'gates');
SELECT pg_temp.refused('SELECT community.redeem_code(9, ''gates'')');
SELECT community.enroll(14, code => 'gates') AS brought, community.redeem_code(14, 'gates') AS retry;

-- 3. the inviter's age, as the clock of the program goes: the night of
-- 2024-03-31 has no 02:30
SELECT pg_temp.setting('inviter_age = ''30 days''');
SELECT community.enroll(21, joined_at => '2024-03-01 02:30');
SELECT community.period_add('2024-03-01 02:30', '30 days', 'Europe/Berlin') AS from_then_on;
SELECT pg_temp.refused('SELECT community.enroll(22, sponsor => 21, joined_at => ''2024-03-31 01:59:59'')');
SELECT community.enroll(22, sponsor => 21, joined_at => community.period_add('2024-03-01 02:30', '30 days', 'Europe/Berlin'));

-- 4. the inviter's tier, as it was then
SELECT pg_temp.setting('inviter_ladder = ''club''', 'inviter_tier = ''silver''');
SELECT pg_temp.refused('SELECT community.enroll(31, sponsor => 1, joined_at => ''2024-06-15'')') ~ 'ladder "club"' AS unknown_ladder;
INSERT INTO community.ladder (program_id, name) VALUES (community.current_program(), 'club');
INSERT INTO community.tier (program_id, ladder_id, rank, name, entry)
SELECT program_id, ladder_id, t.rank, t.name, 'none' FROM community.ladder,
	(VALUES (1, 'bronze'), (2, 'silver'), (3, 'gold')) AS t (rank, name)
WHERE program_id = community.current_program();
SELECT rule FROM community.publish_ladder('club', '2024-01-01') AS x (rule);
SELECT community.grant_tier(1, 'club', 'bronze', '[2024-02-01,)', 'granted', 'x', 'g1') > 0,
	community.grant_tier(2, 'club', 'silver', '[2024-02-01,2024-09-01)', 'granted', 'x', 'g2') > 0,
	community.grant_tier(3, 'club', 'gold', '[2024-02-01,)', 'granted', 'x', 'g3') > 0;
SELECT i, t, pg_temp.refused(format('SELECT community.enroll(%s, sponsor => %s, joined_at => %L)', 30 + n, i, t))
FROM (VALUES (1, 4, '2024-06-15'), (2, 1, '2024-06-15'), (3, 2, '2024-01-15'), (4, 2, '2024-06-15'),
	(5, 2, '2024-09-01'), (6, 3, '2024-09-01')) AS v (n, i, t) ORDER BY n;
SELECT pg_temp.setting('inviter_ladder = ''club''', 'inviter_tier = ''platinum''');
SELECT pg_temp.refused('SELECT community.enroll(39, sponsor => 3, joined_at => ''2024-06-15'')') LIKE '42704%' AS no_such_tier;

-- 5. quotas: so many a month, as months of the program go
SELECT pg_temp.setting('invitations = 2', 'invitation_period = ''calendar month''');
SELECT n, pg_temp.refused(format('SELECT community.enroll(%s, sponsor => 5, joined_at => %L)', 40 + n, t))
FROM (VALUES (1, '2024-05-01 00:00'), (2, '2024-05-31 23:59:59'), (3, '2024-05-15'), (4, '2024-06-01 00:00'),
	(5, '2024-04-30 23:59:59'), (6, '2024-06-01'), (7, '2024-06-30')) AS v (n, t) ORDER BY n;
SELECT inviter_id, period_start, array_agg(slot ORDER BY slot) AS slots, array_agg(member_id ORDER BY member_id) AS members
FROM pg_temp.slot GROUP BY 1, 2 ORDER BY 1, 2;
-- a retry takes no slot, nor does what is refused for other reasons
SELECT community.enroll(41, sponsor => 5), community.enroll(42, sponsor => 5);
SELECT pg_temp.refused('SELECT community.enroll(41, sponsor => 6, joined_at => ''2024-05-01'')');
SELECT pg_temp.refused('SELECT community.enroll(6, sponsor => 6, joined_at => ''2024-05-01'')');
SELECT count(*) FROM pg_temp.slot WHERE inviter_id = 6;
-- by code as well; what is refused does not use the code up
SELECT community.issue_code(5, 1, code => 'quota');
SELECT pg_temp.refused('SELECT community.enroll(48, code => ''quota'', joined_at => ''2024-05-20'')');
SELECT community.enroll(48, code => 'quota', joined_at => '2024-07-20');
-- for a lifetime, from the day of joining on, and none at all
SELECT pg_temp.setting('invitations = 1', 'invitation_period = ''lifetime''');
SELECT pg_temp.refused('SELECT community.enroll(51, sponsor => 7)'), pg_temp.refused('SELECT community.enroll(52, sponsor => 7)');
SELECT pg_temp.setting('invitations = 1', 'invitation_period = ''anniversary year''');
SELECT n, pg_temp.refused(format('SELECT community.enroll(%s, sponsor => 8, joined_at => %L)', 60 + n, t))
FROM (VALUES (1, '2024-12-31 23:59'), (2, '2024-01-02'), (3, '2025-01-01')) AS v (n, t) ORDER BY n;
SELECT pg_temp.setting('invitations = 0', 'invitation_period = ''lifetime''');
SELECT pg_temp.refused('SELECT community.enroll(71, sponsor => 9)');
SELECT pg_temp.refused($$SELECT pg_temp.setting('invitations = 1', 'invitation_period = ''rolling 7 days''')$$) ~ 'referral_setting_period_check' AS no_rolling_quota;
-- many slots are found wherever the search begins
SELECT pg_temp.setting('invitations = 100', 'invitation_period = ''calendar year''');
SELECT count(community.enroll(m, sponsor => 9, joined_at => '2024-02-01')) FROM generate_series(1001, 1100) AS m;
SELECT pg_temp.refused('SELECT community.enroll(1101, sponsor => 9, joined_at => ''2024-02-01'')');
SELECT count(*), min(slot), max(slot), count(DISTINCT slot) FROM pg_temp.slot WHERE inviter_id = 9;

-- 6. settings hold for their own program, and from the moment they are changed
SELECT community.create_program('referral_gates other') > 0 AS created;
SELECT community.enroll(1, program => p.program_id), community.enroll(2, sponsor => 1, program => p.program_id)
FROM community.program AS p WHERE name = 'referral_gates other';
DELETE FROM community.referral_setting WHERE program_id = community.current_program();
SELECT community.enroll(1101, sponsor => 9, joined_at => '2024-02-01');
