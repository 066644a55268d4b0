/*-------------------------------------------------------------------------
 *
 * gates.c
 *	  Who may be brought, and who may bring: what referral_setting asks of a
 *	  binding before it is made.
 *
 * An inviter's quota is slots, one row each, and never a counter: a slot is
 * taken by inserting its row, and who finds it being inserted waits until it
 * is decided.  Where to begin looking depends on the member, so a crowd under
 * one inviter meets only when few slots are left.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "referral/invite.h"
#include "referral/sanction.h"

static CoreWatch setting_watch = {.name = "referral_setting"};
static CoreWatch program_watch = {.name = "program"};

/* the settings of one program, while they are known to be right */
static ReferralGates kept;
static MemoryContext kept_context = NULL;
static uint64 kept_settings = 0;
static uint64 kept_programs = 0;

static char *
keep_text(int column)
{
	char	   *value = core_text(0, column);

	return value == NULL ? NULL :
		MemoryContextStrdup(kept_context, value);
}

/* Read the settings of a program; without a row as the defaults say. */
static void
read_gates(int64 program)
{
	static CorePlan plan = {
		.sql = "SELECT coalesce(s.sponsor_required, false),"
		" coalesce(s.late_bindings, true), coalesce(s.touch = 'first', false),"
		" coalesce(s.click_window, '30 days'), s.inviter_ladder,"
		" s.inviter_tier, s.inviter_age, s.invitations,"
		" s.invitation_period, p.time_zone,"
		" coalesce(s.binding = 'rebindable', false), s.binding_window"
		" FROM community.program AS p"
		" LEFT JOIN community.referral_setting AS s"
		" ON s.program_id = p.program_id WHERE p.program_id = $1",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	Datum		values[1];
	Datum		field;
	bool		isnull;

	if (kept_context == NULL)
		kept_context = AllocSetContextCreate(CacheMemoryContext,
											 "community referral gates",
											 ALLOCSET_SMALL_SIZES);
	MemoryContextReset(kept_context);
	memset(&kept, 0, sizeof(kept));
	kept_settings = 0;
	values[0] = Int64GetDatum(program);
	core_run_latest(&plan, values);
	if (SPI_processed == 0)
		(void) core_program_name(program);
	kept.sponsor_required = core_bool(0, 1);
	kept.late_bindings = core_bool(0, 2);
	kept.first_touch = core_bool(0, 3);
	kept.click_window = *DatumGetIntervalP(core_field(0, 4, &isnull));
	kept.ladder = keep_text(5);
	kept.tier = keep_text(6);
	field = core_field(0, 7, &isnull);
	kept.has_age = !isnull;
	if (!isnull)
		kept.age = *DatumGetIntervalP(field);
	field = core_field(0, 8, &isnull);
	kept.has_quota = !isnull;
	if (!isnull)
	{
		kept.invitations = DatumGetInt32(field);
		kept.period = *DatumGetPeriodP(core_field(0, 9, &isnull));
	}
	kept.time_zone = keep_text(10);
	kept.rebindable = core_bool(0, 11);
	field = core_field(0, 12, &isnull);
	kept.lapses = !isnull;
	if (!isnull)
		kept.binding_window = *DatumGetIntervalP(field);
	kept.program = program;
}

/* Good until the next call. */
const ReferralGates *
referral_gates(int64 program)
{
	uint64		settings = core_watch(&setting_watch);
	uint64		programs = core_watch(&program_watch);

	if (settings == 0 || programs == 0 || settings != kept_settings ||
		programs != kept_programs || kept.program != program)
	{
		read_gates(program);
		kept_settings = settings;
		kept_programs = programs;
	}
	return &kept;
}

/* When a binding that is made at that time lapses; DT_NOEND for never. */
TimestampTz
referral_lapses_at(int64 program, TimestampTz at)
{
	const ReferralGates *gates = referral_gates(program);

	if (!gates->lapses)
		return DT_NOEND;
	return period_add_interval(at, &gates->binding_window,
							   period_zone(gates->time_zone));
}

static TimestampTz
joined_at(int64 program, int64 member)
{
	static CorePlan plan = {
		.sql = "SELECT joined_at FROM community.member"
		" WHERE program_id = $1 AND member_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[2];
	bool		isnull;

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	core_run(&plan, values, NULL, false);
	if (SPI_processed == 0)
		core_refuse_member(program, member, false);
	return DatumGetTimestampTz(core_field(0, 1, &isnull));
}

static void
check_age(const ReferralGates *gates, int64 inviter, TimestampTz since,
		  TimestampTz at)
{
	TimestampTz from = period_add_interval(since, &gates->age,
										   period_zone(gates->time_zone));
	Datum		age;

	if (at >= from)
		return;
	age = DirectFunctionCall1(interval_out, IntervalPGetDatum(&gates->age));
	ereport(ERROR,
			(errcode(COMMUNITY_ERRCODE_REFERRAL_REFUSED),
			 errmsg("member %lld may not invite before %s",
					(long long) inviter, timestamptz_to_str(from)),
			 errdetail("Inviters of program \"%s\" must have been members for %s.",
					   core_program_name(gates->program),
					   DatumGetCString(age))));
}

static void
check_tier(const ReferralGates *gates, int64 inviter, TimestampTz at)
{
	static CorePlan plan = {
		.sql = "SELECT h.tier, w.rank IS NOT NULL,"
		" coalesce(x.rank >= w.rank, false)"
		" FROM (SELECT community.tier($2, $3, $5, NULL, $1) AS tier) AS h"
		" LEFT JOIN community.ladder AS l"
		" ON l.program_id = $1 AND l.name = $3"
		" LEFT JOIN community.ladder_version AS v ON v.program_id = $1"
		" AND v.ladder_id = l.ladder_id AND v.valid @> $5"
		" LEFT JOIN LATERAL jsonb_to_recordset(v.definition -> 'tiers')"
		"  AS w (name text, rank integer) ON w.name = $4"
		" LEFT JOIN LATERAL jsonb_to_recordset(v.definition -> 'tiers')"
		"  AS x (name text, rank integer) ON x.name = h.tier",
		.nargs = 5,
		.argtypes = {INT8OID, INT8OID, TEXTOID, TEXTOID, TIMESTAMPTZOID}
	};
	Datum		values[5];
	char	   *held;

	values[0] = Int64GetDatum(gates->program);
	values[1] = Int64GetDatum(inviter);
	values[2] = CStringGetTextDatum(gates->ladder);
	values[3] = CStringGetTextDatum(gates->tier);
	values[4] = TimestampTzGetDatum(at);
	core_run(&plan, values, NULL, false);
	if (SPI_processed != 1 || !core_bool(0, 2))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("tier \"%s\" of ladder \"%s\", which inviters must hold, does not exist",
						gates->tier, gates->ladder),
				 errdetail("No version of the ladder that is in force at %s has it.",
						   timestamptz_to_str(at))));
	if (core_bool(0, 3))
		return;
	held = core_text(0, 1);
	ereport(ERROR,
			(errcode(COMMUNITY_ERRCODE_REFERRAL_REFUSED),
			 held == NULL ?
			 errmsg("member %lld may not invite: it holds no tier of ladder \"%s\"",
					(long long) inviter, gates->ladder) :
			 errmsg("member %lld may not invite: it holds tier \"%s\" of ladder \"%s\"",
					(long long) inviter, held, gates->ladder),
			 errdetail("Inviters of program \"%s\" must hold tier \"%s\" or one above.",
					   core_program_name(gates->program), gates->tier)));
}

