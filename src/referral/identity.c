/*-------------------------------------------------------------------------
 *
 * identity.c
 *	  By what members are known: add_identity(), normalise_identity().
 *
 * Only hashes are kept.  Each program has a salt of its own, drawn when the
 * first identity is added, which none but the owner of the tables can read:
 * without it nobody can try out telephone numbers.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "referral/invite.h"

PG_FUNCTION_INFO_V1(community_add_identity);
PG_FUNCTION_INFO_V1(community_normalise_identity);

#define SALT_LENGTH		32

/* digits of a telephone number, country and all */
#define LEAST_DIGITS	5
#define MOST_DIGITS		15

static void
refuse_identity(const char *kind, const char *why)
{
	/* the value itself is nobody's business */
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the value is no identity of kind \"%s\"", kind),
			 errdetail("%s", why)));
}

static char
small(char c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

/* Without blanks at both ends. */
static char *
trimmed(const char *value)
{
	const char *end = value + strlen(value);

	while (value < end && (unsigned char) *value <= ' ')
		value++;
	while (end > value && (unsigned char) end[-1] <= ' ')
		end--;
	return pnstrdup(value, end - value);
}

/*
 * Small letters; what follows a plus in the name goes to the same box, and at
 * Gmail dots in the name do not count and there are two names of the place.
 */
static char *
normalise_email(const char *value)
{
	char	   *mail = trimmed(value);
	char	   *at = strrchr(mail, '@');
	bool		gmail;
	StringInfoData name;
	char	   *c;

	for (c = mail; *c != '\0'; c++)
	{
		if ((unsigned char) *c <= ' ')
			refuse_identity("email", "It contains a space.");
		*c = small(*c);
	}
	if (at == NULL || at == mail || at[1] == '\0')
		refuse_identity("email", "It needs a name, an @ and a domain.");
	*at++ = '\0';
	gmail = strcmp(at, "gmail.com") == 0 || strcmp(at, "googlemail.com") == 0;
	initStringInfo(&name);
	for (c = mail; *c != '\0' && (*c != '+' || c == mail); c++)
		if (!gmail || *c != '.')
			appendStringInfoChar(&name, *c);
	if (name.len == 0)
		refuse_identity("email", "It needs a name, an @ and a domain.");
	appendStringInfo(&name, "@%s", gmail ? "gmail.com" : at);
	return name.data;
}

/* Digits, after a plus where there was one, or two zeros at the front. */
static char *
normalise_phone(const char *value)
{
	char	   *phone = trimmed(value);
	StringInfoData digits;
	char	   *c = phone;
	int			count = 0;

	initStringInfo(&digits);
	if (*c == '+' || (c[0] == '0' && c[1] == '0'))
	{
		appendStringInfoChar(&digits, '+');
		c += *c == '+' ? 1 : 2;
	}
	for (; *c != '\0'; c++)
	{
		if (*c >= '0' && *c <= '9')
		{
			appendStringInfoChar(&digits, *c);
			count++;
		}
		else if (strchr(" -/().", *c) == NULL)
			refuse_identity("phone",
							"It may have digits, spaces and - / ( ) . and a + in front.");
	}
	if (count < LEAST_DIGITS || count > MOST_DIGITS)
		refuse_identity("phone", "It has 5 to 15 digits.");
	return digits.data;
}

/* Capitals and digits without what people write between them. */
static char *
normalise_payout(const char *value)
{
	StringInfoData account;

	initStringInfo(&account);
	for (; *value != '\0'; value++)
	{
		if ((unsigned char) *value <= ' ' || *value == '-')
			continue;
		appendStringInfoChar(&account, *value >= 'a' && *value <= 'z' ?
							 *value - ('a' - 'A') : *value);
	}
	if (account.len == 0)
		refuse_identity("payout", "It is empty.");
	return account.data;
}

static char *
normalise(const char *kind, const char *value)
{
	char	   *plain;

	if (strcmp(kind, "email") == 0)
		return normalise_email(value);
	if (strcmp(kind, "phone") == 0)
		return normalise_phone(value);
	if (strcmp(kind, "payout") == 0)
		return normalise_payout(value);
	if (strcmp(kind, "device") != 0 && strcmp(kind, "address") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("identities of kind \"%s\" do not exist", kind),
				 errdetail("There are email, phone, device, payout and address.")));
	plain = trimmed(value);
	if (*plain == '\0')
		refuse_identity(kind, "It is empty.");
	if (strcmp(kind, "address") == 0)
	{
		char	   *c;

		for (c = plain; *c != '\0'; c++)
			*c = small(*c);
	}
	return plain;
}

