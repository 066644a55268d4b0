/*-------------------------------------------------------------------------
 *
 * lock_order.c
 *	  Locking several accounts in one order.
 *
 * Credits wait for nobody, but to an account that owes points, or whose points
 * live by activity, they lock it.  Whoever credits several members one after
 * the other, in an order that follows from something else, would then wait
 * in a circle with whoever does so in another.  It sets a function that is
 * called before the first account is locked, and locks all of them in order
 * then.  So nobody looks who owes as long as nobody does.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"

#include "core/compat.h"
#include "core/core.h"
#include "points/ledger.h"

PointsLockHook points_lock_first = NULL;

static int
compare_places(const void *a, const void *b)
{
	const PointsPlace *x = (const PointsPlace *) a;
	const PointsPlace *y = (const PointsPlace *) b;

	if (x->member != y->member)
		return x->member < y->member ? -1 : 1;
	return x->currency_id < y->currency_id ? -1 :
		x->currency_id > y->currency_id;
}

/*
 * Of some accounts, some of which may be named twice, lock those that a credit
 * locks: in ascending order of members and currencies, as all do.  Sorts them.
 * Inside core_enter().
 */
void
points_lock_in_order(int64 program, PointsPlace *places, int count)
{
	int			i;

	qsort(places, count, sizeof(PointsPlace), compare_places);
	for (i = 0; i < count; i++)
	{
		const PointsCurrency *currency =
		points_currency_by_id(program, places[i].currency_id);

		bool		known;
		bool		closed;
		bool		owes;

		CHECK_FOR_INTERRUPTS();
		if (i > 0 && compare_places(&places[i], &places[i - 1]) == 0)
			continue;
		/* it may not be credited after all: no account is opened for that */
		owes = points_account_owes(currency, places[i].member, &known,
								   &closed);
		if (owes || (known && currency->inactive_after != NULL))
			(void) points_lock_account(currency, places[i].member);
	}
}

/*
 * The currencies in which a member has an account.  Inside core_enter().
 */
int64 *
points_currencies_of(int64 program, int64 member, int *count)
{
	static CorePlan plan = {
		.sql = "SELECT currency_id FROM community.account_fold"
		" WHERE program_id = $1 AND member_id = $2",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID},
		.by_index = true
	};
	Datum		values[2];
	int64	   *result;
	int			i;

	values[0] = Int64GetDatum(program);
	values[1] = Int64GetDatum(member);
	core_run(&plan, values, NULL, false);
	*count = (int) SPI_processed;
	result = palloc_array(int64, *count + 1);
	for (i = 0; i < *count; i++)
		result[i] = core_int64(i, 1);
	return result;
}
