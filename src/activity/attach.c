/*-------------------------------------------------------------------------
 *
 * attach.c
 *	  attach() and detach(): the application's own tables as a source.
 *
 * Everything that touches the application's table is done as the caller, who
 * must own it; everything that touches our tables as their owner.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "activity/activity.h"
#include "activity/attachment.h"
#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"

PG_FUNCTION_INFO_V1(community_attach);
PG_FUNCTION_INFO_V1(community_detach);

/* arguments of attach(), by position */
enum
{
	ARG_RELATION, ARG_TYPE, ARG_MEMBER, ARG_AMOUNT, ARG_OCCURRED_AT, ARG_KEY,
	ARG_TARGET, ARG_CONDITION, ARG_SOURCE, ARG_ENROLL, ARG_PROGRAM
};

/* What attach() has found out, in the form in which it is stored. */
typedef struct Definition
{
	int64		program;
	Oid			relation;
	text	   *type;
	char	   *source;
	char	   *member;
	char	   *member_kind;
	List	   *key_columns;
	char	   *amount;
	char	   *amount_kind;
	char	   *occurred_at;
	char	   *target;
	char	   *target_kind;
	char	   *condition;
	bool		enroll;
	int			amount_scale;
	char	   *time_zone;
} Definition;

/* ----- what may be attached ----- */

/* A regclass may be any number. */
void
activity_check_table_exists(Oid relation)
{
	if (get_rel_name(relation) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table with OID %u does not exist", relation)));
}

static void
refuse_relation(Relation relation, const char *why, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("cannot attach \"%s\": %s",
					RelationGetRelationName(relation), why),
			 hint ? errhint("%s", hint) : 0));
}

static void
check_relation(Relation relation)
{
	Oid			id = RelationGetRelid(relation);
	char		kind = relation->rd_rel->relkind;

	if (!core_is_owner(id))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE,
					   RelationGetRelationName(relation));
	if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
		refuse_relation(relation, "it is not a table",
						kind == RELKIND_VIEW ?
						"Attach the table below the view." : NULL);
	if (relation->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
		refuse_relation(relation, "it is temporary", NULL);
	if (IsCatalogRelation(relation))
		refuse_relation(relation, "it is a system catalog", NULL);
	if (RelationGetNamespace(relation) == get_namespace_oid(COMMUNITY_SCHEMA,
															true))
		refuse_relation(relation, "it is a table of community", NULL);
	if (relation->rd_rel->relispartition)
		refuse_relation(relation, "it is a partition",
						"Attach the partitioned table.");
	if (kind == RELKIND_RELATION && has_subclass(id) &&
		list_length(find_inheritance_children(id, NoLock)) > 0)
		refuse_relation(relation, "other tables inherit from it",
						"Attach each of them, or use declarative partitioning.");
}

/* ----- keys ----- */

static List *
columns_of_index(Form_pg_index index)
{
	List	   *columns = NIL;
	int			i;

	for (i = 0; i < index->indnkeyatts; i++)
	{
		AttrNumber	number = index->indkey.values[i];

		if (number <= 0)
			return NIL;			/* an expression */
		columns = lappend(columns, get_attname(index->indrelid, number,
											   false));
	}
	return columns;
}

static bool
is_not_null(Oid relation, const char *column)
{
	HeapTuple	tuple = SearchSysCacheAttName(relation, column);
	bool		result;

	if (!HeapTupleIsValid(tuple))
		return false;
	result = ((Form_pg_attribute) GETSTRUCT(tuple))->attnotnull;
	ReleaseSysCache(tuple);
	return result;
}

static bool
contains_name(List *names, const char *name)
{
	ListCell   *cell;

	foreach(cell, names)
		if (strcmp(lfirst(cell), name) == 0)
		return true;
	return false;
}

/*
 * Can the columns tell every two rows apart?  They can when a unique index
 * that is checked at once, not partial and without nulls lies within them.
 */
