/*-------------------------------------------------------------------------
 *
 * esteem.c
 *	  Bounds and means of votes, and ratings from games, as SQL has them.
 *
 * Everything here is a pure function of its arguments.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"

#include "core/compat.h"
#include "score/esteem_algo.h"

#define SCORE_STAR_MAX_LEVELS	1000
#define SCORE_Z_MAX				1000.0

PG_FUNCTION_INFO_V1(community_wilson_lower_bound);
PG_FUNCTION_INFO_V1(community_wilson_upper_bound);
PG_FUNCTION_INFO_V1(community_bayesian_mean);
PG_FUNCTION_INFO_V1(community_star_lower_bound);
PG_FUNCTION_INFO_V1(community_elo_expected);
PG_FUNCTION_INFO_V1(community_elo);
PG_FUNCTION_INFO_V1(community_elo_several);

/* A number that must be finite, and perhaps not negative. */
static double
esteem_number(double value, const char *name, const char *function,
			  bool negative)
{
	if (isnan(value) || isinf(value) || (value < 0.0 && !negative))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 negative ?
				 errmsg("%s of %s() must be finite, not %g", name, function,
						value) :
				 errmsg("%s of %s() must be finite and not negative, not %g",
						name, function, value)));
	return value;
}

static double
esteem_z(double z, const char *function)
{
	if (!(z > 0.0 && z <= SCORE_Z_MAX))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("z of %s() must be positive and at most %g, not %g",
						function, SCORE_Z_MAX, z)));
	return z;
}

/* What came out must be a number still. */
static double
esteem_result(double value, const char *function)
{
	if (isnan(value) || isinf(value))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("result of %s() is out of range", function)));
	return value;
}

/* wilson_lower_bound(successes, trials, z) and the upper one */
static Datum
esteem_wilson(FunctionCallInfo fcinfo, const char *function,
			  double (*bound) (double, double, double), double unknown)
{
	double		successes = esteem_number(PG_GETARG_FLOAT8(0), "successes",
										  function, false);
	double		trials = esteem_number(PG_GETARG_FLOAT8(1), "trials",
									   function, false);
	double		z = esteem_z(PG_GETARG_FLOAT8(2), function);

	if (successes > trials)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("successes of %s() must not be more than trials",
						function),
				 errdetail("They are %g and %g.", successes, trials)));
	if (trials == 0.0)
		PG_RETURN_FLOAT8(unknown);
	PG_RETURN_FLOAT8(bound(successes, trials, z));
}

Datum
community_wilson_lower_bound(PG_FUNCTION_ARGS)
{
	return esteem_wilson(fcinfo, "wilson_lower_bound", score_wilson_lower,
						 0.0);
}

Datum
community_wilson_upper_bound(PG_FUNCTION_ARGS)
{
	return esteem_wilson(fcinfo, "wilson_upper_bound", score_wilson_upper,
						 1.0);
}

/*
 * bayesian_mean(votes, mean, prior_votes, prior_mean).  Without votes there is
 * no mean, and none is asked for.
 */
Datum
community_bayesian_mean(PG_FUNCTION_ARGS)
{
	static const char function[] = "bayesian_mean";
	double		votes;
	double		mean;
	double		prior_votes;
	double		prior_mean;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
		PG_RETURN_NULL();
	votes = esteem_number(PG_GETARG_FLOAT8(0), "votes", function, false);
	prior_votes = esteem_number(PG_GETARG_FLOAT8(2), "prior_votes", function,
								false);
	prior_mean = esteem_number(PG_GETARG_FLOAT8(3), "prior_mean", function,
							   true);
	if (votes == 0.0 && prior_votes == 0.0)
		PG_RETURN_NULL();
	if (votes == 0.0)
		PG_RETURN_FLOAT8(prior_mean);
	if (PG_ARGISNULL(1))
		PG_RETURN_NULL();
	mean = esteem_number(PG_GETARG_FLOAT8(1), "mean", function, true);
	PG_RETURN_FLOAT8(score_bayesian_mean(votes, mean, prior_votes,
										 prior_mean));
}

/* The items of an array without nulls, in one dimension or none. */
static void *
esteem_array(ArrayType *array, const char *name, const char *function,
			 int *count)
{
	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("%s of %s() must have one dimension, not %d", name,
						function, ARR_NDIM(array))));
	if (array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s of %s() must not hold nulls", name, function)));
	*count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	return ARR_DATA_PTR(array);
}

