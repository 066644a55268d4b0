/*-------------------------------------------------------------------------
 *
 * bind.c
 *	  A member gets its first sponsor.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "core/table.h"
#include "referral/guard.h"
#include "referral/invite.h"
#include "referral/place.h"

static CoreTable insert_table = {
	.name = "referral",
	.index = "referral_pkey",
	.use = CORE_TABLE_INSERT,
	.ncolumns = REFERRAL_COLUMNS,
	.columns = referral_columns,
	.nkeys = 2,
	.keys = {REFERRAL_PROGRAM + 1, REFERRAL_MEMBER + 1},
	.guard = REFERRAL_GUARD
};

/* For an owner who has changed the table. */
static bool
insert_by_sql(const ReferralPlace *place, Datum *values, const bool *nulls)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.referral (program_id, member_id,"
		" sponsor_id, enroller_id, joined_at, depth, lapses_at, anchor)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
		.nargs = REFERRAL_COLUMNS,
		.argtypes = {INT8OID, INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID,
		INT4OID, TIMESTAMPTZOID, INT8OID}
	};
	char		flags[REFERRAL_COLUMNS + 1];
	int			i;

	for (i = 0; i < REFERRAL_COLUMNS; i++)
		flags[i] = nulls[i] ? 'n' : ' ';
	flags[REFERRAL_COLUMNS] = '\0';
	referral_run_expected(&plan, values, flags, place->program, place->member);
	return SPI_processed > 0;
}

/* Put a member in its place; false when it has a row by now. */
static bool
insert_row(const ReferralPlace *place, TimestampTz joined_at,
		   TimestampTz lapses_at)
{
	Datum		values[REFERRAL_COLUMNS];
	bool		nulls[REFERRAL_COLUMNS] = {false};

	values[REFERRAL_PROGRAM] = Int64GetDatum(place->program);
	values[REFERRAL_MEMBER] = Int64GetDatum(place->member);
	values[REFERRAL_SPONSOR] = Int64GetDatum(place->sponsor);
	values[REFERRAL_ENROLLER] = Int64GetDatum(place->sponsor);
	values[REFERRAL_JOINED_AT] = TimestampTzGetDatum(joined_at);
	values[REFERRAL_DEPTH] = Int32GetDatum(place->depth);
	values[REFERRAL_LAPSES_AT] = TimestampTzGetDatum(lapses_at);
	nulls[REFERRAL_LAPSES_AT] = lapses_at == DT_NOEND;
	values[REFERRAL_ANCHOR] = Int64GetDatum(place->anchor);
	nulls[REFERRAL_ANCHOR] = !place->has_anchor;
	referral_note_row();
	if (!core_table_is_usable(&insert_table))
		return insert_by_sql(place, values, nulls);
	if (!place->fresh)
		return core_table_insert(&insert_table, values, nulls, true);
	core_table_insert_first(&insert_table, values, nulls);
	return true;
}

/*
 * A retry names the present sponsor, or the one that brought the member: it
 * may come after the member was moved.
 */
static void
check_same_sponsor(const ReferralPlace *place)
{
	const ReferralEdge *edge = &place->edge;

	if (place->sponsor == edge->enroller ||
		(edge->has_sponsor && place->sponsor == edge->sponsor))
		return;
	ereport(ERROR,
			(errcode(COMMUNITY_ERRCODE_REFERRAL_BOUND),
			 errmsg("member %lld of program \"%s\" was brought by member %lld, not by %lld",
					(long long) place->member,
					referral_program_name(place->program),
					(long long) edge->enroller, (long long) place->sponsor),
			 edge->has_sponsor ?
			 errdetail("It stands under member %lld.",
					   (long long) edge->sponsor) :
			 errdetail("It was made a root since."),
			 errhint("community.reparent() moves it.")));
}

/* Somebody was faster; only who goes past the movers' lock can be. */
static void
refuse_rival(const ReferralPlace *place)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not bind member %lld due to a concurrent binding",
					(long long) place->member)));
}

/*
 * Bind a member to its sponsor, lapsing at a time or, with DT_NOEND, never.
 * True when it did, false when it had been bound to it; another sponsor is
 * refused.  "fresh" is a member that was inserted since referral_rows_put()
 * gave the number that it gives now.
 */
bool
referral_bind(int64 program, int64 member, int64 sponsor, bool fresh,
			  TimestampTz joined_at, TimestampTz lapses_at)
{
	ReferralPlace place = {
		.program = program,
		.member = member,
		.sponsor = sponsor,
		.fresh = fresh
	};

	referral_find_place(&place, NULL);
	if (!place.bound)
		referral_admit(program, sponsor, member, !place.late, joined_at);
	if (!place.bound && place.late)
		referral_check_past(program, member, sponsor, joined_at);
	if (!place.bound && insert_row(&place, joined_at, lapses_at))
	{
		if (place.late)
			referral_deepen_late(&place, false);
		/* those below are counted by the old place, unless it is a move */
		if (place.late && place.state.has_labels)
			(void) referral_note_late(&place, joined_at, "bound late");
		return true;
	}
	/* of a member of the own transaction only the key tells */
	if (!place.bound)
	{
		place.ask_bound = true;
		referral_find_place(&place, NULL);
	}
	if (!place.bound)
		refuse_rival(&place);
	check_same_sponsor(&place);
	return false;
}

/* The first sponsor by reparent(), which is a move in any case. */
bool
referral_bind_by_move(const ReferralMoving *moving, TimestampTz moved_at,
					  int64 *move_id)
{
	ReferralPlace place = {
		.program = moving->program,
		.member = moving->member,
		.sponsor = moving->sponsor,
		.ask_bound = true
	};

	referral_find_place(&place, NULL);
	if (!place.bound && place.late)
		referral_check_past(place.program, place.member, place.sponsor,
							moved_at);
	if (place.bound || !insert_row(&place, moved_at, moving->lapses_at))
		refuse_rival(&place);
	if (place.late)
		referral_deepen_late(&place, false);
	*move_id = referral_note_late(&place, moved_at, moving->reason);
	return true;
}
