/*-------------------------------------------------------------------------
 *
 * forest_algo.c
 *	  A whole forest at once: depths, downlines, distances.
 *
 * Ids become places by a hash table, members brought lie side by side, and
 * then two sweeps do: from the roots down in breadth, and back.  Nothing
 * recurses, so the depth of a forest does not matter.
 *
 * Pure: no server calls but for memory.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "core/compat.h"
#include "referral/forest_algo.h"

#define FIRST_ROOM		1024

/* Three slots for two ids when a table is made, and four for three at most. */
#define SLOTS_FOR(count)	((uint64) (count) + (uint64) (count) / 2 + 8)
#define IS_FULL(map)	((uint64) (map)->count * 4 >= (map)->nslots * 3)

/* For how many ids a full table is made anew. */
#define LARGER(map)		((map)->count + (map)->count / 4 + 1)

static void *
allocate(int64 count, Size size, int flags)
{
	return palloc_extended(Max(count, 1) * size, MCXT_ALLOC_HUGE | flags);
}

/* ----- ids ----- */

static inline uint64
home_of(const ReferralMap *map, int64 id)
{
	uint64		hash = (uint64) id;

	hash ^= hash >> 32;
	hash *= UINT64CONST(0x9E3779B97F4A7C15);
	hash ^= hash >> 29;
	hash *= UINT64CONST(0xBF58476D1CE4E5B9);
	return ((hash >> 32) * map->nslots) >> 32;
}

/* An id is looked for soon. */
static inline void
expect_id(const ReferralMap *map, int64 id)
{
	referral_prefetch(&map->slots[home_of(map, id)]);
}

/* The slot of an id, or the empty one where it belongs. */
static inline ReferralMapSlot *
slot_of(const ReferralMap *map, int64 id)
{
	uint64		at = home_of(map, id);

	while (map->slots[at].place != 0 && map->slots[at].id != id)
		if (++at == map->nslots)
			at = 0;
	return &map->slots[at];
}

/* Find slots for all ids anew; they are known to differ. */
static void
make_slots(ReferralMap *map, int64 room, void (*interrupt) (void))
{
	int64		i;

	if (map->slots != NULL)
		pfree(map->slots);
	map->nslots = SLOTS_FOR(room);
	map->slots = allocate(map->nslots, sizeof(ReferralMapSlot),
						  MCXT_ALLOC_ZERO);
	for (i = 0; i < map->count; i++)
	{
		ReferralMapSlot *slot;

		if (interrupt != NULL && i % REFERRAL_INTERRUPT_ROWS == 0)
			interrupt();
		if (i + REFERRAL_AHEAD < map->count)
			expect_id(map, map->ids[i + REFERRAL_AHEAD]);
		slot = slot_of(map, map->ids[i]);
		slot->id = map->ids[i];
		slot->place = (int32) i + 1;
	}
}

void
referral_map_begin(ReferralMap *map, int64 room)
{
	memset(map, 0, sizeof(ReferralMap));
	map->room = Max(room, 1);
	map->ids = allocate(map->room, sizeof(int64), 0);
	make_slots(map, map->room, NULL);
}

/* The place of an id, or -1. */
int32
referral_map_find(const ReferralMap *map, int64 id)
{
	return slot_of(map, id)->place - 1;
}

/* The place of an id, which is added unless it is known. */
int32
referral_map_add(ReferralMap *map, int64 id)
{
	ReferralMapSlot *slot = slot_of(map, id);

	if (slot->place != 0)
		return slot->place - 1;
	if (map->count == map->room)
	{
		map->room *= 2;
		map->ids = repalloc_huge(map->ids, map->room * sizeof(int64));
	}
	if (IS_FULL(map))
	{
		make_slots(map, LARGER(map), NULL);
		slot = slot_of(map, id);
	}
	slot->id = map->ids[map->count] = id;
	slot->place = (int32) ++map->count;
	return (int32) map->count - 1;
}

void
referral_map_end(ReferralMap *map)
{
	if (map->slots != NULL)
		pfree(map->slots);
	if (map->ids != NULL)
		pfree(map->ids);
	memset(map, 0, sizeof(ReferralMap));
}

/* ----- the forest ----- */

/*
 * The most memory that a forest takes, in bytes.  While ids become places:
 * rows, ids, slots and places of sponsors; then: ids, eight arrays, trees.
 */
Size
referral_pass_memory(int64 rows, int64 members, int64 trees)
{
	Size		mapping = rows * (sizeof(int64) + sizeof(bool)) +
	members * (sizeof(int64) + sizeof(int32)) +
	SLOTS_FOR(members) * sizeof(ReferralMapSlot);
	Size		sweeping = members * (sizeof(int64) + 8 * sizeof(int32)) +
	trees * sizeof(ReferralTreeFigures);

	return Max(mapping, sweeping);
}

