/*-------------------------------------------------------------------------
 *
 * purse_ops.c
 *	  SQL's way to purses: constructor, readings, spending, operators, hash.
 *
 * There is no B-tree: purses have no order that would mean anything.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "funcapi.h"
#include "utils/timestamp.h"

#include "core/errors.h"
#include "points/purse.h"

PG_FUNCTION_INFO_V1(community_purse);
PG_FUNCTION_INFO_V1(community_purse_total);
PG_FUNCTION_INFO_V1(community_purse_total_at);
PG_FUNCTION_INFO_V1(community_purse_available);
PG_FUNCTION_INFO_V1(community_purse_pending);
PG_FUNCTION_INFO_V1(community_purse_expired);
PG_FUNCTION_INFO_V1(community_purse_owed);
PG_FUNCTION_INFO_V1(community_purse_take);
PG_FUNCTION_INFO_V1(community_purse_take_up_to);
PG_FUNCTION_INFO_V1(community_purse_take_lot);
PG_FUNCTION_INFO_V1(community_purse_part);
PG_FUNCTION_INFO_V1(community_purse_settle);
PG_FUNCTION_INFO_V1(community_purse_lots);
PG_FUNCTION_INFO_V1(community_purse_plus);
PG_FUNCTION_INFO_V1(community_purse_minus);
PG_FUNCTION_INFO_V1(community_purse_negate);
PG_FUNCTION_INFO_V1(community_purse_eq);
PG_FUNCTION_INFO_V1(community_purse_ne);
PG_FUNCTION_INFO_V1(community_purse_hash);
PG_FUNCTION_INFO_V1(community_purse_hash_extended);

Datum
community_purse(PG_FUNCTION_ARGS)
{
	PG_RETURN_PURSE_P(purse_make(PG_GETARG_INT64(0),
								 PG_GETARG_TIMESTAMPTZ(1),
								 PG_GETARG_TIMESTAMPTZ(2),
								 PG_GETARG_INT32(3)));
}

/* ----- readings ----- */

Datum
community_purse_total(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(purse_total(PG_GETARG_PURSE_P(0)));
}

Datum
community_purse_total_at(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(purse_live_total(PG_GETARG_PURSE_P(0),
									 PG_GETARG_TIMESTAMPTZ(1)));
}

Datum
community_purse_available(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(purse_available(PG_GETARG_PURSE_P(0),
									PG_GETARG_TIMESTAMPTZ(1)));
}

Datum
community_purse_pending(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(purse_pending(PG_GETARG_PURSE_P(0),
								  PG_GETARG_TIMESTAMPTZ(1)));
}

Datum
community_purse_expired(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(purse_expired(PG_GETARG_PURSE_P(0),
								  PG_GETARG_TIMESTAMPTZ(1)));
}

/* Rows (priority, available_at, expires_at, points) in burn order. */
Datum
community_purse_lots(PG_FUNCTION_ARGS)
{
	FuncCallContext *call;
	Purse	   *purse;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext caller;
		struct varlena *copy;

		call = SRF_FIRSTCALL_INIT();
		caller = MemoryContextSwitchTo(call->multi_call_memory_ctx);
		if (get_call_result_type(fcinfo, NULL, &call->tuple_desc) !=
			TYPEFUNC_COMPOSITE)
			elog(ERROR, "lots() does not return rows");
		call->tuple_desc = BlessTupleDesc(call->tuple_desc);
		copy = PG_DETOAST_DATUM_COPY(PG_GETARG_DATUM(0));
		purse = DatumGetPurseP(PointerGetDatum(copy));
		call->user_fctx = purse;
		call->max_calls = purse_count(purse);
		MemoryContextSwitchTo(caller);
	}

	call = SRF_PERCALL_SETUP();
	purse = call->user_fctx;
	if (call->call_cntr < call->max_calls)
	{
		const PurseLot *lot = &purse->lots[call->call_cntr];
		Datum		values[4];
		bool		nulls[4] = {false, false, false, false};

		values[0] = Int32GetDatum(lot->priority);
		values[1] = TimestampTzGetDatum(lot->available_at);
		values[2] = TimestampTzGetDatum(lot->expires_at);
		values[3] = Int64GetDatum(lot->points);
		SRF_RETURN_NEXT(call,
						HeapTupleGetDatum(heap_form_tuple(call->tuple_desc,
														  values, nulls)));
	}
	SRF_RETURN_DONE(call);
}

