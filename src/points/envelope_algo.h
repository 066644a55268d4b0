/*-------------------------------------------------------------------------
 *
 * envelope_algo.h
 *	  Splitting points into shares.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_POINTS_ENVELOPE_ALGO_H
#define COMMUNITY_POINTS_ENVELOPE_ALGO_H

#include "c.h"

#define POINTS_MAX_SHARES	100000

typedef enum PointsSplit
{
	POINTS_SPLIT_RANDOM,
	POINTS_SPLIT_EVEN,
	POINTS_SPLIT_DOUBLE_MEAN
} PointsSplit;

extern uint64 points_mix(uint64 value);
extern uint64 points_random(uint64 *state);
extern int64 points_random_below(uint64 *state, int64 bound);
extern void points_split(int64 *result, int64 *scratch, PointsSplit split,
						 int64 points, int shares, uint64 seed);

#endif							/* COMMUNITY_POINTS_ENVELOPE_ALGO_H */
