/*-------------------------------------------------------------------------
 *
 * commission_plans.c
 *	  Commission plans and signup rewards, kept for the session until they
 *	  change.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "referral/commission.h"

ReferralLedger referral_ledger;
ReferralQualifiedHook referral_qualified_hook = NULL;

/* Tables whose rows are kept. */
enum
{
	WATCH_PLAN, WATCH_RATE, WATCH_SETTING, WATCH_REWARD,
	WATCH_PROGRAM, WATCHES
};

static CoreWatch watches[WATCHES] = {
	{.name = "commission_plan"}, {.name = "commission_rate"},
	{.name = "referral_setting"}, {.name = "signup_reward"},
	{.name = "program"}
};

static MemoryContext kept_context = NULL;
static CommissionPlans *kept = NULL;
static uint64 kept_at[WATCHES];

/* Read, and go on in the context in which all is kept. */
static void
run(CorePlan *plan, Datum *values)
{
	core_run_latest(plan, values);
	MemoryContextSwitchTo(kept_context);
}

/* A copy of a field in the present context; NULL for null. */
static void *
copy_field(int row, int column, Size size)
{
	bool		isnull;
	Datum		value = core_field(row, column, &isnull);
	void	   *copy;

	if (isnull)
		return NULL;
	if (size == 0)
		return PG_DETOAST_DATUM_COPY(value);
	copy = palloc(size);
	memcpy(copy, DatumGetPointer(value), size);
	return copy;
}

static TimestampTz
time_field(int row, int column, TimestampTz otherwise)
{
	bool		isnull;
	Datum		value = core_field(row, column, &isnull);

	return isnull ? otherwise : DatumGetTimestampTz(value);
}

static Datum *
read_types(int row, int column, int *count)
{
	ArrayType  *array = copy_field(row, column, 0);
	Datum	   *types = NULL;

	*count = 0;
	if (array != NULL)
		deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &types,
						  NULL, count);
	return types;
}

static CommissionScheme
scheme_of(const char *kind)
{
	return strcmp(kind, "unilevel") == 0 ? COMMISSION_UNILEVEL :
		strcmp(kind, "differential") == 0 ? COMMISSION_DIFFERENTIAL :
		COMMISSION_BREAKAWAY;
}

static void
read_plan(int row, CommissionPlan *plan)
{
	plan->id = core_int64(row, 1);
	plan->name = core_text(row, 2);
	plan->types = read_types(row, 3, &plan->ntypes);
	plan->currency_id = core_int64(row, 4);
	plan->terms.scheme = scheme_of(core_text(row, 5));
	plan->terms.compresses = core_bool(row, 6);
	plan->terms.levels = (int32) core_int64(row, 7);
	plan->terms.override_rate = core_int64(row, 8);
	plan->terms.matching_rate = core_int64(row, 9);
	plan->terms.ceiling = core_int64(row, 10);
	plan->ladder_id = core_int64(row, 11);
	plan->least_tier = copy_field(row, 12, 0);
	plan->leader_tier = copy_field(row, 13, 0);
	plan->member_filter = copy_field(row, 14, 0);
	plan->payload_filter = copy_field(row, 15, 0);
	plan->minimum_amount = core_int64(row, 16);
	plan->first_events = (int32) core_int64(row, 17);
	plan->first_time = copy_field(row, 18, sizeof(Interval));
	plan->pending_for = copy_field(row, 19, sizeof(Interval));
	plan->valid_from = time_field(row, 20, DT_NOBEGIN);
	plan->valid_until = time_field(row, 21, DT_NOEND);
}

/* A rate as the integer that it is kept as; what is null as is said. */
#define SCALED(column, otherwise) \
	"coalesce((" column " * 1000000000)::bigint, " otherwise ")"

