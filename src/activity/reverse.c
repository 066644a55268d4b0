/*-------------------------------------------------------------------------
 *
 * reverse.c
 *	  reverse(): take an event back, whole or in part.
 *
 * An event and its corrections share a key and are numbered by revision.  The
 * member is locked before their sums are read; should that lock ever be
 * missing, two reversals would draw the same revision and one would fail.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "activity/activity.h"
#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "points/rules.h"
#include "referral/commission.h"
#include "score/engagement.h"
#include "tier/tier.h"

PG_FUNCTION_INFO_V1(community_reverse);

/* What is asked for. */
typedef struct Request
{
	int64		program;
	Datum		key;
	Datum		reason;
	Datum		source;
	bool		has_amount;
	int64		amount;
	TimestampTz occurred_at;
	Datum		request_key;	/* or (Datum) 0 */
} Request;

/* An event with the sums over its corrections. */
typedef struct Standing
{
	int64		event_id;
	int64		member;
	TimestampTz occurred_at;
	int32		first_revision;
	int32		last_revision;
	int64		net;
	double		engagement;
	bool		reversed;		/* whole */
} Standing;

/* The newest event recorded under the key. */
static void
find_event(const Request *request, Standing *standing)
{
	static CorePlan plan = {
		.sql = "SELECT event_id, member_id, occurred_at, revision"
		" FROM community.event WHERE program_id = $1 AND source = $2"
		" AND key = $3 AND kind = 'record' ORDER BY revision DESC LIMIT 1",
		.nargs = 3,
		.argtypes = {INT8OID, TEXTOID, TEXTOID}
	};
	Datum		values[3];
	bool		isnull;

	values[0] = Int64GetDatum(request->program);
	values[1] = request->source;
	values[2] = request->key;
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
	{
		(void) core_program_name(request->program);
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_UNKNOWN_EVENT),
				 errmsg("no event has idempotency key \"%s\" of source \"%s\"",
						TextDatumGetCString(request->key),
						TextDatumGetCString(request->source))));
	}
	standing->event_id = core_int64(0, 1);
	standing->member = core_int64(0, 2);
	standing->occurred_at = DatumGetTimestampTz(core_field(0, 3, &isnull));
	standing->first_revision = (int32) core_int64(0, 4);
}

/* The sums, to be read under the member's lock. */
static void
read_standing(const Request *request, Standing *standing)
{
	static CorePlan plan = {
		.sql = "SELECT max(revision), sum(amount)::bigint,"
		" sum(engagement ORDER BY revision),"
		" (array_agg(kind ORDER BY revision DESC))[1] IN ('reverse', 'retract')"
		" AND sum(amount) = 0"
		" FROM community.event WHERE program_id = $1 AND source = $2"
		" AND key = $3 AND revision >= $4",
		.nargs = 4,
		.argtypes = {INT8OID, TEXTOID, TEXTOID, INT4OID}
	};
	Datum		values[4];
	bool		isnull;

	values[0] = Int64GetDatum(request->program);
	values[1] = request->source;
	values[2] = request->key;
	values[3] = Int32GetDatum(standing->first_revision);
	core_run(&plan, values, NULL, false);
	standing->last_revision = (int32) core_int64(0, 1);
	standing->net = core_int64(0, 2);
	standing->engagement = DatumGetFloat8(core_field(0, 3, &isnull));
	standing->reversed = core_bool(0, 4);
}

static void
read_receipt(const Standing *standing, int columns_from,
			 ActivityReceipt *receipt)
{
	bool		isnull;

	receipt->event_id = core_int64(0, columns_from);
	receipt->replay = true;
	receipt->member = standing->member;
	receipt->amount = core_int64(0, columns_from + 1);
	receipt->occurred_at =
		DatumGetTimestampTz(core_field(0, columns_from + 2, &isnull));
	receipt->recorded_at =
		DatumGetTimestampTz(core_field(0, columns_from + 3, &isnull));
}

/*
 * A reversal with the same request key is a replay when it took the same from
 * the same event, and an error otherwise.  False when the key is free.
 */
