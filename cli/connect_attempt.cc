#include "cli/connect_attempt.h"

#include <sys/epoll.h>

#include <algorithm>
#include <utility>

#include "cli/child_socket.h"

namespace standin::cli {
namespace {
constexpr std::chrono::seconds look_for_gone_every{1};
}

void ParkedConnects::park(ConnectAttempt attempt) {
  const int socket = attempt.socket.get();
  const std::chrono::microseconds patience(attempt.replaces ? 0 : patience_of(socket));
  const auto until = patience.count() == 0 ? Clock::time_point::max() : Clock::now() + patience;
  epoll_event event{EPOLLOUT | EPOLLONESHOT, {}};
  event.data.fd = socket;
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &event);
  parked_.insert_or_assign(socket, Parked{std::move(attempt), until});
}

/// The kernel would not forget it by itself: the child has the same socket open.
void ParkedConnects::unwatch(int socket) const noexcept {
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, socket, nullptr);
}

std::optional<ConnectAttempt> ParkedConnects::take(int socket) {
  auto node = parked_.extract(socket);
  if (node.empty()) return std::nullopt;
  unwatch(socket);
  return std::move(node.mapped().attempt);
}

std::optional<ConnectAttempt> ParkedConnects::take_impatient(Clock::time_point now) {
  const auto found =
      std::ranges::find_if(parked_, [&](const auto& entry) { return entry.second.until <= now; });
  return found == parked_.end() ? std::nullopt : take(found->first);
}

void ParkedConnects::forget_gone(const TrappedConnects& calls, Clock::time_point now) {
  if (now < next_look_for_gone_) return;
  next_look_for_gone_ = now + look_for_gone_every;
  std::erase_if(parked_, [&](const auto& entry) {
    const bool is_gone = !calls.is_waiting(entry.second.attempt.call.id);
    if (is_gone) unwatch(entry.first);
    return is_gone;
  });
}

ParkedConnects::Clock::time_point ParkedConnects::next_look(Clock::time_point now) const noexcept {
  auto next = now + look_for_gone_every;
  for (const auto& entry : parked_) next = std::min<Clock::time_point>(next, entry.second.until);
  return next;
}

void LostAnswers::keep(std::uint64_t cookie, int error) {
  take(cookie);
  if (kept_.size() == most) kept_.pop_front();
  kept_.emplace_back(cookie, error);
}

std::optional<int> LostAnswers::take(std::uint64_t cookie) {
  const auto found = std::ranges::find(kept_, cookie, &decltype(kept_)::value_type::first);
  if (found == kept_.end()) return std::nullopt;
  const int error = found->second;
  kept_.erase(found);
  return error;
}

}  // namespace standin::cli
