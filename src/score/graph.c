/*-------------------------------------------------------------------------
 *
 * graph.c
 *	  Reach: degrees, PageRank, core numbers, betweenness, constraint, and
 *	  figures of graphs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "core/compat.h"
#include "core/core.h"
#include "score/graph.h"

PG_FUNCTION_INFO_V1(community_degrees);
PG_FUNCTION_INFO_V1(community_pagerank);
PG_FUNCTION_INFO_V1(community_core_numbers);
PG_FUNCTION_INFO_V1(community_betweenness_sample);
PG_FUNCTION_INFO_V1(community_constraint_scores);
PG_FUNCTION_INFO_V1(community_reciprocity);
PG_FUNCTION_INFO_V1(community_density);
PG_FUNCTION_INFO_V1(community_graph_figures);

/* Below it, rounding keeps a solution from getting any better. */
#define LEAST_TOLERANCE		1e-14

/* A word that stands for a choice; words end with NULL. */
typedef struct Choice
{
	const char *word;
	int			value;
} Choice;

/* The value of the word that an argument gives. */
static int
choice_argument(FunctionCallInfo fcinfo, int argno, const char *function,
				const char *name, const Choice *choices)
{
	text	   *word = PG_GETARG_TEXT_PP(argno);
	StringInfoData known;
	int			i;

	initStringInfo(&known);
	for (i = 0; choices[i].word != NULL; i++)
	{
		if (core_text_is(word, choices[i].word))
			return choices[i].value;
		appendStringInfo(&known, "%s%s", i == 0 ? "" :
						 choices[i + 1].word == NULL ? " or " : ", ",
						 choices[i].word);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s of %s() must be %s, not \"%s\"", name, function,
					known.data, text_to_cstring(word))));
	return 0;
}

static ScoreGraphMerge
merge_argument(FunctionCallInfo fcinfo, int argno, const char *function,
			   ScoreGraphMerge sum)
{
	const Choice choices[] = {
		{"sum", sum}, {"once", SCORE_GRAPH_ONCE}, {NULL, 0}
	};

	return (ScoreGraphMerge) choice_argument(fcinfo, argno, function,
											 "multi_edges", choices);
}

/* ----- results ----- */

/* One row for each node: its id, and a score that may be NaN for null. */
static void
put_scores(FunctionCallInfo fcinfo, const ScoreGraph *graph,
		   const double *scores, double factor)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		values[2];
	bool		nulls[2] = {false, false};
	int32		i;

	for (i = 0; i < graph->nodes; i++)
	{
		if (i % 4096 == 0)
			CHECK_FOR_INTERRUPTS();
		values[0] = Int64GetDatum(graph->ids[i]);
		values[1] = Float8GetDatum(scores[i] * factor);
		nulls[1] = isnan(scores[i]);
		tuplestore_putvalues(result->setResult, result->setDesc, values,
							 nulls);
	}
}

/* ----- degrees ----- */

enum
{
	DEGREE_NODE, DEGREE_ALL, DEGREE_IN, DEGREE_OUT, DEGREE_NEIGHBOURS,
	DEGREE_STRENGTH, DEGREE_IN_STRENGTH, DEGREE_OUT_STRENGTH, DEGREE_COLUMNS
};

