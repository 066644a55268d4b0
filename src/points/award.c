/*-------------------------------------------------------------------------
 *
 * award.c
 *	  What an event earns, when it is recorded.
 *
 * Recipients come in ascending order, each with its caps and then, where it
 * owes points, its account, so events that reward each other's members do not
 * wait for each other in a circle.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "points/rules.h"

/* Take off what a cap or budget does not grant. */
void
points_note_cut(PointsGrant *grant, int64 by, const bool *among, int64 cut,
				int room)
{
	int64	   *cuts = grant->cuts == NULL ? NULL :
	grant->cuts + grant->ncut_by * grant->count;
	int			i;

	for (i = 0; cuts != NULL && i < grant->count; i++)
		cuts[i] = grant->shares[i];
	points_cut_shares(grant->shares, among, grant->count, cut);
	for (i = 0; cuts != NULL && i < grant->count; i++)
		cuts[i] -= grant->shares[i];
	grant->points -= cut;
	grant->cut += cut;
	if (grant->cut_by == NULL)
		grant->cut_by = palloc_array(Datum, room);
	grant->cut_by[grant->ncut_by++] = Int64GetDatum(by);
}

static Datum
bigint_array(Datum *values, int count)
{
	return PointerGetDatum(construct_array(values, count, INT8OID,
										   sizeof(int64), true,
										   TYPALIGN_DOUBLE));
}

/* The text that stands for the key of entries that an event earned. */
Datum
points_event_key(void)
{
	static text *key = NULL;

	if (key == NULL)
	{
		key = MemoryContextAlloc(TopMemoryContext, VARHDRSZ);
		SET_VARSIZE(key, VARHDRSZ);
	}
	return PointerGetDatum(key);
}

/* A grant as the entry it becomes. */
void
points_grant_entry(const PointsEvent *event, const PointsGrant *grant,
				   PointsEntry *entry)
{
	Datum	   *ids = palloc_array(Datum, grant->count);
	Datum	   *points = palloc_array(Datum, grant->count);
	int			i;

	memset(entry, 0, sizeof(PointsEntry));
	entry->program = event->program;
	entry->member = grant->member;
	entry->currency = grant->currency;
	entry->event_id = event->event_id;
	entry->line = grant->line;
	entry->kind = "accrue";
	entry->key = points_event_key();
	entry->delta = points_grant_purse(grant, event->occurred_at);
	entry->effective_at = event->occurred_at;
	entry->cut = grant->cut;
	entry->own = !grant->to_target;
	for (i = 0; i < grant->count; i++)
	{
		ids[i] = Int64GetDatum(grant->rules[i]->id);
		points[i] = Int64GetDatum(grant->shares[i]);
	}
	entry->rule_ids = bigint_array(ids, grant->count);
	entry->rule_points = bigint_array(points, grant->count);
	if (grant->ncut_by > 0)
		entry->cut_by = bigint_array(grant->cut_by, grant->ncut_by);
}

/* Append the entry of a grant. */
void
points_append_grant(PointsEntry *entry)
{
	if (points_credit_locks(entry->currency, entry->member, NULL))
	{
		PointsAccount *account = points_lock_account(entry->currency,
													 entry->member);

		entry->effective_at = Min(entry->effective_at, account->now);
		points_credit_locked(account, entry, NULL);
	}
	else if (!points_credit(entry))
		elog(ERROR, "event %lld has been rewarded already",
			 (long long) entry->event_id);
}

/* Note what the member of the event has earned, for the receipt. */
static void
note_earned(StringInfo earned, const PointsGrant *grant)
{
	if (grant->to_target || grant->points == 0)
		return;
	appendStringInfoString(earned, earned->len == 0 ? "{" : ", ");
	escape_json(earned, grant->currency->code);
	appendStringInfo(earned, ": %lld", (long long) grant->points);
}

/*
 * Give what the rules give for an event that was just recorded, and whose
 * member is locked.  What the member itself gets is noted in "earned", as the
 * inside of a JSON object.  Inside core_enter().
 */
void
points_award(const PointsEvent *event, StringInfo earned)
{
	const PointsRules *rules = points_rules(event->program);
	PointsGrant *grants;
	PointsCapBook *caps;
	int			count;
	int			i;

	if (rules->nrules == 0)
		return;
	grants = points_grants(rules, event, POINTS_BOTH, &count);
	caps = points_open_caps(rules);
	for (i = 0; i < count; i++)
	{
		PointsEntry entry;

		points_apply_caps(caps, event, &grants[i]);
		points_grant_entry(event, &grants[i], &entry);
		points_append_grant(&entry);
		note_earned(earned, &grants[i]);
	}
	points_close_caps(caps);
	if (earned->len > 0)
		appendStringInfoChar(earned, '}');
}
