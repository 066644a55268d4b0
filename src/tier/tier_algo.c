/*-------------------------------------------------------------------------
 *
 * tier_algo.c
 *	  How a ladder is climbed and lost.
 *
 * A member's way is walked from instant to instant: the changes of gauges
 * that the caller brings, and the times at which something ends or begins by
 * itself.  At each of them the ladder is judged in the order that doc/tier.md
 * lays down.  The result depends on nothing but what is handed in, so it does
 * not matter in how many runs a way is walked.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "common/int.h"
#include "datatype/timestamp.h"

#include "tier/tier_algo.h"

static const TierVersion *
held_version(const TierRun *run)
{
	return run->state.version < 0 ? NULL :
		&run->ladder->versions[run->state.version];
}

/* The version in force at a time, or -1. */
static int
version_at(const TierLadder *ladder, int64 at)
{
	int			i;

	for (i = ladder->nversions - 1; i >= 0; i--)
		if (ladder->versions[i].from <= at)
			return at < ladder->versions[i].until ? i : -1;
	return -1;
}

static bool
is_locked(const TierRun *run, int64 at)
{
	int			i;

	for (i = 0; i < run->nrulings; i++)
		if (run->rulings[i].kind == TIER_LOCK &&
			run->rulings[i].from <= at && at < run->rulings[i].until)
			return true;
	return false;
}

/* Is there a ruling of that kind about a tier? */
static bool
is_ruled(const TierRun *run, TierRulingKind kind, const char *tier, int64 at)
{
	int			i;

	for (i = 0; i < run->nrulings; i++)
		if (run->rulings[i].kind == kind &&
			run->rulings[i].from <= at && at < run->rulings[i].until &&
			strcmp(run->rulings[i].tier, tier) == 0)
			return true;
	return false;
}

/* The highest rank that no veto forbids. */
static int
permitted_rank(const TierRun *run, const TierVersion *version, int64 at)
{
	int			rank;

	if (run->nrulings > 0)
		for (rank = 1; rank <= version->nrungs; rank++)
			if (is_ruled(run, TIER_VETO, version->rungs[rank - 1].name, at))
				return rank - 1;
	return version->nrungs;
}

static bool
is_open(const TierRun *run, const TierRung *rung, int64 at)
{
	return !rung->by_seat &&
		(rung->entry == TIER_BY_REQUIREMENTS ||
		 (rung->entry == TIER_BY_INVITATION &&
		  is_ruled(run, TIER_INVITATION, rung->name, at)));
}

/* May a member who qualifies for a tier reach it? */
bool
tier_is_open(const TierRun *run, int rank, int64 at)
{
	const TierVersion *version = held_version(run);

	return rank <= permitted_rank(run, version, at) &&
		is_open(run, &version->rungs[rank - 1], at);
}

/* A decayed score, kept as it was at as_of, as it is at a later time. */
static double
decayed_to(double score, int64 half_life, int64 from, int64 to)
{
	if (score == 0 || from == to || from == TIER_PAST)
		return score;
	return score * exp2(-((double) (to - from)) / (double) half_life);
}

/* The value of a gauge that is a fraction at a time not before as_of. */
double
tier_score_at(const TierLadder *ladder, const TierState *state, int gauge,
			  int64 at)
{
	const TierGauge *g = &ladder->gauges[gauge];

	return g->scale != TIER_DECAYED ? state->scores[gauge] :
		decayed_to(state->scores[gauge], g->half_life, state->as_of, at);
}

/* Is one requirement met, by the value at a time not before as_of? */
bool
tier_requirement_is_met(const TierLadder *ladder, const TierState *state,
						const TierRequirement *r, bool keep, int64 at)
{
	if (ladder->gauges[r->gauge].scale == TIER_WHOLE)
	{
		int64		amount = state->amounts[r->gauge];
		int64		bar = keep ? r->keep : r->attain;

		return r->at_most ? amount <= bar : amount >= bar;
	}
	else
	{
		double		score = tier_score_at(ladder, state, r->gauge, at);
		double		bar = keep ? r->keep_score : r->attain_score;

		return r->at_most ? score <= bar : score >= bar;
	}
}

