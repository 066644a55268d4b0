/*-------------------------------------------------------------------------
 *
 * explain.c
 *	  explain_score(): what a score is made of, what has changed, and what
 *	  would raise it.
 *
 * The contributions are the very ones that were added up, so they sum to the
 * score.  What is missing is worked out backwards through rounding: with that
 * much more, and nothing else changed, the line is reached.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "score/model.h"

PG_FUNCTION_INFO_V1(community_explain_score);

enum
{
	EXPLAIN_COMPONENT, EXPLAIN_KIND, EXPLAIN_RAW, EXPLAIN_NORMALISED,
	EXPLAIN_WEIGHT, EXPLAIN_CONTRIBUTION, EXPLAIN_CHANGE,
	EXPLAIN_MISSING_TO_FULL, EXPLAIN_MISSING_TO_LINE, EXPLAIN_RAISES_MOST,
	EXPLAIN_MOVES_ALONE, EXPLAIN_LACKS_GIVERS, EXPLAIN_SHAPLEY,
	EXPLAIN_AS_OF, EXPLAIN_VERSION, EXPLAIN_COLUMNS
};

/* One member in one refresh. */
typedef struct Explained
{
	TimestampTz as_of;
	int64		version_id;
	int64		members;
	int64		line;			/* 0 for none */
	double	   *raw;
	int32	   *units;
	int64	   *totals;
	int64		score;
} Explained;

static void *
array_of(int row, int column, Size element, int *count)
{
	bool		isnull;
	ArrayType  *array = DatumGetArrayTypePCopy(core_field(row, column,
														  &isnull));

	*count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	return memcpy(palloc(element * (*count + 1)), ARR_DATA_PTR(array),
				  element * *count);
}

/*
 * The newest refresh up to a time in which the member has a score, or the one
 * before that; false when there is none.
 */
static bool
find_score(int64 program, int64 model_id, int64 member, TimestampTz as_of,
		   bool before, Explained *explained)
{
	static CorePlan plan = {
		.sql = "SELECT r.as_of, r.version_id, r.members, coalesce(r.line, 0),"
		" s.raw, s.units, r.totals, s.score"
		" FROM community.score_refresh AS r"
		" LEFT JOIN community.member_score AS s ON s.program_id = $1"
		"  AND s.refresh_id = r.refresh_id AND s.member_id = $3"
		" WHERE r.program_id = $1 AND r.model_id = $2 AND r.status = 'done'"
		" AND r.superseded_at IS NULL"
		" AND CASE WHEN $5 THEN r.as_of < $4 ELSE r.as_of <= $4 END"
		" ORDER BY r.as_of DESC LIMIT 1",
		.nargs = 5,
		.argtypes = {INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID, BOOLOID}
	};
	MemoryContext context = CurrentMemoryContext;
	Datum		values[5];
	bool		isnull;
	int			count;

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(model_id);
	values[2] = Int64GetDatum(member);
	values[3] = TimestampTzGetDatum(as_of);
	values[4] = BoolGetDatum(before);
	core_run(&plan, values, NULL, true);
	MemoryContextSwitchTo(context);
	if (SPI_processed == 0)
		return false;
	(void) core_field(0, 8, &isnull);
	if (isnull)
		return false;
	explained->as_of = DatumGetTimestampTz(core_field(0, 1, &isnull));
	explained->version_id = core_int64(0, 2);
	explained->members = core_int64(0, 3);
	explained->line = core_int64(0, 4);
	explained->raw = array_of(0, 5, sizeof(double), &count);
	explained->units = array_of(0, 6, sizeof(int32), &count);
	explained->totals = array_of(0, 7, sizeof(int64), &count);
	explained->score = core_int64(0, 8);
	return true;
}

/* What a component came to before; false when it was not there. */
static bool
contribution_before(const ScoreModel *model, const Explained *before,
					const char *code, int64 *contribution)
{
	int			k;

	for (k = 0; model != NULL && k < model->count; k++)
		if (strcmp(model->components[k].code, code) == 0)
		{
			*contribution = score_model_contribution(&model->parts[k],
													 before->units[k]);
			return true;
		}
	return false;
}

