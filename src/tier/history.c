/*-------------------------------------------------------------------------
 *
 * history.c
 *	  tier_history(): which tiers a member has held, by what is known now or
 *	  by what was known then.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "tier/member.h"
#include "tier/tier.h"

PG_FUNCTION_INFO_V1(community_tier_history);

#define HISTORY_COLUMNS		9

typedef struct Held
{
	int64		ladder_id;
	const char *ladder;
	const char *tier;
	int			rank;
	const char *source;
	TimestampTz from;
	TimestampTz until;
	TimestampTz ends;
	const char *reason;
	TimestampTz recorded_at;	/* TIER_PAST for not yet */
	TimestampTz superseded_at;	/* TIER_NEVER for not yet */
	bool		qualified;
	bool		told;
} Held;

typedef struct History
{
	const TierLadders *ladders;
	int			count;
	int			max;
	Held	   *held;
} History;

static Held *
add_held(History *history)
{
	if (history->count == history->max)
	{
		history->max = Max(16, history->max * 2);
		history->held = history->held == NULL ?
			palloc_array(Held, history->max) :
			repalloc_huge(history->held, sizeof(Held) * history->max);
	}
	memset(&history->held[history->count], 0, sizeof(Held));
	return &history->held[history->count++];
}

/* A ladder goes by the name under which it was published last. */
static const char *
ladder_name(const TierLadders *ladders, int64 id, const char *otherwise)
{
	int			i;

	for (i = 0; i < ladders->count; i++)
		if (ladders->ladders[i].id == id)
			return ladders->ladders[i].name;
	return otherwise;
}

/* What the rows say that is, or was, believed. */
static void
read_held(History *history, int64 member, const TierProgramLadder *ladder,
		  bool has_known_at, TimestampTz known_at)
{
	static CorePlan plan = {
		.sql = "SELECT t.ladder_id, l.name, t.tier, t.rank::bigint,"
		" t.source, lower(t.during), coalesce(upper(t.during), 'infinity'),"
		" coalesce(t.ends_at, 'infinity'), t.reason, t.recorded_at,"
		" coalesce(t.superseded_at, 'infinity'),"
		" t.source IN ('qualified', 'grace')"
		" FROM community.tenure AS t JOIN community.ladder AS l"
		"  ON l.program_id = t.program_id AND l.ladder_id = t.ladder_id"
		" WHERE t.program_id = $1 AND t.member_id = $2"
		" AND ($3 IS NULL OR t.ladder_id = $3)"
		" AND CASE WHEN $4 IS NULL THEN t.superseded_at IS NULL"
		"  ELSE t.recorded_at <= $4"
		"   AND (t.superseded_at > $4) IS NOT FALSE END",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID}
	};
	MemoryContext context = CurrentMemoryContext;
	Datum		values[4];
	char		nulls[5] = "    ";
	int			i;

	values[0] = Int64GetDatum(history->ladders->program);
	values[1] = Int64GetDatum(member);
	values[2] = Int64GetDatum(ladder == NULL ? 0 : ladder->id);
	values[3] = TimestampTzGetDatum(known_at);
	nulls[2] = ladder == NULL ? 'n' : ' ';
	nulls[3] = has_known_at ? ' ' : 'n';
	core_run(&plan, values, nulls, true);
	MemoryContextSwitchTo(context);
	for (i = 0; i < (int) SPI_processed; i++)
	{
		Held	   *held = add_held(history);
		bool		isnull;

		held->ladder_id = core_int64(i, 1);
		held->ladder = ladder_name(history->ladders, held->ladder_id,
								   core_text(i, 2));
		held->tier = core_text(i, 3);
		held->rank = (int) core_int64(i, 4);
		held->source = core_text(i, 5);
		held->from = DatumGetTimestampTz(core_field(i, 6, &isnull));
		held->until = DatumGetTimestampTz(core_field(i, 7, &isnull));
		held->ends = DatumGetTimestampTz(core_field(i, 8, &isnull));
		held->reason = core_text(i, 9);
		held->recorded_at = DatumGetTimestampTz(core_field(i, 10, &isnull));
		held->superseded_at = DatumGetTimestampTz(core_field(i, 11, &isnull));
		held->qualified = core_bool(i, 12);
		held->told = !held->qualified || has_known_at;
	}
}

