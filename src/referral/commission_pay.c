/*-------------------------------------------------------------------------
 *
 * commission_pay.c
 *	  Paying commissions for an event.
 *
 * The rows go first: their key is the claim, so nothing is paid twice.  Then
 * come the credits, in ascending order of payees.  A credit is one insert and
 * waits for nobody, unless its account owes points; record() sees to it that
 * such accounts are locked in one order.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "core/table.h"
#include "period/period.h"
#include "referral/commission.h"
#include "referral/commission_row.h"

static const char *const columns[COMMISSION_COLUMNS] = {
	"program_id", "event_id", "line", "cause_id", "plan_id", "level",
	"member_id", "payee_id", "base", "points", "source_line", "rate", "kind",
	"reason", "recorded_at"
};

static CoreTable commission_table = {
	.name = "commission",
	.index = "commission_pkey",
	.use = CORE_TABLE_INSERT,
	.ncolumns = COMMISSION_COLUMNS,
	.columns = columns,
	.nkeys = 4,
	.keys = {COMMISSION_PROGRAM + 1, COMMISSION_EVENT + 1,
	COMMISSION_LINE_NUMBER + 1, COMMISSION_CAUSE + 1}
};

static const char *const kinds[] = {
	"level", "override", "matching", "breakage"
};

static const char *const reasons[COMMISSION_LACKS] = {
	NULL, "closed", "own_purchase", "paid_below", "attributes", "tier",
	"level_cap", "paid_levels", "nobody", "ceiling"
};

/* A line of a plan, with who is paid. */
typedef struct Payment
{
	const CommissionPlan *plan;
	const CommissionLine *line;
	int32		number;
	int32		source;			/* number, or -1 */
	const UplineMember *place;	/* or NULL */
} Payment;

/* The lines of all plans that pay for an event. */
typedef struct Payments
{
	int			count;
	int			room;
	Payment    *payments;
} Payments;

/* ----- rows ----- */

static Datum
rate_datum(int64 rate)
{
	Numeric		value = int64_div_fast_to_numeric(rate, 9);

	return DirectFunctionCall1(numeric_trim_scale, NumericGetDatum(value));
}

/* Write a row; false when its key is taken. */
static bool
insert_row(Datum *values, bool *nulls)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.commission (program_id, event_id, line,"
		" cause_id, plan_id, level, member_id, payee_id, base, points,"
		" source_line, rate, kind, reason, recorded_at) VALUES ($1, $2, $3,"
		" $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
		" ON CONFLICT DO NOTHING",
		.nargs = COMMISSION_COLUMNS,
		.argtypes = {INT8OID, INT8OID, INT4OID, INT8OID, INT8OID, INT4OID,
			INT8OID, INT8OID, INT8OID, INT8OID, INT4OID, NUMERICOID, TEXTOID,
		TEXTOID, TIMESTAMPTZOID}
	};
	char		flags[COMMISSION_COLUMNS + 1];
	int			i;

	if (core_table_is_usable(&commission_table))
		return core_table_insert(&commission_table, values, nulls, true);
	for (i = 0; i < COMMISSION_COLUMNS; i++)
		flags[i] = nulls[i] ? 'n' : ' ';
	flags[COMMISSION_COLUMNS] = '\0';
	core_run(&plan, values, flags, false);
	return SPI_processed == 1;
}

