#include "tests/bench/end_to_end/body.h"

#include <algorithm>
#include <charconv>
#include <random>

namespace standin::bench {
namespace {

std::string_view filler_bytes() {
  static const std::string bytes = [] {
    std::mt19937 random(1);
    std::string made(piece_size, '\0');
    std::generate(made.begin(), made.end(), [&] { return static_cast<char>(random()); });
    return made;
  }();
  return bytes;
}

std::uint64_t number_after(std::string_view path, std::string_view prefix) {
  std::uint64_t number = 0;
  if (path.starts_with(prefix))
    std::from_chars(path.data() + prefix.size(), path.data() + path.size(), number);
  return number;
}

}  // namespace

std::string_view Body::take(std::size_t room) {
  if (at_ < text.size()) {
    const std::string_view next = std::string_view(text).substr(at_, room);
    at_ += next.size();
    return next;
  }
  const std::string_view next = filler_bytes().substr(0, std::min<std::uint64_t>(room, filler));
  filler -= next.size();
  return next;
}

void Body::add(std::string_view more) {
  text.erase(0, at_);
  at_ = 0;
  text += more;
}

Answer answer_to(std::string_view path, bool authorised, std::uint64_t received) {
  Answer answer;
  if (!authorised) {
    answer.status = 401;
  } else if (path == "/bench") {
    answer.body.text.assign(1024, 'x');
  } else if (path == "/sink") {
    answer.body.text = std::to_string(received);
  } else if (path.starts_with("/events/")) {
    answer.type = "text/event-stream";
    answer.body.events = number_after(path, "/events/");
  } else {
    answer.body.filler = number_after(path, "/bytes/");
  }
  return answer;
}

}  // namespace standin::bench
