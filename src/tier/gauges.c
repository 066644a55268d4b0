/*-------------------------------------------------------------------------
 *
 * gauges.c
 *	  What has happened to the gauges of members, read from the books.
 *
 * For each member and gauge the changes after as_of are made from events:
 * they enter, fall out of rolling periods, or are gone as a period begins.
 * Sums and counts need no more than what enters and what falls out; other
 * kinds read the whole period again.  Of one member all that is read may come
 * without SQL, and then days and counterparts need no more either.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "tier/gauge.h"

/* A stretch of time of one member, of which items are read. */
typedef struct Stretch
{
	int			work;
	TimestampTz after;
	TimestampTz to;
	int64		most;			/* PG_INT64_MAX for all */
	int			first;			/* of the items that were found */
	int			count;
} Stretch;

/* One gauge, while changes are made for it. */
typedef struct Reading
{
	const TierLadders *ladders;
	const TierMeter *meter;
	int			gauge;
	TimestampTz until;
	int			ahead;
	TierReader *reader;			/* of one member, without SQL */
	TimestampTz falls_to;		/* for that one */
	TierWork   *work;			/* of all members */
	int			nstretches;
	int			maxstretches;
	Stretch    *stretches;
	int			nitems;
	int			maxitems;
	TierItem   *items;
} Reading;

#define READ_ITEMS(columns, relation, time, conditions) \
	"SELECT u.n, i.at, i.amount, i.score, i.key" \
	" FROM unnest($2, $3, $4, $5) WITH ORDINALITY" \
	"  AS u (member_id, after, until, most, n)," \
	" LATERAL (SELECT " columns " FROM " relation \
	"  WHERE c.program_id = $1 AND c.member_id = u.member_id" \
	"  AND " time " > u.after AND " time " <= u.until" \
	"  AND " conditions \
	"  ORDER BY " time " LIMIT u.most) AS i" \
	" ORDER BY u.n, i.at"

/* the last argument is not used, so that all have the same ones */
#define ITEM_ARGS \
	.by_index = true, \
	.nargs = 8, \
	.argtypes = {INT8OID, INT8ARRAYOID, TIMESTAMPTZARRAYOID, \
	TIMESTAMPTZARRAYOID, INT8ARRAYOID, TEXTARRAYOID, JSONBOID, INT8OID}

static CorePlan read_events = {
	.sql = READ_ITEMS("c.occurred_at AS at, c.amount,"
					  " c.engagement AS score, c.target_id AS key",
					  "community.counted_event AS c", "c.occurred_at",
					  "($6 IS NULL OR c.type = ANY ($6))"
					  " AND ($7 IS NULL OR c.payload @> $7)"
					  " AND $8 IS NOT NULL"),
	ITEM_ARGS
};
static CorePlan read_received = {
	.sql = READ_ITEMS("c.occurred_at AS at, c.amount,"
					  " c.engagement AS score, c.target_id AS key",
					  TIER_RECEIVED_EVENTS " AS c", "c.occurred_at",
					  "($6 IS NULL OR c.type = ANY ($6))"
					  " AND ($7 IS NULL OR c.payload @> $7)"
					  " AND $8 IS NOT NULL"),
	ITEM_ARGS
};
static CorePlan read_points = {
	.sql = READ_ITEMS("c.effective_at AS at, " TIER_NET_POINTS " AS amount,"
					  " 0::double precision AS score, NULL::bigint AS key",
					  "community.entry AS c", "c.effective_at",
					  "c.currency_id = $8 AND c.kind = 'accrue'"
					  " AND $6 IS NULL AND $7 IS NULL"),
	ITEM_ARGS
};

static CorePlan read_referrals = {
	.sql = READ_ITEMS("c.qualified_at AS at, 1::bigint AS amount,"
					  " 0::double precision AS score, NULL::bigint AS key",
					  "community.qualified_referral AS c", "c.qualified_at",
					  "$6 IS NULL AND $7 IS NULL AND $8 IS NOT NULL"),
	ITEM_ARGS
};

static CorePlan *
plan_of(const TierMeter *meter)
{
	switch (meter->kind)
	{
		case TIER_POINTS:
			return &read_points;
		case TIER_QUALIFIED_REFERRALS:
			return &read_referrals;
		default:
			return meter->received ? &read_received : &read_events;
	}
}

