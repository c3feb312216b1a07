/*
 * node - see node.h. From libyaml's events to trees.
 *
 *	text checked for UTF-8 and control characters   check_text
 *	read from a place on, document by document       read_stream
 *	after a syntax error: on from the next `---`     next_document
 *
 * libyaml's marks count characters from where the parser began and know lines
 * that editors do not know (NEL, LS, PS), so only their index is used; `struct
 * cursor` walks the text beside the events and turns an index into a place. In
 * a text of nothing but ASCII and line feeds, which most are, a mark is the place.
 */
#include "dsl/node.h"

#include <string.h>
#include <yaml.h>

#include "base/limits.h"
#include "base/map.h"
#include "dsl/fault.h"
#include "dsl/syntax.h"

/* Maps up to this size find a duplicate key by looking at each. */
#define FEW_KEYS 16

/* So many syntax errors in one file are told; the rest of it is not read. */
#define SYNTAX_ERRORS 20

struct cursor {
	struct place place;
	size_t index; /* characters from where the parser began */
};

struct frame {
	struct node *node; /* a list or map that is open */
	struct node *last; /* its newest member */
	struct node *key;  /* a map's key that waits for its value */
	struct map *seen;  /* keys of a map with more than FEW_KEYS */
};

struct reader {
	struct faults *faults;
	struct arena *arena;
	struct documents *out;
	uint32_t file;
	struct slice text;
	bool plain; /* nothing but ASCII, tabs and line feeds */
	yaml_parser_t parser;
	struct place base;	   /* where the parser began */
	struct cursor now, before; /* `before`: the event before this one */
	struct frame stack[LIMIT_YAML_DEPTH];
	size_t depth;
	struct node *root;
	struct place stopped; /* where it could not be read on */
	size_t events;	      /* of the whole file */
	size_t elsewhere;     /* errors that out->each found */
};

void documents_release(struct documents *d)
{
	mem_free(d->root);
	*d = (struct documents){ 0 };
}

/* ---- places ------------------------------------------------------------ */

/* One byte, one character, one column: nearly all there is. */
static bool is_plain(char c)
{
	return c >= ' ' && c < 0x7f;
}

static struct place walk_to(struct reader *r, size_t index)
{
	struct cursor c = r->now;

	if (index < c.index)
		c = index < r->before.index ? (struct cursor){ r->base, 0 } : r->before;
	while (c.index < index && c.place.at < r->text.len) {
		if (is_plain(r->text.ptr[c.place.at])) {
			c.place.at++;
			c.place.column++;
			c.index++;
			continue;
		}
		/* CR LF is one step of ours and two characters of libyaml's. */
		struct place next = place_next(r->text, c.place);
		bool pair = next.at - c.place.at == 2 && r->text.ptr[c.place.at] == '\r';
		c.index += pair ? 2 : 1;
		c.place = next;
	}
	r->now = c;
	return c.place;
}

static struct place place_of(struct reader *r, const yaml_mark_t *mark)
{
	/* The parser began at the first column. */
	if (r->plain && mark->index <= r->text.len - r->base.at)
		return (struct place){ r->base.at + (uint32_t)mark->index,
				       r->base.line + (uint32_t)mark->line,
				       1 + (uint32_t)mark->column };
	return walk_to(r, mark->index);
}

static struct span span_between(const struct reader *r, struct place a, struct place b)
{
	return (struct span){ r->file, a.line, a.column, b.line, b.column };
}

/* One character from p on. */
static struct span span_at(const struct reader *r, struct place p)
{
	struct place next = place_next(r->text, p);

	return span_between(r, p, next.line == p.line ? next : p);
}

/* ---- the text ---------------------------------------------------------- */

/*
 * What YAML calls printable, and nothing that libyaml's reader would refuse. NEL, LS and PS are
 * line breaks to YAML and to no editor: whoever has one has it by accident.
 */
