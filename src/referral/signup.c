/*-------------------------------------------------------------------------
 *
 * signup.c
 *	  What either side gets once a member that was brought qualifies.
 *
 * By an event it is given when that is recorded, by time when maintenance
 * finds that it has come.  A unique index sees that each side gets what a rule
 * names once for each referee.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "period/period.h"
#include "referral/commission.h"
#include "referral/sanction.h"

/* Referees that maintenance looks at in one transaction. */
#define REFEREES_A_BATCH	1000

static bool
is_given(int64 program, int64 referee, const SignupReward *reward)
{
	static CorePlan plan = {
		.sql = "SELECT FROM community.signup_reward_given"
		" WHERE program_id = $1 AND referee_id = $2 AND name = $3"
		" AND side = $4 AND withdrawn_at IS NULL",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, TEXTOID, TEXTOID},
		.by_index = true
	};
	Datum		values[4];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(referee);
	values[2] = CStringGetTextDatum(reward->name);
	values[3] = CStringGetTextDatum(reward->for_sponsor ? "sponsor" :
									"referee");
	core_run(&plan, values, NULL, false);
	return SPI_processed > 0;
}

/* Claim it for a referee; gives its id, and 0 when it has been given. */
static int64
claim(int64 program, const SignupReward *reward, int64 referee, int64 payee,
	  int64 event_id, TimestampTz at)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.signup_reward_given (program_id,"
		" given_id, referee_id, name, side, reward_id, payee_id, event_id,"
		" points, qualified_at) VALUES ($1, community.next_id(), $2, $3, $4,"
		" $5, $6, nullif($7, 0), $8, $9) ON CONFLICT DO NOTHING"
		" RETURNING given_id",
		.nargs = 9,
		.argtypes = {INT8OID, INT8OID, TEXTOID, TEXTOID, INT8OID, INT8OID,
		INT8OID, INT8OID, TIMESTAMPTZOID}
	};
	Datum		values[9];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(referee);
	values[2] = CStringGetTextDatum(reward->name);
	values[3] = CStringGetTextDatum(reward->for_sponsor ? "sponsor" :
									"referee");
	values[4] = Int64GetDatum(reward->id);
	values[5] = Int64GetDatum(payee);
	values[6] = Int64GetDatum(event_id);
	values[7] = Int64GetDatum(reward->points);
	values[8] = TimestampTzGetDatum(at);
	core_run(&plan, values, NULL, false);
	return SPI_processed == 0 ? 0 : core_int64(0, 1);
}

static void
note_hold(int64 program, int64 given_id, TimestampTz until)
{
	static CorePlan plan = {
		.sql = "UPDATE community.signup_reward_given SET held_until = $3"
		" WHERE program_id = $1 AND given_id = $2",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID},
		.by_index = true
	};
	Datum		values[3];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(given_id);
	values[2] = TimestampTzGetDatum(until);
	core_run(&plan, values, NULL, false);
}

static Datum
key_of(int64 given_id)
{
	return CStringGetTextDatum(psprintf(SIGNUP_KEY "%lld",
										(long long) given_id));
}

/* Give a reward, unless it has been given or there is nobody to get it. */
static void
give(const CommissionPlans *plans, const SignupReward *reward, int64 referee,
	 const Upline *upline, int64 event_id, TimestampTz at)
{
	const UplineMember *sponsor = &upline->members[0];
	int64		payee = reward->for_sponsor ? sponsor->payee : referee;
	TimestampTz until;
	ReferralPayment payment = {0};

	if (reward->for_sponsor && sponsor->lack != COMMISSION_LACKS_NOTHING)
		return;
	if (is_given(plans->program, referee, reward) ||
		referral_was_member(plans->program, referee))
		return;
	payment.given_id = claim(plans->program, reward, referee, payee, event_id,
							 at);
	if (payment.given_id == 0)
		return;
	payment.payee = payee;
	payment.currency_id = reward->currency_id;
	payment.points = reward->points;
	payment.kind = SIGNUP_ENTRY;
	payment.at = at;
	payment.pending_for = reward->pending_for;
	payment.key = key_of(payment.given_id);
	payment.reason = CStringGetTextDatum(reward->name);
	payment.ends[0] = referee;
	payment.ends[1] = payee;
	payment.ends[2] = reward->for_sponsor ? sponsor->member : 0;
	if (reward->for_sponsor && referral_qualified_hook != NULL)
		referral_qualified_hook(plans->program, payee);
	until = referral_pay(plans, &payment);
	if (until != DT_NOBEGIN)
		note_hold(plans->program, payment.given_id, until);
}

