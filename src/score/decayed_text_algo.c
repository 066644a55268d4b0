/*-------------------------------------------------------------------------
 *
 * decayed_text_algo.c
 *	  Text form of decayed values: 1.25@2000-01-22 00:00:00+00/7 days
 *
 * A parser and a formatter of our own, because the server's depend on
 * DateStyle, TimeZone and IntervalStyle, and the text of a value must not: it
 * is an immutable function of the value, and reads back to the same bits.
 *
 * Pure: no server calls, no allocation.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <errno.h>

#include "score/decayed_algo.h"

#define SCORE_DAYS_PER_ERA		146097	/* 400 Gregorian years */
#define SCORE_LANDMARK_DAY		730425	/* 0000-03-01 to 2000-01-01 */
#define SCORE_YEAR_DIGITS		6
#define SCORE_FRACTION_DIGITS	6
#define SCORE_COUNT_LIMIT		INT64CONST(10000000000)

typedef struct ScoreUnit
{
	const char *name;
	int32		seconds;		/* zero: of no fixed length */
} ScoreUnit;

static const ScoreUnit score_units[] = {
	{"s", 1}, {"sec", 1}, {"secs", 1}, {"second", 1}, {"seconds", 1},
	{"min", 60}, {"mins", 60}, {"minute", 60}, {"minutes", 60},
	{"h", 3600}, {"hour", 3600}, {"hours", 3600},
	{"d", 86400}, {"day", 86400}, {"days", 86400},
	{"w", 604800}, {"week", 604800}, {"weeks", 604800},
	{"mon", 0}, {"mons", 0}, {"month", 0}, {"months", 0},
	{"y", 0}, {"year", 0}, {"years", 0}
};

static bool
score_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
score_is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static const char *
score_skip_space(const char *p)
{
	while (*p == ' ' || (*p >= '\t' && *p <= '\r'))
		p++;
	return p;
}

/*
 * Read between least and most digits.  Gives the place behind them, or NULL;
 * a further digit is an error too.
 */
static const char *
score_read_digits(const char *p, int least, int most, int *value)
{
	int			count = 0;

	*value = 0;
	while (count < most && score_is_digit(*p))
	{
		*value = *value * 10 + (*p++ - '0');
		count++;
	}
	if (count < least || score_is_digit(*p))
		return NULL;
	return p;
}

/*
 * A decimal number; no hexadecimal, no NaN, no infinity.  strtod rounds
 * correctly and the server keeps LC_NUMERIC at C.
 */
static const char *
score_read_number(const char *p, double *value, ScoreParseStatus *status)
{
	const char *start = p;
	char	   *end;
	int			digits = 0;

	*status = SCORE_PARSE_NUMBER;
	if (*p == '+' || *p == '-')
		p++;
	for (; score_is_digit(*p); p++)
		digits++;
	if (*p == '.')
		for (p++; score_is_digit(*p); p++)
			digits++;
	if (digits == 0)
		return NULL;
	if (*p == 'e' || *p == 'E')
	{
		p++;
		if (*p == '+' || *p == '-')
			p++;
		if (!score_is_digit(*p))
			return NULL;
		while (score_is_digit(*p))
			p++;
	}

	errno = 0;
	*value = strtod(start, &end);
	if (end != p)
		return NULL;
	if (errno == ERANGE && (*value == 0.0 || isinf(*value)))
	{
		*status = SCORE_PARSE_NUMBER_RANGE;
		return NULL;
	}
	*status = SCORE_PARSE_OK;
	return p;
}

