/*-------------------------------------------------------------------------
 *
 * ledger.h
 *	  Currencies, accounts and the entries that change them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_POINTS_LEDGER_H
#define COMMUNITY_POINTS_LEDGER_H

#include "datatype/timestamp.h"
#include "fmgr.h"
#include "pgtime.h"
#include "storage/itemptr.h"
#include "utils/snapshot.h"

#include "core/core.h"
#include "period/period.h"
#include "points/purse.h"
#include "points/rule_algo.h"


typedef enum PointsBurnOrder
{
	POINTS_BURN_EXPIRY,
	POINTS_BURN_OLDEST,
	POINTS_BURN_NEWEST
} PointsBurnOrder;

typedef enum PointsReturnPolicy
{
	POINTS_RETURN_DEFICIT,
	POINTS_RETURN_WITHIN_BALANCE,
	POINTS_RETURN_ONLY_PENDING
} PointsReturnPolicy;

/* A row of currency; pointers are NULL where the column is. */
typedef struct PointsCurrency
{
	int64		program;
	int64		id;
	char	   *code;
	int32		scale;
	PointsRounding rounding;
	Interval   *pending_for;
	bool		until_released;
	Interval   *expires_after;
	Period	   *expiry_rounding;
	Interval   *inactive_after;
	PointsBurnOrder burn_order;
	int64		overdraft;
	PointsReturnPolicy return_policy;
	pg_tz	   *zone;
} PointsCurrency;

/* One line of the ledger, to be appended. */
typedef struct PointsEntry
{
	int64		program;
	int64		entry_id;		/* drawn when appended */
	int64		member;
	const PointsCurrency *currency;
	int64		event_id;		/* 0 for a call of its own */
	const char *kind;
	Datum		key;			/* text; empty for an event's entries */
	int32		line;
	bool		posted;			/* its account is locked and will hold it */
	Purse	   *delta;
	TimestampTz effective_at;
	TimestampTz recorded_at;
	int64		request;
	int64		cut;
	int64		reverses;		/* 0 for none */
	Datum		rule_ids;		/* bigint[], or 0 for none */
	Datum		rule_points;
	Datum		cut_by;
	Datum		reason;			/* text, or 0 for none */
	bool		own;			/* of the member who did what earned it */
} PointsEntry;

/*
 * Told of every entry that changes what somebody has earned, but for those
 * of members who are locked for what they do; or NULL.
 */
typedef void (*PointsEarnedHook) (const PointsEntry *entry);
extern PointsEarnedHook points_earned_hook;

/* Does what was paid under a key wait for more than release()? */
typedef bool (*PointsWithheld) (int64 program, Datum key);
extern PointsWithheld points_withheld;

/*
 * More than this cannot be given at once.  Nobody adds up an account when it
 * is credited, so credits must be too small to overflow it.
 */
#define POINTS_MAX_CREDIT	INT64CONST(1000000000000000)

/* The source by which reverse() knows calls of the ledger. */
#define POINTS_SOURCE		"ledger"

/*
 * What a call asks for, as far as a retry must ask for the same.  Zeroed
 * before use, as its bytes are hashed; "given" tells which times are.
 */
typedef struct PointsRequest
{
	int64		member;
	int64		other;
	int64		currency_id;
	int64		points;
	TimestampTz available_at;
	TimestampTz expires_at;
	TimestampTz occurred_at;
	int64		seed;
	int32		priority;
	uint32		given;
	char		kind[16];
} PointsRequest;

#define POINTS_GIVEN_AVAILABLE_AT	0x01
#define POINTS_GIVEN_EXPIRES_AT		0x02
#define POINTS_GIVEN_OCCURRED_AT	0x04
#define POINTS_GIVEN_PRIORITY		0x08
#define POINTS_GIVEN_POINTS			0x10
#define POINTS_GIVEN_SEED			0x20
#define POINTS_GIVEN_BY_PROGRAM		0x40

/* What a call did: the SQL type posting. */
typedef struct PointsPosting
{
	int64		entry_id;
	bool		replay;
	int64		member;
	int64		currency_id;
	char	   *kind;
	int64		points;
	Purse	   *delta;
	TimestampTz effective_at;
	TimestampTz recorded_at;
	int64		request;
	int64		event_id;
} PointsPosting;

typedef struct PointsAppender PointsAppender;

