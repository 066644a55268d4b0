/*-------------------------------------------------------------------------
 *
 * seats_list.c
 *	  Seats of a tier and those who wait for one.
 *
 * A seat is a row that a claim locks and writes, so a crowd spreads over the
 * seats and nobody counts.  What must not happen is that somebody waits beside
 * a free seat.  Two locks of the lock manager see to that, which cost no row:
 *
 * - Who goes to the waiting list holds the tier's lock shared until its
 *	 transaction ends, and looks once more for a seat after it got it.
 * - Who frees a seat, or brings new ones, holds it exclusively, so that all
 *	 who went to the list before are visible, and gives it to the first.
 *
 * A seat that is being claimed is free until its claimer commits, and who
 * finds such a one waits for it, outside the list.  So nobody is in the list
 * while a seat can come back by a rollback.  Whoever deletes a row of the list
 * decides about its member's seat, which is why the member itself need
 * not be locked to be given one: its lock would be out of order.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "tier/member.h"
#include "tier/seats.h"

PG_FUNCTION_INFO_V1(community_hand_out_seats);

/* tells these locks from other advisory ones; see points/horizon.c */
#define LOCK_CLASS		17231

/* so many rows are made at once */
#define SEATS_A_BLOCK	1000

#define THE_TIER "program_id = $1 AND ladder_id = $2 AND tier = $3"

static void
set_tier(Datum *values, const TierSeats *seats)
{
	values[0] = Int64GetDatum(seats->program);
	values[1] = Int64GetDatum(seats->ladder_id);
	values[2] = seats->tier;
}

static char *
ladder_name(const TierSeats *seats)
{
	static CorePlan plan = {
		.sql = "SELECT name FROM community.ladder"
		" WHERE program_id = $1 AND ladder_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[2];

	values[0] = Int64GetDatum(seats->program);
	values[1] = Int64GetDatum(seats->ladder_id);
	core_run(&plan, values, NULL, false);
	return SPI_processed > 0 ? core_text(0, 1) :
		psprintf("%lld", (long long) seats->ladder_id);
}

static void
refuse_tier(const TierSeats *seats, bool published, bool known)
{
	char	   *ladder = ladder_name(seats);
	char	   *tier = TextDatumGetCString(seats->tier);

	if (!published)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no version of ladder \"%s\" is in force", ladder),
				 errhint("Publish it with community.publish_ladder().")));
	if (!known)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("ladder \"%s\" has no tier \"%s\"", ladder, tier),
				 errdetail("The version of the ladder that is in force counts, not the draft.")));
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("tier \"%s\" of ladder \"%s\" has no seats", tier, ladder),
			 errdetail("The version of the ladder that is in force counts, not the draft.")));
}

/*
 * Read what the version in force now says of the tier; "must_have" makes it
 * an error when it has no seats.
 */
void
tier_seats_find(TierSeats *seats, bool must_have)
{
	static CorePlan plan = {
		.sql = "SELECT v.version_id, (t.value ->> 'rank')::integer,"
		" coalesce((t.value ->> 'seats')::integer, 0),"
		" CASE t.value ->> 'entry' WHEN 'invitation' THEN true"
		"  WHEN 'qualify' THEN coalesce(jsonb_array_length("
		"   nullif(t.value -> 'requirements', 'null')), 0) > 0"
		"  ELSE false END"
		" FROM community.ladder_version AS v LEFT JOIN LATERAL"
		"  jsonb_array_elements(v.definition -> 'tiers') AS t (value)"
		"  ON t.value ->> 'name' = $3"
		" WHERE v.program_id = $1 AND v.ladder_id = $2 AND v.valid @> $4",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, TEXTOID, TIMESTAMPTZOID}
	};
	Datum		values[4];
	bool		published;
	bool		unknown = true;

	seats->now = GetCurrentTimestamp();
	set_tier(values, seats);
	values[3] = TimestampTzGetDatum(seats->now);
	core_run_latest(&plan, values);
	published = SPI_processed > 0;
	if (published)
		(void) core_field(0, 2, &unknown);
	seats->seats = 0;
	if (!unknown)
	{
		seats->version_id = core_int64(0, 1);
		seats->rank = (int32) core_int64(0, 2);
		seats->seats = (int32) core_int64(0, 3);
		seats->has_conditions = core_bool(0, 4);
	}
	if (must_have && seats->seats == 0)
		refuse_tier(seats, published, !unknown);
}

