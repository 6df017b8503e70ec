#include "tests/support/fault_injecting_file_system.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/support/temporary_directory.h"

namespace systole {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class faulty_files : public ::testing::Test {
 protected:
  faulty_files() { std::filesystem::create_directory(root); }
  std::string at(const std::string& name) const { return root + "/" + name; }
  std::unique_ptr<writable_file> written(const std::string& name, std::string_view text, bool synced) {
    auto file = files().create(at(name)).value();
    EXPECT_TRUE(file->append(text));
    EXPECT_TRUE(!synced || file->sync());
    return file;
  }
  std::string text_of(const std::string& name) { return files().read_all(at(name), 1 << 20).value(); }
  testing::fault_injecting_file_system& files() {
    if (!files_) files_.emplace(root);
    return *files_;
  }

  testing::temporary_directory directory;
  std::string root = directory / "root";
  std::optional<testing::fault_injecting_file_system> files_;
};

TEST_F(faulty_files, a_power_cut_drops_names_without_a_directory_sync) {
  written("a", "synced content", true);
  files().cut_power();
  EXPECT_THAT(files().list(root).value(), IsEmpty());
}

TEST_F(faulty_files, a_power_cut_drops_bytes_without_a_sync) {
  auto file = written("a", "kept", true);
  ASSERT_TRUE(files().sync_directory(root));
  ASSERT_TRUE(file->append(" lost"));
  EXPECT_EQ(text_of("a"), "kept lost");
  files().cut_power();
  EXPECT_EQ(text_of("a"), "kept");
  EXPECT_FALSE(file->append("x")) << "its process has died";
  EXPECT_TRUE(files().open_append(at("a")).value()->append("x"));
}

TEST_F(faulty_files, a_power_cut_undoes_renames_and_removals) {
  written("a", "a", true);
  written("b", "b", true);
  written("c", "c", true);
  ASSERT_TRUE(files().sync_directory(root));
  ASSERT_TRUE(files().rename(at("a"), at("b")));
  ASSERT_TRUE(files().remove(at("c")));
  EXPECT_THAT(files().list(root).value(), ElementsAre("b"));
  files().cut_power();
  EXPECT_EQ(text_of("a"), "a");
  EXPECT_EQ(text_of("b"), "b");
  EXPECT_EQ(text_of("c"), "c");
  ASSERT_TRUE(files().rename(at("a"), at("b")));
  ASSERT_TRUE(files().sync_directory(root));
  files().cut_power();
  EXPECT_EQ(text_of("b"), "a");
  EXPECT_FALSE(files().exists(at("a")).value());
}

TEST_F(faulty_files, links_share_a_file) {
  written("a", "one", true);
  ASSERT_TRUE(files().create_directories(at("store")));
  ASSERT_TRUE(files().link(at("a"), at("store/x")));
  ASSERT_TRUE(files().sync_directory(at("store")));
  files().cut_power();
  EXPECT_EQ(text_of("store/x"), "one");
  EXPECT_FALSE(files().exists(at("a")).value());
}

TEST_F(faulty_files, removed_trees_come_back_until_their_parent_is_synced) {
  ASSERT_TRUE(files().create_directories(at("tree/deep")));
  written("tree/deep/f", "f", true);
  ASSERT_TRUE(files().sync_directory(at("tree/deep")));
  ASSERT_TRUE(files().remove_all(at("tree")));
  files().cut_power();
  EXPECT_EQ(text_of("tree/deep/f"), "f");
  ASSERT_TRUE(files().remove_all(at("tree")));
  ASSERT_TRUE(files().sync_directory(root));
  files().cut_power();
  EXPECT_FALSE(files().exists(at("tree/deep/f")).value());
}

TEST_F(faulty_files, files_from_before_are_durable) {
  {
    const auto file = posix_file_system().create(at("before")).value();
    ASSERT_TRUE(file->append("text"));
  }
  files().cut_power();
  EXPECT_EQ(text_of("before"), "text");
  // Made behind its back, as RocksDB does, then moved through it.
  ASSERT_TRUE(posix_file_system().create(at("sst")).value()->append("table"));
  ASSERT_TRUE(files().link(at("sst"), at("named")));
  ASSERT_TRUE(files().sync_directory(root));
  files().cut_power();
  EXPECT_EQ(text_of("named"), "table");
}

TEST_F(faulty_files, a_skipped_sync_reports_success_and_does_nothing) {
  files().skip_sync(1);
  written("a", "text", true);
  ASSERT_TRUE(files().sync_directory(root));
  EXPECT_EQ(files().syncs(), 2u);
  files().cut_power();
  EXPECT_EQ(text_of("a"), "");
}

TEST_F(faulty_files, a_full_disk_refuses_the_append_that_does_not_fit) {
  auto file = written("a", "12345", false);
  files().set_space(4);
  EXPECT_TRUE(file->append("67"));
  const result<void> refused = file->append("890");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, error_code::disk_full);
  EXPECT_EQ(text_of("a"), "1234567");
  files().set_space(std::nullopt);
  EXPECT_TRUE(file->append("890"));
  EXPECT_EQ(text_of("a"), "1234567890");
}

