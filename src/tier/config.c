/*-------------------------------------------------------------------------
 *
 * config.c
 *	  What configuring ladders, rulings and grants have in common.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "tier/config.h"

/* No argument may be null but those named in the set "nullable". */
void
tier_config_refuse_nulls(FunctionCallInfo fcinfo, const char *function,
						 const char *const *names, uint32 nullable)
{
	int			i;

	for (i = 0; i < PG_NARGS(); i++)
		if (PG_ARGISNULL(i) && (nullable & (1U << i)) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument %s of %s() must not be null",
							names[i], function)));
}

/* The ladder of that name, or an error.  Inside core_enter(). */
int64
tier_config_ladder(int64 program, Datum name)
{
	static CorePlan plan = {
		.sql = "SELECT ladder_id FROM community.ladder"
		" WHERE program_id = $1 AND name = $2",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTOID}
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = name;
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("ladder \"%s\" of program \"%s\" does not exist",
						TextDatumGetCString(name),
						core_program_name(program)),
				 errhint("Ladders are the rows of community.ladder.")));
	return core_int64(0, 1);
}

/*
 * Lock a member that is enrolled, as all do who decide about its tiers; true
 * when it is closed.  Inside core_enter().
 */
bool
tier_config_lock_member(int64 program, int64 member)
{
	static CorePlan plan = {
		.sql = "SELECT closed FROM community.engagement"
		" WHERE program_id = $1 AND member_id = $2 FOR NO KEY UPDATE",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		core_refuse_member(program, member, false);
	return core_bool(0, 1);
}

/* A text that names something, or gives a reason. */
Datum
tier_config_name(FunctionCallInfo fcinfo, int argument, const char *what)
{
	(void) core_name_argument(PG_GETARG_TEXT_PP(argument), what);
	return PointerGetDatum(PG_GETARG_TEXT_PP(argument));
}
