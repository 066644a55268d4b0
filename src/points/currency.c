/*-------------------------------------------------------------------------
 *
 * currency.c
 *	  Currencies, and what they say about a credit.
 *
 * The currencies of all programs are kept for the session until a row of
 * currency or program changes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "points/ledger.h"

static MemoryContext kept_context = NULL;
static PointsCurrency *kept = NULL;
static int	nkept = 0;
static uint64 kept_generation = 0;
static uint64 kept_zones = 0;

/* A copy of a field that is passed by reference; NULL for null. */
static void *
copy_field(int row, int column, int size)
{
	bool		isnull;
	Datum		value = core_field(row, column, &isnull);
	void	   *copy;

	if (isnull)
		return NULL;
	copy = MemoryContextAlloc(kept_context, size);
	memcpy(copy, DatumGetPointer(value), size);
	return copy;
}

static void
read_currency(int row, PointsCurrency *currency)
{
	char	   *rounding = core_text(row, 5);
	char	   *burn_order = core_text(row, 11);
	char	   *policy = core_text(row, 13);

	currency->program = core_int64(row, 1);
	currency->id = core_int64(row, 2);
	currency->code = MemoryContextStrdup(kept_context, core_text(row, 3));
	currency->scale = (int32) core_int64(row, 4);
	currency->rounding = strcmp(rounding, "up") == 0 ? POINTS_UP :
		strcmp(rounding, "nearest") == 0 ? POINTS_NEAREST : POINTS_DOWN;
	currency->pending_for = copy_field(row, 6, sizeof(Interval));
	currency->until_released = core_bool(row, 7);
	currency->expires_after = copy_field(row, 8, sizeof(Interval));
	currency->expiry_rounding = copy_field(row, 9, sizeof(Period));
	currency->inactive_after = copy_field(row, 10, sizeof(Interval));
	currency->burn_order =
		strcmp(burn_order, "oldest") == 0 ? POINTS_BURN_OLDEST :
		strcmp(burn_order, "newest") == 0 ? POINTS_BURN_NEWEST :
		POINTS_BURN_EXPIRY;
	currency->overdraft = core_int64(row, 12);
	currency->return_policy =
		strcmp(policy, "within_balance") == 0 ? POINTS_RETURN_WITHIN_BALANCE :
		strcmp(policy, "only_pending") == 0 ? POINTS_RETURN_ONLY_PENDING :
		POINTS_RETURN_DEFICIT;
	currency->zone = period_zone(core_text(row, 14));
}

static CoreWatch currencies = {.name = "currency"};
static CoreWatch programs = {.name = "program"};

static bool
kept_are_right(uint64 generation, uint64 zones)
{
	return kept != NULL && generation != 0 && generation == kept_generation &&
		zones != 0 && zones == kept_zones;
}

/*
 * Read them all again if anything has changed.  What was handed out before
 * stays until the end of the transaction.
 */
static void
refresh_currencies(void)
{
	static CorePlan plan = {
		.sql = "SELECT c.program_id, c.currency_id, c.code, c.scale, c.rounding,"
		" c.pending_for, c.until_released, c.expires_after,"
		" coalesce(c.expiry_rounding, CASE WHEN c.expires_after IS NOT NULL"
		"  OR c.inactive_after IS NOT NULL"
		"  THEN community.period 'calendar month' END),"
		" c.inactive_after, c.burn_order, c.overdraft, c.return_policy,"
		" p.time_zone"
		" FROM community.currency AS c"
		" JOIN community.program AS p ON p.program_id = c.program_id"
		" ORDER BY c.program_id, c.currency_id"
	};
	uint64		generation = core_watch(&currencies);
	uint64		zones = core_watch(&programs);
	uint64		i;

	if (kept_are_right(generation, zones))
		return;
	kept = NULL;
	if (kept_context != NULL)
		MemoryContextSetParent(kept_context, TopTransactionContext);
	kept_context = AllocSetContextCreate(TopMemoryContext,
										 "community currencies",
										 ALLOCSET_SMALL_SIZES);
	core_run_latest(&plan, NULL);
	nkept = SPI_processed;
	kept = MemoryContextAllocZero(kept_context,
								  (nkept + 1) * sizeof(PointsCurrency));
	for (i = 0; i < SPI_processed; i++)
		read_currency(i, &kept[i]);
	kept_generation = generation;
	kept_zones = zones;
}

