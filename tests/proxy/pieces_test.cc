#include <algorithm>
#include <array>
#include <random>

#include "proxy/decoded_body.h"
#include "tests/proxy/pieces_origin.h"

namespace standin::proxy::test {
namespace {

using standin::test::Head;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::SizeIs;

const Cuts whole = [](std::size_t) { return false; };
const Cuts every_byte = [](std::size_t) { return true; };
Cuts at(std::size_t cut) {
  return [cut](std::size_t byte) { return byte == cut; };
}

/// A message that was changed on its way is framed by what was at hand with its first piece.
std::string without_length(std::string text) {
  for (const std::string_view name : {"content-length: ", "Content-Length: ", "Transfer-Encoding: "}) {
    const std::size_t begin = text.find(name);
    if (begin != text.npos) text.erase(begin, text.find("\r\n", begin) + 2 - begin);
  }
  return text;
}

std::string without_turn(std::string text, int turn) {
  const std::string mark = "turn " + std::to_string(1000 + turn);
  for (std::size_t at = text.find(mark); at != text.npos; at = text.find(mark))
    text.replace(at, mark.size(), "turn");
  return text;
}

/// Some letters are made large: a body that comes in pieces is changed in pieces.
class Large final : public BodyTransform {
 public:
  std::optional<Refusal> feed(std::string_view piece, WipingBuffer& out) override {
    std::string large(piece);
    for (char& c : large) {
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    append(out, large);
    return std::nullopt;
  }
  std::optional<Refusal> finish(WipingBuffer&) override { return std::nullopt; }
};

struct Pieces : BoundaryTest {
  Pieces() {
    for (const auto* one : {&http1, &http2}) bind("https://" + one->authority());
    interceptor.change_body = [](const RequestHead& head) -> std::unique_ptr<BodyTransform> {
      if (head.target != "/length") return nullptr;
      return std::make_unique<Large>();
    };
    interceptor.change_response = [](ResponseHead& head) -> std::unique_ptr<BodyTransform> {
      const bool is_coded = std::any_of(head.fields.begin(), head.fields.end(), [](const Field& field) {
        return field.name == "content-encoding" || field.name == "Content-Encoding";
      });
      if (!is_coded) return nullptr;
      const std::array codings = {Coding::gzip};
      return std::make_unique<DecodedBody>(codings, std::make_unique<Large>());
    };
  }
  ~Pieces() override { proxy.reset(); }

  PiecesOrigin http1{pki.make_certificate({"localhost"}), PiecesOrigin::Speaks::http1};
  PiecesOrigin http2{pki.make_certificate({"localhost"}), PiecesOrigin::Speaks::http2};
  const std::string bearer = "Bearer " + std::string(stand_in);

  /// What came to the origin and to the client of one conversation, and how much each side said in it.
  struct Conversation {
    Told requests, responses;
    std::size_t client_said = 0, origin_said = 0;
  };
  /// One connection of a client to one origin: a conversation a turn.
  class Client {
   public:
    Client(Pieces& test, PiecesOrigin& origin, std::string_view alpn) : origin_(origin), outside_(test) {
      EXPECT_EQ(outside_.connect(origin.authority(), test.userinfo()).status, 200U);
      outside_.start_tls("localhost", test.start().authority_pem(), alpn);
    }
    virtual ~Client() = default;
    Conversation talk(Cuts of_client, Cuts of_origin) {
      ++turn_;
      voice_.begin(std::move(of_client));
      origin_.begin(turn_, std::move(of_origin));
      Conversation it{.requests = {}, .responses = ask(turn_)};
      it.requests = origin_.got();
      for (Told* told : {&it.requests, &it.responses}) {
        for (auto& [path, text] : *told) text = without_turn(std::move(text), turn_);
      }
      it.responses["/coded"] = without_length(std::move(it.responses["/coded"]));
      it.client_said = voice_.said();
      it.origin_said = origin_.said();
      return it;
    }

   protected:
    virtual Told ask(int turn) = 0;
    PiecesOrigin& origin_;
    Outside outside_;
    Voice voice_;

   private:
    int turn_ = 0;
  };

  /// Four requests behind each other, without waiting.
  struct Http1Client : Client {
    Http1Client(Pieces& test, PiecesOrigin& origin) : Client(test, origin, ""), bearer(test.bearer) {}
    Told ask(int turn) override {
      const auto head = [&](const std::string& line, const Fields& fields) {
        return line + " HTTP/1.1\r\nHost: " + origin_.authority() + "\r\n" +
               to_text(with_turn(turn, fields)) + "\r\n";
      };
      voice_.say(outside_.stream(),
                 head("POST /length", {{"Authorization", bearer}, {"Content-Length", "5"}}) + "a cat" +
                     head("POST /chunked", {{"Transfer-Encoding", "chunked"}}) +
                     "3;x=y\r\none\r\n4\r\n two\r\n0\r\nX-T: 2\r\n\r\n" +
                     head("GET /coded", {{"Accept-Encoding", "gzip"}}) +
                     head("PUT /none", {{"Content-Length", "3"}}) + "xyz");
      Told told;
      for (const char* path : {"/length", "/chunked", "/coded", "/none"}) {
        const Response response = outside_.read_response();
        for (const Head& interim : response.informational) told[path] += interim.raw;
        told[path] += response.head.raw + response.body.bytes + "\r\n" + to_text(response.body.trailers);
      }
      return told;
    }
    const std::string bearer;
  };

