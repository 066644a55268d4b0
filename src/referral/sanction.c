/*-------------------------------------------------------------------------
 *
 * sanction.c
 *	  Sanctions of whole subtrees: sanction_subtree(), lift_sanction().
 *
 * The subtree is walked level by level, some parents at a time; each step
 * notes the members it finds, and a member that is noted already is not
 * walked again.  So nothing recurses, whatever the depth, and rows that form a
 * ring, as a careless restore may bring them, end the walk.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "referral/sanction.h"

PG_FUNCTION_INFO_V1(community_sanction_subtree);
PG_FUNCTION_INFO_V1(community_lift_sanction);

/* parents whose children are looked up together */
#define WALK_BATCH	1000

static CoreWatch sanction_watch = {.name = "referral_sanction"};

/* Members found and not walked yet. */
typedef struct Frontier
{
	MemoryContext context;
	int64	   *members;
	int64		count;
	int64		size;
} Frontier;

/* Does the program know any sanction in force that stops invitations? */
static bool
program_has_sanctions(int64 program)
{
	static CorePlan plan = {
		.sql = "SELECT FROM community.referral_sanction"
		" WHERE program_id = $1 AND action = 'disable_invites'"
		" AND lifted_at IS NULL LIMIT 1",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	static uint64 known_generation = 0;
	static int64 known_program;
	static bool known;
	uint64		generation = core_watch(&sanction_watch);
	Datum		values[1];

	if (generation != 0 && generation == known_generation &&
		program == known_program)
		return known;
	values[0] = Int64GetDatum(program);
	known_generation = 0;
	core_run_latest(&plan, values);
	known = SPI_processed > 0;
	known_program = program;
	known_generation = generation;
	return known;
}

/* Refuse who may bring nobody. */
void
referral_refuse_sanctioned(int64 program, int64 member)
{
	static CorePlan plan = {
		.sql = "SELECT x.sanction_id, x.reason"
		" FROM community.sanctioned_member AS x"
		" WHERE x.program_id = $1 AND x.member_id = $2"
		" AND x.action = 'disable_invites'"
		" ORDER BY x.sanction_id LIMIT 1",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID},
		.by_index = true
	};
	Datum		values[2];

	if (!program_has_sanctions(program))
		return;
	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	core_run(&plan, values, NULL, false);
	if (SPI_processed > 0)
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_REFERRAL_REFUSED),
				 errmsg("member %lld may not invite: sanction %lld forbids it",
						(long long) member, (long long) core_int64(0, 1)),
				 errdetail("Its reason is: %s", core_text(0, 2))));
}

static void
add_members(Frontier *frontier)
{
	uint64		i;

	if (frontier->count + (int64) SPI_processed > frontier->size)
	{
		frontier->size = Max(frontier->size * 2,
							 frontier->count + (int64) SPI_processed);
		if (frontier->members == NULL)
			frontier->members = MemoryContextAllocHuge(frontier->context,
													   frontier->size *
													   sizeof(int64));
		else
			frontier->members = repalloc_huge(frontier->members,
											  frontier->size *
											  sizeof(int64));
	}
	for (i = 0; i < SPI_processed; i++)
		frontier->members[frontier->count++] = core_int64((int) i, 1);
}

/* Note the children of the last members of the frontier in their place. */
static void
note_children(Frontier *frontier, Datum *values)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.referral_sanctioned (program_id,"
		" sanction_id, member_id) SELECT $1, $2, r.member_id"
		" FROM unnest($3) AS p (member_id) JOIN community.referral AS r"
		" ON r.program_id = $1 AND r.sponsor_id = p.member_id"
		" ON CONFLICT DO NOTHING RETURNING member_id",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, INT8ARRAYOID},
		.by_index = true
	};
	int			count = (int) Min(frontier->count, WALK_BATCH);
	Datum	   *parents = palloc_array(Datum, count);
	ArrayType  *array;
	int			i;

	for (i = 0; i < count; i++)
		parents[i] = Int64GetDatum(frontier->members[--frontier->count]);
	array = construct_array(parents, count, INT8OID, sizeof(int64),
							FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
	values[2] = PointerGetDatum(array);
	core_run(&plan, values, NULL, false);
	add_members(frontier);
	SPI_freetuptable(SPI_tuptable);
	pfree(array);
	pfree(parents);
}

/* Note the member and everybody below. */
static void
note_subtree(int64 program, int64 sanction, int64 member)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.referral_sanctioned (program_id,"
		" sanction_id, member_id) VALUES ($1, $2, $3) RETURNING member_id",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, INT8OID}
	};
	Frontier	frontier = {.context = CurrentMemoryContext};
	Datum		values[3];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(sanction);
	values[2] = Int64GetDatum(member);
	core_run(&plan, values, NULL, false);
	add_members(&frontier);
	while (frontier.count > 0)
	{
		CHECK_FOR_INTERRUPTS();
		note_children(&frontier, values);
	}
}

