/*-------------------------------------------------------------------------
 *
 * define.c
 *	  define_referrals(): how the referrals of a program work, with words for
 *	  what is wrong.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "referral/place.h"

PG_FUNCTION_INFO_V1(community_define_referrals);

enum
{
	SETTING_MAXIMUM_DEPTH, SETTING_PAID_LEVELS, SETTING_SPONSOR_REQUIRED,
	SETTING_BINDING, SETTING_BINDING_WINDOW, SETTING_INVITER_LADDER,
	SETTING_INVITER_TIER, SETTING_INVITER_AGE, SETTING_INVITATIONS,
	SETTING_INVITATION_PERIOD, SETTING_LATE_BINDINGS, SETTING_TOUCH,
	SETTING_CLICK_WINDOW, SETTING_PROGRAM, SETTING_ARGUMENTS
};

#define BIT(argument)		(1U << (argument))
#define MOST_PAID_LEVELS	1000

static void
check_number(FunctionCallInfo fcinfo, int argument, const char *name,
			 int32 least, int32 most)
{
	int32		value;

	if (PG_ARGISNULL(argument))
		return;
	value = PG_GETARG_INT32(argument);
	if (value < least || value > most)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be %d to %d, not %d", name, least, most,
						value)));
}

static void
check_interval(FunctionCallInfo fcinfo, int argument, const char *name)
{
	Interval	zero = {0};

	if (PG_ARGISNULL(argument))
		return;
	if (!DatumGetBool(DirectFunctionCall2(interval_gt,
										  PG_GETARG_DATUM(argument),
										  IntervalPGetDatum(&zero))))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be longer than nothing", name)));
}

/* Two arguments are given both or not at all. */
static void
check_pair(FunctionCallInfo fcinfo, int one, const char *one_name, int other,
		   const char *other_name)
{
	if (PG_ARGISNULL(one) != PG_ARGISNULL(other))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s needs %s",
						PG_ARGISNULL(one) ? other_name : one_name,
						PG_ARGISNULL(one) ? one_name : other_name)));
}

static void
check_binding(FunctionCallInfo fcinfo)
{
	char	   *binding = text_to_cstring(PG_GETARG_TEXT_PP(SETTING_BINDING));
	bool		windowed = strcmp(binding, "window") == 0;

	if (!windowed && strcmp(binding, "permanent") != 0 &&
		strcmp(binding, "rebindable") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("binding \"%s\" is unknown", binding),
				 errhint("Bindings are \"permanent\", \"window\" and \"rebindable\".")));
	if (windowed == PG_ARGISNULL(SETTING_BINDING_WINDOW))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 windowed ?
				 errmsg("binding \"window\" needs binding_window") :
				 errmsg("binding \"%s\" has no binding_window", binding)));
}

static void
check_touch(FunctionCallInfo fcinfo)
{
	char	   *touch = text_to_cstring(PG_GETARG_TEXT_PP(SETTING_TOUCH));

	if (strcmp(touch, "first") != 0 && strcmp(touch, "last") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("touch \"%s\" is unknown", touch),
				 errhint("The click that counts is the \"first\" or the \"last\".")));
}

static void
check_arguments(FunctionCallInfo fcinfo)
{
	static const char *const names[] = {
		"maximum_depth", "paid_levels", "sponsor_required", "binding",
		"binding_window", "inviter_ladder", "inviter_tier", "inviter_age",
		"invitations", "invitation_period", "late_bindings", "touch",
		"click_window", "program"
	};

	core_refuse_nulls(fcinfo, "define_referrals", names,
					  BIT(SETTING_BINDING_WINDOW) |
					  BIT(SETTING_INVITER_LADDER) |
					  BIT(SETTING_INVITER_TIER) | BIT(SETTING_INVITER_AGE) |
					  BIT(SETTING_INVITATIONS) |
					  BIT(SETTING_INVITATION_PERIOD));
	check_number(fcinfo, SETTING_MAXIMUM_DEPTH, "maximum_depth", 1,
				 REFERRAL_UNMEASURED - 1);
	check_number(fcinfo, SETTING_PAID_LEVELS, "paid_levels", 0,
				 MOST_PAID_LEVELS);
	check_number(fcinfo, SETTING_INVITATIONS, "invitations", 0, PG_INT32_MAX);
	check_binding(fcinfo);
	check_interval(fcinfo, SETTING_BINDING_WINDOW, "binding_window");
	check_interval(fcinfo, SETTING_INVITER_AGE, "inviter_age");
	check_interval(fcinfo, SETTING_CLICK_WINDOW, "click_window");
	check_touch(fcinfo);
	check_pair(fcinfo, SETTING_INVITER_LADDER, "inviter_ladder",
			   SETTING_INVITER_TIER, "inviter_tier");
	check_pair(fcinfo, SETTING_INVITATIONS, "invitations",
			   SETTING_INVITATION_PERIOD, "invitation_period");
}

