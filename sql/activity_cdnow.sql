-- If this failed, a real shop's orders, with several a day of one customer,
-- would not come through attach and backfill whole, or not the same twice.
-- The data is not part of this repository: without the environment variable
-- COMMUNITY_SHARED the test says so and ends.
\getenv shared COMMUNITY_SHARED
\set present `test -r "$COMMUNITY_SHARED/cdnow/CDNOW_sample.txt" && echo true || echo false`
\if :present
\else
\echo skipped: no CDNOW data in COMMUNITY_SHARED
\quit
\endif
SET client_min_messages = warning;
SET TimeZone = 'UTC';
CREATE TEMP TABLE line (n serial, text text);
\set copy '\\copy line (text) FROM ''' :shared '/cdnow/CDNOW_sample.txt'''
:copy
CREATE TABLE purchase (purchase_id uuid PRIMARY KEY, customer_id uuid NOT NULL, day date NOT NULL, total numeric(10,2) NOT NULL);
INSERT INTO purchase
SELECT md5('purchase ' || n)::uuid, md5('customer ' || f[2])::uuid, f[3]::date, f[5]::numeric
FROM line, LATERAL (SELECT regexp_split_to_array(btrim(text), ' +') AS f) AS x;
SELECT community.create_program('cdnow') > 0 AS created;
SET community.program = 'cdnow';
SELECT community.attach('purchase', 'order', 'customer_id', 'total', 'day') > 0 AS attached;
CREATE VIEW recorded AS
SELECT count(*) AS events, count(DISTINCT (member_id, occurred_at)) AS customer_days,
	count(DISTINCT member_id) AS customers, sum(amount) AS revenue
FROM community.event WHERE program_id = community.current_program();
CALL community.backfill('purchase', 'order', 1000);
TABLE recorded;
SELECT md5(string_agg(member_id || score::text, ',' ORDER BY member_id)) AS scores FROM community.engagement
WHERE program_id = community.current_program() \gset
CALL community.backfill('purchase', 'order');
TABLE recorded;
SELECT md5(string_agg(member_id || score::text, ',' ORDER BY member_id)) = :'scores' AS same_scores FROM community.engagement
WHERE program_id = community.current_program();
SELECT sum(total) * 100 AS revenue_of_rows FROM purchase;
-- detached and attached again it goes on where it was
SELECT community.detach('purchase', 'order');
SELECT community.attach('purchase', 'order', 'customer_id', 'total', 'day') > 0 AS attached;
CALL community.backfill('purchase', 'order');
TABLE recorded;
SELECT count(*) AS members, count(rfm) AS with_rfm, round(sum(revenue_share), 6) AS share,
	round(sum(revenue_share) FILTER (WHERE rank <= 23), 3) AS share_of_top_1_percent
FROM community.super_users('1998-07-01');
SELECT round((SELECT community.top_share(revenue::float8, 0.10) FROM community.super_users('1998-07-01'))::numeric, 4) AS top_10_percent,
	round((SELECT community.gini(revenue::float8) FROM community.super_users('1998-07-01'))::numeric, 4) AS gini;
DROP VIEW recorded;
DROP TABLE purchase;