static void
put_degrees(const ScoreGraph *graph, const ScoreDegrees *degrees, int32 i,
			ReturnSetInfo *result)
{
	Datum		values[DEGREE_COLUMNS];
	bool		nulls[DEGREE_COLUMNS] = {false};
	double		in = graph->weighted ? degrees->in_weight[i] :
	(double) degrees->in[i];
	double		out = graph->weighted ? degrees->out_weight[i] :
	(double) degrees->out[i];

	values[DEGREE_NODE] = Int64GetDatum(graph->ids[i]);
	values[DEGREE_ALL] = Int64GetDatum(degrees->in[i] + degrees->out[i]);
	values[DEGREE_IN] = Int64GetDatum(degrees->in[i]);
	values[DEGREE_OUT] = Int64GetDatum(degrees->out[i]);
	values[DEGREE_NEIGHBOURS] = Int64GetDatum(degrees->neighbours[i]);
	values[DEGREE_STRENGTH] = Float8GetDatum(in + out);
	values[DEGREE_IN_STRENGTH] = Float8GetDatum(in);
	values[DEGREE_OUT_STRENGTH] = Float8GetDatum(out);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* degrees(edges, self_loops, since, until, program) -> set */
Datum
community_degrees(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {
		"edges", "self_loops", "since", "until", "program"
	};
	ScoreGraphRequest request = {"degrees", true};
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ScoreGraph *graph;
	ScoreDegrees degrees;
	int32		i;

	core_refuse_nulls(fcinfo, request.function, names, ~(1U << 1));
	(void) core_begin_rows(fcinfo, NULL);
	graph = score_read_graph(fcinfo, &request);
	score_degrees(graph, PG_GETARG_BOOL(1), &degrees);
	for (i = 0; i < graph->nodes; i++)
	{
		if (i % 4096 == 0)
			CHECK_FOR_INTERRUPTS();
		put_degrees(graph, &degrees, i, result);
	}
	return (Datum) 0;
}

/* ----- PageRank ----- */

enum
{
	RANK_EDGES, RANK_DAMPING, RANK_SEEDS, RANK_SEED_WEIGHTS, RANK_DANGLING,
	RANK_DIRECTED, RANK_MULTI_EDGES, RANK_SELF_LOOPS, RANK_TOLERANCE,
	RANK_MAX_ITERATIONS
};

/* Where walks restart, by id */
typedef struct Seeds
{
	int			count;
	int64	   *ids;
	double	   *weights;
} Seeds;

/* The elements of an array of which none is null. */
static Datum *
array_elements(ArrayType *array, const char *name, int *count)
{
	Datum	   *elements;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("%s of pagerank() must have one dimension, not %d",
						name, ARR_NDIM(array))));
	if (array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s of pagerank() must not contain nulls", name)));
	deconstruct_array(array, ARR_ELEMTYPE(array), sizeof(Datum),
					  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &elements, NULL,
					  count);
	return elements;
}

static void
read_seed_weights(FunctionCallInfo fcinfo, Seeds *seeds)
{
	Datum	   *elements;
	double		total = 0.0;
	int			count;
	int			i;

	elements = array_elements(PG_GETARG_ARRAYTYPE_P(RANK_SEED_WEIGHTS),
							  "seed_weights", &count);
	if (count != seeds->count)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("pagerank() has %d seeds, but %d seed_weights",
						seeds->count, count)));
	for (i = 0; i < count; i++)
	{
		seeds->weights[i] = DatumGetFloat8(elements[i]);
		total += seeds->weights[i];
		if (!(seeds->weights[i] >= 0.0) || isinf(total))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("weight of seed %lld of pagerank() is %g",
							(long long) seeds->ids[i], seeds->weights[i]),
					 errdetail("Weights of seeds are not negative, and their sum is finite.")));
	}
	/* so that a sum of them can be divided by */
	if (total < 1e-280)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("weights of all seeds of pagerank() are 0")));
}

static void
read_seeds(FunctionCallInfo fcinfo, Seeds *seeds)
{
	Datum	   *elements;
	int			i;

	memset(seeds, 0, sizeof(Seeds));
	if (PG_ARGISNULL(RANK_SEEDS))
	{
		if (!PG_ARGISNULL(RANK_SEED_WEIGHTS))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("pagerank() has seed_weights, but no seeds")));
		return;
	}
	elements = array_elements(PG_GETARG_ARRAYTYPE_P(RANK_SEEDS), "seeds",
							  &seeds->count);
	if (seeds->count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("seeds of pagerank() must not be empty"),
				 errhint("Leave seeds out to have walks restart anywhere.")));
	seeds->ids = palloc_array(int64, seeds->count);
	seeds->weights = palloc_array(double, seeds->count);
	for (i = 0; i < seeds->count; i++)
	{
		seeds->ids[i] = DatumGetInt64(elements[i]);
		seeds->weights[i] = 1.0;
	}
	if (!PG_ARGISNULL(RANK_SEED_WEIGHTS))
		read_seed_weights(fcinfo, seeds);
}

