/*-------------------------------------------------------------------------
 *
 * engagement.h
 *	  The engagement of each member, kept as a decayed score.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_ENGAGEMENT_H
#define COMMUNITY_ENGAGEMENT_H

#include "datatype/timestamp.h"

#include "core/table.h"

extern void score_open_engagement(int64 program, int64 member);
extern bool score_add_engagement(int64 program, int64 member, double value,
								 TimestampTz at, bool even_closed);
extern bool score_lock_engagement(int64 program, int64 member, bool *closed);
extern int	score_lock_leading(int64 program, const int64 *members,
							   int count);
extern bool score_engagement_is_usable(void);
extern CoreUpdate *score_find_engagement(int64 program, int64 member,
										 bool *found);
extern bool score_add_to_found(CoreUpdate *update, double value,
							   TimestampTz at, bool even_closed);
extern void score_close_engagement(int64 program, int64 member);
extern void score_merge_engagement(int64 program, int64 from, int64 into);
extern int64 score_rebuild_engagement(int64 program);
extern void score_add_engagements(int64 program, bool keep);

#endif							/* COMMUNITY_ENGAGEMENT_H */
