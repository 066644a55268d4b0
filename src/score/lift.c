/*-------------------------------------------------------------------------
 *
 * lift.c
 *	  program_lift(): does a program pay?
 *
 * The queries of the caller run first, with the rights and the search path of
 * the caller; then the outcomes are read as the owner of the tables.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/core.h"
#include "score/lift.h"
#include "score/lift_algo.h"
#include "score/ltv.h"
#include "score/query.h"

#define LIFT_MAX_DAYS		3660
#define LIFT_MAX_STRATA		100
#define LIFT_COLUMNS		23
#define LIFT_BATCH			10000

/* What is called few, far apart and many */
#define LIFT_FEW			30
#define LIFT_IMBALANCED		0.1
#define LIFT_UNMATCHED		0.1

#define LIFT_MAX_WARNINGS	4

/* Rows of a query: members, and times if it has them */
typedef struct LiftRows
{
	int64		count;
	int64		capacity;
	int64	   *members;
	TimestampTz *times;
} LiftRows;

PG_FUNCTION_INFO_V1(community_program_lift);

/* arguments of program_lift() */
enum
{
	LIFT_TREATED, LIFT_MEASURE, LIFT_BEFORE, LIFT_AFTER, LIFT_STRATA,
	LIFT_CONTROLS, LIFT_CONFIDENCE, LIFT_AS_OF, LIFT_PROGRAM
};

static void
lift_check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

/* A window in whole days. */
static int32
lift_window(Interval *window, const char *name)
{
	char	   *shown;

	if (window->month == 0 && window->time == 0 && window->day >= 1 &&
		window->day <= LIFT_MAX_DAYS)
		return window->day;
	shown = DatumGetCString(DirectFunctionCall1(interval_out,
												IntervalPGetDatum(window)));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s of program_lift() must be between 1 and %d whole days, not %s",
					name, LIFT_MAX_DAYS, shown),
			 errdetail("Months are of different lengths, so windows of months do not compare.")));
	return 0;					/* keep compiler quiet */
}

static void
lift_reserve(LiftRows *rows, int64 more, bool times)
{
	if (rows->count + more <= rows->capacity)
		return;
	rows->capacity = Max(rows->count + more, rows->capacity * 2);
	if (rows->members == NULL)
		rows->members = palloc_extended(sizeof(int64) * rows->capacity,
										MCXT_ALLOC_HUGE);
	else
		rows->members = repalloc_huge(rows->members,
									  sizeof(int64) * rows->capacity);
	if (!times)
		return;
	if (rows->times == NULL)
		rows->times = palloc_extended(sizeof(TimestampTz) * rows->capacity,
									  MCXT_ALLOC_HUGE);
	else
		rows->times = repalloc_huge(rows->times,
									sizeof(TimestampTz) * rows->capacity);
}

/* Take the rows that were fetched. */
static void
lift_take(LiftRows *rows, bool times, const char *name)
{
	TupleDesc	tupdesc = SPI_tuptable->tupdesc;
	uint64		i;

	for (i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		bool		isnull;
		bool		time_isnull = false;
		Datum		member = SPI_getbinval(row, tupdesc, 1, &isnull);
		TimestampTz at = 0;

		if (times)
			at = DatumGetTimestampTz(SPI_getbinval(row, tupdesc, 2,
												   &time_isnull));
		if (isnull || time_isnull)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("query \"%s\" of program_lift() gave null in row " INT64_FORMAT,
							name, rows->count + 1)));
		if (times && TIMESTAMP_NOT_FINITE(at))
			ereport(ERROR,
					(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
					 errmsg("query \"%s\" of program_lift() gave %s for member " INT64_FORMAT,
							name, timestamptz_to_str(at),
							DatumGetInt64(member))));
		rows->members[rows->count] = DatumGetInt64(member);
		if (times)
			rows->times[rows->count] = at;
		rows->count++;
	}
}

