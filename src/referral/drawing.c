/*-------------------------------------------------------------------------
 *
 * drawing.c
 *	  A member's tree, drawn as text, for Graphviz or for Mermaid.
 *
 * What a drawing says of a member holds for everybody below it, drawn or
 * not, so the whole downline is read once.  That takes 56 bytes a member.
 * Names and tiers are looked up for those that are drawn alone.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "core/compat.h"
#include "core/core.h"
#include "core/errors.h"
#include "referral/drawing.h"
#include "referral/reading.h"

PG_FUNCTION_INFO_V1(community_referral_tree);
PG_FUNCTION_INFO_V1(community_referral_graph);

/* so many members are asked about at once */
#define MEMBERS_A_QUERY		10000
#define LINES_A_QUERY		1000

/* What is to be drawn. */
typedef struct Subject
{
	int64		program;
	int64		member;
	int32		depth;
	int64		width;			/* PG_INT64_MAX for any */
	Datum		ladder;
	bool		has_ladder;
	bool		has_as_of;
	TimestampTz as_of;			/* for volumes and tiers: now unless given */

	ReferralNode *nodes;
	int64		count;
	int64		size;
	int32		levels;
	ReferralPen pen;

	/* where it goes */
	ReturnSetInfo *rows;
	StringInfoData graph;
} Subject;

/* ----- arguments ----- */

static int32
depth_argument(FunctionCallInfo fcinfo, int n, const char *function)
{
	int32		depth = PG_GETARG_INT32(n);

	if (depth < 0 || depth > REFERRAL_DRAWN_LEVELS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument depth of %s() must be between 0 and %d, it is %d",
						function, REFERRAL_DRAWN_LEVELS, depth),
				 errhint("community.downline() lists any number of levels.")));
	return depth;
}

static int64
width_argument(FunctionCallInfo fcinfo, int n, const char *function)
{
	if (PG_ARGISNULL(n))
		return PG_INT64_MAX;
	if (PG_GETARG_INT32(n) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument width of %s() must be positive, it is %d",
						function, PG_GETARG_INT32(n)),
				 errhint("Give null to draw everybody.")));
	return PG_GETARG_INT32(n);
}

/* Box characters, when the database and the client can have them. */
static bool
charset_argument(FunctionCallInfo fcinfo, int n)
{
	bool		possible = GetDatabaseEncoding() == PG_UTF8;
	char	   *charset;

	if (PG_ARGISNULL(n))
		return possible && pg_get_client_encoding() == PG_UTF8;
	charset = text_to_cstring(PG_GETARG_TEXT_PP(n));
	if (pg_strcasecmp(charset, "ascii") == 0)
		return false;
	if (pg_strcasecmp(charset, "utf8") != 0 &&
		pg_strcasecmp(charset, "utf-8") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument charset of referral_tree() must be utf8 or ascii, it is \"%s\"",
						charset)));
	if (!possible)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("referral_tree() cannot draw in utf8: the encoding of the database is %s",
						GetDatabaseEncodingName())));
	return true;
}

static bool
format_argument(FunctionCallInfo fcinfo, int n)
{
	char	   *format = text_to_cstring(PG_GETARG_TEXT_PP(n));

	if (strcmp(format, "mermaid") == 0)
		return true;
	if (strcmp(format, "dot") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument format of referral_graph() must be dot or mermaid, it is \"%s\"",
						format)));
	return false;
}

/* ----- what there is ----- */

static void
keep_node(const ReferralFound *found, void *arg)
{
	Subject    *subject = arg;
	ReferralNode *node;
	ReferralNode *sponsor;

	if (subject->count == subject->size)
	{
		subject->size *= 2;
		subject->nodes = repalloc_huge(subject->nodes, subject->size *
									   sizeof(ReferralNode));
	}
	node = &subject->nodes[subject->count];
	node->member = found->member;
	node->sponsor_place = found->sponsor_place;
	node->children = 0;
	sponsor = &subject->nodes[found->sponsor_place];
	if (sponsor->children++ == 0)
		sponsor->first = subject->count;
	subject->count++;
	subject->levels = found->level;
}

