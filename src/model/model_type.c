/* TypeProto to the graph's types. */
#include "model/model.h"

#include "base/checked.h"
#include "base/error.h"

hone_status hone__model_text(hone__arena *arena, hone__pb_bytes bytes, const char **out, hone_error *error) {
    HONE_FAIL_IF(bytes.size && memchr(bytes.data, 0, bytes.size), error, HONE_ERROR_MODEL,
                 "the name \"%.*s\" holds a NUL byte", (int)hone__min_size(bytes.size, 120), (const char *)bytes.data);
    *out = hone__arena_strndup(arena, (const char *)bytes.data, bytes.size);
    return *out ? HONE_OK : hone__fail_memory(error, "a name");
}

const char *hone__plain_domain(const char *domain) { return strcmp(domain, "ai.onnx") == 0 ? "" : domain; }

static hone_status check_dtype(int64_t elem_type, hone_dtype *out, hone_error *error) {
    HONE_FAIL_IF(elem_type < 0 || elem_type >= HONE_DTYPE_COUNT, error, HONE_ERROR_MODEL,
                 "element type %lld is not one that ONNX defines", (long long)elem_type);
    *out = (hone_dtype)elem_type;
    return HONE_OK;
}

static hone_status read_tensor_type(const hone__tensor_type_proto *proto, bool is_sparse, hone__arena *arena,
                                    hone__type *out, hone_error *error) {
    hone_dtype dtype = HONE_DTYPE_UNDEFINED;
    hone__dim dims[HONE_MAX_RANK];
    int rank = -1;
    HONE_TRY(check_dtype(proto->elem_type, &dtype, error));
    if (proto->shape) {
        HONE_FAIL_IF(proto->shape->dim.n > HONE_MAX_RANK, error, HONE_ERROR_LIMIT,
                     "a shape has %zu dimensions, the limit is %d", proto->shape->dim.n, HONE_MAX_RANK);
        rank = (int)proto->shape->dim.n;
    }
    for (int i = 0; i < rank; i++) {
        const hone__dim_proto *dim = &proto->shape->dim.items[i];
        dims[i] = (hone__dim){-1, NULL};
        /* A negative value is how some exporters write "unknown". */
        if (HONE_PB_HAS(hone__dim_desc, dim, dim_value) && dim->dim_value >= 0)
            dims[i].value = dim->dim_value;
        /* Paddle's exporter calls every open dim "?": that is no symbol, two of them need not agree. */
        else if (dim->dim_param.size && !(dim->dim_param.size == 1 && dim->dim_param.data[0] == '?'))
            HONE_TRY(hone__model_text(arena, dim->dim_param, &dims[i].symbol, error));
    }
    if (hone__type_set_tensor(arena, out, dtype, rank, dims) != HONE_OK)
        return hone__fail_memory(error, "a type");
    out->is_sparse = is_sparse;
    return HONE_OK;
}

/* Containers nest no deeper than messages do, so this loop walks down without recursion. */
hone_status hone__model_type(const hone__type_proto *proto, hone__arena *arena, hone__type *out, hone_error *error) {
    memset(out, 0, sizeof *out);
    out->rank = -1;
    while (proto) {
        if (proto->tensor_type)
            return read_tensor_type(proto->tensor_type, false, arena, out, error);
        if (proto->sparse_tensor_type)
            return read_tensor_type(proto->sparse_tensor_type, true, arena, out, error);
        const hone__type_proto *inner;
        if (proto->sequence_type) {
            out->kind = HONE_KIND_SEQUENCE;
            inner = proto->sequence_type->elem_type;
        } else if (proto->optional_type) {
            out->kind = HONE_KIND_OPTIONAL;
            inner = proto->optional_type->elem_type;
        } else if (proto->map_type) {
            out->kind = HONE_KIND_MAP;
            HONE_TRY(check_dtype(proto->map_type->key_type, &out->dtype, error));
            inner = proto->map_type->value_type;
        } else {
            HONE_FAIL_IF(proto->opaque_type, error, HONE_ERROR_UNSUPPORTED, "opaque types are not supported");
            return HONE_OK; /* unknown */
        }
        out->is_known = true;
        if (inner) {
            hone__type *elem = hone__arena_calloc(arena, 1, sizeof *elem);
            if (!elem)
                return hone__fail_memory(error, "a type");
            elem->rank = -1;
            out->elem = elem;
            out = elem;
        }
        proto = inner;
    }
    return HONE_OK;
}
