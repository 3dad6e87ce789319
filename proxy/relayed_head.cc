#include "proxy/relayed_head.h"

#include <algorithm>

#include <boost/beast/http/status.hpp>

namespace standin::proxy {

namespace {

template <class Out>
void put(Out& out, std::string_view text) {
  out.insert(out.end(), text.begin(), text.end());
}

template <class Out>
void put_field(Out& out, std::string_view name, std::string_view value) {
  put(out, name);
  put(out, ": ");
  put(out, value);
  put(out, "\r\n");
}

/// Without a branch for each byte, so that the compiler looks at many at once.
bool has_byte_below(std::string_view text, unsigned char lowest, unsigned char but) noexcept {
  unsigned found = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    found |= static_cast<unsigned>((byte < lowest && byte != but) || byte == 0x7f);
  }
  return found != 0;
}

bool says_framing(std::string_view name) noexcept {
  return same_name(name, "content-length") || same_name(name, "transfer-encoding");
}

template <class Out>
void put_framing(Out& out, Framing framing, std::optional<std::uint64_t> length) {
  if (length) {
    put_field(out, "Content-Length", std::to_string(*length));
  } else if (framing == Framing::chunked) {
    put_field(out, "Transfer-Encoding", "chunked");
  }
}

}  // namespace

bool is_sendable(const RequestHead& head) noexcept {
  if (head.target.empty() || has_byte_below(head.target, 0x21, 0x7f)) return false;
  return std::none_of(head.fields.begin(), head.fields.end(),
                      [](const Field& field) { return has_byte_below(field.value, 0x20, '\t'); });
}

bool wants_upgrade(const RequestHead& head) noexcept {
  const Field* upgrade = find_field(head.fields, "upgrade");
  return upgrade && has_token(head.fields, "connection", "upgrade") &&
         !has_token(head.fields, "upgrade", "h2c");
}

void write_request_head(WipingBuffer& out, const RequestHead& head, const Origin& origin, Framing framing,
                        Reframed reframed, const UpstreamProxy* by_proxy) {
  std::size_t size = head.method.size() + head.target.size() + 256;
  for (const Field& field : head.fields) size += field.name.size() + field.value.size() + 4;
  out.reserve(size);  // once: a buffer that grows leaves a copy behind each time, wiped, but for nothing
  put(out, head.method);
  put(out, " ");
  if (by_proxy) put(out, origin.to_string());
  if (!by_proxy || head.target != "*") put(out, head.target);  // "OPTIONS http://host" (RFC 9112 3.2.4)
  put(out, " HTTP/1.1\r\n");
  if (!find_field(head.fields, "host")) put_field(out, "Host", origin.authority());
  const HopByHop hop_by_hop(head.fields);
  for (const Field& field : head.fields) {
    if (hop_by_hop.covers(field)) continue;
    // What a transfer coding we do not speak would need; trailers are passed on.
    if (same_name(field.name, "te") && !same_name(field.value, "trailers")) continue;
    if (reframed.changed && says_framing(field.name)) continue;
    // Not "CHUNKED", which a reader that minds case would take for no coding.
    const bool is_coding = same_name(field.name, "transfer-encoding");
    put_field(out, field.name, is_coding ? "chunked" : field.value);
  }
  if (reframed.changed || (framing == Framing::chunked && !find_field(head.fields, "transfer-encoding")))
    put_framing(out, framing, reframed.length);
  if (wants_upgrade(head)) {
    put_field(out, "Connection", "Upgrade");
    put_field(out, "Upgrade", find_field(head.fields, "upgrade")->value);
  } else if (has_token(head.fields, "te", "trailers")) {
    put_field(out, "Connection", "TE");
  }
  if (by_proxy && !by_proxy->authorization.empty())
    put_field(out, "Proxy-Authorization", view(by_proxy->authorization));
  put(out, "\r\n");
}

void write_response_head(std::string& out, const ResponseHead& response, Framing framing, Reframed reframed,
                         unsigned client_version, Persistence persistence) {
  put(out, "HTTP/1.1 ");
  put(out, std::to_string(response.status));
  put(out, " ");
  if (response.reason.empty()) {  // HTTP/2 has none
    const auto reason = beast_http::obsolete_reason(static_cast<beast_http::status>(response.status));
    put(out, {reason.data(), reason.size()});
  }
  put(out, response.reason);
  put(out, "\r\n");
  // No body follows, and these must not say that one does (RFC 9110 8.6, RFC 9112 6.1): a client that
  // believes them would take the next response for it.
  const bool never_a_body = response.status < 200 || response.status == 204;
  const HopByHop hop_by_hop(response.fields);
  for (const Field& field : response.fields) {
    if (hop_by_hop.covers(field)) continue;
    if (never_a_body && same_name(field.name, "content-length")) continue;
    // A client of HTTP/1.0 gets the body without chunks, until the connection closes.
    if ((never_a_body || framing == Framing::until_close) && same_name(field.name, "transfer-encoding"))
      continue;
    if (reframed.changed && says_framing(field.name)) continue;
    put_field(out, field.name, field.value);
  }
  if (reframed.changed || (framing == Framing::chunked && !find_field(response.fields, "transfer-encoding")))
    put_framing(out, framing, reframed.length);
  if (response.status == 101) {
    put_field(out, "Connection", "Upgrade");
    if (const Field* upgrade = find_field(response.fields, "upgrade"))
      put_field(out, "Upgrade", upgrade->value);
  } else if (response.status >= 200 && persistence == Persistence::close) {
    put_field(out, "Connection", "close");
  } else if (response.status >= 200 && client_version < 11) {
    put_field(out, "Connection", "keep-alive");
  }
  put(out, "\r\n");
}

}  // namespace standin::proxy