static bool
find_replay(const Request *request, const Standing *standing,
			ActivityReceipt *receipt)
{
	static CorePlan plan = {
		.sql = "SELECT r.corrects, r.reason, r.key,"
		" (SELECT sum(e.amount) = 0 FROM community.event AS e"
		"  WHERE e.program_id = $1 AND e.source = $2 AND e.key = r.key"
		"  AND e.revision <= r.revision"
		"  AND (e.event_id = r.corrects OR e.corrects = r.corrects)),"
		" r.event_id, r.amount, r.occurred_at, r.recorded_at"
		" FROM community.reversal_key AS k JOIN community.event AS r"
		" ON r.program_id = k.program_id AND r.event_id = k.event_id"
		" WHERE k.program_id = $1 AND k.source = $2 AND k.request_key = $3",
		.nargs = 3,
		.argtypes = {INT8OID, TEXTOID, TEXTOID}
	};
	Datum		values[3];

	if (request->request_key == (Datum) 0)
		return false;
	values[0] = Int64GetDatum(request->program);
	values[1] = request->source;
	values[2] = request->request_key;
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		return false;
	read_receipt(standing, 5, receipt);
	if (core_int64(0, 1) != standing->event_id ||
		(request->has_amount ? receipt->amount != -request->amount :
		 !core_bool(0, 4)) ||
		strcmp(core_text(0, 2), TextDatumGetCString(request->reason)) != 0)
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_KEY_REUSED),
				 errmsg("reversal key \"%s\" of source \"%s\" was used with other input",
						TextDatumGetCString(request->request_key),
						TextDatumGetCString(request->source)),
				 errdetail("It took %lld from event \"%s\", reason \"%s\"; now it asks for %s from event \"%s\", reason \"%s\".",
						   (long long) -receipt->amount, core_text(0, 3),
						   core_text(0, 2),
						   request->has_amount ?
						   psprintf("%lld", (long long) request->amount) :
						   "the rest",
						   TextDatumGetCString(request->key),
						   TextDatumGetCString(request->reason))));
	return true;
}

/* The receipt of the reversal that closed the event. */
static void
last_receipt(const Request *request, const Standing *standing,
			 ActivityReceipt *receipt)
{
	static CorePlan plan = {
		.sql = "SELECT event_id, amount, occurred_at, recorded_at"
		" FROM community.event WHERE program_id = $1 AND source = $2"
		" AND key = $3 AND revision = $4",
		.nargs = 4,
		.argtypes = {INT8OID, TEXTOID, TEXTOID, INT4OID}
	};
	Datum		values[4];

	values[0] = Int64GetDatum(request->program);
	values[1] = request->source;
	values[2] = request->key;
	values[3] = Int32GetDatum(standing->last_revision);
	core_run(&plan, values, NULL, false);
	read_receipt(standing, 1, receipt);
}

/* How much is to be taken back, or an error that names the limit. */
static int64
part_to_reverse(const Request *request, const Standing *standing)
{
	int64		part = request->has_amount ? request->amount : standing->net;

	if (request->has_amount && part == 0 && standing->net != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("amount to reverse must not be 0"),
				 errhint("Leave the amount out to reverse the whole rest.")));
	if (standing->net >= 0 ? (part < 0 || part > standing->net) :
		(part > 0 || part < standing->net))
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_OVER_REVERSAL),
				 errmsg("cannot reverse %lld of event \"%s\": %lld is left",
						(long long) part, TextDatumGetCString(request->key),
						(long long) standing->net)));
	return part;
}

/* Claim the request key for the reversal; false when it is taken. */
static bool
claim_request_key(const Request *request, int64 reversal)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.reversal_key (program_id, source,"
		" request_key, event_id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
		.nargs = 4,
		.argtypes = {INT8OID, TEXTOID, TEXTOID, INT8OID}
	};
	Datum		values[4];

	if (request->request_key == (Datum) 0)
		return true;
	values[0] = Int64GetDatum(request->program);
	values[1] = request->source;
	values[2] = request->request_key;
	values[3] = Int64GetDatum(reversal);
	core_run(&plan, values, NULL, false);
	return SPI_processed == 1;
}

/* Append the reversal; false when its revision or request key is taken. */
static bool
insert_reversal(const Request *request, const Standing *standing, int64 part,
				double engagement, ActivityReceipt *receipt)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.event (program_id, event_id, member_id,"
		" type, source, key, revision, kind, corrects, target_id, amount,"
		" occurred_at, engagement, reason)"
		" SELECT $1, community.next_id(), e.member_id, e.type, e.source,"
		" e.key, $3, 'reverse', e.event_id, e.target_id, $4, $5, $6, $7"
		" FROM community.event AS e WHERE e.program_id = $1 AND e.event_id = $2"
		" ON CONFLICT DO NOTHING"
		" RETURNING event_id, amount, occurred_at, recorded_at",
		.nargs = 7,
		.argtypes = {INT8OID, INT8OID, INT4OID, INT8OID, TIMESTAMPTZOID,
		FLOAT8OID, TEXTOID}
	};
	Datum		values[7];

	values[0] = Int64GetDatum(request->program);
	values[1] = Int64GetDatum(standing->event_id);
	values[2] = Int32GetDatum(standing->last_revision + 1);
	values[3] = Int64GetDatum(-part);
	values[4] = TimestampTzGetDatum(request->occurred_at);
	values[5] = Float8GetDatum(-engagement);
	values[6] = request->reason;
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		return false;
	read_receipt(standing, 1, receipt);
	receipt->replay = false;
	return claim_request_key(request, receipt->event_id);
}

