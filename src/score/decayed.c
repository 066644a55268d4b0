/*-------------------------------------------------------------------------
 *
 * decayed.c
 *	  The type decayed: input and output, type modifier, readings.
 *
 * Operators are in decayed_ops.c, aggregates in decayed_agg.c, arithmetic in
 * decayed_algo.h.  Everything here is a pure function of its arguments.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "libpq/pqformat.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/errors.h"
#include "score/decayed.h"

/* The version byte that begins the binary form on the wire */
#define SCORE_DECAYED_WIRE_VERSION	1

PG_FUNCTION_INFO_V1(community_decayed_in);
PG_FUNCTION_INFO_V1(community_decayed_out);
PG_FUNCTION_INFO_V1(community_decayed_recv);
PG_FUNCTION_INFO_V1(community_decayed_send);
PG_FUNCTION_INFO_V1(community_decayed_typmod_in);
PG_FUNCTION_INFO_V1(community_decayed_typmod_out);
PG_FUNCTION_INFO_V1(community_decayed_to_typmod);
PG_FUNCTION_INFO_V1(community_decayed_from_text);
PG_FUNCTION_INFO_V1(community_decayed_to_text);
PG_FUNCTION_INFO_V1(community_decayed);
PG_FUNCTION_INFO_V1(community_score_at);
PG_FUNCTION_INFO_V1(community_falls_below_at);
PG_FUNCTION_INFO_V1(community_half_life);
PG_FUNCTION_INFO_V1(community_decayed_key);

/* What is wrong with a text, as a sentence for the detail. */
static const char *const score_parse_details[] = {
	[SCORE_PARSE_OK] = NULL,
	[SCORE_PARSE_NUMBER] = "It must begin with a decimal number.",
	[SCORE_PARSE_NUMBER_RANGE] = "The number is out of range for type double precision.",
	[SCORE_PARSE_NO_TIME] = "A score other than zero needs \"@\" and a time.",
	[SCORE_PARSE_TIME] = "The time must be a valid YYYY-MM-DD, HH:MM:SS may follow.",
	[SCORE_PARSE_TIME_RANGE] = "The time is out of range for a timestamp.",
	[SCORE_PARSE_ZONE] = "The time needs an offset from UTC, such as +00, +05:30 or Z.",
	[SCORE_PARSE_NO_HALF_LIFE] = "A half-life must follow, after \"/\".",
	[SCORE_PARSE_HALF_LIFE] = "The half-life must be such as \"30 days\", \"12 hours\" or \"90 seconds\".",
	[SCORE_PARSE_HALF_LIFE_UNFIXED] = "Months and years have no fixed length; use weeks or days.",
	[SCORE_PARSE_HALF_LIFE_RANGE] = "The half-life must be between 1 and 1073741823 seconds."
};

/* The SQLSTATE that goes with it. */
static int
score_parse_errcode(ScoreParseStatus status)
{
	switch (status)
	{
		case SCORE_PARSE_NUMBER_RANGE:
			return ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE;
		case SCORE_PARSE_TIME_RANGE:
			return ERRCODE_DATETIME_VALUE_OUT_OF_RANGE;
		case SCORE_PARSE_HALF_LIFE_UNFIXED:
		case SCORE_PARSE_HALF_LIFE_RANGE:
			return ERRCODE_INVALID_PARAMETER_VALUE;
		default:
			return ERRCODE_INVALID_TEXT_REPRESENTATION;
	}
}

char *
score_half_life_text(int32 half_life_seconds)
{
	char	   *result = palloc(SCORE_HALF_LIFE_BUFLEN);

	score_half_life_format(result, half_life_seconds);
	return result;
}

static char *
score_interval_text(const Interval *interval)
{
	Datum		text_form = DirectFunctionCall1(interval_out,
												IntervalPGetDatum(interval));

	return DatumGetCString(text_form);
}

/*
 * The half-life of an interval, in seconds.  It must be one fixed length of
 * time: whole seconds, no months, more than nothing.
 */
int32
score_interval_seconds(const Interval *half_life)
{
	int64		seconds;

	if (half_life->month != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("half-life %s has no fixed length",
						score_interval_text(half_life)),
				 errdetail("Months, years and infinity have no fixed length."),
				 errhint("Use weeks or days.")));
	seconds = half_life->time / USECS_PER_SEC +
		(int64) half_life->day * SECS_PER_DAY;
	if (half_life->time % USECS_PER_SEC != 0 ||
		seconds < 1 || seconds > SCORE_HALF_LIFE_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("half-life %s is out of range",
						score_interval_text(half_life)),
				 errdetail("A half-life is a whole number of seconds between 1 and %d.",
						   SCORE_HALF_LIFE_MAX)));
	return (int32) seconds;
}

void
score_mixed_half_lives(const char *verb, int32 a, int32 b)
{
	ereport(ERROR,
			(errcode(COMMUNITY_ERRCODE_MIXED_HALF_LIVES),
			 errmsg("cannot %s decayed values with half-lives of %s and %s",
					verb, score_half_life_text(a), score_half_life_text(b)),
			 errdetail("Scores of different half-lives have no lasting order and no common sum.")));
}

