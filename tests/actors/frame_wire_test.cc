#include "actors/wire/frame_wire.h"

#include <gtest/gtest.h>

#include "tests/data/columns.h"
#include "tests/data/golden.h"
#include "tests/data/same_rows.h"

namespace systole::testing {
namespace {

constexpr job_id job(0x0102030405060708);
constexpr attempt_stamp stamp{term_id(3), attempt_id(7)};

frame rows_frame() {
  frame made;
  made.what = frame::kind::rows;
  made.channel = 5;
  made.sequence = 42;
  made.rows = every_type();
  made.bytes = exchange_bytes(made.rows);
  return made;
}
frame watermark_frame() {
  frame made;
  made.what = frame::kind::watermark;
  made.channel = 1;
  made.sequence = 2;
  made.watermark = -17;
  made.read_us = 1'767'225'600'000'001;
  made.idle = true;
  return made;
}
frame barrier_frame(barrier_kind kind) {
  frame made;
  made.what = frame::kind::barrier;
  made.channel = 9;
  made.sequence = 3;
  made.cut = {epoch_id(12), kind, epoch_id(9)};
  return made;
}

frame_ptr sent(const frame& what) {
  return decode_frame(std::make_shared<const std::string>(encode_frame(job, stamp, what))).value();
}

TEST(frame_wire, matches_its_golden_file) {
  frame end;
  end.what = frame::kind::end;
  end.channel = 2;
  end.sequence = 4;
  expect_golden("frame_v2.txt", {{"rows", hex(encode_frame(job, stamp, rows_frame()))},
                                 {"watermark", hex(encode_frame(job, stamp, watermark_frame()))},
                                 {"barrier", hex(encode_frame(job, stamp, barrier_frame(barrier_kind::stop)))},
                                 {"end", hex(encode_frame(job, stamp, end))}});
}

TEST(frame_wire, a_frame_arrives_as_it_was_sent) {
  const frame rows = rows_frame();
  const frame_ptr got = sent(rows);
  EXPECT_EQ(got->what, frame::kind::rows);
  EXPECT_EQ(got->channel, 5u);
  EXPECT_EQ(got->sequence, 42u);
  EXPECT_EQ(got->bytes, rows.bytes) << "credit is counted in the sender's bytes";
  expect_same_rows(got->rows, rows.rows);

  const frame_ptr mark = sent(watermark_frame());
  EXPECT_EQ(mark->what, frame::kind::watermark);
  EXPECT_EQ(mark->watermark, -17);
  EXPECT_TRUE(mark->idle);
  EXPECT_EQ(mark->read_us, 1'767'225'600'000'001);

  for (const barrier_kind kind : {barrier_kind::checkpoint, barrier_kind::stop, barrier_kind::final})
    EXPECT_EQ(sent(barrier_frame(kind))->cut, (barrier{epoch_id(12), kind, epoch_id(9)}));
}

TEST(frame_wire, the_header_tells_whose_frame_it_is) {
  const auto header = decode_frame_header(encode_frame(job, stamp, rows_frame()));
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->job, job);
  EXPECT_EQ(header->stamp, stamp);
  EXPECT_EQ(header->channel, 5u);
  EXPECT_EQ(header->sequence, 42u);
}

TEST(frame_wire, every_flipped_byte_and_every_cut_is_noticed) {
  const std::string good = encode_frame(job, stamp, rows_frame());
  for (size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    EXPECT_FALSE(decode_frame(std::make_shared<const std::string>(bad)).has_value()) << "byte " << at;
    EXPECT_FALSE(decode_frame(std::make_shared<const std::string>(good.substr(0, at))).has_value()) << "cut " << at;
    EXPECT_FALSE(decode_frame_header(std::string_view(good).substr(0, at)).has_value()) << "cut " << at;
  }
}

TEST(frame_wire, another_version_says_what_to_do) {
  std::string other = encode_frame(job, stamp, watermark_frame());
  other[4] = frame_wire_version + 1;
  const auto got = decode_frame_header(other);
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().code, error_code::incompatible);
  EXPECT_NE(got.error().message.find("same version"), std::string::npos) << got.error().message;
}

}  // namespace
}  // namespace systole::testing
