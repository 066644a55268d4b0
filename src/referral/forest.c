/*-------------------------------------------------------------------------
 *
 * forest.c
 *	  Reading the forest, one member at a time.
 *
 * Rows come straight from the table through one open scan, while it is as
 * installed; an owner who has changed it gets SQL.  A forest as of a time is
 * the present one with what moved since put back: moves are few, and are
 * loaded when the forest is opened.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/table.h"
#include "referral/place.h"

const char *const referral_columns[REFERRAL_COLUMNS] = {
	"program_id", "member_id", "sponsor_id", "enroller_id", "joined_at",
	"depth", "lapses_at", "anchor"
};

/* Rows by member, and by sponsor. */
static CoreTable member_table = {
	.name = "referral",
	.index = "referral_pkey",
	.use = CORE_TABLE_READ,
	.ncolumns = REFERRAL_COLUMNS,
	.columns = referral_columns,
	.nkeys = 2,
	.keys = {REFERRAL_PROGRAM + 1, REFERRAL_MEMBER + 1},
	.remembers = true
};

static CoreTable sponsor_table = {
	.name = "referral",
	.index = "referral_sponsor_idx",
	.use = CORE_TABLE_READ,
	.ncolumns = REFERRAL_COLUMNS,
	.columns = referral_columns,
	.nkeys = 2,
	.keys = {REFERRAL_PROGRAM + 1, REFERRAL_SPONSOR + 1},
	.many = true
};

#define COLUMNS \
	"program_id, member_id, sponsor_id, enroller_id, joined_at, depth," \
	" lapses_at, anchor"

/* Where a member stood at the time, if it has moved since. */
typedef struct Moved
{
	int64		member;			/* hash key */
	bool		had_sponsor;
	int64		sponsor;
} Moved;

struct ReferralForest
{
	int64		program;
	Snapshot	snapshot;
	TimestampTz as_of;
	bool		direct;
	CoreReader *by_member;		/* opened when needed */
	CoreReader *by_sponsor;
	bool		visiting;
	HTAB	   *moved;			/* NULL when nothing has */
	Moved	   *former;			/* the same, by sponsor */
	int			nformer;
};

/* Can the forest be read without SQL?  Then SPI need not be connected. */
bool
referral_is_direct(void)
{
	return core_table_is_usable(&member_table) &&
		core_table_is_usable(&sponsor_table);
}

static void
run_on_snapshot(ReferralForest *forest, CorePlan *plan, Datum *values)
{
	PushActiveSnapshot(forest->snapshot);
	core_run(plan, values, NULL, true);
	PopActiveSnapshot();
}

static int
compare_former(const void *a, const void *b, void *arg)
{
	const Moved *x = a;
	const Moved *y = b;

	if (x->sponsor != y->sponsor)
		return x->sponsor < y->sponsor ? -1 : 1;
	return x->member < y->member ? -1 : x->member > y->member;
}

