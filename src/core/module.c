/*-------------------------------------------------------------------------
 *
 * module.c
 *	  Module magic and initialisation.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"

#include "core/compat.h"
#include "core/core.h"

COMMUNITY_MODULE_MAGIC;

void		_PG_init(void);

/* Define the settings; no catalog access is allowed here. */
void
_PG_init(void)
{
	core_define_settings();
}
