-- If this fails, measures of known graphs are not those that others have published
-- or that igraph computes.  The graphs are not part of this repository: without the
-- environment variable COMMUNITY_SHARED the test says so and ends.
\getenv shared COMMUNITY_SHARED
\set present `test -r "$COMMUNITY_SHARED/golden/karate_edges.csv" -a -r "$COMMUNITY_SHARED/graphs/wiki-Vote.txt" && echo true || echo false`
\if :present
\else
\echo skipped: no graphs in COMMUNITY_SHARED
\quit
\endif
SET search_path = public, community;
SET client_min_messages = warning;

-- Zachary's karate club: all 34 nodes, by networkx 2.8.8 and igraph 0.10.2
CREATE TEMP TABLE karate (src bigint, dst bigint);
CREATE TEMP TABLE golden (node bigint, degree bigint, core int, pagerank float8, personal float8, eigenvector float8, betweenness float8,
	normalised float8, closeness float8, constraint_score float8, clustering float8);
\set copy '\\copy karate FROM ''' :shared '/golden/karate_edges.csv'' WITH (FORMAT csv, HEADER)'
:copy
\set copy '\\copy golden FROM ''' :shared '/golden/karate_centrality.csv'' WITH (FORMAT csv, HEADER)'
:copy
CREATE TEMP TABLE measured AS
SELECT node_id AS node, d.degree, d.neighbours, c.core, p.score AS pagerank, s.score AS personal, b.score AS betweenness, n.score AS normalised, o.score AS constraint_score
FROM degrees('TABLE karate') AS d JOIN core_numbers('TABLE karate') AS c USING (node_id) JOIN pagerank('TABLE karate', directed => false) AS p USING (node_id)
	JOIN pagerank('TABLE karate', seeds => '{1}', directed => false) AS s USING (node_id) JOIN betweenness_sample('TABLE karate', NULL) AS b USING (node_id)
	JOIN betweenness_sample('TABLE karate', 34, normalised => true) AS n USING (node_id) JOIN constraint_scores('TABLE karate') AS o USING (node_id);
SELECT count(*) AS nodes, bool_and(m.degree = g.degree AND m.neighbours = g.degree) AS degree, bool_and(m.core = g.core) AS core, max(abs(m.pagerank - g.pagerank)) < 1e-9 AS pagerank,
	max(abs(m.personal - g.personal)) < 1e-9 AS personal, max(abs(m.betweenness - g.betweenness)) < 1e-9 AS betweenness, max(abs(m.normalised - g.normalised)) < 1e-9 AS normalised,
	max(abs(m.constraint_score - g.constraint_score)) < 1e-9 AS constraint_score
FROM measured AS m FULL JOIN golden AS g USING (node);
SELECT node, degree, core, round(pagerank::numeric, 10) AS pagerank, round(personal::numeric, 10) AS personal, round(betweenness::numeric, 7) AS betweenness,
	round(normalised::numeric, 10) AS normalised, round(constraint_score::numeric, 6) AS constraint_score
FROM measured WHERE node IN (1, 2, 3, 12, 32, 33, 34) ORDER BY node;
SELECT core, count(*) FROM measured GROUP BY core ORDER BY core DESC;
SELECT nodes, edge_count, ties, round(tie_density::numeric, 10) AS density, round(transitivity::numeric, 10) AS transitivity,
	round(mean_clustering::numeric, 10) AS clustering, round(assortativity::numeric, 10) AS assortativity FROM graph_figures('TABLE karate');

-- Three larger graphs: who befriends whom (no direction), who votes for whom, who
-- writes to whom, often several times.  Each column is one number of all nodes, or
-- the node in front; the second row is what igraph 0.10.2 gives, with multi-edges
-- for pagerank and constraint, and simplified for the others.
CREATE TEMP TABLE line (text text);
CREATE TEMP TABLE edge (graph text, source bigint, target bigint);
\set copy '\\copy line FROM ''' :shared '/graphs/facebook_combined.txt'''
:copy
INSERT INTO edge SELECT 'facebook', split_part(text, ' ', 1)::bigint, split_part(text, ' ', 2)::bigint FROM line;
TRUNCATE line;
\set copy '\\copy line FROM ''' :shared '/graphs/wiki-Vote.txt'''
:copy
INSERT INTO edge SELECT 'votes', split_part(replace(text, E'\t', ' '), ' ', 1)::bigint, split_part(replace(text, E'\t', ' '), ' ', 2)::bigint FROM line WHERE text !~ '^#';
TRUNCATE line;
\set copy '\\copy line FROM ''' :shared '/graphs/CollegeMsg.txt'''
:copy
INSERT INTO edge SELECT 'messages', split_part(text, ' ', 1)::bigint, split_part(text, ' ', 2)::bigint FROM line WHERE text ~ '^[0-9]';
CREATE TEMP TABLE graph AS SELECT graph, graph <> 'facebook' AS directed, format('SELECT source, target FROM edge WHERE graph = %L', graph) AS q FROM (SELECT DISTINCT graph FROM edge) AS x;

