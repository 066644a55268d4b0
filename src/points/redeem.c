/*-------------------------------------------------------------------------
 *
 * redeem.c
 *	  Points that go out at once: redeem(), and adjust() either way.
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

PG_FUNCTION_INFO_V1(community_redeem);
PG_FUNCTION_INFO_V1(community_adjust);

static void
refuse_insufficient(const PointsAccount *account, int64 points,
					int64 available, const char *verb)
{
	const PointsCurrency *currency = account->currency;

	ereport(ERROR,
			(errcode(COMMUNITY_ERRCODE_INSUFFICIENT_POINTS),
			 errmsg("cannot %s %lld %s of member %lld: %lld available",
					verb, (long long) points, currency->code,
					(long long) account->member, (long long) available),
			 purse_total(account->held) > 0 ?
			 errdetail("Another %lld are held.",
					   (long long) purse_total(account->held)) : 0,
			 currency->overdraft > 0 ?
			 errhint("The currency allows an overdraft of %lld.",
					 (long long) currency->overdraft) : 0));
}

/*
 * The delta that takes points from what is free, in burn order; what the
 * currency allows beyond that becomes a debt.  "verb" is for the refusal.
 */
Purse *
points_take(const PointsAccount *account, int64 points, const char *verb)
{
	Purse	   *free = points_free(account);
	int64		available = purse_available(free, account->now);
	int64		taken;
	Purse	   *delta;

	if (points <= available)
		return purse_take(free, points, account->now);
	/* what is available may itself be a debt */
	if (account->currency->overdraft == 0 ||
		points - account->currency->overdraft > available)
		refuse_insufficient(account, points, available, verb);
	delta = purse_take_up_to(free, Max(available, 0), account->now, &taken);
	return purse_add(delta, points_debt(points - taken));
}

/* Take points from an account that is locked. */
static void
take_out(PointsAccount *account, const PointsRequest *request, int64 points,
		 const char *verb, Datum key, Datum reason, PointsPosting *posting)
{
	PointsEntry entry = {0};

	entry.kind = request->kind;
	entry.key = key;
	entry.delta = points_take(account, points, verb);
	entry.delta = purse_add(entry.delta,
							points_keep_alive(account, entry.delta));
	entry.request = points_request_hash(request);
	entry.reason = reason;
	points_post(account, &entry, posting);
}

/*
 * Do what redeem() promises, without SQL, after points_enter().  False when
 * that cannot be, and spend() has to be called.
 */
static bool
try_spend(const PointsCurrency *currency, const PointsRequest *request,
		  Datum key, Datum reason, PointsPosting *posting)
{
	PointsAccount *account = points_try_lock_account(currency,
													 request->member);

	if (account == NULL)
		return false;
	if (points_find_posting(currency->program, key, 0, posting))
		return posting->request == points_request_hash(request);
	if (account->closed)
		return false;
	take_out(account, request, request->points, "redeem", key, reason,
			 posting);
	return true;
}

/* Do what redeem() promises, also for adjust() downwards. */
static void
spend(const PointsCurrency *currency, const PointsRequest *request,
	  int64 points, const char *verb, Datum key, Datum reason,
	  PointsPosting *posting)
{
	PointsAccount *account = points_lock_account(currency, request->member);

	if (points_find_replay(currency->program, key, request, posting))
		return;
	points_refuse_closed(account);
	take_out(account, request, points, verb, key, reason, posting);
}

/* redeem(member, points, key, currency, reason, program) -> posting */
Datum
community_redeem(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "points", "key", "currency",
	"reason", "program"};
	PointsRequest request;
	PointsPosting posting;
	CoreScope	scope;
	const PointsCurrency *currency;
	Datum		key;
	Datum		reason;
	int64		program;

	core_refuse_nulls(fcinfo, "redeem", names, 0x10);
	memset(&request, 0, sizeof(request));
	snprintf(request.kind, sizeof(request.kind), "redeem");
	request.member = PG_GETARG_INT64(0);
	request.points = points_amount_argument(PG_GETARG_INT64(1), "redeem");
	key = points_key_argument(fcinfo, 2);
	reason = points_reason_argument(fcinfo, 4);
	program = PG_GETARG_INT64(5);

	currency = points_enter(&scope, program, PG_GETARG_TEXT_PP(3), true);
	request.currency_id = currency->id;
	if (scope.connected ||
		!try_spend(currency, &request, key, reason, &posting))
	{
		core_connect(&scope);
		spend(currency, &request, request.points, "redeem", key, reason,
			  &posting);
	}
	return points_leave(fcinfo, &scope, program, &posting);
}

/*
 * adjust(member, points, key, reason, currency, available_at, expires_at,
 * priority, occurred_at, program) -> posting
 */
Datum
community_adjust(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "points", "key", "reason",
		"currency", "available_at", "expires_at", "priority", "occurred_at",
	"program"};
	PointsRequest request;
	PointsPosting posting;
	CoreScope	scope;
	const PointsCurrency *currency;
	Datum		key;
	Datum		reason;
	int64		program;

	core_refuse_nulls(fcinfo, "adjust", names, 0x1e0);
	memset(&request, 0, sizeof(request));
	snprintf(request.kind, sizeof(request.kind), "adjust");
	request.member = PG_GETARG_INT64(0);
	request.points = PG_GETARG_INT64(1);
	if (request.points == 0 || request.points == PG_INT64_MIN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot adjust by %lld points",
						(long long) request.points)));
	key = points_key_argument(fcinfo, 2);
	reason = points_reason_argument(fcinfo, 3);
	points_lot_arguments(fcinfo, 5, &request);
	points_occurred_at_argument(fcinfo, 8, &request);
	if (request.points < 0 && request.given != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("available_at, expires_at, priority and occurred_at are for points that come in, not for %lld",
						(long long) request.points)));
	program = PG_GETARG_INT64(9);

	core_enter(&scope);
	currency = points_currency(program, PG_GETARG_TEXT_PP(4));
	request.currency_id = currency->id;
	if (request.points > 0)
		points_accrue(currency, &request, key, reason, &posting);
	else
		spend(currency, &request, -request.points, "take", key, reason,
			  &posting);
	return points_leave(fcinfo, &scope, program, &posting);
}
