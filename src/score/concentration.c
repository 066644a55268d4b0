/*-------------------------------------------------------------------------
 *
 * concentration.c
 *	  Aggregates that say how unequally a total is shared.
 *
 * The state is a bytea that holds the values seen and doubles when it is full,
 * so a row costs constant time on average.  It is changed in place.  It grows
 * by returning a new one: the executor frees the old, which repalloc would
 * already have done.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/memutils.h"

#include "core/compat.h"
#include "score/concentration_algo.h"

#define SCORE_SHARES_VERSION	1
#define SCORE_SHARES_FIRST		8
#define SCORE_LORENZ_MAX_POINTS	100000

/* What CHAOSS and Nielsen use when nothing else is said */
#define SCORE_ABSENCE_SHARE		0.5
#define SCORE_LURKERS_BELOW		0.9
#define SCORE_SUPER_USERS_FROM	0.99

/*
 * What else an aggregate has been told: a fraction, a number of points, a
 * share or two ranks.  Unused ones are zero.
 */
typedef struct ScoreShareArguments
{
	double		a;
	double		b;
} ScoreShareArguments;

/* A bytea, so possibly one that somebody made up: check before use. */
typedef struct ScoreShares
{
	int32		vl_len_;
	int32		version;
	int64		count;
	ScoreShareArguments arguments;
	double		values[FLEXIBLE_ARRAY_MEMBER];
} ScoreShares;

#define SCORE_SHARES_SIZE(capacity) \
	(offsetof(ScoreShares, values) + (Size) (capacity) * sizeof(double))
#define SCORE_SHARES_CAPACITY(state) \
	((int64) ((VARSIZE(state) - offsetof(ScoreShares, values)) / \
			  sizeof(double)))

/* What fits into one allocation: 134217724 values */
#define SCORE_SHARES_MAX \
	((int64) ((MaxAllocSize - offsetof(ScoreShares, values)) / sizeof(double)))

PG_FUNCTION_INFO_V1(community_gini_accum);
PG_FUNCTION_INFO_V1(community_top_share_accum);
PG_FUNCTION_INFO_V1(community_lorenz_accum);
PG_FUNCTION_INFO_V1(community_concentration_combine);
PG_FUNCTION_INFO_V1(community_gini_final);
PG_FUNCTION_INFO_V1(community_top_share_final);
PG_FUNCTION_INFO_V1(community_lorenz_final);
PG_FUNCTION_INFO_V1(community_shares_accum);
PG_FUNCTION_INFO_V1(community_absence_factor_accum);
PG_FUNCTION_INFO_V1(community_participation_accum);
PG_FUNCTION_INFO_V1(community_herfindahl_final);
PG_FUNCTION_INFO_V1(community_normalised_herfindahl_final);
PG_FUNCTION_INFO_V1(community_effective_number_final);
PG_FUNCTION_INFO_V1(community_absence_factor_final);
PG_FUNCTION_INFO_V1(community_participation_final);

static const ScoreShareArguments score_no_arguments = {0.0, 0.0};

static void
score_check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

static void
score_require_aggregate(FunctionCallInfo fcinfo)
{
	if (!AggCheckCallContext(fcinfo, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("support function of a concentration aggregate called outside of an aggregate")));
}

/*
 * A state as an aligned, plain struct: the argument itself where possible,
 * because then it can be changed in place.  What comes out of a tuple, from a
 * parallel worker, may be packed, or aligned for a bytea only.
 */
static ScoreShares *
score_get_shares(FunctionCallInfo fcinfo, int argno)
{
	ScoreShares *state;

	state = (ScoreShares *) PG_DETOAST_DATUM(PG_GETARG_DATUM(argno));
	if (PointerGetDatum(state) != MAXALIGN(PointerGetDatum(state)))
		state = (ScoreShares *)
			PG_DETOAST_DATUM_COPY(PG_GETARG_DATUM(argno));
	if (VARSIZE(state) < offsetof(ScoreShares, values) ||
		state->version != SCORE_SHARES_VERSION ||
		state->count < 0 || state->count > SCORE_SHARES_CAPACITY(state))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("invalid state of a concentration aggregate")));
	return state;
}

