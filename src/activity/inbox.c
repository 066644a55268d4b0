/*-------------------------------------------------------------------------
 *
 * inbox.c
 *	  process_inbox(): events that were loaded rather than called in.
 *
 * A batch is taken out of the inbox and split.  Rows that are plainly in
 * order (complete, member active, key not seen before) are recorded as one
 * set: their events inserted as the rows come, then what they bring to scores
 * and points added member by member.  The rest, few as a rule, go through
 * record() one by one in the order of the inbox, each in a subtransaction of
 * its own; so a fault has the very code and message that record() would have
 * given.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "activity/activity.h"
#include "activity/attachment.h"
#include "activity/job.h"
#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "points/rules.h"
#include "referral/commission.h"
#include "score/engagement.h"
#include "tier/tier.h"

#define MAX_BATCH	1000000

PG_FUNCTION_INFO_V1(community_process_inbox);

/* columns of a batch, as in the table inbox but for the program */
enum
{
	INBOX_ID = 1,
	INBOX_MEMBER,
	INBOX_EXTERNAL_ID,
	INBOX_TYPE,
	INBOX_KEY,
	INBOX_AMOUNT,
	INBOX_OCCURRED_AT,
	INBOX_TARGET,
	INBOX_PAYLOAD,
	INBOX_SOURCE,
	INBOX_RECEIVED_AT,
	INBOX_COLUMNS = INBOX_RECEIVED_AT
};

static const ActivityColumn batch_columns[INBOX_COLUMNS] = {
	{"inbox_id", INT8OID}, {"member_id", INT8OID}, {"external_id", TEXTOID},
	{"type", TEXTOID}, {"key", TEXTOID}, {"amount", INT8OID},
	{"occurred_at", TIMESTAMPTZOID}, {"target_id", INT8OID},
	{"payload", JSONBOID}, {"source", TEXTOID},
	{"received_at", TIMESTAMPTZOID}
};

#define BATCH_COLUMNS \
	"inbox_id, member_id, external_id, type, key, amount, occurred_at," \
	" target_id, payload, source, received_at"

/* $1 program, $2 rows in a batch, $3 now, $4 longest name */
#define BATCH_ARGS \
	.nargs = 4, .argtypes = {INT8OID, INT4OID, TIMESTAMPTZOID, INT4OID}

/* Names that core_name_argument() takes. */
#define GOOD_NAME(column) \
	column " <> '' AND octet_length(" column ") <= $4"

/* The member that a row of the batch names. */
#define MEMBER_OF_ROW \
	" community.member AS m ON m.program_id = $1" \
	"  AND m.member_id = coalesce(b.member_id, (SELECT x.member_id" \
	"   FROM community.member AS x WHERE x.program_id = $1" \
	"   AND x.external_id = b.external_id))"

/* Would record() record the row, as far as the row alone can tell? */
#define CLEAR \
	" m.status = 'active'" \
	"  AND (b.member_id IS NULL OR b.external_id IS NULL" \
	"   OR b.external_id IS NOT DISTINCT FROM m.external_id)" \
	"  AND " GOOD_NAME("b.type") " AND " GOOD_NAME("b.key") \
	"  AND " GOOD_NAME("b.source") " AND b.source <> '" POINTS_SOURCE "'" \
	"  AND b.amount > '-9223372036854775808'::bigint" \
	"  AND coalesce(b.occurred_at, $3) >= '1900-01-01 00:00:00+00'" \
	"  AND coalesce(b.occurred_at, $3) <= $3" \
	"  AND (b.target_id IS NULL OR EXISTS (SELECT FROM community.member AS o" \
	"   WHERE o.program_id = $1 AND o.member_id = b.target_id))"

/* Of a batch, the rows that record() would record, each key once. */
#define CLEAR_ROWS \
	"SELECT b.*, m.member_id AS recorded_member FROM (SELECT b.*, row_number()" \
	"  OVER (PARTITION BY b.key, b.source ORDER BY b.inbox_id) AS turn" \
	"  FROM batch AS b) AS b JOIN" MEMBER_OF_ROW \
	" WHERE b.turn = 1 AND" CLEAR

