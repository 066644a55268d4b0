/*-------------------------------------------------------------------------
 *
 * fraud_graph.c
 *	  Members as graphs: shared_identities(), short_chains().
 *
 * Rows are read through a cursor, members numbered in ascending order, and
 * fraud_algo.c does the rest.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "referral/fraud_algo.h"

PG_FUNCTION_INFO_V1(community_shared_identities);
PG_FUNCTION_INFO_V1(community_short_chains);

#define FETCH_ROWS	10000

/* Columns of bigints that a query gave, one array each. */
typedef struct Columns
{
	int			ncolumns;
	int64		count;
	int64		size;
	int64	   *values[3];
	MemoryContext context;
} Columns;

/* Make room for so many rows more. */
static void
grow(Columns *columns, int64 more)
{
	int			i;

	if (columns->count + more <= columns->size)
		return;
	columns->size = Max(columns->size * 2, columns->count + more);
	for (i = 0; i < columns->ncolumns; i++)
	{
		Size		bytes = columns->size * sizeof(int64);

		columns->values[i] = columns->values[i] == NULL ?
			MemoryContextAllocHuge(columns->context, bytes) :
			repalloc_huge(columns->values[i], bytes);
	}
	if (columns->size > PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many members are to be looked at"),
				 errdetail("There can be %d.", PG_INT32_MAX)));
}

