/*-------------------------------------------------------------------------
 *
 * note_fall.c
 *	  What has fallen out of the periods of a standing before an event.
 *
 * A standing knows until when time alone changes no tier.  Before then, all
 * that time does is to lower values: what fell out of a rolling period since
 * as_of is read, and a calendar's period that has ended is gone.  How much is
 * read does not depend on how much there is in a period.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/int.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "tier/gauge.h"
#include "tier/note.h"

/* One gauge, while what has fallen out of it is read. */
typedef struct Falling
{
	TierAdding *adding;
	const TierMeter *meter;
	int64	   *amount;
	bool		failed;			/* there is more to it */
} Falling;

/* A value has fallen by so much. */
static bool
lower(Falling *falling, int64 less, TimestampTz at)
{
	TierState  *state = &falling->adding->state;

	/* what rises may be what a tier waits for; that is due before */
	if (less < 0 ||
		pg_sub_s64_overflow(*falling->amount, less, falling->amount))
		return false;
	if (less > 0)
		state->falling_at = Max(state->falling_at, at);
	return true;
}

/* The greatest amount behind an event, or any that is not less than its. */
typedef struct Greatest
{
	const TierItem *after;
	int64		amount;
} Greatest;

static bool
note_amount(const TierItem *item, void *arg)
{
	Greatest   *greatest = (Greatest *) arg;

	if (item->at > greatest->after->at || item->id > greatest->after->id)
		greatest->amount = Max(greatest->amount, item->amount);
	return greatest->amount < greatest->after->amount;
}

/*
 * How much a maximum falls as one of the greatest goes.  Only here the rest of
 * the period may be read, until one as great is met.
 */
static int64
loss_of_greatest(const Falling *falling, const TierItem *item)
{
	Greatest	greatest = {item, 0};

	if (*falling->amount <= 0 || item->amount < *falling->amount)
		return 0;
	tier_read_events(&falling->adding->reader, NULL, falling->meter,
					 item->at - 1, falling->adding->state.as_of, false,
					 note_amount, &greatest);
	return Max(*falling->amount - greatest.amount, 0);
}

/* Is there no event after it yet with the same day or counterpart? */
static bool
is_missed(const Falling *falling, const TierItem *item, TimestampTz leaves)
{
	const TierMeter *meter = falling->meter;
	TimestampTz other;

	if (meter->kind == TIER_DISTINCT_COUNTERPARTS &&
		item->key == TIER_NO_KEY)
		return false;
	return !tier_find_same(&falling->adding->reader,
						   falling->adding->ladders, meter, item, false,
						   leaves, true, &other);
}

/* The events of a rolling period, from the oldest that it may have held. */
static bool
let_item_fall(const TierItem *item, void *arg)
{
	Falling    *falling = (Falling *) arg;
	TierAdding *adding = falling->adding;
	const TierMeter *meter = falling->meter;
	TimestampTz leaves = tier_leaves_at(&meter->period, item->at,
										adding->ladders->zone);
	int64		less = 0;

	if (leaves > adding->event->occurred_at)
	{
		adding->stale_at = Min(adding->stale_at, leaves);
		return false;
	}
	if (leaves <= adding->state.as_of)
		return true;
	if (meter->kind == TIER_SUM)
		less = item->amount;
	else if (meter->kind == TIER_COUNT)
		less = 1;
	else if (meter->kind == TIER_MAXIMUM)
		less = loss_of_greatest(falling, item);
	else
		less = is_missed(falling, item, leaves) ? 1 : 0;
	falling->failed = !lower(falling, less, leaves);
	return !falling->failed;
}

/*
 * What falls out of a rolling period is read up to a little further than to
 * what falls out with the event, as far as some more events may go; when that
 * is passed, more is read.  An index gives all of a page that is in the range,
 * so reading on to the next event, however far, would cost more.
 */
