
--
-- score: reach
--

CREATE FUNCTION community.degrees(edges text DEFAULT NULL,
								  self_loops boolean DEFAULT true,
								  since timestamptz DEFAULT NULL,
								  until timestamptz DEFAULT NULL,
								  program bigint DEFAULT NULL)
	RETURNS TABLE (node_id bigint, degree bigint, in_degree bigint, out_degree bigint,
				   neighbours bigint, strength float8, in_strength float8,
				   out_strength float8)
	AS 'MODULE_PATHNAME', 'community_degrees'
	LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000 ROWS 100000;
COMMENT ON FUNCTION community.degrees(text, boolean, timestamptz, timestamptz, bigint)
	IS 'edges, different neighbours and weight of edges of each node of a query of edges, or of the interactions of members';

CREATE FUNCTION community.pagerank(edges text DEFAULT NULL,
								   damping float8 DEFAULT 0.85,
								   seeds bigint[] DEFAULT NULL,
								   seed_weights float8[] DEFAULT NULL,
								   dangling text DEFAULT 'seeds',
								   directed boolean DEFAULT true,
								   multi_edges text DEFAULT 'sum',
								   self_loops boolean DEFAULT true,
								   tolerance float8 DEFAULT 1e-12,
								   max_iterations integer DEFAULT 1000,
								   since timestamptz DEFAULT NULL,
								   until timestamptz DEFAULT NULL,
								   program bigint DEFAULT NULL)
	RETURNS TABLE (node_id bigint, score float8)
	AS 'MODULE_PATHNAME', 'community_pagerank'
	LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000 ROWS 100000;
COMMENT ON FUNCTION community.pagerank(text, float8, bigint[], float8[], text, boolean, text,
		boolean, float8, integer, timestamptz, timestamptz, bigint)
	IS 'PageRank of each node of a query of edges, or of the interactions of members; personalised where there are seeds';

CREATE FUNCTION community.core_numbers(edges text DEFAULT NULL,
									   direction text DEFAULT 'both',
									   multi_edges text DEFAULT 'once',
									   since timestamptz DEFAULT NULL,
									   until timestamptz DEFAULT NULL,
									   program bigint DEFAULT NULL)
	RETURNS TABLE (node_id bigint, core integer)
	AS 'MODULE_PATHNAME', 'community_core_numbers'
	LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000 ROWS 100000;
COMMENT ON FUNCTION community.core_numbers(text, text, text, timestamptz, timestamptz, bigint)
	IS 'greatest k such that a node is among nodes each of which is joined to k others of them';

CREATE FUNCTION community.betweenness_sample(edges text DEFAULT NULL,
											 sample integer DEFAULT 256,
											 seed bigint DEFAULT 0,
											 directed boolean DEFAULT false,
											 normalised boolean DEFAULT false,
											 since timestamptz DEFAULT NULL,
											 until timestamptz DEFAULT NULL,
											 program bigint DEFAULT NULL)
	RETURNS TABLE (node_id bigint, score float8)
	AS 'MODULE_PATHNAME', 'community_betweenness_sample'
	LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000 ROWS 100000;
COMMENT ON FUNCTION community.betweenness_sample(text, integer, bigint, boolean, boolean,
		timestamptz, timestamptz, bigint)
	IS 'on how many shortest paths between others a node lies, estimated from a sample of sources; exact where that is all nodes';

CREATE FUNCTION community.constraint_scores(edges text DEFAULT NULL,
											multi_edges text DEFAULT 'sum',
											since timestamptz DEFAULT NULL,
											until timestamptz DEFAULT NULL,
											program bigint DEFAULT NULL)
	RETURNS TABLE (node_id bigint, score float8)
	AS 'MODULE_PATHNAME', 'community_constraint_scores'
	LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000 ROWS 100000;
COMMENT ON FUNCTION community.constraint_scores(text, text, timestamptz, timestamptz, bigint)
	IS 'Burt''s constraint of each node: low where it stands between others; null without neighbours';

CREATE FUNCTION community.reciprocity(edges text DEFAULT NULL,
									  since timestamptz DEFAULT NULL,
									  until timestamptz DEFAULT NULL,
									  program bigint DEFAULT NULL)
	RETURNS float8
	AS 'MODULE_PATHNAME', 'community_reciprocity'
	LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION community.reciprocity(text, timestamptz, timestamptz, bigint)
	IS 'share of edges that have one in return; null without edges';

CREATE FUNCTION community.density(edges text DEFAULT NULL,
								  directed boolean DEFAULT true,
								  since timestamptz DEFAULT NULL,
								  until timestamptz DEFAULT NULL,
								  program bigint DEFAULT NULL)
	RETURNS float8
	AS 'MODULE_PATHNAME', 'community_density'
	LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION community.density(text, boolean, timestamptz, timestamptz, bigint)
	IS 'share of pairs of nodes that are joined; null with less than two nodes';

CREATE FUNCTION community.graph_figures(edges text DEFAULT NULL,
										since timestamptz DEFAULT NULL,
										until timestamptz DEFAULT NULL,
										program bigint DEFAULT NULL,
										OUT nodes bigint, OUT edge_count bigint,
										OUT self_loops bigint, OUT arcs bigint,
										OUT ties bigint, OUT density float8,
										OUT tie_density float8, OUT reciprocity float8,
										OUT transitivity float8,
										OUT mean_clustering float8,
										OUT assortativity float8)
	AS 'MODULE_PATHNAME', 'community_graph_figures'
	LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION community.graph_figures(text, timestamptz, timestamptz, bigint)
	IS 'nodes, edges, density, reciprocity, transitivity, clustering and degree assortativity of a query of edges, or of the interactions of members';
