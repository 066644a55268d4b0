/*-------------------------------------------------------------------------
 *
 * envelope_claim.c
 *	  Red envelopes from the other side: claim_envelope(), close_envelope(),
 *	  close_expired_envelopes().
 *
 * Whoever claims locks a share that nobody else has locked, so a crowd waits
 * only when all shares that are left are being claimed at this moment: one of
 * them may yet come back.  A claim inserts a row that makes it the only one of
 * its member, and deletes the share.  So the points of an envelope are those
 * of its claims, of its shares, and what was returned, at every moment.
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
#include "points/envelope.h"

PG_FUNCTION_INFO_V1(community_claim_envelope);
PG_FUNCTION_INFO_V1(community_close_envelope);
PG_FUNCTION_INFO_V1(community_close_expired_envelopes);

typedef struct Share
{
	int32		number;
	int64		points;
	int64		behind;			/* points in shares before it */
} Share;

/*
 * The member's claim, if there is one: a retry gives its posting, another key
 * is a second claim.
 */
static bool
find_claim(int64 program, const PointsEnvelope *envelope, int64 member,
		   Datum key, PointsPosting *posting)
{
	static CorePlan plan = {
		.sql = "SELECT key, key = $4 FROM community.envelope_claim"
		" WHERE program_id = $1 AND envelope_id = $2 AND member_id = $3",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, INT8OID, TEXTOID}
	};
	Datum		values[4];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(envelope->id);
	values[2] = Int64GetDatum(member);
	values[3] = key;
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		return false;
	if (!core_bool(0, 2))
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_ENVELOPE_CLAIMED),
				 errmsg("member %lld has claimed a share of envelope %lld before, with key \"%s\"",
						(long long) member, (long long) envelope->id,
						core_text(0, 1)),
				 errdetail("A member can claim one share.")));
	if (!points_find_posting(program, key, 0, posting))
		elog(ERROR, "claim \"%s\" has no entry", TextDatumGetCString(key));
	return true;
}

/* Lock the first share from there to there; false when there is none. */
static bool
lock_share(int64 program, const PointsEnvelope *envelope, int32 from,
		   int32 to, bool wait, Share *share)
{
#define SHARE_BETWEEN \
	"SELECT share, points, behind FROM community.envelope_share" \
	" WHERE program_id = $1 AND envelope_id = $2" \
	" AND share >= $3 AND share <= $4 ORDER BY share LIMIT 1 FOR UPDATE"
	static CorePlan waiting = {
		.sql = SHARE_BETWEEN,
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, INT4OID, INT4OID}
	};
	static CorePlan skipping = {
		.sql = SHARE_BETWEEN " SKIP LOCKED",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, INT4OID, INT4OID}
	};
	Datum		values[4];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(envelope->id);
	values[2] = Int32GetDatum(from);
	values[3] = Int32GetDatum(to);
	core_run(wait ? &waiting : &skipping, values, NULL, false);
	if (SPI_processed == 0)
		return false;
	share->number = (int32) core_int64(0, 1);
	share->points = core_int64(0, 2);
	share->behind = core_int64(0, 3);
	return true;
}

/*
 * Lock a share: from one that depends on the member, so that a crowd spreads,
 * and then around; only when none is free, wait for one that is locked.
 */
static bool
pick_share(int64 program, const PointsEnvelope *envelope, int64 member,
		   Share *share)
{
	uint64		mixed = points_mix((uint64) member ^
								   points_mix((uint64) envelope->id));
	int32		first = 1 + (int32) (mixed % (uint64) envelope->shares);

	return lock_share(program, envelope, first, envelope->shares, false,
					  share) ||
		lock_share(program, envelope, 1, first - 1, false, share) ||
		lock_share(program, envelope, 1, envelope->shares, true, share);
}

