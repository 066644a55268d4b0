/*-------------------------------------------------------------------------
 *
 * pass.c
 *	  The forest of a program, read as a whole: downline_sizes() and
 *	  structural_virality().
 *
 * One reading of the table, then arrays.  What that needs is known before it
 * is taken, and may be as much as maintenance_work_mem: like the building of
 * an index, it is done for one table at a time, by few.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/tupmacs.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/plannodes.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "core/compat.h"
#include "core/core.h"
#include "referral/pass.h"
#include "referral/referral.h"

PG_FUNCTION_INFO_V1(community_downline_sizes);
PG_FUNCTION_INFO_V1(community_structural_virality);

#define KILOBYTE		((Size) 1024)

/* ----- reading ----- */

static CoreTable referral_table = {
	.name = "referral",
	.index = "referral_pkey",
	.use = CORE_TABLE_READ,
	.ncolumns = REFERRAL_COLUMNS,
	.columns = referral_columns,
	.nkeys = 2,
	.keys = {REFERRAL_PROGRAM + 1, REFERRAL_MEMBER + 1}
};

typedef struct RowTaker
{
	DestReceiver pub;
	int64		program;
	ReferralPass *pass;
	MemoryContext context;
} RowTaker;

typedef struct Purpose
{
	const char *program;
	const char *name;
} Purpose;

static void
check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

static void
refuse_memory(int64 members, Size needed, void *arg)
{
	Purpose    *purpose = arg;

	if (members > REFERRAL_MAX_MEMBERS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("forest of program \"%s\" has more than %d members",
						purpose->program, REFERRAL_MAX_MEMBERS)));
	ereport(ERROR,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("%s of program \"%s\" need more memory than allowed",
					purpose->name, purpose->program),
			 errdetail("They need %zu kB for the first %lld members, maintenance_work_mem is %d kB.",
					   needed / KILOBYTE, (long long) members,
					   maintenance_work_mem),
			 errhint("Raise maintenance_work_mem to 64 bytes a member and more.")));
}

static bool
take_row(TupleTableSlot *slot, DestReceiver *self)
{
	RowTaker   *taker = (RowTaker *) self;
	MemoryContext old = MemoryContextSwitchTo(taker->context);

	slot_getsomeattrs(slot, 2);
	referral_pass_row(taker->pass, DatumGetInt64(slot->tts_values[0]),
					  !slot->tts_isnull[1],
					  DatumGetInt64(slot->tts_values[1]));
	MemoryContextSwitchTo(old);
	return true;
}

static void
take_startup(DestReceiver *self, int operation, TupleDesc desc)
{
}

static void
take_shutdown(DestReceiver *self)
{
}

static bool
take_values(const Datum *values, const bool *nulls, void *arg)
{
	RowTaker   *taker = arg;

	if (DatumGetInt64(values[REFERRAL_PROGRAM]) == taker->program)
		referral_pass_row(taker->pass, DatumGetInt64(values[REFERRAL_MEMBER]),
						  !nulls[REFERRAL_SPONSOR],
						  DatumGetInt64(values[REFERRAL_SPONSOR]));
	return true;
}

/* Would the planner read the whole table, too? */
static bool
is_plain_scan(CorePlan *query)
{
	CachedPlan *plan = core_get_plan(query);
	PlannedStmt *statement = linitial_node(PlannedStmt, plan->stmt_list);
	bool		is_plain = IsA(statement->planTree, SeqScan);

	ReleaseCachedPlan(plan, CurrentResourceOwner);
	return is_plain;
}

/*
 * The rows as they are.  Where they are most of the table they are taken from
 * its pages, which costs a third of what the executor takes for it.
 */
