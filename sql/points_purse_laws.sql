-- If this fails, purses are no group, or some operation on them differs from
-- plain sums over their lots: points appear, vanish, or are spent out of order.
SET search_path = public, community;
SET client_min_messages = warning;
SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD';

--
-- Loose lots at random: few times, priorities and sizes, so that keys collide,
-- points cancel and questions meet the bounds of lots.
--
SELECT setseed(0.75);
CREATE TEMP TABLE moment AS
SELECT n, at FROM unnest('{-infinity,2026-01-01,2026-01-02,2026-01-03,2026-01-04,infinity}'::timestamptz[])
	WITH ORDINALITY AS u (at, n);
CREATE FUNCTION pg_temp.moment(n float8) RETURNS timestamptz LANGUAGE sql
	RETURN (SELECT at FROM moment WHERE moment.n = 1 + floor($1)::int);
CREATE TEMP TABLE loose AS
SELECT id, k, floor(random() * 3)::int - 1 AS priority, pg_temp.moment(random() * 6) AS available_at,
	pg_temp.moment(random() * 6) AS expires_at, floor(random() * 9)::bigint - 3 AS points
FROM generate_series(1, 1500) AS id, generate_series(1, id % 13) AS k;
-- some have no debts, some one lot, some are of one sign
UPDATE loose SET points = abs(points) WHERE id % 5 = 0;
UPDATE loose SET points = -abs(points) WHERE id % 10 = 1;
UPDATE loose SET priority = 0, available_at = '-infinity' WHERE id % 4 = 0;

-- The oracle: points by key.  It spells a purse as rows in burn order.
CREATE FUNCTION pg_temp.spell(priority int, available_at timestamptz, expires_at timestamptz, points numeric)
RETURNS text LANGUAGE sql IMMUTABLE
RETURN concat_ws(' ', priority, available_at, expires_at, points);
CREATE FUNCTION pg_temp.spell(purse) RETURNS text LANGUAGE sql IMMUTABLE
RETURN (SELECT coalesce(string_agg(pg_temp.spell(priority, available_at, expires_at, points), '; ' ORDER BY n), '')
	FROM lots($1) WITH ORDINALITY AS l (priority, available_at, expires_at, points, n));
CREATE TEMP TABLE truth AS
SELECT id, priority, available_at, expires_at, sum(points)::bigint AS points
FROM loose GROUP BY 1, 2, 3, 4 HAVING sum(points) <> 0;
CREATE INDEX ON truth (id);
ANALYZE truth;
CREATE TEMP VIEW spelling AS
SELECT id, coalesce((SELECT string_agg(pg_temp.spell(priority, available_at, expires_at, points), '; '
			ORDER BY priority, expires_at, available_at) FROM truth WHERE truth.id = i.id), '') AS spelling
FROM generate_series(1, 1500) AS i (id);

-- Three ways to make a purse: sum, text, and adding one lot after the other.
CREATE FUNCTION pg_temp.one_by_one(purse[]) RETURNS purse LANGUAGE plpgsql AS $$
DECLARE
	result purse := '{}';
	p purse;
BEGIN
	FOREACH p IN ARRAY $1 LOOP
		result := result + p;
	END LOOP;
	RETURN result;
END $$;
CREATE TEMP TABLE bag AS
SELECT i.id, coalesce(made, '{}') AS p, coalesce(written, '{}') AS written, coalesce(added, '{}') AS added,
	pg_temp.moment(random() * 6) + (floor(random() * 3) - 1) * interval '1 microsecond' AS at,
	floor(random() * 15)::bigint AS n
FROM generate_series(1, 1500) AS i (id) LEFT JOIN (
	SELECT id, sum(purse(points, available_at, expires_at, priority) ORDER BY k) AS made,
		('{' || string_agg(format('%s[%s,%s)#%s', points,
			CASE WHEN isfinite(available_at) THEN to_char(available_at, 'YYYY-MM-DD"T"HH24:MI"Z"')
				ELSE available_at::text END,
			CASE WHEN isfinite(expires_at) THEN to_char(expires_at, 'YYYY-MM-DD"T"HH24:MI"Z"')
				ELSE expires_at::text END,
			priority), ',' ORDER BY k DESC) || '}')::purse AS written,
		pg_temp.one_by_one(array_agg(purse(points, available_at, expires_at, priority) ORDER BY k % 3, k)) AS added
	FROM loose GROUP BY id) AS l USING (id);
