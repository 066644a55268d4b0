/*-------------------------------------------------------------------------
 *
 * referral.h
 *	  The forest of who brought whom, as its readers and writers see it.
 *
 * doc/referral.md says by which laws it lives.  All functions run inside
 * core_enter() unless they say otherwise.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_REFERRAL_H
#define COMMUNITY_REFERRAL_H

#include "datatype/timestamp.h"
#include "utils/snapshot.h"

#include "core/core.h"
#include "core/table.h"

/* columns of referral */
enum
{
	REFERRAL_PROGRAM, REFERRAL_MEMBER, REFERRAL_SPONSOR, REFERRAL_ENROLLER,
	REFERRAL_JOINED_AT, REFERRAL_DEPTH, REFERRAL_LAPSES_AT, REFERRAL_ANCHOR,
	REFERRAL_COLUMNS
};

extern const char *const referral_columns[REFERRAL_COLUMNS];

/* A row of referral. */
typedef struct ReferralEdge
{
	int64		member;
	bool		has_sponsor;
	int64		sponsor;
	int64		enroller;
	TimestampTz joined_at;
	int32		depth;			/* at most, when the row was made */
	TimestampTz lapses_at;		/* DT_NOEND for never */
	bool		has_anchor;
	int64		anchor;
} ReferralEdge;

/* What referral_forest says of a program, as far as signups need it. */
typedef struct ReferralState
{
	int32		deepened;
	bool		has_labels;
	int64		labels;
	int64		labelled;		/* how many members have one */
} ReferralState;

/*
 * A forest at a time: the rows that a snapshot sees, with what moved later
 * put back and who joined later left out.  as_of DT_NOEND is the forest as it
 * is.  Read many members through one of these.
 */
typedef struct ReferralForest ReferralForest;

/*
 * What is done with each member found below another; false ends the walk.  It
 * may read the forest, but not ask for the children of another.
 */
typedef bool (*ReferralVisit) (const ReferralEdge *edge, void *arg);

/*
 * A walk from a member up to its root.  "member" is where it is, and
 * "generation" how far above the first.
 */
typedef struct ReferralWalk
{
	ReferralForest *forest;
	int64		member;
	int64		generation;
	int64		mark;			/* tells a cycle: a member met before */
	int64		next_mark;
	bool		in_cycle;
	ReferralEdge edge;			/* after a step: by which it came there */
} ReferralWalk;

/* A member to be put under another sponsor, or to be made a root. */
typedef struct ReferralMoving
{
	int64		program;
	int64		member;
	bool		has_sponsor;
	int64		sponsor;
	TimestampTz lapses_at;		/* of the new binding; DT_NOEND for never */
	const char *reason;
	bool		has_time;		/* or now */
	TimestampTz moved_at;
} ReferralMoving;

/* forest.c: reading, one member at a time */
extern bool referral_is_direct(void);
extern ReferralForest *referral_open_forest(int64 program, Snapshot snapshot,
											TimestampTz as_of);
extern int64 referral_program(const ReferralForest *forest);
extern bool referral_fetch(ReferralForest *forest, int64 member,
						   ReferralEdge *edge);
extern void referral_children(ReferralForest *forest, int64 member,
							  ReferralVisit visit, void *arg);
extern bool referral_has_children(ReferralForest *forest, int64 member);
extern void referral_close_forest(ReferralForest *forest);
extern void referral_begin_walk(ReferralWalk *walk, ReferralForest *forest,
								int64 member);
extern bool referral_walk_try(ReferralWalk *walk);
extern bool referral_walk_up(ReferralWalk *walk);

/* bind.c: a member gets its first sponsor */
extern bool referral_bind(int64 program, int64 member, int64 sponsor,
						  bool fresh, TimestampTz joined_at,
						  TimestampTz lapses_at);

/* place.c */
extern uint64 referral_rows_put(void);

/* reparent.c */
extern bool referral_move(const ReferralMoving *moving, int64 *move_id);

#endif							/* COMMUNITY_REFERRAL_H */
