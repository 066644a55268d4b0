/*-------------------------------------------------------------------------
 *
 * review.c
 *	  review_tiers(): what time has changed, in batches that commit.
 *
 * A batch that was committed is done; whoever runs it again finds nothing
 * left of it.  Run late, it writes down the same tenures.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "activity/activity.h"
#include "activity/job.h"
#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "tier/tier.h"

#define REVIEW_BATCH	1000

PG_FUNCTION_INFO_V1(community_review_tiers);

/* Review all who are due, for a job that has begun. */
void
activity_review_tiers(ActivityJob *job, TimestampTz as_of)
{
	CoreScope	scope;
	MemoryContext old;
	int64	   *members;
	int64		count;
	int64		from;

	core_enter(&scope);
	old = MemoryContextSwitchTo(job->context);
	members = tier_due_members(job->program, as_of, &count);
	MemoryContextSwitchTo(old);
	core_leave(&scope);
	for (from = 0; from < count; from += REVIEW_BATCH)
	{
		int			batch = (int) Min(REVIEW_BATCH, count - from);

		CHECK_FOR_INTERRUPTS();
		core_enter(&scope);
		(void) tier_review_members(job->program, members + from, batch,
								   as_of);
		core_leave(&scope);
		activity_advance_job(job, batch, (Datum) 0);
		activity_commit_batch(job);
	}
}

/* CALL review_tiers(as_of, program) */
Datum
community_review_tiers(PG_FUNCTION_ARGS)
{
	ActivityJob *job;
	TimestampTz as_of;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("arguments of review_tiers() must not be null")));
	as_of = PG_GETARG_TIMESTAMPTZ(0);
	if (TIMESTAMP_NOT_FINITE(as_of) || as_of > GetCurrentTimestamp())
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("time \"%s\" is out of range",
						timestamptz_to_str(as_of)),
				 errdetail("review_tiers() works tiers out until a time that is not in the future.")));
	job = activity_begin_job(fcinfo, PG_GETARG_INT64(1), "review_tiers",
							 "program", 0);
	PG_TRY();
	{
		activity_start_job(job, 0);
		activity_review_tiers(job, as_of);
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
