/*-------------------------------------------------------------------------
 *
 * explain.c
 *	  explain_tier(): by what a member holds a tier.
 *
 * The member is worked out once more until the tenure began, so what is told
 * is what was judged: the requirements of the version that decided, and the
 * events that counted then, by all that is known now.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "tier/member.h"
#include "tier/tier.h"

PG_FUNCTION_INFO_V1(community_explain_tier);

enum
{
	EXPLAIN_TIER, EXPLAIN_RANK, EXPLAIN_SOURCE, EXPLAIN_DURING,
	EXPLAIN_ENDS_AT, EXPLAIN_REASON, EXPLAIN_KEY, EXPLAIN_VERSION,
	EXPLAIN_PUBLISHED_AT, EXPLAIN_REQUIREMENT, EXPLAIN_MEASURE,
	EXPLAIN_PERIOD, EXPLAIN_NEED, EXPLAIN_HAD, EXPLAIN_MET, EXPLAIN_EVENT,
	EXPLAIN_OCCURRED_AT, EXPLAIN_AMOUNT, EXPLAIN_AT_MOST, EXPLAIN_COLUMNS
};

/* A row, filled from the left. */
typedef struct Explanation
{
	const TierLadders *ladders;
	const TierProgramLadder *ladder;
	Tuplestorestate *store;
	TupleDesc	desc;
	Datum		values[EXPLAIN_COLUMNS];
	bool		nulls[EXPLAIN_COLUMNS];
} Explanation;

static void
tell(Explanation *row, int column, Datum value)
{
	row->values[column] = value;
	row->nulls[column] = false;
}

static void
put(Explanation *row)
{
	tuplestore_putvalues(row->store, row->desc, row->values, row->nulls);
}

/* The last argument of either is not used by it. */
#define READ_EVENTS(relation) \
	"SELECT c.event_id, c.occurred_at, c.amount, c.engagement" \
	" FROM " relation " AS c" \
	" WHERE c.program_id = $1 AND c.member_id = $2" \
	" AND c.occurred_at > $3 AND c.occurred_at <= $4" \
	" AND ($5 IS NULL OR c.type = ANY ($5))" \
	" AND ($6 IS NULL OR c.payload @> $6) AND $7 IS NOT NULL" \
	" ORDER BY c.occurred_at, c.event_id"

static CorePlan read_events = {
	.sql = READ_EVENTS("community.counted_event"),
	.nargs = 7,
	.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID,
	TEXTARRAYOID, JSONBOID, INT8OID}
};
static CorePlan read_received = {
	.sql = READ_EVENTS(TIER_RECEIVED_EVENTS),
	.nargs = 7,
	.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID,
	TEXTARRAYOID, JSONBOID, INT8OID}
};
static CorePlan read_points = {
	.sql = "SELECT c.event_id, c.effective_at, " TIER_NET_POINTS ","
	" 0::double precision FROM community.entry AS c"
	" WHERE c.program_id = $1 AND c.member_id = $2"
	" AND c.effective_at > $3 AND c.effective_at <= $4"
	" AND c.currency_id = $7 AND c.kind = 'accrue'"
	" AND $5 IS NULL AND $6 IS NULL"
	" ORDER BY c.effective_at, c.entry_id",
	.nargs = 7,
	.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID,
	TEXTARRAYOID, JSONBOID, INT8OID}
};

static CorePlan read_referrals = {
	.sql = "SELECT c.event_id, c.qualified_at, 1::bigint, 0::double precision"
	" FROM community.qualified_referral AS c"
	" WHERE c.program_id = $1 AND c.member_id = $2"
	" AND c.qualified_at > $3 AND c.qualified_at <= $4"
	" AND $5 IS NULL AND $6 IS NULL AND $7 IS NOT NULL"
	" ORDER BY c.qualified_at, c.given_id",
	.nargs = 7,
	.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID,
	TEXTARRAYOID, JSONBOID, INT8OID}
};

