/*-------------------------------------------------------------------------
 *
 * commission_note.c
 *	  What record() and sets tell this room, and what it tells in receipts.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "referral/commission_row.h"

/* Does anything of the program ask about events of that type? */
static bool
asks_about(const CommissionPlans *plans, Datum type)
{
	int			i;

	for (i = 0; i < plans->nplans; i++)
		if (referral_names_type(plans->plans[i].types,
								plans->plans[i].ntypes, type))
			return true;
	for (i = 0; i < plans->nrewards; i++)
		if (referral_names_type(plans->rewards[i].types,
								plans->rewards[i].ntypes, type))
			return true;
	return false;
}

/*
 * Pay for an event of a member, who is locked; it is in the log.  Gives what
 * was paid as a JSON array, NULL for nothing.
 */
char *
referral_pay_event(int64 program, int64 event_id, int64 member, Datum type,
				   int64 amount, Datum payload, TimestampTz occurred_at,
				   CoreScope *scope)
{
	const CommissionPlans *plans = referral_kept_plans(program);
	CommissionEvent event = {program, event_id, event_id, member, type,
	amount, occurred_at, payload};
	StringInfoData told;

	if (plans == NULL)
	{
		core_connect(scope);
		plans = referral_plans(program);
	}
	if (!asks_about(plans, type))
		return NULL;
	core_connect(scope);
	initStringInfo(&told);
	referral_pay_plans(plans, &event, &told);
	referral_reward_event(plans, &event);
	return told.len > 0 ? told.data : NULL;
}

/*
 * What SPI hands out stays until it is finished, so each event of a set has a
 * connection of its own.
 */
static void
begin_event(void)
{
	CHECK_FOR_INTERRUPTS();
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
}

static void
end_event(void)
{
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
}

/* columns of the set */
enum
{
	SET_EVENT, SET_MEMBER, SET_TYPE, SET_AMOUNT, SET_AT, SET_PAYLOAD,
	SET_FROM, SET_TO, SET_COLUMNS
};

/* so many events are looked at together */
#define EVENT_BATCH		1000

static void
pay_one(const CommissionPlans *plans, bool in_order, HeapTuple tuple,
		TupleDesc desc)
{
	Datum		values[SET_COLUMNS];
	bool		nulls[SET_COLUMNS];
	CommissionEvent event = {plans->program};

	heap_deform_tuple(tuple, desc, values, nulls);
	event.type = values[SET_TYPE];
	if (!asks_about(plans, event.type))
		return;
	event.event_id = event.cause_id = DatumGetInt64(values[SET_EVENT]);
	event.member = DatumGetInt64(values[SET_MEMBER]);
	event.amount = DatumGetInt64(values[SET_AMOUNT]);
	event.occurred_at = DatumGetTimestampTz(values[SET_AT]);
	event.payload = values[SET_PAYLOAD];
	if (!in_order)
	{
		event.set_from = DatumGetInt64(values[SET_FROM]);
		event.set_to = DatumGetInt64(values[SET_TO]);
	}
	referral_pay_plans(plans, &event, NULL);
	referral_reward_event(plans, &event);
}

#define NEW_EVENTS \
	"SELECT r.event_id, r.member_id, r.type, r.amount, r.at, r.payload," \
	" min(r.event_id) OVER (), max(r.event_id) OVER ()" \
	" FROM recorded AS r WHERE r.is_new ORDER BY "

/*
 * Pay for the new events of the set: in the order in which they were recorded
 * or, where that means nothing, of their times.
 */
static void
pay_new(const CommissionPlans *plans, bool keep, bool in_order)
{
	static CorePlan by_id = {.sql = NEW_EVENTS "r.event_id"};
	static CorePlan by_time = {.sql = NEW_EVENTS "r.at, r.event_id"};
	Portal		portal = core_open_cursor(in_order ? &by_id : &by_time, NULL,
										  keep);
	uint64		count;

	do
	{
		SPITupleTable *found;
		uint64		i;

		SPI_cursor_fetch(portal, true, EVENT_BATCH);
		found = SPI_tuptable;
		count = SPI_processed;
		for (i = 0; i < count; i++)
		{
			begin_event();
			pay_one(plans, in_order, found->vals[i], found->tupdesc);
			end_event();
		}
		SPI_freetuptable(found);
	} while (count == EVENT_BATCH);
	SPI_cursor_close(portal);
}

/* What corrections in the set do to the commissions of what they correct. */
static void
correct_old(int64 program)
{
	static CorePlan query = {
		.sql = "SELECT r.event_id FROM recorded AS r WHERE NOT r.is_new"
		" ORDER BY r.event_id"
	};
	SPITupleTable *found;
	uint64		count;
	uint64		i;

	core_run(&query, NULL, NULL, false);
	found = SPI_tuptable;
	count = SPI_processed;
	for (i = 0; i < count; i++)
	{
		bool		isnull;
		Datum		event = SPI_getbinval(found->vals[i], found->tupdesc, 1,
										  &isnull);

		begin_event();
		referral_correct(program, DatumGetInt64(event));
		end_event();
	}
}

/*
 * Do for the set "recorded" what recording its events one by one would have
 * done for commissions.  Inside core_enter().
 */
void
referral_pay_recorded(int64 program, bool keep, bool in_order)
{
	const CommissionPlans *plans = referral_plans(program);

	if (plans->nplans == 0 && plans->nrewards == 0)
		return;
	correct_old(program);
	pay_new(plans, keep, in_order);
}

/*
 * What an event or a correction brought, as a JSON array; NULL for nothing.
 * Inside core_enter().
 */
char *
referral_commissions_of(int64 program, int64 event_id)
{
	static CorePlan query = {
		.sql = "SELECT c.payee_id, c.points, p.currency_id,"
		" coalesce(c.level, 0), p.name"
		" FROM community.event AS v JOIN community.commission AS c"
		" ON c.program_id = v.program_id"
		" AND c.event_id = coalesce(v.corrects, v.event_id)"
		" AND c.cause_id = v.event_id AND c.payee_id IS NOT NULL"
		" JOIN community.commission_plan AS p ON p.program_id = c.program_id"
		" AND p.plan_id = c.plan_id"
		" WHERE v.program_id = $1 AND v.event_id = $2 ORDER BY c.line",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID},
		.by_index = true
	};
	SPITupleTable *found;
	StringInfoData told;
	Datum		values[2];
	uint64		count;
	uint64		i;

	if (referral_plans(program)->nplans == 0)
		return NULL;
	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(event_id);
	core_run(&query, values, NULL, false);
	found = SPI_tuptable;
	count = SPI_processed;
	initStringInfo(&told);
	for (i = 0; i < count; i++)
	{
		Datum		row[5];
		const char *currency;
		bool		isnull;
		int			j;

		for (j = 0; j < lengthof(row); j++)
			row[j] = SPI_getbinval(found->vals[i], found->tupdesc, j + 1,
								   &isnull);
		currency = referral_ledger.code(program, DatumGetInt64(row[2]));
		referral_tell_commission(&told, DatumGetInt64(row[0]),
								 DatumGetInt64(row[1]), currency,
								 DatumGetInt32(row[3]),
								 TextDatumGetCString(row[4]));
	}
	if (count == 0)
		return NULL;
	appendStringInfoChar(&told, ']');
	return told.data;
}
