/*-------------------------------------------------------------------------
 *
 * ltv_fit_algo.c
 *	  Maximum likelihood for the models of lifetime value.
 *
 * Rows are sorted and equal ones merged, so that neither their order nor the
 * number of copies can change a bit of the result.  Times are scaled by their
 * mean, and so is spend, so that all parameters are of the size of one; their
 * logarithms, kept within a box, are what is searched, by BFGS with analytic
 * gradients.
 *
 * There need not be a maximum: where customers are too much alike, two
 * parameters grow without end while their ratio settles.  The walls of the
 * box stop them, and a ridge that is as good as level on its way to the wall
 * counts as having reached it.
 *
 * Pure: no server calls.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "score/ltv_algo.h"

#define SCORE_LTV_STEPS			200
#define SCORE_LTV_GRADIENT		1e-10	/* of the mean log-likelihood */
#define SCORE_LTV_HALVINGS		25
#define SCORE_LTV_NOISE			1e-13	/* relative, of a likelihood */
#define SCORE_LTV_LONGEST_STEP	2.0

/* Walls for logarithms of parameters; Pareto/NBD slows down farther out. */
#define SCORE_LTV_WALL			14.0
#define SCORE_PARETO_WALL		8.0

/* A parameter beyond is suspected of running away ... */
#define SCORE_LTV_SUSPECT		6.0

/* ... and convicted if the wall is no more than this less likely. */
#define SCORE_LTV_LEVEL			0.01

/* The comparisons between two looks at interrupts */
#define SCORE_LTV_COMPARISONS	65536

typedef struct ScoreLtvSearch
{
	ScoreLtvModel model;
	const ScoreLtvRow *rows;
	int64		count;
	double		customers;
	int			n;				/* parameters */
	double		wall;
	ScoreLtvInterrupt interrupt;
	double		x[SCORE_LTV_PARAMETERS];	/* logarithms */
	double		f;				/* less the mean log-likelihood */
	double		g[SCORE_LTV_PARAMETERS];
	double		h[SCORE_LTV_PARAMETERS][SCORE_LTV_PARAMETERS];
	int			iterations;
	int			evaluations;	/* of all searches */
} ScoreLtvSearch;

typedef struct ScoreLtvCompare
{
	ScoreLtvInterrupt interrupt;
	int			calls;
} ScoreLtvCompare;

int
score_ltv_parameter_count(ScoreLtvModel model)
{
	return model == SCORE_LTV_GAMMA ? 3 : 4;
}

static int
score_compare(double a, double b)
{
	return (a > b) - (a < b);
}

static int
score_ltv_compare(const void *first, const void *second, void *arg)
{
	const ScoreLtvRow *a = first;
	const ScoreLtvRow *b = second;
	ScoreLtvCompare *compare = arg;
	int			result;

	if (++compare->calls % SCORE_LTV_COMPARISONS == 0)
		compare->interrupt();
	result = score_compare(a->x, b->x);
	if (result == 0)
		result = score_compare(a->v, b->v);
	if (result == 0)
		result = score_compare(a->u, b->u);
	return result;
}

/* Sort the rows and merge equal ones; gives how many are left. */
int64
score_ltv_compress(ScoreLtvRow *rows, int64 count,
				   ScoreLtvInterrupt interrupt)
{
	ScoreLtvCompare compare = {interrupt, 0};
	int64		last = 0;
	int64		i;

	if (count == 0)
		return 0;
	qsort_arg(rows, count, sizeof(ScoreLtvRow), score_ltv_compare, &compare);
	for (i = 1; i < count; i++)
	{
		if (score_ltv_compare(&rows[last], &rows[i], &compare) == 0)
			rows[last].weight += rows[i].weight;
		else
			rows[++last] = rows[i];
	}
	return last + 1;
}

/* The mean of v, or of u, over customers: the unit of the search. */
static double
score_ltv_unit(ScoreLtvModel model, const ScoreLtvRow *rows, int64 count,
			   double customers)
{
	double		sum = 0.0;
	int64		i;

	for (i = 0; i < count; i++)
		sum += rows[i].weight / customers *
			(model == SCORE_LTV_GAMMA ? rows[i].u : rows[i].v);
	return sum;
}

