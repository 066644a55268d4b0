/*-------------------------------------------------------------------------
 *
 * balance.c
 *	  What an account has, now or on another day, as known then or now.
 *
 * Now is the fold and the credits behind its mark.  Another day is the sum of
 * the entries that were effective by then and recorded by the time of
 * knowing.  Either is a purse, and the purse is asked about the time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "points/ledger.h"
#include "points/marks_algo.h"

PG_FUNCTION_INFO_V1(community_balance);
PG_FUNCTION_INFO_V1(community_is_folded);
PG_FUNCTION_INFO_V1(community_folded_from_start);

#define BALANCE_COLUMNS	6

static int64 *
marks_of(ArrayType *array, int *count)
{
	if (ARR_NDIM(array) > 1 || ARR_HASNULL(array) ||
		ARR_ELEMTYPE(array) != INT8OID)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("marks must be a plain array of ids")));
	*count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	return (int64 *) ARR_DATA_PTR(array);
}

/* is_folded(id, folded_to) -> boolean */
Datum
community_is_folded(PG_FUNCTION_ARGS)
{
	int			count;
	int64	   *marks = marks_of(PG_GETARG_ARRAYTYPE_P(1), &count);

	PG_RETURN_BOOL(points_is_folded(marks, count, PG_GETARG_INT64(0)));
}

/* folded_from_start(folded_to) -> bigint: all ids up to it are folded */
Datum
community_folded_from_start(PG_FUNCTION_ARGS)
{
	int			count;
	int64	   *marks = marks_of(PG_GETARG_ARRAYTYPE_P(0), &count);
	PointsIdRange *ranges = palloc_array(PointsIdRange, count + 1);

	(void) points_unfolded_ranges(marks, count, ranges);
	PG_RETURN_INT64(ranges[0].from);
}

/* What a balance is made of. */
typedef struct Holdings
{
	Purse	   *purse;
	Purse	   *held;
} Holdings;

static void
read_holdings(CorePlan *plan, Datum *values, Holdings *holdings)
{
	bool		isnull;

	core_run(plan, values, NULL, true);
	holdings->purse = DatumGetPurseP(core_field(0, 1, &isnull));
	holdings->held = DatumGetPurseP(core_field(0, 2, &isnull));
}

static void
holdings_now(const PointsCurrency *currency, int64 member, TimestampTz as_of,
			 Holdings *holdings)
{
	static CorePlan plan = {
		.sql = "SELECT coalesce(f.purse, '{}') OPERATOR(community.+) coalesce("
		"  (SELECT community.sum(e.delta) FROM community.entry AS e"
		"   WHERE e.program_id = $1 AND e.member_id = $2 AND e.currency_id = $3"
		"   AND e.entry_id > coalesce(community.folded_from_start(f.folded_to), -1)"
		"   AND NOT e.posted AND (f.folded_to IS NULL"
		"    OR NOT community.is_folded(e.entry_id, f.folded_to))), '{}'),"
		" CASE WHEN f.open_holds > 0 THEN coalesce("
		"  (SELECT community.sum(h.taken) FROM community.hold AS h"
		"   WHERE h.program_id = $1 AND h.member_id = $2 AND h.currency_id = $3"
		"   AND h.resolved_at IS NULL AND h.expires_at > $4), '{}')"
		"  ELSE '{}' END"
		" FROM (SELECT) AS one LEFT JOIN community.account_fold AS f"
		" ON f.program_id = $1 AND f.member_id = $2 AND f.currency_id = $3",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID}
	};
	Datum		values[4];

	values[0] = Int64GetDatum(currency->program);
	values[1] = Int64GetDatum(member);
	values[2] = Int64GetDatum(currency->id);
	values[3] = TimestampTzGetDatum(as_of);
	read_holdings(&plan, values, holdings);
}

static void
holdings_then(const PointsCurrency *currency, int64 member, TimestampTz as_of,
			  TimestampTz known_at, Holdings *holdings)
{
	static CorePlan plan = {
		.sql = "SELECT coalesce((SELECT community.sum(e.delta)"
		"   FROM community.entry AS e WHERE e.program_id = $1"
		"   AND e.member_id = $2 AND e.currency_id = $3"
		"   AND e.effective_at <= $4 AND e.recorded_at <= $5), '{}'),"
		" coalesce((SELECT community.sum(h.taken)"
		"   FROM community.hold AS h WHERE h.program_id = $1"
		"   AND h.member_id = $2 AND h.currency_id = $3"
		"   AND h.held_at <= least($4, $5) AND h.expires_at > $4"
		"   AND (h.resolved_at IS NULL OR h.resolved_at > least($4, $5))), '{}')",
		.nargs = 5,
		.argtypes = {INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID}
	};
	Datum		values[5];

	values[0] = Int64GetDatum(currency->program);
	values[1] = Int64GetDatum(member);
	values[2] = Int64GetDatum(currency->id);
	values[3] = TimestampTzGetDatum(as_of);
	values[4] = TimestampTzGetDatum(known_at);
	read_holdings(&plan, values, holdings);
}