static void
check_memory(const ReferralPass *pass, int64 members, int64 trees)
{
	Size		needed = referral_pass_memory(pass->nrows, members, trees);

	if (needed > pass->care.limit || members > REFERRAL_MAX_MEMBERS)
		pass->care.refuse(members, needed, pass->care.arg);
}

static inline void
stay_interruptible(const ReferralPass *pass, int64 i)
{
	if (i % REFERRAL_INTERRUPT_ROWS == 0)
		pass->care.interrupt();
}

ReferralPass *
referral_pass_begin(const ReferralCare *care)
{
	ReferralPass *pass = palloc0_object(ReferralPass);

	pass->care = *care;
	pass->room = FIRST_ROOM;
	pass->row_sponsors = allocate(pass->room, sizeof(int64), 0);
	pass->row_bound = allocate(pass->room, sizeof(bool), 0);
	pass->map.ids = allocate(pass->room, sizeof(int64), 0);
	return pass;
}

static void
make_room(ReferralPass *pass)
{
	pass->room *= 2;
	pass->row_sponsors = repalloc_huge(pass->row_sponsors,
									   pass->room * sizeof(int64));
	pass->row_bound = repalloc_huge(pass->row_bound,
									pass->room * sizeof(bool));
	pass->map.ids = repalloc_huge(pass->map.ids, pass->room * sizeof(int64));
}

/* Take a row; no member has two. */
void
referral_pass_row(ReferralPass *pass, int64 member, bool bound,
				  int64 sponsor)
{
	int64		row = pass->nrows;

	if (row % REFERRAL_INTERRUPT_ROWS == 0)
		check_memory(pass, row, 0);
	if (row == pass->room)
		make_room(pass);
	pass->map.ids[row] = member;
	pass->row_sponsors[row] = sponsor;
	pass->row_bound[row] = bound;
	pass->nrows++;
}

/* Ids become places. */
static void
map_members(ReferralPass *pass)
{
	ReferralMap *map = &pass->map;
	int64		i;

	map->count = pass->nrows;
	map->room = pass->room;
	make_slots(map, map->count, pass->care.interrupt);
	pass->sponsors = allocate(pass->nrows, sizeof(int32), 0);
	for (i = 0; i < pass->nrows; i++)
	{
		stay_interruptible(pass, i);
		if (IS_FULL(map))
			check_memory(pass, LARGER(map), 0);
		if (i + REFERRAL_AHEAD < pass->nrows)
			expect_id(map, pass->row_sponsors[i + REFERRAL_AHEAD]);
		pass->sponsors[i] = !pass->row_bound[i] ? -1 :
			referral_map_add(map, pass->row_sponsors[i]);
	}
	pfree(pass->row_sponsors);
	pfree(pass->row_bound);
	pfree(map->slots);
	pass->row_sponsors = NULL;
	pass->row_bound = NULL;
	map->slots = NULL;
	pass->count = (int32) map->count;
	/* sponsors without a row are roots */
	pass->sponsors = repalloc_huge(pass->sponsors,
								   Max(map->count, 1) * sizeof(int32));
	for (i = pass->nrows; i < map->count; i++)
		pass->sponsors[i] = -1;
}

/* Whom each brought, side by side. */
static void
lay_out(ReferralPass *pass)
{
	int32		total = 0;
	int32		i;

	pass->starts = allocate((int64) pass->count + 1, sizeof(int32),
							MCXT_ALLOC_ZERO);
	pass->brought = allocate(pass->count, sizeof(int32), 0);
	for (i = 0; i < pass->count; i++)
	{
		stay_interruptible(pass, i);
		if (pass->sponsors[i] >= 0)
			pass->starts[pass->sponsors[i]]++;
		else
			pass->nroots++;
	}
	for (i = 0; i <= pass->count; i++)
	{
		stay_interruptible(pass, i);
		total += pass->starts[i];
		pass->starts[i] = total;
	}
	/* from their ends down, so that they keep their order */
	for (i = pass->count - 1; i >= 0; i--)
	{
		stay_interruptible(pass, i);
		if (pass->sponsors[i] >= 0)
			pass->brought[--pass->starts[pass->sponsors[i]]] = i;
	}
}

static void
put_in_order(ReferralPass *pass, int32 member, int32 tree, int32 depth)
{
	pass->order[pass->reached++] = member;
	pass->trees[member] = tree;
	pass->depths[member] = depth;
}

