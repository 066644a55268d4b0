/*-------------------------------------------------------------------------
 *
 * group_settle.c
 *	  What becomes of the points that members of groups have set aside:
 *	  settle_groups().
 *
 * Holds of a full group are captured, those of a group that has failed are
 * released.  The ledger is asked through its SQL functions, one hold a
 * subtransaction: one that the application has ended otherwise, or that has
 * timed out, must not keep the rest of the group from being settled.  What
 * went wrong is kept beside the member, for the application to deal with.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "referral/group.h"

PG_FUNCTION_INFO_V1(community_settle_groups);

/* One hold that is to be captured or released. */
typedef struct Payment
{
	int64		program;
	int64		join_id;
	Datum		hold_key;		/* text */
	bool		capture;
} Payment;

/* Ask the ledger. */
static void
pay(void *arg)
{
	static CorePlan capture = {
		.sql = "SELECT FROM community.capture($1, program => $2)",
		.nargs = 2,
		.argtypes = {TEXTOID, INT8OID}
	};
	static CorePlan release = {
		.sql = "SELECT FROM community.release($1, program => $2)",
		.nargs = 2,
		.argtypes = {TEXTOID, INT8OID}
	};
	const Payment *payment = (const Payment *) arg;
	Datum		values[2];

	values[0] = payment->hold_key;
	values[1] = Int64GetDatum(payment->program);
	core_run(payment->capture ? &capture : &release, values, NULL, false);
}

/* Only a refusal of the ledger is the hold's fault. */
static bool
is_refusal(const ErrorData *error)
{
	return error->sqlerrcode == COMMUNITY_ERRCODE_HOLD_ENDED ||
		error->sqlerrcode == COMMUNITY_ERRCODE_UNKNOWN_EVENT ||
		error->sqlerrcode == COMMUNITY_ERRCODE_CLOSED_MEMBER;
}

static void
settle_payment(Payment *payment)
{
	static CorePlan plan = {
		.sql = "UPDATE community.group_member SET"
		" captured_at = CASE WHEN $3 AND $4 IS NULL"
		"  THEN clock_timestamp() END,"
		" refunded_at = CASE WHEN NOT $3 AND $4 IS NULL"
		"  THEN clock_timestamp() END,"
		" hold_fault = $4 WHERE program_id = $1 AND join_id = $2",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, BOOLOID, TEXTOID},
		.by_index = true
	};
	ErrorData  *error = core_attempt(pay, payment);
	Datum		values[4];
	char		nulls[5] = "    ";

	if (error != NULL && !is_refusal(error))
		ReThrowError(error);
	values[0] = Int64GetDatum(payment->program);
	values[1] = Int64GetDatum(payment->join_id);
	values[2] = BoolGetDatum(payment->capture);
	values[3] = (Datum) 0;
	if (error == NULL)
		nulls[3] = 'n';
	else
		values[3] = CStringGetTextDatum(error->message);
	core_run(&plan, values, nulls, false);
	if (SPI_processed == 0)
		referral_group_refuse_hidden();
}

/* Settle what the last result lists: join_id, hold_key, capture. */
static void
settle_payments(int64 program)
{
	int			count = (int) SPI_processed;
	Payment    *payments = palloc_array(Payment, count + 1);
	int			i;

	for (i = 0; i < count; i++)
	{
		payments[i].program = program;
		payments[i].join_id = core_int64(i, 1);
		payments[i].hold_key = CStringGetTextDatum(core_text(i, 2));
		payments[i].capture = core_bool(i, 3);
	}
	for (i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		settle_payment(&payments[i]);
	}
}

/* Give back what a member has set aside who has left. */
void
referral_group_release(int64 program, int64 join_id)
{
	static CorePlan plan = {
		.sql = "SELECT join_id, hold_key, false FROM community.group_member"
		" WHERE program_id = $1 AND join_id = $2 AND hold_key IS NOT NULL",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID},
		.by_index = true
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(join_id);
	core_run(&plan, values, NULL, false);
	settle_payments(program);
}

/*
 * Settle groups that are full or have failed.  The caller holds their locks.
 * Accounts are locked in ascending order of members, over all the groups.
 */
