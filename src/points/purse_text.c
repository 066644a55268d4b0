/*-------------------------------------------------------------------------
 *
 * purse_text.c
 *	  Text and binary form of purses.
 *
 *	  {100, 50[2026-02-01T00:00:00Z,2027-02-01T00:00:00Z), 20[,infinity)#1}
 *
 * A lot is its points, the times between which they can be spent unless that
 * is always, and its priority unless that is zero.  Times are in UTC and
 * depend on no setting: the text must be an immutable function of the value.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "libpq/pqformat.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "points/purse.h"

/* The version byte that begins the binary form on the wire */
#define PURSE_WIRE_VERSION	1

/* Bytes of a lot on the wire: points, two times, priority */
#define PURSE_WIRE_LOT		28

#define PURSE_YEAR_DIGITS		6
#define PURSE_FRACTION_DIGITS	6

PG_FUNCTION_INFO_V1(community_purse_in);
PG_FUNCTION_INFO_V1(community_purse_out);
PG_FUNCTION_INFO_V1(community_purse_recv);
PG_FUNCTION_INFO_V1(community_purse_send);

/* A text being read, and where.  After a failure, why. */
typedef struct PurseReader
{
	const char *p;
	int			errcode;
	const char *problem;		/* a sentence, NULL while all is well */
} PurseReader;

/* ----- output ----- */

/* ISO 8601 in UTC, with as many digits as there are. */
static void
purse_append_time(StringInfo buffer, TimestampTz at)
{
	struct pg_tm tm;
	fsec_t		micros;

	if (TIMESTAMP_IS_NOBEGIN(at))
	{
		appendStringInfoString(buffer, "-infinity");
		return;
	}
	if (TIMESTAMP_IS_NOEND(at))
	{
		appendStringInfoString(buffer, "infinity");
		return;
	}
	if (timestamp2tm(at, NULL, &tm, &micros, NULL, NULL) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("time %lld of a purse is out of range",
						(long long) at)));
	appendStringInfo(buffer, "%04d-%02d-%02dT%02d:%02d:%02d",
					 tm.tm_year > 0 ? tm.tm_year : 1 - tm.tm_year,
					 tm.tm_mon, tm.tm_mday,
					 tm.tm_hour, tm.tm_min, tm.tm_sec);
	if (micros != 0)
	{
		appendStringInfo(buffer, ".%06d", (int) micros);
		while (buffer->data[buffer->len - 1] == '0')
			buffer->data[--buffer->len] = '\0';
	}
	appendStringInfoString(buffer, tm.tm_year > 0 ? "Z" : "Z BC");
}

/* [available_at,expires_at) */
static void
purse_append_times(StringInfo buffer, const PurseLot *lot)
{
	appendStringInfoChar(buffer, '[');
	if (!TIMESTAMP_IS_NOBEGIN(lot->available_at))
		purse_append_time(buffer, lot->available_at);
	appendStringInfoChar(buffer, ',');
	if (!TIMESTAMP_IS_NOEND(lot->expires_at))
		purse_append_time(buffer, lot->expires_at);
	appendStringInfoChar(buffer, ')');
}

/* The key of a lot for a message; the result is palloc'd. */
char *
purse_key_text(const PurseLot *lot)
{
	StringInfoData buffer;

	initStringInfo(&buffer);
	purse_append_times(&buffer, lot);
	if (lot->priority != 0)
		appendStringInfo(&buffer, "#%d", lot->priority);
	return buffer.data;
}

void
purse_append_text(StringInfo buffer, const Purse *purse)
{
	int			count = purse_count(purse);
	int			i;

	appendStringInfoChar(buffer, '{');
	for (i = 0; i < count; i++)
	{
		const PurseLot *lot = &purse->lots[i];

		appendStringInfo(buffer, "%s%lld", i > 0 ? ", " : "",
						 (long long) lot->points);
		if (!TIMESTAMP_IS_NOBEGIN(lot->available_at) ||
			!TIMESTAMP_IS_NOEND(lot->expires_at))
			purse_append_times(buffer, lot);
		if (lot->priority != 0)
			appendStringInfo(buffer, "#%d", lot->priority);
	}
	appendStringInfoChar(buffer, '}');
}

Datum
community_purse_out(PG_FUNCTION_ARGS)
{
	StringInfoData buffer;

	initStringInfo(&buffer);
	purse_append_text(&buffer, PG_GETARG_PURSE_P(0));
	PG_RETURN_CSTRING(buffer.data);
}

/* ----- input ----- */

