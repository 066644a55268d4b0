/*-------------------------------------------------------------------------
 *
 * bring.c
 *	  A member is brought by a code or link: who has no sponsor gets its
 *	  first, and who has one gets another if the binding no longer holds.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "referral/invite.h"
#include "referral/place.h"

/*
 * Lock a member that is to be brought, so that its codes and links are used
 * one after the other.  It must not be closed.
 */
void
referral_lock_brought(int64 program, int64 member)
{
	static CorePlan plan = {
		.sql = "SELECT closed FROM community.engagement"
		" WHERE program_id = $1 AND member_id = $2 FOR NO KEY UPDATE",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0 || core_bool(0, 1))
		core_refuse_member(program, member, SPI_processed > 0);
}

/* Another binding may take the place of this one, or it is refused. */
static void
check_lapsed(int64 program, int64 member, int64 sponsor,
			 TimestampTz lapses_at, TimestampTz at)
{
	if (referral_gates(program)->rebindable || lapses_at <= at)
		return;
	ereport(ERROR,
			(errcode(COMMUNITY_ERRCODE_REFERRAL_BOUND),
			 errmsg("member %lld stands under member %lld already",
					(long long) member, (long long) sponsor),
			 lapses_at == DT_NOEND ?
			 errdetail("The binding is permanent.") :
			 errdetail("The binding lapses at %s.",
					   timestamptz_to_str(lapses_at))));
}

/* As reparent() does, which refuses cycles, and keeps the history. */
static void
move_member(int64 program, int64 member, int64 sponsor, TimestampTz at,
			TimestampTz lapses_at, const char *reason)
{
	ReferralMoving moving = {
		.program = program,
		.member = member,
		.has_sponsor = true,
		.sponsor = sponsor,
		.lapses_at = lapses_at,
		.reason = reason,
		/* what the default says is now, and may be later than this */
		.has_time = at != GetCurrentTransactionStartTimestamp(),
		.moved_at = at
	};
	int64		move_id;

	(void) referral_move(&moving, &move_id);
}

/* Who stays under the same sponsor is bound anew, and not moved. */
static void
set_lapse(int64 program, int64 member, TimestampTz lapses_at)
{
	static CorePlan plan = {
		.sql = "UPDATE community.referral"
		" SET lapses_at = nullif($3, 'infinity')"
		" WHERE program_id = $1 AND member_id = $2",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID},
		.by_index = true
	};
	Datum		values[3];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	values[2] = TimestampTzGetDatum(lapses_at);
	core_run(&plan, values, NULL, false);
}

/*
 * Bind a member to who brings it by "means", as "code X".  The first time it
 * is bound; later it is moved, unless its binding holds.
 */
void
referral_bring(int64 program, int64 member, int64 sponsor, TimestampTz at,
			   const char *means)
{
	static CorePlan plan = {
		.sql = "SELECT coalesce(lapses_at, 'infinity'), sponsor_id"
		" FROM community.referral WHERE program_id = $1 AND member_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID},
		.by_index = true
	};
	TimestampTz lapses_at = referral_lapses_at(program, at);
	Datum		values[2];
	Datum		lapsed_at;
	Datum		from;
	bool		was_root;
	bool		isnull;

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
	{
		(void) referral_bind(program, member, sponsor, false, at,
							 lapses_at);
		return;
	}
	/* whoever moves the member meanwhile may make its binding permanent */
	referral_lock_movers(program);
	core_run_latest(&plan, values);
	lapsed_at = core_field(0, 1, &isnull);
	from = core_field(0, 2, &was_root);
	if (!was_root)
		check_lapsed(program, member, DatumGetInt64(from),
					 DatumGetTimestampTz(lapsed_at), at);
	referral_admit(program, sponsor, member, false, at);
	if (was_root || DatumGetInt64(from) != sponsor)
		move_member(program, member, sponsor, at, lapses_at,
					psprintf("rebound by %s", means));
	else
		set_lapse(program, member, lapses_at);
}
