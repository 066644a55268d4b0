/*-------------------------------------------------------------------------
 *
 * activity.h
 *	  Programs, members and events.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_ACTIVITY_H
#define COMMUNITY_ACTIVITY_H

#include "datatype/timestamp.h"
#include "fmgr.h"
#include "utils/tuplestore.h"

#include "core/compat.h"
#include "core/core.h"

#define ACTIVITY_SOURCE_API		"api"

/*
 * Ids of members that the application knows by external_id begin here, far
 * from where it numbers other members itself, and still exact in a double.
 */
#define ACTIVITY_DRAWN_IDS		"1000000000000000"

/* what came of recording an event */
typedef enum ActivityOutcome
{
	ACTIVITY_INSERTED,
	ACTIVITY_NOT_INSERTED,		/* key known, or member or target not */
	ACTIVITY_MEMBER_REFUSED,	/* inserted, but the member may not act */
	ACTIVITY_LEFT_TO_SQL		/* not tried: a table is not as installed */
} ActivityOutcome;

/* One event to be recorded; texts are palloc'd or borrowed Datums. */
typedef struct ActivityEvent
{
	int64		program;
	int64		member;
	Datum		external_id;	/* text; used when by_external_id */
	bool		by_external_id;
	bool		is_new;			/* a known key would be a surprise */
	Datum		type;			/* text */
	Datum		key;			/* text */
	Datum		source;			/* text */
	int64		amount;
	TimestampTz occurred_at;
	bool		occurred_at_given;
	bool		has_target;
	int64		target;
	Datum		payload;		/* jsonb, or 0 for an empty object */
} ActivityEvent;

/* What record() and reverse() tell: the SQL type receipt. */
typedef struct ActivityReceipt
{
	int64		event_id;
	bool		replay;
	int64		member;
	int64		amount;
	TimestampTz occurred_at;
	TimestampTz recorded_at;
	double		engagement;		/* of an event that was recorded just now */
	/* JSON, or NULL for what is empty; owned by whoever calls */
	char	   *points;			/* object */
	char	   *tiers;			/* array */
	char	   *commissions;	/* array */
} ActivityReceipt;

/* member.c */
extern bool activity_find_external(int64 program, Datum external_id,
								   int64 *member);
extern bool activity_close_member(int64 program, int64 member,
								  Datum reason);
extern int64 activity_enroll(int64 program, bool has_member, int64 member,
							 Datum external_id, TimestampTz joined_at,
							 Datum attributes, bool *is_new);

/* money.c */
extern Datum community_minor_units(PG_FUNCTION_ARGS);

/* weight.c */
extern bool activity_weigh(const ActivityEvent *event, double *engagement);

/* event_insert.c */
extern Datum activity_empty_object(void);
extern Datum activity_empty_array(void);

typedef struct ActivityInserter ActivityInserter;

extern ActivityInserter *activity_begin_events(void);
extern bool activity_insert_next(ActivityInserter *inserter,
								 const ActivityEvent *event,
								 double engagement, int64 *event_id);
extern void activity_end_events(ActivityInserter *inserter);
extern ActivityOutcome activity_record_directly(const ActivityEvent *event,
												ActivityReceipt *receipt);

/* record.c */
extern bool activity_is_ledger(Datum source);
extern void activity_check_time(TimestampTz occurred_at);
extern void activity_check_amount(int64 amount);
extern bool activity_record_event(const ActivityEvent *event,
								  ActivityReceipt *receipt,
								  CoreScope *scope);
extern void activity_refuse_member(int64 program, int64 member);
extern void activity_record(const ActivityEvent *event,
							ActivityReceipt *receipt, CoreScope *scope);
extern void activity_keep_receipt(ActivityReceipt *receipt,
								  MemoryContext context);
extern Datum activity_receipt_datum(FunctionCallInfo fcinfo,
									const ActivityReceipt *receipt);

/* record_locks.c */
extern void activity_begin_locks(const ActivityEvent *event,
								 const ActivityReceipt *receipt);
extern void activity_begin_signup_locks(int64 program, TimestampTz as_of,
										int64 last);
extern void activity_end_locks(void);

#endif							/* COMMUNITY_ACTIVITY_H */
