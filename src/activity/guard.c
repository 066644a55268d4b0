/*-------------------------------------------------------------------------
 *
 * guard.c
 *	  The trigger that keeps append-only tables append-only.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/rel.h"

#include "core/compat.h"
#include "core/erase.h"
#include "core/errors.h"

PG_FUNCTION_INFO_V1(community_guard_append_only);

static const char *
operation_name(TriggerEvent event)
{
	if (TRIGGER_FIRED_BY_UPDATE(event))
		return "UPDATE";
	if (TRIGGER_FIRED_BY_DELETE(event))
		return "DELETE";
	if (TRIGGER_FIRED_BY_TRUNCATE(event))
		return "TRUNCATE";
	return "INSERT";
}

Datum
community_guard_append_only(PG_FUNCTION_ARGS)
{
	TriggerData *trigger;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("guard_append_only() can only be called as a trigger")));
	trigger = (TriggerData *) fcinfo->context;
	if (core_erases(trigger))
		return PointerGetDatum(trigger->tg_newtuple);
	ereport(ERROR,
			(errcode(COMMUNITY_ERRCODE_APPEND_ONLY),
			 errmsg("cannot %s \"%s\": the table is append-only",
					operation_name(trigger->tg_event),
					RelationGetRelationName(trigger->tg_relation)),
			 errhint("Corrections are events: use community.reverse().")));
	return PointerGetDatum(NULL);
}
