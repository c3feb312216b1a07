/*
 * page - the sandbox as one HTML page: its contacts, lists, credentials and
 * mail, with a form for each thing that one can do.
 *
 * No script, nothing loaded from elsewhere. Every text that somebody gave goes
 * through add_text, which escapes it; add_html takes only literals.
 */
#include "engine/sandbox/inside.h"

#include <string.h>

#include "base/clock.h"

#define ROWS_MOST 200

static const char style[] =
	"<style>:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;margin:0 "
	"auto;"
	"max-width:72rem;padding:1rem 1.5rem}h1{margin:.2rem 0}h2{margin:2rem 0 .5rem;"
	"border-bottom:1px solid #8886}table{border-collapse:collapse;width:100%}"
	"th,td{text-align:left;padding:.3rem .6rem .3rem 0;vertical-align:top;"
	"border-bottom:1px solid #8883}th{font-weight:600;color:GrayText}"
	"form{display:inline-flex;gap:.4rem;flex-wrap:wrap;align-items:center;margin:.2rem 1rem "
	".2rem 0}"
	"input,select,button{font:inherit;padding:.15rem "
	".4rem}input{width:10rem}input.s{width:5rem}"
	"code{font-size:.9em}.problem{background:#c002;border-left:4px solid #c00;padding:.5rem "
	".8rem}"
	".dim{color:GrayText}</style>";

static void add_html(struct str *out, const char *literal)
{
	str_add_text(out, literal);
}

void page_add(struct str *out, struct slice text)
{
	static const struct {
		char c;
		const char *escape;
	} escapes[] = { { '&', "&amp;" },
			{ '<', "&lt;" },
			{ '>', "&gt;" },
			{ '"', "&quot;" },
			{ '\'', "&#39;" } };

	for (size_t i = 0; i < text.len; i++) {
		size_t e = 0, n = sizeof(escapes) / sizeof(escapes[0]);
		while (e < n && escapes[e].c != text.ptr[i])
			e++;
		if (e < n)
			str_add_text(out, escapes[e].escape);
		else
			str_add_char(out, text.ptr[i]);
	}
}

static void add_text(struct str *out, const char *text)
{
	page_add(out, slice_of(text));
}

static void add_time(struct str *out, struct call *call, int64_t at_ms)
{
	add_text(out, call_stamp(call, at_ms));
}

static void add_id(struct str *out, int64_t id)
{
	str_addf(out, "%lld", (long long)id);
}

/* ---- contacts ----------------------------------------------------------- */

static void add_values(struct str *out, struct call *call, const struct contact *c)
{
	bool first = true;

	for (size_t i = 0; i < c->fields; i++) {
		const struct property *p = c->field[i].property;
		struct slice value = contact_value(c, p, ANY_TIME, &call->memory);
		if (!value.len || strcmp(p->name, "createdate") == 0)
			continue;
		add_html(out, first ? "" : ", ");
		add_html(out, "<span class=dim>");
		add_text(out, p->name);
		add_html(out, "</span> ");
		page_add(out, value);
		first = false;
	}
}

static void add_properties_select(struct str *out, const struct portal *portal)
{
	add_html(out, "<select name=property>");
	for (size_t i = 0; i < portal->property.count; i++) {
		const struct property *p = portal->property.entry[i].value;
		if (p->kind != PROPERTY_STORED)
			continue;
		add_html(out, "<option>");
		add_text(out, p->name);
	}
	add_html(out, "</select>");
}

static void add_contact(struct str *out, struct call *call, const struct contact *c)
{
	add_html(out, "<tr><td>");
	add_id(out, c->id);
	add_html(out, "<td>");
	add_values(out, call, c);
	add_html(out, "<td>");
	add_time(out, call, contact_modified(c, ANY_TIME));
	str_addf(out,
		 "<td><form method=post action=/sandbox/%s><input type=hidden name=contact value=",
		 c->archived ? "restore" : "delete");
	add_id(out, c->id);
	str_addf(out, "><button>%s</button></form>\n", c->archived ? "restore" : "delete");
}

static void add_contacts(struct str *out, struct call *call)
{
	const struct portal *p = &call->sb->portal;
	size_t shown = 0;

	add_html(out, "<h2>Contacts</h2><form method=post action=/sandbox/create>"
		      "<input name=email placeholder=e-mail><input name=firstname "
		      "placeholder='first name'>"
		      "<input name=lastname placeholder='last name'><button>create</button></form>"
		      "<form method=post action=/sandbox/set><input name=contact placeholder='id "
		      "or e-mail'>");
	add_properties_select(out, p);
	add_html(out, "<input name=value placeholder='value, empty clears' list=values>"
		      "<button>set</button></form><form method=post action=/sandbox/merge>"
		      "<input class=s name=primary placeholder=primary><input class=s name=other "
		      "placeholder=other><button>merge</button></form>"
		      "<table><tr><th>id<th>values<th>modified<th>");
	for (size_t i = p->contact.count; i > 0 && shown < ROWS_MOST; i--) {
		const struct contact *c = p->contact.entry[i - 1].value;
		if (c->into || c->purged)
			continue;
		add_contact(out, call, c);
		shown++;
	}
	add_html(out, "</table>");
}

