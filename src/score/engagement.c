/*-------------------------------------------------------------------------
 *
 * engagement.c
 *	  The engagement of each member, kept as a decayed score.
 *
 * One row a member, made when it is enrolled.  Its row lock is the lock of
 * the member: whatever reads events of a member to decide something takes it
 * first.  The events of a member that was merged count for its bearer.  All
 * functions run inside core_enter().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "utils/builtins.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "core/table.h"
#include "score/decayed.h"
#include "score/engagement.h"
#include "score/model.h"

PG_FUNCTION_INFO_V1(community_decayed_add);

/*
 * decayed_add(score, value, at) -> decayed: score + decayed(value, at) with
 * the half-life that score has.
 */
Datum
community_decayed_add(PG_FUNCTION_ARGS)
{
	Decayed    *score = PG_GETARG_DECAYED_P(0);
	Decayed    *result = palloc_object(Decayed);
	Decayed		term;

	score_decayed_make(&term, PG_GETARG_FLOAT8(1), PG_GETARG_TIMESTAMPTZ(2),
					   score_decayed_half_life(score));
	score_decayed_add(result, score, &term);
	PG_RETURN_DECAYED_P(result);
}

/* Give a new member its row. */
void
score_open_engagement(int64 program, int64 member)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.engagement (program_id, member_id, score)"
		" SELECT $1, $2, community.decayed(0, '2000-01-01 00:00:00+00', p.half_life)"
		" FROM community.program AS p WHERE p.program_id = $1",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	core_run(&plan, values, NULL, false);
}

/* columns of the table */
enum
{
	ENGAGEMENT_PROGRAM, ENGAGEMENT_MEMBER, ENGAGEMENT_CLOSED,
	ENGAGEMENT_SCORE, ENGAGEMENT_COLUMNS
};

static const char *const engagement_columns[ENGAGEMENT_COLUMNS] = {
	"program_id", "member_id", "closed", "score"
};

static CoreTable engagement_table = {
	.name = "engagement",
	.index = "engagement_pkey",
	.use = CORE_TABLE_UPDATE,
	.ncolumns = ENGAGEMENT_COLUMNS,
	.columns = engagement_columns,
	.nkeys = 2,
	.keys = {ENGAGEMENT_PROGRAM + 1, ENGAGEMENT_MEMBER + 1},
	.changes = ENGAGEMENT_SCORE + 1
};

/* What is added to a row: terms in the order of their events. */
typedef struct Term
{
	double		value;
	TimestampTz at;
} Term;

typedef struct Addition
{
	const Term *terms;
	int			count;
	bool		even_closed;
	bool		closed;
	bool		refused;		/* because the member is closed */
	Decayed		result;
} Addition;

/* What score_add_engagement() does to a row. */
static bool
add_to_row(Datum *values, bool *nulls, void *arg)
{
	Addition   *addition = (Addition *) arg;
	int			i;

	addition->closed = DatumGetBool(values[ENGAGEMENT_CLOSED]);
	addition->refused = addition->closed && !addition->even_closed;
	if (addition->refused)
		return false;
	addition->result = *DatumGetDecayedP(values[ENGAGEMENT_SCORE]);
	for (i = 0; i < addition->count; i++)
	{
		Decayed		sum = addition->result;
		Decayed		term;

		score_decayed_make(&term, addition->terms[i].value,
						   addition->terms[i].at,
						   score_decayed_half_life(&sum));
		score_decayed_add(&addition->result, &sum, &term);
	}
	values[ENGAGEMENT_SCORE] = DecayedPGetDatum(&addition->result);
	return true;
}

/* May score_find_engagement() be called, or must the table be left to SQL? */
bool
score_engagement_is_usable(void)
{
	return core_table_is_usable(&engagement_table);
}

/* Look for a member whose score is going to change, without a lock yet. */
CoreUpdate *
score_find_engagement(int64 program, int64 member, bool *found)
{
	CoreUpdate *update;
	Datum		keys[2];

	keys[0] = Int64GetDatum(program);
	keys[1] = Int64GetDatum(member);
	update = core_table_begin_update(&engagement_table);
	*found = core_table_find_row(update, keys);
	return update;
}

