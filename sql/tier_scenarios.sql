-- If this failed, a member would hold a tier that the rules of a well-known
-- program do not give, or hold it from or until a wrong instant.
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SELECT community.create_program('tier scenarios') > 0 AS created;
SELECT community.create_program('tier scenarios in New York', time_zone => 'America/New_York') > 0 AS created;
\getenv abs_srcdir PG_ABS_SRCDIR
\set oracle :abs_srcdir '/test/oracle/tier.sql'
\set ECHO none
\i :oracle
\set ECHO all
SET community.program = 'tier scenarios';

-- Who plays on which ladder, and what they hold by hand, in local time.
CREATE TABLE played (program_id bigint DEFAULT community.current_program(), ladder text, member bigint);
CREATE TABLE expected (program_id bigint DEFAULT community.current_program(), ladder text, member bigint, tier text,
	source text, since timestamp, before timestamp, ends timestamp, version int, reason text);
CREATE FUNCTION play(ladder text, member bigint, joined text) RETURNS void LANGUAGE sql AS $$
	SELECT community.enroll(member, joined_at => joined::timestamp AT TIME ZONE (SELECT time_zone FROM community.program WHERE program_id = community.current_program()));
	INSERT INTO played (ladder, member) VALUES (ladder, member);
$$;
CREATE FUNCTION need(of_ladder text, of_rank int, of_measure text, period text, attain numeric, keep numeric DEFAULT NULL, place int DEFAULT 1)
RETURNS void LANGUAGE sql AS $$
	INSERT INTO community.tier_requirement (program_id, ladder_id, rank, position, measure_id, period, attain, keep)
	SELECT program_id, l.ladder_id, of_rank, place, m.measure_id, period::community.period, attain, keep
	FROM community.ladder AS l JOIN community.measure AS m USING (program_id)
	WHERE program_id = community.current_program() AND l.name = of_ladder AND m.name = of_measure
$$;
CREATE SEQUENCE key_of;
-- an event by local time, its key in the order of recording
CREATE FUNCTION happens(member bigint, type text, at text, amount bigint DEFAULT 0, target bigint DEFAULT NULL) RETURNS bigint LANGUAGE sql AS $$
	SELECT event_id FROM community.record(member, type, format('event %s', nextval('key_of')), amount,
		at::timestamp AT TIME ZONE (SELECT time_zone FROM community.program WHERE program_id = community.current_program()), target)
$$;
CREATE VIEW shown AS
	WITH held AS (
		SELECT p.program_id, p.ladder, p.member, t.tier, t.source, lower(t.during) AT TIME ZONE z.time_zone AS since, upper(t.during) AT TIME ZONE z.time_zone AS before,
			t.ends_at AT TIME ZONE z.time_zone AS ends, (SELECT count(*) FROM community.ladder_version AS v, community.ladder_version AS o
				WHERE o.program_id = t.program_id AND o.version_id = t.version_id AND v.program_id = o.program_id AND v.ladder_id = o.ladder_id AND NOT v.valid >> o.valid)::int AS version, t.reason
		FROM played AS p JOIN community.program AS z USING (program_id) JOIN community.ladder AS l ON l.program_id = p.program_id AND l.name = p.ladder
		JOIN o_tenure AS t ON t.program_id = p.program_id AND t.ladder_id = l.ladder_id AND t.member_id = p.member)
	SELECT program_id, ladder, member, tier, source, since, before, ends, version, reason,
		CASE WHEN count(*) = 2 THEN 'as expected' WHEN min(side) = 1 THEN 'NOT EXPECTED' ELSE 'MISSING' END AS verdict
	FROM (SELECT 1 AS side, * FROM held UNION ALL SELECT 2, * FROM expected) AS u
	GROUP BY program_id, ladder, member, tier, source, since, before, ends, version, reason;
-- tiers that qualify, unless a line says otherwise
CREATE FUNCTION tiers(of_ladder text, VARIADIC names text[]) RETURNS void LANGUAGE sql AS $$
	INSERT INTO community.tier (program_id, ladder_id, rank, name)
	SELECT program_id, ladder_id, t.n, t.tier FROM community.ladder AS l, unnest(names) WITH ORDINALITY AS t (tier, n)
	WHERE program_id = community.current_program() AND l.name = of_ladder
