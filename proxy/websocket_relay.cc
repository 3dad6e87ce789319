#include "proxy/websocket_relay.h"

#include <algorithm>

namespace standin::proxy {
namespace {

constexpr std::size_t largest_fragment = 65536;

std::optional<WebSocketEnd> protocol_error() { return WebSocketEnd{1002, std::nullopt}; }
std::optional<WebSocketEnd> refused(Refusal refusal) { return WebSocketEnd{1008, std::move(refusal)}; }

}  // namespace

WebSocketDirection::WebSocketDirection(WebSocketSender sender, std::optional<WebSocketDeflate> deflate,
                                       MessageFilter filter)
    : sender_(sender), agreed_(deflate), filter_(std::move(filter)), head_(sender) {}

WebSocketDirection::End WebSocketDirection::feed(std::string_view bytes, WipingBuffer& out) {
  if (!filter_) {
    append(out, bytes);
    return std::nullopt;
  }
  while (!bytes.empty()) {
    if (!in_frame_) {
      const auto result = closed_ ? WebSocketHeadReader::Result::fault : head_.take(bytes.front());
      bytes.remove_prefix(1);
      if (result == WebSocketHeadReader::Result::fault) return protocol_error();
      if (result == WebSocketHeadReader::Result::more) continue;
      if (auto end = begin_frame(out)) return end;
    }
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
    if (auto end = payload(bytes.substr(0, size), out)) return end;
    bytes.remove_prefix(size);
  }
  if (!pending_.empty()) send(false, out);
  return std::nullopt;
}

WebSocketDirection::End WebSocketDirection::begin_frame(WipingBuffer& out) {
  const WebSocketFrame& frame = head_.frame();
  in_frame_ = true;
  left_ = frame.length;
  seen_ = 0;
  if (frame.is_control()) {
    passing_ = true;
    closed_ = frame.opcode == WebSocketFrame::close;
  } else {
    if (auto end = begin_message(frame)) return end;
    passing_ = !rewriting_;
  }
  if (passing_) {
    if (!pending_.empty()) send(false, out);
    append(out, head_.bytes());
  }
  return std::nullopt;
}

WebSocketDirection::End WebSocketDirection::begin_message(const WebSocketFrame& frame) {
  const bool begins = frame.opcode != WebSocketFrame::continuation;
  if (begins == in_message_ || (frame.compressed && !agreed_)) return protocol_error();
  if (!begins) return std::nullopt;
  in_message_ = true;
  compressed_ = frame.compressed;
  transform_ = frame.opcode == WebSocketFrame::text ? filter_() : nullptr;
  rewriting_ = transform_ != nullptr || (compressed_ && agreed_->takes_over);
  next_ = {.compressed = compressed_, .opcode = frame.opcode};
  if (rewriting_ && compressed_ && !inflater_) {
    inflater_ = std::make_unique<WebSocketInflater>();
    deflater_ = std::make_unique<WebSocketDeflater>(*agreed_);
  }
  return std::nullopt;
}

/// A part of the frame's payload, or its end.
WebSocketDirection::End WebSocketDirection::payload(std::string_view bytes, WipingBuffer& out) {
  if (passing_) {
    append(out, bytes);
  } else {
    for (std::string_view rest = bytes; !rest.empty();) {
      const std::string_view part = rest.substr(0, largest_fragment);
      WipingBuffer unmasked(part.begin(), part.end());
      if (head_.frame().masked)
        apply_mask(unmasked, head_.frame().mask, seen_ + (bytes.size() - rest.size()));
      if (auto end = content(view(unmasked))) return end;
      if (pending_.size() >= largest_fragment) send(false, out);
      rest.remove_prefix(part.size());
    }
  }
  seen_ += bytes.size();
  left_ -= bytes.size();
  if (left_ != 0) return std::nullopt;
  in_frame_ = false;
  if (head_.frame().is_control() || !head_.frame().final) return std::nullopt;
  in_message_ = false;
  return rewriting_ ? end_message(out) : std::nullopt;
}

/// Of the message as it was sent: unmasked, perhaps compressed.
WebSocketDirection::End WebSocketDirection::content(std::string_view bytes) {
  if (!compressed_) return plain(bytes);
  End end;
  const bool sound = inflater_->feed(bytes, [&](std::string_view piece) { return !(end = plain(piece)); });
  return end || sound ? end : protocol_error();
}

WebSocketDirection::End WebSocketDirection::plain(std::string_view bytes) {
  WipingBuffer changed;
  if (transform_) {
    if (auto refusal = transform_->feed(bytes, changed)) return refused(*std::move(refusal));
    bytes = view(changed);
  }
  if (compressed_) {
    deflater_->feed(bytes, pending_);
  } else {
    append(pending_, bytes);
  }
  return std::nullopt;
}

WebSocketDirection::End WebSocketDirection::end_message(WipingBuffer& out) {
  if (compressed_) {
    End end;
    const bool sound = inflater_->finish([&](std::string_view piece) { return !(end = plain(piece)); });
    if (end) return end;
    if (!sound) return protocol_error();
  }
  if (auto end = finish_content()) return end;
  send(true, out);
  return std::nullopt;
}

WebSocketDirection::End WebSocketDirection::finish_content() {
  WipingBuffer rest;
  if (transform_) {
    if (auto refusal = transform_->finish(rest)) return refused(*std::move(refusal));
    transform_.reset();
  }
  if (compressed_) {
    deflater_->feed(view(rest), pending_);
    deflater_->finish(pending_);
  } else {
    append(pending_, view(rest));
  }
  return std::nullopt;
}

/// One frame with what is pending.
void WebSocketDirection::send(bool final, WipingBuffer& out) {
  next_.final = final;
  append_frame(out, sender_, next_, view(pending_));
  next_.opcode = WebSocketFrame::continuation;
  next_.compressed = false;
  pending_.clear();
}

}  // namespace standin::proxy
