/*-------------------------------------------------------------------------
 *
 * super_user.c
 *	  What people decide about super-users: lock_super_user(),
 *	  veto_super_user(), end_super_user_ruling(); and is_super_user().
 *
 * Whoever rules locks the member, as refreshes do before they change its
 * status.  Rulings are never edited: one that ends earlier is superseded by
 * one with a shorter range under the same key, so the first row of a key is
 * what was asked for, and a retry is compared with it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rangetypes.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "score/engagement.h"
#include "score/model.h"

PG_FUNCTION_INFO_V1(community_lock_super_user);
PG_FUNCTION_INFO_V1(community_veto_super_user);
PG_FUNCTION_INFO_V1(community_end_super_user_ruling);
PG_FUNCTION_INFO_V1(community_is_super_user);

/* in the order in which they are bound */
#define RULING_COLUMNS	7
#define RULING_ARGS \
	.nargs = RULING_COLUMNS, \
	.argtypes = {INT8OID, INT8OID, INT8OID, TEXTOID, TSTZRANGEOID, TEXTOID, \
		TEXTOID}

typedef struct Ruling
{
	const char *function;
	int64		program;
	int64		member;
	int64		model_id;
	const char *kind;
	Datum		model;			/* its code */
	bool		has_during;
	Datum		during;
	Datum		reason;
	Datum		key;
} Ruling;

static char *
range_text(Datum range)
{
	return OidOutputFunctionCall(F_RANGE_OUT, range);
}

static void
bind(const Ruling *ruling, Datum *values)
{
	values[0] = Int64GetDatum(ruling->program);
	values[1] = Int64GetDatum(ruling->member);
	values[2] = Int64GetDatum(ruling->model_id);
	values[3] = CStringGetTextDatum(ruling->kind);
	values[4] = ruling->during;
	values[5] = ruling->reason;
	values[6] = ruling->key;
}

/* From now on where it is left out; an end at infinity is no end. */
static void
settle_range(Ruling *ruling)
{
	static CorePlan plan = {
		.sql = "SELECT CASE WHEN $1 IS NULL THEN tstzrange($2, NULL)"
		"  WHEN upper($1) = 'infinity' THEN tstzrange(lower($1), NULL)"
		"  ELSE $1 END, $1 IS NULL OR (NOT isempty($1) AND lower_inc($1)"
		"  AND isfinite(lower($1)) AND (NOT upper_inc($1)"
		"   OR upper($1) = 'infinity'))",
		.nargs = 2,
		.argtypes = {TSTZRANGEOID, TIMESTAMPTZOID}
	};
	Datum		values[2];
	bool		isnull;

	values[0] = ruling->during;
	values[1] = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
	core_run(&plan, values, ruling->has_during ? NULL : "n ", true);
	if (!core_bool(0, 2))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("range %s of %s() is not of the form [from,to)",
						range_text(ruling->during), ruling->function),
				 errdetail("It begins at a finite time and is not empty; it may be without end, as [from,).")));
	ruling->during = SPI_datumTransfer(core_field(0, 1, &isnull), false, -1);
}

/* Was that decided before?  The same key for anything else is an error. */
static bool
find_replay(const Ruling *ruling, int64 *id)
{
	static CorePlan plan = {
		.sql = "SELECT r.ruling_id, r.member_id = $2 AND r.model_id = $3"
		"  AND r.kind = $4, r.during = $5, r.during,"
		" concat(r.kind, ', member ', r.member_id, ', model \"', m.code, '\"')"
		" FROM community.super_user_ruling AS r"
		" JOIN community.score_model AS m ON m.program_id = r.program_id"
		"  AND m.model_id = r.model_id"
		" WHERE r.program_id = $1 AND r.key = $7 AND $6 IS NOT NULL"
		" ORDER BY r.recorded_at, r.ruling_id LIMIT 1",
		RULING_ARGS
	};
	Datum		values[RULING_COLUMNS];
	bool		isnull;

	bind(ruling, values);
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		return false;
	*id = core_int64(0, 1);
	if (core_bool(0, 2) && (!ruling->has_during || core_bool(0, 3)))
		return true;
	ereport(ERROR,
			(errcode(COMMUNITY_ERRCODE_KEY_REUSED),
			 errmsg("idempotency key \"%s\" was used with other input",
					TextDatumGetCString(ruling->key)),
			 errdetail("Recorded: %s, during %s. Given: %s, member %lld, model \"%s\", during %s.",
					   core_text(0, 5),
					   range_text(core_field(0, 4, &isnull)), ruling->kind,
					   (long long) ruling->member,
					   TextDatumGetCString(ruling->model),
					   range_text(ruling->during)),
			 errhint("A key names one request for ever; give a new request a new key.")));
	return false;				/* keep compiler quiet */
}