$$;
CREATE FUNCTION work_out(ladder text DEFAULT NULL) RETURNS bigint LANGUAGE sql AS $$ SELECT o_work_out(community.current_program(), '2026-06-01 00:00+00', ladder) $$;

INSERT INTO community.measure (program_id, name, kind, types)
SELECT community.current_program(), v.* FROM (VALUES
	('visits', 'distinct_days', ARRAY['visit']), ('miles', 'sum', '{flight}'), ('stays', 'sum', '{stay}'),
	('spend', 'sum', '{order}'), ('posts', 'count', '{post}'), ('thanked', 'distinct_counterparts', '{thank}'),
	('member for', 'membership_days', NULL), ('games', 'count', '{game}'), ('quarter', 'sum', '{quarter}'),
	('month', 'sum', '{month}'), ('year', 'sum', '{year}'), ('ruled', 'sum', '{ruled}'), ('late', 'sum', '{late}'),
	('heat', 'engagement', NULL), ('biggest', 'maximum', '{big}')) AS v;

-- Discourse, trust level 3: 50 of the last 100 days, 90 percent of it to stay,
-- and nobody falls within 14 days.  Down is one level.
INSERT INTO community.ladder (program_id, name, demotion, dwell, landing) VALUES (community.current_program(), 'trust', 'drop', '14 days', 'one_down');
SELECT tiers('trust', 'TL2', 'TL3');
SELECT need('trust', 2, 'visits', 'rolling 100 days', 50, 45);
SELECT o_publish(community.current_program(), 'trust') > 0 AS published;
SELECT play('trust', 101, '2024-01-01'), play('trust', 102, '2024-01-01'), play('trust', 103, '2024-01-01');
-- 101: 1 January to 19 February, each day at noon (50 days).  1 January falls out on 10 April, so
--      6 January on 15 April: 44.
SELECT count(happens(101, 'visit', d::text)) FROM generate_series(timestamp '2024-01-01 12:00', '2024-02-19 12:00', '1 day') d;
-- 102: 1 to 10 January, 1 March to 9 April (10 + 40 days).  44 are left from 15 April, 14 days are over on 23 April.
-- 103: the same, and 19 to 23 April: 45 on 23 April.  1 March falls out on 9 June: 44.
SELECT count(happens(m, 'visit', d::text)) FROM generate_series(102, 103) m, (SELECT generate_series(timestamp '2024-01-01 12:00', '2024-01-10 12:00', '1 day')
	UNION ALL SELECT generate_series(timestamp '2024-03-01 12:00', '2024-04-09 12:00', '1 day')) d (d);
SELECT count(happens(103, 'visit', d::text)) FROM generate_series(timestamp '2024-04-19 12:00', '2024-04-23 12:00', '1 day') d;
INSERT INTO expected (ladder, member, tier, source, since, before, ends, version, reason) VALUES
	('trust', 101, 'TL2', 'qualified', '2024-01-01 00:00', '2024-02-19 12:00', NULL, 1, 'promoted'),
	('trust', 101, 'TL3', 'qualified', '2024-02-19 12:00', '2024-04-15 12:00', NULL, 1, 'promoted'),
	('trust', 101, 'TL2', 'qualified', '2024-04-15 12:00', NULL, NULL, 1, 'demoted'),
	('trust', 102, 'TL2', 'qualified', '2024-01-01 00:00', '2024-04-09 12:00', NULL, 1, 'promoted'),
	('trust', 102, 'TL3', 'qualified', '2024-04-09 12:00', '2024-04-23 12:00', NULL, 1, 'promoted'),
	('trust', 102, 'TL2', 'qualified', '2024-04-23 12:00', NULL, NULL, 1, 'demoted'),
	('trust', 103, 'TL2', 'qualified', '2024-01-01 00:00', '2024-04-09 12:00', NULL, 1, 'promoted'),
	('trust', 103, 'TL3', 'qualified', '2024-04-09 12:00', '2024-06-09 12:00', NULL, 1, 'promoted'),
	('trust', 103, 'TL2', 'qualified', '2024-06-09 12:00', NULL, NULL, 1, 'demoted');

