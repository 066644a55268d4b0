/*-------------------------------------------------------------------------
 *
 * plan.c
 *	  Kept plans and short words for SPI results.
 *
 * A plan is checked before each use and built again from its text when the
 * server has found it invalid, so it outlives DROP and CREATE of tables and
 * of the extension itself.  No plan holds a value: everything that differs
 * between two calls is a parameter.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "core/compat.h"
#include "core/core.h"

static Oid
find_own_type(const char *name)
{
	Oid			schema = get_namespace_oid(COMMUNITY_SCHEMA, false);
	Oid			type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
									   CStringGetDatum(name),
									   ObjectIdGetDatum(schema));

	if (!OidIsValid(type))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("type \"%s.%s\" does not exist", COMMUNITY_SCHEMA,
						name)));
	return type;
}

static void
turn_off(const char *name)
{
	(void) set_config_option(name, "off", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

/*
 * Plan a statement now, by indexes alone.  A table that is empty as yet would
 * otherwise be read from end to end until somebody analyzes it.
 */
static void
plan_by_index(SPIPlanPtr prepared)
{
	int			level = NewGUCNestLevel();
	CachedPlan *planned;

	turn_off("enable_seqscan");
	turn_off("enable_hashjoin");
	turn_off("enable_mergejoin");
	turn_off("enable_material");
	turn_off("enable_bitmapscan");
	turn_off("jit");
	planned = SPI_plan_get_cached_plan(prepared);
	if (planned != NULL)
		ReleaseCachedPlan(planned, CurrentResourceOwner);
	AtEOXact_GUC(true, level);
}

static void
prepare(CorePlan *plan, bool keep)
{
	SPIPlanPtr	prepared;
	Oid			argtypes[CORE_MAX_ARGS];
	int			i;

	for (i = 0; i < plan->nargs; i++)
		argtypes[i] = OidIsValid(plan->argtypes[i]) ? plan->argtypes[i] :
			find_own_type(plan->own_type);

	/* a kept plan is generic from the start: its text is written for that */
	prepared = SPI_prepare_cursor(plan->sql, plan->nargs, argtypes,
								  keep ? CURSOR_OPT_GENERIC_PLAN : 0);
	if (prepared == NULL)
		elog(ERROR, "SPI_prepare failed for \"%s\": %s", plan->sql,
			 SPI_result_code_string(SPI_result));
	if (keep && SPI_keepplan(prepared) != 0)
		elog(ERROR, "SPI_keepplan failed for \"%s\"", plan->sql);
	plan->plan = prepared;
	plan->generation++;
	if (keep && plan->by_index)
		plan_by_index(prepared);
}

/* Give a kept plan back, as one that is valid no more. */
static void
forget(CorePlan *plan)
{
	SPI_freeplan(plan->plan);
	plan->plan = NULL;
}

/*
 * Run a statement, preparing it on first use.  SPI must be connected.  Any
 * failure is an error, so callers look at SPI_processed and SPI_tuptable only.
 */
int
core_run(CorePlan *plan, Datum *values, const char *nulls, bool read_only)
{
	int			result;

	if (plan->plan != NULL && !SPI_plan_is_valid(plan->plan))
		forget(plan);
	if (plan->plan == NULL)
		prepare(plan, true);
	result = SPI_execute_plan(plan->plan, values, nulls, read_only, 0);
	if (result < 0)
		elog(ERROR, "SPI_execute_plan failed for \"%s\": %s", plan->sql,
			 SPI_result_code_string(result));
	return result;
}

/*
 * The same, planned for this one run, whatever is kept of the statement: with
 * the values at hand and the sizes of the sets registered now.
 */
int
core_run_once(const CorePlan *plan, Datum *values, const char *nulls,
			  bool read_only)
{
	CorePlan	once = *plan;
	int			result;

	once.plan = NULL;
	prepare(&once, false);
	result = SPI_execute_plan(once.plan, values, nulls, read_only, 0);
	if (result < 0)
		elog(ERROR, "SPI_execute_plan failed for \"%s\": %s", plan->sql,
			 SPI_result_code_string(result));
	SPI_freeplan(once.plan);
	return result;
}

/*
 * The kept plan of a single query, for a look at what the planner made of it.
 * SPI must be connected, and knows the transition tables that it reads.  To be
 * given back with ReleaseCachedPlan().
 */
CachedPlan *
core_get_plan(CorePlan *plan)
{
	CachedPlan *result;

	if (plan->plan != NULL && !SPI_plan_is_valid(plan->plan))
		forget(plan);
	if (plan->plan == NULL)
		prepare(plan, true);
	result = SPI_plan_get_cached_plan(plan->plan);
	if (result == NULL)
		elog(ERROR, "no single plan for \"%s\"", plan->sql);
	return result;
}

