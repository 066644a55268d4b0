/*-------------------------------------------------------------------------
 *
 * lock.c
 *	  The movers' lock.
 *
 * Whoever gives a member that may have somebody below it another place holds
 * the lock of the program until its transaction ends.  It conflicts with
 * itself alone, so movers queue, and signups and readers do not wait.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/snapmgr.h"

#include "core/compat.h"
#include "referral/place.h"

/* tells these locks from other advisory ones; see points/horizon.c */
#define LOCK_CLASS		17232

/* Needs no more than a transaction. */
void
referral_lock_movers(int64 program)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (program >> 32),
						 (uint32) program, LOCK_CLASS);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}

/*
 * A snapshot of this moment, at any isolation level, with all that the own
 * transaction has done, this very statement included.  To be given back with
 * UnregisterSnapshot().
 */
Snapshot
referral_latest_snapshot(void)
{
	CommandCounterIncrement();
	return RegisterSnapshot(GetLatestSnapshot());
}
