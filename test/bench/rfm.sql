-- Purchases of a tenth as many members, few of whom buy often: the n-th of m
-- members has about 1 / n of what the first has.

CREATE FUNCTION make_purchases(purchases bigint)
RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	PERFORM setseed(0.5);
	DROP TABLE IF EXISTS purchase;
	CREATE TABLE purchase AS
	SELECT ceil(power(greatest(purchases / 10, 1)::float8, random()))::bigint AS member,
		now() - interval '730 days' * random() * random() AS at, ceil(-ln(1 - random()) * 4000)::bigint AS cents
	FROM generate_series(1, purchases);
	RETURN (SELECT count(DISTINCT member) FROM purchase);
END $$;

-- What most write.  Members with equal values come into one class or the next
-- as the rows happen to lie.
CREATE FUNCTION rfm_by_hand()
RETURNS TABLE (member bigint, r integer, f integer, m integer) LANGUAGE sql STABLE AS $$
	SELECT s.member, ntile(5) OVER (ORDER BY s.last_at), ntile(5) OVER (ORDER BY s.purchases),
		ntile(5) OVER (ORDER BY s.cents)
	FROM (SELECT p.member, max(p.at) AS last_at, count(*) AS purchases, sum(p.cents) AS cents
		FROM purchase AS p GROUP BY p.member) AS s
$$;

-- The same with cuts between unequal values, which ours must agree with.
CREATE FUNCTION rfm_with_cuts()
RETURNS TABLE (member bigint, r integer, f integer, m integer) LANGUAGE sql STABLE AS $$
	WITH s AS MATERIALIZED (SELECT p.member, max(p.at) AS last_at, count(*) AS purchases, sum(p.cents) AS cents
		FROM purchase AS p GROUP BY p.member),
	c AS MATERIALIZED (SELECT percentile_disc('{0.2,0.4,0.6,0.8}'::float8[]) WITHIN GROUP (ORDER BY last_at) AS r,
		percentile_disc('{0.2,0.4,0.6,0.8}'::float8[]) WITHIN GROUP (ORDER BY purchases) AS f,
		percentile_disc('{0.2,0.4,0.6,0.8}'::float8[]) WITHIN GROUP (ORDER BY cents) AS m FROM s)
	SELECT s.member, 1 + (SELECT count(*) FROM unnest(c.r) AS u (cut) WHERE u.cut < s.last_at)::integer,
		1 + (SELECT count(*) FROM unnest(c.f) AS u (cut) WHERE u.cut < s.purchases)::integer,
		1 + (SELECT count(*) FROM unnest(c.m) AS u (cut) WHERE u.cut < s.cents)::integer
	FROM s, c
$$;
