/*-------------------------------------------------------------------------
 *
 * book.c
 *	  Writing down what was worked out: tenures and standings.
 *
 * What is believed already stays as it is; what is believed no more is
 * superseded, and what is new is added.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "tier/note.h"

/* A row of tenure, as it is or as it ought to be. */
typedef struct Row
{
	int64		id;				/* 0 for a new one */
	int64		member;
	TimestampTz from;
	TimestampTz until;
	TimestampTz ends;
	int64		version;
	const char *tier;
	int			rank;
	bool		grace;
	const char *reason;
	bool		stays;
} Row;

typedef struct Rows
{
	int			count;
	int			max;
	Row		   *rows;
} Rows;

static Row *
add_row(Rows *rows)
{
	if (rows->count == rows->max)
	{
		rows->max = Max(16, rows->max * 2);
		rows->rows = rows->rows == NULL ? palloc_array(Row, rows->max) :
			repalloc_huge(rows->rows, sizeof(Row) * rows->max);
	}
	memset(&rows->rows[rows->count], 0, sizeof(Row));
	return &rows->rows[rows->count++];
}

static bool
has_changed(const TierWork *work)
{
	return work->from_scratch || work->run.nspans > 0 ||
		work->run.first_until != TIER_NEVER;
}

static Datum
numbers(const int64 *values, int count, Oid type)
{
	Datum	   *datums = palloc_array(Datum, count + 1);
	ArrayType  *array;
	int			i;

	for (i = 0; i < count; i++)
		datums[i] = Int64GetDatum(values[i]);
	array = construct_array(datums, count, INT8OID, 8, FLOAT8PASSBYVAL,
							TYPALIGN_DOUBLE);
	array->elemtype = type;
	return PointerGetDatum(array);
}

#define BELIEVED \
	"SELECT t.tenure_id, t.member_id, lower(t.during)," \
	" coalesce(upper(t.during), 'infinity')," \
	" coalesce(t.ends_at, 'infinity'), coalesce(t.version_id, 0)," \
	" t.tier, t.rank::bigint, t.source = 'grace', t.reason" \
	" FROM unnest($3) AS u (member_id), LATERAL (SELECT x.*" \
	"  FROM community.tenure AS x WHERE x.program_id = $1" \
	"  AND x.member_id = u.member_id AND x.ladder_id = $2" \
	"  AND x.superseded_at IS NULL AND x.source IN ('qualified', 'grace')" \
	"  OFFSET 0) AS t WHERE true"

/*
 * What is believed of the members whose tenures have changed; of those who
 * went on from a standing the one that lasts is enough.
 */
static void
read_rows(const TierLadders *ladders, const TierProgramLadder *ladder,
		  const TierWork *work, int count, Rows *rows)
{
	static CorePlan all = {
		.sql = BELIEVED,
		.by_index = true,
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, INT8ARRAYOID}
	};
	static CorePlan lasting = {
		.sql = BELIEVED " AND upper_inf(t.during)",
		.by_index = true,
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, INT8ARRAYOID}
	};
	MemoryContext context = CurrentMemoryContext;
	int64	   *members = palloc_array(int64, count + 1);
	int			scratch;
	Datum		values[3];

	for (scratch = 0; scratch < 2; scratch++)
	{
		int			n = 0;
		int			i;

		for (i = 0; i < count; i++)
			if (has_changed(&work[i]) &&
				work[i].from_scratch == (scratch == 1))
				members[n++] = work[i].member;
		if (n == 0)
			continue;
		values[0] = Int64GetDatum(ladders->program);
		values[1] = Int64GetDatum(ladder->id);
		values[2] = numbers(members, n, INT8OID);
		core_run(scratch == 1 ? &all : &lasting, values, NULL, false);
		MemoryContextSwitchTo(context);
		for (i = 0; i < (int) SPI_processed; i++)
		{
			Row		   *row = add_row(rows);
			bool		isnull;

			row->id = core_int64(i, 1);
			row->member = core_int64(i, 2);
			row->from = DatumGetTimestampTz(core_field(i, 3, &isnull));
			row->until = DatumGetTimestampTz(core_field(i, 4, &isnull));
			row->ends = DatumGetTimestampTz(core_field(i, 5, &isnull));
			row->version = core_int64(i, 6);
			row->tier = core_text(i, 7);
			row->rank = (int) core_int64(i, 8);
			row->grace = core_bool(i, 9);
			row->reason = core_text(i, 10);
		}
	}
}

static int
compare_rows(const void *a, const void *b)
{
	const Row  *x = (const Row *) a;
	const Row  *y = (const Row *) b;

	if (x->member != y->member)
		return x->member < y->member ? -1 : 1;
	return x->from < y->from ? -1 : x->from > y->from;
}

