/*-------------------------------------------------------------------------
 *
 * fuzz.c
 *	  LibFuzzer within a backend.
 *
 * script/fuzz links this into a library of its own; it is in none that is
 * installed.  Here the input functions work with the real allocator, the real
 * errors and the real calendar, so nothing has to be imitated.
 *
 * An input is bad if the process ends, if the sanitizers complain, if an error
 * is an internal one, or if a value that was taken does not come out and go in
 * again as the same bytes.  Then the process is ended: libFuzzer keeps the
 * input.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"


#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/typcache.h"

PG_FUNCTION_INFO_V1(community_fuzz);

extern int	LLVMFuzzerRunDriver(int *argc, char ***argv,
								int (*test) (const uint8_t *data, size_t size));

#define FUZZ_MAX_ARGUMENTS	32

typedef enum FuzzKind
{
	FUZZ_IN,					/* text of a value */
	FUZZ_RECV,					/* binary form of a value */
	FUZZ_CALL					/* argument of a statement */
} FuzzKind;

static FuzzKind fuzz_kind;
static MemoryContext fuzz_context;
static Oid	fuzz_type;
static Oid	fuzz_parameter;
static FmgrInfo fuzz_in;
static FmgrInfo fuzz_out;
static FmgrInfo fuzz_recv;
static FmgrInfo fuzz_send;
static TypeCacheEntry *fuzz_cache;
static SPIPlanPtr fuzz_plan;

/* End the process, so that libFuzzer keeps the input. */
static void
fuzz_fail(const char *what, const char *detail)
{
	fprintf(stderr, "fuzz: %s: %s\n", what, detail);
	fflush(stderr);
	abort();
}

/*
 * The input as a C string at the very end of a chunk of its own: what reads
 * beyond it is seen by AddressSanitizer.  NULL if no client could send it.
 */
static char *
fuzz_text(const uint8_t *data, size_t size)
{
	if (!pg_verifymbstr((const char *) data, (int) size, true))
		return NULL;
	return pnstrdup((const char *) data, size);
}

static bytea *
fuzz_binary(Datum value)
{
	return SendFunctionCall(&fuzz_send, value);
}

static bool
fuzz_same(bytea *a, bytea *b)
{
	return VARSIZE(a) == VARSIZE(b) && memcmp(a, b, VARSIZE(a)) == 0;
}

static Datum
fuzz_receive(const char *data, int size)
{
	StringInfoData buffer;
	Datum		value;

	initStringInfo(&buffer);
	/* exactly as long as it is, and not a byte more */
	pfree(buffer.data);
	buffer.data = palloc(size + 1);
	memcpy(buffer.data, data, size);
	buffer.data[size] = '\0';
	buffer.len = size;
	buffer.maxlen = size + 1;
	value = ReceiveFunctionCall(&fuzz_recv, &buffer, fuzz_parameter, -1);
	if (buffer.cursor != buffer.len)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("incorrect binary data format")));
	return value;
}

/* What was taken has one form, as text, in binary and for the operators. */
static void
fuzz_check_value(Datum value)
{
	char	   *text = OutputFunctionCall(&fuzz_out, value);
	bytea	   *binary = fuzz_binary(value);
	Datum		again;

	again = InputFunctionCall(&fuzz_in, text, fuzz_parameter, -1);
	if (strcmp(text, OutputFunctionCall(&fuzz_out, again)) != 0)
		fuzz_fail("another text after output and input", text);
	if (!fuzz_same(binary, fuzz_binary(again)))
		fuzz_fail("another value after output and input", text);
	again = fuzz_receive(VARDATA(binary), VARSIZE(binary) - VARHDRSZ);
	if (!fuzz_same(binary, fuzz_binary(again)))
		fuzz_fail("another value after send and receive", text);
	if (OidIsValid(fuzz_cache->eq_opr_finfo.fn_oid) &&
		!DatumGetBool(FunctionCall2(&fuzz_cache->eq_opr_finfo, value, again)))
		fuzz_fail("not equal to itself", text);
	if (OidIsValid(fuzz_cache->cmp_proc_finfo.fn_oid) &&
		DatumGetInt32(FunctionCall2(&fuzz_cache->cmp_proc_finfo,
									value, again)) != 0)
		fuzz_fail("not in its own place", text);
	if (OidIsValid(fuzz_cache->hash_proc_finfo.fn_oid) &&
		DatumGetUInt32(FunctionCall1(&fuzz_cache->hash_proc_finfo, value)) !=
		DatumGetUInt32(FunctionCall1(&fuzz_cache->hash_proc_finfo, again)))
		fuzz_fail("another hash for the same value", text);
}

