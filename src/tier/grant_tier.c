/*-------------------------------------------------------------------------
 *
 * grant_tier.c
 *	  Tiers that are given: grant_tier(), revoke_tier().
 *
 * A grant is a tenure of its own beside those by qualification, which it does
 * not change.
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
#include "tier/benefit.h"
#include "tier/config.h"
#include "tier/tier.h"

PG_FUNCTION_INFO_V1(community_grant_tier);
PG_FUNCTION_INFO_V1(community_revoke_tier);

static void
check_source(const char *source)
{
	if (strcmp(source, "granted") != 0 && strcmp(source, "matched") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("source \"%s\" of grant_tier() is not known", source),
				 errhint("It is \"granted\", or \"matched\" for a status that was held elsewhere.")));
}

/*
 * The rank of the tier: in the version that is in force when the grant
 * begins, else in the next one that has such a tier, else in the last.
 */
static int32
find_rank(const TierDecision *grant)
{
	static CorePlan plan = {
		.sql = "SELECT t.rank FROM community.ladder_version AS v,"
		" jsonb_to_recordset(v.definition -> 'tiers')"
		"  AS t (name text, rank integer)"
		" WHERE v.program_id = $1 AND v.ladder_id = $2 AND t.name = $3"
		" ORDER BY v.valid @> lower($4) DESC, v.valid >> tstzrange("
		"  lower($4), lower($4), '[]') DESC, abs(extract(epoch FROM"
		"  lower(v.valid) - lower($4))) NULLS LAST LIMIT 1",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, TEXTOID, TSTZRANGEOID}
	};
	Datum		values[4];

	values[0] = Int64GetDatum(grant->program);
	values[1] = Int64GetDatum(grant->ladder_id);
	values[2] = grant->tier;
	values[3] = grant->during;
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("no published version of ladder \"%s\" has a tier \"%s\"",
						TextDatumGetCString(grant->ladder),
						TextDatumGetCString(grant->tier)),
				 errhint("A draft is published with community.publish_ladder().")));
	return (int32) core_int64(0, 1);
}

/* One source gives a tier once at a time. */
static void
check_overlap(const TierDecision *grant)
{
	static CorePlan plan = {
		.sql = "SELECT t.key, t.during::text"
		" FROM community.tenure AS t"
		" WHERE t.program_id = $1 AND t.member_id = $2 AND t.ladder_id = $3"
		" AND t.source = $4 AND t.tier = $5 AND t.superseded_at IS NULL"
		" AND t.during && $6 ORDER BY lower(t.during) LIMIT 1",
		.nargs = 6,
		.argtypes = {INT8OID, INT8OID, INT8OID, TEXTOID, TEXTOID,
		TSTZRANGEOID}
	};
	Datum		values[6];

	values[0] = Int64GetDatum(grant->program);
	values[1] = Int64GetDatum(grant->member);
	values[2] = Int64GetDatum(grant->ladder_id);
	values[3] = CStringGetTextDatum(grant->kind);
	values[4] = grant->tier;
	values[5] = grant->during;
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_EXCLUSION_VIOLATION),
			 errmsg("member %lld is %s tier \"%s\" of ladder \"%s\" during %s already",
					(long long) grant->member, grant->kind,
					TextDatumGetCString(grant->tier),
					TextDatumGetCString(grant->ladder), core_text(0, 2)),
			 errhint("Grant it for when that has ended, or revoke that grant, whose key is \"%s\".",
					 core_text(0, 1))));
}

static int64
insert_grant(const TierDecision *grant, int32 rank)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.tenure (program_id, tenure_id,"
		" member_id, ladder_id, source, tier, during, reason, key, rank)"
		" VALUES ($1, community.next_id(), $2, $3, $4, $5, $6, $7, $8, $9)"
		" ON CONFLICT DO NOTHING RETURNING tenure_id",
		.nargs = TIER_DECISION_COLUMNS + 1,
		.argtypes = {INT8OID, INT8OID, INT8OID, TEXTOID, TEXTOID,
		TSTZRANGEOID, TEXTOID, TEXTOID, INT4OID}
	};
	Datum		values[TIER_DECISION_COLUMNS + 1];
	char		nulls[TIER_DECISION_COLUMNS + 1];

	tier_decision_values(grant, values, nulls);
	values[TIER_DECISION_COLUMNS] = Int32GetDatum(rank);
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		tier_decision_lost_key(grant);
	return core_int64(0, 1);
}

/*
 * grant_tier(member, ladder, tier, during, source, reason, key, program)
 * -> bigint
 */
