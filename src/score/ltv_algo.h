/*-------------------------------------------------------------------------
 *
 * ltv_algo.h
 *	  Models of lifetime value: fits to purchase histories, and what they
 *	  predict.
 *
 * BG/NBD (Fader, Hardie, Lee 2005), MBG/NBD (Batislam et al. 2007),
 * Pareto/NBD (Schmittlein, Morrison, Colombo 1987) and Gamma-Gamma (Fader,
 * Hardie, Lee 2005).  Numbers in, numbers out.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_SCORE_LTV_ALGO_H
#define COMMUNITY_SCORE_LTV_ALGO_H

typedef enum ScoreLtvModel
{
	SCORE_LTV_BG,
	SCORE_LTV_MBG,
	SCORE_LTV_PARETO,
	SCORE_LTV_GAMMA,
	SCORE_LTV_MODELS
} ScoreLtvModel;

/*
 * Parameters in the order of the literature: r, alpha, a, b or r, alpha, s,
 * beta or p, q, gamma.
 */
#define SCORE_LTV_PARAMETERS	4

/*
 * What is known of a customer, or of several who are alike.  Of purchases: x
 * repeats, the last after u, the customer known for v.  Of spend: x repeats
 * of u on average, v unused.
 */
typedef struct ScoreLtvRow
{
	double		x;
	double		u;
	double		v;
	double		weight;
} ScoreLtvRow;

/* Called at least every few milliseconds, to leave by an error. */
typedef void (*ScoreLtvInterrupt) (void);

typedef enum ScoreLtvStatus
{
	SCORE_LTV_CONVERGED,
	SCORE_LTV_BOUNDARY,
	SCORE_LTV_TOO_LITTLE
} ScoreLtvStatus;

/* Which parameters run away; the ratio of the two goes on to mean something */
typedef enum ScoreLtvRidge
{
	SCORE_LTV_NO_RIDGE = 0,
	SCORE_LTV_FIRST_RIDGE = 1,	/* r and alpha, or p and gamma */
	SCORE_LTV_SECOND_RIDGE = 2	/* a and b, s and beta, or q and gamma */
} ScoreLtvRidge;

typedef struct ScoreLtvFit
{
	ScoreLtvStatus status;
	int			ridges;			/* of ScoreLtvRidge, when on the boundary */
	double		parameters[SCORE_LTV_PARAMETERS];
	double		log_likelihood;
	int			iterations;
	int			evaluations;
	double		customers;
	int64		distinct;
} ScoreLtvFit;

/* ltv_fit_algo.c */
extern int64 score_ltv_compress(ScoreLtvRow *rows, int64 count,
								ScoreLtvInterrupt interrupt);
extern void score_ltv_fit(ScoreLtvFit *fit, ScoreLtvModel model,
						  ScoreLtvRow *rows, int64 count,
						  ScoreLtvInterrupt interrupt);
extern int	score_ltv_parameter_count(ScoreLtvModel model);

/* ltv_likelihood_algo.c */
extern double score_ltv_log_likelihood(ScoreLtvModel model,
									   const ScoreLtvRow *rows, int64 count,
									   const double *parameters,
									   double *gradient,
									   ScoreLtvInterrupt interrupt);

/* ltv_predict_algo.c */
extern double score_ltv_p_alive(ScoreLtvModel model, const double *p,
								double x, double t_x, double t);
extern bool score_ltv_purchases(double *result, ScoreLtvModel model,
								const double *p, double x, double t_x,
								double t, double horizon,
								ScoreLtvInterrupt interrupt);
extern double score_ltv_spend(const double *p, double x, double mean);
extern double score_ltv_discounted(const double *p, double x, double t_x,
								   double t, double rate);
extern double score_ltv_probability(ScoreLtvModel model, const double *p,
									double n, double t,
									ScoreLtvInterrupt interrupt);

#endif							/* COMMUNITY_SCORE_LTV_ALGO_H */