/* Run a query of the caller, as the caller, into the current context. */
static LiftRows *
lift_query(text *query, const char *name, bool times)
{
	static const Oid types[] = {INT8OID, TIMESTAMPTZOID};
	static const ScoreQueryColumns treated = {
		"member_id and treated_at", 2, 2, types
	};
	static const ScoreQueryColumns member = {"member_id", 1, 1, types};
	MemoryContext context = CurrentMemoryContext;
	LiftRows   *rows = palloc0_object(LiftRows);
	SPIPlanPtr	plan;
	Portal		portal;
	char	   *checked;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	checked = score_check_query("program_lift", text_to_cstring(query),
								times ? &treated : &member, NULL);
	checked = psprintf("SELECT r.member::pg_catalog.int8%s FROM (\n%s\n) AS r (member%s)",
					   times ? ", r.at::pg_catalog.timestamptz" : "", checked,
					   times ? ", at" : "");
	plan = SPI_prepare(checked, 0, NULL);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s",
			 SPI_result_code_string(SPI_result));
	portal = SPI_cursor_open(NULL, plan, NULL, NULL, true);
	for (;;)
	{
		MemoryContext old;

		SPI_cursor_fetch(portal, true, LIFT_BATCH);
		if (SPI_processed == 0)
			break;
		old = MemoryContextSwitchTo(context);
		lift_reserve(rows, SPI_processed, times);
		MemoryContextSwitchTo(old);
		lift_take(rows, times, name);
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	return rows;
}

/* Days of joining, closing and first treatment, and who may be a control. */
static void
lift_fill_members(ScoreLiftData *data, const ScorePeople *people,
				  const LiftRows *treated, const LiftRows *controls,
				  int64 program, pg_tz *zone)
{
	Size		size = sizeof(int32) * Max(people->count, 1);
	int32	   *joined = palloc_extended(size, MCXT_ALLOC_HUGE);
	int32	   *closed = palloc_extended(size, MCXT_ALLOC_HUGE);
	int32	   *days = palloc_extended(size, MCXT_ALLOC_HUGE);
	bool	   *candidate = palloc_extended(Max(people->count, 1),
											MCXT_ALLOC_HUGE);
	int64		i;

	for (i = 0; i < people->count; i++)
	{
		joined[i] = score_day_of(people->joined[i], zone);
		closed[i] = score_day_of(people->closed[i], zone);
		days[i] = SCORE_LIFT_NEVER;
		candidate[i] = controls == NULL;
	}
	for (i = 0; i < treated->count; i++)
	{
		int32		member = score_person(people, program,
										  treated->members[i]);

		CHECK_FOR_INTERRUPTS();
		days[member] = Min(days[member],
						   score_day_of(treated->times[i], zone));
	}
	for (i = 0; controls != NULL && i < controls->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		candidate[score_person(people, program,
							   controls->members[i])] = true;
	}
	data->members = people->count;
	data->joined = joined;
	data->closed = closed;
	data->treated = days;
	data->candidate = candidate;
}

/*
 * Read what falls into the windows of any cohort, and a day more at either
 * end as clocks differ.
 */
static void
lift_fill_outcomes(ScoreLiftData *data, const ScorePeople *people,
				   ScoreOutcomeQuestion *question)
{
	ScoreOutcomes *outcomes;
	int32		first = SCORE_LIFT_NEVER;
	int32		last = 0;
	int32		member;
	int64		i;

	for (member = 0; member < data->members; member++)
	{
		if (!score_lift_eligible(data, member))
			continue;
		last = first == SCORE_LIFT_NEVER ? data->treated[member] :
			Max(last, data->treated[member]);
		first = Min(first, data->treated[member]);
	}
	question->by_day = true;
	if (first != SCORE_LIFT_NEVER)
	{
		question->from = USECS_PER_DAY * (first - 2 * data->before - 2);
		question->to = USECS_PER_DAY * (last + data->after + 3);
	}
	outcomes = score_read_outcomes(question, people);
	for (member = 0; member < data->members; member++)
	{
		for (i = outcomes->first[member] + 1;
			 i < outcomes->first[member + 1]; i++)
			outcomes->values[i] += outcomes->values[i - 1];
	}
	data->first = outcomes->first;
	data->days = outcomes->buckets;
	data->totals = outcomes->values;
}

/* What should be known before the figure is believed. */
static Datum
lift_warnings(const ScoreLift *lift)
{
	Datum		items[LIFT_MAX_WARNINGS];
	int			count = 0;

	if (lift->matched < LIFT_FEW || lift->controls < LIFT_FEW)
		items[count++] = CStringGetTextDatum("few");
	if (lift->unmatched > LIFT_UNMATCHED *
		(double) (lift->matched + lift->unmatched))
		items[count++] = CStringGetTextDatum("unmatched");
	if (lift->has_imbalance && fabs(lift->imbalance) > LIFT_IMBALANCED)
		items[count++] = CStringGetTextDatum("imbalance");
	if (!lift->placebo.known || lift->placebo.lower > 0.0 ||
		lift->placebo.upper < 0.0)
		items[count++] = CStringGetTextDatum(lift->placebo.known ? "placebo" :
											 "no_placebo");
	return PointerGetDatum(construct_array(items, count, TEXTOID, -1, false,
										   TYPALIGN_INT));
}

