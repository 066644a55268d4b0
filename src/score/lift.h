/*-------------------------------------------------------------------------
 *
 * lift.h
 *	  What members of a program had, for those who ask what came of it.
 *
 * All functions run inside core_enter().
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_SCORE_LIFT_H
#define COMMUNITY_SCORE_LIFT_H

#include "pgtime.h"

#include "core/core.h"

/* The members of a program but those merged into others, by ascending id */
typedef struct ScorePeople
{
	int32		count;
	int32		capacity;
	int64	   *ids;
	TimestampTz *joined;
	TimestampTz *closed;		/* DT_NOEND while active */
} ScorePeople;

/*
 * What to ask: a measure that adds up over time, or 0 for revenue, over
 * [from, to).  by_day gives days since 2000 of the program's time zone,
 * otherwise it is 0 before start and 1 from there on.
 */
typedef struct ScoreOutcomeQuestion
{
	int64		program;
	int64		measure;
	char	   *kind;
	TimestampTz from;
	TimestampTz to;
	bool		by_day;
	TimestampTz start;
} ScoreOutcomeQuestion;

/* Answers, those of a member together and in order of buckets */
typedef struct ScoreOutcomes
{
	int64		capacity;
	int64	   *first;			/* by member, and one more */
	int32	   *buckets;
	double	   *values;
} ScoreOutcomes;

extern void score_find_measure(ScoreOutcomeQuestion *question, text *name);
extern pg_tz *score_program_zone(int64 program);
extern int32 score_day_of(TimestampTz at, pg_tz *zone);
extern ScorePeople *score_read_people(int64 program);
extern int32 score_person(const ScorePeople *people, int64 program, int64 id);
extern ScoreOutcomes *score_read_outcomes(const ScoreOutcomeQuestion *question,
										  const ScorePeople *people);
extern double score_confidence(double confidence, const char *function);

#endif							/* COMMUNITY_SCORE_LIFT_H */
