-- If this failed, programs could be mixed up, a member could be enrolled
-- twice or not found again, or a closed one could go on earning.
\set VERBOSITY default
SELECT community.create_program('member test') > 0 AS created;
SELECT community.create_program('member test');
SELECT community.create_program('');
SELECT community.create_program('42');
SELECT community.create_program('x', time_zone => 'Mars/Olympus');
SELECT community.create_program('x', half_life => '1 month');
SELECT community.create_program('x', half_life => '-1 day');
SELECT community.create_program('x', amount_scale => 10);
SELECT count(*) FROM community.program WHERE name = 'x';
SELECT community.create_program('member test 2', 'Europe/Berlin', '30 days', 0) > 0 AS created;
-- which program is meant
RESET community.program;
SELECT community.current_program();
SET community.program = 'nowhere';
SELECT community.current_program();
SET community.program = 'member test';
SELECT name FROM community.program WHERE program_id = community.current_program();
SELECT set_config('community.program', program_id::text, false) = program_id::text AS by_id
FROM community.program WHERE name = 'member test 2';
SELECT name FROM community.program WHERE program_id = community.current_program();
SELECT community.enroll(1, program => 987654321);
SET community.program = 'member test';
-- enroll is idempotent
SELECT community.enroll(1), community.enroll(1), community.enroll(-5), community.enroll(9223372036854775807);
SELECT community.enroll(external_id => 'anna') = community.enroll(external_id => 'anna') AS same;
SELECT community.member_id('anna') = community.enroll(external_id => 'anna') AS same,
	community.member_id('nobody') IS NULL AS none;
SELECT community.enroll(7, external_id => 'seven', attributes => '{"a": 1}', joined_at => '2020-02-29 12:00+00');
SELECT community.enroll(7, external_id => 'seven', attributes => '{"a": 2}');
SELECT member_id, external_id, attributes, joined_at AT TIME ZONE 'UTC' AS joined_at
FROM community.member WHERE member_id = 7 AND program_id = community.current_program();
SELECT community.enroll(8, external_id => 'seven');
SELECT community.enroll(7, external_id => 'eight');
SELECT community.enroll(1, external_id => 'one');
SELECT community.enroll();
SELECT community.enroll(2, code => 'HELLO');
SELECT community.enroll(2, joined_at => 'infinity');
SELECT community.enroll(2, joined_at => '0024-01-01');
SELECT community.enroll(external_id => '');
SELECT community.enroll(external_id => repeat('x', 513));
-- the same ids are other members in another program
SET community.program = 'member test 2';
SELECT community.enroll(1), community.member_id('anna') IS NULL AS none;
-- a drawn id that the application has taken is passed over
SELECT count(community.enroll(g)) FROM (SELECT generate_series(last_value + 1, last_value + 5) AS g FROM community.id_sequence) s;
SELECT community.member_id('bert') IS NULL AS none, community.enroll(external_id => 'bert') > 0 AS drawn;
SELECT count(*) AS members, count(DISTINCT member_id) AS ids FROM community.member WHERE program_id = community.current_program();
SELECT count(*) AS without_engagement FROM community.member m
WHERE NOT EXISTS (SELECT FROM community.engagement g WHERE g.program_id = m.program_id AND g.member_id = m.member_id);
-- closing
SET community.program = 'member test';
SELECT event_id > 0 AS recorded FROM community.record(1, 'post', 'before closing');
SELECT community.close_member(1, 'left us'), community.close_member(1, 'left us again');
SELECT status, close_reason, closed_at IS NOT NULL AS closed FROM community.member
WHERE member_id = 1 AND program_id = community.current_program();
SELECT community.close_member(12345, 'who?');
SELECT community.close_member(7, '');
SELECT community.record(1, 'post', 'after closing');
SELECT community.enroll(1);
SELECT replay FROM community.record(1, 'post', 'before closing');
SELECT amount, replay FROM community.reverse('before closing', 'spam');
SELECT count(*) FROM community.event WHERE key = 'after closing' AND program_id = community.current_program();
