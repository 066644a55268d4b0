/*-------------------------------------------------------------------------
 *
 * note.h
 *	  What files that hear of events share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_TIER_NOTE_H
#define COMMUNITY_TIER_NOTE_H

#include "tier/tier.h"

/* An event, as standings see it. */
typedef struct TierNotice
{
	int64		member;
	Datum		type;			/* text */
	int64		amount;
	Datum		payload;		/* jsonb, or 0 for an empty object */
	TimestampTz occurred_at;
	bool		earned;			/* has the member earned points by it? */
} TierNotice;

/* The tier that a member holds on a ladder, over all sources. */
typedef struct TierHeld
{
	char	   *ladder;
	char	   *tier;			/* NULL for none */
	int			rank;
	char	   *reason;
	TimestampTz at;				/* since when, or when the last one ended */
} TierHeld;

/* A call that will tell what it changed. */
typedef struct TierTold
{
	int64		program;
	int64		member;
	int64		event_id;
	TimestampTz at;
	MemoryContext context;		/* that lives as long as this */
	int			nbefore;
	TierHeld   *before;			/* NULL while nothing changes */
} TierTold;

/* told.c */
extern TierHeld *tier_believed(int64 program, int64 member, TimestampTz as_of,
							   int *count);
extern bool tier_same_held(const TierHeld *a, const TierHeld *b);
extern void tier_ask_before(TierTold *told);
extern char *tier_tell(const TierTold *told);

/* note.c */
extern bool tier_counts_event(const TierMeter *meter,
							  const TierNotice *event);

/* note_fast.c */
extern bool tier_add_event(const TierLadders *ladders,
						   const TierProgramLadder *ladder,
						   const TierNotice *event);

/* book.c */
extern bool tier_book(const TierLadders *ladders,
					  const TierProgramLadder *ladder, TierWork *work,
					  int count, TierTold *told);
extern Datum tier_amounts_array(const int64 *amounts, int count);

#endif							/* COMMUNITY_TIER_NOTE_H */
