/*-------------------------------------------------------------------------
 *
 * label_count.c
 *	  downline_count(): how many stand below a member, exactly.
 *
 * Law 12 of doc/referral.md.  For a labelled member of a forest where nobody
 * has moved since labels were made it is a probe and a range of an index; each
 * move adds a walk up from where it went.  Everything is read with the one
 * snapshot of the query.  For others, those below are visited.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/table.h"
#include "referral/forest_algo.h"
#include "referral/label.h"
#include "referral/label_algo.h"
#include "referral/place.h"
#include "referral/referral.h"

PG_FUNCTION_INFO_V1(community_downline_count);

/* columns of referral_move */
enum
{
	MOVE_PROGRAM, MOVE_ID, MOVE_MEMBER, MOVE_FROM, MOVE_TO, MOVE_AT,
	MOVE_LABELS, MOVE_REASON, MOVE_ACTOR, MOVE_COLUMNS
};

static const char *const move_columns[MOVE_COLUMNS] = {
	"program_id", "move_id", "member_id", "from_id", "to_id", "moved_at",
	"labels", "reason", "actor"
};

/* Rows by anchor, and moves by the labels that were in force. */
static CoreTable anchor_table = {
	.name = "referral",
	.index = "referral_anchor_idx",
	.use = CORE_TABLE_READ,
	.ncolumns = REFERRAL_COLUMNS,
	.columns = referral_columns,
	.nkeys = 2,
	.keys = {REFERRAL_PROGRAM + 1, REFERRAL_ANCHOR + 1},
	.many = true
};

static CoreTable move_table = {
	.name = "referral_move",
	.index = "referral_move_labels_idx",
	.use = CORE_TABLE_READ,
	.ncolumns = MOVE_COLUMNS,
	.columns = move_columns,
	.nkeys = 2,
	.keys = {MOVE_PROGRAM + 1, MOVE_LABELS + 1},
	.many = true
};

/* A count that is being made. */
typedef struct Count
{
	int64		program;
	int64		member;
	Snapshot	snapshot;
	int64		labels;			/* the first in force */
	ReferralForest *forest;		/* opened when needed */
	ReferralMap moved;			/* since */
	int			ncuts;
	ReferralCut *cuts;			/* those of them who are labelled */
	int			nheads;
	int64	   *heads;			/* those who are not */
	int			nsegments;
	ReferralSegment *segments;
	int64		result;
} Count;

/* ----- visiting ----- */

static bool
add_to_map(const ReferralEdge *edge, void *arg)
{
	(void) referral_map_add(arg, edge->member);
	return true;
}

/* Everybody below, level by level; a ring is gone around once. */
static int64
count_by_visiting(int64 program, int64 member, TimestampTz as_of)
{
	ReferralForest *forest = referral_open_forest(program,
												  GetActiveSnapshot(), as_of);
	ReferralMap found;
	int64		result;
	int64		i;

	referral_map_begin(&found, 16);
	(void) referral_map_add(&found, member);
	for (i = 0; i < found.count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		referral_children(forest, found.ids[i], add_to_map, &found);
		if (found.count > REFERRAL_MAX_MEMBERS)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("more than %d members stand below member %lld of program \"%s\"",
							REFERRAL_MAX_MEMBERS, (long long) member,
							core_program_name(program))));
	}
	result = found.count - 1;
	referral_map_end(&found);
	referral_close_forest(forest);
	return result;
}

/* ----- by labels ----- */

static ReferralForest *
forest_of(Count *count)
{
	if (count->forest == NULL)
		count->forest = referral_open_forest(count->program, count->snapshot,
											 DT_NOEND);
	return count->forest;
}

/* Does one stand below the member that we count for, by now? */
static bool
stands_below(Count *count, int64 member)
{
	ReferralWalk walk;

	referral_begin_walk(&walk, forest_of(count), member);
	while (referral_walk_up(&walk))
		if (walk.member == count->member)
			return true;
	return false;
}

/* Who has moved since labels were made? */
static void
load_moved(Count *count)
{
	CoreReader *reader = core_table_begin_read(&move_table, count->snapshot,
											   CORE_READ_EQUAL);
	Datum		keys[2];
	const Datum *values;
	const bool *nulls;

	keys[0] = Int64GetDatum(count->program);
	keys[1] = Int64GetDatum(count->labels);
	core_table_seek(reader, keys);
	while (core_table_next(reader, &values, &nulls))
	{
		CHECK_FOR_INTERRUPTS();
		if (count->moved.slots == NULL)
			referral_map_begin(&count->moved, 16);
		(void) referral_map_add(&count->moved,
								DatumGetInt64(values[MOVE_MEMBER]));
	}
	core_table_end_read(reader);
}

/*
 * Cut the labelled forest at those who moved and at the member itself, and
 * find the pieces that are below it by now.
 */
static void
cut_forest(Count *count, ReferralLabelReader *labels, int32 position,
		   int32 size)
{
	int64		nmoved = count->moved.count;
	int64		i;

	count->cuts = palloc_array(ReferralCut, nmoved + 1);
	count->heads = palloc_array(int64, nmoved + 1);
	count->segments = palloc_array(ReferralSegment, 2 * (nmoved + 1));
	count->cuts[0].member = count->member;
	count->cuts[0].position = position;
	count->cuts[0].size = size;
	count->cuts[0].counted = true;
	count->ncuts = 1;
	for (i = 0; i < nmoved; i++)
	{
		ReferralCut *cut = &count->cuts[count->ncuts];

		CHECK_FOR_INTERRUPTS();
		cut->member = count->moved.ids[i];
		if (cut->member == count->member)
			continue;
		if (referral_find_label(labels, cut->member, &cut->position,
								&cut->size))
		{
			cut->counted = stands_below(count, cut->member);
			count->ncuts++;
		}
		else
			count->heads[count->nheads++] = cut->member;
	}
	count->nsegments = referral_label_segments(count->cuts, count->ncuts,
											   count->segments);
}

