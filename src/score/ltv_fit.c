/*-------------------------------------------------------------------------
 *
 * ltv_fit.c
 *	  Fits of the models of lifetime value to the rows of a query.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "core/core.h"
#include "score/ltv.h"
#include "score/query.h"

#define SCORE_LTV_BATCH			1000
#define SCORE_LTV_FIRST_ROWS	1024
#define SCORE_LTV_MAX_X			1000000000.0

/* Columns of ltv_result */
typedef enum ScoreLtvColumn
{
	SCORE_LTV_R_PARAMETERS,
	SCORE_LTV_R_LOG_LIKELIHOOD,
	SCORE_LTV_R_ITERATIONS,
	SCORE_LTV_R_EVALUATIONS,
	SCORE_LTV_R_CUSTOMERS,
	SCORE_LTV_R_DISTINCT,
	SCORE_LTV_R_STATUS,
	SCORE_LTV_R_RATIO,
	SCORE_LTV_R_NOTE,
	SCORE_LTV_R_COLUMNS
} ScoreLtvColumn;

/* Rows as they come, in one array that grows */
typedef struct ScoreLtvReader
{
	const char *function;
	ScoreLtvModel model;
	ScoreLtvRow *rows;
	int64		count;
	int64		capacity;
	int64		seen;
} ScoreLtvReader;

PG_FUNCTION_INFO_V1(community_fit_bg_nbd);
PG_FUNCTION_INFO_V1(community_fit_mbg_nbd);
PG_FUNCTION_INFO_V1(community_fit_pareto_nbd);
PG_FUNCTION_INFO_V1(community_fit_gamma_gamma);

static void
score_ltv_bad_row(const ScoreLtvReader *reader, const char *reason,
				  const double *values)
{
	if (reader->model == SCORE_LTV_GAMMA)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("row " INT64_FORMAT " of the query of %s() %s",
						reader->seen, reader->function, reason),
				 errdetail("It has x = %g, mean = %g.", values[0],
						   values[1])));
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("row " INT64_FORMAT " of the query of %s() %s",
					reader->seen, reader->function, reason),
			 errdetail("It has x = %g, t_x = %g, t = %g.", values[0],
					   values[1], values[2])));
}

/* What a row of purchases may not be. */
static const char *
score_ltv_purchase_fault(const double *values)
{
	double		x = values[0];
	double		t_x = values[1];
	double		t = values[2];

	if (!(t_x >= 0.0) || isinf(t_x) || !(t >= 0.0) || isinf(t))
		return "has a time that is negative or not finite";
	if (t_x > t)
		return "has its last purchase after the end of observation";
	if (x > 0.0 && t_x == 0.0)
		return "has repeat purchases, but the last is at 0";
	if (x == 0.0 && t_x > 0.0)
		return "has a last repeat purchase, but x is 0";
	return NULL;
}

static ScoreLtvRow *
score_ltv_new_row(ScoreLtvReader *reader)
{
	if (reader->count == reader->capacity)
	{
		Size		size;

		if (reader->capacity > (int64) (MaxAllocHugeSize /
										sizeof(ScoreLtvRow) / 2))
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("query of %s() has more than " INT64_FORMAT " rows",
							reader->function, reader->capacity)));
		reader->capacity *= 2;
		size = reader->capacity * sizeof(ScoreLtvRow);
		reader->rows = repalloc_huge(reader->rows, size);
	}
	return &reader->rows[reader->count++];
}

/*
 * Take a row.  One without x is a member who has never purchased, and tells
 * a model nothing; neither does one without repeats tell of spend.
 */
static void
score_ltv_take(ScoreLtvReader *reader, const double *values,
			   const bool *nulls)
{
	bool		spend = reader->model == SCORE_LTV_GAMMA;
	const char *fault = NULL;
	ScoreLtvRow *row;

	reader->seen++;
	if (nulls[0])
		return;
	if (!(values[0] >= 0.0) || values[0] > SCORE_LTV_MAX_X ||
		values[0] != floor(values[0]))
		fault = "must have a whole number x from 0 to 1000000000";
	else if (spend && values[0] == 0.0)
		return;
	else if (nulls[1] || (!spend && nulls[2]))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("row " INT64_FORMAT " of the query of %s() has an x of %g, but a null beside it",
						reader->seen, reader->function, values[0])));
	else if (!spend)
		fault = score_ltv_purchase_fault(values);
	else if (!(values[1] > 0.0) || isinf(values[1]))
		fault = "must have a mean that is positive and finite";
	if (fault != NULL)
		score_ltv_bad_row(reader, fault, values);

	row = score_ltv_new_row(reader);
	row->x = values[0];
	row->u = values[1];
	row->v = spend ? 0.0 : values[2];
	row->weight = 1.0;
}

