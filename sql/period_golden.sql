-- If this fails, a cap, an expiry or a year of membership ends at the wrong moment:
-- at the end of February, of a month, or where clocks change.  Worked out by hand.
SET search_path = public, community;
SET client_min_messages = warning;
SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres';

-- what is asked, and from when to when the period should last, in UTC
CREATE FUNCTION pg_temp.golden(period, zone text, at timestamptz, lower timestamptz, upper timestamptz,
	anchor timestamptz DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN r = tstzrange($4, $5, CASE WHEN $1::text LIKE 'rolling%' THEN '(]' ELSE '[)' END)
		THEN 'ok, ' || justify_hours($5 - $4) ELSE 'WRONG: ' || r END
	FROM period_at($1, $3, anchor, zone) AS r
$$;

--
-- Months, quarters, years
--
SELECT what, pg_temp.golden(p::period, zone, at, lower, upper) FROM (VALUES
	('leap February', 'calendar month', 'Europe/Berlin', '2024-02-29 22:30Z'::timestamptz,
		'2024-01-31 23:00Z'::timestamptz, '2024-02-29 23:00Z'::timestamptz),
	('its last microsecond', 'calendar month', 'Europe/Berlin', '2024-02-29 22:59:59.999999Z', '2024-01-31 23:00Z', '2024-02-29 23:00Z'),
	('the first of March', 'calendar month', 'Europe/Berlin', '2024-02-29 23:00Z', '2024-02-29 23:00Z', '2024-03-31 22:00Z'),
	('common February', 'calendar month', 'Europe/Berlin', '2023-02-28 22:30Z', '2023-01-31 23:00Z', '2023-02-28 23:00Z'),
	('no leap year', 'calendar month', 'UTC', '1900-02-10 00:00Z', '1900-02-01 00:00Z', '1900-03-01 00:00Z'),
	('back to winter time', 'calendar month', 'Europe/Berlin', '2024-10-10 00:00Z', '2024-09-30 22:00Z', '2024-10-31 23:00Z'),
	('New York, March', 'calendar month', 'America/New_York', '2024-03-31 23:59Z', '2024-03-01 05:00Z', '2024-04-01 04:00Z'),
	('New York, November', 'calendar month', 'America/New_York', '2024-11-01 04:00Z', '2024-11-01 04:00Z', '2024-12-01 05:00Z'),
	('New York, year', 'calendar year', 'America/New_York', '2024-01-01 04:59Z', '2023-01-01 05:00Z', '2024-01-01 05:00Z'),
	('Shanghai, February', 'calendar month', 'Asia/Shanghai', '2024-01-31 16:00Z', '2024-01-31 16:00Z', '2024-02-29 16:00Z'),
	('Shanghai, quarter', 'calendar quarter', 'Asia/Shanghai', '2024-03-31 15:59:59Z', '2023-12-31 16:00Z', '2024-03-31 16:00Z'),
	('Shanghai, summer time of 1986', 'calendar quarter', 'Asia/Shanghai', '1986-06-30 14:59Z', '1986-03-31 16:00Z', '1986-06-30 15:00Z'),
	('half-year', 'calendar half-year', 'Europe/Berlin', '2024-06-30 21:59Z', '2023-12-31 23:00Z', '2024-06-30 22:00Z'),
	('fiscal year', 'calendar year from 04-01', 'Europe/Berlin', '2024-03-31 21:30Z', '2023-03-31 22:00Z', '2024-03-31 22:00Z'),
	('fiscal year, next', 'calendar year from 04-01', 'Europe/Berlin', '2024-03-31 22:00Z', '2024-03-31 22:00Z', '2025-03-31 22:00Z'),
	('tax year', 'calendar year from 04-06', 'Europe/London', '2024-04-05 22:59Z', '2023-04-05 23:00Z', '2024-04-05 23:00Z'),
	('fiscal quarter', 'calendar quarter from 02-01', 'UTC', '2024-01-31 12:00Z', '2023-11-01 00:00Z', '2024-02-01 00:00Z'),
	('from the leap day', 'calendar year from 02-29', 'Europe/Berlin', '2023-06-01 00:00Z', '2023-02-27 23:00Z', '2024-02-28 23:00Z'),
	('from the leap day, leap year', 'calendar year from 02-29', 'Europe/Berlin', '2024-06-01 00:00Z', '2024-02-28 23:00Z', '2025-02-27 23:00Z'),
	('from day 15', 'calendar month from day 15', 'UTC', '2024-03-14 23:59Z', '2024-02-15 00:00Z', '2024-03-15 00:00Z'),
	('from day 31', 'calendar month from day 31', 'UTC', '2023-03-01 00:00Z', '2023-02-28 00:00Z', '2023-03-31 00:00Z'),
	('from day 31, leap year', 'calendar month from day 31', 'UTC', '2024-02-28 00:00Z', '2024-01-31 00:00Z', '2024-02-29 00:00Z'),
	('two months', 'calendar 2 months', 'UTC', '2024-02-29 00:00Z', '2024-01-01 00:00Z', '2024-03-01 00:00Z'),
	('five months', 'calendar 5 months', 'UTC', '2000-05-31 00:00Z', '2000-01-01 00:00Z', '2000-06-01 00:00Z'),
	('five months, before', 'calendar 5 months', 'UTC', '1999-12-31 00:00Z', '1999-08-01 00:00Z', '2000-01-01 00:00Z'),
	('two years', 'calendar 2 years', 'UTC', '2023-12-31 00:00Z', '2022-01-01 00:00Z', '2024-01-01 00:00Z'),
	('two years, odd', 'calendar 2 years from 2023-01-01', 'UTC', '2023-12-31 00:00Z', '2023-01-01 00:00Z', '2025-01-01 00:00Z'),
	('century', 'calendar 100 years', 'UTC', '1999-12-31 00:00Z', '1900-01-01 00:00Z', '2000-01-01 00:00Z'),
	('BC', 'calendar year', 'UTC', '0044-03-15 00:00Z BC', '0044-01-01 00:00Z BC', '0043-01-01 00:00Z BC')
) AS x (what, p, zone, at, lower, upper);

--
-- Weeks and days, and clocks that change
--
SELECT what, pg_temp.golden(p::period, zone, at, lower, upper) FROM (VALUES
	('ISO week of New Year', 'calendar week', 'UTC', '2024-12-31 00:00Z'::timestamptz,
		'2024-12-30 00:00Z'::timestamptz, '2025-01-06 00:00Z'::timestamptz),
	('Sunday is the last day', 'calendar week', 'Europe/Berlin', '2024-03-31 12:00Z', '2024-03-24 23:00Z', '2024-03-31 22:00Z'),
	('Sunday is the first day', 'calendar week from sunday', 'Europe/Berlin', '2024-03-31 12:00Z', '2024-03-30 23:00Z', '2024-04-06 22:00Z'),
	('two weeks', 'calendar 2 weeks', 'UTC', '2000-01-16 23:59Z', '2000-01-03 00:00Z', '2000-01-17 00:00Z'),
	('two weeks, before', 'calendar 2 weeks', 'UTC', '2000-01-02 23:59Z', '1999-12-20 00:00Z', '2000-01-03 00:00Z'),
	('ten days', 'calendar 10 days from 2024-01-06', 'UTC', '2024-01-05 23:59Z', '2023-12-27 00:00Z', '2024-01-06 00:00Z'),
	('Berlin, spring', 'calendar day', 'Europe/Berlin', '2024-03-31 01:00Z', '2024-03-30 23:00Z', '2024-03-31 22:00Z'),
	('Berlin, autumn', 'calendar day', 'Europe/Berlin', '2024-10-27 22:59Z', '2024-10-26 22:00Z', '2024-10-27 23:00Z'),
	('New York, spring', 'calendar day', 'America/New_York', '2024-03-10 07:00Z', '2024-03-10 05:00Z', '2024-03-11 04:00Z'),
	('New York, autumn', 'calendar day', 'America/New_York', '2024-11-03 06:30Z', '2024-11-03 04:00Z', '2024-11-04 05:00Z'),
	('Shanghai', 'calendar day', 'Asia/Shanghai', '2024-02-29 15:59Z', '2024-02-28 16:00Z', '2024-02-29 16:00Z'),
	('from a time in the gap, before', 'calendar day from 02:30', 'Europe/Berlin', '2024-03-31 00:59:59.999999Z', '2024-03-30 01:30Z', '2024-03-31 01:00Z'),
	('from a time in the gap', 'calendar day from 02:30', 'Europe/Berlin', '2024-03-31 01:00Z', '2024-03-31 01:00Z', '2024-04-01 00:30Z'),
	('from a time shown twice, before', 'calendar day from 02:30', 'Europe/Berlin', '2024-10-27 00:29Z', '2024-10-26 00:30Z', '2024-10-27 00:30Z'),
	('02:15, for the second time', 'calendar day from 02:30', 'Europe/Berlin', '2024-10-27 01:15Z', '2024-10-27 00:30Z', '2024-10-28 01:30Z'),
	('02:45, for the second time', 'calendar day from 02:30', 'Europe/Berlin', '2024-10-27 01:45Z', '2024-10-27 00:30Z', '2024-10-28 01:30Z'),
	('Sao Paulo, no midnight', 'calendar day', 'America/Sao_Paulo', '2018-11-04 03:00Z', '2018-11-04 03:00Z', '2018-11-05 02:00Z'),
	('Sao Paulo, the day before', 'calendar day', 'America/Sao_Paulo', '2018-11-04 02:59Z', '2018-11-03 03:00Z', '2018-11-04 03:00Z'),
	('Sao Paulo, 23:30 twice', 'calendar day', 'America/Sao_Paulo', '2019-02-17 02:30Z', '2019-02-16 02:00Z', '2019-02-17 03:00Z'),
	('Beirut, no midnight', 'calendar day', 'Asia/Beirut', '2022-03-27 12:00Z', '2022-03-26 22:00Z', '2022-03-27 21:00Z'),
	('Beirut, 23:30 twice', 'calendar day', 'Asia/Beirut', '2022-10-29 21:30Z', '2022-10-28 21:00Z', '2022-10-29 22:00Z'),
	('Cairo, no midnight', 'calendar day', 'Africa/Cairo', '2023-04-28 12:00Z', '2023-04-27 22:00Z', '2023-04-28 21:00Z'),
	('Cairo, month with it', 'calendar month', 'Africa/Cairo', '2023-04-28 12:00Z', '2023-03-31 22:00Z', '2023-04-30 21:00Z'),
	('Havana, no midnight', 'calendar day', 'America/Havana', '2024-03-10 05:00Z', '2024-03-10 05:00Z', '2024-03-11 04:00Z'),
	('Havana, midnight twice', 'calendar day', 'America/Havana', '2024-11-03 05:00Z', '2024-11-03 04:00Z', '2024-11-04 05:00Z'),
	('St John''s, back over midnight', 'calendar day', 'America/St_Johns', '2010-11-07 03:00Z', '2010-11-07 02:30Z', '2010-11-08 03:30Z'),
	('St John''s, before', 'calendar day', 'America/St_Johns', '2010-11-07 02:29Z', '2010-11-06 02:30Z', '2010-11-07 02:30Z'),
	('Kathmandu, a quarter of an hour', 'calendar year', 'Asia/Kathmandu', '1985-12-31 18:30Z', '1985-12-31 18:30Z', '1986-12-31 18:15Z'),
	('Apia, the day before', 'calendar day', 'Pacific/Apia', '2011-12-30 09:59Z', '2011-12-29 10:00Z', '2011-12-30 10:00Z'),
	('Apia, a day skipped', 'calendar day', 'Pacific/Apia', '2011-12-30 10:00Z', '2011-12-30 10:00Z', '2011-12-31 10:00Z'),
	('Apia, from within that day', 'calendar month from day 30', 'Pacific/Apia', '2011-12-30 10:00Z', '2011-12-30 10:00Z', '2012-01-29 10:00Z'),
	('Apia, month', 'calendar month', 'Pacific/Apia', '2011-12-31 09:59Z', '2011-12-01 10:00Z', '2011-12-31 10:00Z')
) AS x (what, p, zone, at, lower, upper);

--
-- Anniversaries
--
SELECT what, pg_temp.golden(p::period, zone, at, lower, upper, anchor) FROM (VALUES
	('31 January, first month', 'anniversary month', 'UTC', '2024-01-31 12:00Z'::timestamptz,
		'2024-01-31 12:00Z'::timestamptz, '2024-01-31 12:00Z'::timestamptz, '2024-02-29 12:00Z'::timestamptz),
	('31 January, second month', 'anniversary month', 'UTC', '2024-01-31 12:00Z', '2024-02-29 12:00Z', '2024-02-29 12:00Z', '2024-03-31 12:00Z'),
	('31 January, third month', 'anniversary month', 'UTC', '2024-01-31 12:00Z', '2024-04-01 12:00Z', '2024-03-31 12:00Z', '2024-04-30 12:00Z'),
	('31 January, next year', 'anniversary month', 'UTC', '2024-01-31 12:00Z', '2025-02-28 12:00Z', '2025-02-28 12:00Z', '2025-03-31 12:00Z'),
	('31 January, before it', 'anniversary month', 'UTC', '2024-01-31 12:00Z', '2023-03-15 00:00Z', '2023-02-28 12:00Z', '2023-03-31 12:00Z'),
	('29 February', 'anniversary year', 'UTC', '2024-02-29 00:00Z', '2025-02-27 23:59Z', '2024-02-29 00:00Z', '2025-02-28 00:00Z'),
	('29 February, common years', 'anniversary year', 'UTC', '2024-02-29 00:00Z', '2025-02-28 00:00Z', '2025-02-28 00:00Z', '2026-02-28 00:00Z'),
	('29 February, leap year', 'anniversary year', 'UTC', '2024-02-29 00:00Z', '2028-02-28 23:59Z', '2027-02-28 00:00Z', '2028-02-29 00:00Z'),
	('29 February, before it', 'anniversary year', 'UTC', '2024-02-29 00:00Z', '2023-03-01 00:00Z', '2023-02-28 00:00Z', '2024-02-29 00:00Z'),
	('Berlin, over summer time', 'anniversary half-year', 'Europe/Berlin', '2024-01-15 09:00Z', '2024-07-15 08:00Z', '2024-07-15 08:00Z', '2025-01-15 09:00Z'),
	('New York, in the gap', 'anniversary day', 'America/New_York', '2024-03-09 07:30Z', '2024-03-10 12:00Z', '2024-03-10 07:00Z', '2024-03-11 06:30Z'),
	('Berlin, in the gap', 'anniversary day', 'Europe/Berlin', '2024-03-30 01:30Z', '2024-03-31 12:00Z', '2024-03-31 01:00Z', '2024-04-01 00:30Z'),
	('Berlin, in the gap, with microseconds', 'anniversary day', 'Europe/Berlin', '2024-03-30 01:30:00.5Z', '2024-03-31 12:00Z', '2024-03-31 01:00Z', '2024-04-01 00:30:00.5Z'),
	('Berlin, shown twice', 'anniversary year', 'Europe/Berlin', '2023-10-27 00:30Z', '2024-10-27 00:30Z', '2024-10-27 00:30Z', '2025-10-27 01:30Z'),
	('Berlin, anchor shown twice', 'anniversary day', 'Europe/Berlin', '2024-10-27 01:30Z', '2024-10-27 01:30Z', '2024-10-27 01:30Z', '2024-10-28 01:30Z'),
	('Berlin, before that anchor', 'anniversary day', 'Europe/Berlin', '2024-10-27 01:30Z', '2024-10-27 01:29Z', '2024-10-26 00:30Z', '2024-10-27 01:30Z'),
	('Berlin, between the two', 'anniversary day', 'Europe/Berlin', '2024-10-27 01:30Z', '2024-10-27 00:45Z', '2024-10-26 00:30Z', '2024-10-27 01:30Z'),
	('weeks in Shanghai', 'anniversary 2 weeks', 'Asia/Shanghai', '2024-02-15 04:00Z', '2024-02-29 04:00Z', '2024-02-29 04:00Z', '2024-03-14 04:00Z'),
	('thirty days', 'anniversary 30 days', 'UTC', '2024-01-31 00:00Z', '2024-01-30 23:59Z', '2024-01-01 00:00Z', '2024-01-31 00:00Z'),
	('microseconds', 'anniversary month', 'UTC', '2024-01-31 12:00:00.123456Z', '2024-02-29 12:00:00.123455Z', '2024-01-31 12:00:00.123456Z', '2024-02-29 12:00:00.123456Z'),
	('Apia, skipped', 'anniversary month', 'Pacific/Apia', '2011-11-30 10:30Z', '2011-12-30 10:00Z', '2011-12-30 10:00Z', '2012-01-29 10:30Z'),
	('Juneau, a date twice', 'anniversary day', 'America/Juneau', '1867-10-19 00:45Z', '1867-10-19 00:45Z', '1867-10-19 00:45Z', '1867-10-20 00:45Z')
) AS x (what, p, zone, anchor, at, lower, upper);

--
-- Rolling: what is exactly one length old is out, what happens now is in
--
SELECT what, pg_temp.golden(p::period, zone, at, lower, at) FROM (VALUES
	('365 days', 'rolling 365 days', 'UTC', '2024-12-31 12:00Z'::timestamptz, '2024-01-01 12:00Z'::timestamptz),
	('leap day', 'rolling 1 year', 'UTC', '2024-02-29 12:00Z', '2023-02-28 12:00Z'),
	('a year after the leap day', 'rolling 1 year', 'UTC', '2025-02-28 12:00Z', '2024-02-28 12:00Z'),
	('31 March', 'rolling 1 month', 'Europe/Berlin', '2024-03-31 12:00Z', '2024-02-29 13:00Z'),
	('a day over the gap', 'rolling 1 day', 'Europe/Berlin', '2024-04-01 00:30Z', '2024-03-31 01:00Z'),
	('24 hours over the gap', 'rolling 24 hours', 'Europe/Berlin', '2024-04-01 00:30Z', '2024-03-31 00:30Z'),
	('a day of 25 hours', 'rolling 1 day', 'Europe/Berlin', '2024-10-28 01:30Z', '2024-10-27 00:30Z'),
	('New York, a day of 23 hours', 'rolling 1 day', 'America/New_York', '2024-03-10 12:00Z', '2024-03-09 13:00Z'),
	('Shanghai', 'rolling 3 months', 'Asia/Shanghai', '2024-05-31 00:00Z', '2024-02-29 00:00Z'),
	('days and hours', 'rolling 1 day 12 hours', 'Europe/Berlin', '2024-04-01 00:30Z', '2024-03-30 13:00Z'),
	('Apia, never empty', 'rolling 1 day', 'Pacific/Apia', '2011-12-30 10:00Z', '2011-12-30 09:59:59.999999Z')
) AS x (what, p, zone, at, lower);
SELECT w @> '2024-12-31 12:00Z'::timestamptz AS now, w @> '2024-01-01 12:00Z'::timestamptz AS old,
	w @> '2024-01-01 12:00:00.000001Z'::timestamptz AS young
FROM period_at('rolling 365 days', '2024-12-31 12:00Z') AS w;

--
-- Lifetime, defaults, nulls
--
SELECT period_at('lifetime', '2024-01-01 00:00Z') AS lifetime, period_at('lifetime', 'infinity') AS at_infinity,
	lower_inf(period_at('lifetime', '-infinity')) AS unbounded,
	period_at('calendar day', '2024-01-01 12:00Z') = '[2024-01-01 00:00Z,2024-01-02 00:00Z)' AS utc,
	period_at('calendar day', '2024-01-01 12:00Z', time_zone => 'Asia/Shanghai')
		= '[2023-12-31 16:00Z,2024-01-01 16:00Z)' AS by_name,
	period_at(period => 'calendar day', at => '2024-01-01 12:00Z', anchor => '2020-01-01 07:00Z')
		= '[2024-01-01 00:00Z,2024-01-02 00:00Z)' AS anchor_unused;
SELECT period_at(NULL, now()) IS NULL AND period_at('lifetime', NULL) IS NULL
	AND period_at('lifetime', now(), NULL, NULL) IS NULL AND period_end(NULL, now()) IS NULL
	AND period_end('lifetime', NULL) IS NULL AND period_end('lifetime', now(), NULL, NULL) IS NULL
	AND period_add(NULL, '1 day') IS NULL AS nulls;

--
-- Expiry: the end of the period, always later than what is rounded
--
SELECT p, zone, period_end(p::period, at, NULL, zone) FROM (VALUES
	('calendar month', 'UTC', '2024-01-22 10:00Z'::timestamptz),	-- lapses with the first of February
	('calendar month', 'UTC', '2024-01-31 23:59:59.999999Z'),
	('calendar month', 'UTC', '2024-02-01 00:00Z'),	-- a point of the first has the whole month
	('calendar month', 'Europe/Berlin', '2024-02-29 22:59Z'),
	('calendar month', 'Europe/Berlin', '2024-02-29 23:00Z'),
	('calendar month', 'America/New_York', '2024-11-30 23:00Z'),
	('calendar month', 'Asia/Shanghai', '2024-02-29 15:59Z'),
	('calendar day', 'Europe/Berlin', '2024-03-31 00:00Z'),
	('calendar day', 'Europe/Berlin', '2024-10-27 00:00Z'),
	('calendar quarter', 'Europe/Berlin', '2024-03-31 21:59Z'),
	('calendar half-year', 'Europe/Berlin', '2024-03-31 21:59Z'),
	('calendar year', 'Europe/Berlin', '2024-12-31 22:59Z'),
	('calendar year from 04-01', 'Europe/Berlin', '2024-12-31 22:59Z'),
	('lifetime', 'UTC', '2024-02-01 00:00Z')) AS x (p, zone, at);
SELECT period_end('anniversary year', '2025-06-01 00:00Z', '2024-02-29 10:00Z', 'Europe/Berlin') AS anniversary;
-- twelve months, then to the end of the month, with the program's clock
SELECT period_end('calendar month', period_add('2023-02-28 23:30Z', '12 months', 'Europe/Berlin'), NULL, 'Europe/Berlin') AS berlin,
	period_end('calendar month', period_add('2023-02-28 23:30Z', '12 months')) AS utc;

SELECT at, length, zone, period_add(at, length::interval, zone) FROM (VALUES
	('2024-01-31 12:00Z'::timestamptz, '1 month', 'Europe/Berlin'),
	('2024-03-31 12:00Z', '-1 month', 'Europe/Berlin'),	-- an hour later than it was: winter time
	('2024-02-29 12:00Z', '1 year', 'UTC'), ('2024-02-29 12:00Z', '-4 years', 'UTC'),
	('2024-01-31 01:30Z', '2 months', 'Europe/Berlin'),	-- in the gap
	('2024-09-27 00:30Z', '1 month', 'Europe/Berlin'),	-- shown twice
	('2024-10-27 01:30Z', '0 days', 'Europe/Berlin'), ('2024-10-27 01:30Z', '1 hour', 'Europe/Berlin'),
	('2024-03-30 12:00Z', '1 day', 'Europe/Berlin'), ('2024-03-30 12:00Z', '24 hours', 'Europe/Berlin'),
	('2024-03-30 12:00Z', '1 day -24 hours', 'Europe/Berlin'),
	('2024-01-31 12:00:00.000001Z', '1 month 1 day 00:00:00.000001', 'UTC'),
	('infinity', '1 day', 'UTC'), ('-infinity', '1 month', 'UTC')) AS x (at, length, zone);

--
-- Refusals
--
CREATE FUNCTION pg_temp.try(statement text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	result text;
	detail text;
	hint text;
BEGIN
	EXECUTE statement INTO result;
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', SQLSTATE || ': ' || SQLERRM, nullif(detail, ''), nullif(hint, ''));
END $$;
SELECT statement, pg_temp.try(statement) AS error FROM unnest(ARRAY[
	$$SELECT period_at('calendar day', 'infinity')$$,
	$$SELECT period_at('rolling 1 day', '-infinity')$$,
	$$SELECT period_at('anniversary year', 'infinity', '2024-01-01 00:00Z')$$,
	$$SELECT period_at('anniversary year', '2024-01-01 00:00Z')$$,
	$$SELECT period_at('anniversary year', '2024-01-01 00:00Z', 'infinity')$$,
	$$SELECT period_at('calendar day', '2024-01-01 00:00Z', NULL, 'Europe/Atlantis')$$,
	$$SELECT period_at('lifetime', '2024-01-01 00:00Z', NULL, 'Europe/Atlantis')$$,
	$$SELECT period_at('calendar day', '2024-01-01 00:00Z', NULL, '')$$,
	$$SELECT period_end('rolling 365 days', '2024-01-01 00:00Z')$$,
	$$SELECT period_end('anniversary month', '2024-01-01 00:00Z')$$,
	$$SELECT period_end('calendar month', 'infinity')$$,
	$$SELECT period_add('2024-01-01 00:00Z', '1 day', 'Europe/Atlantis')$$,
	$$SELECT period_add('2024-01-01 00:00Z', '300000 years')$$,
	$$SELECT period_add('2024-01-01 00:00Z', '585000 years')$$,	-- more than 2^64 microseconds
	$$SELECT period_add('2024-01-01 00:00Z', '-585000 years')$$,
	$$SELECT period_add('2024-01-01 00:00Z', '-7000 years')$$,
	$$SELECT period_add('294276-12-31 23:59Z', '1 minute')$$,
	$$SELECT period_add('294276-12-31 23:59Z', '9223372036854 seconds')$$,
	$$SELECT period_add('2024-01-01 00:00Z', '178000000 years -2000000000 days')$$,
	$$SELECT period_at('rolling 100 years', '4700-01-01 00:00Z BC')$$]) AS statement;

-- the ends of time
SELECT statement, pg_temp.try(statement) AS result FROM unnest(ARRAY[
	$$SELECT period_at('calendar day', '294276-12-31 12:00Z')$$,
	$$SELECT period_at('calendar day', '294276-12-30 12:00Z')$$,
	$$SELECT period_at('calendar day', '294276-12-31 12:00Z', NULL, 'Asia/Shanghai')$$,
	$$SELECT period_at('calendar day', '294276-12-31 23:59:59.999999Z', NULL, 'Pacific/Apia')$$,
	$$SELECT period_at('calendar month', '294276-07-15 12:00Z', NULL, 'Europe/Berlin')$$,
	$$SELECT period_at('calendar day', '0044-03-15 12:00Z BC', NULL, 'Europe/Berlin')$$,
	$$SELECT period_at('calendar year', '294276-12-31 12:00Z')$$,
	$$SELECT period_at('calendar year', '294275-12-31 12:00Z')$$,
	$$SELECT period_at('calendar day', '4714-11-24 00:00Z BC')$$,
	$$SELECT period_at('calendar day', '4714-11-24 00:00Z BC', NULL, 'Asia/Shanghai')$$,
	$$SELECT period_at('calendar month', '4714-11-24 00:00Z BC')$$,
	$$SELECT period_at('calendar month', '4714-12-01 00:00Z BC')$$,
	$$SELECT period_at('anniversary 100 years', '4713-01-01 00:00Z BC', '294276-01-01 00:00Z')$$,
	$$SELECT period_at('anniversary month', '294276-12-20 12:00Z', '2024-01-31 12:00Z')$$,
	$$SELECT period_at('anniversary month', '294276-12-31 12:00Z', '2024-01-31 12:00Z')$$,
	$$SELECT period_at('anniversary 99 years', '294200-01-01 00:00Z', '4713-01-01 00:00Z BC')$$,
	$$SELECT period_at('rolling 1 day', '4714-11-24 12:00Z BC')$$]) AS statement;

-- The session's zone decides nothing, and every zone is taken as AT TIME ZONE does
-- but for those whose name is also an abbreviation, such as CET: the zone is meant.
SELECT period_at('calendar day', '2024-07-01 12:00Z', NULL, z) = tstzrange(d AT TIME ZONE 'Europe/Berlin',
	(d + interval '1 day') AT TIME ZONE 'Europe/Berlin') AS zone
FROM unnest(ARRAY['Europe/Berlin', 'europe/berlin', 'CET']) AS z, CAST('2024-07-01' AS timestamp) AS t (d);
SET TimeZone = 'Asia/Shanghai';
SELECT period_at('calendar day', '2024-01-01 12:00Z') = '[2024-01-01 00:00Z,2024-01-02 00:00Z)' AS utc;
