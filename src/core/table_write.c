/*-------------------------------------------------------------------------
 *
 * table_write.c
 *	  Writing rows of our own tables without the executor.
 *
 * table.c says which tables, and what that asks for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/relscan.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/pg_am.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/primnodes.h"
#include "storage/bufmgr.h"
#include "storage/bufpage.h"
#include "storage/lmgr.h"
#include "storage/predicate.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/table.h"
#include "core/table_private.h"

/* ----- one row ----- */

static bool
meets_comparison(OpExpr *condition, TupleTableSlot *slot)
{
	Var		   *column = linitial(condition->args);
	Const	   *constant = lsecond(condition->args);
	bool		isnull;
	Datum		value = slot_getattr(slot, column->varattno, &isnull);

	return !isnull &&
		DatumGetBool(OidFunctionCall2Coll(condition->opfuncid,
										  condition->inputcollid, value,
										  constant->constvalue));
}

/* Does the index want the row in "slot"? */
static bool
meets_conditions(const IndexInfo *info, TupleTableSlot *slot)
{
	ListCell   *cell;

	foreach(cell, info->ii_Predicate)
	{
		Node	   *node = lfirst(cell);

		if (IsA(node, NullTest))
		{
			Var		   *column = (Var *) ((NullTest *) node)->arg;

			if (slot_attisnull(slot, column->varattno))
				return false;
		}
		else if (!meets_comparison((OpExpr *) node, slot))
			return false;
	}
	return true;
}

/* A table opened for writing, with its indexes. */
typedef struct Target
{
	const CoreTable *table;
	Relation	relation;
	Relation   *indexes;
	IndexInfo **infos;			/* the kept ones, or copies for the use */
	MemoryContext scratch;		/* for the work on one row */
} Target;

static void
open_target(Target *target, const CoreTable *table)
{
	int			i;

	PreventCommandIfReadOnly(table->use == CORE_TABLE_INSERT ? "INSERT" :
							 "UPDATE");
	PreventCommandIfParallelMode("record()");
	target->table = table;
	target->relation = table_open(table->table_id, NoLock);
	target->indexes = palloc_array(Relation, table->nindexes);
	target->infos = palloc_array(IndexInfo *, table->nindexes);
	for (i = 0; i < table->nindexes; i++)
	{
		target->indexes[i] = index_open(table->index_ids[i],
										RowExclusiveLock);
		target->infos[i] = table->index_infos[i];
		if (target->indexes[i]->rd_rel->relam == BTREE_AM_OID)
			continue;
		/* others keep what they have open in it */
		target->infos[i] = palloc_object(IndexInfo);
		*target->infos[i] = *table->index_infos[i];
		target->infos[i]->ii_Context = CurrentMemoryContext;
	}
	target->scratch = AllocSetContextCreate(CurrentMemoryContext,
											"community row",
											ALLOCSET_DEFAULT_SIZES);
}

/* Locks are kept until the transaction ends, which saves the next row some. */
static void
close_target(Target *target)
{
	int			i;

	for (i = 0; i < target->table->nindexes; i++)
	{
		core_index_insert_cleanup(target->indexes[i], target->infos[i]);
		index_close(target->indexes[i], NoLock);
	}
	pfree(target->indexes);
	pfree(target->infos);
	MemoryContextDelete(target->scratch);
	table_close(target->relation, NoLock);
	/* what was written must be seen by whatever comes next */
	CommandCounterIncrement();
}

/*
 * Make the entries of the row in "slot" in all indexes.  A row that is new
 * must not have a key that is known.  One that is tried out may have one of
 * the arbiter, the index that finds rows: false when it has.
 */
