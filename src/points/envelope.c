/*-------------------------------------------------------------------------
 *
 * envelope.c
 *	  Issuing red envelopes: issue_envelope(), split_points().
 *
 * The shares are cut when the envelope is issued, one row each, so that a
 * crowd finds as many rows to claim as there are shares.  What the payer gives
 * leaves its account at once; the envelope keeps the lots, and each share is a
 * known part of them, so that what is claimed, unclaimed and returned adds up
 * lot by lot.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "points/envelope.h"

PG_FUNCTION_INFO_V1(community_split_points);
PG_FUNCTION_INFO_V1(community_issue_envelope);

/* What issue_envelope() is asked for, beside the request. */
typedef struct Order
{
	bool		paid_by_member;
	PointsSplit split;
	int32		shares;
	int64		seed;
	TimestampTz expires_at;
	Datum		key;
	Datum		reason;
} Order;

static PointsSplit
split_argument(text *value)
{
	char	   *name = text_to_cstring(value);

	if (strcmp(name, "random") == 0)
		return POINTS_SPLIT_RANDOM;
	if (strcmp(name, "even") == 0)
		return POINTS_SPLIT_EVEN;
	if (strcmp(name, "double_mean") == 0)
		return POINTS_SPLIT_DOUBLE_MEAN;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("split \"%s\" is not known", name),
			 errhint("It is \"random\", \"even\" or \"double_mean\".")));
	return POINTS_SPLIT_RANDOM; /* keep compiler quiet */
}

static void
check_shares(int64 points, int32 shares)
{
	if (shares < 1 || shares > POINTS_MAX_SHARES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot split points into %d shares", shares),
				 errdetail("The number of shares is from 1 to %d.",
						   POINTS_MAX_SHARES)));
	if (points < shares)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot split %lld points into %d shares",
						(long long) points, shares),
				 errdetail("Every share has at least one point.")));
}

static int64 *
split(PointsSplit how, int64 points, int32 shares, int64 seed)
{
	int64	   *result = palloc_array(int64, shares);
	int64	   *scratch = palloc_array(int64, shares);

	points_split(result, scratch, how, points, shares, (uint64) seed);
	pfree(scratch);
	return result;
}

static ArrayType *
int64_array(const int64 *numbers, int count)
{
	Datum	   *values = palloc_array(Datum, count);
	int			i;

	for (i = 0; i < count; i++)
		values[i] = Int64GetDatum(numbers[i]);
	return construct_array(values, count, INT8OID, sizeof(int64), true,
						   TYPALIGN_DOUBLE);
}

/* split_points(points, shares, split, seed) -> bigint[] */
Datum
community_split_points(PG_FUNCTION_ARGS)
{
	int64		points = PG_GETARG_INT64(0);
	int32		shares = PG_GETARG_INT32(1);
	PointsSplit how = split_argument(PG_GETARG_TEXT_PP(2));

	check_shares(points, shares);
	PG_RETURN_ARRAYTYPE_P(int64_array(split(how, points, shares,
											PG_GETARG_INT64(3)), shares));
}

/* The last result as an envelope, false when it is empty. */
static bool
read_row(int64 program, PointsEnvelope *envelope)
{
	bool		isnull;
	Datum		value;

	if (SPI_processed == 0)
		return false;
	envelope->id = core_int64(0, 1);
	envelope->key = core_field(0, 2, &isnull);
	value = core_field(0, 3, &isnull);
	envelope->paid_by_member = !isnull;
	envelope->member = isnull ? 0 : DatumGetInt64(value);
	envelope->shares = (int32) core_int64(0, 5);
	envelope->expires_at = DatumGetTimestampTz(core_field(0, 6, &isnull));
	envelope->request = core_int64(0, 7);
	envelope->closed = core_bool(0, 8);
	envelope->returned = core_int64(0, 9);
	value = core_field(0, 10, &isnull);
	envelope->taken = isnull ? NULL : DatumGetPurseP(value);
	/* last, as it may read anew */
	envelope->currency = points_currency_by_id(program, core_int64(0, 4));
	return true;
}

#define ENVELOPE_FIELDS \
	"SELECT envelope_id, key, member_id, currency_id, shares, expires_at," \
	" request, closed_at IS NOT NULL, returned, taken" \
	" FROM community.envelope WHERE program_id = $1 AND "

/* The envelope of that id, or an error. */
void
points_read_envelope(int64 program, int64 id, bool lock,
					 PointsEnvelope *envelope)
{
	static CorePlan plan = {
		.sql = ENVELOPE_FIELDS "envelope_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	static CorePlan locking = {
		.sql = ENVELOPE_FIELDS "envelope_id = $2 FOR NO KEY UPDATE",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID}
	};
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(id);
	core_run(lock ? &locking : &plan, values, NULL, false);
	if (!read_row(program, envelope))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("envelope %lld of program \"%s\" does not exist",
						(long long) id, core_program_name(program))));
}

