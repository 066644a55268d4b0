/*-------------------------------------------------------------------------
 *
 * record.c
 *	  record(): one event, once.
 *
 * Two statements a call: the insert that claims the key, and the update that
 * locks the member, finds it active and adds engagement in one breath.  Only
 * when one of them comes back empty do we look why.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/jsonb.h"
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

/* Times outside of this are typing errors, not history. */
#define EARLIEST_YEAR	1900
#define LATEST_SLACK	USECS_PER_DAY

#define RECEIPT_COLUMNS	9

PG_FUNCTION_INFO_V1(community_record);

/* The insert, and the ways in which the member is found. */
#define INSERT_EVENT(found_by) \
	"INSERT INTO community.event (program_id, event_id, member_id, type," \
	" source, key, amount, occurred_at, occurred_at_given, target_id," \
	" engagement, payload)" \
	" SELECT $1, community.next_id(), m.member_id, $3, $4, $5, $6, $7, $8," \
	" $9, coalesce(t.weight + t.weight_per_unit * $6, 1)," \
	" coalesce($10, '{}'::jsonb)" \
	" FROM community.member AS m LEFT JOIN community.activity_type AS t" \
	" ON t.program_id = $1 AND t.type = $3" \
	" WHERE m.program_id = $1 AND " found_by \
	" AND ($9 IS NULL OR EXISTS (SELECT FROM community.member AS o" \
	"  WHERE o.program_id = $1 AND o.member_id = $9))"

#define CLAIM_KEY \
	" ON CONFLICT (program_id, key, source, revision) DO NOTHING" \
	" RETURNING event_id, member_id, engagement, recorded_at"

#define INSERT_ARGS(member_type) \
	.nargs = 10, \
	.argtypes = {INT8OID, member_type, TEXTOID, TEXTOID, TEXTOID, INT8OID, \
		TIMESTAMPTZOID, BOOLOID, INT8OID, JSONBOID}

static CorePlan insert_by_id = {
	.sql = INSERT_EVENT("m.member_id = $2") CLAIM_KEY,
	INSERT_ARGS(INT8OID)
};
static CorePlan insert_by_external_id = {
	.sql = INSERT_EVENT("m.external_id = $2") CLAIM_KEY,
	INSERT_ARGS(TEXTOID)
};

/* Refuse times that cannot be meant. */
void
activity_check_time(TimestampTz occurred_at)
{
	int			first_day = date2j(EARLIEST_YEAR, 1, 1) - POSTGRES_EPOCH_JDATE;
	TimestampTz earliest = first_day * USECS_PER_DAY;

	if (TIMESTAMP_NOT_FINITE(occurred_at))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("time must be finite, not \"%s\"",
						timestamptz_to_str(occurred_at))));
	if (occurred_at < earliest ||
		occurred_at > GetCurrentTimestamp() + LATEST_SLACK)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("time \"%s\" is out of range",
						timestamptz_to_str(occurred_at)),
				 errdetail("An event lies between %d-01-01 and one day from now.",
						   EARLIEST_YEAR)));
}

/* Is it the source that stands for calls of the ledger? */
bool
activity_is_ledger(Datum source)
{
	return core_text_is(DatumGetTextPP(source), POINTS_SOURCE);
}

/* Refuse the one amount that cannot be reversed. */
void
activity_check_amount(int64 amount)
{
	if (amount == PG_INT64_MIN)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("amount %lld is out of range", (long long) amount),
				 errdetail("Amounts lie between %lld and %lld, so that each can be reversed.",
						   (long long) -PG_INT64_MAX,
						   (long long) PG_INT64_MAX)));
}

/* Say what is wrong with a member that could not be locked. */
void
activity_refuse_member(int64 program, int64 member)
{
	bool		closed;

	if (!core_member_is_known(program, member, &closed) || closed)
		core_refuse_member(program, member, closed);
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("member %lld of program \"%s\" has no row in \"community.engagement\"",
					(long long) member, core_program_name(program)),
			 errhint("Run SELECT community.rebuild('engagement').")));
}

