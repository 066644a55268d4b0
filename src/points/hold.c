/*-------------------------------------------------------------------------
 *
 * hold.c
 *	  Setting points aside: hold(), capture(), release().
 *
 * A hold names the very lots that it sets aside, so that points which would
 * expire meanwhile are still there for capture().  It ends with its range:
 * nobody has to do anything for it to time out.  Its entries stand under its
 * key, the hold as line 0 and what became of it as line 1, so capture() and
 * release() can be repeated.
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
#include "points/rules.h"

PG_FUNCTION_INFO_V1(community_hold);
PG_FUNCTION_INFO_V1(community_capture);
PG_FUNCTION_INFO_V1(community_release);

/* A row of hold. */
typedef struct Hold
{
	int64		member;
	int64		currency_id;
	int64		points;
	TimestampTz expires_at;
	bool		counted;		/* among the open holds of its account */
	bool		resolved;		/* captured or released, not timed out */
	int64		captured;
	Purse	   *taken;
} Hold;

static bool
find_hold(int64 program, Datum key, Hold *hold)
{
	static CorePlan plan = {
		.sql = "SELECT member_id, currency_id, points, expires_at,"
		" resolved_at IS NULL, captured IS NOT NULL, coalesce(captured, 0), taken"
		" FROM community.hold WHERE program_id = $1 AND key = $2",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTOID}
	};
	Datum		values[2];
	bool		isnull;

	values[0] = Int64GetDatum(program);
	values[1] = key;
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		return false;
	hold->member = core_int64(0, 1);
	hold->currency_id = core_int64(0, 2);
	hold->points = core_int64(0, 3);
	hold->expires_at = DatumGetTimestampTz(core_field(0, 4, &isnull));
	hold->counted = core_bool(0, 5);
	hold->resolved = core_bool(0, 6);
	hold->captured = core_int64(0, 7);
	hold->taken = DatumGetPurseP(core_field(0, 8, &isnull));
	return true;
}

static void
insert_hold(const PointsEntry *entry, int64 points, TimestampTz expires_at,
			const Purse *taken)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.hold (program_id, key, member_id,"
		" currency_id, entry_id, points, held_at, expires_at, taken)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
		.nargs = 9,
		.argtypes = {INT8OID, TEXTOID, INT8OID, INT8OID, INT8OID, INT8OID,
		TIMESTAMPTZOID, TIMESTAMPTZOID, InvalidOid},
		.own_type = "purse"
	};
	Datum		values[9];

	values[0] = Int64GetDatum(entry->program);
	values[1] = entry->key;
	values[2] = Int64GetDatum(entry->member);
	values[3] = Int64GetDatum(entry->currency->id);
	values[4] = Int64GetDatum(entry->entry_id);
	values[5] = Int64GetDatum(points);
	values[6] = TimestampTzGetDatum(entry->recorded_at);
	values[7] = TimestampTzGetDatum(expires_at);
	values[8] = PursePGetDatum(taken);
	core_run(&plan, values, NULL, false);
}

static void
resolve_hold(int64 program, Datum key, TimestampTz at, int64 captured)
{
	static CorePlan plan = {
		.sql = "UPDATE community.hold SET resolved_at = $3, captured = $4"
		" WHERE program_id = $1 AND key = $2",
		.nargs = 4,
		.argtypes = {INT8OID, TEXTOID, TIMESTAMPTZOID, INT8OID}
	};
	Datum		values[4];

	values[0] = Int64GetDatum(program);
	values[1] = key;
	values[2] = TimestampTzGetDatum(at);
	values[3] = Int64GetDatum(captured);
	core_run(&plan, values, NULL, false);
}

/*
 * Set points aside.  Inside core_enter().  The end is no part of the request,
 * as it moves on with now() when a call is repeated.
 */
static void
open_hold(const PointsCurrency *currency, const PointsRequest *request,
		  TimestampTz expires_at, Datum key, Datum reason,
		  PointsPosting *posting)
{
	PointsAccount *account = points_lock_account(currency, request->member);
	PointsEntry entry = {0};
	Purse	   *taken;

	if (points_find_replay(currency->program, key, request, posting))
		return;
	points_refuse_closed(account);
	if (expires_at <= account->now)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a hold cannot end at %s, which is past",
						timestamptz_to_str(expires_at))));
	taken = purse_negate(points_take(account, request->points, "hold"));
	entry.kind = request->kind;
	entry.key = key;
	entry.delta = purse_zero();
	entry.request = points_request_hash(request);
	entry.reason = reason;
	account->open_holds++;
	account->held = purse_add(account->held, taken);
	points_post(account, &entry, posting);
	insert_hold(&entry, request->points, expires_at, taken);
}

/*
 * hold(member, points, key, currency, expires_at, reason, program) -> posting
 */
Datum
community_hold(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "points", "key", "currency",
	"expires_at", "reason", "program"};
	PointsRequest request;
	PointsPosting posting;
	CoreScope	scope;
	const PointsCurrency *currency;
	Datum		key;
	Datum		reason;
	TimestampTz expires_at;
	int64		program;

	core_refuse_nulls(fcinfo, "hold", names, 0x20);
	memset(&request, 0, sizeof(request));
	snprintf(request.kind, sizeof(request.kind), "hold");
	request.member = PG_GETARG_INT64(0);
	request.points = points_amount_argument(PG_GETARG_INT64(1), "hold");
	key = points_key_argument(fcinfo, 2);
	expires_at = PG_GETARG_TIMESTAMPTZ(4);
	reason = points_reason_argument(fcinfo, 5);
	program = PG_GETARG_INT64(6);

	core_enter(&scope);
	currency = points_currency(program, PG_GETARG_TEXT_PP(3));
	request.currency_id = currency->id;
	open_hold(currency, &request, expires_at, key, reason, &posting);
	return points_leave(fcinfo, &scope, program, &posting);
}