/* Note who has the share; false when the member has another one. */
static bool
move_share(int64 program, const PointsEnvelope *envelope, int64 member,
		   Datum key, const Share *share)
{
	static CorePlan claim = {
		.sql = "INSERT INTO community.envelope_claim (program_id, envelope_id,"
		" member_id, share, points, key) VALUES ($1, $2, $4, $3, $5, $6)"
		" ON CONFLICT (program_id, envelope_id, member_id) DO NOTHING",
		.nargs = 6,
		.argtypes = {INT8OID, INT8OID, INT4OID, INT8OID, INT8OID, TEXTOID}
	};
	static CorePlan remove = {
		.sql = "DELETE FROM community.envelope_share WHERE program_id = $1"
		" AND envelope_id = $2 AND share = $3",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, INT4OID}
	};
	Datum		values[6];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(envelope->id);
	values[2] = Int32GetDatum(share->number);
	values[3] = Int64GetDatum(member);
	values[4] = Int64GetDatum(share->points);
	values[5] = key;
	core_run(&claim, values, NULL, false);
	if (SPI_processed == 0)
		return false;
	core_run(&remove, values, NULL, false);
	if (SPI_processed != 1)
		elog(ERROR, "share %d of envelope %lld is gone", share->number,
			 (long long) envelope->id);
	return true;
}

static void
refuse_ended(const PointsEnvelope *envelope)
{
	ereport(ERROR,
			(errcode(COMMUNITY_ERRCODE_ENVELOPE_ENDED),
			 envelope->closed && envelope->expires_at > GetCurrentTimestamp() ?
			 errmsg("envelope %lld has been closed",
					(long long) envelope->id) :
			 errmsg("envelope %lld ended at %s", (long long) envelope->id,
					timestamptz_to_str(envelope->expires_at))));
}

/* There is no share: was the envelope closed meanwhile, or are all claimed? */
static void
refuse_empty(int64 program, PointsEnvelope *envelope)
{
	points_read_envelope(program, envelope->id, false, envelope);
	if (envelope->closed && envelope->returned > 0)
		refuse_ended(envelope);
	ereport(ERROR,
			(errcode(COMMUNITY_ERRCODE_ENVELOPE_EMPTY),
			 errmsg("envelope %lld is empty", (long long) envelope->id),
			 errdetail_plural("Its %d share has been claimed.",
							  "All %d shares have been claimed.",
							  envelope->shares, envelope->shares)));
}

/* The lots of a share; what the program gives is made as by accrue(). */
static Purse *
share_delta(const PointsEnvelope *envelope, const Share *share)
{
	PointsRequest request = {.points = share->points};
	PurseLot	lot;

	if (envelope->paid_by_member)
		return purse_part(envelope->taken, share->behind, share->points);
	lot = points_lot(envelope->currency, &request, GetCurrentTimestamp());
	return purse_make(lot.points, lot.available_at, lot.expires_at,
					  lot.priority);
}

static void
credit_share(PointsAccount *account, PointsEntry *entry,
			 const PointsRequest *request, PointsPosting *posting)
{
	entry->request = points_request_hash(request);
	if (account != NULL)
		points_credit_locked(account, entry, posting);
	else if (points_credit(entry))
		points_posting_of(entry, posting);
	else if (!points_find_replay(entry->program, entry->key, request, posting))
		points_refuse_lost_key(entry->key);
}

