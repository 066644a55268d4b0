/*-------------------------------------------------------------------------
 *
 * period_at.c
 *	  The period that holds a time, in a time zone.
 *
 * The arithmetic is in period_algo.c; this lends it the server's time zones
 * and raises its errors.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "utils/builtins.h"
#include "utils/rangetypes.h"
#include "utils/typcache.h"

#include "core/compat.h"
#include "period/period.h"

/* Seconds from the epoch of time zones to that of timestamps */
#define PERIOD_EPOCH_SHIFT \
	((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)

typedef struct PeriodArgs
{
	const Period *period;
	TimestampTz at;
	bool		has_anchor;
	TimestampTz anchor;
	pg_tz	   *zone;
} PeriodArgs;

PG_FUNCTION_INFO_V1(community_period_at);
PG_FUNCTION_INFO_V1(community_period_end);
PG_FUNCTION_INFO_V1(community_period_add);

pg_tz *
period_zone(const char *name)
{
	pg_tz	   *zone = pg_tzset(name);

	if (zone == NULL || !pg_tz_acceptable(zone))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" not recognized", name),
				 errhint("Give a name of pg_timezone_names, as Europe/Berlin.")));
	return zone;
}

/* The callback of a PeriodZone. */
static void
period_lookup(void *zone, int64 second, int64 *offset, int64 *until)
{
	pg_time_t	time = second + PERIOD_EPOCH_SHIFT;
	pg_time_t	boundary;
	long int	before;
	long int	after;
	int			before_isdst;
	int			after_isdst;
	int			found;

	found = pg_next_dst_boundary(&time, &before, &before_isdst, &boundary,
								 &after, &after_isdst, zone);
	if (found < 0)
		elog(ERROR, "time zone \"%s\" has no rules for second " INT64_FORMAT,
			 pg_get_timezone_name(zone), second);
	*offset = before;
	*until = found > 0 ? boundary - PERIOD_EPOCH_SHIFT : PG_INT64_MAX;
}

static const char *
period_time_text(TimestampTz at)
{
	if (TIMESTAMP_NOT_FINITE(at))
		return TIMESTAMP_IS_NOBEGIN(at) ? "-infinity" : "infinity";
	return timestamptz_to_str(at);
}

/* Periods of finite length have no place at infinity. */
static void
period_check_finite(const Period *period, const char *what, TimestampTz at)
{
	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("%s of period \"%s\" must be finite, not %s", what,
						period_text(period), period_time_text(at))));
}

static char *
period_interval_text(const Interval *interval)
{
	Datum		value = IntervalPGetDatum(interval);

	return DatumGetCString(DirectFunctionCall1(interval_out, value));
}

TimestampTz
period_add_interval(TimestampTz at, const Interval *interval, pg_tz *zone)
{
	PeriodZone	clock = {period_lookup, zone};
	int64		result = at;

	if (TIMESTAMP_NOT_FINITE(at))
		return at;
	if (((interval->month != 0 || interval->day != 0) &&
		 !period_shift(&clock, at, interval->month, interval->day, &result)) ||
		pg_add_s64_overflow(result, interval->time, &result) ||
		!IS_VALID_TIMESTAMP(result))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range"),
				 errdetail("The time is %s, the interval %s.",
						   timestamptz_to_str(at),
						   period_interval_text(interval))));
	return result;
}

/* Where a rolling period begins.  It holds its end whatever clocks do. */
static TimestampTz
period_rolling_from(const Period *period, TimestampTz at, pg_tz *zone)
{
	Interval	back;
	TimestampTz from;

	back.month = -period->month;
	back.day = -period->day;
	back.time = -period->time;
	from = period_add_interval(at, &back, zone);
	return Min(from, at - 1);
}

