/*-------------------------------------------------------------------------
 *
 * concentration_algo.h
 *	  How unequally is a total shared?
 *
 * Arrays in, numbers out.  All values are finite and not negative.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_SCORE_CONCENTRATION_ALGO_H
#define COMMUNITY_SCORE_CONCENTRATION_ALGO_H

/*
 * Called every SCORE_INTERRUPT_ROWS values at the latest, so that the caller
 * can leave by an error.
 */
typedef void (*ScoreInterrupt) (void);

#define SCORE_INTERRUPT_ROWS	((int64) 1 << 20)

extern void score_sort_doubles(double *values, double *scratch, int64 count,
							   ScoreInterrupt interrupt);
extern bool score_gini(double *result, const double *sorted, int64 count,
					   ScoreInterrupt interrupt);
extern bool score_top_share(double *result, const double *sorted, int64 count,
							double fraction, ScoreInterrupt interrupt);
extern bool score_lorenz(double *curve, int32 points, const double *sorted,
						 int64 count, ScoreInterrupt interrupt);
extern bool score_herfindahl(double *result, const double *sorted,
							 int64 count, ScoreInterrupt interrupt);
extern bool score_absence_factor(int64 *result, const double *sorted,
								 int64 count, double share,
								 ScoreInterrupt interrupt);
extern bool score_participation(double *shares, const double *sorted,
								int64 count, double lower, double upper,
								ScoreInterrupt interrupt);

#endif							/* COMMUNITY_SCORE_CONCENTRATION_ALGO_H */
