/*-------------------------------------------------------------------------
 *
 * reading.h
 *	  Everybody below a member.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_REFERRAL_READING_H
#define COMMUNITY_REFERRAL_READING_H

#include "referral/referral.h"

#define REFERRAL_ALL_LEVELS		PG_INT32_MAX

/*
 * A member that a walk down has come to.  Places count from 0, the member at
 * which the walk began, in the order in which they are found.
 */
typedef struct ReferralFound
{
	int64		member;
	int64		sponsor;
	TimestampTz joined_at;
	int32		level;
	int64		sponsor_place;
} ReferralFound;

typedef void (*ReferralFind) (const ReferralFound *found, void *arg);

extern int64 referral_walk_down(ReferralForest *forest, int64 program,
								int64 member, int32 levels, ReferralFind find,
								void *arg);

#endif							/* COMMUNITY_REFERRAL_READING_H */
