#include "kafka/transactional_producer.h"

#include <algorithm>
#include <thread>

#include "base/limits.h"

namespace systole {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds coordinator_pause{5}, leader_pause{20};
constexpr int32_t bootstrap_node = -1;

}  // namespace

kafka_transactional_producer::kafka_transactional_producer(kafka_client_options options, std::string transactional_id,
                                                           milliseconds time_out, std::vector<std::string> topics)
    : options_(std::move(options)), id_(std::move(transactional_id)), time_out_(time_out), topics_(std::move(topics)), places_(topics_.size()) {}

result<std::unique_ptr<kafka_transactional_producer>> kafka_transactional_producer::make(kafka_client_options options,
                                                                                         std::string transactional_id,
                                                                                         milliseconds time_out,
                                                                                         std::vector<std::string> topics) {
  options.transactions = true;
  std::unique_ptr<kafka_transactional_producer> made(
      new kafka_transactional_producer(std::move(options), std::move(transactional_id), time_out, std::move(topics)));
  if (made->options_.encrypted) {
    SYSTOLE_ASSIGN(made->tls_, kafka_tls::make(made->options_));
  }
  return made;
}

kafka_transactional_producer::time_point kafka_transactional_producer::patience() const {
  return steady_clock::now() + options_.answer_time;
}

result<kafka_connection*> kafka_transactional_producer::connect(int32_t node) {
  std::unique_ptr<kafka_connection>& known = connections_[node];
  if (known) return known.get();
  const kafka_client_options::address& at =
      node == bootstrap_node ? options_.bootstrap[turn_++ % options_.bootstrap.size()] : nodes_.at(node);
  auto made = kafka_connection::open(options_, tls_.get(), at, never_);
  if (made) {
    refused_since_.reset();
    known = std::move(*made);
    return known.get();
  }
  failure cause = std::move(made).error();
  cause.message = "the connection " + options_.connection + ": " + cause.message;
  if (cause.code != error_code::invalid_argument) return cause;
  // Another broker may let the client in, and a user's rights may be on their way to this one.
  if (!refused_since_) refused_since_ = steady_clock::now();
  if (steady_clock::now() - *refused_since_ < milliseconds(limits::kafka_refusal_ms)) cause.code = error_code::unavailable;
  return cause;
}

result<kafka_connection*> kafka_transactional_producer::any_broker() {
  for (const auto& [node, each] : connections_)
    if (each && !flights_.contains(node)) return each.get();
  return connect(bootstrap_node);
}

result<kafka_answer> kafka_transactional_producer::ask_any(const kafka_api& api, const std::string& body) {
  SYSTOLE_ASSIGN(kafka_connection* const broker, any_broker());
  auto answer = broker->ask(api, body, answers_);
  if (!answer) std::erase_if(connections_, [broker](const auto& each) { return each.second.get() == broker; });
  return answer;
}

result<void> kafka_transactional_producer::learn(const std::string& topic) {
  SYSTOLE_ASSIGN(const kafka_answer answer, ask_any(kafka_metadata_api, kafka_metadata_body(topic)));
  SYSTOLE_ASSIGN(const kafka_leaders found, read_kafka_leaders(answer.body()));
  for (const kafka_node& each : found.nodes) {
    auto& known = nodes_[each.id];
    if (known.host != each.host || known.port != each.port) connections_.erase(each.id);
    known = {each.host, each.port};
  }
  if (found.error != kafka_error::none) return kafka_write_failure(found.error, "asking " + options_.connection + " for the topic " + topic);
  std::vector<int32_t> leaders(found.partitions.size(), -1);
  for (const kafka_leaders::partition& each : found.partitions)
    if (each.number < leaders.size() && nodes_.contains(each.leader)) leaders[each.number] = each.leader;
  if (leaders.empty()) return fail(error_code::unavailable, "the topic " + topic + " has no partitions yet");
  std::vector<place_state>& places = places_[static_cast<size_t>(std::find(topics_.begin(), topics_.end(), topic) - topics_.begin())];
  if (places.size() < leaders.size()) places.resize(leaders.size());
  leaders_[topic] = std::move(leaders);
  return {};
}

result<kafka_connection*> kafka_transactional_producer::coordinator() {
  if (!coordinator_) {
    SYSTOLE_ASSIGN(const kafka_answer answer, ask_any(kafka_find_coordinator_api, kafka_find_coordinator_body(id_)));
    SYSTOLE_ASSIGN(const kafka_coordinator found, read_kafka_coordinator(answer.body()));
    if (found.error != kafka_error::none) return kafka_write_failure(found.error, "finding the coordinator of " + id_);
    nodes_[found.node.id] = {found.node.host, found.node.port};
    coordinator_ = found.node.id;
  }
  return connect(*coordinator_);
}

