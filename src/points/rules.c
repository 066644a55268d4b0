/*-------------------------------------------------------------------------
 *
 * rules.c
 *	  Reading accrual rules and caps, kept for the session until they change.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "points/rules.h"

static MemoryContext kept_context = NULL;
static PointsRules *kept = NULL;
static uint64 kept_rules = 0;
static uint64 kept_caps = 0;

/* A copy of a field in the kept context; NULL for null. */
static void *
copy_field(int row, int column)
{
	bool		isnull;
	Datum		value = core_field(row, column, &isnull);
	Oid			type = SPI_gettypeid(SPI_tuptable->tupdesc, column);
	MemoryContext old;
	void	   *copy;

	if (isnull)
		return NULL;
	old = MemoryContextSwitchTo(kept_context);
	if (type == JSONBOID || type == TEXTOID)
		copy = PG_DETOAST_DATUM_COPY(value);
	else
	{
		int			size = type == INTERVALOID ? sizeof(Interval) :
		sizeof(Period);

		copy = palloc(size);
		memcpy(copy, DatumGetPointer(value), size);
	}
	MemoryContextSwitchTo(old);
	return copy;
}

static int64
optional_int64(int row, int column, int64 otherwise, bool *given)
{
	bool		isnull;
	Datum		value = core_field(row, column, &isnull);

	*given = !isnull;
	return isnull ? otherwise :
		SPI_gettypeid(SPI_tuptable->tupdesc, column) == INT4OID ?
		DatumGetInt32(value) : DatumGetInt64(value);
}

static TimestampTz
time_field(int row, int column, TimestampTz otherwise)
{
	bool		isnull;
	Datum		value = core_field(row, column, &isnull);

	return isnull ? otherwise : DatumGetTimestampTz(value);
}

static void
read_rule(int row, PointsRule *rule)
{
	char	   *effect = core_text(row, 5);
	bool		given;

	rule->id = core_int64(row, 1);
	rule->name = MemoryContextStrdup(kept_context, core_text(row, 2));
	rule->type = copy_field(row, 3);
	rule->currency_id = core_int64(row, 4);
	rule->term.effect = strcmp(effect, "fixed") == 0 ? POINTS_FIXED :
		strcmp(effect, "per_unit") == 0 ? POINTS_PER_UNIT : POINTS_MULTIPLY;
	rule->term.scaled = core_int64(row, 6);
	rule->term.per = optional_int64(row, 7, 1, &given);
	rule->to_target = core_bool(row, 8);
	rule->minimum_amount = optional_int64(row, 9, 0, &rule->has_minimum);
	rule->payload_filter = copy_field(row, 10);
	rule->member_filter = copy_field(row, 11);
	rule->pending_for = copy_field(row, 12);
	(void) core_field(row, 13, &given);
	rule->says_released = !given;
	rule->until_released = core_bool(row, 13);
	rule->expires_after = copy_field(row, 14);
	rule->expiry_rounding = copy_field(row, 15);
	rule->priority = (int32) optional_int64(row, 16, 0, &rule->has_priority);
	rule->valid_from = time_field(row, 17, DT_NOBEGIN);
	rule->valid_until = time_field(row, 18, DT_NOEND);
	rule->month = copy_field(row, 19);
	rule->budget_id = core_int64(row, 20);
}

