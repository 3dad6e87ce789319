#include "proxy/conduit.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>

namespace standin::proxy {

namespace {

constexpr unsigned most_open = 64;

std::atomic<unsigned> open_now = 0;

}  // namespace

void Conduit::open() noexcept {
  if (is_open() || open_now >= most_open) return;
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return;
  ++open_now;
  exit_ = ends[0];
  entrance_ = ends[1];
  // Where a user may not have so much it stays at 64 KiB, and takes less at once.
  (void)::fcntl(entrance_, F_SETPIPE_SZ, static_cast<int>(capacity));
}

void Conduit::close() noexcept {
  if (!is_open()) return;
  ::close(entrance_);
  ::close(exit_);
  entrance_ = exit_ = -1;
  --open_now;
}

}  // namespace standin::proxy
