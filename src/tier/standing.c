/*-------------------------------------------------------------------------
 *
 * standing.c
 *	  Working out where members stand on a ladder.
 *
 * A standing is what has been worked out already; going on from there costs
 * what has happened since.  Without one, or when a version, a ruling or
 * something in the past has changed, the way is walked from its beginning.
 * Both come to the same.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "tier/tier.h"

/* columns of what is read for each member */
enum
{
	MEMBER_N = 1, MEMBER_JOINED_AT, MEMBER_AS_OF, MEMBER_FALLING_AT,
	MEMBER_SINCE, MEMBER_ENDS_AT, MEMBER_VERSION, MEMBER_SEEN, MEMBER_RANK,
	MEMBER_GRACE, MEMBER_AMOUNTS, MEMBER_SCORES, MEMBER_RULED, MEMBER_MERGED,
	MEMBER_CORRECTED
};

static Datum
member_array(const TierWork *work, int count)
{
	Datum	   *members = palloc_array(Datum, count + 1);
	int			i;

	for (i = 0; i < count; i++)
		members[i] = Int64GetDatum(work[i].member);
	return PointerGetDatum(construct_array(members, count, INT8OID, 8,
										   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

static TimestampTz
time_field(int row, int column)
{
	bool		isnull;

	return DatumGetTimestampTz(core_field(row, column, &isnull));
}

/* The version with an id, or -1. */
int
tier_find_version(const TierLadder *algo, int64 id)
{
	int			i;

	for (i = 0; i < algo->nversions; i++)
		if (algo->versions[i].id == id)
			return i;
	return -1;
}

/* Copy what an array holds; false when it has not that many. */
static bool
read_array(int row, int column, Oid type, int wanted, void *into)
{
	bool		isnull;
	ArrayType  *array = DatumGetArrayTypeP(core_field(row, column, &isnull));

	if (ARR_NDIM(array) > 1 || ARR_HASNULL(array) ||
		ARR_ELEMTYPE(array) != type ||
		ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)) != wanted)
		return false;
	memcpy(into, ARR_DATA_PTR(array), wanted * 8);
	return true;
}

/* Go on from a standing; false when it cannot be gone on from. */
static bool
read_standing(int row, const TierProgramLadder *ladder, TierWork *work)
{
	TierState  *state = &work->run.state;
	bool		isnull;
	int			count = ladder->algo.ngauges;

	(void) core_field(row, MEMBER_AS_OF, &isnull);
	work->has_standing = !isnull;
	if (isnull || core_int64(row, MEMBER_SEEN) != ladder->newest ||
		!read_array(row, MEMBER_AMOUNTS, INT8OID, count, state->amounts) ||
		!read_array(row, MEMBER_SCORES, FLOAT8OID,
					ladder->has_fractions ? count : 0, state->scores))
		return false;
	state->as_of = time_field(row, MEMBER_AS_OF);
	state->falling_at = time_field(row, MEMBER_FALLING_AT);
	state->since = time_field(row, MEMBER_SINCE);
	state->ends = time_field(row, MEMBER_ENDS_AT);
	state->version = tier_find_version(&ladder->algo,
									   core_int64(row, MEMBER_VERSION));
	state->rank = (int) core_int64(row, MEMBER_RANK);
	state->grace = core_bool(row, MEMBER_GRACE);
	return state->rank == 0 || state->version >= 0;
}

static void
read_rulings(const TierLadders *ladders, const TierProgramLadder *ladder,
			 TierWork *work, int count, Datum members)
{
	static CorePlan plan = {
		.sql = "SELECT u.n, r.kind, r.tier, coalesce(lower(r.during),"
		" '-infinity'), coalesce(upper(r.during), 'infinity')"
		" FROM unnest($3) WITH ORDINALITY AS u (member_id, n)"
		" CROSS JOIN LATERAL (SELECT x.* FROM community.tier_ruling AS x"
		"  WHERE x.program_id = $1 AND x.member_id = u.member_id"
		"  AND x.ladder_id = $2 AND x.superseded_at IS NULL OFFSET 0) AS r"
		" ORDER BY u.n, r.ruling_id",
		.by_index = true,
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, INT8ARRAYOID}
	};
	MemoryContext context = CurrentMemoryContext;
	Datum		values[3];
	TierRuling *rulings;
	int			rows;
	int			i;

	values[0] = Int64GetDatum(ladders->program);
	values[1] = Int64GetDatum(ladder->id);
	values[2] = members;
	core_run(&plan, values, NULL, false);
	MemoryContextSwitchTo(context);
	rows = SPI_processed;
	rulings = palloc_array(TierRuling, rows + 1);
	for (i = 0; i < rows; i++)
	{
		TierRun    *run = &work[core_int64(i, 1) - 1].run;
		char	   *kind = core_text(i, 2);

		rulings[i].kind = strcmp(kind, "lock") == 0 ? TIER_LOCK :
			strcmp(kind, "veto") == 0 ? TIER_VETO : TIER_INVITATION;
		rulings[i].tier = core_text(i, 3);
		rulings[i].from = time_field(i, 4);
		rulings[i].until = time_field(i, 5);
		if (run->nrulings++ == 0)
			run->rulings = &rulings[i];
	}
}

/*
 * Find out what is known of members on a ladder.  "work" has the members.
 * They are locked, or only looked at.
 */
