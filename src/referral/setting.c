/*-------------------------------------------------------------------------
 *
 * setting.c
 *	  How deep a forest may be, without asking the table each time.
 *
 * Each signup asks and the answer nearly never changes, so a session keeps it
 * until the table tells of a change; see core/watch.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "core/compat.h"
#include "core/core.h"
#include "referral/place.h"

/* the default of the column */
#define DEFAULT_MAXIMUM_DEPTH	1000

/* Programs are what callers name, so what is kept has an end. */
#define MOST_KEPT	1024

typedef struct Kept
{
	int64		program;		/* hash key */
	int32		maximum_depth;
} Kept;

static CoreWatch watch = {.name = "referral_setting"};
static HTAB *kept = NULL;
static uint64 kept_generation = 0;

static int32
read_maximum_depth(int64 program)
{
	static CorePlan plan = {
		.sql = "SELECT maximum_depth FROM community.referral_setting"
		" WHERE program_id = $1",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	Datum		values[1];
	CoreScope	scope;
	int32		depth;

	values[0] = Int64GetDatum(program);
	core_enter(&scope);
	/* what is kept must be as new as the message that made us read */
	core_run_latest(&plan, values);
	depth = SPI_processed > 0 ? (int32) core_int64(0, 1) :
		DEFAULT_MAXIMUM_DEPTH;
	core_leave(&scope);
	return depth;
}

static void
forget_kept(uint64 generation)
{
	HASHCTL		control = {0};

	if (kept != NULL)
		hash_destroy(kept);
	kept = NULL;
	control.keysize = sizeof(int64);
	control.entrysize = sizeof(Kept);
	control.hcxt = CacheMemoryContext;
	kept = hash_create("community referral settings", 16, &control,
					   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	kept_generation = generation;
}

/* The maximum depth of a program.  Needs no core_enter(). */
int32
referral_maximum_depth(int64 program)
{
	uint64		generation = core_watch(&watch);
	Kept	   *entry;
	int32		depth;

	if (generation == 0)
		return read_maximum_depth(program);
	if (kept == NULL || generation != kept_generation ||
		hash_get_num_entries(kept) >= MOST_KEPT)
		forget_kept(generation);
	entry = hash_search(kept, &program, HASH_FIND, NULL);
	if (entry != NULL)
		return entry->maximum_depth;
	depth = read_maximum_depth(program);
	entry = hash_search(kept, &program, HASH_ENTER, NULL);
	entry->maximum_depth = depth;
	return depth;
}
