/*-------------------------------------------------------------------------
 *
 * core.h
 *	  What every room may use: settings, kept plans, the owner switch, ids.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_CORE_H
#define COMMUNITY_CORE_H

#include "executor/spi.h"
#include "utils/plancache.h"

#include "core/compat.h"

/*
 * Bumped whenever tables.sql of any room changes in shape; a test gives
 * another.
 */
#ifndef COMMUNITY_TABLES_VERSION
#define COMMUNITY_TABLES_VERSION	1
#endif

#define COMMUNITY_SCHEMA			"community"
#define COMMUNITY_SEARCH_PATH		"pg_catalog, pg_temp"

/* Longest text that names something: keys, types, sources, external ids. */
#define COMMUNITY_MAX_NAME_LENGTH	512

#define CORE_MAX_ARGS				24

/* what process_inbox() does with a row that record() would refuse */
typedef enum CoreInboxFault
{
	CORE_INBOX_DIVERT,
	CORE_INBOX_REFUSE
} CoreInboxFault;

/*
 * A statement that is prepared once a session and kept.  Declare it static,
 * with text and argument types; core_run() fills in the plan.  The OID of a
 * type of ours changes when the extension is dropped and created again, so
 * such an argument is InvalidOid here and named by "own_type".
 */
typedef struct CorePlan
{
	const char *sql;
	int			nargs;
	Oid			argtypes[CORE_MAX_ARGS];
	const char *own_type;		/* what InvalidOid in argtypes stands for */
	bool		by_index;		/* for few rows of large tables, always */
	SPIPlanPtr	plan;
	uint64		generation;		/* another one for each plan that is kept */
} CorePlan;

/*
 * A configuration table whose changes are to be noticed; see watch.c.
 * Declare it static, with its name.
 */
typedef struct CoreWatch
{
	const char *name;
	bool		known;
	bool		tells;
	Oid			table_id;
	uint64		generation;
	struct CoreWatch *next;
} CoreWatch;

/* What core_enter() changed and core_leave() puts back. */
typedef struct CoreScope
{
	Oid			user_id;
	int			security_context;
	int			guc_level;
	bool		connected;
} CoreScope;

/* settings.c */
extern char *core_program_setting;
extern int	core_inbox_on_fault;
extern void core_define_settings(void);

/* owner.c */
extern bool core_is_installed(void);
extern void core_become_owner(CoreScope *scope);
extern void core_connect(CoreScope *scope);
extern void core_enter(CoreScope *scope);
extern void core_leave(CoreScope *scope);
extern int	core_pin_search_path(void);
extern void core_pin_evaluation(const char *time_zone);

/* plan.c */
extern int	core_run(CorePlan *plan, Datum *values, const char *nulls,
					 bool read_only);
extern int	core_run_once(const CorePlan *plan, Datum *values,
						  const char *nulls, bool read_only);
extern int	core_run_into(CorePlan *plan, Datum *values, const char *nulls,
						  bool keep, DestReceiver *dest);
extern void core_read_into(CorePlan *plan, Datum *values, DestReceiver *dest);
extern CachedPlan *core_get_plan(CorePlan *plan);
extern void core_run_latest(CorePlan *plan, Datum *values);
extern void core_change_latest(CorePlan *plan, Datum *values,
							   const char *nulls);
extern Portal core_open_cursor(CorePlan *plan, Datum *values, bool keep);
extern Datum core_field(int row, int column, bool *isnull);
extern int64 core_int64(int row, int column);
extern bool core_bool(int row, int column);
extern char *core_text(int row, int column);

/* attempt.c */
extern ErrorData *core_attempt(void (*action) (void *arg), void *arg);
extern bool core_try(bool (*action) (void *arg), void *arg);

/* ids.c */
extern int64 core_next_id(void);

/* watch.c */
extern uint64 core_watch(CoreWatch *watch);

/* tenant.c */
extern char *core_program_name(int64 program);
extern bool core_lock_program(int64 program);
extern bool core_member_is_known(int64 program, int64 member, bool *closed);
extern int64 core_member_bearer(int64 program, int64 member);
pg_noreturn extern void core_refuse_member(int64 program, int64 member,
										   bool closed);

/* row.c; the rest of it is in core/row.h */
extern Tuplestorestate *core_begin_rows(FunctionCallInfo fcinfo,
										TupleDesc *desc);

/* text.c */
extern void core_refuse_nulls(FunctionCallInfo fcinfo, const char *function,
							  const char *const *names, uint32 nullable);
extern char *core_name_argument(text *value, const char *what);
extern bool core_same_text(const text *a, const text *b);
extern bool core_text_is(const text *value, const char *expected);

#endif							/* COMMUNITY_CORE_H */
