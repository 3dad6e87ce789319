#pragma once

#include <string>

#include "proxy/interceptor.h"

namespace standin::proxy {

enum class Persistence : std::uint8_t { keep_alive, close };
enum class WithBody : std::uint8_t { yes, no };

/// The response that the child sees when a request can't go through: `Standin-Error: CODE` and a JSON body
/// {"error":{"code":"…","message":"…","hint":"…"}}. 407 also says how to authenticate.
std::string refusal_response(const Refusal& refusal, Persistence persistence, WithBody body);

/// Its JSON body alone.
std::string refusal_body(const Refusal& refusal);

}  // namespace standin::proxy
