/*-------------------------------------------------------------------------
 *
 * commission_levels.c
 *	  How many levels may be paid: set_paid_levels(), and the guard that lets
 *	  nobody but the owner of the tables raise it.
 *
 * The law of many places limits it, so it is not for every role that may
 * change a setting.  Functions of ours act as the owner for whoever calls
 * them, therefore being the owner does not suffice for the guard: it must be
 * the user's own role, or set_paid_levels() has looked at that.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/row.h"

PG_FUNCTION_INFO_V1(community_set_paid_levels);
PG_FUNCTION_INFO_V1(community_guard_paid_levels);

#define DEFAULT_LEVELS	1
#define MAX_LEVELS		1000

/* Is set_paid_levels() at work for somebody who may? */
static bool raising = false;

static void
refuse_raise(int32 from, int32 to, const char *owner)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("paid levels cannot be raised from %d to %d by role \"%s\"",
					from, to, GetUserNameFromId(GetOuterUserId(), false)),
			 errdetail("Only the owner of the tables, role \"%s\", may raise them.",
					   owner),
			 errhint("The owner calls community.set_paid_levels().")));
}

static int32
paid_levels_of(Relation table, HeapTuple tuple)
{
	TupleDesc	desc = RelationGetDescr(table);
	bool		isnull;
	Datum		value = heap_getattr(tuple, SPI_fnumber(desc, "paid_levels"),
									 desc, &isnull);

	return isnull ? 0 : DatumGetInt32(value);
}

/* guard_paid_levels() -> trigger, after each row */
Datum
community_guard_paid_levels(PG_FUNCTION_ARGS)
{
	static const char *const tables[] = {"referral_setting", NULL};
	TriggerData *trigger;
	Oid			user;
	Oid			owner;
	int			context;
	int32		from = DEFAULT_LEVELS;
	int32		to;

	trigger = core_guard(fcinfo, "guard_paid_levels", tables);
	if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
	{
		from = paid_levels_of(trigger->tg_relation, trigger->tg_trigtuple);
		to = paid_levels_of(trigger->tg_relation, trigger->tg_newtuple);
	}
	else
		to = paid_levels_of(trigger->tg_relation, trigger->tg_trigtuple);
	owner = trigger->tg_relation->rd_rel->relowner;
	GetUserIdAndSecContext(&user, &context);
	/* whoever lends its rights by a function is not the one who asks */
	if ((context & SECURITY_LOCAL_USERID_CHANGE) != 0)
		user = GetOuterUserId();
	if (to > from && !raising && !has_privs_of_role(user, owner))
		refuse_raise(from, to, GetUserNameFromId(owner, false));
	return PointerGetDatum(NULL);
}

/* The levels before. */
static int32
read_levels(int64 program)
{
	static CorePlan plan = {
		.sql = "SELECT paid_levels FROM community.referral_setting"
		" WHERE program_id = $1 FOR UPDATE",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	Datum		values[1];

	values[0] = Int64GetDatum(program);
	core_run(&plan, values, NULL, false);
	return SPI_processed > 0 ? (int32) core_int64(0, 1) : DEFAULT_LEVELS;
}

static void
write_levels(int64 program, int32 levels)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.referral_setting AS s"
		" (program_id, paid_levels) VALUES ($1, $2)"
		" ON CONFLICT (program_id) DO UPDATE SET paid_levels = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT4OID}
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = Int32GetDatum(levels);
	raising = true;
	PG_TRY();
	{
		core_run(&plan, values, NULL, false);
	}
	PG_FINALLY();
	{
		raising = false;
	}
	PG_END_TRY();
}

/* set_paid_levels(levels, program) -> integer, the number before */
Datum
community_set_paid_levels(PG_FUNCTION_ARGS)
{
	int32		levels = PG_GETARG_INT32(0);
	int64		program = PG_GETARG_INT64(1);
	Oid			caller = GetUserId();
	CoreScope	scope;
	int32		before;

	if (levels < 0 || levels > MAX_LEVELS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of paid levels %d is out of range", levels),
				 errdetail("It is 0 to %d.", MAX_LEVELS)));
	core_enter(&scope);
	(void) core_program_name(program);
	before = read_levels(program);
	if (levels > before && !has_privs_of_role(caller, GetUserId()))
		refuse_raise(before, levels, GetUserNameFromId(GetUserId(), false));
	if (levels != before)
		write_levels(program, levels);
	core_leave(&scope);
	PG_RETURN_INT32(before);
}
