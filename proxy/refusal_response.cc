#include "proxy/refusal_response.h"

#include <boost/beast/http/status.hpp>
#include <nlohmann/json.hpp>

namespace standin::proxy {

std::string refusal_body(const Refusal& refusal) {
  nlohmann::ordered_json error = {{"code", refusal.code}, {"message", refusal.message}};
  if (!refusal.hint.empty()) error["hint"] = refusal.hint;
  return nlohmann::ordered_json{{"error", error}}.dump(-1, ' ', false,
                                                       nlohmann::json::error_handler_t::replace) +
         "\n";
}

std::string refusal_response(const Refusal& refusal, Persistence persistence, WithBody body) {
  const std::string text = refusal_body(refusal);
  std::string out = "HTTP/1.1 " + std::to_string(refusal.status) + " ";
  out += std::string_view(
      boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(refusal.status)));
  out += "\r\nStandin-Error: " + refusal.code +
         "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(text.size()) +
         "\r\nCache-Control: no-store\r\n";
  if (refusal.status == 407) out += "Proxy-Authenticate: Basic realm=\"standin\"\r\n";
  if (persistence == Persistence::close) out += "Connection: close\r\n";
  out += "\r\n";
  if (body == WithBody::yes) out += text;
  return out;
}

}  // namespace standin::proxy
