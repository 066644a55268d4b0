/*-------------------------------------------------------------------------
 *
 * model_define.c
 *	  define_score_model(): a model of a composite score, or its next version.
 *
 * Components come as JSON, one object each, and become rows.  They are looked
 * at one by one, so that a fault names component, value and limit.
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
#include "score/model.h"

PG_FUNCTION_INFO_V1(community_define_score_model);

/* what a component may say, in the order in which it is bound */
enum
{
	FIELD_CODE, FIELD_KIND, FIELD_MEASURE, FIELD_PERIOD, FIELD_TYPES,
	FIELD_AGAINST, FIELD_METHOD, FIELD_SIDE, FIELD_HORIZON, FIELD_TRANSFORM,
	FIELD_CAP, FIELD_WEIGHT, FIELD_GIVERS, FIELD_GIVER_TYPES, FIELDS
};

static const struct
{
	const char *name;
	const char *type;			/* of its JSON */
}			fields[FIELDS] = {
	{"code", "string"}, {"kind", "string"}, {"measure", "string"},
	{"period", "string"}, {"types", "array"}, {"against", "array"},
	{"method", "string"}, {"side", "string"}, {"horizon", "number"},
	{"transform", "string"}, {"cap", "number"}, {"weight", "number"},
	{"minimum_givers", "number"}, {"giver_types", "array"}
};

/* What each kind takes beside code, transform, cap, weight and givers. */
#define TAKES(field)	(1 << (field))

static const struct
{
	const char *kind;
	int			takes;
	int			needs;
	const char *methods[4];		/* the first is the default */
	const char *sides[3];
}			kinds[] = {

	{"measure", TAKES(FIELD_MEASURE) | TAKES(FIELD_PERIOD),
	TAKES(FIELD_MEASURE), {NULL}, {NULL}},
	{"engagement", 0, 0, {NULL}, {NULL}},
	{"rfm", 0, 0, {NULL}, {NULL}},
	{"lifetime_value", TAKES(FIELD_METHOD) | TAKES(FIELD_HORIZON), 0,
	{"mbg_nbd", "bg_nbd", "pareto_nbd", NULL}, {NULL}},
	{"pagerank", TAKES(FIELD_PERIOD) | TAKES(FIELD_TYPES), 0, {NULL}, {NULL}},
	{"referrals", TAKES(FIELD_PERIOD), 0, {NULL}, {NULL}},
	{"referral_value", TAKES(FIELD_PERIOD), 0, {NULL}, {NULL}},
	{"esteem", TAKES(FIELD_PERIOD) | TAKES(FIELD_TYPES) |
		TAKES(FIELD_AGAINST) | TAKES(FIELD_METHOD), TAKES(FIELD_TYPES),
	{"wilson", "mean", NULL}, {NULL}},
	{"contribution", TAKES(FIELD_PERIOD) | TAKES(FIELD_TYPES) |
		TAKES(FIELD_METHOD) | TAKES(FIELD_SIDE), 0,
	{"count", "amount", NULL}, {"given", "received", NULL}}
};

#define ALL_TAKE \
	(TAKES(FIELD_CODE) | TAKES(FIELD_KIND) | TAKES(FIELD_TRANSFORM) | \
	 TAKES(FIELD_CAP) | TAKES(FIELD_WEIGHT) | TAKES(FIELD_GIVERS) | \
	 TAKES(FIELD_GIVER_TYPES))

/* A component as it was given: texts, NULL for what was not. */
typedef struct Given
{
	const char *model;
	int			number;
	char	   *field[FIELDS];
	int			kind;
} Given;

/* How messages call a component. */
static char *
call(const Given *given)
{
	if (given->field[FIELD_CODE] != NULL)
		return psprintf("component \"%s\" of score model \"%s\"",
						given->field[FIELD_CODE], given->model);
	return psprintf("component %d of score model \"%s\"", given->number,
					given->model);
}

/* ----- reading ----- */

static void
take_field(Given *given, const char *name, const char *type, char *value)
{
	int			f;

	for (f = 0; f < FIELDS; f++)
		if (strcmp(fields[f].name, name) == 0)
			break;
	if (f == FIELDS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s says \"%s\", which is not known", call(given),
						name),
				 errhint("A component has code, kind, transform, cap, weight, minimum_givers, giver_types, and by its kind measure, period, types, against, method, side and horizon.")));
	if (strcmp(type, "null") == 0)
		return;
	if (strcmp(type, fields[f].type) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" of %s must be a JSON %s, not %s", name,
						call(given), fields[f].type, value)));
	given->field[f] = value;
}

