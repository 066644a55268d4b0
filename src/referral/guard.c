/*-------------------------------------------------------------------------
 *
 * guard.c
 *	  The trigger that keeps the laws of the forest against raw DML.
 *
 * A row that is inserted gets its depth and anchor here, whatever it says, and
 * is refused where enroll() would refuse it.  What identifies a row, who
 * brought the member and where it stands do not change: reparent() changes
 * the last of these, and is known by what it announces before.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/datum.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "core/row.h"
#include "referral/guard.h"
#include "referral/place.h"

PG_FUNCTION_INFO_V1(community_guard_referrals);

/* The change that is being made by a function of ours, if any. */
typedef struct Expected
{
	int64		program;
	int64		member;
} Expected;

static const Expected *expected = NULL;

/* Run a statement that changes the row of a member, with the guard's leave. */
void
referral_run_expected(CorePlan *plan, Datum *values, const char *nulls,
					  int64 program, int64 member)
{
	Expected	change = {.program = program,.member = member};
	const Expected *outer = expected;

	expected = &change;
	PG_TRY();
	{
		core_run(plan, values, nulls, false);
	}
	PG_FINALLY();
	{
		expected = outer;
	}
	PG_END_TRY();
}

static bool
is_expected(int64 program, int64 member)
{
	return expected != NULL && expected->program == program &&
		expected->member == member;
}

/* ----- rows that are inserted ----- */

static void
check_shape(TupleDesc desc)
{
	int			i;

	for (i = 0; i < REFERRAL_COLUMNS; i++)
		if (i >= desc->natts ||
			strcmp(NameStr(TupleDescAttr(desc, i)->attname),
				   referral_columns[i]) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
					 errmsg("guard_referrals() can only be a trigger of \"community.referral\""),
					 errdetail("Column %d is not \"%s\".", i + 1,
							   referral_columns[i])));
}

/* Inside core_enter(). */
static void
check_enroller(int64 program, int64 member, int64 enroller)
{
	bool		closed;

	if (member == enroller)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("member %lld of program \"%s\" cannot be its own enroller",
						(long long) member, core_program_name(program))));
	if (!core_member_is_known(program, enroller, &closed))
		core_refuse_member(program, enroller, false);
}

/* A row without sponsor is a root; it needs its member and its enroller. */
static void
check_root(const Datum *values, const bool *nulls)
{
	CoreScope	scope;
	bool		closed;
	int64		program = DatumGetInt64(values[REFERRAL_PROGRAM]);
	int64		member = DatumGetInt64(values[REFERRAL_MEMBER]);
	int64		enroller = DatumGetInt64(values[REFERRAL_ENROLLER]);

	if (nulls[REFERRAL_PROGRAM] || nulls[REFERRAL_MEMBER] ||
		nulls[REFERRAL_ENROLLER])
		return;
	core_enter(&scope);
	if (!core_member_is_known(program, member, &closed))
		core_refuse_member(program, member, false);
	check_enroller(program, member, enroller);
	core_leave(&scope);
}

/* Find the place of the row, and put it there. */
static void
place_row(Datum *values, bool *nulls)
{
	ReferralPlace place = {
		.program = DatumGetInt64(values[REFERRAL_PROGRAM]),
		.member = DatumGetInt64(values[REFERRAL_MEMBER]),
		.sponsor = DatumGetInt64(values[REFERRAL_SPONSOR])
	};
	TimestampTz joined_at = DatumGetTimestampTz(values[REFERRAL_JOINED_AT]);
	CoreScope	scope;

	core_become_owner(&scope);
	referral_find_place(&place, &scope);
	/* one other than the sponsor comes with rows from elsewhere */
	if (DatumGetInt64(values[REFERRAL_ENROLLER]) != place.sponsor)
	{
		core_connect(&scope);
		check_enroller(place.program, place.member,
					   DatumGetInt64(values[REFERRAL_ENROLLER]));
	}
	if (place.bound)
	{
		/* the key will refuse it, or the statement knows what to do then */
		place.depth = place.edge.depth;
		place.has_anchor = place.edge.has_anchor;
		place.anchor = place.edge.anchor;
	}
	else if (place.late)
	{
		core_connect(&scope);
		referral_check_past(place.program, place.member, place.sponsor,
							joined_at);
		referral_deepen_late(&place, true);
		if (place.state.has_labels)
			(void) referral_note_late(&place, joined_at,
									  "bound late, by a row");
	}
	core_leave(&scope);
	values[REFERRAL_DEPTH] = Int32GetDatum(place.depth);
	values[REFERRAL_ANCHOR] = Int64GetDatum(place.anchor);
	nulls[REFERRAL_DEPTH] = false;
	nulls[REFERRAL_ANCHOR] = !place.has_anchor;
}

