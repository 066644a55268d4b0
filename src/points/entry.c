/*-------------------------------------------------------------------------
 *
 * entry.c
 *	  Entries of the ledger: appending them, and finding them again.
 *
 * An entry that an event earned stands under the event's id; one that a call
 * of its own made, under its idempotency key and event 0.  The unique index
 * over both claims keys and finds replays.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "core/table.h"
#include "points/ledger.h"

/* columns of entry */
enum
{
	ENTRY_PROGRAM, ENTRY_ID, ENTRY_MEMBER, ENTRY_CURRENCY, ENTRY_EVENT,
	ENTRY_POINTS, ENTRY_EFFECTIVE_AT, ENTRY_RECORDED_AT, ENTRY_REQUEST,
	ENTRY_CUT, ENTRY_REVERSES, ENTRY_LINE, ENTRY_POSTED, ENTRY_KIND,
	ENTRY_KEY, ENTRY_DELTA, ENTRY_RULE_IDS, ENTRY_RULE_POINTS, ENTRY_CUT_BY,
	ENTRY_REASON,
	ENTRY_ACTOR, ENTRY_COLUMNS
};

static const char *const entry_columns[ENTRY_COLUMNS] = {
	"program_id", "entry_id", "member_id", "currency_id", "event_id",
	"points", "effective_at", "recorded_at", "request", "cut", "reverses",
	"line", "posted", "kind", "key", "delta", "rule_ids", "rule_points",
	"cut_by", "reason", "actor"
};

#define ENTRY_BY_KEY \
	{ENTRY_PROGRAM + 1, ENTRY_EVENT + 1, ENTRY_KEY + 1, ENTRY_LINE + 1}

static CoreTable entry_table = {
	.name = "entry",
	.index = "entry_key_key",
	.use = CORE_TABLE_INSERT,
	.ncolumns = ENTRY_COLUMNS,
	.columns = entry_columns,
	.nkeys = 4,
	.keys = ENTRY_BY_KEY
};

static CoreTable entry_by_key = {
	.name = "entry",
	.index = "entry_key_key",
	.use = CORE_TABLE_READ,
	.ncolumns = ENTRY_COLUMNS,
	.columns = entry_columns,
	.nkeys = 4,
	.keys = ENTRY_BY_KEY
};

static CoreTable entry_by_account = {
	.name = "entry",
	.index = "entry_pkey",
	.use = CORE_TABLE_READ,
	.ncolumns = ENTRY_COLUMNS,
	.columns = entry_columns,
	.nkeys = 4,
	.keys = {ENTRY_PROGRAM + 1, ENTRY_MEMBER + 1, ENTRY_CURRENCY + 1,
	ENTRY_ID + 1}
};

#define POSTING_COLUMNS	9

/* Can the entries of an account be read without SQL, or appended? */
bool
points_entries_are_usable(bool to_write)
{
	return core_table_is_usable(&entry_by_account) &&
		(!to_write || (core_table_is_usable(&entry_by_key) &&
					   core_table_is_usable(&entry_table)));
}

/* A number by which the same request is known again. */
int64
points_request_hash(const PointsRequest *request)
{
	return (int64) hash_bytes_extended((const unsigned char *) request,
									   sizeof(PointsRequest), 0);
}

static bool
append_by_sql(Datum *values, const bool *nulls)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.entry (program_id, entry_id, member_id,"
		" currency_id, event_id, points, effective_at, recorded_at, request,"
		" cut, reverses, line, posted, kind, key, delta, rule_ids,"
		" rule_points, cut_by, reason, actor) VALUES ($1, $2, $3, $4, $5, $6, $7, $8,"
		" $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)"
		" ON CONFLICT (program_id, event_id, key, line) DO NOTHING",
		.nargs = ENTRY_COLUMNS,
		.argtypes = {INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID,
			TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, INT8OID, INT8OID, INT4OID,
			BOOLOID, TEXTOID, TEXTOID, InvalidOid, INT8ARRAYOID, INT8ARRAYOID,
		INT8ARRAYOID, TEXTOID, TEXTOID},
		.own_type = "purse"
	};
	char		flags[ENTRY_COLUMNS + 1];
	int			i;

	for (i = 0; i < ENTRY_COLUMNS; i++)
		flags[i] = nulls[i] ? 'n' : ' ';
	flags[ENTRY_COLUMNS] = '\0';
	core_run(&plan, values, flags, false);
	return SPI_processed == 1;
}

