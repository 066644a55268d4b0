/*-------------------------------------------------------------------------
 *
 * label_read.c
 *	  The label of a member.
 *
 * Labels of many members lie in one row, the members in order, so a label is
 * one probe of an index and a search in the row.  Rows are read directly, or
 * by SQL where the table is not as installed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/snapmgr.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/table.h"
#include "referral/label.h"

enum
{
	LABEL_PROGRAM, LABEL_FIRST, LABEL_MEMBERS, LABEL_POSITIONS, LABEL_SIZES,
	LABEL_COLUMNS
};

static const char *const label_columns[LABEL_COLUMNS] = {
	"program_id", "first_member", "members", "positions", "sizes"
};

static CoreTable label_table = {
	.name = "referral_label",
	.index = "referral_label_pkey",
	.use = CORE_TABLE_READ,
	.ncolumns = LABEL_COLUMNS,
	.columns = label_columns,
	.nkeys = 2,
	.keys = {LABEL_PROGRAM + 1, LABEL_FIRST + 1}
};

struct ReferralLabelReader
{
	int64		program;
	Snapshot	snapshot;
	CoreReader *reader;			/* NULL where SQL is needed */
};

/*
 * How far below a member the row with its label is likely to begin, by those
 * that were looked for before; 0 when nothing is known.  A member further
 * away costs a second look.
 */
static uint64 usual_reach = 0;

/* Is no SQL needed for the functions below? */
bool
referral_labels_are_direct(void)
{
	return core_table_is_usable(&label_table);
}

ReferralLabelReader *
referral_open_labels(int64 program, Snapshot snapshot)
{
	ReferralLabelReader *labels = palloc0_object(ReferralLabelReader);

	labels->program = program;
	labels->snapshot = snapshot;
	if (referral_labels_are_direct())
		labels->reader = core_table_begin_read(&label_table, snapshot,
											   CORE_READ_UP_TO);
	return labels;
}

void
referral_close_labels(ReferralLabelReader *labels)
{
	if (labels->reader != NULL)
		core_table_end_read(labels->reader);
	pfree(labels);
}

/* An array of the row; one that was moved out of line is a copy. */
static const void *
elements(Datum value, int *count)
{
	ArrayType  *array = DatumGetArrayTypeP(value);

	if (ARR_HASNULL(array))
		*count = -1;
	else
		*count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	return ARR_DATA_PTR(array);
}

static bool
find_in_row(const Datum *values, int64 member, int32 *position, int32 *size)
{
	int			count;
	int			npositions;
	int			nsizes;
	const int64 *members = elements(values[LABEL_MEMBERS], &count);
	const int32 *positions = elements(values[LABEL_POSITIONS], &npositions);
	const int32 *sizes = elements(values[LABEL_SIZES], &nsizes);
	int			low = 0;
	int			high = count;

	if (count < 0 || npositions != count || nsizes != count)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("row %lld of \"referral_label\" has arrays that do not fit each other",
						(long long) DatumGetInt64(values[LABEL_FIRST])),
				 errhint("Make all labels anew with community.relabel_referrals().")));
	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (members[middle] < member)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == count || members[low] != member)
		return false;
	*position = positions[low];
	*size = sizes[low];
	return true;
}

static bool
find_by_sql(const ReferralLabelReader *labels, int64 member, int32 *position,
			int32 *size)
{
	static CorePlan plan = {
		.sql = "SELECT program_id, first_member, members, positions, sizes"
		" FROM community.referral_label"
		" WHERE program_id = $1 AND first_member <= $2"
		" ORDER BY first_member DESC LIMIT 1",
		.nargs = 2,
		.argtypes = {INT8OID, INT8OID},
		.by_index = true
	};
	Datum		values[LABEL_COLUMNS];
	bool		isnull;
	bool		found;
	int			i;

	values[0] = Int64GetDatum(labels->program);
	values[1] = Int64GetDatum(member);
	PushActiveSnapshot(labels->snapshot);
	core_run(&plan, values, NULL, true);
	PopActiveSnapshot();
	found = SPI_processed > 0;
	for (i = 0; found && i < LABEL_COLUMNS; i++)
		values[i] = core_field(0, i + 1, &isnull);
	found = found && find_in_row(values, member, position, size);
	SPI_freetuptable(SPI_tuptable);
	return found;
}

/*
 * Note how far below a member the row began in which it was looked for, with
 * as much to spare.  One that was far below is forgotten by and by.
 */
static void
note_reach(int64 first, int64 member)
{
	uint64		distance = (uint64) member - (uint64) first;

	if (distance > PG_UINT64_MAX / 4)
		return;
	usual_reach = Max(usual_reach - usual_reach / 64, distance * 2 + 1);
}

static bool
seek_row(const ReferralLabelReader *labels, int64 member, int64 from,
		 const Datum **values)
{
	Datum		keys[2];
	const bool *nulls;

	keys[0] = Int64GetDatum(labels->program);
	keys[1] = Int64GetDatum(member);
	core_table_seek_from(labels->reader, keys, from);
	return core_table_next(labels->reader, values, &nulls);
}

/*
 * The label of a member, counted from the first; false when it has none.
 * SPI must be connected unless labels are direct.
 */
bool
referral_find_label(ReferralLabelReader *labels, int64 member,
					int32 *position, int32 *size)
{
	const Datum *values;
	int64		from = PG_INT64_MIN;

	if (labels->reader == NULL)
		return find_by_sql(labels, member, position, size);
	if (usual_reach > 0 &&
		(uint64) member - (uint64) PG_INT64_MIN > usual_reach)
		from = (int64) ((uint64) member - usual_reach);
	if (!seek_row(labels, member, from, &values) &&
		(from == PG_INT64_MIN ||
		 !seek_row(labels, member, PG_INT64_MIN, &values)))
		return false;
	note_reach(DatumGetInt64(values[LABEL_FIRST]), member);
	return find_in_row(values, member, position, size);
}
