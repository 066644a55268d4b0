-- If this fails, PageRank, core numbers, betweenness, constraint or degrees are
-- not what their definitions say, or depend on the order or the names of things.
SET search_path = public, community;
SET client_min_messages = warning;

-- Published graphs: a chain that ends, the figure of Wikipedia's article with a
-- node that leads nowhere (A), a star, and the graph of MADlib's documentation
SELECT node_id, round(score::numeric, 12) AS score FROM pagerank('VALUES (1, 2), (2, 3)') ORDER BY 1;
SELECT chr(64 + node_id::int) AS node, round(score::numeric, 6) AS score
FROM pagerank($$SELECT ascii(source) - 64, ascii(target) - 64 FROM (VALUES ('B', 'C'), ('C', 'B'), ('D', 'A'), ('D', 'B'),
	('E', 'B'), ('E', 'D'), ('E', 'F'), ('F', 'B'), ('F', 'E'), ('G', 'B'), ('G', 'E'), ('H', 'B'), ('H', 'E'),
	('I', 'B'), ('I', 'E'), ('J', 'E'), ('K', 'E')) AS v (source, target)$$) ORDER BY 1;
SELECT count(*), round(score::numeric, 5) AS score
FROM pagerank('SELECT 0, i FROM generate_series(1, 10) AS i', directed => false) GROUP BY 2 ORDER BY 2;
SELECT node_id, round(score::numeric, 14) AS score
FROM pagerank('VALUES (0, 1), (0, 2), (0, 4), (1, 2), (1, 3), (2, 3), (2, 5), (2, 6), (3, 0), (4, 0), (5, 6), (6, 3)') ORDER BY 2 DESC;
-- without edges: all alike, or the seeds
SELECT min(score), max(score), count(*) FROM pagerank('SELECT i, NULL FROM generate_series(1, 10) AS i');
SELECT node_id, score FROM pagerank('SELECT i, NULL FROM generate_series(1, 4) AS i', seeds => '{1,2,3,4}', seed_weights => '{1,2,3,4}') ORDER BY 1;

-- What decides: where walks go that are stuck, how often an edge counts, loops,
-- weights, direction, seeds without edges
SELECT what, round(a::numeric, 9) AS a, round(b::numeric, 9) AS b, round(c::numeric, 9) AS c
FROM (SELECT what, max(score) FILTER (WHERE node_id = 1) AS a, max(score) FILTER (WHERE node_id = 2) AS b, max(score) FILTER (WHERE node_id = 3) AS c, min(n) AS n
	FROM (SELECT 1 AS n, 'stuck walks to seeds' AS what, p.* FROM pagerank('VALUES (1, 2), (2, 3)', seeds => '{1}') AS p
	UNION ALL SELECT 2, 'stuck walks anywhere', p.* FROM pagerank('VALUES (1, 2), (2, 3)', seeds => '{1}', dangling => 'uniform') AS p
	UNION ALL SELECT 3, 'edges sum up', p.* FROM pagerank('VALUES (1, 2), (1, 2), (1, 3)') AS p
	UNION ALL SELECT 4, 'pairs count once', p.* FROM pagerank('VALUES (1, 2), (1, 2), (1, 3)', multi_edges => 'once') AS p
	UNION ALL SELECT 5, 'weights', p.* FROM pagerank('VALUES (1, 2, 2), (1, 3, 1)') AS p
	UNION ALL SELECT 6, 'greatest weight', p.* FROM pagerank('VALUES (1, 2, 1), (1, 2, 2), (1, 2, 1), (1, 3, 1)', multi_edges => 'once') AS p
	UNION ALL SELECT 7, 'loop', p.* FROM pagerank('VALUES (1, 1), (1, 2), (1, 3)') AS p
	UNION ALL SELECT 8, 'loop left out', p.* FROM pagerank('VALUES (1, 1), (1, 2), (1, 3)', self_loops => false) AS p
	UNION ALL SELECT 9, 'no direction', p.* FROM pagerank('VALUES (1, 2), (2, 3)', directed => false) AS p
	UNION ALL SELECT 10, 'seed alone', p.* FROM pagerank('VALUES (1, 2)', seeds => '{3}') AS p
	UNION ALL SELECT 11, 'no damping', p.* FROM pagerank('VALUES (1, 2), (2, 3)', 0) AS p) AS s GROUP BY what) AS s ORDER BY n;