static void
set_optional(Datum *values, bool *nulls, int column, Datum value)
{
	values[column] = value;
	nulls[column] = value == (Datum) 0;
}

/* An entry as a row; draws its id. */
static void
form_row(PointsEntry *entry, Datum actor, Datum *values, bool *nulls)
{
	memset(nulls, 0, ENTRY_COLUMNS * sizeof(bool));
	if (!entry->posted)
		points_announce_ids(entry->event_id);
	entry->entry_id = core_next_id();
	values[ENTRY_PROGRAM] = Int64GetDatum(entry->program);
	values[ENTRY_ID] = Int64GetDatum(entry->entry_id);
	values[ENTRY_MEMBER] = Int64GetDatum(entry->member);
	values[ENTRY_CURRENCY] = Int64GetDatum(entry->currency->id);
	values[ENTRY_EVENT] = Int64GetDatum(entry->event_id);
	values[ENTRY_POINTS] = Int64GetDatum(purse_total(entry->delta));
	values[ENTRY_EFFECTIVE_AT] = TimestampTzGetDatum(entry->effective_at);
	values[ENTRY_RECORDED_AT] = TimestampTzGetDatum(entry->recorded_at);
	values[ENTRY_REQUEST] = Int64GetDatum(entry->request);
	values[ENTRY_CUT] = Int64GetDatum(entry->cut);
	values[ENTRY_REVERSES] = Int64GetDatum(entry->reverses);
	nulls[ENTRY_REVERSES] = entry->reverses == 0;
	values[ENTRY_LINE] = Int32GetDatum(entry->line);
	values[ENTRY_POSTED] = BoolGetDatum(entry->posted);
	values[ENTRY_KIND] = CStringGetTextDatum(entry->kind);
	values[ENTRY_KEY] = entry->key;
	values[ENTRY_DELTA] = PointerGetDatum(entry->delta);
	set_optional(values, nulls, ENTRY_RULE_IDS, entry->rule_ids);
	set_optional(values, nulls, ENTRY_RULE_POINTS, entry->rule_points);
	set_optional(values, nulls, ENTRY_CUT_BY, entry->cut_by);
	set_optional(values, nulls, ENTRY_REASON, entry->reason);
	values[ENTRY_ACTOR] = actor;
}

static Datum
session_actor(void)
{
	return CStringGetTextDatum(GetUserNameFromId(GetSessionUserId(), false));
}

/* See ledger.h. */
PointsEarnedHook points_earned_hook = NULL;

static void
tell_earned(const PointsEntry *entry)
{
	if (points_earned_hook != NULL && !entry->own &&
		(strcmp(entry->kind, "accrue") == 0 ||
		 strcmp(entry->kind, "reverse") == 0))
		points_earned_hook(entry);
}

/*
 * Append an entry and draw its id.  False when its key is taken: callers have
 * looked for it, so that is a surprise.  An entry that no account holds yet
 * is announced, for whoever folds.
 */
bool
points_append(PointsEntry *entry)
{
	Datum		values[ENTRY_COLUMNS];
	bool		nulls[ENTRY_COLUMNS];

	form_row(entry, session_actor(), values, nulls);
	if (core_table_is_usable(&entry_table) ?
		!core_table_insert(&entry_table, values, nulls, true) :
		!append_by_sql(values, nulls))
		return false;
	tell_earned(entry);
	return true;
}

