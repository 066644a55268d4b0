/*-------------------------------------------------------------------------
 *
 * note_fast.c
 *	  An event that only adds to a standing.
 *
 * Nearly every event comes after all that was worked out, before time alone
 * changes any tier, and changes none itself.  Then the standing is read,
 * lowered by what has fallen out since, added to and written, whatever the
 * past is like.  Once time alone might have changed a tier, the way is walked
 * on from the standing, without SQL as long as no tenure begins or ends.  In
 * all other cases nothing is written, and it is left to SQL.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/int.h"
#include "utils/array.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/table.h"
#include "core/tenant.h"
#include "tier/gauge.h"
#include "tier/note.h"

enum
{
	STANDING_PROGRAM, STANDING_LADDER, STANDING_MEMBER, STANDING_AS_OF,
	STANDING_DUE, STANDING_STALE_AT, STANDING_FALLING_AT, STANDING_SINCE,
	STANDING_ENDS_AT, STANDING_VERSION, STANDING_SEEN, STANDING_RANK,
	STANDING_GRACE, STANDING_PLAIN, STANDING_AMOUNTS, STANDING_SCORES,
	STANDING_COLUMNS
};

static const char *const standing_columns[] = {
	"program_id", "ladder_id", "member_id", "as_of", "due", "stale_at",
	"falling_at", "since", "ends_at", "version_id", "seen_id", "rank",
	"grace", "plain", "amounts", "scores"
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

/* rulings of a member on a ladder */
enum
{
	RULING_PROGRAM, RULING_ID, RULING_MEMBER, RULING_LADDER, RULING_KIND,
	RULING_TIER, RULING_DURING, RULING_REASON, RULING_KEY, RULING_ACTOR,
	RULING_RECORDED_AT, RULING_SUPERSEDED_AT, RULING_COLUMNS
};

static const char *const ruling_columns[] = {
	"program_id", "ruling_id", "member_id", "ladder_id", "kind", "tier",
	"during", "reason", "key", "actor", "recorded_at", "superseded_at"
};

static CoreTable ruling_table = {
	.name = "tier_ruling",
	.index = "tier_ruling_member_idx",
	.use = CORE_TABLE_READ,
	.ncolumns = RULING_COLUMNS,
	.columns = ruling_columns,
	.nkeys = 3,
	.keys = {RULING_PROGRAM + 1, RULING_MEMBER + 1, RULING_LADDER + 1},
	.many = true
};

/* What is to be done about an event. */
typedef enum Attempt
{
	ADDED,
	TO_BE_WALKED,				/* from where the standing is */
	TO_BE_WORKED_OUT			/* by SQL */
} Attempt;

/*
 * The version that applied at as_of, when the same one applies now.  What is
 * added may be enough for the next one.
 */
