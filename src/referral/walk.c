/*-------------------------------------------------------------------------
 *
 * walk.c
 *	  Everybody below a member, level by level.
 *
 * A member has one sponsor, so whoever stands below another is met once: ids
 * may be any, a tree as deep or as wide as it likes, and nobody who was met
 * need be remembered.  Where rows that were loaded past the guard close a
 * cycle, a walk down comes back to where it began, or never meets it at all.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "referral/place.h"
#include "referral/reading.h"

typedef struct Child
{
	int64		member;
	TimestampTz joined_at;
} Child;

/* The children of one member, in whatever order they come. */
typedef struct Children
{
	int64		program;
	int64		start;			/* where the walk began */
	Child	   *items;
	int64		count;
	int64		size;
} Children;

/* Members of one level, in order. */
typedef struct Level
{
	int64	   *members;
	int64		count;
	int64		size;
} Level;

static bool
add_child(const ReferralEdge *edge, void *arg)
{
	Children   *children = arg;

	if (edge->member == children->start)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the sponsors of member %lld of program \"%s\" form a cycle",
						(long long) edge->member,
						referral_program_name(children->program)),
				 errhint("community.referral_check() lists such faults.")));
	if (children->count == children->size)
	{
		children->size *= 2;
		children->items = repalloc_huge(children->items,
										children->size * sizeof(Child));
	}
	children->items[children->count].member = edge->member;
	children->items[children->count].joined_at = edge->joined_at;
	children->count++;
	return true;
}

static int
compare_children(const void *a, const void *b, void *arg)
{
	int64		left = ((const Child *) a)->member;
	int64		right = ((const Child *) b)->member;

	return (left > right) - (left < right);
}

static void
init_level(Level *level)
{
	level->count = 0;
	level->size = 64;
	level->members = palloc_array(int64, level->size);
}

static void
add_children(Level *level, const Children *children)
{
	int64		i;

	if (level->size - level->count < children->count)
	{
		level->size = level->size * 2 + children->count;
		level->members = repalloc_huge(level->members,
									   level->size * sizeof(int64));
	}
	for (i = 0; i < children->count; i++)
		level->members[level->count++] = children->items[i].member;
}

/* Tell of the children of a member, in the order of their ids. */
static void
tell_children(Children *children, ReferralFound *found, ReferralFind find,
			  void *arg)
{
	int64		i;

	if (children->count > 1)
		qsort_interruptible(children->items, children->count, sizeof(Child),
							compare_children, NULL);
	for (i = 0; i < children->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		found->member = children->items[i].member;
		found->joined_at = children->items[i].joined_at;
		find(found, arg);
	}
}

/*
 * Visit everybody below a member, down to so many levels: level by level, in
 * a level those of one sponsor together and the sponsors in the order of
 * theirs, and those of one sponsor by their ids.  Gives their number.  With
 * NULL for "find" they are only counted.
 *
 * Two levels are kept in memory at a time, with eight bytes a member.
 */
int64
referral_walk_down(ReferralForest *forest, int64 program, int64 member,
				   int32 levels, ReferralFind find, void *arg)
{
	Children	children = {program, member};
	Level		here;
	Level		below;
	ReferralFound found;
	int64		first_place = 0;
	int64		count = 0;

	children.size = 64;
	children.items = palloc_array(Child, children.size);
	init_level(&here);
	init_level(&below);
	here.members[here.count++] = member;
	for (found.level = 1; found.level <= levels && here.count > 0;
		 found.level++)
	{
		Level		swap;
		int64		i;

		below.count = 0;
		for (i = 0; i < here.count; i++)
		{
			CHECK_FOR_INTERRUPTS();
			children.count = 0;
			referral_children(forest, here.members[i], add_child, &children);
			count += children.count;
			found.sponsor = here.members[i];
			found.sponsor_place = first_place + i;
			if (find != NULL)
				tell_children(&children, &found, find, arg);
			add_children(&below, &children);
		}
		first_place += here.count;
		swap = here;
		here = below;
		below = swap;
	}
	pfree(children.items);
	pfree(here.members);
	pfree(below.members);
	return count;
}