/* The scores of the levels: what is given, or 1, 2, 3. */
static const double *
star_scores(FunctionCallInfo fcinfo, const char *function, int levels)
{
	double	   *scores;
	int			count;
	int			i;

	if (PG_ARGISNULL(2))
	{
		scores = palloc_array(double, levels);
		for (i = 0; i < levels; i++)
			scores[i] = i + 1;
		return scores;
	}
	scores = esteem_array(PG_GETARG_ARRAYTYPE_P(2), "scores", function,
						  &count);
	if (count != levels)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("scores of %s() must be as many as counts", function),
				 errdetail("They are %d and %d.", count, levels)));
	for (i = 0; i < count; i++)
		(void) esteem_number(scores[i], "a score", function, true);
	return scores;
}

/* star_lower_bound(counts, z, scores) */
Datum
community_star_lower_bound(PG_FUNCTION_ARGS)
{
	static const char function[] = "star_lower_bound";
	const int64 *counts;
	double		z;
	int			levels;
	int			i;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	counts = esteem_array(PG_GETARG_ARRAYTYPE_P(0), "counts", function,
						  &levels);
	z = esteem_z(PG_GETARG_FLOAT8(1), function);
	if (levels < 1 || levels > SCORE_STAR_MAX_LEVELS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("counts of %s() must have between 1 and %d levels, not %d",
						function, SCORE_STAR_MAX_LEVELS, levels)));
	for (i = 0; i < levels; i++)
	{
		if (counts[i] < 0)
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("a count of %s() must not be negative, not " INT64_FORMAT,
							function, counts[i])));
	}
	PG_RETURN_FLOAT8(esteem_result(score_star_lower(counts,
													star_scores(fcinfo,
																function,
																levels),
													levels, z), function));
}

/* elo_expected(rating, opponent) */
Datum
community_elo_expected(PG_FUNCTION_ARGS)
{
	double		rating = esteem_number(PG_GETARG_FLOAT8(0), "rating",
									   "elo_expected", true);
	double		opponent = esteem_number(PG_GETARG_FLOAT8(1), "opponent",
										 "elo_expected", true);

	PG_RETURN_FLOAT8(score_elo_expected(rating, opponent));
}

/* The score of so many games, between defeats and wins alone. */
static double
elo_score(double score, int games)
{
	if (!(score >= 0.0 && score <= games))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("score of elo() must be between 0 and %d, not %g",
						games, score),
				 errdetail("A win is 1, a draw 0.5, a defeat 0.")));
	return score;
}

/* elo(rating, opponent, score, k): one game */
Datum
community_elo(PG_FUNCTION_ARGS)
{
	double		rating = esteem_number(PG_GETARG_FLOAT8(0), "rating", "elo",
									   true);
	double		opponent = esteem_number(PG_GETARG_FLOAT8(1), "opponent",
										 "elo", true);
	double		score = elo_score(PG_GETARG_FLOAT8(2), 1);
	double		k = esteem_number(PG_GETARG_FLOAT8(3), "k", "elo", false);

	PG_RETURN_FLOAT8(esteem_result(rating + k *
								   (score - score_elo_expected(rating,
															   opponent)),
								   "elo"));
}

/* elo(rating, opponents, score, k): a game against each of several */
Datum
community_elo_several(PG_FUNCTION_ARGS)
{
	double		rating = esteem_number(PG_GETARG_FLOAT8(0), "rating", "elo",
									   true);
	double		k = esteem_number(PG_GETARG_FLOAT8(3), "k", "elo", false);
	double	   *opponents;
	double		score;
	double		expected = 0.0;
	int			games;
	int			i;

	opponents = esteem_array(PG_GETARG_ARRAYTYPE_P(1), "opponents", "elo",
							 &games);
	score = elo_score(PG_GETARG_FLOAT8(2), games);
	for (i = 0; i < games; i++)
	{
		CHECK_FOR_INTERRUPTS();
		(void) esteem_number(opponents[i], "an opponent", "elo", true);
		expected += score_elo_expected(rating, opponents[i]);
	}
	PG_RETURN_FLOAT8(esteem_result(rating + k * (score - expected), "elo"));
}
