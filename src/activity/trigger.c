/*-------------------------------------------------------------------------
 *
 * trigger.c
 *	  attached(): the trigger on attached tables.
 *
 * Statement level.  The row query runs as the one whose statement fired the
 * trigger; what it gives is then applied as the owner of our tables.  A single
 * row that was inserted mostly needs no query, see single_row.c.
 *
 * Attachments are never edited, so what the trigger needs of one is kept for
 * the session under the OID of the trigger.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/partition.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "activity/activity.h"
#include "activity/attachment.h"
#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"

PG_FUNCTION_INFO_V1(community_attached);

typedef struct CachedAttachment
{
	Oid			trigger;		/* key */
	Attachment *attachment;
} CachedAttachment;

static HTAB *attachments = NULL;
static MemoryContext attachments_context = NULL;

static void
create_cache(void)
{
	HASHCTL		control = {0};

	attachments_context = AllocSetContextCreate(CacheMemoryContext,
												"community attachments",
												ALLOCSET_SMALL_SIZES);
	control.keysize = sizeof(Oid);
	control.entrysize = sizeof(CachedAttachment);
	control.hcxt = attachments_context;
	attachments = hash_create("community attachments", 16, &control,
							  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static void
refuse_trigger(const TriggerData *data, const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("trigger \"%s\" on table \"%s\" %s",
					data->tg_trigger->tgname,
					RelationGetRelationName(data->tg_relation), why),
			 errhint("Such triggers are made by community.attach() only; drop this one.")));
}

/* Is the table the attached one, or a partition of it? */
bool
activity_is_attached_to(const Attachment *attachment, Relation relation)
{
	Oid			id = RelationGetRelid(relation);

	return id == attachment->relation ||
		(relation->rd_rel->relispartition &&
		 list_member_oid(get_partition_ancestors(id), attachment->relation));
}

/* Read the attachment that the arguments of the trigger name. */
static Attachment *
load_attachment(const TriggerData *data)
{
	Attachment *attachment;
	CoreScope	scope;
	int64		program;
	int64		id;

	if (!activity_read_trigger(data->tg_trigger, &program, &id))
		refuse_trigger(data, "has not the arguments that it needs");
	core_enter(&scope);
	attachment = activity_load_attachment(program, id, attachments_context);
	core_leave(&scope);
	/* a snapshot that is older than attach() does not see it */
	if (attachment == NULL && IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent update"),
				 errdetail("Table \"%s\" was attached meanwhile.",
						   RelationGetRelationName(data->tg_relation)),
				 errhint("Try again.")));
	if (attachment == NULL)
		refuse_trigger(data, "names no attachment that is in force");
	return attachment;
}

static Attachment *
find_attachment(const TriggerData *data)
{
	Oid			trigger = data->tg_trigger->tgoid;
	CachedAttachment *entry;
	Attachment *attachment;

	if (attachments == NULL)
		create_cache();
	entry = hash_search(attachments, &trigger, HASH_FIND, NULL);
	if (entry != NULL)
		return entry->attachment;
	attachment = load_attachment(data);
	entry = hash_search(attachments, &trigger, HASH_ENTER, NULL);
	entry->attachment = attachment;
	return attachment;
}

/* The kept plan of the row query, with its text made on first use. */
CorePlan *
activity_kept_row_query(Attachment *attachment, RowQuery which,
						Relation relation)
{
	CorePlan   *plan = &attachment->row_query[which];

	if (plan->sql == NULL)
		plan->sql = MemoryContextStrdup(attachments_context,
										activity_row_query(attachment, which,
														   relation));
	return plan;
}

/* Run the row query as the present user, with everything pinned. */
static void
fetch_rows(Attachment *attachment, TriggerData *data, RowQuery which,
		   ActivityRows *rows)
{
	DestReceiver *dest = activity_rows_receiver(rows);

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_register_trigger_data(data) != SPI_OK_TD_REGISTER)
		elog(ERROR, "SPI_register_trigger_data failed");
	if (which == ROWS_TRUNCATED)
	{
		CorePlan	once = {0};

		once.sql = activity_row_query(attachment, which, data->tg_relation);
		core_run_into(&once, NULL, NULL, false, dest);
	}
	else
		core_run_into(activity_kept_row_query(attachment, which,
											  data->tg_relation),
					  NULL, NULL, true, dest);
	SPI_finish();
	dest->rDestroy(dest);
}

static RowQuery
which_rows(const TriggerData *data)
{
	TriggerEvent event = data->tg_event;

	if (TRIGGER_FIRED_FOR_STATEMENT(event))
	{
		if (TRIGGER_FIRED_BY_TRUNCATE(event) && TRIGGER_FIRED_BEFORE(event))
			return ROWS_TRUNCATED;
		if (TRIGGER_FIRED_AFTER(event))
		{
			if (TRIGGER_FIRED_BY_INSERT(event) && data->tg_newtable)
				return ROWS_INSERTED;
			if (TRIGGER_FIRED_BY_UPDATE(event) && data->tg_newtable &&
				data->tg_oldtable)
				return ROWS_UPDATED;
			if (TRIGGER_FIRED_BY_DELETE(event) && data->tg_oldtable)
				return ROWS_DELETED;
		}
	}
	refuse_trigger(data, "is not of the kind that attach() makes");
	return ROWS_INSERTED;		/* keep compiler quiet */
}

/* attached(program, attachment): trigger */
Datum
community_attached(PG_FUNCTION_ARGS)
{
	TriggerData *data;
	Attachment *attachment;
	ActivityRows *rows;
	RowQuery	which;
	CoreScope	scope;
	int			level;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("attached() can only be called as a trigger")));
	data = (TriggerData *) fcinfo->context;
	which = which_rows(data);
	attachment = find_attachment(data);
	if (!activity_is_attached_to(attachment, data->tg_relation))
		refuse_trigger(data, "names the attachment of another table");

	if (which == ROWS_INSERTED &&
		activity_record_single_row(attachment, data))
		return PointerGetDatum(NULL);

	/* one settings level for both halves: each change of the path costs */
	level = core_pin_search_path();
	core_pin_evaluation(attachment->time_zone);
	rows = activity_begin_rows();
	fetch_rows(attachment, data, which, rows);
	if (tuplestore_tuple_count(rows->store) > 0)
	{
		core_enter(&scope);
		activity_apply_rows(attachment, rows, which == ROWS_INSERTED);
		core_leave(&scope);
	}
	activity_end_rows(rows);
	AtEOXact_GUC(true, level);
	return PointerGetDatum(NULL);
}