/* Note what is wrong.  Gives false, so that callers can return it. */
static bool
purse_fail(PurseReader *reader, int errcode, const char *problem)
{
	reader->errcode = errcode;
	reader->problem = problem;
	return false;
}

static bool
purse_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static void
purse_skip_space(PurseReader *reader)
{
	while (*reader->p == ' ' || (*reader->p >= '\t' && *reader->p <= '\r'))
		reader->p++;
}

/* Take a character, and the space before it, if it comes next. */
static bool
purse_read_char(PurseReader *reader, char c)
{
	purse_skip_space(reader);
	if (*reader->p != c)
		return false;
	reader->p++;
	return true;
}

/* Take a word if it comes next. */
static bool
purse_read_word(PurseReader *reader, const char *word)
{
	if (strncmp(reader->p, word, strlen(word)) != 0)
		return false;
	reader->p += strlen(word);
	return true;
}

/* A whole number with a sign or without, within limits. */
static bool
purse_read_integer(PurseReader *reader, int64 least, int64 most,
				   int64 *value, const char *missing, const char *too_large)
{
	bool		negative = false;
	const char *p;
	uint64		size = 0;
	uint64		limit;

	purse_skip_space(reader);
	p = reader->p;
	if (*p == '-' || *p == '+')
		negative = *p++ == '-';
	if (!purse_is_digit(*p))
		return purse_fail(reader, ERRCODE_INVALID_TEXT_REPRESENTATION,
						  missing);
	limit = negative ? (uint64) -(least + 1) + 1 : (uint64) most;
	for (; purse_is_digit(*p); p++)
	{
		uint64		digit = *p - '0';

		if (size > (limit - digit) / 10)
			return purse_fail(reader, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
							  too_large);
		size = size * 10 + digit;
	}
	*value = (int64) (negative ? 0 - size : size);
	reader->p = p;
	return true;
}

/* Between least and most digits, and no further one. */
static bool
purse_read_digits(PurseReader *reader, int least, int most, int *value)
{
	int			count = 0;

	*value = 0;
	while (count < most && purse_is_digit(*reader->p))
	{
		*value = *value * 10 + (*reader->p++ - '0');
		count++;
	}
	return count >= least && !purse_is_digit(*reader->p);
}

/* HH:MM[:SS[.ffffff]] */
static bool
purse_read_clock(PurseReader *reader, struct pg_tm *tm, fsec_t *micros)
{
	int			fraction = 0;
	const char *start;
	int			digits;

	tm->tm_sec = 0;
	*micros = 0;
	if (!purse_read_digits(reader, 2, 2, &tm->tm_hour) ||
		!purse_read_word(reader, ":") ||
		!purse_read_digits(reader, 2, 2, &tm->tm_min))
		return false;
	if (purse_read_word(reader, ":"))
	{
		if (!purse_read_digits(reader, 2, 2, &tm->tm_sec))
			return false;
		if (purse_read_word(reader, "."))
		{
			start = reader->p;
			if (!purse_read_digits(reader, 1, PURSE_FRACTION_DIGITS,
								   &fraction))
				return false;
			for (digits = reader->p - start;
				 digits < PURSE_FRACTION_DIGITS; digits++)
				fraction *= 10;
			*micros = fraction;
		}
	}
	return tm->tm_hour < HOURS_PER_DAY && tm->tm_min < MINS_PER_HOUR &&
		tm->tm_sec < SECS_PER_MINUTE;
}

/* Z or [+-]HH[:MM[:SS]].  Gives the seconds to add to come to UTC. */
static bool
purse_read_zone(PurseReader *reader, int *to_utc)
{
	int			hour;
	int			minute = 0;
	int			second = 0;
	bool		west = *reader->p == '-';

	*to_utc = 0;
	if (purse_read_word(reader, "Z"))
		return true;
	if (!purse_read_word(reader, "+") && !purse_read_word(reader, "-"))
		return false;
	if (!purse_read_digits(reader, 2, 2, &hour))
		return false;
	if (purse_read_word(reader, ":"))
	{
		if (!purse_read_digits(reader, 2, 2, &minute))
			return false;
		if (purse_read_word(reader, ":") &&
			!purse_read_digits(reader, 2, 2, &second))
			return false;
	}
	if (hour > MAX_TZDISP_HOUR || minute >= MINS_PER_HOUR ||
		second >= SECS_PER_MINUTE)
		return false;
	*to_utc = (hour * MINS_PER_HOUR + minute) * SECS_PER_MINUTE + second;
	if (!west)
		*to_utc = -*to_utc;
	return true;
}

