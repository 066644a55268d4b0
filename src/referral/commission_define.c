/*-------------------------------------------------------------------------
 *
 * commission_define.c
 *	  define_commission_plan() and close_commission_plan(): the versions of a
 *	  plan.
 *
 * Both leave it to the guards of the tables to refuse what would rewrite the
 * past.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"

PG_FUNCTION_INFO_V1(community_define_commission_plan);
PG_FUNCTION_INFO_V1(community_close_commission_plan);

/* arguments of define_commission_plan() */
enum
{
	DEFINE_NAME, DEFINE_TYPES, DEFINE_RATES, DEFINE_CURRENCY, DEFINE_KIND,
	DEFINE_COMPRESSION, DEFINE_LEVELS, DEFINE_OVERRIDE, DEFINE_MATCHING,
	DEFINE_CEILING, DEFINE_LADDER, DEFINE_LEAST_TIER, DEFINE_LEADER_TIER,
	DEFINE_MEMBER_FILTER, DEFINE_PAYLOAD_FILTER, DEFINE_MINIMUM,
	DEFINE_FIRST_EVENTS, DEFINE_FIRST_TIME, DEFINE_PENDING_FOR,
	DEFINE_FROM_TIME, DEFINE_PROGRAM, DEFINE_ARGUMENTS
};

/* those that may be null */
#define OPTIONAL_ARGUMENTS \
	((1 << DEFINE_LEVELS) | (1 << DEFINE_OVERRIDE) | \
	 (1 << DEFINE_MATCHING) | (1 << DEFINE_CEILING) | \
	 (1 << DEFINE_LADDER) | (1 << DEFINE_LEAST_TIER) | \
	 (1 << DEFINE_LEADER_TIER) | (1 << DEFINE_MEMBER_FILTER) | \
	 (1 << DEFINE_PAYLOAD_FILTER) | (1 << DEFINE_MINIMUM) | \
	 (1 << DEFINE_FIRST_EVENTS) | (1 << DEFINE_FIRST_TIME) | \
	 (1 << DEFINE_PENDING_FOR))

/*
 * End the version of a plan that is valid at a time, or drop it when it would
 * only begin then.  Gives its id, 0 when there is none, and until when it
 * would have been.
 */
static int64
end_version(int64 program, Datum name, TimestampTz at, TimestampTz *until)
{
	static CorePlan find = {
		.sql = "SELECT plan_id, coalesce(upper(valid), 'infinity'),"
		" coalesce(lower(valid), '-infinity') = $3"
		" FROM community.commission_plan"
		" WHERE program_id = $1 AND name = $2 AND valid @> $3",
		.nargs = 3,
		.argtypes = {INT8OID, TEXTOID, TIMESTAMPTZOID}
	};
	static CorePlan drop_rates = {
		.sql = "DELETE FROM community.commission_rate"
		" WHERE program_id = $1 AND plan_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	static CorePlan drop = {
		.sql = "DELETE FROM community.commission_plan"
		" WHERE program_id = $1 AND plan_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	static CorePlan end = {
		.sql = "UPDATE community.commission_plan"
		" SET valid = tstzrange(lower(valid), $3)"
		" WHERE program_id = $1 AND plan_id = $2",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID}
	};
	Datum		values[3];
	bool		isnull;
	int64		id;
	bool		drops;

	values[0] = Int64GetDatum(program);
	values[1] = name;
	values[2] = TimestampTzGetDatum(at);
	*until = DT_NOEND;
	core_run(&find, values, NULL, false);
	if (SPI_processed == 0)
		return 0;
	id = core_int64(0, 1);
	*until = DatumGetTimestampTz(core_field(0, 2, &isnull));
	drops = core_bool(0, 3);
	values[1] = Int64GetDatum(id);
	if (drops)
	{
		core_run(&drop_rates, values, NULL, false);
		core_run(&drop, values, NULL, false);
	}
	else
		core_run(&end, values, NULL, false);
	return id;
}

