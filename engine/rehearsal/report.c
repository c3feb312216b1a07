#include "engine/rehearsal/report.h"

#include <stdio.h>
#include <string.h>

#define RED "\033[1;31m"
#define GREEN "\033[32m"
#define DIM "\033[2m"
#define PLAIN "\033[0m"

void result_make(struct result *out, const struct ruletest *test, const struct sources *tests,
		 const struct rehearsal_options *options)
{
	*out = (struct result){ .test = test };
	rehearsal_live(&out->rehearsal, test, options);
	verdict_reach(&out->verdict, &out->rehearsal);
	if (!out->verdict.passed)
		explanation_make(&out->explanation, &out->rehearsal, &out->verdict, tests,
				 options->table);
}

void result_release(struct result *r)
{
	explanation_release(&r->explanation);
	rehearsal_release(&r->rehearsal);
}

/* ---- text --------------------------------------------------------------------- */

static void add_told(const struct told *t, struct str *out)
{
	str_addf(out, "        %-9s %s", t->kind, t->text);
	if (t->file)
		str_addf(out, "  (%s:%u)", t->file, t->line);
	str_add_char(out, '\n');
}

static void add_moment(const struct result *r, const struct rehearsed_moment *m, bool colour,
		       struct str *out)
{
	char after[AFTER_TEXT];

	str_addf(out, "        %s%10s%s  %-8s  ", colour ? DIM : "",
		 after_text(m->at_ms - r->test->start_ms, after), colour ? PLAIN : "", m->kind);
	str_add_shown(out, slice_of(m->text));
	str_add_char(out, '\n');
}

void report_text(const struct result *r, bool colour, struct str *out)
{
	bool passed = r->verdict.passed;

	str_addf(out, "  %s%-4s%s  ",
		 !colour  ? ""
		 : passed ? GREEN
			  : RED,
		 passed ? "ok" : "FAIL", colour ? PLAIN : "");
	str_addf(out, "%s\n", r->test->name);
	for (size_t i = 0; i < r->rehearsal.moments; i++)
		add_moment(r, &r->rehearsal.moment[i], colour, out);
	for (size_t i = 0; i < r->explanation.count; i++)
		add_told(&r->explanation.told[i], out);
}

/* ---- JSON ---------------------------------------------------------------------- */

static struct json *issued_json(const struct rehearsed *is)
{
	struct json *o = json_new_object(), *fields = json_new_object();

	json_set_text(o, "rule", is->rule);
	json_set_text(o, "contact", is->contact);
	json_set_text(o, "state", issuance_state_names[is->state]);
	json_set_text(o, "reason", is->reason);
	json_set_text(o, "group", is->group);
	for (size_t i = 0; i < is->field.count; i++)
		json_set_slice(fields, slice_of(is->field.list[i].name), is->field.list[i].value);
	json_set(o, "fields", fields);
	return o;
}

static struct json *told_json(const struct told *t)
{
	struct json *o = json_new_object();

	json_set_text(o, "kind", t->kind);
	json_set_text(o, "text", t->text);
	json_set_text(o, "file", t->file);
	if (t->file)
		json_set_integer(o, "line", t->line);
	else
		json_set_text(o, "line", NULL);
	return o;
}

static struct json *moment_json(const struct result *r, const struct rehearsed_moment *m)
{
	struct json *o = json_new_object();

	json_set_integer(o, "after_ms", m->at_ms - r->test->start_ms);
	json_set_text(o, "kind", m->kind);
	json_set_text(o, "text", m->text);
	return o;
}

void report_json(const struct result *r, const struct sources *tests, struct str *out)
{
	struct json *o = json_new_object(), *issued = json_new_array(), *told = json_new_array(),
		    *moments = json_new_array();

	json_set_text(o, "test", r->test->name);
	json_set_text(o, "file", tests->file[r->test->at.file].path);
	json_set_integer(o, "line", r->test->at.line);
	json_set_bool(o, "passed", r->verdict.passed);
	for (size_t i = 0; i < r->rehearsal.issueds; i++)
		json_add(issued, issued_json(&r->rehearsal.issued[i]));
	for (size_t i = 0; i < r->explanation.count; i++)
		json_add(told, told_json(&r->explanation.told[i]));
	for (size_t i = 0; i < r->rehearsal.moments; i++)
		json_add(moments, moment_json(r, &r->rehearsal.moment[i]));
	json_set(o, "issued", issued);
	json_set(o, "told", told);
	json_set(o, "timeline", moments);
	json_dump(o, out);
	json_free(o);
}