static int
score_days_in_month(int64 year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	if (month == 2 &&
		year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
		return 29;
	return days[month - 1];
}

/* Days from the landmark to a day of the proleptic Gregorian calendar. */
static int64
score_day_number(int64 year, int month, int day)
{
	int64		era;
	int64		of_era;
	int			of_year;

	/* years begin in March, so that the leap day is the last */
	if (month <= 2)
		year--;
	era = (year >= 0 ? year : year - 399) / 400;
	of_era = year - era * 400;
	of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	return era * SCORE_DAYS_PER_ERA - SCORE_LANDMARK_DAY +
		of_era * 365 + of_era / 4 - of_era / 100 + of_year;
}

/* [+-]HH[:MM[:SS]] or Z.  Gives the seconds to add to come to UTC. */
static const char *
score_read_zone(const char *p, int *offset)
{
	int			sign;
	int			hour;
	int			minute = 0;
	int			second = 0;

	*offset = 0;
	if (*p == 'Z' || *p == 'z')
		return p + 1;
	if (*p != '+' && *p != '-')
		return NULL;
	sign = *p++ == '-' ? 1 : -1;
	if ((p = score_read_digits(p, 2, 2, &hour)) == NULL)
		return NULL;
	if (*p == ':')
	{
		if ((p = score_read_digits(p + 1, 2, 2, &minute)) == NULL)
			return NULL;
		if (*p == ':' &&
			(p = score_read_digits(p + 1, 2, 2, &second)) == NULL)
			return NULL;
	}
	if (hour > 15 || minute > 59 || second > 59)
		return NULL;
	*offset = sign * ((hour * 60 + minute) * 60 + second);
	return p;
}

/* HH:MM[:SS[.ffffff]].  Gives seconds and microseconds of the day. */
static const char *
score_read_clock(const char *p, int *seconds, int *micros)
{
	int			hour;
	int			minute;
	int			second = 0;
	const char *start;
	int			digits;

	*micros = 0;
	if ((p = score_read_digits(p, 2, 2, &hour)) == NULL || *p != ':')
		return NULL;
	if ((p = score_read_digits(p + 1, 2, 2, &minute)) == NULL)
		return NULL;
	if (*p == ':')
	{
		if ((p = score_read_digits(p + 1, 2, 2, &second)) == NULL)
			return NULL;
		if (*p == '.')
		{
			start = p + 1;
			p = score_read_digits(start, 1, SCORE_FRACTION_DIGITS, micros);
			if (p == NULL)
				return NULL;
			for (digits = p - start; digits < SCORE_FRACTION_DIGITS; digits++)
				*micros *= 10;
		}
	}
	if (hour > 23 || minute > 59 || second > 59)
		return NULL;
	*seconds = (hour * 60 + minute) * 60 + second;
	return p;
}

/* A date, perhaps a time of day, an offset from UTC, perhaps BC. */
static const char *
score_read_time(const char *p, int64 *at, ScoreParseStatus *status)
{
	int			year;
	int			month;
	int			day;
	int			clock = 0;
	int			micros = 0;
	int			offset;
	int64		astronomical;
	int64		second;
	const char *next;

	*status = SCORE_PARSE_TIME;
	if ((p = score_read_digits(p, 4, SCORE_YEAR_DIGITS, &year)) == NULL ||
		*p != '-')
		return NULL;
	if ((p = score_read_digits(p + 1, 2, 2, &month)) == NULL || *p != '-')
		return NULL;
	if ((p = score_read_digits(p + 1, 2, 2, &day)) == NULL)
		return NULL;

	next = *p == 'T' || *p == 't' ? p + 1 : score_skip_space(p);
	if (next != p && score_is_digit(*next))
	{
		if ((p = score_read_clock(next, &clock, &micros)) == NULL)
			return NULL;
	}

	*status = SCORE_PARSE_ZONE;
	p = score_read_zone(score_skip_space(p), &offset);
	if (p == NULL)
		return NULL;

	*status = SCORE_PARSE_TIME;
	astronomical = year;
	next = score_skip_space(p);
	if ((next[0] == 'B' || next[0] == 'b') &&
		(next[1] == 'C' || next[1] == 'c'))
	{
		astronomical = 1 - (int64) year;
		p = next + 2;
	}
	if (year == 0 || month < 1 || month > 12 || day < 1 ||
		day > score_days_in_month(astronomical, month))
		return NULL;

	*status = SCORE_PARSE_TIME_RANGE;
	second = score_day_number(astronomical, month, day) * SECS_PER_DAY +
		clock + offset;
	if (second < SCORE_FIRST_SECOND || second >= SCORE_END_SECOND)
		return NULL;
	*at = second * USECS_PER_SEC + micros;
	*status = SCORE_PARSE_OK;
	return p;
}

/* Find a unit by name, whatever its case.  NULL if there is none. */
static const ScoreUnit *
score_find_unit(const char *name, int length)
{
	int			i;
	int			j;

	for (i = 0; i < lengthof(score_units); i++)
	{
		const char *unit = score_units[i].name;

		for (j = 0; j < length && unit[j] != '\0'; j++)
			if ((name[j] | 0x20) != unit[j])
				break;
		if (j == length && unit[j] == '\0')
			return &score_units[i];
	}
	return NULL;
}

/* [HH]:MM[:SS] after its first number has been read. */
static const char *
score_read_span(const char *p, int64 hours, int64 *seconds)
{
	int			minute;
	int			second = 0;

	if ((p = score_read_digits(p + 1, 2, 2, &minute)) == NULL)
		return NULL;
	if (*p == ':' &&
		(p = score_read_digits(p + 1, 2, 2, &second)) == NULL)
		return NULL;
	if (minute > 59 || second > 59)
		return NULL;
	*seconds = (hours * 60 + minute) * 60 + second;
	return p;
}

/*
 * Read a half-life up to the end of the text: terms such as "1 day",
 * "36 hours" or "12:30:00", which add up.  Months and years have no fixed
 * length, and nothing is shorter than a second.
 */
ScoreParseStatus
score_half_life_parse(const char *p, int32 *half_life)
{
	int64		total = 0;
	const ScoreUnit *unit;
	const char *word;

	p = score_skip_space(p);
	do
	{
		int64		count = 0;
		int64		seconds;

		if (!score_is_digit(*p))
			return SCORE_PARSE_HALF_LIFE;
		for (; score_is_digit(*p); p++)
		{
			count = count * 10 + (*p - '0');
			if (count > SCORE_COUNT_LIMIT)
				return SCORE_PARSE_HALF_LIFE_RANGE;
		}
		if (*p == ':')
		{
			if ((p = score_read_span(p, count, &seconds)) == NULL)
				return SCORE_PARSE_HALF_LIFE;
		}
		else
		{
			word = p = score_skip_space(p);
			while (score_is_letter(*p))
				p++;
			unit = score_find_unit(word, p - word);
			if (unit == NULL)
				return SCORE_PARSE_HALF_LIFE;
			if (unit->seconds == 0)
				return SCORE_PARSE_HALF_LIFE_UNFIXED;
			seconds = count * unit->seconds;
		}
		total += seconds;
		if (total > SCORE_HALF_LIFE_MAX)
			return SCORE_PARSE_HALF_LIFE_RANGE;
		p = score_skip_space(p);
	} while (*p != '\0');

	if (total < 1)
		return SCORE_PARSE_HALF_LIFE_RANGE;
	*half_life = (int32) total;
	return SCORE_PARSE_OK;
}

/*
 * Read number@time/half-life, or zero/half-life.  A zero without a time gets
 * the landmark.
 */
ScoreParseStatus
score_decayed_parse(const char *p, double *value, int64 *at,
					int32 *half_life)
{
	ScoreParseStatus status;

	*at = 0;
	p = score_read_number(score_skip_space(p), value, &status);
	if (p == NULL)
		return status;
	p = score_skip_space(p);
	if (*p == '@')
	{
		p = score_read_time(score_skip_space(p + 1), at, &status);
		if (p == NULL)
			return status;
		p = score_skip_space(p);
	}
	else if (*p == '/' && *value != 0.0)
		return SCORE_PARSE_NO_TIME;
	if (*p != '/')
		return SCORE_PARSE_NO_HALF_LIFE;
	return score_half_life_parse(p + 1, half_life);
}

/* The largest unit that gives a whole number. */
void
score_half_life_format(char *buffer, int32 half_life)
{
	const char *unit = "second";
	int32		count = half_life;

	if (count % SECS_PER_DAY == 0)
	{
		count /= SECS_PER_DAY;
		unit = "day";
	}
	else if (count % SECS_PER_HOUR == 0)
	{
		count /= SECS_PER_HOUR;
		unit = "hour";
	}
	else if (count % SECS_PER_MINUTE == 0)
	{
		count /= SECS_PER_MINUTE;
		unit = "minute";
	}
	snprintf(buffer, SCORE_HALF_LIFE_BUFLEN, "%d %s%s", (int) count, unit,
			 count == 1 ? "" : "s");
}

/* ISO 8601 in UTC, of a whole second after the landmark. */
void
score_time_format(char *buffer, int64 second)
{
	int64		day = second / SECS_PER_DAY;
	int			clock = (int) (second - day * SECS_PER_DAY);
	int64		era;
	int			of_era;
	int			year_of_era;
	int			of_year;
	int			month;
	int64		year;

	if (clock < 0)
	{
		clock += SECS_PER_DAY;
		day--;
	}
	day += SCORE_LANDMARK_DAY;
	era = (day >= 0 ? day : day - SCORE_DAYS_PER_ERA + 1) /
		SCORE_DAYS_PER_ERA;
	of_era = (int) (day - era * SCORE_DAYS_PER_ERA);
	year_of_era = (of_era - of_era / 1460 + of_era / 36524 -
				   of_era / 146096) / 365;
	of_year = of_era - (365 * year_of_era + year_of_era / 4 -
						year_of_era / 100);
	month = (5 * of_year + 2) / 153;
	year = era * 400 + year_of_era + (month >= 10 ? 1 : 0);

	snprintf(buffer, SCORE_TIME_BUFLEN, "%04d-%02d-%02d %02d:%02d:%02d+00%s",
			 (int) (year > 0 ? year : 1 - year),
			 month < 10 ? month + 3 : month - 9,
			 of_year - (153 * month + 2) / 5 + 1,
			 clock / SECS_PER_HOUR,
			 clock / SECS_PER_MINUTE % MINS_PER_HOUR,
			 clock % SECS_PER_MINUTE,
			 year > 0 ? "" : " BC");
}
