/*-------------------------------------------------------------------------
 *
 * group_bargain.c
 *	  Prices that a crowd cuts: open_bargain(), cut_bargain(),
 *	  close_bargain().
 *
 * Each cut depends on what those before it have left, so those who cut the
 * same price queue for its row.  Locks are taken in this order: the member,
 * whose other cuts are counted under it, then the bargain.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "referral/group.h"
#include "referral/group_bargain_algo.h"

PG_FUNCTION_INFO_V1(community_bargain_step);
PG_FUNCTION_INFO_V1(community_open_bargain);
PG_FUNCTION_INFO_V1(community_cut_bargain);
PG_FUNCTION_INFO_V1(community_close_bargain);

/* Rows of a bargain's cuts are read one by one when it is checked. */
#define MAX_PARTICIPANTS	100000

/* A row of bargain. */
typedef struct Bargain
{
	int64		program;
	int64		id;
	Datum		key;			/* text */
	int64		member;
	int64		price;
	int64		floor_price;
	int32		participants;
	int32		least;
	int32		most;
	int64		seed;
	bool		seed_given;
	bool		has_campaign;
	Datum		campaign;		/* text */
	bool		has_limit;
	int32		limit;
	TimestampTz closes_at;
	bool		closed;
	int64		remaining;
	int32		cuts;
} Bargain;

static void
refuse_hidden(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not serialize access due to concurrent change of a bargain"),
			 errhint("Try again.")));
}

static void
check_percents(int32 least, int32 most)
{
	if (least < 0 || most < least || most > 100)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a cut cannot take from %d to %d percent", least,
						most),
				 errdetail("Both are from 0 to 100, and the first is not more than the second.")));
}

static void
check_steps(int64 remaining, int32 outstanding)
{
	if (outstanding < 1 || outstanding > MAX_PARTICIPANTS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a price cannot be cut by %d participants",
						outstanding),
				 errdetail("Their number is from 1 to %d.",
						   MAX_PARTICIPANTS)));
	if (remaining < outstanding)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%d participants cannot cut a price by %lld",
						outstanding, (long long) remaining),
				 errdetail("Every one cuts it by at least one minor unit.")));
}

/* bargain_step(remaining, outstanding, seed, turn, least, most) -> bigint */
Datum
community_bargain_step(PG_FUNCTION_ARGS)
{
	check_steps(PG_GETARG_INT64(0), PG_GETARG_INT32(1));
	check_percents(PG_GETARG_INT32(4), PG_GETARG_INT32(5));
	PG_RETURN_INT64(referral_bargain_step(PG_GETARG_INT64(0),
										  PG_GETARG_INT32(1),
										  (uint64) PG_GETARG_INT64(2),
										  PG_GETARG_INT32(3),
										  PG_GETARG_INT32(4),
										  PG_GETARG_INT32(5)));
}

/* The bargain that was opened with that key, asked for in the same way. */
static bool
find_opened(Bargain *bargain)
{
	static CorePlan plan = {
		.sql = "SELECT bargain_id, member_id = $3 AND price = $4"
		" AND floor_price = $5 AND participants = $6 AND least_percent = $7"
		" AND most_percent = $8 AND ($9 IS NULL OR seed = $9)"
		" AND campaign IS NOT DISTINCT FROM $10"
		" AND member_limit IS NOT DISTINCT FROM $11"
		" FROM community.bargain WHERE program_id = $1 AND key = $2",
		.nargs = 11,
		.argtypes = {INT8OID, TEXTOID, INT8OID, INT8OID, INT8OID, INT4OID,
		INT4OID, INT4OID, INT8OID, TEXTOID, INT4OID},
		.by_index = true
	};
	Datum		values[11];
	char		nulls[12] = "           ";

	values[0] = Int64GetDatum(bargain->program);
	values[1] = bargain->key;
	values[2] = Int64GetDatum(bargain->member);
	values[3] = Int64GetDatum(bargain->price);
	values[4] = Int64GetDatum(bargain->floor_price);
	values[5] = Int32GetDatum(bargain->participants);
	values[6] = Int32GetDatum(bargain->least);
	values[7] = Int32GetDatum(bargain->most);
	values[8] = Int64GetDatum(bargain->seed);
	values[9] = bargain->campaign;
	values[10] = Int32GetDatum(bargain->limit);
	if (!bargain->seed_given)
		nulls[8] = 'n';
	if (!bargain->has_campaign)
		nulls[9] = 'n';
	if (!bargain->has_limit)
		nulls[10] = 'n';
	core_run(&plan, values, nulls, false);
	if (SPI_processed == 0)
		return false;
	bargain->id = core_int64(0, 1);
	if (!core_bool(0, 2))
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_KEY_REUSED),
				 errmsg("idempotency key \"%s\" was used with other input",
						TextDatumGetCString(bargain->key)),
				 errdetail("It is the key of bargain %lld.",
						   (long long) bargain->id),
				 errhint("A key names one request for ever; give a new request a new key.")));
	return true;
}

