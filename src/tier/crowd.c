/*-------------------------------------------------------------------------
 *
 * crowd.c
 *	  All events, points and referrals of many members, read in one go.
 *
 * Whoever is walked from the beginning needs everything that ever happened to
 * a member.  It is read in the order of members and time, each table once for
 * all measures; an event and what corrects it are of one member, and were done
 * to one, so they meet here, and come to what community.counted_event says.
 *
 * Members may be given as a list, or be all there are.  Then the tables are
 * read by cursors, and of what was read no more is kept than the members at
 * hand need.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "miscadmin.h"
#include "tcop/pquery.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "tier/gauge.h"

/* rows that are taken from a cursor at once */
#define FETCH_ROWS		10000

/* What changes an event or an entry. */
typedef struct Correction
{
	int64		member;
	int64		of;
	int64		revision;
	bool		takes;			/* back, rather than adjusts */
	int64		amount;
	double		score;
} Correction;

/* The items of one measure, in the order of members and time. */
typedef struct ItemList
{
	const TierMeter *meter;
	int64		count;
	int64		ready;			/* of these, corrected */
	int64		max;
	TierItem   *items;
} ItemList;

/* One table, for all measures that count what is in it. */
typedef struct Source
{
	DestReceiver pub;
	TierCrowd  *crowd;
	int64		currency;		/* of entries, or one of those below */
	TimestampTz since;			/* what was earned before is of no use */
	Portal		portal;			/* NULL when there is no more */
	int64		reached;		/* member of the newest row */
	int			nlists;
	int			maxlists;
	ItemList   *lists;
	int64		ncorrections;
	int64		maxcorrections;
	Correction *corrections;
} Source;

/* What is not in entries. */
#define NO_CURRENCY		0		/* events */
#define REFERRALS		(-1)
#define RECEIVED		(-2)	/* events, by whom they were done to */

struct TierCrowd
{
	MemoryContext context;
	MemoryContext scratch;		/* for one row */
	int64		program;
	int			nsources;
	int			maxsources;
	Source	  **sources;
};

enum
{
	ROW_MEMBER, ROW_ID, ROW_AT, ROW_AMOUNT, ROW_SCORE, ROW_KEY, ROW_CORRECTS,
	ROW_REVISION, ROW_TAKES, ROW_TYPE, ROW_PAYLOAD
};

/*
 * $1 program, $2 members, $3 until, $4 types or currency, $5 since; and what
 * is wanted of events: $6 engagement, $7 counterparts, $8 types, $9 payload.
 */
#define EVENT_ROWS \
	"SELECT u.bearer_id, c.event_id, c.occurred_at, c.amount," \
	" CASE WHEN $6 THEN c.engagement END, CASE WHEN $7 THEN c.target_id END," \
	" c.corrects, CASE WHEN c.corrects IS NOT NULL THEN c.revision::bigint END," \
	" CASE WHEN c.corrects IS NOT NULL THEN c.kind IN ('reverse', 'retract') END," \
	" CASE WHEN $8 THEN c.type END, CASE WHEN $9 THEN c.payload END"
#define RECEIVED_EVENTS \
	"(SELECT y.program_id, y.event_id, y.target_id AS member_id, y.type," \
	" y.occurred_at, y.amount, y.engagement, y.member_id AS target_id," \
	" y.corrects, y.revision, y.kind, y.payload FROM community.event AS y" \
	" WHERE y.target_id IS NOT NULL)"
#define EVENT_CONDITION \
	" (c.corrects IS NOT NULL OR (c.occurred_at > $5" \
	"  AND c.occurred_at <= $3" \
	"  AND ($4 IS NULL OR c.type = ANY ($4))))"
#define ENTRY_ROWS \
	"SELECT u.bearer_id, c.entry_id, c.effective_at," \
	" CASE c.kind WHEN 'accrue' THEN c.points ELSE c.points - c.cut END," \
	" NULL::double precision, nullif(c.event_id, 0)," \
	" CASE c.kind WHEN 'reverse' THEN c.reverses END, 0::bigint, false," \
	" NULL::text, NULL::jsonb"
