/*-------------------------------------------------------------------------
 *
 * decision.c
 *	  What rulings and grants have in common: people decide something about a
 *	  member on a ladder, during a range, under a key.
 *
 * Rows are never edited.  A decision that ends earlier is superseded by one
 * with a shorter range, believed from the very moment on, under the same key;
 * so the first row of a key is what was asked for, and a retry is compared
 * with it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rangetypes.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "tier/benefit.h"
#include "tier/config.h"
#include "tier/tier.h"

static char *
range_text(Datum range)
{
	return OidOutputFunctionCall(F_RANGE_OUT, range);
}

/*
 * During which range: from now on where that is left out.  An end at infinity
 * is no end.
 */
void
tier_decision_range(FunctionCallInfo fcinfo, int argument,
					const char *function, TierDecision *decision)
{
	TypeCacheEntry *type = lookup_type_cache(TSTZRANGEOID,
											 TYPECACHE_RANGE_INFO);
	RangeBound	lower = {0};
	RangeBound	upper = {0};
	bool		empty = false;

	lower.lower = true;
	lower.inclusive = true;
	lower.val = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
	upper.infinite = true;
	decision->has_during = !PG_ARGISNULL(argument);
	if (decision->has_during)
		range_deserialize(type, PG_GETARG_RANGE_P(argument), &lower, &upper,
						  &empty);
	if (!empty && !upper.infinite &&
		TIMESTAMP_IS_NOEND(DatumGetTimestampTz(upper.val)))
	{
		upper.infinite = true;
		upper.inclusive = false;
	}
	if (empty || lower.infinite || !lower.inclusive || upper.inclusive ||
		TIMESTAMP_NOT_FINITE(DatumGetTimestampTz(lower.val)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("range %s of %s() is not of the form [from,to)",
						range_text(PG_GETARG_DATUM(argument)), function),
				 errdetail("It begins at a finite time and is not empty; it may be without end, as [from,).")));
	decision->during =
		RangeTypePGetDatum(core_make_range(type, &lower, &upper));
}

/* In the order of TIER_DECISION_ARGS. */
void
tier_decision_values(const TierDecision *decision, Datum *values, char *nulls)
{
	memset(nulls, ' ', TIER_DECISION_COLUMNS);
	nulls[TIER_DECISION_COLUMNS] = '\0';
	values[0] = Int64GetDatum(decision->program);
	values[1] = Int64GetDatum(decision->member);
	values[2] = Int64GetDatum(decision->ladder_id);
	values[3] = CStringGetTextDatum(decision->kind);
	values[4] = decision->tier;
	if (decision->tier == (Datum) 0)
		nulls[4] = 'n';
	values[5] = decision->during;
	values[6] = decision->reason;
	values[7] = decision->key;
}

/*
 * Was this decided before?  "find" gives of the first row of the key its id,
 * whether it is the same but for the range, its range, and how to tell of it.
 * Reasons do not count, nor does a range that is left out.
 */
bool
tier_decision_replay(CorePlan *find, const TierDecision *decision, int64 *id)
{
	Datum		values[TIER_DECISION_COLUMNS];
	char		nulls[TIER_DECISION_COLUMNS + 1];
	bool		isnull;

	tier_decision_values(decision, values, nulls);
	core_run(find, values, nulls, false);
	if (SPI_processed == 0)
		return false;
	*id = core_int64(0, 1);
	if (core_bool(0, 2) &&
		(!decision->has_during ||
		 range_eq_internal(lookup_type_cache(TSTZRANGEOID,
											 TYPECACHE_RANGE_INFO),
						   DatumGetRangeTypeP(core_field(0, 3, &isnull)),
						   DatumGetRangeTypeP(decision->during))))
		return true;
	ereport(ERROR,
			(errcode(COMMUNITY_ERRCODE_KEY_REUSED),
			 errmsg("idempotency key \"%s\" was used with other input",
					TextDatumGetCString(decision->key)),
			 errdetail("Recorded: %s, during %s. Given: %s%s%s, member %lld, ladder \"%s\", during %s.",
					   core_text(0, 4),
					   range_text(core_field(0, 3, &isnull)),
					   decision->kind,
					   decision->tier == (Datum) 0 ? "" : ", tier ",
					   decision->tier == (Datum) 0 ? "" :
					   quote_identifier(TextDatumGetCString(decision->tier)),
					   (long long) decision->member,
					   TextDatumGetCString(decision->ladder),
					   range_text(decision->during)),
			 errhint("A key names one request for ever; give a new request a new key.")));
	return false;				/* keep compiler quiet */
}

/* Nothing new is decided about a member that is closed. */
void
tier_decision_check_member(const TierDecision *decision, bool closed)
{
	if (closed)
		core_refuse_member(decision->program, decision->member, true);
}

/* A key that was free has been used by somebody else meanwhile. */
void
tier_decision_lost_key(const TierDecision *decision)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not use idempotency key \"%s\" because of a concurrent change",
					TextDatumGetCString(decision->key)),
			 errhint("Try again.")));
}

static bool
find_believed(TierEnding *ending, Datum *values, int64 *id, int64 *member)
{
	core_run(&ending->find, values, NULL, false);
	if (SPI_processed == 0)
		return false;
	*id = core_int64(0, 1);
	*member = core_int64(0, 2);
	return true;
}

/*
 * End what was decided under a key at a time, and say whether that made a
 * difference.  What would begin later, or then, was never there.
 */
bool
tier_decision_end(TierEnding *ending, int64 program, Datum key,
				  TimestampTz at, Datum reason)
{
	Datum		values[5];
	char		nulls[6] = "     ";
	int64		id;
	int64		member;
	bool		isnull;

	values[0] = Int64GetDatum(program);
	values[1] = key;
	if (!find_believed(ending, values, &id, &member))
	{
		core_run(&ending->known, values, NULL, false);
		if (SPI_processed == 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("%s with key \"%s\" does not exist in program \"%s\"",
							ending->what, TextDatumGetCString(key),
							core_program_name(program))));
		return false;
	}
	if (tier_config_lock_member(program, member))
		core_refuse_member(program, member, true);
	/* somebody else may have ended it while we waited */
	if (!find_believed(ending, values, &id, &member))
		return false;

	values[1] = Int64GetDatum(id);
	values[2] = TimestampTzGetDatum(at);
	core_run(&ending->supersede, values, NULL, false);
	if (SPI_processed == 0)
		return false;
	values[3] = core_field(0, 1, &isnull);
	values[4] = reason;
	nulls[4] = reason == (Datum) 0 ? 'n' : ' ';
	core_run(&ending->succeed, values, nulls, false);
	if (ending->touches)
		tier_touch_member(program, member);
	else
		tier_settle_benefits(program, member, GetCurrentTimestamp());
	return true;
}
