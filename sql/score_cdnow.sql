-- If this fails, the scores of a real shop full of ties are not those
-- that others have published.  The data is not part of this repository: without
-- the environment variable COMMUNITY_SHARED the test says so and ends.
\getenv shared COMMUNITY_SHARED
\set present `test -r "$COMMUNITY_SHARED/cdnow/CDNOW_sample.txt" && echo true || echo false`
\if :present
\else
\echo skipped: no CDNOW data in COMMUNITY_SHARED
\quit
\endif
SET search_path = public, community;
SET client_min_messages = warning;
SET TimeZone = 'UTC';

CREATE TEMP TABLE line (text text);
\set copy '\\copy line FROM ''' :shared '/cdnow/CDNOW_sample.txt'''
:copy
-- customer, day, cents
CREATE TEMP TABLE cdnow AS
SELECT f[2]::bigint AS member, f[3]::date AS day, (f[5]::numeric * 100)::bigint AS cents
FROM line, LATERAL (SELECT regexp_split_to_array(btrim(text), ' +') AS f) AS x;
-- purchases of one day are one purchase
CREATE TEMP TABLE visit AS
SELECT member, day::timestamptz AS at, sum(cents)::bigint AS cents FROM cdnow GROUP BY member, day;
SELECT (SELECT count(*) FROM cdnow) AS rows, count(*) AS customer_days, count(DISTINCT member) AS customers FROM visit;

-- calibration to 1997-09-30: x repeats, and the weeks that follow
CREATE TEMP TABLE calibration AS
SELECT member, (r).first_at, (r).last_at, (r).frequency - 1 AS x, (r).monetary
FROM (SELECT member, rfm(at, cents) AS r FROM visit WHERE at <= '1997-09-30' GROUP BY member) AS s;
SELECT count(*) AS customers, sum(x) AS repeats, count(*) FILTER (WHERE x = 0) AS without,
	(SELECT count(*) FROM visit WHERE at > '1997-09-30') AS holdout
FROM calibration;
SELECT count(*) AS buyers, round(avg(m), 2) AS mean, round(stddev(m), 2) AS sd, round(min(m), 2) AS min,
	round((percentile_cont(0.5) WITHIN GROUP (ORDER BY m))::numeric, 2) AS median, round(max(m), 2) AS max
FROM (SELECT (c.monetary - v.cents) / c.x / 100 AS m FROM calibration AS c
	JOIN visit AS v ON v.member = c.member AND v.at = c.first_at WHERE c.x > 0) AS s;

-- quintiles of the repeats: 1411 equal customers are in one class, and the
-- second class is empty
SELECT score, count(s.member) AS customers, min(x) AS from_x, max(x) AS to_x
FROM generate_series(1, 5) AS score
	LEFT JOIN rfm_scores('SELECT member, last_at, x + 1, monetary FROM calibration', '1997-10-01') AS s
		ON s.frequency_score = score
	LEFT JOIN calibration USING (member)
GROUP BY score ORDER BY score;
-- the same whatever the order of the rows; ntile moves about a
-- thousand customers, depending on the sort
SELECT count(*) AS moved
FROM rfm_scores('SELECT member, last_at, x + 1, monetary FROM calibration ORDER BY member', '1997-10-01') AS a
JOIN rfm_scores('SELECT member, last_at, x + 1, monetary FROM calibration ORDER BY member DESC', '1997-10-01') AS b
	USING (member) WHERE a.cell <> b.cell;
SELECT count(*) > 500 AS ntile_moves_many
FROM (SELECT member, ntile(5) OVER (ORDER BY x) AS n FROM (SELECT * FROM calibration ORDER BY member) AS t) AS a
JOIN (SELECT member, ntile(5) OVER (ORDER BY x) AS n FROM (SELECT * FROM calibration ORDER BY member DESC) AS t) AS b
	USING (member) WHERE a.n <> b.n;
-- monetary shares of all customers
SELECT round(gini(monetary::float8)::numeric, 6) AS gini, round(top_share(monetary::float8, 0.2)::numeric, 6) AS top_fifth
FROM (SELECT member, sum(cents) AS monetary FROM visit GROUP BY member) AS s;
