-- One member, live: an order, a correction, a refund, and replays.

\echo '6. Live'
\echo '───────'

-- the member of rank 25, and each line of theirs that we come to see
SELECT member, external_id AS customer, left(external_id, 8) AS short
FROM community.super_user ORDER BY abs(rank - 25), member LIMIT 1 \gset
SELECT md5('an order of today') AS order \gset
CREATE TEMPORARY TABLE seen (step int GENERATED ALWAYS AS IDENTITY, what text,
	rank bigint, engagement float8, orders bigint, revenue numeric, rfm int, last_at timestamptz);
PREPARE look (text) AS
	INSERT INTO seen (what, rank, engagement, orders, revenue, rfm, last_at)
	SELECT $1, rank, engagement, frequency, revenue / 100, rfm, last_at
	FROM community.super_user WHERE external_id = :'customer';
PREPARE show AS
	SELECT what AS :"short", rank, to_char(engagement, '990.00') AS engagement,
		to_char(orders, '9990') AS orders, to_char(revenue, '999,990.00') AS revenue,
		rfm, last_at::date AS "last order"
	FROM seen ORDER BY step;

EXECUTE look('before');

\echo 'A customer orders.  One statement of the shop, nothing else:'
\echo
\echo '  INSERT INTO shop.orders VALUES (..., 149.90, now(), ''paid'');'
INSERT INTO shop.orders VALUES (:'order', :'customer', 149.90, now(), 'paid');
EXECUTE look('after the order');
\echo
EXECUTE show;

\echo
\echo 'One piece was sold out, and in the end the order is refunded:'
\echo
\echo '  UPDATE shop.orders SET total = 99.90 WHERE order_id = ...;'
UPDATE shop.orders SET total = 99.90 WHERE order_id = :'order';
EXECUTE look('after the correction');
\echo '  UPDATE shop.orders SET status = ''refunded'' WHERE order_id = ...;'
UPDATE shop.orders SET status = 'refunded' WHERE order_id = :'order';
EXECUTE look('after the refund');
\echo
EXECUTE show;

\echo
\echo 'Nothing was overwritten.  The events of this order:'
\echo
SELECT revision, kind, to_char(amount / 100.0, '9,990.00') AS amount,
	to_char(engagement, '990.00') AS engagement, reason
FROM community.event WHERE key = (:'order'::uuid)::text ORDER BY revision;

\echo
\echo '7. Replays change nothing'
\echo '─────────────────────────'
\echo 'A review comes by function call, twice because the network was slow.  Then it is'
\echo 'taken back, twice as well.  Then somebody uses its key for something else:'
\echo
\echo '  SELECT * FROM community.record(member => ..., type => ''review'', key => ''review 9001'');'
\echo '  SELECT * FROM community.reverse(key => ''review 9001'', reason => ''spam'');'
\echo
CREATE TEMPORARY TABLE call (step int GENERATED ALWAYS AS IDENTITY, what text, event_id bigint, replay boolean);
INSERT INTO call (what, event_id, replay) SELECT 'record', r.event_id, r.replay
FROM community.record(member => :member, type => 'review', key => 'review 9001') AS r;
INSERT INTO call (what, event_id, replay) SELECT 'record, again', r.event_id, r.replay
FROM community.record(member => :member, type => 'review', key => 'review 9001') AS r;
INSERT INTO call (what, event_id, replay) SELECT 'reverse', r.event_id, r.replay
FROM community.reverse(key => 'review 9001', reason => 'spam') AS r;
INSERT INTO call (what, event_id, replay) SELECT 'reverse, again', r.event_id, r.replay
FROM community.reverse(key => 'review 9001', reason => 'spam') AS r;
SELECT what AS call, event_id AS "event id",
	CASE WHEN replay THEN 'replay' ELSE 'new' END AS receipt
FROM call ORDER BY step;
\set ON_ERROR_STOP off
\set VERBOSITY terse
SELECT community.record(member => :member, type => 'order', key => 'review 9001');
\echo 'SQLSTATE' :SQLSTATE
\set ON_ERROR_STOP on
\set VERBOSITY default

\echo
\echo 'And the whole backfill again:'
\echo
CREATE TEMPORARY VIEW total AS
	SELECT count(*) AS events, sum(amount) / 100.0 AS revenue,
		(SELECT md5(string_agg(score::text, ',' ORDER BY member_id))
		 FROM community.engagement) AS engagement
	FROM community.event;
CREATE TEMPORARY TABLE sums AS SELECT 'before' AS backfill, * FROM total;
CALL community.backfill('shop.orders', 'order', batch_size => 2500);
INSERT INTO sums SELECT 'after', * FROM total;
\echo
SELECT backfill, to_char(events, '999,999') AS events,
	to_char(revenue, '999,999,990.00') AS revenue,
	left(engagement, 16) AS "digest of all scores"
FROM sums ORDER BY backfill DESC;
