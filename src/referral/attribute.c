/*-------------------------------------------------------------------------
 *
 * attribute.c
 *	  Which click brought a member: attribute(), and enroll() with a visitor.
 *
 * Clicks count for a while, referral_setting.click_window or that of the
 * link's campaign; of those that count, the first or the last is taken.  Not
 * counted are clicks on links of the member itself, and of members that are
 * closed or may not invite: the visitor did not choose them.
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
#include "referral/invite.h"

PG_FUNCTION_INFO_V1(community_attribute);

/* Under whom the member has converted; false when it has not. */
static bool
find_conversion(int64 program, int64 member, int64 *sponsor)
{
	static CorePlan plan = {
		.sql = "SELECT sponsor_id FROM community.referral_conversion"
		" WHERE program_id = $1 AND member_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID},
		.by_index = true
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		return false;
	*sponsor = core_int64(0, 1);
	return true;
}

/* Find the click that counts and note the conversion; false without one. */
static bool
note_conversion(int64 program, int64 member, Datum visitor, TimestampTz at,
				int64 *sponsor)
{
#define COUNTING_CLICKS(order) \
	"WITH click AS (SELECT k.token, k.clicked_at, m.member_id" \
	" FROM community.referral_click AS k" \
	" JOIN community.referral_share AS s" \
	"  ON s.program_id = k.program_id AND s.token = k.token" \
	" LEFT JOIN community.referral_campaign AS g" \
	"  ON g.program_id = s.program_id AND g.campaign = s.campaign" \
	" LEFT JOIN community.member_merge AS b" \
	"  ON b.program_id = s.program_id AND b.member_id = s.member_id" \
	" JOIN community.member AS m ON m.program_id = s.program_id" \
	"  AND m.member_id = coalesce(b.bearer_id, s.member_id)" \
	" WHERE k.program_id = $1 AND k.visitor = $3 AND k.clicked_at <= $4" \
	" AND community.period_add(k.clicked_at," \
	"  coalesce(g.click_window, $5), $6) > $4" \
	" AND (g.campaign IS NULL OR g.valid @> k.clicked_at)" \
	" AND m.status = 'active' AND m.member_id <> $2" \
	" AND NOT EXISTS (SELECT FROM community.sanctioned_member AS x" \
	"  WHERE x.program_id = m.program_id AND x.member_id = m.member_id" \
	"  AND x.action = 'disable_invites')" \
	" ORDER BY k.clicked_at " order ", s.shared_at, k.token LIMIT 1)" \
	" INSERT INTO community.referral_conversion (program_id, member_id," \
	" visitor, token, sponsor_id, clicked_at, converted_at, touch)" \
	" SELECT $1, $2, $3, c.token, c.member_id, c.clicked_at, $4, $7" \
	" FROM click AS c ON CONFLICT DO NOTHING RETURNING sponsor_id"
#define COUNTING_ARGS \
	.nargs = 7, .argtypes = {INT8OID, INT8OID, TEXTOID, TIMESTAMPTZOID, \
	INTERVALOID, TEXTOID, TEXTOID}, .by_index = true
	static CorePlan first = {
		.sql = COUNTING_CLICKS("ASC"),
		COUNTING_ARGS
	};
	static CorePlan last = {
		.sql = COUNTING_CLICKS("DESC"),
		COUNTING_ARGS
	};
	const ReferralGates *gates = referral_gates(program);
	Interval	window = gates->click_window;
	Datum		values[7];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	values[2] = visitor;
	values[3] = TimestampTzGetDatum(at);
	values[4] = IntervalPGetDatum(&window);
	values[5] = CStringGetTextDatum(gates->time_zone);
	values[6] = CStringGetTextDatum(gates->first_touch ? "first" : "last");
	core_run(gates->first_touch ? &first : &last, values, NULL, false);
	if (SPI_processed == 0)
		return false;
	*sponsor = core_int64(0, 1);
	return true;
}

/*
 * Bring a member by a link that a visitor clicked on; false when no click
 * counts.  A member converts once; doing it again gives the same sponsor.
 * The member is locked, or its row was inserted by this transaction.
 */
bool
referral_attribute(int64 program, int64 member, Datum visitor, TimestampTz at,
				   int64 *sponsor)
{
	if (find_conversion(program, member, sponsor))
		return true;
	if (!note_conversion(program, member, visitor, at, sponsor))
		return false;
	referral_bring(program, member, *sponsor, at, "a shared link");
	return true;
}

/*
 * attribute(member, visitor, converted_at, program) -> bigint, the sponsor,
 * or null when no click counts
 */
Datum
community_attribute(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "visitor", "converted_at",
	"program"};
	int64		member;
	int64		program;
	int64		sponsor;
	CoreScope	scope;
	bool		found;

	core_refuse_nulls(fcinfo, "attribute", names, 0);
	member = PG_GETARG_INT64(0);
	(void) core_name_argument(PG_GETARG_TEXT_PP(1), "visitor");
	referral_check_time(PG_GETARG_TIMESTAMPTZ(2), "converted_at");
	program = PG_GETARG_INT64(3);
	core_enter(&scope);
	referral_lock_brought(program, member);
	found = referral_attribute(program, member, PG_GETARG_DATUM(1),
							   PG_GETARG_TIMESTAMPTZ(2), &sponsor);
	core_leave(&scope);
	if (!found)
		PG_RETURN_NULL();
	PG_RETURN_INT64(sponsor);
}
