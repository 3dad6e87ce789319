#include "proxy/client_hello.h"

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace standin::proxy {
namespace {

using namespace std::string_literals;
using State = ClientHelloReader::State;

/// How a reading ended, for one comparison.
struct Reading {
  State state = State::more;
  std::optional<std::string> name;
  bool operator==(const Reading&) const = default;
};
void PrintTo(const Reading& r, std::ostream* out) {
  *out << static_cast<int>(r.state) << ' ' << r.name.value_or("(no name)");
}

const Reading unfinished{State::more, std::nullopt};
const Reading none{State::none, std::nullopt};
const Reading nameless{State::whole, std::nullopt};
Reading named(const std::string& name) { return {State::whole, name}; }

struct ClientHelloTest : ::testing::Test {
  ClientHelloContext context;

  Reading read(std::string_view bytes, std::size_t piece = std::string_view::npos) const {
    ClientHelloReader reader(context);
    Reading reading;
    for (std::size_t at = 0; at < bytes.size() && reading.state == State::more;) {
      const auto part = bytes.substr(at, piece);
      reading.state = reader.feed(part);
      at += part.size();
    }
    reading.name = reader.server_name();
    return reading;
  }
};

std::string number(std::size_t value, int width) {
  std::string bytes;
  for (int i = width - 1; i >= 0; --i) bytes += static_cast<char>(value >> (8 * i) & 0xff);
  return bytes;
}
std::string vector_of(const std::string& content, int width) {
  return number(content.size(), width) + content;
}

/// A handshake message in records of at most `most` bytes.
std::string records(const std::string& message, std::size_t most = 16384) {
  std::string bytes;
  for (std::size_t at = 0; at < message.size(); at += most)
    bytes += "\x16\x03\x01" + vector_of(message.substr(at, most), 2);
  return bytes;
}

/// What OpenSSL's client says first, as it is on the wire.
std::string real_hello(const std::string& name, int version = TLS1_3_VERSION) {
  const OwnedContext context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_max_proto_version(context.get(), version);
  const OwnedSsl ssl(SSL_new(context.get()));
  BIO* out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), out);
  if (!name.empty()) SSL_set_tlsext_host_name(ssl.get(), name.c_str());
  EXPECT_LE(SSL_connect(ssl.get()), 0);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out, &data);
  return {data, static_cast<std::size_t>(size)};
}

/// The message inside of one record.
std::string message_of(const std::string& record) { return record.substr(5); }

std::string extension(unsigned type, const std::string& content) {
  return number(type, 2) + vector_of(content, 2);
}
/// ... server_name with this as its list of names.
std::string server_names(const std::string& list) { return extension(0, vector_of(list, 2)); }
std::string host_name(const std::string& name) { return "\0"s + vector_of(name, 2); }

/// A ClientHello with these extensions, by hand: what no client of ours would send.
std::string made_message(const std::string& extensions) {
  const std::string body = "\x03\x03"s + std::string(32, 'r') + vector_of("", 1) + vector_of("\x13\x01", 2) +
                           vector_of("\0"s, 1) + vector_of(extensions, 2);
  return "\x01" + vector_of(body, 3);
}
std::string made_hello(const std::string& extensions) { return records(made_message(extensions)); }
std::string padding(std::size_t size) { return extension(21, std::string(size, '\0')); }

TEST_F(ClientHelloTest, NameIsReadFromWhatClientsSend) {
  EXPECT_EQ(read(real_hello("api.example.com")), named("api.example.com"));
  EXPECT_EQ(read(real_hello("API.Example.com", TLS1_2_VERSION)), named("API.Example.com"));
  EXPECT_EQ(read(real_hello("")), nameless);
  EXPECT_EQ(read(made_hello("")), nameless);
  EXPECT_EQ(read(made_hello(server_names(host_name("a_b.example")))), named("a_b.example"));
}

TEST_F(ClientHelloTest, CutAtAnyByteItReadsTheSame) {
  const std::string hello = real_hello("api.example.com");
  for (std::size_t cut = 1; cut < hello.size(); ++cut) {
    ClientHelloReader reader(context);
    ASSERT_EQ(reader.feed(hello.substr(0, cut)), State::more) << cut;
    ASSERT_EQ(reader.server_name(), std::nullopt);
    ASSERT_EQ(reader.feed(""), State::more);
    ASSERT_EQ(reader.feed(hello.substr(cut)), State::whole) << cut;
    ASSERT_EQ(reader.server_name(), "api.example.com");
  }
  EXPECT_EQ(read(hello, 1), named("api.example.com"));
}

TEST_F(ClientHelloTest, SplitOverRecordsItReadsTheSame) {
  const std::string message = message_of(real_hello("api.example.com"));
  for (const std::size_t most : {1U, 2U, 3U, 4U, 5U, 63U, 100U}) {
    EXPECT_EQ(read(records(message, most)), named("api.example.com")) << most;
    EXPECT_EQ(read(records(message, most), 1), named("api.example.com")) << most;
  }
}