/* Where more of a raw amount leads to; null where it leads to nothing. */
static void
tell_missing(const ScorePart *part, const Explained *now, int k,
			 Datum *values, bool *nulls)
{
	int64		contribution = score_model_contribution(part, now->units[k]);
	int64		missing = now->line - now->score;
	int32		units;

	nulls[EXPLAIN_MISSING_TO_FULL] = true;
	nulls[EXPLAIN_MISSING_TO_LINE] = true;
	if (part->transform == SCORE_PERCENTILE || part->weight < 0)
		return;
	nulls[EXPLAIN_MISSING_TO_FULL] = false;
	values[EXPLAIN_MISSING_TO_FULL] =
		Float8GetDatum(score_model_missing(now->raw[k], part->cap));
	if (now->line <= 0)
		return;
	units = score_model_units_for(part, contribution + Max(missing, 0));
	if (units > SCORE_MODEL_ONE)
		return;
	nulls[EXPLAIN_MISSING_TO_LINE] = false;
	values[EXPLAIN_MISSING_TO_LINE] =
		Float8GetDatum(missing <= 0 ? 0 :
					   score_model_missing(now->raw[k],
										   score_model_raw_for(part, units)));
}

static void
tell_component(const ScoreModel *model, const Explained *now, int k,
			   const ScoreModel *model_before, const Explained *before,
			   Datum *values, bool *nulls)
{
	const ScoreComponent *component = &model->components[k];
	const ScorePart *part = &model->parts[k];
	int64		contribution = score_model_contribution(part, now->units[k]);
	int64		earlier = 0;
	Datum		members = NumericGetDatum(int64_to_numeric(now->members));
	Datum		mean;

	values[EXPLAIN_COMPONENT] = CStringGetTextDatum(component->code);
	values[EXPLAIN_KIND] = CStringGetTextDatum(component->kind);
	values[EXPLAIN_RAW] = Float8GetDatum(now->raw[k]);
	values[EXPLAIN_NORMALISED] = score_model_numeric(now->units[k]);
	values[EXPLAIN_WEIGHT] = score_model_numeric(part->weight);
	values[EXPLAIN_CONTRIBUTION] = score_model_numeric(contribution);
	(void) contribution_before(model_before, before, component->code,
							   &earlier);
	nulls[EXPLAIN_CHANGE] = model_before == NULL;
	if (model_before != NULL)
		values[EXPLAIN_CHANGE] = score_model_numeric(contribution - earlier);
	tell_missing(part, now, k, values, nulls);
	values[EXPLAIN_RAISES_MOST] =
		BoolGetDatum(score_model_raiser(model->parts, now->units,
										model->count) == k);
	values[EXPLAIN_MOVES_ALONE] = BoolGetDatum(component->moves_alone);
	values[EXPLAIN_LACKS_GIVERS] =
		BoolGetDatum(component->minimum_givers > 0 && now->units[k] == 0 &&
					 now->raw[k] > 0);
	mean = DirectFunctionCall2(numeric_div,
							   score_model_numeric(now->totals[k]), members);
	values[EXPLAIN_SHAPLEY] =
		DirectFunctionCall2(numeric_round,
							DirectFunctionCall2(numeric_sub,
												values[EXPLAIN_CONTRIBUTION],
												mean), Int32GetDatum(6));
	values[EXPLAIN_AS_OF] = TimestampTzGetDatum(now->as_of);
	values[EXPLAIN_VERSION] = Int32GetDatum(model->version);
}

/* explain_score(member, model, as_of, program) -> set of components */
Datum
community_explain_score(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "model", "as_of",
	"program"};
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Explained	now = {0};
	Explained	before = {0};
	ScoreModel *model;
	ScoreModel *model_before = NULL;
	CoreScope	scope;
	int64		member;
	int64		program;
	int64		model_id;
	bool		closed;
	int			k;

	core_refuse_nulls(fcinfo, "explain_score", names, 0);
	member = PG_GETARG_INT64(0);
	program = PG_GETARG_INT64(3);
	(void) core_begin_rows(fcinfo, NULL);
	core_enter(&scope);
	model_id = score_model_find(program, PG_GETARG_DATUM(1));
	if (!core_member_is_known(program, member, &closed))
		core_refuse_member(program, member, false);
	if (find_score(program, model_id, member, PG_GETARG_TIMESTAMPTZ(2), false,
				   &now))
	{
		model = score_model_load_version(program, now.version_id);
		if (find_score(program, model_id, member, now.as_of, true, &before))
			model_before = score_model_load_version(program,
													before.version_id);
		for (k = 0; k < model->count; k++)
		{
			Datum		values[EXPLAIN_COLUMNS];
			bool		nulls[EXPLAIN_COLUMNS] = {false};

			tell_component(model, &now, k, model_before, &before, values,
						   nulls);
			tuplestore_putvalues(result->setResult, result->setDesc, values,
								 nulls);
		}
	}
	core_leave(&scope);
	return (Datum) 0;
}
