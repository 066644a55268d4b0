/*-------------------------------------------------------------------------
 *
 * rfm_scores.c
 *	  Recency, frequency and monetary scores of the members that a query
 *	  names.
 *
 * One statement does all the work: it materialises the query once, takes the
 * cuts of the population with percentile_disc and counts for each member the
 * cuts that it exceeds.  Members with equal values therefore have equal scores
 * whatever the order of the rows, which ntile() does not give.
 *
 * The query runs with the rights and the search path of the caller.  All the
 * rest of the statement is qualified.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "score/query.h"

#define SCORE_RFM_MIN_CELLS		2
#define SCORE_RFM_MAX_CELLS		9	/* a score is one digit of the cell */
#define SCORE_RFM_BATCH			1000
#define SCORE_RFM_INPUTS		4

/* Columns of the inner statement; the last is the fault of a row */
typedef enum ScoreRfmColumn
{
	SCORE_RFM_MEMBER,
	SCORE_RFM_LAST_AT,
	SCORE_RFM_FREQUENCY,
	SCORE_RFM_MONETARY,
	SCORE_RFM_R,
	SCORE_RFM_F,
	SCORE_RFM_M,
	SCORE_RFM_CELL,				/* ours; the statement has the fault here */
	SCORE_RFM_COLUMNS
} ScoreRfmColumn;

typedef enum ScoreRfmFault
{
	SCORE_RFM_NO_FAULT,
	SCORE_RFM_NO_MEMBER,
	SCORE_RFM_BAD_FREQUENCY,
	SCORE_RFM_BAD_MONETARY,
	SCORE_RFM_BAD_TIME
} ScoreRfmFault;

/* Parameters of the statement */
typedef enum ScoreRfmParameter
{
	SCORE_RFM_P_AS_OF,
	SCORE_RFM_P_MIN_POPULATION,
	SCORE_RFM_P_RECENCY,
	SCORE_RFM_P_FREQUENCY,
	SCORE_RFM_P_MONETARY,
	SCORE_RFM_PARAMETERS
} ScoreRfmParameter;

typedef struct ScoreRfmRequest
{
	char	   *query;
	int			cells;
	Datum		values[SCORE_RFM_PARAMETERS];
	char		nulls[SCORE_RFM_PARAMETERS];	/* 'n' or ' ', for SPI */
} ScoreRfmRequest;

static const Oid score_rfm_input_types[SCORE_RFM_INPUTS] = {
	INT8OID, TIMESTAMPTZOID, NUMERICOID, NUMERICOID
};
static const ScoreQueryColumns score_rfm_columns = {
	"member, last_at, frequency and monetary", SCORE_RFM_INPUTS,
	SCORE_RFM_INPUTS, score_rfm_input_types
};

PG_FUNCTION_INFO_V1(community_rfm_scores);

/*
 * The score of one measure where cuts are taken from the population: one more
 * than the number of cuts below the value.
 */
static void
score_append_quantile(StringInfo sql, const char *column, int cells)
{
	int			i;

	appendStringInfo(sql,
					 "CASE WHEN p.active AND c.population OPERATOR(pg_catalog.>=) $%d THEN 1",
					 SCORE_RFM_P_MIN_POPULATION + 1);
	for (i = 1; i < cells; i++)
		appendStringInfo(sql,
						 " OPERATOR(pg_catalog.+) (c.%s_%d OPERATOR(pg_catalog.<) p.%s)::pg_catalog.int4",
						 column, i, column);
	appendStringInfoString(sql, " END,\n");
}

/*
 * The score where cuts are given: one more than the number of cuts at or below
 * the value.  For recency the cuts are moments, the latest first, and each
 * that the last transaction does not lie after costs one.
 */
static void
score_append_fixed(StringInfo sql, const char *column, int parameter,
				   int cells)
{
	bool		recency = parameter == SCORE_RFM_P_RECENCY;
	int			i;

	appendStringInfo(sql, "CASE WHEN p.active THEN %d",
					 recency ? cells : 1);
	for (i = 1; i < cells; i++)
		appendStringInfo(sql,
						 " OPERATOR(pg_catalog.%s) ($%d[%d] OPERATOR(pg_catalog.%s) p.%s)::pg_catalog.int4",
						 recency ? "-" : "+", parameter + 1, i,
						 recency ? ">=" : "<=", column);
	appendStringInfoString(sql, " END,\n");
}

