/*-------------------------------------------------------------------------
 *
 * place.c
 *	  Where a member is put: no cycle, not too deep, and by which label it
 *	  will be counted.
 *
 * A new leaf, whose row in member is of the own transaction and below which
 * nobody stands, is looked at without any lock.  All others come under the
 * movers' lock first, and are looked at once more with what was committed
 * meanwhile: a snapshot from before the wait would miss it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "core/tenant.h"
#include "referral/label.h"
#include "referral/place.h"

/* columns of referral_forest */
enum
{
	FOREST_PROGRAM, FOREST_DEEPENED, FOREST_LABELS, FOREST_LABELS_END,
	FOREST_LABELLED, FOREST_LABELLED_AT, FOREST_COLUMNS
};

static const char *const forest_columns[FOREST_COLUMNS] = {
	"program_id", "deepened", "labels", "labels_end", "labelled",
	"labelled_at"
};

static CoreTable forest_table = {
	.name = "referral_forest",
	.index = "referral_forest_pkey",
	.use = CORE_TABLE_READ,
	.ncolumns = FOREST_COLUMNS,
	.columns = forest_columns,
	.nkeys = 1,
	.keys = {FOREST_PROGRAM + 1}
};

/* ----- members ----- */

/* What member says of one, with a snapshot. */
typedef struct Person
{
	bool		known;
	bool		closed;
	bool		own;			/* inserted by this transaction */
} Person;

static void
find_person_by_sql(const Datum *keys, Snapshot snapshot, Person *person)
{
	static CorePlan plan = {
		.sql = "SELECT status = 'closed' FROM community.member"
		" WHERE program_id = $1 AND member_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID},
		.by_index = true
	};
	Datum		values[2];

	values[0] = keys[0];
	values[1] = keys[1];
	PushActiveSnapshot(snapshot);
	core_run(&plan, values, NULL, true);
	PopActiveSnapshot();
	person->known = SPI_processed > 0;
	person->closed = person->known && core_bool(0, 1);
}

/* "reader" is NULL where member is not as installed. */
static void
find_person(int64 program, int64 member, CoreReader *reader,
			Snapshot snapshot, Person *person)
{
	Datum		keys[2];
	const Datum *values;
	const bool *nulls;

	keys[0] = Int64GetDatum(program);
	keys[1] = Int64GetDatum(member);
	person->own = person->closed = false;
	if (reader == NULL)
	{
		/* whose row it is nobody sees here: then it is not our own */
		find_person_by_sql(keys, snapshot, person);
		return;
	}
	/* many are put under few */
	person->known = core_table_recall(reader, keys, &values, &nulls);
	if (!person->known)
	{
		core_table_seek(reader, keys);
		person->known = core_table_next(reader, &values, &nulls);
	}
	if (!person->known)
		return;
	person->closed = core_text_is(DatumGetTextPP(values[CORE_MEMBER_STATUS]),
								  "closed");
	person->own = core_table_row_is_own(reader);
}

/* An error needs SQL for the name of the program. */
static void
refuse_person(int64 program, int64 member, bool closed, CoreScope *scope)
{
	core_connect(scope);
	core_refuse_member(program, member, closed);
}

/* Can this member be a sponsor? */
void
referral_check_sponsor(int64 program, int64 sponsor)
{
	Snapshot	snapshot = referral_latest_snapshot();
	Person		person;

	find_person(program, sponsor, NULL, snapshot, &person);
	UnregisterSnapshot(snapshot);
	if (!person.known || person.closed)
		core_refuse_member(program, sponsor, person.closed);
}

/* ----- depth and cycles ----- */

/* For a message; needs no core_enter(). */
char *
referral_program_name(int64 program)
{
	MemoryContext caller = CurrentMemoryContext;
	CoreScope	scope;
	char	   *name;

	core_enter(&scope);
	name = MemoryContextStrdup(caller, core_program_name(program));
	core_leave(&scope);
	return name;
}