/* Read everybody below the member. */
static void
gather(Subject *subject)
{
	ReferralForest *forest;
	bool		closed;

	subject->size = 1024;
	subject->nodes = palloc_array(ReferralNode, subject->size);
	memset(&subject->nodes[0], 0, sizeof(ReferralNode));
	subject->nodes[0].member = subject->member;
	subject->count = 1;
	subject->levels = 0;
	forest = referral_open_forest(subject->program, GetActiveSnapshot(),
								  subject->has_as_of ? subject->as_of :
								  DT_NOEND);
	(void) referral_walk_down(forest, subject->program, subject->member,
							  REFERRAL_ALL_LEVELS, keep_node, subject);
	referral_close_forest(forest);
	if (subject->count == 1 &&
		!core_member_is_known(subject->program, subject->member, &closed))
		core_refuse_member(subject->program, subject->member, false);
}

static Datum
members_datum(const int64 *members, int count)
{
	Datum	   *datums = palloc_array(Datum, count);
	int			i;

	for (i = 0; i < count; i++)
		datums[i] = Int64GetDatum(members[i]);
	return PointerGetDatum(construct_array(datums, count, INT8OID,
										   sizeof(int64), FLOAT8PASSBYVAL,
										   TYPALIGN_DOUBLE));
}

/*
 * Read what each has turned over by then: revenue as super_users() has it,
 * under the member that did it, merged into another since or not.
 */
static void
read_volumes(Subject *subject)
{
	static CorePlan plan = {
		.sql = "SELECT u.n, (SELECT coalesce(sum(e.amount), 0)::bigint"
		"  FROM community.event AS e LEFT JOIN community.activity_type AS t"
		"   ON t.program_id = e.program_id AND t.type = e.type"
		"  WHERE e.program_id = $1 AND e.member_id = u.member"
		"   AND e.occurred_at <= $3 AND t.revenue IS NOT FALSE)"
		" FROM unnest($2) WITH ORDINALITY AS u (member, n)",
		.nargs = 3,
		.argtypes = {INT8OID, INT8ARRAYOID, TIMESTAMPTZOID},
		.by_index = true
	};
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext,
												  "referral volumes",
												  ALLOCSET_DEFAULT_SIZES);
	int64		done = 0;

	while (done < subject->count)
	{
		int			count = (int) Min(subject->count - done, MEMBERS_A_QUERY);
		MemoryContext old = MemoryContextSwitchTo(scratch);
		int64	   *members = palloc_array(int64, count);
		Datum		values[3];
		int			i;

		for (i = 0; i < count; i++)
			members[i] = subject->nodes[done + i].member;
		values[0] = Int64GetDatum(subject->program);
		values[1] = members_datum(members, count);
		values[2] = TimestampTzGetDatum(subject->as_of);
		core_run(&plan, values, NULL, true);
		for (i = 0; i < count; i++)
			subject->nodes[done + core_int64(i, 1) - 1].own = core_int64(i, 2);
		SPI_freetuptable(SPI_tuptable);
		MemoryContextSwitchTo(old);
		MemoryContextReset(scratch);
		done += count;
	}
	MemoryContextDelete(scratch);
	if (!referral_sum_teams(subject->nodes, subject->count))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("the volumes below member %lld of program \"%s\" are beyond a bigint",
						(long long) subject->member,
						core_program_name(subject->program))));
}

