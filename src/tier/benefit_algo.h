/*-------------------------------------------------------------------------
 *
 * benefit_algo.h
 *	  From tenures to what has to be granted for them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_TIER_BENEFIT_ALGO_H
#define COMMUNITY_TIER_BENEFIT_ALGO_H

/* A tier held from tenure to adjoining tenure, [from, until). */
typedef struct TierHolding
{
	int64		from;
	int64		until;			/* PG_INT64_MAX without end */
	int64		judged;			/* when it is judged again */
	bool		renewed;		/* it began by a renewal */
} TierHolding;

extern int	tier_join_tenures(const TierHolding *tenures, int count,
							  bool renewals_part, TierHolding *holdings);
extern void tier_match_holdings(const TierHolding *holdings, int nholdings,
								const TierHolding *granted, int ngranted,
								int *grant_of);

#endif							/* COMMUNITY_TIER_BENEFIT_ALGO_H */
