/*-------------------------------------------------------------------------
 *
 * drawing_algo.h
 *	  A member's tree as a sequence of lines.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_REFERRAL_DRAWING_ALGO_H
#define COMMUNITY_REFERRAL_DRAWING_ALGO_H

/*
 * A member of the tree.  Places count breadth first, so a sponsor comes
 * before those below it and those of one sponsor are neighbours.
 */
typedef struct ReferralNode
{
	int64		member;
	int64		own;			/* its volume, in minor units */
	int64		team;			/* that of everybody below it */
	int64		below;			/* how many these are */
	int64		sponsor_place;
	int64		first;			/* place of the first it sponsors */
	int64		children;		/* how many it sponsors */
} ReferralNode;

/* A line to draw: a member, or how many of a sponsor's are left out. */
typedef struct ReferralLine
{
	int32		level;
	bool		last;			/* of its sponsor's lines? */
	bool		cut;			/* are there more below than are drawn? */
	int64		place;			/* or -1 */
	int64		sponsor_place;
	int64		more;			/* left out */
	int64		members;		/* these and everybody below them */
	int64		volume;			/* of all these */
} ReferralLine;

/* Those of one sponsor, while they are drawn. */
typedef struct ReferralBranch
{
	int64	   *order;
	int64		count;
	int64		shown;
	int64		next;
} ReferralBranch;

typedef struct ReferralDrawing
{
	const ReferralNode *nodes;
	int32		depth;			/* levels to draw below the first member */
	int64		width;			/* members to draw of a sponsor */
	int32		level;			/* of the next line, -1 before the first */
	ReferralBranch *branches;	/* by level */
} ReferralDrawing;

extern bool referral_sum_teams(ReferralNode *nodes, int64 count);
extern void referral_begin_drawing(ReferralDrawing *drawing,
								   const ReferralNode *nodes, int32 depth,
								   int64 width);
extern bool referral_next_line(ReferralDrawing *drawing, ReferralLine *line);

#endif							/* COMMUNITY_REFERRAL_DRAWING_ALGO_H */
