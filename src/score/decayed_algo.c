/*-------------------------------------------------------------------------
 *
 * decayed_algo.c
 *	  Readings of decayed values: score, crossing, sort key.
 *
 * Pure: no server calls.  The arithmetic itself is in the header.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "score/decayed_algo.h"

/* Powers of two beyond which a score is certainly infinite or zero */
#define SCORE_POWER_LIMIT	2000

/* Is this a canonical value of a format that we know? */
bool
score_decayed_is_valid(const Decayed *d)
{
	double		size = fabs(d->m);

	if (d->h == 0 || d->h > SCORE_HALF_LIFE_MASK)
		return false;
	if (d->m == 0.0)
		return !signbit(d->m) && d->e == 0;
	/* the comparison is false for NaN */
	if (!(size >= 1.0 && size < 2.0))
		return false;
	return score_exponent_fits(d->e, score_decayed_half_life(d));
}

/*
 * The score at a time.  Gives false if it is too large for a double; too
 * small gives zero.
 */
bool
score_decayed_value_at(double *result, const Decayed *d, int64 at)
{
	double		rest;
	int64		power;
	double		value;

	power = d->e - score_half_lives(&rest, at, score_decayed_half_life(d));
	if (d->m == 0.0 || power < -SCORE_POWER_LIMIT)
	{
		*result = 0.0;
		return true;
	}
	if (power > SCORE_POWER_LIMIT)
		return false;
	value = ldexp(d->m * exp2(-rest), (int) power);
	if (isinf(value))
		return false;
	*result = value == 0.0 ? 0.0 : value;
	return true;
}

/*
 * When does the score come down to a finite, positive threshold?  Rounded to
 * the microsecond; DT_NOBEGIN for a score that is never above it, and
 * DT_NOBEGIN or DT_NOEND beyond the calendar.
 *
 * The whole half-lives are exact integers; only the logarithm of a quotient
 * between 1/2 and 2 is rounded.
 */
int64
score_decayed_crossing(const Decayed *d, double threshold)
{
	int32		half_life = score_decayed_half_life(d);
	int64		second;
	int64		at;
	int			power;

	if (d->m <= 0.0)
		return DT_NOBEGIN;
	power = score_double_split(&threshold);
	second = ((int64) d->e - power) * half_life;	/* below 2^62 */
	if (second < SCORE_FIRST_SECOND - half_life)
		return DT_NOBEGIN;
	if (second >= SCORE_END_SECOND + half_life)
		return DT_NOEND;

	/* add in two parts: the sum may lie outside of int64 before the second */
	at = (int64) rint(log2(d->m / threshold) *
					  ((double) half_life * USECS_PER_SEC));
	second += at / USECS_PER_SEC;
	at %= USECS_PER_SEC;
	if (second < SCORE_FIRST_SECOND ||
		(second == SCORE_FIRST_SECOND && at < 0))
		return DT_NOBEGIN;
	if (second >= SCORE_END_SECOND)
		return DT_NOEND;
	return second * USECS_PER_SEC + at;
}

/*
 * A double that sorts like the value: the sign times the logarithm of the
 * size, moved so that it is never negative.  In words, for a positive score:
 * the moment at which it equals one, in half-lives since the calendar begins.
 */
double
score_decayed_sort_key(const Decayed *d)
{
	double		first;
	double		key;

	if (d->m == 0.0)
		return 0.0;
	first = floor((double) SCORE_FIRST_SECOND / score_decayed_half_life(d));
	if (first < PG_INT32_MIN)
		first = PG_INT32_MIN;
	key = 1.0 + ((double) d->e - first) + log2(fabs(d->m));
	return d->m < 0.0 ? -key : key;
}
