/*-------------------------------------------------------------------------
 *
 * grant.c
 *	  Which rules apply to an event, and what they give to whom.
 *
 * No caps yet, and nothing is written: simulate() comes here too.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "points/rules.h"

PointsFactors points_factors = NULL;

/* Does the document contain the filter?  A document of 0 is empty. */
static bool
contains(Datum document, struct Jsonb *filter)
{
	if (filter == NULL)
		return true;
	if (document == (Datum) 0)
		return JB_ROOT_COUNT(filter) == 0;
	return DatumGetBool(DirectFunctionCall2(jsonb_contains, document,
											PointerGetDatum(filter)));
}

/* The attributes of a member, and whether it may have points. */
static Datum
read_attributes(int64 program, int64 member, bool *active)
{
	static CorePlan plan = {
		.sql = "SELECT attributes, status = 'active' FROM community.member"
		" WHERE program_id = $1 AND member_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[2];
	bool		isnull;

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	core_run(&plan, values, NULL, false);
	*active = SPI_processed > 0 && core_bool(0, 2);
	return SPI_processed > 0 ? core_field(0, 1, &isnull) : (Datum) 0;
}

/* A recipient of an event, with what has been found out about it. */
typedef struct Recipient
{
	int64		member;
	bool		asked;
	bool		active;
	Datum		attributes;
} Recipient;

static void
ask_about(int64 program, Recipient *recipient)
{
	if (recipient->asked)
		return;
	recipient->attributes = read_attributes(program, recipient->member,
											&recipient->active);
	recipient->asked = true;
}

static bool
rule_applies(const PointsRule *rule, const PointsEvent *event,
			 Recipient *recipient)
{
	if ((rule->type != NULL &&
		 !core_same_text(rule->type, DatumGetTextPP(event->type))) ||
		event->occurred_at < rule->valid_from ||
		event->occurred_at >= rule->valid_until ||
		(rule->has_minimum && event->amount < rule->minimum_amount) ||
		!contains(event->payload, rule->payload_filter))
		return false;
	if (rule->to_target)
	{
		/* a closed target is left out; a closed member never gets here */
		if (!event->has_target)
			return false;
		ask_about(event->program, recipient);
		if (!recipient->active)
			return false;
	}
	if (rule->member_filter == NULL)
		return true;
	ask_about(event->program, recipient);
	return contains(recipient->attributes, rule->member_filter);
}

/* What the rules that were found for one recipient and currency give. */
static void
evaluate(PointsGrant *grant, const PointsEvent *event)
{
	PointsTerm *terms = palloc_array(PointsTerm, grant->count);
	int			i;

	for (i = 0; i < grant->count; i++)
		terms[i] = grant->rules[i]->term;
	grant->given = palloc_array(int64, grant->count);
	grant->shares = palloc_array(int64, grant->count);
	if (!points_evaluate(terms, grant->factors, grant->count, event->amount,
						 grant->currency->rounding, grant->given))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("points for an event of amount %lld are out of range",
						(long long) event->amount),
				 errdetail("Rule \"%s\" is the last of those that apply.",
						   grant->rules[grant->count - 1]->name)));
	memcpy(grant->shares, grant->given, grant->count * sizeof(int64));
	points_settle_shares(grant->shares, grant->count);
	for (i = 0; i < grant->count; i++)
		grant->points += grant->shares[i];
	/* here, so that single events and sets of them agree */
	if (grant->points > POINTS_MAX_CREDIT)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("cannot give %lld points to member %lld at once: the limit is %lld",
						(long long) grant->points, (long long) grant->member,
						(long long) POINTS_MAX_CREDIT)));
}

/* What a recipient multiplies all that its grants are made of. */
static void
find_factors(const PointsEvent *event, PointsGrant *grants, int count)
{
	const char **rules;
	int64	   *currency_ids;
	int64	   *factors;
	int			total = 0;
	int			n = 0;
	int			i;
	int			j;

	if (points_factors == NULL || count == 0)
		return;
	for (i = 0; i < count; i++)
		total += grants[i].count;
	rules = palloc_array(const char *, total);
	currency_ids = palloc_array(int64, total);
	factors = palloc_array(int64, total);
	for (i = 0; i < count; i++)
		for (j = 0; j < grants[i].count; j++)
		{
			rules[n] = grants[i].rules[j]->name;
			currency_ids[n++] = grants[i].currency->id;
		}
	if (!points_factors(event->program, grants[0].member, event->occurred_at,
						total, rules, currency_ids, factors))
		return;
	for (i = 0; i < count; factors += grants[i++].count)
		grants[i].factors = factors;
}

