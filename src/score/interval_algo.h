/*-------------------------------------------------------------------------
 *
 * interval_algo.h
 *	  Confidence intervals of means and of their differences.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_SCORE_INTERVAL_ALGO_H
#define COMMUNITY_SCORE_INTERVAL_ALGO_H

#include "score/concentration_algo.h"

/* An estimate; not known where there are too few to tell how good it is */
typedef struct ScoreEstimate
{
	bool		known;
	double		value;
	double		error;			/* standard error */
	double		freedom;		/* degrees of freedom */
	double		lower;
	double		upper;
} ScoreEstimate;

/* Number, mean and sum of squared distances from it */
typedef struct ScoreMoments
{
	int64		count;
	double		mean;
	double		squares;
} ScoreMoments;

extern double score_student_quantile(double p, double freedom);
extern void score_moments_add(ScoreMoments *moments, double x);
extern void score_set_interval(ScoreEstimate *estimate, double variance,
							   double freedom, double confidence);
extern ScoreEstimate score_welch(const ScoreMoments *a, const ScoreMoments *b,
								 double confidence);

#endif							/* COMMUNITY_SCORE_INTERVAL_ALGO_H */
