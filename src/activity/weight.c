/*-------------------------------------------------------------------------
 *
 * weight.c
 *	  What an event of a type brings, without asking the table each time.
 *
 * Weights nearly never change and each event needs one, so a session keeps
 * those it has read until the table tells of a change; see core/watch.c.
 * Belongs to the way of recording that does without the executor.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "activity/activity.h"
#include "core/compat.h"
#include "core/core.h"
#include "core/table.h"

/* Types are what callers make them, so what is kept has an end. */
#define MOST_KEPT	1024

/* columns of activity_type */
enum
{
	TYPE_PROGRAM, TYPE_TYPE, TYPE_WEIGHT, TYPE_WEIGHT_PER_UNIT, TYPE_REVENUE,
	TYPE_COLUMNS
};

static const char *const type_columns[TYPE_COLUMNS] = {
	"program_id", "type", "weight", "weight_per_unit", "revenue"
};

static CoreTable type_table = {
	.name = "activity_type",
	.index = "activity_type_pkey",
	.use = CORE_TABLE_READ,
	.ncolumns = TYPE_COLUMNS,
	.columns = type_columns,
	.nkeys = 2,
	.keys = {TYPE_PROGRAM + 1, TYPE_TYPE + 1}
};

typedef struct WeightKey
{
	int64		program;
	uint64		type;			/* hash of its text */
} WeightKey;

typedef struct Weight
{
	WeightKey	key;
	text	   *type;			/* two texts may have one hash */
	double		weight;
	double		per_unit;
} Weight;

static CoreWatch watch = {.name = "activity_type"};
static HTAB *weights = NULL;
static MemoryContext weights_context = NULL;
static uint64 weights_generation = 0;

static void
forget_weights(void)
{
	HASHCTL		control = {0};

	if (weights_context == NULL)
		weights_context = AllocSetContextCreate(CacheMemoryContext,
												"community weights",
												ALLOCSET_SMALL_SIZES);
	weights = NULL;
	MemoryContextReset(weights_context);
	control.keysize = sizeof(WeightKey);
	control.entrysize = sizeof(Weight);
	control.hcxt = weights_context;
	weights = hash_create("community weights", 16, &control,
						  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* Read the weight of a type; one without a row counts 1. */
static void
read_weight(const ActivityEvent *event, Snapshot snapshot, Weight *weight)
{
	Datum		keys[2];
	Datum		values[TYPE_COLUMNS];
	bool		nulls[TYPE_COLUMNS];

	keys[0] = Int64GetDatum(event->program);
	keys[1] = event->type;
	weight->weight = 1;
	weight->per_unit = 0;
	if (!core_table_fetch(&type_table, snapshot, keys, values, nulls))
		return;
	weight->weight = DatumGetFloat8(values[TYPE_WEIGHT]);
	weight->per_unit = DatumGetFloat8(values[TYPE_WEIGHT_PER_UNIT]);
}

/*
 * The weight of the type of an event: the kept one, or one that is read now.
 * NULL when the table must be left to SQL.
 */
static const Weight *
find_weight(const ActivityEvent *event)
{
	text	   *type = DatumGetTextPP(event->type);
	WeightKey	key = {event->program};
	Weight		read;
	Weight	   *entry;

	key.type = hash_bytes_extended((unsigned char *) VARDATA_ANY(type),
								   VARSIZE_ANY_EXHDR(type), 0);
	entry = hash_search(weights, &key, HASH_FIND, NULL);
	if (entry != NULL && core_same_text(entry->type, type))
		return entry;
	if (!core_table_is_usable(&type_table))
		return NULL;
	/* what is kept must be as new as the message that made us read */
	read_weight(event, GetLatestSnapshot(), &read);
	if (hash_get_num_entries(weights) >= MOST_KEPT)
		forget_weights();
	read.key = key;
	read.type = MemoryContextAlloc(weights_context, VARSIZE_ANY(type));
	memcpy(read.type, type, VARSIZE_ANY(type));
	entry = hash_search(weights, &key, HASH_ENTER, NULL);
	*entry = read;
	return entry;
}

/*
 * Engagement that an event of that type and amount brings.  False when the
 * table of weights is not as installed and must be left to SQL.
 */
bool
activity_weigh(const ActivityEvent *event, double *engagement)
{
	uint64		generation = core_watch(&watch);
	Weight		once;
	const Weight *weight = &once;

	if (generation != 0)
	{
		if (weights == NULL || generation != weights_generation)
			forget_weights();
		weights_generation = generation;
		weight = find_weight(event);
	}
	else if (core_table_is_usable(&type_table))
		read_weight(event, GetTransactionSnapshot(), &once);
	else
		weight = NULL;
	if (weight == NULL)
		return false;
	*engagement = weight->weight + weight->per_unit * (double) event->amount;
	return true;
}
