/*-------------------------------------------------------------------------
 *
 * ladders.c
 *	  Reading published ladders, kept for the session until they change.
 *
 * A version is a document, see ladder_version.definition.  The gauges of a
 * ladder are those of all its versions, in the order of time, so that a new
 * version only adds some at the end.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "tier/tier.h"

static MemoryContext kept_context = NULL;
static TierLadders *kept = NULL;
static uint64 kept_versions = 0;
static uint64 kept_measures = 0;
static uint64 kept_programs = 0;

/* Where versions come from: those that are published, or a document. */
#define PUBLISHED \
	"SELECT program_id, ladder_id, version_id, valid, definition" \
	" FROM community.ladder_version WHERE program_id = $1"
#define GIVEN \
	"SELECT $1 AS program_id, $2 AS ladder_id, 0::bigint AS version_id," \
	" tstzrange($3, NULL) AS valid, $4 AS definition"

#define READ_VERSIONS(versions) \
	"SELECT v.ladder_id, v.version_id, lower(v.valid), upper(v.valid)," \
	" d.name, d.promotion_period IS NULL, d.promotion_period," \
	" coalesce(d.demotion, 'never')," \
	" d.term, d.term_rounding, coalesce(d.grace, '0')," \
	" coalesce(d.dwell, '0'), d.landing = 'one_down'," \
	" coalesce(d.grandfather, false)," \
	" jsonb_array_length(v.definition -> 'tiers')::bigint" \
	" FROM (" versions ") AS v," \
	" jsonb_to_record(v.definition) AS d (name text, promotion text," \
	"  promotion_period community.period, demotion text, term interval," \
	"  term_rounding community.period, grace interval, dwell interval," \
	"  landing text, grandfather boolean)" \
	" ORDER BY v.ladder_id, lower(v.valid) NULLS FIRST"

#define READ_RUNGS(versions) \
	"SELECT v.ladder_id, v.version_id, t.rank::bigint, t.name, t.entry," \
	" coalesce(t.needs, coalesce(jsonb_array_length(t.requirements), 0))" \
	"  ::bigint," \
	" coalesce(jsonb_array_length(t.requirements), 0)::bigint," \
	" t.seats IS NOT NULL" \
	" FROM (" versions ") AS v," \
	" jsonb_to_recordset(v.definition -> 'tiers') AS t (rank integer," \
	"  name text, entry text, needs integer, seats integer," \
	"  requirements jsonb)" \
	" ORDER BY v.ladder_id, lower(v.valid) NULLS FIRST, t.rank"

#define READ_REQUIREMENTS(versions) \
	"SELECT v.ladder_id, v.version_id, t.rank::bigint, m.measure_id," \
	" m.name, m.kind, m.types, m.payload_filter," \
	" coalesce(m.currency_id, 0), r.period," \
	" least(CASE WHEN r.at_most THEN floor(r.attain) ELSE ceil(r.attain) END," \
	"  9007199254740991)::bigint," \
	" least(CASE WHEN r.at_most THEN floor(r.keep) ELSE ceil(r.keep) END," \
	"  9007199254740991)::bigint," \
	" r.attain::double precision, r.keep::double precision," \
	" coalesce(r.at_most, false), m.side = 'target'" \
	" FROM (" versions ") AS v," \
	" jsonb_to_recordset(v.definition -> 'tiers') AS t (rank integer," \
	"  requirements jsonb)," \
	" ROWS FROM (jsonb_to_recordset(t.requirements) AS (position integer," \
	"  measure_id bigint, period community.period, attain numeric," \
	"  keep numeric, at_most boolean)) WITH ORDINALITY" \
	"  AS r (position, measure_id, period, attain, keep, at_most, n)" \
	" JOIN community.measure AS m ON m.measure_id = r.measure_id" \
	"  AND m.program_id = $1" \
	" ORDER BY v.ladder_id, lower(v.valid) NULLS FIRST, t.rank, r.position, r.n"

