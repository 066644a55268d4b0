/*-------------------------------------------------------------------------
 *
 * projection.c
 *	  How a crowd grows when each member brings K others a cycle:
 *	  projected_members(), days_to_members().
 *
 * U(t) = U0 (K^(t/p + 1) - 1) / (K - 1), and U0 (t/p + 1) where K is 1.  Both
 * are U0 expm1(x log1p(e)) / e with e = K - 1 and x = t/p + 1, which loses no
 * digits where K is close to 1.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "utils/float.h"

#include "core/compat.h"

PG_FUNCTION_INFO_V1(community_projected_members);
PG_FUNCTION_INFO_V1(community_days_to_members);

/* An argument must be finite and at least that, or more. */
static double
argument(FunctionCallInfo fcinfo, int n, const char *name, bool positive)
{
	double		value = PG_GETARG_FLOAT8(n);

	if (isnan(value) || isinf(value) || value < 0 || (positive && value == 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" is out of range: %g", name, value),
				 positive ?
				 errdetail("It is finite and more than 0.") :
				 errdetail("It is finite and not negative.")));
	return value;
}

/* projected_members(members, k, cycle_days, days) -> float8 */
Datum
community_projected_members(PG_FUNCTION_ARGS)
{
	double		members = argument(fcinfo, 0, "members", false);
	double		excess = argument(fcinfo, 1, "k", false) - 1;
	double		cycle = argument(fcinfo, 2, "cycle_days", true);
	double		cycles = argument(fcinfo, 3, "days", false) / cycle + 1;
	double		result;

	if (excess == 0)
		result = members * cycles;
	else if (excess == -1)
		result = members;
	else
		result = members * (expm1(cycles * log1p(excess)) / excess);
	if (isinf(result) || isnan(result))
		float_overflow_error();
	PG_RETURN_FLOAT8(result);
}

/* days_to_members(target, members, k, cycle_days) -> float8, or null */
Datum
community_days_to_members(PG_FUNCTION_ARGS)
{
	double		target = argument(fcinfo, 0, "target", false);
	double		members = argument(fcinfo, 1, "members", false);
	double		excess = argument(fcinfo, 2, "k", false) - 1;
	double		cycle = argument(fcinfo, 3, "cycle_days", true);
	double		grown;
	double		result;

	if (target <= members)
		PG_RETURN_FLOAT8(0);
	/* nobody brings nobody, and a shrinking crowd has a limit */
	if (members == 0 || excess == -1)
		PG_RETURN_NULL();
	grown = target / members;
	if (excess == 0)
		result = grown - 1;
	else
	{
		if (grown * excess <= -1)
			PG_RETURN_NULL();
		result = log1p(grown * excess) / log1p(excess) - 1;
	}
	result *= cycle;
	if (isinf(result) || isnan(result))
		float_overflow_error();
	PG_RETURN_FLOAT8(result);
}