/* Does it come so long after the sponsor as the rule wants? */
static bool
is_in_time(const CommissionPlans *plans, const SignupReward *reward,
		   TimestampTz joined_at, TimestampTz at)
{
	return (reward->after == NULL ||
			at >= period_add_interval(joined_at, reward->after,
									  plans->zone)) &&
		(reward->within == NULL ||
		 at < period_add_interval(joined_at, reward->within, plans->zone)) &&
		reward->valid_from <= at && at < reward->valid_until;
}

static bool
wants_event(const SignupReward *reward, const CommissionEvent *event)
{
	return event->amount >= reward->minimum_amount &&
		referral_names_type(reward->types, reward->ntypes, event->type);
}

/*
 * Give what an event that was just recorded qualifies its member for, who is
 * locked.  Inside core_enter().
 */
void
referral_reward_event(const CommissionPlans *plans,
					  const CommissionEvent *event)
{
	Upline		upline;
	bool		is_read = false;
	int			i;

	for (i = 0; i < plans->nrewards; i++)
	{
		const SignupReward *reward = &plans->rewards[i];

		if (!wants_event(reward, event))
			continue;
		if (!is_read)
			referral_paid_upline(plans, event->member, event->occurred_at,
								 1, &upline);
		is_read = true;
		if (!upline.is_referred)
			return;
		if (is_in_time(plans, reward, upline.joined_at,
					   Max(event->occurred_at, upline.joined_at)))
			give(plans, reward, event->member, &upline, event->event_id,
				 event->occurred_at);
	}
}

/* Note that a reward is not given any more.  Inside core_enter(). */
void
referral_withdraw_reward(int64 program, int64 given_id)
{
	static CorePlan plan = {
		.sql = "UPDATE community.signup_reward_given"
		" SET withdrawn_at = clock_timestamp()"
		" WHERE program_id = $1 AND given_id = $2"
		" AND withdrawn_at IS NULL RETURNING side = 'sponsor',"
		" (SELECT coalesce(max(b.bearer_id), payee_id)"
		"  FROM community.member_merge AS b"
		"  WHERE b.program_id = $1 AND b.member_id = payee_id)",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID},
		.by_index = true
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(given_id);
	core_run(&plan, values, NULL, false);
	if (SPI_processed > 0 && core_bool(0, 1) &&
		referral_qualified_hook != NULL)
		referral_qualified_hook(program, core_int64(0, 2));
}

/*
 * Take back, while they are on hold, the rewards that an event has brought
 * and would not by what is left of it.  Inside core_enter().
 */
void
referral_withdraw_rewards(const CommissionPlans *plans,
						  const CommissionEvent *event,
						  bool dead, Datum reason)
{
	static CorePlan plan = {
		.sql = "SELECT g.given_id, g.points"
		" FROM community.signup_reward_given AS g"
		" JOIN community.signup_reward AS r ON r.program_id = g.program_id"
		" AND r.reward_id = g.reward_id"
		" WHERE g.program_id = $1 AND g.event_id = $2"
		" AND g.withdrawn_at IS NULL AND g.held_until > clock_timestamp()"
		" AND ($4 OR $3 < r.minimum_amount)"
		" ORDER BY g.payee_id, g.given_id",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, INT8OID, BOOLOID},
		.by_index = true
	};
	SPITupleTable *found;
	Datum		values[4];
	uint64		count;
	uint64		i;

	if (plans->nrewards == 0)
		return;
	values[0] = Int64GetDatum(event->program);
	values[1] = Int64GetDatum(event->event_id);
	values[2] = Int64GetDatum(event->amount);
	values[3] = BoolGetDatum(dead);
	core_run(&plan, values, NULL, false);
	found = SPI_tuptable;
	count = SPI_processed;
	for (i = 0; i < count; i++)
	{
		bool		isnull;
		int64		id = DatumGetInt64(SPI_getbinval(found->vals[i],
													 found->tupdesc, 1,
													 &isnull));

		int64		points = DatumGetInt64(SPI_getbinval(found->vals[i],
														 found->tupdesc, 2,
														 &isnull));

		if (points > 0)
			(void) referral_ledger.take(event->program, key_of(id), points,
										reason);
		referral_withdraw_reward(event->program, id);
	}
}

