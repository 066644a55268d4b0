/*-------------------------------------------------------------------------
 *
 * label_read.c
 *	  The label of a member.
 *
 * Labels of many members lie in one row, the members in order, so a label is
 * one probe of an index and a search in the row.  Rows are read directly;
 * where the table is not as installed, whoever asks does without labels.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/array.h"

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
	CoreReader *reader;
};

/* May the functions below be called? */
bool
referral_labels_are_direct(void)
{
	return core_table_is_usable(&label_table);
}

ReferralLabelReader *
referral_open_labels(int64 program, Snapshot snapshot)
{
	ReferralLabelReader *labels = palloc_object(ReferralLabelReader);

	labels->program = program;
	labels->reader = core_table_begin_read(&label_table, snapshot,
										   CORE_READ_UP_TO);
	return labels;
}

void
referral_close_labels(ReferralLabelReader *labels)
{
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

/* The label of a member, counted from the first; false when it has none. */
bool
referral_find_label(ReferralLabelReader *labels, int64 member,
					int32 *position, int32 *size)
{
	Datum		keys[2];
	const Datum *values;
	const bool *nulls;

	keys[0] = Int64GetDatum(labels->program);
	keys[1] = Int64GetDatum(member);
	core_table_seek(labels->reader, keys);
	if (!core_table_next(labels->reader, &values, &nulls))
		return false;
	return find_in_row(values, member, position, size);
}
