/*-------------------------------------------------------------------------
 *
 * member.c
 *	  Enrolling, finding and closing members.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "activity/activity.h"
#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "points/ledger.h"
#include "referral/invite.h"
#include "referral/referral.h"
#include "score/engagement.h"
#include "tier/seats.h"

PG_FUNCTION_INFO_V1(community_enroll);
PG_FUNCTION_INFO_V1(community_member_id);
PG_FUNCTION_INFO_V1(community_close_member);

/* The row of a member found by id or by external id. */
typedef struct FoundMember
{
	int64		member;
	bool		closed;
	char	   *external_id;	/* or NULL */
} FoundMember;

static bool
find_member(int64 program, bool has_member, int64 member, Datum external_id,
			FoundMember *found)
{
	static CorePlan by_id = {
		.sql = "SELECT member_id, status = 'closed', external_id"
		" FROM community.member WHERE program_id = $1 AND member_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	static CorePlan by_external_id = {
		.sql = "SELECT member_id, status = 'closed', external_id"
		" FROM community.member WHERE program_id = $1 AND external_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTOID}
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = has_member ? Int64GetDatum(member) : external_id;
	core_run(has_member ? &by_id : &by_external_id, values, NULL, false);
	if (SPI_processed == 0)
		return false;
	found->member = core_int64(0, 1);
	found->closed = core_bool(0, 2);
	found->external_id = core_text(0, 3);
	return true;
}

/* The id of the member with that external id; false when there is none. */
bool
activity_find_external(int64 program, Datum external_id, int64 *member)
{
	FoundMember found;

	if (!find_member(program, false, 0, external_id, &found))
		return false;
	*member = found.member;
	return true;
}

/* One attempt to insert; false when the id or the external id is taken. */
static bool
insert_member(int64 program, int64 member, Datum external_id,
			  TimestampTz joined_at, Datum attributes)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.member"
		" (program_id, member_id, external_id, joined_at, attributes)"
		" SELECT $1, $2, $3, $4, coalesce($5, '{}'::jsonb)"
		" FROM community.program WHERE program_id = $1"
		" ON CONFLICT DO NOTHING",
		.nargs = 5,
		.argtypes = {INT8OID, INT8OID, TEXTOID, TIMESTAMPTZOID, JSONBOID}
	};
	Datum		values[5];
	char		nulls[6] = "     ";

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	values[2] = external_id;
	values[3] = TimestampTzGetDatum(joined_at);
	values[4] = attributes;
	if (external_id == (Datum) 0)
		nulls[2] = 'n';
	if (attributes == (Datum) 0)
		nulls[4] = 'n';
	core_run(&plan, values, nulls, false);
	return SPI_processed == 1;
}

/* An external id and a member id that are both given must belong together. */
static void
check_same_member(const FoundMember *found, bool has_member, int64 member,
				  Datum external_id)
{
	char	   *given = external_id == (Datum) 0 ? NULL :
	TextDatumGetCString(external_id);

	if (has_member && found->member != member)
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("external id \"%s\" belongs to member %lld, not to %lld",
						given, (long long) found->member,
						(long long) member)));
	if (given != NULL && found->external_id == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("member %lld is enrolled without external id, not as \"%s\"",
						(long long) found->member, given)));
	if (given != NULL && strcmp(given, found->external_id) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("member %lld has external id \"%s\", not \"%s\"",
						(long long) found->member, found->external_id,
						given)));
}

/*
 * Enroll a member, or find the one that is there.  Inside core_enter().
 * external_id and attributes may be (Datum) 0.  "is_new" tells which.
 *
 * A drawn id may belong to a member that the application numbered itself;
 * then the next one is drawn.
 */
int64
activity_enroll(int64 program, bool has_member, int64 member,
				Datum external_id, TimestampTz joined_at, Datum attributes,
				bool *is_new)
{
	FoundMember found;

	*is_new = false;
	for (;;)
	{
		int64		id;

		CHECK_FOR_INTERRUPTS();
		if ((has_member &&
			 find_member(program, true, member, external_id, &found)) ||
			(external_id != (Datum) 0 &&
			 find_member(program, false, 0, external_id, &found)))
		{
			check_same_member(&found, has_member, member, external_id);
			if (found.closed)
				core_refuse_member(program, found.member, true);
			return found.member;
		}
		id = has_member ? member :
			strtoll(ACTIVITY_DRAWN_IDS, NULL, 10) + core_next_id();
		if (insert_member(program, id, external_id, joined_at, attributes))
		{
			score_open_engagement(program, id);
			*is_new = true;
			return id;
		}
		(void) core_program_name(program);
	}
}

/* Is it a new member, in a program that wants to know who brings it? */
static bool
needs_inviter(int64 program, bool has_member, int64 member, Datum external_id)
{
	FoundMember found;

	return referral_gates(program)->sponsor_required &&
		!(has_member && find_member(program, true, member, 0, &found)) &&
		!(external_id != (Datum) 0 &&
		  find_member(program, false, 0, external_id, &found));
}

/*
 * Put a member under who brings it, if anybody does.  A sponsor and a code
 * must agree; a visitor's clicks count where neither is given.
 */
