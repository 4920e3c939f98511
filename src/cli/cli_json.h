/* Helpers that build JSON with jansson; keys keep the order in which they are set. */
#ifndef HONE_CLI_CLI_JSON_H
#define HONE_CLI_CLI_JSON_H

#include <hone/hone.h>
#include <jansson.h>

/* Numbers that JSON cannot hold (NaN, infinities) become null. */
json_t *hone__json_number(double value);
/* Texts that are not UTF-8 get their bad bytes replaced; NULL becomes null. */
json_t *hone__json_text(const char *text);
/* Names, dtype and shape of an input or output: {"name","dtype","shape"}. */
json_t *hone__json_value_info(const hone_value_info *info);
/* The "machine" object of bench and doctor. */
json_t *hone__json_machine(const hone_machine *machine);

static inline void hone__json_set(json_t *object, const char *key, json_t *value) {
    json_object_set_new(object, key, value);
}

#endif