/* Unless a ladder is named, it is the first that anything was published of. */
static void
choose_ladder(Subject *subject)
{
	static CorePlan plan = {
		.sql = "SELECT l.name FROM community.ladder AS l"
		" WHERE l.program_id = $1 AND EXISTS (SELECT"
		"  FROM community.ladder_version AS v WHERE v.program_id = $1"
		"  AND v.ladder_id = l.ladder_id AND v.valid @> $2)"
		" ORDER BY l.ladder_id LIMIT 1",
		.nargs = 2,
		.argtypes = {INT8OID, TIMESTAMPTZOID}
	};
	Datum		values[2];
	bool		isnull;

	if (subject->has_ladder)
		return;
	values[0] = Int64GetDatum(subject->program);
	values[1] = TimestampTzGetDatum(subject->as_of);
	core_run(&plan, values, NULL, true);
	subject->has_ladder = SPI_processed > 0;
	if (subject->has_ladder)
		subject->ladder = core_field(0, 1, &isnull);
}

static void
read_program(Subject *subject)
{
	static CorePlan plan = {
		.sql = "SELECT amount_scale FROM community.program"
		" WHERE program_id = $1",
		.nargs = 1,
		.argtypes = {INT8OID}
	};
	Datum		values[1];

	/* a program that is not there is refused here */
	(void) core_program_name(subject->program);
	values[0] = Int64GetDatum(subject->program);
	core_run(&plan, values, NULL, true);
	subject->pen.scale = (int) core_int64(0, 1);
}

/* Names and tiers of the members of these lines, one row each in order. */
static void
read_labels(const Subject *subject, const ReferralLine *lines, int count)
{
	static CorePlan plan = {
		.sql = "SELECT coalesce(m.external_id, u.member::text),"
		" coalesce(m.status = 'closed', false), CASE WHEN $3 IS NOT NULL"
		"  AND m.member_id IS NOT NULL THEN community.tier(u.member, $3, $4,"
		"  NULL, $1) END"
		" FROM unnest($2) WITH ORDINALITY AS u (member, n)"
		" LEFT JOIN community.member AS m"
		"  ON m.program_id = $1 AND m.member_id = u.member"
		" ORDER BY u.n",
		.nargs = 4,
		.argtypes = {INT8OID, INT8ARRAYOID, TEXTOID, TIMESTAMPTZOID},
		.by_index = true
	};
	int64	   *members = palloc_array(int64, count);
	Datum		values[4];
	char		nulls[5] = "    ";
	int			i;

	for (i = 0; i < count; i++)
	{
		int64		place = lines[i].place < 0 ? lines[i].sponsor_place :
		lines[i].place;

		members[i] = subject->nodes[place].member;
	}
	values[0] = Int64GetDatum(subject->program);
	values[1] = members_datum(members, count);
	values[2] = subject->has_ladder ? subject->ladder : (Datum) 0;
	nulls[2] = subject->has_ladder ? ' ' : 'n';
	values[3] = TimestampTzGetDatum(subject->as_of);
	core_run(&plan, values, nulls, true);
}

/* ----- drawing ----- */

static void
put_text_row(Subject *subject, StringInfo line)
{
	Datum		value = PointerGetDatum(cstring_to_text_with_len(line->data,
																 line->len));
	bool		isnull = false;

	tuplestore_putvalues(subject->rows->setResult, subject->rows->setDesc,
						 &value, &isnull);
}

/* Write some lines; those of the text are rows. */
static void
write_lines(Subject *subject, const ReferralLine *lines, int count)
{
	int			i;

	read_labels(subject, lines, count);
	for (i = 0; i < count; i++)
	{
		ReferralLabel label;
		StringInfoData row;

		CHECK_FOR_INTERRUPTS();
		label.name = core_text(i, 1);
		label.closed = core_bool(i, 2);
		label.tier = core_text(i, 3);
		if (subject->rows == NULL)
		{
			referral_write_graph(&subject->graph, &subject->pen, &lines[i],
								 &label);
			continue;
		}
		initStringInfo(&row);
		referral_write_text(&row, &subject->pen, &lines[i], &label);
		put_text_row(subject, &row);
	}
	SPI_freetuptable(SPI_tuptable);
}