static const TierVersion *
applicable_version(TierAdding *adding)
{
	int64		held = adding->version;
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
is_in_window(const TierAdding *adding, const TierMeter *meter,
			 TimestampTz *until)
{
	TimestampTz at = adding->event->occurred_at;
	TimestampTz as_of = adding->state.as_of;
	TimestampTz from;

	*until = TIER_NEVER;
	if (meter->period.kind == PERIOD_LIFETIME)
		return true;
	if (meter->period.kind != PERIOD_ROLLING)
	{
		tier_window(adding->ladders, meter, adding->joined_at,
					Max(at, as_of), &from, until);
		return at >= from;
	}
	*until = tier_leaves_at(&meter->period, at, adding->ladders->zone);
	return *until > as_of;
}

/* Add the event to a gauge; false when that is not all there is to it. */
static bool
add_to_gauge(TierAdding *adding, int gauge)
{
	const TierMeter *meter = &adding->ladder->meters[gauge];
	const TierNotice *event = adding->event;
	int64	   *amount = &adding->state.amounts[gauge];
	int64		more = 0;
	TimestampTz until;

	/* a rise may lose a tier, and when it is over may bring one */
	if (adding->ladder->algo.gauges[gauge].capped)
		return false;
	switch (meter->kind)
	{
		case TIER_SUM:
			more = event->amount;
			break;
		case TIER_COUNT:
			more = 1;
			break;
		case TIER_MAXIMUM:
			more = Max(*amount, event->amount) - *amount;
			break;
		case TIER_DISTINCT_COUNTERPARTS:
			if (!event->has_target)
				return true;
			/* FALLTHROUGH */
		case TIER_DISTINCT_DAYS:
			if (event->occurred_at < adding->state.as_of ||
				!tier_begin_reading(adding->ladders->program, event->member,
									adding->plain, adding->context,
									&adding->reader))
				return false;
			more = tier_is_new_to(adding, meter) ? 1 : 0;
			break;
		case TIER_ENGAGEMENT:
			adding->state.scores[gauge] += event->engagement;
			adding->falls |= event->engagement < 0;
			return true;
		default:
			return false;
	}
	if (!is_in_window(adding, meter, &until) ||
		pg_add_s64_overflow(*amount, more, amount))
		return false;
	adding->falls |= more < 0;
	/* once it falls out, the value rises */
	if (more < 0)
		adding->due = Min(adding->due, until);
	adding->stale_at = Min(adding->stale_at, until);
	return true;
}

/* Does the event change any tier? */
static bool
changes_tier(const TierAdding *adding, const TierVersion *version)
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

/* Copy what an array holds; false when it has not that many. */
static bool
read_numbers(Datum value, int count, void *into)
{
	ArrayType  *array = DatumGetArrayTypeP(value);

	if (ARR_NDIM(array) > 1 || ARR_HASNULL(array) ||
		ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)) != count)
		return false;
	memcpy(into, ARR_DATA_PTR(array), count * sizeof(int64));
	return true;
}

/* Let scores fade until the event. */
static void
fade(TierAdding *adding)
{
	const TierLadder *algo = &adding->ladder->algo;
	TierState  *state = &adding->state;
	int			i;

	for (i = 0; i < algo->ngauges; i++)
		if (algo->gauges[i].scale == TIER_DECAYED)
			state->scores[i] = tier_score_at(algo, state, i,
											 adding->event->occurred_at);
}

static bool
has_faded(const TierLadder *algo)
{
	int			i;

	for (i = 0; i < algo->ngauges; i++)
		if (algo->gauges[i].scale == TIER_DECAYED)
			return true;
	return false;
}

/* See whether it is as simple as that. */
static Attempt
try_to_add(TierAdding *adding)
{
	const TierVersion *version = applicable_version(adding);
	TierState  *state = &adding->state;
	TimestampTz at = adding->event->occurred_at;
	int			i;

	if (version == NULL)
		return TO_BE_WORKED_OUT;
	/* all of a time happens at once: no tenure may have begun then */
	if (at <= state->as_of && at <= state->since)
		return TO_BE_WORKED_OUT;
	/* what comes late must change nothing in between, either */
	if (at < state->as_of &&
		(at < state->falling_at || !version->promotes_at_once ||
		 has_faded(&adding->ladder->algo)))
		return TO_BE_WORKED_OUT;
	if (at >= adding->due)
		return TO_BE_WALKED;
	if (at >= adding->stale_at && !tier_let_fall(adding))
		return TO_BE_WALKED;
	fade(adding);
	for (i = 0; i < adding->ladder->algo.ngauges; i++)
		if (tier_counts_event(&adding->ladder->meters[i], adding->event) &&
			!add_to_gauge(adding, i))
			return TO_BE_WORKED_OUT;
	/* a fall that comes late is one of the past */
	if (adding->falls && at < state->as_of)
		return TO_BE_WORKED_OUT;
	state->as_of = Max(state->as_of, at);
	if (adding->falls)
		state->falling_at = state->as_of;
	return changes_tier(adding, version) ? TO_BE_WORKED_OUT : ADDED;
}

