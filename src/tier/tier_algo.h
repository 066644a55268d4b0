/*-------------------------------------------------------------------------
 *
 * tier_algo.h
 *	  How a ladder is climbed and lost, free of the server.
 *
 * doc/tier.md says what is decided when.  Times are microseconds as in a
 * timestamp with time zone.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_TIER_ALGO_H
#define COMMUNITY_TIER_ALGO_H

#define TIER_PAST			PG_INT64_MIN
#define TIER_NEVER			PG_INT64_MAX
#define TIER_MAX_RANK		100

/* How a gauge is read. */
typedef enum TierScale
{
	TIER_WHOLE,					/* amounts[gauge] */
	TIER_FRACTION,				/* scores[gauge] */
	TIER_DECAYED				/* scores[gauge], as it was at as_of */
} TierScale;

typedef struct TierGauge
{
	TierScale	scale;
	int64		half_life;		/* of a decayed one */
	bool		capped;			/* may be too high for a requirement */
} TierGauge;

/* What happens to a gauge at a time. */
typedef enum TierAct
{
	TIER_ADD,
	TIER_SET
} TierAct;

typedef struct TierChange
{
	int64		at;
	int			gauge;
	TierAct		act;
	int64		amount;
	double		score;
} TierChange;

typedef struct TierRequirement
{
	int			gauge;
	bool		at_most;		/* rather than at least */
	int64		attain;			/* of a whole gauge */
	int64		keep;
	double		attain_score;	/* of others */
	double		keep_score;
} TierRequirement;

typedef enum TierEntry
{
	TIER_BY_REQUIREMENTS,
	TIER_BY_INVITATION,
	TIER_NOT_BY_QUALIFYING
} TierEntry;

typedef struct TierRung
{
	const char *name;
	TierEntry	entry;
	bool		by_seat;		/* and by a seat alone */
	int			needs;
	int			nrequirements;
	TierRequirement *requirements;
} TierRung;

typedef enum TierDemotion
{
	TIER_DEMOTE_NEVER,
	TIER_DEMOTE_ON_DROP,
	TIER_DEMOTE_AT_TERM_END
} TierDemotion;

typedef struct TierVersion TierVersion;

/* Times that need a calendar; "rules" is whatever the caller hung there. */
typedef struct TierCalendar
{
	void	   *arg;
	/* end of a term that begins at a time; was it the past that was judged? */
	int64		(*term_end) (void *arg, const TierVersion *version, int64 from,
							 bool past);
	/* the next end of a promotion period after a time */
	int64		(*promotion) (void *arg, const TierVersion *version,
							  int64 after);
	int64		(*grace_end) (void *arg, const TierVersion *version,
							  int64 from);
	int64		(*dwell_end) (void *arg, const TierVersion *version,
							  int64 from);
} TierCalendar;

struct TierVersion
{
	int64		id;
	int64		from;			/* TIER_PAST for always */
	int64		until;			/* TIER_NEVER for ever */
	bool		promotes_at_once;
	TierDemotion demotion;
	bool		has_grace;
	bool		one_down;
	bool		grandfathers;
	int			nrungs;			/* rungs[rank - 1] */
	TierRung   *rungs;
	void	   *rules;
};

typedef enum TierRulingKind
{
	TIER_LOCK,
	TIER_VETO,
	TIER_INVITATION
} TierRulingKind;

typedef struct TierRuling
{
	TierRulingKind kind;
	const char *tier;
	int64		from;
	int64		until;
} TierRuling;

typedef struct TierLadder
{
	int			ngauges;
	TierGauge  *gauges;
	int			nversions;		/* in the order of time */
	TierVersion *versions;
	TierCalendar calendar;
} TierLadder;

/* Where a member stands at as_of, everything at that time done. */
typedef struct TierState
{
	int64		as_of;
	int64		falling_at;		/* when a gauge last fell, or a capped one
								 * rose */
	int			version;		/* under which the tier is held, or -1 */
	int			rank;
	bool		grace;
	int64		since;
	int64		ends;			/* of the term or grace */
	int64	   *amounts;
	double	   *scores;
} TierState;

typedef enum TierReason
{
	TIER_PROMOTED,
	TIER_RENEWED,
	TIER_DEMOTED,
	TIER_GRACED,
	TIER_RECOVERED,
	TIER_VETOED,
	TIER_CARRIED				/* into another version */
} TierReason;

/* A tenure by qualification. */
typedef struct TierSpan
{
	int64		from;
	int64		until;			/* TIER_NEVER while it lasts */
	int64		ends;			/* of the term or grace, or TIER_NEVER */
	int			version;
	int			rank;
	bool		grace;
	TierReason	reason;
	/* what was judged: this tier of this version, and as of just before? */
	int			judged;
	int			judged_rank;
	bool		past;
} TierSpan;

typedef struct TierRun
{
	const TierLadder *ladder;
	int64		joined_at;
	int			nrulings;
	const TierRuling *rulings;
	TierState	state;
	/* tenures that began in this run; the one that lasts ends with NEVER */
	int			nspans;
	int			maxspans;
	TierSpan   *spans;
	/* and when the one that lasted as it began came to its end, or NEVER */
	int64		first_until;
	bool		stops;			/* as soon as any tenure begins or ends */
} TierRun;

extern void tier_start(TierRun *run, const TierLadder *ladder,
					   int64 joined_at);
extern void tier_run(TierRun *run, const TierChange *changes, int nchanges,
					 int64 until);
extern int64 tier_next_instant(const TierRun *run);
extern bool tier_requirement_is_met(const TierLadder *ladder,
									const TierState *state,
									const TierRequirement *r, bool keep,
									int64 at);
extern bool tier_meets(const TierLadder *ladder, const TierState *state,
					   const TierRung *rung, bool keep, int64 at);
extern bool tier_is_open(const TierRun *run, int rank, int64 at);
extern int64 tier_add_amounts(int64 a, int64 b);
extern double tier_score_at(const TierLadder *ladder, const TierState *state,
							int gauge, int64 at);
extern int64 tier_falls_below_at(const TierRun *run,
								 const TierRequirement *requirement);
extern int	tier_attained(const TierRun *run, int64 at);

#endif							/* COMMUNITY_TIER_ALGO_H */
