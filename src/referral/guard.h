/*-------------------------------------------------------------------------
 *
 * guard.h
 *	  The trigger that keeps the laws of the forest against raw DML.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_REFERRAL_GUARD_H
#define COMMUNITY_REFERRAL_GUARD_H

#include "core/core.h"

/* the trigger's function, whose work bind.c does itself */
#define REFERRAL_GUARD	"guard_referrals"

/* guard.c */
extern void referral_run_expected(CorePlan *plan, Datum *values,
								  const char *nulls, int64 program,
								  int64 member);

#endif							/* COMMUNITY_REFERRAL_GUARD_H */
