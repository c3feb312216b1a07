#include "engine/sandbox/inside.h"
void page_serve(struct call *call) { call_reply_text(call, 404, ""); }
