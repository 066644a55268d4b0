/*-------------------------------------------------------------------------
 *
 * fraud_guard.c
 *	  The trigger that keeps fraud rules that were used: flags say by which
 *	  rule, so it must go on saying what it said.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "core/row.h"

PG_FUNCTION_INFO_V1(community_guard_fraud_rules);

/* Has any flag been raised by the rule? */
static bool
rule_was_used(Datum program, Datum rule)
{
	static CorePlan plan = {
		.sql = "SELECT EXISTS (SELECT FROM community.referral_flag"
		" WHERE program_id = $1 AND rule_id = $2)",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[2];
	CoreScope	scope;
	bool		used;

	values[0] = program;
	values[1] = rule;
	core_enter(&scope);
	core_run_latest(&plan, values);
	used = core_bool(0, 1);
	core_leave(&scope);
	return used;
}

/* guard_fraud_rules() -> trigger, before update or delete of each row */
Datum
community_guard_fraud_rules(PG_FUNCTION_ARGS)
{
	static const char *const tables[] = {"fraud_rule", NULL};
	TriggerData *trigger;
	TupleDesc	desc;
	Datum		program;
	Datum		rule;
	bool		isnull;

	trigger = core_guard(fcinfo, "guard_fraud_rules", tables);
	desc = RelationGetDescr(trigger->tg_relation);
	program = SPI_getbinval(trigger->tg_trigtuple, desc,
							SPI_fnumber(desc, "program_id"), &isnull);
	rule = SPI_getbinval(trigger->tg_trigtuple, desc,
						 SPI_fnumber(desc, "rule_id"), &isnull);
	if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) &&
		!core_rows_differ(desc, trigger->tg_trigtuple, trigger->tg_newtuple,
						  "valid"))
		return PointerGetDatum(trigger->tg_newtuple);
	if (rule_was_used(program, rule))
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_APPEND_ONLY),
				 errmsg("cannot change fraud rule \"%s\": it has raised flags",
						SPI_getvalue(trigger->tg_trigtuple, desc,
									 SPI_fnumber(desc, "name"))),
				 errhint("End it by its column valid, and insert another.")));
	return PointerGetDatum(TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ?
						   trigger->tg_newtuple : trigger->tg_trigtuple);
}
