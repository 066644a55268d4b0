-- If this fails, engagement scores are wrong, do not survive a dump or a binary
-- copy, or two scores compare differently today and tomorrow.
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
-- Golden values.  10 on day 0, 20 on day 7, then 5 on day 10, which comes late.
--
CREATE TEMP TABLE golden AS
SELECT decayed(10, '2000-01-01 00:00+00', '7 days')
	+ decayed(20, '2000-01-08 00:00+00', '7 days')
	+ decayed(5, '2000-01-11 00:00+00', '7 days') AS score;
SELECT regexp_replace(score::text, '(\.\d{12})\d*@', '\1@') AS score FROM golden;
SELECT abs(score_at(score, '2000-01-15 00:00+00') - 15.864750481581) < 1e-11 AS score_on_day_14,
	abs(decayed_key(score) - decayed_key(decayed(1, '2000-01-01 00:00+00', '7 days'))
		- 5.987752925830) < 1e-11 AS log2_a,
	abs(extract(epoch FROM falls_below_at(score, 1) - '2000-01-01 00:00+00') / 86400
		- 41.914270481) < 1e-9 AS one_on_day_41
FROM golden;

-- Forward decay, Cormode and others: (105,4)(107,8)(103,3)(108,6)(104,4) seen
-- at 110 with lambda = 0.1.  A half-life is whole seconds, so one unit of time
-- is 1e8 seconds and the half-life 693147181 s, wrong by 6e-10 of itself.
SELECT abs(score_at(sum, '2000-01-01 00:00+00'::timestamptz + 10 * unit)
		- 16.9500553785) < 1e-8 AS forward_decay
FROM (SELECT interval '100000000 seconds' AS unit) AS u,
	LATERAL (SELECT decayed_sum(v, '2000-01-01 00:00+00'::timestamptz + (t - 100) * unit,
			'693147181 seconds') AS sum
		FROM (VALUES (105, 4), (107, 8), (103, 3), (108, 6), (104, 4)) AS e (t, v)) AS s;

-- one, two, a half: whole half-lives are exact
SELECT score_at('1@2024-01-01+00/1 day', '2024-01-01+00') AS now,
	score_at('1@2024-01-01+00/1 day', '2023-12-31+00') AS before,
	score_at('1@2024-01-01+00/1 day', '2024-01-03+00') AS later,
	falls_below_at('8@2024-01-01+00/1 day', 1) = '2024-01-04+00' AS falls,
	half_life('8@2024-01-01+00/1 day') = '1 day' AS days,
	half_life('8@2024-01-01+00/90 minutes') = '01:30' AS minutes;

-- the default is thirty days
SELECT half_life(decayed(1, '2024-01-01+00')) = '30 days' AS thirty_days;

--
-- Text
--
SELECT input, input::decayed AS value
FROM unnest(ARRAY[
	'1@2000-01-01 00:00:00+00/7 days',
	'  1.5 @ 2000-01-08T00:00Z / 1 week  ',
	'-3e0@2000-01-01 02:00:00+02/7days',
	'+.75@2000-01-02 17:30:00+05:30/36 hours',
	'1@1999-12-31 23:59:59.000-00:00:30/1 second',
	'1@2024-03-01+00/1 day 12:00:00',
	'1@0001-02-29 12:00Z bc/12h',
	'1@4714-11-24 00:00:00+00 BC/1 day',
	'1@294276-12-31 00:00:00+00/1 day',
	'1e-300@2000-01-01+00/90 s',
	'4.9e-324@2000-01-01+00/1 hour',
	'1.7976931348623157e308@2000-01-01+00/1 min',
	'0/7 days', '-0.0e5/12:30:15', '0@2024-01-01+00/2 D']) AS input;