/* Read all rows of the query. */
static void
score_ltv_read(ScoreLtvReader *reader, const char *query)
{
	static const Oid types[] = {FLOAT8OID, FLOAT8OID, FLOAT8OID};
	bool		spend = reader->model == SCORE_LTV_GAMMA;
	ScoreQueryColumns columns = {"x, t_x and t", 3, 3, types};
	char	   *statement;
	Portal		portal;
	SPIPlanPtr	plan;

	if (spend)
	{
		columns.names = "x and mean";
		columns.least = columns.most = 2;
	}
	query = score_check_query(reader->function, query, &columns, NULL);
	if (spend)
		statement = psprintf("SELECT q.x::pg_catalog.float8, q.m::pg_catalog.float8\n"
							 "FROM (\n%s\n) AS q (x, m)", query);
	else
		statement = psprintf("SELECT q.x::pg_catalog.float8, q.u::pg_catalog.float8, q.v::pg_catalog.float8\n"
							 "FROM (\n%s\n) AS q (x, u, v)", query);
	plan = SPI_prepare_cursor(statement, 0, NULL, 0);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s",
			 SPI_result_code_string(SPI_result));
	portal = SPI_cursor_open(NULL, plan, NULL, NULL, true);
	for (;;)
	{
		uint64		i;

		SPI_cursor_fetch(portal, true, SCORE_LTV_BATCH);
		if (SPI_processed == 0)
			break;
		for (i = 0; i < SPI_processed; i++)
		{
			Datum		items[3];
			double		values[3] = {0.0, 0.0, 0.0};
			bool		nulls[3];
			int			j;

			heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc,
							  items, nulls);
			for (j = 0; j < (spend ? 2 : 3); j++)
			{
				if (!nulls[j])
					values[j] = DatumGetFloat8(items[j]);
			}
			score_ltv_take(reader, values, nulls);
		}
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
}

/* What still means something on the boundary. */
static bool
score_ltv_ratio(const ScoreLtvFit *fit, ScoreLtvModel model, double *ratio)
{
	const double *p = fit->parameters;

	switch (model)
	{
		case SCORE_LTV_PARETO:
			*ratio = p[2] / p[3];
			return true;
		case SCORE_LTV_GAMMA:
			*ratio = p[0] * p[2] / (p[1] - 1.0);
			return p[1] > 1.0;
		default:
			*ratio = p[2] / (p[2] + p[3]);
			return true;
	}
}

static char *
score_ltv_note(const ScoreLtvFit *fit, ScoreLtvModel model)
{
	bool		pareto = model == SCORE_LTV_PARETO;
	const double *p = fit->parameters;
	double		second;
	StringInfoData note;

	if (fit->status == SCORE_LTV_TOO_LITTLE)
		return pstrdup(fit->distinct < score_ltv_parameter_count(model) ?
					   "fewer distinct rows than parameters" :
					   "no repeat purchases, or no time in which to make them");
	(void) score_ltv_ratio(fit, model, &second);
	if (model == SCORE_LTV_GAMMA)
		return pstrdup("the data determine little more than the mean spend");
	initStringInfo(&note);
	appendStringInfoString(&note, "the data determine only the ratio of ");
	if (fit->ridges & SCORE_LTV_FIRST_RIDGE)
		appendStringInfo(&note, "r and alpha (r/alpha = %g)", p[0] / p[1]);
	if (fit->ridges == (SCORE_LTV_FIRST_RIDGE | SCORE_LTV_SECOND_RIDGE))
		appendStringInfoString(&note, " and that of ");
	if (fit->ridges & SCORE_LTV_SECOND_RIDGE)
		appendStringInfo(&note, pareto ? "s and beta (s/beta = %g)" :
						 "a and b (a/(a+b) = %g)", second);
	return note.data;
}

