#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "base/file_system.h"
#include "tests/support/temporary_directory.h"

namespace systole {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class posix_files : public ::testing::Test {
 protected:
  std::string text_of(const std::string& name) { return files.read_all(directory / name, 1 << 20).value(); }
  void write(const std::string& name, std::string_view text) {
    const auto file = files.create(directory / name).value();
    ASSERT_TRUE(file->append(text));
    ASSERT_TRUE(file->close());
  }

  testing::temporary_directory directory;
  file_system& files = posix_file_system();
};

TEST_F(posix_files, appends_truncates_and_continues) {
  {
    const auto file = files.create(directory / "a").value();
    EXPECT_EQ(file->size(), 0u);
    ASSERT_TRUE(file->append("hello "));
    ASSERT_TRUE(file->append("world"));
    EXPECT_EQ(file->size(), 11u);
    ASSERT_TRUE(file->truncate(6));
    ASSERT_TRUE(file->append("there"));
    ASSERT_TRUE(file->sync());
    EXPECT_EQ(file->truncate(1000).error().code, error_code::invalid_argument);
    ASSERT_TRUE(file->close());
    EXPECT_FALSE(file->append("x"));
    EXPECT_TRUE(file->close()) << "closing twice is harmless";
  }
  EXPECT_EQ(text_of("a"), "hello there");
  const auto file = files.open_append(directory / "a").value();
  EXPECT_EQ(file->size(), 11u);
  ASSERT_TRUE(file->append("!"));
  EXPECT_EQ(text_of("a"), "hello there!");
}

TEST_F(posix_files, create_truncates_what_was_there) {
  write("a", "old and long");
  write("a", "new");
  EXPECT_EQ(text_of("a"), "new");
}

TEST_F(posix_files, reads_at_any_offset_up_to_the_end) {
  write("a", "0123456789");
  const auto file = files.open(directory / "a").value();
  EXPECT_EQ(file->size().value(), 10u);
  char buffer[16] = {};
  EXPECT_EQ(file->read(3, 4, buffer).value(), 4u);
  EXPECT_EQ(std::string_view(buffer, 4), "3456");
  EXPECT_EQ(file->read(8, 16, buffer).value(), 2u);
  EXPECT_EQ(file->read(10, 1, buffer).value(), 0u);
  EXPECT_EQ(file->read(1000, 1, buffer).value(), 0u);
}

TEST_F(posix_files, absent_files_are_not_found) {
  EXPECT_EQ(files.open(directory / "none").error().code, error_code::not_found);
  EXPECT_EQ(files.open_append(directory / "none").error().code, error_code::not_found);
  EXPECT_EQ(files.read_all(directory / "none", 1).error().code, error_code::not_found);
  EXPECT_EQ(files.create(directory / "none/deeper").error().code, error_code::not_found);
  EXPECT_EQ(files.rename(directory / "none", directory / "b").error().code, error_code::not_found);
  EXPECT_EQ(files.list(directory / "none").error().code, error_code::not_found);
  EXPECT_FALSE(files.exists(directory / "none").value());
  EXPECT_TRUE(files.remove(directory / "none")) << "removing an absent file is success";
  EXPECT_TRUE(files.remove_all(directory / "none"));
  EXPECT_THAT(files.open(directory / "none").error().message, HasSubstr("none"));
}

TEST_F(posix_files, read_all_keeps_its_limit) {
  write("a", "12345");
  EXPECT_EQ(files.read_all(directory / "a", 5).value(), "12345");
  EXPECT_EQ(files.read_all(directory / "a", 4).error().code, error_code::limit_exceeded);
}

TEST_F(posix_files, lists_names_sorted) {
  for (const char* name : {"b", "a", "c.txt", ".hidden"}) write(name, "");
  ASSERT_TRUE(files.create_directories(directory / "dir"));
  EXPECT_THAT(files.list(directory.path()).value(), ElementsAre(".hidden", "a", "b", "c.txt", "dir"));
}

TEST_F(posix_files, creates_directories_with_parents) {
  EXPECT_TRUE(files.create_directories(directory / "x/y/z"));
  EXPECT_TRUE(files.create_directories(directory / "x/y/z")) << "again is success";
  EXPECT_TRUE(files.create_directories(directory / "x/y/../y/w/"));
  EXPECT_THAT(files.list(directory / "x/y").value(), ElementsAre("w", "z"));
  write("file", "");
  EXPECT_FALSE(files.create_directories(directory / "file"));
  EXPECT_FALSE(files.create_directories(directory / "file/below"));
  EXPECT_TRUE(files.remove_all(directory / "x"));
  EXPECT_FALSE(files.exists(directory / "x").value());
}

TEST_F(posix_files, rename_replaces_and_no_replace_does_not) {
  write("a", "a");
  write("b", "b");
  const result<void> refused = files.rename_no_replace(directory / "a", directory / "b");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, error_code::already_exists);
  EXPECT_EQ(text_of("b"), "b");
  ASSERT_TRUE(files.rename_no_replace(directory / "a", directory / "c"));
  EXPECT_EQ(text_of("c"), "a");
  ASSERT_TRUE(files.rename(directory / "c", directory / "b"));
  EXPECT_EQ(text_of("b"), "a");
  EXPECT_THAT(files.list(directory.path()).value(), ElementsAre("b"));
}

TEST_F(posix_files, link_keeps_both_names_and_never_replaces) {
  write("a", "a");
  write("b", "b");
  ASSERT_TRUE(files.link(directory / "a", directory / "c"));
  EXPECT_EQ(text_of("a"), "a");
  EXPECT_EQ(text_of("c"), "a");
  EXPECT_EQ(files.link(directory / "a", directory / "b").error().code, error_code::already_exists);
}

TEST_F(posix_files, syncs_directories) {
  EXPECT_TRUE(files.sync_directory(directory.path()));
  write("a", "");
  EXPECT_FALSE(files.sync_directory(directory / "a")) << "a file is no directory";
}

TEST_F(posix_files, a_full_disk_is_told_and_leaves_the_file_as_it_was) {
  const auto full = files.open_append("/dev/full");
  ASSERT_TRUE(full);
  const result<void> refused = (*full)->append("x");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, error_code::disk_full);
  EXPECT_EQ((*full)->size(), 0u);
}

TEST_F(posix_files, a_lock_is_refused_within_the_process_and_freed) {
  auto first = files.lock(directory / "lock");
  ASSERT_TRUE(first);
  const auto second = files.lock(directory / "lock");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, error_code::fenced);
  EXPECT_THAT(second.error().message, HasSubstr("process " + std::to_string(::getpid())));
  first.value().reset();
  EXPECT_TRUE(files.lock(directory / "lock"));
}

TEST_F(posix_files, a_lock_dies_with_its_process_and_names_it_while_it_lives) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    auto held = files.lock(directory / "lock");
    const char told = held ? 'y' : 'n';
    (void)!::write(ready[1], &told, 1);
    while (true) ::pause();
  }
  char told = 0;
  ASSERT_EQ(::read(ready[0], &told, 1), 1);
  ASSERT_EQ(told, 'y');
  const auto refused = files.lock(directory / "lock");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("process " + std::to_string(child)));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(files.lock(directory / "lock"));
  ::close(ready[0]);
  ::close(ready[1]);
}

}  // namespace
}  // namespace systole
