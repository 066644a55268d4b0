/*-------------------------------------------------------------------------
 *
 * graph_query.c
 *	  Graphs from the edges that a query gives.
 *
 * The query runs with the rights and the search path of the caller.  Its rows
 * go straight into arrays.  What a graph needs may be as much as
 * maintenance_work_mem: like the building of an index, it is done for one
 * table at a time, by few.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/params.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "score/graph.h"
#include "score/query.h"

#define KILOBYTE		((Size) 1024)

/* Weights that can be added up and divided by, whatever comes. */
#define LEAST_WEIGHT	1e-280
#define GREATEST_WEIGHT	1e280

/* Arguments behind those of a function's own */
enum
{
	SINCE, UNTIL, PROGRAM, LAST_ARGUMENTS
};

typedef struct EdgeTaker
{
	DestReceiver pub;
	const char *function;
	ScoreGraph *graph;
	MemoryContext context;
	bool		weighted;		/* is there a third column? */
	int64		rows;
} EdgeTaker;

static const char interactions[] =
"SELECT i.source_id, i.target_id FROM community.interaction AS i"
" WHERE i.program_id OPERATOR(pg_catalog.=)"
" coalesce($3, community.current_program())"
" AND ($1 IS NULL OR i.occurred_at OPERATOR(pg_catalog.>) $1)"
" AND ($2 IS NULL OR i.occurred_at OPERATOR(pg_catalog.<=) $2)";

/* ----- limits ----- */

static void
check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

static void
refuse_graph(const ScoreGraph *graph, Size needed, void *arg)
{
	const char *function = arg;

	if (needed > 0)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("%s() needs more memory than allowed", function),
				 errdetail("It needs %zu kB for the first %lld edges and %d nodes, maintenance_work_mem is %d kB.",
						   needed / KILOBYTE + 1, (long long) graph->edges,
						   graph->nodes, maintenance_work_mem),
				 errhint("Raise maintenance_work_mem, or give fewer edges.")));
	if (graph->edges >= SCORE_GRAPH_MAX_EDGES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("graph of %s() has more than %lld edges", function,
						(long long) SCORE_GRAPH_MAX_EDGES)));
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("graph of %s() has more than %d nodes", function,
					SCORE_GRAPH_MAX_NODES)));
}

/* ----- rows ----- */

pg_noreturn static void
refuse_null(const EdgeTaker *taker, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("row %lld of the query of %s() %s",
					(long long) taker->rows, taker->function, what)));
	pg_unreachable();
}

/* The weight of a row, 0 where there is no edge. */
static double
take_weight(const EdgeTaker *taker, const TupleTableSlot *slot)
{
	double		weight;

	if (slot->tts_isnull[2])
		refuse_null(taker, "has an edge without a weight");
	weight = DatumGetFloat8(slot->tts_values[2]);
	if (!(weight == 0.0 ||
		  (weight >= LEAST_WEIGHT && weight <= GREATEST_WEIGHT)))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("weight of row %lld of the query of %s() is %g",
						(long long) taker->rows, taker->function, weight),
				 errdetail("The weight of an edge is 0 or between %g and %g.",
						   LEAST_WEIGHT, GREATEST_WEIGHT)));
	return weight;
}

/* A row without an edge names nodes. */
static void
take_nodes(const EdgeTaker *taker, const TupleTableSlot *slot)
{
	if (slot->tts_isnull[0] && slot->tts_isnull[1])
		refuse_null(taker, "has neither a source nor a target");
	if (!slot->tts_isnull[0])
		score_graph_add_node(taker->graph,
							 DatumGetInt64(slot->tts_values[0]));
	if (!slot->tts_isnull[1])
		score_graph_add_node(taker->graph,
							 DatumGetInt64(slot->tts_values[1]));
}

static bool
take_row(TupleTableSlot *slot, DestReceiver *self)
{
	EdgeTaker  *taker = (EdgeTaker *) self;
	MemoryContext old = MemoryContextSwitchTo(taker->context);
	double		weight = 1.0;

	slot_getsomeattrs(slot, taker->weighted ? 3 : 2);
	taker->rows++;
	if (slot->tts_isnull[0] || slot->tts_isnull[1])
		weight = 0.0;
	else if (taker->weighted)
		weight = take_weight(taker, slot);
	if (weight == 0.0)
		take_nodes(taker, slot);
	else
		score_graph_add_edge(taker->graph,
							 DatumGetInt64(slot->tts_values[0]),
							 DatumGetInt64(slot->tts_values[1]), weight);
	MemoryContextSwitchTo(old);
	return true;
}

