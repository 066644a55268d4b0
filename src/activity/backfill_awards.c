/*-------------------------------------------------------------------------
 *
 * backfill_awards.c
 *	  backfill_awards(): an award for all that was done before it was made;
 *	  settle_awards(): those of one member.
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
#include "tier/award.h"

#define MAX_BATCH		10000

PG_FUNCTION_INFO_V1(community_backfill_awards);
PG_FUNCTION_INFO_V1(community_settle_awards);

static ArrayType *
id_array(const int64 *ids, int count)
{
	return DatumGetArrayTypeP(score_bigint_array(ids, count));
}

/* Lock the next members in the order of ids; gives how many there are. */
static int
lock_next(int64 program, int64 after, int32 count, int64 *ids)
{
	static CorePlan plan = {
		.sql = "SELECT member_id FROM community.member"
		" WHERE program_id = $1 AND member_id > $2"
		" ORDER BY member_id LIMIT $3",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, INT4OID}
	};
	Datum		values[3];
	int			found;
	int			i;

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(after);
	values[2] = Int32GetDatum(count);
	core_run(&plan, values, NULL, false);
	found = SPI_processed;
	for (i = 0; i < found; i++)
		ids[i] = core_int64(i, 1);
	return found == 0 ? 0 : score_lock_leading(program, ids, found);
}

/* The last member of a batch, as the position of the job. */
static Datum
position_of(int64 member)
{
	Datum text = CStringGetTextDatum(psprintf("%lld",
											  (long long) member));

	return PointerGetDatum(construct_array(&text, 1, TEXTOID, -1, false,
										   TYPALIGN_INT));
}

/* Where an interrupted job went on to, before all members if it did not. */
static int64
position_in(const ActivityJob *job)
{
	Datum	   *texts;
	int			count;

	if (job->position == (Datum) 0)
		return PG_INT64_MIN;
	deconstruct_array(DatumGetArrayTypeP(job->position), TEXTOID, -1, false,
					  TYPALIGN_INT, &texts, NULL, &count);
	return strtoll(TextDatumGetCString(texts[0]), NULL, 10);
}

static void
give_all(ActivityJob *job, int64 award, int32 batch_size)
{
	int64	   *ids = MemoryContextAlloc(job->context,
										 batch_size * sizeof(int64));
	int64		last = position_in(job);
	int			count;

	do
	{
		CoreScope	scope;

		points_pin_isolation(job->name);
		core_enter(&scope);
		count = lock_next(job->program, last, batch_size, ids);
		if (count > 0)
		{
			tier_settle_awards_of(job->program, id_array(ids, count),
								  id_array(&award, 1), DT_NOBEGIN);
			last = ids[count - 1];
		}
		core_leave(&scope);
		activity_advance_job(job, count, position_of(last));
		activity_tell_progress(job, count == 0);
		activity_commit_batch(job);
	} while (count > 0);
}

/* What there is to do: the award, and how many members there are. */
static int64
find_work(int64 program, text *name, int64 *members)
{
	static CorePlan plan = {
		.sql = "SELECT count(*) FROM community.member WHERE program_id = $1",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	CoreScope	scope;
	Datum		values[1];
	int64		award;

	core_enter(&scope);
	award = tier_award_id(program, name);
	values[0] = Int64GetDatum(program);
	core_run(&plan, values, NULL, false);
	*members = core_int64(0, 1);
	core_leave(&scope);
	return award;
}

/* CALL backfill_awards(award, batch_size, program) */
Datum
community_backfill_awards(PG_FUNCTION_ARGS)
{
	ActivityJob *job;
	int32		batch_size;
	int64		award;
	int64		members;
	int			i;

	for (i = 0; i < PG_NARGS(); i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("arguments of backfill_awards() must not be null")));
	batch_size = PG_GETARG_INT32(1);
	if (batch_size < 1 || batch_size > MAX_BATCH)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("batch size %d is out of range", batch_size),
				 errdetail("A batch has 1 to %d members.", MAX_BATCH)));
	award = find_work(PG_GETARG_INT64(2), PG_GETARG_TEXT_PP(0), &members);
	job = activity_begin_job(fcinfo, PG_GETARG_INT64(2), "backfill_awards",
							 text_to_cstring(PG_GETARG_TEXT_PP(0)), award);
	PG_TRY();
	{
		activity_start_job(job, members);
		give_all(job, award, batch_size);
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

/* settle_awards(member, at, program) */
Datum
community_settle_awards(PG_FUNCTION_ARGS)
{
	int64		member = PG_GETARG_INT64(0);
	int64		program = PG_GETARG_INT64(2);
	CoreScope	scope;
	bool		closed;

	core_enter(&scope);
	if (!score_lock_engagement(program, member, &closed))
		core_refuse_member(program, member, false);
	tier_settle_awards(program, member, PG_GETARG_TIMESTAMPTZ(1));
	core_leave(&scope);
	PG_RETURN_VOID();
}
