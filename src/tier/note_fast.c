/*-------------------------------------------------------------------------
 *
 * note_fast.c
 *	  An event that only adds to a standing.
 *
 * Nearly every event comes after all that was worked out, before time alone
 * changes anything, and changes no tier.  Then the standing is read, added to
 * and written, whatever the past is like; in all other cases nothing is
 * written, and the way is walked.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/int.h"
#include "utils/array.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/table.h"
#include "tier/note.h"

enum
{
	STANDING_PROGRAM, STANDING_LADDER, STANDING_MEMBER, STANDING_AS_OF,
	STANDING_DUE, STANDING_STALE_AT, STANDING_FALLING_AT, STANDING_SINCE,
	STANDING_ENDS_AT, STANDING_VERSION, STANDING_SEEN, STANDING_RANK,
	STANDING_GRACE, STANDING_AMOUNTS, STANDING_SCORES, STANDING_COLUMNS
};

static const char *const standing_columns[] = {
	"program_id", "ladder_id", "member_id", "as_of", "due", "stale_at",
	"falling_at", "since", "ends_at", "version_id", "seen_id", "rank",
	"grace", "amounts", "scores"
};

static CoreTable standing_table = {
	.name = "standing",
	.index = "standing_pkey",
	.use = CORE_TABLE_UPDATE,
	.ncolumns = STANDING_COLUMNS,
	.columns = standing_columns,
	.nkeys = 3,
	.keys = {STANDING_PROGRAM + 1, STANDING_LADDER + 1, STANDING_MEMBER + 1},
	.changes = STANDING_AS_OF + 1
};

/* What is to be added to what. */
typedef struct Adding
{
	const TierLadders *ladders;
	const TierProgramLadder *ladder;
	const TierNotice *event;
	TierState	state;
	TimestampTz due;
	TimestampTz stale_at;
	bool		falls;
} Adding;

/*
 * The version that applied at as_of, when the same one applies now.  What is
 * added may be enough for the next one.
 */
static const TierVersion *
applicable_version(Adding *adding, int64 held)
{
	const TierLadder *algo = &adding->ladder->algo;
	TimestampTz at = Max(adding->event->occurred_at, adding->state.as_of);
	const TierVersion *found = NULL;
	int			i;

	for (i = 0; i < algo->nversions; i++)
	{
		const TierVersion *version = &algo->versions[i];

		if (version->from > adding->state.as_of && version->from <= at)
			return NULL;
		if (version->from > at)
			adding->due = Min(adding->due, version->from);
		if (held != 0 ? version->id == held :
			version->from <= at && at < version->until)
			found = version;
	}
	return found;
}

/* Does the period that holds as_of hold the event too, and till when? */
static bool
is_in_window(const Adding *adding, const TierMeter *meter,
			 TimestampTz *until)
{
	TimestampTz at = adding->event->occurred_at;
	TimestampTz as_of = adding->state.as_of;
	TimestampTz from;

	*until = TIER_NEVER;
	if (meter->period.kind == PERIOD_LIFETIME)
		return true;
	/* an anniversary needs the day of joining, which is not here */
	if (meter->period.kind == PERIOD_ANNIVERSARY)
		return false;
	period_bounds(&meter->period, Max(at, as_of), false, 0,
				  adding->ladders->zone, &from, until);
	if (meter->period.kind != PERIOD_ROLLING)
		return at >= from;
	*until = tier_leaves_at(&meter->period, at, adding->ladders->zone);
	return *until > as_of;
}

/* Add the event to a gauge; false when that is not all there is to it. */
static bool
add_to_gauge(Adding *adding, int gauge)
{
	const TierMeter *meter = &adding->ladder->meters[gauge];
	int64	   *amount = &adding->state.amounts[gauge];
	int64		more = adding->event->amount;
	TimestampTz until;

	if (!is_in_window(adding, meter, &until))
		return false;
	if (meter->kind == TIER_MAXIMUM)
		*amount = Max(*amount, more);
	else
	{
		if (meter->kind == TIER_COUNT)
			more = 1;
		else if (meter->kind != TIER_SUM)
			return false;
		if (pg_add_s64_overflow(*amount, more, amount))
			return false;
		adding->falls |= more < 0;
		/* once it falls out, the value rises */
		if (more < 0)
			adding->due = Min(adding->due, until);
	}
	adding->stale_at = Min(adding->stale_at, until);
	return true;
}