#define WEIGHT_OF(row) \
	"coalesce(t.weight + t.weight_per_unit * " row ".amount, 1)"
#define TYPE_OF(row) \
	" LEFT JOIN community.activity_type AS t" \
	" ON t.program_id = $1 AND t.type = " row ".type"

static CorePlan take_batch = {
	.sql = "DELETE FROM community.inbox AS i"
	" WHERE i.program_id = $1 AND i.inbox_id = ANY (ARRAY("
	"  SELECT n.inbox_id FROM community.inbox AS n WHERE n.program_id = $1"
	"  ORDER BY n.inbox_id LIMIT $2 FOR UPDATE SKIP LOCKED))"
	" RETURNING " BATCH_COLUMNS,
	BATCH_ARGS
};

/* by SQL, for a table of events that is not as installed */
static CorePlan record_clear = {
	.sql = "WITH recorded AS (INSERT INTO community.event (program_id,"
	" event_id, member_id, type, source, key, amount, occurred_at,"
	" occurred_at_given, target_id, engagement, payload)"
	" SELECT $1, community.next_id(), c.recorded_member, c.type, c.source,"
	" c.key, c.amount, coalesce(c.occurred_at, $3), c.occurred_at IS NOT NULL,"
	" c.target_id, " WEIGHT_OF("c") ","
	" coalesce(c.payload, '{}'::jsonb)"
	" FROM (" CLEAR_ROWS " ORDER BY b.inbox_id) AS c" TYPE_OF("c")
	" ON CONFLICT (program_id, key, source, revision) DO NOTHING"
	" RETURNING event_id, member_id, engagement, occurred_at, true AS is_new,"
	" type, amount, target_id, payload, source, key)"
	" SELECT r.event_id, r.member_id, r.engagement, r.occurred_at, r.is_new,"
	" r.type, r.amount, r.target_id, r.payload, b.inbox_id FROM recorded AS r"
	" JOIN (SELECT source, key, min(inbox_id) AS inbox_id FROM batch"
	"  GROUP BY source, key) AS b ON b.source = r.source AND b.key = r.key",
	BATCH_ARGS
};

/* columns of judge_rows */
enum
{
	JUDGED_INBOX_ID, JUDGED_CLEAR, JUDGED_MEMBER, JUDGED_TYPE, JUDGED_SOURCE,
	JUDGED_KEY, JUDGED_AMOUNT, JUDGED_OCCURRED_AT, JUDGED_GIVEN,
	JUDGED_TARGET, JUDGED_WEIGHT, JUDGED_PAYLOAD
};

static CorePlan judge_rows = {
	.sql = "SELECT b.inbox_id, coalesce(" CLEAR ", false), m.member_id, b.type,"
	" b.source, b.key, b.amount, coalesce(b.occurred_at, $3),"
	" b.occurred_at IS NOT NULL, b.target_id, " WEIGHT_OF("b") ", b.payload"
	" FROM batch AS b LEFT JOIN" MEMBER_OF_ROW TYPE_OF("b")
	" ORDER BY b.inbox_id",
	BATCH_ARGS
};

static CorePlan find_rest = {
	.sql = "SELECT b.* FROM batch AS b WHERE NOT EXISTS"
	" (SELECT FROM recorded AS r WHERE r.inbox_id = b.inbox_id)"
	" ORDER BY b.inbox_id",
	BATCH_ARGS
};

static ActivityRows *
begin_batch(void)
{
	static TupleDesc desc = NULL;

	return activity_begin_set(&desc, batch_columns, INBOX_COLUMNS);
}