template <class Read>
result<void> kafka_transactional_producer::ask_coordinator(const kafka_api& api, const std::string& body, const std::string& what,
                                                           const Read& read) {
  for (const time_point until = patience();; std::this_thread::sleep_for(coordinator_pause)) {
    auto connection = coordinator();
    if (!connection) {
      coordinator_.reset();
      if (connection.error().code == error_code::unavailable && steady_clock::now() < until) continue;
      return connection.error();
    }
    auto answer = (*connection)->ask(api, body, answers_);
    if (!answer) {
      connections_.erase(*coordinator_);
      coordinator_.reset();
      return answer.error();
    }
    SYSTOLE_ASSIGN(const kafka_error error, read(answer->body()));
    if (error == kafka_error::none) return {};
    if (!kafka_error_passes(error) || steady_clock::now() > until) return kafka_write_failure(error, what);
    if (error != kafka_error::concurrent_transactions && error != kafka_error::coordinator_load_in_progress) coordinator_.reset();
  }
}

result<void> kafka_transactional_producer::initialise() {
  for (const std::string& topic : topics_)
    if (!leaders_.contains(topic)) SYSTOLE_TRY(learn(topic));
  for (auto& topic : places_)
    for (place_state& each : topic) each = {};
  spent_ = has_registered_ = false;
  return ask_coordinator(kafka_init_producer_id_api, kafka_init_producer_id_body(id_, static_cast<uint32_t>(time_out_.count())),
                         "taking over the transactional id " + id_, [this](std::string_view answer) -> result<kafka_error> {
                           SYSTOLE_ASSIGN(const kafka_initialised made, read_kafka_initialised(answer));
                           producer_ = made.producer;
                           return made.error;
                         });
}

void kafka_transactional_producer::begin() {
  for (auto& topic : places_)
    for (place_state& each : topic) each.registered = false;
  has_registered_ = false;
}

result<void> kafka_transactional_producer::send(size_t topic, uint32_t partition, unsent batch) {
  std::optional<unsent>& place = places_[topic][partition].gathered;
  if (place || (gathered_bytes_ > 0 && gathered_bytes_ + batch.size > limits::kafka_request_bytes)) SYSTOLE_TRY(send_gathered());
  gathered_bytes_ += batch.size;
  place = std::move(batch);
  return {};
}

result<void> kafka_transactional_producer::send_gathered() {
  SYSTOLE_TRY(register_places());
  batches all;
  for (size_t topic = 0; topic < topics_.size(); ++topic)
    for (size_t partition = 0; partition < places_[topic].size(); ++partition) {
      place_state& place = places_[topic][partition];
      if (!place.gathered) continue;
      unsent batch = *std::exchange(place.gathered, std::nullopt);
      stamp_kafka_batch(batch.bytes, batch.size, {producer_.id, producer_.epoch, place.next_sequence, true}, batch.body_crc);
      place.next_sequence = static_cast<int32_t>((static_cast<int64_t>(place.next_sequence) + batch.records) % (int64_t{1} << 31));
      all.push_back({{topics_[topic], static_cast<uint32_t>(partition)}, {batch.bytes, batch.size}, std::move(batch.owner)});
    }
  gathered_bytes_ = 0;
  // A place's batches go one after another: the one before is confirmed when the next is sent.
  SYSTOLE_TRY(land());
  for (auto& [node, each] : by_leader(std::move(all))) SYSTOLE_TRY(launch(node, std::move(each)));
  return {};
}

result<void> kafka_transactional_producer::register_places() {
  std::vector<kafka_place> unknown;
  std::vector<place_state*> states;
  for (size_t topic = 0; topic < topics_.size(); ++topic)
    for (size_t partition = 0; partition < places_[topic].size(); ++partition) {
      place_state& place = places_[topic][partition];
      if (place.registered || !place.gathered) continue;
      unknown.push_back({topics_[topic], static_cast<uint32_t>(partition)});
      states.push_back(&place);
    }
  if (unknown.empty()) return {};
  SYSTOLE_TRY(land());  // the coordinator may be a broker with a request under way
  has_registered_ = true;  // without an answer it may be so
  SYSTOLE_TRY(ask_coordinator(kafka_add_partitions_api, kafka_add_partitions_body(id_, producer_, unknown),
                              "beginning a transaction of " + id_, [](std::string_view answer) -> result<kafka_error> {
                                SYSTOLE_ASSIGN(const kafka_verdicts each, read_kafka_added(answer));
                                kafka_error first = kafka_error::none;
                                for (const auto& [place, error] : each)
                                  if (first == kafka_error::none || first == kafka_error::operation_not_attempted)
                                    first = error == kafka_error::none ? first : error;
                                return first;
                              }));
  for (place_state* const each : states) each->registered = true;
  return {};
}

