/*-------------------------------------------------------------------------
 *
 * label_algo.c
 *	  Which labels lie below a member, once others have moved.
 *
 * Labels number a walk of the forest, so what was below a member is an
 * interval, and two of these lie one in the other or apart.  Whoever moved
 * took its interval along, but for those inside that moved themselves: what is
 * left is its piece.  A label belongs to the piece of the innermost interval
 * around it.
 *
 * Pure: no server calls.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/compat.h"
#include "referral/label_algo.h"

static int
compare_cuts(const void *a, const void *b)
{
	int32		x = ((const ReferralCut *) a)->position;
	int32		y = ((const ReferralCut *) b)->position;

	return x < y ? -1 : x > y;
}

/* Labels of one piece, which may go on where the last ones ended. */
static int
add_segment(ReferralSegment *segments, int count, int32 first, int32 last,
			bool counted)
{
	if (!counted || first > last)
		return count;
	if (count > 0 && segments[count - 1].last == first - 1)
	{
		segments[count - 1].last = last;
		return count;
	}
	segments[count].first = first;
	segments[count].last = last;
	return count + 1;
}

/*
 * All labels of the pieces that are counted, in order; gives how many
 * segments they are, at most two for each cut.  The cuts, all of them
 * different, are put in order.
 */
int
referral_label_segments(ReferralCut *cuts, int count,
						ReferralSegment *segments)
{
	int		   *open = palloc_array(int, count + 1);
	int			nopen = 0;
	int			result = 0;
	int32		next = 0;
	int			i;

	qsort(cuts, count, sizeof(ReferralCut), compare_cuts);
	for (i = 0; i <= count; i++)
	{
		/* intervals that end before this one */
		while (nopen > 0)
		{
			const ReferralCut *inner = &cuts[open[nopen - 1]];
			int32		last = inner->position + inner->size;

			if (i < count && last >= cuts[i].position)
				break;
			result = add_segment(segments, result, next, last,
								 inner->counted);
			next = last + 1;
			nopen--;
		}
		if (i == count)
			break;
		if (nopen > 0)
			result = add_segment(segments, result, next,
								 cuts[i].position - 1,
								 cuts[open[nopen - 1]].counted);
		next = cuts[i].position;
		open[nopen++] = i;
	}
	pfree(open);
	return result;
}

bool
referral_in_segments(const ReferralSegment *segments, int count,
					 int64 position)
{
	int			low = 0;
	int			high = count;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (segments[middle].last < position)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && segments[low].first <= position;
}
