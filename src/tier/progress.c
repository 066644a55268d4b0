/*-------------------------------------------------------------------------
 *
 * progress.c
 *	  progress() and projected_tier(): what is missing, and what time alone
 *	  will do to a member.
 *
 * The machine that works tenures out walks on into the future, with what will
 * fall out of periods and nothing else, so the answers are those that reviews
 * will come to if nothing more happens.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "tier/member.h"
#include "tier/tier.h"

PG_FUNCTION_INFO_V1(community_progress);
PG_FUNCTION_INFO_V1(community_projected_tier);

#define PROGRESS_COLUMNS	11

/* A way walked on, tenure by tenure, with nothing more happening. */
typedef struct Ahead
{
	TierRun		run;
	const TierChange *changes;
	int			nchanges;
	TimestampTz until;
} Ahead;

static void
begin_ahead(const TierLadders *ladders, const TierWork *work, Ahead *ahead)
{
	Interval	horizon = {0, 0, TIER_HORIZON * MONTHS_PER_YEAR};
	int			count = work->algo.ngauges;
	TierState  *state = &ahead->run.state;

	ahead->run = work->run;
	state->amounts = palloc_array(int64, count + 1);
	state->scores = palloc_array(double, count + 1);
	memcpy(state->amounts, work->run.state.amounts, count * sizeof(int64));
	memcpy(state->scores, work->run.state.scores, count * sizeof(double));
	ahead->run.spans = NULL;
	ahead->run.maxspans = 0;
	ahead->run.stops = true;
	ahead->changes = work->changes + work->nchanges;
	ahead->nchanges = work->nahead;
	ahead->until = period_add_interval(state->as_of, &horizon, ladders->zone);
}

/* Walk on until a tenure begins or ends; false when none does in our time. */
static bool
walk_ahead(Ahead *ahead)
{
	TierRun    *run = &ahead->run;

	CHECK_FOR_INTERRUPTS();
	run->nspans = 0;
	run->first_until = TIER_NEVER;
	tier_run(run, ahead->changes, ahead->nchanges, ahead->until);
	while (ahead->nchanges > 0 && ahead->changes->at <= run->state.as_of)
	{
		ahead->changes++;
		ahead->nchanges--;
	}
	return run->nspans > 0 || run->first_until != TIER_NEVER;
}

/* Will every further term be renewed like the last one? */
static bool
is_settled(const Ahead *ahead)
{
	const TierRun *run = &ahead->run;
	const TierLadder *ladder = run->ladder;
	const TierState *state = &run->state;
	TimestampTz at = state->as_of;
	int			i;

	if (run->nspans == 0 ||
		run->spans[run->nspans - 1].reason != TIER_RENEWED ||
		ahead->nchanges > 0 ||
		ladder->versions[ladder->nversions - 1].from > at)
		return false;
	for (i = 0; i < ladder->ngauges; i++)
		if (ladder->gauges[i].scale == TIER_DECAYED &&
			state->scores[i] != 0)
			return false;
	for (i = 0; i < run->nrulings; i++)
		if (run->rulings[i].from > at || (run->rulings[i].until > at &&
										  run->rulings[i].until != TIER_NEVER))
			return false;
	/* the past was judged; since then the last may have fallen out */
	return tier_meets(ladder, state,
					  &ladder->versions[state->version].rungs[state->rank - 1],
					  true, at);
}

/* Rank of the tier of that name in the version that applies, or 0. */
static int
rank_of(const TierRun *run, const char *tier)
{
	const TierVersion *version = &run->ladder->versions[run->state.version];
	int			i;

	for (i = 0; i < version->nrungs; i++)
		if (strcmp(version->rungs[i].name, tier) == 0)
			return i + 1;
	return 0;
}

/*
 * When neither the tier that is held nor a higher one will be held any more,
 * if nothing more happens.
 */
static TimestampTz
tier_loses_at(const TierLadders *ladders, const TierWork *work)
{
	const char *tier = tier_held_name(&work->run);
	int			rank = work->run.state.rank;
	Ahead		ahead;

	if (rank == 0)
		return TIER_NEVER;
	begin_ahead(ladders, work, &ahead);
	while (walk_ahead(&ahead))
	{
		const TierState *state = &ahead.run.state;
		int			now = state->rank == 0 ? 0 : rank_of(&ahead.run, tier);

		/* where the tier is no more, only a higher one is as good */
		if (state->rank == 0 || (now > 0 ? state->rank < now :
								 state->rank <= rank))
			return state->as_of;
		if (now > 0)
			rank = now;
		if (is_settled(&ahead))
			break;
	}
	return TIER_NEVER;
}

