/*-------------------------------------------------------------------------
 *
 * seats.c
 *	  claim_seat() and release_seat().
 *
 * seats_list.c says how seats and the waiting list are kept together.  Locks
 * are taken in this order: the member, the idempotency key, the lock of the
 * tier's list, a seat, rows of the list.
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
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "tier/benefit.h"
#include "tier/member.h"
#include "tier/seats.h"
#include "tier/tier.h"

PG_FUNCTION_INFO_V1(community_claim_seat);
PG_FUNCTION_INFO_V1(community_release_seat);

/* What is asked for. */
typedef struct Request
{
	const char *kind;			/* claim or release */
	int64		member;
	Datum		ladder;
	Datum		key;
	TierSeats	seats;
} Request;

/* Where a claim stands. */
typedef struct Claim
{
	int32		seat;			/* 0 for none */
	int64		place;			/* 0 for none */
	bool		replay;
} Claim;

static void
find_ladder(Request *request)
{
	static CorePlan plan = {
		.sql = "SELECT ladder_id FROM community.ladder"
		" WHERE program_id = $1 AND name = $2",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTOID}
	};
	Datum		values[2];

	values[0] = Int64GetDatum(request->seats.program);
	values[1] = request->ladder;
	core_run_latest(&plan, values);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("ladder \"%s\" of program \"%s\" does not exist",
						TextDatumGetCString(request->ladder),
						core_program_name(request->seats.program))));
	request->seats.ladder_id = core_int64(0, 1);
}

/* The same key must ask for the same. */
static void
check_replay(const Request *request)
{
	static CorePlan plan = {
		.sql = "SELECT r.kind, r.member_id, r.tier,"
		" coalesce(l.name, r.ladder_id::text),"
		" r.kind = $3 AND r.member_id = $4 AND r.ladder_id = $5 AND r.tier = $6"
		" FROM community.tier_seat_request AS r"
		" LEFT JOIN community.ladder AS l ON l.program_id = r.program_id"
		" AND l.ladder_id = r.ladder_id"
		" WHERE r.program_id = $1 AND r.key = $2",
		.nargs = 6,
		.argtypes = {INT8OID, TEXTOID, TEXTOID, INT8OID, INT8OID, TEXTOID}
	};
	Datum		values[6];

	values[0] = Int64GetDatum(request->seats.program);
	values[1] = request->key;
	values[2] = CStringGetTextDatum(request->kind);
	values[3] = Int64GetDatum(request->member);
	values[4] = Int64GetDatum(request->seats.ladder_id);
	values[5] = request->seats.tier;
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		tier_seats_refuse_hidden();
	if (!core_bool(0, 5))
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_KEY_REUSED),
				 errmsg("idempotency key \"%s\" was used with other input",
						TextDatumGetCString(request->key)),
				 errdetail("Recorded: %s of a seat of member %lld in tier \"%s\" of ladder \"%s\". Given: %s of a seat of member %lld in tier \"%s\" of ladder \"%s\".",
						   core_text(0, 1), (long long) core_int64(0, 2),
						   core_text(0, 3), core_text(0, 4), request->kind,
						   (long long) request->member,
						   TextDatumGetCString(request->seats.tier),
						   TextDatumGetCString(request->ladder)),
				 errhint("A key names one request for ever; give a new request a new key.")));
}

/* Claim the key; false for a retry. */
static bool
note_request(const Request *request)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.tier_seat_request (program_id, key,"
		" kind, member_id, ladder_id, tier) VALUES ($1, $2, $3, $4, $5, $6)"
		" ON CONFLICT (program_id, key) DO NOTHING",
		.nargs = 6,
		.argtypes = {INT8OID, TEXTOID, TEXTOID, INT8OID, INT8OID, TEXTOID}
	};
	Datum		values[6];

	values[0] = Int64GetDatum(request->seats.program);
	values[1] = request->key;
	values[2] = CStringGetTextDatum(request->kind);
	values[3] = Int64GetDatum(request->member);
	values[4] = Int64GetDatum(request->seats.ladder_id);
	values[5] = request->seats.tier;
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 1)
		return true;
	check_replay(request);
	return false;
}

/*
 * Read the arguments, lock the member and claim the key; false for a retry.
 * Inside core_enter().
 */
