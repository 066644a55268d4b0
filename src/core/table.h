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

#include "core/places.h"

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
	bool		many;			/* only read, and rows may share their keys */
	int			changes;		/* the one column that updates change, or 0 */
	const char *guard;			/* trigger function of ours whose work the
								 * caller does itself, or NULL */
	bool		remembers;		/* readers note where rows are; for keys of
								 * two bigints that are unique */

	/* cached */
	bool		known;
	bool		valid;
	bool		usable;
	Oid			table_id;
	Oid			index_id;
	LocalTransactionId locked_in;	/* the last to lock the table, */
	SubTransactionId locked_below;	/* and which part of it */
	MemoryContext context;		/* of the indexes, where it is written */
	int			nindexes;
	Oid		   *index_ids;
	IndexInfo **index_infos;
	bool	   *index_unchanged;	/* does an update leave its key alone? */
	CorePlaces *places;			/* where it remembers */
	struct CoreTable *next;
} CoreTable;

extern bool core_table_is_usable(CoreTable *table);
extern bool core_table_has_blocks(CoreTable *table);
extern bool core_table_fetch(CoreTable *table, Snapshot snapshot, Datum *keys,
							 Datum *values, bool *nulls);

/*
 * Many reads of a table through one open scan.  The values of a row are those
 * in its page, and stay until the next row is asked for.
 */
typedef enum CoreReadKind
{
	CORE_READ_EQUAL,			/* rows with these keys */
	CORE_READ_UP_TO				/* the last key, a bigint, at most this; from
								 * the greatest down */
} CoreReadKind;
typedef struct CoreReader CoreReader;

extern CoreReader *core_table_begin_read(CoreTable *table, Snapshot snapshot,
										 CoreReadKind kind);
extern bool core_table_recall(CoreReader *reader, const Datum *keys,
							  const Datum **values, const bool **nulls);
extern void core_table_seek(CoreReader *reader, const Datum *keys);
extern void core_table_seek_from(CoreReader *reader, const Datum *keys,
								 int64 from);
extern bool core_table_next(CoreReader *reader, const Datum **values,
							const bool **nulls);
extern bool core_table_row_is_own(CoreReader *reader);
extern void core_table_end_read(CoreReader *reader);

/* What is done with each row of a scan; false ends it. */
typedef bool (*CoreVisit) (const Datum *values, const bool *nulls, void *arg);

/* Any number of scans of a table that is opened once, one after the other. */
typedef struct CoreScanner CoreScanner;

extern CoreScanner *core_table_begin_scan(CoreTable *table,
										  Snapshot snapshot);
extern bool core_table_scan_with(CoreScanner *scanner, const Datum *keys,
								 int64 after, int64 to, bool backward,
								 CoreVisit visit, void *arg);
extern void core_table_end_scan(CoreScanner *scanner);
extern void core_table_scan(CoreTable *table, Snapshot snapshot,
							const Datum *keys, int64 after, int64 to,
							bool backward, CoreVisit visit, void *arg);
extern void core_table_scan_all(CoreTable *table, Snapshot snapshot,
								int ncolumns, CoreVisit visit, void *arg);
extern int64 core_table_count(CoreTable *table, Snapshot snapshot,
							  Datum *keys, int64 after, int64 to);
extern bool core_table_insert(CoreTable *table, Datum *values, bool *nulls,
							  bool is_new);
extern void core_table_insert_first(CoreTable *table, Datum *values,
									bool *nulls);

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
