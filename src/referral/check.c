/*-------------------------------------------------------------------------
 *
 * check.c
 *	  referral_check(): is the forest one?
 *
 * For after restores and loads that went past the guard.  What a row says of
 * others is asked in SQL, over the whole set; cycles and depths come out of
 * one pass over all rows.  Of a single member its own rows are looked at, and
 * its way up.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "core/compat.h"
#include "core/core.h"
#include "referral/check_algo.h"
#include "referral/place.h"

PG_FUNCTION_INFO_V1(community_referral_check);

#define BATCH	10000

/* What is asked for, and where faults go. */
typedef struct Check
{
	int64		program;
	bool		has_member;
	int64		member;
	Tuplestorestate *store;
	TupleDesc	desc;
} Check;

static void
put(const Check *check, const char *rule, int64 member, const char *detail)
{
	Datum		values[3];
	bool		nulls[3] = {false};

	values[0] = CStringGetTextDatum(rule);
	values[1] = Int64GetDatum(member);
	values[2] = CStringGetTextDatum(detail);
	tuplestore_putvalues(check->store, check->desc, values, nulls);
}

/* ----- what SQL can tell ----- */

#define ROWS_OF(relation) \
	" FROM " relation " AS r WHERE r.program_id = $1" \
	" AND ($2::bigint IS NULL OR r.member_id = $2)"
#define IS_NO_MEMBER(id) \
	" AND NOT EXISTS (SELECT FROM community.member AS m" \
	"  WHERE m.program_id = $1 AND m.member_id = " id ")"

/* Those whom rows name must be enrolled. */
static CorePlan unknown = {
	.sql = "SELECT 'member', r.member_id,"
	" 'has a row and is not enrolled'"
	ROWS_OF("community.referral") IS_NO_MEMBER("r.member_id")
	" UNION ALL SELECT 'sponsor', r.member_id,"
	" format('its sponsor %s is not enrolled', r.sponsor_id)"
	ROWS_OF("community.referral") " AND r.sponsor_id IS NOT NULL"
	IS_NO_MEMBER("r.sponsor_id")
	" UNION ALL SELECT 'enroller', r.member_id,"
	" format('its enroller %s is not enrolled', r.enroller_id)"
	ROWS_OF("community.referral") IS_NO_MEMBER("r.enroller_id")
	" UNION ALL SELECT 'enroller', r.member_id, 'it is its own enroller'"
	ROWS_OF("community.referral") " AND r.enroller_id = r.member_id"
	" ORDER BY 1, 2, 3",
	.nargs = 2,
	.argtypes = {INT8OID, INT8OID}
};

/* Each move begins where the one before ended, and the last ends here. */
static CorePlan moves = {
	.sql = "SELECT 'move', m.member_id,"
	" CASE WHEN m.row_of IS NULL THEN"
	"  format('move %s is of a member without a row', m.move_id)"
	" WHEN m.same THEN format('moves %s and %s are at the same time',"
	"  m.move_id, m.next_id)"
	" WHEN m.next_id IS NULL THEN"
	"  format('move %s is the last and went to %s, the sponsor is %s',"
	"   m.move_id, coalesce(m.to_id::text, 'none'),"
	"   coalesce(m.sponsor_id::text, 'none'))"
	" ELSE format('move %s went to %s, move %s is from %s', m.move_id,"
	"  coalesce(m.to_id::text, 'none'), m.next_id,"
	"  coalesce(m.next_from::text, 'none')) END"
	" FROM (SELECT r.member_id, r.move_id, r.to_id, e.sponsor_id,"
	"   e.member_id AS row_of, lead(r.move_id) OVER w AS next_id,"
	"   lead(r.from_id) OVER w AS next_from,"
	"   lead(r.moved_at) OVER w = r.moved_at AS same"
	"  FROM community.referral_move AS r LEFT JOIN community.referral AS e"
	"  ON e.program_id = r.program_id AND e.member_id = r.member_id"
	"  WHERE r.program_id = $1 AND ($2::bigint IS NULL OR r.member_id = $2)"
	"  WINDOW w AS (PARTITION BY r.member_id"
	"   ORDER BY r.moved_at, r.move_id)) AS m"
	" WHERE m.row_of IS NULL OR m.same OR m.to_id IS DISTINCT FROM"
	"  CASE WHEN m.next_id IS NULL THEN m.sponsor_id ELSE m.next_from END"
	" ORDER BY m.member_id, m.move_id",
	.nargs = 2,
	.argtypes = {INT8OID, INT8OID}
};

