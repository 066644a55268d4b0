/*-------------------------------------------------------------------------
 *
 * attachment.c
 *	  Loading an attachment, and the queries that turn its rows into events.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/partition.h"
#include "catalog/pg_type.h"
#include "executor/tstoreReceiver.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/queryenvironment.h"
#include "utils/rel.h"

#include "activity/attachment.h"
#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"

#define ATTACHMENT_COLUMNS \
	"SELECT program_id, attachment_id, relation::oid, type, source, member," \
	" member_kind = 'external', key_columns, amount, amount_kind = 'decimal'," \
	" occurred_at, target, target_kind = 'external', condition, enroll," \
	" amount_scale, time_zone FROM community.attachment"

/* The name of a table, qualified and quoted. */
char *
activity_qualified_name(Relation relation)
{
	char	   *schema = get_namespace_name(RelationGetNamespace(relation));

	return quote_qualified_identifier(schema,
									  RelationGetRelationName(relation));
}

static List *
text_list(Datum array)
{
	Datum	   *elements;
	int			count;
	int			i;
	List	   *result = NIL;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false,
					  TYPALIGN_INT, &elements, NULL, &count);
	for (i = 0; i < count; i++)
		result = lappend(result, TextDatumGetCString(elements[i]));
	return result;
}

/* The attachment in the first row of SPI_tuptable. */
static Attachment *
read_attachment(MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	Attachment *attachment = palloc0_object(Attachment);
	bool		isnull;

	attachment->program = core_int64(0, 1);
	attachment->id = core_int64(0, 2);
	attachment->relation = DatumGetObjectId(core_field(0, 3, &isnull));
	attachment->type = core_text(0, 4);
	attachment->source = core_text(0, 5);
	attachment->type_datum = CStringGetTextDatum(attachment->type);
	attachment->source_datum = CStringGetTextDatum(attachment->source);
	attachment->member = core_text(0, 6);
	attachment->member_external = core_bool(0, 7);
	attachment->key_columns = text_list(core_field(0, 8, &isnull));
	attachment->amount = core_text(0, 9);
	attachment->amount_decimal = core_bool(0, 10);
	attachment->occurred_at = core_text(0, 11);
	attachment->target = core_text(0, 12);
	attachment->target_external = core_bool(0, 13);
	attachment->condition = core_text(0, 14);
	attachment->enroll = core_bool(0, 15);
	attachment->amount_scale = (int) core_int64(0, 16);
	attachment->time_zone = core_text(0, 17);
	MemoryContextSwitchTo(old);
	return attachment;
}

/*
 * The attachment with that id, or NULL when there is none that is in force.
 * Inside core_enter().
 */
Attachment *
activity_load_attachment(int64 program, int64 id, MemoryContext context)
{
	static CorePlan plan = {
		.sql = ATTACHMENT_COLUMNS
		" WHERE program_id = $1 AND attachment_id = $2 AND detached_at IS NULL",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(id);
	core_run(&plan, values, NULL, false);
	return SPI_processed == 0 ? NULL : read_attachment(context);
}

/* The attachment in force of a table and type, or NULL. */
Attachment *
activity_find_attachment(int64 program, Oid relation, text *type,
						 MemoryContext context)
{
	static CorePlan plan = {
		.sql = ATTACHMENT_COLUMNS
		" WHERE program_id = $1 AND relation = $2 AND type = $3"
		" AND detached_at IS NULL",
		.nargs = 3,
		.argtypes = {INT8OID, REGCLASSOID, TEXTOID}
	};
	Datum		values[3];

	values[0] = Int64GetDatum(program);
	values[1] = ObjectIdGetDatum(relation);
	values[2] = PointerGetDatum(type);
	core_run(&plan, values, NULL, false);
	return SPI_processed == 0 ? NULL : read_attachment(context);
}

/* ----- is the table still what was attached? ----- */

static void
check_same(const char *what, const char *stored, const char *found)
{
	if (strcmp(stored, found) != 0)
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_ATTACHMENT),
				 errmsg("%s of an attached table would change its meaning",
						what),
				 errdetail("Attached as %s, it would be read as %s.", stored,
						   found)));
}

/*
 * "(total)::numeric" is stored; the type of "total" shows only without the
 * cast that we have put around it.
 */
static char *
without_cast(const char *expression)
{
	char	   *inner = pstrdup(expression);
	char	   *end = strrchr(inner, ')');

	if (end != NULL)
		end[1] = '\0';
	return inner;
}

/*
 * Raise an error when the table lacks something that the attachment needs, or
 * when a column has changed its type so that amounts or members would be read
 * differently.
 */
