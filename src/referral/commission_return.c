/*-------------------------------------------------------------------------
 *
 * commission_return.c
 *	  What becomes of commissions when their event is corrected.
 *
 * The lines are those that were written when the event was recorded, whoever
 * stands where by now.  Of each line as much is taken back, all in all, as its
 * part of what the event has lost, to the nearest unit; so the parts of an
 * event that is returned as a whole sum exactly to its lines, those that
 * derive from others included.  An event that has grown brings each line the
 * same part more.
 *
 * What was taken back as fraud is off for good, and was what the line had got
 * last.  So a line whose event grew, and which lost as fraud what that had
 * brought, loses nothing more until its event is worth less than before.
 *
 * What a payee has spent becomes a debt.  All accounts that are taken from are
 * locked beforehand, in one ascending order.
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
#include "core/errors.h"
#include "referral/commission_row.h"

/* A correction, and what is left of the event that it corrects. */
typedef struct Correction
{
	CommissionEvent event;		/* amount is what is left */
	bool		adjusts;
	bool		dead;			/* taken back as a whole */
	Datum		reason;
} Correction;

/* A line of an event, as it was written first, and what it has come to. */
typedef struct Line
{
	int32		number;
	int64		cause_id;		/* of its first row */
	int64		plan_id;
	int64		base;
	int64		points;			/* at first */
	int64		now;
	bool		has_forfeits;	/* was something taken back as fraud? */
	bool		is_paid;
	int64		payee;			/* by now */
	int64		member;			/* whose place it is; 0 for nobody's */
	int64		source_payee;	/* of the line it derives from, or 0 */
} Line;

/* ----- the order of locks ----- */

/* The accounts that correcting the events "o" takes from. */
#define ACCOUNTS_OF(events) \
	"WITH o AS MATERIALIZED (" events ")," \
	" payee AS MATERIALIZED (SELECT c.payee_id AS member_id, p.currency_id" \
	"  FROM o JOIN community.commission AS c ON c.program_id = $1" \
	"  AND c.event_id = o.event_id AND c.payee_id IS NOT NULL" \
	"  JOIN community.commission_plan AS p ON p.program_id = $1" \
	"  AND p.plan_id = c.plan_id" \
	"  UNION SELECT g.payee_id, r.currency_id FROM o" \
	"  JOIN community.signup_reward_given AS g ON g.program_id = $1" \
	"  AND g.event_id = o.event_id AND g.withdrawn_at IS NULL" \
	"  JOIN community.signup_reward AS r ON r.program_id = $1" \
	"  AND r.reward_id = g.reward_id)" \
	" SELECT DISTINCT coalesce(b.bearer_id, a.member_id), a.currency_id" \
	" FROM (SELECT member_id, currency_id FROM payee" \
	"  UNION SELECT e.member_id, e.currency_id FROM o" \
	"  JOIN community.event AS v ON v.program_id = $1 AND v.key = o.key" \
	"  AND v.source = o.source AND v.revision >= o.revision" \
	"  JOIN community.entry AS e ON e.program_id = $1" \
	"  AND e.event_id = v.event_id AND e.key = ''" \
	"  WHERE EXISTS (SELECT FROM payee)) AS a" \
	" LEFT JOIN community.member_merge AS b ON b.program_id = $1" \
	" AND b.member_id = a.member_id ORDER BY 1, 2"

static void
lock_found(int64 program)
{
	SPITupleTable *found = SPI_tuptable;
	uint64		count = SPI_processed;
	uint64		i;

	for (i = 0; i < count; i++)
	{
		bool		isnull;

		CHECK_FOR_INTERRUPTS();
		referral_ledger.lock(program,
							 DatumGetInt64(SPI_getbinval(found->vals[i],
														 found->tupdesc, 1,
														 &isnull)),
							 DatumGetInt64(SPI_getbinval(found->vals[i],
														 found->tupdesc, 2,
														 &isnull)));
	}
}

static bool
has_neither(int64 program)
{
	const CommissionPlans *plans = referral_plans(program);

	return plans->nplans == 0 && plans->nrewards == 0;
}

/*
 * Lock, in ascending order, all accounts that a correction will take from,
 * those of the event's own points too, so that two that correct sales of each
 * other's upline do not wait in a circle.  To be called before any of them is
 * touched.  Inside core_enter().
 */
