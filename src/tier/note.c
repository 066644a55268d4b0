/*-------------------------------------------------------------------------
 *
 * note.c
 *	  What record(), reverse() and sets tell this room.
 *
 * The member is locked, and what happened is in the books.  An event that
 * comes after all that was worked out is added to the standing; one that
 * comes before, and a correction, lets the way be walked anew.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "tier/award.h"
#include "tier/benefit.h"
#include "tier/note.h"
#include "tier/payment.h"

static bool
counts_type(const TierMeter *meter, Datum type)
{
	text	   *wanted = DatumGetTextPP(type);
	int			i;

	for (i = 0; i < meter->ntypes; i++)
		if (core_same_text(DatumGetTextPP(meter->type_names[i]), wanted))
			return true;
	return meter->types == NULL;
}

static bool
counts_payload(const TierMeter *meter, Datum payload)
{
	if (meter->filter == NULL)
		return true;
	if (payload == (Datum) 0)
		return JB_ROOT_COUNT(meter->filter) == 0;
	return DatumGetBool(DirectFunctionCall2(jsonb_contains, payload,
											JsonbPGetDatum(meter->filter)));
}

/* Does a measure of events count those of a type with a payload? */
bool
tier_counts_activity(const TierMeter *meter, Datum type, Datum payload)
{
	return counts_type(meter, type) && counts_payload(meter, payload);
}

/* Does an event change a gauge of the member who did it? */
bool
tier_counts_event(const TierMeter *meter, const TierNotice *event)
{
	if (meter->received)
		return false;
	switch (meter->kind)
	{
		case TIER_MEMBERSHIP_DAYS:
		case TIER_FUNCTION:
		case TIER_QUALIFIED_REFERRALS:
			return false;
		case TIER_ENGAGEMENT:
			return true;
		case TIER_POINTS:
			return event->earned;
		default:
			return tier_counts_activity(meter, event->type, event->payload);
	}
}

static bool
ladder_counts(const TierProgramLadder *ladder, const TierNotice *event)
{
	int			i;

	for (i = 0; i < ladder->algo.ngauges; i++)
		if (tier_counts_event(&ladder->meters[i], event))
			return true;
	return false;
}

/*
 * Work members out on one ladder until a time, and write it down.  Those
 * with something new at or before as_of, as "since" says, begin anew.
 */
static bool
work_out(const TierLadders *ladders, const TierProgramLadder *ladder,
		 const int64 *members, const TimestampTz *since, int count,
		 TimestampTz until, TierTold *told)
{
	TierWork   *work = palloc0_array(TierWork, count + 1);
	int			i;
	int			later = 0;

	for (i = 0; i < count; i++)
		work[i].member = members[i];
	tier_load(ladders, ladder, work, count, false);
	for (i = 0; i < count; i++)
	{
		TierWork	swap;
		TimestampTz as_of = work[i].run.state.as_of;

		if (!work[i].from_scratch && since != NULL && since[i] <= as_of)
			work[i].from_scratch = true;
		else if (!work[i].from_scratch)
			continue;
		until = Max(until, as_of);
		/* those that begin anew come first */
		swap = work[later];
		work[later++] = work[i];
		work[i] = swap;
	}
	if (later > 0)
		tier_load(ladders, ladder, work, later, true);
	for (i = 0; i < count; i++)
		work[i].run.ladder = &work[i].algo;
	tier_walk(ladders, ladder, work, count, until,
			  count == 1 ? TIER_LOOK_SHORT : TIER_LOOK_AHEAD);
	return tier_book(ladders, ladder, work, count, told);
}

