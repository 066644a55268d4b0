/*-------------------------------------------------------------------------
 *
 * model_source.c
 *	  What the components of a model count, one statement a component.
 *
 * Each gives a row (member, amount) for everybody of whom there is something
 * to tell.  Events count net of the corrections that had occurred by then,
 * and for whoever bears the member that they are of.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "score/model.h"

#define SOURCE_ARGS		9

/* what the numbers stand for in all of these */
enum
{
	ARG_PROGRAM, ARG_AS_OF, ARG_SINCE, ARG_TYPES, ARG_AGAINST, ARG_METHOD,
	ARG_MEASURE, ARG_PERIOD, ARG_NUMBER
};

/* events by then, less what had been taken back by then */
#define NET \
	" (SELECT e.event_id, e.type, e.occurred_at, e.target_id," \
	"   coalesce(b.bearer_id, e.member_id) AS member_id," \
	"   e.amount + coalesce(f.amount, 0) AS amount" \
	"  FROM community.event AS e" \
	"  LEFT JOIN (SELECT x.corrects, sum(x.amount)::bigint AS amount," \
	"    (array_agg(x.kind ORDER BY x.revision DESC))[1]" \
	"     IN ('reverse', 'retract') AS taken" \
	"   FROM community.event AS x WHERE x.program_id = $1" \
	"    AND x.corrects IS NOT NULL AND x.occurred_at <= $2" \
	"   GROUP BY x.corrects) AS f ON f.corrects = e.event_id" \
	"  LEFT JOIN community.member_merge AS b" \
	"   ON b.program_id = $1 AND b.member_id = e.member_id" \
	"  WHERE e.program_id = $1 AND e.corrects IS NULL" \
	"   AND e.occurred_at > $3 AND e.occurred_at <= $2" \
	"   AND (f.taken AND e.amount + f.amount = 0) IS NOT TRUE) AS n"

/* those that one member gave and another received */
#define GIVEN \
	" (SELECT n.type, n.amount, n.member_id AS giver," \
	"   coalesce(b.bearer_id, n.target_id) AS target FROM " NET \
	"  LEFT JOIN community.member_merge AS b" \
	"   ON b.program_id = $1 AND b.member_id = n.target_id" \
	"  WHERE n.target_id IS NOT NULL" \
	"   AND n.member_id <> coalesce(b.bearer_id, n.target_id)) AS g"

#define OF_TYPES(event) \
	" (cardinality($4) = 0 OR " event ".type = ANY ($4))"

#define IS_REVENUE \
	" LEFT JOIN community.activity_type AS t" \
	" ON t.program_id = $1 AND t.type = n.type" \
	" WHERE t.revenue IS NOT FALSE AND n.amount > 0"

/* who stood under whom, neither of them merged into another */
#define BROUGHT \
	" (SELECT f.member_id, coalesce(b.bearer_id, f.sponsor_id) AS sponsor_id," \
	"   f.bound_at" \
	"  FROM community.referral_as_of($2, $1) AS f" \
	"  LEFT JOIN community.member_merge AS b" \
	"   ON b.program_id = $1 AND b.member_id = f.sponsor_id" \
	"  WHERE f.sponsor_id IS NOT NULL" \
	"   AND f.member_id <> coalesce(b.bearer_id, f.sponsor_id)" \
	"   AND NOT EXISTS (SELECT FROM community.member_merge AS o" \
	"    WHERE o.program_id = $1 AND o.member_id = f.member_id)) AS r"

