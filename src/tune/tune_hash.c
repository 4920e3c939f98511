/* Hashes for keys: of a model file with its external data, and of texts (XXH3, 128 bits). */
#include "tune/tune_internal.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/mapping.h"
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

static void to_text(XXH128_hash_t hash, char out[33]) {
    snprintf(out, 33, "%016llx%016llx", (unsigned long long)hash.high64, (unsigned long long)hash.low64);
}

void hone__tune_hash_text(const char *text, char out[33]) { to_text(XXH3_128bits(text, strlen(text)), out); }

/* The initializers' bytes cover external data, wherever it lies. */
hone_status hone__tune_hash_model(const char *path, char out[33], hone_error *error) {
    hone__mapping mapping;
    hone_model *model = NULL;
    HONE_TRY(hone__mapping_open(path, &mapping, error));
    hone_status status = hone_model_open(path, &model, error);
    XXH3_state_t *state = XXH3_createState();
    if (status == HONE_OK && !state)
        status = hone__fail_memory(error, "model hash");
    if (status == HONE_OK) {
        XXH3_128bits_reset(state);
        XXH3_128bits_update(state, mapping.data, mapping.size);
        for (size_t i = 0; i < hone_model_initializer_count(model); i++) {
            const hone_tensor *tensor = hone_model_get_initializer(model, i, NULL);
            const unsigned char *data =
                tensor && hone_tensor_dtype(tensor) != HONE_DTYPE_STRING ? hone_tensor_data_const(tensor) : NULL;
            bool is_inside = data && mapping.data && data >= mapping.data && data < mapping.data + mapping.size;
            if (data && !is_inside && hone_tensor_size(tensor) > 4096)
                XXH3_128bits_update(state, data, hone_tensor_size(tensor));
        }
        to_text(XXH3_128bits_digest(state), out);
    }
    XXH3_freeState(state);
    hone_model_close(model);
    hone__mapping_close(&mapping);
    return status;
}
