/*-------------------------------------------------------------------------
 *
 * reparent.c
 *	  reparent(): a member and all below it are put elsewhere.
 *
 * One row is changed and one is added, whatever stands below.  All that is
 * decided is decided under the movers' lock, on what is committed by then;
 * the row is changed with the snapshot of the transaction, so that a rival's
 * change of the same row is noticed as it always is.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "referral/guard.h"
#include "referral/place.h"

PG_FUNCTION_INFO_V1(community_reparent);

static char *
time_text(TimestampTz at)
{
	return pstrdup(timestamptz_to_str(at));
}

/*
 * When the move happens: at the time that is asked for, or now, and after
 * everything that is known of the member.
 */
static TimestampTz
find_time(const ReferralMoving *moving, const ReferralEdge *edge,
		  Snapshot snapshot)
{
	static CorePlan plan = {
		.sql = "SELECT max(moved_at) FROM community.referral_move"
		" WHERE program_id = $1 AND member_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID},
		.by_index = true
	};
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz earliest = edge == NULL ? DT_NOBEGIN : edge->joined_at;
	Datum		values[2];
	Datum		last;
	bool		isnull;

	values[0] = Int64GetDatum(moving->program);
	values[1] = Int64GetDatum(moving->member);
	PushActiveSnapshot(snapshot);
	core_run(&plan, values, NULL, true);
	PopActiveSnapshot();
	last = core_field(0, 1, &isnull);
	if (!isnull)
		earliest = Max(earliest, DatumGetTimestampTz(last) + 1);
	if (!moving->has_time)
		return Max(now, earliest);
	if (TIMESTAMP_NOT_FINITE(moving->moved_at))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("moved_at must be a finite time")));
	if (moving->moved_at > now)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("member %lld cannot be moved at %s, which is still to come",
						(long long) moving->member,
						time_text(moving->moved_at))));
	if (moving->moved_at < earliest)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("member %lld cannot be moved at %s", (long long)
						moving->member, time_text(moving->moved_at)),
				 isnull ?
				 errdetail("It has had a sponsor since %s.",
						   time_text(edge->joined_at)) :
				 errdetail("It was moved at %s, and moves follow each other.",
						   time_text(DatumGetTimestampTz(last)))));
	return moving->moved_at;
}

/*
 * The depth of a member where it stands now.  Below a cycle, which only a load
 * past the guard can have made, there is none, and a move can mend that.
 */
static int64
depth_before(ReferralForest *forest, int64 member)
{
	ReferralWalk walk;

	referral_begin_walk(&walk, forest, member);
	while (referral_walk_try(&walk))
		 /* on */ ;
	return walk.in_cycle ? 0 : walk.generation;
}

/* How much deeper rows may be than they say, once the member has moved. */
static int32
deepened_by(ReferralForest *forest, const ReferralMoving *moving,
			const ReferralEdge *edge, const ReferralState *state)
{
	int64		before = depth_before(forest, moving->member);
	int64		after = 0;
	int64		deepened;

	if (moving->has_sponsor)
	{
		after = referral_measure(forest, moving->sponsor, true,
								 moving->member) + 1;
		referral_check_depth(moving->program, moving->member,
							 moving->sponsor, (int32) after);
	}
	/* of those who sign up below it meanwhile, the row tells what they say */
	if (referral_has_children(forest, moving->member))
		deepened = state->deepened + Max(after - before, 0);
	else
		deepened = Max(state->deepened, after - edge->depth);
	return (int32) Min(deepened, REFERRAL_UNMEASURED);
}