/* From the roots down, level by level. */
static void
sweep_down(ReferralPass *pass)
{
	int32		i;

	pass->order = allocate(pass->count, sizeof(int32), 0);
	pass->trees = allocate(pass->count, sizeof(int32), 0);
	pass->depths = allocate(pass->count, sizeof(int32), 0);
	for (i = 0; i < pass->count; i++)
	{
		stay_interruptible(pass, i);
		pass->depths[i] = -1;
		pass->trees[i] = -1;
		if (pass->sponsors[i] < 0)
			put_in_order(pass, i, pass->reached, 0);
	}
	for (i = 0; i < pass->reached; i++)
	{
		int32		member = pass->order[i];
		int32		j;

		stay_interruptible(pass, i);
		for (j = pass->starts[member]; j < pass->starts[member + 1]; j++)
		{
			stay_interruptible(pass, j);
			put_in_order(pass, pass->brought[j], pass->trees[member],
						 pass->depths[member] + 1);
		}
	}
}

/* And back: whoever is met has all of its own behind it. */
static void
sweep_up(ReferralPass *pass)
{
	int32		i;

	pass->sizes = allocate(pass->count, sizeof(int32), MCXT_ALLOC_ZERO);
	pass->levels = allocate(pass->count, sizeof(int32), MCXT_ALLOC_ZERO);
	for (i = pass->reached - 1; i >= pass->nroots; i--)
	{
		int32		member = pass->order[i];
		int32		sponsor = pass->sponsors[member];

		stay_interruptible(pass, i);
		pass->sizes[sponsor] += pass->sizes[member] + 1;
		pass->levels[sponsor] = Max(pass->levels[sponsor],
									pass->levels[member] + 1);
	}
}

/* Work everything out, once all rows are taken. */
void
referral_pass_work_out(ReferralPass *pass)
{
	check_memory(pass, pass->nrows, 0);
	map_members(pass);
	lay_out(pass);
	check_memory(pass, pass->count, pass->nroots);
	sweep_down(pass);
	sweep_up(pass);
}

static inline void
add_to_sum(ReferralSum *sum, uint64 value)
{
	sum->low += value;
	sum->high += sum->low < value;
}

/*
 * Figures of each tree, in the order of its roots.  The edge above s members
 * of n lies between s * (n - s) pairs of them, so these add up to the sum of
 * all distances.
 */
ReferralTreeFigures *
referral_pass_trees(const ReferralPass *pass)
{
	ReferralTreeFigures *trees = allocate(pass->nroots,
										  sizeof(ReferralTreeFigures),
										  MCXT_ALLOC_ZERO);
	int32		i;

	for (i = 0; i < pass->nroots; i++)
		trees[i].members = pass->sizes[pass->order[i]] + 1;
	for (i = 0; i < pass->reached; i++)
	{
		int32		member = pass->order[i];
		ReferralTreeFigures *tree = &trees[pass->trees[member]];
		int32		below = pass->sizes[member] + 1;
		int32		brought = pass->starts[member + 1] - pass->starts[member];

		stay_interruptible(pass, i);
		tree->depths += pass->depths[member];
		tree->broadcast = Max(tree->broadcast, brought);
		add_to_sum(&tree->wiener,
				   (uint64) below * (uint64) (tree->members - below));
	}
	return trees;
}

/*
 * The place of each member in a walk that visits everybody below a member
 * right after it; -1 for those who are not reached.
 */
int32 *
referral_pass_positions(const ReferralPass *pass)
{
	int32	   *positions = allocate(pass->count, sizeof(int32), 0);
	int32		next = 0;
	int32		i;

	memset(positions, -1, sizeof(int32) * pass->count);
	for (i = 0; i < pass->reached; i++)
	{
		int32		member = pass->order[i];
		int32		at;
		int32		j;

		stay_interruptible(pass, i);
		if (i < pass->nroots)
		{
			positions[member] = next;
			next += pass->sizes[member] + 1;
		}
		at = positions[member] + 1;
		for (j = pass->starts[member]; j < pass->starts[member + 1]; j++)
		{
			stay_interruptible(pass, j);
			positions[pass->brought[j]] = at;
			at += pass->sizes[pass->brought[j]] + 1;
		}
	}
	return positions;
}

static void
release(void *array)
{
	if (array != NULL)
		pfree(array);
}

void
referral_pass_end(ReferralPass *pass)
{
	release(pass->row_sponsors);
	release(pass->row_bound);
	referral_map_end(&pass->map);
	release(pass->sponsors);
	release(pass->starts);
	release(pass->brought);
	release(pass->order);
	release(pass->trees);
	release(pass->depths);
	release(pass->sizes);
	release(pass->levels);
	pfree(pass);
}
