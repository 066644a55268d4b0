/*-------------------------------------------------------------------------
 *
 * graph_build_algo.c
 *	  A graph from rows of ids: places for the ids, edges in blocks.
 *
 * Ids become places by a table of the range that they lie in, as long as that
 * takes no more memory than a hash table, and by that otherwise.  Rows are
 * taken in batches, so that all that a batch needs is asked for before the
 * first is looked at: most of the time would otherwise be spent waiting for
 * memory.  When all rows are there, places are given anew in the order of the
 * ids.
 *
 * Pure: no server calls but for memory.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "core/compat.h"
#include "score/graph_algo.h"

#define FIRST_ROOM		1024
#define FIRST_MAP_BITS	11
#define FIRST_BLOCKS	16

#define FILL_BYTES		((Size) 1 << 23)

/* Places of a range, in the memory of 2^bits slots */
#define RANGE_OF(bits) \
	((uint64) (sizeof(ScoreGraphSlot) / sizeof(int32)) << (bits))

#define DIGIT_BITS		11
#define DIGITS			(1 << DIGIT_BITS)

/* ----- memory ----- */

/* May so many bytes more be held? */
void
score_graph_need(const ScoreGraph *graph, Size bytes)
{
	if (graph->held + bytes > graph->care.limit)
		graph->care.refuse(graph, graph->held + bytes, graph->care.arg);
}

/* Set all bytes; the first touch of a large array takes its time. */
void
score_graph_fill(const ScoreGraph *graph, void *array, int byte, Size bytes)
{
	Size		done;

	for (done = 0; done < bytes; done += FILL_BYTES)
	{
		graph->care.interrupt();
		memset((char *) array + done, byte, Min(FILL_BYTES, bytes - done));
	}
}

void *
score_graph_take(ScoreGraph *graph, int64 count, Size size, bool zero)
{
	Size		bytes = Max(count, 1) * size;
	void	   *array;

	score_graph_need(graph, bytes);
	graph->held += bytes;
	array = palloc_extended(bytes, MCXT_ALLOC_HUGE);
	if (zero)
		score_graph_fill(graph, array, 0, bytes);
	return array;
}

void
score_graph_give_back(ScoreGraph *graph, void *array, int64 count, Size size)
{
	if (array == NULL)
		return;
	graph->held -= Max(count, 1) * size;
	pfree(array);
}

/* ----- ids ----- */

static inline uint64
home_of(const ScoreGraph *graph, int64 id)
{
	uint64		hash = (uint64) id;

	hash ^= hash >> 32;
	hash *= UINT64CONST(0x9E3779B97F4A7C15);
	return hash >> (64 - graph->map_bits);
}

/* The slot of an id, or the empty one where it belongs. */
static inline ScoreGraphSlot *
slot_of(const ScoreGraph *graph, int64 id)
{
	uint64		mask = ((uint64) 1 << graph->map_bits) - 1;
	uint64		at = home_of(graph, id);

	while (graph->slots[at].place != 0 && graph->slots[at].id != id)
		at = (at + 1) & mask;
	return &graph->slots[at];
}

/* Where the place of an id is noted, which is 0 if it is new. */
static inline int32 *
note_of(const ScoreGraph *graph, int64 id)
{
	ScoreGraphSlot *slot;

	if (graph->places != NULL)
		return &graph->places[(uint64) id - (uint64) graph->base];
	slot = slot_of(graph, id);
	slot->id = id;
	return &slot->place;
}

/* An id is looked for soon. */
static inline void
expect_id(const ScoreGraph *graph, int64 id)
{
	if (graph->places != NULL)
		score_prefetch(&graph->places[(uint64) id - (uint64) graph->base]);
	else
		score_prefetch(&graph->slots[home_of(graph, id)]);
}

static void
end_map(ScoreGraph *graph)
{
	score_graph_give_back(graph, graph->places, RANGE_OF(graph->map_bits),
						  sizeof(int32));
	score_graph_give_back(graph, graph->slots, (int64) 1 << graph->map_bits,
						  sizeof(ScoreGraphSlot));
	graph->places = NULL;
	graph->slots = NULL;
}

