/*-------------------------------------------------------------------------
 *
 * period_algo.c
 *	  Where a calendar cuts time: civil dates, local clocks, boundaries.
 *
 * The boundaries of a calendar or anniversary period are computed each from
 * its own number, never from the one before, so that a month that is too
 * short for its day does not shorten those that follow.
 *
 * Pure: the time zone is a callback.  Results out of the range of timestamps
 * are reported as false.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "period/period_algo.h"

/* 1 March 2000; years that begin in March have their leap day last */
#define PERIOD_MARCH_DAY		60
#define PERIOD_MARCH_MONTH		2

/* 400 Gregorian years */
#define PERIOD_CYCLE_DAYS		146097
#define PERIOD_CYCLE_MONTHS		4800

/* a month is 146097 days / 4800 on average, which is this many seconds */
#define PERIOD_MONTH_SECONDS	INT64CONST(2629746)

/* more than any offset of any clock from UTC */
#define PERIOD_OFFSET_LIMIT		(8 * SECS_PER_DAY)

/* days with a chance to lie in the range of timestamps, in some zone */
#define PERIOD_FIRST_DAY		(MIN_TIMESTAMP / USECS_PER_DAY - 8)
#define PERIOD_LAST_DAY			(END_TIMESTAMP / USECS_PER_DAY)

/* A calendar period, or an anniversary period with its anchor's local time */
typedef struct PeriodGrid
{
	PeriodUnit	unit;
	int64		count;
	int64		month;
	int64		day;			/* of the month from 0, or since 2000 */
	int64		time;
	bool		anchored;
	int64		anchor;
	const PeriodZone *zone;
} PeriodGrid;

/* The first day of a month. */
int64
period_month_start(int64 month)
{
	int64		year = period_floor_div(month - PERIOD_MARCH_MONTH, 12);
	int64		of_year = month - PERIOD_MARCH_MONTH - year * 12;

	return PERIOD_MARCH_DAY + year * 365 + period_floor_div(year, 4)
		- period_floor_div(year, 100) + period_floor_div(year, 400)
		+ (153 * of_year + 2) / 5;
}

static int
period_month_length(int64 month)
{
	return (int) (period_month_start(month + 1) - period_month_start(month));
}

/* The month of a day, and its day from 0. */
void
period_split_day(int64 day, int64 *month, int *day_of_month)
{
	int64		m;

	/* the average month is wrong by one at most */
	m = period_floor_div(day * PERIOD_CYCLE_MONTHS, PERIOD_CYCLE_DAYS);
	while (period_month_start(m) > day)
		m--;
	while (period_month_start(m + 1) <= day)
		m++;
	*month = m;
	*day_of_month = (int) (day - period_month_start(m));
}

/* A day of a month, or the month's last if it has no such day. */
static int64
period_day_of_month(int64 month, int64 day_of_month)
{
	return period_month_start(month) +
		Min(day_of_month, period_month_length(month) - 1);
}

/* What the clock of the zone shows at an instant. */
int64
period_local_time(const PeriodZone *zone, int64 at)
{
	int64		offset;
	int64		until;

	zone->lookup(zone->zone, period_floor_div(at, USECS_PER_SEC), &offset,
				 &until);
	return at + offset * USECS_PER_SEC;
}

/* The first instant at which the clock shows a local time, or a later one. */
bool
period_instant(const PeriodZone *zone, int64 local, int64 *at)
{
	int64		second = period_floor_div(local, USECS_PER_SEC);
	int64		fraction = local - second * USECS_PER_SEC;
	int64		start = second - PERIOD_OFFSET_LIMIT;

	/* start is too early; go on from one change of the clock to the next */
	for (;;)
	{
		int64		offset;
		int64		until;

		zone->lookup(zone->zone, start, &offset, &until);
		if (second - offset < start)
		{
			/* the change itself has skipped it */
			second = start;
			fraction = 0;
			break;
		}
		if (second - offset < until)
		{
			second -= offset;
			break;
		}
		start = until;
	}

	if (second < MIN_TIMESTAMP / USECS_PER_SEC ||
		second >= END_TIMESTAMP / USECS_PER_SEC)
		return false;
	*at = second * USECS_PER_SEC + fraction;
	return true;
}

