-- If this failed, points would expire or become available a day, an hour or a
-- month off, or a balance of the past would change when something else is
-- recorded later.
SET timezone = 'UTC';
SET datestyle = 'ISO';
SELECT count(community.create_program('golden ' || z, z)) FROM unnest(ARRAY['Europe/Berlin', 'America/New_York', 'Asia/Shanghai']) AS z;
SELECT count(community.enroll(g, program => program_id)) FROM community.program, generate_series(1, 3) AS g WHERE name LIKE 'golden %';
INSERT INTO community.currency (program_id, code, expires_after, expiry_rounding, pending_for)
SELECT program_id, c.* FROM community.program, (VALUES
	('1 month by day', '1 month'::interval, 'calendar day'::community.period, NULL::interval),
	('1 month', '1 month', NULL, NULL),
	('1 year', '1 year', NULL, NULL),
	('3 months by quarter', '3 months', 'calendar quarter', NULL),
	('1 year by year', '1 year', 'calendar year', NULL),
	('1 year by fiscal year', '1 year', 'calendar year from 04-01', NULL),
	('end of year', NULL, 'calendar year', NULL),
	('end of march', NULL, 'calendar year from 04-01', NULL),
	('24 hours by day', '24 hours', 'calendar day', NULL),
	('pending 1 day', NULL, NULL, '1 day'),
	('pending 24 hours', NULL, NULL, '24 hours'),
	('pending 1 month', '1 year', 'calendar month', '1 month')) AS c WHERE name LIKE 'golden %';
CREATE FUNCTION earned(zone text, currency text, at text) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(to_char(l.available_at AT TIME ZONE zone, 'YYYY-MM-DD HH24:MI'), 'at once') || ' to '
		|| coalesce(to_char(l.expires_at AT TIME ZONE zone, 'YYYY-MM-DD HH24:MI'), 'for ever')
	FROM community.program AS p, community.accrue(1, 1, concat(currency, at), currency,
		occurred_at => at::timestamp AT TIME ZONE zone, program => p.program_id) AS a, community.lots(a.delta) AS l
	WHERE p.name = 'golden ' || zone
$$;
CREATE VIEW zones AS SELECT * FROM (VALUES (1, 'Europe/Berlin'), (2, 'America/New_York'), (3, 'Asia/Shanghai')) AS z (n, zone);

-- around 29 February and the ends of months
SELECT code, at, earned('Europe/Berlin', code, at)
FROM unnest(ARRAY['1 month by day', '1 month', '1 year', '3 months by quarter', '1 year by year', '1 year by fiscal year', 'end of year', 'end of march']) WITH ORDINALITY AS c (code, n),
	unnest(ARRAY['2023-12-31 23:59', '2024-01-01 00:00', '2024-01-31 12:00', '2024-02-28 12:00', '2024-02-29 12:00', '2024-03-31 12:00', '2025-01-30 12:00', '2025-02-28 12:00']) AS at
ORDER BY n, at;
-- the same on the clocks of three zones, and what that is in UTC
SELECT z.zone, c.code, earned(z.zone, c.code, '2024-02-29 23:30')
FROM zones AS z, unnest(ARRAY['1 month by day', '1 month', '1 year']) AS c (code) ORDER BY n, code;
SELECT p.name, e.key, l.expires_at FROM community.entry AS e JOIN community.program AS p USING (program_id), community.lots(e.delta) AS l
WHERE e.key LIKE '1 %2024-02-29 23:30'
	AND p.name LIKE 'golden %' ORDER BY 1, 2;
-- through the changes of daylight saving, there and back
SELECT z.zone, c.code, at, earned(z.zone, c.code, at)
FROM (VALUES ('Europe/Berlin', ARRAY['2024-03-30 02:30', '2024-03-30 12:00', '2024-10-26 02:30', '2024-10-26 12:00', '2024-10-27 12:00']),
	('America/New_York', ARRAY['2024-03-09 02:30', '2024-03-09 12:00', '2024-11-02 01:30', '2024-11-02 12:00', '2024-11-03 12:00']),
	('Asia/Shanghai', ARRAY['2024-03-30 02:30', '2024-10-26 12:00'])) AS z (zone, times),
	unnest(times) AS at, unnest(ARRAY['24 hours by day', 'pending 1 day', 'pending 24 hours', '1 month by day']) WITH ORDINALITY AS c (code, n)
