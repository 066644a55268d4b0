/*-------------------------------------------------------------------------
 *
 * gauge_time.c
 *	  What time does to gauges: their windows, and those that no event
 *	  changes, days of membership and functions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "tier/gauge.h"

/* When something that happened at a time falls out of a rolling period. */
TimestampTz
tier_leaves_at(const Period *period, TimestampTz at, pg_tz *zone)
{
	Interval	length = {period->time, period->day, period->month};
	TimestampTz low;
	TimestampTz high;
	TimestampTz from;
	TimestampTz to;

	if (at >= END_TIMESTAMP - PERIOD_MAX_TIME - 10 * USECS_PER_DAY)
		return TIER_NEVER;
	high = period_add_interval(at, &length, zone);
	period_bounds(period, high, false, 0, zone, &from, &to);
	if (from >= at)
	{
		/* mostly the answer; ends of months may let it fall out earlier */
		period_bounds(period, high - 1, false, 0, zone, &from, &to);
		if (from < at)
			return high;
	}
	low = high - 5 * USECS_PER_DAY;
	high += 5 * USECS_PER_DAY;
	while (low + 1 < high)
	{
		TimestampTz middle = low + (high - low) / 2;

		period_bounds(period, middle, false, 0, zone, &from, &to);
		if (from >= at)
			high = middle;
		else
			low = middle;
	}
	return high;
}

/* The window of a gauge that holds a time; (from, to] for a rolling one. */
void
tier_window(const TierLadders *ladders, const TierMeter *meter,
			TimestampTz joined_at, TimestampTz at, TimestampTz *from,
			TimestampTz *to)
{
	if (at == TIER_PAST)
	{
		*from = TIER_PAST;
		*to = TIER_PAST;
		return;
	}
	period_bounds(&meter->period, at, true, joined_at, ladders->zone, from,
				  to);
}

/*
 * Months end on different days, so t - 1 month goes back when t goes on from
 * the last day of a short one.  What has fallen out stays out; near such an
 * end more is read than is needed, and looked at one by one.
 */
TimestampTz
tier_leeway(const TierMeter *meter)
{
	return meter->period.kind == PERIOD_ROLLING && meter->period.month != 0 ?
		4 * USECS_PER_DAY : 0;
}

/* The day that holds a time. */
void
tier_day(const TierLadders *ladders, TimestampTz at, TimestampTz *from,
		 TimestampTz *to)
{
	static Period day = {0};

	if (day.version == 0 && period_parse("calendar day", &day) != PERIOD_OK)
		elog(ERROR, "could not make a period of a day");
	period_bounds(&day, at, false, 0, ladders->zone, from, to);
}

/* Whole days of membership that matter to anybody are reached. */
void
tier_count_days(const TierLadders *ladders, const TierLadder *algo, int gauge,
				TierWork *work)
{
	int			v;
	int			r;
	int			q;
	int			k;

	for (v = 0; v < algo->nversions; v++)
		for (r = 0; r < algo->versions[v].nrungs; r++)
			for (q = 0; q < algo->versions[v].rungs[r].nrequirements; q++)
				for (k = 0; k < 2; k++)
				{
					const TierRequirement *need =
					&algo->versions[v].rungs[r].requirements[q];
					int64		days = k == 0 ? need->attain : need->keep;
					Interval	length = {0};
					TimestampTz at;

					/* too many from the day after */
					days += need->at_most;
					if (need->gauge != gauge ||
						days > PERIOD_MAX_DAYS)
						continue;
					length.day = (int32) days;
					at = period_add_interval(work->joined_at, &length,
											 ladders->zone);
					if (at > work->run.state.as_of)
						tier_add_change(work, at, gauge, TIER_SET, days, 0);
				}
}

/* What a function says, midnight after midnight. */
void
tier_ask_function(const TierLadders *ladders, const TierMeter *meter,
				  int gauge, TierWork *work, TimestampTz until)
{
	static CorePlan plan = {
		.sql = "SELECT community.measure_value($2, $3, tstzrange($4, $5),"
		" $1)::double precision",
		.nargs = 5,
		.argtypes = {INT8OID, INT8OID, TEXTOID, TIMESTAMPTZOID,
		TIMESTAMPTZOID}
	};
	TimestampTz at = Max(work->run.state.as_of, work->joined_at);
	Interval	day = {0, 1, 0};

	for (;;)
	{
		Datum		values[5];
		TimestampTz from;
		TimestampTz to;
		bool		isnull;
		double		score;

		CHECK_FOR_INTERRUPTS();
		tier_day(ladders, at, &from, &to);
		at = period_add_interval(from, &day, ladders->zone);
		if (at > until)
			break;
		tier_window(ladders, meter, work->joined_at, at - 1, &from, &to);
		values[0] = Int64GetDatum(ladders->program);
		values[1] = Int64GetDatum(work->member);
		values[2] = CStringGetTextDatum(meter->name);
		/* what is just a length old has fallen out */
		if (meter->period.kind == PERIOD_ROLLING)
			from++;
		values[3] = TimestampTzGetDatum(from == TIER_PAST ? DT_NOBEGIN : from);
		values[4] = TimestampTzGetDatum(at);
		core_run(&plan, values, NULL, false);
		score = DatumGetFloat8(core_field(0, 1, &isnull));
		tier_add_change(work, at, gauge, TIER_SET, 0, isnull ? 0 : score);
	}
	/* what it will say is not known before then */
	work->known_to = Min(work->known_to, at);
}
