/*-------------------------------------------------------------------------
 *
 * row.c
 *	  Rows as triggers are given them: columns by name, what has changed.  And
 *	  rows that a function returns.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/partition.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "nodes/execnodes.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/rangetypes.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/row.h"

static bool
is_one_of(const char *name, const char *const *names)
{
	for (; *names != NULL; names++)
		if (strcmp(name, *names) == 0)
			return true;
	return false;
}

/* Is it one of these tables of ours, or a partition of one? */
static bool
is_guarded(Relation relation, const char *const *tables)
{
	char	   *name = RelationGetRelationName(relation);
	Oid			schema_id = RelationGetNamespace(relation);
	char	   *schema;

	if (relation->rd_rel->relispartition)
	{
		Oid			top =
		llast_oid(get_partition_ancestors(RelationGetRelid(relation)));

		name = get_rel_name(top);
		schema_id = get_rel_namespace(top);
	}
	schema = get_namespace_name(schema_id);
	if (schema == NULL || name == NULL ||
		strcmp(schema, COMMUNITY_SCHEMA) != 0)
		return false;
	return is_one_of(name, tables);
}

/*
 * What the function of a guard is called with.  Anybody may put a trigger on
 * a table of his own, whose rows are not what the guard takes them for: only
 * for rows, or the end, of the tables that are named, up to NULL.
 */
TriggerData *
core_guard(FunctionCallInfo fcinfo, const char *function,
		   const char *const *tables)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("%s() can only be called as a trigger", function)));
	if (!is_guarded(trigger->tg_relation, tables))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("%s() does not guard table \"%s\"", function,
						RelationGetRelationName(trigger->tg_relation)),
				 errhint("Such triggers are made by community.install_tables() only; drop this one.")));
	if (!TRIGGER_FIRED_FOR_ROW(trigger->tg_event) &&
		!TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("%s() must be fired for each row", function)));
	return trigger;
}

Datum
core_column(HeapTuple row, TupleDesc desc, const char *name, bool *isnull)
{
	return heap_getattr(row, SPI_fnumber(desc, name), desc, isnull);
}

/* 0 when it is null */
int64
core_column_int64(HeapTuple row, TupleDesc desc, const char *name)
{
	bool		isnull;
	Datum		value = core_column(row, desc, name, &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}

/*
 * The bounds of a tstzrange.  Null and empty ones are taken for endless: a
 * constraint refuses them.
 */
void
core_column_bounds(HeapTuple row, TupleDesc desc, const char *name,
				   TimestampTz *from, TimestampTz *until)
{
	TypeCacheEntry *type = lookup_type_cache(TSTZRANGEOID,
											 TYPECACHE_RANGE_INFO);
	RangeBound	lower;
	RangeBound	upper;
	bool		empty;
	bool		isnull;
	Datum		value = core_column(row, desc, name, &isnull);

	*from = DT_NOBEGIN;
	*until = DT_NOEND;
	if (isnull)
		return;
	range_deserialize(type, DatumGetRangeTypeP(value), &lower, &upper, &empty);
	if (!empty && !lower.infinite)
		*from = DatumGetTimestampTz(lower.val);
	if (!empty && !upper.infinite)
		*until = DatumGetTimestampTz(upper.val);
}

/* Do two rows differ in any column but these, up to NULL? */
bool
core_rows_differ_beside(TupleDesc desc, HeapTuple old, HeapTuple new,
						const char *const *except)
{
	int			i;

	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);
		bool		old_null;
		bool		new_null;
		Datum		a;
		Datum		b;

		if (attribute->attisdropped ||
			is_one_of(NameStr(attribute->attname), except))
			continue;
		a = heap_getattr(old, i + 1, desc, &old_null);
		b = heap_getattr(new, i + 1, desc, &new_null);
		if (old_null != new_null ||
			(!old_null && !datum_image_eq(a, b, attribute->attbyval,
										  attribute->attlen)))
			return true;
	}
	return false;
}

/* Do they in any column but that one, or in any with NULL? */
bool
core_rows_differ(TupleDesc desc, HeapTuple old, HeapTuple new,
				 const char *except)
{
	const char *const list[] = {except, NULL};

	return core_rows_differ_beside(desc, old, new, list);
}

/*
 * An empty set of rows as the result of the call; "desc" may be NULL.  By the
 * description that the caller has: one made for each call would be kept until
 * the end of the query.
 */
Tuplestorestate *
core_begin_rows(FunctionCallInfo fcinfo, TupleDesc *desc)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	if (desc != NULL)
		*desc = result->setDesc;
	return result->setResult;
}
