/*-------------------------------------------------------------------------
 *
 * what_if.c
 *	  what_if(): all members under the draft of a ladder, beside today.
 *
 * Nothing is written.  Where a standing holds it says what is; everything
 * else is worked out from what happened, as publishing the draft would do.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "tier/config.h"
#include "tier/what_if.h"

PG_FUNCTION_INFO_V1(community_what_if);

/* Members who go from one tier to another, or stay. */
typedef struct Move
{
	char	   *from;			/* NULL for none */
	char	   *to;
	int			from_rank;
	int			to_rank;
	int64		members;
	int64		parked;
	int64		points;
	TierCost	benefits;
} Move;

typedef struct Trial
{
	const TierLadders *ladders;
	const TierProgramLadder *today; /* NULL when it is not published */
	TierProgramLadder *draft;
	TimestampTz as_of;
	bool		counts_points;
	TierMeter	earned;			/* points of a year */
	TierCosting costing;		/* of the same time */
	TierRung	parked;			/* the top, at twice its price */
	TierCrowd  *crowd;
	MemoryContext context;		/* of the moves */
	int			nmoves;
	int			maxmoves;
	Move	   *moves;
} Trial;

/* ----- the draft ----- */

/* The draft of a ladder, which must be one that could be published. */
static Datum
take_definition(int64 program, Datum name)
{
	static CorePlan define = {
		.sql = "SELECT community.ladder_definition($1, $2)",
		.nargs = 2,
		.argtypes = {TEXTOID, INT8OID}
	};
	static CorePlan check = {
		.sql = "SELECT fault, hint FROM community.definition_faults($1, $2)"
		" WHERE severity = 'error' LIMIT 1",
		.nargs = 2,
		.argtypes = {JSONBOID, INT8OID}
	};
	Datum		values[2];
	Datum		definition;
	bool		isnull;

	values[0] = name;
	values[1] = Int64GetDatum(program);
	core_run(&define, values, NULL, true);
	definition = core_field(0, 1, &isnull);
	values[0] = definition;
	core_run(&check, values, NULL, true);
	if (SPI_processed > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s", core_text(0, 1)),
				 errhint("%s", core_text(0, 2))));
	return definition;
}

static const TierProgramLadder *
find_published(const TierLadders *ladders, int64 id)
{
	int			i;

	for (i = 0; i < ladders->count; i++)
		if (ladders->ladders[i].id == id)
			return &ladders->ladders[i];
	return NULL;
}

/* The number that a gauge of the draft has in both ladders together. */
static int
share_gauge(TierProgramLadder *both, const TierProgramLadder *draft, int gauge)
{
	const TierMeter *meter = &draft->meters[gauge];
	int			i;

	for (i = 0; i < both->algo.ngauges; i++)
		if (both->meters[i].measure_id == meter->measure_id &&
			memcmp(&both->meters[i].period, &meter->period,
				   sizeof(Period)) == 0)
		{
			both->algo.gauges[i].capped |= draft->algo.gauges[gauge].capped;
			return i;
		}
	both->meters[i] = *meter;
	both->algo.gauges[i] = draft->algo.gauges[gauge];
	both->algo.ngauges++;
	return i;
}

/* What is published, and the draft from a time on. */
static TierProgramLadder *
succeed(const TierProgramLadder *published, TierProgramLadder *draft,
		TimestampTz from)
{
	TierProgramLadder *both = palloc_object(TierProgramLadder);
	const TierLadder *old = &published->algo;
	TierVersion *version = &draft->algo.versions[0];
	TimestampTz newest = old->versions[old->nversions - 1].from;
	int			most = old->ngauges + draft->algo.ngauges;
	int			i;
	int			j;

	if (from <= newest)
	{
		char	   *wanted = pstrdup(timestamptz_to_str(from));

		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("version of ladder \"%s\" from %s would not follow the newest version, which is in force from %s",
						draft->name, wanted, timestamptz_to_str(newest)),
				 errhint("Give a later effective_from, or -infinity to judge everything by the draft.")));
	}
	*both = *published;
	both->algo.versions = palloc_array(TierVersion, old->nversions + 1);
	memcpy(both->algo.versions, old->versions,
		   sizeof(TierVersion) * old->nversions);
	both->algo.versions[old->nversions - 1].until = from;
	both->algo.versions[both->algo.nversions++] = *version;
	both->meters = palloc_array(TierMeter, most + 1);
	memcpy(both->meters, published->meters, sizeof(TierMeter) * old->ngauges);
	both->algo.gauges = palloc_array(TierGauge, most + 1);
	memcpy(both->algo.gauges, old->gauges, sizeof(TierGauge) * old->ngauges);
	for (i = 0; i < version->nrungs; i++)
		for (j = 0; j < version->rungs[i].nrequirements; j++)
		{
			TierRequirement *r = &version->rungs[i].requirements[j];

			r->gauge = share_gauge(both, draft, r->gauge);
		}
	return both;
}