/* Credits that events have earned, many at once. */
struct PointsAppender
{
	CoreInsert *insert;			/* or NULL where SQL must do it */
	Datum		actor;
};

PointsAppender *
points_begin_append(void)
{
	PointsAppender *appender = palloc_object(PointsAppender);

	appender->actor = session_actor();
	appender->insert = core_table_is_usable(&entry_table) ?
		core_table_begin_insert(&entry_table) : NULL;
	return appender;
}

void
points_append_next(PointsAppender *appender, PointsEntry *entry)
{
	Datum		values[ENTRY_COLUMNS];
	bool		nulls[ENTRY_COLUMNS];

	form_row(entry, appender->actor, values, nulls);
	if (appender->insert != NULL)
		core_table_insert_row(appender->insert, values, nulls);
	else if (!append_by_sql(values, nulls))
		elog(ERROR, "event %lld has been rewarded already",
			 (long long) entry->event_id);
	tell_earned(entry);
}

void
points_end_append(PointsAppender *appender)
{
	if (appender->insert != NULL)
		core_table_end_insert(appender->insert);
	pfree(appender);
}

static bool
fetch_posting(int64 program, Datum key, int32 line, PointsPosting *posting)
{
	Datum		keys[4];
	Datum		values[ENTRY_COLUMNS];
	bool		nulls[ENTRY_COLUMNS];

	keys[0] = Int64GetDatum(program);
	keys[1] = Int64GetDatum(0);
	keys[2] = key;
	keys[3] = Int32GetDatum(line);
	if (!core_table_fetch(&entry_by_key, GetTransactionSnapshot(), keys,
						  values, nulls))
		return false;
	posting->entry_id = DatumGetInt64(values[ENTRY_ID]);
	posting->replay = true;
	posting->member = DatumGetInt64(values[ENTRY_MEMBER]);
	posting->currency_id = DatumGetInt64(values[ENTRY_CURRENCY]);
	posting->kind = TextDatumGetCString(values[ENTRY_KIND]);
	posting->points = DatumGetInt64(values[ENTRY_POINTS]);
	posting->delta = DatumGetPurseP(values[ENTRY_DELTA]);
	posting->effective_at = DatumGetTimestampTz(values[ENTRY_EFFECTIVE_AT]);
	posting->recorded_at = DatumGetTimestampTz(values[ENTRY_RECORDED_AT]);
	posting->request = DatumGetInt64(values[ENTRY_REQUEST]);
	return true;
}

/* The entry of a call with that key, and its line. */
bool
points_find_posting(int64 program, Datum key, int32 line,
					PointsPosting *posting)
{
	static CorePlan plan = {
		.sql = "SELECT entry_id, member_id, currency_id, kind, points, delta,"
		" effective_at, recorded_at, request FROM community.entry"
		" WHERE program_id = $1 AND event_id = 0 AND key = $2 AND line = $3",
		.nargs = 3,
		.argtypes = {INT8OID, TEXTOID, INT4OID}
	};
	Datum		values[3];
	bool		isnull;

	if (core_table_is_usable(&entry_by_key))
		return fetch_posting(program, key, line, posting);
	values[0] = Int64GetDatum(program);
	values[1] = key;
	values[2] = Int32GetDatum(line);
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		return false;
	posting->entry_id = core_int64(0, 1);
	posting->replay = true;
	posting->member = core_int64(0, 2);
	posting->currency_id = core_int64(0, 3);
	posting->kind = core_text(0, 4);
	posting->points = core_int64(0, 5);
	posting->delta = DatumGetPurseP(core_field(0, 6, &isnull));
	posting->effective_at = DatumGetTimestampTz(core_field(0, 7, &isnull));
	posting->recorded_at = DatumGetTimestampTz(core_field(0, 8, &isnull));
	posting->request = core_int64(0, 9);
	return true;
}

/*
 * Is there a call with that key?  When it asked for the same, this is a
 * replay and fills the posting; otherwise it is an error.
 */