CREATE TEMP TABLE known (graph text, what text, value text);
INSERT INTO known VALUES ('facebook', 'pagerank', '2710 0.0075745665 0.0005163125 2.9371169664'), ('votes', 'pagerank', '4037 0.0046071735 0.0005278410 3.0738800837'),
	('messages', 'pagerank', '32 0.0068536782 0.0016038877 2.9885483933'),
	('facebook', 'core', '115 108567 158 322684'), ('votes', 'core', '53 105076 336 317235'), ('messages', 'core', '20 14749 201 44400'),
	('facebook', 'core, all edges', '115 108567'), ('votes', 'core, all edges', '56 107577'), ('messages', 'core, all edges', '197 63317'),
	('facebook', 'betweenness', '80 3916560.144441 21956696.000000'), ('messages', 'betweenness', '9 116384.906402 3680348.000000'),
	('votes', 'betweenness, directed', '2565 893346.349241 27965329.000000'), ('messages', 'betweenness, directed', '32 148225.360002 5411232.000000'),
	('facebook', 'constraint', '0.0037804065 565.0479303 4039'), ('votes', 'constraint', '0.0027459257 3041.3636561 7115'), ('messages', 'constraint', '0.0143840273 768.2975802 1899'),
	('facebook', 'figures', '4039 88234 0.0108199635 0.5191742775 0.6055467186 0.0635772292'), ('votes', 'figures', '7115 103689 0.0039814201 0.1254791490 0.1408978459 -0.0830524827'),
	('messages', 'figures', '1899 59835 0.0076786018 0.0568302989 0.1093989239 -0.1877757871'),
	('votes', 'directed figures', '0.0564572906 0.0020485375'), ('messages', 'directed figures', '0.6363815530 0.0056310487');
CREATE TEMP TABLE ours AS
SELECT graph, 'pagerank' AS what, concat_ws(' ', (array_agg(node_id ORDER BY score DESC, node_id))[1], round(max(score)::numeric, 10), round(sum(score * score)::numeric, 10), round(sum(n % 7 * score)::numeric, 10)) AS value
FROM graph, LATERAL (SELECT *, row_number() OVER (ORDER BY node_id) AS n FROM pagerank(q, directed => directed)) AS p GROUP BY graph
UNION ALL SELECT graph, 'core', concat_ws(' ', max(core), sum(core), count(*) FILTER (WHERE core = top), sum(n % 7 * core))
FROM graph, LATERAL (SELECT *, max(core) OVER () AS top, row_number() OVER (ORDER BY node_id) AS n FROM core_numbers(q)) AS c GROUP BY graph
UNION ALL SELECT graph, 'core, all edges', concat_ws(' ', max(core), sum(core)) FROM graph, core_numbers(q, multi_edges => 'sum') GROUP BY graph
UNION ALL SELECT graph, CASE WHEN d THEN 'betweenness, directed' ELSE 'betweenness' END, concat_ws(' ', (array_agg(node_id ORDER BY score DESC, node_id))[1], round(max(score)::numeric, 6), round(sum(score)::numeric, 6))
FROM graph, unnest(CASE graph WHEN 'votes' THEN ARRAY[true] WHEN 'messages' THEN ARRAY[false, true] ELSE ARRAY[false] END) AS d, betweenness_sample(q, NULL, directed => d) GROUP BY graph, d
UNION ALL SELECT graph, 'constraint', concat_ws(' ', round(min(score)::numeric, 10), round(sum(score)::numeric, 7), count(score)) FROM graph, constraint_scores(q) GROUP BY graph
UNION ALL SELECT graph, 'figures', concat_ws(' ', nodes, edge_count, round(tie_density::numeric, 10), round(transitivity::numeric, 10), round(mean_clustering::numeric, 10), round(assortativity::numeric, 10)) FROM graph, graph_figures(q)
UNION ALL SELECT graph, 'directed figures', concat_ws(' ', round(reciprocity::numeric, 10), round(density::numeric, 10)) FROM graph, graph_figures(q) WHERE directed;
SELECT graph, what, value, 'ours' AS by FROM ours UNION ALL SELECT graph, what, value, 'igraph' FROM known ORDER BY graph, what, by DESC;
SELECT count(*) AS figures, count(*) FILTER (WHERE o.value = k.value) AS agree FROM known AS k FULL JOIN ours AS o USING (graph, what);