-- to the microsecond
SELECT falls_below_at('3@2024-02-29 12:34:56.123456-03:30/7 days', 3) = '2024-02-29 12:34:56.123456-03:30' AS exact,
	falls_below_at('3@2024-02-29 12:34:56.1-03:30/7 days', 3) = '2024-02-29 12:34:56.1-03:30' AS tenth;

-- nothing else is taken
SELECT input, pg_temp.try(format('SELECT %L::community.decayed', input)) AS error
FROM unnest(ARRAY[
	'', ' ', '1', '1/7 days', '@2000-01-01+00/7 days', 'nan@2000-01-01+00/7 days',
	'inf@2000-01-01+00/7 days', '0x1p3@2000-01-01+00/7 days', '1e@2000-01-01+00/7 days',
	'.@2000-01-01+00/7 days', '1e400@2000-01-01+00/7 days', '1e-400@2000-01-01+00/7 days',
	'1@2000-01-01/7 days', '1@2000-01-01 00:00:00/7 days', '1@today+00/7 days',
	'1@2000-13-01+00/7 days', '1@2001-02-29+00/7 days', '1@1900-02-29+00/7 days',
	'1@0000-01-01+00/7 days', '1@00-01-01+00/7 days', '1@2000-01-01 24:00:00+00/7 days',
	'1@2000-01-01 00:60+00/7 days', '1@2000-01-01 00:00:00.1234567+00/7 days',
	'1@2000-01-01 00:00:00+99/7 days', '1@2000-01-01 00:00:00 CET/7 days',
	'1@4714-11-23+00 BC/7 days', '1@294277-01-01+00/7 days', '1@9999999-01-01+00/7 days',
	'1@2000-01-01+00', '1@2000-01-01+00/', '1@2000-01-01+00/7', '1@2000-01-01+00/7 parsecs',
	'1@2000-01-01+00/-7 days', '1@2000-01-01+00/1.5 days', '1@2000-01-01+00/1 month',
	'1@2000-01-01+00/1 year', '1@2000-01-01+00/0 days', '1@2000-01-01+00/1073741824 s',
	'1@2000-01-01+00/99999999999999999999 s', '1@2000-01-01+00/7 days x',
	'1@2000-01-01+00/7 days/7 days', '1@infinity/7 days',
	'1@2100-01-01+00/1 s', '2@294276-12-31 00:00:00+00/1 day',
	'1e-300@2000-01-01+00/10000 days']) AS input;

-- the ends of the half-life
SELECT '1@2000-01-01+00/1073741823 s'::decayed AS longest, '1@2000-01-01+00/1 s'::decayed AS shortest;

-- settings do not matter
CREATE TEMP TABLE settings AS SELECT score::text AS text FROM golden;
SET DateStyle = 'German'; SET TimeZone = 'Asia/Kathmandu';
SET IntervalStyle = 'iso_8601'; SET extra_float_digits = -10;
SELECT s.text = g.score::text AND s.text::decayed = g.score
	AND format('%s', g.score) = s.text AS independent
FROM settings AS s, golden AS g;
RESET extra_float_digits;
SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres';

-- the casts and the input functions may stand in an index
SELECT provolatile, count(*) FROM pg_proc
WHERE proname ~ '^decayed_(in|out|recv|send|from_text|to_text|to_typmod)$' GROUP BY 1;

--
-- Values at random: signs, sizes, times from 1000 BC to 5000, half-lives from a
-- second to a year; a second reaches 68 years on both sides of the landmark.
--
SELECT setseed(0.25);
CREATE TEMP TABLE sample AS
SELECT i, h, CASE WHEN i % 17 = 0 THEN decayed(0, '2000-01-01+00', make_interval(secs => h))
	ELSE decayed((random() - 0.5) * 10 ^ (random() * 40 - 20),
		'2000-01-01+00'::timestamptz
			+ make_interval(secs => (random() - 0.5) * least(h * 3e9, 9e10)),
		make_interval(secs => h)) END AS d
