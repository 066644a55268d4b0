/*-------------------------------------------------------------------------
 *
 * purse_algo.c
 *	  Arithmetic of lots of points.
 *
 * Whatever adds up several lots does so without an intermediate overflow, so
 * the result, or the refusal, does not depend on their order.
 *
 * Pure: no server calls, no allocation.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/int.h"

#include "points/purse_algo.h"

/*
 * In a sum of more keys than this a lot is not looked for: the lots have left
 * the processor's cache, and sorting a batch of them costs less.
 */
#define PURSE_SEARCHED_LOTS		4096

#define ST_SORT purse_lots_sort
#define ST_ELEMENT_TYPE PurseLot
#define ST_COMPARE(a, b) purse_lot_compare(a, b)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/* A sum in two halves.  Neither overflows below 2^31 terms. */
typedef struct PurseWide
{
	int64		high;			/* in units of 2^32 */
	int64		low;
} PurseWide;

#define PURSE_HALF	(INT64CONST(1) << 32)

static inline void
purse_wide_add(PurseWide *sum, int64 points)
{
	int64		low = points & (PURSE_HALF - 1);

	sum->low += low;
	sum->high += (points - low) / PURSE_HALF;
}

/* The sum as one number; false if it does not fit. */
static bool
purse_wide_value(int64 *value, const PurseWide *sum)
{
	int64		high = sum->high + sum->low / PURSE_HALF;

	if (high < PG_INT32_MIN || high > PG_INT32_MAX)
		return false;
	*value = high * PURSE_HALF + sum->low % PURSE_HALF;
	return true;
}

/* Append the lot of a key with a + b or a - b points, if that is not zero. */
static inline bool
purse_append(PurseLot *result, int *count, const PurseLot *key,
			 int64 a, int64 b, bool minus)
{
	PurseLot   *lot = &result[*count];

	*lot = *key;
	if (minus)
	{
		if (pg_sub_s64_overflow(a, b, &lot->points))
			return false;
	}
	else if (pg_add_s64_overflow(a, b, &lot->points))
		return false;
	if (lot->points != 0)
		(*count)++;
	return true;
}

/*
 * a + b, or a - b.  The result needs room for the lots of both.  Zeros, if
 * there are any, are left out.
 */
bool
purse_lots_add(PurseLot *result, int *count,
			   const PurseLot *a, int a_count,
			   const PurseLot *b, int b_count, bool minus)
{
	const PurseLot *a_end = a + a_count;
	const PurseLot *b_end = b + b_count;

	*count = 0;
	while (a < a_end || b < b_end)
	{
		int			order;
		bool		fits;

		if (a == a_end)
			order = 1;
		else if (b == b_end)
			order = -1;
		else
			order = purse_lot_compare(a, b);

		if (order < 0)
		{
			result[*count] = *a++;
			*count += result[*count].points != 0;
			continue;
		}
		if (order > 0)
			fits = purse_append(result, count, b, 0, b->points, minus);
		else
			fits = purse_append(result, count, b, (a++)->points, b->points,
								minus);
		if (!fits)
			return false;
		b++;
	}
	return true;
}

/* The opposite.  The result needs as much room as the lots. */
bool
purse_lots_negate(PurseLot *result, int *count,
				  const PurseLot *lots, int lot_count)
{
	return purse_lots_add(result, count, NULL, 0, lots, lot_count, true);
}

/*
 * Make an array of lots in any order canonical, in place: sort, add up equal
 * keys, leave out zeros.
 */
bool
purse_lots_canonicalize(PurseLot *lots, int *count)
{
	int			end = *count;
	int			i = 0;

	purse_lots_sort(lots, end);
	*count = 0;
	while (i < end)
	{
		PurseLot   *lot = &lots[*count];
		PurseWide	sum = {0, 0};

		*lot = lots[i];
		do
			purse_wide_add(&sum, lots[i++].points);
		while (i < end && purse_lot_compare(&lots[i], lot) == 0);
		if (!purse_wide_value(&lot->points, &sum))
			return false;
		if (lot->points != 0)
			(*count)++;
	}
	return true;
}

/* The points of all lots that are in one of the states at a time. */
bool
purse_lots_total(int64 *total, const PurseLot *lots, int lot_count,
				 int states, TimestampTz at)
{
	PurseWide	sum = {0, 0};
	int			i;

	for (i = 0; i < lot_count; i++)
	{
		if (states & purse_lot_state(&lots[i], at))
			purse_wide_add(&sum, lots[i].points);
	}
	return purse_wide_value(total, &sum);
}

/* The place of the lot with a key, or -1. */
int
purse_lots_find(const PurseLot *lots, int lot_count, const PurseLot *key)
{
	int			low = 0;
	int			high = lot_count;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;
		int			order = purse_lot_compare(&lots[middle], key);

		if (order == 0)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return -1;
}

