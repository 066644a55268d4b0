/*-------------------------------------------------------------------------
 *
 * fold.c
 *	  Folding the credits of many accounts into their rows, beside the work.
 *
 * Ids of entries are gone through from a mark of the program to the horizon,
 * in ranges that the BRIN index on them finds.  An account with a credit in
 * the range is folded when all its credits beside the purse are many enough.
 * Behind the mark there are shorter tails only: where an account was locked
 * by somebody else and left out, the mark stays before its credits.  There is
 * a mark for each minimum, as one does not tell about another.
 *
 * No answer depends on any of this.  Accounts are settled as of a day ago, as
 * whoever reads may have begun earlier and ask about the time of that.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "points/ledger.h"
#include "points/marks_algo.h"

PG_FUNCTION_INFO_V1(community_mark_folded);

static TimestampTz
settling_time(void)
{
	return GetCurrentTimestamp() - USECS_PER_DAY;
}

/* mark_folded(folded_to, entry_id) -> bigint[] */
Datum
community_mark_folded(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	int64		mark = PG_GETARG_INT64(1);
	int64	   *marks;
	Datum	   *result;
	int			count;
	int			i;

	if (ARR_NDIM(array) > 1 || ARR_HASNULL(array) ||
		ARR_ELEMTYPE(array) != INT8OID)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("marks must be a plain array of ids")));
	count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	marks = palloc_array(int64, count + 1);
	memcpy(marks, ARR_DATA_PTR(array), count * sizeof(int64));
	count = points_set_mark(marks, count, mark);
	result = palloc_array(Datum, count);
	for (i = 0; i < count; i++)
		result[i] = Int64GetDatum(marks[i]);
	PG_RETURN_ARRAYTYPE_P(construct_array(result, count, INT8OID,
										  sizeof(int64), true,
										  TYPALIGN_DOUBLE));
}

/*
 * Folding needs snapshots that are taken after the horizon, whatever level
 * transactions have by default.  An error where it is too late to choose.
 */
void
points_pin_isolation(const char *what)
{
	if (!IsolationUsesXactSnapshot())
		return;
	if (FirstSnapshotSet || IsSubTransaction())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("%s() cannot run in a transaction with a snapshot of its own",
						what),
				 errhint("Call it outside of a transaction block, or at READ COMMITTED.")));
	(void) set_config_option("transaction_isolation", "read committed",
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL,
							 true, 0, false);
}

/* The first id of this node, less one. */
static int64
before_node(int64 id)
{
	return ((id >> POINTS_NODE_BITS) << POINTS_NODE_BITS) - 1;
}

/* Up to which id of this node has the program been gone through? */
int64
points_folding_mark(int64 program, int32 minimum)
{
	static CorePlan plan = {
		.sql = "SELECT coalesce(max(u), $2) FROM community.maintenance AS m,"
		" unnest(m.done_to) AS u WHERE m.program_id = $1"
		" AND m.name = 'fold_accounts ' || $4 AND u > $2"
		" AND u >> $3 = ($2 + 1) >> $3",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, INT4OID, INT4OID}
	};
	Datum		values[4];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(before_node(core_next_id()));
	values[2] = Int32GetDatum(POINTS_NODE_BITS);
	values[3] = Int32GetDatum(minimum);
	core_run(&plan, values, NULL, false);
	return core_int64(0, 1);
}

static void
write_mark(int64 program, int32 minimum, int64 mark)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.maintenance AS m (program_id, name, done_to)"
		" VALUES ($1, 'fold_accounts ' || $3, ARRAY[$2])"
		" ON CONFLICT (program_id, name)"
		" DO UPDATE SET done_to = community.mark_folded(m.done_to, $2),"
		" done_at = clock_timestamp()",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, INT4OID}
	};
	Datum		values[3];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(mark);
	values[2] = Int32GetDatum(minimum);
	core_run(&plan, values, NULL, false);
}

