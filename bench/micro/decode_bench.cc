// Decoding NDJSON into columns: events per second and bytes per second, with few fields and with all.
#include <benchmark/benchmark.h>

#include "bench/micro/events.h"
#include "formats/record_decoder.h"

namespace systole::bench {
namespace {

std::vector<decoder_column> few_fields() {
  return {{"event_id", {"event_id"}, {type_id::text}},
          {"department", {"department"}, {type_id::text}},
          {"hospital_id", {"hospital_id"}, {type_id::int32}}};
}

std::vector<decoder_column> all_fields() {
  std::vector<decoder_column> made;
  for (const char* name : {"event_type", "event_id", "patient_id", "gender", "department", "hospital_name", "bed_id",
                           "discharge_status", "admission_priority", "diagnosis_code", "insurance_type"})
    made.push_back({name, {name}, {type_id::text}});
  for (const char* name : {"age", "hospital_id"}) made.push_back({name, {name}, {type_id::int32}});
  for (const char* name : {"admission_time", "expected_discharge_time", "discharge_time", "event_timestamp"})
    made.push_back({name, {name}, {type_id::timestamptz}});
  for (const char* name : {"heart_rate", "bp_systolic", "bp_diastolic", "oxygen_saturation"})
    made.push_back({name, {"vitals", name}, {type_id::int32}});
  made.push_back({"temperature_f", {"vitals", "temperature_f"}, {type_id::float64}});
  made.push_back({"length_of_stay_hrs", {"length_of_stay_hrs"}, {type_id::float64}});
  return made;
}

void decode_json(benchmark::State& state, const std::vector<decoder_column>& columns) {
  const std::string lines = event_lines(event_rows);
  const auto buffer = std::make_shared<std::string>(lines + std::string(decode_padding, '\0'));
  const auto decoder = make_json_decoder(columns, {.capacity = event_rows}).value();
  record_span span{.data = buffer->data(), .size = lines.size(), .owner = buffer};
  span.padding = span.data + span.size;
  for (auto _ : state) {
    if (!decoder->decode(span, event_rows)) state.SkipWithError("cannot decode");
    const decoded_records made = decoder->take();
    if (made.rows != event_rows) state.SkipWithError("rows are missing");
    benchmark::DoNotOptimize(made.columns.data());
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * event_rows));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * lines.size()));
}
BENCHMARK_CAPTURE(decode_json, few_fields, few_fields());
BENCHMARK_CAPTURE(decode_json, all_fields, all_fields());

}  // namespace
}  // namespace systole::bench
