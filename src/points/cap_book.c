/*-------------------------------------------------------------------------
 *
 * cap_book.c
 *	  Rows of cap_usage: what caps have counted.
 *
 * The rows of one member are kept in a book.  The first event that comes to a
 * row counts in it at once, in one visit that finds, locks, reads and writes
 * it.  What further events of a set add is kept, and written when the next
 * member comes; so a row is written twice at most, however many events a set
 * has.
 *
 * A cap that is full needs no lock: what is counted never becomes less once
 * it is committed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/table.h"
#include "points/rules.h"

/* columns of cap_usage */
enum
{
	USAGE_PROGRAM, USAGE_CAP, USAGE_MEMBER, USAGE_USED_AT, USAGE_POINTS,
	USAGE_EVENTS, USAGE_COLUMNS
};

static const char *const usage_columns[USAGE_COLUMNS] = {
	"program_id", "cap_id", "member_id", "used_at", "points", "events"
};

static CoreTable usage_table = {
	.name = "cap_usage",
	.index = "cap_usage_pkey",
	.use = CORE_TABLE_WRITE,
	.ncolumns = USAGE_COLUMNS,
	.columns = usage_columns,
	.nkeys = 4,
	.keys = {USAGE_PROGRAM + 1, USAGE_CAP + 1, USAGE_MEMBER + 1,
	USAGE_USED_AT + 1},
	.changes = USAGE_POINTS + 1
};

/* A row of the member. */
typedef struct Usage
{
	const PointsCap *cap;
	TimestampTz used_at;
	int64		points;			/* by now, with those to be added */
	int64		events;
	int64		more_points;	/* to be added */
	int64		more_events;
} Usage;

struct PointsCapBook
{
	const PointsRules *rules;
	MemoryContext context;
	CoreUpdate *update;			/* open while rows are visited directly */
	bool		only_looks;		/* neither locks nor writes */
	bool		has_member;
	int64		member;			/* whose rows these are */
	int			count;
	int			room;
	Usage	   *usages;
};

PointsCapBook *
points_open_caps(const PointsRules *rules)
{
	PointsCapBook *book = palloc0_object(PointsCapBook);

	book->rules = rules;
	book->context = CurrentMemoryContext;
	return book;
}

/* A book to ask what would be granted: it takes no lock and writes nothing. */
PointsCapBook *
points_look_at_caps(const PointsRules *rules)
{
	PointsCapBook *book = points_open_caps(rules);

	book->only_looks = true;
	return book;
}

bool
points_book_looks(const PointsCapBook *book)
{
	return book->only_looks;
}

const PointsRules *
points_book_rules(const PointsCapBook *book)
{
	return book->rules;
}

/* What identifies a row of cap_usage, as the first four parameters. */
void
points_usage_keys(Datum *values, const PointsCapBook *book,
				  const PointsCap *cap, TimestampTz used_at)
{
	values[USAGE_PROGRAM] = Int64GetDatum(book->rules->program);
	values[USAGE_CAP] = Int64GetDatum(cap->id);
	values[USAGE_MEMBER] = Int64GetDatum(book->member);
	values[USAGE_USED_AT] = TimestampTzGetDatum(used_at);
}

#define KEY_MATCHES \
	" WHERE program_id = $1 AND cap_id = $2 AND member_id = $3" \
	" AND used_at = $4"

/*
 * How much of what is wanted a cap grants, by what it has counted.  An event
 * that has been counted by a cap on events is not another one.
 */
int64
points_room_under(const PointsCap *cap, int64 points, int64 events,
				  int64 wanted, bool again)
{
	if (cap->counts_events)
		return again || events < cap->maximum ? wanted : 0;
	return Min(wanted, Max(cap->maximum - points, 0));
}

/* ----- the first visit ----- */

/* What a visit wants and what comes of it. */
typedef struct Visit
{
	Usage	   *usage;
	bool		only_lock;		/* count the visit itself, not a grant */
	int64		wanted;
	bool		again;			/* the event was counted before */
	int64		granted;
	bool		full;			/* nothing is left, so nothing is written */
} Visit;

/* Count in a row; false when it is full. */
static bool
visit_row(Datum *values, bool *nulls, void *arg)
{
	Visit	   *visit = (Visit *) arg;
	Usage	   *usage = visit->usage;

	usage->points = DatumGetInt64(values[USAGE_POINTS]);
	usage->events = DatumGetInt64(values[USAGE_EVENTS]);
	visit->granted = visit->only_lock ? 0 :
		points_room_under(usage->cap, usage->points, usage->events,
						  visit->wanted, visit->again);
	visit->full = visit->granted == 0 && !visit->only_lock;
	if (visit->full)
		return false;
	usage->points += visit->granted;
	usage->events += visit->again ? 0 : 1;
	values[USAGE_POINTS] = Int64GetDatum(usage->points);
	values[USAGE_EVENTS] = Int64GetDatum(usage->events);
	return true;
}

