/*
 * doctor_webhook - the webhook part of HubSpot's check: for engine/hubspot/doctor.c only.
 */
#ifndef ENGINE_HUBSPOT_DOCTOR_WEBHOOK_H
#define ENGINE_HUBSPOT_DOCTOR_WEBHOOK_H

#include "engine/doctor.h"

/* As struct doctor_ops, `beside`. */
struct reader *webhook_open(const struct patient *patient);
extern const struct reader_ops webhook_reads;

#endif
