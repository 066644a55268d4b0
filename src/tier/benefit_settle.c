/*-------------------------------------------------------------------------
 *
 * benefit_settle.c
 *	  Bringing grants of benefits into line with the tenures of members.
 *
 * Grants are compared with what is believed about tenures, and the difference
 * is written: doing it twice changes nothing, and it does not matter how what
 * is believed came about.  Points follow from the grants, in benefit_points.c.
 * The members are locked.  All functions run inside core_enter().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "tier/benefit.h"
#include "tier/benefit_algo.h"

/* Sources of tenures as far as benefits tell them apart. */
static const char *const source_names[] = {
	"qualified", "purchased", "granted", "matched", "seat"
};

#define SOURCES		lengthof(source_names)

/* A tenure, of whom and of what. */
typedef struct TenureRow
{
	int64		member;
	int64		ladder_id;
	char	   *tier;
	int			source;
	TierHolding held;
} TenureRow;

/* A grant as it is in the table. */
typedef struct GrantRow
{
	int64		member;
	int64		id;
	int64		listing_id;
	int			source;
	TierHolding held;
	TimestampTz from;
	TimestampTz until;
	bool		matched;
} GrantRow;

/* What is to be written about grants, column by column. */
enum
{
	WRITE_ID, WRITE_MEMBER, WRITE_LISTING, WRITE_SOURCE, WRITE_HELD_FROM,
	WRITE_HELD_UNTIL, WRITE_FROM, WRITE_UNTIL, WRITE_JUDGED, WRITE_COLUMNS
};

#define WRITE_TYPES \
	INT8OID, INT8OID, INT8OID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID, \
	TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID

#define WRITE_ARRAYS \
	INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT4ARRAYOID, \
	TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID, \
	TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID

typedef struct GrantWrites
{
	int			count;
	ArrayBuildState *columns[WRITE_COLUMNS];
} GrantWrites;

/* The work on a set of members. */
typedef struct Settling
{
	int64		program;
	const TierBenefits *benefits;
	TimestampTz as_of;
	int			ntenures;
	TenureRow  *tenures;		/* by member, and in the order of time */
	int			ngrants;
	GrantRow   *grants;			/* likewise */
	GrantWrites fresh;
	GrantWrites changed;
	ArrayBuildState *withdrawn; /* ids */
} Settling;

static TimestampTz
time_at(int row, int column)
{
	bool		isnull;

	return DatumGetTimestampTz(core_field(row, column, &isnull));
}

/* What is believed about the tenures of the members. */
static void
read_tenures(Settling *work, ArrayType *members)
{
	static CorePlan plan = {
		.sql = "SELECT t.member_id, t.ladder_id, t.tier,"
		" CASE t.source WHEN 'purchased' THEN 1 WHEN 'granted' THEN 2"
		"  WHEN 'matched' THEN 3 WHEN 'seat' THEN 4 ELSE 0 END AS source,"
		" lower(t.during) AS since, coalesce(upper(t.during), 'infinity'),"
		" CASE WHEN t.source NOT IN ('qualified', 'grace')"
		"   OR upper(t.during) < 'infinity' THEN 'infinity'"
		"  WHEN t.ends_at IS NOT NULL THEN t.ends_at"
		"  WHEN v.definition ->> 'demotion' = 'never' THEN 'infinity'"
		"  ELSE timestamptz '-infinity' END,"
		" t.reason = 'renewed' AND t.source IN ('qualified', 'grace', 'purchased')"
		" FROM community.tenure AS t"
		" LEFT JOIN community.ladder_version AS v"
		" ON v.program_id = t.program_id AND v.version_id = t.version_id"
		" WHERE t.program_id = $1 AND t.member_id = ANY ($2)"
		" AND t.superseded_at IS NULL"
		" ORDER BY t.member_id, since",
		.nargs = 2,
		.argtypes = {INT8OID, INT8ARRAYOID}
	};
	Datum		values[2];
	int			i;

	values[0] = Int64GetDatum(work->program);
	values[1] = PointerGetDatum(members);
	core_run_latest(&plan, values);
	work->ntenures = SPI_processed;
	work->tenures = palloc_array(TenureRow, SPI_processed + 1);
	for (i = 0; i < work->ntenures; i++)
	{
		TenureRow  *row = &work->tenures[i];

		row->member = core_int64(i, 1);
		row->ladder_id = core_int64(i, 2);
		row->tier = core_text(i, 3);
		row->source = (int) core_int64(i, 4);
		row->held.from = time_at(i, 5);
		row->held.until = time_at(i, 6);
		row->held.judged = time_at(i, 7);
		row->held.renewed = core_bool(i, 8);
	}
}

