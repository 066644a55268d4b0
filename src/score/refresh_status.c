/*-------------------------------------------------------------------------
 *
 * refresh_status.c
 *	  Who is a super-user, as a refresh decides it.
 *
 * A refresh as of T looks at who was one up to T, and decides who is one from
 * T on.  What a refresh before it has decided for the same T is decided anew.
 * Members for whom something would change are locked, in ascending order, and
 * looked at again: rulings take the same lock, so none is overlooked.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "score/model.h"

/* What is on record about the status of a member. */
typedef struct Standing
{
	int64		member;
	bool		was;			/* up to T */
	bool		is;				/* from T on, as the rows say */
	TimestampTz since;
	bool		locked;
	bool		vetoed;
} Standing;

/* Members for whom the rows must change. */
typedef struct Changes
{
	int64	   *members;
	int64		count;
	int64		room;
} Changes;

typedef struct Verdicts
{
	Changes		reached;
	Changes		fallen;
	Changes		vetoed;
	Changes		left;
} Verdicts;

static void
add(Changes *changes, int64 member)
{
	if (changes->count == changes->room)
	{
		changes->room = changes->room == 0 ? 64 : changes->room * 2;
		changes->members = changes->members == NULL ?
			palloc_array(int64, changes->room) :
			repalloc_huge(changes->members, sizeof(int64) * changes->room);
	}
	changes->members[changes->count++] = member;
}

static Datum
member_array(const Changes *changes)
{
	return score_bigint_array(changes->members, changes->count);
}

/*
 * What is on record about all members, or of those asked for, in ascending
 * order, at this moment.  The rows were to T, or go over it.
 */
static Standing *
read_standings(const ScoreRefresh *refresh, const Changes *of, int64 *count)
{
	static CorePlan plan = {
		.sql = "SELECT x.member_id, bool_or(x.was), bool_or(x.is_one),"
		" max(x.since) FILTER (WHERE x.was), bool_or(x.kind = 'lock'), bool_or(x.kind = 'veto')"
		" FROM (SELECT t.member_id, lower(t.during) < $3 AS was,"
		"   t.during @> $3 AS is_one, lower(t.during) AS since,"
		"   NULL::text AS kind"
		"  FROM community.super_user_tenure AS t WHERE t.program_id = $1"
		"   AND t.model_id = $2 AND t.superseded_at IS NULL"
		"   AND (t.during @> $3 OR upper(t.during) = $3)"
		"   AND ($4 IS NULL OR t.member_id = ANY ($4))"
		"  UNION ALL SELECT r.member_id, false, false, NULL, r.kind"
		"  FROM community.super_user_ruling AS r WHERE r.program_id = $1"
		"   AND r.model_id = $2 AND r.superseded_at IS NULL"
		"   AND r.during @> $3"
		"   AND ($4 IS NULL OR r.member_id = ANY ($4))) AS x"
		" GROUP BY x.member_id ORDER BY x.member_id",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID, INT8ARRAYOID}
	};
	MemoryContext context = CurrentMemoryContext;
	Datum		values[4];
	Standing   *result;
	int64		i;

	values[0] = Int64GetDatum(refresh->model->program);
	values[1] = Int64GetDatum(refresh->model->model_id);
	values[2] = TimestampTzGetDatum(refresh->as_of);
	values[3] = of == NULL ? (Datum) 0 : member_array(of);
	/* how many there are differs much, from call to call */
	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
	core_run_once(&plan, values, of == NULL ? "   n" : NULL, true);
	PopActiveSnapshot();
	MemoryContextSwitchTo(context);
	*count = SPI_processed;
	result = MemoryContextAllocExtended(context,
										sizeof(Standing) * (*count + 1),
										MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (i = 0; i < *count; i++)
	{
		int			row = (int) i;
		bool		isnull;

		result[i].member = core_int64(row, 1);
		result[i].was = core_bool(row, 2);
		result[i].is = core_bool(row, 3);
		result[i].since = DatumGetTimestampTz(core_field(row, 4, &isnull));
		result[i].locked = core_bool(row, 5);
		result[i].vetoed = core_bool(row, 6);
	}
	SPI_freetuptable(SPI_tuptable);
	return result;
}