/* ----- spending ----- */

Datum
community_purse_owed(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(purse_owed(PG_GETARG_PURSE_P(0)));
}

Datum
community_purse_take(PG_FUNCTION_ARGS)
{
	Purse	   *purse = PG_GETARG_PURSE_P(0);
	int64		points = PG_GETARG_INT64(1);
	TimestampTz at = PG_GETARG_TIMESTAMPTZ(2);
	Purse	   *result = purse_take(purse, points, at);

	if (result == NULL)
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_INSUFFICIENT_POINTS),
				 errmsg("insufficient points: %lld asked for, %lld available at %s",
						(long long) points,
						(long long) purse_available(purse, at),
						timestamptz_to_str(at))));
	PG_RETURN_PURSE_P(result);
}

Datum
community_purse_take_up_to(PG_FUNCTION_ARGS)
{
	int64		taken;

	PG_RETURN_PURSE_P(purse_take_up_to(PG_GETARG_PURSE_P(0),
									   PG_GETARG_INT64(1),
									   PG_GETARG_TIMESTAMPTZ(2), &taken));
}

/* (purse, points, available_at, expires_at, priority) */
Datum
community_purse_take_lot(PG_FUNCTION_ARGS)
{
	PurseLot	key = {0};
	int64		taken;

	key.available_at = PG_GETARG_TIMESTAMPTZ(2);
	key.expires_at = PG_GETARG_TIMESTAMPTZ(3);
	key.priority = PG_GETARG_INT32(4);
	PG_RETURN_PURSE_P(purse_take_lot(PG_GETARG_PURSE_P(0), &key,
									 PG_GETARG_INT64(1), &taken));
}

Datum
community_purse_part(PG_FUNCTION_ARGS)
{
	PG_RETURN_PURSE_P(purse_part(PG_GETARG_PURSE_P(0), PG_GETARG_INT64(1),
								 PG_GETARG_INT64(2)));
}

Datum
community_purse_settle(PG_FUNCTION_ARGS)
{
	PG_RETURN_PURSE_P(purse_settle(PG_GETARG_PURSE_P(0),
								   PG_GETARG_TIMESTAMPTZ(1)));
}

/* ----- operators ----- */

Datum
community_purse_plus(PG_FUNCTION_ARGS)
{
	PG_RETURN_PURSE_P(purse_add(PG_GETARG_PURSE_P(0), PG_GETARG_PURSE_P(1)));
}

Datum
community_purse_minus(PG_FUNCTION_ARGS)
{
	PG_RETURN_PURSE_P(purse_subtract(PG_GETARG_PURSE_P(0),
									 PG_GETARG_PURSE_P(1)));
}

Datum
community_purse_negate(PG_FUNCTION_ARGS)
{
	PG_RETURN_PURSE_P(purse_negate(PG_GETARG_PURSE_P(0)));
}

Datum
community_purse_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(purse_equal(PG_GETARG_PURSE_P(0), PG_GETARG_PURSE_P(1)));
}

Datum
community_purse_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!purse_equal(PG_GETARG_PURSE_P(0), PG_GETARG_PURSE_P(1)));
}

/* Equal purses are equal bytes. */
Datum
community_purse_hash(PG_FUNCTION_ARGS)
{
	Purse	   *purse = PG_GETARG_PURSE_P(0);

	return hash_any((const unsigned char *) purse->lots,
					(int) (VARSIZE(purse) - PURSE_HEADER));
}

Datum
community_purse_hash_extended(PG_FUNCTION_ARGS)
{
	Purse	   *purse = PG_GETARG_PURSE_P(0);

	return hash_any_extended((const unsigned char *) purse->lots,
							 (int) (VARSIZE(purse) - PURSE_HEADER),
							 PG_GETARG_INT64(1));
}
