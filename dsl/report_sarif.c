/*
 * report_sarif - diagnostics as one SARIF 2.1.0 log, for code scanning services and editors.
 *
 * Paths that were relative stay so: whoever reads the log knows the folder that they count
 * from. Columns count characters, as everywhere here; SARIF calls that unicodeCodePoints.
 */
#include "base/json.h"
#include "dsl/build.h"
#include "dsl/codes.h"
#include "dsl/explain.h"

/* A message is a pattern with {0} in it: braces that are meant are doubled (section 3.11.5). */
static struct json *message_of(const char *text, const char *hint)
{
	struct json *message = json_new_object();
	struct str all, doubled;

	str_init(&all, SIZE_MAX / 4);
	str_init(&doubled, SIZE_MAX / 4);
	str_addf(&all, "%s%s%s", text, hint ? ": " : "", hint ? hint : "");
	for (size_t i = 0; i < all.len; i++) {
		if (all.ptr[i] == '{' || all.ptr[i] == '}')
			str_add_char(&doubled, all.ptr[i]);
		str_add_char(&doubled, all.ptr[i]);
	}
	json_set_text(message, "text", str_text(&doubled));
	str_release(&all);
	str_release(&doubled);
	return message;
}

static struct json *text_of(const char *text)
{
	struct json *o = json_new_object();

	json_set_text(o, "text", text);
	return o;
}

/* ---- places -------------------------------------------------------------------- */

static void add_uri(struct str *out, const char *path)
{
	struct slice rest = slice_of(path), part;
	bool more = true;

	if (path[0] == '/')
		str_add_text(out, "file://");
	while (more) {
		more = slice_cut(&rest, '/', &part);
		str_add_url(out, part);
		str_add_text(out, more ? "/" : "");
	}
}

static struct json *region_of(struct span at)
{
	struct json *region = json_new_object();

	json_set_integer(region, "startLine", at.line);
	json_set_integer(region, "startColumn", at.column);
	json_set_integer(region, "endLine", at.end_line);
	json_set_integer(region, "endColumn", at.end_column);
	return region;
}

static struct json *location_of(const struct sources *s, struct span at)
{
	struct json *location = json_new_object(), *place = json_new_object();
	struct json *artifact = json_new_object();
	struct str uri;

	str_init(&uri, SIZE_MAX / 4);
	add_uri(&uri, s->file[at.file].path);
	json_set_text(artifact, "uri", str_text(&uri));
	str_release(&uri);
	json_set(place, "artifactLocation", artifact);
	json_set(place, "region", region_of(at));
	json_set(location, "physicalLocation", place);
	return location;
}

/* A list of the one. */
static struct json *only(struct json *value)
{
	struct json *list = json_new_array();

	json_add(list, value);
	return list;
}

/* ---- codes --------------------------------------------------------------------- */

static const char *level_of(enum severity severity)
{
	return severity == SEVERITY_ERROR ? "error" : "warning";
}

static struct json *help_of(const struct explanation *e)
{
	struct json *help = json_new_object();
	struct str text;

	str_init(&text, SIZE_MAX / 4);
	str_addf(&text, "%s\n%s\nWrong:\n\n%s\nRight:\n\n%s", e->what, e->why, e->wrong, e->right);
	json_set_text(help, "text", str_text(&text));
	str_clear(&text);
	str_addf(&text, "%s\n%s\nWrong:\n\n```\n%s```\n\nRight:\n\n```\n%s```\n", e->what, e->why,
		 e->wrong, e->right);
	json_set_text(help, "markdown", str_text(&text));
	str_release(&text);
	return help;
}

static struct json *rule_of(const struct code_row *row)
{
	const struct explanation *e = explain_code(slice_of(row->word));
	struct json *rule = json_new_object(), *configuration = json_new_object();

	json_set_text(rule, "id", row->word);
	json_set(rule, "shortDescription", text_of(row->meaning));
	json_set(rule, "fullDescription", text_of(e->what));
	json_set(rule, "help", help_of(e));
	json_set_text(configuration, "level", level_of(row->severity));
	json_set(rule, "defaultConfiguration", configuration);
	return rule;
}

/* The codes that occur, and which index each has. */
static struct json *rules_of(const struct diags *d, int64_t index[CODE_COUNT])
{
	struct json *rules = json_new_array();

	for (size_t i = 0; i < CODE_COUNT; i++) {
		index[i] = -1;
		for (size_t k = 0; k < d->count && index[i] < 0; k++)
			if (slice_is(slice_of(d->list[k].code), diag_codes[i].word))
				index[i] = (int64_t)json_count(rules);
		if (index[i] >= 0)
			json_add(rules, rule_of(&diag_codes[i]));
	}
	return rules;
}

static int64_t rule_index(const int64_t index[CODE_COUNT], const char *code)
{
	size_t i = 0;

	while (!slice_is(slice_of(code), diag_codes[i].word))
		i++;
	return index[i];
}

/* ---- findings ------------------------------------------------------------------ */

static struct json *result_of(const struct sources *s, const struct diag *d, int64_t rule)
{
	struct json *result = json_new_object(), *location = location_of(s, d->at);

	json_set_text(result, "ruleId", d->code);
	json_set_integer(result, "ruleIndex", rule);
	json_set_text(result, "level", level_of(d->severity));
	json_set(result, "message", message_of(d->message, d->hint));
	if (d->rule) {
		struct json *logical = json_new_object();
		json_set_text(logical, "name", d->rule);
		json_set(location, "logicalLocations", only(logical));
	}
	json_set(result, "locations", only(location));
	if (d->other.line) {
		struct json *other = location_of(s, d->other);
		json_set_integer(other, "id", 1);
		json_set(other, "message", message_of(d->other_note, NULL));
		json_set(result, "relatedLocations", only(other));
	}
	return result;
}

static struct json *notification_of(size_t dropped)
{
	struct json *note = json_new_object();
	struct str text;

	str_init(&text, 64);
	str_addf(&text, "%zu more not shown", dropped);
	json_set_text(note, "level", "warning");
	json_set(note, "message", text_of(str_text(&text)));
	str_release(&text);
	return note;
}

/* That it ran, and what is past the ceiling. */
static struct json *invocation_of(const struct diags *d)
{
	struct json *invocation = json_new_object();

	json_set_bool(invocation, "executionSuccessful", true);
	if (d->dropped)
		json_set(invocation, "toolExecutionNotifications",
			 only(notification_of(d->dropped)));
	return invocation;
}

void diags_print_sarif(const struct sources *s, const struct diags *d, struct str *out)
{
	struct json *log = json_new_object(), *run = json_new_object(), *tool = json_new_object();
	struct json *driver = json_new_object(), *results = json_new_array();
	int64_t index[CODE_COUNT];

	json_set_text(driver, "name", "hs2cert");
	json_set_text(driver, "version", HS2CERT_VERSION);
	json_set_text(driver, "semanticVersion", HS2CERT_VERSION);
	json_set(driver, "rules", rules_of(d, index));
	for (size_t i = 0; i < d->count; i++)
		json_add(results, result_of(s, &d->list[i], rule_index(index, d->list[i].code)));
	json_set(tool, "driver", driver);
	json_set(run, "tool", tool);
	json_set_text(run, "columnKind", "unicodeCodePoints");
	json_set(run, "invocations", only(invocation_of(d)));
	json_set(run, "results", results);
	json_set_text(log, "$schema", "https://json.schemastore.org/sarif-2.1.0.json");
	json_set_text(log, "version", "2.1.0");
	json_set(log, "runs", only(run));
	json_dump(log, out);
	json_free(log);
}
