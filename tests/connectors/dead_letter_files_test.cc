#include "connectors/files/dead_letter_files.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "connectors/dead_letter_encoder.h"
#include "connectors/factory.h"
#include "connectors/files/byte_packer.h"
#include "tests/support/temporary_directory.h"

namespace systole::testing {
namespace {

struct rejected_row {
  std::string step, rule, raw;
  int64_t offset = 0;
  bool has_raw = true;
};

/// Lines as the sink writes them.
std::string dead_lines(const std::vector<rejected_row>& rows) {
  const schema& columns = dead_letter_schema();
  std::vector<column_ptr> made;
  for (const field& column : columns.fields) {
    column_builder into(column.type, rows.size());
    for (const rejected_row& each : rows) {
      if (column.name == "job") into.append_text_copy("beds");
      else if (column.name == "step") into.append_text_copy(each.step);
      else if (column.name == "rule") into.append_text_copy(each.rule);
      else if (column.name == "reason") into.append_text_copy("why " + each.step);
      else if (column.name == "sqlstate") into.append_text_copy("22P02");
      else if (column.name == "event_time") into.append<int64_t>(0);
      else if (column.name == "topic") into.append_text_copy("adt");
      else if (column.name == "partition") into.append<int32_t>(3);
      else if (column.name == "offset") into.append<int64_t>(each.offset);
      else if (each.has_raw) into.append_text_copy(each.raw);
      else into.append_null();
    }
    made.push_back(into.finish());
  }
  encode_buffer out;
  make_dead_letter_encoder()->encode(batch(rows.size(), std::move(made)), out, nullptr);
  return std::string(out.view());
}

class dead_letter_files_test : public ::testing::Test {
 protected:
  void part(const std::string& name, const std::string& bytes) {
    ASSERT_TRUE(posix_file_system().create_directories(folder_ / "dead"));
    auto file = posix_file_system().create(folder_ / ("dead/" + name));
    ASSERT_TRUE(file && (*file)->append(bytes) && (*file)->close());
  }
  result<dead_letter_page> read(const dead_letter_query& query = {}) {
    return read_dead_letter_files(posix_file_system(), folder_ / "dead", query);
  }
  /// The rules of all entries, asked for in pages of `most`.
  std::vector<std::string> rules_in_pages(uint32_t most, dead_letter_query query = {}) {
    std::vector<std::string> made;
    query.most = most;
    for (int pages = 0; pages < 100; ++pages) {
      const auto page = read(query);
      EXPECT_TRUE(page) << page.error().message;
      if (!page) return made;
      EXPECT_LE(page->entries.size(), most);
      for (const dead_letter_entry& each : page->entries) made.push_back(each.rule);
      if (page->next.empty()) return made;
      query.after = page->next;
    }
    ADD_FAILURE() << "the pages do not end";
    return made;
  }

