/*
 * operand - what a filter's operator compares with: read, checked and made
 * ready to run.
 */
#ifndef DSL_OPERAND_H
#define DSL_OPERAND_H

#include "dsl/fault.h"
#include "dsl/pattern.h"
#include "dsl/program.h"
#include "dsl/value.h"

/* Fills the operand fields of *t; what it lends lives as long as the nodes, the arena and the
 * patterns. */
bool operand_read(struct faults *f, struct patterns *patterns, struct arena *arena,
		  const struct operator* op, const struct node *operand, struct test *t);

#endif