/*
 * Less the mean log-likelihood at x, and its gradient by the logarithms.
 * Where it cannot be computed it is infinite.
 */
static double
score_ltv_evaluate(ScoreLtvSearch *search, const double *x, double *g)
{
	double		p[SCORE_LTV_PARAMETERS] = {0.0, 0.0, 0.0, 0.0};
	double		value;
	int			i;

	search->evaluations++;
	for (i = 0; i < search->n; i++)
		p[i] = exp(x[i]);
	value = score_ltv_log_likelihood(search->model, search->rows,
									 search->count, p, g, search->interrupt);
	for (i = 0; i < search->n; i++)
	{
		g[i] *= -p[i] / search->customers;
		if (!isfinite(g[i]))
			return INFINITY;
	}
	return isfinite(value) ? -value / search->customers : INFINITY;
}

/* Does a wall keep this parameter from going where it would? */
static bool
score_ltv_blocked(const ScoreLtvSearch *search, int i)
{
	return (search->x[i] >= search->wall && search->g[i] < 0.0) ||
		(search->x[i] <= -search->wall && search->g[i] > 0.0);
}

static void
score_ltv_reset(ScoreLtvSearch *search)
{
	int			i;

	memset(search->h, 0, sizeof(search->h));
	for (i = 0; i < search->n; i++)
		search->h[i][i] = 1.0;
}

/* The steepness among the parameters that are free to move. */
static double
score_ltv_slope(const ScoreLtvSearch *search)
{
	double		largest = 0.0;
	int			i;

	for (i = 0; i < search->n; i++)
	{
		if (!score_ltv_blocked(search, i))
			largest = Max(largest, fabs(search->g[i]));
	}
	return largest;
}

/* A direction downhill, within reason; gives its slope. */
static double
score_ltv_direction(ScoreLtvSearch *search, double *d)
{
	double		slope = 0.0;
	double		longest = 0.0;
	int			i;
	int			j;

	for (i = 0; i < search->n; i++)
	{
		d[i] = 0.0;
		if (score_ltv_blocked(search, i))
			continue;
		for (j = 0; j < search->n; j++)
		{
			if (!score_ltv_blocked(search, j))
				d[i] -= search->h[i][j] * search->g[j];
		}
		longest = Max(longest, fabs(d[i]));
		slope += d[i] * search->g[i];
	}
	if (longest > SCORE_LTV_LONGEST_STEP)
	{
		for (i = 0; i < search->n; i++)
			d[i] *= SCORE_LTV_LONGEST_STEP / longest;
		slope *= SCORE_LTV_LONGEST_STEP / longest;
	}
	return slope;
}

/* Teach the inverse of the curvature what the step from x to y has shown. */
static void
score_ltv_learn(ScoreLtvSearch *search, const double *y, const double *g)
{
	double		s[SCORE_LTV_PARAMETERS];
	double		t[SCORE_LTV_PARAMETERS];
	double		ht[SCORE_LTV_PARAMETERS];
	double		st = 0.0;
	double		tht = 0.0;
	double		tt = 0.0;
	int			n = search->n;
	int			i;
	int			j;

	for (i = 0; i < n; i++)
	{
		s[i] = y[i] - search->x[i];
		t[i] = g[i] - search->g[i];
		st += s[i] * t[i];
		tt += t[i] * t[i];
	}
	if (!(st > DBL_EPSILON * tt))
		return;
	/* the first step also shows the scale */
	if (search->iterations == 1)
	{
		for (i = 0; i < n; i++)
			search->h[i][i] = st / tt;
	}
	for (i = 0; i < n; i++)
	{
		ht[i] = 0.0;
		for (j = 0; j < n; j++)
			ht[i] += search->h[i][j] * t[j];
		tht += t[i] * ht[i];
	}
	for (i = 0; i < n; i++)
	{
		for (j = 0; j < n; j++)
			search->h[i][j] += (1.0 + tht / st) * s[i] * s[j] / st -
				(ht[i] * s[j] + s[i] * ht[j]) / st;
	}
}