/* Take the first free slot from there to there; false when none is free. */
static bool
take_slot(Datum *values, int32 from, int32 to)
{
	/* generate_series() beside the columns stops when a slot is found */
	static CorePlan plan = {
		.sql = "INSERT INTO community.referral_invitation (program_id,"
		" inviter_id, period_start, slot, member_id, invited_at)"
		" SELECT $1, $2, $3, g.slot, $4, $5"
		" FROM (SELECT generate_series($6, $7) AS slot) AS g"
		" WHERE NOT EXISTS (SELECT FROM community.referral_invitation AS i"
		"  WHERE i.program_id = $1 AND i.inviter_id = $2"
		"  AND i.period_start = $3 AND i.slot = g.slot) LIMIT 1"
		" ON CONFLICT DO NOTHING",
		.nargs = 7,
		.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID, INT8OID,
		TIMESTAMPTZOID, INT4OID, INT4OID},
		.by_index = true
	};

	values[5] = Int32GetDatum(from);
	values[6] = Int32GetDatum(to);
	core_run(&plan, values, NULL, false);
	return SPI_processed == 1;
}

/* How many slots of the period are taken, as far as this snapshot sees. */
static int64
count_slots(Datum *values)
{
	static CorePlan plan = {
		.sql = "SELECT count(*) FROM community.referral_invitation"
		" WHERE program_id = $1 AND inviter_id = $2 AND period_start = $3"
		" AND slot <= $4",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID, INT4OID},
		.by_index = true
	};

	core_run(&plan, values, NULL, false);
	return core_int64(0, 1);
}