static void
read_present(RowTaker *taker)
{
	static CorePlan query = {
		.sql = "SELECT r.member_id, r.sponsor_id FROM community.referral AS r"
		" WHERE r.program_id = $1",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	Datum		values[1];

	if (core_table_is_usable(&referral_table) && is_plain_scan(&query))
	{
		core_table_scan_all(&referral_table, GetActiveSnapshot(),
							REFERRAL_SPONSOR + 1, take_values, taker);
		return;
	}
	values[0] = Int64GetDatum(taker->program);
	core_read_into(&query, values, &taker->pub);
}

/* The rows as they were at a time. */
static void
read_past(RowTaker *taker, TimestampTz as_of)
{
	static CorePlan query = {
		.sql = "SELECT r.member_id, CASE WHEN m.member_id IS NULL"
		"  THEN r.sponsor_id ELSE m.from_id END"
		" FROM community.referral AS r LEFT JOIN"
		"  (SELECT DISTINCT ON (x.member_id) x.member_id, x.from_id"
		"   FROM community.referral_move AS x"
		"   WHERE x.program_id = $1 AND x.moved_at > $2"
		"   ORDER BY x.member_id, x.moved_at, x.move_id) AS m"
		"  ON m.member_id = r.member_id"
		" WHERE r.program_id = $1 AND r.joined_at <= $2",
		.nargs = 2,
		.argtypes = {INT8OID, TIMESTAMPTZOID}
	};
	Datum		values[2];

	values[0] = Int64GetDatum(taker->program);
	values[1] = TimestampTzGetDatum(as_of);
	core_read_into(&query, values, &taker->pub);
}

/*
 * The forest as the snapshot in force sees it, worked out: as it was at a
 * time, or with DT_NOEND as it is.  "purpose" stands in the message when
 * there is too little memory for it.
 */
ReferralPass *
referral_read_pass(int64 program, TimestampTz as_of, const char *purpose)
{
	Purpose		about = {core_program_name(program), purpose};
	ReferralCare care = {check_interrupts, refuse_memory, &about,
	maintenance_work_mem * KILOBYTE};
	RowTaker	taker = {{take_row, take_startup, take_shutdown,
	take_shutdown, DestNone}};

	taker.program = program;
	taker.context = CurrentMemoryContext;
	taker.pass = referral_pass_begin(&care);
	if (as_of == DT_NOEND)
		read_present(&taker);
	else
		read_past(&taker, as_of);
	MemoryContextSwitchTo(taker.context);
	referral_pass_work_out(taker.pass);
	taker.pass->care.arg = NULL;
	return taker.pass;
}

/* ----- functions ----- */

/* The moment that an argument names; null is the present. */
static TimestampTz
as_of_argument(FunctionCallInfo fcinfo, int argno)
{
	return PG_ARGISNULL(argno) ? DT_NOEND : PG_GETARG_TIMESTAMPTZ(argno);
}

enum
{
	SIZES_MEMBER, SIZES_SPONSOR, SIZES_ROOT, SIZES_DEPTH, SIZES_INVITEES,
	SIZES_DOWNLINE, SIZES_LEVELS, SIZES_REACHED, SIZES_COLUMNS
};

/*
 * Many rows of columns that are passed by value, none of them null, written
 * one after the other into the same place: all have the shape of the first.
 * The server would work it out for each, which takes thrice as long.
 */
typedef struct RowMould
{
	TupleTableSlot *slot;		/* has the row */
	char	   *data;			/* its first column */
	int			ncolumns;
	int			offsets[SIZES_COLUMNS];
	int			lengths[SIZES_COLUMNS];
} RowMould;

static void
begin_mould(RowMould *mould, TupleDesc desc)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	MinimalTuple tuple;
	bool		is_copy;
	int			offset = 0;
	int			i;

	memset(slot->tts_values, 0, desc->natts * sizeof(Datum));
	memset(slot->tts_isnull, 0, desc->natts * sizeof(bool));
	ExecStoreVirtualTuple(slot);
	ExecMaterializeSlot(slot);
	tuple = ExecFetchSlotMinimalTuple(slot, &is_copy);
	Assert(!is_copy);
	mould->slot = slot;
	mould->data = (char *) tuple + tuple->t_hoff - MINIMAL_TUPLE_OFFSET;
	mould->ncolumns = desc->natts;
	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);

		Assert(column->attbyval);
		offset = att_align_nominal(offset, column->attalign);
		mould->offsets[i] = offset;
		mould->lengths[i] = column->attlen;
		offset += column->attlen;
	}
}

