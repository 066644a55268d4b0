/*-------------------------------------------------------------------------
 *
 * places.h
 *	  Where rows with two bigints for a key were found.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_PLACES_H
#define COMMUNITY_PLACES_H

#include "storage/itemptr.h"

typedef struct CorePlaces CorePlaces;

extern CorePlaces *core_make_places(void);
extern bool core_recall_place(CorePlaces *places, int64 key1, int64 key2,
							  ItemPointer tid);
extern void core_note_place(CorePlaces *places, int64 key1, int64 key2,
							const ItemPointerData *tid);

#endif							/* COMMUNITY_PLACES_H */