/* What is given: program, ladder, beginning and definition. */
static CorePlan versions_plan[2] = {
	{.sql = READ_VERSIONS(PUBLISHED),.nargs = 1,.argtypes = {INT8OID}},
	{.sql = READ_VERSIONS(GIVEN),.nargs = 4,
	.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID, JSONBOID}}
};
static CorePlan rungs_plan[2] = {
	{.sql = READ_RUNGS(PUBLISHED),.nargs = 1,.argtypes = {INT8OID}},
	{.sql = READ_RUNGS(GIVEN),.nargs = 4,
	.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID, JSONBOID}}
};
static CorePlan requirements_plan[2] = {
	{.sql = READ_REQUIREMENTS(PUBLISHED),.nargs = 1,.argtypes = {INT8OID}},
	{.sql = READ_REQUIREMENTS(GIVEN),.nargs = 4,
	.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID, JSONBOID}}
};

static bool
period_field(int row, int column, Period *period)
{
	bool		isnull;
	Datum		value = core_field(row, column, &isnull);

	if (!isnull)
		*period = *DatumGetPeriodP(value);
	return !isnull;
}

static TimestampTz
time_field(int row, int column, TimestampTz otherwise)
{
	bool		isnull;
	Datum		value = core_field(row, column, &isnull);

	return isnull ? otherwise : DatumGetTimestampTz(value);
}

static Interval *
interval_field(int row, int column)
{
	bool		isnull;
	Datum		value = core_field(row, column, &isnull);
	Interval   *copy;

	if (isnull)
		return NULL;
	copy = palloc_object(Interval);
	*copy = *DatumGetIntervalP(value);
	return copy;
}

static void
read_version(int row, TierVersion *version)
{
	TierRules  *rules = palloc0_object(TierRules);
	char	   *demotion = core_text(row, 8);

	version->id = core_int64(row, 2);
	version->from = time_field(row, 3, TIER_PAST);
	version->until = time_field(row, 4, TIER_NEVER);
	version->promotes_at_once = core_bool(row, 6);
	rules->has_promotion_period =
		period_field(row, 7, &rules->promotion_period);
	version->demotion = strcmp(demotion, "never") == 0 ? TIER_DEMOTE_NEVER :
		strcmp(demotion, "drop") == 0 ? TIER_DEMOTE_ON_DROP :
		TIER_DEMOTE_AT_TERM_END;
	rules->term = interval_field(row, 9);
	rules->has_rounding = period_field(row, 10, &rules->rounding);
	rules->grace = *interval_field(row, 11);
	version->has_grace = rules->grace.time != 0 || rules->grace.day != 0 ||
		rules->grace.month != 0;
	rules->dwell = *interval_field(row, 12);
	version->one_down = core_bool(row, 13);
	version->grandfathers = core_bool(row, 14);
	version->rungs = palloc0_array(TierRung, core_int64(row, 15) + 1);
	version->rules = rules;
}

/* All versions, ladder by ladder. */
static void
read_versions(TierLadders *ladders)
{
	int			rows = SPI_processed;
	int			i;

	ladders->ladders = palloc0_array(TierProgramLadder, rows + 1);
	for (i = 0; i < rows; i++)
	{
		TierProgramLadder *ladder;
		int64		id = core_int64(i, 1);

		if (ladders->count == 0 ||
			ladders->ladders[ladders->count - 1].id != id)
		{
			ladder = &ladders->ladders[ladders->count++];
			ladder->id = id;
			ladder->algo.versions = palloc0_array(TierVersion, rows - i);
		}
		ladder = &ladders->ladders[ladders->count - 1];
		ladder->name = core_text(i, 5);
		ladder->newest = Max(ladder->newest, core_int64(i, 2));
		read_version(i, &ladder->algo.versions[ladder->algo.nversions++]);
	}
}

static TierVersion *
find_version(TierLadders *ladders, int row, TierProgramLadder **ladder)
{
	int64		ladder_id = core_int64(row, 1);
	int64		version_id = core_int64(row, 2);
	int			i;
	int			j;

	for (i = 0; i < ladders->count; i++)
		if (ladders->ladders[i].id == ladder_id)
			for (j = 0; j < ladders->ladders[i].algo.nversions; j++)
				if (ladders->ladders[i].algo.versions[j].id == version_id)
				{
					*ladder = &ladders->ladders[i];
					return &ladders->ladders[i].algo.versions[j];
				}
	elog(ERROR, "version " INT64_FORMAT " of ladder " INT64_FORMAT " is gone",
		 version_id, ladder_id);
	return NULL;				/* keep compiler quiet */
}

