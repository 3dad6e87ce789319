#include "cli/suggestion.h"

#include <vector>

#include <gtest/gtest.h>

namespace standin::cli {
namespace {

const std::vector<std::string> known{"github", "gitlab", "slack", "brave-search"};

TEST(Suggestion, ATypingErrorFindsItsWord) {
  EXPECT_EQ(did_you_mean("githbu", known), "did you mean 'github'");
  EXPECT_EQ(did_you_mean("gitlap", known), "did you mean 'gitlab'");
  EXPECT_EQ(did_you_mean("brave", known), "did you mean 'brave-search'");
}

TEST(Suggestion, WhatIsFarFromAllFindsNone) {
  EXPECT_EQ(did_you_mean("kubernetes", known), "");
  EXPECT_EQ(did_you_mean("", known), "");
  EXPECT_EQ(did_you_mean(std::string(1'000'000, 'g'), known), "");
  EXPECT_EQ(did_you_mean("x", {}), "");
}

}  // namespace
}  // namespace standin::cli