/* Are the requirements met, to attain a tier or to keep it? */
bool
tier_meets(const TierLadder *ladder, const TierState *state,
		   const TierRung *rung, bool keep, int64 at)
{
	int			met = 0;
	int			i;

	for (i = 0; i < rung->nrequirements; i++)
		met += tier_requirement_is_met(ladder, state, &rung->requirements[i],
									   keep, at);
	return met >= rung->needs;
}

/* The highest tier that is attained, open and permitted; 0 for none. */
int
tier_attained(const TierRun *run, int64 at)
{
	const TierVersion *version = held_version(run);
	int			rank;

	if (version == NULL)
		return 0;
	for (rank = permitted_rank(run, version, at); rank > 0; rank--)
	{
		const TierRung *rung = &version->rungs[rank - 1];

		if (tier_meets(run->ladder, &run->state, rung, false, at) &&
			is_open(run, rung, at))
			return rank;
	}
	return 0;
}

static bool
is_kept(const TierRun *run, int64 at)
{
	const TierRung *rung = &held_version(run)->rungs[run->state.rank - 1];

	return tier_meets(run->ladder, &run->state, rung, true, at);
}

/* The tenure that lasts ends. */
static void
end_span(TierRun *run, int64 at)
{
	if (run->nspans == 0)
	{
		if (run->state.rank > 0 && run->first_until == TIER_NEVER)
			run->first_until = at;
	}
	else if (run->spans[run->nspans - 1].from == at)
		run->nspans--;			/* it was never held */
	else if (run->spans[run->nspans - 1].until == TIER_NEVER)
		run->spans[run->nspans - 1].until = at;
}

static void
begin_span(TierRun *run, int64 at, int rank, bool grace, int64 ends,
		   TierReason reason)
{
	TierState  *state = &run->state;
	TierSpan   *span;

	end_span(run, at);
	state->rank = rank;
	state->grace = grace;
	state->since = at;
	state->ends = ends;
	if (rank == 0)
		return;
	if (run->nspans == run->maxspans)
	{
		run->maxspans = Max(8, run->maxspans * 2);
		run->spans = run->spans == NULL ?
			palloc_array(TierSpan, run->maxspans) :
			repalloc_array(run->spans, TierSpan, run->maxspans);
	}
	span = &run->spans[run->nspans++];
	span->from = at;
	span->until = TIER_NEVER;
	span->ends = ends;
	span->version = state->version;
	span->rank = rank;
	span->grace = grace;
	span->reason = reason;
	span->judged = state->version;
	span->judged_rank = rank;
	span->past = false;
}

/* The tenure that has just begun was judged by that tier of that version. */
static void
note_judged(TierRun *run, int version, int rank, bool past)
{
	TierSpan   *span = &run->spans[run->nspans - 1];

	span->judged = version;
	span->judged_rank = rank;
	span->past = past;
}

/* End of a term that begins at a time; NEVER where there are none. */
static int64
term_end(const TierRun *run, int64 from, bool past)
{
	const TierVersion *version = held_version(run);
	const TierCalendar *calendar = &run->ladder->calendar;

	return version->demotion == TIER_DEMOTE_AT_TERM_END ?
		calendar->term_end(calendar->arg, version, from, past) : TIER_NEVER;
}

/* The rank that a tier of one version has in another. */
static int
carried_rank(const TierVersion *from, int rank, const TierVersion *to)
{
	int			i;

	for (i = 0; i < to->nrungs; i++)
		if (strcmp(to->rungs[i].name, from->rungs[rank - 1].name) == 0)
			return i + 1;
	return Min(rank, to->nrungs);
}

/* Take the tier along into another version; no tenure begins by this. */
static void
switch_version(TierRun *run, int version)
{
	TierState  *state = &run->state;
	const TierVersion *to = &run->ladder->versions[version];

	if (state->rank > 0)
		state->rank = carried_rank(held_version(run), state->rank, to);
	state->version = version;
}

