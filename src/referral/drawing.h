/*-------------------------------------------------------------------------
 *
 * drawing.h
 *	  How lines of a drawing are written.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_REFERRAL_DRAWING_H
#define COMMUNITY_REFERRAL_DRAWING_H

#include "lib/stringinfo.h"

#include "referral/drawing_algo.h"

/* The most levels that are drawn: a line is indented by each. */
#define REFERRAL_DRAWN_LEVELS	1000

/* What a line says beside the numbers. */
typedef struct ReferralLabel
{
	const char *name;
	const char *tier;			/* or NULL */
	bool		closed;
} ReferralLabel;

/* The pen: keeps what one line must know of those before. */
typedef struct ReferralPen
{
	const ReferralNode *nodes;
	int			scale;			/* decimals of money */
	bool		boxes;			/* box characters of UTF-8? */
	bool		mermaid;		/* rather than dot? */
	bool	   *last;			/* by level: is the line there the last? */
} ReferralPen;

extern void referral_write_text(StringInfo out, ReferralPen *pen,
								const ReferralLine *line,
								const ReferralLabel *label);
extern void referral_write_summary(StringInfo out, const ReferralPen *pen,
								   int32 levels, int64 drawn);
extern void referral_open_graph(StringInfo out, const ReferralPen *pen);
extern void referral_write_graph(StringInfo out, const ReferralPen *pen,
								 const ReferralLine *line,
								 const ReferralLabel *label);
extern void referral_close_graph(StringInfo out, const ReferralPen *pen);

#endif							/* COMMUNITY_REFERRAL_DRAWING_H */
