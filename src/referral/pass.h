/*-------------------------------------------------------------------------
 *
 * pass.h
 *	  The forest of a program, read as a whole.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_REFERRAL_PASS_H
#define COMMUNITY_REFERRAL_PASS_H

#include "datatype/timestamp.h"

#include "referral/forest_algo.h"

/* pass.c */
extern ReferralPass *referral_read_pass(int64 program, TimestampTz as_of,
										const char *purpose);

#endif							/* COMMUNITY_REFERRAL_PASS_H */
