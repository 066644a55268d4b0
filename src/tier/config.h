/*-------------------------------------------------------------------------
 *
 * config.h
 *	  What configuring ladders, rulings and grants have in common.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_TIER_CONFIG_H
#define COMMUNITY_TIER_CONFIG_H

#include "fmgr.h"
#include "datatype/timestamp.h"

/* config.c */
extern void tier_config_refuse_nulls(FunctionCallInfo fcinfo,
									 const char *function,
									 const char *const *names,
									 uint32 nullable);
extern int64 tier_config_ladder(int64 program, Datum name);
extern bool tier_config_lock_member(int64 program, int64 member);

/* measure_function.c */
typedef struct TierFunction
{
	char	   *name;			/* qualified and quoted */
	char	   *role;			/* whose rights it has, its owner */
} TierFunction;

extern void tier_config_function(text *given, const char *measure,
								 TierFunction *function);
extern Datum tier_call_function(const char *measure,
								const TierFunction *function, int64 program,
								int64 member, Datum during, bool *isnull);

#endif							/* COMMUNITY_TIER_CONFIG_H */
