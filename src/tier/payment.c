/*-------------------------------------------------------------------------
 *
 * payment.c
 *	  Tiers that are paid for: a term that renews or lapses.
 *
 * The paid terms of a member are a function of its payments and of the
 * published versions, and of nothing else.  They are worked out from the
 * first payment each time, and compared with what is written: rows that are
 * still right stay, others are superseded.  So it makes no difference in
 * which order payments, refunds and corrections came to be known.
 *
 * Whoever calls this holds the lock of the member, so reading what is the
 * latest, whatever the isolation level, reads everything there is.  Rows to
 * be superseded that the transaction's own snapshot does not show are a
 * conflict (40001).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "period/period.h"
#include "tier/member.h"
#include "tier/payment.h"

PG_FUNCTION_INFO_V1(community_settle_payments);

/* Types of events that pay for a tier in some version; of one program. */
typedef struct Fees
{
	int64		program;
	int			count;
	Datum	   *types;
} Fees;

/* The paid terms of some members, as columns. */
typedef struct Terms
{
	int			count;
	Datum	   *members;
	Datum	   *ladders;
	Datum	   *tiers;
	Datum	   *ranks;
	Datum	   *froms;
	Datum	   *untils;
	Datum	   *versions;
	Datum	   *keys;
} Terms;

static MemoryContext kept_context = NULL;
static Fees *kept = NULL;
static uint64 kept_generation = 0;

static bool
are_kept(int64 program, uint64 *generation)
{
	static CoreWatch versions = {.name = "ladder_version"};

	*generation = core_watch(&versions);
	return kept != NULL && kept->program == program && *generation != 0 &&
		*generation == kept_generation;
}

/* See payment.h. */
bool
tier_payments_are_known(int64 program)
{
	uint64		generation;

	return are_kept(program, &generation);
}

/* Types that pay in a program, kept until a version is published. */
static const Fees *
fees_of(int64 program)
{
	static CorePlan plan = {
		.sql = "SELECT DISTINCT t.value ->> 'fee_type'"
		" FROM community.ladder_version AS v,"
		" jsonb_array_elements(v.definition -> 'tiers') AS t (value)"
		" WHERE v.program_id = $1 AND t.value ->> 'fee_type' IS NOT NULL",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	Datum		values[1];
	uint64		generation;
	MemoryContext old;
	Fees	   *fresh;
	int			i;

	if (are_kept(program, &generation))
		return kept;
	kept = NULL;
	if (kept_context == NULL)
		kept_context = AllocSetContextCreate(TopMemoryContext,
											 "community fees",
											 ALLOCSET_SMALL_SIZES);
	MemoryContextReset(kept_context);
	values[0] = Int64GetDatum(program);
	core_run_latest(&plan, values);
	old = MemoryContextSwitchTo(kept_context);
	fresh = palloc0_object(Fees);
	fresh->program = program;
	fresh->count = (int) SPI_processed;
	fresh->types = palloc_array(Datum, fresh->count + 1);
	for (i = 0; i < fresh->count; i++)
		fresh->types[i] = CStringGetTextDatum(core_text(i, 1));
	MemoryContextSwitchTo(old);
	kept_generation = generation;
	kept = fresh;
	return kept;
}

/* See payment.h. */
bool
tier_has_payments(int64 program)
{
	return fees_of(program)->count > 0;
}

/* See payment.h.  Inside core_enter(), unless tier_payments_are_known(). */
bool
tier_is_payment(int64 program, Datum type)
{
	const Fees *fees = fees_of(program);
	text	   *given;
	int			i;

	if (fees->count == 0)
		return false;
	given = DatumGetTextPP(type);
	for (i = 0; i < fees->count; i++)
		if (core_same_text(DatumGetTextPP(fees->types[i]), given))
			return true;
	return false;
}

static Datum
array_of(Datum *elements, int count, Oid type, int length, char align)
{
	return PointerGetDatum(construct_array(elements, count, type, length,
										   length > 0, align));
}

static Datum
int64_array(Datum *elements, int count)
{
	return array_of(elements, count, INT8OID, 8, TYPALIGN_DOUBLE);
}

static Datum
text_array(Datum *elements, int count)
{
	return array_of(elements, count, TEXTOID, -1, TYPALIGN_INT);
}

static Datum
time_array(Datum *elements, int count)
{
	return array_of(elements, count, TIMESTAMPTZOID, 8, TYPALIGN_DOUBLE);
}

/*
 * Those whose terms are to be worked out: the members and who bears what they
 * did; or, without members, everybody who ever paid or has a paid term.
 */
static Datum
find_members(int64 program, ArrayType *members, Datum types)
{
	static CorePlan some = {
		.sql = "SELECT coalesce(array_agg(DISTINCT i.id), '{}')"
		" FROM unnest($2) AS m (id)"
		" LEFT JOIN community.member_merge AS b ON b.program_id = $1"
		"  AND b.member_id = m.id,"
		" LATERAL (VALUES (m.id), (b.bearer_id)) AS i (id)"
		" WHERE i.id IS NOT NULL",
		.nargs = 2,
		.argtypes = {INT8OID, INT8ARRAYOID}
	};
	static CorePlan all = {
		.sql = "SELECT coalesce(array_agg(i.id), '{}') FROM ("
		" SELECT coalesce(b.bearer_id, e.member_id)"
		" FROM community.event AS e"
		" LEFT JOIN community.member_merge AS b ON b.program_id = $1"
		"  AND b.member_id = e.member_id"
		" WHERE e.program_id = $1 AND e.type = ANY ($2)"
		" UNION SELECT o.member_id FROM community.tenure AS o"
		" WHERE o.program_id = $1 AND o.source = 'purchased'"
		"  AND o.superseded_at IS NULL) AS i (id)",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTARRAYOID}
	};
	Datum		values[2];
	bool		isnull;

	values[0] = Int64GetDatum(program);
	values[1] = members != NULL ? PointerGetDatum(members) : types;
	core_run_latest(members != NULL ? &some : &all, values);
	return core_field(0, 1, &isnull);
}

