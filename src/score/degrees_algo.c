/*-------------------------------------------------------------------------
 *
 * degrees_algo.c
 *	  How many edges and neighbours nodes have, and how many pairs of nodes
 *	  are joined.
 *
 * Pure: no server calls but for memory.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/compat.h"
#include "score/graph_algo.h"

static void
count_edges(const ScoreGraph *graph, bool loops, ScoreDegrees *result)
{
	int64		left = graph->edges;
	int64		i;

	for (i = 0; i < graph->nblocks; i++)
	{
		const ScoreGraphBlock *block = &graph->blocks[i];
		int64		count = Min(left, SCORE_GRAPH_BLOCK);
		int64		j;

		graph->care.interrupt();
		for (j = 0; j < count; j++)
		{
			int32		source = block->edges[j].source;
			int32		target = block->edges[j].target;

			if (source == target && !loops)
				continue;
			result->out[source]++;
			result->in[target]++;
			if (block->weights == NULL)
				continue;
			result->out_weight[source] += block->weights[j];
			result->in_weight[target] += block->weights[j];
		}
		left -= count;
	}
}

/* Without weights, all edges weigh 1; in_weight and out_weight are NULL. */
void
score_degrees(ScoreGraph *graph, bool loops, ScoreDegrees *result)
{
	ScoreGraphShape shape = {SCORE_GRAPH_BOTH, SCORE_GRAPH_ONCE, false,
	false, false};
	ScoreLayout layout;
	int32		nodes = graph->nodes;
	int32		i;

	memset(result, 0, sizeof(ScoreDegrees));
	score_graph_need(graph, score_graph_layout_memory(graph, &shape) +
					 (Size) nodes * sizeof(int64) * (graph->weighted ? 5 : 3));
	result->in = score_graph_take(graph, nodes, sizeof(int64), true);
	result->out = score_graph_take(graph, nodes, sizeof(int64), true);
	result->neighbours = score_graph_take(graph, nodes, sizeof(int64), true);
	if (graph->weighted)
	{
		result->in_weight = score_graph_take(graph, nodes, sizeof(double),
											 true);
		result->out_weight = score_graph_take(graph, nodes, sizeof(double),
											  true);
	}
	count_edges(graph, loops, result);
	score_graph_lay_out(graph, &shape, &layout);
	for (i = 0; i < nodes; i++)
	{
		if (i % SCORE_GRAPH_CHUNK == 0)
			graph->care.interrupt();
		result->neighbours[i] = layout.starts[i + 1] - layout.starts[i];
	}
	score_graph_end_layout(graph, &layout);
}

static int64
count_loops(const ScoreGraph *graph)
{
	int64		left = graph->edges;
	int64		loops = 0;
	int64		i;

	for (i = 0; i < graph->nblocks; i++)
	{
		const ScoreGraphEdge *edges = graph->blocks[i].edges;
		int64		count = Min(left, SCORE_GRAPH_BLOCK);
		int64		j;

		graph->care.interrupt();
		for (j = 0; j < count; j++)
			loops += edges[j].source == edges[j].target;
		left -= count;
	}
	return loops;
}

/* Edges, loops, and pairs of different nodes, ordered and not. */
void
score_count_pairs(ScoreGraph *graph, ScoreFigures *figures)
{
	ScoreGraphShape shape = {SCORE_GRAPH_OUT, SCORE_GRAPH_ONCE, false, false,
	false};
	ScoreLayout layout;

	figures->edges = graph->edges;
	figures->loops = count_loops(graph);
	score_graph_lay_out(graph, &shape, &layout);
	figures->arcs = layout.starts[layout.nodes];
	score_graph_end_layout(graph, &layout);
	shape.side = SCORE_GRAPH_BOTH;
	score_graph_lay_out(graph, &shape, &layout);
	figures->ties = layout.starts[layout.nodes] / 2;
	score_graph_end_layout(graph, &layout);
}