static void
put_found(const Check *check, CorePlan *plan)
{
	Datum		values[2];
	uint64		i;

	values[0] = Int64GetDatum(check->program);
	values[1] = Int64GetDatum(check->member);
	/* planned for one member, or for all */
	core_run_once(plan, values, check->has_member ? "  " : " n", true);
	for (i = 0; i < SPI_processed; i++)
		put(check, core_text((int) i, 1), core_int64((int) i, 2),
			core_text((int) i, 3));
	SPI_freetuptable(SPI_tuptable);
}

/* ----- cycles and depths ----- */

static void *
allocate(int64 count, size_t size)
{
	return MemoryContextAllocHuge(CurrentMemoryContext,
								  Max(count, 1) * size);
}

static void
grow(ReferralRows *rows, int64 *room)
{
	*room *= 2;
	rows->members = repalloc_huge(rows->members, *room * sizeof(int64));
	rows->sponsors = repalloc_huge(rows->sponsors, *room * sizeof(int64));
	rows->has_sponsor = repalloc_huge(rows->has_sponsor,
									  *room * sizeof(bool));
	rows->bounds = repalloc_huge(rows->bounds, *room * sizeof(int32));
}

static void
add_rows(ReferralRows *rows, SPITupleTable *found, uint64 count)
{
	uint64		i;

	for (i = 0; i < count; i++)
	{
		bool		isnull;
		Datum		sponsor = SPI_getbinval(found->vals[i], found->tupdesc, 2,
											&isnull);

		rows->has_sponsor[rows->count] = !isnull;
		rows->sponsors[rows->count] = isnull ? 0 : DatumGetInt64(sponsor);
		rows->members[rows->count] =
			DatumGetInt64(SPI_getbinval(found->vals[i], found->tupdesc, 1,
										&isnull));
		rows->bounds[rows->count++] =
			DatumGetInt32(SPI_getbinval(found->vals[i], found->tupdesc, 3,
										&isnull));
	}
}

