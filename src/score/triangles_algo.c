/*-------------------------------------------------------------------------
 *
 * triangles_algo.c
 *	  Figures of a whole graph: triangles, clustering, assortativity.
 *
 * Edges are looked at as ties without direction, each pair of nodes once.
 * For triangles each tie is kept at the end with fewer ties alone; then no
 * node has more than the root of twice the number of all.
 *
 * Pure: no server calls but for memory.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/compat.h"
#include "score/graph_algo.h"

/* Does a node come before another by how many ties they have? */
static inline bool
comes_before(const int32 *counts, int32 a, int32 b)
{
	return counts[a] < counts[b] || (counts[a] == counts[b] && a < b);
}

/* Are those with many ties tied to others with many? */
static void
find_assortativity(const ScoreGraph *graph, const ScoreLayout *layout,
				   const int32 *counts, ScoreFigures *figures)
{
	double		squares = 0.0;
	double		together = 0.0;
	double		apart = 0.0;
	double		mean;
	int64		entries = layout->starts[layout->nodes];
	int64		work = 0;
	int32		i;
	int64		e;

	figures->has_assortativity = false;
	if (entries == 0)
		return;
	for (i = 0; i < layout->nodes; i++)
	{
		score_graph_worked(graph, &work, 1);
		squares += (double) counts[i] * counts[i];
	}
	mean = squares / entries;
	for (i = 0; i < layout->nodes; i++)
		for (e = layout->starts[i]; e < layout->starts[i + 1]; e++)
		{
			double		mine = counts[i] - mean;

			score_graph_worked(graph, &work, 1);
			together += mine * (counts[layout->ends[e]] - mean);
			apart += mine * mine;
		}
	/* where all have as many, there is nothing to compare */
	figures->has_assortativity = apart > 0.0;
	if (figures->has_assortativity)
		figures->assortativity = together / apart;
}

/* Keep each tie at one end: the one with fewer ties. */
static void
keep_one_end(const ScoreGraph *graph, ScoreLayout *layout,
			 const int32 *counts)
{
	int64		from = 0;
	int64		next = 0;
	int64		work = 0;
	int32		i;

	for (i = 0; i < layout->nodes; i++)
	{
		int64		to = layout->starts[i + 1];

		layout->starts[i] = next;
		for (; from < to; from++)
		{
			score_graph_worked(graph, &work, 1);
			if (comes_before(counts, i, layout->ends[from]))
				layout->ends[next++] = layout->ends[from];
		}
	}
	layout->starts[layout->nodes] = next;
}

/* The triangles of each node. */
static void
count_triangles(ScoreGraph *graph, const ScoreLayout *layout,
				int64 *triangles)
{
	int32	   *marks = score_graph_take(graph, graph->nodes, sizeof(int32),
										 true);
	const int64 *starts = layout->starts;
	const int32 *ends = layout->ends;
	int64		work = 0;
	int32		i;

	for (i = 0; i < layout->nodes; i++)
	{
		int64		e;

		for (e = starts[i]; e < starts[i + 1]; e++)
		{
			score_graph_worked(graph, &work, 1);
			marks[ends[e]] = i + 1;
		}
		for (e = starts[i]; e < starts[i + 1]; e++)
		{
			int32		second = ends[e];
			int64		f;

			for (f = starts[second]; f < starts[second + 1]; f++)
			{
				score_graph_worked(graph, &work, 1);
				if (marks[ends[f]] != i + 1)
					continue;
				triangles[i]++;
				triangles[second]++;
				triangles[ends[f]]++;
			}
		}
	}
	score_graph_give_back(graph, marks, graph->nodes, sizeof(int32));
}

/* All figures of a graph. */
void
score_figures(ScoreGraph *graph, ScoreFigures *figures)
{
	ScoreGraphShape shape = {SCORE_GRAPH_BOTH, SCORE_GRAPH_ONCE, false, false,
	false};
	ScoreLayout layout;
	int32		nodes = graph->nodes;
	int32	   *counts;
	int64	   *triangles;
	double		clustering = 0.0;
	int32		i;

	memset(figures, 0, sizeof(ScoreFigures));
	score_count_pairs(graph, figures);
	score_graph_lay_out(graph, &shape, &layout);
	score_graph_end_edges(graph);
	score_graph_need(graph, (Size) nodes * (2 * sizeof(int32) +
											sizeof(int64)));
	counts = score_graph_take(graph, nodes, sizeof(int32), false);
	triangles = score_graph_take(graph, nodes, sizeof(int64), true);
	for (i = 0; i < nodes; i++)
	{
		if (i % SCORE_GRAPH_CHUNK == 0)
			graph->care.interrupt();
		counts[i] = (int32) (layout.starts[i + 1] - layout.starts[i]);
	}
	find_assortativity(graph, &layout, counts, figures);
	keep_one_end(graph, &layout, counts);
	count_triangles(graph, &layout, triangles);
	for (i = 0; i < nodes; i++)
	{
		double		forks = counts[i] * (counts[i] - 1.0) / 2.0;

		if (i % SCORE_GRAPH_CHUNK == 0)
			graph->care.interrupt();
		figures->forks += forks;
		figures->triangles += (double) triangles[i];
		if (forks > 0.0)
			clustering += triangles[i] / forks;
	}
	figures->mean_clustering = nodes > 0 ? clustering / nodes : 0.0;
	score_graph_give_back(graph, counts, nodes, sizeof(int32));
	score_graph_give_back(graph, triangles, nodes, sizeof(int64));
	score_graph_end_layout(graph, &layout);
}
