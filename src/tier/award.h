/*-------------------------------------------------------------------------
 *
 * award.h
 *	  Awards: what members are given for what they have done, and keep.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_TIER_AWARD_H
#define COMMUNITY_TIER_AWARD_H

#include "datatype/timestamp.h"
#include "utils/array.h"

#include "core/core.h"

extern bool tier_has_no_awards(int64 program);
extern void tier_settle_awards(int64 program, int64 member, TimestampTz at);
extern void tier_settle_awards_of(int64 program, ArrayType *members,
								  ArrayType *awards, TimestampTz from);
extern int64 tier_award_id(int64 program, text *name);

#endif							/* COMMUNITY_TIER_AWARD_H */
