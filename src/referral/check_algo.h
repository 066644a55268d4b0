/*-------------------------------------------------------------------------
 *
 * check_algo.h
 *	  Depths and cycles of a whole forest.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_REFERRAL_CHECK_ALGO_H
#define COMMUNITY_REFERRAL_CHECK_ALGO_H

/* what is said of a row instead of its depth */
#define REFERRAL_ON_CYCLE		(-1)	/* it stands below itself */
#define REFERRAL_BELOW_CYCLE	(-2)	/* it has no root above it */

/*
 * A forest: the members that have a row, in ascending order, and who sponsors
 * them.  Sponsors without a row are roots.
 */
typedef struct ReferralRows
{
	int64		count;
	int64	   *members;
	int64	   *sponsors;
	bool	   *has_sponsor;
	int32	   *bounds;			/* what the rows say of their depth */

	/* found */
	int32	   *depths;			/* or one of the above */
} ReferralRows;

extern int64 referral_find_row(const ReferralRows *rows, int64 member);
extern void referral_find_depths(ReferralRows *rows, int64 *path);

#endif							/* COMMUNITY_REFERRAL_CHECK_ALGO_H */