static bool
begin_request(Request *request, bool *closed)
{
	if (!tier_lock_member(request->seats.program, request->member, closed))
		core_refuse_member(request->seats.program, request->member, false);
	find_ladder(request);
	return note_request(request);
}

/* The seat or place of the member, and its key; false when it has none. */
static bool
find_claim(const Request *request, Claim *claim, char **key)
{
	static CorePlan plan = {
		.sql = "SELECT seat, 0::bigint, key FROM community.tier_seat"
		" WHERE program_id = $1 AND ladder_id = $2 AND tier = $3"
		" AND member_id = $4"
		" UNION ALL SELECT 0, (SELECT count(*)"
		"  FROM community.tier_seat_wait AS o WHERE o.program_id = $1"
		"  AND o.ladder_id = $2 AND o.tier = $3 AND o.wait_id <= w.wait_id),"
		" key FROM community.tier_seat_wait AS w"
		" WHERE program_id = $1 AND ladder_id = $2 AND tier = $3"
		" AND member_id = $4",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, TEXTOID, INT8OID}
	};
	Datum		values[4];

	claim->seat = 0;
	claim->place = 0;
	values[0] = Int64GetDatum(request->seats.program);
	values[1] = Int64GetDatum(request->seats.ladder_id);
	values[2] = request->seats.tier;
	values[3] = Int64GetDatum(request->member);
	core_run_latest(&plan, values);
	if (SPI_processed == 0)
		return false;
	claim->seat = (int32) core_int64(0, 1);
	claim->place = core_int64(0, 2);
	*key = core_text(0, 3);
	return true;
}

static void
refuse_second(const Request *request)
{
	Claim		claim;
	char	   *key;

	if (!find_claim(request, &claim, &key))
		return;
	ereport(ERROR,
			(errcode(COMMUNITY_ERRCODE_SEAT_CLAIMED),
			 claim.seat != 0 ?
			 errmsg("member %lld has seat %d in tier \"%s\", claimed with key \"%s\"",
					(long long) request->member, claim.seat,
					TextDatumGetCString(request->seats.tier), key) :
			 errmsg("member %lld waits for a seat in tier \"%s\", claimed with key \"%s\"",
					(long long) request->member,
					TextDatumGetCString(request->seats.tier), key),
			 errdetail("A member can have one seat in a tier.")));
}

/* Where the tier has conditions beside its seats, they must be met now. */
static void
refuse_unattained(const Request *request)
{
	static CorePlan plan = {
		.sql = "SELECT community.tier_is_attained($1, $2, $3, $4, $5)",
		.nargs = 5,
		.argtypes = {INT8OID, TEXTOID, TEXTOID, TIMESTAMPTZOID, INT8OID}
	};
	Datum		values[5];

	if (!request->seats.has_conditions)
		return;
	values[0] = Int64GetDatum(request->member);
	values[1] = request->ladder;
	values[2] = request->seats.tier;
	values[3] = TimestampTzGetDatum(request->seats.now);
	values[4] = Int64GetDatum(request->seats.program);
	core_run(&plan, values, NULL, false);
	if (!core_bool(0, 1))
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_TIER_NOT_ATTAINED),
				 errmsg("member %lld has not attained tier \"%s\" of ladder \"%s\"",
						(long long) request->member,
						TextDatumGetCString(request->seats.tier),
						TextDatumGetCString(request->ladder)),
				 errdetail("The tier has requirements beside its seats.")));
}

/* Lock a free seat; false when there is none, or none that nobody claims. */
static bool
lock_seat(const TierSeats *seats, bool wait, int32 *seat)
{
#define FREE_SEAT \
	"SELECT seat FROM community.tier_seat WHERE program_id = $1" \
	" AND ladder_id = $2 AND tier = $3 AND seat <= $4" \
	" AND member_id IS NULL ORDER BY seat LIMIT 1 FOR UPDATE"
	static CorePlan waiting = {
		.sql = FREE_SEAT,
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, TEXTOID, INT4OID}
	};
	static CorePlan skipping = {
		.sql = FREE_SEAT " SKIP LOCKED",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, TEXTOID, INT4OID}
	};
	Datum		values[4];

	values[0] = Int64GetDatum(seats->program);
	values[1] = Int64GetDatum(seats->ladder_id);
	values[2] = seats->tier;
	values[3] = Int32GetDatum(seats->seats);
	core_run(wait ? &waiting : &skipping, values, NULL, false);
	if (SPI_processed == 0)
		return false;
	*seat = (int32) core_int64(0, 1);
	return true;
}

