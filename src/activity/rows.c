/*-------------------------------------------------------------------------
 *
 * rows.c
 *	  Making the events agree with rows of an attached table.
 *
 * A set of rows says which events ought to be.  For rows that are new, the
 * events are inserted and that is all.  In every other case, and where an
 * insert met a key that is known, what ought to be is compared with what the
 * log says for each key, and the difference is appended:
 *
 *	 nothing in force, row counts			record, as the next revision
 *	 in force, row counts, other amount		adjust by the difference
 *	 in force, row counts, other identity	retract, then record
 *	 in force, row does not count			retract
 *
 * What reverse() took back is not the row's doing and stays taken back: it is
 * left out when the row's amount is compared, an adjustment never takes more
 * than is left, and a retraction takes just that.
 *
 * So it does not matter whether a row was seen before, by a trigger or by a
 * backfill, and doing it twice changes nothing.  Revisions are unique, so of
 * two that do it at once one inserts less than it planned and looks again.
 *
 * All functions run inside core_enter(); those that work on the set, with it
 * registered as "incoming".
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/tstoreReceiver.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/numeric.h"
#include "utils/queryenvironment.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "activity/activity.h"
#include "activity/attachment.h"
#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "points/rules.h"
#include "referral/commission.h"
#include "score/engagement.h"
#include "tier/tier.h"

/* From this many rows on a statement is planned for its set. */
#define LARGE_SET		50

/* What the statements below are about; parameters have fixed numbers. */
typedef struct Work
{
	Attachment *attachment;
	ActivityRows *rows;
	bool		keep;			/* kept plans: the set is small */
	bool		fresh;			/* the rows were just inserted */
	Datum		values[5];
} Work;

#define PROGRAM		"$1"
#define TYPE		"$2"
#define SOURCE		"$3"
#define NOW			"$4"
#define SCALE		"$5"
#define WORK_ARGS \
	.nargs = 5, \
	.argtypes = {INT8OID, TEXTOID, TEXTOID, TIMESTAMPTZOID, INT4OID}

/* The amount of a row in minor units. */
#define AMOUNT \
	"coalesce(i.amount, community.minor_units(i.amount_decimal, " SCALE "), 0)"

/* The member a row names, and the target. */
#define MEMBER_OF_ROW \
	"m.program_id = " PROGRAM " AND m.member_id = i.member_id"
#define EXTERNAL_MEMBER_OF_ROW \
	"m.program_id = " PROGRAM " AND m.external_id = i.external_id"

#define FIND_TARGET(column, name) \
	" LEFT JOIN community.member AS o ON o.program_id = " PROGRAM \
	" AND o." column " = " name
#define ID_TARGET			FIND_TARGET("member_id", "i.target_id")
#define TEXT_TARGET			FIND_TARGET("external_id", "i.target_external_id")
#define NO_TARGET \
	" CROSS JOIN (SELECT NULL::bigint AS member_id) AS o"

#define FIND_RULE \
	" LEFT JOIN community.activity_type AS t" \
	" ON t.program_id = " PROGRAM " AND t.type = " TYPE

/* Where the statements for the target stand in their array. */
static int
target_variant(const Attachment *attachment)
{
	if (attachment->target == NULL)
		return 0;
	return attachment->target_external ? 2 : 1;
}

/* ----- enrolling ----- */

/*
 * Enroll the members that rows name and that are not there yet.  Gives the
 * number of those that were missing; not all need have been inserted, so it
 * is repeated until there are none.
 */
#define ENROLL(missing, id, external_id) \
	"WITH missing AS MATERIALIZED (" missing ")," \
	" enrolled AS (INSERT INTO community.member" \
	"  (program_id, member_id, external_id, joined_at)" \
	"  SELECT " PROGRAM ", " id ", " external_id ", s.joined_at" \
	"  FROM (SELECT * FROM missing ORDER BY name) AS s" \
	"  ON CONFLICT DO NOTHING RETURNING member_id)," \
	" opened AS (INSERT INTO community.engagement" \
	"  (program_id, member_id, score)" \
	"  SELECT " PROGRAM ", e.member_id," \
	"  community.decayed(0, '2000-01-01 00:00:00+00', p.half_life)" \
	"  FROM enrolled AS e, community.program AS p" \
	"  WHERE p.program_id = " PROGRAM ")" \
	" SELECT count(*) FROM missing"