/*
 * The envelope that was issued with that key, which must have been asked for
 * in the same way; false when there is none.
 */
static bool
find_issued(int64 program, Datum key, const PointsRequest *request, int64 *id)
{
	static CorePlan plan = {
		.sql = ENVELOPE_FIELDS "key = $2",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTOID}
	};
	PointsEnvelope envelope;
	Datum		values[2];

	values[0] = Int64GetDatum(program);
	values[1] = key;
	core_run(&plan, values, NULL, false);
	if (!read_row(program, &envelope))
		return false;
	if (envelope.request != points_request_hash(request))
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_KEY_REUSED),
				 errmsg("idempotency key \"%s\" was used with other input",
						TextDatumGetCString(key)),
				 errdetail("It is the key of envelope %lld.",
						   (long long) envelope.id),
				 errhint("A key names one request for ever; give a new request a new key.")));
	*id = envelope.id;
	return true;
}

/* False when another envelope has the key. */
static bool
insert_envelope(const PointsCurrency *currency, const PointsRequest *request,
				const Order *order, int64 id, const Purse *taken)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.envelope (program_id, envelope_id, key,"
		" member_id, currency_id, points, shares, split, seed, expires_at,"
		" request, taken, reason)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7,"
		" ('{random,even,double_mean}'::text[])[$8 + 1], $9, $10, $11, $12,"
		" $13) ON CONFLICT (program_id, key) DO NOTHING",
		.nargs = 13,
		.argtypes = {INT8OID, INT8OID, TEXTOID, INT8OID, INT8OID, INT8OID,
			INT4OID, INT4OID, INT8OID, TIMESTAMPTZOID, INT8OID, InvalidOid,
		TEXTOID},
		.own_type = "purse"
	};
	Datum		values[13];
	char		nulls[14] = "             ";

	values[0] = Int64GetDatum(currency->program);
	values[1] = Int64GetDatum(id);
	values[2] = order->key;
	values[3] = Int64GetDatum(request->member);
	values[4] = Int64GetDatum(currency->id);
	values[5] = Int64GetDatum(request->points);
	values[6] = Int32GetDatum(order->shares);
	values[7] = Int32GetDatum((int32) order->split);
	values[8] = Int64GetDatum(order->seed);
	values[9] = TimestampTzGetDatum(order->expires_at);
	values[10] = Int64GetDatum(points_request_hash(request));
	values[11] = PointerGetDatum(taken);
	values[12] = order->reason;
	if (!order->paid_by_member)
		nulls[3] = nulls[11] = 'n';
	if (order->reason == (Datum) 0)
		nulls[12] = 'n';
	core_run(&plan, values, nulls, false);
	return SPI_processed == 1;
}

/* The shares as rows, each with the place of its points in the whole. */
static void
insert_shares(int64 program, int64 id, const PointsRequest *request,
			  const Order *order)
{
	static CorePlan plan = {
		.sql = "INSERT INTO community.envelope_share (program_id, envelope_id,"
		" share, points, behind)"
		" SELECT $1, $2, u.share, u.points, u.behind"
		" FROM unnest($3, $4) WITH ORDINALITY AS u (points, behind, share)",
		.nargs = 4,
		.argtypes = {INT8OID, INT8OID, INT8ARRAYOID, INT8ARRAYOID}
	};
	int64	   *points = split(order->split, request->points, order->shares,
							   order->seed);
	int64	   *behind = palloc_array(int64, order->shares);
	int64		sum = 0;
	Datum		values[4];
	int			i;

	for (i = 0; i < order->shares; i++)
	{
		behind[i] = sum;
		sum += points[i];
	}
	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(id);
	values[2] = PointerGetDatum(int64_array(points, order->shares));
	values[3] = PointerGetDatum(int64_array(behind, order->shares));
	core_run(&plan, values, NULL, false);
}

/* What is free but expires before the envelope does. */
static Purse *
short_lived(const PointsAccount *account, TimestampTz until)
{
	Purse	   *free = points_free(account);
	Purse	   *result = purse_zero();
	int			i;

	for (i = 0; i < purse_count(free); i++)
	{
		const PurseLot *lot = &purse_lots(free)[i];

		if (lot->points > 0 && lot->expires_at < until &&
			lot->expires_at > account->now)
			result = purse_add(result, purse_make(lot->points,
												  lot->available_at,
												  lot->expires_at,
												  lot->priority));
	}
	return result;
}

/*
 * The delta that takes the points from lots that are good as long as the
 * envelope is, or some would be claimed when they are worth nothing.  Where
 * activity moves all expiries, claiming is activity.
 */
