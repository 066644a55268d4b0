/*-------------------------------------------------------------------------
 *
 * label.c
 *	  Making labels: relabel_referrals().
 *
 * Laws 9 and 10 of doc/referral.md.  Under the movers' lock the whole forest
 * is read with one snapshot, and everybody in it gets a new label.  Signups do
 * not wait: one that is not seen has an anchor among the labels before, and is
 * found by it.
 *
 * The first time there are none before.  Then numbers are announced first,
 * and two things are waited for, without blocking anybody: that no statement
 * is at work which did not see the announcement, and then that all have ended
 * which had begun to write by then.  What has been reached is known by the
 * version of the program's row in referral_forest, the transaction that wrote
 * it: another one for each step.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/sinvaladt.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "referral/label.h"
#include "referral/pass.h"
#include "referral/place.h"

PG_FUNCTION_INFO_V1(community_relabel_referrals);

/*
 * So many members lie in one row: four rows fill a page, and none is so long
 * that it would be compressed or moved out of line.
 */
#define LABELS_A_ROW		118

/* rows whose anchors are cleared by one statement */
#define ANCHORS_A_BATCH		10000

/* Labels are old when so much has happened since; see doc/referral.md. */
#define OLD_AFTER_SIGNUPS	1000
#define OLD_AFTER_PART		50	/* of those labelled */
#define OLD_AFTER_MOVES		100
#define OLD_MOVES_PART		10000

/* ----- the state of a program ----- */

typedef enum Step
{
	STEP_NONE,					/* no numbers are announced */
	STEP_ANNOUNCED,
	STEP_SEEN,					/* by everybody at work */
	STEP_LABELLED
} Step;

typedef struct State
{
	Step		step;
	TransactionId written_by;
	int64		labels_end;
	int64		labelled;
} State;

static void
read_state(int64 program, State *state)
{
	static CorePlan plan = {
		.sql = "SELECT CASE WHEN f.labels IS NULL THEN 0"
		"  WHEN f.labelled > 0 THEN 3"
		"  WHEN f.labelled_at IS NULL THEN 1 ELSE 2 END,"
		" f.xmin, f.labels_end, f.labelled"
		" FROM community.referral_forest AS f WHERE f.program_id = $1",
		.nargs = 1,
		.argtypes = {INT8OID},
		.by_index = true
	};
	Datum		values[1];
	bool		isnull;

	memset(state, 0, sizeof(State));
	values[0] = Int64GetDatum(program);
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		return;
	state->step = (Step) core_int64(0, 1);
	state->written_by = DatumGetTransactionId(core_field(0, 2, &isnull));
	state->labels_end = core_int64(0, 3);
	state->labelled = core_int64(0, 4);
}

/* "labelled" members from the number after "labels_end" on. */
static void
write_state(int64 program, int64 labels_end, int64 labelled, bool timed)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.referral_forest AS f"
		" (program_id, labels, labels_end, labelled, labelled_at)"
		" VALUES ($1, $2, $3, $4, CASE WHEN $5 THEN clock_timestamp() END)"
		" ON CONFLICT (program_id) DO UPDATE SET labels = excluded.labels,"
		" labels_end = excluded.labels_end, labelled = excluded.labelled,"
		" labelled_at = excluded.labelled_at",
		.nargs = 5,
		.argtypes = {INT8OID, INT8OID, INT8OID, INT8OID, BOOLOID}
	};
	Datum		values[5];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(labels_end + 1);
	values[2] = Int64GetDatum(labels_end + 1 + labelled);
	values[3] = Int64GetDatum(labelled);
	values[4] = BoolGetDatum(timed);
	core_run(&plan, values, NULL, false);
}

/* ----- waiting ----- */

