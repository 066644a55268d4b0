/*-------------------------------------------------------------------------
 *
 * job.c
 *	  Long work in batches that commit, with its progress on record.
 *
 * What a job has done and where it stands is written in the transaction of
 * the batch itself, so after a crash it resumes exactly there.  Called inside
 * a transaction block a job cannot commit; then it is one batch after another
 * in that one transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/lock.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"


#include "activity/job.h"
#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"

/* sets our advisory locks apart from those of the application */
#define JOB_LOCK	17229

/*
 * Connect to SPI for the life of the procedure and make room for what must
 * outlive its commits.
 */
ActivityJob *
activity_begin_job(FunctionCallInfo fcinfo, int64 program, const char *name,
				   const char *object, int64 subject_id)
{
	bool		atomic = fcinfo->context == NULL ||
	!IsA(fcinfo->context, CallContext) ||
	castNode(CallContext, fcinfo->context)->atomic;
	MemoryContext context = AllocSetContextCreate(PortalContext,
												  "community job",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	ActivityJob *job = palloc0_object(ActivityJob);

	job->program = program;
	job->name = pstrdup(name);
	job->object = pstrdup(object);
	job->subject_id = subject_id;
	job->commits = !atomic;
	job->context = context;
	MemoryContextSwitchTo(old);
	if (SPI_connect_ext(atomic ? 0 : SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	return job;
}

static void
keep_position(ActivityJob *job, Datum position)
{
	MemoryContext old = MemoryContextSwitchTo(job->context);

	job->position = position == (Datum) 0 ? (Datum) 0 :
		PointerGetDatum(DatumGetArrayTypePCopy(position));
	MemoryContextSwitchTo(old);
}

/*
 * A job that is being worked on is locked by its session; the lock goes with
 * the session, however that ends.
 */
static void
job_lock_tag(const ActivityJob *job, LOCKTAG *tag)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, (uint32) (job->id >> 32),
						 (uint32) job->id, JOB_LOCK);
}

static void
lock_job(ActivityJob *job)
{
	LOCKTAG		tag;

	job_lock_tag(job, &tag);
	if (LockAcquire(&tag, ExclusiveLock, true, true) ==
		LOCKACQUIRE_NOT_AVAIL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("%s of %s is running in another session", job->name,
						job->object)));
	job->locked = true;
}

/* Let the job go, done or not; for the end and for errors. */
void
activity_unlock_job(ActivityJob *job)
{
	LOCKTAG		tag;

	if (!job->locked)
		return;
	job_lock_tag(job, &tag);
	(void) LockRelease(&tag, ExclusiveLock, true);
	job->locked = false;
}

/* Take up an interrupted job of that name; false when there is none. */
static bool
resume(ActivityJob *job)
{
	static CorePlan find = {
		.sql = "SELECT j.job_id, j.done, j.total, j.position"
		" FROM community.job_run AS j WHERE j.program_id = $1 AND j.name = $2"
		" AND j.object = $3 AND j.subject_id = $4 AND j.status = 'running'"
		" FOR UPDATE",
		.nargs = 4,
		.argtypes = {INT8OID, TEXTOID, TEXTOID, INT8OID}
	};
	static CorePlan take = {
		.sql = "UPDATE community.job_run SET process_id = pg_backend_pid(),"
		" updated_at = clock_timestamp() WHERE program_id = $1 AND job_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[4];
	Datum		position;
	bool		isnull;

	values[0] = Int64GetDatum(job->program);
	values[1] = CStringGetTextDatum(job->name);
	values[2] = CStringGetTextDatum(job->object);
	values[3] = Int64GetDatum(job->subject_id);
	core_run(&find, values, NULL, false);
	if (SPI_processed == 0)
		return false;
	job->id = core_int64(0, 1);
	job->done = core_int64(0, 2);
	job->total = core_int64(0, 3);
	position = core_field(0, 4, &isnull);
	keep_position(job, isnull ? (Datum) 0 : position);
	lock_job(job);
	values[1] = Int64GetDatum(job->id);
	core_run(&take, values, NULL, false);
	ereport(NOTICE,
			(errmsg("%s of %s resumes after %lld rows", job->name, job->object,
					(long long) job->done)));
	return true;
}

/* Begin the job or resume it. */
void
activity_start_job(ActivityJob *job, int64 total)
{
	static CorePlan insert = {
		.sql = "INSERT INTO community.job_run (program_id, name, object, total,"
		" subject_id) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING job_id",
		.nargs = 5,
		.argtypes = {INT8OID, TEXTOID, TEXTOID, INT8OID, INT8OID}
	};
	Datum		values[5];
	CoreScope	scope;

	core_enter(&scope);
	if (!resume(job))
	{
		job->total = total;
		values[0] = Int64GetDatum(job->program);
		values[1] = CStringGetTextDatum(job->name);
		values[2] = CStringGetTextDatum(job->object);
		values[3] = Int64GetDatum(total);
		values[4] = Int64GetDatum(job->subject_id);
		core_run(&insert, values, NULL, false);
		if (SPI_processed == 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_IN_USE),
					 errmsg("%s of %s is running in another session",
							job->name, job->object)));
		job->id = core_int64(0, 1);
		lock_job(job);
	}
	core_leave(&scope);
	activity_commit_batch(job);
}