/* What counted for a gauge at a time; false where no events do. */
static bool
find_events(const TierLadders *ladders, const TierMeter *meter,
			const TierWork *work, TimestampTz at)
{
	MemoryContext context = CurrentMemoryContext;
	TimestampTz from;
	TimestampTz to;
	Datum		values[7];
	char		nulls[8] = "       ";

	if (meter->kind == TIER_MEMBERSHIP_DAYS || meter->kind == TIER_FUNCTION)
		return false;
	tier_window(ladders, meter, work->joined_at, at, &from, &to);
	if (meter->period.kind != PERIOD_ROLLING && !TIMESTAMP_NOT_FINITE(from))
		from--;
	values[0] = Int64GetDatum(ladders->program);
	values[1] = Int64GetDatum(work->member);
	values[2] = TimestampTzGetDatum(from);
	values[3] = TimestampTzGetDatum(at);
	values[4] = PointerGetDatum(meter->types);
	values[5] = PointerGetDatum(meter->filter);
	values[6] = Int64GetDatum(meter->currency_id);
	nulls[4] = meter->types == NULL ? 'n' : ' ';
	nulls[5] = meter->filter == NULL ? 'n' : ' ';
	core_run(meter->kind == TIER_POINTS ? &read_points :
			 meter->kind == TIER_QUALIFIED_REFERRALS ? &read_referrals :
			 meter->received ? &read_received : &read_events,
			 values, nulls, true);
	MemoryContextSwitchTo(context);
	return SPI_processed > 0;
}

/* A row for each event that counted, or one without. */
static void
put_events(Explanation *row, const TierMeter *meter, const TierWork *work,
		   TimestampTz at)
{
	uint64		i;

	if (!find_events(row->ladders, meter, work, at))
	{
		put(row);
		return;
	}
	for (i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		Datum		event = core_field(i, 1, &row->nulls[EXPLAIN_EVENT]);
		TimestampTz then = DatumGetTimestampTz(core_field(i, 2, &isnull));
		double		score = DatumGetFloat8(core_field(i, 4, &isnull));

		row->values[EXPLAIN_EVENT] = event;
		tell(row, EXPLAIN_OCCURRED_AT, TimestampTzGetDatum(then));
		if (meter->kind == TIER_ENGAGEMENT)
		{
			score *= exp2((double) (then - at) / row->ladders->half_life);
			tell(row, EXPLAIN_AMOUNT,
				 DirectFunctionCall1(float8_numeric, Float8GetDatum(score)));
		}
		else
			tell(row, EXPLAIN_AMOUNT,
				 NumericGetDatum(int64_to_numeric(core_int64(i, 3))));
		put(row);
	}
	memset(row->nulls + EXPLAIN_EVENT, true,
		   EXPLAIN_AMOUNT + 1 - EXPLAIN_EVENT);
}

static void
put_requirement(Explanation *row, const TierWork *work, const TierSpan *span,
				int n, TimestampTz at)
{
	const TierRung *rung =
	&work->algo.versions[span->judged].rungs[span->judged_rank - 1];
	TierRequirement *need = &rung->requirements[n];
	const TierMeter *meter = &row->ladder->meters[need->gauge];
	TierRung	alone = *rung;
	bool		keep = span->reason != TIER_PROMOTED;

	if (work->algo.gauges[need->gauge].scale == TIER_DECAYED)
		at = span->from;
	alone.needs = alone.nrequirements = 1;
	alone.requirements = need;
	tell(row, EXPLAIN_REQUIREMENT, Int32GetDatum(n + 1));
	tell(row, EXPLAIN_MEASURE, CStringGetTextDatum(meter->name));
	tell(row, EXPLAIN_PERIOD,
		 CStringGetTextDatum(period_text(&meter->period)));
	tell(row, EXPLAIN_AT_MOST, BoolGetDatum(need->at_most));
	tell(row, EXPLAIN_NEED, tier_bar(&work->algo, need, keep));
	tell(row, EXPLAIN_HAD, tier_reading(row->ladders, meter, work,
										need->gauge, at));
	tell(row, EXPLAIN_MET, BoolGetDatum(tier_meets(&work->algo,
												   &work->run.state, &alone,
												   keep, at)));
	put_events(row, meter, work, span->past ? span->from - 1 : span->from);
}

