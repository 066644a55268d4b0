/*-------------------------------------------------------------------------
 *
 * ltv_history.c
 *	  Aggregate purchase_history: what the models of lifetime value want to
 *	  know of a customer.
 *
 * The state is a bytea that holds a day and an amount for each purchase, and
 * when it is full, merges what is of one day before it grows.  Amounts are
 * added up with 128 bits, so neither the order of the rows nor that of the
 * parallel workers can be seen in the result.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/xact.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/compat.h"

#define SCORE_HISTORY_VERSION	1
#define SCORE_HISTORY_FIRST		4
#define SCORE_HISTORY_COLUMNS	9

/* Purchases of a day, or one of them; the amount has 128 bits. */
typedef struct ScorePurchase
{
	int32		day;			/* days since 2000-01-01 in the time zone */
	int32		unused;
	int64		high;
	uint64		low;
} ScorePurchase;

/* A bytea, so possibly one that somebody made up: check before use. */
typedef struct ScoreHistory
{
	int32		vl_len_;
	int32		version;
	int32		calibration;	/* last day of calibration */
	int32		observation;	/* last day of observation */
	uint32		zone;			/* hash of the time zone's name */
	int32		unused;
	int64		count;
	ScorePurchase purchases[FLEXIBLE_ARRAY_MEMBER];
} ScoreHistory;

#define SCORE_HISTORY_SIZE(capacity) \
	(offsetof(ScoreHistory, purchases) + \
	 (Size) (capacity) * sizeof(ScorePurchase))
#define SCORE_HISTORY_CAPACITY(state) \
	((int64) ((VARSIZE(state) - offsetof(ScoreHistory, purchases)) / \
			  sizeof(ScorePurchase)))
#define SCORE_HISTORY_MAX \
	((int64) ((MaxAllocSize - offsetof(ScoreHistory, purchases)) / \
			  sizeof(ScorePurchase)))

/* The time zone and the ends of the row before, as they rarely change */
typedef struct ScoreHistoryCall
{
	pg_tz	   *zone;			/* NULL at first */
	char		name[TZ_STRLEN_MAX + 1];
	uint32		hash;
	TimestampTz calibration_end;
	TimestampTz observation_end;
	int32		calibration;
	int32		observation;
} ScoreHistoryCall;

PG_FUNCTION_INFO_V1(community_purchase_history_accum);
PG_FUNCTION_INFO_V1(community_purchase_history_accum_now);
PG_FUNCTION_INFO_V1(community_purchase_history_combine);
PG_FUNCTION_INFO_V1(community_purchase_history_final);

static void
score_history_require_aggregate(FunctionCallInfo fcinfo)
{
	if (!AggCheckCallContext(fcinfo, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("support function of purchase_history called outside of an aggregate")));
}

/*
 * The state as an aligned, plain struct: the argument itself where possible,
 * because then it can be changed in place.
 */
static ScoreHistory *
score_get_history(FunctionCallInfo fcinfo, int argno)
{
	ScoreHistory *state;

	state = (ScoreHistory *) PG_DETOAST_DATUM(PG_GETARG_DATUM(argno));
	if (PointerGetDatum(state) != MAXALIGN(PointerGetDatum(state)))
		state = (ScoreHistory *)
			PG_DETOAST_DATUM_COPY(PG_GETARG_DATUM(argno));
	if (VARSIZE(state) < offsetof(ScoreHistory, purchases) ||
		state->version != SCORE_HISTORY_VERSION ||
		state->count < 0 || state->count > SCORE_HISTORY_CAPACITY(state))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("invalid state of purchase_history")));
	return state;
}

static ScoreHistory *
score_new_history(const ScoreHistory *like, int64 capacity)
{
	Size		size = SCORE_HISTORY_SIZE(capacity);
	ScoreHistory *state = palloc0(size);

	if (like != NULL)
	{
		memcpy(state, like, offsetof(ScoreHistory, purchases));
		memcpy(state->purchases, like->purchases,
			   like->count * sizeof(ScorePurchase));
	}
	state->version = SCORE_HISTORY_VERSION;
	SET_VARSIZE(state, size);
	return state;
}

static int
score_compare_purchases(const void *a, const void *b)
{
	int32		x = ((const ScorePurchase *) a)->day;
	int32		y = ((const ScorePurchase *) b)->day;

	return (x > y) - (x < y);
}

static void
score_purchase_add(ScorePurchase *to, const ScorePurchase *more)
{
	uint64		before = to->low;

	to->low += more->low;
	to->high = (int64) ((uint64) to->high + (uint64) more->high +
						(to->low < before ? 1 : 0));
}

/* Sort by day and merge what is of one day. */
static void
score_merge_days(ScoreHistory *state)
{
	ScorePurchase *all = state->purchases;
	int64		last = 0;
	int64		i;

	if (state->count < 2)
		return;
	qsort(all, state->count, sizeof(ScorePurchase), score_compare_purchases);
	for (i = 1; i < state->count; i++)
	{
		if (all[i].day == all[last].day)
			score_purchase_add(&all[last], &all[i]);
		else
			all[++last] = all[i];
	}
	state->count = last + 1;
}