/* The sessions with a snapshot that may not see a transaction; or NULL. */
static char *
blind_sessions(TransactionId xid)
{
	int			count;
	VirtualTransactionId *found = GetCurrentVirtualXIDs(xid, true, false,
														PROC_IS_AUTOVACUUM |
														PROC_IN_VACUUM,
														&count);
	StringInfoData text;
	int			i;

	if (count == 0)
		return NULL;
	initStringInfo(&text);
	appendStringInfo(&text, "%d session%s with an older snapshot:", count,
					 count == 1 ? "" : "s");
	for (i = 0; i < count; i++)
	{
		PGPROC	   *proc = core_vxid_proc(found[i]);

		if (proc != NULL && proc->pid != 0)
			appendStringInfo(&text, " process %d", proc->pid);
	}
	return text.data;
}

/* The oldest transaction at work, if it is not younger than one; or NULL. */
static char *
older_writer(TransactionId xid)
{
	TransactionId oldest = GetLatestSnapshot()->xmin;

	if (TransactionIdFollows(oldest, xid))
		return NULL;
	return psprintf("transaction %u and others that began before transaction %u ended",
					oldest, xid);
}

/*
 * Can labels be made?  The first time, this takes one step after the other,
 * each in a transaction of its own.
 */
static bool
is_ready(int64 program, const State *state, ReferralRelabelled *result)
{
	TransactionId xid = state->written_by;

	if (state->step == STEP_LABELLED)
		return true;
	if (state->step == STEP_NONE)
	{
		write_state(program, state->labels_end, 0, false);
		result->waits_for = "the end of this transaction";
		return false;
	}
	if (TransactionIdIsCurrentTransactionId(xid))
	{
		result->waits_for = "the end of this transaction";
		return false;
	}
	/* what looks like the future was so long ago that nothing is left of it */
	if (TransactionIdFollows(xid, GetTopTransactionId()))
		xid = InvalidTransactionId;
	if (TransactionIdIsValid(xid))
		result->waits_for = state->step == STEP_SEEN ? older_writer(xid) :
			blind_sessions(xid);
	if (state->step == STEP_ANNOUNCED && result->waits_for == NULL)
	{
		write_state(program, state->labels_end, 0, true);
		result->waits_for = "the end of this transaction";
	}
	return result->waits_for == NULL;
}

/* ----- making labels ----- */

