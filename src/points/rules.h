/*-------------------------------------------------------------------------
 *
 * rules.h
 *	  Accrual rules and caps, and what they give for an event.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_POINTS_RULES_H
#define COMMUNITY_POINTS_RULES_H

#include "points/ledger.h"
#include "points/rule_algo.h"

struct Jsonb;

/* A row of accrual_rule; pointers are NULL where the column is. */
typedef struct PointsRule
{
	int64		id;
	char	   *name;
	text	   *type;
	int64		currency_id;
	PointsTerm	term;
	bool		to_target;
	bool		has_minimum;
	int64		minimum_amount;
	struct Jsonb *payload_filter;
	struct Jsonb *member_filter;
	Interval   *pending_for;
	bool		says_released;
	bool		until_released;
	Interval   *expires_after;
	Period	   *expiry_rounding;
	Period	   *month;			/* rounding where nothing else is said */
	bool		has_priority;
	int32		priority;
	int64		budget_id;		/* 0 for none */
	TimestampTz valid_from;		/* inclusive */
	TimestampTz valid_until;	/* exclusive */
} PointsRule;

/* A row of cap. */
typedef struct PointsCap
{
	int64		id;
	char	   *name;
	int64		currency_id;
	int			nrules;			/* 0 for all */
	char	  **rules;
	bool		counts_events;
	int64		maximum;
	Period		period;
	bool		refuses;
	TimestampTz valid_from;
	TimestampTz valid_until;
} PointsCap;

/* What a program has of both, in the order in which they apply. */
typedef struct PointsRules
{
	int64		program;
	int			nrules;
	PointsRule *rules;
	bool		has_budgets;
	int			ncaps;
	PointsCap  *caps;
} PointsRules;

/* An event as rules see it. */
typedef struct PointsEvent
{
	int64		program;
	int64		event_id;
	int64		member;
	bool		has_target;
	int64		target;
	Datum		type;			/* text */
	int64		amount;
	TimestampTz occurred_at;
	Datum		payload;		/* jsonb, or 0 for an empty object */
} PointsEvent;

/* Which recipients of an event are asked about. */
typedef enum PointsSide
{
	POINTS_OWN = 1,
	POINTS_TARGET = 2,
	POINTS_BOTH = 3
} PointsSide;

/* Lines of entries for the target of an event begin here. */
#define POINTS_TARGET_LINE	1000

/* And those of what an adjustment takes back here, beside what it gives. */
#define POINTS_TAKEN_LINE	2000

/* Lines of releases, under the event itself. */
#define POINTS_RELEASE_LINE	2000

/* What the rules give one member in one currency for an event. */
typedef struct PointsGrant
{
	int64		member;
	bool		to_target;
	int			line;			/* of its entry, under the event */
	const PointsCurrency *currency;
	int			count;			/* of the rules that apply */
	const PointsRule **rules;
	int64	   *factors;		/* by rule, times the scale; NULL for none */
	int64	   *given;			/* by rule, before caps; may be negative */
	int64	   *shares;			/* and after */
	int64		points;			/* sum of shares */
	int64		cut;
	int			ncut_by;
	Datum	   *cut_by;
	int64	   *cuts;			/* by cut_by and rule, where asked for */
	int			nearned;		/* rules that gave points for it before */
	const int64 *earned;
} PointsGrant;

/* A credit of an event or of its adjustments, and what is left of it. */
typedef struct PointsEventCredit
{
	int64		entry_id;
	int64		member;
	int64		currency_id;
	int64		points;
	int64		left;			/* not taken back */
	Purse	   *delta;
	bool		released;		/* what it left pending is not any more */
	int64		cut;
	int			nrules;			/* that gave any of the points */
	int64	   *rules;
	int64	   *given;			/* by them */
} PointsEventCredit;

/* What caps have counted for one member, until it is written. */
typedef struct PointsCapBook PointsCapBook;

