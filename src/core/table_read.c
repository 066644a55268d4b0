/*-------------------------------------------------------------------------
 *
 * table_read.c
 *	  Reading rows of our own tables without the executor.
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
#include "access/visibilitymap.h"
#include "access/xact.h"
#include "catalog/pg_am.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/bufpage.h"
#include "storage/predicate.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/table.h"
#include "core/table_private.h"

/* ----- one row ----- */

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

/* Scan an index for the rows with these keys. */
IndexScanDesc
core_begin_probe(const CoreTable *table, Relation relation, Relation index,
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
	scan = core_begin_probe(table, relation, index, snapshot, keys);
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

/* Keys for rows whose last key, a bigint or a time, is in a range. */
static void
set_range_keys(ScanKey scan_keys, const CoreTable *table, Relation relation,
			   Relation index, const Datum *keys, int64 after, int64 to)
{
	int			last = table->nkeys - 1;
	int			i;

	for (i = 0; i < last; i++)
		set_scan_key(&scan_keys[i], table, relation, index, i,
					 BTEqualStrategyNumber, InvalidOid, keys[i]);
	set_scan_key(&scan_keys[last], table, relation, index, last,
				 BTGreaterStrategyNumber, F_INT8GT, Int64GetDatum(after));
	set_scan_key(&scan_keys[last + 1], table, relation, index, last,
				 BTLessEqualStrategyNumber, F_INT8LE, Int64GetDatum(to));
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
