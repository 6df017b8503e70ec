// The checkpoint store on a real S3 service behind a proxy that hurts, beside one in a directory that nobody hurts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <xxhash.h>

#include <barrier>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "state/store/s3_place.h"
#include "state/store/s3_store.h"
#include "tests/s3/faulty_proxy.h"
#include "tests/s3/s3_service.h"
#include "tests/support/seed.h"
#include "tests/support/temporary_directory.h"

namespace systole::testing {
namespace {

template <class T>
T must(result<T> r) {
  if (!r) throw std::runtime_error(r.error().message);
  return std::move(r).value();
}

std::string text_of(const std::string& path, uint64_t bytes) {
  std::string text(bytes, '\0');
  std::ifstream(path, std::ios::binary).read(text.data(), static_cast<std::streamsize>(bytes));
  return text;
}

proto::LogRecord record_of(uint64_t epoch, const std::string& nonce) {
  proto::LogRecord record;
  record.set_term(1);
  record.set_nonce(nonce);
  record.mutable_completed()->set_epoch(epoch);
  return record;
}

std::vector<uint64_t> epochs_of(checkpoint_store& store) {
  std::vector<uint64_t> epochs;
  const auto log = must(store.read_log());
  for (const proto::LogRecord& record : log) {
    if (record.has_base() && &record == &log.front())
      for (const auto& each : record.base().completed()) epochs.push_back(each.epoch());
    if (record.has_completed()) epochs.push_back(record.completed().epoch());
  }
  return epochs;
}

/// Does the same to both stores. Where the hurt one gives up, it is opened again, as by a job that starts anew.
class twin_stores {
 public:
  twin_stores(const std::string& prefix, faulty_proxy& proxy, uint64_t seed) : proxy_(proxy), random_(seed) {
    options_ = s3_service::shared().options(prefix, proxy.port());
    options_.request_patience = std::chrono::milliseconds(500);
    directory_ = must(open_directory_store(posix_file_system(), folder_ / "directory", "job"));
    reopen();
  }

  /// An epoch: new files, some old ones, metadata, its record; sometimes a collection, a fold, a new process.
  void step() {
    ++epoch_;
    proto::CheckpointMetadata in_s3, in_directory;
    for (proto::CheckpointMetadata* each : {&in_s3, &in_directory}) {
      each->set_job("job");
      each->set_epoch(epoch_);
      each->add_tasks();
    }
    std::vector<twin_file> named;
    for (const twin_file& each : last_)
      if (random_() % 2 == 0) named.push_back(each);
    for (uint64_t i = random_() % 3; i > 0; --i) {
      const auto made = put();
      if (!made) return start_anew();
      named.push_back(*made);
    }
    for (const twin_file& each : named) {
      *in_s3.mutable_tasks(0)->mutable_keyed_state()->add_deltas() = each.in_s3;
      *in_directory.mutable_tasks(0)->mutable_keyed_state()->add_deltas() = each.in_directory;
    }
    const auto metadata = s3_->put_metadata(in_s3);
    if (!metadata) return start_anew(metadata.error());
    proto::LogRecord record = record_of(epoch_, "n" + std::to_string(epoch_));
    *record.mutable_completed()->mutable_metadata() = *metadata;
    if (const auto appended = s3_->append(record); !appended) {
      start_anew(appended.error());
      // It may be there all the same: then a job goes on from it.
      const auto epochs = epochs_of(*s3_);
      if (epochs.empty() || epochs.back() != epoch_) return;
    }
    *record.mutable_completed()->mutable_metadata() = must(directory_->put_metadata(in_directory));
    EXPECT_TRUE(directory_->append(record));
    last_ = named;
    if (random_() % 2 == 0) collect();
    if (random_() % 8 == 0) fold();
    if (random_() % 10 == 0) reopen();
  }

  void collect() {
    if (auto done = s3_->collect_garbage(2); !done) return start_anew(done.error());
    EXPECT_TRUE(directory_->collect_garbage(2));
  }