TEST_F(faulty_files, turned_bits_are_read) {
  written("a", "aaaa", true);
  files().flip_bit_on_read(at("a"), 2, 1);
  EXPECT_EQ(text_of("a"), "aaca");
  char byte;
  ASSERT_TRUE(files().open(at("a")).value()->read(2, 1, &byte));
  EXPECT_EQ(byte, 'c');
  EXPECT_EQ(posix_file_system().read_all(at("a"), 4).value(), "aaaa");
  ASSERT_TRUE(testing::fault_injecting_file_system::flip_bit(at("a"), 0, 1));
  EXPECT_EQ(posix_file_system().read_all(at("a"), 4).value(), "caaa");
  EXPECT_FALSE(testing::fault_injecting_file_system::flip_bit(at("a"), 4, 1));
}

TEST_F(faulty_files, with_a_seed_a_random_part_survives) {
  std::set<std::string> seen;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    auto file = written("a", "1234", true);
    ASSERT_TRUE(files().sync_directory(root));
    ASSERT_TRUE(file->append("5678"));
    written("b", "new", true);
    files().cut_power(seed);
    const std::string a = text_of("a");
    ASSERT_TRUE(std::string("12345678").starts_with(a) && a.size() >= 4) << a;
    seen.insert(a + (files().exists(at("b")).value() ? "b" : ""));
    ASSERT_TRUE(files().remove(at("b")));
    ASSERT_TRUE(files().sync_directory(root));
  }
  EXPECT_GE(seen.size(), 6u);
}

// ---- write_file_durably under every power cut

/// Writes "old" then, until the machine stops at `moment`, "new"; returns what a reader finds after the power cut.
std::string survivor(uint64_t moment, uint64_t skipped_sync, bool& completed) {
  testing::temporary_directory directory;
  const std::string root = directory / "root", path = root + "/file";
  std::filesystem::create_directory(root);
  testing::fault_injecting_file_system files(root);
  EXPECT_TRUE(write_file_durably(files, path, "old"));
  if (skipped_sync) files.skip_sync(files.syncs() + skipped_sync);
  files.stop_after_operations(moment);
  completed = write_file_durably(files, path, "new").has_value();
  files.cut_power();
  const result<std::string> found = files.read_all(path, 100);
  return found ? *found : "nothing";
}

TEST(write_file_durably, leaves_all_or_what_was_there_at_every_moment) {
  bool completed = false;
  std::set<std::string> seen;
  for (uint64_t moment = 0; !completed; ++moment) {
    ASSERT_LT(moment, 100u);
    const std::string found = survivor(moment, 0, completed);
    EXPECT_EQ(found, completed ? "new" : "old") << "moment " << moment;
    seen.insert(found);
  }
  EXPECT_EQ(seen.size(), 2u);
}

TEST(write_file_durably, would_lose_bytes_without_either_sync) {
  // The control: the test above notices a sync that is left out.
  bool completed = false;
  EXPECT_EQ(survivor(100, 1, completed), "") << "without the file's sync";
  EXPECT_TRUE(completed);
  EXPECT_EQ(survivor(100, 2, completed), "old") << "without the directory's sync";
  EXPECT_TRUE(completed);
}

TEST(write_file_durably, tells_a_full_disk_and_leaves_no_temporary_file) {
  testing::temporary_directory directory;
  const std::string root = directory / "root";
  std::filesystem::create_directory(root);
  testing::fault_injecting_file_system files(root);
  ASSERT_TRUE(write_file_durably(files, root + "/file", "old"));
  files.set_space(2);
  const result<void> refused = write_file_durably(files, root + "/file", "new");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, error_code::disk_full);
  EXPECT_EQ(files.read_all(root + "/file", 100).value(), "old");
  EXPECT_THAT(files.list(root).value(), ElementsAre("file"));
}

}  // namespace
}  // namespace systole
