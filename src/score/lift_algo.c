/*-------------------------------------------------------------------------
 *
 * lift_algo.c
 *	  What came of a treatment: difference in differences against matched
 *	  members.
 *
 * Treated members are compared with members who were not treated by the end of
 * the window after, over the very same days, and who had about as much before:
 * strata are cut at quantiles of what the treated had, and in each stratum the
 * controls stand for the treated in proportion (coarsened exact matching,
 * Iacus, King and Porro 2012; cohorts by day are stacked, with those not yet
 * treated as controls, as Callaway and Sant'Anna 2021 do).
 *
 * A cell is a stratum of a cohort.  Each treated member brings its difference
 * less the mean difference of the controls of its cell.  The variance is that
 * of a stratified sample, but what a member brings to several cells is added
 * up before it is squared: it is clustered by member.
 *
 * Pure: no server calls but memory.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "score/lift_algo.h"

/* So many members between two looks at interrupts, with windows to add up */
#define LIFT_INTERRUPT_MEMBERS	10000

/* So many comparisons of a sort between two looks */
#define LIFT_INTERRUPT_COMPARES	100000

/* A cell needs as many controls, a stratum as many treated */
#define LIFT_FEWEST				2

/* A treated member */
typedef struct LiftCase
{
	int32		member;
	int32		day;
	int			cohort;
	int			stratum;
	double		difference;		/* less that of the controls of the cell */
} LiftCase;

/* What a member had in two windows, and by which it is matched */
typedef struct LiftValues
{
	double		match;
	double		earlier;
	double		later;
} LiftValues;

typedef struct LiftCell
{
	int64		treated;
	int64		controls;
	bool		used;
	double		earlier;		/* sums over the controls */
	double		later;
	double		squares;		/* around the mean difference */
} LiftCell;

/* One estimate: the effect, or the placebo of the time before */
typedef struct LiftRun
{
	const ScoreLiftData *data;
	ScoreInterrupt interrupt;
	int64		compares;		/* of sorts, to know when to look */
	bool		placebo;
	LiftCase   *cases;			/* in order of days */
	int64		ncases;
	int			ncohorts;
	int32	   *cohort_days;
	const double *cuts;			/* strata - 1 */
	double		least;			/* no control has less or more */
	double		most;
	LiftCell   *cells;			/* by cohort and stratum */
	double	   *influence;		/* by member */
	bool	   *compared;		/* by member */
	int64		matched;
	int64		controls;
} LiftRun;

/* What a member has had up to a day and with it. */
static double
lift_total(const ScoreLiftData *data, int32 member, int32 day)
{
	int64		low = data->first[member];
	int64		high = data->first[member + 1];
	int64		start = low;

	while (low < high)
	{
		int64		middle = (low + high) / 2;

		if (data->days[middle] <= day)
			low = middle + 1;
		else
			high = middle;
	}
	return low == start ? 0.0 : data->totals[low - 1];
}

/* The windows around a day; the day itself is in none. */
static LiftValues
lift_values(const LiftRun *run, int32 member, int32 day)
{
	const ScoreLiftData *data = run->data;
	double		scale = (double) data->after / data->before;
	double		start = lift_total(data, member, day - data->before - 1);
	double		end = lift_total(data, member, day - 1);
	LiftValues	values;

	values.match = (end - start) * scale;
	if (run->placebo)
	{
		values.earlier = scale *
			(start - lift_total(data, member, day - 2 * data->before - 1));
		values.later = values.match;
	}
	else
	{
		values.earlier = values.match;
		values.later = lift_total(data, member, day + data->after) -
			lift_total(data, member, day);
	}
	return values;
}

/* Was the member there, all the time before? */
static bool
lift_was_there(const LiftRun *run, int32 member, int32 day)
{
	const ScoreLiftData *data = run->data;

	return data->joined[member] <=
		day - data->before * (run->placebo ? 2 : 1) &&
		data->closed[member] > day;
}

static bool
lift_is_control(const LiftRun *run, int32 member, int32 day)
{
	return run->data->candidate[member] &&
		run->data->treated[member] > day + run->data->after &&
		lift_was_there(run, member, day);
}

