#include "tests/reply.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace standin::test {
namespace {

constexpr std::size_t generated_chunk_bytes = 16384;

std::string chunk(std::string_view bytes) {
  std::string size;
  for (std::size_t n = bytes.size(); n != 0; n /= 16) size.insert(size.begin(), "0123456789abcdef"[n % 16]);
  return size + "\r\n" + std::string(bytes) + "\r\n";
}

std::string status_line(unsigned status) {
  const char* reason = status < 200 ? "Wait" : status < 300 ? "OK" : status < 400 ? "Elsewhere" : "Failed";
  return "HTTP/1.1 " + std::to_string(status) + " " + reason + "\r\n";
}

void echo(Conversation& with) {
  for (std::string piece = with.stream.read_some(); !piece.empty(); piece = with.stream.read_some())
    with.stream.write(piece);
}

void relay(Stream& from, Stream& to) {
  try {
    for (std::string piece = from.read_some(); !piece.empty(); piece = from.read_some()) to.write(piece);
    to.fin();
  } catch (const StreamError&) {
    to.stop();
  }
}

}  // namespace

struct Gate::State {
  std::mutex mutex;
  std::condition_variable_any changed;
  bool open = false;
};

Gate::Gate() : state_(std::make_shared<State>()) {}

void Gate::open() {
  const std::lock_guard lock(state_->mutex);
  state_->open = true;
  state_->changed.notify_all();
}

void Gate::wait(std::stop_token stop) const {
  std::unique_lock lock(state_->mutex);
  if (!state_->changed.wait_for(lock, stop, std::chrono::seconds(30), [this] { return state_->open; }))
    throw StreamError("a gate of the test stayed closed");
}

Reply Reply::no_body(unsigned status, const Fields& fields) {
  Reply reply;
  reply.status_line_ = status_line(status);
  reply.fields_ = fields;
  return reply;
}

Reply Reply::body(unsigned status, std::string text, const Fields& fields) {
  Reply reply = no_body(status, fields);
  reply.fields_.emplace_back("Content-Length", std::to_string(text.size()));
  reply.steps_.emplace_back(std::move(text));
  return reply;
}

Reply Reply::generated(std::uint64_t size) {
  Reply reply = no_body(200, {{"Content-Length", std::to_string(size)}});
  reply.steps_.emplace_back(Generate{size, 0});
  return reply;
}

Reply Reply::generated_chunked(std::uint64_t size) {
  Reply reply = no_body(200, {{"Transfer-Encoding", "chunked"}});
  reply.steps_.emplace_back(Generate{size, generated_chunk_bytes});
  reply.steps_.emplace_back("0\r\n\r\n");
  return reply;
}

void Reply::add(Pieces pieces, As as) {
  for (Piece& piece : pieces) {
    if (const auto* gate = std::get_if<Gate>(&piece))
      steps_.emplace_back(*gate);
    else
      steps_.emplace_back(as == As::chunks ? chunk(std::get<std::string>(piece))
                                           : std::get<std::string>(std::move(piece)));
  }
}

Reply Reply::chunked(Pieces pieces, const Fields& trailers, const Fields& fields) {
  Reply reply = no_body(200, fields);
  reply.fields_.emplace_back("Transfer-Encoding", "chunked");
  reply.add(std::move(pieces), As::chunks);
  reply.steps_.emplace_back("0\r\n" + to_text(trailers) + "\r\n");
  return reply;
}

