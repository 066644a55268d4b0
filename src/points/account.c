/*-------------------------------------------------------------------------
 *
 * account.c
 *	  The account of a member in a currency, locked.
 *
 * An account is its row in account_fold plus the credits that are not folded
 * into it yet.  Credits never come here: they are appended and done.  All that
 * takes points away locks the row, adds up the tail behind its mark, appends
 * its entry and writes the row.  Writing it is what makes a transaction with
 * an older snapshot fail (40001) instead of spending twice.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "core/table.h"
#include "core/tenant.h"
#include "points/ledger.h"
#include "points/marks_algo.h"

/* A tail of so many credits is folded by the next that locks the account. */
#define LONG_TAIL		32

/* columns of account_fold */
enum
{
	ACCOUNT_PROGRAM, ACCOUNT_MEMBER, ACCOUNT_CURRENCY, ACCOUNT_CHANGED_AT,
	ACCOUNT_DEFICIT, ACCOUNT_OPEN_HOLDS, ACCOUNT_CLOSED, ACCOUNT_FOLDED_TO,
	ACCOUNT_PURSE, ACCOUNT_COLUMNS
};

static const char *const account_columns[ACCOUNT_COLUMNS] = {
	"program_id", "member_id", "currency_id", "changed_at", "deficit",
	"open_holds", "closed", "folded_to", "purse"
};

#define ACCOUNT_KEYS \
	{ACCOUNT_PROGRAM + 1, ACCOUNT_MEMBER + 1, ACCOUNT_CURRENCY + 1}

static CoreTable account_table = {
	.name = "account_fold",
	.index = "account_fold_pkey",
	.use = CORE_TABLE_READ,
	.ncolumns = ACCOUNT_COLUMNS,
	.columns = account_columns,
	.nkeys = 3,
	.keys = ACCOUNT_KEYS
};

static CoreTable account_to_write = {
	.name = "account_fold",
	.index = "account_fold_pkey",
	.use = CORE_TABLE_UPDATE,
	.ncolumns = ACCOUNT_COLUMNS,
	.columns = account_columns,
	.nkeys = 3,
	.keys = ACCOUNT_KEYS
};

/*
 * Can accounts be read without SQL, or written, which takes a look at their
 * members too?
 */
bool
points_accounts_are_usable(bool to_write)
{
	return core_table_is_usable(&account_table) &&
		(!to_write || (core_table_is_usable(&account_to_write) &&
					   core_table_is_usable(&core_member_table)));
}

/* The keys of an account as the first three parameters of a statement. */
static void
set_keys(Datum *values, const PointsCurrency *currency, int64 member)
{
	values[0] = Int64GetDatum(currency->program);
	values[1] = Int64GetDatum(member);
	values[2] = Int64GetDatum(currency->id);
}

/*
 * Does the account owe points, as far as can be seen without a lock?  An
 * account without a row is not known: nothing was ever taken from it.
 */
bool
points_account_owes(const PointsCurrency *currency, int64 member,
					bool *known, bool *closed)
{
	static CorePlan plan = {
		.sql = "SELECT deficit > 0, closed FROM community.account_fold"
		" WHERE program_id = $1 AND member_id = $2 AND currency_id = $3",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, INT8OID}
	};
	Datum		keys[3];

	set_keys(keys, currency, member);
	if (core_table_is_usable(&account_table))
	{
		Datum		values[ACCOUNT_COLUMNS];
		bool		nulls[ACCOUNT_COLUMNS];

		*known = core_table_fetch(&account_table, GetTransactionSnapshot(),
								  keys, values, nulls);
		*closed = *known && DatumGetBool(values[ACCOUNT_CLOSED]);
		return *known && DatumGetInt64(values[ACCOUNT_DEFICIT]) > 0;
	}
	core_run(&plan, keys, NULL, false);
	*known = SPI_processed > 0;
	*closed = *known && core_bool(0, 2);
	return *known && core_bool(0, 1);
}

/*
 * Make the row of an account.  The member is locked FOR SHARE meanwhile, so
 * that a row made while it is being closed knows about that.
 */
static void
open_account(const PointsCurrency *currency, int64 member)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.account_fold (program_id, member_id,"
		" currency_id, changed_at, closed)"
		" SELECT m.program_id, m.member_id, $3, clock_timestamp(),"
		" m.status = 'closed' FROM community.member AS m"
		" WHERE m.program_id = $1 AND m.member_id = $2 FOR SHARE"
		" ON CONFLICT (program_id, member_id, currency_id) DO NOTHING",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, INT8OID}
	};
	Datum		values[3];
	bool		closed;

	set_keys(values, currency, member);
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0 &&
		!core_member_is_known(currency->program, member, &closed))
		core_refuse_member(currency->program, member, false);
}

