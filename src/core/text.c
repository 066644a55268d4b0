/*-------------------------------------------------------------------------
 *
 * text.c
 *	  Arguments: which must be given, and texts that name something.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "core/compat.h"
#include "core/core.h"

/* No argument may be null but those named in the set "nullable". */
void
core_refuse_nulls(FunctionCallInfo fcinfo, const char *function,
				  const char *const *names, uint32 nullable)
{
	int			i;

	for (i = 0; i < PG_NARGS(); i++)
		if (PG_ARGISNULL(i) && (nullable & (1U << i)) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument %s of %s() must not be null",
							names[i], function)));
}

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

/* Are they the same bytes? */
bool
core_same_text(const text *a, const text *b)
{
	return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
		memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
}

bool
core_text_is(const text *value, const char *expected)
{
	return VARSIZE_ANY_EXHDR(value) == strlen(expected) &&
		memcmp(VARDATA_ANY(value), expected, strlen(expected)) == 0;
}