/* What is there?  Asked of the present, whatever the isolation level. */
void
tier_seats_look(const TierSeats *seats, TierSeatsLook *look)
{
	static CorePlan plan = {
		.sql = "SELECT EXISTS (SELECT FROM community.tier_seat"
		"  WHERE " THE_TIER " AND seat <= $4 AND member_id IS NULL),"
		" EXISTS (SELECT FROM community.tier_seat_wait WHERE " THE_TIER "),"
		" coalesce((SELECT max(seat) FROM community.tier_seat"
		"  WHERE " THE_TIER "), 0) < $4,"
		" EXISTS (SELECT FROM community.tier_seat WHERE " THE_TIER
		"  AND seat > $4 AND member_id IS NOT NULL)",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, TEXTOID, INT4OID}
	};
	static CorePlan taken = {
		.sql = "SELECT count(*) FROM community.tier_seat"
		" WHERE " THE_TIER " AND member_id IS NOT NULL",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, TEXTOID}
	};
	Datum		values[4];

	set_tier(values, seats);
	values[3] = Int32GetDatum(seats->seats);
	core_run_latest(&plan, values);
	look->free = core_bool(0, 1);
	look->waiting = core_bool(0, 2);
	look->unopened = core_bool(0, 3);
	look->surplus = core_bool(0, 4);
	look->crowded = false;
	if (look->surplus)
	{
		core_run_latest(&taken, values);
		look->crowded = core_int64(0, 1) >= seats->seats;
	}
}

static void
lock_tag(const TierSeats *seats, LOCKTAG *tag)
{
	text	   *tier = DatumGetTextPP(seats->tier);
	uint64		hash;

	/* two tiers that share a lock by chance wait for each other, no more */
	hash = hash_bytes_extended((unsigned char *) VARDATA_ANY(tier),
							   VARSIZE_ANY_EXHDR(tier),
							   (uint64) seats->ladder_id);
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, (uint32) (hash >> 32),
						 (uint32) hash, LOCK_CLASS);
}

/* What the head of the file says of those who go to the list. */
void
tier_seats_share(TierSeats *seats)
{
	LOCKTAG		tag;

	lock_tag(seats, &tag);
	(void) LockAcquire(&tag, ShareLock, false, false);
	seats->shared = true;
}

/* And of those who free seats. */
static void
lock_list(TierSeats *seats)
{
	LOCKTAG		tag;

	if (seats->exclusive)
		return;
	lock_tag(seats, &tag);
	/* two who both share it would wait for each other */
	if (seats->shared)
		(void) LockRelease(&tag, ShareLock, false);
	seats->shared = false;
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
	seats->exclusive = true;
	/* that may have taken a while */
	tier_seats_find(seats, false);
}

/* Make the next rows of seats. */
static void
open_seats(const TierSeats *seats)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.tier_seat"
		" (program_id, ladder_id, tier, seat)"
		" SELECT $1, $2, $3, i FROM (SELECT coalesce(max(seat), 0) AS last"
		"  FROM community.tier_seat WHERE " THE_TIER ") AS s,"
		" generate_series(s.last + 1, least(s.last::bigint + $5, $4)) AS i"
		" ON CONFLICT (program_id, ladder_id, tier, seat) DO NOTHING",
		.nargs = 5,
		.argtypes = {INT8OID, INT8OID, TEXTOID, INT4OID, INT4OID}
	};
	Datum		values[5];

	set_tier(values, seats);
	values[3] = Int32GetDatum(seats->seats);
	values[4] = Int32GetDatum(SEATS_A_BLOCK);
	core_run(&plan, values, NULL, false);
}

