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
 * which honours all of that.  So does an index that is no plain btree or
 * BRIN: one over expressions, or with a condition that is more than a
 * comparison with a constant or IS NOT NULL, would run functions of its maker.
 *
 * As nothing of anybody else's runs, no search path needs to be pinned, and
 * SPI need not be connected.
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
#include "access/transam.h"
#include "access/visibilitymap.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/primnodes.h"
#include "storage/bufmgr.h"
#include "storage/bufpage.h"
#include "storage/lmgr.h"
#include "storage/predicate.h"
#include "storage/proc.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
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
	int			i;

	for (table = known_tables; table != NULL; table = table->next)
	{
		if (relation == InvalidOid || relation == table->table_id ||
			relation == table->index_id)
			table->valid = false;
		for (i = 0; i < table->nindexes; i++)
			if (relation == table->index_ids[i])
				table->valid = false;
	}
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

/* Is it the guard of ours whose work the caller does? */
static bool
is_known_guard(const CoreTable *table, const Trigger *trigger)
{
	char	   *function;

	if (table->guard == NULL ||
		get_func_namespace(trigger->tgfoid) !=
		get_namespace_oid(COMMUNITY_SCHEMA, true))
		return false;
	function = get_func_name(trigger->tgfoid);
	return function != NULL && strcmp(function, table->guard) == 0;
}

static bool
has_no_triggers(const CoreTable *table, const TriggerDesc *triggers)
{
	int16		unwanted = 0;
	int			i;

	if (triggers == NULL || table->use == CORE_TABLE_READ)
		return true;
	if (table->use != CORE_TABLE_UPDATE)
		unwanted |= TRIGGER_TYPE_INSERT;
	if (table->use != CORE_TABLE_INSERT)
		unwanted |= TRIGGER_TYPE_UPDATE;
	for (i = 0; i < triggers->numtriggers; i++)
		if ((triggers->triggers[i].tgtype & unwanted) != 0 &&
			!is_known_guard(table, &triggers->triggers[i]))
			return false;
	return true;
}

static bool
has_expected_keys(const CoreTable *table, Relation index)
{
	Form_pg_index form = index->rd_index;
	int			i;

	if (!form->indisunique && !table->many)
		return false;
	if (!form->indisvalid || !form->indimmediate ||
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

/* Is it "column IS NOT NULL"? */
static bool
is_not_null_test(Node *node)
{
	NullTest   *test = (NullTest *) node;

	return IsA(node, NullTest) && test->nulltesttype == IS_NOT_NULL &&
		IsA(test->arg, Var) && ((Var *) test->arg)->varattno > 0;
}

/*
 * Is it that, or "column operator constant" with an operator of the server's
 * own?  These look nothing up, and so can be asked without a search path.
 */
static bool
is_plain_condition(Node *node)
{
	OpExpr	   *condition = (OpExpr *) node;

	if (is_not_null_test(node))
		return true;
	if (!IsA(node, OpExpr) || list_length(condition->args) != 2 ||
		condition->opno >= FirstGenbkiObjectId)
		return false;
	set_opfuncid(condition);
	return IsA(linitial(condition->args), Var) &&
		((Var *) linitial(condition->args))->varattno > 0 &&
		IsA(lsecond(condition->args), Const) &&
		!((Const *) lsecond(condition->args))->constisnull;
}

static bool
has_plain_conditions(const IndexInfo *info)
{
	ListCell   *cell;

	foreach(cell, info->ii_Predicate)
		if (!is_plain_condition(lfirst(cell)))
		return false;
	return true;
}

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

/*
 * Can its entries be made from the columns of a row alone?  Other kinds than
 * btree note things in an IndexInfo that must not be kept as long as ours.
 */
static bool
is_plain(Relation index, const IndexInfo *info)
{
	return (index->rd_rel->relam == BTREE_AM_OID ||
			index->rd_rel->relam == BRIN_AM_OID) &&
		index->rd_index->indimmediate && info->ii_Expressions == NIL &&
		has_plain_conditions(info) && info->ii_ExclusionOps == NULL;
}

static bool
is_key(const CoreTable *table, int column)
{
	int			i;

	for (i = 0; i < table->nkeys; i++)
		if (table->keys[i] == column)
			return true;
	return false;
}

/* Does every version of a row have the same entry? */
static bool
is_unchanged(const CoreTable *table, const IndexInfo *info)
{
	int			i;

	if (info->ii_Predicate != NIL)
		return false;
	for (i = 0; i < info->ii_NumIndexAttrs; i++)
	{
		int			column = info->ii_IndexAttrNumbers[i];

		if (table->changes != 0 ? column == table->changes :
			!is_key(table, column))
			return false;
	}
	return true;
}

/* Note the indexes that writing has to serve; false when it cannot. */
static bool
keep_indexes(CoreTable *table, Relation relation)
{
	List	   *ids = RelationGetIndexList(relation);
	MemoryContext old = MemoryContextSwitchTo(table->context);
	bool		plain = true;
	ListCell   *cell;

	table->nindexes = 0;
	table->index_ids = palloc_array(Oid, list_length(ids));
	table->index_infos = palloc_array(IndexInfo *, list_length(ids));
	table->index_unchanged = palloc_array(bool, list_length(ids));
	foreach(cell, ids)
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);
		IndexInfo  *info = BuildIndexInfo(index);
		int			n = table->nindexes;

		plain = plain && is_plain(index, info);
		if (plain && lfirst_oid(cell) == table->index_id)
			BuildSpeculativeIndexInfo(index, info);
		table->index_ids[n] = lfirst_oid(cell);
		table->index_infos[n] = info;
		table->index_unchanged[n] = is_unchanged(table, info);
		table->nindexes++;
		index_close(index, AccessShareLock);
	}
	MemoryContextSwitchTo(old);
	list_free(ids);
	return plain;
}

