/*-------------------------------------------------------------------------
 *
 * erase.c
 *	  erase_member(): what is known of a person in words goes, figures stay.
 *
 * A member's id is the application's; once it has deleted its own row, nothing
 * here leads to anybody.  So ids, keys, times, points and who brought whom
 * remain, and every sum with them.  Words are taken out: of the member and of
 * those who were merged into it, as they are one person.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"

#include "activity/activity.h"
#include "core/compat.h"
#include "core/core.h"
#include "core/erase.h"

PG_FUNCTION_INFO_V1(community_erase_member);

#define ERASED	"'erased'"
#define THEIRS	" WHERE program_id = $1 AND member_id = ANY ($2)"

/*
 * $1 program, $2 members.  What finds rows by what is erased comes first.
 * Each leaves alone what was erased before.
 */
#define ERASING(statement) \
	{.sql = statement, .nargs = 2, .argtypes = {INT8OID, INT8ARRAYOID}}

static CorePlan statements[] = {
	/* what is not recorded yet, or never will be */
	ERASING("DELETE FROM community.inbox AS i WHERE i.program_id = $1"
			" AND (i.member_id = ANY ($2) OR i.external_id IN (SELECT m.external_id"
			"  FROM community.member AS m WHERE m.program_id = $1"
			"  AND m.member_id = ANY ($2)))"),
	ERASING("DELETE FROM community.inbox_fault AS i WHERE i.program_id = $1"
			" AND (i.member_id = ANY ($2) OR i.external_id IN (SELECT m.external_id"
			"  FROM community.member AS m WHERE m.program_id = $1"
			"  AND m.member_id = ANY ($2)))"),
	/* who clicked before it was a member: the chain of clicks is kept */
	ERASING("UPDATE community.referral_click AS k"
			" SET visitor = 'erased ' || c.member_id"
			" FROM community.referral_conversion AS c WHERE c.program_id = $1"
			" AND c.member_id = ANY ($2) AND k.program_id = $1"
			" AND k.visitor = c.visitor AND k.visitor <> 'erased ' || c.member_id"),
	ERASING("UPDATE community.referral_conversion"
			" SET visitor = 'erased ' || member_id" THEIRS
			" AND visitor <> 'erased ' || member_id"),
	ERASING("DELETE FROM community.referral_identity" THEIRS),
	ERASING("UPDATE community.referral_flag SET evidence = '{}'" THEIRS
			" AND evidence <> '{}'"),
	ERASING("UPDATE community.referral_sanction SET reason = " ERASED ","
			" lift_reason = CASE WHEN lift_reason IS NOT NULL THEN " ERASED " END"
			THEIRS " AND (reason, coalesce(lift_reason, " ERASED "))"
			"  <> (" ERASED ", " ERASED ")"),
	ERASING("UPDATE community.referral_code SET revoke_reason = " ERASED THEIRS
			" AND revoke_reason <> " ERASED),
	ERASING("UPDATE community.referral_move SET reason = " ERASED THEIRS
			" AND reason <> " ERASED),
	ERASING("UPDATE community.group_member SET leave_reason = " ERASED THEIRS
			" AND leave_reason <> " ERASED),
	ERASING("UPDATE community.bargain SET payload = '{}'" THEIRS
			" AND payload <> '{}'"),
	ERASING("UPDATE community.event SET payload = '{}', reason = NULL" THEIRS
			" AND (payload <> '{}' OR reason IS NOT NULL)"),
	ERASING("UPDATE community.entry SET reason = NULL" THEIRS
			" AND reason IS NOT NULL"),
	ERASING("UPDATE community.envelope SET reason = NULL" THEIRS
			" AND reason IS NOT NULL"),
	ERASING("UPDATE community.tier_ruling SET reason = " ERASED THEIRS
			" AND reason <> " ERASED),
	/* the reasons of other tenures are words of ours */
	ERASING("UPDATE community.tenure SET reason = " ERASED THEIRS
			" AND source IN ('granted', 'matched') AND reason <> " ERASED),
	ERASING("UPDATE community.super_user_ruling SET reason = " ERASED THEIRS
			" AND reason <> " ERASED),
	ERASING("UPDATE community.member SET close_reason = " ERASED ","
			" external_id = NULL, attributes = '{}'" THEIRS
			" AND (close_reason IS DISTINCT FROM " ERASED
			"  OR external_id IS NOT NULL OR attributes <> '{}')")
};

/* A member and who was merged into it, as an array. */
static Datum
person(int64 program, int64 member)
{
	static CorePlan plan = {
		.sql = "SELECT array_agg(p.id) FROM (SELECT $2 AS id UNION ALL"
		" SELECT g.member_id FROM community.member_merge AS g"
		" WHERE g.program_id = $1 AND g.bearer_id = $2) AS p",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[2];
	bool		isnull;

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	core_run_latest(&plan, values);
	return core_field(0, 1, &isnull);
}

/* erase_member(member, program) -> boolean, false if nothing was left */
Datum
community_erase_member(PG_FUNCTION_ARGS)
{
	int64		member = PG_GETARG_INT64(0);
	int64		program = PG_GETARG_INT64(1);
	CoreScope	scope;
	Datum		values[2];
	bool		changed;
	int			i;

	core_enter(&scope);
	/* nothing is written about a closed member, so nothing comes after this */
	changed = activity_close_member(program, member,
									CStringGetTextDatum("erased"));
	values[0] = Int64GetDatum(program);
	values[1] = person(program, member);
	for (i = 0; i < lengthof(statements); i++)
		changed |= core_erase(&statements[i], values) > 0;
	core_leave(&scope);
	PG_RETURN_BOOL(changed);
}
