/*-------------------------------------------------------------------------
 *
 * award_guard.c
 *	  The trigger that sees that awards count events.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/rel.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/row.h"

PG_FUNCTION_INFO_V1(community_guard_awards);

static int64
column_int64(HeapTuple tuple, TupleDesc desc, const char *name)
{
	bool		isnull;

	return DatumGetInt64(heap_getattr(tuple, SPI_fnumber(desc, name), desc,
									  &isnull));
}

/* guard_awards() -> trigger, after a requirement of an award was changed */
Datum
community_guard_awards(PG_FUNCTION_ARGS)
{
	static const char *const tables[] = {"award_requirement", NULL};
	static CorePlan plan = {
		.sql = "SELECT m.name, m.kind, m.side FROM community.measure AS m"
		" WHERE m.program_id = $1 AND m.measure_id = $2"
		" AND (m.side = 'target' OR m.kind NOT IN ('sum', 'count', 'maximum',"
		"  'distinct_days', 'distinct_counterparts'))",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	TriggerData *trigger;
	TupleDesc	desc;
	HeapTuple	tuple;
	CoreScope	scope;
	Datum		values[2];

	trigger = core_guard(fcinfo, "guard_awards", tables);
	desc = RelationGetDescr(trigger->tg_relation);
	tuple = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ?
		trigger->tg_newtuple : trigger->tg_trigtuple;
	values[0] = Int64GetDatum(column_int64(tuple, desc, "program_id"));
	values[1] = Int64GetDatum(column_int64(tuple, desc, "measure_id"));
	core_enter(&scope);
	core_run_latest(&plan, values);
	if (SPI_processed > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("an award cannot require measure \"%s\"",
						core_text(0, 1)),
				 strcmp(core_text(0, 3), "target") == 0 ?
				 errdetail("It is of side target; awards are earned by what members do.") :
				 errdetail("It is of kind \"%s\"; awards are earned by events.",
						   core_text(0, 2)),
				 errhint("The kinds for awards are sum, count, maximum, distinct_days and distinct_counterparts, of side actor.")));
	core_leave(&scope);
	return PointerGetDatum(NULL);
}
