/*-------------------------------------------------------------------------
 *
 * period_text_algo.c
 *	  Text form of periods: calendar year from 04-01
 *
 * A parser and a formatter of our own, because the server's depend on
 * DateStyle and IntervalStyle, and the text of a period must not.  Input may
 * say a period in several ways, output always says it in one.
 *
 * Pure: no server calls, no allocation.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "period/period_algo.h"

#define PERIOD_WORD_LENGTH		16	/* longer than any word we know */
#define PERIOD_NUMBER_DIGITS	9

/* A unit of length; rolling periods know all, the others those of days. */
typedef struct PeriodWord
{
	const char *name;
	int32		months;
	int32		days;
	int32		seconds;
} PeriodWord;

static const PeriodWord period_words[] = {
	{"year", 12, 0, 0},
	{"half-year", 6, 0, 0},
	{"quarter", 3, 0, 0},
	{"month", 1, 0, 0},
	{"week", 0, 7, 0},
	{"day", 0, 1, 0},
	{"hour", 0, 0, SECS_PER_HOUR},
	{"minute", 0, 0, SECS_PER_MINUTE},
	{"second", 0, 0, 1},
	/* as the server writes intervals */
	{"mon", 1, 0, 0},
	{"min", 0, 0, SECS_PER_MINUTE},
	{"sec", 0, 0, 1}
};

/* so many of them can be the unit of a calendar or anniversary period */
#define PERIOD_CUT_WORDS		6

static const char *const period_weekdays[] = {
	"monday", "tuesday", "wednesday", "thursday", "friday", "saturday",
	"sunday"
};

static bool
period_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
period_is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void
period_skip_space(const char **p)
{
	while (**p == ' ' || (**p >= '\t' && **p <= '\r'))
		(*p)++;
}

/*
 * Read a word of letters, with hyphens between them, in lower case.  One that
 * is too long, or no word, gives an empty string.
 */
static void
period_read_word(const char **p, char *word)
{
	int			length = 0;

	period_skip_space(p);
	while (period_is_letter(**p) ||
		   (**p == '-' && length > 0 && period_is_letter((*p)[1])))
	{
		char		c = *(*p)++;

		if (length < PERIOD_WORD_LENGTH)
			word[length++] = (c >= 'A' && c <= 'Z') ? c - 'A' + 'a' : c;
	}
	word[length < PERIOD_WORD_LENGTH ? length : 0] = '\0';
}

/* Read digits, at most so many, as a number.  False if there are more. */
static bool
period_read_number(const char **p, int most, int64 *number)
{
	int			length = 0;

	*number = 0;
	for (; period_is_digit(**p); (*p)++)
	{
		if (++length > most)
			return false;
		*number = *number * 10 + (**p - '0');
	}
	return length > 0;
}

/* Read exactly two digits. */
static bool
period_read_two(const char **p, int64 *number)
{
	const char *start = *p;

	return period_read_number(p, 2, number) && *p == start + 2;
}

/* The unit of that name, singular or plural, among the first so many. */
static const PeriodWord *
period_find_word(const char *word, int count)
{
	int			i;

	for (i = 0; i < count; i++)
	{
		size_t		length = strlen(period_words[i].name);

		if (strncmp(word, period_words[i].name, length) == 0 &&
			(word[length] == '\0' ||
			 (word[length] == 's' && word[length + 1] == '\0')))
			return &period_words[i];
	}
	return NULL;
}

/* Read MM[:SS] after the hours and their colon; seconds in all. */
static bool
period_read_minutes(const char **p, int64 hours, int64 *seconds)
{
	int64		minute;
	int64		second = 0;

	if (!period_read_two(p, &minute) || minute > 59)
		return false;
	if (**p == ':')
	{
		(*p)++;
		if (!period_read_two(p, &second) || second > 59)
			return false;
	}
	*seconds = hours * SECS_PER_HOUR + minute * SECS_PER_MINUTE + second;
	return true;
}

