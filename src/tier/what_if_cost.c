/*-------------------------------------------------------------------------
 *
 * what_if_cost.c
 *	  What benefits of a ladder cost in points, by tenures that were worked
 *	  out and not written down.
 *
 * doc/tier.md says what is counted.  Tenures are those by qualification; what
 * other sources bring is the same whatever the ladder says.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/int.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "tier/what_if.h"

/* Add, or say that it is too much. */
void
tier_add_points(int64 *total, int64 points)
{
	if (pg_add_s64_overflow(*total, points, total))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("points of what_if() are out of range")));
}

/* A multiplier for some rules alone cannot be told from what was earned. */
static bool
costs_points(const TierListing *listing)
{
	return listing->kind == TIER_BONUS || listing->kind == TIER_ALLOWANCE ||
		(listing->kind == TIER_MULTIPLIER && listing->nrules == 0);
}

/* Find what the tiers of a ladder bring.  The times are set already. */
void
tier_costing_begin(TierCosting *costing, int64 ladder_id, int64 currency_id)
{
	const TierBenefits *benefits = tier_benefits(costing->ladders->program);
	int			i;

	costing->listings = palloc_array(const TierListing *,
									 benefits->nlistings + 1);
	costing->multipliers = palloc_array(const TierListing *,
										benefits->nlistings + 1);
	for (i = 0; i < benefits->nlistings; i++)
	{
		const TierListing *listing = &benefits->listings[i];

		if (listing->ladder_id != ladder_id ||
			listing->currency_id != currency_id || !costs_points(listing))
			continue;
		if (listing->kind == TIER_MULTIPLIER)
			costing->multipliers[costing->nmultipliers++] = listing;
		if (tier_listing_is_valid(listing, costing->as_of))
			costing->listings[costing->nlistings++] = listing;
	}
}

bool
tier_costing_is_free(const TierCosting *costing)
{
	return costing->nlistings == 0;
}

static const char *
tier_of(const TierWork *work, const TierSpan *span)
{
	return work->algo.versions[span->version].rungs[span->rank - 1].name;
}

/* Does a tenure go on with the one before it, as far as benefits can tell? */
static bool
goes_on(const TierWork *work, int n)
{
	const TierSpan *span = &work->run.spans[n];

	return n > 0 && span[-1].until == span->from &&
		strcmp(tier_of(work, &span[-1]), tier_of(work, span)) == 0;
}

/* Points for each tenure that begins anew. */
static int64
count_beginnings(const TierCosting *costing, const TierWork *work,
				 const TierListing *listing)
{
	int64		count = 0;
	int			i;

	for (i = 0; i < work->run.nspans; i++)
	{
		const TierSpan *span = &work->run.spans[i];

		if (span->from > costing->from && span->from <= costing->as_of &&
			strcmp(tier_of(work, span), listing->tier) == 0 &&
			(!goes_on(work, i) || span->reason == TIER_RENEWED))
			count++;
	}
	return count;
}

/*
 * An allowance for each period in which the tier is held.  It is given when
 * the period begins, or the tier in it; who comes back gets no other.
 */
static int64
count_periods(const TierCosting *costing, const TierWork *work,
			  const TierListing *listing)
{
	pg_tz	   *zone = costing->ladders->zone;
	bool		given = false;
	TimestampTz last = 0;		/* beginning of the last period */
	int64		count = 0;
	int			i;

	for (i = 0; i < work->run.nspans; i++)
	{
		const TierSpan *span = &work->run.spans[i];
		TimestampTz until = Min(span->until, costing->as_of + 1);
		TimestampTz at = Max(span->from, costing->from);

		if (strcmp(tier_of(work, span), listing->tier) != 0)
			continue;
		/* of what was before, the last period may still run */
		at = Min(at, until - 1);
		while (at < until)
		{
			TimestampTz from;
			TimestampTz to;

			CHECK_FOR_INTERRUPTS();
			period_bounds(&listing->period, at, true, work->joined_at, zone,
						  &from, &to);
			if ((!given || from != last) &&
				Max(from, span->from) > costing->from)
				count++;
			given = true;
			last = from;
			at = to;
		}
	}
	return count;
}