static bool
bring_member(FunctionCallInfo fcinfo, int64 program, int64 member,
			 bool fresh, TimestampTz joined_at)
{
	int64		sponsor;

	if (!PG_ARGISNULL(2))
	{
		referral_lock_brought(program, member);
		sponsor = referral_redeem(program, member, PG_GETARG_DATUM(2),
								  joined_at);
		if (!PG_ARGISNULL(1) && PG_GETARG_INT64(1) != sponsor)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("invitation code \"%s\" brings under member %lld, not %lld",
							text_to_cstring(PG_GETARG_TEXT_PP(2)),
							(long long) sponsor,
							(long long) PG_GETARG_INT64(1)),
					 errhint("Give the sponsor or the code.")));
		return true;
	}
	if (!PG_ARGISNULL(1))
	{
		(void) referral_bind(program, member, PG_GETARG_INT64(1), fresh,
							 joined_at,
							 referral_lapses_at(program, joined_at));
		return true;
	}
	if (PG_ARGISNULL(6))
		return false;
	referral_lock_brought(program, member);
	return referral_attribute(program, member, PG_GETARG_DATUM(6), joined_at,
							  &sponsor);
}

/*
 * enroll(member, sponsor, code, joined_at, external_id, attributes, visitor,
 * program) -> bigint
 */
Datum
community_enroll(PG_FUNCTION_ARGS)
{
	bool		has_member = !PG_ARGISNULL(0);
	Datum		external_id = (Datum) 0;
	TimestampTz joined_at;
	CoreScope	scope;
	int64		program;
	int64		member;
	uint64		before;
	bool		is_new;
	bool		needy;

	if (PG_ARGISNULL(0) && PG_ARGISNULL(4))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("a member needs an id or an external id")));
	if (PG_ARGISNULL(3) || PG_ARGISNULL(7))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("joined_at and program must not be null")));
	program = PG_GETARG_INT64(7);
	joined_at = PG_GETARG_TIMESTAMPTZ(3);
	activity_check_time(joined_at);
	if (!PG_ARGISNULL(4))
	{
		(void) core_name_argument(PG_GETARG_TEXT_PP(4), "external id");
		external_id = PG_GETARG_DATUM(4);
	}
	if (!PG_ARGISNULL(6))
		(void) core_name_argument(PG_GETARG_TEXT_PP(6), "visitor");

	core_enter(&scope);
	member = has_member ? PG_GETARG_INT64(0) : 0;
	needy = needs_inviter(program, has_member, member, external_id);
	before = referral_rows_put();
	member = activity_enroll(program, has_member, member, external_id,
							 joined_at,
							 PG_ARGISNULL(5) ? (Datum) 0 : PG_GETARG_DATUM(5),
							 &is_new);
	if (!bring_member(fcinfo, program, member,
					  is_new && referral_rows_put() == before, joined_at) &&
		needy)
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_REFERRAL_REFUSED),
				 errmsg("program \"%s\" takes new members by invitation only",
						core_program_name(program)),
				 PG_ARGISNULL(6) ? 0 :
				 errdetail("No click of visitor \"%s\" counts.",
						   text_to_cstring(PG_GETARG_TEXT_PP(6))),
				 errhint("Give a sponsor, an invitation code, or a visitor who clicked on a shared link.")));
	core_leave(&scope);
	PG_RETURN_INT64(member);
}

/* member_id(external_id, program) -> bigint, null when there is none */
Datum
community_member_id(PG_FUNCTION_ARGS)
{
	CoreScope	scope;
	int64		member;
	bool		exists;

	core_enter(&scope);
	exists = activity_find_external(PG_GETARG_INT64(1), PG_GETARG_DATUM(0),
									&member);
	core_leave(&scope);
	if (!exists)
		PG_RETURN_NULL();
	PG_RETURN_INT64(member);
}

/* Close a member; false if it is closed already. */
bool
activity_close_member(int64 program, int64 member, Datum reason)
{
	static CorePlan plan = {
		.sql = "UPDATE community.member SET status = 'closed',"
		" closed_at = clock_timestamp(), close_reason = $3"
		" WHERE program_id = $1 AND member_id = $2 AND status = 'active'",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, TEXTOID}
	};
	Datum		values[3];
	bool		closed = true;
	bool		changed;

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	values[2] = reason;
	/* under the lock that record() takes too */
	score_close_engagement(program, member);
	core_run(&plan, values, NULL, false);
	changed = SPI_processed == 1;
	if (changed)
	{
		points_close_accounts(program, member);
		tier_close_seats(program, member, "member closed");
	}
	if (!changed && !core_member_is_known(program, member, &closed))
		core_refuse_member(program, member, false);
	return changed;
}

/* close_member(member, reason, program) -> boolean, false if closed already */
Datum
community_close_member(PG_FUNCTION_ARGS)
{
	CoreScope	scope;
	bool		changed;

	(void) core_name_argument(PG_GETARG_TEXT_PP(1), "reason");
	core_enter(&scope);
	changed = activity_close_member(PG_GETARG_INT64(2), PG_GETARG_INT64(0),
									PG_GETARG_DATUM(1));
	core_leave(&scope);
	PG_RETURN_BOOL(changed);
}
