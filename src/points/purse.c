/*-------------------------------------------------------------------------
 *
 * purse.c
 *	  Purses as values for other C code: allocation around the arithmetic of
 *	  purse_algo.c, and errors for what it reports.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/int.h"

#include "points/purse.h"

/* Lots for which a sum makes room at first */
#define PURSE_SUM_LOTS	64

/*
 * A datum as a purse, detoasted.  What the library cannot read it must not
 * touch: a damaged size would make it read beyond the value.
 */
Purse *
purse_from_datum(Datum value)
{
	Purse	   *purse = (Purse *) PG_DETOAST_DATUM(value);

	if (VARSIZE(purse) < PURSE_HEADER ||
		(VARSIZE(purse) - PURSE_HEADER) % sizeof(PurseLot) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("purse of %zu bytes is damaged",
						(Size) VARSIZE(purse)),
				 errdetail("A purse has %zu bytes and %zu for each lot.",
						   PURSE_HEADER, sizeof(PurseLot))));
	if (purse->version != PURSE_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("unsupported version %d of purse, expected %d",
						purse->version, PURSE_VERSION)));
	return purse;
}

/* Refuse more lots than a value can hold. */
void
purse_check_count(int64 count)
{
	if (count > PURSE_MAX_LOTS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("purse of %lld lots is too large",
						(long long) count),
				 errdetail("A purse holds at most %d lots.",
						   PURSE_MAX_LOTS)));
}

/* A purse with room for lots, and none in it. */
Purse *
purse_alloc(int lot_count)
{
	Purse	   *purse;

	purse_check_count(lot_count);
	purse = palloc(PURSE_HEADER + lot_count * sizeof(PurseLot));
	purse->version = PURSE_VERSION;
	memset(purse->zero, 0, sizeof(purse->zero));
	purse_set_count(purse, 0);
	return purse;
}

void
purse_set_count(Purse *purse, int count)
{
	SET_VARSIZE(purse, PURSE_HEADER + count * sizeof(PurseLot));
}

/* Complain that the points of the lot with this key do not fit. */
void
purse_lot_overflow(const PurseLot *lot)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("points of purse lot %s out of range",
					purse_key_text(lot)),
			 errdetail("A lot holds between %lld and %lld points.",
					   (long long) PG_INT64_MIN, (long long) PG_INT64_MAX)));
}

/* Give the purse its lots, or complain of the one that did not fit. */
static Purse *
purse_done(Purse *purse, int count, bool fits)
{
	if (!fits)
		purse_lot_overflow(&purse->lots[count]);
	purse_set_count(purse, count);
	return purse;
}

Purse *
purse_zero(void)
{
	return purse_alloc(0);
}

Purse *
purse_make(int64 points, TimestampTz available_at, TimestampTz expires_at,
		   int32 priority)
{
	Purse	   *purse = purse_alloc(1);

	purse->lots[0].points = points;
	purse->lots[0].available_at = available_at;
	purse->lots[0].expires_at = expires_at;
	purse->lots[0].priority = priority;
	purse->lots[0].zero = 0;
	purse_set_count(purse, points != 0 ? 1 : 0);
	return purse;
}

static Purse *
purse_combine(const Purse *a, const Purse *b, bool minus)
{
	Purse	   *result = purse_alloc(purse_count(a) + purse_count(b));
	int			count;
	bool		fits;

	fits = purse_lots_add(result->lots, &count, a->lots, purse_count(a),
						  b->lots, purse_count(b), minus);
	return purse_done(result, count, fits);
}

Purse *
purse_add(const Purse *a, const Purse *b)
{
	return purse_combine(a, b, false);
}

Purse *
purse_subtract(const Purse *a, const Purse *b)
{
	return purse_combine(a, b, true);
}

Purse *
purse_negate(const Purse *purse)
{
	Purse	   *result = purse_alloc(purse_count(purse));
	int			count;
	bool		fits;

	fits = purse_lots_negate(result->lots, &count, purse->lots,
							 purse_count(purse));
	return purse_done(result, count, fits);
}

/* There is one form of each purse, to the byte. */
bool
purse_equal(const Purse *a, const Purse *b)
{
	return VARSIZE(a) == VARSIZE(b) &&
		memcmp(a->lots, b->lots, VARSIZE(a) - PURSE_HEADER) == 0;
}

Purse *
purse_settle(const Purse *purse, TimestampTz at)
{
	Purse	   *result = purse_alloc(purse_count(purse));
	int			count;
	bool		fits;

	fits = purse_lots_settle(result->lots, &count, purse->lots,
							 purse_count(purse), at);
	return purse_done(result, count, fits);
}

/* Complain that a sum over lots does not fit; "what" is the sum. */
static void
purse_total_overflow(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("%s points of a purse out of range", what),
			 errdetail("They must be between %lld and %lld.",
					   (long long) PG_INT64_MIN, (long long) PG_INT64_MAX)));
}

static int64
purse_sum_of(const Purse *purse, int states, TimestampTz at,
			 const char *what)
{
	int64		total;

	if (!purse_lots_total(&total, purse->lots, purse_count(purse), states,
						  at))
		purse_total_overflow(what);
	return total;
}

int64
purse_total(const Purse *purse)
{
	return purse_sum_of(purse, PURSE_ALL, 0, "total");
}

