/*-------------------------------------------------------------------------
 *
 * table.c
 *	  Rows of our own tables without the executor.
 *
 * The one place that reads and writes tuples directly.  It serves record(),
 * whose few single-row statements would cost more to start than to run;
 * doc/performance.md has the figures.  Uniqueness, row locks, isolation levels
 * and logical decoding are those of the executor, whose steps these are.
 *
 * It touches a table only while that looks exactly as install_tables() made
 * it.  A column, trigger, rule, check, policy or partitioning that an owner
 * has added makes the table unusable here, and callers fall back to SQL,
 * which honours all of that.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/relation.h"
#include "access/relscan.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/table.h"

static CoreTable *known_tables = NULL;

/* ----- may it be used? ----- */

static void
forget_table(Datum arg, Oid relation)
{
	CoreTable  *table;

	for (table = known_tables; table != NULL; table = table->next)
		if (relation == InvalidOid || relation == table->table_id ||
			relation == table->index_id)
			table->valid = false;
}

static bool
has_expected_columns(const CoreTable *table, TupleDesc desc)
{
	int			i;

	if (desc->natts != table->ncolumns)
		return false;
	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);

		if (column->attisdropped || column->attgenerated != '\0' ||
			strcmp(NameStr(column->attname), table->columns[i]) != 0)
			return false;
	}
	return table->use == CORE_TABLE_READ || desc->constr == NULL ||
		desc->constr->num_check == 0;
}

static bool
has_no_triggers(const CoreTable *table, const TriggerDesc *triggers)
{
	if (triggers == NULL || table->use == CORE_TABLE_READ)
		return true;
	if (table->use == CORE_TABLE_INSERT)
		return !triggers->trig_insert_before_row &&
			!triggers->trig_insert_after_row &&
			!triggers->trig_insert_before_statement &&
			!triggers->trig_insert_after_statement;
	return !triggers->trig_update_before_row &&
		!triggers->trig_update_after_row &&
		!triggers->trig_update_before_statement &&
		!triggers->trig_update_after_statement;
}

static bool
has_expected_keys(const CoreTable *table, Relation index)
{
	Form_pg_index form = index->rd_index;
	int			i;

	if (!form->indisunique || !form->indisvalid || !form->indimmediate ||
		form->indnkeyatts != table->nkeys)
		return false;
	for (i = 0; i < table->nkeys; i++)
		if (form->indkey.values[i] != table->keys[i])
			return false;
	return true;
}

static bool
looks_as_installed(const CoreTable *table, Relation relation, Relation index)
{
	return relation->rd_rel->relkind == RELKIND_RELATION &&
		!relation->rd_rel->relispartition &&
		!relation->rd_rel->relforcerowsecurity &&
		relation->rd_rules == NULL &&
		has_expected_columns(table, RelationGetDescr(relation)) &&
		has_no_triggers(table, relation->trigdesc) &&
		has_expected_keys(table, index);
}

static void
examine(CoreTable *table)
{
	Oid			schema = get_namespace_oid(COMMUNITY_SCHEMA, true);
	Relation	relation;
	Relation	index;

	table->usable = false;
	table->table_id = table->index_id = InvalidOid;
	if (!OidIsValid(schema))
		return;
	table->table_id = get_relname_relid(table->name, schema);
	table->index_id = get_relname_relid(table->index, schema);
	if (!OidIsValid(table->table_id) || !OidIsValid(table->index_id))
		return;

	/* valid from here on, unless a message comes in while we look */
	table->valid = true;
	relation = table_open(table->table_id, AccessShareLock);
	index = relation_open(table->index_id, AccessShareLock);
	table->usable = index->rd_rel->relkind == RELKIND_INDEX &&
		index->rd_index->indrelid == table->table_id &&
		looks_as_installed(table, relation, index);
	relation_close(index, AccessShareLock);
	table_close(relation, AccessShareLock);
}

/* May the functions below be called?  To be asked before each use. */
bool
core_table_is_usable(CoreTable *table)
{
	static bool registered = false;

	if (!registered)
	{
		CacheRegisterRelcacheCallback(forget_table, (Datum) 0);
		registered = true;
	}
	if (!table->known)
	{
		table->next = known_tables;
		known_tables = table;
		table->known = true;
	}
	if (!table->valid)
		examine(table);
	return table->valid && table->usable;
}

