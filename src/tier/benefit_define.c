/*-------------------------------------------------------------------------
 *
 * benefit_define.c
 *	  Making benefits, and letting tiers bring them, with words for what is
 *	  wrong: define_benefit(), list_benefit().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/rangetypes.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "period/period.h"

PG_FUNCTION_INFO_V1(community_define_benefit);
PG_FUNCTION_INFO_V1(community_list_benefit);

/* arguments of define_benefit() */
enum
{
	BENEFIT_CODE, BENEFIT_KIND, BENEFIT_CURRENCY, BENEFIT_FACTOR,
	BENEFIT_RULES, BENEFIT_POINTS, BENEFIT_PERIOD, BENEFIT_PAYLOAD,
	BENEFIT_PROGRAM, BENEFIT_ARGUMENTS
};

/* Which of the arguments a kind needs, and which it may have. */
typedef struct KindOfBenefit
{
	const char *name;
	uint32		needs;
	uint32		may_have;
} KindOfBenefit;

#define BIT(argument)	(1U << (argument))

static const KindOfBenefit kinds[] = {
	{"multiplier", BIT(BENEFIT_CURRENCY) | BIT(BENEFIT_FACTOR),
	BIT(BENEFIT_RULES)},
	{"allowance",
	BIT(BENEFIT_CURRENCY) | BIT(BENEFIT_POINTS) | BIT(BENEFIT_PERIOD), 0},
	{"points", BIT(BENEFIT_CURRENCY) | BIT(BENEFIT_POINTS), 0},
	{"flag", 0, BIT(BENEFIT_PAYLOAD)}
};

static const char *const argument_names[] = {
	"code", "kind", "currency", "factor", "rules", "points", "period",
	"payload", "program"
};

static void
check_not_null(FunctionCallInfo fcinfo, int argument, const char *name,
			   const char *function)
{
	if (PG_ARGISNULL(argument))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument %s of %s() must not be null", name,
						function)));
}

/* Every kind has arguments of its own. */
static void
check_kind(FunctionCallInfo fcinfo)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(BENEFIT_KIND));
	const KindOfBenefit *kind = NULL;
	int			i;

	for (i = 0; i < lengthof(kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			kind = &kinds[i];
	if (kind == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("kind of benefit \"%s\" is unknown", name),
				 errhint("The kinds are \"multiplier\", \"allowance\", \"points\" and \"flag\".")));
	for (i = BENEFIT_CURRENCY; i <= BENEFIT_PAYLOAD; i++)
	{
		if (PG_ARGISNULL(i) && (kind->needs & BIT(i)) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a benefit of kind \"%s\" needs argument %s",
							name, argument_names[i])));
		if (!PG_ARGISNULL(i) && ((kind->needs | kind->may_have) & BIT(i)) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a benefit of kind \"%s\" has no argument %s",
							name, argument_names[i])));
	}
}

/* The currency of that code, or an error; 0 for none. */
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
						core_program_name(program)),
				 errhint("Currencies are the rows of community.currency.")));
	return core_int64(0, 1);
}

/* What numbers must be, which constraints say less well. */
static void
check_numbers(FunctionCallInfo fcinfo)
{
	static CorePlan plan = {
		.sql = "SELECT $1 > 0 AND $1 <= 1000000 AND $1 = round($1, 6)",
		.nargs = 1,
		.argtypes = {NUMERICOID}
	};
	Datum		factor;

	if (!PG_ARGISNULL(BENEFIT_POINTS) &&
		(PG_GETARG_INT64(BENEFIT_POINTS) < 1 ||
		 PG_GETARG_INT64(BENEFIT_POINTS) > INT64CONST(1000000000000000)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("points of a benefit must be 1 to %lld, not %lld",
						(long long) INT64CONST(1000000000000000),
						(long long) PG_GETARG_INT64(BENEFIT_POINTS))));
	if (!PG_ARGISNULL(BENEFIT_RULES) &&
		(ArrayGetNItems(ARR_NDIM(PG_GETARG_ARRAYTYPE_P(BENEFIT_RULES)),
						ARR_DIMS(PG_GETARG_ARRAYTYPE_P(BENEFIT_RULES))) == 0 ||
		 array_contains_nulls(PG_GETARG_ARRAYTYPE_P(BENEFIT_RULES))))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rules of a benefit must be names, at least one"),
				 errhint("Null stands for all rules of the currency.")));
	if (!PG_ARGISNULL(BENEFIT_PERIOD) &&
		PG_GETARG_PERIOD_P(BENEFIT_PERIOD)->kind == PERIOD_ROLLING)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("an allowance cannot have the period \"%s\"",
						period_text(PG_GETARG_PERIOD_P(BENEFIT_PERIOD))),
				 errdetail("What expires with its period needs one that ends: calendar, anniversary or lifetime.")));
	if (PG_ARGISNULL(BENEFIT_FACTOR))
		return;
	factor = PG_GETARG_DATUM(BENEFIT_FACTOR);
	core_run(&plan, &factor, NULL, true);
	if (!core_bool(0, 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("factor %s of a benefit is out of range",
						DatumGetCString(DirectFunctionCall1(numeric_out,
															factor))),
				 errdetail("A factor is more than 0, at most 1000000, and has up to six decimals.")));
}

#define BENEFIT_VALUES \
	"(b.kind, b.currency_id, b.factor, b.rules, b.points, b.period::text," \
	" b.payload) IS NOT DISTINCT FROM ($3, $4, $5, $6, $7, $8, $9)"

