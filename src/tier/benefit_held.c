/*-------------------------------------------------------------------------
 *
 * benefit_held.c
 *	  What a member has of benefits at a time: has_benefit(), benefits(), and
 *	  by what it multiplies what rules give.
 *
 * Grants answer, by one index probe.  They do not know what time alone has
 * changed and nobody has booked yet; where that may be, the member is worked
 * out instead, so that no answer depends on when a job has run.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "parser/parse_func.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "tier/benefit.h"

PG_FUNCTION_INFO_V1(community_has_benefit);
PG_FUNCTION_INFO_V1(community_benefits);

/* Who settled a member so soon after a ladder changed may have missed it. */
#define MISSED		USECS_PER_HOUR

/* Listings that a member has at a time. */
typedef struct Held
{
	const TierBenefits *benefits;
	int			count;
	const TierListing **listings;
	bool		certain;		/* of each of them */
	bool		latest;			/* whatever the snapshot of the query */
} Held;

/* Read, for a decision under the lock of the member with what is there now. */
static void
read_rows(const Held *held, CorePlan *plan, Datum *values)
{
	if (held->latest)
		core_run_latest(plan, values);
	else
		core_run(plan, values, NULL, true);
}

static Datum
id_array(const Datum *ids, int count)
{
	return PointerGetDatum(construct_array(unconstify(Datum *, ids), count,
										   INT8OID, sizeof(int64), true,
										   TYPALIGN_DOUBLE));
}

/* Is what a grant says at that time known without working it out? */
static bool
is_certain(const TierBenefits *benefits, const TierListing *listing, int row,
		   TimestampTz at)
{
	bool		isnull;
	TimestampTz judged_at = DatumGetTimestampTz(core_field(row, 2, &isnull));
	TimestampTz settled_at = DatumGetTimestampTz(core_field(row, 3, &isnull));
	TimestampTz changed_at;

	if (!core_bool(row, 4))
		return true;
	changed_at = tier_ladder_changed_at(benefits, listing->ladder_id);
	return at < judged_at &&
		(changed_at == DT_NOBEGIN ||
		 (changed_at < DT_NOEND && settled_at > changed_at + MISSED));
}

#define PROBE \
	"SELECT listing_id, judged_at, settled_at, source = 'qualified'" \
	" FROM community.benefit_grant" \
	" WHERE program_id = $1 AND member_id = $2 AND withdrawn_at IS NULL" \
	" AND during @> $4 AND benefit_id = "

/* What the grants of benefits say. */
static void
probe_grants(Held *held, int64 member, const Datum *benefit_ids, int count,
			 TimestampTz at)
{
	static CorePlan one = {
		.sql = PROBE "$3",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID}
	};
	static CorePlan several = {
		.sql = PROBE "ANY ($3)",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, INT8ARRAYOID, TIMESTAMPTZOID}
	};
	Datum		values[4];
	int			i;

	values[0] = Int64GetDatum(held->benefits->program);
	values[1] = Int64GetDatum(member);
	values[2] = count == 1 ? benefit_ids[0] : id_array(benefit_ids, count);
	values[3] = TimestampTzGetDatum(at);
	read_rows(held, count == 1 ? &one : &several, values);
	held->listings = palloc_array(const TierListing *, SPI_processed + 1);
	held->count = 0;
	held->certain = true;
	for (i = 0; i < SPI_processed; i++)
	{
		const TierListing *listing = tier_listing(held->benefits,
												  core_int64(i, 1));

		if (listing == NULL || !tier_listing_is_valid(listing, at))
			continue;
		held->certain &= is_certain(held->benefits, listing, i, at);
		held->listings[held->count++] = listing;
	}
}

/* Does a listing bring one of the benefits? */
static bool
is_among(const TierListing *listing, const Datum *benefit_ids, int count)
{
	int			i;

	for (i = 0; i < count; i++)
		if (DatumGetInt64(benefit_ids[i]) == listing->benefit_id)
			return true;
	return false;
}

/* The ladders that bring any of the benefits, each once. */
static Datum
ladders_of(const TierBenefits *benefits, const Datum *benefit_ids, int count)
{
	Datum	   *ladders = palloc_array(Datum, benefits->nlistings + 1);
	int			n = 0;
	int			i;
	int			j;

	for (i = 0; i < benefits->nlistings; i++)
	{
		const TierListing *listing = &benefits->listings[i];

		for (j = 0; j < n; j++)
			if (DatumGetInt64(ladders[j]) == listing->ladder_id)
				break;
		if (j == n && is_among(listing, benefit_ids, count))
			ladders[n++] = Int64GetDatum(listing->ladder_id);
	}
	return id_array(ladders, n);
}

/*
 * May time, a ruling or a version have moved the member on one of the ladders
 * by then, and nobody has booked it?  Without a standing nobody has at all.
 */
