/*-------------------------------------------------------------------------
 *
 * refresh.c
 *	  The scores of all members by a model, computed and written.
 *
 * Everything is read with one snapshot into flat arrays, one statement a
 * component, so that members can be compared with each other and a refresh
 * is of one moment.  Rows are then written in batches that commit.  They are
 * shown once all are there, in the transaction that decides who is a
 * super-user.  A refresh that was interrupted goes on where it was if what
 * it computes is the same as before, and begins anew if not.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "score/model.h"

/* members whose rows are written together, or looked at between two looks */
#define BATCH			10000

/* sets the locks of refreshes apart from those of jobs */
#define REFRESH_LOCK	17230

/* ----- one refresh of a model at a time ----- */

static void
lock_tag(int64 model_id, LOCKTAG *tag)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, (uint32) (model_id >> 32),
						 (uint32) model_id, REFRESH_LOCK);
}

/*
 * Have the model for oneself: for several transactions of the session, or
 * until this one ends.  False when somebody else has it.
 */
bool
score_refresh_lock(int64 model_id, bool session)
{
	LOCKTAG		tag;

	lock_tag(model_id, &tag);
	return LockAcquire(&tag, ExclusiveLock, session, true) !=
		LOCKACQUIRE_NOT_AVAIL;
}

/* Give back what is held for the session. */
void
score_refresh_unlock(int64 model_id)
{
	LOCKTAG		tag;

	lock_tag(model_id, &tag);
	(void) LockRelease(&tag, ExclusiveLock, true);
}

/* ----- which models ----- */

int64
score_refresh_model(int64 program, Datum code)
{
	return score_model_find(program, code);
}

char *
score_refresh_code(int64 program, int64 model_id)
{
	static CorePlan plan = {
		.sql = "SELECT code FROM community.score_model"
		" WHERE program_id = $1 AND model_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	MemoryContext context = CurrentMemoryContext;
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(model_id);
	core_run(&plan, values, NULL, false);
	MemoryContextSwitchTo(context);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("score model %lld of program \"%s\" does not exist",
						(long long) model_id, core_program_name(program))));
	return core_text(0, 1);
}

/* About how many rows there will be. */
int64
score_refresh_members(int64 program)
{
	static CorePlan plan = {
		.sql = "SELECT count(*) FROM community.member AS m"
		" WHERE m.program_id = $1 AND m.status = 'active'",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	Datum		value = Int64GetDatum(program);

	core_run(&plan, &value, NULL, false);
	return core_int64(0, 1);
}

/* All models of a program; palloc'd in the present memory context. */
int64 *
score_refresh_models(int64 program, int *count)
{
	static CorePlan plan = {
		.sql = "SELECT model_id FROM community.score_model"
		" WHERE program_id = $1 ORDER BY model_id",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	MemoryContext context = CurrentMemoryContext;
	Datum		value = Int64GetDatum(program);
	int64	   *models;
	int			i;

	core_run(&plan, &value, NULL, false);
	MemoryContextSwitchTo(context);
	*count = (int) SPI_processed;
	models = palloc_array(int64, *count + 1);
	for (i = 0; i < *count; i++)
		models[i] = core_int64(i, 1);
	return models;
}

/* The newest refresh that is done; false when there is none. */
static bool
find_newest(int64 program, int64 model_id, int64 *id, TimestampTz *as_of,
			int64 *version_id, uint64 *digest)
{
	static CorePlan plan = {
		.sql = "SELECT refresh_id, as_of, version_id, digest"
		" FROM community.score_refresh"
		" WHERE program_id = $1 AND model_id = $2 AND status = 'done'"
		" AND superseded_at IS NULL ORDER BY as_of DESC LIMIT 1",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[2];
	bool		isnull;

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(model_id);
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		return false;
	*id = core_int64(0, 1);
	*as_of = DatumGetTimestampTz(core_field(0, 2, &isnull));
	*version_id = core_int64(0, 3);
	*digest = (uint64) core_int64(0, 4);
	return true;
}

static bool
is_in_force(int64 program, int64 model_id, TimestampTz at)
{
	static CorePlan plan = {
		.sql = "SELECT FROM community.score_model_version AS v"
		" WHERE v.program_id = $1 AND v.model_id = $2 AND v.valid @> $3",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID}
	};
	Datum		values[3];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(model_id);
	values[2] = TimestampTzGetDatum(at);
	core_run(&plan, values, NULL, false);
	return SPI_processed > 0;
}

/*
 * Is a refresh of the model due?  It is as of the beginning of each period,
 * one after the other; the first is the one that has begun last, if the model
 * was in force by then.
 */
bool
score_refresh_due(int64 program, int64 model_id, TimestampTz now,
				  TimestampTz *as_of)
{
	ScoreModel *model;
	int64		id;
	int64		version_id;
	uint64		digest;
	TimestampTz last;
	TimestampTz end;

	if (!is_in_force(program, model_id, now))
		return false;
	model = score_model_load(program, model_id, now);
	if (!model->has_every)
		return false;
	if (!find_newest(program, model_id, &id, &last, &version_id, &digest))
		period_bounds(&model->every, now, false, 0, model->zone, as_of, &end);
	else
		*as_of = period_upper(&model->every, last, false, 0, model->zone);
	return *as_of <= now && is_in_force(program, model_id, *as_of);
}

/* ----- computing ----- */

static void
refuse_order(const ScoreModel *model, TimestampTz as_of, TimestampTz newest)
{
	char	   *asked = pstrdup(timestamptz_to_str(as_of));

	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("scores of model \"%s\" cannot be refreshed as of %s: they are as of %s already",
					model->code, asked, timestamptz_to_str(newest)),
			 errdetail("Refreshes follow each other in time, as statuses follow from one to the next.")));
}