SELECT count(*) AS purses, count(*) FILTER (WHERE pg_temp.spell(p) = spelling) AS sum,
	count(*) FILTER (WHERE pg_temp.spell(written) = spelling) AS text,
	count(*) FILTER (WHERE pg_temp.spell(added) = spelling) AS plus,
	count(*) FILTER (WHERE p = written AND p = added AND NOT p <> added) AS equal,
	count(*) FILTER (WHERE p::text::purse = p AND pg_temp.spell(p::text::purse) = spelling) AS round_trip
FROM bag JOIN spelling USING (id);
-- not a test of empty purses: thousands of lots, collisions and cancelled points
SELECT (SELECT count(*) FROM truth) > 6000 AS many,
	(SELECT count(*) FROM loose) > (SELECT count(*) FROM truth) + 1000 AS collisions,
	(SELECT count(*) FROM (SELECT FROM loose GROUP BY id, priority, available_at, expires_at
		HAVING sum(points) = 0 AND count(*) > 1) AS x) > 50 AS cancelled;

--
-- Operators against the oracle, and the laws of a commutative group
--
CREATE TEMP TABLE pair AS
SELECT a.id AS a, b.id AS b, c.id AS c, a.p AS pa, b.p AS pb, c.p AS pc, a.at, a.n
FROM bag AS a JOIN bag AS b ON b.id = 1 + (a.id * 7) % 1500 JOIN bag AS c ON c.id = 1 + (a.id * 11 + 5) % 1500;
CREATE FUNCTION pg_temp.oracle(a int, b int, factor int) RETURNS text LANGUAGE sql
RETURN (SELECT coalesce(string_agg(pg_temp.spell(priority, available_at, expires_at, s), '; '
		ORDER BY priority, expires_at, available_at), '')
	FROM (SELECT priority, available_at, expires_at, sum(points) AS s
		FROM (SELECT * FROM truth WHERE truth.id = oracle.a
			UNION ALL SELECT id, priority, available_at, expires_at, factor * points
			FROM truth WHERE truth.id = oracle.b) AS u
		GROUP BY 1, 2, 3 HAVING sum(points) <> 0) AS x);
SELECT count(*) AS pairs, count(*) FILTER (WHERE pg_temp.spell(pa + pb) = pg_temp.oracle(a, b, 1)) AS plus,
	count(*) FILTER (WHERE pg_temp.spell(pa - pb) = pg_temp.oracle(a, b, -1)) AS minus,
	count(*) FILTER (WHERE pg_temp.spell(-pa) = pg_temp.oracle(0, a, -1)) AS negate
FROM pair;
SELECT count(*) FILTER (WHERE (pa + pb) + pc = pa + (pb + pc)) AS associative,
	count(*) FILTER (WHERE pa + pb = pb + pa) AS commutative,
	count(*) FILTER (WHERE pa + '{}' = pa AND '{}' + pa = pa AND pa - '{}' = pa) AS zero,
	count(*) FILTER (WHERE pa - pa = '{}' AND pa + -pa = '{}' AND -(-pa) = pa) AS inverse,
	count(*) FILTER (WHERE pa - pb = pa + -pb AND -(pa - pb) = pb - pa) AS difference,
	count(*) FILTER (WHERE (pa + pb) - pb = pa) AS taken_back
FROM pair;
-- equal means the same rows, and then the same bytes and hashes
CREATE TEMP TABLE tiny AS
SELECT p, pg_temp.spell(p) AS spelling FROM bag WHERE id % 13 <= 2;
SELECT count(*) FILTER (WHERE a.p = b.p) > 2000 AND count(*) FILTER (WHERE a.p <> b.p) > 2000 AS both,
	count(*) FILTER (WHERE (a.p = b.p) <> (a.spelling = b.spelling) OR (a.p <> b.p) <> (a.spelling <> b.spelling)) AS wrong,
	count(*) FILTER (WHERE a.p = b.p AND (purse_send(a.p) <> purse_send(b.p) OR purse_hash(a.p) <> purse_hash(b.p)
		OR purse_hash_extended(a.p, 7) <> purse_hash_extended(b.p, 7))) AS hashed_apart
