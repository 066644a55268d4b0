/*-------------------------------------------------------------------------
 *
 * benefit.h
 *	  What tiers bring to those who hold them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_TIER_BENEFIT_H
#define COMMUNITY_TIER_BENEFIT_H

#include "datatype/timestamp.h"
#include "utils/array.h"

#include "core/core.h"
#include "period/period.h"

/* Factors have six decimals and are kept as integers. */
#define TIER_FACTOR_SCALE	1000000

typedef enum TierBenefitKind
{
	TIER_MULTIPLIER,
	TIER_ALLOWANCE,
	TIER_BONUS,
	TIER_FLAG
} TierBenefitKind;

/* A row of tier_benefit, with what it takes from its benefit. */
typedef struct TierListing
{
	int64		id;
	int64		ladder_id;
	char	   *tier;
	int64		benefit_id;
	char	   *code;
	TierBenefitKind kind;
	int64		currency_id;
	int64		factor;			/* times the scale */
	int64		points;			/* of an allowance or bonus */
	Period		period;			/* of an allowance */
	int			nrules;			/* 0 for all */
	char	  **rules;
	TimestampTz from;			/* inclusive */
	TimestampTz until;			/* exclusive */
} TierListing;

/* When a ladder was published last, or its last version comes into force. */
typedef struct TierLadderChange
{
	int64		ladder_id;
	TimestampTz changed_at;
} TierLadderChange;

/* Which tiers of a program bring what. */
typedef struct TierBenefits
{
	int64		program;
	int			nlistings;
	TierListing *listings;
	bool		has[TIER_FLAG + 1]; /* any of that kind */
	int			nmultipliers;
	Datum	   *multipliers;	/* ids of benefits */
	int			nladders;		/* that have been published */
	TierLadderChange *ladders;
} TierBenefits;

/* How points are given and taken; the ledger is another room's. */
typedef struct TierLedger
{
	void		(*give) (int64 program, int64 member, int64 currency_id,
						 int64 points, const char *kind, TimestampTz at,
						 const TimestampTz *expires_at, Datum key,
						 Datum reason);
	int64		(*take) (int64 program, Datum key, bool unspent,
						 Datum reason);
} TierLedger;

extern TierLedger tier_ledger;

/* benefit_config.c */
extern const TierBenefits *tier_benefits(int64 program);
extern const TierListing *tier_listing(const TierBenefits *benefits,
									   int64 id);
extern bool tier_listing_is_valid(const TierListing *listing, TimestampTz at);
extern TimestampTz tier_ladder_changed_at(const TierBenefits *benefits,
										  int64 ladder_id);

/* benefit_settle.c */
extern void tier_settle_benefits(int64 program, int64 member,
								 TimestampTz as_of);
extern void tier_settle_benefits_of(int64 program, ArrayType *members,
									TimestampTz as_of);
extern ArrayType *tier_members_to_settle(int64 program, int64 after,
										 TimestampTz as_of, bool all,
										 int32 count);

/* benefit_points.c */
extern void tier_settle_points(int64 program, ArrayType *members,
							   ArrayType *withdrawn, TimestampTz as_of);

/* benefit_held.c */
extern bool tier_multiply(int64 program, int64 member, TimestampTz at,
						  int count, const char *const *rules,
						  const int64 *currency_ids, int64 *factors);

#endif							/* COMMUNITY_TIER_BENEFIT_H */