  /// Four streams at once.
  struct Http2Client : Client {
    Http2Client(Pieces& test, PiecesOrigin& origin)
        : Client(test, origin, std::string_view("\x02h2", 3)), bearer(test.bearer) {}
    Told ask(int turn) override {
      const auto request = [&](const char* method, const std::string& path, const Fields& more,
                               const std::string& body = {}, const Fields& trailers = {}) {
        Fields fields = {
            {":method", method}, {":scheme", "https"}, {":authority", origin_.authority()}, {":path", path}};
        fields.insert(fields.end(), more.begin(), more.end());
        return std::pair(path, peer.request({with_turn(turn, fields), body, trailers}));
      };
      const std::vector<std::pair<std::string, std::int32_t>> streams = {
          request("POST", "/length", {{"authorization", bearer}, {"content-length", "5"}}, "a cat"),
          request("POST", "/chunked", {}, "one two", {{"x-t", "2"}}),
          request("GET", "/coded", {{"accept-encoding", "gzip"}}),
          request("PUT", "/none", {{"content-length", "3"}}, "xyz")};
      voice_.say(outside_.stream(), output(peer));
      Told told;
      for (const auto& [path, id] : streams) told[path] = text_of(peer.await_end(id));
      return told;
    }
    const std::string bearer;
    H2Peer peer{outside_.stream(), H2Peer::Role::client};
  };

  /// Says in which conversation, where there is none at all, too.
  static Conversation expect_same(Client& client, Cuts of_client, Cuts of_origin,
                                  const Conversation& expected) try {
    Conversation got = client.talk(std::move(of_client), std::move(of_origin));
    EXPECT_EQ(got.requests, expected.requests);
    EXPECT_EQ(got.responses, expected.responses);
    return got;
  } catch (const StreamError& error) {
    ADD_FAILURE() << error.what();
    return {};
  }

  /// The conversation in one piece, which is what it should be.
  static Conversation in_one_piece(Client& client) {
    const Conversation it = client.talk(whole, whole);
    EXPECT_THAT(it.requests, SizeIs(4));
    EXPECT_THAT(it.requests.at("/length"), HasSubstr("Bearer " + std::string(secret)));
    EXPECT_THAT(it.requests.at("/length"), HasSubstr("\r\nA CAT\r\n"));
    EXPECT_THAT(it.requests.at("/chunked"), ContainsRegex("one two\r\n[xX]-[tT]: 2"));
    EXPECT_THAT(it.responses.at("/length"), AllOf(HasSubstr("103"), HasSubstr("\r\nhello\r\n")));
    EXPECT_THAT(it.responses.at("/chunked"), ContainsRegex("four pence\r\n[xX]-[tT]: 1"));
    EXPECT_THAT(it.responses.at("/coded"), HasSubstr("WHAT AN ORIGIN COMPRESSED, AND WE MAKE LARGE"));
    EXPECT_THAT(it.responses.at("/none"), HasSubstr("204"));
    return it;
  }

  /// Every cut of what the client says, or of what the origin does.
  static void expect_same_at_every_cut(Client& client, std::size_t Conversation::*said) {
    const Conversation expected = in_one_piece(client);
    const bool is_client = said == &Conversation::client_said;
    std::size_t size = expected.*said;
    for (std::size_t cut = 1; cut < size && !HasFailure(); ++cut) {
      SCOPED_TRACE(cut);
      size = expect_same(client, is_client ? at(cut) : whole, is_client ? whole : at(cut), expected).*said;
    }
    EXPECT_GT(size, 150U);
    expect_same(client, is_client ? every_byte : whole, is_client ? whole : every_byte, expected);
  }

  /// Both sides in pieces of a few bytes, or of many.
  static void expect_same_in_random_pieces(Client& client) {
    const Conversation expected = in_one_piece(client);
    const unsigned seed = std::random_device()();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::minstd_rand client_random(seed);
    std::minstd_rand origin_random(seed + 1);
    const auto pieces = [](std::minstd_rand& random) -> Cuts {
      return [&random, length = 1 + random() % 40](std::size_t) { return random() % length == 0; };
    };
    for (int i = 0; i < 50 && !HasFailure(); ++i)
      expect_same(client, pieces(client_random), pieces(origin_random), expected);
  }
};

TEST_F(Pieces, Http1RequestsAreTheSameWhereverTheyAreCut) {
  Http1Client client(*this, http1);
  expect_same_at_every_cut(client, &Conversation::client_said);
}

TEST_F(Pieces, Http1ResponsesAreTheSameWhereverTheyAreCut) {
  Http1Client client(*this, http1);
  expect_same_at_every_cut(client, &Conversation::origin_said);
}

TEST_F(Pieces, Http2RequestsAreTheSameWhereverTheyAreCut) {
  Http2Client client(*this, http2);
  expect_same_at_every_cut(client, &Conversation::client_said);
  const Conversation expected = in_one_piece(client);
  for (std::size_t cut = 1; cut < 64 && !HasFailure(); ++cut) {  // the preface and the first of HPACK
    SCOPED_TRACE(cut);
    Http2Client fresh(*this, http2);
    expect_same(fresh, at(cut), whole, expected);
  }
}

TEST_F(Pieces, Http2ResponsesAreTheSameWhereverTheyAreCut) {
  Http2Client client(*this, http2);
  expect_same_at_every_cut(client, &Conversation::origin_said);
}

TEST_F(Pieces, RandomPiecesOnBothSidesAreTheSameInEveryPairOfVersions) {
  for (PiecesOrigin* to : {&http1, &http2}) {
    Http1Client of_http1(*this, *to);
    expect_same_in_random_pieces(of_http1);
    Http2Client of_http2(*this, *to);
    expect_same_in_random_pieces(of_http2);
  }
}

}  // namespace
}  // namespace standin::proxy::test
