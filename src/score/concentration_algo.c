/*-------------------------------------------------------------------------
 *
 * concentration_algo.c
 *	  Measures of concentration of a sorted array.
 *
 * The values are sorted before anything is added up, and sums carry their
 * rounding error along (Neumaier), so that the result depends on the multiset
 * alone and not on the order in which rows arrived.
 *
 * Values are scaled by a power of two before they are added: the largest is
 * then below one, no sum overflows, and ratios are unchanged to the bit.
 *
 * Pure: no server calls.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "score/concentration_algo.h"

/* Below this a comparison sort is quicker than counting */
#define SCORE_RADIX_MINIMUM		1024

#define SCORE_RADIX_BITS		11
#define SCORE_RADIX_SIZE		(1 << SCORE_RADIX_BITS)
#define SCORE_RADIX_PASSES		6	/* 66 bits, two more than needed */

typedef struct ScoreTotal
{
	double		sum;
	double		error;
} ScoreTotal;

static inline void
score_total_add(ScoreTotal *total, double x)
{
	double		sum = total->sum + x;

	if (fabs(total->sum) >= fabs(x))
		total->error += (total->sum - sum) + x;
	else
		total->error += (x - sum) + total->sum;
	total->sum = sum;
}

static inline double
score_total_value(const ScoreTotal *total)
{
	return total->sum + total->error;
}