-- Random graphs, with loops, edges that come several times, nodes without edges
-- and nodes that lead nowhere; weights that are exact
CREATE TEMP TABLE g AS SELECT k, s, t, w FROM (SELECT setseed(0.5)) AS x,
	LATERAL (SELECT k, 10 * floor(random() * random() * n)::bigint - 40 AS s, 10 * floor(random() * random() * n)::bigint - 40 AS t, 1 + floor(random() * 4) AS w
	FROM generate_series(1, 8) AS k, LATERAL (SELECT 3 * k + k % 3 AS n) AS z, generate_series(1, k * k + k % 4)) AS e;
INSERT INTO g SELECT k, 10 * i - 40, NULL, 1 FROM generate_series(1, 8) AS k, generate_series(0, 3 * k - 1) AS i;
SELECT count(*) AS rows, count(t) AS edges, count(*) FILTER (WHERE s = t) AS loops, count(DISTINCT (k, s, t)) FILTER (WHERE t IS NOT NULL) AS different FROM g;

-- PageRank by its definition, step by step
CREATE FUNCTION pg_temp.rank_by_hand(k int, d float8, seed bigint[], anywhere bool) RETURNS TABLE (node bigint, score float8) LANGUAGE plpgsql AS $$
DECLARE
	stuck float8;
BEGIN
	DROP TABLE IF EXISTS pg_temp.p;
	CREATE TEMP TABLE p AS SELECT x.node, 1.0 / count(*) OVER () AS u, 0::float8 AS r, 0::float8 AS v, 0::float8 AS out
		FROM (SELECT s AS node FROM g WHERE g.k = $1 UNION SELECT t FROM g WHERE g.k = $1 AND t IS NOT NULL) AS x;
	UPDATE p SET r = CASE WHEN seed IS NULL THEN u WHEN p.node = ANY (seed) THEN 1.0 / cardinality(seed) ELSE 0 END, v = u,
		out = coalesce((SELECT sum(w) FROM g WHERE g.k = $1 AND g.s = p.node AND g.t IS NOT NULL), 0);
	FOR i IN 1 .. 50 LOOP
		SELECT sum(v) INTO stuck FROM p WHERE out = 0;
		UPDATE p SET v = (1 - d) * r + d * coalesce(stuck, 0) * CASE WHEN anywhere THEN u ELSE r END
			+ d * coalesce((SELECT sum(q.v * g.w / q.out) FROM g JOIN p AS q ON q.node = g.s WHERE g.k = $1 AND g.t = p.node), 0);
	END LOOP;
	RETURN QUERY SELECT p.node, p.v FROM p;
END $$;
SELECT seeds, dangling, bool_and(n = found) AS all_there, max(off) < 1e-11 AS right, max(abs(total - 1)) < 1e-12 AS sums_to_one
FROM (VALUES (NULL::bigint[], 'seeds'), ('{-40,-30}', 'seeds'), ('{-30}', 'uniform')) AS o (seeds, dangling), generate_series(1, 8) AS k,
	LATERAL (SELECT count(*) AS n, count(*) FILTER (WHERE a.node_id = b.node) AS found, max(abs(a.score - b.score)) AS off, sum(a.score) AS total
	FROM pagerank(format('SELECT s, t, w FROM g WHERE k = %s', k), damping => 0.5, seeds => o.seeds, dangling => o.dangling) AS a
	FULL JOIN pg_temp.rank_by_hand(k, 0.5, o.seeds, o.dangling = 'uniform') AS b ON a.node_id = b.node) AS x GROUP BY 1, 2 ORDER BY 2, 1;

-- Core numbers by their definition: take off whoever has less than k
CREATE FUNCTION pg_temp.core_by_hand(n int, side text, once bool) RETURNS TABLE (node bigint, core int) LANGUAGE plpgsql AS $$
DECLARE
	level int := 0;