/* Something that this transaction must change is newer than its snapshot. */
void
tier_seats_refuse_hidden(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not serialize access due to concurrent claim of a seat"),
			 errhint("Try again.")));
}

/*
 * The first of those who wait, as many as there are seats; false when there
 * are none.  One who waits since after the snapshot was taken may come before
 * others.
 */
static bool
find_waiters(Datum *values)
{
	static CorePlan plan = {
		.sql = "SELECT array_agg(f.wait_id ORDER BY f.wait_id),"
		" array_agg(f.wait_id ORDER BY f.wait_id)::text"
		" FROM (SELECT wait_id FROM community.tier_seat_wait WHERE " THE_TIER
		"  ORDER BY wait_id LIMIT cardinality($4)) AS f",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, TEXTOID, INT4ARRAYOID}
	};
	char	   *expected = NULL;
	bool		isnull;

	if (IsolationUsesXactSnapshot())
	{
		core_run_latest(&plan, values);
		expected = core_text(0, 2);
	}
	core_run(&plan, values, NULL, false);
	values[4] = core_field(0, 1, &isnull);
	if (expected != NULL && (isnull || strcmp(expected, core_text(0, 2)) != 0))
		tier_seats_refuse_hidden();
	return !isnull;
}

/*
 * Lock free seats and as many who wait, the first ones, and bring them
 * together.  Gives how many; fewer than there could be where somebody who
 * waited has just left.
 */
static int64
seat_first(const TierSeats *seats)
{
	static CorePlan lock_seats = {
		.sql = "SELECT array_agg(f.seat ORDER BY f.seat) FROM (SELECT seat"
		" FROM community.tier_seat WHERE " THE_TIER
		" AND member_id IS NULL AND seat <= $4 ORDER BY seat LIMIT least("
		"  (SELECT count(*) FROM community.tier_seat_wait WHERE " THE_TIER
		"  ), greatest($4 - (SELECT count(*) FROM community.tier_seat WHERE "
		THE_TIER " AND member_id IS NOT NULL), 0)) FOR UPDATE) AS f",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, TEXTOID, INT4OID}
	};
	static CorePlan bring_together = {
		.sql = "WITH gone AS (DELETE FROM community.tier_seat_wait AS w"
		"  USING unnest($4, $5) AS u (seat, wait_id)"
		"  WHERE w.program_id = $1 AND w.ladder_id = $2 AND w.tier = $3"
		"  AND w.wait_id = u.wait_id AND u.seat IS NOT NULL"
		"  RETURNING u.seat, w.wait_id, w.member_id, w.key),"
		" taken AS (UPDATE community.tier_seat AS s"
		"  SET member_id = g.member_id, key = g.key FROM gone AS g"
		"  WHERE s.program_id = $1 AND s.ladder_id = $2 AND s.tier = $3"
		"  AND s.seat = g.seat),"
		" touched AS (INSERT INTO community.standing_touch (program_id,"
		"  member_id) SELECT $1, g.member_id FROM gone AS g)"
		" INSERT INTO community.tenure (program_id, member_id, ladder_id,"
		"  tier, rank, source, during, version_id, reason, key)"
		" SELECT $1, g.member_id, $2, $3, $6, 'seat', tstzrange($7, NULL),"
		"  $8, 'claimed', g.key FROM gone AS g ORDER BY g.wait_id",
		.nargs = 8,
		.argtypes = {INT8OID, INT8OID, TEXTOID, INT4ARRAYOID, INT8ARRAYOID,
		INT4OID, TIMESTAMPTZOID, INT8OID}
	};
	Datum		values[8];
	bool		isnull;

	set_tier(values, seats);
	values[3] = Int32GetDatum(seats->seats);
	core_run(&lock_seats, values, NULL, false);
	values[3] = core_field(0, 1, &isnull);
	if (isnull)
		return 0;
	if (!find_waiters(values))
		return 0;
	values[5] = Int32GetDatum(seats->rank);
	values[6] = TimestampTzGetDatum(seats->now);
	values[7] = Int64GetDatum(seats->version_id);
	core_run(&bring_together, values, NULL, false);
	return (int64) SPI_processed;
}