static void
read_rules(int64 program, PointsRules *rules)
{
	static CorePlan plan = {
		.sql = "SELECT rule_id, name, type, currency_id, effect,"
		" (coalesce(points, factor) * 1000000)::bigint, per,"
		" recipient = 'target', minimum_amount, payload_filter,"
		" member_filter, pending_for, until_released, expires_after,"
		" expiry_rounding, priority, lower(valid), upper(valid),"
		" community.period 'calendar month', coalesce(budget_id, 0)"
		" FROM community.accrual_rule WHERE program_id = $1"
		" ORDER BY currency_id, stage, position, rule_id",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	Datum		values[1];
	int			i;

	values[0] = Int64GetDatum(program);
	core_run_latest(&plan, values);
	rules->nrules = SPI_processed;
	rules->rules =
		MemoryContextAllocZero(kept_context,
							   (rules->nrules + 1) * sizeof(PointsRule));
	for (i = 0; i < rules->nrules; i++)
	{
		read_rule(i, &rules->rules[i]);
		rules->has_budgets |= rules->rules[i].budget_id != 0;
	}
}

static void
read_cap(int row, PointsCap *cap)
{
	bool		isnull;
	Datum		value;
	Datum	   *names;
	int			i;

	cap->id = core_int64(row, 1);
	cap->name = MemoryContextStrdup(kept_context, core_text(row, 2));
	cap->currency_id = core_int64(row, 3);
	cap->counts_events = core_bool(row, 5);
	cap->maximum = core_int64(row, 6);
	cap->period = *DatumGetPeriodP(core_field(row, 7, &isnull));
	cap->refuses = core_bool(row, 8);
	cap->valid_from = time_field(row, 9, DT_NOBEGIN);
	cap->valid_until = time_field(row, 10, DT_NOEND);
	value = core_field(row, 4, &isnull);
	if (isnull)
		return;
	deconstruct_array(DatumGetArrayTypeP(value), TEXTOID, -1, false,
					  TYPALIGN_INT, &names, NULL, &cap->nrules);
	cap->rules = MemoryContextAlloc(kept_context,
									(cap->nrules + 1) * sizeof(char *));
	for (i = 0; i < cap->nrules; i++)
		cap->rules[i] = MemoryContextStrdup(kept_context,
											TextDatumGetCString(names[i]));
}

static void
read_caps(int64 program, PointsRules *rules)
{
	static CorePlan plan = {
		.sql = "SELECT cap_id, name, currency_id,"
		" CASE WHEN rules IS NOT NULL THEN array_remove(rules, NULL) END,"
		" counts = 'events', maximum, period, on_exceed = 'refuse',"
		" lower(valid), upper(valid)"
		" FROM community.cap WHERE program_id = $1 ORDER BY cap_id",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	Datum		values[1];
	int			i;

	values[0] = Int64GetDatum(program);
	core_run_latest(&plan, values);
	rules->ncaps = SPI_processed;
	rules->caps =
		MemoryContextAllocZero(kept_context,
							   (rules->ncaps + 1) * sizeof(PointsCap));
	for (i = 0; i < rules->ncaps; i++)
		read_cap(i, &rules->caps[i]);
}

/* Are those of the program kept, and still right? */
static bool
are_kept(int64 program, uint64 *rules, uint64 *caps)
{
	static CoreWatch rule_watch = {.name = "accrual_rule"};
	static CoreWatch cap_watch = {.name = "cap"};

	*rules = core_watch(&rule_watch);
	*caps = core_watch(&cap_watch);
	return kept != NULL && kept->program == program && *rules != 0 &&
		*rules == kept_rules && *caps != 0 && *caps == kept_caps;
}

/* Is it known, without any SQL, that the program has no rules? */
bool
points_has_no_rules(int64 program)
{
	uint64		rules;
	uint64		caps;

	return are_kept(program, &rules, &caps) && kept->nrules == 0;
}

/*
 * The rules and caps of a program.  One program is kept: sessions that serve
 * several in turn read again.  Inside core_enter().
 */
const PointsRules *
points_rules(int64 program)
{
	uint64		rules;
	uint64		caps;
	PointsRules *fresh;

	if (are_kept(program, &rules, &caps))
		return kept;
	kept = NULL;
	/* whoever works with what was kept may do so until the end */
	if (kept_context != NULL)
		MemoryContextSetParent(kept_context, TopTransactionContext);
	kept_context = AllocSetContextCreate(TopMemoryContext, "community rules",
										 ALLOCSET_DEFAULT_SIZES);
	fresh = MemoryContextAllocZero(kept_context, sizeof(PointsRules));
	fresh->program = program;
	read_rules(program, fresh);
	read_caps(program, fresh);
	kept_rules = rules;
	kept_caps = caps;
	kept = fresh;
	return kept;
}