-- An airline: miles of a calendar year give a status until the end of the next one; then it is
-- judged by the year that ends, and who fails lands softly, one down.
INSERT INTO community.ladder (program_id, name, demotion, term, term_rounding, landing)
VALUES (community.current_program(), 'airline', 'term_end', '1 year', 'calendar year', 'one_down');
SELECT tiers('airline', 'silver', 'gold');
SELECT need('airline', 1, 'miles', 'calendar year', 25000), need('airline', 2, 'miles', 'calendar year', 50000);
SELECT o_publish(community.current_program(), 'airline') > 0 AS published;
SELECT play('airline', 201, '2022-01-01');
-- 2022: 30,000 on 10 March, 25,000 on 20 June; 2023: 10,000; 2024: 26,000; 2025: nothing
SELECT count(happens(201, 'flight', at, miles)) FROM (VALUES ('2022-03-10 12:00', 30000), ('2022-06-20 12:00', 25000),
	('2023-05-01 12:00', 10000), ('2024-09-09 12:00', 26000)) v (at, miles);
INSERT INTO expected (ladder, member, tier, source, since, before, ends, version, reason) VALUES
	('airline', 201, 'silver', 'qualified', '2022-03-10 12:00', '2022-06-20 12:00', '2024-01-01', 1, 'promoted'),
	('airline', 201, 'gold', 'qualified', '2022-06-20 12:00', '2024-01-01', '2024-01-01', 1, 'promoted'),
	('airline', 201, 'silver', 'qualified', '2024-01-01', '2025-01-01', '2025-01-01', 1, 'demoted'),
	('airline', 201, 'silver', 'qualified', '2025-01-01', '2026-01-01', '2026-01-01', 1, 'renewed');

-- Years of membership that began on 29 February 2020 at 9: they end on 28 February 2021, 2022,
-- 2023, 29 February 2024 and 28 February 2025, at 9.
INSERT INTO community.ladder (program_id, name, demotion, term_rounding) VALUES (community.current_program(), 'leap', 'term_end', 'anniversary year');
SELECT tiers('leap', 'gold');
SELECT need('leap', 1, 'stays', 'anniversary year', 100);
SELECT o_publish(community.current_program(), 'leap') > 0 AS published;
SELECT play('leap', 301, '2020-02-29 09:00');
-- 2021-02-28 08:59 is still the first year, 2022-02-28 09:00 the third, 2024-02-28 the fourth
SELECT count(happens(301, 'stay', at, 100)) FROM unnest('{2021-02-28 08:59,2022-02-28 09:00,2024-02-28 10:00}'::text[]) at;
INSERT INTO expected (ladder, member, tier, source, since, before, ends, version, reason) VALUES
	('leap', 301, 'gold', 'qualified', '2021-02-28 08:59', '2021-02-28 09:00', '2021-02-28 09:00', 1, 'promoted'),
	('leap', 301, 'gold', 'qualified', '2021-02-28 09:00', '2022-02-28 09:00', '2022-02-28 09:00', 1, 'renewed'),
	('leap', 301, 'gold', 'qualified', '2022-02-28 09:00', '2023-02-28 09:00', '2023-02-28 09:00', 1, 'promoted'),
	('leap', 301, 'gold', 'qualified', '2023-02-28 09:00', '2024-02-29 09:00', '2024-02-29 09:00', 1, 'renewed'),
	('leap', 301, 'gold', 'qualified', '2024-02-29 09:00', '2025-02-28 09:00', '2025-02-28 09:00', 1, 'renewed');

-- A club for 1,200 within 365 days, beside it a lower tier for 200.
INSERT INTO community.ladder (program_id, name, demotion) VALUES (community.current_program(), 'club', 'drop');
SELECT tiers('club', 'friend', 'club');
SELECT need('club', 1, 'spend', 'rolling 365 days', 20000), need('club', 2, 'spend', 'rolling 365 days', 120000);
SELECT o_publish(community.current_program(), 'club') > 0 AS published;
SELECT play('club', 401, '2023-01-01');
-- 150 on 1 February, 60 on 1 March, 1,000 on 1 June 2023; they fall out on 1 February, 29 February and 31 May 2024
SELECT count(happens(401, 'order', at, amount)) FROM (VALUES ('2023-02-01 12:00', 15000), ('2023-03-01 12:00', 6000), ('2023-06-01 12:00', 100000)) v (at, amount);
INSERT INTO expected (ladder, member, tier, source, since, before, ends, version, reason) VALUES
	('club', 401, 'friend', 'qualified', '2023-03-01 12:00', '2023-06-01 12:00', NULL, 1, 'promoted'),
	('club', 401, 'club', 'qualified', '2023-06-01 12:00', '2024-02-01 12:00', NULL, 1, 'promoted'),
	('club', 401, 'friend', 'qualified', '2024-02-01 12:00', '2024-05-31 12:00', NULL, 1, 'demoted');