static void
allocate(ScoreRefresh *refresh)
{
	Size		cells = (Size) refresh->count * refresh->model->count + 1;
	MemoryContext context = refresh->context;

	refresh->raw = MemoryContextAllocExtended(context, sizeof(double) * cells,
											  MCXT_ALLOC_HUGE |
											  MCXT_ALLOC_ZERO);
	refresh->units = MemoryContextAllocHuge(context, sizeof(int32) * cells);
	refresh->scores = MemoryContextAllocHuge(context, sizeof(int64) *
											 (refresh->count + 1));
	refresh->ranks = MemoryContextAllocHuge(context, sizeof(int64) *
											(refresh->count + 1));
}

/* One component of everybody, from what was read of it. */
static void
normalise(ScoreRefresh *refresh, int k, const bool *enough)
{
	const ScorePart *part = &refresh->model->parts[k];
	int			stride = refresh->model->count;
	int64		i;

	if (part->transform == SCORE_PERCENTILE)
		score_model_percentiles(refresh->raw + k, stride, refresh->count,
								refresh->units + k);
	for (i = 0; i < refresh->count; i++)
	{
		int64		cell = i * stride + k;

		if (i % BATCH == 0)
			CHECK_FOR_INTERRUPTS();
		if (part->transform != SCORE_PERCENTILE)
			refresh->units[cell] = score_model_units(part, refresh->raw[cell]);
		if (enough != NULL && !enough[i])
			refresh->units[cell] = 0;
		refresh->totals[k] +=
			score_model_contribution(part, refresh->units[cell]);
	}
}

/* The place from the top that is the last of a share. */
static int64
last_of_share(const ScoreRefresh *refresh)
{
	static CorePlan plan = {
		.sql = "SELECT ceil($1::numeric * $2)::bigint",
		.nargs = 2,
		.argtypes = {TEXTOID, INT8OID}
	};
	Datum		values[2];

	values[0] = CStringGetTextDatum(refresh->model->top_share);
	values[1] = Int64GetDatum(refresh->count);
	core_run(&plan, values, NULL, true);
	return core_int64(0, 1);
}

