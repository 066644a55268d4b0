/*-------------------------------------------------------------------------
 *
 * ruling.c
 *	  Rulings: lock_tier(), veto_tier(), invite_to_tier(), end_ruling().
 *
 * They change what qualification gives, so the standings of the member are
 * worked out anew.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "tier/config.h"
#include "tier/tier.h"

PG_FUNCTION_INFO_V1(community_lock_tier);
PG_FUNCTION_INFO_V1(community_veto_tier);
PG_FUNCTION_INFO_V1(community_invite_to_tier);
PG_FUNCTION_INFO_V1(community_end_ruling);

/*
 * The tier must be one of the draft or of a version, and an invitation is for
 * one that asks for it.
 */
static void
check_tier(const TierDecision *ruling)
{
	static CorePlan plan = {
		.sql = "SELECT count(*) > 0, bool_or(t.entry = 'invitation')"
		" FROM (SELECT d.name, d.entry FROM community.tier AS d"
		"   WHERE d.program_id = $1 AND d.ladder_id = $2"
		"  UNION ALL SELECT x.name, x.entry"
		"   FROM community.ladder_version AS v,"
		"   jsonb_to_recordset(v.definition -> 'tiers')"
		"    AS x (name text, entry text)"
		"   WHERE v.program_id = $1 AND v.ladder_id = $2) AS t"
		" WHERE t.name = $3",
		.nargs = 3,
		.argtypes = {INT8OID, INT8OID, TEXTOID}
	};
	Datum		values[3];
	char	   *tier;

	if (ruling->tier == (Datum) 0)
		return;
	tier = TextDatumGetCString(ruling->tier);
	values[0] = Int64GetDatum(ruling->program);
	values[1] = Int64GetDatum(ruling->ladder_id);
	values[2] = ruling->tier;
	core_run(&plan, values, NULL, false);
	if (!core_bool(0, 1))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("tier \"%s\" of ladder \"%s\" does not exist", tier,
						TextDatumGetCString(ruling->ladder))));
	if (strcmp(ruling->kind, "invitation") == 0 && !core_bool(0, 2))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("tier \"%s\" of ladder \"%s\" needs no invitation",
						tier, TextDatumGetCString(ruling->ladder)),
				 errdetail("Its entry has never been invitation.")));
}

static int64
insert_ruling(const TierDecision *ruling)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.tier_ruling (program_id, ruling_id,"
		" member_id, ladder_id, kind, tier, during, reason, key)"
		" VALUES ($1, community.next_id(), $2, $3, $4, $5, $6, $7, $8)"
		" ON CONFLICT DO NOTHING RETURNING ruling_id",
		TIER_DECISION_ARGS
	};
	Datum		values[TIER_DECISION_COLUMNS];
	char		nulls[TIER_DECISION_COLUMNS + 1];

	tier_decision_values(ruling, values, nulls);
	core_run(&plan, values, nulls, false);
	if (SPI_processed == 0)
		tier_decision_lost_key(ruling);
	return core_int64(0, 1);
}

/* Put a ruling on record, unless it is. */
static int64
rule(TierDecision *ruling)
{
	static CorePlan find = {
		.sql = "SELECT r.ruling_id, r.member_id = $2 AND r.ladder_id = $3"
		"  AND r.kind = $4 AND r.tier IS NOT DISTINCT FROM $5, r.during,"
		" concat(r.kind, ', tier ' || quote_ident(r.tier), ', member ',"
		"  r.member_id, ', ladder \"', l.name, '\"')"
		" FROM community.tier_ruling AS r LEFT JOIN community.ladder AS l"
		" ON l.program_id = r.program_id AND l.ladder_id = r.ladder_id"
		" WHERE r.program_id = $1 AND r.key = $8"
		" ORDER BY r.recorded_at, r.ruling_id LIMIT 1",
		TIER_DECISION_ARGS
	};
	CoreScope	scope;
	bool		closed;
	int64		id;

	core_enter(&scope);
	ruling->ladder_id = tier_config_ladder(ruling->program, ruling->ladder);
	closed = tier_config_lock_member(ruling->program, ruling->member);
	if (!tier_decision_replay(&find, ruling, &id))
	{
		tier_decision_check_member(ruling, closed);
		check_tier(ruling);
		id = insert_ruling(ruling);
		tier_touch_member(ruling->program, ruling->member);
	}
	core_leave(&scope);
	return id;
}

