/*-------------------------------------------------------------------------
 *
 * label.h
 *	  Labels, by which downlines are counted.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_REFERRAL_LABEL_H
#define COMMUNITY_REFERRAL_LABEL_H

#include "utils/snapshot.h"

#include "core/table.h"

/* label_read.c */
typedef struct ReferralLabelReader ReferralLabelReader;

extern bool referral_labels_are_direct(void);
extern ReferralLabelReader *referral_open_labels(int64 program,
												 Snapshot snapshot);
extern bool referral_find_label(ReferralLabelReader *reader, int64 member,
								int32 *position, int32 *size);
extern void referral_close_labels(ReferralLabelReader *reader);

/* label.c */
typedef struct ReferralRelabelled
{
	bool		done;
	int64		labelled;		/* when done */
	char	   *waits_for;		/* when not */
	int32		in_rings;		/* so many members keep it from being done */
} ReferralRelabelled;

extern void referral_relabel(int64 program, ReferralRelabelled *result);
extern void referral_report_rings(int elevel, int64 program,
								  const ReferralRelabelled *result);
extern bool referral_labels_are_old(int64 program);
extern int64 referral_rebuild_labels(int64 program);

#endif							/* COMMUNITY_REFERRAL_LABEL_H */
