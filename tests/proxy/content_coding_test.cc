#include "proxy/content_coding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace standin::proxy {
namespace {

using Codings = std::vector<Coding>;

TEST(ContentEncoding, IsReadInTheOrderOfApplication) {
  EXPECT_EQ(read_codings("gzip"), Codings{Coding::gzip});
  EXPECT_EQ(read_codings(" GZip ,\tbr"), (Codings{Coding::gzip, Coding::br}));
  EXPECT_EQ(read_codings("x-gzip, deflate, zstd"), (Codings{Coding::gzip, Coding::deflate, Coding::zstd}));
}

TEST(ContentEncoding, IdentityAndEmptyElementsAreNothing) {
  for (const char* value : {"", " ", ",", "identity", "identity, ,Identity"}) {
    EXPECT_EQ(read_codings(value), Codings{}) << value;
  }
  EXPECT_EQ(read_codings("identity, br"), Codings{Coding::br});
}

TEST(ContentEncoding, ThatIsNotKnownIsNotRead) {
  for (const char* value : {"compress", "gzip, dcb", "gzip;q=1", "gzip br", "aws-chunked", "*", "gzi"}) {
    EXPECT_EQ(read_codings(value), std::nullopt) << value;
  }
}

TEST(ContentEncoding, OfTooManyLayersIsNotRead) {
  EXPECT_TRUE(read_codings("gzip, gzip, gzip"));
  EXPECT_FALSE(read_codings("gzip, gzip, gzip, gzip"));
}

TEST(AcceptEncoding, KeepsWhatIsReadHereAsItIs) {
  for (const char* value :
       {"gzip, deflate, br", "gzip, deflate, br, zstd", "gzip;q=1.0, identity; q=0.5, br;q=0", "GZIP",
        "x-gzip", "identity", "*;q=0", "identity;q=1, *;q=0", "gzip, *;q=0.0"}) {
    EXPECT_EQ(narrow_accept_encoding(value), value);
  }
}

TEST(AcceptEncoding, LosesWhatIsNotReadHere) {
  EXPECT_EQ(narrow_accept_encoding("gzip, compress, br;q=0.9,sdch ,dcz;q=0.1"), "gzip, br;q=0.9");
  EXPECT_EQ(narrow_accept_encoding("gzip, , ,br"), "gzip, br");
  EXPECT_EQ(narrow_accept_encoding("gzipp, bro"), "identity");
}

TEST(AcceptEncoding, OfNothingThatIsReadHereAsksForIdentity) {
  EXPECT_EQ(narrow_accept_encoding(""), "identity");
  EXPECT_EQ(narrow_accept_encoding("compress;q=1"), "identity");
}

TEST(AcceptEncoding, TheAsteriskBecomesTheCodingsThatAreNotNamed) {
  EXPECT_EQ(narrow_accept_encoding("*"), "gzip, deflate, br, zstd");
  EXPECT_EQ(narrow_accept_encoding("br;q=1.0, *;q=0.5"), "br;q=1.0, gzip;q=0.5, deflate;q=0.5, zstd;q=0.5");
  EXPECT_EQ(narrow_accept_encoding("gzip;q=0, compress, *, identity"),
            "gzip;q=0, deflate, br, zstd, identity");
  EXPECT_EQ(narrow_accept_encoding("gzip, deflate, br, zstd, *;q=0.1"), "gzip, deflate, br, zstd");
}

}  // namespace
}  // namespace standin::proxy