static ActivityRows *
begin_recorded(void)
{
	static const ActivityColumn columns[] = {
		{"event_id", INT8OID}, {"member_id", INT8OID},
		{"engagement", FLOAT8OID}, {"at", TIMESTAMPTZOID},
		{"is_new", BOOLOID}, {"type", TEXTOID}, {"amount", INT8OID},
		{"target_id", INT8OID}, {"payload", JSONBOID}, {"inbox_id", INT8OID}
	};
	static TupleDesc desc = NULL;

	return activity_begin_set(&desc, columns, lengthof(columns));
}

/* columns of the set "recorded" */
enum
{
	RECORDED_EVENT_ID, RECORDED_MEMBER, RECORDED_ENGAGEMENT, RECORDED_AT,
	RECORDED_IS_NEW, RECORDED_TYPE, RECORDED_AMOUNT, RECORDED_TARGET,
	RECORDED_PAYLOAD, RECORDED_INBOX_ID, RECORDED_COLUMNS
};

static void
fill(CorePlan *plan, Datum *values, ActivityRows *rows)
{
	DestReceiver *dest = activity_rows_receiver(rows);

	core_run_into(plan, values, NULL, false, dest);
	dest->rDestroy(dest);
	rows->count = tuplestore_tuple_count(rows->store);
}

/* ----- as a set ----- */

/* Receives the rows of a batch in their order, and inserts the clear ones. */
typedef struct ClearReceiver
{
	DestReceiver pub;
	int64		program;
	ActivityInserter *inserter;
	HTAB	   *keys;			/* hashes of the keys so far, clear or not */
	ActivityRows *recorded;
} ClearReceiver;

/*
 * Is it the first row of the batch with its key?  No, in rare cases where it
 * is: that row then goes one by one.
 */
static bool
is_first(ClearReceiver *receiver, Datum key, Datum source)
{
	text	   *one = DatumGetTextPP(key);
	text	   *other = DatumGetTextPP(source);
	uint64		hash;
	bool		known;

	hash = hash_bytes_extended((unsigned char *) VARDATA_ANY(other),
							   VARSIZE_ANY_EXHDR(other), 0);
	hash = hash_bytes_extended((unsigned char *) VARDATA_ANY(one),
							   VARSIZE_ANY_EXHDR(one), hash);
	(void) hash_search(receiver->keys, &hash, HASH_ENTER, &known);
	return !known;
}

static void
note_recorded(ClearReceiver *receiver, const ActivityEvent *event,
			  int64 event_id, double engagement, Datum inbox_id)
{
	Datum		values[RECORDED_COLUMNS];
	bool		nulls[RECORDED_COLUMNS] = {false};

	values[RECORDED_EVENT_ID] = Int64GetDatum(event_id);
	values[RECORDED_MEMBER] = Int64GetDatum(event->member);
	values[RECORDED_ENGAGEMENT] = Float8GetDatum(engagement);
	values[RECORDED_AT] = TimestampTzGetDatum(event->occurred_at);
	values[RECORDED_IS_NEW] = BoolGetDatum(true);
	values[RECORDED_TYPE] = event->type;
	values[RECORDED_AMOUNT] = Int64GetDatum(event->amount);
	values[RECORDED_TARGET] = Int64GetDatum(event->target);
	nulls[RECORDED_TARGET] = !event->has_target;
	values[RECORDED_PAYLOAD] = event->payload != (Datum) 0 ? event->payload :
		activity_empty_object();
	values[RECORDED_INBOX_ID] = inbox_id;
	tuplestore_putvalues(receiver->recorded->store, receiver->recorded->desc,
						 values, nulls);
}

