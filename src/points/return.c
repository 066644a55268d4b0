/*-------------------------------------------------------------------------
 *
 * return.c
 *	  Taking back what a call of the ledger did: reverse(key, source =>
 *	  'ledger').
 *
 * Points that were given are taken from the very lots they came in; where
 * these have been spent, the return policy of the currency says what happens.
 * Points that were taken go back to the very lots they came from, the last
 * taken first, with the expiry they had.
 *
 * All that is done under a key stands there as further lines.  A reversal
 * notes what it really took, and in "cut" what it was to take beyond that.
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
#include "points/ledger.h"

/* The entry to be reversed, and how far that has gone. */
typedef struct Original
{
	PointsPosting posting;
	int32		line;
	int64		left;			/* positive */
	int32		last_line;
	int32		last_reversal;	/* line, 0 for none */
	bool		released;		/* what was pending is not any more */
	TimestampTz available_at;	/* from when on, by its release */
	int64		receiver;		/* of a transfer */
	int64		receiver_entry;
} Original;

/*
 * Points that have lapsed, under the keys they had: a fold knows only how
 * many there are, and those of one credit are not for another to take back.
 */
static Purse *
lapsed_lots(const PointsAccount *account, Purse **lapsed)
{
	if (*lapsed == NULL)
		*lapsed = purse_subtract(points_own_lots(account), account->held);
	return *lapsed;
}

/*
 * The points of the credit that are still where it put them, as a delta.
 * Lots are compared as they are by now.  A pending lot may have moved to a
 * later expiry since.
 */
static Purse *
take_own(const PointsAccount *account, const Purse *free,
		 const Purse *credit, bool only_pending)
{
	Purse	   *lapsed = NULL;
	Purse	   *result = purse_zero();
	int			i;

	for (i = 0; i < purse_count(credit); i++)
	{
		PurseLot	lot = purse_lots(credit)[i];
		bool		pending = lot.available_at > account->now;
		bool		expired = lot.expires_at <= account->now;
		const Purse *from = free;
		Purse	   *delta;
		int64		taken;

		if (lot.points <= 0 || (only_pending && !pending))
			continue;
		if (!pending)
			lot.available_at = DT_NOBEGIN;
		if (expired)
			from = lapsed_lots(account, &lapsed);
		delta = pending && !expired ?
			points_take_pending(account, from, &lot, lot.points, &taken) :
			purse_take_lot(from, &lot, lot.points, &taken);
		free = purse_add(free, delta);
		lapsed = lapsed == NULL ? NULL : purse_add(lapsed, delta);
		result = purse_add(result, delta);
	}
	return result;
}

/*
 * Where activity moves the expiry of all points, those of a credit cannot be
 * told from others once they are available.  What waits can still be told by
 * the time it waits for.
 */
static Purse *
take_moved(const PointsAccount *account, const Purse *free,
		   const Purse *credit)
{
	Purse	   *result = purse_zero();
	int			i;

	for (i = 0; i < purse_count(credit); i++)
	{
		const PurseLot *lot = &purse_lots(credit)[i];
		Purse	   *delta;
		int64		taken;

		if (lot->available_at <= account->now)
			continue;
		delta = points_take_pending(account, free, lot, lot->points, &taken);
		free = purse_add(free, delta);
		result = purse_add(result, delta);
	}
	return result;
}

/*
 * The delta that takes back a credit, all positive lots, as far as the policy
 * of its currency goes.
 */
Purse *
points_take_back(const PointsAccount *account, const Purse *credit,
				 int64 *taken)
{
	static const PurseLot expired = {.available_at = DT_NOBEGIN,
	.expires_at = DT_NOBEGIN};
	PointsReturnPolicy policy = account->currency->return_policy;
	Purse	   *free = points_free(account);
	int64		points = purse_total(credit);
	int64		more = 0;
	Purse	   *delta = purse_zero();

	if (account->currency->inactive_after == NULL)
		delta = take_own(account, free, credit,
						 policy == POINTS_RETURN_ONLY_PENDING);
	else
		delta = take_moved(account, free, credit);
	*taken = -purse_total(delta);
	if (policy == POINTS_RETURN_ONLY_PENDING || *taken == points)
		return delta;
	free = purse_add(free, delta);
	if (purse_available(free, account->now) > 0)
		delta = purse_add(delta, purse_take_up_to(free, points - *taken,
												  account->now, &more));
	*taken += more;
	/* nobody owes what has expired; where lots are known, it is found above */
	if (account->currency->inactive_after != NULL)
	{
		delta = purse_add(delta, purse_take_lot(free, &expired,
												points - *taken, &more));
		*taken += more;
	}
	if (policy == POINTS_RETURN_DEFICIT && *taken < points)
	{
		delta = purse_add(delta, points_debt(points - *taken));
		*taken = points;
	}
	return delta;
}

