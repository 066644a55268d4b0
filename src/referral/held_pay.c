/*-------------------------------------------------------------------------
 *
 * held_pay.c
 *	  Payments to members who are held, or for what such members do.
 *
 * They are made at once and wait without end; a row of held_payment says so,
 * with those for and to whom it is.  When none of these is held any more it
 * is released, in the transaction that ends the last hold, to be available
 * when it would have been.  When fraud of one of them is confirmed it is taken
 * back as a whole.
 *
 * Nobody who pays waits for somebody who decides.  A payment that was on its
 * way when the last hold ended is released by maintenance.
 *
 * What is found is claimed first, in ascending order of keys; then accounts
 * are locked in theirs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "period/period.h"
#include "referral/commission.h"
#include "referral/sanction.h"

/* ----- paying ----- */

static bool
is_any_held(int64 program, const ReferralPayment *payment)
{
	int			i;

	for (i = 0; i < REFERRAL_ENDS; i++)
		if (payment->ends[i] != 0 &&
			referral_is_held(program, payment->ends[i]))
			return true;
	return false;
}

static void
note_payment(int64 program, const ReferralPayment *payment, TimestampTz due)
{
	static CorePlan plan = {
		.sql = "WITH p AS (INSERT INTO community.held_payment (program_id,"
		"  key, event_id, line, given_id, payee_id, currency_id, points,"
		"  due_at) VALUES ($1, $2, nullif($3, 0),"
		"  CASE WHEN $3 <> 0 THEN $4 END, nullif($5, 0), $6, $7, $8, $9)"
		"  RETURNING key)"
		" INSERT INTO community.held_payment_end (program_id, member_id, key)"
		" SELECT DISTINCT $1, e.member_id, p.key"
		" FROM p, unnest($10) AS e (member_id) WHERE e.member_id <> 0",
		.nargs = 10,
		.argtypes = {INT8OID, TEXTOID, INT8OID, INT4OID, INT8OID, INT8OID,
		INT8OID, INT8OID, TIMESTAMPTZOID, INT8ARRAYOID}
	};
	Datum		ends[REFERRAL_ENDS];
	Datum		values[10];
	int			i;

	for (i = 0; i < REFERRAL_ENDS; i++)
		ends[i] = Int64GetDatum(payment->ends[i]);
	values[0] = Int64GetDatum(program);
	values[1] = payment->key;
	values[2] = Int64GetDatum(payment->event_id);
	values[3] = Int32GetDatum(payment->line);
	values[4] = Int64GetDatum(payment->given_id);
	values[5] = Int64GetDatum(payment->payee);
	values[6] = Int64GetDatum(payment->currency_id);
	values[7] = Int64GetDatum(payment->points);
	values[8] = TimestampTzGetDatum(due);
	values[9] = PointerGetDatum(construct_array(ends, REFERRAL_ENDS, INT8OID,
												sizeof(int64),
												FLOAT8PASSBYVAL,
												TYPALIGN_DOUBLE));
	core_run(&plan, values, NULL, false);
}

/*
 * Pay somebody.  Gives until when it is on hold, and -infinity for no hold.
 * Inside core_enter().
 */
TimestampTz
referral_pay(const CommissionPlans *plans, const ReferralPayment *payment)
{
	bool		withheld = is_any_held(plans->program, payment);
	TimestampTz available_at = 0;

	if (payment->pending_for != NULL)
		available_at = period_add_interval(payment->at, payment->pending_for,
										   plans->zone);
	available_at =
		referral_ledger.pay(plans->program, payment->payee,
							payment->currency_id, payment->points,
							payment->kind, payment->at,
							payment->pending_for == NULL ? NULL :
							&available_at, withheld, payment->key,
							payment->reason);
	if (!withheld)
		return available_at;
	note_payment(plans->program, payment, available_at);
	return DT_NOEND;
}

/* ----- what becomes of it ----- */

/* Does what was paid under a key wait for the end of a hold? */
bool
referral_is_withheld(int64 program, Datum key)
{
	static CorePlan plan = {
		.sql = "SELECT EXISTS (SELECT FROM community.held_payment"
		" WHERE program_id = $1 AND key = $2 AND settled_at IS NULL)",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTOID},
		.by_index = true
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = key;
	core_run(&plan, values, NULL, false);
	return core_bool(0, 1);
}

/*
 * Claim the payments that are found and that wait, and give them in the order
 * of their accounts.
 */
#define CLAIM(found, decision) \
	"WITH found AS MATERIALIZED (" found ")," \
	" claimed AS MATERIALIZED (SELECT p.key" \
	"  FROM found AS f JOIN community.held_payment AS p" \
	"  ON p.program_id = $1 AND p.key = f.key" \
	"  WHERE p.settled_at IS NULL ORDER BY p.key FOR UPDATE OF p)," \
	" settled AS (UPDATE community.held_payment AS p" \
	"  SET settled_at = clock_timestamp(), decision_id = " decision \
	"  FROM claimed AS c WHERE p.program_id = $1 AND p.key = c.key" \
	"  RETURNING p.*)" \
	" SELECT s.key, s.due_at, coalesce(s.given_id, 0)," \
	" coalesce(s.event_id, 0), coalesce(s.line, 0), s.points" \
	" FROM settled AS s LEFT JOIN community.member_merge AS b" \
	" ON b.program_id = $1 AND b.member_id = s.payee_id" \
	" ORDER BY coalesce(b.bearer_id, s.payee_id), s.currency_id," \
	" s.event_id, s.line, s.key"