static void
put_moulded(RowMould *mould, const Datum *values, Tuplestorestate *store)
{
	int			i;

	for (i = 0; i < mould->ncolumns; i++)
		store_att_byval(mould->data + mould->offsets[i], values[i],
						mould->lengths[i]);
	tuplestore_puttupleslot(store, mould->slot);
}

static void
put_sizes(const ReferralPass *pass, int32 i, ReturnSetInfo *result,
		  RowMould *mould)
{
	Datum		values[SIZES_COLUMNS];
	bool		nulls[SIZES_COLUMNS] = {false};
	bool		reached = pass->depths[i] >= 0;

	values[SIZES_MEMBER] = Int64GetDatum(pass->map.ids[i]);
	nulls[SIZES_SPONSOR] = pass->sponsors[i] < 0;
	if (pass->sponsors[i] >= 0)
		values[SIZES_SPONSOR] =
			Int64GetDatum(pass->map.ids[pass->sponsors[i]]);
	values[SIZES_INVITEES] =
		Int32GetDatum(pass->starts[i + 1] - pass->starts[i]);
	values[SIZES_REACHED] = BoolGetDatum(reached);
	if (reached)
	{
		values[SIZES_ROOT] =
			Int64GetDatum(pass->map.ids[pass->order[pass->trees[i]]]);
		values[SIZES_DEPTH] = Int32GetDatum(pass->depths[i]);
		values[SIZES_DOWNLINE] = Int32GetDatum(pass->sizes[i]);
		values[SIZES_LEVELS] = Int32GetDatum(pass->levels[i]);
	}
	else
		nulls[SIZES_ROOT] = nulls[SIZES_DEPTH] = nulls[SIZES_DOWNLINE] =
			nulls[SIZES_LEVELS] = true;
	if (reached && !nulls[SIZES_SPONSOR])
		put_moulded(mould, values, result->setResult);
	else
		tuplestore_putvalues(result->setResult, result->setDesc, values,
							 nulls);
}

/*
 * As core_begin_rows() does, but with as much memory for rows as for what
 * they are made from: a file for them would take longer than all the rest.
 */
static void
begin_sizes(FunctionCallInfo fcinfo, ReturnSetInfo *result)
{
	MemoryContext old;

	(void) core_begin_rows(fcinfo, NULL);
	tuplestore_end(result->setResult);
	old = MemoryContextSwitchTo(result->econtext->ecxt_per_query_memory);
	result->setResult =
		tuplestore_begin_heap((result->allowedModes &
							   SFRM_Materialize_Random) != 0, false,
							  Max(work_mem, maintenance_work_mem));
	MemoryContextSwitchTo(old);
}

/* The id of a member's sponsor is needed soon. */
static inline void
expect_sponsor(const ReferralPass *pass, int64 i)
{
	if (i < pass->count && pass->sponsors[i] >= 0)
		referral_prefetch(&pass->map.ids[pass->sponsors[i]]);
}

/* downline_sizes(as_of, program) -> set */
Datum
community_downline_sizes(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"as_of", "program"};
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	CoreScope	scope;
	ReferralPass *pass;
	RowMould	mould;
	TimestampTz as_of;
	int32		i;

	core_refuse_nulls(fcinfo, "downline_sizes", names, 1 << 0);
	as_of = as_of_argument(fcinfo, 0);
	begin_sizes(fcinfo, result);
	core_enter(&scope);
	begin_mould(&mould, result->setDesc);
	pass = referral_read_pass(PG_GETARG_INT64(1), as_of, "downline sizes");
	for (i = 0; i < pass->count; i++)
	{
		if (i % REFERRAL_INTERRUPT_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		expect_sponsor(pass, (int64) i + REFERRAL_AHEAD);
		put_sizes(pass, i, result, &mould);
	}
	ExecDropSingleTupleTableSlot(mould.slot);
	referral_pass_end(pass);
	core_leave(&scope);
	return (Datum) 0;
}

