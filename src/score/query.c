/*-------------------------------------------------------------------------
 *
 * query.c
 *	  Queries of the caller that bring data to scores.
 *
 * They run with the rights and the search path of the caller, and may only
 * read.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "nodes/parsenodes.h"
#include "parser/parse_coerce.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/plancache.h"

#include "core/compat.h"
#include "score/query.h"

static void
score_refuse_query(const char *function, const char *reason)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("query of %s() must be a single SELECT", function),
			 errdetail("%s", reason)));
}

/* Does a statement only read? */
static void
score_check_select(const char *function, SelectStmt *stmt)
{
	SelectStmt *first = stmt;
	ListCell   *lc;

	while (first->op != SETOP_NONE)
		first = first->larg;
	if (first->intoClause != NULL)
		score_refuse_query(function, "It has an INTO clause.");
	if (stmt->lockingClause != NIL)
		score_refuse_query(function, "It locks rows.");
	if (stmt->withClause == NULL)
		return;
	foreach(lc, stmt->withClause->ctes)
	{
		if (!IsA(lfirst_node(CommonTableExpr, lc)->ctequery, SelectStmt))
			score_refuse_query(function, "It changes data in a WITH clause.");
	}
}

/* There must be the columns that are asked for, and they can be cast. */
static void
score_check_columns(const char *function, TupleDesc tupdesc,
					const ScoreQueryColumns *columns)
{
	int			count = tupdesc == NULL ? 0 : tupdesc->natts;
	char	   *counts;
	int			i;

	counts = columns->least == columns->most ?
		psprintf("%d", columns->least) :
		psprintf("%d or %d", columns->least, columns->most);
	if (count < columns->least || count > columns->most)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("query of %s() must have %s columns, not %d",
						function, counts, count),
				 errdetail("They are %s, by position.", columns->names)));
	for (i = 0; i < count; i++)
	{
		Oid			type = TupleDescAttr(tupdesc, i)->atttypid;

		if (OidIsValid(columns->types[i]) &&
			!can_coerce_type(1, &type, &columns->types[i],
							 COERCION_EXPLICIT))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column %d of the query of %s() cannot be cast from %s to %s",
							i + 1, function, format_type_be(type),
							format_type_be(columns->types[i])),
					 errdetail("The columns are %s, by position.",
							   columns->names)));
	}
}

/*
 * Analyse a query by itself, so that complaints point into it and it cannot
 * use parameters of ours, and give the text to put between the parentheses of
 * a statement.  "count", unless NULL, becomes the number of its columns.  SPI
 * must be connected.
 */
char *
score_check_query(const char *function, const char *query,
				  const ScoreQueryColumns *columns, int *count)
{
	SPIPlanPtr	plan = SPI_prepare(query, 0, NULL);
	List	   *statements;
	CachedPlanSource *source;
	RawStmt    *raw;

	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s",
			 SPI_result_code_string(SPI_result));
	statements = pg_parse_query(query);
	if (list_length(statements) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("query of %s() must be a single SELECT", function),
				 errdetail("It has %d statements.",
						   list_length(statements))));
	raw = linitial_node(RawStmt, statements);
	if (!IsA(raw->stmt, SelectStmt))
		score_refuse_query(function, "It is another kind of statement.");
	score_check_select(function, (SelectStmt *) raw->stmt);
	source = linitial(SPI_plan_get_plan_sources(plan));
	score_check_columns(function, source->resultDesc, columns);
	if (count != NULL)
		*count = source->resultDesc->natts;
	SPI_freeplan(plan);
	if (raw->stmt_len > 0)
		return pnstrdup(query + raw->stmt_location, raw->stmt_len);
	return pstrdup(query + raw->stmt_location);
}
