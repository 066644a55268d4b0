/*-------------------------------------------------------------------------
 *
 * erase.h
 *	  What guards let through when a person is erased.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_ERASE_H
#define COMMUNITY_ERASE_H

#include "commands/trigger.h"

#include "core/core.h"

extern int64 core_erase(CorePlan *plan, Datum *values);
extern bool core_erases(TriggerData *trigger);

#endif							/* COMMUNITY_ERASE_H */