static void
start_terms(Terms *terms, int most)
{
	memset(terms, 0, sizeof(Terms));
	terms->members = palloc_array(Datum, most + 1);
	terms->ladders = palloc_array(Datum, most + 1);
	terms->tiers = palloc_array(Datum, most + 1);
	terms->ranks = palloc_array(Datum, most + 1);
	terms->froms = palloc_array(Datum, most + 1);
	terms->untils = palloc_array(Datum, most + 1);
	terms->versions = palloc_array(Datum, most + 1);
	terms->keys = palloc_array(Datum, most + 1);
}

/*
 * Lay the terms that payments buy end to end.  The last result has a row for
 * each payment and tier, those of a tier in the order of time.
 */
static void
stack_terms(Terms *terms)
{
	int			count = (int) SPI_processed;
	TimestampTz until = DT_NOBEGIN;
	pg_tz	   *zone = NULL;
	int			i;

	start_terms(terms, count);
	for (i = 0; i < count; i++)
	{
		bool		isnull;
		Interval   *length = DatumGetIntervalP(core_field(i, 6, &isnull));
		TimestampTz from = DatumGetTimestampTz(core_field(i, 7, &isnull));
		int			n = terms->count;

		CHECK_FOR_INTERRUPTS();
		if (zone == NULL)
			zone = period_zone(core_text(i, 9));
		if (core_bool(i, 10))
			until = DT_NOBEGIN;
		from = Max(from, until);
		until = period_add_interval(from, length, zone);
		/* a month less 30 days may come to nothing */
		if (until <= from)
		{
			until = from;
			continue;
		}
		terms->members[n] = core_field(i, 1, &isnull);
		terms->ladders[n] = core_field(i, 2, &isnull);
		terms->versions[n] = core_field(i, 3, &isnull);
		terms->tiers[n] = core_field(i, 4, &isnull);
		terms->ranks[n] = core_field(i, 5, &isnull);
		terms->froms[n] = TimestampTzGetDatum(from);
		terms->untils[n] = TimestampTzGetDatum(until);
		terms->keys[n] = core_field(i, 8, &isnull);
		terms->count++;
	}
}