/* Change the sponsor in the row. */
static void
change_sponsor(const ReferralMoving *moving)
{
	static CorePlan plan = {
		.sql = "UPDATE community.referral SET sponsor_id = $3, lapses_at = $4"
		" WHERE program_id = $1 AND member_id = $2",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID},
		.by_index = true
	};
	Datum		values[4];
	char		nulls[5] = "    ";

	values[0] = Int64GetDatum(moving->program);
	values[1] = Int64GetDatum(moving->member);
	values[2] = Int64GetDatum(moving->sponsor);
	values[3] = TimestampTzGetDatum(moving->lapses_at);
	if (!moving->has_sponsor)
		nulls[2] = 'n';
	if (!moving->has_sponsor || moving->lapses_at == DT_NOEND)
		nulls[3] = 'n';
	referral_run_expected(&plan, values, nulls, moving->program,
						  moving->member);
	/* the row is newer than the snapshot of the transaction */
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent update")));
}

/* Move a member that has a row; false when it stands there already. */
static bool
move_row(const ReferralMoving *moving, const ReferralEdge *edge,
		 ReferralForest *forest, Snapshot snapshot, int64 *move_id)
{
	ReferralState state;
	ReferralMove move = {
		.program = moving->program,
		.member = moving->member,
		.has_from = edge->has_sponsor,
		.from = edge->sponsor,
		.has_to = moving->has_sponsor,
		.to = moving->sponsor,
		.state = &state,
		.reason = moving->reason
	};

	if (edge->has_sponsor == moving->has_sponsor &&
		(!edge->has_sponsor || edge->sponsor == moving->sponsor))
		return false;
	if (moving->has_sponsor)
		referral_check_sponsor(moving->program, moving->sponsor);
	referral_read_state(moving->program, snapshot, &state);
	move.moved_at = find_time(moving, edge, snapshot);
	if (moving->has_sponsor && moving->has_time)
		referral_check_past(moving->program, moving->member, moving->sponsor,
							move.moved_at);
	referral_deepen(moving->program, &state,
					deepened_by(forest, moving, edge, &state));
	change_sponsor(moving);
	referral_forget_depths();
	*move_id = referral_note_move(&move);
	return true;
}

/*
 * Put a member elsewhere.  False when it stands there already.  Inside
 * core_enter().
 */
bool
referral_move(const ReferralMoving *moving, int64 *move_id)
{
	Snapshot	snapshot;
	ReferralForest *forest;
	ReferralEdge edge;
	bool		closed;
	bool		has_row;
	bool		moved = false;

	if (!core_member_is_known(moving->program, moving->member, &closed))
		core_refuse_member(moving->program, moving->member, false);
	referral_lock_movers(moving->program);
	snapshot = referral_latest_snapshot();
	forest = referral_open_forest(moving->program, snapshot, DT_NOEND);
	has_row = referral_fetch(forest, moving->member, &edge);
	if (has_row)
		moved = move_row(moving, &edge, forest, snapshot, move_id);
	else if (moving->has_sponsor)
	{
		TimestampTz at = find_time(moving, NULL, snapshot);

		moved = referral_bind_by_move(moving, at, move_id);
	}
	referral_close_forest(forest);
	UnregisterSnapshot(snapshot);
	return moved;
}

/*
 * reparent(member, sponsor, reason, moved_at, program) -> bigint, the move;
 * null when the member stands there already
 */
Datum
community_reparent(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "sponsor", "reason",
	"moved_at", "program"};
	ReferralMoving moving = {.lapses_at = DT_NOEND};
	CoreScope	scope;
	int64		move_id;
	bool		moved;

	core_refuse_nulls(fcinfo, "reparent", names, 0x0a);
	moving.member = PG_GETARG_INT64(0);
	moving.has_sponsor = !PG_ARGISNULL(1);
	moving.sponsor = moving.has_sponsor ? PG_GETARG_INT64(1) : 0;
	moving.reason = core_name_argument(PG_GETARG_TEXT_PP(2), "reason");
	moving.has_time = !PG_ARGISNULL(3);
	moving.moved_at = moving.has_time ? PG_GETARG_TIMESTAMPTZ(3) : 0;
	moving.program = PG_GETARG_INT64(4);
	core_enter(&scope);
	moved = referral_move(&moving, &move_id);
	core_leave(&scope);
	if (!moved)
		PG_RETURN_NULL();
	PG_RETURN_INT64(move_id);
}
