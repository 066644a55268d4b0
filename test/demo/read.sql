-- Who carries the shop.

\echo '3. Concentration'
\echo '────────────────'

CREATE TEMPORARY TABLE u AS SELECT * FROM community.super_user;

SELECT to_char(100 * community.top_share(revenue, 0.01), '990.0') || ' %' AS "top 1 %",
	to_char(100 * community.top_share(revenue, 0.05), '990.0') || ' %' AS "top 5 %",
	to_char(100 * community.top_share(revenue, 0.10), '990.0') || ' %' AS "top 10 %",
	to_char(100 * community.top_share(revenue, 0.50), '990.0') || ' %' AS "top half",
	to_char(community.gini(revenue), '0.000') AS "Gini"
FROM u;

\echo
\echo 'Share of revenue, members in tenths from the smallest to the largest:'
\echo
\pset tuples_only on
\pset format unaligned
SELECT format('  %s %s %s', lpad(i || '.', 3),
	rpad(repeat('█', round(100 * (l[i + 1] - l[i]))::int), 55),
	to_char(100 * (l[i + 1] - l[i]), '990.0') || ' %')
FROM (SELECT community.lorenz(revenue, 10) AS l FROM u) AS c, generate_series(1, 10) AS i
ORDER BY i;
\pset format aligned
\pset tuples_only off

\echo
\echo '4. Recency and frequency'
\echo '────────────────────────'
\echo 'Members, and their share of revenue.  Fifths, 5 is the best: R5 bought last, F5'
\echo 'most often.  Equal members are never parted, so a class may be empty.'
\echo

WITH cell AS (
	SELECT rfm / 100 AS r, rfm / 10 % 10 AS f,
		lpad(count(*)::text, 4) || to_char(100 * sum(revenue_share), '990.0') || ' %' AS text
	FROM u WHERE rfm IS NOT NULL GROUP BY 1, 2
)
SELECT 'R' || r AS " ",
	max(c.text) FILTER (WHERE f = 1) AS "F1", max(c.text) FILTER (WHERE f = 2) AS "F2",
	max(c.text) FILTER (WHERE f = 3) AS "F3", max(c.text) FILTER (WHERE f = 4) AS "F4",
	max(c.text) FILTER (WHERE f = 5) AS "F5"
FROM generate_series(1, 5) AS r LEFT JOIN cell AS c USING (r)
GROUP BY r ORDER BY r DESC;

\echo
\echo '5. The ten super-users, and why'
\echo '───────────────────────────────'
\echo 'By engagement, with the orders and the last 90 days of them that make it.'
\echo
SELECT u.rank, left(u.external_id, 8) AS member,
	to_char(u.engagement, '990.00') AS engagement,
	to_char(u.frequency, '9990') AS orders,
	to_char(r.recent, '990') AS "90 days",
	u.last_at::date AS "last order",
	to_char(u.revenue / 100, '999,990.00') AS revenue,
	to_char(100 * u.revenue_share, '0.00') || ' %' AS share,
	CASE
		WHEN u.rfm / 100 >= 4 AND u.rfm / 10 % 10 >= 4 THEN 'champion'
		WHEN u.rfm / 10 % 10 >= 4 AND u.rfm / 100 = 3 THEN 'loyal'
		WHEN u.rfm / 10 % 10 >= 4 THEN 'at risk'
		WHEN u.rfm / 100 >= 4 THEN 'promising'
		ELSE 'asleep'
	END || ' ' || u.rfm AS "in words"
FROM u, LATERAL (SELECT count(*) AS recent FROM community.event AS e
	WHERE e.program_id = community.current_program() AND e.member_id = u.member
		AND e.occurred_at > now() - interval '90 days') AS r
ORDER BY u.rank, u.member LIMIT 10;

SELECT 'The ten hold ' || to_char(100 * sum(revenue_share), 'FM990.0') || ' % of the revenue; '
	|| 'they are ' || to_char(1000.0 / (SELECT count(*) FROM u), 'FM990.0') || ' % of the members.' AS text
FROM (SELECT revenue_share FROM u ORDER BY rank LIMIT 10) AS t \gset
\echo :text
