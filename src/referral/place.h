/*-------------------------------------------------------------------------
 *
 * place.h
 *	  Where a member is put in the forest.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_REFERRAL_PLACE_H
#define COMMUNITY_REFERRAL_PLACE_H

#include "referral/referral.h"

/* by so much moves may have deepened members when nobody knows any more */
#define REFERRAL_UNMEASURED		1000000000

/* Who is to be put under whom, and what was found out about it. */
typedef struct ReferralPlace
{
	int64		program;
	int64		member;
	int64		sponsor;
	bool		ask_bound;		/* look for a row also where a conflict of its
								 * key will tell */
	bool		fresh;			/* inserted right now, and nobody has put a
								 * row into a forest since */

	/* found */
	bool		bound;			/* there is a row, "edge"; no more is known */
	ReferralEdge edge;
	bool		late;			/* not a new leaf; the movers' lock is held */
	bool		has_children;	/* known of those that are late */
	ReferralState state;
	int32		depth;			/* for the row, at most */
	int32		measured;		/* what it is, of those that are late */
	bool		has_anchor;
	int64		anchor;
} ReferralPlace;

/* What is to be written to referral_move. */
typedef struct ReferralMove
{
	int64		program;
	int64		member;
	bool		has_from;
	int64		from;
	bool		has_to;
	int64		to;
	TimestampTz moved_at;
	const ReferralState *state;
	const char *reason;
} ReferralMove;

/* bind.c */
extern bool referral_bind_by_move(const ReferralMoving *moving,
								  TimestampTz moved_at, int64 *move_id);

/* lock.c */
extern void referral_lock_movers(int64 program);
extern Snapshot referral_latest_snapshot(void);

/* past.c */
extern void referral_check_past(int64 program, int64 member, int64 sponsor,
								TimestampTz since);

/* setting.c */
extern int32 referral_maximum_depth(int64 program);

/* measure.c */
extern void referral_forget_depths(void);
extern void referral_forget_depth(int64 program, int64 member);
extern int32 referral_measure(ReferralForest *forest, int64 sponsor,
							  bool has_member, int64 member);
extern int32 referral_measure_locked(ReferralForest *forest, int64 sponsor);

/* place.c */
extern char *referral_program_name(int64 program);
extern void referral_find_place(ReferralPlace *place, CoreScope *scope);
extern void referral_note_row(void);
extern bool referral_state_is_direct(void);
extern void referral_read_state(int64 program, Snapshot snapshot,
								ReferralState *state);
extern void referral_refuse_cycle(int64 program, int64 member,
								  int64 sponsor);
extern void referral_check_depth(int64 program, int64 member, int64 sponsor,
								 int32 depth);
extern void referral_check_sponsor(int64 program, int64 sponsor);

/* move.c */
extern void referral_deepen(int64 program, const ReferralState *state,
							int32 deepened);
extern int64 referral_note_move(const ReferralMove *move);
extern void referral_deepen_late(const ReferralPlace *place, bool by_raw);
extern int64 referral_note_late(const ReferralPlace *place,
								TimestampTz joined_at, const char *reason);

#endif							/* COMMUNITY_REFERRAL_PLACE_H */