/* All components as they were given; palloc'd in the present context. */
static Given *
read_components(const char *model, Datum components, int *count)
{
	static CorePlan plan = {
		.sql = "SELECT x.n, f.key, jsonb_typeof(f.value), f.value #>> '{}'"
		" FROM (SELECT c, row_number() OVER () AS n,"
		"   jsonb_typeof(c) = 'object' AS is_object"
		"  FROM jsonb_array_elements($1) AS c) AS x"
		" LEFT JOIN LATERAL jsonb_each(CASE WHEN x.is_object THEN x.c"
		"  ELSE '{\"\": null}' END) AS f ON true"
		" ORDER BY x.n, f.key <> 'code', f.key",
		.nargs = 1,
		.argtypes = {JSONBOID}
	};
	MemoryContext context = CurrentMemoryContext;
	Given	   *given;
	int			rows;
	int			i;

	*count = 0;
	if (JB_ROOT_IS_ARRAY(DatumGetJsonbP(components)))
		*count = JB_ROOT_COUNT(DatumGetJsonbP(components));
	if (*count < 1 || *count > SCORE_MODEL_COMPONENTS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("components of score model \"%s\" must be a JSON array of 1 to %d objects",
						model, SCORE_MODEL_COMPONENTS)));
	given = palloc0_array(Given, *count);
	for (i = 0; i < *count; i++)
	{
		given[i].model = model;
		given[i].number = i + 1;
	}
	core_run(&plan, &components, NULL, true);
	MemoryContextSwitchTo(context);
	rows = (int) SPI_processed;
	for (i = 0; i < rows; i++)
	{
		char	   *name = core_text(i, 2);

		if (name != NULL)
			take_field(&given[core_int64(i, 1) - 1], name, core_text(i, 3),
					   core_text(i, 4));
	}
	return given;
}

/* ----- checking ----- */

static void
refuse_value(const Given *given, int field, const char *limit)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s %s of %s is out of range", fields[field].name,
					given->field[field], call(given)),
			 errdetail("%s", limit)));
}

/* A number must be whole, or have few decimals, between two limits. */
static void
check_number(const Given *given, int field, const char *least,
			 const char *most, int decimals, const char *limit)
{
	static CorePlan plan = {
		.sql = "SELECT $1::numeric BETWEEN $2::numeric AND $3::numeric"
		" AND ($4 < 0 OR scale(trim_scale($1::numeric)) <= $4)",
		.nargs = 4,
		.argtypes = {TEXTOID, TEXTOID, TEXTOID, INT4OID}
	};
	MemoryContext context = CurrentMemoryContext;
	Datum		values[4];
	bool		in_range;

	if (given->field[field] == NULL)
		return;
	values[0] = CStringGetTextDatum(given->field[field]);
	values[1] = CStringGetTextDatum(least);
	values[2] = CStringGetTextDatum(most);
	values[3] = Int32GetDatum(decimals);
	core_run(&plan, values, NULL, true);
	in_range = core_bool(0, 1);
	MemoryContextSwitchTo(context);
	if (!in_range)
		refuse_value(given, field, limit);
}

/* A list of types of event must have some, each of them text. */
static void
check_types(const Given *given, int field)
{
	static CorePlan plan = {
		.sql = "SELECT count(*) > 0 AND coalesce(bool_and("
		" jsonb_typeof(e) = 'string' AND e #>> '{}' <> ''), false)"
		" FROM jsonb_array_elements($1::jsonb) AS e",
		.nargs = 1,
		.argtypes = {TEXTOID}
	};
	MemoryContext context = CurrentMemoryContext;
	Datum		value;
	bool		good;

	if (given->field[field] == NULL)
		return;
	value = CStringGetTextDatum(given->field[field]);
	core_run(&plan, &value, NULL, true);
	good = core_bool(0, 1);
	MemoryContextSwitchTo(context);
	if (!good)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s %s of %s must be types of event, one at least",
						fields[field].name, given->field[field],
						call(given))));
}

