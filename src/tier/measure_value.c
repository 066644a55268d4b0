/*-------------------------------------------------------------------------
 *
 * measure_value.c
 *	  measure_value(): what a measure comes to over a range of time.
 *
 * Straight from the events and entries, for people to look at; ladders keep
 * their values up to date instead of asking here.  What members did who were
 * merged into this one, and what was done to them, counts as its own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/rangetypes.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "tier/config.h"
#include "tier/tier.h"

PG_FUNCTION_INFO_V1(community_measure_value);

/* A row of measure, as far as it is of use here. */
typedef struct Measure
{
	int64		id;
	char	   *name;
	char	   *kind;
	bool		received;
	TierFunction function;
} Measure;

static void
find_measure(int64 program, Datum name, Measure *measure)
{
	static CorePlan plan = {
		.sql = "SELECT measure_id, kind, function, registered_by,"
		" side = 'target'"
		" FROM community.measure WHERE program_id = $1 AND name = $2",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTOID}
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = name;
	core_run(&plan, values, NULL, true);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("measure \"%s\" of program \"%s\" does not exist",
						TextDatumGetCString(name),
						core_program_name(program)),
				 errhint("Measures are made by community.define_measure().")));
	measure->id = core_int64(0, 1);
	measure->kind = core_text(0, 2);
	measure->function.name = core_text(0, 3);
	measure->function.role = core_text(0, 4);
	measure->received = core_bool(0, 5);
	measure->name = TextDatumGetCString(name);
}

/* $1 program, $2 member, $3 measure, $4 range; the member and who it bears */
#define MEMBERS \
	"(SELECT $2 UNION ALL SELECT b.member_id" \
	" FROM community.member_merge AS b" \
	" WHERE b.program_id = $1 AND b.bearer_id = $2)"
#define VALUE_ARGS \
	.nargs = 4, \
	.argtypes = {INT8OID, INT8OID, INT8OID, TSTZRANGEOID}

/* The program's clock and the measure. */
#define FROM_MEASURE \
	" FROM community.measure AS m JOIN community.program AS p" \
	" ON p.program_id = m.program_id"
#define THIS_MEASURE \
	" WHERE m.program_id = $1 AND m.measure_id = $3"

#define OF_EVENTS(relation) \
	"SELECT (CASE m.kind WHEN 'sum' THEN coalesce(s.sum, 0)" \
	"  WHEN 'count' THEN s.count WHEN 'maximum' THEN coalesce(s.max, 0)" \
	"  WHEN 'distinct_days' THEN s.days ELSE s.counterparts END)::numeric" \
	FROM_MEASURE \
	", LATERAL (SELECT sum(e.amount) AS sum, count(*) AS count," \
	"  max(e.amount) AS max," \
	"  count(DISTINCT (e.occurred_at AT TIME ZONE p.time_zone)::date) AS days," \
	"  count(DISTINCT e.target_id) AS counterparts" \
	"  FROM " relation " AS e" \
	"  WHERE e.program_id = $1 AND e.member_id IN " MEMBERS \
	"  AND e.occurred_at <@ $4" \
	"  AND (m.types IS NULL OR e.type = ANY (m.types))" \
	"  AND (m.payload_filter IS NULL OR e.payload @> m.payload_filter)) AS s" \
	THIS_MEASURE

static CorePlan of_events = {
	.sql = OF_EVENTS("community.counted_event"),
	VALUE_ARGS
};
static CorePlan of_received = {
	.sql = OF_EVENTS(TIER_RECEIVED_EVENTS),
	VALUE_ARGS
};

/* what was taken back counts at the time of what it was taken from */
static CorePlan of_points = {
	.sql = "WITH mine AS (SELECT e.entry_id, e.kind, e.points,"
	"  e.cut, e.effective_at, e.reverses"
	FROM_MEASURE
	" JOIN community.entry AS e ON e.program_id = m.program_id"
	"  AND e.currency_id = m.currency_id AND e.kind IN ('accrue', 'reverse')"
	"  AND e.member_id IN " MEMBERS
	THIS_MEASURE
	"), back AS (SELECT r.reverses, sum(r.points - r.cut) AS points"
	"  FROM mine AS r WHERE r.kind = 'reverse' GROUP BY 1)"
	" SELECT coalesce(sum(a.points + coalesce(b.points, 0)), 0)::numeric"
	" FROM mine AS a LEFT JOIN back AS b ON b.reverses = a.entry_id"
	" WHERE a.kind = 'accrue' AND a.effective_at <@ $4",
	VALUE_ARGS
};

