/*-------------------------------------------------------------------------
 *
 * tier.h
 *	  Published ladders, where members stand on them, and what others tell
 *	  this room.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_TIER_H
#define COMMUNITY_TIER_H

#include "datatype/timestamp.h"
#include "fmgr.h"
#include "pgtime.h"
#include "utils/array.h"
#include "utils/jsonb.h"
#include "utils/tuplestore.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/table.h"
#include "period/period.h"
#include "tier/tier_algo.h"

typedef enum TierMeasureKind
{
	TIER_SUM,
	TIER_COUNT,
	TIER_MAXIMUM,
	TIER_DISTINCT_DAYS,
	TIER_DISTINCT_COUNTERPARTS,
	TIER_POINTS,
	TIER_ENGAGEMENT,
	TIER_MEMBERSHIP_DAYS,
	TIER_FUNCTION,
	TIER_QUALIFIED_REFERRALS
} TierMeasureKind;

/* A measure over a period, as the ladders of a program use it. */
typedef struct TierMeter
{
	int64		measure_id;
	char	   *name;
	TierMeasureKind kind;
	bool		received;		/* counts what is done to a member */
	ArrayType  *types;			/* NULL for all */
	int			ntypes;
	Datum	   *type_names;		/* text */
	Jsonb	   *filter;			/* NULL for all */
	int64		currency_id;
	Period		period;
} TierMeter;

/* What of a version the machine need not know. */
typedef struct TierRules
{
	bool		has_promotion_period;
	Period		promotion_period;
	Interval   *term;
	bool		has_rounding;
	Period		rounding;
	Interval	grace;
	Interval	dwell;
} TierRules;

/* A published ladder with all its versions. */
typedef struct TierProgramLadder
{
	int64		id;
	char	   *name;			/* as in the newest version */
	int64		newest;			/* id of the newest version */
	bool		drops;			/* some version demotes on drop */
	bool		counts_points;
	bool		has_functions;
	bool		has_fractions;	/* any gauge that is no whole number */
	bool		has_anniversaries;	/* any that depends on joining */
	bool		asks_joining;	/* anything else that does, too */
	TierLadder	algo;
	TierMeter  *meters;			/* one for each gauge */
} TierProgramLadder;

typedef struct TierLadders
{
	int64		program;
	pg_tz	   *zone;
	int64		half_life;		/* microseconds */
	int			count;
	TierProgramLadder *ladders;
} TierLadders;

/* of what falls out of a rolling period, so much is looked at in advance */
#define TIER_LOOK_AHEAD		64

/* And less when a single event is noted: busy members come again soon. */
#define TIER_LOOK_SHORT		8

/* members that are worked out together */
#define TIER_MEMBER_BATCH	1000

/* how far ahead anybody is looked at, in years */
#define TIER_HORIZON		200

/* events as they count, for the member to whom they were done */
#define TIER_RECEIVED_EVENTS \
	"(SELECT x.program_id, x.event_id, x.target_id AS member_id, x.type," \
	" x.occurred_at, x.amount, x.engagement, x.member_id AS target_id," \
	" x.payload FROM community.counted_event AS x)"

/* what is left of the points of an entry "c" after what was taken back */
#define TIER_NET_POINTS \
	"(c.points + coalesce((SELECT sum(r.points - r.cut)" \
	" FROM community.entry AS r WHERE r.program_id = c.program_id" \
	" AND r.member_id = c.member_id AND r.currency_id = c.currency_id" \
	" AND r.reverses = c.entry_id AND r.kind = 'reverse'), 0))::bigint"

/* ladders.c */
extern const TierLadders *tier_ladders(int64 program);
extern const TierLadders *tier_kept_ladders(int64 program);
extern TierProgramLadder *tier_read_definition(const TierLadders *ladders,
											   int64 ladder_id,
											   TimestampTz from,
											   Datum definition);
extern const TierProgramLadder *tier_find_ladder(const TierLadders *ladders,
												 Datum name);
extern TierLadder tier_anchored(const TierLadders *ladders,
								const TierProgramLadder *ladder,
								int64 joined_at);

/* A member whose events are read without SQL. */
typedef struct TierReader
{
	bool		ready;
	int64		program;
	int64		member;
	bool		corrected;		/* has any of them been? */
	Snapshot	snapshot;
	MemoryContext context;		/* that lives as long as this */
	CoreScanner *by_time;		/* NULL while not needed */
	CoreScanner *by_target;
	CoreScanner *by_corrected;
} TierReader;

