/*-------------------------------------------------------------------------
 *
 * commission.h
 *	  Commission plans and rewards for signups, and what events bring by them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_COMMISSION_H
#define COMMUNITY_COMMISSION_H

#include "datatype/timestamp.h"
#include "fmgr.h"
#include "pgtime.h"
#include "utils/jsonb.h"
#include "utils/snapshot.h"

#include "core/core.h"
#include "referral/commission_algo.h"

/* Entries in the ledger stand under these, and numbers. */
#define COMMISSION_KEY		"community.commission "
#define SIGNUP_KEY			"community.signup "

/* Their kinds. */
#define COMMISSION_ENTRY	"commission"
#define SIGNUP_ENTRY		"signup"

/* A row of commission_rate. */
typedef struct CommissionPlanRate
{
	CommissionRate rate;
	text	   *type;			/* NULL for all */
	TimestampTz valid_from;
	TimestampTz valid_until;
} CommissionPlanRate;

/* A row of commission_plan; pointers are NULL where the column is. */
typedef struct CommissionPlan
{
	int64		id;
	char	   *name;
	int			ntypes;
	Datum	   *types;			/* text */
	int64		currency_id;
	CommissionTerms terms;		/* but for rates and paid levels */
	int64		ladder_id;		/* 0 for none */
	text	   *least_tier;
	text	   *leader_tier;
	Jsonb	   *member_filter;
	Jsonb	   *payload_filter;
	int64		minimum_amount;
	int32		first_events;	/* 0 for all */
	Interval   *first_time;
	Interval   *pending_for;
	TimestampTz valid_from;
	TimestampTz valid_until;
	int			nrates;
	CommissionPlanRate *rates;
	int			ntiers;			/* that rates name; their numbers there */
	char	  **tiers;
} CommissionPlan;

/* A row of signup_reward. */
typedef struct SignupReward
{
	int64		id;
	char	   *name;
	bool		for_sponsor;
	int64		currency_id;
	int64		points;
	int			ntypes;			/* 0 when time alone qualifies */
	Datum	   *types;
	int64		minimum_amount;
	Interval   *after;
	Interval   *within;
	Interval   *pending_for;
	TimestampTz valid_from;
	TimestampTz valid_until;
} SignupReward;

/* What a program has of them. */
typedef struct CommissionPlans
{
	int64		program;
	pg_tz	   *zone;
	int32		paid_levels;
	int			nplans;
	CommissionPlan *plans;
	int			nrewards;
	SignupReward *rewards;
} CommissionPlans;

/* An event that was just recorded. */
typedef struct CommissionEvent
{
	int64		program;
	int64		event_id;		/* as it was recorded */
	int64		cause_id;		/* the same, or an adjustment */
	int64		member;
	Datum		type;			/* text */
	int64		amount;
	TimestampTz occurred_at;
	Datum		payload;		/* jsonb, or 0 for an empty object */
	int64		set_from;		/* of a set without order: its least id and */
	int64		set_to;			/* greatest; otherwise 0 */
} CommissionEvent;

/*
 * Somebody above a buyer, and who is paid for the place: the member or who
 * bears its books.
 */
typedef struct UplineMember
{
	int64		member;
	int64		payee;
	CommissionLack lack;		/* whatever the plan is */
	Jsonb	   *attributes;		/* of the payee; NULL for none */
} UplineMember;

typedef struct Upline
{
	bool		is_referred;	/* has the member a sponsor who is paid? */
	TimestampTz joined_at;		/* since when */
	int			count;
	UplineMember *members;		/* the nearest first */
} Upline;

/*
 * The ledger, as far as this room needs it.  Rooms do not know each other;
 * the functions are set when the library is loaded.
 */