static void
find_kind(Given *given)
{
	const char *kind = given->field[FIELD_KIND];
	int			i;

	if (kind == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s has no kind", call(given))));
	for (i = 0; i < lengthof(kinds); i++)
		if (strcmp(kinds[i].kind, kind) == 0)
		{
			given->kind = i;
			return;
		}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("kind \"%s\" of %s is not known", kind, call(given)),
			 errhint("It is measure, engagement, rfm, lifetime_value, pagerank, referrals, referral_value, esteem or contribution.")));
}

/* One of a few words; the first one if nothing was said. */
static void
check_word(Given *given, int field, const char *const *words)
{
	StringInfoData list;
	int			i;

	if (words[0] == NULL)
		return;
	if (given->field[field] == NULL)
		given->field[field] = pstrdup(words[0]);
	initStringInfo(&list);
	for (i = 0; words[i] != NULL; i++)
	{
		if (strcmp(words[i], given->field[field]) == 0)
			return;
		appendStringInfo(&list, "%s%s", i == 0 ? "" : ", ", words[i]);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s \"%s\" of %s is not known", fields[field].name,
					given->field[field], call(given)),
			 errhint("It is one of %s.", list.data)));
}

static void
check_fields(const Given *given)
{
	int			takes = ALL_TAKE | kinds[given->kind].takes;
	int			f;

	for (f = 0; f < FIELDS; f++)
	{
		if (given->field[f] != NULL && (takes & TAKES(f)) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s of kind %s takes no %s", call(given),
							given->field[FIELD_KIND], fields[f].name)));
		if (given->field[f] == NULL &&
			(kinds[given->kind].needs & TAKES(f)) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s of kind %s needs %s", call(given),
							given->field[FIELD_KIND], fields[f].name)));
	}
}

static void
check_transform(Given *given)
{
	static const char *const words[] = {"linear", "log", "capped",
	"percentile", NULL};
	bool		percentile;

	check_word(given, FIELD_TRANSFORM, words);
	if (strcmp(given->field[FIELD_TRANSFORM], "capped") == 0)
		given->field[FIELD_TRANSFORM] = pstrdup("linear");
	percentile = strcmp(given->field[FIELD_TRANSFORM], "percentile") == 0;
	if (percentile && given->field[FIELD_CAP] != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s with transform percentile takes no cap",
						call(given))));
	if (!percentile && given->field[FIELD_CAP] == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s with transform %s needs a cap", call(given),
						given->field[FIELD_TRANSFORM])));
	check_number(given, FIELD_CAP, "1e-100", "1e100", -1,
				 "A cap is 1e-100 to 1e100.");
}

/* Periods that begin for each member at another time are for measures. */
static void
check_period(const Given *given)
{
	Period		period;
	bool		anniversary;

	if (given->field[FIELD_PERIOD] == NULL)
		return;
	if (period_parse(given->field[FIELD_PERIOD], &period) != PERIOD_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("period \"%s\" of %s is not known",
						given->field[FIELD_PERIOD], call(given)),
				 errhint("It is lifetime, rolling 90 days, calendar month and the like.")));
	anniversary = period.kind == PERIOD_ANNIVERSARY;
	if (anniversary && given->field[FIELD_MEASURE] == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s of kind %s takes no anniversary",
						call(given), given->field[FIELD_KIND]),
				 errhint("Define a measure, and count that.")));
	if (anniversary && given->field[FIELD_GIVERS] != NULL &&
		strtod(given->field[FIELD_GIVERS], NULL) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s takes no minimum of givers over an anniversary",
						call(given))));
}

static void
check_component(Given *given)
{
	find_kind(given);
	if (given->field[FIELD_CODE] == NULL)
		given->field[FIELD_CODE] = given->field[FIELD_KIND];
	(void) core_name_argument(cstring_to_text(given->field[FIELD_CODE]),
							  "code of a component");
	check_fields(given);
	check_word(given, FIELD_METHOD, kinds[given->kind].methods);
	check_word(given, FIELD_SIDE, kinds[given->kind].sides);
	check_transform(given);
	check_number(given, FIELD_HORIZON, "1", "1200", 0,
				 "It counts times of 30 days, 1 to 1200.");
	if (given->field[FIELD_WEIGHT] != NULL &&
		strtod(given->field[FIELD_WEIGHT], NULL) == 0)
		refuse_value(given, FIELD_WEIGHT, "A weight is not 0.");
	check_number(given, FIELD_WEIGHT, "-100000", "100000", 6,
				 "A weight is at most 100000 either way, with at most 6 decimals.");
	check_number(given, FIELD_GIVERS, "0", "1000000000", 0,
				 "It is a whole number, not negative.");
	check_types(given, FIELD_TYPES);
	check_types(given, FIELD_AGAINST);
	check_types(given, FIELD_GIVER_TYPES);
	check_period(given);
	if (given->field[FIELD_AGAINST] != NULL &&
		strcmp(given->field[FIELD_METHOD], "mean") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s with method mean takes no against",
						call(given)),
				 errdetail("The mean is that of the amounts of events.")));
}

