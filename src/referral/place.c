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
#include "utils/array.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "core/tenant.h"
#include "referral/place.h"

/* columns of referral_forest and referral_label */
enum
{
	FOREST_PROGRAM, FOREST_DEEPENED, FOREST_LABELS, FOREST_LABELS_END,
	FOREST_LABELLED, FOREST_LABELLED_AT, FOREST_COLUMNS
};
enum
{
	LABEL_PROGRAM, LABEL_FIRST, LABEL_MEMBERS, LABEL_POSITIONS, LABEL_SIZES,
	LABEL_COLUMNS
};

static const char *const forest_columns[FOREST_COLUMNS] = {
	"program_id", "deepened", "labels", "labels_end", "labelled",
	"labelled_at"
};
static const char *const label_columns[LABEL_COLUMNS] = {
	"program_id", "first_member", "members", "positions", "sizes"
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

static CoreTable label_table = {
	.name = "referral_label",
	.index = "referral_label_pkey",
	.use = CORE_TABLE_READ,
	.ncolumns = LABEL_COLUMNS,
	.columns = label_columns,
	.nkeys = 2,
	.keys = {LABEL_PROGRAM + 1, LABEL_FIRST + 1}
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

/* ----- state and labels ----- */

static void
read_state_by_sql(Datum *keys, Snapshot snapshot, ReferralState *state)
{
	static CorePlan plan = {
		.sql = "SELECT deepened, labels FROM community.referral_forest"
		" WHERE program_id = $1",
		.nargs = 1,
		.argtypes = {INT8OID},
		.by_index = true
	};
	bool		isnull = true;
	Datum		labels = (Datum) 0;

	PushActiveSnapshot(snapshot);
	core_run(&plan, keys, NULL, true);
	PopActiveSnapshot();
	state->deepened = SPI_processed == 0 ? 0 : (int32) core_int64(0, 1);
	if (SPI_processed > 0)
		labels = core_field(0, 2, &isnull);
	state->has_labels = !isnull;
	state->labels = isnull ? 0 : DatumGetInt64(labels);
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
}

/* The position of a member among the labels in force, or -1. */
static int32
position_in(Datum members_datum, Datum positions_datum, int64 member)
{
	ArrayType  *members = DatumGetArrayTypeP(members_datum);
	ArrayType  *positions = DatumGetArrayTypeP(positions_datum);
	int64	   *ids = (int64 *) ARR_DATA_PTR(members);
	int			count = ArrayGetNItems(ARR_NDIM(members), ARR_DIMS(members));
	int			low = 0;
	int			high = count;

	if (ArrayGetNItems(ARR_NDIM(positions), ARR_DIMS(positions)) != count ||
		ARR_HASNULL(members) || ARR_HASNULL(positions))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("a row of \"referral_label\" has arrays of different lengths, or nulls"),
				 errhint("Make all labels anew with community.relabel_referrals().")));
	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (ids[middle] < member)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == count || ids[low] != member)
		return -1;
	return ((int32 *) ARR_DATA_PTR(positions))[low];
}

static int32
position_by_sql(int64 program, int64 member, Snapshot snapshot)
{
	static CorePlan plan = {
		.sql = "SELECT members, positions FROM community.referral_label"
		" WHERE program_id = $1 AND first_member <= $2"
		" ORDER BY first_member DESC LIMIT 1",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID},
		.by_index = true
	};
	Datum		keys[2];
	bool		isnull;

	keys[0] = Int64GetDatum(program);
	keys[1] = Int64GetDatum(member);
	PushActiveSnapshot(snapshot);
	core_run(&plan, keys, NULL, true);
	PopActiveSnapshot();
	if (SPI_processed == 0)
		return -1;
	return position_in(core_field(0, 1, &isnull), core_field(0, 2, &isnull),
					   member);
}

/* The position of a member's label, or -1 when it has none. */
static int32
find_position(int64 program, int64 member, Snapshot snapshot,
			  CoreScope *scope)
{
	CoreReader *reader;
	Datum		keys[2];
	const Datum *values;
	const bool *nulls;
	int32		position = -1;

	if (!core_table_is_usable(&label_table))
	{
		core_connect(scope);
		return position_by_sql(program, member, snapshot);
	}
	keys[0] = Int64GetDatum(program);
	keys[1] = Int64GetDatum(member);
	reader = core_table_begin_read(&label_table, snapshot, CORE_READ_UP_TO);
	core_table_seek(reader, keys);
	if (core_table_next(reader, &values, &nulls))
		position = position_in(values[LABEL_MEMBERS],
							   values[LABEL_POSITIONS], member);
	core_table_end_read(reader);
	return position;
}

/*
 * The label of the nearest labelled member above one that is put under the
 * sponsor.  A sponsor whose row has an anchor has no label of its own.
 */
static void
find_anchor(ReferralPlace *place, bool has_row, const ReferralEdge *sponsor,
			Snapshot snapshot, CoreScope *scope)
{
	int32		position;

	place->has_anchor = place->state.has_labels;
	if (!place->has_anchor)
		return;
	/* who has a label of its own is counted by that, and moves with it */
	if (place->late &&
		find_position(place->program, place->member, snapshot, scope) >= 0)
	{
		place->has_anchor = false;
		return;
	}
	if (has_row && sponsor->has_anchor)
	{
		place->anchor = sponsor->anchor;
		return;
	}
	position = find_position(place->program, place->sponsor, snapshot, scope);
	place->anchor = place->state.labels + position;
}

/* ----- the place ----- */

/* the transaction that put somebody below a member of its own, if any did */
static LocalTransactionId own_sponsor_in = InvalidLocalTransactionId;

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

/*
 * Look at everything with a snapshot of this moment.  False when the member is
 * no new leaf, and the lock is not held that it then takes.
 */
static bool
look(ReferralPlace *place, bool locked, CoreScope *scope)
{
	Snapshot	snapshot = referral_latest_snapshot();
	ReferralForest *forest = referral_open_forest(place->program, snapshot,
												  DT_NOEND);
	CoreReader *reader = NULL;
	Person		member;
	Person		sponsor;
	ReferralEdge edge;
	bool		has_row;
	int32		bound;
	bool		done = false;

	if (core_table_is_usable(&core_member_table))
		reader = core_table_begin_read(&core_member_table, snapshot,
									   CORE_READ_EQUAL);
	else
		core_connect(scope);
	find_person(place->program, place->member, reader, snapshot, &member);
	find_person(place->program, place->sponsor, reader, snapshot, &sponsor);
	if (reader != NULL)
		core_table_end_read(reader);
	if (!member.known)
		refuse_person(place->program, place->member, false, scope);

	place->has_children = (!member.own || may_have_children()) &&
		referral_has_children(forest, place->member);
	place->late = !member.own || place->has_children;
	if (place->ask_bound || place->late)
		place->bound = referral_fetch(forest, place->member, &place->edge);
	if (place->bound || (place->late && !locked))
		goto end;

	done = true;
	if (!sponsor.known || sponsor.closed)
		refuse_person(place->program, place->sponsor, sponsor.closed, scope);
	if (sponsor.own)
		note_own_sponsor();
	has_row = referral_fetch(forest, place->sponsor, &edge);
	referral_read_state(place->program, snapshot, &place->state);
	bound = has_row ? edge.depth + 1 : 1;
	place->depth = bound;
	if (place->has_children)
		referral_forget_depths();
	else
		referral_forget_depth(place->program, place->member);
	if (place->late || bound + (int64) place->state.deepened >
		referral_maximum_depth(place->program))
	{
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
	find_anchor(place, has_row, &edge, snapshot, scope);

end:
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