static void
fuzz_value(const uint8_t *data, size_t size)
{
	Datum		value;
	char	   *text;

	if (fuzz_kind == FUZZ_RECV)
		value = fuzz_receive((const char *) data, (int) size);
	else
	{
		text = fuzz_text(data, size);
		if (text == NULL)
			return;
		value = InputFunctionCall(&fuzz_in, text, fuzz_parameter, -1);
	}
	fuzz_check_value(value);
}

static void
fuzz_statement(const uint8_t *data, size_t size)
{
	char	   *text = fuzz_text(data, size);
	Datum		argument;

	if (text == NULL)
		return;
	argument = CStringGetTextDatum(text);
	if (SPI_execute_plan(fuzz_plan, &argument, NULL, false, 0) < 0)
		fuzz_fail("cannot execute", text);
}

/* Is the error one that bad input may get? */
static void
fuzz_check_error(void)
{
	ErrorData  *error;
	char	   *code;

	MemoryContextSwitchTo(fuzz_context);
	error = CopyErrorData();
	FlushErrorState();
	code = unpack_sql_state(error->sqlerrcode);
	if (strncmp(code, "XX", 2) == 0)
		fuzz_fail("internal error", error->message);
}

/*
 * Statements work in a subtransaction that is always rolled back, so each
 * input meets the same tables.
 */
static int
fuzz_one(const uint8_t *data, size_t size)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	bool		statement = fuzz_kind == FUZZ_CALL;

	if (statement)
		BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(fuzz_context);
	PG_TRY();
	{
		if (statement)
			fuzz_statement(data, size);
		else
			fuzz_value(data, size);
	}
	PG_CATCH();
	{
		fuzz_check_error();
	}
	PG_END_TRY();
	if (statement)
	{
		RollbackAndReleaseCurrentSubTransaction();
		CurrentResourceOwner = owner;
	}
	MemoryContextSwitchTo(caller);
	MemoryContextReset(fuzz_context);
	CHECK_FOR_INTERRUPTS();
	return 0;
}

static void
fuzz_prepare_type(const char *name)
{
	Oid			function;
	bool		varlena;

	fuzz_type = DatumGetObjectId(DirectFunctionCall1(to_regtype,
													 CStringGetTextDatum(name)));
	getTypeInputInfo(fuzz_type, &function, &fuzz_parameter);
	fmgr_info_cxt(function, &fuzz_in, TopMemoryContext);
	getTypeOutputInfo(fuzz_type, &function, &varlena);
	fmgr_info_cxt(function, &fuzz_out, TopMemoryContext);
	getTypeBinaryInputInfo(fuzz_type, &function, &fuzz_parameter);
	fmgr_info_cxt(function, &fuzz_recv, TopMemoryContext);
	getTypeBinaryOutputInfo(fuzz_type, &function, &varlena);
	fmgr_info_cxt(function, &fuzz_send, TopMemoryContext);
	fuzz_cache = lookup_type_cache(fuzz_type, TYPECACHE_EQ_OPR_FINFO |
								   TYPECACHE_CMP_PROC_FINFO |
								   TYPECACHE_HASH_PROC_FINFO);
}

static void
fuzz_prepare_call(const char *statement)
{
	Oid			type = TEXTOID;

	SPI_connect();
	fuzz_plan = SPI_prepare(statement, 1, &type);
	if (fuzz_plan == NULL || SPI_keepplan(fuzz_plan) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot prepare \"%s\"", statement)));
}

/*
 * fuzz(kind text, target text, arguments text[]): kind "in" or "recv" and the
 * name of a type, or "call" and a statement about $1.  The arguments are those
 * of libFuzzer, which ends the process when it is done.
 */
Datum
community_fuzz(PG_FUNCTION_ARGS)
{
	char	   *kind = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *target = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char	   *arguments[FUZZ_MAX_ARGUMENTS + 2] = {"fuzz"};
	char	  **argv = arguments;
	Datum	   *items;
	int			count;
	int			i;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(2), TEXTOID, -1, false,
					  TYPALIGN_INT, &items, NULL, &count);
	if (count > FUZZ_MAX_ARGUMENTS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%d arguments for libFuzzer, the limit is %d",
						count, FUZZ_MAX_ARGUMENTS)));
	for (i = 0; i < count; i++)
		arguments[i + 1] = TextDatumGetCString(items[i]);
	count++;

	fuzz_context = AllocSetContextCreate(TopMemoryContext, "fuzz",
										 ALLOCSET_DEFAULT_SIZES);
	if (strcmp(kind, "call") == 0)
	{
		fuzz_kind = FUZZ_CALL;
		fuzz_prepare_call(target);
	}
	else
	{
		fuzz_kind = strcmp(kind, "in") == 0 ? FUZZ_IN : FUZZ_RECV;
		fuzz_prepare_type(target);
	}
	LLVMFuzzerRunDriver(&count, &argv, fuzz_one);
	PG_RETURN_VOID();
}
