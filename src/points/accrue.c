/*-------------------------------------------------------------------------
 *
 * accrue.c
 *	  Points that come in: accrue(), and adjust() upwards.
 *
 * A credit is one insert.  It looks at the account without a lock, and only
 * when that owes points, or when any activity keeps all its points alive, does
 * it lock the account and settle that in the same entry.  A debt that arises
 * at this very moment is settled by whoever locks the account next.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "points/ledger.h"

PG_FUNCTION_INFO_V1(community_accrue);

/*
 * The unique index finds a retry anyway, but that leaves a dead row, and
 * looking for the key first costs every credit an eighth.  As retries come in
 * swarms, a session that has met one looks first for so many calls.
 */
#define RETRIES_EXPECTED	100

static int	retries_expected = 0;

/* Points that are owed, as a purse with one negative lot. */
Purse *
points_debt(int64 points)
{
	return purse_make(-points, DT_NOBEGIN, DT_NOEND, 0);
}

/*
 * Move points from the lots in burn order to what is owed.  Those that are
 * where a debt would be have been counted with it.
 */
static Purse *
pay_debt(int64 debt, const Purse *lots, bool pending, TimestampTz now)
{
	Purse	   *result = purse_zero();
	int			i;

	for (i = 0; i < purse_count(lots) && debt > 0; i++)
	{
		const PurseLot *lot = &purse_lots(lots)[i];
		int64		part = Min(debt, lot->points);

		if (part <= 0 || lot->expires_at <= now ||
			(!pending && lot->available_at > now) ||
			purse_lot_compare(lot, purse_lots(points_debt(1))) == 0)
			continue;
		debt -= part;
		result = purse_add(result, purse_make(-part, lot->available_at,
											  lot->expires_at,
											  lot->priority));
		result = purse_subtract(result, points_debt(part));
	}
	return result;
}

/*
 * What has to happen beside a credit so that the debts of its account are
 * paid: points move from its lots to what is owed, pending or not.
 */
Purse *
points_settle_debt(const PointsAccount *account, const Purse *credit)
{
	int64		debt = purse_owed(purse_add(account->purse, credit));

	return pay_debt(debt, credit, true, account->now);
}

/*
 * What has to happen beside any entry so that no debt is left standing while
 * there are points to pay it: those of a credit that was on its way when the
 * debt arose, or that were pending then.
 */
Purse *
points_settle_standing_debt(const PointsAccount *account, const Purse *delta)
{
	Purse	   *settled = purse_settle(delta, account->now);
	int64		debt = purse_owed(purse_add(account->purse, settled));

	if (debt == 0)
		return purse_zero();
	return pay_debt(debt, purse_add(points_free(account), settled), false,
					account->now);
}

/*
 * What activity does to the other points of an account where they expire
 * after a time without any: their expiry moves.  Held lots stay as they are
 * named by their hold.
 */
Purse *
points_keep_alive(const PointsAccount *account, const Purse *delta)
{
	const PointsCurrency *currency = account->currency;
	Purse	   *after = purse_add(points_free(account), delta);
	Purse	   *result = purse_zero();
	TimestampTz expires_at;
	int			i;

	if (currency->inactive_after == NULL)
		return result;
	expires_at = points_expiry(currency, account->now);
	for (i = 0; i < purse_count(after); i++)
	{
		PurseLot	lot = purse_lots(after)[i];

		if (lot.points <= 0 || lot.expires_at <= account->now ||
			lot.expires_at >= expires_at)
			continue;
		result = purse_add(result, purse_make(-lot.points, lot.available_at,
											  lot.expires_at, lot.priority));
		result = purse_add(result, purse_make(lot.points, lot.available_at,
											  expires_at, lot.priority));
	}
	return result;
}

