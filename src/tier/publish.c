/*-------------------------------------------------------------------------
 *
 * publish.c
 *	  publish_ladder(): from a draft to a version in force.
 *
 * Versions of a ladder follow each other without gap.  A new one moves nobody
 * by itself: a standing knows the newest version that it was worked out under,
 * and is worked out anew when there is a newer one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "tier/config.h"
#include "tier/seats.h"

PG_FUNCTION_INFO_V1(community_publish_ladder);

#define REPORT_COLUMNS	3

typedef struct Publishing
{
	int64		program;
	Datum		name;			/* text */
	int64		ladder;
	TimestampTz from;
	Datum		definition;		/* jsonb */
} Publishing;

/*
 * Lock the ladder by writing its row: who publishes next waits for us, and
 * fails where its snapshot could not see our version.
 */
static void
lock_ladder(Publishing *publishing)
{
	static CorePlan plan = {
		.sql = "UPDATE community.ladder SET ladder_id = ladder_id"
		" WHERE program_id = $1 AND ladder_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[2];

	publishing->ladder = tier_config_ladder(publishing->program,
											publishing->name);
	values[0] = Int64GetDatum(publishing->program);
	values[1] = Int64GetDatum(publishing->ladder);
	core_run(&plan, values, NULL, false);
	/* dropped while we waited: say that it does not exist */
	if (SPI_processed == 0)
		(void) tier_config_ladder(publishing->program, publishing->name);
}

/*
 * Take the draft as it is now, and refuse it if anything is wrong with it.
 * What is looked at is what is published.
 */
static void
take_definition(Publishing *publishing)
{
	static CorePlan define = {
		.sql = "SELECT community.ladder_definition($1, $2)",
		.nargs = 2,
		.argtypes = {TEXTOID, INT8OID}
	};
	static CorePlan lock = {
		.sql = "SELECT FROM community.measure WHERE program_id = $2"
		" AND measure_id IN (SELECT j::bigint FROM jsonb_path_query($1,"
		"  '$.tiers[*].requirements[*].measure_id') AS j)"
		" ORDER BY measure_id FOR SHARE",
		.nargs = 2,
		.argtypes = {JSONBOID, INT8OID}
	};
	static CorePlan check = {
		.sql = "SELECT severity = 'error', fault, hint,"
		" count(*) FILTER (WHERE severity = 'error') OVER () - 1"
		" FROM community.definition_faults($1, $2)",
		.nargs = 2,
		.argtypes = {JSONBOID, INT8OID}
	};
	Datum		values[2];
	bool		isnull;
	uint64		i;

	values[0] = publishing->name;
	values[1] = Int64GetDatum(publishing->program);
	core_run(&define, values, NULL, false);
	publishing->definition = core_field(0, 1, &isnull);

	/* whoever edits one of its measures has done so before, or is refused */
	values[0] = publishing->definition;
	core_run(&lock, values, NULL, false);
	core_run(&check, values, NULL, false);
	if (SPI_processed > 0 && core_bool(0, 1))
	{
		int64		more = core_int64(0, 4);

		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s", core_text(0, 2)),
				 more == 0 ? 0 :
				 errdetail_plural("The draft has %lld more fault, see community.check_ladder().",
								  "The draft has %lld more faults, see community.check_ladder().",
								  (unsigned long) more, (long long) more),
				 errhint("%s", core_text(0, 3))));
	}
	for (i = 0; i < SPI_processed; i++)
		ereport(WARNING,
				(errmsg("%s", core_text(i, 2)),
				 errhint("%s", core_text(i, 3))));
}

/*
 * The newest version, or 0.  A new one must begin after it: what was in force
 * is not rewritten, but succeeded.
 */
static int64
find_newest(const Publishing *publishing)
{
	static CorePlan plan = {
		.sql = "SELECT version_id, coalesce(lower(valid), '-infinity')"
		" FROM community.ladder_version"
		" WHERE program_id = $1 AND ladder_id = $2"
		" ORDER BY lower(valid) DESC NULLS LAST LIMIT 1",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[2];
	TimestampTz newest;
	bool		isnull;

	values[0] = Int64GetDatum(publishing->program);
	values[1] = Int64GetDatum(publishing->ladder);
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		return 0;
	newest = DatumGetTimestampTz(core_field(0, 2, &isnull));
	if (publishing->from <= newest)
	{
		char	   *from = pstrdup(timestamptz_to_str(publishing->from));

		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("version of ladder \"%s\" from %s would not follow the newest version, which is in force from %s",
						TextDatumGetCString(publishing->name), from,
						timestamptz_to_str(newest)),
				 errdetail("A version that is published is never replaced."),
				 errhint("Publish with a later effective_from.")));
	}
	return core_int64(0, 1);
}

