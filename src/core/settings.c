/*-------------------------------------------------------------------------
 *
 * settings.c
 *	  The settings of the extension.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/guc.h"

#include "core/compat.h"
#include "core/core.h"

char	   *core_program_setting = NULL;
int			core_inbox_on_fault = CORE_INBOX_DIVERT;

static const struct config_enum_entry inbox_on_fault_options[] = {
	{"divert", CORE_INBOX_DIVERT, false},
	{"refuse", CORE_INBOX_REFUSE, false},
	{NULL, 0, false}
};

/* Called once, from _PG_init. */
void
core_define_settings(void)
{
	DefineCustomEnumVariable("community.inbox_on_fault",
							 "Sets what process_inbox() does with a row that record() would refuse.",
							 "\"divert\" moves the row to inbox_fault and goes on, \"refuse\" raises the error and leaves the whole inbox as it was.",
							 &core_inbox_on_fault,
							 CORE_INBOX_DIVERT,
							 inbox_on_fault_options,
							 PGC_USERSET,
							 0,
							 NULL, NULL, NULL);

	DefineCustomStringVariable("community.program",
							   "Sets the program that functions use when none is given.",
							   "The id or the name of a program. Empty means the only program there is.",
							   &core_program_setting,
							   "",
							   PGC_USERSET,
							   0,
							   NULL, NULL, NULL);

	MarkGUCPrefixReserved("community");
}