/* Is a member with that score to be one from T on? */
static bool
decide(const ScoreRefresh *refresh, const Standing *standing, int64 score)
{
	const ScoreModel *model = refresh->model;
	ScoreStatus status = {0};

	status.score = score;
	status.line = refresh->line;
	status.keep = refresh->keep;
	if (standing != NULL)
	{
		status.was = standing->was;
		status.locked = standing->locked;
		status.vetoed = standing->vetoed;
		if (standing->was)
			status.dwells = period_add_interval(standing->since,
												&model->dwell,
												model->zone) > refresh->as_of;
	}
	return score_model_is_super(&status);
}

/* What the rows of a member must become, if anything. */
static void
judge(const ScoreRefresh *refresh, const Standing *standing, bool scored,
	  int64 member, int64 score, Verdicts *verdicts)
{
	bool		is = standing != NULL && standing->is;
	bool		becomes = scored && decide(refresh, standing, score);

	if (is == becomes)
		return;
	add(becomes ? &verdicts->reached :
		!scored ? &verdicts->left :
		standing->vetoed ? &verdicts->vetoed : &verdicts->fallen, member);
}

/* All members, against what is on record. */
static void
judge_all(const ScoreRefresh *refresh, Verdicts *verdicts)
{
	int64		count;
	Standing   *standings = read_standings(refresh, NULL, &count);
	int64		s = 0;
	int64		i;

	for (i = 0; i < refresh->count; i++)
	{
		int64		member = refresh->members[i];

		if (i % 10000 == 0)
			CHECK_FOR_INTERRUPTS();
		for (; s < count && standings[s].member < member; s++)
			judge(refresh, &standings[s], false, standings[s].member, 0,
				  verdicts);
		if (s < count && standings[s].member == member)
			judge(refresh, &standings[s++], true, member, refresh->scores[i],
				  verdicts);
		else
			judge(refresh, NULL, true, member, refresh->scores[i], verdicts);
	}
	for (; s < count; s++)
		judge(refresh, &standings[s], false, standings[s].member, 0,
			  verdicts);
	pfree(standings);
}

/* Some of them, once more. */
static void
judge_some(const ScoreRefresh *refresh, const Changes *of, Verdicts *verdicts)
{
	int64		count;
	Standing   *standings = read_standings(refresh, of, &count);
	int64		s = 0;
	int64		i;

	for (i = 0; i < of->count; i++)
	{
		int64		member = of->members[i];
		int64		place = score_refresh_place(refresh, member);

		while (s < count && standings[s].member < member)
			s++;
		judge(refresh, s < count && standings[s].member == member ?
			  &standings[s] : NULL, place >= 0, member,
			  place >= 0 ? refresh->scores[place] : 0, verdicts);
	}
	pfree(standings);
}

static int
compare_members(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return (x > y) - (x < y);
}

/* Everybody for whom something would change, locked in ascending order. */
static Changes
lock_all(const ScoreRefresh *refresh, const Verdicts *verdicts)
{
	static CorePlan plan = {
		.sql = "SELECT e.member_id FROM community.engagement AS e"
		" WHERE e.program_id = $1 AND e.member_id = ANY ($2)"
		" ORDER BY e.member_id FOR NO KEY UPDATE",
		.nargs = 2,
		.argtypes = {INT8OID, INT8ARRAYOID}
	};
	const Changes *all[] = {&verdicts->reached, &verdicts->fallen,
	&verdicts->vetoed, &verdicts->left};
	Changes		result = {0};
	Datum		values[2];
	int64		j;
	int			i;

	for (i = 0; i < lengthof(all); i++)
		for (j = 0; j < all[i]->count; j++)
			add(&result, all[i]->members[j]);
	if (result.count == 0)
		return result;
	qsort(result.members, result.count, sizeof(int64), compare_members);
	values[0] = Int64GetDatum(refresh->model->program);
	values[1] = member_array(&result);
	core_run_once(&plan, values, NULL, false);
	SPI_freetuptable(SPI_tuptable);
	return result;
}