/* The credits of an account up to $4, the horizon, that "f" has not folded. */
#define UNFOLDED(member, currency) \
	"e.program_id = $1 AND e.member_id = " member \
	" AND e.currency_id = " currency " AND NOT e.posted" \
	" AND e.entry_id > coalesce(community.folded_from_start(f.folded_to), -1)" \
	" AND e.entry_id <= $4 AND (f.folded_to IS NULL" \
	"  OR NOT community.is_folded(e.entry_id, f.folded_to))"

/* Accounts whose tail is long, as arrays in their order. */
typedef struct Accounts
{
	int			count;
	Datum		members;
	Datum		currencies;
	Datum		first_ids;
} Accounts;

/*
 * Credits of the range are counted anew only where they do not tell by
 * themselves that the tail is long, or that it was folded a batch ago.
 */
static void
find_accounts(PointsFolding *folding, int64 horizon, Accounts *accounts)
{
	static CorePlan plan = {
		.sql = "SELECT count(*), count(*) FILTER (WHERE a.many),"
		" array_agg(a.member_id ORDER BY a.member_id, a.currency_id) FILTER (WHERE a.many),"
		" array_agg(a.currency_id ORDER BY a.member_id, a.currency_id) FILTER (WHERE a.many),"
		" array_agg(a.first_id ORDER BY a.member_id, a.currency_id) FILTER (WHERE a.many)"
		" FROM (SELECT n.member_id, n.currency_id, n.first_id,"
		"  CASE WHEN community.is_folded(n.last_id, f.folded_to) THEN false"
		"  WHEN n.fresh >= $5 AND community.is_folded(n.first_id, f.folded_to) IS NOT TRUE"
		"   THEN true"
		"  ELSE (SELECT count(*) FROM (SELECT FROM community.entry AS e WHERE "
		UNFOLDED("n.member_id", "n.currency_id") " LIMIT $5) AS t) >= $5"
		"  END AS many"
		"  FROM (SELECT e.member_id, e.currency_id, min(e.entry_id) AS first_id,"
		"   max(e.entry_id) AS last_id, count(*) AS fresh"
		"   FROM community.entry AS e WHERE e.program_id = $1"
		"   AND e.entry_id > $2 AND e.entry_id <= $3 AND NOT e.posted"
		"   GROUP BY e.member_id, e.currency_id) AS n"
		"  LEFT JOIN community.account_fold AS f ON f.program_id = $1"
		"  AND f.member_id = n.member_id AND f.currency_id = n.currency_id) AS a",
		.nargs = 5,
		.argtypes = {INT8OID, INT8OID, INT8OID, INT8OID, INT4OID}
	};
	Datum		values[5];
	bool		isnull;

	values[0] = Int64GetDatum(folding->program);
	values[1] = Int64GetDatum(folding->from);
	values[2] = Int64GetDatum(folding->to);
	values[3] = Int64GetDatum(horizon);
	values[4] = Int32GetDatum(folding->minimum);
	core_run(&plan, values, NULL, false);
	folding->seen += core_int64(0, 1);
	accounts->count = (int) core_int64(0, 2);
	accounts->members = core_field(0, 3, &isnull);
	accounts->currencies = core_field(0, 4, &isnull);
	accounts->first_ids = core_field(0, 5, &isnull);
}

/*
 * Make the rows that are missing, as whoever locks an account does.  Members
 * for whom others are at it are left out, so as not to wait for these.
 */
static void
open_accounts(int64 program, const Accounts *accounts)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.account_fold (program_id, member_id,"
		" currency_id, changed_at, closed)"
		" SELECT m.program_id, m.member_id, a.currency_id, clock_timestamp(),"
		" m.status = 'closed' FROM unnest($2, $3) AS a (member_id, currency_id)"
		" JOIN community.member AS m ON m.program_id = $1"
		"  AND m.member_id = a.member_id"
		" WHERE NOT EXISTS (SELECT FROM community.account_fold AS f"
		"  WHERE f.program_id = $1 AND f.member_id = a.member_id"
		"  AND f.currency_id = a.currency_id)"
		" ORDER BY a.member_id, a.currency_id FOR NO KEY UPDATE OF m SKIP LOCKED"
		" ON CONFLICT (program_id, member_id, currency_id) DO NOTHING",
		.nargs = 3,
		.argtypes = {INT8OID, INT8ARRAYOID, INT8ARRAYOID}
	};
	Datum		values[3];

	values[0] = Int64GetDatum(program);
	values[1] = accounts->members;
	values[2] = accounts->currencies;
	core_run(&plan, values, NULL, false);
}

