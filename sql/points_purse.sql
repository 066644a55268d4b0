-- If this fails, purses are read, written, stored or added up wrongly, errors
-- do not say what is wrong, or bytes from outside get into the server unchecked.
SET search_path = public, community;
SET client_min_messages = warning;
SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD';

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
-- A year of a member: earned, pending, spent, expired
--
CREATE TEMP TABLE wallet AS
SELECT purse(100, '2026-01-10+00', '2027-01-10+00') + purse(60, '2026-03-01+00', '2027-03-01+00')
	+ purse(40, '2026-02-01+00', '2026-06-01+00') + purse(25, priority => 1) AS p;
SELECT p FROM wallet;
SELECT lots.* FROM wallet, lots(p);
SELECT at, total(p), total(p, at) AS total_at, available(p, at), pending(p, at), expired(p, at)
FROM wallet, unnest('{-infinity,2026-01-10,2026-02-15,2026-03-01,2026-06-01,2027-02-28,2027-03-01,infinity}'::timestamptz[]) AS at;
-- soonest expiry first, higher priority numbers last
SELECT points, take(p, points, '2026-03-01+00'), p + take(p, points, '2026-03-01+00') AS left
FROM wallet, unnest('{0,30,40,41,140,225}'::bigint[]) AS points;
SELECT pg_temp.try($$SELECT take(p, 226, '2026-03-01+00') FROM wallet$$) AS too_much,
	pg_temp.try($$SELECT take(p, -1, '2026-03-01+00') FROM wallet$$) AS negative;
SELECT take_up_to(p, 1000, '2026-02-15+00') AS up_to, take_lot(p, 1000, '2026-03-01+00', '2027-03-01+00', 0) AS lot,
	part(take(p, 150, '2026-03-01+00'), 30, 80) AS part
FROM wallet;
SELECT settle(p, '2026-02-15+00') AS february, settle(p, '2026-07-01+00') AS july, settle(p,
	'2028-01-01+00') AS late FROM wallet;
-- a lot can be spent from available_at on, and no more at expires_at
SELECT at, available(p, at), pending(p, at), expired(p, at)
FROM (SELECT purse(7, '2026-01-02+00', '2026-01-03+00') AS p) AS x,
	unnest('{2026-01-01 23:59:59.999999,2026-01-02,2026-01-02 23:59:59.999999,2026-01-03}'::timestamptz[]) AS at;
-- a lot that expires before it is available is never live; any key is legal
SELECT at, available(p, at), pending(p, at), expired(p, at)
FROM (SELECT purse(7, '2026-01-03+00', '2026-01-02+00') AS p) AS x,
	unnest('{2026-01-01,2026-01-02,2026-01-03}'::timestamptz[]) AS at;
-- a debt is counted, and never spent
SELECT available(p, '2026-01-01+00'), take(p, 70, '2026-01-01+00'), take_up_to(p, 1000, '2026-01-01+00') AS up_to,
	pg_temp.try(format('SELECT take(%L, 71, %L)', p, '2026-01-01+00')) AS more
FROM (SELECT '{-30[,2026-05-01T00:00Z), 60[,2026-06-01T00:00Z), 40}'::purse AS p) AS x;
SELECT take('{-5}', 0, 'epoch') AS nothing, take_up_to('{-5}', 9, 'epoch') AS up_to, take('{}', 0, 'epoch') AS none;
SELECT purse(NULL) IS NULL AS no_points, purse(1, NULL) IS NULL AS no_time, total(NULL::purse) IS NULL AS no_purse,
	take('{1}', NULL, 'epoch') IS NULL AS take, purse(1) + NULL IS NULL AS plus, (SELECT count(*)
	FROM lots(NULL)) AS lots;
SELECT pg_temp.try($$SELECT part('{1, -1#1}', 0, 1)$$) AS both_signs,
	pg_temp.try($$SELECT part('{1}', -1, 1)$$) AS skip,
	pg_temp.try($$SELECT part('{1}', 0, -1)$$) AS points, part('{-9223372036854775808}', 9223372036854775807, 5) AS last,
	part('{5, 6#1}', 11, 1) AS behind, part('{}', 0, 1) AS none;