/* In ascending order, as members are locked everywhere. */
static void
close_sanctioned(int64 program, int64 sanction, const char *reason)
{
	static CorePlan plan = {
		.sql = "SELECT count(*) FILTER"
		" (WHERE community.close_member(x.member_id, $3, $1))"
		" FROM (SELECT member_id FROM community.referral_sanctioned"
		"  WHERE program_id = $1 AND sanction_id = $2"
		"  ORDER BY member_id) AS x",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, TEXTOID}
	};
	Datum		values[3];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(sanction);
	values[2] = CStringGetTextDatum(reason);
	core_run(&plan, values, NULL, false);
}

static int64
insert_sanction(int64 program, int64 member, const char *action,
				const char *reason)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.referral_sanction (program_id,"
		" member_id, action, reason) VALUES ($1, $2, $3, $4)"
		" RETURNING sanction_id",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, TEXTOID, TEXTOID}
	};
	Datum		values[4];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	values[2] = CStringGetTextDatum(action);
	values[3] = CStringGetTextDatum(reason);
	core_run(&plan, values, NULL, false);
	return core_int64(0, 1);
}

/* sanction_subtree(member, action, reason, program) -> bigint */
Datum
community_sanction_subtree(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "action", "reason",
	"program"};
	int64		member;
	int64		program;
	int64		sanction;
	char	   *action;
	char	   *reason;
	CoreScope	scope;
	bool		closed;

	core_refuse_nulls(fcinfo, "sanction_subtree", names, 0);
	member = PG_GETARG_INT64(0);
	action = text_to_cstring(PG_GETARG_TEXT_PP(1));
	reason = core_name_argument(PG_GETARG_TEXT_PP(2), "reason");
	program = PG_GETARG_INT64(3);
	if (strcmp(action, "disable_invites") != 0 &&
		strcmp(action, "hold") != 0 && strcmp(action, "close") != 0 &&
		strcmp(action, "comment") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("action \"%s\" of sanction_subtree() does not exist",
						action),
				 errdetail("There are disable_invites, hold, close and comment.")));

	core_enter(&scope);
	if (!core_member_is_known(program, member, &closed))
		core_refuse_member(program, member, false);
	sanction = insert_sanction(program, member, action, reason);
	note_subtree(program, sanction, member);
	if (strcmp(action, "close") == 0)
		close_sanctioned(program, sanction, reason);
	core_leave(&scope);
	PG_RETURN_INT64(sanction);
}

/*
 * lift_sanction(sanction, reason, program) -> boolean, false if it was lifted
 */
Datum
community_lift_sanction(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"sanction", "reason", "program"};
	static CorePlan plan = {
		.sql = "UPDATE community.referral_sanction"
		" SET lifted_at = clock_timestamp(), lift_reason = $3,"
		" lift_actor = session_user WHERE program_id = $1"
		" AND sanction_id = $2 AND lifted_at IS NULL"
		" RETURNING action = 'close'",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, TEXTOID}
	};
	static CorePlan known = {
		.sql = "SELECT FROM community.referral_sanction"
		" WHERE program_id = $1 AND sanction_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[3];
	CoreScope	scope;
	bool		lifted;

	core_refuse_nulls(fcinfo, "lift_sanction", names, 0);
	(void) core_name_argument(PG_GETARG_TEXT_PP(1), "reason");
	values[0] = PG_GETARG_DATUM(2);
	values[1] = PG_GETARG_DATUM(0);
	values[2] = PG_GETARG_DATUM(1);
	core_enter(&scope);
	core_run(&plan, values, NULL, false);
	lifted = SPI_processed == 1;
	if (lifted)
	{
		/* points that were forfeited and seats that were given on are gone */
		if (core_bool(0, 1))
			ereport(NOTICE,
					(errmsg("members that sanction %lld has closed stay closed",
							(long long) PG_GETARG_INT64(0))));
		referral_release_sanctioned(DatumGetInt64(values[0]),
									DatumGetInt64(values[1]));
	}
	else
	{
		core_run(&known, values, NULL, false);
		if (SPI_processed == 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("sanction %lld of program \"%s\" does not exist",
							(long long) PG_GETARG_INT64(0),
							core_program_name(PG_GETARG_INT64(2)))));
	}
	core_leave(&scope);
	PG_RETURN_BOOL(lifted);
}
