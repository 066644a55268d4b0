-- The extension, a program, the attachment, and what was there before it.

\echo '2. Attached'
\echo '───────────'
\echo 'An order counts 1, and 1 more for every 50.00 of it.  What it counted halves every'
\echo '90 days.  From now on each order is recorded in the transaction that writes it.'
\echo
\echo '  CREATE EXTENSION community;'
\echo '  SELECT community.create_program(''shop'');'
\echo '  INSERT INTO community.activity_type (program_id, type, weight, weight_per_unit)'
\echo '      VALUES (community.current_program(), ''order'', 1, 0.0002);'
\echo '  SELECT community.attach(''shop.orders'', type => ''order'', member => ''customer_id'','
\echo '      amount => ''total'', occurred_at => ''ordered_at'','
\echo '      condition => $$status IN (''paid'', ''shipped'')$$);'
\echo '  CALL community.backfill(''shop.orders'', ''order'', batch_size => 1000);'
\echo '  ANALYZE community.event, community.member, community.engagement;'
\echo

CREATE EXTENSION community;
SELECT community.create_program('shop') AS program \gset
INSERT INTO community.activity_type (program_id, type, weight, weight_per_unit)
VALUES (community.current_program(), 'order', 1, 0.0002);
SELECT community.attach('shop.orders', type => 'order', member => 'customer_id',
	amount => 'total', occurred_at => 'ordered_at',
	condition => $$status IN ('paid', 'shipped')$$) AS attachment \gset
CALL community.backfill('shop.orders', 'order', batch_size => 1000);
ANALYZE community.event, community.member, community.engagement;

\echo
SELECT j.name AS job, j.status, to_char(j.done, '999,999') AS rows,
	to_char(extract(epoch FROM j.finished_at - j.started_at), '990.00') AS seconds,
	to_char(j.rows_per_second, '999,999') AS "rows/s",
	to_char((SELECT count(*) FROM community.event), '999,999') AS events,
	to_char((SELECT count(*) FROM community.member), '999,999') AS members,
	to_char((SELECT sum(amount) / 100.0 FROM community.event), '999,999,990.00') AS revenue
FROM community.job AS j;