/* Lock the member that was found and add to its score, as below. */
bool
score_add_to_found(CoreUpdate *update, double value, TimestampTz at,
				   bool even_closed)
{
	Term		term = {value, at};
	Addition	addition = {&term, value != 0 ? 1 : 0, even_closed};
	bool		added;

	/* an event that brings nothing need not write a row */
	added = value != 0 ?
		core_table_change_row(update, add_to_row, &addition) :
		core_table_lock_row(update, add_to_row, &addition, NULL);
	core_table_end_update(update);
	return added;
}

/* Lock the row of a member, closed or not; false when there is none. */
bool
score_lock_engagement(int64 program, int64 member, bool *closed)
{
	static CorePlan plan = {
		.sql = "SELECT closed FROM community.engagement"
		" WHERE program_id = $1 AND member_id = $2 FOR NO KEY UPDATE",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	core_run(&plan, values, NULL, false);
	*closed = SPI_processed == 1 && core_bool(0, 1);
	return SPI_processed == 1;
}

/*
 * Lock members, whose ids ascend: the first, even if it must be waited for,
 * and those behind it up to one that somebody else has locked or that has no
 * row.  Gives how many these are, at least one.
 *
 * Whoever works on many members commits what this gives and goes on with the
 * next.  So it waits only while it holds nobody: a transaction that is left
 * open delays it, and no other member.
 */
int
score_lock_leading(int64 program, const int64 *members, int count)
{
	static CorePlan plan = {
		.sql = "SELECT member_id FROM community.engagement"
		" WHERE program_id = $1 AND member_id = ANY ($2)"
		" ORDER BY member_id FOR NO KEY UPDATE SKIP LOCKED",
		.by_index = true,
		.nargs = 2,
		.argtypes = {INT8OID, INT8ARRAYOID}
	};
	Datum		values[2];
	bool		closed;
	int			locked = 1;

	(void) score_lock_engagement(program, members[0], &closed);
	if (count == 1)
		return 1;
	values[0] = Int64GetDatum(program);
	values[1] = score_bigint_array(members + 1, count - 1);
	core_run(&plan, values, NULL, false);
	while (locked < count && locked <= (int) SPI_processed &&
		   core_int64(locked - 1, 1) == members[locked])
		locked++;
	return locked;
}

/* A closed member was locked: was it merged while we waited for that? */
static void
refuse_merged(int64 program, int64 member, int64 bearer)
{
	if (core_member_bearer(program, member) != bearer)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not correct an event of member %lld because of a concurrent merge",
						(long long) member),
				 errhint("Try again.")));
}

/* Lock the member that bears what a member did, and add to its score. */
static bool
add_to_bearer(int64 program, int64 member, double value, TimestampTz at)
{
	static CorePlan plan = {
		.sql = "UPDATE community.engagement"
		" SET score = community.decayed_add(score, $3, $4)"
		" WHERE program_id = $1 AND member_id = $2",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, FLOAT8OID, TIMESTAMPTZOID}
	};
	int64		bearer = core_member_bearer(program, member);
	Datum		values[4];
	bool		closed;

	if (!score_lock_engagement(program, bearer, &closed))
		return false;
	if (closed)
		refuse_merged(program, member, bearer);
	if (value == 0)
		return true;
	if (core_table_is_usable(&engagement_table))
	{
		bool		found;
		CoreUpdate *update = score_find_engagement(program, bearer, &found);

		if (found)
			return score_add_to_found(update, value, at, true);
		core_table_end_update(update);
	}
	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(bearer);
	values[2] = Float8GetDatum(value);
	values[3] = TimestampTzGetDatum(at);
	core_run(&plan, values, NULL, false);
	return true;
}

/*
 * Lock a member and add to its score.  False when there is no such member or
 * when it is closed and new activity is not welcome.  What corrects an event
 * is welcome always, and goes to the bearer of a merged member.
 */
bool
score_add_engagement(int64 program, int64 member, double value,
					 TimestampTz at, bool even_closed)
{
	static CorePlan add = {
		.sql = "UPDATE community.engagement"
		" SET score = community.decayed_add(score, $3, $4)"
		" WHERE program_id = $1 AND member_id = $2 AND NOT closed",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, FLOAT8OID, TIMESTAMPTZOID}
	};
	static CorePlan lock = {
		.sql = "SELECT true FROM community.engagement"
		" WHERE program_id = $1 AND member_id = $2 AND NOT closed"
		" FOR NO KEY UPDATE",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[4];

	if (even_closed)
		return add_to_bearer(program, member, value, at);
	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	values[2] = Float8GetDatum(value);
	values[3] = TimestampTzGetDatum(at);
	if (core_table_is_usable(&engagement_table))
	{
		bool		found;
		CoreUpdate *update = score_find_engagement(program, member, &found);

		if (found)
			return score_add_to_found(update, value, at, false);
		core_table_end_update(update);
		return false;
	}
	core_run(value == 0 ? &lock : &add, values, NULL, false);
	return SPI_processed == 1;
}