static bool
insert_bargain(const Bargain *bargain, Datum payload)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.bargain (program_id, key, member_id,"
		" price, floor_price, participants, least_percent, most_percent,"
		" seed, campaign, member_limit, closes_at, bargain_id, payload,"
		" remaining) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11,"
		" $12, $13, $14, $4 - $5) ON CONFLICT (program_id, key) DO NOTHING",
		.nargs = 14,
		.argtypes = {INT8OID, TEXTOID, INT8OID, INT8OID, INT8OID, INT4OID,
			INT4OID, INT4OID, INT8OID, TEXTOID, INT4OID, TIMESTAMPTZOID,
		INT8OID, JSONBOID}
	};
	Datum		values[14];
	char		nulls[15] = "              ";

	values[0] = Int64GetDatum(bargain->program);
	values[1] = bargain->key;
	values[2] = Int64GetDatum(bargain->member);
	values[3] = Int64GetDatum(bargain->price);
	values[4] = Int64GetDatum(bargain->floor_price);
	values[5] = Int32GetDatum(bargain->participants);
	values[6] = Int32GetDatum(bargain->least);
	values[7] = Int32GetDatum(bargain->most);
	values[8] = Int64GetDatum(bargain->seed);
	values[9] = bargain->campaign;
	values[10] = Int32GetDatum(bargain->limit);
	values[11] = TimestampTzGetDatum(bargain->closes_at);
	values[12] = Int64GetDatum(bargain->id);
	values[13] = payload;
	if (!bargain->has_campaign)
		nulls[9] = 'n';
	if (!bargain->has_limit)
		nulls[10] = 'n';
	core_run(&plan, values, nulls, false);
	return SPI_processed == 1;
}

/* Do what open_bargain() promises. */
static void
open_bargain(Bargain *bargain, Datum payload)
{
	bool		closed;

	referral_lock_person(bargain->program, bargain->member, &closed);
	if (find_opened(bargain))
		return;
	if (closed)
		core_refuse_member(bargain->program, bargain->member, true);
	if (TIMESTAMP_NOT_FINITE(bargain->closes_at) ||
		bargain->closes_at <= GetCurrentTimestamp())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a bargain cannot end at %s",
						timestamptz_to_str(bargain->closes_at)),
				 errdetail("It ends at a finite time that is still to come.")));
	if (!bargain->seed_given &&
		!pg_strong_random(&bargain->seed, sizeof(bargain->seed)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate a random seed")));
	bargain->id = core_next_id();
	/* somebody else may just have opened it */
	if (!insert_bargain(bargain, payload) && !find_opened(bargain))
		refuse_hidden();
}

static void
check_bargain(const Bargain *bargain)
{
	if (bargain->floor_price < 0 || bargain->price < bargain->floor_price)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a price of %lld cannot be cut to %lld",
						(long long) bargain->price,
						(long long) bargain->floor_price)));
	check_steps(bargain->price - bargain->floor_price, bargain->participants);
	check_percents(bargain->least, bargain->most);
	if (bargain->has_limit && bargain->limit < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("member_limit must be at least 1, not %d",
						bargain->limit)));
	if (bargain->has_limit && !bargain->has_campaign)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("member_limit needs a campaign"),
				 errdetail("It counts the cuts of a member in all bargains of the campaign.")));
}