/* Where walks restart, by node; a seed that comes twice counts twice. */
static double *
make_restart(ScoreGraph *graph, const Seeds *seeds)
{
	double	   *restart;
	double		total = 0.0;
	int			i;

	if (seeds->count == 0)
		return NULL;
	restart = score_graph_take(graph, graph->nodes, sizeof(double), true);
	for (i = 0; i < seeds->count; i++)
		total += seeds->weights[i];
	for (i = 0; i < seeds->count; i++)
		restart[score_graph_find(graph, seeds->ids[i])] +=
			seeds->weights[i] / total;
	return restart;
}

static void
read_rank_options(FunctionCallInfo fcinfo, ScorePagerank *options)
{
	static const Choice dangling[] = {
		{"seeds", false}, {"uniform", true}, {NULL, 0}
	};

	options->directed = PG_GETARG_BOOL(RANK_DIRECTED);
	options->loops = PG_GETARG_BOOL(RANK_SELF_LOOPS);
	options->merge = merge_argument(fcinfo, RANK_MULTI_EDGES, "pagerank",
									SCORE_GRAPH_KEEP);
	options->dangling_uniform = choice_argument(fcinfo, RANK_DANGLING,
												"pagerank", "dangling",
												dangling);
	options->damping = PG_GETARG_FLOAT8(RANK_DAMPING);
	if (!(options->damping >= 0.0 && options->damping < 1.0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("damping of pagerank() must be at least 0 and less than 1, not %g",
						options->damping)));
	options->tolerance = PG_GETARG_FLOAT8(RANK_TOLERANCE);
	if (!(options->tolerance >= LEAST_TOLERANCE && options->tolerance <= 1.0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("tolerance of pagerank() must be between %g and 1, not %g",
						LEAST_TOLERANCE, options->tolerance)));
	options->max_steps = PG_GETARG_INT32(RANK_MAX_ITERATIONS);
	if (options->max_steps < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_iterations of pagerank() must be positive, not %d",
						options->max_steps)));
}

/* pagerank(edges, ..., since, until, program) -> set */
Datum
community_pagerank(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {
		"edges", "damping", "seeds", "seed_weights", "dangling", "directed",
		"multi_edges", "self_loops", "tolerance", "max_iterations", "since",
		"until", "program"
	};
	ScoreGraphRequest request = {"pagerank", true};
	ScorePagerank options;
	ScoreGraph *graph;
	Seeds		seeds;
	double	   *scores;
	double		error = 0.0;

	core_refuse_nulls(fcinfo, request.function, names,
					  1U << RANK_EDGES | 1U << RANK_SEEDS |
					  1U << RANK_SEED_WEIGHTS |
					  ~0U << (RANK_MAX_ITERATIONS + 1));
	read_rank_options(fcinfo, &options);
	read_seeds(fcinfo, &seeds);
	(void) core_begin_rows(fcinfo, NULL);
	request.nseeds = seeds.count;
	request.seeds = seeds.ids;
	graph = score_read_graph(fcinfo, &request);
	options.restart = make_restart(graph, &seeds);
	scores = score_pagerank(graph, &options, &error);
	if (scores == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("pagerank() has not come to its end in %d iterations",
						options.max_steps),
				 errdetail("Another one would change the scores by %g, more than the tolerance of %g.",
						   error, options.tolerance),
				 errhint("Raise max_iterations or tolerance, or lower damping.")));
	put_scores(fcinfo, graph, scores, 1.0);
	return (Datum) 0;
}

/* ----- other measures of nodes ----- */

