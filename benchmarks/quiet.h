/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the machine belonged to the benchmark. Threads that lack a second processor take turns
 * instead of contending, and every pool looks fast then: such a repetition is done again. */
#ifndef QUARRY_BENCHMARKS_QUIET_H
#define QUARRY_BENCHMARKS_QUIET_H

/* A stretch of time, from the construction on. */
class stretch
{
  public:
    stretch();
    /* The share of all processors' time that went to other programs and other machines, 0 to 1. */
    double share_of_others() const;

  private:
    double start_seconds, start_busy_seconds, start_own_seconds;
};

/* What a share may be for a repetition to count, and how many are done again in a run of the
 * program: on a machine that is never quiet they count as they are, and the table says so. */
constexpr double most_of_others = 0.1;
inline int retries_left = 200;

/* Calls attempt() until it was undisturbed, or there are no retries left. Returns the share of
 * others in the last attempt. */
template <class function> double undisturbed(function &&attempt)
{
    for (;;) {
        const stretch stretch;
        attempt();
        const double share = stretch.share_of_others();
        if (share <= most_of_others || retries_left == 0) {
            return share;
        }
        retries_left--;
    }
}

#endif
