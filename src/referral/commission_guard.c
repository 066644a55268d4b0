/*-------------------------------------------------------------------------
 *
 * commission_guard.c
 *	  The triggers that keep commission plans, their rates and signup rewards
 *	  what they were.
 *
 * Commissions name the plan that brought them, so what it said when it was in
 * force must stay readable: it may only be ended, now or later.  Versions of
 * one name follow each other, and no two rates of a plan are for the same
 * case.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "core/row.h"

PG_FUNCTION_INFO_V1(community_guard_commissions);

/* Events are taken up to so far ahead of the clock. */
#define AHEAD			USECS_PER_DAY

typedef enum GuardedTable
{
	GUARDED_PLAN, GUARDED_RATE, GUARDED_REWARD
} GuardedTable;

/* A row, as far as the guard looks at it. */
typedef struct Guarded
{
	GuardedTable table;
	char	   *name;			/* what messages call it */
	int64		program;
	int64		id;
	int64		plan_id;		/* of a rate */
	TimestampTz from;
	TimestampTz until;
} Guarded;

/* What messages call a rate, by what it is for. */
static char *
rate_name(HeapTuple tuple, TupleDesc desc)
{
	bool		no_level;
	bool		no_tier;
	Datum		level = core_column(tuple, desc, "level", &no_level);
	Datum		tier = core_column(tuple, desc, "tier", &no_tier);
	char	   *of_tier = no_tier ? "" :
	psprintf(" of tier \"%s\"", TextDatumGetCString(tier));

	if (no_level)
		return psprintf("rate%s", of_tier);
	return psprintf("rate of level %d%s", DatumGetInt32(level), of_tier);
}

static void
read_row(Relation table, HeapTuple tuple, Guarded *row)
{
	TupleDesc	desc = RelationGetDescr(table);
	const char *relation = RelationGetRelationName(table);
	bool		isnull;
	Datum		name;

	memset(row, 0, sizeof(Guarded));
	row->program = core_column_int64(tuple, desc, "program_id");
	core_column_bounds(tuple, desc, "valid", &row->from, &row->until);
	if (strcmp(relation, "commission_rate") == 0)
	{
		row->table = GUARDED_RATE;
		row->plan_id = core_column_int64(tuple, desc, "plan_id");
		row->id = core_column_int64(tuple, desc, "rate_id");
		row->name = rate_name(tuple, desc);
		return;
	}
	row->table = strcmp(relation, "commission_plan") == 0 ? GUARDED_PLAN :
		GUARDED_REWARD;
	row->id = core_column_int64(tuple, desc, row->table == GUARDED_PLAN ?
								"plan_id" : "reward_id");
	name = core_column(tuple, desc, "name", &isnull);
	row->name = psprintf("%s \"%s\"", row->table == GUARDED_PLAN ?
						 "commission plan" : "signup reward",
						 isnull ? "" : TextDatumGetCString(name));
}

