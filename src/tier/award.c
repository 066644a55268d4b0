/*-------------------------------------------------------------------------
 *
 * award.c
 *	  Giving awards for what members have done.
 *
 * An award is earned at the first event of its period at which enough of its
 * requirements are met.  That follows from the events alone, so it does not
 * matter in which order they came to be known: one query finds what the events
 * have earned, beside what was given, and the difference is written.  An award
 * goes only when the events that earned it are taken back.
 *
 * The members are locked.  All functions run inside core_enter().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "tier/award.h"
#include "tier/benefit.h"

PG_FUNCTION_INFO_V1(community_awards);

/* Entries stand under this, and the id of what was given. */
#define AWARD_KEY		"community.award "

/* What is to be done. */
enum
{
	WITHDRAW = 1, MOVE, GIVE
};

/* columns of what is to be done */
enum
{
	ACT_MEMBER, ACT_WHAT, ACT_GIVEN, ACT_KEY, ACT_AWARD, ACT_PERIOD,
	ACT_EARNED, ACT_CURRENCY, ACT_POINTS, ACT_NAME, ACT_COLUMNS
};

/* number of the day, week or month of a time, counted from some day */
#define UNIT_OF(streak, at) \
	"CASE " streak \
	" WHEN 'day' THEN (" at " AT TIME ZONE u.time_zone)::date - date '2000-01-03'" \
	" WHEN 'week' THEN (date_trunc('week', " at " AT TIME ZONE u.time_zone)::date" \
	"  - date '2000-01-03') / 7" \
	" ELSE extract(year FROM " at " AT TIME ZONE u.time_zone)::int * 12" \
	"  + extract(month FROM " at " AT TIME ZONE u.time_zone)::int END"

#define COUNTS(requirement, event) \
	"(" requirement ".types IS NULL OR " event ".type = ANY (" requirement ".types))" \
	" AND (" requirement ".payload_filter IS NULL" \
	"  OR " event ".payload @> " requirement ".payload_filter)"

/* the start of a period, so that every period has one */
#define START_OF(period, at) \
	"coalesce(lower(community.period_at(" period ", " at "," \
	" u.joined_at, u.time_zone)), '-infinity')"

/* runs are counted up to 10000, and units fit below this many */
#define RUN_SCALE		"100000"

/*
 * Members, events and awards are looked for in subqueries that stay apart
 * (OFFSET 0), so that an index is always asked for one member: while tables
 * are not analyzed, all look as few as those of one.
 */