/* ----- writing ----- */

/*
 * The model of that code; made when there is none.  The lock of the program
 * lets one session at a time define models: of two that each are to be the
 * main one, the second takes that from the first.
 */
static int64
open_model(int64 program, Datum code, Datum name, bool has_name, Datum main,
		   bool has_main)
{
	static CorePlan insert = {
		.sql = "INSERT INTO community.score_model (program_id, code, name, main)"
		" SELECT p.program_id, $2, coalesce($3, $2), false"
		" FROM community.program AS p WHERE p.program_id = $1"
		" ON CONFLICT (program_id, code) DO NOTHING",
		.nargs = 3,
		.argtypes = {INT8OID, TEXTOID, TEXTOID}
	};
	static CorePlan find = {
		.sql = "SELECT m.model_id FROM community.score_model AS m"
		" WHERE m.program_id = $1 AND m.code = $2",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTOID}
	};
	static CorePlan settle = {
		.sql = "UPDATE community.score_model AS m"
		" SET name = coalesce($3, m.name), main = coalesce($4, m.main OR"
		"  NOT EXISTS (SELECT FROM community.score_model AS o"
		"   WHERE o.program_id = $1 AND o.main))"
		" WHERE m.program_id = $1 AND m.model_id = $2",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, TEXTOID, BOOLOID}
	};
	static CorePlan yield = {
		.sql = "UPDATE community.score_model SET main = false"
		" WHERE program_id = $1 AND main AND model_id <> $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[4];
	char		nulls[5] = "    ";
	int64		model_id;

	(void) core_lock_program(program);
	values[0] = Int64GetDatum(program);
	values[1] = code;
	values[2] = name;
	values[3] = main;
	nulls[2] = has_name ? ' ' : 'n';
	core_run(&insert, values, nulls, false);
	core_run(&find, values, NULL, false);
	if (SPI_processed == 0)
	{
		(void) core_program_name(program);
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not define score model \"%s\" because of a concurrent change",
						TextDatumGetCString(code)),
				 errhint("Try again.")));
	}
	model_id = core_int64(0, 1);
	values[1] = Int64GetDatum(model_id);
	nulls[3] = has_main ? ' ' : 'n';
	if (has_main && DatumGetBool(main))
		core_run(&yield, values, NULL, false);
	core_run(&settle, values, nulls, false);
	return model_id;
}

enum
{
	VERSION_PROGRAM, VERSION_MODEL, VERSION_FROM, VERSION_LINE, VERSION_TOP,
	VERSION_KEEP, VERSION_DWELL, VERSION_EVERY, VERSION_COLUMNS
};

/*
 * Make room for a version from a time on: those that were to begin then or
 * later go, unless scores were computed with them, and the one before ends.
 */