/*
 * Spend up to a number of points, not negative, in the order of the keys:
 * from live lots with points in them, and never more than all live lots
 * together give, debts counted.  The result is what to add, so its lots are
 * negative.  It needs as much room as the lots.  False if the available
 * points overflow.
 */
bool
purse_lots_take(PurseLot *result, int *count, int64 *taken,
				const PurseLot *lots, int lot_count,
				int64 points, TimestampTz at)
{
	int64		available;
	int64		left;
	int			i;

	*count = 0;
	*taken = 0;
	if (!purse_lots_total(&available, lots, lot_count, PURSE_LIVE, at))
		return false;
	left = *taken = Max(Min(points, available), 0);
	for (i = 0; left > 0 && i < lot_count; i++)
	{
		int64		part = Min(left, lots[i].points);

		if (part <= 0 || purse_lot_state(&lots[i], at) != PURSE_LIVE)
			continue;
		result[*count] = lots[i];
		result[(*count)++].points = -part;
		left -= part;
	}
	return true;
}

/*
 * Of lots that all have the same sign, count out the points in the order of
 * the keys, leave out the first "from" and give the next "points", neither
 * negative; less where there are not as many.  Parts that follow each other
 * add up to the whole.  The result needs as much room as the lots.
 */
int
purse_lots_part(PurseLot *result, const PurseLot *lots, int lot_count,
				int64 from, int64 points)
{
	uint64		skip = (uint64) from;
	uint64		left = (uint64) points;
	int			count = 0;
	int			i;

	for (i = 0; left > 0 && i < lot_count; i++)
	{
		bool		negative = lots[i].points < 0;
		uint64		size = (uint64) lots[i].points;
		uint64		part;

		if (negative)
			size = 0 - size;
		if (skip >= size)
		{
			skip -= size;
			continue;
		}
		part = Min(size - skip, left);
		skip = 0;
		left -= part;
		result[count] = lots[i];
		result[count++].points = (int64) (negative ? 0 - part : part);
	}
	return count;
}

/*
 * Forget differences that do not matter from a time on: since when a lot has
 * been available, and everything about one that has expired.  This maps each
 * key by itself, so it is linear.  The result needs as much room as the lots.
 */
bool
purse_lots_settle(PurseLot *result, int *count,
				  const PurseLot *lots, int lot_count, TimestampTz at)
{
	int			i;

	for (i = 0; i < lot_count; i++)
	{
		PurseLotState state = purse_lot_state(&lots[i], at);

		result[i] = lots[i];
		if (state != PURSE_PENDING)
			result[i].available_at = DT_NOBEGIN;
		if (state == PURSE_EXPIRED)
		{
			result[i].expires_at = DT_NOBEGIN;
			result[i].priority = 0;
		}
	}
	*count = lot_count;
	return purse_lots_canonicalize(result, count);
}

/*
 * Add a lot to a sum that has room for one more.  Nearly always its key is
 * there already, or comes behind all others.
 */
bool
purse_sum_lot(PurseSum *sum, const PurseLot *lot)
{
	PurseLot   *lots = sum->lots;
	int			place = -1;

	Assert(sum->count < sum->capacity);
	if (sum->count > 0)
	{
		if (purse_lot_compare(&lots[sum->last], lot) == 0)
			place = sum->last;
		else if (sum->sorted == sum->count &&
				 purse_lot_compare(&lots[sum->count - 1], lot) < 0)
			sum->sorted++;
		else if (sum->sorted <= PURSE_SEARCHED_LOTS)
			place = purse_lots_find(lots, sum->sorted, lot);
	}
	else
		sum->sorted = 1;

	if (place >= 0)
	{
		sum->last = place;
		return !pg_add_s64_overflow(lots[place].points, lot->points,
									&lots[place].points);
	}
	sum->last = sum->count++;
	lots[sum->last] = *lot;
	return true;
}

/*
 * Make a sum canonical, so that it is the value of a purse.  Its lots move to
 * another array, with room for all of them; so those that were in order need
 * not be sorted again.  Gives the lot that overflowed, or NULL.
 */
const PurseLot *
purse_sum_sort(PurseSum *sum, PurseLot *room)
{
	PurseLot   *tail = sum->lots + sum->sorted;
	int			tail_count = sum->count - sum->sorted;

	if (!purse_lots_canonicalize(tail, &tail_count))
		return &tail[tail_count];
	if (!purse_lots_add(room, &sum->count, sum->lots, sum->sorted,
						tail, tail_count, false))
		return &room[sum->count];
	sum->lots = room;
	sum->sorted = sum->count;
	sum->last = 0;
	return NULL;
}
