/*-------------------------------------------------------------------------
 *
 * check_algo.c
 *	  Depths and cycles of a whole forest, in one pass.
 *
 * From each row not yet done, walk up until something is known: a root, a row
 * that is done, or a row of this very walk, which closes a cycle.  Then the
 * path is gone back, and all on it are done.  Every row is walked over once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "referral/check_algo.h"

#define NOT_DONE	(-3)
#define ON_PATH		(-4)

/* The row of a member, or -1. */
int64
referral_find_row(const ReferralRows *rows, int64 member)
{
	int64		low = 0;
	int64		high = rows->count;

	while (low < high)
	{
		int64		middle = low + (high - low) / 2;

		if (rows->members[middle] < member)
			low = middle + 1;
		else
			high = middle;
	}
	return low < rows->count && rows->members[low] == member ? low : -1;
}

/* Go a path back, from a row whose sponsor is done to where it began. */
static void
go_back(ReferralRows *rows, const int64 *path, int64 length, int32 above)
{
	while (length > 0)
	{
		above = above < 0 ? REFERRAL_BELOW_CYCLE : above + 1;
		rows->depths[path[--length]] = above;
	}
}

/* The path has come back to "row": all from there on are the cycle. */
static int64
mark_cycle(ReferralRows *rows, const int64 *path, int64 length, int64 row)
{
	while (length > 0)
	{
		length--;
		rows->depths[path[length]] = REFERRAL_ON_CYCLE;
		if (path[length] == row)
			break;
	}
	return length;
}

static void
walk_from(ReferralRows *rows, int64 row, int64 *path)
{
	int64		length = 0;

	for (;;)
	{
		if ((length & 1023) == 0)
			CHECK_FOR_INTERRUPTS();
		if (row >= 0 && rows->depths[row] == ON_PATH)
		{
			length = mark_cycle(rows, path, length, row);
			go_back(rows, path, length, REFERRAL_ON_CYCLE);
			return;
		}
		if (row >= 0 && rows->depths[row] == NOT_DONE &&
			!rows->has_sponsor[row])
			rows->depths[row] = 0;
		if (row < 0 || rows->depths[row] != NOT_DONE)
		{
			go_back(rows, path, length, row < 0 ? 0 : rows->depths[row]);
			return;
		}
		rows->depths[row] = ON_PATH;
		path[length++] = row;
		row = referral_find_row(rows, rows->sponsors[row]);
	}
}

/* Find the depths of all rows; "path" has room for as many. */
void
referral_find_depths(ReferralRows *rows, int64 *path)
{
	int64		i;

	for (i = 0; i < rows->count; i++)
		rows->depths[i] = NOT_DONE;
	for (i = 0; i < rows->count; i++)
		if (rows->depths[i] == NOT_DONE)
			walk_from(rows, i, path);
}
