/*-------------------------------------------------------------------------
 *
 * tenures_as_of.c
 *	  tenures_as_of(): what a member holds on a ladder at a time, by all
 *	  sources, whether it was written down or not.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "tier/member.h"
#include "tier/tier.h"

PG_FUNCTION_INFO_V1(community_tenures_as_of);

#define TENURE_COLUMNS	4

/* Those that were given, bought or claimed. */
static void
put_others(int64 program, int64 member, int64 ladder, TimestampTz as_of,
		   Tuplestorestate *store, TupleDesc desc)
{
	static CorePlan plan = {
		.sql = "SELECT t.tier, t.rank, t.source, t.during"
		" FROM community.tenure AS t"
		" WHERE t.program_id = $1 AND t.member_id = $2 AND t.ladder_id = $3"
		" AND t.superseded_at IS NULL AND t.during @> $4"
		" AND t.source NOT IN ('qualified', 'grace')",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID}
	};
	Datum		values[4];
	uint64		i;
	int			j;

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	values[2] = Int64GetDatum(ladder);
	values[3] = TimestampTzGetDatum(as_of);
	core_run(&plan, values, NULL, true);
	for (i = 0; i < SPI_processed; i++)
	{
		Datum		row[TENURE_COLUMNS];
		bool		nulls[TENURE_COLUMNS];

		for (j = 0; j < TENURE_COLUMNS; j++)
			row[j] = core_field(i, j + 1, &nulls[j]);
		tuplestore_putvalues(store, desc, row, nulls);
	}
}

static void
put_qualified(const TierLadders *ladders, const TierProgramLadder *ladder,
			  int64 member, TimestampTz as_of, Tuplestorestate *store,
			  TupleDesc desc)
{
	Datum		values[TENURE_COLUMNS];
	bool		nulls[TENURE_COLUMNS] = {false};
	TierWork	work;

	tier_look(ladders, ladder, member, as_of, false, 0, &work);
	if (work.run.state.rank == 0)
		return;
	values[0] = CStringGetTextDatum(tier_held_name(&work.run));
	values[1] = Int32GetDatum(work.run.state.rank);
	values[2] = CStringGetTextDatum(work.run.state.grace ? "grace" :
									"qualified");
	values[3] = tier_range(work.run.state.since, TIER_NEVER);
	tuplestore_putvalues(store, desc, values, nulls);
}

/* tenures_as_of(member, ladder_id, as_of, program) -> set */
Datum
community_tenures_as_of(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "ladder_id", "as_of",
	"program"};
	Tuplestorestate *store;
	TupleDesc	desc;
	const TierLadders *ladders;
	CoreScope	scope;
	TimestampTz as_of;
	int			i;

	core_refuse_nulls(fcinfo, "tenures_as_of", names, 0);
	as_of = tier_check_time(PG_GETARG_TIMESTAMPTZ(2), "tenures_as_of");
	store = core_begin_rows(fcinfo, &desc);
	core_enter(&scope);
	ladders = tier_ladders(PG_GETARG_INT64(3));
	for (i = 0; i < ladders->count; i++)
		if (ladders->ladders[i].id == PG_GETARG_INT64(1))
			put_qualified(ladders, &ladders->ladders[i], PG_GETARG_INT64(0),
						  as_of, store, desc);
	put_others(ladders->program, PG_GETARG_INT64(0), PG_GETARG_INT64(1),
			   as_of, store, desc);
	core_leave(&scope);
	return (Datum) 0;
}