/* ----- finding a row ----- */

static IndexScanDesc
begin_probe(const CoreTable *table, Relation relation, Relation index,
			Snapshot snapshot, Datum *keys)
{
	ScanKeyData scan_keys[CORE_MAX_KEYS];
	IndexScanDesc scan;
	int			i;

	for (i = 0; i < table->nkeys; i++)
	{
		Oid			type = TupleDescAttr(RelationGetDescr(relation),
										 table->keys[i] - 1)->atttypid;

		ScanKeyEntryInitialize(&scan_keys[i], 0, i + 1, BTEqualStrategyNumber,
							   InvalidOid, index->rd_indcollation[i],
							   type == TEXTOID ? F_TEXTEQ :
							   type == INT4OID ? F_INT4EQ : F_INT8EQ,
							   keys[i]);
	}
	scan = core_index_beginscan(relation, index, snapshot, table->nkeys);
	index_rescan(scan, scan_keys, table->nkeys, NULL, 0);
	return scan;
}

/*
 * Find the row with these keys.  Values that are passed by reference are
 * copied.  False when there is none.
 */
bool
core_table_fetch(CoreTable *table, Datum *keys, Datum *values, bool *nulls)
{
	Relation	relation = table_open(table->table_id, AccessShareLock);
	Relation	index = index_open(table->index_id, AccessShareLock);
	Snapshot	snapshot = RegisterSnapshot(GetTransactionSnapshot());
	TupleTableSlot *slot = table_slot_create(relation, NULL);
	IndexScanDesc scan = begin_probe(table, relation, index, snapshot, keys);
	bool		found = index_getnext_slot(scan, ForwardScanDirection, slot);

	if (found)
	{
		TupleDesc	desc = RelationGetDescr(relation);
		int			i;

		slot_getallattrs(slot);
		for (i = 0; i < desc->natts; i++)
		{
			Form_pg_attribute column = TupleDescAttr(desc, i);

			nulls[i] = slot->tts_isnull[i];
			values[i] = nulls[i] ? (Datum) 0 :
				datumCopy(slot->tts_values[i], column->attbyval,
						  column->attlen);
		}
	}
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	UnregisterSnapshot(snapshot);
	index_close(index, NoLock);
	table_close(relation, NoLock);
	return found;
}

/* ----- writing ----- */

/* A table opened for writing, with what the executor's helpers want. */
typedef struct Target
{
	Relation	relation;
	EState	   *estate;
	ResultRelInfo *result;
	MemoryContext caller;
} Target;

static void
open_target(Target *target, const CoreTable *table)
{
	PreventCommandIfReadOnly(table->use == CORE_TABLE_INSERT ? "INSERT" :
							 "UPDATE");
	PreventCommandIfParallelMode("record()");
	target->relation = table_open(table->table_id, RowExclusiveLock);
	target->estate = CreateExecutorState();
	target->caller = MemoryContextSwitchTo(target->estate->es_query_cxt);
	target->result = makeNode(ResultRelInfo);
	InitResultRelInfo(target->result, target->relation, 0, NULL, 0);
	ExecOpenIndices(target->result, false);
}

/* Prepare the index that decides on conflicts, and only that. */
static void
open_arbiter(Target *target, const CoreTable *table)
{
	ResultRelInfo *result = target->result;
	int			i;

	for (i = 0; i < result->ri_NumIndices; i++)
		if (RelationGetRelid(result->ri_IndexRelationDescs[i]) ==
			table->index_id)
			BuildSpeculativeIndexInfo(result->ri_IndexRelationDescs[i],
									  result->ri_IndexRelationInfo[i]);
}