static void
read_rungs(TierLadders *ladders)
{
	int			rows = SPI_processed;
	int			i;

	for (i = 0; i < rows; i++)
	{
		TierProgramLadder *ladder;
		TierVersion *version = find_version(ladders, i, &ladder);
		char	   *entry = core_text(i, 5);
		TierRung   *rung = &version->rungs[version->nrungs++];

		if (core_int64(i, 3) != version->nrungs)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("tiers of version %lld of ladder \"%s\" have no ranks from 1 without gap",
							(long long) version->id, ladder->name)));
		rung->name = core_text(i, 4);
		rung->entry = strcmp(entry, "qualify") == 0 ? TIER_BY_REQUIREMENTS :
			strcmp(entry, "invitation") == 0 ? TIER_BY_INVITATION :
			TIER_NOT_BY_QUALIFYING;
		rung->needs = (int) core_int64(i, 6);
		rung->by_seat = core_bool(i, 8);
		rung->requirements = palloc0_array(TierRequirement,
										   core_int64(i, 7) + 1);
	}
}

static TierMeasureKind
measure_kind(const char *name)
{
	static const char *const names[] = {"sum", "count", "maximum",
		"distinct_days", "distinct_counterparts", "points", "engagement",
	"membership_days", "function", "qualified_referrals"};
	int			i;

	for (i = 0; i < lengthof(names); i++)
		if (strcmp(names[i], name) == 0)
			return (TierMeasureKind) i;
	elog(ERROR, "unknown kind of measure \"%s\"", name);
	return TIER_SUM;			/* keep compiler quiet */
}

static void
read_meter(int row, TierMeter *meter)
{
	bool		isnull;
	Datum		value;

	meter->measure_id = core_int64(row, 4);
	meter->name = core_text(row, 5);
	meter->kind = measure_kind(core_text(row, 6));
	value = core_field(row, 7, &isnull);
	if (!isnull)
	{
		meter->types = DatumGetArrayTypePCopy(value);
		deconstruct_array(meter->types, TEXTOID, -1, false, TYPALIGN_INT,
						  &meter->type_names, NULL, &meter->ntypes);
	}
	value = core_field(row, 8, &isnull);
	if (!isnull)
		meter->filter = DatumGetJsonbPCopy(value);
	meter->currency_id = core_int64(row, 9);
	if (!period_field(row, 10, &meter->period))
		elog(ERROR, "requirement has no period");
	meter->received = core_bool(row, 16);
}

/* The gauge of a requirement, added where it is new. */
static int
find_gauge(TierLadders *ladders, TierProgramLadder *ladder, int row)
{
	TierLadder *algo = &ladder->algo;
	TierMeter	meter = {0};
	TierGauge  *gauge;
	int			i;

	read_meter(row, &meter);
	for (i = 0; i < algo->ngauges; i++)
		if (ladder->meters[i].measure_id == meter.measure_id &&
			memcmp(&ladder->meters[i].period, &meter.period,
				   sizeof(Period)) == 0)
			return i;
	ladder->meters[algo->ngauges] = meter;
	ladder->counts_points |= meter.kind == TIER_POINTS;
	ladder->has_functions |= meter.kind == TIER_FUNCTION;
	gauge = &algo->gauges[algo->ngauges++];
	gauge->scale = meter.kind == TIER_ENGAGEMENT ? TIER_DECAYED :
		meter.kind == TIER_FUNCTION ? TIER_FRACTION : TIER_WHOLE;
	gauge->half_life = ladders->half_life;
	return i;
}

