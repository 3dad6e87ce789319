#include <array>
#include <atomic>
#include <cstdio>

#include "proxy/decoded_body.h"
#include "tests/proxy/encoders.h"
#include "tests/proxy/test_boundary.h"

namespace standin::proxy::test {
namespace {

using standin::test::find_field;
using standin::test::pattern_sha256;
using standin::test::Sha256;

constexpr std::uint64_t warm_up = 32ULL << 20;
constexpr std::uint64_t large = 256ULL << 20;
constexpr std::size_t growth_allowed = 4 << 20;

/// Bodies of any size pass in the same memory. Client and origin live in this process, too, and keep nothing.
struct LargeBody : BoundaryTest {
  LargeBody() {
    origin.on("/length", [](const Received&) { return Reply::generated(large); });
    origin.on("/chunked", [](const Received&) { return Reply::generated_chunked(large); });
    origin.on("/warm", [](const Received&) { return Reply::generated(warm_up); });
    origin.on_head("/up", [this](const Received& request) {
      const std::uint64_t size = std::stoull(*request.field("x-size"));
      return Reply::converse(
          [this, size, chunked = request.field("transfer-encoding").has_value()](Conversation& with) {
            Sha256 hash;
            for (std::uint64_t left = size; left > 0;) {
              std::uint64_t piece_left = left;
              if (chunked) piece_left = std::stoull(with.stream.read_until("\r\n"), nullptr, 16);
              left -= piece_left;
              while (piece_left > 0) {
                const std::string piece = with.stream.read_some(std::min<std::uint64_t>(piece_left, 65536));
                if (piece.empty()) throw StreamError("the body was cut");
                hash.update(piece);
                piece_left -= piece.size();
                note_memory();
              }
              if (chunked) (void)with.stream.read_exactly(2);
            }
            if (chunked) {
              EXPECT_EQ(with.stream.read_exactly(5), "0\r\n\r\n");
            }
            const std::string answer = hash.hex();
            with.stream.write("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(answer.size()) +
                              "\r\n\r\n" + answer);
          });
    });
  }

  void note_memory() {
    if (++noted % 64 == 0) most = std::max(most, resident_bytes());
  }
  std::string download(const std::string& target) {
    Session client(*this);
    client.send("GET " + target + " HTTP/1.1\r\nHost: " + authority() + "\r\n\r\n");
    const bool chunked = find_field(client.read_head().fields, "transfer-encoding").has_value();
    Sha256 hash;
    std::uint64_t left = target == "/warm" ? warm_up : large;
    while (left > 0) {
      std::uint64_t piece_left = left;
      if (chunked) piece_left = std::stoull(client.read_until("\r\n"), nullptr, 16);
      left -= piece_left;
      while (piece_left > 0) {
        const std::string piece = client.stream().read_some(std::min<std::uint64_t>(piece_left, 65536));
        hash.update(piece);
        piece_left -= piece.size();
        note_memory();
      }
      if (chunked) (void)client.read_exactly(2);
    }
    return hash.hex();
  }
  std::string upload(std::uint64_t size, bool chunked) {
    Session client(*this);
    client.send("POST /up HTTP/1.1\r\nHost: " + authority() + "\r\nX-Size: " + std::to_string(size) + "\r\n" +
                (chunked ? "Transfer-Encoding: chunked" : "Content-Length: " + std::to_string(size)) +
                "\r\n\r\n");
    standin::test::generate_pattern(size, [&](std::string_view piece) {
      if (chunked) {
        std::array<char, 20> head{};
        client.send({head.data(), static_cast<std::size_t>(
                                      std::snprintf(head.data(), head.size(), "%zx\r\n", piece.size()))});
      }
      client.send(piece);
      if (chunked) client.send("\r\n");
    });
    if (chunked) client.send("0\r\n\r\n");
    return client.read_response().body.bytes;
  }
  /// Memory in use once everything has been used once.
  void begin() {
    EXPECT_EQ(download("/warm"), pattern_sha256(warm_up));
    EXPECT_EQ(upload(warm_up, true), pattern_sha256(warm_up));
    before = most = resident_bytes();
  }
  void expect_little_growth() const {
#if !defined(__SANITIZE_ADDRESS__)
    EXPECT_LE(most - before, growth_allowed);
#endif
  }

