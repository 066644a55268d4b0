/*-------------------------------------------------------------------------
 *
 * event_insert.c
 *	  What record() does, without the executor.
 *
 * Does what the statements in record.c do, and gives way to them whenever one
 * of the tables is not as installed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "activity/activity.h"
#include "core/compat.h"
#include "core/core.h"
#include "core/table.h"
#include "core/tenant.h"
#include "score/engagement.h"

/* columns of event */
enum
{
	EVENT_PROGRAM, EVENT_ID, EVENT_MEMBER, EVENT_AMOUNT, EVENT_OCCURRED_AT,
	EVENT_RECORDED_AT, EVENT_ENGAGEMENT, EVENT_TARGET, EVENT_CORRECTS,
	EVENT_REVISION, EVENT_OCCURRED_AT_GIVEN, EVENT_KIND, EVENT_TYPE,
	EVENT_SOURCE, EVENT_KEY, EVENT_REASON, EVENT_ACTOR, EVENT_PAYLOAD,
	EVENT_COLUMNS
};

static const char *const event_columns[EVENT_COLUMNS] = {
	"program_id", "event_id", "member_id", "amount", "occurred_at",
	"recorded_at", "engagement", "target_id", "corrects", "revision",
	"occurred_at_given", "kind", "type", "source", "key", "reason", "actor",
	"payload"
};

static CoreTable event_table = {
	.name = "event",
	.index = "event_key_key",
	.use = CORE_TABLE_INSERT,
	.ncolumns = EVENT_COLUMNS,
	.columns = event_columns,
	.nkeys = 4,
	.keys = {EVENT_PROGRAM + 1, EVENT_KEY + 1, EVENT_SOURCE + 1,
	EVENT_REVISION + 1}
};

static CoreTable member_by_external_id = {
	.name = "member",
	.index = "member_external_id_key",
	.use = CORE_TABLE_READ,
	.ncolumns = CORE_MEMBER_COLUMNS,
	.columns = core_member_columns,
	.nkeys = 2,
	.keys = {CORE_MEMBER_PROGRAM + 1, CORE_MEMBER_EXTERNAL_ID + 1}
};

/* Are all tables that recording this event touches as installed? */
static bool
tables_are_usable(const ActivityEvent *event)
{
	return core_table_is_usable(&event_table) &&
		(!event->has_target || core_table_is_usable(&core_member_table)) &&
		(!event->by_external_id ||
		 core_table_is_usable(&member_by_external_id)) &&
		score_engagement_is_usable();
}

/* The member with the external id of the event; false when there is none. */
static bool
find_by_external_id(const ActivityEvent *event, int64 *member)
{
	Datum		keys[2];
	Datum		values[CORE_MEMBER_COLUMNS];
	bool		nulls[CORE_MEMBER_COLUMNS];

	keys[0] = Int64GetDatum(event->program);
	keys[1] = event->external_id;
	if (!core_table_fetch(&member_by_external_id, GetTransactionSnapshot(),
						  keys, values, nulls))
		return false;
	*member = DatumGetInt64(values[CORE_MEMBER_ID]);
	return true;
}

static bool
target_exists(const ActivityEvent *event)
{
	Datum		keys[2];
	Datum		values[CORE_MEMBER_COLUMNS];
	bool		nulls[CORE_MEMBER_COLUMNS];

	if (!event->has_target)
		return true;
	keys[0] = Int64GetDatum(event->program);
	keys[1] = Int64GetDatum(event->target);
	return core_table_fetch(&core_member_table, GetTransactionSnapshot(),
							keys, values, nulls);
}

/* A JSON value that is made once a session. */
static Datum
kept_json(Jsonb **kept, const char *json)
{
	if (*kept == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

		*kept = DatumGetJsonbP(DirectFunctionCall1(jsonb_in,
												   CStringGetDatum(json)));
		MemoryContextSwitchTo(old);
	}
	return JsonbPGetDatum(*kept);
}

/* The payload of an event without one. */
Datum
activity_empty_object(void)
{
	static Jsonb *object = NULL;

	return kept_json(&object, "{}");
}

/* What a receipt tells where nothing has changed. */
Datum
activity_empty_array(void)
{
	static Jsonb *array = NULL;

	return kept_json(&array, "[]");
}

