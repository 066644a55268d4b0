/*-------------------------------------------------------------------------
 *
 * lift_data.c
 *	  What members of a program had: the outcomes that lift is measured by.
 *
 * An outcome adds up over time: revenue, or a measure of a kind that does.
 * Corrections count at the time of what they correct, and what members did
 * who were merged into another counts as that one's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "score/lift.h"
#include "score/lift_algo.h"

#define PEOPLE_FIRST		1024
#define OUTCOMES_FIRST		4096

/* A reader of rows, and where it is */
typedef struct PeopleTaker
{
	DestReceiver pub;
	ScorePeople *people;
	MemoryContext context;
} PeopleTaker;

typedef struct OutcomeTaker
{
	DestReceiver pub;
	const ScorePeople *people;
	ScoreOutcomes *outcomes;
	int64		count;
	int32		member;			/* first[] is known up to here */
	MemoryContext context;
} OutcomeTaker;

double
score_confidence(double confidence, const char *function)
{
	if (!(confidence > 0.0 && confidence < 1.0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("confidence of %s() must be between 0 and 1, not %g",
						function, confidence)));
	return confidence;
}

/*
 * Put a measure into the question, or revenue without a name.  Measures of
 * other kinds do not add up, so their windows could not be compared.
 */
void
score_find_measure(ScoreOutcomeQuestion *question, text *name)
{
	static CorePlan plan = {
		.sql = "SELECT measure_id, kind FROM community.measure"
		" WHERE program_id = $1 AND name = $2",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTOID}
	};
	static const char *const kinds[] = {
		"sum", "count", "distinct_days", "points", "qualified_referrals"
	};
	Datum		values[2];
	int			i;

	question->measure = 0;
	question->kind = "sum";
	if (name == NULL)
		return;
	values[0] = Int64GetDatum(question->program);
	values[1] = PointerGetDatum(name);
	core_run(&plan, values, NULL, true);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("measure \"%s\" of program \"%s\" does not exist",
						text_to_cstring(name),
						core_program_name(question->program)),
				 errhint("Measures are made by community.define_measure().")));
	question->measure = core_int64(0, 1);
	question->kind = core_text(0, 2);
	for (i = 0; i < lengthof(kinds); i++)
	{
		if (strcmp(question->kind, kinds[i]) == 0)
			return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("measure \"%s\" is of kind %s, which does not add up over time",
					text_to_cstring(name), question->kind),
			 errhint("Lift is measured by kinds sum, count, distinct_days, points and qualified_referrals.")));
}

/* The time zone in which a program cuts its days. */
pg_tz *
score_program_zone(int64 program)
{
	static CorePlan plan = {
		.sql = "SELECT time_zone FROM community.program"
		" WHERE program_id = $1",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	Datum		values[1];
	char	   *name;
	pg_tz	   *zone;

	(void) core_program_name(program);
	values[0] = Int64GetDatum(program);
	core_run(&plan, values, NULL, true);
	name = core_text(0, 1);
	zone = pg_tzset(name);
	if (zone == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" of program \"%s\" not recognized",
						name, core_program_name(program))));
	return zone;
}

/* The day of a time, counted from 2000-01-01. */
int32
score_day_of(TimestampTz at, pg_tz *zone)
{
	struct pg_tm tm;
	fsec_t		fsec;
	int			offset;

	if (TIMESTAMP_NOT_FINITE(at))
		return SCORE_LIFT_NEVER;
	if (timestamp2tm(at, &offset, &tm, &fsec, NULL, zone) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	return date2j(tm.tm_year, tm.tm_mon, tm.tm_mday) - POSTGRES_EPOCH_JDATE;
}

static void
take_startup(DestReceiver *self, int operation, TupleDesc desc)
{
}

static void
take_nothing(DestReceiver *self)
{
}

/* An array twice as long, which may be long. */
static void *
grow(void *array, Size size)
{
	if (array == NULL)
		return palloc_extended(size, MCXT_ALLOC_HUGE);
	return repalloc_huge(array, size);
}

static void
people_reserve(ScorePeople *people)
{
	if (people->count < people->capacity)
		return;
	if (people->capacity > PG_INT32_MAX / 2)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a program with more than %d members is too large for its lift to be measured",
						people->capacity)));
	people->capacity = Max(PEOPLE_FIRST, people->capacity * 2);
	people->ids = grow(people->ids, sizeof(int64) * people->capacity);
	people->joined = grow(people->joined,
						  sizeof(TimestampTz) * people->capacity);
	people->closed = grow(people->closed,
						  sizeof(TimestampTz) * people->capacity);
}

