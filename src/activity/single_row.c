/*-------------------------------------------------------------------------
 *
 * single_row.c
 *	  One inserted row of an attached table, without a query.
 *
 * Starting the row query costs more than all that it does to one row.  Most
 * attachments consist of bare columns, comparisons and arithmetic, and these
 * are evaluated here: the columns and the condition of the planned row query,
 * kept as expressions ready to run.
 *
 * Only what is "plain" is kept so: columns, constants and immutable functions
 * that are built into the server, which give the same whatever the settings,
 * the search path, the snapshot and the user are.  So none of these needs to
 * be pinned.  Everything else, such as functions of the application, takes
 * the row query.
 *
 * The server invalidates the planned query when the table or anything else
 * that it depends on changes; then the expressions are made anew.  Rights to
 * functions are checked when expressions are made ready, so that is done
 * again for another user, and when rights or memberships may have changed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/plannodes.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"

#include "activity/attachment.h"
#include "core/compat.h"
#include "core/core.h"

/* What is kept of an attachment, as seen from the table of the trigger. */
struct SingleRow
{
	MemoryContext context;		/* all below; emptied with the plan */
	uint64		plan_generation;	/* of the row query it was made from */
	bool		plain;			/* if not, the row query is needed */
	List	   *targets;
	List	   *condition;
	TupleDesc	desc;			/* of the table */

	MemoryContext ready_context;	/* all below; emptied with the rights */
	uint64		rights_generation;	/* 0 when not ready */
	Oid			user_id;
	ExprContext *evaluation;
	ExprState  *qualifies;
	ProjectionInfo *projection;
};

/* Another one whenever rights to functions may have changed. */
static uint64 rights_generation = 1;

static void
note_rights(Datum arg, int cache, uint32 hash)
{
	rights_generation++;
}

static void
watch_rights(void)
{
	static bool watching = false;

	if (watching)
		return;
	CacheRegisterSyscacheCallback(PROCOID, note_rights, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHOID, note_rights, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, note_rights, (Datum) 0);
	watching = true;
}

/* ----- what is plain ----- */

/* Is the function anything but immutable C of the server's own? */
static bool
is_odd_function(Oid function, void *context)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc form;
	bool		odd;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	form = (Form_pg_proc) GETSTRUCT(tuple);
	odd = function >= FirstUnpinnedObjectId ||
		form->prolang != INTERNALlanguageId ||
		form->provolatile != PROVOLATILE_IMMUTABLE ||
		form->prosecdef ||
		!heap_attisnull(tuple, Anum_pg_proc_proconfig, NULL);
	ReleaseSysCache(tuple);
	return odd;
}

/*
 * The text of some types depends on settings, though their output functions
 * say that they are immutable.
 */
static bool
has_one_text(Oid type)
{
	switch (getBaseType(type))
	{
		case BOOLOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
		case UUIDOID:
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
			return true;
	}
	return false;
}

/* Is there anything in the expression that is not plain? */
static bool
is_odd(Node *node, void *context)
{
	TupleDesc	desc = (TupleDesc) context;

	if (node == NULL)
		return false;
	if (check_functions_in_node(node, is_odd_function, NULL))
		return true;
	switch (nodeTag(node))
	{
		case T_Var:
			{
				Var		   *var = (Var *) node;
				Form_pg_attribute column;

				if (var->varattno <= 0 || var->varlevelsup > 0)
					return true;
				column = TupleDescAttr(desc, var->varattno - 1);
				return column->attgenerated != '\0' &&
					column->attgenerated != ATTRIBUTE_GENERATED_STORED;
			}
		case T_CoerceViaIO:
			if (!has_one_text(exprType((Node *) ((CoerceViaIO *) node)->arg)))
				return true;
			break;
		case T_NullTest:
			if (((NullTest *) node)->argisrow)
				return true;
			break;
		case T_List:
		case T_TargetEntry:
		case T_Const:
		case T_FuncExpr:
		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
		case T_ScalarArrayOpExpr:
		case T_BoolExpr:
		case T_BooleanTest:
		case T_RelabelType:
		case T_CaseExpr:
		case T_CaseWhen:
		case T_CaseTestExpr:
		case T_CoalesceExpr:
		case T_ArrayExpr:
		case T_CollateExpr:
			break;
		default:
			return true;
	}
	return expression_tree_walker(node, is_odd, context);
}

/* ----- keeping it ----- */

/*
 * Is the row query plain?  We look at what was written, not at what was
 * planned: an inlined function has gone from the plan, yet it may be replaced.
 */
static bool
is_plain(CorePlan *plan, TupleDesc desc)
{
	CachedPlanSource *source = linitial(SPI_plan_get_plan_sources(plan->plan));
	Query	   *query = linitial_node(Query, source->query_list);

	return !is_odd((Node *) query->targetList, desc) &&
		!is_odd(query->jointree->quals, desc);
}

/* Keep the expressions of the planned row query. */
static void
keep_expressions(SingleRow *row, const Plan *plan, TupleDesc desc)
{
	MemoryContext old;

	old = MemoryContextSwitchTo(row->context);
	row->targets = copyObject(plan->targetlist);
	row->condition = copyObject(plan->qual);
	row->desc = CreateTupleDescCopyConstr(desc);
	MemoryContextSwitchTo(old);
}

