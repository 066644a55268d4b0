/*-------------------------------------------------------------------------
 *
 * ddl.c
 *	  What changes of an attached table mean for its attachment.
 *
 * An event trigger looks at each CREATE TABLE and ALTER TABLE:
 *
 *	 a new partition of an attached table gets the triggers,
 *	 a partition that is detached loses them,
 *	 a change that takes away or changes the meaning of a column that an
 *	 attachment needs is refused, before an order fails for it.
 *
 * Another one marks attachments of dropped tables as detached.  Where event
 * triggers are switched off, the trigger on the table raises the error.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "commands/trigger.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "nodes/parsenodes.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "activity/attachment.h"
#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"

PG_FUNCTION_INFO_V1(community_on_table_changed);
PG_FUNCTION_INFO_V1(community_on_table_dropped);

/* An attachment as the arguments of its triggers name it. */
typedef struct AttachmentId
{
	int64		program;
	int64		id;
} AttachmentId;

static void
check_event_trigger(FunctionCallInfo fcinfo, const char *name)
{
	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("%s() can only be called as an event trigger", name)));
}

/* The relations that a query gives. */
static List *
query_relations(CorePlan *plan, Datum *values)
{
	MemoryContext caller = CurrentMemoryContext;
	List	   *result = NIL;
	uint64		i;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	core_run(plan, values, NULL, false);
	for (i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		Datum		relation = core_field((int) i, 1, &isnull);
		MemoryContext old = MemoryContextSwitchTo(caller);

		result = lappend_oid(result, DatumGetObjectId(relation));
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	return result;
}

/* Has the table a row by now?  Whoever asks needs no right to it. */
static bool
has_row(Relation relation)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	TableScanDesc scan = table_beginscan(relation, snapshot, 0, NULL);
	TupleTableSlot *slot = table_slot_create(relation, NULL);
	bool		found;

	found = table_scan_getnextslot(scan, ForwardScanDirection, slot);
	ExecDropSingleTupleTableSlot(slot);
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	return found;
}

/*
 * Are our tables installed and filled?  In the middle of a restore they are
 * there, but empty, and nothing is attached yet.  Or they are filled, and
 * attached tables get their triggers, keys and indexes in any order; then
 * their owner has no right to the schema yet, as rights are restored last.
 */
static bool
is_ready(void)
{
	Oid			schema = get_namespace_oid(COMMUNITY_SCHEMA, true);
	Oid			installation = InvalidOid;
	Relation	relation;
	bool		ready;

	if (OidIsValid(schema))
		installation = get_relname_relid("installation", schema);
	if (!OidIsValid(installation) ||
		!OidIsValid(get_relname_relid("attachment", schema)) ||
		!OidIsValid(activity_trigger_function()))
		return false;
	relation = table_open(installation, AccessShareLock);
	ready = core_may_use_schema(schema, relation->rd_rel->relowner) &&
		has_row(relation);
	table_close(relation, AccessShareLock);
	return ready;
}

/* Does the command bring a partition in or let one go? */
static bool
changes_partitions(Node *command)
{
	ListCell   *cell;

	if (command == NULL || !IsA(command, AlterTableStmt))
		return false;
	foreach(cell, ((AlterTableStmt *) command)->cmds)
	{
		AlterTableType type = ((AlterTableCmd *) lfirst(cell))->subtype;

		if (type == AT_AttachPartition || type == AT_DetachPartition ||
			type == AT_DetachPartitionFinalize)
			return true;
	}
	return false;
}

/* Tables that the command has touched. */
static List *
changed_tables(void)
{
	static CorePlan plan = {
		.sql = "SELECT DISTINCT c.objid"
		" FROM pg_catalog.pg_event_trigger_ddl_commands() AS c"
		" WHERE c.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass"
	};

	return query_relations(&plan, NULL);
}

/* The attachments whose triggers are on a table. */
static List *
attachments_on(Oid relid)
{
	Relation	relation = table_open(relid, AccessShareLock);
	Oid			ours = activity_trigger_function();
	TriggerDesc *desc = relation->trigdesc;
	List	   *result = NIL;
	int			i;

	for (i = 0; desc != NULL && i < desc->numtriggers; i++)
	{
		Trigger    *trigger = &desc->triggers[i];
		AttachmentId id;

		/* one of the four is enough to know the attachment */
		if (trigger->tgfoid == ours && TRIGGER_FOR_INSERT(trigger->tgtype) &&
			activity_read_trigger(trigger, &id.program, &id.id))
		{
			AttachmentId *found = palloc_object(AttachmentId);

			*found = id;
			result = lappend(result, found);
		}
	}
	table_close(relation, NoLock);
	return result;
}

static Attachment *
load_attachment(const AttachmentId *id)
{
	MemoryContext caller = CurrentMemoryContext;
	Attachment *attachment;
	CoreScope	scope;

	core_enter(&scope);
	attachment = activity_load_attachment(id->program, id->id, caller);
	core_leave(&scope);
	return attachment;
}

