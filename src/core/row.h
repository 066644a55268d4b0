/*-------------------------------------------------------------------------
 *
 * row.h
 *	  Rows as triggers are given them: columns by name, what has changed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_ROW_H
#define COMMUNITY_ROW_H

#include "access/htup.h"
#include "access/tupdesc.h"
#include "commands/trigger.h"
#include "datatype/timestamp.h"
#include "fmgr.h"

extern TriggerData *core_guard(FunctionCallInfo fcinfo, const char *function,
							   const char *const *tables);
extern Datum core_column(HeapTuple row, TupleDesc desc, const char *name,
						 bool *isnull);
extern int64 core_column_int64(HeapTuple row, TupleDesc desc,
							   const char *name);
extern void core_column_bounds(HeapTuple row, TupleDesc desc,
							   const char *name, TimestampTz *from,
							   TimestampTz *until);
extern bool core_rows_differ_beside(TupleDesc desc, HeapTuple old,
									HeapTuple new,
									const char *const *except);
extern bool core_rows_differ(TupleDesc desc, HeapTuple old, HeapTuple new,
							 const char *except);

#endif							/* COMMUNITY_ROW_H */
