/*-------------------------------------------------------------------------
 *
 * table.h
 *	  Rows of our own tables without the executor.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_TABLE_H
#define COMMUNITY_TABLE_H

#include "executor/tuptable.h"
#include "nodes/execnodes.h"
#include "utils/relcache.h"

#define CORE_MAX_KEYS		4

/* What a table must offer beyond plain reading. */
typedef enum CoreTableUse
{
	CORE_TABLE_READ,
	CORE_TABLE_INSERT,
	CORE_TABLE_UPDATE,
	CORE_TABLE_WRITE			/* both */
} CoreTableUse;

/*
 * A table as install_tables() makes it, with the unique index through which
 * rows are found.  Declare it static; the cached part is kept right by
 * invalidation.
 */
typedef struct CoreTable
{
	const char *name;
	const char *index;
	CoreTableUse use;
	int			ncolumns;
	const char *const *columns;
	int			nkeys;
	int			keys[CORE_MAX_KEYS];	/* attribute numbers */
	int			changes;		/* the one column that updates change, or 0 */

	/* cached */
	bool		known;
	bool		valid;
	bool		usable;
	Oid			table_id;
	Oid			index_id;
	MemoryContext context;		/* of the indexes, where it is written */
	int			nindexes;
	Oid		   *index_ids;
	IndexInfo **index_infos;
	bool	   *index_unchanged;	/* does an update leave its key alone? */
	struct CoreTable *next;
} CoreTable;

extern bool core_table_is_usable(CoreTable *table);
extern bool core_table_fetch(CoreTable *table, Snapshot snapshot, Datum *keys,
							 Datum *values, bool *nulls);

/* What is done with each row of a scan. */
typedef void (*CoreVisit) (const Datum *values, const bool *nulls, void *arg);

extern void core_table_scan(CoreTable *table, Snapshot snapshot, Datum *keys,
							int64 after, int64 to, CoreVisit visit,
							void *arg);
extern bool core_table_insert(CoreTable *table, Datum *values, bool *nulls,
							  bool is_new);

/*
 * Updates of rows found by key, which must not change.  "change" gets the
 * newest values of the row and puts new ones in their place, or gives false
 * to leave it alone.
 */
typedef bool (*CoreChange) (Datum *values, bool *nulls, void *arg);
typedef struct CoreUpdate CoreUpdate;

extern CoreUpdate *core_table_begin_update(CoreTable *table);
extern bool core_table_find_row(CoreUpdate *update, Datum *keys);
extern bool core_table_change_row(CoreUpdate *update, CoreChange change,
								  void *arg);
extern bool core_table_lock_row(CoreUpdate *update, CoreChange wanted,
								void *arg, ItemPointer tid);
extern bool core_table_find_version(CoreUpdate *update, ItemPointer tid);
extern bool core_table_add_row(CoreUpdate *update, Datum *values,
							   bool *nulls, bool is_new);
extern void core_table_end_update(CoreUpdate *update);

/* Many rows whose keys are all new. */
typedef struct CoreInsert CoreInsert;

extern CoreInsert *core_table_begin_insert(CoreTable *table);
extern void core_table_insert_row(CoreInsert *insert, Datum *values,
								  bool *nulls);
extern void core_table_end_insert(CoreInsert *insert);

#endif							/* COMMUNITY_TABLE_H */
