/*-------------------------------------------------------------------------
 *
 * interval_algo.c
 *	  Confidence intervals of means and of their differences.
 *
 * Sources: Welch 1947 and Satterthwaite 1946 (difference of means with unequal
 * variances); Student's distribution by the continued fraction of the
 * incomplete beta function.
 *
 * Pure: no server calls.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "score/interval_algo.h"
#include "score/special_algo.h"

/* From here on Student's distribution is the normal one */
#define MANY_DEGREES		1e7

#define FRACTION_STEPS		10000

/*
 * The continued fraction of the incomplete beta function (Lentz).  It
 * converges quickly for x < (a + 1) / (a + b + 2).
 */
static double
beta_fraction(double a, double b, double x)
{
	double		c = 1.0;
	double		d = 1.0 / (1.0 - (a + b) * x / (a + 1.0));
	double		value = d;
	int			m;

	for (m = 1; m < FRACTION_STEPS; m++)
	{
		double		even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
		double		odd = -(a + m) * (a + b + m) * x /
		((a + 2 * m) * (a + 2 * m + 1));
		double		change;

		d = 1.0 / (1.0 + even * d);
		c = 1.0 + even / c;
		value *= c * d;
		d = 1.0 / (1.0 + odd * d);
		c = 1.0 + odd / c;
		change = c * d;
		value *= change;
		if (fabs(change - 1.0) < DBL_EPSILON)
			break;
	}
	return value;
}

/* The probability that Student's variable is above t, which is positive. */
static double
student_tail(double t, double freedom)
{
	double		a = freedom / 2.0;
	double		x = freedom / (freedom + t * t);
	double		front;

	if (freedom > MANY_DEGREES)
		return erfc(t / sqrt(2.0)) / 2.0;
	front = exp(score_log_gamma(a + 0.5) - score_log_gamma(a) -
				score_log_gamma(0.5) + a * log(x) +
				0.5 * log(t * t / (freedom + t * t)));
	if (x < (a + 1.0) / (a + 2.5))
		return front * beta_fraction(a, 0.5, x) / a / 2.0;
	return (1.0 - front * beta_fraction(0.5, a, 1.0 - x) / 0.5) / 2.0;
}

/* The t below which Student's variable is with probability p >= 1/2. */
double
score_student_quantile(double p, double freedom)
{
	double		tail = 1.0 - p;
	double		low = 0.0;
	double		high = 1.0;
	int			i;

	if (p <= 0.5)
		return 0.0;
	for (i = 0; i < 1000 && student_tail(high, freedom) > tail; i++)
	{
		low = high;
		high *= 2.0;
	}
	for (i = 0; i < 200; i++)
	{
		double		middle = (low + high) / 2.0;

		if (middle <= low || middle >= high)
			break;
		if (student_tail(middle, freedom) > tail)
			low = middle;
		else
			high = middle;
	}
	return (low + high) / 2.0;
}

/* Take one more value (Welford). */
void
score_moments_add(ScoreMoments *moments, double x)
{
	double		distance = x - moments->mean;

	moments->count++;
	moments->mean += distance / (double) moments->count;
	moments->squares += distance * (x - moments->mean);
}

/* The interval around a value whose variance has been estimated. */
void
score_set_interval(ScoreEstimate *estimate, double variance, double freedom,
				   double confidence)
{
	double		reach = 0.0;

	estimate->known = true;
	estimate->error = sqrt(variance);
	estimate->freedom = freedom;
	if (variance > 0.0)
		reach = estimate->error *
			score_student_quantile((1.0 + confidence) / 2.0, freedom);
	estimate->lower = estimate->value - reach;
	estimate->upper = estimate->value + reach;
}

/* The difference of the means a - b.  It takes two of each. */
ScoreEstimate
score_welch(const ScoreMoments *a, const ScoreMoments *b, double confidence)
{
	ScoreEstimate result = {false};
	double		of_a;
	double		of_b;
	double		freedom = 1.0;

	result.value = a->mean - b->mean;
	if (a->count < 2 || b->count < 2)
		return result;
	of_a = a->squares / (double) (a->count - 1) / (double) a->count;
	of_b = b->squares / (double) (b->count - 1) / (double) b->count;
	if (of_a + of_b > 0.0)
		freedom = (of_a + of_b) * (of_a + of_b) /
			(of_a * of_a / (double) (a->count - 1) +
			 of_b * of_b / (double) (b->count - 1));
	score_set_interval(&result, of_a + of_b, freedom, confidence);
	return result;
}