void
tier_add_change(TierWork *work, TimestampTz at, int gauge, TierAct act,
				int64 amount, double score)
{
	TierChange *change;

	/* of what is set twice at a time, the last counts */
	if (act == TIER_SET && work->nchanges > 0)
	{
		change = &work->changes[work->nchanges - 1];
		if (change->at == at && change->gauge == gauge &&
			change->act == TIER_SET)
		{
			change->amount = amount;
			return;
		}
	}
	if (work->nchanges == work->maxchanges)
	{
		work->maxchanges = Max(16, work->maxchanges * 2);
		work->changes = work->changes == NULL ?
			palloc_array(TierChange, work->maxchanges) :
			repalloc_huge(work->changes,
						  sizeof(TierChange) * work->maxchanges);
	}
	change = &work->changes[work->nchanges++];
	change->at = at;
	change->gauge = gauge;
	change->act = act;
	change->amount = amount;
	change->score = score;
}

static void
add_stretch(Reading *reading, int work, TimestampTz after, TimestampTz to,
			int64 most)
{
	Stretch    *stretch;

	if (after > to || most == 0)
		return;
	if (reading->nstretches == reading->maxstretches)
	{
		reading->maxstretches = Max(16, reading->maxstretches * 2);
		reading->stretches = reading->stretches == NULL ?
			palloc_array(Stretch, reading->maxstretches) :
			repalloc_huge(reading->stretches,
						  sizeof(Stretch) * reading->maxstretches);
	}
	stretch = &reading->stretches[reading->nstretches++];
	stretch->work = work;
	stretch->after = after;
	stretch->to = to;
	stretch->most = most;
	stretch->first = 0;
	stretch->count = 0;
}

/*
 * Does the gauge need all of the period that holds as_of?  Of one member it is
 * cheaper to look for the same day or counterpart before and after.
 */
static bool
needs_window(const Reading *reading)
{
	const TierMeter *meter = reading->meter;
	bool		rolling = meter->period.kind == PERIOD_ROLLING;

	return meter->kind == TIER_MAXIMUM ? rolling :
		(meter->kind == TIER_DISTINCT_COUNTERPARTS ||
		 meter->kind == TIER_DISTINCT_DAYS) &&
		(reading->reader == NULL || !rolling);
}

static TimestampTz
start_of_day(const Reading *reading, TimestampTz at)
{
	TimestampTz from;
	TimestampTz to;

	tier_day(reading->ladders, at, &from, &to);
	return from;
}

/* What must be read for one member. */
static void
plan_stretches(Reading *reading, int n)
{
	const TierMeter *meter = reading->meter;
	const TierWork *work = &reading->work[n];
	TimestampTz as_of = work->run.state.as_of;
	TimestampTz from;
	TimestampTz to;
	TimestampTz falls_to;
	TimestampTz last = work->past_only ? Max(reading->until, as_of) : DT_NOEND;
	int64		all = PG_INT64_MAX;

	tier_window(reading->ladders, meter, work->joined_at, as_of, &from, &to);
	if (needs_window(reading))
	{
		if (meter->kind == TIER_DISTINCT_DAYS &&
			meter->period.kind != PERIOD_ROLLING)
			from = Max(from, start_of_day(reading, as_of));
		if (meter->period.kind != PERIOD_ROLLING && from > DT_NOBEGIN)
			from--;
		add_stretch(reading, n, from - tier_leeway(meter), last, all);
		return;
	}
	if (meter->period.kind == PERIOD_ROLLING)
	{
		tier_window(reading->ladders, meter, work->joined_at, reading->until,
					&falls_to, &to);
		falls_to = Min(falls_to + tier_leeway(meter), as_of);
		reading->falls_to = falls_to;
		if (reading->reader != NULL)
			/* see take_item() */
			add_stretch(reading, n, from - tier_leeway(meter), as_of,
						reading->ahead);
		else
		{
			add_stretch(reading, n, from - tier_leeway(meter), falls_to, all);
			add_stretch(reading, n, falls_to, as_of, reading->ahead);
		}
	}
	/* even an empty one lets the period end */
	add_stretch(reading, n, as_of, last, all);
}