/* Begin to visit rows directly, unless the table must be left to SQL. */
static bool
begin_visits(PointsCapBook *book)
{
	MemoryContext old;

	if (book->update != NULL)
		return true;
	if (!core_table_is_usable(&usage_table))
		return false;
	old = MemoryContextSwitchTo(book->context);
	book->update = core_table_begin_update(&usage_table);
	MemoryContextSwitchTo(old);
	return true;
}

static void
end_visits(PointsCapBook *book)
{
	if (book->update != NULL)
		core_table_end_update(book->update);
	book->update = NULL;
}

/* One attempt; false when the row has come or gone meanwhile. */
static bool
visit_once(PointsCapBook *book, Visit *visit)
{
	Usage	   *usage = visit->usage;
	Datum		values[USAGE_COLUMNS];
	bool		nulls[USAGE_COLUMNS] = {false};

	points_usage_keys(values, book, usage->cap, usage->used_at);
	if (core_table_find_row(book->update, values))
	{
		visit->full = false;
		return core_table_change_row(book->update, visit_row, visit) ||
			visit->full;
	}
	values[USAGE_POINTS] = Int64GetDatum(0);
	values[USAGE_EVENTS] = Int64GetDatum(0);
	/* what is full from the start needs no row */
	return !visit_row(values, nulls, visit) ||
		core_table_add_row(book->update, values, nulls, true);
}

/* The same by SQL: lock the row, and write it with the rest. */
static void
visit_by_sql(PointsCapBook *book, Visit *visit)
{
	static CorePlan lock = {
		.sql = "SELECT points, events FROM community.cap_usage" KEY_MATCHES
		" FOR NO KEY UPDATE",
		.nargs = 4,
		.argtypes = {POINTS_USAGE_KEYS}
	};
	static CorePlan open = {
		.sql = "INSERT INTO community.cap_usage (program_id, cap_id,"
		" member_id, used_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
		.nargs = 4,
		.argtypes = {POINTS_USAGE_KEYS}
	};
	Usage	   *usage = visit->usage;
	Datum		values[USAGE_COLUMNS];
	bool		nulls[USAGE_COLUMNS] = {false};

	points_usage_keys(values, book, usage->cap, usage->used_at);
	core_run(&lock, values, NULL, false);
	while (SPI_processed == 0)
	{
		CHECK_FOR_INTERRUPTS();
		core_run(&open, values, NULL, false);
		core_run(&lock, values, NULL, false);
	}
	values[USAGE_POINTS] = Int64GetDatum(core_int64(0, 1));
	values[USAGE_EVENTS] = Int64GetDatum(core_int64(0, 2));
	if (!visit_row(values, nulls, visit))
		return;
	usage->more_points = visit->granted;
	usage->more_events = visit->again ? 0 : 1;
}

/* Room for one more row in the book. */
static Usage *
add_usage(PointsCapBook *book)
{
	if (book->count == book->room)
	{
		MemoryContext old = MemoryContextSwitchTo(book->context);

		book->room = Max(2 * book->room, 8);
		book->usages = book->usages == NULL ?
			palloc_array(Usage, book->room) :
			repalloc(book->usages, book->room * sizeof(Usage));
		MemoryContextSwitchTo(old);
	}
	return &book->usages[book->count++];
}

/* Visit a row for the first time, and keep in the book what it says. */
static int64
visit_new(PointsCapBook *book, const PointsCap *cap, TimestampTz used_at,
		  bool only_lock, int64 wanted, bool again)
{
	Visit		visit = {add_usage(book), only_lock, wanted, again};

	*visit.usage = (Usage)
	{
		cap, used_at
	};
	while (begin_visits(book))
	{
		CHECK_FOR_INTERRUPTS();
		if (visit_once(book, &visit))
			return visit.granted;
		/* look again, with a new snapshot */
		end_visits(book);
	}
	visit_by_sql(book, &visit);
	return visit.granted;
}

/* Note what a row says, without a lock. */
static Usage *
look_at_usage(PointsCapBook *book, const PointsCap *cap, TimestampTz used_at)
{
	static CorePlan plan = {
		.sql = "SELECT points, events FROM community.cap_usage" KEY_MATCHES,
		.nargs = 4,
		.argtypes = {POINTS_USAGE_KEYS}
	};
	Datum		values[4];
	Usage	   *usage = add_usage(book);
	bool		known;

	points_usage_keys(values, book, cap, used_at);
	core_run(&plan, values, NULL, true);
	known = SPI_processed > 0;
	*usage = (Usage)
	{
		cap, used_at, known ? core_int64(0, 1) : 0,
			known ? core_int64(0, 2) : 0
	};
	return usage;
}