/* core_numbers(edges, direction, multi_edges, since, until, program) -> set */
Datum
community_core_numbers(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {
		"edges", "direction", "multi_edges", "since", "until", "program"
	};
	static const Choice sides[] = {
		{"both", SCORE_CORE_BOTH}, {"in", SCORE_CORE_IN},
		{"out", SCORE_CORE_OUT}, {NULL, 0}
	};
	ScoreGraphRequest request = {"core_numbers", false};
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ScoreGraph *graph;
	ScoreCoreSide side;
	ScoreGraphMerge merge;
	int32	   *cores;
	Datum		values[2];
	bool		nulls[2] = {false, false};
	int32		i;

	core_refuse_nulls(fcinfo, request.function, names,
					  ~(1U << 1 | 1U << 2));
	side = (ScoreCoreSide) choice_argument(fcinfo, 1, request.function,
										   "direction", sides);
	merge = merge_argument(fcinfo, 2, request.function, SCORE_GRAPH_KEEP);
	(void) core_begin_rows(fcinfo, NULL);
	graph = score_read_graph(fcinfo, &request);
	cores = score_core_numbers(graph, side, merge);
	for (i = 0; i < graph->nodes; i++)
	{
		if (i % 4096 == 0)
			CHECK_FOR_INTERRUPTS();
		values[0] = Int64GetDatum(graph->ids[i]);
		values[1] = Int32GetDatum(cores[i]);
		tuplestore_putvalues(result->setResult, result->setDesc, values,
							 nulls);
	}
	return (Datum) 0;
}

/*
 * betweenness_sample(edges, sample, seed, directed, normalised, since, until,
 * program) -> set
 */
Datum
community_betweenness_sample(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {
		"edges", "sample", "seed", "directed", "normalised", "since",
		"until", "program"
	};
	ScoreGraphRequest request = {"betweenness_sample", false};
	ScoreGraph *graph;
	double	   *scores;
	double		factor = 1.0;
	double		n;
	bool		directed;
	int32		sample = PG_ARGISNULL(1) ? PG_INT32_MAX : PG_GETARG_INT32(1);

	core_refuse_nulls(fcinfo, request.function, names,
					  ~(1U << 2 | 1U << 3 | 1U << 4));
	if (sample < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("sample of betweenness_sample() must be positive, not %d",
						sample)));
	directed = PG_GETARG_BOOL(3);
	(void) core_begin_rows(fcinfo, NULL);
	graph = score_read_graph(fcinfo, &request);
	scores = score_betweenness(graph, directed, sample,
							   (uint64) PG_GETARG_INT64(2));
	if (scores == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("betweenness_sample() found more shortest paths between two nodes than a double can count")));
	n = graph->nodes;
	if (PG_GETARG_BOOL(4) && n > 2)
		factor = (directed ? 1.0 : 2.0) / ((n - 1.0) * (n - 2.0));
	put_scores(fcinfo, graph, scores, factor);
	return (Datum) 0;
}

/* constraint_scores(edges, multi_edges, since, until, program) -> set */
Datum
community_constraint_scores(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {
		"edges", "multi_edges", "since", "until", "program"
	};
	ScoreGraphRequest request = {"constraint_scores", true};
	ScoreGraph *graph;
	ScoreGraphMerge merge;

	core_refuse_nulls(fcinfo, request.function, names, ~(1U << 1));
	merge = merge_argument(fcinfo, 1, request.function, SCORE_GRAPH_SUM);
	(void) core_begin_rows(fcinfo, NULL);
	graph = score_read_graph(fcinfo, &request);
	put_scores(fcinfo, graph, score_constraint(graph, merge), 1.0);
	return (Datum) 0;
}

/* ----- figures of a graph ----- */

/* Share of pairs that are joined, or null where there are no pairs. */
static bool
find_density(const ScoreGraph *graph, const ScoreFigures *figures,
			 bool directed, double *density)
{
	double		pairs = (double) graph->nodes * (graph->nodes - 1.0);

	if (graph->nodes < 2)
		return false;
	*density = directed ? figures->arcs / pairs : 2.0 * figures->ties / pairs;
	return true;
}