static const PointsCurrency *
find_by_code(int64 program, text *code)
{
	int			i;

	for (i = 0; i < nkept; i++)
		if (kept[i].program == program && core_text_is(code, kept[i].code))
			return &kept[i];
	return NULL;
}

static const PointsCurrency *
find_by_id(int64 program, int64 id)
{
	int			i;

	for (i = 0; i < nkept; i++)
		if (kept[i].program == program && kept[i].id == id)
			return &kept[i];
	return NULL;
}

/* The currency of that code, if that can be told without SQL. */
const PointsCurrency *
points_kept_currency(int64 program, text *code)
{
	uint64		generation = core_watch(&currencies);
	uint64		zones = core_watch(&programs);

	return kept_are_right(generation, zones) ? find_by_code(program, code) :
		NULL;
}

/* The code of a currency that was in use in this call, NULL for others. */
const char *
points_kept_code(int64 program, int64 id)
{
	const PointsCurrency *currency = kept == NULL ? NULL :
	find_by_id(program, id);

	return currency != NULL ? currency->code : NULL;
}

/* The currency of that code, or an error. */
const PointsCurrency *
points_currency(int64 program, text *code)
{
	const PointsCurrency *currency;

	refresh_currencies();
	currency = find_by_code(program, code);
	if (currency != NULL)
		return currency;
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("currency \"%s\" of program \"%s\" does not exist",
					text_to_cstring(code), core_program_name(program)),
			 errhint("Currencies are the rows of community.currency.")));
	return NULL;				/* keep compiler quiet */
}

const PointsCurrency *
points_currency_by_id(int64 program, int64 id)
{
	const PointsCurrency *currency;

	refresh_currencies();
	currency = find_by_id(program, id);
	if (currency != NULL)
		return currency;
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("currency %lld of program \"%s\" does not exist",
					(long long) id, core_program_name(program))));
	return NULL;				/* keep compiler quiet */
}

/* When do points earned then expire? */
TimestampTz
points_expiry(const PointsCurrency *currency, TimestampTz at)
{
	const Interval *term = currency->expires_after != NULL ?
	currency->expires_after : currency->inactive_after;

	if (term == NULL && currency->expiry_rounding == NULL)
		return DT_NOEND;
	if (term != NULL)
		at = period_add_interval(at, term, currency->zone);
	return period_upper(currency->expiry_rounding, at, false, 0,
						currency->zone);
}

/* From when can points earned then be spent? */
TimestampTz
points_availability(const PointsCurrency *currency, TimestampTz at)
{
	if (currency->until_released)
		return DT_NOEND;
	if (currency->pending_for == NULL)
		return DT_NOBEGIN;
	return period_add_interval(at, currency->pending_for, currency->zone);
}

/* What puts points earned then into the burn order of the currency? */
int32
points_priority(const PointsCurrency *currency, TimestampTz at)
{
	int32		day;

	if (currency->burn_order == POINTS_BURN_EXPIRY)
		return 0;
	day = (int32) (at / USECS_PER_DAY);
	return currency->burn_order == POINTS_BURN_OLDEST ? day : -day;
}

/* Give a new program the currency that functions take by default. */
void
points_open_program(int64 program)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.currency (program_id, code)"
		" VALUES ($1, 'points')",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	Datum		values[1];

	values[0] = Int64GetDatum(program);
	core_run(&plan, values, NULL, false);
}
