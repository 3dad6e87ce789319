#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "broker/scrubber.h"

namespace standin::broker {

struct Sent {
  std::string secret;
  std::string stand_in;
};

inline ScrubPatterns patterns_of(const std::vector<Sent>& all) {
  ScrubPatterns patterns;
  for (const auto& [secret, stand_in] : all) patterns.add(std::as_bytes(std::span(secret)), stand_in);
  return patterns;
}

inline std::string text_of(const proxy::WipingBuffer& buffer) { return std::string(proxy::view(buffer)); }

/// The body in pieces of these sizes, over and over.
inline std::string scrub_in_pieces(const ScrubPatterns& patterns, std::string_view body,
                                   const std::vector<std::size_t>& sizes) {
  Scrubber scrubber(patterns);
  proxy::WipingBuffer out;
  for (std::size_t at = 0, i = 0; at < body.size(); ++i) {
    // Its own memory, so that the sanitizer sees a read past its end.
    const std::string_view part = body.substr(at, sizes[i % sizes.size()]);
    const std::vector<char> piece(part.begin(), part.end());
    EXPECT_FALSE(scrubber.feed({piece.data(), piece.size()}, out));
    EXPECT_LE(scrubber.held(), patterns.longest());
    at += piece.size();
  }
  EXPECT_FALSE(scrubber.finish(out));
  return text_of(out);
}

inline std::string scrub_whole(const ScrubPatterns& patterns, std::string_view body) {
  return scrub_in_pieces(patterns, body, {body.size() + 1});
}

/// Cut in two at every byte, and in single bytes.
inline void expect_scrubbed(const ScrubPatterns& patterns, std::string_view body, std::string_view expected) {
  EXPECT_EQ(scrub_whole(patterns, body), expected);
  for (std::size_t cut = 1; cut < body.size(); ++cut) {
    ASSERT_EQ(scrub_in_pieces(patterns, body, {cut, body.size()}), expected) << "cut at " << cut;
  }
  EXPECT_EQ(scrub_in_pieces(patterns, body, {1}), expected);
  const auto at_once = scrubbed(patterns, body);
  EXPECT_EQ(at_once ? text_of(*at_once) : std::string(body), expected);
  EXPECT_EQ(at_once.has_value(), body != expected);
}

}  // namespace standin::broker
