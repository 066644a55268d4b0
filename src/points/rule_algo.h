/*-------------------------------------------------------------------------
 *
 * rule_algo.h
 *	  What the accrual rules that apply to an event come to.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_POINTS_RULE_ALGO_H
#define COMMUNITY_POINTS_RULE_ALGO_H

#include "c.h"

/* Points and factors of rules have six decimals and are kept as integers. */
#define POINTS_RULE_SCALE		1000000

typedef enum PointsRounding
{
	POINTS_DOWN,
	POINTS_NEAREST,
	POINTS_UP
} PointsRounding;

typedef enum PointsEffect
{
	POINTS_FIXED,				/* adds points */
	POINTS_PER_UNIT,			/* adds points for each "per" of the amount */
	POINTS_MULTIPLY				/* multiplies what the rules before gave */
} PointsEffect;

typedef struct PointsTerm
{
	PointsEffect effect;
	int64		scaled;			/* points or factor, times the scale */
	int64		per;
} PointsTerm;

extern bool points_evaluate(const PointsTerm *terms, const int64 *factors,
							int count, int64 amount, PointsRounding rounding,
							int64 *shares);
extern void points_settle_shares(int64 *shares, int count);
extern void points_cut_shares(int64 *shares, const bool *among, int count,
							  int64 cut);
extern int64 points_proportion(int64 points, int64 part, int64 whole);

#endif							/* COMMUNITY_POINTS_RULE_ALGO_H */
