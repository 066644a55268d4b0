/*-------------------------------------------------------------------------
 *
 * rule_guard.c
 *	  The triggers that keep accrual rules and caps what they were.
 *
 * Entries name the rules that produced them, so what a rule said when it was
 * in force must stay readable: it may only be ended, now or later.  Rules
 * that could apply to one event must have one order, so no two of them share
 * stage and position while both are valid.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
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

PG_FUNCTION_INFO_V1(community_guard_rules);

/* Events are taken up to so far ahead of the clock. */
#define AHEAD			USECS_PER_DAY

/* A row of accrual_rule or cap, as far as the guard looks at it. */
typedef struct Guarded
{
	const char *what;			/* "rule" or "cap" */
	const char *hint;
	char	   *name;
	TimestampTz from;
	TimestampTz until;
} Guarded;

static void
read_row(Relation table, HeapTuple tuple, Guarded *row)
{
	TupleDesc	desc = RelationGetDescr(table);
	bool		is_rule =
	strcmp(RelationGetRelationName(table), "accrual_rule") == 0;
	bool		isnull;
	Datum		value;

	row->what = is_rule ? "rule" : "cap";
	row->hint = is_rule ?
		"Use community.change_rule(), which ends it and adds its next version, or community.close_rule()." :
		"End it by the upper bound of \"valid\" and insert another.";
	value = core_column(tuple, desc, "name", &isnull);
	row->name = isnull ? "" : TextDatumGetCString(value);
	core_column_bounds(tuple, desc, "valid", &row->from, &row->until);
}

static bool
never_in_force(const Guarded *row)
{
	return row->from > GetCurrentTimestamp() + AHEAD;
}

static void
refuse_change(const Guarded *row, const char *verb)
{
	ereport(ERROR,
			(errcode(COMMUNITY_ERRCODE_APPEND_ONLY),
			 errmsg("cannot %s %s \"%s\": events may have been rewarded by it",
					verb, row->what, row->name),
			 row->from == DT_NOBEGIN ?
			 errdetail("It has always been valid.") :
			 errdetail("It is valid from %s.", timestamptz_to_str(row->from)),
			 errhint("%s", row->hint)));
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
				 errmsg("cannot move the end of %s \"%s\" in the past",
						old.what, old.name),
				 old.until < now ?
				 errdetail("It ended at %s.", timestamptz_to_str(old.until)) :
				 errdetail("It would have ended at %s, and events may have been rewarded by it since.",
						   timestamptz_to_str(new.until)),
				 errhint("%s", old.hint)));
}

/*
 * Is there another rule in the place of this one, or another version of it,
 * at any time?  Rules are changed one transaction after the other, and what
 * the one before has committed counts at any isolation level.
 */
static void
check_order(int64 program, int64 rule)
{
	static CorePlan find = {
		.sql = "SELECT n.name, o.name, o.name = n.name, n.version, o.version,"
		" n.stage, n.position FROM community.accrual_rule AS n"
		" JOIN community.accrual_rule AS o ON o.program_id = n.program_id"
		" AND o.rule_id <> n.rule_id AND o.valid && n.valid"
		" AND (o.name = n.name OR (o.currency_id = n.currency_id"
		"  AND o.stage = n.stage AND o.position = n.position))"
		" WHERE n.program_id = $1 AND n.rule_id = $2"
		" ORDER BY o.name = n.name DESC, o.rule_id LIMIT 1",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	static CorePlan budget = {
		.sql = "SELECT r.name, r.budget_id, b.budget_id IS NULL"
		" FROM community.accrual_rule AS r LEFT JOIN community.budget AS b"
		" ON b.program_id = r.program_id AND b.budget_id = r.budget_id"
		" WHERE r.program_id = $1 AND r.rule_id = $2"
		" AND r.budget_id IS NOT NULL AND (b.budget_id IS NULL"
		"  OR b.currency_id <> r.currency_id)",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(rule);
	(void) core_lock_program(program);
	core_run_latest(&budget, values);
	if (SPI_processed > 0)
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 core_bool(0, 3) ?
				 errmsg("budget %lld of rule \"%s\" does not exist",
						(long long) core_int64(0, 2), core_text(0, 1)) :
				 errmsg("budget %lld of rule \"%s\" is for another currency",
						(long long) core_int64(0, 2), core_text(0, 1))));
	core_run_latest(&find, values);
	if (SPI_processed == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_EXCLUSION_VIOLATION),
			 core_bool(0, 3) ?
			 errmsg("versions %lld and %lld of rule \"%s\" are valid at the same time",
					(long long) core_int64(0, 5),
					(long long) core_int64(0, 4), core_text(0, 1)) :
			 errmsg("rules \"%s\" and \"%s\" are valid at the same time and share stage %lld, position %lld",
					core_text(0, 2), core_text(0, 1),
					(long long) core_int64(0, 6),
					(long long) core_int64(0, 7)),
			 core_bool(0, 3) ?
			 errhint("Use community.change_rule(), which ends one where the next begins.") :
			 errhint("Rules of a currency that may meet need an order: give one another position.")));
}

static void
guard_order(TriggerData *trigger)
{
	TupleDesc	desc = RelationGetDescr(trigger->tg_relation);
	HeapTuple	tuple = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ?
	trigger->tg_newtuple : trigger->tg_trigtuple;
	int64		program = core_column_int64(tuple, desc, "program_id");
	int64		rule = core_column_int64(tuple, desc, "rule_id");
	CoreScope	scope;

	core_enter(&scope);
	check_order(program, rule);
	core_leave(&scope);
}

/*
 * guard_rules() -> trigger.  Before a change it sees that none is edited, and
 * after it that rules have one order.
 */
Datum
community_guard_rules(PG_FUNCTION_ARGS)
{
	static const char *const tables[] = {"accrual_rule", "cap", NULL};
	TriggerData *trigger;
	TriggerEvent event;
	Guarded		row;

	trigger = core_guard(fcinfo, "guard_rules", tables);
	event = trigger->tg_event;
	if (TRIGGER_FIRED_BY_TRUNCATE(event))
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_APPEND_ONLY),
				 errmsg("cannot TRUNCATE \"%s\": events may have been rewarded by what is in it",
						RelationGetRelationName(trigger->tg_relation)),
				 errhint("Rules and caps are ended by the upper bound of \"valid\", see community.change_rule().")));
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
