/*-------------------------------------------------------------------------
 *
 * ltv_predict_algo.c
 *	  What the models of lifetime value predict of a customer.
 *
 * The textbook gives expected purchases of BG/NBD by a hypergeometric
 * function over (a - 1), which overflows for many repeats and divides nothing
 * by nothing at a = 1.  Here it is a sum of positive terms instead.  Without
 * leaving, the purchases N in the time ahead would be negative binomial; a
 * customer who is alive makes purchase k + 1 if N > k and none of the first k
 * made it leave, so that
 *
 *	E = sum over k of P(N > k) * P(stays k times),
 *
 * with P(stays 0 times) = 1 and then a factor (B + k) / (a + B + k) each, for
 * B = b + x, or b + x + 1 in MBG/NBD.
 *
 * Pure: no server calls.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "score/ltv_algo.h"
#include "score/special_algo.h"

#define SCORE_LTV_TERMS			20000000
#define SCORE_LTV_TERMS_BLOCK	65536

/* A purchase count's distribution is followed through its tiny beginnings. */
#define SCORE_LTV_SMALL			1e-280
#define SCORE_LTV_SHIFT			600.0

/* Probabilities of a negative binomial, one after the other */
typedef struct ScoreLtvCount
{
	double		n;				/* shape */
	double		z;				/* chance of one more */
	double		k;
	double		p;				/* P(N = k), times exp(shifted) */
	double		shifted;
	double		above;			/* P(N > k) */
} ScoreLtvCount;

/* N purchases in "ahead" by a rate that is gamma with n and span. */
static void
score_ltv_count_start(ScoreLtvCount *count, double n, double span,
					  double ahead)
{
	double		none = -n * log1p(ahead / span);

	count->n = n;
	count->z = ahead / (span + ahead);
	count->k = 0.0;
	count->shifted = 0.0;
	while (none + count->shifted < -SCORE_LTV_SHIFT)
		count->shifted += SCORE_LTV_SHIFT;
	count->p = exp(none + count->shifted);
	count->above = -expm1(none);
}

static inline void
score_ltv_count_next(ScoreLtvCount *count)
{
	count->p *= (count->n + count->k) / (count->k + 1.0) * count->z;
	count->k += 1.0;
	if (unlikely(count->shifted > 0.0))
	{
		if (count->p < 1.0)
			return;
		count->p *= exp(-SCORE_LTV_SHIFT);
		count->shifted -= SCORE_LTV_SHIFT;
		if (count->shifted > 0.0)
			return;
	}
	count->above = Max(count->above - count->p, 0.0);
}

/* log of the odds that a customer has left, by BG/NBD and MBG/NBD */
static double
score_bg_log_odds(ScoreLtvModel model, const double *p, double x, double t_x,
				  double t)
{
	double		stays = model == SCORE_LTV_MBG ? x : x - 1.0;

	if (model == SCORE_LTV_BG && x == 0.0)
		return -INFINITY;
	return log(p[2] / (p[3] + stays)) +
		(p[0] + x) * log1p((t - t_x) / (p[1] + t_x));
}

/*
 * The logarithm of s * I(y) / E for Pareto/NBD; see score_pareto_integral().
 * E is the likelihood of being alive still.
 */
static double
score_pareto_log_odds(const double *p, double x, double y, double t)
{
	double		first = p[1] + y;
	double		second = p[3] + y;
	double		order = p[0] + x + p[2];
	bool		second_smaller = p[1] >= p[3];
	double		z = fabs(p[1] - p[3]) / Max(first, second);
	double		f = score_hyper(second_smaller ? p[0] + x : p[2] + 1.0,
								order, z);

	return log(p[2]) + log(Min(first, second) / second / order * f) +
		(p[0] + x) * log1p((t - y) / first) + p[2] * log1p((t - y) / second);
}

/* The probability that a customer has not left at time t. */
double
score_ltv_p_alive(ScoreLtvModel model, const double *p, double x, double t_x,
				  double t)
{
	double		from;
	double		to;

	if (model != SCORE_LTV_PARETO)
		return 1.0 / (1.0 + exp(score_bg_log_odds(model, p, x, t_x, t)));
	if (t_x >= t)
		return 1.0;
	from = score_pareto_log_odds(p, x, t_x, t);
	to = score_pareto_log_odds(p, x, t, t);
	if (to >= from)
		return 1.0;
	return 1.0 / (1.0 + exp(from + log(-expm1(to - from))));
}