void
tier_load(const TierLadders *ladders, const TierProgramLadder *ladder,
		  TierWork *work, int count, bool from_scratch)
{
	static CorePlan plan = {
		.sql = "SELECT u.n, m.joined_at, s.as_of, s.falling_at, s.since,"
		" s.ends_at, s.version_id, s.seen_id, s.rank::bigint, s.grace,"
		" s.amounts, s.scores, EXISTS (SELECT FROM community.tier_ruling AS r"
		"  WHERE r.program_id = $1 AND r.member_id = u.member_id"
		"  AND r.ladder_id = $2 AND r.superseded_at IS NULL),"
		" EXISTS (SELECT FROM community.member_merge AS g"
		"  WHERE g.program_id = $1 AND g.bearer_id = u.member_id),"
		" EXISTS (SELECT FROM community.event AS c"
		"  WHERE c.program_id = $1 AND c.member_id = u.member_id"
		"  AND c.corrects IS NOT NULL)"
		" FROM unnest($3) WITH ORDINALITY AS u (member_id, n)"
		" CROSS JOIN LATERAL (SELECT x.joined_at FROM community.member AS x"
		"  WHERE x.program_id = $1 AND x.member_id = u.member_id OFFSET 0) AS m"
		" LEFT JOIN LATERAL (SELECT x.* FROM community.standing AS x"
		"  WHERE x.program_id = $1 AND x.ladder_id = $2"
		"  AND x.member_id = u.member_id OFFSET 0) AS s ON true"
		" ORDER BY u.n",
		.by_index = true,
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, INT8ARRAYOID}
	};
	MemoryContext context = CurrentMemoryContext;
	Datum		values[3];
	bool		ruled = false;
	int			i;

	values[0] = Int64GetDatum(ladders->program);
	values[1] = Int64GetDatum(ladder->id);
	values[2] = member_array(work, count);
	core_run(&plan, values, NULL, false);
	MemoryContextSwitchTo(context);
	for (i = 0; i < count; i++)
		work[i].joined_at = TIER_NEVER;
	for (i = 0; i < (int) SPI_processed; i++)
	{
		TierWork   *w = &work[core_int64(i, MEMBER_N) - 1];

		/* who bears what others did is always worked out from there */
		bool		scratch = from_scratch || w->from_scratch ||
		core_bool(i, MEMBER_MERGED);

		w->joined_at = time_field(i, MEMBER_JOINED_AT);
		w->algo = tier_anchored(ladders, ladder, w->joined_at);
		tier_start(&w->run, &w->algo, w->joined_at);
		w->from_scratch = !read_standing(i, ladder, w) || scratch;
		w->plain = !core_bool(i, MEMBER_MERGED) &&
			!core_bool(i, MEMBER_CORRECTED);
		w->lasted_since = w->run.state.since;
		ruled |= core_bool(i, MEMBER_RULED);
		if (w->from_scratch)
			tier_start(&w->run, &w->algo, w->joined_at);
	}
	for (i = 0; i < count; i++)
		if (work[i].joined_at == TIER_NEVER)
			core_refuse_member(ladders->program, work[i].member, false);
	if (ruled)
		read_rulings(ladders, ladder, work, count, values[2]);
}

/*
 * Until when time alone changes no tier: walk on with the changes that lie
 * ahead, until something happens or no more is known.
 */
static TimestampTz
find_due(const TierWork *work)
{
	TierRun		ahead = work->run;
	int			count = work->algo.ngauges;
	TimestampTz due;

	ahead.state.amounts = palloc_array(int64, count + 1);
	ahead.state.scores = palloc_array(double, count + 1);
	memcpy(ahead.state.amounts, work->run.state.amounts,
		   count * sizeof(int64));
	memcpy(ahead.state.scores, work->run.state.scores,
		   count * sizeof(double));
	ahead.spans = NULL;
	ahead.nspans = ahead.maxspans = 0;
	ahead.first_until = TIER_NEVER;
	ahead.stops = true;
	tier_run(&ahead, work->changes + work->nchanges, work->nahead,
			 work->known_to);
	due = ahead.nspans > 0 || ahead.first_until != TIER_NEVER ?
		ahead.state.as_of : work->known_to;
	pfree(ahead.state.amounts);
	pfree(ahead.state.scores);
	return due;
}

/*
 * When time alone lets a value rise, as days of membership do, or lets one
 * fall of which there must be little: with an event that is added until then,
 * that may be what a tier waits for.
 */
static TimestampTz
first_rise(const TierWork *work)
{
	int			count = work->algo.ngauges;
	int64	   *amounts = palloc_array(int64, count + 1);
	TimestampTz at = TIER_NEVER;
	int			i;

	memcpy(amounts, work->run.state.amounts, count * sizeof(int64));
	for (i = work->nchanges; i < work->nchanges + work->nahead; i++)
	{
		const TierChange *change = &work->changes[i];
		int64		before = amounts[change->gauge];

		bool		overflows = false;

		if (change->act == TIER_SET)
			amounts[change->gauge] = change->amount;
		else
			overflows = pg_add_s64_overflow(before, change->amount,
											&amounts[change->gauge]);
		if (overflows || amounts[change->gauge] > before ||
			(amounts[change->gauge] < before &&
			 work->algo.gauges[change->gauge].capped))
		{
			at = change->at;
			break;
		}
	}
	pfree(amounts);
	return at;
}

/* Work members out until a time. */
void
tier_walk(const TierLadders *ladders, const TierProgramLadder *ladder,
		  TierWork *work, int count, TimestampTz until, int ahead)
{
	int			i;

	tier_fetch_changes(ladders, ladder, work, count, until, ahead);
	for (i = 0; i < count; i++)
	{
		TierWork   *w = &work[i];

		tier_run(&w->run, w->changes, w->nchanges, until);
		w->due = Min(Min(find_due(w), first_rise(w)), w->enters_at);
		w->stale_at = w->nahead > 0 ?
			Min(w->changes[w->nchanges].at, w->known_to) : w->known_to;
	}
}
