#include "proxy/client.h"

#include "proxy/http2_connection.h"
#include "proxy/sides.h"

namespace standin::proxy {

void Watch::look(Clock::time_point now) noexcept {
  if (now > expires) client->abort();
  if (http2) http2->look(now);
  if (!origin || !client->peer_is_gone()) {
    silent_looks = 0;
  } else if (++silent_looks > 1) {
    client_left = true;
    origin->abort();
    client->abort();
  }
}

void Watch::end() noexcept {
  if (origin) origin->abort();
  if (http2) http2->say_goodbye();
  client->reset();
}

Task<HeadRead> read_head(Stream& stream, Inbox& inbox, std::size_t limit) {
  HeadScanner scanner;
  std::size_t scanned = 0;
  for (;;) {
    const auto state = scanner.feed(inbox.bytes().substr(scanned));
    scanned = inbox.bytes().size();
    if (state == HeadScanner::State::bad) co_return HeadRead{HeadRead::End::bad, 0, scanner.reason()};
    if (state == HeadScanner::State::done && scanner.length() <= limit) {
      co_return HeadRead{HeadRead::End::whole, scanner.length(), {}};
    }
    if (scanned > limit || state == HeadScanner::State::done)
      co_return HeadRead{HeadRead::End::too_large, 0, {}};
    const Io io = co_await stream.read_some(inbox.space(limit + 1));
    if (io.ok()) {
      inbox.commit(io.count);
    } else {
      co_return HeadRead{
          inbox.empty() && io.end == Io::End::eof ? HeadRead::End::nothing : HeadRead::End::cut, 0, {}};
    }
  }
}

Task<HeadRead> read_client_head(Client& client, const Limits& limits) {
  constexpr int most_empty_lines = 8;
  int empty_lines = 0;
  for (;;) {
    for (; client.inbox.bytes().starts_with("\r\n"); ++empty_lines) client.inbox.consume(2);
    if (empty_lines > most_empty_lines) co_return HeadRead{HeadRead::End::bad, 0, "no start line"};
    if (!client.inbox.empty() && client.inbox.bytes() != "\r") break;
    const Io io = client.stream.try_read(client.inbox.space());
    if (io.ok()) {
      client.inbox.commit(io.count);
    } else if (io.must_wait()) {
      client.inbox.release();
      if (!co_await client.stream.wait(io.end)) co_return HeadRead{};
    } else {
      co_return HeadRead{io.end == Io::End::eof ? HeadRead::End::nothing : HeadRead::End::cut, 0, {}};
    }
  }
  client.watch.expires = Clock::now() + limits.client_head;
  const HeadRead read = co_await read_head(client.stream, client.inbox, limits.max_head_bytes);
  client.watch.expires = Clock::time_point::max();
  co_return read;
}

Task<void> part_from(Client& client) {
  constexpr std::chrono::seconds longest{30};
  constexpr std::size_t most = 64 << 20;
  client.watch.expires = Clock::now() + longest;
  co_await client.stream.finish_writing();
  client.inbox.consume(client.inbox.bytes().size());
  for (std::size_t thrown_away = 0; thrown_away < most;) {
    const Io io = client.stream.try_read(client.inbox.space());
    if (io.ok()) {
      thrown_away += io.count;
    } else if (io.must_wait()) {
      client.inbox.release();
      if (!co_await client.stream.wait(io.end)) co_return;
    } else {
      co_return;
    }
  }
}

Task<Persistence> send_refusal(Client& client, RequestParser& request, const Refusal& refusal) {
  constexpr std::uint64_t patience = 256 * 1024;
  BodyPieces ignored(Framing::length);
  while (!request.is_done()) {
    ignored.clear();
    const auto consumed = request.parse_body(client.inbox.bytes(), ignored);
    if (!consumed) break;
    client.inbox.consume(*consumed);
    if (request.is_done()) break;
    // A client that waits for `100 Continue` will not send its body now, and one that sends chunks may be
    // waiting for us: only what has a length, and a short one, is surely on its way.
    const auto rest = request.content_length_remaining();
    if (!rest || *rest > patience || request.expects_continue) break;
    const Io io = co_await client.stream.read_some(client.inbox.space());
    if (!io.ok()) co_return Persistence::close;
    client.inbox.commit(io.count);
  }
  const bool keep = request.is_done() && request.keep_alive();
  const auto persistence = keep ? Persistence::keep_alive : Persistence::close;
  const WithBody with_body = request.method == "HEAD" ? WithBody::no : WithBody::yes;
  const std::string response = refusal_response(refusal, persistence, with_body);
  co_return co_await client.stream.write_all(response) ? persistence : Persistence::close;
}

}  // namespace standin::proxy
