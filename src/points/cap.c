/*-------------------------------------------------------------------------
 *
 * cap.c
 *	  Caps: how much of a grant is left under them.
 *
 * What a cap has counted stands in cap_usage, a row for each member and
 * period; see cap_book.c.  Rolling periods have a row for each event, and one
 * more to lock.  Caps apply in the order of their ids to what the ones before
 * have left, and count in the order of recording.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "points/rules.h"

static bool
counts_rule(const PointsCap *cap, const PointsRule *rule)
{
	int			i;

	for (i = 0; i < cap->nrules; i++)
		if (strcmp(cap->rules[i], rule->name) == 0)
			return true;
	return cap->rules == NULL;
}

/* Is the cap about any points of the grant, which, and how many? */
bool
points_cap_covers(const PointsCap *cap, const PointsGrant *grant,
				  TimestampTz at, bool *among, int64 *wanted)
{
	int			i;

	if (cap->currency_id != grant->currency->id || at < cap->valid_from ||
		at >= cap->valid_until)
		return false;
	*wanted = 0;
	for (i = 0; i < grant->count; i++)
	{
		among[i] = counts_rule(cap, grant->rules[i]);
		if (among[i])
			*wanted += grant->shares[i];
	}
	return *wanted > 0;
}

/* Since when the member is one, for anniversaries. */
static TimestampTz
joined_at(int64 program, int64 member)
{
	static CorePlan plan = {
		.sql = "SELECT joined_at FROM community.member"
		" WHERE program_id = $1 AND member_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[2];
	bool		isnull;

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		core_refuse_member(program, member, false);
	return DatumGetTimestampTz(core_field(0, 1, &isnull));
}

/* The period of the cap that an event of the member falls into. */
static void
cap_window(const PointsCap *cap, const PointsCurrency *currency, int64 member,
		   TimestampTz at, TimestampTz *from, TimestampTz *to)
{
	bool		needs_anchor = cap->period.kind == PERIOD_ANNIVERSARY;
	TimestampTz anchor = needs_anchor ?
	joined_at(currency->program, member) : 0;

	period_bounds(&cap->period, at, needs_anchor, anchor, currency->zone,
				  from, to);
}

/* ----- counting ----- */

/* What a cap has counted of a grant. */
typedef struct Counted
{
	const PointsCap *cap;
	TimestampTz used_at;
	int64		points;
	bool		again;			/* the event was counted before */
} Counted;

/* Add to the row of one event in a rolling period. */
static void
add_to_event(PointsCapBook *book, const PointsCap *cap, TimestampTz at,
			 int64 points, int64 events)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.cap_usage AS u (program_id, cap_id,"
		" member_id, used_at, points, events) VALUES ($1, $2, $3, $4, $5, $6)"
		" ON CONFLICT (program_id, cap_id, member_id, used_at) DO UPDATE"
		" SET points = u.points + $5, events = u.events + $6",
		.nargs = 6,
		.argtypes = {POINTS_USAGE_KEYS, INT8OID, INT8OID}
	};
	Datum		values[6];

	if (points_book_looks(book))
	{
		points_note_usage(book, cap, at, points, events);
		return;
	}
	points_usage_keys(values, book, cap, at);
	values[4] = Int64GetDatum(points);
	values[5] = Int64GetDatum(events);
	core_run(&plan, values, NULL, false);
}

/* An event that a rolling cap has counted. */
typedef struct Used
{
	TimestampTz at;
	int64		points;
	int64		events;
} Used;

/* No event after this has "at" in its rolling period. */
static TimestampTz
last_that_reaches(const PointsCap *cap, pg_tz *zone, TimestampTz at)
{
	Interval	length = {
		.time = cap->period.time,
		.day = cap->period.day + 4, /* for months that end early */
		.month = cap->period.month
	};

	return period_add_interval(at, &length, zone);
}

/* Events that share a rolling period with one at "at", oldest first. */
static Used *
read_used(PointsCapBook *book, const PointsCap *cap, TimestampTz from,
		  TimestampTz to, int *count)
{
	static CorePlan plan = {
		.sql = "SELECT used_at, points, events FROM community.cap_usage"
		" WHERE program_id = $1 AND cap_id = $2 AND member_id = $3"
		" AND used_at > $4 AND used_at <= $5 AND used_at > '-infinity'"
		" ORDER BY used_at",
		.nargs = 5,
		.argtypes = {POINTS_USAGE_KEYS, TIMESTAMPTZOID}
	};
	Datum		values[5];
	Used	   *used;
	bool		isnull;
	int			i;

	points_usage_keys(values, book, cap, from);
	values[4] = TimestampTzGetDatum(to);
	core_run(&plan, values, NULL, points_book_looks(book));
	*count = SPI_processed;
	used = palloc_array(Used, *count + 1);
	for (i = 0; i < *count; i++)
	{
		used[i].at = DatumGetTimestampTz(core_field(i, 1, &isnull));
		used[i].points = core_int64(i, 2);
		used[i].events = core_int64(i, 3);
	}
	SPI_freetuptable(SPI_tuptable);
	return used;
}

/*
 * The most that any rolling period with an event at "at" in it has counted:
 * the one that ends there, and those of later events, where this one comes
 * late.
 */