FROM (SELECT i, (ARRAY[1, 60, 3599, 3600, 86400, 604800, 2592000, 31536000])[1 + i % 8] AS h
	FROM generate_series(1, 4000) AS i) AS s;

-- text form
SELECT count(*) AS all,
	count(*) FILTER (WHERE decayed_send(d::text::decayed) = decayed_send(d)) AS same_bits
FROM sample;

-- binary form: version, mantissa, exponent, half-life
SELECT decayed_send('1@2000-01-08+00/7 days') AS one, decayed_send('-1.5@2000-01-01+00/1 s') AS minus,
	decayed_send('0/1 day') AS zero;

-- A binary COPY from the client: each row is a count of columns, a length and
-- the bytes.  printf takes them as octal numbers.
CREATE TEMP TABLE received (d decayed);
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
SELECT pg_temp.binary_copy(VARIADIC array_agg(decayed_send(d) ORDER BY i)) AS octal
FROM sample WHERE i <= 500 \gset
\set copy '\\copy received FROM PROGRAM ''printf "' :octal '"'' (FORMAT binary)'
:copy
SELECT count(*) AS received FROM received;
SELECT count(*) AS differ FROM (
	SELECT decayed_send(d) FROM received EXCEPT ALL SELECT decayed_send(d) FROM sample WHERE i <= 500) AS x;

-- what must not come in: another version, a mantissa of no canonical form, a
-- negative zero, a zero with an exponent, infinity, NaN, an exponent beyond the
-- calendar, no half-life, a half-life with version bits, too few and too many bytes
TRUNCATE received;
SELECT pg_temp.binary_copy('\x003ff0000000000000 0000000000093a80') AS octal \gset
\set copy '\\copy received FROM PROGRAM ''printf "' :octal '"'' (FORMAT binary)'
:copy
SELECT pg_temp.binary_copy('\x02 3ff0000000000000 00000001 00093a80') AS octal \gset
\set copy '\\copy received FROM PROGRAM ''printf "' :octal '"'' (FORMAT binary)'
:copy
SELECT pg_temp.binary_copy('\x01 4000000000000000 00000001 00093a80') AS octal \gset
\set copy '\\copy received FROM PROGRAM ''printf "' :octal '"'' (FORMAT binary)'
:copy
SELECT pg_temp.binary_copy('\x01 3fefffffffffffff 00000001 00093a80') AS octal \gset
\set copy '\\copy received FROM PROGRAM ''printf "' :octal '"'' (FORMAT binary)'
:copy
SELECT pg_temp.binary_copy('\x01 0000000000000001 00000000 00093a80') AS octal \gset
\set copy '\\copy received FROM PROGRAM ''printf "' :octal '"'' (FORMAT binary)'
:copy
SELECT pg_temp.binary_copy('\x01 8000000000000000 00000000 00093a80') AS octal \gset
\set copy '\\copy received FROM PROGRAM ''printf "' :octal '"'' (FORMAT binary)'
:copy
SELECT pg_temp.binary_copy('\x01 0000000000000000 00000001 00093a80') AS octal \gset
\set copy '\\copy received FROM PROGRAM ''printf "' :octal '"'' (FORMAT binary)'
:copy
SELECT pg_temp.binary_copy('\x01 7ff0000000000000 00000001 00093a80') AS octal \gset
\set copy '\\copy received FROM PROGRAM ''printf "' :octal '"'' (FORMAT binary)'
:copy
SELECT pg_temp.binary_copy('\x01 7ff8000000000000 00000001 00093a80') AS octal \gset
\set copy '\\copy received FROM PROGRAM ''printf "' :octal '"'' (FORMAT binary)'
:copy
SELECT pg_temp.binary_copy('\x01 3ff0000000000000 7fffffff 00093a80') AS octal \gset
\set copy '\\copy received FROM PROGRAM ''printf "' :octal '"'' (FORMAT binary)'
:copy
SELECT pg_temp.binary_copy('\x01 3ff0000000000000 80000000 00093a80') AS octal \gset
\set copy '\\copy received FROM PROGRAM ''printf "' :octal '"'' (FORMAT binary)'
:copy
SELECT pg_temp.binary_copy('\x01 3ff0000000000000 00000001 00000000') AS octal \gset
\set copy '\\copy received FROM PROGRAM ''printf "' :octal '"'' (FORMAT binary)'
:copy
SELECT pg_temp.binary_copy('\x01 3ff0000000000000 00000001 40093a80') AS octal \gset
\set copy '\\copy received FROM PROGRAM ''printf "' :octal '"'' (FORMAT binary)'
:copy
SELECT pg_temp.binary_copy('\x01 3ff0000000000000 00000001 00093a') AS octal \gset
\set copy '\\copy received FROM PROGRAM ''printf "' :octal '"'' (FORMAT binary)'
:copy
SELECT pg_temp.binary_copy('\x01 3ff0000000000000 00000001 00093a80 00') AS octal \gset
\set copy '\\copy received FROM PROGRAM ''printf "' :octal '"'' (FORMAT binary)'
:copy
SELECT count(*) AS received FROM received;