#define ENTRY_CONDITION \
	" c.currency_id = $4 AND (c.kind = 'reverse'" \
	"  OR (c.kind = 'accrue' AND c.effective_at > $5" \
	"   AND c.effective_at <= $3))" \
	" AND num_nulls($6, $7, $8, $9) = 0"

#define REFERRAL_ROWS \
	"SELECT u.bearer_id, c.given_id, c.qualified_at, 1::bigint," \
	" 0::double precision, NULL::bigint, NULL::bigint, 0::bigint, false," \
	" NULL::text, NULL::jsonb"
#define REFERRAL_CONDITION \
	" c.qualified_at > $5 AND c.qualified_at <= $3 AND $4 IS NOT NULL" \
	" AND num_nulls($6, $7, $8, $9) = 0"

/* What members did who were merged into another counts for that one. */
#define OF_LIST(relation) \
	" FROM (SELECT m.id AS bearer_id, m.id AS member_id" \
	"  FROM unnest($2) AS m (id) UNION ALL" \
	"  SELECT m.id, g.member_id FROM unnest($2) AS m (id), LATERAL" \
	"  (SELECT x.member_id FROM community.member_merge AS x" \
	"   WHERE x.program_id = $1 AND x.bearer_id = m.id OFFSET 0) AS g) AS u," \
	" LATERAL (SELECT x.* FROM " relation " AS x WHERE x.program_id = $1" \
	"  AND x.member_id = u.member_id OFFSET 0) AS c WHERE"
#define OF_ALL(relation) \
	" FROM " relation " AS c LEFT JOIN community.member_merge AS g" \
	" ON g.program_id = $1 AND g.member_id = c.member_id, LATERAL" \
	" (SELECT coalesce(g.bearer_id, c.member_id) AS bearer_id) AS u" \
	" WHERE c.program_id = $1 AND $2 IS NULL AND"

/*
 * Rows in the order of members and time.  An index has that order, but who
 * reads all of a large table by it touches pages at random, many times each:
 * several times slower than reading it as it lies and sorting.  So the sort
 * is by something that no index has.
 */
#define IN_ORDER(time)	" ORDER BY u.bearer_id, c." time
#define SORTED(time)	" ORDER BY u.bearer_id + 0, c." time

#define ROW_ARGS(type) \
	.by_index = true, \
	.nargs = 9, \
	.argtypes = {INT8OID, INT8ARRAYOID, TIMESTAMPTZOID, type, \
	TIMESTAMPTZOID, BOOLOID, BOOLOID, BOOLOID, BOOLOID}

static CorePlan list_plans[] = {
	{.sql = EVENT_ROWS OF_LIST("community.event") EVENT_CONDITION
	IN_ORDER("occurred_at"), ROW_ARGS(TEXTARRAYOID)},
	{.sql = ENTRY_ROWS OF_LIST("community.entry") ENTRY_CONDITION
	IN_ORDER("effective_at"), ROW_ARGS(INT8OID)},
	{.sql = REFERRAL_ROWS OF_LIST("community.qualified_referral")
	REFERRAL_CONDITION IN_ORDER("qualified_at"), ROW_ARGS(INT8OID)},
	{.sql = EVENT_ROWS OF_LIST(RECEIVED_EVENTS) EVENT_CONDITION
	IN_ORDER("occurred_at"), ROW_ARGS(TEXTARRAYOID)}
};
static const CorePlan all_plans[] = {
	{.sql = EVENT_ROWS OF_ALL("community.event") EVENT_CONDITION
	SORTED("occurred_at"), ROW_ARGS(TEXTARRAYOID)},
	{.sql = ENTRY_ROWS OF_ALL("community.entry") ENTRY_CONDITION
	SORTED("effective_at"), ROW_ARGS(INT8OID)},
	{.sql = REFERRAL_ROWS OF_ALL("community.qualified_referral")
	REFERRAL_CONDITION SORTED("qualified_at"), ROW_ARGS(INT8OID)},
	{.sql = EVENT_ROWS OF_ALL(RECEIVED_EVENTS) EVENT_CONDITION
	SORTED("occurred_at"), ROW_ARGS(TEXTARRAYOID)}
};

/* Which of these plans reads a source. */
static int
plan_of(const Source *source)
{
	return source->currency == NO_CURRENCY ? 0 :
		source->currency == REFERRALS ? 2 :
		source->currency == RECEIVED ? 3 : 1;
}