void
referral_lock_payees(int64 program, int64 event_id)
{
	static CorePlan plan = {
		.sql = ACCOUNTS_OF("SELECT e.event_id, e.key, e.source, e.revision"
						   " FROM community.event AS v"
						   " JOIN community.event AS e ON e.program_id = $1"
						   " AND e.event_id = v.corrects"
						   " WHERE v.program_id = $1 AND v.event_id = $2"),
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID},
		.by_index = true
	};
	Datum		values[2];

	if (has_neither(program))
		return;
	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(event_id);
	core_run(&plan, values, NULL, false);
	lock_found(program);
}

/* The same for all corrections in the set "recorded". */
void
referral_lock_recorded_payees(int64 program)
{
	static CorePlan plan = {
		.sql = ACCOUNTS_OF("SELECT DISTINCT e.event_id, e.key, e.source,"
						   " e.revision FROM recorded AS r"
						   " JOIN community.event AS v ON v.program_id = $1"
						   " AND v.event_id = r.event_id"
						   " JOIN community.event AS e ON e.program_id = $1"
						   " AND e.event_id = v.corrects"
						   " WHERE NOT r.is_new"),
		.nargs = 1,
		.argtypes = {INT8OID},
		.by_index = true
	};
	Datum		values[1];

	if (has_neither(program))
		return;
	values[0] = Int64GetDatum(program);
	core_run(&plan, values, NULL, false);
	lock_found(program);
}

/* ----- what is to be done ----- */

static bool
read_correction(int64 program, int64 event_id, Correction *correction)
{
	static CorePlan plan = {
		.sql = "SELECT v.kind = 'adjust', v.kind <> 'adjust' AND s.net = 0,"
		" s.net, v.reason, o.event_id, o.member_id, o.type, o.occurred_at,"
		" o.payload FROM community.event AS v"
		" JOIN community.event AS o ON o.program_id = v.program_id"
		"  AND o.event_id = v.corrects,"
		" LATERAL (SELECT sum(c.amount)::bigint AS net"
		"  FROM community.event AS c WHERE c.program_id = v.program_id"
		"  AND c.source = v.source AND c.key = v.key"
		"  AND c.revision BETWEEN o.revision AND v.revision) AS s"
		" WHERE v.program_id = $1 AND v.event_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID},
		.by_index = true
	};
	CommissionEvent *event = &correction->event;
	Datum		values[2];
	bool		isnull;

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(event_id);
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		return false;
	correction->adjusts = core_bool(0, 1);
	correction->dead = core_bool(0, 2);
	event->program = program;
	event->cause_id = event_id;
	event->amount = core_int64(0, 3);
	correction->reason = core_field(0, 4, &isnull);
	if (isnull)
		correction->reason = (Datum) 0;
	event->event_id = core_int64(0, 5);
	event->member = core_int64(0, 6);
	event->type = core_field(0, 7, &isnull);
	event->occurred_at = DatumGetTimestampTz(core_field(0, 8, &isnull));
	event->payload = core_field(0, 9, &isnull);
	event->member = core_member_bearer(program, event->member);
	return true;
}

