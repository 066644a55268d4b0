-- If this fails, a period is not what its text says: caps, expiry or tiers are
-- set to another window than the one that was written, or periods that mean the
-- same are told apart, or a dump or a binary copy does not bring them back.
SET search_path = public, community;
SET client_min_messages = warning;
SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres';

CREATE FUNCTION pg_temp.try(statement text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	result text;
	detail text;
BEGIN
	EXECUTE statement INTO result;
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(' | ', SQLSTATE || ': ' || SQLERRM, nullif(detail, ''));
END $$;

--
-- Each meaning is written in one way
--
SELECT input, input::period AS period FROM unnest(ARRAY[
	'lifetime', ' LifeTime ',
	'rolling 365 days', 'rolling 1 day', 'rolling day', 'rolling 2 weeks', 'rolling 12 months',
	'rolling quarter', 'rolling half-year', 'Rolling 1 YEAR 14 months 1 week', 'rolling 18mons 3days',
	'rolling 24 hours', 'rolling 90 min', 'rolling 36:30', 'rolling 00:00:01', 'rolling 3661 secs',
	'rolling 1 year 2 mons 3 days 04:05:06', 'rolling 0 months 1 second',
	'rolling 100 years 36525 days 876600 hours',
	'calendar day', 'calendar days', 'calendar 7 days', 'calendar week', 'Calendar 1 Weeks',
	'calendar month', 'calendar 3 months', 'calendar quarters', 'calendar 2 quarters', 'calendar half-year',
	'calendar 3 quarters', 'calendar 4 quarters', 'calendar 2 half-years', 'calendar 24 months',
	'calendar 5 years', 'calendar 18 months', 'calendar 1200 months', 'calendar 36525 days',
	'anniversary year', 'anniversary 6 months', 'anniversary month', 'anniversary 14 days',
	'anniversary 30 days', 'anniversary 2 years', 'anniversary week', 'anniversary day']) AS input;

-- where a calendar period begins
SELECT input, input::period AS period FROM unnest(ARRAY[
	'calendar year from 01-01', 'calendar year from 04-01', 'calendar year from 2024-04-01',
	'calendar year from 1999-04-01 00:00', 'calendar year from 02-29', 'calendar year from 04-06 06:30',
	'calendar 2 years from 2023-04-01', 'calendar 2 years from 2024-04-01',
	'calendar quarter from 02-01', 'calendar quarter from 11-01', 'calendar quarter from 05-31',
	'calendar half-year from 10-01', 'calendar month from day 15', 'calendar month from DAY 31',
	'calendar month from 08-15', 'calendar month from day 1', 'calendar 2 months from day 31',
	'calendar 2 months from 2024-04-30', 'calendar 26 months from 2002-01-30',
	'calendar week from monday', 'calendar week from Sunday', 'calendar week from 2024-01-07',
	'calendar week from friday 18:00', 'calendar 2 weeks from sunday', 'calendar 2 weeks from 2024-01-07',
	'calendar 2 weeks from 2024-01-14', 'calendar 7 days from 2024-01-06', 'calendar 10 days from 2024-01-06',
	'calendar 10 days from 0001-01-01', 'calendar day from 04:00', 'calendar day from 23:59:59',
	'calendar day from 2024-01-01 04:00:00', 'calendar month from 04:00', 'calendar year FROM 9999-12-31']) AS input;

-- nothing else is taken
SELECT input, pg_temp.try(format('SELECT %L::community.period', input)) AS error FROM unnest(ARRAY[
	'', ' ', 'lifelong', 'lifetimes', 'lifetime from 04-01', 'lifetime 1', 'year', '365 days', 'rolling',
	'rolling 0 days', 'rolling -1 day', 'rolling 1.5 days', 'rolling 1', 'rolling 1 fortnight',
	'rolling 1 day from monday', 'rolling 1 day,', 'rolling 12:60', 'rolling 1:2', 'rolling 1:02:3',
	'rolling 1:00:00.5', 'rolling infinity', 'rolling 1 yearss', 'rolling 1 dayz', 'rolling 1201 months',
	'rolling 100 years 1 month', 'rolling 36526 days', 'rolling 876600:00:01', 'rolling 9999999999 days',
	'rolling 999999999 years', 'rolling 99999999999999999999 days',
	'calendar', 'calendar 2', 'calendar 0 days', 'calendar -1 day', 'calendar hour', 'calendar 60 minutes',
	'calendar mon', 'calendar 1 year 2 months', 'calendar 101 years', 'calendar 1201 months',
	'calendar 5218 weeks', 'calendar 36526 days', 'calendar 9999999999 days', 'calendar half year',
	'calendar half-', 'calendar year 04-01', 'calendar year from', 'calendar year from april',
	'calendar year from 4-1', 'calendar year from 04-31', 'calendar year from 13-01', 'calendar year from 00-10',
	'calendar year from 04-00', 'calendar year from 2023-02-29', 'calendar year from 1900-02-29',
	'calendar year from 0000-01-01', 'calendar year from 12024-01-01', 'calendar year from 024-01-01',
	'calendar year from 2024-1-01', 'calendar year from 04-01 x', 'calendar year from 04-01 24:00',
	'calendar year from 04-01 12', 'calendar year from 04-01 12:60', 'calendar year from 04-01 1:00',
	'calendar year from 04-01 12:00:60', 'calendar year from 04-01 12:00:00.5', 'calendar year from monday',
	'calendar year from day 15', 'calendar month from day 0', 'calendar month from day 32',
	'calendar month from day', 'calendar month from 15', 'calendar month from day 100',
	'calendar week from 04-01', 'calendar week from funday', 'calendar week from day 2',
	'calendar day from monday', 'calendar day from 04-01', 'calendar month from monday',
	'calendar year to 04-01', 'calendar year from 04-01 00:00 UTC',
	'anniversary', 'anniversary hour', 'anniversary 0 years', 'anniversary year from 04-01',
	'anniversary 101 years', 'anniversary year x', repeat('calendar', 3),
	'calendar ' || repeat('y', 100)]) AS input;
-- the hint lists the forms
SELECT 'every year'::period;

-- settings do not matter
SET DateStyle = 'German, DMY'; SET TimeZone = 'Asia/Kathmandu'; SET IntervalStyle = 'sql_standard';
SELECT 'calendar year from 04-06'::period, 'rolling 1 mon 2 days 3 hours'::period;
SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres';
SELECT provolatile, count(*) FROM pg_proc
WHERE proname ~ '^period_(in|out|recv|send|eq|ne|lt|le|gt|ge|cmp|hash|hash_extended)$' GROUP BY 1;

--
-- Periods of all kinds: many texts, each valid
--
CREATE TEMP TABLE sample AS
SELECT row_number() OVER (ORDER BY t COLLATE "C") AS i, t::period AS p
FROM (SELECT DISTINCT t FROM (
	SELECT 'lifetime' AS t
	UNION ALL SELECT format('%s %s %s', k, n, u)
	FROM unnest(ARRAY['rolling', 'calendar', 'anniversary']) AS k,
		unnest(ARRAY['day', 'week', 'month', 'quarter', 'half-year', 'year']) AS u,
		unnest(ARRAY[1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 18, 24, 36, 48, 60, 91, 100]) AS n
	UNION ALL SELECT format('calendar %s %s from %s', n, u, d)
	FROM unnest(ARRAY['day', 'week', 'month', 'quarter', 'half-year', 'year']) AS u,
		unnest(ARRAY[1, 2, 3, 5, 8, 13, 26]) AS n,
		unnest(ARRAY['2000-01-03', '2000-01-03 00:01', '2000-01-05', '2000-02-03', '2000-02-29', '2023-12-31', '2024-04-30 12:34:56', '1987-05-31 00:01']) AS d
	UNION ALL SELECT format('rolling %s months %s days %s:%s:59', m, d, h, lpad(h::text, 2, '0'))
	FROM generate_series(0, 30, 10) AS m, generate_series(0, 9, 3) AS d, generate_series(0, 25, 5) AS h
) AS x) AS y;
SELECT count(*) > 600 AS enough, count(*) FILTER (WHERE p::text::period = p) AS same,
	count(*) - count(*) FILTER (WHERE p::text::period = p) AS differ FROM sample;

-- the same text is the same value is the same bytes is the same hash
SELECT count(*) AS differ FROM sample AS a JOIN sample AS b ON a.i <= b.i
WHERE (a.p = b.p) <> (a.p::text = b.p::text) OR (a.p = b.p) <> (period_send(a.p) = period_send(b.p))
	OR (a.p <> b.p) = (a.p = b.p)
	OR (a.p = b.p AND (period_hash(a.p) <> period_hash(b.p)
		OR period_hash_extended(a.p, 7) <> period_hash_extended(b.p, 7)));

-- one order, by average length
SELECT count(*) AS differ FROM sample AS a, sample AS b
WHERE (a.p < b.p) <> (period_cmp(a.p, b.p) < 0) OR (a.p <= b.p) <> (period_cmp(a.p, b.p) <= 0)
	OR (a.p > b.p) <> (period_cmp(a.p, b.p) > 0) OR (a.p >= b.p) <> (period_cmp(a.p, b.p) >= 0)
	OR (a.p = b.p) <> (period_cmp(a.p, b.p) = 0) OR sign(period_cmp(a.p, b.p)) <> -sign(period_cmp(b.p, a.p));
SELECT count(*) AS differ FROM (SELECT p, lead(p) OVER (ORDER BY p) AS next,
		lead(p, 40) OVER (ORDER BY p) AS far FROM sample) AS x WHERE p > next OR p > far;
SELECT t::period FROM unnest(ARRAY['lifetime', 'calendar year from 04-01', 'calendar year', 'rolling 365 days',
	'rolling 366 days', 'rolling year', 'anniversary year', 'calendar week', 'calendar week from sunday',
	'calendar day', 'rolling 24 hours', 'rolling 1 day', 'rolling 86401 sec', 'calendar month', 'rolling 30 days',
	'rolling 31 days', 'calendar 30 days', 'calendar day from 04:00', 'rolling 100 years']) AS t ORDER BY 1;

-- groups, sets, joins, indexes
CREATE TEMP TABLE bag AS SELECT p, g FROM sample, generate_series(1, 3) AS g;
ANALYZE bag;
SELECT count(*) = (SELECT count(DISTINCT p::text) FROM sample) AS by_text, count(*) = count(DISTINCT p) AS sorted
FROM (SELECT p FROM bag GROUP BY p) AS x;
SET enable_hashagg = off;
SELECT count(*) = (SELECT count(DISTINCT p::text) FROM sample) AS by_text FROM (SELECT p FROM bag GROUP BY p) AS x;
RESET enable_hashagg;
SET enable_hashjoin = off; SET enable_nestloop = off;
SELECT count(*) AS merged FROM bag AS a JOIN (SELECT DISTINCT p FROM bag) AS b USING (p) \gset
RESET enable_hashjoin;
SET enable_mergejoin = off;
SELECT count(*) = :merged AS hashed, :merged = (SELECT count(*) FROM bag) AS all
FROM bag AS a JOIN (SELECT DISTINCT p FROM bag) AS b USING (p);
RESET enable_mergejoin; RESET enable_nestloop;
CREATE TEMP TABLE keyed (p period PRIMARY KEY);
INSERT INTO keyed VALUES ('calendar year');
INSERT INTO keyed VALUES ('calendar 12 months from 2024-01-01');
CREATE TEMP TABLE parted (p period) PARTITION BY HASH (p);
CREATE TEMP TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TEMP TABLE parted_1 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parted SELECT DISTINCT p FROM sample;
SELECT (SELECT count(*) FROM parted_0) > 200 AND (SELECT count(*) FROM parted_1) > 200 AS spread,
	(SELECT count(*) FROM parted JOIN sample USING (p)) = (SELECT count(*) FROM sample) AS found;

--
-- Binary form: version, kind, unit, count, months, days, time
--
SELECT t, period_send(t::period) FROM unnest(ARRAY['lifetime', 'rolling 1 year 2 days 3 seconds',
	'calendar 2 weeks from tuesday 04:00', 'calendar year from 04-06', 'anniversary 30 days']) AS t;

-- A binary COPY from the client: each row is a count of columns, a length and
-- the bytes.  printf takes them as octal numbers.
CREATE TEMP TABLE received (p period);
CREATE FUNCTION pg_temp.octal(bytes bytea) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg('\' || lpad((b / 64)::text, 1) || (b / 8 % 8) || (b % 8), '' ORDER BY i)
	FROM generate_series(0, length(bytes) - 1) AS i, LATERAL (SELECT get_byte(bytes, i) AS b) AS g
$$;
CREATE FUNCTION pg_temp.binary_copy(VARIADIC fields bytea[]) RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.octal('PGCOPY\012\377\015\012\000'::bytea || int4send(0) || int4send(0)
		|| string_agg(int2send(1::int2) || int4send(length(f)) || f, ''::bytea ORDER BY n)
		|| int2send(-1::int2))
	FROM unnest(fields) WITH ORDINALITY AS u (f, n)
$$;
SELECT pg_temp.binary_copy(VARIADIC array_agg(period_send(p) ORDER BY i)) AS octal
FROM sample WHERE i % 3 = 0 \gset
\set copy '\\copy received FROM PROGRAM ''printf "' :octal '"'' (FORMAT binary)'
:copy
SELECT count(*) AS differ FROM (
	(SELECT period_send(p) FROM received EXCEPT ALL SELECT period_send(p) FROM sample WHERE i % 3 = 0)
	UNION ALL
	(SELECT period_send(p) FROM sample WHERE i % 3 = 0 EXCEPT ALL SELECT period_send(p) FROM received)) AS x;

-- What must not come in; the server runs the program here, so that one function
-- can try them all.
CREATE FUNCTION pg_temp.receive(bytes bytea) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('COPY received FROM PROGRAM %L (FORMAT binary)',
		format('printf "%s"', pg_temp.binary_copy(bytes)));
	RETURN 'received';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ': ' || SQLERRM;
END $$;
SELECT what, pg_temp.receive(bytes) FROM (VALUES
	('as it should be', '\x01 02 01 0000000c 00000003 00000005 0000000000000000'::bytea),
	('version', '\x02 00 00 00000000 00000000 00000000 0000000000000000'),
	('kind', '\x01 04 00 00000000 00000000 00000000 0000000000000000'),
	('lifetime with a unit', '\x01 00 01 00000000 00000000 00000000 0000000000000000'),
	('lifetime with a count', '\x01 00 00 00000001 00000000 00000000 0000000000000000'),
	('lifetime with a length', '\x01 00 00 00000000 00000000 00000001 0000000000000000'),
	('rolling, nothing', '\x01 01 00 00000000 00000000 00000000 0000000000000000'),
	('rolling, negative', '\x01 01 00 00000000 00000001 ffffffff 0000000000000000'),
	('rolling, too many months', '\x01 01 00 00000000 000004b1 00000000 0000000000000000'),
	('rolling, too many days', '\x01 01 00 00000000 00000000 00008eae 0000000000000000'),
	('rolling, too long', '\x01 01 00 00000000 00000000 00000000 000b3626785f8400'),
	('rolling, half a second', '\x01 01 00 00000000 00000000 00000000 000000000007a120'),
	('rolling with a unit', '\x01 01 01 00000000 00000001 00000000 0000000000000000'),
	('calendar without unit', '\x01 02 00 00000001 00000000 00000000 0000000000000000'),
	('calendar, unknown unit', '\x01 02 03 00000001 00000000 00000000 0000000000000000'),
	('calendar, no count', '\x01 02 01 00000000 00000000 00000000 0000000000000000'),
	('calendar, negative count', '\x01 02 01 ffffffff 00000000 00000000 0000000000000000'),
	('calendar, too many months', '\x01 02 01 000004b1 00000000 00000000 0000000000000000'),
	('calendar, too many days', '\x01 02 02 00008eae 00000000 00000000 0000000000000000'),
	('calendar, origin beyond the count', '\x01 02 01 0000000c 0000000c 00000000 0000000000000000'),
	('calendar, origin before 2000', '\x01 02 01 0000000c ffffffff 00000000 0000000000000000'),
	('calendar, day 32', '\x01 02 01 00000001 00000000 0000001f 0000000000000000'),
	('calendar, 30 February', '\x01 02 01 0000000c 00000001 0000001d 0000000000000000'),
	('calendar, 29 February of odd years', '\x01 02 01 00000018 0000000d 0000001c 0000000000000000'),
	('calendar, days with months', '\x01 02 02 00000007 00000001 00000000 0000000000000000'),
	('calendar, days beyond the count', '\x01 02 02 00000007 00000000 00000007 0000000000000000'),
	('calendar, 24 o''clock', '\x01 02 02 00000001 00000000 00000000 000000141dd76000'),
	('anniversary with an origin', '\x01 03 01 0000000c 00000003 00000000 0000000000000000'),
	('anniversary without unit', '\x01 03 00 0000000c 00000000 00000000 0000000000000000'),
	('too short', '\x01 00 00 00000000 00000000 00000000 00000000000000'),
	('too long', '\x01 00 00 00000000 00000000 00000000 0000000000000000 00')) AS x (what, bytes);
SELECT p FROM received WHERE p::text LIKE '%from 04-06' GROUP BY p;