/* The version in force applies from now on, unless an old one is kept. */
static void
adopt_versions(TierRun *run, int64 at)
{
	TierState  *state = &run->state;
	int			current = version_at(run->ladder, at);
	int			i;

	if (state->rank == 0)
		state->version = current;
	for (i = state->version + 1; i <= current; i++)
	{
		int			rank = state->rank;
		int64		ends = state->ends;
		const char *name = held_version(run)->rungs[rank - 1].name;
		const TierVersion *to = &run->ladder->versions[i];

		if (to->grandfathers)
			continue;
		switch_version(run, i);
		if (!state->grace && to->demotion != TIER_DEMOTE_AT_TERM_END)
			ends = TIER_NEVER;
		else if (!state->grace && ends == TIER_NEVER)
			ends = term_end(run, at, false);
		if (rank != state->rank || ends != state->ends ||
			strcmp(name, to->rungs[state->rank - 1].name) != 0)
			begin_span(run, at, state->rank, state->grace, ends,
					   TIER_CARRIED);
	}
}

/* Once a tenure ends, what follows is of the version in force. */
static void
leave_old_version(TierRun *run, int64 at)
{
	int			current = version_at(run->ladder, at);

	if (current > run->state.version)
		switch_version(run, current);
}

/* Go down, as the version says. */
static void
land(TierRun *run, int64 at, bool past, int below, TierReason reason)
{
	const TierVersion *version;
	int			rank;

	leave_old_version(run, at);
	version = held_version(run);
	rank = Min(run->state.rank - 1, below);
	rank = Min(rank, permitted_rank(run, version, at));
	for (; rank > 0; rank--)
	{
		const TierRung *rung = &version->rungs[rank - 1];

		if (is_open(run, rung, at) &&
			(version->one_down ||
			 tier_meets(run->ladder, &run->state, rung, true, at)))
			break;
	}
	begin_span(run, at, rank, false,
			   rank > 0 ? term_end(run, at, past) : TIER_NEVER, reason);
	if (rank > 0)
		note_judged(run, run->state.version, rank, past);
}

static void
begin_grace(TierRun *run, int64 at, bool past)
{
	const TierCalendar *calendar = &run->ladder->calendar;
	int64		ends = calendar->grace_end(calendar->arg, held_version(run),
										   at);
	int			version = run->state.version;
	int			rank = run->state.rank;

	leave_old_version(run, at);
	begin_span(run, at, run->state.rank, true, ends, TIER_GRACED);
	note_judged(run, version, rank, past);
}

/* A term or grace has ended; the past is judged. */
static void
judge_end(TierRun *run, int64 at)
{
	TierState  *state = &run->state;
	int			version = state->version;
	int			rank = state->rank;

	if (state->grace)
		land(run, at, true, TIER_MAX_RANK, TIER_DEMOTED);
	else if (is_kept(run, at))
	{
		leave_old_version(run, at);
		begin_span(run, at, state->rank, false, term_end(run, at, true),
				   TIER_RENEWED);
		note_judged(run, version, rank, true);
	}
	else if (held_version(run)->has_grace)
		begin_grace(run, at, true);
	else
		land(run, at, true, TIER_MAX_RANK, TIER_DEMOTED);
}

static void
promote(TierRun *run, int64 at, bool past)
{
	int			version = run->state.version;
	int			rank = tier_attained(run, at);

	if (rank <= run->state.rank)
		return;
	run->state.rank = rank;
	leave_old_version(run, at);
	begin_span(run, at, run->state.rank, false, term_end(run, at, past),
			   TIER_PROMOTED);
	note_judged(run, version, rank, past);
}

/* Does a promotion period end at that time? */
static bool
is_promotion_time(const TierRun *run, int64 at)
{
	const TierVersion *version = held_version(run);
	const TierCalendar *calendar = &run->ladder->calendar;

	return !version->promotes_at_once &&
		calendar->promotion(calendar->arg, version, at - 1) == at;
}