ORDER BY z.zone, n, at;
-- a month of pending from the end of a month
SELECT at, earned('Europe/Berlin', 'pending 1 month', at)
FROM unnest(ARRAY['2024-01-29 00:00', '2024-01-31 00:00', '2023-01-31 00:00', '2024-03-31 02:00', '2024-02-29 02:30']) AS at;

-- a history: what was it on that day, what did we believe on that day
SET community.program = 'golden Europe/Berlin';
SELECT points FROM community.accrue(2, 100, 'jan', '1 month', occurred_at => '2024-01-10 12:00+00');
SELECT points FROM community.accrue(2, 50, 'feb', '1 month', occurred_at => '2024-02-10 12:00+00');
SELECT points FROM community.accrue(2, 7, 'late', '1 month', occurred_at => '2024-01-20 12:00+00');
SELECT points FROM community.accrue(2, 30, 'for ever', '1 month', occurred_at => '2024-03-05 12:00+00', expires_at => 'infinity');
SELECT points FROM community.redeem(2, 20, 'redeem', '1 month');
SELECT points FROM community.hold(2, 4, 'hold', '1 month', expires_at => '2300-01-01 00:00+00');
-- recorded on their days, but one that came in a month late
SET session_replication_role = replica;
UPDATE community.entry AS e SET recorded_at = v.recorded_at, effective_at = least(e.effective_at, v.recorded_at)
FROM (VALUES ('jan', '2024-01-10 12:00+00'::timestamptz), ('feb', '2024-02-10 12:00+00'), ('late', '2024-02-20 12:00+00'),
	('for ever', '2024-03-05 12:00+00'), ('redeem', '2024-03-10 12:00+00'), ('hold', '2024-03-20 12:00+00')) AS v (key, recorded_at)
WHERE e.program_id = community.current_program() AND e.member_id = 2 AND e.key = v.key;
UPDATE community.hold SET held_at = '2024-03-20 12:00+00' WHERE program_id = community.current_program();
SET session_replication_role = origin;
SELECT as_of, b.*
FROM unnest(ARRAY['2024-01-10 11:59:59', '2024-01-10 12:00', '2024-01-20 12:00', '2024-02-15', '2024-02-29 22:59:59.999999', '2024-02-29 23:00',
	'2024-03-06', '2024-03-11', '2024-03-20 12:00', '2024-03-31 21:59', '2024-03-31 22:00', '2300-01-01']) AS as_of,
	community.balance(2, '1 month', as_of::timestamptz) AS b;
SELECT as_of, known_at, b.available, b.held
FROM unnest(ARRAY['2024-01-25', '2024-02-15', '2024-03-25']) AS as_of, unnest(ARRAY['2024-01-09', '2024-01-25', '2024-02-15', '2024-02-25', '2024-03-15', '2024-03-25']) AS known_at,
	community.balance(2, '1 month', as_of::timestamptz, known_at::timestamptz) AS b ORDER BY 1, 2;
-- what is recorded now for then changes what it was, not what we believed
SELECT points FROM community.accrue(2, 1000, 'forgotten', '1 month', occurred_at => '2024-02-01 12:00+00');
SELECT b.available FROM community.balance(2, '1 month', '2024-02-15') AS b;
SELECT b.available FROM community.balance(2, '1 month', '2024-02-15', '2024-03-15') AS b;
-- forecasts: pending points come, others expire, holds end
SELECT points FROM community.accrue(3, 100, 'f1', available_at => '2290-01-01 00:00+00', expires_at => '2295-01-01 00:00+00');
SELECT points FROM community.accrue(3, 40, 'f2', expires_at => '2292-01-01 00:00+00');
SELECT points FROM community.accrue(3, 2, 'f3');
SELECT points FROM community.hold(3, 10, 'f4', expires_at => '2291-01-01 00:00+00');
SELECT as_of, b.* FROM unnest(ARRAY['2289-12-31', '2290-01-01', '2291-01-01', '2291-12-31 23:59:59.999999', '2292-01-01', '2295-01-01']) AS as_of,
	community.balance(3, as_of => as_of::timestamptz) AS b;
-- as known before any of it, nothing
SELECT b.* FROM community.balance(3, as_of => '2291-01-01', known_at => '2024-01-01') AS b;
DROP FUNCTION earned;
DROP VIEW zones;