--
-- Order equals the order of the scores at any time
--
SELECT count(*) AS pairs, count(*) FILTER (WHERE
	(CASE WHEN a.d < b.d THEN -1 WHEN a.d > b.d THEN 1 ELSE 0 END) = decayed_cmp(a.d, b.d)
	AND (a.d <= b.d) = (decayed_cmp(a.d, b.d) <= 0) AND (a.d >= b.d) = (decayed_cmp(a.d, b.d) >= 0)
	AND (a.d = b.d) = (decayed_cmp(a.d, b.d) = 0) AND (a.d <> b.d) <> (a.d = b.d)
	AND (decayed_key(a.d) < decayed_key(b.d)) = (a.d < b.d)) AS consistent
FROM sample AS a JOIN sample AS b ON a.h = b.h AND b.i = 1 + (a.i - 1 + 8 * 31) % 4000;

-- scores near each other in time, so that a double can hold both
CREATE TEMP TABLE near AS
SELECT i, decayed((random() - 0.3) * 100, '2024-01-01+00'::timestamptz + random() * interval '300 days',
	'30 days') AS d, '2023-06-01+00'::timestamptz + random() * interval '1000 days' AS t
FROM generate_series(1, 2000) AS i;
SELECT count(*) AS pairs,
	count(*) FILTER (WHERE sign(score_at(a.d, a.t) - score_at(b.d, a.t)) = decayed_cmp(a.d, b.d)) AS agree
FROM near AS a JOIN near AS b ON b.i BETWEEN a.i + 1 AND a.i + 5;

-- the closed form of the crossing: above a second before, below a second after
SELECT count(*) > 1000 AS enough,
	bool_and(score_at(d, at - interval '1 second') > threshold
		AND threshold > score_at(d, at + interval '1 second')) AS bracketed
FROM (SELECT d, threshold, falls_below_at(d, threshold) AS at
	FROM near, LATERAL (SELECT 0.001 + (i % 97) / 7.0 AS threshold) AS x
	WHERE d > '0/30 days') AS y;
SELECT falls_below_at('0/7 days', 1) AS zero, falls_below_at('-5@2024-01-01+00/7 days', 1) AS negative,
	falls_below_at('1@294276-12-31 00:00+00/1 day', 0.25) AS beyond,
	falls_below_at('1@4714-11-24 00:00+00 BC/1 day', 4) AS before;

--
-- Arithmetic
--
-- a reversal at the same time is exact, and the order of two terms is nothing
SELECT count(*) FILTER (WHERE d + -d = (d * 0) AND d - d = d * 0 AND -(-d) = d) AS exact, count(*) AS all
FROM sample;
SELECT count(*) AS pairs, count(*) FILTER (WHERE decayed_send(a.d + b.d) = decayed_send(b.d + a.d)) AS commute,
	count(*) FILTER (WHERE a.d - b.d = a.d + -b.d) AS minus