/* Refuse rates that are no rates, and say which. */
static void
check_rates(Datum rates)
{
	static CorePlan plan = {
		.sql = "SELECT r.value::text FROM jsonb_array_elements($1) AS r"
		" WHERE CASE jsonb_typeof(r.value) WHEN 'number' THEN false"
		"  WHEN 'object' THEN jsonb_typeof(r.value -> 'rate') IS DISTINCT FROM 'number'"
		"   OR coalesce(jsonb_typeof(r.value -> 'level'), 'number') NOT IN ('number', 'null')"
		"   OR coalesce(r.value ->> 'level', '1') !~ '^[0-9]{1,4}$'"
		"   OR coalesce(jsonb_typeof(r.value -> 'tier'), 'string') NOT IN ('string', 'null')"
		"   OR coalesce(jsonb_typeof(r.value -> 'type'), 'string') NOT IN ('string', 'null')"
		"   OR r.value - '{rate,level,tier,type}'::text[] <> '{}'"
		"  ELSE true END LIMIT 1",
		.nargs = 1,
		.argtypes = {JSONBOID}
	};
	Jsonb	   *document = DatumGetJsonbP(rates);
	Datum		values[1];

	if (!JB_ROOT_IS_ARRAY(document) || JB_ROOT_IS_SCALAR(document) ||
		JB_ROOT_COUNT(document) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rates must be a JSON array of rates, not %s",
						JsonbToCString(NULL, &document->root,
									   VARSIZE(document)))));
	values[0] = rates;
	core_run(&plan, values, NULL, false);
	if (SPI_processed > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is not a rate of a commission plan",
						core_text(0, 1)),
				 errhint("A rate is a number, for the level of its place, or an object with rate and level, tier or type.")));
}

static int64
find_currency(int64 program, Datum code)
{
	static CorePlan plan = {
		.sql = "SELECT currency_id FROM community.currency"
		" WHERE program_id = $1 AND code = $2",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTOID}
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = code;
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("currency \"%s\" of program \"%s\" does not exist",
						TextDatumGetCString(code),
						core_program_name(program))));
	return core_int64(0, 1);
}

static int64
find_ladder(int64 program, Datum name)
{
	static CorePlan plan = {
		.sql = "SELECT ladder_id FROM community.ladder"
		" WHERE program_id = $1 AND name = $2",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTOID}
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = name;
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("ladder \"%s\" of program \"%s\" does not exist",
						TextDatumGetCString(name),
						core_program_name(program))));
	return core_int64(0, 1);
}

static void
check_time(TimestampTz at)
{
	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("time must be finite, not \"%s\"",
						timestamptz_to_str(at))));
}

static int64
insert_plan(FunctionCallInfo fcinfo, int64 program, TimestampTz until)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.commission_plan (program_id, name,"
		" types, currency_id, kind, compression, levels, override_rate,"
		" matching_rate, ceiling_rate, ladder_id, least_tier, leader_tier,"
		" member_filter, payload_filter, minimum_amount, first_events,"
		" first_time, pending_for, valid) VALUES ($1, $2, $3, $4, $5, $6, $7,"
		" $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,"
		" tstzrange($20, nullif($21, 'infinity'))) RETURNING plan_id",
		.nargs = 21,
		.argtypes = {INT8OID, TEXTOID, TEXTARRAYOID, INT8OID, TEXTOID,
			BOOLOID, INT4OID, NUMERICOID, NUMERICOID, NUMERICOID, INT8OID,
			TEXTOID, TEXTOID, JSONBOID, JSONBOID, INT8OID, INT4OID,
		INTERVALOID, INTERVALOID, TIMESTAMPTZOID, TIMESTAMPTZOID}
	};
	Datum		values[21];
	char		nulls[22];
	int			i;

	memset(nulls, ' ', sizeof(nulls));
	nulls[21] = '\0';
	values[0] = Int64GetDatum(program);
	values[1] = PG_GETARG_DATUM(DEFINE_NAME);
	values[2] = PG_GETARG_DATUM(DEFINE_TYPES);
	values[3] = Int64GetDatum(find_currency(program,
											PG_GETARG_DATUM(DEFINE_CURRENCY)));
	for (i = DEFINE_KIND; i <= DEFINE_PENDING_FOR; i++)
	{
		values[i] = PG_GETARG_DATUM(i);
		if (PG_ARGISNULL(i))
			nulls[i] = 'n';
	}
	if (!PG_ARGISNULL(DEFINE_LADDER))
		values[DEFINE_LADDER] =
			Int64GetDatum(find_ladder(program,
									  PG_GETARG_DATUM(DEFINE_LADDER)));
	values[19] = PG_GETARG_DATUM(DEFINE_FROM_TIME);
	values[20] = TimestampTzGetDatum(until);
	core_run(&plan, values, nulls, false);
	return core_int64(0, 1);
}

