/*-------------------------------------------------------------------------
 *
 * ltv_likelihood_algo.c
 *	  Log-likelihoods of the models of lifetime value, and their gradients.
 *
 * Rows come sorted by x, so what depends on x alone, the gamma functions, is
 * computed once for each x and not for each row.  Sums are taken in blocks:
 * a block's sum is added to the total only when it is complete, which keeps
 * small terms from being lost in a large total.
 *
 * Pure: no server calls.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "score/ltv_algo.h"
#include "score/special_algo.h"

#define SCORE_LTV_BLOCK			4096
#define SCORE_PARETO_BLOCK		512

/* Value and gradient by each parameter of one row, or the sum of some */
typedef struct ScoreLtvSum
{
	double		value;
	double		by[SCORE_LTV_PARAMETERS];
} ScoreLtvSum;

/* What depends on x alone, and the model's own precomputed numbers */
typedef struct ScoreLtvGroup
{
	ScoreLtvSum each;			/* to be added for every customer */
	double		p[SCORE_LTV_PARAMETERS];
	double		x;
	double		odds;			/* log of the odds of having left, at once */
	double		by_b;			/* their derivative by b */
	ScoreFraction *fraction;
} ScoreLtvGroup;

typedef void (*ScoreLtvBegin) (ScoreLtvGroup *group);
typedef void (*ScoreLtvAdd) (ScoreLtvSum *sum, ScoreLtvGroup *group,
							 const ScoreLtvRow *row);

/* What BG/NBD and MBG/NBD share for one x. */
static void
score_bg_group(ScoreLtvGroup *group, double shift)
{
	ScoreLtvSum *each = &group->each;
	double		r = group->p[0];
	double		alpha = group->p[1];
	double		a = group->p[2];
	double		b = group->p[3];
	double		stays = group->x + shift;
	double		slope;
	double		slope_b;

	each->value = score_log_rising(r, group->x, &each->by[0]) +
		r * log(alpha);
	each->by[0] += log(alpha);
	each->by[1] = r / alpha;
	each->value += score_log_rising(b, stays, &slope_b);
	each->value -= score_log_rising(a + b, stays, &slope);
	each->by[2] = -slope;
	each->by[3] = slope_b - slope;
	group->odds = log(a / (b + stays - 1.0));
	group->by_b = -1.0 / (b + stays - 1.0);
}

static void
score_begin_bg(ScoreLtvGroup *group)
{
	score_bg_group(group, 0.0);
}

static void
score_begin_mbg(ScoreLtvGroup *group)
{
	score_bg_group(group, 1.0);
}

/* log(1 + exp(d)), and the share of the second term in the first */
static inline double
score_log_one_plus_exp(double d, double *share)
{
	double		e;

	if (d <= 0.0)
	{
		e = exp(d);
		*share = e / (1.0 + e);
		return log1p(e);
	}
	e = exp(-d);
	*share = 1.0 / (1.0 + e);
	return d + log1p(e);
}

/*
 * One row of either: log[(alpha+T)^-(r+x) + odds (alpha+t_x)^-(r+x)].
 */
static inline void
score_add_either(ScoreLtvSum *sum, ScoreLtvGroup *group,
				 const ScoreLtvRow *row)
{
	double		n = group->p[0] + group->x;
	double		alpha = group->p[1];
	double		early = alpha + row->u;
	double		late = alpha + row->v;
	double		log_late = log(late);
	double		gain = log(late / early);
	double		w = row->weight;
	double		left;
	double		value;

	value = score_log_one_plus_exp(group->odds + n * gain, &left);
	sum->value += w * (value - n * log_late);
	sum->by[0] += w * (left * gain - log_late);
	sum->by[1] -= w * n * ((1.0 - left) / late + left / early);
	sum->by[2] += w * left / group->p[2];
	sum->by[3] += w * left * group->by_b;
}

/* In BG/NBD nobody leaves before the first repeat. */
static void
score_add_bg(ScoreLtvSum *sum, ScoreLtvGroup *group, const ScoreLtvRow *row)
{
	double		late;
	double		w = row->weight;

	if (group->x > 0.0)
	{
		score_add_either(sum, group, row);
		return;
	}
	late = group->p[1] + row->v;
	sum->value -= w * group->p[0] * log(late);
	sum->by[0] -= w * log(late);
	sum->by[1] -= w * group->p[0] / late;
}

