/*-------------------------------------------------------------------------
 *
 * group_join.c
 *	  open_group() and join_group().
 *
 * group.c says how slots and locks work together.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "referral/group.h"

PG_FUNCTION_INFO_V1(community_open_group);
PG_FUNCTION_INFO_V1(community_join_group);

/*
 * While fewer slots than that are left, those who take them at once queue, so
 * that the last one knows it.
 */
#define QUEUE_BELOW		64

/* Who asks to join what. */
typedef struct Request
{
	int64		member;
	Datum		key;			/* text */
	bool		has_hold;
	Datum		hold_key;		/* text */
	ReferralGroup group;
} Request;

/* The same key must ask for the same; false when it is new. */
static bool
find_joined(const Request *request)
{
	static CorePlan plan = {
		.sql = "SELECT group_id, member_id, hold_key"
		" FROM community.group_member WHERE program_id = $1 AND key = $2",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTOID},
		.by_index = true
	};
	Datum		values[2];
	char	   *given = request->has_hold ?
	TextDatumGetCString(request->hold_key) : "";
	char	   *hold;

	values[0] = Int64GetDatum(request->group.program);
	values[1] = request->key;
	core_run_latest(&plan, values);
	if (SPI_processed == 0)
		return false;
	hold = core_text(0, 3);
	/* the key of a hold is never empty */
	if (hold == NULL)
		hold = "";
	if (core_int64(0, 1) != request->group.id ||
		core_int64(0, 2) != request->member || strcmp(hold, given) != 0)
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_KEY_REUSED),
				 errmsg("idempotency key \"%s\" was used with other input",
						TextDatumGetCString(request->key)),
				 errdetail("Recorded: member %lld joins group %lld with hold \"%s\". Given: member %lld joins group %lld with hold \"%s\".",
						   (long long) core_int64(0, 2),
						   (long long) core_int64(0, 1), hold,
						   (long long) request->member,
						   (long long) request->group.id, given),
				 errhint("A key names one request for ever; give a new request a new key.")));
	return true;
}

/* One membership a person: also as a member that was merged into this one. */
static void
refuse_second(const Request *request)
{
	static CorePlan plan = {
		.sql = "SELECT m.member_id, m.key FROM (SELECT $3"
		"  UNION ALL SELECT b.member_id FROM community.member_merge AS b"
		"  WHERE b.program_id = $1 AND b.bearer_id = $3) AS p (id)"
		" JOIN community.group_member AS m ON m.program_id = $1"
		"  AND m.group_id = $2 AND m.member_id = p.id AND m.left_at IS NULL",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, INT8OID},
		.by_index = true
	};
	Datum		values[3];

	values[0] = Int64GetDatum(request->group.program);
	values[1] = Int64GetDatum(request->group.id);
	values[2] = Int64GetDatum(request->member);
	core_run_latest(&plan, values);
	if (SPI_processed > 0)
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_GROUP_CLOSED),
				 errmsg("member %lld is in group %lld already, joined with key \"%s\"",
						(long long) core_int64(0, 1),
						(long long) request->group.id, core_text(0, 2)),
				 errdetail("A member can have one slot of a group.")));
}

static void
refuse_full(const ReferralGroup *group)
{
	ereport(ERROR,
			(errcode(COMMUNITY_ERRCODE_GROUP_CLOSED),
			 errmsg("group %lld is full", (long long) group->id),
			 errdetail("All %d slots are taken.", group->capacity)));
}

/* A hold that pays must be the member's own, and last as long as the group. */
static void
check_hold(const Request *request)
{
	static CorePlan plan = {
		.sql = "SELECT member_id, captured IS NOT NULL, expires_at,"
		" expires_at > clock_timestamp() FROM community.hold"
		" WHERE program_id = $1 AND key = $2",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTOID},
		.by_index = true
	};
	Datum		values[2];
	TimestampTz expires_at;
	bool		isnull;

	if (!request->has_hold)
		return;
	values[0] = Int64GetDatum(request->group.program);
	values[1] = request->hold_key;
	core_run_latest(&plan, values);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_UNKNOWN_EVENT),
				 errmsg("no hold of program \"%s\" has idempotency key \"%s\"",
						core_program_name(request->group.program),
						TextDatumGetCString(request->hold_key))));
	if (core_int64(0, 1) != request->member)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("hold \"%s\" is of member %lld, not of member %lld",
						TextDatumGetCString(request->hold_key),
						(long long) core_int64(0, 1),
						(long long) request->member)));
	expires_at = DatumGetTimestampTz(core_field(0, 3, &isnull));
	if (core_bool(0, 2) || !core_bool(0, 4))
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_HOLD_ENDED),
				 errmsg("hold \"%s\" has ended",
						TextDatumGetCString(request->hold_key))));
	if (expires_at < request->group.closes_at)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("hold \"%s\" ends at %s, before group %lld",
						TextDatumGetCString(request->hold_key),
						timestamptz_to_str(expires_at),
						(long long) request->group.id),
				 errdetail("The group ends at %s.",
						   timestamptz_to_str(request->group.closes_at))));
}