/*
 * open_bargain(member, price, floor_price, participants, closes_at, key,
 * least_percent, most_percent, seed, campaign, member_limit, payload,
 * program) -> bigint
 */
Datum
community_open_bargain(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "price", "floor_price",
		"participants", "closes_at", "key", "least_percent", "most_percent",
	"seed", "campaign", "member_limit", "payload", "program"};
	Bargain		bargain = {0};
	CoreScope	scope;

	core_refuse_nulls(fcinfo, "open_bargain", names, 0x700);
	bargain.member = PG_GETARG_INT64(0);
	bargain.price = PG_GETARG_INT64(1);
	bargain.floor_price = PG_GETARG_INT64(2);
	bargain.participants = PG_GETARG_INT32(3);
	bargain.closes_at = PG_GETARG_TIMESTAMPTZ(4);
	bargain.key = PG_GETARG_DATUM(5);
	(void) core_name_argument(PG_GETARG_TEXT_PP(5), "idempotency key");
	bargain.least = PG_GETARG_INT32(6);
	bargain.most = PG_GETARG_INT32(7);
	bargain.seed_given = !PG_ARGISNULL(8);
	if (bargain.seed_given)
		bargain.seed = PG_GETARG_INT64(8);
	bargain.has_campaign = !PG_ARGISNULL(9);
	if (bargain.has_campaign)
	{
		bargain.campaign = PG_GETARG_DATUM(9);
		(void) core_name_argument(PG_GETARG_TEXT_PP(9), "campaign");
	}
	bargain.has_limit = !PG_ARGISNULL(10);
	if (bargain.has_limit)
		bargain.limit = PG_GETARG_INT32(10);
	bargain.program = PG_GETARG_INT64(12);
	check_bargain(&bargain);

	core_enter(&scope);
	open_bargain(&bargain, PG_GETARG_DATUM(11));
	core_leave(&scope);
	PG_RETURN_INT64(bargain.id);
}

/* Read a bargain, and lock it if asked. */
static void
read_bargain(Bargain *bargain, bool lock)
{
#define BARGAIN_FIELDS \
	"SELECT floor_price, participants, least_percent, most_percent, seed," \
	" campaign, member_limit, closes_at, closed_at IS NOT NULL, remaining," \
	" cuts FROM community.bargain WHERE program_id = $1 AND bargain_id = $2"
	static CorePlan latest = {
		.sql = BARGAIN_FIELDS,
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID},
		.by_index = true
	};
	static CorePlan locking = {
		.sql = BARGAIN_FIELDS " FOR NO KEY UPDATE",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID},
		.by_index = true
	};
	Datum		values[2];
	Datum		limit;
	bool		isnull;

	values[0] = Int64GetDatum(bargain->program);
	values[1] = Int64GetDatum(bargain->id);
	if (lock)
		core_run(&locking, values, NULL, false);
	else
		core_run_latest(&latest, values);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("bargain %lld of program \"%s\" does not exist",
						(long long) bargain->id,
						core_program_name(bargain->program)),
				 errhint("Open one with community.open_bargain().")));
	bargain->floor_price = core_int64(0, 1);
	bargain->participants = (int32) core_int64(0, 2);
	bargain->least = (int32) core_int64(0, 3);
	bargain->most = (int32) core_int64(0, 4);
	bargain->seed = core_int64(0, 5);
	bargain->campaign = core_field(0, 6, &isnull);
	bargain->has_campaign = !isnull;
	limit = core_field(0, 7, &isnull);
	bargain->has_limit = !isnull;
	bargain->limit = isnull ? 0 : DatumGetInt32(limit);
	bargain->closes_at = DatumGetTimestampTz(core_field(0, 8, &isnull));
	bargain->closed = core_bool(0, 9);
	bargain->remaining = core_int64(0, 10);
	bargain->cuts = (int32) core_int64(0, 11);
}

