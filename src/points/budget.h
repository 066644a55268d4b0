/*-------------------------------------------------------------------------
 *
 * budget.h
 *	  Budgets of a whole program, spent by many at once.
 *
 * To be called inside core_enter().  "at" tells the period: give the same to
 * return as to claim, such as the time of the event.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_POINTS_BUDGET_H
#define COMMUNITY_POINTS_BUDGET_H

#include "datatype/timestamp.h"

/*
 * Take points, more than 0, from a budget: gives how many it granted, fewer
 * than wanted only when no more are left, and 0 outside the time for which the
 * budget is valid.
 */
extern int64 points_claim_budget(int64 program, int64 budget_id,
								 TimestampTz at, int64 wanted);

/* How many it would grant, without taking any and without a lock. */
extern int64 points_look_at_budget(int64 program, int64 budget_id,
								   TimestampTz at, int64 wanted);

/* Its name, for messages; the caller has a snapshot. */
extern char *points_budget_name(int64 program, int64 budget_id);

/* Put back points, more than 0, that were granted. */
extern void points_return_budget(int64 program, int64 budget_id,
								 TimestampTz at, int64 points);

#endif							/* COMMUNITY_POINTS_BUDGET_H */
