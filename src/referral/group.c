/*-------------------------------------------------------------------------
 *
 * group.c
 *	  Groups that buy: what stands in their tables, and their locks.
 *
 * A slot that nobody has is a row of group_slot.  Who joins deletes one that
 * nobody else has locked, so a crowd spreads over the slots and nobody
 * counts.  A group is full when it has no slot left, whoever looks.
 *
 * Locks are taken in this order: the member, the lock of the group, a slot,
 * the group's finishing lock, accounts of points.
 *
 * - Who joins shares the lock of the group until its transaction ends; who
 *	 leaves, and who settles groups, holds it exclusively.  So a group that is
 *	 found full or failed under either lock stays that way.
 * - Of several who take the last slots at once none may see the others' yet.
 *	 They queue for the finishing lock, so that the last one sees them all,
 *	 and captures the holds.  Should even it not, as when one transaction
 *	 takes many slots, settle_groups() does so later.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "referral/group.h"

/* tell these locks from other advisory ones; see points/horizon.c */
#define GROUP_LOCK_CLASS		17233
#define FINISH_LOCK_CLASS		17234

static void
lock_group(const ReferralGroup *group, uint16 class, LOCKMODE mode)
{
	LOCKTAG		tag;

	/* ids of groups are drawn, so no two programs share one */
	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (group->id >> 32),
						 (uint32) group->id, class);
	(void) LockAcquire(&tag, mode, false, false);
}

/* What the head of the file says of those who join. */
void
referral_group_share(const ReferralGroup *group)
{
	lock_group(group, GROUP_LOCK_CLASS, ShareLock);
}

/* Of those who leave or settle. */
void
referral_group_exclude(const ReferralGroup *group)
{
	lock_group(group, GROUP_LOCK_CLASS, ExclusiveLock);
}

/* And of those who may have taken the last slot. */
void
referral_group_finish(const ReferralGroup *group)
{
	lock_group(group, FINISH_LOCK_CLASS, ExclusiveLock);
}

/* Lock a member, closed or not; an error when there is none. */
void
referral_lock_person(int64 program, int64 member, bool *closed)
{
	static CorePlan plan = {
		.sql = "SELECT closed FROM community.engagement"
		" WHERE program_id = $1 AND member_id = $2 FOR NO KEY UPDATE",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID},
		.by_index = true
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		core_refuse_member(program, member, false);
	*closed = core_bool(0, 1);
}

/* Read a group as it is now, whatever the isolation level. */
void
referral_group_read(ReferralGroup *group)
{
	static CorePlan plan = {
		.sql = "SELECT g.capacity, (SELECT count(*)"
		"  FROM community.group_slot AS s WHERE s.program_id = $1"
		"  AND s.group_id = $2)::integer, g.closes_at,"
		" g.settled_at IS NOT NULL, (SELECT m.member_id"
		"  FROM community.group_member AS m WHERE m.program_id = $1"
		"  AND m.group_id = $2 AND m.left_at IS NULL"
		"  ORDER BY m.join_id LIMIT 1)"
		" FROM community.group_buy AS g"
		" WHERE g.program_id = $1 AND g.group_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID},
		.by_index = true
	};
	Datum		values[2];
	Datum		leader;
	bool		isnull;

	values[0] = Int64GetDatum(group->program);
	values[1] = Int64GetDatum(group->id);
	core_run_latest(&plan, values);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("group %lld of program \"%s\" does not exist",
						(long long) group->id,
						core_program_name(group->program)),
				 errhint("Open one with community.open_group().")));
	group->capacity = (int32) core_int64(0, 1);
	group->missing = (int32) core_int64(0, 2);
	group->closes_at = DatumGetTimestampTz(core_field(0, 3, &isnull));
	group->settled = core_bool(0, 4);
	leader = core_field(0, 5, &isnull);
	group->has_leader = !isnull;
	group->leader = isnull ? 0 : DatumGetInt64(leader);
}

/* As in group_status, but for refunds. */
const char *
referral_group_state(const ReferralGroup *group)
{
	if (group->missing == 0)
		return "full";
	return group->settled || group->closes_at <= GetCurrentTimestamp() ?
		"expired" : "forming";
}

void
referral_group_refuse_ended(const ReferralGroup *group)
{
	ereport(ERROR,
			(errcode(COMMUNITY_ERRCODE_GROUP_CLOSED),
			 errmsg("group %lld ended at %s", (long long) group->id,
					timestamptz_to_str(group->closes_at)),
			 errdetail_plural("It was %d member short of %d.",
							  "It was %d members short of %d.",
							  group->missing, group->missing,
							  group->capacity)));
}

/* Something that must change is newer than the transaction's snapshot. */
void
referral_group_refuse_hidden(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not serialize access due to concurrent change of a group"),
			 errhint("Try again.")));
}