/* A member on a ladder, while it is worked on. */
typedef struct TierWork
{
	int64		member;
	TimestampTz joined_at;
	bool		from_scratch;	/* or from where the standing is */
	bool		has_standing;
	bool		plain;			/* counts own events that none corrects */
	bool		past_only;		/* without what happens after the time */
	TierReader *reader;			/* of one member, NULL to read by SQL */
	TimestampTz lasted_since;	/* beginning of the tenure gone on from */
	TierLadder	algo;			/* with the member's calendar */
	TierRun		run;
	TimestampTz due;
	TimestampTz stale_at;
	int			nchanges;		/* until the time that is asked for */
	int			nahead;			/* and those behind them */
	int			maxchanges;
	TierChange *changes;
	TimestampTz known_to;		/* changes are complete up to then */
	TimestampTz enters_at;		/* the first event that lies ahead */
	bool		rebooked;		/* were other tenures written down? */
} TierWork;

/* An event that was just recorded, as standings see it. */
typedef struct TierNotice
{
	int64		member;
	int64		event_id;
	Datum		type;			/* text */
	int64		amount;
	double		engagement;
	bool		has_target;
	int64		target;
	Datum		payload;		/* jsonb, or 0 for an empty object */
	TimestampTz occurred_at;
	bool		earned;			/* has the member earned points by it? */
} TierNotice;

/* gauge_time.c */
extern TimestampTz tier_leaves_at(const Period *period, TimestampTz at,
								  pg_tz *zone);
extern void tier_window(const TierLadders *ladders, const TierMeter *meter,
						TimestampTz joined_at, TimestampTz at,
						TimestampTz *from, TimestampTz *to);

/* crowd.c */
extern void tier_fetch_changes(const TierLadders *ladders,
							   const TierProgramLadder *ladder,
							   TierWork *work, int count, TimestampTz until,
							   int ahead);

/* standing.c */
extern int	tier_find_version(const TierLadder *algo, int64 id);
extern void tier_load(const TierLadders *ladders,
					  const TierProgramLadder *ladder, TierWork *work,
					  int count, bool from_scratch);
extern void tier_walk(const TierLadders *ladders,
					  const TierProgramLadder *ladder, TierWork *work,
					  int count, TimestampTz until, int ahead);

/* evaluate.c */
extern TimestampTz tier_check_time(TimestampTz at, const char *function);
extern void tier_check_member(int64 program, int64 member);
extern const TierProgramLadder *tier_named_ladder(const TierLadders *ladders,
												  Datum name);
extern bool tier_other_sources(int64 program, int64 ladder, int64 member,
							   TimestampTz as_of, char **tier, int *rank);
extern Datum tier_range(TimestampTz from, TimestampTz until);
extern const char *tier_reason_name(TierReason reason);
extern const char *tier_held_name(const TierRun *run);
extern void tier_evaluate(int64 program, int64 member, TimestampTz as_of,
						  Tuplestorestate *store, TupleDesc desc);
extern void tier_look(const TierLadders *ladders,
					  const TierProgramLadder *ladder, int64 member,
					  TimestampTz as_of, bool from_scratch, int ahead,
					  TierWork *work);

/* progress.c */
extern Datum tier_reading(const TierLadders *ladders, const TierMeter *meter,
						  const TierWork *work, int gauge, TimestampTz at);
extern Datum tier_bar(const TierLadder *ladder, const TierRequirement *need,
					  bool keep);

/* review.c */
extern int64 *tier_due_members(int64 program, TimestampTz as_of,
							   int64 *count);
extern int	tier_review_members(int64 program, int64 *members, int count,
								TimestampTz as_of);

/* rebuild.c */
extern int64 tier_rebuild_standings(int64 program);

/* told.c */
extern char *tier_changes_of_event(int64 program, int64 event_id);

/* note.c */
extern char *tier_note_event(int64 program, const TierNotice *event,
							 CoreScope *scope);
extern char *tier_note_correction(int64 program, int64 event_id);
extern void tier_note_recorded(int64 program, bool keep);
extern void tier_note_earned(int64 program, int64 member,
							 int64 currency_id);
extern void tier_touch_member(int64 program, int64 member);
extern void tier_note_merge(int64 program, int64 into);
extern void tier_note_qualified(int64 program, int64 member);
extern void tier_work_out(int64 program, int64 *members, int count,
						  TimestampTz as_of);

#endif							/* COMMUNITY_TIER_H */
