#include "coordination/leadership.h"

#include <gtest/gtest.h>

namespace systole::testing::leadership_tests {
namespace {

using kind = leadership::action::kind;

TEST(leadership, a_term_is_above_all_in_the_log) {
  leadership it;
  EXPECT_EQ(it.on_elected(), (leadership::actions{{kind::read, {}}}));
  EXPECT_TRUE(it.on_elected().empty()) << "once is enough";
  EXPECT_EQ(it.on_read(term_id(4)), (leadership::actions{{kind::claim, term_id(5)}}));
  EXPECT_FALSE(it.leads()) << "not before the log has it";
  EXPECT_EQ(it.on_claimed(term_id(5)), (leadership::actions{{kind::lead, term_id(5)}}));
  EXPECT_TRUE(it.leads());
}

TEST(leadership, who_loses_the_record_reads_again_and_claims_a_higher_one) {
  leadership it;
  (void)it.on_elected();
  (void)it.on_read(term_id(4));
  EXPECT_EQ(it.on_claim_lost(), (leadership::actions{{kind::read, {}}}));
  EXPECT_TRUE(it.on_claimed(term_id(5)).empty()) << "an answer that comes late";
  EXPECT_EQ(it.on_read(term_id(5)), (leadership::actions{{kind::claim, term_id(6)}}));
}

TEST(leadership, a_leader_that_hears_of_a_higher_term_steps_down_at_once) {
  leadership it;
  (void)it.on_elected();
  (void)it.on_read({});
  (void)it.on_claimed(term_id(1));
  EXPECT_TRUE(it.on_term_seen(term_id(1)).empty());
  EXPECT_EQ(it.on_term_seen(term_id(3)), (leadership::actions{{kind::step_down, term_id(3)}}));
  EXPECT_FALSE(it.leads());
  EXPECT_TRUE(it.on_term_seen(term_id(4)).empty()) << "not by itself again: only with the lock";
  (void)it.on_elected();
  EXPECT_EQ(it.on_read(term_id(2)), (leadership::actions{{kind::claim, term_id(5)}})) << "above all it has heard of";
}

TEST(leadership, without_the_lock_it_neither_claims_nor_leads) {
  leadership it;
  EXPECT_TRUE(it.on_read(term_id(1)).empty());
  (void)it.on_elected();
  (void)it.on_read(term_id(1));
  EXPECT_TRUE(it.on_lock_lost().empty());
  EXPECT_TRUE(it.on_claimed(term_id(2)).empty());
  (void)it.on_elected();
  (void)it.on_read(term_id(2));
  (void)it.on_claimed(term_id(3));
  EXPECT_EQ(it.on_lock_lost().at(0).do_this, kind::step_down);
}

}  // namespace
}  // namespace systole::testing::leadership_tests
