/* Regular expressions of RE2's syntax, for RegexFullMatch and Tokenizer: literals, classes (also [[:alpha:]],
 * \d \s \w and their negations), groups, alternation, repetition (lazy ones too), ^ $ \A \z \b \B.
 *
 * A pattern is translated into a program for sets of states (Thompson, "Regular Expression Search
 * Algorithm", 1968), so that time grows with length times program size whatever the pattern. Text is UTF-8;
 * a malformed byte counts as one character U+FFFD. Unicode classes (\p), flags ((?i)), \C, \Q and look-around
 * are refused by name. */
#ifndef HONE_OPS_OP_REGEX_H
#define HONE_OPS_OP_REGEX_H

#include "ops/op.h"

typedef struct hone__regex hone__regex;

/* `ctx` owns the memory (scratch). MODEL for a malformed pattern, UNSUPPORTED for syntax that is not
 * served, LIMIT for a program that would be too large. */
hone_status hone__regex_compile(hone__eval *ctx, hone_string pattern, hone__regex **out);
/* Whether the whole text matches. */
bool hone__regex_full_match(hone__regex *regex, hone_string text);
/* The leftmost match that begins at `from` or later, the longest of those; false when there is none. */
bool hone__regex_search(hone__regex *regex, hone_string text, size_t from, size_t *begin, size_t *end);

/* Bytes of the UTF-8 character at `i` (1 for a malformed byte), and its code point. i < text.size. */
size_t hone__utf8_next(hone_string text, size_t i, uint32_t *code);

#endif