/* Was that key used, for the same?  Then gives the cut of then. */
static bool
find_cut(const Bargain *bargain, int64 member, Datum key, int64 *amount)
{
	static CorePlan plan = {
		.sql = "SELECT bargain_id, member_id, amount"
		" FROM community.bargain_cut WHERE program_id = $1 AND key = $2",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTOID},
		.by_index = true
	};
	Datum		values[2];

	values[0] = Int64GetDatum(bargain->program);
	values[1] = key;
	core_run_latest(&plan, values);
	if (SPI_processed == 0)
		return false;
	if (core_int64(0, 1) != bargain->id || core_int64(0, 2) != member)
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_KEY_REUSED),
				 errmsg("idempotency key \"%s\" was used with other input",
						TextDatumGetCString(key)),
				 errdetail("Recorded: member %lld cuts bargain %lld. Given: member %lld cuts bargain %lld.",
						   (long long) core_int64(0, 2),
						   (long long) core_int64(0, 1), (long long) member,
						   (long long) bargain->id),
				 errhint("A key names one request for ever; give a new request a new key.")));
	*amount = core_int64(0, 3);
	return true;
}

#define THE_PERSON \
	"(SELECT $2 UNION ALL SELECT b.member_id FROM community.member_merge AS b" \
	" WHERE b.program_id = $1 AND b.bearer_id = $2) AS p (id)"

/* One cut a person, also as a member that was merged into this one. */
static void
refuse_second(const Bargain *bargain, int64 member)
{
	static CorePlan plan = {
		.sql = "SELECT c.member_id, c.key FROM " THE_PERSON
		" JOIN community.bargain_cut AS c ON c.program_id = $1"
		"  AND c.bargain_id = $3 AND c.member_id = p.id",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, INT8OID},
		.by_index = true
	};
	Datum		values[3];

	values[0] = Int64GetDatum(bargain->program);
	values[1] = Int64GetDatum(member);
	values[2] = Int64GetDatum(bargain->id);
	core_run_latest(&plan, values);
	if (SPI_processed > 0)
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_GROUP_CLOSED),
				 errmsg("member %lld has cut bargain %lld already, with key \"%s\"",
						(long long) core_int64(0, 1),
						(long long) bargain->id, core_text(0, 2)),
				 errdetail("A member can cut a price once.")));
}

/* So many cuts a person in all bargains of the campaign. */
static void
refuse_over_limit(const Bargain *bargain, int64 member)
{
	static CorePlan plan = {
		.sql = "SELECT count(*) FROM " THE_PERSON
		" JOIN community.bargain_cut AS c ON c.program_id = $1"
		"  AND c.member_id = p.id"
		" JOIN community.bargain AS o ON o.program_id = $1"
		"  AND o.bargain_id = c.bargain_id AND o.campaign = $3",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, TEXTOID},
		.by_index = true
	};
	Datum		values[3];

	if (!bargain->has_limit)
		return;
	values[0] = Int64GetDatum(bargain->program);
	values[1] = Int64GetDatum(member);
	values[2] = bargain->campaign;
	core_run_latest(&plan, values);
	if (core_int64(0, 1) >= bargain->limit)
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_GROUP_CLOSED),
				 errmsg("member %lld has cut %lld bargains of campaign \"%s\", the limit is %d",
						(long long) member, (long long) core_int64(0, 1),
						TextDatumGetCString(bargain->campaign),
						bargain->limit)));
}

static void
refuse_over(const Bargain *bargain)
{
	if (bargain->closed || bargain->closes_at <= GetCurrentTimestamp())
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_GROUP_CLOSED),
				 bargain->closed ?
				 errmsg("bargain %lld has been closed",
						(long long) bargain->id) :
				 errmsg("bargain %lld ended at %s", (long long) bargain->id,
						timestamptz_to_str(bargain->closes_at))));
	if (bargain->remaining == 0)
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_GROUP_CLOSED),
				 errmsg("bargain %lld is done", (long long) bargain->id),
				 errdetail("All %d participants have cut the price, to %lld.",
						   bargain->participants,
						   (long long) bargain->floor_price)));
}

