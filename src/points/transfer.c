/*-------------------------------------------------------------------------
 *
 * transfer.c
 *	  Points from one member to another.
 *
 * The lots move as they are, with their expiry.  Only the giving account is
 * locked, so a thousand gifts to one member do not wait for each other; both
 * are, in ascending order, when the receiving one has debts to settle.
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

PG_FUNCTION_INFO_V1(community_transfer);

/* Do what transfer() promises.  Inside core_enter(). */
static void
transfer(const PointsCurrency *currency, const PointsRequest *request,
		 Datum key, Datum reason, PointsPosting *posting)
{
	PointsStanding standing;
	bool		locks = points_credit_locks(currency, request->other,
											&standing);
	PointsAccount *from;
	PointsAccount *to = NULL;
	PointsEntry entry = {0};
	Purse	   *moved;

	if (locks && request->other < request->member)
		to = points_lock_account(currency, request->other);
	from = points_lock_account(currency, request->member);
	if (locks && to == NULL)
		to = points_lock_account(currency, request->other);

	if (points_find_replay(currency->program, key, request, posting))
		return;
	if (standing != POINTS_MEMBER_ACTIVE)
		core_refuse_member(currency->program, request->other,
						   standing == POINTS_MEMBER_CLOSED);
	points_refuse_closed(from);
	if (to != NULL)
		points_refuse_closed(to);

	entry.kind = "transfer_out";
	entry.key = key;
	moved = points_take(from, request->points, "transfer");
	entry.delta = purse_add(moved, points_keep_alive(from, moved));
	entry.request = points_request_hash(request);
	entry.reason = reason;
	points_post(from, &entry, posting);

	entry.kind = "transfer_in";
	entry.line = 1;
	entry.effective_at = 0;
	entry.member = request->other;
	entry.delta = purse_negate(moved);
	if (to != NULL)
		points_credit_locked(to, &entry, NULL);
	else if (!points_credit(&entry))
		points_refuse_lost_key(key);
}

/*
 * transfer(from_member, to_member, points, key, currency, reason, program)
 * -> posting
 */
Datum
community_transfer(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"from_member", "to_member", "points",
	"key", "currency", "reason", "program"};
	PointsRequest request;
	PointsPosting posting;
	CoreScope	scope;
	const PointsCurrency *currency;
	Datum		key;
	Datum		reason;
	int64		program;

	core_refuse_nulls(fcinfo, "transfer", names, 0x20);
	memset(&request, 0, sizeof(request));
	snprintf(request.kind, sizeof(request.kind), "transfer");
	request.member = PG_GETARG_INT64(0);
	request.other = PG_GETARG_INT64(1);
	if (request.member == request.other)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("member %lld cannot transfer points to itself",
						(long long) request.member)));
	request.points = points_amount_argument(PG_GETARG_INT64(2), "transfer");
	key = points_key_argument(fcinfo, 3);
	reason = points_reason_argument(fcinfo, 5);
	program = PG_GETARG_INT64(6);

	core_enter(&scope);
	currency = points_currency(program, PG_GETARG_TEXT_PP(4));
	request.currency_id = currency->id;
	transfer(currency, &request, key, reason, &posting);
	return points_leave(fcinfo, &scope, program, &posting);
}
