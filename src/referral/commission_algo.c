/*-------------------------------------------------------------------------
 *
 * commission_algo.c
 *	  What a sale pays to those above its buyer.
 *
 * The upline and the terms of a plan come in, lines go out: what each place
 * gets, and what nobody gets, which is breakage.  Each line is the base times
 * a rate, cut off to a whole unit.  doc/referral.md has the formulas.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/compat.h"
#include "referral/commission_algo.h"

/* What a rate gives of a base, cut off; -1 when that is too much. */
int64
referral_rate_share(int64 base, int64 rate)
{
	int128		points = (int128) base * rate / COMMISSION_RATE_SCALE;

	return points > COMMISSION_MAX_POINTS ? -1 : (int64) points;
}

static CommissionLine *
add_line(CommissionLines *result, CommissionKind kind, CommissionLack lack,
		 int32 level, int place, int source, int64 base, int64 rate)
{
	CommissionLine *line;
	int64		points = referral_rate_share(base, rate);

	if (points < 0)
		result->overflow = true;
	if (points <= 0)
		return NULL;
	if (result->count == result->room)
	{
		result->room = Max(8, result->room * 2);
		result->lines = result->lines == NULL ?
			palloc_array(CommissionLine, result->room) :
			repalloc(result->lines, result->room * sizeof(CommissionLine));
	}
	line = &result->lines[result->count++];
	line->kind = lack == COMMISSION_LACKS_NOTHING ? kind : COMMISSION_BREAKAGE;
	line->lack = lack;
	line->level = level;
	line->place = place;
	line->source = source;
	line->rate = rate;
	line->points = points;
	return line;
}

/*
 * The rate for a level and a tier: the one that says most about the case, the
 * type of the event before the tier and the tier before the level.
 */
static int64
rate_of(const CommissionTerms *terms, int32 level, int32 tier)
{
	int64		rate = 0;
	int			best = -1;
	int			i;

	for (i = 0; i < terms->nrates; i++)
	{
		const CommissionRate *r = &terms->rates[i];
		int			fit;

		if ((r->level != COMMISSION_ANY_LEVEL && r->level != level) ||
			(r->tier != COMMISSION_NO_TIER && r->tier != tier))
			continue;
		fit = r->of_type * 4 + (r->tier != COMMISSION_NO_TIER) * 2 +
			(r->level != COMMISSION_ANY_LEVEL);
		if (fit > best)
		{
			best = fit;
			rate = r->rate;
		}
	}
	return rate;
}

static int32
highest_level(const CommissionTerms *terms)
{
	int32		level = 0;
	int			i;

	for (i = 0; i < terms->nrates; i++)
		level = Max(level, terms->rates[i].level);
	return level;
}

/*
 * Of how many places referral_compute_lines() needs to know at most.  One more
 * than can be paid tells whether there is anybody at all.
 */
int32
referral_plan_reach(const CommissionTerms *terms)
{
	int32		reach = terms->paid_levels + 1;

	if (terms->scheme == COMMISSION_UNILEVEL && !terms->compresses)
		reach = Min(reach, highest_level(terms) + 1);
	return reach;
}

/* What keeps a place from being paid at a level. */
static CommissionLack
lack_of(const CommissionTerms *terms, const CommissionPlace *places,
		int nplaces, int place, int32 level)
{
	if (level > terms->levels)
		return COMMISSION_LEVEL_CAP;
	if (place >= nplaces)
		return nplaces > terms->paid_levels ? COMMISSION_PAID_LEVELS :
			COMMISSION_NOBODY;
	if (places[place].lack != COMMISSION_LACKS_NOTHING)
		return places[place].lack;
	return place >= terms->paid_levels ? COMMISSION_PAID_LEVELS :
		COMMISSION_LACKS_NOTHING;
}