static void
add_up(ScoreRefresh *refresh)
{
	const ScoreModel *model = refresh->model;
	int64		i;

	for (i = 0; i < refresh->count; i++)
	{
		if (i % BATCH == 0)
			CHECK_FOR_INTERRUPTS();
		refresh->scores[i] = score_model_sum(model->parts, refresh->units +
											 i * model->count, model->count);
	}
	score_model_ranks(refresh->scores, refresh->count, refresh->ranks);
	refresh->line = model->line;
	if (model->top_share != NULL)
		refresh->line = score_model_line_at(refresh->scores, refresh->ranks,
											refresh->count,
											last_of_share(refresh));
	refresh->keep = score_model_keep(refresh->line, model->keep);
}

static uint64
digest_bytes(const void *data, Size length, uint64 seed)
{
	const unsigned char *bytes = data;

	for (;;)
	{
		int			part = (int) Min(length, 1024 * 1024);

		CHECK_FOR_INTERRUPTS();
		seed = hash_bytes_extended(bytes, part, seed);
		bytes += part;
		length -= part;
		if (length == 0)
			return seed;
	}
}

/*
 * By what equal refreshes are known.  Amounts count with the precision that
 * does not depend on the order in which floats were added.
 */
static uint64
digest(const ScoreRefresh *refresh)
{
	int64		cells = refresh->count * refresh->model->count;
	float		amounts[1024];
	uint64		result;
	int64		i;

	result = digest_bytes(&refresh->line, sizeof(int64), 1);
	result = digest_bytes(refresh->members, sizeof(int64) * refresh->count,
						  result);
	result = digest_bytes(refresh->units, sizeof(int32) * cells, result);
	for (i = 0; i < cells; i += lengthof(amounts))
	{
		int			n = (int) Min(cells - i, lengthof(amounts));
		int			j;

		for (j = 0; j < n; j++)
			amounts[j] = (float) refresh->raw[i + j];
		result = digest_bytes(amounts, sizeof(float) * n, result);
	}
	return result;
}

static void
read_all(ScoreRefresh *refresh)
{
	int			k;

	score_model_read_members(refresh);
	allocate(refresh);
	for (k = 0; k < refresh->model->count; k++)
	{
		bool	   *enough = NULL;

		score_model_read_raw(refresh, k);
		if (refresh->model->components[k].minimum_givers > 0)
			enough = score_model_read_givers(refresh, k);
		normalise(refresh, k, enough);
		if (enough != NULL)
			pfree(enough);
	}
}

/*
 * Work out the scores of all members, in the present memory context; nothing
 * is written.
 */
