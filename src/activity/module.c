/*-------------------------------------------------------------------------
 *
 * module.c
 *	  Module magic and initialisation.
 *
 * Rooms do not know each other.  Where one needs another at work that neither
 * begins, it names a function of a certain form, and here it gets it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"

#include "core/compat.h"
#include "core/core.h"
#include "points/ledger.h"
#include "points/rules.h"
#include "referral/commission.h"
#include "referral/sanction.h"
#include "tier/benefit.h"
#include "tier/tier.h"

COMMUNITY_MODULE_MAGIC;

void		_PG_init(void);

static void
note_earned(const PointsEntry *entry)
{
	tier_note_earned(entry->program, entry->member, entry->currency->id);
}

static void
lock_account(int64 program, int64 member, int64 currency_id)
{
	(void) points_lock_account(points_currency_by_id(program, currency_id),
							   member);
}

static const char *
currency_code(int64 program, int64 currency_id)
{
	return points_currency_by_id(program, currency_id)->code;
}

/* Define the settings; no catalog access is allowed here. */
void
_PG_init(void)
{
	core_define_settings();
	points_factors = tier_multiply;
	points_earned_hook = note_earned;
	points_withheld = referral_is_withheld;
	tier_ledger.give = points_give;
	tier_ledger.take = points_take_gift;
	referral_qualified_hook = tier_note_qualified;
	referral_ledger.pay = points_pay;
	referral_ledger.take = points_take_payment;
	referral_ledger.release = points_release_payment;
	referral_ledger.lock = lock_account;
	referral_ledger.code = currency_code;
}