-- An application for which two of three will do: 5 posts, thanks by 2 members, 30 days of membership.
INSERT INTO community.ladder (program_id, name) VALUES (community.current_program(), 'moderator');
SELECT tiers('moderator', 'moderator');
UPDATE community.tier SET needs = 2 WHERE program_id = community.current_program() AND name = 'moderator';
SELECT need('moderator', 1, 'posts', 'lifetime', 5, place => 1), need('moderator', 1, 'thanked', 'lifetime', 2, place => 2), need('moderator', 1, 'member for', 'lifetime', 30, place => 3);
SELECT o_publish(community.current_program(), 'moderator') > 0 AS published;
SELECT play('moderator', 501, '2024-01-10'), play('moderator', 502, '2024-01-10'), play('moderator', 503, '2024-01-10');
-- 501: 5 posts until 20 January; 30 days are over on 9 February
-- 502: thanks 501 on 15 and 16 January, 503 on the 17th; the fifth post on the 18th
-- 503: thanks 501 alone
SELECT count(happens(501, 'post', d::text)) FROM generate_series(timestamp '2024-01-16 12:00', '2024-01-20 12:00', '1 day') d;
SELECT count(happens(502, 'post', d::text)) FROM generate_series(timestamp '2024-01-14 12:00', '2024-01-18 12:00', '1 day') d;
SELECT count(happens(member, 'thank', at, 0, target)) FROM (VALUES (502, '2024-01-15 12:00', 501), (502, '2024-01-16 12:00', 501), (502, '2024-01-17 12:00', 503), (503, '2024-01-17 12:00', 501), (503, '2024-01-18 12:00', 501)) v (member, at, target);
INSERT INTO expected (ladder, member, tier, source, since, before, ends, version, reason) VALUES
	('moderator', 501, 'moderator', 'qualified', '2024-02-09 00:00', NULL, NULL, 1, 'promoted'),
	('moderator', 502, 'moderator', 'qualified', '2024-01-18 12:00', NULL, NULL, 1, 'promoted');

-- Hysteresis: 10 within 30 days to come in, 5 to stay.
INSERT INTO community.ladder (program_id, name, demotion) VALUES (community.current_program(), 'player', 'drop');
SELECT tiers('player', 'player');
SELECT need('player', 1, 'games', 'rolling 30 days', 10, 5);
SELECT o_publish(community.current_program(), 'player') > 0 AS published;
SELECT play('player', 601, '2024-01-01');
-- one a day from 1 to 10 January; the sixth falls out on 5 February.  6 on 6 February at 13:00 make
-- it 9, which would keep but does not attain; one on 7 February at 11:00 makes it 10.  The six fall out on 7 March.
SELECT count(happens(601, 'game', d::text)) FROM generate_series(timestamp '2024-01-01 12:00', '2024-01-10 12:00', '1 day') d;
SELECT count(happens(601, 'game', '2024-02-06 13:00')) FROM generate_series(1, 6);
SELECT count(happens(601, 'game', '2024-02-07 11:00'));
INSERT INTO expected (ladder, member, tier, source, since, before, ends, version, reason) VALUES
	('player', 601, 'player', 'qualified', '2024-01-10 12:00', '2024-02-05 12:00', NULL, 1, 'promoted'),
	('player', 601, 'player', 'qualified', '2024-02-07 11:00', '2024-03-07 13:00', NULL, 1, 'promoted');