static const struct
{
	const char *kind;
	const char *side;
	const char *sql;
}			sources[] = {

	{"measure", NULL,
		"SELECT v.member_id, v.value::float8"
	" FROM community.measure_values($7, $8, $2, $1) AS v"},

	{"engagement", NULL,
		"SELECT g.member_id, community.score_at(CASE WHEN l.member_id IS NULL"
		"  THEN g.score ELSE g.score OPERATOR(community.-) l.score END, $2)"
		" FROM community.engagement AS g"
		" LEFT JOIN (SELECT coalesce(b.bearer_id, e.member_id) AS member_id,"
		"  community.decayed_sum(e.engagement,"
		"   coalesce(o.occurred_at, e.occurred_at), p.half_life) AS score"
		"  FROM community.event AS e"
		"  JOIN community.program AS p ON p.program_id = e.program_id"
		"  LEFT JOIN community.event AS o"
		"   ON o.program_id = e.program_id AND o.event_id = e.corrects"
		"  LEFT JOIN community.member_merge AS b"
		"   ON b.program_id = e.program_id AND b.member_id = e.member_id"
		"  WHERE e.program_id = $1 AND e.occurred_at > $2"
		"  GROUP BY 1) AS l ON l.member_id = g.member_id"
	" WHERE g.program_id = $1"},

	{"rfm", NULL,
		"SELECT s.member, (s.rfm / 100 + s.rfm / 10 % 10 + s.rfm % 10)::float8"
	" FROM community.super_users($2, $1) AS s WHERE s.rfm IS NOT NULL"},

	{"lifetime_value", NULL,
		"WITH fit AS MATERIALIZED ("
		"  SELECT community.newest_ltv_fit($6, $2, $1) AS buys,"
		"   community.newest_ltv_fit('gamma_gamma', $2, $1) AS spends),"
		" history AS MATERIALIZED (SELECT n.member_id,"
		"   community.purchase_history(n.occurred_at, n.amount, $2, $2,"
		"    p.time_zone) AS h"
		"  FROM " NET " JOIN community.program AS p ON p.program_id = $1"
		IS_REVENUE " GROUP BY n.member_id)"
		" SELECT h.member_id,"
		" community.lifetime_value(f.buys, f.spends, h.h, $9)"
	" FROM history AS h, fit AS f"},

	{"pagerank", NULL,
		"SELECT p.node_id, p.score * count(*) OVER ()"
	" FROM community.pagerank(edges => $6) AS p"},

	{"referrals", NULL,
		"SELECT r.sponsor_id, count(*)::float8 FROM " BROUGHT
	" WHERE r.bound_at > $3 GROUP BY r.sponsor_id"},

	{"referral_value", NULL,
		"SELECT r.sponsor_id, sum(n.amount)::float8 FROM " NET
		" JOIN " BROUGHT " ON r.member_id = n.member_id"
		"  AND r.bound_at <= n.occurred_at"
	IS_REVENUE " GROUP BY r.sponsor_id"},

	{"esteem", NULL,
		"SELECT g.target, CASE WHEN $6 = 'wilson' THEN"
		"  community.wilson_lower_bound("
		"   count(*) FILTER (WHERE g.type = ANY ($4)), count(*))"
		"  ELSE avg(g.amount)::float8 END"
		" FROM " GIVEN " WHERE g.type = ANY ($4 || $5)"
	" GROUP BY g.target"},

	{"contribution", "given",
		"SELECT n.member_id, CASE WHEN $6 = 'count' THEN count(*)::float8"
		"  ELSE sum(n.amount)::float8 END FROM " NET
	" WHERE" OF_TYPES("n") " GROUP BY n.member_id"},

	{"contribution", "received",
		"SELECT g.target, CASE WHEN $6 = 'count' THEN count(*)::float8"
		"  ELSE sum(g.amount)::float8 END FROM " GIVEN
	" WHERE" OF_TYPES("g") " GROUP BY g.target"}
};

static const char givers[] =
"SELECT g.target, count(DISTINCT g.giver)::float8 FROM " GIVEN
" WHERE" OF_TYPES("g") " GROUP BY g.target"
" HAVING count(DISTINCT g.giver) >= $9";

static const char edges[] =
"SELECT g.giver, g.target FROM " GIVEN " WHERE" OF_TYPES("g");

/* ----- taking rows ----- */

typedef struct RowTaker
{
	DestReceiver pub;
	ScoreRefresh *refresh;
	int			component;
	bool	   *enough;			/* for givers; NULL for amounts */
} RowTaker;

/* Where a member is among those who get a score; -1 for nowhere. */
int64
score_refresh_place(const ScoreRefresh *refresh, int64 member)
{
	int64		low = 0;
	int64		high = refresh->count;

	while (low < high)
	{
		int64		middle = low + (high - low) / 2;

		if (refresh->members[middle] < member)
			low = middle + 1;
		else
			high = middle;
	}
	return low < refresh->count && refresh->members[low] == member ? low : -1;
}

static void
refuse_amount(const ScoreRefresh *refresh, int component, int64 member,
			  double amount)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("component \"%s\" of score model \"%s\" is %s for member %lld",
					refresh->model->components[component].code,
					refresh->model->code,
					isnan(amount) ? "NaN" :
					amount > 0 ? "infinite" : "minus infinity",
					(long long) member),
			 errdetail("It must be a finite number.")));
}

