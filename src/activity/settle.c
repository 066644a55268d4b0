/*-------------------------------------------------------------------------
 *
 * settle.c
 *	  settle_benefits(): what tiers bring, for many members, in batches that
 *	  commit.
 *
 * It is wanted when a tier brings something new, and for allowances of a new
 * period; otherwise whoever changes tenures settles them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "activity/job.h"
#include "core/compat.h"
#include "core/core.h"
#include "points/ledger.h"
#include "score/engagement.h"
#include "score/model.h"
#include "tier/benefit.h"

#define MAX_BATCH		100000

PG_FUNCTION_INFO_V1(community_settle_benefits);

/* Lock the next of some members, and leave these in the array. */
static int
lock_members(int64 program, ArrayType **members, int64 *last)
{
	int64	   *ids = (int64 *) ARR_DATA_PTR(*members);
	int			count = score_lock_leading(program, ids,
										   ARR_DIMS(*members)[0]);

	*last = ids[count - 1];
	*members = DatumGetArrayTypeP(score_bigint_array(ids, count));
	return count;
}

/* Batch after batch in the order of ids, so that each member comes once. */
static void
settle_all(ActivityJob *job, TimestampTz as_of, bool everybody,
		   int32 batch_size)
{
	int64		last = PG_INT64_MIN;
	int			count;

	do
	{
		CoreScope	scope;
		ArrayType  *members;

		points_pin_isolation(job->name);
		core_enter(&scope);
		members = tier_members_to_settle(job->program, last, as_of, everybody,
										 batch_size);
		count = members == NULL ? 0 :
			lock_members(job->program, &members, &last);
		if (count > 0)
			tier_settle_benefits_of(job->program, members, as_of);
		core_leave(&scope);
		activity_advance_job(job, count, (Datum) 0);
		activity_commit_batch(job);
	} while (count > 0);
}

/* CALL settle_benefits(as_of, everybody, batch_size, program) */
Datum
community_settle_benefits(PG_FUNCTION_ARGS)
{
	ActivityJob *job;
	int32		batch_size;
	int			i;

	for (i = 0; i < PG_NARGS(); i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("arguments of settle_benefits() must not be null")));
	batch_size = PG_GETARG_INT32(2);
	if (TIMESTAMP_NOT_FINITE(PG_GETARG_TIMESTAMPTZ(0)))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("time \"%s\" is out of range",
						timestamptz_to_str(PG_GETARG_TIMESTAMPTZ(0)))));
	if (batch_size < 1 || batch_size > MAX_BATCH)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("batch size %d is out of range", batch_size),
				 errdetail("A batch has 1 to %d members.", MAX_BATCH)));
	job = activity_begin_job(fcinfo, PG_GETARG_INT64(3), "settle_benefits",
							 "benefit_grant", 0);
	PG_TRY();
	{
		activity_start_job(job, 0);
		settle_all(job, PG_GETARG_TIMESTAMPTZ(0), PG_GETARG_BOOL(1),
				   batch_size);
		activity_finish_job(job);
	}
	PG_CATCH();
	{
		activity_unlock_job(job);
		PG_RE_THROW();
	}
	PG_END_TRY();
	PG_RETURN_VOID();
}
