/*-------------------------------------------------------------------------
 *
 * review.c
 *	  evaluate() and review_tiers(): tiers worked out and written down, of one
 *	  member, or of all for whom time has changed something.
 *
 * A batch that was committed is done; whoever runs it again finds nothing
 * left of it.  Run late, it writes down the same tenures.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "activity/activity.h"
#include "activity/job.h"
#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "score/engagement.h"
#include "tier/benefit.h"
#include "tier/tier.h"

#define REVIEW_BATCH	1000

PG_FUNCTION_INFO_V1(community_evaluate);
PG_FUNCTION_INFO_V1(community_review_tiers);

/* Tiers are worked out until a time, and not beyond the present. */
static void
check_arguments(FunctionCallInfo fcinfo, int as_of, const char *function)
{
	TimestampTz at;
	int			i;

	for (i = 0; i < PG_NARGS(); i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("arguments of %s() must not be null", function)));
	at = PG_GETARG_TIMESTAMPTZ(as_of);
	if (TIMESTAMP_NOT_FINITE(at) || at > GetCurrentTimestamp())
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("time \"%s\" is out of range",
						timestamptz_to_str(at)),
				 errdetail("%s() works tiers out until a time that is not in the future.",
						   function)));
}

/* evaluate(member, as_of, program) -> set of (ladder, from_tier, to_tier) */
Datum
community_evaluate(PG_FUNCTION_ARGS)
{
	Tuplestorestate *store;
	TupleDesc	desc;
	CoreScope	scope;
	int64		member;
	int64		program;
	TimestampTz as_of;

	check_arguments(fcinfo, 1, "evaluate");
	member = PG_GETARG_INT64(0);
	as_of = PG_GETARG_TIMESTAMPTZ(1);
	program = PG_GETARG_INT64(2);
	store = core_begin_rows(fcinfo, &desc);
	core_enter(&scope);
	if (!score_add_engagement(program, member, 0, as_of, false))
	{
		(void) core_program_name(program);
		activity_refuse_member(program, member);
	}
	tier_evaluate(program, member, as_of, store, desc);
	core_leave(&scope);
	return (Datum) 0;
}

/* Settle what tiers bring to members for whom something of it is due. */
static void
settle_due(ActivityJob *job, TimestampTz as_of)
{
	int64		after = PG_INT64_MIN;

	for (;;)
	{
		CoreScope	scope;
		ArrayType  *members;
		int64		count = 0;

		CHECK_FOR_INTERRUPTS();
		core_enter(&scope);
		members = tier_members_to_settle(job->program, after, as_of, false,
										 REVIEW_BATCH);
		if (members != NULL)
		{
			int64	   *ids = (int64 *) ARR_DATA_PTR(members);

			count = score_lock_leading(job->program, ids,
									   ARR_DIMS(members)[0]);
			after = ids[count - 1];
			(void) tier_review_members(job->program, ids, (int) count,
									   as_of);
		}
		core_leave(&scope);
		if (count == 0)
			return;
		activity_advance_job(job, count, (Datum) 0);
		activity_commit_batch(job);
	}
}

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
	for (from = 0; from < count;)
	{
		int			batch = (int) Min(REVIEW_BATCH, count - from);

		CHECK_FOR_INTERRUPTS();
		core_enter(&scope);
		batch = score_lock_leading(job->program, members + from, batch);
		(void) tier_review_members(job->program, members + from, batch,
								   as_of);
		core_leave(&scope);
		activity_advance_job(job, batch, (Datum) 0);
		activity_commit_batch(job);
		from += batch;
	}
	settle_due(job, as_of);
}

/* CALL review_tiers(as_of, program) */
Datum
community_review_tiers(PG_FUNCTION_ARGS)
{
	ActivityJob *job;
	TimestampTz as_of;

	check_arguments(fcinfo, 0, "review_tiers");
	as_of = PG_GETARG_TIMESTAMPTZ(0);
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