static void
read_requirements(TierLadders *ladders)
{
	int			rows = SPI_processed;
	int			i;

	for (i = 0; i < ladders->count; i++)
	{
		ladders->ladders[i].meters = palloc0_array(TierMeter, rows + 1);
		ladders->ladders[i].algo.gauges = palloc0_array(TierGauge, rows + 1);
	}
	for (i = 0; i < rows; i++)
	{
		TierProgramLadder *ladder;
		TierVersion *version = find_version(ladders, i, &ladder);
		TierRung   *rung = &version->rungs[core_int64(i, 3) - 1];
		TierRequirement *r = &rung->requirements[rung->nrequirements++];
		bool		isnull;

		r->gauge = find_gauge(ladders, ladder, i);
		r->attain = core_int64(i, 11);
		r->keep = core_int64(i, 12);
		r->attain_score = DatumGetFloat8(core_field(i, 13, &isnull));
		r->keep_score = DatumGetFloat8(core_field(i, 14, &isnull));
		r->at_most = core_bool(i, 15);
		ladder->algo.gauges[r->gauge].capped |= r->at_most;
	}
}

/* Does it ask in which year of membership a time is? */
static bool
has_anniversary(const TierRules *rules)
{
	return (rules->has_promotion_period &&
			rules->promotion_period.kind == PERIOD_ANNIVERSARY) ||
		(rules->has_rounding && rules->rounding.kind == PERIOD_ANNIVERSARY);
}

static void
finish(TierLadders *ladders)
{
	int			i;
	int			j;

	for (i = 0; i < ladders->count; i++)
	{
		TierLadder *algo = &ladders->ladders[i].algo;

		for (j = 0; j < algo->nversions; j++)
		{
			ladders->ladders[i].drops |=
				algo->versions[j].demotion == TIER_DEMOTE_ON_DROP;
			ladders->ladders[i].asks_joining |=
				has_anniversary(algo->versions[j].rules);
		}
		for (j = 0; j < algo->ngauges; j++)
		{
			ladders->ladders[i].has_fractions |=
				algo->gauges[j].scale != TIER_WHOLE;
			ladders->ladders[i].has_anniversaries |=
				ladders->ladders[i].meters[j].period.kind ==
				PERIOD_ANNIVERSARY;
			ladders->ladders[i].asks_joining |=
				ladders->ladders[i].meters[j].kind == TIER_MEMBERSHIP_DAYS;
		}
		ladders->ladders[i].asks_joining |=
			ladders->ladders[i].has_anniversaries;
	}
}

