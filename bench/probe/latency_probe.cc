// Sends events to a job's topic and reads what comes of them: what a job takes from the moment an event was due until
// its row can be read, and whether a row came for each. Knows nothing of the engine but its two topics; each phase is
// told as a line of JSON on stdout, times in microseconds of CLOCK_MONOTONIC.
//
//   backlog N: all at once, then their rows; the job is started after "loaded".
//   else: --fill lines of other keys, one event, its row ("caught up"), then events at a steady rate.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bench/probe/phase_line.h"
#include "bench/probe/row_account.h"
#include "bench/probe/topic_ends.h"

using namespace latency_bench;

namespace {

constexpr const char* usage =
    "usage: latency_probe --brokers B --input TOPIC --output TOPIC --events FILE [--rate N] [--seconds S] [--warm-up "
    "S]\n"
    "         [--fill N] [--key-bytes N] [--settle S] [--backlog N] [--rows each|last] [--isolation LEVEL]\n"
    "         [--silence-ms N] [--patience S]\n";

struct flags {
  std::map<std::string, std::string> given{{"rate", "10000"},   {"seconds", "30"},    {"warm-up", "5"},
                                           {"fill", "0"},       {"key-bytes", "400"}, {"settle", "0"},
                                           {"backlog", "0"},    {"rows", "each"},     {"isolation", "read_committed"},
                                           {"silence-ms", "0"}, {"patience", "60"},   {"brokers", ""},
                                           {"input", ""},       {"output", ""},       {"events", ""}};
  flags(int argc, char** argv) {
    for (int i = 1; i < argc; i += 2) {
      const std::string name = argv[i] + std::min<size_t>(2, std::strlen(argv[i]));
      if (i + 1 == argc || !given.contains(name)) std::fputs(usage, stderr), std::exit(2);
      given[name] = argv[i + 1];
    }
  }
  const std::string& text(const char* name) const { return given.at(name); }
  double number(const char* name) const { return std::strtod(text(name).c_str(), nullptr); }
  size_t count(const char* name) const { return static_cast<size_t>(number(name)); }
};

double milliseconds_at(const std::vector<uint32_t>& sorted, double share) {
  if (sorted.empty()) return 0;
  return sorted[std::min(sorted.size() - 1, static_cast<size_t>(share * static_cast<double>(sorted.size())))] / 1000.0;
}

class probe {
 public:
  explicit probe(const flags& with)
      : flags_(with),
        stream_(with.text("events")),
        warm_up_(1 + static_cast<size_t>(with.number("rate") * with.number("warm-up"))),
        sent_(with.count("backlog") + warm_up_ + 2 + static_cast<size_t>(with.number("rate") * with.number("seconds"))),
        account_(sent_, with.text("rows") == "last" ? row_account::rule::last : row_account::rule::each, warm_up_,
                 static_cast<int64_t>(with.number("silence-ms") * 1000)),
        sender_(with.text("brokers"), with.text("input")) {
    reading_ = std::thread([this] { read(); });
  }
  ~probe() { end_reading(); }

  int run() { return flags_.count("backlog") > 0 ? backlog() : steady(); }