/* A seat that is to be locked. */
typedef struct SeatWanted
{
	const TierSeats *seats;
	int32		seat;
} SeatWanted;

static bool
lock_unclaimed_seat(void *arg)
{
	SeatWanted *wanted = (SeatWanted *) arg;

	return lock_seat(wanted->seats, false, &wanted->seat);
}

static bool
lock_contested_seat(void *arg)
{
	SeatWanted *wanted = (SeatWanted *) arg;

	return lock_seat(wanted->seats, true, &wanted->seat);
}

/*
 * Lock a seat that is free, or that comes free when those who claim seats at
 * this moment roll back; false when there is none.  Seats that somebody else
 * took before we got their lock stay locked.  So what the first look has
 * locked is let go before the second one waits, from the lowest seat on as
 * all do, and what that has locked before it gives up: who holds the list's
 * lock would wait for us, and we for it.
 */
static bool
lock_any_seat(SeatWanted *wanted)
{
	return core_try(lock_unclaimed_seat, wanted) ||
		core_try(lock_contested_seat, wanted);
}

/* Take a seat that is locked, from now on. */
static void
take_seat(const Request *request, int32 seat)
{
	static CorePlan plan = {
		.sql = "WITH taken AS (UPDATE community.tier_seat"
		"  SET member_id = $4, key = $5 WHERE program_id = $1"
		"  AND ladder_id = $2 AND tier = $3 AND seat = $6"
		"  AND member_id IS NULL RETURNING seat)"
		" INSERT INTO community.tenure (program_id, member_id, ladder_id,"
		"  tier, rank, source, during, version_id, reason, key)"
		" SELECT $1, $4, $2, $3, $7, 'seat', tstzrange($8, NULL), $9,"
		"  'claimed', $5 FROM taken",
		.nargs = 9,
		.argtypes = {INT8OID, INT8OID, TEXTOID, INT8OID, TEXTOID, INT4OID,
		INT4OID, TIMESTAMPTZOID, INT8OID}
	};
	const TierSeats *seats = &request->seats;
	Datum		values[9];

	values[0] = Int64GetDatum(seats->program);
	values[1] = Int64GetDatum(seats->ladder_id);
	values[2] = seats->tier;
	values[3] = Int64GetDatum(request->member);
	values[4] = request->key;
	values[5] = Int32GetDatum(seat);
	values[6] = Int32GetDatum(seats->rank);
	/* it may just have come free */
	values[7] = TimestampTzGetDatum(GetCurrentTimestamp());
	values[8] = Int64GetDatum(seats->version_id);
	core_run(&plan, values, NULL, false);
	if (SPI_processed != 1)
		elog(ERROR, "seat %d is gone", seat);
}

static void
join_list(const Request *request)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.tier_seat_wait (program_id, ladder_id,"
		" tier, member_id, key) VALUES ($1, $2, $3, $4, $5)",
		.nargs = 5,
		.argtypes = {INT8OID, INT8OID, TEXTOID, INT8OID, TEXTOID}
	};
	Datum		values[5];

	values[0] = Int64GetDatum(request->seats.program);
	values[1] = Int64GetDatum(request->seats.ladder_id);
	values[2] = request->seats.tier;
	values[3] = Int64GetDatum(request->member);
	values[4] = request->key;
	core_run(&plan, values, NULL, false);
}

/*
 * One try to get a seat.  A place in the list is for who has seen, with the
 * list's lock shared, that no seat is free: neither one that others claim at
 * this moment, nor one that is being released.  False to try again.
 */
static bool
seat_or_list(Request *request)
{
	TierSeats  *seats = &request->seats;
	TierSeatsLook look;
	SeatWanted	wanted = {seats};

	tier_seats_look(seats, &look);
	if (look.surplus && !seats->exclusive)
	{
		/* now that their number was lowered they must be counted */
		(void) tier_seats_arrange(seats);
		return false;
	}
	if (!look.crowded && ((look.free && look.waiting) ||
						  (look.unopened && !look.free)))
	{
		/* who waits comes first */
		(void) tier_seats_arrange(seats);
		return false;
	}
	if (look.free && !look.waiting && !look.crowded)
	{
		if (lock_any_seat(&wanted))
		{
			take_seat(request, wanted.seat);
			return true;
		}
		/* all were taken while we waited, or are hidden from us */
		if (IsolationUsesXactSnapshot())
			tier_seats_refuse_hidden();
		return false;
	}
	if (!seats->shared && !seats->exclusive)
	{
		tier_seats_share(seats);
		return false;
	}
	join_list(request);
	return true;
}