static void
insert_rates(int64 program, int64 id, Datum rates)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.commission_rate (program_id, plan_id,"
		" level, tier, type, rate)"
		" SELECT $1, $2, CASE jsonb_typeof(r.value) WHEN 'number'"
		"  THEN r.number ELSE (r.value ->> 'level')::int END,"
		" r.value ->> 'tier', r.value ->> 'type',"
		" CASE jsonb_typeof(r.value) WHEN 'number' THEN r.value #>> '{}'"
		"  ELSE r.value ->> 'rate' END::numeric"
		" FROM jsonb_array_elements($3) WITH ORDINALITY AS r (value, number)"
		" ORDER BY r.number",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, JSONBOID}
	};
	Datum		values[3];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(id);
	values[2] = rates;
	core_run(&plan, values, NULL, false);
}

/* define_commission_plan(name, types, rates, ...) -> bigint; see the enum */
Datum
community_define_commission_plan(PG_FUNCTION_ARGS)
{
	static const char *const names[DEFINE_ARGUMENTS] = {"name", "types",
		"rates", "currency", "kind", "compression", "levels",
		"override_rate", "matching_rate", "ceiling_rate", "ladder",
		"least_tier", "leader_tier", "member_filter", "payload_filter",
		"minimum_amount", "first_events", "first_time", "pending_for",
	"from_time", "program"};
	CoreScope	scope;
	TimestampTz until;
	int64		program;
	int64		id;

	core_refuse_nulls(fcinfo, "define_commission_plan", names,
					  OPTIONAL_ARGUMENTS);
	(void) core_name_argument(PG_GETARG_TEXT_PP(DEFINE_NAME), "name");
	check_time(PG_GETARG_TIMESTAMPTZ(DEFINE_FROM_TIME));
	program = PG_GETARG_INT64(DEFINE_PROGRAM);
	core_enter(&scope);
	if (!core_lock_program(program))
		(void) core_program_name(program);
	check_rates(PG_GETARG_DATUM(DEFINE_RATES));
	(void) end_version(program, PG_GETARG_DATUM(DEFINE_NAME),
					   PG_GETARG_TIMESTAMPTZ(DEFINE_FROM_TIME), &until);
	id = insert_plan(fcinfo, program, until);
	insert_rates(program, id, PG_GETARG_DATUM(DEFINE_RATES));
	core_leave(&scope);
	PG_RETURN_INT64(id);
}

/* close_commission_plan(name, from_time, program) -> bigint */
Datum
community_close_commission_plan(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"name", "from_time", "program"};
	CoreScope	scope;
	TimestampTz until;
	int64		program;
	int64		id;

	core_refuse_nulls(fcinfo, "close_commission_plan", names, 0);
	check_time(PG_GETARG_TIMESTAMPTZ(1));
	program = PG_GETARG_INT64(2);
	core_enter(&scope);
	if (!core_lock_program(program))
		(void) core_program_name(program);
	id = end_version(program, PG_GETARG_DATUM(0), PG_GETARG_TIMESTAMPTZ(1),
					 &until);
	if (id == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("no commission plan \"%s\" of program \"%s\" is valid at %s",
						TextDatumGetCString(PG_GETARG_DATUM(0)),
						core_program_name(program),
						timestamptz_to_str(PG_GETARG_TIMESTAMPTZ(1)))));
	core_leave(&scope);
	PG_RETURN_INT64(id);
}