int32_t kafka_transactional_producer::leader_of(const kafka_place& place) const {
  const std::vector<int32_t>& leaders = leaders_.at(place.first);
  return place.second < leaders.size() ? leaders[place.second] : -1;
}

std::map<int32_t, kafka_transactional_producer::batches> kafka_transactional_producer::by_leader(batches all) {
  std::map<int32_t, batches> made;
  for (kafka_outgoing& each : all) {
    const int32_t leader = leader_of(each.to);
    (leader >= 0 ? made[leader] : left_over_).push_back(std::move(each));
  }
  return made;
}

result<void> kafka_transactional_producer::launch(int32_t node, batches what) {
  const kafka_produce_body body = kafka_produce_request(id_, static_cast<int32_t>(options_.answer_time.count()), what);
  const auto connection = connect(node);
  if (!connection) return judge(std::move(what), connection.error());
  if (auto sent = (*connection)->send(kafka_produce_api, body.pieces); !sent) {
    connections_.erase(node);
    return judge(std::move(what), sent.error());
  }
  flights_[node] = std::move(what);
  return {};
}

result<void> kafka_transactional_producer::land() {
  while (!flights_.empty()) SYSTOLE_TRY(settle(flights_.begin()->first));
  return left_over_.empty() ? result<void>() : send_again();
}

result<void> kafka_transactional_producer::settle(int32_t node) {
  const auto flown = flights_.find(node);
  if (flown == flights_.end()) return {};
  const auto answer = connections_.at(node)->receive(answers_);
  if (!answer) connections_.erase(node);
  batches landed = std::move(flown->second);
  flights_.erase(flown);
  return judge(std::move(landed), answer);
}

result<void> kafka_transactional_producer::judge(batches what, const result<kafka_answer>& answer) {
  if (!answer) {
    if (answer.error().code != error_code::unavailable) return spend(answer.error());
    std::move(what.begin(), what.end(), std::back_inserter(left_over_));
    return {};
  }
  const auto read = read_kafka_produced(answer->body());
  if (!read) return spend(read.error());
  const kafka_verdicts& verdicts = *read;
  for (kafka_outgoing& each : what) {
    const auto found = verdicts.find(each.to);
    const kafka_error error = found == verdicts.end() ? kafka_error::network_exception : found->second;
    // It had arrived before.
    if (error == kafka_error::none || error == kafka_error::duplicate_sequence_number) continue;
    if (!kafka_error_passes(error)) return spend(kafka_write_failure(error, "writing to the topic " + each.to.first));
    left_over_.push_back(std::move(each));
  }
  return {};
}

failure kafka_transactional_producer::spend(failure cause) {
  spent_ = true;
  return cause;
}

result<void> kafka_transactional_producer::send_again() {
  const time_point until = patience(), known_until = steady_clock::now() + milliseconds(limits::kafka_call_ms);
  while (!left_over_.empty()) {
    std::this_thread::sleep_for(leader_pause);
    if (steady_clock::now() > until)
      return fail(error_code::unavailable, "the topic " + left_over_.front().to.first + ": its leader has not confirmed records in time");
    bool all_known = true;
    for (const std::string& topic : topics_) {
      const auto learnt = learn(topic);
      if (learnt) continue;
      all_known = false;
      // A broker that is new may not know the topic yet.
      const bool passes = learnt.error().code == error_code::unavailable ||
                          (learnt.error().code == error_code::not_found && steady_clock::now() < known_until);
      if (!passes) return learnt.error();
    }
    if (!all_known) continue;
    for (auto& [node, each] : by_leader(std::exchange(left_over_, {}))) {
      SYSTOLE_TRY(launch(node, std::move(each)));
      SYSTOLE_TRY(settle(node));
    }
  }
  return {};
}

result<void> kafka_transactional_producer::flush() {
  SYSTOLE_TRY(send_gathered());
  return land();
}

result<void> kafka_transactional_producer::end(bool commit) {
  // What is under way, or was given up, belongs to a transaction that ends without it; its numbers are lost.
  spent_ |= !flights_.empty() || !left_over_.empty();
  for (const auto& [node, each] : flights_) connections_.erase(node);
  flights_.clear();
  left_over_.clear();
  for (auto& topic : places_)
    for (place_state& each : topic) each.gathered.reset();
  gathered_bytes_ = 0;
  if (has_registered_)
    SYSTOLE_TRY(ask_coordinator(kafka_end_transaction_api, kafka_end_transaction_body(id_, producer_, commit),
                                commit ? "committing a transaction" : "aborting a transaction", read_kafka_ended));
  has_registered_ = false;
  if (spent_) return fail(error_code::fenced, "it is not known which records of " + id_ + " the brokers have");
  return {};
}

}  // namespace systole
