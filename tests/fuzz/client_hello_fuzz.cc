// A captured connection's first bytes, as TLS. Read in any pieces they say the same, and a name that they
// give is one that can stand in a log and in front of a port.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/client_hello.h"
#include "proxy/origin.h"

namespace {

using namespace standin::proxy;
using State = ClientHelloReader::State;

void require(bool holds) {
  if (!holds) std::abort();
}

struct Reading {
  State state = State::more;
  std::optional<std::string> name;
  bool operator==(const Reading&) const = default;
};

Reading read(std::string_view bytes, std::size_t piece) {
  static const ClientHelloContext context;
  ClientHelloReader reader(context);
  Reading reading;
  for (std::size_t at = 0; at < bytes.size() && reading.state == State::more; at += piece)
    reading.state = reader.feed(bytes.substr(at, piece));
  reading.name = reader.server_name();
  return reading;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Reading reading = read(bytes, size + 1);
  require(read(bytes, 1) == reading && read(bytes, 7) == reading);
  require(reading.state == State::whole || !reading.name);
  if (!reading.name) return 0;
  require(!reading.name->empty() && reading.name->size() <= 255);
  require(reading.name->find_first_not_of(
              "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") == std::string::npos);
  const auto origin = Origin::from_authority(Scheme::https, *reading.name + ":8443");
  require(!origin || origin->port == 8443);
  return 0;
}
