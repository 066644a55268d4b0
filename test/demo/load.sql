-- An ordinary shop: a schema, a table with uuid keys, and its orders.

\echo 'A shop finds its super-users'
\echo '════════════════════════════'
\echo
\echo '1. The shop'
\echo '───────────'

SELECT :'source' = 'cdnow' AS is_cdnow \gset

CREATE SCHEMA shop;
CREATE TABLE shop.orders (
	order_id uuid PRIMARY KEY,
	customer_id uuid NOT NULL,
	total numeric(10,2) NOT NULL,
	ordered_at timestamptz NOT NULL,
	status text NOT NULL
);
CREATE INDEX ON shop.orders (customer_id);

SELECT clock_timestamp() AS began \gset
\if :is_cdnow
	\echo 'A tenth of the customers of CDNOW, a shop for music, 1997 to 1998 (Fader and Hardie).'
	\echo 'All dates are moved by the same number of days, so that the last one is yesterday;'
	\echo 'the data know days only, so every order is placed at noon.'

	CREATE TEMPORARY TABLE line (number bigint GENERATED ALWAYS AS IDENTITY, text text);
	\copy line (text) FROM pstdin
	INSERT INTO shop.orders
	SELECT md5('order ' || p.number)::uuid, md5('customer ' || p.field[1])::uuid,
		p.field[5]::numeric,
		(p.field[3]::date + (current_date - 1 - max(p.field[3]::date) OVER ())) + time '12:00',
		'shipped'
	FROM (SELECT number, regexp_split_to_array(btrim(text), ' +') AS field FROM line) AS p;
\else
	\echo 'A shop made up from a seed, in the shape of CDNOW: most customers buy once, a few'
	\echo 'again and again.  The data of CDNOW are read instead where they are present.'

	-- three random numbers from 0 to 1 for any text, the same everywhere
	CREATE FUNCTION pg_temp.dice(text) RETURNS float8[]
	LANGUAGE sql IMMUTABLE AS $$
		SELECT array_agg((('x' || substr(md5('1997 ' || $1), 8 * i + 1, 8))::bit(32)::bigint + 0.5)
			/ 4294967296.0 ORDER BY i)
		FROM generate_series(0, 2) AS i
	$$;

	-- day 0 to 89 of the first order, number of further ones with a long tail,
	-- size of the customer's purse, and how long the interest lasts
	CREATE TEMPORARY TABLE customer AS
	SELECT number, floor(90 * d[1])::int AS first_day,
		least(59, floor(2.0 * (d[2] ^ -0.55 - 1)))::int AS repeats,
		3.3 + 0.5 * sqrt(-2 * ln(d[3])) * cos(2 * pi() * e[1]) AS purse,
		e[2] ^ 0.3 AS lasts
	FROM generate_series(1, 2357) AS number,
		pg_temp.dice('customer ' || number) AS d,
		pg_temp.dice('life ' || number) AS e;

	INSERT INTO shop.orders
	SELECT md5(format('order %s of %s', i, c.number))::uuid, md5('customer ' || c.number)::uuid,
		round(greatest(4.99, exp(c.purse + 0.4 * sqrt(-2 * ln(d[1])) * cos(2 * pi() * d[2])))::numeric, 2),
		(current_date - 545 + c.first_day
			+ CASE i WHEN 0 THEN 0 ELSE floor((544 - c.first_day) * c.lasts * d[3])::int END)
			+ time '12:00',
		'shipped'
	FROM customer AS c, generate_series(0, c.repeats) AS i,
		pg_temp.dice(format('order %s of %s', i, c.number)) AS d;
\endif
SELECT extract(epoch FROM clock_timestamp() - :'began'::timestamptz) AS seconds \gset
ANALYZE shop.orders;

\echo
SELECT to_char(count(*), '999,999') AS orders,
	to_char(count(DISTINCT customer_id), '999,999') AS customers,
	to_char(sum(total), '999,999,990.00') AS revenue,
	min(ordered_at)::date AS "first order", max(ordered_at)::date AS "last order",
	to_char(:seconds, '990.00') AS seconds,
	to_char(count(*) / :seconds, '999,999') AS "rows/s"
FROM shop.orders;
