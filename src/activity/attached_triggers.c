/*-------------------------------------------------------------------------
 *
 * attached_triggers.c
 *	  Putting our triggers on a table and taking them off.
 *
 * Done through the server's own functions rather than by SQL, because the one
 * who adds a partition to an attached table need not have any right in the
 * schema community.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "activity/attachment.h"
#include "core/compat.h"
#include "core/core.h"

typedef struct TriggerShape
{
	const char *suffix;
	int16		timing;
	int16		event;
	bool		has_old;
	bool		has_new;
} TriggerShape;

static const TriggerShape shapes[] = {
	{"insert", TRIGGER_TYPE_AFTER, TRIGGER_TYPE_INSERT, false, true},
	{"update", TRIGGER_TYPE_AFTER, TRIGGER_TYPE_UPDATE, true, true},
	{"delete", TRIGGER_TYPE_AFTER, TRIGGER_TYPE_DELETE, true, false},
	{"truncate", TRIGGER_TYPE_BEFORE, TRIGGER_TYPE_TRUNCATE, false, false}
};

/* The OID of our trigger function, InvalidOid when there is none. */
Oid
activity_trigger_function(void)
{
	Oid			schema = get_namespace_oid(COMMUNITY_SCHEMA, true);
	oidvector  *no_arguments = buildoidvector(NULL, 0);

	if (!OidIsValid(schema))
		return InvalidOid;
	return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
						   CStringGetDatum("attached"),
						   PointerGetDatum(no_arguments),
						   ObjectIdGetDatum(schema));
}

/* The table and, when it is partitioned, all partitions below it. */
List *
activity_table_and_partitions(Oid relation, LOCKMODE lock)
{
	if (get_rel_relkind(relation) != RELKIND_PARTITIONED_TABLE)
		return list_make1_oid(relation);
	return find_all_inheritors(relation, lock, NULL);
}

static char *
trigger_name(int64 id, const TriggerShape *shape)
{
	return psprintf("community_%lld_%s", (long long) id, shape->suffix);
}

static TriggerTransition *
transition_table(const char *name, bool is_new)
{
	TriggerTransition *table = makeNode(TriggerTransition);

	table->name = pstrdup(name);
	table->isNew = is_new;
	table->isTable = true;
	return table;
}

static void
create_trigger(int64 program, int64 id, Relation relation,
			   const TriggerShape *shape)
{
	CreateTrigStmt *statement = makeNode(CreateTrigStmt);

	statement->trigname = trigger_name(id, shape);
	statement->relation =
		makeRangeVar(get_namespace_name(RelationGetNamespace(relation)),
					 pstrdup(RelationGetRelationName(relation)), -1);
	statement->funcname = list_make2(makeString(COMMUNITY_SCHEMA),
									 makeString("attached"));
	statement->args =
		list_make2(makeString(psprintf("%lld", (long long) program)),
				   makeString(psprintf("%lld", (long long) id)));
	statement->row = false;
	statement->timing = shape->timing;
	statement->events = shape->event;
	if (shape->has_old)
		statement->transitionRels =
			lappend(statement->transitionRels,
					transition_table(ATTACHMENT_OLD_ROWS, false));
	if (shape->has_new)
		statement->transitionRels =
			lappend(statement->transitionRels,
					transition_table(ATTACHMENT_NEW_ROWS, true));
	(void) CreateTrigger(statement, NULL, RelationGetRelid(relation),
						 InvalidOid, InvalidOid, InvalidOid,
						 activity_trigger_function(), InvalidOid, NULL, false,
						 false);
}

/* The attachment that a trigger of ours names; false when it names none. */
bool
activity_read_trigger(const Trigger *trigger, int64 *program, int64 *id)
{
	if (trigger->tgnargs != 2)
		return false;
	*program = strtoll(trigger->tgargs[0], NULL, 10);
	*id = strtoll(trigger->tgargs[1], NULL, 10);
	return true;
}

/* Put our triggers on one table; true when any was missing. */
bool
activity_install_triggers(int64 program, int64 id, Oid relid)
{
	Relation	relation = table_open(relid, ShareRowExclusiveLock);
	bool		missing = false;
	int			i;

	for (i = 0; i < lengthof(shapes); i++)
		if (!OidIsValid(get_trigger_oid(relid, trigger_name(id, &shapes[i]),
										true)))
		{
			create_trigger(program, id, relation, &shapes[i]);
			missing = true;
		}
	table_close(relation, NoLock);
	if (missing)
		CommandCounterIncrement();
	return missing;
}

/* Take them off again.  The caller has made sure that the user may. */
void
activity_drop_triggers(int64 id, Oid relid)
{
	int			i;

	for (i = 0; i < lengthof(shapes); i++)
	{
		Oid			trigger = get_trigger_oid(relid,
											  trigger_name(id, &shapes[i]),
											  true);
		ObjectAddress address;

		if (!OidIsValid(trigger))
			continue;
		ObjectAddressSet(address, TriggerRelationId, trigger);
		performDeletion(&address, DROP_RESTRICT, 0);
	}
}
