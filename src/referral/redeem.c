/*-------------------------------------------------------------------------
 *
 * redeem.c
 *	  Redemption of invitation codes: redeem_code(), and enroll() with a code.
 *
 * One conditional statement redeems: it counts the use where uses are limited
 * and notes it, if the code may be used at all, and its row count decides.  A
 * code without a limit is not written, so that nobody waits for its row.
 * Locks are taken in this order: the member, the code, the forest's movers'
 * lock where one is needed, a slot of the inviter's quota.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "referral/invite.h"

PG_FUNCTION_INFO_V1(community_redeem_code);

/* Who brought the member by that code; false when it has not used it. */
static bool
find_use(Datum *values, int64 *sponsor)
{
	static CorePlan plan = {
		.sql = "SELECT sponsor_id FROM community.referral_code_use"
		" WHERE program_id = $1 AND code = $2 AND member_id = $3",
		.nargs = 3,
		.argtypes = {INT8OID, TEXTOID, INT8OID},
		.by_index = true
	};

	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		return false;
	*sponsor = core_int64(0, 1);
	return true;
}

/* Whose code it is, or who bears that member's books by now. */
static int64
find_owner(Datum *values)
{
	static CorePlan plan = {
		.sql = "SELECT coalesce(b.bearer_id, c.member_id)"
		" FROM community.referral_code AS c"
		" LEFT JOIN community.member_merge AS b"
		" ON b.program_id = c.program_id AND b.member_id = c.member_id"
		" WHERE c.program_id = $1 AND c.code = $2",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTOID},
		.by_index = true
	};

	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_CODE_ENDED),
				 errmsg("invitation code \"%s\" does not exist",
						TextDatumGetCString(values[1]))));
	return core_int64(0, 1);
}

/* Say why a code was not redeemed. */
static void
refuse_code(Datum *values)
{
	static CorePlan plan = {
		.sql = "SELECT c.revoked_at IS NOT NULL, c.expires_at <= $3,"
		" c.expires_at, c.used >= c.uses, c.uses, g.valid, g.campaign"
		" FROM community.referral_code AS c"
		" LEFT JOIN community.referral_campaign AS g"
		" ON g.program_id = c.program_id AND g.campaign = c.campaign"
		" AND NOT g.valid @> $3"
		" WHERE c.program_id = $1 AND c.code = $2",
		.nargs = 3,
		.argtypes = {INT8OID, TEXTOID, TIMESTAMPTZOID}
	};
	Datum		asked[3];
	char	   *code = TextDatumGetCString(values[1]);

	asked[0] = values[0];
	asked[1] = values[1];
	asked[2] = values[4];
	core_run_latest(&plan, asked);
	if (SPI_processed > 0 && core_bool(0, 1))
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_CODE_ENDED),
				 errmsg("invitation code \"%s\" was revoked", code)));
	if (SPI_processed > 0 && core_bool(0, 2))
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_CODE_ENDED),
				 errmsg("invitation code \"%s\" expired at %s", code,
						core_text(0, 3))));
	if (SPI_processed > 0 && core_text(0, 7) != NULL)
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_CODE_ENDED),
				 errmsg("invitation code \"%s\" belongs to campaign \"%s\", which is not on",
						code, core_text(0, 7)),
				 errdetail("The campaign is on during %s.",
						   core_text(0, 6))));
	if (SPI_processed > 0 && core_bool(0, 4))
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_CODE_ENDED),
				 errmsg("invitation code \"%s\" is used up: its limit is %lld",
						code, (long long) core_int64(0, 5))));
	/* what refused it has changed since */
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not serialize access due to concurrent update")));
}

/* The one statement; false when the code may not be used. */
static bool
use_code(Datum *values)
{
#define MAY_BE_USED \
	" c.program_id = $1 AND c.code = $2 AND c.revoked_at IS NULL" \
	" AND (c.expires_at IS NULL OR c.expires_at > $5)" \
	" AND NOT EXISTS (SELECT FROM community.referral_campaign AS g" \
	"  WHERE g.program_id = $1 AND g.campaign = c.campaign" \
	"  AND NOT g.valid @> $5)"
	static CorePlan plan = {
		.sql = "WITH counted AS (UPDATE community.referral_code AS c"
		"  SET used = c.used + 1 WHERE" MAY_BE_USED
		"  AND c.used < c.uses RETURNING c.code),"
		" endless AS (SELECT c.code FROM community.referral_code AS c"
		"  WHERE" MAY_BE_USED " AND c.uses IS NULL)"
		" INSERT INTO community.referral_code_use (program_id, code,"
		"  member_id, sponsor_id, redeemed_at)"
		" SELECT $1, $2, $3, $4, $5"
		" FROM (SELECT FROM counted UNION ALL SELECT FROM endless) AS u"
		" ON CONFLICT DO NOTHING",
		.nargs = 5,
		.argtypes = {INT8OID, TEXTOID, INT8OID, INT8OID, TIMESTAMPTZOID},
		.by_index = true
	};

	core_run(&plan, values, NULL, false);
	return SPI_processed == 1;
}

/*
 * Bring a member by a code, and give its sponsor.  A member uses a code once;
 * doing it again gives the same sponsor and changes nothing.  The member is
 * locked, or its row was inserted by this transaction.
 */
int64
referral_redeem(int64 program, int64 member, Datum code, TimestampTz at)
{
	Datum		values[5];
	int64		sponsor;

	code = referral_code(DatumGetTextPP(code));
	values[0] = Int64GetDatum(program);
	values[1] = code;
	values[2] = Int64GetDatum(member);
	if (find_use(values, &sponsor))
		return sponsor;
	sponsor = find_owner(values);
	values[3] = Int64GetDatum(sponsor);
	values[4] = TimestampTzGetDatum(at);
	if (!use_code(values))
		refuse_code(values);
	referral_bring(program, member, sponsor, at,
				   psprintf("code %s", TextDatumGetCString(code)));
	return sponsor;
}

/* redeem_code(member, code, redeemed_at, program) -> bigint, the sponsor */
Datum
community_redeem_code(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "code", "redeemed_at",
	"program"};
	int64		member;
	int64		program;
	int64		sponsor;
	CoreScope	scope;

	core_refuse_nulls(fcinfo, "redeem_code", names, 0);
	member = PG_GETARG_INT64(0);
	program = PG_GETARG_INT64(3);
	referral_check_time(PG_GETARG_TIMESTAMPTZ(2), "redeemed_at");
	core_enter(&scope);
	referral_lock_brought(program, member);
	sponsor = referral_redeem(program, member, PG_GETARG_DATUM(1),
							  PG_GETARG_TIMESTAMPTZ(2));
	core_leave(&scope);
	PG_RETURN_INT64(sponsor);
}
