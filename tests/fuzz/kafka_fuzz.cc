// What a broker sends: answers to each request, record batches, and the lines that are made of their values. Memory ends with
// what was given, so that a read behind it is found.
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "connectors/kafka/kafka_value_lines.h"
#include "formats/record_decoder.h"
#include "kafka/protocol.h"
#include "kafka/record_set.h"
#include "kafka/scram.h"
#include "tests/fuzz/fuzz_input.h"

namespace {

using namespace systole;

kafka_block block_of(std::string_view bytes, size_t padding) {
  kafka_block made{std::shared_ptr<char[]>(new char[bytes.size() + padding]), bytes.size()};
  if (!bytes.empty()) std::memcpy(made.bytes.get(), bytes.data(), bytes.size());
  std::memset(made.end(), 0, padding);
  return made;
}

void read_answers(std::string_view bytes) {
  (void)check_kafka_versions(bytes, false);
  (void)read_kafka_handshake(bytes, "PLAIN");
  (void)read_kafka_authenticated(bytes);
  (void)read_kafka_leaders(bytes);
  (void)read_kafka_listed_offset(bytes);
  if (const auto parts = read_kafka_fetched(bytes))
    for (const kafka_fetched& each : *parts)
      fuzz::require(each.begin <= bytes.size() && each.size <= bytes.size() - each.begin, "records lie in the answer");
}

void log_in(std::string_view bytes) {
  const size_t cut = bytes.find('\n');
  const std::string_view first = bytes.substr(0, cut);
  // Rounds that are computed would take the time.
  if (const size_t rounds = first.find(",i="); rounds != std::string_view::npos && first.size() > rounds + 5) return;
  scram_exchange exchange(scram_exchange::hash::sha256, "user", "pencil", "r");
  if (!exchange.answer(first)) return;
  (void)exchange.check(cut == std::string_view::npos ? std::string_view() : bytes.substr(cut + 1));
}

struct values_and_offsets {
  std::vector<std::string> values;
  std::vector<int64_t> offsets;
};

/// Records, their parts read to the last byte.
values_and_offsets read_records(kafka_record_set& set, int64_t from) {
  values_and_offsets made;
  kafka_record record;
  unsigned sum = 0;
  while (set.next(record)) {
    fuzz::require(record.offset >= from, "no record before the wanted one");
    fuzz::require(record.headers.data() + record.headers.size() - record.begin >= 6, "a record has six bytes");
    for (const std::string_view part : {record.key, record.headers})
      for (const char each : part) sum += static_cast<unsigned char>(each);
    sum += static_cast<unsigned>(record.header("h").value_or("").size());
    made.values.emplace_back(record.has_value ? record.value : "{}");
    made.offsets.push_back(record.offset);
  }
  fuzz::require(!set.next(record) && sum < ~0u, "the end is the end");
  return made;
}

/// The lines that are made of a set's values are those values.
void check_lines(kafka_record_set& set, const values_and_offsets& expected, bool json) {
  kafka_value_lines lines(json);
  kafka_record record;
  std::vector<record_span> spans;
  std::vector<kafka_value_lines::line> places;
  const auto end = [&] {
    if (lines.empty()) return;
    const record_span span = lines.span(0);
    fuzz::require(span.data + span.size <= span.padding, "lines lie before the padding");
    size_t known = 0;
    for (const char* at = span.data; json && at != span.data + span.size; ++at)
      if (*at == '\n') fuzz::require(known < span.lines.size() && span.lines_from + span.lines[known++].end == at, "a line that ends is known");
    fuzz::require(known == span.lines.size(), "a known line ends");
    spans.push_back(span);
    lines.end();
  };
  while (set.next(record)) {
    const std::string_view value = record.has_value ? record.value : "{}";
    if (lines.must_end(record, value, set.block())) end();
    places.push_back(lines.add(record, value, set.block()));
  }
  end();
  fuzz::require(places.size() == expected.values.size(), "overwritten records change no other");
  lines.restore();
  for (size_t i = 0, at = 0; i < places.size(); ++i) {
    while (places[i].begin >= spans[at].offset + spans[at].size) ++at;
    const size_t begin = places[i].begin - spans[at].offset + places[i].gap;
    const std::string& value = expected.values[i];
    fuzz::require(begin + value.size() < spans[at].size, "a value lies in its window");
    const char* const text = spans[at].data + begin;
    fuzz::require(std::string_view(text, value.size()) == value, "a line is its value");
    fuzz::require(text[value.size()] == '\n', "a line ends");
  }
}

void read_batches(std::string_view bytes, uint8_t flags, int64_t from) {
  const auto extent = kafka_whole_batches(bytes);
  if (!extent) return;
  fuzz::require(extent->bytes <= bytes.size(), "batches lie in what was given");
  fuzz::require((extent->bytes == 0) == (extent->next_offset < 0), "a batch has offsets");
  bytes = bytes.substr(0, extent->bytes);
  buffer_pool pool;
  const auto open = [&](size_t padding) {
    kafka_block block = block_of(bytes, padding);
    const std::string_view batches(block.bytes.get(), block.size);
    return kafka_record_set(std::move(block), batches, {{flags, from}, {1, 2}}, from, flags & 2, pool);
  };
  kafka_record_set exact = open(0);
  const values_and_offsets all = read_records(exact, from);
  for (const int64_t offset : all.offsets) fuzz::require(offset < INT64_MAX, "there is an offset behind each");
  kafka_record_set again = open(kafka_block::padding);
  check_lines(again, all, flags & 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::fuzz_input input(data, size);
  const uint8_t chosen = input.byte();
  const uint8_t flags = chosen >> 2;
  const int64_t from = input.byte();
  const auto exact = block_of(input.rest(), 0);
  const std::string_view bytes(exact.bytes.get(), exact.size);
  switch (chosen & 3) {
    case 0: read_answers(bytes); break;
    case 1: log_in(bytes); break;
    default: read_batches(bytes, flags, from);
  }
  return 0;
}