 private:
  void read() {
    topic_reader reader(flags_.text("brokers"), flags_.text("output"), flags_.text("isolation"));
    while (!ended_) reader.read(20, [this](std::string_view row) { account_.on_row(row, now_us()); });
  }
  void end_reading() {
    ended_ = true;
    if (reading_.joinable()) reading_.join();
  }
  void send_event(int64_t due_us) {
    event_fact fact;
    const std::string_view line = stream_.next(fact);
    const std::string key = std::to_string(sent_.published());
    sent_.add(fact, due_us);
    sender_.send(key, line);
  }
  /// Until rows have told of so many events; false where no new row comes for so long.
  bool wait_for(size_t events, double seconds) {
    int64_t until = 0;
    for (size_t before = SIZE_MAX, seen; (seen = account_.seen()) < events; before = seen) {
      if (seen != before) until = now_us() + static_cast<int64_t>(seconds * 1e6);
      if (now_us() > until) return false;
      sender_.serve();
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
  }
  /// Waits for what has not come, and a while for rows that come twice; then tells all.
  int report(const std::string& more) {
    const size_t expected = account_.expected();
    wait_for(expected, flags_.number("patience"));
    std::this_thread::sleep_for(std::chrono::seconds(1));
    end_reading();
    const uint64_t lost = expected - account_.seen();
    tell_phase("done", more + latencies() + member("sent", sent_.published()) + member("expected", expected) +
                           member("lost", lost) + member("rows", account_.rows()) +
                           member("doubled", account_.doubled()) + member("wrong", account_.wrong()) +
                           member("refused", sender_.refused()));
    return lost || account_.wrong() || sender_.refused() ? 1 : 0;
  }

  /// Of what was measured, and how late the sender itself was, which is part of it.
  std::string latencies() {
    std::vector<uint32_t>& all = account_.latencies_us();
    if (late_us_.empty()) return {};
    std::sort(all.begin(), all.end());
    std::sort(late_us_.begin(), late_us_.end());
    std::string told = member("measured", all.size());
    using named_share = std::pair<const char*, double>;
    for (const auto& [name, share] : std::initializer_list<named_share>{
             {"p50_ms", 0.5}, {"p90_ms", 0.9}, {"p99_ms", 0.99}, {"p99_9_ms", 0.999}, {"max_ms", 1.0}})
      told += member(name, milliseconds_at(all, share));
    return told + member("sender_late_p99_ms", milliseconds_at(late_us_, 0.99)) +
           member("sender_late_max_ms", milliseconds_at(late_us_, 1));
  }

  int backlog() {
    const size_t events = flags_.count("backlog");
    for (size_t i = 0; i < events; ++i) send_event(now_us());
    sender_.flush();
    tell_phase("loaded");
    // The first tenth is the job's start.
    while (account_.newest() < static_cast<int64_t>(events / 10))
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const int64_t from = account_.newest(), from_us = account_.newest_at_us();
    const bool all = wait_for(account_.expected(), flags_.number("patience"));
    const double took_s = static_cast<double>(account_.newest_at_us() - from_us) / 1e6;
    return report(member("events_per_s", all ? static_cast<double>(account_.newest() - from) / took_s : 0));
  }

  int steady() {
    const int64_t filling_us = now_us();
    for (size_t i = 0; i < flags_.count("fill"); ++i) sender_.send("", filling_line(i, flags_.count("key-bytes")));
    sender_.flush();
    send_event(now_us());
    sender_.flush();
    if (!wait_for(1, 600)) std::fputs("latency_probe: no row came\n", stderr), std::exit(1);
    tell_phase("caught up", member("took_s", static_cast<double>(now_us() - filling_us) / 1e6));
    std::this_thread::sleep_for(std::chrono::microseconds(static_cast<int64_t>(flags_.number("settle") * 1e6)));
    send_steadily();
    return report("");
  }

  /// The events after the first one, each when it is due.
  void send_steadily() {
    const double rate = flags_.number("rate");
    const size_t most = static_cast<size_t>(rate * (flags_.number("warm-up") + flags_.number("seconds")));
    const int64_t start_us = now_us();
    const auto due_us = [&](size_t i) { return start_us + static_cast<int64_t>(static_cast<double>(i) * 1e6 / rate); };
    late_us_.reserve(most);
    for (size_t i = 0; i < most;) {
      for (int64_t now = now_us(); i < most && due_us(i) <= now; ++i) {
        if (i + 1 == warm_up_) tell_phase("measuring");
        if (i + 1 >= warm_up_) late_us_.push_back(static_cast<uint32_t>(now_us() - due_us(i)));
        send_event(due_us(i));
      }
      sender_.serve();
      if (i < most)
        std::this_thread::sleep_for(std::chrono::microseconds(std::clamp<int64_t>(due_us(i) - now_us(), 100, 1000)));
    }
    sender_.flush();
    tell_phase("sent");
  }

  const flags& flags_;
  event_stream stream_;
  const size_t warm_up_;  ///< the first event that is measured
  sent_events sent_;
  row_account account_;
  topic_sender sender_;
  std::vector<uint32_t> late_us_;  ///< by event that is measured
  std::atomic<bool> ended_{false};
  std::thread reading_;
};

}  // namespace

int main(int argc, char** argv) {
  const flags with(argc, argv);
  for (const char* each : {"brokers", "input", "output", "events"})
    if (with.text(each).empty()) return std::fputs(usage, stderr), 2;
  return probe(with).run();
}
