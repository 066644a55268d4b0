/*-------------------------------------------------------------------------
 *
 * budget.c
 *	  Budgets of a whole program, spent by many at once.
 *
 * The limit of a period is spread over rows, its shards.  Who spends takes
 * from one that nobody has locked, its own first, and holds its lock until the
 * transaction ends.  Nobody waits while such a shard has enough.
 *
 * Near the end points lie in small parts and behind locks of transactions that
 * may yet roll back.  Who then has to wait first lets go of what it has locked
 * for this claim, in a subtransaction that is rolled back, and waits in
 * ascending order; a shard that is lost while we lock it is let go as well.
 * So transactions that claim once do not deadlock over shards; of two that
 * each hold points which the other waits for, as both have claimed before, the
 * server ends one (40P01).  Above READ COMMITTED a shard that has changed
 * since the snapshot fails the transaction (40001).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "period/period.h"
#include "points/budget.h"

PG_FUNCTION_INFO_V1(community_claim_budget);
PG_FUNCTION_INFO_V1(community_return_budget);
PG_FUNCTION_INFO_V1(community_change_budget);

/* A row of budget, kept for the session until one changes. */
typedef struct Budget
{
	int64		program;
	int64		id;
	char	   *name;
	Period		period;
	pg_tz	   *zone;
	int32		shards;
	TimestampTz valid_from;
	TimestampTz valid_to;
	bool		with_from;		/* are these themselves in the range? */
	bool		with_to;
} Budget;

/* What moves, in one period: positive from available to spent. */
typedef struct Move
{
	const Budget *budget;
	TimestampTz period_start;
	int64		points;
} Move;

static MemoryContext kept_context = NULL;
static Budget *kept = NULL;
static int	nkept = 0;
static uint64 kept_generation = 0;
static uint64 kept_zones = 0;

static void
read_budget(int row, Budget *budget)
{
	bool		isnull;

	budget->program = core_int64(row, 1);
	budget->id = core_int64(row, 2);
	budget->name = MemoryContextStrdup(kept_context, core_text(row, 3));
	budget->period = *DatumGetPeriodP(core_field(row, 4, &isnull));
	budget->zone = period_zone(core_text(row, 5));
	budget->shards = (int32) core_int64(row, 6);
	budget->valid_from = DatumGetTimestampTz(core_field(row, 7, &isnull));
	budget->valid_to = DatumGetTimestampTz(core_field(row, 8, &isnull));
	budget->with_from = core_bool(row, 9);
	budget->with_to = core_bool(row, 10);
}

/* Read them all again if anything has changed. */
static void
refresh_budgets(void)
{
	static CoreWatch budgets = {.name = "budget"};
	static CoreWatch programs = {.name = "program"};
	static CorePlan plan = {
		.sql = "SELECT b.program_id, b.budget_id, b.name, b.period,"
		" p.time_zone, b.shards,"
		" CASE WHEN isempty(b.valid) THEN 'infinity'"
		"  ELSE coalesce(lower(b.valid), '-infinity') END,"
		" coalesce(upper(b.valid), 'infinity'),"
		" lower_inc(b.valid) OR lower_inf(b.valid),"
		" upper_inc(b.valid) OR upper_inf(b.valid)"
		" FROM community.budget AS b"
		" JOIN community.program AS p ON p.program_id = b.program_id"
	};
	uint64		generation = core_watch(&budgets);
	uint64		zones = core_watch(&programs);
	uint64		i;

	if (kept != NULL && generation != 0 && generation == kept_generation &&
		zones != 0 && zones == kept_zones)
		return;
	kept = NULL;
	if (kept_context == NULL)
		kept_context = AllocSetContextCreate(TopMemoryContext,
											 "community budgets",
											 ALLOCSET_SMALL_SIZES);
	MemoryContextReset(kept_context);
	core_run_latest(&plan, NULL);
	nkept = SPI_processed;
	kept = MemoryContextAllocZero(kept_context,
								  (nkept + 1) * sizeof(Budget));
	for (i = 0; i < SPI_processed; i++)
		read_budget(i, &kept[i]);
	kept_generation = generation;
	kept_zones = zones;
}