/* When one requirement will no longer do its part in keeping the tier. */
static TimestampTz
requirement_falls_at(const TierWork *work, const TierRequirement *need)
{
	const TierChange *change = work->changes + work->nchanges;
	const TierChange *end = change + work->nahead;
	TierState	state = work->run.state;
	int64		amount = state.amounts[need->gauge];

	if (work->algo.gauges[need->gauge].scale == TIER_DECAYED)
		return tier_falls_below_at(&work->run, need);
	if (work->algo.gauges[need->gauge].scale != TIER_WHOLE ||
		!tier_requirement_is_met(&work->algo, &state, need, true,
								 state.as_of))
		return TIER_NEVER;
	state.amounts = palloc_array(int64, work->algo.ngauges + 1);
	for (; change < end; change++)
	{
		if (change->gauge != need->gauge)
			continue;
		amount = change->act == TIER_SET ? change->amount :
			tier_add_amounts(amount, change->amount);
		state.amounts[need->gauge] = amount;
		/* all that falls out at a time falls out at once */
		if (!tier_requirement_is_met(&work->algo, &state, need, true,
									 change->at) &&
			(change + 1 == end || change[1].at != change->at ||
			 change[1].gauge != change->gauge))
			return change->at;
	}
	return TIER_NEVER;
}

static Datum
whole_number(int64 value)
{
	return NumericGetDatum(int64_to_numeric(value));
}

static Datum
fraction(double value)
{
	return DirectFunctionCall1(float8_numeric, Float8GetDatum(value));
}

/* Whole days since the member joined. */
static int64
days_of_membership(const TierLadders *ladders, TimestampTz joined_at,
				   TimestampTz at)
{
	Interval	length = {0};

	if (at < joined_at)
		return 0;
	length.day = (int32) ((at - joined_at) / USECS_PER_DAY + 1);
	while (period_add_interval(joined_at, &length, ladders->zone) > at)
		length.day--;
	return length.day;
}

/* The value of a gauge at as_of, or at a later time before anything more. */
Datum
tier_reading(const TierLadders *ladders, const TierMeter *meter,
			 const TierWork *work, int gauge, TimestampTz at)
{
	if (work->algo.gauges[gauge].scale != TIER_WHOLE)
		return fraction(tier_score_at(&work->algo, &work->run.state, gauge,
									  at));
	/* of days of membership the machine knows only those that matter */
	return whole_number(meter->kind == TIER_MEMBERSHIP_DAYS ?
						days_of_membership(ladders, work->joined_at, at) :
						work->run.state.amounts[gauge]);
}

/* What attains or keeps a tier, as the machine judges it. */
Datum
tier_bar(const TierLadder *ladder, const TierRequirement *need, bool keep)
{
	if (ladder->gauges[need->gauge].scale != TIER_WHOLE)
		return fraction(keep ? need->keep_score : need->attain_score);
	return whole_number(keep ? need->keep : need->attain);
}

/* A row for a requirement of a tier, or for one that has none. */
static void
put_requirement(Tuplestorestate *store, TupleDesc desc,
				const TierLadders *ladders, const TierProgramLadder *ladder,
				const TierWork *work, int rank, int n, TimestampTz loses_at)
{
	const TierState *state = &work->run.state;
	const TierRung *rung =
	&work->algo.versions[state->version].rungs[rank - 1];
	bool		keep = rank == state->rank;
	Datum		values[PROGRESS_COLUMNS];
	bool		nulls[PROGRESS_COLUMNS] = {false};

	values[0] = CStringGetTextDatum(rung->name);
	values[1] = CStringGetTextDatum(keep ? "keep" : "attain");
	values[8] = TimestampTzGetDatum(loses_at);
	nulls[8] = loses_at == TIER_NEVER;
	if (n == rung->nrequirements)
	{
		memset(nulls + 2, true, 6);
		nulls[9] = nulls[10] = true;
	}
	else
	{
		const TierRequirement *need = &rung->requirements[n];
		const TierMeter *meter = &ladder->meters[need->gauge];
		TimestampTz falls_at = keep ? requirement_falls_at(work, need) :
		TIER_NEVER;
		Datum		missing;

		values[2] = Int32GetDatum(n + 1);
		values[3] = CStringGetTextDatum(meter->name);
		values[4] = CStringGetTextDatum(period_text(&meter->period));
		values[5] = tier_reading(ladders, meter, work, need->gauge,
								 state->as_of);
		values[6] = tier_bar(&work->algo, need, keep);
		missing = need->at_most ?
			DirectFunctionCall2(numeric_sub, values[5], values[6]) :
			DirectFunctionCall2(numeric_sub, values[6], values[5]);
		values[7] = DirectFunctionCall2(numeric_larger, missing,
										whole_number(0));
		values[9] = TimestampTzGetDatum(falls_at);
		nulls[9] = falls_at == TIER_NEVER;
		values[10] = BoolGetDatum(need->at_most);
	}
	tuplestore_putvalues(store, desc, values, nulls);
}

