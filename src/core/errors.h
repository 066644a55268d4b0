/*-------------------------------------------------------------------------
 *
 * errors.h
 *	  SQLSTATEs of our own: refusals that an application wants to catch.
 *
 * Class CM is private to community.  Everything else uses the standard code
 * that fits.  doc/errors.md lists them all; keep the two in step.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_ERRORS_H
#define COMMUNITY_ERRORS_H

#define COMMUNITY_ERRCODE_KEY_REUSED		MAKE_SQLSTATE('C','M','0','0','1')
#define COMMUNITY_ERRCODE_UNKNOWN_MEMBER	MAKE_SQLSTATE('C','M','0','0','2')
#define COMMUNITY_ERRCODE_CLOSED_MEMBER		MAKE_SQLSTATE('C','M','0','0','3')
#define COMMUNITY_ERRCODE_UNKNOWN_PROGRAM	MAKE_SQLSTATE('C','M','0','0','4')
#define COMMUNITY_ERRCODE_UNKNOWN_EVENT		MAKE_SQLSTATE('C','M','0','0','5')
#define COMMUNITY_ERRCODE_OVER_REVERSAL		MAKE_SQLSTATE('C','M','0','0','6')
#define COMMUNITY_ERRCODE_APPEND_ONLY		MAKE_SQLSTATE('C','M','0','0','7')
#define COMMUNITY_ERRCODE_MIXED_HALF_LIVES	MAKE_SQLSTATE('C','M','0','0','8')
#define COMMUNITY_ERRCODE_NOT_INSTALLED		MAKE_SQLSTATE('C','M','0','0','9')
#define COMMUNITY_ERRCODE_TABLES_VERSION	MAKE_SQLSTATE('C','M','0','1','0')
#define COMMUNITY_ERRCODE_ATTACHMENT		MAKE_SQLSTATE('C','M','0','1','1')
#define COMMUNITY_ERRCODE_INSUFFICIENT_POINTS	MAKE_SQLSTATE('C','M','0','1','2')
#define COMMUNITY_ERRCODE_HOLD_ENDED		MAKE_SQLSTATE('C','M','0','1','3')
#define COMMUNITY_ERRCODE_CAP_REACHED		MAKE_SQLSTATE('C','M','0','1','4')
#define COMMUNITY_ERRCODE_ENVELOPE_EMPTY	MAKE_SQLSTATE('C','M','0','2','0')
#define COMMUNITY_ERRCODE_ENVELOPE_ENDED	MAKE_SQLSTATE('C','M','0','2','1')
#define COMMUNITY_ERRCODE_ENVELOPE_CLAIMED	MAKE_SQLSTATE('C','M','0','2','2')
#define COMMUNITY_ERRCODE_SEAT_CLAIMED		MAKE_SQLSTATE('C','M','0','3','0')
#define COMMUNITY_ERRCODE_TIER_NOT_ATTAINED MAKE_SQLSTATE('C','M','0','3','1')
#define COMMUNITY_ERRCODE_NO_SEAT			MAKE_SQLSTATE('C','M','0','3','2')

#endif							/* COMMUNITY_ERRORS_H */
