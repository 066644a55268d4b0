/*-------------------------------------------------------------------------
 *
 * glicko.c
 *	  Glicko-2: function glicko2 and aggregate glicko2_period.
 *
 * A rating period comes to two sums for each player, so the aggregate needs
 * the player itself, two sums and two numbers, however many games there are.
 * Its state is an array of float8, changed in place.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"

#include "core/compat.h"
#include "score/esteem_algo.h"

#define GLICKO2_TAU_DEFAULT		0.5
#define GLICKO2_TAU_MIN			0.001
#define GLICKO2_TAU_MAX			100.0

/* State of the aggregate, as the items of an array */
typedef struct GlickoState
{
	ScoreGlicko2 player;
	double		tau;
	ScoreGlicko2Games games;
} GlickoState;

#define GLICKO_STATE_ITEMS		6

StaticAssertDecl(sizeof(GlickoState) == GLICKO_STATE_ITEMS * sizeof(double),
				 "GlickoState must be an array of float8");

PG_FUNCTION_INFO_V1(community_glicko2);
PG_FUNCTION_INFO_V1(community_glicko2_accum);
PG_FUNCTION_INFO_V1(community_glicko2_combine);
PG_FUNCTION_INFO_V1(community_glicko2_final);

/* A number that must be finite and at least, or more than, zero. */
static double
glicko_number(double value, const char *name, bool zero)
{
	if (isnan(value) || isinf(value) || (zero ? value < 0.0 : value <= 0.0))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 zero ?
				 errmsg("%s of glicko2 must be finite and not negative, not %g",
						name, value) :
				 errmsg("%s of glicko2 must be positive and finite, not %g",
						name, value)));
	return value;
}

static double
glicko_rating(double value, const char *name)
{
	if (isnan(value) || isinf(value))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("%s of glicko2 must be finite, not %g", name, value)));
	return value;
}

static double
glicko_tau(double tau)
{
	if (!(tau >= GLICKO2_TAU_MIN && tau <= GLICKO2_TAU_MAX))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("tau of glicko2 must be between %g and %g, not %g",
						GLICKO2_TAU_MIN, GLICKO2_TAU_MAX, tau)));
	return tau;
}

/* The player from the arguments, which begin at argno. */
static ScoreGlicko2
glicko_player(FunctionCallInfo fcinfo, int argno)
{
	ScoreGlicko2 player;

	player.rating = glicko_rating(PG_GETARG_FLOAT8(argno), "rating");
	player.deviation = glicko_number(PG_GETARG_FLOAT8(argno + 1),
									 "deviation", false);
	player.volatility = glicko_number(PG_GETARG_FLOAT8(argno + 2),
									  "volatility", false);
	return player;
}

static void
glicko_game(ScoreGlicko2Games *games, const ScoreGlicko2 *player,
			double rating, double deviation, double score)
{
	if (!(score >= 0.0 && score <= 1.0))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("score of glicko2 must be between 0 and 1, not %g",
						score),
				 errdetail("A win is 1, a draw 0.5, a defeat 0.")));
	score_glicko2_game(games, player,
					   glicko_rating(rating, "rating of an opponent"),
					   glicko_number(deviation, "deviation of an opponent",
									 true),
					   score);
}

/* The player after the games, as a row of type glicko2_rating. */
static Datum
glicko_result(FunctionCallInfo fcinfo, const ScoreGlicko2 *player,
			  const ScoreGlicko2Games *games, double tau)
{
	ScoreGlicko2 result = score_glicko2_update(player, games, tau);
	TupleDesc	tupdesc;
	Datum		values[3];
	bool		nulls[3] = {false, false, false};

	if (isnan(result.rating) || isinf(result.rating) ||
		isnan(result.deviation) || isinf(result.deviation) ||
		isnan(result.volatility) || isinf(result.volatility))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("result of glicko2 is out of range"),
				 errdetail("The player has rating %g, deviation %g and volatility %g.",
						   player->rating, player->deviation,
						   player->volatility)));
	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "glicko2 must return glicko2_rating");
	values[0] = Float8GetDatum(result.rating);
	values[1] = Float8GetDatum(result.deviation);
	values[2] = Float8GetDatum(result.volatility);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc),
											 values, nulls));
}

/* The items of an array argument without nulls, of the expected number. */
static double *
glicko_array(FunctionCallInfo fcinfo, int argno, const char *name, int *count)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(argno);
	int			items = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("%s of glicko2 must have one dimension, not %d", name,
						ARR_NDIM(array))));
	if (array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s of glicko2 must not hold nulls", name)));
	if (*count >= 0 && items != *count)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("%s of glicko2 must be as many as opponent_ratings",
						name),
				 errdetail("They are %d and %d.", items, *count)));
	*count = items;
	return (double *) ARR_DATA_PTR(array);
}

/*
 * glicko2(rating, deviation, volatility, opponent_ratings,
 * opponent_deviations, scores, tau)
 */