static CorePlan acts_plan = {
	.sql =
	"WITH req AS MATERIALIZED ("
	" SELECT a.award_id, a.name, a.period AS award_period, a.valid,"
	"  a.currency_id, a.points, r.position, r.period, r.attain, r.streak,"
	"  r.period::text LIKE 'rolling%' AS rolling, m.kind, m.types,"
	"  m.payload_filter,"
	"  coalesce(a.needs, count(*) OVER (PARTITION BY a.award_id)) AS needs"
	" FROM community.award AS a"
	" JOIN community.award_requirement AS r ON r.program_id = a.program_id"
	"  AND r.award_id = a.award_id"
	" JOIN community.measure AS m ON m.program_id = r.program_id"
	"  AND m.measure_id = r.measure_id"
	" WHERE a.program_id = $1 AND a.award_id = ANY ($3)"
	"), who AS MATERIALIZED ("
	/* the members, with the time from which their events can matter */
	" SELECT u.*, (SELECT min(CASE WHEN r.streak IS NOT NULL AND isfinite($4)"
	"    THEN $4 - (r.attain + 2)::int * ('1 ' || r.streak)::interval"
	"   WHEN r.streak IS NOT NULL OR NOT isfinite($4) THEN '-infinity'"
	"   ELSE " START_OF("r.period", "$4") " END)"
	"  FROM req AS r) AS since"
	" FROM (SELECT m.member_id, m.joined_at, m.status, p.time_zone"
	"  FROM unnest($2) AS w (id) CROSS JOIN LATERAL (SELECT *"
	"   FROM community.member AS c WHERE c.program_id = $1"
	"   AND c.member_id = w.id OFFSET 0) AS m"
	"  JOIN community.program AS p ON p.program_id = $1) AS u"
	"), deed AS ("
	/* what the members did, and those who were merged into them */
	" SELECT u.*, e.event_id, e.occurred_at, e.type, e.payload, e.amount,"
	"  e.target_id"
	" FROM who AS u"
	" CROSS JOIN LATERAL (SELECT u.member_id AS id UNION ALL"
	"  SELECT g.member_id FROM community.member_merge AS g"
	"  WHERE g.program_id = $1 AND g.bearer_id = u.member_id) AS w"
	" CROSS JOIN LATERAL (SELECT * FROM community.counted_event AS c"
	"  WHERE c.program_id = $1 AND c.member_id = w.id"
	"  AND c.occurred_at >= u.since OFFSET 0) AS e"
	"), hit AS ("
	/* what counts for which requirement; "first" of a day, of a counterpart */
	" SELECT h.*, kind = 'distinct_days' AND row_number() OVER ("
	"   PARTITION BY award_id, position, member_id, since, day"
	"   ORDER BY occurred_at, event_id) = 1"
	"  OR kind = 'distinct_counterparts' AND target_id IS NOT NULL"
	"   AND row_number() OVER ("
	"   PARTITION BY award_id, position, member_id, since, target_id"
	"   ORDER BY occurred_at, event_id) = 1 AS first"
	" FROM (SELECT r.award_id, r.position, r.kind, u.member_id,"
	"   u.occurred_at, u.event_id, u.amount, u.target_id,"
	"   (u.occurred_at AT TIME ZONE u.time_zone)::date AS day,"
	"   CASE WHEN NOT r.rolling THEN " START_OF("r.period", "u.occurred_at")
	"   END AS since,"
	"   CASE WHEN r.streak IS NOT NULL THEN "
	UNIT_OF("r.streak", "u.occurred_at") " END AS unit"
	"  FROM deed AS u JOIN req AS r ON " COUNTS("r", "u") ") AS h"
	"), run AS ("
	/* for each unit of a streak with an event: how many in a row by then */
	" SELECT award_id, position, member_id, unit, row_number() OVER ("
	"   PARTITION BY award_id, position, member_id, island"
	"   ORDER BY unit) AS length"
	" FROM (SELECT *, unit - row_number() OVER ("
	"    PARTITION BY award_id, position, member_id ORDER BY unit) AS island"
	"  FROM (SELECT DISTINCT award_id, position, member_id, unit FROM hit"
	"   WHERE unit IS NOT NULL) AS d) AS i"
	"), bit AS ("
	" SELECT h.award_id, h.position, h.member_id, h.occurred_at,"
	"  sum(h.amount) AS amount, count(*) AS events, max(h.amount) AS most,"
	"  count(*) FILTER (WHERE h.first) AS firsts,"
	"  max(h.unit * " RUN_SCALE " + least(n.length, 20000)) AS run"
	" FROM hit AS h LEFT JOIN run AS n ON n.award_id = h.award_id"
	"  AND n.position = h.position AND n.member_id = h.member_id"
	"  AND n.unit = h.unit"
	" GROUP BY 1, 2, 3, 4"
	"), grid AS ("
	/* all requirements of an award at each time at which one counts */
	" SELECT r.*, u.member_id, u.joined_at, u.time_zone, t.occurred_at AS at,"
	"  b.amount, b.events, b.most, b.firsts, b.run,"
	"  CASE WHEN NOT r.rolling THEN " START_OF("r.period", "t.occurred_at")
	"  END AS since"
	" FROM (SELECT DISTINCT award_id, member_id, occurred_at FROM bit) AS t"
	" JOIN who AS u ON u.member_id = t.member_id"
	" JOIN req AS r ON r.award_id = t.award_id"
	" LEFT JOIN bit AS b ON b.award_id = t.award_id"
	"  AND b.position = r.position AND b.member_id = t.member_id"
	"  AND b.occurred_at = t.occurred_at"
	"), valued AS ("
	" SELECT u.award_id, u.member_id, u.joined_at, u.time_zone, u.at,"
	"  u.award_period, u.valid, u.needs, u.attain,"
	"  CASE WHEN u.streak IS NOT NULL THEN CASE"
	"    WHEN " UNIT_OF("u.streak", "u.at")
	"     - floor(max(u.run) OVER w / " RUN_SCALE ".0) <= 1"
	"    THEN max(u.run) OVER w - floor(max(u.run) OVER w / " RUN_SCALE ".0)"
	"     * " RUN_SCALE " ELSE 0 END"
	"   WHEN u.rolling THEN o.value"
	"   WHEN u.kind = 'sum' THEN sum(u.amount) OVER w"
	"   WHEN u.kind = 'count' THEN sum(u.events) OVER w"
	"   WHEN u.kind = 'maximum' THEN max(u.most) OVER w"
	"   ELSE sum(u.firsts) OVER w END AS value"
	" FROM grid AS u"
	" LEFT JOIN LATERAL (SELECT CASE u.kind WHEN 'sum' THEN sum(e.amount)"
	"   WHEN 'count' THEN count(*) WHEN 'maximum' THEN max(e.amount)"
	"   WHEN 'distinct_days' THEN count(DISTINCT"
	"    (e.occurred_at AT TIME ZONE u.time_zone)::date)"
	"   ELSE count(DISTINCT e.target_id) END AS value"
	"  FROM (SELECT u.member_id AS id UNION ALL"
	"   SELECT g.member_id FROM community.member_merge AS g"
	"   WHERE g.program_id = $1 AND g.bearer_id = u.member_id) AS w"
	"  CROSS JOIN LATERAL (SELECT * FROM community.counted_event AS c"
	"   WHERE c.program_id = $1 AND c.member_id = w.id"
	"   AND c.occurred_at <= u.at AND c.occurred_at >"
	"   lower(community.period_at(u.period, u.at, u.joined_at, u.time_zone))"
	/* not looked at otherwise, as the subquery would be by a join's ON */
	"   AND u.rolling AND u.at >= $4 OFFSET 0) AS e"
	"  WHERE " COUNTS("u", "e") ") AS o ON true"
	" WINDOW w AS (PARTITION BY u.award_id, u.position, u.member_id, u.since"
	"  ORDER BY u.at RANGE UNBOUNDED PRECEDING)"
	"), earned AS ("
	" SELECT award_id, member_id, period_start, min(at) AS earned_at"
	" FROM (SELECT u.award_id, u.member_id, u.at,"
	"   " START_OF("u.award_period", "u.at") " AS period_start"
	"  FROM valued AS u WHERE u.at >= $4 AND u.valid @> u.at"
	"  GROUP BY u.award_id, u.member_id, u.at, u.award_period, u.joined_at,"
	"   u.time_zone, u.needs"
	"  HAVING count(*) FILTER (WHERE u.value >= u.attain) >= u.needs) AS e"
	" GROUP BY 1, 2, 3"
	"), held AS ("
	" SELECT g.* FROM unnest($2) AS w (id) CROSS JOIN LATERAL (SELECT *"
	"  FROM community.award_given AS c WHERE c.program_id = $1"
	"  AND c.member_id = w.id AND c.award_id = ANY ($3)"
	"  AND c.withdrawn_at IS NULL OFFSET 0) AS g"
	"), pair AS ("
	" SELECT coalesce(e.member_id, g.member_id) AS member_id,"
	"  coalesce(e.award_id, g.award_id) AS award_id, g.given_id, g.key,"
	"  coalesce(e.period_start, g.period_start) AS period_start,"
	"  e.earned_at, g.earned_at AS believed_at"
	" FROM earned AS e FULL JOIN held AS g ON g.member_id = e.member_id"
	"  AND g.award_id = e.award_id AND g.period_start = e.period_start"
	")"
	" SELECT b.member_id, CASE WHEN b.earned_at IS NULL THEN 1"
	"   WHEN b.given_id IS NOT NULL THEN 2 ELSE 3 END AS what,"
	"  coalesce(b.given_id, 0), b.key, b.award_id, b.period_start,"
	"  b.earned_at, coalesce(a.currency_id, 0), coalesce(a.points, 0), a.name"
	" FROM pair AS b"
	" JOIN who AS u ON u.member_id = b.member_id"
	" JOIN community.award AS a ON a.program_id = $1"
	"  AND a.award_id = b.award_id"
	/* what was earned before is not looked at */
	" WHERE CASE WHEN b.given_id IS NULL THEN u.status = 'active'"
	"  ELSE b.believed_at >= $4"
	"   AND b.earned_at IS DISTINCT FROM b.believed_at END"
	" ORDER BY b.member_id, what, b.earned_at, b.award_id",
	.nargs = 4,
	.argtypes = {INT8OID, INT8ARRAYOID, INT8ARRAYOID, TIMESTAMPTZOID}
};

