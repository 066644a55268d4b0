/*-------------------------------------------------------------------------
 *
 * holdout.c
 *	  Members who are left out of something by lot, and what the others
 *	  brought more.
 *
 * The lot is a hash of the member's id and the salt of the holdout, so it is
 * the same on every machine and needs no row a member.  A member that was
 * merged into another has the lot of that one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/rangetypes.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "core/core.h"
#include "score/interval_algo.h"
#include "score/lift.h"

#define HOLDOUT_COLUMNS			14
#define HOLDOUT_INTERRUPT_ROWS	10000
#define HOLDOUT_MAX_WARNINGS	3

#define HOLDOUT_FEW				30
#define HOLDOUT_MAX_DAYS		3660

/* That many standard deviations of its size are no accident: one in 1000 */
#define HOLDOUT_FAR				3.290527

/* A row of holdout */
typedef struct Holdout
{
	char	   *code;
	double		share;
	text	   *salt;
} Holdout;

/* What the groups had, before and during */
typedef struct HoldoutGroups
{
	ScoreMoments before[2];		/* of those treated and left out */
	ScoreMoments during[2];
} HoldoutGroups;

PG_FUNCTION_INFO_V1(community_holdout_point);
PG_FUNCTION_INFO_V1(community_define_holdout);
PG_FUNCTION_INFO_V1(community_in_holdout);
PG_FUNCTION_INFO_V1(community_holdout_group);
PG_FUNCTION_INFO_V1(community_holdout_lift);

/* The first 52 bits of SHA-256 over salt, colon and id in UTF-8, over 2^52. */
static double
holdout_point(const text *salt, int64 member)
{
	char	   *utf8 = pg_server_to_any(VARDATA_ANY(salt),
										VARSIZE_ANY_EXHDR(salt), PG_UTF8);
	int			length = utf8 == VARDATA_ANY(salt) ?
	VARSIZE_ANY_EXHDR(salt) : strlen(utf8);
	char	   *id = psprintf(":" INT64_FORMAT, member);
	bytea	   *input = palloc(VARHDRSZ + length + strlen(id));
	bytea	   *hash;
	const unsigned char *bytes;
	uint64		bits = 0;
	int			i;

	SET_VARSIZE(input, VARHDRSZ + length + strlen(id));
	memcpy(VARDATA(input), utf8, length);
	memcpy(VARDATA(input) + length, id, strlen(id));
	hash = DatumGetByteaPP(DirectFunctionCall1(sha256_bytea,
											   PointerGetDatum(input)));
	bytes = (const unsigned char *) VARDATA_ANY(hash);
	for (i = 0; i < 7; i++)
		bits = bits << 8 | bytes[i];
	if (utf8 != VARDATA_ANY(salt))
		pfree(utf8);
	pfree(input);
	pfree(hash);
	pfree(id);
	return ldexp((double) (bits >> 4), -52);
}

/* holdout_point(salt, member) */
Datum
community_holdout_point(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(holdout_point(PG_GETARG_TEXT_PP(0), PG_GETARG_INT64(1)));
}

static bool
find_holdout(int64 program, Datum code, Holdout *holdout)
{
	static CorePlan plan = {
		.sql = "SELECT share, salt FROM community.holdout"
		" WHERE program_id = $1 AND code = $2",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTOID}
	};
	Datum		values[2];
	bool		isnull;

	values[0] = Int64GetDatum(program);
	values[1] = code;
	core_run(&plan, values, NULL, true);
	if (SPI_processed == 0)
		return false;
	holdout->code = TextDatumGetCString(code);
	holdout->share = DatumGetFloat8(core_field(0, 1, &isnull));
	holdout->salt = cstring_to_text(core_text(0, 2));
	return true;
}

static void
require_holdout(int64 program, Datum code, Holdout *holdout)
{
	char	   *name = core_program_name(program);

	if (!find_holdout(program, code, holdout))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("holdout \"%s\" of program \"%s\" does not exist",
						TextDatumGetCString(code), name),
				 errhint("Holdouts are made by community.define_holdout().")));
}

