/*-------------------------------------------------------------------------
 *
 * benefit_guard.c
 *	  The trigger that keeps benefits, and which tier brings them, in order.
 *
 * Grants name the row by which a tier brought a benefit, so what it said when
 * it was in force stays readable: it only ends, now or later.  A benefit that
 * a tier brings stays what it is.
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

PG_FUNCTION_INFO_V1(community_guard_benefits);

static void
refuse_listing(HeapTuple tuple, TupleDesc desc, const char *verb)
{
	static CorePlan plan = {
		.sql = "SELECT b.code FROM community.benefit AS b"
		" WHERE b.program_id = $1 AND b.benefit_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	CoreScope	scope;
	Datum		values[2];
	bool		isnull;

	values[0] = Int64GetDatum(core_column_int64(tuple, desc, "program_id"));
	values[1] = Int64GetDatum(core_column_int64(tuple, desc, "benefit_id"));
	core_enter(&scope);
	core_run(&plan, values, NULL, true);
	ereport(ERROR,
			(errcode(COMMUNITY_ERRCODE_APPEND_ONLY),
			 errmsg("cannot %s what makes tier \"%s\" bring benefit \"%s\": it has been in force",
					verb,
					TextDatumGetCString(core_column(tuple, desc, "tier",
													&isnull)),
					SPI_processed > 0 ? core_text(0, 1) : ""),
			 errhint("End it by the upper bound of \"valid\", now or later, and add another.")));
}

/* All that may happen to a row that has been in force is that it ends. */
static void
guard_listing(TriggerData *trigger, TupleDesc desc)
{
	TimestampTz now = GetCurrentTransactionStartTimestamp();
	TimestampTz from;
	TimestampTz until;
	TimestampTz new_from;
	TimestampTz new_until;

	core_column_bounds(trigger->tg_trigtuple, desc, "valid", &from, &until);
	if (from > now)
		return;
	if (TRIGGER_FIRED_BY_DELETE(trigger->tg_event))
		refuse_listing(trigger->tg_trigtuple, desc, "delete");
	core_column_bounds(trigger->tg_newtuple, desc, "valid", &new_from,
					   &new_until);
	if (new_from != from ||
		core_rows_differ(desc, trigger->tg_trigtuple, trigger->tg_newtuple,
						 "valid") ||
		(new_until != until && (until < now || new_until < now)))
		refuse_listing(trigger->tg_trigtuple, desc, "edit");
}

/* What a tier brings stays what it is; the foreign key sees to deletion. */
static void
guard_benefit(TriggerData *trigger, TupleDesc desc)
{
	static CorePlan plan = {
		.sql = "SELECT b.code, l.tier FROM community.tier_benefit AS l"
		" JOIN community.benefit AS b ON b.program_id = l.program_id"
		" AND b.benefit_id = l.benefit_id"
		" WHERE l.program_id = $1 AND l.benefit_id = $2 LIMIT 1",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	HeapTuple	tuple = trigger->tg_trigtuple;
	CoreScope	scope;
	Datum		values[2];

	if (TRIGGER_FIRED_BY_DELETE(trigger->tg_event) ||
		!core_rows_differ(desc, tuple, trigger->tg_newtuple, "valid"))
		return;
	values[0] = Int64GetDatum(core_column_int64(tuple, desc, "program_id"));
	values[1] = Int64GetDatum(core_column_int64(tuple, desc, "benefit_id"));
	core_enter(&scope);
	core_run_latest(&plan, values);
	if (SPI_processed > 0)
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_APPEND_ONLY),
				 errmsg("cannot edit benefit \"%s\": tier \"%s\" brings it",
						core_text(0, 1), core_text(0, 2)),
				 errhint("Rows of \"tier_benefit\" can say otherwise for a tier; end one and add another.")));
	core_leave(&scope);
}

/* Allowances expire with their period, which activity would put off. */
static void
check_benefit(int64 program, int64 benefit)
{
	static CorePlan plan = {
		.sql = "SELECT b.code, c.code FROM community.benefit AS b"
		" JOIN community.currency AS c ON c.program_id = b.program_id"
		" AND c.currency_id = b.currency_id"
		" WHERE b.program_id = $1 AND b.benefit_id = $2"
		" AND b.kind = 'allowance' AND c.inactive_after IS NOT NULL",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(benefit);
	core_run_latest(&plan, values);
	if (SPI_processed > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("benefit \"%s\" cannot be an allowance of currency \"%s\"",
						core_text(0, 1), core_text(0, 2)),
				 errdetail("Points of that currency expire after a time without activity, not with a period."),
				 errhint("Give allowances a currency of their own.")));
}