/* Read where the member stands; false when nothing can be added to that. */
static bool
read_standing(TierAdding *adding, const Datum *values)
{
	TierState  *state = &adding->state;
	int			count = adding->ladder->algo.ngauges;

	if (DatumGetInt64(values[STANDING_SEEN]) != adding->ladder->newest ||
		!read_numbers(values[STANDING_AMOUNTS], count, state->amounts) ||
		!read_numbers(values[STANDING_SCORES],
					  adding->ladder->has_fractions ? count : 0,
					  state->scores))
		return false;
	state->as_of = DatumGetTimestampTz(values[STANDING_AS_OF]);
	state->falling_at = DatumGetTimestampTz(values[STANDING_FALLING_AT]);
	state->since = DatumGetTimestampTz(values[STANDING_SINCE]);
	state->ends = DatumGetTimestampTz(values[STANDING_ENDS_AT]);
	state->rank = DatumGetInt32(values[STANDING_RANK]);
	state->grace = DatumGetBool(values[STANDING_GRACE]);
	adding->due = DatumGetTimestampTz(values[STANDING_DUE]);
	adding->stale_at = DatumGetTimestampTz(values[STANDING_STALE_AT]);
	adding->version = DatumGetInt64(values[STANDING_VERSION]);
	adding->plain = DatumGetBool(values[STANDING_PLAIN]);
	adding->falls = false;
	return true;
}

/* What has changed of where the member stands. */
static void
write_standing(const TierAdding *adding, Datum *values)
{
	const TierState *state = &adding->state;
	const TierLadder *algo = &adding->ladder->algo;

	values[STANDING_AS_OF] = TimestampTzGetDatum(state->as_of);
	values[STANDING_DUE] = TimestampTzGetDatum(adding->due);
	values[STANDING_STALE_AT] = TimestampTzGetDatum(adding->stale_at);
	values[STANDING_FALLING_AT] = TimestampTzGetDatum(state->falling_at);
	values[STANDING_VERSION] = Int64GetDatum(adding->version);
	values[STANDING_AMOUNTS] = tier_amounts_array(state->amounts,
												  algo->ngauges);
	if (adding->ladder->has_fractions)
		values[STANDING_SCORES] = tier_scores_array(algo, state);
}

static bool
note_ruling(const Datum *values, const bool *nulls, void *arg)
{
	bool	   *ruled = (bool *) arg;

	*ruled = nulls[RULING_SUPERSEDED_AT];
	return !*ruled;
}

static bool
is_ruled(const TierAdding *adding)
{
	Datum		keys[2];
	bool		ruled = false;

	keys[0] = Int64GetDatum(adding->ladders->program);
	keys[1] = Int64GetDatum(adding->event->member);
	core_table_scan(&ruling_table, GetTransactionSnapshot(), keys,
					adding->ladder->id - 1, adding->ladder->id, false,
					note_ruling, &ruled);
	return ruled;
}

/* When the member joined; false when that cannot be found out here. */
static bool
find_joining(TierAdding *adding)
{
	Datum		keys[2];
	Datum		values[CORE_MEMBER_COLUMNS];
	bool		nulls[CORE_MEMBER_COLUMNS];

	keys[0] = Int64GetDatum(adding->ladders->program);
	keys[1] = Int64GetDatum(adding->event->member);
	if (!core_table_is_usable(&core_member_table) ||
		!core_table_fetch(&core_member_table, GetTransactionSnapshot(), keys,
						  values, nulls))
		return false;
	adding->joined_at = DatumGetTimestampTz(values[CORE_MEMBER_JOINED_AT]);
	return true;
}