static void
read_grants(Settling *work, ArrayType *members)
{
	static CorePlan plan = {
		.sql = "SELECT member_id, grant_id, listing_id,"
		" CASE source WHEN 'purchased' THEN 1 WHEN 'granted' THEN 2"
		"  WHEN 'matched' THEN 3 WHEN 'seat' THEN 4 ELSE 0 END,"
		" lower(held) AS since, coalesce(upper(held), 'infinity'), judged_at,"
		" coalesce(lower(during), '-infinity'),"
		" coalesce(upper(during), 'infinity')"
		" FROM community.benefit_grant"
		" WHERE program_id = $1 AND member_id = ANY ($2)"
		" AND withdrawn_at IS NULL ORDER BY member_id, since",
		.nargs = 2,
		.argtypes = {INT8OID, INT8ARRAYOID}
	};
	Datum		values[2];
	int			i;

	values[0] = Int64GetDatum(work->program);
	values[1] = PointerGetDatum(members);
	core_run_latest(&plan, values);
	work->ngrants = SPI_processed;
	work->grants = palloc0_array(GrantRow, SPI_processed + 1);
	for (i = 0; i < work->ngrants; i++)
	{
		GrantRow   *row = &work->grants[i];

		row->member = core_int64(i, 1);
		row->id = core_int64(i, 2);
		row->listing_id = core_int64(i, 3);
		row->source = (int) core_int64(i, 4);
		row->held.from = time_at(i, 5);
		row->held.until = time_at(i, 6);
		row->held.judged = time_at(i, 7);
		row->from = time_at(i, 8);
		row->until = time_at(i, 9);
	}
}

static void
add_write(GrantWrites *writes, Datum *values)
{
	static const Oid types[WRITE_COLUMNS] = {WRITE_TYPES};
	int			i;

	for (i = 0; i < WRITE_COLUMNS; i++)
		writes->columns[i] = accumArrayResult(writes->columns[i], values[i],
											  false, types[i],
											  CurrentMemoryContext);
	writes->count++;
}

/* Note a grant, new or moved; "grant" is NULL for a new one. */
static void
put_grant(Settling *work, int64 member, const TierListing *listing,
		  int source, const TierHolding *held, GrantRow *grant)
{
	TimestampTz from = Max(held->from, listing->from);
	TimestampTz until = Min(held->until, listing->until);
	Datum		values[WRITE_COLUMNS];

	if (grant != NULL)
		grant->matched = true;
	if (grant != NULL && grant->held.from == held->from &&
		grant->held.until == held->until &&
		grant->held.judged == held->judged &&
		grant->from == from && grant->until == until)
		return;
	values[WRITE_ID] = Int64GetDatum(grant == NULL ? core_next_id() :
									 grant->id);
	values[WRITE_MEMBER] = Int64GetDatum(member);
	values[WRITE_LISTING] = Int64GetDatum(listing->id);
	values[WRITE_SOURCE] = Int32GetDatum(source);
	values[WRITE_HELD_FROM] = TimestampTzGetDatum(held->from);
	values[WRITE_HELD_UNTIL] = TimestampTzGetDatum(held->until);
	values[WRITE_FROM] = TimestampTzGetDatum(from);
	values[WRITE_UNTIL] = TimestampTzGetDatum(until);
	values[WRITE_JUDGED] = TimestampTzGetDatum(held->judged);
	add_write(grant == NULL ? &work->fresh : &work->changed, values);
}

/* Does a holding bring what is listed?  Points come with its beginning. */
static bool
brings(const TierListing *listing, const TierHolding *held)
{
	if (listing->kind == TIER_BONUS)
		return tier_listing_is_valid(listing, held->from);
	return Max(held->from, listing->from) < Min(held->until, listing->until);
}

/* Bring the grants of a member for one listing and source into line. */
static void
settle_listing(Settling *work, int64 member, const TierListing *listing,
			   int source, const TierHolding *tenures, int ntenures,
			   GrantRow **grants, int ngrants)
{
	TierHolding *held = palloc_array(TierHolding, ntenures + 1);
	TierHolding *granted = palloc_array(TierHolding, ngrants + 1);
	int		   *grant_of = palloc_array(int, ntenures + 1);
	int			n = 0;
	int			i;
	int			count = tier_join_tenures(tenures, ntenures,
										  listing->kind == TIER_BONUS, held);

	for (i = 0; i < count; i++)
		if (brings(listing, &held[i]))
			held[n++] = held[i];
	for (i = 0; i < ngrants; i++)
		granted[i] = grants[i]->held;
	tier_match_holdings(held, n, granted, ngrants, grant_of);
	for (i = 0; i < n; i++)
		put_grant(work, member, listing, source, &held[i],
				  grant_of[i] < 0 ? NULL : grants[grant_of[i]]);
	for (i = 0; i < ngrants; i++)
		if (!grants[i]->matched)
			work->withdrawn = accumArrayResult(work->withdrawn,
											   Int64GetDatum(grants[i]->id),
											   false, INT8OID,
											   CurrentMemoryContext);
	pfree(held);
	pfree(granted);
	pfree(grant_of);
}

