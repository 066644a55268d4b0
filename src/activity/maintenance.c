/*-------------------------------------------------------------------------
 *
 * maintenance.c
 *	  Work beside the work: fold_accounts() and run_maintenance().
 *
 * All of it books what is true already, in batches that commit.  It can be
 * run at any time, late, twice or never, and no answer changes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/timestamp.h"

#include "activity/activity.h"
#include "activity/job.h"
#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "points/envelope.h"
#include "points/ledger.h"
#include "referral/commission.h"
#include "referral/group.h"
#include "referral/label.h"
#include "referral/sanction.h"
#include "tier/seats.h"

#define MAX_BATCH		1000000
#define HOLDS_A_BATCH	10000
#define ENVELOPES_A_BATCH	100
#define GROUPS_A_BATCH	100
#define PAYMENTS_A_BATCH	1000
#define DEFAULT_MINIMUM	16
#define DEFAULT_BATCH	100000
#define LABEL_STEPS		3

/* Ranges of ids never grow beyond that. */
#define MAX_WIDTH		(INT64CONST(1) << 40)

PG_FUNCTION_INFO_V1(community_fold_accounts);
PG_FUNCTION_INFO_V1(community_run_maintenance);

static void
check_arguments(FunctionCallInfo fcinfo, const char *function)
{
	int			i;

	for (i = 0; i < PG_NARGS(); i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("arguments of %s() must not be null", function)));
}

/* Where folding begins, and where it is to end. */
static void
find_range(int64 program, int32 minimum, int64 *from, int64 *to)
{
	CoreScope	scope;

	core_enter(&scope);
	(void) core_program_name(program);
	*from = points_folding_mark(program, minimum);
	*to = points_horizon();
	core_leave(&scope);
}

/*
 * Fold range after range of ids.  Ids are drawn for events and other programs
 * as well, so ranges widen while there is little in them.
 */
static void
fold_ranges(ActivityJob *job, int64 from, int64 to, int32 minimum,
			int32 batch_size)
{
	PointsFolding folding = {job->program, minimum, from};
	int64		width = batch_size;

	folding.kept_back = PG_INT64_MAX;
	for (;;)
	{
		CoreScope	scope;
		int64		horizon;

		points_pin_isolation(job->name);
		/* before any statement takes its snapshot */
		horizon = points_horizon();
		folding.to = Min(Min(folding.from + width, to), horizon);
		if (folding.to <= folding.from)
			break;
		core_enter(&scope);
		(void) points_fold_range(&folding, horizon);
		core_leave(&scope);
		activity_advance_job(job, folding.to - folding.from, (Datum) 0);
		activity_commit_batch(job);
		folding.from = folding.to;
		if (folding.seen < batch_size / 8)
			width = Min(width * 2, MAX_WIDTH);
		else if (folding.seen > batch_size)
			width = Max(width / 2, 1);
	}
}