/* The row that says of a tenure what was worked out, among the first ones. */
static Held *
find_held(const History *history, int count, const Held *wanted)
{
	int			i;

	for (i = 0; i < count; i++)
	{
		Held	   *held = &history->held[i];

		if (held->qualified && held->ladder_id == wanted->ladder_id &&
			held->from == wanted->from && held->until == wanted->until &&
			held->ends == wanted->ends &&
			strcmp(held->tier, wanted->tier) == 0 &&
			strcmp(held->source, wanted->source) == 0 &&
			strcmp(held->reason, wanted->reason) == 0)
			return held;
	}
	return NULL;
}

/* What was qualified for on a ladder, written down or not. */
static void
work_out(History *history, int64 member, const TierProgramLadder *ladder)
{
	int			count = history->count;
	TierWork	work;
	int			i;

	tier_look(history->ladders, ladder, member, GetCurrentTimestamp(), true,
			  0, &work);
	for (i = 0; i < work.run.nspans; i++)
	{
		const TierSpan *span = &work.run.spans[i];
		const TierVersion *version = &work.algo.versions[span->version];
		Held		held = {0};
		Held	   *found;

		held.ladder_id = ladder->id;
		held.ladder = ladder->name;
		held.tier = version->rungs[span->rank - 1].name;
		held.rank = span->rank;
		held.source = span->grace ? "grace" : "qualified";
		held.from = span->from;
		held.until = span->until;
		held.ends = span->ends;
		held.reason = tier_reason_name(span->reason);
		held.recorded_at = TIER_PAST;
		held.superseded_at = TIER_NEVER;
		held.told = true;
		found = find_held(history, count, &held);
		if (found != NULL)
			held.recorded_at = found->recorded_at;
		*add_held(history) = held;
	}
}

static int
compare_held(const void *a, const void *b)
{
	const Held *x = (const Held *) a;
	const Held *y = (const Held *) b;

	if (x->ladder_id != y->ladder_id)
		return x->ladder_id < y->ladder_id ? -1 : 1;
	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank - y->rank;
	return strcmp(x->source, y->source);
}

static void
put_held(Tuplestorestate *store, TupleDesc desc, const Held *held)
{
	Datum		values[HISTORY_COLUMNS];
	bool		nulls[HISTORY_COLUMNS] = {false};

	values[0] = CStringGetTextDatum(held->ladder);
	values[1] = CStringGetTextDatum(held->tier);
	values[2] = Int32GetDatum(held->rank);
	values[3] = CStringGetTextDatum(held->source);
	values[4] = tier_range(held->from, held->until);
	values[5] = TimestampTzGetDatum(held->ends);
	nulls[5] = held->ends == TIER_NEVER;
	values[6] = CStringGetTextDatum(held->reason);
	values[7] = TimestampTzGetDatum(held->recorded_at);
	nulls[7] = held->recorded_at == TIER_PAST;
	values[8] = TimestampTzGetDatum(held->superseded_at);
	nulls[8] = held->superseded_at == TIER_NEVER;
	tuplestore_putvalues(store, desc, values, nulls);
}

/*
 * tier_history(member, ladder, known_at, program) -> set; no ladder is all of
 * them, no known_at what is known now
 */
Datum
community_tier_history(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "ladder", "known_at", "program"};
	History		history = {0};
	const TierProgramLadder *ladder = NULL;
	Tuplestorestate *store;
	TupleDesc	desc;
	CoreScope	scope;
	int64		member;
	int			i;

	core_refuse_nulls(fcinfo, "tier_history", names, 0x06);
	member = PG_GETARG_INT64(0);
	store = core_begin_rows(fcinfo, &desc);
	core_enter(&scope);
	history.ladders = tier_ladders(PG_GETARG_INT64(3));
	if (!PG_ARGISNULL(1))
		ladder = tier_named_ladder(history.ladders, PG_GETARG_DATUM(1));
	tier_check_member(history.ladders->program, member);
	read_held(&history, member, ladder, !PG_ARGISNULL(2),
			  PG_ARGISNULL(2) ? 0 : PG_GETARG_TIMESTAMPTZ(2));
	if (PG_ARGISNULL(2))
		for (i = 0; i < history.ladders->count; i++)
			if (ladder == NULL || ladder == &history.ladders->ladders[i])
				work_out(&history, member, &history.ladders->ladders[i]);
	if (history.count > 0)
		qsort(history.held, history.count, sizeof(Held), compare_held);
	for (i = 0; i < history.count; i++)
		if (history.held[i].told)
			put_held(store, desc, &history.held[i]);
	core_leave(&scope);
	return (Datum) 0;
}
