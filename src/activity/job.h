/*-------------------------------------------------------------------------
 *
 * job.h
 *	  Long work in batches that commit.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_JOB_H
#define COMMUNITY_JOB_H

#include "datatype/timestamp.h"
#include "fmgr.h"
#include "utils/palloc.h"

typedef struct ActivityJob
{
	int64		program;
	int64		id;
	char	   *name;
	char	   *object;
	int64		subject_id;
	bool		commits;		/* between batches */
	bool		locked;
	int64		done;
	int64		total;
	Datum		position;		/* text[], or 0 at the beginning */
	MemoryContext context;		/* outlives the batches */
} ActivityJob;

extern ActivityJob *activity_begin_job(FunctionCallInfo fcinfo, int64 program,
									   const char *name, const char *object,
									   int64 subject_id);
extern void activity_start_job(ActivityJob *job, int64 total);
extern void activity_advance_job(ActivityJob *job, int64 rows, Datum position);
extern void activity_commit_batch(ActivityJob *job);
extern void activity_finish_job(ActivityJob *job);
extern void activity_unlock_job(ActivityJob *job);
extern void activity_review_tiers(ActivityJob *job, TimestampTz as_of);
extern void activity_refresh_scores(ActivityJob *job, TimestampTz now);
extern void activity_tell_progress(const ActivityJob *job, bool last);

#endif							/* COMMUNITY_JOB_H */
