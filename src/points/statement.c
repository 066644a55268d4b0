/*-------------------------------------------------------------------------
 *
 * statement.c
 *	  statement(): what happened to the points of a member, in order.
 *
 * Expiry is a function of time and never an entry, so its rows are computed:
 * each lot of each entry lapses at its expiry, held lots when their hold ends.
 * What an entry does to lots that have lapsed by then, as a reversal does or
 * the capture of a hold, lapses at once.  So the points of all rows always
 * add up to the balance.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "points/ledger.h"

PG_FUNCTION_INFO_V1(community_statement);

/*
 * $1 program, $2 member, $3 currency, $4 as of, $5 whether that is now, so
 * that entries of this transaction are there too, $6 the range to be shown.
 * Within a moment lapses come first, then entries, then what they make lapse.
 */
static CorePlan statement_plan = {
	.sql = "WITH posted AS MATERIALIZED ("
	" SELECT e.entry_id, e.effective_at, e.recorded_at, e.kind,"
	"  CASE WHEN e.kind IN ('reinstate', 'merge_out', 'merge_in')"
	"   THEN community.total(e.delta, e.effective_at) ELSE e.points END AS points,"
	"  nullif(e.event_id, 0) AS event_id, nullif(e.key, '') AS key, e.reason,"
	"  e.rule_ids, e.delta"
	" FROM community.entry AS e WHERE e.program_id = $1 AND e.member_id = $2"
	"  AND e.currency_id = $3 AND (e.effective_at <= $4 OR $5)"
	"), held AS ("
	" SELECT h.taken, h.held_at,"
	"  least(coalesce(h.resolved_at, 'infinity'), h.expires_at) AS ended_at"
	" FROM community.hold AS h WHERE h.program_id = $1 AND h.member_id = $2"
	"  AND h.currency_id = $3"
	"), lapse AS ("
	" SELECT greatest(l.expires_at, p.effective_at) AS at,"
	"  l.expires_at <= p.effective_at AS late, l.points"
	" FROM posted AS p, LATERAL community.lots(p.delta) AS l"
	" WHERE l.expires_at <= $4 AND (l.expires_at > p.effective_at"
	"  OR p.kind NOT IN ('reinstate', 'merge_out', 'merge_in'))"
	" UNION ALL"
	" SELECT v.at, v.late, v.points"
	" FROM held AS h, LATERAL community.lots(h.taken) AS l,"
	" LATERAL (VALUES (l.expires_at, false, -l.points),"
	"  (h.ended_at, true, l.points)) AS v (at, late, points)"
	" WHERE l.expires_at > h.held_at AND l.expires_at < h.ended_at"
	"  AND v.at <= $4"
	"), line AS ("
	" SELECT p.effective_at, 1 AS place, p.entry_id, p.recorded_at, p.kind,"
	"  p.points, p.event_id, p.key, p.reason, p.rule_ids, p.delta"
	" FROM posted AS p"
	" UNION ALL"
	" SELECT l.at, CASE WHEN l.late THEN 2 ELSE 0 END, NULL, NULL, 'expire',"
	"  -sum(l.points)::bigint, NULL, NULL, NULL, NULL, NULL"
	" FROM lapse AS l GROUP BY l.at, l.late HAVING sum(l.points) <> 0"
	"), told AS ("
	" SELECT l.*, (sum(l.points) OVER (ORDER BY l.effective_at, l.place,"
	"  l.entry_id))::bigint AS balance FROM line AS l"
	") SELECT t.entry_id, t.effective_at, t.recorded_at, t.kind, t.points,"
	" t.balance, t.event_id, t.key, t.reason, t.rule_ids, t.delta"
	" FROM told AS t WHERE $6 IS NULL OR t.effective_at <@ $6"
	" ORDER BY t.effective_at, t.place, t.entry_id",
	.nargs = 6,
	.argtypes = {INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID, BOOLOID,
	TSTZRANGEOID}
};

/*
 * statement(member, currency, during, as_of, program) -> rows in order.  All
 * but "during" must not be null.
 */
Datum
community_statement(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "currency", "during",
	"as_of", "program"};
	Tuplestorestate *result;
	TupleDesc	desc;
	CoreScope	scope;
	Datum		values[6];
	char		nulls[7] = "      ";
	int64		program;
	uint64		i;

	core_refuse_nulls(fcinfo, "statement", names, 0x04);
	program = PG_GETARG_INT64(4);

	core_enter(&scope);
	values[0] = Int64GetDatum(program);
	values[1] = PG_GETARG_DATUM(0);
	values[2] = Int64GetDatum(points_currency(program,
											  PG_GETARG_TEXT_PP(1))->id);
	values[3] = PG_GETARG_DATUM(3);
	values[4] = BoolGetDatum(PG_GETARG_TIMESTAMPTZ(3) >=
							 GetCurrentTransactionStartTimestamp());
	values[5] = PG_ARGISNULL(2) ? (Datum) 0 : PG_GETARG_DATUM(2);
	nulls[5] = PG_ARGISNULL(2) ? 'n' : ' ';
	core_run(&statement_plan, values, nulls, true);
	result = core_begin_rows(fcinfo, &desc);
	for (i = 0; i < SPI_processed; i++)
		tuplestore_puttuple(result, SPI_tuptable->vals[i]);
	core_leave(&scope);
	return (Datum) 0;
}
