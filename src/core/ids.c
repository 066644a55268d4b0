/*-------------------------------------------------------------------------
 *
 * ids.c
 *	  Ids that stay distinct when tables are spread over several nodes.
 *
 * On one machine an id is the next value of one sequence.  Under Citus each
 * node puts the number of its group into the upper 16 bits, so that workers
 * can draw ids without asking anybody.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "commands/sequence.h"
#include "fmgr.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"

#define NODE_SHIFT		48
#define SEQUENCE_NAME	"id_sequence"

PG_FUNCTION_INFO_V1(community_next_id);

/* The group of this node, 0 where Citus is not installed. */
static int64
node_group(void)
{
	static CorePlan plan = {
		.sql = "SELECT groupid::bigint FROM pg_catalog.pg_dist_local_group"
	};
	int64		group = 0;

	if (!OidIsValid(get_relname_relid("pg_dist_local_group",
									  PG_CATALOG_NAMESPACE)))
		return 0;
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	core_run(&plan, NULL, NULL, true);
	if (SPI_processed == 1)
		group = core_int64(0, 1);
	SPI_finish();
	return group;
}

static Oid	known_sequence = InvalidOid;

static void
forget_sequence(Datum arg, Oid relation)
{
	if (relation == InvalidOid || relation == known_sequence)
		known_sequence = InvalidOid;
}

/* The sequence, looked up once until something happens to it. */
static Oid
find_sequence(void)
{
	static bool registered = false;
	Oid			schema;

	if (!registered)
	{
		CacheRegisterRelcacheCallback(forget_sequence, (Datum) 0);
		registered = true;
	}
	if (OidIsValid(known_sequence))
		return known_sequence;
	schema = get_namespace_oid(COMMUNITY_SCHEMA, true);
	if (OidIsValid(schema))
		known_sequence = get_relname_relid(SEQUENCE_NAME, schema);
	if (!OidIsValid(known_sequence))
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_NOT_INSTALLED),
				 errmsg("sequence \"%s.%s\" does not exist",
						COMMUNITY_SCHEMA, SEQUENCE_NAME),
				 errhint("Call community.create_program(name), or community.install_tables(owner) for another owner.")));
	return known_sequence;
}

/*
 * The sequence is ours and hands out nothing but numbers, so the caller needs
 * no right to it beyond EXECUTE on next_id().
 */
int64
core_next_id(void)
{
	return (node_group() << NODE_SHIFT) |
		nextval_internal(find_sequence(), false);
}

Datum
community_next_id(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(core_next_id());
}