/* One term of a length, such as "2 weeks" or "12:30:00". */
static PeriodStatus
period_parse_term(const char **p, int64 *months, int64 *days, int64 *seconds)
{
	char		word[PERIOD_WORD_LENGTH + 1];
	const PeriodWord *unit;
	int64		number = 1;
	int64		clock;

	if (period_is_digit(**p))
	{
		if (!period_read_number(p, PERIOD_NUMBER_DIGITS, &number))
			return PERIOD_TOO_LONG;
		if (**p == ':')
		{
			(*p)++;
			if (!period_read_minutes(p, number, &clock))
				return PERIOD_BAD_LENGTH;
			*seconds += clock;
			return PERIOD_OK;
		}
	}
	period_read_word(p, word);
	unit = period_find_word(word, lengthof(period_words));
	if (unit == NULL)
		return PERIOD_BAD_LENGTH;
	*months += number * unit->months;
	*days += number * unit->days;
	*seconds += number * unit->seconds;
	return PERIOD_OK;
}

/* The length of a rolling period: a sum of terms. */
static PeriodStatus
period_parse_length(const char **p, Period *period)
{
	int64		months = 0;
	int64		days = 0;
	int64		seconds = 0;

	period_skip_space(p);
	do
	{
		PeriodStatus status = period_parse_term(p, &months, &days, &seconds);

		if (status != PERIOD_OK)
			return status;
		/* each time around, so that no sum of terms can overflow */
		if (months > PERIOD_MAX_MONTHS || days > PERIOD_MAX_DAYS ||
			seconds > PERIOD_MAX_TIME / USECS_PER_SEC)
			return PERIOD_TOO_LONG;
		period_skip_space(p);
	} while (**p != '\0');

	if (months == 0 && days == 0 && seconds == 0)
		return PERIOD_BAD_COUNT;
	period->month = (int32) months;
	period->day = (int32) days;
	period->time = seconds * USECS_PER_SEC;
	return PERIOD_OK;
}

/* "[n] unit" of a calendar or anniversary period */
static PeriodStatus
period_parse_unit(const char **p, Period *period, const PeriodWord **unit)
{
	char		word[PERIOD_WORD_LENGTH + 1];
	int64		count = 1;

	period_skip_space(p);
	if (period_is_digit(**p))
	{
		if (!period_read_number(p, PERIOD_NUMBER_DIGITS, &count))
			return PERIOD_TOO_LONG;
		if (count == 0)
			return PERIOD_BAD_COUNT;
	}
	period_read_word(p, word);
	*unit = period_find_word(word, PERIOD_CUT_WORDS);
	if (*unit == NULL)
		return PERIOD_BAD_UNIT;

	period->unit = (*unit)->months > 0 ? PERIOD_MONTH : PERIOD_DAY;
	count *= (*unit)->months + (*unit)->days;
	if (count > (period->unit == PERIOD_MONTH ? PERIOD_MAX_MONTHS
				 : PERIOD_MAX_DAYS))
		return PERIOD_TOO_LONG;
	period->count = (int32) count;
	return PERIOD_OK;
}

/* Put the origin on a date, moved back to the first at or after 2000. */
static PeriodStatus
period_set_date(Period *period, int64 year, int64 month, int64 day)
{
	int64		number = (year - 2000) * 12 + month - 1;
	int64		start = period_month_start(number);

	if (year < 1 || month < 1 || month > 12 || day < 1 ||
		day > period_month_start(number + 1) - start)
		return PERIOD_BAD_DATE;
	if (period->unit == PERIOD_MONTH)
	{
		period->month = (int32) period_floor_mod(number, period->count);
		period->day = (int32) (day - 1);
	}
	else
		period->day = (int32) period_floor_mod(start + day - 1 - PERIOD_MONDAY,
											   period->count);
	return PERIOD_OK;
}

/* [YYYY-]MM-DD, the first number of which has been read up to its hyphen. */
static PeriodStatus
period_parse_date(const char **p, Period *period, int64 first, int digits)
{
	int64		year = 2000;
	int64		month = first;
	int64		day;

	(*p)++;
	if (digits == 4)
	{
		year = first;
		if (!period_read_two(p, &month) || **p != '-')
			return PERIOD_BAD_ORIGIN;
		(*p)++;
	}
	else if (digits != 2)
		return PERIOD_BAD_ORIGIN;
	if (!period_read_two(p, &day))
		return PERIOD_BAD_ORIGIN;
	if (digits == 2 && period->unit != PERIOD_MONTH)
		return PERIOD_ORIGIN_UNIT;
	return period_set_date(period, year, month, day);
}

