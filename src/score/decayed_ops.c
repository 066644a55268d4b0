/*-------------------------------------------------------------------------
 *
 * decayed_ops.c
 *	  Operators of decayed, and what B-tree and hash need.
 *
 * Equal values are equal bytes.  Whatever puts two half-lives side by side is
 * an error, for zero too: otherwise an index would hold an order that no
 * moment shows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/sortsupport.h"

#include "core/compat.h"
#include "score/decayed.h"

/* Mantissa and exponent without padding, for hashing */
#define SCORE_DECAYED_HASHED	(sizeof(double) + sizeof(int32))

PG_FUNCTION_INFO_V1(community_decayed_plus);
PG_FUNCTION_INFO_V1(community_decayed_minus);
PG_FUNCTION_INFO_V1(community_decayed_negate);
PG_FUNCTION_INFO_V1(community_decayed_multiply);
PG_FUNCTION_INFO_V1(community_float8_multiply_decayed);
PG_FUNCTION_INFO_V1(community_decayed_eq);
PG_FUNCTION_INFO_V1(community_decayed_ne);
PG_FUNCTION_INFO_V1(community_decayed_lt);
PG_FUNCTION_INFO_V1(community_decayed_le);
PG_FUNCTION_INFO_V1(community_decayed_gt);
PG_FUNCTION_INFO_V1(community_decayed_ge);
PG_FUNCTION_INFO_V1(community_decayed_cmp);
PG_FUNCTION_INFO_V1(community_decayed_sortsupport);
PG_FUNCTION_INFO_V1(community_decayed_hash);
PG_FUNCTION_INFO_V1(community_decayed_hash_extended);

Datum
community_decayed_plus(PG_FUNCTION_ARGS)
{
	Decayed    *result = palloc_object(Decayed);

	score_decayed_add(result, PG_GETARG_DECAYED_P(0), PG_GETARG_DECAYED_P(1));
	PG_RETURN_DECAYED_P(result);
}

Datum
community_decayed_minus(PG_FUNCTION_ARGS)
{
	Decayed    *a = PG_GETARG_DECAYED_P(0);
	Decayed    *b = PG_GETARG_DECAYED_P(1);
	Decayed    *result = palloc_object(Decayed);
	Decayed		minus;

	if (a->h != b->h)
		score_mixed_half_lives("subtract", score_decayed_half_life(a),
							   score_decayed_half_life(b));
	score_decayed_negate(&minus, b);
	score_decayed_add(result, a, &minus);
	PG_RETURN_DECAYED_P(result);
}

Datum
community_decayed_negate(PG_FUNCTION_ARGS)
{
	Decayed    *result = palloc_object(Decayed);

	score_decayed_negate(result, PG_GETARG_DECAYED_P(0));
	PG_RETURN_DECAYED_P(result);
}

static Decayed *
score_multiply(const Decayed *d, double factor)
{
	Decayed    *result = palloc_object(Decayed);

	if (isnan(factor) || isinf(factor))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("factor of a decayed value must be finite, not %g",
						factor)));
	if (score_decayed_scale(result, d, factor) != SCORE_DECAYED_OK)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("decayed value out of range"),
				 errdetail("The product with %g at a half-life of %s cannot be stored.",
						   factor,
						   score_half_life_text(score_decayed_half_life(d)))));
	return result;
}

Datum
community_decayed_multiply(PG_FUNCTION_ARGS)
{
	PG_RETURN_DECAYED_P(score_multiply(PG_GETARG_DECAYED_P(0),
									   PG_GETARG_FLOAT8(1)));
}

Datum
community_float8_multiply_decayed(PG_FUNCTION_ARGS)
{
	PG_RETURN_DECAYED_P(score_multiply(PG_GETARG_DECAYED_P(1),
									   PG_GETARG_FLOAT8(0)));
}

static inline int
score_compare(const Decayed *a, const Decayed *b)
{
	if (unlikely(a->h != b->h))
		score_mixed_half_lives("compare", score_decayed_half_life(a),
							   score_decayed_half_life(b));
	return score_decayed_order(a, b);
}

#define SCORE_COMPARISON(name, operator) \
Datum \
community_decayed_##name(PG_FUNCTION_ARGS) \
{ \
	PG_RETURN_BOOL(score_compare(PG_GETARG_DECAYED_P(0), \
								 PG_GETARG_DECAYED_P(1)) operator 0); \
}

SCORE_COMPARISON(eq, ==)
SCORE_COMPARISON(ne, !=)
SCORE_COMPARISON(lt, <)
SCORE_COMPARISON(le, <=)
SCORE_COMPARISON(gt, >)
SCORE_COMPARISON(ge, >=)

Datum
community_decayed_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(score_compare(PG_GETARG_DECAYED_P(0),
								  PG_GETARG_DECAYED_P(1)));
}

static int
score_sort_comparator(Datum x, Datum y, SortSupport ssup)
{
	return score_compare(DatumGetDecayedP(x), DatumGetDecayedP(y));
}

Datum
community_decayed_sortsupport(PG_FUNCTION_ARGS)
{
	SortSupport ssup = (SortSupport) PG_GETARG_POINTER(0);

	ssup->comparator = score_sort_comparator;
	PG_RETURN_VOID();
}

/*
 * The half-life is left out, so that values which differ in nothing else meet
 * in the equality operator and are refused there.
 */
static void
score_hash_image(unsigned char *image, const Decayed *d)
{
	memcpy(image, &d->m, sizeof(double));
	memcpy(image + sizeof(double), &d->e, sizeof(int32));
}

Datum
community_decayed_hash(PG_FUNCTION_ARGS)
{
	unsigned char image[SCORE_DECAYED_HASHED];

	score_hash_image(image, PG_GETARG_DECAYED_P(0));
	return hash_any(image, sizeof(image));
}

Datum
community_decayed_hash_extended(PG_FUNCTION_ARGS)
{
	unsigned char image[SCORE_DECAYED_HASHED];

	score_hash_image(image, PG_GETARG_DECAYED_P(0));
	return hash_any_extended(image, sizeof(image), PG_GETARG_INT64(1));
}