/* Can all that its gauges count be read without SQL, a little at a time? */
static bool
is_walked_directly(const TierProgramLadder *ladder)
{
	int			i;

	for (i = 0; i < ladder->algo.ngauges; i++)
	{
		const TierMeter *meter = &ladder->meters[i];
		bool		rolling = meter->period.kind == PERIOD_ROLLING;

		if (meter->received || meter->kind == TIER_POINTS ||
			meter->kind == TIER_FUNCTION ||
			meter->kind == TIER_QUALIFIED_REFERRALS ||
			(meter->kind == TIER_MAXIMUM && rolling) ||
			((meter->kind == TIER_DISTINCT_DAYS ||
			  meter->kind == TIER_DISTINCT_COUNTERPARTS) && !rolling))
			return false;
	}
	return true;
}

/*
 * Walk on from the standing, as is done by SQL; false when that changes any
 * tenure, which SQL writes down.
 */
static bool
walk_on(TierAdding *adding)
{
	const TierProgramLadder *ladder = adding->ladder;
	TimestampTz at = adding->event->occurred_at;
	TierWork	work = {0};

	if (at <= adding->state.as_of || !is_walked_directly(ladder) ||
		!core_table_is_usable(&ruling_table) ||
		(core_table_has_blocks(&ruling_table) && is_ruled(adding)) ||
		!tier_begin_reading(adding->ladders->program, adding->event->member,
							adding->plain, adding->context,
							&adding->reader))
		return false;
	/* who holds a tier has joined, and then only calendars ask when */
	adding->joined_at = TIER_PAST;
	if ((ladder->asks_joining || adding->state.rank == 0) &&
		!find_joining(adding))
		return false;
	adding->state.version = tier_find_version(&ladder->algo,
											  adding->version);
	if (adding->state.rank > 0 && adding->state.version < 0)
		return false;
	work.member = adding->event->member;
	work.joined_at = adding->joined_at;
	work.reader = &adding->reader;
	work.algo = tier_anchored(adding->ladders, ladder, work.joined_at);
	tier_start(&work.run, &work.algo, work.joined_at);
	work.run.state = adding->state;
	tier_walk(adding->ladders, ladder, &work, 1, at, TIER_LOOK_SHORT);
	if (work.run.nspans > 0 || work.run.first_until != TIER_NEVER)
		return false;
	adding->state = work.run.state;
	adding->due = work.due;
	adding->stale_at = work.stale_at;
	adding->version = adding->state.version < 0 ? 0 :
		work.algo.versions[adding->state.version].id;
	return true;
}

static bool
change_standing(Datum *values, bool *nulls, void *arg)
{
	TierAdding *adding = (TierAdding *) arg;
	Attempt		attempt;

	if (!read_standing(adding, values))
		return false;
	attempt = try_to_add(adding);
	if (attempt == TO_BE_WALKED)
	{
		(void) read_standing(adding, values);
		if (!walk_on(adding))
			return false;
	}
	else if (attempt == TO_BE_WORKED_OUT)
		return false;
	write_standing(adding, values);
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
	TierAdding	adding = {0};
	Datum		keys[3];
	CoreUpdate *update;
	bool		done;

	if (!core_table_is_usable(&standing_table))
		return false;
	adding.ladders = ladders;
	adding.ladder = ladder;
	adding.event = event;
	adding.context = CurrentMemoryContext;
	adding.state.amounts = palloc0_array(int64, ladder->algo.ngauges + 1);
	adding.state.scores = palloc0_array(double, ladder->algo.ngauges + 1);
	if (ladder->has_anniversaries && !find_joining(&adding))
		return false;
	keys[0] = Int64GetDatum(ladders->program);
	keys[1] = Int64GetDatum(ladder->id);
	keys[2] = Int64GetDatum(event->member);
	update = core_table_begin_update(&standing_table);
	done = core_table_find_row(update, keys) &&
		core_table_change_row(update, change_standing, &adding);
	tier_end_reading(&adding.reader);
	core_table_end_update(update);
	return done;
}
