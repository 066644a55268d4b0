/*-------------------------------------------------------------------------
 *
 * review.c
 *	  Whom a review must look at, and the work on a batch of them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "tier/tier.h"

/*
 * Members for whom time, a version or a note has changed something, in
 * ascending order: palloc'd in the present memory context.
 */
int64 *
tier_due_members(int64 program, TimestampTz as_of, int64 *count)
{
	static CorePlan plan = {
		.sql = "WITH newest AS (SELECT v.ladder_id, max(v.version_id) AS id"
		"  FROM community.ladder_version AS v WHERE v.program_id = $1"
		"  GROUP BY v.ladder_id), behind AS ("
		"  SELECT s.member_id FROM community.standing AS s"
		"  JOIN newest AS n ON n.ladder_id = s.ladder_id"
		"  WHERE s.program_id = $1 AND s.seen_id <> n.id"
		"  UNION SELECT s.member_id FROM community.standing AS s"
		"  WHERE s.program_id = $1 AND s.due <= $2"
		"   AND s.ladder_id IN (SELECT n.ladder_id FROM newest AS n)"
		"  UNION SELECT t.member_id FROM community.standing_touch AS t"
		"  WHERE t.program_id = $1"
		"  UNION SELECT m.member_id FROM community.member AS m"
		"  JOIN newest AS n ON true"
		"  LEFT JOIN community.standing AS s ON s.program_id = m.program_id"
		"   AND s.ladder_id = n.ladder_id AND s.member_id = m.member_id"
		"  WHERE m.program_id = $1 AND s.member_id IS NULL)"
		" SELECT b.member_id FROM behind AS b"
		" JOIN community.engagement AS e ON e.program_id = $1"
		"  AND e.member_id = b.member_id AND NOT e.closed"
		" ORDER BY b.member_id",
		.nargs = 2,
		.argtypes = {INT8OID, TIMESTAMPTZOID}
	};
	MemoryContext context = CurrentMemoryContext;
	Datum		values[2];
	int64	   *members;
	int64		i;

	values[0] = Int64GetDatum(program);
	values[1] = TimestampTzGetDatum(as_of);
	core_run_once(&plan, values, NULL, false);
	MemoryContextSwitchTo(context);
	*count = SPI_processed;
	members = MemoryContextAllocHuge(context, sizeof(int64) * (*count + 1));
	for (i = 0; i < *count; i++)
		members[i] = core_int64((int) i, 1);
	SPI_freetuptable(SPI_tuptable);
	return members;
}

/*
 * Lock members, in ascending order, and work out those who are still there
 * and active; gives how many.
 */
int
tier_review_members(int64 program, int64 *members, int count,
					TimestampTz as_of)
{
	static CorePlan plan = {
		.sql = "SELECT e.member_id FROM community.engagement AS e"
		" WHERE e.program_id = $1 AND e.member_id = ANY ($2)"
		" AND NOT e.closed ORDER BY e.member_id FOR NO KEY UPDATE",
		.by_index = true,
		.nargs = 2,
		.argtypes = {INT8OID, INT8ARRAYOID}
	};
	MemoryContext context = CurrentMemoryContext;
	Datum	   *datums = palloc_array(Datum, count + 1);
	Datum		values[2];
	int			i;

	for (i = 0; i < count; i++)
		datums[i] = Int64GetDatum(members[i]);
	values[0] = Int64GetDatum(program);
	values[1] = PointerGetDatum(construct_array(datums, count, INT8OID, 8,
												FLOAT8PASSBYVAL,
												TYPALIGN_DOUBLE));
	core_run(&plan, values, NULL, false);
	MemoryContextSwitchTo(context);
	count = SPI_processed;
	for (i = 0; i < count; i++)
		members[i] = core_int64(i, 1);
	tier_work_out(program, members, count, as_of);
	return count;
}
