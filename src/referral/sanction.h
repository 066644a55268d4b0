/*-------------------------------------------------------------------------
 *
 * sanction.h
 *	  Members that were sanctioned, and members that are held.
 *
 * All functions run inside core_enter().
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_REFERRAL_SANCTION_H
#define COMMUNITY_REFERRAL_SANCTION_H

#include "core/core.h"

/* sanction.c */
extern void referral_refuse_sanctioned(int64 program, int64 member);

/* held.c: commissions of and for a held member are not paid for now */
extern bool referral_is_held(int64 program, int64 member);
extern bool referral_was_member(int64 program, int64 member);

/* held_pay.c: what waits for that, and what becomes of it */
extern bool referral_is_withheld(int64 program, Datum key);
extern void referral_release_held(int64 program, int64 member);
extern void referral_release_sanctioned(int64 program, int64 sanction);
extern int64 referral_settle_held(int64 program, int64 limit);
extern void referral_forfeit_held(int64 program, int64 member,
								  int64 decision, Datum reason);

#endif							/* COMMUNITY_REFERRAL_SANCTION_H */