static ScoreShares *
score_new_shares(int64 capacity, ScoreShareArguments arguments)
{
	Size		size = SCORE_SHARES_SIZE(capacity);
	ScoreShares *state = palloc(size);

	SET_VARSIZE(state, size);
	state->version = SCORE_SHARES_VERSION;
	state->count = 0;
	state->arguments = arguments;
	return state;
}

/*
 * Room for more values: the state itself, or a copy of at least twice the
 * size.
 */
static ScoreShares *
score_reserve(ScoreShares *state, int64 more)
{
	int64		capacity = SCORE_SHARES_CAPACITY(state);
	int64		needed = state->count + more;
	ScoreShares *result;

	if (likely(needed <= capacity))
		return state;
	if (needed > SCORE_SHARES_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("concentration aggregate cannot hold " INT64_FORMAT " values",
						needed),
				 errdetail("The limit is " INT64_FORMAT " values a group.",
						   SCORE_SHARES_MAX)));
	capacity = Min(Max(needed, capacity * 2), SCORE_SHARES_MAX);
	capacity = Max(capacity, SCORE_SHARES_FIRST);
	result = score_new_shares(capacity, state->arguments);
	result->count = state->count;
	memcpy(result->values, state->values, state->count * sizeof(double));
	/* what the executor copies should be defined */
	memset(result->values + result->count, 0,
		   (capacity - result->count) * sizeof(double));
	return result;
}

/* What is told beside the value holds for a whole group. */
static void
score_same_arguments(const ScoreShares *state, ScoreShareArguments now)
{
	double		before = state->arguments.a;
	double		changed = now.a;

	if (before == changed)
	{
		before = state->arguments.b;
		changed = now.b;
	}
	if (before != changed)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter of a concentration aggregate must not vary within a group"),
				 errdetail("It was %g and is now %g.", before, changed)));
}

/*
 * Take one value.  name is the aggregate, for messages.
 */
static Datum
score_shares_accum(FunctionCallInfo fcinfo, const char *name,
				   ScoreShareArguments arguments)
{
	ScoreShares *state;
	double		value = PG_GETARG_FLOAT8(1);

	if (!(value >= 0.0) || isinf(value))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("%s needs values that are finite and not negative, not %g",
						name, value)));
	if (PG_ARGISNULL(0))
	{
		state = score_new_shares(SCORE_SHARES_FIRST, arguments);
		memset(state->values, 0, SCORE_SHARES_FIRST * sizeof(double));
	}
	else
	{
		state = score_get_shares(fcinfo, 0);
		score_same_arguments(state, arguments);
		state = score_reserve(state, 1);
	}
	/* no minus zero: it would not sort by its bits */
	state->values[state->count++] = value == 0.0 ? 0.0 : value;
	PG_RETURN_POINTER(state);
}

/* The state as it is, for a row that does not count. */
static Datum
score_shares_unchanged(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}

Datum
community_gini_accum(PG_FUNCTION_ARGS)
{
	score_require_aggregate(fcinfo);
	if (PG_ARGISNULL(1))
		return score_shares_unchanged(fcinfo);
	return score_shares_accum(fcinfo, "gini", score_no_arguments);
}

Datum
community_top_share_accum(PG_FUNCTION_ARGS)
{
	ScoreShareArguments arguments = {0.0, 0.0};
	double		fraction;

	score_require_aggregate(fcinfo);
	if (PG_ARGISNULL(1))
		return score_shares_unchanged(fcinfo);
	if (PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("fraction of top_share must not be null")));
	fraction = PG_GETARG_FLOAT8(2);
	if (!(fraction >= 0.0 && fraction <= 1.0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fraction of top_share must be between 0 and 1, not %g",
						fraction)));
	arguments.a = fraction;
	return score_shares_accum(fcinfo, "top_share", arguments);
}

Datum
community_lorenz_accum(PG_FUNCTION_ARGS)
{
	ScoreShareArguments arguments = {0.0, 0.0};
	int32		points;

	score_require_aggregate(fcinfo);
	if (PG_ARGISNULL(1))
		return score_shares_unchanged(fcinfo);
	if (PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("number of points of lorenz must not be null")));
	points = PG_GETARG_INT32(2);
	if (points < 1 || points > SCORE_LORENZ_MAX_POINTS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of points of lorenz must be between 1 and %d, not %d",
						SCORE_LORENZ_MAX_POINTS, points)));
	arguments.a = points;
	return score_shares_accum(fcinfo, "lorenz", arguments);
}