/* ---- lists and definitions ---------------------------------------------- */

static void add_members(struct str *out, struct call *call, const struct list *l)
{
	size_t shown = 0;

	for (size_t i = 0; i < l->members && shown < ROWS_MOST; i++) {
		if (!member_shows(&l->member[i], call->now_ms))
			continue;
		add_html(out, shown++ ? ", " : "");
		add_id(out, l->member[i].who->id);
	}
}

static void add_lists(struct str *out, struct call *call)
{
	const struct portal *p = &call->sb->portal;

	add_html(out,
		 "<h2>Lists</h2><form method=post action=/sandbox/list><input name=name "
		 "placeholder=name><select name=kind><option>MANUAL<option>DYNAMIC<option>SNAPSHOT"
		 "</select><button>create</button></form>"
		 "<form method=post><input class=s name=list placeholder='list id'>"
		 "<input name=contact placeholder='contact id or e-mail'>"
		 "<button formaction=/sandbox/join>add</button>"
		 "<button formaction=/sandbox/leave>remove</button></form>"
		 "<table><tr><th>id<th>name<th>kind<th>members");
	for (size_t i = 0; i < p->lists; i++) {
		const struct list *l = p->list[i];
		if (l->deleted)
			continue;
		add_html(out, "<tr><td>");
		add_id(out, l->id);
		add_html(out, "<td>");
		add_text(out, l->name);
		add_html(out, "<td>");
		add_text(out, l->kind);
		add_html(out, l->processing ? " (processing)<td>" : "<td>");
		add_members(out, call, l);
	}
	add_html(out, "</table>");
}

static void add_properties(struct str *out, struct call *call)
{
	const struct portal *p = &call->sb->portal;

	add_html(out,
		 "<h2>Properties</h2><form method=post action=/sandbox/property>"
		 "<input name=name placeholder=name><input name=label placeholder=label>"
		 "<select name=type><option>string<option>number<option>date<option>datetime"
		 "<option>enumeration<option>bool</select>"
		 "<input name=options placeholder='value=Label, …'><button>define</button></form>"
		 "<table><tr><th>name<th>label<th>type<th>options");
	for (size_t i = 0; i < p->property.count; i++) {
		const struct property *one = p->property.entry[i].value;
		add_html(out, "<tr><td><code>");
		add_text(out, one->name);
		add_html(out, "</code><td>");
		add_text(out, one->label);
		add_html(out, "<td>");
		add_text(out, one->type);
		add_html(out, "<td>");
		for (size_t k = 0; k < one->choices; k++) {
			add_html(out, k ? ", <code>" : "<code>");
			add_text(out, one->choice[k].value);
			add_html(out, "</code> ");
			add_text(out, one->choice[k].label);
		}
	}
	add_html(out, "</table><datalist id=values>");
	for (size_t i = 0; i < p->property.count; i++) {
		const struct property *one = p->property.entry[i].value;
		for (size_t k = 0; k < one->choices; k++) {
			add_html(out, "<option>");
			add_text(out, one->choice[k].value);
		}
	}
	add_html(out, "</datalist>");
}

/* ---- Certifier ---------------------------------------------------------- */

static void add_custom(struct str *out, const struct json *custom)
{
	struct slice key;
	const struct json *value;

	for (struct json_each e = json_each(custom); json_next(&e, &key, &value);) {
		add_html(out, "<span class=dim>");
		page_add(out, key);
		add_html(out, "</span> ");
		page_add(out, json_slice(value));
		add_html(out, "<br>");
	}
}

static void add_credentials(struct str *out, struct call *call)
{
	const struct sandbox *sb = call->sb;
	size_t n = sandbox_credential_count(sb);

	add_html(out, "<h2>Credentials</h2><table><tr><th>created<th>status<th>recipient<th>group"
		      "<th>issued, expires<th>attributes<th>mails");
	for (size_t i = n; i > 0 && n - i < ROWS_MOST; i--) {
		struct sandbox_credential c = sandbox_credential_at(sb, i - 1);
		const struct group *g = desk_group(sb, slice_of(c.group));
		add_html(out, "<tr><td>");
		add_time(out, call, c.created_ms);
		add_html(out, "<td>");
		add_text(out, c.status);
		add_html(out, "<td>");
		add_text(out, c.name);
		add_html(out, "<br><span class=dim>");
		add_text(out, c.email);
		add_html(out, "</span><td>");
		add_text(out, g ? g->name : c.group);
		add_html(out, "<td>");
		add_text(out, c.issue_date);
		add_html(out, c.expiry_date ? ", " : "");
		add_text(out, c.expiry_date);
		add_html(out, "<td>");
		add_custom(out, c.custom);
		str_addf(out, "<td>%d", c.mails);
	}
	add_html(out, n ? "</table>" : "</table><p class=dim>none yet</p>");
}

