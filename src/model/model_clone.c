/* Clones of a model's graph for sessions and passes, and pages of the file that nobody needs for now. */
#include "model/model.h"

#include "base/error.h"

const hone__graph *hone__model_graph(const hone_model *model) { return model->graph; }

static hone_status make_clone(const hone_model *model, hone_status (*align)(hone__graph *, hone_error *),
                              hone__graph **out, hone_error *error) {
    HONE_TRY(hone__graph_clone(model->graph, out, error));
    hone_status status = align(*out, error);
    if (status != HONE_OK) {
        hone__graph_destroy(*out);
        *out = NULL;
    }
    return status;
}

hone_status hone__model_clone_graph(const hone_model *model, hone__graph **out, hone_error *error) {
    return make_clone(model, hone__graph_align_constants, out, error);
}

hone_status hone__model_clone_views(const hone_model *model, hone__graph **out, hone_error *error) {
    return make_clone(model, hone__graph_align_attributes, out, error);
}

void hone__model_drop_pages(const hone_model *model, const void *data, size_t size) {
    if (hone__mapping_drop(&model->mapping, data, size))
        return;
    for (const hone__external_file *file = model->source.files; file; file = file->next)
        if (hone__mapping_drop(&file->mapping, data, size))
            return;
}

void hone__model_drop_all_pages(const hone_model *model) {
    (void)hone__mapping_drop(&model->mapping, model->mapping.data, model->mapping.size);
    for (const hone__external_file *file = model->source.files; file; file = file->next)
        (void)hone__mapping_drop(&file->mapping, file->mapping.data, file->mapping.size);
}
