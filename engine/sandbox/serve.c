/*
 * serve - a server's requests and answers as the sandbox has them.
 */
#include "engine/sandbox/serve.h"

#include <stdio.h>

const struct server_limits serve_limits = {
	.body_bytes = 8u * 1024 * 1024,
	.connections = 512,
	.idle_seconds = 60,
};

static void give(const struct sandbox_answer *from, struct server_answer *to)
{
	to->status = from->status;
	to->type = from->body.len && from->body.ptr[0] == '<' ? "text/html;charset=utf-8" : NULL;
	str_add(&to->body, from->body.ptr, from->body.len);
	for (size_t i = 0; i < SERVER_HEADERS; i++)
		snprintf(to->header[i], sizeof(to->header[i]), "%s", from->header[i]);
	to->delivery = from->delivery == SANDBOX_CUT	   ? SERVER_CUT
		       : from->delivery == SANDBOX_TIMEOUT ? SERVER_NEVER
							   : SERVER_WHOLE;
}

void serve_request(struct sandbox *sb, int64_t now_ms, const struct server_request *request,
		   struct server_answer *answer)
{
	struct sandbox_request r = {
		.method = request->method,
		.path = request->path,
		.query = request->query,
		.authorization = server_header(request, "Authorization"),
		.certifier_version = server_header(request, "Certifier-Version"),
		.body = request->body,
	};
	struct sandbox_answer its = { .status = 500 };

	sandbox_call(sb, now_ms, &r, &its);
	give(&its, answer);
	str_release(&its.body);
}
