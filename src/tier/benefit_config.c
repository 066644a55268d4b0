/*-------------------------------------------------------------------------
 *
 * benefit_config.c
 *	  Which tiers bring what, kept for the session until that changes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "tier/benefit.h"

TierLedger	tier_ledger;

static MemoryContext kept_context = NULL;
static TierBenefits *kept = NULL;
static uint64 kept_benefits = 0;
static uint64 kept_listings = 0;
static uint64 kept_versions = 0;

static TierBenefitKind
kind_of(const char *kind)
{
	return strcmp(kind, "multiplier") == 0 ? TIER_MULTIPLIER :
		strcmp(kind, "allowance") == 0 ? TIER_ALLOWANCE :
		strcmp(kind, "points") == 0 ? TIER_BONUS : TIER_FLAG;
}

static TimestampTz
time_field(int row, int column, TimestampTz otherwise)
{
	bool		isnull;
	Datum		value = core_field(row, column, &isnull);

	return isnull ? otherwise : DatumGetTimestampTz(value);
}

/* Names of rules, copied; an array is as the constraints let it be. */
static void
read_rules(int row, int column, TierListing *listing)
{
	bool		isnull;
	Datum		value = core_field(row, column, &isnull);
	Datum	   *names;
	int			i;

	if (isnull)
		return;
	deconstruct_array(DatumGetArrayTypeP(value), TEXTOID, -1, false,
					  TYPALIGN_INT, &names, NULL, &listing->nrules);
	listing->rules = palloc_array(char *, listing->nrules);
	for (i = 0; i < listing->nrules; i++)
		listing->rules[i] = TextDatumGetCString(names[i]);
}

static void
read_listing(int row, TierListing *listing)
{
	bool		isnull;
	Datum		period;

	listing->id = core_int64(row, 1);
	listing->ladder_id = core_int64(row, 2);
	listing->tier = core_text(row, 3);
	listing->benefit_id = core_int64(row, 4);
	listing->code = core_text(row, 5);
	listing->kind = kind_of(core_text(row, 6));
	listing->currency_id = core_int64(row, 7);
	listing->factor = core_int64(row, 8);
	read_rules(row, 9, listing);
	listing->from = time_field(row, 10, DT_NOBEGIN);
	listing->until = time_field(row, 11, DT_NOEND);
	listing->points = core_int64(row, 12);
	period = core_field(row, 13, &isnull);
	if (!isnull)
		listing->period = *DatumGetPeriodP(period);
}

/* Note what kinds there are, and each multiplier once. */
static void
sum_up(TierBenefits *benefits)
{
	int			i;

	benefits->multipliers = palloc_array(Datum, benefits->nlistings + 1);
	for (i = 0; i < benefits->nlistings; i++)
	{
		const TierListing *listing = &benefits->listings[i];

		benefits->has[listing->kind] = true;
		/* the listings are sorted by benefit */
		if (listing->kind == TIER_MULTIPLIER &&
			(i == 0 || listing[-1].benefit_id != listing->benefit_id))
			benefits->multipliers[benefits->nmultipliers++] =
				Int64GetDatum(listing->benefit_id);
	}
}

static TierBenefits *
read_benefits(int64 program)
{
	static CorePlan plan = {
		.sql = "SELECT l.listing_id, l.ladder_id, l.tier, b.benefit_id, b.code,"
		" b.kind, coalesce(b.currency_id, 0),"
		" (coalesce(l.factor, b.factor, 1) * 1000000)::bigint, b.rules,"
		" lower(l.valid), upper(l.valid), coalesce(l.points, b.points, 0),"
		" b.period"
		" FROM community.tier_benefit AS l"
		" JOIN community.benefit AS b ON b.program_id = l.program_id"
		" AND b.benefit_id = l.benefit_id"
		" WHERE l.program_id = $1 ORDER BY b.benefit_id, l.listing_id",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	TierBenefits *benefits;
	MemoryContext old;
	Datum		values[1];
	int			i;

	values[0] = Int64GetDatum(program);
	core_run_latest(&plan, values);
	old = MemoryContextSwitchTo(kept_context);
	benefits = palloc0_object(TierBenefits);
	benefits->program = program;
	benefits->nlistings = SPI_processed;
	benefits->listings = palloc0_array(TierListing, SPI_processed + 1);
	for (i = 0; i < benefits->nlistings; i++)
		read_listing(i, &benefits->listings[i]);
	sum_up(benefits);
	MemoryContextSwitchTo(old);
	return benefits;
}

/* When members of each published ladder may have to be judged otherwise. */
static void
read_ladders(int64 program, TierBenefits *benefits)
{
	static CorePlan plan = {
		.sql = "SELECT ladder_id, max(greatest(published_at,"
		" coalesce(lower(valid), '-infinity')))"
		" FROM community.ladder_version WHERE program_id = $1"
		" GROUP BY ladder_id",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	Datum		values[1];
	int			i;

	values[0] = Int64GetDatum(program);
	core_run_latest(&plan, values);
	benefits->nladders = SPI_processed;
	benefits->ladders = MemoryContextAlloc(kept_context,
										   (SPI_processed + 1) *
										   sizeof(TierLadderChange));
	for (i = 0; i < benefits->nladders; i++)
	{
		benefits->ladders[i].ladder_id = core_int64(i, 1);
		benefits->ladders[i].changed_at = time_field(i, 2, DT_NOBEGIN);
	}
}

/*
 * What the tiers of a program bring.  One program is kept: sessions that
 * serve several in turn read again.  Inside core_enter().
 */
const TierBenefits *
tier_benefits(int64 program)
{
	static CoreWatch benefit_watch = {.name = "benefit"};
	static CoreWatch listing_watch = {.name = "tier_benefit"};
	static CoreWatch version_watch = {.name = "ladder_version"};
	uint64		benefits = core_watch(&benefit_watch);
	uint64		listings = core_watch(&listing_watch);
	uint64		versions = core_watch(&version_watch);
	TierBenefits *fresh;

	if (kept != NULL && kept->program == program && benefits != 0 &&
		benefits == kept_benefits && listings != 0 &&
		listings == kept_listings && versions != 0 &&
		versions == kept_versions)
		return kept;
	kept = NULL;
	/* whoever works with what was kept may do so until the end */
	if (kept_context != NULL)
		MemoryContextSetParent(kept_context, TopTransactionContext);
	kept_context = AllocSetContextCreate(TopMemoryContext,
										 "community benefits",
										 ALLOCSET_SMALL_SIZES);
	fresh = read_benefits(program);
	read_ladders(program, fresh);
	kept_benefits = benefits;
	kept_listings = listings;
	kept_versions = versions;
	kept = fresh;
	return kept;
}

/* A listing by its id; rows of it are never deleted once they count. */
const TierListing *
tier_listing(const TierBenefits *benefits, int64 id)
{
	int			i;

	for (i = 0; i < benefits->nlistings; i++)
		if (benefits->listings[i].id == id)
			return &benefits->listings[i];
	return NULL;
}

/* Does the tier bring the benefit then? */
bool
tier_listing_is_valid(const TierListing *listing, TimestampTz at)
{
	return at >= listing->from && at < listing->until;
}

/* When the ladder was changed last; -infinity when it never was. */
TimestampTz
tier_ladder_changed_at(const TierBenefits *benefits, int64 ladder_id)
{
	int			i;

	for (i = 0; i < benefits->nladders; i++)
		if (benefits->ladders[i].ladder_id == ladder_id)
			return benefits->ladders[i].changed_at;
	return DT_NOBEGIN;
}
