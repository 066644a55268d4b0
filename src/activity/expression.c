/*-------------------------------------------------------------------------
 *
 * expression.c
 *	  SQL expressions over a row of an attached table.
 *
 * An expression is parsed once, as the one who attaches, with his search
 * path, and kept in its fully qualified form: every later session reads it
 * with a pinned path and so means the same functions and operators.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_relation.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"

#include "activity/attachment.h"
#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"

typedef struct ParseContext
{
	const char *what;			/* which argument */
	const char *source;			/* its text */
	Relation	relation;
} ParseContext;

static void
parse_error_context(void *arg)
{
	ParseContext *context = (ParseContext *) arg;
	int			position = geterrposition();

	/* a position is one within the expression, not within the query */
	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery(context->source);
	}
	errcontext("expression \"%s\" for %s of table \"%s\"", context->source,
			   context->what, RelationGetRelationName(context->relation));
}

/* All columns: as a target of SELECT that is no expression. */
static bool
is_star(Node *node)
{
	return IsA(node, ColumnRef) &&
		IsA(llast(((ColumnRef *) node)->fields), A_Star);
}

/* The one bare expression in the text, or an error. */
static Node *
parse_bare(const ParseContext *context)
{
	List	   *trees = raw_parser(context->source, RAW_PARSE_PLPGSQL_EXPR);
	SelectStmt *select = NULL;
	ResTarget  *target = NULL;

	if (list_length(trees) == 1)
		select = (SelectStmt *) linitial_node(RawStmt, trees)->stmt;
	if (select != NULL && IsA(select, SelectStmt) &&
		list_length(select->targetList) == 1 &&
		select->distinctClause == NIL && select->intoClause == NULL &&
		select->fromClause == NIL && select->whereClause == NULL &&
		select->groupClause == NIL && select->havingClause == NULL &&
		select->windowClause == NIL && select->valuesLists == NIL &&
		select->sortClause == NIL && select->limitOffset == NULL &&
		select->limitCount == NULL && select->lockingClause == NIL &&
		select->withClause == NULL && select->op == SETOP_NONE)
		target = linitial_node(ResTarget, select->targetList);
	if (target == NULL || target->name != NULL ||
		target->indirection != NIL || is_star(target->val))
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("\"%s\" is not a single expression", context->source)));
	return target->val;
}

static void
refuse_odd_columns(Node *expression, const ParseContext *context)
{
	ListCell   *cell;

	foreach(cell, pull_var_clause(expression, 0))
	{
		Var		   *var = (Var *) lfirst(cell);

		if (var->varattno <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("%s must not use system columns or the whole row",
							context->what)));
	}
}

/*
 * Parse an expression over a row of the relation, known in it as "alias".
 * Gives the qualified text, which knows the row as "r", and the type.  Raises
 * an error when the text is anything but an expression without side effects.
 */
char *
activity_parse_expression(Relation relation, const char *alias,
						  const char *source, const char *what, Oid *type)
{
	ParseContext context = {what, source, relation};
	ErrorContextCallback callback;
	ParseState *state = make_parsestate(NULL);
	ParseNamespaceItem *item;
	Node	   *expression;
	List	   *names;
	char	   *result;
	int			level;

	callback.callback = parse_error_context;
	callback.arg = &context;
	callback.previous = error_context_stack;
	error_context_stack = &callback;

	item = addRangeTableEntryForRelation(state, relation, AccessShareLock,
										 makeAlias(alias, NIL), false, true);
	addNSItemToQuery(state, item, false, true, true);
	expression = transformExpr(state, parse_bare(&context),
							   EXPR_KIND_TRIGGER_WHEN);
	if (exprType(expression) == UNKNOWNOID)
		expression = coerce_to_specific_type(state, expression, TEXTOID, what);
	assign_expr_collations(state, expression);
	if (contain_volatile_functions(expression))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("%s must not call volatile functions", what)));
	refuse_odd_columns(expression, &context);
	*type = getBaseType(exprType(expression));

	level = core_pin_search_path();
	names = deparse_context_for("r", RelationGetRelid(relation));
	result = deparse_expression(expression, names, true, true);
	AtEOXact_GUC(true, level);
	free_parsestate(state);
	error_context_stack = callback.previous;
	return result;
}

/*
 * The text of an argument that names a column or holds an expression: a name
 * that is spelled exactly as a column needs no quotes.
 */
char *
activity_column_or_expression(Relation relation, const char *text)
{
	if (get_attnum(RelationGetRelid(relation), text) > 0)
		return pstrdup(quote_identifier(text));
	return pstrdup(text);
}

/* Kind and text form of an expression that names a member. */
char *
activity_member_expression(Relation relation, const char *alias,
						   const char *text, const char *what, char **kind)
{
	Oid			type;
	char	   *expression = activity_parse_expression(relation, alias, text,
													   what, &type);

	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
			*kind = "id";
			return psprintf("(%s)::bigint", expression);
		case UUIDOID:
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
			*kind = "external";
			return psprintf("(%s)::text", expression);
	}
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("%s has type %s, which cannot name a member", what,
					format_type_be(type)),
			 errhint("Use an integer, uuid or text column, or cast to text.")));
	return NULL;				/* keep compiler quiet */
}

/* The same for the amount. */
char *
activity_amount_expression(Relation relation, const char *alias,
						   const char *text, char **kind)
{
	Oid			type;
	char	   *expression = activity_parse_expression(relation, alias, text,
													   "amount", &type);

	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
			*kind = "minor";
			return psprintf("(%s)::bigint", expression);
		case NUMERICOID:
		case CASHOID:
			*kind = "decimal";
			return psprintf("(%s)::numeric", expression);
	}
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("amount has type %s, which is not exact money",
					format_type_be(type)),
			 errhint("Use an integer of minor units, or numeric; round floating point explicitly, as in round(x::numeric, 2).")));
	return NULL;				/* keep compiler quiet */
}

/* The same for a time; one without zone is read in the program's zone. */
char *
activity_time_expression(Relation relation, const char *alias,
						 const char *text, const char *time_zone)
{
	Oid			type;
	char	   *expression = activity_parse_expression(relation, alias, text,
													   "occurred_at", &type);

	switch (type)
	{
		case TIMESTAMPTZOID:
			return psprintf("(%s)", expression);
		case TIMESTAMPOID:
		case DATEOID:
			return psprintf("((%s)::timestamp AT TIME ZONE %s)", expression,
							quote_literal_cstr(time_zone));
	}
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("occurred_at has type %s, which is not a time",
					format_type_be(type)),
			 errhint("Use a timestamptz, timestamp or date.")));
	return NULL;				/* keep compiler quiet */
}

/* The same for the condition. */
char *
activity_condition_expression(Relation relation, const char *alias,
							  const char *text)
{
	Oid			type;
	char	   *expression = activity_parse_expression(relation, alias, text,
													   "condition", &type);

	if (type != BOOLOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("condition has type %s, not boolean",
						format_type_be(type))));
	return psprintf("(%s)", expression);
}