/* What the lots below zero come to, whatever the time. */
int64
purse_owed(const Purse *purse)
{
	int64		owed = 0;
	int			i;

	for (i = 0; i < purse_count(purse); i++)
		if (purse->lots[i].points < 0 &&
			pg_sub_s64_overflow(owed, purse->lots[i].points, &owed))
			purse_total_overflow("owed");
	return owed;
}

int64
purse_available(const Purse *purse, TimestampTz at)
{
	return purse_sum_of(purse, PURSE_LIVE, at, "available");
}

int64
purse_pending(const Purse *purse, TimestampTz at)
{
	return purse_sum_of(purse, PURSE_PENDING, at, "pending");
}

int64
purse_expired(const Purse *purse, TimestampTz at)
{
	return purse_sum_of(purse, PURSE_EXPIRED, at, "expired");
}

int64
purse_live_total(const Purse *purse, TimestampTz at)
{
	return purse_sum_of(purse, PURSE_LIVE | PURSE_PENDING, at,
						"available and pending");
}

static void
purse_check_points(int64 points)
{
	if (points < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of points must not be negative, but is %lld",
						(long long) points)));
}

Purse *
purse_take_up_to(const Purse *purse, int64 points, TimestampTz at,
				 int64 *taken)
{
	Purse	   *result = purse_alloc(purse_count(purse));
	int			count;

	purse_check_points(points);
	if (!purse_lots_take(result->lots, &count, taken, purse->lots,
						 purse_count(purse), points, at))
		purse_total_overflow("available");
	purse_set_count(result, count);
	return result;
}

Purse *
purse_take(const Purse *purse, int64 points, TimestampTz at)
{
	int64		taken;
	Purse	   *result = purse_take_up_to(purse, points, at, &taken);

	if (taken == points)
		return result;
	pfree(result);
	return NULL;
}

Purse *
purse_take_lot(const Purse *purse, const PurseLot *key, int64 points,
			   int64 *taken)
{
	int			place = purse_lots_find(purse->lots, purse_count(purse), key);

	purse_check_points(points);
	*taken = 0;
	if (place >= 0)
		*taken = Max(Min(points, purse->lots[place].points), 0);
	return purse_make(-*taken, key->available_at, key->expires_at,
					  key->priority);
}

Purse *
purse_part(const Purse *delta, int64 from, int64 count)
{
	int			lot_count = purse_count(delta);
	Purse	   *result = purse_alloc(lot_count);
	int			i;

	purse_check_points(from);
	purse_check_points(count);
	for (i = 1; i < lot_count; i++)
	{
		if ((delta->lots[i].points < 0) != (delta->lots[0].points < 0))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("cannot take a part of a purse with lots of both signs"),
					 errdetail("Lot %s has %lld points, lot %s has %lld.",
							   purse_key_text(&delta->lots[0]),
							   (long long) delta->lots[0].points,
							   purse_key_text(&delta->lots[i]),
							   (long long) delta->lots[i].points)));
	}
	purse_set_count(result,
					purse_lots_part(result->lots, delta->lots, lot_count, from,
									count));
	return result;
}

/* An empty sum whose lots live in a context, where it also grows. */
void
purse_sum_begin(PurseSum *sum, MemoryContext context)
{
	sum->capacity = PURSE_SUM_LOTS;
	sum->lots = MemoryContextAlloc(context,
								   sum->capacity * sizeof(PurseLot));
	sum->count = 0;
	sum->sorted = 0;
	sum->last = 0;
}

/* Make a sum canonical. */
void
purse_sum_reduce(PurseSum *sum)
{
	PurseLot   *old = sum->lots;
	MemoryContext context = GetMemoryChunkContext(old);
	const PurseLot *overflow;

	overflow = purse_sum_sort(sum,
							  MemoryContextAlloc(context, sum->capacity *
												 sizeof(PurseLot)));
	if (overflow != NULL)
		purse_lot_overflow(overflow);
	pfree(old);
}

/*
 * Make room for another lot.  What is left half empty by adding up equal keys
 * need not grow, so a lot costs no more than its share of a sort.
 */
static void
purse_sum_make_room(PurseSum *sum)
{
	int64		capacity = (int64) sum->capacity * 2;

	purse_sum_reduce(sum);
	if (sum->count <= sum->capacity / 2)
		return;
	purse_check_count(sum->count + 1);
	capacity = Min(capacity, PURSE_MAX_LOTS);
	sum->lots = repalloc(sum->lots, capacity * sizeof(PurseLot));
	sum->capacity = (int) capacity;
}

void
purse_sum_add_lot(PurseSum *sum, const PurseLot *lot)
{
	if (sum->count == sum->capacity)
		purse_sum_make_room(sum);
	if (!purse_sum_lot(sum, lot))
		purse_lot_overflow(lot);
}

void
purse_sum_add(PurseSum *sum, const Purse *purse)
{
	int			count = purse_count(purse);
	int			i;

	for (i = 0; i < count; i++)
		purse_sum_add_lot(sum, &purse->lots[i]);
}

/* The sum as a purse.  One may go on adding. */
Purse *
purse_sum_finish(PurseSum *sum)
{
	Purse	   *result;

	purse_sum_reduce(sum);
	result = purse_alloc(sum->count);
	memcpy(result->lots, sum->lots, sum->count * sizeof(PurseLot));
	purse_set_count(result, sum->count);
	return result;
}