/* progress(member, ladder, as_of, program) -> set */
Datum
community_progress(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "ladder", "as_of",
	"program"};
	TupleDesc	desc;
	Tuplestorestate *store;
	const TierLadders *ladders;
	const TierProgramLadder *ladder;
	const TierState *state;
	CoreScope	scope;
	TierWork	work;
	TimestampTz as_of;
	TimestampTz loses_at;
	int			rank;
	int			n;

	core_refuse_nulls(fcinfo, "progress", names, 0);
	as_of = tier_check_time(PG_GETARG_TIMESTAMPTZ(2), "progress");
	store = core_begin_rows(fcinfo, &desc);
	core_enter(&scope);
	ladders = tier_ladders(PG_GETARG_INT64(3));
	ladder = tier_named_ladder(ladders, PG_GETARG_DATUM(1));
	tier_look(ladders, ladder, PG_GETARG_INT64(0), as_of, false, INT_MAX,
			  &work);
	state = &work.run.state;
	loses_at = tier_loses_at(ladders, &work);
	for (rank = Max(state->rank, 1); state->version >= 0 &&
		 rank <= work.algo.versions[state->version].nrungs; rank++)
	{
		const TierRung *rung =
		&work.algo.versions[state->version].rungs[rank - 1];

		if (rank > state->rank && !tier_is_open(&work.run, rank, as_of))
			continue;
		for (n = 0; n < Max(rung->nrequirements, 1); n++)
			put_requirement(store, desc, ladders, ladder, &work, rank, n,
							rank == state->rank ? loses_at : TIER_NEVER);
	}
	core_leave(&scope);
	return (Datum) 0;
}

/*
 * Walk to the end of the running term or grace, or to that of a lock in which
 * it ends; NEVER where there is none.
 */
static TimestampTz
walk_to_end(const TierLadders *ladders, const TierWork *work, TierRun *run)
{
	Ahead		ahead;
	TimestampTz ends = work->run.state.ends;
	bool		moves = true;

	*run = work->run;
	if (work->run.state.rank == 0 || ends == TIER_NEVER)
		return TIER_NEVER;
	begin_ahead(ladders, work, &ahead);
	while (moves && (ahead.run.state.as_of < ends ||
					 (ahead.run.state.rank > 0 &&
					  ahead.run.state.ends <= ahead.run.state.as_of)))
	{
		TimestampTz horizon = ahead.until;

		/* no further than the end, unless a lock puts that off */
		if (ahead.run.state.as_of < ends)
			ahead.until = Min(ends, horizon);
		moves = walk_ahead(&ahead) || ahead.until < horizon;
		ahead.until = horizon;
	}
	*run = ahead.run;
	return moves ? run->state.as_of : TIER_NEVER;
}

/* projected_tier(member, ladder, as_of, program) -> (tier, at) */
Datum
community_projected_tier(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "ladder", "as_of",
	"program"};
	MemoryContext caller = CurrentMemoryContext;
	const TierLadders *ladders;
	const TierProgramLadder *ladder;
	CoreScope	scope;
	TierWork	work;
	TierRun		run;
	TimestampTz as_of;
	TimestampTz at;
	TupleDesc	desc;
	char	   *tier = NULL;
	int			rank = 0;
	Datum		values[2] = {0};
	bool		nulls[2] = {false};

	core_refuse_nulls(fcinfo, "projected_tier", names, 0);
	as_of = tier_check_time(PG_GETARG_TIMESTAMPTZ(2), "projected_tier");
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	core_enter(&scope);
	ladders = tier_ladders(PG_GETARG_INT64(3));
	ladder = tier_named_ladder(ladders, PG_GETARG_DATUM(1));
	tier_look(ladders, ladder, PG_GETARG_INT64(0), as_of, false, INT_MAX,
			  &work);
	at = walk_to_end(ladders, &work, &run);
	(void) tier_other_sources(ladders->program, ladder->id,
							  PG_GETARG_INT64(0),
							  at == TIER_NEVER ? as_of : at, &tier, &rank);
	if (run.state.rank > rank)
		tier = MemoryContextStrdup(caller, tier_held_name(&run));
	else if (tier != NULL)
		tier = MemoryContextStrdup(caller, tier);
	core_leave(&scope);
	nulls[0] = tier == NULL;
	if (tier != NULL)
		values[0] = CStringGetTextDatum(tier);
	nulls[1] = at == TIER_NEVER;
	values[1] = TimestampTzGetDatum(at);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc),
													  values, nulls)));
}
