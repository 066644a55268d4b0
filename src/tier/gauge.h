/*-------------------------------------------------------------------------
 *
 * gauge.h
 *	  What gauges are made of, and how it is read for many members.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_TIER_GAUGE_H
#define COMMUNITY_TIER_GAUGE_H

#include "tier/tier.h"

/* Something that happened, as a gauge counts it. */
typedef struct TierItem
{
	TimestampTz at;
	int64		amount;
	double		score;
	int64		key;			/* day, counterpart, or event that earned it */
	int64		id;				/* of the event or entry */
	int64		member;
} TierItem;

/* a counterpart or event that there is not */
#define TIER_NO_KEY		PG_INT64_MIN

/* What is done with each event that is read; false ends it. */
typedef bool (*TierVisit) (const TierItem *item, void *arg);

/* event_read.c */
extern bool tier_begin_reading(int64 program, int64 member, bool plain,
							   MemoryContext context, TierReader *reader);
extern void tier_end_reading(TierReader *reader);
extern void tier_read_events(TierReader *reader, const int64 *target,
							 const TierMeter *meter, TimestampTz after,
							 TimestampTz to, bool backward, TierVisit visit,
							 void *arg);
extern bool tier_find_same(TierReader *reader, const TierLadders *ladders,
						   const TierMeter *meter, const TierItem *item,
						   bool backward, TimestampTz limit, bool strictly,
						   TimestampTz *at);

/* All that happened to members who are walked from the beginning. */
typedef struct TierCrowd TierCrowd;

/* crowd.c */
extern TierCrowd *tier_crowd_begin(const TierLadders *ladders);
extern void tier_crowd_add(TierCrowd *crowd, const TierMeter *meter,
						   TimestampTz since);
extern void tier_crowd_add_ladder(TierCrowd *crowd,
								  const TierProgramLadder *ladder);
extern void tier_crowd_read(TierCrowd *crowd, const int64 *members,
							int count);
extern void tier_crowd_open(TierCrowd *crowd, TimestampTz until);
extern void tier_crowd_advance(TierCrowd *crowd, int64 to);
extern TierItem *tier_crowd_items(const TierCrowd *crowd,
								  const TierMeter *meter, int64 member,
								  int *count);
extern void tier_crowd_end(TierCrowd *crowd);

/* An active member, as all of them are looked at. */
typedef struct TierPerson
{
	int64		member;
	TimestampTz joined_at;
	bool		has_standing;	/* one that holds at as_of */
	int			rank;			/* which is this */
	int64		version;
	int			nrulings;
	TierRuling *rulings;
	int			ngrants;		/* and other sources */
	char	  **granted;
	int		   *granted_ranks;
} TierPerson;

/* All who are active, batch by batch. */
typedef struct TierPopulation TierPopulation;

/* population.c */
extern TierPopulation *tier_population_open(const TierLadders *ladders,
											int64 ladder_id, int64 newest,
											TimestampTz as_of);
extern int	tier_population_next(TierPopulation *population,
								 TierPerson **people);
extern void tier_population_close(TierPopulation *population);
extern TierWork *tier_population_walk(const TierLadders *ladders,
									  const TierProgramLadder *ladder,
									  const TierPerson *people, int count,
									  TimestampTz as_of, TierCrowd *crowd);

/* gauge_time.c */
extern TimestampTz tier_leeway(const TierMeter *meter);
extern void tier_day(const TierLadders *ladders, TimestampTz at,
					 TimestampTz *from, TimestampTz *to);
extern void tier_count_days(const TierLadders *ladders,
							const TierLadder *algo, int gauge,
							TierWork *work);
extern void tier_ask_function(const TierLadders *ladders,
							  const TierMeter *meter, int gauge,
							  TierWork *work, TimestampTz until);

/* gauges.c */
extern void tier_add_change(TierWork *work, TimestampTz at, int gauge,
							TierAct act, int64 amount, double score);
extern void tier_make_changes(const TierLadders *ladders,
							  const TierProgramLadder *ladder,
							  TierWork *work, int count, TimestampTz until,
							  int ahead, TierCrowd *crowd);

#endif							/* COMMUNITY_TIER_GAUGE_H */
