-- If this fails, somewhere in the zones of the world a moment belongs to no period
-- or to two, or to another than the calendar on the wall says: points expire a day
-- early, or a cap can be used twice.
SET search_path = public, community;
SET client_min_messages = warning;
SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres';

-- Zones that change at night, at midnight, over midnight, by half an hour, by a
-- day, or never; offsets before 1970 have seconds, so we stay after it.
CREATE TEMP TABLE zone AS
SELECT z AS zone FROM unnest(ARRAY['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Shanghai',
	'America/Sao_Paulo', 'Asia/Beirut', 'Africa/Cairo', 'America/Havana', 'America/St_Johns', 'Australia/Lord_Howe',
	'Pacific/Apia', 'Asia/Kathmandu', 'Africa/Casablanca', 'America/Scoresbysund']) AS z;

-- The slow definition.  The server takes a local time that is skipped or shown
-- twice to be later than we do.  So look from there back, minute by minute, for the
-- first instant at which the clock shows that time or a later one; unless the clock
-- was steady all that while.
CREATE FUNCTION pg_temp.first_instant(local timestamp, zone text) RETURNS timestamptz LANGUAGE sql AS $$
	SELECT CASE WHEN latest AT TIME ZONE zone = local
			AND (latest - interval '12 hours') AT TIME ZONE zone = local - interval '12 hours'
			AND (latest - interval '25 hours') AT TIME ZONE zone = local - interval '25 hours' THEN latest
		ELSE (SELECT min(t) FROM generate_series(latest - interval '25 hours', latest, interval '1 minute') AS t
			WHERE t AT TIME ZONE zone >= local) END
	FROM CAST(local AT TIME ZONE zone AS timestamptz) AS latest
$$;

--
-- Calendar periods against lists of local dates
--
CREATE TEMP TABLE calendar (period period, zone text, lower timestamptz, upper timestamptz);
-- months and longer, around the changes that were odd
INSERT INTO calendar
SELECT p.period::period, z.zone, b.lower, lead(b.lower) OVER (PARTITION BY p.period, z.zone ORDER BY b.lower)
FROM (VALUES ('calendar month', '1 month', '2009-11-01'::timestamp, '2013-02-01'::timestamp),
		('calendar month from day 30 00:30', '1 month', '2009-12-30', '2013-01-30'),
		('calendar quarter from 02-01', '3 months', '1983-02-01', '1988-02-01'),
		('calendar half-year', '6 months', '2016-01-01', '2025-01-01'),
		('calendar year from 10-27 02:30', '1 year', '2015-10-27 02:30', '2026-10-27 02:30'),
		('calendar 2 years from 03-31 02:30', '2 years', '2014-03-31 02:30', '2026-03-31 02:30')
	) AS p (period, step, first, last), zone AS z,
	-- each from the first, never from the one before: day 30 comes back after February
	LATERAL (SELECT DISTINCT pg_temp.first_instant(d, z.zone) AS lower
		FROM generate_series(0, 60) AS k, LATERAL (SELECT p.first + k * p.step::interval
				+ CASE WHEN p.period LIKE '%00:30' THEN interval '30 minutes' ELSE interval '0' END AS d) AS y
		WHERE d::date <= p.last) AS b;
-- weeks and days, in the weeks around those changes
INSERT INTO calendar
SELECT p.period::period, z.zone, b.lower, lead(b.lower) OVER (PARTITION BY p.period, z.zone, w.monday ORDER BY b.lower)
FROM (VALUES ('calendar day', 0, 1), ('calendar day from 00:30', 30, 1), ('calendar day from 02:30', 150, 1),
		('calendar week from saturday 23:30', 5 * 1440 + 1410, 7)) AS p (period, minutes, days),
	unnest(ARRAY['2018-10-29', '2019-02-11', '2011-12-26', '2024-03-25', '2024-10-21', '2024-03-04', '2024-10-28',
		'2022-03-21', '2022-10-24', '2023-04-24', '1985-12-30', '2010-11-01', '2023-03-20']::timestamp[]) AS w (monday),
	zone AS z,
	LATERAL (SELECT DISTINCT pg_temp.first_instant(d, z.zone) AS lower
		FROM generate_series(w.monday + p.minutes * interval '1 minute', w.monday + interval '14 days',
			p.days * interval '1 day') AS d) AS b;
