/*
 * node - the one door to libyaml: a file's documents as trees with places.
 *
 * YAML as this language uses it: maps with text keys, lists, scalars that are
 * all text. Anchors, aliases, merge keys, tags and duplicate keys are refused
 * here with their places, so that no later stage needs to know of them.
 *
 * Invariants:
 *  1. Every scalar, list and map has the place where it stands, in characters.
 *  2. Work and memory are linear in the size of the file: nesting stops at
 *     LIMIT_YAML_DEPTH, which also bounds libyaml's own cost.
 *  3. A document that is no YAML is left out and said so; reading goes on at
 *     the next `---`.
 *
 * Life without libyaml: another event parser behind the same two structs.
 */
#ifndef DSL_NODE_H
#define DSL_NODE_H

#include <stddef.h>

#include "base/arena.h"
#include "base/str.h"
#include "dsl/place.h"

struct faults;

enum node_kind { NODE_TEXT, NODE_LIST, NODE_MAP };

/* A rule has thirty: they are most of what reading takes of memory. */
struct node {
	enum node_kind kind : 8;
	enum style style : 8; /* NODE_TEXT */
	bool broken;   /* refused already: say no more of it; of a map: a member was left out */
	uint32_t file; /* index in sources */
	struct place start, end;
	uint32_t count;		/* of members */
	struct slice text;	/* NODE_TEXT: what it came out as */
	const struct node *key; /* of a map's member: its key, a NODE_TEXT */
	struct node *first;	/* of the members of a list or map, in order */
	struct node *next;	/* the next member beside this one */
};

struct documents {
	const struct node **root; /* heap */
	size_t count, cap;
	bool incomplete; /* a file or a document could not be read whole */
	/*
	 * Where it is set, documents are told as soon as they end, while they are still in the
	 * processor's caches, and not kept in `root`.
	 */
	void (*each)(void *ctx, const struct node *root);
	void *ctx;
};

void documents_release(struct documents *d);

/* Adds the documents of file `file` of f->sources. Nodes live in the arena. */
void node_read_file(struct faults *f, uint32_t file, struct arena *arena, struct documents *out);

/* The value of a key in a map; NULL where there is none or n is no map. */
const struct node *node_get(const struct node *n, const char *key);
/* An unquoted nothing: `key:`. */
bool node_is_missing(const struct node *n);
/* Whether this character (of `len` bytes, valid UTF-8) may stand in a file. */
bool node_is_printable(const char *p, size_t len);
bool node_is_text(const struct node *n, const char *text);

#endif
