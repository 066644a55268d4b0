/*-------------------------------------------------------------------------
 *
 * event_read.c
 *	  Events of one member as they count, read without SQL.
 *
 * What community.counted_event says, for whoever needs a few events next to
 * each other in time: net of what corrects them, without those that were taken
 * back.  Those of members who were merged into this one are not among them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/table.h"
#include "core/tenant.h"
#include "tier/gauge.h"
#include "tier/note.h"

#define EVENT_TABLE \
	.name = "event", \
	.use = CORE_TABLE_READ, \
	.ncolumns = CORE_EVENT_COLUMNS, \
	.columns = core_event_columns, \
	.many = true

static CoreTable event_by_time = {
	EVENT_TABLE,
	.index = "event_member_idx",
	.nkeys = 3,
	.keys = {CORE_EVENT_PROGRAM + 1, CORE_EVENT_MEMBER + 1,
	CORE_EVENT_OCCURRED_AT + 1}
};
static CoreTable event_by_target = {
	EVENT_TABLE,
	.index = "event_target_idx",
	.nkeys = 4,
	.keys = {CORE_EVENT_PROGRAM + 1, CORE_EVENT_TARGET + 1,
	CORE_EVENT_MEMBER + 1, CORE_EVENT_OCCURRED_AT + 1}
};
static CoreTable event_by_corrected = {
	EVENT_TABLE,
	.index = "event_corrects_idx",
	.nkeys = 3,
	.keys = {CORE_EVENT_PROGRAM + 1, CORE_EVENT_MEMBER + 1,
	CORE_EVENT_CORRECTS + 1}
};

/* members that were merged, found by whom they were merged into */
static const char *const merge_columns[] = {
	"program_id", "member_id", "into_id", "bearer_id", "key", "merged_at",
	"actor"
};

static CoreTable merge_by_bearer = {
	.name = "member_merge",
	.index = "member_merge_bearer_idx",
	.use = CORE_TABLE_READ,
	.ncolumns = lengthof(merge_columns),
	.columns = merge_columns,
	.nkeys = 2,
	.keys = {1, 4},
	.many = true
};

/* What corrects an event. */
typedef struct Correction
{
	int64		amount;
	double		score;
	int			revision;		/* of the last of them */
	bool		taken;			/* back, by that one */
} Correction;

/* A look at events. */
typedef struct Look
{
	TierReader *reader;
	const TierMeter *meter;
	TierVisit	visit;
	void	   *arg;
} Look;

static bool
note_row(const Datum *values, const bool *nulls, void *arg)
{
	*(bool *) arg = true;
	return false;
}

/*
 * Visit rows of a table through a scan of the reader's, which is opened when
 * it is needed first.  While that one goes on, another one is made.
 */
static void
scan_with(TierReader *reader, CoreScanner **scanner, CoreTable *table,
		  const Datum *keys, int64 after, int64 to, bool backward,
		  CoreVisit visit, void *arg)
{
	if (*scanner == NULL)
	{
		MemoryContext caller = MemoryContextSwitchTo(reader->context);

		*scanner = core_table_begin_scan(table, reader->snapshot);
		MemoryContextSwitchTo(caller);
	}
	if (!core_table_scan_with(*scanner, keys, after, to, backward, visit,
							  arg))
		core_table_scan(table, reader->snapshot, keys, after, to, backward,
						visit, arg);
}

/*
 * See whether any event of a member was corrected.  False when it bears what
 * others did.
 */
static bool
look_closer(TierReader *reader)
{
	Datum		keys[2];
	bool		bears = false;

	keys[0] = Int64GetDatum(reader->program);
	keys[1] = Int64GetDatum(reader->member);
	core_table_scan(&merge_by_bearer, reader->snapshot, keys,
					reader->member - 1, reader->member, false, note_row,
					&bears);
	if (!bears)
		scan_with(reader, &reader->by_corrected, &event_by_corrected, keys,
				  PG_INT64_MIN, PG_INT64_MAX, false, note_row,
				  &reader->corrected);
	return !bears;
}

/*
 * Make ready to read events of a member, who is locked, so that one snapshot
 * does for all of it.  False when that must be left to SQL: a table is not as
 * installed, or the member bears what others did.  "plain" says that it does
 * not, and that none of its events was corrected.
 */
bool
tier_begin_reading(int64 program, int64 member, bool plain,
				   MemoryContext context, TierReader *reader)
{
	if (reader->ready)
		return true;
	if (!core_table_is_usable(&event_by_time) ||
		!core_table_is_usable(&event_by_target) ||
		!core_table_is_usable(&event_by_corrected) ||
		(!plain && !core_table_is_usable(&merge_by_bearer)))
		return false;
	reader->program = program;
	reader->member = member;
	reader->corrected = false;
	reader->context = context;
	reader->snapshot = RegisterSnapshot(GetTransactionSnapshot());
	reader->ready = true;
	if (plain || look_closer(reader))
		return true;
	tier_end_reading(reader);
	return false;
}

/* Close what was opened for it. */
void
tier_end_reading(TierReader *reader)
{
	CoreScanner *const scanners[] = {reader->by_time, reader->by_target,
	reader->by_corrected};
	int			i;

	if (!reader->ready)
		return;
	for (i = 0; i < lengthof(scanners); i++)
		if (scanners[i] != NULL)
			core_table_end_scan(scanners[i]);
	UnregisterSnapshot(reader->snapshot);
	reader->ready = false;
}

