/*-------------------------------------------------------------------------
 *
 * decayed_algo.h
 *	  Arithmetic and text form of decayed values, free of the server.
 *
 * A score S(t) = sum of v_i * 2^-((t - t_i) / H) equals A * 2^-((t - L) / H)
 * with A = sum of v_i * 2^((t_i - L) / H), and A does not depend on t.  We
 * store A, with the landmark L = 2000-01-01 00:00 UTC, as m * 2^e.
 *
 * The arithmetic is inline: an aggregate spends its time here.  Every function
 * reports failure by its result; the callers raise the errors.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_SCORE_DECAYED_ALGO_H
#define COMMUNITY_SCORE_DECAYED_ALGO_H

#include <math.h>

#include "datatype/timestamp.h"

/*
 * The form on disk, for ever.  Canonical: 1 <= |m| < 2, or m = +0 and e = 0,
 * so that equal values are equal bytes.  The two high bits of h are the
 * version of the format, zero for now; the others are the half-life in
 * seconds.  e is bounded so that L + e half-lives is a valid timestamp.
 */
typedef struct Decayed
{
	double		m;
	int32		e;
	uint32		h;
} Decayed;

StaticAssertDecl(sizeof(Decayed) == 16, "decayed is sixteen bytes on disk");

#define SCORE_HALF_LIFE_MASK	((uint32) 0x3FFFFFFF)
#define SCORE_HALF_LIFE_MAX		((int32) 0x3FFFFFFF)

static inline int32
score_decayed_half_life(const Decayed *d)
{
	return (int32) (d->h & SCORE_HALF_LIFE_MASK);
}

typedef enum ScoreDecayedStatus
{
	SCORE_DECAYED_OK,
	SCORE_DECAYED_OUT_OF_RANGE
} ScoreDecayedStatus;

typedef enum ScoreParseStatus
{
	SCORE_PARSE_OK,
	SCORE_PARSE_NUMBER,
	SCORE_PARSE_NUMBER_RANGE,
	SCORE_PARSE_NO_TIME,
	SCORE_PARSE_TIME,
	SCORE_PARSE_TIME_RANGE,
	SCORE_PARSE_ZONE,
	SCORE_PARSE_NO_HALF_LIFE,
	SCORE_PARSE_HALF_LIFE,
	SCORE_PARSE_HALF_LIFE_UNFIXED,
	SCORE_PARSE_HALF_LIFE_RANGE
} ScoreParseStatus;

/* Longest text of a time, of a half-life and of a whole value, with the NUL */
#define SCORE_TIME_BUFLEN		48
#define SCORE_HALF_LIFE_BUFLEN	24
#define SCORE_DECAYED_BUFLEN	128

#define SCORE_DOUBLE_BIAS		1023
#define SCORE_DOUBLE_EXP_SHIFT	52
#define SCORE_DOUBLE_EXP_MASK	((uint64) 0x7FF << SCORE_DOUBLE_EXP_SHIFT)

/* Beyond this distance the smaller term is under half a unit of the larger */
#define SCORE_DECAYED_REACH		64

#define SCORE_FIRST_SECOND		(MIN_TIMESTAMP / USECS_PER_SEC)
#define SCORE_END_SECOND		(END_TIMESTAMP / USECS_PER_SEC)

extern bool score_decayed_is_valid(const Decayed *d);
extern bool score_decayed_value_at(double *result, const Decayed *d,
								   int64 at);
extern int64 score_decayed_crossing(const Decayed *d, double threshold);
extern double score_decayed_sort_key(const Decayed *d);

extern ScoreParseStatus score_decayed_parse(const char *text, double *value,
											int64 *at, int32 *half_life);
extern ScoreParseStatus score_half_life_parse(const char *text,
											  int32 *half_life);
extern void score_half_life_format(char *buffer, int32 half_life);
extern void score_time_format(char *buffer, int64 second);

/*
 * Take a finite, non-zero double apart: leaves a number of the same sign with
 * 1 <= |x| < 2 and gives the power of two taken out.  frexp would do, at five
 * times the price.
 */
static inline int
score_double_split(double *x)
{
	uint64		bits;
	int			exponent = -SCORE_DOUBLE_BIAS;

	memcpy(&bits, x, sizeof(bits));
	if (unlikely((bits & SCORE_DOUBLE_EXP_MASK) == 0))
	{
		/* subnormal: make it normal first, exactly */
		*x *= 18014398509481984.0;	/* 2^54 */
		memcpy(&bits, x, sizeof(bits));
		exponent -= 54;
	}
	exponent += (int) ((bits & SCORE_DOUBLE_EXP_MASK) >>
					   SCORE_DOUBLE_EXP_SHIFT);
	bits = (bits & ~SCORE_DOUBLE_EXP_MASK) |
		((uint64) SCORE_DOUBLE_BIAS << SCORE_DOUBLE_EXP_SHIFT);
	memcpy(x, &bits, sizeof(bits));
	return exponent;
}

