// What reading a body costs: bytes a second through the transform, in pieces as they come off a connection.
// The mark: well over what one core encrypts, so that it is never the slow part.
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "broker/body_swap.h"

namespace standin::broker {
namespace {

constexpr std::string_view stand_in = "sk-standin0123456789abcdefghijABCDEFGHIJ0123";
constexpr std::size_t piece_size = 16384;

void run(benchmark::State& state, const std::string& type, const std::string& body) {
  Credential credential;
  credential.name = "api";
  credential.origins = {proxy::OriginPattern::parse("api.example.com")};
  credential.sites = {Site::parse("form:client_secret"), Site::parse("json:/auth/token"),
                      Site::parse("json:/messages/0/key")};
  const std::vector<BoundStandIn> bound = {{&credential, stand_in}};
  const BodySwapper swapper(bound);
  const auto origin = proxy::Origin::from_authority(proxy::Scheme::https, "api.example.com").value();
  const auto secret = vault::Secret::copy_of(std::as_bytes(std::span(std::string_view("s3cret+/="))));
  proxy::RequestHead head;
  head.method = "POST";
  head.fields = {{"Content-Type", type}};
  const BodyCalls calls = {
      .decide = [](std::size_t, const std::string&) -> std::variant<std::monostate, proxy::Refusal> {
        return std::monostate{};
      },
      .lend = [&](std::size_t) -> const vault::Secret& { return secret; },
      .refused = [](const Refused&) {}};
  proxy::WipingBuffer out;
  for (auto _ : state) {
    auto swap = swapper.swap(origin, head, calls);
    for (std::size_t at = 0; at < body.size(); at += piece_size) {
      out.clear();
      benchmark::DoNotOptimize(swap->transform->feed(std::string_view(body).substr(at, piece_size), out));
    }
    benchmark::DoNotOptimize(swap->transform->finish(out));
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(body.size()) * state.iterations());
}

std::string token_request() {
  return "grant_type=client_credentials&client_id=standin&client_secret=" + std::string(stand_in) +
         "&scope=read%3Aall";
}

void FormTokenRequest(benchmark::State& state) {
  run(state, "application/x-www-form-urlencoded", token_request());
}
BENCHMARK(FormTokenRequest);

void FormOfAMegabyte(benchmark::State& state) {
  std::string body = token_request();
  while (body.size() < 1 << 20) body += "&field%5B%5D=some+value+with+%C3%A9+and+other+things";
  run(state, "application/x-www-form-urlencoded", body);
}
BENCHMARK(FormOfAMegabyte);

void MultipartFileOfAMegabyte(benchmark::State& state) {
  std::string body = "--B\r\nContent-Disposition: form-data; name=\"client_secret\"\r\n\r\n" +
                     std::string(stand_in) +
                     "\r\n--B\r\nContent-Disposition: form-data; name=f; filename=f\r\n\r\n";
  while (body.size() < 1 << 20) body += "a line of a file that somebody sends to an origin\r\n";
  run(state, "multipart/form-data; boundary=B", body + "\r\n--B--\r\n");
}
BENCHMARK(MultipartFileOfAMegabyte);

void JsonLogin(benchmark::State& state) {
  run(state, "application/json",
      R"({"auth": {"type": "token", "token": ")" + std::string(stand_in) + R"("}})");
}
BENCHMARK(JsonLogin);

/// What a client of a language model sends: long texts, few values.
void JsonConversationOfAMegabyte(benchmark::State& state) {
  std::string body = R"({"model": "m-1", "messages": [)";
  while (body.size() < 1 << 20) {
    body +=
        R"({"role": "user", "content": "A paragraph of some text,\nwhich goes on and on until it is as long )"
        R"(as what people write when they ask for something. It has \"quotes\" as well."},)";
  }
  run(state, "application/json", body + R"({"role": "user", "content": ""}]})");
}
BENCHMARK(JsonConversationOfAMegabyte);

/// Numbers and short keys: the worst of ordinary texts.
void JsonNumbersOfAMegabyte(benchmark::State& state) {
  std::string body = R"({"auth": {"token": ")" + std::string(stand_in) + R"("}, "points": [)";
  while (body.size() < 1 << 20) body += R"({"x": 12.5, "y": -3e7, "on": true},)";
  run(state, "application/json", body + "0]}");
}
BENCHMARK(JsonNumbersOfAMegabyte);

/// A named value that begins a stand-in at every third byte.
void JsonHostileValue(benchmark::State& state) {
  std::string body = R"({"auth": {"token": ")";
  while (body.size() < 1 << 20) body += "sk-";
  run(state, "application/json", body + "\"}}");
}
BENCHMARK(JsonHostileValue);

}  // namespace
}  // namespace standin::broker
