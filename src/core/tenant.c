/*-------------------------------------------------------------------------
 *
 * tenant.c
 *	  What every room asks about programs and members.
 *
 * All functions run inside core_enter(); core_member_is_known() needs no
 * more than core_become_owner() while its table is usable.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "core/tenant.h"

/* Members, found by id.  Other indexes of the table share its columns. */
const char *const core_member_columns[CORE_MEMBER_COLUMNS] = {
	"program_id", "member_id", "status", "joined_at", "enrolled_at",
	"closed_at", "close_reason", "external_id", "attributes"
};

CoreTable	core_member_table = {
	.name = "member",
	.index = "member_pkey",
	.use = CORE_TABLE_READ,
	.ncolumns = CORE_MEMBER_COLUMNS,
	.columns = core_member_columns,
	.nkeys = 2,
	.keys = {CORE_MEMBER_PROGRAM + 1, CORE_MEMBER_ID + 1},
	.remembers = true
};

/* Those who are closed; an index has no others. */
CoreTable	core_closed_table = {
	.name = "member",
	.index = "member_closed_idx",
	.use = CORE_TABLE_READ,
	.ncolumns = CORE_MEMBER_COLUMNS,
	.columns = core_member_columns,
	.nkeys = 2,
	.keys = {CORE_MEMBER_PROGRAM + 1, CORE_MEMBER_ID + 1},
	.many = true
};

/* Events; who reads them by which index says so itself. */
const char *const core_event_columns[CORE_EVENT_COLUMNS] = {
	"program_id", "event_id", "member_id", "amount", "occurred_at",
	"recorded_at", "engagement", "target_id", "corrects", "revision",
	"occurred_at_given", "kind", "type", "source", "key", "reason", "actor",
	"payload"
};

/* The name of a program, or an error when there is none. */
char *
core_program_name(int64 program)
{
	static CorePlan plan = {
		.sql = "SELECT name FROM community.program WHERE program_id = $1",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	Datum		values[1];

	values[0] = Int64GetDatum(program);
	core_run(&plan, values, NULL, true);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_UNKNOWN_PROGRAM),
				 errmsg("program %lld does not exist", (long long) program)));
	return core_text(0, 1);
}

/*
 * Lock a program's row until the end of the transaction, so that changes of
 * its configuration come one after the other and each sees all before it.  Is
 * there such a program?
 */
bool
core_lock_program(int64 program)
{
	static CorePlan plan = {
		.sql = "SELECT FROM community.program WHERE program_id = $1"
		" FOR NO KEY UPDATE",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	Datum		values[1];
	bool		found;

	values[0] = Int64GetDatum(program);
	core_run(&plan, values, NULL, false);
	found = SPI_processed > 0;
	CommandCounterIncrement();
	return found;
}

/* Is there such a member, and is it closed? */
bool
core_member_is_known(int64 program, int64 member, bool *closed)
{
	static CorePlan plan = {
		.sql = "SELECT status = 'closed' FROM community.member"
		" WHERE program_id = $1 AND member_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		keys[2];

	keys[0] = Int64GetDatum(program);
	keys[1] = Int64GetDatum(member);
	if (core_table_is_usable(&core_member_table))
	{
		Datum		values[CORE_MEMBER_COLUMNS];
		bool		nulls[CORE_MEMBER_COLUMNS];
		bool		known;

		known = core_table_fetch(&core_member_table, GetTransactionSnapshot(),
								 keys, values, nulls);
		*closed = known &&
			core_text_is(DatumGetTextPP(values[CORE_MEMBER_STATUS]), "closed");
		return known;
	}
	core_run(&plan, keys, NULL, false);
	*closed = SPI_processed > 0 && core_bool(0, 1);
	return SPI_processed > 0;
}

/*
 * Whose books a member's are by now: that of the member into which it was
 * merged, or its own.
 */
int64
core_member_bearer(int64 program, int64 member)
{
	static CorePlan plan = {
		.sql = "SELECT bearer_id FROM community.member_merge"
		" WHERE program_id = $1 AND member_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	core_run(&plan, values, NULL, false);
	return SPI_processed > 0 ? core_int64(0, 1) : member;
}

/* Say what is wrong with a member, unknown or closed. */
void
core_refuse_member(int64 program, int64 member, bool closed)
{
	char	   *name = core_program_name(program);

	if (closed)
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_CLOSED_MEMBER),
				 errmsg("member %lld of program \"%s\" is closed",
						(long long) member, name)));
	ereport(ERROR,
			(errcode(COMMUNITY_ERRCODE_UNKNOWN_MEMBER),
			 errmsg("member %lld of program \"%s\" does not exist",
					(long long) member, name),
			 errhint("Enroll it first, with community.enroll().")));
}
