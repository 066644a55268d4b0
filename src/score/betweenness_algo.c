/*-------------------------------------------------------------------------
 *
 * betweenness_algo.c
 *	  Betweenness: on how many shortest paths between others a node lies.
 *
 * Brandes, 2001: from a source all nodes are met in the order of distance and
 * the paths to them counted; then, back from the farthest, each hands on to
 * those before it what depends on it.  Distance is the number of edges.  With
 * a sample of the sources, the sum is scaled up (Brandes and Pich, 2007).
 *
 * Pure: no server calls but for memory.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "common/pg_prng.h"

#include "core/compat.h"
#include "score/graph_algo.h"

typedef struct Brandes
{
	ScoreGraph *graph;
	ScoreLayout layout;
	int32	   *order;			/* nodes as they were met */
	int32	   *distances;		/* -1 while not met */
	double	   *paths;			/* number of shortest ones */
	double	   *depend;
	double	   *result;
	int64		work;
} Brandes;

/* Meet all nodes that a source reaches; gives how many. */
static int32
walk_out(Brandes *brandes, int32 source)
{
	const int64 *starts = brandes->layout.starts;
	const int32 *ends = brandes->layout.ends;
	int32		met = 0;
	int32		i;

	brandes->order[met++] = source;
	brandes->distances[source] = 0;
	brandes->paths[source] = 1.0;
	for (i = 0; i < met; i++)
	{
		int32		node = brandes->order[i];
		int32		next = brandes->distances[node] + 1;
		double		paths = brandes->paths[node];
		int64		j;

		for (j = starts[node]; j < starts[node + 1]; j++)
		{
			int32		end = ends[j];

			score_graph_worked(brandes->graph, &brandes->work, 1);
			if (brandes->distances[end] < 0)
			{
				brandes->distances[end] = next;
				brandes->paths[end] = 0.0;
				brandes->order[met++] = end;
			}
			if (brandes->distances[end] == next)
				brandes->paths[end] += paths;
		}
	}
	return met;
}

/*
 * Hand on what depends on nodes, from the farthest back.  False when the
 * number of paths is too great for a double.
 */
static bool
walk_back(Brandes *brandes, int32 source, int32 met)
{
	const int64 *starts = brandes->layout.starts;
	const int32 *ends = brandes->layout.ends;
	bool		finite = true;
	int32		i;

	for (i = met - 1; i >= 0; i--)
	{
		int32		node = brandes->order[i];
		int32		next = brandes->distances[node] + 1;
		double		sum = 0.0;
		int64		j;

		for (j = starts[node]; j < starts[node + 1]; j++)
		{
			int32		end = ends[j];

			score_graph_worked(brandes->graph, &brandes->work, 1);
			if (brandes->distances[end] == next)
				sum += (1.0 + brandes->depend[end]) / brandes->paths[end];
		}
		finite &= !isinf(brandes->paths[node]);
		brandes->depend[node] = sum * brandes->paths[node];
		if (node != source)
			brandes->result[node] += brandes->depend[node];
	}
	for (i = 0; i < met; i++)
	{
		score_graph_worked(brandes->graph, &brandes->work, 1);
		brandes->distances[brandes->order[i]] = -1;
	}
	return finite;
}

/* Nodes in an order such that the first of them are a fair sample. */
static int32 *
shuffle(ScoreGraph *graph, int32 sample, uint64 seed)
{
	int32	   *nodes = score_graph_take(graph, graph->nodes, sizeof(int32),
										 false);
	pg_prng_state state;
	int32		i;

	for (i = 0; i < graph->nodes; i++)
	{
		if (i % SCORE_GRAPH_CHUNK == 0)
			graph->care.interrupt();
		nodes[i] = i;
	}
	if (sample == graph->nodes)
		return nodes;
	pg_prng_seed(&state, seed);
	for (i = 0; i < sample; i++)
	{
		int32		other;
		int32		node = nodes[i];

		if (i % SCORE_GRAPH_CHUNK == 0)
			graph->care.interrupt();
		other = (int32) pg_prng_uint64_range(&state, i, graph->nodes - 1);
		nodes[i] = nodes[other];
		nodes[other] = node;
	}
	return nodes;
}

/*
 * Betweenness from a sample of sources, as many as there are for the exact
 * one; NULL when there are too many paths to count.  Of undirected edges each
 * pair of nodes counts once.
 */
double *
score_betweenness(ScoreGraph *graph, bool directed, int32 sample,
				  uint64 seed)
{
	ScoreGraphShape shape = {directed ? SCORE_GRAPH_OUT : SCORE_GRAPH_BOTH,
	SCORE_GRAPH_ONCE, false, false, false};
	Brandes		brandes = {graph};
	int32		nodes = graph->nodes;
	double		factor;
	int32	   *sources;
	int32		i;

	score_graph_lay_out(graph, &shape, &brandes.layout);
	score_graph_end_edges(graph);
	score_graph_need(graph, (Size) nodes * (3 * sizeof(int32) +
											3 * sizeof(double)));
	brandes.order = score_graph_take(graph, nodes, sizeof(int32), false);
	brandes.distances = score_graph_take(graph, nodes, sizeof(int32), false);
	score_graph_fill(graph, brandes.distances, -1, nodes * sizeof(int32));
	brandes.paths = score_graph_take(graph, nodes, sizeof(double), false);
	brandes.depend = score_graph_take(graph, nodes, sizeof(double), false);
	brandes.result = score_graph_take(graph, nodes, sizeof(double), true);
	sample = Min(sample, nodes);
	sources = shuffle(graph, sample, seed);
	for (i = 0; i < sample; i++)
	{
		graph->care.interrupt();
		if (!walk_back(&brandes, sources[i], walk_out(&brandes, sources[i])))
			return NULL;
	}
	factor = (directed ? 1.0 : 0.5) * nodes / Max(sample, 1);
	for (i = 0; i < nodes; i++)
	{
		score_graph_worked(graph, &brandes.work, 1);
		brandes.result[i] *= factor;
	}
	score_graph_give_back(graph, sources, nodes, sizeof(int32));
	score_graph_give_back(graph, brandes.order, nodes, sizeof(int32));
	score_graph_give_back(graph, brandes.distances, nodes, sizeof(int32));
	score_graph_give_back(graph, brandes.paths, nodes, sizeof(double));
	score_graph_give_back(graph, brandes.depend, nodes, sizeof(double));
	score_graph_end_layout(graph, &brandes.layout);
	return brandes.result;
}