/* The next place that is a level: with compression, the next qualified. */
static int
next_place(const CommissionTerms *terms, const CommissionPlace *places,
		   int nplaces, int place)
{
	while (terms->compresses && place < nplaces &&
		   places[place].lack != COMMISSION_LACKS_NOTHING)
		place++;
	return place;
}

static int
shown_place(int place, int nplaces)
{
	return place < nplaces ? place : -1;
}

/* Level k gets the rate of level k. */
static void
compute_unilevel(const CommissionTerms *terms, const CommissionPlace *places,
				 int nplaces, int64 base, CommissionLines *result)
{
	int32		levels = highest_level(terms);
	int			place = 0;
	int32		level;

	for (level = 1; level <= levels; level++)
	{
		int32		tier;

		place = next_place(terms, places, nplaces, place);
		tier = place < nplaces ? places[place].tier : COMMISSION_NO_TIER;
		(void) add_line(result, COMMISSION_LEVEL,
						lack_of(terms, places, nplaces, place, level), level,
						shown_place(place, nplaces), -1, base,
						rate_of(terms, level, tier));
		if (place < nplaces)
			place++;
	}
}

/* Those above a leader have one override on its group, and no more. */
static void
pay_leader(const CommissionTerms *terms, const CommissionPlace *places,
		   int nplaces, int leader, int32 level, int source, int64 base,
		   CommissionLines *result)
{
	int			place = next_place(terms, places, nplaces, leader + 1);

	(void) add_line(result, COMMISSION_OVERRIDE,
					lack_of(terms, places, nplaces, place, level + 1),
					level + 1, shown_place(place, nplaces), source, base,
					terms->override_rate);
}

static int64
highest_rate(const CommissionTerms *terms)
{
	int64		rate = 0;
	int			i;

	for (i = 0; i < terms->nrates; i++)
		rate = Max(rate, rate_of(terms, COMMISSION_ANY_LEVEL,
								 terms->rates[i].tier));
	return rate;
}

/*
 * Each gets what its rate exceeds the highest below.  The first who is of the
 * tier that was paid last gets an override on it.
 */
static void
compute_differential(const CommissionTerms *terms,
					 const CommissionPlace *places, int nplaces, int64 base,
					 CommissionLines *result)
{
	int64		paid = 0;
	int32		paid_tier = COMMISSION_NO_TIER;
	int			paid_line = -1;
	int32		level = 0;
	int			place;
	int64		rest;

	for (place = 0; place < nplaces; place++)
	{
		int32		tier;
		int64		own;
		int			own_line = -1;
		CommissionLack lack;

		place = next_place(terms, places, nplaces, place);
		if (place == nplaces)
			break;
		tier = places[place].tier;
		own = rate_of(terms, COMMISSION_ANY_LEVEL, tier);
		lack = lack_of(terms, places, nplaces, place, ++level);
		if (own > paid)
		{
			CommissionLine *line = add_line(result, COMMISSION_LEVEL, lack,
											level, place, -1, base,
											own - paid);

			paid = own;
			paid_tier = tier;
			if (line != NULL && line->kind == COMMISSION_LEVEL)
				own_line = result->count - 1;
			paid_line = own_line;
		}
		else if (tier == paid_tier && paid_line >= 0 &&
				 terms->scheme == COMMISSION_DIFFERENTIAL)
		{
			(void) add_line(result, COMMISSION_OVERRIDE, lack, level, place,
							paid_line, base, terms->override_rate);
			paid_line = -1;
		}
		if (terms->scheme == COMMISSION_BREAKAWAY && places[place].leads &&
			lack == COMMISSION_LACKS_NOTHING)
		{
			pay_leader(terms, places, nplaces, place, level,
					   own_line, base, result);
			return;
		}
	}
	rest = highest_rate(terms) - paid;
	(void) add_line(result, COMMISSION_LEVEL,
					nplaces > terms->paid_levels ? COMMISSION_PAID_LEVELS :
					COMMISSION_NOBODY, 0, -1, -1, base, Max(rest, 0));
}

