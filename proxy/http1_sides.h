#pragma once

#include "proxy/client.h"
#include "proxy/sides.h"
#include "proxy/upstream.h"

namespace standin::proxy {

/// A request of HTTP/1.x, its head read already and its body still in the client's connection.
class Http1ClientSide final : public ClientSide {
 public:
  Http1ClientSide(Client& client, RequestParser& request);

  /// What may follow on the connection, after the exchange.
  [[nodiscard]] Persistence persistence() const noexcept { return persistence_; }
  [[nodiscard]] Client& client() noexcept { return client_; }
  /// The client may ask for another protocol.
  [[nodiscard]] bool can_switch() const noexcept { return request_.version >= 11; }

  [[nodiscard]] Protocol protocol() const noexcept override { return Protocol::http1; }
  [[nodiscard]] bool expects_continue() const noexcept override { return request_.expects_continue; }
  [[nodiscard]] bool takes_interim() const noexcept override { return request_.version >= 11; }
  [[nodiscard]] Framing body_framing() const noexcept override { return request_.framing(); }
  [[nodiscard]] std::optional<std::uint64_t> declared_length() const noexcept override;
  [[nodiscard]] bool body_is_done() const noexcept override { return request_.is_done(); }
  bool take_body(BodyPieces& into) override;
  Task<BodyRead> read_body(BodyPieces& into) override;
  Task<bool> write_interim(const ResponseHead& head) override;
  Framing begin_response(const ResponseHead& head, Framing framing, Reframed reframed) override;
  Task<bool> write_body(BodyPieces& pieces) override;
  Task<void> refuse(const Refusal& refusal) override;
  void finish() override;
  void abort() noexcept override;
  void watch(OriginSide* origin) noexcept override { client_.watch.origin = origin; }
  [[nodiscard]] bool has_left() const noexcept override { return client_.watch.client_left; }
  [[nodiscard]] bool is_aborted() const noexcept override { return client_.stream.is_aborted(); }
  [[nodiscard]] Http1ClientSide* http1() noexcept override { return this; }

 private:
  Client& client_;
  RequestParser& request_;
  bool much_comes_ = false;
  buffer_cache::Buffer head_;                       // of the request, once a body is read behind it
  Framing framing_ = Framing::none;                 // of the response
  std::string out_;                                 // its head, to be written with the first piece
  Persistence promised_ = Persistence::keep_alive;  // in the head
  Persistence persistence_ = Persistence::close;
};

class Http1OriginSide final : public OriginSide {
 public:
  Http1OriginSide(UpstreamPointer connection, Upstream& upstream, const Limits& limits)
      : connection_(std::move(connection)), upstream_(upstream), limits_(limits) {}

  [[nodiscard]] Stream& stream() noexcept { return connection_->stream; }
  [[nodiscard]] Inbox& inbox() noexcept { return inbox_; }

  [[nodiscard]] bool is_reused() const noexcept override { return connection_->reused; }
  [[nodiscard]] bool is_by_proxy() const noexcept override { return connection_->by_proxy != nullptr; }
  Task<bool> write_head(const RequestHead& head, Framing framing, Reframed reframed,
                        BodyPieces& first) override;
  Task<bool> write_body(BodyPieces& pieces) override;
  Task<Answer> read_head(ResponseHead& into) override;
  [[nodiscard]] Framing body_framing() const noexcept override { return response_->framing(); }
  bool take_body(BodyPieces& into) override;
  Task<BodyRead> read_body(BodyPieces& into) override;
  void abort() noexcept override { connection_->stream.abort(); }
  void finish(bool request_is_whole) override;
  [[nodiscard]] Http1OriginSide* http1() noexcept override { return this; }

 private:
  bool may_hang_up_on_http1() const noexcept;

  UpstreamPointer connection_;
  Upstream& upstream_;
  const Limits& limits_;
  Inbox inbox_;
  std::optional<ResponseParser> response_;
  bool is_head_request_ = false;
  bool began_ = false;  // a byte of the response came
  bool much_comes_ = false;
  bool ended_ = false;   // the connection did
  bool unsent_ = false;  // the origin turned out to speak nothing but HTTP/2
};

}  // namespace standin::proxy