/* rules.c */
extern const PointsRules *points_rules(int64 program);
extern bool points_has_no_rules(int64 program);

/*
 * By what the member multiplies what rules give it for an event at that time:
 * a factor, times the scale, for each rule, by its name and currency.  False
 * when that changes nothing.  Rooms that points do not know may set it.
 */
typedef bool (*PointsFactors) (int64 program, int64 member, TimestampTz at,
							   int count, const char *const *rules,
							   const int64 *currency_ids, int64 *factors);

/* grant.c */
extern PointsFactors points_factors;
extern PointsGrant *points_grants(const PointsRules *rules,
								  const PointsEvent *event, PointsSide sides,
								  int *count);
extern PurseLot points_grant_lot(const PointsGrant *grant, int rule,
								 TimestampTz at);
extern Purse *points_grant_purse(const PointsGrant *grant, TimestampTz at);

/* cap.c */
extern bool points_cap_covers(const PointsCap *cap, const PointsGrant *grant,
							  TimestampTz at, bool *among, int64 *wanted);
extern void points_apply_caps(PointsCapBook *book, const PointsEvent *event,
							  PointsGrant *grant);

/* rule_budget.c */
extern void points_apply_budgets(const PointsEvent *event, PointsGrant *grant,
								 bool only_looks, int room);

/* cap_book.c */
#define POINTS_USAGE_KEYS	INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID

extern PointsCapBook *points_open_caps(const PointsRules *rules);
extern PointsCapBook *points_look_at_caps(const PointsRules *rules);
extern bool points_book_looks(const PointsCapBook *book);
extern const PointsRules *points_book_rules(const PointsCapBook *book);
extern void points_usage_keys(Datum *values, const PointsCapBook *book,
							  const PointsCap *cap, TimestampTz used_at);
extern int64 points_room_under(const PointsCap *cap, int64 points,
							   int64 events, int64 wanted, bool again);
extern void points_turn_to_member(PointsCapBook *book, int64 member);
extern int64 points_count_usage(PointsCapBook *book, const PointsCap *cap,
								TimestampTz used_at, int64 wanted,
								bool again);
extern void points_count_visit(PointsCapBook *book, const PointsCap *cap,
							   TimestampTz used_at);
extern void points_take_back_usage(PointsCapBook *book, const PointsCap *cap,
								   TimestampTz used_at, int64 points,
								   int64 events);
extern void points_note_usage(PointsCapBook *book, const PointsCap *cap,
							  TimestampTz used_at, int64 points,
							  int64 events);
extern void points_add_noted(PointsCapBook *book, const PointsCap *cap,
							 TimestampTz used_at, int64 *points,
							 int64 *events);
extern void points_close_caps(PointsCapBook *book);

/* award.c */
extern void points_note_cut(PointsGrant *grant, int64 by, const bool *among,
							int64 cut, int room);
extern Datum points_event_key(void);
extern void points_grant_entry(const PointsEvent *event,
							   const PointsGrant *grant, PointsEntry *entry);
extern void points_append_grant(PointsEntry *entry);
extern void points_award(const PointsEvent *event, StringInfo earned);

/* award_set.c */
extern void points_award_recorded(int64 program, bool keep);

/* event_credits.c */
extern PointsEventCredit *points_event_credits(int64 program, Datum source,
											   Datum key, int32 revision,
											   int *count);
extern bool points_credit_is_released(int64 program, int64 event_id,
									  const PointsEventCredit *credit);
extern int	points_credit_run(const PointsEventCredit *credits, int count);

/* release_event.c */
extern void points_release_event(int64 program, Datum source, Datum key,
								 PointsRequest *request,
								 PointsPosting *posting);

/* correct.c */
extern void points_correct(int64 program, int64 event_id);
extern char *points_of_event(int64 program, int64 event_id, int64 member);

#endif							/* COMMUNITY_POINTS_RULES_H */
