/*-------------------------------------------------------------------------
 *
 * decayed_agg.c
 *	  Sums of decayed values.
 *
 * The state is a decayed value itself, changed in place when an aggregate
 * calls, so a row costs no allocation.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "score/decayed.h"

/* Intervals with more days than this take the careful way */
#define SCORE_PLAIN_DAYS	100000

PG_FUNCTION_INFO_V1(community_decayed_sum_accum);
PG_FUNCTION_INFO_V1(community_decayed_sum_combine);
PG_FUNCTION_INFO_V1(community_decayed_add_all);

/*
 * The half-life of a row.  Nearly always it is the state's, which a multiply
 * shows; the general conversion divides.
 */
static inline int32
score_row_half_life(const Interval *interval, const Decayed *state)
{
	int32		half_life = score_decayed_half_life(state);
	int32		seconds;

	/* day * USECS_PER_DAY cannot wrap, and the sum is unsigned */
	if (likely(interval->month == 0 &&
			   interval->day >= 0 && interval->day <= SCORE_PLAIN_DAYS &&
			   (uint64) interval->day * USECS_PER_DAY +
			   (uint64) interval->time ==
			   (uint64) half_life * USECS_PER_SEC))
		return half_life;
	seconds = score_interval_seconds(interval);
	if (seconds != half_life)
		score_mixed_half_lives("sum", half_life, seconds);
	return half_life;
}

/* The state to write into: the aggregate's own, or a copy of the caller's. */
static inline Decayed *
score_writable_state(FunctionCallInfo fcinfo)
{
	Decayed    *state = PG_GETARG_DECAYED_P(0);
	Decayed    *copy;

	if (AggCheckCallContext(fcinfo, NULL))
		return state;
	copy = palloc_object(Decayed);
	*copy = *state;
	return copy;
}

/*
 * (state, value, at, half_life).  A row without a value or a time counts for
 * nothing.
 */
Datum
community_decayed_sum_accum(PG_FUNCTION_ARGS)
{
	Decayed    *state;
	Decayed		term;
	double		value;
	TimestampTz at;
	int32		half_life;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	if (PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("half-life of a decayed sum must not be null")));

	if (PG_ARGISNULL(0))
	{
		state = palloc_object(Decayed);
		score_decayed_make(state, PG_GETARG_FLOAT8(1),
						   PG_GETARG_TIMESTAMPTZ(2),
						   score_interval_seconds(PG_GETARG_INTERVAL_P(3)));
		PG_RETURN_DECAYED_P(state);
	}

	state = score_writable_state(fcinfo);
	half_life = score_row_half_life(PG_GETARG_INTERVAL_P(3), state);
	value = PG_GETARG_FLOAT8(1);
	at = PG_GETARG_TIMESTAMPTZ(2);

	/* the arithmetic inline; whatever it refuses, the calls complain of */
	if (unlikely(isnan(value) || isinf(value) || TIMESTAMP_NOT_FINITE(at) ||
				 score_decayed_term(&term, value, at, half_life) !=
				 SCORE_DECAYED_OK))
		score_decayed_make(&term, value, at, half_life);
	if (unlikely(score_decayed_sum(state, state, &term) != SCORE_DECAYED_OK))
		score_decayed_add(state, state, &term);
	PG_RETURN_DECAYED_P(state);
}

/* Both the transition of decayed_sum(decayed) and the combine function. */
Datum
community_decayed_sum_combine(PG_FUNCTION_ARGS)
{
	Decayed    *state = score_writable_state(fcinfo);

	score_decayed_add(state, state, PG_GETARG_DECAYED_P(1));
	PG_RETURN_DECAYED_P(state);
}

/* start + terms[1] + terms[2] + ..., in this order. */
Datum
community_decayed_add_all(PG_FUNCTION_ARGS)
{
	Decayed    *result = palloc_object(Decayed);
	ArrayType  *terms = PG_GETARG_ARRAYTYPE_P(1);
	Datum	   *items;
	bool	   *nulls;
	int			count;
	int			i;

	*result = *PG_GETARG_DECAYED_P(0);
	deconstruct_array(terms, ARR_ELEMTYPE(terms), sizeof(Decayed), false,
					  TYPALIGN_DOUBLE, &items, &nulls, &count);
	for (i = 0; i < count; i++)
	{
		if (!nulls[i])
			score_decayed_add(result, result, DatumGetDecayedP(items[i]));
	}
	PG_RETURN_DECAYED_P(result);
}
