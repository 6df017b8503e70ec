#include "kafka/fetcher.h"

#include <pthread.h>

#include <algorithm>
#include <cstring>

#include "base/limits.h"
#include "base/log.h"

namespace systole {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// While a partition has no room the others of its broker are asked for in short waits, so that it is not held up by them.
constexpr milliseconds wait_beside_full{10};
constexpr milliseconds leader_backoff{50};             ///< For a new leader to be known.
constexpr milliseconds preferred_replica_kept{300'000};  ///< Then the leader is asked again which one to read from.

/// For those who look at a process from outside.
void name_thread(const char* name) { pthread_setname_np(pthread_self(), name); }

bool passes(kafka_error error) {
  switch (error) {
    case kafka_error::unknown_topic_or_partition:  // the discovery gives it up after a while
    case kafka_error::leader_not_available:
    case kafka_error::not_leader_or_follower:
    case kafka_error::request_timed_out:
    case kafka_error::broker_not_available:
    case kafka_error::replica_not_available:
    case kafka_error::network_exception:
    case kafka_error::storage_error:
    case kafka_error::fenced_leader_epoch:
    case kafka_error::unknown_leader_epoch:
    case kafka_error::offset_not_available: return true;
    default: return false;
  }
}

}  // namespace

kafka_fetcher::kafka_fetcher(kafka_client_options options, std::string topic, size_t queue_bytes, std::function<void()> ring)
    : options_(std::move(options)), topic_(std::move(topic)), queue_bytes_(queue_bytes), ring_(std::move(ring)) {}

result<std::unique_ptr<kafka_fetcher>> kafka_fetcher::start(kafka_client_options options, std::string topic, size_t queue_bytes,
                                                            std::function<void()> ring) {
  std::unique_ptr<kafka_fetcher> made(new kafka_fetcher(std::move(options), std::move(topic), queue_bytes, std::move(ring)));
  if (made->options_.encrypted) {
    SYSTOLE_ASSIGN(made->tls_, kafka_tls::make(made->options_));
  }
  made->look_ = std::thread([fetcher = made.get()] { fetcher->look_for_leaders(); });
  return made;
}

kafka_fetcher::~kafka_fetcher() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  interrupt_.set();
  changed_.notify_all();
  leaderless_.notify_all();
  if (look_.joinable()) look_.join();  // which makes the others
  for (auto& [id, each] : brokers_)
    if (each.thread.joinable()) each.thread.join();
}

std::unique_ptr<kafka_partition_feed> kafka_fetcher::add(uint32_t partition, int64_t offset) {
  auto queue = std::make_shared<kafka_feed_queue>(queue_bytes_);
  {
    const std::lock_guard lock(mutex_);
    partitions_[partition] = {.next = offset, .queue = queue};
  }
  leaderless_.notify_all();
  return std::make_unique<kafka_partition_feed>(
      std::move(queue),
      [this] {
        { const std::lock_guard lock(mutex_); }  // not between a thread's look and its sleep
        changed_.notify_all();
      },
      [this, partition] { remove(partition); });
}

void kafka_fetcher::remove(uint32_t partition) {
  const std::lock_guard lock(mutex_);
  partitions_.erase(partition);
}

std::optional<failure> kafka_fetcher::failed() const {
  const std::lock_guard lock(mutex_);
  return failed_;
}

milliseconds kafka_fetcher::next_backoff(milliseconds last) const {
  return std::clamp(2 * last, std::max(options_.first_backoff, milliseconds(1)), std::max(options_.most_backoff, milliseconds(1)));
}

void kafka_fetcher::note(const failure& cause, int32_t node) {
  log_line(log_level::debug, "kafka", options_.connection + ": " + cause.message);
  {
    const std::lock_guard lock(mutex_);
    if (stopped_ || failed_ || cause.code == error_code::unavailable) return;
    const time_point now = steady_clock::now();
    const time_point since = refused_since_.try_emplace(node, now).first->second;
    // The leader may move to a broker that lets the client in, and a user's rights may be on their way to this one.
    const bool may_pass = cause.code == error_code::invalid_argument;
    if (may_pass && now - since < milliseconds(limits::kafka_refusal_ms)) return;
    failed_ = fail(cause.code, "the connection " + options_.connection + ": " + cause.message);
  }
  ring_();
}

void kafka_fetcher::note_success(int32_t node) {
  const std::lock_guard lock(mutex_);
  refused_since_.erase(node);
}

