/*-------------------------------------------------------------------------
 *
 * period.c
 *	  The type period: input and output, comparison, hashing.
 *
 * Everything here is a pure function of its arguments; what needs a time zone
 * is in period_at.c.  Periods of the same meaning are the same bytes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"

#include "core/compat.h"
#include "period/period.h"

PG_FUNCTION_INFO_V1(community_period_in);
PG_FUNCTION_INFO_V1(community_period_out);
PG_FUNCTION_INFO_V1(community_period_recv);
PG_FUNCTION_INFO_V1(community_period_send);
PG_FUNCTION_INFO_V1(community_period_eq);
PG_FUNCTION_INFO_V1(community_period_ne);
PG_FUNCTION_INFO_V1(community_period_lt);
PG_FUNCTION_INFO_V1(community_period_le);
PG_FUNCTION_INFO_V1(community_period_gt);
PG_FUNCTION_INFO_V1(community_period_ge);
PG_FUNCTION_INFO_V1(community_period_cmp);
PG_FUNCTION_INFO_V1(community_period_hash);
PG_FUNCTION_INFO_V1(community_period_hash_extended);

/* What is wrong with a text, as a sentence for the detail. */
static const char *const period_details[] = {
	[PERIOD_OK] = NULL,
	[PERIOD_BAD_KIND] = "It must begin with \"lifetime\", \"rolling\", \"calendar\" or \"anniversary\".",
	[PERIOD_BAD_LENGTH] = "After \"rolling\" must follow a length in years, months, weeks, days, hours, minutes and seconds, in whole numbers.",
	[PERIOD_BAD_UNIT] = "The unit must be day, week, month, quarter, half-year or year.",
	[PERIOD_BAD_COUNT] = "A period must be longer than nothing.",
	[PERIOD_TOO_LONG] = "A period is at most 100 years long: 1200 months, 36525 days or 876600 hours.",
	[PERIOD_BAD_ORIGIN] = "After \"from\" must follow MM-DD, YYYY-MM-DD, \"day\" and a number, or a weekday, with or without a time of day HH:MM, or such a time.",
	[PERIOD_BAD_DATE] = "There is no such date.",
	[PERIOD_BAD_CLOCK] = "The time of day at which a period begins must be HH:MM or HH:MM:SS, from 00:00 to 23:59:59.",
	[PERIOD_ORIGIN_UNIT] = "Weekdays are for weeks, \"day\" and a number for months, MM-DD for months and longer; YYYY-MM-DD is for all.",
	[PERIOD_ANCHORED] = "An anniversary period begins at its anchor and takes no \"from\".",
	[PERIOD_TRAILING] = "Something follows where the period should end."
};

/* The SQLSTATE that goes with it. */
static int
period_errcode(PeriodStatus status)
{
	switch (status)
	{
		case PERIOD_BAD_COUNT:
		case PERIOD_TOO_LONG:
			return ERRCODE_INVALID_PARAMETER_VALUE;
		case PERIOD_BAD_DATE:
			return ERRCODE_DATETIME_FIELD_OVERFLOW;
		default:
			return ERRCODE_INVALID_TEXT_REPRESENTATION;
	}
}

char *
period_text(const Period *period)
{
	char	   *result = palloc(PERIOD_BUFLEN);

	period_format(result, period);
	return result;
}

Datum
community_period_in(PG_FUNCTION_ARGS)
{
	char	   *input = PG_GETARG_CSTRING(0);
	Period	   *result = palloc_object(Period);
	PeriodStatus status = period_parse(input, result);

	if (status != PERIOD_OK)
		ereturn(fcinfo->context, (Datum) 0,
				(errcode(period_errcode(status)),
				 errmsg("invalid input syntax for type %s: \"%s\"",
						"community.period", input),
				 errdetail("%s", period_details[status]),
				 errhint("Write \"lifetime\", \"rolling 365 days\", \"calendar month\", \"calendar week from sunday\", \"calendar year from 04-01\" or \"anniversary year\".")));
	PG_RETURN_PERIOD_P(result);
}

Datum
community_period_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(period_text(PG_GETARG_PERIOD_P(0)));
}

/* Only what input could have given is taken. */
Datum
community_period_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	Period	   *result = palloc0_object(Period);

	result->version = pq_getmsgbyte(buf);
	if (result->version != PERIOD_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("unsupported version %d of binary period, expected %d",
						result->version, PERIOD_VERSION)));
	result->kind = pq_getmsgbyte(buf);
	result->unit = pq_getmsgbyte(buf);
	result->count = (int32) pq_getmsgint(buf, 4);
	result->month = (int32) pq_getmsgint(buf, 4);
	result->day = (int32) pq_getmsgint(buf, 4);
	result->time = pq_getmsgint64(buf);
	if (!period_is_valid(result))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid binary period: kind %d, unit %d, count %d, months %d, days %d, time %lld",
						result->kind, result->unit, result->count,
						result->month, result->day,
						(long long) result->time)));
	PG_RETURN_PERIOD_P(result);
}

Datum
community_period_send(PG_FUNCTION_ARGS)
{
	Period	   *period = PG_GETARG_PERIOD_P(0);
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendbyte(&buf, period->version);
	pq_sendbyte(&buf, period->kind);
	pq_sendbyte(&buf, period->unit);
	pq_sendint32(&buf, (uint32) period->count);
	pq_sendint32(&buf, (uint32) period->month);
	pq_sendint32(&buf, (uint32) period->day);
	pq_sendint64(&buf, (uint64) period->time);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

#define PERIOD_COMPARISON(name, operator) \
Datum \
community_period_##name(PG_FUNCTION_ARGS) \
{ \
	PG_RETURN_BOOL(period_compare(PG_GETARG_PERIOD_P(0), \
								  PG_GETARG_PERIOD_P(1)) operator 0); \
}

PERIOD_COMPARISON(eq, ==)
PERIOD_COMPARISON(ne, !=)
PERIOD_COMPARISON(lt, <)
PERIOD_COMPARISON(le, <=)
PERIOD_COMPARISON(gt, >)
PERIOD_COMPARISON(ge, >=)

Datum
community_period_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(period_compare(PG_GETARG_PERIOD_P(0),
								   PG_GETARG_PERIOD_P(1)));
}

Datum
community_period_hash(PG_FUNCTION_ARGS)
{
	return hash_any((unsigned char *) PG_GETARG_PERIOD_P(0), sizeof(Period));
}

Datum
community_period_hash_extended(PG_FUNCTION_ARGS)
{
	return hash_any_extended((unsigned char *) PG_GETARG_PERIOD_P(0),
							 sizeof(Period), PG_GETARG_INT64(1));
}