/* The highest tier that is open, asking for twice as much. */
static void
find_parking(Trial *trial)
{
	const TierLadder *algo = &trial->draft->algo;
	const TierVersion *version = &algo->versions[algo->nversions - 1];
	int			rank = version->nrungs;
	const TierRung *top;
	int			i;

	while (rank > 0 &&
		   version->rungs[rank - 1].entry == TIER_NOT_BY_QUALIFYING)
		rank--;
	if (rank == 0)
		return;
	top = &version->rungs[rank - 1];
	trial->parked = *top;
	trial->parked.requirements = palloc_array(TierRequirement,
											  top->nrequirements + 1);
	for (i = 0; i < top->nrequirements; i++)
	{
		TierRequirement *r = &trial->parked.requirements[i];

		*r = top->requirements[i];
		if (r->at_most)
			continue;
		r->attain *= 2;
		r->attain_score *= 2;
	}
}

/* The currency whose points are told; a program may have none at all. */
static void
find_currency(Trial *trial, Datum code)
{
	static CorePlan plan = {
		.sql = "SELECT c.currency_id, c.code = $2 FROM community.currency AS c"
		" WHERE c.program_id = $1 ORDER BY c.code <> $2 LIMIT 1",
		.nargs = 2,
		.argtypes = {INT8OID, TEXTOID}
	};
	Interval	year = {0, 0, -12};
	Datum		values[2];

	values[0] = Int64GetDatum(trial->ladders->program);
	values[1] = code;
	core_run(&plan, values, NULL, true);
	if (SPI_processed == 0)
		return;
	if (!core_bool(0, 2))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("currency \"%s\" of program \"%s\" does not exist",
						TextDatumGetCString(code),
						core_program_name(trial->ladders->program)),
				 errhint("Currencies are the rows of community.currency.")));
	trial->counts_points = true;
	trial->earned.kind = TIER_POINTS;
	trial->earned.name = "points";
	trial->earned.currency_id = core_int64(0, 1);
	trial->costing.ladders = trial->ladders;
	trial->costing.as_of = trial->as_of;
	trial->costing.from = period_add_interval(trial->as_of, &year,
											  trial->ladders->zone);
	tier_costing_begin(&trial->costing, trial->draft->id,
					   trial->earned.currency_id);
}

/* ----- counting ----- */

/* Where somebody stands, over all sources. */
typedef struct Place
{
	const char *tier;
	int			rank;
} Place;

static const TierVersion *
version_at(const TierProgramLadder *ladder, TimestampTz at)
{
	int			i;

	for (i = ladder->algo.nversions - 1; i >= 0; i--)
		if (ladder->algo.versions[i].from <= at)
			return &ladder->algo.versions[i];
	return NULL;
}

/* The rank of a granted tier, which may have been another one by then. */
static int
rank_of(const TierVersion *version, const char *tier, int rank)
{
	int			i;

	if (version != NULL)
		for (i = 0; i < version->nrungs; i++)
			if (strcmp(version->rungs[i].name, tier) == 0)
				return i + 1;
	return rank;
}

static Place
place_of(const TierProgramLadder *ladder, const TierPerson *person,
		 const TierVersion *version, int rank, TimestampTz as_of)
{
	Place		place = {NULL, 0};
	int			i;

	if (rank > 0)
	{
		place.tier = version->rungs[rank - 1].name;
		place.rank = rank;
	}
	for (i = 0; i < person->ngrants; i++)
	{
		int			granted = rank_of(ladder == NULL ? NULL :
									  version_at(ladder, as_of),
									  person->granted[i],
									  person->granted_ranks[i]);

		if (granted <= place.rank)
			continue;
		place.tier = person->granted[i];
		place.rank = granted;
	}
	return place;
}

static const TierVersion *
version_by_id(const TierProgramLadder *ladder, int64 id)
{
	int			i;

	for (i = 0; i < ladder->algo.nversions; i++)
		if (ladder->algo.versions[i].id == id)
			return &ladder->algo.versions[i];
	return NULL;
}

