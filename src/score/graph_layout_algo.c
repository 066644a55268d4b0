/*-------------------------------------------------------------------------
 *
 * graph_layout_algo.c
 *	  The edges of a graph, laid out by node.
 *
 * Counted, then put where they belong.  Several edges between two nodes are
 * merged within the entries of a node, by a note for each other node where its
 * entry is.  What is sorted is the layout turned about: its entries are
 * written node by node, so those of each node ascend.
 *
 * Pure: no server calls but for memory.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/compat.h"
#include "score/graph_algo.h"

/* Does a layout keep weights?  A sum of edges weighs even where none does. */
static bool
keeps_weights(const ScoreGraph *graph, const ScoreGraphShape *shape)
{
	return shape->weights &&
		(graph->weighted || shape->merge == SCORE_GRAPH_SUM);
}

static int64
entries_of(const ScoreGraph *graph, const ScoreGraphShape *shape)
{
	return graph->edges * (shape->side == SCORE_GRAPH_BOTH ? 2 : 1);
}

/* Bytes that a layout takes while it is made, at most. */
Size
score_graph_layout_memory(const ScoreGraph *graph,
						  const ScoreGraphShape *shape)
{
	Size		size = ((Size) graph->nodes + 2) * sizeof(int64) +
	(entries_of(graph, shape) + SCORE_GRAPH_AHEAD) *
	(sizeof(int32) + (keeps_weights(graph, shape) ? sizeof(double) : 0));

	if (shape->sorted)
		size *= 2;
	if (shape->merge != SCORE_GRAPH_KEEP)
		size += (Size) graph->nodes * sizeof(int64);
	return size;
}

static void
begin_layout(ScoreGraph *graph, ScoreLayout *layout, int64 entries,
			 bool weights)
{
	int64		room = entries + SCORE_GRAPH_AHEAD;

	layout->nodes = graph->nodes;
	layout->room = room;
	layout->starts = score_graph_take(graph, (int64) graph->nodes + 2,
									  sizeof(int64), true);
	layout->ends = score_graph_take(graph, room, sizeof(int32), false);
	layout->weights = !weights ? NULL :
		score_graph_take(graph, room, sizeof(double), false);
}

void
score_graph_end_layout(ScoreGraph *graph, ScoreLayout *layout)
{
	score_graph_give_back(graph, layout->starts, (int64) layout->nodes + 2,
						  sizeof(int64));
	score_graph_give_back(graph, layout->ends, layout->room, sizeof(int32));
	score_graph_give_back(graph, layout->weights, layout->room,
						  sizeof(double));
	memset(layout, 0, sizeof(ScoreLayout));
}

/* Edges are laid out, and nobody will ask for them again. */
void
score_graph_end_edges(ScoreGraph *graph)
{
	int64		i;

	for (i = 0; i < graph->nblocks; i++)
	{
		score_graph_give_back(graph, graph->blocks[i].edges,
							  SCORE_GRAPH_BLOCK, sizeof(ScoreGraphEdge));
		score_graph_give_back(graph, graph->blocks[i].weights,
							  SCORE_GRAPH_BLOCK, sizeof(double));
	}
	graph->nblocks = 0;
}

/*
 * Counts stand two nodes on, so that adding them up leaves in starts[i + 1]
 * where node i begins.  Filling moves that on to where it ends.
 */
static void
add_up(const ScoreGraph *graph, ScoreLayout *layout)
{
	int64		i;

	for (i = 0; i < layout->nodes; i++)
	{
		if (i % SCORE_GRAPH_CHUNK == 0)
			graph->care.interrupt();
		layout->starts[i + 2] += layout->starts[i + 1];
	}
}

static inline void
put_entry(ScoreLayout *layout, int32 node, int32 end, double weight)
{
	int64		at = layout->starts[node + 1]++;

	layout->ends[at] = end;
	if (layout->weights != NULL)
		layout->weights[at] = weight;
}

/* An edge is looked at soon. */
static inline void
expect_edge(const ScoreGraphEdge *edge, bool out, bool in,
			const ScoreLayout *layout)
{
	if (out)
		score_prefetch(&layout->starts[edge->source + 1]);
	if (in)
		score_prefetch(&layout->starts[edge->target + 1]);
}