static Datum
numeric_of_int64(uint64 value)
{
	return NumericGetDatum(int64_to_numeric((int64) value));
}

/* A sum of any size; what is above 2^32 fits into 63 bits. */
static Datum
numeric_of_sum(ReferralSum sum)
{
	Datum		shift = numeric_of_int64(UINT64CONST(1) << 32);
	Datum		upper = numeric_of_int64(sum.high << 32 | sum.low >> 32);
	Datum		lower = numeric_of_int64(sum.low & PG_UINT32_MAX);

	return DirectFunctionCall2(numeric_add,
							   DirectFunctionCall2(numeric_mul, upper, shift),
							   lower);
}

enum
{
	TREE_ROOT, TREE_MEMBERS, TREE_WIENER, TREE_VIRALITY, TREE_AVERAGE_DEPTH,
	TREE_MAXIMUM_DEPTH, TREE_BROADCAST, TREE_COLUMNS
};

/* Everything between pairs is undefined where there is none. */
static void
put_tree(const ReferralPass *pass, const ReferralTreeFigures *tree,
		 int32 root, ReturnSetInfo *result)
{
	Datum		values[TREE_COLUMNS];
	bool		nulls[TREE_COLUMNS] = {false};
	double		n = tree->members;
	double		wiener = (double) tree->wiener.high * 18446744073709551616.0 +
	(double) tree->wiener.low;

	values[TREE_ROOT] = Int64GetDatum(pass->map.ids[root]);
	values[TREE_MEMBERS] = Int32GetDatum(tree->members);
	values[TREE_WIENER] = numeric_of_sum(tree->wiener);
	values[TREE_AVERAGE_DEPTH] = Float8GetDatum((double) tree->depths / n);
	values[TREE_MAXIMUM_DEPTH] = Int32GetDatum(pass->levels[root]);
	nulls[TREE_VIRALITY] = nulls[TREE_BROADCAST] = tree->members < 2;
	if (tree->members >= 2)
	{
		values[TREE_VIRALITY] =
			Float8GetDatum(2.0 * wiener / (n * (n - 1.0)));
		values[TREE_BROADCAST] = Float8GetDatum(tree->broadcast / (n - 1.0));
	}
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* Those whom no root reaches: how many they are, and nothing else. */
static void
put_unreached(int32 members, ReturnSetInfo *result)
{
	Datum		values[TREE_COLUMNS] = {0};
	bool		nulls[TREE_COLUMNS];

	memset(nulls, true, sizeof(nulls));
	nulls[TREE_MEMBERS] = false;
	values[TREE_MEMBERS] = Int32GetDatum(members);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* structural_virality(as_of, program) -> set */
Datum
community_structural_virality(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"as_of", "program"};
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	CoreScope	scope;
	ReferralPass *pass;
	ReferralTreeFigures *trees;
	MemoryContext context;
	TimestampTz as_of;
	int32		i;

	core_refuse_nulls(fcinfo, "structural_virality", names, 1 << 0);
	as_of = as_of_argument(fcinfo, 0);
	(void) core_begin_rows(fcinfo, NULL);
	core_enter(&scope);
	pass = referral_read_pass(PG_GETARG_INT64(1), as_of,
							  "figures of trees");
	trees = referral_pass_trees(pass);
	context = AllocSetContextCreate(CurrentMemoryContext, "community tree",
									ALLOCSET_SMALL_SIZES);
	for (i = 0; i < pass->nroots; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(context);

		CHECK_FOR_INTERRUPTS();
		put_tree(pass, &trees[i], pass->order[i], result);
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
	}
	MemoryContextDelete(context);
	if (pass->reached < pass->count)
		put_unreached(pass->count - pass->reached, result);
	pfree(trees);
	referral_pass_end(pass);
	core_leave(&scope);
	return (Datum) 0;
}
