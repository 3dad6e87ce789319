// What scrubbing adds to a body, a gibibyte in pieces of 64 KiB. The mark: 0.4 s of ordinary text, with one
// to five secrets. And what an origin can make of it that knows the secrets.
#include <functional>
#include <random>
#include <string>

#include <benchmark/benchmark.h>

#include "broker/scrubber.h"

namespace standin::broker {
namespace {

constexpr std::size_t piece_size = 64 * 1024;
constexpr std::size_t body_size = 4 * 1024 * 1024;

const std::vector<std::pair<std::string, std::string>>& made_up() {
  static const std::vector<std::pair<std::string, std::string>> secrets = {
      {"ghp_0123456789abcdefghijABCDEFGHIJ012345", "ghp_standinstandinstandinstandinstandin1"},
      {"sk-proj-Zk3x9QmT7vB1nC5rL8wY2pD6sF4gH0jK", "sk-proj-standinstandinstandinstandin0002"},
      {"xoxb-173028-9182736455-QweRtyUioPasDfgHjkL", "xoxb-standinstandinstandinstandinstan3"},
      {"the quick brown fox \"jumps\" + 100% / \\", "standin_44444444444444444444444444444444"},
      {"1234567890:AAE-7fQk2mN9pR4sT6vW8xY0zB3cD5fG7hJ", "1234567890:AAstandinstandinstandinstand5"},
  };
  return secrets;
}

ScrubPatterns first(std::int64_t count) {
  ScrubPatterns patterns;
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    const std::span<const char> secret(made_up()[i].first);
    patterns.add(std::as_bytes(secret), made_up()[i].second);
  }
  return patterns;
}

/// `next` appends a little more.
std::string filled(const std::function<void(std::string&, std::mt19937&)>& next) {
  std::mt19937 engine(7);
  std::string text;
  text.reserve(body_size + 4096);
  while (text.size() < body_size) next(text, engine);
  text.resize(body_size);
  return text;
}

std::string repeated(const std::string& what) {
  return filled([&](std::string& text, std::mt19937&) { text += what; });
}

std::string random_bytes() {
  return filled([](std::string& text, std::mt19937& engine) { text += static_cast<char>(engine()); });
}

std::string base64_text() {
  return filled([](std::string& text, std::mt19937& engine) {
    text += "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[engine() % 64];
  });
}

std::string json() {
  return filled([](std::string& text, std::mt19937& engine) {
    const std::string id = std::to_string(engine());
    text +=
        R"({"id":)" + id + R"(,"node_id":"MDEwOlJlcG9zaXRvcnk)" + id + R"(=","full_name":"octo/hello-)" + id +
        R"(","private":false,"description":"The quick brown fox jumps over the lazy dog,\nthen \"rests\"",)" +
        R"("url":"https:\/\/api.example.com\/repos\/octo\/hello?page=1\u0026per_page=100","size":)" + id +
        "},";
  });
}

std::string html() {
  return filled([](std::string& text, std::mt19937& engine) {
    const std::string id = std::to_string(engine() % 10'000);
    text += R"(<li class="item item-)" + id + R"("><a href="/search?q=the%20thing%2F)" + id +
            R"(&amp;sort=asc">The thing that they thought of; see their skills and ghosts, number )" + id +
            "</a>\n<p style=\"width: 100%; margin: 0\">Lorem ipsum dolor sit amet, consectetur adipiscing "
            "elit, " +
            "sed do eiusmod tempor incididunt ut labore et dolore magna aliqua.</p></li>\n";
  });
}

void run(benchmark::State& state, const std::string& body, const ScrubPatterns& patterns) {
  proxy::WipingBuffer out;
  out.reserve(2 * piece_size);
  for (auto _ : state) {
    Scrubber scrubber(patterns);
    for (std::size_t at = 0; at < body.size(); at += piece_size) {
      out.clear();
      scrubber.feed(std::string_view(body).substr(at, piece_size), out);
      benchmark::DoNotOptimize(out.data());
    }
    scrubber.finish(out);
  }
  const double bytes = static_cast<double>(state.iterations()) * static_cast<double>(body.size());
  state.counters["s/GiB"] = benchmark::Counter(bytes / (1024.0 * 1024.0 * 1024.0),
                                               benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

#define BODY(name, body)                                                          \
  void name(benchmark::State& state) { run(state, body, first(state.range(0))); } \
  BENCHMARK(name)->Arg(0)->Arg(1)->Arg(5)->Unit(benchmark::kMillisecond)

BODY(RandomBytes, random_bytes());
BODY(Base64, base64_text());
BODY(Json, json());
BODY(Html, html());
BODY(OneLetter, repeated("a"));
BODY(Backslashes, repeated("\\"));
BODY(PercentSigns, repeated("%"));
BODY(FirstBytes, repeated("ghp_"));
BODY(AlmostASecret, repeated(made_up()[0].first.substr(0, 39)));
BODY(AlmostAnEncodedSecret, repeated("%67%68%70_%30123456789abcdefghijABCDEFGHIJ0123%34"));
BODY(NothingButSecrets, repeated(made_up()[0].first));

/// The worst: a secret that repeats itself, nearly there at every byte.
void RepetitiveSecret(benchmark::State& state) {
  ScrubPatterns patterns;
  const std::string secret = std::string(39, 'a') + "b";
  patterns.add(std::as_bytes(std::span(secret)), "standin_44444444444444444444444444444444");
  run(state, repeated("a"), patterns);
}
BENCHMARK(RepetitiveSecret)->Unit(benchmark::kMillisecond);

void MakePatterns(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(first(state.range(0)));
}
BENCHMARK(MakePatterns)->Arg(1)->Arg(5);

}  // namespace
}  // namespace standin::broker
