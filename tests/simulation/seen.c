/*
 * seen - which rows of lists the program surely knows: the model asks for what becomes of them.
 */
#include "tests/simulation/simulation.h"

#define PAGE_ROWS 250 /* HubSpot's most */

void seen_note(struct life *l, int64_t list, int64_t asked_ms)
{
	for (size_t i = 0; i < l->portal.lists; i++) {
		struct model_list *m = l->portal.list[i];
		for (size_t k = 0; m->id == list && m->rows <= PAGE_ROWS && k < m->rows; k++) {
			struct model_row *row = &m->row[k];
			bool there = row->left_ms == INT64_MAX &&
				     model_end(row->who, row->at_ms) == INT64_MAX;
			if (!row->seen_ms && row->shows_ms <= asked_ms && there)
				row->seen_ms = l->sim.now_ms;
		}
	}
}

void seen_forget(struct life *l)
{
	for (size_t i = 0; i < l->portal.lists; i++)
		for (size_t k = 0; k < l->portal.list[i]->rows; k++)
			l->portal.list[i]->row[k].seen_ms = 0;
}
