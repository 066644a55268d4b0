/*-------------------------------------------------------------------------
 *
 * release.c
 *	  Points that stay pending until released.
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

/* What stands under a key: its first entry, and what was done to it since. */
typedef struct Credit
{
	PointsPosting posting;
	int64		reversed;		/* positive */
	int32		last_line;
} Credit;

static bool
find_credit(int64 program, Datum key, Credit *credit)
{
	static CorePlan plan = {
		.sql = "SELECT coalesce(sum(cut - points) FILTER (WHERE kind = 'reverse'), 0)::bigint,"
		" max(line) FROM community.entry"
		" WHERE program_id = $1 AND event_id = 0 AND key = $2",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTOID}
	};
	Datum		values[2];

	if (!points_find_posting(program, key, 0, &credit->posting))
		return false;
	values[0] = Int64GetDatum(program);
	values[1] = key;
	core_run(&plan, values, NULL, false);
	credit->reversed = core_int64(0, 1);
	credit->last_line = (int32) core_int64(0, 2);
	return true;
}

/* The release of the credit, if that has happened. */
static bool
find_release(int64 program, Datum key, int32 last_line,
			 PointsPosting *posting)
{
	int32		line;

	for (line = last_line; line > 0; line--)
		if (points_find_posting(program, key, line, posting) &&
			strcmp(posting->kind, "release") == 0)
			return true;
	return false;
}

PointsWithheld points_withheld = NULL;

/*
 * The delta that makes available, at once or from a time on, what waits for
 * it: of each lot that is pending without end, as much as the account still
 * has, wherever its expiry has been moved.
 */
Purse *
points_release_lots(const PointsAccount *account, const Purse *lots,
					TimestampTz available_at)
{
	Purse	   *free = points_free(account);
	Purse	   *result = purse_zero();
	int			i;
	int			j;

	for (i = 0; i < purse_count(lots); i++)
	{
		const PurseLot *lot = &purse_lots(lots)[i];
		Purse	   *pending;
		int64		taken;

		if (lot->available_at != DT_NOEND || lot->points <= 0)
			continue;
		pending = points_take_pending(account, free, lot, lot->points,
									  &taken);
		free = purse_add(free, pending);
		result = purse_add(result, pending);
		for (j = 0; j < purse_count(pending); j++)
		{
			const PurseLot *from = &purse_lots(pending)[j];

			result = purse_add(result, purse_make(-from->points, available_at,
												  from->expires_at,
												  from->priority));
		}
	}
	return result;
}

/* Is any of it pending without end? */
bool
points_waits_for_release(const Purse *lots)
{
	int			i;

	for (i = 0; i < purse_count(lots); i++)
		if (purse_lots(lots)[i].available_at == DT_NOEND)
			return true;
	return false;
}

/* Lots that have been released to be available then, as they are since. */
Purse *
points_as_released(const Purse *lots, TimestampTz available_at)
{
	Purse	   *result = purse_zero();
	int			i;

	for (i = 0; i < purse_count(lots); i++)
	{
		PurseLot	lot = purse_lots(lots)[i];

		result = purse_add(result,
						   purse_make(lot.points,
									  lot.available_at == DT_NOEND ?
									  available_at : lot.available_at,
									  lot.expires_at, lot.priority));
	}
	return result;
}

/* What is left of the credit, lot by lot. */
static Purse *
left_of(const Credit *credit)
{
	int64		points = credit->posting.points;

	if (points <= 0)
		return purse_zero();
	return purse_part(points_main_lots(credit->posting.delta, points),
					  credit->reversed, points - credit->reversed);
}

/* The account of a credit, locked, and the credit as it is then. */
static PointsAccount *
lock_credit(int64 program, Datum key, Credit *credit)
{
	PointsAccount *account =
	points_lock_account(points_currency_by_id(program,
											  credit->posting.currency_id),
						core_member_bearer(program,
										   credit->posting.member));

	points_refuse_merged(account);
	(void) find_credit(program, key, credit);
	return account;
}

/*
 * What was paid for something waits for more than release(), while there are
 * doubts.
 */
static void
refuse_withheld(int64 program, Datum key, const Credit *credit)
{
	if ((strcmp(credit->posting.kind, "commission") == 0 ||
		 strcmp(credit->posting.kind, "signup") == 0) &&
		points_withheld != NULL && points_withheld(program, key))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s \"%s\" cannot be released while a member is held",
						credit->posting.kind, TextDatumGetCString(key)),
				 errhint("View held_member says why; decide_flag() or lift_sanction() ends it.")));
}

/* Release the pending points of a call.  Inside core_enter(). */
void
points_release_pending(int64 program, Datum key, PointsRequest *request,
					   PointsPosting *posting)
{
	Credit		credit;
	PointsAccount *account;
	PointsEntry entry = {0};

	if (!find_credit(program, key, &credit))
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_UNKNOWN_EVENT),
				 errmsg("nothing in program \"%s\" that could be released has idempotency key \"%s\"",
						core_program_name(program),
						TextDatumGetCString(key))));
	refuse_withheld(program, key, &credit);
	account = lock_credit(program, key, &credit);
	if (find_release(program, key, credit.last_line, posting))
		return;
	request->member = credit.posting.member;
	request->currency_id = credit.posting.currency_id;
	entry.kind = request->kind;
	entry.key = key;
	entry.line = credit.last_line + 1;
	entry.delta = points_release_lots(account, left_of(&credit), DT_NOBEGIN);
	entry.request = points_request_hash(request);
	if (purse_count(entry.delta) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s \"%s\" has no points that wait for release()",
						credit.posting.kind, TextDatumGetCString(key))));
	points_post(account, &entry, posting);
}

/*
 * Let what was withheld of a payment be available from a time on, as far as it
 * has not been taken back.  Inside core_enter().
 */
void
points_release_payment(int64 program, Datum key, TimestampTz available_at)
{
	Credit		credit;
	PointsAccount *account;
	PointsPosting released;
	PointsRequest request;
	PointsEntry entry = {0};

	if (!find_credit(program, key, &credit))
		elog(ERROR, "no entry with key \"%s\"", TextDatumGetCString(key));
	account = lock_credit(program, key, &credit);
	if (find_release(program, key, credit.last_line, &released))
		return;
	entry.delta = points_release_lots(account, left_of(&credit),
									  available_at <= account->now ?
									  DT_NOBEGIN : available_at);
	if (purse_count(entry.delta) == 0)
		return;
	memset(&request, 0, sizeof(request));
	snprintf(request.kind, sizeof(request.kind), "release");
	request.member = credit.posting.member;
	request.currency_id = credit.posting.currency_id;
	entry.kind = request.kind;
	entry.key = key;
	entry.line = credit.last_line + 1;
	entry.request = points_request_hash(&request);
	points_post(account, &entry, NULL);
}