-- Promotion at the end of the quarter, by that quarter.
INSERT INTO community.ladder (program_id, name, promotion, promotion_period) VALUES (community.current_program(), 'quarter', 'period_end', 'calendar quarter');
SELECT tiers('quarter', 'bronze', 'silver');
SELECT need('quarter', 1, 'quarter', 'calendar quarter', 100), need('quarter', 2, 'quarter', 'calendar quarter', 200);
SELECT o_publish(community.current_program(), 'quarter') > 0 AS published;
SELECT play('quarter', 701, '2024-01-01'), play('quarter', 702, '2024-01-01');
-- 701: 120 on 15 January, 250 on 30 June at 23:59.  702: 150 on 1 April at 0:00, the second quarter
SELECT count(happens(member, 'quarter', at, amount)) FROM (VALUES (701, '2024-01-15 12:00', 120), (701, '2024-06-30 23:59', 250), (702, '2024-04-01 00:00', 150)) v (member, at, amount);
INSERT INTO expected (ladder, member, tier, source, since, before, ends, version, reason) VALUES
	('quarter', 701, 'bronze', 'qualified', '2024-04-01', '2024-07-01', NULL, 1, 'promoted'),
	('quarter', 701, 'silver', 'qualified', '2024-07-01', NULL, NULL, 1, 'promoted'),
	('quarter', 702, 'bronze', 'qualified', '2024-07-01', NULL, NULL, 1, 'promoted');

-- Grace of 10 days, recovery within it.
INSERT INTO community.ladder (program_id, name, demotion, grace) VALUES (community.current_program(), 'grace', 'drop', '10 days');
SELECT tiers('grace', 'gold');
SELECT need('grace', 1, 'month', 'rolling 30 days', 100);
SELECT o_publish(community.current_program(), 'grace') > 0 AS published;
SELECT play('grace', 801, '2024-01-01');
-- 100 on 1 March, out on the 31st; 100 on 5 April, in grace, out on 5 May; grace is over on the 15th
SELECT count(happens(801, 'month', at, 100)) FROM unnest('{2024-03-01 12:00,2024-04-05 12:00}'::text[]) at;
INSERT INTO expected (ladder, member, tier, source, since, before, ends, version, reason) VALUES
	('grace', 801, 'gold', 'qualified', '2024-03-01 12:00', '2024-03-31 12:00', NULL, 1, 'promoted'),
	('grace', 801, 'gold', 'grace', '2024-03-31 12:00', '2024-04-05 12:00', '2024-04-10 12:00', 1, 'grace'),
	('grace', 801, 'gold', 'qualified', '2024-04-05 12:00', '2024-05-05 12:00', NULL, 1, 'recovered'),
	('grace', 801, 'gold', 'grace', '2024-05-05 12:00', '2024-05-15 12:00', '2024-05-15 12:00', 1, 'grace');

-- A version from 1 September 2023 on wants 200 for 100, and 150 to stay.  One ladder lets running
-- terms end under the old version, its twin does not.
INSERT INTO community.ladder (program_id, name, demotion, term) SELECT community.current_program(), name, 'term_end', '1 year' FROM unnest('{kept word,broken word}'::text[]) name;
SELECT tiers(name, 'gold'), need(name, 1, 'year', 'rolling 365 days', 100), o_publish(community.current_program(), name) > 0 AS published FROM unnest('{kept word,broken word}'::text[]) name;
UPDATE community.tier_requirement AS r SET attain = 200, keep = 150 FROM community.ladder AS l WHERE l.program_id = r.program_id AND l.ladder_id = r.ladder_id AND l.name LIKE '% word' AND l.program_id = community.current_program();
UPDATE community.ladder SET grandfather = true WHERE name = 'kept word' AND program_id = community.current_program();
SELECT o_publish(community.current_program(), name, '2023-09-01 00:00+00') > 0 AS published FROM unnest('{kept word,broken word}'::text[]) name;
SELECT play('kept word', 901, '2023-01-01'), play('broken word', 901, '2023-01-01'), play('kept word', 902, '2023-01-01');
-- 901: 100 on 1 May 2023 and 1 December 2023, 120 on 1 October 2024.  902: 199 on 1 October 2023
SELECT count(happens(member, 'year', at, amount)) FROM (VALUES (901, '2023-05-01 12:00', 100), (901, '2023-12-01 12:00', 100), (901, '2024-10-01 12:00', 120), (902, '2023-10-01 12:00', 199)) v (member, at, amount);
INSERT INTO expected (ladder, member, tier, source, since, before, ends, version, reason) VALUES
	('kept word', 901, 'gold', 'qualified', '2023-05-01 12:00', '2024-05-01 12:00', '2024-05-01 12:00', 1, 'promoted'),
	('kept word', 901, 'gold', 'qualified', '2024-05-01 12:00', '2025-05-01 12:00', '2025-05-01 12:00', 2, 'renewed'),
	('broken word', 901, 'gold', 'qualified', '2023-05-01 12:00', '2024-05-01 12:00', '2024-05-01 12:00', 1, 'promoted'),
	('broken word', 901, 'gold', 'qualified', '2024-10-01 12:00', '2025-10-01 12:00', '2025-10-01 12:00', 2, 'promoted');