static void
refuse_large_credit(const PointsEntry *entry)
{
	int64		points = purse_total(entry->delta);

	if (points > POINTS_MAX_CREDIT)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("cannot give %lld points to member %lld at once: the limit is %lld",
						(long long) points, (long long) entry->member,
						(long long) POINTS_MAX_CREDIT)));
}

/* The credit to an account that is locked. */
void
points_credit_locked(PointsAccount *account, PointsEntry *entry,
					 PointsPosting *posting)
{
	refuse_large_credit(entry);
	entry->delta = purse_add(entry->delta,
							 points_settle_debt(account, entry->delta));
	entry->delta = purse_add(entry->delta,
							 points_keep_alive(account, entry->delta));
	points_post(account, entry, posting);
}

/*
 * Must a credit to this account lock it?  Also says whether the member may
 * have points at all, unless the caller knows.
 */
bool
points_credit_locks(const PointsCurrency *currency, int64 member,
					PointsStanding *standing)
{
	bool		known;
	bool		closed;
	bool		owes = points_account_owes(currency, member, &known, &closed);

	if (standing != NULL)
	{
		if (!known)
			known = core_member_is_known(currency->program, member, &closed);
		*standing = !known ? POINTS_MEMBER_UNKNOWN :
			closed ? POINTS_MEMBER_CLOSED : POINTS_MEMBER_ACTIVE;
	}
	return owes || currency->inactive_after != NULL;
}

/* Append a credit without a lock; false when its key is taken. */
bool
points_credit(PointsEntry *entry)
{
	refuse_large_credit(entry);
	entry->posted = false;
	entry->recorded_at = GetCurrentTimestamp();
	if (entry->effective_at == 0 || entry->effective_at > entry->recorded_at)
		entry->effective_at = entry->recorded_at;
	return points_append(entry);
}

/* The lot of a credit as the caller and the currency want it. */
PurseLot
points_lot(const PointsCurrency *currency, const PointsRequest *request,
		   TimestampTz at)
{
	PurseLot	lot = {.points = request->points};

	lot.available_at = request->given & POINTS_GIVEN_AVAILABLE_AT ?
		request->available_at : points_availability(currency, at);
	lot.expires_at = request->given & POINTS_GIVEN_EXPIRES_AT ?
		request->expires_at : points_expiry(currency, at);
	lot.priority = request->given & POINTS_GIVEN_PRIORITY ?
		request->priority : points_priority(currency, at);
	if (lot.available_at <= at)
		lot.available_at = DT_NOBEGIN;
	return lot;
}

/* Can points earned then ever be spent? */
static bool
lot_is_sound(const PurseLot *lot, TimestampTz at)
{
	return lot->expires_at > at &&
		(lot->available_at < lot->expires_at ||
		 lot->available_at == DT_NOEND);
}

static void
refuse_lot(const PurseLot *lot, TimestampTz at)
{
	if (lot->expires_at <= at)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("points earned at %s cannot expire at %s",
						pstrdup(timestamptz_to_str(at)),
						pstrdup(timestamptz_to_str(lot->expires_at)))));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("points that expire at %s cannot become available at %s",
					pstrdup(timestamptz_to_str(lot->expires_at)),
					pstrdup(timestamptz_to_str(lot->available_at)))));
}

/* What is appended for a request, but for its debts. */
static void
set_entry(PointsEntry *entry, const PointsCurrency *currency,
		  const PointsRequest *request, const PurseLot *lot, TimestampTz at,
		  Datum key, Datum reason)
{
	memset(entry, 0, sizeof(*entry));
	entry->program = currency->program;
	entry->member = request->member;
	entry->currency = currency;
	entry->kind = request->kind;
	entry->key = key;
	entry->delta = purse_make(lot->points, lot->available_at,
							  lot->expires_at, lot->priority);
	entry->effective_at = at;
	entry->request = points_request_hash(request);
	entry->reason = reason;
}

static TimestampTz
time_of(const PointsRequest *request)
{
	return request->given & POINTS_GIVEN_OCCURRED_AT ? request->occurred_at :
		GetCurrentTimestamp();
}

