/*-------------------------------------------------------------------------
 *
 * horizon.c
 *	  Up to which id has every credit arrived?
 *
 * Credits are appended without any lock on the account, so entries commit in
 * another order than their ids were drawn.  Before a transaction draws its
 * first id for a credit it takes an advisory lock that names an id drawn
 * earlier; all its credits have ids above that one.  Whoever folds draws an
 * id, then looks at these locks: no transaction at work can still bring an
 * entry whose id is at or below the lowest id named there.
 *
 * It is one lock for each transaction, however many members it credits, and
 * nobody ever waits for it.  Locks go after the transaction's rows have become
 * visible, and prepared transactions keep theirs.  Nothing of this is stored,
 * so a dump, a standby that is promoted or a moved shard takes nothing wrong
 * along; doc/design.md weighs the alternatives.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/lock.h"

#include "core/compat.h"
#include "core/core.h"
#include "points/ledger.h"

/* tells our locks from other advisory ones, as 17229 does those of jobs */
#define LOCK_CLASS	17230

static int64 announced = 0;
static SubTransactionId announced_in = InvalidSubTransactionId;

static void
end_of_transaction(XactEvent event, void *arg)
{
	announced = 0;
	announced_in = InvalidSubTransactionId;
}

/*
 * Say that ids above "id" are going to be used for credits, or, with 0, above
 * one that is drawn here.  To be called before the id of a credit is drawn.
 */
void
points_announce_ids(int64 id)
{
	static bool registered = false;
	SubTransactionId subtransaction = GetCurrentSubTransactionId();
	LOCKTAG		tag;

	if (!registered)
	{
		RegisterXactCallback(end_of_transaction, NULL);
		registered = true;
	}
	/* a savepoint that is rolled back takes its lock along */
	if (announced != 0 && subtransaction == announced_in)
		return;
	if (announced == 0)
		announced = id != 0 ? id : core_next_id();
	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (announced >> 32),
						 (uint32) announced, LOCK_CLASS);
	(void) LockAcquire(&tag, ShareLock, false, false);
	announced_in = subtransaction;
}

/*
 * An id such that every credit of other transactions at or below it is
 * visible to the next snapshot, or will never be.
 */
int64
points_horizon(void)
{
	int64		horizon = core_next_id();
	LockData   *locks = GetLockStatusData();
	int			i;

	for (i = 0; i < locks->nelements; i++)
	{
		LockInstanceData *lock = &locks->locks[i];
		const LOCKTAG *tag = &lock->locktag;
		int64		id;

		if (tag->locktag_type != LOCKTAG_ADVISORY ||
			tag->locktag_field1 != MyDatabaseId ||
			tag->locktag_field4 != LOCK_CLASS || lock->pid == MyProcPid)
			continue;
		id = ((int64) tag->locktag_field2 << 32) | tag->locktag_field3;
		horizon = Min(horizon, id);
	}
	pfree(locks->locks);
	pfree(locks);
	return horizon;
}
