/* Graph to ModelProto: what `hone optimize` writes. */
#ifndef HONE_MODEL_MODEL_EXPORT_H
#define HONE_MODEL_MODEL_EXPORT_H

#include "model/model.h"
#include "onnx/onnx_file.h"

/* "hone.onnx" of version V: the standard's operators as of opset V, whatever the model's own opset is. */
#define HONE__FOREIGN_DOMAIN "hone.onnx"

typedef struct hone__export_options {
    hone__save_options save;
    /* Added to the model's metadata; a key that exists is replaced. */
    const hone__pb_bytes (*metadata)[2];
    size_t n_metadata;
    /* Nodes of the standard whose version is not the one that the model imports (passes make LayerNormalization-17
     * in a model of opset 13) are written in domain HONE__FOREIGN_DOMAIN, which hone alone reads; else they are
     * refused with HONE_ERROR_UNSUPPORTED. */
    bool allow_foreign;
} hone__export_options;

/* Writes a graph that came from `model` (a clone, edited by passes): producer, metadata, opsets and
 * documentation are the model's, weights are streamed from where they lie. Names of inputs and outputs
 * are kept. options may be NULL. */
hone_status hone__model_export(const hone_model *model, const hone__graph *graph, const char *path,
                               const hone__export_options *options, hone_error *error);

#endif
