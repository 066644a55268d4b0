/*-------------------------------------------------------------------------
 *
 * owner.c
 *	  Acting as the owner of the tables.
 *
 * Applications hold EXECUTE on functions and nothing on tables.  A function
 * that touches tables brackets its SQL with core_enter() and core_leave():
 * between them it runs as the owner of the tables, with the search path
 * pinned and SPI connected.  An error in between needs no care: abort of the
 * (sub)transaction restores user, settings and SPI.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "pgtime.h"
#include "utils/bytea.h"
#include "utils/float.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"

/* the "installation" table whose version this session has checked */
static Oid	checked_installation = InvalidOid;
static uint64 installation_changes = 0;

/* that table and its owner, until something happens to it */
static Oid	known_installation = InvalidOid;
static Oid	known_owner = InvalidOid;

static Oid
find_installation(void)
{
	Oid			schema = get_namespace_oid(COMMUNITY_SCHEMA, true);

	if (!OidIsValid(schema))
		return InvalidOid;
	return get_relname_relid("installation", schema);
}

bool
core_is_installed(void)
{
	return OidIsValid(find_installation());
}

static Oid
owner_of(Oid relation)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relation);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/*
 * Refuse tables of another version than this library was made for.  Runs
 * once a session and installation, and after each migration; SPI must be
 * connected.  An old snapshot would show the version of before.
 */
static void
check_tables_version(Oid installation)
{
	static CorePlan plan = {
		.sql = "SELECT tables_version FROM community.installation"
	};
	uint64		changes = installation_changes;
	int64		found;

	core_run_latest(&plan, NULL);
	if (SPI_processed != 1)
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_NOT_INSTALLED),
				 errmsg("table \"community.installation\" must hold one row, not %llu",
						(unsigned long long) SPI_processed)));
	found = core_int64(0, 1);
	if (found != COMMUNITY_TABLES_VERSION)
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_TABLES_VERSION),
				 errmsg("tables of community have version %lld, library %s needs version %d",
						(long long) found, COMMUNITY_VERSION,
						COMMUNITY_TABLES_VERSION),
				 found < COMMUNITY_TABLES_VERSION ?
				 errhint("Run ALTER EXTENSION community UPDATE, then SELECT community.install_tables().") :
				 errhint("Install the package of community that these tables were made with, or a newer one.")));
	/* unless it was migrated while we looked */
	if (changes == installation_changes)
		checked_installation = installation;
}

static bool
is_pinned(void)
{
	return strcmp(namespace_search_path, COMMUNITY_SEARCH_PATH) == 0;
}

/*
 * Pin the search path until the settings level that is returned ends.  Skips
 * the work when it is pinned already.
 */
int
core_pin_search_path(void)
{
	int			level = NewGUCNestLevel();

	if (!is_pinned())
		(void) set_config_option("search_path", COMMUNITY_SEARCH_PATH,
								 PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	return level;
}

static void
pin(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

/*
 * Pin everything that changes how a value is written as text or how a time
 * without zone is read, so that an expression over a row gives the same
 * result in every session.  The caller has opened a settings level.
 */
void
core_pin_evaluation(const char *time_zone)
{
	if (DateStyle != USE_ISO_DATES || DateOrder != DATEORDER_YMD)
		pin("DateStyle", "ISO, YMD");
	if (IntervalStyle != INTSTYLE_POSTGRES)
		pin("IntervalStyle", "postgres");
	if (extra_float_digits < 1)
		pin("extra_float_digits", "1");
	if (bytea_output != BYTEA_OUTPUT_HEX)
		pin("bytea_output", "hex");
	if (strcmp(pg_get_timezone_name(session_timezone), time_zone) != 0)
		pin("TimeZone", time_zone);
}

/*
 * Something has happened to the table.  Its row changes when the tables are
 * migrated, and a session that has the library of before must not go on.
 */
static void
forget_owner(Datum arg, Oid relation)
{
	if (relation == InvalidOid || relation == known_installation)
	{
		known_installation = InvalidOid;
		checked_installation = InvalidOid;
		installation_changes++;
	}
}

/* The table and its owner, looked up once until something happens to it. */
static Oid
find_owner(Oid *owner)
{
	static bool registered = false;

	if (!registered)
	{
		CacheRegisterRelcacheCallback(forget_owner, (Datum) 0);
		registered = true;
	}
	if (!OidIsValid(known_installation))
	{
		Oid			found = find_installation();

		if (!OidIsValid(found))
			ereport(ERROR,
					(errcode(COMMUNITY_ERRCODE_NOT_INSTALLED),
					 errmsg("the tables of community are not installed in this database"),
					 errhint("Call community.create_program(name), or community.install_tables(owner) for another owner.")));
		known_owner = owner_of(found);
		known_installation = found;
	}
	*owner = known_owner;
	return known_installation;
}

/*
 * Become the owner, and no more: enough for work that looks no name up and
 * runs no SQL.  core_connect() does the rest when it turns out to be needed.
 */
void
core_become_owner(CoreScope *scope)
{
	Oid			owner;
	Oid			installation = find_owner(&owner);

	GetUserIdAndSecContext(&scope->user_id, &scope->security_context);
	SetUserIdAndSecContext(owner, scope->security_context |
						   SECURITY_LOCAL_USERID_CHANGE);
	scope->guc_level = 0;
	scope->connected = false;
	if (installation != checked_installation)
	{
		core_connect(scope);
		check_tables_version(installation);
	}
}

/* Make ready for SQL, unless that is done; NULL says that it is. */
void
core_connect(CoreScope *scope)
{
	if (scope == NULL || scope->connected)
		return;
	/* ending a level costs a look at every setting there is */
	if (!is_pinned())
		scope->guc_level = core_pin_search_path();
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	scope->connected = true;
}

/* See the head of the file. */
void
core_enter(CoreScope *scope)
{
	core_become_owner(scope);
	core_connect(scope);
}

void
core_leave(CoreScope *scope)
{
	if (scope->connected)
		SPI_finish();
	if (scope->guc_level > 0)
		AtEOXact_GUC(true, scope->guc_level);
	SetUserIdAndSecContext(scope->user_id, scope->security_context);
}