bool node_is_printable(const char *p, size_t len)
{
	unsigned char a = (unsigned char)p[0], b = len > 1 ? (unsigned char)p[1] : 0;

	if (len == 1)
		return a == '\t' || a == '\n' || a == '\r' || (a >= 0x20 && a < 0x7f);
	if (len == 2 && a == 0xc2)
		return b >= 0xa0;
	if (len == 3 && a == 0xe2 && b == 0x80)
		return (unsigned char)p[2] != 0xa8 && (unsigned char)p[2] != 0xa9;
	if (len == 3 && a == 0xef) {
		unsigned char c = (unsigned char)p[2];
		return !(b == 0xbb && c == 0xbf) && !(b == 0xbf && c >= 0xbe);
	}
	return true;
}

static void refuse_bytes(struct reader *r, struct place p)
{
	const char *at_byte = r->text.ptr + p.at;
	size_t len = utf8_length(at_byte, r->text.ptr + r->text.len);
	unsigned char byte = (unsigned char)*at_byte;
	struct span at = { r->file, p.line, p.column, p.line, p.column + 1 };

	if (len) {
		uint32_t c = len == 1 ? byte : byte & (0x7fu >> len);
		for (size_t i = 1; i < len; i++)
			c = c << 6 | ((unsigned char)at_byte[i] & 0x3f);
		fault_at(r->faults, CODE_BAD_CHARACTER, at,
			 "a character that does not show stands here");
		fault_hint(r->faults, "delete it (U+%04X)", c);
		return;
	}
	fault_at(r->faults, CODE_NOT_UTF8, at, "byte 0x%02x is not UTF-8", byte);
	if (p.at == 0 && (byte == 0xff || byte == 0xfe))
		fault_hint(r->faults, "this looks like UTF-16: save the file as UTF-8");
	else
		fault_hint(r->faults, "save the file as UTF-8");
}

/* The first bad character of the text, if there is one, is said; false then. */
static bool check_text(struct reader *r)
{
	const char *p = r->text.ptr, *end = p + r->text.len;
	bool plain = true;

	while (p < end) {
		if (is_plain(*p)) {
			p++;
			continue;
		}
		size_t len = utf8_length(p, end);
		if (!len || !node_is_printable(p, len)) {
			refuse_bytes(r,
				     place_walk(r->text, PLACE_START, (size_t)(p - r->text.ptr)));
			return false;
		}
		plain &= len == 1 && *p != '\r';
		p += len;
	}
	r->plain = plain;
	return true;
}

/* ---- building ---------------------------------------------------------- */

static struct node *new_node(struct reader *r, enum node_kind kind, struct place start,
			     struct place end)
{
	struct node *n = arena_alloc(r->arena, sizeof(*n));

	n->kind = kind;
	n->file = r->file;
	n->start = start;
	n->end = end;
	return n;
}

static const struct node *find_key(const struct frame *top, const struct node *key)
{
	if (top->seen)
		return map_get(top->seen, key->text);
	for (const struct node *m = top->node->first; m; m = m->next)
		if (slice_eq(m->key->text, key->text))
			return m->key;
	return NULL;
}

static void remember_key(struct frame *top, const struct node *key)
{
	if (!top->seen && top->node->count == FEW_KEYS) {
		top->seen = mem_alloc(sizeof(*top->seen));
		map_init(top->seen);
		for (const struct node *m = top->node->first; m; m = m->next)
			map_put(top->seen, m->key->text, (void *)m->key);
	}
	if (top->seen)
		map_put(top->seen, key->text, (void *)key);
}

static void forget_keys(struct frame *top)
{
	if (top->seen)
		map_release(top->seen);
	mem_free(top->seen);
	top->seen = NULL;
}

/* A key that may stand; what may not is said. */
static bool check_key(struct reader *r, struct frame *top, const struct node *key)
{
	struct faults *f = r->faults;

	if (key->broken)
		return false;
	if (key->kind != NODE_TEXT) {
		const char *at = r->text.ptr + key->start.at;
		fault(f, CODE_BAD_KEY, key, "a %s cannot be a key",
		      key->kind == NODE_LIST ? "list" : "map");
		if (at[0] == '{' && key->start.at && at[-1] == '{')
			fault_hint(f, "a template needs quotes around it: \"{{ … }}\"");
		else if (at[0] == '{')
			fault_hint(f, "a value that begins with { needs quotes around it");
		return false;
	}
	if (key->style == STYLE_PLAIN && slice_is(key->text, "<<")) {
		fault(f, CODE_MERGE_KEY, key, "the merge key '<<' is not allowed");
		fault_hint(f, "write the keys out");
		return false;
	}
	const struct node *first = find_key(top, key);
	if (!first)
		return true;
	fault(f, CODE_DUPLICATE_KEY, key, "key %s stands twice", fault_shown(f, key->text));
	fault_other(f, fault_span(f, first), "first here");
	if (r->depth == 1 && first == top->node->first->key)
		fault_hint(f, "put '---' on a line of its own between two documents");
	return false;
}

