/*-------------------------------------------------------------------------
 *
 * envelope_algo.c
 *	  Splitting points into shares: at least one each, exact in sum.
 *
 * The same seed gives the same shares for ever, on every machine, so the
 * generator is our own: SplitMix64 (Steele, Lea and Flood, 2014), with 64 bits
 * of state that begin as the seed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "points/envelope_algo.h"

/* The finalizer of SplitMix64: every bit depends on every other. */
uint64
points_mix(uint64 value)
{
	value = (value ^ (value >> 30)) * UINT64CONST(0xBF58476D1CE4E5B9);
	value = (value ^ (value >> 27)) * UINT64CONST(0x94D049BB133111EB);
	return value ^ (value >> 31);
}

/* The next number of the generator. */
uint64
points_random(uint64 *state)
{
	*state += UINT64CONST(0x9E3779B97F4A7C15);
	return points_mix(*state);
}

/*
 * A number from 0 to bound - 1, each as likely as any other: numbers below
 * 2^64 mod bound are drawn again, or the first remainders would have one
 * chance more than the last.
 */
int64
points_random_below(uint64 *state, int64 bound)
{
	uint64		range = (uint64) bound;
	uint64		excess = (0 - range) % range;
	uint64		drawn;

	do
	{
		drawn = points_random(state);
	} while (drawn < excess);
	return (int64) (drawn % range);
}

static int
compare_cuts(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return x < y ? -1 : x > y;
}

/*
 * So many distinct numbers from 1 to limit, ascending; at most half of them.
 * Drawing on until there are enough makes each set as likely as any other;
 * those that are missing can be drawn at once, as none is drawn too many.
 */
static void
draw_distinct(int64 *result, int count, int64 limit, uint64 *state)
{
	int			have = 0;

	while (have < count)
	{
		int			i;
		int			distinct = 0;

		for (i = have; i < count; i++)
			result[i] = 1 + points_random_below(state, limit);
		qsort(result, count, sizeof(int64), compare_cuts);
		for (i = 0; i < count; i++)
			if (distinct == 0 || result[distinct - 1] != result[i])
				result[distinct++] = result[i];
		have = distinct;
	}
}

/*
 * Cut the points at shares - 1 places, each set of places as likely as any
 * other: then so is each list of shares of at least one.  Where more than
 * half of the places are cut, it is drawn which are not.
 */
static void
split_random(int64 *result, int64 *scratch, int64 points, int shares,
			 uint64 seed)
{
	int64		places = points - 1;
	int			cuts = shares - 1;
	int64		last = 0;
	int			i;

	if (cuts <= places / 2)
	{
		draw_distinct(scratch, cuts, places, &seed);
		for (i = 0; i < cuts; i++)
		{
			result[i] = scratch[i] - last;
			last = scratch[i];
		}
		result[cuts] = points - last;
	}
	else
	{
		int			whole = (int) (places - cuts);
		int			next = 0;
		int64		place;

		draw_distinct(scratch, whole, places, &seed);
		for (i = 0, place = 1; place <= places; place++)
		{
			if (next < whole && scratch[next] == place)
			{
				next++;
				continue;
			}
			result[i++] = place - last;
			last = place;
		}
		result[i] = points - last;
	}
}

/* As equal as can be; the larger shares come first. */
static void
split_even(int64 *result, int64 points, int shares)
{
	int			i;

	for (i = 0; i < shares; i++)
		result[i] = points / shares + (i < points % shares ? 1 : 0);
}

/*
 * One share after the other, from 1 to twice the mean of what is left, less
 * one; the last takes the rest.  At least one is left for each that follows.
 */
static void
split_double_mean(int64 *result, int64 points, int shares, uint64 seed)
{
	int64		left = points;
	int			i;

	for (i = 0; i < shares - 1; i++)
	{
		int64		mean = left / (shares - i);

		result[i] = 1 + points_random_below(&seed, 2 * mean - 1);
		left -= result[i];
	}
	result[i] = left;
}

/*
 * Split points into shares, from 1 to POINTS_MAX_SHARES and no more than there
 * are points.  Result and scratch have room for one number a share.
 */
void
points_split(int64 *result, int64 *scratch, PointsSplit split, int64 points,
			 int shares, uint64 seed)
{
	Assert(shares >= 1 && shares <= POINTS_MAX_SHARES && shares <= points);
	switch (split)
	{
		case POINTS_SPLIT_RANDOM:
			split_random(result, scratch, points, shares, seed);
			break;
		case POINTS_SPLIT_EVEN:
			split_even(result, points, shares);
			break;
		case POINTS_SPLIT_DOUBLE_MEAN:
			split_double_mean(result, points, shares, seed);
			break;
	}
}
