/*-------------------------------------------------------------------------
 *
 * refresh.h
 *	  The scores of all members by a model, computed and written in batches.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_SCORE_REFRESH_H
#define COMMUNITY_SCORE_REFRESH_H

#include "datatype/timestamp.h"

typedef struct ScoreRefresh ScoreRefresh;

/* All but the locks is called inside core_enter(). */
extern bool score_refresh_lock(int64 model_id, bool session);
extern void score_refresh_unlock(int64 model_id);
extern int64 score_refresh_model(int64 program, Datum code);
extern char *score_refresh_code(int64 program, int64 model_id);
extern int64 score_refresh_members(int64 program);
extern ScoreRefresh *score_refresh_compute(int64 program, int64 model_id,
										   TimestampTz as_of);
extern bool score_refresh_begin(ScoreRefresh *refresh);
extern int64 score_refresh_write(ScoreRefresh *refresh);
extern void score_refresh_finish(ScoreRefresh *refresh);
extern int64 *score_refresh_models(int64 program, int *count);
extern bool score_refresh_due(int64 program, int64 model_id,
							  TimestampTz now, TimestampTz *as_of);

#endif							/* COMMUNITY_SCORE_REFRESH_H */