typedef struct ReferralLedger
{
	/*
	 * A credit, on hold until a time, or for as long as the currency says;
	 * gives until when it is, and -infinity for no hold.  One that is
	 * withheld is on hold without end, whatever that gives.
	 */
	TimestampTz (*pay) (int64 program, int64 member, int64 currency_id,
						int64 points, const char *kind, TimestampTz at,
						const TimestampTz *available_at, bool withheld,
						Datum key, Datum reason);
	/* let what was withheld go, to be available from then on */
	void		(*release) (int64 program, Datum key,
							TimestampTz available_at);
	/* take back so much of one, as far as it is not; gives how much */
	int64		(*take) (int64 program, Datum key, int64 points,
						 Datum reason);
	/* lock an account, before anything is taken from several */
	void		(*lock) (int64 program, int64 member, int64 currency_id);
	const char *(*code) (int64 program, int64 currency_id);
} ReferralLedger;

extern ReferralLedger referral_ledger;

/* Told of a sponsor when a referral of it qualifies, or not any more. */
typedef void (*ReferralQualifiedHook) (int64 program, int64 sponsor);

extern ReferralQualifiedHook referral_qualified_hook;

/* Somebody is to be paid. */
#define REFERRAL_ENDS	4

typedef struct ReferralPayment
{
	int64		payee;
	int64		currency_id;
	int64		points;
	const char *kind;
	TimestampTz at;
	Interval   *pending_for;	/* NULL for as long as the currency says */
	Datum		key;
	Datum		reason;
	int64		event_id;		/* of a commission */
	int32		line;
	int64		given_id;		/* of a signup reward */
	int64		ends[REFERRAL_ENDS];	/* for and to whom; 0 for nobody */
} ReferralPayment;

/* commission_plans.c */
extern const CommissionPlans *referral_plans(int64 program);
extern const CommissionPlans *referral_kept_plans(int64 program);
extern bool referral_names_type(const Datum *types, int count, Datum type);
extern const CommissionPlan *referral_find_plan(const CommissionPlans *plans,
												int64 id);

/* commission_upline.c */
extern void referral_paid_upline(const CommissionPlans *plans, int64 member,
								 TimestampTz at, int reach, Upline *upline);
extern void referral_judge_upline(const CommissionPlans *plans,
								  const CommissionPlan *plan,
								  const Upline *upline, TimestampTz at,
								  CommissionPlace *places);

/* commission_pay.c */
extern void referral_pay_plans(const CommissionPlans *plans,
							   const CommissionEvent *event, StringInfo told);
extern void referral_find_payees(const CommissionEvent *event,
								 int64 **payees, int *npayees,
								 int64 **currencies, int *ncurrencies);
extern Datum referral_commission_key(int64 event_id, int32 line,
									 int64 cause_id);

/* signup.c */
extern void referral_withdraw_reward(int64 program, int64 given_id);
extern void referral_reward_event(const CommissionPlans *plans,
								  const CommissionEvent *event);
extern void referral_withdraw_rewards(const CommissionPlans *plans,
									  const CommissionEvent *event, bool dead,
									  Datum reason);

/* commission_return.c: what was fraud */
extern void referral_forfeit(int64 program, int64 event_id, int32 line,
							 int64 decision, int64 points);

/* held_pay.c */
extern TimestampTz referral_pay(const CommissionPlans *plans,
								const ReferralPayment *payment);

/* what others call: commission_note.c */
extern char *referral_pay_event(int64 program, int64 event_id, int64 member,
								Datum type, int64 amount, Datum payload,
								TimestampTz occurred_at, CoreScope *scope);
extern void referral_pay_recorded(int64 program, bool keep, bool in_order);
extern char *referral_commissions_of(int64 program, int64 event_id);

/* commission_return.c */
extern void referral_lock_payees(int64 program, int64 event_id);
extern void referral_correct(int64 program, int64 event_id);
extern void referral_lock_recorded_payees(int64 program);

/* signup.c */
extern int64 referral_settle_signups(int64 program, TimestampTz as_of,
									 int64 *last);
extern void referral_find_rewarded(int64 program, TimestampTz as_of,
								   int64 last, int64 **payees, int *npayees,
								   int64 **currencies, int *ncurrencies);

#endif							/* COMMUNITY_COMMISSION_H */
