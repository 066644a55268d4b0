/*-------------------------------------------------------------------------
 *
 * fraud.c
 *	  Rules against fraud at work: review_referrals(), decide_flag().
 *
 * A signal says of whom what is suspected; here it becomes a flag, once for
 * each subject, however often it is looked for.  People decide about flags;
 * a rule may hold, and nothing but a decision releases or confirms.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "referral/invite.h"
#include "referral/sanction.h"

PG_FUNCTION_INFO_V1(community_review_referrals);
PG_FUNCTION_INFO_V1(community_decide_flag);

/* A rule in force. */
typedef struct Rule
{
	int64		rule_id;
	char	   *kind;
	char	   *name;
	Datum		parameters;		/* jsonb */
	bool		holds;
} Rule;

/* The rules in force at a time; palloc'd. */
static Rule *
read_rules(int64 program, TimestampTz at, int *count)
{
	static CorePlan plan = {
		.sql = "SELECT rule_id, kind, name, parameters, action = 'hold'"
		" FROM community.fraud_rule WHERE program_id = $1"
		" AND valid @> $2 AND action <> 'none' ORDER BY rule_id",
		.nargs = 2,
		.argtypes = {INT8OID, TIMESTAMPTZOID}
	};
	Datum		values[2];
	Rule	   *rules;
	int			i;

	values[0] = Int64GetDatum(program);
	values[1] = TimestampTzGetDatum(at);
	core_run(&plan, values, NULL, false);
	*count = (int) SPI_processed;
	rules = palloc_array(Rule, Max(*count, 1));
	for (i = 0; i < *count; i++)
	{
		bool		isnull;

		rules[i].rule_id = core_int64(i, 1);
		rules[i].kind = core_text(i, 2);
		rules[i].name = core_text(i, 3);
		rules[i].parameters = core_field(i, 4, &isnull);
		rules[i].holds = core_bool(i, 5);
	}
	return rules;
}

/* Flag what a rule finds and was not flagged before. */
static int64
apply_rule(int64 program, TimestampTz at, const Rule *rule)
{
#define FLAG(kind) \
	{kind, { \
		.sql = "INSERT INTO community.referral_flag (program_id, rule_id," \
		" member_id, subject, evidence, status, flagged_at)" \
		" SELECT $1, $2, s.member_id, s.subject, s.evidence," \
		" CASE WHEN $5 THEN 'held' ELSE 'open' END, $4" \
		" FROM community.fraud_" kind "($3, $4, $1) AS s" \
		" ORDER BY s.member_id, s.subject" \
		" ON CONFLICT (program_id, member_id, rule_id, subject) DO NOTHING", \
		.nargs = 5, \
		.argtypes = {INT8OID, INT8OID, JSONBOID, TIMESTAMPTZOID, BOOLOID} \
	}}
	static struct
	{
		const char *kind;
		CorePlan	plan;
	}			signals[] = {
		FLAG("same_identity"), FLAG("rejoined"), FLAG("ring"),
		FLAG("same_address"), FLAG("velocity"), FLAG("chain"), FLAG("star"),
		FLAG("too_fast"), FLAG("reward")
	};
	Datum		values[5];
	int			i;

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(rule->rule_id);
	values[2] = rule->parameters;
	values[3] = TimestampTzGetDatum(at);
	values[4] = BoolGetDatum(rule->holds);
	for (i = 0; i < lengthof(signals); i++)
		if (strcmp(signals[i].kind, rule->kind) == 0)
		{
			core_run(&signals[i].plan, values, NULL, false);
			return (int64) SPI_processed;
		}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("fraud rule \"%s\" has kind \"%s\", which does not exist",
					rule->name, rule->kind)));
	return 0;
}

/* review_referrals(as_of, program) -> bigint, how many new flags */
Datum
community_review_referrals(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"as_of", "program"};
	TimestampTz at;
	int64		program;
	int64		flags = 0;
	CoreScope	scope;
	Rule	   *rules;
	int			count;
	int			i;

	core_refuse_nulls(fcinfo, "review_referrals", names, 0);
	at = PG_GETARG_TIMESTAMPTZ(0);
	referral_check_time(at, "as_of");
	program = PG_GETARG_INT64(1);
	core_enter(&scope);
	(void) core_program_name(program);
	rules = read_rules(program, at, &count);
	for (i = 0; i < count; i++)
		flags += apply_rule(program, at, &rules[i]);
	core_leave(&scope);
	PG_RETURN_INT64(flags);
}

/* Why a decision could not be made. */
static bool
explain_decision(Datum *values, const char *decision, const char *status)
{
	static CorePlan plan = {
		.sql = "SELECT status FROM community.referral_flag"
		" WHERE program_id = $1 AND flag_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	char	   *is;

	core_run_latest(&plan, values);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("flag %lld of program \"%s\" does not exist",
						(long long) DatumGetInt64(values[1]),
						core_program_name(DatumGetInt64(values[0])))));
	is = core_text(0, 1);
	if (strcmp(is, status) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot %s flag %lld: it is %s", decision,
						(long long) DatumGetInt64(values[1]), is)));
	return false;
}

/* decide_flag(flag, decision, reason, program) -> boolean, false if it was */
Datum
community_decide_flag(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"flag", "decision", "reason",
	"program"};
	static CorePlan plan = {
		.sql = "WITH decided AS (UPDATE community.referral_flag"
		"  SET status = $5 WHERE program_id = $1 AND flag_id = $2"
		"  AND (status = 'open' OR status = 'held' AND $5 <> 'held')"
		"  RETURNING flag_id)"
		" INSERT INTO community.referral_decision (program_id, flag_id,"
		"  decision, reason) SELECT $1, d.flag_id, $3, $4 FROM decided AS d"
		" RETURNING decision_id, (SELECT f.member_id"
		"  FROM community.referral_flag AS f WHERE f.program_id = $1"
		"  AND f.flag_id = $2)",
		.nargs = 5,
		.argtypes = {INT8OID, INT8OID, TEXTOID, TEXTOID, TEXTOID}
	};
	const char *status;
	char	   *decision;
	Datum		values[5];
	CoreScope	scope;
	int64		program;
	bool		decided = true;

	core_refuse_nulls(fcinfo, "decide_flag", names, 0);
	decision = text_to_cstring(PG_GETARG_TEXT_PP(1));
	(void) core_name_argument(PG_GETARG_TEXT_PP(2), "reason");
	if (strcmp(decision, "hold") == 0)
		status = "held";
	else if (strcmp(decision, "release") == 0)
		status = "released";
	else if (strcmp(decision, "confirm") == 0)
		status = "confirmed";
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("decision \"%s\" about a flag does not exist",
						decision),
				 errdetail("There are hold, release and confirm.")));
	program = PG_GETARG_INT64(3);
	values[0] = Int64GetDatum(program);
	values[1] = PG_GETARG_DATUM(0);
	values[2] = PG_GETARG_DATUM(1);
	values[3] = PG_GETARG_DATUM(2);
	values[4] = CStringGetTextDatum(status);
	core_enter(&scope);
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		decided = explain_decision(values, decision, status);
	else if (strcmp(decision, "release") == 0)
		referral_release_held(program, core_int64(0, 2));
	else if (strcmp(decision, "confirm") == 0)
		referral_forfeit_held(program, core_int64(0, 2), core_int64(0, 1),
							  values[3]);
	core_leave(&scope);
	PG_RETURN_BOOL(decided);
}
