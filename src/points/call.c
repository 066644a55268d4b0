/*-------------------------------------------------------------------------
 *
 * call.c
 *	  What the SQL functions of the ledger have in common: reading arguments,
 *	  and giving a posting.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "points/ledger.h"

/* An amount of points that a call moves. */
int64
points_amount_argument(int64 points, const char *function)
{
	if (points <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("points of %s() must be positive, not %lld",
						function, (long long) points)));
	return points;
}

/*
 * Begin a call and find its currency: as the owner of the tables, and with
 * SPI only where it cannot be done without SQL.
 */
const PointsCurrency *
points_enter(CoreScope *scope, int64 program, text *code, bool to_write)
{
	const PointsCurrency *currency = NULL;

	core_become_owner(scope);
	if (points_accounts_are_usable(to_write) &&
		points_entries_are_usable(to_write))
		currency = points_kept_currency(program, code);
	if (currency == NULL)
	{
		core_connect(scope);
		currency = points_currency(program, code);
	}
	return currency;
}

/* End a call that gives a row. */
Datum
points_leave_with_row(FunctionCallInfo fcinfo, CoreScope *scope,
					  Datum *values, bool *nulls)
{
	Oid			type = get_func_rettype(fcinfo->flinfo->fn_oid);
	TupleDesc	desc = lookup_rowtype_tupdesc(type, -1);
	HeapTuple	tuple = heap_form_tuple(desc, values, nulls);
	HeapTupleHeader result;

	result = scope->connected ? SPI_returntuple(tuple, desc) : tuple->t_data;
	ReleaseTupleDesc(desc);
	core_leave(scope);
	return HeapTupleHeaderGetDatum(result);
}

/* A reason, or none. */
Datum
points_reason_argument(FunctionCallInfo fcinfo, int argument)
{
	if (PG_ARGISNULL(argument))
		return (Datum) 0;
	(void) core_name_argument(PG_GETARG_TEXT_PP(argument), "reason");
	return PointerGetDatum(PG_GETARG_TEXT_PP(argument));
}

/* An idempotency key. */
Datum
points_key_argument(FunctionCallInfo fcinfo, int argument)
{
	(void) core_name_argument(PG_GETARG_TEXT_PP(argument), "idempotency key");
	return PointerGetDatum(PG_GETARG_TEXT_PP(argument));
}

/* Three arguments from that one on: available_at, expires_at, priority. */
void
points_lot_arguments(FunctionCallInfo fcinfo, int argument,
					 PointsRequest *request)
{
	if (!PG_ARGISNULL(argument))
	{
		request->available_at = PG_GETARG_TIMESTAMPTZ(argument);
		request->given |= POINTS_GIVEN_AVAILABLE_AT;
	}
	if (!PG_ARGISNULL(argument + 1))
	{
		request->expires_at = PG_GETARG_TIMESTAMPTZ(argument + 1);
		request->given |= POINTS_GIVEN_EXPIRES_AT;
	}
	if (!PG_ARGISNULL(argument + 2))
	{
		request->priority = PG_GETARG_INT32(argument + 2);
		request->given |= POINTS_GIVEN_PRIORITY;
	}
}

/* When it happened, where that is not now; never ahead. */
void
points_occurred_at_argument(FunctionCallInfo fcinfo, int argument,
							PointsRequest *request)
{
	if (PG_ARGISNULL(argument))
		return;
	request->occurred_at = PG_GETARG_TIMESTAMPTZ(argument);
	request->given |= POINTS_GIVEN_OCCURRED_AT;
	if (TIMESTAMP_NOT_FINITE(request->occurred_at) ||
		request->occurred_at > GetCurrentTimestamp() + USECS_PER_DAY)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("time \"%s\" is out of range",
						timestamptz_to_str(request->occurred_at)),
				 errdetail("Points are earned at a finite time, not more than a day from now."),
				 errhint("Points for later have an available_at.")));
}

/* A key that was free has been claimed by somebody else meanwhile. */
void
points_refuse_lost_key(Datum key)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not use idempotency key \"%s\" because of a concurrent change",
					TextDatumGetCString(key)),
			 errhint("Try again.")));
}

/*
 * Append an entry for an account that is locked, enter it and write the
 * account.  Whoever comes here pays a debt that could be paid.
 */
void
points_post(PointsAccount *account, PointsEntry *entry,
			PointsPosting *posting)
{
	entry->program = account->currency->program;
	entry->currency = account->currency;
	entry->member = account->member;
	entry->posted = true;
	entry->recorded_at = account->now;
	if (entry->effective_at == 0)
		entry->effective_at = account->now;
	entry->delta =
		purse_add(entry->delta,
				  points_settle_standing_debt(account, entry->delta));
	if (!points_append(entry))
		points_refuse_lost_key(entry->key);
	points_apply(account, entry->delta);
	points_write_account(account);
	if (posting != NULL)
		points_posting_of(entry, posting);
}
