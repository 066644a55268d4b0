/*-------------------------------------------------------------------------
 *
 * text.c
 *	  Checks of text arguments that name something.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "core/compat.h"
#include "core/core.h"

/*
 * Give a name as a C string, or refuse it.  "what" stands in the message:
 * "idempotency key", "event type".
 */
char *
core_name_argument(text *value, const char *what)
{
	int			length = VARSIZE_ANY_EXHDR(value);

	if (length == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must not be empty", what)));
	if (length > COMMUNITY_MAX_NAME_LENGTH)
		ereport(ERROR,
				(errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
				 errmsg("%s is %d bytes long, the limit is %d", what,
						length, COMMUNITY_MAX_NAME_LENGTH)));
	return text_to_cstring(value);
}
