/*-------------------------------------------------------------------------
 *
 * correct.c
 *	  What becomes of points when the event that earned them is corrected.
 *
 * A reversal takes back, of what the event has given and what is left of it,
 * the same part as of its amount; the last part takes the rest, so parts sum
 * exactly, whatever has become of the rules.  An adjustment, which says that
 * the event was another all along, brings what the rules that were valid at
 * the time of the event give for the amount as it is now.
 *
 * What was counted by a cap stays counted: a refund makes no room.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "points/rules.h"

/* A correction, and the event that it corrects. */
typedef struct Correction
{
	PointsEvent event;			/* the original, with its amount by now */
	int64		event_id;		/* the correction's own */
	bool		adjusts;
	int64		part;			/* of the amount, that is taken back */
	int64		whole;			/* amount before that */
	Datum		source;
	Datum		key;
	int32		first_revision;
	Datum		reason;
} Correction;

static bool
read_correction(int64 program, int64 event_id, Correction *correction)
{
	static CorePlan plan = {
		.sql = "SELECT v.kind = 'adjust', - v.amount, s.net, v.source, v.key,"
		" o.revision, v.reason, o.event_id, o.member_id, o.target_id, o.type,"
		" o.occurred_at, o.payload"
		" FROM community.event AS v"
		" JOIN community.event AS o ON o.program_id = v.program_id"
		"  AND o.event_id = v.corrects,"
		" LATERAL (SELECT sum(c.amount)::bigint AS net"
		"  FROM community.event AS c WHERE c.program_id = v.program_id"
		"  AND c.source = v.source AND c.key = v.key"
		"  AND c.revision >= o.revision AND c.revision < v.revision) AS s"
		" WHERE v.program_id = $1 AND v.event_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[2];
	bool		isnull;
	PointsEvent *event = &correction->event;

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(event_id);
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		return false;
	memset(correction, 0, sizeof(Correction));
	correction->event_id = event_id;
	correction->adjusts = core_bool(0, 1);
	correction->part = core_int64(0, 2);
	correction->whole = core_int64(0, 3);
	correction->source = core_field(0, 4, &isnull);
	correction->key = core_field(0, 5, &isnull);
	correction->first_revision = (int32) core_int64(0, 6);
	correction->reason = core_field(0, 7, &isnull);
	event->program = program;
	event->event_id = core_int64(0, 8);
	event->member = core_int64(0, 9);
	event->target = DatumGetInt64(core_field(0, 10, &isnull));
	event->has_target = !isnull;
	event->type = core_field(0, 11, &isnull);
	event->amount = correction->whole - correction->part;
	event->occurred_at = DatumGetTimestampTz(core_field(0, 12, &isnull));
	event->payload = core_field(0, 13, &isnull);
	event->member = core_member_bearer(program, event->member);
	if (event->has_target)
		event->target = core_member_bearer(program, event->target);
	return true;
}

/* Take points of one credit back. */
static void
take_credit(const Correction *correction, const PointsEventCredit *credit,
			int64 points, int line)
{
	const PointsCurrency *currency =
	points_currency_by_id(correction->event.program, credit->currency_id);
	PointsAccount *account = points_lock_account(currency, credit->member);
	PointsEntry entry = {0};
	Purse	   *part;
	int64		taken;

	points_refuse_merged(account);
	entry.kind = "reverse";
	entry.own = credit->member == correction->event.member;
	entry.key = points_event_key();
	entry.event_id = correction->event_id;
	entry.line = line;
	entry.reverses = credit->entry_id;
	entry.reason = correction->reason;
	part = points_returnable(account, credit->delta, credit->points,
							 credit->points - credit->left, points);
	if (points_waits_for_release(part) &&
		points_credit_is_released(account->currency->program,
								  correction->event.event_id, credit))
		part = points_as_released(part, DT_NOBEGIN);
	entry.delta = points_take_back(account, part, &taken);
	entry.cut = points - taken;
	points_post(account, &entry, NULL);
}

/* Take points from a run of credits of one account, the newest first. */
static void
take_from(const Correction *correction, PointsEventCredit *credits, int count,
		  int64 points, int *line)
{
	int			i;

	for (i = count - 1; i >= 0 && points > 0; i--)
	{
		int64		part = Min(points, credits[i].left);

		if (part <= 0)
			continue;
		take_credit(correction, &credits[i], part, (*line)++);
		points -= part;
	}
}

static int64
left_of(const PointsEventCredit *credits, int count)
{
	int64		left = 0;
	int			i;

	for (i = 0; i < count; i++)
		left += credits[i].left;
	return left;
}

/* Take back the part of everything the event has given. */
static void
take_part(const Correction *correction, PointsEventCredit *credits, int count)
{
	int			line = 0;
	int			n;

	for (; count > 0; credits += n, count -= n)
	{
		n = points_credit_run(credits, count);
		take_from(correction, credits, n,
				  points_proportion(left_of(credits, n), correction->part,
									correction->whole), &line);
	}
}

/* The grants that are for the account, as one number. */
static int64
granted_to(const PointsGrant *grants, int count,
		   const PointsEventCredit *credit)
{
	int64		points = 0;
	int			i;

	for (i = 0; i < count; i++)
		if (grants[i].member == credit->member &&
			grants[i].currency->id == credit->currency_id)
			points += grants[i].points;
	return points;
}

/* What the account of a grant has had of the event, or caps have cut. */
static int64
had_for(const PointsEventCredit *credits, int count, const PointsGrant *grant)
{
	int64		points = 0;
	int			i;

	for (i = 0; i < count; i++)
		if (credits[i].member == grant->member &&
			credits[i].currency_id == grant->currency->id)
			points += credits[i].left + credits[i].cut;
	return points;
}

/* Note which rules have given the account points for the event already. */
static void
note_earned(PointsGrant *grant, const PointsEventCredit *credits, int count)
{
	int64	   *earned;
	int			i;
	int			n = 0;

	for (i = 0; i < count; i++)
		n += credits[i].nrules;
	earned = palloc_array(int64, n + 1);
	for (i = 0; i < count; i++)
	{
		if (credits[i].member != grant->member ||
			credits[i].currency_id != grant->currency->id ||
			credits[i].nrules == 0)
			continue;
		memcpy(earned + grant->nearned, credits[i].rules,
			   credits[i].nrules * sizeof(int64));
		grant->nearned += credits[i].nrules;
	}
	grant->earned = earned;
}

/*
 * Take out of a grant what the account has had: from each rule what it has
 * given before, and the rest from the last, as caps do.
 */
static void
cut_had(PointsGrant *grant, const PointsEventCredit *credits, int count,
		int64 had)
{
	int			i;
	int			j;
	int			k;

	grant->points -= had;
	for (i = 0; i < count; i++)
	{
		if (credits[i].member != grant->member ||
			credits[i].currency_id != grant->currency->id)
			continue;
		for (j = 0; j < credits[i].nrules; j++)
			for (k = 0; k < grant->count; k++)
			{
				int64		part = Min(Min(credits[i].given[j], had),
									   grant->shares[k]);

				if (grant->rules[k]->id != credits[i].rules[j])
					continue;
				grant->shares[k] -= part;
				had -= part;
			}
	}
	points_cut_shares(grant->shares, NULL, grant->count, had);
}

/* Give what a grant is more than the account has had. */
static void
give_more(const Correction *correction, const PointsRules *rules,
		  PointsGrant *grant, const PointsEventCredit *credits, int count,
		  int64 had)
{
	PointsEvent event = correction->event;
	PointsEntry entry;
	PointsCapBook *caps;

	cut_had(grant, credits, count, Min(had, grant->points));
	if (grant->points == 0)
		return;
	note_earned(grant, credits, count);
	caps = points_open_caps(rules);
	points_apply_caps(caps, &event, grant);
	points_close_caps(caps);
	event.event_id = correction->event_id;
	points_grant_entry(&event, grant, &entry);
	points_append_grant(&entry);
}

/* What of the past goes to a grant: grants of one account share it. */
static int64
had_before(const PointsEventCredit *credits, int count,
		   const PointsGrant *grants, const int64 *granted, int i)
{
	int64		had = had_for(credits, count, &grants[i]);
	int			j;

	for (j = 0; j < i; j++)
		if (grants[j].member == grants[i].member &&
			grants[j].currency == grants[i].currency)
			had -= granted[j];
	return Max(had, 0);
}

/*
 * Bring what the rules give for the amount as it is now.  Members come in
 * ascending order, whether they give or get.
 */
static void
adjust(const Correction *correction, const PointsRules *rules,
	   PointsEventCredit *credits, int count)
{
	int			ngrants;
	PointsGrant *grants = points_grants(rules, &correction->event,
										POINTS_BOTH, &ngrants);
	int64	   *granted = palloc_array(int64, ngrants + 1);
	PointsEventCredit *run = credits;
	int			rest = count;
	int			line = POINTS_TAKEN_LINE;
	int			n;
	int			i;

	for (i = 0; i < ngrants; i++)
		granted[i] = grants[i].points;
	for (i = 0; rest > 0 || i < ngrants;)
	{
		if (rest == 0 || (i < ngrants && grants[i].member < run->member))
		{
			give_more(correction, rules, &grants[i], credits, count,
					  had_before(credits, count, grants, granted, i));
			i++;
			continue;
		}
		n = points_credit_run(run, rest);
		take_from(correction, run, n,
				  left_of(run, n) - granted_to(grants, ngrants, run), &line);
		run += n;
		rest -= n;
	}
}

/*
 * Do to the points of an event what a correction, which has just been
 * recorded, says.  Members are locked in ascending order.  Inside
 * core_enter().
 */
void
points_correct(int64 program, int64 event_id)
{
	const PointsRules *rules = points_rules(program);
	Correction	correction;
	PointsEventCredit *credits;
	int			count;

	if (rules->nrules == 0 ||
		!read_correction(program, event_id, &correction))
		return;
	credits = points_event_credits(program, correction.source, correction.key,
								   correction.first_revision, &count);
	if (correction.adjusts)
		adjust(&correction, rules, credits, count);
	else
		take_part(&correction, credits, count);
}

/* What a member got by an event, as a JSON object; NULL for nothing. */
char *
points_of_event(int64 program, int64 event_id, int64 member)
{
	static CorePlan plan = {
		.sql = "SELECT currency_id, sum(points)::bigint FROM community.entry"
		" WHERE program_id = $1 AND event_id = $2 AND member_id = $3"
		" GROUP BY currency_id HAVING sum(points) <> 0 ORDER BY currency_id",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, INT8OID}
	};
	Datum		values[3];
	StringInfoData earned;
	SPITupleTable *found;
	uint64		count;
	uint64		i;

	if (points_rules(program)->nrules == 0)
		return NULL;
	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(event_id);
	values[2] = Int64GetDatum(member);
	core_run(&plan, values, NULL, false);
	count = SPI_processed;
	found = SPI_tuptable;
	initStringInfo(&earned);
	for (i = 0; i < count; i++)
	{
		bool		isnull;
		Datum		id = SPI_getbinval(found->vals[i], found->tupdesc, 1,
									   &isnull);
		Datum		points = SPI_getbinval(found->vals[i], found->tupdesc, 2,
										   &isnull);

		appendStringInfoString(&earned, i == 0 ? "{" : ", ");
		escape_json(&earned,
					points_currency_by_id(program, DatumGetInt64(id))->code);
		appendStringInfo(&earned, ": %lld",
						 (long long) DatumGetInt64(points));
	}
	if (count == 0)
		return NULL;
	appendStringInfoChar(&earned, '}');
	return earned.data;
}