static int64
insert_ruling(const Ruling *ruling)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.super_user_ruling (program_id,"
		" member_id, model_id, kind, during, reason, key)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7)"
		" ON CONFLICT DO NOTHING RETURNING ruling_id",
		RULING_ARGS
	};
	Datum		values[RULING_COLUMNS];

	bind(ruling, values);
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not use idempotency key \"%s\" because of a concurrent change",
						TextDatumGetCString(ruling->key)),
				 errhint("Try again.")));
	return core_int64(0, 1);
}

/* A veto that is in force ends the status where it begins. */
static void
end_status(const Ruling *ruling)
{
	static CorePlan plan = {
		.sql = "SELECT greatest(lower($3), lower(t.during))"
		" FROM community.super_user_tenure AS t"
		" WHERE t.program_id = $1 AND t.model_id = $4 AND t.member_id = $2"
		" AND t.superseded_at IS NULL AND upper_inf(t.during)"
		" AND $3 @> greatest($5, lower($3), lower(t.during))"
		" AND lower($3) <= $5",
		.nargs = 5,
		.argtypes = {INT8OID, INT8OID, TSTZRANGEOID, INT8OID, TIMESTAMPTZOID}
	};
	Datum		values[5];
	bool		isnull;

	values[0] = Int64GetDatum(ruling->program);
	values[1] = Int64GetDatum(ruling->member);
	values[2] = ruling->during;
	values[3] = Int64GetDatum(ruling->model_id);
	values[4] = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
	core_change_latest(&plan, values, NULL);
	if (SPI_processed == 0)
		return;
	score_super_user_end(ruling->program, ruling->model_id,
						 score_plain_array(&ruling->member, sizeof(int64),
										   INT8OID, 1),
						 DatumGetTimestampTz(core_field(0, 1, &isnull)),
						 "vetoed");
}

static Datum
rule(FunctionCallInfo fcinfo, const char *function, const char *kind)
{
	static const char *const names[] = {"member", "model", "during",
	"reason", "key", "program"};
	Ruling		ruling = {0};
	CoreScope	scope;
	bool		closed;
	int64		id;

	core_refuse_nulls(fcinfo, function, names, 0x04);
	ruling.function = function;
	ruling.kind = kind;
	ruling.member = PG_GETARG_INT64(0);
	ruling.model = PG_GETARG_DATUM(1);
	ruling.has_during = !PG_ARGISNULL(2);
	ruling.during = PG_GETARG_DATUM(2);
	(void) core_name_argument(PG_GETARG_TEXT_PP(3), "reason");
	ruling.reason = PG_GETARG_DATUM(3);
	(void) core_name_argument(PG_GETARG_TEXT_PP(4), "idempotency key");
	ruling.key = PG_GETARG_DATUM(4);
	ruling.program = PG_GETARG_INT64(5);

	core_enter(&scope);
	settle_range(&ruling);
	ruling.model_id = score_model_find(ruling.program, ruling.model);
	if (!score_lock_engagement(ruling.program, ruling.member, &closed))
		core_refuse_member(ruling.program, ruling.member, false);
	if (!find_replay(&ruling, &id))
	{
		if (closed)
			core_refuse_member(ruling.program, ruling.member, true);
		id = insert_ruling(&ruling);
		if (strcmp(kind, "veto") == 0)
			end_status(&ruling);
	}
	core_leave(&scope);
	PG_RETURN_INT64(id);
}

/* lock_super_user(member, model, during, reason, key, program) -> bigint */
Datum
community_lock_super_user(PG_FUNCTION_ARGS)
{
	return rule(fcinfo, "lock_super_user", "lock");
}

/* veto_super_user(member, model, during, reason, key, program) -> bigint */
Datum
community_veto_super_user(PG_FUNCTION_ARGS)
{
	return rule(fcinfo, "veto_super_user", "veto");
}

/* ----- ending a ruling ----- */

static bool
find_believed(Datum *values, int64 *id, int64 *member)
{
	static CorePlan plan = {
		.sql = "SELECT ruling_id, member_id FROM community.super_user_ruling"
		" WHERE program_id = $1 AND key = $2 AND superseded_at IS NULL",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTOID}
	};

	core_change_latest(&plan, values, NULL);
	if (SPI_processed == 0)
		return false;
	*id = core_int64(0, 1);
	*member = core_int64(0, 2);
	return true;
}

