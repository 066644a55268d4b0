/*-------------------------------------------------------------------------
 *
 * past.c
 *	  What a binding that begins in the past does to the forest as of then.
 *
 * A member that is put under a sponsor since some time ago stands there in
 * every reading as of a time since.  The sponsor, or one above it, may have
 * stood below the member meanwhile and have been moved away: then the forest
 * of today has no cycle, but that of those days would get one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "referral/place.h"

/* Has anybody of the program moved since?  Else the past was as today. */
static bool
has_moves_since(int64 program, TimestampTz since)
{
	static CorePlan plan = {
		.sql = "SELECT 1 FROM community.referral_move"
		" WHERE program_id = $1 AND moved_at > $2 LIMIT 1",
		.nargs = 2,
		.argtypes = {INT8OID, TIMESTAMPTZOID},
		.by_index = true
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = TimestampTzGetDatum(since);
	core_run_latest(&plan, values);
	return SPI_processed > 0;
}

static void
refuse_past(int64 program, int64 member, int64 sponsor, TimestampTz since)
{
	bool		isnull;
	TimestampTz met = DatumGetTimestampTz(core_field(0, 1, &isnull));
	char	   *since_text = pstrdup(timestamptz_to_str(since));

	ereport(ERROR,
			(errcode(COMMUNITY_ERRCODE_REFERRAL_CYCLE),
			 errmsg("member %lld of program \"%s\" cannot have stood under member %lld since %s",
					(long long) member, referral_program_name(program),
					(long long) sponsor, since_text),
			 errdetail("Member %lld stood below member %lld at %s.",
					   (long long) sponsor, (long long) member,
					   timestamptz_to_str(met)),
			 errhint("Name a later time.")));
}

/*
 * Refuse a sponsor that has stood below the member since the time.  Inside
 * core_enter(), under the movers' lock, before anything is written.
 *
 * The way up from the sponsor is walked once for each part of the time in
 * which it was the same.
 */
void
referral_check_past(int64 program, int64 member, int64 sponsor,
					TimestampTz since)
{
	static CorePlan plan = {
		.sql = "WITH RECURSIVE way (member_id, during) AS ("
		" SELECT $3, tstzrange($4, NULL)"
		" UNION SELECT s.sponsor_id, w.during * s.during"
		" FROM way AS w, LATERAL ("
		"  SELECT r.sponsor_id, tstzrange(greatest(r.joined_at, m.moved_at),"
		"   NULL) AS during"
		"  FROM community.referral AS r LEFT JOIN LATERAL ("
		"   SELECT max(l.moved_at) AS moved_at"
		"   FROM community.referral_move AS l"
		"   WHERE l.program_id = $1 AND l.member_id = r.member_id) AS m ON true"
		"  WHERE r.program_id = $1 AND r.member_id = w.member_id"
		"  UNION ALL SELECT v.from_id, tstzrange(greatest(r.joined_at, ("
		"   SELECT max(b.moved_at) FROM community.referral_move AS b"
		"   WHERE b.program_id = $1 AND b.member_id = v.member_id"
		"    AND b.moved_at < v.moved_at)), v.moved_at)"
		"  FROM community.referral_move AS v JOIN community.referral AS r"
		"   ON r.program_id = v.program_id AND r.member_id = v.member_id"
		"  WHERE v.program_id = $1 AND v.member_id = w.member_id"
		"   AND v.moved_at > $4 AND v.moved_at > r.joined_at) AS s"
		" WHERE w.member_id <> $2 AND s.sponsor_id IS NOT NULL"
		"  AND w.during && s.during)"
		" SELECT lower(w.during) FROM way AS w"
		" WHERE w.member_id = $2 ORDER BY lower(w.during) LIMIT 1",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID},
		.by_index = true
	};
	Datum		values[4];

	if (!has_moves_since(program, since))
		return;
	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	values[2] = Int64GetDatum(sponsor);
	values[3] = TimestampTzGetDatum(since);
	core_run_latest(&plan, values);
	if (SPI_processed > 0)
		refuse_past(program, member, sponsor, since);
}