/*
 * The budget, copied, as what is kept may be read anew while we are at work;
 * or an error.
 */
static Budget *
find_budget(int64 program, int64 id)
{
	int			i;

	refresh_budgets();
	for (i = 0; i < nkept; i++)
		if (kept[i].program == program && kept[i].id == id)
		{
			Budget	   *copy = palloc_object(Budget);

			*copy = kept[i];
			copy->name = pstrdup(copy->name);
			return copy;
		}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("budget %lld of program \"%s\" does not exist",
					(long long) id, core_program_name(program)),
			 errhint("Budgets are the rows of community.budget.")));
	return NULL;				/* keep compiler quiet */
}

static bool
is_valid(const Budget *budget, TimestampTz at)
{
	return (at > budget->valid_from ||
			(at == budget->valid_from && budget->with_from)) &&
		(at < budget->valid_to || (at == budget->valid_to && budget->with_to));
}

static TimestampTz
period_start_of(const Budget *budget, TimestampTz at)
{
	TimestampTz from;
	TimestampTz to;

	period_bounds(&budget->period, at, false, 0, budget->zone, &from, &to);
	return from;
}

/* The shard that this session tries first. */
static int32
own_shard(const Budget *budget)
{
	return (int32) ((uint32) MyProcPid % (uint32) budget->shards);
}

/* How many points, whichever way they move. */
static int64
wanted_points(const Move *move)
{
	return move->points < 0 ? -move->points : move->points;
}

static void
set_keys(Datum *values, const Move *move)
{
	values[0] = Int64GetDatum(move->budget->program);
	values[1] = Int64GetDatum(move->budget->id);
	values[2] = TimestampTzGetDatum(move->period_start);
}

/*
 * Move the points within the first shard from there to there that nobody has
 * locked and that has enough; false when there is none.
 */
static bool
move_in_one(const Move *move, int32 from, int32 to)
{
	static CorePlan plan = {
		.sql = "UPDATE community.budget_shard"
		" SET available = available - $6, spent = spent + $6"
		" WHERE program_id = $1 AND budget_id = $2 AND period_start = $3"
		" AND shard = (SELECT s.shard FROM community.budget_shard AS s"
		"  WHERE s.program_id = $1 AND s.budget_id = $2"
		"  AND s.period_start = $3 AND s.shard >= $4 AND s.shard <= $5"
		"  AND CASE WHEN $6 > 0 THEN s.available >= $6"
		"   ELSE s.spent >= -$6 END"
		"  ORDER BY s.shard LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)",
		.nargs = 6,
		.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID, INT4OID, INT4OID,
		INT8OID}
	};
	Datum		values[6];

	set_keys(values, move);
	values[3] = Int32GetDatum(from);
	values[4] = Int32GetDatum(to);
	values[5] = Int64GetDatum(move->points);
	core_run(&plan, values, NULL, false);
	return SPI_processed == 1;
}

/*
 * Lock the first shard from there on that has anything to move; false when
 * there is none.
 */
static bool
lock_shard(const Move *move, int32 from, bool wait, int32 *shard,
		   int64 *points)
{
#define SHARD_FROM \
	"SELECT shard, CASE WHEN $5 > 0 THEN available ELSE spent END" \
	" FROM community.budget_shard WHERE program_id = $1" \
	" AND budget_id = $2 AND period_start = $3 AND shard >= $4" \
	" AND CASE WHEN $5 > 0 THEN available ELSE spent END > 0" \
	" ORDER BY shard LIMIT 1 FOR NO KEY UPDATE"
	static CorePlan waiting = {
		.sql = SHARD_FROM,
		.nargs = 5,
		.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID, INT4OID, INT8OID}
	};
	static CorePlan skipping = {
		.sql = SHARD_FROM " SKIP LOCKED",
		.nargs = 5,
		.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID, INT4OID, INT8OID}
	};
	Datum		values[5];

	set_keys(values, move);
	values[3] = Int32GetDatum(from);
	values[4] = Int64GetDatum(move->points);
	core_run(wait ? &waiting : &skipping, values, NULL, false);
	if (SPI_processed == 0)
		return false;
	*shard = (int32) core_int64(0, 1);
	*points = core_int64(0, 2);
	return true;
}