static void
score_append_score(StringInfo sql, const ScoreRfmRequest *request,
				   const char *column, int parameter)
{
	if (request->nulls[parameter] == 'n')
		score_append_quantile(sql, column, request->cells);
	else
		score_append_fixed(sql, column, parameter, request->cells);
}

/*
 * The cuts as columns: to take one out of an array for each comparison costs
 * more than the comparison.
 */
static void
score_append_columns(StringInfo sql, const ScoreRfmRequest *request,
					 const char *column, int parameter)
{
	int			i;

	if (request->nulls[parameter] != 'n')
		return;
	for (i = 1; i < request->cells; i++)
		appendStringInfo(sql, ", a.%s[%d] AS %s_%d", column, i, column, i);
}

/* percentile_disc over the active members, for one measure. */
static void
score_append_cuts(StringInfo sql, const ScoreRfmRequest *request,
				  const char *column, int parameter)
{
	int			i;

	if (request->nulls[parameter] != 'n')
		return;

	/*
	 * percentile_disc takes row ceil(fraction * n).  Where fraction * n is
	 * whole, rounding could lift it over; a hair less than the fraction gives
	 * the right row for any n that fits.
	 */
	appendStringInfoString(sql, ",\npg_catalog.percentile_disc('{");
	for (i = 1; i < request->cells; i++)
		appendStringInfo(sql, "%s%.17g", i > 1 ? "," : "",
						 (double) i / request->cells * (1.0 - 4e-16));
	appendStringInfo(sql,
					 "}'::pg_catalog.float8[]) WITHIN GROUP (ORDER BY p.%s) AS %s",
					 column, column);
}

/* The statement: see the head of this file. */
static char *
score_rfm_statement(const ScoreRfmRequest *request)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql,
					 "WITH population AS MATERIALIZED (\n"
					 "SELECT q.*, q.last_at OPERATOR(pg_catalog.<=) $%d"
					 " AND q.frequency OPERATOR(pg_catalog.>) 0::pg_catalog.numeric AS active\n"
					 "FROM (SELECT r.member::pg_catalog.int8, r.last_at::pg_catalog.timestamptz,"
					 " r.frequency::pg_catalog.numeric, r.monetary::pg_catalog.numeric\n"
					 "FROM (\n%s\n) AS r (member, last_at, frequency, monetary)) AS q),\n"
					 "cuts AS MATERIALIZED (\nSELECT a.population",
					 SCORE_RFM_P_AS_OF + 1, request->query);
	score_append_columns(&sql, request, "last_at", SCORE_RFM_P_RECENCY);
	score_append_columns(&sql, request, "frequency", SCORE_RFM_P_FREQUENCY);
	score_append_columns(&sql, request, "monetary", SCORE_RFM_P_MONETARY);
	appendStringInfoString(&sql,
						   "\nFROM (SELECT pg_catalog.count(*) AS population");
	score_append_cuts(&sql, request, "last_at", SCORE_RFM_P_RECENCY);
	score_append_cuts(&sql, request, "frequency", SCORE_RFM_P_FREQUENCY);
	score_append_cuts(&sql, request, "monetary", SCORE_RFM_P_MONETARY);
	appendStringInfoString(&sql,
						   "\nFROM population AS p WHERE p.active) AS a)\n"
						   "SELECT p.member, p.last_at, p.frequency, p.monetary,\n");
	score_append_score(&sql, request, "last_at", SCORE_RFM_P_RECENCY);
	score_append_score(&sql, request, "frequency", SCORE_RFM_P_FREQUENCY);
	score_append_score(&sql, request, "monetary", SCORE_RFM_P_MONETARY);
	appendStringInfo(&sql,
					 "CASE WHEN p.member IS NULL THEN %d"
					 " WHEN p.frequency OPERATOR(pg_catalog.=) 'NaN'::pg_catalog.numeric"
					 " OR p.frequency OPERATOR(pg_catalog.<) 0::pg_catalog.numeric THEN %d"
					 " WHEN p.monetary OPERATOR(pg_catalog.=) 'NaN'::pg_catalog.numeric THEN %d"
					 " WHEN NOT pg_catalog.isfinite(p.last_at) THEN %d"
					 " ELSE %d END\n"
					 "FROM population AS p CROSS JOIN cuts AS c",
					 SCORE_RFM_NO_MEMBER, SCORE_RFM_BAD_FREQUENCY,
					 SCORE_RFM_BAD_MONETARY, SCORE_RFM_BAD_TIME,
					 SCORE_RFM_NO_FAULT);
	return sql.data;
}