static void
read_program(TierLadders *ladders)
{
	static CorePlan plan = {
		.sql = "SELECT time_zone, (extract(epoch FROM half_life) * 1000000)"
		"::bigint FROM community.program WHERE program_id = $1",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	Datum		values[1];

	values[0] = Int64GetDatum(ladders->program);
	core_run_latest(&plan, values);
	if (SPI_processed == 0)
		(void) core_program_name(ladders->program);
	ladders->zone = period_zone(core_text(0, 1));
	ladders->half_life = core_int64(0, 2);
}

/* Read versions from where "source" says, and stay in the context. */
static void
read_all(TierLadders *ladders, MemoryContext context, int source,
		 Datum *values)
{
	core_run_latest(&versions_plan[source], values);
	MemoryContextSwitchTo(context);
	read_versions(ladders);
	core_run_latest(&rungs_plan[source], values);
	MemoryContextSwitchTo(context);
	read_rungs(ladders);
	core_run_latest(&requirements_plan[source], values);
	MemoryContextSwitchTo(context);
	read_requirements(ladders);
	finish(ladders);
}

static bool
are_kept(int64 program, uint64 *versions, uint64 *measures,
		 uint64 *programs)
{
	static CoreWatch version_watch = {.name = "ladder_version"};
	static CoreWatch measure_watch = {.name = "measure"};
	static CoreWatch program_watch = {.name = "program"};

	*versions = core_watch(&version_watch);
	*measures = core_watch(&measure_watch);
	*programs = core_watch(&program_watch);
	return kept != NULL && kept->program == program &&
		*versions != 0 && *versions == kept_versions &&
		*measures != 0 && *measures == kept_measures &&
		*programs != 0 && *programs == kept_programs;
}

/* Those of the program, when they are kept and right; no SQL. */
const TierLadders *
tier_kept_ladders(int64 program)
{
	uint64		versions;
	uint64		measures;
	uint64		programs;

	return are_kept(program, &versions, &measures, &programs) ? kept : NULL;
}

/*
 * The published ladders of a program.  One program is kept: sessions that
 * serve several in turn read again.  Inside core_enter().
 */
const TierLadders *
tier_ladders(int64 program)
{
	uint64		versions;
	uint64		measures;
	uint64		programs;
	TierLadders *fresh;
	MemoryContext old;
	Datum		values[1];

	if (are_kept(program, &versions, &measures, &programs))
		return kept;
	kept = NULL;
	/* whoever works with what was kept may do so until the end */
	if (kept_context != NULL)
		MemoryContextSetParent(kept_context, TopTransactionContext);
	kept_context = AllocSetContextCreate(TopMemoryContext,
										 "community ladders",
										 ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(kept_context);
	fresh = palloc0_object(TierLadders);
	fresh->program = program;
	read_program(fresh);
	values[0] = Int64GetDatum(program);
	read_all(fresh, kept_context, 0, values);
	MemoryContextSwitchTo(old);
	kept_versions = versions;
	kept_measures = measures;
	kept_programs = programs;
	kept = fresh;
	return kept;
}

/*
 * A definition, such as a draft's, as if it was the only version of a ladder,
 * in force from a time.
 */
TierProgramLadder *
tier_read_definition(const TierLadders *ladders, int64 ladder_id,
					 TimestampTz from, Datum definition)
{
	TierLadders *given = palloc0_object(TierLadders);
	Datum		values[4];

	given->program = ladders->program;
	given->zone = ladders->zone;
	given->half_life = ladders->half_life;
	values[0] = Int64GetDatum(ladders->program);
	values[1] = Int64GetDatum(ladder_id);
	values[2] = TimestampTzGetDatum(from);
	values[3] = definition;
	read_all(given, CurrentMemoryContext, 1, values);
	return &given->ladders[0];
}

/* The published ladder of that name, or NULL. */
const TierProgramLadder *
tier_find_ladder(const TierLadders *ladders, Datum name)
{
	char	   *wanted = TextDatumGetCString(name);
	int			i;

	for (i = 0; i < ladders->count; i++)
		if (strcmp(ladders->ladders[i].name, wanted) == 0)
			return &ladders->ladders[i];
	return NULL;
}

/* What the calendar of a member needs. */
typedef struct Anchor
{
	pg_tz	   *zone;
	TimestampTz joined_at;
} Anchor;

static int64
end_of_period(const Anchor *anchor, const Period *period, int64 at)
{
	return period_upper(period, at, true, anchor->joined_at, anchor->zone);
}

/*
 * Where it was the past that was judged, the term is rounded as if it was
 * counted from just before.
 */
static int64
end_of_term(void *arg, const TierVersion *version, int64 from, bool past)
{
	const Anchor *anchor = (const Anchor *) arg;
	const TierRules *rules = (const TierRules *) version->rules;
	int64		end = from;

	if (rules->term != NULL)
		end = period_add_interval(from, rules->term, anchor->zone);
	if (rules->has_rounding)
		end = end_of_period(anchor, &rules->rounding,
							past && rules->term != NULL ? end - 1 : end);
	return end;
}

static int64
end_of_promotion(void *arg, const TierVersion *version, int64 after)
{
	const TierRules *rules = (const TierRules *) version->rules;

	return end_of_period((const Anchor *) arg, &rules->promotion_period,
						 after);
}

static int64
end_of_grace(void *arg, const TierVersion *version, int64 from)
{
	return period_add_interval(from,
							   &((const TierRules *) version->rules)->grace,
							   ((const Anchor *) arg)->zone);
}

static int64
end_of_dwell(void *arg, const TierVersion *version, int64 from)
{
	return from == TIER_PAST ? from :
		period_add_interval(from,
							&((const TierRules *) version->rules)->dwell,
							((const Anchor *) arg)->zone);
}

/* The ladder with the calendar of a member who joined at a time. */
TierLadder
tier_anchored(const TierLadders *ladders, const TierProgramLadder *ladder,
			  int64 joined_at)
{
	TierLadder	algo = ladder->algo;
	Anchor	   *anchor = palloc_object(Anchor);

	anchor->zone = ladders->zone;
	anchor->joined_at = joined_at;
	algo.calendar.arg = anchor;
	algo.calendar.term_end = end_of_term;
	algo.calendar.promotion = end_of_promotion;
	algo.calendar.grace_end = end_of_grace;
	algo.calendar.dwell_end = end_of_dwell;
	return algo;
}
