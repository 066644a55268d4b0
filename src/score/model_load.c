/*-------------------------------------------------------------------------
 *
 * model_load.c
 *	  Versions of models of composite scores, as they lie in the tables.
 *
 * Inside core_enter(); what is given lies in the present memory context.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "score/model.h"

/* The model of that code, or an error. */
int64
score_model_find(int64 program, Datum code)
{
	static CorePlan plan = {
		.sql = "SELECT model_id FROM community.score_model"
		" WHERE program_id = $1 AND code = $2",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTOID}
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = code;
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("score model \"%s\" of program \"%s\" does not exist",
						TextDatumGetCString(code),
						core_program_name(program)),
				 errhint("Models are made by community.define_score_model().")));
	return core_int64(0, 1);
}

enum
{
	PART_CODE = 1, PART_KIND, PART_MEASURE, PART_PERIOD, PART_TYPES,
	PART_AGAINST, PART_METHOD, PART_SIDE, PART_HORIZON, PART_TRANSFORM,
	PART_CAP, PART_WEIGHT, PART_GIVERS, PART_GIVER_TYPES, PART_MOVES
};

/*
 * What moves although the member does nothing: periods that pass, days of
 * membership, expectations, whatever is compared with others, and functions
 * of which nothing is known.
 */
#define MOVES \
	" c.transform = 'percentile' OR c.period <> 'lifetime'" \
	" OR c.kind IN ('engagement', 'rfm', 'lifetime_value', 'pagerank')" \
	" OR m.kind IN ('engagement', 'membership_days', 'function')"

static Datum
array_field(int row, int column)
{
	bool		isnull;
	Datum		value = core_field(row, column, &isnull);

	return isnull ? (Datum) 0 : SPI_datumTransfer(value, false, -1);
}

static void
read_component(ScoreModel *model, int row, MemoryContext context)
{
	ScoreComponent *component = &model->components[row];
	ScorePart  *part = &model->parts[row];
	MemoryContext old = MemoryContextSwitchTo(context);
	char	   *transform;
	bool		isnull;
	Datum		value;

	component->code = core_text(row, PART_CODE);
	component->kind = core_text(row, PART_KIND);
	component->measure = core_text(row, PART_MEASURE);
	component->period =
		*DatumGetPeriodP(core_field(row, PART_PERIOD, &isnull));
	component->method = core_text(row, PART_METHOD);
	component->side = core_text(row, PART_SIDE);
	value = core_field(row, PART_HORIZON, &isnull);
	component->horizon = isnull ? 0 : DatumGetInt32(value);
	component->minimum_givers = (int32) core_int64(row, PART_GIVERS);
	component->moves_alone = core_bool(row, PART_MOVES);
	transform = core_text(row, PART_TRANSFORM);
	MemoryContextSwitchTo(old);
	component->types = array_field(row, PART_TYPES);
	component->against = array_field(row, PART_AGAINST);
	component->giver_types = array_field(row, PART_GIVER_TYPES);

	part->transform = strcmp(transform, "log") == 0 ? SCORE_LOG :
		strcmp(transform, "linear") == 0 ? SCORE_LINEAR : SCORE_PERCENTILE;
	value = core_field(row, PART_CAP, &isnull);
	part->cap = isnull ? 0 : DatumGetFloat8(value);
	part->weight = core_int64(row, PART_WEIGHT);
}

/* Is it engagement alone that moves with time, and known how? */
static void
find_decaying(ScoreModel *model)
{
	int			moving = 0;
	int			k;

	model->decaying = -1;
	for (k = 0; k < model->count; k++)
	{
		if (!model->components[k].moves_alone)
			continue;
		moving++;
		if (strcmp(model->components[k].kind, "engagement") == 0 &&
			model->parts[k].transform != SCORE_PERCENTILE)
			model->decaying = k;
	}
	if (moving != 1)
		model->decaying = -1;
}