ScoreRefresh *
score_refresh_compute(int64 program, int64 model_id, TimestampTz as_of)
{
	ScoreRefresh *refresh = palloc0_object(ScoreRefresh);
	TimestampTz newest;
	int64		id;
	int64		version_id;
	uint64		newest_digest;
	int			level;

	refresh->context = CurrentMemoryContext;
	refresh->as_of = as_of;
	refresh->model = score_model_load(program, model_id, as_of);
	if (find_newest(program, model_id, &id, &newest, &version_id,
					&newest_digest) && newest > as_of)
		refuse_order(refresh->model, as_of, newest);

	level = NewGUCNestLevel();
	core_pin_evaluation("UTC");
	/* right after a load there are no statistics, and sets are large */
	(void) set_config_option("enable_nestloop", "off", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	PushActiveSnapshot(GetTransactionSnapshot());
	read_all(refresh);
	PopActiveSnapshot();
	AtEOXact_GUC(true, level);
	add_up(refresh);
	refresh->digest = digest(refresh);
	MemoryContextSwitchTo(refresh->context);
	return refresh;
}

/* ----- writing ----- */

/* What another refresh has left that is not to be gone on with. */
static void
discard(int64 program, int64 id)
{
	static CorePlan rows = {
		.sql = "DELETE FROM community.member_score"
		" WHERE program_id = $1 AND refresh_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	static CorePlan head = {
		.sql = "DELETE FROM community.score_refresh"
		" WHERE program_id = $1 AND refresh_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(id);
	core_run(&rows, values, NULL, false);
	core_run(&head, values, NULL, false);
}

/* How many members come up to that one? */
static int64
members_to(const ScoreRefresh *refresh, int64 member)
{
	int64		low = 0;
	int64		high = refresh->count;

	while (low < high)
	{
		int64		middle = low + (high - low) / 2;

		if (refresh->members[middle] <= member)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Take up a refresh that was interrupted; false when there is none to. */
static bool
resume(ScoreRefresh *refresh)
{
	static CorePlan find = {
		.sql = "SELECT r.refresh_id, r.as_of = $3 AND r.version_id = $4"
		"  AND r.digest = $5, (SELECT max(s.member_id)"
		"  FROM community.member_score AS s WHERE s.program_id = $1"
		"   AND s.refresh_id = r.refresh_id)"
		" FROM community.score_refresh AS r WHERE r.program_id = $1"
		" AND r.model_id = $2 AND r.status = 'running'",
		.nargs = 5,
		.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID, INT8OID, INT8OID}
	};
	const ScoreModel *model = refresh->model;
	Datum		values[5];
	bool		resumed = false;
	bool		isnull;
	Datum		last;
	int64		id;

	values[0] = Int64GetDatum(model->program);
	values[1] = Int64GetDatum(model->model_id);
	values[2] = TimestampTzGetDatum(refresh->as_of);
	values[3] = Int64GetDatum(model->version_id);
	values[4] = Int64GetDatum((int64) refresh->digest);
	for (;;)
	{
		core_run(&find, values, NULL, false);
		if (SPI_processed == 0)
			return false;
		id = core_int64(0, 1);
		resumed = core_bool(0, 2);
		last = core_field(0, 3, &isnull);
		if (resumed)
			break;
		discard(model->program, id);
	}
	refresh->id = id;
	refresh->written = isnull ? 0 :
		members_to(refresh, DatumGetInt64(last));
	return true;
}

/* An array of elements of a fixed size, none of them null. */
Datum
score_plain_array(const void *data, Size element, Oid type, int64 count)
{
	Size		size = ARR_OVERHEAD_NONULLS(1) + element * count;
	ArrayType  *array = palloc0(size);

	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->elemtype = type;
	ARR_DIMS(array)[0] = (int) count;
	ARR_LBOUND(array)[0] = 1;
	memcpy(ARR_DATA_PTR(array), data, element * count);
	return PointerGetDatum(array);
}

Datum
score_bigint_array(const int64 *numbers, int64 count)
{
	return score_plain_array(numbers, sizeof(int64), INT8OID, count);
}

/*
 * From here on the version is used for that time, which who would end it
 * before is to see; so it is locked, and must still be in force.
 */
static void
insert_head(ScoreRefresh *refresh)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.score_refresh (program_id, model_id,"
		" version_id, as_of, digest, members, totals, line)"
		" SELECT $1, $2, v.version_id, $4, $5, $6, $7, $8"
		" FROM community.score_model_version AS v WHERE v.program_id = $1"
		" AND v.version_id = $3 AND v.valid @> $4 FOR SHARE"
		" RETURNING refresh_id",
		.nargs = 8,
		.argtypes = {INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID, INT8OID,
		INT8OID, INT8ARRAYOID, INT8OID}
	};
	const ScoreModel *model = refresh->model;
	bool		lined = model->line > 0 || model->top_share != NULL;
	Datum		values[8];

	values[0] = Int64GetDatum(model->program);
	values[1] = Int64GetDatum(model->model_id);
	values[2] = Int64GetDatum(model->version_id);
	values[3] = TimestampTzGetDatum(refresh->as_of);
	values[4] = Int64GetDatum((int64) refresh->digest);
	values[5] = Int64GetDatum(refresh->count);
	values[6] = score_bigint_array(refresh->totals, model->count);
	values[7] = Int64GetDatum(refresh->line);
	core_run(&plan, values, lined ? NULL : "       n", false);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not compute scores of model \"%s\" because of a concurrent change",
						model->code),
				 errhint("Try again.")));
	refresh->id = core_int64(0, 1);
}

/*
 * Make ready to write; false when the very same is there already, and only
 * rulings may have changed something about statuses.
 */