static void
refuse_unknown_hold(int64 program, Datum key)
{
	ereport(ERROR,
			(errcode(COMMUNITY_ERRCODE_UNKNOWN_EVENT),
			 errmsg("no hold of program \"%s\" has idempotency key \"%s\"",
					core_program_name(program), TextDatumGetCString(key))));
}

/*
 * Find a hold and lock its account; true when it was resolved in the very way
 * that "request" asks for, and the posting tells how.
 */
static bool
lock_hold(int64 program, Datum key, PointsRequest *request,
		  bool all, Hold *hold, PointsAccount **account,
		  PointsPosting *posting)
{
	if (!find_hold(program, key, hold))
		refuse_unknown_hold(program, key);
	*account = points_lock_account(points_currency_by_id(program,
														 hold->currency_id),
								   hold->member);
	/* as it is now that nobody else can change it */
	(void) find_hold(program, key, hold);
	if (all)
		request->points = hold->points;
	request->member = hold->member;
	request->currency_id = hold->currency_id;
	if (!hold->resolved)
	{
		/* what it sets aside is about to be free again, or gone */
		if (hold->expires_at > (*account)->now)
			(*account)->held = purse_subtract((*account)->held, hold->taken);
		if (hold->counted)
			(*account)->open_holds--;
		return false;
	}
	if (points_find_posting(program, key, 1, posting) &&
		posting->request == points_request_hash(request))
		return true;
	ereport(ERROR,
			(errcode(COMMUNITY_ERRCODE_HOLD_ENDED),
			 hold->captured > 0 ?
			 errmsg("hold \"%s\" has been captured with %lld of %lld points",
					TextDatumGetCString(key), (long long) hold->captured,
					(long long) hold->points) :
			 errmsg("hold \"%s\" has been released",
					TextDatumGetCString(key))));
	return false;				/* keep compiler quiet */
}

/* Capture what is held, or the part that is asked for. */
static void
capture_hold(int64 program, Datum key, PointsRequest *request, bool all,
			 PointsPosting *posting)
{
	Hold		hold;
	PointsAccount *account;
	PointsEntry entry = {0};

	if (lock_hold(program, key, request, all, &hold, &account, posting))
		return;
	if (hold.expires_at <= account->now)
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_HOLD_ENDED),
				 errmsg("hold \"%s\" timed out at %s",
						TextDatumGetCString(key),
						timestamptz_to_str(hold.expires_at))));
	if (request->points > hold.points)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot capture %lld points of hold \"%s\": %lld are held",
						(long long) request->points,
						TextDatumGetCString(key), (long long) hold.points)));
	entry.kind = request->kind;
	entry.key = key;
	entry.line = 1;
	entry.delta = purse_negate(purse_part(hold.taken, 0, request->points));
	entry.delta = purse_add(entry.delta,
							points_keep_alive(account, entry.delta));
	entry.request = points_request_hash(request);
	resolve_hold(program, key, account->now, request->points);
	points_post(account, &entry, posting);
}

/* capture(key, points, program) -> posting */
Datum
community_capture(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"key", "points", "program"};
	PointsRequest request;
	PointsPosting posting;
	CoreScope	scope;
	Datum		key;
	int64		program;

	core_refuse_nulls(fcinfo, "capture", names, 0x02);
	memset(&request, 0, sizeof(request));
	snprintf(request.kind, sizeof(request.kind), "capture");
	key = points_key_argument(fcinfo, 0);
	if (!PG_ARGISNULL(1))
		request.points = points_amount_argument(PG_GETARG_INT64(1),
												"capture");
	program = PG_GETARG_INT64(2);

	core_enter(&scope);
	capture_hold(program, key, &request, PG_ARGISNULL(1), &posting);
	return points_leave(fcinfo, &scope, program, &posting);
}

/* Give the held points back. */
static void
release_hold(int64 program, Datum key, PointsRequest *request,
			 PointsPosting *posting)
{
	Hold		hold;
	PointsAccount *account;
	PointsEntry entry = {0};

	if (lock_hold(program, key, request, true, &hold, &account, posting))
		return;
	entry.kind = request->kind;
	entry.key = key;
	entry.line = 1;
	entry.delta = purse_zero();
	entry.request = points_request_hash(request);
	resolve_hold(program, key, account->now, 0);
	points_post(account, &entry, posting);
}

/* release(key, source, program) -> posting */
Datum
community_release(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"key", "source", "program"};
	PointsRequest request;
	PointsPosting posting;
	CoreScope	scope;
	Datum		key;
	char	   *source;
	int64		program;
	Hold		hold;

	core_refuse_nulls(fcinfo, "release", names, 0);
	memset(&request, 0, sizeof(request));
	snprintf(request.kind, sizeof(request.kind), "release");
	key = points_key_argument(fcinfo, 0);
	source = core_name_argument(PG_GETARG_TEXT_PP(1), "source");
	program = PG_GETARG_INT64(2);

	core_enter(&scope);
	if (strcmp(source, POINTS_SOURCE) != 0)
		points_release_event(program, PG_GETARG_DATUM(1), key, &request,
							 &posting);
	else if (find_hold(program, key, &hold))
		release_hold(program, key, &request, &posting);
	else
		points_release_pending(program, key, &request, &posting);
	return points_leave(fcinfo, &scope, program, &posting);
}