Datum
community_glicko2(PG_FUNCTION_ARGS)
{
	ScoreGlicko2 player = glicko_player(fcinfo, 0);
	double		tau = glicko_tau(PG_GETARG_FLOAT8(6));
	ScoreGlicko2Games games = {0.0, 0.0};
	int			count = -1;
	double	   *ratings = glicko_array(fcinfo, 3, "opponent_ratings", &count);
	double	   *deviations = glicko_array(fcinfo, 4, "opponent_deviations",
										  &count);
	double	   *scores = glicko_array(fcinfo, 5, "scores", &count);
	int			i;

	for (i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		glicko_game(&games, &player, ratings[i], deviations[i], scores[i]);
	}
	return glicko_result(fcinfo, &player, &games, tau);
}

static void
glicko_require_aggregate(FunctionCallInfo fcinfo)
{
	if (!AggCheckCallContext(fcinfo, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("support function of glicko2_period called outside of an aggregate")));
}

/* The state in an array, which somebody may have made up. */
static GlickoState *
glicko_state(ArrayType *array)
{
	GlickoState *state = (GlickoState *) ARR_DATA_PTR(array);

	if (ARR_NDIM(array) != 1 || ARR_DIMS(array)[0] != GLICKO_STATE_ITEMS ||
		ARR_HASNULL(array) || ARR_ELEMTYPE(array) != FLOAT8OID ||
		!(state->player.deviation > 0.0) ||
		!(state->player.volatility > 0.0) ||
		!(state->tau >= GLICKO2_TAU_MIN && state->tau <= GLICKO2_TAU_MAX))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("invalid state of glicko2_period")));
	return state;
}

static ArrayType *
glicko_new_state(const ScoreGlicko2 *player, double tau)
{
	Datum		items[GLICKO_STATE_ITEMS];

	items[0] = Float8GetDatum(player->rating);
	items[1] = Float8GetDatum(player->deviation);
	items[2] = Float8GetDatum(player->volatility);
	items[3] = Float8GetDatum(tau);
	items[4] = Float8GetDatum(0.0);
	items[5] = Float8GetDatum(0.0);
	return construct_array(items, GLICKO_STATE_ITEMS, FLOAT8OID,
						   sizeof(double), FLOAT8PASSBYVAL,
						   TYPALIGN_DOUBLE);
}

/* All rows of a group are games of one player. */
static void
glicko_same_player(const GlickoState *state, const ScoreGlicko2 *player,
				   double tau)
{
	if (state->player.rating == player->rating &&
		state->player.deviation == player->deviation &&
		state->player.volatility == player->volatility &&
		state->tau == tau)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("player and tau of glicko2_period must not vary within a group"),
			 errdetail("Rating, deviation, volatility and tau were %g, %g, %g, %g and are now %g, %g, %g, %g.",
					   state->player.rating, state->player.deviation,
					   state->player.volatility, state->tau, player->rating,
					   player->deviation, player->volatility, tau),
			 errhint("All rows of a group are games of one player.")));
}

/*
 * Take one game: rating, deviation, volatility of the player, rating and
 * deviation of the opponent, score, and perhaps tau.  A row without an
 * opponent is no game, but a player.
 */
Datum
community_glicko2_accum(PG_FUNCTION_ARGS)
{
	ScoreGlicko2 player;
	ArrayType  *array;
	GlickoState *state;
	double		tau = GLICKO2_TAU_DEFAULT;
	int			i;

	glicko_require_aggregate(fcinfo);
	for (i = 1; i <= 3; i++)
	{
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("rating, deviation and volatility of glicko2_period must not be null")));
	}
	player = glicko_player(fcinfo, 1);
	if (PG_NARGS() > 7)
	{
		if (PG_ARGISNULL(7))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("tau of glicko2_period must not be null")));
		tau = glicko_tau(PG_GETARG_FLOAT8(7));
	}

	if (PG_ARGISNULL(0))
		array = glicko_new_state(&player, tau);
	else
		array = PG_GETARG_ARRAYTYPE_P(0);
	state = glicko_state(array);
	glicko_same_player(state, &player, tau);
	if (PG_ARGISNULL(4) && PG_ARGISNULL(5) && PG_ARGISNULL(6))
		PG_RETURN_ARRAYTYPE_P(array);
	if (PG_ARGISNULL(4) || PG_ARGISNULL(5) || PG_ARGISNULL(6))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("opponent and score of glicko2_period must all be null or none")));
	glicko_game(&state->games, &player, PG_GETARG_FLOAT8(4),
				PG_GETARG_FLOAT8(5), PG_GETARG_FLOAT8(6));
	PG_RETURN_ARRAYTYPE_P(array);
}

/* Add the games of the second state to those of the first. */
Datum
community_glicko2_combine(PG_FUNCTION_ARGS)
{
	ArrayType  *array;
	GlickoState *a;
	GlickoState *b;

	glicko_require_aggregate(fcinfo);
	array = PG_GETARG_ARRAYTYPE_P(0);
	a = glicko_state(array);
	b = glicko_state(PG_GETARG_ARRAYTYPE_P(1));
	glicko_same_player(a, &b->player, b->tau);
	a->games.information += b->games.information;
	a->games.surprise += b->games.surprise;
	PG_RETURN_ARRAYTYPE_P(array);
}

Datum
community_glicko2_final(PG_FUNCTION_ARGS)
{
	GlickoState *state;

	glicko_require_aggregate(fcinfo);
	state = glicko_state(PG_GETARG_ARRAYTYPE_P(0));
	return glicko_result(fcinfo, &state->player, &state->games, state->tau);
}
