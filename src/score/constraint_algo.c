/*-------------------------------------------------------------------------
 *
 * constraint_algo.c
 *	  Burt's constraint: how far the neighbours of a node are bound to each
 *	  other, so that it does not stand between them.
 *
 * With p(i, j) the share of what i has in common with j, in either direction,
 * the constraint of i is the sum over its neighbours j of
 *
 *		(p(i, j) + sum over q of p(i, q) p(q, j))^2
 *
 * Of two neighbours the one with fewer edges is gone through, so a hub does
 * not cost the square of what it has.
 *
 * Pure: no server calls but for memory.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/float.h"

#include "core/compat.h"
#include "score/graph_algo.h"

typedef struct Ties
{
	const ScoreGraph *graph;
	ScoreLayout layout;
	double	   *totals;			/* weight of all edges of each node */
	double	   *bound;			/* of a node to each of its neighbours */
	int32	   *marks;			/* plus 1: whose neighbour it is noted as */
	int64		work;
} Ties;

static inline double
weight_of(const Ties *ties, int64 entry)
{
	return ties->layout.weights ? ties->layout.weights[entry] : 1.0;
}

/* The entry of a node for another, or -1; entries ascend. */
static int64
find_entry(const Ties *ties, int32 node, int32 end)
{
	int64		low = ties->layout.starts[node];
	int64		stop = ties->layout.starts[node + 1];
	int64		high = stop;

	while (low < high)
	{
		int64		middle = low + (high - low) / 2;

		if (ties->layout.ends[middle] < end)
			low = middle + 1;
		else
			high = middle;
	}
	return low < stop && ties->layout.ends[low] == end ? low : -1;
}

/* About how often find_entry() looks. */
static int
looks_for(int64 count)
{
	int			looks = 1;

	for (; count > 1; count /= 2)
		looks++;
	return looks;
}

/* How node i is bound through its neighbour q to others of its neighbours. */
static void
bind_through(Ties *ties, int32 i, int32 q, double share)
{
	const int64 *starts = ties->layout.starts;
	const int32 *ends = ties->layout.ends;
	int64		mine = starts[i + 1] - starts[i];
	int64		theirs = starts[q + 1] - starts[q];
	int			looks = looks_for(theirs);
	int64		e;

	share /= ties->totals[q];
	if (theirs <= mine * looks)
		for (e = starts[q]; e < starts[q + 1]; e++)
		{
			int32		j = ends[e];

			score_graph_worked(ties->graph, &ties->work, 1);
			if (ties->marks[j] == i + 1)
				ties->bound[j] += share * weight_of(ties, e);
		}
	else
		for (e = starts[i]; e < starts[i + 1]; e++)
		{
			int64		found = find_entry(ties, q, ends[e]);

			score_graph_worked(ties->graph, &ties->work, looks);
			if (found >= 0)
				ties->bound[ends[e]] += share * weight_of(ties, found);
		}
}

static double
constraint_of(Ties *ties, int32 i)
{
	int64		from = ties->layout.starts[i];
	int64		to = ties->layout.starts[i + 1];
	double		sum = 0.0;
	int64		e;

	if (from == to)
		return get_float8_nan();
	for (e = from; e < to; e++)
	{
		int32		j = ties->layout.ends[e];

		score_graph_worked(ties->graph, &ties->work, 1);
		ties->marks[j] = i + 1;
		ties->bound[j] = weight_of(ties, e) / ties->totals[i];
	}
	for (e = from; e < to; e++)
		bind_through(ties, i, ties->layout.ends[e],
					 weight_of(ties, e) / ties->totals[i]);
	for (e = from; e < to; e++)
	{
		double		bound = ties->bound[ties->layout.ends[e]];

		score_graph_worked(ties->graph, &ties->work, 1);
		sum += bound * bound;
	}
	return sum;
}

/* The constraint of each node; NaN of one that has no neighbour. */
double *
score_constraint(ScoreGraph *graph, ScoreGraphMerge merge)
{
	ScoreGraphShape shape = {SCORE_GRAPH_BOTH, merge, false,
	true, true};
	Ties		ties = {graph};
	int32		nodes = graph->nodes;
	double	   *result;
	int32		i;
	int64		e;

	score_graph_lay_out(graph, &shape, &ties.layout);
	score_graph_end_edges(graph);
	score_graph_need(graph, (Size) nodes * (3 * sizeof(double) +
											sizeof(int32)));
	ties.totals = score_graph_take(graph, nodes, sizeof(double), true);
	ties.bound = score_graph_take(graph, nodes, sizeof(double), false);
	ties.marks = score_graph_take(graph, nodes, sizeof(int32), true);
	result = score_graph_take(graph, nodes, sizeof(double), false);
	for (i = 0; i < nodes; i++)
		for (e = ties.layout.starts[i]; e < ties.layout.starts[i + 1]; e++)
		{
			score_graph_worked(graph, &ties.work, 1);
			ties.totals[i] += weight_of(&ties, e);
		}
	for (i = 0; i < nodes; i++)
	{
		score_graph_worked(graph, &ties.work, 1);
		result[i] = constraint_of(&ties, i);
	}
	score_graph_give_back(graph, ties.totals, nodes, sizeof(double));
	score_graph_give_back(graph, ties.bound, nodes, sizeof(double));
	score_graph_give_back(graph, ties.marks, nodes, sizeof(int32));
	score_graph_end_layout(graph, &ties.layout);
	return result;
}