static bool
is_of_events(const Source *source)
{
	return source->currency == NO_CURRENCY || source->currency == RECEIVED;
}

/* Begin with nothing to read. */
TierCrowd *
tier_crowd_begin(const TierLadders *ladders)
{
	TierCrowd  *crowd;
	MemoryContext context;

	context = AllocSetContextCreate(CurrentMemoryContext, "community crowd",
									ALLOCSET_DEFAULT_SIZES);
	crowd = MemoryContextAllocZero(context, sizeof(TierCrowd));
	crowd->context = context;
	crowd->scratch = AllocSetContextCreate(context, "community crowd row",
										   ALLOCSET_SMALL_SIZES);
	crowd->program = ladders->program;
	return crowd;
}

/* Room for one more. */
static void *
enlarge(TierCrowd *crowd, void *array, int64 count, int64 *max, Size size)
{
	if (count < *max)
		return array;
	*max = Max(16, *max * 2);
	return array == NULL ?
		MemoryContextAllocHuge(crowd->context, *max * size) :
		repalloc_huge(array, *max * size);
}

/* Where a measure is read from; NULL when it is from no table. */
static Source *
find_source(TierCrowd *crowd, const TierMeter *meter, bool add)
{
	int64		currency = meter->kind == TIER_POINTS ? meter->currency_id :
	meter->kind == TIER_QUALIFIED_REFERRALS ? REFERRALS :
	meter->received ? RECEIVED : NO_CURRENCY;
	int64		max = crowd->maxsources;
	int			i;

	if (meter->kind == TIER_MEMBERSHIP_DAYS || meter->kind == TIER_FUNCTION)
		return NULL;
	for (i = 0; i < crowd->nsources; i++)
		if (crowd->sources[i]->currency == currency)
			return crowd->sources[i];
	if (!add)
		return NULL;
	crowd->sources = enlarge(crowd, crowd->sources, crowd->nsources, &max,
							 sizeof(Source *));
	crowd->maxsources = (int) max;
	crowd->sources[crowd->nsources] =
		MemoryContextAllocZero(crowd->context, sizeof(Source));
	crowd->sources[crowd->nsources]->crowd = crowd;
	crowd->sources[crowd->nsources]->currency = currency;
	return crowd->sources[crowd->nsources++];
}

static ItemList *
find_list(const Source *source, const TierMeter *meter)
{
	int			i;

	for (i = 0; i < source->nlists; i++)
		if (source->lists[i].meter->measure_id == meter->measure_id)
			return &source->lists[i];
	return NULL;
}

/* Let a measure be read too, of what happened after a time. */
void
tier_crowd_add(TierCrowd *crowd, const TierMeter *meter, TimestampTz since)
{
	Source	   *source = find_source(crowd, meter, true);
	int64		max;

	if (source == NULL)
		return;
	source->since = source->nlists == 0 ? since : Min(source->since, since);
	if (find_list(source, meter) != NULL)
		return;
	max = source->maxlists;
	source->lists = enlarge(crowd, source->lists, source->nlists, &max,
							sizeof(ItemList));
	source->maxlists = (int) max;
	memset(&source->lists[source->nlists], 0, sizeof(ItemList));
	source->lists[source->nlists++].meter = meter;
}

/* All measures of a ladder. */
void
tier_crowd_add_ladder(TierCrowd *crowd, const TierProgramLadder *ladder)
{
	int			i;

	for (i = 0; i < ladder->algo.ngauges; i++)
		tier_crowd_add(crowd, &ladder->meters[i], DT_NOBEGIN);
}

/* The types of event that are counted, or 0 for all. */
static Datum
counted_types(const Source *source)
{
	ArrayBuildState *types = initArrayResult(TEXTOID, CurrentMemoryContext,
											 false);
	int			i;
	int			j;

	for (i = 0; i < source->nlists; i++)
	{
		const TierMeter *meter = source->lists[i].meter;

		if (meter->types == NULL)
			return (Datum) 0;
		for (j = 0; j < meter->ntypes; j++)
			types = accumArrayResult(types, meter->type_names[j], false,
									 TEXTOID, CurrentMemoryContext);
	}
	return makeArrayResult(types, CurrentMemoryContext);
}