/*
 * The lots of a credit that wait, with the lowest expiry there is, where
 * activity moves them: the delta moves other lots, too, and of each of these
 * as many points come as go.
 */
static Purse *
waiting_lots(const PointsAccount *account, const Purse *delta)
{
	Purse	   *result = purse_zero();
	int			i;

	for (i = 0; i < purse_count(delta); i++)
	{
		const PurseLot *lot = &purse_lots(delta)[i];

		if (lot->available_at > account->now)
			result = purse_add(result, purse_make(lot->points,
												  lot->available_at,
												  DT_NOBEGIN, lot->priority));
	}
	return points_main_lots(result, 1);
}

/*
 * Of the points that a delta gave, those from number "from" on, to be taken
 * back.  Where activity moves the expiry of all points, what waits is first,
 * and of the rest the lots say nothing.
 */
Purse *
points_returnable(const PointsAccount *account, const Purse *delta,
				  int64 given, int64 from, int64 points)
{
	Purse	   *waiting;
	int64		total;
	int64		first;

	if (account->currency->inactive_after == NULL)
		return purse_part(points_main_lots(delta, given), from, points);
	waiting = waiting_lots(account, delta);
	total = Min(purse_total(waiting), given);
	first = Min(points, Max(total - from, 0));
	return purse_add(purse_part(waiting, Min(from, total), first),
					 purse_make(points - first, DT_NOBEGIN, DT_NOEND, 0));
}

/* From when on a release has made points available. */
static TimestampTz
released_to(int64 program, Datum key, int32 line)
{
	TimestampTz available_at = DT_NOBEGIN;
	PointsPosting posting;
	int			i;

	if (!points_find_posting(program, key, line, &posting))
		return available_at;
	for (i = 0; i < purse_count(posting.delta); i++)
	{
		const PurseLot *lot = &purse_lots(posting.delta)[i];

		if (lot->points > 0)
			available_at = Max(available_at, lot->available_at);
	}
	return available_at;
}

/* What stands under the key; false when nothing does. */
static bool
find_original(int64 program, Datum key, Original *original)
{
	static CorePlan plan = {
		.sql = "SELECT line, kind, member_id, entry_id, cut - points,"
		" reverses FROM community.entry"
		" WHERE program_id = $1 AND event_id = 0 AND key = $2 ORDER BY line",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTOID}
	};
	Datum		values[2];
	uint64		count;
	uint64		i;
	int64		reversed = 0;
	int32		release_line = 0;

	memset(original, 0, sizeof(Original));
	values[0] = Int64GetDatum(program);
	values[1] = key;
	core_run(&plan, values, NULL, false);
	count = SPI_processed;
	for (i = 0; i < count; i++)
	{
		char	   *kind = core_text(i, 2);

		original->last_line = (int32) core_int64(i, 1);
		if (strcmp(kind, "capture") == 0)
			original->line = original->last_line;
		else if (strcmp(kind, "release") == 0)
		{
			original->released = true;
			release_line = original->last_line;
		}
		else if (strcmp(kind, "transfer_in") == 0)
		{
			original->receiver = core_int64(i, 3);
			original->receiver_entry = core_int64(i, 4);
		}
		else if (strcmp(kind, "reverse") == 0)
		{
			bool		isnull;
			int64		of = DatumGetInt64(core_field(i, 6, &isnull));

			/* of a transfer both sides are reversed; count the giving one */
			if (of != original->receiver_entry)
			{
				reversed += core_int64(i, 5);
				original->last_reversal = original->last_line;
			}
		}
	}
	if (count == 0 ||
		!points_find_posting(program, key, original->line,
							 &original->posting))
		return false;
	original->available_at = original->released ?
		released_to(program, key, release_line) : DT_NOBEGIN;
	original->left = original->posting.points > 0 ?
		original->posting.points - reversed :
		-original->posting.points + reversed;
	return true;
}

/*
 * The lots of a delta that have its sign.  Others are what it did besides, to
 * pay a debt; burn order puts what it was asked for first.
 */