/* Write the cut and what it leaves. */
static void
write_cut(const Bargain *bargain, int64 member, Datum key, int64 amount)
{
	static CorePlan insert = {
		.sql = "INSERT INTO community.bargain_cut (program_id, bargain_id,"
		" member_id, turn, amount, key) VALUES ($1, $2, $3, $4, $5, $6)"
		" ON CONFLICT DO NOTHING",
		.nargs = 6,
		.argtypes = {INT8OID, INT8OID, INT8OID, INT4OID, INT8OID, TEXTOID}
	};
	static CorePlan update = {
		.sql = "UPDATE community.bargain SET remaining = remaining - $3,"
		" cuts = cuts + 1 WHERE program_id = $1 AND bargain_id = $2",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, INT8OID},
		.by_index = true
	};
	Datum		values[6];
	int64		other;

	values[0] = Int64GetDatum(bargain->program);
	values[1] = Int64GetDatum(bargain->id);
	values[2] = Int64GetDatum(member);
	values[3] = Int32GetDatum(bargain->cuts + 1);
	values[4] = Int64GetDatum(amount);
	values[5] = key;
	core_run(&insert, values, NULL, false);
	if (SPI_processed == 0)
	{
		/* somebody else has just used the key */
		(void) find_cut(bargain, member, key, &other);
		refuse_hidden();
	}
	values[2] = Int64GetDatum(amount);
	core_run(&update, values, NULL, false);
	if (SPI_processed != 1)
		elog(ERROR, "bargain %lld is gone", (long long) bargain->id);
}

/* Do what cut_bargain() promises; true for a retry. */
static bool
cut(Bargain *bargain, int64 member, Datum key, int64 *amount)
{
	bool		closed;

	referral_lock_person(bargain->program, member, &closed);
	if (find_cut(bargain, member, key, amount))
	{
		read_bargain(bargain, false);
		return true;
	}
	if (closed)
		core_refuse_member(bargain->program, member, true);
	read_bargain(bargain, true);
	refuse_over(bargain);
	refuse_second(bargain, member);
	refuse_over_limit(bargain, member);
	*amount = referral_bargain_step(bargain->remaining,
									bargain->participants - bargain->cuts,
									(uint64) bargain->seed, bargain->cuts + 1,
									bargain->least, bargain->most);
	write_cut(bargain, member, key, *amount);
	bargain->remaining -= *amount;
	bargain->cuts++;
	return false;
}

/* cut_bargain(member, bargain_id, key, program) -> amount, price, ... */
Datum
community_cut_bargain(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "bargain_id", "key",
	"program"};
	Bargain		bargain = {0};
	CoreScope	scope;
	TupleDesc	desc;
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};
	int64		amount;
	bool		replay;

	core_refuse_nulls(fcinfo, "cut_bargain", names, 0);
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	bargain.id = PG_GETARG_INT64(1);
	(void) core_name_argument(PG_GETARG_TEXT_PP(2), "idempotency key");
	bargain.program = PG_GETARG_INT64(3);

	core_enter(&scope);
	replay = cut(&bargain, PG_GETARG_INT64(0), PG_GETARG_DATUM(2), &amount);
	core_leave(&scope);

	values[0] = Int64GetDatum(amount);
	values[1] = Int64GetDatum(bargain.floor_price + bargain.remaining);
	values[2] = Int32GetDatum(bargain.participants - bargain.cuts);
	values[3] = BoolGetDatum(replay);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc),
													  values, nulls)));
}

/* close_bargain(bargain_id, program) -> bigint: the price */
Datum
community_close_bargain(PG_FUNCTION_ARGS)
{
	static CorePlan plan = {
		.sql = "UPDATE community.bargain SET closed_at = clock_timestamp()"
		" WHERE program_id = $1 AND bargain_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID},
		.by_index = true
	};
	Bargain		bargain = {0};
	CoreScope	scope;
	Datum		values[2];

	bargain.id = PG_GETARG_INT64(0);
	bargain.program = PG_GETARG_INT64(1);
	values[0] = Int64GetDatum(bargain.program);
	values[1] = Int64GetDatum(bargain.id);

	core_enter(&scope);
	read_bargain(&bargain, true);
	if (!bargain.closed)
		core_run(&plan, values, NULL, false);
	core_leave(&scope);
	PG_RETURN_INT64(bargain.floor_price + bargain.remaining);
}