FROM tiny AS a, tiny AS b;

--
-- Questions at a time
--
CREATE TEMP TABLE question AS
SELECT bag.id, p, q.at FROM bag, (SELECT at + d * interval '1 microsecond' AS at FROM moment,
	unnest('{-1,0,1}'::int[]) AS d WHERE isfinite(at) OR d = 0) AS q;
SELECT count(*) AS questions,
	count(*) FILTER (WHERE total(p) = coalesce(t, 0) AND total(p, q.at) = coalesce(t, 0) - coalesce(e, 0)) AS total,
	count(*) FILTER (WHERE available(p, q.at) = coalesce(a, 0)) AS available,
	count(*) FILTER (WHERE pending(p, q.at) = coalesce(w, 0)) AS pending,
	count(*) FILTER (WHERE expired(p, q.at) = coalesce(e, 0)) AS expired
FROM question AS q, LATERAL (SELECT sum(points) AS t, sum(points) FILTER (WHERE expires_at <= q.at) AS e,
		sum(points) FILTER (WHERE expires_at > q.at AND available_at > q.at) AS w,
		sum(points) FILTER (WHERE expires_at > q.at AND available_at <= q.at) AS a
	FROM truth WHERE truth.id = q.id) AS x;

--
-- Spending.  The oracle walks the live lots that have points, by window sums.
--
CREATE FUNCTION pg_temp.spend(id int, points numeric, at timestamptz) RETURNS text LANGUAGE sql
RETURN (SELECT coalesce(string_agg(pg_temp.spell(priority, available_at, expires_at, -part), '; '
		ORDER BY priority, expires_at, available_at), '')
	FROM (SELECT priority, available_at, expires_at, least(truth.points, greatest(0, spend.points
			- (sum(truth.points) OVER (ORDER BY priority, expires_at, available_at) - truth.points))) AS part
		FROM truth WHERE truth.id = spend.id AND truth.points > 0
			AND available_at <= spend.at AND expires_at > spend.at) AS x
	WHERE part > 0);
CREATE FUNCTION pg_temp.try_take(purse, bigint, timestamptz) RETURNS purse LANGUAGE plpgsql AS $$
BEGIN
	RETURN take($1, $2, $3);
EXCEPTION WHEN SQLSTATE 'CM012' THEN
	RETURN NULL;
END $$;
CREATE TEMP TABLE spending AS
SELECT id, p, q.at, n, available(p, q.at) AS available, pg_temp.try_take(p, n, q.at) AS taken,
	take_up_to(p, n, q.at) AS up_to
FROM bag, LATERAL (SELECT bag.at UNION SELECT '2026-01-02' UNION SELECT '2026-01-01 12:00') AS q (at);
SELECT count(taken) > 800 AND count(*) FILTER (WHERE taken <> '{}') > 500
		AND count(*) FILTER (WHERE taken IS NULL) > 1000 AS both,
	count(*) FILTER (WHERE (taken IS NULL) <> (n > greatest(0, available))) AS refused,
	count(*) FILTER (WHERE taken IS NOT NULL
		AND pg_temp.spell(taken) <> pg_temp.spend(id, n, at)) AS wrong,
	count(*) FILTER (WHERE -total(taken) <> n OR available(p + taken, at) <> available - n
		OR pending(p + taken, at) <> pending(p, at) OR expired(p + taken, at) <> expired(p, at)) AS leak,
	count(*) FILTER (WHERE pg_temp.spell(up_to) <> pg_temp.spend(id, greatest(0, least(n, available)), at)) AS up_to
FROM spending;
-- twice in a row takes the same lots as once
SELECT count(*) > 500 AS enough,
	count(*) FILTER (WHERE take(p, n / 3, at) + take(p + take(p, n / 3, at), n - n / 3, at) <> taken) AS wrong