void
period_bounds(const Period *period, TimestampTz at, bool has_anchor,
			  TimestampTz anchor, pg_tz *zone, TimestampTz *from,
			  TimestampTz *to)
{
	PeriodZone	clock = {period_lookup, zone};

	if (period->kind == PERIOD_LIFETIME)
	{
		TIMESTAMP_NOBEGIN(*from);
		TIMESTAMP_NOEND(*to);
		return;
	}
	period_check_finite(period, "time", at);
	if (period->kind == PERIOD_ROLLING)
	{
		*from = period_rolling_from(period, at, zone);
		*to = at;
		return;
	}
	if (period->kind == PERIOD_ANNIVERSARY)
	{
		if (!has_anchor)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("period \"%s\" needs an anchor",
							period_text(period)),
					 errhint("Give the time whose anniversaries are meant, such as that of joining.")));
		period_check_finite(period, "anchor", anchor);
	}
	if (!period_cuts(period, at, anchor, &clock, from, to))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("period \"%s\" that holds %s is out of range for timestamps",
						period_text(period), timestamptz_to_str(at))));
}

TimestampTz
period_upper(const Period *period, TimestampTz at, bool has_anchor,
			 TimestampTz anchor, pg_tz *zone)
{
	TimestampTz from;
	TimestampTz to;

	if (period->kind == PERIOD_ROLLING)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("period \"%s\" has no end to round up to",
						period_text(period)),
				 errdetail("A rolling period ends with the time it is asked for."),
				 errhint("Use a calendar or an anniversary period, or add the interval.")));
	period_bounds(period, at, has_anchor, anchor, zone, &from, &to);
	return to;
}

/* The arguments of both functions below; false if the result is null. */
static bool
period_read_args(FunctionCallInfo fcinfo, PeriodArgs *args)
{
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(3))
		return false;
	args->period = PG_GETARG_PERIOD_P(0);
	args->at = PG_GETARG_TIMESTAMPTZ(1);
	args->has_anchor = !PG_ARGISNULL(2);
	args->anchor = args->has_anchor ? PG_GETARG_TIMESTAMPTZ(2) : 0;
	args->zone = period_zone(text_to_cstring(PG_GETARG_TEXT_PP(3)));
	return true;
}

/* period_at(period, at, anchor, time_zone) -> tstzrange */
Datum
community_period_at(PG_FUNCTION_ARGS)
{
	PeriodArgs	args;
	TimestampTz from;
	TimestampTz to;
	RangeBound	lower;
	RangeBound	upper;

	if (!period_read_args(fcinfo, &args))
		PG_RETURN_NULL();
	period_bounds(args.period, args.at, args.has_anchor, args.anchor,
				  args.zone, &from, &to);

	lower.val = TimestampTzGetDatum(from);
	lower.infinite = args.period->kind == PERIOD_LIFETIME;
	lower.inclusive = !lower.infinite && args.period->kind != PERIOD_ROLLING;
	lower.lower = true;
	upper.val = TimestampTzGetDatum(to);
	upper.infinite = lower.infinite;
	upper.inclusive = args.period->kind == PERIOD_ROLLING;
	upper.lower = false;
	PG_RETURN_RANGE_P(core_make_range(range_get_typcache(fcinfo, TSTZRANGEOID),
									  &lower, &upper));
}

/* period_end(period, at, anchor, time_zone) -> timestamptz */
Datum
community_period_end(PG_FUNCTION_ARGS)
{
	PeriodArgs	args;

	if (!period_read_args(fcinfo, &args))
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(period_upper(args.period, args.at, args.has_anchor,
									   args.anchor, args.zone));
}

/* period_add(at, length, time_zone) -> timestamptz */
Datum
community_period_add(PG_FUNCTION_ARGS)
{
	pg_tz	   *zone = period_zone(text_to_cstring(PG_GETARG_TEXT_PP(2)));

	PG_RETURN_TIMESTAMPTZ(period_add_interval(PG_GETARG_TIMESTAMPTZ(0),
											  PG_GETARG_INTERVAL_P(1), zone));
}