static void
make_room(const char *model, Datum *values, const char *nulls)
{
	static CorePlan used = {
		.sql = "SELECT v.version::bigint, lower(v.valid)"
		" FROM community.score_model_version AS v"
		" WHERE v.program_id = $1 AND v.model_id = $2"
		" AND (lower(v.valid) >= $3 OR $3 IS NULL OR EXISTS (SELECT"
		"  FROM community.score_refresh AS r WHERE r.program_id = $1"
		"  AND r.version_id = v.version_id AND r.as_of >= $3))"
		" AND EXISTS (SELECT FROM community.score_refresh AS r"
		"  WHERE r.program_id = $1 AND r.version_id = v.version_id)"
		" LIMIT 1",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID}
	};
	static CorePlan rows = {
		.sql = "DELETE FROM community.score_component AS c"
		" USING community.score_model_version AS v"
		" WHERE v.program_id = $1 AND v.model_id = $2"
		" AND ($3 IS NULL OR lower(v.valid) >= $3)"
		" AND c.program_id = $1 AND c.version_id = v.version_id",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID}
	};
	static CorePlan heads = {
		.sql = "DELETE FROM community.score_model_version AS v"
		" WHERE v.program_id = $1 AND v.model_id = $2"
		" AND ($3 IS NULL OR lower(v.valid) >= $3)",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID}
	};
	static CorePlan end = {
		.sql = "UPDATE community.score_model_version AS v"
		" SET valid = tstzrange(lower(v.valid), $3)"
		" WHERE v.program_id = $1 AND v.model_id = $2 AND v.valid @> $3",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID}
	};

	const char *from = nulls[VERSION_FROM] == 'n' ? "-infinity" :
	timestamptz_to_str(DatumGetTimestampTz(values[VERSION_FROM]));

	core_run(&used, values, nulls, false);
	if (SPI_processed > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("score model \"%s\" cannot change from %s on: scores were computed with version %lld for then or later",
						model, from, (long long) core_int64(0, 1)),
				 errhint("Give a later valid_from.")));
	core_run(&rows, values, nulls, false);
	core_run(&heads, values, nulls, false);
	if (nulls[VERSION_FROM] != 'n')
		core_run(&end, values, nulls, false);
}

static int64
insert_version(Datum *values, const char *nulls)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.score_model_version (program_id,"
		" model_id, version, valid, line, top_share, keep, dwell, every)"
		" SELECT $1, $2, 1 + coalesce(max(v.version), 0),"
		"  tstzrange($3, NULL), trim_scale($4), trim_scale($5),"
		"  trim_scale($6), $7, $8::text"
		" FROM community.score_model_version AS v"
		" WHERE v.program_id = $1 AND v.model_id = $2 RETURNING version_id",
		.nargs = VERSION_COLUMNS,
		.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID, NUMERICOID, NUMERICOID,
		NUMERICOID, INTERVALOID, InvalidOid},
		.own_type = "period"
	};

	core_run(&plan, values, nulls, false);
	return core_int64(0, 1);
}

/* Types are kept in order, each once, so equal components are equal rows. */
#define TYPES(argument) \
	"(SELECT array_agg(DISTINCT t ORDER BY t)" \
	" FROM jsonb_array_elements_text(" argument "::jsonb) AS t)"

static void
insert_component(int64 program, int64 version_id, const Given *given)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.score_component (program_id, version_id,"
		" position, code, kind, measure_id, period, types, against, method,"
		" side, horizon, transform, cap, weight, minimum_givers, giver_types)"
		" SELECT $15, $16, $17, $1, $2, (SELECT m.measure_id"
		"   FROM community.measure AS m"
		"   WHERE m.program_id = $15 AND m.name = $3),"
		"  coalesce($4, 'lifetime')::community.period::text, " TYPES("$5") ","
		"  " TYPES("$6") ", $7, $8, CASE WHEN $2 = 'lifetime_value'"
		"   THEN coalesce($9::numeric, 12)::integer END, $10, $11::float8,"
		"  trim_scale(coalesce($12::numeric, 1)),"
		"  coalesce($13::numeric, 0)::integer, CASE WHEN $13::numeric > 0"
		"   THEN coalesce(" TYPES("$14") ", CASE WHEN $2 = 'esteem'"
		"    OR $8 = 'received' THEN " TYPES("$5") " || coalesce("
		TYPES("$6") ", '{}') END) END",
		.nargs = 17,
		.argtypes = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID,
			TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID,
		TEXTOID, INT8OID, INT8OID, INT4OID}
	};
	Datum		values[17];
	char		nulls[18];
	int			f;

	memset(nulls, ' ', 17);
	nulls[17] = '\0';
	for (f = 0; f < FIELDS; f++)
	{
		nulls[f] = given->field[f] == NULL ? 'n' : ' ';
		values[f] = given->field[f] == NULL ? (Datum) 0 :
			CStringGetTextDatum(given->field[f]);
	}
	values[14] = Int64GetDatum(program);
	values[15] = Int64GetDatum(version_id);
	values[16] = Int32GetDatum(given->number);
	core_run(&plan, values, nulls, false);
}