BEGIN
	DROP TABLE IF EXISTS pg_temp.c, pg_temp.e;
	CREATE TEMP TABLE e AS SELECT s, t FROM g WHERE k = n AND s <> t;
	IF side = 'both' THEN INSERT INTO e SELECT t, s FROM e; END IF;
	IF side = 'out' THEN UPDATE e SET s = t, t = s; END IF;
	IF once THEN CREATE TEMP TABLE f AS SELECT DISTINCT * FROM e; DROP TABLE e; ALTER TABLE f RENAME TO e; END IF;
	CREATE TEMP TABLE c AS SELECT x.node, 0 AS core FROM (SELECT s AS node FROM g WHERE k = n UNION SELECT t FROM g WHERE k = n AND t IS NOT NULL) AS x;
	WHILE EXISTS (SELECT FROM e) LOOP
		level := level + 1;
		LOOP
			DELETE FROM e WHERE s IN (SELECT z.node FROM c AS z WHERE (SELECT count(*) FROM e AS x WHERE x.t = z.node) < level)
				OR t IN (SELECT z.node FROM c AS z WHERE (SELECT count(*) FROM e AS x WHERE x.t = z.node) < level);
			EXIT WHEN NOT FOUND;
		END LOOP;
		UPDATE c SET core = level WHERE c.node IN (SELECT t FROM e);
	END LOOP;
	RETURN QUERY SELECT * FROM c;
END $$;
SELECT side, m, count(*) AS nodes, count(*) FILTER (WHERE a.core = b.core) AS right, max(a.core) AS greatest
FROM unnest(ARRAY['both', 'in', 'out']) AS side, (VALUES ('once'), ('sum')) AS o (m), generate_series(1, 8) AS k,
	LATERAL core_numbers(format('SELECT s, t FROM g WHERE k = %s', k), side, m) AS a
	JOIN LATERAL pg_temp.core_by_hand(k, side, m = 'once') AS b ON a.node_id = b.node GROUP BY 1, 2 ORDER BY 1, 2;

-- Betweenness by all shortest paths, written out
CREATE FUNCTION pg_temp.between_by_hand(n int, undirected bool) RETURNS TABLE (node bigint, score float8) LANGUAGE sql AS $$
	WITH RECURSIVE a AS MATERIALIZED (SELECT s, t FROM g WHERE k = n AND s <> t UNION SELECT t, s FROM g WHERE k = n AND s <> t AND undirected),
	v AS MATERIALIZED (SELECT s AS node FROM g WHERE k = n UNION SELECT t FROM g WHERE k = n AND t IS NOT NULL),
	-- rank() drops paths that come to a node later than others
	walk AS (SELECT v.node AS source, ARRAY[v.node] AS path, v.node AS at FROM v
		UNION ALL SELECT source, path, at FROM (SELECT w.source, w.path || a.t AS path, a.t AS at FROM walk AS w JOIN a ON a.s = w.at
			WHERE a.t <> ALL (w.path) AND cardinality(w.path) < 6) AS x),
	shortest AS MATERIALIZED (SELECT source, at, path, count(*) OVER (PARTITION BY source, at) AS paths
		FROM (SELECT *, rank() OVER (PARTITION BY source, at ORDER BY cardinality(path)) AS r FROM walk) AS x WHERE r = 1)
	SELECT v.node, coalesce((SELECT sum(1.0 / paths) FROM shortest AS s WHERE v.node = ANY (s.path) AND v.node NOT IN (s.source, s.at)), 0)
		* CASE WHEN undirected THEN 0.5 ELSE 1 END FROM v $$;
SELECT directed, count(*) AS nodes, max(abs(a.score - b.score)) < 1e-12 AS right, round(max(a.score)::numeric, 6) AS greatest
FROM unnest(ARRAY[false, true]) AS directed, generate_series(1, 4) AS k,
	LATERAL betweenness_sample(format('SELECT s, t FROM g WHERE k = %s', k), NULL, directed => directed) AS a
	JOIN LATERAL pg_temp.between_by_hand(k, NOT directed) AS b ON a.node_id = b.node GROUP BY 1 ORDER BY 1;

