/*-------------------------------------------------------------------------
 *
 * rule_budget.c
 *	  Rules whose points come out of a budget of the whole program.
 *
 * After the caps, each rule of a grant that has a budget takes its points from
 * it, in the order of the rules.  What the budget does not grant is cut, like
 * what a cap does not.  Refunds do not refill a budget, as they make no room
 * under a cap.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/compat.h"
#include "core/core.h"
#include "points/budget.h"
#include "points/rules.h"

/* What a budget would grant to a rule, after the rules before it. */
static int64
look(const PointsEvent *event, const PointsGrant *grant, int rule)
{
	int64		budget = grant->rules[rule]->budget_id;
	int64		before = 0;
	int			i;

	for (i = 0; i < rule; i++)
		if (grant->rules[i]->budget_id == budget)
			before += grant->shares[i];
	return points_look_at_budget(event->program, budget, event->occurred_at,
								 before + grant->shares[rule]) - before;
}

/*
 * Take the grant from the budgets of its rules, and cut it down to what they
 * have.  "room" is for the number of caps and budgets that may cut.
 */
void
points_apply_budgets(const PointsEvent *event, PointsGrant *grant,
					 bool only_looks, int room)
{
	bool	   *among = palloc0_array(bool, grant->count);
	int			i;

	for (i = 0; i < grant->count; i++)
	{
		int64		budget = grant->rules[i]->budget_id;
		int64		wanted = grant->shares[i];
		int64		granted;

		if (budget == 0 || wanted <= 0)
			continue;
		granted = only_looks ? look(event, grant, i) :
			points_claim_budget(event->program, budget, event->occurred_at,
								wanted);
		if (granted == wanted)
			continue;
		among[i] = true;
		points_note_cut(grant, budget, among, wanted - granted, room);
		among[i] = false;
	}
}
