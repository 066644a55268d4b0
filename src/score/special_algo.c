/*-------------------------------------------------------------------------
 *
 * special_algo.c
 *	  Functions that libm lacks and the models of lifetime value need.
 *
 * The hypergeometric function is wanted in one shape only, 2F1(1, a; c + 1; z)
 * with 0 <= z < 1 and a, c > 0, where all its terms are positive.  Its series
 * stalls as z approaches 1; the continued fraction of Gauss (DLMF 15.7.1 with
 * b = 0) does not.
 *
 * Pure: no server calls.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "score/special_algo.h"

/* From here on the asymptotic series of digamma has 16 digits */
#define SCORE_DIGAMMA_LARGE		10.0

/* Up to here a rising factorial is multiplied out */
#define SCORE_RISING_FACTORS	256

/* A continued fraction ends when more terms change less than this */
#define SCORE_FRACTION_EPSILON	1e-17
#define SCORE_HYPER_TERMS		10000000

/* lgamma() of libm writes into a global variable, this one does not. */
double
score_log_gamma(double x)
{
	int			sign;

	return lgamma_r(x, &sign);
}

/* The derivative of the logarithm of gamma, for x > 0. */
double
score_digamma(double x)
{
	double		result = 0.0;
	double		f;

	while (x < SCORE_DIGAMMA_LARGE)
	{
		result -= 1.0 / x;
		x += 1.0;
	}
	f = 1.0 / (x * x);
	return result + log(x) - 0.5 / x -
		f * (1.0 / 12.0 - f * (1.0 / 120.0 - f *
							   (1.0 / 252.0 - f *
								(1.0 / 240.0 - f *
								 (1.0 / 132.0 - f * (691.0 / 32760.0))))));
}

/*
 * log(gamma(z + n) / gamma(z)) for z > 0 and a whole n >= 0, and its
 * derivative by z.  Multiplied out, because the difference of two large
 * logarithms would lose digits when z is large.
 */
double
score_log_rising(double z, double n, double *derivative)
{
	double		sum = 0.0;
	double		product = 1.0;
	double		slope = 0.0;
	int			i;

	if (n > SCORE_RISING_FACTORS)
	{
		*derivative = score_digamma(z + n) - score_digamma(z);
		return score_log_gamma(z + n) - score_log_gamma(z);
	}
	for (i = 0; i < (int) n; i++)
	{
		double		factor = z + i;

		product *= factor;
		slope += 1.0 / factor;
		if (product > 1e200 || product < 1e-200)
		{
			sum += log(product);
			product = 1.0;
		}
	}
	*derivative = slope;
	return sum + log(product);
}

/*
 * How many terms the fraction needs: in the limit each brings it closer by
 * (1 - w) / (1 + w) with w = sqrt(1 - z).
 */
static int
score_fraction_length(double w, int most)
{
	double		count;

	if (w >= 1.0)
		return 2;
	/* z is one, or differs from it by less than a double can tell */
	if (w <= 0.0)
		return most;
	count = log(SCORE_FRACTION_EPSILON) / log((1.0 - w) / (1.0 + w)) + 8.0;
	return count < most ? (int) count : most;
}

static inline double
score_fraction_term(double a, double c, int k)
{
	double		n = k / 2;

	/* k counts from zero: u1, u2, u3, ... of the textbook */
	if (k % 2 == 0)
		return (a + n) * (c + n) / ((c + 2 * n) * (c + 2 * n + 1));
	n += 1;
	return n * (c - a + n) / ((c + 2 * n - 1) * (c + 2 * n));
}

/* 2F1(1, a; c + 1; z) */
double
score_hyper(double a, double c, double z)
{
	double		w = sqrt(1.0 - z);
	double		t = (1.0 + w) / 2.0;
	int			k;

	if (z <= 0.0)
		return 1.0;
	for (k = score_fraction_length(w, SCORE_HYPER_TERMS) - 1; k >= 0; k--)
		t = 1.0 - score_fraction_term(a, c, k) * z / t;
	return 1.0 / t;
}

/* Forget the coefficients and begin with others. */
void
score_fraction_start(ScoreFraction *fraction, double a, double c)
{
	fraction->a = a;
	fraction->c = c;
	fraction->count = 0;
}

/* Compute coefficients up to a number of them. */
static void
score_fraction_extend(ScoreFraction *fraction, int count)
{
	double		a = fraction->a;
	double		c = fraction->c;
	int			k;

	for (k = fraction->count; k < count; k++)
	{
		double		u = score_fraction_term(a, c, k);
		double		n = k / 2;
		double		below;

		if (k % 2 == 0)
		{
			/* at k = 0 the c of both sides cancels */
			below = k == 0 ? 1.0 / (c + 1) :
				1.0 / (c + 2 * n) + 1.0 / (c + 2 * n + 1) - 1.0 / (c + n);
			fraction->u_a[k] = u / (a + n);
			fraction->u_c[k] = -u * below;
		}
		else
		{
			double		scale;

			n += 1;
			scale = n / ((c + 2 * n - 1) * (c + 2 * n));
			below = 1.0 / (c + 2 * n - 1) + 1.0 / (c + 2 * n);
			/* by the factor, which may be zero, not by its logarithm */
			fraction->u_a[k] = -scale;
			fraction->u_c[k] = scale - u * below;
		}
		fraction->u[k] = u;
	}
	fraction->count = Max(fraction->count, count);
}

/* 2F1(1, a; c + 1; z) and its derivatives by a and c. */
void
score_fraction_value(ScoreFraction *fraction, double z,
					 ScoreFractionValue *result)
{
	double		w = sqrt(1.0 - z);
	double		t = (1.0 + w) / 2.0;
	double		t_a = 0.0;
	double		t_c = 0.0;
	int			length;
	int			k;

	if (z <= 0.0)
	{
		result->value = 1.0;
		result->by_a = 0.0;
		result->by_c = 0.0;
		return;
	}
	length = score_fraction_length(w, SCORE_FRACTION_TERMS);
	if (length > fraction->count)
		score_fraction_extend(fraction, length);
	for (k = length - 1; k >= 0; k--)
	{
		double		over = z / t;
		double		down = fraction->u[k] * over / t;

		t_a = down * t_a - fraction->u_a[k] * over;
		t_c = down * t_c - fraction->u_c[k] * over;
		t = 1.0 - fraction->u[k] * over;
	}
	result->value = 1.0 / t;
	result->by_a = -t_a / (t * t);
	result->by_c = -t_c / (t * t);
}

/*
 * exp(y) times the generalized exponential integral of order s at y, that is
 * the integral of exp(-y v) (1 + v)^-s over v from 0 to infinity, which is
 * Tricomi's U(1, 2 - s, y); for s > 0 and y > 0.  The continued fraction is
 * DLMF 8.9.2, evaluated forward as its length is not known beforehand.
 */
double
score_exp_integral(double s, double y)
{
	double		b = y + s;
	double		c = 1e300;
	double		d = 1.0 / b;
	double		result = d;
	int			i;

	for (i = 1; i < SCORE_HYPER_TERMS; i++)
	{
		double		a = -i * (s - 1.0 + i);
		double		change;

		b += 2.0;
		d = 1.0 / (a * d + b);
		c = b + a / c;
		change = c * d;
		result *= change;
		if (fabs(change - 1.0) < 1e-16)
			break;
	}
	return result;
}