/* 2^power for a power that gives a normal double. */
static inline double
score_power_of_two(int power)
{
	uint64		bits;
	double		result;

	bits = (uint64) (SCORE_DOUBLE_BIAS + power) << SCORE_DOUBLE_EXP_SHIFT;
	memcpy(&result, &bits, sizeof(result));
	return result;
}

/*
 * Where does a time lie, counted in half-lives from the landmark?  Gives the
 * whole part, rounded down, and leaves the rest, 0 <= rest < 1.
 */
static inline int64
score_half_lives(double *rest, int64 at, int32 half_life)
{
	int64		unit = (int64) half_life * USECS_PER_SEC;
	int64		whole = at / unit;
	int64		remainder = at - whole * unit;

	if (remainder < 0)
	{
		remainder += unit;
		whole--;
	}
	*rest = (double) remainder / (double) unit;
	return whole;
}

static inline void
score_decayed_zero(Decayed *result, int32 half_life)
{
	result->m = 0.0;
	result->e = 0;
	result->h = (uint32) half_life;
}

/* Does L + e half-lives fit the exponent and the calendar? */
static inline bool
score_exponent_fits(int64 e, int32 half_life)
{
	int64		second;

	if (e < PG_INT32_MIN || e > PG_INT32_MAX)
		return false;
	second = e * half_life;		/* below 2^61 */
	return second >= SCORE_FIRST_SECOND && second < SCORE_END_SECOND;
}

/*
 * Store m * 2^e in canonical form.  m is any finite number.  Nothing is
 * stored when the exponent does not fit.
 */
static inline ScoreDecayedStatus
score_decayed_store(Decayed *result, double m, int64 e, int32 half_life)
{
	if (m == 0.0)
	{
		score_decayed_zero(result, half_life);
		return SCORE_DECAYED_OK;
	}
	e += score_double_split(&m);
	if (unlikely(!score_exponent_fits(e, half_life)))
		return SCORE_DECAYED_OUT_OF_RANGE;
	result->m = m;
	result->e = (int32) e;
	result->h = (uint32) half_life;
	return SCORE_DECAYED_OK;
}

/*
 * One event: value at a time.  Both must be finite and the half-life valid.
 * The remainder is an exact integer, so precision does not depend on the
 * distance to the landmark.
 */
static inline ScoreDecayedStatus
score_decayed_term(Decayed *result, double value, int64 at, int32 half_life)
{
	double		rest;
	int64		e;

	if (value == 0.0)
	{
		score_decayed_zero(result, half_life);
		return SCORE_DECAYED_OK;
	}
	e = score_half_lives(&rest, at, half_life);
	e += score_double_split(&value);
	return score_decayed_store(result, value * exp2(rest), e, half_life);
}

/*
 * a + b, rounded once.  The half-lives must be equal.  result may be a or b.
 * Commutative to the bit, and a + -a is zero.
 */
static inline ScoreDecayedStatus
score_decayed_sum(Decayed *result, const Decayed *a, const Decayed *b)
{
	const Decayed *large = a;
	const Decayed *small = b;
	int64		distance;

	if (b->m == 0.0)
	{
		*result = *a;
		return SCORE_DECAYED_OK;
	}
	if (a->m == 0.0)
	{
		*result = *b;
		return SCORE_DECAYED_OK;
	}
	if (a->e < b->e)
	{
		large = b;
		small = a;
	}
	distance = (int64) large->e - small->e;
	if (distance > SCORE_DECAYED_REACH)
	{
		*result = *large;
		return SCORE_DECAYED_OK;
	}
	return score_decayed_store(result,
							   large->m +
							   small->m * score_power_of_two(-(int) distance),
							   large->e, score_decayed_half_life(a));
}

/* d times a finite factor, rounded once. */
static inline ScoreDecayedStatus
score_decayed_scale(Decayed *result, const Decayed *d, double factor)
{
	int64		e;

	if (d->m == 0.0 || factor == 0.0)
	{
		score_decayed_zero(result, score_decayed_half_life(d));
		return SCORE_DECAYED_OK;
	}
	e = (int64) d->e + score_double_split(&factor);
	return score_decayed_store(result, d->m * factor, e,
							   score_decayed_half_life(d));
}

static inline void
score_decayed_negate(Decayed *result, const Decayed *d)
{
	result->m = d->m == 0.0 ? 0.0 : -d->m;
	result->e = d->e;
	result->h = d->h;
}

/*
 * Order of the scores at any one moment, and so at every moment: sign, then
 * exponent, then mantissa.  The half-lives must be equal.
 */
static inline int
score_decayed_order(const Decayed *a, const Decayed *b)
{
	int			sign_a = (a->m > 0.0) - (a->m < 0.0);
	int			sign_b = (b->m > 0.0) - (b->m < 0.0);

	if (sign_a != sign_b)
		return sign_a < sign_b ? -1 : 1;
	if (a->e != b->e)
		return (a->e < b->e) == (sign_a > 0) ? -1 : 1;
	return (a->m > b->m) - (a->m < b->m);
}

#endif							/* COMMUNITY_SCORE_DECAYED_ALGO_H */
