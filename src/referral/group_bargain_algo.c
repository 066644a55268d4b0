/*-------------------------------------------------------------------------
 *
 * group_bargain_algo.c
 *	  By how much a participant cuts a price.
 *
 * Of what is left, one minor unit is kept for each participant who is still
 * to come, the present one included.  The cut is a part of the rest, drawn
 * between two percentages and truncated, but at least one unit; the last
 * participant takes all there is.  So cuts are never nothing, and they add up
 * to the whole: with r left and k to come, r >= k, a cut c of at most
 * max(1, r - k) leaves r - c >= k - 1.
 *
 * The same seed gives the same cuts for ever, on every machine.  Numbers are
 * drawn by the finalizer of SplitMix64 (Steele, Lea and Flood, 2014).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "referral/group_bargain_algo.h"

/* parts of a percent that are told apart, and of the whole */
#define PARTS_A_PERCENT	10000
#define PARTS			(100 * PARTS_A_PERCENT)

static uint64
mix(uint64 value)
{
	value += UINT64CONST(0x9E3779B97F4A7C15);
	value = (value ^ (value >> 30)) * UINT64CONST(0xBF58476D1CE4E5B9);
	value = (value ^ (value >> 27)) * UINT64CONST(0x94D049BB133111EB);
	return value ^ (value >> 31);
}

/*
 * The cut of that turn.  At least one is outstanding, at least as much remains
 * as are outstanding, and 0 <= least <= most <= 100.  The remainder of 64
 * random bits favours none of the million parts by more than 1 in 2^44.
 */
int64
referral_bargain_step(int64 remaining, int32 outstanding, uint64 seed,
					  int32 turn, int32 least, int32 most)
{
	int64		above = remaining - outstanding;
	int64		part = least * PARTS_A_PERCENT;
	int64		cut;

	if (outstanding == 1)
		return remaining;
	part += (int64) (mix(seed ^ mix((uint64) turn)) %
					 (uint64) ((most - least) * PARTS_A_PERCENT + 1));
	/* above * part / PARTS, without overflow */
	cut = above / PARTS * part + above % PARTS * part / PARTS;
	return Max(cut, 1);
}
