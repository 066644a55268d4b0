/*-------------------------------------------------------------------------
 *
 * purse_agg.c
 *	  sum(purse).
 *
 * The state is a purse.  While it is small it is a plain one: lots with known
 * keys are added in place, and others make a new purse, which the aggregate
 * copies.  That would be quadratic in the number of lots, so a larger state
 * is an expanded object around a PurseSum, which the aggregate passes through.
 * Small states stay plain because every expanded object has a memory context,
 * and a hash aggregate walks all of them each time a group is added.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/int.h"
#include "utils/expandeddatum.h"

#include "points/purse.h"

/* Up to so many lots a state is plain */
#define PURSE_PLAIN_LOTS	64

PG_FUNCTION_INFO_V1(community_purse_sum);

typedef struct PurseState
{
	ExpandedObjectHeader header;
	PurseSum	sum;
} PurseState;

/* A purse where it lies: packed, perhaps not aligned */
typedef struct PursePacked
{
	const char *lots;
	int			count;
} PursePacked;

static Size
purse_state_flat_size(ExpandedObjectHeader *header)
{
	PurseState *state = (PurseState *) header;

	purse_sum_reduce(&state->sum);
	purse_check_count(state->sum.count);
	return PURSE_HEADER + state->sum.count * sizeof(PurseLot);
}

/* The server has just asked for the size, so the sum is canonical. */
static void
purse_state_flatten(ExpandedObjectHeader *header, void *result, Size size)
{
	PurseState *state = (PurseState *) header;
	Purse	   *purse = result;

	Assert(size == PURSE_HEADER + state->sum.count * sizeof(PurseLot));
	purse->version = PURSE_VERSION;
	memset(purse->zero, 0, sizeof(purse->zero));
	memcpy(purse->lots, state->sum.lots, state->sum.count * sizeof(PurseLot));
	purse_set_count(purse, state->sum.count);
}

static const ExpandedObjectMethods purse_state_methods = {
	purse_state_flat_size,
	purse_state_flatten
};

/* An empty state below the aggregate's context. */
static PurseState *
purse_state_begin(MemoryContext parent)
{
	MemoryContext context;
	PurseState *state;

	context = AllocSetContextCreate(parent, "sum of purses",
									ALLOCSET_START_SMALL_SIZES);
	state = MemoryContextAlloc(context, sizeof(PurseState));
	EOH_init_header(&state->header, &purse_state_methods, context);
	purse_sum_begin(&state->sum, context);
	return state;
}

/*
 * Look at a purse without copying it, which most rows would otherwise cost: a
 * small value in a table has a short header, and its lots are not aligned.
 */
static PursePacked
purse_unpack(Datum value)
{
	struct varlena *packed = PG_DETOAST_DATUM_PACKED(value);
	Size		size = VARSIZE_ANY_EXHDR(packed) + VARHDRSZ;
	const char *data = VARDATA_ANY(packed);
	PursePacked result;

	if (unlikely(size < PURSE_HEADER ||
				 (size - PURSE_HEADER) % sizeof(PurseLot) != 0 ||
				 (uint8) *data != PURSE_VERSION))
		(void) purse_from_datum(value); /* says what is wrong */
	result.lots = data + PURSE_HEADER - VARHDRSZ;
	result.count = (int) ((size - PURSE_HEADER) / sizeof(PurseLot));
	return result;
}

static void
purse_state_add(PurseState *state, PursePacked value)
{
	int			i;

	for (i = 0; i < value.count; i++)
	{
		PurseLot	lot;

		memcpy(&lot, value.lots + i * sizeof(PurseLot), sizeof(PurseLot));
		purse_sum_add_lot(&state->sum, &lot);
	}
}

/*
 * Add a single lot to a plain state in place.  Not if its key is not there,
 * or if its points would become zero or overflow.
 */
static bool
purse_add_in_place(Datum state, PursePacked value)
{
	Purse	   *purse = (Purse *) DatumGetPointer(state);
	PurseLot	lot;
	int64		points;
	int			place;

	if (value.count != 1 || !VARATT_IS_4B_U(purse))
		return false;
	memcpy(&lot, value.lots, sizeof(PurseLot));
	place = purse_lots_find(purse->lots, purse_count(purse), &lot);
	if (place < 0 ||
		pg_add_s64_overflow(purse->lots[place].points, lot.points,
							&points) ||
		points == 0)
		return false;
	purse->lots[place].points = points;
	return true;
}

/*
 * Transition and combine function; plain addition outside of an aggregate,
 * where nobody's value may be changed.
 */
Datum
community_purse_sum(PG_FUNCTION_ARGS)
{
	Datum		old = PG_GETARG_DATUM(0);
	MemoryContext context;
	PurseState *state;
	PursePacked value;

	if (!AggCheckCallContext(fcinfo, &context))
		PG_RETURN_PURSE_P(purse_add(PG_GETARG_PURSE_P(0),
									PG_GETARG_PURSE_P(1)));

	value = purse_unpack(PG_GETARG_DATUM(1));
	if (VARATT_IS_EXTERNAL_EXPANDED_RW(DatumGetPointer(old)))
	{
		state = (PurseState *) DatumGetEOHP(old);
		Assert(state->header.eoh_methods == &purse_state_methods);
		purse_state_add(state, value);
		PG_RETURN_DATUM(old);
	}
	if (purse_add_in_place(old, value))
		PG_RETURN_DATUM(old);
	if (purse_unpack(old).count + value.count <= PURSE_PLAIN_LOTS)
		PG_RETURN_PURSE_P(purse_add(PG_GETARG_PURSE_P(0),
									PG_GETARG_PURSE_P(1)));

	state = purse_state_begin(context);
	purse_state_add(state, purse_unpack(old));
	purse_state_add(state, value);
	PG_RETURN_DATUM(EOHPGetRWDatum(&state->header));
}