static bool
take_person(TupleTableSlot *slot, DestReceiver *self)
{
	PeopleTaker *taker = (PeopleTaker *) self;
	ScorePeople *people = taker->people;
	MemoryContext old = MemoryContextSwitchTo(taker->context);

	slot_getsomeattrs(slot, 3);
	people_reserve(people);
	people->ids[people->count] = DatumGetInt64(slot->tts_values[0]);
	people->joined[people->count] =
		DatumGetTimestampTz(slot->tts_values[1]);
	people->closed[people->count] =
		DatumGetTimestampTz(slot->tts_values[2]);
	people->count++;
	MemoryContextSwitchTo(old);
	return true;
}

/* Members that were merged live on in others, and are none of their own. */
ScorePeople *
score_read_people(int64 program)
{
	static CorePlan plan = {
		.sql = "SELECT m.member_id, m.joined_at,"
		" coalesce(m.closed_at, 'infinity')"
		" FROM community.member AS m"
		" WHERE m.program_id = $1 AND NOT EXISTS"
		" (SELECT FROM community.member_merge AS b"
		"  WHERE b.program_id = $1 AND b.member_id = m.member_id)"
		" ORDER BY m.member_id",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	PeopleTaker taker = {{take_person, take_startup, take_nothing,
	take_nothing, DestNone}};
	Datum		values[1];

	taker.context = CurrentMemoryContext;
	taker.people = palloc0_object(ScorePeople);
	values[0] = Int64GetDatum(program);
	core_read_into(&plan, values, &taker.pub);
	return taker.people;
}

/*
 * The number of a member, or of who bears it by now.  There must be one: a
 * member that is not known is a mistake in what was asked.
 */
int32
score_person(const ScorePeople *people, int64 program, int64 id)
{
	int64		bearer = id;
	int			attempt;

	for (attempt = 0; attempt < 2; attempt++)
	{
		int32		low = 0;
		int32		high = people->count;

		while (low < high)
		{
			int32		middle = low + (high - low) / 2;

			if (people->ids[middle] < bearer)
				low = middle + 1;
			else
				high = middle;
		}
		if (low < people->count && people->ids[low] == bearer)
			return low;
		bearer = core_member_bearer(program, id);
	}
	core_refuse_member(program, id, false);
}

static bool
take_outcome(TupleTableSlot *slot, DestReceiver *self)
{
	OutcomeTaker *taker = (OutcomeTaker *) self;
	ScoreOutcomes *outcomes = taker->outcomes;
	MemoryContext old = MemoryContextSwitchTo(taker->context);
	int64		id;

	slot_getsomeattrs(slot, 3);
	id = DatumGetInt64(slot->tts_values[0]);
	while (taker->member < taker->people->count &&
		   taker->people->ids[taker->member] < id)
		outcomes->first[++taker->member] = taker->count;
	if (taker->member < taker->people->count &&
		taker->people->ids[taker->member] == id)
	{
		if (taker->count == outcomes->capacity)
		{
			outcomes->capacity *= 2;
			outcomes->buckets = grow(outcomes->buckets,
									 sizeof(int32) * outcomes->capacity);
			outcomes->values = grow(outcomes->values,
									sizeof(double) * outcomes->capacity);
		}
		outcomes->buckets[taker->count] =
			DatumGetInt32(slot->tts_values[1]);
		outcomes->values[taker->count] =
			DatumGetFloat8(slot->tts_values[2]);
		taker->count++;
	}
	MemoryContextSwitchTo(old);
	return true;
}

/*
 * $1 program, $2 measure, $3 and $4 the range, $5 by day, $6 start, $7 kind.
 * Each source gives member_id, at and amount.
 */
#define OUTCOMES(source) \
	"WITH s AS (" source "), d AS (" \
	" SELECT coalesce(b.bearer_id, s.member_id) AS member_id, s.at, s.amount," \
	"  (s.at AT TIME ZONE p.time_zone)::date AS day" \
	" FROM s JOIN community.program AS p ON p.program_id = $1" \
	" LEFT JOIN community.member_merge AS b ON b.program_id = $1" \
	"  AND b.member_id = s.member_id)" \
	" SELECT d.member_id," \
	"  CASE WHEN $5 THEN d.day - date '2000-01-01'" \
	"   ELSE (d.at >= $6)::integer END," \
	"  CASE $7 WHEN 'count' THEN count(*)::float8 WHEN 'distinct_days' THEN" \
	"   count(DISTINCT d.day) FILTER (WHERE $7 = 'distinct_days')::float8" \
	"   ELSE sum(d.amount)::float8 END" \
	" FROM d GROUP BY 1, 2 ORDER BY 1, 2"
#define OUTCOME_ARGS \
	.nargs = 7, \
	.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, BOOLOID, \
	TIMESTAMPTZOID, TEXTOID}