static void
insert_payment(const CommissionEvent *event, const Payment *payment)
{
	const CommissionLine *line = payment->line;
	const char *reason = reasons[line->lack];
	bool		paid = line->kind != COMMISSION_BREAKAGE;
	Datum		values[COMMISSION_COLUMNS];
	bool		nulls[COMMISSION_COLUMNS] = {false};

	values[COMMISSION_PROGRAM] = Int64GetDatum(event->program);
	values[COMMISSION_EVENT] = Int64GetDatum(event->event_id);
	values[COMMISSION_LINE_NUMBER] = Int32GetDatum(payment->number);
	values[COMMISSION_CAUSE] = Int64GetDatum(event->cause_id);
	values[COMMISSION_PLAN] = Int64GetDatum(payment->plan->id);
	values[COMMISSION_LEVEL_NUMBER] = Int32GetDatum(line->level);
	nulls[COMMISSION_LEVEL_NUMBER] = line->level == 0;
	nulls[COMMISSION_MEMBER] = payment->place == NULL;
	nulls[COMMISSION_PAYEE] = payment->place == NULL || !paid;
	values[COMMISSION_MEMBER] = values[COMMISSION_PAYEE] = (Datum) 0;
	if (payment->place != NULL)
	{
		values[COMMISSION_MEMBER] = Int64GetDatum(payment->place->member);
		values[COMMISSION_PAYEE] = Int64GetDatum(payment->place->payee);
	}
	values[COMMISSION_BASE] = Int64GetDatum(event->amount);
	values[COMMISSION_POINTS] = Int64GetDatum(line->points);
	values[COMMISSION_SOURCE] = Int32GetDatum(payment->source);
	nulls[COMMISSION_SOURCE] = payment->source < 0;
	values[COMMISSION_RATE_OF_LINE] = rate_datum(line->rate);
	values[COMMISSION_KIND_NAME] = CStringGetTextDatum(kinds[line->kind]);
	nulls[COMMISSION_REASON] = reason == NULL;
	values[COMMISSION_REASON] = reason == NULL ? (Datum) 0 :
		CStringGetTextDatum(reason);
	values[COMMISSION_RECORDED_AT] =
		TimestampTzGetDatum(GetCurrentTimestamp());
	if (!insert_row(values, nulls))
		elog(ERROR, "event %lld has paid commissions already",
			 (long long) event->event_id);
}

/* ----- what a plan is about ----- */

static bool
payload_fits(const CommissionPlan *plan, const CommissionEvent *event)
{
	Jsonb	   *filter = plan->payload_filter;

	if (filter == NULL)
		return true;
	if (event->payload == (Datum) 0)
		return JB_ROOT_COUNT(filter) == 0;
	return DatumGetBool(DirectFunctionCall2(jsonb_contains, event->payload,
											JsonbPGetDatum(filter)));
}

/*
 * Has the member done fewer of what the plan is about before, by the order in
 * which it was recorded, what was taken back not counted?  What comes as a set
 * without an order has that of its times.
 */
static bool
is_among_first(const CommissionPlan *plan, const CommissionEvent *event)
{
	static CorePlan query = {
		.sql = "SELECT FROM community.event AS e, LATERAL (SELECT"
		"  sum(c.amount) AS net FROM community.event AS c"
		"  WHERE c.program_id = $1 AND c.key = e.key AND c.source = e.source"
		"  AND (c.event_id = e.event_id OR c.corrects = e.event_id)) AS s"
		" WHERE e.program_id = $1 AND e.member_id = $2"
		" AND (e.event_id < $3 OR (e.event_id <= $8"
		"  AND (e.occurred_at, e.event_id) < ($9, $10)))"
		" AND e.kind = 'record' AND e.type = ANY ($4) AND e.amount >= $5"
		" AND ($6 IS NULL OR e.payload @> $6)"
		" AND s.net > 0 LIMIT $7",
		.nargs = 10,
		.argtypes = {INT8OID, INT8OID, INT8OID, TEXTARRAYOID, INT8OID,
		JSONBOID, INT4OID, INT8OID, TIMESTAMPTZOID, INT8OID},
		.by_index = true
	};
	Datum		values[10];
	char		nulls[11] = "          ";

	if (plan->first_events == 0)
		return true;
	values[0] = Int64GetDatum(event->program);
	values[1] = Int64GetDatum(event->member);
	values[2] = Int64GetDatum(event->set_from != 0 ? event->set_from :
							  event->event_id);
	values[3] = PointerGetDatum(construct_array(plan->types, plan->ntypes,
												TEXTOID, -1, false,
												TYPALIGN_INT));
	values[4] = Int64GetDatum(plan->minimum_amount);
	values[5] = PointerGetDatum(plan->payload_filter);
	if (plan->payload_filter == NULL)
		nulls[5] = 'n';
	values[6] = Int32GetDatum(plan->first_events);
	values[7] = Int64GetDatum(event->set_to);
	values[8] = TimestampTzGetDatum(event->occurred_at);
	values[9] = Int64GetDatum(event->event_id);
	core_run(&query, values, nulls, false);
	return SPI_processed < plan->first_events;
}

/* Does the plan pay for the event, as far as the event alone tells? */
static bool
is_about(const CommissionPlan *plan, const CommissionEvent *event)
{
	return plan->nrates > 0 && event->amount >= plan->minimum_amount &&
		plan->valid_from <= event->occurred_at &&
		event->occurred_at < plan->valid_until &&
		referral_names_type(plan->types, plan->ntypes, event->type) &&
		payload_fits(plan, event);
}