/* Read all rows of a query of bigints without nulls. */
static void
read_columns(CorePlan *plan, Datum *values, Columns *columns)
{
	Portal		portal = core_open_cursor(plan, values, false);

	for (;;)
	{
		uint64		i;
		int			c;

		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		grow(columns, (int64) SPI_processed);
		for (i = 0; i < SPI_processed; i++)
		{
			for (c = 0; c < columns->ncolumns; c++)
				columns->values[c][columns->count] =
					core_int64((int) i, c + 1);
			columns->count++;
		}
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
}

/* The place of a member in an ascending array, where it is. */
static int32
find_number(const int64 *members, int64 count, int64 member)
{
	int64		low = 0;
	int64		high = count;

	while (low < high)
	{
		int64		middle = low + (high - low) / 2;

		if (members[middle] < member)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && members[low] == member ? (int32) low : -1;
}

static int
compare_members(const void *a, const void *b, void *arg)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return x < y ? -1 : x > y;
}

/* The different members of a column, in ascending order. */
static int64 *
number_members(const Columns *columns, int column, int64 *count)
{
	Size		bytes = Max(columns->count, 1) * sizeof(int64);
	int64	   *members = MemoryContextAllocHuge(columns->context, bytes);
	int64		kept = 0;
	int64		i;

	if (columns->count > 0)
		memcpy(members, columns->values[column],
			   columns->count * sizeof(int64));
	qsort_interruptible(members, columns->count, sizeof(int64),
						compare_members, NULL);
	for (i = 0; i < columns->count; i++)
		if (i == 0 || members[i] != members[i - 1])
			members[kept++] = members[i];
	*count = kept;
	return members;
}

static int32 *
numbers(const Columns *columns, int64 count)
{
	return MemoryContextAllocHuge(columns->context,
								  Max(count, 1) * sizeof(int32));
}

/* shared_identities(as_of, program) -> setof (member_id, component) */
Datum
community_shared_identities(PG_FUNCTION_ARGS)
{
	/* who has the same identity as the row before is joined with its member */
	static CorePlan plan = {
		.sql = "SELECT x.member_id, x.before FROM (SELECT i.member_id,"
		"  lag(i.member_id) OVER (PARTITION BY i.kind, i.hash"
		"   ORDER BY i.member_id) AS before"
		"  FROM community.referral_identity AS i WHERE i.program_id = $1"
		"  AND i.kind <> 'address' AND i.added_at <= $2) AS x"
		" WHERE x.before IS NOT NULL",
		.nargs = 2,
		.argtypes = {INT8OID, TIMESTAMPTZOID}
	};
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	static const char *const names[] = {"as_of", "program"};
	Columns		pairs = {.ncolumns = 2};
	Columns		both = {.ncolumns = 1};
	Datum		values[2];
	bool		nulls[2] = {false, false};
	CoreScope	scope;
	int64	   *members;
	int64		count;
	int32	   *parent;
	int64		i;

	core_refuse_nulls(fcinfo, "shared_identities", names, 0);
	values[0] = PG_GETARG_DATUM(1);
	values[1] = PG_GETARG_DATUM(0);
	(void) core_begin_rows(fcinfo, NULL);
	core_enter(&scope);
	pairs.context = both.context = CurrentMemoryContext;
	read_columns(&plan, values, &pairs);
	grow(&both, pairs.count * 2);
	for (i = 0; i < pairs.count; i++)
	{
		both.values[0][both.count++] = pairs.values[0][i];
		both.values[0][both.count++] = pairs.values[1][i];
	}
	members = number_members(&both, 0, &count);
	parent = numbers(&pairs, count);
	referral_sets_init(parent, (int32) count);
	for (i = 0; i < pairs.count; i++)
		referral_sets_join(parent,
						   find_number(members, count, pairs.values[0][i]),
						   find_number(members, count, pairs.values[1][i]));
	for (i = 0; i < count; i++)
	{
		values[0] = Int64GetDatum(members[i]);
		values[1] = Int64GetDatum(members[referral_sets_find(parent,
															 (int32) i)]);
		tuplestore_putvalues(result->setResult, result->setDesc, values,
							 nulls);
	}
	core_leave(&scope);
	return (Datum) 0;
}

/* Who follows whom: the only one brought by a member, if soon enough. */
static int32 *
read_chains(Datum *values, Columns *links, int64 **members, int64 *count)
{
	static CorePlan plan = {
		.sql = "SELECT a.inviter, a.member_id FROM"
		" (SELECT r.enroller_id AS inviter, min(r.member_id) AS member_id,"
		"  min(r.joined_at) AS joined_at FROM community.referral AS r"
		"  WHERE r.program_id = $1 AND r.joined_at <= $2"
		"  GROUP BY r.enroller_id HAVING count(*) = 1) AS a"
		" JOIN community.member AS m ON m.program_id = $1"
		" AND m.member_id = a.inviter"
		" WHERE a.joined_at - m.joined_at <= $3",
		.nargs = 3,
		.argtypes = {INT8OID, TIMESTAMPTZOID, INTERVALOID}
	};
	Columns		both = {.ncolumns = 1};
	int32	   *next;
	int64		i;

	read_columns(&plan, values, links);
	both.context = links->context;
	grow(&both, links->count * 2);
	for (i = 0; i < links->count; i++)
	{
		both.values[0][both.count++] = links->values[0][i];
		both.values[0][both.count++] = links->values[1][i];
	}
	*members = number_members(&both, 0, count);
	next = numbers(links, *count);
	for (i = 0; i < *count; i++)
		next[i] = -1;
	for (i = 0; i < links->count; i++)
		next[find_number(*members, *count, links->values[0][i])] =
			find_number(*members, *count, links->values[1][i]);
	return next;
}

/*
 * short_chains(within, length, as_of, program)
 * -> setof (member_id, top_id, position, links)
 */
Datum
community_short_chains(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"within", "length", "as_of",
	"program"};
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Columns		links = {.ncolumns = 2};
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};
	CoreScope	scope;
	int32		length;
	int64	   *members;
	int64		count;
	int32	   *next;
	int32	   *top;
	int32	   *place;
	int32	   *long_;
	int64		i;

	core_refuse_nulls(fcinfo, "short_chains", names, 0);
	length = PG_GETARG_INT32(1);
	if (length < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("length of short_chains() must be at least 1, not %d",
						length)));
	values[0] = PG_GETARG_DATUM(3);
	values[1] = PG_GETARG_DATUM(2);
	values[2] = PG_GETARG_DATUM(0);
	(void) core_begin_rows(fcinfo, NULL);
	core_enter(&scope);
	links.context = CurrentMemoryContext;
	next = read_chains(values, &links, &members, &count);
	top = numbers(&links, count);
	place = numbers(&links, count);
	long_ = numbers(&links, count);
	referral_chains(next, (int32) count, top, place, long_);
	for (i = 0; i < count; i++)
	{
		/* the top itself may have come in any way */
		if (top[i] < 0 || place[i] == 0 || long_[i] < length)
			continue;
		values[0] = Int64GetDatum(members[i]);
		values[1] = Int64GetDatum(members[top[i]]);
		values[2] = Int32GetDatum(place[i]);
		values[3] = Int32GetDatum(long_[i]);
		tuplestore_putvalues(result->setResult, result->setDesc, values,
							 nulls);
	}
	core_leave(&scope);
	return (Datum) 0;
}
