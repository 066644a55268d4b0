/*-------------------------------------------------------------------------
 *
 * population.c
 *	  All active members of a program, to be looked at and left as they are.
 *
 * They come in batches, in the order of their ids, with all that is known of
 * them on one ladder but for what they did, see crowd.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/core.h"
#include "tier/gauge.h"

/* members that are looked at together */
#define BATCH			4000

struct TierPopulation
{
	Portal		portal;
};

/* columns of what is read */
enum
{
	PERSON_MEMBER = 1, PERSON_JOINED_AT, PERSON_RANK, PERSON_VERSION,
	PERSON_RULINGS, PERSON_RULED, PERSON_RULED_FROM, PERSON_RULED_UNTIL,
	PERSON_GRANTED, PERSON_GRANTED_RANKS
};

/* $1 program, $2 ladder, $3 newest version, $4 as_of */
static const char find_people[] =
"SELECT m.member_id, m.joined_at, s.rank::bigint, s.version_id,"
" r.kinds, r.tiers, r.froms, r.untils, t.tiers, t.ranks"
" FROM community.member AS m"
" LEFT JOIN (SELECT s.member_id, s.rank, s.version_id"
"  FROM community.standing AS s"
"  WHERE s.program_id = $1 AND s.ladder_id = $2 AND s.seen_id = $3"
"  AND s.as_of <= $4 AND s.due > $4 AND s.member_id NOT IN ("
"   SELECT o.member_id FROM community.standing_touch AS o"
"   WHERE o.program_id = $1)) AS s ON s.member_id = m.member_id"
" LEFT JOIN (SELECT r.member_id, array_agg(r.kind ORDER BY r.ruling_id) AS kinds,"
"   array_agg(coalesce(r.tier, '') ORDER BY r.ruling_id) AS tiers,"
"   array_agg(coalesce(lower(r.during), '-infinity') ORDER BY r.ruling_id) AS froms,"
"   array_agg(coalesce(upper(r.during), 'infinity') ORDER BY r.ruling_id) AS untils"
"  FROM community.tier_ruling AS r"
"  WHERE r.program_id = $1 AND r.ladder_id = $2 AND r.superseded_at IS NULL"
"  GROUP BY r.member_id) AS r ON r.member_id = m.member_id"
" LEFT JOIN (SELECT t.member_id, array_agg(t.tier ORDER BY t.tenure_id) AS tiers,"
"   array_agg(t.rank::bigint ORDER BY t.tenure_id) AS ranks"
"  FROM community.tenure AS t"
"  WHERE t.program_id = $1 AND t.ladder_id = $2 AND t.superseded_at IS NULL"
"  AND t.source NOT IN ('qualified', 'grace') AND t.during @> $4"
"  GROUP BY t.member_id) AS t ON t.member_id = m.member_id"
" WHERE m.program_id = $1 AND m.status = 'active' AND m.joined_at <= $4"
" ORDER BY m.member_id";

/*
 * Begin with the first.  Standings that hold at a time are told, those that
 * saw another version than the newest do not.  As the snapshot sees it that
 * is active.
 */
TierPopulation *
tier_population_open(const TierLadders *ladders, int64 ladder_id,
					 int64 newest, TimestampTz as_of)
{
	TierPopulation *population = palloc0_object(TierPopulation);
	Oid			types[4] = {INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID};
	Datum		values[4];

	values[0] = Int64GetDatum(ladders->program);
	values[1] = Int64GetDatum(ladder_id);
	values[2] = Int64GetDatum(newest);
	values[3] = TimestampTzGetDatum(as_of);
	population->portal = SPI_cursor_open_with_args(NULL, find_people, 4,
												   types, values, NULL, true,
												   0);
	return population;
}

/* The elements of an array, none of them null; gives how many. */
static int
elements(int row, int column, Oid type, Datum **values)
{
	bool		isnull;
	Datum		array = core_field(row, column, &isnull);
	int			count = 0;

	*values = NULL;
	if (isnull)
		return 0;
	if (type == TEXTOID)
		deconstruct_array(DatumGetArrayTypeP(array), type, -1, false,
						  TYPALIGN_INT, values, NULL, &count);
	else
		deconstruct_array(DatumGetArrayTypeP(array), type, 8,
						  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, values, NULL,
						  &count);
	return count;
}