/* ----- taking rows ----- */

static bool
is_type(const TierMeter *meter, const text *wanted)
{
	int			i;

	for (i = 0; i < meter->ntypes; i++)
	{
		const text *name = DatumGetTextPP(meter->type_names[i]);

		if (VARSIZE_ANY_EXHDR(name) == VARSIZE_ANY_EXHDR(wanted) &&
			memcmp(VARDATA_ANY(name), VARDATA_ANY(wanted),
				   VARSIZE_ANY_EXHDR(name)) == 0)
			return true;
	}
	return false;
}

/* Does a measure count an event?  One alone is asked for by type in SQL. */
static bool
counts(const Source *source, const TierMeter *meter, const Datum *values)
{
	MemoryContext old;
	bool		result;

	if (source->nlists > 1 && meter->types != NULL &&
		!is_type(meter, DatumGetTextPP(values[ROW_TYPE])))
		return false;
	if (meter->filter == NULL)
		return true;
	old = MemoryContextSwitchTo(source->crowd->scratch);
	result = DatumGetBool(DirectFunctionCall2(jsonb_contains,
											  values[ROW_PAYLOAD],
											  JsonbPGetDatum(meter->filter)));
	MemoryContextSwitchTo(old);
	MemoryContextReset(source->crowd->scratch);
	return result;
}

static void
take_correction(Source *source, const Datum *values)
{
	Correction *correction;

	source->corrections = enlarge(source->crowd, source->corrections,
								  source->ncorrections,
								  &source->maxcorrections,
								  sizeof(Correction));
	correction = &source->corrections[source->ncorrections++];
	correction->member = DatumGetInt64(values[ROW_MEMBER]);
	correction->of = DatumGetInt64(values[ROW_CORRECTS]);
	correction->revision = DatumGetInt64(values[ROW_REVISION]);
	correction->takes = DatumGetBool(values[ROW_TAKES]);
	correction->amount = DatumGetInt64(values[ROW_AMOUNT]);
	/* of entries, and where it is not wanted, it is null and 0 */
	correction->score = DatumGetFloat8(values[ROW_SCORE]);
}

static void
take_item(Source *source, ItemList *list, TupleTableSlot *slot)
{
	const Datum *values = slot->tts_values;
	TierItem   *item;

	list->items = enlarge(source->crowd, list->items, list->count, &list->max,
						  sizeof(TierItem));
	item = &list->items[list->count++];
	item->member = DatumGetInt64(values[ROW_MEMBER]);
	item->id = DatumGetInt64(values[ROW_ID]);
	item->at = DatumGetTimestampTz(values[ROW_AT]);
	item->amount = DatumGetInt64(values[ROW_AMOUNT]);
	item->score = DatumGetFloat8(values[ROW_SCORE]);
	item->key = slot->tts_isnull[ROW_KEY] ? TIER_NO_KEY :
		DatumGetInt64(values[ROW_KEY]);
}

static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	Source	   *source = (Source *) self;
	int			i;

	slot_getallattrs(slot);
	source->reached = DatumGetInt64(slot->tts_values[ROW_MEMBER]);
	if (!slot->tts_isnull[ROW_CORRECTS])
		take_correction(source, slot->tts_values);
	else
		for (i = 0; i < source->nlists; i++)
			if (!is_of_events(source) ||
				counts(source, source->lists[i].meter, slot->tts_values))
				take_item(source, &source->lists[i], slot);
	return true;
}

static void
receive_startup(DestReceiver *self, int operation, TupleDesc desc)
{
}

static void
receive_nothing(DestReceiver *self)
{
}

static DestReceiver *
receiver(Source *source)
{
	source->pub.receiveSlot = receive_row;
	source->pub.rStartup = receive_startup;
	source->pub.rShutdown = receive_nothing;
	source->pub.rDestroy = receive_nothing;
	source->pub.mydest = DestNone;
	return &source->pub;
}

/* ----- correcting them ----- */

static int
compare_corrections(const void *a, const void *b)
{
	const Correction *x = (const Correction *) a;
	const Correction *y = (const Correction *) b;

	if (x->member != y->member)
		return x->member < y->member ? -1 : 1;
	if (x->of != y->of)
		return x->of < y->of ? -1 : 1;
	return x->revision < y->revision ? -1 : x->revision > y->revision;
}