-- Constraint by its formula
CREATE FUNCTION pg_temp.constraint_by_hand(n int, once bool) RETURNS TABLE (node bigint, score float8) LANGUAGE sql AS $$
	WITH a AS MATERIALIZED (SELECT s, t, CASE WHEN once THEN max(w) ELSE sum(w) END AS w
		FROM (SELECT s, t, w FROM g WHERE k = n AND s <> t UNION ALL SELECT t, s, w FROM g WHERE k = n AND s <> t) AS x GROUP BY 1, 2),
	p AS MATERIALIZED (SELECT s AS i, t AS j, w / sum(w) OVER (PARTITION BY s) AS p FROM a)
	SELECT i, sum((p + coalesce((SELECT sum(x.p * y.p) FROM p AS x JOIN p AS y ON y.i = x.j WHERE x.i = p.i AND y.j = p.j), 0)) ^ 2) FROM p GROUP BY i $$;
SELECT m, count(*) AS nodes, count(a.score) AS with_neighbours, count(b.score) AS by_hand, max(abs(a.score - b.score)) < 1e-12 AS right
FROM (VALUES ('once'), ('sum')) AS o (m), generate_series(1, 8) AS k,
	LATERAL constraint_scores(format('SELECT s, t, w FROM g WHERE k = %s', k), m) AS a
	LEFT JOIN LATERAL pg_temp.constraint_by_hand(k, m = 'once') AS b ON a.node_id = b.node GROUP BY 1 ORDER BY 1;

-- Degrees by grouping
SELECT loops, count(*) AS nodes, bool_and((a.degree, a.in_degree, a.out_degree, a.neighbours, a.strength, a.in_strength, a.out_strength)
	= (b.i + b.o, b.i, b.o, b.n, b.wi + b.wo, b.wi, b.wo)) AS right
FROM unnest(ARRAY[false, true]) AS loops, generate_series(1, 8) AS k,
	LATERAL degrees(format('SELECT s, t, w FROM g WHERE k = %s', k), loops) AS a,
	LATERAL (SELECT count(*) FILTER (WHERE s = node_id) AS o, count(*) FILTER (WHERE t = node_id) AS i,
		coalesce(sum(w) FILTER (WHERE s = node_id), 0) AS wo, coalesce(sum(w) FILTER (WHERE t = node_id), 0) AS wi,
		count(DISTINCT CASE WHEN s <> t THEN s + t - node_id END) AS n
		FROM g WHERE g.k = k.k AND t IS NOT NULL AND node_id IN (s, t) AND (loops OR s <> t)) AS b GROUP BY 1 ORDER BY 1;

-- Figures of graphs by counting
SELECT count(*) AS graphs, bool_and(f.nodes = h.n AND f.edge_count = h.m AND f.self_loops = h.l AND f.arcs = h.arcs AND f.ties = h.ties) AS counts,
	bool_and(abs(f.density - h.arcs / (h.n * (h.n - 1.0))) < 1e-15 AND abs(f.tie_density - h.ties / (h.n * (h.n - 1.0) / 2)) < 1e-15) AS densities,
	bool_and(abs(f.reciprocity - h.back / h.arcs) < 1e-15) AS reciprocity,
	bool_and(abs(f.transitivity - c.closed / c.forks) < 1e-15) AS transitivity, bool_and(abs(f.mean_clustering - c.mean / h.n) < 1e-15) AS clustering,
	bool_and(abs(f.assortativity - corr) < 1e-9) AS assortativity,
	bool_and(f.density = density(q) AND f.tie_density = density(q, false) AND f.reciprocity = reciprocity(q)) AS alone
