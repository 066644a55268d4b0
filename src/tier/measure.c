/*-------------------------------------------------------------------------
 *
 * measure.c
 *	  define_measure(): what ladders and awards count.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "tier/config.h"

PG_FUNCTION_INFO_V1(community_define_measure);

/* columns of a measure, as define_measure() takes them */
enum
{
	MEASURE_PROGRAM, MEASURE_NAME, MEASURE_KIND, MEASURE_TYPES,
	MEASURE_FILTER, MEASURE_CURRENCY, MEASURE_FUNCTION, MEASURE_ROLE,
	MEASURE_SIDE, MEASURE_COLUMNS
};

/* The kinds, and what beside a name they are made of. */
typedef enum Ingredient
{
	OF_EVENTS,
	OF_CURRENCY,
	OF_FUNCTION,
	OF_NOTHING
} Ingredient;

static const struct
{
	const char *name;
	Ingredient	of;
}			kinds[] = {
	{"sum", OF_EVENTS}, {"count", OF_EVENTS}, {"maximum", OF_EVENTS},
	{"distinct_days", OF_EVENTS}, {"distinct_counterparts", OF_EVENTS},
	{"points", OF_CURRENCY}, {"engagement", OF_NOTHING},
	{"membership_days", OF_NOTHING}, {"function", OF_FUNCTION},
	{"qualified_referrals", OF_NOTHING}
};

static Ingredient
ingredient_of(const char *kind, const char *measure)
{
	int			i;

	for (i = 0; i < lengthof(kinds); i++)
		if (strcmp(kinds[i].name, kind) == 0)
			return kinds[i].of;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("kind \"%s\" of measure \"%s\" is not known", kind,
					measure),
			 errhint("It is sum, count, maximum, distinct_days, distinct_counterparts, points, engagement, membership_days, qualified_referrals or function.")));
	return OF_NOTHING;			/* keep compiler quiet */
}

/* An argument must be there for the kinds that need it, and for no other. */
static void
check_argument(FunctionCallInfo fcinfo, int argument, const char *what,
			   bool wanted, bool needed, const char *kind,
			   const char *measure)
{
	if (!PG_ARGISNULL(argument) && !wanted)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("measure \"%s\" of kind %s takes no %s", measure,
						kind, what)));
	if (PG_ARGISNULL(argument) && needed)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("measure \"%s\" of kind %s needs a %s", measure,
						kind, what)));
}

/* Whose events count; what others do to a member is of events alone. */
static void
check_side(text *side, Ingredient of, const char *kind, const char *measure)
{
	if (core_text_is(side, "actor"))
		return;
	if (!core_text_is(side, "target"))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("side \"%s\" of measure \"%s\" is not known",
						text_to_cstring(side), measure),
				 errhint("It is actor, for what members do, or target, for what is done to them.")));
	if (of != OF_EVENTS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("measure \"%s\" of kind %s takes no side but actor",
						measure, kind),
				 errdetail("Nobody but the member itself can do what it counts.")));
}

/* Types of event, each a name; not none at all, which would count nothing. */
static void
check_types(ArrayType *types, const char *measure)
{
	Datum	   *elements;
	bool	   *nulls;
	int			count;
	int			i;

	deconstruct_array(types, TEXTOID, -1, false, TYPALIGN_INT, &elements,
					  &nulls, &count);
	if (count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("types of measure \"%s\" must not be empty",
						measure),
				 errhint("Null stands for all types.")));
	for (i = 0; i < count; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("types of measure \"%s\" must not contain null",
							measure)));
		(void) core_name_argument(DatumGetTextPP(elements[i]), "event type");
	}
}

static void
check_filter(Jsonb *filter, const char *measure)
{
	if (!JB_ROOT_IS_OBJECT(filter))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("payload_filter of measure \"%s\" must be a JSON object, not %s",
						measure, JsonbToCString(NULL, &filter->root,
												VARSIZE(filter))),
				 errdetail("Events count whose payload contains it.")));
}

static Datum
find_currency(int64 program, Datum code, const char *measure)
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
				 errmsg("currency \"%s\" of measure \"%s\" does not exist in program \"%s\"",
						TextDatumGetCString(code), measure,
						core_program_name(program))));
	return Int64GetDatum(core_int64(0, 1));
}

/* Types are kept in order, each once, so equal measures are equal rows. */
#define TYPES "(SELECT array_agg(DISTINCT t ORDER BY t) FROM unnest($4) AS t)"
/* what contains {} is every payload */
#define FILTER "nullif($5, '{}')"