static bool
may_have_moved(const Held *held, int64 member, Datum ladders,
			   TimestampTz at)
{
	static CorePlan plan = {
		.sql = "SELECT EXISTS (SELECT FROM unnest($3) AS d (ladder_id)"
		" CROSS JOIN LATERAL (SELECT max(v.version_id) AS newest"
		"  FROM community.ladder_version AS v WHERE v.program_id = $1"
		"  AND v.ladder_id = d.ladder_id) AS v"
		" LEFT JOIN community.standing AS s ON s.program_id = $1"
		"  AND s.ladder_id = d.ladder_id AND s.member_id = $2"
		" WHERE v.newest IS NOT NULL AND (s.member_id IS NULL"
		"  OR s.due <= $4 OR s.seen_id < v.newest))"
		" OR EXISTS (SELECT FROM community.standing_touch AS t"
		"  WHERE t.program_id = $1 AND t.member_id = $2)",
		.by_index = true,
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, INT8ARRAYOID, TIMESTAMPTZOID}
	};
	Datum		values[4];

	values[0] = Int64GetDatum(held->benefits->program);
	values[1] = Int64GetDatum(member);
	values[2] = ladders;
	values[3] = TimestampTzGetDatum(at);
	read_rows(held, &plan, values);
	return core_bool(0, 1);
}

/*
 * What the member has by its tenures as they are at that time, booked or not.
 * The one place that asks for them.
 */
static void
work_out(Held *held, int64 member, Datum ladders,
		 const Datum *benefit_ids, int count, TimestampTz at)
{
	static CorePlan plan = {
		.sql = "SELECT DISTINCT l.listing_id FROM unnest($3) AS d (ladder_id)"
		" CROSS JOIN LATERAL community.tenures_as_of($2, d.ladder_id, $4, $1)"
		"  AS t (tier, rank, source, during)"
		" JOIN community.tier_benefit AS l ON l.program_id = $1"
		" AND l.ladder_id = d.ladder_id AND l.tier = t.tier"
		" WHERE t.during @> $4",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, INT8ARRAYOID, TIMESTAMPTZOID}
	};
	Datum		values[4];
	int			i;

	values[0] = Int64GetDatum(held->benefits->program);
	values[1] = Int64GetDatum(member);
	values[2] = ladders;
	values[3] = TimestampTzGetDatum(at);
	read_rows(held, &plan, values);
	held->listings = palloc_array(const TierListing *, SPI_processed + 1);
	held->count = 0;
	for (i = 0; i < SPI_processed; i++)
	{
		const TierListing *listing = tier_listing(held->benefits,
												  core_int64(i, 1));

		if (listing != NULL && tier_listing_is_valid(listing, at) &&
			is_among(listing, benefit_ids, count))
			held->listings[held->count++] = listing;
	}
	held->certain = true;
}

/* Is there anybody to ask for tenures that are not booked? */
static bool
can_work_out(void)
{
	static const Oid types[] = {INT8OID, INT8OID, TIMESTAMPTZOID, INT8OID};
	List	   *name = list_make2(makeString(COMMUNITY_SCHEMA),
								  makeString("tenures_as_of"));

	return OidIsValid(LookupFuncName(name, lengthof(types), types, true));
}

/*
 * What a member has of some benefits at a time.  With "any", that it has one
 * of them for certain is enough.
 */
static void
find_held(Held *held, int64 member, const Datum *benefit_ids, int count,
		  bool any, TimestampTz at)
{
	Datum		ladders;

	probe_grants(held, member, benefit_ids, count, at);
	if (any && held->certain && held->count > 0)
		return;
	ladders = ladders_of(held->benefits, benefit_ids, count);
	if (may_have_moved(held, member, ladders, at) &&
		can_work_out())
		work_out(held, member, ladders, benefit_ids, count, at);
}

/* The id of a benefit that no tier brings, or an error. */
static void
check_code(int64 program, text *code)
{
	static CorePlan plan = {
		.sql = "SELECT FROM community.benefit"
		" WHERE program_id = $1 AND code = $2",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTOID}
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = PointerGetDatum(code);
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("benefit \"%s\" of program \"%s\" does not exist",
						text_to_cstring(code), core_program_name(program)),
				 errhint("Benefits are the rows of community.benefit.")));
}

static void
check_member(int64 program, int64 member)
{
	bool		closed;

	if (!core_member_is_known(program, member, &closed))
		core_refuse_member(program, member, false);
}

/* has_benefit(member, code, as_of, program) -> boolean */
Datum
community_has_benefit(PG_FUNCTION_ARGS)
{
	int64		member = PG_GETARG_INT64(0);
	text	   *code = PG_GETARG_TEXT_PP(1);
	TimestampTz as_of = PG_GETARG_TIMESTAMPTZ(2);
	int64		program = PG_GETARG_INT64(3);
	char	   *name = text_to_cstring(code);
	Held		held = {0};
	Datum		id = 0;
	CoreScope	scope;
	int			i;

	core_enter(&scope);
	held.benefits = tier_benefits(program);
	for (i = 0; i < held.benefits->nlistings; i++)
		if (strcmp(held.benefits->listings[i].code, name) == 0)
			id = Int64GetDatum(held.benefits->listings[i].benefit_id);
	if (id == 0)
		check_code(program, code);
	else
		find_held(&held, member, &id, 1, true, as_of);
	if (held.count == 0)
		check_member(program, member);
	core_leave(&scope);
	PG_RETURN_BOOL(held.count > 0);
}