/* The first correction of an item, or behind it where there is none. */
static int64
first_correction(const Source *source, int64 count, const TierItem *item)
{
	int64		low = 0;
	int64		high = count;

	while (low < high)
	{
		int64		middle = low + (high - low) / 2;
		const Correction *c = &source->corrections[middle];

		if (c->member < item->member ||
			(c->member == item->member && c->of < item->id))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Correct an item; false when it was taken back altogether. */
static bool
correct_item(const Source *source, int64 count, TierItem *item)
{
	int64		i = first_correction(source, count, item);
	double		score = 0;
	bool		takes = false;

	for (; i < count; i++)
	{
		const Correction *c = &source->corrections[i];

		if (c->member != item->member || c->of != item->id)
			break;
		if (pg_add_s64_overflow(item->amount, c->amount, &item->amount))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("amount of event %lld with its corrections is out of range",
							(long long) item->id)));
		score += c->score;
		takes = c->takes;
	}
	item->score += score;
	return !takes || item->amount != 0;
}

/* Correct the items of members up to one, all of whose rows were read. */
static void
settle_list(const Source *source, ItemList *list, int64 count, int64 to)
{
	int64		next = 0;
	int64		kept = list->ready;
	int64		i;

	for (i = list->ready; i < list->count && list->items[i].member <= to; i++)
	{
		TierItem	item = list->items[i];

		while (next < count &&
			   source->corrections[next].member < item.member)
			next++;
		if (next == count || source->corrections[next].member != item.member ||
			correct_item(source, count, &item))
			list->items[kept++] = item;
	}
	if (kept < i)
		memmove(list->items + kept, list->items + i,
				sizeof(TierItem) * (list->count - i));
	list->count -= i - kept;
	list->ready = kept;
}

static void
settle(Source *source, int64 to)
{
	int64		count = 0;
	int			i;

	while (count < source->ncorrections &&
		   source->corrections[count].member <= to)
		count++;
	if (count > 1)
		qsort(source->corrections, count, sizeof(Correction),
			  compare_corrections);
	for (i = 0; i < source->nlists; i++)
		settle_list(source, &source->lists[i], count, to);
	source->ncorrections -= count;
	if (count > 0 && source->ncorrections > 0)
		memmove(source->corrections, source->corrections + count,
				sizeof(Correction) * source->ncorrections);
}

/* ----- reading ----- */