FROM generate_series(2, 8) AS k, LATERAL (SELECT format('SELECT s, t FROM g WHERE k = %s', k) AS q) AS q, LATERAL graph_figures(q) AS f,
	LATERAL (SELECT (SELECT count(*) FROM (SELECT s FROM g WHERE g.k = k.k UNION SELECT t FROM g WHERE g.k = k.k AND t IS NOT NULL) AS x) AS n,
		count(t) AS m, count(*) FILTER (WHERE s = t) AS l, count(DISTINCT (s, t)) FILTER (WHERE s <> t) AS arcs,
		count(DISTINCT (least(s, t), greatest(s, t))) FILTER (WHERE s <> t) AS ties,
		count(DISTINCT (s, t)) FILTER (WHERE s <> t AND EXISTS (SELECT FROM g AS r WHERE r.k = k.k AND r.s = g.t AND r.t = g.s))::float8 AS back
		FROM g WHERE g.k = k.k) AS h,
	LATERAL (WITH a AS MATERIALIZED (SELECT s, t FROM g WHERE g.k = k.k AND s <> t UNION SELECT t, s FROM g WHERE g.k = k.k AND s <> t),
		d AS MATERIALIZED (SELECT s, count(*) AS d FROM a GROUP BY s),
		n AS (SELECT d.s, (d * (d - 1) / 2)::float8 AS forks, (SELECT count(*) FROM a AS x JOIN a AS y ON y.s = d.s AND y.t > x.t JOIN a AS z ON z.s = x.t AND z.t = y.t WHERE x.s = d.s)::float8 AS closed FROM d)
		SELECT sum(closed) AS closed, sum(forks) AS forks, sum(CASE WHEN forks > 0 THEN closed / forks END) AS mean,
		(SELECT corr(x.d, y.d) FROM a JOIN d AS x ON x.s = a.s JOIN d AS y ON y.s = a.t) AS corr FROM n) AS c;

-- Neither the order of the rows nor the names of the nodes matter, nor a factor of
-- all weights; sums of scores are 1, and an edge to a node makes it no worse
CREATE TEMP TABLE big AS SELECT s, t, w FROM (SELECT setseed(0.25)) AS x,
	LATERAL (SELECT floor(600 * random() ^ 3)::bigint AS s, floor(600 * random() ^ 2)::bigint AS t, 1 + floor(random() * 9) AS w FROM generate_series(1, 6000)) AS e;