/*
 * Make rows of seats where none is free, and give seats to those who wait.
 * Gives how many.
 */
int64
tier_seats_arrange(TierSeats *seats)
{
	TierSeatsLook look;
	int64		given = 0;

	lock_list(seats);
	for (;;)
	{
		int64		more = 0;

		CHECK_FOR_INTERRUPTS();
		tier_seats_look(seats, &look);
		if (look.crowded)
			return given;
		if (look.free && look.waiting)
		{
			more = seat_first(seats);
			/* who is there for all others cannot be seen by this snapshot */
			if (more == 0 && IsolationUsesXactSnapshot())
				tier_seats_refuse_hidden();
			given += more;
		}
		else if (look.unopened && !look.free)
			open_seats(seats);
		else
			return given;
	}
}

/* End the tenure of a seat: the row is superseded by one with an end. */
static void
end_tenure(const TierSeats *seats, int64 member, Datum reason)
{
	static CorePlan plan = {
		.sql = "WITH ended AS (UPDATE community.tenure"
		"  SET superseded_at = greatest(clock_timestamp(), recorded_at)"
		"  WHERE program_id = $1 AND ladder_id = $2 AND tier = $3"
		"  AND member_id = $4 AND source = 'seat' AND superseded_at IS NULL"
		"  AND upper_inf(during) RETURNING *)"
		" SELECT tier, rank, lower(during), greatest($5,"
		"  lower(during) + interval '1 microsecond'), version_id, key"
		" FROM ended",
		.nargs = 5,
		.argtypes = {INT8OID, INT8OID, TEXTOID, INT8OID, TIMESTAMPTZOID}
	};
	static CorePlan insert = {
		.sql = "INSERT INTO community.tenure (program_id, member_id,"
		" ladder_id, tier, rank, source, during, version_id, reason, key)"
		" VALUES ($1, $4, $2, $3, $5, 'seat', tstzrange($6, $7), $8, $9,"
		" $10)",
		.nargs = 10,
		.argtypes = {INT8OID, INT8OID, TEXTOID, INT8OID, INT4OID,
			TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, TEXTOID,
		TEXTOID}
	};
	Datum		values[10];
	bool		isnull;

	set_tier(values, seats);
	values[3] = Int64GetDatum(member);
	values[4] = TimestampTzGetDatum(seats->now);
	core_run(&plan, values, NULL, false);
	if (SPI_processed != 1)
		elog(ERROR, "seat of member %lld has %llu tenures",
			 (long long) member, (unsigned long long) SPI_processed);
	values[4] = core_field(0, 2, &isnull);
	values[5] = core_field(0, 3, &isnull);
	values[6] = core_field(0, 4, &isnull);
	values[7] = core_field(0, 5, &isnull);
	values[8] = reason;
	values[9] = core_field(0, 6, &isnull);
	core_run(&insert, values, NULL, false);
}

static bool
has_seat(const TierSeats *seats, int64 member)
{
	static CorePlan plan = {
		.sql = "SELECT FROM community.tier_seat WHERE " THE_TIER
		" AND member_id = $4",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, TEXTOID, INT8OID}
	};
	Datum		values[4];

	set_tier(values, seats);
	values[3] = Int64GetDatum(member);
	core_run_latest(&plan, values);
	return SPI_processed > 0;
}

/* Free the seat of a member, if it has one, and give it to the next. */
static bool
leave_seat(TierSeats *seats, int64 member, Datum reason)
{
	static CorePlan plan = {
		.sql = "UPDATE community.tier_seat SET member_id = NULL, key = NULL"
		" WHERE " THE_TIER " AND member_id = $4",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, TEXTOID, INT8OID}
	};
	Datum		values[4];

	if (!has_seat(seats, member))
		return false;
	lock_list(seats);
	set_tier(values, seats);
	values[3] = Int64GetDatum(member);
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		tier_seats_refuse_hidden();
	end_tenure(seats, member, reason);
	(void) tier_seats_arrange(seats);
	return true;
}

