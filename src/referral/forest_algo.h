/*-------------------------------------------------------------------------
 *
 * forest_algo.h
 *	  A whole forest at once: depths, downlines, distances.
 *
 * Arrays in, arrays out.  Members are known by their place, a number from 0
 * on, so that everything about them is an array.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_REFERRAL_FOREST_ALGO_H
#define COMMUNITY_REFERRAL_FOREST_ALGO_H

/* Members of a forest; places are signed and of 32 bits. */
#define REFERRAL_MAX_MEMBERS	(PG_INT32_MAX - 1)

/* Ask for memory that is needed soon, so far ahead in an array. */
#if defined(__GNUC__)
#define referral_prefetch(address)	__builtin_prefetch(address)
#else
#define referral_prefetch(address)	((void) 0)
#endif
#define REFERRAL_AHEAD			16

/*
 * What the caller wants to be asked.  Both may leave by an error: interrupt()
 * is called every REFERRAL_INTERRUPT_ROWS members at the latest, refuse()
 * before more than "limit" bytes would be needed.
 */
#define REFERRAL_INTERRUPT_ROWS	(1 << 16)

typedef struct ReferralCare
{
	void		(*interrupt) (void);
	void		(*refuse) (int64 members, Size needed, void *arg);
	void	   *arg;
	Size		limit;
} ReferralCare;

/* Ids, and the place of each: in the order in which they were added. */
typedef struct ReferralMapSlot
{
	int64		id;
	int32		place;			/* plus 1; 0 is an empty slot */
} ReferralMapSlot;

typedef struct ReferralMap
{
	int64	   *ids;
	int64		count;
	int64		room;
	ReferralMapSlot *slots;
	uint64		nslots;
} ReferralMap;

extern void referral_map_begin(ReferralMap *map, int64 room);
extern int32 referral_map_find(const ReferralMap *map, int64 id);
extern int32 referral_map_add(ReferralMap *map, int64 id);
extern void referral_map_end(ReferralMap *map);

/* A sum that does not overflow: high * 2^64 + low. */
typedef struct ReferralSum
{
	uint64		high;
	uint64		low;
} ReferralSum;

typedef struct ReferralTreeFigures
{
	int32		members;
	int32		broadcast;		/* most members brought by one */
	ReferralSum wiener;			/* distances between all pairs */
	int64		depths;			/* sum over all members */
} ReferralTreeFigures;

/*
 * A forest.  First it takes rows, then it is worked out.  In "order", roots
 * come first, and nobody before its sponsor.  Who stands in or below a ring is
 * not reached from any root, is not in "order" and has a depth of -1.
 */
typedef struct ReferralPass
{
	ReferralCare care;

	/* the rows: member and sponsor, if it has one */
	int64		nrows;
	int64		room;
	int64	   *row_sponsors;
	bool	   *row_bound;

	/* the members: those of rows in their order, then other sponsors */
	ReferralMap map;
	int32		count;
	int32	   *sponsors;		/* place, or -1 */
	int32	   *starts;			/* of those brought, in "brought"; count + 1 */
	int32	   *brought;
	int32	   *order;
	int32		reached;
	int32		nroots;
	int32	   *trees;			/* which root, in "order" */
	int32	   *depths;
	int32	   *sizes;			/* how many below */
	int32	   *levels;			/* how many levels below */
} ReferralPass;

extern Size referral_pass_memory(int64 rows, int64 members, int64 trees);
extern ReferralPass *referral_pass_begin(const ReferralCare *care);
extern void referral_pass_row(ReferralPass *pass, int64 member, bool bound,
							  int64 sponsor);
extern void referral_pass_work_out(ReferralPass *pass);
extern ReferralTreeFigures *referral_pass_trees(const ReferralPass *pass);
extern int32 *referral_pass_positions(const ReferralPass *pass);
extern void referral_pass_end(ReferralPass *pass);

#endif							/* COMMUNITY_REFERRAL_FOREST_ALGO_H */
