/*-------------------------------------------------------------------------
 *
 * extend.c
 *	  A later expiry: extend() for points that are good still, reinstate()
 *	  for points that have expired.
 *
 * A fold merges the lots that have expired, so what each of them was is
 * looked up in the entries.  What comes back is entered under the keys the
 * lots had, so it cannot come back twice.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "points/ledger.h"

PG_FUNCTION_INFO_V1(community_extend);
PG_FUNCTION_INFO_V1(community_reinstate);

/* The other half of a move: the same lot with another expiry. */
static Purse *
move_lot(const PurseLot *lot, int64 points, TimestampTz expires_at)
{
	return purse_add(purse_make(-points, lot->available_at, lot->expires_at,
								lot->priority),
					 purse_make(points, lot->available_at, expires_at,
								lot->priority));
}

/* Has anything moved lots of the account to another expiry? */
static bool
lots_have_moved(const PointsAccount *account)
{
	static CorePlan plan = {
		.sql = "SELECT EXISTS (SELECT FROM community.entry"
		" WHERE program_id = $1 AND member_id = $2 AND currency_id = $3"
		" AND kind = 'extend')",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, INT8OID}
	};
	Datum		values[3];

	if (account->currency->inactive_after != NULL)
		return true;
	values[0] = Int64GetDatum(account->currency->program);
	values[1] = Int64GetDatum(account->member);
	values[2] = Int64GetDatum(account->currency->id);
	core_run(&plan, values, NULL, false);
	return core_bool(0, 1);
}

/*
 * Take points of a pending lot wherever it is by now: extend() and activity
 * move expiries, and nothing else moves what is pending.  The result is a
 * delta; "lot" need not be there at all.
 */
Purse *
points_take_pending(const PointsAccount *account, const Purse *purse,
					const PurseLot *lot, int64 points, int64 *taken)
{
	Purse	   *result = purse_take_lot(purse, lot, points, taken);
	int			i;

	if (*taken == points || !lots_have_moved(account))
		return result;
	for (i = 0; i < purse_count(purse) && *taken < points; i++)
	{
		const PurseLot *later = &purse_lots(purse)[i];
		int64		more;

		if (later->priority != lot->priority ||
			later->available_at != lot->available_at ||
			later->expires_at <= lot->expires_at)
			continue;
		result = purse_add(result, purse_take_lot(purse, later,
												  points - *taken, &more));
		*taken += more;
	}
	return result;
}

/*
 * All that the entries of an account come to, the lots that have expired
 * under the keys they had.  Since when a lot was available is forgotten, as
 * debits do.
 */
Purse *
points_own_lots(const PointsAccount *account)
{
	static CorePlan plan = {
		.sql = "SELECT community.sum(delta) FROM community.entry"
		" WHERE program_id = $1 AND member_id = $2 AND currency_id = $3",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, INT8OID}
	};
	Datum		values[3];
	Datum		found;
	bool		isnull;
	Purse	   *purse;
	PurseSum	sum;
	int			i;

	values[0] = Int64GetDatum(account->currency->program);
	values[1] = Int64GetDatum(account->member);
	values[2] = Int64GetDatum(account->currency->id);
	core_run(&plan, values, NULL, false);
	found = core_field(0, 1, &isnull);
	if (isnull)
		return purse_zero();
	purse = DatumGetPurseP(found);
	purse_sum_begin(&sum, CurrentMemoryContext);
	for (i = 0; i < purse_count(purse); i++)
	{
		PurseLot	lot = purse_lots(purse)[i];

		if (lot.available_at <= account->now)
			lot.available_at = DT_NOBEGIN;
		purse_sum_add_lot(&sum, &lot);
	}
	return purse_sum_finish(&sum);
}

/* A new expiry must lie ahead. */
static void
check_expiry(TimestampTz expires_at, const PointsAccount *account)
{
	if (expires_at <= account->now)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("points of member %lld cannot be given the expiry %s, which is past",
						(long long) account->member,
						timestamptz_to_str(expires_at))));
}

