/*-------------------------------------------------------------------------
 *
 * special_algo.h
 *	  Functions that libm lacks and the models of lifetime value need.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_SCORE_SPECIAL_ALGO_H
#define COMMUNITY_SCORE_SPECIAL_ALGO_H

/*
 * Coefficients of the continued fraction of 2F1(1, a; c + 1; z), which depend
 * on a and c alone, and their derivatives by a and by c.
 */
#define SCORE_FRACTION_TERMS	4096

typedef struct ScoreFraction
{
	double		a;
	double		c;
	int			count;			/* coefficients that are known */
	double		u[SCORE_FRACTION_TERMS];
	double		u_a[SCORE_FRACTION_TERMS];
	double		u_c[SCORE_FRACTION_TERMS];
} ScoreFraction;

/* A function value, and its derivatives by a and c */
typedef struct ScoreFractionValue
{
	double		value;
	double		by_a;
	double		by_c;
} ScoreFractionValue;

extern double score_log_gamma(double x);
extern double score_digamma(double x);
extern double score_log_rising(double z, double n, double *derivative);
extern double score_hyper(double a, double c, double z);
extern void score_fraction_start(ScoreFraction *fraction, double a, double c);
extern void score_fraction_value(ScoreFraction *fraction, double z,
								 ScoreFractionValue *result);
extern double score_exp_integral(double s, double y);

#endif							/* COMMUNITY_SCORE_SPECIAL_ALGO_H */