/* Take an award back, with its points. */
static void
withdraw(int64 program, const Datum *act, bool has_key)
{
	static CorePlan plan = {
		.sql = "UPDATE community.award_given SET withdrawn_at = clock_timestamp()"
		" WHERE program_id = $1 AND given_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[2];

	if (has_key)
		(void) tier_ledger.take(program, act[ACT_KEY], false, act[ACT_NAME]);
	values[0] = Int64GetDatum(program);
	values[1] = act[ACT_GIVEN];
	core_run(&plan, values, NULL, false);
}

/* It turned out that it was earned at another time of its period. */
static void
move(int64 program, const Datum *act)
{
	static CorePlan plan = {
		.sql = "UPDATE community.award_given SET earned_at = $3"
		" WHERE program_id = $1 AND given_id = $2",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID}
	};
	Datum		values[3];

	values[0] = Int64GetDatum(program);
	values[1] = act[ACT_GIVEN];
	values[2] = act[ACT_EARNED];
	core_run(&plan, values, NULL, false);
}

static void
give(int64 program, const Datum *act)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.award_given (program_id, given_id,"
		" member_id, award_id, period_start, earned_at, points, key)"
		" VALUES ($1, $2, $3, $4, $5, $6, nullif($7, 0), $8)",
		.nargs = 8,
		.argtypes = {INT8OID, INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID,
		TIMESTAMPTZOID, INT8OID, TEXTOID}
	};
	int64		id = core_next_id();
	bool		has_points = DatumGetInt64(act[ACT_POINTS]) > 0;
	Datum		values[8];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(id);
	values[2] = act[ACT_MEMBER];
	values[3] = act[ACT_AWARD];
	values[4] = act[ACT_PERIOD];
	values[5] = act[ACT_EARNED];
	values[6] = act[ACT_POINTS];
	values[7] = CStringGetTextDatum(psprintf("%s%lld", AWARD_KEY,
											 (long long) id));
	core_run(&plan, values, has_points ? NULL : "       n", false);
	if (has_points)
		tier_ledger.give(program, DatumGetInt64(act[ACT_MEMBER]),
						 DatumGetInt64(act[ACT_CURRENCY]),
						 DatumGetInt64(act[ACT_POINTS]), "award",
						 DatumGetTimestampTz(act[ACT_EARNED]), NULL,
						 values[7], act[ACT_NAME]);
}