/* Build the value of one event. */
void
score_decayed_make(Decayed *result, double value, TimestampTz at,
				   int32 half_life_seconds)
{
	if (unlikely(isnan(value) || isinf(value)))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("decayed value must be finite, not %g", value)));
	if (unlikely(TIMESTAMP_NOT_FINITE(at)))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("time of a decayed value must be finite, not %s",
						TIMESTAMP_IS_NOBEGIN(at) ? "-infinity" : "infinity")));
	if (unlikely(half_life_seconds < 1 ||
				 half_life_seconds > SCORE_HALF_LIFE_MAX))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("half-life of %d seconds is out of range",
						half_life_seconds),
				 errdetail("A half-life is a whole number of seconds between 1 and %d.",
						   SCORE_HALF_LIFE_MAX)));
	if (unlikely(score_decayed_term(result, value, at, half_life_seconds) !=
				 SCORE_DECAYED_OK))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("decayed value out of range"),
				 errdetail("Score %g at %s with a half-life of %s cannot be stored.",
						   value, timestamptz_to_str(at),
						   score_half_life_text(half_life_seconds))));
}

/* result = a + b; result may be a or b. */
void
score_decayed_add(Decayed *result, const Decayed *a, const Decayed *b)
{
	if (unlikely(a->h != b->h))
		score_mixed_half_lives("add", score_decayed_half_life(a),
							   score_decayed_half_life(b));
	if (unlikely(score_decayed_sum(result, a, b) != SCORE_DECAYED_OK))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("decayed value out of range"),
				 errdetail("The sum of two values with a half-life of %s cannot be stored.",
						   score_half_life_text(score_decayed_half_life(a)))));
}

/* The score at a time. */
double
score_decayed_at(const Decayed *d, TimestampTz at)
{
	double		result;

	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("time of a score must be finite, not %s",
						TIMESTAMP_IS_NOBEGIN(at) ? "-infinity" : "infinity")));
	if (!score_decayed_value_at(&result, d, at))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("score at %s is out of range for type double precision",
						timestamptz_to_str(at))));
	return result;
}

/*
 * Refuse a value whose half-life is not the type modifier's.  With an error
 * context the refusal is soft and the result false.
 */
static bool
score_check_typmod(const Decayed *d, int32 typmod, struct Node *escontext)
{
	if (typmod < 0 || score_decayed_half_life(d) == typmod)
		return true;
	ereturn(escontext, false,
			(errcode(COMMUNITY_ERRCODE_MIXED_HALF_LIVES),
			 errmsg("half-life %s does not match type decayed('%s')",
					score_half_life_text(score_decayed_half_life(d)),
					score_half_life_text(typmod))));
}

/*
 * Text to value.  The text names any moment; what is stored is the equivalent
 * at the anchor of its exponent.
 */
static Decayed *
score_decayed_from_cstring(const char *text, int32 typmod,
						   struct Node *escontext)
{
	Decayed    *result = palloc_object(Decayed);
	double		value;
	int64		at;
	int32		half_life;
	ScoreParseStatus status;

	status = score_decayed_parse(text, &value, &at, &half_life);
	if (status != SCORE_PARSE_OK)
		ereturn(escontext, NULL,
				(errcode(score_parse_errcode(status)),
				 errmsg("invalid input syntax for type %s: \"%s\"",
						"community.decayed", text),
				 errdetail("%s", score_parse_details[status])));
	if (score_decayed_term(result, value, at, half_life) != SCORE_DECAYED_OK)
		ereturn(escontext, NULL,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("decayed value out of range: \"%s\"", text)));
	if (!score_check_typmod(result, typmod, escontext))
		return NULL;
	return result;
}

/* Write a value into a buffer of SCORE_DECAYED_BUFLEN bytes. */
static void
score_decayed_to_buffer(char *buffer, const Decayed *d)
{
	int32		half_life = score_decayed_half_life(d);
	char	   *p = buffer;

	if (d->m == 0.0)
		*p++ = '0';
	else
	{
		p += double_to_shortest_decimal_buf(d->m, p);
		*p++ = '@';
		score_time_format(p, (int64) d->e * half_life);
		p += strlen(p);
	}
	*p++ = '/';
	score_half_life_format(p, half_life);
}

Datum
community_decayed_in(PG_FUNCTION_ARGS)
{
	char	   *input = PG_GETARG_CSTRING(0);
	int32		typmod = PG_GETARG_INT32(2);
	Decayed    *result;

	result = score_decayed_from_cstring(input, typmod, fcinfo->context);
	if (result == NULL)
		PG_RETURN_NULL();
	PG_RETURN_DECAYED_P(result);
}

Datum
community_decayed_out(PG_FUNCTION_ARGS)
{
	char	   *result = palloc(SCORE_DECAYED_BUFLEN);

	score_decayed_to_buffer(result, PG_GETARG_DECAYED_P(0));
	PG_RETURN_CSTRING(result);
}

/*
 * Version byte, mantissa, exponent, half-life.  Only the canonical form is
 * taken: anything else would be a second spelling of some value, and equal
 * values must be equal bytes.
 */