static char *
score_numeric_text(Datum value)
{
	return DatumGetCString(DirectFunctionCall1(numeric_out, value));
}

/* Complain of a row that cannot be scored, naming the member. */
static void
score_check_row(const Datum *values, const bool *nulls)
{
	int64		member;

	switch ((ScoreRfmFault) DatumGetInt32(values[SCORE_RFM_CELL]))
	{
		case SCORE_RFM_NO_FAULT:
			return;
		case SCORE_RFM_NO_MEMBER:
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("query of rfm_scores() gave a row without a member")));
			break;
		case SCORE_RFM_BAD_FREQUENCY:
			member = DatumGetInt64(values[SCORE_RFM_MEMBER]);
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("frequency of member " INT64_FORMAT " must not be negative or NaN, but is %s",
							member,
							score_numeric_text(values[SCORE_RFM_FREQUENCY]))));
			break;
		case SCORE_RFM_BAD_MONETARY:
			member = DatumGetInt64(values[SCORE_RFM_MEMBER]);
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("monetary value of member " INT64_FORMAT " must not be NaN",
							member)));
			break;
		case SCORE_RFM_BAD_TIME:
			member = DatumGetInt64(values[SCORE_RFM_MEMBER]);
			ereport(ERROR,
					(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
					 errmsg("last time of member " INT64_FORMAT " must be finite",
							member)));
			break;
	}
}

/* Run the statement in batches into the tuplestore. */
static void
score_rfm_run(ScoreRfmRequest *request, Tuplestorestate *store,
			  TupleDesc tupdesc)
{
	Oid			types[SCORE_RFM_PARAMETERS] = {
		TIMESTAMPTZOID, INT4OID, TIMESTAMPTZARRAYOID, NUMERICARRAYOID,
		NUMERICARRAYOID
	};
	SPIPlanPtr	plan;
	Portal		portal;
	Datum		values[SCORE_RFM_COLUMNS];
	bool		nulls[SCORE_RFM_COLUMNS];
	uint64		i;

	plan = SPI_prepare(score_rfm_statement(request), SCORE_RFM_PARAMETERS,
					   types);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s",
			 SPI_result_code_string(SPI_result));
	portal = SPI_cursor_open(NULL, plan,
							 request->values,
							 request->nulls, true);
	for (;;)
	{
		SPI_cursor_fetch(portal, true, SCORE_RFM_BATCH);
		if (SPI_processed == 0)
			break;
		for (i = 0; i < SPI_processed; i++)
		{
			heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc,
							  values, nulls);
			score_check_row(values, nulls);
			nulls[SCORE_RFM_CELL] = nulls[SCORE_RFM_R] ||
				nulls[SCORE_RFM_F] || nulls[SCORE_RFM_M];
			if (!nulls[SCORE_RFM_CELL])
				values[SCORE_RFM_CELL] =
					Int32GetDatum(100 * DatumGetInt32(values[SCORE_RFM_R]) +
								  10 * DatumGetInt32(values[SCORE_RFM_F]) +
								  DatumGetInt32(values[SCORE_RFM_M]));
			tuplestore_putvalues(store, tupdesc, values, nulls);
		}
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_freetuptable(SPI_tuptable);
	SPI_cursor_close(portal);
}

/* The elements of an array of cuts, of which there must be cells - 1. */
static Datum *
score_read_cuts(ArrayType *array, const char *name, int cells, int16 length,
				bool byval, char align)
{
	Datum	   *items;
	int			count;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("%s must have one dimension, not %d", name,
						ARR_NDIM(array))));
	if (array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not contain nulls", name)));
	deconstruct_array(array, ARR_ELEMTYPE(array), length, byval, align,
					  &items, NULL, &count);
	if (count != cells - 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s has %d elements, %d cells need %d", name, count,
						cells, cells - 1)));
	return items;
}

static Datum
score_numeric_cuts(ArrayType *array, const char *name, int cells)
{
	Datum	   *cuts = score_read_cuts(array, name, cells, -1, false,
									   TYPALIGN_INT);
	int			i;

	for (i = 0; i < cells - 1; i++)
	{
		if (numeric_is_nan(DatumGetNumeric(cuts[i])) ||
			(i > 0 && !DatumGetBool(DirectFunctionCall2(numeric_lt,
														cuts[i - 1],
														cuts[i]))))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s must increase, but element %d is %s", name,
							i + 1, score_numeric_text(cuts[i]))));
	}
	/* numbered from one, whatever the bounds of the argument */
	return PointerGetDatum(construct_array(cuts, cells - 1, NUMERICOID, -1,
										   false, TYPALIGN_INT));
}