static bool
let_items_fall(Falling *falling)
{
	TierAdding *adding = falling->adding;
	const TierMeter *meter = falling->meter;
	TimestampTz at = adding->event->occurred_at;
	TimestampTz as_of = adding->state.as_of;
	TimestampTz margin = Min((at - as_of) * 8, USECS_PER_DAY);
	TimestampTz from;
	TimestampTz last;
	TimestampTz to;

	tier_window(adding->ladders, meter, adding->joined_at, at, &last, &to);
	tier_window(adding->ladders, meter, adding->joined_at, as_of, &from, &to);
	last += tier_leeway(meter) + margin;
	if (last < as_of)
		adding->stale_at = Min(adding->stale_at,
							   tier_leaves_at(&meter->period, last,
											  adding->ladders->zone));
	tier_read_events(&adding->reader, NULL, meter, from - tier_leeway(meter),
					 Min(last, as_of), false, let_item_fall, falling);
	return !falling->failed;
}

/* A period of a calendar that has ended before the event is gone. */
static bool
let_period_end(Falling *falling)
{
	TierAdding *adding = falling->adding;
	const TierMeter *meter = falling->meter;
	TimestampTz at = adding->event->occurred_at;
	TimestampTz from;
	TimestampTz to;

	if (meter->period.kind == PERIOD_LIFETIME)
		return true;
	tier_window(adding->ladders, meter, adding->joined_at,
				adding->state.as_of, &from, &to);
	if (at >= to)
	{
		if (!lower(falling, *falling->amount, to))
			return false;
		tier_window(adding->ladders, meter, adding->joined_at, at, &from,
					&to);
	}
	adding->stale_at = Min(adding->stale_at, to);
	return true;
}

/* Let everything fall out of a gauge that is gone when the event occurs. */
static bool
let_gauge_fall(TierAdding *adding, int gauge)
{
	const TierMeter *meter = &adding->ladder->meters[gauge];
	Falling		falling = {adding, meter, &adding->state.amounts[gauge]};

	/* what comes without the lock of the member is not read here */
	if (meter->received)
		return meter->period.kind == PERIOD_LIFETIME;
	switch (meter->kind)
	{
		case TIER_ENGAGEMENT:
		case TIER_MEMBERSHIP_DAYS:
		case TIER_FUNCTION:
			return true;
		case TIER_POINTS:
		case TIER_QUALIFIED_REFERRALS:
			return meter->period.kind == PERIOD_LIFETIME;
		default:
			break;
	}
	return meter->period.kind == PERIOD_ROLLING ? let_items_fall(&falling) :
		let_period_end(&falling);
}

/*
 * Bring the values of a standing to where they are just before an event that
 * comes before it is due; false when that is not all there is to it.
 */
bool
tier_let_fall(TierAdding *adding)
{
	int			i;

	if (!tier_begin_reading(adding->ladders->program, adding->event->member,
							adding->plain, adding->context,
							&adding->reader))
		return false;
	adding->stale_at = adding->due;
	for (i = 0; i < adding->ladder->algo.ngauges; i++)
		if (!let_gauge_fall(adding, i))
			return false;
	return true;
}

/* Is the event the only one of its day, or with its counterpart? */
bool
tier_is_new_to(TierAdding *adding, const TierMeter *meter)
{
	const TierNotice *event = adding->event;
	bool		rolling = meter->period.kind == PERIOD_ROLLING;
	TierItem	item = {0};
	TimestampTz from;
	TimestampTz to;
	TimestampTz before;

	item.at = event->occurred_at;
	item.key = event->target;
	item.id = event->event_id;
	item.member = event->member;
	tier_window(adding->ladders, meter, adding->joined_at, item.at, &from,
				&to);
	if (from != DT_NOBEGIN)
		from -= rolling ? tier_leeway(meter) + 1 : 1;
	if (!tier_find_same(&adding->reader, adding->ladders, meter, &item,
						true, from, false,
						&before))
		return true;
	if (!rolling)
		return false;
	/* what falls out at the time is missed already, if as_of is that time */
	before = tier_leaves_at(&meter->period, before, adding->ladders->zone);
	return item.at > adding->state.as_of ? before < item.at :
		before <= item.at;
}
