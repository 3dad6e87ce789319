#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <map>

#include "broker/audit_filter.h"
#include "broker/audit_line.h"
#include "broker/audit_query.h"
#include "broker/audit_reader.h"

namespace standin::broker {

namespace {

using Each = std::function<bool(const AuditEntry&)>;

/// Tells of changes in the folder.
class FolderWatch {
 public:
  explicit FolderWatch(const std::filesystem::path& folder)
      : folder_(folder), inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
    constexpr unsigned events =
        IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
    if (!inotify_.is_open() || ::inotify_add_watch(inotify_.get(), folder.c_str(), events) < 0) {
      audit::throw_unreadable(folder, errno);
    }
  }

  /// Waits until files have changed. False when `stop_fd` is readable.
  bool wait(int stop_fd) {
    std::array<pollfd, 2> waiting{{{inotify_.get(), POLLIN, 0}, {stop_fd, POLLIN, 0}}};
    while (::poll(waiting.data(), waiting.size(), -1) < 0) {
      if (errno != EINTR) audit::throw_unreadable(folder_, errno);
    }
    if (waiting[1].revents != 0) return false;
    drain();
    return true;
  }

 private:
  /// What changed is seen by looking; the events only say when. So a queue that ran over loses nothing.
  void drain() {
    alignas(inotify_event) std::array<char, 16 << 10> buffer;
    ssize_t size = 0;
    while ((size = ::read(inotify_.get(), buffer.data(), buffer.size())) > 0) {
      for (const char* at = buffer.data(); at < buffer.data() + size;) {
        const auto* event = reinterpret_cast<const inotify_event*>(at);
        if ((event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)) != 0)
          audit::throw_unreadable(folder_, ENOENT);
        at += sizeof(inotify_event) + event->len;
      }
    }
  }

  const std::filesystem::path& folder_;
  audit::Descriptor inotify_;
};

/// How far each day's file has been read.
class Follower {
 public:
  Follower(const std::filesystem::path& folder, const AuditFilter& filter)
      : folder_(folder), matcher_(filter), first_day_(matcher_.first_day()) {}

  /// Hands out what is new. False when `each` wants no more.
  bool read_new(const Each& each) {
    const auto days = audit::list_days(folder_, first_day_);
    for (const auto& day : days) {
      if (!read_file(day, each)) return false;
    }
    // Once the day is over, its file gets no more than the last writers' latest records.
    if (days.size() > 2) first_day_ = days[days.size() - 2];
    return true;
  }

 private:
  struct Position {
    ino_t inode = 0;
    std::uint64_t offset = 0;
  };

  bool read_file(const std::string& day, const Each& each) {
    const auto path = audit::file_of_day(folder_, day);
    const auto file = audit::open_for_reading(path);
    if (!file.is_open()) return true;
    const auto status = audit::status_of(file, path);
    const auto size = static_cast<std::uint64_t>(status.st_size);
    auto [known, is_new] = positions_.try_emplace(day);
    auto& position = known->second;
    if (is_new || position.inode != status.st_ino) {
      position = {status.st_ino,
                  day == matcher_.first_day() ? audit::find_since(file, path, matcher_.begin()) : 0};
    }
    if (position.offset > size) position.offset = size;  // cut: what is left was handed out
    return position.offset == size || read_lines(file, path, position.offset, each);
  }

  /// Whole lines only: a writer may be in the middle of the last one.
  bool read_lines(const audit::Descriptor& file, const std::filesystem::path& path, std::uint64_t& offset,
                  const Each& each) {
    audit::LineReader reader(file, path, offset);
    while (const auto line = reader.next()) {
      if (!line->terminated && line->text.size() < audit::max_line_bytes) break;
      offset = line->offset + line->text.size() + (line->terminated ? 1 : 0);
      for (auto rest = line->text; !rest.empty();) {
        if (matcher_.matches(audit::take_piece(rest), entry_) && !each(entry_)) return false;
      }
    }
    return true;
  }

  const std::filesystem::path& folder_;
  audit::Matcher matcher_;
  std::string first_day_;
  std::map<std::string, Position> positions_;
  AuditEntry entry_;
};

}  // namespace

void follow_audit(const std::filesystem::path& folder, const AuditFilter& filter, int stop_fd,
                  const Each& each) {
  audit::prepare_folder(folder);
  FolderWatch watch(folder);  // before the first look: nothing is written unseen in between
  Follower follower(folder, filter);
  do {
    if (!follower.read_new(each)) return;
  } while (watch.wait(stop_fd));
}

}  // namespace standin::broker