CREATE FUNCTION pg_temp.name(i bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT (i * 7919 + 12345) % 1000003 * -8999999999999 $$;
-- every measure: %1$L is the query, %2$L are seeds
CREATE TEMP TABLE measure (what text, call text);
INSERT INTO measure VALUES ('pagerank', 'SELECT node_id, score FROM pagerank(%1$L, tolerance => 1e-14)'),
	('pagerank, no direction', $$SELECT node_id, score FROM pagerank(%1$L, tolerance => 1e-14, directed => false, multi_edges => 'once')$$),
	('pagerank, seeds', $$SELECT node_id, score FROM pagerank(%1$L, tolerance => 1e-14, seeds => %2$L, dangling => 'uniform')$$),
	('core_numbers', 'SELECT node_id, core::float8 FROM core_numbers(%1$L)'), ('core_numbers, in', $$SELECT node_id, core::float8 FROM core_numbers(%1$L, 'in', 'sum')$$),
	('betweenness', 'SELECT node_id, score FROM betweenness_sample(%1$L, NULL)'), ('constraint', 'SELECT node_id, score FROM constraint_scores(%1$L)'),
	('degrees', 'SELECT node_id, degree + neighbours * 100000::float8 FROM degrees(%1$L)');
CREATE FUNCTION pg_temp.scores(call text, query text, seeds text) RETURNS TABLE (node bigint, score float8) LANGUAGE plpgsql AS
$$ BEGIN RETURN QUERY EXECUTE format(call, query, seeds); END $$;
CREATE FUNCTION pg_temp.how_far(a float8, b float8) RETURNS float8 LANGUAGE sql AS $$ SELECT CASE WHEN a = b THEN 0 ELSE abs(a - b) / b END $$;
CREATE TEMP TABLE base AS SELECT what, s.* FROM measure, pg_temp.scores(call, 'TABLE big', '{3,5}') AS s;
CREATE TEMP TABLE changed AS
SELECT what, 'permuted' AS how, s.* FROM measure, pg_temp.scores(call, 'SELECT * FROM big ORDER BY w, t DESC', '{3,5}') AS s
UNION ALL SELECT what, 'scaled', s.* FROM measure, pg_temp.scores(call, 'SELECT s, t, 3e100 * w FROM big', '{3,5}') AS s
UNION ALL SELECT what, 'renamed', (SELECT i FROM generate_series(0, 600) AS i WHERE pg_temp.name(i) = s.node), s.score
	FROM measure, pg_temp.scores(call, 'SELECT pg_temp.name(s), pg_temp.name(t), w FROM big', format('{%s,%s}', pg_temp.name(3), pg_temp.name(5))) AS s;
SELECT how, what, count(*) AS nodes, max(pg_temp.how_far(c.score, b.score)) < 1e-11 AS same
FROM base AS b JOIN changed AS c USING (what, node) GROUP BY how, what ORDER BY how, what;
SELECT count(*) = (SELECT count(*) FROM (SELECT s FROM big UNION SELECT t FROM big) AS x) AS all_nodes, array_agg(node_id) = array_agg(node_id ORDER BY node_id) AS in_order,
	abs(sum(score) - 1) < 1e-13 AS sums_to_one FROM pagerank('TABLE big');
SELECT count(*) AS edges, bool_and(b.score > a.score) AS rank_up, bool_and(d.core >= c.core) AS core_not_down
FROM generate_series(1, 10) AS i, LATERAL (SELECT i * 37 AS s, i * 91 AS t) AS e,
	LATERAL (SELECT score FROM pagerank('TABLE big') WHERE node_id = e.t) AS a,
	LATERAL (SELECT score FROM pagerank(format('TABLE big UNION ALL VALUES (%s, %s, 5)', e.s, e.t)) WHERE node_id = e.t) AS b,
	LATERAL (SELECT core FROM core_numbers('TABLE big') WHERE node_id = e.t) AS c,
	LATERAL (SELECT core FROM core_numbers(format('TABLE big UNION ALL VALUES (%s, %s, 5)', e.s, e.t)) WHERE node_id = e.t) AS d;
-- of undirected edges each row may stand in both directions
SELECT max(abs(a.score - b.score)) < 1e-14 AS rank, (SELECT bool_and(x.core = y.core) FROM core_numbers('TABLE big') AS x JOIN core_numbers('TABLE big UNION ALL SELECT t, s, w FROM big') AS y USING (node_id)) AS core
FROM pagerank('TABLE big', directed => false, self_loops => false) AS a JOIN pagerank('TABLE big UNION ALL SELECT t, s, w FROM big', self_loops => false) AS b USING (node_id);

-- A sample: the same for a seed, another for another, all nodes are no sample, and
-- it tells who stands between others
CREATE TEMP TABLE exact AS SELECT * FROM betweenness_sample('TABLE big', NULL);
CREATE TEMP TABLE sampled AS SELECT seed, b.* FROM generate_series(1, 40) AS seed, betweenness_sample('TABLE big', 30, seed) AS b;
SELECT (SELECT max(pg_temp.how_far(a.score, s.score)) < 1e-12 FROM sampled AS s JOIN betweenness_sample('SELECT * FROM big ORDER BY t', 30, 7) AS a USING (node_id) WHERE seed = 7) AS same,
	(SELECT count(DISTINCT score) > 30 FROM sampled WHERE node_id = 0) AS differ,
	(SELECT bool_and(a.score = e.score) FROM exact AS e JOIN betweenness_sample('TABLE big', 1000000, 3) AS a USING (node_id)) AS all_is_exact,
	(SELECT min(r) > 0.9 FROM (SELECT corr(s.score, e.score) AS r FROM sampled AS s JOIN exact AS e USING (node_id) GROUP BY seed) AS x) AS tells,
	(SELECT abs(avg(s.score) / e.score - 1) < 0.05 FROM sampled AS s JOIN exact AS e USING (node_id) WHERE node_id = 0 GROUP BY e.score) AS unbiased;
SELECT max(abs(n.score * (x.n - 1) * (x.n - 2) / 2 / nullif(e.score, 0) - 1)) < 1e-12 AS normalised
FROM exact AS e JOIN betweenness_sample('TABLE big', NULL, normalised => true) AS n USING (node_id), (SELECT count(*)::float8 AS n FROM exact) AS x;
