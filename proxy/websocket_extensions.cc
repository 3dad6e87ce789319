#include "proxy/websocket_extensions.h"

#include <charconv>

#include <boost/beast/http/rfc7230.hpp>

#include "proxy/message.h"

namespace standin::proxy {
namespace {

namespace http = boost::beast::http;

std::string_view text(boost::beast::string_view view) noexcept { return {view.data(), view.size()}; }

bool window_bits(std::string_view value, int& bits) noexcept {
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
    value = value.substr(1, value.size() - 2);
  const auto read = std::from_chars(value.data(), value.data() + value.size(), bits);
  return read.ec == std::errc{} && read.ptr == value.data() + value.size() && bits >= 8 && bits <= 15;
}

bool parameter(std::string_view name, std::string_view value, WebSocketExtensions& out) noexcept {
  if (name == "client_no_context_takeover" || name == "server_no_context_takeover") {
    (name.starts_with('c') ? out.from_client : out.from_server)->takes_over = false;
    return value.empty();
  }
  if (name == "client_max_window_bits") return window_bits(value, out.from_client->window_bits);
  if (name == "server_max_window_bits") return window_bits(value, out.from_server->window_bits);
  return false;
}

}  // namespace

std::optional<WebSocketExtensions> parse_websocket_extensions(std::string_view value) {
  WebSocketExtensions out;
  const http::ext_list list({value.data(), value.size()});
  std::size_t extensions = 0;
  for (const auto& [name, parameters] : list) {
    if (++extensions > 1 || !same_name(text(name), "permessage-deflate")) return std::nullopt;
    out.from_client.emplace();
    out.from_server.emplace();
    for (const auto& [key, parameter_value] : parameters) {
      if (!parameter(text(key), text(parameter_value), out)) return std::nullopt;
    }
  }
  // The list ends at what is malformed as at its end.
  if (extensions == 0 && value.find_first_not_of(" \t,") != value.npos) return std::nullopt;
  return out;
}

}  // namespace standin::proxy
