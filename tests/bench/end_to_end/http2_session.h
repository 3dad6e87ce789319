#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <nghttp2/nghttp2.h>

#include "tests/bench/end_to_end/body.h"

namespace standin::bench {

using Http2Fields = std::vector<std::pair<std::string_view, std::string_view>>;

/// What comes in on the streams of a connection.
class Http2Events {
 public:
  virtual ~Http2Events() = default;
  virtual void on_field(std::int32_t stream, std::string_view name, std::string_view value) = 0;
  virtual void on_data(std::int32_t stream, std::string_view piece) = 0;
  /// The other side said all that it had to say on this stream.
  virtual void on_end(std::int32_t stream) = 0;
  /// The stream is over; `whole` where on_end() came before.
  virtual void on_close(std::int32_t stream, bool whole) = 0;
};

/// nghttp2 for one connection, sans-IO: windows so large that they hold up nobody, bodies out of Body.
class Http2Session {
 public:
  enum class Side : std::uint8_t { client, server };
  /// `events` outlives the session.
  Http2Session(Side side, Http2Events& events);
  ~Http2Session();
  Http2Session(const Http2Session&) = delete;
  Http2Session& operator=(const Http2Session&) = delete;

  std::int32_t request(const Http2Fields& fields, Body body);
  void respond(std::int32_t stream, const Http2Fields& fields, Body body);
  /// The body of this stream while it is being sent, and that there is more of it now.
  Body& body(std::int32_t stream) { return sending_[stream]; }
  void resume(std::int32_t stream) { nghttp2_session_resume_data(session_, stream); }

  bool feed(std::string_view bytes);
  void fill(std::string& out);

 private:
  struct Callbacks;
  Http2Events& events_;
  nghttp2_session* session_ = nullptr;
  std::unordered_map<std::int32_t, Body> sending_;
  std::unordered_set<std::int32_t> ended_;  // streams on which on_end() was said
};

}  // namespace standin::bench
