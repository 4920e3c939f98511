/* config.yaml edited in place: only the bytes of values that change are replaced, everything else
 * (comments, order, quoting, line ends, anchors, other documents) stays byte for byte. The result
 * is parsed again and compared with the intention before anybody sees it; what cannot be edited
 * safely is refused with a clear error.
 *
 * Where a key stands: directly under the top-level section `onnx:`, else deeper inside it, else
 * anywhere else in the first document; several equally good places are refused. Values inside an
 * anchored collection that aliases use elsewhere do not count as a place (a change there would
 * change other readers too): such a key is added under `onnx:`, which overrides it. */
#ifndef HONE_TUNE_CONFIG_EDIT_H
#define HONE_TUNE_CONFIG_EDIT_H

#include "tune/config_tree.h"

#include "base/strbuf.h"

typedef struct hone__config_change {
    const char *key;
    const char *value; /* in the options' normal form; "" means none and is written as null */
    bool is_text;      /* free text: always quoted */
    bool is_list;      /* names separated by commas, written as [a, b] */
} hone__config_change;

/* Says whether a value found outside `onnx:` can be one of ours: `backend: redis` in a cache's
 * section is not. NULL accepts all. */
typedef bool (*hone__config_accepts)(void *user, const char *key, const char *text);

typedef struct hone__config_filter {
    hone__config_accepts accepts;
    void *user;
} hone__config_filter;

typedef struct hone__config_place {
    hone__config_node *key, *value; /* NULL when the file does not have the key */
    bool is_inherited;              /* comes into `onnx:` through a merge key: to be read, not edited */
} hone__config_place;

/* Checks what every use needs: a mapping (or nothing) at the top, no duplicate keys. */
hone_status hone__config_check(const hone__config_tree *tree, const char *file, hone_error *error);

/* Finds a key by the rule above. Errors: CONFIG when several places are equally good. */
hone_status hone__config_find(const hone__config_tree *tree, const char *key, const hone__config_filter *filter,
                              const char *file, hone__config_place *out, hone_error *error);

/* The value at a place as text ("" for null); NULL when it is a collection other than a list of
 * scalars. A list comes joined by commas in `scratch`. */
const char *hone__config_value_text(const hone__config_place *place, hone__strbuf *scratch);

/* Applies the changes to the bytes. `out` receives the new text. */
hone_status hone__config_edit(const char *data, size_t size, const char *file, const hone__config_change *changes,
                              size_t n_changes, const hone__config_filter *filter, hone__strbuf *out,
                              hone_error *error);

/* Inside the room: compares the trees before and after (config_verify.c). */
hone_status hone__config_verify(hone__config_tree *before, hone__config_tree *after, const hone__config_change *changes,
                                size_t n_changes, const hone__config_filter *filter, const char *file,
                                hone_error *error);

/* The top-level section `onnx:`, or NULL (config_find.c). */
hone__config_node *hone__config_section(const hone__config_tree *tree, hone__config_node **key);

/* Reads a whole file (config_write.c). NOT_FOUND when there is none. */
hone_status hone__config_read_file(const char *path, hone__strbuf *out, hone_error *error);

/* Replaces a file atomically: temporary file beside it, fsync, rename, fsync of the folder; mode
 * and owner are kept, symbolic links are followed. `before` must be what the file still holds, and
 * is kept as FILE.bak; NULL: the file is new and must not exist. */
hone_status hone__config_write_file(const char *path, const hone__strbuf *before, const char *data, size_t size,
                                    hone_error *error);
/* The same without a backup, for files of our own making (reports). */
hone_status hone__config_replace_file(const char *path, const char *data, size_t size, hone_error *error);
/* Whether hone__config_write_file could work, asked before hours are spent. */
hone_status hone__config_check_writable(const char *path, hone_error *error);

#endif