#define MISSING(name, column) \
	"SELECT " name " AS name, min(coalesce(i.occurred_at, " NOW ")) AS joined_at" \
	" FROM incoming AS i WHERE i.live AND " name " IS NOT NULL" \
	" AND NOT EXISTS (SELECT FROM community.member AS m" \
	"  WHERE m.program_id = " PROGRAM " AND m." column " = " name ")" \
	" GROUP BY " name

static CorePlan enroll_by_id[2] = {
	{.sql = ENROLL(MISSING("i.member_id", "member_id"),
				   "s.name", "NULL::text"), WORK_ARGS},
	{.sql = ENROLL(MISSING("i.target_id", "member_id"),
				   "s.name", "NULL::text"), WORK_ARGS}
};
static CorePlan enroll_by_external_id[2] = {
	{.sql = ENROLL(MISSING("i.external_id", "external_id"),
				   ACTIVITY_DRAWN_IDS " + community.next_id()", "s.name"),
	WORK_ARGS},
	{.sql = ENROLL(MISSING("i.target_external_id", "external_id"),
				   ACTIVITY_DRAWN_IDS " + community.next_id()", "s.name"),
	WORK_ARGS}
};

/* Run a statement of the set for its rows in SPI_tuptable. */
static void
run(const Work *work, CorePlan *plan)
{
	if (work->keep)
		core_run(plan, (Datum *) work->values, NULL, false);
	else if (SPI_execute_with_args(plan->sql, plan->nargs, plan->argtypes,
								   (Datum *) work->values, NULL, false, 0) < 0)
		elog(ERROR, "could not execute \"%s\"", plan->sql);
}

static void
enroll_missing(const Work *work, bool external, int which)
{
	do
	{
		CHECK_FOR_INTERRUPTS();
		run(work, external ? &enroll_by_external_id[which] :
			&enroll_by_id[which]);
	} while (core_int64(0, 1) > 0);
}

static void
enroll_members(const Work *work)
{
	const Attachment *attachment = work->attachment;

	if (!attachment->enroll)
		return;
	enroll_missing(work, attachment->member_external, 0);
	if (attachment->target != NULL)
		enroll_missing(work, attachment->target_external, 1);
}

/* ----- refusing ----- */

/* Refuse values that record() would refuse, looking at the extremes only. */
static void
check_values(const Work *work)
{
	static CorePlan plan = {
		.sql = "SELECT min(i.occurred_at), max(i.occurred_at), min(i.amount),"
		" max(octet_length(i.key)), max(octet_length(i.external_id)),"
		" max(octet_length(i.target_external_id)), bool_or(i.external_id = '')"
		" FROM incoming AS i WHERE i.live",
		WORK_ARGS
	};
	static const char *const names[] = {"idempotency key", "external id",
	"external id of the target"};
	bool		isnull;
	Datum		value;
	int			i;

	run(work, &plan);
	for (i = 1; i <= 2; i++)
	{
		value = core_field(0, i, &isnull);
		if (!isnull)
			activity_check_time(DatumGetTimestampTz(value));
	}
	value = core_field(0, 3, &isnull);
	if (!isnull)
		activity_check_amount(DatumGetInt64(value));
	for (i = 0; i < lengthof(names); i++)
	{
		value = core_field(0, 4 + i, &isnull);
		if (!isnull && DatumGetInt32(value) > COMMUNITY_MAX_NAME_LENGTH)
			ereport(ERROR,
					(errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
					 errmsg("%s is %d bytes long, the limit is %d", names[i],
							DatumGetInt32(value), COMMUNITY_MAX_NAME_LENGTH)));
	}
	if (core_bool(0, 7))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("external id must not be empty")));
}