/* The tier must be one of the draft or of a version of the ladder. */
static void
check_tier(FunctionCallInfo fcinfo)
{
	static CorePlan plan = {
		.sql = "SELECT l.ladder_id IS NOT NULL, EXISTS (SELECT"
		"  FROM community.tier AS t WHERE t.program_id = $1"
		"  AND t.ladder_id = l.ladder_id AND t.name = $3)"
		" OR EXISTS (SELECT FROM community.ladder_version AS v,"
		"  jsonb_array_elements(v.definition -> 'tiers') AS t (value)"
		"  WHERE v.program_id = $1 AND v.ladder_id = l.ladder_id"
		"  AND t.value ->> 'name' = $3)"
		" FROM (SELECT) AS one LEFT JOIN community.ladder AS l"
		" ON l.program_id = $1 AND l.name = $2",
		.nargs = 3,
		.argtypes = {INT8OID, TEXTOID, TEXTOID}
	};
	Datum		values[3];

	if (PG_ARGISNULL(SETTING_INVITER_TIER))
		return;
	values[0] = PG_GETARG_DATUM(SETTING_PROGRAM);
	values[1] = PG_GETARG_DATUM(SETTING_INVITER_LADDER);
	values[2] = PG_GETARG_DATUM(SETTING_INVITER_TIER);
	core_run(&plan, values, NULL, false);
	if (!core_bool(0, 1))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("ladder \"%s\" of program \"%s\" does not exist",
						TextDatumGetCString(values[1]),
						core_program_name(PG_GETARG_INT64(SETTING_PROGRAM)))));
	if (!core_bool(0, 2))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("tier \"%s\" of ladder \"%s\" does not exist",
						TextDatumGetCString(values[2]),
						TextDatumGetCString(values[1]))));
}

/*
 * How many levels are paid is a matter of law in some countries, so who may
 * merely call functions cannot raise it.
 */
static void
check_paid_levels(FunctionCallInfo fcinfo, Oid caller)
{
	static CorePlan plan = {
		.sql = "SELECT coalesce((SELECT paid_levels"
		" FROM community.referral_setting WHERE program_id = $1), 1)",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	Datum		values[1];

	if (has_privs_of_role(caller, GetUserId()))
		return;
	values[0] = PG_GETARG_DATUM(SETTING_PROGRAM);
	core_run_latest(&plan, values);
	if (PG_GETARG_INT32(SETTING_PAID_LEVELS) > core_int64(0, 1))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to raise paid_levels from %lld to %d",
						(long long) core_int64(0, 1),
						PG_GETARG_INT32(SETTING_PAID_LEVELS)),
				 errdetail("Only the owner of the tables may do that.")));
}

/* define_referrals(...) -> boolean, false when nothing changed */
Datum
community_define_referrals(PG_FUNCTION_ARGS)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.referral_setting AS s (maximum_depth,"
		" paid_levels, sponsor_required, binding, binding_window,"
		" inviter_ladder, inviter_tier, inviter_age, invitations,"
		" invitation_period, late_bindings, touch, click_window, program_id)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,"
		" $14)"
		" ON CONFLICT (program_id) DO UPDATE SET (maximum_depth,"
		" paid_levels, sponsor_required, binding, binding_window,"
		" inviter_ladder, inviter_tier, inviter_age, invitations,"
		" invitation_period, late_bindings, touch, click_window)"
		" = ROW ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
		" WHERE (s.maximum_depth, s.paid_levels, s.sponsor_required,"
		" s.binding, s.binding_window::text, s.inviter_ladder,"
		" s.inviter_tier, s.inviter_age::text, s.invitations,"
		" s.invitation_period::text, s.late_bindings, s.touch,"
		" s.click_window::text) IS DISTINCT FROM"
		" ($1, $2, $3, $4, $5::text, $6, $7, $8::text, $9, $10::text, $11,"
		" $12, $13::text)",
		.nargs = SETTING_ARGUMENTS,
		.argtypes = {INT4OID, INT4OID, BOOLOID, TEXTOID, INTERVALOID, TEXTOID,
			TEXTOID, INTERVALOID, INT4OID, InvalidOid, BOOLOID, TEXTOID,
		INTERVALOID, INT8OID},
		.own_type = "period"
	};
	Datum		values[SETTING_ARGUMENTS];
	char		nulls[SETTING_ARGUMENTS + 1];
	CoreScope	scope;
	bool		changed;
	int			i;

	check_arguments(fcinfo);
	for (i = 0; i < SETTING_ARGUMENTS; i++)
	{
		values[i] = PG_GETARG_DATUM(i);
		nulls[i] = PG_ARGISNULL(i) ? 'n' : ' ';
	}
	nulls[SETTING_ARGUMENTS] = '\0';
	core_enter(&scope);
	(void) core_program_name(PG_GETARG_INT64(SETTING_PROGRAM));
	check_tier(fcinfo);
	check_paid_levels(fcinfo, scope.user_id);
	core_run(&plan, values, nulls, false);
	changed = SPI_processed > 0;
	core_leave(&scope);
	PG_RETURN_BOOL(changed);
}