/* counted_event for all members at once: two scans, not a lookup an event */
static CorePlan of_events = {
	.sql = OUTCOMES("SELECT e.member_id, e.occurred_at AS at,"
					" e.amount + coalesce(c.amount, 0) AS amount"
					" FROM community.event AS e LEFT JOIN"
					"  (SELECT x.corrects, sum(x.amount) AS amount,"
					"   (array_agg(x.kind ORDER BY x.revision DESC))[1]"
					"    IN ('reverse', 'retract') AS taken"
					"  FROM community.event AS x"
					"  WHERE x.program_id = $1 AND x.corrects IS NOT NULL"
					"  GROUP BY x.corrects) AS c ON c.corrects = e.event_id"
					" LEFT JOIN community.measure AS m"
					"  ON m.program_id = $1 AND m.measure_id = $2"
					" WHERE e.program_id = $1 AND e.corrects IS NULL"
					" AND e.occurred_at >= $3 AND e.occurred_at < $4"
					" AND (c.taken AND e.amount + c.amount = 0) IS NOT TRUE"
					" AND CASE WHEN $2 = 0 THEN"
					"  e.type <> ALL (ARRAY(SELECT t.type"
					"   FROM community.activity_type AS t"
					"   WHERE t.program_id = $1 AND NOT t.revenue))"
					"  ELSE (m.types IS NULL OR e.type = ANY (m.types))"
					"   AND (m.payload_filter IS NULL"
					"    OR e.payload @> m.payload_filter) END"),
	OUTCOME_ARGS
};

/* what was taken back counts at the time of what it was taken from */
static CorePlan of_points = {
	.sql = OUTCOMES("SELECT a.member_id, a.effective_at AS at,"
					" a.points + coalesce(r.points, 0) AS amount"
					" FROM community.measure AS m JOIN community.entry AS a"
					"  ON a.program_id = $1 AND a.currency_id = m.currency_id"
					"  AND a.kind = 'accrue'"
					" LEFT JOIN (SELECT x.reverses, sum(x.points - x.cut) AS points"
					"  FROM community.entry AS x"
					"  WHERE x.program_id = $1 AND x.kind = 'reverse'"
					"  GROUP BY x.reverses) AS r ON r.reverses = a.entry_id"
					" WHERE m.program_id = $1 AND m.measure_id = $2"
					" AND a.effective_at >= $3 AND a.effective_at < $4"),
	OUTCOME_ARGS
};

static CorePlan of_referrals = {
	.sql = OUTCOMES("SELECT q.member_id, q.qualified_at AS at, 1 AS amount"
					" FROM community.qualified_referral AS q"
					" WHERE q.program_id = $1 AND $2 <> 0"
					" AND q.qualified_at >= $3 AND q.qualified_at < $4"),
	OUTCOME_ARGS
};

ScoreOutcomes *
score_read_outcomes(const ScoreOutcomeQuestion *question,
					const ScorePeople *people)
{
	OutcomeTaker taker = {{take_outcome, take_startup, take_nothing,
	take_nothing, DestNone}};
	CorePlan   *plan = &of_events;
	Datum		values[7];

	taker.context = CurrentMemoryContext;
	taker.people = people;
	taker.outcomes = palloc0_object(ScoreOutcomes);
	taker.outcomes->capacity = OUTCOMES_FIRST;
	taker.outcomes->first = grow(NULL, sizeof(int64) *
								 ((Size) people->count + 1));
	taker.outcomes->first[0] = 0;
	taker.outcomes->buckets = grow(NULL, sizeof(int32) * OUTCOMES_FIRST);
	taker.outcomes->values = grow(NULL, sizeof(double) * OUTCOMES_FIRST);

	values[0] = Int64GetDatum(question->program);
	values[1] = Int64GetDatum(question->measure);
	values[2] = TimestampTzGetDatum(question->from);
	values[3] = TimestampTzGetDatum(question->to);
	values[4] = BoolGetDatum(question->by_day);
	values[5] = TimestampTzGetDatum(question->start);
	values[6] = CStringGetTextDatum(question->kind);
	if (strcmp(question->kind, "points") == 0)
		plan = &of_points;
	else if (strcmp(question->kind, "qualified_referrals") == 0)
		plan = &of_referrals;
	core_read_into(plan, values, &taker.pub);
	while (taker.member < people->count)
		taker.outcomes->first[++taker.member] = taker.count;
	return taker.outcomes;
}
