-- If this fails, graphs that are empty, tiny or odd have no defined answer, a bad
-- query or argument is not refused, or measures cannot be cancelled or take more
-- memory than allowed.
SET search_path = public, community;
SET client_min_messages = warning;
SELECT count(create_program('score_graph_errors'));

-- No edges, no nodes; then one node, alone or with itself
SELECT (SELECT count(*) FROM pagerank(q)) AS rank, (SELECT count(*) FROM degrees(q)) AS degrees, (SELECT count(*) FROM core_numbers(q)) AS core,
	(SELECT count(*) FROM betweenness_sample(q)) AS between, (SELECT count(*) FROM constraint_scores(q)) AS constraint,
	density(q), density(q, false), reciprocity(q), graph_figures(q)
FROM (VALUES ('SELECT 1, 2 WHERE false')) AS v (q);
SELECT q, (SELECT score FROM pagerank(q)) AS rank, (SELECT score FROM pagerank(q, seeds => '{7}', dangling => 'uniform')) AS seeded, (SELECT core FROM core_numbers(q)) AS core,
	(SELECT score FROM betweenness_sample(q, normalised => true)) AS between, (SELECT score FROM constraint_scores(q)) AS constraint,
	(SELECT d::text FROM degrees(q) AS d) AS degrees, graph_figures(q)
FROM (VALUES ('SELECT 7, NULL::int'), ('SELECT NULL::int, 7'), ('SELECT 7, 7'), ('SELECT 7, 7, 0')) AS v (q);
-- all alike: a ring, and everybody with everybody
SELECT f, round(min(p.score)::numeric, 12) = round(max(p.score)::numeric, 12) AS rank, max(core) AS core, min(core) AS least_core,
	round(min(b.score)::numeric, 9) AS between, round(max(b.score)::numeric, 9) AS most_between, round(min(c.score)::numeric, 9) AS constraint, round(max(c.score)::numeric, 9) AS most_constraint
FROM (VALUES ('SELECT i, i % 6 + 1 FROM generate_series(1, 6) AS i'), ('SELECT i, j FROM generate_series(1, 6) AS i, generate_series(1, 6) AS j WHERE i < j')) AS v (q),
	graph_figures(q) AS f, pagerank(q, directed => false) AS p JOIN core_numbers(q) USING (node_id) JOIN betweenness_sample(q) AS b USING (node_id) JOIN constraint_scores(q) AS c USING (node_id) GROUP BY f ORDER BY f;
-- the whole range of ids, and every kind of number
SELECT node_id, degree FROM degrees('VALUES (-9223372036854775808, 9223372036854775807), (0, -1), (9223372036854775807, 0)');
SELECT node_id, strength FROM degrees('SELECT 1::smallint, 2::numeric, 0.5::real');
-- weights of any size that can be computed with, and 0, which is no edge
SELECT node_id, round(score::numeric, 9) AS score FROM pagerank('VALUES (1, 2, 1e280), (1, 3, 1e280), (2, 1, 1e-280), (3, 1, 1e-280), (3, 4, 0)');
-- hundreds of thousands of edges between two nodes
SELECT (SELECT string_agg(node_id || ': ' || degree || ' ' || neighbours, ', ') FROM degrees(q)) AS degrees, (SELECT string_agg(round(score::numeric, 6)::text, ' ') FROM pagerank(q)) AS rank,
	(SELECT string_agg(round(score::numeric, 6)::text, ' ') FROM pagerank(q, multi_edges => 'once')) AS once, (SELECT string_agg(core::text, ' ') FROM core_numbers(q)) AS core,
	(SELECT string_agg(core::text, ' ') FROM core_numbers(q, multi_edges => 'sum')) AS sum, (SELECT string_agg(score::text, ' ') FROM betweenness_sample(q)) AS between,
	(SELECT string_agg(score::text, ' ') FROM constraint_scores(q)) AS constraint, graph_figures(q)
