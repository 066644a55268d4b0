/*-------------------------------------------------------------------------
 *
 * ltv_store.c
 *	  Fits of models of lifetime value that are kept.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/rangetypes.h"
#include "utils/timestamp.h"

#include "core/core.h"
#include "score/ltv.h"

PG_FUNCTION_INFO_V1(community_keep_ltv_fit);
PG_FUNCTION_INFO_V1(community_newest_ltv_fit);

/* The numbers of a model, in its order, as an array. */
static Datum
score_ltv_estimates(const ScoreLtvParameters *parameters)
{
	Datum		items[SCORE_LTV_PARAMETERS];
	int			count = score_ltv_parameter_count(parameters->model);
	int			i;

	for (i = 0; i < count; i++)
		items[i] = Float8GetDatum(parameters->p[i]);
	return PointerGetDatum(construct_array(items, count, FLOAT8OID,
										   sizeof(double), FLOAT8PASSBYVAL,
										   TYPALIGN_DOUBLE));
}

/* A field of the fit that must be there. */
static Datum
score_ltv_fit_field(HeapTupleHeader fit, const char *name)
{
	bool		isnull;
	Datum		value = GetAttributeByName(fit, name, &isnull);

	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s of the fit must not be null", name),
				 errdetail("A fit with too little data has no parameters, and is not kept.")));
	return value;
}

/* keep_ltv_fit(fit, data_during, fitted_at, program) */
Datum
community_keep_ltv_fit(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {
		"fit", "data_during", "fitted_at", "program"
	};
	static CorePlan plan = {
		.sql = "INSERT INTO community.ltv_fit (program_id, fit_id, model, estimates,"
		" log_likelihood, iterations, customers, distinct_rows, status, ratio,"
		" data_during, fitted_at, version)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
		.nargs = 13,
		.argtypes = {INT8OID, INT8OID, TEXTOID, FLOAT8ARRAYOID, FLOAT8OID,
			INT4OID, INT8OID, INT8OID, TEXTOID, FLOAT8OID, TSTZRANGEOID,
		TIMESTAMPTZOID, TEXTOID}
	};
	ScoreLtvParameters parameters;
	HeapTupleHeader fit;
	Datum		values[13];
	char		nulls[13];
	bool		isnull;
	CoreScope	scope;
	int64		program;
	int64		id;

	core_refuse_nulls(fcinfo, "keep_ltv_fit", names, 1 << 1);
	if (TIMESTAMP_NOT_FINITE(PG_GETARG_TIMESTAMPTZ(2)))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("fitted_at of keep_ltv_fit() must be finite")));
	fit = PG_GETARG_HEAPTUPLEHEADER(0);
	program = PG_GETARG_INT64(3);
	memset(nulls, ' ', sizeof(nulls));
	values[3] = score_ltv_fit_field(fit, "parameters");
	score_ltv_read_parameters(&parameters, DatumGetHeapTupleHeader(values[3]));
	values[0] = Int64GetDatum(program);
	values[2] = CStringGetTextDatum(score_ltv_model_name(parameters.model));
	values[3] = score_ltv_estimates(&parameters);
	values[4] = score_ltv_fit_field(fit, "log_likelihood");
	values[5] = score_ltv_fit_field(fit, "iterations");
	values[6] = score_ltv_fit_field(fit, "customers");
	values[7] = score_ltv_fit_field(fit, "distinct_rows");
	values[8] = score_ltv_fit_field(fit, "status");
	values[9] = GetAttributeByName(fit, "ratio", &isnull);
	nulls[9] = isnull ? 'n' : ' ';
	values[10] = PG_ARGISNULL(1) ? (Datum) 0 : PG_GETARG_DATUM(1);
	nulls[10] = PG_ARGISNULL(1) ? 'n' : ' ';
	values[11] = PG_GETARG_DATUM(2);
	values[12] = CStringGetTextDatum(COMMUNITY_VERSION);

	core_enter(&scope);
	(void) core_program_name(program);
	id = core_next_id();
	values[1] = Int64GetDatum(id);
	core_run(&plan, values, nulls, false);
	core_leave(&scope);
	PG_RETURN_INT64(id);
}

/* newest_ltv_fit(model, as_of, program): its parameters */
Datum
community_newest_ltv_fit(PG_FUNCTION_ARGS)
{
	static CorePlan plan = {
		.sql = "SELECT f.estimates FROM community.ltv_fit AS f"
		" WHERE f.program_id = $1 AND f.model = $2 AND f.fitted_at <= $3"
		" ORDER BY f.fitted_at DESC, f.fit_id DESC LIMIT 1",
		.nargs = 3,
		.argtypes = {INT8OID, TEXTOID, TIMESTAMPTZOID}
	};
	ScoreLtvParameters parameters;
	TupleDesc	tupdesc;
	Datum		values[3];
	CoreScope	scope;
	ArrayType  *estimates;
	bool		isnull;
	bool		found;

	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "newest_ltv_fit() must return ltv_parameters");
	parameters.model = score_ltv_model_named(PG_GETARG_TEXT_PP(0));
	values[0] = PG_GETARG_DATUM(2);
	values[1] = PG_GETARG_DATUM(0);
	values[2] = PG_GETARG_DATUM(1);
	core_enter(&scope);
	(void) core_program_name(PG_GETARG_INT64(2));
	core_run(&plan, values, NULL, true);
	found = SPI_processed > 0;
	if (found)
	{
		estimates = DatumGetArrayTypeP(core_field(0, 1, &isnull));
		memcpy(parameters.p, ARR_DATA_PTR(estimates), sizeof(double) *
			   score_ltv_parameter_count(parameters.model));
	}
	core_leave(&scope);
	if (!found)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(score_ltv_form_parameters(BlessTupleDesc(tupdesc),
											  &parameters));
}