/* normalise_identity(kind, value) -> text */
Datum
community_normalise_identity(PG_FUNCTION_ARGS)
{
	char	   *kind = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *value = text_to_cstring(PG_GETARG_TEXT_PP(1));

	PG_RETURN_TEXT_P(cstring_to_text(normalise(kind, value)));
}

/* The program has a salt; whoever draws one first, draws it for all. */
static void
draw_salt(int64 program)
{
	static CorePlan known = {
		.sql = "SELECT FROM community.referral_salt WHERE program_id = $1",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	static CorePlan draw = {
		.sql = "INSERT INTO community.referral_salt (program_id, salt)"
		" SELECT p.program_id, $2 FROM community.program AS p"
		" WHERE p.program_id = $1 ON CONFLICT DO NOTHING",
		.nargs = 2,
		.argtypes = {INT8OID, BYTEAOID}
	};
	bytea	   *salt = palloc(VARHDRSZ + SALT_LENGTH);
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	core_run(&known, values, NULL, false);
	if (SPI_processed > 0)
		return;
	SET_VARSIZE(salt, VARHDRSZ + SALT_LENGTH);
	if (!pg_strong_random(VARDATA(salt), SALT_LENGTH))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random values")));
	values[1] = PointerGetDatum(salt);
	core_run(&draw, values, NULL, false);
}

/* add_identity(member, kind, value, added_at, program) -> boolean */
Datum
community_add_identity(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "kind", "value", "added_at",
	"program"};
	static CorePlan plan = {
		.sql = "INSERT INTO community.referral_identity (program_id,"
		" member_id, kind, hash, added_at)"
		" SELECT $1, $2, $3, sha256(s.salt || convert_to($3 || ' ' || $4,"
		" 'UTF8')), $5 FROM community.referral_salt AS s"
		" WHERE s.program_id = $1 ON CONFLICT DO NOTHING",
		.nargs = 5,
		.argtypes = {INT8OID, INT8OID, TEXTOID, TEXTOID, TIMESTAMPTZOID}
	};
	char	   *kind;
	char	   *value;
	int64		member;
	int64		program;
	Datum		values[5];
	CoreScope	scope;
	bool		closed;
	bool		is_new;

	core_refuse_nulls(fcinfo, "add_identity", names, 0);
	member = PG_GETARG_INT64(0);
	kind = text_to_cstring(PG_GETARG_TEXT_PP(1));
	value = normalise(kind, core_name_argument(PG_GETARG_TEXT_PP(2),
											   "identity"));
	referral_check_time(PG_GETARG_TIMESTAMPTZ(3), "added_at");
	program = PG_GETARG_INT64(4);
	core_enter(&scope);
	if (!core_member_is_known(program, member, &closed))
		core_refuse_member(program, member, false);
	draw_salt(program);
	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	values[2] = CStringGetTextDatum(kind);
	values[3] = CStringGetTextDatum(value);
	values[4] = PG_GETARG_DATUM(3);
	core_run(&plan, values, NULL, false);
	is_new = SPI_processed == 1;
	core_leave(&scope);
	PG_RETURN_BOOL(is_new);
}
