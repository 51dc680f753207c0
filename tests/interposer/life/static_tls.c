/* SPDX-License-Identifier: Apache-2.0 */
/* Forty libraries with thread-local variables of the initial-exec model can be opened, as many as
 * without the preload: the preload takes none of the little room that there is for them. argv[1] is
 * the library. */
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "../expect.h"

enum { COPIES = 40 };

static void copy_file(const char *from, const char *to)
{
    struct stat status;
    int source = open(from, O_RDONLY | O_CLOEXEC);
    int target = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
    EXPECT(source >= 0 && target >= 0 && fstat(source, &status) == 0);
    EXPECT(sendfile(target, source, NULL, (size_t)status.st_size) == status.st_size);
    close(source);
    close(target);
}

static void test(char **argv)
{
    char folder[] = "/tmp/quarry-static-tls-XXXXXX";
    int opened = 0;
    EXPECT(mkdtemp(folder) != NULL);
    for (int i = 0; i < COPIES; i++) {
        char path[sizeof(folder) + 16];
        snprintf(path, sizeof(path), "%s/copy-%d.so", folder, i);
        copy_file(argv[1], path);
        opened += dlopen(path, RTLD_NOW) != NULL;
        unlink(path);
    }
    rmdir(folder);
    in_case("opened", (size_t)opened);
    EXPECT(opened == COPIES);
}