/* Record the event by SQL, for tables that are not as installed. */
static ActivityOutcome
record_by_sql(const ActivityEvent *event, ActivityReceipt *receipt)
{
	Datum		values[10];
	char		nulls[11] = "          ";
	bool		isnull;

	values[0] = Int64GetDatum(event->program);
	values[1] = event->by_external_id ? event->external_id :
		Int64GetDatum(event->member);
	values[2] = event->type;
	values[3] = event->source;
	values[4] = event->key;
	values[5] = Int64GetDatum(event->amount);
	values[6] = TimestampTzGetDatum(event->occurred_at);
	values[7] = BoolGetDatum(event->occurred_at_given);
	values[8] = Int64GetDatum(event->target);
	values[9] = event->payload;
	if (!event->has_target)
		nulls[8] = 'n';
	if (event->payload == (Datum) 0)
		nulls[9] = 'n';
	core_run(event->by_external_id ? &insert_by_external_id : &insert_by_id,
			 values, nulls, false);
	if (SPI_processed == 0)
		return ACTIVITY_NOT_INSERTED;
	receipt->event_id = core_int64(0, 1);
	receipt->member = core_int64(0, 2);
	receipt->engagement = DatumGetFloat8(core_field(0, 3, &isnull));
	receipt->recorded_at = DatumGetTimestampTz(core_field(0, 4, &isnull));
	return score_add_engagement(event->program, receipt->member,
								receipt->engagement, event->occurred_at,
								false) ?
		ACTIVITY_INSERTED : ACTIVITY_MEMBER_REFUSED;
}

/* Give what the rules give for an event that was just inserted. */
static void
award_points(const ActivityEvent *event, ActivityReceipt *receipt,
			 CoreScope *scope)
{
	PointsEvent award = {0};
	StringInfoData earned;

	if (points_has_no_rules(event->program))
		return;
	core_connect(scope);

	award.program = event->program;
	award.event_id = receipt->event_id;
	award.member = receipt->member;
	award.has_target = event->has_target;
	award.target = event->target;
	award.type = event->type;
	award.amount = event->amount;
	award.occurred_at = event->occurred_at;
	award.payload = event->payload;
	initStringInfo(&earned);
	points_award(&award, &earned);
	receipt->points = earned.len > 0 ? earned.data : NULL;
}

/* What an event that was just inserted brings to whom. */
static void
bring(const ActivityEvent *event, ActivityReceipt *receipt, CoreScope *scope)
{
	TierNotice	note;

	award_points(event, receipt, scope);
	receipt->commissions = referral_pay_event(event->program,
											  receipt->event_id,
											  receipt->member, event->type,
											  event->amount, event->payload,
											  event->occurred_at, scope);
	note.member = receipt->member;
	note.event_id = receipt->event_id;
	note.type = event->type;
	note.amount = event->amount;
	note.engagement = receipt->engagement;
	note.has_target = event->has_target;
	note.target = event->target;
	note.payload = event->payload;
	note.occurred_at = event->occurred_at;
	note.earned = receipt->points != NULL;
	receipt->tiers = tier_note_event(event->program, &note, scope);
}

/*
 * Record an event and its engagement.  False when nothing was inserted,
 * because the key is known or because the member or target is not; the caller
 * knows which question to ask next.  Inside core_become_owner(), connected
 * only when SQL is needed.
 */
bool
activity_record_event(const ActivityEvent *event, ActivityReceipt *receipt,
					  CoreScope *scope)
{
	ActivityOutcome outcome = activity_record_directly(event, receipt);

	if (outcome != ACTIVITY_INSERTED)
		core_connect(scope);
	if (outcome == ACTIVITY_LEFT_TO_SQL)
		outcome = record_by_sql(event, receipt);
	if (outcome == ACTIVITY_NOT_INSERTED)
		return false;
	if (outcome == ACTIVITY_MEMBER_REFUSED)
		activity_refuse_member(event->program, receipt->member);
	receipt->replay = false;
	receipt->amount = event->amount;
	receipt->occurred_at = event->occurred_at;
	activity_begin_locks(event, receipt);
	PG_TRY();
	{
		bring(event, receipt, scope);
	}
	PG_FINALLY();
	{
		activity_end_locks();
	}
	PG_END_TRY();
	return true;
}

