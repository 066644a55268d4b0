/*-------------------------------------------------------------------------
 *
 * model.h
 *	  Models of composite scores, and the computation of all scores.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_SCORE_MODEL_H
#define COMMUNITY_SCORE_MODEL_H

#include "fmgr.h"
#include "pgtime.h"
#include "utils/palloc.h"
#include "utils/timestamp.h"

#include "period/period.h"
#include "score/model_algo.h"
#include "score/refresh.h"

/* What a component counts; a row of score_component. */
typedef struct ScoreComponent
{
	char	   *code;
	char	   *kind;
	char	   *measure;		/* its name, or NULL */
	Period		period;
	Datum		types;			/* text[], or 0 for none given */
	Datum		against;
	char	   *method;
	char	   *side;
	int32		horizon;
	int32		minimum_givers;
	Datum		giver_types;
	bool		moves_alone;	/* with time, or as others act */
} ScoreComponent;

/* A version of a model. */
typedef struct ScoreModel
{
	int64		program;
	int64		model_id;
	char	   *code;
	int64		version_id;
	int32		version;
	int64		line;			/* in millionths, 0 for none */
	char	   *top_share;		/* numeric, or NULL */
	int32		keep;			/* in SCORE_MODEL_KEEP_ONE */
	Interval	dwell;
	bool		has_every;
	Period		every;
	pg_tz	   *zone;
	int64		half_life;		/* of engagement, in microseconds */
	int			count;
	ScoreComponent components[SCORE_MODEL_COMPONENTS];
	ScorePart	parts[SCORE_MODEL_COMPONENTS];
	int			decaying;		/* the one that moves with time, or -1 */
} ScoreModel;

/* Everything that a refresh has found out. */
struct ScoreRefresh
{
	MemoryContext context;		/* where all of it lies */
	ScoreModel *model;
	TimestampTz as_of;
	int64		id;
	int64		count;			/* members */
	int64	   *members;		/* ascending */
	double	   *raw;			/* by member, then component */
	int32	   *units;
	int64	   *scores;
	int64	   *ranks;
	int64		totals[SCORE_MODEL_COMPONENTS];
	int64		line;
	int64		keep;
	uint64		digest;
	int64		written;		/* members whose rows are there */
	bool		same;			/* as what is there already */
};

/* model.c */
extern Datum score_model_numeric(int64 millionths);

/* model_load.c */
extern int64 score_model_find(int64 program, Datum code);
extern ScoreModel *score_model_load(int64 program, int64 model_id,
									TimestampTz as_of);
extern ScoreModel *score_model_load_version(int64 program,
											int64 version_id);

/* model_source.c */
extern void score_model_read_members(ScoreRefresh *refresh);
extern int64 score_refresh_place(const ScoreRefresh *refresh, int64 member);
extern void score_model_read_raw(ScoreRefresh *refresh, int component);
extern bool *score_model_read_givers(ScoreRefresh *refresh, int component);

/* refresh.c */
extern Datum score_plain_array(const void *data, Size element, Oid type,
							   int64 count);
extern Datum score_bigint_array(const int64 *numbers, int64 count);

/* refresh_status.c */
extern void score_refresh_statuses(ScoreRefresh *refresh);
extern void score_super_user_end(int64 program, int64 model_id,
								 Datum members, TimestampTz at,
								 const char *reason);

#endif							/* COMMUNITY_SCORE_MODEL_H */