static bool
same_row(const Row *a, const Row *b)
{
	return a->from == b->from && a->until == b->until &&
		a->ends == b->ends && a->version == b->version &&
		a->rank == b->rank && a->grace == b->grace &&
		strcmp(a->tier, b->tier) == 0 && strcmp(a->reason, b->reason) == 0;
}

static Row *
find_row(const Rows *rows, int64 member, TimestampTz from)
{
	Row			key = {0};

	key.member = member;
	key.from = from;
	return rows->count == 0 ? NULL :
		bsearch(&key, rows->rows, rows->count, sizeof(Row), compare_rows);
}

/* A tenure that ought to be there: it is, or it is new. */
static void
want_row(const Rows *old, Rows *fresh, const Row *wanted)
{
	Row		   *found = find_row(old, wanted->member, wanted->from);

	if (found != NULL && same_row(found, wanted))
		found->stays = true;
	else
		*add_row(fresh) = *wanted;
}

/* The tenures of a member as they ought to be. */
static void
want_rows(const TierWork *work, const Rows *old, Rows *fresh)
{
	int			i;

	if (!work->from_scratch)
	{
		Row		   *lasting = find_row(old, work->member,
									   work->lasted_since);
		Row			ended;

		if (lasting != NULL)
		{
			ended = *lasting;
			ended.until = work->run.first_until;
			want_row(old, fresh, &ended);
		}
	}
	for (i = 0; i < work->run.nspans; i++)
	{
		const TierSpan *span = &work->run.spans[i];
		const TierVersion *version = &work->algo.versions[span->version];
		Row			row = {0};

		row.member = work->member;
		row.from = span->from;
		row.until = span->until;
		row.ends = span->ends;
		row.version = version->id;
		row.tier = version->rungs[span->rank - 1].name;
		row.rank = span->rank;
		row.grace = span->grace;
		row.reason = tier_reason_name(span->reason);
		want_row(old, fresh, &row);
	}
}

/* Is any row of a member, all wanted ones being known, believed no more? */
static bool
has_unwanted(const Rows *old, int64 member)
{
	int			low = 0;
	int			high = old->count;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (old->rows[middle].member < member)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < old->count && old->rows[low].member == member; low++)
		if (!old->rows[low].stays)
			return true;
	return false;
}

static void
supersede(const TierLadders *ladders, const Rows *rows)
{
	static CorePlan plan = {
		.sql = "UPDATE community.tenure SET superseded_at ="
		" greatest(clock_timestamp(), recorded_at)"
		" WHERE program_id = $1 AND tenure_id = ANY ($2)",
		.by_index = true,
		.nargs = 2,
		.argtypes = {INT8OID, INT8ARRAYOID}
	};
	int64	   *ids = palloc_array(int64, rows->count + 1);
	Datum		values[2];
	int			n = 0;
	int			i;

	for (i = 0; i < rows->count; i++)
		if (!rows->rows[i].stays)
			ids[n++] = rows->rows[i].id;
	if (n == 0)
		return;
	values[0] = Int64GetDatum(ladders->program);
	values[1] = numbers(ids, n, INT8OID);
	core_run(&plan, values, NULL, false);
}

static Datum
texts(const Rows *rows, bool tiers)
{
	Datum	   *datums = palloc_array(Datum, rows->count + 1);
	int			i;

	for (i = 0; i < rows->count; i++)
		datums[i] = CStringGetTextDatum(tiers ? rows->rows[i].tier :
										rows->rows[i].reason);
	return PointerGetDatum(construct_array(datums, rows->count, TEXTOID, -1,
										   false, TYPALIGN_INT));
}

static void
insert_rows(const TierLadders *ladders, const TierProgramLadder *ladder,
			const Rows *rows)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.tenure (program_id, tenure_id,"
		" member_id, ladder_id, tier, rank, source, during, ends_at,"
		" version_id, reason)"
		" SELECT $1, community.next_id(), u.member_id, $2, u.tier, u.rank,"
		" CASE u.grace WHEN 0 THEN 'qualified' ELSE 'grace' END,"
		" tstzrange(u.since, nullif(u.until, 'infinity')),"
		" nullif(u.ends, 'infinity'), u.version, u.reason"
		" FROM unnest($3, $4, $5, $6, $7, $8, $9, $10, $11) AS u (member_id,"
		" since, until, ends, version, rank, grace, tier, reason)",
		.by_index = true,
		.nargs = 11,
		.argtypes = {INT8OID, INT8OID, INT8ARRAYOID, TIMESTAMPTZARRAYOID,
			TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID, INT8ARRAYOID,
		INT8ARRAYOID, INT8ARRAYOID, TEXTARRAYOID, TEXTARRAYOID}
	};
	int			count = rows->count;
	int64	   *columns[7];
	Datum		values[11];
	int			i;

	if (count == 0)
		return;
	for (i = 0; i < 7; i++)
		columns[i] = palloc_array(int64, count);
	for (i = 0; i < count; i++)
	{
		const Row  *row = &rows->rows[i];

		columns[0][i] = row->member;
		columns[1][i] = row->from;
		columns[2][i] = row->until;
		columns[3][i] = row->ends;
		columns[4][i] = row->version;
		columns[5][i] = row->rank;
		columns[6][i] = row->grace;
	}
	values[0] = Int64GetDatum(ladders->program);
	values[1] = Int64GetDatum(ladder->id);
	for (i = 0; i < 7; i++)
		values[2 + i] = numbers(columns[i], count,
								i >= 1 && i <= 3 ? TIMESTAMPTZOID : INT8OID);
	values[9] = texts(rows, true);
	values[10] = texts(rows, false);
	core_run(&plan, values, NULL, false);
}

