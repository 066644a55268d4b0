/*-------------------------------------------------------------------------
 *
 * benefit_points.c
 *	  Points that grants of benefits give, and what is taken back of them.
 *
 * Points for a tenure are given once, when it begins, and taken back only when
 * it turns out that it never was.  An allowance is given once for each period
 * in which the tier is held; when the tier ends before the period does, what
 * is left of it goes.  Who comes back to the tier within the period gets that
 * again, and no more.
 *
 * The rest of the work runs inside core_enter(), with the members locked.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "tier/benefit.h"

/* Entries stand under these, and the id of the grant or allowance. */
#define GRANT_KEY		"community.benefit "
#define ALLOWANCE_KEY	"community.allowance "

/* What is to be done, in the order in which it is done for a member. */
enum
{
	TAKE_BONUS = 1, TAKE_ALLOWANCE, GIVE_BONUS, GIVE_ALLOWANCE
};

/* columns of what is to be done */
enum
{
	ACT_MEMBER, ACT_WHAT, ACT_ID, ACT_KEY, ACT_CURRENCY, ACT_POINTS, ACT_AT,
	ACT_START, ACT_END, ACT_CODE, ACT_COLUMNS
};

/* grants of the same benefit by the same tier and source */
#define SAME_SERIES(a, b) \
	a ".program_id = " b ".program_id AND " a ".member_id = " b ".member_id" \
	" AND " a ".benefit_id = " b ".benefit_id" \
	" AND " a ".ladder_id = " b ".ladder_id" \
	" AND " a ".tier = " b ".tier AND " a ".source = " b ".source"

/* an allowance and the period in which as_of is, by member and program */
#define PERIOD_OF \
	"LATERAL (SELECT coalesce(lower(r.during), '-infinity') AS since," \
	"  coalesce(upper(r.during), 'infinity') AS until FROM" \
	"  community.period_at(b.period, $3, m.joined_at, p.time_zone)" \
	"  AS r (during)) AS q"

static CorePlan acts_plan = {
	.sql =
	/* for tenures that never were */
	"SELECT g.member_id, 1, g.grant_id, g.key, b.currency_id, 0::bigint,"
	" NULL::timestamptz, NULL::timestamptz, NULL::timestamptz, b.code"
	" FROM community.benefit_grant AS g"
	" JOIN community.benefit AS b ON b.program_id = g.program_id"
	" AND b.benefit_id = g.benefit_id"
	" WHERE g.program_id = $1 AND g.grant_id = ANY ($4)"
	" AND g.key IS NOT NULL"
	" UNION ALL "
	/* what runs on, of benefits that do not */
	"SELECT a.member_id, 2, a.allowance_id, a.key, b.currency_id, 0,"
	" NULL, NULL, NULL, b.code"
	" FROM community.benefit_allowance AS a"
	" JOIN community.benefit_grant AS g ON g.program_id = a.program_id"
	" AND g.grant_id = a.grant_id"
	" JOIN community.benefit AS b ON b.program_id = g.program_id"
	" AND b.benefit_id = g.benefit_id"
	" WHERE a.program_id = $1 AND a.member_id = ANY ($2)"
	" AND a.period_end > $3 AND a.ended_at IS NULL"
	" AND (g.withdrawn_at IS NOT NULL OR upper(g.during) <= $3"
	"  OR lower(g.during) >= a.period_end)"
	" AND NOT EXISTS (SELECT FROM community.benefit_grant AS h"
	"  WHERE " SAME_SERIES("h", "g")
	"  AND h.withdrawn_at IS NULL AND h.during @> $3)"
	" UNION ALL "
	"SELECT g.member_id, 3, g.grant_id, NULL, b.currency_id,"
	" g.value::bigint, lower(g.held), NULL, NULL, b.code"
	" FROM community.benefit_grant AS g"
	" JOIN community.benefit AS b ON b.program_id = g.program_id"
	" AND b.benefit_id = g.benefit_id AND b.kind = 'points'"
	" JOIN community.member AS m ON m.program_id = g.program_id"
	" AND m.member_id = g.member_id AND m.status = 'active'"
	" WHERE g.program_id = $1 AND g.member_id = ANY ($2)"
	" AND g.withdrawn_at IS NULL AND g.key IS NULL AND lower(g.held) <= $3"
	" UNION ALL "
	"SELECT g.member_id, 4, g.grant_id, NULL, b.currency_id,"
	" g.value::bigint - s.net, greatest(lower(g.during), q.since), q.since,"
	" q.until, b.code"
	" FROM community.benefit_grant AS g"
	" JOIN community.benefit AS b ON b.program_id = g.program_id"
	" AND b.benefit_id = g.benefit_id AND b.kind = 'allowance'"
	" JOIN community.member AS m ON m.program_id = g.program_id"
	" AND m.member_id = g.member_id AND m.status = 'active'"
	" JOIN community.program AS p ON p.program_id = g.program_id, "
	PERIOD_OF ","
	" LATERAL (SELECT coalesce(sum(a.points - a.taken), 0)::bigint AS net"
	"  FROM community.benefit_allowance AS a"
	"  JOIN community.benefit_grant AS o ON o.program_id = a.program_id"
	"  AND o.grant_id = a.grant_id AND " SAME_SERIES("o", "g")
	"  WHERE a.program_id = g.program_id AND a.member_id = g.member_id"
	"  AND a.period_end = q.until AND a.period_start = q.since) AS s"
	" WHERE g.program_id = $1 AND g.member_id = ANY ($2)"
	" AND g.withdrawn_at IS NULL AND g.during @> $3"
	" AND g.value::bigint > s.net"
	" ORDER BY 1, 2, 3",
	.nargs = 4,
	.argtypes = {INT8OID, INT8ARRAYOID, TIMESTAMPTZOID, INT8ARRAYOID}
};