static void
check_measure(int64 program, const Given *given)
{
	static CorePlan plan = {
		.sql = "SELECT m.kind IN ('engagement', 'membership_days')"
		" FROM community.measure AS m WHERE m.program_id = $1 AND m.name = $2",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTOID}
	};
	Datum		values[2];
	Period		period;

	if (given->field[FIELD_MEASURE] == NULL)
		return;
	values[0] = Int64GetDatum(program);
	values[1] = CStringGetTextDatum(given->field[FIELD_MEASURE]);
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("measure \"%s\" of %s does not exist",
						given->field[FIELD_MEASURE], call(given)),
				 errhint("Measures are made by community.define_measure().")));
	if (core_bool(0, 1) && given->field[FIELD_PERIOD] != NULL &&
		period_parse(given->field[FIELD_PERIOD], &period) == PERIOD_OK &&
		period.kind != PERIOD_LIFETIME)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("measure \"%s\" of %s takes period lifetime alone",
						given->field[FIELD_MEASURE], call(given))));
}

/* Two components of one code could not be told apart. */
static void
check_codes(const Given *given, int count)
{
	int			i;
	int			j;

	for (i = 0; i < count; i++)
		for (j = 0; j < i; j++)
			if (strcmp(given[i].field[FIELD_CODE],
					   given[j].field[FIELD_CODE]) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_OBJECT),
						 errmsg("components %d and %d of score model \"%s\" have the same code \"%s\"",
								given[j].number, given[i].number,
								given[i].model, given[i].field[FIELD_CODE])));
}

/* The id of the version in force that is just like that, or 0. */
static int64
find_same(Datum *values, const char *nulls, int64 version_id)
{
	static CorePlan plan = {
		.sql = "SELECT v.version_id FROM community.score_model_version AS v,"
		" community.score_model_version AS n"
		" WHERE n.program_id = $1 AND n.version_id = $3"
		" AND v.program_id = $1 AND v.model_id = $2 AND v.version_id <> $3"
		" AND upper_inf(v.valid)"
		" AND ROW(v.line, v.top_share, v.keep, v.dwell, v.every)"
		"  IS NOT DISTINCT FROM"
		"  ROW(n.line, n.top_share, n.keep, n.dwell, n.every)"
		" AND (SELECT jsonb_agg(to_jsonb(c) - 'version_id' ORDER BY c.position)"
		"   FROM community.score_component AS c"
		"   WHERE c.program_id = $1 AND c.version_id = v.version_id)"
		"  = (SELECT jsonb_agg(to_jsonb(c) - 'version_id' ORDER BY c.position)"
		"   FROM community.score_component AS c"
		"   WHERE c.program_id = $1 AND c.version_id = n.version_id)",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, INT8OID}
	};
	Datum		asked[3];

	asked[0] = values[VERSION_PROGRAM];
	asked[1] = values[VERSION_MODEL];
	asked[2] = Int64GetDatum(version_id);
	core_run(&plan, asked, NULL, false);
	return SPI_processed == 0 ? 0 : core_int64(0, 1);
}