DELETE FROM calendar WHERE upper IS NULL;
SELECT count(*) > 5000 AS enough, count(DISTINCT upper - lower) > 40 AS varied,
	min(upper - lower) < interval '1 day' AS shorter FROM calendar;

-- the first and last microsecond, and some between
SELECT count(*) > 20000 AS enough, count(*) FILTER (WHERE period_at(period, at, NULL, zone)
	IS DISTINCT FROM tstzrange(lower, upper)) AS differ
FROM calendar, LATERAL (VALUES (lower), (upper - interval '1 microsecond'), (lower + (upper - lower) * 0.37),
	(lower + least(interval '61 minutes', (upper - lower) / 2)), (upper - least(interval '31 minutes', (upper - lower) / 2))) AS t (at);
SELECT count(*) FILTER (WHERE period_end(period, lower, NULL, zone) IS DISTINCT FROM upper) AS differ FROM calendar;

-- Where the clock is steady it is simply AT TIME ZONE: any day of a century
SELECT setseed(0.5);
SELECT count(*) > 2500 AS enough, count(*) FILTER (WHERE period_at(p.period::period, at, NULL, zone) IS DISTINCT FROM
	tstzrange(local AT TIME ZONE zone, (local + step::interval) AT TIME ZONE zone)) AS differ
FROM zone, generate_series(1, 100) AS i,
	LATERAL (SELECT '1975-01-01Z'::timestamptz + random() * interval '36500 days' + i * interval '0') AS t (at),
	(VALUES ('month', 'calendar month', '1 month'), ('year', 'calendar year', '1 year'),
		('quarter', 'calendar quarter', '3 months'), ('week', 'calendar week', '7 days'),
		('day', 'calendar day', '1 day')) AS p (field, period, step),
	LATERAL (SELECT date_trunc(p.field, at AT TIME ZONE zone) AS local) AS l
WHERE NOT EXISTS (SELECT FROM (VALUES (local), (local + step::interval)) AS edge (e)
	WHERE (e - interval '1 day') AT TIME ZONE zone <> e AT TIME ZONE zone - interval '24 hours'
		OR (e + interval '1 day') AT TIME ZONE zone <> e AT TIME ZONE zone + interval '24 hours');

--
-- Anniversaries: each from the anchor
--
CREATE TEMP TABLE anchor AS
SELECT a::timestamptz AS anchor FROM unnest(ARRAY['2010-01-31 12:00Z', '2008-02-29 00:30Z', '2010-10-31 00:30Z',
	'2010-03-28 01:30Z', '2011-11-30 10:30Z', '2009-12-31 10:15Z', '2010-11-07 02:45Z', '2012-08-30 23:59Z']) AS a;
CREATE TEMP TABLE anniversary AS
SELECT p.period::period, z.zone, a.anchor, b.lower,
	lead(b.lower) OVER (PARTITION BY p.period, z.zone, a.anchor ORDER BY b.lower) AS upper
FROM (VALUES ('anniversary month', '1 month', 18), ('anniversary year', '1 year', 6), ('anniversary 5 months', '5 months', 4),
		('anniversary day', '1 day', 9), ('anniversary 3 weeks', '21 days', 8)) AS p (period, step, n),
	zone AS z, anchor AS a,
	LATERAL (SELECT DISTINCT CASE WHEN k = 0 THEN a.anchor ELSE pg_temp.first_instant(
			a.anchor AT TIME ZONE z.zone + k * p.step::interval, z.zone) END AS lower
		FROM generate_series(-p.n, p.n) AS k) AS b;
SELECT count(*) > 10000 AS enough, count(*) FILTER (WHERE period_at(period, at, anchor, zone)
	IS DISTINCT FROM tstzrange(lower, upper)) AS differ