/*
 * Lock those that nobody else has locked, and leave these in "accounts".
 * Gives the first id that had to be left out, or infinity.
 */
static int64
lock_free_accounts(int64 program, Accounts *accounts)
{
	static CorePlan plan = {
		.sql = "WITH locked AS MATERIALIZED ("
		" SELECT f.member_id, f.currency_id"
		" FROM unnest($2, $3) AS a (member_id, currency_id)"
		" JOIN community.account_fold AS f ON f.program_id = $1"
		"  AND f.member_id = a.member_id AND f.currency_id = a.currency_id"
		" ORDER BY f.member_id, f.currency_id"
		" FOR NO KEY UPDATE OF f SKIP LOCKED)"
		" SELECT count(*), array_agg(l.member_id), array_agg(l.currency_id),"
		" (SELECT min(a.first_id) FROM unnest($2, $3, $4)"
		"  AS a (member_id, currency_id, first_id)"
		"  WHERE NOT EXISTS (SELECT FROM locked AS o"
		"   WHERE o.member_id = a.member_id AND o.currency_id = a.currency_id))"
		" FROM locked AS l",
		.nargs = 4,
		.argtypes = {INT8OID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID}
	};
	Datum		values[4];
	Datum		left_out;
	bool		isnull;

	values[0] = Int64GetDatum(program);
	values[1] = accounts->members;
	values[2] = accounts->currencies;
	values[3] = accounts->first_ids;
	core_run(&plan, values, NULL, false);
	accounts->count = (int) core_int64(0, 1);
	accounts->members = core_field(0, 2, &isnull);
	accounts->currencies = core_field(0, 3, &isnull);
	left_out = core_field(0, 4, &isnull);
	return isnull ? PG_INT64_MAX : DatumGetInt64(left_out);
}

/* Fold accounts that are locked. */
static void
fold(int64 program, int64 horizon, const Accounts *accounts)
{
	static CorePlan plan = {
		.sql = "UPDATE community.account_fold AS g SET purse = s.purse,"
		" folded_to = community.mark_folded(g.folded_to, $4),"
		/* what a debit has found out may only become less */
		" deficit = CASE WHEN g.deficit > 0 THEN least(g.deficit,"
		"  (SELECT coalesce(-sum(l.points), 0) FROM community.lots(s.purse) AS l"
		"   WHERE l.points < 0)::bigint) ELSE 0 END"
		" FROM (SELECT f.member_id, f.currency_id, community.settle("
		"  f.purse OPERATOR(community.+) coalesce("
		"   (SELECT community.sum(e.delta) FROM community.entry AS e WHERE "
		UNFOLDED("f.member_id", "f.currency_id") "), '{}'), $5) AS purse"
		"  FROM unnest($2, $3) AS a (member_id, currency_id)"
		"  JOIN community.account_fold AS f ON f.program_id = $1"
		"   AND f.member_id = a.member_id AND f.currency_id = a.currency_id"
		"  OFFSET 0) AS s"
		" WHERE g.program_id = $1 AND g.member_id = s.member_id"
		" AND g.currency_id = s.currency_id",
		.nargs = 5,
		.argtypes = {INT8OID, INT8ARRAYOID, INT8ARRAYOID, INT8OID,
		TIMESTAMPTZOID}
	};
	Datum		values[5];

	values[0] = Int64GetDatum(program);
	values[1] = accounts->members;
	values[2] = accounts->currencies;
	values[3] = Int64GetDatum(horizon);
	values[4] = TimestampTzGetDatum(settling_time());
	core_run(&plan, values, NULL, false);
}

/*
 * Fold the accounts that have credits in a range of ids, up to the horizon,
 * which was told before this transaction's statements take their snapshots.
 * Gives the number of accounts folded.  Inside core_enter().
 */
