/*
 * registry - the sources and actions that exist: one row each.
 */
#ifndef ENGINE_REGISTRY_H
#define ENGINE_REGISTRY_H

#include "engine/action.h"
#include "engine/doctor.h"
#include "engine/names.h"
#include "engine/oauth.h"
#include "engine/source.h"

/* By the account's type in the rule files; NULL where it is of the other kind. */
const struct source_ops *registry_source(const char *type);
const struct action_ops *registry_action(const char *type);
/* Of either kind. */
const struct names_ops *registry_names(const char *type);
const struct doctor_ops *registry_doctor(const char *type);
/* NULL where accounts of this type are not connected over OAuth. */
const struct oauth_ops *registry_oauth(const char *type);

#endif
