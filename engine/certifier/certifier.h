/*
 * certifier - the action Certifier, as the outbox sees it.
 */
#ifndef ENGINE_CERTIFIER_CERTIFIER_H
#define ENGINE_CERTIFIER_CERTIFIER_H

#include "engine/action.h"
#include "engine/doctor.h"
#include "engine/names.h"

extern const struct action_ops certifier_ops;
extern const struct names_ops certifier_names;
extern const struct doctor_ops certifier_doctor;

#endif