void kafka_fetcher::look_for_leaders() {
  name_thread("kafka-leaders");
  milliseconds backoff{0};
  for (size_t turn = 0;; ++turn) {
    {
      std::unique_lock lock(mutex_);
      while (true) {
        if (stopped_) return;
        const time_point now = steady_clock::now();
        std::optional<time_point> first;
        for (const auto& [number, each] : partitions_)
          if (each.leader < 0 && (!first || each.retry_at < *first)) first = each.retry_at;
        if (first && *first <= now) break;
        if (first) leaderless_.wait_until(lock, *first);
        else leaderless_.wait(lock);
      }
    }
    const auto asked = ask_for_leaders(turn);
    if (asked) {
      backoff = {};
      continue;
    }
    note(asked.error(), any_node);
    backoff = next_backoff(backoff);
    std::unique_lock lock(mutex_);
    if (leaderless_.wait_for(lock, backoff, [this] { return stopped_; })) return;
  }
}

result<void> kafka_fetcher::ask_for_leaders(size_t turn) {
  std::vector<kafka_client_options::address> known = options_.bootstrap;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, each] : brokers_) known.push_back(each.at);
  }
  SYSTOLE_ASSIGN(const auto connection, kafka_connection::open(options_, tls_.get(), known[turn % known.size()], interrupt_));
  SYSTOLE_ASSIGN(const kafka_answer answer, connection->ask(kafka_metadata_api, kafka_metadata_body(topic_), unpacked_));
  SYSTOLE_ASSIGN(const kafka_leaders found, read_kafka_leaders(answer.body()));
  note_success(any_node);
  apply(found);
  return {};
}

void kafka_fetcher::apply(const kafka_leaders& found) {
  const std::lock_guard lock(mutex_);
  if (stopped_) return;
  for (const kafka_node& each : found.nodes) brokers_[each.id].at = {each.host, each.port};
  for (auto& [number, each] : partitions_) {
    if (each.leader >= 0) continue;
    const auto is_it = [number = number](const kafka_leaders::partition& it) { return it.number == number; };
    const auto its = std::find_if(found.partitions.begin(), found.partitions.end(), is_it);
    const auto node = its == found.partitions.end() ? found.nodes.end()
                                                    : std::find_if(found.nodes.begin(), found.nodes.end(),
                                                                   [&](const kafka_node& it) { return it.id == its->leader; });
    if (node == found.nodes.end()) {
      look_again(each, leader_backoff);
      continue;
    }
    read_from(each, node->id);
  }
  // Who leads nothing (any more) is not asked again: what it refused is over.
  std::erase_if(refused_since_, [this](const auto& refusal) {
    return refusal.first != any_node && std::none_of(partitions_.begin(), partitions_.end(), [&](const auto& each) {
             return each.second.leader == refusal.first;
           });
  });
}

void kafka_fetcher::read_from(assignment& it, int32_t node) {
  it.leader = node;
  std::thread& by = brokers_.at(node).thread;
  if (!by.joinable()) by = std::thread([this, node] { fetch_from(node); });
  changed_.notify_all();
}

void kafka_fetcher::look_again(assignment& it, milliseconds in) {
  it.leader = -1;
  it.near_until.reset();
  it.retry_at = steady_clock::now() + in;
  leaderless_.notify_all();
}

void kafka_fetcher::fetch_from(int32_t node) {
  name_thread("kafka-fetch");
  std::unique_ptr<kafka_connection> connection;
  milliseconds backoff{0};
  for (size_t turn = 0;; ++turn) {
    kafka_fetch wanted;
    kafka_client_options::address at;
    if (!wait_for_room(node, turn, wanted, at)) return;
    const auto done = fetch(connection, node, at, wanted);
    if (done) {
      backoff = {};
      continue;
    }
    connection.reset();
    note(done.error(), node);
    backoff = next_backoff(backoff);
    lose(wanted, node, backoff);
  }
}

bool kafka_fetcher::wait_for_room(int32_t node, size_t turn, kafka_fetch& wanted, kafka_client_options::address& at) {
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    const time_point now = steady_clock::now();
    std::optional<time_point> later;
    bool some_are_full = false;
    for (auto& [number, each] : partitions_) {
      if (each.leader != node) continue;
      if (each.near_until && *each.near_until <= now) {
        look_again(each, {});
        continue;
      }
      if (each.queue->is_full()) {
        some_are_full = true;
      } else if (each.retry_at > now) {
        later = std::min(later.value_or(each.retry_at), each.retry_at);
      } else {
        each.asked = true;
        wanted.partitions.push_back({number, each.next});
      }
    }
    if (!wanted.partitions.empty()) {
      // The broker fills its answer in this order: each is the first one in turn.
      std::rotate(wanted.partitions.begin(), wanted.partitions.begin() + static_cast<ptrdiff_t>(turn % wanted.partitions.size()),
                  wanted.partitions.end());
      at = brokers_.at(node).at;
      wanted.max_wait_ms = static_cast<int32_t>((some_are_full ? std::min(wait_beside_full, options_.fetch_wait) : options_.fetch_wait).count());
      wanted.min_bytes = options_.fetch_min_bytes;
      wanted.max_bytes = options_.fetch_max_bytes;
      wanted.partition_bytes = options_.partition_bytes > 0 ? options_.partition_bytes : static_cast<int32_t>(queue_bytes_);
      return true;
    }
    if (later) changed_.wait_until(lock, *later);
    else changed_.wait(lock);
  }
  return false;
}

