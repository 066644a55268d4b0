/*-------------------------------------------------------------------------
 *
 * query.h
 *	  Queries of the caller that bring data to scores.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_SCORE_QUERY_H
#define COMMUNITY_SCORE_QUERY_H

/* The columns that a query is to have; the last ones may be left out. */
typedef struct ScoreQueryColumns
{
	const char *names;			/* for messages: "x and mean" */
	int			least;
	int			most;
	const Oid  *types;			/* what they can be cast to; InvalidOid any */
} ScoreQueryColumns;

extern char *score_check_query(const char *function, const char *query,
							   const ScoreQueryColumns *columns, int *count);

#endif							/* COMMUNITY_SCORE_QUERY_H */