static int
lift_stratum(const LiftRun *run, double match)
{
	int			low = 0;
	int			high = run->data->strata - 1;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (run->cuts[middle] < match)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static LiftCell *
lift_cell(const LiftRun *run, int cohort, int stratum)
{
	return &run->cells[(int64) cohort * run->data->strata + stratum];
}

/*
 * The cell of a control of a cohort, or NULL when it has less or more than
 * any treated member.
 */
static LiftCell *
lift_control_cell(const LiftRun *run, int cohort, int32 member,
				  LiftValues *values)
{
	int32		day = run->cohort_days[cohort];

	if (!lift_is_control(run, member, day))
		return NULL;
	*values = lift_values(run, member, day);
	if (values->match < run->least || values->match > run->most)
		return NULL;
	return lift_cell(run, cohort, lift_stratum(run, values->match));
}

/* Fill the cells. */
static void
lift_count(LiftRun *run)
{
	LiftValues	values;
	LiftCell   *cell;
	int64		i;
	int			cohort;
	int32		member;

	for (i = 0; i < run->ncases; i++)
		lift_cell(run, run->cases[i].cohort, run->cases[i].stratum)->treated++;
	for (cohort = 0; cohort < run->ncohorts; cohort++)
	{
		for (member = 0; member < run->data->members; member++)
		{
			if (member % LIFT_INTERRUPT_MEMBERS == 0)
				run->interrupt();
			cell = lift_control_cell(run, cohort, member, &values);
			if (cell == NULL || cell->treated == 0)
				continue;
			cell->controls++;
			cell->earlier += values.earlier;
			cell->later += values.later;
		}
	}
}

/* Which cells can be used, and how many treated members are in them? */
static void
lift_choose(LiftRun *run)
{
	int			cohort;
	int			stratum;

	for (stratum = 0; stratum < run->data->strata; stratum++)
	{
		int64		treated = 0;

		for (cohort = 0; cohort < run->ncohorts; cohort++)
		{
			LiftCell   *cell = lift_cell(run, cohort, stratum);

			if (cell->controls >= LIFT_FEWEST)
				treated += cell->treated;
		}
		if (treated < LIFT_FEWEST)
			continue;
		run->matched += treated;
		for (cohort = 0; cohort < run->ncohorts; cohort++)
		{
			LiftCell   *cell = lift_cell(run, cohort, stratum);

			cell->used = cell->treated > 0 && cell->controls >= LIFT_FEWEST;
		}
	}
}

/* The mean difference of the controls of a cell */
static double
lift_cell_mean(const LiftCell *cell)
{
	return (cell->later - cell->earlier) / (double) cell->controls;
}

/* What is left of n distances from their mean is too small by this. */
static double
lift_widen(int64 count)
{
	return sqrt((double) count / (double) (count - 1));
}

/* What each control brings. */
static void
lift_controls(LiftRun *run)
{
	LiftValues	values;
	LiftCell   *cell;
	int			cohort;
	int32		member;

	for (cohort = 0; cohort < run->ncohorts; cohort++)
	{
		for (member = 0; member < run->data->members; member++)
		{
			double		distance;

			if (member % LIFT_INTERRUPT_MEMBERS == 0)
				run->interrupt();
			cell = lift_control_cell(run, cohort, member, &values);
			if (cell == NULL || !cell->used)
				continue;
			if (!run->compared[member])
				run->controls++;
			run->compared[member] = true;
			distance = values.later - values.earlier - lift_cell_mean(cell);
			cell->squares += distance * distance;
			run->influence[member] -= distance *
				lift_widen(cell->controls) *
				((double) cell->treated / (double) cell->controls);
		}
	}
}

/*
 * What each treated member brings.  Gives the variance by parts and, squared
 * over their degrees of freedom, what Satterthwaite's formula divides by.
 */
static void
lift_treated(LiftRun *run, double *mean, double *parts, double *squared)
{
	ScoreMoments *strata = palloc0_array(ScoreMoments, run->data->strata);
	double		sum = 0.0;
	int64		i;
	int			stratum;

	for (i = 0; i < run->ncases; i++)
	{
		LiftCase   *one = &run->cases[i];
		LiftCell   *cell = lift_cell(run, one->cohort, one->stratum);
		LiftValues	values;

		if (i % LIFT_INTERRUPT_MEMBERS == 0)
			run->interrupt();
		if (!cell->used)
			continue;
		values = lift_values(run, one->member, one->day);
		one->difference = values.later - values.earlier -
			lift_cell_mean(cell);
		sum += one->difference;
		score_moments_add(&strata[one->stratum], one->difference);
	}
	*mean = sum / (double) run->matched;
	for (i = 0; i < run->ncases; i++)
	{
		LiftCase   *one = &run->cases[i];
		ScoreMoments *stratum_of = &strata[one->stratum];

		if (lift_cell(run, one->cohort, one->stratum)->used)
			run->influence[one->member] += lift_widen(stratum_of->count) *
				(one->difference - stratum_of->mean);
	}
	for (stratum = 0; stratum < run->data->strata; stratum++)
	{
		double		n = (double) strata[stratum].count;
		double		part;

		if (strata[stratum].count < LIFT_FEWEST)
			continue;
		part = n * strata[stratum].squares / (n - 1.0);
		*parts += part;
		*squared += part * part / (n - 1.0);
	}
	pfree(strata);
}

/* The degrees of freedom of the variance, after Satterthwaite. */
static double
lift_freedom(const LiftRun *run, double parts, double squared)
{
	int64		i;

	for (i = 0; i < (int64) run->ncohorts * run->data->strata; i++)
	{
		LiftCell   *cell = &run->cells[i];
		double		n = (double) cell->controls;
		double		part;

		if (!cell->used)
			continue;
		part = (double) cell->treated * (double) cell->treated *
			cell->squares / (n - 1.0) / n;
		parts += part;
		squared += part * part / (n - 1.0);
	}
	return squared > 0.0 ? parts * parts / squared : 1.0;
}

/* The estimate of a run whose cases have their cohorts and strata. */
static void
lift_estimate(LiftRun *run, ScoreEstimate *estimate)
{
	double		variance = 0.0;
	double		parts = 0.0;
	double		squared = 0.0;
	int32		member;

	run->cells = palloc_extended(sizeof(LiftCell) * run->ncohorts *
								 run->data->strata,
								 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	run->influence = palloc_extended(sizeof(double) * run->data->members,
									 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	run->compared = palloc_extended(sizeof(bool) * run->data->members,
									MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	lift_count(run);
	lift_choose(run);
	if (run->matched == 0)
		return;
	lift_controls(run);
	lift_treated(run, &estimate->value, &parts, &squared);
	for (member = 0; member < run->data->members; member++)
		variance += run->influence[member] * run->influence[member];
	variance /= (double) run->matched * (double) run->matched;
	score_set_interval(estimate, variance,
					   lift_freedom(run, parts, squared),
					   run->data->confidence);
}

/* The means, and how well the match is. */
static void
lift_describe(const LiftRun *run, ScoreLift *result)
{
	ScoreMoments before = {0};
	double		after = 0.0;
	double		earlier = 0.0;
	double		later = 0.0;
	double		deviation;
	int64		i;

	for (i = 0; i < run->ncases; i++)
	{
		const LiftCase *one = &run->cases[i];
		LiftCell   *cell = lift_cell(run, one->cohort, one->stratum);
		LiftValues	values;

		if (!cell->used)
			continue;
		values = lift_values(run, one->member, one->day);
		score_moments_add(&before, values.earlier);
		after += values.later;
		earlier += cell->earlier / (double) cell->controls;
		later += cell->later / (double) cell->controls;
	}
	result->before_treated = before.mean;
	result->after_treated = after / (double) run->matched;
	result->before_controls = earlier / (double) run->matched;
	result->after_controls = later / (double) run->matched;
	deviation = sqrt(before.squares / (double) (before.count - 1));
	result->has_imbalance = deviation > 0.0;
	if (result->has_imbalance)
		result->imbalance = (result->before_treated -
							 result->before_controls) / deviation;
}

/* A sort of all cases may take long. */
static inline void
lift_look(LiftRun *run)
{
	if (++run->compares % LIFT_INTERRUPT_COMPARES == 0)
		run->interrupt();
}

static int
lift_compare_cases(const void *a, const void *b, void *arg)
{
	const LiftCase *x = a;
	const LiftCase *y = b;

	lift_look(arg);
	if (x->day != y->day)
		return x->day < y->day ? -1 : 1;
	return (x->member > y->member) - (x->member < y->member);
}

static int
lift_compare_doubles(const void *a, const void *b, void *arg)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	lift_look(arg);
	return (x > y) - (x < y);
}

/* Number the cohorts of cases in order of days, and put cases into strata. */
static void
lift_arrange(LiftRun *run)
{
	int64		i;

	run->cohort_days = palloc_extended(sizeof(int32) * run->ncases,
									   MCXT_ALLOC_HUGE);
	run->ncohorts = 0;
	for (i = 0; i < run->ncases; i++)
	{
		LiftCase   *one = &run->cases[i];

		if (run->ncohorts == 0 ||
			run->cohort_days[run->ncohorts - 1] != one->day)
			run->cohort_days[run->ncohorts++] = one->day;
		one->cohort = run->ncohorts - 1;
		one->stratum = lift_stratum(run, lift_values(run, one->member,
													 one->day).match);
	}
}

/* Strata are cut where the treated are, so that each has as many of them. */
static void
lift_cut(LiftRun *run)
{
	int			strata = run->data->strata;
	double	   *values = palloc_extended(sizeof(double) * run->ncases,
										 MCXT_ALLOC_HUGE);
	double	   *cuts = palloc_array(double, strata);
	int64		i;

	for (i = 0; i < run->ncases; i++)
	{
		if (i % LIFT_INTERRUPT_MEMBERS == 0)
			run->interrupt();
		values[i] = lift_values(run, run->cases[i].member,
								run->cases[i].day).match;
	}
	qsort_arg(values, run->ncases, sizeof(double), lift_compare_doubles, run);
	for (i = 1; i < strata; i++)
		cuts[i - 1] = values[(i * run->ncases + strata - 1) / strata - 1];
	run->cuts = cuts;
	run->least = values[0];
	run->most = values[run->ncases - 1];
	pfree(values);
}

/* Has the treated member all its windows? */
bool
score_lift_eligible(const ScoreLiftData *data, int32 member)
{
	LiftRun		run = {.data = data};
	int32		day = data->treated[member];

	return day != SCORE_LIFT_NEVER && day + data->after < data->today &&
		lift_was_there(&run, member, day);
}

/* The treated members that have all their windows; the others are counted. */
static void
lift_find_cases(LiftRun *run, ScoreLift *result)
{
	const ScoreLiftData *data = run->data;
	int64		treated = 0;
	int32		member;

	for (member = 0; member < data->members; member++)
		treated += data->treated[member] != SCORE_LIFT_NEVER ? 1 : 0;
	run->cases = palloc_extended(sizeof(LiftCase) * Max(treated, 1),
								 MCXT_ALLOC_HUGE);
	for (member = 0; member < data->members; member++)
	{
		int32		day = data->treated[member];

		if (day == SCORE_LIFT_NEVER)
			continue;
		if (day + data->after >= data->today)
			result->unfinished++;
		else if (data->closed[member] <= day)
			result->closed++;
		else if (!lift_was_there(run, member, day))
			result->too_new++;
		else
		{
			run->cases[run->ncases].member = member;
			run->cases[run->ncases].day = day;
			run->ncases++;
		}
	}
	qsort_arg(run->cases, run->ncases, sizeof(LiftCase), lift_compare_cases,
			  run);
}

/*
 * The same estimate one window earlier, where there was no treatment yet: of
 * those who were there by then, with the same strata.
 */
static void
lift_placebo(const LiftRun *actual, ScoreLift *result)
{
	LiftRun		run = {
		.data = actual->data,.interrupt = actual->interrupt,
		.placebo = true,.cuts = actual->cuts,.least = actual->least,
		.most = actual->most
	};
	int64		i;

	run.cases = palloc_extended(sizeof(LiftCase) * actual->ncases,
								MCXT_ALLOC_HUGE);
	for (i = 0; i < actual->ncases; i++)
	{
		const LiftCase *one = &actual->cases[i];

		if (lift_was_there(&run, one->member, one->day))
			run.cases[run.ncases++] = *one;
	}
	if (run.ncases == 0)
		return;
	lift_arrange(&run);
	lift_estimate(&run, &result->placebo);
	result->placebo_matched = run.matched;
}

/* The whole.  Memory is left to the caller's context. */
void
score_lift(ScoreLift *result, const ScoreLiftData *data,
		   ScoreInterrupt interrupt)
{
	LiftRun		run = {.data = data,.interrupt = interrupt};

	memset(result, 0, sizeof(*result));
	lift_find_cases(&run, result);
	if (run.ncases == 0)
		return;
	lift_cut(&run);
	lift_arrange(&run);
	lift_estimate(&run, &result->effect);
	result->matched = run.matched;
	result->unmatched = run.ncases - run.matched;
	result->controls = run.controls;
	if (run.matched > 0)
		lift_describe(&run, result);
	lift_placebo(&run, result);
}