static HeapTuple
guard_insert(TriggerData *trigger)
{
	TupleDesc	desc = RelationGetDescr(trigger->tg_relation);
	Datum	   *values = palloc_array(Datum, desc->natts);
	bool	   *nulls = palloc_array(bool, desc->natts);

	referral_note_row();
	check_shape(desc);
	heap_deform_tuple(trigger->tg_trigtuple, desc, values, nulls);
	/* the table refuses these itself */
	if (nulls[REFERRAL_PROGRAM] || nulls[REFERRAL_MEMBER] ||
		is_expected(DatumGetInt64(values[REFERRAL_PROGRAM]),
					DatumGetInt64(values[REFERRAL_MEMBER])))
		return trigger->tg_trigtuple;

	if (nulls[REFERRAL_JOINED_AT])
		values[REFERRAL_JOINED_AT] =
			TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
	nulls[REFERRAL_JOINED_AT] = false;
	if (nulls[REFERRAL_SPONSOR])
	{
		check_root(values, nulls);
		values[REFERRAL_DEPTH] = Int32GetDatum(0);
		nulls[REFERRAL_DEPTH] = false;
		nulls[REFERRAL_ANCHOR] = true;
	}
	else
	{
		if (nulls[REFERRAL_ENROLLER])
			values[REFERRAL_ENROLLER] = values[REFERRAL_SPONSOR];
		nulls[REFERRAL_ENROLLER] = false;
		place_row(values, nulls);
	}
	return heap_form_tuple(desc, values, nulls);
}

/* ----- rows that are there ----- */

static bool
is_same(const TriggerData *trigger, int column)
{
	TupleDesc	desc = RelationGetDescr(trigger->tg_relation);
	bool		was_null;
	bool		is_null;
	Datum		was = heap_getattr(trigger->tg_trigtuple, column + 1, desc,
								   &was_null);
	Datum		is = heap_getattr(trigger->tg_newtuple, column + 1, desc,
								  &is_null);

	return was_null == is_null &&
		(was_null || datumIsEqual(was, is,
								  TupleDescAttr(desc, column)->attbyval,
								  TupleDescAttr(desc, column)->attlen));
}

static void
refuse_column(int column)
{
	ereport(ERROR,
			(errcode(COMMUNITY_ERRCODE_APPEND_ONLY),
			 errmsg("cannot change \"%s\" of a row of \"referral\"",
					referral_columns[column]),
			 column == REFERRAL_SPONSOR ?
			 errhint("Use community.reparent().") : 0));
}

static HeapTuple
guard_update(TriggerData *trigger)
{
	static const int fixed[] = {REFERRAL_PROGRAM, REFERRAL_MEMBER,
		REFERRAL_ENROLLER, REFERRAL_SPONSOR, REFERRAL_JOINED_AT,
	REFERRAL_DEPTH};
	TupleDesc	desc = RelationGetDescr(trigger->tg_relation);
	HeapTuple	old = trigger->tg_trigtuple;
	bool		isnull;
	int			i;

	check_shape(desc);
	for (i = 0; i < lengthof(fixed); i++)
		if (!is_same(trigger, fixed[i]) &&
			(fixed[i] < REFERRAL_SPONSOR || fixed[i] == REFERRAL_ENROLLER ||
			 !is_expected(DatumGetInt64(heap_getattr(old,
													 REFERRAL_PROGRAM + 1,
													 desc, &isnull)),
						  DatumGetInt64(heap_getattr(old,
													 REFERRAL_MEMBER + 1,
													 desc, &isnull)))))
			refuse_column(fixed[i]);
	/* labels take the place of an anchor; nothing else makes one */
	(void) heap_getattr(trigger->tg_newtuple, REFERRAL_ANCHOR + 1, desc,
						&isnull);
	if (!isnull && !is_same(trigger, REFERRAL_ANCHOR))
		refuse_column(REFERRAL_ANCHOR);
	return trigger->tg_newtuple;
}

/* guard_referrals() -> trigger, before each row, and before TRUNCATE */
Datum
community_guard_referrals(PG_FUNCTION_ARGS)
{
	static const char *const tables[] = {"referral", NULL};
	TriggerData *trigger;

	trigger = core_guard(fcinfo, "guard_referrals", tables);
	if (TRIGGER_FIRED_BEFORE(trigger->tg_event) &&
		TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
	{
		if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
			return PointerGetDatum(guard_insert(trigger));
		if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
			return PointerGetDatum(guard_update(trigger));
	}
	ereport(ERROR,
			(errcode(COMMUNITY_ERRCODE_APPEND_ONLY),
			 errmsg("cannot %s \"%s\": who brought whom is history",
					TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event) ?
					"TRUNCATE" : "DELETE",
					RelationGetRelationName(trigger->tg_relation)),
			 errhint("community.reparent() makes a member a root.")));
	return PointerGetDatum(NULL);
}