static bool
index_covers(Oid index_id, List *columns, bool primary_only, List **found)
{
	HeapTuple	tuple = SearchSysCache1(INDEXRELID,
										ObjectIdGetDatum(index_id));
	Form_pg_index index;
	List	   *names;
	ListCell   *cell;
	bool		covers;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for index %u", index_id);
	index = (Form_pg_index) GETSTRUCT(tuple);
	covers = index->indisunique && index->indisvalid && index->indimmediate &&
		(!primary_only || index->indisprimary) &&
		heap_attisnull(tuple, Anum_pg_index_indpred, NULL);
	names = covers ? columns_of_index(index) : NIL;
	covers = names != NIL;
	foreach(cell, names)
		covers = covers && is_not_null(index->indrelid, lfirst(cell)) &&
		(columns == NIL || contains_name(columns, lfirst(cell)));
	ReleaseSysCache(tuple);
	*found = names;
	return covers;
}

static List *
split_columns(Relation relation, text *argument)
{
	char	   *string = text_to_cstring(argument);
	List	   *names;

	if (get_attnum(RelationGetRelid(relation), string) > 0)
		return list_make1(string);
	if (!SplitIdentifierString(pstrdup(string), ',', &names) || names == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("key \"%s\" is not a list of columns", string)));
	return names;
}

/* The columns of the key: those given, or those of the primary key. */
static List *
resolve_key(Relation relation, text *argument)
{
	List	   *columns = argument == NULL ? NIL :
	split_columns(relation, argument);
	List	   *found = NIL;
	ListCell   *cell;

	foreach(cell, columns)
		if (get_attnum(RelationGetRelid(relation), lfirst(cell)) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of table \"%s\" does not exist",
						(char *) lfirst(cell),
						RelationGetRelationName(relation))));
	foreach(cell, RelationGetIndexList(relation))
		if (index_covers(lfirst_oid(cell), columns, columns == NIL, &found))
		return columns == NIL ? found : columns;
	if (columns == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("table \"%s\" has no primary key",
						RelationGetRelationName(relation)),
				 errhint("Name unique columns in the argument key.")));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("key \"%s\" does not tell the rows of table \"%s\" apart",
					text_to_cstring(argument),
					RelationGetRelationName(relation)),
			 errdetail("It must contain all columns of a unique index that is not partial, not deferrable, and has no nullable columns.")));
	return NIL;					/* keep compiler quiet */
}

/* ----- the definition ----- */

static char *
optional_expression(FunctionCallInfo fcinfo, int arg, Relation relation)
{
	char	   *argument;

	if (PG_ARGISNULL(arg))
		return NULL;
	argument = text_to_cstring(PG_GETARG_TEXT_PP(arg));
	return activity_column_or_expression(relation, argument);
}

static void
define_rows(FunctionCallInfo fcinfo, Relation relation, Definition *def)
{
	const char *alias = RelationGetRelationName(relation);
	char	   *expression;

	def->member_kind = NULL;
	def->member =
		activity_member_expression(relation, alias,
								   optional_expression(fcinfo, ARG_MEMBER,
													   relation),
								   "member", &def->member_kind);
	def->amount_kind = "none";
	if ((expression = optional_expression(fcinfo, ARG_AMOUNT, relation)))
		def->amount = activity_amount_expression(relation, alias, expression,
												 &def->amount_kind);
	if ((expression = optional_expression(fcinfo, ARG_OCCURRED_AT, relation)))
		def->occurred_at = activity_time_expression(relation, alias,
													expression,
													def->time_zone);
	if ((expression = optional_expression(fcinfo, ARG_TARGET, relation)))
		def->target = activity_member_expression(relation, alias, expression,
												 "target", &def->target_kind);
	if ((expression = optional_expression(fcinfo, ARG_CONDITION, relation)))
		def->condition = activity_condition_expression(relation, alias,
													   expression);
	def->key_columns = resolve_key(relation, PG_ARGISNULL(ARG_KEY) ? NULL :
								   PG_GETARG_TEXT_PP(ARG_KEY));
}

/*
 * The source when none is given: the one that the table had when it was last
 * attached as that type, whatever its name was then, or one made of its name.
 */
static char *
default_source(const Definition *def, Relation relation)
{
	static CorePlan plan = {
		.sql = "SELECT source FROM community.attachment"
		" WHERE program_id = $1 AND relation = $2 AND type = $3"
		" ORDER BY attachment_id DESC LIMIT 1",
		.nargs = 3,
		.argtypes = {INT8OID, REGCLASSOID, TEXTOID}
	};
	MemoryContext caller = CurrentMemoryContext;
	char	   *source = NULL;
	Datum		values[3];
	CoreScope	scope;

	values[0] = Int64GetDatum(def->program);
	values[1] = ObjectIdGetDatum(def->relation);
	values[2] = PointerGetDatum(def->type);
	core_enter(&scope);
	core_run(&plan, values, NULL, false);
	if (SPI_processed > 0)
		source = MemoryContextStrdup(caller, core_text(0, 1));
	core_leave(&scope);
	if (source != NULL)
		return source;
	return psprintf("%s/%s", activity_qualified_name(relation),
					text_to_cstring(def->type));
}

