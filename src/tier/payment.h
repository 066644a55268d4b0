/*-------------------------------------------------------------------------
 *
 * payment.h
 *	  Tiers that are paid for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_TIER_PAYMENT_H
#define COMMUNITY_TIER_PAYMENT_H

#include "utils/array.h"

/* May tier_is_payment() be asked without SQL? */
extern bool tier_payments_are_known(int64 program);

/* Can any tier be paid for, in any version of any ladder? */
extern bool tier_has_payments(int64 program);

/* Do events of the type pay for a tier, in any version of any ladder? */
extern bool tier_is_payment(int64 program, Datum type);

/*
 * Work out the paid terms of a member, or of members, from all payments, and
 * write what has changed; gives the number of rows written.  The caller has
 * locked who bears what the members did.  NULL is everybody.
 */
extern int64 tier_settle_payments(int64 program, int64 member);
extern int64 tier_settle_payments_of(int64 program, ArrayType *members);

#endif							/* COMMUNITY_TIER_PAYMENT_H */
