/*-------------------------------------------------------------------------
 *
 * model_guard.c
 *	  The trigger that keeps what scores were made of readable.
 *
 * Scores name versions, versions have components, and components name
 * measures: none of them is edited once scores were computed.  A version ends,
 * and refreshes, tenures and rulings are superseded once.  The guard
 * looks at UPDATE, DELETE and TRUNCATE alone, so a restore of rows never
 * meets it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/erase.h"
#include "core/errors.h"
#include "core/row.h"

PG_FUNCTION_INFO_V1(community_guard_scores);

typedef struct Guarded
{
	const char *table;
	const char *key;			/* column by which it is named */
	const char *changes;		/* what may change, once set for good */
	const char *used;			/* $1 program, $2 key: a row if it is used */
	const char *why;
	const char *hint;
} Guarded;

static const Guarded guarded[] = {
	{"score_model_version", "version_id", "valid",
		"SELECT FROM community.score_refresh AS r"
		" WHERE r.program_id = $1 AND r.version_id = $2 LIMIT 1",
		"scores were computed with it",
	"Define another version, with community.define_score_model()."},
	{"score_component", "version_id", NULL,
		"SELECT FROM community.score_refresh AS r"
		" WHERE r.program_id = $1 AND r.version_id = $2 LIMIT 1",
		"scores were computed with its version",
	"Define another version, with community.define_score_model()."},
	{"measure", "measure_id", "registered_by",
		"SELECT FROM community.score_component AS c"
		" JOIN community.score_refresh AS r"
		"  ON r.program_id = c.program_id AND r.version_id = c.version_id"
		" WHERE c.program_id = $1 AND c.measure_id = $2 LIMIT 1",
		"scores were computed with it",
	"Define another measure, with community.define_measure()."},
	{"score_refresh", "refresh_id", "superseded_at",
		"SELECT FROM community.score_refresh AS r"
		" WHERE r.program_id = $1 AND r.refresh_id = $2"
		" AND r.status = 'done' LIMIT 1",
		"it is done",
	"Scores are computed anew by community.refresh_scores()."},
	{"super_user_tenure", "tenure_id", "superseded_at", NULL,
		"tenures are superseded, never edited",
	"See community.veto_super_user()."},
	{"super_user_ruling", "ruling_id", "superseded_at", NULL,
		"rulings are superseded, never edited",
	"See community.end_super_user_ruling()."}
};

static const Guarded *
find_guarded(Relation table)
{
	int			i;

	for (i = 0; i < lengthof(guarded); i++)
		if (strcmp(RelationGetRelationName(table), guarded[i].table) == 0)
			return &guarded[i];
	ereport(ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("guard_scores() does not guard table \"%s\"",
					RelationGetRelationName(table))));
	return NULL;				/* keep compiler quiet */
}

/* Is that all that may change: a supersession, an end, a registration? */
static bool
may_update(const Guarded *what, TriggerData *trigger)
{
	TupleDesc	desc = RelationGetDescr(trigger->tg_relation);
	bool		old_null;
	bool		new_null;

	if (core_rows_differ(desc, trigger->tg_trigtuple, trigger->tg_newtuple,
						 what->changes))
		return false;
	if (what->changes == NULL || strcmp(what->changes, "superseded_at") != 0)
		return true;
	(void) core_column(trigger->tg_trigtuple, desc, what->changes, &old_null);
	(void) core_column(trigger->tg_newtuple, desc, what->changes, &new_null);
	return old_null && !new_null;
}

/*
 * A version begins when it began, and its end may move while the scores that
 * were computed with it lie before.
 */
static bool
only_ends(TriggerData *trigger)
{
	static CorePlan plan = {
		.sql = "SELECT lower($1) IS NOT DISTINCT FROM lower($2)"
		" AND NOT EXISTS (SELECT FROM community.score_refresh AS r"
		"  WHERE r.program_id = $3 AND r.version_id = $4"
		"  AND NOT $2 @> r.as_of)",
		.nargs = 4,
		.argtypes = {TSTZRANGEOID, TSTZRANGEOID, INT8OID, INT8OID}
	};
	TupleDesc	desc = RelationGetDescr(trigger->tg_relation);
	Datum		values[4];
	bool		isnull;
	CoreScope	scope;
	bool		result;

	values[0] = core_column(trigger->tg_trigtuple, desc, "valid", &isnull);
	values[1] = core_column(trigger->tg_newtuple, desc, "valid", &isnull);
	values[2] = core_column(trigger->tg_newtuple, desc, "program_id", &isnull);
	values[3] = core_column(trigger->tg_newtuple, desc, "version_id", &isnull);
	core_enter(&scope);
	core_run_latest(&plan, values);
	result = core_bool(0, 1);
	core_leave(&scope);
	return result;
}

static bool
is_used(const Guarded *what, TriggerData *trigger)
{
	static CorePlan plans[lengthof(guarded)];
	CorePlan   *plan = &plans[what - guarded];
	TupleDesc	desc = RelationGetDescr(trigger->tg_relation);
	Datum		values[2];
	bool		isnull;
	CoreScope	scope;
	bool		result;

	if (what->used == NULL)
		return true;
	plan->sql = what->used;
	plan->nargs = 2;
	plan->argtypes[0] = INT8OID;
	plan->argtypes[1] = INT8OID;
	values[0] = core_column(trigger->tg_trigtuple, desc, "program_id", &isnull);
	values[1] = core_column(trigger->tg_trigtuple, desc, what->key, &isnull);
	core_enter(&scope);
	/* what has been committed counts at any isolation level */
	core_run_latest(plan, values);
	result = SPI_processed > 0;
	core_leave(&scope);
	return result;
}

static void
refuse(const Guarded *what, TriggerData *trigger, const char *verb)
{
	TupleDesc	desc = RelationGetDescr(trigger->tg_relation);

	ereport(ERROR,
			(errcode(COMMUNITY_ERRCODE_APPEND_ONLY),
			 errmsg("cannot %s row %s of \"%s\": %s", verb,
					SPI_getvalue(trigger->tg_trigtuple, desc,
								 SPI_fnumber(desc, what->key)),
					what->table, what->why),
			 errhint("%s", what->hint)));
}

/* guard_scores() -> trigger */
Datum
community_guard_scores(PG_FUNCTION_ARGS)
{
	static const char *const tables[] = {"score_model_version",
		"score_component", "measure", "score_refresh", "super_user_tenure",
	"super_user_ruling", NULL};
	TriggerData *trigger;
	const Guarded *what;

	trigger = core_guard(fcinfo, "guard_scores", tables);
	what = find_guarded(trigger->tg_relation);
	if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event))
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_APPEND_ONLY),
				 errmsg("cannot TRUNCATE \"%s\": scores and statuses need what is in it",
						what->table),
				 errhint("%s", what->hint)));
	if (core_erases(trigger))
		return PointerGetDatum(trigger->tg_newtuple);
	if (!TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
	{
		if (is_used(what, trigger))
			refuse(what, trigger, "delete");
		return PointerGetDatum(trigger->tg_trigtuple);
	}
	if (is_used(what, trigger) &&
		(!may_update(what, trigger) ||
		 (what->changes != NULL && strcmp(what->changes, "valid") == 0 &&
		  !only_ends(trigger))))
		refuse(what, trigger, "edit");
	return PointerGetDatum(trigger->tg_newtuple);
}
