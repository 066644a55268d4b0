/*-------------------------------------------------------------------------
 *
 * purse_algo.h
 *	  Arithmetic of lots of points, free of the server.
 *
 * A lot is a number of points with the key (priority, expires_at,
 * available_at).  An array of lots is canonical if the keys ascend strictly
 * and no lot has zero points; then it is the one form of a purse.  The order
 * of the keys is the order in which points are spent.
 *
 * Functions take canonical arrays and give canonical arrays.  The caller
 * brings the room for the result.  They report an overflow by giving false;
 * the key of the lot that overflowed is then in result[*count].
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_POINTS_PURSE_ALGO_H
#define COMMUNITY_POINTS_PURSE_ALGO_H

#include "datatype/timestamp.h"

/*
 * The form on disk, for ever.  The last field fills the room up to the
 * alignment; it is zero, so that equal purses are equal bytes.
 */
typedef struct PurseLot
{
	int64		points;
	TimestampTz available_at;
	TimestampTz expires_at;
	int32		priority;
	int32		zero;
} PurseLot;

StaticAssertDecl(sizeof(PurseLot) == 32, "a lot is 32 bytes on disk");

/* What a lot is at a time.  They exclude each other; add them to ask. */
typedef enum PurseLotState
{
	PURSE_PENDING = 1,
	PURSE_LIVE = 2,
	PURSE_EXPIRED = 4
} PurseLotState;

#define PURSE_ALL	(PURSE_PENDING | PURSE_LIVE | PURSE_EXPIRED)

/*
 * A sum in the making.  lots[0 .. sorted) is canonical but for zero points;
 * behind it come lots in no order, whose keys may repeat.
 */
typedef struct PurseSum
{
	PurseLot   *lots;
	int			capacity;
	int			count;
	int			sorted;
	int			last;			/* the lot that was added to last */
} PurseSum;

extern bool purse_lots_add(PurseLot *result, int *count,
						   const PurseLot *a, int a_count,
						   const PurseLot *b, int b_count, bool minus);
extern bool purse_lots_negate(PurseLot *result, int *count,
							  const PurseLot *lots, int lot_count);
extern bool purse_lots_canonicalize(PurseLot *lots, int *count);
extern bool purse_lots_total(int64 *total, const PurseLot *lots,
							 int lot_count, int states, TimestampTz at);
extern int	purse_lots_find(const PurseLot *lots, int lot_count,
							const PurseLot *key);
extern bool purse_lots_take(PurseLot *result, int *count, int64 *taken,
							const PurseLot *lots, int lot_count,
							int64 points, TimestampTz at);
extern int	purse_lots_part(PurseLot *result, const PurseLot *lots,
							int lot_count, int64 from, int64 points);
extern bool purse_lots_settle(PurseLot *result, int *count,
							  const PurseLot *lots, int lot_count,
							  TimestampTz at);

extern bool purse_sum_lot(PurseSum *sum, const PurseLot *lot);
extern const PurseLot *purse_sum_sort(PurseSum *sum, PurseLot *room);

/* Order of the keys: which of two lots is spent first? */
static inline int
purse_lot_compare(const PurseLot *a, const PurseLot *b)
{
	if (a->priority != b->priority)
		return a->priority < b->priority ? -1 : 1;
	if (a->expires_at != b->expires_at)
		return a->expires_at < b->expires_at ? -1 : 1;
	if (a->available_at != b->available_at)
		return a->available_at < b->available_at ? -1 : 1;
	return 0;
}

/* Expiry comes first: what has expired is not pending any more. */
static inline PurseLotState
purse_lot_state(const PurseLot *lot, TimestampTz at)
{
	if (lot->expires_at <= at)
		return PURSE_EXPIRED;
	return lot->available_at > at ? PURSE_PENDING : PURSE_LIVE;
}

#endif							/* COMMUNITY_POINTS_PURSE_ALGO_H */