static void
read_rulings(int row, TierPerson *person)
{
	Datum	   *kinds;
	Datum	   *tiers;
	Datum	   *froms;
	Datum	   *untils;
	int			i;

	person->nrulings = elements(row, PERSON_RULINGS, TEXTOID, &kinds);
	if (person->nrulings == 0)
		return;
	(void) elements(row, PERSON_RULED, TEXTOID, &tiers);
	(void) elements(row, PERSON_RULED_FROM, TIMESTAMPTZOID, &froms);
	(void) elements(row, PERSON_RULED_UNTIL, TIMESTAMPTZOID, &untils);
	person->rulings = palloc_array(TierRuling, person->nrulings);
	for (i = 0; i < person->nrulings; i++)
	{
		TierRuling *ruling = &person->rulings[i];
		char	   *kind = TextDatumGetCString(kinds[i]);

		ruling->kind = strcmp(kind, "lock") == 0 ? TIER_LOCK :
			strcmp(kind, "veto") == 0 ? TIER_VETO : TIER_INVITATION;
		ruling->tier = TextDatumGetCString(tiers[i]);
		ruling->from = DatumGetTimestampTz(froms[i]);
		ruling->until = DatumGetTimestampTz(untils[i]);
	}
}

static void
read_grants(int row, TierPerson *person)
{
	Datum	   *tiers;
	Datum	   *ranks;
	int			i;

	person->ngrants = elements(row, PERSON_GRANTED, TEXTOID, &tiers);
	if (person->ngrants == 0)
		return;
	(void) elements(row, PERSON_GRANTED_RANKS, INT8OID, &ranks);
	person->granted = palloc_array(char *, person->ngrants);
	person->granted_ranks = palloc_array(int, person->ngrants);
	for (i = 0; i < person->ngrants; i++)
	{
		person->granted[i] = TextDatumGetCString(tiers[i]);
		person->granted_ranks[i] = (int) DatumGetInt64(ranks[i]);
	}
}

/* The next ones, in the present memory context; 0 when there are no more. */
int
tier_population_next(TierPopulation *population, TierPerson **people)
{
	MemoryContext context = CurrentMemoryContext;
	int			count;
	int			i;

	CHECK_FOR_INTERRUPTS();
	SPI_cursor_fetch(population->portal, true, BATCH);
	MemoryContextSwitchTo(context);
	count = (int) SPI_processed;
	*people = palloc0_array(TierPerson, count + 1);
	for (i = 0; i < count; i++)
	{
		TierPerson *person = &(*people)[i];
		bool		isnull;

		person->member = core_int64(i, PERSON_MEMBER);
		person->joined_at =
			DatumGetTimestampTz(core_field(i, PERSON_JOINED_AT, &isnull));
		person->rank = (int) DatumGetInt64(core_field(i, PERSON_RANK,
													  &isnull));
		person->has_standing = !isnull;
		if (!isnull)
			person->version = core_int64(i, PERSON_VERSION);
		read_rulings(i, person);
		read_grants(i, person);
	}
	SPI_freetuptable(SPI_tuptable);
	return count;
}

void
tier_population_close(TierPopulation *population)
{
	SPI_cursor_close(population->portal);
	pfree(population);
}

/* Walk all of a batch on a ladder, from the beginning until a time. */
TierWork *
tier_population_walk(const TierLadders *ladders,
					 const TierProgramLadder *ladder,
					 const TierPerson *people, int count, TimestampTz as_of,
					 TierCrowd *crowd)
{
	TierWork   *work = palloc0_array(TierWork, count + 1);
	int			i;

	for (i = 0; i < count; i++)
	{
		work[i].member = people[i].member;
		work[i].joined_at = people[i].joined_at;
		work[i].algo = tier_anchored(ladders, ladder, people[i].joined_at);
		tier_start(&work[i].run, &work[i].algo, people[i].joined_at);
		work[i].run.nrulings = people[i].nrulings;
		work[i].run.rulings = people[i].rulings;
	}
	tier_make_changes(ladders, ladder, work, count, as_of, 0, crowd);
	for (i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		tier_run(&work[i].run, work[i].changes, work[i].nchanges, as_of);
	}
	return work;
}
