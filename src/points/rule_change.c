/*-------------------------------------------------------------------------
 *
 * rule_change.c
 *	  change_rule() and close_rule(): the versions of an accrual rule.
 *
 * Both leave it to the guard of the table to refuse what would rewrite the
 * past.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "points/ledger.h"

PG_FUNCTION_INFO_V1(community_change_rule);
PG_FUNCTION_INFO_V1(community_close_rule);

/* The version of a rule that is in force at a time. */
typedef struct Version
{
	int64		program;
	Datum		name;			/* text */
	TimestampTz from_time;
	int64		rule_id;
	int64		last_version;	/* of any time */
	bool		replaced;		/* it would have begun at that very time */
} Version;

static void
find_version(Version *version)
{
	static CorePlan find = {
		.sql = "SELECT r.rule_id, (SELECT max(o.version)"
		"  FROM community.accrual_rule AS o"
		"  WHERE o.program_id = $1 AND o.name = $2)::bigint,"
		" coalesce(lower(r.valid) = $3, false)"
		" FROM community.accrual_rule AS r"
		" WHERE r.program_id = $1 AND r.name = $2 AND r.valid @> $3",
		.nargs = 3,
		.argtypes = {INT8OID, TEXTOID, TIMESTAMPTZOID}
	};
	Datum		values[3];
	char	   *program;

	if (TIMESTAMP_NOT_FINITE(version->from_time))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("time must be finite, not \"%s\"",
						timestamptz_to_str(version->from_time))));
	values[0] = Int64GetDatum(version->program);
	values[1] = version->name;
	values[2] = TimestampTzGetDatum(version->from_time);
	(void) core_lock_program(version->program);
	core_run(&find, values, NULL, false);
	if (SPI_processed == 0)
	{
		program = core_program_name(version->program);
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("no rule \"%s\" of program \"%s\" is valid at %s",
						TextDatumGetCString(version->name), program,
						timestamptz_to_str(version->from_time))));
	}
	version->rule_id = core_int64(0, 1);
	version->last_version = core_int64(0, 2);
	version->replaced = core_bool(0, 3);
}

/* Refuse what no column is called, and what a version is made of. */
static void
check_changes(Datum changes)
{
	static CorePlan plan = {
		.sql = "SELECT k.name, a.attname IS NOT NULL"
		" FROM jsonb_object_keys($1) AS k (name)"
		" LEFT JOIN pg_attribute AS a ON a.attname::text = k.name"
		" AND a.attrelid = 'community.accrual_rule'::regclass"
		" AND a.attnum > 0 AND NOT a.attisdropped"
		" WHERE a.attname IS NULL OR k.name IN ('program_id', 'rule_id',"
		"  'name', 'version', 'valid', 'created_at')"
		" ORDER BY k.name LIMIT 1",
		.nargs = 1,
		.argtypes = {JSONBOID}
	};
	Datum		values[1];
	Jsonb	   *document = DatumGetJsonbP(changes);

	if (!JB_ROOT_IS_OBJECT(document) || JB_ROOT_COUNT(document) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("changes must be a JSON object of columns and values, not %s",
						JsonbToCString(NULL, &document->root,
									   VARSIZE(document)))));
	values[0] = changes;
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		return;
	if (!core_bool(0, 2))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("a rule has no column \"%s\"", core_text(0, 1))));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("column \"%s\" of a rule cannot be changed",
					core_text(0, 1)),
			 errhint("A version ends by community.close_rule(); another name is another rule.")));
}

/*
 * What becomes of the version that is there: it ends or, if it was only to
 * begin at that time, it goes.  $1 program, $2 rule, $3 time.
 */
#define END_IT \
	"UPDATE community.accrual_rule AS r SET valid = tstzrange(lower(r.valid), $3)" \
	" WHERE r.program_id = $1 AND r.rule_id = $2"
#define DROP_IT \
	"DELETE FROM community.accrual_rule AS r" \
	" WHERE r.program_id = $1 AND r.rule_id = $2"

/*
 * And its successor: the same row with the changes.  A range is given as text
 * with times in ISO 8601, which is read the same in every session.
 */
#define ADD_NEXT(old) \
	"WITH was AS (SELECT upper(r.valid) AS until" \
	"  FROM community.accrual_rule AS r" \
	"  WHERE r.program_id = $1 AND r.rule_id = $2)," \
	" old AS (" old " RETURNING r AS rule)" \
	" INSERT INTO community.accrual_rule SELECT n.* FROM was, old," \
	" jsonb_populate_record(old.rule, $4 || jsonb_build_object(" \
	"  'rule_id', community.next_id(), 'version', $5," \
	"  'created_at', clock_timestamp()," \
	"  'valid', format('[%s,%s)', to_json($3), to_json(was.until)))) AS n" \
	" RETURNING rule_id"

#define NEXT_ARGS \
	.nargs = 5, \
	.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID, JSONBOID, INT8OID}

/* change_rule(name, changes, from_time, program) -> bigint */
Datum
community_change_rule(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"name", "changes", "from_time",
	"program"};
	static CorePlan succeed = {.sql = ADD_NEXT(END_IT), NEXT_ARGS};
	static CorePlan replace = {.sql = ADD_NEXT(DROP_IT), NEXT_ARGS};
	Version		version = {0};
	CoreScope	scope;
	Datum		values[5];
	int64		result;

	core_refuse_nulls(fcinfo, "change_rule", names, 0);
	version.name = PG_GETARG_DATUM(0);
	version.from_time = PG_GETARG_TIMESTAMPTZ(2);
	version.program = PG_GETARG_INT64(3);

	core_enter(&scope);
	check_changes(PG_GETARG_DATUM(1));
	find_version(&version);
	values[0] = Int64GetDatum(version.program);
	values[1] = Int64GetDatum(version.rule_id);
	values[2] = TimestampTzGetDatum(version.from_time);
	values[3] = PG_GETARG_DATUM(1);
	values[4] = Int64GetDatum(version.last_version + 1);
	core_run(version.replaced ? &replace : &succeed, values, NULL, false);
	result = core_int64(0, 1);
	core_leave(&scope);
	PG_RETURN_INT64(result);
}

/* close_rule(name, from_time, program) -> bigint */
Datum
community_close_rule(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"name", "from_time", "program"};
	static CorePlan end = {
		.sql = END_IT,
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID}
	};
	static CorePlan drop = {
		.sql = DROP_IT,
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Version		version = {0};
	CoreScope	scope;
	Datum		values[3];

	core_refuse_nulls(fcinfo, "close_rule", names, 0);
	version.name = PG_GETARG_DATUM(0);
	version.from_time = PG_GETARG_TIMESTAMPTZ(1);
	version.program = PG_GETARG_INT64(2);

	core_enter(&scope);
	find_version(&version);
	values[0] = Int64GetDatum(version.program);
	values[1] = Int64GetDatum(version.rule_id);
	values[2] = TimestampTzGetDatum(version.from_time);
	core_run(version.replaced ? &drop : &end, values, NULL, false);
	core_leave(&scope);
	PG_RETURN_INT64(version.rule_id);
}