static bool
add_correction(const Datum *values, const bool *nulls, void *arg)
{
	Correction *correction = (Correction *) arg;
	int			revision = DatumGetInt32(values[CORE_EVENT_REVISION]);
	text	   *kind = DatumGetTextPP(values[CORE_EVENT_KIND]);

	correction->amount += DatumGetInt64(values[CORE_EVENT_AMOUNT]);
	correction->score += DatumGetFloat8(values[CORE_EVENT_ENGAGEMENT]);
	if (revision >= correction->revision)
	{
		correction->revision = revision;
		correction->taken = core_text_is(kind, "reverse") ||
			core_text_is(kind, "retract");
	}
	return true;
}

/* Make an item of an event that the measure counts. */
static bool
visit_event(const Datum *values, const bool *nulls, void *arg)
{
	const Look *look = (const Look *) arg;
	Correction	correction = {0};
	TierItem	item;

	if (!nulls[CORE_EVENT_CORRECTS] ||
		(look->meter->kind != TIER_ENGAGEMENT &&
		 !tier_counts_activity(look->meter, values[CORE_EVENT_TYPE],
							   values[CORE_EVENT_PAYLOAD])))
		return true;
	item.id = DatumGetInt64(values[CORE_EVENT_ID]);
	item.member = DatumGetInt64(values[CORE_EVENT_MEMBER]);
	if (look->reader->corrected)
	{
		Datum		keys[2];

		keys[0] = values[CORE_EVENT_PROGRAM];
		keys[1] = values[CORE_EVENT_MEMBER];
		scan_with(look->reader, &look->reader->by_corrected,
				  &event_by_corrected, keys, item.id - 1, item.id, false,
				  add_correction, &correction);
	}
	item.at = DatumGetTimestampTz(values[CORE_EVENT_OCCURRED_AT]);
	item.amount = DatumGetInt64(values[CORE_EVENT_AMOUNT]) +
		correction.amount;
	item.score = DatumGetFloat8(values[CORE_EVENT_ENGAGEMENT]) +
		correction.score;
	item.key = nulls[CORE_EVENT_TARGET] ? TIER_NO_KEY :
		DatumGetInt64(values[CORE_EVENT_TARGET]);
	if (correction.taken && item.amount == 0)
		return true;
	return look->visit(&item, look->arg);
}

/*
 * Visit the events of a member after a time and up to another that a measure
 * counts, in the order of time or backward.  With "target" only those with
 * that counterpart.  The item is good while it is visited.
 */
void
tier_read_events(TierReader *reader, const int64 *target,
				 const TierMeter *meter, TimestampTz after, TimestampTz to,
				 bool backward, TierVisit visit, void *arg)
{
	Look		look = {reader, meter, visit, arg};
	Datum		keys[3];

	if (after >= to)
		return;
	keys[0] = Int64GetDatum(reader->program);
	if (target == NULL)
	{
		keys[1] = Int64GetDatum(reader->member);
		scan_with(reader, &reader->by_time, &event_by_time, keys, after, to,
				  backward, visit_event, &look);
		return;
	}
	keys[1] = Int64GetDatum(*target);
	keys[2] = Int64GetDatum(reader->member);
	scan_with(reader, &reader->by_target, &event_by_target, keys, after, to,
			  backward, visit_event, &look);
}

/* ----- which of several events counts a day or a counterpart ----- */

/* A look for the next or last event of the same day or counterpart. */
typedef struct Probe
{
	const TierItem *item;
	bool		strictly;		/* by id where times are the same */
	bool		backward;
	bool		found;
	TimestampTz at;
} Probe;

static bool
visit_other(const TierItem *item, void *arg)
{
	Probe	   *probe = (Probe *) arg;

	if (item->id == probe->item->id ||
		(probe->strictly && item->at == probe->item->at &&
		 (item->id > probe->item->id) == probe->backward))
		return true;
	probe->found = true;
	probe->at = item->at;
	return false;
}

/*
 * The event of the same day, or with the same counterpart, that comes before
 * an event and not at or before "limit", or that comes after it up to
 * "limit".  With "strictly" events of the same time follow each other by id;
 * else any other one of that time will do.
 */
bool
tier_find_same(TierReader *reader, const TierLadders *ladders,
			   const TierMeter *meter, const TierItem *item, bool backward,
			   TimestampTz limit, bool strictly, TimestampTz *at)
{
	Probe		probe = {item, strictly, backward, false, 0};
	const int64 *target = &item->key;

	if (meter->kind == TIER_DISTINCT_DAYS)
	{
		TimestampTz from;
		TimestampTz to;

		tier_day(ladders, item->at, &from, &to);
		limit = backward ? Max(limit, from - 1) : Min(limit, to - 1);
		target = NULL;
	}
	if (backward)
		tier_read_events(reader, target, meter,
						 limit, item->at, true, visit_other, &probe);
	else
		tier_read_events(reader, target, meter,
						 item->at - 1, limit, false, visit_other, &probe);
	*at = probe.at;
	return probe.found;
}