TEST_F(ClientHelloTest, WhatFollowsItIsNotRead) {
  const std::string hello = real_hello("api.example.com");
  EXPECT_EQ(read(hello + "\x17\x03\x03\x00\x05"
                         "early"),
            named("api.example.com"));
  EXPECT_EQ(read(hello + std::string(200'000, '\xff')), named("api.example.com"));
}

TEST_F(ClientHelloTest, LargeOnesAreReadUpToABound) {
  // A post-quantum key share is 1.2 KB; grease and padding make more of it.
  for (const std::size_t size : {1800U, 16384U, 20000U, 60000U}) {
    const std::string hello = made_hello(padding(size) + server_names(host_name("api.example.com")));
    EXPECT_EQ(read(hello), named("api.example.com")) << size;
    EXPECT_EQ(read(hello, 1000), named("api.example.com")) << size;
  }
  // To the byte, however it comes; the extensions alone may be 65,535.
  const std::string rest = server_names(host_name("api.example.com"));
  for (std::size_t size = 65535 - 4 - rest.size(); size > 65400; --size) {
    const std::string hello = made_hello(padding(size) + rest);
    const Reading expected = hello.size() <= ClientHelloReader::max_bytes ? named("api.example.com") : none;
    ASSERT_EQ(read(hello), expected) << hello.size();
    ASSERT_EQ(read(hello, 7777), expected) << hello.size();
  }
}

TEST_F(ClientHelloTest, ByteByByteALargeOneTakesNoTime) {
  const std::string hello = made_hello(padding(60000) + server_names(host_name("api.example.com")));
  const auto before = std::chrono::steady_clock::now();
  EXPECT_EQ(read(hello, 1), named("api.example.com"));
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(5));
}

TEST_F(ClientHelloTest, OtherBytesAreNone) {
  const std::string hello = real_hello("api.example.com");
  for (const std::string& bytes :
       {"GET / HTTP/1.1\r\n\r\n"s, "\x16GET / HTTP/1.1\r\n\r\n"s, "\x16\xff\xff\xff\xff\xff\xff"s,
        "\x16\x03\x01\xff\xff" + std::string(70'000, 'x'),
        "\x16\x03\x01\x00\x04\x02\x00\x00\x00"s,  // a ServerHello
        "\x15\x03\x01\x00\x02\x02\x28"s,          // an alert
        "\x17\x03\x03\x00\x05hello"s, "\x16" + hello, records(std::string(4, '\0') + message_of(hello)),
        made_hello("\0\0"s), made_hello(extension(0, "x").substr(0, 4))}) {
    EXPECT_EQ(read(bytes), none) << ::testing::PrintToString(bytes.substr(0, 40));
    EXPECT_EQ(read(bytes, 1), none) << ::testing::PrintToString(bytes.substr(0, 40));
  }
  EXPECT_EQ(read(""), unfinished);
  EXPECT_EQ(read("\x16\x03\x01\x40\x00\x01"), unfinished);
}

TEST_F(ClientHelloTest, NameThatCouldBeReadInTwoWaysIsNone) {
  const std::string good = host_name("a.example");
  for (const std::string& list : {""s,
                                  good + good,
                                  good + host_name("b.example"),
                                  good + "\0"s,
                                  "\1"s + vector_of("a.example", 2),
                                  "\1"s + vector_of("x", 2) + good,
                                  good + "\1"s + vector_of("x", 2),
                                  host_name(""),
                                  host_name("a\0.example"s),
                                  host_name("a.example\0"s),
                                  host_name("\0"s),
                                  host_name("a.example:443"),
                                  host_name("[::1]"),
                                  host_name("a@b.example"),
                                  host_name("a b"),
                                  host_name("a/b"),
                                  host_name("b\xc3\xbc"
                                            "cher.example"),
                                  host_name(std::string(256, 'a')),
                                  host_name(std::string(60'000, 'a')),
                                  "\0\0\x0f"
                                  "a.example"s,
                                  good.substr(0, good.size() - 1),
                                  "\0"s,
                                  "\0\0"s}) {
    const Reading reading = read(made_hello(server_names(list)));
    EXPECT_EQ(reading, nameless) << ::testing::PrintToString(list.substr(0, 40));
    EXPECT_EQ(read(made_hello(server_names(list)), 1), reading);
  }
  EXPECT_EQ(read(made_hello(extension(0, ""))), nameless);
  EXPECT_EQ(read(made_hello(extension(0, vector_of(good, 2) + "x"))), nameless);
  EXPECT_EQ(read(made_hello(extension(0, number(good.size() + 1, 2) + good))), nameless);
  EXPECT_EQ(read(made_hello(server_names(host_name(std::string(255, 'a'))))), named(std::string(255, 'a')));
  EXPECT_EQ(read(made_hello(server_names(good) + server_names(good))), none) << "the extension, twice";
}

}  // namespace
}  // namespace standin::proxy