void
activity_check_attached_relation(const Attachment *attachment,
								 Relation relation)
{
	ListCell   *cell;
	char	   *kind;
	Oid			type;

	foreach(cell, attachment->key_columns)
		if (get_attnum(RelationGetRelid(relation), lfirst(cell)) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of table \"%s\" does not exist",
						(char *) lfirst(cell),
						RelationGetRelationName(relation))));
	(void) activity_member_expression(relation, "r",
									  without_cast(attachment->member),
									  "member", &kind);
	check_same("member",
			   attachment->member_external ? "external" : "id", kind);
	if (attachment->amount != NULL)
	{
		(void) activity_amount_expression(relation, "r",
										  without_cast(attachment->amount),
										  &kind);
		check_same("amount",
				   attachment->amount_decimal ? "decimal" : "minor", kind);
	}
	if (attachment->occurred_at != NULL)
		(void) activity_parse_expression(relation, "r",
										 attachment->occurred_at,
										 "occurred_at", &type);
	if (attachment->target != NULL)
	{
		(void) activity_member_expression(relation, "r",
										  without_cast(attachment->target),
										  "target", &kind);
		check_same("target",
				   attachment->target_external ? "external" : "id", kind);
	}
	if (attachment->condition != NULL)
		(void) activity_condition_expression(relation, "r",
											 attachment->condition);
}

/* ----- row queries ----- */

/*
 * The idempotency key of a row as text, the same in every session: a time
 * with zone is written in UTC, and the other settings are pinned.
 */
static char *
key_expression(const Attachment *attachment, Relation relation)
{
	StringInfoData parts;
	ListCell   *cell;

	initStringInfo(&parts);
	foreach(cell, attachment->key_columns)
	{
		char	   *name = (char *) lfirst(cell);
		AttrNumber	number = get_attnum(RelationGetRelid(relation), name);
		Oid			type;

		if (number <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("column \"%s\" of table \"%s\" does not exist",
							name, RelationGetRelationName(relation)),
					 errhint("Attachment %lld needs it; call community.detach() and attach the table anew.",
							 (long long) attachment->id)));
		if (parts.len > 0)
			appendStringInfoString(&parts, ", ");
		type = getBaseType(get_atttype(RelationGetRelid(relation), number));
		if (type == TIMESTAMPTZOID)
			appendStringInfo(&parts, "(r.%s AT TIME ZONE 'UTC')::text",
							 quote_identifier(name));
		else
			appendStringInfo(&parts, "r.%s::text", quote_identifier(name));
	}
	if (list_length(attachment->key_columns) == 1)
		return parts.data;
	return psprintf("ROW(%s)::text", parts.data);
}

/* Does the row count?  NULL when every row does. */
static char *
live_expression(const Attachment *attachment)
{
	StringInfoData live;

	initStringInfo(&live);
	if (attachment->condition != NULL)
		appendStringInfo(&live, "%s IS TRUE AND ", attachment->condition);
	if (attachment->occurred_at != NULL)
		appendStringInfo(&live, "%s IS NOT NULL AND ",
						 attachment->occurred_at);
	appendStringInfo(&live, "(%s) IS NOT NULL", attachment->member);
	return live.data;
}

/* One value of a row, or a typed null; guarded where the row may not count. */
static void
append_value(StringInfo list, const char *expression, bool used,
			 const char *type, const char *guard)
{
	if (!used || expression == NULL)
		appendStringInfo(list, ", NULL::%s", type);
	else if (guard != NULL)
		appendStringInfo(list, ", CASE WHEN %s THEN %s END", guard,
						 expression);
	else
		appendStringInfo(list, ", %s", expression);
}

/* The columns of ActivityRows; guard is the live expression or NULL. */
static char *
row_columns(const Attachment *attachment, const char *key, const char *guard)
{
	StringInfoData list;

	initStringInfo(&list);
	appendStringInfo(&list, "%s AS key, %s AS live", key,
					 guard == NULL ? "true" : guard);
	append_value(&list, attachment->member, !attachment->member_external,
				 "bigint", guard);
	append_value(&list, attachment->member, attachment->member_external,
				 "text", guard);
	append_value(&list, attachment->amount, !attachment->amount_decimal,
				 "bigint", guard);
	append_value(&list, attachment->amount, attachment->amount_decimal,
				 "numeric", guard);
	append_value(&list, attachment->occurred_at, true, "timestamptz", guard);
	append_value(&list, attachment->target, !attachment->target_external,
				 "bigint", guard);
	append_value(&list, attachment->target, attachment->target_external,
				 "text", guard);
	return list.data;
}

#define GONE_COLUMNS \
	", false, NULL::bigint, NULL::text, NULL::bigint, NULL::numeric," \
	" NULL::timestamptz, NULL::bigint, NULL::text"

