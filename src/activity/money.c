/*-------------------------------------------------------------------------
 *
 * money.c
 *	  Numeric money as minor units, exactly.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "activity/activity.h"
#include "core/compat.h"

#define MAX_SCALE	9

PG_FUNCTION_INFO_V1(community_minor_units);

static char *
money_text(Numeric money)
{
	return DatumGetCString(DirectFunctionCall1(numeric_out,
											   NumericGetDatum(money)));
}

/*
 * minor_units(money, scale) -> bigint: 29.33 with scale 2 is 2933.  Money
 * with more decimals than that is an error: nothing is rounded.
 */
Datum
community_minor_units(PG_FUNCTION_ARGS)
{
	Numeric		money = PG_GETARG_NUMERIC(0);
	int32		scale = PG_GETARG_INT32(1);
	int64		factor = 1;
	Datum		scaled;
	Datum		whole;
	int			i;

	if (scale < 0 || scale > MAX_SCALE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("amount scale %d is out of range", scale),
				 errdetail("Money has 0 to %d decimals.", MAX_SCALE)));
	if (numeric_is_nan(money) || numeric_is_inf(money))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("amount must be a finite number, not %s",
						money_text(money))));
	for (i = 0; i < scale; i++)
		factor *= 10;
	scaled = DirectFunctionCall2(numeric_mul, NumericGetDatum(money),
								 NumericGetDatum(int64_to_numeric(factor)));
	whole = DirectFunctionCall2(numeric_trunc, scaled, Int32GetDatum(0));
	if (!DatumGetBool(DirectFunctionCall2(numeric_eq, scaled, whole)))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("amount %s has more than %d decimals",
						money_text(money), scale),
				 errhint("Round it in the expression, or create the program with a larger amount_scale.")));
	return DirectFunctionCall1(numeric_int8, whole);
}
