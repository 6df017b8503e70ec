#include "connectors/postgres/postgres_table_source.h"

#include <poll.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "connectors/plan_types.h"

namespace systole {
namespace {

constexpr char table_read_version = 1;

/// `incompatible` where the table or a column is missing.
result<void> check(postgres_connection& connection, const postgres_table_settings& settings) {
  SYSTOLE_ASSIGN(const std::vector<postgres_column> there, read_columns(connection, settings.name));
  std::string missing;
  for (const field& each : settings.columns.fields)
    if (std::none_of(there.begin(), there.end(), [&](const auto& column) { return column.name == each.name; }))
      missing += (missing.empty() ? "" : ", ") + each.name;
  if (there.empty()) return fail(error_code::incompatible, "there is no PostgreSQL table " + settings.name.text());
  if (missing.empty()) return {};
  return fail(error_code::incompatible, "PostgreSQL table " + settings.name.text() + " lacks the columns " + missing);
}

/// Reads once, or again and again, on its own thread; poll() takes what is there. The thread holds one difference at most.
class table_reader final : public source_reader {
 public:
  explicit table_reader(const postgres_table_settings& settings) : settings_(settings), image_(settings_) {
    settings_.session.still_current = [this, current = settings.session.still_current] { return !ending_ && current(); };
    thread_ = std::thread([this] { work(); });
  }
  ~table_reader() override {
    ending_ = true;
    changed_.notify_all();
    thread_.join();
  }

  void wake_with(std::function<void()> wake) override {
    const std::lock_guard lock(mutex_);
    wake_ = std::move(wake);
  }

  result<source_poll> poll() override {
    source_poll made;
    made.idle_for_watermark = settings_.refreshed() && loaded_;
    if (given_ == taken_.batches.size()) {
      const std::lock_guard lock(mutex_);
      if (failure_) return *failure_;
      if (ready_) {
        taken_ = std::move(*ready_);
        ready_.reset();
        given_ = 0;
        changed_.notify_all();
        made.records = taken_.records;
        made.bytes = taken_.bytes;
        made.filtered = taken_.filtered;
        made.rejects = std::move(taken_.rejects);
        read_ = true;
        if (taken_.batches.empty()) return end_of_reading(std::move(made));
      } else if (read_ && !settings_.refreshed()) {
        made.what = source_poll::kind::finished;
        return made;
      } else {
        made.what = source_poll::kind::idle;
        made.wait = std::chrono::seconds(1);
        return made;
      }
    }
    made.rows = std::move(taken_.batches[given_++]);
    return given_ == taken_.batches.size() ? end_of_reading(std::move(made)) : std::move(made);
  }

  std::string snapshot() override {
    return {table_read_version, static_cast<char>(read_ && !settings_.refreshed() && given_ == taken_.batches.size())};
  }

 private:
  /// With the last rows comes the word that all were given: the task takes rows before what the poll says of the watermark.
  source_poll end_of_reading(source_poll made) {
    loaded_ = true;
    made.idle_for_watermark = settings_.refreshed();
    return made;
  }

  void work() {
    postgres_session session(settings_.session, [this](postgres_connection& connection) -> result<void> {
      SYSTOLE_TRY(check(connection, settings_));
      return settings_.channel.empty() ? result<void>() : connection.execute("LISTEN " + quote_postgres_identifier(settings_.channel));
    });
    while (!ending_) {
      // A server that is away is waited for: rows that were joined stay, those to come use the last image.
      const auto done = session.run(
          [this](postgres_connection& connection) -> result<void> {
            SYSTOLE_ASSIGN(auto difference, image_.read(connection));
            return hand_over(std::move(difference));
          },
          std::chrono::milliseconds(read_once_ ? limits::postgres_commit_wait_ms : limits::postgres_recover_wait_ms));
      if (!done && (done.error().code != error_code::unavailable || !read_once_)) {
        const std::lock_guard lock(mutex_);
        failure_ = done.error();
        failure_->message = "table " + settings_.name.text() + ": " + failure_->message;
        if (wake_) wake_();
        return;
      }
      read_once_ = read_once_ || done.has_value();
      if (!settings_.refreshed()) return;
      wait_for_change(session);
    }
  }

