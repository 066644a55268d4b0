/*-------------------------------------------------------------------------
 *
 * graph.h
 *	  Graphs from the edges that a query gives.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_SCORE_GRAPH_H
#define COMMUNITY_SCORE_GRAPH_H

#include "fmgr.h"

#include "score/graph_algo.h"

/*
 * Where the edges come from: a query of the caller, or the interactions of a
 * program.  The last four arguments of a function are since, until and
 * program, the first is the query.
 */
typedef struct ScoreGraphRequest
{
	const char *function;
	bool		weights;		/* are weights of use? */
	int			nseeds;			/* ids that are nodes in any case */
	const int64 *seeds;
} ScoreGraphRequest;

/* graph_query.c */
extern ScoreGraph *score_read_graph(FunctionCallInfo fcinfo,
									const ScoreGraphRequest *request);

#endif							/* COMMUNITY_SCORE_GRAPH_H */