/* Do what claim_envelope() promises.  Inside core_enter(). */
static void
claim(int64 program, int64 id, const PointsRequest *given, Datum key,
	  PointsPosting *posting)
{
	PointsRequest request = *given;
	PointsEnvelope envelope;
	PointsStanding standing;
	PointsAccount *account = NULL;
	PointsEntry entry = {0};
	Share		share;

	points_read_envelope(program, id, false, &envelope);
	if (find_claim(program, &envelope, request.member, key, posting))
		return;
	if (envelope.closed || envelope.expires_at <= GetCurrentTimestamp())
		refuse_ended(&envelope);
	request.currency_id = envelope.currency->id;
	if (points_credit_locks(envelope.currency, request.member, &standing))
		account = points_lock_account(envelope.currency, request.member);
	if (standing != POINTS_MEMBER_ACTIVE)
		core_refuse_member(program, request.member,
						   standing == POINTS_MEMBER_CLOSED);
	if (account != NULL)
		points_refuse_closed(account);

	if (!pick_share(program, &envelope, request.member, &share))
	{
		if (find_claim(program, &envelope, request.member, key, posting))
			return;
		refuse_empty(program, &envelope);
	}
	if (!move_share(program, &envelope, request.member, key, &share))
	{
		/* the same member on another connection was quicker */
		if (!find_claim(program, &envelope, request.member, key, posting))
			points_refuse_lost_key(key);
		return;
	}
	entry.program = program;
	entry.member = request.member;
	entry.currency = envelope.currency;
	entry.kind = request.kind;
	entry.key = key;
	entry.delta = share_delta(&envelope, &share);
	credit_share(account, &entry, &request, posting);
}

/* claim_envelope(envelope, member, key, program) -> posting */
Datum
community_claim_envelope(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"envelope", "member", "key",
	"program"};
	PointsRequest request;
	PointsPosting posting;
	CoreScope	scope;
	Datum		key;
	int64		program;

	core_refuse_nulls(fcinfo, "claim_envelope", names, 0x04);
	memset(&request, 0, sizeof(request));
	snprintf(request.kind, sizeof(request.kind), "envelope_in");
	request.other = PG_GETARG_INT64(0);
	request.member = PG_GETARG_INT64(1);
	if (PG_ARGISNULL(2))
		key = CStringGetTextDatum(psprintf("envelope %lld member %lld",
										   (long long) request.other,
										   (long long) request.member));
	else
		key = points_key_argument(fcinfo, 2);
	program = PG_GETARG_INT64(3);

	core_enter(&scope);
	claim(program, request.other, &request, key, &posting);
	return points_leave(fcinfo, &scope, program, &posting);
}

/*
 * Delete the shares that are left and add them up, with their lots when a
 * member has paid.  Waits for claims at work.
 */
static int64
remove_shares(int64 program, const PointsEnvelope *envelope, Purse **lots)
{
	static CorePlan plan = {
		.sql = "DELETE FROM community.envelope_share WHERE program_id = $1"
		" AND envelope_id = $2 RETURNING points, behind",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[2];
	int64		points = 0;
	PurseSum	sum;
	uint64		i;

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(envelope->id);
	core_run(&plan, values, NULL, false);
	purse_sum_begin(&sum, CurrentMemoryContext);
	for (i = 0; i < SPI_processed; i++)
	{
		int64		part = core_int64(i, 1);

		CHECK_FOR_INTERRUPTS();
		points += part;
		if (envelope->taken != NULL)
			purse_sum_add(&sum, purse_part(envelope->taken, core_int64(i, 2),
										   part));
	}
	*lots = purse_sum_finish(&sum);
	return points;
}

static void
note_closed(int64 program, int64 id, int64 returned)
{
	static CorePlan plan = {
		.sql = "UPDATE community.envelope SET closed_at = clock_timestamp(),"
		" returned = $3 WHERE program_id = $1 AND envelope_id = $2",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, INT8OID}
	};
	Datum		values[3];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(id);
	values[2] = Int64GetDatum(returned);
	core_run(&plan, values, NULL, false);
}

/* What nobody has claimed goes back into the lots that it came from. */
static void
give_back(PointsAccount *account, const PointsEnvelope *envelope,
		  int64 points, Purse *lots)
{
	const PointsCurrency *currency = account->currency;
	PointsRequest request;
	PointsPosting issued;
	PointsEntry entry = {0};

	if (!points_find_posting(currency->program, envelope->key, 0, &issued))
		elog(ERROR, "envelope %lld has no entry", (long long) envelope->id);
	memset(&request, 0, sizeof(request));
	snprintf(request.kind, sizeof(request.kind), "reclaim");
	request.member = envelope->member;
	request.currency_id = currency->id;
	request.points = points;
	entry.kind = request.kind;
	entry.key = envelope->key;
	entry.line = 1;
	/* where activity moves the expiry of all, lots are as new */
	entry.delta = currency->inactive_after == NULL ? lots :
		purse_make(points, DT_NOBEGIN, points_expiry(currency, account->now),
				   0);
	entry.request = points_request_hash(&request);
	entry.reverses = issued.entry_id;
	points_credit_locked(account, &entry, NULL);
}