/* "monday" of weeks, "day 15" of months */
static PeriodStatus
period_parse_named_day(const char **p, Period *period, const PeriodWord *unit)
{
	char		word[PERIOD_WORD_LENGTH + 1];
	int64		number;
	int			i;

	period_read_word(p, word);
	for (i = 0; i < lengthof(period_weekdays); i++)
		if (strcmp(word, period_weekdays[i]) == 0)
		{
			if (unit->days != 7)
				return PERIOD_ORIGIN_UNIT;
			period->day = i;
			return PERIOD_OK;
		}
	if (strcmp(word, "day") != 0)
		return PERIOD_BAD_ORIGIN;
	period_skip_space(p);
	if (!period_read_number(p, 2, &number))
		return PERIOD_BAD_ORIGIN;
	if (unit->months != 1)
		return PERIOD_ORIGIN_UNIT;
	return period_set_date(period, 2000, 1, number);
}

/* What follows "from": a day, a time of day, or both */
static PeriodStatus
period_parse_origin(const char **p, Period *period, const PeriodWord *unit)
{
	PeriodStatus status = PERIOD_OK;
	const char *start;
	int64		number;
	int64		seconds;

	period_skip_space(p);
	start = *p;
	if (!period_is_digit(**p))
		status = period_parse_named_day(p, period, unit);
	else if (!period_read_number(p, 4, &number))
		status = PERIOD_BAD_ORIGIN;
	else if (**p == '-')
		status = period_parse_date(p, period, number, (int) (*p - start));
	else
		*p = start;
	if (status != PERIOD_OK)
		return status;

	period_skip_space(p);
	if (!period_is_digit(**p))
		return PERIOD_OK;
	if (!period_read_two(p, &number) || **p != ':')
		return PERIOD_BAD_CLOCK;
	(*p)++;
	if (!period_read_minutes(p, number, &seconds) || number > 23)
		return PERIOD_BAD_CLOCK;
	period->time = seconds * USECS_PER_SEC;
	return PERIOD_OK;
}

/* Read a period; on failure the status says why. */
PeriodStatus
period_parse(const char *text, Period *period)
{
	const char *p = text;
	char		word[PERIOD_WORD_LENGTH + 1];
	const PeriodWord *unit;
	PeriodStatus status;

	memset(period, 0, sizeof(Period));
	period->version = PERIOD_VERSION;

	period_read_word(&p, word);
	if (strcmp(word, "lifetime") == 0)
		period->kind = PERIOD_LIFETIME;
	else if (strcmp(word, "rolling") == 0)
	{
		period->kind = PERIOD_ROLLING;
		return period_parse_length(&p, period);
	}
	else if (strcmp(word, "calendar") == 0)
		period->kind = PERIOD_CALENDAR;
	else if (strcmp(word, "anniversary") == 0)
		period->kind = PERIOD_ANNIVERSARY;
	else
		return PERIOD_BAD_KIND;

	if (period->kind != PERIOD_LIFETIME)
	{
		status = period_parse_unit(&p, period, &unit);
		if (status != PERIOD_OK)
			return status;
		period_read_word(&p, word);
		if (strcmp(word, "from") == 0)
		{
			if (period->kind == PERIOD_ANNIVERSARY)
				return PERIOD_ANCHORED;
			status = period_parse_origin(&p, period, unit);
			if (status != PERIOD_OK)
				return status;
		}
		else if (word[0] != '\0')
			return PERIOD_TRAILING;
	}
	period_skip_space(&p);
	return *p == '\0' ? PERIOD_OK : PERIOD_TRAILING;
}

/*
 * Writing.  Each function appends to a buffer of PERIOD_BUFLEN bytes, which
 * the longest form fills by two thirds, and gives the new end.
 */
static char *
period_write(char *p, const char *text)
{
	size_t		length = strlen(text);

	memcpy(p, text, length + 1);
	return p + length;
}

/* A number of at least so many digits */
static char *
period_write_number(char *p, int64 number, int digits)
{
	return p + pg_snprintf(p, 21, "%0*lld", digits, (long long) number);
}