FROM spending WHERE taken <> '{}';

-- from one lot, whatever the time; no lot of that key gives nothing
SELECT count(*) > 3000 AS enough,
	count(*) FILTER (WHERE pg_temp.spell(take_lot(p, n, x.available_at, x.expires_at, x.priority)) <>
		CASE WHEN least(n, x.points) > 0
			THEN pg_temp.spell(x.priority, x.available_at, x.expires_at, -least(n, x.points)) ELSE '' END) AS wrong,
	count(*) FILTER (WHERE take_lot(p, n, x.available_at, x.expires_at, x.priority + 9) <> '{}') AS unknown
FROM bag JOIN truth AS x USING (id);

-- parts of what was taken, and of what is owed: they add up to the whole
SELECT count(*) > 400 AS enough,
	count(*) FILTER (WHERE part(t, 0, k) + part(t, k, 9223372036854775807) <> t) AS two,
	count(*) FILTER (WHERE part(t, 0, k) + part(t, k, 2) + part(t, k + 2, n) <> part(t, 0, k + 2 + n)) AS three,
	count(*) FILTER (WHERE abs(total(part(t, k, n))) <> least(n, greatest(0, abs(total(t)) - k))) AS size,
	count(*) FILTER (WHERE part(-t, k, n) <> -part(t, k, n)) AS sign
FROM (SELECT p AS t, n, (n * 5) % 11 AS k FROM bag WHERE id % 5 = 0 OR id % 10 = 1) AS x;
SELECT count(*) > 200 AS enough, count(*) FILTER (WHERE pg_temp.spell(part(p, k, n)) <> (
		SELECT coalesce(string_agg(pg_temp.spell(priority, available_at, expires_at, (sign(x.points) * part)::bigint), '; '
			ORDER BY priority, expires_at, available_at), '')
		FROM (SELECT *, least(before + abs(points), k + n) - greatest(before, k) AS part
			FROM (SELECT *, sum(abs(points)) OVER (ORDER BY priority, expires_at, available_at) - abs(points) AS before
				FROM truth WHERE truth.id = y.id) AS w) AS x
		WHERE part > 0)) AS wrong
FROM (SELECT *, (n * 5) % 11 AS k FROM bag WHERE id % 5 = 0 OR id % 10 = 1) AS y;

--
-- Settling: linear, and unseen by every question from then on
--
CREATE FUNCTION pg_temp.settled(id int, at timestamptz) RETURNS text LANGUAGE sql
RETURN (SELECT coalesce(string_agg(pg_temp.spell(r, a, e, s), '; ' ORDER BY r, e, a), '')
	FROM (SELECT r, a, e, sum(points) AS s
		FROM truth, LATERAL (SELECT CASE WHEN expires_at <= settled.at THEN 0 ELSE priority END AS r,
				CASE WHEN expires_at <= settled.at THEN '-infinity' ELSE expires_at END AS e,
				CASE WHEN least(available_at, expires_at) <= settled.at THEN '-infinity' ELSE available_at END AS a) AS m
		WHERE truth.id = settled.id GROUP BY 1, 2, 3 HAVING sum(points) <> 0) AS x);
SELECT count(*) AS purses, count(*) FILTER (WHERE settle(pa, at) <> pa) > 500 AS changes,
	count(*) FILTER (WHERE pg_temp.spell(settle(pa, at)) <> pg_temp.settled(a, at)) AS wrong,
	count(*) FILTER (WHERE settle(pa + pb, at) <> settle(settle(pa, at) + pb, at)) AS early,
	count(*) FILTER (WHERE settle(pa + pb, at) <> settle(pa, at) + settle(pb, at)
		OR settle(-pa, at) <> -settle(pa, at)) AS linear,
	count(*) FILTER (WHERE settle(settle(pa, at), at) <> settle(pa, at)) AS again
FROM pair;
SELECT count(*) > 10000 AS enough, count(*) FILTER (WHERE total(s, l.at) <> total(p, l.at)
	OR available(s, l.at) <> available(p, l.at) OR pending(s, l.at) <> pending(p, l.at) OR expired(s, l.at) <> expired(p, l.at)
	OR settle(s, l.at) <> settle(p, l.at)) AS seen
