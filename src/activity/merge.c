/*-------------------------------------------------------------------------
 *
 * merge.c
 *	  merge_members(): two members that are one and the same.
 *
 * Points, engagement and paid terms go to the other member, and the first is
 * closed; its seats go to those who wait.  Its events stay as they are, as
 * events are never changed: member_merge says who bears them.  Locks are taken
 * in this order: engagement rows of both, in ascending order, then the
 * accounts of both by member and currency, then the row of the member, then
 * seats.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"

#include "activity/activity.h"
#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "points/ledger.h"
#include "score/engagement.h"
#include "tier/payment.h"
#include "tier/seats.h"
#include "tier/tier.h"

PG_FUNCTION_INFO_V1(community_merge_members);

/* What is asked for. */
typedef struct Merge
{
	int64		program;
	int64		from;
	int64		into;
	Datum		key;
} Merge;

static void
lock_members(const Merge *merge)
{
	int64		first = Min(merge->from, merge->into);
	int64		second = Max(merge->from, merge->into);
	bool		closed;

	if (!score_lock_engagement(merge->program, first, &closed))
		core_refuse_member(merge->program, first, false);
	if (!score_lock_engagement(merge->program, second, &closed))
		core_refuse_member(merge->program, second, false);
}

/* Is this a replay?  The same key for other members is an error. */
static bool
find_replay(const Merge *merge)
{
	static CorePlan plan = {
		.sql = "SELECT member_id, into_id FROM community.member_merge"
		" WHERE program_id = $1 AND key = $2",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTOID}
	};
	Datum		values[2];

	values[0] = Int64GetDatum(merge->program);
	values[1] = merge->key;
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		return false;
	if (core_int64(0, 1) == merge->from && core_int64(0, 2) == merge->into)
		return true;
	ereport(ERROR,
			(errcode(COMMUNITY_ERRCODE_KEY_REUSED),
			 errmsg("idempotency key \"%s\" was used with other input",
					TextDatumGetCString(merge->key)),
			 errdetail("Recorded: merge of member %lld into %lld. Given: merge of member %lld into %lld.",
					   (long long) core_int64(0, 1),
					   (long long) core_int64(0, 2),
					   (long long) merge->from, (long long) merge->into),
			 errhint("A key names one request for ever; give a new request a new key.")));
	return false;				/* keep compiler quiet */
}

static void
refuse_closed(const Merge *merge)
{
	bool		closed;

	if (!core_member_is_known(merge->program, merge->from, &closed) || closed)
		core_refuse_member(merge->program, merge->from, closed);
	if (!core_member_is_known(merge->program, merge->into, &closed) || closed)
		core_refuse_member(merge->program, merge->into, closed);
}

/* Put the merge on record, also for those merged into "from" before. */
static void
insert_merge(const Merge *merge)
{
	static CorePlan insert = {
		.sql = "INSERT INTO community.member_merge (program_id, member_id,"
		" into_id, bearer_id, key) VALUES ($1, $2, $3, $3, $4)"
		" ON CONFLICT DO NOTHING",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, INT8OID, TEXTOID}
	};
	static CorePlan pass_on = {
		.sql = "UPDATE community.member_merge SET bearer_id = $3"
		" WHERE program_id = $1 AND bearer_id = $2",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, INT8OID}
	};
	Datum		values[4];

	values[0] = Int64GetDatum(merge->program);
	values[1] = Int64GetDatum(merge->from);
	values[2] = Int64GetDatum(merge->into);
	values[3] = merge->key;
	core_run(&pass_on, values, NULL, false);
	core_run(&insert, values, NULL, false);
	if (SPI_processed == 0)
		points_refuse_lost_key(merge->key);
}

static void
close_member(const Merge *merge)
{
	static CorePlan plan = {
		.sql = "UPDATE community.member SET status = 'closed',"
		" closed_at = clock_timestamp(),"
		" close_reason = 'merged into member ' || $3"
		" WHERE program_id = $1 AND member_id = $2",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, INT8OID}
	};
	Datum		values[3];

	values[0] = Int64GetDatum(merge->program);
	values[1] = Int64GetDatum(merge->from);
	values[2] = Int64GetDatum(merge->into);
	core_run(&plan, values, NULL, false);
	points_close_accounts(merge->program, merge->from);
	tier_close_seats(merge->program, merge->from,
					 psprintf("merged into member %lld",
							  (long long) merge->into));
	tier_note_merge(merge->program, merge->into);
}

/* merge_members(from_member, into_member, key, program) -> boolean */
Datum
community_merge_members(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"from_member", "into_member", "key",
	"program"};
	Merge		merge;
	CoreScope	scope;
	bool		replay;

	core_refuse_nulls(fcinfo, "merge_members", names, 0);
	merge.from = PG_GETARG_INT64(0);
	merge.into = PG_GETARG_INT64(1);
	merge.key = points_key_argument(fcinfo, 2);
	merge.program = PG_GETARG_INT64(3);
	if (merge.from == merge.into)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("member %lld cannot be merged into itself",
						(long long) merge.from)));

	core_enter(&scope);
	lock_members(&merge);
	replay = find_replay(&merge);
	if (!replay)
	{
		refuse_closed(&merge);
		points_merge_accounts(merge.program, merge.from, merge.into,
							  merge.key);
		insert_merge(&merge);
		close_member(&merge);
		(void) tier_settle_payments(merge.program, merge.from);
		score_merge_engagement(merge.program, merge.from, merge.into);
	}
	core_leave(&scope);
	PG_RETURN_BOOL(!replay);
}