static Purse *
take_lasting(const PointsAccount *account, int64 points, TimestampTz until)
{
	PointsAccount lasting = *account;
	Purse	   *expiring;
	int64		available;
	int64		short_available;

	if (account->currency->inactive_after != NULL)
		return points_take(account, points, "give away");
	expiring = short_lived(account, until);
	lasting.held = purse_add(account->held, expiring);
	available = purse_available(points_free(&lasting), account->now);
	short_available = purse_available(expiring, account->now);
	if (available < points && short_available > 0)
		ereport(ERROR,
				(errcode(COMMUNITY_ERRCODE_INSUFFICIENT_POINTS),
				 errmsg("cannot give away %lld %s of member %lld until %s: %lld are good until then",
						(long long) points, account->currency->code,
						(long long) account->member,
						timestamptz_to_str(until), (long long) available),
				 errdetail("Another %lld expire before.",
						   (long long) short_available)));
	return points_take(&lasting, points, "give away");
}

/* Take the points from who pays; NULL when that has happened before. */
static Purse *
pay(const PointsCurrency *currency, const PointsRequest *request,
	const Order *order)
{
	PointsAccount *account = points_lock_account(currency, request->member);
	PointsEntry entry = {0};
	PointsPosting posting;
	Purse	   *taken;

	if (points_find_replay(currency->program, order->key, request, &posting))
		return NULL;
	points_refuse_closed(account);
	taken = take_lasting(account, request->points, order->expires_at);
	entry.kind = request->kind;
	entry.key = order->key;
	entry.delta = purse_add(taken, points_keep_alive(account, taken));
	entry.request = points_request_hash(request);
	entry.reason = order->reason;
	points_post(account, &entry, NULL);
	return purse_negate(taken);
}

/* Do what issue_envelope() promises.  Inside core_enter(). */
static int64
issue(const PointsCurrency *currency, const PointsRequest *request,
	  const Order *order)
{
	int64		program = currency->program;
	Purse	   *taken = NULL;
	PointsPosting posting;
	int64		id;

	if (find_issued(program, order->key, request, &id))
		return id;
	if (order->expires_at <= GetCurrentTimestamp())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("an envelope cannot end at %s, which is past",
						timestamptz_to_str(order->expires_at))));
	if (order->paid_by_member)
		taken = pay(currency, request, order);
	else if (points_find_replay(program, order->key, request, &posting))
		elog(ERROR, "entry of member %lld was paid by nobody",
			 (long long) posting.member);
	id = core_next_id();
	if ((order->paid_by_member && taken == NULL) ||
		!insert_envelope(currency, request, order, id, taken))
	{
		/* somebody else has just issued it */
		if (!find_issued(program, order->key, request, &id))
			points_refuse_lost_key(order->key);
		return id;
	}
	insert_shares(program, id, request, order);
	return id;
}

/*
 * issue_envelope(member, points, shares, key, currency, split, seed,
 * expires_at, reason, program) -> bigint
 */
Datum
community_issue_envelope(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "points", "shares", "key",
	"currency", "split", "seed", "expires_at", "reason", "program"};
	PointsRequest request;
	Order		order = {0};
	const PointsCurrency *currency;
	CoreScope	scope;
	int64		program;
	int64		id;

	core_refuse_nulls(fcinfo, "issue_envelope", names, 0x141);
	memset(&request, 0, sizeof(request));
	snprintf(request.kind, sizeof(request.kind), "envelope_out");
	order.paid_by_member = !PG_ARGISNULL(0);
	if (order.paid_by_member)
		request.member = PG_GETARG_INT64(0);
	else
		request.given |= POINTS_GIVEN_BY_PROGRAM;
	request.points = points_amount_argument(PG_GETARG_INT64(1),
											"issue_envelope");
	order.shares = PG_GETARG_INT32(2);
	check_shares(request.points, order.shares);
	request.other = order.shares;
	order.key = points_key_argument(fcinfo, 3);
	order.split = split_argument(PG_GETARG_TEXT_PP(5));
	request.priority = order.split;
	if (PG_ARGISNULL(6))
	{
		if (!pg_strong_random(&order.seed, sizeof(order.seed)))
			ereport(ERROR,
					(errcode(ERRCODE_INTERNAL_ERROR),
					 errmsg("could not generate a random seed")));
	}
	else
	{
		order.seed = PG_GETARG_INT64(6);
		request.seed = order.seed;
		request.given |= POINTS_GIVEN_SEED;
	}
	order.expires_at = PG_GETARG_TIMESTAMPTZ(7);
	order.reason = points_reason_argument(fcinfo, 8);
	program = PG_GETARG_INT64(9);

	core_enter(&scope);
	currency = points_currency(program, PG_GETARG_TEXT_PP(4));
	request.currency_id = currency->id;
	id = issue(currency, &request, &order);
	core_leave(&scope);
	PG_RETURN_INT64(id);
}
