/*-------------------------------------------------------------------------
 *
 * member.c
 *	  What the functions of this room do before anything else.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "core/compat.h"
#include "core/core.h"
#include "tier/member.h"

/*
 * Lock a member, closed or not; false when there is none.  Inside
 * core_enter().
 */
bool
tier_lock_member(int64 program, int64 member, bool *closed)
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
	*closed = SPI_processed == 1 && core_bool(0, 1);
	return SPI_processed == 1;
}