int64
points_fold_range(PointsFolding *folding, int64 horizon)
{
	Accounts	accounts;
	int64		mark = folding->to;

	folding->seen = 0;
	find_accounts(folding, horizon, &accounts);
	if (accounts.count > 0)
	{
		int64		left_out;

		open_accounts(folding->program, &accounts);
		left_out = lock_free_accounts(folding->program, &accounts);
		folding->kept_back = Min(folding->kept_back, left_out - 1);
		if (accounts.count > 0)
			fold(folding->program, horizon, &accounts);
	}
	mark = Min(mark, folding->kept_back);
	write_mark(folding->program, folding->minimum, mark);
	folding->folded += accounts.count;
	return accounts.count;
}

/*
 * Note that holds have timed out, so that reading an account need not look
 * for them.  They ended when they ended, whenever this is done.  Gives the
 * number of holds, at most "batch_size"; fewer when none are left but those
 * of accounts that somebody else has locked.
 */
int64
points_time_out_holds(int64 program, TimestampTz as_of, int32 batch_size)
{
	static CorePlan plan = {
		.sql = "WITH ended AS MATERIALIZED ("
		" SELECT h.key, h.member_id, h.currency_id FROM community.hold AS h"
		" WHERE h.program_id = $1 AND h.resolved_at IS NULL"
		" AND h.expires_at <= $2), account AS MATERIALIZED ("
		" SELECT f.member_id, f.currency_id FROM community.account_fold AS f"
		" WHERE f.program_id = $1 AND (f.member_id, f.currency_id) IN"
		"  (SELECT d.member_id, d.currency_id FROM ended AS d)"
		" ORDER BY f.member_id, f.currency_id LIMIT $3"
		" FOR NO KEY UPDATE SKIP LOCKED)"
		" SELECT count(*), array_agg(a.member_id), array_agg(a.currency_id)"
		" FROM account AS a",
		.nargs = 3,
		.argtypes = {INT8OID, TIMESTAMPTZOID, INT4OID}
	};

	/* by now nobody else can end them */
	static CorePlan end = {
		.sql = "WITH ended AS ("
		" UPDATE community.hold AS h SET resolved_at = h.expires_at"
		" FROM unnest($3, $4) AS a (member_id, currency_id)"
		" WHERE h.program_id = $1 AND h.member_id = a.member_id"
		" AND h.currency_id = a.currency_id AND h.resolved_at IS NULL"
		" AND h.expires_at <= $2 RETURNING h.member_id, h.currency_id"
		"), counted AS (UPDATE community.account_fold AS f"
		" SET open_holds = f.open_holds - d.holds"
		" FROM (SELECT n.member_id, n.currency_id, count(*)::integer AS holds"
		"  FROM ended AS n GROUP BY n.member_id, n.currency_id) AS d"
		" WHERE f.program_id = $1 AND f.member_id = d.member_id"
		" AND f.currency_id = d.currency_id)"
		" SELECT count(*) FROM ended",
		.nargs = 4,
		.argtypes = {INT8OID, TIMESTAMPTZOID, INT8ARRAYOID, INT8ARRAYOID}
	};
	Datum		values[4];
	bool		isnull;

	/* a hold of the future is in force, whatever is asked for */
	as_of = Min(as_of, GetCurrentTimestamp());
	values[0] = Int64GetDatum(program);
	values[1] = TimestampTzGetDatum(as_of);
	values[2] = Int32GetDatum(batch_size);
	core_run(&plan, values, NULL, false);
	if (core_int64(0, 1) == 0)
		return 0;
	values[2] = core_field(0, 2, &isnull);
	values[3] = core_field(0, 3, &isnull);
	core_run(&end, values, NULL, false);
	return core_int64(0, 1);
}

/*
 * Derive all accounts of a program from the entries and holds, folded as far
 * as they were; gives the number that were wrong.  This works at any isolation
 * level, as no mark moves.
 */