/* define_holdout(code, share, salt, program) */
Datum
community_define_holdout(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"code", "share", "salt", "program"};
	static CorePlan plan = {
		.sql = "INSERT INTO community.holdout (program_id, code, share, salt)"
		" VALUES ($1, $2, $3, $4)"
		" ON CONFLICT (program_id, code) DO NOTHING",
		.nargs = 4,
		.argtypes = {INT8OID, TEXTOID, FLOAT8OID, TEXTOID}
	};
	Holdout		holdout = {0};
	Datum		values[4];
	CoreScope	scope;
	int64		program;
	double		share;
	bool		made;

	core_refuse_nulls(fcinfo, "define_holdout", names, 1 << 2);
	(void) core_name_argument(PG_GETARG_TEXT_PP(0), "code of a holdout");
	share = PG_GETARG_FLOAT8(1);
	program = PG_GETARG_INT64(3);
	if (!(share > 0.0 && share < 1.0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("share of a holdout must be between 0 and 1, not %g",
						share)));
	values[0] = Int64GetDatum(program);
	values[1] = PG_GETARG_DATUM(0);
	values[2] = PG_GETARG_DATUM(1);
	values[3] = PG_ARGISNULL(2) ? values[1] : PG_GETARG_DATUM(2);
	(void) core_name_argument(DatumGetTextPP(values[3]), "salt of a holdout");

	core_enter(&scope);
	(void) core_program_name(program);
	core_run(&plan, values, NULL, false);
	made = SPI_processed > 0;
	if (!made && find_holdout(program, values[1], &holdout) &&
		(holdout.share != share ||
		 !core_same_text(holdout.salt, DatumGetTextPP(values[3]))))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("holdout \"%s\" exists already, with another definition",
						holdout.code),
				 errdetail("Its share is %g and its salt \"%s\".",
						   holdout.share, text_to_cstring(holdout.salt)),
				 errhint("Another share or salt would move members from group to group; give another code.")));
	core_leave(&scope);
	PG_RETURN_BOOL(made);
}

static bool
is_held_out(const Holdout *holdout, int64 member)
{
	return holdout_point(holdout->salt, member) < holdout->share;
}

static bool
ask_holdout(FunctionCallInfo fcinfo, const char *function)
{
	static const char *const names[] = {"member", "code", "program"};
	Holdout		holdout;
	CoreScope	scope;
	int64		program;
	bool		result;

	core_refuse_nulls(fcinfo, function, names, 0);
	program = PG_GETARG_INT64(2);
	core_enter(&scope);
	require_holdout(program, PG_GETARG_DATUM(1), &holdout);
	result = is_held_out(&holdout,
						 core_member_bearer(program, PG_GETARG_INT64(0)));
	core_leave(&scope);
	return result;
}

/* in_holdout(member, code, program) */
Datum
community_in_holdout(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(ask_holdout(fcinfo, "in_holdout"));
}

/* holdout_group(member, code, program) */
Datum
community_holdout_group(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(ask_holdout(fcinfo, "holdout_group") ?
									 "holdout" : "treated"));
}

/* The time that is looked at; finite, and not empty. */
static void
holdout_window(RangeType *during, TimestampTz *from, TimestampTz *to)
{
	RangeBound	lower;
	RangeBound	upper;
	bool		empty;
	char	   *shown;

	shown = OidOutputFunctionCall(F_RANGE_OUT, RangeTypePGetDatum(during));
	range_deserialize(lookup_type_cache(RangeTypeGetOid(during),
										TYPECACHE_RANGE_INFO),
					  during, &lower, &upper, &empty);
	if (empty || lower.infinite || upper.infinite ||
		TIMESTAMP_NOT_FINITE(DatumGetTimestampTz(lower.val)) ||
		TIMESTAMP_NOT_FINITE(DatumGetTimestampTz(upper.val)) ||
		!lower.inclusive || upper.inclusive)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("during of holdout_lift() must have two finite ends, the first of them inclusive and the second not"),
				 errdetail("It is %s.", shown)));
	*from = DatumGetTimestampTz(lower.val);
	*to = DatumGetTimestampTz(upper.val);
	if (*to / USECS_PER_DAY - *from / USECS_PER_DAY > HOLDOUT_MAX_DAYS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("during of holdout_lift() must not be longer than %d days",
						HOLDOUT_MAX_DAYS)));
}

/*
 * Sort the members into groups: those who were there when the time began, and
 * for the placebo, those of them who were there all the time before.
 */