static bool
insert_index_entries(const Target *target, TupleTableSlot *slot, bool is_new,
					 bool is_tried)
{
	const CoreTable *table = target->table;
	int			i;

	for (i = 0; i < table->nindexes; i++)
	{
		IndexInfo  *info = target->infos[i];
		IndexUniqueCheck check = UNIQUE_CHECK_NO;
		Datum		values[INDEX_MAX_KEYS];
		bool		nulls[INDEX_MAX_KEYS];
		bool		arbiter = is_tried &&
		table->index_ids[i] == table->index_id;

		if (!info->ii_ReadyForInserts || !meets_conditions(info, slot))
			continue;
		/* a new version keeps the key that its row has, and holds locked */
		if (info->ii_Unique && (is_new || !table->index_unchanged[i]))
			check = arbiter ? UNIQUE_CHECK_PARTIAL : UNIQUE_CHECK_YES;
		FormIndexDatum(info, slot, NULL, values, nulls);
		if (!index_insert(target->indexes[i], values, nulls, &slot->tts_tid,
						  target->relation, check,
						  !is_new && table->index_unchanged[i], info) &&
			arbiter)
			return false;
	}
	return true;
}

static void
check_not_null(Relation relation, const bool *nulls)
{
	TupleDesc	desc = RelationGetDescr(relation);
	int			i;

	for (i = 0; i < desc->natts; i++)
		if (nulls[i] && TupleDescAttr(desc, i)->attnotnull)
			elog(ERROR, "null in column \"%s\" of table \"%s\"",
				 NameStr(TupleDescAttr(desc, i)->attname),
				 RelationGetRelationName(relation));
}

/*
 * Is the key free?  Waits for those who are inserting it.  A copy of what the
 * executor wants to see is enough for it.
 */
static bool
key_is_free(const Target *target, TupleTableSlot *slot)
{
	EState	   *estate = CreateExecutorState();
	ResultRelInfo *result = makeNode(ResultRelInfo);
	List	   *arbiters = list_make1_oid(target->table->index_id);
	ItemPointerData tid;
	bool		is_free;

	result->ri_RelationDesc = target->relation;
	result->ri_NumIndices = target->table->nindexes;
	result->ri_IndexRelationDescs = target->indexes;
	result->ri_IndexRelationInfo = target->infos;
	is_free = core_check_index_constraints(result, slot, estate, &tid,
										   arbiters);
	FreeExecutorState(estate);
	return is_free;
}

/* One attempt; true when it inserted, false when somebody got in between. */
static bool
insert_speculatively(const Target *target, TupleTableSlot *slot)
{
	TransactionId xid = GetCurrentTransactionId();
	uint32		token = SpeculativeInsertionLockAcquire(xid);
	bool		inserted;

	table_tuple_insert_speculative(target->relation, slot,
								   GetCurrentCommandId(true), 0, NULL, token);
	inserted = insert_index_entries(target, slot, true, true);
	table_tuple_complete_speculative(target->relation, slot, token, inserted);
	SpeculativeInsertionLockRelease(xid);
	return inserted;
}

/* Put a row into an empty slot. */
static void
put_row(const Target *target, TupleTableSlot *slot, Datum *values,
		bool *nulls)
{
	int			natts = target->table->ncolumns;

	check_not_null(target->relation, nulls);
	memcpy(slot->tts_values, values, natts * sizeof(Datum));
	memcpy(slot->tts_isnull, nulls, natts * sizeof(bool));
	ExecStoreVirtualTuple(slot);
	slot->tts_tableOid = target->table->table_id;
}

/* What core_table_insert() does; the slot, an empty one, is for the row. */
static bool
insert_row(const Target *target, TupleTableSlot *slot, Datum *values,
		   bool *nulls, bool is_new)
{
	bool		inserted = false;

	put_row(target, slot, values, nulls);
	do
	{
		CHECK_FOR_INTERRUPTS();
		if (!is_new && !key_is_free(target, slot))
			break;
		inserted = insert_speculatively(target, slot);
		is_new = false;
	} while (!inserted);
	return inserted;
}

/*
 * Insert a row unless one with its keys is there: INSERT ... ON CONFLICT DO
 * NOTHING.  False when it was not inserted; above READ COMMITTED the row that
 * has the key may be one that the transaction's snapshot does not see, which
 * the caller finds out when it looks for it.  "is_new" says that a conflict
 * would be a surprise, and saves looking for one first; it costs a dead row
 * if there is one all the same.
 */