static void add_mails(struct str *out, struct call *call)
{
	size_t n = sandbox_mail_count(call->sb);

	add_html(out, "<h2>Mail</h2><table><tr><th>sent<th>to<th>credential");
	for (size_t i = n; i > 0 && n - i < ROWS_MOST; i--) {
		struct sandbox_mail m = sandbox_mail_at(call->sb, i - 1);
		add_html(out, "<tr><td>");
		add_time(out, call, m.at_ms);
		add_html(out, "<td>");
		add_text(out, m.email);
		add_html(out, "<td><code>");
		add_text(out, m.credential);
		add_html(out, "</code>");
	}
	add_html(out, n ? "</table>" : "</table><p class=dim>none yet</p>");
}

static void add_workspace(struct str *out, struct call *call)
{
	const struct desk *d = &call->sb->desk;

	add_html(out, "<h2>Groups and attributes</h2><form method=post action=/sandbox/group>"
		      "<input name=name placeholder='group name'><input name=id placeholder='id, "
		      "or none'>"
		      "<button>create</button></form><form method=post action=/sandbox/attribute>"
		      "<input name=tag placeholder=custom.tag><button>create</button></form>"
		      "<table><tr><th>group<th>id");
	for (size_t i = 0; i < d->groups; i++) {
		add_html(out, "<tr><td>");
		add_text(out, d->group[i]->name);
		add_html(out, "<td><code>");
		add_text(out, d->group[i]->id);
		add_html(out, "</code>");
	}
	add_html(out, "</table><p>Attributes:");
	for (size_t i = 0; i < d->attributes; i++) {
		add_html(out, " <code>");
		add_text(out, d->attribute[i]);
		add_html(out, "</code>");
	}
	add_html(out, "</p>");
}

/* ---- options and faults ------------------------------------------------- */

static void add_options(struct str *out, const struct sandbox *sb)
{
	add_html(out,
		 "<h2>Options</h2><form method=post action=/sandbox/option><select name=name>");
	for (const struct option_row *o = option_rows; o->name; o++) {
		add_html(out, "<option>");
		add_text(out, o->name);
	}
	add_html(out, "</select><input name=value placeholder='true, false, a number'>"
		      "<button>set</button></form><table><tr><th>option<th>value<th>");
	for (const struct option_row *o = option_rows; o->name; o++) {
		const char *at = (const char *)&sb->options + o->offset;
		add_html(out, "<tr><td><code>");
		add_text(out, o->name);
		add_html(out, "</code><td>");
		if (o->kind == OPTION_FLAG)
			add_text(out, *(const bool *)at ? "true" : "false");
		else if (o->kind == OPTION_NUMBER)
			add_id(out, *(const int64_t *)(const void *)at);
		else
			add_id(out, *(const int *)(const void *)at);
		add_html(out, "<td>");
		add_text(out, o->help);
	}
	add_html(out, "</table>");
}

static void add_faults(struct str *out, const struct sandbox *sb)
{
	size_t planned = 0;

	for (size_t i = 0; i < sb->faults; i++)
		planned += (size_t)sb->fault[i].times;
	add_html(out,
		 "<h2>Faults</h2><form method=post action=/sandbox/fault>"
		 "the next <input class=s name=times value=1> calls of <input name=call "
		 "value=create "
		 "list=calls> end in <select name=fault><option>status<option>status-after"
		 "<option>cut-before<option>cut-after<option>timeout<option>timeout-before<option>"
		 "garbage"
		 "<option>empty</select> <input class=s name=status "
		 "value=500><button>plan</button></form>"
		 "<form method=post action=/sandbox/faults-clear><button>clear</button></form>");
	str_addf(out, "<p class=dim>%zu planned.</p><datalist id=calls>", planned);
	for (size_t i = 0; i < sb->calls.count; i++) {
		add_html(out, "<option>");
		page_add(out, sb->calls.entry[i].key);
	}
	add_html(out, "</datalist>");
}

void page_reply(struct call *call, int status, const char *problem)
{
	struct str *out = &call->answer->body;

	str_clear(out);
	call->answer->status = status;
	call_header(call, "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; "
			  "form-action 'self'");
	add_html(out,
		 "<!doctype html><html lang=en><meta charset=utf-8>"
		 "<meta name=viewport content='width=device-width'><title>hs2cert sandbox</title>");
	add_html(out, style);
	add_html(out, "<h1>hs2cert sandbox</h1><p>HubSpot at <code>/hubspot</code>, Certifier at "
		      "<code>/certifier/v1</code>, JSON calls at <a "
		      "href=/sandbox><code>/sandbox</code></a>, "
		      "everything at <a href=/sandbox/state><code>/sandbox/state</code></a>. The "
		      "clock says ");
	add_time(out, call, call->now_ms);
	add_html(out, ".</p>");
	if (problem) {
		add_html(out, "<p class=problem>");
		add_text(out, problem);
		add_html(out, "</p>");
	}
	add_contacts(out, call);
	add_lists(out, call);
	add_credentials(out, call);
	add_mails(out, call);
	add_properties(out, call);
	add_workspace(out, call);
	add_options(out, call->sb);
	add_faults(out, call->sb);
	add_html(out, "\n</html>\n");
}