FROM anniversary, LATERAL (VALUES (lower), (upper - interval '1 microsecond'), (lower + (upper - lower) * 0.61)) AS t (at)
WHERE upper IS NOT NULL;

--
-- Rolling, and adding: months and days on the clock, then hours as they pass
--
SELECT count(*) > 2000 AS enough,
	count(*) FILTER (WHERE period_at(('rolling ' || length)::period, at, NULL, zone) IS DISTINCT FROM tstzrange(
		least(pg_temp.first_instant(at AT TIME ZONE zone - clock::interval, zone) - passed::interval,
			at - interval '1 microsecond'), at, '(]')) AS rolling,
	count(*) FILTER (WHERE period_add(at, length::interval, zone) IS DISTINCT FROM
		pg_temp.first_instant(at AT TIME ZONE zone + clock::interval, zone) + passed::interval) AS forward
FROM zone, (VALUES ('1 day', '1 day', '0'), ('7 days', '7 days', '0'), ('1 month', '1 month', '0'),
		('1 year 1 month', '13 months', '0'), ('1 month 1 day 01:30', '1 month 1 day', '90 minutes')
	) AS p (length, clock, passed),
	unnest(ARRAY['2024-03-31 01:30Z', '2024-03-30 01:30Z', '2024-04-01 01:30Z', '2024-10-27 00:30Z', '2024-10-27 01:30Z',
		'2024-10-28 01:30Z', '2024-03-09 07:30Z', '2024-11-04 05:30Z', '2011-12-30 10:00Z', '2011-12-30 12:00Z',
		'2011-12-29 12:00Z', '2012-01-30 10:30Z', '2011-11-30 10:30Z', '2018-11-05 02:30Z', '2018-11-03 03:30Z',
		'2019-02-18 02:30Z', '2019-02-17 02:30Z', '2010-11-07 02:45Z', '2010-11-08 03:15Z', '2010-11-06 02:45Z',
		'1985-12-31 18:20Z', '1986-01-01 18:20Z', '2024-02-29 12:00Z', '2023-02-28 12:00Z', '2024-01-31 12:00Z',
		'2024-12-31 23:59Z', '2023-04-29 21:15Z', '2022-03-27 22:15Z', '2022-10-30 21:15Z', '2024-03-11 04:15Z'
	]::timestamptz[]) AS at;
-- hours know no zone
SELECT count(*) FILTER (WHERE period_at('rolling 36 hours', at, NULL, zone) <> tstzrange(at - interval '36 hours', at, '(]')) AS differ
FROM zone, generate_series('2024-03-01Z'::timestamptz, '2024-11-30Z', '11 hours') AS at;

--
-- Periods tile time: every zone there is, any time, any period
--
CREATE TEMP TABLE law AS
SELECT i, p, zone, anchor, at, period_at(p, at, anchor, zone) AS r
FROM (SELECT name AS zone, row_number() OVER (ORDER BY name COLLATE "C") AS i FROM pg_timezone_names
		WHERE name !~ '^(posix|right)|Factory|localtime') AS z,
	generate_series(1, 12) AS j,
	LATERAL (SELECT '1850-01-01Z'::timestamptz + random() * interval '73000 days' AS at,
		'1850-01-01Z'::timestamptz + random() * interval '73000 days' AS anchor, i + j AS fresh) AS t,
	LATERAL (SELECT (ARRAY['calendar day', 'calendar day from 00:30', 'calendar week from sunday', 'calendar 2 weeks',
		'calendar month', 'calendar month from day 31 02:30', 'calendar quarter from 02-01', 'calendar year from 02-29',
		'calendar 7 years from 10-27 02:30', 'calendar 10 days', 'anniversary day', 'anniversary 13 days',
		'anniversary month', 'anniversary quarter', 'anniversary year'])[1 + (i + 4 * j) % 15]::period AS p) AS q;
