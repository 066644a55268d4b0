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
#include "tier/member.h"

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
	bool		closed;

	if (!tier_lock_member(program, member, &closed))
		core_refuse_member(program, member, false);
	return closed;
}

/* A text that names something, or gives a reason. */
Datum
tier_config_name(FunctionCallInfo fcinfo, int argument, const char *what)
{
	(void) core_name_argument(PG_GETARG_TEXT_PP(argument), what);
	return PointerGetDatum(PG_GETARG_TEXT_PP(argument));
}