static Datum
key_of(const char *prefix, int64 id)
{
	return CStringGetTextDatum(psprintf("%s%lld", prefix, (long long) id));
}

/* Note that a tenure's points have been given. */
static void
note_bonus(int64 program, int64 grant_id, Datum key)
{
	static CorePlan plan = {
		.sql = "UPDATE community.benefit_grant SET key = $3"
		" WHERE program_id = $1 AND grant_id = $2",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, TEXTOID}
	};
	Datum		values[3];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(grant_id);
	values[2] = key;
	core_run(&plan, values, NULL, false);
}

static void
note_allowance(int64 program, int64 allowance_id, const Datum *act, Datum key)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.benefit_allowance (program_id,"
		" allowance_id, member_id, grant_id, period_start, period_end, points,"
		" key) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
		.nargs = 8,
		.argtypes = {INT8OID, INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID,
		TIMESTAMPTZOID, INT8OID, TEXTOID}
	};
	Datum		values[8];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(allowance_id);
	values[2] = act[ACT_MEMBER];
	values[3] = act[ACT_ID];
	values[4] = act[ACT_START];
	values[5] = act[ACT_END];
	values[6] = act[ACT_POINTS];
	values[7] = key;
	core_run(&plan, values, NULL, false);
}

static void
note_end(int64 program, int64 allowance_id, int64 taken)
{
	static CorePlan plan = {
		.sql = "UPDATE community.benefit_allowance SET taken = $3,"
		" ended_at = clock_timestamp()"
		" WHERE program_id = $1 AND allowance_id = $2",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, INT8OID}
	};
	Datum		values[3];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(allowance_id);
	values[2] = Int64GetDatum(taken);
	core_run(&plan, values, NULL, false);
}

static void
give(int64 program, const Datum *act, bool expires, Datum key)
{
	TimestampTz expires_at = expires ? DatumGetTimestampTz(act[ACT_END]) : 0;

	tier_ledger.give(program, DatumGetInt64(act[ACT_MEMBER]),
					 DatumGetInt64(act[ACT_CURRENCY]),
					 DatumGetInt64(act[ACT_POINTS]), "benefit",
					 DatumGetTimestampTz(act[ACT_AT]),
					 expires ? &expires_at : NULL, key, act[ACT_CODE]);
}