static void
score_add_mbg(ScoreLtvSum *sum, ScoreLtvGroup *group, const ScoreLtvRow *row)
{
	score_add_either(sum, group, row);
}

static void
score_begin_pareto(ScoreLtvGroup *group)
{
	ScoreLtvSum *each = &group->each;
	double		r = group->p[0];
	double		alpha = group->p[1];
	double		s = group->p[2];
	double		beta = group->p[3];

	each->value = score_log_rising(r, group->x, &each->by[0]) +
		r * log(alpha) + s * log(beta);
	each->by[0] += log(alpha);
	each->by[1] = r / alpha;
	each->by[2] = log(beta);
	each->by[3] = s / beta;
	score_fraction_start(group->fraction,
						 alpha >= beta ? r + group->x : s + 1.0,
						 r + group->x + s);
}

/*
 * The logarithm of I(y), the integral of (alpha+u)^-p (beta+u)^-q over u from
 * y on, with p = r + x and q = s + 1, and its derivatives by r, alpha, s and
 * beta.  With A = alpha + y, B = beta + y, the smaller m and the larger M,
 *
 *	I = A^-p B^-q m / R * F,	R = p + q - 1,
 *	F = 2F1(1, c; R + 1; z),	z = 1 - m/M,	c the exponent of M.
 *
 * The derivatives by alpha and beta need no more than I: together they are
 * -A^-p B^-q, what moving y gives, and I is homogeneous in A and B.
 */
static void
score_pareto_integral(ScoreLtvSum *result, ScoreLtvGroup *group, double y)
{
	ScoreFractionValue f;
	double		first = group->p[1] + y;
	double		second = group->p[3] + y;
	bool		second_smaller = group->p[1] >= group->p[3];
	double		smaller = second_smaller ? second : first;
	double		larger = second_smaller ? first : second;
	double		p = group->p[0] + group->x;
	double		q = group->p[2] + 1.0;
	double		order = p + q - 1.0;
	double		z = fabs(group->p[1] - group->p[3]) / larger;
	double		log_first = log(first);
	double		log_second = log(second);
	double		by_a;
	double		by_order;
	double		both;
	double		by_smaller;

	score_fraction_value(group->fraction, z, &f);
	by_a = f.by_a / f.value;
	by_order = f.by_c / f.value - 1.0 / order;
	result->value = -p * log_first - q * log_second +
		log(smaller / order * f.value);
	result->by[0] = -log_first + by_order + (second_smaller ? by_a : 0.0);
	result->by[2] = -log_second + by_order + (second_smaller ? 0.0 : by_a);

	both = order / (smaller * f.value);
	if (z > 1e-4)
		by_smaller = order / larger *
			(1.0 / ((1.0 - z) * f.value) - 1.0) / z;
	else
	{
		/* the first terms in z of the same, which has lost its digits */
		double		a = group->fraction->a;
		double		f1 = a / (order + 1.0);
		double		f2 = f1 * (a + 1.0) / (order + 2.0);

		by_smaller = order / larger * (1.0 - f1 + (f1 - f2) * z) /
			((1.0 - z) * f.value);
	}
	result->by[1] = -(second_smaller ? both - by_smaller : by_smaller);
	result->by[3] = -(second_smaller ? by_smaller : both - by_smaller);
}

/*
 * One row: log[E + s I(t_x) - s I(T)], E = (alpha+T)^-(r+x) (beta+T)^-s, from
 * the logarithms of the three.
 */
static void
score_add_pareto(ScoreLtvSum *sum, ScoreLtvGroup *group,
				 const ScoreLtvRow *row)
{
	ScoreLtvSum from;
	ScoreLtvSum to;
	double		n = group->p[0] + group->x;
	double		s = group->p[2];
	double		first = group->p[1] + row->v;
	double		second = group->p[3] + row->v;
	double		alive[SCORE_LTV_PARAMETERS];
	double		base = -n * log(first) - s * log(second);
	double		rho;
	double		left;
	double		value;
	double		w_from = 0.0;
	double		w_to = 0.0;
	int			i;

	alive[0] = -log(first);
	alive[1] = -n / first;
	alive[2] = -log(second);
	alive[3] = -s / second;
	if (row->u < row->v)
	{
		score_pareto_integral(&from, group, row->u);
		score_pareto_integral(&to, group, row->v);
		rho = from.value + log(s) - base +
			log(-expm1(Min(to.value - from.value, -1e-300)));
		value = base + score_log_one_plus_exp(rho, &left);
		w_from = exp(from.value + log(s) - value);
		w_to = exp(to.value + log(s) - value);
	}
	else
	{
		memset(&from, 0, sizeof(from));
		memset(&to, 0, sizeof(to));
		value = base;
		left = 0.0;
	}
	sum->value += row->weight * value;
	for (i = 0; i < SCORE_LTV_PARAMETERS; i++)
		sum->by[i] += row->weight *
			((1.0 - left) * alive[i] + w_from * from.by[i] - w_to * to.by[i] +
			 (i == 2 ? left / s : 0.0));
}

