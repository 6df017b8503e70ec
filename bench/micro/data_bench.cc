// Keys, rows, wire, times, decimals: nanoseconds per value. Run alone on an idle machine.
#include <benchmark/benchmark.h>

#include <random>

#include "data/calendar.h"
#include "data/decimal.h"
#include "data/key_encoding.h"
#include "data/row_encoding.h"
#include "data/uuid_text.h"
#include "data/wire.h"

namespace systole {
namespace {

constexpr size_t rows = 1024;

column_ptr uuids() {
  std::mt19937_64 random(1);
  column_builder builder({type_id::text}, rows);
  for (size_t i = 0; i < rows; ++i) {
    const uint64_t packed[2] = {random(), random()};
    char text[uuid_text_bytes];
    unpack_uuid(reinterpret_cast<const char*>(packed), text);
    builder.append_text_copy({text, sizeof text});
  }
  return builder.finish();
}

column_ptr small_ints() {
  column_builder builder({type_id::int32}, rows);
  for (size_t i = 0; i < rows; ++i) builder.append(static_cast<int32_t>(i % 7));
  return builder.finish();
}

column_ptr words() {
  column_builder builder({type_id::text}, rows);
  for (size_t i = 0; i < rows; ++i) builder.append_text_copy(i % 3 ? "Cardiology" : "ICU");
  return builder.finish();
}

column_ptr times() {
  column_builder builder({type_id::timestamptz}, rows);
  for (size_t i = 0; i < rows; ++i) builder.append(static_cast<int64_t>(1'767'225'600'000'000 + i * 61'000'123));
  return builder.finish();
}

void count_rows(benchmark::State& state) { state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * rows)); }

void key_uuid(benchmark::State& state) {
  const column_ptr values = uuids();
  const column* const columns[] = {values.get()};
  encoded_keys keys;
  for (auto _ : state) {
    keys.encode(columns, rows);
    benchmark::DoNotOptimize(keys.hashes().data());
  }
  count_rows(state);
}
BENCHMARK(key_uuid);

void key_int_and_word(benchmark::State& state) {
  const column_ptr number = small_ints(), word = words();
  const column* const columns[] = {number.get(), word.get()};
  encoded_keys keys;
  for (auto _ : state) {
    keys.encode(columns, rows);
    benchmark::DoNotOptimize(keys.hashes().data());
  }
  count_rows(state);
}
BENCHMARK(key_int_and_word);

batch stay_rows() {
  batch made(rows, {uuids(), words(), small_ints(), times()});
  made.set_hidden(hidden::event_time, times());
  return made;
}

void row_encode(benchmark::State& state) {
  const batch all = stay_rows();
  row_encoder encoder(layout_of(all));
  encoder.bind(all);
  std::string out;
  for (auto _ : state) {
    out.clear();
    for (size_t row = 0; row < rows; ++row) encoder.append(out, row);
    benchmark::DoNotOptimize(out.data());
  }
  count_rows(state);
}
BENCHMARK(row_encode);

void row_decode(benchmark::State& state) {
  const batch all = stay_rows();
  const row_layout layout = layout_of(all);
  row_encoder encoder(layout);
  encoder.bind(all);
  std::vector<std::string> encoded(rows);
  for (size_t row = 0; row < rows; ++row) encoder.append(encoded[row], row);
  row_decoder decoder(layout, rows);
  for (auto _ : state) {
    for (const std::string& each : encoded)
      if (!decoder.append(each)) state.SkipWithError("corrupt");
    benchmark::DoNotOptimize(decoder.finish().rows());
  }
  count_rows(state);
}
BENCHMARK(row_decode);

void wire_round_trip(benchmark::State& state) {
  const batch all = stay_rows();
  auto bytes = std::make_shared<std::string>();
  for (auto _ : state) {
    bytes->clear();
    append_batch(*bytes, all);
    std::string_view view = *bytes;
    benchmark::DoNotOptimize(read_batch(view, bytes)->rows());
  }
  count_rows(state);
}
BENCHMARK(wire_round_trip);

/// Times as text of a form: 0 = 26 bytes, 1 = 19 bytes, 2 = with a zone.
void parse_time(benchmark::State& state) {
  const column_ptr values = times();
  std::vector<std::string> texts(rows);
  for (size_t i = 0; i < rows; ++i) {
    append_timestamp_fixed(texts[i], values->values<int64_t>()[i], 'T');
    if (state.range(0) == 1) texts[i].resize(19);
    if (state.range(0) == 2) texts[i] += "+01:00";
  }
  for (auto _ : state) {
    int64_t sum = 0;
    for (const std::string& each : texts) sum += *parse_iso_timestamp(each);
    benchmark::DoNotOptimize(sum);
  }
  count_rows(state);
}
BENCHMARK(parse_time)->DenseRange(0, 2);

void write_time(benchmark::State& state) {
  const column_ptr values = times();
  char space[timestamp_text_bytes];
  for (auto _ : state) {
    for (size_t i = 0; i < rows; ++i) {
      write_timestamp(space, values->values<int64_t>()[i], 'T');
      benchmark::DoNotOptimize(space);
    }
  }
  count_rows(state);
}
BENCHMARK(write_time);

/// 0 = add, 1 = multiply, 2 = divide.
void decimal_operator(benchmark::State& state) {
  std::vector<decimal> values(rows);
  for (size_t i = 0; i < rows; ++i) values[i] = {static_cast<int128>(i * 7919 + 1), static_cast<uint8_t>(i % 3)};
  for (auto _ : state) {
    for (size_t i = 1; i < rows; ++i) {
      const result<decimal> made = state.range(0) == 0   ? add(values[i - 1], values[i])
                                   : state.range(0) == 1 ? multiply(values[i - 1], values[i])
                                                         : divide(values[i - 1], values[i]);
      benchmark::DoNotOptimize(made->unscaled);
    }
  }
  count_rows(state);
}
BENCHMARK(decimal_operator)->DenseRange(0, 2);

}  // namespace
}  // namespace systole