/*
 * Go along d as far as the likelihood grows enough, and stay inside of the
 * box.  Near the summit the likelihood is level within its rounding, and a
 * smaller slope counts as progress.
 */
static bool
score_ltv_step(ScoreLtvSearch *search, const double *d, double slope)
{
	double		noise = SCORE_LTV_NOISE * (fabs(search->f) + 1.0);
	double		steep = score_ltv_slope(search);
	double		length = 1.0;
	int			tries;
	int			i;

	for (tries = 0; tries < SCORE_LTV_HALVINGS; tries++, length /= 2.0)
	{
		double		x[SCORE_LTV_PARAMETERS];
		double		g[SCORE_LTV_PARAMETERS];
		double		f;
		double		now = 0.0;

		for (i = 0; i < search->n; i++)
			x[i] = Max(-search->wall,
					   Min(search->wall, search->x[i] + length * d[i]));
		f = score_ltv_evaluate(search, x, g);
		for (i = 0; i < search->n; i++)
		{
			if (d[i] != 0.0)
				now = Max(now, fabs(g[i]));
		}
		if (f <= search->f + 1e-4 * length * slope ||
			(f <= search->f + noise && now < 0.9 * steep))
		{
			score_ltv_learn(search, x, g);
			memcpy(search->x, x, sizeof(x));
			memcpy(search->g, g, sizeof(g));
			search->f = f;
			return true;
		}
	}
	return false;
}

static bool
score_ltv_at_wall(const ScoreLtvSearch *search)
{
	int			i;

	for (i = 0; i < search->n; i++)
	{
		if (fabs(search->x[i]) >= search->wall)
			return true;
	}
	return false;
}

/*
 * Search from x on until nothing is to be gained, or a wall is reached: what
 * there is to know is then known, and the way along it may be long.
 */
static void
score_ltv_climb(ScoreLtvSearch *search)
{
	bool		fresh = true;

	search->f = score_ltv_evaluate(search, search->x, search->g);
	score_ltv_reset(search);
	for (search->iterations = 0; search->iterations < SCORE_LTV_STEPS;)
	{
		double		d[SCORE_LTV_PARAMETERS];
		double		slope;

		if (score_ltv_slope(search) <= SCORE_LTV_GRADIENT ||
			score_ltv_at_wall(search))
			return;
		slope = score_ltv_direction(search, d);
		search->iterations++;
		if (slope < 0.0 && score_ltv_step(search, d, slope))
		{
			fresh = false;
			continue;
		}
		/* what was learnt may mislead; without it there is no way down */
		if (fresh)
			return;
		score_ltv_reset(search);
		fresh = true;
	}
}

/*
 * Do parameters i and j, or either, run away?  Tries how likely the place is
 * where they would meet the wall, with their ratio as it is.
 */
static bool
score_ltv_runs_away(ScoreLtvSearch *search, int i, int j)
{
	double		x[SCORE_LTV_PARAMETERS];
	double		g[SCORE_LTV_PARAMETERS];
	double		high = Max(search->x[i], search->x[j]);
	double		low = Min(search->x[i], search->x[j]);
	double		shift;
	double		f;

	if (high >= search->wall || low <= -search->wall)
		return true;
	if (high < SCORE_LTV_SUSPECT && low > -SCORE_LTV_SUSPECT)
		return false;
	memcpy(x, search->x, sizeof(x));
	if (high >= SCORE_LTV_SUSPECT)
	{
		shift = search->wall - high;
		x[i] += shift;
		x[j] += shift;
	}
	else
		x[search->x[i] < search->x[j] ? i : j] = -search->wall;
	f = score_ltv_evaluate(search, x, g);
	return (f - search->f) * search->customers <= SCORE_LTV_LEVEL;
}

static int
score_ltv_ridges(ScoreLtvSearch *search)
{
	int			ridges = SCORE_LTV_NO_RIDGE;

	if (search->model == SCORE_LTV_GAMMA)
	{
		if (score_ltv_runs_away(search, 0, 2))
			ridges |= SCORE_LTV_FIRST_RIDGE;
		if (score_ltv_runs_away(search, 1, 2))
			ridges |= SCORE_LTV_SECOND_RIDGE;
	}
	else
	{
		if (score_ltv_runs_away(search, 0, 1))
			ridges |= SCORE_LTV_FIRST_RIDGE;
		if (score_ltv_runs_away(search, 2, 3))
			ridges |= SCORE_LTV_SECOND_RIDGE;
	}
	return ridges;
}

