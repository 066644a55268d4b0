/*-------------------------------------------------------------------------
 *
 * label_algo.h
 *	  Which labels lie below a member, once others have moved.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_REFERRAL_LABEL_ALGO_H
#define COMMUNITY_REFERRAL_LABEL_ALGO_H

/* A labelled member at which the forest is cut, and all that was below it. */
typedef struct ReferralCut
{
	int64		member;
	int32		position;
	int32		size;
	bool		counted;		/* its piece */
} ReferralCut;

/* Labels from one position to another, both included. */
typedef struct ReferralSegment
{
	int32		first;
	int32		last;
} ReferralSegment;

extern int	referral_label_segments(ReferralCut *cuts, int count,
									ReferralSegment *segments);
extern bool referral_in_segments(const ReferralSegment *segments, int count,
								 int64 position);

#endif							/* COMMUNITY_REFERRAL_LABEL_ALGO_H */
