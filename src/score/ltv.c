/*-------------------------------------------------------------------------
 *
 * ltv.c
 *	  Models of lifetime value: their parameters, and what they predict.
 *
 * Everything here is a pure function of its arguments.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/typcache.h"

#include "core/core.h"
#include "score/ltv.h"

#define SCORE_LTV_MAX_PERIODS	100000
#define SCORE_LTV_MAX_COUNT		100000000

/* A model, and where its parameters are in ltv_parameters */
typedef struct ScoreLtvShape
{
	const char *name;
	int			count;
	int			fields[SCORE_LTV_PARAMETERS];
} ScoreLtvShape;

static const char *const score_ltv_field_names[SCORE_LTV_FIELDS] = {
	"model", "r", "alpha", "a", "b", "s", "beta", "p", "q", "gamma"
};
static const ScoreLtvShape score_ltv_shapes[SCORE_LTV_MODELS] = {
	{"bg_nbd", 4, {1, 2, 3, 4}},
	{"mbg_nbd", 4, {1, 2, 3, 4}},
	{"pareto_nbd", 4, {1, 2, 5, 6}},
	{"gamma_gamma", 3, {7, 8, 9}}
};

PG_FUNCTION_INFO_V1(community_ltv_parameters);
PG_FUNCTION_INFO_V1(community_p_alive);
PG_FUNCTION_INFO_V1(community_expected_purchases);
PG_FUNCTION_INFO_V1(community_expected_purchases_new);
PG_FUNCTION_INFO_V1(community_expected_spend);
PG_FUNCTION_INFO_V1(community_lifetime_value);
PG_FUNCTION_INFO_V1(community_discounted_purchases);
PG_FUNCTION_INFO_V1(community_purchase_probability);

void
score_ltv_check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

const char *
score_ltv_model_name(ScoreLtvModel model)
{
	return score_ltv_shapes[model].name;
}

ScoreLtvModel
score_ltv_model_named(text *name)
{
	int			i;

	for (i = 0; i < SCORE_LTV_MODELS; i++)
	{
		if (core_text_is(name, score_ltv_shapes[i].name))
			return (ScoreLtvModel) i;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("there is no model of lifetime value \"%s\"",
					text_to_cstring(name)),
			 errhint("The models are bg_nbd, mbg_nbd, pareto_nbd and gamma_gamma.")));
	return SCORE_LTV_MODELS;
}

/* Every parameter of every model is positive. */
static void
score_ltv_check_parameter(const ScoreLtvShape *shape, int i, double value)
{
	if (!(value > 0.0) || isinf(value))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("parameter %s of model %s must be positive and finite, not %g",
						score_ltv_field_names[shape->fields[i]], shape->name,
						value)));
}

void
score_ltv_read_parameters(ScoreLtvParameters *result, HeapTupleHeader row)
{
	TupleDesc	tupdesc;
	HeapTupleData tuple;
	Datum		values[SCORE_LTV_FIELDS];
	bool		nulls[SCORE_LTV_FIELDS];
	const ScoreLtvShape *shape;
	int			i;

	tupdesc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(row),
									 HeapTupleHeaderGetTypMod(row));
	if (tupdesc->natts != SCORE_LTV_FIELDS)
		elog(ERROR, "ltv_parameters must have %d fields, not %d",
			 SCORE_LTV_FIELDS, tupdesc->natts);
	tuple.t_len = HeapTupleHeaderGetDatumLength(row);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = row;
	heap_deform_tuple(&tuple, tupdesc, values, nulls);
	ReleaseTupleDesc(tupdesc);

	if (nulls[0])
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("parameters name no model")));
	result->model = score_ltv_model_named(DatumGetTextPP(values[0]));
	shape = &score_ltv_shapes[result->model];
	for (i = 0; i < shape->count; i++)
	{
		if (nulls[shape->fields[i]])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("parameter %s of model %s must not be null",
							score_ltv_field_names[shape->fields[i]],
							shape->name)));
		result->p[i] = DatumGetFloat8(values[shape->fields[i]]);
		score_ltv_check_parameter(shape, i, result->p[i]);
	}
}