/* What depends on x alone; the mean spend is u, p and q and gamma follow. */
static void
score_begin_gamma(ScoreLtvGroup *group)
{
	ScoreLtvSum *each = &group->each;
	double		p = group->p[0];
	double		q = group->p[1];
	double		px = p * group->x;
	double		together = score_digamma(px + q);

	each->value = score_log_gamma(px + q) - score_log_gamma(px) -
		score_log_gamma(q);
	each->by[0] = group->x * (together - score_digamma(px));
	each->by[1] = together - score_digamma(q);
	each->by[2] = 0.0;
	each->by[3] = 0.0;
}

static void
score_add_gamma(ScoreLtvSum *sum, ScoreLtvGroup *group,
				const ScoreLtvRow *row)
{
	double		px = group->p[0] * group->x;
	double		q = group->p[1];
	double		gamma = group->p[2];
	double		spent = group->x * row->u;
	double		w = row->weight;
	double		own;
	double		others;

	/* each the smaller part as log1p, or a far larger one drowns it */
	own = -log1p(gamma / spent);
	others = -log1p(spent / gamma);
	sum->value += w * (px * own + q * others - log(row->u));
	sum->by[0] += w * group->x * own;
	sum->by[1] += w * others;
	sum->by[2] += w * (q * spent / gamma - px) / (spent + gamma);
}

static const struct
{
	ScoreLtvBegin begin;
	ScoreLtvAdd add;
	int			block;
}			score_ltv_functions[SCORE_LTV_MODELS] = {
	{score_begin_bg, score_add_bg, SCORE_LTV_BLOCK},
	{score_begin_mbg, score_add_mbg, SCORE_LTV_BLOCK},
	{score_begin_pareto, score_add_pareto, SCORE_PARETO_BLOCK},
	{score_begin_gamma, score_add_gamma, SCORE_LTV_BLOCK}
};

static void
score_ltv_add_sum(ScoreLtvSum *total, const ScoreLtvSum *part, double weight)
{
	int			i;

	total->value += weight * part->value;
	for (i = 0; i < SCORE_LTV_PARAMETERS; i++)
		total->by[i] += weight * part->by[i];
}

/*
 * The log-likelihood of all rows, which are sorted by x, and its gradient by
 * the parameters.
 */
double
score_ltv_log_likelihood(ScoreLtvModel model, const ScoreLtvRow *rows,
						 int64 count, const double *parameters,
						 double *gradient, ScoreLtvInterrupt interrupt)
{
	ScoreFraction fraction;
	ScoreLtvGroup group;
	ScoreLtvSum total;
	int64		i = 0;

	memset(&total, 0, sizeof(total));
	memset(&group, 0, sizeof(group));
	memcpy(group.p, parameters, sizeof(group.p));
	group.fraction = &fraction;
	while (i < count)
	{
		ScoreLtvSum part;
		double		weight = 0.0;
		int64		end = Min(count, i + score_ltv_functions[model].block);

		interrupt();
		if (i == 0 || rows[i].x != group.x)
		{
			group.x = rows[i].x;
			score_ltv_functions[model].begin(&group);
		}
		memset(&part, 0, sizeof(part));
		for (; i < end && rows[i].x == group.x; i++)
		{
			score_ltv_functions[model].add(&part, &group, &rows[i]);
			weight += rows[i].weight;
		}
		score_ltv_add_sum(&total, &part, 1.0);
		score_ltv_add_sum(&total, &group.each, weight);
	}
	memcpy(gradient, total.by, sizeof(total.by));
	return total.value;
}