/* Note what a batch has done, in the transaction of the batch. */
void
activity_advance_job(ActivityJob *job, int64 rows, Datum position)
{
	static CorePlan plan = {
		.sql = "UPDATE community.job_run SET done = $3, position = $4,"
		" updated_at = clock_timestamp() WHERE program_id = $1 AND job_id = $2",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, INT8OID, TEXTARRAYOID}
	};
	Datum		values[4];
	CoreScope	scope;

	job->done += rows;
	keep_position(job, position);
	values[0] = Int64GetDatum(job->program);
	values[1] = Int64GetDatum(job->id);
	values[2] = Int64GetDatum(job->done);
	values[3] = job->position;
	core_enter(&scope);
	core_run(&plan, values, position == (Datum) 0 ? "   n" : NULL, false);
	core_leave(&scope);
}

void
activity_commit_batch(ActivityJob *job)
{
	CHECK_FOR_INTERRUPTS();
	if (!job->commits)
		return;
	SPI_commit();
	SPI_start_transaction();
}

/* The last batch: the job is done. */
void
activity_finish_job(ActivityJob *job)
{
	static CorePlan plan = {
		.sql = "UPDATE community.job_run SET status = 'done', done = $3,"
		" updated_at = clock_timestamp(), finished_at = clock_timestamp()"
		" WHERE program_id = $1 AND job_id = $2",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, INT8OID}
	};
	Datum		values[3];
	CoreScope	scope;

	values[0] = Int64GetDatum(job->program);
	values[1] = Int64GetDatum(job->id);
	values[2] = Int64GetDatum(job->done);
	core_enter(&scope);
	core_run(&plan, values, NULL, false);
	core_leave(&scope);
	activity_commit_batch(job);
	activity_unlock_job(job);
	SPI_finish();
}

/* Percent of the work done; rows may have come since it was counted. */
static int
percent_done(const ActivityJob *job)
{
	if (job->total <= 0 || job->done >= job->total)
		return 100;
	return (int) ((double) job->done / job->total * 100);
}

/* A notice whenever a tenth of the work is done, and at the end. */
void
activity_tell_progress(const ActivityJob *job, bool last)
{
	static int64 told_job = 0;
	static int	told_tenths = 0;
	int			tenths = last ? 10 : percent_done(job) / 10;

	if (told_job != job->id)
		told_tenths = 0;
	told_job = job->id;
	if (tenths == told_tenths)
		return;
	told_tenths = tenths;
	ereport(NOTICE,
			(errmsg("%s of %s: %lld of %lld rows (%d%%)", job->name,
					job->object, (long long) job->done,
					(long long) job->total, percent_done(job))));
}