/*
 * Move as many of the points as can be had from shards in ascending order,
 * and say how many.
 */
static int64
move_in_many(const Move *move, int32 from, bool wait)
{
	int64		wanted = wanted_points(move);
	int64		moved = 0;
	int32		shard;
	int64		points;

	while (moved < wanted && lock_shard(move, from, wait, &shard, &points))
	{
		Move		part = *move;

		CHECK_FOR_INTERRUPTS();
		points = Min(points, wanted - moved);
		part.points = move->points > 0 ? points : -points;
		/* nobody can have taken any since it is locked */
		if (!move_in_one(&part, shard, shard))
			elog(ERROR, "shard %d of budget \"%s\" has changed", shard,
				 move->budget->name);
		moved += points;
		from = shard + 1;
	}
	return moved;
}

/* What is tried in a subtransaction: where to begin, and whether to wait. */
typedef struct Attempt
{
	const Move *move;
	int32		from;
	bool		wait;
} Attempt;

/* Move the points within one shard that is free, around from there. */
static bool
move_in_free(void *arg)
{
	Attempt    *attempt = arg;

	return move_in_one(attempt->move, attempt->from, PG_INT32_MAX) ||
		move_in_one(attempt->move, 0, attempt->from - 1);
}

/* Move all of the points, or fail. */
static bool
move_all_in_many(void *arg)
{
	Attempt    *attempt = arg;

	return move_in_many(attempt->move, attempt->from, attempt->wait) ==
		wanted_points(attempt->move);
}

/*
 * Move the points within one shard, and keep no lock of another: the server
 * locks a shard before it sees that somebody else has just emptied it.
 *
 * After the first time in a transaction others may have to wait for us in any
 * order, so the subtransaction would gain nothing, and a load of many events
 * would become as many of them.
 */
static bool
try_in_one(const Move *move, int32 from)
{
	static FullTransactionId moved_in = {0};
	Attempt		attempt = {.move = move,.from = from};

	if (FullTransactionIdIsValid(moved_in) &&
		FullTransactionIdEquals(moved_in, GetTopFullTransactionIdIfAny()))
		return move_in_free(&attempt);
	if (!core_try(move_in_free, &attempt))
		return false;
	moved_in = GetTopFullTransactionId();
	return true;
}

/* Move the points, all or nothing: otherwise no lock is kept. */
static bool
try_in_many(const Move *move, int32 from, bool wait)
{
	Attempt		attempt = {.move = move,.from = from,.wait = wait};

	return core_try(move_all_in_many, &attempt);
}

/* Has the period been opened, and is there anything to move in it? */
static bool
look(const Move *move, bool *anything)
{
	static CorePlan plan = {
		.sql = "SELECT count(*) > 0,"
		" bool_or(CASE WHEN $4 > 0 THEN available ELSE spent END > 0)"
		" FROM community.budget_shard WHERE program_id = $1"
		" AND budget_id = $2 AND period_start = $3",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID, INT8OID}
	};
	Datum		values[4];

	set_keys(values, move);
	values[3] = Int64GetDatum(move->points);
	core_run(&plan, values, NULL, false);
	*anything = core_bool(0, 2);
	return core_bool(0, 1);
}

/*
 * Make the shards of a period.  The lock of the budget lets one do it; where
 * its rows cannot be seen, above READ COMMITTED, the conflict is an error.
 */