void
referral_refuse_cycle(int64 program, int64 member, int64 sponsor)
{
	if (member == sponsor)
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_REFERRAL_CYCLE),
				 errmsg("member %lld of program \"%s\" cannot be its own sponsor",
						(long long) member, referral_program_name(program))));
	ereport(ERROR,
			(errcode(COMMUNITY_ERRCODE_REFERRAL_CYCLE),
			 errmsg("member %lld of program \"%s\" cannot stand under member %lld",
					(long long) member, referral_program_name(program),
					(long long) sponsor),
			 errdetail("Member %lld stands below member %lld.",
					   (long long) sponsor, (long long) member)));
}

void
referral_check_depth(int64 program, int64 member, int64 sponsor, int32 depth)
{
	int32		maximum = referral_maximum_depth(program);

	if (depth > maximum)
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_REFERRAL_DEPTH),
				 errmsg("member %lld of program \"%s\" would stand at depth %d under member %lld",
						(long long) member, referral_program_name(program),
						depth,
						(long long) sponsor),
				 errdetail("The maximum depth of the program is %d.",
						   maximum),
				 errhint("It can be raised with community.define_referrals().")));
}

/* ----- state ----- */

static void
read_state_by_sql(Datum *keys, Snapshot snapshot, ReferralState *state)
{
	static CorePlan plan = {
		.sql = "SELECT deepened, labels, labelled"
		" FROM community.referral_forest WHERE program_id = $1",
		.nargs = 1,
		.argtypes = {INT8OID},
		.by_index = true
	};
	bool		isnull = true;
	Datum		labels = (Datum) 0;

	PushActiveSnapshot(snapshot);
	core_run(&plan, keys, NULL, true);
	PopActiveSnapshot();
	memset(state, 0, sizeof(ReferralState));
	if (SPI_processed == 0)
		return;
	state->deepened = (int32) core_int64(0, 1);
	labels = core_field(0, 2, &isnull);
	state->has_labels = !isnull;
	state->labels = isnull ? 0 : DatumGetInt64(labels);
	state->labelled = core_int64(0, 3);
}

bool
referral_state_is_direct(void)
{
	return core_table_is_usable(&forest_table);
}

/* Where referral_state_is_direct() says so, no SQL is run. */
void
referral_read_state(int64 program, Snapshot snapshot, ReferralState *state)
{
	Datum		keys[1];
	Datum		values[FOREST_COLUMNS];
	bool		nulls[FOREST_COLUMNS];

	keys[0] = Int64GetDatum(program);
	if (!core_table_is_usable(&forest_table))
	{
		read_state_by_sql(keys, snapshot, state);
		return;
	}
	memset(state, 0, sizeof(ReferralState));
	if (!core_table_fetch(&forest_table, snapshot, keys, values, nulls))
		return;
	state->deepened = DatumGetInt32(values[FOREST_DEEPENED]);
	state->has_labels = !nulls[FOREST_LABELS];
	state->labels = state->has_labels ?
		DatumGetInt64(values[FOREST_LABELS]) : 0;
	state->labelled = DatumGetInt64(values[FOREST_LABELLED]);
}

/*
 * The state of one program as a session knows it, until the table tells of a
 * change; see core/watch.c.  It may be older than what a snapshot sees, by the
 * time that a message takes, but not newer: it is asked for before.  New
 * leaves can do with that.  A move that is not seen might as well be in
 * flight, and of anchors law 10 says why.  While there are no labels it is
 * read each time, as those who make the first wait for signups that saw none.
 */
static CoreWatch state_watch = {.name = "referral_forest"};
static ReferralState known_state;
static int64 known_program;
static uint64 known_generation = 0;

/* Leaves in "generation" what keep_state() is to be told. */
static bool
recall_state(int64 program, ReferralState *state, uint64 *generation)
{
	*generation = core_watch(&state_watch);
	if (*generation == 0 || *generation != known_generation ||
		program != known_program)
		return false;
	*state = known_state;
	return true;
}