/*
 * Do what accrue() promises if nothing stands against it and no lock is
 * wanted, which takes no SQL after points_enter().  False when it was not
 * done, and points_accrue() has to find out why.
 */
bool
points_try_accrue(const PointsCurrency *currency,
				  const PointsRequest *request, Datum key, Datum reason,
				  PointsPosting *posting)
{
	TimestampTz at = time_of(request);
	PurseLot	lot = points_lot(currency, request, at);
	PointsStanding standing;
	PointsEntry entry;

	if (retries_expected > 0)
	{
		retries_expected--;
		if (points_find_posting(currency->program, key, 0, posting))
		{
			retries_expected = RETRIES_EXPECTED;
			return posting->request == points_request_hash(request);
		}
	}
	if (!lot_is_sound(&lot, at) ||
		points_credit_locks(currency, request->member, &standing) ||
		standing != POINTS_MEMBER_ACTIVE)
		return false;
	set_entry(&entry, currency, request, &lot, at, key, reason);
	if (!points_credit(&entry))
	{
		retries_expected = RETRIES_EXPECTED;
		return false;
	}
	points_posting_of(&entry, posting);
	return true;
}

/* Do what accrue() promises.  Inside core_enter(). */
void
points_accrue(const PointsCurrency *currency, const PointsRequest *request,
			  Datum key, Datum reason, PointsPosting *posting)
{
	TimestampTz at = time_of(request);
	PurseLot	lot = points_lot(currency, request, at);
	PointsStanding standing;
	PointsAccount *account;
	PointsEntry entry;

	/* a retry of what went well is no fault, whatever has happened since */
	if (points_try_accrue(currency, request, key, reason, posting) ||
		points_find_replay(currency->program, key, request, posting))
		return;
	if (!lot_is_sound(&lot, at))
		refuse_lot(&lot, at);
	(void) points_credit_locks(currency, request->member, &standing);
	if (standing != POINTS_MEMBER_ACTIVE)
		core_refuse_member(currency->program, request->member,
						   standing == POINTS_MEMBER_CLOSED);

	account = points_lock_account(currency, request->member);
	if (points_find_replay(currency->program, key, request, posting))
		return;
	points_refuse_closed(account);
	set_entry(&entry, currency, request, &lot, Min(at, account->now), key,
			  reason);
	points_credit_locked(account, &entry, posting);
}

/*
 * accrue(member, points, key, currency, available_at, expires_at, priority,
 * reason, occurred_at, program) -> posting
 */
Datum
community_accrue(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "points", "key", "currency",
		"available_at", "expires_at", "priority", "reason", "occurred_at",
	"program"};
	PointsRequest request;
	PointsPosting posting;
	CoreScope	scope;
	const PointsCurrency *currency;
	Datum		key;
	Datum		reason;
	int64		program;

	core_refuse_nulls(fcinfo, "accrue", names, 0x1f0);
	memset(&request, 0, sizeof(request));
	snprintf(request.kind, sizeof(request.kind), "accrue");
	request.member = PG_GETARG_INT64(0);
	request.points = points_amount_argument(PG_GETARG_INT64(1), "accrue");
	key = points_key_argument(fcinfo, 2);
	points_lot_arguments(fcinfo, 4, &request);
	reason = points_reason_argument(fcinfo, 7);
	points_occurred_at_argument(fcinfo, 8, &request);
	program = PG_GETARG_INT64(9);

	currency = points_enter(&scope, program, PG_GETARG_TEXT_PP(3), true);
	request.currency_id = currency->id;
	if (scope.connected ||
		!points_try_accrue(currency, &request, key, reason, &posting))
	{
		core_connect(&scope);
		points_accrue(currency, &request, key, reason, &posting);
	}
	return points_leave(fcinfo, &scope, program, &posting);
}
