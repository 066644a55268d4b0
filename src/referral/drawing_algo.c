/*-------------------------------------------------------------------------
 *
 * drawing_algo.c
 *	  A member's tree as a sequence of lines.
 *
 * Lines come as a reader expects them: each member, then all that is drawn
 * below it.  Of one sponsor those come first that have brought the most, so
 * that what is left out of a wide tree is what matters least.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/int.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "referral/drawing_algo.h"

/*
 * Work out team and number of everybody from what is their own; false when
 * the volumes are beyond a bigint.  That is asked of all of them without
 * their signs, so that no sum of some of them can be either.
 */
bool
referral_sum_teams(ReferralNode *nodes, int64 count)
{
	int64		total = 0;
	int64		i;

	for (i = 0; i < count; i++)
	{
		int64		own = nodes[i].own;

		CHECK_FOR_INTERRUPTS();
		nodes[i].team = nodes[i].below = 0;
		if (own == PG_INT64_MIN ||
			pg_add_s64_overflow(total, own < 0 ? -own : own, &total))
			return false;
	}
	/* everybody comes after the sponsor, so is complete when met backwards */
	for (i = count - 1; i > 0; i--)
	{
		ReferralNode *sponsor = &nodes[nodes[i].sponsor_place];

		CHECK_FOR_INTERRUPTS();
		sponsor->team += nodes[i].own + nodes[i].team;
		sponsor->below += 1 + nodes[i].below;
	}
	return true;
}

/* The largest first, by volume, then by number, and equals by id. */
static int
compare_places(const void *a, const void *b, void *arg)
{
	const ReferralNode *nodes = arg;
	const ReferralNode *left = &nodes[*(const int64 *) a];
	const ReferralNode *right = &nodes[*(const int64 *) b];

	if (left->own + left->team != right->own + right->team)
		return left->own + left->team > right->own + right->team ? -1 : 1;
	if (left->below != right->below)
		return left->below > right->below ? -1 : 1;
	return (left->member > right->member) - (left->member < right->member);
}

/* Begin with those whom a member sponsors. */
static void
open_branch(ReferralDrawing *drawing, const ReferralNode *node)
{
	ReferralBranch *branch = &drawing->branches[++drawing->level];
	int64		i;

	branch->count = node->children;
	branch->next = 0;
	/* to say that there is one more takes a line as well */
	branch->shown = node->children - 1 <= drawing->width ?
		node->children : drawing->width;
	branch->order = MemoryContextAllocHuge(CurrentMemoryContext,
										   branch->count * sizeof(int64));
	for (i = 0; i < branch->count; i++)
		branch->order[i] = node->first + i;
	qsort_interruptible(branch->order, branch->count, sizeof(int64),
						compare_places, (void *) drawing->nodes);
}

void
referral_begin_drawing(ReferralDrawing *drawing, const ReferralNode *nodes,
					   int32 depth, int64 width)
{
	drawing->nodes = nodes;
	drawing->depth = depth;
	drawing->width = width;
	drawing->level = -1;
	drawing->branches = palloc0(sizeof(ReferralBranch) * (depth + 1));
}

/* The line of a member; what is below it comes next. */
static void
draw_member(ReferralDrawing *drawing, ReferralLine *line, int64 place)
{
	const ReferralNode *node = &drawing->nodes[place];

	line->place = place;
	line->sponsor_place = node->sponsor_place;
	line->cut = node->children > 0 && line->level == drawing->depth;
	if (node->children > 0 && line->level < drawing->depth)
		open_branch(drawing, node);
}

/* The line that says what is left out of a branch. */
static void
draw_rest(ReferralDrawing *drawing, ReferralLine *line,
		  ReferralBranch *branch)
{
	line->place = -1;
	line->cut = true;
	line->sponsor_place = drawing->nodes[branch->order[0]].sponsor_place;
	line->more = branch->count - branch->next;
	line->members = line->more;
	line->volume = 0;
	for (; branch->next < branch->count; branch->next++)
	{
		int64		place = branch->order[branch->next];
		const ReferralNode *node = &drawing->nodes[place];

		CHECK_FOR_INTERRUPTS();
		line->volume += node->own + node->team;
		line->members += node->below;
	}
}

/* The next line; false when all is drawn. */
bool
referral_next_line(ReferralDrawing *drawing, ReferralLine *line)
{
	CHECK_FOR_INTERRUPTS();
	if (drawing->level < 0)
	{
		drawing->level = 0;
		line->level = 0;
		line->last = true;
		draw_member(drawing, line, 0);
		return true;
	}
	while (drawing->level > 0)
	{
		ReferralBranch *branch = &drawing->branches[drawing->level];

		line->level = drawing->level;
		if (branch->next < branch->shown)
		{
			int64		place = branch->order[branch->next++];

			line->last = branch->next == branch->count;
			draw_member(drawing, line, place);
			return true;
		}
		if (branch->next < branch->count)
		{
			line->last = true;
			draw_rest(drawing, line, branch);
			return true;
		}
		pfree(branch->order);
		drawing->level--;
	}
	return false;
}