static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	ClearReceiver *receiver = (ClearReceiver *) self;
	ActivityEvent event = {0};
	const Datum *values;
	const bool *nulls;
	double		engagement;
	int64		event_id;

	CHECK_FOR_INTERRUPTS();
	slot_getallattrs(slot);
	values = slot->tts_values;
	nulls = slot->tts_isnull;
	if (nulls[JUDGED_KEY] || nulls[JUDGED_SOURCE] ||
		!is_first(receiver, values[JUDGED_KEY], values[JUDGED_SOURCE]) ||
		!DatumGetBool(values[JUDGED_CLEAR]))
		return true;
	event.program = receiver->program;
	event.member = DatumGetInt64(values[JUDGED_MEMBER]);
	event.type = values[JUDGED_TYPE];
	event.source = values[JUDGED_SOURCE];
	event.key = values[JUDGED_KEY];
	event.amount = DatumGetInt64(values[JUDGED_AMOUNT]);
	event.occurred_at = DatumGetTimestampTz(values[JUDGED_OCCURRED_AT]);
	event.occurred_at_given = DatumGetBool(values[JUDGED_GIVEN]);
	event.has_target = !nulls[JUDGED_TARGET];
	if (event.has_target)
		event.target = DatumGetInt64(values[JUDGED_TARGET]);
	if (!nulls[JUDGED_PAYLOAD])
		event.payload = values[JUDGED_PAYLOAD];
	engagement = DatumGetFloat8(values[JUDGED_WEIGHT]);
	if (activity_insert_next(receiver->inserter, &event, engagement,
							 &event_id))
		note_recorded(receiver, &event, event_id, engagement,
					  values[JUDGED_INBOX_ID]);
	return true;
}

static void
clear_startup(DestReceiver *self, int operation, TupleDesc desc)
{
}

static void
clear_nothing(DestReceiver *self)
{
}

/* Insert the events of the rows that are in order, and note them. */
static void
insert_clear(int64 program, Datum *values, ActivityRows *recorded)
{
	ClearReceiver receiver = {{receive_row, clear_startup, clear_nothing,
	clear_nothing, DestNone}};
	HASHCTL		control = {0};

	receiver.inserter = activity_begin_events();
	if (receiver.inserter == NULL)
	{
		fill(&record_clear, values, recorded);
		return;
	}
	control.keysize = control.entrysize = sizeof(uint64);
	control.hcxt = CurrentMemoryContext;
	receiver.keys = hash_create("community inbox", 1024, &control,
								HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	receiver.program = program;
	receiver.recorded = recorded;
	core_run_into(&judge_rows, values, NULL, false, &receiver.pub);
	activity_end_events(receiver.inserter);
	hash_destroy(receiver.keys);
}

/* ----- one by one ----- */

static Datum
required(TupleTableSlot *slot, int column, const char *name)
{
	bool		isnull;
	Datum		value = slot_getattr(slot, column, &isnull);

	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument %s of record() must not be null", name)));
	return value;
}

/* The member that a row of the inbox names, by either id. */
static int64
member_of_row(int64 program, TupleTableSlot *slot)
{
	bool		no_member;
	bool		no_external;
	int64		member = DatumGetInt64(slot_getattr(slot, INBOX_MEMBER,
													&no_member));
	Datum		external_id = slot_getattr(slot, INBOX_EXTERNAL_ID,
										   &no_external);
	int64		found;

	if (no_external)
		return DatumGetInt64(required(slot, INBOX_MEMBER, "member"));
	if (!activity_find_external(program, external_id, &found))
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_UNKNOWN_MEMBER),
				 errmsg("member \"%s\" of program \"%s\" does not exist",
						TextDatumGetCString(external_id),
						core_program_name(program))));
	if (!no_member && member != found)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("external id \"%s\" belongs to member %lld, not to %lld",
						TextDatumGetCString(external_id), (long long) found,
						(long long) member)));
	return found;
}