result<void> kafka_fetcher::fetch(std::unique_ptr<kafka_connection>& connection, int32_t node,
                                  const kafka_client_options::address& at, const kafka_fetch& wanted) {
  if (!connection) {
    SYSTOLE_ASSIGN(connection, kafka_connection::open(options_, tls_.get(), at, interrupt_));
  }
  SYSTOLE_ASSIGN(const kafka_answer answer, connection->ask(kafka_fetch_api, kafka_fetch_body(topic_, wanted, options_.rack), answers_,
                                                            milliseconds(wanted.max_wait_ms)));
  SYSTOLE_ASSIGN(const std::vector<kafka_fetched> parts, read_kafka_fetched(answer.body()));
  note_success(node);
  const bool alone = std::count_if(parts.begin(), parts.end(), [](const kafka_fetched& each) { return each.size > 0; }) == 1;
  bool came = false;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return {};  // a replica's thread would begin that nobody awaits
    for (const kafka_fetched& each : parts) {
      const auto to = partitions_.find(each.partition);
      // Left meanwhile; begun anew, it may be asked for at another node by now.
      if (to == partitions_.end() || !to->second.asked || to->second.leader != node) continue;
      to->second.asked = false;
      for (kafka_fetched_item& item : accept(each, answer, to->second, alone)) {
        to->second.queue->push(std::move(item));
        came = true;
      }
    }
  }
  if (came) ring_();
  return {};
}

std::vector<kafka_fetched_item> kafka_fetcher::accept(const kafka_fetched& from, const kafka_answer& answer, assignment& to, bool alone) {
  using kind = kafka_fetched_item::kind;
  std::vector<kafka_fetched_item> made;
  // The reader stops at it; nothing more is asked for meanwhile.
  const auto end_with = [&](kafka_fetched_item item) {
    to.retry_at = time_point::max();
    made.push_back(std::move(item));
  };
  if (from.error == kafka_error::offset_out_of_range) {
    // A leader that is new may say so while it does not know yet how far its records are committed.
    if (to.was_out_of_range) end_with({.what = kind::out_of_range, .offset = to.next});
    else look_again(to, leader_backoff);
    to.was_out_of_range = true;
    return made;
  }
  if (from.error != kafka_error::none) {
    if (passes(from.error)) look_again(to, leader_backoff);
    else if (from.error == kafka_error::topic_authorization_failed)
      end_with({.what = kind::refused, .cause = fail(error_code::invalid_argument, "the user may not read the topic; see the cluster's ACLs")});
    else
      end_with({.what = kind::refused, .cause = fail(error_code::io, "the broker says " + kafka_error_text(from.error))});
    return made;
  }
  to.was_out_of_range = false;
  if (from.preferred_replica >= 0 && brokers_.contains(from.preferred_replica)) {
    read_from(to, from.preferred_replica);
    to.near_until = steady_clock::now() + preferred_replica_kept;
  } else if (from.preferred_replica >= 0) {
    look_again(to, leader_backoff);  // it came after the last look
  }
  std::string_view batches = answer.body().substr(from.begin, from.size);
  const auto extent = kafka_whole_batches(batches);
  if (!extent) {
    end_with({.what = kind::refused, .cause = extent.error()});
    return made;
  }
  to.queue->set_end(from.last_stable_offset);
  if (extent->bytes > 0) {
    batches = batches.substr(0, extent->bytes);
    kafka_block in = answer.whole;
    if (!alone) {
      // So that a partition whose records wait does not keep those of others.
      in = {std::shared_ptr<char[]>(new char[batches.size() + kafka_block::padding]), batches.size()};
      std::memcpy(in.bytes.get(), batches.data(), batches.size());
      in.pad();
      batches = {in.bytes.get(), in.size};
    }
    made.push_back({.what = kind::records,
                    .records = kafka_record_set(std::move(in), batches, from.aborted, to.next, options_.check_crcs, unpacked_),
                    .bytes = batches.size(),
                    .offset = to.next});
    to.next = std::max(to.next, extent->next_offset);
  }
  if (to.next >= from.last_stable_offset && to.told_end != to.next) {
    made.push_back({.what = kind::caught_up, .offset = to.next});
    to.told_end = to.next;
  }
  return made;
}

void kafka_fetcher::lose(const kafka_fetch& wanted, int32_t node, milliseconds backoff) {
  const std::lock_guard lock(mutex_);
  for (const kafka_fetch::partition& each : wanted.partitions) {
    const auto found = partitions_.find(each.number);
    if (found == partitions_.end() || !found->second.asked || found->second.leader != node) continue;
    found->second.asked = false;
    look_again(found->second, backoff);
  }
}

}  // namespace systole
