/*-------------------------------------------------------------------------
 *
 * fraud_algo.c
 *	  Components and chains among members: who is connected with whom, and
 *	  who follows whom in a row.
 *
 * Both take linear time, but for the nearly constant factor of union-find,
 * and recurse nowhere: components and chains may be as long as the forest.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "referral/fraud_algo.h"

/* how often a loop asks whether it is to stop */
#define ASK_EVERY	65536

void
referral_sets_init(int32 *parent, int32 count)
{
	int32		i;

	for (i = 0; i < count; i++)
		parent[i] = i;
}

/* Who stands for the set of i; halves the way there for the next time. */
int32
referral_sets_find(int32 *parent, int32 i)
{
	while (parent[i] != i)
	{
		parent[i] = parent[parent[i]];
		i = parent[i];
	}
	return i;
}

/* The lesser of the two stands for both: numbers in order of ids name it. */
void
referral_sets_join(int32 *parent, int32 a, int32 b)
{
	a = referral_sets_find(parent, a);
	b = referral_sets_find(parent, b);
	if (a < b)
		parent[b] = a;
	else
		parent[a] = b;
}

void
referral_chains(const int32 *next, int32 count, int32 *top, int32 *place,
				int32 *links)
{
	int32		i;

	/* first, who is followed by somebody that is no top */
	for (i = 0; i < count; i++)
	{
		top[i] = i;
		place[i] = 0;
		links[i] = 0;
	}
	for (i = 0; i < count; i++)
		if (next[i] >= 0)
			top[next[i]] = -1;
	for (i = 0; i < count; i++)
	{
		int32		length = 0;
		int32		at;

		if (i % ASK_EVERY == 0)
			CHECK_FOR_INTERRUPTS();
		if (top[i] != i)
			continue;
		for (at = i; next[at] >= 0; at = next[at])
		{
			top[next[at]] = i;
			place[next[at]] = ++length;
			if (length % ASK_EVERY == 0)
				CHECK_FOR_INTERRUPTS();
		}
		for (at = i; at >= 0; at = next[at])
			links[at] = length;
	}
}