/*
 * Give members the awards that their events have earned since a time, and
 * take those for which these events are no longer there.
 */
void
tier_settle_awards_of(int64 program, ArrayType *members, ArrayType *awards,
					  TimestampTz from)
{
	Datum		values[4];
	SPITupleTable *acts;
	uint64		count;
	uint64		i;

	values[0] = Int64GetDatum(program);
	values[1] = PointerGetDatum(members);
	values[2] = PointerGetDatum(awards);
	values[3] = TimestampTzGetDatum(from);
	core_run(&acts_plan, values, NULL, false);
	acts = SPI_tuptable;
	count = SPI_processed;
	for (i = 0; i < count; i++)
	{
		Datum		act[ACT_COLUMNS];
		bool		nulls[ACT_COLUMNS];
		int			j;

		CHECK_FOR_INTERRUPTS();
		for (j = 0; j < ACT_COLUMNS; j++)
			act[j] = SPI_getbinval(acts->vals[i], acts->tupdesc, j + 1,
								   &nulls[j]);
		switch (DatumGetInt32(act[ACT_WHAT]))
		{
			case WITHDRAW:
				withdraw(program, act, !nulls[ACT_KEY]);
				break;
			case MOVE:
				move(program, act);
				break;
			case GIVE:
				give(program, act);
				break;
		}
	}
	SPI_freetuptable(acts);
}

/* The program of which it was found out last whether it has awards. */
static int64 known_program = 0;
static uint64 known_at = 0;
static bool known = false;

static bool
is_known(int64 program, uint64 *generation)
{
	static CoreWatch watch = {.name = "award"};

	*generation = core_watch(&watch);
	return *generation != 0 && *generation == known_at &&
		program == known_program;
}

/* Is it known, without any SQL, that the program has no awards? */
bool
tier_has_no_awards(int64 program)
{
	uint64		generation;

	return is_known(program, &generation) && known;
}

