/*-------------------------------------------------------------------------
 *
 * core_algo.c
 *	  Core numbers: the greatest k such that a node is among nodes each of
 *	  which has k edges to others of them.
 *
 * Nodes are peeled off in the order of how many edges they have left, as in
 * Batagelj and Zaversnik, 2003.  They are not kept sorted by that: at each
 * level those left are looked through, and those with no more edges than the
 * level go.  A node is looked at once for each level up to its own number, and
 * that is at most the number of its edges, so the whole is linear.
 *
 * Pure: no server calls but for memory.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/compat.h"
#include "score/graph_algo.h"

/* Peel off those in the queue, and whoever is left with k edges thereby. */
static void
peel(const ScoreGraph *graph, const ScoreLayout *layout, int32 *counts,
	 int32 *queue, int32 waiting, int32 k, int64 *work)
{
	while (waiting > 0)
	{
		int32		node = queue[--waiting];
		int64		i;

		for (i = layout->starts[node]; i < layout->starts[node + 1]; i++)
		{
			int32		end = layout->ends[i];

			score_graph_worked(graph, work, 1);
			/* who has k or less has gone, or waits */
			if (counts[end] > k && --counts[end] == k)
				queue[waiting++] = end;
		}
	}
}

/* From how many edges each node has to its core number. */
static void
peel_all(ScoreGraph *graph, const ScoreLayout *layout, int32 *counts)
{
	int32	   *left = score_graph_take(graph, graph->nodes, sizeof(int32),
										false);
	int32	   *queue = score_graph_take(graph, graph->nodes, sizeof(int32),
										 false);
	int32		nleft = graph->nodes;
	int32		k = 0;
	int64		work = 0;
	int32		i;

	for (i = 0; i < nleft; i++)
	{
		score_graph_worked(graph, &work, 1);
		left[i] = i;
	}
	while (nleft > 0)
	{
		int32		kept = 0;
		int32		waiting = 0;
		int32		least = PG_INT32_MAX;

		/* who has less than k went before */
		for (i = 0; i < nleft; i++)
		{
			int32		node = left[i];

			score_graph_worked(graph, &work, 1);
			if (counts[node] == k)
				queue[waiting++] = node;
			else if (counts[node] > k)
				left[kept++] = node;
		}
		peel(graph, layout, counts, queue, waiting, k, &work);
		nleft = kept;
		for (i = 0; i < nleft; i++)
		{
			score_graph_worked(graph, &work, 1);
			if (counts[left[i]] > k)
				least = Min(least, counts[left[i]]);
		}
		k = least;
	}
	score_graph_give_back(graph, left, graph->nodes, sizeof(int32));
	score_graph_give_back(graph, queue, graph->nodes, sizeof(int32));
}

/*
 * Core numbers; a loop is no edge to another.  Where one direction counts,
 * the edges of that direction are counted, and peeling a node takes one off
 * those at the other ends of its edges of the other direction.
 */
int32 *
score_core_numbers(ScoreGraph *graph, ScoreCoreSide side,
				   ScoreGraphMerge merge)
{
	ScoreGraphShape shape = {SCORE_GRAPH_BOTH, merge, false, false, false};
	ScoreLayout layout;
	int32	   *counts;
	int64		work = 0;
	int64		i;

	if (side != SCORE_CORE_BOTH)
		shape.side = side == SCORE_CORE_IN ? SCORE_GRAPH_OUT : SCORE_GRAPH_IN;
	score_graph_lay_out(graph, &shape, &layout);
	score_graph_end_edges(graph);
	score_graph_need(graph, 3 * (Size) graph->nodes * sizeof(int32));
	counts = score_graph_take(graph, graph->nodes, sizeof(int32), true);
	if (side == SCORE_CORE_BOTH)
		for (i = 0; i < graph->nodes; i++)
		{
			score_graph_worked(graph, &work, 1);
			counts[i] = (int32) (layout.starts[i + 1] - layout.starts[i]);
		}
	else
		for (i = 0; i < layout.starts[layout.nodes]; i++)
		{
			score_graph_worked(graph, &work, 1);
			counts[layout.ends[i]]++;
		}
	peel_all(graph, &layout, counts);
	score_graph_end_layout(graph, &layout);
	return counts;
}