/* " 2 days", " 1 day"; nothing if there are none */
static char *
period_write_count(char *p, int64 number, const char *unit)
{
	if (number == 0)
		return p;
	p = period_write(p, " ");
	p = period_write_number(p, number, 1);
	p = period_write(p, " ");
	p = period_write(p, unit);
	return number == 1 ? p : period_write(p, "s");
}

/* "month", "2 months", in the largest unit that fits */
static char *
period_write_length(char *p, const Period *period)
{
	int			count = period->count;
	const char *unit;

	if (period->unit == PERIOD_DAY)
	{
		unit = count % 7 == 0 ? "week" : "day";
		if (count % 7 == 0)
			count /= 7;
	}
	else if (count % 12 == 0)
	{
		unit = "year";
		count /= 12;
	}
	else if (count == 6 || count == 3)
	{
		unit = count == 6 ? "half-year" : "quarter";
		count = 1;
	}
	else
		unit = "month";

	if (count > 1)
		return period_write_count(p, count, unit);
	return period_write(period_write(p, " "), unit);
}

/* "04-01", "2001-04-01" */
static char *
period_write_date(char *p, int64 day, bool with_year)
{
	int64		month;
	int			day_of_month;

	period_split_day(day, &month, &day_of_month);
	if (with_year || month >= 12)
	{
		p = period_write_number(p, 2000 + month / 12, 4);
		p = period_write(p, "-");
	}
	p = period_write_number(p, month % 12 + 1, 2);
	p = period_write(p, "-");
	return period_write_number(p, day_of_month + 1, 2);
}

/* "day 15", "04-01", "sunday": the day on which a calendar period begins */
static char *
period_write_day(char *p, const Period *period)
{
	if (period->unit == PERIOD_MONTH && period->count == 1)
		return period_write_number(period_write(p, "day "), period->day + 1,
								   1);
	if (period->unit == PERIOD_MONTH)
		return period_write_date(p, period_full_date(period), false);
	if (period->count % 7 == 0 && period->day < 7)
		return period_write(p, period_weekdays[period->day]);
	return period_write_date(p, PERIOD_MONDAY + period->day, true);
}

/* "04:00", "23:59:59" */
static char *
period_write_clock(char *p, int64 time)
{
	int64		seconds = time / USECS_PER_SEC;

	p = period_write_number(p, seconds / SECS_PER_HOUR, 2);
	p = period_write(p, ":");
	p = period_write_number(p, seconds / SECS_PER_MINUTE % 60, 2);
	if (seconds % SECS_PER_MINUTE == 0)
		return p;
	p = period_write(p, ":");
	return period_write_number(p, seconds % SECS_PER_MINUTE, 2);
}

/* " from day 15 04:00", or nothing */
static char *
period_write_origin(char *p, const Period *period)
{
	bool		dated = period->month != 0 || period->day != 0;

	if (dated || period->time != 0)
		p = period_write(p, " from ");
	if (dated)
		p = period_write_day(p, period);
	if (dated && period->time != 0)
		p = period_write(p, " ");
	if (period->time != 0)
		p = period_write_clock(p, period->time);
	return p;
}

/* Write a period into a buffer of PERIOD_BUFLEN bytes. */
void
period_format(char *buffer, const Period *period)
{
	int64		seconds = period->time / USECS_PER_SEC;
	char	   *p;

	switch (period->kind)
	{
		case PERIOD_LIFETIME:
			(void) period_write(buffer, "lifetime");
			break;
		case PERIOD_ROLLING:
			p = period_write(buffer, "rolling");
			p = period_write_count(p, period->month / 12, "year");
			p = period_write_count(p, period->month % 12, "month");
			p = period_write_count(p, period->day, "day");
			p = period_write_count(p, seconds / SECS_PER_HOUR, "hour");
			p = period_write_count(p, seconds / SECS_PER_MINUTE % 60, "minute");
			(void) period_write_count(p, seconds % SECS_PER_MINUTE, "second");
			break;
		case PERIOD_CALENDAR:
			p = period_write(buffer, "calendar");
			p = period_write_length(p, period);
			(void) period_write_origin(p, period);
			break;
		case PERIOD_ANNIVERSARY:
			p = period_write(buffer, "anniversary");
			(void) period_write_length(p, period);
			break;
	}
}
