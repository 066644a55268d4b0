/*-------------------------------------------------------------------------
 *
 * scores.c
 *	  refresh_scores(): the scores of all members by a model, as a job.
 *
 * Whoever refreshes a model has it for itself: for the session where batches
 * commit, else until the transaction ends.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "activity/job.h"
#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "points/ledger.h"
#include "score/refresh.h"

PG_FUNCTION_INFO_V1(community_refresh_scores);

/* Compute and write the scores as of a time; the model is locked. */
static void
refresh_model(ActivityJob *job, int64 model_id, TimestampTz as_of)
{
	MemoryContext context = AllocSetContextCreate(job->context,
												  "community scores",
												  ALLOCSET_DEFAULT_SIZES);
	ScoreRefresh *refresh;
	CoreScope	scope;
	MemoryContext old;
	int64		count;

	points_pin_isolation(job->name);
	core_enter(&scope);
	old = MemoryContextSwitchTo(context);
	refresh = score_refresh_compute(job->program, model_id, as_of);
	(void) score_refresh_begin(refresh);
	MemoryContextSwitchTo(old);
	core_leave(&scope);
	activity_commit_batch(job);
	do
	{
		points_pin_isolation(job->name);
		core_enter(&scope);
		count = score_refresh_write(refresh);
		if (count == 0)
			score_refresh_finish(refresh);
		core_leave(&scope);
		activity_advance_job(job, count, (Datum) 0);
		activity_commit_batch(job);
	} while (count > 0);
	MemoryContextDelete(context);
}

/* As of each period that has begun by then and was not looked at. */
static void
catch_up(ActivityJob *job, int64 model_id, TimestampTz now)
{
	for (;;)
	{
		CoreScope	scope;
		TimestampTz as_of;
		bool		due;

		points_pin_isolation(job->name);
		core_enter(&scope);
		due = score_refresh_due(job->program, model_id, now, &as_of);
		core_leave(&scope);
		if (!due)
			return;
		refresh_model(job, model_id, as_of);
	}
}

static void
catch_up_locked(ActivityJob *job, int64 model_id, TimestampTz now)
{
	/* whom somebody else refreshes is left to the next run */
	if (!score_refresh_lock(model_id, job->commits))
		return;
	PG_TRY();
	{
		catch_up(job, model_id, now);
	}
	PG_CATCH();
	{
		if (job->commits)
			score_refresh_unlock(model_id);
		PG_RE_THROW();
	}
	PG_END_TRY();
	if (job->commits)
		score_refresh_unlock(model_id);
}

/* The scores that are due of all models, for a job that has begun. */
void
activity_refresh_scores(ActivityJob *job, TimestampTz now)
{
	CoreScope	scope;
	MemoryContext old;
	int64	   *models;
	int			count;
	int			i;

	points_pin_isolation(job->name);
	core_enter(&scope);
	old = MemoryContextSwitchTo(job->context);
	models = score_refresh_models(job->program, &count);
	MemoryContextSwitchTo(old);
	core_leave(&scope);
	activity_commit_batch(job);
	for (i = 0; i < count; i++)
		catch_up_locked(job, models[i], now);
}

static void
check_arguments(FunctionCallInfo fcinfo)
{
	static const char *const names[] = {"model", "as_of", "program"};
	TimestampTz at;

	core_refuse_nulls(fcinfo, "refresh_scores", names, 0);
	at = PG_GETARG_TIMESTAMPTZ(1);
	if (TIMESTAMP_NOT_FINITE(at) || at > GetCurrentTimestamp())
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("time \"%s\" is out of range", timestamptz_to_str(at)),
				 errdetail("refresh_scores() computes scores as of a time that is not in the future.")));
}

/* CALL refresh_scores(model, as_of, program) */
Datum
community_refresh_scores(PG_FUNCTION_ARGS)
{
	ActivityJob *job;
	CoreScope	scope;
	TimestampTz as_of;
	char	   *code;
	int64		program;
	int64		model_id;
	int64		members;

	check_arguments(fcinfo);
	code = core_name_argument(PG_GETARG_TEXT_PP(0), "code of a score model");
	as_of = PG_GETARG_TIMESTAMPTZ(1);
	program = PG_GETARG_INT64(2);
	core_enter(&scope);
	model_id = score_refresh_model(program, PG_GETARG_DATUM(0));
	members = score_refresh_members(program);
	core_leave(&scope);

	job = activity_begin_job(fcinfo, program, "refresh_scores", code,
							 model_id);
	if (!score_refresh_lock(model_id, job->commits))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("scores of model \"%s\" are being refreshed in another session",
						code)));
	PG_TRY();
	{
		activity_start_job(job, members);
		refresh_model(job, model_id, as_of);
		activity_finish_job(job);
	}
	PG_CATCH();
	{
		activity_unlock_job(job);
		if (job->commits)
			score_refresh_unlock(model_id);
		PG_RE_THROW();
	}
	PG_END_TRY();
	if (job->commits)
		score_refresh_unlock(model_id);
	PG_RETURN_VOID();
}