static Datum
member_array(const int64 *members, int count)
{
	Datum	   *datums = palloc_array(Datum, count + 1);
	int			i;

	for (i = 0; i < count; i++)
		datums[i] = Int64GetDatum(members[i]);
	return PointerGetDatum(construct_array(datums, count, INT8OID, 8,
										   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* Does any gauge count what is done to others by an event of that type? */
static bool
any_receives(const TierLadders *ladders, Datum type)
{
	int			i;
	int			j;

	for (i = 0; i < ladders->count; i++)
		for (j = 0; j < ladders->ladders[i].algo.ngauges; j++)
		{
			const TierMeter *meter = &ladders->ladders[i].meters[j];

			if (meter->received &&
				(type == (Datum) 0 || counts_type(meter, type)))
				return true;
		}
	return false;
}

/*
 * Something was done to a member, who is not locked: two who thank each other
 * would wait for each other.  So it is worked out later.
 */
static void
touch_target(int64 program, int64 target)
{
	tier_touch_member(program, core_member_bearer(program, target));
}

/*
 * An event of a member, who is locked; it is in the log, and so are the points
 * that were earned by it.  Gives what has changed of the tiers for the
 * receipt, NULL for nothing.
 */
char *
tier_note_event(int64 program, const TierNotice *event, CoreScope *scope)
{
	int64		member = event->member;
	TimestampTz occurred_at = event->occurred_at;
	const TierLadders *ladders;
	TimestampTz now = GetCurrentTimestamp();
	TierTold	told = {program, member, event->event_id, now,
	CurrentMemoryContext};
	bool		changed = false;
	int			i;

	if (!tier_has_no_awards(program))
	{
		core_connect(scope);
		tier_settle_awards(program, member, occurred_at);
	}
	/* this sees what was published while we waited for the member */
	ladders = tier_kept_ladders(program);
	if (ladders == NULL)
	{
		core_connect(scope);
		ladders = tier_ladders(program);
	}
	if (ladders->count == 0)
		return NULL;
	for (i = 0; i < ladders->count; i++)
	{
		const TierProgramLadder *ladder = &ladders->ladders[i];

		if (!ladder_counts(ladder, event))
			continue;
		if (occurred_at <= now && tier_add_event(ladders, ladder, event))
			continue;
		core_connect(scope);
		changed |= work_out(ladders, ladder, &member, &occurred_at, 1,
							Min(occurred_at, now), &told);
	}
	if (event->has_target && any_receives(ladders, event->type))
	{
		core_connect(scope);
		touch_target(program, event->target);
	}
	if (!tier_payments_are_known(program))
		core_connect(scope);
	if (tier_is_payment(program, event->type))
	{
		core_connect(scope);
		tier_ask_before(&told);
		changed |= tier_settle_payments(program, member) > 0;
	}
	if (!changed)
		return NULL;
	tier_settle_benefits(program, member, now);
	return tier_tell(&told);
}

/*
 * Members have something new at a time, or before as_of of their standings.
 * What their tiers bring is settled where one has changed, or "settles".
 */
static void
note_members(int64 program, const int64 *members, const TimestampTz *since,
			 int count, TimestampTz until, bool settles, TierTold *told)
{
	const TierLadders *ladders = tier_ladders(program);
	MemoryContext context;
	int			from;
	int			i;

	context = AllocSetContextCreate(CurrentMemoryContext,
									"community standings",
									ALLOCSET_DEFAULT_SIZES);
	for (from = 0; from < count; from += TIER_MEMBER_BATCH)
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		int			batch = Min(TIER_MEMBER_BATCH, count - from);
		bool		changed = settles;

		CHECK_FOR_INTERRUPTS();
		for (i = 0; i < ladders->count; i++)
			changed |= work_out(ladders, &ladders->ladders[i], members + from,
								since == NULL ? NULL : since + from, batch,
								until, told);
		if (changed)
		{
			Datum		those = member_array(members + from, batch);

			tier_settle_benefits_of(program, DatumGetArrayTypeP(those),
									GetCurrentTimestamp());
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
	}
	MemoryContextDelete(context);
}

/*
 * An event was corrected by another; its member is locked.  Gives what has
 * changed of the tiers for the receipt, NULL for nothing.  Inside
 * core_enter().
 */
char *
tier_note_correction(int64 program, int64 event_id)
{
	static CorePlan plan = {
		.sql = "SELECT o.member_id, o.occurred_at, o.type, o.target_id"
		" FROM community.event AS v JOIN community.event AS o"
		" ON o.program_id = v.program_id AND o.event_id = v.corrects"
		" WHERE v.program_id = $1 AND v.event_id = $2",
		.by_index = true,
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	TierTold	told = {program, 0, event_id, GetCurrentTimestamp(),
	CurrentMemoryContext};
	Datum		values[2];
	int64		member;
	int64		target;
	TimestampTz occurred_at;
	Datum		type;
	bool		paid = false;
	bool		has_target;
	bool		isnull;

	if (tier_ladders(program)->count == 0 && tier_has_no_awards(program))
		return NULL;
	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(event_id);
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		return NULL;
	member = core_int64(0, 1);
	occurred_at = DatumGetTimestampTz(core_field(0, 2, &isnull));
	type = datumCopy(core_field(0, 3, &isnull), false, -1);
	target = DatumGetInt64(core_field(0, 4, &isnull));
	has_target = !isnull;
	if (has_target && any_receives(tier_ladders(program), type))
		touch_target(program, target);
	member = core_member_bearer(program, member);
	told.member = member;
	if (tier_is_payment(program, type))
	{
		tier_ask_before(&told);
		paid = tier_settle_payments(program, member) > 0;
	}
	tier_settle_awards(program, member, occurred_at);
	note_members(program, &member, &occurred_at, 1,
				 Min(occurred_at, told.at), paid, &told);
	return tier_tell(&told);
}

/*
 * The types of event of which any ladder counts what members do, or what they
 * receive; 0 for all.
 */
static Datum
counted_types(const TierLadders *ladders, bool received)
{
	ArrayBuildState *types = initArrayResult(TEXTOID, CurrentMemoryContext,
											 false);
	int			i;
	int			j;
	int			k;

	for (i = 0; i < ladders->count; i++)
		for (j = 0; j < ladders->ladders[i].algo.ngauges; j++)
		{
			const TierMeter *meter = &ladders->ladders[i].meters[j];

			if (meter->received != received ||
				meter->kind == TIER_MEMBERSHIP_DAYS ||
				meter->kind == TIER_FUNCTION ||
				meter->kind == TIER_QUALIFIED_REFERRALS)
				continue;
			if (meter->types == NULL)
				return (Datum) 0;
			for (k = 0; k < meter->ntypes; k++)
				types = accumArrayResult(types, meter->type_names[k], false,
										 TEXTOID, CurrentMemoryContext);
		}
	return makeArrayResult(types, CurrentMemoryContext);
}

/* Read the set "recorded": a large one is worth a plan of its own. */
static void
run_recorded(CorePlan *plan, bool keep, Datum *values, const char *nulls)
{
	if (keep)
		core_run(plan, values, nulls, false);
	else
		core_run_once(plan, values, nulls, false);
}

/* Whoever received something by the set "recorded" is worked out later. */
static void
touch_recorded(const TierLadders *ladders, bool keep)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.standing_touch (program_id, member_id)"
		" SELECT DISTINCT $1, coalesce(g.bearer_id, r.target_id)"
		" FROM recorded AS r"
		" LEFT JOIN community.member_merge AS g ON g.program_id = $1"
		"  AND g.member_id = r.target_id"
		" WHERE r.target_id IS NOT NULL"
		"  AND ($2 IS NULL OR r.type = ANY ($2))",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTARRAYOID}
	};
	Datum		values[2];

	if (!any_receives(ladders, (Datum) 0))
		return;
	values[0] = Int64GetDatum(ladders->program);
	values[1] = counted_types(ladders, true);
	run_recorded(&plan, keep, values,
				 values[1] == (Datum) 0 ? " n" : NULL);
}

/* Settle the payments in the set "recorded". */
static bool
settle_recorded(int64 program, bool keep)
{
	static CorePlan plan = {
		.sql = "SELECT array_agg(DISTINCT r.member_id) FROM recorded AS r"
		" WHERE r.type IN (SELECT t.value ->> 'fee_type'"
		"  FROM community.ladder_version AS v,"
		"  jsonb_array_elements(v.definition -> 'tiers') AS t (value)"
		"  WHERE v.program_id = $1)",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	Datum		values[1];
	Datum		members;
	bool		isnull;

	values[0] = Int64GetDatum(program);
	run_recorded(&plan, keep, values, NULL);
	members = core_field(0, 1, &isnull);
	return !isnull &&
		tier_settle_payments_of(program,
								DatumGetArrayTypePCopy(members)) > 0;
}

/* Give the awards that the events in the set "recorded" have earned. */
static void
award_recorded(int64 program, bool keep)
{
	static CorePlan plan = {
		.sql = "SELECT DISTINCT r.member_id, r.at FROM recorded AS r"
		" ORDER BY r.member_id, r.at"
	};
	SPITupleTable *rows;
	uint64		count;
	uint64		i;

	if (tier_has_no_awards(program))
		return;
	run_recorded(&plan, keep, NULL, NULL);
	rows = SPI_tuptable;
	count = SPI_processed;
	for (i = 0; i < count; i++)
	{
		bool		isnull;
		int64		member =
		DatumGetInt64(SPI_getbinval(rows->vals[i], rows->tupdesc, 1,
									&isnull));
		TimestampTz at =
		DatumGetTimestampTz(SPI_getbinval(rows->vals[i], rows->tupdesc,
										  2, &isnull));

		CHECK_FOR_INTERRUPTS();
		tier_settle_awards(program, member, at);
	}
}

/*
 * Events and corrections were recorded in a set, registered as "recorded";
 * their members are locked.  Inside core_enter().
 */
void
tier_note_recorded(int64 program, bool keep)
{
	static CorePlan plan = {
		.sql = "SELECT coalesce(g.bearer_id, r.member_id) AS member_id,"
		" min(r.at), max(r.at) FROM recorded AS r"
		" LEFT JOIN community.member_merge AS g ON g.program_id = $1"
		"  AND g.member_id = r.member_id"
		" WHERE $2 IS NULL OR r.type = ANY ($2) GROUP BY 1 ORDER BY 1",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTARRAYOID}
	};
	MemoryContext context = CurrentMemoryContext;
	const TierLadders *ladders;
	Datum		values[2];
	char		nulls[3] = "  ";
	int64	   *members;
	TimestampTz *since;
	TimestampTz until = DT_NOBEGIN;
	int			count;
	int			i;

	award_recorded(program, keep);
	ladders = tier_ladders(program);
	if (ladders->count == 0)
		return;
	touch_recorded(ladders, keep);
	values[0] = Int64GetDatum(program);
	values[1] = counted_types(ladders, false);
	if (values[1] == (Datum) 0)
		nulls[1] = 'n';
	run_recorded(&plan, keep, values, nulls);
	MemoryContextSwitchTo(context);
	count = SPI_processed;
	members = palloc_array(int64, count + 1);
	since = palloc_array(TimestampTz, count + 1);
	for (i = 0; i < count; i++)
	{
		bool		isnull;

		members[i] = core_int64(i, 1);
		since[i] = DatumGetTimestampTz(core_field(i, 2, &isnull));
		until = Max(until, DatumGetTimestampTz(core_field(i, 3, &isnull)));
	}
	note_members(program, members, since, count,
				 Min(until, GetCurrentTimestamp()),
				 settle_recorded(program, keep), NULL);
}

/* Let a member be worked out anew, without waiting for its lock. */
void
tier_touch_member(int64 program, int64 member)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.standing_touch (program_id, member_id)"
		" VALUES ($1, $2)",
		.by_index = true,
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	core_run(&plan, values, NULL, false);
}

