/* SPDX-License-Identifier: Apache-2.0 */
/* Links if the compiler has the sanitizer's runtime. */
int main(void)
{
    return 0;
}