/* Refuse the command when the attachment cannot live with what it did. */
static void
check_attachment(const Attachment *attachment, Relation relation)
{
	MemoryContext caller = CurrentMemoryContext;
	int			level = core_pin_search_path();

	PG_TRY();
	{
		activity_check_attached_relation(attachment, relation);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_ATTACHMENT),
				 errmsg("cannot alter table \"%s\": it is attached as type \"%s\"",
						RelationGetRelationName(relation), attachment->type),
				 errdetail("%s%s", error->message,
						   error->detail == NULL ? "." :
						   psprintf(". %s", error->detail)),
				 errhint("Call community.detach() first and attach the table anew; events keep their source, so nothing counts twice.")));
	}
	PG_END_TRY();
	AtEOXact_GUC(true, level);
}

/* Give a table and all partitions below it the triggers they lack. */
static void
adopt_partitions(const AttachmentId *id, Oid relid, bool may_have_rows)
{
	ListCell   *cell;

	foreach(cell, activity_table_and_partitions(relid, ShareRowExclusiveLock))
	{
		Oid			part = lfirst_oid(cell);

		if (activity_install_triggers(id->program, id->id, part) &&
			may_have_rows && get_rel_relkind(part) == RELKIND_RELATION)
			ereport(NOTICE,
					(errmsg("rows that table \"%s\" brings along are not recorded yet",
							get_rel_name(part)),
					 errhint("Call community.backfill() for the partitioned table.")));
	}
}

/* Tables that have the triggers of an attachment. */
static List *
tables_with_triggers(const AttachmentId *id)
{
	static CorePlan plan = {
		.sql = "SELECT t.tgrelid FROM pg_catalog.pg_trigger AS t"
		" WHERE t.tgfoid OPERATOR(pg_catalog.=) $1"
		" AND t.tgname OPERATOR(pg_catalog.=) $2::pg_catalog.name",
		.nargs = 2,
		.argtypes = {OIDOID, TEXTOID}
	};
	Datum		values[2];

	values[0] = ObjectIdGetDatum(activity_trigger_function());
	values[1] = CStringGetTextDatum(psprintf("community_%lld_insert",
											 (long long) id->id));
	return query_relations(&plan, values);
}

/* Take the triggers off tables that are no longer part of the attached one. */
static void
release_tables(const AttachmentId *id, Oid attached)
{
	List	   *family = activity_table_and_partitions(attached, NoLock);
	ListCell   *cell;

	foreach(cell, tables_with_triggers(id))
		if (!list_member_oid(family, lfirst_oid(cell)))
		activity_drop_triggers(id->id, lfirst_oid(cell));
}

/* See to the attachments whose triggers a changed table has. */
static void
see_to_own_triggers(Oid relid, bool new_partitions)
{
	ListCell   *cell;

	foreach(cell, attachments_on(relid))
	{
		AttachmentId *id = (AttachmentId *) lfirst(cell);
		Attachment *attachment = load_attachment(id);

		if (attachment == NULL)
			continue;
		if (relid == attachment->relation)
		{
			Relation	relation = table_open(relid, AccessShareLock);

			check_attachment(attachment, relation);
			table_close(relation, NoLock);
		}
		if (new_partitions)
		{
			adopt_partitions(id, relid, true);
			release_tables(id, attachment->relation);
		}
	}
}

/* Give a new partition the triggers of the attached tables above it. */
static void
adopt_partition(Oid relid)
{
	ListCell   *ancestor;

	foreach(ancestor, get_partition_ancestors(relid))
	{
		ListCell   *cell;

		foreach(cell, attachments_on(lfirst_oid(ancestor)))
			adopt_partitions((AttachmentId *) lfirst(cell), relid, false);
	}
}

/* on_table_changed(): event trigger at ddl_command_end */
Datum
community_on_table_changed(PG_FUNCTION_ARGS)
{
	EventTriggerData *data;
	ListCell   *cell;
	bool		created;

	check_event_trigger(fcinfo, "on_table_changed");
	if (!is_ready())
		PG_RETURN_NULL();
	data = (EventTriggerData *) fcinfo->context;
	created = strcmp(GetCommandTagName(data->tag), "ALTER TABLE") != 0;
	foreach(cell, changed_tables())
	{
		Oid			relid = lfirst_oid(cell);
		char		kind = get_rel_relkind(relid);

		if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
			continue;
		see_to_own_triggers(relid, changes_partitions(data->parsetree));

		/*
		 * One that is attached was seen to with its parent.  Any other change
		 * of a partition may be part of a restore, whose own triggers follow.
		 */
		if (created && get_rel_relispartition(relid))
			adopt_partition(relid);
	}
	PG_RETURN_NULL();
}

/* on_table_dropped(): event trigger at sql_drop */
Datum
community_on_table_dropped(PG_FUNCTION_ARGS)
{
	static CorePlan plan = {
		.sql = "UPDATE community.attachment AS a"
		" SET detached_at = clock_timestamp(), detach_reason = 'table dropped'"
		" FROM pg_event_trigger_dropped_objects() AS d"
		" WHERE d.classid = 'pg_class'::regclass AND d.objsubid = 0"
		" AND a.relation = d.objid AND a.detached_at IS NULL"
	};
	CoreScope	scope;

	check_event_trigger(fcinfo, "on_table_dropped");
	if (!is_ready())
		PG_RETURN_NULL();
	core_enter(&scope);
	core_run(&plan, NULL, NULL, false);
	core_leave(&scope);
	PG_RETURN_NULL();
}