/* Lock a free slot; false when there is none, or none that nobody claims. */
static bool
lock_slot(const ReferralGroup *group, bool wait, int32 *slot)
{
#define FREE_SLOT \
	"SELECT slot FROM community.group_slot WHERE program_id = $1" \
	" AND group_id = $2 ORDER BY slot LIMIT 1 FOR UPDATE"
	static CorePlan waiting = {
		.sql = FREE_SLOT,
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID},
		.by_index = true
	};
	static CorePlan skipping = {
		.sql = FREE_SLOT " SKIP LOCKED",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID},
		.by_index = true
	};
	Datum		values[2];

	values[0] = Int64GetDatum(group->program);
	values[1] = Int64GetDatum(group->id);
	core_run(wait ? &waiting : &skipping, values, NULL, false);
	if (SPI_processed == 0)
		return false;
	*slot = (int32) core_int64(0, 1);
	return true;
}

/* Lock a slot, or refuse.  One that is being taken may yet come back. */
static int32
claim_slot(ReferralGroup *group)
{
	int32		slot;

	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		if (group->missing == 0)
			refuse_full(group);
		if (group->settled || group->closes_at <= GetCurrentTimestamp())
			referral_group_refuse_ended(group);
		if (lock_slot(group, false, &slot) || lock_slot(group, true, &slot))
			return slot;
		/* all were taken while we waited, or are hidden from us */
		if (IsolationUsesXactSnapshot())
			referral_group_refuse_hidden();
		referral_group_read(group);
	}
}

/* Make the member one of the group; its key is new as far as we know. */
static void
insert_member(const Request *request, int32 slot, TimestampTz joined_at)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.group_member (program_id, group_id,"
		" member_id, slot, key, hold_key, joined_at)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
		.nargs = 7,
		.argtypes = {INT8OID, INT8OID, INT8OID, INT4OID, TEXTOID, TEXTOID,
		TIMESTAMPTZOID}
	};
	static CorePlan other = {
		.sql = "SELECT group_id FROM community.group_member"
		" WHERE program_id = $1 AND hold_key = $2",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTOID},
		.by_index = true
	};
	Datum		values[7];
	char		nulls[8] = "       ";

	values[0] = Int64GetDatum(request->group.program);
	values[1] = Int64GetDatum(request->group.id);
	values[2] = Int64GetDatum(request->member);
	values[3] = Int32GetDatum(slot);
	values[4] = request->key;
	values[5] = request->hold_key;
	values[6] = TimestampTzGetDatum(joined_at);
	if (!request->has_hold)
		nulls[5] = 'n';
	core_run(&plan, values, nulls, false);
	if (SPI_processed == 1)
		return;
	/* somebody else has just used the key: other input, or it is hidden */
	(void) find_joined(request);
	if (request->has_hold)
	{
		values[1] = request->hold_key;
		core_run_latest(&other, values);
		if (SPI_processed > 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNIQUE_VIOLATION),
					 errmsg("hold \"%s\" pays for a slot of group %lld already",
							TextDatumGetCString(request->hold_key),
							(long long) core_int64(0, 1)),
					 errdetail("A hold pays for one slot.")));
	}
	referral_group_refuse_hidden();
}

