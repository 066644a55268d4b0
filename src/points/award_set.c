/*-------------------------------------------------------------------------
 *
 * award_set.c
 *	  What a set of events earns.
 *
 * The events come in the order of their recipients, and for each recipient in
 * the order in which they were recorded.  They go through the same rules and
 * caps as single ones, so the books are the same; only the writing is done for
 * many together.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "points/rules.h"

/* columns of the events that are read */
enum
{
	EVENT_RECIPIENT, EVENT_TO_TARGET, EVENT_ID, EVENT_MEMBER, EVENT_TARGET,
	EVENT_TYPE, EVENT_AMOUNT, EVENT_OCCURRED_AT, EVENT_PAYLOAD, EVENT_COLUMNS
};

/* An account whose credits must lock it: a member and a currency. */
typedef struct LockedAccount
{
	int64		member;
	int64		currency_id;
} LockedAccount;

/* so many events are looked at together */
#define EVENT_BATCH		1000

/* The work on one set. */
typedef struct AwardWork
{
	int64		program;
	const PointsRules *rules;
	TimestampTz now;
	PointsAppender *appender;
	PointsCapBook *caps;
	MemoryContext context;		/* for a batch of events */
	int			ndebtors;
	LockedAccount *debtors;		/* sorted */
} AwardWork;

static int
compare_accounts(const void *a, const void *b)
{
	const LockedAccount *x = (const LockedAccount *) a;
	const LockedAccount *y = (const LockedAccount *) b;

	if (x->member != y->member)
		return x->member < y->member ? -1 : 1;
	return x->currency_id < y->currency_id ? -1 :
		x->currency_id > y->currency_id;
}