/* The answer as a row. */
static Datum
lift_result(FunctionCallInfo fcinfo, const ScoreLift *lift)
{
	TupleDesc	tupdesc;
	Datum		values[LIFT_COLUMNS] = {0};
	bool		nulls[LIFT_COLUMNS] = {false};
	int64		counts[7];
	double		numbers[12];
	double		expected = lift->after_treated - lift->effect.value;
	int			i;

	counts[0] = lift->matched + lift->unmatched + lift->too_new +
		lift->closed + lift->unfinished;
	counts[1] = lift->too_new;
	counts[2] = lift->closed;
	counts[3] = lift->unfinished;
	counts[4] = lift->unmatched;
	counts[5] = lift->matched;
	counts[6] = lift->controls;
	numbers[0] = lift->before_treated;
	numbers[1] = lift->before_controls;
	numbers[2] = lift->after_treated;
	numbers[3] = lift->after_controls;
	numbers[4] = lift->effect.value;
	numbers[5] = lift->effect.error;
	numbers[6] = lift->effect.lower;
	numbers[7] = lift->effect.upper;
	numbers[8] = expected;
	numbers[9] = expected > 0.0 ? lift->effect.value / expected : 0.0;
	numbers[10] = lift->effect.value * (double) lift->matched;
	numbers[11] = lift->imbalance;
	for (i = 0; i < 7; i++)
		values[i] = Int64GetDatum(counts[i]);
	for (i = 0; i < 12; i++)
	{
		values[7 + i] = Float8GetDatum(numbers[i]);
		nulls[7 + i] = !lift->effect.known;
	}
	nulls[16] = !lift->effect.known || !(expected > 0.0);
	nulls[18] = !lift->effect.known || !lift->has_imbalance;
	values[19] = Float8GetDatum(lift->placebo.value);
	values[20] = Float8GetDatum(lift->placebo.lower);
	values[21] = Float8GetDatum(lift->placebo.upper);
	nulls[19] = nulls[20] = nulls[21] = !lift->placebo.known;
	values[22] = lift_warnings(lift);
	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "program_lift() must return a row");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc), values,
											 nulls));
}

/* program_lift(treated, measure, before, after, strata, controls, confidence,
 * as_of, program) */
Datum
community_program_lift(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {
		"treated", "measure", "before", "after", "strata", "controls",
		"confidence", "as_of", "program"
	};
	ScoreLiftData data = {0};
	ScoreOutcomeQuestion question = {0};
	ScoreLift	lift;
	ScorePeople *people;
	LiftRows   *treated;
	LiftRows   *controls = NULL;
	CoreScope	scope;
	TimestampTz as_of;
	pg_tz	   *zone;

	core_refuse_nulls(fcinfo, "program_lift", names,
					  1 << LIFT_MEASURE | 1 << LIFT_CONTROLS);
	data.before = lift_window(PG_GETARG_INTERVAL_P(LIFT_BEFORE), "before");
	data.after = lift_window(PG_GETARG_INTERVAL_P(LIFT_AFTER), "after");
	data.strata = PG_GETARG_INT32(LIFT_STRATA);
	if (data.strata < 1 || data.strata > LIFT_MAX_STRATA)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("strata of program_lift() must be between 1 and %d, not %d",
						LIFT_MAX_STRATA, data.strata)));
	data.confidence = score_confidence(PG_GETARG_FLOAT8(LIFT_CONFIDENCE),
									   "program_lift");
	as_of = PG_GETARG_TIMESTAMPTZ(LIFT_AS_OF);
	if (TIMESTAMP_NOT_FINITE(as_of))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("as_of of program_lift() must not be %s",
						timestamptz_to_str(as_of))));
	treated = lift_query(PG_GETARG_TEXT_PP(LIFT_TREATED), "treated", true);
	if (!PG_ARGISNULL(LIFT_CONTROLS))
		controls = lift_query(PG_GETARG_TEXT_PP(LIFT_CONTROLS), "controls",
							  false);

	core_enter(&scope);
	question.program = PG_GETARG_INT64(LIFT_PROGRAM);
	zone = score_program_zone(question.program);
	score_find_measure(&question, PG_ARGISNULL(LIFT_MEASURE) ? NULL :
					   PG_GETARG_TEXT_PP(LIFT_MEASURE));
	people = score_read_people(question.program);
	data.today = score_day_of(as_of, zone);
	lift_fill_members(&data, people, treated, controls, question.program,
					  zone);
	lift_fill_outcomes(&data, people, &question);
	score_lift(&lift, &data, lift_check_interrupts);
	core_leave(&scope);
	return lift_result(fcinfo, &lift);
}
