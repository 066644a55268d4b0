/*-------------------------------------------------------------------------
 *
 * lift_algo.h
 *	  What came of a treatment: difference in differences against matched
 *	  members.
 *
 * Arrays in, numbers out.  Days are numbers of days in one calendar.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_SCORE_LIFT_ALGO_H
#define COMMUNITY_SCORE_LIFT_ALGO_H

#include "score/interval_algo.h"

#define SCORE_LIFT_NEVER	PG_INT32_MAX

/*
 * Members, numbered from 0, and what each had by day: days[first[m]] up to
 * days[first[m + 1]] exclusive, in ascending order, with running totals.
 */
typedef struct ScoreLiftData
{
	int32		members;
	const int32 *joined;		/* day of joining */
	const int32 *closed;		/* day of closing, or SCORE_LIFT_NEVER */
	const int32 *treated;		/* day of treatment, or SCORE_LIFT_NEVER */
	const bool *candidate;		/* may others be compared with it? */
	const int64 *first;
	const int32 *days;
	const double *totals;
	int32		before;			/* days of the windows */
	int32		after;
	int32		today;			/* the first day that is not over */
	int			strata;
	double		confidence;
} ScoreLiftData;

typedef struct ScoreLift
{
	/* treated members that have no part in it, and those that have */
	int64		too_new;
	int64		closed;
	int64		unfinished;
	int64		unmatched;
	int64		matched;
	int64		controls;		/* different members */

	/* means; those of controls with the weights of the treated */
	double		before_treated;
	double		before_controls;
	double		after_treated;
	double		after_controls;
	double		imbalance;		/* in standard deviations of before */
	bool		has_imbalance;
	ScoreEstimate effect;

	int64		placebo_matched;
	ScoreEstimate placebo;
} ScoreLift;

extern void score_lift(ScoreLift *result, const ScoreLiftData *data,
					   ScoreInterrupt interrupt);
extern bool score_lift_eligible(const ScoreLiftData *data, int32 member);

#endif							/* COMMUNITY_SCORE_LIFT_ALGO_H */