/* A rate is in force no sooner than its plan. */
static TimestampTz
in_force_from(const Guarded *row)
{
	static CorePlan plan = {
		.sql = "SELECT coalesce(lower(valid), '-infinity')"
		" FROM community.commission_plan"
		" WHERE program_id = $1 AND plan_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	TimestampTz from = row->from;
	CoreScope	scope;
	Datum		values[2];
	bool		isnull;

	if (row->table != GUARDED_RATE)
		return from;
	values[0] = Int64GetDatum(row->program);
	values[1] = Int64GetDatum(row->plan_id);
	core_enter(&scope);
	core_run(&plan, values, NULL, false);
	if (SPI_processed > 0)
		from = Max(from, DatumGetTimestampTz(core_field(0, 1, &isnull)));
	core_leave(&scope);
	return from;
}

static bool
never_in_force(const Guarded *row)
{
	return in_force_from(row) > GetCurrentTimestamp() + AHEAD;
}

static void
refuse_change(const Guarded *row, const char *verb)
{
	ereport(ERROR,
			(errcode(COMMUNITY_ERRCODE_APPEND_ONLY),
			 errmsg("cannot %s %s: events may have been paid by it", verb,
					row->name),
			 row->table == GUARDED_PLAN ?
			 errhint("Use community.define_commission_plan(), which ends it where the next begins, or community.close_commission_plan().") :
			 errhint("End it by the upper bound of \"valid\" and insert another.")));
}

/* All that may happen to what has been in force is that it ends. */
static void
guard_update(TriggerData *trigger)
{
	Relation	table = trigger->tg_relation;
	TimestampTz now = GetCurrentTransactionStartTimestamp();
	Guarded		old;
	Guarded		new;

	read_row(table, trigger->tg_trigtuple, &old);
	if (never_in_force(&old))
		return;
	read_row(table, trigger->tg_newtuple, &new);
	if (core_rows_differ(RelationGetDescr(table), trigger->tg_trigtuple,
						 trigger->tg_newtuple, "valid") || new.from != old.from)
		refuse_change(&old, "edit");
	if (new.until != old.until && (old.until < now || new.until < now))
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_APPEND_ONLY),
				 errmsg("cannot move the end of %s in the past", old.name),
				 old.until < now ?
				 errdetail("It ended at %s.", timestamptz_to_str(old.until)) :
				 errdetail("It would have ended at %s, and events may have been paid by it since.",
						   timestamptz_to_str(new.until))));
}

/*
 * What is wrong with a row beside others, as a message, or nothing.  What has
 * been committed counts, at any isolation level: $1 program, $2 id, $3 plan.
 */
static CorePlan plan_faults = {
	.sql = "SELECT CASE WHEN o.plan_id IS NOT NULL"
	"  THEN format('versions of commission plan \"%s\" are valid at the same time', n.name)"
	" ELSE format('commission plan \"%s\" needs a currency whose returns become debts, and those of \"%s\" are %s',"
	"  n.name, c.code, c.return_policy) END,"
	" CASE WHEN o.plan_id IS NOT NULL"
	"  THEN 'Use community.define_commission_plan(), which ends one where the next begins.'"
	"  ELSE 'What is taken back must not vanish: use a currency with return_policy deficit.' END"
	" FROM community.commission_plan AS n"
	" JOIN community.currency AS c ON c.program_id = n.program_id"
	" AND c.currency_id = n.currency_id"
	" LEFT JOIN community.commission_plan AS o ON o.program_id = n.program_id"
	" AND o.plan_id <> n.plan_id AND o.name = n.name AND o.valid && n.valid"
	" WHERE n.program_id = $1 AND n.plan_id = $2"
	" AND (o.plan_id IS NOT NULL OR c.return_policy <> 'deficit') LIMIT 1",
	.nargs = 3,
	.argtypes = {INT8OID, INT8OID, INT8OID}
};
static CorePlan rate_faults = {
	.sql = "SELECT CASE WHEN o.rate_id IS NOT NULL"
	"  THEN format('two rates of commission plan \"%s\" are valid at the same time for the same level, tier and type', p.name)"
	" WHEN p.kind = 'unilevel' THEN format('a rate of commission plan \"%s\" needs a level%s', p.name,"
	"  CASE WHEN n.level IS NOT NULL THEN ', and a tier only with a ladder' ELSE '' END)"
	" ELSE format('a rate of the %s commission plan \"%s\" needs a tier and no level', p.kind, p.name) END,"
	" NULL FROM community.commission_rate AS n"
	" JOIN community.commission_plan AS p ON p.program_id = n.program_id"
	" AND p.plan_id = n.plan_id"
	" LEFT JOIN community.commission_rate AS o ON o.program_id = n.program_id"
	" AND o.plan_id = n.plan_id AND o.rate_id <> n.rate_id"
	" AND o.level IS NOT DISTINCT FROM n.level"
	" AND o.tier IS NOT DISTINCT FROM n.tier"
	" AND o.type IS NOT DISTINCT FROM n.type AND o.valid && n.valid"
	" WHERE n.program_id = $1 AND n.plan_id = $3 AND n.rate_id = $2"
	" AND (o.rate_id IS NOT NULL"
	"  OR CASE p.kind WHEN 'unilevel'"
	"   THEN n.level IS NULL OR (n.tier IS NOT NULL AND p.ladder_id IS NULL)"
	"   ELSE n.level IS NOT NULL OR n.tier IS NULL END) LIMIT 1",
	.nargs = 3,
	.argtypes = {INT8OID, INT8OID, INT8OID}
};
static CorePlan reward_faults = {
	.sql = "SELECT CASE WHEN o.reward_id IS NOT NULL"
	"  THEN format('versions of signup reward \"%s\" for the %s are valid at the same time', n.name, n.side)"
	" ELSE format('signup reward \"%s\" needs a currency whose returns become debts, and those of \"%s\" are %s',"
	"  n.name, c.code, c.return_policy) END,"
	" CASE WHEN o.reward_id IS NULL"
	"  THEN 'What is taken back must not vanish: use a currency with return_policy deficit.' END"
	" FROM community.signup_reward AS n"
	" JOIN community.currency AS c ON c.program_id = n.program_id"
	" AND c.currency_id = n.currency_id"
	" LEFT JOIN community.signup_reward AS o ON o.program_id = n.program_id"
	" AND o.reward_id <> n.reward_id AND o.name = n.name AND o.side = n.side"
	" AND o.valid && n.valid"
	" WHERE n.program_id = $1 AND n.reward_id = $2"
	" AND (o.reward_id IS NOT NULL OR c.return_policy <> 'deficit') LIMIT 1",
	.nargs = 3,
	.argtypes = {INT8OID, INT8OID, INT8OID}
};