FROM near AS a JOIN near AS b ON b.i = a.i + 1;
SELECT count(*) AS all, count(*) FILTER (WHERE d * 2 = d + d AND 0.5 * (2 * d) = d AND d * -1 = -d) AS factor
FROM near;
-- a term 60 half-lives older is lost, one 40 older is not
SELECT '1@2024-01-01+00/1 day'::decayed + decayed(1, '2023-11-02+00', '1 day') = '1@2024-01-01+00/1 day' AS lost,
	'1@2024-01-01+00/1 day'::decayed + decayed(1, '2023-11-22+00', '1 day') > '1@2024-01-01+00/1 day' AS kept;
-- score after score: one event onto an existing score keeps its half-life
SELECT decayed_add(score, 3, '2000-01-20+00') = score + decayed(3, '2000-01-20+00', '7 days') AS same FROM golden;
SELECT decayed_add_all(start, terms) = start + terms[1] + terms[3] AS in_order,
	decayed_add_all(start, '{}') = start AS nothing, decayed_add_all(NULL, terms) IS NULL AS no_start
FROM (SELECT decayed(0.1, '2024-01-01+00') AS start,
	ARRAY[decayed(0.2, '2024-01-05+00'), NULL, decayed(0.3, '2023-12-05+00')] AS terms) AS x;
SELECT count(*) AS differ FROM (
	SELECT g, decayed_add_all(decayed(0, '2000-01-01+00'), array_agg(d ORDER BY i)) AS by_array,
		decayed_sum(d ORDER BY i) AS by_sum
	FROM (SELECT i % 50 AS g, i, d FROM near) AS n GROUP BY g) AS x
WHERE decayed_send(by_array) <> decayed_send(by_sum);

-- refusals
SELECT statement, pg_temp.try(statement) AS error FROM unnest(ARRAY[
	$$SELECT decayed('NaN', '2024-01-01+00')$$,
	$$SELECT decayed('-Infinity', '2024-01-01+00')$$,
	$$SELECT decayed(1, 'infinity')$$,
	$$SELECT decayed(1, '2024-01-01+00', '0 days')$$,
	$$SELECT decayed(1, '2024-01-01+00', '-1 day')$$,
	$$SELECT decayed(1, '2024-01-01+00', '1 month')$$,
	$$SELECT decayed(1, '2024-01-01+00', '0.5 seconds')$$,
	$$SELECT decayed(1, '2024-01-01+00', '100 years')$$,
	$$SELECT decayed(1, '2024-01-01+00', '40000 days')$$,
	$$SELECT community.score_at('1@2024-01-01+00/7 days', 'infinity')$$,
	$$SELECT community.score_at('1@2024-01-01+00/1 s', '2023-01-01+00')$$,
	$$SELECT community.falls_below_at('1@2024-01-01+00/7 days', 0)$$,
	$$SELECT community.falls_below_at('1@2024-01-01+00/7 days', -1)$$,
	$$SELECT community.falls_below_at('1@2024-01-01+00/7 days', 'NaN')$$,
	$$SELECT '1@2024-01-01+00/7 days'::decayed * 'NaN'$$,
	$$SELECT '1@2024-01-01+00/7 days'::decayed * 'Infinity'$$,
	$$SELECT '1@294276-12-31 00:00+00/1 day'::decayed * 2$$,
	$$SELECT '1@294276-12-31 00:00+00/1 day'::decayed + '1@294276-12-31 00:00+00/1 day'$$,
	$$SELECT '1@2024-01-01+00/7 days'::decayed + '1@2024-01-01+00/30 days'$$,
	$$SELECT '1@2024-01-01+00/7 days'::decayed - '1@2024-01-01+00/30 days'$$,
	$$SELECT '0/7 days'::decayed + '0/8 days'$$,
	$$SELECT '1@2024-01-01+00/7 days'::decayed < '1@2024-01-01+00/90 minutes'$$,
	$$SELECT '0/7 days'::decayed = '0/8 days'$$,
	$$SELECT decayed_add_all('0/7 days', '{0/7 days,0/8 days}')$$,
	$$SELECT max(x) FROM (SELECT decayed_cmp('0/7 days', '0/8 days') AS x) AS y$$]) AS statement;
