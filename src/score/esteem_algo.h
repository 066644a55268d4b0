/*-------------------------------------------------------------------------
 *
 * esteem_algo.h
 *	  What votes and games say of somebody.
 *
 * Numbers in, numbers out; the caller has looked at their range.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_SCORE_ESTEEM_ALGO_H
#define COMMUNITY_SCORE_ESTEEM_ALGO_H

/* A player of Glicko-2, in the units of Glicko */
typedef struct ScoreGlicko2
{
	double		rating;
	double		deviation;
	double		volatility;
} ScoreGlicko2;

/* What the games of a rating period come to */
typedef struct ScoreGlicko2Games
{
	double		information;	/* sum of g^2 E (1 - E), which is 1 / v */
	double		surprise;		/* sum of g (score - E) */
} ScoreGlicko2Games;

extern double score_wilson_lower(double successes, double trials, double z);
extern double score_wilson_upper(double successes, double trials, double z);
extern double score_bayesian_mean(double votes, double mean,
								  double prior_votes, double prior_mean);
extern double score_star_lower(const int64 *counts, const double *scores,
							   int levels, double z);
extern double score_elo_expected(double rating, double opponent);
extern void score_glicko2_game(ScoreGlicko2Games *games,
							   const ScoreGlicko2 *player,
							   double opponent_rating,
							   double opponent_deviation, double score);
extern ScoreGlicko2 score_glicko2_update(const ScoreGlicko2 *player,
										 const ScoreGlicko2Games *games,
										 double tau);

#endif							/* COMMUNITY_SCORE_ESTEEM_ALGO_H */
