/*-------------------------------------------------------------------------
 *
 * commission_headcount.c
 *	  commission_headcount(): how many people on how many levels each
 *	  organiser has.
 *
 * One pass over the forest: leaves first, each member hands what is below it
 * to its sponsor once all of its own have come.  Members on a cycle never
 * come to that, and are left to referral_check().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "core/compat.h"
#include "core/core.h"

PG_FUNCTION_INFO_V1(community_commission_headcount);

#define ROWS_A_BATCH	10000

/* A member of the forest. */
typedef struct Head
{
	int64		member;			/* hash key */
	int64		sponsor;
	bool		has_sponsor;
	int64		waiting;		/* children that have not come yet */
	int64		people;			/* with itself */
	int64		levels;			/* with its own */
} Head;

static Head *
head_of(HTAB *heads, int64 member)
{
	bool		found;
	Head	   *head = hash_search(heads, &member, HASH_ENTER, &found);

	if (!found)
	{
		head->has_sponsor = false;
		head->waiting = 0;
		head->people = 1;
		head->levels = 1;
	}
	return head;
}

static void
add_edges(HTAB *heads, int64 program)
{
	static CorePlan plan = {
		.sql = "SELECT member_id, sponsor_id FROM community.referral"
		" WHERE program_id = $1 AND sponsor_id IS NOT NULL",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	Datum		values[1];
	Portal		portal;
	uint64		count;

	values[0] = Int64GetDatum(program);
	portal = core_open_cursor(&plan, values, true);
	do
	{
		uint64		i;

		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, ROWS_A_BATCH);
		count = SPI_processed;
		for (i = 0; i < count; i++)
		{
			int64		sponsor = core_int64((int) i, 2);
			Head	   *head = head_of(heads, core_int64((int) i, 1));

			head->sponsor = sponsor;
			head->has_sponsor = true;
			head_of(heads, sponsor)->waiting++;
		}
		SPI_freetuptable(SPI_tuptable);
	} while (count == ROWS_A_BATCH);
	SPI_cursor_close(portal);
}

/* From a leaf up, as far as everybody below has come. */
static void
hand_up(HTAB *heads, const Head *leaf)
{
	const Head *head = leaf;

	while (head->has_sponsor)
	{
		Head	   *sponsor = hash_search(heads, &head->sponsor, HASH_FIND,
										  NULL);

		CHECK_FOR_INTERRUPTS();
		sponsor->people += head->people;
		sponsor->levels = Max(sponsor->levels, head->levels + 1);
		if (--sponsor->waiting > 0)
			break;
		head = sponsor;
	}
}

/*
 * Members without anybody below.  Which they are is noted first, as the
 * others come to have nobody to wait for.
 */
static void
sum_up(HTAB *heads)
{
	Size		room = hash_get_num_entries(heads) + 1;
	Head	  **leaves = MemoryContextAllocHuge(CurrentMemoryContext,
												room * sizeof(Head *));
	int64		count = 0;
	HASH_SEQ_STATUS scan;
	Head	   *head;
	int64		i;

	hash_seq_init(&scan, heads);
	while ((head = hash_seq_search(&scan)) != NULL)
		if (head->waiting == 0)
			leaves[count++] = head;
	for (i = 0; i < count; i++)
		hand_up(heads, leaves[i]);
	pfree(leaves);
}

/* commission_headcount(least_people, least_levels, program) -> set */
Datum
community_commission_headcount(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *info = (ReturnSetInfo *) fcinfo->resultinfo;
	int64		least_people = PG_GETARG_INT64(0);
	int32		least_levels = PG_GETARG_INT32(1);
	int64		program = PG_GETARG_INT64(2);
	HASHCTL		control = {0};
	HASH_SEQ_STATUS scan;
	CoreScope	scope;
	HTAB	   *heads;
	Head	   *head;

	(void) core_begin_rows(fcinfo, NULL);
	core_enter(&scope);
	(void) core_program_name(program);
	control.keysize = sizeof(int64);
	control.entrysize = sizeof(Head);
	control.hcxt = CurrentMemoryContext;
	heads = hash_create("community headcount", 1024, &control,
						HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	add_edges(heads, program);
	sum_up(heads);
	hash_seq_init(&scan, heads);
	while ((head = hash_seq_search(&scan)) != NULL)
	{
		Datum		values[4];
		bool		nulls[4] = {false};

		/* who still waits stands above a cycle, or on it */
		if (head->waiting > 0 || head->people < least_people ||
			head->levels < least_levels || head->people == 1)
			continue;
		values[0] = Int64GetDatum(head->member);
		values[1] = Int64GetDatum(head->people);
		values[2] = Int64GetDatum(head->levels);
		values[3] = BoolGetDatum(!head->has_sponsor);
		tuplestore_putvalues(info->setResult, info->setDesc, values, nulls);
	}
	hash_destroy(heads);
	core_leave(&scope);
	return (Datum) 0;
}