--
-- Text
--
SELECT input, input::purse AS value
FROM unnest(ARRAY[
	'{}', ' { } ', '{0}', '{100}', '{+100}', '{-100}', '{1,2,3}', '{1,-1}', E'\t{ 1 [ , ) # 0 ,\n2#1 } ',
	'{9223372036854775807, -9223372036854775808#1}', '{1#2147483647, 2#-2147483648}',
	'{5[2026-01-31T23:00:00Z,2027-01-31T23:00:00Z)}', '{5[2026-01-31 23:00Z,)}', '{5[,2027-01-31T23:00:00.5Z)#1}',
	'{5[-infinity,infinity)}', '{5[infinity,-infinity)}',
	'{5[2026-02-01T00:00:00+01,2026-02-01T00:00:00.000001-05:30)}',
	'{5[2026-02-01T00:00:00.120000+01:30:15,)}', '{5[2024-02-29T00:00Z,)}', '{5[0044-03-15T12:00:00Z BC,)}',
	'{5[4714-11-24T00:00:00Z BC,294276-12-31T23:59:59.999999Z)}', '{5[12026-01-01T00:00Z,)}',
	'{3#1, 2[,2026-01-01T00:00Z), 1[2026-01-01T00:00Z,), 4[2025-01-01T00:00Z,), 5#-1}',
	'{9223372036854775807, 9223372036854775807, -9223372036854775807, -1}']) AS input;
SELECT input, pg_temp.try(format('SELECT %L::community.purse', input)) AS error
FROM unnest(ARRAY[
	'', ' ', '100', '{', '}', '{100', '{100}}', '{100} x', '{,}', '{1,}', '{,1}', '{1 2}', '{1.5}', '{1e3}',
	'{--1}', '{- 1}', '{NaN}',
	'{infinity}', '{9223372036854775808}', '{-9223372036854775809}', '{99999999999999999999999999}', '{0x10}',
	'{1_000}',
	'{1#}', '{1#x}', '{1#2147483648}', '{1#-2147483649}', '{1#1#2}', '{1#1[,)}', '{1[}', '{1[)}', '{1[,}',
	'{1[,]}', '{1(,)}', '{1[,,)}',
	'{1[2026-01-01,)}', '{1[2026-01-01T00:00,)}', '{1[2026-01-01T00:00:00 Z,)}', '{1[2026-01-01T24:00Z,)}',
	'{1[2026-01-01T00:60Z,)}',
	'{1[2026-01-01T00:00:60Z,)}', '{1[2026-01-01T00:00:00.Z,)}', '{1[2026-01-01T00:00:00.1234567Z,)}',
	'{1[2026-1-1T00:00Z,)}',
	'{1[26-01-01T00:00Z,)}', '{1[2026-02-29T00:00Z,)}', '{1[2026-13-01T00:00Z,)}', '{1[2026-00-01T00:00Z,)}',
	'{1[2026-01-00T00:00Z,)}',
	'{1[0000-01-01T00:00Z,)}', '{1[2026-01-01T00:00+16,)}', '{1[2026-01-01T00:00+1,)}', '{1[2026-01-01T00:00 UTC,)}',
	'{1[294277-01-01T00:00Z,)}', '{1[294276-12-31T23:59:59.999999-01,)}', '{1[4714-11-23T23:59:59Z BC,)}',
	'{1[9999999-01-01T00:00Z,)}',
	'{1[yesterday,)}', '{1[Infinity,)}', '{1[infinity2,)}', '{9223372036854775807, 1}',
	'{-9223372036854775808#7, -1#7}']) AS input;