static void
close_target(Target *target)
{
	ExecCloseIndices(target->result);
	MemoryContextSwitchTo(target->caller);
	FreeExecutorState(target->estate);
	table_close(target->relation, NoLock);
	/* what was written must be seen by whatever comes next */
	CommandCounterIncrement();
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
 * A row that keeps ours out but that our snapshot does not see: at READ
 * COMMITTED the next statement will see it, above that the answer would
 * contradict the snapshot.
 */
static void
check_conflict_is_visible(Relation relation, ItemPointer tid)
{
	TupleTableSlot *slot;

	if (!IsolationUsesXactSnapshot())
		return;
	slot = table_slot_create(relation, NULL);
	if (!table_tuple_fetch_row_version(relation, tid, SnapshotAny, slot))
		elog(ERROR, "failed to fetch conflicting tuple");
	if (!table_tuple_satisfies_snapshot(relation, slot,
										GetTransactionSnapshot()))
	{
		bool		isnull;
		Datum		xmin = slot_getsysattr(slot,
										   MinTransactionIdAttributeNumber,
										   &isnull);

		/* our own transaction may have inserted it in this very statement */
		if (!TransactionIdIsCurrentTransactionId(DatumGetTransactionId(xmin)))
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					 errmsg("could not serialize access due to concurrent update")));
	}
	ExecDropSingleTupleTableSlot(slot);
}

/* One attempt; true when it inserted, false when somebody got in between. */
static bool
insert_speculatively(Target *target, TupleTableSlot *slot, List *arbiters)
{
	TransactionId xid = GetCurrentTransactionId();
	uint32		token = SpeculativeInsertionLockAcquire(xid);
	bool		conflict = false;

	table_tuple_insert_speculative(target->relation, slot,
								   GetCurrentCommandId(true), 0, NULL, token);
	list_free(core_insert_index_tuples(target->result, slot, target->estate,
									   false, &conflict, arbiters, false));
	table_tuple_complete_speculative(target->relation, slot, token, !conflict);
	SpeculativeInsertionLockRelease(xid);
	return !conflict;
}

/*
 * Insert a row unless one with its keys is there: INSERT ... ON CONFLICT DO
 * NOTHING.  False when it was not inserted.  "is_new" says that a conflict
 * would be a surprise, and saves looking for one first; it costs a dead row
 * if there is one all the same.
 */
bool
core_table_insert(CoreTable *table, Datum *values, bool *nulls, bool is_new)
{
	List	   *arbiters;
	Target		target;
	TupleTableSlot *slot;
	bool		inserted = false;

	open_target(&target, table);
	open_arbiter(&target, table);
	check_not_null(target.relation, nulls);
	arbiters = list_make1_oid(table->index_id);
	slot = table_slot_create(target.relation, NULL);
	memcpy(slot->tts_values, values, table->ncolumns * sizeof(Datum));
	memcpy(slot->tts_isnull, nulls, table->ncolumns * sizeof(bool));
	ExecStoreVirtualTuple(slot);
	slot->tts_tableOid = table->table_id;
	do
	{
		ItemPointerData tid;

		CHECK_FOR_INTERRUPTS();
		if (!is_new &&
			!core_check_index_constraints(target.result, slot, target.estate,
										  &tid, arbiters))
		{
			check_conflict_is_visible(target.relation, &tid);
			break;
		}
		inserted = insert_speculatively(&target, slot, arbiters);
		is_new = false;
	} while (!inserted);
	ExecDropSingleTupleTableSlot(slot);
	close_target(&target);
	return inserted;
}

static void
refuse_stale_snapshot(void)
{
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent update")));
}

static void
update_indexes(Target *target, TupleTableSlot *slot, bool only_summarizing)
{
	list_free(core_insert_index_tuples(target->result, slot, target->estate,
									   true, NULL, NIL, only_summarizing));
}

/*
 * Change the version of the row in "slot", or the one that has replaced it
 * meanwhile.  False when the row is gone or "change" does not want it.
 */
static bool
update_latest(Target *target, TupleTableSlot *slot, TupleTableSlot *changed,
			  Snapshot snapshot, CoreChange change, void *arg)
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
				update_indexes(target, changed,
							   core_only_summarizing(indexes));
			return true;
		}
		refuse_stale_snapshot();
		if (result == TM_Deleted)
			return false;
		if (result != TM_Updated)
			elog(ERROR, "unexpected result %d of table_tuple_update", result);
		result = table_tuple_lock(target->relation, &tid, snapshot, slot, cid,
								  LockTupleNoKeyExclusive, LockWaitBlock,
								  TUPLE_LOCK_FLAG_FIND_LAST_VERSION, &failure);
		if (result == TM_Deleted)
			return false;
		if (result != TM_Ok)
			elog(ERROR, "unexpected result %d of table_tuple_lock", result);
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
	CoreUpdate *update = palloc_object(CoreUpdate);

	update->table = table;
	open_target(&update->target, table);
	update->index = index_open(table->index_id, RowExclusiveLock);
	update->snapshot = RegisterSnapshot(GetTransactionSnapshot());
	update->slot = table_slot_create(update->target.relation, NULL);
	update->changed =
		MakeSingleTupleTableSlot(RelationGetDescr(update->target.relation),
								 &TTSOpsVirtual);
	MemoryContextSwitchTo(update->target.caller);
	return update;
}