-- Rulings: silver for 100, gold for 200, platinum for 300 by invitation, each within 60 days.
INSERT INTO community.ladder (program_id, name, demotion) VALUES (community.current_program(), 'ruled', 'drop');
SELECT tiers('ruled', 'silver', 'gold', 'platinum');
UPDATE community.tier SET entry = 'invitation' WHERE program_id = community.current_program() AND name = 'platinum';
SELECT need('ruled', n, 'ruled', 'rolling 60 days', 100 * n) FROM generate_series(1, 3) n;
SELECT o_publish(community.current_program(), 'ruled') > 0 AS published;
SELECT play('ruled', m, '2023-12-01') FROM generate_series(1001, 1005) m;
-- everybody orders on 1 January, which falls out on 1 March
SELECT count(happens(member, 'ruled', at, amount)) FROM (VALUES (1001, '2024-01-01 12:00', 200), (1002, '2024-01-10 12:00', 200), (1003, '2024-01-01 12:00', 200), (1004, '2024-01-01 12:00', 300), (1005, '2024-01-01 12:00', 150)) v (member, at, amount);
-- 1001: locked from 1 February to 1 April.  1002: orders on the 10th, locked until 1 February; out on 10 March
-- 1003: no gold from 20 January to 10 February.  1004: invited from 15 to 20 January.  1005: the same, but with 150
SELECT count(o_rule(community.current_program(), 'ruled', member, kind, tier, during::tstzrange)) AS rulings FROM (VALUES (1001, 'lock', NULL, '[2024-02-01,2024-04-01)'), (1002, 'lock', NULL, '[2024-01-01,2024-02-01)'),
	(1003, 'veto', 'gold', '[2024-01-20,2024-02-10)'), (1004, 'invitation', 'platinum', '[2024-01-15,2024-01-20)'), (1005, 'invitation', 'platinum', '[2024-01-15,2024-01-20)')) v (member, kind, tier, during);
INSERT INTO expected (ladder, member, tier, source, since, before, ends, version, reason) VALUES
	('ruled', 1001, 'gold', 'qualified', '2024-01-01 12:00', '2024-04-01 00:00', NULL, 1, 'promoted'),
	('ruled', 1002, 'gold', 'qualified', '2024-02-01 00:00', '2024-03-10 12:00', NULL, 1, 'promoted'),
	('ruled', 1003, 'gold', 'qualified', '2024-01-01 12:00', '2024-01-20 00:00', NULL, 1, 'promoted'),
	('ruled', 1003, 'silver', 'qualified', '2024-01-20 00:00', '2024-02-10 00:00', NULL, 1, 'vetoed'),
	('ruled', 1003, 'gold', 'qualified', '2024-02-10 00:00', '2024-03-01 12:00', NULL, 1, 'promoted'),
	('ruled', 1004, 'gold', 'qualified', '2024-01-01 12:00', '2024-01-15 00:00', NULL, 1, 'promoted'),
	('ruled', 1004, 'platinum', 'qualified', '2024-01-15 00:00', '2024-03-01 12:00', NULL, 1, 'promoted'),
	('ruled', 1005, 'silver', 'qualified', '2024-01-01 12:00', '2024-03-01 12:00', NULL, 1, 'promoted');

