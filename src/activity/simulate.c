/*-------------------------------------------------------------------------
 *
 * simulate.c
 *	  simulate(): what an event would earn, rule by rule.
 *
 * It asks the rules and caps that record() asks, and refuses what record()
 * would refuse, but takes no lock and writes nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "activity/activity.h"
#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "points/budget.h"
#include "points/rules.h"

PG_FUNCTION_INFO_V1(community_simulate);

enum
{
	GAIN_MEMBER, GAIN_CURRENCY, GAIN_RULE, GAIN_RULE_ID, GAIN_POINTS,
	GAIN_CUT, GAIN_CUT_BY, GAIN_AVAILABLE_AT, GAIN_EXPIRES_AT, GAIN_PRIORITY,
	GAIN_FACTOR, GAIN_COLUMNS
};

static void
read_event(FunctionCallInfo fcinfo, PointsEvent *event)
{
	static const char *const names[] = {"member", "type", "amount",
	"occurred_at", "target", "payload", "program"};
	int			i;

	for (i = 0; i < lengthof(names); i++)
		if (PG_ARGISNULL(i) && i != 4 && i != 5)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument %s of simulate() must not be null",
							names[i])));
	(void) core_name_argument(PG_GETARG_TEXT_PP(1), "event type");
	event->member = PG_GETARG_INT64(0);
	event->type = PointerGetDatum(PG_GETARG_TEXT_PP(1));
	event->amount = PG_GETARG_INT64(2);
	activity_check_amount(event->amount);
	event->occurred_at = PG_GETARG_TIMESTAMPTZ(3);
	activity_check_time(event->occurred_at);
	event->has_target = !PG_ARGISNULL(4);
	if (event->has_target)
		event->target = PG_GETARG_INT64(4);
	if (!PG_ARGISNULL(5))
		event->payload = PointerGetDatum(PG_GETARG_JSONB_P(5));
	event->program = PG_GETARG_INT64(6);
}

/* Members that record() would not take. */
static void
check_members(const PointsEvent *event)
{
	bool		closed;

	if (!core_member_is_known(event->program, event->member, &closed) ||
		closed)
		core_refuse_member(event->program, event->member, closed);
	if (event->has_target &&
		!core_member_is_known(event->program, event->target, &closed))
		core_refuse_member(event->program, event->target, false);
}

/* Names of what has cut the points of one rule; NULL for none. */
static char *
cut_by(const PointsRules *rules, const PointsGrant *grant, int rule)
{
	StringInfoData names;
	int			i;
	int			j;

	initStringInfo(&names);
	for (i = 0; i < grant->ncut_by; i++)
		for (j = 0; j < rules->ncaps; j++)
			if (grant->cuts[i * grant->count + rule] > 0 &&
				rules->caps[j].id == DatumGetInt64(grant->cut_by[i]))
				appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "",
								 rules->caps[j].name);
	for (i = 0; i < grant->ncut_by; i++)
		if (grant->cuts[i * grant->count + rule] > 0 &&
			grant->rules[rule]->budget_id ==
			DatumGetInt64(grant->cut_by[i]))
		{
			int64		budget = grant->rules[rule]->budget_id;

			appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "",
							 points_budget_name(rules->program, budget));
		}
	return names.len > 0 ? names.data : NULL;
}

/* A number that is kept times the scale of rules. */
static Datum
scaled_datum(int64 scaled)
{
	Numeric		number = int64_div_fast_to_numeric(scaled, 6);

	return DirectFunctionCall1(numeric_trim_scale, NumericGetDatum(number));
}

/* One row for each rule that applies. */
static void
put_grant(Tuplestorestate *store, TupleDesc desc, const PointsRules *rules,
		  const PointsGrant *grant, TimestampTz at)
{
	int			i;
	int			j;

	for (i = 0; i < grant->count; i++)
	{
		PurseLot	lot = points_grant_lot(grant, i, at);
		char	   *caps = cut_by(rules, grant, i);
		int64		cut = 0;
		Datum		values[GAIN_COLUMNS];
		bool		nulls[GAIN_COLUMNS] = {false};

		for (j = 0; j < grant->ncut_by; j++)
			cut += grant->cuts[j * grant->count + i];
		values[GAIN_MEMBER] = Int64GetDatum(grant->member);
		values[GAIN_CURRENCY] = CStringGetTextDatum(grant->currency->code);
		values[GAIN_RULE] = CStringGetTextDatum(grant->rules[i]->name);
		values[GAIN_RULE_ID] = Int64GetDatum(grant->rules[i]->id);
		values[GAIN_POINTS] = Int64GetDatum(grant->shares[i]);
		values[GAIN_CUT] = Int64GetDatum(cut);
		values[GAIN_CUT_BY] = caps == NULL ? (Datum) 0 :
			CStringGetTextDatum(caps);
		nulls[GAIN_CUT_BY] = caps == NULL;
		values[GAIN_AVAILABLE_AT] = TimestampTzGetDatum(lot.available_at);
		values[GAIN_EXPIRES_AT] = TimestampTzGetDatum(lot.expires_at);
		values[GAIN_PRIORITY] = Int32GetDatum(lot.priority);
		values[GAIN_FACTOR] =
			scaled_datum(grant->factors == NULL ? POINTS_RULE_SCALE :
						 grant->factors[i]);
		tuplestore_putvalues(store, desc, values, nulls);
	}
}

/*
 * simulate(member, type, amount, occurred_at, target, payload, program)
 * -> set of rows
 */
Datum
community_simulate(PG_FUNCTION_ARGS)
{
	PointsEvent event = {0};
	TupleDesc	desc;
	Tuplestorestate *store = core_begin_rows(fcinfo, &desc);
	CoreScope	scope;
	const PointsRules *rules;
	PointsGrant *grants;
	PointsCapBook *caps;
	int			count;
	int			i;

	read_event(fcinfo, &event);
	core_enter(&scope);
	check_members(&event);
	rules = points_rules(event.program);
	grants = points_grants(rules, &event, POINTS_BOTH, &count);
	caps = points_look_at_caps(rules);
	for (i = 0; i < count; i++)
	{
		grants[i].cuts = palloc0_array(int64,
									   (rules->ncaps + grants[i].count + 1) *
									   grants[i].count);
		points_apply_caps(caps, &event, &grants[i]);
		put_grant(store, desc, rules, &grants[i], event.occurred_at);
	}
	points_close_caps(caps);
	core_leave(&scope);
	return (Datum) 0;
}