/* A map for so many ids between the least and the greatest. */
static void
make_map(ScoreGraph *graph, int64 room)
{
	uint64		range = (uint64) graph->greatest - (uint64) graph->least;
	int			bits = FIRST_MAP_BITS;
	int64		i;

	while (room * 2 > (int64) 1 << bits)
		bits++;
	end_map(graph);
	graph->map_bits = bits;
	if (range < RANGE_OF(bits))
	{
		uint64		below = (RANGE_OF(bits) - range) / 2;
		uint64		least = (uint64) graph->least - (uint64) PG_INT64_MIN;

		graph->base = graph->least - (int64) Min(below, least);
		graph->places = score_graph_take(graph, RANGE_OF(bits),
										 sizeof(int32), true);
	}
	else
		graph->slots = score_graph_take(graph, (int64) 1 << bits,
										sizeof(ScoreGraphSlot), true);
	for (i = 0; i < graph->nodes; i++)
	{
		if (i % SCORE_GRAPH_CHUNK == 0)
			graph->care.interrupt();
		if (i + SCORE_GRAPH_AHEAD < graph->nodes)
			expect_id(graph, graph->ids[i + SCORE_GRAPH_AHEAD]);
		*note_of(graph, graph->ids[i]) = (int32) i + 1;
	}
}

/* Does the map hold so many ids more, between two? */
static bool
map_holds(const ScoreGraph *graph, int64 more, int64 least, int64 greatest)
{
	if (graph->places != NULL)
		return least >= graph->base &&
			(uint64) greatest - (uint64) graph->base <
			RANGE_OF(graph->map_bits);
	return graph->slots != NULL &&
		(graph->nodes + more) * 2 <= (int64) 1 << graph->map_bits;
}

/* Room for so many ids more, between two. */
static void
make_room(ScoreGraph *graph, int64 more, int64 least, int64 greatest)
{
	if (graph->nodes + more > SCORE_GRAPH_MAX_NODES)
		graph->care.refuse(graph, 0, graph->care.arg);
	if (graph->nodes + more > graph->room)
	{
		score_graph_need(graph, graph->room * sizeof(int64));
		graph->held += graph->room * sizeof(int64);
		graph->room *= 2;
		graph->ids = repalloc_huge(graph->ids, graph->room * sizeof(int64));
	}
	graph->least = Min(graph->least, least);
	graph->greatest = Max(graph->greatest, greatest);
	if (!map_holds(graph, more, least, greatest))
		make_map(graph, graph->nodes + more);
}

/* The place of an id, for which there is room. */
static inline int32
place_of(ScoreGraph *graph, int64 id)
{
	int32	   *note = note_of(graph, id);

	if (*note == 0)
	{
		graph->ids[graph->nodes] = id;
		*note = ++graph->nodes;
	}
	return *note - 1;
}

ScoreGraph *
score_graph_begin(const ScoreGraphCare *care, bool weighted)
{
	ScoreGraph *graph = palloc0_object(ScoreGraph);

	graph->care = *care;
	graph->weighted = weighted;
	graph->room = FIRST_ROOM;
	graph->ids = score_graph_take(graph, graph->room, sizeof(int64), false);
	graph->least = PG_INT64_MAX;
	graph->greatest = PG_INT64_MIN;
	graph->block_room = FIRST_BLOCKS;
	graph->blocks = palloc_array(ScoreGraphBlock, FIRST_BLOCKS);
	return graph;
}

/* A node, with edges or without. */
void
score_graph_add_node(ScoreGraph *graph, int64 id)
{
	make_room(graph, 1, id, id);
	(void) place_of(graph, id);
}

/* ----- edges ----- */

static void
add_block(ScoreGraph *graph)
{
	ScoreGraphBlock *block;

	if (graph->edges >= SCORE_GRAPH_MAX_EDGES)
		graph->care.refuse(graph, 0, graph->care.arg);
	if (graph->nblocks == graph->block_room)
	{
		graph->block_room *= 2;
		graph->blocks = repalloc_huge(graph->blocks, graph->block_room *
									  sizeof(ScoreGraphBlock));
	}
	block = &graph->blocks[graph->nblocks];
	block->edges = score_graph_take(graph, SCORE_GRAPH_BLOCK,
									sizeof(ScoreGraphEdge), false);
	block->weights = !graph->weighted ? NULL :
		score_graph_take(graph, SCORE_GRAPH_BLOCK, sizeof(double), false);
	graph->nblocks++;
}