/* Note who stood elsewhere at the time. */
static void
load_moves(ReferralForest *forest)
{
	static CorePlan plan = {
		.sql = "SELECT DISTINCT ON (member_id) member_id, from_id"
		" FROM community.referral_move"
		" WHERE program_id = $1 AND moved_at > $2"
		" ORDER BY member_id, moved_at",
		.nargs = 2,
		.argtypes = {INT8OID, TIMESTAMPTZOID},
		.by_index = true
	};
	HASHCTL		control = {0};
	Datum		values[2];
	uint64		i;

	values[0] = Int64GetDatum(forest->program);
	values[1] = TimestampTzGetDatum(forest->as_of);
	run_on_snapshot(forest, &plan, values);
	if (SPI_processed == 0)
		return;
	control.keysize = sizeof(int64);
	control.entrysize = sizeof(Moved);
	control.hcxt = CurrentMemoryContext;
	forest->moved = hash_create("community moves", (long) SPI_processed,
								&control,
								HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	forest->former = MemoryContextAllocHuge(CurrentMemoryContext,
											SPI_processed * sizeof(Moved));
	for (i = 0; i < SPI_processed; i++)
	{
		int64		member = core_int64((int) i, 1);
		Moved	   *moved;
		bool		isnull;
		Datum		from = core_field((int) i, 2, &isnull);

		moved = hash_search(forest->moved, &member, HASH_ENTER, NULL);
		moved->had_sponsor = !isnull;
		moved->sponsor = isnull ? 0 : DatumGetInt64(from);
		if (moved->had_sponsor)
			forest->former[forest->nformer++] = *moved;
	}
	SPI_freetuptable(SPI_tuptable);
	qsort_interruptible(forest->former, forest->nformer, sizeof(Moved),
						compare_former, NULL);
}

/*
 * Open the forest of a program, to be closed again.  No SQL is run where
 * referral_is_direct() says so and as_of is DT_NOEND.
 */
ReferralForest *
referral_open_forest(int64 program, Snapshot snapshot, TimestampTz as_of)
{
	ReferralForest *forest = palloc0_object(ReferralForest);

	forest->program = program;
	forest->snapshot = RegisterSnapshot(snapshot);
	forest->as_of = as_of;
	forest->direct = referral_is_direct();
	if (as_of != DT_NOEND)
		load_moves(forest);
	return forest;
}

int64
referral_program(const ReferralForest *forest)
{
	return forest->program;
}

void
referral_close_forest(ReferralForest *forest)
{
	if (forest->by_member != NULL)
		core_table_end_read(forest->by_member);
	if (forest->by_sponsor != NULL)
		core_table_end_read(forest->by_sponsor);
	if (forest->moved != NULL)
	{
		hash_destroy(forest->moved);
		pfree(forest->former);
	}
	UnregisterSnapshot(forest->snapshot);
	pfree(forest);
}

static void
set_edge(ReferralEdge *edge, const Datum *values, const bool *nulls)
{
	edge->member = DatumGetInt64(values[REFERRAL_MEMBER]);
	edge->has_sponsor = !nulls[REFERRAL_SPONSOR];
	edge->sponsor = edge->has_sponsor ?
		DatumGetInt64(values[REFERRAL_SPONSOR]) : 0;
	edge->enroller = DatumGetInt64(values[REFERRAL_ENROLLER]);
	edge->joined_at = DatumGetTimestampTz(values[REFERRAL_JOINED_AT]);
	edge->depth = DatumGetInt32(values[REFERRAL_DEPTH]);
	edge->lapses_at = nulls[REFERRAL_LAPSES_AT] ? DT_NOEND :
		DatumGetTimestampTz(values[REFERRAL_LAPSES_AT]);
	edge->has_anchor = !nulls[REFERRAL_ANCHOR];
	edge->anchor = edge->has_anchor ?
		DatumGetInt64(values[REFERRAL_ANCHOR]) : 0;
}

/* The same from a row of an SPI result, of the columns in their order. */
static void
set_edge_from_tuple(ReferralEdge *edge, SPITupleTable *table, uint64 row)
{
	Datum		values[REFERRAL_COLUMNS];
	bool		nulls[REFERRAL_COLUMNS];
	int			i;

	for (i = 0; i < REFERRAL_COLUMNS; i++)
		values[i] = SPI_getbinval(table->vals[row], table->tupdesc, i + 1,
								  &nulls[i]);
	set_edge(edge, values, nulls);
}

static bool
fetch_by_sql(ReferralForest *forest, Datum *keys, ReferralEdge *edge)
{
	static CorePlan plan = {
		.sql = "SELECT " COLUMNS " FROM community.referral"
		" WHERE program_id = $1 AND member_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID},
		.by_index = true
	};
	bool		found;

	run_on_snapshot(forest, &plan, keys);
	found = SPI_processed > 0;
	if (found)
		set_edge_from_tuple(edge, SPI_tuptable, 0);
	SPI_freetuptable(SPI_tuptable);
	return found;
}

/* The row of a member as it is now. */
static bool
fetch_present(ReferralForest *forest, int64 member, ReferralEdge *edge)
{
	Datum		keys[2];
	const Datum *values;
	const bool *nulls;

	keys[0] = Int64GetDatum(forest->program);
	keys[1] = Int64GetDatum(member);
	if (!forest->direct)
		return fetch_by_sql(forest, keys, edge);
	if (forest->by_member == NULL)
		forest->by_member = core_table_begin_read(&member_table,
												  forest->snapshot,
												  CORE_READ_EQUAL);
	if (!core_table_recall(forest->by_member, keys, &values, &nulls))
	{
		core_table_seek(forest->by_member, keys);
		if (!core_table_next(forest->by_member, &values, &nulls))
			return false;
	}
	set_edge(edge, values, nulls);
	return true;
}

static const Moved *
find_moved(ReferralForest *forest, int64 member)
{
	if (forest->moved == NULL)
		return NULL;
	return hash_search(forest->moved, &member, HASH_FIND, NULL);
}

/*
 * The row of a member as it was at the time of the forest; false when it had
 * none, and so no sponsor.
 */
bool
referral_fetch(ReferralForest *forest, int64 member, ReferralEdge *edge)
{
	const Moved *moved;

	if (!fetch_present(forest, member, edge) ||
		edge->joined_at > forest->as_of)
		return false;
	moved = find_moved(forest, member);
	if (moved != NULL)
	{
		edge->has_sponsor = moved->had_sponsor;
		edge->sponsor = moved->sponsor;
	}
	return true;
}

/* Visit a row that names the sponsor now, unless it did not at the time. */
static bool
visit_present(ReferralForest *forest, const ReferralEdge *edge,
			  ReferralVisit visit, void *arg)
{
	CHECK_FOR_INTERRUPTS();
	if (edge->joined_at > forest->as_of ||
		find_moved(forest, edge->member) != NULL)
		return true;
	return visit(edge, arg);
}

static bool
visit_by_sql(ReferralForest *forest, Datum *keys, ReferralVisit visit,
			 void *arg)
{
	static CorePlan plan = {
		.sql = "SELECT " COLUMNS " FROM community.referral"
		" WHERE program_id = $1 AND sponsor_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID},
		.by_index = true
	};
	SPITupleTable *table;
	uint64		count;
	uint64		i;
	bool		going = true;

	run_on_snapshot(forest, &plan, keys);
	/* what is done with a row may run SQL of its own */
	table = SPI_tuptable;
	count = SPI_processed;
	for (i = 0; going && i < count; i++)
	{
		ReferralEdge edge;

		set_edge_from_tuple(&edge, table, i);
		going = visit_present(forest, &edge, visit, arg);
	}
	SPI_freetuptable(table);
	return going;
}

static bool
visit_directly(ReferralForest *forest, Datum *keys, ReferralVisit visit,
			   void *arg)
{
	const Datum *values;
	const bool *nulls;
	bool		going = true;

	if (forest->by_sponsor == NULL)
		forest->by_sponsor = core_table_begin_read(&sponsor_table,
												   forest->snapshot,
												   CORE_READ_EQUAL);
	core_table_seek(forest->by_sponsor, keys);
	while (going &&
		   core_table_next(forest->by_sponsor, &values, &nulls))
	{
		ReferralEdge edge;

		set_edge(&edge, values, nulls);
		going = visit_present(forest, &edge, visit, arg);
	}
	return going;
}

/* Visit those who stood there at the time, but have moved since. */
static void
visit_former(ReferralForest *forest, int64 member, ReferralVisit visit,
			 void *arg)
{
	int			low = 0;
	int			high = forest->nformer;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (forest->former[middle].sponsor < member)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < forest->nformer && forest->former[low].sponsor == member;
		 low++)
	{
		ReferralEdge edge;

		CHECK_FOR_INTERRUPTS();
		if (referral_fetch(forest, forest->former[low].member, &edge) &&
			!visit(&edge, arg))
			return;
	}
}