bool
core_table_insert(CoreTable *table, Datum *values, bool *nulls, bool is_new)
{
	Target		target;
	MemoryContext caller;
	TupleTableSlot *slot;
	bool		inserted;

	open_target(&target, table);
	caller = MemoryContextSwitchTo(target.scratch);
	slot = table_slot_create(target.relation, NULL);
	inserted = insert_row(&target, slot, values, nulls, is_new);
	ExecDropSingleTupleTableSlot(slot);
	MemoryContextSwitchTo(caller);
	close_target(&target);
	return inserted;
}

/*
 * Insert a row whose key nobody else can have, as the own transaction has
 * just made up what it is of: there is no need to be ready to take it back.
 */
void
core_table_insert_first(CoreTable *table, Datum *values, bool *nulls)
{
	Target		target;
	MemoryContext caller;
	TupleTableSlot *slot;

	open_target(&target, table);
	caller = MemoryContextSwitchTo(target.scratch);
	slot = table_slot_create(target.relation, NULL);
	put_row(&target, slot, values, nulls);
	table_tuple_insert(target.relation, slot, GetCurrentCommandId(true), 0,
					   NULL);
	(void) insert_index_entries(&target, slot, true, false);
	ExecDropSingleTupleTableSlot(slot);
	MemoryContextSwitchTo(caller);
	close_target(&target);
}

static void
refuse_stale_snapshot(void)
{
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent update")));
}

/*
 * Lock the row in "slot", whose newest version is put there.  False when it
 * is gone.
 */
static bool
lock_latest(const Target *target, TupleTableSlot *slot, Snapshot snapshot)
{
	ItemPointerData tid = slot->tts_tid;
	TM_FailureData failure;
	uint8		flags = IsolationUsesXactSnapshot() ? 0 :
	TUPLE_LOCK_FLAG_FIND_LAST_VERSION;
	TM_Result	result;

	result = table_tuple_lock(target->relation, &tid, snapshot, slot,
							  GetCurrentCommandId(true),
							  LockTupleNoKeyExclusive, LockWaitBlock, flags,
							  &failure);
	if (result == TM_Ok)
		return true;
	refuse_stale_snapshot();
	if (result != TM_Deleted)
		elog(ERROR, "unexpected result %d of table_tuple_lock", result);
	return false;
}

/*
 * Change the version of the row in "slot", or the one that has replaced it
 * meanwhile.  False when the row is gone or "change" does not want it.
 */
static bool
update_latest(const Target *target, TupleTableSlot *slot,
			  TupleTableSlot *changed, Snapshot snapshot, CoreChange change,
			  void *arg)
{
	int			natts = RelationGetDescr(target->relation)->natts;
	CommandId	cid = GetCurrentCommandId(true);

	for (;;)
	{
		ItemPointerData tid = slot->tts_tid;
		TM_FailureData failure;
		LockTupleMode mode;
		CoreUpdateIndexes indexes;
		TM_Result	result;

		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		ExecClearTuple(changed);
		memcpy(changed->tts_values, slot->tts_values, natts * sizeof(Datum));
		memcpy(changed->tts_isnull, slot->tts_isnull, natts * sizeof(bool));
		if (!change(changed->tts_values, changed->tts_isnull, arg))
			return false;
		ExecStoreVirtualTuple(changed);
		ExecMaterializeSlot(changed);
		result = table_tuple_update(target->relation, &tid, changed, cid,
									snapshot, InvalidSnapshot, true, &failure,
									&mode, &indexes);
		if (result == TM_Ok)
		{
			if (core_updates_indexes(indexes))
				(void) insert_index_entries(target, changed, false, false);
			return true;
		}
		refuse_stale_snapshot();
		if (result == TM_Deleted)
			return false;
		if (result != TM_Updated)
			elog(ERROR, "unexpected result %d of table_tuple_update", result);
		if (!lock_latest(target, slot, snapshot))
			return false;
	}
}

struct CoreUpdate
{
	const CoreTable *table;
	Target		target;
	Relation	index;
	Snapshot	snapshot;
	TupleTableSlot *slot;
	TupleTableSlot *changed;
};