/* Name the first member that keeps a row of the set from being recorded. */
#define REFUSAL(member_of_row, name) \
	"SELECT i.key, " name ", m.status = 'closed'," \
	" m.status = 'active', coalesce(i.target_id::text, i.target_external_id)" \
	" FROM incoming AS i" \
	" LEFT JOIN community.member AS m ON " member_of_row \
	" LEFT JOIN community.member AS o ON o.program_id = " PROGRAM \
	" AND (o.member_id = i.target_id OR o.external_id = i.target_external_id)" \
	" WHERE i.live AND (m.status IS DISTINCT FROM 'active'" \
	" OR (o.member_id IS NULL AND (i.target_id IS NOT NULL" \
	" OR i.target_external_id IS NOT NULL)))" \
	" LIMIT 1"

static void
refuse_members(const Work *work)
{
	static CorePlan by_id = {
		.sql = REFUSAL(MEMBER_OF_ROW, "i.member_id::text"), WORK_ARGS
	};
	static CorePlan by_external_id = {
		.sql = REFUSAL(EXTERNAL_MEMBER_OF_ROW, "i.external_id"), WORK_ARGS
	};
	const Attachment *attachment = work->attachment;
	char	   *key;
	char	   *member;
	char	   *program;
	bool		closed;

	run(work, attachment->member_external ? &by_external_id : &by_id);
	if (SPI_processed == 0)
		return;
	key = core_text(0, 1);
	/* when the member is in order it is the target that is not */
	member = core_text(0, core_bool(0, 4) ? 5 : 2);
	closed = core_bool(0, 3);
	program = core_program_name(attachment->program);
	ereport(ERROR,
			(errcode(closed ? COMMUNITY_ERRCODE_CLOSED_MEMBER :
					 COMMUNITY_ERRCODE_UNKNOWN_MEMBER),
			 closed ?
			 errmsg("member %s of program \"%s\" is closed", member, program) :
			 errmsg("member %s of program \"%s\" does not exist", member,
					program),
			 errdetail("Row \"%s\" of source \"%s\" names it.", key,
					   attachment->source),
			 errhint("Exclude such rows by the condition of the attachment, or enroll the member.")));
}

/* ----- engagement ----- */

static ActivityRows *
begin_recorded(void)
{
	static const ActivityColumn columns[] = {
		{"event_id", INT8OID}, {"member_id", INT8OID},
		{"engagement", FLOAT8OID}, {"at", TIMESTAMPTZOID},
		{"is_new", BOOLOID}, {"type", TEXTOID}, {"amount", INT8OID},
		{"target_id", INT8OID}, {"payload", JSONBOID}
	};
	static TupleDesc desc = NULL;

	return activity_begin_set(&desc, columns, lengthof(columns));
}

/* Run an insert and keep what it returns. */
static void
run_insert(const Work *work, CorePlan *plan, ActivityRows *recorded)
{
	DestReceiver *dest = activity_rows_receiver(recorded);

	core_run_into(plan, (Datum *) work->values, NULL, work->keep, dest);
	dest->rDestroy(dest);
}

/* Add the engagement of what was inserted; gives the number of events. */
static int64
add_recorded(const Work *work, ActivityRows *recorded)
{
	activity_register_rows("recorded", recorded);
	if (recorded->count > 0)
	{
		score_add_engagements(work->attachment->program, work->keep);
		referral_lock_recorded_payees(work->attachment->program);
		points_award_recorded(work->attachment->program, work->keep);
		referral_pay_recorded(work->attachment->program, work->keep, false);
		tier_note_recorded(work->attachment->program, work->keep);
	}
	if (SPI_unregister_relation("recorded") != SPI_OK_REL_UNREGISTER)
		elog(ERROR, "could not unregister \"recorded\"");
	return recorded->count;
}

/* Both. */
static int64
insert_events(const Work *work, CorePlan *plan)
{
	ActivityRows *recorded = begin_recorded();
	int64		count;

	run_insert(work, plan, recorded);
	count = add_recorded(work, recorded);
	activity_end_rows(recorded);
	return count;
}

/* ----- rows that are new ----- */