static void
take_startup(DestReceiver *self, int operation, TupleDesc desc)
{
}

static void
take_nothing(DestReceiver *self)
{
}

/* ----- queries ----- */

static Oid	last_types[LAST_ARGUMENTS] = {
	TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID
};

static ParamListInfo
make_params(FunctionCallInfo fcinfo)
{
	int			first = PG_NARGS() - LAST_ARGUMENTS;
	ParamListInfo params = makeParamList(LAST_ARGUMENTS);
	int			i;

	for (i = 0; i < LAST_ARGUMENTS; i++)
	{
		params->params[i].isnull = PG_ARGISNULL(first + i);
		params->params[i].value = params->params[i].isnull ? (Datum) 0 :
			PG_GETARG_DATUM(first + i);
		params->params[i].pflags = PARAM_FLAG_CONST;
		params->params[i].ptype = last_types[i];
	}
	return params;
}

/* A window is one of interactions; a query has conditions of its own. */
static void
refuse_window(FunctionCallInfo fcinfo, const char *function)
{
	int			first = PG_NARGS() - LAST_ARGUMENTS;

	if (!PG_ARGISNULL(first + SINCE) || !PG_ARGISNULL(first + UNTIL))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s() takes no window for a query of edges",
						function),
				 errdetail("The arguments since and until are of the interactions of a program."),
				 errhint("Put the condition into the query.")));
}

/* The statement that gives the edges of the caller's query. */
static char *
edge_statement(EdgeTaker *taker, text *query)
{
	static const Oid types[] = {INT8OID, INT8OID, FLOAT8OID};
	static const ScoreQueryColumns columns = {
		"source and target, and perhaps weight", 2, 3, types
	};
	int			count;
	char	   *checked = score_check_query(taker->function,
											text_to_cstring(query), &columns,
											&count);

	taker->weighted = count == 3;
	return psprintf("SELECT q.s::pg_catalog.int8, q.t::pg_catalog.int8%s\n"
					"FROM (\n%s\n) AS q (s, t%s)",
					taker->weighted ? ", q.w::pg_catalog.float8" : "",
					checked, taker->weighted ? ", w" : "");
}

static void
run_statement(EdgeTaker *taker, const char *statement, ParamListInfo params)
{
	SPIExecuteOptions options = {0};
	SPIPlanPtr	plan = SPI_prepare(statement, params ? LAST_ARGUMENTS : 0,
								   last_types);
	int			result;

	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s",
			 SPI_result_code_string(SPI_result));
	options.params = params;
	options.read_only = true;
	options.dest = &taker->pub;
	result = SPI_execute_plan_extended(plan, &options);
	if (result < 0)
		elog(ERROR, "SPI_execute_plan_extended failed: %s",
			 SPI_result_code_string(result));
}

/*
 * Read the graph that the arguments of a function name, in the present memory
 * context.
 */
ScoreGraph *
score_read_graph(FunctionCallInfo fcinfo, const ScoreGraphRequest *request)
{
	ScoreGraphCare care = {check_interrupts, refuse_graph,
		unconstify(char *, request->function),
	maintenance_work_mem * KILOBYTE};
	EdgeTaker	taker = {{take_row, take_startup, take_nothing, take_nothing,
	DestNone}};
	const char *statement = interactions;
	int			i;

	taker.function = request->function;
	taker.context = CurrentMemoryContext;
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (!PG_ARGISNULL(0))
	{
		refuse_window(fcinfo, request->function);
		statement = edge_statement(&taker, PG_GETARG_TEXT_PP(0));
	}
	MemoryContextSwitchTo(taker.context);
	taker.graph = score_graph_begin(&care, taker.weighted &&
									request->weights);
	for (i = 0; i < request->nseeds; i++)
		score_graph_add_node(taker.graph, request->seeds[i]);
	run_statement(&taker, statement,
				  PG_ARGISNULL(0) ? make_params(fcinfo) : NULL);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	score_graph_finish(taker.graph);
	return taker.graph;
}
