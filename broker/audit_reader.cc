#include "broker/audit_reader.h"

#include <algorithm>
#include <cstring>

#include "broker/audit_line.h"

namespace standin::broker::audit {

namespace {

constexpr std::size_t chunk_bytes = 256 << 10;
constexpr std::uint64_t window_bytes = 16 << 10;  // some dozen records
constexpr std::uint64_t slack_bytes = 64 << 10;

/// The latest time among the records that begin within the window, or empty. The latest: one record that was
/// held up for an hour between clock and file must not send the bisection the wrong way.
std::string latest_time(std::string_view window) {
  static const std::string start = "\n" + std::string(record_start);
  std::string latest;
  for (auto at = window.find(start); at != std::string_view::npos; at = window.find(start, at + 1)) {
    latest = std::max(latest, std::string(window.substr(at + start.size(), time_length)));
  }
  return latest;
}

/// The same around `offset`: where a long line fills the window, a longer one.
std::string latest_time_at(const Descriptor& file, const std::filesystem::path& path, std::uint64_t offset) {
  std::string window;
  for (auto size = window_bytes; size <= 2 * max_line_bytes; size *= 8) {
    window.resize(size);
    window.resize(read_at(file, offset, window.data(), size, path));
    if (auto latest = latest_time(window); !latest.empty() || window.size() < size) return latest;
  }
  return {};
}

/// The beginning of the first line at or after `offset`.
std::uint64_t next_line(const Descriptor& file, const std::filesystem::path& path, std::uint64_t offset) {
  if (offset == 0) return 0;
  LineReader reader(file, path, offset - 1);
  const auto line = reader.next();
  return line && line->terminated ? line->offset + line->text.size() + 1 : offset;
}

}  // namespace

LineReader::LineReader(const Descriptor& file, const std::filesystem::path& path, std::uint64_t offset,
                       std::uint64_t number)
    : file_(file), path_(path), buffer_(chunk_bytes), offset_(offset), number_(number) {}

std::optional<Line> LineReader::next() {
  std::size_t searched = 0;
  for (;;) {
    const auto* from = buffer_.data() + begin_ + searched;
    const auto left = end_ - begin_ - searched;
    if (const auto* newline = static_cast<const char*>(left > 0 ? std::memchr(from, '\n', left) : nullptr)) {
      auto line = take(static_cast<std::size_t>(newline - buffer_.data()) - begin_, Ending::newline);
      ++begin_;
      return line;
    }
    searched = end_ - begin_;
    if (searched >= max_line_bytes) return take(searched, Ending::none);
    if (!fill()) break;
  }
  if (searched == 0) return std::nullopt;
  return take(searched, Ending::none);
}

Line LineReader::take(std::size_t length, Ending ending) {
  const bool terminated = ending == Ending::newline;
  if (!inside_line_) ++number_;
  inside_line_ = !terminated;
  const Line line{{buffer_.data() + begin_, length}, offset_ + begin_, number_, terminated};
  begin_ += length;
  return line;
}

bool LineReader::fill() {
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  offset_ += begin_;
  end_ -= begin_;
  begin_ = 0;
  if (end_ == buffer_.size()) buffer_.resize(2 * buffer_.size());
  const auto count = read_at(file_, offset_ + end_, buffer_.data() + end_, buffer_.size() - end_, path_);
  end_ += count;
  return count > 0;
}

BackwardReader::BackwardReader(const Descriptor& file, const std::filesystem::path& path, std::uint64_t size)
    : file_(file), path_(path), offset_(size), chunk_(window_bytes) {}

std::optional<std::string_view> BackwardReader::next(std::uint64_t& budget) {
  if (done_) return std::nullopt;
  auto newline = buffer_.rfind('\n');
  while (newline == std::string::npos && fill(budget)) newline = buffer_.rfind('\n');
  if (newline == std::string::npos && offset_ > 0) return std::nullopt;  // the budget is spent
  done_ = newline == std::string::npos;
  last_ = buffer_.substr(newline + 1);  // npos + 1 is 0
  buffer_.resize(done_ ? 0 : newline);
  return last_;
}

bool BackwardReader::fill(std::uint64_t& budget) {
  const auto size = std::min<std::uint64_t>({chunk_, offset_, budget});
  if (size == 0) return false;
  std::string chunk(size, '\0');
  chunk.resize(read_at(file_, offset_ - size, chunk.data(), size, path_));
  if (chunk.size() < size) return false;  // cut while we read it
  buffer_.insert(0, chunk);
  offset_ -= size;
  budget -= size;
  chunk_ = std::min<std::size_t>(2 * chunk_, std::max<std::size_t>(chunk_bytes, buffer_.size()));
  return true;
}

std::uint64_t find_since(const Descriptor& file, const std::filesystem::path& path, std::string_view since) {
  std::uint64_t low = 0;
  auto high = static_cast<std::uint64_t>(status_of(file, path).st_size);
  while (high - low > window_bytes) {
    const auto middle = low + (high - low) / 2;
    const auto latest = latest_time_at(file, path, middle);
    // Where there is no record to be seen, go the way that leaves nothing out.
    if (latest.empty() || latest >= since) {
      high = middle;
    } else {
      low = middle;
    }
  }
  return next_line(file, path, low > slack_bytes ? low - slack_bytes : 0);
}

}  // namespace standin::broker::audit
