/*-------------------------------------------------------------------------
 *
 * pagerank_algo.c
 *	  PageRank: how often a walk along the edges comes by.
 *
 * A walk goes on with probability d along an edge of the node where it is,
 * chosen by weight, and restarts otherwise; where there is no edge to go along
 * it is put somewhere.  With M the matrix of steps and r where it restarts,
 * and walks that are stuck put there as well, the frequencies are in
 * proportion to
 *
 *		x = r + d M x
 *
 * which needs no thought for those that are stuck.  Where they are put
 * elsewhere, two such systems are mixed: see mix_dangling().
 *
 * It is solved by going through the nodes over and over and putting each new
 * value to use at once (Gauss-Seidel).  After each round r is scaled so that
 * both sides have one sum: by that alone the method converges as the power
 * method does on walks that are put back, and faster than that.
 *
 * Pure: no server calls but for memory.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "core/compat.h"
#include "score/graph_algo.h"

/* Arrays of a solution, by node */
typedef struct Walk
{
	ScoreGraph *graph;
	ScoreLayout layout;
	double	   *steps;			/* d / weight of edges out, 0 without any */
	double	   *shares;			/* value times that */
	double		damping;
	double		tolerance;
	int			max_steps;
} Walk;

/* What comes to a node along its edges. */
static double
gather(const Walk *walk, int64 from, int64 to)
{
	const int32 *ends = walk->layout.ends;
	const double *weights = walk->layout.weights;
	const double *shares = walk->shares;
	double		sum = 0.0;

	while (from < to)
	{
		int64		stop = Min(to, from + SCORE_GRAPH_CHUNK);

		if (weights == NULL)
			for (; from < stop; from++)
			{
				score_prefetch(&shares[ends[from + SCORE_GRAPH_AHEAD]]);
				sum += shares[ends[from]];
			}
		else
			for (; from < stop; from++)
				sum += shares[ends[from]] * weights[from];
		if (from < to)
			walk->graph->care.interrupt();
	}
	return sum;
}

/*
 * Go through all nodes once.  Gives what that has changed, the sum of all
 * values and that of those that are stuck.
 */
static double
go_through(const Walk *walk, const double *restart, double factor,
		   double *values, double *total, double *stuck)
{
	const int64 *starts = walk->layout.starts;
	int32		nodes = walk->layout.nodes;
	double		alike = factor / nodes;
	double		change = 0.0;
	int64		work = 0;
	int32		i;

	*total = *stuck = 0.0;
	for (i = 0; i < nodes; i++)
	{
		double		value = (restart ? restart[i] * factor : alike) +
		gather(walk, starts[i], starts[i + 1]);

		score_graph_worked(walk->graph, &work, starts[i + 1] - starts[i] + 1);
		change += fabs(value - values[i]);
		*total += value;
		if (walk->steps[i] == 0.0)
			*stuck += value;
		values[i] = value;
		walk->shares[i] = value * walk->steps[i];
	}
	return change;
}

/*
 * Solve x = r + d M x but for a factor; false when it takes too many rounds.
 *
 * What is left of the equation after a round is, at each node, at most d
 * times what the round has changed at others, and what the new factor makes of
 * r: that bounds what one more step would change.
 */
static bool
solve(const Walk *walk, const double *restart, double *values,
	  double *error)
{
	int32		nodes = walk->layout.nodes;
	double		d = walk->damping;
	double		factor = 1.0;
	int			round;
	int32		i;

	for (i = 0; i < nodes; i++)
	{
		if (i % SCORE_GRAPH_CHUNK == 0)
			walk->graph->care.interrupt();
		values[i] = (restart ? restart[i] : 1.0 / nodes) / (1.0 - d);
		walk->shares[i] = values[i] * walk->steps[i];
	}
	for (round = 0; round < walk->max_steps; round++)
	{
		double		total;
		double		stuck;
		double		change = go_through(walk, restart, factor, values, &total,
										&stuck);
		double		balanced = (1.0 - d) * total + d * stuck;

		walk->graph->care.interrupt();
		*error = (d * change + fabs(balanced - factor)) / total;
		factor = balanced;
		if (*error <= walk->tolerance)
			break;
	}
	for (i = 0; i < nodes; i++)
	{
		if (i % SCORE_GRAPH_CHUNK == 0)
			walk->graph->care.interrupt();
		values[i] /= factor;
	}
	return round < walk->max_steps;
}