/*
 * Purchases of one who is alive, by BG/NBD and MBG/NBD.  False where the sum
 * has too many terms.
 */
static bool
score_bg_purchases(double *result, ScoreLtvModel model, const double *p,
				   double x, double t, double horizon,
				   ScoreLtvInterrupt interrupt)
{
	ScoreLtvCount count;
	double		b = p[3] + x + (model == SCORE_LTV_MBG ? 1.0 : 0.0);
	double		stays = 1.0;
	double		sum = 0.0;
	double		mean = (p[0] + x) * horizon / (p[1] + t);

	if (!(mean < SCORE_LTV_TERMS))
		return false;
	score_ltv_count_start(&count, p[0] + x, p[1] + t, horizon);
	while (count.k < SCORE_LTV_TERMS)
	{
		double		width = Max(count.k + 1.0, 1.0 / (1.0 - count.z));

		sum += stays * count.above;

		/*
		 * By the probability itself: the rounding of all that was taken off
		 * P(N > k) may be left of it for ever.
		 */
		if (count.k > mean && count.shifted == 0.0 &&
			count.p * width * width <= sum * 1e-18)
			break;
		stays *= (b + count.k) / (p[2] + b + count.k);
		score_ltv_count_next(&count);
		if (fmod(count.k, SCORE_LTV_TERMS_BLOCK) == 0.0)
			interrupt();
	}
	*result = sum;
	return true;
}

/*
 * (1 - (1 + v)^-(s - 1)) / (s - 1), which at s = 1 is log(1 + v), for u =
 * log(1 + v).
 */
static double
score_pareto_growth(double s, double u)
{
	double		d = (s - 1.0) * u;

	return d == 0.0 ? u : u * (-expm1(-d) / d);
}

/*
 * Expected purchases from t to t + horizon.  False where it cannot be
 * computed.
 */
bool
score_ltv_purchases(double *result, ScoreLtvModel model, const double *p,
					double x, double t_x, double t, double horizon,
					ScoreLtvInterrupt interrupt)
{
	double		alive = score_ltv_p_alive(model, p, x, t_x, t);

	if (model == SCORE_LTV_PARETO)
		*result = (p[0] + x) / (p[1] + t) * (p[3] + t) *
			score_pareto_growth(p[2], log1p(horizon / (p[3] + t)));
	else if (!score_bg_purchases(result, model, p, x, t, horizon, interrupt))
		return false;
	*result *= alive;
	return isfinite(*result);
}

/* The mean spend of a customer; without end where p x + q <= 1. */
double
score_ltv_spend(const double *p, double x, double mean)
{
	double		over = p[0] * x + p[1] - 1.0;

	if (over <= 0.0)
		return INFINITY;
	return p[0] * (p[2] + x * mean) / over;
}

/*
 * Purchases from t on for ever, each worth exp(-rate * time ahead), by
 * Pareto/NBD.
 */
double
score_ltv_discounted(const double *p, double x, double t_x, double t,
					 double rate)
{
	return score_ltv_p_alive(SCORE_LTV_PARETO, p, x, t_x, t) *
		(p[0] + x) / (p[1] + t) * (p[3] + t) *
		score_exp_integral(p[2], rate * (p[3] + t));
}

/*
 * The probability that a new customer makes n repeat purchases in t, by
 * BG/NBD or MBG/NBD: n purchases without leaving, or at least n and the nth
 * was the last.
 */
double
score_ltv_probability(ScoreLtvModel model, const double *p, double n,
					  double t, ScoreLtvInterrupt interrupt)
{
	ScoreLtvCount count;
	double		a = p[2];
	double		b = p[3];
	double		stays = 1.0;	/* has not left, before count.k purchases */
	double		leaves = 0.0;	/* leaves at purchase count.k */
	double		at_least = 1.0;
	double		equal;

	score_ltv_count_start(&count, p[0], p[1], t);
	if (model == SCORE_LTV_MBG)
	{
		leaves = a / (a + b);
		stays = b / (a + b);
		b += 1.0;
	}
	while (count.k < n)
	{
		at_least = count.above;
		score_ltv_count_next(&count);
		leaves = stays * (a / (a + b));
		stays *= b / (a + b);
		b += 1.0;
		if (fmod(count.k, SCORE_LTV_TERMS_BLOCK) == 0.0)
			interrupt();
	}
	equal = count.shifted > 0.0 ? 0.0 : count.p;
	return stays * equal + leaves * at_least;
}