/* The members whose rows in the snapshot have an anchor. */
static int64 *
read_anchored(int64 program, int64 *count)
{
	static CorePlan plan = {
		.sql = "SELECT r.member_id FROM community.referral AS r"
		" WHERE r.program_id = $1 AND r.anchor IS NOT NULL",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	MemoryContext context = CurrentMemoryContext;
	Datum		values[1];
	int64	   *result;
	int64		i;

	values[0] = Int64GetDatum(program);
	core_run_once(&plan, values, NULL, true);
	*count = (int64) SPI_processed;
	result = MemoryContextAllocHuge(context, sizeof(int64) * (*count + 1));
	for (i = 0; i < *count; i++)
		result[i] = core_int64((int) i, 1);
	SPI_freetuptable(SPI_tuptable);
	MemoryContextSwitchTo(context);
	return result;
}

/* Exactly those: a signup that came in meanwhile keeps its anchor. */
static void
clear_anchors(int64 program, int64 *members, int64 count)
{
	static CorePlan plan = {
		.sql = "UPDATE community.referral AS r SET anchor = NULL"
		" FROM unnest($2) AS m (id)"
		" WHERE r.program_id = $1 AND r.member_id = m.id",
		.nargs = 2,
		.argtypes = {INT8OID, INT8ARRAYOID},
		.by_index = true
	};
	int64		from;

	for (from = 0; from < count; from += ANCHORS_A_BATCH)
	{
		int			batch = (int) Min(ANCHORS_A_BATCH, count - from);
		Datum	   *ids = palloc_array(Datum, batch);
		Datum		values[2];
		int			i;

		for (i = 0; i < batch; i++)
			ids[i] = Int64GetDatum(members[from + i]);
		values[0] = Int64GetDatum(program);
		values[1] = PointerGetDatum(construct_array(ids, batch, INT8OID,
													sizeof(int64),
													FLOAT8PASSBYVAL,
													TYPALIGN_DOUBLE));
		core_run(&plan, values, NULL, false);
		pfree(DatumGetPointer(values[1]));
		pfree(ids);
	}
}

static void
delete_labels(int64 program)
{
	static CorePlan plan = {
		.sql = "DELETE FROM community.referral_label WHERE program_id = $1",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	Datum		values[1];

	values[0] = Int64GetDatum(program);
	core_run(&plan, values, NULL, false);
}

/* A member, to be put in order. */
typedef struct Numbered
{
	int64		member;
	int32		place;
} Numbered;

static int
compare_numbered(const void *a, const void *b, void *arg)
{
	int64		x = ((const Numbered *) a)->member;
	int64		y = ((const Numbered *) b)->member;

	return x < y ? -1 : x > y;
}

static Datum
array_of(Datum *items, int count, Oid type)
{
	bool		wide = type == INT8OID;

	return PointerGetDatum(construct_array(items, count, type, wide ? 8 : 4,
										   !wide || FLOAT8PASSBYVAL,
										   wide ? TYPALIGN_DOUBLE :
										   TYPALIGN_INT));
}

static void
insert_row(int64 program, const ReferralPass *pass, const int32 *positions,
		   const Numbered *members, int count)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.referral_label"
		" (program_id, first_member, members, positions, sizes)"
		" VALUES ($1, $2, $3, $4, $5)",
		.nargs = 5,
		.argtypes = {INT8OID, INT8OID, INT8ARRAYOID, INT4ARRAYOID,
		INT4ARRAYOID}
	};
	Datum		ids[LABELS_A_ROW];
	Datum		places[LABELS_A_ROW];
	Datum		sizes[LABELS_A_ROW];
	Datum		values[5];
	int			i;

	for (i = 0; i < count; i++)
	{
		ids[i] = Int64GetDatum(members[i].member);
		places[i] = Int32GetDatum(positions[members[i].place]);
		sizes[i] = Int32GetDatum(pass->sizes[members[i].place]);
	}
	values[0] = Int64GetDatum(program);
	values[1] = ids[0];
	values[2] = array_of(ids, count, INT8OID);
	values[3] = array_of(places, count, INT4OID);
	values[4] = array_of(sizes, count, INT4OID);
	core_run(&plan, values, NULL, false);
	for (i = 2; i < 5; i++)
		pfree(DatumGetPointer(values[i]));
}

static void
insert_labels(int64 program, const ReferralPass *pass)
{
	int32	   *positions = referral_pass_positions(pass);
	Size		size = Max(pass->count, 1) * sizeof(Numbered);
	Numbered   *members = palloc_extended(size, MCXT_ALLOC_HUGE);
	bool		ordered = true;
	int32		i;

	for (i = 0; i < pass->count; i++)
	{
		if (i % REFERRAL_INTERRUPT_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		members[i].member = pass->map.ids[i];
		members[i].place = i;
		ordered = ordered &&
			(i == 0 || members[i - 1].member < members[i].member);
	}
	if (!ordered)
		qsort_interruptible(members, pass->count, sizeof(Numbered),
							compare_numbered, NULL);
	for (i = 0; i < pass->count; i += LABELS_A_ROW)
		insert_row(program, pass, positions, members + i,
				   Min(LABELS_A_ROW, pass->count - i));
	pfree(members);
	pfree(positions);
}

/* Say why no labels were made, if rings were in the way. */
void
referral_report_rings(int elevel, int64 program,
					  const ReferralRelabelled *result)
{
	if (result->in_rings > 0)
		ereport(elevel,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("%d members of program \"%s\" stand in or below a cycle of sponsors",
						result->in_rings, core_program_name(program)),
				 errdetail("The program gets no new labels."),
				 errhint("community.referral_check() lists such faults.")));
}

static void
check_isolation(void)
{
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("referrals cannot be relabelled in a transaction with a snapshot of its own"),
				 errhint("Do it at READ COMMITTED.")));
}

/*
 * Label everybody, or take the next step towards it and say what is waited
 * for, or how many stand in rings: then labels stay as they are.  Inside
 * core_enter().
 */
