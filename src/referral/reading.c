/*-------------------------------------------------------------------------
 *
 * reading.c
 *	  Who stands above and below whom: the functions that applications call.
 *
 * They read the forest by the snapshot of the calling query, so that what one
 * query asks agrees with itself.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "referral/reading.h"

PG_FUNCTION_INFO_V1(community_upline);
PG_FUNCTION_INFO_V1(community_downline);
PG_FUNCTION_INFO_V1(community_is_upline);
PG_FUNCTION_INFO_V1(community_generation);
PG_FUNCTION_INFO_V1(community_common_sponsor);

/*
 * Open the forest that a call asks for; no "as_of" stands for the forest as
 * it is.  That one needs no SQL, so SPI is not connected for it.
 */
static ReferralForest *
enter_forest(CoreScope *scope, FunctionCallInfo fcinfo, int as_of, int program)
{
	TimestampTz at = PG_ARGISNULL(as_of) ? DT_NOEND :
	PG_GETARG_TIMESTAMPTZ(as_of);

	core_become_owner(scope);
	if (at != DT_NOEND || !referral_is_direct())
		core_connect(scope);
	return referral_open_forest(PG_GETARG_INT64(program), GetActiveSnapshot(),
								at);
}

static void
leave_forest(CoreScope *scope, ReferralForest *forest)
{
	referral_close_forest(forest);
	core_leave(scope);
}

/*
 * Refuse what is no member of the program.  Whoever sponsors or has a sponsor
 * is one, so this is asked of nobody else.
 */
static void
check_member(CoreScope *scope, int64 program, int64 member)
{
	bool		closed;

	core_connect(scope);
	if (!core_member_is_known(program, member, &closed))
		core_refuse_member(program, member, false);
}

/* A null stands for all. */
static int32
levels_argument(FunctionCallInfo fcinfo, int levels, const char *function)
{
	if (PG_ARGISNULL(levels))
		return REFERRAL_ALL_LEVELS;
	if (PG_GETARG_INT32(levels) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument levels of %s() must not be negative, it is %d",
						function, PG_GETARG_INT32(levels))));
	return PG_GETARG_INT32(levels);
}

/*
 * Where rows go.  The caller's description of them serves, as it was made
 * from the function's own columns; a copy would cost as much as two rows.
 */
static ReturnSetInfo *
begin_rows(FunctionCallInfo fcinfo, const char *function)
{
	ReturnSetInfo *info = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old;

	if (info == NULL || !IsA(info, ReturnSetInfo) ||
		(info->allowedModes & SFRM_Materialize) == 0 ||
		info->expectedDesc == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s() must be called where a set is accepted",
						function)));
	old = MemoryContextSwitchTo(info->econtext->ecxt_per_query_memory);
	info->returnMode = SFRM_Materialize;
	info->setResult =
		tuplestore_begin_heap((info->allowedModes &
							   SFRM_Materialize_Random) != 0, false,
							  work_mem);
	MemoryContextSwitchTo(old);
	return info;
}

/*
 * upline(member, levels, as_of, program)
 * -> level, member_id, joined_at, lapses_at
 */
Datum
community_upline(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "levels", "as_of",
	"program"};
	ReturnSetInfo *info;
	ReferralWalk walk;
	CoreScope	scope;
	int32		levels;

	core_refuse_nulls(fcinfo, "upline", names, 0x06);
	levels = levels_argument(fcinfo, 1, "upline");
	info = begin_rows(fcinfo, "upline");

	referral_begin_walk(&walk, enter_forest(&scope, fcinfo, 2, 3),
						PG_GETARG_INT64(0));
	while (walk.generation < levels && referral_walk_up(&walk))
	{
		Datum		values[4];
		bool		nulls[4] = {false, false, false, false};

		values[0] = Int32GetDatum((int32) walk.generation);
		values[1] = Int64GetDatum(walk.member);
		values[2] = TimestampTzGetDatum(walk.edge.joined_at);
		values[3] = TimestampTzGetDatum(walk.edge.lapses_at);
		nulls[3] = walk.edge.lapses_at == DT_NOEND;
		tuplestore_putvalues(info->setResult, info->expectedDesc, values,
							 nulls);
	}
	if (walk.generation == 0)
		check_member(&scope, PG_GETARG_INT64(3), PG_GETARG_INT64(0));
	leave_forest(&scope, walk.forest);
	return (Datum) 0;
}