/* Listings that bring anything, each benefit once. */
static Datum *
all_benefits(const TierBenefits *benefits, int *count)
{
	Datum	   *ids = palloc_array(Datum, benefits->nlistings + 1);
	int			i;

	*count = 0;
	for (i = 0; i < benefits->nlistings; i++)
		if (*count == 0 || DatumGetInt64(ids[*count - 1]) !=
			benefits->listings[i].benefit_id)
			ids[(*count)++] = Int64GetDatum(benefits->listings[i].benefit_id);
	return ids;
}

/* Rows for listings that a member has; what no grant knows yet has no end. */
static void
put_benefits(ReturnSetInfo *info, int64 program, int64 member,
			 const Held *held, TimestampTz as_of)
{
	static CorePlan plan = {
		.sql = "SELECT b.code, b.kind, l.tier, d.name, c.code,"
		" coalesce(l.factor, b.factor, l.points, b.points), b.rules, b.period,"
		" coalesce(l.payload, b.payload), g.during"
		" FROM community.tier_benefit AS l"
		" JOIN community.benefit AS b ON b.program_id = l.program_id"
		" AND b.benefit_id = l.benefit_id"
		" JOIN community.ladder AS d ON d.program_id = l.program_id"
		" AND d.ladder_id = l.ladder_id"
		" LEFT JOIN community.currency AS c ON c.program_id = b.program_id"
		" AND c.currency_id = b.currency_id"
		" LEFT JOIN LATERAL (SELECT range_merge(g.during) AS during FROM ("
		"  SELECT range_agg(g.during) AS during"
		"  FROM community.benefit_grant AS g"
		"  WHERE g.program_id = l.program_id AND g.member_id = $2"
		"  AND g.benefit_id = l.benefit_id AND g.listing_id = l.listing_id"
		"  AND g.withdrawn_at IS NULL AND g.during @> $4) AS g) AS g ON true"
		" WHERE l.program_id = $1 AND l.listing_id = ANY ($3)"
		" ORDER BY b.code, d.name, l.tier",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, INT8ARRAYOID, TIMESTAMPTZOID}
	};
	Datum	   *ids = palloc_array(Datum, held->count + 1);
	Datum		values[4];
	int			i;

	for (i = 0; i < held->count; i++)
		ids[i] = Int64GetDatum(held->listings[i]->id);
	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	values[2] = id_array(ids, held->count);
	values[3] = TimestampTzGetDatum(as_of);
	core_run(&plan, values, NULL, true);
	for (i = 0; i < SPI_processed; i++)
		tuplestore_puttuple(info->setResult, SPI_tuptable->vals[i]);
}

/* benefits(member, as_of, program) -> set of rows */
Datum
community_benefits(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *info = (ReturnSetInfo *) fcinfo->resultinfo;
	int64		member = PG_GETARG_INT64(0);
	TimestampTz as_of = PG_GETARG_TIMESTAMPTZ(1);
	int64		program = PG_GETARG_INT64(2);
	Held		held = {0};
	CoreScope	scope;
	Datum	   *ids;
	int			count;

	(void) core_begin_rows(fcinfo, NULL);
	core_enter(&scope);
	check_member(program, member);
	held.benefits = tier_benefits(program);
	ids = all_benefits(held.benefits, &count);
	find_held(&held, member, ids, count, false, as_of);
	if (held.count > 0)
		put_benefits(info, program, member, &held, as_of);
	core_leave(&scope);
	return (Datum) 0;
}

/* The factor of a listing for a rule, or 0 when it is not for that rule. */
static int64
factor_for(const TierListing *listing, const char *rule, int64 currency_id)
{
	int			i;

	if (listing->kind != TIER_MULTIPLIER ||
		listing->currency_id != currency_id)
		return 0;
	if (listing->nrules == 0)
		return listing->factor;
	for (i = 0; i < listing->nrules; i++)
		if (strcmp(listing->rules[i], rule) == 0)
			return listing->factor;
	return 0;
}

/*
 * By what the member multiplies what rules give it for an event at that time:
 * of several factors the highest.  Those that count are of the tiers that it
 * held just before, so an event is not rewarded for what it brings about, and
 * it does not matter whether tiers are worked out before points or after.
 */
bool
tier_multiply(int64 program, int64 member, TimestampTz at, int count,
			  const char *const *rules, const int64 *currency_ids,
			  int64 *factors)
{
	Held		held = {tier_benefits(program)};
	bool		any = false;
	int			i;
	int			j;

	if (held.benefits->nmultipliers == 0)
		return false;
	held.latest = true;
	find_held(&held, member, held.benefits->multipliers,
			  held.benefits->nmultipliers, false, at - 1);
	for (i = 0; i < count; i++)
	{
		int64		best = 0;

		for (j = 0; j < held.count; j++)
			best = Max(best, factor_for(held.listings[j], rules[i],
										currency_ids[i]));
		factors[i] = best == 0 ? TIER_FACTOR_SCALE : best;
		any |= factors[i] != TIER_FACTOR_SCALE;
	}
	return any;
}
