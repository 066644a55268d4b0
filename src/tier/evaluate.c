/*-------------------------------------------------------------------------
 *
 * evaluate.c
 *	  tier(), tenures() and what evaluate() does: tiers, worked out.
 *
 * evaluate() writes down what it finds.  The others only look, and find the
 * same, whether it was written down or not.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/rangetypes.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "tier/member.h"
#include "tier/note.h"

PG_FUNCTION_INFO_V1(community_tier);
PG_FUNCTION_INFO_V1(community_tenures);

/* A time that can be looked at: nobody's way is walked for ever. */
TimestampTz
tier_check_time(TimestampTz at, const char *function)
{
	TimestampTz last = GetCurrentTimestamp() +
	(int64) TIER_HORIZON * DAYS_PER_YEAR * USECS_PER_DAY;

	if (TIMESTAMP_NOT_FINITE(at) || at > last)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("time \"%s\" is out of range",
						timestamptz_to_str(at)),
				 errdetail("%s() looks no further ahead than %d years.",
						   function, TIER_HORIZON)));
	return at;
}

/*
 * Work a member out, who is locked, and write that down; gives the ladders on
 * which another tier is held at the time.
 */
void
tier_evaluate(int64 program, int64 member, TimestampTz as_of,
			  Tuplestorestate *store, TupleDesc desc)
{
	int			nbefore;
	int			nafter;
	TierHeld   *before = tier_believed(program, member, as_of, &nbefore);
	TierHeld   *after;
	int			i;

	tier_work_out(program, &member, 1, as_of);
	after = tier_believed(program, member, as_of, &nafter);
	for (i = 0; i < Min(nbefore, nafter); i++)
	{
		Datum		values[3];
		bool		nulls[3] = {false};

		if (tier_same_held(&before[i], &after[i]))
			continue;
		values[0] = CStringGetTextDatum(after[i].ladder);
		nulls[1] = before[i].tier == NULL;
		nulls[2] = after[i].tier == NULL;
		values[1] = nulls[1] ? (Datum) 0 :
			CStringGetTextDatum(before[i].tier);
		values[2] = nulls[2] ? (Datum) 0 : CStringGetTextDatum(after[i].tier);
		tuplestore_putvalues(store, desc, values, nulls);
	}
}

static bool
is_touched(int64 program, int64 member)
{
	static CorePlan plan = {
		.sql = "SELECT EXISTS (SELECT FROM community.standing_touch"
		" WHERE program_id = $1 AND member_id = $2)",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	core_run(&plan, values, NULL, true);
	return core_bool(0, 1);
}

/* The ladder of that name, or an error. */
const TierProgramLadder *
tier_named_ladder(const TierLadders *ladders, Datum name)
{
	const TierProgramLadder *ladder = tier_find_ladder(ladders, name);

	if (ladder == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("program \"%s\" has no published ladder \"%s\"",
						core_program_name(ladders->program),
						TextDatumGetCString(name)),
				 errhint("Publish it with publish_ladder().")));
	return ladder;
}

/* The tier by qualification that a run has come to, or NULL. */
const char *
tier_held_name(const TierRun *run)
{
	const TierState *state = &run->state;

	return state->rank == 0 ? NULL :
		run->ladder->versions[state->version].rungs[state->rank - 1].name;
}

/* Look at a member on a ladder until a time, from wherever is cheapest. */
void
tier_look(const TierLadders *ladders, const TierProgramLadder *ladder,
		  int64 member, TimestampTz as_of, bool from_scratch, int ahead,
		  TierWork *work)
{
	memset(work, 0, sizeof(TierWork));
	work->member = member;
	work->past_only = true;
	from_scratch |= is_touched(ladders->program, member);
	tier_load(ladders, ladder, work, 1, from_scratch);
	if (work->run.state.as_of > as_of)
		tier_load(ladders, ladder, work, 1, true);
	tier_walk(ladders, ladder, work, 1, as_of, ahead);
}

/* The highest tier of other sources at a time; false for none. */
bool
tier_other_sources(int64 program, int64 ladder, int64 member,
				   TimestampTz as_of, char **tier, int *rank)
{
	static CorePlan plan = {
		.sql = "SELECT t.tier, t.rank::bigint FROM community.tenure AS t"
		" WHERE t.program_id = $1 AND t.member_id = $2 AND t.ladder_id = $3"
		" AND t.superseded_at IS NULL AND t.during @> $4"
		" AND t.source NOT IN ('qualified', 'grace')"
		" ORDER BY t.rank DESC LIMIT 1",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID}
	};
	MemoryContext context = CurrentMemoryContext;
	Datum		values[4];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	values[2] = Int64GetDatum(ladder);
	values[3] = TimestampTzGetDatum(as_of);
	core_run(&plan, values, NULL, true);
	MemoryContextSwitchTo(context);
	if (SPI_processed == 0)
		return false;
	*tier = core_text(0, 1);
	*rank = (int) core_int64(0, 2);
	return true;
}

/* Refuse a member whom the program does not know. */
void
tier_check_member(int64 program, int64 member)
{
	bool		closed = false;

	if (!core_member_is_known(program, member, &closed))
		core_refuse_member(program, member, false);
}

