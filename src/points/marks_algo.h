/*-------------------------------------------------------------------------
 *
 * marks_algo.h
 *	  Which ids an account has folded.
 *
 * The upper 16 bits of an id name the node that drew it, and ids ascend only
 * within a node.  So there is one mark for each node, in ascending order:
 * ids of that node up to the mark are folded.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_POINTS_MARKS_ALGO_H
#define COMMUNITY_POINTS_MARKS_ALGO_H

#include "c.h"

#define POINTS_NODE_BITS	48

/* Ids after "from" up to and including "to". */
typedef struct PointsIdRange
{
	int64		from;
	int64		to;
} PointsIdRange;

extern int	points_unfolded_ranges(const int64 *marks, int count,
								   PointsIdRange *ranges);
extern int	points_set_mark(int64 *marks, int count, int64 mark);
extern bool points_is_folded(const int64 *marks, int count, int64 id);

#endif							/* COMMUNITY_POINTS_MARKS_ALGO_H */
