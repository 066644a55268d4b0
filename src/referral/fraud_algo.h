/*-------------------------------------------------------------------------
 *
 * fraud_algo.h
 *	  Components and chains among members, as arrays of numbers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_REFERRAL_FRAUD_ALGO_H
#define COMMUNITY_REFERRAL_FRAUD_ALGO_H

/* union-find over 0 to count - 1 */
extern void referral_sets_init(int32 *parent, int32 count);
extern int32 referral_sets_find(int32 *parent, int32 i);
extern void referral_sets_join(int32 *parent, int32 a, int32 b);

/*
 * Of each of count members next[i] is the one that follows it in a chain, or
 * -1, and nobody follows two.  Fills in the top of its chain, its place in it
 * from 0, and how many links the chain has.  Members of a ring have no top:
 * theirs is -1.
 */
extern void referral_chains(const int32 *next, int32 count, int32 *top,
							int32 *place, int32 *links);

#endif							/* COMMUNITY_REFERRAL_FRAUD_ALGO_H */