/* Day and time of day as a local time; false if far out of range. */
static bool
period_join_day(int64 day, int64 time, int64 *local)
{
	if (day < PERIOD_FIRST_DAY || day > PERIOD_LAST_DAY)
		return false;
	*local = day * USECS_PER_DAY + time;
	return true;
}

/* An instant moved by months, then by days, on the clock of the zone. */
bool
period_shift(const PeriodZone *zone, int64 at, int32 months, int32 days,
			 int64 *result)
{
	int64		local = period_local_time(zone, at);
	int64		day = period_floor_div(local, USECS_PER_DAY);
	int64		time = local - day * USECS_PER_DAY;
	int64		month;
	int			day_of_month;

	if (months != 0)
	{
		period_split_day(day, &month, &day_of_month);
		day = period_day_of_month(month + months, day_of_month);
	}
	day += days;
	return period_join_day(day, time, &local) &&
		period_instant(zone, local, result);
}

/*
 * The instant of the boundary of number k; an end of int64 if that is out of
 * the range of timestamps.  Number 0 of an anniversary is the anchor itself,
 * even if the clock had shown its local time before; the others keep to their
 * side of it.
 */
static int64
period_cut(const PeriodGrid *grid, int64 k)
{
	int64		day;
	int64		local;
	int64		at;

	if (grid->anchored && k == 0)
		return grid->anchor;
	if (grid->unit == PERIOD_MONTH)
		day = period_day_of_month(grid->month + k * grid->count, grid->day);
	else
		day = grid->day + k * grid->count;
	if (!period_join_day(day, grid->time, &local) ||
		!period_instant(grid->zone, local, &at))
		return day < 0 ? PG_INT64_MIN : PG_INT64_MAX;
	return grid->anchored && k > 0 ? Max(at, grid->anchor) : at;
}

/* The number of the period that holds a local time, or one that is near. */
static int64
period_number(const PeriodGrid *grid, int64 local)
{
	int64		day = period_floor_div(local, USECS_PER_DAY);
	int64		month;
	int			day_of_month;

	if (grid->unit == PERIOD_DAY)
		return period_floor_div(day - grid->day, grid->count);
	period_split_day(day, &month, &day_of_month);
	return period_floor_div(month - grid->month, grid->count);
}

static void
period_make_grid(PeriodGrid *grid, const Period *period, int64 anchor,
				 const PeriodZone *zone)
{
	grid->unit = period->unit;
	grid->count = period->count;
	grid->zone = zone;
	grid->anchored = period->kind == PERIOD_ANNIVERSARY;
	grid->anchor = anchor;
	if (grid->anchored)
	{
		int64		local = period_local_time(zone, anchor);
		int			day_of_month;

		grid->day = period_floor_div(local, USECS_PER_DAY);
		grid->time = local - grid->day * USECS_PER_DAY;
		period_split_day(grid->day, &grid->month, &day_of_month);
		if (grid->unit == PERIOD_MONTH)
			grid->day = day_of_month;
	}
	else
	{
		grid->month = period->month;
		grid->day = period->day;
		grid->time = period->time;
		if (grid->unit == PERIOD_DAY)
			grid->day += PERIOD_MONDAY;
	}
}

/*
 * The boundaries around an instant, of a calendar period or of an anniversary
 * with its anchor: from <= at < to.
 *
 * Boundaries never fall as their number rises, so any number will do to begin
 * with; the date on the clock gives one that is near.  It is wrong if the
 * boundary comes later in the month or on the day, or if the clock went back
 * over it: what it shows again is after the boundary all the same.  A period
 * that the clock skipped as a whole holds no instant and is passed over.
 */
