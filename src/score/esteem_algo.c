/*-------------------------------------------------------------------------
 *
 * esteem_algo.c
 *	  Bounds and means of votes, and ratings from games.
 *
 * Sources: Wilson 1927 and Newcombe 1998 (bounds of a proportion), IMDb's
 * weighted rating, Evan Miller 2014 (stars), Elo 1978, Glickman 2013
 * (Glicko-2).
 *
 * Pure: no server calls.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "score/esteem_algo.h"

/*
 * Glicko-2 counts in units of 400 / ln 10, which its paper, and so everybody,
 * rounds to this.  Only differences of ratings matter.
 */
#define GLICKO2_UNIT		173.7178

/* Steps of the search for a volatility that may be clever */
#define GLICKO2_STEPS		100

/* z times the root of what Wilson has under it, times the trials */
static double
wilson_spread(double successes, double trials, double z)
{
	double		failures = trials - successes;
	double		variance = 0.0;

	if (successes > 0.0)
		variance = successes * (failures / trials);
	return z * sqrt(variance + z * z / 4.0);
}

/*
 * The smaller root of Wilson's quadratic equation, from the larger one and
 * their product: nothing cancels, and no success gives exactly zero.
 */
double
score_wilson_lower(double successes, double trials, double z)
{
	if (successes == 0.0)
		return 0.0;
	return successes / (successes + z * z / 2.0 +
						wilson_spread(successes, trials, z)) *
		(successes / trials);
}

/* The larger root.  Nothing but successes gives exactly one. */
double
score_wilson_upper(double successes, double trials, double z)
{
	double		upper;

	if (successes == trials)
		return 1.0;
	upper = (successes + z * z / 2.0 + wilson_spread(successes, trials, z)) /
		(trials + z * z);
	return Min(upper, 1.0);
}

/*
 * The mean of the votes and the prior mean, each with its number.  At least
 * one number is positive.  The result is between the two, rounding or not.
 */
double
score_bayesian_mean(double votes, double mean, double prior_votes,
					double prior_mean)
{
	double		ratio;
	double		result;

	if (votes >= prior_votes)
	{
		ratio = prior_votes / votes;
		result = mean / (1.0 + ratio) + prior_mean * (ratio / (1.0 + ratio));
	}
	else
	{
		ratio = votes / prior_votes;
		result = prior_mean / (1.0 + ratio) + mean * (ratio / (1.0 + ratio));
	}
	result = Max(result, Min(mean, prior_mean));
	return Min(result, Max(mean, prior_mean));
}

/*
 * The mean of the stars with one more vote for each level, less z times its
 * standard deviation: the normal approximation to the posterior of a
 * multinomial under an even prior.
 */
double
score_star_lower(const int64 *counts, const double *scores, int levels,
				 double z)
{
	double		total = levels;
	double		mean = 0.0;
	double		variance = 0.0;
	int			i;

	for (i = 0; i < levels; i++)
		total += (double) counts[i];
	for (i = 0; i < levels; i++)
		mean += scores[i] * (((double) counts[i] + 1.0) / total);
	for (i = 0; i < levels; i++)
	{
		double		distance = scores[i] - mean;

		variance += distance * distance *
			(((double) counts[i] + 1.0) / total);
	}
	return mean - z * sqrt(variance / (total + 1.0));
}

/* The score that Elo expects: 1 a win, 1/2 a draw, 0 a defeat. */
double
score_elo_expected(double rating, double opponent)
{
	return 1.0 / (1.0 + pow(10.0, opponent / 400.0 - rating / 400.0));
}

/* Count one game.  Only two sums of all games matter. */
void
score_glicko2_game(ScoreGlicko2Games *games, const ScoreGlicko2 *player,
				   double opponent_rating, double opponent_deviation,
				   double score)
{
	double		phi = opponent_deviation / GLICKO2_UNIT;
	double		g = 1.0 / sqrt(1.0 + 3.0 * phi * phi / (M_PI * M_PI));
	double		x = g * (player->rating / GLICKO2_UNIT -
						 opponent_rating / GLICKO2_UNIT);
	double		small = exp(-fabs(x));
	double		less = small / (1.0 + small);	/* of E and 1 - E */
	double		more = 1.0 / (1.0 + small);

	games->information += g * g * less * more;
	games->surprise += g * (score - (x >= 0.0 ? more : less));
}

/* The function of the logarithm of the variance whose zero is sought. */
static double
glicko2_slope(double x, double spread, double square, double start,
			  double tau)
{
	double		e = exp(x);
	double		whole = spread + e;

	return e * (square - whole) / (2.0 * whole * whole) -
		(x - start) / (tau * tau);
}

/*
 * The new volatility, by Glickman's procedure (the Illinois method), but to
 * the last digits rather than to 1e-6.  spread is phi^2 + v, square the square
 * of the estimated improvement.
 */
static double
glicko2_volatility(double volatility, double spread, double square,
				   double tau)
{
	double		start = 2.0 * log(volatility);
	double		a = start;
	double		b;
	double		c;
	double		at_a;
	double		at_b;
	double		at_c;
	int			step;

	if (square > spread)
		b = log(square - spread);
	else
	{
		/* this ends: the second term of the slope grows, the first does not */
		for (step = 1;; step++)
		{
			b = start - step * tau;
			if (!(glicko2_slope(b, spread, square, start, tau) < 0.0))
				break;
		}
	}
	at_a = glicko2_slope(a, spread, square, start, tau);
	at_b = glicko2_slope(b, spread, square, start, tau);
	for (step = 0; step < 2 * GLICKO2_STEPS; step++)
	{
		if (!(fabs(b - a) > 1e-14 * (1.0 + fabs(a))) || at_b == 0.0)
			break;
		if (step < GLICKO2_STEPS)
			c = a + (a - b) * at_a / (at_b - at_a);
		else
			c = (a + b) / 2.0;
		at_c = glicko2_slope(c, spread, square, start, tau);
		if (at_c * at_b <= 0.0)
		{
			a = b;
			at_a = at_b;
		}
		else if (step < GLICKO2_STEPS)
			at_a /= 2.0;
		b = c;
		at_b = at_c;
	}
	return exp(b / 2.0);
}

/*
 * The player after a rating period.  Without games only the deviation grows.
 * What cannot be represented comes out as not finite.
 */
ScoreGlicko2
score_glicko2_update(const ScoreGlicko2 *player,
					 const ScoreGlicko2Games *games, double tau)
{
	ScoreGlicko2 result = *player;
	double		phi = player->deviation / GLICKO2_UNIT;
	double		variance;

	if (games->information > 0.0)
	{
		double		improvement = games->surprise / games->information;

		result.volatility =
			glicko2_volatility(player->volatility,
							   phi * phi + 1.0 / games->information,
							   improvement * improvement, tau);
	}
	variance = phi * phi + result.volatility * result.volatility;
	variance = 1.0 / (1.0 / variance + games->information);
	result.deviation = sqrt(variance) * GLICKO2_UNIT;
	result.rating = player->rating +
		variance * games->surprise * GLICKO2_UNIT;
	return result;
}