/* A value of ltv_parameters, whose tuple descriptor is blessed. */
Datum
score_ltv_form_parameters(TupleDesc tupdesc,
						  const ScoreLtvParameters *parameters)
{
	const ScoreLtvShape *shape = &score_ltv_shapes[parameters->model];
	Datum		values[SCORE_LTV_FIELDS] = {0};
	bool		nulls[SCORE_LTV_FIELDS];
	int			i;

	memset(nulls, true, sizeof(nulls));
	values[0] = CStringGetTextDatum(shape->name);
	nulls[0] = false;
	for (i = 0; i < shape->count; i++)
	{
		values[shape->fields[i]] = Float8GetDatum(parameters->p[i]);
		nulls[shape->fields[i]] = false;
	}
	return HeapTupleGetDatum(heap_form_tuple(tupdesc, values, nulls));
}

/* ltv_parameters(model, estimates) */
Datum
community_ltv_parameters(PG_FUNCTION_ARGS)
{
	ScoreLtvParameters parameters;
	const ScoreLtvShape *shape;
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(1);
	TupleDesc	tupdesc;
	double	   *items;
	int			count;
	int			i;

	parameters.model = score_ltv_model_named(PG_GETARG_TEXT_PP(0));
	shape = &score_ltv_shapes[parameters.model];
	count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	if (ARR_NDIM(array) != 1 || count != shape->count ||
		array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("model %s has %d parameters, none of them null, but %d are given",
						shape->name, shape->count, count),
				 errdetail("They are %s, %s, %s%s%s, in this order.",
						   score_ltv_field_names[shape->fields[0]],
						   score_ltv_field_names[shape->fields[1]],
						   score_ltv_field_names[shape->fields[2]],
						   shape->count > 3 ? ", " : "",
						   shape->count > 3 ?
						   score_ltv_field_names[shape->fields[3]] : "")));
	items = (double *) ARR_DATA_PTR(array);
	for (i = 0; i < count; i++)
	{
		parameters.p[i] = items[i];
		score_ltv_check_parameter(shape, i, items[i]);
	}
	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE ||
		tupdesc->natts != SCORE_LTV_FIELDS)
		elog(ERROR, "ltv_parameters() must return ltv_parameters");
	PG_RETURN_DATUM(score_ltv_form_parameters(BlessTupleDesc(tupdesc),
											  &parameters));
}

/* Read parameters of a model of purchases, or of spend. */
static void
score_ltv_argument(ScoreLtvParameters *result, FunctionCallInfo fcinfo,
				   int argno, bool spend)
{
	score_ltv_read_parameters(result, PG_GETARG_HEAPTUPLEHEADER(argno));
	if ((result->model == SCORE_LTV_GAMMA) != spend)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("model %s is not one of %s",
						score_ltv_model_name(result->model),
						spend ? "spend" : "purchases"),
				 spend ?
				 errhint("Use the parameters of fit_gamma_gamma().") :
				 errhint("Use the parameters of fit_mbg_nbd(), fit_bg_nbd() or fit_pareto_nbd().")));
}

static void
score_ltv_check_time(const char *name, double value)
{
	if (!(value >= 0.0) || isinf(value))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("%s must be finite and not negative, not %g", name,
						value)));
}

/* Is it a history that can be? */
static void
score_ltv_check_history(int64 x, double t_x, double t)
{
	if (x < 0)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("number of repeat purchases must not be negative, but x is " INT64_FORMAT,
						x)));
	score_ltv_check_time("t_x", t_x);
	score_ltv_check_time("t", t);
	if (t_x > t)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("last purchase at t_x = %g is after the end of observation, t = %g",
						t_x, t)));
	if (x > 0 && t_x == 0.0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("x = " INT64_FORMAT " repeat purchases need a last one after the first, but t_x is 0",
						x),
				 errhint("Purchases at one time are one purchase.")));
	if (x == 0 && t_x > 0.0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("last repeat purchase at t_x = %g, but x is 0", t_x)));
}

