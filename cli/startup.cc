#include "cli/startup.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "cli/error.h"

namespace standin::cli {

void occupy_standard_descriptors() {
  constexpr std::array wrong_way{O_WRONLY, O_RDONLY, O_RDWR};
  for (int descriptor = 0; descriptor < 3; ++descriptor) {
    if (::fcntl(descriptor, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest free number is this one: those below were seen to just now.
    if (::open("/dev/null", wrong_way[static_cast<std::size_t>(descriptor)]) != descriptor) ::_exit(1);
  }
}

void protect_process() {
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0 || ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
    throw Error(Error::Kind::environment,
                "cannot turn off core dumps: " + std::generic_category().message(errno));
  }
}

}  // namespace standin::cli