/* Take a member off the list. */
static bool
leave_list(const TierSeats *seats, int64 member)
{
	static CorePlan plan = {
		.sql = "DELETE FROM community.tier_seat_wait WHERE " THE_TIER
		" AND member_id = $4",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, TEXTOID, INT8OID}
	};
	Datum		values[4];

	set_tier(values, seats);
	values[3] = Int64GetDatum(member);
	core_run(&plan, values, NULL, false);
	return SPI_processed > 0;
}

/*
 * End what a member has of the tier; false when it has nothing.  The caller
 * has locked it.  Who was given a seat while we waited for its row in the
 * list has that seat now.
 */
bool
tier_seats_leave(TierSeats *seats, int64 member, Datum reason)
{
	return leave_seat(seats, member, reason) || leave_list(seats, member) ||
		leave_seat(seats, member, reason);
}

/* Take the tiers of the last result, ladder and name, into "seats". */
static int
tiers_found(int64 program, TierSeats **seats)
{
	int			count = (int) SPI_processed;
	bool		isnull;
	int			i;

	*seats = palloc0_array(TierSeats, count + 1);
	for (i = 0; i < count; i++)
	{
		(*seats)[i].program = program;
		(*seats)[i].ladder_id = core_int64(i, 1);
		(*seats)[i].tier = core_field(i, 2, &isnull);
	}
	return count;
}

/* See seats.h. */
void
tier_close_seats(int64 program, int64 member, const char *reason)
{
	static CorePlan plan = {
		.sql = "SELECT ladder_id, tier FROM community.tier_seat"
		" WHERE program_id = $1 AND member_id = $2 UNION"
		" SELECT ladder_id, tier FROM community.tier_seat_wait"
		" WHERE program_id = $1 AND member_id = $2 ORDER BY 1, 2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[2];
	TierSeats  *seats;
	int			count;
	int			i;

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	core_run_latest(&plan, values);
	count = tiers_found(program, &seats);
	for (i = 0; i < count; i++)
	{
		tier_seats_find(&seats[i], false);
		(void) tier_seats_leave(&seats[i], member,
								CStringGetTextDatum(reason));
	}
}

/* See seats.h. */
int64
tier_hand_out_seats(int64 program)
{
	static CorePlan plan = {
		.sql = "SELECT v.ladder_id, t.value ->> 'name'"
		" FROM community.ladder_version AS v,"
		" jsonb_array_elements(v.definition -> 'tiers') AS t (value)"
		" WHERE v.program_id = $1 AND v.valid @> clock_timestamp()"
		" AND t.value ->> 'seats' IS NOT NULL ORDER BY 1, 2",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	Datum		values[1];
	TierSeats  *seats;
	int64		given = 0;
	int			count;
	int			i;

	values[0] = Int64GetDatum(program);
	core_run_latest(&plan, values);
	count = tiers_found(program, &seats);
	for (i = 0; i < count; i++)
	{
		TierSeatsLook look;

		tier_seats_find(&seats[i], false);
		tier_seats_look(&seats[i], &look);
		if (!look.crowded && ((look.free && look.waiting) ||
							  (look.unopened && !look.free)))
			given += tier_seats_arrange(&seats[i]);
	}
	return given;
}

/* hand_out_seats(program) -> bigint */
Datum
community_hand_out_seats(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"program"};
	CoreScope	scope;
	int64		given;

	core_refuse_nulls(fcinfo, "hand_out_seats", names, 0);
	core_enter(&scope);
	(void) core_program_name(PG_GETARG_INT64(0));
	given = tier_hand_out_seats(PG_GETARG_INT64(0));
	core_leave(&scope);
	PG_RETURN_INT64(given);
}