/* The settings of the program that the definition keeps. */
static void
read_program(Definition *def)
{
	static CorePlan plan = {
		.sql = "SELECT amount_scale, time_zone FROM community.program"
		" WHERE program_id = $1",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	MemoryContext caller = CurrentMemoryContext;
	Datum		values[1];
	CoreScope	scope;

	core_enter(&scope);
	(void) core_program_name(def->program);
	values[0] = Int64GetDatum(def->program);
	core_run(&plan, values, NULL, false);
	def->amount_scale = (int) core_int64(0, 1);
	def->time_zone = MemoryContextStrdup(caller, core_text(0, 2));
	core_leave(&scope);
}

static Datum
name_array(List *names)
{
	Datum	   *elements = palloc_array(Datum, list_length(names));
	ListCell   *cell;
	int			count = 0;

	foreach(cell, names)
		elements[count++] = CStringGetTextDatum(lfirst(cell));
	return PointerGetDatum(construct_array(elements, count, TEXTOID, -1,
										   false, TYPALIGN_INT));
}

#define DEFINITION_VALUES	16

static void
definition_values(const Definition *def, Datum *values, char *nulls)
{
	const char *const texts[] = {def->source, def->member, def->member_kind,
		def->amount, def->amount_kind, def->occurred_at, def->target,
	def->target_kind, def->condition, def->time_zone};
	int			i;

	memset(nulls, ' ', DEFINITION_VALUES);
	nulls[DEFINITION_VALUES] = '\0';
	values[0] = Int64GetDatum(def->program);
	values[1] = ObjectIdGetDatum(def->relation);
	values[2] = PointerGetDatum(def->type);
	for (i = 0; i < lengthof(texts); i++)
	{
		if (texts[i] == NULL)
			nulls[3 + i] = 'n';
		else
			values[3 + i] = CStringGetTextDatum(texts[i]);
	}
	values[13] = name_array(def->key_columns);
	values[14] = BoolGetDatum(def->enroll);
	values[15] = Int32GetDatum(def->amount_scale);
}

#define DEFINITION_ARGS \
	.nargs = DEFINITION_VALUES, \
	.argtypes = {INT8OID, REGCLASSOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, \
		TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, \
		TEXTARRAYOID, BOOLOID, INT4OID}

/*
 * Store the definition and give its id; the id of the one in force when that
 * says the same, an error when it says something else.
 */
static int64
store_definition(const Definition *def)
{
	static CorePlan find = {
		.sql = "SELECT attachment_id, source = $4 AND member = $5"
		" AND member_kind = $6 AND amount IS NOT DISTINCT FROM $7"
		" AND amount_kind = $8 AND occurred_at IS NOT DISTINCT FROM $9"
		" AND target IS NOT DISTINCT FROM $10"
		" AND target_kind IS NOT DISTINCT FROM $11"
		" AND condition IS NOT DISTINCT FROM $12 AND time_zone = $13"
		" AND key_columns = $14 AND enroll = $15 AND amount_scale = $16"
		" FROM community.attachment WHERE program_id = $1 AND relation = $2"
		" AND type = $3 AND detached_at IS NULL",
		DEFINITION_ARGS
	};
	static CorePlan insert = {
		.sql = "INSERT INTO community.attachment (program_id, relation, type,"
		" source, member, member_kind, amount, amount_kind, occurred_at,"
		" target, target_kind, condition, time_zone, key_columns, enroll,"
		" amount_scale) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11,"
		" $12, $13, $14, $15, $16) ON CONFLICT DO NOTHING"
		" RETURNING attachment_id",
		DEFINITION_ARGS
	};
	Datum		values[DEFINITION_VALUES];
	char		nulls[DEFINITION_VALUES + 1];
	CoreScope	scope;
	int64		id;

	core_enter(&scope);
	definition_values(def, values, nulls);
	core_run(&find, values, nulls, false);
	if (SPI_processed > 0)
	{
		id = core_int64(0, 1);
		if (!core_bool(0, 2))
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_OBJECT),
					 errmsg("table \"%s\" is attached as type \"%s\" already, with another definition",
							get_rel_name(def->relation),
							text_to_cstring(def->type)),
					 errhint("Call community.detach() first; events keep their source, so nothing counts twice.")));
	}
	else
	{
		core_run(&insert, values, nulls, false);
		if (SPI_processed == 0)
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_OBJECT),
					 errmsg("source \"%s\" is taken by another attachment of program \"%s\"",
							def->source,
							core_program_name(def->program)),
					 errhint("Give another source.")));
		id = core_int64(0, 1);
	}
	core_leave(&scope);
	return id;
}