static Line *
read_lines(const CommissionEvent *event, int *count)
{
	static CorePlan plan = {
		.sql = "SELECT DISTINCT ON (c.line) c.line, c.cause_id, c.plan_id,"
		" c.base, c.points, sum(c.points) OVER (PARTITION BY c.line)::bigint,"
		" c.payee_id IS NOT NULL, coalesce(b.bearer_id, c.payee_id, 0),"
		" coalesce(c.member_id, 0), coalesce((SELECT s.payee_id"
		"  FROM community.commission AS s WHERE s.program_id = $1"
		"  AND s.event_id = $2 AND s.line = c.source_line"
		"  ORDER BY s.cause_id LIMIT 1), 0),"
		" count(*) FILTER (WHERE EXISTS (SELECT"
		"  FROM community.referral_decision AS f WHERE f.program_id = $1"
		"  AND f.decision_id = c.cause_id))"
		"  OVER (PARTITION BY c.line) > 0"
		" FROM community.commission AS c"
		" LEFT JOIN community.member_merge AS b"
		" ON b.program_id = c.program_id AND b.member_id = c.payee_id"
		" WHERE c.program_id = $1 AND c.event_id = $2"
		" ORDER BY c.line, c.cause_id",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID},
		.by_index = true
	};
	Datum		values[2];
	Line	   *lines;
	int			i;

	values[0] = Int64GetDatum(event->program);
	values[1] = Int64GetDatum(event->event_id);
	core_run(&plan, values, NULL, false);
	*count = SPI_processed;
	lines = palloc_array(Line, SPI_processed + 1);
	for (i = 0; i < *count; i++)
	{
		lines[i].number = (int32) core_int64(i, 1);
		lines[i].cause_id = core_int64(i, 2);
		lines[i].plan_id = core_int64(i, 3);
		lines[i].base = core_int64(i, 4);
		lines[i].points = core_int64(i, 5);
		lines[i].now = core_int64(i, 6);
		lines[i].is_paid = core_bool(i, 7);
		lines[i].payee = core_int64(i, 8);
		lines[i].member = core_int64(i, 9);
		lines[i].source_payee = core_int64(i, 10);
		lines[i].has_forfeits = core_bool(i, 11);
	}
	return lines;
}

/* What decisions have taken of a line, the first first. */
static CommissionForfeit *
read_forfeits(const CommissionEvent *event, int32 line, int *count)
{
	static CorePlan plan = {
		.sql = "SELECT -c.points, c.kept FROM (SELECT cause_id, points,"
		"  sum(points) OVER (ORDER BY cause_id)::bigint AS kept"
		"  FROM community.commission WHERE program_id = $1"
		"  AND event_id = $2 AND line = $3) AS c"
		" WHERE EXISTS (SELECT FROM community.referral_decision AS f"
		"  WHERE f.program_id = $1 AND f.decision_id = c.cause_id)"
		" ORDER BY c.cause_id",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, INT4OID},
		.by_index = true
	};
	CommissionForfeit *forfeits;
	Datum		values[3];
	int			i;

	values[0] = Int64GetDatum(event->program);
	values[1] = Int64GetDatum(event->event_id);
	values[2] = Int32GetDatum(line);
	core_run(&plan, values, NULL, false);
	*count = (int) SPI_processed;
	forfeits = palloc_array(CommissionForfeit, *count + 1);
	for (i = 0; i < *count; i++)
	{
		forfeits[i].taken = core_int64(i, 1);
		forfeits[i].kept = core_int64(i, 2);
	}
	return forfeits;
}

/* ----- doing it ----- */

/* Note by how much a line changes; what else it says stays. */
static void
insert_change(const CommissionEvent *event, const Line *line, int64 points)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.commission (program_id, event_id, line,"
		" cause_id, plan_id, level, member_id, payee_id, base, points,"
		" source_line, rate, kind, reason)"
		" SELECT program_id, event_id, line, $5, plan_id, level, member_id,"
		" $6, base, $7, source_line, rate, kind, reason"
		" FROM community.commission WHERE program_id = $1 AND event_id = $2"
		" AND line = $3 AND cause_id = $4 ON CONFLICT DO NOTHING",
		.nargs = 7,
		.argtypes = {INT8OID, INT8OID, INT4OID, INT8OID, INT8OID, INT8OID,
		INT8OID},
		.by_index = true
	};
	Datum		values[7];
	char		nulls[8] = "       ";

	values[0] = Int64GetDatum(event->program);
	values[1] = Int64GetDatum(event->event_id);
	values[2] = Int32GetDatum(line->number);
	values[3] = Int64GetDatum(line->cause_id);
	values[4] = Int64GetDatum(event->cause_id);
	values[5] = Int64GetDatum(line->payee);
	values[6] = Int64GetDatum(points);
	if (!line->is_paid)
		nulls[5] = 'n';
	core_run(&plan, values, nulls, false);
	if (SPI_processed == 0)
		elog(ERROR, "correction %lld has changed line %d of event %lld already",
			 (long long) event->cause_id, line->number,
			 (long long) event->event_id);
}

