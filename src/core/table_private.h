/*-------------------------------------------------------------------------
 *
 * table_private.h
 *	  What reading and writing rows without the executor have in common.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_TABLE_PRIVATE_H
#define COMMUNITY_TABLE_PRIVATE_H

#include "access/genam.h"

#include "core/table.h"

extern IndexScanDesc core_begin_probe(const CoreTable *table,
									  Relation relation, Relation index,
									  Snapshot snapshot, Datum *keys);

#endif							/* COMMUNITY_TABLE_PRIVATE_H */