static void
guard_order(TriggerData *trigger)
{
	static CorePlan *const faults[] = {
		&plan_faults, &rate_faults, &reward_faults
	};
	HeapTuple	tuple = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ?
	trigger->tg_newtuple : trigger->tg_trigtuple;
	CoreScope	scope;
	Guarded		row;
	Datum		values[3];

	read_row(trigger->tg_relation, tuple, &row);
	values[0] = Int64GetDatum(row.program);
	values[1] = Int64GetDatum(row.id);
	values[2] = Int64GetDatum(row.plan_id);
	core_enter(&scope);
	(void) core_lock_program(row.program);
	core_run_latest(faults[row.table], values);
	if (SPI_processed > 0)
	{
		char	   *hint = core_text(0, 2);

		ereport(ERROR,
				(errcode(strstr(core_text(0, 1), "at the same time") != NULL ?
						 ERRCODE_EXCLUSION_VIOLATION :
						 ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg_internal("%s", core_text(0, 1)),
				 hint != NULL ? errhint("%s", hint) : 0));
	}
	core_leave(&scope);
}

/*
 * guard_commissions() -> trigger.  Before a change it sees that none is
 * edited, and after it that it goes with the others.
 */
Datum
community_guard_commissions(PG_FUNCTION_ARGS)
{
	static const char *const tables[] = {"commission_plan",
	"commission_rate", "signup_reward", NULL};
	TriggerData *trigger;
	TriggerEvent event;
	Guarded		row;

	trigger = core_guard(fcinfo, "guard_commissions", tables);
	event = trigger->tg_event;
	if (TRIGGER_FIRED_BY_TRUNCATE(event))
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_APPEND_ONLY),
				 errmsg("cannot TRUNCATE \"%s\": events may have been paid by what is in it",
						RelationGetRelationName(trigger->tg_relation))));
	if (TRIGGER_FIRED_AFTER(event))
	{
		guard_order(trigger);
		return PointerGetDatum(NULL);
	}
	if (TRIGGER_FIRED_BY_UPDATE(event))
	{
		guard_update(trigger);
		return PointerGetDatum(trigger->tg_newtuple);
	}
	read_row(trigger->tg_relation, trigger->tg_trigtuple, &row);
	if (!never_in_force(&row))
		refuse_change(&row, "delete");
	return PointerGetDatum(trigger->tg_trigtuple);
}
