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

#endif							/* COMMUNITY_REFERRAL_SANCTION_H */
