/*-------------------------------------------------------------------------
 *
 * graph_algo.h
 *	  Who reaches whom: graphs of members, and measures of their nodes.
 *
 * Edges in, arrays out.  A node is known by its place, a number from 0 on in
 * the order of the ids, so that everything about nodes is an array and no
 * result depends on the order of the rows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_SCORE_GRAPH_ALGO_H
#define COMMUNITY_SCORE_GRAPH_ALGO_H

/*
 * Places have 32 bits and a sign.  So has the number of entries of a layout,
 * which may have each edge twice.
 */
#define SCORE_GRAPH_MAX_NODES	(PG_INT32_MAX - 1)
#define SCORE_GRAPH_MAX_EDGES	((int64) 1 << 30)

/* Edges looked at between two calls of interrupt(), at most. */
#define SCORE_GRAPH_CHUNK		((int64) 1 << 17)

struct ScoreGraph;

/*
 * What the caller wants to be asked.  Both may leave by an error: interrupt()
 * is called every few milliseconds, refuse() before more than "limit" bytes
 * would be held, or more nodes or edges than there may be.
 */
typedef struct ScoreGraphCare
{
	void		(*interrupt) (void);
	void		(*refuse) (const struct ScoreGraph *graph, Size needed,
						   void *arg);
	void	   *arg;
	Size		limit;
} ScoreGraphCare;

typedef struct ScoreGraphEdge
{
	int32		source;
	int32		target;
} ScoreGraphEdge;

typedef struct ScoreGraphSlot
{
	int64		id;
	int32		place;			/* plus 1; 0 is an empty slot */
} ScoreGraphSlot;

/* Ask for memory that is needed soon, so far ahead in an array. */
#if defined(__GNUC__)
#define score_prefetch(address)	__builtin_prefetch(address)
#else
#define score_prefetch(address)	((void) 0)
#endif
#define SCORE_GRAPH_AHEAD		32

/* Rows that wait for their places. */
#define SCORE_GRAPH_BATCH		64

typedef struct ScoreGraphBatch
{
	int			count;
	int64		sources[SCORE_GRAPH_BATCH];
	int64		targets[SCORE_GRAPH_BATCH];
	double		weights[SCORE_GRAPH_BATCH];
} ScoreGraphBatch;

/* Edges in blocks, so that no array must grow. */
#define SCORE_GRAPH_BLOCK_BITS	16
#define SCORE_GRAPH_BLOCK		((int64) 1 << SCORE_GRAPH_BLOCK_BITS)

typedef struct ScoreGraphBlock
{
	ScoreGraphEdge *edges;
	double	   *weights;		/* NULL where all are 1 */
} ScoreGraphBlock;

/* First it takes rows, then it is finished; then the ids ascend. */
typedef struct ScoreGraph
{
	ScoreGraphCare care;
	bool		weighted;
	Size		held;			/* bytes in arrays of ours */

	int32		nodes;
	int64		room;
	int64	   *ids;
	int64		least;			/* id, and greatest */
	int64		greatest;

	/* places of ids: of a range, or by hashing; one of the two is NULL */
	int			map_bits;
	int32	   *places;			/* plus 1; 0 where there is none */
	int64		base;			/* id of the first of them */
	ScoreGraphSlot *slots;

	int64		edges;
	int64		nblocks;
	int64		block_room;
	ScoreGraphBlock *blocks;
	ScoreGraphBatch batch;
} ScoreGraph;

/* ----- graph_build_algo.c ----- */

extern ScoreGraph *score_graph_begin(const ScoreGraphCare *care,
									 bool weighted);
extern void score_graph_add_node(ScoreGraph *graph, int64 id);
extern void score_graph_finish(ScoreGraph *graph);
extern int32 score_graph_find(const ScoreGraph *graph, int64 id);
extern void score_graph_flush(ScoreGraph *graph);
extern void score_graph_need(const ScoreGraph *graph, Size bytes);
extern void score_graph_fill(const ScoreGraph *graph, void *array, int byte,
							 Size bytes);
extern void *score_graph_take(ScoreGraph *graph, int64 count, Size size,
							  bool zero);
extern void score_graph_give_back(ScoreGraph *graph, void *array,
								  int64 count, Size size);

/* Take an edge; its weight is positive and finite. */
static inline void
score_graph_add_edge(ScoreGraph *graph, int64 source, int64 target,
					 double weight)
{
	ScoreGraphBatch *batch = &graph->batch;

	if (batch->count == SCORE_GRAPH_BATCH)
		score_graph_flush(graph);
	batch->sources[batch->count] = source;
	batch->targets[batch->count] = target;
	batch->weights[batch->count++] = weight;
}

