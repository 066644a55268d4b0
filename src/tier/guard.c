/*-------------------------------------------------------------------------
 *
 * guard.c
 *	  The trigger that keeps what ladders have decided readable.
 *
 * Tenures name versions, and versions name measures, so none of them is
 * edited: a version ends once, tenures and rulings are superseded once, and a
 * measure that a version counts by stays.  Drafts may be edited at will.  The
 * guard looks at UPDATE, DELETE and TRUNCATE alone, so a restore of rows never
 * meets it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/rangetypes.h"
#include "utils/rel.h"
#include "utils/typcache.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/erase.h"
#include "core/errors.h"
#include "core/row.h"

PG_FUNCTION_INFO_V1(community_guard_ladders);

/* A table that is guarded, and the one column of it that may change. */
typedef struct Guarded
{
	const char *table;
	const char *changes;
	const char *hint;
} Guarded;

static const Guarded guarded[] = {
	{"ladder_version", "valid",
	"A version ends where the next one begins: use community.publish_ladder()."},
	{"tenure", "superseded_at",
	"Tenures are superseded, see community.revoke_tier()."},
	{"tier_ruling", "superseded_at",
	"Rulings are superseded, see community.end_ruling()."},
	{"measure", "registered_by",
	"Define another measure, with community.define_measure()."},
	{"ladder", NULL,
	"Its tenures name it; stop using it, or rename it."}
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
			 errmsg("guard_ladders() does not guard table \"%s\"",
					RelationGetRelationName(table))));
	return NULL;				/* keep compiler quiet */
}

/* Has a range that goes on for ever come to an end, and nothing else? */
static bool
only_ends(Datum old, Datum new)
{
	TypeCacheEntry *type = lookup_type_cache(TSTZRANGEOID,
											 TYPECACHE_RANGE_INFO);
	RangeBound	old_lower;
	RangeBound	old_upper;
	RangeBound	new_lower;
	RangeBound	new_upper;
	bool		old_empty;
	bool		new_empty;

	range_deserialize(type, DatumGetRangeTypeP(old), &old_lower, &old_upper,
					  &old_empty);
	range_deserialize(type, DatumGetRangeTypeP(new), &new_lower, &new_upper,
					  &new_empty);
	return !old_empty && !new_empty && old_upper.infinite &&
		!new_upper.infinite &&
		range_cmp_bounds(type, &old_lower, &new_lower) == 0;
}

/* May the row become that one? */
static bool
may_update(const Guarded *what, TriggerData *trigger)
{
	TupleDesc	desc = RelationGetDescr(trigger->tg_relation);
	HeapTuple	old = trigger->tg_trigtuple;
	HeapTuple	new = trigger->tg_newtuple;
	bool		old_null;
	bool		new_null;
	Datum		a;
	Datum		b;

	if (what->changes == NULL)
	{
		/* a draft keeps its identity, whatever else becomes of it */
		a = core_column(old, desc, "ladder_id", &old_null);
		b = core_column(new, desc, "ladder_id", &new_null);
		return DatumGetInt64(a) == DatumGetInt64(b) &&
			DatumGetInt64(core_column(old, desc, "program_id", &old_null)) ==
			DatumGetInt64(core_column(new, desc, "program_id", &new_null));
	}
	if (core_rows_differ(desc, old, new, what->changes))
		return false;
	a = core_column(old, desc, what->changes, &old_null);
	b = core_column(new, desc, what->changes, &new_null);
	if (strcmp(what->changes, "valid") == 0)
		return !new_null && only_ends(a, b);
	if (strcmp(what->changes, "superseded_at") == 0)
		return old_null && !new_null;
	return true;
}

/* Does a published version need this measure or ladder? */
static bool
is_published(const Guarded *what, TriggerData *trigger)
{
	static CorePlan measure = {
		.sql = "SELECT FROM community.ladder_version"
		" WHERE program_id = $1 AND jsonb_path_exists(definition,"
		"  '$.tiers[*].requirements[*] ? (@.measure_id == $measure)',"
		"  jsonb_build_object('measure', $2)) LIMIT 1",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	static CorePlan ladder = {
		.sql = "SELECT FROM community.ladder_version"
		" WHERE program_id = $1 AND ladder_id = $2 LIMIT 1",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	TupleDesc	desc = RelationGetDescr(trigger->tg_relation);
	bool		is_measure = strcmp(what->table, "measure") == 0;
	Datum		values[2];
	bool		isnull;
	CoreScope	scope;
	bool		result;

	values[0] = core_column(trigger->tg_trigtuple, desc, "program_id", &isnull);
	values[1] = core_column(trigger->tg_trigtuple, desc,
							is_measure ? "measure_id" : "ladder_id", &isnull);
	core_enter(&scope);
	/* what has been committed counts at any isolation level */
	core_run_latest(is_measure ? &measure : &ladder, values);
	result = SPI_processed > 0;
	core_leave(&scope);
	return result;
}

static void
refuse(const Guarded *what, TriggerData *trigger, const char *verb)
{
	TupleDesc	desc = RelationGetDescr(trigger->tg_relation);
	HeapTuple	tuple = trigger->tg_trigtuple;
	char	   *name;

	/* of a draft or measure its name, of all others the id */
	name = SPI_getvalue(tuple, desc,
						SPI_fnumber(desc, "name") > 0 ?
						SPI_fnumber(desc, "name") : 2);
	ereport(ERROR,
			(errcode(COMMUNITY_ERRCODE_APPEND_ONLY),
			 SPI_fnumber(desc, "name") > 0 ?
			 errmsg("cannot %s %s \"%s\": a published ladder needs it", verb,
					what->table, name) :
			 errmsg("cannot %s row %s of \"%s\": the table is append-only",
					verb, name, what->table),
			 what->changes == NULL ? 0 :
			 strcmp(what->changes, "superseded_at") == 0 ?
			 errdetail("Nothing but superseded_at may be set, and once.") :
			 strcmp(what->changes, "valid") == 0 ?
			 errdetail("Nothing but the end of \"valid\" may be set, and once.") :
			 0,
			 errhint("%s", what->hint)));
}

/* guard_ladders() -> trigger */
Datum
community_guard_ladders(PG_FUNCTION_ARGS)
{
	static const char *const tables[] = {"measure", "ladder",
	"ladder_version", "tenure", "tier_ruling", NULL};
	TriggerData *trigger;
	const Guarded *what;
	bool		is_draft;

	trigger = core_guard(fcinfo, "guard_ladders", tables);
	what = find_guarded(trigger->tg_relation);
	if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event))
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_APPEND_ONLY),
				 errmsg("cannot TRUNCATE \"%s\": published ladders and tenures need what is in it",
						what->table),
				 errhint("%s", what->hint)));

	if (core_erases(trigger))
		return PointerGetDatum(trigger->tg_newtuple);
	/* measures and drafts are free until they are published */
	is_draft = strcmp(what->table, "measure") == 0 ||
		strcmp(what->table, "ladder") == 0;
	if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
	{
		if (!may_update(what, trigger) &&
			(!is_draft || is_published(what, trigger)))
			refuse(what, trigger, "edit");
		return PointerGetDatum(trigger->tg_newtuple);
	}
	if (!is_draft || is_published(what, trigger))
		refuse(what, trigger, "delete");
	return PointerGetDatum(trigger->tg_trigtuple);
}
