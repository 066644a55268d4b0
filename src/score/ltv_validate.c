/*-------------------------------------------------------------------------
 *
 * ltv_validate.c
 *	  Does a model of purchases hold?  Expected against actual, by week and
 *	  by number of repeat purchases.
 *
 * One statement each around the query of the caller, which runs with the
 * rights and the search path of the caller; all the rest is qualified.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/core.h"
#include "score/ltv.h"
#include "score/query.h"

#define SCORE_VALIDATE_PARAMETERS	6
#define SCORE_VALIDATE_COLUMNS		7

PG_FUNCTION_INFO_V1(community_ltv_validate);
PG_FUNCTION_INFO_V1(community_ltv_holdout);

/*
 * By week.  Cohorts are customers with the same first day; each expects what
 * a new customer does, over the time since.  $1 parameters, $2 and $3 the
 * ends, $4 time zone, $5 days in the unit of the parameters.
 */
static const char score_by_week[] =
"WITH ends AS MATERIALIZED (\n"
"SELECT ($2 AT TIME ZONE $4)::pg_catalog.date AS calibration,"
" ($3 AT TIME ZONE $4)::pg_catalog.date AS observation),\n"
"day AS (\n"
"SELECT DISTINCT r.member,"
" (r.occurred_at::pg_catalog.timestamptz AT TIME ZONE $4)::pg_catalog.date AS day\n"
"FROM (\n%s\n) AS r (member, occurred_at)\n"
"WHERE r.member IS NOT NULL AND r.occurred_at IS NOT NULL),\n"
"seen AS MATERIALIZED (\n"
"SELECT d.day, pg_catalog.min(d.day) OVER (PARTITION BY d.member) AS first\n"
"FROM day AS d CROSS JOIN ends AS e\n"
"WHERE d.day OPERATOR(pg_catalog.<=) e.observation),\n"
"cohort AS MATERIALIZED (\n"
"SELECT s.first AS day, pg_catalog.count(*) AS n FROM seen AS s CROSS JOIN ends AS e\n"
"WHERE s.day OPERATOR(pg_catalog.=) s.first\n"
"AND s.first OPERATOR(pg_catalog.<=) e.calibration GROUP BY s.first),\n"
"start AS MATERIALIZED (SELECT pg_catalog.min(c.day) AS day FROM cohort AS c),\n"
"week AS MATERIALIZED (\n"
"SELECT w.week, LEAST(b.day OPERATOR(pg_catalog.+)"
" (w.week OPERATOR(pg_catalog.*) 7 OPERATOR(pg_catalog.-) 1), e.observation) AS ending\n"
"FROM ends AS e CROSS JOIN start AS b CROSS JOIN LATERAL pg_catalog.generate_series(1,"
" (e.observation OPERATOR(pg_catalog.-) b.day) OPERATOR(pg_catalog./) 7"
" OPERATOR(pg_catalog.+) 1) AS w (week)),\n"
"actual AS MATERIALIZED (\n"
"SELECT (s.day OPERATOR(pg_catalog.-) b.day) OPERATOR(pg_catalog./) 7"
" OPERATOR(pg_catalog.+) 1 AS week, pg_catalog.count(*) AS n\n"
"FROM seen AS s CROSS JOIN ends AS e CROSS JOIN start AS b\n"
"WHERE s.day OPERATOR(pg_catalog.>) s.first\n"
"AND s.first OPERATOR(pg_catalog.<=) e.calibration GROUP BY 1),\n"
"expected AS MATERIALIZED (\n"
"SELECT w.week, pg_catalog.sum(c.n::pg_catalog.float8 OPERATOR(pg_catalog.*)\n"
"community.expected_purchases($1,"
" (w.ending OPERATOR(pg_catalog.-) c.day)::pg_catalog.float8 OPERATOR(pg_catalog./) $5)"
" ORDER BY c.day) AS total\n"
"FROM week AS w CROSS JOIN cohort AS c\n"
"WHERE c.day OPERATOR(pg_catalog.<=) w.ending GROUP BY w.week)\n"
"SELECT w.week, w.ending, w.ending OPERATOR(pg_catalog.>) e.calibration,\n"
"COALESCE(a.n, 0),\n"
"x.total OPERATOR(pg_catalog.-)"
" pg_catalog.lag(x.total, 1, 0::pg_catalog.float8) OVER o,\n"
"(pg_catalog.sum(COALESCE(a.n, 0)) OVER o)::pg_catalog.int8, x.total\n"
"FROM week AS w CROSS JOIN ends AS e\n"
"JOIN expected AS x ON x.week OPERATOR(pg_catalog.=) w.week\n"
"LEFT JOIN actual AS a ON a.week OPERATOR(pg_catalog.=) w.week\n"
"WINDOW o AS (ORDER BY w.week) ORDER BY w.week";

