/*-------------------------------------------------------------------------
 *
 * measure_values.c
 *	  measure_values(): what a measure comes to for all active members.
 *
 * The value is the one by which a ladder would judge: a ladder of one tier
 * that asks for the measure is walked.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "tier/config.h"
#include "tier/gauge.h"

PG_FUNCTION_INFO_V1(community_measure_values);

/* What is asked, and where the answers go. */
typedef struct Asking
{
	const TierLadders *ladders;
	TierProgramLadder *ladder;
	TimestampTz as_of;
	TierCrowd  *crowd;			/* NULL for what is asked one by one */
	Tuplestorestate *store;
	TupleDesc	desc;
} Asking;

/* A ladder of one tier, which nobody reaches. */
static TierProgramLadder *
ladder_of(const TierLadders *ladders, Datum measure, Datum period)
{
	static CorePlan plan = {
		.sql = "SELECT jsonb_build_object('name', '', 'promotion', 'at_once',"
		" 'demotion', 'never', 'tiers', jsonb_build_array(jsonb_build_object("
		"  'rank', 1, 'name', '', 'entry', 'none', 'requirements',"
		"  jsonb_build_array(jsonb_build_object('position', 1, 'measure_id',"
		"  m.measure_id, 'period', $3::text, 'attain', 1, 'keep', 1))))),"
		" m.kind IN ('engagement', 'membership_days') AND $3::text <> 'lifetime'"
		" FROM community.measure AS m"
		" WHERE m.program_id = $1 AND m.name = $2",
		.nargs = 3,
		.argtypes = {INT8OID, TEXTOID, InvalidOid},
		.own_type = "period"
	};
	Datum		values[3];
	bool		isnull;

	values[0] = Int64GetDatum(ladders->program);
	values[1] = measure;
	values[2] = period;
	core_run(&plan, values, NULL, true);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("measure \"%s\" of program \"%s\" does not exist",
						TextDatumGetCString(measure),
						core_program_name(ladders->program)),
				 errhint("Measures are made by community.define_measure().")));
	if (core_bool(0, 2))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("measure \"%s\" takes period lifetime alone",
						TextDatumGetCString(measure))));
	return tier_read_definition(ladders, 0, DT_NOBEGIN,
								core_field(0, 1, &isnull));
}

/* Days of membership and functions: each member for itself. */
static Datum
ask_one(const Asking *asking, const TierPerson *person)
{
	static CorePlan plan = {
		.sql = "SELECT community.measure_value($2, $3, tstzrange($4, $5), $1)",
		.nargs = 5,
		.argtypes = {INT8OID, INT8OID, TEXTOID, TIMESTAMPTZOID,
		TIMESTAMPTZOID}
	};
	const TierMeter *meter = &asking->ladder->meters[0];
	MemoryContext context = CurrentMemoryContext;
	Datum		values[5];
	Datum		value;
	TimestampTz from;
	TimestampTz to;
	bool		isnull;

	tier_window(asking->ladders, meter, person->joined_at, asking->as_of,
				&from, &to);
	values[0] = Int64GetDatum(asking->ladders->program);
	values[1] = Int64GetDatum(person->member);
	values[2] = CStringGetTextDatum(meter->name);
	values[3] = TimestampTzGetDatum(from == TIER_PAST ? DT_NOBEGIN : from);
	values[4] = TimestampTzGetDatum(asking->as_of);
	core_run(&plan, values, NULL, true);
	MemoryContextSwitchTo(context);
	value = SPI_datumTransfer(core_field(0, 1, &isnull), false, -1);
	SPI_freetuptable(SPI_tuptable);
	return value;
}

static Datum
value_of(const Asking *asking, const TierPerson *person, const TierWork *work)
{
	if (asking->crowd == NULL)
		return ask_one(asking, person);
	if (asking->ladder->algo.gauges[0].scale == TIER_WHOLE)
		return DirectFunctionCall1(int8_numeric,
								   Int64GetDatum(work->run.state.amounts[0]));
	return DirectFunctionCall1(float8_numeric,
							   Float8GetDatum(work->run.state.scores[0]));
}

static void
ask_batch(const Asking *asking, const TierPerson *people, int count)
{
	TierWork   *work = NULL;
	int			i;

	if (asking->crowd != NULL)
	{
		tier_crowd_advance(asking->crowd, people[count - 1].member);
		work = tier_population_walk(asking->ladders, asking->ladder, people,
									count, asking->as_of, asking->crowd);
	}
	for (i = 0; i < count; i++)
	{
		Datum		values[2];
		bool		nulls[2] = {false};

		CHECK_FOR_INTERRUPTS();
		values[0] = Int64GetDatum(people[i].member);
		values[1] = value_of(asking, &people[i],
							 work == NULL ? NULL : &work[i]);
		tuplestore_putvalues(asking->store, asking->desc, values, nulls);
	}
}

static void
ask_all(Asking *asking)
{
	TierMeasureKind kind = asking->ladder->meters[0].kind;
	TierPopulation *population;
	MemoryContext batch;
	MemoryContext old;
	TierPerson *people;
	int			count;

	if (kind != TIER_MEMBERSHIP_DAYS && kind != TIER_FUNCTION)
	{
		asking->crowd = tier_crowd_begin(asking->ladders);
		tier_crowd_add_ladder(asking->crowd, asking->ladder);
		tier_crowd_open(asking->crowd, asking->as_of);
	}
	population = tier_population_open(asking->ladders, 0, 0, asking->as_of);
	batch = AllocSetContextCreate(CurrentMemoryContext, "community members",
								  ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(batch);
	while ((count = tier_population_next(population, &people)) > 0)
	{
		ask_batch(asking, people, count);
		MemoryContextReset(batch);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(batch);
	tier_population_close(population);
	if (asking->crowd != NULL)
		tier_crowd_end(asking->crowd);
}

/* measure_values(measure, period, as_of, program) -> set of values */
Datum
community_measure_values(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"measure", "period", "as_of",
	"program"};
	Asking		asking = {0};
	CoreScope	scope;

	core_refuse_nulls(fcinfo, "measure_values", names, 0);
	asking.as_of = PG_GETARG_TIMESTAMPTZ(2);
	if (TIMESTAMP_NOT_FINITE(asking.as_of))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("as_of of measure_values() must not be %s",
						timestamptz_to_str(asking.as_of))));
	asking.store = core_begin_rows(fcinfo, &asking.desc);

	core_enter(&scope);
	asking.ladders = tier_ladders(PG_GETARG_INT64(3));
	asking.ladder = ladder_of(asking.ladders, PG_GETARG_DATUM(0),
							  PG_GETARG_DATUM(1));
	ask_all(&asking);
	core_leave(&scope);
	return (Datum) 0;
}
