/*-------------------------------------------------------------------------
 *
 * group_leave.c
 *	  leave_group() and confirm_group_refund().
 *
 * Whoever leads a group is who joined it first of those in it, so nothing has
 * to be done about the succession.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "referral/group.h"

PG_FUNCTION_INFO_V1(community_leave_group);
PG_FUNCTION_INFO_V1(community_confirm_group_refund);

/* Has that key been used, for the same? */
static bool
find_left(const ReferralGroup *group, int64 member, Datum key)
{
	static CorePlan plan = {
		.sql = "SELECT group_id, member_id FROM community.group_member"
		" WHERE program_id = $1 AND leave_key = $2",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTOID},
		.by_index = true
	};
	Datum		values[2];

	values[0] = Int64GetDatum(group->program);
	values[1] = key;
	core_run_latest(&plan, values);
	if (SPI_processed == 0)
		return false;
	if (core_int64(0, 1) != group->id || core_int64(0, 2) != member)
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_KEY_REUSED),
				 errmsg("idempotency key \"%s\" was used with other input",
						TextDatumGetCString(key)),
				 errdetail("Recorded: member %lld leaves group %lld. Given: member %lld leaves group %lld.",
						   (long long) core_int64(0, 2),
						   (long long) core_int64(0, 1), (long long) member,
						   (long long) group->id),
				 errhint("A key names one request for ever; give a new request a new key.")));
	return true;
}

/* The membership and its slot, or an error when there is none. */
static int64
find_membership(const ReferralGroup *group, int64 member, int32 *slot)
{
	static CorePlan plan = {
		.sql = "SELECT join_id, slot FROM community.group_member"
		" WHERE program_id = $1 AND group_id = $2 AND member_id = $3"
		" AND left_at IS NULL",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, INT8OID},
		.by_index = true
	};
	Datum		values[3];

	values[0] = Int64GetDatum(group->program);
	values[1] = Int64GetDatum(group->id);
	values[2] = Int64GetDatum(member);
	core_run_latest(&plan, values);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_GROUP_CLOSED),
				 errmsg("member %lld is not in group %lld",
						(long long) member, (long long) group->id)));
	*slot = (int32) core_int64(0, 2);
	return core_int64(0, 1);
}

/* Note that the member has left, and put its slot back. */
static void
leave_slot(const ReferralGroup *group, int64 join_id, int32 slot, Datum key,
		   Datum reason)
{
	static CorePlan leave = {
		.sql = "UPDATE community.group_member SET leave_key = $3,"
		" leave_reason = $4, left_at = greatest(clock_timestamp(), joined_at)"
		" WHERE program_id = $1 AND join_id = $2 AND left_at IS NULL",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, TEXTOID, TEXTOID},
		.by_index = true
	};
	static CorePlan put_back = {
		.sql = "INSERT INTO community.group_slot (program_id, group_id, slot)"
		" VALUES ($1, $2, $3)",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, INT4OID}
	};
	Datum		values[4];

	values[0] = Int64GetDatum(group->program);
	values[1] = Int64GetDatum(join_id);
	values[2] = key;
	values[3] = reason;
	core_run(&leave, values, NULL, false);
	if (SPI_processed == 0)
		referral_group_refuse_hidden();
	values[1] = Int64GetDatum(group->id);
	values[2] = Int32GetDatum(slot);
	core_run(&put_back, values, NULL, false);
}

/* Do what leave_group() promises; true for a retry. */
static bool
leave(ReferralGroup *group, int64 member, Datum reason, Datum key)
{
	int64		join_id;
	int32		slot;
	bool		closed;

	referral_lock_person(group->program, member, &closed);
	if (find_left(group, member, key))
		return true;
	referral_group_exclude(group);
	referral_group_read(group);
	join_id = find_membership(group, member, &slot);
	if (group->missing == 0)
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_GROUP_CLOSED),
				 errmsg("member %lld cannot leave group %lld, which is full",
						(long long) member, (long long) group->id),
				 errdetail("A group that is full has bought; what is paid back to a single member leaves it so.")));
	if (group->settled || group->closes_at <= GetCurrentTimestamp())
		referral_group_refuse_ended(group);
	leave_slot(group, join_id, slot, key, reason);
	referral_group_release(group->program, join_id);
	return false;
}

/* leave_group(member, group_id, reason, key, program) -> boolean */
Datum
community_leave_group(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "group_id", "reason", "key",
	"program"};
	ReferralGroup group = {0};
	CoreScope	scope;
	bool		replay;

	core_refuse_nulls(fcinfo, "leave_group", names, 0);
	group.id = PG_GETARG_INT64(1);
	(void) core_name_argument(PG_GETARG_TEXT_PP(2), "reason");
	(void) core_name_argument(PG_GETARG_TEXT_PP(3), "idempotency key");
	group.program = PG_GETARG_INT64(4);

	core_enter(&scope);
	replay = leave(&group, PG_GETARG_INT64(0), PG_GETARG_DATUM(2),
				   PG_GETARG_DATUM(3));
	core_leave(&scope);
	PG_RETURN_BOOL(!replay);
}

/* Why is it not due? */
static bool
refuse_refund(int64 program, Datum key)
{
	static CorePlan plan = {
		.sql = "SELECT group_id, member_id, refunded_at IS NOT NULL"
		" FROM community.group_member WHERE program_id = $1 AND key = $2",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTOID},
		.by_index = true
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = key;
	core_run_latest(&plan, values);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("nobody of program \"%s\" has joined a group with key \"%s\"",
						core_program_name(program),
						TextDatumGetCString(key))));
	if (core_bool(0, 3))
		return false;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("no refund of member %lld in group %lld is due",
					(long long) core_int64(0, 2),
					(long long) core_int64(0, 1)),
			 errdetail("Refunds that are due are in community.group_refund_due.")));
	return false;				/* keep compiler quiet */
}

/* confirm_group_refund(key, program) -> boolean */
Datum
community_confirm_group_refund(PG_FUNCTION_ARGS)
{
	static CorePlan plan = {
		.sql = "UPDATE community.group_member AS m"
		" SET refunded_at = clock_timestamp()"
		" FROM community.group_refund_due AS d WHERE m.program_id = $1"
		" AND m.key = $2 AND d.program_id = $1 AND d.key = $2"
		" AND m.refunded_at IS NULL",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTOID},
		.by_index = true
	};
	CoreScope	scope;
	Datum		values[2];
	bool		confirmed;

	values[0] = PG_GETARG_DATUM(1);
	values[1] = PG_GETARG_DATUM(0);
	core_enter(&scope);
	core_run(&plan, values, NULL, false);
	confirmed = SPI_processed == 1 ||
		refuse_refund(PG_GETARG_INT64(1), values[1]);
	core_leave(&scope);
	PG_RETURN_BOOL(confirmed);
}
