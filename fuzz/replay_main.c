/* Runs a fuzz target over the files of a folder, with any compiler: the corpus as a regression test. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file)
        return -1;
    (void)fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    /* Exactly as large as the file, so that tools see a read beyond its end. */
    uint8_t *data = size > 0 ? malloc((size_t)size) : NULL;
    int result = size == 0 || (data && fread(data, 1, (size_t)size, file) == (size_t)size) ? 0 : -1;
    (void)fclose(file);
    if (result == 0)
        result = LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
    return result;
}

int main(int argc, char **argv) {
    int n = 0;
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        if (!folder) {
            (void)fprintf(stderr, "cannot open %s\n", argv[i]);
            return 1;
        }
        for (struct dirent *entry; (entry = readdir(folder));) {
            char path[4096];
            if (entry->d_name[0] == '.')
                continue;
            (void)snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
            if (replay(path) != 0) {
                (void)fprintf(stderr, "cannot replay %s\n", path);
                return 1;
            }
            n++;
        }
        (void)closedir(folder);
    }
    printf("%d files\n", n);
    return n ? 0 : 1; /* an empty corpus is a mistake */
}
