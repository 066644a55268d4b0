/*-------------------------------------------------------------------------
 *
 * rule_algo.c
 *	  What the accrual rules that apply to an event come to.
 *
 * The running value is an exact fraction: a third of a point times three is a
 * point.  It is rounded after each rule, and what a rule is said to have given
 * is the difference, so the shares add up to the rounded total.
 *
 * What a member holds may multiply what rules give it.  Then the shares are
 * worked out as fractions, each is multiplied, and only the running total of
 * these is rounded: three times a third of a point is a point here as well.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "points/rule_algo.h"

/* numerator and denominator; the latter is positive */
typedef struct Fraction
{
	int128		n;
	int128		d;
} Fraction;

static int128
common_divisor(int128 a, int128 b)
{
	if (a < 0)
		a = -a;
	while (b != 0)
	{
		int128		rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

static Fraction
reduced(int128 n, int128 d)
{
	int128		divisor = common_divisor(n, d);
	Fraction	result = {n, d};

	if (divisor > 1)
	{
		result.n = n / divisor;
		result.d = d / divisor;
	}
	return result;
}

/* The functions below give false where 128 bits do not suffice. */

static bool
add(Fraction *value, Fraction term)
{
	int128		left;
	int128		right;

	if (value->d == term.d)
		return !__builtin_add_overflow(value->n, term.n, &value->n);
	if (__builtin_mul_overflow(value->n, term.d, &left) ||
		__builtin_mul_overflow(term.n, value->d, &right) ||
		__builtin_add_overflow(left, right, &left) ||
		__builtin_mul_overflow(value->d, term.d, &right))
		return false;
	*value = reduced(left, right);
	return true;
}

static bool
multiply(Fraction *value, Fraction factor)
{
	Fraction	one = reduced(value->n, factor.d);
	Fraction	other = reduced(factor.n, value->d);

	/* crosswise, so that what cancels does not overflow first */
	return !__builtin_mul_overflow(one.n, other.n, &value->n) &&
		!__builtin_mul_overflow(one.d, other.d, &value->d);
}

static bool
apply(Fraction *value, const PointsTerm *term, int64 amount)
{
	int128		scaled = term->scaled;

	switch (term->effect)
	{
		case POINTS_FIXED:
			return add(value, reduced(scaled, POINTS_RULE_SCALE));
		case POINTS_PER_UNIT:
			return add(value,
					   reduced(scaled * amount,
							   (int128) POINTS_RULE_SCALE * term->per));
		case POINTS_MULTIPLY:
			return multiply(value, reduced(scaled, POINTS_RULE_SCALE));
	}
	return false;
}

/* Never below zero; false where the result is no bigint. */
static bool
round_fraction(const Fraction *value, PointsRounding rounding, int64 *result)
{
	int128		whole = value->n / value->d;
	int128		rest = value->n % value->d;

	if (value->n < 0)
		whole = rest = 0;
	if (rest > 0 &&
		(rounding == POINTS_UP ||
		 (rounding == POINTS_NEAREST && rest >= value->d - rest)))
		whole++;
	*result = (int64) whole;
	return whole <= PG_INT64_MAX;
}

/* a - b, or false where 128 bits do not suffice */
static bool
subtract(Fraction *value, Fraction term)
{
	term.n = -term.n;
	return add(value, term);
}

/* Take what is below zero from the gains before it, the nearest first. */
static bool
settle_gains(Fraction *gains, int count)
{
	int			i;
	int			j;

	for (i = 0; i < count; i++)
	{
		Fraction	excess = {-gains[i].n, gains[i].d};

		if (excess.n <= 0)
			continue;
		gains[i] = (Fraction)
		{
			0, 1
		};
		for (j = i - 1; j >= 0 && excess.n > 0; j--)
		{
			Fraction	rest = gains[j];

			if (!subtract(&rest, excess))
				return false;
			if (rest.n >= 0)
			{
				gains[j] = rest;
				break;
			}
			gains[j] = (Fraction)
			{
				0, 1
			};
			excess = (Fraction)
			{
				-rest.n, rest.d
			};
		}
	}
	return true;
}

/* What each rule gives, as fractions that are not negative. */
static bool
evaluate_gains(const PointsTerm *terms, int count, int64 amount,
			   Fraction *gains)
{
	Fraction	value = {0, 1};
	Fraction	before = {0, 1};
	int			i;

	for (i = 0; i < count; i++)
	{
		if (!apply(&value, &terms[i], amount))
			return false;
		/* a value below zero gives nothing, as when it is rounded */
		gains[i] = value.n < 0 ? (Fraction)
		{
			0, 1
		} : value;
		if (!subtract(&gains[i], before))
			return false;
		before = value.n < 0 ? (Fraction)
		{
			0, 1
		} : value;
	}
	return settle_gains(gains, count);
}

/* The same with a factor, times the scale, for what each rule gives. */
static bool
evaluate_with_factors(const PointsTerm *terms, const int64 *factors,
					  int count, int64 amount, PointsRounding rounding,
					  int64 *shares)
{
	Fraction   *gains = palloc_array(Fraction, count);
	Fraction	total = {0, 1};
	int64		before = 0;
	int			i;

	if (!evaluate_gains(terms, count, amount, gains))
		return false;
	for (i = 0; i < count; i++)
	{
		int64		after;

		if (!multiply(&gains[i], reduced(factors[i], POINTS_RULE_SCALE)) ||
			!add(&total, gains[i]) ||
			!round_fraction(&total, rounding, &after))
			return false;
		shares[i] = after - before;
		before = after;
	}
	pfree(gains);
	return true;
}

/*
 * Apply rules in their order to an amount.  shares[i] is what rule i changed
 * about the rounded total, negative for a factor below 1.  "factors" multiply
 * what each of them gave in the end; NULL for none.
 */
bool
points_evaluate(const PointsTerm *terms, const int64 *factors, int count,
				int64 amount, PointsRounding rounding, int64 *shares)
{
	Fraction	value = {0, 1};
	int64		before = 0;
	int			i;

	if (factors != NULL)
		return evaluate_with_factors(terms, factors, count, amount, rounding,
									 shares);
	for (i = 0; i < count; i++)
	{
		int64		after;

		if (!apply(&value, &terms[i], amount) ||
			!round_fraction(&value, rounding, &after))
			return false;
		shares[i] = after - before;
		before = after;
	}
	return true;
}

/* Take negative shares from those before them, the nearest first. */
void
points_settle_shares(int64 *shares, int count)
{
	int			i;

	for (i = 0; i < count; i++)
	{
		int64		excess = -shares[i];

		if (excess <= 0)
			continue;
		shares[i] = 0;
		points_cut_shares(shares, NULL, i, excess);
	}
}

/* Cut so much off the shares that are "among" (NULL for all), last first. */
void
points_cut_shares(int64 *shares, const bool *among, int count, int64 cut)
{
	int			i;

	for (i = count - 1; i >= 0 && cut > 0; i--)
	{
		int64		part;

		if (among != NULL && !among[i])
			continue;
		part = Min(shares[i], cut);
		shares[i] -= part;
		cut -= part;
	}
}

/*
 * points * part / whole, rounded down: of a thing taken back in parts, what
 * has to be back by then.  0 <= part <= whole, or both negative likewise.
 */
int64
points_proportion(int64 points, int64 part, int64 whole)
{
	if (part == whole)
		return points;
	return (int64) ((int128) points * part / whole);
}