Datum
community_grant_tier(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "ladder", "tier", "during",
	"source", "reason", "key", "program"};
	static CorePlan find = {
		.sql = "SELECT t.tenure_id, t.member_id = $2 AND t.ladder_id = $3"
		"  AND t.source = $4 AND t.tier = $5, t.during,"
		" format('%s, tier %I, member %s, ladder \"%s\"', t.source,"
		"  t.tier, t.member_id, l.name)"
		" FROM community.tenure AS t LEFT JOIN community.ladder AS l"
		" ON l.program_id = t.program_id AND l.ladder_id = t.ladder_id"
		" WHERE t.program_id = $1 AND t.key = $8"
		" AND t.source IN ('granted', 'matched')"
		" ORDER BY t.recorded_at, t.tenure_id LIMIT 1",
		TIER_DECISION_ARGS
	};
	TierDecision grant = {0};
	CoreScope	scope;
	bool		closed;
	int32		rank;
	int64		id;

	core_refuse_nulls(fcinfo, "grant_tier", names, 0x08);
	grant.member = PG_GETARG_INT64(0);
	grant.ladder = PG_GETARG_DATUM(1);
	grant.tier = PG_GETARG_DATUM(2);
	tier_decision_range(fcinfo, 3, "grant_tier", &grant);
	grant.kind = text_to_cstring(PG_GETARG_TEXT_PP(4));
	check_source(grant.kind);
	grant.reason = tier_config_name(fcinfo, 5, "reason");
	grant.key = tier_config_name(fcinfo, 6, "idempotency key");
	grant.program = PG_GETARG_INT64(7);

	core_enter(&scope);
	grant.ladder_id = tier_config_ladder(grant.program, grant.ladder);
	closed = tier_config_lock_member(grant.program, grant.member);
	if (!tier_decision_replay(&find, &grant, &id))
	{
		tier_decision_check_member(&grant, closed);
		rank = find_rank(&grant);
		check_overlap(&grant);
		id = insert_grant(&grant, rank);
		tier_settle_benefits(grant.program, grant.member,
							 GetCurrentTimestamp());
	}
	core_leave(&scope);
	PG_RETURN_INT64(id);
}

/* revoke_tier(key, at, reason, program) -> boolean, false if it had ended */
Datum
community_revoke_tier(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"key", "at", "reason", "program"};
	static TierEnding ending = {
		.what = "grant",
		.touches = false,
		.known = {
			.sql = "SELECT FROM community.tenure WHERE program_id = $1"
			" AND key = $2 AND source IN ('granted', 'matched') LIMIT 1",
			.nargs = 2,
			.argtypes = {INT8OID, TEXTOID}
		},
		.find = {
			.sql = "SELECT tenure_id, member_id FROM community.tenure"
			" WHERE program_id = $1 AND key = $2"
			" AND source IN ('granted', 'matched') AND superseded_at IS NULL",
			.nargs = 2,
			.argtypes = {INT8OID, TEXTOID}
		},
		.supersede = {
			.sql = "UPDATE community.tenure"
			" SET superseded_at = greatest(clock_timestamp(), recorded_at)"
			" WHERE program_id = $1 AND tenure_id = $2"
			" AND (upper_inf(during) OR upper(during) > $3)"
			" AND $3 < 'infinity' RETURNING superseded_at",
			.nargs = 3,
			.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID}
		},
		.succeed = {
			.sql = "INSERT INTO community.tenure (program_id, tenure_id,"
			" member_id, ladder_id, tier, rank, source, during, reason, key,"
			" recorded_at) SELECT program_id, community.next_id(), member_id,"
			" ladder_id, tier, rank, source, tstzrange(lower(during), $3),"
			" coalesce($5, reason), key, $4 FROM community.tenure"
			" WHERE program_id = $1 AND tenure_id = $2"
			" AND lower(during) < $3",
			.nargs = 5,
			.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID,
			TEXTOID}
		}
	};
	CoreScope	scope;
	Datum		reason = (Datum) 0;
	bool		revoked;

	core_refuse_nulls(fcinfo, "revoke_tier", names, 0x04);
	if (!PG_ARGISNULL(2))
		reason = tier_config_name(fcinfo, 2, "reason");
	core_enter(&scope);
	revoked = tier_decision_end(&ending, PG_GETARG_INT64(3),
								PG_GETARG_DATUM(0), PG_GETARG_TIMESTAMPTZ(1),
								reason);
	core_leave(&scope);
	PG_RETURN_BOOL(revoked);
}