/* Note that a member is closed.  The caller has locked it. */
void
score_close_engagement(int64 program, int64 member)
{
	static CorePlan plan = {
		.sql = "UPDATE community.engagement SET closed = true"
		" WHERE program_id = $1 AND member_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	core_run(&plan, values, NULL, false);
}

/* Perhaps called while a query is running, so with a connection of its own. */
static void
refuse_closed_member(int64 program, int64 member)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	core_refuse_member(program, member, true);
}

/*
 * Who bears a row of the set "recorded": what corrects an event goes to whom
 * its member was merged into, while anything new is refused.
 */
#define BEARER \
	"CASE WHEN r.is_new THEN r.member_id ELSE coalesce(" \
	"(SELECT b.bearer_id FROM community.member_merge AS b" \
	" WHERE b.program_id = $1 AND b.member_id = r.member_id), r.member_id) END"

/* The same by SQL, for a table that is not as installed. */
static void
add_engagements_by_sql(int64 program, bool keep)
{
	static CorePlan closed = {
		.sql = "SELECT g.member_id FROM community.engagement AS g"
		" JOIN recorded AS r ON r.member_id = g.member_id"
		" WHERE g.program_id = $1 AND g.closed AND r.is_new LIMIT 1",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	static CorePlan lock = {
		.sql = "SELECT g.member_id FROM community.engagement AS g"
		" WHERE g.program_id = $1 AND g.member_id IN"
		" (SELECT " BEARER " FROM recorded AS r)"
		" ORDER BY g.member_id FOR NO KEY UPDATE",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	static CorePlan add = {
		.sql = "UPDATE community.engagement AS g"
		" SET score = community.decayed_add_all(g.score, s.terms)"
		" FROM (SELECT " BEARER " AS member_id, array_agg("
		"  community.decayed(r.engagement, r.at, p.half_life) ORDER BY r.event_id) AS terms"
		"  FROM recorded AS r, (SELECT community.half_life(o.score) AS half_life"
		"   FROM community.engagement AS o WHERE o.program_id = $1 LIMIT 1) AS p"
		"  WHERE r.engagement <> 0 GROUP BY 1) AS s"
		" WHERE g.program_id = $1 AND g.member_id = s.member_id",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	Datum		values[1];

	values[0] = Int64GetDatum(program);
	core_run_into(&lock, values, NULL, keep, None_Receiver);
	core_run(&closed, values, NULL, false);
	if (SPI_processed > 0)
		refuse_closed_member(program, core_int64(0, 1));
	core_run_into(&add, values, NULL, keep, None_Receiver);
}

/* Receives terms sorted by member and event, and adds them to the member. */
typedef struct TermReceiver
{
	DestReceiver pub;
	CoreUpdate *update;
	int64		program;
	int64		member;
	bool		pending;		/* the member is still to be touched */
	bool		is_new;			/* any of its events, so not when closed */
	Term	   *terms;
	int			count;
	int			room;
} TermReceiver;

/*
 * Touch the member whose terms are complete.  One without terms is locked
 * like the others: its events count for more than its score.
 */
static void
add_terms(TermReceiver *receiver)
{
	Addition	addition = {receiver->terms, receiver->count,
	!receiver->is_new};
	Datum		keys[2];
	bool		touched;

	if (!receiver->pending)
		return;
	keys[0] = Int64GetDatum(receiver->program);
	keys[1] = Int64GetDatum(receiver->member);
	touched = core_table_find_row(receiver->update, keys);
	if (touched)
		touched = receiver->count > 0 ?
			core_table_change_row(receiver->update, add_to_row, &addition) :
			core_table_lock_row(receiver->update, add_to_row, &addition, NULL);
	if (!touched)
	{
		if (addition.refused)
			refuse_closed_member(receiver->program, receiver->member);
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("member %lld has no row in \"community.engagement\"",
						(long long) receiver->member),
				 errhint("Run SELECT community.rebuild('engagement').")));
	}
	if (addition.closed)
	{
		/* a query is running on the connection that there is */
		if (SPI_connect() != SPI_OK_CONNECT)
			elog(ERROR, "SPI_connect failed");
		refuse_merged(receiver->program, receiver->member,
					  receiver->member);
		SPI_finish();
	}
	receiver->count = 0;
	receiver->is_new = false;
	receiver->pending = false;
}

static bool
receive_term(TupleTableSlot *slot, DestReceiver *self)
{
	TermReceiver *receiver = (TermReceiver *) self;
	int64		member;
	double		value;
	Term	   *term;

	CHECK_FOR_INTERRUPTS();
	slot_getallattrs(slot);
	member = DatumGetInt64(slot->tts_values[0]);
	if (member != receiver->member)
		add_terms(receiver);
	receiver->member = member;
	receiver->pending = true;
	receiver->is_new |= DatumGetBool(slot->tts_values[3]);
	value = DatumGetFloat8(slot->tts_values[1]);
	if (value == 0)
		return true;
	if (receiver->count == receiver->room)
	{
		receiver->room *= 2;
		receiver->terms = repalloc_huge(receiver->terms,
										receiver->room * sizeof(Term));
	}
	term = &receiver->terms[receiver->count++];
	term->value = value;
	term->at = DatumGetTimestampTz(slot->tts_values[2]);
	return true;
}

static void
term_startup(DestReceiver *self, int operation, TupleDesc desc)
{
}

static void
term_nothing(DestReceiver *self)
{
}

/*
 * Add what the set "recorded" (event_id, member_id, engagement, at, is_new)
 * brings to its members.  They are locked in ascending order, those to whom
 * it brings nothing too, and each is touched once: its terms are added in the
 * order of the events, with the very result of adding them one by one.
 */
void
score_add_engagements(int64 program, bool keep)
{
	static CorePlan plan = {
		.sql = "SELECT " BEARER ", r.engagement, r.at, r.is_new FROM recorded AS r"
		" ORDER BY 1, r.event_id",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	Datum		values[1];
	TermReceiver receiver = {{receive_term, term_startup, term_nothing,
	term_nothing, DestNone}};

	if (!core_table_is_usable(&engagement_table))
	{
		add_engagements_by_sql(program, keep);
		return;
	}
	receiver.program = program;
	receiver.room = 16;
	receiver.terms = palloc_array(Term, receiver.room);
	receiver.update = core_table_begin_update(&engagement_table);
	values[0] = Int64GetDatum(program);
	core_run_into(&plan, values, NULL, keep, &receiver.pub);
	add_terms(&receiver);
	core_table_end_update(receiver.update);
	pfree(receiver.terms);
}

/*
 * Empty the table of the scores of a program whose half-life has changed.
 * Scores of two half-lives do not compare, so an index must not hold both,
 * not even those of dead rows: the table is truncated, and what belongs to
 * other programs put back.
 */
static void
clear_other_half_life(int64 program)
{
	static CorePlan differs = {
		.sql = "SELECT true FROM community.engagement AS g"
		" JOIN community.program AS p ON p.program_id = g.program_id"
		" WHERE g.program_id = $1"
		" AND community.half_life(g.score) <> p.half_life LIMIT 1",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	static CorePlan others = {
		.sql = "SELECT array_agg(g.program_id), array_agg(g.member_id),"
		" array_agg(g.closed), array_agg(g.score::text)"
		" FROM community.engagement AS g WHERE g.program_id <> $1",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	static CorePlan put_back = {
		.sql = "INSERT INTO community.engagement (program_id, member_id,"
		" closed, score) SELECT o.program_id, o.member_id, o.closed,"
		" o.score::community.decayed FROM unnest($1, $2, $3, $4)"
		" AS o (program_id, member_id, closed, score)",
		.nargs = 4,
		.argtypes = {INT8ARRAYOID, INT8ARRAYOID, BOOLARRAYOID, TEXTARRAYOID}
	};
	Datum		values[4];
	char		nulls[5] = "    ";
	int			i;

	values[0] = Int64GetDatum(program);
	core_run(&differs, values, NULL, false);
	if (SPI_processed == 0)
		return;
	if (SPI_execute("LOCK TABLE community.engagement"
					" IN ACCESS EXCLUSIVE MODE", false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "could not lock \"community.engagement\"");
	core_run(&others, values, NULL, false);
	for (i = 0; i < lengthof(values); i++)
	{
		bool		isnull;

		values[i] = core_field(0, i + 1, &isnull);
		if (isnull)
			nulls[i] = 'n';
	}
	if (SPI_execute("TRUNCATE community.engagement", false, 0) !=
		SPI_OK_UTILITY)
		elog(ERROR, "could not truncate \"community.engagement\"");
	core_run(&put_back, values, nulls, false);
}

/*
 * What the scores of a program are: the sum over the events that a member
 * bears, each at the time of the event it is or corrects.  With "only" it is
 * about one member.
 */
#define SET_SCORES(only_bearer, only_member) \
	"UPDATE community.engagement AS g" \
	" SET score = s.score, closed = s.closed" \
	" FROM (SELECT m.member_id, m.status = 'closed' AS closed, coalesce(n.score," \
	"   community.decayed(0, '2000-01-01 00:00:00+00', p.half_life)) AS score" \
	"  FROM community.member AS m JOIN community.program AS p" \
	"   ON p.program_id = m.program_id" \
	"  LEFT JOIN (SELECT coalesce(b.bearer_id, e.member_id) AS member_id," \
	"    community.decayed_sum(e.engagement," \
	"    coalesce(o.occurred_at, e.occurred_at), h.half_life" \
	"    ORDER BY e.event_id) AS score" \
	"   FROM community.event AS e JOIN community.program AS h" \
	"    ON h.program_id = e.program_id" \
	"   LEFT JOIN community.member_merge AS b" \
	"    ON b.program_id = e.program_id AND b.member_id = e.member_id" \
	"   LEFT JOIN community.event AS o ON o.program_id = e.program_id" \
	"    AND o.event_id = e.corrects" \
	"   WHERE e.program_id = $1" only_bearer " GROUP BY 1) AS n" \
	"   ON n.member_id = m.member_id" \
	"  WHERE m.program_id = $1" only_member ") AS s" \
	" WHERE g.program_id = $1 AND g.member_id = s.member_id" \
	" AND (g.score IS NULL OR g.closed <> s.closed" \
	" OR g.score::text <> s.score::text)"

/*
 * Give "into" what "from" had, once that is on record; both are locked.  It
 * is computed anew, so that rebuild() finds the very same.
 */
void
score_merge_engagement(int64 program, int64 from, int64 into)
{
	static CorePlan clear = {
		.sql = "UPDATE community.engagement SET closed = true,"
		" score = community.decayed(0, '2000-01-01 00:00:00+00',"
		"  community.half_life(score))"
		" WHERE program_id = $1 AND member_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	static CorePlan add = {
		.sql = SET_SCORES(" AND e.member_id IN (SELECT $2 UNION ALL"
						  " SELECT o.member_id FROM community.member_merge AS o"
						  " WHERE o.program_id = $1 AND o.bearer_id = $2)",
						  " AND m.member_id = $2"),
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(from);
	core_run(&clear, values, NULL, false);
	values[1] = Int64GetDatum(into);
	core_run(&add, values, NULL, false);
}

/*
 * Compute all scores of a program anew; gives the number that were wrong.
 * Members are locked first, so that the sum is read when no event of theirs
 * is under way.
 */
int64
score_rebuild_engagement(int64 program)
{
	static CorePlan open = {
		.sql = "INSERT INTO community.engagement (program_id, member_id, closed,"
		" score) SELECT m.program_id, m.member_id, m.status = 'closed',"
		" community.decayed(0, '2000-01-01 00:00:00+00', p.half_life)"
		" FROM community.member AS m JOIN community.program AS p"
		" ON p.program_id = m.program_id WHERE m.program_id = $1"
		" ORDER BY m.member_id ON CONFLICT DO NOTHING",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	static CorePlan lock = {
		.sql = "SELECT g.member_id FROM community.engagement AS g"
		" WHERE g.program_id = $1 ORDER BY g.member_id FOR NO KEY UPDATE",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	static CorePlan rebuild = {
		.sql = SET_SCORES("", ""),
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	Datum		values[1];

	values[0] = Int64GetDatum(program);
	clear_other_half_life(program);
	core_run(&open, values, NULL, false);
	core_run_into(&lock, values, NULL, false, None_Receiver);
	core_run(&rebuild, values, NULL, false);
	return (int64) SPI_processed;
}
