#include "engine/cli/live.h"

#include "base/json.h"

void live_add(struct str *out, struct query *q, bool json)
{
	size_t n = 0;

	str_add_text(out, json ? "[" : "(live: ");
	for (; query_next(q); n++) {
		str_add_text(out, n ? (json ? "," : ", ") : "");
		if (!json) {
			str_addf(out, "%.*s %.*s", SLICE_FMT(query_slice(q, 0)),
				 SLICE_FMT(query_slice(q, 1)));
			continue;
		}
		str_add_text(out, "{\"rule\":");
		str_add_json(out, query_slice(q, 0));
		str_add_text(out, ",\"state\":");
		str_add_json(out, query_slice(q, 1));
		str_add_char(out, '}');
	}
	str_add_text(out, json ? "]" : n ? ")" : "nothing)");
}