void
referral_group_settle(int64 program, ArrayType *groups)
{
	static CorePlan list = {
		.sql = "SELECT m.join_id, m.hold_key, NOT EXISTS (SELECT"
		"  FROM community.group_slot AS s WHERE s.program_id = $1"
		"  AND s.group_id = m.group_id)"
		" FROM unnest($2) AS g (id) CROSS JOIN LATERAL (SELECT *"
		"  FROM community.group_member AS m WHERE m.program_id = $1"
		"  AND m.group_id = g.id OFFSET 0) AS m"
		" WHERE m.left_at IS NULL AND m.hold_key IS NOT NULL"
		" AND m.captured_at IS NULL AND m.refunded_at IS NULL"
		" AND m.hold_fault IS NULL ORDER BY m.member_id, m.join_id",
		.nargs = 2,
		.argtypes = {INT8OID, INT8ARRAYOID},
		.by_index = true
	};
	static CorePlan note = {
		.sql = "UPDATE community.group_buy SET settled_at = clock_timestamp()"
		" WHERE program_id = $1 AND group_id = ANY ($2)"
		" AND settled_at IS NULL",
		.nargs = 2,
		.argtypes = {INT8OID, INT8ARRAYOID},
		.by_index = true
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = PointerGetDatum(groups);
	core_run_latest(&list, values);
	settle_payments(program);
	core_run(&note, values, NULL, false);
	if ((int) SPI_processed != ArrayGetNItems(ARR_NDIM(groups),
											  ARR_DIMS(groups)))
		referral_group_refuse_hidden();
}

/*
 * Settle a batch of groups; gives how many.  Nobody else settles in between
 * those that were found to be due and their locks, or they are left out.
 */
int
referral_settle_groups(int64 program, TimestampTz as_of, int batch)
{
	static CorePlan plan = {
		.sql = "SELECT d.group_id FROM (SELECT g.group_id"
		"  FROM community.group_buy AS g WHERE g.program_id = $1"
		"  AND g.settled_at IS NULL AND (g.closes_at <= $2 OR NOT EXISTS"
		"   (SELECT FROM community.group_slot AS s WHERE s.program_id = $1"
		"   AND s.group_id = g.group_id))"
		"  ORDER BY g.closes_at LIMIT $3) AS d ORDER BY d.group_id",
		.nargs = 3,
		.argtypes = {INT8OID, TIMESTAMPTZOID, INT4OID},
		.by_index = true
	};
	TimestampTz until = Min(as_of, GetCurrentTimestamp());
	Datum		values[3];
	Datum	   *due;
	int			count;
	int			settled = 0;
	int			i;

	values[0] = Int64GetDatum(program);
	values[1] = TimestampTzGetDatum(until);
	values[2] = Int32GetDatum(batch);
	core_run_latest(&plan, values);
	count = (int) SPI_processed;
	due = palloc_array(Datum, count + 1);
	for (i = 0; i < count; i++)
		due[i] = Int64GetDatum(core_int64(i, 1));
	for (i = 0; i < count; i++)
	{
		ReferralGroup group = {.program = program};

		CHECK_FOR_INTERRUPTS();
		group.id = DatumGetInt64(due[i]);
		referral_group_exclude(&group);
		referral_group_read(&group);
		/* it may have been settled while we waited */
		if (!group.settled && (group.missing == 0 || group.closes_at <= until))
			due[settled++] = due[i];
	}
	if (settled > 0)
		referral_group_settle(program,
							  construct_array(due, settled, INT8OID,
											  sizeof(int64), true,
											  TYPALIGN_DOUBLE));
	return settled;
}

/* settle_groups(as_of, batch, program) -> integer */
Datum
community_settle_groups(PG_FUNCTION_ARGS)
{
	int32		batch = PG_GETARG_INT32(1);
	int64		program = PG_GETARG_INT64(2);
	CoreScope	scope;
	int			settled;

	if (batch < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("batch must be at least 1, not %d", batch)));
	core_enter(&scope);
	(void) core_program_name(program);
	settled = referral_settle_groups(program, PG_GETARG_TIMESTAMPTZ(0),
									 batch);
	core_leave(&scope);
	PG_RETURN_INT32(settled);
}