/* Do what is asked, once.  Inside core_enter(). */
static void
reverse_event(const Request *request, ActivityReceipt *receipt)
{
	Standing	standing;
	int64		part;
	double		engagement;

	find_event(request, &standing);
	if (!score_add_engagement(request->program, standing.member, 0,
							  standing.occurred_at, true))
		activity_refuse_member(request->program, standing.member);
	if (find_replay(request, &standing, receipt))
		return;
	find_event(request, &standing);
	read_standing(request, &standing);
	if (standing.reversed && !request->has_amount &&
		request->request_key == (Datum) 0)
	{
		last_receipt(request, &standing, receipt);
		return;
	}
	if (standing.reversed)
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_OVER_REVERSAL),
				 errmsg("event \"%s\" is reversed already",
						TextDatumGetCString(request->key))));
	part = part_to_reverse(request, &standing);

	/* the last part takes what is left, so that the parts sum exactly */
	engagement = standing.engagement;
	if (part != standing.net)
		engagement *= (double) part / (double) standing.net;
	if (!insert_reversal(request, &standing, part, engagement, receipt))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not reverse event \"%s\" because of a concurrent change",
						TextDatumGetCString(request->key)),
				 errhint("Try again.")));
	(void) score_add_engagement(request->program, standing.member,
								-engagement, standing.occurred_at, true);
	referral_lock_payees(request->program, receipt->event_id);
	points_correct(request->program, receipt->event_id);
	referral_correct(request->program, receipt->event_id);
	receipt->tiers = tier_note_correction(request->program,
										  receipt->event_id);
}

/* A call of the ledger, such as redeem(), in place of an event. */
static void
reverse_call(const Request *request, ActivityReceipt *receipt)
{
	PointsPosting posting;

	points_reverse_call(request->program, request->key, request->has_amount,
						request->amount, request->request_key,
						request->reason, &posting);
	receipt->event_id = posting.entry_id;
	receipt->replay = posting.replay;
	receipt->member = posting.member;
	receipt->amount = posting.points;
	receipt->occurred_at = posting.effective_at;
	receipt->recorded_at = posting.recorded_at;
}

/*
 * reverse(key, reason, amount, source, occurred_at, request_key, program)
 * -> receipt
 */
Datum
community_reverse(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"key", "reason", "amount", "source",
	"occurred_at", "request_key", "program"};
	Request		request = {0};
	ActivityReceipt receipt = {0};
	MemoryContext caller = CurrentMemoryContext;
	CoreScope	scope;
	int			i;

	for (i = 0; i < lengthof(names); i++)
		if (PG_ARGISNULL(i) && i != 2 && i != 5)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument %s of reverse() must not be null",
							names[i])));
	(void) core_name_argument(PG_GETARG_TEXT_PP(0), "idempotency key");
	(void) core_name_argument(PG_GETARG_TEXT_PP(1), "reason");
	(void) core_name_argument(PG_GETARG_TEXT_PP(3), "source");
	request.key = PointerGetDatum(PG_GETARG_TEXT_PP(0));
	request.reason = PointerGetDatum(PG_GETARG_TEXT_PP(1));
	request.has_amount = !PG_ARGISNULL(2);
	if (request.has_amount)
	{
		request.amount = PG_GETARG_INT64(2);
		activity_check_amount(request.amount);
	}
	request.source = PointerGetDatum(PG_GETARG_TEXT_PP(3));
	request.occurred_at = PG_GETARG_TIMESTAMPTZ(4);
	activity_check_time(request.occurred_at);
	if (!PG_ARGISNULL(5))
	{
		(void) core_name_argument(PG_GETARG_TEXT_PP(5), "reversal key");
		request.request_key = PointerGetDatum(PG_GETARG_TEXT_PP(5));
	}
	request.program = PG_GETARG_INT64(6);

	core_enter(&scope);
	if (activity_is_ledger(request.source))
		reverse_call(&request, &receipt);
	else
	{
		reverse_event(&request, &receipt);
		receipt.points = points_of_event(request.program, receipt.event_id,
										 receipt.member);
		if (receipt.replay)
			receipt.tiers = tier_changes_of_event(request.program,
												  receipt.event_id);
		receipt.commissions = referral_commissions_of(request.program,
													  receipt.event_id);
		activity_keep_receipt(&receipt, caller);
	}
	core_leave(&scope);
	return activity_receipt_datum(fcinfo, &receipt);
}