/* Open a table for any number of updates, all with one snapshot. */
CoreUpdate *
core_table_begin_update(CoreTable *table)
{
	CoreUpdate *update = palloc0_object(CoreUpdate);
	int			i;

	update->table = table;
	open_target(&update->target, table);
	for (i = 0; i < table->nindexes; i++)
		if (table->index_ids[i] == table->index_id)
			update->index = update->target.indexes[i];
	update->snapshot = RegisterSnapshot(GetTransactionSnapshot());
	update->slot = table_slot_create(update->target.relation, NULL);
	update->changed =
		MakeSingleTupleTableSlot(RelationGetDescr(update->target.relation),
								 &TTSOpsVirtual);
	return update;
}

/*
 * Put the version that the snapshot sees of the row at an entry of the index
 * into the slot, as a copy; false when it sees none, and "dead" when nobody
 * does.
 *
 * An index scan prunes each page that it comes to, and a page that is filled
 * as far as it should be would be pruned for each update, of one dead version.
 * So that is left for when the next version would not fit.
 */
static bool
fetch_version(CoreUpdate *update, ItemPointer entry, bool *dead)
{
	Relation	relation = update->target.relation;
	BufferHeapTupleTableSlot *slot =
	(BufferHeapTupleTableSlot *) update->slot;
	HeapTuple	tuple = &slot->base.tupdata;
	ItemPointerData tid = *entry;
	Buffer		buffer = ReadBuffer(relation,
									ItemPointerGetBlockNumber(entry));
	bool		found;
	Size		room;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	room = PageGetHeapFreeSpace(BufferGetPage(buffer));
	found = heap_hot_search_buffer(&tid, relation, buffer, update->snapshot,
								   tuple, dead, true);
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	if (found)
	{
		tuple->t_tableOid = RelationGetRelid(relation);
		ExecStoreBufferHeapTuple(tuple, update->slot, buffer);
		ExecMaterializeSlot(update->slot);
		if (room < 2 * MAXALIGN(tuple->t_len))
			heap_page_prune_opt(relation, buffer);
	}
	ReleaseBuffer(buffer);
	return found;
}

/* Find a row, to be changed by core_table_change_row(); false if not there. */
bool
core_table_find_row(CoreUpdate *update, Datum *keys)
{
	Relation	relation = update->target.relation;
	bool		is_heap = relation->rd_rel->relam == HEAP_TABLE_AM_OID;
	MemoryContext caller = MemoryContextSwitchTo(update->target.scratch);
	IndexScanDesc scan;
	ItemPointer entry;
	bool		found = false;

	scan = core_begin_probe(update->table, relation, update->index,
							update->snapshot, keys);
	while (!found &&
		   (entry = index_getnext_tid(scan, ForwardScanDirection)) != NULL)
	{
		bool		dead = false;

		if (is_heap)
		{
			found = fetch_version(update, entry, &dead);
			scan->kill_prior_tuple = dead;
		}
		else if (index_fetch_heap(scan, update->slot))
		{
			ExecMaterializeSlot(update->slot);
			found = true;
		}
	}
	index_endscan(scan);
	MemoryContextSwitchTo(caller);
	return found;
}

/* Done with a row, and with what was allocated for it. */
static void
leave_row(CoreUpdate *update)
{
	ExecClearTuple(update->changed);
	ExecClearTuple(update->slot);
	MemoryContextReset(update->target.scratch);
}

/*
 * Change the row that was found, in whatever version it is by now.  False
 * when it is gone or is left alone.
 */
bool
core_table_change_row(CoreUpdate *update, CoreChange change, void *arg)
{
	MemoryContext caller = MemoryContextSwitchTo(update->target.scratch);
	bool		changed;

	changed = update_latest(&update->target, update->slot, update->changed,
							update->snapshot, change, arg);
	leave_row(update);
	MemoryContextSwitchTo(caller);
	return changed;
}

/*
 * Find the version of a row that was locked before.  False when the own
 * transaction has replaced it since.
 */
bool
core_table_find_version(CoreUpdate *update, ItemPointer tid)
{
	return table_tuple_fetch_row_version(update->target.relation, tid,
										 update->snapshot, update->slot);
}

/*
 * Lock the row that was found, in whatever version it is by now, and ask
 * "wanted" about its values.  False when it is gone or not wanted.  "tid" may
 * be NULL, or tells the version.
 */