static void
count_entries(const ScoreGraph *graph, const ScoreGraphShape *shape,
			  ScoreLayout *layout)
{
	bool		out = shape->side != SCORE_GRAPH_IN;
	bool		in = shape->side != SCORE_GRAPH_OUT;
	int64		left = graph->edges;
	int64		i;

	for (i = 0; i < graph->nblocks; i++)
	{
		const ScoreGraphEdge *edges = graph->blocks[i].edges;
		int64		count = Min(left, SCORE_GRAPH_BLOCK);
		int64		j;

		graph->care.interrupt();
		for (j = 0; j < count; j++)
		{
			bool		loop = edges[j].source == edges[j].target;

			expect_edge(&edges[Min(j + SCORE_GRAPH_AHEAD, count - 1)], out, in,
						layout);
			if (loop && !shape->loops)
				continue;
			if (out)
				layout->starts[edges[j].source + 2]++;
			if (in && !(out && loop))
				layout->starts[edges[j].target + 2]++;
		}
		left -= count;
	}
}

static void
fill_entries(const ScoreGraph *graph, const ScoreGraphShape *shape,
			 ScoreLayout *layout)
{
	bool		out = shape->side != SCORE_GRAPH_IN;
	bool		in = shape->side != SCORE_GRAPH_OUT;
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
			double		weight = block->weights ? block->weights[j] : 1.0;

			expect_edge(&block->edges[Min(j + SCORE_GRAPH_AHEAD, count - 1)],
						out, in, layout);
			if (source == target && !shape->loops)
				continue;
			if (out)
				put_entry(layout, source, target, weight);
			if (in && !(out && source == target))
				put_entry(layout, target, source, weight);
		}
		left -= count;
	}
}

/*
 * One entry where there are several.  The note of an older node lies before
 * the entries of this one, so notes need not be cleared.
 */
static void
merge_entries(ScoreGraph *graph, ScoreGraphMerge merge, ScoreLayout *layout)
{
	int64	   *notes = score_graph_take(graph, graph->nodes, sizeof(int64),
										 false);
	int64		next = 0;
	int64		from = 0;
	int64		work = 0;
	int32		i;

	score_graph_fill(graph, notes, -1, sizeof(int64) * graph->nodes);
	for (i = 0; i < layout->nodes; i++)
	{
		int64		begin = next;
		int64		to = layout->starts[i + 1];
		int64		j;

		for (j = from; j < to; j++)
		{
			int32		end = layout->ends[j];
			int64		note = notes[end];

			score_graph_worked(graph, &work, 1);
			if (note < begin)
			{
				notes[end] = next;
				layout->ends[next] = end;
				if (layout->weights != NULL)
					layout->weights[next] = layout->weights[j];
				next++;
			}
			else if (layout->weights == NULL)
				continue;
			else if (merge == SCORE_GRAPH_SUM)
				layout->weights[note] += layout->weights[j];
			else
				layout->weights[note] = Max(layout->weights[note],
											layout->weights[j]);
		}
		from = to;
		layout->starts[i] = begin;
	}
	layout->starts[layout->nodes] = next;
	score_graph_give_back(graph, notes, graph->nodes, sizeof(int64));
}

/*
 * The layout turned about; one of both sides stays what it is, but then the
 * entries of each node ascend.
 */
static void
turn_about(ScoreGraph *graph, ScoreLayout *layout)
{
	ScoreLayout turned;
	int64		entries = layout->starts[layout->nodes];
	int64		work = 0;
	int32		i;
	int64		j;

	begin_layout(graph, &turned, entries, layout->weights != NULL);
	for (j = 0; j < entries; j++)
	{
		score_graph_worked(graph, &work, 1);
		turned.starts[layout->ends[j] + 2]++;
	}
	add_up(graph, &turned);
	for (i = 0; i < layout->nodes; i++)
		for (j = layout->starts[i]; j < layout->starts[i + 1]; j++)
		{
			score_graph_worked(graph, &work, 1);
			put_entry(&turned, layout->ends[j], i,
					  layout->weights ? layout->weights[j] : 1.0);
		}
	score_graph_end_layout(graph, layout);
	*layout = turned;
}

/* Lay the edges out.  Only layouts of both sides can be sorted. */
void
score_graph_lay_out(ScoreGraph *graph, const ScoreGraphShape *shape,
					ScoreLayout *layout)
{
	Assert(!shape->sorted || shape->side == SCORE_GRAPH_BOTH);
	score_graph_need(graph, score_graph_layout_memory(graph, shape));
	begin_layout(graph, layout, entries_of(graph, shape),
				 keeps_weights(graph, shape));
	count_entries(graph, shape, layout);
	add_up(graph, layout);
	fill_entries(graph, shape, layout);
	if (shape->merge != SCORE_GRAPH_KEEP)
		merge_entries(graph, shape->merge, layout);
	if (shape->sorted)
		turn_about(graph, layout);
	/* whoever looks ahead finds some node there */
	memset(layout->ends + layout->starts[layout->nodes], 0,
		   SCORE_GRAPH_AHEAD * sizeof(int32));
}
