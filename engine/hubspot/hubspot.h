/*
 * hubspot - the source HubSpot, as the engine sees it.
 */
#ifndef ENGINE_HUBSPOT_HUBSPOT_H
#define ENGINE_HUBSPOT_HUBSPOT_H

#include "engine/doctor.h"
#include "engine/names.h"
#include "engine/oauth.h"
#include "engine/source.h"

extern const struct source_ops hubspot_ops;
extern const struct names_ops hubspot_names;
extern const struct doctor_ops hubspot_doctor;
extern const struct oauth_ops hubspot_oauth;

#endif