  void fold() {
    const std::string nonce = "b" + std::to_string(++folds_);
    const auto base = [&](checkpoint_store& store) {
      proto::LogRecord record;
      record.set_term(1);
      record.set_nonce(nonce);
      record.mutable_base();
      const auto log = must(store.read_log());
      for (const proto::LogRecord& each : log) {
        if (each.has_completed()) *record.mutable_base()->add_completed() = each.completed();
        if (each.has_base() && &each == &log.front()) *record.mutable_base() = each.base();
      }
      return record;
    };
    for (;;) {
      if (const auto readable = s3_->read_log(); !readable) start_anew(readable.error());
      proxy_.hurt(100);
      const auto done = s3_->append(base(*s3_));
      if (done) break;
      start_anew(done.error());
      const auto log = must(s3_->read_log());
      if (!log.empty() && log.back().nonce() == nonce) break;
    }
    EXPECT_TRUE(directory_->append(base(*directory_)));
  }

  /// Both say the same: the log, each retained epoch, every byte of its files.
  void compare() {
    const std::vector<uint64_t> epochs = epochs_of(*s3_);
    ASSERT_EQ(epochs, epochs_of(*directory_));
    for (const twin_file& each : last_) {
      ASSERT_TRUE(s3_->verify(each.in_s3));
      EXPECT_EQ(text_of(must(s3_->path_of(each.in_s3)), each.in_s3.bytes()),
                text_of(must(directory_->path_of(each.in_directory)), each.in_directory.bytes()));
    }
  }

  void reopen(bool with_empty_cache = false) {
    s3_.reset();
    if (with_empty_cache) std::filesystem::remove_all(folder_ / "cache");
    for (int tries = 0;; ++tries) {
      auto made = open_s3_store(options_, posix_file_system(), folder_ / "cache", "job");
      if (made) {
        s3_ = std::move(*made);
        return;
      }
      if (tries == 20) throw std::runtime_error(made.error().message);
    }
  }

  checkpoint_store& s3() { return *s3_; }
  int started_anew() const { return started_anew_; }

 private:
  struct twin_file {
    proto::FileReference in_s3, in_directory;
  };

  std::optional<twin_file> put() {
    const uint64_t lengths[] = {1 + random_() % 100, 1 + random_() % 100'000, (8 << 20) + 1 + random_() % 100'000};
    std::string content(lengths[random_() % 20 == 0 ? 2 : random_() % 2], '\0');
    for (char& c : content) c = static_cast<char>(random_() % 4);
    const std::string path = folder_ / ("local-" + std::to_string(++files_));
    std::ofstream(path, std::ios::binary) << content;
    const uint64_t xxh3 = XXH3_64bits(content.data(), content.size());
    auto made = s3_->put_file(path, content.size(), xxh3);
    std::optional<twin_file> twin;
    if (made) twin = {std::move(*made), must(directory_->put_file(path, content.size(), xxh3))};
    else EXPECT_EQ(made.error().code, error_code::unavailable) << made.error().message;
    std::filesystem::remove(path);
    return twin;
  }

  void start_anew(const failure& why = {error_code::unavailable, {}, {}}) {
    EXPECT_EQ(why.code, error_code::unavailable) << why.message;
    ++started_anew_;
    proxy_.hurt(0);  // it is tried until the outage is over
    reopen();
  }

