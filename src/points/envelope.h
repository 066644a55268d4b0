/*-------------------------------------------------------------------------
 *
 * envelope.h
 *	  Red envelopes: points split into shares, for whoever comes first.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_POINTS_ENVELOPE_H
#define COMMUNITY_POINTS_ENVELOPE_H

#include "points/envelope_algo.h"
#include "points/ledger.h"

/* A row of envelope. */
typedef struct PointsEnvelope
{
	int64		id;
	Datum		key;			/* text */
	bool		paid_by_member; /* otherwise by the program */
	int64		member;
	const PointsCurrency *currency;
	int32		shares;
	TimestampTz expires_at;
	int64		request;
	bool		closed;
	int64		returned;
	Purse	   *taken;			/* positive; NULL when the program pays */
} PointsEnvelope;

/* envelope.c */
extern void points_read_envelope(int64 program, int64 id, bool lock,
								 PointsEnvelope *envelope);

/* envelope_claim.c */
extern int	points_close_expired_envelopes(int64 program, TimestampTz as_of,
										   int batch);

#endif							/* COMMUNITY_POINTS_ENVELOPE_H */