#define INSERT_FRESH(member_of_row, find_target, target_known) \
	"INSERT INTO community.event (program_id, event_id, member_id, type," \
	" source, key, amount, occurred_at, occurred_at_given, target_id," \
	" engagement)" \
	" SELECT " PROGRAM ", community.next_id(), m.member_id, " TYPE ", " SOURCE "," \
	" i.key, " AMOUNT ", coalesce(i.occurred_at, " NOW ")," \
	" i.occurred_at IS NOT NULL, o.member_id," \
	" coalesce(t.weight + t.weight_per_unit * " AMOUNT ", 1)" \
	" FROM incoming AS i JOIN community.member AS m ON " member_of_row \
	find_target FIND_RULE \
	" WHERE i.live AND m.status = 'active'" target_known \
	" RETURNING event_id, member_id, engagement, occurred_at, true, type," \
	" amount, target_id, payload"

/* the planner guesses badly at such tests, so only where there is a target */
#define ID_TARGET_KNOWN \
	" AND (o.member_id IS NOT NULL OR i.target_id IS NULL)"
#define TEXT_TARGET_KNOWN \
	" AND (o.member_id IS NOT NULL OR i.target_external_id IS NULL)"

/* by member: id or external id; by target: none, id or external id */
static CorePlan insert_fresh[2][3] = {
	{
		{.sql = INSERT_FRESH(MEMBER_OF_ROW, NO_TARGET, ""), WORK_ARGS},
		{.sql = INSERT_FRESH(MEMBER_OF_ROW, ID_TARGET, ID_TARGET_KNOWN),
		WORK_ARGS},
		{.sql = INSERT_FRESH(MEMBER_OF_ROW, TEXT_TARGET, TEXT_TARGET_KNOWN),
		WORK_ARGS}
	},
	{
		{.sql = INSERT_FRESH(EXTERNAL_MEMBER_OF_ROW, NO_TARGET, ""),
		WORK_ARGS},
		{.sql = INSERT_FRESH(EXTERNAL_MEMBER_OF_ROW, ID_TARGET,
							 ID_TARGET_KNOWN), WORK_ARGS},
		{.sql = INSERT_FRESH(EXTERNAL_MEMBER_OF_ROW, TEXT_TARGET,
							 TEXT_TARGET_KNOWN), WORK_ARGS}
	}
};

/* What insert_fresh_rows() attempts. */
typedef struct FreshInsert
{
	const Work *work;
	ActivityRows *recorded;
} FreshInsert;

static void
attempt_fresh_insert(void *arg)
{
	FreshInsert *insert = (FreshInsert *) arg;
	const Attachment *attachment = insert->work->attachment;

	run_insert(insert->work,
			   &insert_fresh[attachment->member_external ? 1 : 0]
			   [target_variant(attachment)], insert->recorded);
}

/*
 * Insert the events of new rows.  A plain insert costs a third less than one
 * that asks for conflicts, and conflicts are rare; so it is attempted, and on
 * the first key that is known all of it is undone and the log is looked at.
 * False when something remains to be done.
 */
static bool
insert_fresh_rows(const Work *work)
{
	ActivityRows *recorded = begin_recorded();
	FreshInsert insert = {work, recorded};
	ErrorData  *error = core_attempt(attempt_fresh_insert, &insert);
	int64		count = 0;

	if (error != NULL && error->sqlerrcode != ERRCODE_UNIQUE_VIOLATION)
		ReThrowError(error);
	if (error == NULL)
		count = add_recorded(work, recorded);
	activity_end_rows(recorded);
	return count == work->rows->count;
}

/* ----- comparing with the log ----- */

/*
 * What is to be appended.  "o" is the event in force under the key of the
 * row, "s" the sums over it and its corrections.
 */
