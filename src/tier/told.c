/*-------------------------------------------------------------------------
 *
 * told.c
 *	  What a call changed of the tiers of a member: what receipts tell, and
 *	  what evaluate() gives.
 *
 * The tiers are those that are booked for now, over all sources, before and
 * after.  Before is asked only once it is known that something will change,
 * so most events cost nothing.  What was told is kept by event, so that the
 * receipt of a replay is the first one, whatever has happened since.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "tier/note.h"

/* What is believed to be held at a time, on all ladders. */
TierHeld *
tier_believed(int64 program, int64 member, TimestampTz as_of, int *count)
{
	static CorePlan plan = {
		.sql = "SELECT l.name, t.tier, t.rank::bigint, t.reason,"
		" coalesce(lower(t.during), (SELECT max(upper(x.during))"
		"  FROM community.tenure AS x WHERE x.program_id = $1"
		"  AND x.member_id = $2 AND x.ladder_id = l.ladder_id"
		"  AND x.superseded_at IS NULL AND upper(x.during) <= $3))"
		" FROM community.ladder AS l LEFT JOIN LATERAL ("
		"  SELECT t.tier, t.rank, t.reason, t.during"
		"  FROM community.tenure AS t"
		"  WHERE t.program_id = $1 AND t.member_id = $2"
		"  AND t.ladder_id = l.ladder_id AND t.superseded_at IS NULL"
		"  AND t.during @> $3"
		"  ORDER BY t.rank DESC, upper(t.during) DESC, t.tenure_id LIMIT 1)"
		" AS t ON true"
		" WHERE l.program_id = $1 ORDER BY l.ladder_id",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID}
	};
	MemoryContext context = CurrentMemoryContext;
	Datum		values[3];
	TierHeld   *held;
	int			i;

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	values[2] = TimestampTzGetDatum(as_of);
	core_run(&plan, values, NULL, false);
	MemoryContextSwitchTo(context);
	*count = SPI_processed;
	held = palloc_array(TierHeld, SPI_processed + 1);
	for (i = 0; i < *count; i++)
	{
		bool		isnull;

		held[i].ladder = core_text(i, 1);
		held[i].tier = core_text(i, 2);
		held[i].rank = held[i].tier == NULL ? 0 : (int) core_int64(i, 3);
		held[i].reason = core_text(i, 4);
		held[i].at = DatumGetTimestampTz(core_field(i, 5, &isnull));
		if (isnull)
			held[i].at = DT_NOBEGIN;
	}
	return held;
}

bool
tier_same_held(const TierHeld *a, const TierHeld *b)
{
	return a->rank == b->rank &&
		(a->tier == NULL || strcmp(a->tier, b->tier) == 0);
}

/* Something is about to change: what is held before it does? */
void
tier_ask_before(TierTold *told)
{
	MemoryContext old;

	if (told == NULL || told->before != NULL)
		return;
	old = MemoryContextSwitchTo(told->context);
	told->before = tier_believed(told->program, told->member, told->at,
								 &told->nbefore);
	MemoryContextSwitchTo(old);
}

/* Keep what has changed. */
static void
keep_changes(const TierTold *told, const TierHeld *after, const int *which,
			 int count)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.tier_change (program_id, event_id,"
		" ladder, from_tier, to_tier, reason, at)"
		" SELECT $1, $2, u.ladder, u.from_tier, u.to_tier, u.reason,"
		" nullif(u.at, '-infinity')"
		" FROM unnest($3, $4, $5, $6, $7)"
		" AS u (ladder, from_tier, to_tier, reason, at)",
		.nargs = 7,
		.argtypes = {INT8OID, INT8OID, TEXTARRAYOID, TEXTARRAYOID,
		TEXTARRAYOID, TEXTARRAYOID, TIMESTAMPTZARRAYOID}
	};
	ArrayBuildState *columns[5] = {NULL};
	Datum		values[7];
	int			i;
	int			j;

	for (i = 0; i < count; i++)
	{
		const TierHeld *now = &after[which[i]];
		const char *cells[4];

		cells[0] = now->ladder;
		cells[1] = told->before[which[i]].tier;
		cells[2] = now->tier;
		/* who turns out never to have held a tier was not demoted */
		cells[3] = now->tier != NULL ? now->reason :
			now->at != DT_NOBEGIN ? "demoted" : "corrected";
		for (j = 0; j < 4; j++)
			columns[j] = accumArrayResult(columns[j], cells[j] == NULL ?
										  (Datum) 0 :
										  CStringGetTextDatum(cells[j]),
										  cells[j] == NULL, TEXTOID,
										  CurrentMemoryContext);
		columns[4] = accumArrayResult(columns[4],
									  TimestampTzGetDatum(now->at), false,
									  TIMESTAMPTZOID, CurrentMemoryContext);
	}
	values[0] = Int64GetDatum(told->program);
	values[1] = Int64GetDatum(told->event_id);
	for (j = 0; j < 5; j++)
		values[2 + j] = makeArrayResult(columns[j], CurrentMemoryContext);
	core_run(&plan, values, NULL, false);
}

/*
 * Everything is booked: tell what has changed, as a JSON array; NULL where
 * nothing has.
 */
char *
tier_tell(const TierTold *told)
{
	TierHeld   *after;
	int		   *which;
	int			nafter;
	int			count = 0;
	int			i;

	if (told->before == NULL)
		return NULL;
	after = tier_believed(told->program, told->member, told->at, &nafter);
	which = palloc_array(int, nafter + 1);
	for (i = 0; i < Min(told->nbefore, nafter); i++)
		if (!tier_same_held(&told->before[i], &after[i]))
			which[count++] = i;
	if (count == 0)
		return NULL;
	keep_changes(told, after, which, count);
	return tier_changes_of_event(told->program, told->event_id);
}

/* What the receipt of an event told; NULL for nothing. */
char *
tier_changes_of_event(int64 program, int64 event_id)
{
	/* in UTC, so that the text is the same in every session */
	static CorePlan plan = {
		.sql = "SELECT jsonb_agg(jsonb_build_object('ladder', c.ladder,"
		" 'from', c.from_tier, 'to', c.to_tier, 'reason', c.reason,"
		" 'at', to_char(c.at AT TIME ZONE 'UTC',"
		"  'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')) ORDER BY c.ladder)::text"
		" FROM community.tier_change AS c"
		" WHERE c.program_id = $1 AND c.event_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	MemoryContext context = CurrentMemoryContext;
	Datum		values[2];

	if (tier_ladders(program)->count == 0)
		return NULL;
	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(event_id);
	core_run(&plan, values, NULL, false);
	MemoryContextSwitchTo(context);
	return core_text(0, 1);
}
