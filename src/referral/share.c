/*-------------------------------------------------------------------------
 *
 * share.c
 *	  Shared links and the clicks on them: share(), record_click().
 *
 * Both are single inserts.  What came of a link is counted from the clicks.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "referral/invite.h"

PG_FUNCTION_INFO_V1(community_share);
PG_FUNCTION_INFO_V1(community_record_click);

#define SHARE_COLUMNS	7

/* False when there is such a token, or such a key. */
static bool
insert_share(Datum *values, const char *nulls)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.referral_share (program_id, member_id,"
		" channel, campaign, key, shared_at, token)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
		.nargs = SHARE_COLUMNS,
		.argtypes = {INT8OID, INT8OID, TEXTOID, TEXTOID, TEXTOID,
		TIMESTAMPTZOID, TEXTOID}
	};

	core_run(&plan, values, nulls, false);
	return SPI_processed == 1;
}

/* The token that was given for that key, or (Datum) 0. */
static Datum
find_share(Datum *values, const char *nulls)
{
	static CorePlan plan = {
		.sql = "SELECT token, member_id = $2"
		" AND channel IS NOT DISTINCT FROM $3"
		" AND campaign IS NOT DISTINCT FROM $4, member_id"
		" FROM community.referral_share"
		" WHERE program_id = $1 AND key = $5",
		.nargs = 5,
		.argtypes = {INT8OID, INT8OID, TEXTOID, TEXTOID, TEXTOID},
		.by_index = true
	};

	if (nulls[4] == 'n')
		return (Datum) 0;
	core_run(&plan, values, nulls, false);
	if (SPI_processed == 0)
		return (Datum) 0;
	if (!core_bool(0, 2))
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_KEY_REUSED),
				 errmsg("idempotency key \"%s\" was used with other input",
						TextDatumGetCString(values[4])),
				 errdetail("It is that of a link shared by member %lld, or with another channel or campaign.",
						   (long long) core_int64(0, 3))));
	return CStringGetTextDatum(core_text(0, 1));
}

/* share(member, channel, campaign, key, shared_at, program) -> text */
Datum
community_share(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "channel", "campaign",
	"key", "shared_at", "program"};
	static const char *const texts[] = {"", "channel", "campaign",
	"idempotency key"};
	Datum		values[SHARE_COLUMNS];
	char		nulls[SHARE_COLUMNS + 1] = "       ";
	Datum		token;
	CoreScope	scope;
	int			i;

	core_refuse_nulls(fcinfo, "share", names, 0x0E);
	values[0] = PG_GETARG_DATUM(5);
	values[1] = PG_GETARG_DATUM(0);
	for (i = 1; i <= 3; i++)
	{
		values[i + 1] = PG_ARGISNULL(i) ? (Datum) 0 : PG_GETARG_DATUM(i);
		if (PG_ARGISNULL(i))
			nulls[i + 1] = 'n';
		else
			(void) core_name_argument(PG_GETARG_TEXT_PP(i), texts[i]);
	}
	values[5] = PG_GETARG_DATUM(4);
	referral_check_time(PG_GETARG_TIMESTAMPTZ(4), "shared_at");

	core_enter(&scope);
	token = find_share(values, nulls);
	if (token == (Datum) 0)
	{
		referral_check_inviter(PG_GETARG_INT64(5), PG_GETARG_INT64(0));
		for (;;)
		{
			CHECK_FOR_INTERRUPTS();
			token = values[6] = referral_draw(REFERRAL_TOKEN_LENGTH);
			if (insert_share(values, nulls))
				break;
			/* another session has used the key meanwhile */
			token = find_share(values, nulls);
			if (token != (Datum) 0)
				break;
		}
	}
	token = SPI_datumTransfer(token, false, -1);
	core_leave(&scope);
	PG_RETURN_DATUM(token);
}

/*
 * record_click(token, visitor, clicked_at, program) -> boolean, false for one
 * that was recorded before
 */
Datum
community_record_click(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"token", "visitor", "clicked_at",
	"program"};
	static CorePlan plan = {
		.sql = "INSERT INTO community.referral_click (program_id, token,"
		" visitor, clicked_at) SELECT s.program_id, s.token, $3, $4"
		" FROM community.referral_share AS s"
		" WHERE s.program_id = $1 AND s.token = $2 ON CONFLICT DO NOTHING",
		.nargs = 4,
		.argtypes = {INT8OID, TEXTOID, TEXTOID, TIMESTAMPTZOID},
		.by_index = true
	};
	static CorePlan known = {
		.sql = "SELECT FROM community.referral_share"
		" WHERE program_id = $1 AND token = $2",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTOID},
		.by_index = true
	};
	Datum		values[4];
	CoreScope	scope;
	bool		is_new;

	core_refuse_nulls(fcinfo, "record_click", names, 0);
	(void) core_name_argument(PG_GETARG_TEXT_PP(1), "visitor");
	referral_check_time(PG_GETARG_TIMESTAMPTZ(2), "clicked_at");
	values[0] = PG_GETARG_DATUM(3);
	values[1] = PG_GETARG_DATUM(0);
	values[2] = PG_GETARG_DATUM(1);
	values[3] = PG_GETARG_DATUM(2);
	core_enter(&scope);
	core_run(&plan, values, NULL, false);
	is_new = SPI_processed == 1;
	if (!is_new)
	{
		core_run(&known, values, NULL, false);
		if (SPI_processed == 0)
			ereport(ERROR,
					(errcode(COMMUNITY_ERRCODE_CODE_ENDED),
					 errmsg("shared link \"%s\" does not exist",
							TextDatumGetCString(values[1]))));
	}
	core_leave(&scope);
	PG_RETURN_BOOL(is_new);
}
