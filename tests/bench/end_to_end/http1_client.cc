#include "tests/bench/end_to_end/body.h"
#include "tests/bench/end_to_end/http1_messages.h"
#include "tests/bench/end_to_end/wire.h"

namespace standin::bench {
namespace {

class Http1Client final : public ClientWire {
 public:
  Http1Client(const Identity& who, Answers& to)
      : fields_(" HTTP/1.1\r\nHost: " + who.authority +
                "\r\nUser-Agent: bench\r\nAccept: */*\r\nAuthorization: Bearer " + who.token + "\r\n"),
        answers_([&to](std::string_view piece) { to.on_body(piece); },
                 [this, &to](const Http1Head& head) { to.on_answer(head.status, asked_); }) {}

  void ask(const Request& request, std::uint64_t now) override {
    asked_ = now;
    body_ = {};
    if (request.upload > 0)
      body_.text =
          "POST " + request.path + fields_ + "Content-Length: " + std::to_string(request.upload) + "\r\n\r\n";
    else
      body_.text = "GET " + request.path + fields_ + "\r\n";
    body_.filler = request.upload;
  }

  bool feed(std::string_view bytes) override { return answers_.feed(bytes); }

  void fill(std::string& out) override {
    while (!body_.is_empty() && out.size() < piece_size) out += body_.take(piece_size - out.size());
  }

 private:
  std::string fields_;
  Body body_;  // of the request, its head in front
  std::uint64_t asked_ = 0;
  Http1Messages<false> answers_;
};

}  // namespace

std::unique_ptr<ClientWire> http1_client(const Identity& who, Answers& to) {
  return std::make_unique<Http1Client>(who, to);
}

}  // namespace standin::bench
