/*-------------------------------------------------------------------------
 *
 * config.h
 *	  What configuring ladders, rulings and grants have in common.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_TIER_CONFIG_H
#define COMMUNITY_TIER_CONFIG_H

#include "datatype/timestamp.h"
#include "fmgr.h"

#include "core/core.h"

/* config.c */
extern int64 tier_config_ladder(int64 program, Datum name);
extern bool tier_config_lock_member(int64 program, int64 member);
extern Datum tier_config_name(FunctionCallInfo fcinfo, int argument,
							  const char *what);

/* decision.c */
/* A ruling or a grant: what people decide about one member on one ladder. */
typedef struct TierDecision
{
	int64		program;
	int64		member;
	Datum		ladder;			/* text, its name */
	int64		ladder_id;
	const char *kind;			/* or source */
	Datum		tier;			/* text, or 0 for none */
	bool		has_during;
	Datum		during;			/* tstzrange, from now on unless given */
	Datum		reason;
	Datum		key;
} TierDecision;

/* The statements that end such a decision, for the table it is kept in. */
typedef struct TierEnding
{
	const char *what;			/* for messages */
	bool		touches;		/* do standings follow from it? */
	CorePlan	known;			/* $1 program, $2 key: is there one? */
	CorePlan	find;			/* the one that is believed: id, member */
	CorePlan	supersede;		/* $1 program, $2 id, $3 at: when that was */
	CorePlan	succeed;		/* and $4 when that was, $5 reason */
} TierEnding;

extern void tier_decision_range(FunctionCallInfo fcinfo, int argument,
								const char *function,
								TierDecision *decision);
extern bool tier_decision_replay(CorePlan *find,
								 const TierDecision *decision, int64 *id);
extern void tier_decision_check_member(const TierDecision *decision,
									   bool closed);
extern void tier_decision_values(const TierDecision *decision,
								 Datum *values, char *nulls);
pg_noreturn extern void tier_decision_lost_key(const TierDecision *decision);
extern bool tier_decision_end(TierEnding *ending, int64 program, Datum key,
							  TimestampTz at, Datum reason);

#define TIER_DECISION_COLUMNS	8
#define TIER_DECISION_ARGS \
	.nargs = TIER_DECISION_COLUMNS, \
	.argtypes = {INT8OID, INT8OID, INT8OID, TEXTOID, TEXTOID, \
		TSTZRANGEOID, TEXTOID, TEXTOID}

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