/*
 * The query that gives the rows a statement has touched, as events that ought
 * to be: the live ones with their values, the others by key only.  It is run
 * as the one whose statement fired the trigger.
 *
 * An update gives what has changed: contributions of new rows that no old row
 * had, and keys that no new row has any more.
 */
char *
activity_row_query(const Attachment *attachment, RowQuery which,
				   Relation relation)
{
	char	   *key = key_expression(attachment, relation);
	char	   *live = live_expression(attachment);

	switch (which)
	{
		case ROWS_INSERTED:
			return psprintf("SELECT %s FROM " ATTACHMENT_NEW_ROWS " AS r WHERE %s",
							row_columns(attachment, key, NULL), live);
		case ROWS_UPDATED:
			{
				char	   *columns = row_columns(attachment, key, live);

				return psprintf("(SELECT %s FROM " ATTACHMENT_NEW_ROWS " AS r"
								" EXCEPT SELECT %s FROM " ATTACHMENT_OLD_ROWS " AS r)"
								" UNION ALL SELECT o.key" GONE_COLUMNS
								" FROM (SELECT %s AS key FROM " ATTACHMENT_OLD_ROWS " AS r"
								" EXCEPT SELECT %s FROM " ATTACHMENT_NEW_ROWS " AS r) AS o",
								columns, columns, key, key);
			}
		case ROWS_DELETED:
			return psprintf("SELECT %s" GONE_COLUMNS " FROM " ATTACHMENT_OLD_ROWS " AS r",
							key);
		case ROWS_TRUNCATED:
			return psprintf("SELECT %s" GONE_COLUMNS " FROM %s AS r", key,
							activity_qualified_name(relation));
		case ROWS_OF_TABLE:
			return psprintf("SELECT %s FROM %s AS r",
							row_columns(attachment, key, live),
							activity_qualified_name(relation));
	}
	return NULL;				/* keep compiler quiet */
}

/* ----- sets of rows ----- */

/* A descriptor with those columns, made once a session and kept in *desc. */
static TupleDesc
kept_descriptor(TupleDesc *desc, const ActivityColumn *columns, int count)
{
	if (*desc == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
		TupleDesc	made = CreateTemplateTupleDesc(count);
		int			i;

		for (i = 0; i < count; i++)
			TupleDescInitEntry(made, i + 1, columns[i].name, columns[i].type,
							   -1, 0);
		*desc = made;
		MemoryContextSwitchTo(old);
	}
	return *desc;
}

/* A set of rows with those columns; *desc is kept for the next one. */
ActivityRows *
activity_begin_set(TupleDesc *desc, const ActivityColumn *columns, int count)
{
	ActivityRows *rows = palloc0_object(ActivityRows);

	rows->desc = kept_descriptor(desc, columns, count);
	rows->store = tuplestore_begin_heap(false, false, work_mem);
	return rows;
}

static TupleDesc row_desc = NULL;
static const ActivityColumn row_set_columns[ROW_COLUMNS] = {
	{"key", TEXTOID}, {"live", BOOLOID}, {"member_id", INT8OID},
	{"external_id", TEXTOID}, {"amount", INT8OID},
	{"amount_decimal", NUMERICOID}, {"occurred_at", TIMESTAMPTZOID},
	{"target_id", INT8OID}, {"target_external_id", TEXTOID}
};

/* What the row queries give. */
TupleDesc
activity_row_descriptor(void)
{
	return kept_descriptor(&row_desc, row_set_columns, ROW_COLUMNS);
}

/* A set for them. */
ActivityRows *
activity_begin_rows(void)
{
	return activity_begin_set(&row_desc, row_set_columns, ROW_COLUMNS);
}

/* A receiver that fills the set; the set must outlive the query. */
DestReceiver *
activity_rows_receiver(ActivityRows *rows)
{
	DestReceiver *dest = CreateTuplestoreDestReceiver();

	SetTuplestoreDestReceiverParams(dest, rows->store,
									GetMemoryChunkContext(rows), true,
									NULL, NULL);
	return dest;
}

/* Make the set visible to SQL under a name, until SPI_finish(). */
void
activity_register_rows(const char *name, ActivityRows *rows)
{
	EphemeralNamedRelation relation;

	relation = palloc0_object(EphemeralNamedRelationData);
	rows->count = tuplestore_tuple_count(rows->store);
	relation->md.name = pstrdup(name);
	relation->md.reliddesc = InvalidOid;
	relation->md.tupdesc = rows->desc;
	relation->md.enrtype = ENR_NAMED_TUPLESTORE;
	relation->md.enrtuples = rows->count;
	relation->reldata = rows->store;
	if (SPI_register_relation(relation) != SPI_OK_REL_REGISTER)
		elog(ERROR, "could not register \"%s\"", name);
}

void
activity_end_rows(ActivityRows *rows)
{
	tuplestore_end(rows->store);
	pfree(rows);
}
