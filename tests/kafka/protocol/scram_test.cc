#include "kafka/scram.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace systole {
namespace scram_test {

using ::testing::HasSubstr;
using hash = scram_exchange::hash;

// The example of RFC 7677, section 3.
constexpr const char* nonce = "rOprNGfwEbeRWgbNEkqO";
const std::string server_first = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const std::string server_last = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

scram_exchange published() { return scram_exchange(hash::sha256, "user", "pencil", nonce); }

TEST(scram, is_the_published_exchange) {
  scram_exchange made = published();
  EXPECT_EQ(made.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
  const auto proof = made.answer(server_first);
  ASSERT_TRUE(proof);
  EXPECT_EQ(*proof, "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
  EXPECT_TRUE(made.check(server_last));
}

/// Computed by Python's hashlib and hmac from RFC 5802, section 3, with the example's messages.
TEST(scram, is_the_same_with_sha_512) {
  scram_exchange made(hash::sha512, "user", "pencil", nonce);
  const auto proof = made.answer(server_first);
  ASSERT_TRUE(proof);
  EXPECT_THAT(*proof, HasSubstr(",p=gMGXRcevScNtxZ6/8lQYpGtnsNAc3mGcmNomv+xnoOMw+3R2xNJdMNnzMlTN8PPC6wdp6dybEmDYXYTxwnYPJQ=="));
  EXPECT_TRUE(made.check("v=ZQnYEgWQMFmmsM8aQMF0nDDCy/AgCzkwk8CmMZYcMg0vSVlKDanekLtifDSeVGT4+5ZxXnJq199RVG2rR7N7Zw=="));
  EXPECT_FALSE(made.check(server_last));
}

TEST(scram, a_server_that_does_not_know_the_password_is_found_out) {
  scram_exchange made = published();
  ASSERT_TRUE(made.answer(server_first));
  for (const std::string& last : {std::string("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G8="), std::string("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95A=="),
                                  std::string("v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="), std::string("v="), std::string("v=!"), std::string(),
                                  std::string("e=other-error"), server_last + "AAAA"}) {
    const auto known = made.check(last);
    ASSERT_FALSE(known) << last;
    EXPECT_EQ(known.error().code, error_code::invalid_argument);
  }
  EXPECT_TRUE(made.check(server_last + ",x=an extension"));
}

TEST(scram, before_its_answer_nothing_is_right) {
  for (const char* last : {"v=", "", "v=AAAA"}) EXPECT_FALSE(published().check(last)) << last;
}

TEST(scram, a_first_message_that_is_none_is_not_answered) {
  const std::string salt = ",s=W22ZaJ0SNY7soEsUEjb6gQ==", own = std::string("r=") + nonce;
  for (const std::string& first : {std::string(), std::string("e=unknown-user"), "r=XOprNGfwEbeRWgbNEkqOserver" + salt + ",i=4096",  // another's nonce
                                   std::string("r=rOprNGfwEbeRWgbNEkq") + salt + ",i=4096",                                         // cut off
                                   own + salt + ",i=4096",                                                                          // nothing added
                                   own + "server,i=4096", own + "server,s=,i=4096", own + "server,s=W22ZaJ0SNY7soEsUEjb6gQ,i=4096",
                                   own + "server,s=W2!ZaJ0SNY7soEsUEjb6gQ==,i=4096", own + "server" + salt, own + "server" + salt + ",i=",
                                   own + "server" + salt + ",i=0", own + "server" + salt + ",i=-5", own + "server" + salt + ",i=many"}) {
    const auto made = published().answer(first);
    ASSERT_FALSE(made) << first;
    EXPECT_EQ(made.error().code, error_code::invalid_argument) << first;
  }
}

TEST(scram, more_rounds_than_a_million_are_not_computed) {
  for (const char* rounds : {"1000001", "2147483647", "99999999999999999999"})
    EXPECT_FALSE(published().answer("r=" + std::string(nonce) + "server,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=" + rounds)) << rounds;
}

TEST(scram, names_with_the_signs_of_the_messages_are_written_otherwise) {
  EXPECT_EQ(scram_exchange(hash::sha256, "a,b=c", "pencil", "nonce").first(), "n,,n=a=2Cb=3Dc,r=nonce");
  EXPECT_EQ(scram_exchange(hash::sha256, "=2C", "pencil", "nonce").first(), "n,,n==3D2C,r=nonce");
}

TEST(scram, tells_no_secret) {
  scram_exchange made = published();
  EXPECT_EQ(made.first().find("pencil"), std::string::npos);
  EXPECT_EQ(made.answer(server_first)->find("pencil"), std::string::npos);
  EXPECT_EQ(published().answer("x").error().message.find("pencil"), std::string::npos);
}

TEST(scram, nonces_differ_and_hold_no_comma) {
  std::set<std::string> all;
  for (int i = 0; i < 100; ++i) {
    all.insert(scram_nonce());
    EXPECT_EQ(all.rbegin()->find(','), std::string::npos);
  }
  EXPECT_EQ(all.size(), 100u);
}

}  // namespace scram_test
}  // namespace systole