/* May a member have points? */
typedef enum PointsStanding
{
	POINTS_MEMBER_ACTIVE,
	POINTS_MEMBER_CLOSED,
	POINTS_MEMBER_UNKNOWN
} PointsStanding;

/* An account that this transaction has locked. */
typedef struct PointsAccount
{
	const PointsCurrency *currency;
	int64		member;
	bool		closed;
	ItemPointerData tid;		/* version of its row, where known */
	TimestampTz now;			/* later than any change of it before */
	Purse	   *stored;			/* what its row is to hold */
	Purse	   *purse;			/* that and the credits not folded yet */
	Purse	   *held;			/* lots of the holds in force */
	int32		open_holds;
	int			nmarks;
	int64	   *marks;
} PointsAccount;

/* Credits that are added up; begin the sum first. */
typedef struct PointsCredits
{
	PurseSum	sum;
	int64		entries;		/* seen, posted ones too */
} PointsCredits;

/* currency.c */
extern void points_open_program(int64 program);
extern const PointsCurrency *points_currency(int64 program, text *code);
extern const PointsCurrency *points_kept_currency(int64 program, text *code);
extern const char *points_kept_code(int64 program, int64 id);
extern const PointsCurrency *points_currency_by_id(int64 program, int64 id);
extern TimestampTz points_expiry(const PointsCurrency *currency,
								 TimestampTz at);
extern TimestampTz points_availability(const PointsCurrency *currency,
									   TimestampTz at);
extern int32 points_priority(const PointsCurrency *currency, TimestampTz at);

/* horizon.c */
extern void points_announce_ids(int64 id);
extern int64 points_horizon(void);

/* entry.c */
extern bool points_entries_are_usable(bool to_write);
extern int64 points_request_hash(const PointsRequest *request);
extern bool points_append(PointsEntry *entry);
extern PointsAppender *points_begin_append(void);
extern void points_append_next(PointsAppender *appender, PointsEntry *entry);
extern void points_end_append(PointsAppender *appender);
extern bool points_find_posting(int64 program, Datum key, int32 line,
								PointsPosting *posting);
extern bool points_find_replay(int64 program, Datum key,
							   const PointsRequest *request,
							   PointsPosting *posting);
extern bool points_add_credits(const PointsCurrency *currency, int64 member,
							   Snapshot snapshot, int64 from, int64 to,
							   PointsCredits *credits);
extern void points_posting_of(const PointsEntry *entry,
							  PointsPosting *posting);
extern Datum points_leave(FunctionCallInfo fcinfo, CoreScope *scope,
						  int64 program, const PointsPosting *posting);

/* account.c */
extern bool points_accounts_are_usable(bool to_write);
extern bool points_fetch_account(const PointsCurrency *currency, int64 member,
								 Snapshot snapshot, PointsAccount *account);
extern bool points_account_owes(const PointsCurrency *currency, int64 member,
								bool *known, bool *closed);
extern PointsAccount *points_lock_account(const PointsCurrency *currency,
										  int64 member);
extern PointsAccount *points_try_lock_account(const PointsCurrency *currency,
											  int64 member);
extern void points_refuse_closed(const PointsAccount *account);
extern void points_refuse_merged(const PointsAccount *account);
extern Purse *points_free(const PointsAccount *account);
extern void points_apply(PointsAccount *account, const Purse *delta);
extern int64 points_deficit(const PointsAccount *account);
extern void points_write_account(PointsAccount *account);
extern void points_close_accounts(int64 program, int64 member);

/* call.c */
extern const PointsCurrency *points_enter(CoreScope *scope, int64 program,
										  text *code, bool to_write);
extern Datum points_leave_with_row(FunctionCallInfo fcinfo, CoreScope *scope,
								   Datum *values, bool *nulls);
extern int64 points_amount_argument(int64 points, const char *function);
extern Datum points_reason_argument(FunctionCallInfo fcinfo, int argument);
extern Datum points_key_argument(FunctionCallInfo fcinfo, int argument);
extern void points_lot_arguments(FunctionCallInfo fcinfo, int argument,
								 PointsRequest *request);
extern void points_occurred_at_argument(FunctionCallInfo fcinfo, int argument,
										PointsRequest *request);
pg_noreturn extern void points_refuse_lost_key(Datum key);
extern void points_post(PointsAccount *account, PointsEntry *entry,
						PointsPosting *posting);