/* Accounts that owe points now; they are few. */
static void
read_debtors(AwardWork *work)
{
	static CorePlan plan = {
		.sql = "SELECT member_id, currency_id FROM community.account_fold"
		" WHERE program_id = $1 AND deficit > 0",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	Datum		values[1];
	int			i;

	values[0] = Int64GetDatum(work->program);
	core_run(&plan, values, NULL, false);
	work->ndebtors = SPI_processed;
	work->debtors = palloc_array(LockedAccount, SPI_processed + 1);
	for (i = 0; i < work->ndebtors; i++)
	{
		work->debtors[i].member = core_int64(i, 1);
		work->debtors[i].currency_id = core_int64(i, 2);
	}
	qsort(work->debtors, work->ndebtors, sizeof(LockedAccount),
		  compare_accounts);
}

static bool
must_lock(const AwardWork *work, const PointsGrant *grant)
{
	LockedAccount key = {grant->member, grant->currency->id};

	return grant->currency->inactive_after != NULL ||
		(work->ndebtors > 0 &&
		 bsearch(&key, work->debtors, work->ndebtors,
				 sizeof(LockedAccount), compare_accounts) != NULL);
}

/* Write the entry of a grant, with others or, where it must lock, alone. */
static void
append(AwardWork *work, const PointsEvent *event,
	   const PointsGrant *grant)
{
	PointsEntry entry;

	points_grant_entry(event, grant, &entry);
	if (must_lock(work, grant))
	{
		/* which reads what there is, so all must be there */
		if (work->appender != NULL)
			points_end_append(work->appender);
		work->appender = NULL;
		points_append_grant(&entry);
		return;
	}
	entry.posted = false;
	entry.recorded_at = work->now;
	entry.effective_at = Min(entry.effective_at, work->now);
	if (work->appender == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(work->context->parent);

		work->appender = points_begin_append();
		MemoryContextSwitchTo(old);
	}
	points_append_next(work->appender, &entry);
}

static void
read_event(int64 program, const Datum *values, const bool *nulls,
		   PointsEvent *event)
{
	event->program = program;
	event->event_id = DatumGetInt64(values[EVENT_ID]);
	event->member = DatumGetInt64(values[EVENT_MEMBER]);
	event->has_target = !nulls[EVENT_TARGET];
	event->target = event->has_target ?
		DatumGetInt64(values[EVENT_TARGET]) : 0;
	event->type = values[EVENT_TYPE];
	event->amount = DatumGetInt64(values[EVENT_AMOUNT]);
	event->occurred_at = DatumGetTimestampTz(values[EVENT_OCCURRED_AT]);
	event->payload = values[EVENT_PAYLOAD];
}

/* What one recipient of an event gets. */
static void
award_one(AwardWork *work, HeapTuple tuple, TupleDesc desc)
{
	Datum		values[EVENT_COLUMNS];
	bool		nulls[EVENT_COLUMNS];
	PointsEvent event;
	PointsGrant *grants;
	int			count;
	int			i;

	heap_deform_tuple(tuple, desc, values, nulls);
	read_event(work->program, values, nulls, &event);
	grants = points_grants(work->rules, &event,
						   DatumGetBool(values[EVENT_TO_TARGET]) ?
						   POINTS_TARGET : POINTS_OWN, &count);
	for (i = 0; i < count; i++)
	{
		points_apply_caps(work->caps, &event, &grants[i]);
		append(work, &event, &grants[i]);
	}
}

static bool
any_to_target(const PointsRules *rules)
{
	int			i;

	for (i = 0; i < rules->nrules; i++)
		if (rules->rules[i].to_target)
			return true;
	return false;
}

#define EVENTS(recipient, to_target) \
	"SELECT " recipient " AS recipient, " to_target " AS to_target," \
	" r.event_id, r.member_id, r.target_id, r.type, r.amount, r.at," \
	" r.payload FROM recorded AS r WHERE r.is_new"

/* What the new events of the set earn. */
static void
award_new(int64 program, const PointsRules *rules, bool keep)
{
	static CorePlan own = {
		.sql = EVENTS("r.member_id", "false") " ORDER BY recipient, event_id"
	};
	static CorePlan both = {
		.sql = EVENTS("r.member_id", "false") " UNION ALL "
		EVENTS("r.target_id", "true") " AND r.target_id IS NOT NULL"
		" ORDER BY recipient, event_id, to_target"
	};
	AwardWork	work = {.program = program,.rules = rules};
	MemoryContext caller = CurrentMemoryContext;
	Portal		portal;

	work.now = GetCurrentTimestamp();
	work.context = AllocSetContextCreate(caller, "community award",
										 ALLOCSET_DEFAULT_SIZES);
	work.caps = points_open_caps(rules);
	read_debtors(&work);
	/* ids are drawn after this, those of the events were before */
	points_announce_ids(0);
	portal = core_open_cursor(any_to_target(rules) ? &both : &own, NULL,
							  keep);
	for (;;)
	{
		SPITupleTable *found;
		uint64		count;
		uint64		i;

		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, EVENT_BATCH);
		found = SPI_tuptable;
		count = SPI_processed;
		MemoryContextSwitchTo(work.context);
		for (i = 0; i < count; i++)
			award_one(&work, found->vals[i], found->tupdesc);
		MemoryContextSwitchTo(caller);
		MemoryContextReset(work.context);
		SPI_freetuptable(found);
		if (count < EVENT_BATCH)
			break;
	}
	SPI_cursor_close(portal);
	points_close_caps(work.caps);
	if (work.appender != NULL)
		points_end_append(work.appender);
	MemoryContextDelete(work.context);
}

/* What corrections in the set do to the points of what they correct. */
static void
correct_old(int64 program)
{
	static CorePlan plan = {
		.sql = "SELECT r.event_id FROM recorded AS r WHERE NOT r.is_new"
		" ORDER BY r.member_id, r.event_id"
	};
	SPITupleTable *found;
	uint64		count;
	uint64		i;

	core_run(&plan, NULL, NULL, false);
	found = SPI_tuptable;
	count = SPI_processed;
	for (i = 0; i < count; i++)
	{
		bool		isnull;

		CHECK_FOR_INTERRUPTS();
		points_correct(program,
					   DatumGetInt64(SPI_getbinval(found->vals[i],
												   found->tupdesc, 1,
												   &isnull)));
	}
}

/*
 * Do for the set "recorded" (event_id, member_id, engagement, at, is_new, type,
 * amount, target_id, payload) what recording its events one by one would have
 * done for points.  Inside core_enter().
 */
void
points_award_recorded(int64 program, bool keep)
{
	const PointsRules *rules = points_rules(program);

	if (rules->nrules == 0)
		return;
	/* what is taken back makes no room under caps, so the order is free */
	correct_old(program);
	award_new(program, rules, keep);
}