#define ACTIONS(member_of_row, find_target) \
	"WITH logged AS MATERIALIZED (" \
	" SELECT i.key, i.live, i.occurred_at, m.member_id, m.status, o.member_id AS target_id," \
	"  (o.member_id IS NULL AND (i.target_id IS NOT NULL" \
	"   OR i.target_external_id IS NOT NULL)) AS target_unknown," \
	"  CASE WHEN i.live THEN " AMOUNT " END AS amount," \
	"  e.event_id, e.member_id AS logged_member, e.target_id AS logged_target," \
	"  s.last_revision, s.net, s.said, s.engagement," \
	"  e.event_id IS NOT NULL AND NOT s.dead AS in_force," \
	"  e.event_id IS NOT NULL AND NOT s.dead AND i.live" \
	"   AND e.member_id = m.member_id" \
	"   AND (i.occurred_at IS NULL OR i.occurred_at = e.occurred_at)" \
	"   AND o.member_id IS NOT DISTINCT FROM e.target_id AS same" \
	" FROM incoming AS i" \
	" LEFT JOIN community.member AS m ON i.live AND " member_of_row \
	find_target \
	" LEFT JOIN LATERAL (SELECT e.event_id, e.member_id, e.occurred_at," \
	"   e.target_id, e.revision FROM community.event AS e" \
	"  WHERE e.program_id = " PROGRAM " AND e.source = " SOURCE \
	"   AND e.key = i.key AND e.kind = 'record'" \
	"  ORDER BY e.revision DESC LIMIT 1) AS e ON true" \
	" LEFT JOIN LATERAL (SELECT max(c.revision) AS last_revision," \
	"   sum(c.amount)::bigint AS net," \
	"   sum(c.engagement ORDER BY c.revision) AS engagement," \
	"   sum(c.amount) FILTER (WHERE c.kind IN ('record', 'adjust')) AS said," \
	"   bool_or(c.kind = 'retract') AS dead" \
	"  FROM community.event AS c" \
	"  WHERE c.program_id = " PROGRAM " AND c.source = " SOURCE \
	"   AND c.key = i.key AND c.revision >= e.revision) AS s ON true)" \
	" SELECT l.key, 'retract' AS kind, l.logged_member AS member_id," \
	"  l.last_revision + 1 AS revision, l.event_id AS corrects," \
	"  l.logged_target AS target_id, - l.net AS amount, - l.engagement AS engagement," \
	"  " NOW " AS occurred_at, false AS given, false AS refused" \
	" FROM logged AS l WHERE l.in_force AND NOT coalesce(l.same, false)" \
	" UNION ALL" \
	" SELECT l.key, 'adjust', l.member_id, l.last_revision + 1, l.event_id," \
	"  l.logged_target, l.difference," \
	"  coalesce(t.weight_per_unit, 0) * l.difference + 0, " NOW ", false, false" \
	" FROM (SELECT l.*, CASE WHEN l.net >= 0" \
	"   THEN greatest(l.amount - l.said, - l.net)" \
	"   ELSE least(l.amount - l.said, - l.net) END::bigint AS difference" \
	"  FROM logged AS l WHERE l.same AND l.amount <> l.said) AS l" FIND_RULE \
	" WHERE l.difference <> 0" \
	" UNION ALL" \
	" SELECT l.key, 'record', l.member_id," \
	"  coalesce(l.last_revision, -1) + CASE WHEN l.in_force THEN 2 ELSE 1 END," \
	"  NULL, l.target_id, l.amount," \
	"  coalesce(t.weight + t.weight_per_unit * l.amount, 1)," \
	"  coalesce(l.occurred_at, " NOW "), l.occurred_at IS NOT NULL," \
	"  l.status IS DISTINCT FROM 'active' OR l.target_unknown" \
	" FROM logged AS l" FIND_RULE \
	" WHERE l.live AND NOT coalesce(l.same, false)"

static CorePlan find_actions[2][3] = {
	{
		{.sql = ACTIONS(MEMBER_OF_ROW, NO_TARGET), WORK_ARGS},
		{.sql = ACTIONS(MEMBER_OF_ROW, ID_TARGET), WORK_ARGS},
		{.sql = ACTIONS(MEMBER_OF_ROW, TEXT_TARGET), WORK_ARGS}
	},
	{
		{.sql = ACTIONS(EXTERNAL_MEMBER_OF_ROW, NO_TARGET), WORK_ARGS},
		{.sql = ACTIONS(EXTERNAL_MEMBER_OF_ROW, ID_TARGET), WORK_ARGS},
		{.sql = ACTIONS(EXTERNAL_MEMBER_OF_ROW, TEXT_TARGET), WORK_ARGS}
	}
};