static void
put_found(const ReferralFound *found, void *arg)
{
	ReturnSetInfo *info = arg;
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};

	values[0] = Int32GetDatum(found->level);
	values[1] = Int64GetDatum(found->member);
	values[2] = Int64GetDatum(found->sponsor);
	values[3] = TimestampTzGetDatum(found->joined_at);
	tuplestore_putvalues(info->setResult, info->expectedDesc, values, nulls);
}

/*
 * downline(member, levels, as_of, program)
 * -> level, member_id, sponsor_id, joined_at
 */
Datum
community_downline(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "levels", "as_of",
	"program"};
	ReferralForest *forest;
	ReturnSetInfo *info;
	CoreScope	scope;
	int32		levels;

	core_refuse_nulls(fcinfo, "downline", names, 0x06);
	levels = levels_argument(fcinfo, 1, "downline");
	info = begin_rows(fcinfo, "downline");

	forest = enter_forest(&scope, fcinfo, 2, 3);
	if (referral_walk_down(forest, PG_GETARG_INT64(3), PG_GETARG_INT64(0),
						   levels, put_found, info) == 0)
		check_member(&scope, PG_GETARG_INT64(3), PG_GETARG_INT64(0));
	leave_forest(&scope, forest);
	return (Datum) 0;
}

/* ----- what two members are to each other ----- */

/* is_upline(ancestor, member, as_of, program) -> boolean */
Datum
community_is_upline(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"ancestor", "member", "as_of",
	"program"};
	int64		program;
	int64		ancestor;
	ReferralWalk walk;
	CoreScope	scope;
	bool		found = false;

	core_refuse_nulls(fcinfo, "is_upline", names, 0x04);
	ancestor = PG_GETARG_INT64(0);
	program = PG_GETARG_INT64(3);

	referral_begin_walk(&walk, enter_forest(&scope, fcinfo, 2, 3),
						PG_GETARG_INT64(1));
	while (!found && referral_walk_up(&walk))
		found = walk.member == ancestor;
	if (walk.generation == 0)
		check_member(&scope, program, PG_GETARG_INT64(1));
	if (!found)
		check_member(&scope, program, ancestor);
	leave_forest(&scope, walk.forest);
	PG_RETURN_BOOL(found);
}

/* generation(member, as_of, program) -> integer */
Datum
community_generation(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "as_of", "program"};
	ReferralWalk walk;
	CoreScope	scope;

	core_refuse_nulls(fcinfo, "generation", names, 0x02);

	referral_begin_walk(&walk, enter_forest(&scope, fcinfo, 1, 2),
						PG_GETARG_INT64(0));
	while (referral_walk_up(&walk))
		;
	if (walk.generation == 0)
		check_member(&scope, PG_GETARG_INT64(2), PG_GETARG_INT64(0));
	leave_forest(&scope, walk.forest);
	PG_RETURN_INT32((int32) walk.generation);
}

/* Walk up so many steps, or to the root. */
static void
walk_steps(ReferralWalk *walk, ReferralForest *forest, int64 member,
		   int64 steps)
{
	referral_begin_walk(walk, forest, member);
	while (walk->generation < steps && referral_walk_up(walk))
		;
}

/* common_sponsor(a, b, as_of, program) -> bigint */
Datum
community_common_sponsor(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"a", "b", "as_of", "program"};
	int64		a;
	int64		b;
	ReferralForest *forest;
	ReferralWalk above_a;
	ReferralWalk above_b;
	CoreScope	scope;
	bool		found;

	core_refuse_nulls(fcinfo, "common_sponsor", names, 0x04);
	a = PG_GETARG_INT64(0);
	b = PG_GETARG_INT64(1);

	forest = enter_forest(&scope, fcinfo, 2, 3);
	walk_steps(&above_a, forest, a, PG_INT64_MAX);
	walk_steps(&above_b, forest, b, PG_INT64_MAX);
	if (above_a.generation == 0)
		check_member(&scope, PG_GETARG_INT64(3), a);
	if (above_b.generation == 0)
		check_member(&scope, PG_GETARG_INT64(3), b);
	found = above_a.member == above_b.member;
	if (found)
	{
		/* once both are as deep, they go up in step until they meet */
		int64		deeper = above_a.generation - above_b.generation;

		walk_steps(&above_a, forest, a, Max(deeper, 0));
		walk_steps(&above_b, forest, b, Max(-deeper, 0));
		while (above_a.member != above_b.member &&
			   referral_walk_up(&above_a) && referral_walk_up(&above_b))
			;
	}
	leave_forest(&scope, forest);
	if (!found)
		PG_RETURN_NULL();
	PG_RETURN_INT64(above_a.member);
}