static void
check_known(Datum *values)
{
	static CorePlan plan = {
		.sql = "SELECT FROM community.super_user_ruling"
		" WHERE program_id = $1 AND key = $2 LIMIT 1",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTOID}
	};

	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("ruling with key \"%s\" does not exist in program \"%s\"",
						TextDatumGetCString(values[1]),
						core_program_name(DatumGetInt64(values[0])))));
}

/* What would begin at that time or later was never there. */
static bool
end_ruling(int64 program, int64 id, TimestampTz at)
{
	static CorePlan plan = {
		.sql = "WITH ended AS (UPDATE community.super_user_ruling AS r"
		"  SET superseded_at = greatest(clock_timestamp(), r.recorded_at)"
		"  WHERE r.program_id = $1 AND r.ruling_id = $2"
		"  AND (upper_inf(r.during) OR upper(r.during) > $3)"
		"  AND $3 < 'infinity' RETURNING r.*),"
		" next AS (INSERT INTO community.super_user_ruling (program_id,"
		"  model_id, member_id, kind, during, reason, key, recorded_at)"
		"  SELECT e.program_id, e.model_id, e.member_id, e.kind,"
		"  tstzrange(lower(e.during), $3), e.reason, e.key, e.superseded_at"
		"  FROM ended AS e WHERE lower(e.during) < $3)"
		" SELECT count(*) FROM ended",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID}
	};
	Datum		values[3];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(id);
	values[2] = TimestampTzGetDatum(at);
	/* the row that was found may be newer than the transaction's snapshot */
	core_change_latest(&plan, values, NULL);
	return core_int64(0, 1) > 0;
}

/* end_super_user_ruling(key, at, program), false if it had ended by then */
Datum
community_end_super_user_ruling(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"key", "at", "program"};
	CoreScope	scope;
	Datum		values[2];
	int64		program;
	int64		id;
	int64		member;
	bool		closed;
	bool		ended = false;

	core_refuse_nulls(fcinfo, "end_super_user_ruling", names, 0);
	program = PG_GETARG_INT64(2);
	values[0] = PG_GETARG_DATUM(2);
	values[1] = PG_GETARG_DATUM(0);
	core_enter(&scope);
	check_known(values);
	/* somebody else may end it while we wait */
	if (find_believed(values, &id, &member))
	{
		(void) score_lock_engagement(program, member, &closed);
		if (find_believed(values, &id, &member))
			ended = end_ruling(program, id, PG_GETARG_TIMESTAMPTZ(1));
	}
	core_leave(&scope);
	PG_RETURN_BOOL(ended);
}

/* is_super_user(member, model, as_of, known_at, program) -> boolean */
Datum
community_is_super_user(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "model", "as_of",
	"known_at", "program"};
	static CorePlan plan = {
		.sql = "SELECT FROM community.super_user_tenure AS t"
		" WHERE t.program_id = $1 AND t.model_id = $2 AND t.member_id = $3"
		" AND t.during @> $4 AND CASE WHEN $5 IS NULL"
		"  THEN t.superseded_at IS NULL ELSE t.recorded_at <= $5"
		"   AND (t.superseded_at > $5) IS NOT FALSE END LIMIT 1",
		.nargs = 5,
		.argtypes = {INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID,
		TIMESTAMPTZOID}
	};
	CoreScope	scope;
	Datum		values[5];
	int64		program;
	bool		closed;
	bool		result;

	core_refuse_nulls(fcinfo, "is_super_user", names, 0x08);
	program = PG_GETARG_INT64(4);
	core_enter(&scope);
	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(score_model_find(program, PG_GETARG_DATUM(1)));
	values[2] = PG_GETARG_DATUM(0);
	values[3] = PG_GETARG_DATUM(2);
	values[4] = PG_ARGISNULL(3) ? (Datum) 0 : PG_GETARG_DATUM(3);
	if (!core_member_is_known(program, PG_GETARG_INT64(0), &closed))
		core_refuse_member(program, PG_GETARG_INT64(0), false);
	core_run(&plan, values, PG_ARGISNULL(3) ? "    n" : NULL, true);
	result = SPI_processed > 0;
	core_leave(&scope);
	PG_RETURN_BOOL(result);
}