/* All rows of the program: 33 bytes of memory each. */
static void
load(const Check *check, ReferralRows *rows)
{
	static CorePlan plan = {
		.sql = "SELECT member_id, sponsor_id, depth FROM community.referral"
		" WHERE program_id = $1 ORDER BY member_id",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	int64		room = BATCH;
	Datum		values[1];
	Portal		portal;
	uint64		count;

	memset(rows, 0, sizeof(ReferralRows));
	rows->members = allocate(room, sizeof(int64));
	rows->sponsors = allocate(room, sizeof(int64));
	rows->has_sponsor = allocate(room, sizeof(bool));
	rows->bounds = allocate(room, sizeof(int32));
	values[0] = Int64GetDatum(check->program);
	portal = core_open_cursor(&plan, values, false);
	do
	{
		SPITupleTable *found;

		SPI_cursor_fetch(portal, true, BATCH);
		found = SPI_tuptable;
		count = SPI_processed;
		if (rows->count + BATCH > room)
			grow(rows, &room);
		add_rows(rows, found, count);
		SPI_freetuptable(found);
	} while (count == BATCH);
	SPI_cursor_close(portal);
}

/* Report a cycle once, at its least member, which comes first. */
static void
put_cycle(const Check *check, ReferralRows *rows, int64 row)
{
	int64		length = 0;
	int64		i = row;

	if (rows->depths[row] != REFERRAL_ON_CYCLE)
		return;
	do
	{
		CHECK_FOR_INTERRUPTS();
		/* not again from the others */
		rows->depths[i] = REFERRAL_BELOW_CYCLE;
		length++;
		i = referral_find_row(rows, rows->sponsors[i]);
	} while (i != row);
	if (length == 1)
		put(check, "cycle", rows->members[row], "it is its own sponsor");
	else
		put(check, "cycle", rows->members[row],
			psprintf("it stands below itself, in a cycle of %lld members",
					 (long long) length));
}

static void
put_depth(const Check *check, ReferralRows *rows, int64 row, int32 deepened)
{
	int64		bound = (int64) rows->bounds[row] + deepened;

	if (rows->depths[row] > bound || rows->bounds[row] < 0)
		put(check, "depth", rows->members[row],
			psprintf("it stands at depth %d, its row says %d and %d at most for moves",
					 rows->depths[row], rows->bounds[row], deepened));
}

/* Too deep is no fault: moves do not measure what they carry. */
static void
put_deepest(const Check *check, const ReferralRows *rows)
{
	int32		maximum = referral_maximum_depth(check->program);
	int64		deepest = -1;
	int64		count = 0;
	int64		i;

	for (i = 0; i < rows->count; i++)
		if (rows->depths[i] > maximum)
		{
			count++;
			if (deepest < 0 || rows->depths[i] > rows->depths[deepest])
				deepest = i;
		}
	if (count > 0)
		put(check, "information: deep", rows->members[deepest],
			psprintf("%lld members stand deeper than %d, this one deepest, at %d",
					 (long long) count, maximum, rows->depths[deepest]));
}

static void
check_all(const Check *check)
{
	ReferralRows rows;
	ReferralState state;
	int64	   *path;
	int64		i;

	load(check, &rows);
	/* read later than the rows, so that it is high enough for them */
	referral_read_state(check->program, GetTransactionSnapshot(), &state);
	rows.depths = allocate(rows.count, sizeof(int32));
	path = allocate(rows.count, sizeof(int64));
	referral_find_depths(&rows, path);
	for (i = 0; i < rows.count; i++)
		put_cycle(check, &rows, i);
	for (i = 0; i < rows.count; i++)
		put_depth(check, &rows, i, state.deepened);
	put_deepest(check, &rows);
}

/* The way up from one member. */
static void
check_one(const Check *check)
{
	Snapshot	snapshot = RegisterSnapshot(GetTransactionSnapshot());
	ReferralForest *forest = referral_open_forest(check->program, snapshot,
												  DT_NOEND);
	ReferralWalk walk;
	bool		going = true;

	referral_begin_walk(&walk, forest, check->member);
	while (going && !walk.in_cycle)
	{
		going = referral_walk_try(&walk);
		if (walk.in_cycle)
			put(check, "cycle", check->member,
				psprintf("it stands below member %lld, which stands below itself",
						 (long long) walk.mark));
	}
	referral_close_forest(forest);
	UnregisterSnapshot(snapshot);
}

/* referral_check(member, program) -> set of faults */
Datum
community_referral_check(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "program"};
	Check		check;
	CoreScope	scope;

	core_refuse_nulls(fcinfo, "referral_check", names, 0x01);
	check.store = core_begin_rows(fcinfo, &check.desc);
	check.has_member = !PG_ARGISNULL(0);
	check.member = check.has_member ? PG_GETARG_INT64(0) : 0;
	check.program = PG_GETARG_INT64(1);
	core_enter(&scope);
	(void) core_program_name(check.program);
	put_found(&check, &unknown);
	put_found(&check, &moves);
	if (check.has_member)
		check_one(&check);
	else
		check_all(&check);
	core_leave(&scope);
	return (Datum) 0;
}