/* Draw it all; gives how many members were drawn. */
static int64
draw(Subject *subject)
{
	ReferralLine *lines = palloc_array(ReferralLine, LINES_A_QUERY);
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext,
												  "referral lines",
												  ALLOCSET_DEFAULT_SIZES);
	ReferralDrawing drawing;
	int64		drawn = 0;
	bool		more = true;

	subject->pen.nodes = subject->nodes;
	subject->pen.last = palloc_array(bool, subject->depth + 1);
	referral_begin_drawing(&drawing, subject->nodes, subject->depth,
						   subject->width);
	while (more)
	{
		int			count = 0;
		MemoryContext old;

		while (count < LINES_A_QUERY &&
			   (more = referral_next_line(&drawing, &lines[count])))
		{
			if (lines[count].place >= 0)
				drawn++;
			count++;
		}
		old = MemoryContextSwitchTo(scratch);
		write_lines(subject, lines, count);
		MemoryContextSwitchTo(old);
		MemoryContextReset(scratch);
	}
	return drawn;
}

/* Read what the drawing is of.  Inside core_enter(). */
static void
prepare(Subject *subject)
{
	if (!subject->has_as_of)
		subject->as_of = GetCurrentTransactionStartTimestamp();
	read_program(subject);
	choose_ladder(subject);
	gather(subject);
	read_volumes(subject);
}

static void
set_ladder(Subject *subject, FunctionCallInfo fcinfo, int ladder, int as_of)
{
	subject->has_ladder = !PG_ARGISNULL(ladder);
	if (subject->has_ladder)
		subject->ladder = PG_GETARG_DATUM(ladder);
	subject->has_as_of = !PG_ARGISNULL(as_of);
	if (subject->has_as_of)
		subject->as_of = PG_GETARG_TIMESTAMPTZ(as_of);
}

/*
 * referral_tree(member, depth, width, ladder, as_of, charset, program)
 * -> lines
 */
Datum
community_referral_tree(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "depth", "width", "ladder",
	"as_of", "charset", "program"};
	Subject		subject = {0};
	CoreScope	scope;
	StringInfoData summary;
	int64		drawn;

	core_refuse_nulls(fcinfo, "referral_tree", names, 0x3c);
	subject.member = PG_GETARG_INT64(0);
	subject.depth = depth_argument(fcinfo, 1, "referral_tree");
	subject.width = width_argument(fcinfo, 2, "referral_tree");
	set_ladder(&subject, fcinfo, 3, 4);
	subject.pen.boxes = charset_argument(fcinfo, 5);
	subject.program = PG_GETARG_INT64(6);
	(void) core_begin_rows(fcinfo, NULL);
	subject.rows = (ReturnSetInfo *) fcinfo->resultinfo;

	core_enter(&scope);
	prepare(&subject);
	drawn = draw(&subject);
	initStringInfo(&summary);
	put_text_row(&subject, &summary);
	referral_write_summary(&summary, &subject.pen, subject.levels, drawn);
	put_text_row(&subject, &summary);
	core_leave(&scope);
	return (Datum) 0;
}

/*
 * referral_graph(member, depth, format, width, ladder, as_of, program)
 * -> text
 */
Datum
community_referral_graph(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"member", "depth", "format", "width",
	"ladder", "as_of", "program"};
	Subject		subject = {0};
	CoreScope	scope;

	core_refuse_nulls(fcinfo, "referral_graph", names, 0x38);
	subject.member = PG_GETARG_INT64(0);
	subject.depth = depth_argument(fcinfo, 1, "referral_graph");
	subject.pen.mermaid = format_argument(fcinfo, 2);
	subject.width = width_argument(fcinfo, 3, "referral_graph");
	set_ladder(&subject, fcinfo, 4, 5);
	subject.program = PG_GETARG_INT64(6);
	/* outlives the connection to SPI */
	initStringInfo(&subject.graph);

	core_enter(&scope);
	prepare(&subject);
	referral_open_graph(&subject.graph, &subject.pen);
	(void) draw(&subject);
	referral_close_graph(&subject.graph, &subject.pen);
	core_leave(&scope);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(subject.graph.data,
											  subject.graph.len));
}
