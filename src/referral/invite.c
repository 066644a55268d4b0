/*-------------------------------------------------------------------------
 *
 * invite.c
 *	  Invitation codes: issue_code(), revoke_code(), and what codes and links
 *	  have in common.
 *
 * A code is what people type, so its letters a to z are kept as capitals, and
 * those that are drawn leave out what is mistaken for something else.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "referral/invite.h"
#include "referral/sanction.h"

PG_FUNCTION_INFO_V1(community_issue_code);
PG_FUNCTION_INFO_V1(community_revoke_code);

/* what is asked for; texts are (Datum) 0 where there is none */
typedef struct Order
{
	int64		program;
	int64		member;
	bool		limited;
	int32		uses;
	bool		expires;
	TimestampTz expires_at;
	Datum		code;
	Datum		campaign;
} Order;

/* Draw a text that nobody can guess and that people can copy. */
Datum
referral_draw(int length)
{
	/* 32 of them, without 0 and O, 1 and I */
	static const char alphabet[] = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
	uint8		bytes[REFERRAL_TOKEN_LENGTH];
	char		drawn[REFERRAL_TOKEN_LENGTH + 1];
	int			i;

	Assert(length <= REFERRAL_TOKEN_LENGTH);
	if (!pg_strong_random(bytes, length))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random values")));
	for (i = 0; i < length; i++)
		drawn[i] = alphabet[bytes[i] % 32];
	drawn[length] = '\0';
	return CStringGetTextDatum(drawn);
}

void
referral_check_time(TimestampTz at, const char *what)
{
	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("%s must be finite", what)));
}

/* Codes and links are for members that may invite as far as is known now. */
void
referral_check_inviter(int64 program, int64 member)
{
	bool		closed;

	if (!core_member_is_known(program, member, &closed) || closed)
		core_refuse_member(program, member, closed);
	referral_refuse_sanctioned(program, member);
}

/* A code as it is kept, or an error. */
Datum
referral_code(text *given)
{
	char	   *code = core_name_argument(given, "invitation code");
	char	   *c;

	if (strlen(code) > REFERRAL_MAX_CODE_LENGTH)
		ereport(ERROR,
				(errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
				 errmsg("invitation code is %d bytes long, the limit is %d",
						(int) strlen(code), REFERRAL_MAX_CODE_LENGTH)));
	for (c = code; *c != '\0'; c++)
	{
		if ((unsigned char) *c <= ' ' || *c == 0x7F)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("invitation code \"%s\" contains a space or control character",
							code)));
		if (*c >= 'a' && *c <= 'z')
			*c += 'A' - 'a';
	}
	return CStringGetTextDatum(code);
}

/* False when there is such a code. */
static bool
insert_code(const Order *order)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.referral_code (program_id, code,"
		" member_id, uses, expires_at, campaign)"
		" VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
		.nargs = 6,
		.argtypes = {INT8OID, TEXTOID, INT8OID, INT4OID, TIMESTAMPTZOID,
		TEXTOID}
	};
	Datum		values[6];
	char		nulls[7] = "      ";

	values[0] = Int64GetDatum(order->program);
	values[1] = order->code;
	values[2] = Int64GetDatum(order->member);
	values[3] = Int32GetDatum(order->uses);
	values[4] = TimestampTzGetDatum(order->expires_at);
	values[5] = order->campaign;
	if (!order->limited)
		nulls[3] = 'n';
	if (!order->expires)
		nulls[4] = 'n';
	if (order->campaign == (Datum) 0)
		nulls[5] = 'n';
	core_run(&plan, values, nulls, false);
	return SPI_processed == 1;
}