static void
read_plans(CommissionPlans *plans, Datum *values)
{
	static CorePlan plan = {
		.sql = "SELECT p.plan_id, p.name, p.types, p.currency_id, p.kind,"
		" p.compression, coalesce(p.levels, 2147483647), "
		SCALED("p.override_rate", "0") ", " SCALED("p.matching_rate", "0")
		", " SCALED("p.ceiling_rate", "-1") ", coalesce(p.ladder_id, 0),"
		" p.least_tier, p.leader_tier, p.member_filter, p.payload_filter,"
		" coalesce(p.minimum_amount, 1), coalesce(p.first_events, 0),"
		" p.first_time, p.pending_for, lower(p.valid), upper(p.valid)"
		" FROM community.commission_plan AS p"
		" WHERE p.program_id = $1 ORDER BY p.plan_id",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	int			i;

	run(&plan, values);
	plans->nplans = SPI_processed;
	plans->plans = palloc0_array(CommissionPlan, SPI_processed + 1);
	for (i = 0; i < plans->nplans; i++)
		read_plan(i, &plans->plans[i]);
}

/* The number of a tier among those that rates of the plan name. */
static int32
tier_number(CommissionPlan *plan, char *tier)
{
	int			i;

	if (tier == NULL)
		return COMMISSION_NO_TIER;
	for (i = 0; i < plan->ntiers; i++)
		if (strcmp(plan->tiers[i], tier) == 0)
			return i;
	plan->tiers[plan->ntiers] = tier;
	return plan->ntiers++;
}

static void
read_rate(int row, int room, CommissionPlan *plan)
{
	CommissionPlanRate *rate;

	if (plan->rates == NULL)
	{
		plan->rates = palloc0_array(CommissionPlanRate, room);
		plan->tiers = palloc_array(char *, room);
	}
	rate = &plan->rates[plan->nrates++];
	rate->rate.level = (int32) core_int64(row, 2);
	rate->rate.tier = tier_number(plan, core_text(row, 3));
	rate->type = copy_field(row, 4, 0);
	rate->rate.of_type = rate->type != NULL;
	rate->rate.rate = core_int64(row, 5);
	rate->valid_from = time_field(row, 6, DT_NOBEGIN);
	rate->valid_until = time_field(row, 7, DT_NOEND);
}

static void
read_rates(CommissionPlans *plans, Datum *values)
{
	static CorePlan plan = {
		.sql = "SELECT plan_id, coalesce(level, 0), tier, type, "
		SCALED("rate", "0") ", lower(valid), upper(valid),"
		" count(*) OVER (PARTITION BY plan_id)"
		" FROM community.commission_rate WHERE program_id = $1"
		" ORDER BY plan_id, rate_id",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	int			i;

	run(&plan, values);
	for (i = 0; i < SPI_processed; i++)
	{
		const CommissionPlan *of = referral_find_plan(plans,
													  core_int64(i, 1));

		if (of != NULL)
			read_rate(i, (int) core_int64(i, 8), (CommissionPlan *) of);
	}
}

static void
read_rewards(CommissionPlans *plans, Datum *values)
{
	static CorePlan plan = {
		.sql = "SELECT reward_id, name, side = 'sponsor', currency_id, points,"
		" types, coalesce(minimum_amount, -9223372036854775807), after,"
		" within, pending_for, lower(valid), upper(valid)"
		" FROM community.signup_reward WHERE program_id = $1"
		" ORDER BY reward_id",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	int			i;

	run(&plan, values);
	plans->nrewards = SPI_processed;
	plans->rewards = palloc0_array(SignupReward, SPI_processed + 1);
	for (i = 0; i < plans->nrewards; i++)
	{
		SignupReward *reward = &plans->rewards[i];

		reward->id = core_int64(i, 1);
		reward->name = core_text(i, 2);
		reward->for_sponsor = core_bool(i, 3);
		reward->currency_id = core_int64(i, 4);
		reward->points = core_int64(i, 5);
		reward->types = read_types(i, 6, &reward->ntypes);
		reward->minimum_amount = core_int64(i, 7);
		reward->after = copy_field(i, 8, sizeof(Interval));
		reward->within = copy_field(i, 9, sizeof(Interval));
		reward->pending_for = copy_field(i, 10, sizeof(Interval));
		reward->valid_from = time_field(i, 11, DT_NOBEGIN);
		reward->valid_until = time_field(i, 12, DT_NOEND);
	}
}

/* The program's clock, and how many levels may be paid. */
static void
read_program(CommissionPlans *plans, Datum *values)
{
	static CorePlan plan = {
		.sql = "SELECT p.time_zone, coalesce(s.paid_levels, 1)"
		" FROM community.program AS p"
		" LEFT JOIN community.referral_setting AS s"
		" ON s.program_id = p.program_id WHERE p.program_id = $1",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	char	   *zone;

	run(&plan, values);
	if (SPI_processed == 0)
		return;
	zone = core_text(0, 1);
	plans->zone = pg_tzset(zone);
	if (plans->zone == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" not recognized", zone)));
	plans->paid_levels = (int32) core_int64(0, 2);
}

static bool
are_kept(int64 program, uint64 *generations)
{
	bool		same = kept != NULL && kept->program == program;
	int			i;

	for (i = 0; i < WATCHES; i++)
	{
		generations[i] = core_watch(&watches[i]);
		same &= generations[i] != 0 && generations[i] == kept_at[i];
	}
	return same;
}

/*
 * The plans and rewards of a program.  One program is kept: sessions that
 * serve several in turn read again.  Inside core_enter().
 */
const CommissionPlans *
referral_plans(int64 program)
{
	uint64		generations[WATCHES];
	CommissionPlans *fresh;
	MemoryContext old;
	Datum		values[1];

	if (are_kept(program, generations))
		return kept;
	kept = NULL;
	/* whoever works with what was kept may do so until the end */
	if (kept_context != NULL)
		MemoryContextSetParent(kept_context, TopTransactionContext);
	kept_context = AllocSetContextCreate(TopMemoryContext,
										 "community commissions",
										 ALLOCSET_SMALL_SIZES);
	old = CurrentMemoryContext;
	fresh = MemoryContextAllocZero(kept_context, sizeof(CommissionPlans));
	fresh->program = program;
	values[0] = Int64GetDatum(program);
	read_program(fresh, values);
	read_plans(fresh, values);
	read_rates(fresh, values);
	read_rewards(fresh, values);
	MemoryContextSwitchTo(old);
	memcpy(kept_at, generations, sizeof(kept_at));
	kept = fresh;
	return kept;
}

/* The same where no SQL is needed for it, else NULL. */
const CommissionPlans *
referral_kept_plans(int64 program)
{
	uint64		generations[WATCHES];

	return are_kept(program, generations) ? kept : NULL;
}

/* Is a type among those? */
bool
referral_names_type(const Datum *types, int count, Datum type)
{
	text	   *wanted = DatumGetTextPP(type);
	int			i;

	for (i = 0; i < count; i++)
		if (core_same_text(DatumGetTextPP(types[i]), wanted))
			return true;
	return false;
}

const CommissionPlan *
referral_find_plan(const CommissionPlans *plans, int64 id)
{
	int			i;

	for (i = 0; i < plans->nplans; i++)
		if (plans->plans[i].id == id)
			return &plans->plans[i];
	return NULL;
}