static CorePlan of_referrals = {
	.sql = "SELECT count(*)::numeric FROM community.qualified_referral AS q"
	" WHERE q.program_id = $1 AND q.member_id IN " MEMBERS
	" AND q.qualified_at <@ $4 AND $3 IS NOT NULL",
	VALUE_ARGS
};

/* as it is where the range ends, or now */
static CorePlan of_engagement = {
	.sql = "SELECT coalesce(community.score_at(s.score, t.at), 0)::numeric"
	FROM_MEASURE
	", LATERAL (SELECT coalesce(nullif(upper($4), 'infinity'), now()) AS at) AS t"
	", LATERAL (SELECT community.decayed_sum(e.engagement, e.occurred_at,"
	"  p.half_life ORDER BY e.occurred_at, e.event_id) AS score"
	"  FROM community.counted_event AS e"
	"  WHERE e.program_id = $1 AND e.member_id IN " MEMBERS
	"  AND e.occurred_at <@ $4 AND e.occurred_at <= t.at) AS s"
	THIS_MEASURE,
	VALUE_ARGS
};

/* the clock's difference may be a day off where clocks change: look around */
static CorePlan of_days = {
	.sql = "SELECT greatest(max(n.days), 0)::numeric"
	FROM_MEASURE
	" JOIN community.member AS o ON o.program_id = m.program_id"
	"  AND o.member_id = $2"
	", LATERAL (SELECT coalesce(nullif(upper($4), 'infinity'), now()) AS at) AS t"
	", LATERAL (SELECT extract(day FROM (t.at AT TIME ZONE p.time_zone)"
	"  - (o.joined_at AT TIME ZONE p.time_zone))::integer AS days) AS d"
	", LATERAL generate_series(d.days - 1, d.days + 1) AS n (days)"
	THIS_MEASURE
	" AND community.period_add(o.joined_at, make_interval(days => n.days),"
	"  p.time_zone) <= t.at",
	VALUE_ARGS
};

static CorePlan *
plan_of(const Measure *measure)
{
	const char *kind = measure->kind;

	return measure->received ? &of_received :
		strcmp(kind, "points") == 0 ? &of_points :
		strcmp(kind, "qualified_referrals") == 0 ? &of_referrals :
		strcmp(kind, "engagement") == 0 ? &of_engagement :
		strcmp(kind, "membership_days") == 0 ? &of_days : &of_events;
}

/* measure_value(member, measure, during, program) -> numeric */
Datum
community_measure_value(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "measure", "during",
	"program"};
	Datum		values[4];
	Measure		measure;
	CoreScope	scope;
	int64		member;
	int64		program;
	bool		isnull = true;
	bool		closed;
	Datum		result = (Datum) 0;

	core_refuse_nulls(fcinfo, "measure_value", names, 0);
	member = PG_GETARG_INT64(0);
	program = PG_GETARG_INT64(3);

	core_enter(&scope);
	find_measure(program, PG_GETARG_DATUM(1), &measure);
	if (!core_member_is_known(program, member, &closed))
		core_refuse_member(program, member, false);
	if (!RangeIsEmpty(PG_GETARG_RANGE_P(2)))
	{
		if (measure.function.name != NULL)
			result = tier_call_function(measure.name, &measure.function,
										program, member, PG_GETARG_DATUM(2),
										&isnull);
		else
		{
			values[0] = Int64GetDatum(program);
			values[1] = Int64GetDatum(member);
			values[2] = Int64GetDatum(measure.id);
			values[3] = PG_GETARG_DATUM(2);
			core_run(plan_of(&measure), values, NULL, true);
			result = core_field(0, 1, &isnull);
		}
	}
	if (isnull)
		result = DirectFunctionCall1(int8_numeric, Int64GetDatum(0));
	result = SPI_datumTransfer(result, false, -1);
	core_leave(&scope);
	return result;
}