-- What is recorded late, and what is taken back.
INSERT INTO community.ladder (program_id, name, demotion) VALUES (community.current_program(), 'late', 'drop');
SELECT tiers('late', 'gold');
SELECT need('late', 1, 'late', 'rolling 30 days', 100);
SELECT o_publish(community.current_program(), 'late') > 0 AS published;
SELECT play('late', m, '2024-01-01') FROM generate_series(1101, 1104) m;
-- 1101: 60 on 20 May, and afterwards it is known of 50 on 10 May: gold from the 20th to 9 June
SELECT happens(1101, 'late', '2024-05-20 12:00', 60) > 0 AS recorded;
SELECT happens(1101, 'late', '2024-05-10 12:00', 50) > 0 AS recorded;
-- 1102: 100 on 1 May gave gold, and is taken back: gold was never there
-- 1103: of 150 on 1 May 60 are taken back; with 20 on the 5th it is 110, until 31 May
-- 1104: gold since 1 May; the 100 of 10 May, which prolonged it, are taken back: until 31 May, not 9 June
SELECT count(happens(member, 'late', at, amount)) FROM (VALUES (1102, '2024-05-01 12:00', 100), (1103, '2024-05-01 12:00', 150), (1103, '2024-05-05 12:00', 20), (1104, '2024-05-01 12:00', 100), (1104, '2024-05-10 12:00', 100)) v (member, at, amount);
SELECT work_out('late') > 0 AS worked_out;
SELECT member, tier, since, before FROM shown WHERE ladder = 'late' AND member > 1101 ORDER BY member, since;
SELECT sum((community.reverse(key, 'returned', amount)).amount) FROM (SELECT key, CASE member_id WHEN 1103 THEN 60 END AS amount FROM community.event
	WHERE program_id = community.current_program() AND type = 'late' AND member_id > 1101 AND (member_id, occurred_at) IN ((1102, '2024-05-01 12:00'), (1103, '2024-05-01 12:00'), (1104, '2024-05-10 12:00'))) e;
INSERT INTO expected (ladder, member, tier, source, since, before, ends, version, reason) VALUES
	('late', 1101, 'gold', 'qualified', '2024-05-20 12:00', '2024-06-09 12:00', NULL, 1, 'promoted'),
	('late', 1103, 'gold', 'qualified', '2024-05-05 12:00', '2024-05-31 12:00', NULL, 1, 'promoted'),
	('late', 1104, 'gold', 'qualified', '2024-05-01 12:00', '2024-05-31 12:00', NULL, 1, 'promoted');

-- Engagement halves in 90 days: 4 on 1 January 2024 are 1 on 29 June at 0:00, and less a second later: engagement is judged
-- at whole seconds.
INSERT INTO community.ladder (program_id, name, demotion) VALUES (community.current_program(), 'warm', 'drop');
SELECT tiers('warm', 'warm');
SELECT need('warm', 1, 'heat', 'lifetime', 4, 1);
SELECT o_publish(community.current_program(), 'warm') > 0 AS published;
SELECT play('warm', 1201, '2024-01-01');
SELECT count(happens(1201, 'anything', '2024-01-01 00:00')) FROM generate_series(1, 4);
INSERT INTO expected (ladder, member, tier, source, since, before, ends, version, reason) VALUES
	('warm', 1201, 'warm', 'qualified', '2024-01-01', '2024-06-29 00:00:01', NULL, 1, 'promoted');

-- A tier that asks for nothing is lost by nobody, and a tier may be leapt over: 3 for a single order of 900.
INSERT INTO community.ladder (program_id, name, demotion, dwell, landing) VALUES (community.current_program(), 'leaps', 'drop', '7 days', 'one_down');
SELECT tiers('leaps', 'one', 'two', 'three', 'four');
SELECT need('leaps', 2, 'biggest', 'rolling 30 days', 300), need('leaps', 3, 'biggest', 'rolling 30 days', 600), need('leaps', 4, 'biggest', 'rolling 30 days', 900);
SELECT o_publish(community.current_program(), 'leaps') > 0 AS published;
SELECT play('leaps', 1301, '2024-01-01');
-- 900 on 1 March, which falls out on the 31st; then one step down every 7 days
SELECT happens(1301, 'big', '2024-03-01 12:00', 900) > 0 AS recorded;
INSERT INTO expected (ladder, member, tier, source, since, before, ends, version, reason) VALUES
	('leaps', 1301, 'one', 'qualified', '2024-01-01', '2024-03-01 12:00', NULL, 1, 'promoted'),
	('leaps', 1301, 'four', 'qualified', '2024-03-01 12:00', '2024-03-31 12:00', NULL, 1, 'promoted'),
	('leaps', 1301, 'three', 'qualified', '2024-03-31 12:00', '2024-04-07 12:00', NULL, 1, 'demoted'),
	('leaps', 1301, 'two', 'qualified', '2024-04-07 12:00', '2024-04-14 12:00', NULL, 1, 'demoted'),
	('leaps', 1301, 'one', 'qualified', '2024-04-14 12:00', NULL, NULL, 1, 'demoted');