SELECT score_at('1@2024-01-01+00/1 s', '2025-01-01+00') AS underflow,
	score_at('-1@2024-01-01+00/1 s', '2025-01-01+00') AS no_minus_zero;

--
-- Type modifier
--
CREATE TEMP TABLE pinned (a decayed('30 days'), b decayed(604800), c decayed('1 day 12:00'));
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = 'pinned'::regclass AND attnum > 0 ORDER BY attnum;
INSERT INTO pinned VALUES ('1@2000-01-31+00/30 days', decayed(1, '2000-01-08+00', '1 week'), '0/36 hours');
SELECT * FROM pinned;
SELECT statement, pg_temp.try(statement) AS error FROM unnest(ARRAY[
	$$INSERT INTO pinned (a) VALUES ('1@2024-01-01+00/7 days')$$,
	$$INSERT INTO pinned (a) SELECT decayed(1, '2024-01-01+00', '7 days')$$,
	$$UPDATE pinned SET b = a$$,
	$$SELECT '0/1 day'::decayed('2 days')$$,
	$$SELECT '0/1 day'::text::decayed('2 days')$$,
	$$SELECT '0/1 day'::decayed('1 month')$$,
	$$SELECT '0/1 day'::decayed(0)$$,
	$$SELECT '0/1 day'::decayed('')$$,
	$$SELECT '0/1 day'::decayed(-1)$$,
	$$SELECT '0/1 day'::decayed(1, 2)$$,
	$$SELECT '0/1 day'::decayed(99999999999)$$,
	$$SELECT '0/1 day'::decayed('24 hours')$$]) AS statement;
COPY pinned (a) FROM STDIN;
1@2024-01-01+00/8 days
\.
SELECT pg_temp.binary_copy(decayed_send('1@2024-01-01+00/8 days')) AS octal \gset
\set copy '\\copy pinned (a) FROM PROGRAM ''printf "' :octal '"'' (FORMAT binary)'
:copy

--
-- Joins, groups, sets
--
CREATE TEMP TABLE bag AS
SELECT i, decayed(i % 50 - 25, '2024-01-01+00'::timestamptz + (i % 7) * interval '720 hours', '30 days') AS d
FROM generate_series(1, 3000) AS i;
ANALYZE bag;
-- 2^k times a number is the same value k half-lives earlier, so some coincide
CREATE TEMP TABLE truth AS
SELECT (i % 50 - 25) * 2 ^ (i % 7) AS v, count(*) AS n FROM bag GROUP BY 1;
SELECT (SELECT count(*) FROM truth) AS groups, (SELECT sum(n * n) FROM truth) AS pairs;
SELECT count(*), count(DISTINCT d) FROM bag;
SET enable_hashagg = off;
SELECT count(*) FROM (SELECT d FROM bag GROUP BY d) AS x;
SELECT count(*) FROM (SELECT DISTINCT d FROM bag) AS x;
RESET enable_hashagg;
SET enable_sort = off;
SELECT count(*) FROM (SELECT d FROM bag GROUP BY d) AS x;
RESET enable_sort;
SET enable_mergejoin = off; SET enable_nestloop = off;
SELECT count(*) AS hash_join FROM bag AS a JOIN bag AS b USING (d);
RESET enable_mergejoin; SET enable_hashjoin = off;
SELECT count(*) AS merge_join FROM bag AS a JOIN bag AS b USING (d);
RESET enable_nestloop; RESET enable_hashjoin;
SELECT count(*) AS nothing FROM (SELECT d FROM bag EXCEPT SELECT d FROM bag) AS x;
-- extended hash: partitions
CREATE TEMP TABLE parts (d decayed('30 days')) PARTITION BY HASH (d);
CREATE TEMP TABLE parts0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TEMP TABLE parts1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parts SELECT d FROM bag;
SELECT count(*) AS all, (SELECT count(*) > 500 FROM parts0) AND (SELECT count(*) > 500 FROM parts1) AS spread,
	(SELECT count(DISTINCT d) FROM parts0) + (SELECT count(DISTINCT d) FROM parts1) AS distinct_values