/* YYYY-MM-DDTHH:MM[:SS[.ffffff]] with a zone, perhaps BC, or an infinity. */
static bool
purse_read_time(PurseReader *reader, TimestampTz *at)
{
	static const char *const bad_time =
	"A time must be a valid YYYY-MM-DDTHH:MM:SS with Z or an offset from UTC, or infinity or -infinity.";
	struct pg_tm tm;
	fsec_t		micros;
	int			to_utc;
	int			code = ERRCODE_INVALID_DATETIME_FORMAT;

	if (purse_read_word(reader, "infinity"))
	{
		TIMESTAMP_NOEND(*at);
		return true;
	}
	if (purse_read_word(reader, "-infinity"))
	{
		TIMESTAMP_NOBEGIN(*at);
		return true;
	}
	if (!purse_read_digits(reader, 4, PURSE_YEAR_DIGITS, &tm.tm_year) ||
		!purse_read_word(reader, "-") ||
		!purse_read_digits(reader, 2, 2, &tm.tm_mon) ||
		!purse_read_word(reader, "-") ||
		!purse_read_digits(reader, 2, 2, &tm.tm_mday))
		return purse_fail(reader, code, bad_time);
	if (!purse_read_word(reader, "T") && !purse_read_word(reader, " "))
		return purse_fail(reader, code, bad_time);
	if (!purse_read_clock(reader, &tm, &micros) ||
		!purse_read_zone(reader, &to_utc) || tm.tm_year == 0)
		return purse_fail(reader, code, bad_time);
	if (purse_read_word(reader, " BC"))
		tm.tm_year = 1 - tm.tm_year;
	if (tm.tm_mon < 1 || tm.tm_mon > MONTHS_PER_YEAR || tm.tm_mday < 1 ||
		tm.tm_mday > day_tab[isleap(tm.tm_year)][tm.tm_mon - 1])
		return purse_fail(reader, code, bad_time);
	if (tm2timestamp(&tm, micros, &to_utc, at) != 0)
		return purse_fail(reader, ERRCODE_DATETIME_VALUE_OUT_OF_RANGE,
						  "The time is out of range for a timestamp.");
	return true;
}

/* POINTS, perhaps [AVAILABLE_AT,EXPIRES_AT), perhaps #PRIORITY */
static bool
purse_read_lot(PurseReader *reader, PurseLot *lot)
{
	int64		priority = 0;

	memset(lot, 0, sizeof(*lot));
	TIMESTAMP_NOBEGIN(lot->available_at);
	TIMESTAMP_NOEND(lot->expires_at);
	if (!purse_read_integer(reader, PG_INT64_MIN, PG_INT64_MAX, &lot->points,
							"A lot must begin with a whole number of points.",
							"The points are out of range for type bigint."))
		return false;
	if (purse_read_char(reader, '['))
	{
		if (!purse_read_char(reader, ','))
		{
			if (!purse_read_time(reader, &lot->available_at))
				return false;
			if (!purse_read_char(reader, ','))
				return purse_fail(reader, ERRCODE_INVALID_TEXT_REPRESENTATION,
								  "A comma must stand between the times of a lot.");
		}
		if (!purse_read_char(reader, ')'))
		{
			if (!purse_read_time(reader, &lot->expires_at))
				return false;
			if (!purse_read_char(reader, ')'))
				return purse_fail(reader, ERRCODE_INVALID_TEXT_REPRESENTATION,
								  "The times of a lot must end with \")\".");
		}
	}
	if (purse_read_char(reader, '#') &&
		!purse_read_integer(reader, PG_INT32_MIN, PG_INT32_MAX, &priority,
							"A whole number must follow \"#\".",
							"The priority is out of range for type integer."))
		return false;
	lot->priority = (int32) priority;
	return true;
}

/* Read a purse into an array of lots. */
static bool
purse_read(PurseReader *reader, PurseLot *lots, int room, int *count)
{
	*count = 0;
	if (!purse_read_char(reader, '{'))
		return purse_fail(reader, ERRCODE_INVALID_TEXT_REPRESENTATION,
						  "A purse must begin with \"{\".");
	if (!purse_read_char(reader, '}'))
	{
		do
		{
			if (*count == room)
				return purse_fail(reader, ERRCODE_PROGRAM_LIMIT_EXCEEDED,
								  "There are more lots than a purse can hold.");
			if (!purse_read_lot(reader, &lots[(*count)++]))
				return false;
		} while (purse_read_char(reader, ','));
		if (!purse_read_char(reader, '}'))
			return purse_fail(reader, ERRCODE_INVALID_TEXT_REPRESENTATION,
							  "Lots must be separated by commas, and the last be followed by \"}\".");
	}
	purse_skip_space(reader);
	if (*reader->p != '\0')
		return purse_fail(reader, ERRCODE_INVALID_TEXT_REPRESENTATION,
						  "Nothing may follow \"}\".");
	return true;
}

