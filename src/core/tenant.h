/*-------------------------------------------------------------------------
 *
 * tenant.h
 *	  The tables of members and events, as rooms read them without SQL.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_TENANT_H
#define COMMUNITY_TENANT_H

#include "core/table.h"

/* columns of member */
enum
{
	CORE_MEMBER_PROGRAM, CORE_MEMBER_ID, CORE_MEMBER_STATUS,
	CORE_MEMBER_JOINED_AT, CORE_MEMBER_ENROLLED_AT, CORE_MEMBER_CLOSED_AT,
	CORE_MEMBER_CLOSE_REASON, CORE_MEMBER_EXTERNAL_ID, CORE_MEMBER_ATTRIBUTES,
	CORE_MEMBER_COLUMNS
};

/* columns of event */
enum
{
	CORE_EVENT_PROGRAM, CORE_EVENT_ID, CORE_EVENT_MEMBER, CORE_EVENT_AMOUNT,
	CORE_EVENT_OCCURRED_AT, CORE_EVENT_RECORDED_AT, CORE_EVENT_ENGAGEMENT,
	CORE_EVENT_TARGET, CORE_EVENT_CORRECTS, CORE_EVENT_REVISION,
	CORE_EVENT_OCCURRED_AT_GIVEN, CORE_EVENT_KIND, CORE_EVENT_TYPE,
	CORE_EVENT_SOURCE, CORE_EVENT_KEY, CORE_EVENT_REASON, CORE_EVENT_ACTOR,
	CORE_EVENT_PAYLOAD, CORE_EVENT_COLUMNS
};

extern const char *const core_event_columns[CORE_EVENT_COLUMNS];
extern const char *const core_member_columns[CORE_MEMBER_COLUMNS];
extern CoreTable core_member_table;
extern CoreTable core_closed_table;

#endif							/* COMMUNITY_TENANT_H */