/* By number of repeats in calibration; $6 is where the last class begins. */
static const char score_by_repeats[] =
"WITH history AS MATERIALIZED (\n"
"SELECT community.purchase_history(r.occurred_at::pg_catalog.timestamptz,"
" 0::pg_catalog.int8, $2, $3, $4) AS h\n"
"FROM (\n%s\n) AS r (member, occurred_at)\n"
"WHERE r.member IS NOT NULL GROUP BY r.member),\n"
"guess AS MATERIALIZED (\n"
"SELECT LEAST((s.h).x, $6) AS x, (s.h).holdout_x AS actual,\n"
"community.expected_purchases($1, (s.h).x,"
" (s.h).t_x OPERATOR(pg_catalog./) $5, (s.h).t OPERATOR(pg_catalog./) $5,"
" (s.h).holdout_t OPERATOR(pg_catalog./) $5) AS expected,\n"
"community.p_alive($1, (s.h).x,"
" (s.h).t_x OPERATOR(pg_catalog./) $5, (s.h).t OPERATOR(pg_catalog./) $5) AS alive\n"
"FROM history AS s WHERE (s.h).x IS NOT NULL)\n"
"SELECT g.x, pg_catalog.count(*), pg_catalog.sum(g.actual)::pg_catalog.int8,"
" pg_catalog.sum(g.expected ORDER BY g.expected),\n"
"pg_catalog.count(*) FILTER (WHERE g.actual OPERATOR(pg_catalog.>) 0),"
" pg_catalog.sum(g.alive ORDER BY g.alive)\n"
"FROM guess AS g GROUP BY g.x ORDER BY g.x";

/* Refuse what the statements cannot take. */
static void
score_validate_check(FunctionCallInfo fcinfo, const char *function)
{
	static const char *const names[] = {
		"query", "parameters", "calibration_end", "observation_end",
		"time_zone", "unit", "last_class"
	};
	TimestampTz calibration_end;
	TimestampTz observation_end;
	double		unit;

	core_refuse_nulls(fcinfo, function, names, 0);
	calibration_end = PG_GETARG_TIMESTAMPTZ(2);
	observation_end = PG_GETARG_TIMESTAMPTZ(3);
	unit = PG_GETARG_FLOAT8(5);
	if (TIMESTAMP_NOT_FINITE(calibration_end) ||
		TIMESTAMP_NOT_FINITE(observation_end) ||
		calibration_end > observation_end)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("calibration_end of %s() must not be after observation_end, and both must be finite",
						function),
				 errdetail("They are %s and %s.",
						   pstrdup(timestamptz_to_str(calibration_end)),
						   pstrdup(timestamptz_to_str(observation_end)))));
	if (!(unit > 0.0) || isinf(unit))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("unit of %s() must be positive and finite, not %g",
						function, unit),
				 errdetail("It is the number of days in a unit of time of the parameters.")));
}

/* Run the statement around the query, and give its rows. */
static Datum
score_validate(FunctionCallInfo fcinfo, const char *function,
			   const char *around)
{
	static const Oid input_types[] = {InvalidOid, TIMESTAMPTZOID};
	static const ScoreQueryColumns columns = {
		"member and occurred_at", 2, 2, input_types
	};
	ReturnSetInfo *info = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid			types[SCORE_VALIDATE_PARAMETERS] = {
		InvalidOid, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID, FLOAT8OID,
		INT8OID
	};
	Datum		values[SCORE_VALIDATE_COLUMNS];
	bool		nulls[SCORE_VALIDATE_COLUMNS];
	ScoreLtvParameters parameters;
	HeapTupleHeader row;
	SPIPlanPtr	plan;
	char	   *query;
	int			count = PG_NARGS() - 1;
	uint64		i;

	score_validate_check(fcinfo, function);
	row = PG_GETARG_HEAPTUPLEHEADER(1);
	score_ltv_read_parameters(&parameters, row);
	query = text_to_cstring(PG_GETARG_TEXT_PP(0));
	types[0] = HeapTupleHeaderGetTypeId(row);
	for (i = 0; i < count; i++)
		values[i] = PG_GETARG_DATUM(i + 1);
	(void) core_begin_rows(fcinfo, NULL);

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	query = score_check_query(function, query, &columns, NULL);
	plan = SPI_prepare(psprintf(around, query), count, types);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s",
			 SPI_result_code_string(SPI_result));
	if (SPI_execute_plan(plan, values, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "cannot run the statement of %s()", function);
	for (i = 0; i < SPI_processed; i++)
	{
		CHECK_FOR_INTERRUPTS();
		heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc,
						  values, nulls);
		tuplestore_putvalues(info->setResult, info->setDesc, values, nulls);
	}
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	return (Datum) 0;
}

/*
 * ltv_validate(query, parameters, calibration_end, observation_end,
 * time_zone, unit)
 */
Datum
community_ltv_validate(PG_FUNCTION_ARGS)
{
	return score_validate(fcinfo, "ltv_validate", score_by_week);
}

/* The same and last_class */
Datum
community_ltv_holdout(PG_FUNCTION_ARGS)
{
	return score_validate(fcinfo, "ltv_holdout", score_by_repeats);
}
