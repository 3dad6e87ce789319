#include "cli/times.h"

#include <gtest/gtest.h>

#include "cli/error.h"

namespace standin::cli {
namespace {

using namespace std::chrono_literals;

const Time noon = *parse_rfc3339("2025-06-01T12:00:00Z");

TEST(Times, Rfc3339GoesThereAndBack) {
  EXPECT_EQ(rfc3339(noon), "2025-06-01T12:00:00Z");
  EXPECT_EQ(parse_rfc3339("2025-06-01T12:00:00.123456Z"), noon);
  EXPECT_EQ(parse_rfc3339("2025-06-01T14:30:00+02:30"), noon);
  EXPECT_EQ(parse_rfc3339("2025-06-01T07:00:00-05:00"), noon);
}

TEST(Times, WhatIsNoTimeIsNone) {
  for (const char* text :
       {"", "2025-06-01", "2025-06-01T12:00:00", "2025-06-01T12:00:00.Z", "2025-06-01T12:00:00+2",
        "2025-06-01T12:00:00Zx", "now", "2025-06-01T12:00:00+99:00", "2025-06-01T12:00:00.5"}) {
    EXPECT_EQ(parse_rfc3339(text), std::nullopt) << text;
  }
}

TEST(Times, SinceCountsBack) {
  EXPECT_EQ(parse_since("45s", noon), noon - 45s);
  EXPECT_EQ(parse_since("30m", noon), noon - 30min);
  EXPECT_EQ(parse_since("1h", noon), noon - 1h);
  EXPECT_EQ(parse_since("2d", noon), noon - 48h);
  EXPECT_EQ(parse_since("1w", noon), noon - 168h);
}

TEST(Times, SinceTakesATimeOrADay) {
  EXPECT_EQ(parse_since("2025-06-01T12:00:00Z", noon + 9h), noon);
  EXPECT_EQ(parse_since("2025-06-01", noon), noon - 12h);
}

TEST(Times, SinceRefusesTheRest) {
  for (const char* text :
       {"", "h", "1", "-1h", "1x", "1h ", " 1h", "1.5h", "99999999999h", "100001w", "yesterday"}) {
    EXPECT_THROW(static_cast<void>(parse_since(text, noon)), Error) << text;
  }
}

TEST(Times, AgeIsInTheLargestUnitThatFits) {
  EXPECT_EQ(age(noon + 1h, noon), "now");
  EXPECT_EQ(age(noon, noon), "now");
  EXPECT_EQ(age(noon - 59s, noon), "59s");
  EXPECT_EQ(age(noon - 60s, noon), "1m");
  EXPECT_EQ(age(noon - 47h, noon), "47h");
  EXPECT_EQ(age(noon - 48h, noon), "2d");
  EXPECT_EQ(age(noon - 800 * 24h, noon), "2y");
}

}  // namespace
}  // namespace standin::cli