/* Bring the grants of one member into line. */
static void
settle_member(Settling *work, int64 member, TenureRow *tenures, int ntenures,
			  GrantRow *grants, int ngrants)
{
	TierHolding *some = palloc_array(TierHolding, ntenures + 1);
	GrantRow  **theirs = palloc_array(GrantRow *, ngrants + 1);
	int			i;
	int			j;
	int			source;

	for (i = 0; i < work->benefits->nlistings; i++)
		for (source = 0; source < SOURCES; source++)
		{
			const TierListing *listing = &work->benefits->listings[i];
			int			nsome = 0;
			int			ntheirs = 0;

			for (j = 0; j < ntenures; j++)
				if (tenures[j].source == source &&
					tenures[j].ladder_id == listing->ladder_id &&
					strcmp(tenures[j].tier, listing->tier) == 0)
					some[nsome++] = tenures[j].held;
			for (j = 0; j < ngrants; j++)
				if (grants[j].source == source &&
					grants[j].listing_id == listing->id)
					theirs[ntheirs++] = &grants[j];
			if (nsome + ntheirs > 0)
				settle_listing(work, member, listing, source, some, nsome,
							   theirs, ntheirs);
		}
	pfree(some);
	pfree(theirs);
}

/* Member by member, through both lists at once. */
static void
compare(Settling *work)
{
	int			t = 0;
	int			g = 0;

	while (t < work->ntenures || g < work->ngrants)
	{
		int64		member = g == work->ngrants ? work->tenures[t].member :
		t == work->ntenures ? work->grants[g].member :
		Min(work->tenures[t].member, work->grants[g].member);
		int			first_t = t;
		int			first_g = g;

		CHECK_FOR_INTERRUPTS();
		while (t < work->ntenures && work->tenures[t].member == member)
			t++;
		while (g < work->ngrants && work->grants[g].member == member)
			g++;
		settle_member(work, member, &work->tenures[first_t], t - first_t,
					  &work->grants[first_g], g - first_g);
	}
}

#define WRITTEN \
	" FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::integer[]," \
	"  $6::timestamptz[], $7::timestamptz[], $8::timestamptz[]," \
	"  $9::timestamptz[], $10::timestamptz[])" \
	"  AS w (grant_id, member_id, listing_id, source, held_from, held_until," \
	"  since, until, judged_at)"

/* a range without end where the end is infinity */
#define RANGE(lower, upper) \
	"tstzrange(nullif(" lower ", '-infinity'), nullif(" upper ", 'infinity'))"

/* Values of a statement over what is to be written. */
static void
write_values(const Settling *work, const GrantWrites *writes, Datum *values)
{
	int			i;

	values[0] = Int64GetDatum(work->program);
	for (i = 0; i < WRITE_COLUMNS; i++)
		values[i + 1] = makeArrayResult(writes->columns[i],
										CurrentMemoryContext);
}

static void
insert_grants(Settling *work)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.benefit_grant (program_id, grant_id,"
		" member_id, benefit_id, listing_id, ladder_id, tier, source, held,"
		" during, judged_at, value, payload)"
		" SELECT l.program_id, w.grant_id, w.member_id, l.benefit_id,"
		" l.listing_id, l.ladder_id, l.tier, (ARRAY['qualified', 'purchased',"
		"  'granted', 'matched', 'seat'])[w.source + 1],"
		" " RANGE("w.held_from", "w.held_until") ","
		" " RANGE("w.since", "w.until") ", w.judged_at,"
		" coalesce(l.factor, b.factor, l.points, b.points),"
		" coalesce(l.payload, b.payload)"
		WRITTEN
		" JOIN community.tier_benefit AS l ON l.program_id = $1"
		" AND l.listing_id = w.listing_id"
		" JOIN community.benefit AS b ON b.program_id = l.program_id"
		" AND b.benefit_id = l.benefit_id",
		.nargs = WRITE_COLUMNS + 1,
		.argtypes = {INT8OID, WRITE_ARRAYS}
	};
	Datum		values[WRITE_COLUMNS + 1];

	if (work->fresh.count == 0)
		return;
	write_values(work, &work->fresh, values);
	core_run(&plan, values, NULL, false);
}

