/*-------------------------------------------------------------------------
 *
 * attained.c
 *	  tier_is_attained(): are the requirements of a tier met?
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "tier/member.h"
#include "tier/tier.h"

PG_FUNCTION_INFO_V1(community_tier_is_attained);

/* The version in force at a time, or an error. */
static const TierVersion *
version_in_force(const TierProgramLadder *ladder, TimestampTz at)
{
	int			i;

	for (i = ladder->algo.nversions - 1; i >= 0; i--)
		if (ladder->algo.versions[i].from <= at)
			return &ladder->algo.versions[i];
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("no version of ladder \"%s\" is in force at %s",
					ladder->name, timestamptz_to_str(at))));
	return NULL;				/* keep compiler quiet */
}

static bool
is_invited(const TierRun *run, const char *tier, TimestampTz at)
{
	int			i;

	for (i = 0; i < run->nrulings; i++)
		if (run->rulings[i].kind == TIER_INVITATION &&
			run->rulings[i].from <= at && at < run->rulings[i].until &&
			strcmp(run->rulings[i].tier, tier) == 0)
			return true;
	return false;
}

/* tier_is_attained(member, ladder, tier, as_of, program) -> boolean */
Datum
community_tier_is_attained(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "ladder", "tier", "as_of",
	"program"};
	const TierLadders *ladders;
	const TierProgramLadder *ladder;
	const TierVersion *version;
	CoreScope	scope;
	TierWork	work;
	TimestampTz as_of;
	char	   *tier;
	bool		attained = false;
	int			i;

	core_refuse_nulls(fcinfo, "tier_is_attained", names, 0);
	tier = text_to_cstring(PG_GETARG_TEXT_PP(2));
	as_of = PG_GETARG_TIMESTAMPTZ(3);
	core_enter(&scope);
	ladders = tier_ladders(PG_GETARG_INT64(4));
	ladder = tier_named_ladder(ladders, PG_GETARG_DATUM(1));
	version = version_in_force(ladder, as_of);
	for (i = 0; i < version->nrungs; i++)
		if (strcmp(version->rungs[i].name, tier) == 0)
			break;
	if (i == version->nrungs)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("ladder \"%s\" has no tier \"%s\" at %s",
						ladder->name, tier, timestamptz_to_str(as_of))));
	tier_look(ladders, ladder, PG_GETARG_INT64(0), as_of, false, 0, &work);
	attained = tier_meets(&work.algo, &work.run.state, &version->rungs[i],
						  false, as_of) &&
		(version->rungs[i].entry != TIER_BY_INVITATION ||
		 is_invited(&work.run, tier, as_of));
	core_leave(&scope);
	PG_RETURN_BOOL(attained);
}
