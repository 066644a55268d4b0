/*-------------------------------------------------------------------------
 *
 * decayed.h
 *	  The type decayed: a score that halves every half-life, in a form whose
 *	  order never changes.
 *
 * The value itself is in decayed_algo.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_SCORE_DECAYED_H
#define COMMUNITY_SCORE_DECAYED_H

#include "fmgr.h"
#include "utils/timestamp.h"

#include "score/decayed_algo.h"

#define DatumGetDecayedP(X)		((Decayed *) DatumGetPointer(X))
#define DecayedPGetDatum(X)		PointerGetDatum(X)
#define PG_GETARG_DECAYED_P(n)	DatumGetDecayedP(PG_GETARG_DATUM(n))
#define PG_RETURN_DECAYED_P(x)	return DecayedPGetDatum(x)

/* All of these raise an error rather than give a wrong value. */
extern void score_decayed_make(Decayed *result, double value, TimestampTz at,
							   int32 half_life_seconds);
extern void score_decayed_add(Decayed *result, const Decayed *a,
							  const Decayed *b);
extern double score_decayed_at(const Decayed *d, TimestampTz at);
extern int32 score_interval_seconds(const Interval *half_life);

/* "30 days"; the result is palloc'd and good for a message. */
extern char *score_half_life_text(int32 half_life_seconds);

/* Complain that two half-lives met; verb is what was attempted. */
extern void score_mixed_half_lives(const char *verb, int32 a, int32 b);

#endif							/* COMMUNITY_SCORE_DECAYED_H */
