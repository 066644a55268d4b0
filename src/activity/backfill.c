/*-------------------------------------------------------------------------
 *
 * backfill.c
 *	  backfill(): the rows that an attached table had before it was attached.
 *
 * Batches go through the table in the order of the key.  The rows of a batch
 * are locked against change until it commits: a row that was changed or
 * deleted after it was read, and whose trigger found nothing to correct,
 * would be recorded as it no longer is.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "utils/rel.h"

#include "activity/activity.h"
#include "activity/attachment.h"
#include "activity/job.h"
#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"

#define MAX_BATCH	1000000

PG_FUNCTION_INFO_V1(community_backfill);

/* The statements over the table, as its owner runs them. */
typedef struct Statements
{
	char	   *count;
	char	   *batch_end;		/* $1: where to begin, $2: rows in a batch */
	char	   *rows;			/* $1: where to begin, $2: where to end */
} Statements;

/* "(r.a, r.b)" */
static char *
key_row(const Attachment *attachment)
{
	StringInfoData row;
	ListCell   *cell;

	initStringInfo(&row);
	foreach(cell, attachment->key_columns)
		appendStringInfo(&row, "%sr.%s", row.len == 0 ? "(" : ", ",
						 quote_identifier(lfirst(cell)));
	appendStringInfoChar(&row, ')');
	return row.data;
}

/* "(($1)[1]::integer, ($1)[2]::date)" */
static char *
key_parameter(const Attachment *attachment, Relation relation, int number)
{
	StringInfoData row;
	ListCell   *cell;
	int			i = 0;

	initStringInfo(&row);
	foreach(cell, attachment->key_columns)
	{
		AttrNumber	column = get_attnum(RelationGetRelid(relation),
										lfirst(cell));
		Oid			type = get_atttype(RelationGetRelid(relation), column);

		appendStringInfo(&row, "%s($%d)[%d]::%s", i == 0 ? "(" : ", ", number,
						 i + 1, format_type_be_qualified(type));
		i++;
	}
	appendStringInfoChar(&row, ')');
	return row.data;
}

static char *
key_as_array(const Attachment *attachment)
{
	StringInfoData array;
	ListCell   *cell;

	initStringInfo(&array);
	foreach(cell, attachment->key_columns)
		appendStringInfo(&array, "%sr.%s::text",
						 array.len == 0 ? "ARRAY[" : ", ",
						 quote_identifier(lfirst(cell)));
	appendStringInfoChar(&array, ']');
	return array.data;
}

static char *
key_order(const Attachment *attachment)
{
	char	   *row = key_row(attachment);

	row[strlen(row) - 1] = '\0';
	return row + 1;
}

static void
write_statements(Statements *statements, const Attachment *attachment,
				 bool resumed, bool bounded)
{
	Relation	relation = table_open(attachment->relation, AccessShareLock);
	char	   *table = activity_qualified_name(relation);
	char	   *begin = resumed ?
	psprintf("%s > %s", key_row(attachment),
			 key_parameter(attachment, relation, 1)) :
	"$1::text[] IS NULL";
	char	   *end = bounded ?
	psprintf("%s <= %s", key_row(attachment),
			 key_parameter(attachment, relation, 2)) :
	"$2::text[] IS NULL";

	statements->count = psprintf("SELECT count(*) FROM %s AS r", table);
	statements->batch_end =
		psprintf("SELECT %s FROM %s AS r WHERE %s ORDER BY %s OFFSET $2 LIMIT 1",
				 key_as_array(attachment), table, begin,
				 key_order(attachment));
	statements->rows =
		psprintf("%s WHERE %s AND %s FOR SHARE OF r",
				 activity_row_query(attachment, ROWS_OF_TABLE, relation),
				 begin, end);
	table_close(relation, AccessShareLock);
}

/* Run one of the statements as the caller, with everything pinned. */
static int
open_evaluation(const Attachment *attachment)
{
	int			level = core_pin_search_path();

	core_pin_evaluation(attachment->time_zone);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	return level;
}

static void
close_evaluation(int level)
{
	SPI_finish();
	AtEOXact_GUC(true, level);
}