/* What a row says, copied. */
static void
read_row(PointsAccount *account, TimestampTz changed_at, int32 open_holds,
		 bool closed, Datum folded_to, Datum purse)
{
	ArrayType  *array = DatumGetArrayTypePCopy(folded_to);
	Purse	   *stored = (Purse *) PG_DETOAST_DATUM_COPY(purse);

	if (ARR_ELEMTYPE(array) != INT8OID || ARR_HASNULL(array))
		elog(ERROR, "marks of member %lld are no ids",
			 (long long) account->member);
	account->now = Max(GetCurrentTimestamp(), changed_at + 1);
	account->open_holds = open_holds;
	account->closed = closed;
	account->nmarks = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	account->marks = palloc_array(int64, account->nmarks + 1);
	memcpy(account->marks, ARR_DATA_PTR(array),
		   account->nmarks * sizeof(int64));
	account->stored = DatumGetPurseP(PursePGetDatum(stored));
}

static bool
read_locked_row(Datum *values, bool *nulls, void *arg)
{
	PointsAccount *account = arg;
	MemoryContext caller =
	MemoryContextSwitchTo(GetMemoryChunkContext(account));

	read_row(account, DatumGetTimestampTz(values[ACCOUNT_CHANGED_AT]),
			 DatumGetInt32(values[ACCOUNT_OPEN_HOLDS]),
			 DatumGetBool(values[ACCOUNT_CLOSED]),
			 values[ACCOUNT_FOLDED_TO], values[ACCOUNT_PURSE]);
	MemoryContextSwitchTo(caller);
	return true;
}

/* Lock the row and read it, without SQL; false when there is none. */
static bool
lock_row_directly(PointsAccount *account)
{
	Datum		keys[3];
	CoreUpdate *update = core_table_begin_update(&account_to_write);
	bool		locked;

	set_keys(keys, account->currency, account->member);
	locked = core_table_find_row(update, keys) &&
		core_table_lock_row(update, read_locked_row, account, &account->tid);
	core_table_end_update(update);
	return locked;
}

/* Lock the row and read it; false when there is none. */
static bool
lock_row(PointsAccount *account)
{
	static CorePlan plan = {
		.sql = "SELECT changed_at, open_holds, closed, folded_to, purse"
		" FROM community.account_fold WHERE program_id = $1"
		" AND member_id = $2 AND currency_id = $3 FOR NO KEY UPDATE",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, INT8OID}
	};
	Datum		values[3];
	bool		isnull;

	if (core_table_is_usable(&account_to_write))
		return lock_row_directly(account);
	set_keys(values, account->currency, account->member);
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		return false;
	read_row(account, DatumGetTimestampTz(core_field(0, 1, &isnull)),
			 (int32) core_int64(0, 2), core_bool(0, 3),
			 core_field(0, 4, &isnull), core_field(0, 5, &isnull));
	return true;
}

/* The row that the snapshot sees, without a lock or SQL; false if none. */
bool
points_fetch_account(const PointsCurrency *currency, int64 member,
					 Snapshot snapshot, PointsAccount *account)
{
	Datum		keys[3];
	Datum		values[ACCOUNT_COLUMNS];
	bool		nulls[ACCOUNT_COLUMNS];

	account->currency = currency;
	account->member = member;
	set_keys(keys, currency, member);
	if (!core_table_fetch(&account_table, snapshot, keys, values, nulls))
		return false;
	read_row(account, DatumGetTimestampTz(values[ACCOUNT_CHANGED_AT]),
			 DatumGetInt32(values[ACCOUNT_OPEN_HOLDS]),
			 DatumGetBool(values[ACCOUNT_CLOSED]),
			 values[ACCOUNT_FOLDED_TO], values[ACCOUNT_PURSE]);
	return true;
}

/*
 * Add up the credits in a range of ids.  Other entries there count as they
 * have to be read too.
 */
static void
sum_credits(const PointsAccount *account, int64 from, int64 to,
			PointsCredits *credits)
{
	static CorePlan plan = {
		.sql = "SELECT community.sum(delta) FILTER (WHERE NOT posted), count(*)"
		" FROM community.entry WHERE program_id = $1 AND member_id = $2"
		" AND currency_id = $3 AND entry_id > $4 AND entry_id <= $5",
		.nargs = 5,
		.argtypes = {INT8OID, INT8OID, INT8OID, INT8OID, INT8OID}
	};
	Datum		values[5];
	Datum		sum;
	bool		isnull;

	if (points_add_credits(account->currency, account->member,
						   GetTransactionSnapshot(), from, to, credits))
		return;
	set_keys(values, account->currency, account->member);
	values[3] = Int64GetDatum(from);
	values[4] = Int64GetDatum(to);
	core_run(&plan, values, NULL, false);
	sum = core_field(0, 1, &isnull);
	if (!isnull)
		purse_sum_add(&credits->sum, DatumGetPurseP(sum));
	credits->entries += core_int64(0, 2);
}

