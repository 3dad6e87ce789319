#include <charconv>
#include <unordered_map>

#include "tests/bench/end_to_end/http2_session.h"
#include "tests/bench/end_to_end/wire.h"

namespace standin::bench {
namespace {

class Http2Client final : public ClientWire, private Http2Events {
 public:
  Http2Client(const Identity& who, Answers& to)
      : authority_(who.authority), authorization_("Bearer " + who.token), to_(to) {}

  void ask(const Request& request, std::uint64_t now) override {
    const std::string length = std::to_string(request.upload);
    Http2Fields fields{{":method", request.upload > 0 ? "POST" : "GET"},
                       {":scheme", "https"},
                       {":authority", authority_},
                       {":path", request.path},
                       {"user-agent", "bench"},
                       {"accept", "*/*"},
                       {"authorization", authorization_}};
    Body body;
    body.filler = request.upload;
    if (request.upload > 0) fields.emplace_back("content-length", length);
    waiting_[session_.request(fields, std::move(body))].asked = now;
  }

  bool feed(std::string_view bytes) override { return session_.feed(bytes) && !broken_; }
  void fill(std::string& out) override { session_.fill(out); }

 private:
  struct Waiting {
    std::uint64_t asked = 0;
    unsigned status = 0;
  };

  void on_field(std::int32_t stream, std::string_view name, std::string_view value) override {
    if (name == ":status")
      std::from_chars(value.data(), value.data() + value.size(), waiting_[stream].status);
  }
  void on_data(std::int32_t, std::string_view piece) override { to_.on_body(piece); }
  void on_end(std::int32_t stream) override {
    const Waiting done = waiting_[stream];
    waiting_.erase(stream);
    to_.on_answer(done.status, done.asked);
  }
  void on_close(std::int32_t, bool whole) override { broken_ = broken_ || !whole; }

  std::string authority_, authorization_;
  Answers& to_;
  std::unordered_map<std::int32_t, Waiting> waiting_;
  bool broken_ = false;
  Http2Session session_{Http2Session::Side::client, *this};
};

}  // namespace

std::unique_ptr<ClientWire> http2_client(const Identity& who, Answers& to) {
  return std::make_unique<Http2Client>(who, to);
}

}  // namespace standin::bench