/* The next time at which points expire, and how many. */
static void
find_next_expiry(const Purse *free, TimestampTz as_of, TimestampTz *next,
				 int64 *points)
{
	int			i;

	*next = DT_NOEND;
	*points = 0;
	for (i = 0; i < purse_count(free); i++)
	{
		const PurseLot *lot = &purse_lots(free)[i];

		if (lot->points <= 0 || lot->expires_at <= as_of ||
			lot->expires_at > *next || lot->expires_at == DT_NOEND)
			continue;
		if (lot->expires_at < *next)
			*points = 0;
		*next = lot->expires_at;
		*points += lot->points;
	}
}

/*
 * Now, without SQL, after points_enter(): row and tail with the snapshot of
 * the query, so that they fit together.  False when there are holds, or a
 * table is not as installed.
 */
static bool
try_holdings_now(const PointsCurrency *currency, int64 member,
				 Holdings *holdings)
{
	Snapshot	snapshot = GetActiveSnapshot();
	PointsAccount account = {0};
	PointsCredits credits = {{0}};
	PointsIdRange *ranges;
	int			nranges;
	int			i;

	if (!points_fetch_account(currency, member, snapshot, &account))
		account.stored = purse_zero();
	if (account.open_holds > 0)
		return false;
	ranges = palloc_array(PointsIdRange, account.nmarks + 1);
	nranges = points_unfolded_ranges(account.marks, account.nmarks, ranges);
	purse_sum_begin(&credits.sum, CurrentMemoryContext);
	for (i = 0; i < nranges; i++)
		if (!points_add_credits(currency, member, snapshot, ranges[i].from,
								ranges[i].to, &credits))
			return false;
	holdings->purse = purse_add(account.stored,
								purse_sum_finish(&credits.sum));
	holdings->held = purse_zero();
	return true;
}

/* Read what the balance is made of, with SQL where that is needed. */
static void
read_balance(CoreScope *scope, const PointsCurrency *currency, int64 member,
			 TimestampTz as_of, TimestampTz known_at, Holdings *holdings)
{
	bool		is_now = as_of >= GetCurrentTransactionStartTimestamp() &&
	known_at >= GetCurrentTransactionStartTimestamp();

	if (is_now && !scope->connected &&
		try_holdings_now(currency, member, holdings))
		return;
	core_connect(scope);
	if (is_now)
		holdings_now(currency, member, as_of, holdings);
	else
		holdings_then(currency, member, as_of, known_at, holdings);
}

/* balance(member, currency, as_of, known_at, program) -> balance */
Datum
community_balance(PG_FUNCTION_ARGS)
{
	int64		member = PG_GETARG_INT64(0);
	TimestampTz as_of = PG_GETARG_TIMESTAMPTZ(2);
	TimestampTz known_at = PG_GETARG_TIMESTAMPTZ(3);
	int64		program = PG_GETARG_INT64(4);
	const PointsCurrency *currency;
	CoreScope	scope;
	Holdings	holdings;
	Purse	   *free;
	int64		available;
	TimestampTz next;
	int64		expiring;
	Datum		values[BALANCE_COLUMNS];
	bool		nulls[BALANCE_COLUMNS] = {false};

	currency = points_enter(&scope, program, PG_GETARG_TEXT_PP(1), false);
	read_balance(&scope, currency, member, as_of, known_at, &holdings);
	free = purse_settle(purse_subtract(holdings.purse, holdings.held), as_of);
	available = purse_available(free, as_of);
	find_next_expiry(free, as_of, &next, &expiring);
	values[0] = Int64GetDatum(Max(available, 0));
	values[1] = Int64GetDatum(purse_pending(free, as_of));
	values[2] = Int64GetDatum(purse_total(holdings.held));
	values[3] = Int64GetDatum(Max(-available, 0));
	values[4] = TimestampTzGetDatum(next);
	values[5] = Int64GetDatum(expiring);
	nulls[4] = next == DT_NOEND;
	return points_leave_with_row(fcinfo, &scope, values, nulls);
}
