/*
 * page - what the parts of the status page share.
 */
#ifndef ENGINE_ADMIN_PAGE_H
#define ENGINE_ADMIN_PAGE_H

#include "engine/admin/html.h"
#include "engine/admin/view.h"
#include "engine/recent.h"

/* Fired in each slot, as bars. */
void plot_bars(struct str *out, const struct recent_rule *r);
/* The delays of seven days: half of them within the line, 95 of 100 within the strokes. */
void plot_delays(struct str *out, const char *title, const struct recent *r,
		 const struct recent_delay delay[RECENT_SLOTS]);
/* So much of a budget is left. */
void plot_budget(struct str *out, const struct budget_report *b);

/* Issuances that a person has to look at, with the next step. */
void page_parked(const struct admin_view *v, struct str *out);

#endif
