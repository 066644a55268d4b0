/*-------------------------------------------------------------------------
 *
 * release_event.c
 *	  release() of what an event has earned: points that stay pending until
 *	  the goods have arrived.
 *
 * Each credit of the event, for whomever, gets an entry that names it, under
 * the event and a line from 2000 on.  A credit is released once; what an
 * adjustment gives afterwards waits for the next call.
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
#include "points/rules.h"

/* An event, with what it has given and the accounts that hold it. */
typedef struct Release
{
	int64		program;
	Datum		source;
	Datum		key;
	int64		event_id;
	int64		member;
	int32		revision;
	int			naccounts;
	PointsAccount **accounts;
} Release;

/* The newest event recorded under the key. */
static void
find_event(Release *release)
{
	static CorePlan plan = {
		.sql = "SELECT event_id, member_id, revision FROM community.event"
		" WHERE program_id = $1 AND source = $2 AND key = $3"
		" AND kind = 'record' ORDER BY revision DESC LIMIT 1",
		.nargs = 3,
		.argtypes = {INT8OID, TEXTOID, TEXTOID}
	};
	Datum		values[3];

	values[0] = Int64GetDatum(release->program);
	values[1] = release->source;
	values[2] = release->key;
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
	{
		(void) core_program_name(release->program);
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_UNKNOWN_EVENT),
				 errmsg("no event has idempotency key \"%s\" of source \"%s\"",
						TextDatumGetCString(release->key),
						TextDatumGetCString(release->source))));
	}
	release->event_id = core_int64(0, 1);
	release->member = core_int64(0, 2);
	release->revision = (int32) core_int64(0, 3);
}

static PointsEventCredit *
read_credits(const Release *release, int *count)
{
	return points_event_credits(release->program, release->source,
								release->key, release->revision, count);
}

/* Lock the accounts of all credits, in ascending order. */
static void
lock_accounts(Release *release)
{
	int			count;
	PointsEventCredit *credits = read_credits(release, &count);
	int			n;

	release->accounts = palloc_array(PointsAccount *, count + 1);
	for (; count > 0; credits += n, count -= n)
	{
		const PointsCurrency *currency =
		points_currency_by_id(release->program, credits->currency_id);

		n = points_credit_run(credits, count);
		release->accounts[release->naccounts++] =
			points_lock_account(currency, credits->member);
	}
}

/* The account of a credit; NULL when it has come up only now. */
static PointsAccount *
account_of(const Release *release, const PointsEventCredit *credit)
{
	int			i;

	for (i = 0; i < release->naccounts; i++)
		if (release->accounts[i]->member == credit->member &&
			release->accounts[i]->currency->id == credit->currency_id)
			return release->accounts[i];
	return NULL;
}

/* The first line that is free for releases of the event. */
static int32
free_line(const Release *release)
{
	static CorePlan plan = {
		.sql = "SELECT coalesce(max(line) + 1, $3) FROM community.entry"
		" WHERE program_id = $1 AND event_id = $2 AND key = '' AND line >= $3",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, INT4OID}
	};
	Datum		values[3];

	values[0] = Int64GetDatum(release->program);
	values[1] = Int64GetDatum(release->event_id);
	values[2] = Int32GetDatum(POINTS_RELEASE_LINE);
	core_run(&plan, values, NULL, false);
	return (int32) core_int64(0, 1);
}

/* Release one credit; false when nothing of it waits. */
static bool
release_credit(const Release *release, const PointsEventCredit *credit,
			   const PointsRequest *request, int32 line,
			   PointsPosting *posting)
{
	PointsAccount *account = account_of(release, credit);
	PointsEntry entry = {0};
	Purse	   *left;

	if (account == NULL || credit->released || credit->left <= 0)
		return false;
	left = purse_part(points_main_lots(credit->delta, credit->points),
					  credit->points - credit->left, credit->left);
	entry.delta = points_release_lots(account, left, DT_NOBEGIN);
	if (purse_count(entry.delta) == 0)
		return false;
	entry.kind = request->kind;
	entry.key = points_event_key();
	entry.event_id = release->event_id;
	entry.line = line;
	entry.reverses = credit->entry_id;
	points_post(account, &entry, posting);
	return true;
}

/* What an earlier call has done, if one has. */
static bool
find_release(const Release *release, PointsPosting *posting)
{
	static CorePlan plan = {
		.sql = "SELECT entry_id, member_id, currency_id, kind, points, delta,"
		" effective_at, recorded_at FROM community.entry"
		" WHERE program_id = $1 AND event_id = $2 AND key = '' AND line >= $3"
		" ORDER BY member_id <> $4, line LIMIT 1",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, INT4OID, INT8OID}
	};
	Datum		values[4];
	bool		isnull;

	values[0] = Int64GetDatum(release->program);
	values[1] = Int64GetDatum(release->event_id);
	values[2] = Int32GetDatum(POINTS_RELEASE_LINE);
	values[3] = Int64GetDatum(release->member);
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		return false;
	posting->entry_id = core_int64(0, 1);
	posting->replay = true;
	posting->member = core_int64(0, 2);
	posting->currency_id = core_int64(0, 3);
	posting->kind = core_text(0, 4);
	posting->points = core_int64(0, 5);
	posting->delta = DatumGetPurseP(core_field(0, 6, &isnull));
	posting->effective_at = DatumGetTimestampTz(core_field(0, 7, &isnull));
	posting->recorded_at = DatumGetTimestampTz(core_field(0, 8, &isnull));
	return true;
}

/*
 * Release what an event has earned and what waits for that.  Tells about the
 * first of the entries, if possible of the member of the event.  Inside
 * core_enter().
 */
void
points_release_event(int64 program, Datum source, Datum key,
					 PointsRequest *request, PointsPosting *posting)
{
	Release		release = {program, source, key};
	PointsEventCredit *credits;
	int			count;
	int			released = 0;
	bool		told = false;
	int32		line;
	int			i;

	find_event(&release);
	lock_accounts(&release);
	/* as they are now that nobody else can change them */
	credits = read_credits(&release, &count);
	line = free_line(&release);
	for (i = 0; i < count; i++)
	{
		bool		own = credits[i].member == release.member;

		if (!release_credit(&release, &credits[i], request, line + released,
							released == 0 || (own && !told) ? posting : NULL))
			continue;
		released++;
		told |= own;
	}
	if (released == 0 && !find_release(&release, posting))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("event \"%s\" of source \"%s\" has earned no points that wait for release()",
						TextDatumGetCString(key),
						TextDatumGetCString(source))));
}