static int
score_compare_doubles(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

static inline int
score_digit(uint64 bits, int pass)
{
	return (int) (bits >> (pass * SCORE_RADIX_BITS)) & (SCORE_RADIX_SIZE - 1);
}

/* Count every digit of every value in one reading. */
static void
score_count_digits(int64 (*counts)[SCORE_RADIX_SIZE], const uint64 *bits,
				   int64 count, ScoreInterrupt interrupt)
{
	int64		i;
	int			pass;

	for (i = 0; i < count; i++)
	{
		if (i % SCORE_INTERRUPT_ROWS == 0)
			interrupt();
		for (pass = 0; pass < SCORE_RADIX_PASSES; pass++)
			counts[pass][score_digit(bits[i], pass)]++;
	}
}

/* One stable pass from one array into the other. */
static void
score_radix_pass(uint64 *to, const uint64 *from, int64 count, int pass,
				 const int64 *counts, ScoreInterrupt interrupt)
{
	int64		places[SCORE_RADIX_SIZE];
	int64		place = 0;
	int64		i;
	int			digit;

	for (digit = 0; digit < SCORE_RADIX_SIZE; digit++)
	{
		places[digit] = place;
		place += counts[digit];
	}
	for (i = 0; i < count; i++)
	{
		if (i % SCORE_INTERRUPT_ROWS == 0)
			interrupt();
		to[places[score_digit(from[i], pass)]++] = from[i];
	}
}

/*
 * Sort ascending.  Doubles that are not negative sort like their bits taken as
 * integers, eleven bits at a time; a digit that all values share costs
 * nothing.  scratch holds count values too.  A caller that leaves from
 * interrupt() must not use the values any more.
 */
void
score_sort_doubles(double *values, double *scratch, int64 count,
				   ScoreInterrupt interrupt)
{
	static int64 counts[SCORE_RADIX_PASSES][SCORE_RADIX_SIZE];
	uint64	   *from = (uint64 *) values;
	uint64	   *to = (uint64 *) scratch;
	uint64	   *swap;
	int			pass;

	if (count < SCORE_RADIX_MINIMUM)
	{
		qsort(values, count, sizeof(double), score_compare_doubles);
		return;
	}

	memset(counts, 0, sizeof(counts));
	score_count_digits(counts, from, count, interrupt);
	for (pass = 0; pass < SCORE_RADIX_PASSES; pass++)
	{
		if (counts[pass][score_digit(from[0], pass)] == count)
			continue;
		score_radix_pass(to, from, count, pass, counts[pass], interrupt);
		swap = from;
		from = to;
		to = swap;
	}
	if (from != (uint64 *) values)
		memcpy(values, from, count * sizeof(double));
}

/* The power of two that brings the largest value below one. */
static double
score_scale(const double *sorted, int64 count)
{
	int			exponent;

	(void) frexp(sorted[count - 1], &exponent);

	/* a largest value this small needs no scale, and has no finite one */
	if (exponent < -1000)
		return ldexp(1.0, 1000);
	return ldexp(1.0, -exponent);
}

/*
 * Sum of (2i - n - 1) x_i over n times the sum.  False if there is nothing to
 * share.
 */
bool
score_gini(double *result, const double *sorted, int64 count,
		   ScoreInterrupt interrupt)
{
	ScoreTotal	total = {0.0, 0.0};
	ScoreTotal	weighted = {0.0, 0.0};
	double		scale;
	int64		i;

	if (count == 0 || sorted[count - 1] == 0.0)
		return false;
	scale = score_scale(sorted, count);
	for (i = 0; i < count; i++)
	{
		double		x = sorted[i] * scale;

		if (i % SCORE_INTERRUPT_ROWS == 0)
			interrupt();
		score_total_add(&total, x);
		score_total_add(&weighted, (double) (2 * i + 1 - count) * x);
	}
	*result = score_total_value(&weighted) /
		((double) count * score_total_value(&total));
	/* rounding may leave less than nothing where all are equal */
	*result = Max(*result, 0.0);
	return true;
}

/*
 * The share of the total that the largest fraction of the values holds, linear
 * between ranks.  fraction is between 0 and 1.
 */
bool
score_top_share(double *result, const double *sorted, int64 count,
				double fraction, ScoreInterrupt interrupt)
{
	ScoreTotal	total = {0.0, 0.0};
	double		rank = fraction * (double) count;
	int64		whole = (int64) floor(rank);
	double		top = 0.0;
	double		scale;
	int64		i;

	if (count == 0 || sorted[count - 1] == 0.0)
		return false;
	scale = score_scale(sorted, count);
	for (i = 0; i < count; i++)
	{
		double		x = sorted[count - 1 - i] * scale;

		if (i % SCORE_INTERRUPT_ROWS == 0)
			interrupt();
		if (i == whole)
			top = score_total_value(&total) + (rank - (double) whole) * x;
		score_total_add(&total, x);
	}
	if (whole >= count)
		*result = 1.0;
	else
		*result = Min(top / score_total_value(&total), 1.0);
	return true;
}

/*
 * The Lorenz curve at 0, 1/points, ..., 1: the share of the total that the
 * smallest values hold together, linear between ranks.  curve takes
 * points + 1 values.
 */
bool
score_lorenz(double *curve, int32 points, const double *sorted, int64 count,
			 ScoreInterrupt interrupt)
{
	ScoreTotal	total = {0.0, 0.0};
	double		scale;
	double		sum;
	int64		i;
	int32		point = 0;

	if (count == 0 || sorted[count - 1] == 0.0)
		return false;
	scale = score_scale(sorted, count);
	for (i = 0; i < count; i++)
	{
		double		x = sorted[i] * scale;

		if (i % SCORE_INTERRUPT_ROWS == 0)
			interrupt();
		/* point p lies at rank p * count / points, kept in integers */
		while ((int64) point * count < (i + 1) * points)
		{
			double		rest = (double) ((int64) point * count - i * points);

			curve[point++] = score_total_value(&total) + rest / points * x;
		}
		score_total_add(&total, x);
	}
	sum = score_total_value(&total);
	for (point = 0; point < points; point++)
		curve[point] = Min(curve[point] / sum, 1.0);
	curve[points] = 1.0;
	return true;
}

/* The sum of the squares of the shares. */
bool
score_herfindahl(double *result, const double *sorted, int64 count,
				 ScoreInterrupt interrupt)
{
	ScoreTotal	total = {0.0, 0.0};
	ScoreTotal	squares = {0.0, 0.0};
	double		scale;
	double		sum;
	int64		i;

	if (count == 0 || sorted[count - 1] == 0.0)
		return false;
	scale = score_scale(sorted, count);
	for (i = 0; i < count; i++)
	{
		double		x = sorted[i] * scale;

		if (i % SCORE_INTERRUPT_ROWS == 0)
			interrupt();
		score_total_add(&total, x);
		score_total_add(&squares, x * x);
	}
	sum = score_total_value(&total);
	*result = Min(score_total_value(&squares) / sum / sum, 1.0);
	return true;
}

/*
 * The smallest number of values that have the share together.  What misses it
 * by no more than rounding has it: 11 of 20 have 0.55.
 */
bool
score_absence_factor(int64 *result, const double *sorted, int64 count,
					 double share, ScoreInterrupt interrupt)
{
	ScoreTotal	total = {0.0, 0.0};
	ScoreTotal	top = {0.0, 0.0};
	double		scale;
	double		enough;
	int64		i;

	if (count == 0 || sorted[count - 1] == 0.0)
		return false;
	scale = score_scale(sorted, count);
	for (i = 0; i < count; i++)
	{
		if (i % SCORE_INTERRUPT_ROWS == 0)
			interrupt();
		score_total_add(&total, sorted[i] * scale);
	}
	enough = share * score_total_value(&total) * (1.0 - 1e-12);
	for (i = 0; i < count; i++)
	{
		double		x = sorted[count - 1 - i];

		if (i % SCORE_INTERRUPT_ROWS == 0)
			interrupt();
		/* all of it is what everybody has who has anything */
		if (share < 1.0 ? score_total_value(&top) >= enough : x == 0.0)
			break;
		score_total_add(&top, x * scale);
	}
	*result = i;
	return true;
}

/*
 * The shares of the values whose rank is below the fraction lower, between the
 * two, and above upper, linear between ranks.  Three numbers.
 */
bool
score_participation(double *shares, const double *sorted, int64 count,
					double lower, double upper, ScoreInterrupt interrupt)
{
	ScoreTotal	parts[3] = {{0.0, 0.0}, {0.0, 0.0}, {0.0, 0.0}};
	double		ranks[2];
	double		scale;
	double		sum;
	int64		i;
	int			part;

	if (count == 0 || sorted[count - 1] == 0.0)
		return false;
	scale = score_scale(sorted, count);
	ranks[0] = lower * (double) count;
	ranks[1] = upper * (double) count;
	for (i = 0; i < count; i++)
	{
		double		x = sorted[i] * scale;
		double		below[2];

		if (i % SCORE_INTERRUPT_ROWS == 0)
			interrupt();
		/* how much of this value lies below either rank */
		for (part = 0; part < 2; part++)
			below[part] = Min(Max(ranks[part] - (double) i, 0.0), 1.0);
		score_total_add(&parts[0], below[0] * x);
		score_total_add(&parts[1], (below[1] - below[0]) * x);
		score_total_add(&parts[2], (1.0 - below[1]) * x);
	}
	sum = 0.0;
	for (part = 0; part < 3; part++)
		sum += score_total_value(&parts[part]);
	for (part = 0; part < 3; part++)
		shares[part] = score_total_value(&parts[part]) / sum;
	return true;
}
