/*-------------------------------------------------------------------------
 *
 * period.h
 *	  The type period: how long something counts, and where it is cut.
 *
 * Every room may include this.  The form of a period is in period_algo.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_PERIOD_H
#define COMMUNITY_PERIOD_H

#include "fmgr.h"
#include "pgtime.h"
#include "utils/timestamp.h"

#include "period/period_algo.h"

#define DatumGetPeriodP(X)		((Period *) DatumGetPointer(X))
#define PeriodPGetDatum(X)		PointerGetDatum(X)
#define PG_GETARG_PERIOD_P(n)	DatumGetPeriodP(PG_GETARG_DATUM(n))
#define PG_RETURN_PERIOD_P(x)	return PeriodPGetDatum(x)

/* The text form; palloc'd and good for a message. */
extern char *period_text(const Period *period);

/* The zone of that name, or an error.  It stays valid for the session. */
extern pg_tz *period_zone(const char *name);

/*
 * The period that holds "at".  A rolling one is (from, to] with to = at, all
 * others are [from, to); a lifetime runs from -infinity to infinity.  An
 * anniversary without an anchor is an error, and so is a result that no
 * timestamp can hold.
 */
extern void period_bounds(const Period *period, TimestampTz at,
						  bool has_anchor, TimestampTz anchor, pg_tz *zone,
						  TimestampTz *from, TimestampTz *to);

/*
 * The end of the period that holds "at", always after it: infinity for a
 * lifetime, an error for a rolling period, which ends with "at".
 */
extern TimestampTz period_upper(const Period *period, TimestampTz at,
								bool has_anchor, TimestampTz anchor,
								pg_tz *zone);

/*
 * at + interval: months and days on the clock of the zone, the time of the
 * interval as it passes.  Infinite times stay as they are.
 */
extern TimestampTz period_add_interval(TimestampTz at,
									   const Interval *interval, pg_tz *zone);

#endif							/* COMMUNITY_PERIOD_H */