static void
judge_drop(TierRun *run, int64 at)
{
	const TierCalendar *calendar = &run->ladder->calendar;
	const TierVersion *version;

	/* where one lands may be lost at once, too */
	while (run->state.rank > 0 && !run->state.grace && !is_kept(run, at))
	{
		version = held_version(run);
		if (version->demotion != TIER_DEMOTE_ON_DROP ||
			at < calendar->dwell_end(calendar->arg, version,
									 run->state.since))
			return;
		if (version->has_grace)
			begin_grace(run, at, false);
		else
			land(run, at, false, TIER_MAX_RANK, TIER_DEMOTED);
	}
}

/* Judge what is, once the changes of the time have been made. */
static void
judge_now(TierRun *run, int64 at)
{
	TierState  *state = &run->state;
	int			permitted = permitted_rank(run, held_version(run), at);

	if (state->rank > permitted)
		land(run, at, false, permitted, TIER_VETOED);
	if (held_version(run)->promotes_at_once)
		promote(run, at, false);
	if (state->rank == 0)
		return;
	if (state->grace)
	{
		if (is_kept(run, at))
			begin_span(run, at, state->rank, false, term_end(run, at, false),
					   TIER_RECOVERED);
	}
	else if (held_version(run)->demotion == TIER_DEMOTE_ON_DROP)
		judge_drop(run, at);
}

/* Let time pass, with nothing happening in it. */
static void
move_to(TierRun *run, int64 at)
{
	TierState  *state = &run->state;
	int			i;

	for (i = 0; i < run->ladder->ngauges; i++)
		if (run->ladder->gauges[i].scale == TIER_DECAYED)
			state->scores[i] = tier_score_at(run->ladder, state, i, at);
	state->as_of = at;
}

/* As much as fits: a sum stays at the limit that it has reached. */
int64
tier_add_amounts(int64 a, int64 b)
{
	int64		sum;

	if (pg_add_s64_overflow(a, b, &sum))
		return b > 0 ? PG_INT64_MAX : PG_INT64_MIN;
	return sum;
}

static void
apply(TierRun *run, const TierChange *change)
{
	TierState  *state = &run->state;
	const TierGauge *gauge = &run->ladder->gauges[change->gauge];
	bool		falls;

	if (gauge->scale == TIER_WHOLE)
	{
		int64	   *amount = &state->amounts[change->gauge];
		int64		before = *amount;

		*amount = change->act == TIER_SET ? change->amount :
			tier_add_amounts(before, change->amount);
		falls = *amount < before || (gauge->capped && *amount > before);
	}
	else
	{
		double	   *score = &state->scores[change->gauge];
		double		before = *score;

		*score = change->act == TIER_SET ? change->score :
			before + change->score;
		falls = *score < before || (gauge->capped && *score > before);
	}
	if (falls)
		state->falling_at = change->at;
}

/* All that happens at one time. */
static void
step(TierRun *run, int64 at, const TierChange *changes, int nchanges)
{
	TierState  *state = &run->state;
	bool		judges = at >= run->joined_at && !is_locked(run, at);
	int			i;

	move_to(run, at);
	if (judges && state->version >= 0)
	{
		if (state->rank > 0 && state->ends <= at)
			judge_end(run, at);
		if (is_promotion_time(run, at))
			promote(run, at, true);
	}
	if (judges)
		adopt_versions(run, at);
	for (i = 0; i < nchanges; i++)
		apply(run, &changes[i]);
	if (judges && state->version >= 0)
		judge_now(run, at);
}

/* When a decayed score falls below what keeps the tier, at a whole second. */
int64
tier_falls_below_at(const TierRun *run, const TierRequirement *requirement)
{
	const TierState *state = &run->state;
	double		score = state->scores[requirement->gauge];
	double		half_life =
	run->ladder->gauges[requirement->gauge].half_life;
	double		after;
	int64		at;

	if (requirement->keep_score <= 0 || score < requirement->keep_score)
		return TIER_NEVER;
	after = half_life * log2(score / requirement->keep_score);
	if (after > (double) (END_TIMESTAMP - state->as_of))
		return TIER_NEVER;
	at = state->as_of + (int64) after;
	at += USECS_PER_SEC - (at % USECS_PER_SEC + USECS_PER_SEC) %
		USECS_PER_SEC;
	while (at <= state->as_of ||
		   tier_score_at(run->ladder, state, requirement->gauge, at) >=
		   requirement->keep_score)
		at += USECS_PER_SEC;
	return at;
}