/* The row in the book, or NULL when it is still to be visited. */
static Usage *
find_usage(PointsCapBook *book, const PointsCap *cap, TimestampTz used_at)
{
	int			i;

	/* the last period is the likely one */
	for (i = book->count - 1; i >= 0; i--)
		if (book->usages[i].cap == cap && book->usages[i].used_at == used_at)
			return &book->usages[i];
	return book->only_looks ? look_at_usage(book, cap, used_at) : NULL;
}

/* ----- counting ----- */

static void
add_to_usage(Usage *usage, int64 points, int64 events)
{
	usage->points += points;
	usage->more_points += points;
	usage->events += events;
	usage->more_events += events;
}

/* Count what is left of "wanted" points in a row; gives what that is. */
int64
points_count_usage(PointsCapBook *book, const PointsCap *cap,
				   TimestampTz used_at, int64 wanted, bool again)
{
	Usage	   *usage = find_usage(book, cap, used_at);
	int64		granted;

	if (usage == NULL)
		return visit_new(book, cap, used_at, false, wanted, again);
	granted = points_room_under(cap, usage->points, usage->events, wanted,
								again);
	if (granted > 0)
		add_to_usage(usage, granted, again ? 0 : 1);
	return granted;
}

/* Lock a row by counting an event in it. */
void
points_count_visit(PointsCapBook *book, const PointsCap *cap,
				   TimestampTz used_at)
{
	Usage	   *usage = find_usage(book, cap, used_at);

	if (usage == NULL)
		(void) visit_new(book, cap, used_at, true, 0, false);
	else
		add_to_usage(usage, 0, 1);
}

/* Take out of a row what was counted in it before. */
void
points_take_back_usage(PointsCapBook *book, const PointsCap *cap,
					   TimestampTz used_at, int64 points, int64 events)
{
	add_to_usage(find_usage(book, cap, used_at), -points, -events);
}

/* Note what would be added to a row; for a book that only looks. */
void
points_note_usage(PointsCapBook *book, const PointsCap *cap,
				  TimestampTz used_at, int64 points, int64 events)
{
	Usage	   *usage = find_usage(book, cap, used_at);

	usage->more_points += points;
	usage->more_events += events;
}

/* Add what was noted there. */
void
points_add_noted(PointsCapBook *book, const PointsCap *cap,
				 TimestampTz used_at, int64 *points, int64 *events)
{
	const Usage *usage = find_usage(book, cap, used_at);

	*points += usage->more_points;
	*events += usage->more_events;
}

/* ----- writing the rest ----- */

static bool
add_to_row(Datum *values, bool *nulls, void *arg)
{
	const Usage *usage = (const Usage *) arg;

	values[USAGE_POINTS] = Int64GetDatum(DatumGetInt64(values[USAGE_POINTS]) +
										 usage->more_points);
	values[USAGE_EVENTS] = Int64GetDatum(DatumGetInt64(values[USAGE_EVENTS]) +
										 usage->more_events);
	return true;
}

/* Add to a row that this transaction has visited before. */
static void
write_usage(PointsCapBook *book, Usage *usage)
{
	static CorePlan plan = {
		.sql = "UPDATE community.cap_usage SET points = points + $5,"
		" events = events + $6" KEY_MATCHES,
		.nargs = 6,
		.argtypes = {POINTS_USAGE_KEYS, INT8OID, INT8OID}
	};
	Datum		values[USAGE_COLUMNS];
	bool		written;

	points_usage_keys(values, book, usage->cap, usage->used_at);
	if (begin_visits(book))
		written = core_table_find_row(book->update, values) &&
			core_table_change_row(book->update, add_to_row, usage);
	else
	{
		values[USAGE_POINTS] = Int64GetDatum(usage->more_points);
		values[USAGE_EVENTS] = Int64GetDatum(usage->more_events);
		core_run(&plan, values, NULL, false);
		written = SPI_processed == 1;
	}
	if (!written)
		elog(ERROR, "usage of cap \"%s\" by member %lld is gone",
			 usage->cap->name, (long long) book->member);
}

static void
write_usages(PointsCapBook *book)
{
	bool		any = false;
	int			i;

	for (i = 0; i < book->count && !book->only_looks; i++)
	{
		Usage	   *usage = &book->usages[i];

		if (usage->more_points == 0 && usage->more_events == 0)
			continue;
		/* what this command has written is for the next one to change */
		if (!any)
			end_visits(book);
		any = true;
		write_usage(book, usage);
	}
	book->count = 0;
}

/* Grants for one member come together; the next are for this one. */
void
points_turn_to_member(PointsCapBook *book, int64 member)
{
	if (!book->has_member || book->member != member)
		write_usages(book);
	book->has_member = true;
	book->member = member;
}

/* Write what is left to be written. */
void
points_close_caps(PointsCapBook *book)
{
	write_usages(book);
	end_visits(book);
	pfree(book);
}