/* herfindahl, normalised_herfindahl, effective_number */
Datum
community_shares_accum(PG_FUNCTION_ARGS)
{
	score_require_aggregate(fcinfo);
	if (PG_ARGISNULL(1))
		return score_shares_unchanged(fcinfo);
	return score_shares_accum(fcinfo, "a measure of concentration",
							  score_no_arguments);
}

Datum
community_absence_factor_accum(PG_FUNCTION_ARGS)
{
	ScoreShareArguments arguments = {SCORE_ABSENCE_SHARE, 0.0};

	score_require_aggregate(fcinfo);
	if (PG_ARGISNULL(1))
		return score_shares_unchanged(fcinfo);
	if (PG_NARGS() > 2)
	{
		if (PG_ARGISNULL(2))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("share of absence_factor must not be null")));
		arguments.a = PG_GETARG_FLOAT8(2);
	}
	if (!(arguments.a >= 0.0 && arguments.a <= 1.0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("share of absence_factor must be between 0 and 1, not %g",
						arguments.a)));
	return score_shares_accum(fcinfo, "absence_factor", arguments);
}

Datum
community_participation_accum(PG_FUNCTION_ARGS)
{
	ScoreShareArguments arguments = {
		SCORE_LURKERS_BELOW, SCORE_SUPER_USERS_FROM
	};

	score_require_aggregate(fcinfo);
	if (PG_ARGISNULL(1))
		return score_shares_unchanged(fcinfo);
	if (PG_NARGS() > 2)
	{
		if (PG_ARGISNULL(2) || PG_ARGISNULL(3))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("ranks of participation_shares must not be null")));
		arguments.a = PG_GETARG_FLOAT8(2);
		arguments.b = PG_GETARG_FLOAT8(3);
	}
	if (!(arguments.a >= 0.0 && arguments.a <= arguments.b &&
		  arguments.b <= 1.0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("ranks of participation_shares must be between 0 and 1, and in order"),
				 errdetail("lurkers_below is %g and super_users_from is %g.",
						   arguments.a, arguments.b)));
	return score_shares_accum(fcinfo, "participation_shares", arguments);
}

/* Append the second state's values to the first's. */
Datum
community_concentration_combine(PG_FUNCTION_ARGS)
{
	ScoreShares *a;
	ScoreShares *b;

	score_require_aggregate(fcinfo);
	a = score_get_shares(fcinfo, 0);
	b = score_get_shares(fcinfo, 1);
	score_same_arguments(a, b->arguments);
	a = score_reserve(a, b->count);
	memcpy(a->values + a->count, b->values, b->count * sizeof(double));
	a->count += b->count;
	PG_RETURN_POINTER(a);
}

/*
 * A sorted copy of the values.  The state stays as it is: a window frame or
 * another final function may go on with it.
 */
static double *
score_sorted_values(const ScoreShares *state)
{
	Size		size = Max(state->count, 1) * sizeof(double);
	double	   *values = palloc_extended(size, MCXT_ALLOC_HUGE);
	double	   *scratch = palloc_extended(size, MCXT_ALLOC_HUGE);

	memcpy(values, state->values, state->count * sizeof(double));
	score_sort_doubles(values, scratch, state->count, score_check_interrupts);
	pfree(scratch);
	return values;
}

Datum
community_gini_final(PG_FUNCTION_ARGS)
{
	ScoreShares *state;
	double	   *values;
	double		result;
	bool		found;

	score_require_aggregate(fcinfo);
	state = score_get_shares(fcinfo, 0);
	values = score_sorted_values(state);
	found = score_gini(&result, values, state->count, score_check_interrupts);
	pfree(values);
	if (!found)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(result);
}

Datum
community_top_share_final(PG_FUNCTION_ARGS)
{
	ScoreShares *state;
	double	   *values;
	double		result;
	bool		found;

	score_require_aggregate(fcinfo);
	state = score_get_shares(fcinfo, 0);
	if (!(state->arguments.a >= 0.0 && state->arguments.a <= 1.0))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("invalid state of a concentration aggregate")));
	values = score_sorted_values(state);
	found = score_top_share(&result, values, state->count, state->arguments.a,
							score_check_interrupts);
	pfree(values);
	if (!found)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(result);
}

