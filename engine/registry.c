#include "engine/registry.h"

#include <string.h>

#include "engine/certifier/certifier.h"
#include "engine/hubspot/hubspot.h"

static const struct source_ops *const sources[] = { &hubspot_ops };
static const struct action_ops *const actions[] = { &certifier_ops };
static const struct names_ops *const names[] = { &hubspot_names, &certifier_names };
static const struct doctor_ops *const doctors[] = { &hubspot_doctor, &certifier_doctor };
static const struct oauth_ops *const oauths[] = { &hubspot_oauth };

const struct source_ops *registry_source(const char *type)
{
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
		if (strcmp(sources[i]->type, type) == 0)
			return sources[i];
	return NULL;
}

const struct action_ops *registry_action(const char *type)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (strcmp(actions[i]->type, type) == 0)
			return actions[i];
	return NULL;
}

const struct names_ops *registry_names(const char *type)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i]->type, type) == 0)
			return names[i];
	return NULL;
}

const struct doctor_ops *registry_doctor(const char *type)
{
	for (size_t i = 0; i < sizeof(doctors) / sizeof(doctors[0]); i++)
		if (strcmp(doctors[i]->type, type) == 0)
			return doctors[i];
	return NULL;
}

const struct oauth_ops *registry_oauth(const char *type)
{
	for (size_t i = 0; i < sizeof(oauths) / sizeof(oauths[0]); i++)
		if (strcmp(oauths[i]->type, type) == 0)
			return oauths[i];
	return NULL;
}
