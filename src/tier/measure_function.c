/*-------------------------------------------------------------------------
 *
 * measure_function.c
 *	  Measures that are a function of the application's own.
 *
 * Such a function runs with the rights of the role that owns it, as if it
 * were SECURITY DEFINER, whoever asks for the value.  So a measure names no
 * function that belongs to somebody else: neither could the owner of our
 * tables borrow the rights of another role by writing its name into a row,
 * nor could the function be replaced by a stranger.  For the same reason a
 * superuser's function is refused where the tables are an ordinary role's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "tier/config.h"

/* what follows the name in every signature */
#define ARGUMENTS "(bigint, bigint, pg_catalog.tstzrange)"

static void
refuse_function(const char *measure, const char *function,
				const char *fault)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
			 errmsg("function %s of measure \"%s\" %s", function, measure,
					fault),
			 errdetail("A measure takes a function (program bigint, member bigint, during tstzrange) that returns numeric and is STABLE or IMMUTABLE.")));
}

/* The function as the present role sees it, with its search path. */
static Oid
find_function(const char *measure, const char *name)
{
	LOCAL_FCINFO(fcinfo, 1);
	bool		quoted = false;
	const char *at;
	Datum		result;

	for (at = name; *at != '\0'; at++)
	{
		if (*at == '"')
			quoted = !quoted;
		if (*at == '(' && !quoted)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_NAME),
					 errmsg("function %s of measure \"%s\" is not a name",
							name, measure),
					 errhint("Give the name without arguments.")));
	}
	InitFunctionCallInfoData(*fcinfo, NULL, 1, InvalidOid, NULL, NULL);
	fcinfo->args[0].value =
		CStringGetTextDatum(psprintf("%s%s", name, ARGUMENTS));
	fcinfo->args[0].isnull = false;
	result = to_regprocedure(fcinfo);
	if (fcinfo->isnull)
		refuse_function(measure, name, "does not exist");
	return DatumGetObjectId(result);
}

static Oid
owner_of_tables(void)
{
	CoreScope	scope;
	Oid			owner;

	core_become_owner(&scope);
	owner = GetUserId();
	core_leave(&scope);
	return owner;
}

/* See the head of the file. */
static void
check_power(const char *measure, const char *function, Oid owner)
{
	Oid			tables = owner_of_tables();

	if (superuser_arg(owner) && !superuser_arg(tables))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("function %s of measure \"%s\" belongs to the superuser \"%s\", the tables of community to \"%s\"",
						function, measure, GetUserNameFromId(owner, false),
						GetUserNameFromId(tables, false)),
				 errhint("Give the function to an ordinary role, with ALTER FUNCTION ... OWNER TO, and define the measure again.")));
}

static bool
returns_numeric(Form_pg_proc form)
{
	return form->prokind == PROKIND_FUNCTION && !form->proretset &&
		form->prorettype == NUMERICOID;
}

/*
 * Check a function that is to become a measure, as the role that defines it,
 * before core_enter().
 */
void
tier_config_function(text *given, const char *measure,
					 TierFunction *function)
{
	Oid			oid = find_function(measure, text_to_cstring(given));
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(oid));
	Form_pg_proc form;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", oid);
	form = (Form_pg_proc) GETSTRUCT(tuple);
	function->name =
		quote_qualified_identifier(get_namespace_name(form->pronamespace),
								   NameStr(form->proname));
	function->role = GetUserNameFromId(form->proowner, false);
	if (!returns_numeric(form))
		refuse_function(measure, function->name, "does not return numeric");
	if (form->provolatile == PROVOLATILE_VOLATILE)
		refuse_function(measure, function->name, "is VOLATILE");
	if (isAnyTempNamespace(form->pronamespace))
		refuse_function(measure, function->name, "is temporary");
	if (!has_privs_of_role(GetUserId(), form->proowner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("function %s of measure \"%s\" belongs to role \"%s\"",
						function->name, measure, function->role),
				 errdetail("It would run with the rights of that role."),
				 errhint("A measure is defined by the owner of its function.")));
	check_power(measure, function->name, form->proowner);
	ReleaseSysCache(tuple);
}

/* It may have been replaced or given away since it was registered. */
static void
check_function(Oid oid, Oid role, const char *measure,
			   const TierFunction *function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(oid));
	Form_pg_proc form;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", oid);
	form = (Form_pg_proc) GETSTRUCT(tuple);
	if (!returns_numeric(form))
		refuse_function(measure, function->name, "does not return numeric");
	if (form->provolatile == PROVOLATILE_VOLATILE)
		refuse_function(measure, function->name, "is VOLATILE");
	if (form->proowner != role)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("function %s of measure \"%s\" does not belong to role \"%s\", which registered it",
						function->name, measure, function->role),
				 errhint("The owner of the tables can set registered_by in community.measure.")));
	ReleaseSysCache(tuple);
}

/*
 * The value of a measure of this kind.  Runs as the role that registered it,
 * which must still own the function, with the search path pinned, and what it
 * can set ends with the call.
 */
Datum
tier_call_function(const char *measure, const TierFunction *function,
				   int64 program, int64 member, Datum during, bool *isnull)
{
	LOCAL_FCINFO(fcinfo, 3);
	Oid			role = get_role_oid(function->role, true);
	FmgrInfo	info;
	Oid			user;
	int			context;
	int			level;
	Oid			oid;
	Datum		result;

	if (!OidIsValid(role))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("role \"%s\" that registered measure \"%s\" does not exist",
						function->role, measure)));
	check_power(measure, function->name, role);

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(role, context | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION);
	level = core_pin_search_path();
	oid = find_function(measure, function->name);
	check_function(oid, role, measure, function);
	fmgr_info(oid, &info);

	InitFunctionCallInfoData(*fcinfo, &info, 3, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = Int64GetDatum(program);
	fcinfo->args[0].isnull = false;
	fcinfo->args[1].value = Int64GetDatum(member);
	fcinfo->args[1].isnull = false;
	fcinfo->args[2].value = during;
	fcinfo->args[2].isnull = false;
	result = FunctionCallInvoke(fcinfo);
	*isnull = fcinfo->isnull;

	AtEOXact_GUC(false, level);
	SetUserIdAndSecContext(user, context);
	return result;
}