/*
 * Everything the account has: its row, and the credits behind its marks.
 * Gives the number of entries read.
 */
static int64
read_tail(PointsAccount *account)
{
	PointsIdRange *ranges = palloc_array(PointsIdRange, account->nmarks + 1);
	int			nranges = points_unfolded_ranges(account->marks,
												 account->nmarks, ranges);
	PointsCredits credits = {{0}};
	int			i;

	purse_sum_begin(&credits.sum, CurrentMemoryContext);
	for (i = 0; i < nranges; i++)
		sum_credits(account, ranges[i].from, ranges[i].to, &credits);
	account->purse = purse_add(account->stored,
							   purse_sum_finish(&credits.sum));
	return credits.entries;
}

/*
 * Take the credits up to the horizon into the row.  Wants a snapshot taken
 * after the horizon, so only where each statement takes one.
 */
static void
fold_tail(PointsAccount *account)
{
	int64		horizon = points_horizon();
	PointsIdRange *ranges = palloc_array(PointsIdRange, account->nmarks + 1);
	int			nranges = points_unfolded_ranges(account->marks,
												 account->nmarks, ranges);
	int64		node = (horizon >> POINTS_NODE_BITS) << POINTS_NODE_BITS;
	PointsCredits credits = {{0}};
	int			i;

	purse_sum_begin(&credits.sum, CurrentMemoryContext);
	for (i = 0; i < nranges; i++)
	{
		int64		from = Max(ranges[i].from, node - 1);
		int64		to = Min(ranges[i].to, horizon);

		if (from < to)
			sum_credits(account, from, to, &credits);
	}
	account->stored = purse_add(account->stored,
								purse_sum_finish(&credits.sum));
	account->nmarks = points_set_mark(account->marks, account->nmarks,
									  horizon);
}

/* The lots that holds in force have set aside. */
static void
read_holds(PointsAccount *account)
{
	static CorePlan plan = {
		.sql = "SELECT community.sum(taken) FROM community.hold"
		" WHERE program_id = $1 AND member_id = $2 AND currency_id = $3"
		" AND resolved_at IS NULL AND expires_at > $4",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID}
	};
	Datum		values[4];
	Datum		sum;
	bool		isnull;

	account->held = purse_zero();
	if (account->open_holds == 0)
		return;
	set_keys(values, account->currency, account->member);
	values[3] = TimestampTzGetDatum(account->now);
	core_run(&plan, values, NULL, false);
	sum = core_field(0, 1, &isnull);
	if (!isnull)
		account->held = DatumGetPurseP(sum);
}

/* Read the rest of an account that is locked, folding a long tail. */
static void
read_account(PointsAccount *account)
{
	if (read_tail(account) >= LONG_TAIL && !IsolationUsesXactSnapshot())
	{
		account->marks = repalloc(account->marks,
								  (account->nmarks + 1) * sizeof(int64));
		fold_tail(account);
		(void) read_tail(account);
	}
	/* the row as of a day ago, for readers whose transaction began before */
	account->stored = purse_settle(account->stored,
								   account->now - USECS_PER_DAY);
	/* deltas name lots as they are by now */
	account->purse = purse_settle(account->purse, account->now);
	read_holds(account);
}

/*
 * Lock an account and read all of it, folding a long tail on the way.  Makes
 * its row when there is none.  Inside core_enter().
 */
PointsAccount *
points_lock_account(const PointsCurrency *currency, int64 member)
{
	PointsAccount *account = palloc0_object(PointsAccount);
	PointsLockHook lock_first = points_lock_first;

	points_lock_first = NULL;
	if (lock_first != NULL)
		lock_first();
	account->currency = currency;
	account->member = member;
	while (!lock_row(account))
		open_account(currency, member);
	read_account(account);
	return account;
}

/*
 * The same without SQL, for points_enter(): NULL when it has no row or has
 * holds, and points_lock_account() is to be called.
 */
PointsAccount *
points_try_lock_account(const PointsCurrency *currency, int64 member)
{
	PointsAccount *account = palloc0_object(PointsAccount);

	account->currency = currency;
	account->member = member;
	if (!lock_row_directly(account) || account->open_holds > 0)
		return NULL;
	read_account(account);
	return account;
}

/* What is new is not for closed members. */
void
points_refuse_closed(const PointsAccount *account)
{
	if (account->closed)
		core_refuse_member(account->currency->program, account->member, true);
}

/*
 * The bearer of a member was looked up and locked: was it merged itself while
 * we waited?
 */
void
points_refuse_merged(const PointsAccount *account)
{
	if (account->closed &&
		core_member_bearer(account->currency->program,
						   account->member) != account->member)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not change the account of member %lld because of a concurrent merge",
						(long long) account->member),
				 errhint("Try again.")));
}