/* One line of an input, for the detail of a message. */
static char *
describe_input(int64 member, const char *type, int64 amount, bool has_time,
			   TimestampTz occurred_at, bool has_target, int64 target,
			   const char *payload)
{
	StringInfoData line;

	initStringInfo(&line);
	appendStringInfo(&line, "member %lld, type \"%s\", amount %lld",
					 (long long) member, type, (long long) amount);
	if (has_time)
		appendStringInfo(&line, ", occurred at %s",
						 timestamptz_to_str(occurred_at));
	else
		appendStringInfoString(&line, ", time not given");
	if (has_target)
		appendStringInfo(&line, ", target %lld", (long long) target);
	if (strcmp(payload, "{}") != 0)
		appendStringInfo(&line, ", payload %s", payload);
	return line.data;
}

static char *
payload_text(const ActivityEvent *event)
{
	Jsonb	   *payload;

	if (event->payload == (Datum) 0)
		return "{}";
	payload = DatumGetJsonbP(event->payload);
	return JsonbToCString(NULL, &payload->root, VARSIZE(payload));
}

/*
 * Look for an event with that key.  When there is one, it is a replay and
 * fills the receipt, or an error.  False when the key is free.
 */
static bool
find_replay(const ActivityEvent *event, ActivityReceipt *receipt)
{
	static CorePlan plan = {
		.sql = "SELECT event_id, member_id, amount, occurred_at, recorded_at,"
		" occurred_at_given, target_id, type, payload::text,"
		" payload = coalesce($4, '{}'::jsonb)"
		" FROM community.event WHERE program_id = $1 AND source = $2"
		" AND key = $3 AND revision = 0",
		.nargs = 4,
		.argtypes = {INT8OID, TEXTOID, TEXTOID, JSONBOID}
	};
	Datum		values[4];
	char		nulls[5] = "    ";
	char	   *type = TextDatumGetCString(event->type);
	bool		isnull;
	bool		has_target;
	bool		given;
	int64		target;

	values[0] = Int64GetDatum(event->program);
	values[1] = event->source;
	values[2] = event->key;
	values[3] = event->payload;
	if (event->payload == (Datum) 0)
		nulls[3] = 'n';
	core_run(&plan, values, nulls, false);
	if (SPI_processed == 0)
		return false;

	receipt->event_id = core_int64(0, 1);
	receipt->replay = true;
	receipt->member = core_int64(0, 2);
	receipt->amount = core_int64(0, 3);
	receipt->occurred_at = DatumGetTimestampTz(core_field(0, 4, &isnull));
	receipt->recorded_at = DatumGetTimestampTz(core_field(0, 5, &isnull));
	given = core_bool(0, 6);
	target = DatumGetInt64(core_field(0, 7, &isnull));
	has_target = !isnull;

	if (receipt->member == event->member &&
		receipt->amount == event->amount &&
		given == event->occurred_at_given &&
		(!given || receipt->occurred_at == event->occurred_at) &&
		has_target == event->has_target &&
		(!has_target || target == event->target) &&
		strcmp(core_text(0, 8), type) == 0 &&
		core_bool(0, 10))
	{
		receipt->points = points_of_event(event->program, receipt->event_id,
										  receipt->member);
		receipt->tiers = tier_changes_of_event(event->program,
											   receipt->event_id);
		receipt->commissions = referral_commissions_of(event->program,
													   receipt->event_id);
		return true;
	}

	ereport(ERROR,
			(errcode(COMMUNITY_ERRCODE_KEY_REUSED),
			 errmsg("idempotency key \"%s\" of source \"%s\" was used with other input",
					TextDatumGetCString(event->key),
					TextDatumGetCString(event->source)),
			 errdetail("Recorded: %s. Given: %s.",
					   describe_input(receipt->member, core_text(0, 8),
									  receipt->amount, given,
									  receipt->occurred_at, has_target, target,
									  core_text(0, 9)),
					   describe_input(event->member, type, event->amount,
									  event->occurred_at_given,
									  event->occurred_at, event->has_target,
									  event->target, payload_text(event))),
			 errhint("A key names one request for ever; give a new request a new key.")));
	return false;				/* keep compiler quiet */
}

/* Say why an event with a free key could not be recorded. */
static void
refuse_event(const ActivityEvent *event)
{
	bool		closed;

	(void) core_program_name(event->program);
	if (!core_member_is_known(event->program, event->member, &closed) ||
		closed ||
		!score_add_engagement(event->program, event->member, 0,
							  event->occurred_at, true))
		activity_refuse_member(event->program, event->member);
	if (event->has_target &&
		!core_member_is_known(event->program, event->target, &closed))
		core_refuse_member(event->program, event->target, false);
	/* the key has changed hands under us; a new attempt will see how */
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not record event \"%s\" because of a concurrent change",
					TextDatumGetCString(event->key)),
			 errhint("Try again.")));
}