int64
points_rebuild_accounts(int64 program)
{
	static CorePlan open = {
		.sql = "INSERT INTO community.account_fold (program_id, member_id,"
		" currency_id, changed_at, closed)"
		" SELECT m.program_id, m.member_id, s.currency_id, clock_timestamp(),"
		" m.status = 'closed' FROM (SELECT DISTINCT e.member_id, e.currency_id"
		"  FROM community.entry AS e WHERE e.program_id = $1 AND e.posted) AS s"
		" JOIN community.member AS m ON m.program_id = $1"
		"  AND m.member_id = s.member_id"
		" WHERE NOT EXISTS (SELECT FROM community.account_fold AS f"
		"  WHERE f.program_id = $1 AND f.member_id = s.member_id"
		"  AND f.currency_id = s.currency_id)"
		" ORDER BY s.member_id, s.currency_id FOR SHARE OF m"
		" ON CONFLICT (program_id, member_id, currency_id) DO NOTHING",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	static CorePlan lock = {
		.sql = "SELECT count(*) FROM (SELECT FROM community.account_fold AS f"
		" WHERE f.program_id = $1 ORDER BY f.member_id, f.currency_id"
		" FOR NO KEY UPDATE) AS l",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	static CorePlan rebuild = {
		.sql = "UPDATE community.account_fold AS g SET purse = s.purse,"
		" deficit = s.deficit, open_holds = s.open_holds, closed = s.closed,"
		" changed_at = s.changed_at"
		" FROM (SELECT f.member_id, f.currency_id,"
		"  community.settle(coalesce(n.folded, '{}'), $2) AS purse,"
		"  (SELECT coalesce(-sum(l.points), 0) FROM community.lots("
		"   community.settle(coalesce(n.whole, '{}'), clock_timestamp())) AS l"
		"   WHERE l.points < 0)::bigint AS deficit,"
		"  coalesce(o.holds, 0)::integer AS open_holds,"
		"  m.status = 'closed' AS closed,"
		"  greatest(f.changed_at, n.changed_at) AS changed_at"
		"  FROM community.account_fold AS f"
		"  JOIN community.member AS m ON m.program_id = f.program_id"
		"   AND m.member_id = f.member_id"
		"  LEFT JOIN (SELECT e.member_id, e.currency_id,"
		"    community.sum(e.delta) AS whole,"
		"    community.sum(e.delta) FILTER (WHERE e.posted"
		"     OR community.is_folded(e.entry_id, k.folded_to)) AS folded,"
		"    max(e.recorded_at) FILTER (WHERE e.posted) AS changed_at"
		"   FROM community.entry AS e JOIN community.account_fold AS k"
		"    ON k.program_id = e.program_id AND k.member_id = e.member_id"
		"    AND k.currency_id = e.currency_id"
		"   WHERE e.program_id = $1 GROUP BY e.member_id, e.currency_id) AS n"
		"   ON n.member_id = f.member_id AND n.currency_id = f.currency_id"
		"  LEFT JOIN (SELECT h.member_id, h.currency_id, count(*) AS holds"
		"   FROM community.hold AS h WHERE h.program_id = $1"
		"   AND h.resolved_at IS NULL GROUP BY h.member_id, h.currency_id) AS o"
		"   ON o.member_id = f.member_id AND o.currency_id = f.currency_id"
		"  WHERE f.program_id = $1) AS s"
		" WHERE g.program_id = $1 AND g.member_id = s.member_id"
		" AND g.currency_id = s.currency_id AND ("
		"  community.settle(g.purse, $3) OPERATOR(community.<>) community.settle(s.purse, $3)"
		"  OR g.deficit <> s.deficit OR g.open_holds <> s.open_holds"
		"  OR g.closed <> s.closed OR g.changed_at < s.changed_at)",
		.nargs = 3,
		.argtypes = {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID}
	};
	Datum		values[3];

	(void) core_program_name(program);
	values[0] = Int64GetDatum(program);
	values[1] = TimestampTzGetDatum(settling_time());
	values[2] = TimestampTzGetDatum(GetCurrentTimestamp());
	core_run(&open, values, NULL, false);
	core_run(&lock, values, NULL, false);
	core_run(&rebuild, values, NULL, false);
	return (int64) SPI_processed;
}
