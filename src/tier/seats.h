/*-------------------------------------------------------------------------
 *
 * seats.h
 *	  Tiers with a number of seats.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_TIER_SEATS_H
#define COMMUNITY_TIER_SEATS_H

#include "datatype/timestamp.h"

#include "core/compat.h"

/* A tier and the number of its seats; 0 when it has none (any more). */
typedef struct TierSeats
{
	int64		program;
	int64		ladder_id;
	Datum		tier;			/* its name */
	TimestampTz now;			/* when that was read */
	int32		seats;
	int32		rank;
	int64		version_id;
	bool		has_conditions; /* must it be attained as well? */
	bool		shared;			/* which locks of the list this call holds */
	bool		exclusive;
} TierSeats;

/* What there is to be had, as of this moment. */
typedef struct TierSeatsLook
{
	bool		free;			/* a seat that nobody has */
	bool		waiting;		/* somebody waits */
	bool		unopened;		/* seats have no row yet */
	bool		surplus;		/* one is taken that there is no longer */
	bool		crowded;		/* and so none may be given */
} TierSeatsLook;

/* seats_list.c */
extern void tier_seats_find(TierSeats *seats, bool must_have);
extern void tier_seats_look(const TierSeats *seats, TierSeatsLook *look);
extern void tier_seats_share(TierSeats *seats);
extern int64 tier_seats_arrange(TierSeats *seats);
pg_noreturn extern void tier_seats_refuse_hidden(void);
extern bool tier_seats_leave(TierSeats *seats, int64 member, Datum reason);

/*
 * A member is closed, or merged into another: all its seats and places go.
 * The caller has locked it.  Inside core_enter().
 */
extern void tier_close_seats(int64 program, int64 member, const char *reason);

/*
 * Give free seats to those who wait, in all tiers of a program: after a
 * version was published, and in maintenance.  Gives how many.  Inside
 * core_enter().
 */
extern int64 tier_hand_out_seats(int64 program);

#endif							/* COMMUNITY_TIER_SEATS_H */