static void
read_components(ScoreModel *model, MemoryContext context)
{
	static CorePlan plan = {
		.sql = "SELECT c.code, c.kind, m.name, c.period::community.period, c.types, c.against,"
		" c.method, c.side, c.horizon, c.transform, c.cap,"
		" (c.weight * 1000000)::bigint, c.minimum_givers, c.giver_types,"
		MOVES
		" FROM community.score_component AS c"
		" LEFT JOIN community.measure AS m ON m.program_id = c.program_id"
		"  AND m.measure_id = c.measure_id"
		" WHERE c.program_id = $1 AND c.version_id = $2"
		" ORDER BY c.position",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[2];
	int			i;

	values[0] = Int64GetDatum(model->program);
	values[1] = Int64GetDatum(model->version_id);
	core_run(&plan, values, NULL, false);
	model->count = (int) SPI_processed;
	if (model->count == 0 || model->count > SCORE_MODEL_COMPONENTS)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("version %d of score model \"%s\" has %d components",
						model->version, model->code, model->count),
				 errdetail("It must have 1 to %d.", SCORE_MODEL_COMPONENTS)));
	for (i = 0; i < model->count; i++)
		read_component(model, i, context);
	find_decaying(model);
}

#define FIND_VERSION \
	"SELECT v.version_id, v.version::bigint, m.model_id, m.code," \
	" coalesce((v.line * 1000000)::bigint, 0), v.top_share::text," \
	" (v.keep * 10000)::bigint, v.dwell, v.every::community.period, p.time_zone," \
	" (extract(epoch FROM p.half_life) * 1000000)::bigint" \
	" FROM community.score_model_version AS v" \
	" JOIN community.score_model AS m ON m.program_id = v.program_id" \
	"  AND m.model_id = v.model_id" \
	" JOIN community.program AS p ON p.program_id = v.program_id"

static ScoreModel *
read_version(int64 program, MemoryContext context)
{
	ScoreModel *model = MemoryContextAllocZero(context, sizeof(ScoreModel));
	MemoryContext old = MemoryContextSwitchTo(context);
	bool		isnull;
	Datum		value;

	model->program = program;
	model->version_id = core_int64(0, 1);
	model->version = (int32) core_int64(0, 2);
	model->model_id = core_int64(0, 3);
	model->code = core_text(0, 4);
	model->line = core_int64(0, 5);
	model->top_share = core_text(0, 6);
	model->keep = (int32) core_int64(0, 7);
	model->dwell = *DatumGetIntervalP(core_field(0, 8, &isnull));
	value = core_field(0, 9, &isnull);
	model->has_every = !isnull;
	if (!isnull)
		model->every = *DatumGetPeriodP(value);
	model->zone = period_zone(core_text(0, 10));
	model->half_life = core_int64(0, 11);
	MemoryContextSwitchTo(old);
	read_components(model, context);
	return model;
}

/* The version in force at a time. */
ScoreModel *
score_model_load(int64 program, int64 model_id, TimestampTz as_of)
{
	static CorePlan plan = {
		.sql = FIND_VERSION " WHERE v.program_id = $1 AND v.model_id = $2"
		" AND v.valid @> $3",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID}
	};
	MemoryContext context = CurrentMemoryContext;
	Datum		values[3];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(model_id);
	values[2] = TimestampTzGetDatum(as_of);
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("score model \"%s\" has no version in force as of %s",
						score_refresh_code(program, model_id),
						timestamptz_to_str(as_of)),
				 errhint("Define one with community.define_score_model().")));
	if (SPI_processed > 1)
		elog(ERROR, "versions of score model %lld overlap",
			 (long long) model_id);
	return read_version(program, context);
}

ScoreModel *
score_model_load_version(int64 program, int64 version_id)
{
	static CorePlan plan = {
		.sql = FIND_VERSION " WHERE v.program_id = $1 AND v.version_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	MemoryContext context = CurrentMemoryContext;
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(version_id);
	core_run(&plan, values, NULL, false);
	if (SPI_processed != 1)
		elog(ERROR, "version %lld of a score model is not there",
			 (long long) version_id);
	return read_version(program, context);
}