static void
plan_row(SingleRow *row, CorePlan *query, TriggerData *data)
{
	TupleDesc	desc = RelationGetDescr(data->tg_relation);
	int			level = core_pin_search_path();
	CachedPlan *cached;
	PlannedStmt *planned;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_register_trigger_data(data) != SPI_OK_TD_REGISTER)
		elog(ERROR, "SPI_register_trigger_data failed");
	row->plan_generation = 0;
	row->ready_context = NULL;
	row->rights_generation = 0;
	MemoryContextReset(row->context);
	cached = core_get_plan(query);
	planned = linitial_node(PlannedStmt, cached->stmt_list);
	/* a plan of another kind is more than a scan with a condition */
	row->plain = is_plain(query, desc) &&
		IsA(planned->planTree, NamedTuplestoreScan);
	if (row->plain)
		keep_expressions(row, planned->planTree, desc);
	ReleaseCachedPlan(cached, CurrentResourceOwner);
	row->plan_generation = query->generation;
	SPI_finish();
	AtEOXact_GUC(true, level);
}

/* Make the expressions ready to run, as the present user. */
static void
make_ready(SingleRow *row)
{
	uint64		generation = rights_generation;
	MemoryContext old;
	TupleTableSlot *result;

	if (row->ready_context == NULL)
		row->ready_context = AllocSetContextCreate(row->context,
												   "community single row",
												   ALLOCSET_SMALL_SIZES);
	row->rights_generation = 0;
	MemoryContextReset(row->ready_context);
	old = MemoryContextSwitchTo(row->ready_context);
	row->evaluation = CreateStandaloneExprContext();
	result = MakeSingleTupleTableSlot(activity_row_descriptor(),
									  &TTSOpsVirtual);
	row->qualifies = ExecInitQual(row->condition, NULL);
	row->projection = ExecBuildProjectionInfo(row->targets, row->evaluation,
											  result, NULL, row->desc);
	MemoryContextSwitchTo(old);
	row->user_id = GetUserId();
	row->rights_generation = generation;
}

/* What is kept of the attachment, ready for use; NULL when it is not plain. */
static SingleRow *
ready_row(Attachment *attachment, TriggerData *data)
{
	CorePlan   *query = activity_kept_row_query(attachment, ROWS_INSERTED,
												data->tg_relation);
	SingleRow  *row = attachment->single_row;

	if (row == NULL)
	{
		MemoryContext of_attachment = GetMemoryChunkContext(attachment);

		row = MemoryContextAllocZero(of_attachment, sizeof(SingleRow));
		row->context = AllocSetContextCreate(of_attachment,
											 "community single row",
											 ALLOCSET_SMALL_SIZES);
		attachment->single_row = row;
	}
	watch_rights();
	if (query->plan == NULL || row->plan_generation != query->generation ||
		!SPI_plan_is_valid(query->plan))
		plan_row(row, query, data);
	if (!row->plain)
		return NULL;
	/* whoever has hooked into access to functions wants to see each */
	if (row->rights_generation != rights_generation ||
		row->user_id != GetUserId() || object_access_hook != NULL)
		make_ready(row);
	return row;
}

/* ----- using it ----- */

typedef struct Evaluation
{
	const Attachment *attachment;
	Relation	relation;
} Evaluation;

static void
evaluation_error_context(void *arg)
{
	Evaluation *evaluation = (Evaluation *) arg;

	errcontext("row of table \"%s\", which is attached as type \"%s\"",
			   RelationGetRelationName(evaluation->relation),
			   evaluation->attachment->type);
}

/* The row in the columns of ActivityRows; NULL when it does not count. */
static TupleTableSlot *
evaluate(SingleRow *row, TriggerData *data, TupleTableSlot *slot)
{
	Tuplestorestate *rows = data->tg_newtable;
	int			pointer;

	/* others read the set as well, each with a pointer of its own */
	pointer = tuplestore_alloc_read_pointer(rows, EXEC_FLAG_REWIND);
	tuplestore_select_read_pointer(rows, pointer);
	tuplestore_rescan(rows);
	if (!tuplestore_gettupleslot(rows, true, false, slot))
		elog(ERROR, "row has gone");
	ResetExprContext(row->evaluation);
	row->evaluation->ecxt_scantuple = slot;
	if (!ExecQual(row->qualifies, row->evaluation))
		return NULL;
	return ExecProject(row->projection);
}

/*
 * Record the row that a statement has inserted.  False when the row query
 * must do it: more than one row, expressions that are not plain, a member
 * that is to be enrolled, a key that is known.
 */
bool
activity_record_single_row(Attachment *attachment, TriggerData *data)
{
	Evaluation	evaluation = {attachment, data->tg_relation};
	ErrorContextCallback callback;
	SingleRow  *row;
	TupleTableSlot *slot;
	TupleTableSlot *result;
	bool		recorded = true;
	CoreScope	scope;

	if (attachment->target != NULL ||
		tuplestore_tuple_count(data->tg_newtable) != 1)
		return false;
	row = ready_row(attachment, data);
	if (row == NULL)
		return false;

	callback.callback = evaluation_error_context;
	callback.arg = &evaluation;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	slot = MakeSingleTupleTableSlot(row->desc, &TTSOpsMinimalTuple);
	result = evaluate(row, data, slot);
	error_context_stack = callback.previous;
	if (result != NULL)
	{
		core_become_owner(&scope);
		recorded = activity_record_row(attachment, result, &scope);
		core_leave(&scope);
	}
	ExecDropSingleTupleTableSlot(slot);
	ResetExprContext(row->evaluation);
	return recorded;
}