/* The benefit of that code, which must be the same; 0 when there is none. */
static int64
find_same(Datum *values, const char *nulls)
{
	static CorePlan plan = {
		.sql = "SELECT b.benefit_id, " BENEFIT_VALUES
		" FROM community.benefit AS b"
		" WHERE b.program_id = $1 AND b.code = $2",
		.nargs = 9,
		.argtypes = {INT8OID, TEXTOID, TEXTOID, INT8OID, NUMERICOID,
		TEXTARRAYOID, INT8OID, TEXTOID, JSONBOID}
	};

	core_run(&plan, values, nulls, false);
	if (SPI_processed == 0)
		return 0;
	if (!core_bool(0, 2))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("benefit \"%s\" exists, and is another",
						TextDatumGetCString(values[1])),
				 errhint("Give this one another code, or say what is different in \"tier_benefit\".")));
	return core_int64(0, 1);
}

/*
 * define_benefit(code, kind, currency, factor, rules, points, period,
 * payload, program) -> bigint
 */
Datum
community_define_benefit(PG_FUNCTION_ARGS)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.benefit (program_id, code, kind,"
		" currency_id, factor, rules, points, period, payload)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8::community.period, $9)"
		" RETURNING benefit_id",
		.nargs = 9,
		.argtypes = {INT8OID, TEXTOID, TEXTOID, INT8OID, NUMERICOID,
		TEXTARRAYOID, INT8OID, TEXTOID, JSONBOID}
	};
	Datum		values[9];
	char		nulls[10] = "         ";
	CoreScope	scope;
	int64		program;
	int64		id;
	int			i;

	check_not_null(fcinfo, BENEFIT_CODE, "code", "define_benefit");
	check_not_null(fcinfo, BENEFIT_KIND, "kind", "define_benefit");
	check_not_null(fcinfo, BENEFIT_PROGRAM, "program", "define_benefit");
	(void) core_name_argument(PG_GETARG_TEXT_PP(BENEFIT_CODE),
							  "code of a benefit");
	check_kind(fcinfo);
	program = PG_GETARG_INT64(BENEFIT_PROGRAM);
	values[0] = Int64GetDatum(program);
	for (i = BENEFIT_CODE; i <= BENEFIT_PAYLOAD; i++)
	{
		values[i + 1] = PG_GETARG_DATUM(i);
		if (PG_ARGISNULL(i))
			nulls[i + 1] = 'n';
	}
	if (!PG_ARGISNULL(BENEFIT_PERIOD))
	{
		Period	   *period = PG_GETARG_PERIOD_P(BENEFIT_PERIOD);

		values[BENEFIT_PERIOD + 1] =
			CStringGetTextDatum(period_text(period));
	}
	core_enter(&scope);
	check_numbers(fcinfo);
	if (!PG_ARGISNULL(BENEFIT_CURRENCY))
		values[BENEFIT_CURRENCY + 1] =
			Int64GetDatum(find_currency(program,
										PG_GETARG_DATUM(BENEFIT_CURRENCY)));
	id = find_same(values, nulls);
	if (id == 0)
	{
		core_run(&plan, values, nulls, false);
		id = core_int64(0, 1);
	}
	core_leave(&scope);
	PG_RETURN_INT64(id);
}

/* The id that a query finds by program and name, or an error. */
static int64
find_named(CorePlan *plan, int64 program, Datum name, const char *what)
{
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = name;
	core_run(plan, values, NULL, false);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("%s \"%s\" of program \"%s\" does not exist", what,
						TextDatumGetCString(name),
						core_program_name(program))));
	return core_int64(0, 1);
}

/*
 * list_benefit(ladder, tier, benefit, factor, points, payload, valid,
 * program) -> bigint
 */
Datum
community_list_benefit(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"ladder", "tier", "benefit"};
	static CorePlan ladder = {
		.sql = "SELECT ladder_id FROM community.ladder"
		" WHERE program_id = $1 AND name = $2",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTOID}
	};
	static CorePlan benefit = {
		.sql = "SELECT benefit_id FROM community.benefit"
		" WHERE program_id = $1 AND code = $2",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTOID}
	};
	static CorePlan insert = {
		.sql = "INSERT INTO community.tier_benefit (program_id, ladder_id,"
		" tier, benefit_id, factor, points, payload, valid)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING listing_id",
		.nargs = 8,
		.argtypes = {INT8OID, INT8OID, TEXTOID, INT8OID, NUMERICOID, INT8OID,
		JSONBOID, TSTZRANGEOID}
	};
	Datum		values[8];
	char		nulls[9] = "        ";
	CoreScope	scope;
	int64		program;
	int64		id;
	int			i;

	for (i = 0; i < lengthof(names); i++)
		check_not_null(fcinfo, i, names[i], "list_benefit");
	check_not_null(fcinfo, 6, "valid", "list_benefit");
	check_not_null(fcinfo, 7, "program", "list_benefit");
	program = PG_GETARG_INT64(7);
	core_enter(&scope);
	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(find_named(&ladder, program,
										 PG_GETARG_DATUM(0), "ladder"));
	values[2] = PG_GETARG_DATUM(1);
	values[3] = Int64GetDatum(find_named(&benefit, program,
										 PG_GETARG_DATUM(2), "benefit"));
	for (i = 3; i <= 6; i++)
	{
		values[i + 1] = PG_GETARG_DATUM(i);
		if (PG_ARGISNULL(i))
			nulls[i + 1] = 'n';
	}
	core_run(&insert, values, nulls, false);
	id = core_int64(0, 1);
	core_leave(&scope);
	PG_RETURN_INT64(id);
}
