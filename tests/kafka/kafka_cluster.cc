#include "tests/kafka/kafka_cluster.h"

#include <chrono>
#include <stdexcept>
#include <thread>

#include "tests/kafka/kafka_records.h"

namespace systole {
namespace {

kafka_broker_settings with_copies(const kafka_broker* first) {
  return {.properties = {{"default.replication.factor", "2"},
                         {"transaction.state.log.replication.factor", "2"},
                         {"leader.imbalance.check.interval.seconds", "1"},
                         {"leader.imbalance.per.broker.percentage", "0"}},
          .listeners = {},
          .users = {},
          .first = first};
}

/// True where `node` leads every partition and so many copies are whole.
bool is_led_by(rd_kafka_t* client, const std::string& topic, int32_t node, int copies) {
  const std::unique_ptr<rd_kafka_topic_t, void (*)(rd_kafka_topic_t*)> handle(
      rd_kafka_topic_new(client, topic.c_str(), nullptr), rd_kafka_topic_destroy);
  const rd_kafka_metadata_t* about = nullptr;
  if (rd_kafka_metadata(client, 0, handle.get(), &about, 1'000)) return false;
  bool led = about->topic_cnt == 1 && about->topics[0].partition_cnt > 0;
  for (int i = 0; led && i < about->topics[0].partition_cnt; ++i)
    led = about->topics[0].partitions[i].leader == node && about->topics[0].partitions[i].isr_cnt == copies;
  rd_kafka_metadata_destroy(about);
  return led;
}

}  // namespace

kafka_cluster::kafka_cluster() : first_(with_copies(nullptr)), second_(with_copies(&first_)) {}

void kafka_cluster::create_topic(const std::string& name, int partitions) { first_.create_topic(name, partitions, {}, {2, 1}); }

void kafka_cluster::wait_for_leader(const std::string& topic, int32_t node, int copies) {
  const kafka_handle client = make_kafka_handle(RD_KAFKA_PRODUCER, {{"bootstrap.servers", first_.servers()}});
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!is_led_by(client.get(), topic, node, copies)) {
    if (std::chrono::steady_clock::now() > deadline)
      throw std::runtime_error("broker " + std::to_string(node) + " does not become the leader of " + topic);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // nothing tells when
  }
}

}  // namespace systole