void
referral_relabel(int64 program, ReferralRelabelled *result)
{
	State		state;
	Snapshot	snapshot;
	ReferralPass *pass;
	int64	   *anchored;
	int64		count;

	check_isolation();
	memset(result, 0, sizeof(ReferralRelabelled));
	referral_lock_movers(program);
	read_state(program, &state);
	if (!is_ready(program, &state, result))
		return;

	/* all that is read must be one moment's */
	snapshot = referral_latest_snapshot();
	PushActiveSnapshot(snapshot);
	anchored = read_anchored(program, &count);
	pass = referral_read_pass(program, DT_NOEND, "labels");
	PopActiveSnapshot();
	UnregisterSnapshot(snapshot);
	result->done = true;
	result->in_rings = pass->count - pass->reached;
	if (result->in_rings == 0)
	{
		delete_labels(program);
		insert_labels(program, pass);
		clear_anchors(program, anchored, count);
		write_state(program, state.labels_end, pass->count, true);
		result->labelled = pass->count;
	}
	pfree(anchored);
	referral_pass_end(pass);
}

/* relabel_referrals(program) -> (labelled, waits_for) */
Datum
community_relabel_referrals(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"program"};
	MemoryContext caller = CurrentMemoryContext;
	ReferralRelabelled result;
	TupleDesc	desc;
	CoreScope	scope;
	Datum		values[2];
	bool		nulls[2];

	core_refuse_nulls(fcinfo, "relabel_referrals", names, 0);
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	core_enter(&scope);
	(void) core_program_name(PG_GETARG_INT64(0));
	referral_relabel(PG_GETARG_INT64(0), &result);
	referral_report_rings(ERROR, PG_GETARG_INT64(0), &result);
	values[0] = Int64GetDatum(result.labelled);
	nulls[0] = !result.done;
	values[1] = (Datum) 0;
	nulls[1] = result.done;
	if (!result.done)
	{
		MemoryContext own = MemoryContextSwitchTo(caller);

		values[1] = CStringGetTextDatum(result.waits_for);
		MemoryContextSwitchTo(own);
	}
	core_leave(&scope);

	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc),
													  values, nulls)));
}

/*
 * Has enough happened since labels were made that counting takes longer?
 * Inside core_enter().
 */
bool
referral_labels_are_old(int64 program)
{
	static CorePlan plan = {
		.sql = "SELECT"
		" (SELECT count(*) FROM (SELECT FROM community.referral AS r"
		"   WHERE r.program_id = $1 AND $2 AND r.anchor IS NOT NULL"
		"   LIMIT $3) AS s) >= $3"
		" OR (SELECT count(*) FROM (SELECT FROM community.referral AS r"
		"   WHERE r.program_id = $1 AND NOT $2 LIMIT $3) AS s) >= $3"
		" OR (SELECT count(*) FROM (SELECT FROM community.referral_move AS m"
		"   WHERE m.program_id = $1 AND m.labels ="
		"   (SELECT f.labels FROM community.referral_forest AS f"
		"    WHERE f.program_id = $1) LIMIT $4) AS s) >= $4",
		.nargs = 4,
		.argtypes = {INT8OID, BOOLOID, INT8OID, INT8OID},
		.by_index = true
	};
	State		state;
	Datum		values[4];

	read_state(program, &state);
	values[0] = Int64GetDatum(program);
	values[1] = BoolGetDatum(state.step == STEP_LABELLED);
	values[2] = Int64GetDatum(OLD_AFTER_SIGNUPS +
							  state.labelled / OLD_AFTER_PART);
	values[3] = Int64GetDatum(OLD_AFTER_MOVES +
							  state.labelled / OLD_MOVES_PART);
	core_run(&plan, values, NULL, false);
	return core_bool(0, 1);
}

/* rebuild('referral labels'): how many members were labelled. */
int64
referral_rebuild_labels(int64 program)
{
	ReferralRelabelled result;

	referral_relabel(program, &result);
	referral_report_rings(ERROR, program, &result);
	if (!result.done)
		ereport(NOTICE,
				(errmsg("labels of program \"%s\" are announced, and wait for %s",
						core_program_name(program), result.waits_for),
				 errhint("Call this again in another transaction.")));
	return result.labelled;
}