static bool
take_row(TupleTableSlot *slot, DestReceiver *self)
{
	RowTaker   *taker = (RowTaker *) self;
	ScoreRefresh *refresh = taker->refresh;
	int64		member;
	int64		place;
	double		amount;

	slot_getsomeattrs(slot, 2);
	if (slot->tts_isnull[0] || slot->tts_isnull[1])
		return true;
	member = DatumGetInt64(slot->tts_values[0]);
	amount = DatumGetFloat8(slot->tts_values[1]);
	place = score_refresh_place(refresh, member);
	if (place < 0)
		return true;
	if (taker->enough != NULL)
	{
		taker->enough[place] = true;
		return true;
	}
	if (!isfinite(amount))
		refuse_amount(refresh, taker->component, member, amount);
	refresh->raw[place * refresh->model->count + taker->component] = amount;
	return true;
}

static void
take_startup(DestReceiver *self, int operation, TupleDesc desc)
{
}

static void
take_shutdown(DestReceiver *self)
{
}

/* ----- asking ----- */

/* Everything that a statement may ask for; what is not there is empty. */
static void
bind(const ScoreRefresh *refresh, const ScoreComponent *component,
	 Datum types, int64 number, Datum *values)
{
	const ScoreModel *model = refresh->model;
	Datum		none = PointerGetDatum(construct_empty_array(TEXTOID));
	Period	   *period = palloc_object(Period);
	TimestampTz from;
	TimestampTz to;

	*period = component->period;
	period_bounds(period, refresh->as_of, false, 0, model->zone, &from, &to);
	/* all but rolling periods begin with the moment that they begin at */
	if (period->kind != PERIOD_ROLLING && !TIMESTAMP_IS_NOBEGIN(from))
		from--;
	values[ARG_PROGRAM] = Int64GetDatum(model->program);
	values[ARG_AS_OF] = TimestampTzGetDatum(refresh->as_of);
	values[ARG_SINCE] = TimestampTzGetDatum(from);
	values[ARG_TYPES] = types == (Datum) 0 ? none : types;
	values[ARG_AGAINST] = component->against == (Datum) 0 ? none :
		component->against;
	values[ARG_METHOD] = CStringGetTextDatum(component->method == NULL ? "" :
											 component->method);
	values[ARG_MEASURE] = CStringGetTextDatum(component->measure == NULL ?
											  "" : component->measure);
	values[ARG_PERIOD] = PeriodPGetDatum(period);
	values[ARG_NUMBER] = Int32GetDatum((int32) number);
}

static void
ask(const char *sql, Datum *values, RowTaker *taker)
{
	CorePlan	plan = {
		.nargs = SOURCE_ARGS,
		.argtypes = {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTARRAYOID,
		TEXTARRAYOID, TEXTOID, TEXTOID, InvalidOid, INT4OID},
		.own_type = "period"
	};

	plan.sql = sql;
	taker->pub.receiveSlot = take_row;
	taker->pub.rStartup = take_startup;
	taker->pub.rShutdown = take_shutdown;
	taker->pub.rDestroy = take_shutdown;
	taker->pub.mydest = DestNone;
	core_read_into(&plan, values, &taker->pub);
}

/* An anniversary begins for each member at another time. */
static Period *
measure_period(const ScoreComponent *component)
{
	Period	   *period = palloc_object(Period);

	*period = component->period;
	return period;
}

static void
check_fits(const ScoreRefresh *refresh, const ScoreComponent *component)
{
	static CorePlan plan = {
		.sql = "SELECT m.model FROM unnest(ARRAY[$2, 'gamma_gamma']) AS m (model)"
		" WHERE community.newest_ltv_fit(m.model, $3, $1) IS NULL LIMIT 1",
		.nargs = 3,
		.argtypes = {INT8OID, TEXTOID, TIMESTAMPTZOID}
	};
	Datum		values[3];

	values[0] = Int64GetDatum(refresh->model->program);
	values[1] = CStringGetTextDatum(component->method);
	values[2] = TimestampTzGetDatum(refresh->as_of);
	core_run(&plan, values, NULL, true);
	if (SPI_processed > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("component \"%s\" of score model \"%s\" has no fit of %s as of %s",
						component->code, refresh->model->code,
						core_text(0, 1),
						timestamptz_to_str(refresh->as_of)),
				 errhint("Fit the model and keep it, with community.keep_ltv_fit().")));
}

static void
append_literal(StringInfo query, char *text, const char *type)
{
	appendStringInfo(query, "%s::pg_catalog.%s", quote_literal_cstr(text),
					 type);
}