/* Work that was done since the last look whether to go on. */
static inline void
score_graph_worked(const ScoreGraph *graph, int64 *work, int64 more)
{
	*work += more;
	if (*work >= SCORE_GRAPH_CHUNK)
	{
		*work = 0;
		graph->care.interrupt();
	}
}

/* ----- graph_layout_algo.c ----- */

typedef enum ScoreGraphSide
{
	SCORE_GRAPH_OUT,			/* at a node the targets of its edges */
	SCORE_GRAPH_IN,				/* at a node the sources of its edges */
	SCORE_GRAPH_BOTH			/* at a node the other ends; a loop once */
} ScoreGraphSide;

/* What becomes of several edges between two nodes. */
typedef enum ScoreGraphMerge
{
	SCORE_GRAPH_KEEP,			/* each is an entry */
	SCORE_GRAPH_SUM,			/* one entry with the sum of their weights */
	SCORE_GRAPH_ONCE			/* one entry with the greatest weight */
} ScoreGraphMerge;

typedef struct ScoreGraphShape
{
	ScoreGraphSide side;
	ScoreGraphMerge merge;
	bool		loops;			/* are there edges from a node to itself? */
	bool		weights;		/* are weights of use? */
	bool		sorted;			/* do the entries of a node ascend? */
} ScoreGraphShape;

/*
 * Entries side by side: those of node i from starts[i] to starts[i + 1].
 * SCORE_GRAPH_AHEAD entries more may be read.
 */
typedef struct ScoreLayout
{
	int32		nodes;
	int64		room;			/* of ends and weights */
	int64	   *starts;
	int32	   *ends;
	double	   *weights;		/* NULL where all are 1 */
} ScoreLayout;

extern void score_graph_lay_out(ScoreGraph *graph,
								const ScoreGraphShape *shape,
								ScoreLayout *layout);
extern Size score_graph_layout_memory(const ScoreGraph *graph,
									  const ScoreGraphShape *shape);
extern void score_graph_end_layout(ScoreGraph *graph, ScoreLayout *layout);
extern void score_graph_end_edges(ScoreGraph *graph);

/* ----- measures ----- */

typedef struct ScoreDegrees
{
	int64	   *in;
	int64	   *out;
	int64	   *neighbours;
	double	   *in_weight;
	double	   *out_weight;
} ScoreDegrees;

typedef struct ScorePagerank
{
	bool		directed;
	bool		loops;
	ScoreGraphMerge merge;
	double		damping;
	double		tolerance;
	int			max_steps;
	const double *restart;		/* sums to 1; NULL is all alike */
	bool		dangling_uniform;	/* rather than to where walks restart */
} ScorePagerank;

/* Which edges of a node count for its core. */
typedef enum ScoreCoreSide
{
	SCORE_CORE_BOTH,
	SCORE_CORE_IN,
	SCORE_CORE_OUT
} ScoreCoreSide;

typedef struct ScoreFigures
{
	int64		edges;
	int64		loops;
	int64		arcs;			/* ordered pairs of different nodes */
	int64		ties;			/* unordered pairs */
	double		triangles;		/* at each of their nodes */
	double		forks;			/* pairs of neighbours of a node */
	double		mean_clustering;
	bool		has_assortativity;
	double		assortativity;
} ScoreFigures;

/* degrees_algo.c */
extern void score_degrees(ScoreGraph *graph, bool loops,
						  ScoreDegrees *result);
extern void score_count_pairs(ScoreGraph *graph, ScoreFigures *figures);

/* pagerank_algo.c */
extern double *score_pagerank(ScoreGraph *graph,
							  const ScorePagerank *options, double *error);

/* core_algo.c */
extern int32 *score_core_numbers(ScoreGraph *graph, ScoreCoreSide side,
								 ScoreGraphMerge merge);

/* betweenness_algo.c */
extern double *score_betweenness(ScoreGraph *graph, bool directed,
								 int32 sample, uint64 seed);

/* constraint_algo.c */
extern double *score_constraint(ScoreGraph *graph, ScoreGraphMerge merge);

/* triangles_algo.c */
extern void score_figures(ScoreGraph *graph, ScoreFigures *figures);

#endif							/* COMMUNITY_SCORE_GRAPH_ALGO_H */