/* The event as a row, but for what is the same for all. */
static void
form_event(const ActivityEvent *event, const ActivityReceipt *receipt,
		   double engagement, Datum *values, bool *nulls)
{
	values[EVENT_PROGRAM] = Int64GetDatum(event->program);
	values[EVENT_ID] = Int64GetDatum(receipt->event_id);
	values[EVENT_MEMBER] = Int64GetDatum(receipt->member);
	values[EVENT_AMOUNT] = Int64GetDatum(event->amount);
	values[EVENT_OCCURRED_AT] = TimestampTzGetDatum(event->occurred_at);
	values[EVENT_RECORDED_AT] = TimestampTzGetDatum(receipt->recorded_at);
	values[EVENT_ENGAGEMENT] = Float8GetDatum(engagement);
	values[EVENT_TARGET] = Int64GetDatum(event->target);
	nulls[EVENT_TARGET] = !event->has_target;
	values[EVENT_OCCURRED_AT_GIVEN] = BoolGetDatum(event->occurred_at_given);
	values[EVENT_TYPE] = event->type;
	values[EVENT_SOURCE] = event->source;
	values[EVENT_KEY] = event->key;
	values[EVENT_PAYLOAD] = event->payload != (Datum) 0 ? event->payload :
		activity_empty_object();
}

/* What is the same for all events that are no corrections. */
static void
form_common(Datum *values, bool *nulls)
{
	memset(values, 0, EVENT_COLUMNS * sizeof(Datum));
	memset(nulls, 0, EVENT_COLUMNS * sizeof(bool));
	nulls[EVENT_CORRECTS] = true;
	values[EVENT_REVISION] = Int32GetDatum(0);
	values[EVENT_KIND] = CStringGetTextDatum("record");
	nulls[EVENT_REASON] = true;
	values[EVENT_ACTOR] =
		CStringGetTextDatum(GetUserNameFromId(GetSessionUserId(), false));
}

/* Insert the event of a member that is known; false when its key is. */
static bool
insert_event(const ActivityEvent *event, ActivityReceipt *receipt,
			 double engagement)
{
	Datum		values[EVENT_COLUMNS];
	bool		nulls[EVENT_COLUMNS];

	receipt->event_id = core_next_id();
	receipt->recorded_at = GetCurrentTimestamp();
	form_common(values, nulls);
	form_event(event, receipt, engagement, values, nulls);
	return core_table_insert(&event_table, values, nulls, event->is_new);
}

/* ----- many events ----- */

struct ActivityInserter
{
	CoreUpdate *update;
	int64		rows;
	int64		known;			/* of these, rows whose keys were known */
	Datum		values[EVENT_COLUMNS];
	bool		nulls[EVENT_COLUMNS];
};

/*
 * Begin to insert any number of events of members that are known.  NULL when
 * the table must be left to SQL.
 */
ActivityInserter *
activity_begin_events(void)
{
	ActivityInserter *inserter;

	if (!core_table_is_usable(&event_table))
		return NULL;
	inserter = palloc0_object(ActivityInserter);
	form_common(inserter->values, inserter->nulls);
	inserter->update = core_table_begin_update(&event_table);
	return inserter;
}

/* Insert an event; false when its key is known. */
bool
activity_insert_next(ActivityInserter *inserter, const ActivityEvent *event,
					 double engagement, int64 *event_id)
{
	ActivityReceipt receipt = {0};
	bool		inserted;

	receipt.event_id = *event_id = core_next_id();
	receipt.member = event->member;
	receipt.recorded_at = GetCurrentTimestamp();
	form_event(event, &receipt, engagement, inserter->values,
			   inserter->nulls);
	/* look for the key first where many were known */
	inserted = core_table_add_row(inserter->update, inserter->values,
								  inserter->nulls,
								  16 * inserter->known <= inserter->rows);
	inserter->rows++;
	inserter->known += inserted ? 0 : 1;
	return inserted;
}

void
activity_end_events(ActivityInserter *inserter)
{
	core_table_end_update(inserter->update);
	pfree(inserter);
}

/* ----- one event ----- */

/*
 * Record the event: look for the member, claim the key, then lock the member
 * and add its engagement.  Inside core_become_owner(), which is enough.
 */
ActivityOutcome
activity_record_directly(const ActivityEvent *event, ActivityReceipt *receipt)
{
	CoreUpdate *update;
	double		engagement;
	bool		found;

	if (!tables_are_usable(event) || !activity_weigh(event, &engagement))
		return ACTIVITY_LEFT_TO_SQL;
	receipt->member = event->member;
	if ((event->by_external_id &&
		 !find_by_external_id(event, &receipt->member)) ||
		!target_exists(event))
		return ACTIVITY_NOT_INSERTED;
	update = score_find_engagement(event->program, receipt->member, &found);
	if (!found || !insert_event(event, receipt, engagement))
	{
		core_table_end_update(update);
		return ACTIVITY_NOT_INSERTED;
	}
	return score_add_to_found(update, engagement, event->occurred_at, false) ?
		ACTIVITY_INSERTED : ACTIVITY_MEMBER_REFUSED;
}