/* PageRank takes a query as text, so what is bound elsewhere is written. */
static Datum
edge_query(Datum *values)
{
	StringInfoData query;
	const char *at;

	initStringInfo(&query);
	for (at = edges; *at != '\0'; at++)
	{
		int			argument = at[0] == '$' ? at[1] - '1' : -1;

		if (argument < 0)
		{
			appendStringInfoChar(&query, *at);
			continue;
		}
		at++;
		if (argument == ARG_PROGRAM)
			appendStringInfo(&query, INT64_FORMAT,
							 DatumGetInt64(values[ARG_PROGRAM]));
		else if (argument == ARG_TYPES)
			append_literal(&query, OidOutputFunctionCall(F_ARRAY_OUT,
														 values[argument]),
						   "text[]");
		else
			append_literal(&query,
						   OidOutputFunctionCall(F_TIMESTAMPTZ_OUT,
												 values[argument]),
						   "timestamptz");
	}
	return CStringGetTextDatum(query.data);
}

/* Read what a component comes to for all members. */
void
score_model_read_raw(ScoreRefresh *refresh, int component)
{
	const ScoreComponent *asked = &refresh->model->components[component];
	RowTaker	taker = {.refresh = refresh,.component = component};
	Datum		values[SOURCE_ARGS];
	int			i;

	if (strcmp(asked->kind, "lifetime_value") == 0)
		check_fits(refresh, asked);
	for (i = 0; i < lengthof(sources); i++)
	{
		if (strcmp(sources[i].kind, asked->kind) != 0 ||
			(sources[i].side != NULL &&
			 strcmp(sources[i].side, asked->side) != 0))
			continue;
		if (strcmp(asked->kind, "measure") == 0)
		{
			ScoreComponent lifetime = *asked;

			/* the measure cuts the period itself, for each member */
			(void) period_parse("lifetime", &lifetime.period);
			bind(refresh, &lifetime, asked->types, asked->horizon, values);
			values[ARG_PERIOD] = PeriodPGetDatum(measure_period(asked));
		}
		else
			bind(refresh, asked, asked->types, asked->horizon, values);
		if (strcmp(asked->kind, "pagerank") == 0)
			values[ARG_METHOD] = edge_query(values);
		ask(sources[i].sql, values, &taker);
		return;
	}
	elog(ERROR, "component of kind \"%s\" cannot be read", asked->kind);
}

/* Which members had givers enough. */
bool *
score_model_read_givers(ScoreRefresh *refresh, int component)
{
	const ScoreComponent *asked = &refresh->model->components[component];
	RowTaker	taker = {.refresh = refresh,.component = component};
	Datum		values[SOURCE_ARGS];

	taker.enough = MemoryContextAllocExtended(CurrentMemoryContext,
											  refresh->count + 1,
											  MCXT_ALLOC_HUGE |
											  MCXT_ALLOC_ZERO);
	bind(refresh, asked, asked->giver_types, asked->minimum_givers, values);
	ask(givers, values, &taker);
	return taker.enough;
}

/* ----- members ----- */

typedef struct MemberTaker
{
	DestReceiver pub;
	ScoreRefresh *refresh;
	int64		room;
} MemberTaker;

static bool
take_member(TupleTableSlot *slot, DestReceiver *self)
{
	MemberTaker *taker = (MemberTaker *) self;
	ScoreRefresh *refresh = taker->refresh;

	if (refresh->count == taker->room)
	{
		taker->room *= 2;
		refresh->members = repalloc_huge(refresh->members,
										 sizeof(int64) * taker->room);
	}
	slot_getsomeattrs(slot, 1);
	refresh->members[refresh->count++] = DatumGetInt64(slot->tts_values[0]);
	return true;
}

/* All members who get a score, in ascending order. */
void
score_model_read_members(ScoreRefresh *refresh)
{
	CorePlan	plan = {
		.sql = "SELECT m.member_id FROM community.member AS m"
		" WHERE m.program_id = $1 AND m.status = 'active'"
		" AND m.joined_at <= $2 ORDER BY m.member_id",
		.nargs = 2,
		.argtypes = {INT8OID, TIMESTAMPTZOID}
	};
	MemberTaker taker = {{take_member, take_startup, take_shutdown,
	take_shutdown, DestNone}, refresh, 1024};
	Datum		values[2];

	refresh->count = 0;
	refresh->members = MemoryContextAlloc(refresh->context,
										  sizeof(int64) * taker.room);
	values[0] = Int64GetDatum(refresh->model->program);
	values[1] = TimestampTzGetDatum(refresh->as_of);
	core_read_into(&plan, values, &taker.pub);
}
