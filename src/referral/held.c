/*-------------------------------------------------------------------------
 *
 * held.c
 *	  Who is held, and who has been a member before: referral_is_held().
 *
 * Every payment asks, and nearly every program has nobody of either kind, so
 * a session keeps whether there is anybody at all until flags, sanctions or
 * rules change.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"

#include "core/compat.h"
#include "core/core.h"
#include "referral/sanction.h"

PG_FUNCTION_INFO_V1(community_referral_is_held);

/* A question about a program, with the answer while its tables stay. */
typedef struct KeptAnswer
{
	CorePlan   *plan;			/* gives true or false */
	CoreWatch  *watches[2];		/* NULL for none */
	uint64		generations[2];
	int64		program;
	bool		is_kept;
	bool		answer;
} KeptAnswer;

static CoreWatch flag_watch = {.name = "referral_flag"};
static CoreWatch sanction_watch = {.name = "referral_sanction"};
static CoreWatch rule_watch = {.name = "fraud_rule"};

static bool
ask(KeptAnswer *kept, int64 program)
{
	uint64		generations[2] = {0, 0};
	bool		may_keep = true;
	bool		is_same = kept->is_kept && kept->program == program;
	Datum		values[1];
	int			i;

	for (i = 0; i < lengthof(generations); i++)
	{
		if (kept->watches[i] == NULL)
			continue;
		generations[i] = core_watch(kept->watches[i]);
		may_keep &= generations[i] != 0;
		is_same &= generations[i] == kept->generations[i];
	}
	if (may_keep && is_same)
		return kept->answer;
	kept->is_kept = false;
	values[0] = Int64GetDatum(program);
	core_run_latest(kept->plan, values);
	kept->answer = core_bool(0, 1);
	kept->program = program;
	memcpy(kept->generations, generations, sizeof(generations));
	kept->is_kept = may_keep;
	return kept->answer;
}

/* Is anybody held? */
static bool
program_holds(int64 program)
{
	static CorePlan plan = {
		.sql = "SELECT EXISTS (SELECT FROM community.referral_flag"
		" WHERE program_id = $1 AND status IN ('held', 'confirmed'))"
		" OR EXISTS (SELECT FROM community.referral_sanction"
		" WHERE program_id = $1 AND action = 'hold' AND lifted_at IS NULL)",
		.nargs = 1,
		.argtypes = {INT8OID},
		.by_index = true
	};
	static KeptAnswer kept = {&plan, {&flag_watch, &sanction_watch}};

	return ask(&kept, program);
}

/* Does what is paid to a member, or for what it buys, wait? */
bool
referral_is_held(int64 program, int64 member)
{
	static CorePlan plan = {
		.sql = "SELECT EXISTS (SELECT FROM community.held_member"
		" WHERE program_id = $1 AND member_id = $2)",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID},
		.by_index = true
	};
	Datum		values[2];

	if (!program_holds(program))
		return false;
	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	core_run(&plan, values, NULL, false);
	return core_bool(0, 1);
}

/* Does the program ask whether members were members before? */
static bool
program_knows_rejoined(int64 program)
{
	static CorePlan plan = {
		.sql = "SELECT EXISTS (SELECT FROM community.fraud_rule"
		" WHERE program_id = $1 AND kind = 'rejoined')",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	static KeptAnswer kept = {&plan, {&rule_watch, NULL}};

	return ask(&kept, program);
}

/*
 * Has somebody been a member before, by a rule that asks?  What is flagged
 * counts until it is released, and what would be flagged counts at once; it
 * is what fraud_rejoined() finds, of this member alone.
 */
bool
referral_was_member(int64 program, int64 member)
{
	static CorePlan plan = {
		.sql = "SELECT EXISTS (SELECT FROM community.referral_flag AS f"
		"  JOIN community.fraud_rule AS u ON u.program_id = $1"
		"  AND u.rule_id = f.rule_id AND u.kind = 'rejoined'"
		"  WHERE f.program_id = $1 AND f.member_id = $2"
		"  AND f.status <> 'released')"
		" OR EXISTS (SELECT FROM community.fraud_rule AS u"
		"  JOIN community.referral_identity AS i ON i.program_id = $1"
		"  AND i.member_id = $2 AND i.kind <> 'address'"
		"  AND (NOT u.parameters ? 'kinds'"
		"   OR u.parameters -> 'kinds' ? i.kind)"
		"  JOIN community.member AS m ON m.program_id = $1"
		"  AND m.member_id = $2"
		"  JOIN community.referral_identity AS o ON o.program_id = $1"
		"  AND o.kind = i.kind AND o.hash = i.hash AND o.member_id <> $2"
		"  JOIN community.member AS c ON c.program_id = $1"
		"  AND c.member_id = o.member_id AND c.closed_at < m.enrolled_at"
		"  WHERE u.program_id = $1 AND u.kind = 'rejoined'"
		"  AND u.action <> 'none' AND u.valid @> clock_timestamp()"
		"  AND NOT EXISTS (SELECT FROM community.member_merge AS b"
		"   WHERE b.program_id = $1 AND b.member_id = o.member_id)"
		"  AND NOT EXISTS (SELECT FROM community.referral_flag AS f"
		"   WHERE f.program_id = $1 AND f.member_id = $2"
		"   AND f.rule_id = u.rule_id AND f.status = 'released'"
		"   AND f.subject = 'was member ' || o.member_id))",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID},
		.by_index = true
	};
	Datum		values[2];

	if (!program_knows_rejoined(program))
		return false;
	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	core_run(&plan, values, NULL, false);
	return core_bool(0, 1);
}

/* referral_is_held(member, program) -> boolean */
Datum
community_referral_is_held(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "program"};
	CoreScope	scope;
	bool		held;

	core_refuse_nulls(fcinfo, "referral_is_held", names, 0);
	core_enter(&scope);
	held = referral_is_held(PG_GETARG_INT64(1), PG_GETARG_INT64(0));
	core_leave(&scope);
	PG_RETURN_BOOL(held);
}