static void
open_period(const Move *move)
{
	static CorePlan lock = {
		.sql = "SELECT points, shards FROM community.budget"
		" WHERE program_id = $1 AND budget_id = $2 FOR NO KEY UPDATE",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	static CorePlan insert = {
		.sql = "INSERT INTO community.budget_shard (program_id, budget_id,"
		" period_start, shard, available)"
		" SELECT $1, $2, $3, i, $4 / $5 + (i < $4 % $5)::integer"
		" FROM generate_series(0, $5 - 1) AS i"
		" WHERE NOT EXISTS (SELECT FROM community.budget_shard"
		"  WHERE program_id = $1 AND budget_id = $2 AND period_start = $3)"
		" ON CONFLICT (program_id, budget_id, period_start, shard) DO NOTHING",
		.nargs = 5,
		.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID, INT8OID, INT4OID}
	};
	Datum		values[5];

	set_keys(values, move);
	core_run(&lock, values, NULL, false);
	if (SPI_processed != 1)
		elog(ERROR, "budget \"%s\" is gone", move->budget->name);
	values[3] = Int64GetDatum(core_int64(0, 1));
	values[4] = Int32GetDatum((int32) core_int64(0, 2));
	core_run(&insert, values, NULL, false);
}

/* Move the points, or as many as there are, and say how many. */
static int64
move_points(const Move *move)
{
	int64		wanted = wanted_points(move);
	int32		own = own_shard(move->budget);
	bool		anything;

	for (;;)
	{
		if (try_in_one(move, own))
			return wanted;
		if (look(move, &anything))
			break;
		if (move->points < 0)
			return 0;
		open_period(move);
	}
	if (!anything)
		return 0;
	if (try_in_many(move, 0, false) || try_in_many(move, own, true))
		return wanted;
	return move_in_many(move, 0, true);
}

int64
points_claim_budget(int64 program, int64 budget_id, TimestampTz at,
					int64 wanted)
{
	Budget	   *budget = find_budget(program, budget_id);
	Move		move = {.budget = budget,.points = wanted};

	Assert(wanted > 0);
	if (!is_valid(budget, at))
		return 0;
	move.period_start = period_start_of(budget, at);
	return move_points(&move);
}

/* See budget.h. */
int64
points_look_at_budget(int64 program, int64 budget_id, TimestampTz at,
					  int64 wanted)
{
	static CorePlan plan = {
		.sql = "SELECT least($4, greatest(coalesce((SELECT sum(s.available)"
		"  FROM community.budget_shard AS s WHERE s.program_id = $1"
		"  AND s.budget_id = $2 AND s.period_start = $3), b.points), 0))::bigint"
		" FROM community.budget AS b WHERE b.program_id = $1"
		" AND b.budget_id = $2",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID, INT8OID}
	};
	Budget	   *budget = find_budget(program, budget_id);
	Move		move = {.budget = budget,.points = wanted};
	Datum		values[4];

	if (!is_valid(budget, at))
		return 0;
	move.period_start = period_start_of(budget, at);
	set_keys(values, &move);
	values[3] = Int64GetDatum(wanted);
	core_run(&plan, values, NULL, true);
	return core_int64(0, 1);
}

char *
points_budget_name(int64 program, int64 budget_id)
{
	return find_budget(program, budget_id)->name;
}

void
points_return_budget(int64 program, int64 budget_id, TimestampTz at,
					 int64 points)
{
	Budget	   *budget = find_budget(program, budget_id);
	Move		move = {.budget = budget,.points = -points};
	int64		returned;

	Assert(points > 0);
	move.period_start = period_start_of(budget, at);
	returned = move_points(&move);
	if (returned < points)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot return %lld points to budget \"%s\": %lld are spent in that period",
						(long long) points, budget->name,
						(long long) returned)));
}

static int64
points_argument(int64 points, const char *function)
{
	if (points <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("points of %s() must be positive, not %lld", function,
						(long long) points)));
	return points;
}

/* claim_budget(budget, points, at, program) -> bigint */
Datum
community_claim_budget(PG_FUNCTION_ARGS)
{
	int64		points = points_argument(PG_GETARG_INT64(1), "claim_budget");
	CoreScope	scope;
	int64		granted;

	core_enter(&scope);
	granted = points_claim_budget(PG_GETARG_INT64(3), PG_GETARG_INT64(0),
								  PG_GETARG_TIMESTAMPTZ(2), points);
	core_leave(&scope);
	PG_RETURN_INT64(granted);
}

