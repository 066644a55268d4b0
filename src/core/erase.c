/*-------------------------------------------------------------------------
 *
 * erase.c
 *	  What guards let through when a person is erased.
 *
 * The log, the ledger and what people have decided are append-only, and stay
 * so: ids, keys, times and figures cannot be changed by anybody.  What was
 * written about a person in words of one's own can be taken out, by
 * erase_member() alone, whose statements run here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "utils/rel.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/erase.h"
#include "core/row.h"

/* Columns with words, of any table that is guarded. */
static const char *const erasable[] = {"payload", "reason", "visitor", NULL};

static bool erasing = false;

/*
 * Run a statement that erases, as rows are at this moment; gives how many it
 * has changed.
 */
int64
core_erase(CorePlan *plan, Datum *values)
{
	erasing = true;
	PG_TRY();
	{
		core_change_latest(plan, values, NULL);
	}
	PG_FINALLY();
	{
		erasing = false;
	}
	PG_END_TRY();
	return (int64) SPI_processed;
}

/* Is this an update by such a statement, of nothing but words? */
bool
core_erases(TriggerData *trigger)
{
	return erasing && TRIGGER_FIRED_FOR_ROW(trigger->tg_event) &&
		TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) &&
		!core_rows_differ_beside(RelationGetDescr(trigger->tg_relation),
								 trigger->tg_trigtuple, trigger->tg_newtuple,
								 erasable);
}
