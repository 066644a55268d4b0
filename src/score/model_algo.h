/*-------------------------------------------------------------------------
 *
 * model_algo.h
 *	  Composite scores: sums of normalised components.
 *
 * All amounts of score are whole millionths, so a sum is a sum in any order
 * and an explanation adds up to the last digit.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_SCORE_MODEL_ALGO_H
#define COMMUNITY_SCORE_MODEL_ALGO_H

#include "datatype/timestamp.h"

#define SCORE_MODEL_ONE			1000000 /* a whole, in millionths */
#define SCORE_MODEL_KEEP_ONE	10000	/* and of the share that keeps */
#define SCORE_MODEL_COMPONENTS	32
#define SCORE_MODEL_MAX_WEIGHT	100000	/* so no sum overflows */

typedef enum ScoreTransform
{
	SCORE_LINEAR,
	SCORE_LOG,
	SCORE_PERCENTILE
} ScoreTransform;

/* How one component becomes a part of the score. */
typedef struct ScorePart
{
	ScoreTransform transform;
	double		cap;
	int64		weight;			/* in millionths */
} ScorePart;

/* What decides whether a member is a super-user. */
typedef struct ScoreStatus
{
	bool		was;
	bool		dwells;			/* has been one for too short to lose it */
	bool		locked;
	bool		vetoed;
	int64		score;
	int64		line;			/* 0 for none */
	int64		keep;			/* what keeps who is one */
} ScoreStatus;

extern int32 score_model_units(const ScorePart *part, double raw);
extern void score_model_percentiles(const double *raw, int stride,
									int64 count, int32 *units);
extern int64 score_model_contribution(const ScorePart *part, int32 units);
extern int64 score_model_sum(const ScorePart *parts, const int32 *units,
							 int count);
extern void score_model_ranks(const int64 *scores, int64 count,
							  int64 *ranks);
extern int64 score_model_line_at(const int64 *scores, const int64 *ranks,
								 int64 count, int64 last);
extern int64 score_model_keep(int64 line, int32 keep);
extern bool score_model_is_super(const ScoreStatus *status);
extern int32 score_model_units_for(const ScorePart *part, int64 contribution);
extern double score_model_raw_for(const ScorePart *part, int32 units);
extern double score_model_missing(double raw, double wanted);
extern int	score_model_raiser(const ScorePart *parts, const int32 *units,
							   int count);
extern TimestampTz score_model_falls_at(const ScorePart *parts,
										const int32 *units, int count,
										int decaying, double raw,
										TimestampTz as_of, int64 half_life,
										int64 keep);

#endif							/* COMMUNITY_SCORE_MODEL_ALGO_H */