-- from 16 on a program may ask whether a text is valid; before, errors are errors
CREATE FUNCTION pg_temp.refused_softly(input text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	result boolean := false;
BEGIN
	IF current_setting('server_version_num')::int >= 160000 THEN
		EXECUTE 'SELECT pg_input_is_valid($1, ''community.purse'')' INTO result USING input;
	END IF;
	RETURN NOT result;
END $$;
SELECT input, pg_temp.refused_softly(input)
FROM unnest(ARRAY['{1', '{99999999999999999999}', '{1[2026-02-30T00:00Z,)}', '{9223372036854775807, 1}']) AS input;
-- settings do not matter
CREATE TEMP TABLE spelt AS SELECT p, p::text AS text FROM wallet;
SET DateStyle = 'German'; SET TimeZone = 'Asia/Kathmandu'; SET IntervalStyle = 'iso_8601';
SELECT p::text = text AND text::purse = p AS independent FROM spelt;
SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; RESET IntervalStyle;
SELECT provolatile, proparallel, count(*) > 20 AS all FROM pg_proc
WHERE prolang = (SELECT oid FROM pg_language WHERE lanname = 'c') AND pronamespace = 'community'::regnamespace
	AND ('purse'::regtype = prorettype OR 'purse'::regtype = ANY (proargtypes)) GROUP BY 1, 2;

--
-- Overflow is an error, of a lot and of a sum
--
SELECT statement, pg_temp.try(statement) AS error FROM unnest(ARRAY[
	$$SELECT purse(9223372036854775807) + purse(1)$$,
	$$SELECT purse(9223372036854775807, 'epoch', '2026-01-01+00', 3) + purse(1, 'epoch', '2026-01-01+00', 3)$$,
	$$SELECT purse(-9223372036854775808) - purse(1)$$,
	$$SELECT -purse(-9223372036854775808)$$,
	$$SELECT '{}' - purse(-9223372036854775808)$$,
	$$SELECT purse(-1) - purse(-9223372036854775808)$$,
	$$SELECT total('{9223372036854775807, 1#1}')$$,
	$$SELECT total('{9223372036854775807, 1#1, -1#2}')$$,
	$$SELECT total('{-9223372036854775808, -9223372036854775808#1, 9223372036854775807#2, 9223372036854775807#3}')$$,
	$$SELECT total('{9223372036854775807, 1#1}', 'epoch')$$,
	$$SELECT available('{9223372036854775807, 1#1}', 'epoch')$$,
	$$SELECT pending('{9223372036854775807, 1#1}', '-infinity')$$,
	$$SELECT pending('{9223372036854775807[infinity,), 1[infinity,)#1}', '-infinity')$$,
	$$SELECT expired('{-9223372036854775807[,-infinity), -2[,-infinity)#1}', 'epoch')$$,
	$$SELECT take('{9223372036854775807, 1#1}', 1, 'epoch')$$,
	$$SELECT take_up_to('{9223372036854775807, 1#1}', 1, 'epoch')$$,
	$$SELECT settle('{9223372036854775807[,-infinity), 1[,-infinity)#1}', 'epoch')$$,
	$$SELECT settle('{9223372036854775807[,-infinity), 1[,-infinity)#1, -1[,-infinity)#2}', 'epoch')$$,
	$$SELECT community.sum(p) FROM unnest('{"{9223372036854775807}","{1}"}'::purse[]) AS p$$,
	$$SELECT community.sum(p) FROM unnest('{"{9223372036854775807}","{1, 1#1}"}'::purse[]) AS p$$,
	$$SELECT community.sum(purse(9223372036854775807, priority => i % 100))
	FROM generate_series(1, 101) AS i$$]) AS statement;

--
-- Equality, joins, groups, sets, partitions; there is no order
--
CREATE TEMP TABLE bag AS
SELECT i, purse(i % 10, expires_at => '2026-01-01+00'::timestamptz + i % 7 * interval '1 day') AS p
	FROM generate_series(1, 2100) AS i;
ANALYZE bag;
SELECT (SELECT count(*) FROM (SELECT DISTINCT p FROM bag) AS x) AS distinct_rows,
	(SELECT count(*) FROM (SELECT FROM bag GROUP BY p) AS x) AS groups,
	(SELECT count(*) FROM (SELECT DISTINCT i % 10, CASE WHEN i % 10 > 0 THEN i % 7 END FROM bag) AS x) AS truth,
	(SELECT count(*) FROM bag AS a JOIN bag AS b USING (p)) AS pairs,
	(SELECT sum(n * n) FROM (SELECT count(*) AS n
	FROM bag GROUP BY i % 10, CASE WHEN i % 10 > 0 THEN i % 7 END) AS x) AS true_pairs,
	(SELECT count(*) FROM (SELECT p FROM bag EXCEPT SELECT p FROM bag) AS x) AS nothing,
	(SELECT count(*) FROM (SELECT p FROM bag UNION SELECT -p FROM bag) AS x) AS both,
	(SELECT count(*) FROM bag WHERE p IN ('{}', '{3[,2026-01-02T00:00Z)}')) AS chosen;
CREATE TEMP TABLE parts (p purse) PARTITION BY HASH (p);
CREATE TEMP TABLE parts0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TEMP TABLE parts1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parts SELECT p FROM bag;
SELECT count(*) AS all, (SELECT count(*) > 400 FROM parts0) AND (SELECT count(*) > 400
	FROM parts1) AS spread FROM parts;
SELECT purse_hash_extended(p, 0)::bit(32) = purse_hash(p)::bit(32) AS same_low_bits,
	purse_hash_extended(p, 1) <> purse_hash_extended(p, 0) AS seeded FROM bag LIMIT 1;
CREATE INDEX bag_p ON bag USING hash (p);
SET enable_seqscan = off;
SELECT count(*) FROM bag WHERE p = '{3[,2026-01-02T00:00Z)}';
RESET enable_seqscan;
SELECT pg_temp.try('SELECT p FROM bag ORDER BY p') AS no_order, pg_temp.try('SELECT purse(1) < purse(2)') AS no_less;

--
-- sum(): rows that count
--
SELECT sum(p) IS NULL AS no_rows FROM bag WHERE false;
SELECT sum(NULL::purse) IS NULL AS only_nulls FROM bag;
SELECT sum(p) AS one, sum(p) FILTER (WHERE total(p) > 5) AS filtered
FROM unnest(ARRAY[NULL, '{5}', NULL, '{6#1}', '{-5}', NULL]::purse[]) AS p;
SELECT sum(p) AS zero FROM unnest('{"{5}","{-5}"}'::purse[]) AS p;
SELECT sum(purse(i)) OVER (ORDER BY i) AS growing, sum(purse(i)) OVER (ORDER BY i ROWS 1 PRECEDING) AS sliding,
	sum(purse(i)) OVER (ORDER BY i ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING) AS later
FROM generate_series(1, 4) AS i;
-- large states are used as arguments, stored, compared and summed again
CREATE TEMP TABLE large AS SELECT sum(purse(i, priority => i)) AS p FROM generate_series(1, 1000) AS i;
SELECT total(p) = total(s) AS same, p = s AS equal, total(s + s) AS twice, (SELECT sum(points)
	FROM lots(s)) AS by_lots
FROM large, (SELECT sum(purse(i, priority => i)) AS s FROM generate_series(1000, 1, -1) AS i) AS x;
SELECT sum(s) = (SELECT p + p + p FROM large) AS nested
FROM (SELECT sum(purse(i, priority => i)) AS s
	FROM generate_series(1, 1000) AS i, generate_series(1, 3) AS g GROUP BY g) AS x;
-- outside of an aggregate the first argument is not touched
CREATE TEMP TABLE kept AS SELECT '{1}'::purse AS p;
SELECT purse_sum(p, p), purse_sum(p, '{2#1}'), p FROM kept;
-- a state that came compressed, or from outside of its row
SELECT sum(p) = (SELECT p + p FROM large) AS toasted FROM (SELECT p FROM large UNION ALL SELECT p FROM large) AS x;

--
-- Binary form: version, number of lots; points, available_at, expires_at, priority
--
SELECT purse_send('{}') AS zero, purse_send('{-2[2000-01-01T00:00:00.000001Z,)#3}') AS one;
CREATE TEMP TABLE received (p purse);
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
SELECT pg_temp.binary_copy(VARIADIC array_agg(purse_send(p))) AS octal
FROM (SELECT p FROM wallet UNION ALL SELECT '{}' UNION ALL SELECT -p FROM wallet) AS x \gset
\set copy '\\copy received FROM PROGRAM ''printf "' :octal '"'' (FORMAT binary)'
:copy
SELECT count(*) AS received, count(*) FILTER (WHERE r.p IN (w.p, -w.p, '{}')) AS known
	FROM received AS r, wallet AS w;

-- What must not come in.  @ is a lot of 5 points that anyone could have sent.
CREATE FUNCTION pg_temp.hostile(bytes text) RETURNS text LANGUAGE sql
RETURN pg_temp.binary_copy(decode(replace(replace(bytes, ' ', ''), '@',
	'0000000000000005' || '8000000000000000' || '7fffffffffffffff' || '00000000'), 'hex'));
-- nothing, another version, no count, a cut count
SELECT pg_temp.hostile('') AS a, pg_temp.hostile('00 00000001 @') AS b, pg_temp.hostile('01') AS c,
	pg_temp.hostile('01 0000') AS d \gset
\set copy '\\copy received FROM PROGRAM ''printf "' :a '"'' (FORMAT binary)'
:copy
\set copy '\\copy received FROM PROGRAM ''printf "' :b '"'' (FORMAT binary)'
:copy
\set copy '\\copy received FROM PROGRAM ''printf "' :c '"'' (FORMAT binary)'
:copy
\set copy '\\copy received FROM PROGRAM ''printf "' :d '"'' (FORMAT binary)'
:copy
-- counts that differ from the length: too many, four thousand million, none, a cut lot, a byte more
SELECT pg_temp.hostile('01 00000002 @') AS a, pg_temp.hostile('01 ffffffff @') AS b,
	pg_temp.hostile('01 00000000 @') AS c,
	pg_temp.hostile('01 00000001 00000000000000058000000000000000') AS d,
	pg_temp.hostile('01 00000001 @ 00') AS e \gset
\set copy '\\copy received FROM PROGRAM ''printf "' :a '"'' (FORMAT binary)'
:copy
\set copy '\\copy received FROM PROGRAM ''printf "' :b '"'' (FORMAT binary)'
:copy
\set copy '\\copy received FROM PROGRAM ''printf "' :c '"'' (FORMAT binary)'
:copy
\set copy '\\copy received FROM PROGRAM ''printf "' :d '"'' (FORMAT binary)'
:copy
\set copy '\\copy received FROM PROGRAM ''printf "' :e '"'' (FORMAT binary)'
:copy
-- a lot without points, a key twice, keys that descend, times beyond the calendar
SELECT pg_temp.hostile('01 00000001 0000000000000000 8000000000000000 7fffffffffffffff 00000000') AS a,
	pg_temp.hostile('01 00000002 @ @') AS b,
	pg_temp.hostile('01 00000002 @ 0000000000000005 8000000000000000 7ffffffffffffffe ffffffff') AS c,
	pg_temp.hostile('01 00000002 @ 0000000000000005 8000000000000000 7fffffffffffffff ffffffff') AS d,
	pg_temp.hostile('01 00000001 0000000000000005 8000000000000001 7fffffffffffffff 00000000') AS e \gset
\set copy '\\copy received FROM PROGRAM ''printf "' :a '"'' (FORMAT binary)'
:copy
\set copy '\\copy received FROM PROGRAM ''printf "' :b '"'' (FORMAT binary)'
:copy
\set copy '\\copy received FROM PROGRAM ''printf "' :c '"'' (FORMAT binary)'
:copy
\set copy '\\copy received FROM PROGRAM ''printf "' :d '"'' (FORMAT binary)'
:copy
\set copy '\\copy received FROM PROGRAM ''printf "' :e '"'' (FORMAT binary)'
:copy
SELECT count(*) AS received FROM received;

--
-- Bytes on disk that are no purse: damaged, or of a later version
--
CREATE TYPE raw_purse;
CREATE FUNCTION raw_in(cstring) RETURNS raw_purse LANGUAGE internal IMMUTABLE STRICT AS 'byteain';
CREATE FUNCTION raw_out(raw_purse) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'byteaout';
CREATE TYPE raw_purse (INPUT = raw_in, OUTPUT = raw_out, INTERNALLENGTH = VARIABLE, ALIGNMENT = double, STORAGE = extended);
CREATE CAST (raw_purse AS purse) WITHOUT FUNCTION;
SELECT bytes, reading, pg_temp.try(format(reading, bytes)) AS error
FROM unnest(ARRAY['\x', '\x01', '\x010000', '\x02000000', '\x0100000000', '\x01000000' || repeat('00', 31)]) AS bytes,
	unnest(ARRAY['SELECT total(%L::raw_purse::purse)', 'SELECT community.sum(p)
	FROM (VALUES (purse(1)), (%L::raw_purse::purse)) AS x (p)']) AS reading;
SELECT '\x01000000'::raw_purse::purse AS good, purse_hash('\x01000000'::raw_purse::purse) = purse_hash('{}') AS same;
DROP TYPE raw_purse CASCADE;
