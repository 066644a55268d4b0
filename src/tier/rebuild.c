/*-------------------------------------------------------------------------
 *
 * rebuild.c
 *	  rebuild('standings'): where members stand, derived anew.
 *
 * What is only late is not wrong: members are brought up to date first, as a
 * review does, and then worked out from the beginning until the same time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "tier/note.h"

/* Scores are added up in another order. */
#define NEAR_ENOUGH		1e-9

static bool
same_state(const TierLadder *algo, const TierState *a, const TierState *b)
{
	int			i;

	if (a->as_of != b->as_of || a->falling_at != b->falling_at ||
		a->rank != b->rank || a->grace != b->grace ||
		(a->rank > 0 && (a->version != b->version || a->since != b->since ||
						 a->ends != b->ends)))
		return false;
	for (i = 0; i < algo->ngauges; i++)
		if (algo->gauges[i].scale == TIER_WHOLE ?
			a->amounts[i] != b->amounts[i] :
			fabs(a->scores[i] - b->scores[i]) >
			NEAR_ENOUGH * Max(1, fabs(b->scores[i])))
			return false;
	return true;
}

/* Derive members on one ladder, and note which of them were wrong. */
static void
derive(const TierLadders *ladders, const TierProgramLadder *ladder,
	   const int64 *members, int count, TimestampTz as_of, bool *wrong)
{
	TierWork   *kept = palloc0_array(TierWork, count);
	TierWork   *work = palloc0_array(TierWork, count);
	int			i;

	for (i = 0; i < count; i++)
		kept[i].member = work[i].member = members[i];
	tier_load(ladders, ladder, kept, count, false);
	tier_load(ladders, ladder, work, count, true);
	tier_walk(ladders, ladder, work, count, as_of, TIER_LOOK_AHEAD);
	(void) tier_book(ladders, ladder, work, count, NULL);
	/* nobody goes on from the standing of who bears what others did */
	for (i = 0; i < count; i++)
		wrong[i] |= work[i].rebooked ||
			(!kept[i].from_scratch &&
			 !same_state(&ladder->algo, &kept[i].run.state,
						 &work[i].run.state));
}

/* Lock all members who are active; gives how many. */
static int
lock_members(int64 program, int64 **members)
{
	static CorePlan plan = {
		.sql = "SELECT e.member_id FROM community.engagement AS e"
		" WHERE e.program_id = $1 AND NOT e.closed"
		" ORDER BY e.member_id FOR NO KEY UPDATE",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	MemoryContext context = CurrentMemoryContext;
	Datum		values[1];
	int			count;
	int			i;

	values[0] = Int64GetDatum(program);
	core_run_once(&plan, values, NULL, false);
	count = (int) SPI_processed;
	*members = MemoryContextAllocHuge(context, sizeof(int64) * (count + 1));
	for (i = 0; i < count; i++)
		(*members)[i] = core_int64(i, 1);
	SPI_freetuptable(SPI_tuptable);
	MemoryContextSwitchTo(context);
	return count;
}

/*
 * Derive all standings and tenures by qualification; gives how many members
 * were wrong.  Inside core_enter().
 */
int64
tier_rebuild_standings(int64 program)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "community rebuild",
												  ALLOCSET_DEFAULT_SIZES);
	int64	   *members;
	int			total = lock_members(program, &members);
	TimestampTz as_of = GetCurrentTimestamp();
	int64		result = 0;
	int			from;

	for (from = 0; from < total; from += TIER_MEMBER_BATCH)
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		int			count = Min(TIER_MEMBER_BATCH, total - from);
		bool	   *wrong = palloc0_array(bool, count);
		const TierLadders *ladders;
		int			i;

		CHECK_FOR_INTERRUPTS();
		tier_work_out(program, members + from, count, as_of);
		ladders = tier_ladders(program);
		for (i = 0; i < ladders->count; i++)
			derive(ladders, &ladders->ladders[i], members + from, count,
				   as_of, wrong);
		for (i = 0; i < count; i++)
			result += wrong[i];
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
	}
	MemoryContextDelete(context);
	return result;
}