/* Texts of a receipt are to outlive the call that made them. */
void
activity_keep_receipt(ActivityReceipt *receipt, MemoryContext context)
{
	char	  **texts[] = {&receipt->points, &receipt->tiers,
	&receipt->commissions};
	int			i;

	for (i = 0; i < lengthof(texts); i++)
		if (*texts[i] != NULL)
			*texts[i] = MemoryContextStrdup(context, *texts[i]);
}

/* A part of a receipt; what is empty need not be parsed. */
static Datum
receipt_part(const char *json, Datum empty)
{
	return json == NULL ? empty :
		DirectFunctionCall1(jsonb_in, CStringGetDatum(json));
}

/* The receipt as a value of its SQL type. */
Datum
activity_receipt_datum(FunctionCallInfo fcinfo,
					   const ActivityReceipt *receipt)
{
	TupleDesc	desc;
	Datum		values[RECEIPT_COLUMNS];
	bool		nulls[RECEIPT_COLUMNS] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = Int64GetDatum(receipt->event_id);
	values[1] = BoolGetDatum(receipt->replay);
	values[2] = Int64GetDatum(receipt->member);
	values[3] = Int64GetDatum(receipt->amount);
	values[4] = TimestampTzGetDatum(receipt->occurred_at);
	values[5] = TimestampTzGetDatum(receipt->recorded_at);
	values[6] = receipt_part(receipt->points, activity_empty_object());
	values[7] = receipt_part(receipt->tiers, activity_empty_array());
	values[8] = receipt_part(receipt->commissions, activity_empty_array());
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values,
											 nulls));
}

/*
 * Record an event, or find that it is recorded: all that record() promises.
 * Inside core_become_owner().
 */
void
activity_record(const ActivityEvent *event, ActivityReceipt *receipt,
				CoreScope *scope)
{
	(void) core_name_argument(DatumGetTextPP(event->type), "event type");
	(void) core_name_argument(DatumGetTextPP(event->key), "idempotency key");
	(void) core_name_argument(DatumGetTextPP(event->source), "source");
	if (activity_is_ledger(event->source))
		ereport(ERROR,
				(errcode(ERRCODE_RESERVED_NAME),
				 errmsg("source \"%s\" is reserved for calls of the ledger",
						POINTS_SOURCE)));
	activity_check_amount(event->amount);
	activity_check_time(event->occurred_at);
	if (!activity_record_event(event, receipt, scope) &&
		!find_replay(event, receipt))
		refuse_event(event);
}

/*
 * record(member, type, key, amount, occurred_at, target, payload, source,
 * program) -> receipt
 */
Datum
community_record(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "type", "key", "amount",
	"occurred_at", "target", "payload", "source", "program"};
	ActivityEvent event = {0};
	ActivityReceipt receipt = {0};
	MemoryContext caller = CurrentMemoryContext;
	CoreScope	scope;
	int			i;

	for (i = 0; i < lengthof(names); i++)
		if (PG_ARGISNULL(i) && i != 5 && i != 6)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument %s of record() must not be null",
							names[i])));
	event.member = PG_GETARG_INT64(0);
	event.type = PointerGetDatum(PG_GETARG_TEXT_PP(1));
	event.key = PointerGetDatum(PG_GETARG_TEXT_PP(2));
	event.amount = PG_GETARG_INT64(3);
	event.occurred_at = PG_GETARG_TIMESTAMPTZ(4);
	/* now() is what the argument defaults to, so it says "not given" */
	event.occurred_at_given =
		event.occurred_at != GetCurrentTransactionStartTimestamp();
	event.has_target = !PG_ARGISNULL(5);
	if (event.has_target)
		event.target = PG_GETARG_INT64(5);
	if (!PG_ARGISNULL(6))
		event.payload = PointerGetDatum(PG_GETARG_JSONB_P(6));
	event.source = PointerGetDatum(PG_GETARG_TEXT_PP(7));
	event.program = PG_GETARG_INT64(8);

	core_become_owner(&scope);
	activity_record(&event, &receipt, &scope);
	activity_keep_receipt(&receipt, caller);
	core_leave(&scope);
	return activity_receipt_datum(fcinfo, &receipt);
}