  temporary_directory folder_;
};

TEST_F(dead_letter_files_test, an_entry_comes_back_as_it_was_written) {
  part("part-00000001-0000.ndjson", dead_lines({{"valid", "bad", "{\"a\": \"b\\\"\u00e9\"}\t", 41},
                                                {"adt", "decode", std::string("\xff\x00{", 3), 42},
                                                {"flow", "late", "", 43, false},
                                                {"valid", "bad", "", 44}}));
  const auto page = read();
  ASSERT_TRUE(page) << page.error().message;
  ASSERT_EQ(page->entries.size(), 4u);
  const dead_letter_entry& first = page->entries[0];
  EXPECT_EQ(first.id, "part-00000001-0000.ndjson:0");
  EXPECT_EQ(first.step, "valid");
  EXPECT_EQ(first.rule, "bad");
  EXPECT_EQ(first.reason, "why valid");
  EXPECT_EQ(first.sqlstate, "22P02");
  EXPECT_EQ(first.topic, "adt");
  EXPECT_EQ(first.partition, 3);
  EXPECT_EQ(first.offset, 41);
  EXPECT_TRUE(first.event_time.starts_with("1970-01-01")) << first.event_time;
  EXPECT_EQ(first.raw, "{\"a\": \"b\\\"\u00e9\"}\t");
  EXPECT_EQ(page->entries[1].raw, std::string("\xff\x00{", 3));
  EXPECT_FALSE(page->entries[2].raw) << "a step made the row";
  EXPECT_EQ(page->entries[3].raw, "");
  EXPECT_EQ(page->next, "");
}

TEST_F(dead_letter_files_test, pages_give_every_entry_once_in_order) {
  part("part-00000001-0001.ndjson", dead_lines({{"a", "1", "x"}, {"b", "2", "x"}, {"a", "3", "x"}}));
  part("part-00000002-0000.ndjson", "");
  part("part-00000002-0001.ndjson", dead_lines({{"b", "4", "x"}}));
  part("part-00000010-0000.ndjson", dead_lines({{"a", "5", "x"}, {"b", "6", "x"}}));
  part("_aside-part-00000011-0000.ndjson", dead_lines({{"a", "aside", "x"}}));
  part("_manifest-00000010.json", "{}");
  const std::vector<std::string> all = {"1", "2", "3", "4", "5", "6"};
  for (const uint32_t most : {1u, 2u, 3u, 4u, 5u, 6u, 7u}) EXPECT_EQ(rules_in_pages(most), all) << most;
  dead_letter_query query;
  query.step = "b";
  for (const uint32_t most : {1u, 2u, 3u, 9u})
    EXPECT_EQ(rules_in_pages(most, query), (std::vector<std::string>{"2", "4", "6"})) << most;
  query.rule = "4";
  EXPECT_EQ(rules_in_pages(1, query), std::vector<std::string>{"4"});
  query.after = "part-00000002-0001.ndjson:0";
  EXPECT_TRUE(rules_in_pages(1, query).empty());
}

TEST_F(dead_letter_files_test, packed_parts_are_unpacked) {
  for (const std::string packing : {"gzip", "zstd"}) {
    encode_buffer out;
    const auto packer = make_byte_packer(packing).value();
    for (const char* rule : {"1", "2", "3"}) {  // a frame each, as epochs make them
      ASSERT_TRUE(packer->pack(dead_lines({{"a", rule, std::string(100'000, 'x')}}), out));
      ASSERT_TRUE(packer->end_frame(out));
    }
    part("part-00000001-0000.ndjson" + std::string(packing_suffix(packing)), std::string(out.view()));
    EXPECT_EQ(rules_in_pages(1), (std::vector<std::string>{"1", "2", "3"})) << packing;
    ASSERT_TRUE(posix_file_system().remove_all(folder_ / "dead"));
  }
}

TEST_F(dead_letter_files_test, an_answer_is_bounded_by_its_bytes) {
  const std::string raw(limits::dead_letter_page_bytes / 3, 'x');
  part("part-00000001-0000.ndjson", dead_lines({{"a", "1", raw}, {"a", "2", raw}, {"a", "3", raw}, {"a", "4", raw}}));
  const auto page = read();
  ASSERT_TRUE(page);
  EXPECT_EQ(page->entries.size(), 3u);
  EXPECT_EQ(page->next, page->entries.back().id);
  EXPECT_EQ(rules_in_pages(1000), (std::vector<std::string>{"1", "2", "3", "4"}));
}

TEST_F(dead_letter_files_test, nothing_was_rejected_yet) {
  const auto page = read();
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_TRUE(page->entries.empty());
  EXPECT_EQ(page->next, "");
}

TEST_F(dead_letter_files_test, a_line_without_an_end_is_none) {
  const std::string whole = dead_lines({{"a", "1", "x"}});
  part("part-00000001-0000.ndjson", whole + whole.substr(0, whole.size() / 2));
  EXPECT_EQ(rules_in_pages(10), std::vector<std::string>{"1"});
}

TEST_F(dead_letter_files_test, a_wrong_line_is_named_and_can_be_passed_over) {
  const std::string good = dead_lines({{"a", "1", "secret"}});
  for (const char* wrong : {"secret\n", "[\"secret\"]\n", "{\"step\":\"secret\"}\n",
                            "{\"step\":\"a\",\"rule\":\"b\",\"raw\":null,\"raw_base64\":\"secret?=\"}\n"}) {
    part("part-00000001-0000.ndjson", good + wrong + good);
    const auto page = read();
    ASSERT_FALSE(page) << wrong;
    EXPECT_EQ(page.error().code, error_code::corrupt);
    const std::string id = "part-00000001-0000.ndjson:" + std::to_string(good.size());
    EXPECT_NE(page.error().message.find(id), std::string::npos) << page.error().message;
    EXPECT_EQ(page.error().message.find("secret"), std::string::npos) << page.error().message;
    dead_letter_query query;
    query.after = id;
    EXPECT_EQ(rules_in_pages(10, query), std::vector<std::string>{"1"});
  }
}

TEST_F(dead_letter_files_test, a_line_that_is_too_long_is_named) {
  const std::string good = dead_lines({{"a", "1", "x"}});
  part("part-00000001-0000.ndjson", std::string(limits::dead_letter_line_bytes + 1, 'x') + "\n" + good);
  const auto page = read();
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code, error_code::limit_exceeded);
  dead_letter_query query;
  query.after = "part-00000001-0000.ndjson:0";
  EXPECT_EQ(rules_in_pages(10, query), std::vector<std::string>{"1"});
}

TEST_F(dead_letter_files_test, what_is_no_entry_is_refused) {
  part("part-00000001-0000.ndjson", dead_lines({{"a", "1", "x"}}));
  for (const char* wrong : {"x", ":", "part-1:", "part-1:-1", "part-1:1x", "part-1:99999999999999999999", "other:0",
                            "part-1/../../etc/passwd:0"}) {
    dead_letter_query query;
    query.after = wrong;
    const auto page = read(query);
    ASSERT_FALSE(page) << wrong;
    EXPECT_EQ(page.error().code, error_code::invalid_argument) << wrong;
  }
}

}  // namespace
}  // namespace systole::testing
