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
#include "tier/benefit.h"

COMMUNITY_MODULE_MAGIC;

void		_PG_init(void);

/* Define the settings; no catalog access is allowed here. */
void
_PG_init(void)
{
	core_define_settings();
	points_factors = tier_multiply;
	tier_ledger.give = points_give;
	tier_ledger.take = points_take_gift;
}