/* Does the event change any tier? */
static bool
changes_tier(const Adding *adding, const TierVersion *version)
{
	const TierLadder *algo = &adding->ladder->algo;
	const TierState *state = &adding->state;
	int			rank;

	for (rank = version->nrungs; rank > state->rank; rank--)
		if (!version->rungs[rank - 1].by_seat &&
			version->rungs[rank - 1].entry != TIER_NOT_BY_QUALIFYING &&
			tier_meets(algo, state, &version->rungs[rank - 1], false,
					   state->as_of))
			return true;
	return state->grace || (adding->falls && adding->ladder->drops);
}

static bool
read_amounts(Datum value, int count, int64 *amounts)
{
	ArrayType  *array = DatumGetArrayTypeP(value);

	if (ARR_NDIM(array) > 1 || ARR_HASNULL(array) ||
		ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)) != count)
		return false;
	memcpy(amounts, ARR_DATA_PTR(array), count * sizeof(int64));
	return true;
}

/* See whether it is as simple as that. */
static bool
try_to_add(Adding *adding, const TierVersion *version)
{
	TierState  *state = &adding->state;
	TimestampTz at = adding->event->occurred_at;
	int			i;

	if (version == NULL || at >= adding->due || at >= adding->stale_at)
		return false;
	/* what comes late must change nothing in between, either */
	if (at < state->as_of &&
		(at < state->since || at < state->falling_at ||
		 !version->promotes_at_once))
		return false;
	for (i = 0; i < adding->ladder->algo.ngauges; i++)
	{
		/* scores fade, or are asked for: they are not here */
		if (adding->ladder->algo.gauges[i].scale != TIER_WHOLE)
			return false;
		if (tier_counts_event(&adding->ladder->meters[i], adding->event) &&
			!add_to_gauge(adding, i))
			return false;
	}
	/* a fall that comes late is one of the past */
	if (adding->falls && at < state->as_of)
		return false;
	state->as_of = Max(state->as_of, at);
	return !changes_tier(adding, version);
}

static bool
change_standing(Datum *values, bool *nulls, void *arg)
{
	Adding	   *adding = (Adding *) arg;
	TierState  *state = &adding->state;
	int			count = adding->ladder->algo.ngauges;
	int64		held;

	if (DatumGetInt64(values[STANDING_SEEN]) != adding->ladder->newest ||
		!read_amounts(values[STANDING_AMOUNTS], count, state->amounts))
		return false;
	state->as_of = DatumGetTimestampTz(values[STANDING_AS_OF]);
	state->falling_at = DatumGetTimestampTz(values[STANDING_FALLING_AT]);
	state->since = DatumGetTimestampTz(values[STANDING_SINCE]);
	state->rank = DatumGetInt32(values[STANDING_RANK]);
	state->grace = DatumGetBool(values[STANDING_GRACE]);
	adding->due = DatumGetTimestampTz(values[STANDING_DUE]);
	adding->stale_at = DatumGetTimestampTz(values[STANDING_STALE_AT]);
	held = DatumGetInt64(values[STANDING_VERSION]);
	if (!try_to_add(adding, applicable_version(adding, held)))
		return false;
	values[STANDING_AS_OF] = TimestampTzGetDatum(state->as_of);
	values[STANDING_DUE] = TimestampTzGetDatum(adding->due);
	values[STANDING_STALE_AT] = TimestampTzGetDatum(adding->stale_at);
	if (adding->falls)
		values[STANDING_FALLING_AT] = TimestampTzGetDatum(state->as_of);
	values[STANDING_AMOUNTS] = tier_amounts_array(state->amounts, count);
	return true;
}

/*
 * Add an event of a member, who is locked, to the standing; false when there
 * is more to it.  Inside core_become_owner().
 */
bool
tier_add_event(const TierLadders *ladders, const TierProgramLadder *ladder,
			   const TierNotice *event)
{
	Adding		adding = {0};
	Datum		keys[3];
	CoreUpdate *update;
	bool		done;

	if (!core_table_is_usable(&standing_table))
		return false;
	adding.ladders = ladders;
	adding.ladder = ladder;
	adding.event = event;
	adding.state.amounts = palloc0_array(int64, ladder->algo.ngauges + 1);
	keys[0] = Int64GetDatum(ladders->program);
	keys[1] = Int64GetDatum(ladder->id);
	keys[2] = Int64GetDatum(event->member);
	update = core_table_begin_update(&standing_table);
	done = core_table_find_row(update, keys) &&
		core_table_change_row(update, change_standing, &adding);
	core_table_end_update(update);
	return done;
}