bool
core_table_lock_row(CoreUpdate *update, CoreChange wanted, void *arg,
					ItemPointer tid)
{
	MemoryContext caller = MemoryContextSwitchTo(update->target.scratch);
	TupleTableSlot *slot = update->slot;
	bool		locked;

	locked = lock_latest(&update->target, slot, update->snapshot);
	if (locked)
	{
		slot_getallattrs(slot);
		if (tid != NULL)
			*tid = slot->tts_tid;
		locked = wanted(slot->tts_values, slot->tts_isnull, arg);
	}
	leave_row(update);
	MemoryContextSwitchTo(caller);
	return locked;
}

/*
 * Insert a row, as core_table_insert() does.  A row with its key that was not
 * found here is found with a new snapshot.  The row can be changed after the
 * update has ended.
 */
bool
core_table_add_row(CoreUpdate *update, Datum *values, bool *nulls,
				   bool is_new)
{
	MemoryContext caller = MemoryContextSwitchTo(update->target.scratch);
	bool		inserted;

	ExecClearTuple(update->changed);
	inserted = insert_row(&update->target, update->changed, values, nulls,
						  is_new);
	leave_row(update);
	MemoryContextSwitchTo(caller);
	return inserted;
}

void
core_table_end_update(CoreUpdate *update)
{
	ExecDropSingleTupleTableSlot(update->changed);
	ExecDropSingleTupleTableSlot(update->slot);
	UnregisterSnapshot(update->snapshot);
	close_target(&update->target);
	pfree(update);
}

/* ----- many rows that are all new ----- */

/* so many rows are written together */
#define INSERT_BATCH	256

struct CoreInsert
{
	Target		target;
	MemoryContext context;		/* of the slots */
	BulkInsertState bulk;
	TupleTableSlot *slots[INSERT_BATCH];
	int			count;
};

/*
 * Open a table for any number of rows whose keys nobody else has; a known key
 * is an error.
 */
CoreInsert *
core_table_begin_insert(CoreTable *table)
{
	CoreInsert *insert = palloc0_object(CoreInsert);

	open_target(&insert->target, table);
	insert->context = CurrentMemoryContext;
	insert->bulk = GetBulkInsertState();
	return insert;
}

static void
write_batch(CoreInsert *insert)
{
	Target	   *target = &insert->target;
	MemoryContext caller;
	int			i;

	if (insert->count == 0)
		return;
	caller = MemoryContextSwitchTo(target->scratch);
	table_multi_insert(target->relation, insert->slots, insert->count,
					   GetCurrentCommandId(true), 0, insert->bulk);
	for (i = 0; i < insert->count; i++)
	{
		(void) insert_index_entries(target, insert->slots[i], true, false);
		ExecClearTuple(insert->slots[i]);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextReset(target->scratch);
	insert->count = 0;
}

/* Add a row; its values are copied. */
void
core_table_insert_row(CoreInsert *insert, Datum *values, bool *nulls)
{
	Relation	relation = insert->target.relation;
	TupleTableSlot *slot = insert->slots[insert->count];
	int			natts = RelationGetDescr(relation)->natts;
	MemoryContext caller = MemoryContextSwitchTo(insert->context);

	if (slot == NULL)
		slot = insert->slots[insert->count] =
			table_slot_create(relation, NULL);
	check_not_null(relation, nulls);
	memcpy(slot->tts_values, values, natts * sizeof(Datum));
	memcpy(slot->tts_isnull, nulls, natts * sizeof(bool));
	ExecStoreVirtualTuple(slot);
	ExecMaterializeSlot(slot);
	slot->tts_tableOid = RelationGetRelid(relation);
	MemoryContextSwitchTo(caller);
	if (++insert->count == INSERT_BATCH)
		write_batch(insert);
}

void
core_table_end_insert(CoreInsert *insert)
{
	int			i;

	write_batch(insert);
	for (i = 0; i < INSERT_BATCH && insert->slots[i] != NULL; i++)
		ExecDropSingleTupleTableSlot(insert->slots[i]);
	FreeBulkInsertState(insert->bulk);
	table_finish_bulk_insert(insert->target.relation, 0);
	close_target(&insert->target);
	pfree(insert);
}