static bool
has_no_awards(int64 program)
{
	static CorePlan plan = {
		.sql = "SELECT EXISTS (SELECT FROM community.award"
		" WHERE program_id = $1)",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	uint64		generation;
	Datum		values[1];

	if (is_known(program, &generation))
		return known;
	values[0] = Int64GetDatum(program);
	core_run_latest(&plan, values);
	known = !core_bool(0, 1);
	known_program = program;
	known_at = generation;
	return known;
}

/*
 * The awards that an event at a time can bring or take: those that count such
 * an event, but not one that is held for that period since before, unless the
 * member did something later.  NULL for none.
 */
static ArrayType *
awards_at(int64 program, int64 member, TimestampTz at)
{
	static CorePlan plan = {
		.sql = "SELECT array_agg(a.award_id) FROM (SELECT m.joined_at,"
		"  p.time_zone, EXISTS (SELECT FROM community.event AS e"
		"   WHERE e.program_id = $1 AND e.member_id = $2"
		"   AND e.occurred_at > $3) AS later"
		"  FROM community.member AS m JOIN community.program AS p"
		"  ON p.program_id = m.program_id"
		"  WHERE m.program_id = $1 AND m.member_id = $2) AS u,"
		" community.award AS a WHERE a.program_id = $1"
		" AND a.valid && tstzrange($3, NULL)"
		" AND (u.later OR NOT EXISTS (SELECT FROM community.award_given AS g"
		"  WHERE g.program_id = $1 AND g.member_id = $2"
		"  AND g.award_id = a.award_id AND g.withdrawn_at IS NULL"
		"  AND g.earned_at < $3"
		"  AND g.period_start = " START_OF("a.period", "$3") "))"
		" AND EXISTS (SELECT FROM community.award_requirement AS r"
		"  JOIN community.measure AS m ON m.program_id = r.program_id"
		"  AND m.measure_id = r.measure_id,"
		"  (SELECT $2 AS id UNION ALL SELECT g.member_id"
		"   FROM community.member_merge AS g"
		"   WHERE g.program_id = $1 AND g.bearer_id = $2) AS w"
		"  CROSS JOIN LATERAL (SELECT c.type, c.payload"
		"   FROM community.event AS c WHERE c.program_id = $1"
		"   AND c.member_id = w.id AND c.occurred_at = $3 OFFSET 0) AS e"
		"  WHERE r.program_id = $1 AND r.award_id = a.award_id"
		"  AND " COUNTS("m", "e") ")",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID}
	};
	Datum		values[3];
	Datum		awards;
	bool		isnull;

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	values[2] = TimestampTzGetDatum(at);
	core_run(&plan, values, NULL, false);
	awards = core_field(0, 1, &isnull);
	return isnull ? NULL : DatumGetArrayTypeP(awards);
}

/*
 * The same after an event of a member, which occurred at that time, was
 * recorded, corrected or taken back.
 */
void
tier_settle_awards(int64 program, int64 member, TimestampTz at)
{
	Datum		id = Int64GetDatum(member);
	ArrayType  *awards;

	if (has_no_awards(program))
		return;
	awards = awards_at(program, member, at);
	if (awards != NULL)
		tier_settle_awards_of(program,
							  construct_array(&id, 1, INT8OID, sizeof(int64),
											  true, TYPALIGN_DOUBLE),
							  awards, at);
}

/* The award of that name, or an error. */
int64
tier_award_id(int64 program, text *name)
{
	static CorePlan plan = {
		.sql = "SELECT award_id FROM community.award"
		" WHERE program_id = $1 AND name = $2",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTOID}
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = PointerGetDatum(name);
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("award \"%s\" of program \"%s\" does not exist",
						text_to_cstring(name), core_program_name(program)),
				 errhint("Awards are the rows of community.award.")));
	return core_int64(0, 1);
}

/* awards(member, program) -> set of rows */
Datum
community_awards(PG_FUNCTION_ARGS)
{
	static CorePlan plan = {
		.sql = "SELECT a.name, g.period_start, g.earned_at, g.points, a.payload"
		" FROM community.award_given AS g"
		" JOIN community.award AS a ON a.program_id = g.program_id"
		" AND a.award_id = g.award_id"
		" WHERE g.program_id = $1 AND g.member_id = $2"
		" AND g.withdrawn_at IS NULL ORDER BY g.earned_at, a.name",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	ReturnSetInfo *info = (ReturnSetInfo *) fcinfo->resultinfo;
	int64		member = PG_GETARG_INT64(0);
	int64		program = PG_GETARG_INT64(1);
	CoreScope	scope;
	Datum		values[2];
	bool		closed;
	uint64		i;

	(void) core_begin_rows(fcinfo, NULL);
	core_enter(&scope);
	if (!core_member_is_known(program, member, &closed))
		core_refuse_member(program, member, false);
	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	core_run(&plan, values, NULL, true);
	for (i = 0; i < SPI_processed; i++)
		tuplestore_puttuple(info->setResult, SPI_tuptable->vals[i]);
	core_leave(&scope);
	return (Datum) 0;
}