/* Ages to moments: as_of less each of them, the latest first. */
static Datum
score_recency_cuts(ArrayType *array, TimestampTz as_of, int cells)
{
	Datum	   *cuts = score_read_cuts(array, "recency_cuts", cells,
									   sizeof(Interval), false,
									   TYPALIGN_DOUBLE);
	Datum	   *moments = palloc_array(Datum, cells - 1);
	TimestampTz before = as_of;
	int			i;

	for (i = 0; i < cells - 1; i++)
	{
		TimestampTz moment;

		moments[i] = DirectFunctionCall2(timestamptz_mi_interval,
										 TimestampTzGetDatum(as_of), cuts[i]);
		moment = DatumGetTimestampTz(moments[i]);
		if (moment >= before || TIMESTAMP_NOT_FINITE(moment))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("recency_cuts must be positive and increase, but element %d is %s",
							i + 1,
							DatumGetCString(DirectFunctionCall1(interval_out,
																cuts[i])))));
		before = moment;
	}
	return PointerGetDatum(construct_array(moments, cells - 1, TIMESTAMPTZOID,
										   sizeof(TimestampTz),
										   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* Arguments that must be there. */
static void
score_require_arguments(FunctionCallInfo fcinfo)
{
	static const struct
	{
		int			argno;
		const char *name;
	}			needed[] = {
		{0, "query"}, {1, "as_of"}, {2, "cells"}, {6, "min_population"}
	};
	int			i;

	for (i = 0; i < lengthof(needed); i++)
	{
		if (PG_ARGISNULL(needed[i].argno))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s of rfm_scores() must not be null",
							needed[i].name)));
	}
}

static void
score_read_request(ScoreRfmRequest *request, FunctionCallInfo fcinfo)
{
	TimestampTz as_of;

	score_require_arguments(fcinfo);
	as_of = PG_GETARG_TIMESTAMPTZ(1);
	request->cells = PG_GETARG_INT32(2);
	if (TIMESTAMP_NOT_FINITE(as_of))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("as_of of rfm_scores() must be finite")));
	if (request->cells < SCORE_RFM_MIN_CELLS ||
		request->cells > SCORE_RFM_MAX_CELLS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cells of rfm_scores() must be between %d and %d, not %d",
						SCORE_RFM_MIN_CELLS, SCORE_RFM_MAX_CELLS,
						request->cells)));
	memset(request->nulls, 'n', sizeof(request->nulls));
	memset(request->values, 0, sizeof(request->values));
	request->nulls[SCORE_RFM_P_AS_OF] = ' ';
	request->values[SCORE_RFM_P_AS_OF] = TimestampTzGetDatum(as_of);
	request->nulls[SCORE_RFM_P_MIN_POPULATION] = ' ';
	request->values[SCORE_RFM_P_MIN_POPULATION] = PG_GETARG_DATUM(6);
	if (!PG_ARGISNULL(3))
	{
		request->nulls[SCORE_RFM_P_RECENCY] = ' ';
		request->values[SCORE_RFM_P_RECENCY] =
			score_recency_cuts(PG_GETARG_ARRAYTYPE_P(3), as_of,
							   request->cells);
	}
	if (!PG_ARGISNULL(4))
	{
		request->nulls[SCORE_RFM_P_FREQUENCY] = ' ';
		request->values[SCORE_RFM_P_FREQUENCY] =
			score_numeric_cuts(PG_GETARG_ARRAYTYPE_P(4), "frequency_cuts",
							   request->cells);
	}
	if (!PG_ARGISNULL(5))
	{
		request->nulls[SCORE_RFM_P_MONETARY] = ' ';
		request->values[SCORE_RFM_P_MONETARY] =
			score_numeric_cuts(PG_GETARG_ARRAYTYPE_P(5), "monetary_cuts",
							   request->cells);
	}
	request->query = text_to_cstring(PG_GETARG_TEXT_PP(0));
}

Datum
community_rfm_scores(PG_FUNCTION_ARGS)
{
	ScoreRfmRequest request;
	TupleDesc	tupdesc;
	Tuplestorestate *store;

	score_read_request(&request, fcinfo);
	store = core_begin_rows(fcinfo, &tupdesc);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	request.query = score_check_query("rfm_scores", request.query,
									  &score_rfm_columns, NULL);
	score_rfm_run(&request, store, tupdesc);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	return (Datum) 0;
}