Purse *
points_main_lots(const Purse *delta, int64 points)
{
	Purse	   *result = purse_alloc(purse_count(delta));
	int			count = 0;
	int			i;

	for (i = 0; i < purse_count(delta); i++)
		if ((purse_lots(delta)[i].points > 0) == (points > 0))
			result->lots[count++] = purse_lots(delta)[i];
	purse_set_count(result, count);
	return result;
}

/* The part of what was given that comes next. */
static Purse *
next_part(const Original *original, int64 points)
{
	int64		given = original->posting.points;
	const Purse *delta = points_main_lots(original->posting.delta, given);

	if (given > 0)
		return purse_part(delta, given - original->left, points);
	return purse_part(purse_negate(delta), original->left - points, points);
}

/* Points that come back after having been spent. */
static Purse *
restored(const PointsAccount *account, const Original *original,
		 int64 points)
{
	const PointsCurrency *currency = account->currency;

	if (currency->inactive_after == NULL)
		return next_part(original, points);
	return purse_make(points, DT_NOBEGIN,
					  points_expiry(currency, account->now), 0);
}

static void
reverse_line(PointsAccount *account, Original *original, Datum key,
			 Datum reason, const Purse *delta, int64 cut, int64 reverses,
			 PointsPosting *posting)
{
	PointsEntry entry = {0};

	entry.kind = "reverse";
	entry.key = key;
	entry.line = ++original->last_line;
	entry.delta = purse_add(delta, points_keep_alive(account, delta));
	entry.cut = cut;
	entry.reverses = reverses;
	entry.reason = reason;
	points_post(account, &entry, posting);
}

/* Take a gift back: as much as the receiver gives goes to who gave it. */
static void
reverse_transfer(PointsAccount *from, PointsAccount *to, Original *original,
				 int64 points, Datum key, Datum reason,
				 PointsPosting *posting)
{
	Purse	   *part = next_part(original, points);
	int64		taken;
	Purse	   *given = part;
	Purse	   *back;

	back = points_take_back(to, points_returnable(to, part, points, 0,
												  points), &taken);
	if (from->currency->inactive_after != NULL)
		given = restored(from, original, points);
	given = purse_part(given, points - taken, taken);
	reverse_line(from, original, key, reason,
				 purse_add(given, points_settle_debt(from, given)),
				 -(points - taken), original->posting.entry_id, posting);
	reverse_line(to, original, key, reason, back, points - taken,
				 original->receiver_entry, NULL);
}

/*
 * Lock all that the reversal touches, in ascending order of members.  Where a
 * member was merged, it is about the points of its bearer.
 */
static void
lock_accounts(const PointsCurrency *currency, const Original *original,
			  PointsAccount **account, PointsAccount **other)
{
	int64		member = core_member_bearer(currency->program,
											original->posting.member);
	int64		receiver = original->receiver_entry == 0 ? member :
	core_member_bearer(currency->program, original->receiver);

	*other = NULL;
	if (receiver < member)
		*other = points_lock_account(currency, receiver);
	*account = points_lock_account(currency, member);
	if (receiver > member)
		*other = points_lock_account(currency, receiver);
	else if (original->receiver_entry != 0 && *other == NULL)
		*other = *account;
	points_refuse_merged(*account);
	if (*other != NULL)
		points_refuse_merged(*other);
}

/*
 * The reversal that was made with that request key, if it was.  It must have
 * been asked for the same: so many points, or all that were left.
 */
static bool
find_request(int64 program, Datum key, bool has_points, int64 points,
			 int64 left, Datum request_key, PointsPosting *posting)
{
	static CorePlan plan = {
		.sql = "SELECT e.line, abs(e.cut - e.points), e.entry_id = ("
		"  SELECT l.entry_id FROM community.entry AS l"
		"  WHERE l.program_id = $1 AND l.event_id = 0 AND l.key = $3"
		"  AND l.kind = 'reverse' AND l.reverses = e.reverses"
		"  ORDER BY l.line DESC LIMIT 1)"
		" FROM community.reversal_key AS r"
		" LEFT JOIN community.entry AS e ON e.program_id = r.program_id"
		" AND e.event_id = 0 AND e.key = $3 AND e.entry_id = r.event_id"
		" WHERE r.program_id = $1 AND r.source = 'ledger' AND r.request_key = $2",
		.nargs = 3,
		.argtypes = {INT8OID, TEXTOID, TEXTOID}
	};
	Datum		values[3];
	bool		isnull;

	values[0] = Int64GetDatum(program);
	values[1] = request_key;
	values[2] = key;
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		return false;
	(void) core_field(0, 1, &isnull);
	if (isnull || (has_points ? core_int64(0, 2) != points :
				   left > 0 || !core_bool(0, 3)))
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_KEY_REUSED),
				 errmsg("reversal key \"%s\" was used with other input",
						TextDatumGetCString(request_key)),
				 isnull ? errdetail("It reversed something else.") :
				 errdetail("It reversed %lld points of \"%s\".",
						   (long long) core_int64(0, 2),
						   TextDatumGetCString(key))));
	return points_find_posting(program, key, (int32) core_int64(0, 1),
							   posting);
}