/* ---- JUnit ----------------------------------------------------------------------- */

/* Text or an attribute's value: a line's end in an attribute would be read as a space. */
static void add_xml(struct str *out, const char *text, bool attribute)
{
	static const struct {
		char c;
		const char *as;
	} entities[] = {
		{ '&', "&amp;" },  { '<', "&lt;" },    { '>', "&gt;" },
		{ '"', "&quot;" }, { '\'', "&apos;" },
	};

	for (const char *end = text + strlen(text); text < end;) {
		size_t i = 0, n = sizeof(entities) / sizeof(entities[0]), len;
		while (i < n && entities[i].c != *text)
			i++;
		if (i < n) {
			str_add_text(out, entities[i].as);
			text++;
		} else if (*text == '\n' || *text == '\t') {
			str_addf(out, attribute ? "&#%d;" : "%c", *text);
			text++;
		} else {
			len = utf8_length(text, end);
			len = len ? len : 1;
			/* U+FFFE and U+FFFF are no characters of XML either. */
			if (len == 3 && memcmp(text, "\xef\xbf", 2) == 0 &&
			    (unsigned char)text[2] >= 0xbe)
				str_addf(out, "\\u%s", text[2] == (char)0xbe ? "fffe" : "ffff");
			else
				str_add_shown(out, (struct slice){ text, len });
			text += len;
		}
	}
}

static void add_attribute(struct str *out, const char *name, const char *value)
{
	str_addf(out, " %s=\"", name);
	add_xml(out, value, true);
	str_add_char(out, '"');
}

static void add_failure(struct str *out, const struct result *r)
{
	const struct explanation *x = &r->explanation;

	str_add_text(out, "      <failure type=\"expectation\"");
	add_attribute(out, "message", x->count ? x->told[0].text : "");
	str_add_char(out, '>');
	for (size_t i = 0; i < x->count; i++) {
		str_addf(out, "%s%s: ", i ? "\n" : "", x->told[i].kind);
		add_xml(out, x->told[i].text, false);
		if (x->told[i].file) {
			str_add_text(out, "  (");
			add_xml(out, x->told[i].file, false);
			str_addf(out, ":%u)", x->told[i].line);
		}
	}
	str_add_text(out, "</failure>\n");
}

static void add_case(struct str *out, const struct result *r, const char *file)
{
	str_add_text(out, "    <testcase");
	add_attribute(out, "name", r->test->name);
	add_attribute(out, "classname", file);
	add_attribute(out, "file", file);
	str_addf(out, " line=\"%u\"", r->test->at.line);
	if (r->verdict.passed) {
		str_add_text(out, "/>\n");
		return;
	}
	str_add_text(out, ">\n");
	add_failure(out, r);
	str_add_text(out, "    </testcase>\n");
}

/* Results of one file stand together: tests are read file by file. */
static size_t add_suite(struct str *out, const struct results *all, size_t first)
{
	uint32_t file = all->list[first].test->at.file;
	const char *path = all->tests->file[file].path;
	size_t end = first, failed = 0;

	for (; end < all->count && all->list[end].test->at.file == file; end++)
		failed += !all->list[end].verdict.passed;
	str_add_text(out, "  <testsuite");
	add_attribute(out, "name", path);
	str_addf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"0\">\n", end - first,
		 failed);
	for (size_t i = first; i < end; i++)
		add_case(out, &all->list[i], path);
	str_add_text(out, "  </testsuite>\n");
	return end;
}

void report_junit(const struct results *r, struct str *out)
{
	str_addf(out,
		 "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		 "<testsuites name=\"hs2cert test\" tests=\"%zu\" failures=\"%zu\" errors=\"0\">\n",
		 r->count, r->failed);
	for (size_t i = 0; i < r->count;)
		i = add_suite(out, r, i);
	str_add_text(out, "</testsuites>\n");
}