static void
carry_out(int64 program, const Datum *act)
{
	int64		id = DatumGetInt64(act[ACT_ID]);
	Datum		key;

	switch (DatumGetInt32(act[ACT_WHAT]))
	{
		case TAKE_BONUS:
			(void) tier_ledger.take(program, act[ACT_KEY], false,
									act[ACT_CODE]);
			break;
		case TAKE_ALLOWANCE:
			note_end(program, id,
					 tier_ledger.take(program, act[ACT_KEY], true,
									  act[ACT_CODE]));
			break;
		case GIVE_BONUS:
			key = key_of(GRANT_KEY, id);
			give(program, act, false, key);
			note_bonus(program, id, key);
			break;
		case GIVE_ALLOWANCE:
			id = core_next_id();
			key = key_of(ALLOWANCE_KEY, id);
			give(program, act, true, key);
			note_allowance(program, id, act, key);
			break;
	}
}

/* Note when there is something to give or take next. */
static void
note_due(Datum *values)
{
	static CorePlan plan = {
		.sql = "UPDATE community.benefit_grant AS g SET due_at = d.due_at"
		" FROM (SELECT g.grant_id, CASE"
		"   WHEN m.status <> 'active' THEN 'infinity'"
		"   WHEN b.kind = 'points' AND g.key IS NULL THEN lower(g.held)"
		"   WHEN b.kind = 'points' THEN 'infinity'"
		"   WHEN lower(g.during) > $3 THEN lower(g.during)"
		"   WHEN g.during @> $3 THEN least(q.until, upper(g.during))"
		"   ELSE 'infinity' END AS due_at"
		"  FROM community.benefit_grant AS g"
		"  JOIN community.benefit AS b ON b.program_id = g.program_id"
		"  AND b.benefit_id = g.benefit_id"
		"  AND b.kind IN ('points', 'allowance')"
		"  JOIN community.member AS m ON m.program_id = g.program_id"
		"  AND m.member_id = g.member_id"
		"  JOIN community.program AS p ON p.program_id = g.program_id"
		"  LEFT JOIN " PERIOD_OF " ON b.kind = 'allowance'"
		"  WHERE g.program_id = $1 AND g.member_id = ANY ($2)"
		"  AND g.withdrawn_at IS NULL) AS d"
		" WHERE g.program_id = $1 AND g.grant_id = d.grant_id"
		" AND g.due_at <> d.due_at",
		.nargs = 3,
		.argtypes = {INT8OID, INT8ARRAYOID, TIMESTAMPTZOID}
	};

	core_run(&plan, values, NULL, false);
}

/*
 * Give and take what the grants of the members come to as of a time, member
 * by member in ascending order, as their accounts are to be locked.
 * "withdrawn" are ids of grants that were just withdrawn, NULL for none.
 */
void
tier_settle_points(int64 program, ArrayType *members,
				   ArrayType *withdrawn, TimestampTz as_of)
{
	Datum		values[4];
	SPITupleTable *acts;
	uint64		count;
	uint64		i;

	values[0] = Int64GetDatum(program);
	values[1] = PointerGetDatum(members);
	values[2] = TimestampTzGetDatum(as_of);
	values[3] = PointerGetDatum(withdrawn != NULL ? withdrawn :
								construct_empty_array(INT8OID));
	core_run(&acts_plan, values, NULL, false);
	acts = SPI_tuptable;
	count = SPI_processed;
	for (i = 0; i < count; i++)
	{
		Datum		act[ACT_COLUMNS];
		bool		isnull;
		int			j;

		CHECK_FOR_INTERRUPTS();
		for (j = 0; j < ACT_COLUMNS; j++)
			act[j] = SPI_getbinval(acts->vals[i], acts->tupdesc, j + 1,
								   &isnull);
		carry_out(program, act);
	}
	SPI_freetuptable(acts);
	note_due(values);
}