/* What tenures themselves bring. */
static int64
cost_of_tenures(const TierCosting *costing, const TierWork *work)
{
	int64		total = 0;
	int			i;

	for (i = 0; i < costing->nlistings; i++)
	{
		const TierListing *listing = costing->listings[i];
		int64		times;
		int64		points;

		if (listing->kind == TIER_MULTIPLIER)
			continue;
		times = listing->kind == TIER_BONUS ?
			count_beginnings(costing, work, listing) :
			count_periods(costing, work, listing);
		if (pg_mul_s64_overflow(times, listing->points, &points))
			points = PG_INT64_MAX;
		tier_add_points(&total, points);
	}
	return total;
}

/* The highest factor for who holds a tier; "at" asks what was valid then. */
static int64
factor_of(const TierListing *const *listings, int count, const char *tier,
		  const TimestampTz *at)
{
	int64		best = 0;
	int			i;

	for (i = 0; i < count; i++)
		if (listings[i]->kind == TIER_MULTIPLIER &&
			strcmp(listings[i]->tier, tier) == 0 &&
			(at == NULL || tier_listing_is_valid(listings[i], *at)))
			best = Max(best, listings[i]->factor);
	return best == 0 ? TIER_FACTOR_SCALE : best;
}

/* The tier that is held just before a time, going on from the span "n". */
static const char *
tier_before(const TierWork *work, TimestampTz at, int *n)
{
	if (work == NULL)
		return NULL;
	while (*n < work->run.nspans && work->run.spans[*n].until < at)
		(*n)++;
	return *n < work->run.nspans && work->run.spans[*n].from < at ?
		tier_of(work, &work->run.spans[*n]) : NULL;
}

/*
 * What a factor adds to points that had been multiplied by another one, to
 * the nearest point.
 */
static int64
extra_points(int64 points, int64 paid, int64 factor)
{
	int128		n = (int128) points * (factor - TIER_FACTOR_SCALE);
	int128		half = n < 0 ? -(paid / 2) : paid / 2;

	n = (n + half) / paid;
	return n > PG_INT64_MAX ? PG_INT64_MAX :
		n < PG_INT64_MIN ? PG_INT64_MIN : (int64) n;
}

/* What multipliers add to what rules gave. */
static void
add_multiplied(const TierCosting *costing, const TierWork *now,
			   const TierWork *then, const TierItem *earned, int count,
			   TierCost *cost)
{
	int			held_now = 0;
	int			held_then = 0;
	int			i;

	if (costing->nmultipliers == 0)
		return;
	for (i = 0; i < count; i++)
	{
		TimestampTz at = earned[i].at;
		TimestampTz before = at - 1;
		const char *tier;
		int64		paid = TIER_FACTOR_SCALE;

		/* what no event has earned is not multiplied */
		if (at <= costing->from || earned[i].key == TIER_NO_KEY)
			continue;
		tier = tier_before(now, at, &held_now);
		if (tier != NULL)
		{
			paid = factor_of(costing->multipliers, costing->nmultipliers,
							 tier, &before);
			tier_add_points(&cost->now,
							extra_points(earned[i].amount, paid,
										 factor_of(costing->listings,
												   costing->nlistings, tier,
												   NULL)));
		}
		tier = tier_before(then, at, &held_then);
		if (tier != NULL)
			tier_add_points(&cost->then,
							extra_points(earned[i].amount, paid,
										 factor_of(costing->listings,
												   costing->nlistings, tier,
												   NULL)));
	}
}

/* What a member costs; "now" is NULL where no version is published. */
TierCost
tier_cost_of(const TierCosting *costing, const TierWork *now,
			 const TierWork *then, const TierItem *earned, int count)
{
	TierCost	cost = {0};

	if (now != NULL)
		cost.now = cost_of_tenures(costing, now);
	cost.then = cost_of_tenures(costing, then);
	add_multiplied(costing, now, then, earned, count, &cost);
	return cost;
}