/*
 * Room for more purchases.  Grows also when merging has freed less than half,
 * so that merging does not begin anew at every row.
 */
static ScoreHistory *
score_history_reserve(ScoreHistory *state, int64 more)
{
	int64		capacity = SCORE_HISTORY_CAPACITY(state);
	int64		needed;

	if (likely(state->count + more <= capacity))
		return state;
	score_merge_days(state);
	needed = state->count + more;
	if (needed <= capacity / 2)
		return state;
	if (needed > SCORE_HISTORY_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("purchase_history cannot hold " INT64_FORMAT " days",
						needed),
				 errdetail("The limit is " INT64_FORMAT " days a group.",
						   SCORE_HISTORY_MAX)));
	return score_new_history(state, Min(Max(needed, capacity * 2),
										SCORE_HISTORY_MAX));
}

/* The day of a time in a time zone. */
static int32
score_local_day(TimestampTz at, const char *what, pg_tz *zone)
{
	struct pg_tm tm;
	fsec_t		fsec;
	int			offset;

	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("%s of purchase_history must be finite, not %s", what,
						TIMESTAMP_IS_NOBEGIN(at) ? "-infinity" : "infinity")));
	if (timestamp2tm(at, &offset, &tm, &fsec, NULL, zone) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("%s of purchase_history is out of range", what)));
	return date2j(tm.tm_year, tm.tm_mon, tm.tm_mday) - POSTGRES_EPOCH_JDATE;
}

static void
score_history_set_zone(ScoreHistoryCall *call, const char *name, int length)
{
	if (length > TZ_STRLEN_MAX)
		call->zone = NULL;
	else
	{
		memcpy(call->name, name, length);
		call->name[length] = '\0';
		call->zone = pg_tzset(call->name);
	}
	if (call->zone == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" not recognized",
						pnstrdup(name, length))));
	call->hash = hash_bytes((const unsigned char *) name, length);
}

/* Find out in which days a row's ends are, unless they are known. */
static ScoreHistoryCall *
score_history_call(FunctionCallInfo fcinfo, TimestampTz calibration_end,
				   TimestampTz observation_end, const char *zone, int length)
{
	ScoreHistoryCall *call = fcinfo->flinfo->fn_extra;
	bool		known = call != NULL && call->zone != NULL;

	if (call == NULL)
	{
		call = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt,
									  sizeof(ScoreHistoryCall));
		fcinfo->flinfo->fn_extra = call;
	}
	if (!known || strlen(call->name) != length ||
		memcmp(call->name, zone, length) != 0)
	{
		score_history_set_zone(call, zone, length);
		known = false;
	}
	if (known && call->calibration_end == calibration_end &&
		call->observation_end == observation_end)
		return call;
	call->calibration = score_local_day(calibration_end, "calibration_end",
										call->zone);
	call->observation = score_local_day(observation_end, "observation_end",
										call->zone);
	if (call->calibration > call->observation)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("calibration_end of purchase_history must not be after observation_end"),
				 errdetail("They are %s and %s.",
						   pstrdup(timestamptz_to_str(calibration_end)),
						   pstrdup(timestamptz_to_str(observation_end)))));
	call->calibration_end = calibration_end;
	call->observation_end = observation_end;
	return call;
}

static void
score_history_same(const ScoreHistory *state, int32 calibration,
				   int32 observation, uint32 zone)
{
	if (state->calibration != calibration ||
		state->observation != observation || state->zone != zone)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("ends and time zone of purchase_history must not vary within a group")));
}

/* Take a purchase, when the call's ends are known. */
static Datum
score_history_take(FunctionCallInfo fcinfo, const ScoreHistoryCall *call)
{
	ScoreHistory *state;
	ScorePurchase *purchase;
	int64		amount = PG_ARGISNULL(2) ? 0 : PG_GETARG_INT64(2);
	int32		day = score_local_day(PG_GETARG_TIMESTAMPTZ(1),
									  "occurred_at", call->zone);

	if (PG_ARGISNULL(0))
	{
		state = score_new_history(NULL, SCORE_HISTORY_FIRST);
		state->calibration = call->calibration;
		state->observation = call->observation;
		state->zone = call->hash;
	}
	else
	{
		state = score_get_history(fcinfo, 0);
		score_history_same(state, call->calibration, call->observation,
						   call->hash);
		if (day <= state->observation)
			state = score_history_reserve(state, 1);
	}
	if (day <= state->observation)
	{
		purchase = &state->purchases[state->count++];
		purchase->day = day;
		purchase->unused = 0;
		purchase->low = (uint64) amount;
		purchase->high = amount < 0 ? -1 : 0;
	}
	PG_RETURN_POINTER(state);
}

static Datum
score_history_unchanged(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}

/*
 * (state, occurred_at, amount, calibration_end, observation_end, time_zone)
 */
