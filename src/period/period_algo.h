/*-------------------------------------------------------------------------
 *
 * period_algo.h
 *	  Periods of time, free of the server: their form, their text, and where
 *	  a calendar cuts time.
 *
 * A time here is microseconds since 2000-01-01 00:00 UTC, as in a timestamp
 * with time zone; a local time is the same count, read off the clock on the
 * wall.  Months are counted from January 2000, days from 1 January 2000.
 *
 * One rule leads from a local time to an instant: it is the first instant at
 * which the clock shows that local time or a later one.  So a local time
 * that the clock skips is the end of the gap, one that it shows twice is the
 * first of the two, and a later local time is never an earlier instant.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_PERIOD_ALGO_H
#define COMMUNITY_PERIOD_ALGO_H

#include "datatype/timestamp.h"

#define PERIOD_VERSION			1

/* No period is longer than a hundred years, in each way to say it. */
#define PERIOD_MAX_MONTHS		1200
#define PERIOD_MAX_DAYS			36525
#define PERIOD_MAX_TIME			(PERIOD_MAX_DAYS * USECS_PER_DAY)

/* 3 January 2000, the Monday from which days and weeks are counted */
#define PERIOD_MONDAY			2

/* Room for the longest text form */
#define PERIOD_BUFLEN			128

typedef enum PeriodKind
{
	PERIOD_LIFETIME,
	PERIOD_ROLLING,
	PERIOD_CALENDAR,
	PERIOD_ANNIVERSARY
} PeriodKind;

typedef enum PeriodUnit
{
	PERIOD_NO_UNIT,
	PERIOD_MONTH,
	PERIOD_DAY
} PeriodUnit;

/*
 * The form on disk, for ever.  Canonical, so that periods of the same meaning
 * are the same bytes: weeks are days, quarters, half-years and years months,
 * and the origin of a calendar period is the first at or after 2000.
 */
typedef struct Period
{
	uint8		version;		/* PERIOD_VERSION */
	uint8		kind;			/* PeriodKind */
	uint8		unit;			/* PeriodUnit, of calendar and anniversary */
	uint8		reserved;		/* zero */
	int32		count;			/* so many units long */
	int32		month;			/* rolling: length; calendar: months to the
								 * origin from January 2000, below count */
	int32		day;			/* rolling: length; calendar: day of the month
								 * less one, or days to the origin from Monday
								 * 3 January 2000, below count */
	int64		time;			/* rolling: length; calendar: time of day at
								 * which a period begins; whole seconds */
} Period;

StaticAssertDecl(sizeof(Period) == 24, "period is 24 bytes on disk");

typedef enum PeriodStatus
{
	PERIOD_OK,
	PERIOD_BAD_KIND,
	PERIOD_BAD_LENGTH,
	PERIOD_BAD_UNIT,
	PERIOD_BAD_COUNT,
	PERIOD_TOO_LONG,
	PERIOD_BAD_ORIGIN,
	PERIOD_BAD_DATE,
	PERIOD_BAD_CLOCK,
	PERIOD_ORIGIN_UNIT,
	PERIOD_ANCHORED,
	PERIOD_TRAILING
} PeriodStatus;

/*
 * A time zone: the offset of its clock from UTC at a second since 2000, and
 * the second of its next change, or PG_INT64_MAX.  Offsets are less than eight
 * days, the widest that a zone in POSIX notation can have.
 */
typedef void (*PeriodZoneLookup) (void *zone, int64 second, int64 *offset,
								  int64 *until);

typedef struct PeriodZone
{
	PeriodZoneLookup lookup;
	void	   *zone;
} PeriodZone;

/* period_algo.c */
extern int64 period_month_start(int64 month);
extern void period_split_day(int64 day, int64 *month, int *day_of_month);
extern int64 period_local_time(const PeriodZone *zone, int64 at);
extern bool period_instant(const PeriodZone *zone, int64 local, int64 *at);
extern bool period_shift(const PeriodZone *zone, int64 at, int32 months,
						 int32 days, int64 *result);
extern bool period_cuts(const Period *period, int64 at, int64 anchor,
						const PeriodZone *zone, int64 *from, int64 *to);
extern int64 period_full_date(const Period *period);
extern bool period_is_valid(const Period *period);
extern int	period_compare(const Period *a, const Period *b);

/* period_text_algo.c */
extern PeriodStatus period_parse(const char *text, Period *period);
extern void period_format(char *buffer, const Period *period);

static inline int64
period_floor_div(int64 a, int64 b)
{
	return a / b - (a % b < 0);
}

static inline int64
period_floor_mod(int64 a, int64 b)
{
	return a - period_floor_div(a, b) * b;
}

#endif							/* COMMUNITY_PERIOD_ALGO_H */
