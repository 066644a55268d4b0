/*-------------------------------------------------------------------------
 *
 * commission_upline.c
 *	  Who stands above a buyer, and who of them is qualified.
 *
 * The forest is that of this moment; who bears whose books too.  What has a
 * time of its own is asked as of the event: whether a binding was there and
 * had not lapsed, and which tier was held just before.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/tenant.h"
#include "referral/commission.h"
#include "referral/referral.h"

/* Attributes and status of a member; false when it is closed. */
static bool
read_member(int64 program, int64 member, Jsonb **attributes)
{
	static CorePlan plan = {
		.sql = "SELECT status = 'active', attributes FROM community.member"
		" WHERE program_id = $1 AND member_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID},
		.by_index = true
	};
	Datum		keys[2];
	Datum		value;
	bool		isnull;
	bool		active;

	keys[0] = Int64GetDatum(program);
	keys[1] = Int64GetDatum(member);
	*attributes = NULL;
	if (core_table_is_usable(&core_member_table))
	{
		Datum		values[CORE_MEMBER_COLUMNS];
		bool		nulls[CORE_MEMBER_COLUMNS];

		if (!core_table_fetch(&core_member_table, GetTransactionSnapshot(),
							  keys, values, nulls))
			return false;
		if (!nulls[CORE_MEMBER_ATTRIBUTES])
			*attributes = DatumGetJsonbP(values[CORE_MEMBER_ATTRIBUTES]);
		return core_text_is(DatumGetTextPP(values[CORE_MEMBER_STATUS]),
							"active");
	}
	core_run(&plan, keys, NULL, false);
	if (SPI_processed == 0)
		return false;
	active = core_bool(0, 1);
	value = core_field(0, 2, &isnull);
	if (!isnull)
		*attributes = DatumGetJsonbPCopy(value);
	return active;
}

/* Who is paid for the place of a member, if anybody. */
static void
find_payee(int64 program, int64 buyer, int64 member, Upline *upline)
{
	UplineMember *place = &upline->members[upline->count];
	int			i;

	place->member = member;
	place->payee = member;
	place->lack = COMMISSION_LACKS_NOTHING;
	if (!read_member(program, member, &place->attributes))
	{
		/* none but closed members are merged */
		place->payee = core_member_bearer(program, member);
		if (place->payee == member ||
			!read_member(program, place->payee, &place->attributes))
			place->lack = COMMISSION_CLOSED;
	}
	if (place->payee == buyer)
		place->lack = COMMISSION_OWN_PURCHASE;
	for (i = 0; i < upline->count; i++)
		if (upline->members[i].payee == place->payee &&
			place->lack == COMMISSION_LACKS_NOTHING)
			place->lack = COMMISSION_PAID_BELOW;
	upline->count++;
}

/*
 * The time by which bindings are judged.  What happens in this transaction
 * comes after all that it sees, also after a member that was bound since it
 * began.
 */
static TimestampTz
moment_of(TimestampTz at)
{
	return at < GetCurrentTransactionStartTimestamp() ? at :
		Max(at, GetCurrentTimestamp());
}

/*
 * Up to "reach" members above a member, as long as each was bound by then and
 * its binding had not lapsed.  Inside core_enter().
 */
void
referral_paid_upline(const CommissionPlans *plans, int64 member,
					 TimestampTz at, int reach, Upline *upline)
{
	ReferralForest *forest;
	ReferralEdge edge;
	int64		from = member;
	TimestampTz moment = moment_of(at);

	memset(upline, 0, sizeof(Upline));
	upline->members = palloc_array(UplineMember, reach + 1);
	forest = referral_open_forest(plans->program, GetTransactionSnapshot(),
								  DT_NOEND);
	while (upline->count < reach &&
		   referral_fetch(forest, from, &edge) && edge.has_sponsor &&
		   edge.joined_at <= moment && edge.lapses_at > moment)
	{
		CHECK_FOR_INTERRUPTS();
		if (upline->count == 0)
			upline->joined_at = edge.joined_at;
		upline->is_referred = true;
		find_payee(plans->program, member, edge.sponsor, upline);
		from = edge.sponsor;
	}
	referral_close_forest(forest);
}

static bool
contains(Jsonb *attributes, Jsonb *filter)
{
	if (filter == NULL)
		return true;
	if (attributes == NULL)
		return JB_ROOT_COUNT(filter) == 0;
	return DatumGetBool(DirectFunctionCall2(jsonb_contains,
											JsonbPGetDatum(attributes),
											JsonbPGetDatum(filter)));
}

/* The rank of a tier of the version of the ladder in force at $4. */
#define RANK_OF(tier) \
	"(SELECT x.rank FROM community.ladder_version AS v," \
	" jsonb_to_recordset(v.definition -> 'tiers') AS x (name text, rank integer)" \
	" WHERE v.program_id = $1 AND v.ladder_id = $3 AND v.valid @> $4" \
	" AND x.name = " tier ")"

/* What a payee holds, the highest of all sources, just before the event. */
static void
judge_tier(const CommissionPlans *plans, const CommissionPlan *plan,
		   int64 payee, TimestampTz at, CommissionPlace *place)
{
	static CorePlan query = {
		.sql = "SELECT t.tier, coalesce(t.rank >= " RANK_OF("$5") ", false),"
		" coalesce(t.rank >= " RANK_OF("$6") ", false)"
		" FROM (SELECT h.tier, h.rank"
		"  FROM community.tenures_as_of($2, $3, $4, $1) AS h"
		"  WHERE h.during @> $4 ORDER BY h.rank DESC LIMIT 1) AS t",
		.nargs = 6,
		.argtypes = {INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID, TEXTOID,
		TEXTOID},
		.by_index = true
	};
	Datum		values[6];
	char		nulls[7] = "      ";
	bool		attained = plan->least_tier == NULL;
	int			i;

	place->tier = COMMISSION_NO_TIER;
	place->leads = false;
	if (plan->ladder_id == 0)
		return;
	values[0] = Int64GetDatum(plans->program);
	values[1] = Int64GetDatum(payee);
	values[2] = Int64GetDatum(plan->ladder_id);
	values[3] = TimestampTzGetDatum(at - 1);
	values[4] = PointerGetDatum(plan->least_tier);
	values[5] = PointerGetDatum(plan->leader_tier);
	if (plan->least_tier == NULL)
		nulls[4] = 'n';
	if (plan->leader_tier == NULL)
		nulls[5] = 'n';
	core_run(&query, values, nulls, false);
	if (SPI_processed > 0)
	{
		char	   *tier = core_text(0, 1);

		for (i = 0; i < plan->ntiers; i++)
			if (strcmp(plan->tiers[i], tier) == 0)
				place->tier = i;
		attained |= core_bool(0, 2);
		place->leads = core_bool(0, 3);
	}
	if (!attained && place->lack == COMMISSION_LACKS_NOTHING)
		place->lack = COMMISSION_TIER;
}

/* Those above as a plan sees them.  Inside core_enter(). */
void
referral_judge_upline(const CommissionPlans *plans, const CommissionPlan *plan,
					  const Upline *upline, TimestampTz at,
					  CommissionPlace *places)
{
	int			i;

	for (i = 0; i < upline->count; i++)
	{
		const UplineMember *member = &upline->members[i];
		CommissionPlace *place = &places[i];

		place->lack = member->lack;
		if (place->lack == COMMISSION_LACKS_NOTHING &&
			!contains(member->attributes, plan->member_filter))
			place->lack = COMMISSION_ATTRIBUTES;
		judge_tier(plans, plan, member->payee, at, place);
	}
}