/* Take points of a line back, of what came last first. */
static void
take(const Correction *correction, const Line *line, int64 points)
{
	static CorePlan plan = {
		.sql = "SELECT cause_id FROM community.commission"
		" WHERE program_id = $1 AND event_id = $2 AND line = $3"
		" AND points > 0 ORDER BY cause_id DESC",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, INT4OID},
		.by_index = true
	};
	const CommissionEvent *event = &correction->event;
	Datum		values[3];
	SPITupleTable *found;
	uint64		count;
	uint64		i;

	values[0] = Int64GetDatum(event->program);
	values[1] = Int64GetDatum(event->event_id);
	values[2] = Int32GetDatum(line->number);
	core_run(&plan, values, NULL, false);
	found = SPI_tuptable;
	count = SPI_processed;
	for (i = 0; i < count && points > 0; i++)
	{
		bool		isnull;
		int64		cause = DatumGetInt64(SPI_getbinval(found->vals[i],
														found->tupdesc, 1,
														&isnull));
		Datum		key = referral_commission_key(event->event_id,
												  line->number, cause);

		points -= referral_ledger.take(event->program, key, points,
									   correction->reason);
	}
	if (points != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the ledger holds %lld points less than line %d of event %lld",
						(long long) points, line->number,
						(long long) event->event_id),
				 errhint("Run SELECT * FROM community.check_installation().")));
}

/* Pay a line more. */
static void
credit(const CommissionPlans *plans, const CommissionEvent *event,
	   const Line *line, int64 points)
{
	ReferralPayment payment = {
		.payee = line->payee,
		.points = points,
		.at = event->occurred_at,
		.event_id = event->event_id,
		.line = line->number,
		.ends = {event->member, line->member, line->payee,
		line->source_payee}
	};

	referral_credit_payee(plans, referral_find_plan(plans, line->plan_id),
						  &payment, event->cause_id);
}

/* Bring a line to what it is for what is left of its event. */
static void
settle_line(const CommissionPlans *plans, const Correction *correction,
			const Line *line)
{
	const CommissionEvent *event = &correction->event;
	int64		due = line->points -
	referral_returned(line->points, line->base, event->amount);
	int64		change;

	if (line->has_forfeits)
	{
		int			count;
		CommissionForfeit *forfeits = read_forfeits(event, line->number,
													&count);

		due = referral_unforfeited(due, forfeits, count);
		pfree(forfeits);
	}
	change = due - line->now;
	if (change == 0)
		return;
	insert_change(event, line, change);
	if (!line->is_paid)
		return;
	if (change < 0)
		take(correction, line, -change);
	else
		credit(plans, event, line, change);
}

static int
compare_payees(const void *a, const void *b)
{
	const Line *x = (const Line *) a;
	const Line *y = (const Line *) b;

	if (x->payee != y->payee)
		return x->payee < y->payee ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

/*
 * Do to the commissions of an event what a correction, which has just been
 * recorded, says.  An event that has paid nothing as yet, as it came to
 * nothing, pays when an adjustment makes it one that does.  Inside
 * core_enter().
 */
void
referral_correct(int64 program, int64 event_id)
{
	const CommissionPlans *plans = referral_plans(program);
	Correction	correction = {0};
	Line	   *lines;
	int			count;
	int			i;

	if (has_neither(program) ||
		!read_correction(program, event_id, &correction))
		return;
	lines = read_lines(&correction.event, &count);
	qsort(lines, count, sizeof(Line), compare_payees);
	for (i = 0; i < count; i++)
		settle_line(plans, &correction, &lines[i]);
	if (correction.adjusts && count == 0)
		referral_pay_plans(plans, &correction.event, NULL);
	referral_withdraw_rewards(plans, &correction.event, correction.dead,
							  correction.reason);
	if (correction.adjusts)
		referral_reward_event(plans, &correction.event);
}

/*
 * Note that so many points of a line have been taken back by a decision.
 * Inside core_enter().
 */
void
referral_forfeit(int64 program, int64 event_id, int32 line, int64 decision,
				 int64 points)
{
	CommissionEvent event = {.program = program,.event_id = event_id,
	.cause_id = decision};
	int			count;
	Line	   *lines = read_lines(&event, &count);
	int			i;

	for (i = 0; i < count; i++)
		if (lines[i].number == line)
			insert_change(&event, &lines[i], -points);
}