/* lock_tier(member, ladder, during, reason, key, program) -> bigint */
Datum
community_lock_tier(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "ladder", "during",
	"reason", "key", "program"};
	TierDecision ruling = {.kind = "lock"};

	core_refuse_nulls(fcinfo, "lock_tier", names, 0x04);
	ruling.member = PG_GETARG_INT64(0);
	ruling.ladder = PG_GETARG_DATUM(1);
	tier_decision_range(fcinfo, 2, "lock_tier", &ruling);
	ruling.reason = tier_config_name(fcinfo, 3, "reason");
	ruling.key = tier_config_name(fcinfo, 4, "idempotency key");
	ruling.program = PG_GETARG_INT64(5);
	PG_RETURN_INT64(rule(&ruling));
}

static Datum
rule_on_tier(FunctionCallInfo fcinfo, const char *function, const char *kind)
{
	static const char *const names[] = {"member", "ladder", "tier", "during",
	"reason", "key", "program"};
	TierDecision ruling = {.kind = kind};

	core_refuse_nulls(fcinfo, function, names, 0x08);
	ruling.member = PG_GETARG_INT64(0);
	ruling.ladder = PG_GETARG_DATUM(1);
	ruling.tier = PG_GETARG_DATUM(2);
	tier_decision_range(fcinfo, 3, function, &ruling);
	ruling.reason = tier_config_name(fcinfo, 4, "reason");
	ruling.key = tier_config_name(fcinfo, 5, "idempotency key");
	ruling.program = PG_GETARG_INT64(6);
	PG_RETURN_INT64(rule(&ruling));
}

/* veto_tier(member, ladder, tier, during, reason, key, program) -> bigint */
Datum
community_veto_tier(PG_FUNCTION_ARGS)
{
	return rule_on_tier(fcinfo, "veto_tier", "veto");
}

/*
 * invite_to_tier(member, ladder, tier, during, reason, key, program)
 * -> bigint
 */
Datum
community_invite_to_tier(PG_FUNCTION_ARGS)
{
	return rule_on_tier(fcinfo, "invite_to_tier", "invitation");
}

/* end_ruling(key, at, program) -> boolean, false if it had ended by then */
Datum
community_end_ruling(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"key", "at", "program"};
	static TierEnding ending = {
		.what = "ruling",
		.touches = true,
		.known = {
			.sql = "SELECT FROM community.tier_ruling"
			" WHERE program_id = $1 AND key = $2 LIMIT 1",
			.nargs = 2,
			.argtypes = {INT8OID, TEXTOID}
		},
		.find = {
			.sql = "SELECT ruling_id, member_id FROM community.tier_ruling"
			" WHERE program_id = $1 AND key = $2 AND superseded_at IS NULL",
			.nargs = 2,
			.argtypes = {INT8OID, TEXTOID}
		},
		.supersede = {
			.sql = "UPDATE community.tier_ruling"
			" SET superseded_at = greatest(clock_timestamp(), recorded_at)"
			" WHERE program_id = $1 AND ruling_id = $2"
			" AND (upper_inf(during) OR upper(during) > $3)"
			" AND $3 < 'infinity' RETURNING superseded_at",
			.nargs = 3,
			.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID}
		},
		.succeed = {
			.sql = "INSERT INTO community.tier_ruling (program_id, ruling_id,"
			" member_id, ladder_id, kind, tier, during, reason, key,"
			" recorded_at) SELECT program_id, community.next_id(), member_id,"
			" ladder_id, kind, tier, tstzrange(lower(during), $3),"
			" coalesce($5, reason), key, $4 FROM community.tier_ruling"
			" WHERE program_id = $1 AND ruling_id = $2"
			" AND lower(during) < $3",
			.nargs = 5,
			.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID,
			TEXTOID}
		}
	};
	CoreScope	scope;
	bool		ended;

	core_refuse_nulls(fcinfo, "end_ruling", names, 0);
	core_enter(&scope);
	ended = tier_decision_end(&ending, PG_GETARG_INT64(2),
							  PG_GETARG_DATUM(0), PG_GETARG_TIMESTAMPTZ(1),
							  (Datum) 0);
	core_leave(&scope);
	PG_RETURN_BOOL(ended);
}