FROM (SELECT p, q.at, settle(p, q.at) AS s FROM question AS q WHERE id % 3 = 0) AS x JOIN moment AS l ON l.at >= x.at;
-- without debts, what is spent is settled the same as well
SELECT count(*) > 200 AS enough, count(*) FILTER (WHERE take_up_to(settle(p, at), n, l)
	<> settle(take_up_to(p, n, l), at)) AS differs
FROM (SELECT p, bag.at, bag.n, m.at AS l FROM bag JOIN moment AS m ON m.at >= bag.at WHERE id % 5 = 0) AS x;

--
-- sum(): any order, any grouping, any plan
--
CREATE TABLE purse_entry AS
SELECT i, i % 50 AS g, floor(random() * 9)::bigint - 4 AS points, floor(random() * 2)::int AS priority,
	'2026-01-01+00'::timestamptz + floor(random() * 400) * interval '1 day' AS expires_at,
	'2025-01-01+00'::timestamptz + floor(random() * 2) * interval '1 day' AS available_at
FROM generate_series(1, 40000) AS i;
ALTER TABLE purse_entry ADD COLUMN p purse;
UPDATE purse_entry SET p = purse(points, available_at, expires_at, priority);
CREATE INDEX ON purse_entry (i);
VACUUM ANALYZE purse_entry;
CREATE TEMP TABLE expected AS
SELECT g, string_agg(pg_temp.spell(priority, available_at, expires_at, s), '; '
	ORDER BY priority, expires_at, available_at) AS spelling, count(*) AS lots
FROM (SELECT g, priority, available_at, expires_at, sum(points) AS s FROM purse_entry GROUP BY 1, 2, 3, 4
	HAVING sum(points) <> 0) AS x GROUP BY g;
SELECT min(lots) > 366 AS large FROM expected;
SELECT count(*) AS groups, count(*) FILTER (WHERE pg_temp.spell(s) = spelling) AS sum,
	count(*) FILTER (WHERE s = by_key) AS by_key, count(*) FILTER (WHERE s = backwards) AS backwards,
	count(*) FILTER (WHERE s = merged) AS merged, count(*) FILTER (WHERE s - first_half = second_half) AS halves
FROM expected JOIN (SELECT g, sum(p) AS s, sum(p ORDER BY expires_at, i) AS by_key, sum(p ORDER BY i DESC) AS backwards,
		sum(p) FILTER (WHERE i <= 20000) AS first_half, sum(p) FILTER (WHERE i > 20000) AS second_half
	FROM purse_entry GROUP BY g) AS x USING (g)
	JOIN (SELECT g, sum(part) AS merged FROM (SELECT g, sum(p) AS part FROM purse_entry GROUP BY g, i / 50 % 11) AS y
		GROUP BY g) AS z USING (g);
-- everything taken back, in another order
SELECT sum(p) AS nothing FROM (SELECT p FROM purse_entry UNION ALL SELECT -p FROM purse_entry) AS x;
-- more keys than a sum looks up, some of them many times
SELECT count(*) AS keys, count(*) FILTER (WHERE
	l.points = 1 + (l.expires_at < 'epoch'::timestamptz + interval '100 minutes')::int) AS right
FROM (SELECT sum(purse(1, expires_at => 'epoch'::timestamptz + interval '1 minute' * m)) AS s
	FROM (SELECT i * 7919 % 30011 AS m FROM generate_series(0, 30010) AS i
		UNION ALL SELECT i FROM generate_series(0, 99) AS i) AS x) AS y, lots(s) AS l;
-- a few keys between many others
SELECT (SELECT count(*) FROM lots(s)) AS lots, total(s) AS total
FROM (SELECT sum(purse(1, expires_at => 'epoch'::timestamptz + interval '1 minute'
		* CASE WHEN i % 2 = 0 THEN i * 7919 % 12007 ELSE i % 10 END)) AS s
	FROM generate_series(1, 200000) AS i) AS x;

