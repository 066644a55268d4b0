/*-------------------------------------------------------------------------
 *
 * event_credits.c
 *	  What an event has given so far, to whom, and what is left of it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"

#include "core/compat.h"
#include "core/core.h"
#include "points/rules.h"

/* An array of bigint; NULL for null. */
static int64 *
read_array(int row, int column, int *count)
{
	bool		isnull;
	Datum		value = core_field(row, column, &isnull);
	Datum	   *values;
	int64	   *result;
	int			i;

	*count = 0;
	if (isnull)
		return NULL;
	deconstruct_array(DatumGetArrayTypeP(value), INT8OID, sizeof(int64), true,
					  TYPALIGN_DOUBLE, &values, NULL, count);
	result = palloc_array(int64, *count + 1);
	for (i = 0; i < *count; i++)
		result[i] = DatumGetInt64(values[i]);
	return result;
}

/*
 * All credits of the event with that source and key, which was recorded as
 * that revision, and of its adjustments; by who bears them by now and by
 * currency, oldest first.  Inside core_enter().
 */
PointsEventCredit *
points_event_credits(int64 program, Datum source, Datum key, int32 revision,
					 int *count)
{
	static CorePlan plan = {
		.sql = "WITH about AS (SELECT n.entry_id, n.member_id, n.currency_id,"
		"  n.points, n.cut, n.reverses, n.kind, n.delta, n.rule_ids,"
		"  n.rule_points FROM community.event AS v"
		"  JOIN community.entry AS n ON n.program_id = v.program_id"
		"   AND n.event_id = v.event_id AND n.key = ''"
		"  WHERE v.program_id = $1 AND v.source = $2 AND v.key = $3"
		"  AND v.revision >= $4)"
		" SELECT e.entry_id, coalesce(b.bearer_id, e.member_id), e.currency_id,"
		" e.points,"
		" e.points - coalesce(d.back, 0), e.delta, coalesce(d.released, false),"
		" e.cut, g.rules, g.given"
		" FROM about AS e LEFT JOIN (SELECT a.reverses,"
		"  sum(a.cut - a.points)::bigint AS back,"
		"  bool_or(a.kind = 'release') AS released FROM about AS a"
		"  WHERE a.kind IN ('reverse', 'release') GROUP BY a.reverses) AS d"
		" ON d.reverses = e.entry_id"
		" LEFT JOIN community.member_merge AS b"
		"  ON b.program_id = $1 AND b.member_id = e.member_id,"
		" LATERAL (SELECT array_agg(r.id) AS rules, array_agg(r.points) AS given"
		"  FROM unnest(e.rule_ids, e.rule_points) AS r (id, points)"
		"  WHERE r.points > 0) AS g"
		" WHERE e.kind = 'accrue'"
		" ORDER BY 2, e.currency_id, e.entry_id",
		.nargs = 4,
		.argtypes = {INT8OID, TEXTOID, TEXTOID, INT4OID}
	};
	Datum		values[4];
	PointsEventCredit *credits;
	bool		isnull;
	int			i;

	values[0] = Int64GetDatum(program);
	values[1] = source;
	values[2] = key;
	values[3] = Int32GetDatum(revision);
	core_run(&plan, values, NULL, false);
	*count = SPI_processed;
	credits = palloc0_array(PointsEventCredit, *count + 1);
	for (i = 0; i < *count; i++)
	{
		credits[i].entry_id = core_int64(i, 1);
		credits[i].member = core_int64(i, 2);
		credits[i].currency_id = core_int64(i, 3);
		credits[i].points = core_int64(i, 4);
		credits[i].left = core_int64(i, 5);
		credits[i].delta = DatumGetPurseP(core_field(i, 6, &isnull));
		credits[i].released = core_bool(i, 7);
		credits[i].cut = core_int64(i, 8);
		credits[i].rules = read_array(i, 9, &credits[i].nrules);
		credits[i].given = read_array(i, 10, &credits[i].nrules);
	}
	return credits;
}

/*
 * Has a credit been released by now?  To be asked when its account is locked:
 * a release may have been on its way when the credit was read.
 */
bool
points_credit_is_released(int64 program, int64 event_id,
						  const PointsEventCredit *credit)
{
	static CorePlan plan = {
		.sql = "SELECT FROM community.entry WHERE program_id = $1"
		" AND event_id = $2 AND key = '' AND line >= $3 AND reverses = $4"
		" AND kind = 'release'",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, INT4OID, INT8OID}
	};
	Datum		values[4];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(event_id);
	values[2] = Int32GetDatum(POINTS_RELEASE_LINE);
	values[3] = Int64GetDatum(credit->entry_id);
	core_run(&plan, values, NULL, false);
	return SPI_processed > 0;
}

/* How many credits from here on are of the same account? */
int
points_credit_run(const PointsEventCredit *credits, int count)
{
	int			n = 1;

	while (n < count && credits[n].member == credits[0].member &&
		   credits[n].currency_id == credits[0].currency_id)
		n++;
	return n;
}
