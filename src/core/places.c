/*-------------------------------------------------------------------------
 *
 * places.c
 *	  Where rows were found, remembered for the session.
 *
 * A walk through many rows by their keys descends the index for each, which
 * costs ten times as much as to look at the row where it was last time.  So a
 * reader may note the place of a row and go there directly.  What is noted is
 * never believed: the row is taken only when the reader's snapshot sees it and
 * its keys are the ones asked for, and as keys are unique it is the row then.
 * Otherwise it has moved, and the index says where.  So nothing need tell us
 * when rows change.
 *
 * The memory has a fixed size.  Each row has two entries in which it may be
 * noted; the one that was noted first gives way.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/itemptr.h"
#include "utils/memutils.h"

#include "core/compat.h"
#include "core/places.h"

#define PLACE_BITS		15		/* 32768 pairs, 1.5 MB once it is used */

typedef struct Place
{
	int64		keys[2];
	ItemPointerData tid;		/* invalid while nothing is noted */
} Place;

struct CorePlaces
{
	Place		pairs[1 << PLACE_BITS][2];
};

/* The two entries of a row. */
static Place *
pair_of(CorePlaces *places, int64 key1, int64 key2)
{
	uint64		hash = ((uint64) key1 * UINT64CONST(0xff51afd7ed558ccd)) ^
	(uint64) key2;

	/* the golden ratio spreads neighbours, and its upper bits are the best */
	hash *= UINT64CONST(0x9e3779b97f4a7c15);
	return places->pairs[hash >> (64 - PLACE_BITS)];
}

CorePlaces *
core_make_places(void)
{
	/* zeros are no valid places */
	return MemoryContextAllocZero(CacheMemoryContext, sizeof(CorePlaces));
}

/* Where was the row with these keys?  False when nobody remembers. */
bool
core_recall_place(CorePlaces *places, int64 key1, int64 key2, ItemPointer tid)
{
	Place	   *pair = pair_of(places, key1, key2);
	int			i;

	for (i = 0; i < 2; i++)
		if (pair[i].keys[0] == key1 && pair[i].keys[1] == key2 &&
			ItemPointerIsValid(&pair[i].tid))
		{
			*tid = pair[i].tid;
			return true;
		}
	return false;
}

void
core_note_place(CorePlaces *places, int64 key1, int64 key2,
				const ItemPointerData *tid)
{
	Place	   *pair = pair_of(places, key1, key2);

	if (pair[0].keys[0] != key1 || pair[0].keys[1] != key2)
		pair[1] = pair[0];
	pair[0].keys[0] = key1;
	pair[0].keys[1] = key2;
	pair[0].tid = *tid;
}