/* Close an envelope; false when it has been closed before. */
static bool
close_one(int64 program, int64 id, int64 *returned)
{
	PointsEnvelope envelope;
	PointsAccount *account = NULL;
	Purse	   *lots;

	points_read_envelope(program, id, false, &envelope);
	*returned = envelope.returned;
	if (envelope.closed)
		return false;
	if (envelope.paid_by_member)
	{
		account = points_lock_account(envelope.currency,
									  core_member_bearer(program,
														 envelope.member));
		points_refuse_merged(account);
	}
	points_read_envelope(program, id, true, &envelope);
	*returned = envelope.returned;
	if (envelope.closed)
		return false;
	*returned = remove_shares(program, &envelope, &lots);
	if (account != NULL && *returned > 0)
		give_back(account, &envelope, *returned, lots);
	note_closed(program, id, *returned);
	return true;
}

/* close_envelope(envelope, program) -> bigint: points returned */
Datum
community_close_envelope(PG_FUNCTION_ARGS)
{
	CoreScope	scope;
	int64		returned;

	core_enter(&scope);
	(void) close_one(PG_GETARG_INT64(1), PG_GETARG_INT64(0), &returned);
	core_leave(&scope);
	PG_RETURN_INT64(returned);
}

/*
 * Close a batch of envelopes that have ended; gives how many.  Accounts are
 * locked in ascending order of members.  Inside core_enter().
 */
int
points_close_expired_envelopes(int64 program, TimestampTz as_of, int batch)
{
	static CorePlan plan = {
		.sql = "SELECT e.envelope_id FROM"
		" (SELECT envelope_id, member_id, currency_id FROM community.envelope"
		"  WHERE program_id = $1 AND closed_at IS NULL AND expires_at <= $2"
		"  ORDER BY expires_at LIMIT $3) AS e"
		" LEFT JOIN community.member_merge AS b"
		"  ON b.program_id = $1 AND b.member_id = e.member_id"
		" ORDER BY coalesce(b.bearer_id, e.member_id), e.currency_id, e.envelope_id",
		.nargs = 3,
		.argtypes = {INT8OID, TIMESTAMPTZOID, INT4OID}
	};
	Datum		values[3];
	int64	   *ids;
	int			count;
	int			closed = 0;
	int			i;

	values[0] = Int64GetDatum(program);
	values[1] = TimestampTzGetDatum(Min(as_of, GetCurrentTimestamp()));
	values[2] = Int32GetDatum(batch);
	core_run(&plan, values, NULL, false);
	count = (int) SPI_processed;
	ids = palloc_array(int64, count + 1);
	for (i = 0; i < count; i++)
		ids[i] = core_int64(i, 1);
	for (i = 0; i < count; i++)
	{
		int64		returned;

		CHECK_FOR_INTERRUPTS();
		closed += close_one(program, ids[i], &returned);
	}
	return closed;
}

/* close_expired_envelopes(as_of, batch, program) -> integer */
Datum
community_close_expired_envelopes(PG_FUNCTION_ARGS)
{
	int32		batch = PG_GETARG_INT32(1);
	CoreScope	scope;
	int			closed;

	if (batch < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("batch must be at least 1, not %d", batch)));
	core_enter(&scope);
	closed = points_close_expired_envelopes(PG_GETARG_INT64(2),
											PG_GETARG_TIMESTAMPTZ(0), batch);
	core_leave(&scope);
	PG_RETURN_INT32(closed);
}