  std::atomic<unsigned> noted = 0;
  std::size_t before = 0, most = 0;
};

TEST_F(LargeBody, DownloadsInConstantMemory) {
  begin();
  EXPECT_EQ(download("/length"), pattern_sha256(large));
  EXPECT_EQ(download("/chunked"), pattern_sha256(large));
  EXPECT_EQ(interceptor.wait_for_outcomes(4).back().response_bytes, large);
  expect_little_growth();
}

TEST_F(LargeBody, UploadsInConstantMemory) {
  begin();
  EXPECT_EQ(upload(large, false), pattern_sha256(large));
  EXPECT_EQ(upload(large, true), pattern_sha256(large));
  EXPECT_EQ(interceptor.wait_for_outcomes(4).back().request_bytes, large);
  expect_little_growth();
}

class PassedOn final : public BodyTransform {
 public:
  std::optional<Refusal> feed(std::string_view piece, WipingBuffer& out) override {
    append(out, piece);
    return std::nullopt;
  }
  std::optional<Refusal> finish(WipingBuffer&) override { return std::nullopt; }
};

/// Request bodies that are decoded on their way.
struct DecodedRequest : LargeBody {
  static constexpr std::uint64_t mebibyte = 1 << 20;
#if defined(__SANITIZE_ADDRESS__)
  static constexpr std::uint64_t bomb = 128;  // for its pace
#else
  static constexpr std::uint64_t bomb = 1024;
#endif
  DecodedRequest() {
    interceptor.change_body = [](const RequestHead& head) -> std::unique_ptr<BodyTransform> {
      if (!head.target.ends_with("?gzip")) return nullptr;
      const std::array codings{Coding::gzip};
      return std::make_unique<DecodedBody>(codings, std::make_unique<PassedOn>(), CodedIn::request);
    };
  }
  /// Zeros, each mebibyte a member of its own, in about a kibibyte.
  Response upload_zeros(std::uint64_t mebibytes) {
    const std::string member = standin::proxy::deflated({std::string(mebibyte, '\0')}, MAX_WBITS + 16);
    Session client(*this);
    client.send("POST /up?gzip HTTP/1.1\r\nHost: " + authority() +
                "\r\nX-Size: " + std::to_string(mebibytes * mebibyte) +
                "\r\nContent-Length: " + std::to_string(mebibytes * member.size()) + "\r\n\r\n");
    for (std::uint64_t i = 0; i < mebibytes; ++i) client.send(member);
    return client.read_response();
  }
  static std::string hash_of_zeros(std::uint64_t mebibytes) {
    Sha256 hash;
    for (std::uint64_t i = 0; i < mebibytes; ++i) hash.update(std::string(mebibyte, '\0'));
    return hash.hex();
  }
};

TEST_F(DecodedRequest, BombPassesInConstantMemory) {
  begin();
  EXPECT_EQ(upload_zeros(bomb).body.bytes, hash_of_zeros(bomb));
  expect_little_growth();
}

TEST_F(DecodedRequest, ShortOneThatBecomesLongGoesInChunks) {
  // Short enough that the proxy waits for all of it before it says how long it is.
  EXPECT_EQ(upload_zeros(32).body.bytes, hash_of_zeros(32));
  EXPECT_EQ(interceptor.wait_for_outcomes(1)[0].request_bytes, 32 * mebibyte);
}

TEST_F(DecodedRequest, ShortOneThatStaysShortKeepsALength) {
  Session client(*this);
  EXPECT_EQ(client.post("/?gzip", standin::proxy::deflated({"hello"}, MAX_WBITS + 16)).status, 200U);
  EXPECT_EQ(origin.last().field("content-length"), "5");
  EXPECT_EQ(origin.last().body.bytes, "hello");
}

TEST_F(DecodedRequest, DamagedOneIsRefused) {
  Session client(*this);
  EXPECT_EQ(error_code(client.post("/?gzip", "hello")), "bad_request");
  EXPECT_TRUE(origin.requests().empty());
}

}  // namespace
}  // namespace standin::proxy::test