static int64
count_rows(const Attachment *attachment)
{
	Statements	statements;
	CorePlan	plan = {0};
	int64		count;
	int			level = open_evaluation(attachment);

	write_statements(&statements, attachment, false, false);
	plan.sql = statements.count;
	if (SPI_execute(plan.sql, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not execute \"%s\"", plan.sql);
	count = core_int64(0, 1);
	close_evaluation(level);
	return count;
}

/* The key of the last row of the next batch, or 0 when it is the last. */
static Datum
find_batch_end(const Attachment *attachment, const ActivityJob *job,
			   int batch_size)
{
	Statements	statements;
	Oid			types[2] = {TEXTARRAYOID, INT8OID};
	Datum		values[2];
	Datum		end = (Datum) 0;
	bool		isnull;
	MemoryContext caller = CurrentMemoryContext;
	int			level = open_evaluation(attachment);

	write_statements(&statements, attachment, job->position != (Datum) 0,
					 false);
	values[0] = job->position;
	values[1] = Int64GetDatum(batch_size - 1);
	if (SPI_execute_with_args(statements.batch_end, 2, types, values,
							  job->position == (Datum) 0 ? "n " : NULL,
							  false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not execute \"%s\"", statements.batch_end);
	if (SPI_processed > 0)
	{
		Datum		found = core_field(0, 1, &isnull);
		MemoryContext old = MemoryContextSwitchTo(caller);

		end = PointerGetDatum(DatumGetArrayTypePCopy(found));
		MemoryContextSwitchTo(old);
	}
	close_evaluation(level);
	return end;
}

/* Lock and read the rows of the batch. */
static void
fetch_batch(const Attachment *attachment, const ActivityJob *job, Datum end,
			ActivityRows *rows)
{
	Statements	statements;
	CorePlan	plan = {0};
	Datum		values[2];
	char		nulls[3] = "  ";
	DestReceiver *dest = activity_rows_receiver(rows);
	int			level = open_evaluation(attachment);

	write_statements(&statements, attachment, job->position != (Datum) 0,
					 end != (Datum) 0);
	plan.sql = statements.rows;
	plan.nargs = 2;
	plan.argtypes[0] = plan.argtypes[1] = TEXTARRAYOID;
	values[0] = job->position;
	values[1] = end;
	if (job->position == (Datum) 0)
		nulls[0] = 'n';
	if (end == (Datum) 0)
		nulls[1] = 'n';
	core_run_into(&plan, values, nulls, false, dest);
	close_evaluation(level);
	dest->rDestroy(dest);
}

/* One batch; false when it was the last. */
static bool
backfill_batch(Attachment *attachment, ActivityJob *job, int batch_size)
{
	Datum		end = find_batch_end(attachment, job, batch_size);
	ActivityRows *rows = activity_begin_rows();
	CoreScope	scope;
	int64		count;

	fetch_batch(attachment, job, end, rows);
	count = tuplestore_tuple_count(rows->store);
	if (count > 0)
	{
		core_enter(&scope);
		activity_apply_rows(attachment, rows, true);
		core_leave(&scope);
	}
	activity_end_rows(rows);
	activity_advance_job(job, count, end);
	return end != (Datum) 0;
}

/* The attachment to be filled, or an error. */
static Attachment *
find_attachment(int64 program, Oid relation, text *type, MemoryContext context)
{
	Attachment *attachment;
	CoreScope	scope;

	core_enter(&scope);
	attachment = activity_find_attachment(program, relation, type, context);
	if (attachment == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("table \"%s\" is not attached as type \"%s\" in program \"%s\"",
						get_rel_name(relation), text_to_cstring(type),
						core_program_name(program)),
				 errhint("Call community.attach() first.")));
	core_leave(&scope);
	return attachment;
}

/* Batch after batch, to the end. */
static void
backfill_batches(Attachment *attachment, ActivityJob *job, int batch_size)
{
	MemoryContext context = AllocSetContextCreate(job->context,
												  "community batch",
												  ALLOCSET_DEFAULT_SIZES);
	bool		more;

	do
	{
		MemoryContext old = MemoryContextSwitchTo(context);

		more = backfill_batch(attachment, job, batch_size);
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
		activity_tell_progress(job, !more);
		if (more)
			activity_commit_batch(job);
	} while (more);
}

/* CALL backfill(relation, type, batch_size, program) */
Datum
community_backfill(PG_FUNCTION_ARGS)
{
	Oid			relation = PG_GETARG_OID(0);
	int32		batch_size = PG_GETARG_INT32(2);
	int64		program = PG_GETARG_INT64(3);
	Attachment *attachment;
	ActivityJob *job;
	int			i;

	for (i = 0; i < 4; i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("arguments of backfill() must not be null")));
	if (batch_size < 1 || batch_size > MAX_BATCH)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("batch size %d is out of range", batch_size),
				 errdetail("A batch has 1 to %d rows.", MAX_BATCH)));
	activity_check_table_exists(relation);
	if (!core_is_owner(relation))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE,
					   get_rel_name(relation));

	attachment = find_attachment(program, relation, PG_GETARG_TEXT_PP(1),
								 PortalContext);
	job = activity_begin_job(fcinfo, program, "backfill", attachment->source,
							 attachment->id);
	PG_TRY();
	{
		activity_start_job(job, count_rows(attachment));
		backfill_batches(attachment, job, batch_size);
		activity_finish_job(job);
	}
	PG_CATCH();
	{
		activity_unlock_job(job);
		PG_RE_THROW();
	}
	PG_END_TRY();
	PG_RETURN_VOID();
}
