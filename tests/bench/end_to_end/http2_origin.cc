#include <unordered_map>

#include "tests/bench/end_to_end/http2_session.h"
#include "tests/bench/end_to_end/wire.h"

namespace standin::bench {
namespace {

class Http2Origin final : public OriginWire, private Http2Events {
 public:
  explicit Http2Origin(const std::string& token) : wanted_("Bearer " + token) {}

  bool feed(std::string_view bytes) override { return session_.feed(bytes); }
  void fill(std::string& out) override { session_.fill(out); }

  [[nodiscard]] bool has_events() const override { return events_on_ != 0; }

  void event(std::string_view text) override {
    Body& body = session_.body(events_on_);
    --body.events;
    const bool last = body.events == 0;
    body.add(text);
    session_.resume(events_on_);
    if (last) events_on_ = 0;
  }

 private:
  struct Asked {
    std::string path;
    bool authorised = false;
    std::uint64_t received = 0;
  };

  void on_field(std::int32_t stream, std::string_view name, std::string_view value) override {
    if (name == ":path")
      asked_[stream].path = value;
    else if (name == "authorization")
      asked_[stream].authorised = value == wanted_;
  }
  void on_data(std::int32_t stream, std::string_view piece) override {
    asked_[stream].received += piece.size();
  }
  void on_end(std::int32_t stream) override {
    const Asked asked = std::move(asked_[stream]);
    asked_.erase(stream);
    Answer answer = answer_to(asked.path, asked.authorised, asked.received);
    const std::string length = std::to_string(answer.body.text.size() + answer.body.filler);
    Http2Fields fields{{":status", answer.status == 200 ? "200" : "401"}, {"content-type", answer.type}};
    if (answer.body.events > 0)
      events_on_ = stream;
    else
      fields.emplace_back("content-length", length);
    session_.respond(stream, fields, std::move(answer.body));
  }
  void on_close(std::int32_t stream, bool) override {
    asked_.erase(stream);
    if (stream == events_on_) events_on_ = 0;
  }

  std::string wanted_;
  std::unordered_map<std::int32_t, Asked> asked_;
  std::int32_t events_on_ = 0;  // one stream at a time is enough here
  Http2Session session_{Http2Session::Side::server, *this};
};

}  // namespace

std::unique_ptr<OriginWire> http2_origin(const std::string& token) {
  return std::make_unique<Http2Origin>(token);
}

}  // namespace standin::bench