/* Find a row, to be changed by core_table_change_row(); false if not there. */
bool
core_table_find_row(CoreUpdate *update, Datum *keys)
{
	Target	   *target = &update->target;
	MemoryContext caller;
	IndexScanDesc scan;
	bool		found;

	caller =
		MemoryContextSwitchTo(GetPerTupleMemoryContext(target->estate));
	scan = begin_probe(update->table, target->relation, update->index,
					   update->snapshot, keys);
	found = index_getnext_slot(scan, ForwardScanDirection, update->slot);
	if (found)
		ExecMaterializeSlot(update->slot);
	index_endscan(scan);
	MemoryContextSwitchTo(caller);
	return found;
}

/*
 * Change the row that was found, in whatever version it is by now.  False
 * when it is gone or is left alone.
 */
bool
core_table_change_row(CoreUpdate *update, CoreChange change, void *arg)
{
	Target	   *target = &update->target;
	MemoryContext caller;
	bool		changed;

	caller =
		MemoryContextSwitchTo(GetPerTupleMemoryContext(target->estate));
	changed = update_latest(target, update->slot, update->changed,
							update->snapshot, change, arg);
	ExecClearTuple(update->changed);
	ExecClearTuple(update->slot);
	MemoryContextSwitchTo(caller);
	ResetPerTupleExprContext(target->estate);
	return changed;
}

void
core_table_end_update(CoreUpdate *update)
{
	ExecDropSingleTupleTableSlot(update->changed);
	ExecDropSingleTupleTableSlot(update->slot);
	UnregisterSnapshot(update->snapshot);
	index_close(update->index, NoLock);
	update->target.caller = CurrentMemoryContext;
	close_target(&update->target);
	pfree(update);
}

/* ----- many rows that are all new ----- */

/* so many rows are written together */
#define INSERT_BATCH	256

struct CoreInsert
{
	Target		target;
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
	insert->bulk = GetBulkInsertState();
	MemoryContextSwitchTo(insert->target.caller);
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
	caller =
		MemoryContextSwitchTo(GetPerTupleMemoryContext(target->estate));
	table_multi_insert(target->relation, insert->slots, insert->count,
					   GetCurrentCommandId(true), 0, insert->bulk);
	for (i = 0; i < insert->count; i++)
	{
		list_free(core_insert_index_tuples(target->result, insert->slots[i],
										   target->estate, false, NULL, NIL,
										   false));
		ExecClearTuple(insert->slots[i]);
	}
	MemoryContextSwitchTo(caller);
	ResetPerTupleExprContext(target->estate);
	insert->count = 0;
}

/* Add a row; its values are copied. */
void
core_table_insert_row(CoreInsert *insert, Datum *values, bool *nulls)
{
	Target	   *target = &insert->target;
	TupleTableSlot *slot = insert->slots[insert->count];
	int			natts = RelationGetDescr(target->relation)->natts;
	MemoryContext caller;

	caller = MemoryContextSwitchTo(target->estate->es_query_cxt);
	if (slot == NULL)
		slot = insert->slots[insert->count] =
			table_slot_create(target->relation, NULL);
	check_not_null(target->relation, nulls);
	memcpy(slot->tts_values, values, natts * sizeof(Datum));
	memcpy(slot->tts_isnull, nulls, natts * sizeof(bool));
	ExecStoreVirtualTuple(slot);
	ExecMaterializeSlot(slot);
	slot->tts_tableOid = RelationGetRelid(target->relation);
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
	insert->target.caller = CurrentMemoryContext;
	close_target(&insert->target);
	pfree(insert);
}
