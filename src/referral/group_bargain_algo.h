/*-------------------------------------------------------------------------
 *
 * group_bargain_algo.h
 *	  By how much a participant cuts a price.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_REFERRAL_GROUP_BARGAIN_ALGO_H
#define COMMUNITY_REFERRAL_GROUP_BARGAIN_ALGO_H

extern int64 referral_bargain_step(int64 remaining, int32 outstanding,
								   uint64 seed, int32 turn, int32 least,
								   int32 most);

#endif							/* COMMUNITY_REFERRAL_GROUP_BARGAIN_ALGO_H */