/* The terms of a plan for an event: its rates for that type and time. */
static void
set_terms(const CommissionPlans *plans, const CommissionPlan *plan,
		  const CommissionEvent *event, CommissionTerms *terms)
{
	CommissionRate *rates = palloc_array(CommissionRate, plan->nrates);
	int			i;

	*terms = plan->terms;
	terms->paid_levels = plans->paid_levels;
	terms->rates = rates;
	for (i = 0; i < plan->nrates; i++)
	{
		const CommissionPlanRate *rate = &plan->rates[i];

		if (rate->valid_from <= event->occurred_at &&
			event->occurred_at < rate->valid_until &&
			(rate->type == NULL ||
			 core_same_text(rate->type, DatumGetTextPP(event->type))))
			rates[terms->nrates++] = rate->rate;
	}
}

/* ----- paying ----- */

static void
add_payments(const CommissionPlan *plan, const CommissionLines *lines,
			 const Upline *upline, Payments *payments)
{
	int			first = payments->count;
	int			i;

	if (payments->count + lines->count > payments->room)
	{
		payments->room = (payments->count + lines->count) * 2;
		payments->payments = payments->payments == NULL ?
			palloc_array(Payment, payments->room) :
			repalloc(payments->payments, payments->room * sizeof(Payment));
	}
	for (i = 0; i < lines->count; i++)
	{
		const CommissionLine *line = &lines->lines[i];
		Payment    *payment = &payments->payments[payments->count++];

		payment->plan = plan;
		payment->line = line;
		payment->number = first + i;
		payment->source = line->source < 0 ? -1 : first + line->source;
		payment->place = line->place < 0 ? NULL :
			&upline->members[line->place];
	}
}

/* Work out what one plan pays. */
static void
apply_plan(const CommissionPlans *plans, const CommissionPlan *plan,
		   const CommissionEvent *event, const Upline *upline,
		   Payments *payments)
{
	CommissionPlace *places = palloc_array(CommissionPlace, upline->count + 1);
	CommissionLines lines = {0};
	CommissionTerms terms;

	if (plan->first_time != NULL &&
		event->occurred_at >= period_add_interval(upline->joined_at,
												  plan->first_time,
												  plans->zone))
		return;
	if (!is_among_first(plan, event))
		return;
	set_terms(plans, plan, event, &terms);
	referral_judge_upline(plans, plan, upline, event->occurred_at, places);
	referral_compute_lines(&terms, places, upline->count, event->amount,
						   &lines);
	if (lines.overflow)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("commission of plan \"%s\" for an amount of %lld exceeds %lld points",
						plan->name, (long long) event->amount,
						(long long) COMMISSION_MAX_POINTS)));
	add_payments(plan, &lines, upline, payments);
}

/* The key of a line in the ledger; what an adjustment adds has its own. */
Datum
referral_commission_key(int64 event_id, int32 line, int64 cause_id)
{
	if (cause_id == event_id)
		return CStringGetTextDatum(psprintf(COMMISSION_KEY "%lld %d",
											(long long) event_id, line));
	return CStringGetTextDatum(psprintf(COMMISSION_KEY "%lld %d %lld",
										(long long) event_id, line,
										(long long) cause_id));
}

/* Credit a payee by a plan, for an event or an adjustment of it. */
void
referral_credit_payee(const CommissionPlans *plans, const CommissionPlan *plan,
					  ReferralPayment *payment, int64 cause_id)
{
	payment->currency_id = plan->currency_id;
	payment->kind = COMMISSION_ENTRY;
	payment->pending_for = plan->pending_for;
	payment->key = referral_commission_key(payment->event_id, payment->line,
										   cause_id);
	payment->reason = CStringGetTextDatum(plan->name);
	(void) referral_pay(plans, payment);
}

/* One object of the receipt. */
void
referral_tell_commission(StringInfo told, int64 payee, int64 points,
						 const char *currency, int32 level, const char *plan)
{
	appendStringInfo(told, "%s{\"payee\": %lld, \"points\": %lld, \"currency\": ",
					 told->len == 0 ? "[" : ", ", (long long) payee,
					 (long long) points);
	escape_json(told, currency);
	if (level > 0)
		appendStringInfo(told, ", \"level\": %d", level);
	else
		appendStringInfoString(told, ", \"level\": null");
	appendStringInfoString(told, ", \"plan\": ");
	escape_json(told, plan);
	appendStringInfoChar(told, '}');
}