/* Share of edges that have one in return, or null without edges. */
static bool
find_reciprocity(const ScoreFigures *figures, double *reciprocity)
{
	if (figures->arcs == 0)
		return false;
	*reciprocity = 2.0 * (figures->arcs - figures->ties) / figures->arcs;
	return true;
}

/* reciprocity(edges, since, until, program) -> float8 */
Datum
community_reciprocity(PG_FUNCTION_ARGS)
{
	ScoreGraphRequest request = {"reciprocity", false};
	ScoreFigures figures;
	double		reciprocity;

	score_count_pairs(score_read_graph(fcinfo, &request), &figures);
	if (!find_reciprocity(&figures, &reciprocity))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(reciprocity);
}

/* density(edges, directed, since, until, program) -> float8 */
Datum
community_density(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {
		"edges", "directed", "since", "until", "program"
	};
	ScoreGraphRequest request = {"density", false};
	ScoreGraph *graph;
	ScoreFigures figures;
	double		density;

	core_refuse_nulls(fcinfo, request.function, names, ~(1U << 1));
	graph = score_read_graph(fcinfo, &request);
	score_count_pairs(graph, &figures);
	if (!find_density(graph, &figures, PG_GETARG_BOOL(1), &density))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(density);
}

enum
{
	FIGURE_NODES, FIGURE_EDGES, FIGURE_SELF_LOOPS, FIGURE_ARCS, FIGURE_TIES,
	FIGURE_DENSITY, FIGURE_TIE_DENSITY, FIGURE_RECIPROCITY,
	FIGURE_TRANSITIVITY, FIGURE_CLUSTERING, FIGURE_ASSORTATIVITY,
	FIGURE_COLUMNS
};

/* graph_figures(edges, since, until, program) -> record */
Datum
community_graph_figures(PG_FUNCTION_ARGS)
{
	ScoreGraphRequest request = {"graph_figures", false};
	ScoreGraph *graph;
	ScoreFigures figures;
	TupleDesc	tupdesc;
	Datum		values[FIGURE_COLUMNS];
	bool		nulls[FIGURE_COLUMNS] = {false};
	double		number = 0.0;

	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE ||
		tupdesc->natts != FIGURE_COLUMNS)
		elog(ERROR, "graph_figures() must return a row of %d columns",
			 FIGURE_COLUMNS);
	graph = score_read_graph(fcinfo, &request);
	score_figures(graph, &figures);
	values[FIGURE_NODES] = Int64GetDatum(graph->nodes);
	values[FIGURE_EDGES] = Int64GetDatum(figures.edges);
	values[FIGURE_SELF_LOOPS] = Int64GetDatum(figures.loops);
	values[FIGURE_ARCS] = Int64GetDatum(figures.arcs);
	values[FIGURE_TIES] = Int64GetDatum(figures.ties);
	nulls[FIGURE_DENSITY] = !find_density(graph, &figures, true, &number);
	values[FIGURE_DENSITY] = Float8GetDatum(number);
	nulls[FIGURE_TIE_DENSITY] = !find_density(graph, &figures, false,
											  &number);
	values[FIGURE_TIE_DENSITY] = Float8GetDatum(number);
	nulls[FIGURE_RECIPROCITY] = !find_reciprocity(&figures, &number);
	values[FIGURE_RECIPROCITY] = Float8GetDatum(number);
	nulls[FIGURE_TRANSITIVITY] = figures.forks == 0.0;
	values[FIGURE_TRANSITIVITY] =
		Float8GetDatum(figures.triangles / Max(figures.forks, 1.0));
	nulls[FIGURE_CLUSTERING] = graph->nodes == 0;
	values[FIGURE_CLUSTERING] = Float8GetDatum(figures.mean_clustering);
	nulls[FIGURE_ASSORTATIVITY] = !figures.has_assortativity;
	values[FIGURE_ASSORTATIVITY] = Float8GetDatum(figures.assortativity);
	tupdesc = BlessTupleDesc(tupdesc);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(tupdesc, values,
													  nulls)));
}