/*
 * Run a query with a snapshot of this moment, at any isolation level: what is
 * kept beyond the transaction must be as new as the message that made us read.
 */
void
core_run_latest(CorePlan *plan, Datum *values)
{
	PushActiveSnapshot(GetLatestSnapshot());
	core_run(plan, values, NULL, true);
	PopActiveSnapshot();
}

/*
 * The same for a statement that changes rows: as they are at this moment, as
 * foreign keys do it.  A lock must keep everybody else away from them.
 */
void
core_change_latest(CorePlan *plan, Datum *values, const char *nulls)
{
	Snapshot	snapshot;
	int			result;

	if (plan->plan != NULL && !SPI_plan_is_valid(plan->plan))
		forget(plan);
	if (plan->plan == NULL)
		prepare(plan, true);
	CommandCounterIncrement();
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	result = SPI_execute_snapshot(plan->plan, values, nulls, snapshot,
								  InvalidSnapshot, false, true, 0);
	UnregisterSnapshot(snapshot);
	if (result < 0)
		elog(ERROR, "SPI_execute_snapshot failed for \"%s\": %s", plan->sql,
			 SPI_result_code_string(result));
}

static int
send_into(CorePlan *plan, Datum *values, const char *nulls, bool keep,
		  bool read_only, DestReceiver *dest)
{
	SPIExecuteOptions options = {0};
	CorePlan	once = *plan;
	CorePlan   *used = keep ? plan : &once;
	ParamListInfo params = NULL;
	int			result;
	int			i;

	if (!keep)
		once.plan = NULL;
	else if (plan->plan != NULL && !SPI_plan_is_valid(plan->plan))
		forget(plan);
	if (used->plan == NULL)
		prepare(used, keep);

	if (used->nargs > 0)
	{
		params = makeParamList(used->nargs);
		for (i = 0; i < used->nargs; i++)
		{
			params->params[i].value = values[i];
			params->params[i].isnull = nulls != NULL && nulls[i] == 'n';
			params->params[i].pflags = PARAM_FLAG_CONST;
			params->params[i].ptype = SPI_getargtypeid(used->plan, i);
		}
	}
	options.params = params;
	options.read_only = read_only;
	options.dest = dest;
	result = SPI_execute_plan_extended(used->plan, &options);
	if (result < 0)
		elog(ERROR, "SPI_execute_plan_extended failed for \"%s\": %s",
			 plan->sql, SPI_result_code_string(result));
	if (!keep)
		SPI_freeplan(once.plan);
	return result;
}

/*
 * Run a statement and send its rows to a receiver instead of SPI_tuptable.
 * Without "keep" it is planned for this one run, with the sizes of the sets
 * registered now: right for large sets, dear for small ones.
 */
int
core_run_into(CorePlan *plan, Datum *values, const char *nulls, bool keep,
			  DestReceiver *dest)
{
	return send_into(plan, values, nulls, keep, false, dest);
}

/*
 * The same for a query of many rows, planned for this run, that is to see
 * what the query sees which calls us.
 */
void
core_read_into(CorePlan *plan, Datum *values, DestReceiver *dest)
{
	(void) send_into(plan, values, NULL, false, true, dest);
}

/*
 * Open a cursor over a query, so that other statements can run between its
 * rows.  "keep" is as above.
 */
Portal
core_open_cursor(CorePlan *plan, Datum *values, bool keep)
{
	CorePlan	once = *plan;
	CorePlan   *used = keep ? plan : &once;
	Portal		portal;

	if (!keep)
		once.plan = NULL;
	else if (plan->plan != NULL && !SPI_plan_is_valid(plan->plan))
		forget(plan);
	if (used->plan == NULL)
		prepare(used, keep);
	portal = SPI_cursor_open(NULL, used->plan, values, NULL, false);
	if (!keep)
		SPI_freeplan(once.plan);
	return portal;
}

/* A field of the last result; columns count from 1. */
Datum
core_field(int row, int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
						 column, isnull);
}

/* The same for a bigint or integer that cannot be null. */
int64
core_int64(int row, int column)
{
	bool		isnull;
	Datum		value = core_field(row, column, &isnull);

	if (isnull)
		elog(ERROR, "unexpected null in column %d", column);
	if (SPI_gettypeid(SPI_tuptable->tupdesc, column) == INT4OID)
		return DatumGetInt32(value);
	return DatumGetInt64(value);
}

/* Null reads as false. */
bool
core_bool(int row, int column)
{
	bool		isnull;
	Datum		value = core_field(row, column, &isnull);

	return !isnull && DatumGetBool(value);
}

/* As text in the present memory context; null gives NULL. */
char *
core_text(int row, int column)
{
	return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
						column);
}