/* Append the entry of either call. */
static void
post_move(PointsAccount *account, const PointsRequest *request,
		  Purse *delta, Datum key, Datum reason, PointsPosting *posting)
{
	PointsEntry entry = {0};

	entry.kind = request->kind;
	entry.key = key;
	entry.delta = purse_add(delta, points_keep_alive(account, delta));
	entry.request = points_request_hash(request);
	entry.reason = reason;
	points_post(account, &entry, posting);
}

/* ----- extend ----- */

/* What moves to "expires_at"; held lots stay, as their hold names them. */
static Purse *
extension(const PointsAccount *account, TimestampTz expires_at,
		  TimestampTz expiring_before)
{
	Purse	   *free = points_free(account);
	Purse	   *result = purse_zero();
	int			i;

	for (i = 0; i < purse_count(free); i++)
	{
		const PurseLot *lot = &purse_lots(free)[i];

		if (lot->points <= 0 || lot->expires_at <= account->now ||
			lot->expires_at >= expiring_before ||
			lot->expires_at >= expires_at)
			continue;
		result = purse_add(result, move_lot(lot, lot->points, expires_at));
	}
	return result;
}

/* Do what extend() promises.  Inside core_enter(). */
static void
extend(const PointsCurrency *currency, const PointsRequest *request,
	   TimestampTz expiring_before, Datum key, Datum reason,
	   PointsPosting *posting)
{
	PointsAccount *account = points_lock_account(currency, request->member);

	if (points_find_replay(currency->program, key, request, posting))
		return;
	points_refuse_closed(account);
	check_expiry(request->expires_at, account);
	post_move(account, request,
			  extension(account, request->expires_at, expiring_before),
			  key, reason, posting);
}

/*
 * extend(member, expires_at, key, currency, expiring_before, reason, program)
 * -> posting
 */
Datum
community_extend(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "expires_at", "key",
	"currency", "expiring_before", "reason", "program"};
	PointsRequest request;
	PointsPosting posting;
	CoreScope	scope;
	const PointsCurrency *currency;
	TimestampTz expiring_before;
	Datum		key;
	Datum		reason;
	int64		program;

	core_refuse_nulls(fcinfo, "extend", names, 0x30);
	memset(&request, 0, sizeof(request));
	snprintf(request.kind, sizeof(request.kind), "extend");
	request.member = PG_GETARG_INT64(0);
	request.expires_at = PG_GETARG_TIMESTAMPTZ(1);
	request.given = POINTS_GIVEN_EXPIRES_AT;
	key = points_key_argument(fcinfo, 2);
	expiring_before = request.expires_at;
	if (!PG_ARGISNULL(4))
	{
		expiring_before = PG_GETARG_TIMESTAMPTZ(4);
		/* the field of a time that this call has no other use for */
		request.available_at = expiring_before;
		request.given |= POINTS_GIVEN_AVAILABLE_AT;
	}
	reason = points_reason_argument(fcinfo, 5);
	program = PG_GETARG_INT64(6);

	core_enter(&scope);
	currency = points_currency(program, PG_GETARG_TEXT_PP(3));
	request.currency_id = currency->id;
	extend(currency, &request, expiring_before, key, reason, &posting);
	return points_leave(fcinfo, &scope, program, &posting);
}

/* ----- reinstate ----- */

/*
 * The lots that have expired since a time, each with what was left of it, but
 * for those that a hold still sets aside.
 */
static Purse *
expired_lots(const PointsAccount *account, TimestampTz since)
{
	Purse	   *own = purse_subtract(points_own_lots(account),
									 account->held);
	Purse	   *result = purse_zero();
	int			i;

	for (i = 0; i < purse_count(own); i++)
	{
		const PurseLot *lot = &purse_lots(own)[i];

		if (lot->expires_at > account->now || lot->expires_at < since)
			continue;
		result = purse_add(result, purse_make(lot->points, lot->available_at,
											  lot->expires_at,
											  lot->priority));
	}
	return result;
}

