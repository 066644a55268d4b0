-- Edges between nodes some of which have very many (a power law), for measures of
-- graphs.  Ids are a permutation of small numbers, so that a peer can take them for
-- places.

CREATE FUNCTION make_edges(edges bigint)
RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	PERFORM setseed(0.5);
	DROP TABLE IF EXISTS graph_edge;
	CREATE TABLE graph_edge AS
	SELECT floor(n * power(random(), 2.5))::bigint * 7919 % (n + 3) AS source,
		floor(n * power(random(), 2.5))::bigint * 7919 % (n + 3) AS target
	FROM (SELECT greatest(edges / 10, 10) AS n) AS s, generate_series(1, edges);
	RETURN edges;
END $$;