FROM parts;
SELECT decayed_hash_extended(d, 0)::bit(32) = decayed_hash(d)::bit(32) AS same_low_bits,
	decayed_hash_extended(d, 1) <> decayed_hash_extended(d, 0) AS seeded
FROM bag LIMIT 1;
-- order by the type is the order by the true value
SELECT count(*) AS out_of_order FROM (
	SELECT (i % 50 - 25) * 2 ^ (i % 7) AS v, lag((i % 50 - 25) * 2 ^ (i % 7)) OVER (ORDER BY d) AS before
	FROM bag) AS x WHERE before > v;

--
-- An index serves a threshold now and the top of the board
--
CREATE FUNCTION pg_temp.plan(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	result text := '';
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		result := result || line || E'\n';
	END LOOP;
	RETURN CASE WHEN result ~ 'Index' AND result !~ '(Sort|Seq Scan)' THEN 'index' ELSE result END;
END $$;
CREATE TABLE board (member bigint PRIMARY KEY, score decayed('30 days') NOT NULL);
INSERT INTO board
SELECT i, decayed_sum(random() * 10, '2024-01-01+00'::timestamptz + random() * interval '700 days', '30 days')
FROM generate_series(1, 20000) AS i, generate_series(1, 3) GROUP BY i;
CREATE INDEX board_score ON board (score);
VACUUM ANALYZE board;
SELECT pg_temp.plan($$SELECT member FROM board WHERE score >= community.decayed(20, '2025-12-01+00', '30 days')$$) AS above,
	pg_temp.plan($$SELECT member FROM board WHERE score >= community.decayed(5, now(), '30 days')$$) AS above_now,
	pg_temp.plan($$SELECT member FROM board ORDER BY score DESC LIMIT 10$$) AS top,
	pg_temp.plan($$SELECT member FROM board WHERE score < community.decayed(5, '2025-12-01+00', '30 days')
		AND score >= community.decayed(5, '2025-11-30+00', '30 days')$$) AS fell;
SET enable_seqscan = off;
SELECT count(*) AS by_index FROM board WHERE score >= community.decayed(5, '2025-12-01+00', '30 days') \gset
SET enable_seqscan = on; SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_bitmapscan = off;
SELECT count(*) = :by_index AND count(*) BETWEEN 100 AND 19900 AS same
FROM board WHERE score_at(score, '2025-12-01+00') >= 5;
RESET enable_seqscan; RESET enable_indexscan; RESET enable_indexonlyscan; RESET enable_bitmapscan;
-- those who fell below five that day are the range between two keys
SELECT (SELECT count(*) FROM board WHERE score < decayed(5, '2025-12-01+00', '30 days')
		AND score >= decayed(5, '2025-11-30+00', '30 days'))
	= (SELECT count(*) FROM board WHERE falls_below_at(score, 5) >= '2025-11-30+00'
		AND falls_below_at(score, 5) < '2025-12-01+00') AS fell;
-- a value of another half-life does not slip in, nor does a search for one
SELECT pg_temp.try($$SELECT count(*) FROM board WHERE score >= community.decayed(5, '2025-12-01+00', '7 days')$$);
DROP TABLE board;