Datum
community_purchase_history_accum(PG_FUNCTION_ARGS)
{
	TimestampTz observation_end;
	text	   *zone;

	score_history_require_aggregate(fcinfo);
	if (PG_ARGISNULL(1))
		return score_history_unchanged(fcinfo);
	if (PG_ARGISNULL(4) || PG_ARGISNULL(5))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s of purchase_history must not be null",
						PG_ARGISNULL(4) ? "observation_end" : "time_zone")));
	observation_end = PG_GETARG_TIMESTAMPTZ(4);
	zone = PG_GETARG_TEXT_PP(5);
	return score_history_take(fcinfo,
							  score_history_call(fcinfo,
												 PG_ARGISNULL(3) ?
												 observation_end :
												 PG_GETARG_TIMESTAMPTZ(3),
												 observation_end,
												 VARDATA_ANY(zone),
												 VARSIZE_ANY_EXHDR(zone)));
}

/*
 * (state, occurred_at, amount [, calibration_end]): observed up to now, in
 * days of UTC
 */
Datum
community_purchase_history_accum_now(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTransactionStartTimestamp();
	TimestampTz calibration_end = now;

	score_history_require_aggregate(fcinfo);
	if (PG_ARGISNULL(1))
		return score_history_unchanged(fcinfo);
	if (PG_NARGS() > 3 && !PG_ARGISNULL(3))
		calibration_end = PG_GETARG_TIMESTAMPTZ(3);
	return score_history_take(fcinfo,
							  score_history_call(fcinfo, calibration_end, now,
												 "UTC", 3));
}

/* Append the second state's purchases to the first's. */
Datum
community_purchase_history_combine(PG_FUNCTION_ARGS)
{
	ScoreHistory *a;
	ScoreHistory *b;

	score_history_require_aggregate(fcinfo);
	a = score_get_history(fcinfo, 0);
	b = score_get_history(fcinfo, 1);
	score_history_same(a, b->calibration, b->observation, b->zone);
	a = score_history_reserve(a, b->count);
	memcpy(a->purchases + a->count, b->purchases,
		   b->count * sizeof(ScorePurchase));
	a->count += b->count;
	PG_RETURN_POINTER(a);
}

/* What is counted of calibration and of holdout */
typedef struct ScoreHistoryCount
{
	int64		days;
	ScorePurchase total;		/* without the very first */
} ScoreHistoryCount;

static double
score_history_mean(const ScoreHistoryCount *count, int64 days)
{
	return (ldexp((double) count->total.high, 64) +
			(double) count->total.low) / days;
}

/* Is the amount of a day negative, that is, more given back than spent? */
static bool
score_is_refund(const ScorePurchase *purchase)
{
	return purchase->high < 0;
}

static void
score_history_tell(const ScoreHistory *state, Datum *values, bool *nulls,
				   const ScoreHistoryCount *counts, int32 first, int32 last)
{
	int64		x = counts[0].days - 1;

	values[0] = Int64GetDatum(x);
	values[1] = Float8GetDatum((double) last - first);
	values[2] = Float8GetDatum((double) state->calibration - first);
	nulls[3] = x == 0;
	if (x > 0)
		values[3] = Float8GetDatum(score_history_mean(&counts[0], x));
	values[4] = DateADTGetDatum(first);
	values[5] = DateADTGetDatum(last);
	values[6] = Int64GetDatum(counts[1].days);
	values[7] = Float8GetDatum((double) state->observation -
							   state->calibration);
	nulls[8] = counts[1].days == 0;
	if (counts[1].days > 0)
		values[8] = Float8GetDatum(score_history_mean(&counts[1],
													  counts[1].days));
}

/*
 * The state as a purchase_summary; null for who has purchased nothing up to
 * the end of calibration.
 */
Datum
community_purchase_history_final(PG_FUNCTION_ARGS)
{
	ScoreHistory *state;
	ScoreHistoryCount counts[2] = {{0}, {0}};
	TupleDesc	tupdesc;
	Datum		values[SCORE_HISTORY_COLUMNS] = {0};
	bool		nulls[SCORE_HISTORY_COLUMNS] = {false};
	int32		first = 0;
	int32		last = 0;
	int64		i;

	score_history_require_aggregate(fcinfo);
	state = score_get_history(fcinfo, 0);
	/* a window frame may go on with the state */
	state = score_new_history(state, Max(state->count, 1));
	score_merge_days(state);
	for (i = 0; i < state->count; i++)
	{
		const ScorePurchase *purchase = &state->purchases[i];
		int			part = purchase->day > state->calibration;

		if (score_is_refund(purchase))
			continue;
		if (part == 0 && counts[0].days == 0)
			first = purchase->day;
		else
			score_purchase_add(&counts[part].total, purchase);
		if (part == 0)
			last = purchase->day;
		counts[part].days++;
	}
	if (counts[0].days == 0)
		PG_RETURN_NULL();
	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE ||
		tupdesc->natts != SCORE_HISTORY_COLUMNS)
		elog(ERROR, "purchase_history must return a row of %d columns",
			 SCORE_HISTORY_COLUMNS);
	score_history_tell(state, values, nulls, counts, first, last);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc),
													  values, nulls)));
}
