/*-------------------------------------------------------------------------
 *
 * group.h
 *	  Groups that buy together, and prices that a crowd cuts.
 *
 * All functions run inside core_enter().
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_REFERRAL_GROUP_H
#define COMMUNITY_REFERRAL_GROUP_H

#include "datatype/timestamp.h"
#include "utils/array.h"

#include "core/core.h"

/* Rows of slots are made at once, and counted when somebody joins. */
#define REFERRAL_GROUP_MAX_CAPACITY	1000

/* A group as it is now. */
typedef struct ReferralGroup
{
	int64		program;
	int64		id;
	int32		capacity;
	int32		missing;		/* slots that nobody has */
	TimestampTz closes_at;
	bool		settled;
	bool		has_leader;
	int64		leader;
} ReferralGroup;

/* group.c */
extern void referral_lock_person(int64 program, int64 member, bool *closed);
extern void referral_group_read(ReferralGroup *group);
extern void referral_group_share(const ReferralGroup *group);
extern void referral_group_exclude(const ReferralGroup *group);
extern void referral_group_finish(const ReferralGroup *group);
extern const char *referral_group_state(const ReferralGroup *group);
pg_noreturn extern void
			referral_group_refuse_ended(const ReferralGroup *group);
pg_noreturn extern void referral_group_refuse_hidden(void);

/* group_settle.c */
extern void referral_group_settle(int64 program, ArrayType *groups);
extern void referral_group_release(int64 program, int64 join_id);
extern int	referral_settle_groups(int64 program, TimestampTz as_of,
								   int batch);

#endif							/* COMMUNITY_REFERRAL_GROUP_H */