static void
examine(CoreTable *table)
{
	Oid			schema = get_namespace_oid(COMMUNITY_SCHEMA, true);
	Relation	relation;
	Relation	index;

	table->usable = false;
	table->table_id = table->index_id = InvalidOid;
	table->nindexes = 0;
	if (table->context == NULL)
		table->context = AllocSetContextCreate(CacheMemoryContext,
											   "community table",
											   ALLOCSET_SMALL_SIZES);
	MemoryContextReset(table->context);
	if (!OidIsValid(schema))
		return;
	table->table_id = get_relname_relid(table->name, schema);
	table->index_id = get_relname_relid(table->index, schema);
	if (!OidIsValid(table->table_id) || !OidIsValid(table->index_id))
		return;

	/* valid from here on, unless a message comes in while we look */
	table->valid = true;
	table->locked_in = InvalidLocalTransactionId;
	relation = table_open(table->table_id, AccessShareLock);
	index = relation_open(table->index_id, AccessShareLock);
	table->usable = index->rd_rel->relkind == RELKIND_INDEX &&
		index->rd_index->indrelid == table->table_id &&
		looks_as_installed(table, relation, index) &&
		(table->use == CORE_TABLE_READ || keep_indexes(table, relation));
	relation_close(index, AccessShareLock);
	table_close(relation, AccessShareLock);
}

/*
 * Has this part of the transaction locked it?  Then it still does: to be told
 * so by the lock manager each time costs more than the rest of the question.
 */
static bool
has_locked(const CoreTable *table)
{
	return table->locked_in == core_local_transaction() &&
		table->locked_below == GetCurrentSubTransactionId();
}

/* Has it, for one that uses the same table for no less? */
static bool
is_locked(const CoreTable *table)
{
	const CoreTable *other;

	if (has_locked(table))
		return true;
	for (other = known_tables; other != NULL; other = other->next)
		if (other->table_id == table->table_id && has_locked(other) &&
			(other->use != CORE_TABLE_READ || table->use == CORE_TABLE_READ))
			return true;
	return false;
}

/*
 * May the functions below be called?  To be asked before each use.  The table
 * is locked, so that what was found stays true until the transaction ends.
 */
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
	do
	{
		if (!table->valid)
			examine(table);
		if (!table->usable)
			return false;
		if (is_locked(table))
			break;
		/* tells us of changes, and keeps further ones out */
		LockRelationOid(table->table_id, table->use == CORE_TABLE_READ ?
						AccessShareLock : RowExclusiveLock);
		table->locked_in = core_local_transaction();
		table->locked_below = GetCurrentSubTransactionId();
	} while (!table->valid);
	return true;
}

/*
 * Has it ever had a row?  A row has its place before anybody can see it, and
 * places go only when nobody can see any of them; so whatever the snapshot,
 * none is missed.
 */
bool
core_table_has_blocks(CoreTable *table)
{
	Relation	relation = table_open(table->table_id, NoLock);
	BlockNumber nblocks = RelationGetNumberOfBlocks(relation);

	table_close(relation, NoLock);
	return nblocks > 0;
}

