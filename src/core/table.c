/*-------------------------------------------------------------------------
 *
 * table.c
 *	  Rows of our own tables without the executor.
 *
 * These files alone read and write tuples directly: table_read.c and
 * table_write.c do, when this one says that they may.  They serve record(),
 * whose few single-row statements would cost more to start than to run;
 * doc/performance.md has the figures.  Uniqueness, row locks, isolation levels
 * and logical decoding are those of the executor, whose steps these are.
 *
 * A table is touched only while it looks exactly as install_tables() made
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
#include "access/relation.h"
#include "access/relscan.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "nodes/nodeFuncs.h"
#include "nodes/primnodes.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/predicate.h"
#include "storage/proc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/table.h"

#define MAX_LOOKS	3

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
has_no_triggers(const CoreTable *table, Relation relation)
{
	TriggerDesc *triggers;
	int16		unwanted = 0;
	bool		none = true;
	int			i;

	if (relation->trigdesc == NULL || table->use == CORE_TABLE_READ)
		return true;
	/* a copy, as a message may replace what the cache has while we ask it */
	triggers = CopyTriggerDesc(relation->trigdesc);
	if (table->use != CORE_TABLE_UPDATE)
		unwanted |= TRIGGER_TYPE_INSERT;
	if (table->use != CORE_TABLE_INSERT)
		unwanted |= TRIGGER_TYPE_UPDATE;
	for (i = 0; none && i < triggers->numtriggers; i++)
		none = (triggers->triggers[i].tgtype & unwanted) == 0 ||
			is_known_guard(table, &triggers->triggers[i]);
	FreeTriggerDesc(triggers);
	return none;
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
		has_no_triggers(table, relation) &&
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
	int			looks = 0;

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
		{
			/* where messages come each time we look, SQL gets on */
			if (looks++ == MAX_LOOKS)
				return false;
			examine(table);
		}
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