/* those with an end in a set, no end of which is held */
#define FREE_OF(members) \
	"SELECT DISTINCT e.key FROM (" members ") AS m" \
	" JOIN community.held_payment_end AS e ON e.program_id = $1" \
	" AND e.member_id = m.member_id" \
	" JOIN community.held_payment AS w ON w.program_id = $1" \
	" AND w.key = e.key AND w.settled_at IS NULL" \
	" WHERE NOT EXISTS (SELECT FROM community.held_payment_end AS x" \
	"  JOIN community.held_member AS h ON h.program_id = $1" \
	"  AND h.member_id = x.member_id" \
	"  WHERE x.program_id = $1 AND x.key = e.key)"

/* A row of what CLAIM gives. */
typedef struct HeldPayment
{
	Datum		key;
	TimestampTz due_at;
	int64		given_id;		/* 0 for a commission */
	int64		event_id;
	int32		line;
	int64		points;
} HeldPayment;

static HeldPayment *
claimed(uint64 *count)
{
	HeldPayment *payments;
	uint64		i;

	*count = SPI_processed;
	payments = MemoryContextAllocHuge(CurrentMemoryContext,
									  (*count + 1) * sizeof(HeldPayment));
	for (i = 0; i < *count; i++)
	{
		bool		isnull;

		payments[i].key = core_field((int) i, 1, &isnull);
		payments[i].due_at = DatumGetTimestampTz(core_field((int) i, 2,
															&isnull));
		payments[i].given_id = core_int64((int) i, 3);
		payments[i].event_id = core_int64((int) i, 4);
		payments[i].line = (int32) core_int64((int) i, 5);
		payments[i].points = core_int64((int) i, 6);
	}
	return payments;
}

/* A signup reward is on hold as long as it would have been. */
static void
end_hold_of_reward(int64 program, const HeldPayment *payment)
{
	static CorePlan plan = {
		.sql = "UPDATE community.signup_reward_given"
		" SET held_until = nullif($3, '-infinity'::timestamptz)"
		" WHERE program_id = $1 AND given_id = $2",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID},
		.by_index = true
	};
	Datum		values[3];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(payment->given_id);
	values[2] = TimestampTzGetDatum(payment->due_at);
	core_run(&plan, values, NULL, false);
}

/* Let claimed payments go.  What waits for release() anyway goes on so. */
static int64
release_claimed(int64 program)
{
	uint64		count;
	HeldPayment *payments = claimed(&count);
	uint64		i;

	for (i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (payments[i].given_id != 0)
			end_hold_of_reward(program, &payments[i]);
		if (payments[i].points > 0 && payments[i].due_at != DT_NOEND)
			referral_ledger.release(program, payments[i].key,
									payments[i].due_at);
	}
	return (int64) count;
}

/* Release what waits for a member, of whom a hold has ended. */
void
referral_release_held(int64 program, int64 member)
{
	static CorePlan plan = {
		.sql = CLAIM(FREE_OF("SELECT $2 AS member_id"), "NULL"),
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID},
		.by_index = true
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	core_run(&plan, values, NULL, false);
	(void) release_claimed(program);
}

/* The same for all whom a sanction was about. */
void
referral_release_sanctioned(int64 program, int64 sanction)
{
	static CorePlan plan = {
		.sql = CLAIM(FREE_OF("SELECT x.member_id"
							 " FROM community.referral_sanctioned AS x"
							 " WHERE x.program_id = $1 AND x.sanction_id = $2"),
					 "NULL"),
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID},
		.by_index = true
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(sanction);
	core_run(&plan, values, NULL, false);
	(void) release_claimed(program);
}

/*
 * Release what waits for nobody by now, at most so many payments; gives how
 * many there were.
 */
int64
referral_settle_held(int64 program, int64 limit)
{
	static CorePlan plan = {
		.sql = CLAIM("SELECT w.key FROM community.held_payment AS w"
					 " WHERE w.program_id = $1 AND w.settled_at IS NULL"
					 " AND NOT EXISTS (SELECT"
					 "  FROM community.held_payment_end AS x"
					 "  JOIN community.held_member AS h ON h.program_id = $1"
					 "  AND h.member_id = x.member_id"
					 "  WHERE x.program_id = $1 AND x.key = w.key)"
					 " ORDER BY w.key LIMIT $2", "NULL"),
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID},
		.by_index = true
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(limit);
	core_run(&plan, values, NULL, false);
	return release_claimed(program);
}

/*
 * Take back, by a decision, what waits to be paid to a member or for what it
 * did.
 */
void
referral_forfeit_held(int64 program, int64 member, int64 decision,
					  Datum reason)
{
	static CorePlan plan = {
		.sql = CLAIM("SELECT key FROM community.held_payment_end"
					 " WHERE program_id = $1 AND member_id = $2", "$3"),
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, INT8OID},
		.by_index = true
	};
	HeldPayment *payments;
	Datum		values[3];
	int64		taken = 0;
	uint64		count;
	uint64		i;

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	values[2] = Int64GetDatum(decision);
	core_run(&plan, values, NULL, false);
	payments = claimed(&count);
	for (i = 0; i < count; i++)
	{
		const HeldPayment *payment = &payments[i];

		CHECK_FOR_INTERRUPTS();
		if (payment->points > 0)
			taken += referral_ledger.take(program, payment->key,
										  payment->points, reason);
		if (payment->given_id != 0)
			referral_withdraw_reward(program, payment->given_id);
		/* a line that an adjustment has made more of has several payments */
		if (i + 1 < count && payment[1].given_id == 0 &&
			payment[1].event_id == payment->event_id &&
			payment[1].line == payment->line)
			continue;
		if (payment->given_id == 0 && taken > 0)
			referral_forfeit(program, payment->event_id, payment->line,
							 decision, taken);
		taken = 0;
	}
}