static void
delete_slot(const ReferralGroup *group, int32 slot)
{
	static CorePlan plan = {
		.sql = "DELETE FROM community.group_slot WHERE program_id = $1"
		" AND group_id = $2 AND slot = $3",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, INT4OID},
		.by_index = true
	};
	Datum		values[3];

	values[0] = Int64GetDatum(group->program);
	values[1] = Int64GetDatum(group->id);
	values[2] = Int32GetDatum(slot);
	core_run(&plan, values, NULL, false);
	if (SPI_processed != 1)
		elog(ERROR, "slot %d of group %lld is gone", slot,
			 (long long) group->id);
}

/* Settle the group if it is full now; see the head of group.c. */
static void
finish(ReferralGroup *group)
{
	Datum		id = Int64GetDatum(group->id);

	referral_group_read(group);
	if (group->missing > 0 && group->missing < QUEUE_BELOW)
	{
		referral_group_finish(group);
		referral_group_read(group);
	}
	if (group->missing == 0 && !group->settled)
		referral_group_settle(group->program,
							  construct_array(&id, 1, INT8OID, sizeof(int64),
											  true, TYPALIGN_DOUBLE));
}

/* Do what join_group() promises; true for a retry. */
static bool
join(Request *request)
{
	ReferralGroup *group = &request->group;
	TimestampTz joined_at;
	bool		closed;
	int32		slot;

	referral_lock_person(group->program, request->member, &closed);
	if (find_joined(request))
	{
		referral_group_read(group);
		return true;
	}
	if (closed)
		core_refuse_member(group->program, request->member, true);
	referral_group_share(group);
	referral_group_read(group);
	refuse_second(request);
	check_hold(request);
	slot = claim_slot(group);
	/* that may have taken a while */
	joined_at = GetCurrentTimestamp();
	if (joined_at >= group->closes_at)
		referral_group_refuse_ended(group);
	insert_member(request, slot, joined_at);
	delete_slot(group, slot);
	finish(group);
	return false;
}

/* An optional hold. */
static void
hold_argument(FunctionCallInfo fcinfo, int argument, Request *request)
{
	request->has_hold = !PG_ARGISNULL(argument);
	request->hold_key = (Datum) 0;
	if (!request->has_hold)
		return;
	request->hold_key = PG_GETARG_DATUM(argument);
	(void) core_name_argument(PG_GETARG_TEXT_PP(argument), "key of a hold");
}

/* join_group(member, group_id, key, hold, program) -> state, ... */
Datum
community_join_group(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "group_id", "key", "hold",
	"program"};
	Request		request = {0};
	CoreScope	scope;
	TupleDesc	desc;
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};
	bool		replay;

	core_refuse_nulls(fcinfo, "join_group", names, 0x08);
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	request.member = PG_GETARG_INT64(0);
	request.group.id = PG_GETARG_INT64(1);
	request.key = PG_GETARG_DATUM(2);
	(void) core_name_argument(PG_GETARG_TEXT_PP(2), "idempotency key");
	hold_argument(fcinfo, 3, &request);
	request.group.program = PG_GETARG_INT64(4);

	core_enter(&scope);
	replay = join(&request);
	core_leave(&scope);

	values[0] = CStringGetTextDatum(referral_group_state(&request.group));
	values[1] = Int32GetDatum(request.group.missing);
	values[2] = Int64GetDatum(request.group.leader);
	values[3] = BoolGetDatum(replay);
	nulls[2] = !request.group.has_leader;
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc),
													  values, nulls)));
}

/* The group that was opened with that key, asked for in the same way. */
static bool
find_opened(Request *request, int64 price)
{
	static CorePlan plan = {
		.sql = "SELECT g.group_id, g.opened_by = $3 AND g.capacity = $4"
		" AND g.price = $5 AND m.hold_key IS NOT DISTINCT FROM $6"
		" FROM community.group_buy AS g LEFT JOIN community.group_member AS m"
		"  ON m.program_id = $1 AND m.key = $2"
		" WHERE g.program_id = $1 AND g.key = $2",
		.nargs = 6,
		.argtypes = {INT8OID, TEXTOID, INT8OID, INT4OID, INT8OID, TEXTOID},
		.by_index = true
	};
	Datum		values[6];
	char		nulls[7] = "      ";

	values[0] = Int64GetDatum(request->group.program);
	values[1] = request->key;
	values[2] = Int64GetDatum(request->member);
	values[3] = Int32GetDatum(request->group.capacity);
	values[4] = Int64GetDatum(price);
	values[5] = request->hold_key;
	if (!request->has_hold)
		nulls[5] = 'n';
	core_run(&plan, values, nulls, false);
	if (SPI_processed == 0)
		return false;
	request->group.id = core_int64(0, 1);
	if (!core_bool(0, 2))
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_KEY_REUSED),
				 errmsg("idempotency key \"%s\" was used with other input",
						TextDatumGetCString(request->key)),
				 errdetail("It is the key of group %lld.",
						   (long long) request->group.id),
				 errhint("A key names one request for ever; give a new request a new key.")));
	return true;
}