/* End it where the new one begins. */
static void
end_newest(const Publishing *publishing, int64 newest)
{
	static CorePlan plan = {
		.sql = "UPDATE community.ladder_version"
		" SET valid = tstzrange(lower(valid), $3)"
		" WHERE program_id = $1 AND version_id = $2 AND upper_inf(valid)",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID}
	};
	Datum		values[3];

	if (newest == 0)
		return;
	values[0] = Int64GetDatum(publishing->program);
	values[1] = Int64GetDatum(newest);
	values[2] = TimestampTzGetDatum(publishing->from);
	core_run(&plan, values, NULL, false);
	if (SPI_processed != 1)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("newest version of ladder \"%s\" has ended",
						TextDatumGetCString(publishing->name)),
				 errhint("See community.check_installation().")));
}

static void
insert_version(const Publishing *publishing)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.ladder_version (program_id, version_id,"
		" ladder_id, valid, definition) VALUES ($1, community.next_id(), $2,"
		" tstzrange(nullif($3, '-infinity'), NULL,"
		"  CASE $3 WHEN '-infinity' THEN '()' ELSE '[)' END), $4)",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID, JSONBOID}
	};
	Datum		values[4];

	values[0] = Int64GetDatum(publishing->program);
	values[1] = Int64GetDatum(publishing->ladder);
	values[2] = TimestampTzGetDatum(publishing->from);
	values[3] = publishing->definition;
	core_run(&plan, values, NULL, false);
}

/*
 * Who will move where: what_if() says so, of the draft beside what is in
 * force, so it is asked before that changes.
 */
static void
report_moves(const Publishing *publishing, Tuplestorestate *store,
			 TupleDesc desc)
{
	static CorePlan plan = {
		.sql = "SELECT w.from_tier, w.to_tier, w.members"
		" FROM community.what_if(ladder => $1, program => $2,"
		"  effective_from => $3, as_of => greatest($3, now())) AS w"
		" ORDER BY w.from_rank NULLS FIRST, w.to_rank NULLS FIRST",
		.nargs = 3,
		.argtypes = {TEXTOID, INT8OID, TIMESTAMPTZOID}
	};
	Datum		values[3];
	uint64		i;
	int			j;

	values[0] = publishing->name;
	values[1] = Int64GetDatum(publishing->program);
	values[2] = TimestampTzGetDatum(publishing->from);
	core_run(&plan, values, NULL, false);
	for (i = 0; i < SPI_processed; i++)
	{
		Datum		row[REPORT_COLUMNS];
		bool		nulls[REPORT_COLUMNS];

		for (j = 0; j < REPORT_COLUMNS; j++)
			row[j] = core_field(i, j + 1, &nulls[j]);
		tuplestore_putvalues(store, desc, row, nulls);
	}
}

/* publish_ladder(ladder, effective_from, program) -> set of moves */
Datum
community_publish_ladder(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"ladder", "effective_from",
	"program"};
	Publishing	publishing = {0};
	Tuplestorestate *store;
	TupleDesc	desc;
	CoreScope	scope;
	int64		newest;

	core_refuse_nulls(fcinfo, "publish_ladder", names, 0);
	publishing.name = PG_GETARG_DATUM(0);
	publishing.from = PG_GETARG_TIMESTAMPTZ(1);
	publishing.program = PG_GETARG_INT64(2);
	if (TIMESTAMP_IS_NOEND(publishing.from))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("effective_from of ladder \"%s\" must not be infinity",
						TextDatumGetCString(publishing.name)),
				 errhint("Give -infinity for a first version that has always been in force.")));
	store = core_begin_rows(fcinfo, &desc);

	core_enter(&scope);
	lock_ladder(&publishing);
	take_definition(&publishing);
	newest = find_newest(&publishing);
	report_moves(&publishing, store, desc);
	end_newest(&publishing, newest);
	insert_version(&publishing);
	(void) tier_hand_out_seats(publishing.program);
	core_leave(&scope);
	return (Datum) 0;
}
