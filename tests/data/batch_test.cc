#include "data/batch.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/data/columns.h"
#include "tests/data/same_rows.h"

namespace systole {
namespace {

using namespace systole::testing;

TEST(text_view, keeps_short_text_inline_and_compares_by_bytes) {
  EXPECT_TRUE(text_view("123456789012").is_inline());
  EXPECT_FALSE(text_view("1234567890123").is_inline());
  EXPECT_EQ(text_view(std::string_view{}).size(), 0u);
  const std::string samples[] = {
      "", "a", "ab", "123456789012", "1234567890123", "1234567890124", "1234", "12345678901234567"};
  for (const std::string& a : samples) {
    for (const std::string& b : samples) {
      const std::string copy = b;  // equal text at another address
      EXPECT_EQ(text_view(a) == text_view(copy), a == b) << a << " " << b;
      EXPECT_EQ(compare(text_view(a), text_view(copy)) < 0, a < b);
    }
  }
}

TEST(column_builder, copies_text_and_keeps_owners) {
  auto owner = std::make_shared<std::string>("a long text in a buffer of its own");
  const std::weak_ptr<std::string> watched = owner;
  column_ptr made;
  {
    column_builder builder({type_id::text}, 3);
    builder.add_owner(owner);
    builder.add_owner(owner);
    builder.append_text_reference(*owner);
    builder.append_text_copy(std::string(100'000, 'x'));
    builder.append_null();
    made = builder.finish();
  }
  EXPECT_EQ(made->owners().size(), 2u) << "one owner, one arena block";
  owner.reset();
  EXPECT_EQ(made->text(0), "a long text in a buffer of its own");
  EXPECT_EQ(made->text(1).size(), 100'000u);
  EXPECT_TRUE(made->is_null(2));
  const column_ptr compacted = compact(*made);
  EXPECT_FALSE(watched.expired());
  made.reset();
  EXPECT_TRUE(watched.expired()) << "a compact column keeps nothing foreign";
  EXPECT_EQ(compacted->text(0), "a long text in a buffer of its own");
}

TEST(column, has_no_bitmap_until_a_null_comes) {
  EXPECT_EQ(ints({1, 2, 3})->validity(), nullptr);
  const column_ptr nulls = ints({1, std::nullopt, 3});
  EXPECT_TRUE(nulls->may_have_nulls());
  EXPECT_TRUE(nulls->is_valid(0) && nulls->is_null(1) && nulls->is_valid(2));
  const column_ptr none = null_column({type_id::numeric}, 70);
  for (size_t i = 0; i < 70; ++i) EXPECT_TRUE(none->is_null(i));
  EXPECT_EQ(none->scale(69), 0);
}

TEST(batch, gathers_slices_and_concatenates_every_type) {
  constexpr uint64_t seed = 20260711;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 100; ++round) {
    const batch rows = random_batch(random);
    std::vector<uint32_t> all(rows.rows());
    for (uint32_t i = 0; i < all.size(); ++i) all[i] = i;
    expect_same_rows(gather(rows, all), rows);
    const size_t middle = rows.rows() ? random() % rows.rows() : 0;
    const std::vector<batch> halves = {slice(rows, 0, middle), slice(rows, middle, rows.rows() - middle)};
    expect_same_rows(concatenate(halves), rows);
    std::vector<uint32_t> tail(all.begin() + static_cast<long>(middle), all.end());
    expect_same_rows(gather(rows, tail), halves[1]);
  }
  expect_same_rows(gather(every_type(), std::vector<uint32_t>{0, 1, 2, 3}), every_type());
}

TEST(batch, gathers_runs_as_it_does_single_rows) {
  const batch rows = concatenate(std::vector<batch>(60, every_type()));
  std::mt19937 random(7);
  for (const uint32_t gap_of : {2u, 20u, 33u, 1000u}) {
    std::vector<uint32_t> kept;
    std::vector<batch> one_by_one;
    for (uint32_t row = 0; row < rows.rows(); ++row) {
      if (random() % gap_of == 0) continue;
      kept.push_back(row);
      one_by_one.push_back(gather(rows, std::vector<uint32_t>{row}));
    }
    EXPECT_EQ(runs_of(kept).empty(), gap_of == 2) << gap_of;
    expect_same_rows(gather(rows, kept), concatenate(one_by_one));
  }
}

TEST(row_runs, are_found_in_any_order) {
  std::vector<uint32_t> rows;
  for (uint32_t row = 40; row < 60; ++row) rows.push_back(row);
  for (uint32_t row = 0; row < 10; ++row) rows.push_back(row);
  const auto runs = runs_of(rows);
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[0].first, 40u);
  EXPECT_EQ(runs[0].count, 20u);
  EXPECT_EQ(runs[1].first, 0u);
  EXPECT_EQ(runs[1].count, 10u);
  EXPECT_TRUE(runs_of(std::vector<uint32_t>{5, 5, 5, 5, 5, 5, 5, 5, 5, 5}).empty());
  EXPECT_TRUE(runs_of({}).empty());
}

TEST(row_runs, bits_are_copied_to_any_place_and_no_others) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 2000; ++round) {
    std::vector<uint64_t> from(5), into(5);
    for (auto* words : {&from, &into})
      for (uint64_t& word : *words) word = random();
    const size_t count = random() % 200, from_at = random() % (320 - count + 1), into_at = random() % (320 - count + 1);
    const auto bit = [](const std::vector<uint64_t>& words, size_t at) { return words[at / 64] >> (at % 64) & 1; };
    std::vector<uint64_t> wanted = into;
    for (size_t i = 0; i < count; ++i) {
      const uint64_t mask = uint64_t{1} << ((into_at + i) % 64);
      uint64_t& word = wanted[(into_at + i) / 64];
      word = bit(from, from_at + i) ? word | mask : word & ~mask;
    }
    copy_bits(from.data(), from_at, into.data(), into_at, count);
    ASSERT_EQ(into, wanted) << from_at << " " << into_at << " " << count;
  }
}

TEST(batch, gathered_copies_equal_their_source_and_keep_none_of_its_buffers) {
  const std::vector<uint32_t> rows{3, 0, 2, 2, 1};
  expect_same_rows(gather_copy(every_type(), rows), gather(every_type(), rows));
  auto buffer = std::make_shared<std::string>("a text that is too long to lie in its view");
  column_builder builder({type_id::text}, 1);
  builder.add_owner(buffer_ptr(buffer, buffer->data()));
  builder.append_text_reference(*buffer);
  column_ptr source = builder.finish();
  const column_ptr copy = gather_copy(*source, std::vector<uint32_t>{0});
  source.reset();
  EXPECT_EQ(buffer.use_count(), 1);
  buffer->assign(buffer->size(), 'x');
  EXPECT_EQ(copy->text(0), "a text that is too long to lie in its view");
}

TEST(batch, gather_or_null_gives_null_for_unmatched_rows) {
  const column_ptr source = texts({"a", std::nullopt, "a text that is longer than twelve"});
  const column_ptr made = gather_or_null(*source, std::vector<uint32_t>{2, null_row, 1, 0});
  EXPECT_EQ(made->text(0), "a text that is longer than twelve");
  EXPECT_TRUE(made->is_null(1));
  EXPECT_TRUE(made->is_null(2));
  EXPECT_EQ(made->text(3), "a");
}

TEST(batch, concatenate_fills_hidden_columns_that_some_lack) {
  batch with(1, {ints({1})});
  with.set_hidden(hidden::kind, booleans({static_cast<uint8_t>(row_kind::erase)}));
  with.set_hidden(hidden::event_time, times({7}));
  const batch without(2, {ints({2, 3})});
  const batch all = concatenate(std::vector<batch>{without, with});
  EXPECT_EQ(all.kind(0), row_kind::insert);
  EXPECT_EQ(all.kind(2), row_kind::erase);
  EXPECT_FALSE(all.has_event_time(1));
  EXPECT_EQ(all.event_time(2), 7);
  EXPECT_EQ(without.kind(1), row_kind::insert) << "append-only batches have no kinds";
}

TEST(batch, a_projection_keeps_the_hidden_columns) {
  const batch rows = every_type();
  const batch projected = rows.with_columns({rows.share(1)});
  EXPECT_EQ(projected.columns().size(), 1u);
  EXPECT_EQ(projected.event_time(0), rows.event_time(0));
  EXPECT_EQ(projected.position(3) == rows.position(3), true);
}

TEST(row_position, packs_in_the_order_of_source_split_offset_branch) {
  const row_position samples[] = {{0, 0, 0, 0}, {0, 0, 0, 1}, {0, 0, 1, 0},
                                  {0, 1, 0, 0}, {1, 0, 0, 0}, {65535, 4294967295u, (uint64_t{1} << 48) - 1, 65535}};
  for (size_t i = 0; i < std::size(samples); ++i) {
    const row_position again = row_position::unpack(samples[i].pack());
    EXPECT_EQ(again.source, samples[i].source);
    EXPECT_EQ(again.split, samples[i].split);
    EXPECT_EQ(again.offset, samples[i].offset);
    EXPECT_EQ(again.branch, samples[i].branch);
    if (i > 0) {
      EXPECT_TRUE(samples[i - 1].pack() < samples[i].pack());
    }
  }
}

}  // namespace
}  // namespace systole