/* Sorts by member, then currency; of one member, its own event first. */
static int
compare_grants(const void *a, const void *b)
{
	const PointsGrant *x = (const PointsGrant *) a;
	const PointsGrant *y = (const PointsGrant *) b;

	if (x->member != y->member)
		return x->member < y->member ? -1 : 1;
	if (x->to_target != y->to_target)
		return x->to_target ? 1 : -1;
	return x->currency->id < y->currency->id ? -1 :
		x->currency->id > y->currency->id;
}

/*
 * What the rules give for an event, one grant for each recipient and currency
 * that gets anything, in ascending order of members and currencies.  That is
 * the order in which they are locked.  Inside core_enter().
 */
PointsGrant *
points_grants(const PointsRules *rules, const PointsEvent *event,
			  PointsSide sides, int *count)
{
	PointsGrant *grants = palloc0_array(PointsGrant, 2 * rules->nrules + 1);
	Recipient	recipients[2] = {{event->member}, {event->target}};
	int			n = 0;
	int			kept = 0;
	int			i;
	int			side;

	for (side = 0; side < 2; side++)
	{
		PointsGrant *grant = NULL;
		int			first = n;
		int			ordinal = 0;

		if ((sides & (side == 0 ? POINTS_OWN : POINTS_TARGET)) == 0)
			continue;
		/* rules are sorted by currency, and then as they apply */
		for (i = 0; i < rules->nrules; i++)
		{
			const PointsRule *rule = &rules->rules[i];

			if (rule->to_target != (side == 1) ||
				!rule_applies(rule, event, &recipients[side]))
				continue;
			if (grant == NULL || grant->currency->id != rule->currency_id)
			{
				grant = &grants[n++];
				grant->member = recipients[side].member;
				grant->to_target = side == 1;
				grant->line = side * POINTS_TARGET_LINE + ordinal++;
				grant->currency = points_currency_by_id(event->program,
														rule->currency_id);
				grant->rules = palloc_array(const PointsRule *,
											rules->nrules);
			}
			grant->rules[grant->count++] = rule;
		}
		find_factors(event, &grants[first], n - first);
	}
	for (i = 0; i < n; i++)
	{
		evaluate(&grants[i], event);
		if (grants[i].points > 0)
			grants[kept++] = grants[i];
	}
	if (kept > 1)
		qsort(grants, kept, sizeof(PointsGrant), compare_grants);
	*count = kept;
	return grants;
}

/* The currency as a rule overrides it for its own points. */
static PointsCurrency
currency_of_rule(const PointsCurrency *currency, const PointsRule *rule)
{
	PointsCurrency result = *currency;

	if (rule->pending_for != NULL)
	{
		result.pending_for = rule->pending_for;
		result.until_released = false;
	}
	if (rule->says_released)
	{
		result.until_released = rule->until_released;
		if (rule->until_released)
			result.pending_for = NULL;
	}
	if (rule->expires_after != NULL)
		result.expires_after = rule->expires_after;
	if (rule->expiry_rounding != NULL)
		result.expiry_rounding = rule->expiry_rounding;
	else if (rule->expires_after != NULL && result.expiry_rounding == NULL)
		result.expiry_rounding = rule->month;
	return result;
}

/* The lot into which a rule of the grant puts its points. */
PurseLot
points_grant_lot(const PointsGrant *grant, int rule, TimestampTz at)
{
	PointsCurrency currency = currency_of_rule(grant->currency,
											   grant->rules[rule]);
	PurseLot	lot = {0};

	lot.points = grant->shares[rule];
	lot.available_at = points_availability(&currency, at);
	if (lot.available_at <= at)
		lot.available_at = DT_NOBEGIN;
	lot.expires_at = points_expiry(&currency, at);
	lot.priority = grant->rules[rule]->has_priority ?
		grant->rules[rule]->priority : points_priority(&currency, at);
	return lot;
}

/* The points of a grant as lots. */
Purse *
points_grant_purse(const PointsGrant *grant, TimestampTz at)
{
	Purse	   *purse = NULL;
	int			i;

	for (i = 0; i < grant->count; i++)
	{
		PurseLot	lot;
		Purse	   *part;

		if (grant->shares[i] == 0)
			continue;
		lot = points_grant_lot(grant, i, at);
		part = purse_make(lot.points, lot.available_at, lot.expires_at,
						  lot.priority);
		purse = purse == NULL ? part : purse_add(purse, part);
	}
	return purse == NULL ? purse_zero() : purse;
}
