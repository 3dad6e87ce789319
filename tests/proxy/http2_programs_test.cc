// Origins and clients of HTTP/2 that others have written.
#include "tests/proxy/http2_programs.h"

#include <fstream>

#include "tests/h2_peer.h"
#include "tests/proxy/test_boundary.h"
#include "tests/temporary_folder.h"

namespace standin::proxy::test {
namespace {

using standin::test::Fields;
using standin::test::H2Message;
using standin::test::H2Origin;
using standin::test::H2Peer;
using testing::HasSubstr;

/// Says what it is sent, with the token in x-token and a trailer behind. Node's own library.
constexpr const char* node_origin = R"(
import http2 from "node:http2";
import fs from "node:fs";
const server = http2.createSecureServer({ cert: fs.readFileSync(process.argv[2]), key: fs.readFileSync(process.argv[3]) });
server.on("stream", (stream, head) => {
  const body = [];
  stream.on("data", (piece) => body.push(piece));
  stream.on("error", () => {});
  stream.on("wantTrailers", () => stream.sendTrailers({ "x-trailer": "1" }));
  stream.on("end", () => {
    stream.respond({ ":status": 200, "x-token": head.authorization ?? "" }, { waitForTrailers: true });
    stream.end(body.length ? Buffer.concat(body) : "hello");
  });
});
server.listen(0, "127.0.0.1", () => console.log("port", server.address().port, "ready"));
)";

/// The same by python3-h2.
constexpr const char* python_origin = R"(import socket, ssl, sys, threading
import h2.config, h2.connection, h2.events

class Connection:
    def __init__(self, sock):
        self.sock, self.h2 = sock, h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        self.requests, self.waiting = {}, {}

    def push(self):
        for stream, (left, trailers) in list(self.waiting.items()):
            while left and (room := min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)) > 0:
                self.h2.send_data(stream, left[:room])
                left = left[room:]
            self.waiting[stream] = (left, trailers)
            if not left:
                self.h2.send_headers(stream, trailers, end_stream=True)
                del self.waiting[stream]

    def serve(self):
        self.h2.initiate_connection()
        self.sock.sendall(self.h2.data_to_send())
        while data := self.sock.recv(65536):
            for event in self.h2.receive_data(data):
                stream = getattr(event, "stream_id", 0)
                if isinstance(event, h2.events.RequestReceived):
                    self.requests[stream] = (dict(event.headers), bytearray())
                elif isinstance(event, h2.events.DataReceived):
                    self.requests[stream][1].extend(event.data)
                    self.h2.acknowledge_received_data(event.flow_controlled_length, stream)
                elif isinstance(event, h2.events.StreamEnded):
                    head, body = self.requests.pop(stream)
                    self.h2.send_headers(stream, [(":status", "200"), ("x-token", head.get(b"authorization", b""))])
                    self.waiting[stream] = (bytes(body) or b"hello", [("x-trailer", "1")])
            self.push()
            self.sock.sendall(self.h2.data_to_send())

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
context.set_alpn_protocols(["h2"])
listener = socket.create_server(("127.0.0.1", 0))
print("port", listener.getsockname()[1], "ready", flush=True)
def one(sock):
    try:
        tls = context.wrap_socket(sock, server_side=True)
        if tls.selected_alpn_protocol() == "h2": Connection(tls).serve()
    except OSError:
        pass
    sock.close()
while True:
    threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()
)";

struct Http2Origins : BoundaryTest {
  Http2Origins() {
    std::ofstream(certificate) << leaf.pem();
    std::ofstream(key) << leaf.key_pem();
    std::ofstream(folder.path() / "hello") << "hello";
  }

