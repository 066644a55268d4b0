/*-------------------------------------------------------------------------
 *
 * invite.h
 *	  Inviting: who may, by which codes and links, and who was brought.
 *
 * All functions run inside core_enter().
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_REFERRAL_INVITE_H
#define COMMUNITY_REFERRAL_INVITE_H

#include "datatype/timestamp.h"

#include "core/core.h"
#include "period/period.h"

/* Lengths of what is drawn; each character is five random bits. */
#define REFERRAL_CODE_LENGTH	12
#define REFERRAL_TOKEN_LENGTH	20

/* the longest code that may be chosen, in bytes */
#define REFERRAL_MAX_CODE_LENGTH	64

/* What referral_setting says of inviting. */
typedef struct ReferralGates
{
	int64		program;
	bool		sponsor_required;
	bool		rebindable;
	bool		lapses;			/* after binding_window */
	Interval	binding_window;
	bool		late_bindings;
	bool		first_touch;
	Interval	click_window;
	char	   *ladder;			/* NULL for any tier */
	char	   *tier;
	bool		has_age;
	Interval	age;
	bool		has_quota;
	int32		invitations;
	Period		period;
	char	   *time_zone;
} ReferralGates;

/* invite.c: what codes and links have in common */
extern Datum referral_draw(int length);
extern Datum referral_code(text *given);
extern void referral_check_time(TimestampTz at, const char *what);
extern void referral_check_inviter(int64 program, int64 member);

/* gates.c */
extern const ReferralGates *referral_gates(int64 program);
extern TimestampTz referral_lapses_at(int64 program, TimestampTz at);
extern void referral_admit(int64 program, int64 inviter, int64 member,
						   bool is_new, TimestampTz at);

/* bring.c: a binding by a code or link */
extern void referral_lock_brought(int64 program, int64 member);
extern void referral_bring(int64 program, int64 member, int64 sponsor,
						   TimestampTz at, const char *means);

/* redeem.c */
extern int64 referral_redeem(int64 program, int64 member, Datum code,
							 TimestampTz at);

/* attribute.c */
extern bool referral_attribute(int64 program, int64 member, Datum visitor,
							   TimestampTz at, int64 *sponsor);

#endif							/* COMMUNITY_REFERRAL_INVITE_H */