/* Take a version back that turned out to be there already. */
static void
forget_version(int64 program, int64 version_id)
{
	static CorePlan rows = {
		.sql = "DELETE FROM community.score_component"
		" WHERE program_id = $1 AND version_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	static CorePlan head = {
		.sql = "DELETE FROM community.score_model_version"
		" WHERE program_id = $1 AND version_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(version_id);
	core_run(&rows, values, NULL, false);
	core_run(&head, values, NULL, false);
}

static bool
model_has_versions(Datum *values)
{
	static CorePlan plan = {
		.sql = "SELECT FROM community.score_model_version"
		" WHERE program_id = $1 AND model_id = $2 LIMIT 1",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};

	core_run(&plan, values, NULL, false);
	return SPI_processed > 0;
}

/*
 * Write the version, unless the one in force is just like it; then its id is
 * given.
 */
static int64
write_version(const char *model, Datum *values, char *nulls,
			  const Given *given, int count)
{
	int64		program = DatumGetInt64(values[VERSION_PROGRAM]);
	int64		version_id;
	int64		same;
	int			i;

	/* the first one has always been in force, unless the caller says when */
	if (nulls[VERSION_FROM] == 'n' && model_has_versions(values))
	{
		values[VERSION_FROM] =
			TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
		nulls[VERSION_FROM] = ' ';
	}
	version_id = insert_version(values, nulls);
	for (i = 0; i < count; i++)
		insert_component(program, version_id, &given[i]);
	same = find_same(values, nulls, version_id);
	forget_version(program, version_id);
	if (same != 0)
		return same;
	make_room(model, values, nulls);
	version_id = insert_version(values, nulls);
	for (i = 0; i < count; i++)
		insert_component(program, version_id, &given[i]);
	return version_id;
}

/* ----- the function ----- */

static void
check_numeric(const char *model, Datum *values, const char *nulls)
{
	static CorePlan plan = {
		.sql = "SELECT CASE"
		" WHEN $1 <= 0 OR $1 > 10000000 OR scale(trim_scale($1)) > 6"
		"  THEN 'line ' || $1 || ': a line is above 0, at most 10000000, with at most 6 decimals'"
		" WHEN $2 <= 0 OR $2 > 1 THEN 'top_share ' || $2"
		"  || ': a share is above 0 and at most 1'"
		" WHEN $1 IS NOT NULL AND $2 IS NOT NULL"
		"  THEN 'line and top_share: one of them says where the line is'"
		" WHEN $3 < 0 OR $3 > 1 OR scale(trim_scale($3)) > 4"
		"  THEN 'keep ' || $3 || ': it is 0 to 1, with at most 4 decimals'"
		" WHEN $4 < '0' THEN 'dwell ' || $4 || ': it is not negative'"
		" WHEN $5::text NOT LIKE 'calendar%' THEN 'every ' || $5::text"
		"  || ': it is a calendar period' END",
		.nargs = 5,
		.argtypes = {NUMERICOID, NUMERICOID, NUMERICOID, INTERVALOID,
		InvalidOid},
		.own_type = "period"
	};
	char	   *fault;

	core_run(&plan, values + VERSION_LINE, nulls + VERSION_LINE, true);
	fault = core_text(0, 1);
	if (fault != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("score model \"%s\" cannot have %s", model, fault)));
}

/*
 * define_score_model(code, components, name, line, top_share, keep, dwell,
 * every, valid_from, main, program) -> bigint
 */
Datum
community_define_score_model(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"code", "components", "name", "line",
		"top_share", "keep", "dwell", "every", "valid_from", "main",
	"program"};
	Datum		values[VERSION_COLUMNS];
	char		nulls[VERSION_COLUMNS + 1];
	CoreScope	scope;
	MemoryContext context = CurrentMemoryContext;
	Given	   *given;
	char	   *model;
	int64		program;
	int64		result;
	int			count;
	int			i;

	core_refuse_nulls(fcinfo, "define_score_model", names, 0x39C);
	model = core_name_argument(PG_GETARG_TEXT_PP(0), "code of a score model");
	program = PG_GETARG_INT64(10);
	if (!PG_ARGISNULL(8) &&
		TIMESTAMP_NOT_FINITE(PG_GETARG_TIMESTAMPTZ(8)))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("valid_from of score model \"%s\" must be finite",
						model)));
	memset(nulls, ' ', VERSION_COLUMNS);
	nulls[VERSION_COLUMNS] = '\0';
	values[VERSION_PROGRAM] = Int64GetDatum(program);
	values[VERSION_FROM] = PG_GETARG_DATUM(8);
	nulls[VERSION_FROM] = PG_ARGISNULL(8) ? 'n' : ' ';
	for (i = VERSION_LINE; i <= VERSION_EVERY; i++)
	{
		int			argument = 3 + i - VERSION_LINE;

		values[i] = PG_GETARG_DATUM(argument);
		nulls[i] = PG_ARGISNULL(argument) ? 'n' : ' ';
	}

	core_enter(&scope);
	MemoryContextSwitchTo(context);
	check_numeric(model, values, nulls);
	MemoryContextSwitchTo(context);
	given = read_components(model, PG_GETARG_DATUM(1), &count);
	for (i = 0; i < count; i++)
	{
		MemoryContextSwitchTo(context);
		check_component(&given[i]);
		check_measure(program, &given[i]);
	}
	check_codes(given, count);
	values[VERSION_MODEL] =
		Int64GetDatum(open_model(program, PG_GETARG_DATUM(0),
								 PG_GETARG_DATUM(2), !PG_ARGISNULL(2),
								 PG_GETARG_DATUM(9), !PG_ARGISNULL(9)));
	result = write_version(model, values, nulls, given, count);
	core_leave(&scope);
	PG_RETURN_INT64(result);
}