/* CALL fold_accounts(minimum, batch_size, program) */
Datum
community_fold_accounts(PG_FUNCTION_ARGS)
{
	int32		minimum;
	int32		batch_size;
	ActivityJob *job;
	int64		from;
	int64		to;

	check_arguments(fcinfo, "fold_accounts");
	minimum = PG_GETARG_INT32(0);
	batch_size = PG_GETARG_INT32(1);
	if (minimum < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("minimum %d is out of range", minimum),
				 errdetail("An account is folded when it has at least 1 credit beside its purse.")));
	if (batch_size < 1 || batch_size > MAX_BATCH)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("batch size %d is out of range", batch_size),
				 errdetail("A batch has 1 to %d rows.", MAX_BATCH)));

	job = activity_begin_job(fcinfo, PG_GETARG_INT64(2), "fold_accounts",
							 "entry", 0);
	PG_TRY();
	{
		find_range(job->program, minimum, &from, &to);
		activity_start_job(job, to - from);
		fold_ranges(job, from, to, minimum, batch_size);
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

/* Give back what nobody claimed of envelopes that have ended. */
static void
close_envelopes(ActivityJob *job, TimestampTz as_of)
{
	int64		count;

	do
	{
		CoreScope	scope;

		points_pin_isolation(job->name);
		core_enter(&scope);
		count = points_close_expired_envelopes(job->program, as_of,
											   ENVELOPES_A_BATCH);
		core_leave(&scope);
		activity_advance_job(job, count, (Datum) 0);
		activity_commit_batch(job);
	} while (count > 0);
}

/* Batch after batch, until one finds nothing to do. */
static void
time_out_holds(ActivityJob *job, TimestampTz as_of)
{
	int64		count;

	do
	{
		CoreScope	scope;

		points_pin_isolation(job->name);
		core_enter(&scope);
		count = points_time_out_holds(job->program, as_of, HOLDS_A_BATCH);
		core_leave(&scope);
		activity_advance_job(job, count, (Datum) 0);
		activity_commit_batch(job);
	} while (count > 0);
}

static void
bring_home(ActivityJob *job)
{
	int64		count;

	do
	{
		CoreScope	scope;

		points_pin_isolation(job->name);
		core_enter(&scope);
		count = points_bring_home(job->program);
		core_leave(&scope);
		activity_advance_job(job, count, (Datum) 0);
		activity_commit_batch(job);
	} while (count > 0);
}

/* Give seats that became free to those who wait for them. */
static void
hand_out_seats(ActivityJob *job)
{
	CoreScope	scope;
	int64		count;

	points_pin_isolation(job->name);
	core_enter(&scope);
	count = tier_hand_out_seats(job->program);
	core_leave(&scope);
	activity_advance_job(job, count, (Datum) 0);
	activity_commit_batch(job);
}

/* Reward a batch of those after "last", which moves on; gives how many. */
static int64
reward_signups(int64 program, TimestampTz as_of, int64 *last)
{
	volatile int64 count = 0;

	activity_begin_signup_locks(program, as_of, *last);
	PG_TRY();
	{
		count = referral_settle_signups(program, as_of, last);
	}
	PG_FINALLY();
	{
		activity_end_locks();
	}
	PG_END_TRY();
	return count;
}

/* Reward those who qualify by time alone, and their sponsors. */
static void
settle_signups(ActivityJob *job, TimestampTz as_of)
{
	int64		last = PG_INT64_MIN;
	int64		count;

	do
	{
		CoreScope	scope;

		points_pin_isolation(job->name);
		core_enter(&scope);
		count = reward_signups(job->program, as_of, &last);
		core_leave(&scope);
		activity_advance_job(job, count, (Datum) 0);
		activity_commit_batch(job);
	} while (count > 0);
}

/* Release what was on its way when the last hold on it ended. */
static void
settle_held(ActivityJob *job)
{
	int64		count;

	do
	{
		CoreScope	scope;

		points_pin_isolation(job->name);
		core_enter(&scope);
		count = referral_settle_held(job->program, PAYMENTS_A_BATCH);
		core_leave(&scope);
		activity_advance_job(job, count, (Datum) 0);
		activity_commit_batch(job);
	} while (count > 0);
}

/* Capture what was held for groups that are full, release the rest. */
static void
settle_groups(ActivityJob *job, TimestampTz as_of)
{
	int64		count;

	do
	{
		CoreScope	scope;

		points_pin_isolation(job->name);
		core_enter(&scope);
		count = referral_settle_groups(job->program, as_of, GROUPS_A_BATCH);
		core_leave(&scope);
		activity_advance_job(job, count, (Datum) 0);
		activity_commit_batch(job);
	} while (count > 0);
}

/*
 * Make labels anew when they are old.  The first time that takes steps, each
 * in a transaction of its own; what cannot be done now is left to the next
 * run.
 */
static void
relabel(ActivityJob *job)
{
	int			step;
	bool		waits = true;

	for (step = 0; waits && step < LABEL_STEPS; step++)
	{
		ReferralRelabelled result = {.done = true};
		CoreScope	scope;

		points_pin_isolation(job->name);
		core_enter(&scope);
		if (referral_labels_are_old(job->program))
			referral_relabel(job->program, &result);
		/* all else is done all the same */
		referral_report_rings(WARNING, job->program, &result);
		core_leave(&scope);
		waits = !result.done;
		activity_advance_job(job, result.labelled, (Datum) 0);
		activity_commit_batch(job);
	}
}

/* CALL run_maintenance(as_of, program) */
Datum
community_run_maintenance(PG_FUNCTION_ARGS)
{
	ActivityJob *job;
	TimestampTz as_of;
	int64		from;
	int64		to;

	check_arguments(fcinfo, "run_maintenance");
	as_of = PG_GETARG_TIMESTAMPTZ(0);
	job = activity_begin_job(fcinfo, PG_GETARG_INT64(1), "run_maintenance",
							 "program", 0);
	PG_TRY();
	{
		find_range(job->program, DEFAULT_MINIMUM, &from, &to);
		activity_start_job(job, to - from);
		/* before holds that were to pay for them time out */
		settle_groups(job, as_of);
		time_out_holds(job, as_of);
		close_envelopes(job, as_of);
		bring_home(job);
		hand_out_seats(job);
		settle_signups(job, as_of);
		settle_held(job);
		activity_review_tiers(job, as_of);
		fold_ranges(job, from, to, DEFAULT_MINIMUM, DEFAULT_BATCH);
		relabel(job);
		/* last: a model that cannot be computed is in nobody's way */
		activity_refresh_scores(job, as_of);
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