static ActivityRows *
begin_actions(void)
{
	static const ActivityColumn columns[] = {
		{"key", TEXTOID}, {"kind", TEXTOID}, {"member_id", INT8OID},
		{"revision", INT4OID}, {"corrects", INT8OID}, {"target_id", INT8OID},
		{"amount", INT8OID}, {"engagement", FLOAT8OID},
		{"occurred_at", TIMESTAMPTZOID}, {"given", BOOLOID},
		{"refused", BOOLOID}
	};
	static TupleDesc desc = NULL;

	return activity_begin_set(&desc, columns, lengthof(columns));
}

/* Append what is planned; gives how much of it was. */
static int64
append_actions(const Work *work)
{
	static CorePlan refused = {
		.sql = "SELECT true FROM action AS a WHERE a.refused LIMIT 1"
	};

	static CorePlan plan = {
		.sql = "INSERT INTO community.event AS e (program_id, event_id,"
		" member_id, type, source, key, revision, kind, corrects, target_id,"
		" amount, occurred_at, occurred_at_given, engagement, reason)"
		" SELECT " PROGRAM ", community.next_id(), a.member_id, " TYPE ", " SOURCE ","
		" a.key, a.revision, a.kind, a.corrects, a.target_id, a.amount,"
		" a.occurred_at, a.given, a.engagement,"
		" CASE WHEN a.kind <> 'record' THEN 'the row has changed' END"
		" FROM action AS a"
		" ON CONFLICT DO NOTHING"
		" RETURNING event_id, member_id, engagement, coalesce((SELECT"
		" o.occurred_at FROM community.event AS o WHERE o.program_id ="
		" e.program_id AND o.event_id = e.corrects), e.occurred_at),"
		" e.kind = 'record', type, amount, target_id, payload",
		WORK_ARGS
	};

	core_run(&refused, NULL, NULL, false);
	if (SPI_processed > 0)
		refuse_members(work);
	return insert_events(work, &plan);
}

/*
 * Above READ COMMITTED the log is read as it was when the transaction began.
 * Events that a backfill has recorded since then are not seen, and a row that
 * counts no more would leave them behind; so look whether there are any.
 */
static void
refuse_old_snapshot(const Work *work)
{
	static CorePlan plan = {
		.sql = "SELECT count(*) FROM incoming AS i JOIN community.event AS e"
		" ON e.program_id = " PROGRAM " AND e.source = " SOURCE
		" AND e.key = i.key",
		WORK_ARGS
	};
	int64		seen;

	if (!IsolationUsesXactSnapshot())
		return;
	core_run(&plan, (Datum *) work->values, NULL, false);
	seen = core_int64(0, 1);
	if (SPI_execute_snapshot(plan.plan, (Datum *) work->values, NULL,
							 GetLatestSnapshot(), InvalidSnapshot, true,
							 false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not look at the log");
	if (core_int64(0, 1) != seen)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent update"),
				 errdetail("Rows of source \"%s\" were recorded meanwhile.",
						   work->attachment->source),
				 errhint("Try again.")));
}

/* Compare and append until there is nothing left to append. */
static void
reconcile(const Work *work)
{
	const Attachment *attachment = work->attachment;
	CorePlan   *plan = &find_actions[attachment->member_external ? 1 : 0]
	[target_variant(attachment)];
	bool		done;

	refuse_old_snapshot(work);
	do
	{
		ActivityRows *actions = begin_actions();
		DestReceiver *dest = activity_rows_receiver(actions);

		CHECK_FOR_INTERRUPTS();
		core_run_into(plan, (Datum *) work->values, NULL, work->keep, dest);
		dest->rDestroy(dest);
		activity_register_rows("action", actions);
		done = actions->count == 0 ||
			append_actions(work) == actions->count;
		if (SPI_unregister_relation("action") != SPI_OK_REL_UNREGISTER)
			elog(ERROR, "could not unregister \"action\"");
		activity_end_rows(actions);
	} while (!done);
}

