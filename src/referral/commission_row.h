/*-------------------------------------------------------------------------
 *
 * commission_row.h
 *	  Rows of the table commission, as they are written.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_COMMISSION_ROW_H
#define COMMUNITY_COMMISSION_ROW_H

#include "lib/stringinfo.h"

#include "referral/commission.h"

/* columns of commission */
enum
{
	COMMISSION_PROGRAM, COMMISSION_EVENT, COMMISSION_LINE_NUMBER,
	COMMISSION_CAUSE, COMMISSION_PLAN, COMMISSION_LEVEL_NUMBER,
	COMMISSION_MEMBER, COMMISSION_PAYEE, COMMISSION_BASE, COMMISSION_POINTS,
	COMMISSION_SOURCE, COMMISSION_RATE_OF_LINE, COMMISSION_KIND_NAME,
	COMMISSION_REASON, COMMISSION_RECORDED_AT, COMMISSION_COLUMNS
};

/* commission_pay.c */
extern void referral_credit_payee(const CommissionPlans *plans,
								  const CommissionPlan *plan,
								  ReferralPayment *payment, int64 cause_id);
extern void referral_tell_commission(StringInfo told, int64 payee,
									 int64 points,
									 const char *currency, int32 level,
									 const char *plan);

#endif							/* COMMUNITY_COMMISSION_ROW_H */
