/*-------------------------------------------------------------------------
 *
 * merge.c
 *	  The points of one member go to another for good.
 *
 * All lots move as they are, debts too, and those that have expired under the
 * keys they had, so that they can still be reinstated.  Holds do not move: a
 * past balance would be told without them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "points/ledger.h"

/* The currencies of which a member has an account or a credit, in order. */
static int64 *
find_currencies(int64 program, int64 member, int *count)
{
	static CorePlan plan = {
		.sql = "SELECT c.currency_id FROM community.currency AS c"
		" WHERE c.program_id = $1 AND (EXISTS (SELECT"
		"  FROM community.account_fold AS f WHERE f.program_id = $1"
		"  AND f.member_id = $2 AND f.currency_id = c.currency_id)"
		" OR EXISTS (SELECT FROM community.entry AS e WHERE e.program_id = $1"
		"  AND e.member_id = $2 AND e.currency_id = c.currency_id))"
		" ORDER BY c.currency_id",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[2];
	int64	   *currencies;
	int			i;

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	core_run(&plan, values, NULL, false);
	*count = (int) SPI_processed;
	currencies = palloc_array(int64, *count + 1);
	for (i = 0; i < *count; i++)
		currencies[i] = core_int64(i, 1);
	return currencies;
}

static PointsAccount **
lock_accounts(int64 program, int64 member, const int64 *currencies, int count)
{
	PointsAccount **accounts = palloc_array(PointsAccount *, count + 1);
	int			i;

	for (i = 0; i < count; i++)
		accounts[i] = points_lock_account(points_currency_by_id(program,
																currencies[i]),
										  member);
	return accounts;
}

static void
refuse_holds(const PointsAccount *account)
{
	if (purse_count(account->held) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot merge member %lld: %lld %s are held",
						(long long) account->member,
						(long long) purse_total(account->held),
						account->currency->code),
				 errhint("Capture or release the holds first.")));
}

/* The key of a merge may not be that of another call of the ledger. */
static void
check_key(int64 program, Datum key)
{
	PointsPosting posting;

	if (points_find_posting(program, key, 0, &posting))
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_KEY_REUSED),
				 errmsg("idempotency key \"%s\" was used with other input",
						TextDatumGetCString(key)),
				 errdetail("Recorded: %s of member %lld. Given: merge.",
						   posting.kind, (long long) posting.member),
				 errhint("A key names one request for ever; give a new request a new key.")));
}

/* What comes in also pays what is owed by either, whoever has the points. */
static Purse *
arrival(const PointsAccount *into, const Purse *lots)
{
	PointsAccount both = *into;
	Purse	   *delta;

	both.purse = purse_add(into->purse, lots);
	delta = purse_add(lots, points_settle_debt(&both, points_free(&both)));
	return purse_add(delta, points_keep_alive(into, delta));
}

static void
merge_account(PointsAccount *from, PointsAccount *into, Datum key, int32 line,
			  const PointsRequest *request)
{
	Purse	   *lots = points_own_lots(from);
	PointsEntry entry = {0};

	if (purse_count(lots) == 0)
		return;
	/* a credit may have arrived since the account was locked */
	from->purse = lots;
	entry.kind = "merge_out";
	entry.key = key;
	entry.line = line;
	entry.delta = purse_negate(lots);
	entry.request = points_request_hash(request);
	points_post(from, &entry, NULL);

	entry.kind = "merge_in";
	entry.line = line + 1;
	entry.effective_at = 0;
	entry.delta = arrival(into, lots);
	points_post(into, &entry, NULL);
}

/*
 * Move everything.  The members are locked, and "key" is not that of an
 * earlier merge.
 */
void
points_merge_accounts(int64 program, int64 from, int64 into, Datum key)
{
	PointsRequest request;
	int			count;
	int64	   *currencies = find_currencies(program, from, &count);
	PointsAccount **giving;
	PointsAccount **taking;
	int			i;

	check_key(program, key);
	memset(&request, 0, sizeof(request));
	snprintf(request.kind, sizeof(request.kind), "merge");
	request.member = from;
	request.other = into;
	if (from < into)
	{
		giving = lock_accounts(program, from, currencies, count);
		taking = lock_accounts(program, into, currencies, count);
	}
	else
	{
		taking = lock_accounts(program, into, currencies, count);
		giving = lock_accounts(program, from, currencies, count);
	}
	for (i = 0; i < count; i++)
		refuse_holds(giving[i]);
	for (i = 0; i < count; i++)
		merge_account(giving[i], taking[i], key, 2 * i, &request);
}

/*
 * Move one account of a member that got a credit after all, from a
 * transaction that was under way during the merge.  Gives the number of
 * accounts moved, 0 when there are none.
 */
int64
points_bring_home(int64 program)
{
	static CorePlan find = {
		.sql = "SELECT g.member_id, g.bearer_id, c.currency_id, g.key"
		" FROM community.member_merge AS g JOIN community.currency AS c"
		"  ON c.program_id = g.program_id"
		" LEFT JOIN community.account_fold AS f"
		"  ON f.program_id = g.program_id AND f.member_id = g.member_id"
		"  AND f.currency_id = c.currency_id"
		" WHERE g.program_id = $1 AND community.settle("
		"  coalesce(f.purse, '{}') OPERATOR(community.+) coalesce("
		"  (SELECT community.sum(e.delta) FROM community.entry AS e"
		"   WHERE e.program_id = $1 AND e.member_id = g.member_id"
		"   AND e.currency_id = c.currency_id AND NOT e.posted"
		"   AND e.entry_id > coalesce(community.folded_from_start(f.folded_to), -1)"
		"   AND (f.folded_to IS NULL OR NOT"
		"    community.is_folded(e.entry_id, f.folded_to))), '{}'),"
		"  now()) OPERATOR(community.<>) '{}' LIMIT 1",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	static CorePlan last_line = {
		.sql = "SELECT coalesce(max(line), -1) FROM community.entry"
		" WHERE program_id = $1 AND event_id = 0 AND key = $2",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTOID}
	};
	PointsRequest request;
	PointsAccount **accounts[2];
	Datum		values[2];
	int64		currency;
	bool		descending;

	values[0] = Int64GetDatum(program);
	core_run(&find, values, NULL, false);
	if (SPI_processed == 0)
		return 0;
	memset(&request, 0, sizeof(request));
	snprintf(request.kind, sizeof(request.kind), "merge");
	request.member = core_int64(0, 1);
	request.other = core_int64(0, 2);
	currency = core_int64(0, 3);
	values[1] = CStringGetTextDatum(core_text(0, 4));

	descending = request.other < request.member;
	accounts[descending ? 1 : 0] = lock_accounts(program,
												 descending ? request.other :
												 request.member, &currency, 1);
	accounts[descending ? 0 : 1] = lock_accounts(program,
												 descending ? request.member :
												 request.other, &currency, 1);
	points_refuse_merged(accounts[1][0]);
	core_run(&last_line, values, NULL, false);
	merge_account(accounts[0][0], accounts[1][0], values[1],
				  (int32) core_int64(0, 1) + 1, &request);
	return 1;
}