/* What the members have paid for. */
static void
find_terms(int64 program, Datum members, Datum types, Terms *terms)
{
	static CorePlan plan = {
		.sql = "SELECT b.bearer_id, v.ladder_id, v.version_id,"
		" t.value ->> 'name', (t.value ->> 'rank')::integer,"
		" (t.value ->> 'fee_term')::interval, e.occurred_at, e.key,"
		" p.time_zone, row_number() OVER w = 1"
		" FROM (SELECT m.id, m.id FROM unnest($2) AS m (id)"
		"  WHERE NOT EXISTS (SELECT FROM community.member_merge AS x"
		"   WHERE x.program_id = $1 AND x.member_id = m.id)"
		"  UNION ALL SELECT x.member_id, x.bearer_id"
		"  FROM community.member_merge AS x"
		"  WHERE x.program_id = $1 AND x.bearer_id = ANY ($2))"
		"  AS b (member_id, bearer_id)"
		" JOIN community.program AS p ON p.program_id = $1"
		" JOIN community.counted_event AS e ON e.program_id = $1"
		"  AND e.member_id = b.member_id AND e.type = ANY ($3)"
		" JOIN (community.ladder_version AS v CROSS JOIN LATERAL"
		"  jsonb_array_elements(v.definition -> 'tiers') AS t (value))"
		"  ON v.program_id = $1 AND v.valid @> e.occurred_at"
		"  AND t.value ->> 'fee_type' = e.type"
		"  AND (t.value ->> 'fee')::bigint <= e.amount"
		" WINDOW w AS (PARTITION BY b.bearer_id, v.ladder_id,"
		"  t.value ->> 'name' ORDER BY e.occurred_at, e.event_id)"
		" ORDER BY b.bearer_id, v.ladder_id, t.value ->> 'name',"
		"  e.occurred_at, e.event_id",
		.nargs = 3,
		.argtypes = {INT8OID, INT8ARRAYOID, TEXTARRAYOID}
	};
	Datum		values[3];

	values[0] = Int64GetDatum(program);
	values[1] = members;
	values[2] = types;
	core_run_latest(&plan, values);
	stack_terms(terms);
}

/* Paid terms that are written, as text that two snapshots can compare. */
static char *
written_terms(int64 program, Datum members, bool latest)
{
	static CorePlan plan = {
		.sql = "SELECT coalesce(array_agg(o.tenure_id ORDER BY o.tenure_id),"
		"  '{}')::text FROM community.tenure AS o WHERE o.program_id = $1"
		" AND o.member_id = ANY ($2) AND o.source = 'purchased'"
		" AND o.superseded_at IS NULL",
		.nargs = 2,
		.argtypes = {INT8OID, INT8ARRAYOID}
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = members;
	if (latest)
		core_run_latest(&plan, values);
	else
		core_run(&plan, values, NULL, false);
	return core_text(0, 1);
}

static void
refuse_hidden_terms(int64 program, Datum members)
{
	if (IsolationUsesXactSnapshot() &&
		strcmp(written_terms(program, members, true),
			   written_terms(program, members, false)) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent update of paid terms"),
				 errhint("Try again.")));
}