/*
 * What can be spent from: all but what is held.  A fold may have merged the
 * lots of a hold with others in the purse, so both are settled.
 */
Purse *
points_free(const PointsAccount *account)
{
	return purse_settle(purse_subtract(account->purse, account->held),
						account->now);
}

/*
 * Enter a delta, whose entry is "posted".  It may name lots as they were once,
 * such as held ones that have expired since.
 */
void
points_apply(PointsAccount *account, const Purse *delta)
{
	delta = purse_settle(delta, account->now);
	account->stored = purse_add(account->stored, delta);
	account->purse = purse_add(account->purse, delta);
}

/*
 * Negative lots are what is owed: nothing else takes more than there is.
 * Deltas may name by their old keys what a fold has settled.
 */
int64
points_deficit(const PointsAccount *account)
{
	return purse_owed(purse_settle(account->purse, account->now));
}

static void
complain_of_lost_row(const PointsAccount *account)
{
	elog(ERROR, "account of member %lld is gone",
		 (long long) account->member);
}

static Datum
marks_of(const PointsAccount *account)
{
	Datum	   *marks = palloc_array(Datum, account->nmarks + 1);
	int			i;

	for (i = 0; i < account->nmarks; i++)
		marks[i] = Int64GetDatum(account->marks[i]);
	return PointerGetDatum(construct_array(marks, account->nmarks, INT8OID,
										   sizeof(int64), true,
										   TYPALIGN_DOUBLE));
}

static bool
write_row(Datum *values, bool *nulls, void *arg)
{
	PointsAccount *account = arg;

	values[ACCOUNT_CHANGED_AT] = TimestampTzGetDatum(account->now);
	values[ACCOUNT_DEFICIT] = Int64GetDatum(points_deficit(account));
	values[ACCOUNT_OPEN_HOLDS] = Int32GetDatum(account->open_holds);
	values[ACCOUNT_FOLDED_TO] = marks_of(account);
	values[ACCOUNT_PURSE] = PursePGetDatum(account->stored);
	return true;
}

/*
 * The version that was locked is the newest still, unless this transaction
 * itself has replaced it, as by closing the member.
 */
static void
write_row_directly(PointsAccount *account)
{
	CoreUpdate *update = core_table_begin_update(&account_to_write);
	Datum		keys[3];

	set_keys(keys, account->currency, account->member);
	if ((!ItemPointerIsValid(&account->tid) ||
		 !core_table_find_version(update, &account->tid)) &&
		!core_table_find_row(update, keys))
		complain_of_lost_row(account);
	if (!core_table_change_row(update, write_row, account))
		complain_of_lost_row(account);
	core_table_end_update(update);
}

/* Write the row of an account that has changed. */
void
points_write_account(PointsAccount *account)
{
	static CorePlan plan = {
		.sql = "UPDATE community.account_fold SET changed_at = $4,"
		" deficit = $5, open_holds = $6, folded_to = $7, purse = $8"
		" WHERE program_id = $1 AND member_id = $2 AND currency_id = $3",
		.nargs = 8,
		.argtypes = {INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID, INT8OID,
		INT4OID, INT8ARRAYOID, InvalidOid},
		.own_type = "purse"
	};
	Datum		values[8];

	if (core_table_is_usable(&account_to_write))
	{
		write_row_directly(account);
		return;
	}
	set_keys(values, account->currency, account->member);
	values[3] = TimestampTzGetDatum(account->now);
	values[4] = Int64GetDatum(points_deficit(account));
	values[5] = Int32GetDatum(account->open_holds);
	values[6] = marks_of(account);
	values[7] = PursePGetDatum(account->stored);
	core_run(&plan, values, NULL, false);
	if (SPI_processed != 1)
		complain_of_lost_row(account);
}

/*
 * Note in all accounts of a member that it is closed; it is locked.  One that
 * was opened since a snapshot that stays cannot be seen by it, nor passed
 * over.
 */
void
points_close_accounts(int64 program, int64 member)
{
	static CorePlan lock = {
		.sql = "SELECT FROM community.account_fold WHERE program_id = $1"
		" AND member_id = $2 ORDER BY currency_id FOR NO KEY UPDATE",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	static CorePlan close = {
		.sql = "UPDATE community.account_fold SET closed = true"
		" WHERE program_id = $1 AND member_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	static CorePlan open = {
		.sql = "SELECT FROM community.account_fold WHERE program_id = $1"
		" AND member_id = $2 AND NOT closed",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	core_run(&lock, values, NULL, false);
	core_run(&close, values, NULL, false);
	if (!IsolationUsesXactSnapshot())
		return;
	core_run_latest(&open, values);
	if (SPI_processed > 0)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent update")));
}