Datum
community_lorenz_final(PG_FUNCTION_ARGS)
{
	ScoreShares *state;
	double	   *values;
	double	   *curve;
	Datum	   *items;
	int32		points;
	int32		i;

	score_require_aggregate(fcinfo);
	state = score_get_shares(fcinfo, 0);
	if (!(state->arguments.a >= 1.0 &&
		  state->arguments.a <= SCORE_LORENZ_MAX_POINTS))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("invalid state of a concentration aggregate")));
	points = (int32) state->arguments.a;
	curve = palloc_array(double, points + 1);
	values = score_sorted_values(state);
	if (!score_lorenz(curve, points, values, state->count,
					  score_check_interrupts))
		PG_RETURN_NULL();
	pfree(values);

	items = palloc_array(Datum, points + 1);
	for (i = 0; i <= points; i++)
		items[i] = Float8GetDatum(curve[i]);
	PG_RETURN_ARRAYTYPE_P(construct_array(items, points + 1, FLOAT8OID,
										  sizeof(double), FLOAT8PASSBYVAL,
										  TYPALIGN_DOUBLE));
}

static bool
score_herfindahl_of(FunctionCallInfo fcinfo, double *result, int64 *count)
{
	ScoreShares *state;
	double	   *values;
	bool		found;

	score_require_aggregate(fcinfo);
	state = score_get_shares(fcinfo, 0);
	values = score_sorted_values(state);
	found = score_herfindahl(result, values, state->count,
							 score_check_interrupts);
	pfree(values);
	*count = state->count;
	return found;
}

Datum
community_herfindahl_final(PG_FUNCTION_ARGS)
{
	double		result;
	int64		count;

	if (!score_herfindahl_of(fcinfo, &result, &count))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(result);
}

/* From 0, where all have the same, to 1.  One alone has no such figure. */
Datum
community_normalised_herfindahl_final(PG_FUNCTION_ARGS)
{
	double		result;
	double		least;
	int64		count;

	if (!score_herfindahl_of(fcinfo, &result, &count) || count < 2)
		PG_RETURN_NULL();
	least = 1.0 / (double) count;
	result = (result - least) / (1.0 - least);
	PG_RETURN_FLOAT8(Min(Max(result, 0.0), 1.0));
}

Datum
community_effective_number_final(PG_FUNCTION_ARGS)
{
	double		result;
	int64		count;

	if (!score_herfindahl_of(fcinfo, &result, &count))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(1.0 / result);
}

Datum
community_absence_factor_final(PG_FUNCTION_ARGS)
{
	ScoreShares *state;
	double	   *values;
	int64		result;
	bool		found;

	score_require_aggregate(fcinfo);
	state = score_get_shares(fcinfo, 0);
	values = score_sorted_values(state);
	found = score_absence_factor(&result, values, state->count,
								 state->arguments.a, score_check_interrupts);
	pfree(values);
	if (!found)
		PG_RETURN_NULL();
	PG_RETURN_INT64(result);
}

Datum
community_participation_final(PG_FUNCTION_ARGS)
{
	ScoreShares *state;
	TupleDesc	tupdesc;
	Datum		items[3];
	bool		nulls[3] = {false, false, false};
	double		shares[3];
	double	   *values;
	bool		found;
	int			i;

	score_require_aggregate(fcinfo);
	state = score_get_shares(fcinfo, 0);
	if (!(state->arguments.a >= 0.0 &&
		  state->arguments.a <= state->arguments.b &&
		  state->arguments.b <= 1.0))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("invalid state of a concentration aggregate")));
	values = score_sorted_values(state);
	found = score_participation(shares, values, state->count,
								state->arguments.a, state->arguments.b,
								score_check_interrupts);
	pfree(values);
	if (!found)
		PG_RETURN_NULL();
	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "participation_shares must return participation");
	for (i = 0; i < 3; i++)
		items[i] = Float8GetDatum(shares[i]);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc), items,
											 nulls));
}