/* The row of a group and its slots; the first is the leader's. */
static bool
insert_group(const Request *request, int64 price, Datum payload)
{
	static CorePlan insert = {
		.sql = "INSERT INTO community.group_buy (program_id, group_id, key,"
		" opened_by, capacity, price, closes_at, payload)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
		" ON CONFLICT (program_id, key) DO NOTHING",
		.nargs = 8,
		.argtypes = {INT8OID, INT8OID, TEXTOID, INT8OID, INT4OID, INT8OID,
		TIMESTAMPTZOID, JSONBOID}
	};
	static CorePlan slots = {
		.sql = "INSERT INTO community.group_slot (program_id, group_id, slot)"
		" SELECT $1, $2, i FROM generate_series(2, $3) AS i",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, INT4OID}
	};
	const ReferralGroup *group = &request->group;
	Datum		values[8];

	values[0] = Int64GetDatum(group->program);
	values[1] = Int64GetDatum(group->id);
	values[2] = request->key;
	values[3] = Int64GetDatum(request->member);
	values[4] = Int32GetDatum(group->capacity);
	values[5] = Int64GetDatum(price);
	values[6] = TimestampTzGetDatum(group->closes_at);
	values[7] = payload;
	core_run(&insert, values, NULL, false);
	if (SPI_processed == 0)
		return false;
	values[2] = Int32GetDatum(group->capacity);
	core_run(&slots, values, NULL, false);
	return true;
}

/* Do what open_group() promises. */
static void
open_group(Request *request, int64 price, Datum payload)
{
	ReferralGroup *group = &request->group;
	bool		closed;

	referral_lock_person(group->program, request->member, &closed);
	if (find_opened(request, price))
		return;
	if (closed)
		core_refuse_member(group->program, request->member, true);
	if (TIMESTAMP_NOT_FINITE(group->closes_at) ||
		group->closes_at <= GetCurrentTimestamp())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a group cannot end at %s",
						timestamptz_to_str(group->closes_at)),
				 errdetail("It ends at a finite time that is still to come.")));
	group->id = core_next_id();
	check_hold(request);
	if (!insert_group(request, price, payload))
	{
		/* somebody else has just opened it */
		if (!find_opened(request, price))
			referral_group_refuse_hidden();
		return;
	}
	insert_member(request, 1, GetCurrentTimestamp());
}

/*
 * open_group(leader, capacity, closes_at, key, price, hold, payload, program)
 * -> bigint
 */
Datum
community_open_group(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"leader", "capacity", "closes_at",
	"key", "price", "hold", "payload", "program"};
	Request		request = {0};
	CoreScope	scope;
	int64		price;

	core_refuse_nulls(fcinfo, "open_group", names, 0x20);
	request.member = PG_GETARG_INT64(0);
	request.group.capacity = PG_GETARG_INT32(1);
	request.group.closes_at = PG_GETARG_TIMESTAMPTZ(2);
	request.key = PG_GETARG_DATUM(3);
	(void) core_name_argument(PG_GETARG_TEXT_PP(3), "idempotency key");
	price = PG_GETARG_INT64(4);
	hold_argument(fcinfo, 5, &request);
	request.group.program = PG_GETARG_INT64(7);
	if (request.group.capacity < 2 ||
		request.group.capacity > REFERRAL_GROUP_MAX_CAPACITY)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a group cannot have %d members",
						request.group.capacity),
				 errdetail("It has from 2 to %d.",
						   REFERRAL_GROUP_MAX_CAPACITY)));
	if (price < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the price of a group must not be negative, as %lld is",
						(long long) price)));

	core_enter(&scope);
	open_group(&request, price, PG_GETARG_DATUM(6));
	core_leave(&scope);
	PG_RETURN_INT64(request.group.id);
}