static bool
same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static Move *
find_move(Trial *trial, const Place *from, const Place *to)
{
	MemoryContext old;
	Move	   *move;
	int			i;

	for (i = 0; i < trial->nmoves; i++)
	{
		move = &trial->moves[i];
		if (move->from_rank == from->rank && move->to_rank == to->rank &&
			same_text(move->from, from->tier) && same_text(move->to, to->tier))
			return move;
	}
	old = MemoryContextSwitchTo(trial->context);
	if (trial->nmoves == trial->maxmoves)
	{
		trial->maxmoves = Max(16, trial->maxmoves * 2);
		trial->moves = trial->moves == NULL ?
			palloc_array(Move, trial->maxmoves) :
			repalloc(trial->moves, sizeof(Move) * trial->maxmoves);
	}
	move = &trial->moves[trial->nmoves++];
	memset(move, 0, sizeof(Move));
	move->from_rank = from->rank;
	move->to_rank = to->rank;
	move->from = from->tier == NULL ? NULL : pstrdup(from->tier);
	move->to = to->tier == NULL ? NULL : pstrdup(to->tier);
	MemoryContextSwitchTo(old);
	return move;
}

/* What a member earned, and what benefits cost. */
static void
add_points(const Trial *trial, int64 member, const TierWork *now,
		   const TierWork *then, Move *move)
{
	const TierItem *items;
	TierCost	cost;
	int			count;
	int			i;

	if (!trial->counts_points)
		return;
	items = tier_crowd_items(trial->crowd, &trial->earned, member, &count);
	for (i = 0; i < count; i++)
		if (items[i].at > trial->costing.from)
			tier_add_points(&move->points, items[i].amount);
	if (tier_costing_is_free(&trial->costing))
		return;
	cost = tier_cost_of(&trial->costing, now, then, items, count);
	tier_add_points(&move->benefits.now, cost.now);
	tier_add_points(&move->benefits.then, cost.then);
}

static Place
place_walked_to(const Trial *trial, const TierProgramLadder *ladder,
				const TierPerson *person, const TierWork *work)
{
	const TierState *state = &work->run.state;

	return place_of(ladder, person, state->version < 0 ? NULL :
					&work->algo.versions[state->version], state->rank,
					trial->as_of);
}

static void
count_person(Trial *trial, const TierPerson *person, const Place *from,
			 const TierWork *now, const TierWork *then)
{
	const TierState *state = &then->run.state;
	Place		to = place_walked_to(trial, trial->draft, person, then);
	Move	   *move = find_move(trial, from, &to);

	move->members++;
	if (trial->parked.nrequirements > 0 && to.tier != NULL &&
		strcmp(to.tier, trial->parked.name) == 0 &&
		tier_meets(&then->algo, state, &trial->parked, false, trial->as_of))
		move->parked++;
	add_points(trial, person->member, now, then, move);
}

static TierWork *
walk(const Trial *trial, const TierProgramLadder *ladder,
	 const TierPerson *people, int count)
{
	return tier_population_walk(trial->ladders, ladder, people, count,
								trial->as_of, trial->crowd);
}

/*
 * What all of a batch hold now; without a standing that is found out.  "walked"
 * has all of them worked out, or is NULL.
 */
static Place *
places_today(const Trial *trial, const TierPerson *people, int count,
			 const TierWork *walked)
{
	Place	   *places = palloc_array(Place, count + 1);
	TierPerson *unknown = palloc_array(TierPerson, count + 1);
	int		   *which = palloc_array(int, count + 1);
	TierWork   *work;
	int			n = 0;
	int			i;

	for (i = 0; i < count; i++)
	{
		const TierVersion *version = trial->today == NULL ? NULL :
		version_by_id(trial->today, people[i].version);

		if (walked != NULL)
			places[i] = place_walked_to(trial, trial->today, &people[i],
										&walked[i]);
		else if (trial->today == NULL ||
				 (people[i].has_standing &&
				  (version != NULL || people[i].rank == 0)))
			places[i] = place_of(trial->today, &people[i], version,
								 people[i].rank, trial->as_of);
		else
		{
			which[n] = i;
			unknown[n++] = people[i];
		}
	}
	if (n == 0)
		return places;
	work = walk(trial, trial->today, unknown, n);
	for (i = 0; i < n; i++)
		places[which[i]] = place_walked_to(trial, trial->today, &unknown[i],
										   &work[i]);
	return places;
}

