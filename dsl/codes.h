/*
 * codes - the stable words of diagnostics, one row each.
 *
 * A word here is a promise: people grep for it and CI filters on it. It is
 * never renamed and never reused for something else.
 */
#ifndef DSL_CODES_H
#define DSL_CODES_H

#include "base/diag.h"

/* enum, word, SEVERITY_… without that word, what it means in one line */
#define DIAG_CODES(X)                                                                              \
	X(CODE_NOT_A_FILE, "not-a-file", ERROR,                                                    \
	  "something in the rules folder is no regular file")                                      \
	X(CODE_NOT_UTF8, "not-utf8", ERROR, "the file is not UTF-8 text")                          \
	X(CODE_BAD_CHARACTER, "bad-character", ERROR, "a control character stands in the text")    \
	X(CODE_TOO_LARGE, "too-large", ERROR, "a file, a value or the folder passes a ceiling")    \
	X(CODE_TOO_DEEP, "too-deep", ERROR, "lists and maps are nested too deep")                  \
	X(CODE_YAML_SYNTAX, "yaml-syntax", ERROR, "the file is not YAML from here on")             \
	X(CODE_ANCHOR, "anchor-not-allowed", ERROR,                                                \
	  "a YAML anchor: values are written out where they are used")                             \
	X(CODE_ALIAS, "alias-not-allowed", ERROR,                                                  \
	  "a YAML alias: values are written out where they are used")                              \
	X(CODE_MERGE_KEY, "merge-key-not-allowed", ERROR,                                          \
	  "a YAML merge key: keys are written out where they hold")                                \
	X(CODE_TAG, "tag-not-allowed", ERROR,                                                      \
	  "a YAML tag: the key already says what its value is")                                    \
	X(CODE_DIRECTIVE, "directive-not-allowed", ERROR, "a YAML %TAG directive")                 \
	X(CODE_BAD_KEY, "bad-key", ERROR, "a key of a map is no text")                             \
	X(CODE_DUPLICATE_KEY, "duplicate-key", ERROR, "a key stands twice in one map")             \
	X(CODE_UNKNOWN_DOCUMENT, "unknown-document", ERROR,                                        \
	  "a document is neither an account nor a rule")                                           \
	X(CODE_KEY_ORDER, "key-order", ERROR,                                                      \
	  "'rule' or 'account' is not the first key of its document")                              \
	X(CODE_UNKNOWN_KEY, "unknown-key", ERROR, "a key that is not known at this place")         \
	X(CODE_MISSING_KEY, "missing-key", ERROR, "a required key is missing")                     \
	X(CODE_MISSING_VALUE, "missing-value", ERROR, "a key stands without a value")              \
	X(CODE_WRONG_TYPE, "wrong-type", ERROR,                                                    \
	  "a map, a list or a text where another of them is needed")                               \
	X(CODE_CONFLICT, "conflicting-keys", ERROR, "two keys that exclude each other")            \
	X(CODE_BAD_VALUE, "bad-value", ERROR, "a value that this key cannot take")                 \
	X(CODE_UNKNOWN_VALUE, "unknown-value", ERROR, "a word that is none of the known ones")     \
	X(CODE_DUPLICATE_VALUE, "duplicate-value", WARNING, "a value stands twice in one list")    \
	X(CODE_BAD_NAME, "bad-name", ERROR,                                                        \
	  "a name of a rule, account, property or field is not well formed")                       \
	X(CODE_BAD_DURATION, "bad-duration", ERROR, "no duration, or one out of bounds")           \
	X(CODE_BAD_RATE, "bad-rate", ERROR, "no rate, or none above zero")                         \
	X(CODE_BAD_DATE, "bad-date", ERROR, "no date, or one that cannot be")                      \
	X(CODE_BAD_NUMBER, "bad-number", ERROR, "no decimal number")                               \
	X(CODE_BAD_URL, "bad-url", ERROR,                                                          \
	  "no http or https address, or one with parts that do not belong")                        \
	X(CODE_BAD_SECRET, "bad-secret", ERROR, "a secret's reference is not well formed")         \
	X(CODE_INLINE_SECRET, "inline-secret", ERROR, "a secret is written out in the file")       \
	X(CODE_DUPLICATE_ACCOUNT, "duplicate-account", ERROR, "two accounts have one name")        \
	X(CODE_DUPLICATE_RULE, "duplicate-rule", ERROR, "two rules have one name")                 \
	X(CODE_UNKNOWN_ACCOUNT, "unknown-account", ERROR, "no account has this name")              \
	X(CODE_WRONG_ACCOUNT, "wrong-account", ERROR,                                              \
	  "the account is of another kind than needed here")                                       \
	X(CODE_MISSING_ACCOUNT, "missing-account", ERROR,                                          \
	  "no account of the kind that is needed is declared")                                     \
	X(CODE_AMBIGUOUS_ACCOUNT, "ambiguous-account", ERROR,                                      \
	  "several accounts fit and the rule names none")                                          \
	X(CODE_UNKNOWN_OPERATOR, "unknown-operator", ERROR, "a filter's operator is not known")    \
	X(CODE_EMPTY_OPERAND, "empty-operand", ERROR, "a filter compares with the empty text")     \
	X(CODE_BAD_PATTERN, "bad-pattern", ERROR, "a regular expression is not well formed")       \
	X(CODE_BAD_TEMPLATE, "bad-template", ERROR, "a template is not well formed")               \
	X(CODE_UNKNOWN_REFERENCE, "unknown-reference", ERROR,                                      \
	  "a template refers to what does not exist here")                                         \
	X(CODE_UNKNOWN_FUNCTION, "unknown-function", ERROR, "a template's function is not known")  \
	X(CODE_BAD_ARGUMENT, "bad-argument", ERROR,                                                \
	  "a template's function is given a wrong argument")                                       \
	X(CODE_NEVER_A_DATE, "never-a-date", ERROR,                                                \
	  "a date is needed and what stands here can never be one")                                \
	X(CODE_SINGLE_BRACES, "single-braces", WARNING,                                            \
	  "text looks like a reference but has single braces")                                     \
	X(CODE_UNKNOWN_FIELD, "unknown-field", ERROR,                                              \
	  "a field of the credential that does not exist")                                         \
	X(CODE_NEVER_FIRES, "never-fires", WARNING, "a rule that waits for what cannot happen")    \
	X(CODE_NEVER_HOLDS, "never-holds", WARNING,                                                \
	  "a test that contradicts what must hold beside it")                                      \
	X(CODE_ALWAYS_HOLDS, "always-holds", WARNING, "a test or a group that says nothing")       \
	X(CODE_UNREACHABLE_BRANCH, "unreachable-branch", WARNING,                                  \
	  "a branch of 'any' that another branch covers")                                          \
	X(CODE_ISSUED_TWICE, "issued-twice", WARNING,                                              \
	  "two rules issue one group to the same people")                                          \
	X(CODE_SLOW_PATTERN, "slow-pattern", WARNING,                                              \
	  "a regular expression that can take very long")                                          \
	X(CODE_EMPTY_FIELD, "empty-field", WARNING,                                                \
	  "a reference that comes out empty whenever its rule fires")                              \
	X(CODE_UNUSED_ACCOUNT, "unused-account", WARNING, "an account that no rule uses")          \
	X(CODE_NO_RULES, "no-rules", ERROR, "there is no rule file")                               \
	X(CODE_NO_TESTS, "no-tests", ERROR, "there is no rule test")                               \
	X(CODE_DUPLICATE_TEST, "duplicate-test", ERROR, "two rule tests have one name")            \
	X(CODE_DUPLICATE_ID, "duplicate-id", ERROR,                                                \
	  "two contacts or two lists of a test have one id")                                       \
	X(CODE_UNKNOWN_CONTACT, "unknown-contact", ERROR,                                          \
	  "a test names a contact that is not there, or not at that time")                         \
	X(CODE_UNKNOWN_RULE, "unknown-rule", ERROR,                                                \
	  "a test expects something of a rule that is not")                                        \
	X(CODE_STEP_ORDER, "step-order", ERROR,                                                    \
	  "a step of a test is earlier than the one before it")                                    \
	X(CODE_BAD_RULES, "bad-rules", ERROR, "the rules that a test reloads are not valid")       \
	X(CODE_BAD_LOCK, "bad-lock", ERROR, "the lock file is damaged")                            \
	X(CODE_NEWER_LOCK, "newer-lock", ERROR,                                                    \
	  "the lock file has a form that this program does not know")                              \
	X(CODE_UNKNOWN_PROPERTY, "unknown-property", ERROR,                                        \
	  "contacts have no property of this name")                                                \
	X(CODE_UNKNOWN_OPTION, "unknown-option", ERROR,                                            \
	  "the property has no such option, or a label stands for a value")                        \
	X(CODE_FORMER_OPTION, "former-option", WARNING,                                            \
	  "the property has no such option, at least not any more")                                \
	X(CODE_HIDDEN_OPTION, "hidden-option", WARNING,                                            \
	  "'to' waits for an option that nobody can choose")                                       \
	X(CODE_WRONG_VALUE, "wrong-value", ERROR,                                                  \
	  "a value of a kind that the property never holds")                                       \
	X(CODE_WRONG_OPERATOR, "wrong-operator", ERROR,                                            \
	  "a number or a date is asked of what never is one")                                      \
	X(CODE_LOOSE_COMPARISON, "loose-comparison", WARNING,                                      \
	  "a text is compared as a number or a date")                                              \
	X(CODE_SEVERAL_OPTIONS, "several-options", WARNING,                                        \
	  "a test for one value on a property that holds several, or the reverse")                 \
	X(CODE_NO_LABELS, "no-labels", WARNING, "'label' on a property that has no options")       \
	X(CODE_UNKNOWN_LIST, "unknown-list", ERROR, "there is no list with this id or name")       \
	X(CODE_INEXACT_LIST, "inexact-list", WARNING, "a list's name is written in other letters") \
	X(CODE_UNKNOWN_GROUP, "unknown-group", ERROR, "the workspace has no group with this id")   \
	X(CODE_UNKNOWN_ATTRIBUTE, "unknown-attribute", ERROR,                                      \
	  "the workspace has no custom attribute of this tag")                                     \
	X(CODE_NOT_PULLED, "not-pulled", WARNING,                                                  \
	  "the lock file does not know an account, or is behind it")

enum code {
#define X(name, word, severity, meaning) name,
	DIAG_CODES(X)
#undef X
		CODE_COUNT
};

struct code_row {
	const char *word;
	enum severity severity;
	const char *meaning;
};

extern const struct code_row diag_codes[CODE_COUNT];

#endif