/* Who is next above somebody who is paid gets a part of that. */
static void
add_matching(const CommissionTerms *terms, const CommissionPlace *places,
			 int nplaces, CommissionLines *result)
{
	int			count = result->count;
	int			i;

	for (i = 0; i < count; i++)
	{
		CommissionLine source = result->lines[i];
		CommissionLack lack;
		int			place;

		if (source.kind != COMMISSION_LEVEL)
			continue;
		place = next_place(terms, places, nplaces, source.place + 1);
		lack = lack_of(terms, places, nplaces, place, 0);
		(void) add_line(result, COMMISSION_MATCHING, lack, source.level,
						shown_place(place, nplaces), i, source.points,
						terms->matching_rate);
	}
}

/* Of what is paid, the farthest; what derives before that it derives from. */
static int
farthest_line(const CommissionLines *result)
{
	int			farthest = -1;
	int			i;

	for (i = 0; i < result->count; i++)
		if (result->lines[i].kind != COMMISSION_BREAKAGE &&
			(farthest < 0 || result->lines[i].place >=
			 result->lines[farthest].place))
			farthest = i;
	return farthest;
}

/* Cut the farthest until all together keep to the ceiling. */
static void
apply_ceiling(const CommissionTerms *terms, int64 base,
			  CommissionLines *result)
{
	int64		ceiling = referral_rate_share(base, terms->ceiling);
	int64		sum = 0;
	int			i;

	for (i = 0; i < result->count; i++)
		if (result->lines[i].kind != COMMISSION_BREAKAGE)
			sum += result->lines[i].points;
	if (ceiling < 0)
		return;
	while (sum > ceiling)
	{
		CommissionLine *line = &result->lines[farthest_line(result)];
		int64		cut = Min(line->points, sum - ceiling);
		CommissionLine rest = *line;

		sum -= cut;
		if (cut < line->points)
		{
			int			source = line - result->lines;

			line->points -= cut;
			line = add_line(result, COMMISSION_BREAKAGE, COMMISSION_CEILING,
							rest.level, rest.place, source, cut,
							COMMISSION_RATE_SCALE);
			line->rate = rest.rate;
			continue;
		}
		line->kind = COMMISSION_BREAKAGE;
		line->lack = COMMISSION_CEILING;
	}
}

/*
 * What a sale of "base" pays by the terms, in the order of levels, derived
 * lines after those they derive from.  The caller zeroes the result.
 */
void
referral_compute_lines(const CommissionTerms *terms,
					   const CommissionPlace *places, int nplaces, int64 base,
					   CommissionLines *result)
{
	if (terms->scheme == COMMISSION_UNILEVEL)
		compute_unilevel(terms, places, nplaces, base, result);
	else
		compute_differential(terms, places, nplaces, base, result);
	if (terms->matching_rate > 0)
		add_matching(terms, places, nplaces, result);
	if (terms->ceiling >= 0)
		apply_ceiling(terms, base, result);
}

/*
 * How much of a line is taken back, all in all, when of "base" there is "net"
 * left: to the nearest unit, halves away from zero, so that all of it is back
 * when nothing is left.  Negative when the base has grown.
 */
int64
referral_returned(int64 points, int64 base, int64 net)
{
	int128		twice = (int128) points * ((int128) base - net) * 2;

	if (net <= 0)
		return points;
	return (int64) ((twice + (twice < 0 ? -base : base)) /
					((int128) base * 2));
}

/*
 * What there is of a line that is due by its event, when decisions have taken
 * some of it, in their order.  What is taken is what had come last.  So one
 * that comes to less afterwards first loses what it has lost already, and one
 * that comes to more gets the difference.
 */
int64
referral_unforfeited(int64 due, const CommissionForfeit *forfeits, int count)
{
	int			i;

	for (i = 0; i < count; i++)
		due = Max(Min(due, forfeits[i].kept), due - forfeits[i].taken);
	return due;
}
