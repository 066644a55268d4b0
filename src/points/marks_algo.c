/*-------------------------------------------------------------------------
 *
 * marks_algo.c
 *	  Which ids an account has folded.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "points/marks_algo.h"

#define NODE_OF(id)			((id) >> POINTS_NODE_BITS)
#define FIRST_OF_NODE(id)	(NODE_OF(id) << POINTS_NODE_BITS)

/*
 * Ranges of ids that are not folded, in order; there is room for count + 1.
 * With a single node it is one, from the mark to the end.
 */
int
points_unfolded_ranges(const int64 *marks, int count, PointsIdRange *ranges)
{
	int64		from = -1;
	int			found = 0;
	int			i;

	for (i = 0; i < count; i++)
	{
		int64		to = FIRST_OF_NODE(marks[i]) - 1;

		if (to > from)
			ranges[found++] = (PointsIdRange)
		{
			from, to
		};
		from = marks[i];
	}
	ranges[found++] = (PointsIdRange)
	{
		from, PG_INT64_MAX
	};
	return found;
}

/* Put a mark in its place, which has room for one more; never set it back. */
int
points_set_mark(int64 *marks, int count, int64 mark)
{
	int			place = 0;

	while (place < count && NODE_OF(marks[place]) < NODE_OF(mark))
		place++;
	if (place < count && NODE_OF(marks[place]) == NODE_OF(mark))
	{
		marks[place] = Max(marks[place], mark);
		return count;
	}
	memmove(&marks[place + 1], &marks[place],
			(count - place) * sizeof(int64));
	marks[place] = mark;
	return count + 1;
}

bool
points_is_folded(const int64 *marks, int count, int64 id)
{
	int			i;

	for (i = 0; i < count; i++)
		if (NODE_OF(marks[i]) == NODE_OF(id))
			return id <= marks[i];
	return false;
}