/* A code that was chosen and exists must be the same that is asked for. */
static void
check_same_code(const Order *order)
{
	static CorePlan plan = {
		.sql = "SELECT member_id, uses, expires_at, campaign"
		" FROM community.referral_code WHERE program_id = $1 AND code = $2",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTOID}
	};
	Datum		values[2];
	Datum		uses;
	Datum		expires_at;
	bool		unlimited;
	bool		endless;
	char	   *campaign;
	bool		same;

	values[0] = Int64GetDatum(order->program);
	values[1] = order->code;
	core_run_latest(&plan, values);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent update")));
	uses = core_field(0, 2, &unlimited);
	expires_at = core_field(0, 3, &endless);
	campaign = core_text(0, 4);
	same = core_int64(0, 1) == order->member &&
		unlimited == !order->limited &&
		(unlimited || DatumGetInt32(uses) == order->uses) &&
		endless == !order->expires &&
		(endless || DatumGetTimestampTz(expires_at) == order->expires_at) &&
		(campaign == NULL) == (order->campaign == (Datum) 0) &&
		(campaign == NULL ||
		 strcmp(campaign, TextDatumGetCString(order->campaign)) == 0);
	if (!same)
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("invitation code \"%s\" exists already",
						TextDatumGetCString(order->code)),
				 errdetail("It was issued to member %lld, or with another number of uses, expiry or campaign.",
						   (long long) core_int64(0, 1))));
}

/*
 * issue_code(member, uses, expires_at, code, campaign, program) -> text
 */
Datum
community_issue_code(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "uses", "expires_at",
	"code", "campaign", "program"};
	Order		order = {0};
	bool		chosen = !PG_ARGISNULL(3);
	CoreScope	scope;

	core_refuse_nulls(fcinfo, "issue_code", names, 0x1E);
	order.member = PG_GETARG_INT64(0);
	order.limited = !PG_ARGISNULL(1);
	order.uses = order.limited ? PG_GETARG_INT32(1) : 0;
	if (order.limited && order.uses < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of uses %d is out of range", order.uses),
				 errdetail("A code is used once at least; null is for any number.")));
	order.expires = !PG_ARGISNULL(2);
	order.expires_at = order.expires ? PG_GETARG_TIMESTAMPTZ(2) : 0;
	if (!PG_ARGISNULL(4))
	{
		(void) core_name_argument(PG_GETARG_TEXT_PP(4), "campaign");
		order.campaign = PG_GETARG_DATUM(4);
	}
	order.program = PG_GETARG_INT64(5);
	if (chosen)
		order.code = referral_code(PG_GETARG_TEXT_PP(3));

	core_enter(&scope);
	referral_check_inviter(order.program, order.member);
	if (chosen)
	{
		if (!insert_code(&order))
			check_same_code(&order);
	}
	else
	{
		do
		{
			CHECK_FOR_INTERRUPTS();
			order.code = referral_draw(REFERRAL_CODE_LENGTH);
		} while (!insert_code(&order));
	}
	order.code = SPI_datumTransfer(order.code, false, -1);
	core_leave(&scope);
	PG_RETURN_DATUM(order.code);
}

/* revoke_code(code, reason, program) -> boolean, false if it was revoked */
Datum
community_revoke_code(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"code", "reason", "program"};
	static CorePlan plan = {
		.sql = "UPDATE community.referral_code SET revoke_reason = $3,"
		" revoked_at = clock_timestamp() WHERE program_id = $1"
		" AND code = $2 AND revoked_at IS NULL",
		.nargs = 3,
		.argtypes = {INT8OID, TEXTOID, TEXTOID}
	};
	static CorePlan known = {
		.sql = "SELECT FROM community.referral_code"
		" WHERE program_id = $1 AND code = $2",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTOID}
	};
	Datum		values[3];
	CoreScope	scope;
	bool		revoked;

	core_refuse_nulls(fcinfo, "revoke_code", names, 0);
	(void) core_name_argument(PG_GETARG_TEXT_PP(1), "reason");
	values[0] = PG_GETARG_DATUM(2);
	values[1] = referral_code(PG_GETARG_TEXT_PP(0));
	values[2] = PG_GETARG_DATUM(1);
	core_enter(&scope);
	core_run(&plan, values, NULL, false);
	revoked = SPI_processed == 1;
	if (!revoked)
	{
		core_run(&known, values, NULL, false);
		if (SPI_processed == 0)
			ereport(ERROR,
					(errcode(COMMUNITY_ERRCODE_CODE_ENDED),
					 errmsg("invitation code \"%s\" does not exist",
							TextDatumGetCString(values[1]))));
	}
	core_leave(&scope);
	PG_RETURN_BOOL(revoked);
}