/*
 * Take a slot of the inviter's quota, or refuse.  While the snapshot sees a
 * free one, it is tried for: whoever has it in hand may roll back.  Above READ
 * COMMITTED a slot taken by somebody who is not seen fails with 40001.
 */
static void
claim_invitation(const ReferralGates *gates, int64 inviter, int64 member,
				 TimestampTz since, TimestampTz at)
{
	TimestampTz from;
	TimestampTz to;
	Datum		values[7];
	Datum		counted[4];
	int32		first;

	period_bounds(&gates->period, at, true, since,
				  period_zone(gates->time_zone), &from, &to);
	values[0] = counted[0] = Int64GetDatum(gates->program);
	values[1] = counted[1] = Int64GetDatum(inviter);
	values[2] = counted[2] = TimestampTzGetDatum(from);
	values[3] = Int64GetDatum(member);
	values[4] = TimestampTzGetDatum(at);
	counted[3] = Int32GetDatum(gates->invitations);
	while (count_slots(counted) < gates->invitations)
	{
		CHECK_FOR_INTERRUPTS();
		first = 1 + (int32) (hash_bytes((unsigned char *) &member,
										sizeof(member)) %
							 (uint32) gates->invitations);
		if (take_slot(values, first, gates->invitations) ||
			(first > 1 && take_slot(values, 1, first - 1)))
			return;
	}
	ereport(ERROR,
			(errcode(COMMUNITY_ERRCODE_REFERRAL_REFUSED),
			 errmsg("member %lld has used up its quota of invitations, which is %d",
					(long long) inviter, gates->invitations),
			 TIMESTAMP_IS_NOBEGIN(from) ?
			 errdetail("The quota of program \"%s\" is for a lifetime.",
					   core_program_name(gates->program)) :
			 errdetail("The period began at %s.", timestamptz_to_str(from)),
			 TIMESTAMP_IS_NOEND(to) ? 0 :
			 errhint("The next one begins at %s.", timestamptz_to_str(to))));
}

/*
 * May the inviter bring the member at that time?  Else an error.  Called for
 * each binding before it is made; takes one of the inviter's invitations.
 */
void
referral_admit(int64 program, int64 inviter, int64 member, bool is_new,
			   TimestampTz at)
{
	ReferralGates gates = *referral_gates(program);
	TimestampTz since;

	referral_refuse_sanctioned(program, inviter);
	if (!is_new && !gates.late_bindings)
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_REFERRAL_REFUSED),
				 errmsg("member %lld cannot be brought by anybody: it was enrolled before",
						(long long) member),
				 errdetail("Program \"%s\" binds new members only.",
						   core_program_name(program))));
	if (gates.ladder == NULL && !gates.has_age && !gates.has_quota)
		return;
	/* what is called below may read the settings of another program */
	if (gates.ladder != NULL)
	{
		gates.ladder = pstrdup(gates.ladder);
		gates.tier = pstrdup(gates.tier);
	}
	gates.time_zone = pstrdup(gates.time_zone);
	since = joined_at(program, inviter);
	if (gates.has_age)
		check_age(&gates, inviter, since, at);
	if (gates.ladder != NULL)
		check_tier(&gates, inviter, at);
	if (gates.has_quota)
		claim_invitation(&gates, inviter, member, since, at);
}