static void
claim_request(int64 program, Datum request_key, int64 entry_id)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.reversal_key (program_id, source,"
		" request_key, event_id) VALUES ($1, 'ledger', $2, $3)"
		" ON CONFLICT DO NOTHING",
		.nargs = 3,
		.argtypes = {INT8OID, TEXTOID, INT8OID}
	};
	Datum		values[3];

	if (request_key == (Datum) 0)
		return;
	values[0] = Int64GetDatum(program);
	values[1] = request_key;
	values[2] = Int64GetDatum(entry_id);
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		points_refuse_lost_key(request_key);
}

/* How many points are to be reversed, or an error that names the limit. */
static int64
points_to_reverse(const Original *original, Datum key, bool has_points,
				  int64 points)
{
	if (!has_points)
		points = original->left;
	if (points <= 0 || points > original->left)
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_OVER_REVERSAL),
				 errmsg("cannot reverse %lld points of %s \"%s\": %lld are left",
						(long long) points, original->posting.kind,
						TextDatumGetCString(key),
						(long long) original->left)));
	return points;
}

/*
 * Shares that are claimed stay so; the rest has a way back of its own.  And
 * what was paid for something goes back with that.
 */
static void
refuse_unfit(const PointsPosting *posting, Datum key)
{
	if (strcmp(posting->kind, "commission") == 0 ||
		strcmp(posting->kind, "signup") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("%s \"%s\" cannot be reversed by itself",
						posting->kind, TextDatumGetCString(key)),
				 errhint("Reverse the event that it was paid for, or take the points with adjust(), for a reason that is kept.")));
	if (strcmp(posting->kind, "envelope_out") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("envelope \"%s\" cannot be reversed",
						TextDatumGetCString(key)),
				 errhint("close_envelope() gives back what nobody has claimed.")));
	if (strcmp(posting->kind, "envelope_in") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("claim \"%s\" of a share of an envelope cannot be reversed",
						TextDatumGetCString(key)),
				 errhint("Take the points with adjust(), for a reason that is kept.")));
}

/*
 * Reverse the call with that key, whole or in part.  A partial reversal has a
 * key of its own, by which it is known again.  Inside core_enter().
 */
void
points_reverse_call(int64 program, Datum key, bool has_points, int64 points,
					Datum request_key, Datum reason, PointsPosting *posting)
{
	Original	original;
	const PointsCurrency *currency;
	PointsAccount *account;
	PointsAccount *other;

	if (!find_original(program, key, &original))
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_UNKNOWN_EVENT),
				 errmsg("no entry of program \"%s\" has idempotency key \"%s\"",
						core_program_name(program),
						TextDatumGetCString(key))));
	refuse_unfit(&original.posting, key);
	if (strncmp(original.posting.kind, "merge_", 6) == 0)
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_OVER_REVERSAL),
				 errmsg("merge \"%s\" cannot be reversed",
						TextDatumGetCString(key))));
	if (original.posting.points == 0)
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_OVER_REVERSAL),
				 errmsg("%s \"%s\" has moved no points",
						original.posting.kind, TextDatumGetCString(key)),
				 strcmp(original.posting.kind, "hold") == 0 ?
				 errhint("A hold is ended by release().") : 0));
	if (has_points && request_key == (Datum) 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("reversing a part of \"%s\" needs a request_key",
						TextDatumGetCString(key)),
				 errdetail("Without one a retry would take a second part.")));
	currency = points_currency_by_id(program, original.posting.currency_id);
	lock_accounts(currency, &original, &account, &other);
	/* as it is now that nobody else can change it */
	(void) find_original(program, key, &original);
	if (request_key != (Datum) 0 &&
		find_request(program, key, has_points, points, original.left,
					 request_key, posting))
		return;
	if (!has_points && request_key == (Datum) 0 && original.left == 0 &&
		original.last_reversal > 0)
	{
		(void) points_find_posting(program, key, original.last_reversal,
								   posting);
		return;
	}
	points = points_to_reverse(&original, key, has_points, points);
	if (other != NULL)
		reverse_transfer(account, other, &original, points, key, reason,
						 posting);
	else if (original.posting.points > 0)
	{
		int64		taken;
		int64		before = original.posting.points - original.left;
		Purse	   *delta = points_returnable(account, original.posting.delta,
											  original.posting.points,
											  before, points);

		if (original.released)
			delta = points_as_released(delta, original.available_at);
		delta = points_take_back(account, delta, &taken);
		reverse_line(account, &original, key, reason, delta, points - taken,
					 original.posting.entry_id, posting);
	}
	else
	{
		Purse	   *delta = restored(account, &original, points);

		delta = purse_add(delta, points_settle_debt(account, delta));
		reverse_line(account, &original, key, reason, delta, 0,
					 original.posting.entry_id, posting);
	}
	claim_request(program, request_key, posting->entry_id);
}