/* They are super-users from T on; who ceased to be one at T goes on. */
static void
begin(const ScoreRefresh *refresh, const Changes *members)
{
	static CorePlan plan = {
		.sql = "WITH ended AS (UPDATE community.super_user_tenure AS t"
		"  SET superseded_at = greatest(clock_timestamp(), t.recorded_at)"
		"  WHERE t.program_id = $1 AND t.model_id = $2"
		"  AND t.member_id = ANY ($4) AND t.superseded_at IS NULL"
		"  AND upper(t.during) = $3"
		"  RETURNING t.member_id, lower(t.during) AS since)"
		" INSERT INTO community.super_user_tenure (program_id, model_id,"
		"  member_id, during, reason)"
		" SELECT $1, $2, m.id, tstzrange(coalesce(e.since, $3), NULL),"
		"  'reached'"
		" FROM unnest($4) AS m (id) LEFT JOIN ended AS e"
		"  ON e.member_id = m.id ORDER BY m.id",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID, INT8ARRAYOID}
	};
	Datum		values[4];

	if (members->count == 0)
		return;
	values[0] = Int64GetDatum(refresh->model->program);
	values[1] = Int64GetDatum(refresh->model->model_id);
	values[2] = TimestampTzGetDatum(refresh->as_of);
	values[3] = member_array(members);
	core_run_once(&plan, values, NULL, false);
}

/*
 * Members who are super-users at a time are none from then on.  They are
 * locked.
 */
void
score_super_user_end(int64 program, int64 model_id, Datum members,
					 TimestampTz at, const char *reason)
{
	static CorePlan plan = {
		.sql = "WITH ended AS (UPDATE community.super_user_tenure AS t"
		"  SET superseded_at = greatest(clock_timestamp(), t.recorded_at)"
		"  WHERE t.program_id = $1 AND t.model_id = $2"
		"  AND t.member_id = ANY ($4) AND t.superseded_at IS NULL"
		"  AND t.during @> $3"
		"  RETURNING t.member_id, lower(t.during) AS since)"
		" INSERT INTO community.super_user_tenure (program_id, model_id,"
		"  member_id, during, reason)"
		" SELECT $1, $2, e.member_id, tstzrange(e.since, $3), $5"
		" FROM ended AS e WHERE e.since < $3",
		.nargs = 5,
		.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID, INT8ARRAYOID, TEXTOID}
	};
	Datum		values[5];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(model_id);
	values[2] = TimestampTzGetDatum(at);
	values[3] = members;
	values[4] = CStringGetTextDatum(reason);
	/* they may have become so since the transaction's snapshot */
	core_change_latest(&plan, values, NULL);
}

static void
end(const ScoreRefresh *refresh, const Changes *members, const char *reason)
{
	if (members->count > 0)
		score_super_user_end(refresh->model->program,
							 refresh->model->model_id, member_array(members),
							 refresh->as_of, reason);
}

/* Decide for all, and write down what is different. */
void
score_refresh_statuses(ScoreRefresh *refresh)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "community statuses",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Verdicts	first = {0};
	Verdicts	last = {0};
	Changes		locked;

	judge_all(refresh, &first);
	locked = lock_all(refresh, &first);
	if (locked.count > 0)
	{
		judge_some(refresh, &locked, &last);
		end(refresh, &last.fallen, "fallen");
		end(refresh, &last.vetoed, "vetoed");
		end(refresh, &last.left, "left");
		begin(refresh, &last.reached);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