-- plans: hash, sort, spilled, in parallel
CREATE FUNCTION pg_temp.sums(OUT groups bigint, OUT equal bigint) LANGUAGE sql AS $$
	SELECT count(*), count(*) FILTER (WHERE pg_temp.spell(s) = spelling)
	FROM expected JOIN (SELECT g, sum(p) AS s FROM purse_entry GROUP BY g) AS x USING (g)
$$;
SET enable_hashagg = off;
SELECT * FROM pg_temp.sums();
RESET enable_hashagg; SET enable_sort = off;
SELECT * FROM pg_temp.sums();
SET work_mem = '64kB';
SELECT * FROM pg_temp.sums();
SELECT count(*) AS groups, count(*) FILTER (WHERE s = p) AS right
FROM (SELECT i, sum(p) AS s FROM purse_entry GROUP BY i) AS x JOIN purse_entry USING (i);
RESET work_mem; RESET enable_sort;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2; SET parallel_leader_participation = off;
CREATE FUNCTION pg_temp.is_parallel(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	line text;
	partial boolean := false;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		partial := partial OR line ~ 'Partial (Hash|Group)?Aggregate';
	END LOOP;
	RETURN partial;
END $$;
SELECT pg_temp.is_parallel('SELECT sum(p) FROM purse_entry') AS one_group,
	pg_temp.is_parallel('SELECT g, sum(p) FROM purse_entry GROUP BY g') AS groups;
SELECT count(*) AS groups, count(*) FILTER (WHERE s = (SELECT sum(p) FROM purse_entry AS e WHERE e.g = x.g)) AS equal
FROM (SELECT g, sum(p) AS s FROM purse_entry GROUP BY g) AS x;
SELECT sum(p) = (SELECT sum(s) FROM (SELECT sum(p) AS s FROM purse_entry GROUP BY g OFFSET 0) AS x) AS equal
FROM purse_entry;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather; RESET parallel_leader_participation;

-- windows: growing past the size where the state changes its form, sliding, empty
SELECT count(*) AS rows, count(*) FILTER (WHERE pg_temp.spell(growing) = (SELECT coalesce(string_agg(
		pg_temp.spell(priority, available_at, expires_at, s), '; ' ORDER BY priority, expires_at, available_at), '')
		FROM (SELECT priority, available_at, expires_at, sum(points) AS s FROM purse_entry AS e WHERE e.i <= w.i
			GROUP BY 1, 2, 3 HAVING sum(points) <> 0) AS x)) AS growing,
	count(*) FILTER (WHERE sliding = (SELECT sum(p) FROM purse_entry AS e WHERE e.i BETWEEN w.i - 90
	AND w.i + 1)) AS sliding,
	count(*) FILTER (WHERE later IS NOT DISTINCT FROM (SELECT sum(p) FROM purse_entry AS e
		WHERE e.i BETWEEN w.i + 2 AND w.i + 3 AND e.i <= 300)) AS later
FROM (SELECT i, sum(p) OVER (ORDER BY i) AS growing,
		sum(p) OVER (ORDER BY i ROWS BETWEEN 90 PRECEDING AND 1 FOLLOWING) AS sliding,
		sum(p) OVER (ORDER BY i ROWS BETWEEN 2 FOLLOWING AND 3 FOLLOWING) AS later
	FROM purse_entry WHERE i <= 300) AS w
WHERE i < 299;
DROP TABLE purse_entry;

--
-- A purse with a lot for every day of the year
--
CREATE TEMP TABLE year AS
SELECT sum(purse(1 + d % 7, expires_at => '2026-01-01+00'::timestamptz + d * interval '1 day')) AS p
FROM generate_series(0, 365) AS d;
SELECT (SELECT count(*) FROM lots(p)) AS lots, total(p), available(p, '2026-07-01+00'), expired(p, '2026-07-01+00'),
	total(take(p, 500, '2026-07-01+00')) AS taken, p - p = '{}' AS zero, p::text::purse = p AS round_trip,
	(SELECT count(*) FROM lots(settle(p, '2026-07-01+00'))) AS settled
FROM year;