static Used
fullest_period(const PointsCap *cap, pg_tz *zone, TimestampTz at,
			   const Used *used, int count)
{
	Used		fullest = {at};
	Used		sum = {at};
	int			first = 0;
	int			i;

	for (i = 0; i < count; i++)
	{
		TimestampTz from;
		TimestampTz to;

		sum.points += used[i].points;
		sum.events += used[i].events;
		if (used[i].at > at)
		{
			period_bounds(&cap->period, used[i].at, false, 0, zone,
						  &from, &to);
			if (from >= at)
				break;
			for (; used[first].at <= from; first++)
			{
				sum.points -= used[first].points;
				sum.events -= used[first].events;
			}
		}
		fullest.points = Max(fullest.points, sum.points);
		fullest.events = Max(fullest.events, sum.events);
	}
	pfree((void *) used);
	return fullest;
}

/*
 * Count in a rolling period, (from, at].  The row that is locked counts how
 * often, so that a transaction with an older snapshot fails there.
 */
static int64
count_rolling(PointsCapBook *book, const PointsCap *cap, pg_tz *zone,
			  TimestampTz from, TimestampTz at, int64 wanted, bool again)
{
	Used	   *used;
	Used		fullest;
	int			count;
	int64		granted;

	if (!points_book_looks(book))
		points_count_visit(book, cap, DT_NOBEGIN);
	used = read_used(book, cap, from, last_that_reaches(cap, zone, at),
					 &count);
	fullest = fullest_period(cap, zone, at, used, count);
	/* what the same event has been granted before */
	if (points_book_looks(book))
		points_add_noted(book, cap, at, &fullest.points, &fullest.events);
	granted = points_room_under(cap, fullest.points, fullest.events, wanted,
								again);
	if (granted > 0)
		add_to_event(book, cap, at, granted, again ? 0 : 1);
	return granted;
}

/* Has a rule that the cap counts given points for the event before? */
static bool
counted_before(const PointsRules *rules, const PointsCap *cap,
			   const PointsGrant *grant)
{
	int			i;
	int			j;

	for (i = 0; i < grant->nearned; i++)
		for (j = 0; j < rules->nrules; j++)
			if (rules->rules[j].id == grant->earned[i] &&
				counts_rule(cap, &rules->rules[j]))
				return true;
	return false;
}

/* Take out of the count what others did not grant after all. */
static void
give_back(PointsCapBook *book, const Counted *counted,
		  const PointsGrant *grant)
{
	int64		points = counted->points;
	int64		events;
	int			i;

	for (i = 0; i < grant->count; i++)
		if (counts_rule(counted->cap, grant->rules[i]))
			points -= grant->shares[i];
	if (points == 0)
		return;
	events = points == counted->points && !counted->again ? 1 : 0;
	if (counted->cap->period.kind == PERIOD_ROLLING)
		add_to_event(book, counted->cap, counted->used_at, -points, -events);
	else
		points_take_back_usage(book, counted->cap, counted->used_at, points,
							   events);
}

static void
refuse_cap(const PointsCap *cap, const PointsGrant *grant, int64 wanted)
{
	char	   *period = period_text(&cap->period);

	ereport(ERROR,
			(errcode(COMMUNITY_ERRCODE_CAP_REACHED),
			 cap->counts_events ?
			 errmsg("member %lld has reached cap \"%s\" of %lld events (%s)",
					(long long) grant->member, cap->name,
					(long long) cap->maximum, period) :
			 errmsg("another %lld %s for member %lld would exceed cap \"%s\" of %lld (%s)",
					(long long) wanted, grant->currency->code,
					(long long) grant->member, cap->name,
					(long long) cap->maximum, period)));
}

/* Count a grant under a cap; gives what is granted. */
static int64
count_grant(PointsCapBook *book, const PointsCap *cap,
			const PointsEvent *event, const PointsGrant *grant, int64 wanted,
			Counted *counted)
{
	bool		rolling = cap->period.kind == PERIOD_ROLLING;
	TimestampTz from;
	TimestampTz to;

	cap_window(cap, grant->currency, grant->member, event->occurred_at,
			   &from, &to);
	counted->cap = cap;
	counted->used_at = rolling ? event->occurred_at : from;
	counted->again = counted_before(points_book_rules(book), cap, grant);
	counted->points = rolling ?
		count_rolling(book, cap, grant->currency->zone, from,
					  event->occurred_at, wanted, counted->again) :
		points_count_usage(book, cap, from, wanted, counted->again);
	return counted->points;
}

/*
 * Count the grant under all caps that are about it, and cut it down; then take
 * what is left of it from the budgets of its rules.  Grants
 * for one member come together; what is counted is written when another's
 * comes, or when the book is closed.
 */
void
points_apply_caps(PointsCapBook *book, const PointsEvent *event,
				  PointsGrant *grant)
{
	const PointsRules *rules = points_book_rules(book);
	int			room = rules->ncaps + grant->count;
	bool	   *among;
	Counted    *counted;
	int			ncounted = 0;
	int			i;

	if (rules->ncaps == 0 && !rules->has_budgets)
		return;
	points_turn_to_member(book, grant->member);
	among = palloc_array(bool, grant->count);
	counted = palloc_array(Counted, rules->ncaps);
	for (i = 0; i < rules->ncaps; i++)
	{
		const PointsCap *cap = &rules->caps[i];
		int64		wanted;
		int64		granted;

		if (!points_cap_covers(cap, grant, event->occurred_at, among,
							   &wanted))
			continue;
		granted = count_grant(book, cap, event, grant, wanted,
							  &counted[ncounted]);
		if (granted > 0)
			ncounted++;
		if (granted == wanted)
			continue;
		if (cap->refuses)
			refuse_cap(cap, grant, wanted);
		points_note_cut(grant, cap->id, among, wanted - granted, room);
	}
	if (rules->has_budgets)
		points_apply_budgets(event, grant, points_book_looks(book), room);
	if (grant->cut > 0)
		for (i = 0; i < ncounted; i++)
			give_back(book, &counted[i], grant);
}
