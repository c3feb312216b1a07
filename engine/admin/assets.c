/*
 * assets - what the status page loads: its own style and sign, and nothing else.
 */
#include "engine/admin/view.h"
#include "style_css.h"

int view_style(const struct admin_view *v, struct str *out)
{
	(void)v;
	str_add_text(out, style_css);
	return 200;
}

int view_sign(const struct admin_view *v, struct str *out)
{
	(void)v;
	str_add_text(
		out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 24 24\" fill=\"#3451b2\">"
		"<path opacity=\".55\" d=\"M8 15l-2 8 6-3 6 3-2-8\"/><circle cx=\"12\" cy=\"9\" "
		"r=\"7\"/><path d=\"M9 9l2 2 4-4\" fill=\"none\" stroke=\"#fff\" "
		"stroke-width=\"2\"/></svg>\n");
	return 200;
}
