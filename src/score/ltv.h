/*-------------------------------------------------------------------------
 *
 * ltv.h
 *	  Parameters of models of lifetime value, as SQL has them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef COMMUNITY_SCORE_LTV_H
#define COMMUNITY_SCORE_LTV_H

#include "funcapi.h"

#include "core/compat.h"
#include "score/ltv_algo.h"

/* Fields of the composite type ltv_parameters: the model, then nine numbers */
#define SCORE_LTV_FIELDS		10

typedef struct ScoreLtvParameters
{
	ScoreLtvModel model;
	double		p[SCORE_LTV_PARAMETERS];
} ScoreLtvParameters;

extern const char *score_ltv_model_name(ScoreLtvModel model);
extern ScoreLtvModel score_ltv_model_named(text *name);
extern void score_ltv_read_parameters(ScoreLtvParameters *result,
									  HeapTupleHeader row);
extern Datum score_ltv_form_parameters(TupleDesc tupdesc,
									   const ScoreLtvParameters *parameters);
extern void score_ltv_check_interrupts(void);

#endif							/* COMMUNITY_SCORE_LTV_H */
