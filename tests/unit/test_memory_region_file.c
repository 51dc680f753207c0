/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is a file: who shares it, who may change it, and limits of files. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>
#include <quarry/memory_region.h>
#include "os/os.h"
#include "../support/good_child.h"
#include "../support/heap_client.h"
#include "../support/memory_look.h"

#define BYTES        ((size_t)100000)
#define SMALL_LIMIT  ((size_t)64 << 10)
#define MORE_THAN_IT ((size_t)1 << 20)

static size_t page;

static void map_file(struct quarry_memory_region *region)
{
    int result = quarry_memory_region_map(region, BYTES, QUARRY_MEMORY_FILE);

    if (result == -ENOTSUP) {
        print_message("skipped: the system has no files in memory\n");
        skip();
    }
    assert_int_equal(result, 0);
    assert_true(region->file >= 0);
    assert_int_equal(region->pages, QUARRY_PAGES_USUAL);
}

static void a_file_is_shared_with_who_attaches_it(void **state)
{
    struct quarry_memory_region region;
    struct quarry_memory_region other;

    map_file(&region);
    expect_usable(&region, BYTES, page);
    assert_int_equal(quarry_memory_region_attach(&other, region.file), 0);
    assert_int_equal(other.bytes, region.bytes);
    assert_ptr_not_equal(other.start, region.start);
    assert_int_not_equal(other.file, region.file);
    heap_block_fill(region.start, BYTES, 1);
    assert_true(heap_block_is_filled(other.start, BYTES, 1));
    expect_unmapped(&region); /* the other one goes on */
    assert_true(heap_block_is_filled(other.start, BYTES, 1));
    assert_int_equal(quarry_memory_region_attach(&region, other.file), 0);
    assert_true(heap_block_is_filled(region.start, BYTES, 1));
    expect_unmapped(&other);
    expect_unmapped(&region);
}

static void attach_and_fill(void *arg)
{
    struct quarry_memory_region own;

    CHECK_THAT(quarry_memory_region_attach(&own, *(int *)arg) == 0);
    heap_block_fill(own.start, BYTES, 2);
    CHECK_THAT(quarry_memory_region_unmap(&own) == 0);
}

static void a_file_is_shared_between_processes(void **state)
{
    struct quarry_memory_region region;

    map_file(&region);
    expect_good_child(attach_and_fill, &region.file);
    assert_true(heap_block_is_filled(region.start, BYTES, 2));
    expect_unmapped(&region);
}

static void a_descriptor_lasts_as_long_as_its_region(void **state)
{
    struct quarry_memory_region region;
    struct quarry_memory_region other;

    map_file(&region);
    int file = region.file;
    assert_int_equal(fcntl(file, F_GETFD), FD_CLOEXEC);
    assert_int_equal(quarry_memory_region_attach(&other, file), 0);
    assert_int_equal(fcntl(other.file, F_GETFD), FD_CLOEXEC);
    expect_unmapped(&other);
    expect_unmapped(&region);
    assert_int_equal(fcntl(file, F_GETFD), -1);
    errno = ODD_ERRNO;
}

static void nobody_changes_the_size_of_a_file(void **state)
{
    struct quarry_memory_region region;

    map_file(&region);
    assert_int_equal(ftruncate(region.file, 0), -1);
    assert_int_equal(ftruncate(region.file, (off_t)(2 * region.bytes)), -1);
    assert_int_equal(fcntl(region.file, F_ADD_SEALS, F_SEAL_WRITE), -1);
    errno = ODD_ERRNO;
    expect_unmapped(&region);
}

static void only_such_files_are_attached(void **state)
{
    struct quarry_memory_region region;
    int files[2];
    int other = memfd_create("other", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    assert_int_equal(ftruncate(other, (off_t)page), 0); /* of a size that can be changed */
    expect_refused(&region, quarry_memory_region_attach(&region, other), -EINVAL);
    assert_int_equal(fcntl(other, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
    assert_int_equal(quarry_memory_region_attach(&region, other), 0);
    expect_unmapped(&region);
    close(other);
    expect_refused(&region, quarry_memory_region_attach(&region, other), -EINVAL);
    assert_int_equal(pipe(files), 0);
    expect_refused(&region, quarry_memory_region_attach(&region, files[0]), -EINVAL);
    close(files[0]);
    close(files[1]);
    other = memfd_create("empty", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(fcntl(other, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
    expect_refused(&region, quarry_memory_region_attach(&region, other), -EINVAL);
    close(other);
    errno = ODD_ERRNO;
}

static void files_that_cannot_be_written_to_are_not_attached(void **state)
{
    struct quarry_memory_region region;
    struct quarry_memory_region other;
    char path[64];

    map_file(&region);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", region.file);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(file >= 0);
    expect_refused(&other, quarry_memory_region_attach(&other, file), -EINVAL);
    close(file);
    expect_unmapped(&region);
    file = memfd_create("constant", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(ftruncate(file, (off_t)page), 0);
    assert_int_equal(fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
    expect_refused(&other, quarry_memory_region_attach(&other, file), -EINVAL);
    close(file);
    errno = ODD_ERRNO;
}

static void map_with_limited_files(void *arg)
{
    struct quarry_memory_region region;
    struct quarry_memory_region other;

    (void)arg;
    set_limit(RLIMIT_FSIZE, SMALL_LIMIT);
    CHECK_THAT(quarry_memory_region_map(&other, MORE_THAN_IT, QUARRY_MEMORY_FILE) == -EPERM);
    CHECK_THAT(other.start == NULL && other.file == NO_FILE);
    CHECK_THAT(quarry_memory_region_map(&region, SMALL_LIMIT, QUARRY_MEMORY_FILE) == 0);
    set_limit(RLIMIT_NOFILE, 1);
    errno = ODD_ERRNO;
    CHECK_THAT(quarry_memory_region_map(&other, SMALL_LIMIT, QUARRY_MEMORY_FILE) == -EMFILE);
    CHECK_THAT(other.start == NULL && other.file == NO_FILE);
    CHECK_THAT(quarry_memory_region_attach(&other, region.file) == -EMFILE);
    CHECK_THAT(other.start == NULL && other.file == NO_FILE);
    CHECK_THAT(errno == ODD_ERRNO);
    CHECK_THAT(quarry_memory_region_unmap(&region) == 0);
}

static void limits_of_files_are_told(void **state)
{
    struct quarry_memory_region region;

    map_file(&region); /* or skip */
    expect_unmapped(&region);
    expect_good_child(map_with_limited_files, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, odd_errno, same_errno)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_is_shared_with_who_attaches_it),
        cmocka_unit_test(a_file_is_shared_between_processes),
        TEST(a_descriptor_lasts_as_long_as_its_region),
        TEST(nobody_changes_the_size_of_a_file),
        TEST(only_such_files_are_attached),
        TEST(files_that_cannot_be_written_to_are_not_attached),
        cmocka_unit_test(limits_of_files_are_told),
    };

    page = os_page_bytes();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
