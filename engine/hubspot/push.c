/*
 * push - whether webhooks tell of what they should, and how often we look beside them.
 *
 * A change that a look shows is owed to us by a webhook of that property. Where none of the property
 * has come QUIET_MS later, push has gone quiet: that is said once a day, and the walk is as frequent
 * as without webhooks. While push is well the walk is rarer: it is only the safety net. Lists have no
 * webhooks, so their probe keeps its pace.
 */
#include <stdio.h>

#include "base/clock.h"
#include "engine/hubspot/hub.h"

#define QUIET_MS (5 * MS_MINUTE) /* HubSpot's first further attempt is made by then */
#define RARE_TIMES 5
#define RARE_MOST_MS (5 * MS_MINUTE)

/* One property that rules trigger on. */
struct pushed {
	int64_t heard_ms; /* HubSpot's clock: when a webhook last told of it */
	int64_t owed_ms;  /* the first change since that none has told of yet; 0: none */
	bool missed;
};

static struct pushed *find(struct source *s, struct slice name)
{
	struct pushed *p = map_get(&s->push.property, name);

	if (p)
		return p;
	p = mem_alloc(sizeof(*p));
	map_put(&s->push.property, name, p);
	return p;
}

void push_init(struct source *s)
{
	map_init(&s->push.property);
}

void push_release(struct source *s)
{
	for (size_t i = 0; i < s->push.property.count; i++)
		mem_free(s->push.property.entry[i].value);
	map_release(&s->push.property);
}

void push_heard(struct source *s, struct slice property)
{
	struct pushed *p = find(s, property);

	p->heard_ms = hub_now_ms(s);
	p->owed_ms = 0;
	p->missed = false;
	s->push.heard = true;
}

/* What a contact was created with is told by its creation, if at all. */
static int64_t last_change(const struct source *s, const struct contact *c,
			   const struct contact_property *p)
{
	const struct entry *last = p->read ? contact_newest(p) : NULL;

	if (!last || last->merge ||
	    last->at_ms - c->created_ms <= account_ms(s->config, "creation-window"))
		return 0;
	return last->at_ms;
}

void push_saw(struct source *s, const struct contact *contact, size_t contacts)
{
	if (!s->hook.url || !s->watches || !s->push.since_ms)
		return;
	for (size_t k = 0; k < s->watches->count; k++) {
		const struct watch *w = &s->watches->watch[k];
		if (w->source != s->account || w->event != EVENT_PROPERTY_CHANGED)
			continue;
		struct pushed *p = find(s, slice_of(w->target));
		for (size_t i = 0; i < contacts; i++) {
			int64_t at = contact[i].gone
					     ? 0
					     : last_change(s, &contact[i],
							   &contact[i].property[w->property]);
			if (at > s->push.since_ms && at > p->heard_ms &&
			    (!p->owed_ms || at < p->owed_ms))
				p->owed_ms = at;
		}
	}
}

static void warn(struct source *s, struct slice property)
{
	char name[LIMIT_ID_BYTES * 2];
	int64_t now = hub_mono_ms(s);

	s->push.missed++;
	if (s->push.told && now - s->push.told_ms < MS_DAY)
		return;
	s->push.told = true;
	s->push.told_ms = now;
	snprintf(name, sizeof(name), "%.*s", SLICE_FMT(property));
	log_line(s->world->log, LOG_WARN,
		 "webhooks are quiet: a poll found a change that none has told of", "account",
		 s->name, "property", name, NULL);
}

/* Whether webhooks came, and told of all they should. */
static bool is_well(const struct source *s)
{
	for (size_t i = 0; i < s->push.property.count; i++)
		if (((const struct pushed *)s->push.property.entry[i].value)->missed)
			return false;
	return s->push.heard;
}

void push_judge(struct source *s)
{
	int64_t now = hub_now_ms(s);

	if (!s->hook.url || !s->skew.known)
		return;
	if (!s->push.since_ms)
		s->push.since_ms = now;
	for (size_t i = 0; i < s->push.property.count; i++) {
		struct pushed *p = s->push.property.entry[i].value;
		if (!p->owed_ms || now - p->owed_ms < QUIET_MS)
			continue;
		p->owed_ms = 0;
		p->missed = true;
		warn(s, s->push.property.entry[i].key);
	}
}

bool push_walk_is_due(const struct source *s)
{
	return !s->hook.url || !s->walked || hub_mono_ms(s) >= s->push.walk_ms || !is_well(s);
}

void push_walked(struct source *s)
{
	int64_t poll = account_ms(s->config, "poll"), rare = RARE_TIMES * poll;

	if (rare > RARE_MOST_MS)
		rare = poll > RARE_MOST_MS ? poll : RARE_MOST_MS;
	s->push.walk_ms = hub_mono_ms(s) + rare;
}