  result<void> hand_over(postgres_table_image::difference difference) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !ready_ || ending_; });
    if (ending_) return {};
    const bool news = !difference.batches.empty() || !read_once_;
    if (news) ready_ = std::move(difference);
    if (news && wake_) wake_();
    return {};
  }

  /// Until the interval is over or somebody notifies; a lost connection ends the wait, for a notification may have been
  /// lost with it.
  void wait_for_change(postgres_session& session) {
    using clock = std::chrono::steady_clock;
    const auto started = clock::now();
    const auto due = settings_.interval.count() > 0 ? started + settings_.interval : clock::time_point::max();
    const auto earliest = started + std::chrono::milliseconds(limits::postgres_refresh_least_ms);
    bool notified = false;
    while (!ending_ && clock::now() < due && !(notified && clock::now() >= earliest)) {
      const auto until = std::min(due, notified ? earliest : clock::time_point::max());
      const auto left = until == clock::time_point::max() ? std::chrono::milliseconds(500)
                                                          : std::chrono::ceil<std::chrono::milliseconds>(until - clock::now());
      const auto wait = std::clamp(left, std::chrono::milliseconds(0), std::chrono::milliseconds(500));
      postgres_connection* const connection = session.connection();
      if (settings_.channel.empty() || !connection || connection->broken()) {
        if (!settings_.channel.empty() && clock::now() >= earliest) return;
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, wait, [this] { return ending_.load(); });
        continue;
      }
      pollfd watched{connection->socket(), POLLIN, 0};
      if (::poll(&watched, 1, static_cast<int>(wait.count())) <= 0) continue;
      const auto any = connection->notified();
      if (!any) notified = true;  // the next reading connects anew
      else notified = notified || *any;
    }
  }

  postgres_table_settings settings_;
  postgres_table_image image_;  ///< the thread's
  bool read_once_ = false;      ///< the thread's
  std::atomic<bool> ending_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<postgres_table_image::difference> ready_;
  std::optional<failure> failure_;
  std::function<void()> wake_;
  // The task's.
  postgres_table_image::difference taken_;
  size_t given_ = 0;
  bool read_ = false;    ///< the first reading has come
  bool loaded_ = false;  ///< and was given whole
  std::thread thread_;
};

/// What a subtask without a table has to read, and one whose table was read before the checkpoint.
class nothing_reader final : public source_reader {
 public:
  result<source_poll> poll() override {
    source_poll made;
    made.what = source_poll::kind::finished;
    return made;
  }
  std::string snapshot() override { return {table_read_version, 1}; }
};

}  // namespace

result<std::unique_ptr<source_factory>> postgres_table_source::make(const proto::Node& node, const connector_context& context) {
  const proto::Source& source = node.source();
  postgres_table_settings settings;
  settings.session = {source.connection(), context.secret_directory, context.files, "table " + node.step(),
                      postgres_application(context.job, node.step()), context.still_current};
  SYSTOLE_ASSIGN(settings.name, postgres_name::parse(source.postgres().table()));
  for (const proto::SourceColumn& each : source.columns()) {
    settings.columns.fields.push_back({each.field().name(), column_type(each.field().type()), !each.field().not_null()});
    settings.visible.push_back(!each.checked_only());
  }
  settings.key.assign(source.postgres().key().begin(), source.postgres().key().end());
  settings.interval = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::microseconds(source.postgres().refresh_interval_us()));
  settings.channel = source.postgres().notify_channel();
  settings.batch_rows = context.batch_rows;
  if (settings.refreshed() && settings.key.empty()) return fail(error_code::invalid_argument, "a table that is refreshed needs a key");
  SYSTOLE_ASSIGN(settings.rows, source_rows::make(source, context));
  return std::unique_ptr<source_factory>(std::make_unique<postgres_table_source>(std::move(settings)));
}

result<std::unique_ptr<source_reader>> postgres_table_source::make_reader(uint32_t subtask, uint32_t, const std::vector<std::string>& restored) {
  const bool unread = std::any_of(restored.begin(), restored.end(), [](const std::string& each) { return each == std::string({table_read_version, 0}); });
  const bool was_read = !settings_.refreshed() && !restored.empty() && !unread;
  if (subtask > 0 || was_read) return std::unique_ptr<source_reader>(std::make_unique<nothing_reader>());
  return std::unique_ptr<source_reader>(std::make_unique<table_reader>(settings_));
}

result<void> postgres_table_source::check_origin() const {
  postgres_session_settings with = settings_.session;
  with.application += " check";  // a job of this name may be running: its sessions are not ours to end
  postgres_session session(std::move(with), nullptr);
  return session.try_once([this](postgres_connection& connection) { return check(connection, settings_); });
}

}  // namespace systole