/* accrue.c */
extern Purse *points_debt(int64 points);
extern Purse *points_settle_debt(const PointsAccount *account,
								 const Purse *credit);
extern Purse *points_settle_standing_debt(const PointsAccount *account,
										  const Purse *delta);
extern Purse *points_keep_alive(const PointsAccount *account,
								const Purse *delta);
extern PurseLot points_lot(const PointsCurrency *currency,
						   const PointsRequest *request, TimestampTz at);
extern bool points_credit_locks(const PointsCurrency *currency, int64 member,
								PointsStanding *standing);
extern bool points_credit(PointsEntry *entry);
extern void points_credit_locked(PointsAccount *account, PointsEntry *entry,
								 PointsPosting *posting);
extern bool points_try_accrue(const PointsCurrency *currency,
							  const PointsRequest *request, Datum key,
							  Datum reason, PointsPosting *posting);
extern void points_accrue(const PointsCurrency *currency,
						  const PointsRequest *request, Datum key,
						  Datum reason, PointsPosting *posting);

/* gift.c */
extern void points_give(int64 program, int64 member, int64 currency_id,
						int64 points, const char *kind, TimestampTz at,
						const TimestampTz *expires_at, Datum key,
						Datum reason);
extern TimestampTz points_pay(int64 program, int64 member, int64 currency_id,
							  int64 points, const char *kind, TimestampTz at,
							  const TimestampTz *available_at, bool withheld,
							  Datum key, Datum reason);

/* release.c */
extern Purse *points_release_lots(const PointsAccount *account,
								  const Purse *lots,
								  TimestampTz available_at);
extern bool points_waits_for_release(const Purse *lots);
extern Purse *points_as_released(const Purse *lots,
								 TimestampTz available_at);
extern void points_release_pending(int64 program, Datum key,
								   PointsRequest *request,
								   PointsPosting *posting);
extern void points_release_payment(int64 program, Datum key,
								   TimestampTz available_at);

/* return.c */
extern void points_reverse_call(int64 program, Datum key, bool has_points,
								int64 points, Datum request_key, Datum reason,
								PointsPosting *posting);
extern int64 points_take_gift(int64 program, Datum key, bool unspent,
							  Datum reason);
extern int64 points_take_payment(int64 program, Datum key, int64 points,
								 Datum reason);
extern Purse *points_take_back(const PointsAccount *account,
							   const Purse *credit, int64 *taken);

extern Purse *points_main_lots(const Purse *delta, int64 points);
extern Purse *points_returnable(const PointsAccount *account,
								const Purse *delta, int64 given,
								int64 from, int64 points);

/* lock_order.c */
typedef struct PointsPlace
{
	int64		member;
	int64		currency_id;
} PointsPlace;

/* Called, and forgotten, before the next account is locked; or NULL. */
typedef void (*PointsLockHook) (void);
extern PointsLockHook points_lock_first;

extern void points_lock_in_order(int64 program, PointsPlace *places,
								 int count);
extern int64 *points_currencies_of(int64 program, int64 member, int *count);

/* extend.c */
extern Purse *points_take_pending(const PointsAccount *account,
								  const Purse *purse, const PurseLot *lot,
								  int64 points, int64 *taken);
extern Purse *points_own_lots(const PointsAccount *account);

/* merge.c */
extern void points_merge_accounts(int64 program, int64 from, int64 into,
								  Datum key);
extern int64 points_bring_home(int64 program);

/* fold.c */
typedef struct PointsFolding
{
	int64		program;
	int32		minimum;
	int64		from;			/* ids up to here are looked at */
	int64		to;				/* and then those up to here */
	int64		folded;			/* accounts */
	int64		seen;			/* accounts with credits in between */
	int64		kept_back;		/* the mark stays here or before */
} PointsFolding;

extern void points_pin_isolation(const char *what);
extern int64 points_folding_mark(int64 program, int32 minimum);
extern int64 points_fold_range(PointsFolding *folding, int64 horizon);
extern int64 points_time_out_holds(int64 program, TimestampTz as_of,
								   int32 batch_size);
extern int64 points_rebuild_accounts(int64 program);

/* redeem.c */
extern Purse *points_take(const PointsAccount *account, int64 points,
						  const char *verb);

#endif							/* COMMUNITY_POINTS_LEDGER_H */