bool
score_refresh_begin(ScoreRefresh *refresh)
{
	const ScoreModel *model = refresh->model;
	TimestampTz newest;
	int64		id;
	int64		version_id;
	uint64		newest_digest;

	if (find_newest(model->program, model->model_id, &id, &newest,
					&version_id, &newest_digest))
	{
		if (newest > refresh->as_of)
			refuse_order(model, refresh->as_of, newest);
		refresh->same = newest == refresh->as_of &&
			version_id == model->version_id &&
			newest_digest == refresh->digest;
	}
	if (refresh->same)
	{
		refresh->id = id;
		refresh->written = refresh->count;
	}
	else if (!resume(refresh))
		insert_head(refresh);
	return !refresh->same;
}

static TimestampTz
falls_at(const ScoreRefresh *refresh, int64 i)
{
	const ScoreModel *model = refresh->model;
	int64		cell = i * model->count;

	return score_model_falls_at(model->parts, refresh->units + cell,
								model->count, model->decaying,
								refresh->raw[cell + model->decaying],
								refresh->as_of, model->half_life,
								refresh->keep);
}

/* Write the next rows; gives how many, 0 at the end. */
int64
score_refresh_write(ScoreRefresh *refresh)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.member_score (program_id, refresh_id,"
		" member_id, score, rank, falls_at, units, raw)"
		" SELECT $1, $2, m.id, ($4)[m.n], ($5)[m.n], ($6)[m.n],"
		"  ($7)[(m.n - 1) * $9 + 1 : m.n * $9],"
		"  ($8)[(m.n - 1) * $9 + 1 : m.n * $9]"
		" FROM unnest($3) WITH ORDINALITY AS m (id, n)",
		.nargs = 9,
		.argtypes = {INT8OID, INT8OID, INT8ARRAYOID, INT8ARRAYOID,
			INT8ARRAYOID, TIMESTAMPTZARRAYOID, INT4ARRAYOID, FLOAT8ARRAYOID,
		INT8OID}
	};
	int64		from = refresh->written;
	int64		count = Min(refresh->count - from, BATCH);
	int			width = refresh->model->count;
	Datum		values[9];
	int64		i;

	if (count == 0)
		return 0;
	values[0] = Int64GetDatum(refresh->model->program);
	values[1] = Int64GetDatum(refresh->id);
	values[2] = score_bigint_array(refresh->members + from, count);
	values[3] = score_bigint_array(refresh->scores + from, count);
	values[4] = score_bigint_array(refresh->ranks + from, count);
	values[5] = PointerGetDatum(construct_empty_array(TIMESTAMPTZOID));
	if (refresh->model->decaying >= 0 && refresh->line > 0)
	{
		TimestampTz *falls = palloc_array(TimestampTz, count);

		for (i = 0; i < count; i++)
			falls[i] = falls_at(refresh, from + i);
		values[5] = score_plain_array(falls, sizeof(TimestampTz),
									  TIMESTAMPTZOID, count);
	}
	values[6] = score_plain_array(refresh->units + from * width, sizeof(int32),
								  INT4OID, count * width);
	values[7] = score_plain_array(refresh->raw + from * width, sizeof(double),
								  FLOAT8OID, count * width);
	values[8] = Int64GetDatum(width);
	core_run(&plan, values, NULL, false);
	refresh->written += count;
	return count;
}

/* All rows are there: decide who is a super-user, and show them. */
void
score_refresh_finish(ScoreRefresh *refresh)
{
	static CorePlan supersede = {
		.sql = "UPDATE community.score_refresh"
		" SET superseded_at = greatest(clock_timestamp(), started_at)"
		" WHERE program_id = $1 AND model_id = $2 AND as_of = $3"
		" AND status = 'done' AND superseded_at IS NULL",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID}
	};
	static CorePlan finish = {
		.sql = "UPDATE community.score_refresh"
		" SET status = 'done', finished_at = clock_timestamp()"
		" WHERE program_id = $1 AND refresh_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[3];

	if (!refresh->same)
	{
		values[0] = Int64GetDatum(refresh->model->program);
		values[1] = Int64GetDatum(refresh->model->model_id);
		values[2] = TimestampTzGetDatum(refresh->as_of);
		core_run(&supersede, values, NULL, false);
		values[1] = Int64GetDatum(refresh->id);
		core_run(&finish, values, NULL, false);
	}
	score_refresh_statuses(refresh);
}
