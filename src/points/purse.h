/*-------------------------------------------------------------------------
 *
 * purse.h
 *	  The type purse: points in lots, each with the time from which it can be
 *	  spent, the time at which it expires, and a priority.
 *
 * Purses are values: no function changes its arguments, results are palloc'd.
 * All raise an error rather than give a wrong number.  Arithmetic and its
 * terms are in purse_algo.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_POINTS_PURSE_H
#define COMMUNITY_POINTS_PURSE_H

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/memutils.h"

#include "core/compat.h"
#include "points/purse_algo.h"

/* The form on disk, for ever: nothing but lots behind a version. */
typedef struct Purse
{
	int32		vl_len_;		/* varlena header, never touch it directly */
	uint8		version;
	uint8		zero[3];
	PurseLot	lots[FLEXIBLE_ARRAY_MEMBER];
} Purse;

#define PURSE_VERSION		1
#define PURSE_HEADER		offsetof(Purse, lots)
#define PURSE_MAX_LOTS \
	((int) ((MaxAllocSize - PURSE_HEADER) / sizeof(PurseLot)))

StaticAssertDecl(offsetof(Purse, lots) == 8, "lots are aligned on disk");

#define DatumGetPurseP(X)		purse_from_datum(X)
#define PursePGetDatum(X)		PointerGetDatum(X)
#define PG_GETARG_PURSE_P(n)	DatumGetPurseP(PG_GETARG_DATUM(n))
#define PG_RETURN_PURSE_P(x)	return PursePGetDatum(x)

/* purse.c */
extern Purse *purse_from_datum(Datum value);
extern Purse *purse_alloc(int lot_count);
extern void purse_set_count(Purse *purse, int count);
extern void purse_check_count(int64 count);
extern void purse_lot_overflow(const PurseLot *lot);

extern Purse *purse_zero(void);
extern Purse *purse_make(int64 points, TimestampTz available_at,
						 TimestampTz expires_at, int32 priority);
extern Purse *purse_add(const Purse *a, const Purse *b);
extern Purse *purse_subtract(const Purse *a, const Purse *b);
extern Purse *purse_negate(const Purse *purse);
extern bool purse_equal(const Purse *a, const Purse *b);
extern Purse *purse_settle(const Purse *purse, TimestampTz at);

/*
 * Sums of points.  total = expired + live_total, live_total = available +
 * pending.
 */
extern int64 purse_total(const Purse *purse);
extern int64 purse_owed(const Purse *purse);
extern int64 purse_available(const Purse *purse, TimestampTz at);
extern int64 purse_pending(const Purse *purse, TimestampTz at);
extern int64 purse_expired(const Purse *purse, TimestampTz at);
extern int64 purse_live_total(const Purse *purse, TimestampTz at);

/*
 * Spending.  The results are deltas: their lots are negative, and purse plus
 * delta is what is left.  "points" must not be negative.
 */

/* In burn order; NULL when available() is less. */
extern Purse *purse_take(const Purse *purse, int64 points, TimestampTz at);

/* In burn order, as much as there is. */
extern Purse *purse_take_up_to(const Purse *purse, int64 points,
							   TimestampTz at, int64 *taken);

/* From the very lot with the key of "key", whatever the time. */
extern Purse *purse_take_lot(const Purse *purse, const PurseLot *key,
							 int64 points, int64 *taken);

/*
 * Of a purse whose lots have all the same sign: without the first "from"
 * points in burn order, and of the rest the first "count".  So
 * part(p, 0, n) + part(p, n, m) = part(p, 0, n + m).
 */
extern Purse *purse_part(const Purse *delta, int64 from, int64 count);

/* Summing many: begin, add each, finish.  The sum lives in "context". */
extern void purse_sum_begin(PurseSum *sum, MemoryContext context);
extern void purse_sum_add(PurseSum *sum, const Purse *purse);
extern void purse_sum_add_lot(PurseSum *sum, const PurseLot *lot);
extern void purse_sum_reduce(PurseSum *sum);
extern Purse *purse_sum_finish(PurseSum *sum);

/* purse_text.c */
extern void purse_append_text(StringInfo buffer, const Purse *purse);
extern char *purse_key_text(const PurseLot *lot);

static inline int
purse_count(const Purse *purse)
{
	return (int) ((VARSIZE(purse) - PURSE_HEADER) / sizeof(PurseLot));
}

static inline const PurseLot *
purse_lots(const Purse *purse)
{
	return purse->lots;
}

#endif							/* COMMUNITY_POINTS_PURSE_H */
