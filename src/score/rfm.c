/*-------------------------------------------------------------------------
 *
 * rfm.c
 *	  Aggregate rfm: first and last time, number and total of transactions.
 *
 * The state is a bigint array, changed in place.  The total has 128 bits, so
 * it cannot overflow before the count does.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"

typedef enum ScoreRfmField
{
	SCORE_RFM_FIRST,
	SCORE_RFM_LAST,
	SCORE_RFM_COUNT,
	SCORE_RFM_TOTAL_HIGH,
	SCORE_RFM_TOTAL_LOW,
	SCORE_RFM_FIELDS
} ScoreRfmField;

PG_FUNCTION_INFO_V1(community_rfm_accum);
PG_FUNCTION_INFO_V1(community_rfm_combine);
PG_FUNCTION_INFO_V1(community_rfm_final);

/* The fields of a state, which anybody may have made up. */
static int64 *
score_rfm_fields(ArrayType *state)
{
	if (ARR_NDIM(state) != 1 || ARR_DIMS(state)[0] != SCORE_RFM_FIELDS ||
		ARR_HASNULL(state) || ARR_ELEMTYPE(state) != INT8OID)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_ELEMENT_ERROR),
				 errmsg("expected an array of %d bigints as state of rfm",
						SCORE_RFM_FIELDS)));
	return (int64 *) ARR_DATA_PTR(state);
}

/* The state to write into: the aggregate's own, or a copy of the caller's. */
static ArrayType *
score_rfm_writable(FunctionCallInfo fcinfo)
{
	if (AggCheckCallContext(fcinfo, NULL))
		return PG_GETARG_ARRAYTYPE_P(0);
	return PG_GETARG_ARRAYTYPE_P_COPY(0);
}

/* Add a 128-bit number, given in two halves, to the total. */
static void
score_rfm_add(int64 *fields, int64 high, uint64 low)
{
	uint64		before = (uint64) fields[SCORE_RFM_TOTAL_LOW];
	uint64		after = before + low;

	fields[SCORE_RFM_TOTAL_LOW] = (int64) after;
	fields[SCORE_RFM_TOTAL_HIGH] = (int64)
		((uint64) fields[SCORE_RFM_TOTAL_HIGH] + (uint64) high +
		 (after < before ? 1 : 0));
}

static ArrayType *
score_rfm_new(TimestampTz at)
{
	Datum		items[SCORE_RFM_FIELDS];
	int			i;

	for (i = 0; i < SCORE_RFM_FIELDS; i++)
		items[i] = Int64GetDatum(0);
	items[SCORE_RFM_FIRST] = Int64GetDatum(at);
	items[SCORE_RFM_LAST] = Int64GetDatum(at);
	return construct_array(items, SCORE_RFM_FIELDS, INT8OID, sizeof(int64),
						   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
}

/*
 * (state, at, amount).  A transaction without a time does not count, one
 * without an amount counts as nothing spent.
 */
Datum
community_rfm_accum(PG_FUNCTION_ARGS)
{
	ArrayType  *state;
	int64	   *fields;
	TimestampTz at;
	int64		amount;

	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	at = PG_GETARG_TIMESTAMPTZ(1);
	amount = PG_ARGISNULL(2) ? 0 : PG_GETARG_INT64(2);
	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("time of a transaction must be finite, not %s",
						TIMESTAMP_IS_NOBEGIN(at) ? "-infinity" : "infinity")));

	state = PG_ARGISNULL(0) ? score_rfm_new(at) : score_rfm_writable(fcinfo);
	fields = score_rfm_fields(state);
	fields[SCORE_RFM_FIRST] = Min(fields[SCORE_RFM_FIRST], at);
	fields[SCORE_RFM_LAST] = Max(fields[SCORE_RFM_LAST], at);
	fields[SCORE_RFM_COUNT]++;
	score_rfm_add(fields, amount < 0 ? -1 : 0, (uint64) amount);
	PG_RETURN_ARRAYTYPE_P(state);
}

Datum
community_rfm_combine(PG_FUNCTION_ARGS)
{
	ArrayType  *state = score_rfm_writable(fcinfo);
	int64	   *a = score_rfm_fields(state);
	int64	   *b = score_rfm_fields(PG_GETARG_ARRAYTYPE_P(1));

	a[SCORE_RFM_FIRST] = Min(a[SCORE_RFM_FIRST], b[SCORE_RFM_FIRST]);
	a[SCORE_RFM_LAST] = Max(a[SCORE_RFM_LAST], b[SCORE_RFM_LAST]);
	a[SCORE_RFM_COUNT] = (int64) ((uint64) a[SCORE_RFM_COUNT] +
								  (uint64) b[SCORE_RFM_COUNT]);
	score_rfm_add(a, b[SCORE_RFM_TOTAL_HIGH],
				  (uint64) b[SCORE_RFM_TOTAL_LOW]);
	PG_RETURN_ARRAYTYPE_P(state);
}

static Datum
score_numeric(int64 value)
{
	return DirectFunctionCall1(int8_numeric, Int64GetDatum(value));
}

/* value * 2^32 + digit */
static Datum
score_numeric_shift(Datum value, uint32 digit)
{
	value = DirectFunctionCall2(numeric_mul, value,
								score_numeric(INT64CONST(1) << 32));
	return DirectFunctionCall2(numeric_add, value, score_numeric(digit));
}

/* A 128-bit number in two halves as numeric. */
static Datum
score_numeric_from_halves(int64 high, uint64 low)
{
	Datum		result;

	/* the high half only repeats the sign: by far the usual case */
	if (high == ((int64) low < 0 ? -1 : 0))
		return score_numeric((int64) low);
	result = score_numeric_shift(score_numeric(high), (uint32) (low >> 32));
	return score_numeric_shift(result, (uint32) low);
}

/* The state as an rfm_summary. */
Datum
community_rfm_final(PG_FUNCTION_ARGS)
{
	int64	   *fields = score_rfm_fields(PG_GETARG_ARRAYTYPE_P(0));
	TupleDesc	tupdesc;
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};
	uint64		low;

	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE ||
		tupdesc->natts != lengthof(values))
		elog(ERROR, "rfm must return a row of %d columns",
			 (int) lengthof(values));
	tupdesc = BlessTupleDesc(tupdesc);
	values[0] = TimestampTzGetDatum(fields[SCORE_RFM_FIRST]);
	values[1] = TimestampTzGetDatum(fields[SCORE_RFM_LAST]);
	values[2] = Int64GetDatum(fields[SCORE_RFM_COUNT]);
	low = (uint64) fields[SCORE_RFM_TOTAL_LOW];
	values[3] = score_numeric_from_halves(fields[SCORE_RFM_TOTAL_HIGH], low);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(tupdesc, values,
													  nulls)));
}