/* The id of that measure, or an error when there is another of that name. */
static int64
insert_measure(Datum *values, const char *nulls, const char *measure)
{
	static CorePlan insert = {
		.sql = "INSERT INTO community.measure (program_id, name, kind, types,"
		" payload_filter, currency_id, function, registered_by, side)"
		" SELECT p.program_id, $2, $3, " TYPES ", " FILTER ", $6, $7, $8, $9"
		" FROM community.program AS p WHERE p.program_id = $1"
		" ON CONFLICT (program_id, name) DO NOTHING RETURNING measure_id",
		.nargs = MEASURE_COLUMNS,
		.argtypes = {INT8OID, TEXTOID, TEXTOID, TEXTARRAYOID, JSONBOID,
		INT8OID, TEXTOID, TEXTOID, TEXTOID}
	};
	static CorePlan find = {
		.sql = "SELECT m.measure_id, ROW(m.kind, m.types, m.payload_filter,"
		"  m.currency_id, m.function, m.side) IS NOT DISTINCT FROM"
		"  ROW($3, " TYPES ", " FILTER ", $6, $7, $9) AND (m.function IS NULL OR m.registered_by = $8),"
		" concat_ws(', ', 'kind ' || m.kind,"
		"  'side ' || nullif(m.side, 'actor'), 'types ' || m.types::text,"
		"  'payload_filter ' || m.payload_filter::text, 'currency ' ||"
		"  (SELECT c.code FROM community.currency AS c WHERE c.program_id = $1"
		"   AND c.currency_id = m.currency_id),"
		"  'function ' || m.function || ' of role ' || m.registered_by)"
		" FROM community.measure AS m WHERE m.program_id = $1 AND m.name = $2",
		.nargs = MEASURE_COLUMNS,
		.argtypes = {INT8OID, TEXTOID, TEXTOID, TEXTARRAYOID, JSONBOID,
		INT8OID, TEXTOID, TEXTOID, TEXTOID}
	};

	core_run(&insert, values, nulls, false);
	if (SPI_processed == 1)
		return core_int64(0, 1);
	(void) core_program_name(DatumGetInt64(values[MEASURE_PROGRAM]));
	core_run(&find, values, nulls, false);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not define measure \"%s\" because of a concurrent change",
						measure),
				 errhint("Try again.")));
	if (!core_bool(0, 2))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("measure \"%s\" exists already, with another definition",
						measure),
				 errdetail("It is of %s.", core_text(0, 3)),
				 errhint("Give another name; a measure that no published ladder uses can be deleted.")));
	return core_int64(0, 1);
}

/*
 * define_measure(name, kind, types, payload_filter, currency, function,
 * side, program) -> bigint
 */
Datum
community_define_measure(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"name", "kind", "types",
	"payload_filter", "currency", "function", "side", "program"};
	Datum		values[MEASURE_COLUMNS] = {0};
	char		nulls[MEASURE_COLUMNS + 1];
	TierFunction function = {0};
	Ingredient	of;
	CoreScope	scope;
	char	   *name;
	char	   *kind;
	int64		result;

	core_refuse_nulls(fcinfo, "define_measure", names, 0x3C);
	name = core_name_argument(PG_GETARG_TEXT_PP(0), "measure name");
	kind = text_to_cstring(PG_GETARG_TEXT_PP(1));
	of = ingredient_of(kind, name);
	check_argument(fcinfo, 2, "types", of == OF_EVENTS, false, kind, name);
	check_argument(fcinfo, 3, "payload_filter", of == OF_EVENTS, false, kind,
				   name);
	check_argument(fcinfo, 4, "currency", of == OF_CURRENCY,
				   of == OF_CURRENCY, kind, name);
	check_argument(fcinfo, 5, "function", of == OF_FUNCTION,
				   of == OF_FUNCTION, kind, name);
	check_side(PG_GETARG_TEXT_PP(6), of, kind, name);

	memset(nulls, ' ', MEASURE_COLUMNS);
	nulls[MEASURE_COLUMNS] = '\0';
	nulls[MEASURE_TYPES] = PG_ARGISNULL(2) ? 'n' : ' ';
	nulls[MEASURE_FILTER] = PG_ARGISNULL(3) ? 'n' : ' ';
	nulls[MEASURE_CURRENCY] = PG_ARGISNULL(4) ? 'n' : ' ';
	nulls[MEASURE_FUNCTION] = PG_ARGISNULL(5) ? 'n' : ' ';
	values[MEASURE_PROGRAM] = PG_GETARG_DATUM(7);
	values[MEASURE_NAME] = PG_GETARG_DATUM(0);
	values[MEASURE_KIND] = PG_GETARG_DATUM(1);
	if (!PG_ARGISNULL(2))
	{
		check_types(PG_GETARG_ARRAYTYPE_P(2), name);
		values[MEASURE_TYPES] = PG_GETARG_DATUM(2);
	}
	if (!PG_ARGISNULL(3))
	{
		check_filter(PG_GETARG_JSONB_P(3), name);
		values[MEASURE_FILTER] = PG_GETARG_DATUM(3);
	}
	/* as the caller, who need not see our tables nor the owner its function */
	function.role = GetUserNameFromId(GetUserId(), false);
	if (!PG_ARGISNULL(5))
	{
		tier_config_function(PG_GETARG_TEXT_PP(5), name, &function);
		values[MEASURE_FUNCTION] = CStringGetTextDatum(function.name);
	}
	values[MEASURE_ROLE] = CStringGetTextDatum(function.role);
	values[MEASURE_SIDE] = PG_GETARG_DATUM(6);

	core_enter(&scope);
	if (!PG_ARGISNULL(4))
		values[MEASURE_CURRENCY] = find_currency(PG_GETARG_INT64(7),
												 PG_GETARG_DATUM(4), name);
	result = insert_measure(values, nulls, name);
	core_leave(&scope);
	PG_RETURN_INT64(result);
}