static void
keep_state(int64 program, const ReferralState *state, uint64 generation)
{
	known_generation = state->has_labels ? generation : 0;
	known_program = program;
	known_state = *state;
}

/* ----- anchors ----- */

/* The position of a member's label, or -1 when it has none. */
static int32
find_position(ReferralLabelReader *labels, int64 member)
{
	int32		position;
	int32		size;

	return referral_find_label(labels, member, &position, &size) ?
		position : -1;
}

/*
 * The label of the nearest labelled member above one that is put under the
 * sponsor.  A sponsor whose row has an anchor has no label of its own.
 */
static void
find_anchor(ReferralPlace *place, bool has_row, const ReferralEdge *sponsor,
			Snapshot snapshot, CoreScope *scope)
{
	ReferralLabelReader *labels;
	int32		position;

	place->has_anchor = place->state.has_labels;
	if (!place->has_anchor)
		return;
	if (!place->late && has_row && sponsor->has_anchor)
	{
		place->anchor = sponsor->anchor;
		return;
	}
	if (!referral_labels_are_direct())
		core_connect(scope);
	labels = referral_open_labels(place->program, snapshot);
	/* who has a label of its own is counted by that, and moves with it */
	if (place->late && find_position(labels, place->member) >= 0)
		place->has_anchor = false;
	else if (has_row && sponsor->has_anchor)
		place->anchor = sponsor->anchor;
	else
	{
		position = find_position(labels, place->sponsor);
		/* of later labels than those that are known */
		if (position >= place->state.labelled)
			referral_read_state(place->program, snapshot, &place->state);
		place->anchor = place->state.labels + position;
	}
	referral_close_labels(labels);
}

/* ----- the place ----- */

/* how many rows this session has put into forests */
static uint64 rows_put = 0;

/* the transaction that put somebody below a member of its own, if any did */
static LocalTransactionId own_sponsor_in = InvalidLocalTransactionId;

/*
 * A number that rises whenever this session puts a row into a forest.  A
 * member that is inserted while it stays the same has no row, and nobody
 * below it.
 */
uint64
referral_rows_put(void)
{
	return rows_put;
}

void
referral_note_row(void)
{
	rows_put++;
}

static void
note_own_sponsor(void)
{
	own_sponsor_in = core_local_transaction();
}

/*
 * May somebody stand below a member that the own transaction has enrolled?
 * Nobody else sees it, so none does unless we have put somebody there.
 */
static bool
may_have_children(void)
{
	return own_sponsor_in == core_local_transaction();
}

/* The same of a member that is known to be one. */
static bool
is_closed(int64 program, int64 member, Snapshot snapshot)
{
	Datum		keys[2];
	Datum		values[CORE_MEMBER_COLUMNS];
	bool		nulls[CORE_MEMBER_COLUMNS];

	keys[0] = Int64GetDatum(program);
	keys[1] = Int64GetDatum(member);
	return core_table_fetch(&core_closed_table, snapshot, keys, values,
							nulls) &&
		core_text_is(DatumGetTextPP(values[CORE_MEMBER_STATUS]), "closed");
}

/*
 * Read member.  A sponsor with a row of its own is known to be a member, and
 * as such rows stay, nobody will bind it and ask what stands below it.
 */
static void
find_people(const ReferralPlace *place, bool sponsor_has_row,
			Snapshot snapshot, CoreScope *scope, Person *member,
			Person *sponsor)
{
	CoreReader *reader = NULL;
	bool		is_short = sponsor_has_row &&
	core_table_is_usable(&core_closed_table);

	member->known = member->own = true;
	sponsor->known = true;
	sponsor->own = false;
	if (is_short)
		sponsor->closed = is_closed(place->program, place->sponsor, snapshot);
	if (is_short && place->fresh)
		return;
	if (core_table_is_usable(&core_member_table))
		reader = core_table_begin_read(&core_member_table, snapshot,
									   CORE_READ_EQUAL);
	else
		core_connect(scope);
	if (!place->fresh)
		find_person(place->program, place->member, reader, snapshot, member);
	if (!is_short)
		find_person(place->program, place->sponsor, reader, snapshot,
					sponsor);
	if (reader != NULL)
		core_table_end_read(reader);
}