/* The weight of the edges out of each node, turned into a factor. */
static void
find_steps(Walk *walk)
{
	const ScoreLayout *layout = &walk->layout;
	int64		entries = layout->starts[layout->nodes];
	int64		work = 0;
	int64		i;

	for (i = 0; i < entries; i++)
	{
		score_graph_worked(walk->graph, &work, 1);
		score_prefetch(&walk->steps[layout->ends[i + SCORE_GRAPH_AHEAD]]);
		walk->steps[layout->ends[i]] +=
			layout->weights ? layout->weights[i] : 1.0;
	}
	for (i = 0; i < layout->nodes; i++)
	{
		score_graph_worked(walk->graph, &work, 1);
		if (walk->steps[i] > 0.0)
			walk->steps[i] = walk->damping / walk->steps[i];
	}
}

/* Sum over all nodes, or over those where walks are stuck. */
static double
add_all(const Walk *walk, const double *values, bool stuck)
{
	int32		nodes = walk->layout.nodes;
	double		sum = 0.0;
	int64		from = 0;

	/* by parts, which keeps the rounding error small */
	while (from < nodes)
	{
		int64		to = Min(nodes, from + 1024);
		double		part = 0.0;

		if (from % SCORE_GRAPH_CHUNK == 0)
			walk->graph->care.interrupt();
		for (; from < to; from++)
			if (!stuck || walk->steps[from] == 0.0)
				part += values[from];
		sum += part;
	}
	return sum;
}

/* Add values times a factor to a result, or divide the result. */
static void
scale(const Walk *walk, double *result, double factor, const double *values,
	  double other)
{
	int32		i;

	for (i = 0; i < walk->layout.nodes; i++)
	{
		if (i % SCORE_GRAPH_CHUNK == 0)
			walk->graph->care.interrupt();
		result[i] = result[i] * factor + (values ? values[i] * other : 0.0);
	}
}

/*
 * Walks that are stuck go anywhere, others restart by r.  With a the solution
 * for r, b that for all alike and S(v) the part of v that is stuck,
 * the frequencies are (1 - d) a + d s b, where s = S of them.
 */
static bool
mix_dangling(const Walk *walk, double *values, double *error)
{
	double		d = walk->damping;
	int32		nodes = walk->layout.nodes;
	double	   *anywhere;
	double		stuck;

	if (add_all(walk, values, true) == 0.0)
		return true;
	anywhere = score_graph_take(walk->graph, nodes, sizeof(double), false);
	if (!solve(walk, NULL, anywhere, error))
		return false;
	stuck = (1.0 - d) * add_all(walk, values, true) /
		(1.0 - d * add_all(walk, anywhere, true));
	scale(walk, values, 1.0 - d, anywhere, d * stuck);
	score_graph_give_back(walk->graph, anywhere, nodes, sizeof(double));
	return true;
}

/*
 * Frequencies that sum to 1, or NULL when the tolerance was not reached; then
 * "error" says what was.
 */
double *
score_pagerank(ScoreGraph *graph, const ScorePagerank *options,
			   double *error)
{
	ScoreGraphShape shape = {SCORE_GRAPH_IN, options->merge, options->loops,
	true, false};
	Walk		walk = {graph};
	int32		nodes = graph->nodes;
	double	   *values;
	double		total;

	if (!options->directed)
		shape.side = SCORE_GRAPH_BOTH;
	score_graph_need(graph, score_graph_layout_memory(graph, &shape));
	score_graph_lay_out(graph, &shape, &walk.layout);
	score_graph_end_edges(graph);
	score_graph_need(graph, (Size) nodes * sizeof(double) *
					 (options->restart && options->dangling_uniform ? 4 : 3));
	walk.damping = options->damping;
	walk.tolerance = options->tolerance;
	walk.max_steps = options->max_steps;
	walk.steps = score_graph_take(graph, nodes, sizeof(double), true);
	walk.shares = score_graph_take(graph, nodes, sizeof(double), false);
	values = score_graph_take(graph, nodes, sizeof(double), false);
	find_steps(&walk);
	if (nodes > 0 && !solve(&walk, options->restart, values, error))
		return NULL;
	if (nodes > 0 && options->restart && options->dangling_uniform &&
		!mix_dangling(&walk, values, error))
		return NULL;
	total = add_all(&walk, values, false);
	scale(&walk, values, 1.0 / total, NULL, 0.0);
	score_graph_give_back(graph, walk.steps, nodes, sizeof(double));
	score_graph_give_back(graph, walk.shares, nodes, sizeof(double));
	score_graph_end_layout(graph, &walk.layout);
	return values;
}
