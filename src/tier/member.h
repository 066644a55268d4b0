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

extern bool tier_lock_member(int64 program, int64 member, bool *closed);

#endif							/* COMMUNITY_TIER_MEMBER_H */