Datum
tier_amounts_array(const int64 *amounts, int count)
{
	return numbers(amounts, count, INT8OID);
}

Datum
tier_scores_array(const TierLadder *algo, const TierState *state)
{
	Datum	   *datums = palloc_array(Datum, algo->ngauges + 1);
	int			count = 0;
	int			i;

	for (i = 0; i < algo->ngauges; i++)
		if (algo->gauges[i].scale != TIER_WHOLE)
			count = algo->ngauges;
	for (i = 0; i < count; i++)
		datums[i] = Float8GetDatum(state->scores[i]);
	return PointerGetDatum(construct_array(datums, count, FLOAT8OID, 8,
										   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

static void
write_standing(const TierLadders *ladders, const TierProgramLadder *ladder,
			   const TierWork *work)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.standing AS s VALUES ($1, $2, $3, $4,"
		" $5, $6, $7, $8, $9, $10, $11, $12::integer, $13, $14, $15, $16)"
		" ON CONFLICT (program_id, ladder_id, member_id) DO UPDATE SET"
		" as_of = $4, due = $5, stale_at = $6, falling_at = $7, since = $8,"
		" ends_at = $9, version_id = $10, seen_id = $11, rank = $12,"
		" grace = $13, plain = $14, amounts = $15, scores = $16",
		.by_index = true,
		.nargs = 16,
		.argtypes = {INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID,
			TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID,
			TIMESTAMPTZOID, INT8OID, INT8OID, INT8OID, BOOLOID, BOOLOID,
		INT8ARRAYOID, FLOAT8ARRAYOID}
	};
	const TierState *state = &work->run.state;
	Datum		values[16];

	values[0] = Int64GetDatum(ladders->program);
	values[1] = Int64GetDatum(ladder->id);
	values[2] = Int64GetDatum(work->member);
	values[3] = TimestampTzGetDatum(state->as_of);
	values[4] = TimestampTzGetDatum(work->due);
	values[5] = TimestampTzGetDatum(work->stale_at);
	values[6] = TimestampTzGetDatum(state->falling_at);
	values[7] = TimestampTzGetDatum(state->since);
	values[8] = TimestampTzGetDatum(state->ends);
	values[9] = Int64GetDatum(state->version < 0 ? 0 :
							  work->algo.versions[state->version].id);
	values[10] = Int64GetDatum(ladder->newest);
	values[11] = Int64GetDatum(state->rank);
	values[12] = BoolGetDatum(state->grace);
	values[13] = BoolGetDatum(work->plain);
	values[14] = tier_amounts_array(state->amounts,
									work->algo.ngauges);
	values[15] = tier_scores_array(&work->algo, state);
	core_run(&plan, values, NULL, false);
}

/*
 * Write down what was worked out of members, who are locked.  Says whether
 * any tenure has changed; "told" wants to know before it does.
 */
bool
tier_book(const TierLadders *ladders, const TierProgramLadder *ladder,
		  TierWork *work, int count, TierTold *told)
{
	Rows		old = {0};
	Rows		fresh = {0};
	bool		changed = false;
	int			i;

	read_rows(ladders, ladder, work, count, &old);
	if (old.count > 0)
		qsort(old.rows, old.count, sizeof(Row), compare_rows);
	for (i = 0; i < count; i++)
	{
		int			before = fresh.count;

		if (has_changed(&work[i]))
			want_rows(&work[i], &old, &fresh);
		work[i].rebooked = fresh.count > before ||
			has_unwanted(&old, work[i].member);
		changed |= work[i].rebooked;
	}
	if (changed)
		tier_ask_before(told);

	/*
	 * Standings first: whoever has booked the member since our snapshot has
	 * written its standing too, so REPEATABLE READ fails to serialize there,
	 * and not by a tenure that it does not see.
	 */
	for (i = 0; i < count; i++)
		write_standing(ladders, ladder, &work[i]);
	supersede(ladders, &old);
	insert_rows(ladders, ladder, &fresh);
	return changed;
}
