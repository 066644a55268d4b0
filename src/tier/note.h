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

/* What is to be added to what. */
typedef struct TierAdding
{
	const TierLadders *ladders;
	const TierProgramLadder *ladder;
	const TierNotice *event;
	TierState	state;
	int64		version;		/* id of the one that is held */
	TimestampTz due;
	TimestampTz stale_at;
	TimestampTz joined_at;
	bool		plain;			/* nothing else counts, as read */
	TierReader	reader;
	MemoryContext context;		/* of what the reader keeps open */
	bool		falls;			/* by the event itself */
} TierAdding;

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
extern bool tier_counts_activity(const TierMeter *meter, Datum type,
								 Datum payload);
extern bool tier_counts_event(const TierMeter *meter,
							  const TierNotice *event);

/* note_fast.c */
extern bool tier_add_event(const TierLadders *ladders,
						   const TierProgramLadder *ladder,
						   const TierNotice *event);

/* note_fall.c */
extern bool tier_let_fall(TierAdding *adding);
extern bool tier_is_new_to(TierAdding *adding, const TierMeter *meter);

/* book.c */
extern bool tier_book(const TierLadders *ladders,
					  const TierProgramLadder *ladder, TierWork *work,
					  int count, TierTold *told);
extern Datum tier_amounts_array(const int64 *amounts, int count);
extern Datum tier_scores_array(const TierLadder *algo,
							   const TierState *state);

#endif							/* COMMUNITY_TIER_NOTE_H */