/* Labels and anchors that are counted as they are. */
static void
count_segments(Count *count)
{
	Datum		keys[1];
	int			i;

	/* not the member's own label */
	count->result = -1;
	keys[0] = Int64GetDatum(count->program);
	for (i = 0; i < count->nsegments; i++)
	{
		int64		first = count->labels + count->segments[i].first;
		int64		last = count->labels + count->segments[i].last;

		count->result += last - first + 1 +
			core_table_count(&anchor_table, count->snapshot, keys, first - 1,
							 last);
	}
}

typedef struct Below
{
	Count	   *count;
	ReferralMap found;			/* unlabelled, and below the head */
	bool		counted;
} Below;

/*
 * What is counted of an unlabelled member by its anchor, and what it ought to
 * be.  Stragglers are looked at for themselves.
 */
static void
correct_one(Below *below, const ReferralEdge *edge)
{
	Count	   *count = below->count;

	if (edge->has_anchor && edge->anchor < count->labels - 1)
		return;
	if (edge->has_anchor &&
		referral_in_segments(count->segments, count->nsegments,
							 edge->anchor - count->labels))
		count->result--;
	if (below->counted)
		count->result++;
}

/* Labelled members, who have no anchor, and others who moved end the walk. */
static bool
correct_child(const ReferralEdge *edge, void *arg)
{
	Below	   *below = arg;

	if (!edge->has_anchor ||
		referral_map_find(&below->count->moved, edge->member) >= 0)
		return true;
	(void) referral_map_add(&below->found, edge->member);
	correct_one(below, edge);
	return true;
}

/* One unlabelled member who moved, with the unlabelled below. */
static void
correct_head(Count *count, int64 head)
{
	Below		below = {.count = count};
	ReferralEdge edge;
	int64		i;

	if (!referral_fetch(forest_of(count), head, &edge))
		return;
	below.counted = stands_below(count, head);
	correct_one(&below, &edge);
	referral_map_begin(&below.found, 16);
	(void) referral_map_add(&below.found, head);
	for (i = 0; i < below.found.count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		referral_children(forest_of(count), below.found.ids[i],
						  correct_child, &below);
	}
	referral_map_end(&below.found);
}

static bool
note_straggler(const Datum *values, const bool *nulls, void *arg)
{
	ReferralMap *stragglers = arg;
	int64		member = DatumGetInt64(values[REFERRAL_MEMBER]);

	if (stragglers->slots == NULL)
		referral_map_begin(stragglers, 16);
	(void) referral_map_add(stragglers, member);
	return true;
}

/* Signups that were on their way while labels were made. */
static void
count_stragglers(Count *count)
{
	ReferralMap stragglers = {0};
	Datum		keys[1];
	int64		i;

	keys[0] = Int64GetDatum(count->program);
	core_table_scan(&anchor_table, count->snapshot, keys, PG_INT64_MIN,
					count->labels - 2, false, note_straggler, &stragglers);
	for (i = 0; i < stragglers.count; i++)
		count->result += stands_below(count, stragglers.ids[i]);
	referral_map_end(&stragglers);
}

/* False when the member has no label. */
static bool
count_by_labels(int64 program, int64 member, int64 *result)
{
	Count		count = {.program = program,.member = member};
	ReferralState state;
	ReferralLabelReader *labels;
	int32		position;
	int32		size;
	bool		labelled;
	int			i;

	count.snapshot = GetActiveSnapshot();
	referral_read_state(program, count.snapshot, &state);
	if (!state.has_labels)
		return false;
	count.labels = state.labels;
	labels = referral_open_labels(program, count.snapshot);
	labelled = referral_find_label(labels, member, &position, &size);
	if (labelled)
	{
		load_moved(&count);
		cut_forest(&count, labels, position, size);
		count_segments(&count);
		for (i = 0; i < count.nheads; i++)
			correct_head(&count, count.heads[i]);
		count_stragglers(&count);
		if (count.forest != NULL)
			referral_close_forest(count.forest);
		*result = count.result;
	}
	referral_close_labels(labels);
	return labelled;
}

/* Can all of that be read without SQL? */
static bool
is_direct(void)
{
	return referral_is_direct() && referral_state_is_direct() &&
		referral_labels_are_direct() &&
		core_table_is_usable(&anchor_table) &&
		core_table_is_usable(&move_table);
}

/* downline_count(member, as_of, program) -> bigint */
Datum
community_downline_count(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "as_of", "program"};
	CoreScope	scope;
	int64		member;
	int64		program;
	TimestampTz as_of = DT_NOEND;
	int64		result;
	bool		closed;

	core_refuse_nulls(fcinfo, "downline_count", names, 1 << 1);
	member = PG_GETARG_INT64(0);
	program = PG_GETARG_INT64(2);
	if (!PG_ARGISNULL(1))
		as_of = PG_GETARG_TIMESTAMPTZ(1);
	core_become_owner(&scope);
	if (as_of != DT_NOEND || !is_direct() ||
		!count_by_labels(program, member, &result))
	{
		core_connect(&scope);
		if (!core_member_is_known(program, member, &closed))
			core_refuse_member(program, member, false);
		result = count_by_visiting(program, member, as_of);
	}
	core_leave(&scope);
	PG_RETURN_INT64(result);
}
