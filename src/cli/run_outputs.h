/* The outputs of `hone run`: printed, as JSON, and as .npy files. */
#ifndef HONE_CLI_RUN_OUTPUTS_H
#define HONE_CLI_RUN_OUTPUTS_H

#include "cli/cli.h"

/* Prints an output's type, shape, range and largest elements; returns the same as JSON. */
json_t *hone__run_describe(const hone__cli *cli, const char *name, const hone_tensor *tensor);

/* Writes NAME.npy into the folder, which is made if need be; items of containers get numbers. The name
 * without what file systems dislike; an output's index keeps names apart. */
hone_status hone__run_save(const char *dir, const char *name, size_t index, bool is_name_taken,
                           const hone_tensor *tensor, hone_error *error);

/* The file name that a value's name becomes, into buf; returns buf. */
const char *hone__run_file_name(const char *name, char *buf, size_t size);

#endif