/* Supersede the rows that are no longer right, and write the others. */
static int64
write_terms(int64 program, Datum members, const Terms *terms)
{
#define TERMS \
	"unnest($3, $4, $5, $6, $7, $8, $9, $10)" \
	" AS w (member_id, ladder_id, tier, rank, since, until, version_id, key)"
#define IS_WRITTEN \
	"o.program_id = $1 AND o.member_id = w.member_id" \
	" AND o.ladder_id = w.ladder_id AND o.source = 'purchased'" \
	" AND o.superseded_at IS NULL AND o.tier = w.tier AND o.rank = w.rank" \
	" AND o.during = tstzrange(w.since, w.until)" \
	" AND o.version_id = w.version_id AND o.key = w.key"
	static CorePlan supersede = {
		.sql = "UPDATE community.tenure AS o"
		" SET superseded_at = greatest(clock_timestamp(), o.recorded_at)"
		" WHERE o.program_id = $1 AND o.member_id = ANY ($2)"
		" AND o.source = 'purchased' AND o.superseded_at IS NULL"
		" AND NOT EXISTS (SELECT FROM " TERMS " WHERE " IS_WRITTEN ")",
		.nargs = 10,
		.argtypes = {INT8OID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID,
			TEXTARRAYOID, INT4ARRAYOID, TIMESTAMPTZARRAYOID,
		TIMESTAMPTZARRAYOID, INT8ARRAYOID, TEXTARRAYOID}
	};
	static CorePlan insert = {
		.sql = "INSERT INTO community.tenure (program_id, member_id,"
		" ladder_id, tier, rank, source, during, ends_at, version_id,"
		" reason, key)"
		" SELECT $1, w.member_id, w.ladder_id, w.tier, w.rank, 'purchased',"
		" tstzrange(w.since, w.until), w.until, w.version_id, 'paid', w.key"
		" FROM " TERMS " WHERE w.member_id = ANY ($2)"
		" AND NOT EXISTS (SELECT FROM community.tenure AS o WHERE " IS_WRITTEN
		") ORDER BY w.member_id, w.since",
		.nargs = 10,
		.argtypes = {INT8OID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID,
			TEXTARRAYOID, INT4ARRAYOID, TIMESTAMPTZARRAYOID,
		TIMESTAMPTZARRAYOID, INT8ARRAYOID, TEXTARRAYOID}
	};
	Datum		values[10];
	int64		written;

	values[0] = Int64GetDatum(program);
	values[1] = members;
	values[2] = int64_array(terms->members, terms->count);
	values[3] = int64_array(terms->ladders, terms->count);
	values[4] = text_array(terms->tiers, terms->count);
	values[5] = array_of(terms->ranks, terms->count, INT4OID, 4,
						 TYPALIGN_INT);
	values[6] = time_array(terms->froms, terms->count);
	values[7] = time_array(terms->untils, terms->count);
	values[8] = int64_array(terms->versions, terms->count);
	values[9] = text_array(terms->keys, terms->count);
	core_run(&supersede, values, NULL, false);
	written = (int64) SPI_processed;
	core_run(&insert, values, NULL, false);
	return written + (int64) SPI_processed;
}

/* See payment.h.  Inside core_enter(). */
int64
tier_settle_payments_of(int64 program, ArrayType *members)
{
	const Fees *fees = fees_of(program);
	Datum		types = text_array(fees->types, fees->count);
	Datum		who;
	Terms		terms;

	/* the event may have been written in this very command */
	CommandCounterIncrement();
	who = find_members(program, members, types);
	find_terms(program, who, types, &terms);
	refuse_hidden_terms(program, who);
	return write_terms(program, who, &terms);
}

/* See payment.h.  Inside core_enter(). */
int64
tier_settle_payments(int64 program, int64 member)
{
	Datum		members[1];

	members[0] = Int64GetDatum(member);
	return tier_settle_payments_of(program,
								   DatumGetArrayTypeP(int64_array(members,
																  1)));
}

/* Lock who bears what a member did. */
static void
lock_bearer(int64 program, int64 member)
{
	int64		bearer = core_member_bearer(program, member);
	bool		closed;

	if (!tier_lock_member(program, bearer, &closed))
		core_refuse_member(program, member, false);
	if (core_member_bearer(program, member) != bearer)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not settle payments of member %lld because of a concurrent merge",
						(long long) member),
				 errhint("Try again.")));
}

static void
lock_everybody(int64 program)
{
	static CorePlan plan = {
		.sql = "SELECT count(*) FROM (SELECT FROM community.engagement"
		" WHERE program_id = $1 ORDER BY member_id FOR NO KEY UPDATE) AS l",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	Datum		values[1];

	(void) core_program_name(program);
	values[0] = Int64GetDatum(program);
	core_run(&plan, values, NULL, false);
}

/* settle_payments(member, program) -> bigint */
Datum
community_settle_payments(PG_FUNCTION_ARGS)
{
	CoreScope	scope;
	int64		program;
	int64		written;

	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument %s of %s() must not be null", "program",
						"settle_payments")));
	program = PG_GETARG_INT64(1);
	core_enter(&scope);
	if (PG_ARGISNULL(0))
	{
		lock_everybody(program);
		written = tier_settle_payments_of(program, NULL);
	}
	else
	{
		lock_bearer(program, PG_GETARG_INT64(0));
		written = tier_settle_payments(program, PG_GETARG_INT64(0));
	}
	core_leave(&scope);
	PG_RETURN_INT64(written);
}