/* return_budget(budget, points, at, program) */
Datum
community_return_budget(PG_FUNCTION_ARGS)
{
	int64		points = points_argument(PG_GETARG_INT64(1), "return_budget");
	CoreScope	scope;

	core_enter(&scope);
	points_return_budget(PG_GETARG_INT64(3), PG_GETARG_INT64(0),
						 PG_GETARG_TIMESTAMPTZ(2), points);
	core_leave(&scope);
	PG_RETURN_VOID();
}

/* Lock the shards of the periods from there on, as all who wait do. */
static void
lock_periods(const Move *from)
{
	static CorePlan plan = {
		.sql = "SELECT FROM community.budget_shard WHERE program_id = $1"
		" AND budget_id = $2 AND period_start >= $3"
		" ORDER BY period_start, shard FOR NO KEY UPDATE",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID}
	};
	Datum		values[3];

	set_keys(values, from);
	core_run(&plan, values, NULL, false);
}

/* No period may have spent more than the limit that it is to have. */
static void
check_spent(const Move *from)
{
	static CorePlan plan = {
		.sql = "SELECT period_start, sum(spent)::bigint"
		" FROM community.budget_shard WHERE program_id = $1"
		" AND budget_id = $2 AND period_start >= $3"
		" GROUP BY period_start HAVING sum(spent) > $4"
		" ORDER BY period_start LIMIT 1",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID, INT8OID}
	};
	Datum		values[4];
	Datum		begin;
	bool		isnull;

	set_keys(values, from);
	values[3] = Int64GetDatum(from->points);
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		return;
	begin = DirectFunctionCall1(timestamptz_out, core_field(0, 1, &isnull));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("cannot lower budget \"%s\" to %lld points: %lld are spent",
					from->budget->name, (long long) from->points,
					(long long) core_int64(0, 2)),
			 errdetail("The period begins at %s.", DatumGetCString(begin)),
			 errhint("To end a budget now, end its range \"valid\".")));
}

/* What the limit leaves beyond what is spent is spread evenly. */
static void
spread(const Move *from)
{
	static CorePlan plan = {
		.sql = "UPDATE community.budget_shard AS s SET available ="
		" n.remaining / n.shards + (n.place <= n.remaining % n.shards)::integer"
		" FROM (SELECT period_start, shard,"
		"  $4 - (sum(spent) OVER p)::bigint AS remaining,"
		"  count(*) OVER p AS shards,"
		"  row_number() OVER (PARTITION BY period_start ORDER BY shard) AS place"
		"  FROM community.budget_shard WHERE program_id = $1"
		"  AND budget_id = $2 AND period_start >= $3"
		"  WINDOW p AS (PARTITION BY period_start)) AS n"
		" WHERE s.program_id = $1 AND s.budget_id = $2"
		" AND s.period_start = n.period_start AND s.shard = n.shard",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID, INT8OID}
	};
	Datum		values[4];

	set_keys(values, from);
	values[3] = Int64GetDatum(from->points);
	core_run(&plan, values, NULL, false);
}

static void
set_limit(const Move *from)
{
	static CorePlan plan = {
		.sql = "UPDATE community.budget SET points = $3"
		" WHERE program_id = $1 AND budget_id = $2",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, INT8OID}
	};
	Datum		values[3];

	set_keys(values, from);
	values[2] = Int64GetDatum(from->points);
	core_run(&plan, values, NULL, false);
}

/* change_budget(budget, points, at, program) */
Datum
community_change_budget(PG_FUNCTION_ARGS)
{
	int64		points = PG_GETARG_INT64(1);
	Move		from = {.points = points};
	CoreScope	scope;

	if (points < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("limit of a budget must not be negative, not %lld",
						(long long) points)));
	core_enter(&scope);
	from.budget = find_budget(PG_GETARG_INT64(3), PG_GETARG_INT64(0));
	from.period_start = period_start_of(from.budget,
										PG_GETARG_TIMESTAMPTZ(2));
	/* first, as its lock keeps periods from being opened meanwhile */
	set_limit(&from);
	lock_periods(&from);
	check_spent(&from);
	spread(&from);
	core_leave(&scope);
	PG_RETURN_VOID();
}
