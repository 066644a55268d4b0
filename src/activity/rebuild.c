/*-------------------------------------------------------------------------
 *
 * rebuild.c
 *	  rebuild(): what is derived, computed anew from what is recorded.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "activity/activity.h"
#include "core/compat.h"
#include "core/core.h"
#include "points/ledger.h"
#include "referral/label.h"
#include "score/engagement.h"
#include "tier/tier.h"

PG_FUNCTION_INFO_V1(community_rebuild);

/* rebuild(what, program) -> bigint, rows that were wrong */
Datum
community_rebuild(PG_FUNCTION_ARGS)
{
	static const struct
	{
		const char *name;
		int64		(*rebuild) (int64 program);
	}			known[] = {
		{"engagement", score_rebuild_engagement},
		{"accounts", points_rebuild_accounts},
		{"standings", tier_rebuild_standings},
		{"referral labels", referral_rebuild_labels}
	};
	char	   *what = text_to_cstring(PG_GETARG_TEXT_PP(0));
	CoreScope	scope;
	int64		changed;
	int			i;

	for (i = 0; i < lengthof(known); i++)
		if (strcmp(what, known[i].name) == 0)
			break;
	if (i == lengthof(known))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot rebuild \"%s\"", what),
				 errhint("What can be rebuilt is \"engagement\", \"accounts\", \"standings\" and \"referral labels\".")));
	core_enter(&scope);
	changed = known[i].rebuild(PG_GETARG_INT64(1));
	core_leave(&scope);
	PG_RETURN_INT64(changed);
}