/* Hangs a finished or opened node where it belongs. */
static void attach(struct reader *r, struct node *n)
{
	struct frame *top = r->depth ? &r->stack[r->depth - 1] : NULL;

	if (!top) {
		r->root = n;
		return;
	}
	if (top->node->kind == NODE_MAP) {
		if (!top->key) {
			top->key = n;
			return;
		}
		bool good = check_key(r, top, top->key);
		n->key = top->key;
		top->key = NULL;
		if (!good) {
			top->node->broken = true;
			return;
		}
		remember_key(top, n->key);
	}
	if (top->last)
		top->last->next = n;
	else
		top->node->first = n;
	top->last = n;
	top->node->count++;
}

/* ---- events ------------------------------------------------------------ */

/* `&name`, `!tag` and `*name` stand in front of what they belong to. */
static struct span span_of_mark(struct reader *r, struct place start, char sign, const char *name)
{
	struct place from = start;
	size_t len = strlen(name);

	while (from.at < r->text.len && r->text.ptr[from.at] != sign && from.line == start.line)
		from = place_next(r->text, from);
	return span_between(r, from, place_walk(r->text, from, from.at + 1 + len));
}

/* Tags come resolved (`!!str` as a URI): their length in the text is not known, so it ends at the
 * blank. */
static struct span span_of_tag(struct reader *r, struct place start)
{
	struct place from = start;

	while (from.at < r->text.len && r->text.ptr[from.at] != '!' && from.line == start.line)
		from = place_next(r->text, from);
	struct place to = from;
	while (to.at < r->text.len && !strchr(" \t\r\n,]}", r->text.ptr[to.at]))
		to = place_next(r->text, to);
	return span_between(r, from, to);
}

static void refuse_properties(struct reader *r, struct node *n, const yaml_char_t *anchor,
			      const yaml_char_t *tag)
{
	struct faults *f = r->faults;

	if (anchor) {
		fault_at(f, CODE_ANCHOR, span_of_mark(r, n->start, '&', (const char *)anchor),
			 "anchor '&%s' is not allowed", (const char *)anchor);
		fault_hint(f, "write the value out where it is used");
	}
	if (tag) {
		fault_at(f, CODE_TAG, span_of_tag(r, n->start), "tags are not allowed");
		fault_hint(f, "the key says what its value is; plain values are text");
	}
}

static void on_alias(struct reader *r, const yaml_event_t *e)
{
	struct node *n = new_node(r, NODE_TEXT, place_of(r, &e->start_mark),
				  place_of(r, &e->end_mark));

	n->broken = true;
	fault(r->faults, CODE_ALIAS, n, "alias '*%s' is not allowed", (char *)e->data.alias.anchor);
	fault_hint(r->faults, "write the value out; a text that begins with * needs quotes");
	attach(r, n);
}