static Datum
member_list(const int64 *members, int count)
{
	Datum	   *datums = palloc_array(Datum, count + 1);
	int			i;

	for (i = 0; i < count; i++)
		datums[i] = Int64GetDatum(members[i]);
	return PointerGetDatum(construct_array(datums, count, INT8OID, 8,
										   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* What is bound to the queries above. */
static void
bind(const Source *source, Datum members, TimestampTz until, Datum *values,
	 char *nulls)
{
	int			i;

	memset(nulls, ' ', 9);
	nulls[9] = '\0';
	values[0] = Int64GetDatum(source->crowd->program);
	values[1] = members;
	if (members == (Datum) 0)
		nulls[1] = 'n';
	values[2] = TimestampTzGetDatum(until);
	values[3] = is_of_events(source) ? counted_types(source) :
		Int64GetDatum(source->currency);
	if (values[3] == (Datum) 0)
		nulls[3] = 'n';
	values[4] = TimestampTzGetDatum(source->since);
	values[5] = values[6] = values[8] = BoolGetDatum(false);
	values[7] = BoolGetDatum(source->nlists > 1);
	for (i = 0; i < source->nlists; i++)
	{
		const TierMeter *meter = source->lists[i].meter;

		if (meter->kind == TIER_ENGAGEMENT)
			values[5] = BoolGetDatum(true);
		else if (meter->kind == TIER_DISTINCT_COUNTERPARTS)
			values[6] = BoolGetDatum(true);
		if (meter->filter != NULL)
			values[8] = BoolGetDatum(true);
	}
}

/* Read all there is of some members, each of whom is given once. */
void
tier_crowd_read(TierCrowd *crowd, const int64 *members, int count)
{
	Datum		list = member_list(members, count);
	int			i;

	for (i = 0; i < crowd->nsources; i++)
	{
		Source	   *source = crowd->sources[i];
		Datum		values[9];
		char		nulls[10];

		bind(source, list, DT_NOEND, values, nulls);
		(void) core_run_into(&list_plans[plan_of(source)], values,
							 nulls, true,
							 receiver(source));
		settle(source, PG_INT64_MAX);
	}
}

/*
 * Begin to read all there is of all members until a time, as the snapshot
 * sees it that is active.
 */
void
tier_crowd_open(TierCrowd *crowd, TimestampTz until)
{
	int			i;

	for (i = 0; i < crowd->nsources; i++)
	{
		Source	   *source = crowd->sources[i];
		CorePlan	plan = all_plans[plan_of(source)];
		Datum		values[9];
		char		nulls[10];

		bind(source, (Datum) 0, until, values, nulls);
		source->reached = PG_INT64_MIN;
		source->portal = SPI_cursor_open_with_args(NULL, plan.sql, plan.nargs,
												   plan.argtypes, values,
												   nulls, true, 0);
	}
}

/* Have ready what there is of members behind those before, up to one. */
void
tier_crowd_advance(TierCrowd *crowd, int64 to)
{
	int			i;
	int			j;

	for (i = 0; i < crowd->nsources; i++)
	{
		Source	   *source = crowd->sources[i];

		for (j = 0; j < source->nlists; j++)
		{
			ItemList   *list = &source->lists[j];

			list->count -= list->ready;
			if (list->ready > 0 && list->count > 0)
				memmove(list->items, list->items + list->ready,
						sizeof(TierItem) * list->count);
			list->ready = 0;
		}
		while (source->portal != NULL && source->reached <= to)
		{
			CHECK_FOR_INTERRUPTS();
			if (PortalRunFetch(source->portal, FETCH_FORWARD, FETCH_ROWS,
							   receiver(source)) < FETCH_ROWS)
			{
				SPI_cursor_close(source->portal);
				source->portal = NULL;
			}
		}
		settle(source, to);
	}
}

/* What there is of a member who was read, in the order of time. */
TierItem *
tier_crowd_items(const TierCrowd *crowd, const TierMeter *meter,
				 int64 member, int *count)
{
	Source	   *source = find_source((TierCrowd *) crowd, meter, false);
	ItemList   *list = source == NULL ? NULL : find_list(source, meter);
	int64		low = 0;
	int64		high;
	int64		end;

	*count = 0;
	if (list == NULL)
		elog(ERROR, "measure \"%s\" was not read", meter->name);
	high = list->ready;
	while (low < high)
	{
		int64		middle = low + (high - low) / 2;

		if (list->items[middle].member < member)
			low = middle + 1;
		else
			high = middle;
	}
	for (end = low; end < list->ready; end++)
		if (list->items[end].member != member)
			break;
	*count = (int) (end - low);
	return *count > 0 ? &list->items[low] : NULL;
}

void
tier_crowd_end(TierCrowd *crowd)
{
	int			i;

	for (i = 0; i < crowd->nsources; i++)
		if (crowd->sources[i]->portal != NULL)
			SPI_cursor_close(crowd->sources[i]->portal);
	MemoryContextDelete(crowd->context);
}

/*
 * The changes of all gauges of some members, as tier_make_changes() says,
 * with what must be read for it.
 */
void
tier_fetch_changes(const TierLadders *ladders,
				   const TierProgramLadder *ladder, TierWork *work,
				   int count, TimestampTz until, int ahead)
{
	TierCrowd  *crowd = NULL;
	int64	   *anew = palloc_array(int64, count + 1);
	int			n = 0;
	int			i;

	for (i = 0; i < count; i++)
		if (work[i].run.state.as_of == TIER_PAST)
			anew[n++] = work[i].member;
	if (n > 0)
	{
		crowd = tier_crowd_begin(ladders);
		tier_crowd_add_ladder(crowd, ladder);
		tier_crowd_read(crowd, anew, n);
	}
	tier_make_changes(ladders, ladder, work, count, until, ahead, crowd);
	if (crowd != NULL)
		tier_crowd_end(crowd);
	pfree(anew);
}
