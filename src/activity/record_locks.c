/*-------------------------------------------------------------------------
 *
 * record_locks.c
 *	  The accounts that an event or a batch of rewards locks, in one order.
 *
 * An event credits who did it, its target and those above, each when its turn
 * comes.  Where one of these accounts must be locked, all that must are,
 * before any of them, in ascending order, so that two events do not wait for
 * each other in a circle.  Nothing is looked up as long as none must.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "activity/activity.h"
#include "core/compat.h"
#include "core/core.h"
#include "points/ledger.h"
#include "points/rules.h"
#include "referral/commission.h"

/* The event that is being recorded, and who did it. */
static const ActivityEvent *locked_event = NULL;
static const ActivityReceipt *locked_receipt = NULL;

/* The batch of signups that is being rewarded. */
static struct
{
	int64		program;
	TimestampTz as_of;
	int64		last;
}			locked_signups;

typedef struct Places
{
	int			count;
	int			room;
	PointsPlace *places;
} Places;

static void
add_place(Places *places, int64 member, int64 currency_id)
{
	if (places->count == places->room)
	{
		places->room = places->room * 2 + 16;
		places->places = places->places == NULL ?
			palloc_array(PointsPlace, places->room) :
			repalloc(places->places, places->room * sizeof(PointsPlace));
	}
	places->places[places->count].member = member;
	places->places[places->count++].currency_id = currency_id;
}

static void
add_payments(Places *places, const int64 *payees, int npayees,
			 const int64 *currencies, int ncurrencies)
{
	int			i;
	int			j;

	for (i = 0; i < npayees; i++)
		for (j = 0; j < ncurrencies; j++)
			add_place(places, payees[i], currencies[j]);
}

/* What rules may give for the event. */
static void
add_rules(Places *places)
{
	const PointsRules *rules = points_rules(locked_event->program);
	int			i;

	for (i = 0; i < rules->nrules; i++)
	{
		const PointsRule *rule = &rules->rules[i];

		if (rule->type != NULL &&
			!core_same_text(rule->type, DatumGetTextPP(locked_event->type)))
			continue;
		if (!rule->to_target)
			add_place(places, locked_receipt->member, rule->currency_id);
		else if (locked_event->has_target)
			add_place(places, locked_event->target, rule->currency_id);
	}
}

/* What its tiers and awards may give who did it, in whatever currency. */
static void
add_own(Places *places)
{
	int			count;
	int64	   *currencies = points_currencies_of(locked_event->program,
												  locked_receipt->member,
												  &count);
	int			i;

	for (i = 0; i < count; i++)
		add_place(places, locked_receipt->member, currencies[i]);
}

/* What is paid to those above, and for having been brought. */
static void
add_payees(Places *places)
{
	CommissionEvent event = {
		.program = locked_event->program,
		.event_id = locked_receipt->event_id,
		.cause_id = locked_receipt->event_id,
		.member = locked_receipt->member,
		.type = locked_event->type,
		.amount = locked_event->amount,
		.occurred_at = locked_event->occurred_at,
		.payload = locked_event->payload
	};
	int			npayees;
	int			ncurrencies;
	int64	   *payees;
	int64	   *currencies;

	referral_find_payees(&event, &payees, &npayees, &currencies,
						 &ncurrencies);
	add_payments(places, payees, npayees, currencies, ncurrencies);
}

static void
lock_accounts(void)
{
	Places		places = {0};

	add_rules(&places);
	add_own(&places);
	add_payees(&places);
	points_lock_in_order(locked_event->program, places.places, places.count);
}

static void
lock_rewarded(void)
{
	Places		places = {0};
	int64	   *payees;
	int64	   *currencies;
	int			npayees;
	int			ncurrencies;

	referral_find_rewarded(locked_signups.program, locked_signups.as_of,
						   locked_signups.last, &payees, &npayees,
						   &currencies, &ncurrencies);
	add_payments(&places, payees, npayees, currencies, ncurrencies);
	points_lock_in_order(locked_signups.program, places.places,
						 places.count);
}

/*
 * From here on the first account that must be locked lets all be locked that
 * the event may credit, until activity_end_locks(), which must be called.
 */
void
activity_begin_locks(const ActivityEvent *event,
					 const ActivityReceipt *receipt)
{
	locked_event = event;
	locked_receipt = receipt;
	points_lock_first = lock_accounts;
}

/* The same for a batch of rewards that time alone brings. */
void
activity_begin_signup_locks(int64 program, TimestampTz as_of, int64 last)
{
	locked_signups.program = program;
	locked_signups.as_of = as_of;
	locked_signups.last = last;
	points_lock_first = lock_rewarded;
}

void
activity_end_locks(void)
{
	points_lock_first = NULL;
	locked_event = NULL;
	locked_receipt = NULL;
}
