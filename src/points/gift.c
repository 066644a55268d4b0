/*-------------------------------------------------------------------------
 *
 * gift.c
 *	  Points that the program gives by itself, for a tier or an award.
 *
 * They are credits like others, under keys of our own.  Their kind tells them
 * from what members earn, so no measure of points counts them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/compat.h"
#include "core/core.h"
#include "points/ledger.h"

/*
 * Give points as of a time.  With "expires_at" they can be spent at once and
 * until then; otherwise the currency says when.  The member is locked, so the
 * key is new or names this very gift.  Inside core_enter().
 */
void
points_give(int64 program, int64 member, int64 currency_id, int64 points,
			const char *kind, TimestampTz at, const TimestampTz *expires_at,
			Datum key, Datum reason)
{
	PointsRequest request;
	PointsPosting posting;

	memset(&request, 0, sizeof(request));
	snprintf(request.kind, sizeof(request.kind), "%s", kind);
	request.member = member;
	request.currency_id = currency_id;
	request.points = points;
	request.occurred_at = at;
	request.given = POINTS_GIVEN_OCCURRED_AT;
	if (expires_at != NULL)
	{
		request.available_at = at;
		request.expires_at = *expires_at;
		request.given |= POINTS_GIVEN_AVAILABLE_AT | POINTS_GIVEN_EXPIRES_AT;
	}
	points_accrue(points_currency_by_id(program, currency_id), &request, key,
				  reason, &posting);
}