  struct Client : Outside {
    Client(Http2Origins& test, const std::string& to)
        : Outside(test), host(to), peer(tunnel(test), H2Peer::Role::client) {}
    standin::test::Stream& tunnel(Http2Origins& test) {
      EXPECT_EQ(connect(host, test.userinfo()).status, 200U);
      start_tls("localhost", test.start().authority_pem(), std::string_view("\x02h2", 3));
      return stream();
    }
    std::int32_t ask(const std::string& method, const std::string& body = {}) {
      return peer.request({{{":method", method},
                            {":scheme", "https"},
                            {":authority", host},
                            {":path", "/hello"},
                            {"authorization", "Bearer " + std::string(stand_in)}},
                           body,
                           {}});
    }
    std::string host;
    H2Peer peer;
  };

  /// A script that says "port N ready".
  std::string origin_of(const std::string& program, const std::string& name, const char* script) {
    const auto file = folder.path() / name;
    std::ofstream(file) << script;
    running.emplace(std::vector<std::string>{program, file.string(), certificate.string(), key.string()});
    const std::string said = running->await("ready");
    const std::size_t at = said.find("port ") + 5;
    return "localhost:" + said.substr(at, said.find(' ', at) - at);
  }
  std::string nghttpd() {
    std::uint16_t port = 0;
    ::close(standin::test::Stream::listen_loopback(port));
    running.emplace(std::vector<std::string>{"nghttpd", "-v", "-a", "127.0.0.1", "--echo-upload", "--trailer",
                                             "x-trailer: 1", "-d", folder.path().string(),
                                             std::to_string(port), key.string(), certificate.string()});
    running->await("listen 127.0.0.1:");
    return "localhost:" + std::to_string(port);
  }

  /// Every claim, to a client of either version.
  void expect_all_works(const std::string& at, bool tells_the_token) {
    bind("https://" + at);
    const std::string token = "Bearer " + std::string(secret);
    const std::string body(1 << 20, 'b');
    {
      Session old(*this, at);
      const Response first = old.get("/hello", {{"Authorization", "Bearer " + std::string(stand_in)}});
      EXPECT_EQ(first.status, 200U);
      EXPECT_EQ(first.body.bytes, "hello");
      // With a length, as nghttpd tells of files, HTTP/1.1 has no room for trailers.
      if (!first.field("content-length")) {
        EXPECT_EQ(first.body.trailers, (Fields{{"x-trailer", "1"}}));
      }
      EXPECT_EQ(first.field("x-token").value_or(token), token);
      const Response echoed = old.post("/hello", body);
      EXPECT_EQ(echoed.status, 200U);
      EXPECT_EQ(echoed.body.size, body.size());
    }
    Client client(*this, at);
    const H2Message& got = client.peer.await_end(client.ask("GET"));
    EXPECT_EQ(got.field(":status"), "200");
    EXPECT_EQ(got.body, "hello");
    EXPECT_EQ(got.trailer("x-trailer"), "1");
    if (tells_the_token) {
      EXPECT_EQ(got.field("x-token"), token);
    } else {
      EXPECT_NO_THROW(running->await(token));
    }
    const H2Message& echoed = client.peer.await_end(client.ask("POST", body));
    EXPECT_EQ(echoed.body, body);
    std::vector<std::int32_t> ids;
    for (int i = 0; i < 80; ++i) ids.push_back(client.ask(i % 2 ? "GET" : "POST", i % 2 ? "" : "hello"));
    for (const std::int32_t id : ids) EXPECT_EQ(client.peer.await_end(id).body, "hello");
  }

  standin::test::TemporaryFolder folder;
  const standin::test::Certificate leaf = pki.make_certificate({"localhost"});
  const std::filesystem::path certificate = folder.path() / "leaf.pem";
  const std::filesystem::path key = folder.path() / "leaf.key";
  std::optional<Program> running;
};

TEST_F(Http2Origins, NghttpdIsReached) { expect_all_works(nghttpd(), false); }

TEST_F(Http2Origins, NodeIsReached) { expect_all_works(origin_of("node", "o.mjs", node_origin), true); }

TEST_F(Http2Origins, PythonIsReached) {
  expect_all_works(origin_of("/usr/bin/python3", "o.py", python_origin), true);
}

}  // namespace
}  // namespace standin::proxy::test
