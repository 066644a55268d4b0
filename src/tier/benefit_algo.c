/*-------------------------------------------------------------------------
 *
 * benefit_algo.c
 *	  From tenures to what has to be granted for them.
 *
 * What is believed about tenures changes; what was given for them must not be
 * given twice.  So a holding is known again by the time that it shares with
 * what was granted before, not by its bounds.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "tier/benefit_algo.h"

/*
 * Join the tenures of one member, tier and source, in the order of time, where
 * one begins at the end of another; "renewals_part" keeps a renewal apart.
 * Gives how many holdings that makes.
 */
int
tier_join_tenures(const TierHolding *tenures, int count, bool renewals_part,
				  TierHolding *holdings)
{
	int			n = 0;
	int			i;

	for (i = 0; i < count; i++)
	{
		const TierHolding *next = &tenures[i];

		if (n > 0 && next->from <= holdings[n - 1].until &&
			!(renewals_part && next->renewed))
		{
			holdings[n - 1].until = Max(holdings[n - 1].until, next->until);
			holdings[n - 1].judged = next->judged;
		}
		else
			holdings[n++] = *next;
	}
	return n;
}

/*
 * Find for each holding what was granted for it: the first that shares a time
 * with it and is not taken by a holding before.  Both are in the order of time
 * and overlap none of their own, so no other choice finds more pairs.
 * grant_of[i] is a position in "granted", or -1.
 */
void
tier_match_holdings(const TierHolding *holdings, int nholdings,
					const TierHolding *granted, int ngranted, int *grant_of)
{
	int			i = 0;
	int			j = 0;
	int			k;

	for (k = 0; k < nholdings; k++)
		grant_of[k] = -1;
	while (i < nholdings && j < ngranted)
	{
		if (holdings[i].until <= granted[j].from)
			i++;
		else if (granted[j].until <= holdings[i].from)
			j++;
		else
			grant_of[i++] = j++;
	}
}