static void on_scalar(struct reader *r, const yaml_event_t *e)
{
	static const enum style styles[] = {
		[YAML_ANY_SCALAR_STYLE] = STYLE_PLAIN,
		[YAML_PLAIN_SCALAR_STYLE] = STYLE_PLAIN,
		[YAML_SINGLE_QUOTED_SCALAR_STYLE] = STYLE_SINGLE,
		[YAML_DOUBLE_QUOTED_SCALAR_STYLE] = STYLE_DOUBLE,
		[YAML_LITERAL_SCALAR_STYLE] = STYLE_LITERAL,
		[YAML_FOLDED_SCALAR_STYLE] = STYLE_FOLDED,
	};
	struct slice text = { (const char *)e->data.scalar.value, e->data.scalar.length };
	struct place start = place_of(r, &e->start_mark);
	struct node *n = new_node(r, NODE_TEXT, start, place_of(r, &e->end_mark));

	n->style = styles[e->data.scalar.style];
	refuse_properties(r, n, e->data.scalar.anchor, e->data.scalar.tag);
	n->broken = e->data.scalar.anchor || e->data.scalar.tag;
	if (text.len > LIMIT_YAML_SCALAR_BYTES) {
		struct span at = span_at(r, n->start);
		fault_at(r->faults, CODE_TOO_LARGE, at,
			 "the text that begins here is longer than %u bytes",
			 LIMIT_YAML_SCALAR_BYTES);
		n->broken = true;
		text.len = 0;
	}
	n->text = arena_slice(r->arena, text);
	if (text.len && memchr(text.ptr, '\0', text.len)) {
		fault(r->faults, CODE_BAD_CHARACTER, n, "the text holds a NUL character");
		n->broken = true;
	}
	attach(r, n);
}

/* False where it nests too deep. */
static bool on_open(struct reader *r, const yaml_event_t *e)
{
	bool list = e->type == YAML_SEQUENCE_START_EVENT;
	struct place start = place_of(r, &e->start_mark);
	struct node *n = new_node(r, list ? NODE_LIST : NODE_MAP, start, start);

	refuse_properties(r, n, list ? e->data.sequence_start.anchor : e->data.mapping_start.anchor,
			  list ? e->data.sequence_start.tag : e->data.mapping_start.tag);
	if (r->depth == LIMIT_YAML_DEPTH) {
		fault_at(r->faults, CODE_TOO_DEEP, span_at(r, start),
			 "lists and maps are nested deeper than %u", LIMIT_YAML_DEPTH);
		r->stopped = start;
		return false;
	}
	attach(r, n);
	r->stack[r->depth++] = (struct frame){ .node = n };
	return true;
}

/* A block ends where its last member does, not where libyaml noticed; a bracket ends behind itself.
 */
static void on_close(struct reader *r, const yaml_event_t *e)
{
	struct frame *top = &r->stack[--r->depth];
	struct place end = place_of(r, &e->end_mark);
	char c = r->text.ptr[top->node->start.at];

	if (c == '[' || c == '{')
		top->node->end = end;
	else if (top->last)
		top->node->end = top->last->end;
	forget_keys(top);
}

static void on_document(struct reader *r, const yaml_event_t *e)
{
	if (e->data.document_start.tag_directives.start ==
	    e->data.document_start.tag_directives.end)
		return;
	fault_at(r->faults, CODE_DIRECTIVE, span_at(r, place_of(r, &e->start_mark)),
		 "%%TAG directives are not allowed");
}

/* An empty document (a leading or trailing `---`) is none. */
static void finish_document(struct reader *r)
{
	struct documents *out = r->out;
	size_t errors = r->faults->diags->errors;

	if (r->root && !node_is_missing(r->root) && out->each) {
		out->each(out->ctx, r->root);
		r->elsewhere += r->faults->diags->errors - errors;
	} else if (r->root && !node_is_missing(r->root)) {
		out->root = mem_grow(out->root, &out->cap, out->count + 1,
				     sizeof(const struct node *));
		out->root[out->count++] = r->root;
	}
	r->root = NULL;
}

static void drop_document(struct reader *r)
{
	while (r->depth)
		forget_keys(&r->stack[--r->depth]);
	r->root = NULL;
	r->out->incomplete = true;
}

/* False where the document cannot be read on. */
static bool on_event(struct reader *r, const yaml_event_t *e)
{
	r->before = r->now;
	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		on_document(r, e);
		return true;
	case YAML_DOCUMENT_END_EVENT:
		finish_document(r);
		return true;
	case YAML_ALIAS_EVENT:
		on_alias(r, e);
		return true;
	case YAML_SCALAR_EVENT:
		on_scalar(r, e);
		return true;
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		return on_open(r, e);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		on_close(r, e);
		return true;
	default:
		return true;
	}
}