/*
 * A member, who is locked, bears what another did from now on.  That is worked
 * out later, and nothing is added to the standing without a look at it.
 */
void
tier_note_merge(int64 program, int64 into)
{
	static CorePlan plan = {
		.sql = "UPDATE community.standing AS s SET plain = false"
		" FROM (SELECT DISTINCT v.ladder_id FROM community.ladder_version AS v"
		"  WHERE v.program_id = $1) AS l"
		" WHERE s.program_id = $1 AND s.ladder_id = l.ladder_id"
		" AND s.member_id = $2",
		.by_index = true,
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(into);
	core_run(&plan, values, NULL, false);
	tier_touch_member(program, into);
}

/* Does any gauge of the program's ladders count that? */
static bool
any_counts(int64 program, TierMeasureKind kind, int64 currency_id)
{
	const TierLadders *ladders = tier_ladders(program);
	int			i;
	int			j;

	for (i = 0; i < ladders->count; i++)
		for (j = 0; j < ladders->ladders[i].algo.ngauges; j++)
		{
			const TierMeter *meter = &ladders->ladders[i].meters[j];

			if (meter->kind == kind && meter->currency_id == currency_id)
				return true;
		}
	return false;
}

/*
 * A member, who may not be locked, has earned points or was to give some back.
 * On ladders that count them that is worked out later.
 */
void
tier_note_earned(int64 program, int64 member, int64 currency_id)
{
	const TierLadders *ladders = tier_kept_ladders(program);

	if (ladders != NULL && ladders->count == 0)
		return;
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (any_counts(program, TIER_POINTS, currency_id))
		tier_touch_member(program, member);
	SPI_finish();
}

/*
 * Somebody whom a member, who may not be locked, has brought has qualified,
 * or does not count as qualified any more.  Inside core_enter().
 */
void
tier_note_qualified(int64 program, int64 member)
{
	if (any_counts(program, TIER_QUALIFIED_REFERRALS, 0))
		tier_touch_member(program, member);
}

/*
 * Work members out until a time, on all ladders.  They are locked, and in
 * ascending order; notes that they were touched are done with by this.
 */
void
tier_work_out(int64 program, int64 *members, int count, TimestampTz as_of)
{
	static CorePlan plan = {
		.sql = "WITH gone AS (DELETE FROM community.standing_touch"
		" WHERE program_id = $1 AND member_id = ANY ($2)"
		" RETURNING member_id)"
		" SELECT u.member_id, EXISTS (SELECT FROM gone AS g"
		"  WHERE g.member_id = u.member_id)"
		" FROM unnest($2) WITH ORDINALITY AS u (member_id, n) ORDER BY u.n",
		.by_index = true,
		.nargs = 2,
		.argtypes = {INT8OID, INT8ARRAYOID}
	};
	MemoryContext context = CurrentMemoryContext;
	TimestampTz *since = palloc_array(TimestampTz, count + 1);
	Datum		values[2];
	int			i;

	values[0] = Int64GetDatum(program);
	values[1] = member_array(members, count);
	core_run(&plan, values, NULL, false);
	MemoryContextSwitchTo(context);
	for (i = 0; i < count; i++)
		since[i] = core_bool(i, 2) ? DT_NOBEGIN : DT_NOEND;
	/* a version may have come into force in the past */
	if (tier_has_payments(program))
		(void) tier_settle_payments_of(program,
									   DatumGetArrayTypeP(values[1]));
	note_members(program, members, since, count, as_of, true, NULL);
}