static void
fill_groups(HoldoutGroups *groups, const Holdout *holdout,
			const ScorePeople *people, const ScoreOutcomes *outcomes,
			TimestampTz before, TimestampTz from)
{
	int32		member;

	for (member = 0; member < people->count; member++)
	{
		double		had[2] = {0.0, 0.0};
		int			group;
		int64		i;

		if (member % HOLDOUT_INTERRUPT_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		if (people->joined[member] > from || people->closed[member] <= from)
			continue;
		for (i = outcomes->first[member]; i < outcomes->first[member + 1]; i++)
			had[outcomes->buckets[i]] += outcomes->values[i];
		group = is_held_out(holdout, people->ids[member]) ? 1 : 0;
		score_moments_add(&groups->during[group], had[1]);
		if (people->joined[member] <= before)
			score_moments_add(&groups->before[group], had[0]);
	}
}

/* What should be known before the figure is believed. */
static Datum
holdout_warnings(const HoldoutGroups *groups, const ScoreEstimate *placebo,
				 double share)
{
	Datum		items[HOLDOUT_MAX_WARNINGS];
	double		held = groups->during[1].count;
	double		all = held + groups->during[0].count;
	int			count = 0;

	if (groups->during[0].count < HOLDOUT_FEW ||
		groups->during[1].count < HOLDOUT_FEW)
		items[count++] = CStringGetTextDatum("few");
	if (fabs(held - share * all) >
		HOLDOUT_FAR * sqrt(all * share * (1.0 - share)) + 0.5)
		items[count++] = CStringGetTextDatum("ratio");
	if (!placebo->known)
		items[count++] = CStringGetTextDatum("no_placebo");
	else if (placebo->lower > 0.0 || placebo->upper < 0.0)
		items[count++] = CStringGetTextDatum("placebo");
	return PointerGetDatum(construct_array(items, count, TEXTOID, -1, false,
										   TYPALIGN_INT));
}

static Datum
holdout_result(FunctionCallInfo fcinfo, const HoldoutGroups *groups,
			   double share, double confidence)
{
	ScoreEstimate effect = score_welch(&groups->during[0], &groups->during[1],
									   confidence);
	ScoreEstimate placebo = score_welch(&groups->before[0],
										&groups->before[1], confidence);
	const ScoreMoments *treated = &groups->during[0];
	const ScoreMoments *held = &groups->during[1];
	TupleDesc	tupdesc;
	Datum		values[HOLDOUT_COLUMNS] = {0};
	bool		nulls[HOLDOUT_COLUMNS] = {false};
	int			i;

	values[0] = Int64GetDatum(treated->count);
	values[1] = Int64GetDatum(held->count);
	values[2] = Float8GetDatum(treated->mean);
	nulls[2] = treated->count == 0;
	values[3] = Float8GetDatum(held->mean);
	nulls[3] = held->count == 0;
	values[4] = Float8GetDatum(effect.value);
	values[5] = Float8GetDatum(effect.error);
	values[6] = Float8GetDatum(effect.lower);
	values[7] = Float8GetDatum(effect.upper);
	values[8] = Float8GetDatum(held->mean > 0.0 ?
							   effect.value / held->mean : 0.0);
	values[9] = Float8GetDatum(effect.value * (double) treated->count);
	for (i = 4; i < 10; i++)
		nulls[i] = !effect.known;
	nulls[8] = !effect.known || !(held->mean > 0.0);
	values[10] = Float8GetDatum(placebo.value);
	values[11] = Float8GetDatum(placebo.lower);
	values[12] = Float8GetDatum(placebo.upper);
	nulls[10] = nulls[11] = nulls[12] = !placebo.known;
	values[13] = holdout_warnings(groups, &placebo, share);
	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "holdout_lift() must return a row");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc), values,
											 nulls));
}

/* holdout_lift(code, during, measure, confidence, program) */
Datum
community_holdout_lift(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"code", "during", "measure",
	"confidence", "program"};
	ScoreOutcomeQuestion question = {0};
	HoldoutGroups groups = {0};
	Holdout		holdout;
	ScorePeople *people;
	ScoreOutcomes *outcomes;
	CoreScope	scope;
	double		confidence;

	core_refuse_nulls(fcinfo, "holdout_lift", names, 1 << 2);
	confidence = score_confidence(PG_GETARG_FLOAT8(3), "holdout_lift");
	holdout_window(PG_GETARG_RANGE_P(1), &question.start, &question.to);
	question.from = question.start - (question.to - question.start);

	core_enter(&scope);
	question.program = PG_GETARG_INT64(4);
	require_holdout(question.program, PG_GETARG_DATUM(0), &holdout);
	score_find_measure(&question,
					   PG_ARGISNULL(2) ? NULL : PG_GETARG_TEXT_PP(2));
	people = score_read_people(question.program);
	outcomes = score_read_outcomes(&question, people);
	fill_groups(&groups, &holdout, people, outcomes, question.from,
				question.start);
	core_leave(&scope);
	return holdout_result(fcinfo, &groups, holdout.share, confidence);
}