bool
points_find_replay(int64 program, Datum key, const PointsRequest *request,
				   PointsPosting *posting)
{
	const char *recorded;
	const char *given;

	if (!points_find_posting(program, key, 0, posting))
		return false;
	if (posting->request == points_request_hash(request))
		return true;
	recorded = points_currency_by_id(program, posting->currency_id)->code;
	given = points_currency_by_id(program, request->currency_id)->code;
	ereport(ERROR,
			(errcode(COMMUNITY_ERRCODE_KEY_REUSED),
			 errmsg("idempotency key \"%s\" was used with other input",
					TextDatumGetCString(key)),
			 errdetail("Recorded: %s of %lld %s for member %lld. Given: %s of %lld %s for member %lld.",
					   posting->kind, (long long) posting->points, recorded,
					   (long long) posting->member, request->kind,
					   (long long) request->points, given,
					   (long long) request->member),
			 errhint("A key names one request for ever; give a new request a new key.")));
	return false;				/* keep compiler quiet */
}

static bool
add_credit(const Datum *values, const bool *nulls, void *arg)
{
	PointsCredits *credits = arg;
	Purse	   *delta;

	credits->entries++;
	if (DatumGetBool(values[ENTRY_POSTED]))
		return true;
	delta = DatumGetPurseP(values[ENTRY_DELTA]);
	purse_sum_add(&credits->sum, delta);
	if ((Pointer) delta != DatumGetPointer(values[ENTRY_DELTA]))
		pfree(delta);
	return true;
}

/*
 * Add up the credits of an account with ids after "from" up to "to" that the
 * snapshot sees, without SQL.  False when that takes SQL.
 */
bool
points_add_credits(const PointsCurrency *currency, int64 member,
				   Snapshot snapshot, int64 from, int64 to,
				   PointsCredits *credits)
{
	Datum		keys[3];

	if (!core_table_is_usable(&entry_by_account))
		return false;
	keys[0] = Int64GetDatum(currency->program);
	keys[1] = Int64GetDatum(member);
	keys[2] = Int64GetDatum(currency->id);
	core_table_scan(&entry_by_account, snapshot, keys, from, to, false,
					add_credit, credits);
	return true;
}

/* What is told about an entry that was just appended. */
void
points_posting_of(const PointsEntry *entry, PointsPosting *posting)
{
	posting->entry_id = entry->entry_id;
	posting->replay = false;
	posting->member = entry->member;
	posting->currency_id = entry->currency->id;
	posting->kind = pstrdup(entry->kind);
	posting->points = purse_total(entry->delta);
	posting->delta = entry->delta;
	posting->effective_at = entry->effective_at;
	posting->recorded_at = entry->recorded_at;
	posting->request = entry->request;
}

/*
 * Leave core_enter() or core_become_owner(), with the posting as a value of
 * its SQL type.
 */
Datum
points_leave(FunctionCallInfo fcinfo, CoreScope *scope, int64 program,
			 const PointsPosting *posting)
{
	Datum		values[POSTING_COLUMNS];
	bool		nulls[POSTING_COLUMNS] = {false};
	const char *code = points_kept_code(program, posting->currency_id);

	if (code == NULL)
	{
		core_connect(scope);
		code = points_currency_by_id(program, posting->currency_id)->code;
	}
	values[0] = Int64GetDatum(posting->entry_id);
	values[1] = BoolGetDatum(posting->replay);
	values[2] = Int64GetDatum(posting->member);
	values[3] = CStringGetTextDatum(code);
	values[4] = CStringGetTextDatum(posting->kind);
	values[5] = Int64GetDatum(posting->points);
	values[6] = PointerGetDatum(posting->delta);
	values[7] = TimestampTzGetDatum(posting->effective_at);
	values[8] = TimestampTzGetDatum(posting->recorded_at);
	return points_leave_with_row(fcinfo, scope, values, nulls);
}