/* What time alone has qualified one referee for by then. */
static void
give_by_time(const CommissionPlans *plans, int64 referee,
			 TimestampTz joined_at, TimestampTz as_of)
{
	int			i;

	for (i = 0; i < plans->nrewards; i++)
	{
		const SignupReward *reward = &plans->rewards[i];
		TimestampTz at;
		Upline		upline;

		if (reward->ntypes > 0)
			continue;
		at = period_add_interval(joined_at, reward->after, plans->zone);
		if (at > as_of || !is_in_time(plans, reward, joined_at, at))
			continue;
		referral_paid_upline(plans, referee, at, 1, &upline);
		if (upline.is_referred)
			give(plans, reward, referee, &upline, 0, at);
	}
}

/* A member that was brought, and when. */
typedef struct Referee
{
	int64		member;
	TimestampTz joined_at;
} Referee;

/*
 * A batch of those after "last" to whom, or to whose sponsors, time alone may
 * bring something by then.  Gives how many.
 */
static int
find_referees(int64 program, TimestampTz as_of, int64 last,
			  Referee **referees)
{
	static CorePlan plan = {
		.sql = "SELECT r.member_id, r.joined_at FROM community.referral AS r"
		" JOIN community.member AS m ON m.program_id = r.program_id"
		" AND m.member_id = r.member_id"
		" WHERE r.program_id = $1 AND r.member_id > $2"
		" AND r.sponsor_id IS NOT NULL AND r.joined_at <= $3"
		" AND m.status = 'active' AND EXISTS (SELECT"
		"  FROM community.signup_reward AS w WHERE w.program_id = $1"
		"  AND w.types IS NULL AND NOT EXISTS (SELECT"
		"   FROM community.signup_reward_given AS g WHERE g.program_id = $1"
		"   AND g.referee_id = r.member_id AND g.name = w.name"
		"   AND g.side = w.side AND g.withdrawn_at IS NULL))"
		" ORDER BY r.member_id LIMIT $4",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID, INT8OID},
		.by_index = true
	};
	Datum		values[4];
	int			count;
	int			i;

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(last);
	values[2] = TimestampTzGetDatum(as_of);
	values[3] = Int64GetDatum(REFEREES_A_BATCH);
	core_run(&plan, values, NULL, false);
	count = (int) SPI_processed;
	*referees = palloc_array(Referee, count + 1);
	for (i = 0; i < count; i++)
	{
		bool		isnull;

		(*referees)[i].member = core_int64(i, 1);
		(*referees)[i].joined_at = DatumGetTimestampTz(core_field(i, 2,
																  &isnull));
	}
	return count;
}

/*
 * Give what time alone has qualified members for by then, a batch of those
 * after "last", which moves on.  Gives how many were looked at; 0 is the end.
 * Inside core_enter().
 */
int64
referral_settle_signups(int64 program, TimestampTz as_of, int64 *last)
{
	const CommissionPlans *plans = referral_plans(program);
	Referee    *referees;
	int			count;
	int			i;

	if (plans->nrewards == 0)
		return 0;
	count = find_referees(program, as_of, *last, &referees);
	for (i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		*last = referees[i].member;
		give_by_time(plans, *last, referees[i].joined_at, as_of);
	}
	return count;
}

/*
 * Whom the same batch may bring something, and in which currencies: the
 * referees and their sponsors.  Inside core_enter().
 */
void
referral_find_rewarded(int64 program, TimestampTz as_of, int64 last,
					   int64 **payees, int *npayees, int64 **currencies,
					   int *ncurrencies)
{
	const CommissionPlans *plans = referral_plans(program);
	Referee    *referees;
	int			count = find_referees(program, as_of, last, &referees);
	int			i;

	*payees = palloc_array(int64, 2 * count + 1);
	*currencies = palloc_array(int64, plans->nrewards + 1);
	*npayees = *ncurrencies = 0;
	for (i = 0; i < plans->nrewards; i++)
		if (plans->rewards[i].ntypes == 0)
			(*currencies)[(*ncurrencies)++] = plans->rewards[i].currency_id;
	for (i = 0; i < count; i++)
	{
		Upline		upline;

		CHECK_FOR_INTERRUPTS();
		(*payees)[(*npayees)++] = referees[i].member;
		referral_paid_upline(plans, referees[i].member, as_of, 1, &upline);
		if (upline.is_referred)
			(*payees)[(*npayees)++] = upline.members[0].payee;
	}
}