static Datum
score_ltv_result(FunctionCallInfo fcinfo, const ScoreLtvFit *fit,
				 ScoreLtvModel model)
{
	static const char *const statuses[] = {
		"converged", "boundary", "too_little_data"
	};
	ScoreLtvParameters parameters;
	TupleDesc	tupdesc;
	TupleDesc	inner;
	Datum		values[SCORE_LTV_R_COLUMNS] = {0};
	bool		nulls[SCORE_LTV_R_COLUMNS] = {false};
	double		ratio = 0.0;
	bool		found = fit->status != SCORE_LTV_TOO_LITTLE;

	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE ||
		tupdesc->natts != SCORE_LTV_R_COLUMNS)
		elog(ERROR, "a fit must return a row of %d columns",
			 SCORE_LTV_R_COLUMNS);
	tupdesc = BlessTupleDesc(tupdesc);
	parameters.model = model;
	memcpy(parameters.p, fit->parameters, sizeof(parameters.p));
	if (found)
	{
		inner = lookup_rowtype_tupdesc(TupleDescAttr(tupdesc, 0)->atttypid,
									   -1);
		values[SCORE_LTV_R_PARAMETERS] =
			score_ltv_form_parameters(inner, &parameters);
		ReleaseTupleDesc(inner);
	}
	nulls[SCORE_LTV_R_PARAMETERS] = !found;
	values[SCORE_LTV_R_LOG_LIKELIHOOD] = Float8GetDatum(fit->log_likelihood);
	nulls[SCORE_LTV_R_LOG_LIKELIHOOD] = !found;
	values[SCORE_LTV_R_ITERATIONS] = Int32GetDatum(fit->iterations);
	values[SCORE_LTV_R_EVALUATIONS] = Int32GetDatum(fit->evaluations);
	values[SCORE_LTV_R_CUSTOMERS] = Int64GetDatum((int64) fit->customers);
	values[SCORE_LTV_R_DISTINCT] = Int64GetDatum(fit->distinct);
	values[SCORE_LTV_R_STATUS] = CStringGetTextDatum(statuses[fit->status]);
	nulls[SCORE_LTV_R_RATIO] = !found || !score_ltv_ratio(fit, model, &ratio);
	values[SCORE_LTV_R_RATIO] = Float8GetDatum(ratio);
	nulls[SCORE_LTV_R_NOTE] = fit->status == SCORE_LTV_CONVERGED;
	if (!nulls[SCORE_LTV_R_NOTE])
		values[SCORE_LTV_R_NOTE] =
			CStringGetTextDatum(score_ltv_note(fit, model));
	return HeapTupleGetDatum(heap_form_tuple(tupdesc, values, nulls));
}

static Datum
score_ltv_fit_query(FunctionCallInfo fcinfo, ScoreLtvModel model)
{
	ScoreLtvReader reader;
	ScoreLtvFit fit;
	char	   *function = psprintf("fit_%s", score_ltv_model_name(model));
	char	   *query;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("query of %s() must not be null", function)));
	query = text_to_cstring(PG_GETARG_TEXT_PP(0));
	memset(&reader, 0, sizeof(reader));
	reader.function = function;
	reader.model = model;
	reader.capacity = SCORE_LTV_FIRST_ROWS;
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	reader.rows = palloc_array(ScoreLtvRow, reader.capacity);
	score_ltv_read(&reader, query);
	score_ltv_fit(&fit, model, reader.rows, reader.count,
				  score_ltv_check_interrupts);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	return score_ltv_result(fcinfo, &fit, model);
}

Datum
community_fit_bg_nbd(PG_FUNCTION_ARGS)
{
	return score_ltv_fit_query(fcinfo, SCORE_LTV_BG);
}

Datum
community_fit_mbg_nbd(PG_FUNCTION_ARGS)
{
	return score_ltv_fit_query(fcinfo, SCORE_LTV_MBG);
}

Datum
community_fit_pareto_nbd(PG_FUNCTION_ARGS)
{
	return score_ltv_fit_query(fcinfo, SCORE_LTV_PARETO);
}

Datum
community_fit_gamma_gamma(PG_FUNCTION_ARGS)
{
	return score_ltv_fit_query(fcinfo, SCORE_LTV_GAMMA);
}
