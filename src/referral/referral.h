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

/*
 * A forest at a time: the rows that a snapshot sees, with what moved later
 * put back and who joined later left out.  as_of DT_NOEND is the forest as it
 * is.  Read many members through one of these.
 */
typedef struct ReferralForest ReferralForest;

/* What is done with each member found below another; false ends the walk. */
typedef bool (*ReferralVisit) (const ReferralEdge *edge, void *arg);

/* forest.c: reading, one member at a time */
extern ReferralForest *referral_open_forest(int64 program, Snapshot snapshot,
											TimestampTz as_of);
extern bool referral_fetch(ReferralForest *forest, int64 member,
						   ReferralEdge *edge);
extern bool referral_sponsor(ReferralForest *forest, int64 member,
							 int64 *sponsor);
extern void referral_children(ReferralForest *forest, int64 member,
							  ReferralVisit visit, void *arg);
extern void referral_close_forest(ReferralForest *forest);

/* bind.c: a member gets its first sponsor, or another */
extern void referral_bind_new(int64 program, int64 member, int64 sponsor,
							  TimestampTz joined_at);

#endif							/* COMMUNITY_REFERRAL_H */
