/* SPDX-License-Identifier: Apache-2.0 */
/* Reads from Linux what the processors did, and how much of it was this program's. */
#include "quiet.h"

#include <chrono>
#include <fstream>
#include <string>
#include <sys/resource.h>
#include <unistd.h>

namespace
{

double now_seconds()
{
    const std::chrono::duration<double> now = std::chrono::steady_clock::now().time_since_epoch();

    return now.count();
}

/* All processors together; time that the hypervisor gave to others counts as busy. */
double busy_seconds()
{
    std::ifstream stat("/proc/stat");
    std::string cpu;
    double user = 0, nice = 0, system = 0, idle = 0, io_wait = 0, irq = 0, soft_irq = 0, steal = 0;

    stat >> cpu >> user >> nice >> system >> idle >> io_wait >> irq >> soft_irq >> steal;
    return (user + nice + system + irq + soft_irq + steal) /
           static_cast<double>(sysconf(_SC_CLK_TCK));
}

double seconds_of(const timeval &time)
{
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

double own_seconds()
{
    rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

} // namespace

stretch::stretch()
    : start_seconds(now_seconds()), start_busy_seconds(busy_seconds()),
      start_own_seconds(own_seconds())
{
}

double stretch::share_of_others() const
{
    const double busy = busy_seconds() - start_busy_seconds;
    const double own = own_seconds() - start_own_seconds;
    const double all =
        (now_seconds() - start_seconds) * static_cast<double>(sysconf(_SC_NPROCESSORS_ONLN));

    return busy > own ? (busy - own) / all : 0;
}