static int
compare_payees(const void *a, const void *b)
{
	const Payment *x = (const Payment *) a;
	const Payment *y = (const Payment *) b;

	if (x->place->payee != y->place->payee)
		return x->place->payee < y->place->payee ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

/* A matching line is paid for what somebody else was paid as well. */
static void
credit(const CommissionPlans *plans, const CommissionEvent *event,
	   const Payments *payments, const Payment *paid)
{
	const UplineMember *source = paid->source < 0 ? NULL :
	payments->payments[paid->source].place;
	ReferralPayment payment = {
		.payee = paid->place->payee,
		.points = paid->line->points,
		.at = event->occurred_at,
		.event_id = event->event_id,
		.line = paid->number,
		.ends = {event->member, paid->place->member, paid->place->payee,
		source == NULL ? 0 : source->payee}
	};

	referral_credit_payee(plans, paid->plan, &payment, event->cause_id);
}

static void
book(const CommissionPlans *plans, const CommissionEvent *event,
	 const Payments *payments, StringInfo told)
{
	Payment    *paid = palloc_array(Payment, payments->count + 1);
	int			count = 0;
	int			i;

	for (i = 0; i < payments->count; i++)
	{
		const Payment *payment = &payments->payments[i];
		const char *currency;

		insert_payment(event, payment);
		if (payment->line->kind == COMMISSION_BREAKAGE)
			continue;
		paid[count++] = *payment;
		if (told == NULL)
			continue;
		currency = referral_ledger.code(event->program,
										payment->plan->currency_id);
		referral_tell_commission(told, payment->place->payee,
								 payment->line->points, currency,
								 payment->line->level, payment->plan->name);
	}
	qsort(paid, count, sizeof(Payment), compare_payees);
	for (i = 0; i < count; i++)
		credit(plans, event, payments, &paid[i]);
}

/*
 * Pay what the plans of a program pay for an event that was just recorded,
 * and tell it as the inside of a JSON array.  Inside core_enter().
 */
void
referral_pay_plans(const CommissionPlans *plans, const CommissionEvent *event,
				   StringInfo told)
{
	const CommissionPlan **about =
	palloc_array(const CommissionPlan *, plans->nplans + 1);
	Payments	payments = {0};
	Upline		upline;
	int			reach = 0;
	int			count = 0;
	int			i;

	for (i = 0; i < plans->nplans; i++)
	{
		CommissionTerms terms;

		if (!is_about(&plans->plans[i], event))
			continue;
		about[count++] = &plans->plans[i];
		set_terms(plans, &plans->plans[i], event, &terms);
		reach = Max(reach, referral_plan_reach(&terms));
	}
	if (count == 0)
		return;
	referral_paid_upline(plans, event->member, event->occurred_at, reach,
						 &upline);
	if (!upline.is_referred)
		return;
	for (i = 0; i < count; i++)
		apply_plan(plans, about[i], event, &upline, &payments);
	book(plans, event, &payments, told);
	if (told != NULL && told->len > 0)
		appendStringInfoChar(told, ']');
}

/*
 * Whom an event may pay, and in which currencies.  Inside core_enter().
 */
void
referral_find_payees(const CommissionEvent *event, int64 **payees,
					 int *npayees, int64 **currencies, int *ncurrencies)
{
	const CommissionPlans *plans = referral_plans(event->program);
	Upline		upline = {0};
	int			reach = 0;
	int			i;

	*currencies = palloc_array(int64, plans->nplans + plans->nrewards + 1);
	*ncurrencies = *npayees = 0;
	for (i = 0; i < plans->nplans; i++)
	{
		CommissionTerms terms;

		if (!is_about(&plans->plans[i], event))
			continue;
		set_terms(plans, &plans->plans[i], event, &terms);
		reach = Max(reach, referral_plan_reach(&terms));
		(*currencies)[(*ncurrencies)++] = plans->plans[i].currency_id;
	}
	for (i = 0; i < plans->nrewards; i++)
		if (referral_names_type(plans->rewards[i].types,
								plans->rewards[i].ntypes, event->type))
		{
			reach = Max(reach, 1);
			(*currencies)[(*ncurrencies)++] = plans->rewards[i].currency_id;
		}
	if (*ncurrencies > 0)
		referral_paid_upline(plans, event->member, event->occurred_at, reach,
							 &upline);
	*payees = palloc_array(int64, upline.count + 1);
	if (!upline.is_referred)
		return;
	/* who was brought may get a reward too */
	(*payees)[(*npayees)++] = event->member;
	for (i = 0; i < upline.count; i++)
		(*payees)[(*npayees)++] = upline.members[i].payee;
}