/* ----- finding a row ----- */

static void
set_scan_key(ScanKey scan_key, const CoreTable *table, Relation relation,
			 Relation index, int column, StrategyNumber strategy,
			 RegProcedure procedure, Datum value)
{
	Oid			type = TupleDescAttr(RelationGetDescr(relation),
									 table->keys[column] - 1)->atttypid;

	if (procedure == InvalidOid)
		procedure = type == TEXTOID ? F_TEXTEQ :
			type == INT4OID ? F_INT4EQ : F_INT8EQ;
	ScanKeyEntryInitialize(scan_key, 0, column + 1, strategy, InvalidOid,
						   index->rd_indcollation[column], procedure, value);
}

static IndexScanDesc
begin_probe(const CoreTable *table, Relation relation, Relation index,
			Snapshot snapshot, Datum *keys)
{
	ScanKeyData scan_keys[CORE_MAX_KEYS];
	IndexScanDesc scan;
	int			i;

	for (i = 0; i < table->nkeys; i++)
		set_scan_key(&scan_keys[i], table, relation, index, i,
					 BTEqualStrategyNumber, InvalidOid, keys[i]);
	scan = core_index_beginscan(relation, index, snapshot, table->nkeys);
	index_rescan(scan, scan_keys, table->nkeys, NULL, 0);
	return scan;
}

/*
 * Find the row with these keys that the snapshot sees.  Values that are
 * passed by reference are copied.  False when there is none.
 */
