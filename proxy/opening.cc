#include "proxy/opening.h"

#include <algorithm>

#include "proxy/ascii.h"
#include "proxy/request.h"

namespace standin::proxy {

namespace {

/// `no_more`: the client has finished writing, or no more can be held. What it wrote is relayed then.
enum class More : std::uint8_t { came, no_more, broken };

Task<More> read_more(Client& client, std::size_t limit) {
  const auto space = client.inbox.space(limit);
  if (space.empty()) co_return More::no_more;
  const Io io = co_await client.stream.read_some(space);
  if (!io.ok()) co_return io.end == Io::End::eof ? More::no_more : More::broken;
  client.inbox.commit(io.count);
  co_return More::came;
}

bool is_token_character(char c) noexcept {  // RFC 9110 5.6.2
  return is_alnum(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

/// A method, or the beginning of one.
bool begins_with_method(std::string_view bytes) noexcept {
  constexpr std::size_t longest = 32;
  const auto method = bytes.substr(0, bytes.find(' '));
  return !method.empty() && method.size() <= longest && std::ranges::all_of(method, is_token_character);
}

/// Whether the bytes read so far may become an HTTP/1 request's head. Stricter than HeadScanner: other
/// protocols that begin with text must not wait here for an empty line that never comes.
class RequestLook {
 public:
  bool may_be_request(std::string_view bytes) noexcept {
    if (line_is_whole_) return true;
    if (!begins_with_method(bytes)) return false;
    const auto end = bytes.find("\r\n", looked_at_ == 0 ? 0 : looked_at_ - 1);
    looked_at_ = bytes.size();
    if (end == bytes.npos) return true;
    line_is_whole_ = true;
    const auto line = bytes.substr(0, end);
    return line.ends_with(" HTTP/1.1") || line.ends_with(" HTTP/1.0");
  }

 private:
  bool line_is_whole_ = false;
  std::size_t looked_at_ = 0;
};

/// Where the one Host of a request goes. CONNECT is for another proxy, which is not ours to be.
std::optional<Origin> host_of(std::string_view head) {
  RequestParser request;
  if (!request.parse_head(head).empty() || !request.check_framing().empty()) return std::nullopt;
  const Field* host = find_field(request.fields, "host");
  if (!host || request.method == "CONNECT") return std::nullopt;
  auto origin = Origin::from_authority(Scheme::http, host->value);
  if (!origin || compare_host(request, *origin) != HostField::agrees) return std::nullopt;
  return origin;
}

}  // namespace

Task<Opening> read_client_hello(Client& client, ClientHelloReader& hello) {
  std::size_t fed = 0;
  for (;;) {
    const More more = co_await read_more(client, ClientHelloReader::max_bytes);
    if (more == More::broken) co_return Opening::ended;
    if (more == More::no_more) co_return Opening::read;
    const auto state = hello.feed(client.inbox.bytes().substr(fed));
    fed = client.inbox.bytes().size();
    if (state != ClientHelloReader::State::more) co_return Opening::read;
  }
}

Task<Opening> read_request_host(Client& client, std::size_t limit, std::optional<Origin>& host) {
  HeadScanner scanner;
  RequestLook look;
  std::size_t scanned = 0;
  for (;;) {
    const More more = co_await read_more(client, limit);
    if (more == More::broken) co_return Opening::ended;
    if (more == More::no_more) co_return Opening::read;
    const auto bytes = client.inbox.bytes();
    const auto state = scanner.feed(bytes.substr(scanned));
    scanned = bytes.size();
    if (state == HeadScanner::State::bad || !look.may_be_request(bytes)) co_return Opening::read;
    if (state == HeadScanner::State::done) {
      host = host_of(bytes.substr(0, scanner.length()));
      co_return Opening::read;
    }
  }
}

}  // namespace standin::proxy