/* What record() would do with a row. */
static void
record_row(int64 program, TupleTableSlot *slot)
{
	ActivityEvent event = {0};
	ActivityReceipt receipt;
	bool		isnull;
	Datum		value;

	event.program = program;
	event.member = member_of_row(program, slot);
	event.type = required(slot, INBOX_TYPE, "type");
	event.key = required(slot, INBOX_KEY, "key");
	event.amount = DatumGetInt64(required(slot, INBOX_AMOUNT, "amount"));
	value = slot_getattr(slot, INBOX_OCCURRED_AT, &isnull);
	event.occurred_at = isnull ? GetCurrentTransactionStartTimestamp() :
		DatumGetTimestampTz(value);
	event.occurred_at_given = !isnull;
	value = slot_getattr(slot, INBOX_TARGET, &isnull);
	event.has_target = !isnull;
	if (!isnull)
		event.target = DatumGetInt64(value);
	value = slot_getattr(slot, INBOX_PAYLOAD, &isnull);
	if (!isnull)
		event.payload = value;
	event.source = required(slot, INBOX_SOURCE, "source");
	activity_record(&event, &receipt, NULL);
}

static void
divert_row(int64 program, TupleTableSlot *slot, const ErrorData *error)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.inbox_fault (program_id, " BATCH_COLUMNS
		", sqlstate, reason) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,"
		" $11, $12, $13, $14)",
		.nargs = 14,
		.argtypes = {INT8OID, INT8OID, INT8OID, TEXTOID, TEXTOID, TEXTOID,
			INT8OID, TIMESTAMPTZOID, INT8OID, JSONBOID, TEXTOID,
		TIMESTAMPTZOID, TEXTOID, TEXTOID}
	};
	Datum		values[14];
	char		nulls[15] = "              ";
	char	   *reason = error->detail == NULL ? error->message :
	psprintf("%s (%s)", error->message, error->detail);
	bool		isnull;
	int			i;

	values[0] = Int64GetDatum(program);
	for (i = 1; i <= INBOX_COLUMNS; i++)
	{
		values[i] = slot_getattr(slot, i, &isnull);
		if (isnull)
			nulls[i] = 'n';
	}
	values[12] = CStringGetTextDatum(unpack_sql_state(error->sqlerrcode));
	values[13] = CStringGetTextDatum(reason);
	core_run(&plan, values, nulls, false);
}

/* Is it the row's own fault, rather than the server's or a rival's? */
static bool
is_fault_of_row(int sqlerrcode)
{
	return sqlerrcode == ERRCODE_RESERVED_NAME ||
		ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_DATA_EXCEPTION ||
		ERRCODE_TO_CATEGORY(sqlerrcode) ==
		ERRCODE_TO_CATEGORY(COMMUNITY_ERRCODE_KEY_REUSED);
}

typedef struct RowAttempt
{
	int64		program;
	TupleTableSlot *slot;
} RowAttempt;

static void
attempt_row(void *arg)
{
	RowAttempt *attempt = (RowAttempt *) arg;

	record_row(attempt->program, attempt->slot);
}

/* Record a row; where that fails, move it to the faults. */
static void
record_or_divert(int64 program, TupleTableSlot *slot)
{
	RowAttempt	attempt = {program, slot};
	ErrorData  *error = core_attempt(attempt_row, &attempt);

	if (error == NULL)
		return;
	if (!is_fault_of_row(error->sqlerrcode))
		ReThrowError(error);
	divert_row(program, slot, error);
}

static void
record_rest(int64 program, ActivityRows *rest)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(rest->desc,
													&TTSOpsMinimalTuple);

	while (tuplestore_gettupleslot(rest->store, true, false, slot))
	{
		CHECK_FOR_INTERRUPTS();
		if (core_inbox_on_fault == CORE_INBOX_REFUSE)
			record_row(program, slot);
		else
			record_or_divert(program, slot);
	}
	ExecDropSingleTupleTableSlot(slot);
}

/* ----- the whole ----- */

typedef struct SetAttempt
{
	int64		program;
	Datum	   *values;
	ActivityRows *recorded;
} SetAttempt;