bool
core_table_fetch(CoreTable *table, Snapshot snapshot, Datum *keys,
				 Datum *values, bool *nulls)
{
	Relation	relation = table_open(table->table_id, NoLock);
	Relation	index = index_open(table->index_id, AccessShareLock);
	TupleTableSlot *slot = table_slot_create(relation, NULL);
	IndexScanDesc scan;
	bool		found;

	snapshot = RegisterSnapshot(snapshot);
	scan = begin_probe(table, relation, index, snapshot, keys);
	found = index_getnext_slot(scan, ForwardScanDirection, slot);
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

/* Keys for rows whose last key is in a range. */
static void
set_range_keys(ScanKey scan_keys, const CoreTable *table, Relation relation,
			   Relation index, const Datum *keys, int64 after, int64 to)
{
	int			last = table->nkeys - 1;
	bool		narrow = TupleDescAttr(RelationGetDescr(relation),
									   table->keys[last] - 1)->atttypid ==
	INT4OID;
	int			i;

	for (i = 0; i < last; i++)
		set_scan_key(&scan_keys[i], table, relation, index, i,
					 BTEqualStrategyNumber, InvalidOid, keys[i]);
	set_scan_key(&scan_keys[last], table, relation, index, last,
				 BTGreaterStrategyNumber, narrow ? F_INT4GT : F_INT8GT,
				 narrow ? Int32GetDatum((int32) after) :
				 Int64GetDatum(after));
	set_scan_key(&scan_keys[last + 1], table, relation, index, last,
				 BTLessEqualStrategyNumber, narrow ? F_INT4LE : F_INT8LE,
				 narrow ? Int32GetDatum((int32) to) : Int64GetDatum(to));
}

struct CoreScanner
{
	const CoreTable *table;
	MemoryContext context;
	Relation	relation;
	Relation	index;
	Snapshot	snapshot;
	TupleTableSlot *slot;
	IndexScanDesc scan;
	bool		busy;
};

/* Open a table for any number of scans, all with one snapshot. */
CoreScanner *
core_table_begin_scan(CoreTable *table, Snapshot snapshot)
{
	CoreScanner *scanner = palloc_object(CoreScanner);

	scanner->table = table;
	scanner->context = CurrentMemoryContext;
	scanner->relation = table_open(table->table_id, NoLock);
	scanner->index = index_open(table->index_id, AccessShareLock);
	scanner->snapshot = RegisterSnapshot(snapshot);
	scanner->slot = table_slot_create(scanner->relation, NULL);
	scanner->scan = core_index_beginscan(scanner->relation, scanner->index,
										 scanner->snapshot,
										 table->nkeys + 1);
	scanner->busy = false;
	return scanner;
}

/* The scan keeps what it allocates from row to row. */
static bool
next_row(CoreScanner *scanner, ScanDirection direction)
{
	MemoryContext caller = MemoryContextSwitchTo(scanner->context);
	bool		found = index_getnext_slot(scanner->scan, direction,
										   scanner->slot);

	if (found)
		slot_getallattrs(scanner->slot);
	MemoryContextSwitchTo(caller);
	return found;
}

/*
 * Visit the rows that the snapshot sees, in order, whose last key, a number
 * or a time, is above "after" and at most "to", and whose other keys are
 * these.  Values are those in the page: whoever wants to keep them copies
 * them.  False, and nothing is visited, while another scan goes on.
 */
bool
core_table_scan_with(CoreScanner *scanner, const Datum *keys, int64 after,
					 int64 to, bool backward, CoreVisit visit, void *arg)
{
	ScanDirection direction = backward ? BackwardScanDirection :
	ForwardScanDirection;
	ScanKeyData scan_keys[CORE_MAX_KEYS + 1];
	int			nkeys = scanner->table->nkeys + 1;

	if (scanner->busy)
		return false;
	scanner->busy = true;
	set_range_keys(scan_keys, scanner->table, scanner->relation,
				   scanner->index, keys, after, to);
	index_rescan(scanner->scan, scan_keys, nkeys, NULL, 0);
	while (next_row(scanner, direction))
	{
		CHECK_FOR_INTERRUPTS();
		if (!visit(scanner->slot->tts_values, scanner->slot->tts_isnull, arg))
			break;
	}
	ExecClearTuple(scanner->slot);
	scanner->busy = false;
	return true;
}

void
core_table_end_scan(CoreScanner *scanner)
{
	index_endscan(scanner->scan);
	ExecDropSingleTupleTableSlot(scanner->slot);
	UnregisterSnapshot(scanner->snapshot);
	index_close(scanner->index, NoLock);
	table_close(scanner->relation, NoLock);
	pfree(scanner);
}

/* The same for one scan alone. */
void
core_table_scan(CoreTable *table, Snapshot snapshot, const Datum *keys,
				int64 after, int64 to, bool backward, CoreVisit visit,
				void *arg)
{
	CoreScanner *scanner = core_table_begin_scan(table, snapshot);

	(void) core_table_scan_with(scanner, keys, after, to, backward, visit,
								arg);
	core_table_end_scan(scanner);
}

/*
 * Visit all rows that the snapshot sees, in no order, with the values of their
 * first columns, so many of them.
 */
void
core_table_scan_all(CoreTable *table, Snapshot snapshot, int ncolumns,
					CoreVisit visit, void *arg)
{
	Relation	relation = table_open(table->table_id, NoLock);
	TupleTableSlot *slot = table_slot_create(relation, NULL);
	TableScanDesc scan;
	bool		goes_on = true;

	snapshot = RegisterSnapshot(snapshot);
	scan = table_beginscan(relation, snapshot, 0, NULL);
	while (goes_on && table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		CHECK_FOR_INTERRUPTS();
		slot_getsomeattrs(slot, ncolumns);
		goes_on = visit(slot->tts_values, slot->tts_isnull, arg);
	}
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	ExecDropSingleTupleTableSlot(slot);
	table_close(relation, NoLock);
}

/*
 * How many rows does the snapshot see whose last key, a bigint, is above
 * "after" and at most "to", and whose other keys are these?  Rows in pages
 * that everybody sees are counted in the index alone.
 */
int64
core_table_count(CoreTable *table, Snapshot snapshot, Datum *keys,
				 int64 after, int64 to)
{
	Relation	relation = table_open(table->table_id, NoLock);
	Relation	index = index_open(table->index_id, AccessShareLock);
	TupleTableSlot *slot = table_slot_create(relation, NULL);
	ScanKeyData scan_keys[CORE_MAX_KEYS + 1];
	int			last = table->nkeys - 1;
	Buffer		visibility = InvalidBuffer;
	IndexScanDesc scan;
	ItemPointer tid;
	int64		count = 0;

	set_range_keys(scan_keys, table, relation, index, keys, after, to);
	snapshot = RegisterSnapshot(snapshot);
	scan = core_index_beginscan(relation, index, snapshot, last + 2);
	/* keeps the page of the index pinned, so that no entry is reused */
	scan->xs_want_itup = true;
	index_rescan(scan, scan_keys, last + 2, NULL, 0);
	while ((tid = index_getnext_tid(scan, ForwardScanDirection)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		if (VM_ALL_VISIBLE(relation, ItemPointerGetBlockNumber(tid),
						   &visibility))
		{
			PredicateLockPage(relation, ItemPointerGetBlockNumber(tid),
							  snapshot);
			count++;
		}
		else if (index_fetch_heap(scan, slot))
		{
			ExecClearTuple(slot);
			count++;
		}
	}
	if (visibility != InvalidBuffer)
		ReleaseBuffer(visibility);
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	UnregisterSnapshot(snapshot);
	index_close(index, NoLock);
	table_close(relation, NoLock);
	return count;
}

struct CoreReader
{
	const CoreTable *table;
	Relation	relation;
	Relation	index;
	Snapshot	snapshot;
	CoreReadKind kind;
	bool		remembers;
	TupleTableSlot *slot;
	int			nkeys;
	ScanKeyData keys[CORE_MAX_KEYS + 1];
	IndexScanDesc scan;			/* NULL until the index is needed */
	BlockNumber nblocks;		/* of the table, once it was asked for */
};

/* Open a table for any number of reads, all with one snapshot. */
CoreReader *
core_table_begin_read(CoreTable *table, Snapshot snapshot, CoreReadKind kind)
{
	CoreReader *reader = palloc0_object(CoreReader);

	reader->table = table;
	reader->relation = table_open(table->table_id, NoLock);
	reader->snapshot = RegisterSnapshot(snapshot);
	reader->kind = kind;
	reader->slot = table_slot_create(reader->relation, NULL);
	reader->nblocks = InvalidBlockNumber;
	/* others have places of another kind */
	reader->remembers = table->remembers &&
		reader->relation->rd_rel->relam == HEAP_TABLE_AM_OID;
	if (reader->remembers && table->places == NULL)
		table->places = core_make_places();
	return reader;
}

static void
open_index(CoreReader *reader)
{
	const CoreTable *table = reader->table;
	int			last = table->nkeys - 1;
	int			i;

	reader->index = index_open(table->index_id, AccessShareLock);
	for (i = 0; i < table->nkeys; i++)
		set_scan_key(&reader->keys[i], table, reader->relation, reader->index,
					 i, BTEqualStrategyNumber, InvalidOid, (Datum) 0);
	reader->nkeys = table->nkeys;
	if (reader->kind == CORE_READ_UP_TO)
	{
		set_scan_key(&reader->keys[last], table, reader->relation,
					 reader->index, last, BTLessEqualStrategyNumber, F_INT8LE,
					 (Datum) 0);
		set_scan_key(&reader->keys[last + 1], table, reader->relation,
					 reader->index, last, BTGreaterEqualStrategyNumber,
					 F_INT8GE, (Datum) 0);
		reader->nkeys++;
	}
	reader->scan = core_index_beginscan(reader->relation, reader->index,
										reader->snapshot, reader->nkeys);
}

/* Does the row that was read last have these keys, of a remembered table? */
static bool
has_keys(const CoreReader *reader, const Datum *keys)
{
	int			i;

	for (i = 0; i < reader->table->nkeys; i++)
	{
		int			column = reader->table->keys[i] - 1;

		if (reader->slot->tts_isnull[column] ||
			DatumGetInt64(reader->slot->tts_values[column]) !=
			DatumGetInt64(keys[i]))
			return false;
	}
	return true;
}

/*
 * The row with these keys, of a table that remembers places, if it is where
 * it was; else false, and the index has to be asked.  The table is locked, so
 * it does not get shorter under us.
 */
bool
core_table_recall(CoreReader *reader, const Datum *keys,
				  const Datum **values, const bool **nulls)
{
	ItemPointerData tid;

	if (!reader->remembers ||
		!core_recall_place(reader->table->places, DatumGetInt64(keys[0]),
						   DatumGetInt64(keys[1]), &tid))
		return false;
	if (reader->nblocks == InvalidBlockNumber)
		reader->nblocks = RelationGetNumberOfBlocks(reader->relation);
	if (ItemPointerGetBlockNumber(&tid) >= reader->nblocks ||
		!table_tuple_fetch_row_version(reader->relation, &tid,
									   reader->snapshot, reader->slot))
		return false;
	slot_getallattrs(reader->slot);
	*values = reader->slot->tts_values;
	*nulls = reader->slot->tts_isnull;
	return has_keys(reader, keys);
}

/*
 * Begin with rows that have these keys; those from which it reads down go no
 * further than "from".  An index scan looks at all of a page that is in its
 * range, so whoever wants one row does well to say how far it may be.
 */
void
core_table_seek_from(CoreReader *reader, const Datum *keys, int64 from)
{
	int			i;

	if (reader->scan == NULL)
		open_index(reader);
	for (i = 0; i < reader->table->nkeys; i++)
		reader->keys[i].sk_argument = keys[i];
	if (reader->kind == CORE_READ_UP_TO)
		reader->keys[i].sk_argument = Int64GetDatum(from);
	index_rescan(reader->scan, reader->keys, reader->nkeys, NULL, 0);
}

void
core_table_seek(CoreReader *reader, const Datum *keys)
{
	core_table_seek_from(reader, keys, PG_INT64_MIN);
}

/* The next row that the snapshot sees; false when there is none. */
bool
core_table_next(CoreReader *reader, const Datum **values, const bool **nulls)
{
	if (!index_getnext_slot(reader->scan, reader->kind == CORE_READ_EQUAL ?
							ForwardScanDirection : BackwardScanDirection,
							reader->slot))
		return false;
	slot_getallattrs(reader->slot);
	*values = reader->slot->tts_values;
	*nulls = reader->slot->tts_isnull;
	if (reader->remembers)
		core_note_place(reader->table->places,
						DatumGetInt64(reader->keys[0].sk_argument),
						DatumGetInt64(reader->keys[1].sk_argument),
						&reader->slot->tts_tid);
	return true;
}

/*
 * Was the row that was read last inserted by the own transaction?  A new
 * version of an older row does not count.
 */
bool
core_table_row_is_own(CoreReader *reader)
{
	bool		should_free;
	HeapTuple	tuple = ExecFetchSlotHeapTuple(reader->slot, false,
											   &should_free);
	TransactionId xmin = HeapTupleHeaderGetXmin(tuple->t_data);
	bool		own;

	own = (tuple->t_data->t_infomask & HEAP_UPDATED) == 0 &&
		TransactionIdIsCurrentTransactionId(xmin);
	if (should_free)
		heap_freetuple(tuple);
	return own;
}

void
core_table_end_read(CoreReader *reader)
{
	if (reader->scan != NULL)
	{
		index_endscan(reader->scan);
		index_close(reader->index, NoLock);
	}
	ExecDropSingleTupleTableSlot(reader->slot);
	UnregisterSnapshot(reader->snapshot);
	table_close(reader->relation, NoLock);
	pfree(reader);
}

/* ----- writing ----- */

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
 * must not have a key of the arbiter, the index that finds rows: false when
 * it has.
 */
static bool
insert_index_entries(const Target *target, TupleTableSlot *slot, bool is_new)
{
	const CoreTable *table = target->table;
	int			i;

	for (i = 0; i < table->nindexes; i++)
	{
		IndexInfo  *info = target->infos[i];
		IndexUniqueCheck check = UNIQUE_CHECK_NO;
		Datum		values[INDEX_MAX_KEYS];
		bool		nulls[INDEX_MAX_KEYS];
		bool		arbiter = is_new && table->index_ids[i] == table->index_id;

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

/*
 * Is the key free?  Waits for those who are inserting it, and gives the row
 * that has it.  A copy of what the executor wants to see is enough for it.
 */
static bool
key_is_free(const Target *target, TupleTableSlot *slot, ItemPointer tid)
{
	EState	   *estate = CreateExecutorState();
	ResultRelInfo *result = makeNode(ResultRelInfo);
	List	   *arbiters = list_make1_oid(target->table->index_id);
	bool		is_free;

	result->ri_RelationDesc = target->relation;
	result->ri_NumIndices = target->table->nindexes;
	result->ri_IndexRelationDescs = target->indexes;
	result->ri_IndexRelationInfo = target->infos;
	is_free = core_check_index_constraints(result, slot, estate, tid,
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
	inserted = insert_index_entries(target, slot, true);
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
		ItemPointerData tid;

		CHECK_FOR_INTERRUPTS();
		if (!is_new && !key_is_free(target, slot, &tid))
		{
			check_conflict_is_visible(target->relation, &tid);
			break;
		}
		inserted = insert_speculatively(target, slot);
		is_new = false;
	} while (!inserted);
	return inserted;
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

static void
refuse_known_key(const Target *target)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNIQUE_VIOLATION),
			 errmsg("a row of \"%s\" has a key that is known",
					RelationGetRelationName(target->relation))));
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
	if (!insert_index_entries(&target, slot, true))
		refuse_known_key(&target);
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
				(void) insert_index_entries(target, changed, false);
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

	scan = begin_probe(update->table, relation, update->index,
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
		if (!insert_index_entries(target, insert->slots[i], true))
			refuse_known_key(target);
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