/*
 * Are there data to speak of?  As many distinct rows as parameters, and
 * purchases that were repeated.
 */
static bool
score_ltv_enough(const ScoreLtvSearch *search, double unit)
{
	return search->count >= search->n && isfinite(unit) && unit > 0.0 &&
		search->rows[search->count - 1].x > 0.0;
}

/*
 * The best of a few starts, in a fixed order.  One is enough unless it leads
 * to a wall, from which another may lead away.
 */
static int
score_ltv_search(ScoreLtvSearch *search)
{
	static const double starts[][SCORE_LTV_PARAMETERS] = {
		{0.0, 0.0, 0.0, 0.0},
		{-1.0, -1.0, -0.5, 1.0}
	};
	ScoreLtvSearch best;
	int			best_ridges = SCORE_LTV_NO_RIDGE;
	int			ridges;
	int			i;

	for (i = 0; i < lengthof(starts); i++)
	{
		memcpy(search->x, starts[i], sizeof(search->x));
		score_ltv_climb(search);
		ridges = score_ltv_ridges(search);
		if (i == 0 || search->f < best.f - 1e-9)
		{
			best = *search;
			best_ridges = ridges;
		}
		if (best_ridges == SCORE_LTV_NO_RIDGE)
			break;
	}
	best.evaluations = search->evaluations;
	*search = best;
	return best_ridges;
}

/* From the units of the search to those of the data. */
static void
score_ltv_give(ScoreLtvFit *fit, const ScoreLtvSearch *search, double unit)
{
	double		scaled = 0.0;
	int64		i;

	for (i = 0; i < search->n; i++)
		fit->parameters[i] = exp(search->x[i]);
	if (search->model == SCORE_LTV_GAMMA)
	{
		fit->parameters[2] *= unit;
		scaled = search->customers;
	}
	else
	{
		fit->parameters[1] *= unit;
		if (search->model == SCORE_LTV_PARETO)
			fit->parameters[3] *= unit;
		/* each repeat is a density over time */
		for (i = 0; i < search->count; i++)
			scaled += search->rows[i].weight * search->rows[i].x;
	}
	fit->log_likelihood = -search->f * search->customers - scaled * log(unit);
	fit->iterations = search->iterations;
	fit->evaluations = search->evaluations;
}

/*
 * Fit a model.  The rows, which are changed, must be valid: those of spend
 * have x > 0 and u > 0, those of purchases 0 <= u <= v, and u > 0 exactly
 * where x > 0.
 */
void
score_ltv_fit(ScoreLtvFit *fit, ScoreLtvModel model, ScoreLtvRow *rows,
			  int64 count, ScoreLtvInterrupt interrupt)
{
	ScoreLtvSearch search;
	double		unit;
	int64		i;

	memset(fit, 0, sizeof(*fit));
	memset(&search, 0, sizeof(search));
	search.model = model;
	search.n = score_ltv_parameter_count(model);
	search.wall = model == SCORE_LTV_PARETO ? SCORE_PARETO_WALL :
		SCORE_LTV_WALL;
	search.interrupt = interrupt;
	search.rows = rows;
	search.count = score_ltv_compress(rows, count, interrupt);
	for (i = 0; i < search.count; i++)
		search.customers += rows[i].weight;
	fit->customers = search.customers;
	fit->distinct = search.count;
	fit->status = SCORE_LTV_TOO_LITTLE;

	unit = score_ltv_unit(model, rows, search.count, search.customers);
	if (!score_ltv_enough(&search, unit))
		return;
	for (i = 0; i < search.count; i++)
	{
		rows[i].u /= unit;
		rows[i].v /= unit;
	}
	fit->ridges = score_ltv_search(&search);
	fit->status = fit->ridges == SCORE_LTV_NO_RIDGE ? SCORE_LTV_CONVERGED :
		SCORE_LTV_BOUNDARY;
	score_ltv_give(fit, &search, unit);
}