/* When the tier drops by itself, with nothing happening. */
static int64
drops_at(const TierRun *run)
{
	const TierState *state = &run->state;
	const TierVersion *version = held_version(run);
	const TierRung *rung = &version->rungs[state->rank - 1];
	const TierCalendar *calendar = &run->ladder->calendar;
	int64		at = TIER_NEVER;
	int64		dwell;
	int			i;

	if (!is_kept(run, state->as_of))
	{
		dwell = calendar->dwell_end(calendar->arg, version, state->since);
		return dwell > state->as_of ? dwell : TIER_NEVER;
	}
	for (i = 0; i < rung->nrequirements; i++)
		if (run->ladder->gauges[rung->requirements[i].gauge].scale ==
			TIER_DECAYED)
			at = Min(at, tier_falls_below_at(run, &rung->requirements[i]));
	return at;
}

static int64
sooner(int64 at, int64 than, int64 after)
{
	return at > after && at < than ? at : than;
}

/* The next time at which the ladder is to be judged, changes apart. */
int64
tier_next_instant(const TierRun *run)
{
	const TierState *state = &run->state;
	const TierVersion *version = held_version(run);
	const TierCalendar *calendar = &run->ladder->calendar;
	int64		now = state->as_of;
	int64		at = sooner(run->joined_at, TIER_NEVER, now);
	int			i;

	for (i = run->ladder->nversions - 1; i >= 0; i--)
	{
		if (run->ladder->versions[i].from <= now)
			break;
		at = sooner(run->ladder->versions[i].from, at, now);
	}
	for (i = 0; i < run->nrulings; i++)
	{
		at = sooner(run->rulings[i].from, at, now);
		at = sooner(run->rulings[i].until, at, now);
	}
	if (version == NULL || now < run->joined_at)
		return at;
	if (state->rank > 0)
		at = sooner(state->ends, at, now);
	if (!version->promotes_at_once && !is_locked(run, now) &&
		tier_attained(run, now) > state->rank)
		at = sooner(calendar->promotion(calendar->arg, version, now), at,
					now);
	if (state->rank > 0 && !state->grace &&
		version->demotion == TIER_DEMOTE_ON_DROP)
		at = sooner(drops_at(run), at, now);
	return at;
}

/* Begin before anything happened.  Rulings are the caller's to add. */
void
tier_start(TierRun *run, const TierLadder *ladder, int64 joined_at)
{
	memset(run, 0, sizeof(TierRun));
	run->ladder = ladder;
	run->joined_at = joined_at;
	run->first_until = TIER_NEVER;
	run->state.as_of = TIER_PAST;
	run->state.falling_at = TIER_PAST;
	run->state.version = -1;
	run->state.since = TIER_PAST;
	run->state.ends = TIER_NEVER;
	run->state.amounts = palloc0_array(int64, ladder->ngauges + 1);
	run->state.scores = palloc0_array(double, ladder->ngauges + 1);
}

/*
 * Walk on from as_of until a time, with the changes in between in the order
 * of time.  One that stops is at as_of then.
 */
void
tier_run(TierRun *run, const TierChange *changes, int nchanges, int64 until)
{
	int			i = 0;

	for (;;)
	{
		int64		at = tier_next_instant(run);
		int			n = 0;

		if (i < nchanges && changes[i].at < at)
			at = changes[i].at;
		if (at > until || at == TIER_NEVER)
			break;
		while (i + n < nchanges && changes[i + n].at == at)
			n++;
		step(run, at, changes + i, n);
		i += n;
		if (run->stops &&
			(run->nspans > 0 || run->first_until != TIER_NEVER))
			return;
	}
	if (until != TIER_NEVER && until > run->state.as_of)
		move_to(run, until);
}