SELECT count(*) > 5000 AS enough, count(DISTINCT p) AS periods,
	count(*) FILTER (WHERE NOT r @> at) AS elsewhere,
	count(*) FILTER (WHERE lower(r) IS NULL OR upper(r) IS NULL OR NOT lower_inc(r) OR upper_inc(r)) AS not_half_open,
	count(*) FILTER (WHERE period_at(p, lower(r), anchor, zone) <> r) AS first_moment,
	count(*) FILTER (WHERE period_at(p, upper(r) - interval '1 microsecond', anchor, zone) <> r) AS last_moment,
	count(*) FILTER (WHERE lower(period_at(p, upper(r), anchor, zone)) <> upper(r)) AS next,
	count(*) FILTER (WHERE upper(period_at(p, lower(r) - interval '1 microsecond', anchor, zone)) <> lower(r)) AS previous,
	count(*) FILTER (WHERE period_end(p, at, anchor, zone) <> upper(r)) AS period_end
FROM law;
-- a zone in POSIX notation may go back by days
SELECT count(*) > 3000 AS enough, count(*) FILTER (WHERE NOT r @> at) AS elsewhere,
	count(*) FILTER (WHERE lower(period_at(p, upper(r), anchor, zone)) <> upper(r)) AS next,
	count(*) FILTER (WHERE upper(period_at(p, lower(r) - interval '1 microsecond', anchor, zone)) <> lower(r)) AS previous
FROM unnest(ARRAY['calendar day', 'calendar week', 'anniversary day', 'anniversary 2 days', 'anniversary month']::period[]) AS p,
	unnest(ARRAY['A-30B+20,J100,J200', 'A+20B-30,J100,J200']) AS zone,
	generate_series('2023-04-06Z'::timestamptz, '2023-04-14Z', '11 hours') AS anchor,
	generate_series('2023-04-05 01:01Z'::timestamptz, '2023-04-16Z', '7 hours') AS at,
	LATERAL (SELECT period_at(p, at, anchor, zone) AS r OFFSET 0) AS x;
-- an anchor moved by whole periods cuts the same, where days do not run short
SELECT count(*) FILTER (WHERE period_at('anniversary month', at, period_add(anchor, '7 months'), 'UTC')
	<> period_at('anniversary month', at, anchor)) AS differ
FROM law WHERE extract(day FROM anchor AT TIME ZONE 'UTC') < 28;
-- what holds a day is held by the month that holds its first moment
SELECT count(*) FILTER (WHERE NOT period_at('calendar year', at, NULL, zone) @> period_at('calendar quarter', at, NULL, zone)
	OR NOT period_at('calendar quarter', at, NULL, zone) @> period_at('calendar month', at, NULL, zone)
	OR NOT period_at('calendar month', at, NULL, zone) @> period_at('calendar day', at, NULL, zone)) AS differ FROM law;

-- A day begins with its date, in the first hour.  Those that do not, and were hit
-- here: the clock went back over midnight, or forward by two hours.
SELECT zone, at AT TIME ZONE zone AS at, lower(r) AT TIME ZONE zone AS begin
FROM zone, generate_series('1971-01-01 03:21Z'::timestamptz, '2024-12-31Z', '1771 minutes') AS at,
	LATERAL (SELECT period_at('calendar day', at, NULL, zone) AS r OFFSET 0) AS d
WHERE (lower(r) AT TIME ZONE zone)::date <> (at AT TIME ZONE zone)::date
	OR (lower(r) AT TIME ZONE zone)::time > '01:00'
ORDER BY 1, 2;

-- the session's settings do nothing
SET TimeZone = 'America/New_York'; SET DateStyle = 'SQL, DMY'; SET IntervalStyle = 'sql_standard';
SELECT count(*) AS differ FROM law WHERE period_at(p, at, anchor, zone) <> r;
-- nor do parallel workers
SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
CREATE TABLE period_law AS SELECT * FROM law;
ANALYZE period_law;
SELECT count(*) AS differ FROM period_law WHERE period_at(p, at, anchor, zone) <> r;
DROP TABLE period_law;