/* p_alive(parameters, x, t_x, t) */
Datum
community_p_alive(PG_FUNCTION_ARGS)
{
	ScoreLtvParameters parameters;
	int64		x = PG_GETARG_INT64(1);
	double		t_x = PG_GETARG_FLOAT8(2);
	double		t = PG_GETARG_FLOAT8(3);

	score_ltv_argument(&parameters, fcinfo, 0, false);
	score_ltv_check_history(x, t_x, t);
	PG_RETURN_FLOAT8(score_ltv_p_alive(parameters.model, parameters.p, x, t_x,
									   t));
}

/* Expected purchases, of checked arguments. */
static double
score_ltv_expect(const ScoreLtvParameters *parameters, int64 x, double t_x,
				 double t, double horizon)
{
	double		result;

	if (!score_ltv_purchases(&result, parameters->model, parameters->p, x,
							 t_x, t, horizon, score_ltv_check_interrupts))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("expected purchases within %g are too many to compute",
						horizon),
				 errdetail("A customer with x = " INT64_FORMAT " and t = %g who does not leave would make about %g.",
						   x, t, (parameters->p[0] + x) * horizon /
						   (parameters->p[1] + t))));
	return result;
}

/* expected_purchases(parameters, x, t_x, t, horizon) */
Datum
community_expected_purchases(PG_FUNCTION_ARGS)
{
	ScoreLtvParameters parameters;
	int64		x = PG_GETARG_INT64(1);
	double		t_x = PG_GETARG_FLOAT8(2);
	double		t = PG_GETARG_FLOAT8(3);
	double		horizon = PG_GETARG_FLOAT8(4);

	score_ltv_argument(&parameters, fcinfo, 0, false);
	score_ltv_check_history(x, t_x, t);
	score_ltv_check_time("horizon", horizon);
	PG_RETURN_FLOAT8(score_ltv_expect(&parameters, x, t_x, t, horizon));
}

/* expected_purchases(parameters, horizon): of a new customer */
Datum
community_expected_purchases_new(PG_FUNCTION_ARGS)
{
	ScoreLtvParameters parameters;
	double		horizon = PG_GETARG_FLOAT8(1);

	score_ltv_argument(&parameters, fcinfo, 0, false);
	score_ltv_check_time("horizon", horizon);
	PG_RETURN_FLOAT8(score_ltv_expect(&parameters, 0, 0.0, 0.0, horizon));
}

/*
 * The mean of repeat purchases; there is none, and none is needed, without
 * repeat purchases.
 */
static double
score_ltv_mean(FunctionCallInfo fcinfo, int argno, int64 x)
{
	double		mean;

	if (x == 0)
		return 0.0;
	if (PG_ARGISNULL(argno))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("mean of x = " INT64_FORMAT " repeat purchases must not be null",
						x)));
	mean = PG_GETARG_FLOAT8(argno);
	if (!(mean > 0.0) || isinf(mean))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("mean of x = " INT64_FORMAT " repeat purchases must be positive and finite, not %g",
						x, mean)));
	return mean;
}

static bool
score_ltv_any_null(FunctionCallInfo fcinfo, int but)
{
	int			i;

	for (i = 0; i < PG_NARGS(); i++)
	{
		if (i != but && PG_ARGISNULL(i))
			return true;
	}
	return false;
}

/* expected_spend(spend, x, mean) */
Datum
community_expected_spend(PG_FUNCTION_ARGS)
{
	ScoreLtvParameters spend;
	int64		x;

	if (score_ltv_any_null(fcinfo, 2))
		PG_RETURN_NULL();
	x = PG_GETARG_INT64(1);
	score_ltv_argument(&spend, fcinfo, 0, true);
	if (x < 0)
		score_ltv_check_history(x, 0.0, 0.0);
	PG_RETURN_FLOAT8(score_ltv_spend(spend.p, x,
									 score_ltv_mean(fcinfo, 2, x)));
}

