/*
 * list - all credentials of a workspace, newest first, as the engine has them.
 * For this folder only.
 */
#ifndef ENGINE_CERTIFIER_LIST_H
#define ENGINE_CERTIFIER_LIST_H

#include "engine/action.h"

/* These two are rows of struct action_ops. */
void list_newest(struct action *a, const char *cursor, struct arena *memory,
		 struct http_request *out);
void list_page(struct action *a, const char *cursor, const struct http_response *response,
	       struct arena *memory, struct page *out);

#endif