static void
update_grants(Settling *work)
{
	static CorePlan plan = {
		.sql = "UPDATE community.benefit_grant AS g SET"
		" held = " RANGE("w.held_from", "w.held_until") ","
		" during = " RANGE("w.since", "w.until") ","
		" judged_at = w.judged_at, settled_at = clock_timestamp()"
		WRITTEN
		" WHERE g.program_id = $1 AND g.grant_id = w.grant_id",
		.nargs = WRITE_COLUMNS + 1,
		.argtypes = {INT8OID, WRITE_ARRAYS}
	};
	Datum		values[WRITE_COLUMNS + 1];

	if (work->changed.count == 0)
		return;
	write_values(work, &work->changed, values);
	core_run(&plan, values, NULL, false);
}

/* Grants for what never was; gives their ids, or NULL for none. */
static ArrayType *
withdraw_grants(Settling *work)
{
	static CorePlan plan = {
		.sql = "UPDATE community.benefit_grant SET due_at = 'infinity',"
		" withdrawn_at = clock_timestamp()"
		" WHERE program_id = $1 AND grant_id = ANY ($2)",
		.nargs = 2,
		.argtypes = {INT8OID, INT8ARRAYOID}
	};
	Datum		values[2];

	if (work->withdrawn == NULL)
		return NULL;
	values[0] = Int64GetDatum(work->program);
	values[1] = makeArrayResult(work->withdrawn, CurrentMemoryContext);
	core_run(&plan, values, NULL, false);
	return DatumGetArrayTypeP(values[1]);
}

/*
 * Give members what their tenures bring, and take what they do not: grants,
 * and points that are due as of a time.
 */
void
tier_settle_benefits_of(int64 program, ArrayType *members, TimestampTz as_of)
{
	Settling	work = {program, tier_benefits(program), as_of};
	ArrayType  *withdrawn;

	if (work.benefits->nlistings == 0)
		return;
	/* tenures may just have been written without SQL */
	CommandCounterIncrement();
	read_tenures(&work, members);
	read_grants(&work, members);
	compare(&work);
	withdrawn = withdraw_grants(&work);
	update_grants(&work);
	insert_grants(&work);
	if (work.benefits->has[TIER_BONUS] || work.benefits->has[TIER_ALLOWANCE])
		tier_settle_points(program, members, withdrawn, as_of);
}

/* The same for one member. */
void
tier_settle_benefits(int64 program, int64 member, TimestampTz as_of)
{
	Datum		id = Int64GetDatum(member);

	if (tier_benefits(program)->nlistings > 0)
		tier_settle_benefits_of(program,
								construct_array(&id, 1, INT8OID,
												sizeof(int64), true,
												TYPALIGN_DOUBLE), as_of);
}

/*
 * The next members in the order of ids that may have something to settle: for
 * whom points are due, or "all" that have tenures.  NULL when there are none.
 */
ArrayType *
tier_members_to_settle(int64 program, int64 after, TimestampTz as_of,
					   bool all, int32 count)
{
	static CorePlan due = {
		.sql = "SELECT array_agg(m.member_id ORDER BY m.member_id) FROM ("
		" SELECT DISTINCT g.member_id FROM community.benefit_grant AS g"
		" WHERE g.program_id = $1 AND g.member_id > $2 AND g.due_at <= $3"
		" AND g.due_at < 'infinity' AND g.withdrawn_at IS NULL"
		" ORDER BY g.member_id LIMIT $4) AS m",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID, INT4OID}
	};
	static CorePlan everybody = {
		.sql = "SELECT array_agg(m.member_id ORDER BY m.member_id) FROM ("
		" SELECT m.member_id FROM community.member AS m"
		" WHERE m.program_id = $1 AND m.member_id > $2"
		" AND $3 IS NOT NULL AND (EXISTS (SELECT FROM community.tenure AS t"
		"  WHERE t.program_id = m.program_id AND t.member_id = m.member_id)"
		" OR EXISTS (SELECT FROM community.benefit_grant AS g"
		"  WHERE g.program_id = m.program_id AND g.member_id = m.member_id"
		"  AND g.withdrawn_at IS NULL))"
		" ORDER BY m.member_id LIMIT $4) AS m",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID, INT4OID}
	};
	Datum		values[4];
	Datum		ids;
	bool		isnull;

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(after);
	values[2] = TimestampTzGetDatum(as_of);
	values[3] = Int32GetDatum(count);
	core_run(all ? &everybody : &due, values, NULL, false);
	ids = core_field(0, 1, &isnull);
	return isnull ? NULL : DatumGetArrayTypeP(ids);
}
