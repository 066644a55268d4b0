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

/* note.c */
extern bool tier_counts_event(const TierMeter *meter,
							  const TierNotice *event);

/* note_fast.c */
extern bool tier_add_event(const TierLadders *ladders,
						   const TierProgramLadder *ladder,
						   const TierNotice *event);

/* book.c */
extern Datum tier_amounts_array(const int64 *amounts, int count);

#endif							/* COMMUNITY_TIER_NOTE_H */