static void
attempt_set(void *arg)
{
	SetAttempt *attempt = (SetAttempt *) arg;

	insert_clear(attempt->program, attempt->values, attempt->recorded);
	activity_register_rows("recorded", attempt->recorded);
	if (attempt->recorded->count > 0)
	{
		score_add_engagements(attempt->program, false);
		points_award_recorded(attempt->program, false);
		referral_pay_recorded(attempt->program, false, true);
		tier_note_recorded(attempt->program, false);
	}
	if (SPI_unregister_relation("recorded") != SPI_OK_REL_UNREGISTER)
		elog(ERROR, "could not unregister \"recorded\"");
}

/*
 * Record the rows that are in order as one set.  False, with nothing done,
 * when a member among them has been closed since they were looked at.
 */
static bool
record_as_set(int64 program, Datum *values, ActivityRows *recorded)
{
	SetAttempt	attempt = {program, values, recorded};
	ErrorData  *error = core_attempt(attempt_set, &attempt);

	if (error == NULL)
		return true;
	if (error->sqlerrcode != COMMUNITY_ERRCODE_CLOSED_MEMBER)
		ReThrowError(error);
	(void) SPI_unregister_relation("recorded");
	return false;
}

/* One batch; gives the number of its rows. */
static int64
process_batch(int64 program, int batch_size)
{
	ActivityRows *batch = begin_batch();
	ActivityRows *recorded = begin_recorded();
	ActivityRows *nothing = begin_recorded();
	ActivityRows *rest = begin_batch();
	ActivityRows *done;
	Datum		values[4];
	CoreScope	scope;
	int64		count;

	values[0] = Int64GetDatum(program);
	values[1] = Int32GetDatum(batch_size);
	values[2] = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
	values[3] = Int32GetDatum(COMMUNITY_MAX_NAME_LENGTH);

	core_enter(&scope);
	fill(&take_batch, values, batch);
	activity_register_rows("batch", batch);
	/* where a member was closed meanwhile, all rows go one by one */
	done = record_as_set(program, values, recorded) ? recorded : nothing;
	activity_register_rows("recorded", done);
	if (done->count < batch->count)
	{
		fill(&find_rest, values, rest);
		record_rest(program, rest);
	}
	core_leave(&scope);

	count = batch->count;
	activity_end_rows(batch);
	activity_end_rows(recorded);
	activity_end_rows(nothing);
	activity_end_rows(rest);
	return count;
}

static int64
count_inbox(int64 program)
{
	static CorePlan plan = {
		.sql = "SELECT count(*) FROM community.inbox WHERE program_id = $1",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	Datum		values[1];
	CoreScope	scope;
	int64		count;

	values[0] = Int64GetDatum(program);
	core_enter(&scope);
	(void) core_program_name(program);
	core_run(&plan, values, NULL, false);
	count = core_int64(0, 1);
	core_leave(&scope);
	return count;
}

/* CALL process_inbox(batch_size, program) */
Datum
community_process_inbox(PG_FUNCTION_ARGS)
{
	int32		batch_size;
	int64		program;
	MemoryContext batch_context;
	ActivityJob *job;
	int64		total;
	int64		count;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("arguments of process_inbox() must not be null")));
	batch_size = PG_GETARG_INT32(0);
	program = PG_GETARG_INT64(1);
	if (batch_size < 1 || batch_size > MAX_BATCH)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("batch size %d is out of range", batch_size),
				 errdetail("A batch has 1 to %d rows.", MAX_BATCH)));

	job = activity_begin_job(fcinfo, program, "process_inbox", "inbox", 0);
	/* all or nothing means one transaction */
	if (core_inbox_on_fault == CORE_INBOX_REFUSE)
		job->commits = false;
	total = count_inbox(program);
	batch_context = AllocSetContextCreate(job->context, "community batch",
										  ALLOCSET_DEFAULT_SIZES);
	do
	{
		MemoryContext old = MemoryContextSwitchTo(batch_context);

		count = process_batch(program, batch_size);
		MemoryContextSwitchTo(old);
		MemoryContextReset(batch_context);
		job->done += count;
		activity_commit_batch(job);
	} while (count == batch_size && job->done < total);
	SPI_finish();
	PG_RETURN_VOID();
}
