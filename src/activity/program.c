/*-------------------------------------------------------------------------
 *
 * program.c
 *	  Programs: creating one, and finding the one that is meant.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "activity/activity.h"
#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "points/ledger.h"

PG_FUNCTION_INFO_V1(community_create_program);
PG_FUNCTION_INFO_V1(community_current_program);

/* Install the tables as the caller, whose they will be. */
static void
install_tables(void)
{
	int			level = core_pin_search_path();

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute("SELECT community.install_tables()", false, 0) !=
		SPI_OK_SELECT)
		elog(ERROR, "install_tables() failed");
	SPI_finish();
	AtEOXact_GUC(true, level);
}

/* create_program(name, time_zone, half_life, amount_scale) -> bigint */
Datum
community_create_program(PG_FUNCTION_ARGS)
{
	static CorePlan check_zone = {
		.sql = "SELECT true FROM pg_timezone_names AS z WHERE z.name = $1",
		.nargs = 1,
		.argtypes = {TEXTOID}
	};

	/* the unused decayed() refuses a half-life that no score can have */
	static CorePlan insert = {
		.sql = "INSERT INTO community.program (name, time_zone, half_life, amount_scale)"
		" SELECT $1, $2, $3, $4"
		" WHERE community.decayed(0, '2000-01-01 00:00:00+00', $3) IS NOT NULL"
		" ON CONFLICT (name) DO NOTHING"
		" RETURNING program_id",
		.nargs = 4,
		.argtypes = {TEXTOID, TEXTOID, INTERVALOID, INT4OID}
	};
	Datum		values[4];
	char	   *name = core_name_argument(PG_GETARG_TEXT_PP(0), "program name");
	char	   *zone = core_name_argument(PG_GETARG_TEXT_PP(1), "time zone");
	int32		amount_scale = PG_GETARG_INT32(3);
	CoreScope	scope;
	int64		program;

	if (strspn(name, "0123456789") == strlen(name))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("program name \"%s\" must not be a number", name),
				 errdetail("The setting community.program tells ids from names by that.")));
	if (amount_scale < 0 || amount_scale > 9)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("amount scale %d is out of range", amount_scale),
				 errdetail("Money has 0 to 9 decimals.")));
	if (!core_is_installed())
		install_tables();

	core_enter(&scope);
	values[0] = PG_GETARG_DATUM(1);
	core_run(&check_zone, values, NULL, true);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" not recognized", zone),
				 errhint("Give a name of pg_timezone_names, as Europe/Berlin.")));
	values[0] = PG_GETARG_DATUM(0);
	values[1] = PG_GETARG_DATUM(1);
	values[2] = PG_GETARG_DATUM(2);
	values[3] = PG_GETARG_DATUM(3);
	core_run(&insert, values, NULL, false);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("program \"%s\" exists already", name)));
	program = core_int64(0, 1);
	points_open_program(program);
	core_leave(&scope);
	PG_RETURN_INT64(program);
}

/* The id of the program of that name, or an error. */
static int64
program_by_name(const char *name)
{
	static CorePlan plan = {
		.sql = "SELECT program_id FROM community.program WHERE name = $1",
		.nargs = 1,
		.argtypes = {TEXTOID}
	};
	Datum		values[1];

	values[0] = CStringGetTextDatum(name);
	core_run(&plan, values, NULL, true);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_UNKNOWN_PROGRAM),
				 errmsg("program \"%s\" named by community.program does not exist",
						name)));
	return core_int64(0, 1);
}

/* The id of the only program, or an error that asks for a choice. */
static int64
only_program(void)
{
	static CorePlan plan = {
		.sql = "SELECT program_id FROM community.program LIMIT 2"
	};

	core_run(&plan, NULL, NULL, true);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_UNKNOWN_PROGRAM),
				 errmsg("there is no program"),
				 errhint("Create one with community.create_program(name).")));
	if (SPI_processed > 1)
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_UNKNOWN_PROGRAM),
				 errmsg("there are several programs and none is named"),
				 errhint("Give the argument program, or name one with SET community.program.")));
	return core_int64(0, 1);
}

/* current_program() -> bigint */
Datum
community_current_program(PG_FUNCTION_ARGS)
{
	const char *setting = core_program_setting;
	CoreScope	scope;
	int64		program;

	/* a number is taken at its word: functions check that it exists */
	if (setting != NULL && setting[0] != '\0' && strlen(setting) <= 18 &&
		strspn(setting, "0123456789") == strlen(setting))
		PG_RETURN_INT64(strtoll(setting, NULL, 10));

	core_enter(&scope);
	if (setting != NULL && setting[0] != '\0')
		program = program_by_name(setting);
	else
		program = only_program();
	core_leave(&scope);
	PG_RETURN_INT64(program);
}
