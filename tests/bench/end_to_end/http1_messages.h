#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <boost/beast/http/basic_parser.hpp>

namespace standin::bench {

/// What of a message's head is looked at.
struct Http1Head {
  unsigned status = 0;
  std::string path, authorization;
  std::uint64_t received = 0;  // bytes of body, without their framing
};

/// Messages that follow one another on a connection, by Beast's parser.
template <bool is_request>
class Http1Messages {
 public:
  using OnBody = std::function<void(std::string_view)>;
  using OnWhole = std::function<void(const Http1Head&)>;
  Http1Messages(OnBody on_body, OnWhole on_whole)
      : on_body_(std::move(on_body)), on_whole_(std::move(on_whole)) {
    parser_.emplace(on_body_);
  }

  /// False once something came that is no such message.
  bool feed(std::string_view bytes) {
    if (!held_.empty()) bytes = held_.append(bytes);
    while (!bytes.empty()) {
      boost::system::error_code error;
      const std::size_t used = parser_->put(boost::asio::buffer(bytes), error);
      bytes.remove_prefix(used);
      if (error && error != boost::beast::http::error::need_more) return false;
      if (parser_->is_done()) {
        on_whole_(parser_->head);
        parser_.emplace(on_body_);
      } else if (used == 0) {
        break;  // more has to come first
      }
    }
    held_ = std::string(bytes);
    return true;
  }

 private:
  class Parser final : public boost::beast::http::basic_parser<is_request> {
   public:
    explicit Parser(const OnBody& on_body) : on_body_(on_body) {
      this->eager(true);
      this->body_limit(boost::none);
    }
    Http1Head head;

   private:
    using Error = boost::system::error_code;
    using View = boost::beast::string_view;

    std::size_t add(View body) {
      head.received += body.size();
      on_body_({body.data(), body.size()});
      return body.size();
    }
    void on_request_impl(boost::beast::http::verb, View, View target, int, Error&) override {
      head.path.assign(target.data(), target.size());
    }
    void on_response_impl(int status, View, int, Error&) override {
      head.status = static_cast<unsigned>(status);
    }
    void on_field_impl(boost::beast::http::field name, View, View value, Error&) override {
      if (name == boost::beast::http::field::authorization)
        head.authorization.assign(value.data(), value.size());
    }
    void on_header_impl(Error&) override {}
    void on_body_init_impl(const boost::optional<std::uint64_t>&, Error&) override {}
    std::size_t on_body_impl(View body, Error&) override { return add(body); }
    void on_chunk_header_impl(std::uint64_t, View, Error&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, View body, Error&) override { return add(body); }
    void on_finish_impl(Error&) override {}

    const OnBody& on_body_;
  };

  OnBody on_body_;
  OnWhole on_whole_;
  std::optional<Parser> parser_;
  std::string held_;  // a part of a head, or of a chunk's
};

}  // namespace standin::bench