static void
refuse_override(const char *kind)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("tier \"%s\" cannot have %s of its own for benefit \"%s\"",
					core_text(0, 1),
					core_bool(0, 4) ? "a factor" :
					core_bool(0, 5) ? "points" : "a payload",
					core_text(0, 2)),
			 errdetail("The benefit is of kind \"%s\".", kind)));
}

/* Does a row fit its benefit, its ladder, and the other rows? */
static void
check_listing(int64 program, int64 listing)
{
	static CorePlan fits = {
		.sql = "SELECT l.tier, b.code, b.kind,"
		" l.factor IS NOT NULL AND b.kind <> 'multiplier',"
		" l.points IS NOT NULL AND b.kind NOT IN ('allowance', 'points'),"
		" l.payload IS NOT NULL AND b.kind <> 'flag', d.name,"
		" EXISTS (SELECT FROM community.tier AS t"
		"  WHERE t.program_id = l.program_id AND t.ladder_id = l.ladder_id"
		"  AND t.name = l.tier)"
		" FROM community.tier_benefit AS l"
		" JOIN community.benefit AS b ON b.program_id = l.program_id"
		" AND b.benefit_id = l.benefit_id"
		" JOIN community.ladder AS d ON d.program_id = l.program_id"
		" AND d.ladder_id = l.ladder_id"
		" WHERE l.program_id = $1 AND l.listing_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	static CorePlan rival = {
		.sql = "SELECT l.tier, b.code, o.valid"
		" FROM community.tier_benefit AS l"
		" JOIN community.tier_benefit AS o ON o.program_id = l.program_id"
		" AND o.benefit_id = l.benefit_id AND o.ladder_id = l.ladder_id"
		" AND o.tier = l.tier AND o.listing_id <> l.listing_id"
		" AND o.valid && l.valid"
		" JOIN community.benefit AS b ON b.program_id = l.program_id"
		" AND b.benefit_id = l.benefit_id"
		" WHERE l.program_id = $1 AND l.listing_id = $2 LIMIT 1",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(listing);
	core_run_latest(&fits, values);
	/* where its benefit or ladder is missing, a foreign key says so */
	if (SPI_processed == 0)
		return;
	if (core_bool(0, 4) || core_bool(0, 5) || core_bool(0, 6))
		refuse_override(core_text(0, 3));
	if (!core_bool(0, 8))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("ladder \"%s\" has no tier \"%s\"", core_text(0, 7),
						core_text(0, 1))));
	core_run_latest(&rival, values);
	if (SPI_processed > 0)
		ereport(ERROR,
				(errcode(ERRCODE_EXCLUSION_VIOLATION),
				 errmsg("tier \"%s\" brings benefit \"%s\" already at some of that time",
						core_text(0, 1), core_text(0, 2)),
				 errdetail("Another row of \"tier_benefit\" is valid in %s.",
						   core_text(0, 3)),
				 errhint("End that row where this one begins.")));
}

/*
 * guard_benefits() -> trigger.  Before a change it sees that nothing that has
 * counted is edited, and after it that all fits together.
 */
Datum
community_guard_benefits(PG_FUNCTION_ARGS)
{
	static const char *const tables[] = {"benefit", "tier_benefit", NULL};
	TriggerData *trigger;
	TupleDesc	desc;
	HeapTuple	tuple;
	bool		of_tiers;
	CoreScope	scope;
	int64		program;

	trigger = core_guard(fcinfo, "guard_benefits", tables);
	desc = RelationGetDescr(trigger->tg_relation);
	of_tiers = strcmp(RelationGetRelationName(trigger->tg_relation),
					  "tier_benefit") == 0;
	tuple = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ?
		trigger->tg_newtuple : trigger->tg_trigtuple;
	if (!TRIGGER_FIRED_AFTER(trigger->tg_event))
	{
		if (of_tiers)
			guard_listing(trigger, desc);
		else
			guard_benefit(trigger, desc);
		return PointerGetDatum(tuple);
	}
	program = core_column_int64(tuple, desc, "program_id");
	core_enter(&scope);
	(void) core_lock_program(program);
	if (of_tiers)
		check_listing(program, core_column_int64(tuple, desc, "listing_id"));
	else
		check_benefit(program, core_column_int64(tuple, desc, "benefit_id"));
	core_leave(&scope);
	return PointerGetDatum(NULL);
}
