/*-------------------------------------------------------------------------
 *
 * attachment.h
 *	  Attached tables: what a row of them means, and how rows become events.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_ATTACHMENT_H
#define COMMUNITY_ATTACHMENT_H

#include "access/tupdesc.h"
#include "commands/trigger.h"
#include "nodes/pg_list.h"
#include "storage/lockdefs.h"
#include "utils/relcache.h"
#include "utils/tuplestore.h"

#include "core/core.h"

/* The names of transition tables, in triggers and in row queries. */
#define ATTACHMENT_NEW_ROWS		"community_new"
#define ATTACHMENT_OLD_ROWS		"community_old"

/* ways in which rows arrive; each has its own row query */
typedef enum RowQuery
{
	ROWS_INSERTED,
	ROWS_UPDATED,
	ROWS_DELETED,
	ROWS_TRUNCATED,				/* planned anew each time */
	ROWS_OF_TABLE				/* likewise */
} RowQuery;

#define ROW_QUERIES		ROWS_TRUNCATED

typedef struct SingleRow SingleRow;

/* A row of community.attachment, all of it in one memory context. */
typedef struct Attachment
{
	int64		program;
	int64		id;
	Oid			relation;
	char	   *type;
	char	   *source;
	Datum		type_datum;		/* the same two as text */
	Datum		source_datum;
	char	   *member;
	bool		member_external;
	List	   *key_columns;	/* of char *, the names */
	char	   *amount;			/* or NULL, as all below */
	bool		amount_decimal;
	char	   *occurred_at;
	char	   *target;
	bool		target_external;
	char	   *condition;
	bool		enroll;
	int			amount_scale;
	char	   *time_zone;
	CorePlan	row_query[ROW_QUERIES];
	SingleRow  *single_row;		/* made by single_row.c */
} Attachment;

/* Rows of an attached table as events that ought to be. */
typedef struct ActivityRows
{
	TupleDesc	desc;
	Tuplestorestate *store;
	int64		count;
} ActivityRows;

typedef struct ActivityColumn
{
	const char *name;
	Oid			type;
} ActivityColumn;

/* columns of the set that row queries give */
enum
{
	ROW_KEY = 1,
	ROW_LIVE,
	ROW_MEMBER,
	ROW_EXTERNAL_ID,
	ROW_AMOUNT,
	ROW_AMOUNT_DECIMAL,
	ROW_OCCURRED_AT,
	ROW_TARGET,
	ROW_TARGET_EXTERNAL_ID,
	ROW_COLUMNS = ROW_TARGET_EXTERNAL_ID
};

/* expression.c */
extern char *activity_parse_expression(Relation relation, const char *alias,
									   const char *source, const char *what,
									   Oid *type);
extern char *activity_column_or_expression(Relation relation,
										   const char *text);
extern char *activity_member_expression(Relation relation, const char *alias,
										const char *text, const char *what,
										char **kind);
extern char *activity_amount_expression(Relation relation, const char *alias,
										const char *text, char **kind);
extern char *activity_time_expression(Relation relation, const char *alias,
									  const char *text, const char *time_zone);
extern char *activity_condition_expression(Relation relation,
										   const char *alias,
										   const char *text);

/* attachment.c */
extern char *activity_qualified_name(Relation relation);
extern Attachment *activity_load_attachment(int64 program, int64 id,
											MemoryContext context);
extern Attachment *activity_find_attachment(int64 program, Oid relation,
											text *type, MemoryContext context);
extern void activity_check_attached_relation(const Attachment *attachment,
											 Relation relation);
extern char *activity_row_query(const Attachment *attachment, RowQuery which,
								Relation relation);
extern ActivityRows *activity_begin_set(TupleDesc *desc,
										const ActivityColumn *columns,
										int count);
extern ActivityRows *activity_begin_rows(void);
extern TupleDesc activity_row_descriptor(void);
extern DestReceiver *activity_rows_receiver(ActivityRows *rows);
extern void activity_register_rows(const char *name, ActivityRows *rows);
extern void activity_end_rows(ActivityRows *rows);

/* rows.c */
extern bool activity_record_row(const Attachment *attachment,
								TupleTableSlot *slot, CoreScope *scope);
extern void activity_apply_rows(Attachment *attachment, ActivityRows *rows,
								bool fresh);

/* single_row.c */
extern bool activity_record_single_row(Attachment *attachment,
									   TriggerData *data);

/* attach.c */
extern void activity_check_table_exists(Oid relation);

/* trigger.c */
extern CorePlan *activity_kept_row_query(Attachment *attachment,
										 RowQuery which, Relation relation);
extern bool activity_is_attached_to(const Attachment *attachment,
									Relation relation);

/* attached_triggers.c */
extern Oid	activity_trigger_function(void);
extern bool activity_install_triggers(int64 program, int64 id, Oid relation);
extern bool activity_read_trigger(const Trigger *trigger, int64 *program,
								  int64 *id);
extern void activity_drop_triggers(int64 id, Oid relation);
extern List *activity_table_and_partitions(Oid relation, LOCKMODE lock);

#endif							/* COMMUNITY_ATTACHMENT_H */