/* ---- the stream -------------------------------------------------------- */

/* The start of the next line that begins a document behind byte `from`, or the end of the text. */
static struct place next_document(struct reader *r, struct place p, size_t from)
{
	while (p.at < r->text.len) {
		const char *at = r->text.ptr + p.at;
		size_t left = r->text.len - p.at;
		if (p.column == 1 && p.at > from && left >= 3 && memcmp(at, "---", 3) == 0 &&
		    (left == 3 || strchr(" \t\r\n", at[3])))
			return p;
		p = place_next(r->text, p);
	}
	return p;
}

static void report_syntax(struct reader *r)
{
	const yaml_parser_t *y = &r->parser;
	struct faults *f = r->faults;
	struct place at = place_of(r, &y->problem_mark), context = at;
	struct slice rest = { r->text.ptr + at.at, r->text.len - at.at };
	struct syntax_words words = syntax_words(y->problem, y->context, rest);

	r->stopped = at;
	if (y->context)
		context = place_of(r, &y->context_mark);
	if (words.at_context && context.at == at.at && r->depth)
		context = r->stack[r->depth - 1].node->start;
	fault_at(f, CODE_YAML_SYNTAX, span_at(r, words.at_context ? context : at), "%s",
		 words.message);
	if (words.hint)
		fault_hint(f, "%s", words.hint);
	if (y->context && !words.at_context && context.at != at.at)
		fault_other(f, span_at(r, context),
			    arena_printf(&f->diags->text, "%s that begins here", y->context));
}

/* One run of the parser from r->base on: to the end, or to what it cannot read. True at the end. */
static bool read_stream(struct reader *r)
{
	yaml_event_t event;
	bool going = true, at_end = false;

	if (!yaml_parser_initialize(&r->parser)) /* defensive: no memory */
		mem_exhausted();
	yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r->parser, (const unsigned char *)r->text.ptr + r->base.at,
				     r->text.len - r->base.at);
	r->now = r->before = (struct cursor){ r->base, 0 };
	while (going && !at_end) {
		if (!yaml_parser_parse(&r->parser, &event)) {
			/* defensive: no memory; it says nothing about the text */
			if (r->parser.error == YAML_MEMORY_ERROR)
				mem_exhausted();
			report_syntax(r);
			break;
		}
		at_end = event.type == YAML_STREAM_END_EVENT;
		going = on_event(r, &event);
		if (++r->events > LIMIT_YAML_EVENTS) {
			fault_at(r->faults, CODE_TOO_LARGE,
				 span_at(r, place_of(r, &event.start_mark)),
				 "the file holds more than %u keys and values", LIMIT_YAML_EVENTS);
			r->stopped.at = (uint32_t)r->text.len;
			going = false;
		}
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&r->parser);
	return at_end;
}

void node_read_file(struct faults *f, uint32_t file, struct arena *arena, struct documents *out)
{
	struct reader r = { .faults = f,
			    .arena = arena,
			    .out = out,
			    .file = file,
			    .text = f->sources->file[file].text,
			    .base = PLACE_START };
	size_t errors = f->diags->errors;

	if (!check_text(&r)) {
		out->incomplete = true;
		return;
	}
	for (int broken = 0; r.base.at < r.text.len && !read_stream(&r); broken++) {
		drop_document(&r);
		if (broken == SYNTAX_ERRORS)
			break;
		r.base = next_document(&r, r.stopped, r.base.at);
	}
	out->incomplete |= f->diags->errors - r.elsewhere > errors;
}

/* ---- reading trees ----------------------------------------------------- */

const struct node *node_get(const struct node *n, const char *key)
{
	if (!n || n->kind != NODE_MAP)
		return NULL;
	for (const struct node *m = n->first; m; m = m->next)
		if (slice_is(m->key->text, key))
			return m;
	return NULL;
}

bool node_is_missing(const struct node *n)
{
	return n->kind == NODE_TEXT && n->style == STYLE_PLAIN && n->text.len == 0 && !n->broken;
}

bool node_is_text(const struct node *n, const char *text)
{
	return n && n->kind == NODE_TEXT && slice_is(n->text, text);
}