static Datum
published_at(int64 program, int64 version)
{
	static CorePlan plan = {
		.sql = "SELECT published_at FROM community.ladder_version"
		" WHERE program_id = $1 AND version_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[2];
	bool		isnull;

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(version);
	core_run(&plan, values, NULL, true);
	return core_field(0, 1, &isnull);
}

/* By qualification: what was judged as the tenure began. */
static void
explain_span(Explanation *row, const TierSpan *span, const TierLadder *algo,
			 int64 member)
{
	const TierVersion *held = &algo->versions[span->version];
	const TierVersion *judged = &algo->versions[span->judged];
	TimestampTz at = span->past ? span->from - 1 : span->from;
	TierWork	work;
	int			n;

	tell(row, EXPLAIN_TIER,
		 CStringGetTextDatum(held->rungs[span->rank - 1].name));
	tell(row, EXPLAIN_RANK, Int32GetDatum(span->rank));
	tell(row, EXPLAIN_SOURCE,
		 CStringGetTextDatum(span->grace ? "grace" : "qualified"));
	tell(row, EXPLAIN_DURING, tier_range(span->from, span->until));
	if (span->ends != TIER_NEVER)
		tell(row, EXPLAIN_ENDS_AT, TimestampTzGetDatum(span->ends));
	tell(row, EXPLAIN_REASON,
		 CStringGetTextDatum(tier_reason_name(span->reason)));
	tell(row, EXPLAIN_VERSION, Int64GetDatum(judged->id));
	tell(row, EXPLAIN_PUBLISHED_AT,
		 published_at(row->ladders->program, judged->id));
	tier_look(row->ladders, row->ladder, member, at, true, 0, &work);
	for (n = 0; n < judged->rungs[span->judged_rank - 1].nrequirements; n++)
		put_requirement(row, &work, span, n, at);
	if (n == 0)
		put(row);
}

/* The tenure of other sources with the highest rank; gives that, or 0. */
static int
find_other(Explanation *row, int64 member, TimestampTz as_of)
{
	static CorePlan plan = {
		.sql = "SELECT t.tier, t.rank, t.source, t.during, t.ends_at,"
		" t.reason, t.key FROM community.tenure AS t"
		" WHERE t.program_id = $1 AND t.member_id = $2 AND t.ladder_id = $3"
		" AND t.superseded_at IS NULL AND t.during @> $4"
		" AND t.source NOT IN ('qualified', 'grace')"
		" ORDER BY t.rank DESC, upper(t.during) DESC, t.tenure_id LIMIT 1",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID}
	};
	MemoryContext context = CurrentMemoryContext;
	Datum		values[4];
	int			i;

	values[0] = Int64GetDatum(row->ladders->program);
	values[1] = Int64GetDatum(member);
	values[2] = Int64GetDatum(row->ladder->id);
	values[3] = TimestampTzGetDatum(as_of);
	core_run(&plan, values, NULL, true);
	MemoryContextSwitchTo(context);
	if (SPI_processed == 0)
		return 0;
	for (i = 0; i <= EXPLAIN_KEY; i++)
		row->values[i] = core_field(0, i + 1, &row->nulls[i]);
	return DatumGetInt32(row->values[EXPLAIN_RANK]);
}

/* The tenure by qualification that holds a time, or NULL. */
static const TierSpan *
find_span(const TierRun *run, TimestampTz as_of)
{
	int			i;

	for (i = 0; i < run->nspans; i++)
		if (run->spans[i].from <= as_of && as_of < run->spans[i].until)
			return &run->spans[i];
	return NULL;
}

/* explain_tier(member, ladder, as_of, program) -> set */
Datum
community_explain_tier(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "ladder", "as_of",
	"program"};
	Explanation row = {0};
	Explanation other;
	const TierSpan *span;
	CoreScope	scope;
	TierWork	work;
	TimestampTz as_of;
	int64		member;
	int			rank;

	core_refuse_nulls(fcinfo, "explain_tier", names, 0);
	member = PG_GETARG_INT64(0);
	as_of = tier_check_time(PG_GETARG_TIMESTAMPTZ(2), "explain_tier");
	row.store = core_begin_rows(fcinfo, &row.desc);
	memset(row.nulls, true, sizeof(row.nulls));
	core_enter(&scope);
	row.ladders = tier_ladders(PG_GETARG_INT64(3));
	row.ladder = tier_named_ladder(row.ladders, PG_GETARG_DATUM(1));
	tier_look(row.ladders, row.ladder, member,
			  Max(as_of, GetCurrentTimestamp()), true, 0, &work);
	span = find_span(&work.run, as_of);
	other = row;
	rank = find_other(&other, member, as_of);
	if (span != NULL && span->rank > rank)
		explain_span(&row, span, &work.algo, member);
	else if (rank > 0)
		put(&other);
	core_leave(&scope);
	return (Datum) 0;
}