Datum
community_decayed_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	int32		typmod = PG_GETARG_INT32(2);
	Decayed    *result = palloc_object(Decayed);
	int			version = pq_getmsgbyte(buf);

	if (version != SCORE_DECAYED_WIRE_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("unsupported version %d of binary decayed, expected %d",
						version, SCORE_DECAYED_WIRE_VERSION)));
	result->m = pq_getmsgfloat8(buf);
	result->e = (int32) pq_getmsgint(buf, 4);
	result->h = (uint32) pq_getmsgint(buf, 4);
	if (!score_decayed_is_valid(result))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid binary decayed: mantissa %g, exponent %d, half-life %u",
						result->m, result->e, result->h),
				 errdetail("The mantissa must be zero or between one and two, and the exponent and the half-life in range.")));
	(void) score_check_typmod(result, typmod, NULL);
	PG_RETURN_DECAYED_P(result);
}

Datum
community_decayed_send(PG_FUNCTION_ARGS)
{
	Decayed    *d = PG_GETARG_DECAYED_P(0);
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendbyte(&buf, SCORE_DECAYED_WIRE_VERSION);
	pq_sendfloat8(&buf, d->m);
	pq_sendint32(&buf, (uint32) d->e);
	pq_sendint32(&buf, d->h);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/* decayed('30 days'), or decayed(2592000) in seconds. */
Datum
community_decayed_typmod_in(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	Datum	   *items;
	int			count;
	char	   *modifier;
	int32		half_life;
	ScoreParseStatus status;

	deconstruct_array(array, CSTRINGOID, -2, false, TYPALIGN_CHAR,
					  &items, NULL, &count);
	if (count != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("type decayed takes one modifier, a half-life, not %d",
						count)));
	modifier = DatumGetCString(items[0]);
	if (strspn(modifier, "0123456789") == strlen(modifier))
		modifier = psprintf("%s seconds", modifier);
	status = score_half_life_parse(modifier, &half_life);
	if (status != SCORE_PARSE_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid half-life for type decayed: \"%s\"",
						DatumGetCString(items[0])),
				 errdetail("%s", score_parse_details[status])));
	PG_RETURN_INT32(half_life);
}

Datum
community_decayed_typmod_out(PG_FUNCTION_ARGS)
{
	int32		typmod = PG_GETARG_INT32(0);

	if (typmod < 1 || typmod > SCORE_HALF_LIFE_MAX)
		PG_RETURN_CSTRING(pstrdup(""));
	PG_RETURN_CSTRING(psprintf("('%s')", score_half_life_text(typmod)));
}

/* Length coercion: check, never convert. */
Datum
community_decayed_to_typmod(PG_FUNCTION_ARGS)
{
	Decayed    *d = PG_GETARG_DECAYED_P(0);

	(void) score_check_typmod(d, PG_GETARG_INT32(1), NULL);
	PG_RETURN_DECAYED_P(d);
}

Datum
community_decayed_from_text(PG_FUNCTION_ARGS)
{
	char	   *input = text_to_cstring(PG_GETARG_TEXT_PP(0));

	PG_RETURN_DECAYED_P(score_decayed_from_cstring(input, -1, NULL));
}

Datum
community_decayed_to_text(PG_FUNCTION_ARGS)
{
	char		buffer[SCORE_DECAYED_BUFLEN];

	score_decayed_to_buffer(buffer, PG_GETARG_DECAYED_P(0));
	PG_RETURN_TEXT_P(cstring_to_text(buffer));
}

Datum
community_decayed(PG_FUNCTION_ARGS)
{
	Decayed    *result = palloc_object(Decayed);

	score_decayed_make(result, PG_GETARG_FLOAT8(0),
					   PG_GETARG_TIMESTAMPTZ(1),
					   score_interval_seconds(PG_GETARG_INTERVAL_P(2)));
	PG_RETURN_DECAYED_P(result);
}

Datum
community_score_at(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(score_decayed_at(PG_GETARG_DECAYED_P(0),
									  PG_GETARG_TIMESTAMPTZ(1)));
}

Datum
community_falls_below_at(PG_FUNCTION_ARGS)
{
	Decayed    *d = PG_GETARG_DECAYED_P(0);
	double		threshold = PG_GETARG_FLOAT8(1);

	if (!(threshold > 0.0) || isinf(threshold))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("threshold must be positive and finite, not %g",
						threshold)));
	PG_RETURN_TIMESTAMPTZ(score_decayed_crossing(d, threshold));
}

/* Whole days as days, the rest as time. */
Datum
community_half_life(PG_FUNCTION_ARGS)
{
	int32		half_life = score_decayed_half_life(PG_GETARG_DECAYED_P(0));
	Interval   *result = palloc0_object(Interval);

	if (half_life % SECS_PER_DAY == 0)
		result->day = half_life / SECS_PER_DAY;
	else
		result->time = half_life * USECS_PER_SEC;
	PG_RETURN_INTERVAL_P(result);
}

Datum
community_decayed_key(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(score_decayed_sort_key(PG_GETARG_DECAYED_P(0)));
}
