-- If this failed, a member could earn more in a period than a cap allows, or
-- less, or a period would begin and end at the wrong time.
SELECT community.create_program('caps test', time_zone => 'Europe/Berlin') > 0 AS created;
SET community.program = 'caps test';
SELECT count(community.enroll(g, joined_at => '2020-02-29 00:00+01')) FROM generate_series(1, 60) g;
-- a currency of its own for each case, in which type T earns by rules T, T 2 and so on
CREATE FUNCTION stage(kind text, points numeric[] DEFAULT '{1}') RETURNS void LANGUAGE sql AS $$
	INSERT INTO community.currency (program_id, code) VALUES (community.current_program(), $1);
	INSERT INTO community.accrual_rule (program_id, name, type, currency_id, position, effect, points, per)
	SELECT community.current_program(), $1 || CASE WHEN n > 1 THEN ' ' || n ELSE '' END, $1, currency_id, n,
		CASE WHEN p = 1 THEN 'per_unit' ELSE 'fixed' END, p, CASE WHEN p = 1 THEN 1 END
	FROM community.currency, unnest($2) WITH ORDINALITY AS u (p, n) WHERE program_id = community.current_program() AND code = $1 $$;
CREATE FUNCTION cap(kind text, name text, maximum bigint, period text, counts text DEFAULT 'points', on_exceed text DEFAULT 'cut',
	rules text[] DEFAULT NULL, valid tstzrange DEFAULT '(,)') RETURNS void LANGUAGE sql AS $$
	INSERT INTO community.cap (program_id, name, currency_id, rules, counts, maximum, period, on_exceed, valid)
	SELECT community.current_program(), $2, currency_id, $7, $5, $3, $4::community.period, $6, $8
	FROM community.currency WHERE program_id = community.current_program() AND code = $1 $$;