SELECT work_out() > 0 AS worked_out;
SELECT ladder, member, tier, source, since, before, ends, version AS v, reason, verdict FROM shown WHERE program_id = community.current_program() ORDER BY min(member) OVER (PARTITION BY ladder), ladder, member, since;
SELECT * FROM o_differ(community.current_program(), '2026-06-01 00:00+00');

-- Days of 23 and 25 hours in New York: three orders on a calendar day, and four in a week that
-- ends with one; clocks change on 10 March and 3 November 2024, at 2.
SET community.program = 'tier scenarios in New York';
INSERT INTO community.measure (program_id, name, kind, types) VALUES (community.current_program(), 'orders', 'count', '{order}');
INSERT INTO community.ladder (program_id, name, demotion) VALUES (community.current_program(), 'day', 'drop');
INSERT INTO community.ladder (program_id, name, promotion, promotion_period, demotion, term) VALUES (community.current_program(), 'week', 'period_end', 'calendar week', 'term_end', '1 day');
SELECT tiers(name, 'busy') FROM unnest('{day,week}'::text[]) name;
SELECT need('day', 1, 'orders', 'calendar day', 3), need('week', 1, 'orders', 'calendar week', 4);
SELECT o_publish(community.current_program(), name) > 0 AS published FROM unnest('{day,week}'::text[]) name;
SELECT play('day', m, '2024-01-01'), play('week', m, '2024-01-01') FROM generate_series(1, 3) m;
-- 1: 10 March at 0:00, 14:00 and 23:59:59, and on Saturday; 2: 3 November at 0:00, 1:30 and 23:30, and on Saturday
-- 3: 9 March at 23:59:59, 10 March at 0:00 and 23:59:59, 11 March at 0:00: no day has three, no week four
SELECT count(happens(member, 'order', at)) FROM (VALUES (1, '2024-03-09 10:00'), (1, '2024-03-10 00:00'), (1, '2024-03-10 14:00'), (1, '2024-03-10 23:59:59'),
	(2, '2024-11-02 10:00'), (2, '2024-11-03 00:00'), (2, '2024-11-03 01:30'), (2, '2024-11-03 23:30'),
	(3, '2024-03-09 23:59:59'), (3, '2024-03-10 00:00'), (3, '2024-03-10 23:59:59'), (3, '2024-03-11 00:00')) v (member, at);
INSERT INTO expected (ladder, member, tier, source, since, before, ends, version, reason) VALUES
	('day', 1, 'busy', 'qualified', '2024-03-10 23:59:59', '2024-03-11', NULL, 1, 'promoted'),
	('day', 2, 'busy', 'qualified', '2024-11-03 23:30', '2024-11-04', NULL, 1, 'promoted'),
	('week', 1, 'busy', 'qualified', '2024-03-11', '2024-03-12', '2024-03-12', 1, 'promoted'),
	('week', 2, 'busy', 'qualified', '2024-11-04', '2024-11-05', '2024-11-05', 1, 'promoted');
SELECT work_out() > 0 AS worked_out;
SELECT ladder, member, tier, source, since, before, ends, version AS v, reason, verdict FROM shown WHERE program_id = community.current_program() ORDER BY ladder, member, since;
-- in hours: what is left of the day
SELECT l.name AS ladder, member_id, upper(during) - lower(during) AS lasted FROM o_tenure AS t JOIN community.ladder AS l USING (program_id, ladder_id) WHERE program_id = community.current_program() ORDER BY 1, 2;
SELECT * FROM o_differ(community.current_program(), '2026-06-01 00:00+00');
SELECT count(*) AS tenures, count(*) FILTER (WHERE verdict <> 'as expected') AS other FROM shown;
DROP SCHEMA tier_oracle CASCADE;
