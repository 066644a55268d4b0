/*-------------------------------------------------------------------------
 *
 * member.h
 *	  What the functions of this room do before anything else.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_TIER_MEMBER_H
#define COMMUNITY_TIER_MEMBER_H

#include "fmgr.h"

extern void tier_refuse_nulls(FunctionCallInfo fcinfo, const char *function,
							  const char *const *names);
extern bool tier_lock_member(int64 program, int64 member, bool *closed);

#endif							/* COMMUNITY_TIER_MEMBER_H */
