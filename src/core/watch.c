/*-------------------------------------------------------------------------
 *
 * watch.c
 *	  Tells a session that configuration has changed.
 *
 * Configuration is rows that nearly never change and that every call needs,
 * so sessions keep what they have read.  A row trigger on each such table,
 * which fires on replicas too, sends a relcache invalidation when the change
 * commits, and at once to the session that makes it; every session that
 * watches the table then sees another generation and reads again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "core/compat.h"
#include "core/core.h"

PG_FUNCTION_INFO_V1(community_note_change);

static CoreWatch *known_watches = NULL;

static void
forget_watched(Datum arg, Oid relation)
{
	CoreWatch  *watch;

	for (watch = known_watches; watch != NULL; watch = watch->next)
		if (relation == InvalidOid || relation == watch->table_id)
		{
			watch->table_id = InvalidOid;
			watch->generation++;
		}
}

/* Does the table have the trigger, for whatever changes its rows? */
static bool
tells_changes(Oid table_id)
{
	Relation	relation = table_open(table_id, AccessShareLock);

	/* a copy, as a message may replace what the cache has while we ask it */
	TriggerDesc *triggers = CopyTriggerDesc(relation->trigdesc);
	int16		wanted = TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE |
	TRIGGER_TYPE_DELETE;
	bool		tells = false;
	int			i;

	for (i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		Trigger    *trigger = &triggers->triggers[i];
		char	   *function = get_func_name(trigger->tgfoid);

		tells |= (trigger->tgenabled == TRIGGER_FIRES_ALWAYS ||
				  trigger->tgenabled == TRIGGER_FIRES_ON_ORIGIN) &&
			TRIGGER_FOR_ROW(trigger->tgtype) &&
			(trigger->tgtype & wanted) == wanted &&
			function != NULL && strcmp(function, "note_change") == 0;
	}
	FreeTriggerDesc(triggers);
	table_close(relation, AccessShareLock);
	return tells;
}

/*
 * The generation of a table's rows: what was read at the same generation is
 * still right.  To be asked before reading, and with a snapshot taken after.
 * 0 when it may not be kept, as the table has no trigger that would tell.
 */
uint64
core_watch(CoreWatch *watch)
{
	static bool registered = false;
	Oid			schema;

	AcceptInvalidationMessages();
	if (!registered)
	{
		CacheRegisterRelcacheCallback(forget_watched, (Datum) 0);
		registered = true;
	}
	if (!watch->known)
	{
		watch->next = known_watches;
		watch->generation = 1;
		known_watches = watch;
		watch->known = true;
	}
	if (!OidIsValid(watch->table_id))
	{
		schema = get_namespace_oid(COMMUNITY_SCHEMA, true);
		if (OidIsValid(schema))
			watch->table_id = get_relname_relid(watch->name, schema);
		watch->tells = OidIsValid(watch->table_id) &&
			tells_changes(watch->table_id);
	}
	return watch->tells ? watch->generation : 0;
}

/* note_change() -> trigger: tells every session to read the table again. */
Datum
community_note_change(PG_FUNCTION_ARGS)
{
	TriggerData *trigger;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("note_change() can only be called as a trigger")));
	trigger = (TriggerData *) fcinfo->context;
	CacheInvalidateRelcache(trigger->tg_relation);
	return PointerGetDatum(NULL);
}
