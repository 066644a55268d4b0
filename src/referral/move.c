/*-------------------------------------------------------------------------
 *
 * move.c
 *	  What a move leaves behind beside the sponsor: its row in referral_move,
 *	  and by how much it deepened the forest.
 *
 * All of it is written under the movers' lock.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "referral/place.h"

/*
 * Say that depths in rows may be wrong by as much.  Nothing is written when
 * that is said already, so that it is not each late binding that does.
 */
void
referral_deepen(int64 program, const ReferralState *state, int32 deepened)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.referral_forest AS f"
		" (program_id, deepened) VALUES ($1, $2)"
		" ON CONFLICT (program_id) DO UPDATE SET deepened = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT4OID}
	};
	Datum		values[2];

	if (deepened <= state->deepened)
		return;
	values[0] = Int64GetDatum(program);
	values[1] = Int32GetDatum(Min(deepened, REFERRAL_UNMEASURED));
	/* movers queue, so another one's change is no reason to start again */
	core_change_latest(&plan, values, NULL);
}

/* Put a move on record, and give its id. */
int64
referral_note_move(const ReferralMove *move)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.referral_move (program_id, move_id,"
		" member_id, from_id, to_id, moved_at, labels, reason, actor)"
		" VALUES ($1, community.next_id(), $2, $3, $4, $5, $6, $7,"
		" session_user) RETURNING move_id",
		.nargs = 7,
		.argtypes = {INT8OID, INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID,
		INT8OID, TEXTOID}
	};
	Datum		values[7];
	char		nulls[8] = "       ";

	values[0] = Int64GetDatum(move->program);
	values[1] = Int64GetDatum(move->member);
	values[2] = Int64GetDatum(move->from);
	values[3] = Int64GetDatum(move->to);
	values[4] = TimestampTzGetDatum(move->moved_at);
	values[5] = Int64GetDatum(move->state->labels);
	values[6] = CStringGetTextDatum(move->reason);
	if (!move->has_from)
		nulls[2] = 'n';
	if (!move->has_to)
		nulls[3] = 'n';
	if (!move->state->has_labels)
		nulls[5] = 'n';
	core_run(&plan, values, nulls, false);
	return core_int64(0, 1);
}

/*
 * Whoever signed up below a member that is bound late counted from a root,
 * seen by us or not, so depths below it are to be corrected by its own.
 *
 * The one row of the forest holds as many dead versions as a transaction has
 * written it.  So a chain that is bound from its root down says how deep it is
 * in steps that double, and rows that are loaded raw, children before parents,
 * say just once that depths are unknown.
 */
void
referral_deepen_late(const ReferralPlace *place, bool by_raw)
{
	int64		deepened = 1;

	if (place->has_children)
		deepened = by_raw ? REFERRAL_UNMEASURED :
			(int64) place->state.deepened + place->measured;
	else
		while (deepened < place->measured)
			deepened *= 2;
	referral_deepen(place->program, &place->state,
					(int32) Min(deepened, REFERRAL_UNMEASURED));
}

/* A late binding as a move from no sponsor. */
int64
referral_note_late(const ReferralPlace *place, TimestampTz joined_at,
				   const char *reason)
{
	ReferralMove move = {
		.program = place->program,
		.member = place->member,
		.has_to = true,
		.to = place->sponsor,
		.moved_at = joined_at,
		.state = &place->state,
		.reason = reason
	};

	return referral_note_move(&move);
}