/* Visit all whose sponsor a member is, in no order. */
void
referral_children(ReferralForest *forest, int64 member, ReferralVisit visit,
				  void *arg)
{
	Datum		keys[2];
	bool		going;

	if (forest->visiting)
		elog(ERROR, "the children of two members are visited at once");
	forest->visiting = true;
	keys[0] = Int64GetDatum(forest->program);
	keys[1] = Int64GetDatum(member);
	going = forest->direct ? visit_directly(forest, keys, visit, arg) :
		visit_by_sql(forest, keys, visit, arg);
	if (going)
		visit_former(forest, member, visit, arg);
	forest->visiting = false;
}

static bool
note_child(const ReferralEdge *edge, void *arg)
{
	*(bool *) arg = true;
	return false;
}

/* Does anybody stand right below the member? */
bool
referral_has_children(ReferralForest *forest, int64 member)
{
	bool		found = false;

	referral_children(forest, member, note_child, &found);
	return found;
}

/* Begin a walk at a member. */
void
referral_begin_walk(ReferralWalk *walk, ReferralForest *forest, int64 member)
{
	walk->forest = forest;
	walk->member = member;
	walk->generation = 0;
	walk->mark = member;
	walk->next_mark = 1;
	walk->in_cycle = false;
}

/*
 * One step up; false at the root, or where a cycle closes: rows that were
 * loaded past the guard may make one.  The mark stays behind at generations
 * that double, so a walk in a circle comes back to it.
 */
bool
referral_walk_try(ReferralWalk *walk)
{
	int64		sponsor;

	CHECK_FOR_INTERRUPTS();
	if (!referral_fetch(walk->forest, walk->member, &walk->edge) ||
		!walk->edge.has_sponsor)
		return false;
	sponsor = walk->edge.sponsor;
	walk->in_cycle = sponsor == walk->mark;
	if (walk->in_cycle)
		return false;
	walk->member = sponsor;
	if (++walk->generation == walk->next_mark)
	{
		walk->mark = sponsor;
		walk->next_mark *= 2;
	}
	return true;
}

/* The same, with an error for a cycle. */
bool
referral_walk_up(ReferralWalk *walk)
{
	bool		going = referral_walk_try(walk);

	if (walk->in_cycle)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the sponsors of member %lld of program \"%s\" form a cycle",
						(long long) walk->mark,
						referral_program_name(walk->forest->program)),
				 errhint("community.referral_check() lists such faults.")));
	return going;
}
