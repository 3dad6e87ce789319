#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace standin::bench {

/// The most that a wire puts into one piece: some TLS records, so that a gigabyte costs few turns.
constexpr std::size_t piece_size = 64 * 1024;

/// A body that is being sent: a text, then so many bytes that neither compress nor repeat soon.
struct Body {
  std::string text;
  std::uint64_t filler = 0;
  std::uint64_t events = 0;  // that are still to come; the body ends behind the last

  /// What goes next, at most `room`. Valid until the next call.
  std::string_view take(std::size_t room);
  /// Puts more behind the text.
  void add(std::string_view more);
  [[nodiscard]] bool is_empty() const { return text.size() == at_ && filler == 0; }
  [[nodiscard]] bool has_ended() const { return is_empty() && events == 0; }

 private:
  std::size_t at_ = 0;  // of the text
};

/// What the origin says to a request.
struct Answer {
  unsigned status = 200;
  std::string_view type = "application/octet-stream";
  Body body;
};
/// `received`: bytes of the request's body.
Answer answer_to(std::string_view path, bool authorised, std::uint64_t received);

}  // namespace standin::bench