-- what an event earns, by simulate() and by record(), which must agree
CREATE FUNCTION earn(who bigint, kind text, amount bigint, at timestamptz DEFAULT '2024-06-15 12:00+02', target bigint DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	promised text;
	id bigint;
	kept text;
BEGIN
	SELECT string_agg(s.points || CASE WHEN s.cut <> 0 OR s.cut_by <> '' THEN format(' (%s off by %s)', s.cut, s.cut_by) ELSE '' END, ' + ' ORDER BY s.n) INTO promised
	FROM community.simulate($1, $2, $3, $4, $5) WITH ORDINALITY AS s (member, currency, rule, rule_id, points, cut, cut_by, available_at, expires_at, priority, factor, n);
	SELECT event_id INTO id FROM community.record($1, $2, 'c' || community.next_id(), $3, $4, $5);
	SELECT string_agg(format('%s', array_to_string(e.rule_points, ' + ')) || CASE WHEN e.cut > 0 THEN format(', cut %s by %s', e.cut, (SELECT string_agg(c.name, ', ' ORDER BY o)
		FROM unnest(e.cut_by) WITH ORDINALITY AS u (id, o) JOIN community.cap c ON c.program_id = e.program_id AND c.cap_id = u.id)) ELSE '' END, '; ' ORDER BY e.line) INTO kept
	FROM community.entry e WHERE e.program_id = community.current_program() AND e.event_id = id;
	RETURN coalesce(promised, 'nothing') || ' | ' || coalesce(kept, 'nothing');
END $$;

-- points: cut to what is left, exactly
SELECT stage('month'), cap('month', 'monthly', 100, 'calendar month');
SELECT n, earn(1, 'month', n) FROM unnest(ARRAY[60, 39, 2, 1]) n;
SELECT earn(1, 'month', 5, '2024-07-01 00:00+02') AS next_month, earn(2, 'month', 1000) AS other_member;
-- backdated events belong to the period of their time
SELECT earn(1, 'month', 150, '2024-05-31 23:59:59.999999+02') AS before, earn(1, 'month', 5, '2024-06-01 00:00+02') AS full, earn(1, 'month', 97, '2024-07-31 23:59+02') AS rest;
-- a refund makes no room
SELECT points FROM community.record(3, 'month', 'refunded', 100, '2024-06-15 12:00+02');
SELECT points FROM community.reverse('refunded', 'no');
SELECT earn(3, 'month', 1);
-- refuse: the event is not recorded, nothing is counted
SELECT stage('strict'), cap('strict', 'strictly', 10, 'calendar day', on_exceed => 'refuse');
SELECT earn(1, 'strict', 9);
SELECT community.record(1, 'strict', 'refused', 2, '2024-06-15 12:00+02');
SELECT community.simulate(1, 'strict', 2, '2024-06-15 12:00+02');
SELECT earn(1, 'strict', 1);
SELECT count(*) AS recorded FROM community.event WHERE program_id = community.current_program() AND key = 'refused';
-- events: the first so many earn, whatever they earn; those that earn nothing do not count
SELECT stage('twice'), cap('twice', 'two a day', 2, 'calendar day', counts => 'events');
SELECT n, earn(1, 'twice', n) FROM unnest(ARRAY[0, 1000, 0, 1, 1]) n;
SELECT stage('once'), cap('once', 'once', 1, 'lifetime', counts => 'events', on_exceed => 'refuse');
SELECT earn(1, 'once', 5);
SELECT community.record(1, 'once', 'again', 5, '1999-01-01 00:00+00');
SELECT earn(1, 'once', 0);
SELECT stage('never'), cap('never', 'never', 0, 'lifetime'), earn(1, 'never', 7);
-- several caps, in the order in which they were made, over rules that overlap; what one counted and another cut is given back
SELECT stage('multi', '{1, 20, 30}');
SELECT cap('multi', 'first two', 50, 'calendar month', rules => '{multi,multi 2}'), cap('multi', 'last two', 40, 'calendar month', rules => '{multi 2,multi 3}'),
	cap('multi', 'all', 75, 'calendar year'), cap('multi', 'events', 3, 'calendar year', counts => 'events'), cap('multi', 'not these', 1, 'lifetime', rules => '{month}'),
	cap('multi', 'nor these', 1, 'lifetime', rules => '{}');
SELECT n, earn(1, 'multi', n) FROM unnest(ARRAY[10, 100, 5, 1, 1]) n;
SELECT c.name, u.used_at AT TIME ZONE 'Europe/Berlin' AS used_at, u.points, u.events FROM community.cap_usage u JOIN community.cap c USING (program_id, cap_id)
JOIN community.currency y USING (program_id, currency_id) WHERE y.code = 'multi' AND u.program_id = community.current_program() ORDER BY cap_id, used_at;
-- an event that a later cap cuts away wholly has not been one for an earlier cap
SELECT stage('back'), cap('back', 'two events', 2, 'calendar day', counts => 'events'), cap('back', 'ten points', 10, 'calendar month');
SELECT earn(1, 'back', 10, '2024-06-15 12:00+02'), earn(1, 'back', 10, '2024-06-16 12:00+02');
SELECT u.used_at AT TIME ZONE 'Europe/Berlin' AS used_at, u.points, u.events FROM community.cap_usage u JOIN community.cap c USING (program_id, cap_id)
WHERE c.name = 'two events' AND u.program_id = community.current_program() ORDER BY used_at;
-- valid ranges of caps, by the time of the event
SELECT stage('holiday'), cap('holiday', 'in june', 1, 'lifetime', valid => '[2024-06-01 00:00+02, 2024-07-01 00:00+02)');
SELECT at, earn(1, 'holiday', 5, at::timestamptz) FROM unnest(ARRAY['2024-05-31 23:59:59.999999+02', '2024-06-01 00:00+02', '2024-06-30 23:59:59.999999+02', '2024-07-01 00:00+02']) at;
-- the target has a cap of its own
SELECT stage('thank');
INSERT INTO community.accrual_rule (program_id, name, type, currency_id, position, effect, points, recipient)
SELECT community.current_program(), 'thanked', 'thank', currency_id, 9, 'fixed', 10, 'target' FROM community.currency WHERE program_id = community.current_program() AND code = 'thank';
SELECT cap('thank', 'fame', 15, 'lifetime', rules => '{thanked}');
SELECT n, earn(n, 'thank', 3, target => 5) FROM generate_series(1, 3) n;
SELECT earn(6, 'thank', 3, target => 6) AS oneself, earn(5, 'thank', 3, target => 6) AS by_one_who_is_full;

-- periods that roll: every one of them, not only the one that ends with the event
SELECT stage('roll'), cap('roll', 'in 7 days', 10, 'rolling 7 days');
SELECT at, earn(1, 'roll', 4, ('2024-06-' || at || ' 12:00+02')::timestamptz) FROM unnest(ARRAY['10', '12', '16', '17']) at;
SELECT at, earn(1, 'roll', 9, ('2024-06-' || at || ' 12:00+02')::timestamptz) FROM unnest(ARRAY['09', '05', '11', '03']) at;
SELECT earn(1, 'roll', 9, '2024-06-24 11:59:59+02') AS almost, earn(1, 'roll', 9, '2024-06-24 12:00+02') AS a_week_later;
SELECT stage('rolls'), cap('rolls', 'two in a month', 2, 'rolling 1 month', counts => 'events');
SELECT at, earn(1, 'rolls', 4, at::timestamptz) FROM unnest(ARRAY['2024-01-31 12:00+01', '2024-02-29 11:00+01', '2024-02-29 12:00+01', '2024-03-29 12:00+01', '2024-03-30 12:00+01', '2023-12-31 12:00+01', '2024-01-30 12:00+01']) at;
SELECT stage('hour'), cap('hour', 'in an hour', 1, 'rolling 1 hour');
SELECT at, earn(1, 'hour', 1, at::timestamptz) FROM unnest(ARRAY['2024-10-27 02:30+02', '2024-10-27 02:30+01', '2024-10-27 03:29:59+01']) at;

-- golden: the last moment of a period and the first of the next, in three zones; each earns 1 of 1
CREATE TABLE golden (kind text, zone text, period text, moment text);
INSERT INTO golden VALUES
	('d1', 'Europe/Berlin', 'calendar day', '2024-02-29 00:00'), ('d2', 'Europe/Berlin', 'calendar day', '2024-03-01 00:00'),
	('d3', 'Europe/Berlin', 'calendar day', '2024-03-31 00:00'), ('d4', 'Europe/Berlin', 'calendar day', '2024-04-01 00:00'),
	('d5', 'Europe/Berlin', 'calendar day', '2024-10-27 00:00'), ('d6', 'Europe/Berlin', 'calendar day', '2024-10-28 00:00'),
	('d7', 'America/New_York', 'calendar day', '2024-03-10 00:00'), ('d8', 'America/New_York', 'calendar day', '2024-03-11 00:00'),
	('d9', 'America/New_York', 'calendar day', '2024-11-03 00:00'), ('d10', 'America/New_York', 'calendar day', '2024-11-04 00:00'),
	('d11', 'Asia/Shanghai', 'calendar day', '2024-02-29 00:00'), ('d12', 'Asia/Shanghai', 'calendar day', '2024-12-31 00:00'),
	('m1', 'Europe/Berlin', 'calendar month', '2024-03-01 00:00'), ('m2', 'Europe/Berlin', 'calendar month', '2023-03-01 00:00'),
	('m3', 'Europe/Berlin', 'calendar month', '2024-04-01 00:00'), ('m4', 'America/New_York', 'calendar month', '2024-11-01 00:00'),
	('m5', 'America/New_York', 'calendar month', '2024-12-01 00:00'), ('m6', 'Asia/Shanghai', 'calendar month', '2024-03-01 00:00'),
	('w1', 'Europe/Berlin', 'calendar week', '2024-04-01 00:00'), ('w2', 'America/New_York', 'calendar week', '2024-03-11 00:00'),
	('q1', 'Europe/Berlin', 'calendar quarter', '2024-04-01 00:00'), ('q2', 'Asia/Shanghai', 'calendar quarter', '2024-01-01 00:00'),
	('y1', 'Europe/Berlin', 'calendar year', '2025-01-01 00:00'), ('y2', 'America/New_York', 'calendar year from 04-01', '2024-04-01 00:00'),
	('a1', 'Europe/Berlin', 'anniversary year', '2023-02-28 00:00'), ('a2', 'Europe/Berlin', 'anniversary year', '2024-02-29 00:00'),
	('a3', 'Europe/Berlin', 'anniversary year', '2025-02-28 00:00'), ('a4', 'Europe/Berlin', 'anniversary month', '2024-04-29 00:00'),
	('a5', 'Europe/Berlin', 'anniversary month', '2024-03-29 00:00'), ('a6', 'Europe/Berlin', 'anniversary month', '2023-02-28 00:00');
SELECT count(community.create_program('caps ' || zone, time_zone => zone)) FROM (SELECT DISTINCT zone FROM golden) z;
CREATE FUNCTION program_of(zone text) RETURNS bigint LANGUAGE sql AS $$ SELECT program_id FROM community.program WHERE name = 'caps ' || $1 $$;
SELECT count(community.enroll(1, joined_at => '2020-02-29 00:00+01', program => program_of(zone))) FROM (SELECT DISTINCT zone FROM golden) z;
INSERT INTO community.currency (program_id, code) SELECT program_of(zone), kind FROM golden;
INSERT INTO community.accrual_rule (program_id, name, type, currency_id, position, effect, points)
SELECT program_id, code, code, currency_id, 1, 'fixed', 1 FROM community.currency JOIN golden ON program_id = program_of(zone) AND code = kind;
INSERT INTO community.cap (program_id, name, currency_id, maximum, period)
SELECT program_id, code, currency_id, 1, period::community.period FROM community.currency JOIN golden ON program_id = program_of(zone) AND code = kind;
-- before and at the moment both earn, a second one just after does not, nor one just before; all at the moment of the zone's clock
SELECT g.kind, g.zone, g.period, g.moment, s.n, coalesce(r.points ->> g.kind, '-') AS earned
FROM golden g, LATERAL (VALUES (1, '-1 microsecond'::interval), (2, '0'), (3, '1 microsecond'), (4, '-2 microseconds')) s (n, shift),
	LATERAL community.record(1, g.kind, g.kind || s.n, 0, g.moment::timestamp AT TIME ZONE g.zone + s.shift, program => program_of(g.zone)) r
WHERE (s.n <= 2) <> coalesce(r.points ->> g.kind = '1', false) ORDER BY 1, 5;
SELECT zone, count(*) FILTER (WHERE e.points = 1) AS earned, count(*) FILTER (WHERE e.points = 0 AND e.cut = 1) AS cut
FROM (SELECT DISTINCT zone FROM golden) z JOIN community.entry e ON e.program_id = program_of(zone) GROUP BY 1 ORDER BY 1;

-- what has been counted agrees with the entries, and is found when it does not
SELECT count(*) AS faults FROM community.program p, LATERAL community.cap_faults(p.program_id) WHERE name LIKE 'caps%';
SELECT stage('watched');
INSERT INTO community.cap (program_id, name, currency_id, maximum, period, created_at)
SELECT community.current_program(), v.name, currency_id, v.maximum, v.period::community.period, '2024-01-01' FROM community.currency,
	(VALUES ('watch month', 100, 'calendar month'), ('watch week', 50, 'rolling 1 week')) v (name, maximum, period)
WHERE program_id = community.current_program() AND code = 'watched';
SELECT g, earn(50 + g, 'watched', 30) FROM generate_series(1, 5) g;
SELECT * FROM community.cap_faults();
CREATE FUNCTION spoil(who bigint, what text, how text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
	EXECUTE format('UPDATE community.cap_usage u SET %s FROM community.cap c WHERE c.cap_id = u.cap_id AND u.program_id = community.current_program()
		AND u.member_id = %s AND c.name = %L AND used_at > ''-infinity''', $3, $1, $2); END $$;
BEGIN;
SELECT spoil(51, 'watch month', 'points = points + 1'), spoil(52, 'watch month', 'points = points - 1'), spoil(53, 'watch week', 'points = 51'),
	spoil(54, 'watch month', 'events = 2'), spoil(55, 'watch week', 'used_at = used_at + interval ''1 day''');
SELECT member_id, cap, used_at AT TIME ZONE 'Europe/Berlin' AS used_at, fault FROM community.cap_faults();
SELECT count(*) FROM community.cap_faults(member => 53);
ROLLBACK;
-- caps are ended, not edited
UPDATE community.cap SET maximum = 1000 WHERE program_id = community.current_program() AND name = 'monthly';
DELETE FROM community.cap WHERE program_id = community.current_program() AND name = 'monthly';
TRUNCATE community.cap;
UPDATE community.cap SET valid = tstzrange(NULL, now()) WHERE program_id = community.current_program() AND name = 'monthly';
UPDATE community.cap SET valid = '(,)' WHERE program_id = community.current_program() AND name = 'in june';
DROP TABLE golden;
DROP FUNCTION stage, cap, earn, program_of, spoil;