/*
 * Take back what the program has given under a key: what is left of its lots,
 * or all of it, as far as the policy of the currency goes.  Gives the points
 * that were taken.  Inside core_enter().
 */
int64
points_take_gift(int64 program, Datum key, bool unspent, Datum reason)
{
	Original	original;
	PointsPosting posting;
	PointsAccount *account;
	PointsAccount *other;
	Purse	   *lots;
	Purse	   *delta;
	int64		taken;

	if (!find_original(program, key, &original))
		elog(ERROR, "no entry with key \"%s\"", TextDatumGetCString(key));
	lock_accounts(points_currency_by_id(program, original.posting.currency_id),
				  &original, &account, &other);
	/* as it is now that nobody else can change it */
	(void) find_original(program, key, &original);
	if (original.left == 0)
		return 0;
	if (unspent)
		lots = next_part(&original, original.left);
	else
		lots = points_returnable(account, original.posting.delta,
								 original.posting.points,
								 original.posting.points - original.left,
								 original.left);
	if (original.released)
		lots = points_as_released(lots, original.available_at);
	if (unspent)
	{
		delta = take_own(account, points_free(account), lots, false);
		taken = -purse_total(delta);
		if (taken == 0)
			return 0;
	}
	else
		delta = points_take_back(account, lots, &taken);
	reverse_line(account, &original, key, reason, delta,
				 unspent ? 0 : original.left - taken,
				 original.posting.entry_id, &posting);
	return taken;
}

/*
 * The delta that takes back what waits without end.  It is in lots of its own
 * even where activity moves the expiry of all points, and whatever is gone
 * has paid a debt, which is back then.
 */
static Purse *
take_waiting(const PointsAccount *account, const Purse *lots, int64 points)
{
	Purse	   *delta = take_own(account, points_free(account), lots, true);

	return purse_add(delta, points_debt(points + purse_total(delta)));
}

/*
 * Take back so much of what was paid under a key, as far as that was not done
 * before and as the policy of the currency goes.  Gives how much was to be
 * taken.  Inside core_enter().
 */
int64
points_take_payment(int64 program, Datum key, int64 points, Datum reason)
{
	Original	original;
	PointsPosting posting;
	PointsAccount *account;
	PointsAccount *other;
	Purse	   *lots;
	Purse	   *delta;
	int64		from;
	int64		taken = 0;

	if (!find_original(program, key, &original))
		elog(ERROR, "no entry with key \"%s\"", TextDatumGetCString(key));
	lock_accounts(points_currency_by_id(program, original.posting.currency_id),
				  &original, &account, &other);
	/* as it is now that nobody else can change it */
	(void) find_original(program, key, &original);
	points = Min(points, original.left);
	if (points == 0)
		return 0;
	lots = points_main_lots(original.posting.delta, points);
	from = original.posting.points - original.left;
	if (account->currency->inactive_after != NULL && !original.released &&
		points_waits_for_release(lots))
	{
		delta = take_waiting(account, purse_part(lots, from, points), points);
		taken = points;
	}
	else
	{
		lots = points_returnable(account, original.posting.delta,
								 original.posting.points, from, points);
		if (original.released)
			lots = points_as_released(lots, original.available_at);
		delta = points_take_back(account, lots, &taken);
	}
	reverse_line(account, &original, key, reason, delta, points - taken,
				 original.posting.entry_id, &posting);
	return points;
}