/* What was believed at a time about another; NULL for no tier. */
static char *
tier_as_known(int64 program, int64 ladder, int64 member, TimestampTz as_of,
			  TimestampTz known_at)
{
	static CorePlan plan = {
		.sql = "SELECT t.tier FROM community.tenure AS t"
		" WHERE t.program_id = $1 AND t.member_id = $2 AND t.ladder_id = $3"
		" AND t.during @> $4 AND t.recorded_at <= $5"
		" AND (t.superseded_at > $5) IS NOT FALSE"
		" ORDER BY t.rank DESC LIMIT 1",
		.nargs = 5,
		.argtypes = {INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID,
		TIMESTAMPTZOID}
	};
	MemoryContext context = CurrentMemoryContext;
	Datum		values[5];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	values[2] = Int64GetDatum(ladder);
	values[3] = TimestampTzGetDatum(as_of);
	values[4] = TimestampTzGetDatum(known_at);
	tier_check_member(program, member);
	core_run(&plan, values, NULL, true);
	MemoryContextSwitchTo(context);
	return SPI_processed == 0 ? NULL : core_text(0, 1);
}

/* The tier that is held by all that is known, over all sources, or NULL. */
static char *
tier_held(const TierLadders *ladders, const TierProgramLadder *ladder,
		  int64 member, TimestampTz as_of)
{
	TierWork	work;
	const TierState *state = &work.run.state;
	char	   *tier = NULL;
	int			rank = 0;

	tier_look(ladders, ladder, member, as_of, false, 0, &work);
	(void) tier_other_sources(ladders->program, ladder->id, member, as_of,
							  &tier, &rank);
	return state->rank <= rank ? tier :
		pstrdup(tier_held_name(&work.run));
}

/*
 * tier(member, ladder, as_of, known_at, program) -> text; only known_at may
 * be null
 */
Datum
community_tier(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "ladder", "as_of", "known_at",
	"program"};
	MemoryContext caller = CurrentMemoryContext;
	const TierLadders *ladders;
	const TierProgramLadder *ladder;
	CoreScope	scope;
	TimestampTz as_of;
	char	   *tier;

	core_refuse_nulls(fcinfo, "tier", names, 0x08);
	as_of = tier_check_time(PG_GETARG_TIMESTAMPTZ(2), "tier");
	core_enter(&scope);
	ladders = tier_ladders(PG_GETARG_INT64(4));
	ladder = tier_named_ladder(ladders, PG_GETARG_DATUM(1));
	tier = PG_ARGISNULL(3) ?
		tier_held(ladders, ladder, PG_GETARG_INT64(0), as_of) :
		tier_as_known(ladders->program, ladder->id, PG_GETARG_INT64(0), as_of,
					  PG_GETARG_TIMESTAMPTZ(3));
	if (tier != NULL)
		tier = MemoryContextStrdup(caller, tier);
	core_leave(&scope);
	if (tier == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(tier));
}

const char *
tier_reason_name(TierReason reason)
{
	static const char *const names[] = {"promoted", "renewed", "demoted",
	"grace", "recovered", "vetoed", "carried"};

	return names[reason];
}

Datum
tier_range(TimestampTz from, TimestampTz until)
{
	TypeCacheEntry *type = lookup_type_cache(TSTZRANGEOID,
											 TYPECACHE_RANGE_INFO);
	RangeBound	lower = {0};
	RangeBound	upper = {0};

	lower.val = TimestampTzGetDatum(from);
	lower.inclusive = true;
	lower.lower = true;
	upper.val = TimestampTzGetDatum(until);
	upper.infinite = until == TIER_NEVER;
	return RangeTypePGetDatum(core_make_range(type, &lower, &upper));
}

/* tenures(member, ladder, as_of, program) -> set, by qualification alone */
Datum
community_tenures(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "ladder", "as_of",
	"program"};
	TupleDesc	desc;
	Tuplestorestate *store;
	const TierLadders *ladders;
	const TierProgramLadder *ladder;
	CoreScope	scope;
	TierWork	work;
	int			i;

	core_refuse_nulls(fcinfo, "tenures", names, 0);
	store = core_begin_rows(fcinfo, &desc);
	core_enter(&scope);
	ladders = tier_ladders(PG_GETARG_INT64(3));
	ladder = tier_named_ladder(ladders, PG_GETARG_DATUM(1));
	tier_look(ladders, ladder, PG_GETARG_INT64(0),
			  tier_check_time(PG_GETARG_TIMESTAMPTZ(2), "tenures"), true, 0,
			  &work);
	for (i = 0; i < work.run.nspans; i++)
	{
		const TierSpan *span = &work.run.spans[i];
		const TierVersion *version = &work.algo.versions[span->version];
		Datum		values[7];
		bool		nulls[7] = {false};

		values[0] = CStringGetTextDatum(version->rungs[span->rank - 1].name);
		values[1] = Int32GetDatum(span->rank);
		values[2] = CStringGetTextDatum(span->grace ? "grace" : "qualified");
		values[3] = tier_range(span->from, span->until);
		values[4] = TimestampTzGetDatum(span->ends);
		nulls[4] = span->ends == TIER_NEVER;
		values[5] = Int64GetDatum(version->id);
		values[6] = CStringGetTextDatum(tier_reason_name(span->reason));
		tuplestore_putvalues(store, desc, values, nulls);
	}
	core_leave(&scope);
	return (Datum) 0;
}