/* The sum over periods of spend times purchases, discounted. */
static double
score_ltv_sum(const ScoreLtvParameters *parameters, int64 x, double t_x,
			  double t, double spend, int32 periods, double period,
			  double discount)
{
	double		before = 0.0;
	double		sum = 0.0;
	int32		i;

	for (i = 1; i <= periods; i++)
	{
		double		purchases = score_ltv_expect(parameters, x, t_x, t,
												 i * period);

		CHECK_FOR_INTERRUPTS();
		/* purchases cannot be taken back, but the last digit may wander */
		sum += spend * Max(purchases - before, 0.0) *
			pow(1.0 + discount, -i);
		before = purchases;
	}
	return sum;
}

/*
 * lifetime_value(parameters, spend, x, t_x, t, mean, periods, period,
 * discount)
 */
Datum
community_lifetime_value(PG_FUNCTION_ARGS)
{
	ScoreLtvParameters parameters;
	ScoreLtvParameters spend;
	int64		x;
	double		t_x;
	double		t;
	double		mean;
	int32		periods;
	double		period;
	double		discount;
	double		each;

	if (score_ltv_any_null(fcinfo, 5))
		PG_RETURN_NULL();
	x = PG_GETARG_INT64(2);
	t_x = PG_GETARG_FLOAT8(3);
	t = PG_GETARG_FLOAT8(4);
	periods = PG_GETARG_INT32(6);
	period = PG_GETARG_FLOAT8(7);
	discount = PG_GETARG_FLOAT8(8);
	score_ltv_argument(&parameters, fcinfo, 0, false);
	score_ltv_argument(&spend, fcinfo, 1, true);
	score_ltv_check_history(x, t_x, t);
	mean = score_ltv_mean(fcinfo, 5, x);
	score_ltv_check_time("period", period);
	score_ltv_check_time("discount", discount);
	if (periods < 1 || periods > SCORE_LTV_MAX_PERIODS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("periods must be between 1 and %d, not %d",
						SCORE_LTV_MAX_PERIODS, periods)));
	each = score_ltv_spend(spend.p, x, mean);
	if (isinf(each))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("expected spend of a customer with x = " INT64_FORMAT " has no finite mean",
						x),
				 errdetail("p = %g times x plus q = %g must exceed 1.",
						   spend.p[0], spend.p[1])));
	PG_RETURN_FLOAT8(score_ltv_sum(&parameters, x, t_x, t, each, periods,
								   period, discount));
}

/* discounted_purchases(parameters, x, t_x, t, rate) */
Datum
community_discounted_purchases(PG_FUNCTION_ARGS)
{
	ScoreLtvParameters parameters;
	int64		x = PG_GETARG_INT64(1);
	double		t_x = PG_GETARG_FLOAT8(2);
	double		t = PG_GETARG_FLOAT8(3);
	double		rate = PG_GETARG_FLOAT8(4);

	score_ltv_argument(&parameters, fcinfo, 0, false);
	score_ltv_check_history(x, t_x, t);
	if (parameters.model != SCORE_LTV_PARETO)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("model %s has no closed form of discounted purchases",
						score_ltv_model_name(parameters.model)),
				 errhint("Use pareto_nbd, or lifetime_value() over a number of periods.")));
	if (!(rate > 0.0) || isinf(rate))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("rate must be positive and finite, not %g", rate)));
	PG_RETURN_FLOAT8(score_ltv_discounted(parameters.p, x, t_x, t, rate));
}

/* purchase_probability(parameters, n, horizon) */
Datum
community_purchase_probability(PG_FUNCTION_ARGS)
{
	ScoreLtvParameters parameters;
	int64		n = PG_GETARG_INT64(1);
	double		horizon = PG_GETARG_FLOAT8(2);

	score_ltv_argument(&parameters, fcinfo, 0, false);
	score_ltv_check_time("horizon", horizon);
	if (parameters.model == SCORE_LTV_PARETO)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("purchase_probability() knows bg_nbd and mbg_nbd, not pareto_nbd")));
	if (n < 0 || n > SCORE_LTV_MAX_COUNT)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("number of purchases must be between 0 and %d, not " INT64_FORMAT,
						SCORE_LTV_MAX_COUNT, n)));
	PG_RETURN_FLOAT8(score_ltv_probability(parameters.model, parameters.p, n,
										   horizon,
										   score_ltv_check_interrupts));
}
