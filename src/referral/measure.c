/*-------------------------------------------------------------------------
 *
 * measure.c
 *	  How deep members stand: by walking up, or as remembered.
 *
 * Whoever holds the movers' lock knows that nobody else puts a member
 * elsewhere until it lets go.  So a transaction that binds many members one
 * after the other remembers how deep their sponsors stand, and does not walk
 * to the root for each.  What it does itself makes it forget: a change of who
 * has somebody below, and the end of a subtransaction, which may have undone
 * what was measured and given back the lock.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "storage/proc.h"

#include "core/compat.h"
#include "core/errors.h"
#include "referral/place.h"

#define MEMORY_BITS		12		/* 4096 members, 96 kB */

typedef struct Measured
{
	int64		program;
	int64		member;
	int32		depth;
	uint32		memory;			/* in which it was noted */
} Measured;

static Measured remembered[1 << MEMORY_BITS];

/* the memory that counts, and where it was begun */
static uint32 memory = 1;
static LocalTransactionId begun_in = InvalidLocalTransactionId;
static SubTransactionId begun_below = InvalidSubTransactionId;

/* Forget all, as members with others below them have been put elsewhere. */
void
referral_forget_depths(void)
{
	if (++memory == 0)
	{
		memset(remembered, 0, sizeof(remembered));
		memory = 1;
	}
}

/* Begin anew where the memory is of another part of a transaction. */
static void
begin_memory(void)
{
	if (begun_in == core_local_transaction() &&
		begun_below == GetCurrentSubTransactionId())
		return;
	referral_forget_depths();
	begun_in = core_local_transaction();
	begun_below = GetCurrentSubTransactionId();
}

static Measured *
place_of(int64 program, int64 member)
{
	uint64		hash = ((uint64) program * UINT64CONST(0xff51afd7ed558ccd)) ^
	(uint64) member;

	hash *= UINT64CONST(0x9e3779b97f4a7c15);
	return &remembered[hash >> (64 - MEMORY_BITS)];
}

static bool
recall(int64 program, int64 member, int32 *depth)
{
	const Measured *measured = place_of(program, member);

	if (measured->memory != memory || measured->program != program ||
		measured->member != member)
		return false;
	*depth = measured->depth;
	return true;
}

/* Forget one, with nobody below it, that is about to be put somewhere. */
void
referral_forget_depth(int64 program, int64 member)
{
	int32		depth;

	if (recall(program, member, &depth))
		place_of(program, member)->memory = 0;
}

static int32
checked_depth(ReferralForest *forest, int64 sponsor, int64 depth)
{
	if (depth >= REFERRAL_UNMEASURED)
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_REFERRAL_DEPTH),
				 errmsg("member %lld of program \"%s\" stands deeper than %d",
						(long long) sponsor,
						referral_program_name(referral_program(forest)),
						REFERRAL_UNMEASURED)));
	return (int32) depth;
}

/*
 * The depth of a sponsor, by walking up from it.  It is an error when that
 * meets the member.
 */
int32
referral_measure(ReferralForest *forest, int64 sponsor, bool has_member,
				 int64 member)
{
	ReferralWalk walk;

	referral_begin_walk(&walk, forest, sponsor);
	do
	{
		if (has_member && walk.member == member)
			referral_refuse_cycle(referral_program(forest), member, sponsor);
	} while (referral_walk_up(&walk));
	return checked_depth(forest, sponsor, walk.generation);
}

/*
 * The same under the movers' lock, for a member below whom nobody stands and
 * whom no walk can meet: as far up as somebody whose depth is remembered.
 */
int32
referral_measure_locked(ReferralForest *forest, int64 sponsor)
{
	int64		program = referral_program(forest);
	int32		above = 0;
	ReferralWalk walk;
	Measured   *measured;

	begin_memory();
	referral_begin_walk(&walk, forest, sponsor);
	while (!recall(program, walk.member, &above) && referral_walk_up(&walk))
		 /* on */ ;
	measured = place_of(program, sponsor);
	measured->program = program;
	measured->member = sponsor;
	measured->depth = checked_depth(forest, sponsor,
									walk.generation + above);
	measured->memory = memory;
	return measured->depth;
}