/* ----- one new row ----- */

static Datum
row_value(TupleTableSlot *slot, int column, bool *isnull)
{
	return slot_getattr(slot, column, isnull);
}

/* Read a row as an event. */
static void
read_row(const Attachment *attachment, TupleTableSlot *slot,
		 ActivityEvent *event)
{
	Datum		scale = Int32GetDatum(attachment->amount_scale);
	Datum		value;
	bool		isnull;

	event->program = attachment->program;
	event->type = attachment->type_datum;
	event->source = attachment->source_datum;
	event->key = row_value(slot, ROW_KEY, &isnull);
	(void) core_name_argument(DatumGetTextPP(event->key), "idempotency key");
	event->by_external_id = attachment->member_external;
	if (event->by_external_id)
	{
		event->external_id = row_value(slot, ROW_EXTERNAL_ID, &isnull);
		(void) core_name_argument(DatumGetTextPP(event->external_id),
								  "external id");
	}
	else
		event->member = DatumGetInt64(row_value(slot, ROW_MEMBER, &isnull));
	event->is_new = true;
	value = row_value(slot, attachment->amount_decimal ? ROW_AMOUNT_DECIMAL :
					  ROW_AMOUNT, &isnull);
	if (isnull)
		event->amount = 0;
	else if (attachment->amount_decimal)
		event->amount =
			DatumGetInt64(DirectFunctionCall2(community_minor_units, value,
											  scale));
	else
		event->amount = DatumGetInt64(value);
	activity_check_amount(event->amount);
	value = row_value(slot, ROW_OCCURRED_AT, &isnull);
	event->occurred_at_given = !isnull;
	event->occurred_at = isnull ? GetCurrentTransactionStartTimestamp() :
		DatumGetTimestampTz(value);
	if (!isnull)
		activity_check_time(event->occurred_at);
}

/*
 * Record a row that was just inserted and counts, without a target, the short
 * way; the slot has the columns of ActivityRows.  False when that did not
 * work and the set way must find out why.  Unlike the rest this needs no more
 * than core_become_owner().
 */
bool
activity_record_row(const Attachment *attachment, TupleTableSlot *slot,
					CoreScope *scope)
{
	ActivityEvent event = {0};
	ActivityReceipt receipt;

	read_row(attachment, slot, &event);
	return activity_record_event(&event, &receipt, scope);
}

/* The same for the only row of a set. */
static bool
record_single_row(const Work *work)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(work->rows->desc,
													&TTSOpsMinimalTuple);
	bool		recorded;
	bool		isnull;

	if (!tuplestore_gettupleslot(work->rows->store, true, true, slot))
		elog(ERROR, "row has gone");
	/* a backfill also meets rows that do not count */
	recorded = DatumGetBool(row_value(slot, ROW_LIVE, &isnull)) &&
		activity_record_row(work->attachment, slot, NULL);
	ExecDropSingleTupleTableSlot(slot);
	return recorded;
}

/* ----- the whole ----- */

/*
 * Make the events agree with the rows.  "fresh" says that the rows were just
 * inserted, so that their keys are new but for rare cases.
 */
void
activity_apply_rows(Attachment *attachment, ActivityRows *rows, bool fresh)
{
	Work		work = {attachment, rows};

	rows->count = tuplestore_tuple_count(rows->store);
	if (rows->count == 0)
		return;
	work.keep = rows->count < LARGE_SET;
	work.fresh = fresh;
	work.values[0] = Int64GetDatum(attachment->program);
	work.values[1] = attachment->type_datum;
	work.values[2] = attachment->source_datum;
	work.values[3] =
		TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
	work.values[4] = Int32GetDatum(attachment->amount_scale);

	if (fresh && rows->count == 1 && attachment->target == NULL &&
		record_single_row(&work))
		return;

	activity_register_rows("incoming", rows);
	check_values(&work);
	enroll_members(&work);
	if (fresh && insert_fresh_rows(&work))
		return;
	reconcile(&work);
}