static void
count_all(Trial *trial)
{
	TierPopulation *population;
	MemoryContext batch;
	MemoryContext old;
	TierPerson *people;
	int			count;
	int			i;

	trial->crowd = tier_crowd_begin(trial->ladders);
	tier_crowd_add_ladder(trial->crowd, trial->draft);
	if (trial->today != NULL)
		tier_crowd_add_ladder(trial->crowd, trial->today);
	if (trial->counts_points)
		tier_crowd_add(trial->crowd, &trial->earned, trial->costing.from);
	tier_crowd_open(trial->crowd, trial->as_of);
	population = tier_population_open(trial->ladders, trial->draft->id,
									  trial->today == NULL ? 0 :
									  trial->today->newest, trial->as_of);
	batch = AllocSetContextCreate(CurrentMemoryContext, "community members",
								  ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(batch);
	while ((count = tier_population_next(population, &people)) > 0)
	{
		Place	   *today;
		TierWork   *now = NULL;
		TierWork   *then;

		tier_crowd_advance(trial->crowd, people[count - 1].member);
		/* what benefits cost, no standing can tell */
		if (trial->today != NULL && !tier_costing_is_free(&trial->costing))
			now = walk(trial, trial->today, people, count);
		today = places_today(trial, people, count, now);
		then = walk(trial, trial->draft, people, count);
		for (i = 0; i < count; i++)
			count_person(trial, &people[i], &today[i],
						 now == NULL ? NULL : &now[i], &then[i]);
		MemoryContextReset(batch);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(batch);
	tier_population_close(population);
	tier_crowd_end(trial->crowd);
}

/* ----- what_if() ----- */

static int
compare_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? (b == NULL) - (a == NULL) : strcmp(a, b);
}

static int
compare_moves(const void *a, const void *b)
{
	const Move *x = (const Move *) a;
	const Move *y = (const Move *) b;

	if (x->from_rank != y->from_rank)
		return x->from_rank - y->from_rank;
	if (x->to_rank != y->to_rank)
		return x->to_rank - y->to_rank;
	return compare_text(x->from, y->from) != 0 ?
		compare_text(x->from, y->from) : compare_text(x->to, y->to);
}

static void
tell_moves(Trial *trial, FunctionCallInfo fcinfo)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int			i;

	if (trial->nmoves > 0)
		qsort(trial->moves, trial->nmoves, sizeof(Move), compare_moves);
	for (i = 0; i < trial->nmoves; i++)
	{
		const Move *move = &trial->moves[i];
		Datum		values[9] = {0};
		bool		nulls[9] = {false};

		nulls[0] = nulls[1] = move->from == NULL;
		if (move->from != NULL)
			values[0] = CStringGetTextDatum(move->from);
		values[1] = Int32GetDatum(move->from_rank);
		nulls[2] = nulls[3] = move->to == NULL;
		if (move->to != NULL)
			values[2] = CStringGetTextDatum(move->to);
		values[3] = Int32GetDatum(move->to_rank);
		values[4] = Int64GetDatum(move->members);
		values[5] = Int64GetDatum(move->parked);
		values[6] = Int64GetDatum(move->points);
		values[7] = Int64GetDatum(move->benefits.now);
		values[8] = Int64GetDatum(move->benefits.then);
		nulls[6] = nulls[7] = nulls[8] = !trial->counts_points;
		tuplestore_putvalues(result->setResult, result->setDesc, values,
							 nulls);
	}
}

static void
check_times(TimestampTz as_of, TimestampTz from)
{
	if (TIMESTAMP_NOT_FINITE(as_of))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("as_of of what_if() must not be %s",
						timestamptz_to_str(as_of))));
	if (from > as_of)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("effective_from %s of what_if() is after as_of, which is %s",
						pstrdup(timestamptz_to_str(from)),
						pstrdup(timestamptz_to_str(as_of))),
				 errdetail("The draft would have moved nobody by then."),
				 errhint("Give a later as_of; it may be in the future.")));
}

/* what_if(ladder, as_of, effective_from, currency, program) -> set of moves */
Datum
community_what_if(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"ladder", "as_of", "effective_from",
	"currency", "program"};
	Trial		trial = {0};
	CoreScope	scope;
	TimestampTz from;
	Datum		definition;
	int64		id;

	core_refuse_nulls(fcinfo, "what_if", names, 0);
	trial.as_of = PG_GETARG_TIMESTAMPTZ(1);
	from = PG_GETARG_TIMESTAMPTZ(2);
	check_times(trial.as_of, from);
	(void) core_begin_rows(fcinfo, NULL);

	core_enter(&scope);
	trial.context = CurrentMemoryContext;
	trial.ladders = tier_ladders(PG_GETARG_INT64(4));
	definition = take_definition(trial.ladders->program, PG_GETARG_DATUM(0));
	id = tier_config_ladder(trial.ladders->program, PG_GETARG_DATUM(0));
	trial.today = find_published(trial.ladders, id);
	trial.draft = tier_read_definition(trial.ladders, id, from, definition);
	if (trial.today != NULL && !TIMESTAMP_IS_NOBEGIN(from))
		trial.draft = succeed(trial.today, trial.draft, from);
	find_parking(&trial);
	find_currency(&trial, PG_GETARG_DATUM(3));
	count_all(&trial);
	tell_moves(&trial, fcinfo);
	core_leave(&scope);
	return (Datum) 0;
}