static void
claim_seat(Request *request, Claim *claim)
{
	bool		closed;
	char	   *key;

	claim->replay = !begin_request(request, &closed);
	if (!claim->replay)
	{
		if (closed)
			core_refuse_member(request->seats.program, request->member, true);
		tier_seats_find(&request->seats, true);
		refuse_second(request);
		refuse_unattained(request);
		while (!seat_or_list(request))
		{
			CHECK_FOR_INTERRUPTS();
			tier_seats_find(&request->seats, true);
		}
	}
	/* what this very claim has come to */
	if (find_claim(request, claim, &key) &&
		strcmp(key, TextDatumGetCString(request->key)) != 0)
		claim->seat = claim->place = 0;
}

/* claim_seat(member, ladder, tier, key, program) -> seat, place, replay */
Datum
community_claim_seat(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "ladder", "tier", "key",
	"program"};
	Request		request = {.kind = "claim"};
	Claim		claim;
	CoreScope	scope;
	TupleDesc	desc;
	Datum		values[3];
	bool		nulls[3];

	core_refuse_nulls(fcinfo, "claim_seat", names, 0);
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	request.member = PG_GETARG_INT64(0);
	request.ladder = PointerGetDatum(PG_GETARG_TEXT_PP(1));
	request.seats.tier = PointerGetDatum(PG_GETARG_TEXT_PP(2));
	request.key = PointerGetDatum(PG_GETARG_TEXT_PP(3));
	(void) core_name_argument(PG_GETARG_TEXT_PP(3), "idempotency key");
	request.seats.program = PG_GETARG_INT64(4);

	core_enter(&scope);
	claim_seat(&request, &claim);
	if (!claim.replay)
		tier_settle_benefits(request.seats.program, request.member,
							 GetCurrentTimestamp());
	core_leave(&scope);

	values[0] = Int32GetDatum(claim.seat);
	values[1] = Int64GetDatum(claim.place);
	values[2] = BoolGetDatum(claim.replay);
	nulls[0] = claim.seat == 0;
	nulls[1] = claim.place == 0;
	nulls[2] = false;
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc),
													  values, nulls)));
}

/* release_seat(member, ladder, tier, reason, key, program) -> boolean */
Datum
community_release_seat(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "ladder", "tier", "reason",
	"key", "program"};
	Request		request = {.kind = "release"};
	CoreScope	scope;
	Datum		reason;
	bool		closed;
	bool		replay;

	core_refuse_nulls(fcinfo, "release_seat", names, 0);
	request.member = PG_GETARG_INT64(0);
	request.ladder = PointerGetDatum(PG_GETARG_TEXT_PP(1));
	request.seats.tier = PointerGetDatum(PG_GETARG_TEXT_PP(2));
	reason = PointerGetDatum(PG_GETARG_TEXT_PP(3));
	(void) core_name_argument(PG_GETARG_TEXT_PP(3), "reason");
	request.key = PointerGetDatum(PG_GETARG_TEXT_PP(4));
	(void) core_name_argument(PG_GETARG_TEXT_PP(4), "idempotency key");
	request.seats.program = PG_GETARG_INT64(5);

	core_enter(&scope);
	replay = !begin_request(&request, &closed);
	if (!replay)
	{
		tier_seats_find(&request.seats, false);
		if (!tier_seats_leave(&request.seats, request.member, reason))
			ereport(ERROR,
					(errcode(COMMUNITY_ERRCODE_NO_SEAT),
					 errmsg("member %lld has no seat in tier \"%s\" of ladder \"%s\", and does not wait for one",
							(long long) request.member,
							TextDatumGetCString(request.seats.tier),
							TextDatumGetCString(request.ladder))));
		tier_settle_benefits(request.seats.program, request.member,
							 GetCurrentTimestamp());
	}
	core_leave(&scope);
	PG_RETURN_BOOL(!replay);
}