static void
refuse_reinstatement(const PointsAccount *account, int64 points, int64 found,
					 TimestampTz since)
{
	ereport(ERROR,
			(errcode(COMMUNITY_ERRCODE_INSUFFICIENT_POINTS),
			 errmsg("cannot reinstate %lld %s of member %lld: %lld have expired since %s and not been reinstated",
					(long long) points, account->currency->code,
					(long long) account->member, (long long) found,
					timestamptz_to_str(since))));
}

/*
 * The points that come back, as a delta: what expired last first, so that a
 * part is what the member would have had longest.
 */
static Purse *
reinstatement(const PointsAccount *account, Purse *expired, int64 points,
			  TimestampTz expires_at, Purse **back)
{
	Purse	   *result = purse_zero();

	*back = purse_zero();
	while (points > 0)
	{
		const PurseLot *last = NULL;
		Purse	   *moved;
		int64		part;
		int			i;

		for (i = 0; i < purse_count(expired); i++)
		{
			const PurseLot *lot = &purse_lots(expired)[i];

			if (lot->points > 0 &&
				(last == NULL || lot->expires_at > last->expires_at))
				last = lot;
		}
		if (last == NULL)
			break;
		part = Min(points, last->points);
		points -= part;
		*back = purse_add(*back, purse_make(part, last->available_at,
											expires_at, last->priority));
		moved = move_lot(last, part, expires_at);
		expired = purse_subtract(expired, purse_make(part, last->available_at,
													 last->expires_at,
													 last->priority));
		result = purse_add(result, moved);
	}
	return result;
}

/* Do what reinstate() promises.  Inside core_enter(). */
static void
reinstate(const PointsCurrency *currency, const PointsRequest *request,
		  TimestampTz since, Datum key, Datum reason, PointsPosting *posting)
{
	PointsAccount *account = points_lock_account(currency, request->member);
	TimestampTz expires_at;
	Purse	   *expired;
	Purse	   *delta;
	Purse	   *back;
	int64		found;
	int64		points;

	if (points_find_replay(currency->program, key, request, posting))
		return;
	points_refuse_closed(account);
	expires_at = request->given & POINTS_GIVEN_EXPIRES_AT ?
		request->expires_at : points_expiry(currency, account->now);
	check_expiry(expires_at, account);
	expired = expired_lots(account, since);
	found = Max(purse_total(expired), 0);
	points = request->given & POINTS_GIVEN_POINTS ? request->points : found;
	if (points > found)
		refuse_reinstatement(account, points, found, since);
	delta = reinstatement(account, expired, points, expires_at, &back);
	delta = purse_add(delta, points_settle_debt(account, back));
	post_move(account, request, delta, key, reason, posting);
}

/*
 * reinstate(member, key, currency, expires_at, expired_since, points, reason,
 * program) -> posting
 */
Datum
community_reinstate(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "key", "currency",
	"expires_at", "expired_since", "points", "reason", "program"};
	PointsRequest request;
	PointsPosting posting;
	CoreScope	scope;
	const PointsCurrency *currency;
	Datum		key;
	Datum		reason;
	int64		program;

	core_refuse_nulls(fcinfo, "reinstate", names, 0x68);
	memset(&request, 0, sizeof(request));
	snprintf(request.kind, sizeof(request.kind), "reinstate");
	request.member = PG_GETARG_INT64(0);
	key = points_key_argument(fcinfo, 1);
	if (!PG_ARGISNULL(3))
	{
		request.expires_at = PG_GETARG_TIMESTAMPTZ(3);
		request.given |= POINTS_GIVEN_EXPIRES_AT;
	}
	/* the field of a time that this call has no other use for */
	request.available_at = PG_GETARG_TIMESTAMPTZ(4);
	if (!PG_ARGISNULL(5))
	{
		request.points = points_amount_argument(PG_GETARG_INT64(5),
												"reinstate");
		request.given |= POINTS_GIVEN_POINTS;
	}
	reason = points_reason_argument(fcinfo, 6);
	program = PG_GETARG_INT64(7);

	core_enter(&scope);
	currency = points_currency(program, PG_GETARG_TEXT_PP(2));
	request.currency_id = currency->id;
	reinstate(currency, &request, request.available_at, key, reason,
			  &posting);
	return points_leave(fcinfo, &scope, program, &posting);
}