/* Find the places of the rows that wait. */
void
score_graph_flush(ScoreGraph *graph)
{
	ScoreGraphBatch *batch = &graph->batch;
	int64		least = PG_INT64_MAX;
	int64		greatest = PG_INT64_MIN;
	int			i;

	if (batch->count == 0)
		return;
	for (i = 0; i < batch->count; i++)
	{
		least = Min(least, Min(batch->sources[i], batch->targets[i]));
		greatest = Max(greatest, Max(batch->sources[i], batch->targets[i]));
	}
	make_room(graph, 2 * batch->count, least, greatest);
	for (i = 0; i < batch->count; i++)
	{
		expect_id(graph, batch->sources[i]);
		expect_id(graph, batch->targets[i]);
	}
	for (i = 0; i < batch->count; i++)
	{
		int64		at = graph->edges % SCORE_GRAPH_BLOCK;
		ScoreGraphBlock *block;

		if (at == 0)
			add_block(graph);
		block = &graph->blocks[graph->nblocks - 1];
		block->edges[at].source = place_of(graph, batch->sources[i]);
		block->edges[at].target = place_of(graph, batch->targets[i]);
		if (graph->weighted)
			block->weights[at] = batch->weights[i];
		graph->edges++;
	}
	batch->count = 0;
}

/* ----- in the order of ids ----- */

/* Signed integers in the order of unsigned ones. */
static inline uint64
radix_key(int64 id)
{
	return (uint64) id ^ (UINT64CONST(1) << 63);
}

/*
 * Sort ids by their digits, from the last on.  Gives the array that they are
 * in at the end, one of the two.
 */
static int64 *
sort_ids(const ScoreGraph *graph, int64 *ids, int64 *scratch)
{
	int64		count = graph->nodes;
	uint64		differ = 0;
	int			shift;
	int64		i;

	for (i = 1; i < count; i++)
	{
		if (i % SCORE_GRAPH_CHUNK == 0)
			graph->care.interrupt();
		differ |= (uint64) ids[i] ^ (uint64) ids[0];
	}
	for (shift = 0; shift < 64; shift += DIGIT_BITS)
	{
		int64		starts[DIGITS + 1] = {0};
		int64	   *from = ids;

		if ((differ >> shift & (DIGITS - 1)) == 0)
			continue;
		for (i = 0; i < count; i++)
		{
			if (i % SCORE_GRAPH_CHUNK == 0)
				graph->care.interrupt();
			starts[(radix_key(from[i]) >> shift & (DIGITS - 1)) + 1]++;
		}
		for (i = 0; i < DIGITS; i++)
			starts[i + 1] += starts[i];
		for (i = 0; i < count; i++)
		{
			if (i % SCORE_GRAPH_CHUNK == 0)
				graph->care.interrupt();
			scratch[starts[radix_key(from[i]) >> shift & (DIGITS - 1)]++] =
				from[i];
		}
		ids = scratch;
		scratch = from;
	}
	return ids;
}

/* Places by rank: ranks[old place] is the new one. */
static void
give_places(ScoreGraph *graph, int32 *ranks)
{
	int64		i;

	for (i = 0; i < graph->nodes; i++)
	{
		if (i % SCORE_GRAPH_CHUNK == 0)
			graph->care.interrupt();
		if (i + SCORE_GRAPH_AHEAD < graph->nodes)
			expect_id(graph, graph->ids[i + SCORE_GRAPH_AHEAD]);
		ranks[*note_of(graph, graph->ids[i]) - 1] = (int32) i;
	}
}

static void
move_edges(ScoreGraph *graph, const int32 *ranks)
{
	int64		left = graph->edges;
	int64		i;

	for (i = 0; i < graph->nblocks; i++)
	{
		ScoreGraphEdge *edges = graph->blocks[i].edges;
		int64		count = Min(left, SCORE_GRAPH_BLOCK);
		int64		j;

		graph->care.interrupt();
		for (j = 0; j < count; j++)
		{
			edges[j].source = ranks[edges[j].source];
			edges[j].target = ranks[edges[j].target];
		}
		left -= count;
	}
}

/* All rows are there: from now on ids ascend with their places. */
void
score_graph_finish(ScoreGraph *graph)
{
	int64	   *scratch;
	int64	   *sorted;
	int32	   *ranks;

	score_graph_flush(graph);
	scratch = score_graph_take(graph, graph->room, sizeof(int64), false);
	sorted = sort_ids(graph, graph->ids, scratch);
	score_graph_give_back(graph, sorted == scratch ? graph->ids : scratch,
						  graph->room, sizeof(int64));
	graph->ids = sorted;
	ranks = score_graph_take(graph, graph->nodes, sizeof(int32), false);
	give_places(graph, ranks);
	end_map(graph);
	move_edges(graph, ranks);
	score_graph_give_back(graph, ranks, graph->nodes, sizeof(int32));
}

/* The place of an id of a graph that is finished, or -1. */
int32
score_graph_find(const ScoreGraph *graph, int64 id)
{
	int32		low = 0;
	int32		high = graph->nodes;

	while (low < high)
	{
		int32		middle = low + (high - low) / 2;

		if (graph->ids[middle] < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < graph->nodes && graph->ids[low] == id ? low : -1;
}