FROM (VALUES ('SELECT 1 + i % 2, 2 + i % 2 FROM generate_series(1, 300000) AS i')) AS v (q);
-- a chain and a star of so many that a level of recursion each would not do
SELECT max(core), count(*) FROM core_numbers('SELECT i, i + 1 FROM generate_series(1, 300000) AS i');
SELECT round(max(score)::numeric) FROM betweenness_sample('SELECT i, i + 1 FROM generate_series(1, 300000) AS i', 3);
SELECT max(score) AS most, min(score) AS least FROM constraint_scores('SELECT 0, i FROM generate_series(1, 100000) AS i');
-- more shortest paths than can be counted
SELECT count(*) FROM betweenness_sample('SELECT 3 * i, 3 * i + j FROM generate_series(0, 1100) AS i, generate_series(1, 2) AS j
	UNION ALL SELECT 3 * i + j, 3 * i + 3 FROM generate_series(0, 1100) AS i, generate_series(1, 2) AS j', NULL);

-- Rows that are no edges
SELECT count(*) FROM pagerank('SELECT NULL::bigint, NULL::bigint');
SELECT count(*) FROM pagerank('VALUES (1, 2, 1), (2, 3, NULL)');
SELECT count(*) FROM core_numbers('VALUES (1, 2, 1::float8), (2, 3, ''NaN'')');
SELECT count(*) FROM pagerank('SELECT 1, 2, ''Infinity''::float8');
SELECT count(*) FROM pagerank('SELECT 1, 2, -1');
SELECT count(*) FROM pagerank('SELECT 1, 2, 1e-300');
SELECT count(*) FROM pagerank('SELECT 1, 1e30');
-- Queries that are no queries of edges
SELECT count(*) FROM pagerank('SELECT 1');
SELECT count(*) FROM pagerank('SELECT 1, 2, 3, 4');
SELECT count(*) FROM pagerank('SELECT 1, now()');
SELECT count(*) FROM pagerank('SELECT 1, 2; SELECT 3, 4');
SELECT count(*) FROM pagerank('');
SELECT count(*) FROM pagerank('DELETE FROM pg_class RETURNING 1, 2');
SELECT count(*) FROM pagerank('WITH d AS (DELETE FROM pg_class RETURNING 1, 2) TABLE d');
SELECT count(*) FROM pagerank('SELECT 1, 2 INTO t');
SELECT count(*) FROM pagerank('SELECT 1, 2 FROM pg_class FOR UPDATE');
SELECT count(*) FROM pagerank('SELECT $1, $2');
SELECT count(*) FROM pagerank('SELECT 1, 2 FROM nowhere');
SELECT count(*) FROM pagerank('SELECT 1, 2) AS q (s, t), (SELECT 3, 4');
SELECT count(*) FROM pagerank('SELECT 1, 2', since => '2024-01-01');
SELECT reciprocity('SELECT 1, 2', until => '2024-01-01');
-- Arguments
SELECT count(*) FROM pagerank('SELECT 1, 2', damping => 1);
SELECT count(*) FROM pagerank('SELECT 1, 2', damping => 'NaN');
SELECT count(*) FROM pagerank('SELECT 1, 2', damping => NULL);
SELECT count(*) FROM pagerank('SELECT 1, 2', tolerance => 0);
SELECT count(*) FROM pagerank('SELECT 1, 2', max_iterations => 0);
SELECT count(*) FROM pagerank('SELECT i, i % 10 + 1 FROM generate_series(1, 10) AS i UNION ALL SELECT 1, 7', damping => 0.99, max_iterations => 5, tolerance => 0.001);
SELECT count(*) FROM pagerank('SELECT 1, 2', dangling => 'nowhere');
SELECT count(*) FROM pagerank('SELECT 1, 2', multi_edges => 'keep');
SELECT count(*) FROM pagerank('SELECT 1, 2', seeds => '{}');
SELECT count(*) FROM pagerank('SELECT 1, 2', seeds => '{1,NULL}');
SELECT count(*) FROM pagerank('SELECT 1, 2', seeds => '{{1,2}}');
SELECT count(*) FROM pagerank('SELECT 1, 2', seed_weights => '{1}');
SELECT count(*) FROM pagerank('SELECT 1, 2', seeds => '{1,2}', seed_weights => '{1}');
SELECT count(*) FROM pagerank('SELECT 1, 2', seeds => '{1,2}', seed_weights => '{1,-1}');
SELECT count(*) FROM pagerank('SELECT 1, 2', seeds => '{1,2}', seed_weights => '{1,NaN}');
SELECT count(*) FROM pagerank('SELECT 1, 2', seeds => '{1,2}', seed_weights => '{0,0}');
SELECT count(*) FROM core_numbers('SELECT 1, 2', 'up');
SELECT count(*) FROM core_numbers('SELECT 1, 2', NULL);
SELECT count(*) FROM betweenness_sample('SELECT 1, 2', 0);
SELECT count(*) FROM constraint_scores('SELECT 1, 2', 'never');
SELECT density('SELECT 1, 2', NULL);

-- The rights are the caller's, and interactions are not for everybody
CREATE ROLE regress_graph_reader;
GRANT USAGE ON SCHEMA community TO regress_graph_reader;
CREATE TABLE graph_secret AS SELECT 1 AS s, 2 AS t;
SET ROLE regress_graph_reader;
SELECT count(*) FROM pagerank('TABLE graph_secret');
SELECT count(*) FROM pagerank('SELECT 1, 2');
SELECT count(*) FROM pagerank();
RESET ROLE;
DROP TABLE graph_secret;
REVOKE USAGE ON SCHEMA community FROM regress_graph_reader;
DROP ROLE regress_graph_reader;

-- Memory is asked for before it is taken
SET maintenance_work_mem = '8MB';
\set VERBOSITY terse
SELECT count(*) FROM pagerank('SELECT i, i + 1 FROM (SELECT generate_series(1, 1000000) AS i) AS s');
SELECT count(*) FROM pagerank('SELECT i % 100, i % 99 FROM (SELECT generate_series(1, 10000000) AS i) AS s');
SELECT count(*) FROM core_numbers('SELECT i % 100, i % 99 FROM generate_series(1, 700000) AS i');
RESET maintenance_work_mem;
-- and every measure can be cancelled while it works; what is cancelled leaves nothing
SET maintenance_work_mem = '1GB';
SET statement_timeout = '150ms';
SELECT count(*) FROM betweenness_sample('SELECT i % 30011, i * i % 30011 FROM generate_series(1::bigint, 60000) AS i', NULL);
SELECT count(*) FROM pagerank('SELECT i, i + 1 FROM generate_series(1, 20000) AS i', 0.9999999999, seeds => '{1}', directed => false, max_iterations => 1000000000);
SELECT count(*) FROM pagerank('SELECT i, i % 99 FROM (SELECT generate_series(1, 1000000000) AS i) AS s');
SELECT count(*) FROM constraint_scores('SELECT i, j FROM generate_series(1, 1000) AS i, generate_series(1, 1000) AS j WHERE i < j');
RESET statement_timeout;
SELECT count(*) FROM pg_cursors;
