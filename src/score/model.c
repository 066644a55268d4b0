/*-------------------------------------------------------------------------
 *
 * model.c
 *	  The laws of composite scores as pure functions: normalise_score() and
 *	  super_user_status().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "core/compat.h"
#include "core/core.h"
#include "score/model.h"

PG_FUNCTION_INFO_V1(community_normalise_score);
PG_FUNCTION_INFO_V1(community_super_user_status);

/* Whole millionths as a number. */
Datum
score_model_numeric(int64 millionths)
{
	Datum		number = NumericGetDatum(int64_to_numeric(millionths));
	Datum		one = DirectFunctionCall3(numeric_in,
										  CStringGetDatum("0.000001"),
										  ObjectIdGetDatum(InvalidOid),
										  Int32GetDatum(-1));

	return DirectFunctionCall2(numeric_mul, number, one);
}

/* normalise_score(raw, transform, cap) -> numeric */
Datum
community_normalise_score(PG_FUNCTION_ARGS)
{
	double		raw = PG_GETARG_FLOAT8(0);
	char	   *transform = text_to_cstring(PG_GETARG_TEXT_PP(1));
	ScorePart	part = {SCORE_LINEAR, PG_GETARG_FLOAT8(2), 0};

	if (strcmp(transform, "log") == 0)
		part.transform = SCORE_LOG;
	else if (strcmp(transform, "linear") != 0 &&
			 strcmp(transform, "capped") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("transform \"%s\" of normalise_score() is not known",
						transform),
				 errhint("It is linear, capped or log; a percentile takes all members.")));
	if (!(part.cap > 0) || isinf(part.cap))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("cap %g of normalise_score() is out of range",
						part.cap),
				 errdetail("A cap is positive and finite.")));
	if (!isfinite(raw))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("amount %g of normalise_score() is not finite", raw)));
	return score_model_numeric(score_model_units(&part, raw));
}

/* A number of score as whole millionths, or an error that names it. */
static int64
millionths_argument(FunctionCallInfo fcinfo, int argument, const char *what,
					int scale, int64 limit)
{
	Datum		given = PG_GETARG_DATUM(argument);
	Numeric		number = DatumGetNumeric(given);
	Datum		factor;
	Datum		whole;

	if (numeric_is_nan(number) || numeric_is_inf(number) ||
		fabs(DatumGetFloat8(DirectFunctionCall1(numeric_float8, given))) >
		limit)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("%s %s of super_user_status() is out of range", what,
						DatumGetCString(DirectFunctionCall1(numeric_out,
															given))),
				 errdetail("It is at most %lld.", (long long) limit)));
	factor = NumericGetDatum(int64_to_numeric(scale));
	whole = DirectFunctionCall2(numeric_mul, given, factor);
	return DatumGetInt64(DirectFunctionCall1(numeric_int8, whole));
}

/*
 * super_user_status(was, score, line, keep, dwells, locked, vetoed)
 * -> boolean
 */
Datum
community_super_user_status(PG_FUNCTION_ARGS)
{
	ScoreStatus status = {0};
	int64		keep;

	status.was = PG_GETARG_BOOL(0);
	status.score = millionths_argument(fcinfo, 1, "score", SCORE_MODEL_ONE,
									   INT64CONST(100000000));
	status.line = millionths_argument(fcinfo, 2, "line", SCORE_MODEL_ONE,
									  INT64CONST(10000000));
	keep = millionths_argument(fcinfo, 3, "keep", SCORE_MODEL_KEEP_ONE, 1);
	if (keep < 0)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("keep of super_user_status() must not be negative")));
	status.keep = score_model_keep(status.line, (int32) keep);
	status.dwells = PG_GETARG_BOOL(4);
	status.locked = PG_GETARG_BOOL(5);
	status.vetoed = PG_GETARG_BOOL(6);
	PG_RETURN_BOOL(score_model_is_super(&status));
}