bool
period_cuts(const Period *period, int64 at, int64 anchor,
			const PeriodZone *zone, int64 *from, int64 *to)
{
	PeriodGrid	grid;
	int64		k;

	period_make_grid(&grid, period, anchor, zone);
	k = period_number(&grid, period_local_time(zone, at));
	*from = period_cut(&grid, k);
	*to = period_cut(&grid, k + 1);
	while (at < *from)
	{
		*to = *from;
		*from = period_cut(&grid, --k);
	}
	while (at >= *to)
	{
		*from = *to;
		*to = period_cut(&grid, ++k + 1);
	}
	return *from != PG_INT64_MIN && *to != PG_INT64_MAX;
}

/*
 * The first day at or after 2000 on which a calendar period of months begins
 * and whose month is long enough for its day of the month; -1 if none is.
 */
int64
period_full_date(const Period *period)
{
	int64		month;

	for (month = period->month;
		 month < period->month + PERIOD_CYCLE_MONTHS * (int64) period->count;
		 month += period->count)
		if (period_month_length(month) > period->day)
			return period_month_start(month) + period->day;
	return -1;
}

static bool
period_between(int64 value, int64 least, int64 most)
{
	return value >= least && value <= most;
}

/* Is this one of the values that input can give? */
bool
period_is_valid(const Period *period)
{
	bool		has_length = period->kind == PERIOD_CALENDAR ||
	period->kind == PERIOD_ANNIVERSARY;

	if (period->version != PERIOD_VERSION || period->reserved != 0 ||
		period->time % USECS_PER_SEC != 0)
		return false;
	if (!has_length && (period->unit != PERIOD_NO_UNIT || period->count != 0))
		return false;
	if (has_length &&
		!(period->unit == PERIOD_MONTH &&
		  period_between(period->count, 1, PERIOD_MAX_MONTHS)) &&
		!(period->unit == PERIOD_DAY &&
		  period_between(period->count, 1, PERIOD_MAX_DAYS)))
		return false;

	switch (period->kind)
	{
		case PERIOD_LIFETIME:
		case PERIOD_ANNIVERSARY:
			return period->month == 0 && period->day == 0 &&
				period->time == 0;
		case PERIOD_ROLLING:
			return period_between(period->month, 0, PERIOD_MAX_MONTHS) &&
				period_between(period->day, 0, PERIOD_MAX_DAYS) &&
				period_between(period->time, 0, PERIOD_MAX_TIME) &&
				(period->month > 0 || period->day > 0 || period->time > 0);
		case PERIOD_CALENDAR:
			if (!period_between(period->time, 0, USECS_PER_DAY - 1))
				return false;
			if (period->unit == PERIOD_DAY)
				return period->month == 0 &&
					period_between(period->day, 0, period->count - 1);
			return period_between(period->month, 0, period->count - 1) &&
				period_between(period->day, 0, 30) &&
				period_full_date(period) >= 0;
		default:
			return false;
	}
}

/* How long a period is on average, in microseconds. */
static int64
period_mean_length(const Period *period)
{
	if (period->kind == PERIOD_LIFETIME)
		return PG_INT64_MAX;
	if (period->kind == PERIOD_ROLLING)
		return period->month * PERIOD_MONTH_SECONDS * USECS_PER_SEC +
			period->day * USECS_PER_DAY + period->time;
	if (period->unit == PERIOD_MONTH)
		return period->count * PERIOD_MONTH_SECONDS * USECS_PER_SEC;
	return period->count * USECS_PER_DAY;
}

static int
period_order(int64 a, int64 b)
{
	return (a > b) - (a < b);
}

/*
 * Shorter periods first, then by kind and by where they begin.  The length
 * stands for unit and count: days never add up to the average of months, the
 * first number of which to be whole days is 1600.
 */
int
period_compare(const Period *a, const Period *b)
{
	int			order;

	order = period_order(period_mean_length(a), period_mean_length(b));
	if (order == 0)
		order = period_order(a->kind, b->kind);
	if (order == 0)
		order = period_order(a->month, b->month);
	if (order == 0)
		order = period_order(a->day, b->day);
	if (order == 0)
		order = period_order(a->time, b->time);
	return order;
}
