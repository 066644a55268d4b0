/*-------------------------------------------------------------------------
 *
 * model_algo.c
 *	  Composite scores: normalising, adding, ranking, and the way back.
 *
 * A component is rounded once, when it is normalised; all that follows is
 * done in whole millionths.  The way back, from a part of the score to the
 * raw amount that it takes, is found by halving, so that it agrees with the
 * way there to the last bit.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "score/model_algo.h"

/* how many members are looked at between two looks for a cancel */
#define CHUNK			65536

/* A value and whose it is, for sorting. */
typedef struct Item
{
	double		value;
	int64		index;
} Item;

typedef struct Scored
{
	int64		score;
	int64		index;
} Scored;

#define ST_SORT score_sort_items
#define ST_ELEMENT_TYPE Item
#define ST_COMPARE(a, b) \
	((a)->value < (b)->value ? -1 : (a)->value > (b)->value)
#define ST_CHECK_FOR_INTERRUPTS
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/* the highest first */
#define ST_SORT score_sort_scored
#define ST_ELEMENT_TYPE Scored
#define ST_COMPARE(a, b) \
	((a)->score > (b)->score ? -1 : (a)->score < (b)->score)
#define ST_CHECK_FOR_INTERRUPTS
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

static int32
to_units(double u)
{
	return u >= 1 ? SCORE_MODEL_ONE : (int32) rint(u * SCORE_MODEL_ONE);
}

/* A raw amount, normalised without looking at others. */
int32
score_model_units(const ScorePart *part, double raw)
{
	if (!(raw > 0))
		return 0;
	if (part->transform == SCORE_LOG)
		return to_units(log1p(raw) / log1p(part->cap));
	return to_units(raw / part->cap);
}

/*
 * The share of the others that have less.  Amounts lie "stride" apart, and so
 * does what becomes of them.
 */
void
score_model_percentiles(const double *raw, int stride, int64 count,
						int32 *units)
{
	Item	   *items;
	int64		first = 0;
	int64		i;

	if (count == 0)
		return;
	items = MemoryContextAllocHuge(CurrentMemoryContext,
								   sizeof(Item) * count);
	for (i = 0; i < count; i++)
	{
		items[i].value = raw[i * stride];
		items[i].index = i;
	}
	score_sort_items(items, count);
	for (i = 0; i < count; i++)
	{
		if (i % CHUNK == 0)
			CHECK_FOR_INTERRUPTS();
		if (items[i].value > items[first].value)
			first = i;
		units[items[i].index * stride] = count == 1 ? 0 :
			to_units((double) first / (count - 1));
	}
	pfree(items);
}

/* Rounded half away from zero. */
int64
score_model_contribution(const ScorePart *part, int32 units)
{
	int64		product = part->weight * units;

	return (product + (product < 0 ? -1 : 1) * (SCORE_MODEL_ONE / 2)) /
		SCORE_MODEL_ONE;
}

int64
score_model_sum(const ScorePart *parts, const int32 *units, int count)
{
	int64		sum = 0;
	int			k;

	for (k = 0; k < count; k++)
		sum += score_model_contribution(&parts[k], units[k]);
	return sum;
}

/* How many have a higher score, and one. */
void
score_model_ranks(const int64 *scores, int64 count, int64 *ranks)
{
	Scored	   *items;
	int64		first = 0;
	int64		i;

	if (count == 0)
		return;
	items = MemoryContextAllocHuge(CurrentMemoryContext,
								   sizeof(Scored) * count);
	for (i = 0; i < count; i++)
	{
		items[i].score = scores[i];
		items[i].index = i;
	}
	score_sort_scored(items, count);
	for (i = 0; i < count; i++)
	{
		if (i % CHUNK == 0)
			CHECK_FOR_INTERRUPTS();
		if (items[i].score < items[first].score)
			first = i;
		ranks[items[i].index] = first + 1;
	}
	pfree(items);
}

