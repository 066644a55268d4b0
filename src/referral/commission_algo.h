/*-------------------------------------------------------------------------
 *
 * commission_algo.h
 *	  What a sale pays to those above its buyer.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_COMMISSION_ALGO_H
#define COMMUNITY_COMMISSION_ALGO_H

#include "c.h"

/* Rates have nine decimals and are kept as integers. */
#define COMMISSION_RATE_SCALE	INT64CONST(1000000000)

/* No line may come to more. */
#define COMMISSION_MAX_POINTS	INT64CONST(1000000000000000)

/* rates of any level, places without a tier, levels without end */
#define COMMISSION_ANY_LEVEL	0
#define COMMISSION_NO_TIER		(-1)
#define COMMISSION_ALL_LEVELS	PG_INT32_MAX

typedef enum CommissionScheme
{
	COMMISSION_UNILEVEL,		/* the level has the rate */
	COMMISSION_DIFFERENTIAL,	/* the tier has it, less what is paid below */
	COMMISSION_BREAKAWAY		/* the same, until a leader's group leaves */
} CommissionScheme;

typedef enum CommissionKind
{
	COMMISSION_LEVEL,
	COMMISSION_OVERRIDE,		/* on one's own tier, or on a leader */
	COMMISSION_MATCHING,		/* on the commission of one below */
	COMMISSION_BREAKAGE			/* not paid */
} CommissionKind;

/* Why a line is not paid; what is wrong with a place, or with all. */
typedef enum CommissionLack
{
	COMMISSION_LACKS_NOTHING,
	COMMISSION_CLOSED,
	COMMISSION_OWN_PURCHASE,
	COMMISSION_PAID_BELOW,		/* the same payee stands nearer too */
	COMMISSION_ATTRIBUTES,
	COMMISSION_TIER,
	COMMISSION_LEVEL_CAP,
	COMMISSION_PAID_LEVELS,
	COMMISSION_NOBODY,			/* the upline has ended */
	COMMISSION_CEILING,
	COMMISSION_LACKS
} CommissionLack;

typedef struct CommissionRate
{
	int32		level;			/* from 1, or COMMISSION_ANY_LEVEL */
	int32		tier;			/* or COMMISSION_NO_TIER for any */
	bool		of_type;		/* for events of this type alone */
	int64		rate;			/* times the scale */
} CommissionRate;

/* What a plan says for one event. */
typedef struct CommissionTerms
{
	CommissionScheme scheme;
	bool		compresses;		/* who is not qualified is no level */
	int32		levels;			/* or COMMISSION_ALL_LEVELS */
	int32		paid_levels;	/* places that may be paid at all */
	int64		override_rate;	/* 0 for none */
	int64		matching_rate;	/* 0 for none */
	int64		ceiling;		/* a rate; negative for none */
	int			nrates;
	const CommissionRate *rates;
} CommissionTerms;

/* A member above the buyer, the nearest first. */
typedef struct CommissionPlace
{
	CommissionLack lack;
	int32		tier;			/* or COMMISSION_NO_TIER */
	bool		leads;
} CommissionPlace;

typedef struct CommissionLine
{
	CommissionKind kind;
	CommissionLack lack;		/* of breakage */
	int32		level;			/* 0 for what is of no level */
	int			place;			/* index, or -1 for nobody's */
	int			source;			/* line from which it derives, or -1 */
	int64		rate;
	int64		points;
} CommissionLine;

typedef struct CommissionLines
{
	int			count;
	int			room;
	CommissionLine *lines;
	bool		overflow;		/* a line came to too much */
} CommissionLines;

extern int64 referral_rate_share(int64 base, int64 rate);
extern int32 referral_plan_reach(const CommissionTerms *terms);
extern void referral_compute_lines(const CommissionTerms *terms,
								   const CommissionPlace *places, int nplaces,
								   int64 base, CommissionLines *result);
extern int64 referral_returned(int64 points, int64 base, int64 net);

/* What a decision has taken of a line, and what it kept then. */
typedef struct CommissionForfeit
{
	int64		taken;
	int64		kept;
} CommissionForfeit;

extern int64 referral_unforfeited(int64 due, const CommissionForfeit *forfeits,
								  int count);

#endif							/* COMMUNITY_COMMISSION_ALGO_H */
