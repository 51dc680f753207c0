/* SPDX-License-Identifier: Apache-2.0 */
/* An expectation that does not hold ends the program with 1 and one line that says which. */
#include "../expect.h"

static void test(char **argv)
{
    in_case("answer", 42);
    EXPECT(argv == NULL);
}
