/*-------------------------------------------------------------------------
 *
 * gift.c
 *	  Points that the program gives by itself, for a tier, an award or a sale
 *	  to somebody else.
 *
 * They are credits like others, under keys of our own.  Their kind tells them
 * from what members earn, so no measure of points counts them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "core/compat.h"
#include "core/core.h"
#include "points/ledger.h"

/*
 * Give points as of a time.  With "expires_at" they can be spent at once and
 * until then; otherwise the currency says when.  The member is locked, so the
 * key is new or names this very gift.  Inside core_enter().
 */
void
points_give(int64 program, int64 member, int64 currency_id, int64 points,
			const char *kind, TimestampTz at, const TimestampTz *expires_at,
			Datum key, Datum reason)
{
	PointsRequest request;
	PointsPosting posting;

	memset(&request, 0, sizeof(request));
	snprintf(request.kind, sizeof(request.kind), "%s", kind);
	request.member = member;
	request.currency_id = currency_id;
	request.points = points;
	request.occurred_at = at;
	request.given = POINTS_GIVEN_OCCURRED_AT;
	if (expires_at != NULL)
	{
		request.available_at = at;
		request.expires_at = *expires_at;
		request.given |= POINTS_GIVEN_AVAILABLE_AT | POINTS_GIVEN_EXPIRES_AT;
	}
	points_accrue(points_currency_by_id(program, currency_id), &request, key,
				  reason, &posting);
}

/*
 * Credit somebody who is not locked, for what somebody else did, under a key
 * that is new.  It is on hold until a time or, with NULL, for as long as the
 * currency says; gives until when, and -infinity for no hold.  What is
 * withheld is on hold without end, whatever it gives.  Like every credit it
 * waits for nobody, unless the account owes points.  A member that is closed
 * at this very moment gets it nevertheless, as with other credits.  Of nothing
 * there is no entry.  Inside core_enter().
 */
TimestampTz
points_pay(int64 program, int64 member, int64 currency_id, int64 points,
		   const char *kind, TimestampTz at, const TimestampTz *available_at,
		   bool withheld, Datum key, Datum reason)
{
	const PointsCurrency *currency = points_currency_by_id(program,
														   currency_id);
	PointsRequest request;
	PointsEntry entry = {0};
	PurseLot	lot;

	memset(&request, 0, sizeof(request));
	snprintf(request.kind, sizeof(request.kind), "%s", kind);
	request.member = member;
	request.currency_id = currency_id;
	request.points = points;
	request.occurred_at = at;
	request.given = POINTS_GIVEN_OCCURRED_AT;
	if (available_at != NULL)
	{
		request.available_at = *available_at;
		request.given |= POINTS_GIVEN_AVAILABLE_AT;
	}
	lot = points_lot(currency, &request, at);
	/* a sign that something was earned need not be worth anything */
	if (points == 0)
		return lot.available_at;
	entry.program = program;
	entry.member = member;
	entry.currency = currency;
	entry.kind = kind;
	entry.key = key;
	entry.delta = purse_make(lot.points,
							 withheld ? DT_NOEND : lot.available_at,
							 lot.expires_at, lot.priority);
	entry.effective_at = at;
	entry.request = points_request_hash(&request);
	entry.reason = reason;
	if (points_credit_locks(currency, member, NULL))
	{
		PointsAccount *account = points_lock_account(currency, member);

		entry.effective_at = Min(at, account->now);
		points_credit_locked(account, &entry, NULL);
	}
	else if (!points_credit(&entry))
		elog(ERROR, "\"%s\" has been paid already", TextDatumGetCString(key));
	return lot.available_at;
}