  temporary_directory folder_;
  faulty_proxy& proxy_;
  std::mt19937_64 random_;
  s3_client_options options_;
  std::unique_ptr<checkpoint_store> directory_, s3_;
  std::vector<twin_file> last_;
  uint64_t epoch_ = 0;
  int files_ = 0, folds_ = 0, started_anew_ = 0;
};

TEST(s3_store_test, does_what_a_directory_does_whatever_a_proxy_does) {
  const uint64_t seed = make_seed();
  SCOPED_TRACE("SYSTOLE_SEED=" + std::to_string(seed));
  faulty_proxy proxy(s3_service::shared().port(), seed);
  const std::string prefix = "twins-" + std::to_string(seed);
  twin_stores twins(prefix, proxy, seed);
  std::mt19937_64 random(seed + 1);
  for (int step = 0; step < 60; ++step) {
    proxy.hurt(random() % 4 == 0 ? 700 : 100);  // an outage now and then
    twins.step();
    proxy.hurt(0);
    if (step % 10 == 9) twins.compare();
    if (HasFatalFailure()) return;
  }
  twins.reopen(true);
  twins.compare();
  twins.step();
  twins.step();
  twins.collect();
  // What is there is what the two retained epochs name.
  s3_client client(s3_service::shared().options(prefix));
  std::set<std::string> named;
  const auto log = must(twins.s3().read_log());
  std::vector<proto::FileReference> complete;
  for (const proto::LogRecord& each : log) {
    if (each.has_base())
      for (const auto& epoch : each.base().completed()) complete.push_back(epoch.metadata());
    if (each.has_completed()) complete.push_back(each.completed().metadata());
  }
  for (size_t i = complete.size() - 2; i < complete.size(); ++i) {
    named.insert("metadata/" + complete[i].name());
    const auto metadata = must(twins.s3().read_metadata(complete[i]));
    for (const auto& file : metadata.tasks(0).keyed_state().deltas()) named.insert("files/" + file.name());
  }
  std::set<std::string> there;
  for (const std::string& key : must(client.list("")))
    if (!key.starts_with("log/")) there.insert(key);
  for (const std::string& key : named) EXPECT_TRUE(there.contains(key)) << key;
  uint64_t hurt = 0;
  for (size_t i = 1; i < proxy.injected().size(); ++i) hurt += proxy.injected()[i];
  EXPECT_GT(hurt, 100u);
  RecordProperty("faults", static_cast<int>(hurt));
  RecordProperty("starts", twins.started_anew());
  RecordProperty("left_behind", static_cast<int>(there.size() - named.size()));
}

struct race_outcome {
  int rounds = 0, none = 0, one = 0, both = 0;
};

/// Two processes append to one log at once, again and again.
race_outcome race(faulty_proxy& proxy, const std::string& prefix, int rounds) {
  temporary_directory folder;
  s3_client_options options = s3_service::shared().options(prefix, proxy.port());
  options.request_patience = std::chrono::milliseconds(500);
  race_outcome made;
  for (int round = 0; round < rounds; ++round, ++made.rounds) {
    std::unique_ptr<checkpoint_store> writers[2];
    bool won[2] = {};
    for (int i = 0; i < 2; ++i)
      while (!writers[i] || !writers[i]->read_log()) {
        auto opened = open_s3_store(options, posix_file_system(), folder / ("cache" + std::to_string(i)), "job");
        if (opened) writers[i] = std::move(*opened);
      }
    std::barrier start(2);
    const auto write = [&](int i) {
      start.arrive_and_wait();
      const auto done = writers[i]->append(record_of(static_cast<uint64_t>(round) + 1, "w" + std::to_string(i)));
      won[i] = done.has_value();
      if (done) return;
      EXPECT_THAT(done.error().code, ::testing::AnyOf(error_code::fenced, error_code::unavailable))
          << done.error().message;
    };
    std::thread other(write, 1);
    write(0);
    other.join();
    (won[0] && won[1] ? made.both : won[0] || won[1] ? made.one : made.none)++;
    if (won[0] == won[1]) continue;
    // The log holds the winner's record, and goes on from it.
    auto reader = open_s3_store(s3_service::shared().options(prefix), posix_file_system(), folder / "cache2", "job");
    const auto log = must(must(std::move(reader))->read_log());
    EXPECT_EQ(log.back().nonce(), won[0] ? "w0" : "w1");
    EXPECT_EQ(log.back().completed().epoch(), static_cast<uint64_t>(round) + 1);
  }
  return made;
}

TEST(s3_store_test, of_two_writers_of_a_record_exactly_one_wins) {
  faulty_proxy proxy(s3_service::shared().port(), 1);
  const race_outcome outcome = race(proxy, "race", 20);
  EXPECT_EQ(outcome.one, outcome.rounds);
}

TEST(s3_store_test, also_where_replies_are_lost) {
  const uint64_t seed = make_seed();
  SCOPED_TRACE("SYSTOLE_SEED=" + std::to_string(seed));
  faulty_proxy proxy(s3_service::shared().port(), seed);
  proxy.hurt(250);
  const race_outcome outcome = race(proxy, "hurt-race-" + std::to_string(seed), 15);
  EXPECT_EQ(outcome.both, 0);
  EXPECT_GE(outcome.one, outcome.rounds - 2) << "hardly ever does one not learn that it has won";
}

/// The negative control: without the condition both win.
TEST(s3_store_test, a_service_without_conditional_puts_would_be_noticed) {
  faulty_proxy proxy(s3_service::shared().port(), 1);
  proxy.lie_about_412(true);
  EXPECT_GT(race(proxy, "lying-race", 10).both, 0);
}

TEST(s3_store_test, damage_is_noticed_and_a_damaged_copy_fetched_anew) {
  temporary_directory folder;
  const s3_client_options options = s3_service::shared().options("damage");
  auto store = must(open_s3_store(options, posix_file_system(), folder / "cache", "job"));
  const std::string content(100'000, 'x');
  std::ofstream(folder / "local") << content;
  const auto file =
      must(store->put_file(folder / "local", content.size(), XXH3_64bits(content.data(), content.size())));
  // A copy that an earlier process has left, and that a power cut has damaged.
  std::filesystem::remove(folder / "local");
  store.reset();
  std::ofstream(folder / "cache" + "/" + file.name()) << std::string(content.size(), 'y');
  store = must(open_s3_store(options, posix_file_system(), folder / "cache", "job"));
  EXPECT_EQ(text_of(must(store->path_of(file)), content.size()), content);
  // The object itself.
  std::filesystem::remove_all(folder / "cache");
  store = must(open_s3_store(options, posix_file_system(), folder / "cache", "job"));
  s3_client client(options);
  ASSERT_TRUE(client.put("files/" + file.name(), std::string(content.size(), 'z')));
  const auto damaged = store->path_of(file);
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, error_code::corrupt);
  EXPECT_THAT(damaged.error().message, ::testing::HasSubstr("s3://checkpoints/damage/files/" + file.name()));
  ASSERT_TRUE(client.put("files/" + file.name(), "short"));
  EXPECT_EQ(store->verify(file).error().code, error_code::corrupt);
  ASSERT_TRUE(client.remove("files/" + file.name()));
  EXPECT_EQ(store->verify(file).error().code, error_code::not_found);
}

TEST(s3_store_test, the_cache_keeps_to_its_limit) {
  temporary_directory folder;
  s3_place place(s3_service::shared().options("cache"), posix_file_system(), folder / "cache", 50'000, 2);
  ASSERT_TRUE(place.open());
  std::vector<proto::FileReference> files(8);
  for (size_t i = 0; i < files.size(); ++i) {
    const std::string content(10'000, static_cast<char>('a' + i));
    std::ofstream(folder / "local") << content;
    files[i].set_name("f" + std::to_string(i));
    files[i].set_bytes(content.size());
    files[i].set_xxh3(XXH3_64bits(content.data(), content.size()));
    ASSERT_TRUE(place.add_file("files/" + files[i].name(), folder / "local", files[i]));
    std::filesystem::remove(folder / "local");
  }
  const auto cached = [&] { return must(posix_file_system().list(folder / "cache")); };
  EXPECT_THAT(cached(), ::testing::ElementsAre("f3", "f4", "f5", "f6", "f7"));
  EXPECT_EQ(text_of(must(place.path_of("files/f0", files[0])), 10'000), std::string(10'000, 'a'));
  EXPECT_THAT(cached(), ::testing::ElementsAre("f0", "f4", "f5", "f6", "f7"));
}

}  // namespace
}  // namespace systole::testing