/* The score of the one in that place from the top; 0 of nobody. */
int64
score_model_line_at(const int64 *scores, const int64 *ranks, int64 count,
					int64 last)
{
	int64		rank = 0;
	int64		line = 0;
	int64		i;

	/* of equal ones the rank is that of the first */
	for (i = 0; i < count; i++)
	{
		if (ranks[i] > last || ranks[i] <= rank)
			continue;
		rank = ranks[i];
		line = scores[i];
	}
	return line;
}

/* A share of the line, rounded up: a score below that is below it. */
int64
score_model_keep(int64 line, int32 keep)
{
	return line <= 0 ? 0 :
		(line * keep + SCORE_MODEL_KEEP_ONE - 1) / SCORE_MODEL_KEEP_ONE;
}

/* Is the member a super-user from now on? */
bool
score_model_is_super(const ScoreStatus *status)
{
	if (status->vetoed)
		return false;
	if (status->locked)
		return status->was;
	if (status->was)
		return status->dwells ||
			(status->line > 0 && status->score >= status->keep);
	return status->line > 0 && status->score >= status->line;
}

/*
 * The least units by which a component of positive weight contributes so
 * much; more than a whole when it cannot.
 */
int32
score_model_units_for(const ScorePart *part, int64 contribution)
{
	int32		low = 0;
	int32		high = SCORE_MODEL_ONE + 1;

	while (low < high)
	{
		int32		middle = low + (high - low) / 2;

		if (middle <= SCORE_MODEL_ONE &&
			score_model_contribution(part, middle) < contribution)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * The least raw amount that is normalised to so many units, up to a whole;
 * positive floats are ordered as their bits are.
 */
double
score_model_raw_for(const ScorePart *part, int32 units)
{
	union
	{
		double		value;
		int64		bits;
	}			low, high, middle;

	if (units <= 0)
		return 0;
	low.value = 0;
	high.value = part->cap;
	while (low.bits < high.bits)
	{
		middle.bits = low.bits + (high.bits - low.bits) / 2;
		if (score_model_units(part, middle.value) < units)
			low.bits = middle.bits + 1;
		else
			high.bits = middle.bits;
	}
	return low.value;
}

/* What must be added for the sum to be there, after rounding too. */
double
score_model_missing(double raw, double wanted)
{
	double		missing = wanted - raw;

	if (missing <= 0)
		return 0;
	while (raw + missing < wanted)
		missing = nextafter(missing, HUGE_VAL);
	return missing;
}

/* The component with the most left to gain, or -1 when all are full. */
int
score_model_raiser(const ScorePart *parts, const int32 *units, int count)
{
	int64		most = 0;
	int			best = -1;
	int			k;

	for (k = 0; k < count; k++)
	{
		int64		gain = Max(parts[k].weight, 0) -
		score_model_contribution(&parts[k], units[k]);

		if (gain > most)
		{
			most = gain;
			best = k;
		}
	}
	return best;
}

/*
 * When the score falls below what keeps a super-user, if nothing moves but
 * one component, which halves every half-life.
 */
TimestampTz
score_model_falls_at(const ScorePart *parts, const int32 *units, int count,
					 int decaying, double raw, TimestampTz as_of,
					 int64 half_life, int64 keep)
{
	const ScorePart *part = &parts[decaying];
	int64		score = score_model_sum(parts, units, count);
	int64		others = score -
	score_model_contribution(part, units[decaying]);
	double		least;
	double		ahead;

	if (score < keep)
		return as_of;
	if (part->weight < 0 || others >= keep)
		return DT_NOEND;
	least = score_model_raw_for(part,
								score_model_units_for(part, keep - others));
	if (!(raw > least))
		return as_of;
	ahead = ceil((double) half_life * log2(raw / least));
	if (ahead >= (double) (END_TIMESTAMP - as_of))
		return DT_NOEND;
	return as_of + (TimestampTz) ahead;
}