static Datum
int64_array(const int64 *values, int count)
{
	Datum	   *datums = palloc_array(Datum, count + 1);
	int			i;

	for (i = 0; i < count; i++)
		datums[i] = Int64GetDatum(values[i]);
	return PointerGetDatum(construct_array(datums, count, INT8OID, 8,
										   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

static Datum
time_array(const int64 *values, int count)
{
	ArrayType  *array = DatumGetArrayTypeP(int64_array(values, count));

	array->elemtype = TIMESTAMPTZOID;
	return PointerGetDatum(array);
}

static bool
take_item(const TierItem *item, void *arg)
{
	Reading    *reading = (Reading *) arg;
	Stretch    *stretch = &reading->stretches[reading->nstretches];

	if (reading->nitems == reading->maxitems)
	{
		reading->maxitems *= 2;
		reading->items = repalloc_huge(reading->items,
									   sizeof(TierItem) * reading->maxitems);
	}
	reading->items[reading->nitems++] = *item;
	/* what falls out until then is read, and so many more */
	if (item->at <= reading->falls_to && stretch->most != PG_INT64_MAX)
		stretch->most++;
	return ++stretch->count < stretch->most;
}

/* The same as below for one member, without SQL. */
static void
read_items_directly(Reading *reading)
{
	int			count = reading->nstretches;

	reading->maxitems = 64;
	reading->items = palloc_array(TierItem, reading->maxitems);
	for (reading->nstretches = 0; reading->nstretches < count;
		 reading->nstretches++)
	{
		Stretch    *stretch = &reading->stretches[reading->nstretches];

		stretch->first = reading->nitems;
		tier_read_events(reading->reader, NULL, reading->meter,
						 stretch->after, stretch->to, false, take_item,
						 reading);
	}
}

/* Read the items of all stretches. */
static void
read_items(Reading *reading)
{
	const TierMeter *meter = reading->meter;
	int			count = reading->nstretches;
	int64	   *members = palloc_array(int64, count + 1);
	int64	   *after = palloc_array(int64, count + 1);
	int64	   *to = palloc_array(int64, count + 1);
	int64	   *most = palloc_array(int64, count + 1);
	Datum		values[8];
	char		nulls[9] = "        ";
	bool		isnull;
	int			i;

	for (i = 0; i < count; i++)
	{
		members[i] = reading->work[reading->stretches[i].work].member;
		after[i] = reading->stretches[i].after;
		to[i] = reading->stretches[i].to;
		most[i] = reading->stretches[i].most;
	}
	values[0] = Int64GetDatum(reading->ladders->program);
	values[1] = int64_array(members, count);
	values[2] = time_array(after, count);
	values[3] = time_array(to, count);
	values[4] = int64_array(most, count);
	values[5] = PointerGetDatum(meter->types);
	values[6] = PointerGetDatum(meter->filter);
	values[7] = Int64GetDatum(meter->currency_id);
	if (meter->types == NULL)
		nulls[5] = 'n';
	if (meter->filter == NULL)
		nulls[6] = 'n';
	core_run(plan_of(meter), values, nulls, false);
	reading->nitems = SPI_processed;
	reading->items = MemoryContextAllocHuge(CurrentMemoryContext,
											sizeof(TierItem) *
											(SPI_processed + 1));
	for (i = 0; i < reading->nitems; i++)
	{
		Stretch    *stretch = &reading->stretches[core_int64(i, 1) - 1];
		TierItem   *item = &reading->items[i];

		if (stretch->count++ == 0)
			stretch->first = i;
		item->at = DatumGetTimestampTz(core_field(i, 2, &isnull));
		item->amount = core_int64(i, 3);
		item->score = DatumGetFloat8(core_field(i, 4, &isnull));
		item->key = DatumGetInt64(core_field(i, 5, &isnull));
		if (isnull)
			item->key = TIER_NO_KEY;
	}
	SPI_freetuptable(SPI_tuptable);
}

/* Sums and counts over a rolling period: what enters, and what falls out. */
static void
roll(Reading *reading, TierWork *work, const Stretch *stretch)
{
	const Period *period = &reading->meter->period;
	TimestampTz as_of = work->run.state.as_of;
	TimestampTz leaves = TIER_NEVER;
	int			i;

	for (i = 0; i < stretch->count; i++)
	{
		const TierItem *item = &reading->items[stretch->first + i];

		leaves = tier_leaves_at(period, item->at, reading->ladders->zone);
		if (item->at > as_of)
			tier_add_change(work, item->at, reading->gauge, TIER_ADD,
							item->amount, 0);
		if (leaves != TIER_NEVER && leaves > as_of)
			tier_add_change(work, leaves, reading->gauge, TIER_ADD,
							-item->amount, 0);
	}
	if (stretch->most != PG_INT64_MAX && stretch->count == stretch->most)
		work->known_to = Min(work->known_to, leaves);
}

/*
 * Different days or counterparts over a rolling period: an event enters when
 * the one before it with the same has gone, and one that falls out is missed
 * when there is none after it yet.
 */
static void
roll_distinct(Reading *reading, TierWork *work, const Stretch *stretch)
{
	const TierMeter *meter = reading->meter;
	const Period *period = &meter->period;
	pg_tz	   *zone = reading->ladders->zone;
	TimestampTz as_of = work->run.state.as_of;
	TimestampTz leaves = TIER_NEVER;
	int			i;

	for (i = 0; i < stretch->count; i++)
	{
		const TierItem *item = &reading->items[stretch->first + i];
		TimestampTz from;
		TimestampTz other;

		leaves = tier_leaves_at(period, item->at, zone);
		if (meter->kind == TIER_DISTINCT_COUNTERPARTS &&
			item->key == TIER_NO_KEY)
			continue;
		period_bounds(period, item->at, false, 0, zone, &from, &other);
		if (item->at > as_of &&
			!(tier_find_same(reading->reader, reading->ladders, meter, item,
							 true, from - tier_leeway(meter) - 1, true,
							 &other) &&
			  tier_leaves_at(period, other, zone) >= item->at))
			tier_add_change(work, item->at, reading->gauge, TIER_ADD, 1, 0);
		if (leaves != TIER_NEVER && leaves > as_of &&
			!tier_find_same(reading->reader, reading->ladders, meter, item,
							false, leaves, true, &other))
			tier_add_change(work, leaves, reading->gauge, TIER_ADD, -1, 0);
	}
	if (stretch->most != PG_INT64_MAX && stretch->count == stretch->most)
		work->known_to = Min(work->known_to, leaves);
}

/* The value of a gauge as its period passes, set anew with each change. */
typedef struct Tally
{
	Reading    *reading;
	TierWork   *work;
	int64		value;			/* as it is */
	int64		told;			/* as it was told last */
	int64		floor;			/* the maximum of what is not read again */
	int			nkeys;
	int64	   *keys;			/* sorted */
	int		   *counts;			/* of each key, within the period */
	int			head;			/* of the candidates for the maximum */
	int			ntop;
	int		   *top;			/* items with falling amounts */
} Tally;

static int
compare_int64(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return x < y ? -1 : x > y;
}

static int *
count_of(const Tally *tally, int64 key)
{
	const int64 *found = bsearch(&key, tally->keys, tally->nkeys,
								 sizeof(int64), compare_int64);

	return &tally->counts[found - tally->keys];
}

static void
begin_tally(Tally *tally, const TierItem *items, int count)
{
	int			i;

	tally->keys = palloc_array(int64, count + 1);
	for (i = 0; i < count; i++)
		tally->keys[i] = items[i].key;
	qsort(tally->keys, count, sizeof(int64), compare_int64);
	for (i = 0; i < count; i++)
		if (i == 0 || tally->keys[i] != tally->keys[i - 1])
			tally->keys[tally->nkeys++] = tally->keys[i];
	tally->counts = palloc0_array(int, count + 1);
	tally->top = palloc_array(int, count + 1);
}

static void
enter(Tally *tally, const TierItem *items, int n)
{
	switch (tally->reading->meter->kind)
	{
		case TIER_MAXIMUM:
			while (tally->ntop > tally->head &&
				   items[tally->top[tally->ntop - 1]].amount <=
				   items[n].amount)
				tally->ntop--;
			tally->top[tally->ntop++] = n;
			tally->value = Max(items[tally->top[tally->head]].amount,
							   tally->floor);
			break;
		case TIER_DISTINCT_COUNTERPARTS:
			if (items[n].key == TIER_NO_KEY)
				break;
			/* FALLTHROUGH */
		case TIER_DISTINCT_DAYS:
			if ((*count_of(tally, items[n].key))++ == 0)
				tally->value++;
			break;
		default:
			tally->value = tier_add_amounts(tally->value, items[n].amount);
	}
}

static void
leave(Tally *tally, const TierItem *items, int n)
{
	switch (tally->reading->meter->kind)
	{
		case TIER_MAXIMUM:
			if (tally->ntop > tally->head && tally->top[tally->head] == n)
				tally->head++;
			tally->value = tally->ntop > tally->head ?
				Max(items[tally->top[tally->head]].amount, 0) : 0;
			break;
		case TIER_DISTINCT_COUNTERPARTS:
			if (items[n].key == TIER_NO_KEY)
				break;
			/* FALLTHROUGH */
		case TIER_DISTINCT_DAYS:
			if (--(*count_of(tally, items[n].key)) == 0)
				tally->value--;
			break;
		default:				/* sums and counts do not come here */
			break;
	}
}

static void
tell(Tally *tally, TimestampTz at)
{
	if (at <= tally->work->run.state.as_of || tally->value == tally->told)
		return;
	tier_add_change(tally->work, at, tally->reading->gauge, TIER_SET,
					tally->value, 0);
	tally->told = tally->value;
}

/* Over a rolling period: items fall out one by one. */
static void
tally_rolling(Tally *tally, const TierItem *items, int count)
{
	const Reading *reading = tally->reading;
	int			out = 0;
	int			in = 0;
	TimestampTz leaves = TIER_NEVER;

	while (out < count)
	{
		leaves = tier_leaves_at(&reading->meter->period, items[out].at,
								reading->ladders->zone);
		while (in < count && items[in].at < leaves)
		{
			enter(tally, items, in);
			tell(tally, items[in++].at);
		}
		if (leaves == TIER_NEVER)
			break;
		leave(tally, items, out++);
		/* all that happens at a time happens at once */
		if (out < count &&
			tier_leaves_at(&reading->meter->period, items[out].at,
						   reading->ladders->zone) == leaves)
			continue;
		while (in < count && items[in].at == leaves)
			enter(tally, items, in++);
		tell(tally, leaves);
	}
}

/* Over the periods of a calendar: all are gone as the next one begins. */
static void
tally_calendar(Tally *tally, const TierItem *items, int count)
{
	const Reading *reading = tally->reading;
	TierWork   *work = tally->work;
	TimestampTz as_of = work->run.state.as_of;
	TimestampTz from;
	TimestampTz end = TIER_NEVER;
	int			first = 0;
	int			i;

	if (as_of != TIER_PAST)
		tier_window(reading->ladders, reading->meter, work->joined_at, as_of,
					&from, &end);
	else if (count > 0)
		tier_window(reading->ladders, reading->meter, work->joined_at,
					items[0].at, &from, &end);
	for (i = 0; i < count; i++)
	{
		if (items[i].at >= end)
		{
			memset(tally->counts, 0, sizeof(int) * tally->nkeys);
			tally->head = tally->ntop = 0;
			tally->value = tally->floor = 0;
			tell(tally, end);
			tier_window(reading->ladders, reading->meter, work->joined_at,
						items[i].at, &from, &end);
			first = i;
		}
		enter(tally, items, i);
		/* the day that was counted already is not counted again */
		if (items[i].at <= as_of && first == 0)
			tally->value = tally->told;
		tell(tally, items[i].at);
	}
	if (end != TIER_NEVER && !TIMESTAMP_NOT_FINITE(end))
	{
		tally->value = 0;
		tell(tally, end);
	}
}

static void
make_tally(Reading *reading, TierWork *work, const TierItem *items, int count)
{
	Tally		tally = {0};
	const TierState *state = &work->run.state;

	tally.reading = reading;
	tally.work = work;
	tally.told = state->amounts[reading->gauge];
	begin_tally(&tally, items, count);
	if (reading->meter->period.kind == PERIOD_ROLLING)
		tally_rolling(&tally, items, count);
	else
	{
		tally.value = tally.floor = tally.told;
		tally_calendar(&tally, items, count);
	}
	pfree(tally.keys);
	pfree(tally.counts);
	pfree(tally.top);
}

/* Scores that fade need no more than what enters. */
static void
fade(Reading *reading, TierWork *work, const Stretch *stretch)
{
	int			i;

	for (i = 0; i < stretch->count; i++)
	{
		const TierItem *item = &reading->items[stretch->first + i];

		tier_add_change(work, item->at, reading->gauge, TIER_ADD, 0,
						item->score);
	}
}

/* From what was read of a member to the changes of the gauge. */
static void
make_changes(Reading *reading, const Stretch *stretch)
{
	TierMeasureKind kind = reading->meter->kind;
	TierWork   *work = &reading->work[stretch->work];
	TierItem   *items = reading->items + stretch->first;
	int			i;

	CHECK_FOR_INTERRUPTS();
	/* who goes on from now must see what is known to come */
	for (i = stretch->count; i > 0 && items[i - 1].at > reading->until; i--)
		work->enters_at = Min(work->enters_at, items[i - 1].at);
	if (kind == TIER_COUNT)
		for (i = 0; i < stretch->count; i++)
			items[i].amount = 1;
	else if (kind == TIER_DISTINCT_DAYS)
		for (i = 0; i < stretch->count; i++)
			items[i].key = start_of_day(reading, items[i].at);
	if (kind == TIER_ENGAGEMENT)
		fade(reading, work, stretch);
	else if (reading->meter->period.kind == PERIOD_ROLLING &&
			 !needs_window(reading))
	{
		if (kind == TIER_DISTINCT_DAYS || kind == TIER_DISTINCT_COUNTERPARTS)
			roll_distinct(reading, work, stretch);
		else
			roll(reading, work, stretch);
	}
	else
		make_tally(reading, work, items, stretch->count);
}

/* For who is walked from the beginning everything was read already. */
static void
take_from_crowd(Reading *reading, const TierCrowd *crowd, int n)
{
	Stretch		all = {0};

	all.work = n;
	all.most = PG_INT64_MAX;
	reading->items = tier_crowd_items(crowd, reading->meter,
									  reading->work[n].member, &all.count);
	if (reading->work[n].past_only)
		while (all.count > 0 &&
			   reading->items[all.count - 1].at > reading->until)
			all.count--;
	make_changes(reading, &all);
	reading->items = NULL;
}

static void
read_stretches(Reading *reading)
{
	int			i;

	if (reading->nstretches == 0)
		return;
	if (reading->reader != NULL)
		read_items_directly(reading);
	else
		read_items(reading);
	for (i = 0; i < reading->nstretches; i++)
		make_changes(reading, &reading->stretches[i]);
	pfree(reading->items);
	pfree(reading->stretches);
}

static int
compare_changes(const void *a, const void *b)
{
	const TierChange *x = (const TierChange *) a;
	const TierChange *y = (const TierChange *) b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	if (x->gauge != y->gauge)
		return x->gauge - y->gauge;
	return y->act - x->act;		/* what is set comes before what is added */
}

/* Put them in order, and see which lie ahead. */
static void
sort_changes(TierWork *work, TimestampTz until)
{
	int			total = work->nchanges;

	qsort(work->changes, total, sizeof(TierChange), compare_changes);
	while (work->nchanges > 0 &&
		   work->changes[work->nchanges - 1].at > until)
		work->nchanges--;
	work->nahead = total - work->nchanges;
}

/*
 * The changes of all gauges of some members from as_of until a time, and
 * those that will come by time alone: of what falls out of rolling periods
 * the first "ahead" of each gauge.  The crowd has all there is of those who
 * are walked from the beginning.
 */
void
tier_make_changes(const TierLadders *ladders,
				  const TierProgramLadder *ladder, TierWork *work, int count,
				  TimestampTz until, int ahead, TierCrowd *crowd)
{
	int			g;
	int			i;

	for (i = 0; i < count; i++)
	{
		work[i].nchanges = 0;
		work[i].known_to = TIER_NEVER;
		work[i].enters_at = TIER_NEVER;
	}
	for (g = 0; g < ladder->algo.ngauges; g++)
	{
		Reading		reading = {0};

		reading.ladders = ladders;
		reading.meter = &ladder->meters[g];
		reading.gauge = g;
		reading.until = until;
		reading.ahead = ahead;
		reading.reader = count == 1 ? work[0].reader : NULL;
		reading.work = work;
		for (i = 0; i < count; i++)
			if (reading.meter->kind == TIER_MEMBERSHIP_DAYS)
				tier_count_days(ladders, &ladder->algo, g, &work[i]);
			else if (reading.meter->kind == TIER_FUNCTION)
				tier_ask_function(ladders, reading.meter, g, &work[i], until);
			else if (work[i].run.state.as_of == TIER_PAST)
				take_from_crowd(&reading, crowd, i);
			else
				plan_stretches(&reading, i);
		read_stretches(&reading);
	}
	for (i = 0; i < count; i++)
		sort_changes(&work[i], until);
}