Reply Reply::events(Pieces pieces) {
  return chunked(std::move(pieces), {},
                 {{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-cache"}});
}

Reply Reply::with_length(std::uint64_t promised, Pieces pieces) {
  Reply reply = no_body(200, {{"Content-Length", std::to_string(promised)}});
  reply.add(std::move(pieces), As::bytes);
  return reply;
}

Reply Reply::until_close(Pieces pieces, const Fields& fields) {
  Reply reply = no_body(200, fields);
  reply.add(std::move(pieces), As::bytes);
  return reply.close_after();
}

Reply Reply::raw(Pieces pieces) {
  Reply reply;
  reply.add(std::move(pieces), As::bytes);
  reply.after_ = After::close;
  return reply;
}

Reply Reply::hang() {
  return converse([](Conversation& with) {
    while (!with.stream.read_some().empty()) {
    }
  });
}

Reply Reply::upgrade_to_echo(std::string protocol, const Fields& fields) {
  return upgrade(std::move(protocol), echo, fields);
}

Reply Reply::upgrade(std::string protocol, std::function<void(Conversation&)> talk, const Fields& fields) {
  Reply reply = no_body(101, fields);
  reply.fields_.emplace_back("Upgrade", std::move(protocol));
  reply.fields_.emplace_back("Connection", "Upgrade");
  reply.steps_.emplace_back(std::move(talk));
  reply.after_ = After::close;
  return reply;
}

Reply Reply::tunnel_to(std::uint16_t port) {
  Reply reply = no_body(200);
  reply.steps_.emplace_back([port](Conversation& with) {
    Stream target(Stream::connect_loopback(port));
    const std::stop_callback on_stop(with.stop, [&target] { target.stop(); });
    const std::jthread upwards([&] { relay(with.stream, target); });
    relay(target, with.stream);
  });
  reply.after_ = After::close;
  return reply;
}

Reply Reply::converse(std::function<void(Conversation&)> talk) {
  Reply reply;
  reply.steps_.emplace_back(std::move(talk));
  reply.after_ = After::close;
  return reply;
}

Reply& Reply::informational(unsigned status, const Fields& fields) {
  before_.emplace_back(status_line(status) + to_text(fields) + "\r\n");
  return *this;
}

Reply& Reply::wait_before(const Gate& gate) {
  before_.emplace_back(gate);
  return *this;
}

Reply& Reply::drip() {
  drip_ = true;
  return *this;
}

Reply& Reply::close_after() {
  fields_.emplace_back("Connection", "close");
  after_ = After::close;
  return *this;
}

Reply& Reply::cut_at(std::uint64_t byte) {
  cut_ = Cut::fin;
  cut_at_ = byte;
  return *this;
}

Reply& Reply::reset_at(std::uint64_t byte) {
  cut_ = Cut::reset;
  cut_at_ = byte;
  return *this;
}

/// Plays the steps of one reply and keeps count for the cut.
class ReplyWriter {
 public:
  ReplyWriter(const Reply& reply, Conversation& with) : reply_(reply), with_(with) {}

  After play() {
    for (const Reply::Step& step : reply_.before_) take(step);
    if (!reply_.status_line_.empty()) send(reply_.status_line_ + to_text(reply_.fields_) + "\r\n");
    if (with_.request.method() != "HEAD")
      for (const Reply::Step& step : reply_.steps_) take(step);
    if (!cut_ && reply_.cut_ != Reply::Cut::none) cut();
    return cut_ ? After::close : reply_.after_;
  }

 private:
  void take(const Reply::Step& step) {
    if (cut_) return;
    if (const auto* text = std::get_if<std::string>(&step)) send(*text);
    if (const auto* gate = std::get_if<Gate>(&step)) gate->wait(with_.stop);
    if (const auto* talk = std::get_if<std::function<void(Conversation&)>>(&step)) (*talk)(with_);
    if (const auto* pattern = std::get_if<Reply::Generate>(&step)) generate(*pattern);
  }

  void generate(const Reply::Generate& pattern) {
    generate_pattern(pattern.size, [&](std::string_view piece) {
      if (pattern.chunk == 0) return send(piece);
      for (; !piece.empty(); piece.remove_prefix(std::min(pattern.chunk, piece.size())))
        send(chunk(piece.substr(0, pattern.chunk)));
    });
  }

  void send(std::string_view bytes) {
    const bool reached = reply_.cut_ != Reply::Cut::none && sent_ + bytes.size() >= reply_.cut_at_;
    if (reached && !cut_) bytes = bytes.substr(0, static_cast<std::size_t>(reply_.cut_at_ - sent_));
    if (cut_) return;
    const std::size_t step = reply_.drip_ ? 1 : bytes.size();
    for (std::size_t at = 0; at < bytes.size(); at += step) with_.stream.write(bytes.substr(at, step));
    sent_ += bytes.size();
    if (reached) cut();
  }

  void cut() {
    cut_ = true;
    if (reply_.cut_ == Reply::Cut::reset)
      with_.stream.reset();
    else
      with_.stream.fin();
  }

  const Reply& reply_;
  Conversation& with_;
  std::uint64_t sent_ = 0;
  bool cut_ = false;
};

After play(const Reply& reply, Conversation& with) { return ReplyWriter(reply, with).play(); }

}  // namespace standin::test
