/*-------------------------------------------------------------------------
 *
 * what_if.h
 *	  What trying a ladder out is made of.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_TIER_WHAT_IF_H
#define COMMUNITY_TIER_WHAT_IF_H

#include "tier/benefit.h"
#include "tier/gauge.h"

/* What the tiers of a ladder bring of one currency, over some time. */
typedef struct TierCosting
{
	const TierLadders *ladders;
	TimestampTz from;			/* exclusive */
	TimestampTz as_of;			/* inclusive */
	int			nlistings;		/* that count as if always valid */
	const TierListing **listings;
	int			nmultipliers;	/* that were valid at any time */
	const TierListing **multipliers;
} TierCosting;

/* Points that benefits cost, by today's tenures and by others. */
typedef struct TierCost
{
	int64		now;
	int64		then;
} TierCost;

/* what_if_cost.c */
extern void tier_costing_begin(TierCosting *costing, int64 ladder_id,
							   int64 currency_id);
extern bool tier_costing_is_free(const TierCosting *costing);
extern TierCost tier_cost_of(const TierCosting *costing, const TierWork *now,
							 const TierWork *then, const TierItem *earned,
							 int count);
extern void tier_add_points(int64 *total, int64 points);

#endif							/* COMMUNITY_TIER_WHAT_IF_H */