/*
 * attach(relation, type, member, amount, occurred_at, key, target, condition,
 * source, enroll, program) -> bigint
 */
Datum
community_attach(PG_FUNCTION_ARGS)
{
	static const int required[] = {ARG_RELATION, ARG_TYPE, ARG_MEMBER,
	ARG_ENROLL, ARG_PROGRAM};
	static const char *const names[] = {"relation", "type", "member",
	"enroll", "program"};
	Definition	def = {0};
	Relation	relation;
	ListCell   *cell;
	int64		id;
	int			i;

	for (i = 0; i < lengthof(required); i++)
		if (PG_ARGISNULL(required[i]))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument %s of attach() must not be null",
							names[i])));
	def.relation = PG_GETARG_OID(ARG_RELATION);
	def.type = PG_GETARG_TEXT_PP(ARG_TYPE);
	(void) core_name_argument(def.type, "event type");
	def.enroll = PG_GETARG_BOOL(ARG_ENROLL);
	def.program = PG_GETARG_INT64(ARG_PROGRAM);

	activity_check_table_exists(def.relation);

	/* keeps writers out until our triggers are there for all to see */
	relation = table_open(def.relation, ShareRowExclusiveLock);
	check_relation(relation);
	read_program(&def);
	if (PG_ARGISNULL(ARG_SOURCE))
		def.source = default_source(&def, relation);
	else
		def.source = core_name_argument(PG_GETARG_TEXT_PP(ARG_SOURCE),
										"source");
	if (strcmp(def.source, ACTIVITY_SOURCE_API) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("source \"%s\" belongs to record()", def.source)));
	define_rows(fcinfo, relation, &def);
	id = store_definition(&def);

	foreach(cell, activity_table_and_partitions(def.relation,
												ShareRowExclusiveLock))
		(void) activity_install_triggers(def.program, id, lfirst_oid(cell));
	table_close(relation, NoLock);
	PG_RETURN_INT64(id);
}

/* Close an attachment; false when there is none.  Gives its id. */
static bool
close_attachment(int64 program, Oid relation, text *type, int64 *id)
{
	static CorePlan plan = {
		.sql = "UPDATE community.attachment SET detached_at = clock_timestamp(),"
		" detach_reason = 'detached' WHERE program_id = $1 AND relation = $2"
		" AND type = $3 AND detached_at IS NULL RETURNING attachment_id",
		.nargs = 3,
		.argtypes = {INT8OID, REGCLASSOID, TEXTOID}
	};
	Datum		values[3];
	CoreScope	scope;
	bool		closed;

	values[0] = Int64GetDatum(program);
	values[1] = ObjectIdGetDatum(relation);
	values[2] = PointerGetDatum(type);
	core_enter(&scope);
	core_run(&plan, values, NULL, false);
	closed = SPI_processed > 0;
	if (closed)
		*id = core_int64(0, 1);
	core_leave(&scope);
	return closed;
}

/* detach(relation, type, program) -> boolean, false when not attached */
Datum
community_detach(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	int64		program = PG_GETARG_INT64(2);
	Relation	relation;
	ListCell   *cell;
	int64		id;

	activity_check_table_exists(relid);
	relation = table_open(relid, AccessExclusiveLock);
	if (!core_is_owner(relid))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE,
					   RelationGetRelationName(relation));
	table_close(relation, NoLock);
	if (!close_attachment(program, relid, PG_GETARG_TEXT_PP(1), &id))
		PG_RETURN_BOOL(false);
	foreach(cell, activity_table_and_partitions(relid, AccessExclusiveLock))
		activity_drop_triggers(id, lfirst_oid(cell));
	PG_RETURN_BOOL(true);
}