/*
 * Who is put under whom, and is a lock needed for it that is not held?  Then
 * false, and so it is when the member has a row, "bound".
 */
static bool
look_at_people(ReferralPlace *place, bool locked, bool sponsor_has_row,
			   ReferralForest *forest, Snapshot snapshot, CoreScope *scope)
{
	Person		member;
	Person		sponsor;

	find_people(place, sponsor_has_row, snapshot, scope, &member, &sponsor);
	if (!member.known)
		refuse_person(place->program, place->member, false, scope);

	place->has_children = !place->fresh &&
		(!member.own || may_have_children()) &&
		referral_has_children(forest, place->member);
	place->late = !member.own || place->has_children;
	if (place->ask_bound || place->late)
		place->bound = referral_fetch(forest, place->member, &place->edge);
	if (place->bound || (place->late && !locked))
		return false;

	if (!sponsor.known || sponsor.closed)
		refuse_person(place->program, place->sponsor, sponsor.closed, scope);
	if (sponsor.own)
		note_own_sponsor();
	return true;
}

/* Find the depth, by walking where it may be too deep. */
static void
find_depth(ReferralPlace *place, ReferralForest *forest, int32 bound)
{
	place->depth = bound;
	if (place->has_children)
		referral_forget_depths();
	else
		referral_forget_depth(place->program, place->member);
	if (!place->late && bound + (int64) place->state.deepened <=
		referral_maximum_depth(place->program))
		return;
	/* without anybody below it no cycle can close; see law 6 */
	place->measured = 1 +
		(place->late && !place->has_children ?
		 referral_measure_locked(forest, place->sponsor) :
		 referral_measure(forest, place->sponsor, place->late,
						  place->member));
	place->depth = Min(bound, place->measured);
	referral_check_depth(place->program, place->member, place->sponsor,
						 place->measured);
}

/*
 * Look at everything with a snapshot of this moment.  False when the member is
 * no new leaf, and the lock is not held that it then takes.
 */
static bool
look(ReferralPlace *place, bool locked, CoreScope *scope)
{
	uint64		generation;
	bool		is_known;
	Snapshot	snapshot;
	ReferralForest *forest;
	ReferralEdge edge;
	bool		has_row;
	bool		done;

	/* what the own transaction has changed is told by this */
	CommandCounterIncrement();
	is_known = recall_state(place->program, &place->state, &generation);
	snapshot = referral_latest_snapshot();
	forest = referral_open_forest(place->program, snapshot, DT_NOEND);
	has_row = referral_fetch(forest, place->sponsor, &edge);
	done = look_at_people(place, locked, has_row, forest, snapshot, scope);
	if (done)
	{
		/* who moves has to know what is, and so does its row in the history */
		if (place->late || !is_known)
		{
			referral_read_state(place->program, snapshot, &place->state);
			keep_state(place->program, &place->state, generation);
		}
		find_depth(place, forest, has_row ? edge.depth + 1 : 1);
		find_anchor(place, has_row, &edge, snapshot, scope);
	}
	referral_close_forest(forest);
	UnregisterSnapshot(snapshot);
	return done || place->bound;
}

/*
 * Find the place of a member under its sponsor, or refuse it.  "scope" is NULL
 * where SPI is connected, and gets it when it turns out to be needed.
 */
void
referral_find_place(ReferralPlace *place, CoreScope *scope)
{
	if (place->member == place->sponsor)
		referral_refuse_cycle(place->program, place->member, place->sponsor);
	if (!referral_is_direct() || !core_table_is_usable(&forest_table))
		core_connect(scope);
	if (look(place, false, scope))
		return;
	referral_lock_movers(place->program);
	(void) look(place, true, scope);
}
