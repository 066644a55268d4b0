/*-------------------------------------------------------------------------
 *
 * tenant.h
 *	  The table of members, as rooms read it without SQL.
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

extern const char *const core_member_columns[CORE_MEMBER_COLUMNS];
extern CoreTable core_member_table;

#endif							/* COMMUNITY_TENANT_H */