/*
 * Lots may come in any order and equal keys more than once; they are put in
 * order and added up.
 */
Datum
community_purse_in(PG_FUNCTION_ARGS)
{
	char	   *input = PG_GETARG_CSTRING(0);
	struct Node *escontext = fcinfo->context;
	PurseReader reader = {input, 0, NULL};
	int			room = 1;
	const char *p;
	Purse	   *result;
	int			count;

	/* a comma stands behind every lot but the last, or within one */
	for (p = input; *p != '\0' && room < PURSE_MAX_LOTS; p++)
		room += *p == ',';
	result = purse_alloc(room);
	if (!purse_read(&reader, result->lots, room, &count))
		ereturn(escontext, (Datum) 0,
				(errcode(reader.errcode),
				 errmsg("invalid input syntax for type %s: \"%s\"",
						"community.purse", input),
				 errdetail("%s Reading stopped at character %d.",
						   reader.problem, (int) (reader.p - input) + 1)));
	if (!purse_lots_canonicalize(result->lots, &count))
		ereturn(escontext, (Datum) 0,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("points of purse lot %s out of range",
						purse_key_text(&result->lots[count])),
				 errdetail("A lot holds between %lld and %lld points.",
						   (long long) PG_INT64_MIN,
						   (long long) PG_INT64_MAX)));
	purse_set_count(result, count);
	PG_RETURN_PURSE_P(result);
}

/* ----- on the wire ----- */

/* Version byte, number of lots, lots. */
Datum
community_purse_send(PG_FUNCTION_ARGS)
{
	Purse	   *purse = PG_GETARG_PURSE_P(0);
	int			count = purse_count(purse);
	StringInfoData buf;
	int			i;

	pq_begintypsend(&buf);
	pq_sendbyte(&buf, PURSE_WIRE_VERSION);
	pq_sendint32(&buf, (uint32) count);
	for (i = 0; i < count; i++)
	{
		pq_sendint64(&buf, (uint64) purse->lots[i].points);
		pq_sendint64(&buf, (uint64) purse->lots[i].available_at);
		pq_sendint64(&buf, (uint64) purse->lots[i].expires_at);
		pq_sendint32(&buf, (uint32) purse->lots[i].priority);
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

static bool
purse_is_time(TimestampTz at)
{
	return TIMESTAMP_NOT_FINITE(at) || IS_VALID_TIMESTAMP(at);
}

static void
purse_recv_lot(StringInfo buf, PurseLot *lot, int number)
{
	lot->points = pq_getmsgint64(buf);
	lot->available_at = pq_getmsgint64(buf);
	lot->expires_at = pq_getmsgint64(buf);
	lot->priority = (int32) pq_getmsgint(buf, 4);
	lot->zero = 0;
	if (!purse_is_time(lot->available_at) || !purse_is_time(lot->expires_at))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("invalid binary purse: time of lot %d is out of range",
						number)));
	if (lot->points == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid binary purse: lot %d has no points",
						number)));
}

/*
 * Only the canonical form is taken: anything else would be a second spelling
 * of some purse, and equal purses must be equal bytes.  The number of lots is
 * compared with the length before anything is allocated for them.
 */
Datum
community_purse_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	int			version = pq_getmsgbyte(buf);
	uint32		count;
	int			length;
	Purse	   *result;
	int			i;

	if (version != PURSE_WIRE_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("unsupported version %d of binary purse, expected %d",
						version, PURSE_WIRE_VERSION)));
	count = pq_getmsgint(buf, 4);
	length = buf->len - buf->cursor;
	if (length % PURSE_WIRE_LOT != 0 || count != length / PURSE_WIRE_LOT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid binary purse: %u lots in %d bytes",
						count, length),
				 errdetail("A lot has %d bytes.", PURSE_WIRE_LOT)));

	result = purse_alloc((int) count);
	for (i = 0; i < (int) count; i++)
	{
		purse_recv_lot(buf, &result->lots[i], i + 1);
		if (i > 0 &&
			purse_lot_compare(&result->lots[i - 1], &result->lots[i]) >= 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
					 errmsg("invalid binary purse: lots %d and %d are not in order",
							i, i + 1),
					 errdetail("The keys (priority, expires_at, available_at) must ascend, each once.")));
	}
	purse_set_count(result, (int) count);
	PG_RETURN_PURSE_P(result);
}
