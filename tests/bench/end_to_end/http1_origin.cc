#include <sstream>

#include "tests/bench/end_to_end/body.h"
#include "tests/bench/end_to_end/http1_messages.h"
#include "tests/bench/end_to_end/wire.h"

namespace standin::bench {
namespace {

class Http1Origin final : public OriginWire {
 public:
  explicit Http1Origin(const std::string& token)
      : wanted_("Bearer " + token),
        requests_([](std::string_view) {},
                  [this](const Http1Head& head) {
                    respond(answer_to(head.path, head.authorization == wanted_, head.received));
                  }) {}

  bool feed(std::string_view bytes) override { return requests_.feed(bytes); }

  void fill(std::string& out) override {
    while (!body_.is_empty() && out.size() < piece_size) out += body_.take(piece_size - out.size());
  }

  [[nodiscard]] bool has_events() const override { return body_.events > 0; }

  void event(std::string_view text) override {
    std::ostringstream chunk;
    chunk << std::hex << text.size() << "\r\n" << text << "\r\n";
    --body_.events;
    if (body_.events == 0) chunk << "0\r\n\r\n";
    body_.add(chunk.str());
  }

 private:
  void respond(Answer answer) {
    std::string head = answer.status == 200 ? "HTTP/1.1 200 OK\r\nContent-Type: "
                                            : "HTTP/1.1 401 Unauthorized\r\nContent-Type: ";
    head += answer.type;
    if (answer.body.events > 0)
      head += "\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
    else
      head +=
          "\r\nContent-Length: " + std::to_string(answer.body.text.size() + answer.body.filler) + "\r\n\r\n";
    answer.body.text.insert(0, head);
    body_ = std::move(answer.body);
  }

  std::string wanted_;
  Body body_;  // of the answer, its head in front
  Http1Messages<true> requests_;
};

}  // namespace

std::unique_ptr<OriginWire> http1_origin(const std::string& token) {
  return std::make_unique<Http1Origin>(token);
}

}  // namespace standin::bench
